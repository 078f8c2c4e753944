/* SPDX-License-Identifier: MIT */
#include "store/check.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scan.h"
#include "store/name.h"
#include "store/token.h"

#define ARENA_BYTES ((size_t)1 << 30) /* a row of the registry for each namespace */
#define SHOWN_MAX   120               /* bytes of a name in a finding */

/* The namespace that is being looked at. */
typedef struct work {
    mr_check *check;
    mr_check_space space;
    mr_sqlite db;
    uint64_t told; /* findings of the present kind */
} work;

MR_PRINTF(3, 4) static void tell(work *w, bool is_fault, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *(is_fault ? &w->space.faults : &w->space.remarks) += 1;
    if (w->told++ < MR_CHECK_FINDINGS_MAX) w->check->found(w->check, w->space.id, is_fault, text);
}

/* Ends a kind of findings. */
static void end_kind(work *w)
{
    char text[64];
    if (w->told > MR_CHECK_FINDINGS_MAX) {
        snprintf(text, sizeof text, "and %llu more of this kind",
                 (unsigned long long)(w->told - MR_CHECK_FINDINGS_MAX));
        w->check->found(w->check, w->space.id, false, text);
    }
    w->told = 0;
}

/* Calls `take` for each row of `sql`. */
typedef void take_row(work *w, const mr_sqlite_stmt *row);

static mr_code each_row(work *w, const char *sql, take_row *take, mr_error *err)
{
    mr_sqlite_stmt row = {0};
    bool more = true;
    MR_TRY(mr_sqlite_prepare(&row, &w->db, mr_slice_text(sql), "look at the messages", err));
    mr_code rc = MR_OK;
    while (rc == MR_OK) {
        rc = mr_sqlite_step(&row, &more, err);
        if (rc != MR_OK || !more) break;
        take(w, &row);
    }
    mr_sqlite_finish(&row);
    end_kind(w);
    return rc;
}

/* --- what each query finds ------------------------------------------------------------------ */

static mr_slice shown(mr_slice name)
{
    return mr_slice_of(name.ptr, mr_min_u64(name.len, SHOWN_MAX));
}

static void take_integrity(work *w, const mr_sqlite_stmt *row)
{
    const mr_slice text = mr_sqlite_column_text(row, 0);
    if (!mr_slice_is(text, "ok")) tell(w, true, "SQLite: %.*s", MR_SLICE_ARGS(shown(text)));
}

/* name, count, lowest, highest, base, id */
static void take_stream(work *w, const mr_sqlite_stmt *row)
{
    const mr_slice name = shown(mr_sqlite_column_text(row, 0));
    const long long count = mr_sqlite_column_i64(row, 1), low = mr_sqlite_column_i64(row, 2),
                    high = mr_sqlite_column_i64(row, 3);
    w->space.streams++;
    w->space.messages += (uint64_t)count;
    const bool strict = w->check->strict;
    if (low < 0)
        tell(w, true, "stream '%.*s': position %lld is below 0", MR_SLICE_ARGS(name), low);
    else if (strict && low > 0)
        tell(w, true, "stream '%.*s': it begins at position %lld", MR_SLICE_ARGS(name), low);
    if (high - low + 1 != count)
        tell(w, strict, "stream '%.*s': %lld of the positions %lld to %lld are missing",
             MR_SLICE_ARGS(name), high - low + 1 - count, low, high);
}

/* stream's name, position */
static void take_disorder(work *w, const mr_sqlite_stmt *row)
{
    tell(w, w->check->strict,
         "stream '%.*s': position %lld has a lower global position than the one before it",
         MR_SLICE_ARGS(shown(mr_sqlite_column_text(row, 0))),
         (long long)mr_sqlite_column_i64(row, 1));
}

/* global position */
static void take_orphan(work *w, const mr_sqlite_stmt *row)
{
    tell(w, true, "message %lld: its stream does not exist or is of another category",
         (long long)mr_sqlite_column_i64(row, 0));
}

static void take_bad_id(work *w, const mr_sqlite_stmt *row)
{
    tell(w, true, "message %lld: its id is neither 16 bytes nor text",
         (long long)mr_sqlite_column_i64(row, 0));
}

static void take_bad_position(work *w, const mr_sqlite_stmt *row)
{
    tell(w, true, "message %lld: global positions start at 1",
         (long long)mr_sqlite_column_i64(row, 0));
}

/* stream's name, category's name, base */
static void take_stream_name(work *w, const mr_sqlite_stmt *row)
{
    const mr_slice name = mr_sqlite_column_text(row, 0), category = mr_sqlite_column_text(row, 1);
    if (mr_sqlite_column_type(row, 1) == SQLITE_NULL)
        tell(w, true, "stream '%.*s': its category does not exist", MR_SLICE_ARGS(shown(name)));
    else if (!mr_slice_equal(mr_stream_category(name), category))
        tell(w, true, "stream '%.*s' is in the category '%.*s'", MR_SLICE_ARGS(shown(name)),
             MR_SLICE_ARGS(shown(category)));
    if (mr_sqlite_column_i64(row, 2) < -1)
        tell(w, true, "stream '%.*s': its base is %lld, expected -1 or more",
             MR_SLICE_ARGS(shown(name)), (long long)mr_sqlite_column_i64(row, 2));
}

/* name, kept and true number of messages, kept and true number of streams */
static void take_category(work *w, const mr_sqlite_stmt *row)
{
    const mr_slice name = shown(mr_sqlite_column_text(row, 0));
    if (mr_sqlite_column_i64(row, 1) != mr_sqlite_column_i64(row, 2))
        tell(w, true, "category '%.*s' counts %lld messages, there are %lld", MR_SLICE_ARGS(name),
             (long long)mr_sqlite_column_i64(row, 1), (long long)mr_sqlite_column_i64(row, 2));
    if (mr_sqlite_column_i64(row, 3) != mr_sqlite_column_i64(row, 4))
        tell(w, true, "category '%.*s' counts %lld streams, there are %lld", MR_SLICE_ARGS(name),
             (long long)mr_sqlite_column_i64(row, 3), (long long)mr_sqlite_column_i64(row, 4));
}

static bool is_object(const mr_sqlite_stmt *row, int at, bool may_be_null)
{
    mr_scan scan;
    mr_scan_value value;
    if (mr_sqlite_column_type(row, at) == SQLITE_NULL) return true;
    const mr_slice text = mr_sqlite_column_blob(row, at);
    mr_scan_init(&scan, text);
    if (!mr_scan_next(&scan, &value) || !mr_scan_finish(&scan)) return false;
    return value.kind == MR_SCAN_OBJECT || (may_be_null && value.kind == MR_SCAN_NULL);
}

/* global position, data, metadata */
static void take_body(work *w, const mr_sqlite_stmt *row)
{
    const long long at = mr_sqlite_column_i64(row, 0);
    const bool eventodb = w->space.form == MR_DATA_EVENTODB;
    if (!is_object(row, 1, eventodb)) tell(w, true, "message %lld: its data is no JSON object", at);
    if (!is_object(row, 2, eventodb))
        tell(w, true, "message %lld: its metadata is no JSON object", at);
}

/* Each is about one kind; the second column is for the tables of EventoDB, NULL where they have no
 * such thing. */
static const struct {
    const char *ours, *eventodb;
    take_row *take;
} queries[] = {
    {"PRAGMA integrity_check(100)", "PRAGMA integrity_check(100)", take_integrity},
    {"SELECT s.name, count(*), min(m.position), max(m.position) FROM messages m JOIN streams s ON "
     "s.id = m.stream GROUP BY m.stream",
     "SELECT stream_name, count(*), min(position), max(position) FROM messages GROUP BY "
     "stream_name",
     take_stream},
    {"SELECT (SELECT name FROM streams s WHERE s.id = l.stream), l.position FROM (SELECT stream, "
     "position, global_position, lag(global_position) OVER (PARTITION BY stream ORDER BY position) "
     "AS before FROM messages) l WHERE l.global_position < l.before",
     "SELECT stream_name, position FROM (SELECT stream_name, position, global_position, "
     "lag(global_position) OVER (PARTITION BY stream_name ORDER BY position) AS before FROM "
     "messages) WHERE global_position < before",
     take_disorder},
    {"SELECT m.global_position FROM messages m LEFT JOIN streams s ON s.id = m.stream WHERE s.id "
     "IS "
     "NULL OR s.category <> m.category",
     NULL, take_orphan},
    {"SELECT global_position FROM messages WHERE NOT ((typeof(id) = 'blob' AND length(id) = 16) OR "
     "(typeof(id) = 'text' AND id <> ''))",
     NULL, take_bad_id},
    {"SELECT global_position FROM messages WHERE global_position < 1",
     "SELECT global_position FROM messages WHERE global_position < 1", take_bad_position},
    {"SELECT s.name, c.name, s.base FROM streams s LEFT JOIN categories c ON c.id = s.category",
     NULL, take_stream_name},
    {"SELECT c.name, c.messages, coalesce(t.messages, 0), c.streams, coalesce(t.streams, 0) FROM "
     "categories c LEFT JOIN (SELECT category, count(*) AS messages, count(DISTINCT stream) AS "
     "streams FROM messages GROUP BY category) t ON t.category = c.id",
     NULL, take_category},
    {"SELECT global_position, data, metadata FROM messages",
     "SELECT global_position, data, metadata FROM messages", take_body},
};

/* --- one namespace -------------------------------------------------------------------------- */

static mr_code check_tables(work *w, mr_error *err)
{
    int64_t pages, page_bytes;
    for (size_t i = 0; i < MR_COUNT_OF(queries); i++) {
        const char *sql = w->space.form == MR_DATA_EVENTODB ? queries[i].eventodb : queries[i].ours;
        if (sql != NULL) MR_TRY(each_row(w, sql, queries[i].take, err));
        /* What damaged pages would say further on means nothing. */
        if (i == 0 && w->space.faults > 0) return MR_OK;
    }
    MR_TRY(mr_data_ask(&w->db, "PRAGMA page_count", &pages, err));
    MR_TRY(mr_data_ask(&w->db, "PRAGMA page_size", &page_bytes, err));
    w->space.size_bytes = (uint64_t)(pages * page_bytes);
    return MR_OK;
}

/* One transaction, so that what is compared is of one moment. */
static mr_code check_database(work *w, const mr_data_space *space, mr_error *err)
{
    MR_TRY(mr_data_space_open(space, &w->db, &w->space.form, err));
    mr_code rc = mr_sqlite_begin(&w->db, err);
    if (rc == MR_OK) rc = check_tables(w, err);
    mr_sqlite_rollback(&w->db);
    mr_sqlite_close(&w->db);
    return rc;
}

static void check_row(work *w, const mr_data_space *space)
{
    mr_error err;
    if (mr_space_id_check(mr_slice_text(space->id), &err) != MR_OK)
        tell(w, true, "registry: %s", err.text);
    const size_t hash_len = strlen(space->token_hash);
    if (hash_len != 64 || strspn(space->token_hash, "0123456789abcdef") != 64)
        tell(w, true, "registry: its token's hash is not 64 lower-case hexadecimal digits");
    end_kind(w);
}

static void check_space(mr_check *check, const mr_data_space *space)
{
    mr_error err;
    work w = {.check = check, .space = {.id = space->id, .form = MR_DATA_OURS}};
    check_row(&w, space);
    if (check_database(&w, space, &err) != MR_OK) tell(&w, true, "%s", err.text);
    check->spaces++;
    check->messages += w.space.messages;
    check->faults += w.space.faults;
    check->remarks += w.space.remarks;
    if (check->done != NULL) check->done(check, &w.space);
}

/* --- files ---------------------------------------------------------------------------------- */

/* The paths of all databases, sorted. */
typedef struct path_list {
    const char **items;
    size_t count;
} path_list;

static int compare_paths(const void *a, const void *b)
{
    const char *left, *right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return strcmp(left, right);
}

static mr_code list_paths(const mr_data_dir *dir, path_list *out, mr_error *err)
{
    out->count = 0;
    out->items = mr_arena_take(dir->arena, (dir->space_count + 1) * sizeof *out->items);
    if (out->items == NULL) return mr_arena_fail(dir->arena, err);
    for (size_t i = 0; i < dir->space_count; i++)
        if (dir->spaces[i].path != NULL) out->items[out->count++] = dir->spaces[i].path;
    qsort(out->items, out->count, sizeof *out->items, compare_paths);
    return MR_OK;
}

MR_PRINTF(3, 4)
static void tell_registry(mr_check *check, bool is_fault, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *(is_fault ? &check->faults : &check->remarks) += 1;
    check->found(check, NULL, is_fault, text);
}

static void check_shared(mr_check *check, const path_list *paths)
{
    for (size_t i = 1; i < paths->count; i++)
        if (strcmp(paths->items[i - 1], paths->items[i]) == 0)
            tell_registry(check, true, "two namespaces share the database '%.300s'",
                          paths->items[i]);
}

static mr_code check_left_over(mr_check *check, const mr_data_dir *dir, const path_list *paths,
                               mr_error *err)
{
    const char *folder = mr_arena_printf(dir->arena, "%s/namespaces", dir->path);
    if (folder == NULL) return mr_arena_fail(dir->arena, err);
    DIR *files = opendir(folder);
    if (files == NULL) return MR_OK; /* none was made yet, or all are EventoDB's */
    for (const struct dirent *file; (file = readdir(files)) != NULL;) {
        char text[4096];
        const char *path = text;
        snprintf(text, sizeof text, "%s/%s", folder, file->d_name);
        if (!mr_slice_ends(mr_slice_text(file->d_name), ".db")) continue;
        if (bsearch(&path, paths->items, paths->count, sizeof path, compare_paths) != NULL)
            continue;
        tell_registry(check, false, "the file 'namespaces/%.300s' belongs to no namespace",
                      file->d_name);
    }
    closedir(files);
    return MR_OK;
}

static mr_code check_all(mr_check *check, const char *data_dir, mr_arena *arena, mr_error *err)
{
    mr_data_dir dir;
    MR_TRY(mr_data_dir_read(&dir, data_dir, check->registry, arena, err));
    for (size_t i = 0; i < dir.space_count; i++)
        check_space(check, &dir.spaces[i]);
    path_list paths;
    MR_TRY(list_paths(&dir, &paths, err));
    check_shared(check, &paths);
    return check_left_over(check, &dir, &paths, err);
}

mr_code mr_check_run(mr_check *check, const char *data_dir, mr_error *err)
{
    mr_arena arena;
    check->faults = check->remarks = check->spaces = check->messages = 0;
    mr_arena_init(&arena, "store.check", ARENA_BYTES);
    const mr_code rc = check_all(check, data_dir, &arena, err);
    mr_arena_done(&arena);
    return rc;
}
