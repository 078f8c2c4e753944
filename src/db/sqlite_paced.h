/* SPDX-License-Identifier: MIT
 *
 * db/sqlite_paced.h - the file layer of a connection that writes a database a little at a time.
 *
 * A checkpoint writes some thousand pages and syncs them at once. Whoever syncs a log on the same
 * disk meanwhile waits for all of them: commits took 2 to 5 ms instead of 0.3. Here a sync follows
 * every MR_SQLITE_PACE_BYTES and then a pause, so that others get their turn in between. Files
 * other than databases are left alone.
 *
 * Thread: any; what it opens belongs to its connection. */
#ifndef MR_DB_SQLITE_PACED_H
#define MR_DB_SQLITE_PACED_H

#include "core/error.h"

#define MR_SQLITE_PACE_BYTES (128u << 10)
#define MR_SQLITE_PACE_US    1000u

/* The name to open a connection with; registers it when first called. NULL when SQLite has no file
 * layer to build on. */
const char *mr_sqlite_paced(void);

#endif
