/* SPDX-License-Identifier: MIT
 *
 * connector/sqlite.h - SQLite databases as a source and as a destination. docs/connectors/sqlite.md
 * is the user's view.
 *
 * Thread: as connector/connector.h says. */
#ifndef MR_CONNECTOR_SQLITE_H
#define MR_CONNECTOR_SQLITE_H

#include "connector/connector.h"

extern const mr_source_ops mr_source_sqlite;
extern const mr_destination_ops mr_destination_sqlite;

#endif
