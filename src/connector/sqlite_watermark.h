/* SPDX-License-Identifier: MIT
 *
 * connector/sqlite_watermark.h - how far incremental loads into a database have come: a row of the
 * table "millrace_watermarks" for each pipeline, written in the transaction of the data. People may
 * read it:
 *
 *     pipeline                     target  cursor      value                 watermark
 *     orders-66e2b6ae1c7c5f70      orders  updated_at  2026-02-01T10:00:00Z  (bytes)
 *
 * Thread: as the connection's. */
#ifndef MR_CONNECTOR_SQLITE_WATERMARK_H
#define MR_CONNECTOR_SQLITE_WATERMARK_H

#include "db/sqlite.h"

#define MR_SQLITE_WATERMARK_TABLE "millrace_watermarks"

typedef struct mr_sqlite_watermark {
    mr_slice pipeline;
    mr_slice target;        /* the table that the data are in */
    mr_slice cursor, value; /* for people */
    mr_slice watermark;     /* empty: none, the row goes */
} mr_sqlite_watermark;

/* Inside the caller's transaction. */
MR_NODISCARD mr_code mr_sqlite_watermark_put(mr_sqlite *db, const mr_sqlite_watermark *watermark,
                                             mr_error *err);

/* Appends what is kept of `pipeline`; nothing when there is none. MR_ERR_USAGE when the table that
 * the data went to is not there any more. */
MR_NODISCARD mr_code mr_sqlite_watermark_get(mr_sqlite *db, mr_slice pipeline, mr_buffer *out,
                                             mr_error *err);

#endif
