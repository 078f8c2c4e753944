/* SPDX-License-Identifier: MIT
 *
 * connector/sqlite_destination_internal.h - what sqlite_destination.c (writing) and sqlite_resume.c
 * (checkpoints) share.
 *
 * Thread: the collector's. */
#ifndef MR_CONNECTOR_SQLITE_DESTINATION_INTERNAL_H
#define MR_CONNECTOR_SQLITE_DESTINATION_INTERNAL_H

#include "connector/connectors.h"
#include "connector/sqlite_feed.h"
#include "core/file.h"

typedef enum mr_sqlite_write_mode {
    MODE_APPEND,
    MODE_REPLACE,
    MODE_MERGE,
    MODE_CREATE
} mr_sqlite_write_mode;

typedef struct mr_sqlite_destination {
    /* Options. */
    const char *table_name;
    int mode; /* an mr_sqlite_write_mode */
    mr_option_list keys;
    bool create_table;
    bool add_columns;
    uint64_t commit_every; /* rows; 0 = the run is one transaction */
    int64_t busy_timeout_ns;
    uint64_t cache_bytes;

    const mr_connector_env *env;
    const char *path;
    mr_file part; /* PATH.part while a new database is built; closed = in place */
    mr_sqlite db;
    mr_sqlite_table table;
    mr_sqlite_feed feed;
    bool table_open;
    bool replacing; /* rows go into a new table beside the old one */
    bool writing;   /* a transaction has begun and is neither committed nor undone */
    uint64_t bytes_out;
    uint64_t committed_rows; /* feed.row_count at the last commit */
    const char *pipeline;    /* whose checkpoint is in the database; NULL = none is */
    bool durable;            /* a commit in PATH.part is atomic and survives a power cut */
    bool governed;           /* commits are made with checkpoints, not when rows say so */
    bool seals;              /* what is kept is of a complete run, and outlives its commit */
    bool resuming;
    mr_buffer remembered; /* resuming: of the table */
} mr_sqlite_destination;

/* The database has to be visible before the run has ended. */
bool mr_sqlite_is_seen_early(const mr_sqlite_destination *own, const mr_connector_env *env);

MR_NODISCARD mr_code mr_sqlite_open_db(mr_sqlite_destination *own, const char *path,
                                       mr_sqlite_mode mode, mr_error *err);
MR_NODISCARD mr_code mr_sqlite_open_table(mr_sqlite_destination *own, mr_error *err);
void mr_sqlite_close_table(mr_sqlite_destination *own);
MR_NODISCARD mr_code mr_sqlite_drop_new_table(mr_sqlite_destination *own, mr_error *err);

/* As in mr_destination_ops; connector/sqlite_watermark.c. */
MR_NODISCARD mr_code mr_sqlite_destination_keep_watermark(void *state, mr_slice pipeline,
                                                          mr_slice watermark, mr_slice cursor,
                                                          mr_slice value, mr_error *err);
MR_NODISCARD mr_code mr_sqlite_destination_find_watermark(void *state, mr_slice pipeline,
                                                          mr_buffer *out, mr_error *err);

/* Commits, and begins the next transaction. */
MR_NODISCARD mr_code mr_sqlite_commit_part(mr_sqlite_destination *own, mr_error *err);

/* The run may have been told to stop: what is left to do is done all the same. */
void mr_sqlite_mind_no_stop(mr_sqlite_destination *own);

/* As in mr_destination_ops. */
const char *mr_sqlite_destination_cannot_resume(const void *state, const mr_connector_env *env);
bool mr_sqlite_destination_leaves_traces(const void *state);
uint64_t mr_sqlite_destination_commit_every(const void *state);
MR_NODISCARD mr_code mr_sqlite_destination_checkpoint(void *state, bool last, mr_buffer *position,
                                                      int *out_sync_fd, mr_error *err);
MR_NODISCARD mr_code mr_sqlite_destination_resume(void *state, mr_slice position, mr_left *out_left,
                                                  mr_error *err);
MR_NODISCARD mr_code mr_sqlite_destination_keep_commit(void *state, mr_slice pipeline,
                                                       mr_slice commit, mr_error *err);
MR_NODISCARD mr_code mr_sqlite_destination_keep_seal(void *state, mr_slice pipeline,
                                                     mr_slice commit, mr_error *err);
MR_NODISCARD mr_code mr_sqlite_destination_find_commit(void *state, mr_slice pipeline,
                                                       mr_buffer *out, mr_error *err);
MR_NODISCARD mr_code mr_sqlite_destination_forget_commit(void *state, mr_slice pipeline,
                                                         mr_error *err);
void mr_sqlite_destination_suspend(void *state);

#endif
