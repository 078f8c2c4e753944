/* SPDX-License-Identifier: MIT */
#include "store/data_dir.h"

#include <errno.h>
#include <sys/stat.h>

#define BUSY_MS        5000
#define SCHEMA_VERSION 3 /* of ours; 1 and 2 are EventoDB's */
#define SPACES_MAX     1000000

static mr_code open_read_only(mr_sqlite *db, const char *path, mr_error *err)
{
    const mr_sqlite_options options = {.mode = MR_SQLITE_READ, .busy_timeout_ms = BUSY_MS};
    return mr_sqlite_open(db, path, &options, err);
}

mr_code mr_data_ask(mr_sqlite *db, const char *sql, int64_t *out, mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    bool row = false;
    MR_TRY(mr_sqlite_prepare(&stmt, db, mr_slice_text(sql), "read", err));
    const mr_code rc = mr_sqlite_step(&stmt, &row, err);
    *out = rc == MR_OK && row ? mr_sqlite_column_i64(&stmt, 0) : 0;
    mr_sqlite_finish(&stmt);
    return rc;
}

/* --- the registry --- */

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Finds the database of `space`; its path stays NULL when it is not there. */
static mr_code find_file(const mr_data_dir *dir, mr_data_space *space, mr_error *err)
{
    const char *slash = strrchr(space->place, '/');
    const char *inside = mr_arena_printf(dir->arena, "%s/%s", dir->path, space->place);
    const char *last =
        mr_arena_printf(dir->arena, "%s/%s", dir->path, slash != NULL ? slash + 1 : space->place);
    if (inside == NULL || last == NULL) return mr_arena_fail(dir->arena, err);
    if (space->place[0] != '/' && is_file(inside)) {
        space->path = inside;
        space->path_is_relative = true;
    } else if (is_file(space->place)) {
        space->path = space->place;
    } else if (is_file(last)) {
        space->path = last;
    }
    return MR_OK;
}

static mr_code copy_column(const mr_data_dir *dir, const mr_sqlite_stmt *row, int at,
                           const char **out, mr_error *err)
{
    *out = mr_arena_copy(dir->arena, mr_sqlite_column_text(row, at));
    return *out != NULL ? MR_OK : mr_arena_fail(dir->arena, err);
}

static mr_code take_row(mr_data_dir *dir, const mr_sqlite_stmt *row, size_t room, mr_error *err)
{
    if (dir->space_count == room) return MR_OK; /* made since they were counted */
    mr_data_space *space = &dir->spaces[dir->space_count];
    const char **const texts[] = {&space->id, &space->token_hash, &space->place,
                                  &space->description, &space->metadata};
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++)
        MR_TRY(copy_column(dir, row, (int)i, texts[i], err));
    space->created_s = mr_sqlite_column_i64(row, 5);
    dir->space_count++;
    return find_file(dir, space, err);
}

static mr_code read_rows(mr_data_dir *dir, mr_sqlite *registry, mr_error *err)
{
    static const char sql[] = "SELECT id, token_hash, db_path, coalesce(description, ''), "
                              "coalesce(nullif(metadata, ''), '{}'), created_at FROM namespaces "
                              "ORDER BY created_at, rowid";
    int64_t count;
    MR_TRY(mr_data_ask(registry, "SELECT count(*) FROM namespaces", &count, err));
    if (count > SPACES_MAX)
        return mr_fail(err, MR_ERR_LIMIT,
                       "the registry lists %lld namespaces, at most %d can be "
                       "looked at",
                       (long long)count, SPACES_MAX);
    dir->spaces = mr_arena_take(dir->arena, ((size_t)count + 1) * sizeof *dir->spaces);
    if (dir->spaces == NULL) return mr_arena_fail(dir->arena, err);
    mr_sqlite_stmt row = {0};
    MR_TRY(mr_sqlite_prepare(&row, registry, MR_SLICE(sql), "list the namespaces", err));
    bool more = true;
    mr_code rc = MR_OK;
    while (rc == MR_OK) {
        rc = mr_sqlite_step(&row, &more, err);
        if (rc != MR_OK || !more) break;
        rc = take_row(dir, &row, (size_t)count, err);
    }
    mr_sqlite_finish(&row);
    return rc;
}

static mr_code read_registry(mr_data_dir *dir, mr_sqlite *registry, mr_error *err)
{
    int64_t is_one;
    MR_TRY(mr_data_ask(registry,
                       "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = "
                       "'namespaces'",
                       &is_one, err));
    if (is_one == 0)
        return mr_fail(err, MR_ERR_INPUT,
                       "'%s' is no registry of namespaces: it has no table of that name",
                       dir->registry_path);
    MR_TRY(mr_sqlite_begin(registry, err));
    const mr_code rc = read_rows(dir, registry, err);
    mr_sqlite_rollback(registry);
    return rc;
}

mr_code mr_data_dir_read(mr_data_dir *dir, const char *path, const char *registry, mr_arena *arena,
                         mr_error *err)
{
    struct stat info;
    mr_sqlite db = {0};
    memset(dir, 0, sizeof *dir);
    dir->arena = arena;
    if (stat(path, &info) != 0) return mr_fail_errno(err, errno, "data directory '%s'", path);
    if (!S_ISDIR(info.st_mode))
        return mr_fail(err, MR_ERR_USAGE, "'%s': expected a data directory, found a file", path);
    dir->path = mr_arena_copy(arena, mr_slice_text(path));
    if (registry == NULL) registry = MR_DATA_DIR_REGISTRY;
    dir->registry_path = strchr(registry, '/') != NULL
                             ? mr_arena_copy(arena, mr_slice_text(registry))
                             : mr_arena_printf(arena, "%s/%s", path, registry);
    if (dir->path == NULL || dir->registry_path == NULL) return mr_arena_fail(arena, err);
    if (!is_file(dir->registry_path))
        return mr_fail(err, MR_ERR_USAGE,
                       "'%s' is no data directory: it has no '%s'; --registry names another file",
                       path, registry);
    mr_code rc = open_read_only(&db, dir->registry_path, err);
    if (rc == MR_OK) rc = read_registry(dir, &db, err);
    mr_sqlite_close(&db);
    return rc;
}

mr_code mr_data_dir_find(const mr_data_dir *dir, const char *id, const mr_data_space **out,
                         mr_error *err)
{
    for (size_t i = 0; i < dir->space_count; i++) {
        if (strcmp(dir->spaces[i].id, id) != 0) continue;
        *out = &dir->spaces[i];
        return MR_OK;
    }
    return mr_fail(err, MR_ERR_USAGE, "there is no namespace '%s' in '%s'", id, dir->path);
}

/* --- a namespace --- */

static mr_code find_form(mr_sqlite *db, mr_data_form *out, mr_error *err)
{
    int64_t has_version, version = 0, eventodb;
    MR_TRY(mr_data_ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = '_schema_version'",
                       &has_version, err));
    MR_TRY(mr_data_ask(db,
                       "SELECT count(*) FROM pragma_table_info('messages') WHERE name = "
                       "'stream_name'",
                       &eventodb, err));
    if (has_version > 0)
        MR_TRY(mr_data_ask(db, "SELECT coalesce(max(version), 0) FROM _schema_version", &version,
                           err));
    *out = eventodb > 0 ? MR_DATA_EVENTODB : MR_DATA_OURS;
    if (eventodb > 0 || version == SCHEMA_VERSION) return MR_OK;
    if (version > SCHEMA_VERSION)
        return mr_fail(err, MR_ERR_INPUT,
                       "\"%s\" has schema version %lld, this program knows %d: use a newer one",
                       db->name, (long long)version, SCHEMA_VERSION);
    return mr_fail(err, MR_ERR_INPUT, "\"%s\" is no database of a namespace", db->name);
}

mr_code mr_data_space_open(const mr_data_space *space, mr_sqlite *db, mr_data_form *out_form,
                           mr_error *err)
{
    if (space->path == NULL)
        return mr_fail(err, MR_ERR_INPUT, "its database '%s' is not there", space->place);
    mr_code rc = open_read_only(db, space->path, err);
    if (rc == MR_OK) rc = find_form(db, out_form, err);
    if (rc != MR_OK) mr_sqlite_close(db);
    return rc;
}

/* --- streams --- */

static const char our_streams[] =
    "SELECT s.name, max(m.position), count(*), (SELECT time FROM messages l WHERE l.stream = s.id "
    "ORDER BY l.position DESC LIMIT 1) FROM streams s JOIN messages m ON m.stream = s.id WHERE "
    "s.name >= ?1 GROUP BY s.id ORDER BY s.name";

/* A column without aggregate beside max() is of the row that has the maximum. */
static const char eventodb_streams[] =
    "SELECT stream_name, max(position), count(*), time * 1000000 FROM messages WHERE stream_name "
    ">= ?1 GROUP BY stream_name ORDER BY stream_name";

static bool begins_with(mr_slice name, mr_slice prefix)
{
    return name.len >= prefix.len && memcmp(name.ptr, prefix.ptr, prefix.len) == 0;
}

mr_code mr_data_each_stream(mr_sqlite *db, mr_data_form form, mr_slice prefix,
                            mr_code (*take)(void *context, const mr_data_stream *stream,
                                            mr_error *err),
                            void *context, mr_error *err)
{
    mr_sqlite_stmt row = {0};
    const char *sql = form == MR_DATA_OURS ? our_streams : eventodb_streams;
    if (prefix.ptr == NULL) prefix = MR_SLICE("");
    MR_TRY(mr_sqlite_prepare(&row, db, mr_slice_text(sql), "list streams", err));
    mr_code rc = mr_sqlite_bind_text(&row, 1, prefix, err);
    bool more = true;
    while (rc == MR_OK) {
        rc = mr_sqlite_step(&row, &more, err);
        if (rc != MR_OK || !more) break;
        const mr_data_stream stream = {.name = mr_sqlite_column_text(&row, 0),
                                       .version = mr_sqlite_column_i64(&row, 1),
                                       .messages = mr_sqlite_column_i64(&row, 2),
                                       .last_time_us = mr_sqlite_column_i64(&row, 3)};
        if (!begins_with(stream.name, prefix)) break;
        rc = take(context, &stream, err);
    }
    mr_sqlite_finish(&row);
    return rc;
}
