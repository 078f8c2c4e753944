/* SPDX-License-Identifier: MIT
 *
 * db/sqlite_memory.h - SQLite's memory: from core/mem.h, through a few free blocks kept per thread.
 *
 * Running a statement takes and gives back a dozen small pieces (records, cursors), the same ones
 * each time. SQLite's own answer, lookaside, is not compiled into Debian's library; ours keeps what
 * was given back, by size class, so that a warm statement asks the allocator for nothing.
 *
 *     classes   32 48 64 96 128 192 ... 12288 16384, and pages of the cache     others pass through
 *
 * Thread: each has its own blocks; they may be given back on another one. */
#ifndef MR_DB_SQLITE_MEMORY_H
#define MR_DB_SQLITE_MEMORY_H

#include <sqlite3.h>

#define MR_SQLITE_KEPT_BYTES_MAX 16384u /* larger pieces are not kept */
#define MR_SQLITE_KEPT_COUNT_MAX 64u    /* pieces of one class and thread */

extern const sqlite3_mem_methods mr_sqlite_memory;

/* Gives back what the calling thread keeps; also done when a thread ends. */
void mr_sqlite_memory_drop(void);

#endif
