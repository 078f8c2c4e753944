/* SPDX-License-Identifier: MIT
 *
 * db/sqlite_layer.h - two file layers (SQLite's VFS) over the usual one, for databases with a
 * write-ahead log.
 *
 * Paced, for a checkpoint beside a writer: it writes some thousand pages and syncs them at once,
 * and whoever syncs a log on the same disk meanwhile waits for all of them; commits took 2 to 5 ms
 * instead of 0.3. Here a sync follows every MR_SQLITE_PACE_BYTES of the database and then a pause,
 * so that others get their turn in between.
 *
 * Gathering, for a writer: SQLite hands the log two pieces a page, some twenty writes a commit.
 * Here they are put together and given to the system when the commit syncs: one write. Nobody looks
 * at a page of the log before the commit that wrote it has synced, so nobody misses them; a
 * connection that looks itself (a transaction larger than its cache) finds them written. Only for
 * connections that sync every commit (MR_SQLITE_SYNC_FULL).
 *
 * Thread: any; what they open belongs to its connection. */
#ifndef MR_DB_SQLITE_LAYER_H
#define MR_DB_SQLITE_LAYER_H

#include "core/error.h"

#define MR_SQLITE_PACE_BYTES (128u << 10)
#define MR_SQLITE_PACE_US    1000u
/* Of a connection's log; more is written in pieces. SQLite writes fewer than 128 KiB at a time. */
#define MR_SQLITE_GATHER_BYTES (124u << 10)

/* The name to open a connection with; registers it when first called. NULL when SQLite has no file
 * layer to build on. */
const char *mr_sqlite_paced(void);
const char *mr_sqlite_gathering(void);

#endif
