/* SPDX-License-Identifier: MIT
 *
 * connector/sqlite_state.h - the checkpoint of a pipeline inside the database it writes to: a row
 * of the table "millrace_state", in the transaction of the data. The table is there only while a
 * run has not come to its end.
 *
 * Thread: as the connection's. */
#ifndef MR_CONNECTOR_SQLITE_STATE_H
#define MR_CONNECTOR_SQLITE_STATE_H

#include "db/sqlite.h"

#define MR_SQLITE_STATE_TABLE "millrace_state"

/* Inside the caller's transaction: makes the table when it is missing, and puts the row. */
MR_NODISCARD mr_code mr_sqlite_state_put(mr_sqlite *db, mr_slice pipeline, mr_slice commit,
                                         mr_error *err);
/* Appends what is kept of `pipeline`; nothing when there is none. */
MR_NODISCARD mr_code mr_sqlite_state_get(mr_sqlite *db, mr_slice pipeline, mr_buffer *out,
                                         mr_error *err);
/* Inside the caller's transaction: removes the row, and the table with the last one. */
MR_NODISCARD mr_code mr_sqlite_state_drop(mr_sqlite *db, mr_slice pipeline, mr_error *err);

#endif
