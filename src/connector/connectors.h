/* SPDX-License-Identifier: MIT
 *
 * connector/connectors.h - every connector there is, and the one table that lists them
 * (connector/registry.c). A new connector is one file, one test and two lines.
 *
 * Thread: constant tables once plug-ins have been loaded. */
#ifndef MR_CONNECTOR_CONNECTORS_H
#define MR_CONNECTOR_CONNECTORS_H

#include "connector/connector.h"
#include "core/option.h"

extern const mr_source_ops mr_source_csv;
extern const mr_source_ops mr_source_json;
extern const mr_source_ops mr_source_sqlite;
extern const mr_source_ops mr_source_generate;
extern const mr_source_ops mr_source_replay;
extern const mr_source_ops mr_source_store;
extern const mr_source_ops mr_source_tail;

extern const mr_destination_ops mr_destination_csv;
extern const mr_destination_ops mr_destination_json;
extern const mr_destination_ops mr_destination_sqlite;
extern const mr_destination_ops mr_destination_store;
extern const mr_destination_ops mr_destination_null;
extern const mr_destination_ops mr_destination_prometheus;

#define MR_CONNECTORS_MAX 256 /* of each kind, those of plug-ins included */

/* NULL-terminated, in the order of `list`; built-in ones first. */
extern const mr_source_ops *mr_sources[MR_CONNECTORS_MAX + 1];
extern const mr_destination_ops *mr_destinations[MR_CONNECTORS_MAX + 1];

/* Adds one from a plug-in, which must live as long as the process. MR_ERR_USAGE when the name is
 * taken. Main thread, before any run. */
MR_NODISCARD mr_code mr_source_register(const mr_source_ops *ops, mr_error *err);
MR_NODISCARD mr_code mr_destination_register(const mr_destination_ops *ops, mr_error *err);

/* The connector called `name` ('-' and '_' are the same, aliases of other programs included), or
 * NULL. */
const mr_source_ops *mr_source_find(mr_slice name);
const mr_destination_ops *mr_destination_find(mr_slice name);

#endif
