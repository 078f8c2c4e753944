/* SPDX-License-Identifier: MIT */
#include "db/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/sqlite_layer.h"
#include "db/sqlite_memory.h"

#define MAX_PATH_BYTES 4096
#define CANCEL_OPS     4096 /* virtual machine steps between two looks at `cancelled` */

/* --- SQLite's memory is ours ---------------------------------------------------------------- */

static int init_code;

static void init_once(void)
{
    init_code = sqlite3_config(SQLITE_CONFIG_MALLOC, &mr_sqlite_memory);
    /* core/mem.h counts; SQLite's own count takes a lock all threads share. */
    if (init_code == SQLITE_OK) init_code = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (init_code == SQLITE_OK) init_code = sqlite3_config(SQLITE_CONFIG_URI, 0);
    if (init_code == SQLITE_OK) init_code = sqlite3_initialize();
}

static mr_code init(mr_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    /* An initialisation that ran out of memory may be tried again. */
    const int rc = init_code == SQLITE_NOMEM ? sqlite3_initialize() : init_code;
    if (rc == SQLITE_OK) return MR_OK;
    return mr_fail(err, rc == SQLITE_NOMEM ? MR_ERR_NOMEM : MR_ERR_IO,
                   "SQLite cannot be started: %s", sqlite3_errstr(rc));
}

/* --- errors --------------------------------------------------------------------------------- */

static mr_code code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return MR_OK;
    case SQLITE_NOMEM: return MR_ERR_NOMEM;
    case SQLITE_TOOBIG: return MR_ERR_LIMIT;
    case SQLITE_CONSTRAINT: return MR_ERR_CONFLICT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_FORMAT: return MR_ERR_INPUT;
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_AUTH:
    case SQLITE_SCHEMA: return MR_ERR_USAGE;
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT: return MR_ERR_CLOSED;
    default: /* the world: FULL, IOERR, BUSY, LOCKED, READONLY, CANTOPEN, PERM, NOLFS, PROTOCOL */
        return MR_ERR_IO;
    }
}

static const char *advice_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return " (another program is using it; see busy_timeout)";
    case SQLITE_CORRUPT:
        return " (the file is damaged; the command-line shell's .recover may save what is left)";
    case SQLITE_READONLY:
        return rc == SQLITE_READONLY_ROLLBACK
                   ? " (a writer was killed in mid-write; open it once for writing to mend it)"
                   : " (no permission to write the file or its folder)";
    case SQLITE_CANTOPEN: return " (SQLite needs the file and, for its journal, the folder)";
    default: return "";
    }
}

mr_code mr_sqlite_fail(const mr_sqlite *db, int rc, const char *purpose, mr_error *err)
{
    const mr_code code = code_of(rc);
    if (err == NULL) return code;
    const bool own_text = db->handle != NULL && sqlite3_extended_errcode(db->handle) == rc;
    const char *text = own_text ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc);
    const int number = db->handle != NULL ? sqlite3_system_errno(db->handle) : 0;
    const bool system =
        number != 0 && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN);
    if (system)
        return mr_fail_errno(err, number, "cannot %s in \"%s\": %s", purpose, db->name, text);
    return mr_fail(err, code, "cannot %s in \"%s\": %s%s", purpose, db->name, text, advice_of(rc));
}

/* --- opening -------------------------------------------------------------------------------- */

static void set_name(mr_sqlite *db, const char *path)
{
    const size_t len = strlen(path);
    const bool cut = len >= sizeof db->name;
    const char *from = cut ? path + len - (sizeof db->name - 4) : path;
    snprintf(db->name, sizeof db->name, "%s%s", cut ? "..." : "", from);
}

/* What the first bytes of a file that is no database look like, for the error's text. */
static mr_code not_a_database(const mr_sqlite *db, mr_slice head, mr_error *err)
{
    if (head.len >= 2 && head.ptr[0] == '\x1f' && head.ptr[1] == '\x8b')
        return mr_fail(err, MR_ERR_INPUT,
                       "\"%s\" is not an SQLite database: it is gzip-compressed; unpack it first",
                       db->name);
    bool text = true;
    size_t line = 0;
    for (size_t i = 0; i < head.len; i++) {
        if (line == i && head.ptr[i] != '\n' && head.ptr[i] != '\r') line++;
        text &= (unsigned char)head.ptr[i] >= 0x20 || (head.ptr[i] >= '\t' && head.ptr[i] <= '\r');
    }
    if (!text)
        return mr_fail(err, MR_ERR_INPUT, "\"%s\" is not an SQLite database, or it is encrypted",
                       db->name);
    return mr_fail(err, MR_ERR_INPUT,
                   "\"%s\" is not an SQLite database: it is text that begins with '%.*s'", db->name,
                   (int)line, head.ptr);
}

/* What SQLite says is no database. It is opened here only now: closing a descriptor of a file drops
 * the locks that another connection of this process may hold on it. */
static mr_code describe_file(const mr_sqlite *db, const char *path, mr_error *err)
{
    char head[48];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t got = fd >= 0 ? pread(fd, head, sizeof head, 0) : -1;
    if (fd >= 0) close(fd);
    return not_a_database(db, (mr_slice){head, got > 0 ? (size_t)got : 0}, err);
}

static mr_code check_kind(const mr_sqlite *db, const struct stat *info, mr_error *err)
{
    if (S_ISDIR(info->st_mode))
        return mr_fail(err, MR_ERR_INPUT, "\"%s\" is a folder, not an SQLite database", db->name);
    if (!S_ISREG(info->st_mode))
        return mr_fail(err, MR_ERR_INPUT,
                       "\"%s\" is not a regular file, so it cannot be an SQLite database",
                       db->name);
    return MR_OK;
}

static mr_code check_path(const mr_sqlite *db, const char *path, mr_sqlite_mode mode, mr_error *err)
{
    if (path[0] == 0) return mr_fail(err, MR_ERR_USAGE, "the path of an SQLite database is empty");
    if (strlen(path) > MAX_PATH_BYTES)
        return mr_fail(err, MR_ERR_USAGE, "the path \"%s\" is longer than %d bytes", db->name,
                       MAX_PATH_BYTES);
    struct stat info;
    if (stat(path, &info) == 0) return check_kind(db, &info, err);
    if (errno == ENOENT && mode == MR_SQLITE_CREATE) return MR_OK;
    return mr_fail_errno(err, errno, "cannot open the database \"%s\"", db->name);
}

static int is_cancelled(void *context)
{
    return atomic_load_explicit((atomic_bool *)context, memory_order_relaxed);
}

static mr_code configure(mr_sqlite *db, const mr_sqlite_options *options, mr_error *err)
{
    static const char *const journals[] = {"", "PRAGMA journal_mode=WAL;",
                                           "PRAGMA journal_mode=MEMORY;"};
    static const char *const syncs[] = {"FULL", "NORMAL", "OFF"};
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, options->busy_timeout_ms);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    if (options->cancelled != NULL)
        sqlite3_progress_handler(db->handle, CANCEL_OPS, is_cancelled, options->cancelled);
    char sql[256];
    snprintf(sql, sizeof sql,
             "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA synchronous=%s; %s %s",
             syncs[options->sync], options->exclusive ? "PRAGMA locking_mode=EXCLUSIVE;" : "",
             journals[options->journal]);
    MR_TRY(mr_sqlite_exec(db, sql, "open the database", err));
    if (options->cache_bytes > 0) {
        snprintf(sql, sizeof sql, "PRAGMA cache_size=-%llu",
                 (unsigned long long)mr_min_u64(options->cache_bytes / 1024 + 1, INT32_MAX));
        MR_TRY(mr_sqlite_exec(db, sql, "set the cache's size", err));
    }
    return mr_sqlite_exec(db, "SELECT 1 FROM sqlite_schema", "read the table list", err);
}

static const char *layer_of(const mr_sqlite_options *options)
{
    if (options->paced) return mr_sqlite_paced();
    return options->gathers && options->sync == MR_SQLITE_SYNC_FULL ? mr_sqlite_gathering() : NULL;
}

mr_code mr_sqlite_open(mr_sqlite *db, const char *path, const mr_sqlite_options *options,
                       mr_error *err)
{
    static const int flags[] = {SQLITE_OPEN_READONLY, SQLITE_OPEN_READWRITE,
                                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
    memset(db, 0, sizeof *db);
    set_name(db, path);
    MR_TRY(init(err));
    if (!options->in_memory) MR_TRY(check_path(db, path, options->mode, err));
    /* "./" in front keeps ":memory:" and "file:x?mode=ro" what they are here: names of files. */
    char full[MAX_PATH_BYTES + 3];
    snprintf(full, sizeof full, "%s%s", path[0] == '/' ? "" : "./", path);
    const int rc = sqlite3_open_v2(options->in_memory ? ":memory:" : full, &db->handle,
                                   flags[options->mode] | SQLITE_OPEN_NOMUTEX, layer_of(options));
    mr_code code = rc == SQLITE_OK ? configure(db, options, err)
                                   : mr_sqlite_fail(db, rc, "open the database", err);
    if (code == MR_OK) return MR_OK;
    const bool foreign = db->handle != NULL && sqlite3_errcode(db->handle) == SQLITE_NOTADB;
    mr_sqlite_close(db);
    return foreign ? describe_file(db, path, err) : code;
}

void mr_sqlite_close(mr_sqlite *db)
{
    if (db->handle != NULL) sqlite3_close_v2(db->handle);
    db->handle = NULL;
    mr_sqlite_memory_drop();
}

/* --- statements ----------------------------------------------------------------------------- */

mr_code mr_sqlite_exec(mr_sqlite *db, const char *sql, const char *purpose, mr_error *err)
{
    const int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? MR_OK
                           : mr_sqlite_fail(db, sqlite3_extended_errcode(db->handle), purpose, err);
}

mr_code mr_sqlite_begin(mr_sqlite *db, mr_error *err)
{
    return mr_sqlite_exec(db, "BEGIN", "begin to read", err);
}

mr_code mr_sqlite_begin_immediate(mr_sqlite *db, mr_error *err)
{
    return mr_sqlite_exec(db, "BEGIN IMMEDIATE", "begin to write", err);
}

mr_code mr_sqlite_commit(mr_sqlite *db, mr_error *err)
{
    return mr_sqlite_exec(db, "COMMIT", "commit", err);
}

void mr_sqlite_rollback(mr_sqlite *db)
{
    if (mr_sqlite_in_transaction(db)) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

bool mr_sqlite_in_transaction(const mr_sqlite *db)
{
    return db->handle != NULL && sqlite3_get_autocommit(db->handle) == 0;
}

/* Is there anything but blanks, semicolons and comments? */
static bool has_more_sql(mr_slice rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        const char byte = rest.ptr[i];
        const char next = i + 1 < rest.len ? rest.ptr[i + 1] : 0;
        if (byte == '-' && next == '-') {
            while (i < rest.len && rest.ptr[i] != '\n')
                i++;
        } else if (byte == '/' && next == '*') {
            for (i += 2; i + 1 < rest.len && (rest.ptr[i] != '*' || rest.ptr[i + 1] != '/');)
                i++;
            i++;
        } else if (byte != ';' && byte != ' ' && (byte < '\t' || byte > '\r')) {
            return true;
        }
    }
    return false;
}

mr_code mr_sqlite_prepare(mr_sqlite_stmt *stmt, mr_sqlite *db, mr_slice sql, const char *purpose,
                          mr_error *err)
{
    *stmt = (mr_sqlite_stmt){.db = db, .purpose = purpose};
    if (sql.len > INT32_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "cannot %s in \"%s\": the statement is too long", purpose,
                       db->name);
    const char *rest = NULL;
    const int rc = sqlite3_prepare_v3(db->handle, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT,
                                      &stmt->handle, &rest);
    if (rc != SQLITE_OK) return mr_sqlite_fail(db, rc, purpose, err);
    const bool more = rest != NULL && has_more_sql(mr_slice_from(sql, (size_t)(rest - sql.ptr)));
    if (stmt->handle != NULL && !more) return MR_OK;
    mr_sqlite_finish(stmt);
    return mr_fail(err, MR_ERR_USAGE, "cannot %s in \"%s\": expected one SQL statement, found %s",
                   purpose, db->name, more ? "several" : "none");
}

void mr_sqlite_finish(mr_sqlite_stmt *stmt)
{
    sqlite3_finalize(stmt->handle);
    stmt->handle = NULL;
}

mr_code mr_sqlite_step(mr_sqlite_stmt *stmt, bool *out_row, mr_error *err)
{
    const int rc = sqlite3_step(stmt->handle);
    if (MR_UNLIKELY(rc != SQLITE_ROW && rc != SQLITE_DONE))
        return mr_sqlite_fail(stmt->db, rc, stmt->purpose, err);
    *out_row = rc == SQLITE_ROW;
    return MR_OK;
}

void mr_sqlite_reset(mr_sqlite_stmt *stmt)
{
    sqlite3_reset(stmt->handle);
}

mr_code mr_sqlite_run(mr_sqlite_stmt *stmt, mr_error *err)
{
    bool row = true;
    mr_code code = MR_OK;
    while (code == MR_OK && row)
        code = mr_sqlite_step(stmt, &row, err);
    mr_sqlite_reset(stmt);
    return code;
}

void mr_sqlite_interrupt(mr_sqlite *db)
{
    sqlite3_interrupt(db->handle);
}

/* --- names ---------------------------------------------------------------------------------- */

mr_code mr_sqlite_quote(mr_buffer *sql, mr_slice name, mr_error *err)
{
    if (name.len > 0 && memchr(name.ptr, 0, name.len) != NULL)
        return mr_fail(err, MR_ERR_INPUT,
                       "the name '%.*s' holds a NUL byte, which SQL cannot spell",
                       MR_SLICE_ARGS(name));
    MR_TRY(mr_buffer_append_byte(sql, '"', err));
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"') MR_TRY(mr_buffer_append_byte(sql, '"', err));
        MR_TRY(mr_buffer_append_byte(sql, name.ptr[i], err));
    }
    return mr_buffer_append_byte(sql, '"', err);
}

bool mr_sqlite_same_name(mr_slice a, mr_slice b)
{
    return a.len == b.len && (a.len == 0 || sqlite3_strnicmp(a.ptr, b.ptr, (int)a.len) == 0);
}
