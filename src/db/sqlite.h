/* SPDX-License-Identifier: MIT
 *
 * db/sqlite.h - the one way this program talks to SQLite.
 *
 *     mr_sqlite db = {0};
 *     mr_sqlite_stmt insert = {0};
 *     MR_TRY(mr_sqlite_open(&db, "shop.db", &(mr_sqlite_options){.mode = MR_SQLITE_WRITE}, err));
 *     rc = mr_sqlite_prepare(&insert, &db, MR_SLICE("INSERT INTO t VALUES (?)"), "add a row", err);
 *     if (rc == MR_OK) rc = mr_sqlite_bind_text(&insert, 1, text, err);
 *     if (rc == MR_OK) rc = mr_sqlite_run(&insert, err);
 *     mr_sqlite_finish(&insert);
 *     mr_sqlite_close(&db);
 *
 * Values reach SQL as parameters only; names are quoted by mr_sqlite_quote(). SQLite's memory comes
 * from core/mem.h, so it is part of our figures and of fault injection. A path is always a file's
 * path: "file:x" and ":memory:" are files of that name.
 *
 * Files are treated as hostile: schemas are not trusted to call functions with side effects,
 * damaged cells are looked for, and nothing maps the file into memory. Foreign keys are not checked
 * (SQLite's own default), whatever the library was built with.
 *
 * Errors say what could not be done to which file, in SQLite's words, and what would help:
 *
 *     cannot add a row in "shop.db": database or disk is full
 *
 * Thread: a connection and its statements belong to one thread at a time; only
 * mr_sqlite_interrupt() may be called from any. */
#ifndef MR_DB_SQLITE_H
#define MR_DB_SQLITE_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "core/buffer.h"

typedef enum mr_sqlite_mode {
    MR_SQLITE_READ = 0, /* the file must exist; nothing is ever written */
    MR_SQLITE_WRITE,    /* the file must exist */
    MR_SQLITE_CREATE,   /* made when missing */
} mr_sqlite_mode;

typedef enum mr_sqlite_journal {
    MR_SQLITE_JOURNAL_KEEP = 0, /* as the file has it */
    MR_SQLITE_JOURNAL_WAL,      /* readers never wait for the writer; stays with the file */
    MR_SQLITE_JOURNAL_MEMORY,   /* for files nobody else sees yet: a crash damages them */
} mr_sqlite_journal;

typedef enum mr_sqlite_sync {
    MR_SQLITE_SYNC_FULL = 0, /* a commit survives a power cut */
    MR_SQLITE_SYNC_NORMAL,   /* WAL: survives a crash of the program; a power cut may undo it */
    MR_SQLITE_SYNC_OFF,      /* the caller syncs the file itself */
} mr_sqlite_sync;

typedef struct mr_sqlite_options {
    mr_sqlite_mode mode;
    mr_sqlite_journal journal;
    mr_sqlite_sync sync;
    bool exclusive;         /* locks once, until closed */
    bool paced;             /* writes a little at a time: see db/sqlite_layer.h */
    bool gathers;           /* writes the log once a commit, with SYNC_FULL: likewise */
    bool in_memory;         /* the path is a name for messages; the database goes when closed */
    int busy_timeout_ms;    /* how long to wait for other connections; 0 = not at all */
    uint64_t cache_bytes;   /* of pages; 0 = SQLite's choice (2 MiB) */
    atomic_bool *cancelled; /* long statements stop with MR_ERR_CLOSED once set; may be NULL */
} mr_sqlite_options;

typedef struct mr_sqlite {
    sqlite3 *handle; /* NULL = closed; for what this header does not offer */
    char name[256];  /* of the file, for messages; cut at the front */
} mr_sqlite;

typedef struct mr_sqlite_stmt {
    sqlite3_stmt *handle;
    mr_sqlite *db;
    const char *purpose; /* "add a row": completes "cannot ..."; borrowed */
} mr_sqlite_stmt;

/* Opens the database at `path` and looks at its first page: what is not a database is said here, in
 * one line, not at the first statement. An empty file is an empty database. */
MR_NODISCARD mr_code mr_sqlite_open(mr_sqlite *db, const char *path,
                                    const mr_sqlite_options *options, mr_error *err);

/* Closes; rolls an open transaction back. Statements must be finished before. Harmless on a zeroed
 * struct and twice. */
void mr_sqlite_close(mr_sqlite *db);

/* Runs SQL without parameters or results: one statement or several with ';'. `purpose` completes
 * "cannot ...". */
MR_NODISCARD mr_code mr_sqlite_exec(mr_sqlite *db, const char *sql, const char *purpose,
                                    mr_error *err);

MR_NODISCARD mr_code mr_sqlite_begin(mr_sqlite *db, mr_error *err);           /* reads */
MR_NODISCARD mr_code mr_sqlite_begin_immediate(mr_sqlite *db, mr_error *err); /* writes */
MR_NODISCARD mr_code mr_sqlite_commit(mr_sqlite *db, mr_error *err);
/* Undoes the open transaction; harmless without one. */
void mr_sqlite_rollback(mr_sqlite *db);
bool mr_sqlite_in_transaction(const mr_sqlite *db);

/* --- statements ----------------------------------------------------------------------------- */

/* Compiles exactly one statement. MR_ERR_USAGE when SQLite does not understand it or more follows.
 */
MR_NODISCARD mr_code mr_sqlite_prepare(mr_sqlite_stmt *stmt, mr_sqlite *db, mr_slice sql,
                                       const char *purpose, mr_error *err);
/* Gives it back. Harmless on a zeroed struct and twice. */
void mr_sqlite_finish(mr_sqlite_stmt *stmt);

/* One step: *out_row says whether a row is there to be read. */
MR_NODISCARD MR_HOT mr_code mr_sqlite_step(mr_sqlite_stmt *stmt, bool *out_row, mr_error *err);
/* Ready to run again; bindings stay. */
MR_HOT void mr_sqlite_reset(mr_sqlite_stmt *stmt);
/* Steps to the end, ignoring rows, and resets. */
MR_NODISCARD MR_HOT mr_code mr_sqlite_run(mr_sqlite_stmt *stmt, mr_error *err);

/* What a failed SQLite call means: mr_code and sentence of `rc`, a SQLITE_* value. */
MR_COLD mr_code mr_sqlite_fail(const mr_sqlite *db, int rc, const char *purpose, mr_error *err);

/* Parameters count from 1. Text and bytes are borrowed until the statement is reset and bound anew
 * (SQLITE_STATIC), and may hold any byte. */
MR_NODISCARD MR_INLINE mr_code mr_sqlite_bind_text(mr_sqlite_stmt *stmt, int at, mr_slice text,
                                                   mr_error *err)
{
    const int rc = sqlite3_bind_text64(stmt->handle, at, text.ptr != NULL ? text.ptr : "", text.len,
                                       SQLITE_STATIC, SQLITE_UTF8);
    return MR_LIKELY(rc == SQLITE_OK) ? MR_OK : mr_sqlite_fail(stmt->db, rc, stmt->purpose, err);
}

MR_NODISCARD MR_INLINE mr_code mr_sqlite_bind_blob(mr_sqlite_stmt *stmt, int at, mr_slice bytes,
                                                   mr_error *err)
{
    const int rc = sqlite3_bind_blob64(stmt->handle, at, bytes.ptr != NULL ? bytes.ptr : "",
                                       bytes.len, SQLITE_STATIC);
    return MR_LIKELY(rc == SQLITE_OK) ? MR_OK : mr_sqlite_fail(stmt->db, rc, stmt->purpose, err);
}

MR_NODISCARD MR_INLINE mr_code mr_sqlite_bind_i64(mr_sqlite_stmt *stmt, int at, int64_t value,
                                                  mr_error *err)
{
    const int rc = sqlite3_bind_int64(stmt->handle, at, value);
    return MR_LIKELY(rc == SQLITE_OK) ? MR_OK : mr_sqlite_fail(stmt->db, rc, stmt->purpose, err);
}

/* Not-a-number becomes NULL, as SQLite has it. */
MR_NODISCARD MR_INLINE mr_code mr_sqlite_bind_f64(mr_sqlite_stmt *stmt, int at, double value,
                                                  mr_error *err)
{
    const int rc = sqlite3_bind_double(stmt->handle, at, value);
    return MR_LIKELY(rc == SQLITE_OK) ? MR_OK : mr_sqlite_fail(stmt->db, rc, stmt->purpose, err);
}

MR_NODISCARD MR_INLINE mr_code mr_sqlite_bind_null(mr_sqlite_stmt *stmt, int at, mr_error *err)
{
    const int rc = sqlite3_bind_null(stmt->handle, at);
    return MR_LIKELY(rc == SQLITE_OK) ? MR_OK : mr_sqlite_fail(stmt->db, rc, stmt->purpose, err);
}

/* Columns count from 0. SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB or SQLITE_NULL. */
MR_INLINE int mr_sqlite_column_type(const mr_sqlite_stmt *stmt, int at)
{
    return sqlite3_column_type(stmt->handle, at);
}

MR_INLINE int64_t mr_sqlite_column_i64(const mr_sqlite_stmt *stmt, int at)
{
    return sqlite3_column_int64(stmt->handle, at);
}

MR_INLINE double mr_sqlite_column_f64(const mr_sqlite_stmt *stmt, int at)
{
    return sqlite3_column_double(stmt->handle, at);
}

/* Borrowed until the next step; empty for NULL, and when memory ran out while an integer or a
 * UTF-16 database's text was converted: that is reported by the step after it. */
MR_INLINE mr_slice mr_sqlite_column_text(const mr_sqlite_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt->handle, at);
    return (mr_slice){text, text != NULL ? (size_t)sqlite3_column_bytes(stmt->handle, at) : 0};
}

MR_INLINE mr_slice mr_sqlite_column_blob(const mr_sqlite_stmt *stmt, int at)
{
    const char *bytes = sqlite3_column_blob(stmt->handle, at);
    return (mr_slice){bytes, bytes != NULL ? (size_t)sqlite3_column_bytes(stmt->handle, at) : 0};
}

/* --- the rest ------------------------------------------------------------------------------- */

/* Appends `name` as SQL: "a" in quotes, quotes inside doubled. MR_ERR_INPUT for a NUL byte, which
 * SQL cannot spell. */
MR_NODISCARD mr_code mr_sqlite_quote(mr_buffer *sql, mr_slice name, mr_error *err);

/* Names are the same to SQLite when they differ in the case of ASCII letters only. */
bool mr_sqlite_same_name(mr_slice a, mr_slice b);

/* Makes the statement that `db` is running end with MR_ERR_CLOSED. Thread: any, while it is open.
 */
void mr_sqlite_interrupt(mr_sqlite *db);

#endif
