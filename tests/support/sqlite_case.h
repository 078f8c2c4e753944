/* SPDX-License-Identifier: MIT
 *
 * support/sqlite_case.h - drives the SQLite connectors as the pipeline does, with batches made by
 * hand. Included by one test program each.
 *
 * Thread: one. */
#ifndef MR_TESTS_SUPPORT_SQLITE_CASE_H
#define MR_TESTS_SUPPORT_SQLITE_CASE_H

#include <unistd.h>

#include "connector/connectors.h"
#include "db/sqlite.h"
#include "support/test.h"

MR_UNUSED static mr_error err;
MR_UNUSED static char warning[512];

static inline void remember_warning(MR_UNUSED void *context, const char *text)
{
    snprintf(warning, sizeof warning, "%s", text);
}

static inline const char *file_named(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", mr_test_dir(), name);
    return path;
}

static inline const char *fresh(const char *name)
{
    const char *path = file_named(name);
    unlink(path);
    return path;
}

/* Runs SQL on the file, making it. */
static inline void sql(const char *path, const char *text)
{
    mr_sqlite db;
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &(mr_sqlite_options){.mode = MR_SQLITE_CREATE}, &err));
    MR_EXPECT_OK(mr_sqlite_exec(&db, text, "prepare the test", &err));
    mr_sqlite_close(&db);
}

/* All values of a query, '|' between columns and ';' after rows. Static buffer. */
static inline const char *ask(const char *path, const char *query)
{
    static char out[4096];
    size_t len = 0;
    mr_sqlite db;
    mr_sqlite_stmt stmt;
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &(mr_sqlite_options){0}, &err));
    MR_EXPECT_OK(mr_sqlite_prepare(&stmt, &db, mr_slice_text(query), "ask", &err));
    for (bool row = true;;) {
        MR_EXPECT_OK(mr_sqlite_step(&stmt, &row, &err));
        if (!row) break;
        for (int i = 0; i < sqlite3_column_count(stmt.handle) && len < sizeof out; i++) {
            const mr_slice text = mr_sqlite_column_text(&stmt, i);
            const bool null = mr_sqlite_column_type(&stmt, i) == SQLITE_NULL;
            len += (size_t)snprintf(out + len, sizeof out - len, "%s%.*s", i > 0 ? "|" : "",
                                    null ? 4 : (int)text.len, null ? "NULL" : text.ptr);
        }
        len += (size_t)snprintf(out + len, sizeof out - len, ";");
    }
    out[len < sizeof out ? len : sizeof out - 1] = 0;
    mr_sqlite_finish(&stmt);
    mr_sqlite_close(&db);
    return out;
}

/* One connector, driven as the host does. */
typedef struct end {
    mr_arena arena;
    mr_connector_env env;
    mr_options options;
    void *state;
} end;

static inline mr_code set_options(end *e, const char *name, const mr_option *table,
                                  const char *text)
{
    MR_TRY(mr_options_init(&e->options, name, table, e->state, &e->arena, &err));
    const mr_option_from from = {MR_ORIGIN_FLAG, NULL};
    while (text != NULL && *text != 0) { /* k=v;k=v */
        const char *equals = strchr(text, '=');
        const size_t len = strcspn(equals, ";");
        MR_TRY(mr_options_set(&e->options, mr_slice_of(text, (size_t)(equals - text)),
                              mr_slice_of(equals + 1, len - 1), from, &err));
        text = equals + len + (equals[len] == ';');
    }
    return MR_OK;
}

static inline void end_init(end *e, const char *path, size_t state_bytes)
{
    memset(e, 0, sizeof *e);
    mr_arena_init(&e->arena, "test", (size_t)64 << 20);
    e->env = (mr_connector_env){.arena = &e->arena,
                                .path = mr_slice_text(path),
                                .limits = MR_TEXT_LIMITS_DEFAULT,
                                .lane_count = 1,
                                .warn = remember_warning};
    e->state = mr_mem_zalloc(state_bytes);
}

static inline void end_done(end *e)
{
    mr_mem_free(e->state);
    mr_arena_done(&e->arena);
}

static inline mr_code open_destination(end *e, const char *path, const char *options)
{
    end_init(e, path, mr_destination_sqlite.state_bytes);
    const mr_code rc = set_options(e, "sqlite destination", mr_destination_sqlite.options, options);
    return rc != MR_OK ? rc : mr_destination_sqlite.open(e->state, &e->env, &err);
}

static inline void close_destination(end *e)
{
    mr_destination_sqlite.close(e->state);
    end_done(e);
}

static inline mr_code open_source(end *e, const char *path, const char *options)
{
    end_init(e, path, mr_source_sqlite.state_bytes);
    const mr_code rc = set_options(e, "sqlite source", mr_source_sqlite.options, options);
    return rc != MR_OK ? rc : mr_source_sqlite.open(e->state, &e->env, &err);
}

static inline void close_source(end *e)
{
    mr_source_sqlite.close(e->state);
    end_done(e);
}

typedef struct cell {
    mr_type type; /* of this value, when the column is mixed */
    mr_slice text;
    enum { VALUE, NO_VALUE, NO_KEY } is;
} cell;

#define V(literal)                               \
    {                                            \
        .text = { literal, sizeof(literal) - 1 } \
    }
#define T(kind, literal)                                         \
    {                                                            \
        .type = (kind), .text = { literal, sizeof(literal) - 1 } \
    }
#define NULL_CELL      \
    {                  \
        .is = NO_VALUE \
    }
#define ABSENT       \
    {                \
        .is = NO_KEY \
    }

static inline void put_cell(mr_batch *batch, uint32_t column, uint32_t row, const cell *value)
{
    mr_column *to = &batch->columns[column];
    /* NOLINTNEXTLINE(clang-analyzer-core.*): a test gives as many cells as columns */
    if (value->is == NO_VALUE) {
        mr_column_append_null(to, row);
    } else if (value->is == NO_KEY) {
        MR_EXPECT_OK(mr_column_append_absent(to, row, &err));
    } else {
        MR_EXPECT_OK(mr_column_append(to, row, value->text, &err));
        if (value->type != MR_TYPE_NULL) MR_EXPECT_OK(mr_column_tag(to, row, value->type, &err));
    }
}

static inline void put_rows(mr_batch *batch, const mr_schema *schema, const cell *cells,
                            uint32_t rows)
{
    mr_batch_reset(batch);
    MR_EXPECT_OK(mr_batch_set_schema(batch, schema, &err));
    for (uint32_t row = 0; row < rows; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(batch, &err));
        for (uint32_t i = 0; i < schema->field_count; i++)
            put_cell(batch, i, row, &cells[row * schema->field_count + i]);
        mr_batch_end_row(batch, 0, 0, row, row);
    }
    mr_batch_check(batch);
}

typedef struct column_of {
    const char *name;
    mr_type type;
} column_of;

static inline void make_schema(mr_schema *schema, mr_arena *arena, const column_of *columns,
                               uint32_t count)
{
    mr_schema_init(schema, arena);
    for (uint32_t i = 0; i < count; i++)
        MR_EXPECT_OK(
            mr_schema_add(schema, mr_slice_text(columns[i].name), columns[i].type, NULL, &err));
}

/* What one run came to. */
typedef struct outcome {
    mr_code code;
    uint32_t refused;
    mr_reject first;
} outcome;

typedef struct load {
    const char *path;
    const char *options;
    const column_of *columns;
    uint32_t column_count;
    const cell *cells;
    uint32_t rows;
    bool lossy;
    bool abort;
} load;

static inline outcome run_load(const load *what)
{
    end e;
    mr_job job;
    mr_schema schema;
    outcome out = {.code = open_destination(&e, what->path, what->options)};
    make_schema(&schema, &e.arena, what->columns, what->column_count);
    mr_job_init(&job);
    e.env.lossy = what->lossy;
    if (out.code == MR_OK) out.code = mr_destination_sqlite.start(e.state, &schema, &err);
    if (out.code == MR_OK) {
        put_rows(&job.batch, &schema, what->cells, what->rows);
        out.code = mr_destination_sqlite.write(e.state, &job, &err);
    }
    out.refused = job.refused.count;
    if (out.refused > 0) out.first = *mr_reject_at(&job.refused, 0);
    if (out.code == MR_OK && !what->abort) out.code = mr_destination_sqlite.commit(e.state, &err);
    if (out.code != MR_OK || what->abort) mr_destination_sqlite.abort(e.state);
    mr_job_done(&job);
    close_destination(&e);
    return out;
}

#define LOAD(file, opts, column_list, cell_list)      \
    ((load){.path = (file),                           \
            .options = (opts),                        \
            .columns = (column_list),                 \
            .column_count = MR_COUNT_OF(column_list), \
            .cells = (cell_list),                     \
            .rows = (uint32_t)(MR_COUNT_OF(cell_list) / MR_COUNT_OF(column_list))})

MR_UNUSED static const column_of id_name[] = {{"id", MR_TYPE_INT}, {"name", MR_TYPE_STRING}};

#define EXPECT_RUN(what, wanted_code, wanted_refused)                            \
    do {                                                                         \
        const outcome mr_o_ = run_load(&(what));                                 \
        if (mr_o_.code != (wanted_code))                                         \
            MR_TEST_FAIL("run is %s: %s\n", mr_code_name(mr_o_.code), err.text); \
        MR_EXPECT_U64(mr_o_.refused, ==, wanted_refused);                        \
    } while (0)

#define EXPECT_SAYS(part)                                                                          \
    do {                                                                                           \
        if (strstr(err.text, part) == NULL) MR_TEST_FAIL("\"%s\" lacks \"%s\"\n", err.text, part); \
    } while (0)

MR_UNUSED static const cell one_two[] = {V("1"), V("a"), V("2"), V("b")};
MR_UNUSED static const cell two_three[] = {V("2"), V("B"), V("3"), V("c"), V("3"), V("C")};

#endif
