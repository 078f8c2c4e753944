/* SPDX-License-Identifier: MIT
 *
 * connector/sqlite_table.h - the table that a run writes into: what it looks like, how it is made,
 * widened and put in the place of an old one.
 *
 * Columns of the source are matched to columns of the table by name. To SQLite "a" and "A" are one
 * name: in a table made here the second becomes "A_2" (next free), in a table that was there before
 * it is an error. Everything happens inside the caller's transaction.
 *
 * Thread: owned by one thread. */
#ifndef MR_CONNECTOR_SQLITE_TABLE_H
#define MR_CONNECTOR_SQLITE_TABLE_H

#include "connector/sqlite_type.h"
#include "db/sqlite.h"
#include "record/schema.h"

typedef struct mr_sqlite_column {
    mr_slice name;   /* in the table */
    mr_slice source; /* the source's column that feeds it; ptr is NULL when none does */
    mr_sqlite_affinity affinity;
    bool key;   /* rows are told apart by it: a null is refused */
    bool rowid; /* another name of the rowid: holds integers only */
} mr_sqlite_column;

typedef struct mr_sqlite_table {
    mr_sqlite *db;
    mr_arena *arena;
    const char *name;          /* as it will be called */
    const char *into;          /* where rows go: `name`, or a new table that will replace it */
    mr_sqlite_column *columns; /* at most column_cap, SQLite's own limit */
    uint32_t column_count;
    uint32_t column_cap;
    bool exists;  /* `into` is there */
    bool made;    /* by this run: its columns are ours to choose */
    bool careful; /* a statement that fails may leave rows behind: triggers, STRICT, virtual tables
                   */
    bool triggers;
    mr_buffer sql; /* scratch */
} mr_sqlite_table;

/* Looks the table called `name` up. Fails when it is a view. */
MR_NODISCARD mr_code mr_sqlite_table_open(mr_sqlite_table *table, mr_sqlite *db, const char *name,
                                          mr_arena *arena, mr_error *err);
void mr_sqlite_table_close(mr_sqlite_table *table);

/* Rows go into a new table from now on, which mr_sqlite_table_swap() puts in the old one's place.
 */
MR_NODISCARD mr_code mr_sqlite_table_rebuild(mr_sqlite_table *table, mr_error *err);

/* The same for a run that goes on from one that had begun to fill that table. */
MR_NODISCARD mr_code mr_sqlite_table_reopen(mr_sqlite_table *table, mr_error *err);

/* Appends what a later run has to know of a table that this one has made: which columns of the
 * source feed which, where the names differ, and which are keys. */
MR_NODISCARD mr_code mr_sqlite_table_remember(const mr_sqlite_table *table, mr_buffer *out,
                                              mr_error *err);
/* Takes it in, for a table that is there. */
MR_NODISCARD mr_code mr_sqlite_table_recall(mr_sqlite_table *table, mr_slice remembered,
                                            mr_error *err);

/* Makes the table with these columns (at least one), `keys` being its primary key. */
MR_NODISCARD mr_code mr_sqlite_table_create(mr_sqlite_table *table, const mr_schema *schema,
                                            const char *const *keys, uint32_t key_count,
                                            mr_error *err);

/* The number of the column for the source's column `source`, which is added when it is missing and
 * `may_add` (or the table is made by this run). Else MR_ERR_USAGE naming column and remedy. */
MR_NODISCARD mr_code mr_sqlite_table_feed_column(mr_sqlite_table *table, mr_slice source,
                                                 mr_type type, bool may_add, uint32_t *out,
                                                 mr_error *err);

/* Marks the key columns of an existing table and makes sure that a primary key or unique index
 * covers exactly them; adds an index when there is none. */
MR_NODISCARD mr_code mr_sqlite_table_need_keys(mr_sqlite_table *table, const char *const *keys,
                                               uint32_t key_count, mr_error *err);

/* Drops the old table, gives the new one its name and its indexes and triggers. An index that no
 * longer fits is left out and told to `warn`. */
MR_NODISCARD mr_code mr_sqlite_table_swap(mr_sqlite_table *table,
                                          void (*warn)(void *context, const char *text),
                                          void *warn_context, mr_error *err);

/* The number of the column called `name` in the table, in any case; -1 when there is none. */
int64_t mr_sqlite_table_find(const mr_sqlite_table *table, mr_slice name);

/* Appends "a", "b" for the names of keys. */
MR_NODISCARD mr_code mr_sqlite_quote_list(mr_buffer *sql, const char *const *names, uint32_t count,
                                          mr_error *err);

#endif
