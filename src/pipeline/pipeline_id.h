/* SPDX-License-Identifier: MIT
 *
 * pipeline/pipeline_id.h - which pipeline a configuration is, so that a run finds what an earlier
 * one left, and whether it is still the same work.
 *
 * The id is the pipeline's name and a hash over that name and both ends: connector, path (a file's
 * made absolute, which makes one command in two directories two pipelines), and of databases and
 * stores the table, query, stream or category. The settings are everything else that decides about
 * the output, a line each; secrets, figures of performance, logs and the like are no part of them.
 *
 * Thread: pure functions, any thread. */
#ifndef MR_PIPELINE_PIPELINE_ID_H
#define MR_PIPELINE_PIPELINE_ID_H

#include "connector/connectors.h"
#include "pipeline/config.h"

#define MR_PIPELINE_ID_MAX 96 /* bytes, NUL included; letters, digits, '-' and '_' only */

/* The id of a finished configuration. */
MR_NODISCARD mr_code mr_pipeline_id(const mr_pipeline_config *config, char out[MR_PIPELINE_ID_MAX],
                                    mr_error *err);

/* Appends the settings as lines "key=value"; the tables say which settings are secrets. */
MR_NODISCARD mr_code mr_pipeline_settings(const mr_pipeline_config *config,
                                          const mr_option *source_table,
                                          const mr_option *destination_table, mr_buffer *out,
                                          mr_error *err);

/* The key of the first line in which two settings differ, into `out`; false when they are equal. */
bool mr_pipeline_settings_differ(mr_slice a, mr_slice b, char *out, size_t size);

/* An end for people: "csv a.csv", passwords in URLs left out. */
MR_NODISCARD mr_code mr_pipeline_end_name(const mr_endpoint *end, mr_buffer *out, mr_error *err);

/* Where states are kept: reliability.checkpoint.dir, else ~/.millrace/state. MR_ERR_USAGE when HOME
 * is not set either. */
MR_NODISCARD mr_code mr_pipeline_state_root(const char *configured, char *out, size_t size,
                                            mr_error *err);

#endif
