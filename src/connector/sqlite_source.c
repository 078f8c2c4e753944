/* SPDX-License-Identifier: MIT
 *
 * A table or a query, read in one transaction: rows that others add or change meanwhile are not
 * seen. SQLite's values have types of their own, whatever the column declares, so each cell gets
 * the type of its value; connector/sqlite_type.h says what declared types add to that. */
#include "connector/connectors.h"

#include <math.h>

#include "connector/sqlite_since.h"
#include "connector/sqlite_type.h"
#include "core/file.h"
#include "core/number.h"
#include "core/packed.h"
#include "core/sha256.h"
#include "core/utf8.h"
#include "db/sqlite.h"

#define BATCH_ROWS      8192
#define BATCH_BYTES     ((size_t)512 << 10)
#define LISTED_TABLES   12 /* in the error that asks for a choice */
#define QUERY_MAX_BYTES ((size_t)1 << 20)

typedef struct source_column {
    mr_type fixed; /* by a first pass; MR_TYPE_NULL = each value's own */
    mr_type hint;
    mr_time_layout layout;
} source_column;

typedef struct sqlite_source {
    /* Options. */
    const char *table;
    const char *query;
    uint32_t batch_rows;
    int64_t busy_timeout_ns;

    const mr_connector_env *env;
    const char *path;
    mr_slice name; /* of the table, or "query": where the rows are from */
    mr_sqlite db;
    mr_sqlite_stmt rows;
    mr_schema schema;
    source_column *columns;
    atomic_uint_least64_t row_count; /* read by progress() */
    uint64_t row_total;              /* 0 = not known */
    mr_sqlite_since_room since_room;
    bool ended;
    char looks[65]; /* a sum over what tells that somebody has written to the database */
} sqlite_source;

static const mr_option source_options[] = {
    {.name = "table",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(sqlite_source, table),
     .help = "table or view to read; without it and a query, the only table there is"},
    {.name = "query",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(sqlite_source, query),
     .help = "a SELECT to read instead of a table"},
    {.name = "batch_rows",
     .type = MR_OPTION_U32,
     .offset = offsetof(sqlite_source, batch_rows),
     .fallback = "8192",
     .range = {1, MR_BATCH_MAX_ROWS},
     .help = "most rows handed downstream at a time"},
    {.name = "busy_timeout",
     .type = MR_OPTION_DURATION_NS,
     .offset = offsetof(sqlite_source, busy_timeout_ns),
     .fallback = "10s",
     .range = {0, (int64_t)3600 * 1000000000},
     .help = "how long to wait for other programs that use the database"},
    {0},
};

/* --- what to read
 * -------------------------------------------------------------------------------- */

/* The error that lists the tables there are. */
static mr_code ask_for_table(const sqlite_source *own, mr_slice list, uint64_t count, mr_error *err)
{
    if (count == 0) return mr_fail(err, MR_ERR_INPUT, "\"%s\" holds no tables", own->path);
    return mr_fail(err, MR_ERR_USAGE, "\"%s\" holds %llu tables; choose one with table=: %.*s%s",
                   own->path, (unsigned long long)count, MR_SLICE_ARGS(list),
                   count > LISTED_TABLES ? ", ..." : "");
}

static mr_code read_tables(sqlite_source *own, mr_sqlite_stmt *stmt, mr_buffer *list,
                           uint64_t *count, mr_error *err)
{
    for (bool row = true;;) {
        MR_TRY(mr_sqlite_step(stmt, &row, err));
        if (!row) return MR_OK;
        const mr_slice name = mr_sqlite_column_text(stmt, 0);
        if ((*count)++ == 0) {
            own->table = mr_arena_copy(own->env->arena, name);
            if (own->table == NULL) return mr_arena_fail(own->env->arena, err);
        }
        if (*count > LISTED_TABLES) continue;
        if (*count > 1) MR_TRY(mr_buffer_append(list, MR_SLICE(", "), err));
        MR_TRY(mr_buffer_append(list, name, err));
    }
}

/* The only table there is. */
static mr_code choose_table(sqlite_source *own, mr_error *err)
{
    uint64_t count = 0;
    mr_buffer list;
    mr_buffer_init(&list, "a list of tables", QUERY_MAX_BYTES);
    mr_sqlite_stmt stmt = {0};
    mr_code rc = mr_sqlite_prepare(&stmt, &own->db,
                                   MR_SLICE("SELECT name FROM pragma_table_list WHERE schema = "
                                            "'main' AND type = 'table' AND name NOT LIKE "
                                            "'sqlite\\_%' ESCAPE '\\' ORDER BY name"),
                                   "list the tables", err);
    if (rc == MR_OK) rc = read_tables(own, &stmt, &list, &count, err);
    mr_sqlite_finish(&stmt);
    if (rc == MR_OK && count != 1) rc = ask_for_table(own, mr_buffer_slice(&list), count, err);
    mr_buffer_done(&list);
    return rc;
}

/* The largest rowid is how many rows there are, give or take what was deleted, and takes no time to
 * find. Tables without rowids and views do not have it. */
static void estimate_total(sqlite_source *own, mr_slice quoted)
{
    const char *sql =
        mr_arena_printf(own->env->arena, "SELECT max(rowid) FROM %.*s", MR_SLICE_ARGS(quoted));
    mr_sqlite_stmt stmt = {0};
    bool row = false;
    if (sql == NULL) return;
    if (mr_sqlite_prepare(&stmt, &own->db, mr_slice_text(sql), "count rows", NULL) == MR_OK &&
        sqlite3_column_count(stmt.handle) == 1 && mr_sqlite_step(&stmt, &row, NULL) == MR_OK &&
        row && mr_sqlite_column_i64(&stmt, 0) > 0)
        own->row_total = (uint64_t)mr_sqlite_column_i64(&stmt, 0);
    mr_sqlite_finish(&stmt);
}

static bool is_view(sqlite_source *own)
{
    mr_sqlite_stmt stmt = {0};
    bool row = false;
    if (mr_sqlite_prepare(&stmt, &own->db,
                          MR_SLICE("SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND "
                                   "type = 'view' AND name = ?1 COLLATE NOCASE"),
                          "look the table up", NULL) == MR_OK &&
        mr_sqlite_bind_text(&stmt, 1, mr_slice_text(own->table), NULL) == MR_OK &&
        mr_sqlite_step(&stmt, &row, NULL) != MR_OK)
        row = false;
    mr_sqlite_finish(&stmt);
    return row;
}

static mr_code prepare_table(sqlite_source *own, mr_error *err)
{
    mr_buffer sql;
    mr_buffer_init(&sql, "a table's name", QUERY_MAX_BYTES);
    mr_code rc = mr_buffer_append(&sql, MR_SLICE("SELECT * FROM main."), err);
    const size_t from = sql.len - strlen("main.");
    if (rc == MR_OK) rc = mr_sqlite_quote(&sql, mr_slice_text(own->table), err);
    if (rc == MR_OK)
        rc = mr_sqlite_prepare(&own->rows, &own->db, mr_buffer_slice(&sql), "read the table", err);
    if (rc == MR_OK && !is_view(own)) /* in a view it would be a full run */
        estimate_total(own, mr_slice_from(mr_buffer_slice(&sql), from));
    mr_buffer_done(&sql);
    return rc;
}

static mr_code prepare_query(sqlite_source *own, mr_error *err)
{
    MR_TRY(
        mr_sqlite_prepare(&own->rows, &own->db, mr_slice_text(own->query), "run the query", err));
    if (sqlite3_column_count(own->rows.handle) == 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "the query for \"%s\" gives no columns: expected a SELECT", own->path);
    if (sqlite3_stmt_readonly(own->rows.handle) == 0)
        return mr_fail(err, MR_ERR_USAGE, "the query for \"%s\" would write; a source only reads",
                       own->path);
    return MR_OK;
}

static mr_code learn_columns(sqlite_source *own, mr_error *err)
{
    mr_schema_init(&own->schema, own->env->arena);
    const int count = sqlite3_column_count(own->rows.handle);
    if ((uint32_t)count > own->env->limits.max_columns)
        return mr_fail(err, MR_ERR_LIMIT, "\"%s\" has %d columns (limits.max_columns is %u)",
                       own->path, count, own->env->limits.max_columns);
    own->columns = mr_arena_take(own->env->arena, sizeof *own->columns * (size_t)count);
    if (own->columns == NULL) return mr_arena_fail(own->env->arena, err);
    for (int i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(own->rows.handle, i);
        if (name == NULL) return mr_sqlite_fail(&own->db, SQLITE_NOMEM, "read column names", err);
        MR_TRY(mr_schema_add_header_name(&own->schema, mr_slice_text(name), err));
        own->schema.fields[i].type = MR_TYPE_NULL; /* its values tell */
        own->columns[i].hint =
            mr_sqlite_hint_of(mr_slice_text(sqlite3_column_decltype(own->rows.handle, i)));
    }
    return MR_OK;
}

/* File and log: identity, size and time of both. */
static void take_looks(sqlite_source *own)
{
    const char *log = mr_arena_printf(own->env->arena, "%s-wal", own->path);
    const char *const names[] = {own->path, log};
    mr_sha256 sum;
    mr_sha256_init(&sum);
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        mr_identity now = {0};
        if (names[i] == NULL || !mr_identity_of_path(names[i], &now) || now.size_bytes == 0)
            now = (mr_identity){0}; /* an empty log is as good as none */
        mr_sha256_add(&sum, mr_slice_of((const char *)&now, sizeof now));
    }
    mr_sha256_hex(&sum, own->looks);
}

static mr_code source_open(void *state, const mr_connector_env *env, mr_error *err)
{
    sqlite_source *own = state;
    own->env = env;
    own->path = mr_arena_copy(env->arena, env->path);
    if (own->path == NULL) return mr_arena_fail(env->arena, err);
    if (mr_slice_is(env->path, "-"))
        return mr_fail(err, MR_ERR_USAGE,
                       "SQLite cannot read standard input; name a database file");
    if (own->table != NULL && own->query != NULL)
        return mr_fail(err, MR_ERR_USAGE, "table and query contradict each other; give one");
    const mr_sqlite_options options = {.mode = MR_SQLITE_READ,
                                       .busy_timeout_ms = (int)(own->busy_timeout_ns / 1000000),
                                       .cancelled = env->cancelled};
    MR_TRY(mr_sqlite_open(&own->db, own->path, &options, err));
    MR_TRY(mr_sqlite_begin(&own->db, err));
    take_looks(own);
    if (own->table == NULL && own->query == NULL) MR_TRY(choose_table(own, err));
    MR_TRY(own->query != NULL ? prepare_query(own, err) : prepare_table(own, err));
    own->name = own->query != NULL ? MR_SLICE("query") : mr_slice_text(own->table);
    return learn_columns(own, err);
}

/* Its text cut behind what ends it: it becomes part of another statement. */
static mr_code append_query(const sqlite_source *own, mr_buffer *sql, mr_error *err)
{
    mr_slice text = mr_slice_text(own->query);
    while (text.len > 0 && strchr("; \t\r\n", text.ptr[text.len - 1]) != NULL)
        text.len--;
    MR_TRY(mr_buffer_append(sql, MR_SLICE("SELECT * FROM (\n"), err));
    MR_TRY(mr_buffer_append(sql, text, err));
    return mr_buffer_append(sql, MR_SLICE("\n)"), err); /* it may end in a comment */
}

/* Texts are compared byte by byte, which SQLite does only where they are UTF-8. */
static mr_code is_utf8(sqlite_source *own, bool *out, mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    bool row = false;
    mr_code rc =
        mr_sqlite_prepare(&stmt, &own->db, MR_SLICE("PRAGMA encoding"), "read the encoding", err);
    if (rc == MR_OK) rc = mr_sqlite_step(&stmt, &row, err);
    *out = row && mr_slice_is(mr_sqlite_column_text(&stmt, 0), "UTF-8");
    mr_sqlite_finish(&stmt);
    return rc;
}

static mr_code prepare_since(sqlite_source *own, const mr_source_since *since, int at,
                             mr_error *err)
{
    mr_buffer sql;
    mr_sqlite_stmt rows = {0};
    const mr_slice declared = mr_slice_text(sqlite3_column_decltype(own->rows.handle, at));
    mr_buffer_init(&sql, "the query", QUERY_MAX_BYTES);
    mr_code rc = own->query != NULL ? append_query(own, &sql, err)
                                    : mr_buffer_append(&sql, MR_SLICE("SELECT * FROM main."), err);
    if (rc == MR_OK && own->query == NULL)
        rc = mr_sqlite_quote(&sql, mr_slice_text(own->table), err);
    if (rc == MR_OK) rc = mr_sqlite_since_append(since, declared, &sql, err);
    if (rc == MR_OK)
        rc = mr_sqlite_prepare(&rows, &own->db, mr_buffer_slice(&sql), "read what is new", err);
    if (rc == MR_OK) rc = mr_sqlite_since_bind(since, declared, &rows, &own->since_room, err);
    mr_buffer_done(&sql);
    if (rc != MR_OK) {
        mr_sqlite_finish(&rows);
        return rc;
    }
    mr_sqlite_finish(&own->rows);
    own->rows = rows;
    own->row_total = 0;
    return MR_OK;
}

static mr_code source_since(void *state, const mr_source_since *since, mr_error *err)
{
    sqlite_source *own = state;
    bool utf8 = true;
    const int64_t at = mr_schema_find(&own->schema, since->column);
    if (at < 0) return MR_OK; /* the run says so */
    const char *name = sqlite3_column_name(own->rows.handle, (int)at);
    if (name == NULL || !mr_slice_is(since->column, name)) return MR_OK; /* one of two of a name */
    if (since->kind != MR_CURSOR_NUMBER) MR_TRY(is_utf8(own, &utf8, err));
    return utf8 ? prepare_since(own, since, (int)at, err) : MR_OK;
}

static const mr_schema *source_schema(void *state)
{
    return &((sqlite_source *)state)->schema;
}

static uint32_t source_abilities(MR_UNUSED void *state)
{
    return MR_CAP_REWIND | MR_CAP_TYPED;
}

/* Back to the first row. The transaction keeps what is read the same. */
static mr_code source_begin(void *state, MR_UNUSED bool keep, MR_UNUSED mr_error *err)
{
    sqlite_source *own = state;
    for (uint32_t i = 0; i < own->schema.field_count; i++)
        own->columns[i].layout = 0;
    mr_sqlite_reset(&own->rows);
    atomic_store_explicit(&own->row_count, 0, memory_order_relaxed);
    own->ended = false;
    return MR_OK;
}

static mr_code source_set_schema(void *state, const mr_schema *schema,
                                 MR_UNUSED const mr_infer *found, MR_UNUSED bool exact,
                                 mr_error *err)
{
    sqlite_source *own = state;
    if (schema->field_count != own->schema.field_count)
        return mr_fail(err, MR_ERR_USAGE, "\"%s\" has %u columns, the schema %u", own->path,
                       own->schema.field_count, schema->field_count);
    for (uint32_t i = 0; i < own->schema.field_count; i++) {
        /* A mixed column begins each batch without a type and takes those of its values. */
        const mr_type type = schema->fields[i].type;
        own->columns[i].fixed = type == MR_TYPE_MIXED ? MR_TYPE_NULL : type;
        own->schema.fields[i].type = own->columns[i].fixed;
    }
    return MR_OK;
}

/* --- reading
 * ------------------------------------------------------------------------------------- */

/* One value as its literal and its type. `room` is for numbers. */
static mr_slice literal_of(sqlite_source *own, int at, char *room, mr_type *out_type)
{
    const mr_sqlite_stmt *rows = &own->rows;
    source_column *column = &own->columns[at];
    switch (mr_sqlite_column_type(rows, at)) {
    case SQLITE_INTEGER:
        *out_type = MR_TYPE_INT;
        return (mr_slice){room, mr_format_i64(room, mr_sqlite_column_i64(rows, at))};
    case SQLITE_FLOAT: {
        const double value = mr_sqlite_column_f64(rows, at);
        *out_type = MR_TYPE_FLOAT;
        const size_t len = mr_format_f64(room, value);
        if (len > 0) return (mr_slice){room, len};
        *out_type = MR_TYPE_STRING; /* spelled as SQLite spells it */
        return value > 0 ? MR_SLICE("Inf") : MR_SLICE("-Inf");
    }
    case SQLITE_BLOB: *out_type = MR_TYPE_BYTES; return mr_sqlite_column_blob(rows, at);
    case SQLITE_TEXT: {
        const mr_slice text = mr_sqlite_column_text(rows, at);
        if (!mr_utf8_valid(text)) { /* SQLite does not look */
            *out_type = MR_TYPE_BYTES;
            return text;
        }
        const bool fits = column->hint != MR_TYPE_STRING &&
                          mr_sqlite_fits_hint(text, column->hint, &column->layout);
        *out_type = fits ? column->hint : MR_TYPE_STRING;
        return text;
    }
    default: *out_type = MR_TYPE_NULL; return (mr_slice){NULL, 0};
    }
}

static mr_code append_cell(sqlite_source *own, mr_column *column, int at, uint32_t row,
                           size_t *bytes, mr_error *err)
{
    char room[MR_F64_TEXT_MAX];
    mr_type type;
    const mr_slice text = literal_of(own, at, room, &type);
    if (type == MR_TYPE_NULL) {
        mr_column_append_null(column, row);
        return MR_OK;
    }
    if (text.ptr == NULL && sqlite3_errcode(own->db.handle) == SQLITE_NOMEM)
        return mr_sqlite_fail(&own->db, SQLITE_NOMEM, "read a value", err);
    *bytes += text.len;
    MR_TRY(mr_column_append(column, row, text, err));
    const mr_type fixed = own->columns[at].fixed;
    if (fixed != MR_TYPE_NULL && mr_type_join(fixed, type) == fixed) return MR_OK;
    return mr_column_tag(column, row, type, err);
}

static mr_code append_row(sqlite_source *own, mr_batch *batch, size_t *bytes, mr_error *err)
{
    const uint32_t row = batch->row_count;
    MR_TRY(mr_batch_begin_row(batch, err));
    for (uint32_t i = 0; i < batch->column_count; i++)
        MR_TRY(append_cell(own, &batch->columns[i], (int)i, row, bytes, err));
    mr_batch_end_row(batch, 0, 0, 0, row);
    return MR_OK;
}

/* Rows so far, what the database looks like, and the layout that each column's first timestamp has
 * set for the others. */
static mr_code put_mark(const sqlite_source *own, mr_buffer *out, mr_error *err)
{
    const uint32_t count = own->schema.field_count;
    bool any = false;
    for (uint32_t i = 0; i < count; i++)
        any = any || own->columns[i].layout != 0;
    MR_TRY(mr_pack_u64(out, atomic_load_explicit(&own->row_count, memory_order_relaxed), err));
    MR_TRY(mr_pack_text(out, mr_slice_text(own->looks), err));
    MR_TRY(mr_pack_u32(out, any ? count * (uint32_t)sizeof(uint32_t) : 0, err));
    for (uint32_t i = 0; any && i < count; i++)
        MR_TRY(mr_pack_u32(out, own->columns[i].layout, err));
    return MR_OK;
}

static mr_code source_fetch(void *state, mr_job *job, mr_error *err)
{
    sqlite_source *own = state;
    mr_batch *batch = &job->batch;
    const uint64_t before = atomic_load_explicit(&own->row_count, memory_order_relaxed);
    uint32_t most = own->env->max_rows > 0 && own->env->max_rows < own->batch_rows
                        ? own->env->max_rows
                        : own->batch_rows;
    size_t bytes = 0;
    job->end = own->ended;
    if (own->ended) return MR_OK;
    MR_TRY(mr_batch_set_schema(batch, &own->schema, err));
    if (most > batch->max_rows) most = batch->max_rows;
    while (batch->row_count < most && bytes < BATCH_BYTES) {
        bool row;
        MR_TRY(mr_sqlite_step(&own->rows, &row, err));
        own->ended = !row;
        if (own->ended) break;
        MR_TRY(append_row(own, batch, &bytes, err));
    }
    batch->origin = (mr_origin){.source = own->name, .record = before};
    job->from_batch = job->done = true;
    job->final = own->ended;
    job->file_name = own->name;
    job->result.record_count = batch->row_count;
    if (own->ended && batch->row_count == 0) job->end = true;
    atomic_store_explicit(&own->row_count, before + batch->row_count, memory_order_relaxed);
    return put_mark(own, &job->mark, err);
}

/* --- positions
 * ----------------------------------------------------------------------------------- */

static const char *source_cannot_resume(MR_UNUSED const void *state,
                                        MR_UNUSED const mr_connector_env *env)
{
    return NULL;
}

/* The rows before are stepped over: a query gives the same ones in the same order as long as the
 * database is the same. */
static mr_code source_seek(void *state, mr_slice position, mr_source_place *out, mr_error *err)
{
    sqlite_source *own = state;
    mr_packed_in in = {.left = position};
    const uint64_t rows = mr_packed_u64(&in);
    const mr_slice looks = mr_packed_text(&in);
    mr_packed_in layouts = {.left = mr_packed_text(&in)};
    if (!mr_packed_all_read(&in))
        return mr_fail(err, MR_ERR_USAGE,
                       "the checkpoint's place in \"%s\" was written by another version",
                       own->path);
    if (!mr_slice_is(looks, own->looks))
        return mr_fail(err, MR_ERR_USAGE,
                       "the source \"%s\" has changed since the checkpoint: it was written to",
                       own->path);
    MR_TRY(source_begin(state, false, err));
    for (uint32_t i = 0; i < own->schema.field_count && layouts.left.len > 0; i++)
        own->columns[i].layout = mr_packed_u32(&layouts);
    for (uint64_t i = 0; i < rows && !own->ended; i++) {
        bool row;
        MR_TRY(mr_sqlite_step(&own->rows, &row, err));
        own->ended = !row;
    }
    atomic_store_explicit(&own->row_count, rows, memory_order_relaxed);
    *out = (mr_source_place){.mark = position, .unchanged = true};
    return MR_OK;
}

static void source_progress(void *state, uint64_t *out_done, uint64_t *out_total)
{
    sqlite_source *own = state;
    *out_done = atomic_load_explicit(&own->row_count, memory_order_relaxed);
    *out_total = own->row_total > 0 ? mr_max_u64(own->row_total, *out_done) : 0;
}

static void source_close(void *state)
{
    sqlite_source *own = state;
    mr_sqlite_finish(&own->rows);
    mr_sqlite_close(&own->db);
}

const mr_source_ops mr_source_sqlite = {
    .name = "sqlite",
    .summary = "a table or a query of an SQLite database",
    .options = source_options,
    .capabilities = MR_CAP_REWIND | MR_CAP_TYPED | MR_CAP_RESUME,
    .state_bytes = sizeof(sqlite_source),
    .open = source_open,
    .schema = source_schema,
    .abilities = source_abilities,
    .begin = source_begin,
    .set_schema = source_set_schema,
    .fetch = source_fetch,
    .progress = source_progress,
    .cannot_resume = source_cannot_resume,
    .position = mr_source_mark_position,
    .seek = source_seek,
    .since = source_since,
    .close = source_close,
};
