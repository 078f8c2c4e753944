/* SPDX-License-Identifier: MIT
 *
 * The registry of namespaces and the table of the SQLite backend's functions.
 *
 *     DATA_DIR/registry.db             which namespaces there are (EventoDB's table)
 *     DATA_DIR/namespaces/ID.db        one database each; ID is escaped, never used verbatim
 *     DATA_DIR/millrace.lock           held while a process has the directory open
 *
 * The registry keeps a place as EventoDB writes it: a path from the working directory of whoever
 * made it. Ours are relative to DATA_DIR; one of EventoDB's that is not found there is looked for
 * as written, then by its last part in DATA_DIR. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "store/sqlite_internal.h"

#define BACKEND_ARENA_BYTES (1u << 20)
#define BUSY_MS             5000
#define CACHE_BYTES         (64u << 20)
#define ESCAPED_MAX         200 /* bytes; longer ids are named by their hash */
#define PLACE_MAX           4096
#define OWN_DIR             "namespaces/" /* places of ours: never looked for anywhere else */

/* --- The data directory --------------------------------------------------------------------- */

static const char no_right[] =
    "it takes the right to read and write there: change its owner, or use another directory";

static mr_code make_dir(const char *path, mr_error *err)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return MR_OK;
    const int error = errno;
    mr_fail_errno(err, error, "cannot make the directory '%s'", path);
    if (error == EACCES || error == EROFS) mr_error_advise(err, no_right);
    if (error == ENOENT) mr_error_advise(err, "make the directory above it first");
    return MR_ERR_IO;
}

static mr_code fail_to_open(const char *data_dir, int error, mr_error *err)
{
    if (error == ENOTDIR)
        return mr_fail(err, MR_ERR_IO, "'%s': expected a data directory, found a file", data_dir);
    mr_fail_errno(err, error, "cannot open 'millrace.lock' in the data directory '%s'", data_dir);
    if (error == EACCES || error == EROFS) mr_error_advise(err, no_right);
    return MR_ERR_IO;
}

static mr_code lock_dir(mr_backend *backend, mr_error *err)
{
    const char *path = mr_arena_printf(&backend->arena, "%s/millrace.lock", backend->data_dir);
    if (path == NULL) return mr_arena_fail(&backend->arena, err);
    backend->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (backend->lock_fd < 0) return fail_to_open(backend->data_dir, errno, err);
    if (flock(backend->lock_fd, LOCK_EX | LOCK_NB) == 0) return MR_OK;
    return mr_fail(err, MR_ERR_CONFLICT,
                   "another process serves the data directory '%s': stop it, or use another "
                   "directory",
                   backend->data_dir);
}

/* Where the database of a registry's row lies now. */
static mr_code resolve(const mr_backend *backend, const char *place, char out[PLACE_MAX],
                       mr_error *err)
{
    struct stat info;
    const char *last = strrchr(place, '/');
    if (backend->data_dir == NULL) {
        snprintf(out, PLACE_MAX, "%s", place);
        return MR_OK;
    }
    const int len = snprintf(out, PLACE_MAX, "%s/%s", backend->data_dir, place);
    if (place[0] != '/' && len < PLACE_MAX && stat(out, &info) == 0) return MR_OK;
    if (strncmp(place, OWN_DIR, strlen(OWN_DIR)) != 0 && stat(place, &info) == 0 &&
        strlen(place) < PLACE_MAX) {
        snprintf(out, PLACE_MAX, "%s", place);
        return MR_OK;
    }
    snprintf(out, PLACE_MAX, "%s/%s", backend->data_dir, last != NULL ? last + 1 : place);
    if (stat(out, &info) == 0) return MR_OK;
    return mr_fail(err, MR_ERR_IO,
                   "the database '%s' of the registry is not there: restore it, or delete the "
                   "namespace",
                   place);
}

/* --- Opening -------------------------------------------------------------------------------- */

static mr_code make_registry(mr_backend *backend, mr_error *err)
{
    return mr_sqlite_exec(
        &backend->registry,
        "CREATE TABLE IF NOT EXISTS namespaces (id TEXT PRIMARY KEY, token_hash TEXT UNIQUE NOT "
        "NULL, db_path TEXT UNIQUE NOT NULL, description TEXT, created_at INTEGER NOT NULL, "
        "metadata TEXT DEFAULT '{}')",
        "make the registry", err);
}

static mr_code open_parts(mr_backend *backend, const mr_message_store_options *options,
                          mr_error *err)
{
    const char *name = options->registry_name != NULL ? options->registry_name : "registry.db";
    const char *path = name;
    if (options->data_dir != NULL) {
        backend->data_dir = mr_arena_copy(&backend->arena, mr_slice_text(options->data_dir));
        path = mr_arena_printf(&backend->arena, "%s/%s", options->data_dir, name);
        if (backend->data_dir == NULL || path == NULL) return mr_arena_fail(&backend->arena, err);
        MR_TRY(make_dir(options->data_dir, err));
        MR_TRY(lock_dir(backend, err));
    }
    MR_TRY(mr_sqlite_open(&backend->registry, path,
                          &(mr_sqlite_options){.mode = MR_SQLITE_CREATE,
                                               .journal = options->data_dir != NULL
                                                              ? MR_SQLITE_JOURNAL_WAL
                                                              : MR_SQLITE_JOURNAL_KEEP,
                                               .busy_timeout_ms = BUSY_MS,
                                               .cache_bytes = 256u << 10,
                                               .in_memory = options->data_dir == NULL},
                          err));
    return make_registry(backend, err);
}

static void close_backend(mr_backend *backend)
{
    if (backend == NULL) return;
    mr_sqlite_close(&backend->registry);
    if (backend->lock_fd >= 0) close(backend->lock_fd);
    mr_sq_tails_done(&backend->tails);
    mr_arena_done(&backend->arena);
    mr_mem_free(backend);
}

static mr_code open_backend(const mr_message_store_options *options, mr_backend **out,
                            mr_error *err)
{
    mr_backend *backend = mr_mem_zalloc(sizeof *backend);
    if (backend == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the store");
    mr_arena_init(&backend->arena, "store.backend", BACKEND_ARENA_BYTES);
    backend->durability = options->durability;
    backend->cache_bytes = options->cache_bytes > 0 ? options->cache_bytes : CACHE_BYTES;
    backend->lock_fd = -1;
    pthread_mutex_init(&backend->tails.lock, NULL);
    const mr_code rc = open_parts(backend, options, err);
    if (rc != MR_OK) {
        close_backend(backend);
        return rc;
    }
    *out = backend;
    return MR_OK;
}

static bool reads_by_writer(const mr_backend *backend)
{
    return backend->data_dir == NULL;
}

/* --- Namespaces ----------------------------------------------------------------------------- */

static mr_code each_space(mr_backend *backend,
                          mr_code (*take)(void *context, const mr_space_record *record,
                                          mr_error *err),
                          void *context, mr_error *err)
{
    static const char sql[] = "SELECT id, token_hash, db_path, coalesce(description, ''), "
                              "coalesce(nullif(metadata, ''), '{}'), created_at FROM namespaces "
                              "WHERE id IS NOT NULL "
                              "ORDER BY created_at, rowid";
    mr_sqlite_stmt stmt;
    MR_TRY(mr_sqlite_prepare(&stmt, &backend->registry, MR_SLICE(sql), "list the namespaces", err));
    mr_code rc = MR_OK;
    bool row = true;
    while (rc == MR_OK && row) {
        rc = mr_sqlite_step(&stmt, &row, err);
        if (rc != MR_OK || !row) break;
        rc = take(context,
                  &(mr_space_record){.id = mr_sqlite_column_text(&stmt, 0).ptr,
                                     .token_hash = mr_sqlite_column_text(&stmt, 1).ptr,
                                     .place = mr_sqlite_column_text(&stmt, 2).ptr,
                                     .description = mr_sqlite_column_text(&stmt, 3).ptr,
                                     .metadata = mr_sqlite_column_text(&stmt, 4).ptr,
                                     .created_s = mr_sqlite_column_i64(&stmt, 5)},
                  err);
    }
    mr_sqlite_finish(&stmt);
    return rc;
}

/* "namespaces/ID.db", ID with everything but small letters, digits, '_', '-' and inner dots as %XX,
 * which no two ids share; ids that would grow too long for a file's name are named by their hash,
 * behind two '%', which no escaped id has. */
static const char *choose_place(mr_arena *arena, const char *id)
{
    char escaped[ESCAPED_MAX + 4];
    char hash[MR_TOKEN_HASH_MAX];
    size_t len = 0;
    for (const char *at = id; *at != 0 && len < ESCAPED_MAX; at++) {
        const unsigned char byte = (unsigned char)*at;
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
                           byte == '_' || byte == '-' || (byte == '.' && at != id);
        if (plain)
            escaped[len++] = (char)byte;
        else
            len += (size_t)snprintf(escaped + len, 4, "%%%02X", byte);
    }
    if (len < ESCAPED_MAX) return mr_arena_printf(arena, "namespaces/%.*s.db", (int)len, escaped);
    mr_token_hash(mr_slice_text(id), hash);
    return mr_arena_printf(arena, "namespaces/%%%%%s.db", hash);
}

static mr_code add_row(mr_backend *backend, const mr_space_record *record, const char *place,
                       mr_error *err)
{
    static const char sql[] = "INSERT INTO namespaces (id, token_hash, db_path, description, "
                              "metadata, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    mr_sqlite_stmt stmt;
    const char *const texts[] = {record->id, record->token_hash, place, record->description,
                                 record->metadata};
    MR_TRY(
        mr_sqlite_prepare(&stmt, &backend->registry, MR_SLICE(sql), "register the namespace", err));
    mr_code rc = MR_OK;
    for (size_t i = 0; i < MR_COUNT_OF(texts) && rc == MR_OK; i++)
        rc = mr_sqlite_bind_text(&stmt, (int)i + 1, mr_slice_text(texts[i]), err);
    if (rc == MR_OK) rc = mr_sqlite_bind_i64(&stmt, 6, record->created_s, err);
    if (rc == MR_OK) rc = mr_sqlite_run(&stmt, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

static void remove_files(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char full[PLACE_MAX + 8];
    for (size_t i = 0; i < MR_COUNT_OF(endings); i++) {
        snprintf(full, sizeof full, "%s%s", path, endings[i]);
        unlink(full); /* a missing one is as good */
    }
}

static uint64_t disk_bytes(mr_backend *backend, const char *place)
{
    char path[PLACE_MAX], full[PLACE_MAX + 8];
    struct stat info;
    uint64_t total = 0;
    if (backend->data_dir == NULL || resolve(backend, place, path, NULL) != MR_OK) return 0;
    for (int i = 0; i < 2; i++) {
        snprintf(full, sizeof full, "%s%s", path, i == 0 ? "" : "-wal");
        if (stat(full, &info) == 0) total += (uint64_t)info.st_size;
    }
    return total;
}

/* Files of a namespace whose row is gone, because the process was killed between the two, would be
 * taken for the new one's. */
static mr_code make_files(mr_backend *backend, const char *place, mr_error *err)
{
    char path[PLACE_MAX];
    mr_backend_writer *writer;
    if (backend->data_dir == NULL) return MR_OK;
    snprintf(path, sizeof path, "%s/namespaces", backend->data_dir);
    MR_TRY(make_dir(path, err));
    snprintf(path, sizeof path, "%s/%s", backend->data_dir, place);
    remove_files(path);
    MR_TRY(mr_sq_writer_open(backend, path, &writer, err));
    mr_sq_writer_close(writer);
    return MR_OK;
}

/* What belongs to another namespace's row is never made anew, whatever its id. */
static mr_code check_free(mr_backend *backend, const char *place, mr_error *err)
{
    static const char sql[] = "SELECT 1 FROM namespaces WHERE db_path = ?1";
    mr_sqlite_stmt stmt;
    bool row = false;
    MR_TRY(
        mr_sqlite_prepare(&stmt, &backend->registry, MR_SLICE(sql), "look at the registry", err));
    mr_code rc = mr_sqlite_bind_text(&stmt, 1, mr_slice_text(place), err);
    if (rc == MR_OK) rc = mr_sqlite_step(&stmt, &row, err);
    mr_sqlite_finish(&stmt);
    if (rc != MR_OK || !row) return rc;
    return mr_fail(err, MR_ERR_CONFLICT, "'%s' is the database of another namespace", place);
}

static mr_code create_space(mr_backend *backend, const mr_space_record *record, mr_arena *arena,
                            const char **out_place, mr_error *err)
{
    const char *place = choose_place(arena, record->id);
    if (place == NULL) return mr_arena_fail(arena, err);
    MR_TRY(check_free(backend, place, err));
    MR_TRY(make_files(backend, place, err));
    MR_TRY(add_row(backend, record, place, err));
    *out_place = place;
    return MR_OK;
}

static mr_code change_row(mr_backend *backend, const char *sql, const char *first,
                          const char *second, mr_error *err)
{
    mr_sqlite_stmt stmt;
    MR_TRY(mr_sqlite_prepare(&stmt, &backend->registry, mr_slice_text(sql), "change the registry",
                             err));
    mr_code rc = mr_sqlite_bind_text(&stmt, 1, mr_slice_text(first), err);
    if (rc == MR_OK && second != NULL)
        rc = mr_sqlite_bind_text(&stmt, 2, mr_slice_text(second), err);
    if (rc == MR_OK) rc = mr_sqlite_run(&stmt, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

static mr_code delete_space(mr_backend *backend, const char *id, const char *place, mr_error *err)
{
    char path[PLACE_MAX];
    MR_TRY(change_row(backend, "DELETE FROM namespaces WHERE id = ?1", id, NULL, err));
    if (resolve(backend, place, path, NULL) != MR_OK) return MR_OK;
    mr_sq_tail_forget(&backend->tails, path);
    if (backend->data_dir != NULL) remove_files(path);
    return MR_OK;
}

static mr_code set_token(mr_backend *backend, const char *id, const char *token_hash, mr_error *err)
{
    return change_row(backend, "UPDATE namespaces SET token_hash = ?2 WHERE id = ?1", id,
                      token_hash, err);
}

/* --- Writers and readers -------------------------------------------------------------------- */

static mr_code open_writer(mr_backend *backend, const char *place, mr_backend_writer **out,
                           mr_error *err)
{
    char path[PLACE_MAX];
    MR_TRY(resolve(backend, place, path, err));
    return mr_sq_writer_open(backend, path, out, err);
}

static mr_code migrate(mr_backend *backend, const char *place, mr_space_state *out, mr_error *err)
{
    mr_backend_writer *writer;
    MR_TRY(open_writer(backend, place, &writer, err));
    *out = mr_sq_state(writer);
    mr_sq_writer_close(writer);
    return MR_OK;
}

struct mr_backend_reader {
    mr_sq_link link;
    mr_backend *backend;
};

static mr_code open_reader(mr_backend *backend, const char *place, mr_backend_reader **out,
                           mr_error *err)
{
    char path[PLACE_MAX];
    MR_TRY(resolve(backend, place, path, err));
    mr_backend_reader *reader = mr_mem_zalloc(sizeof *reader);
    if (reader == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a reader");
    reader->backend = backend;
    const mr_code rc = mr_sq_link_open(&reader->link, backend, path, MR_SQLITE_READ, err);
    if (rc != MR_OK) {
        mr_mem_free(reader);
        return rc;
    }
    *out = reader;
    return MR_OK;
}

static void close_reader(mr_backend_reader *reader)
{
    if (reader == NULL) return;
    mr_sq_link_close(&reader->link, reader->backend);
    mr_mem_free(reader);
}

static void read_op(mr_backend_reader *reader, mr_op *op)
{
    mr_sq_read(&reader->link, op);
}

static void read_by_writer(mr_backend_writer *writer, mr_op *op)
{
    mr_sq_read(&writer->link, op);
}

const mr_backend_ops mr_backend_sqlite = {
    .name = "sqlite",
    .open = open_backend,
    .close = close_backend,
    .reads_by_writer = reads_by_writer,
    .each_space = each_space,
    .create_space = create_space,
    .delete_space = delete_space,
    .set_token = set_token,
    .migrate = migrate,
    .disk_bytes = disk_bytes,
    .open_writer = open_writer,
    .close_writer = mr_sq_writer_close,
    .state = mr_sq_state,
    .write = mr_sq_write,
    .enforce_rules = mr_sq_enforce_rules,
    .tidy = mr_sq_tidy,
    .tidy_aside = mr_sq_tidy_aside,
    .read_by_writer = read_by_writer,
    .open_reader = open_reader,
    .close_reader = close_reader,
    .read = read_op,
};
