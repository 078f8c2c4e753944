/* SPDX-License-Identifier: MIT
 *
 * connector/sqlite_since.h - the WHERE of an incremental load. It may let records through that lie
 * below, but never keeps one back that does not: what SQLite compares otherwise than
 * record/cursor.h (other types, other spellings of a moment) gets through.
 *
 * Thread: as the connection's. */
#ifndef MR_CONNECTOR_SQLITE_SINCE_H
#define MR_CONNECTOR_SQLITE_SINCE_H

#include "connector/connector.h"
#include "connector/sqlite_type.h"
#include "db/sqlite.h"

/* Appends " WHERE ..." for a column of `declared` type, or nothing where no condition is safe. */
MR_NODISCARD mr_code mr_sqlite_since_append(const mr_source_since *since, mr_slice declared,
                                            mr_buffer *sql, mr_error *err);

/* Gives the statement made from it its values; `since` is borrowed as long as it runs, `room` too.
 */
typedef struct mr_sqlite_since_room {
    char day[16], shape[256];
} mr_sqlite_since_room;
MR_NODISCARD mr_code mr_sqlite_since_bind(const mr_source_since *since, mr_slice declared,
                                          mr_sqlite_stmt *stmt, mr_sqlite_since_room *room,
                                          mr_error *err);

#endif
