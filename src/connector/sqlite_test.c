/* SPDX-License-Identifier: MIT */
#include "connector/sqlite.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connector/sqlite_type.h"
#include "core/option.h"
#include "db/sqlite.h"
#include "support/test.h"

static mr_error err;
static char warning[512];

static void remember_warning(MR_UNUSED void *context, const char *text)
{
    snprintf(warning, sizeof warning, "%s", text);
}

static const char *file_named(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", mr_test_dir(), name);
    return path;
}

static const char *fresh(const char *name)
{
    const char *path = file_named(name);
    unlink(path);
    return path;
}

/* Runs SQL on the file, making it. */
static void sql(const char *path, const char *text)
{
    mr_sqlite db;
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &(mr_sqlite_options){.mode = MR_SQLITE_CREATE}, &err));
    MR_EXPECT_OK(mr_sqlite_exec(&db, text, "prepare the test", &err));
    mr_sqlite_close(&db);
}

/* All values of a query, '|' between columns and ';' after rows. Static buffer. */
static const char *ask(const char *path, const char *query)
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

static mr_code set_options(end *e, const char *name, const mr_option *table, const char *text)
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

static void end_init(end *e, const char *path, size_t state_bytes)
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

static void end_done(end *e)
{
    mr_mem_free(e->state);
    mr_arena_done(&e->arena);
}

static mr_code open_destination(end *e, const char *path, const char *options)
{
    end_init(e, path, mr_destination_sqlite.state_bytes);
    const mr_code rc = set_options(e, "sqlite destination", mr_destination_sqlite.options, options);
    return rc != MR_OK ? rc : mr_destination_sqlite.open(e->state, &e->env, &err);
}

static void close_destination(end *e)
{
    mr_destination_sqlite.close(e->state);
    end_done(e);
}

static mr_code open_source(end *e, const char *path, const char *options)
{
    end_init(e, path, mr_source_sqlite.state_bytes);
    const mr_code rc = set_options(e, "sqlite source", mr_source_sqlite.options, options);
    return rc != MR_OK ? rc : mr_source_sqlite.open(e->state, &e->env, &err);
}

static void close_source(end *e)
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
#define T(kind, literal)                                       \
    {                                                          \
        .type = kind, .text = { literal, sizeof(literal) - 1 } \
    }
#define NULL_CELL      \
    {                  \
        .is = NO_VALUE \
    }
#define ABSENT       \
    {                \
        .is = NO_KEY \
    }

static void put_cell(mr_batch *batch, uint32_t column, uint32_t row, const cell *value)
{
    mr_column *to = &batch->columns[column];
    if (value->is == NO_VALUE) {
        mr_column_append_null(to, row);
    } else if (value->is == NO_KEY) {
        MR_EXPECT_OK(mr_column_append_absent(to, row, &err));
    } else {
        MR_EXPECT_OK(mr_column_append(to, row, value->text, &err));
        if (value->type != MR_TYPE_NULL) MR_EXPECT_OK(mr_column_tag(to, row, value->type, &err));
    }
}

static void put_rows(mr_batch *batch, const mr_schema *schema, const cell *cells, uint32_t rows)
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

static void make_schema(mr_schema *schema, mr_arena *arena, const column_of *columns,
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
    bool without_start_schema;
    bool abort;
} load;

static outcome run_load(const load *what)
{
    end e;
    mr_job job;
    mr_schema schema;
    outcome out = {.code = open_destination(&e, what->path, what->options)};
    make_schema(&schema, &e.arena, what->columns, what->column_count);
    mr_job_init(&job);
    if (out.code == MR_OK)
        out.code =
            mr_destination_sqlite.start(e.state, what->without_start_schema ? NULL : &schema, &err);
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

static const column_of id_name[] = {{"id", MR_TYPE_INT}, {"name", MR_TYPE_STRING}};

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

/* --- round trips
 * --------------------------------------------------------------------------------- */

static const column_of every_type[] = {
    {"b", MR_TYPE_BOOL},    {"i", MR_TYPE_INT},        {"d", MR_TYPE_DECIMAL},
    {"f", MR_TYPE_FLOAT},   {"n", MR_TYPE_NUMBER},     {"day", MR_TYPE_DATE},
    {"t", MR_TYPE_TIME},    {"ts", MR_TYPE_TIMESTAMP}, {"u", MR_TYPE_UUID},
    {"s", MR_TYPE_STRING},  {"raw", MR_TYPE_BYTES},    {"j", MR_TYPE_JSON},
    {"none", MR_TYPE_NULL},
};
static const cell every_value[] = {
    V("true"),
    V("9223372036854775807"),
    V("1.10"),
    V("0.1"),
    V("1e400"),
    V("2024-02-29"),
    V("23:59:59.25"),
    V("2024-01-01T00:00:00Z"),
    V("123e4567-e89b-12d3-a456-426614174000"),
    V("12"),
    V("\xff\0\x01"),
    V("{\"a\":[1]}"),
    NULL_CELL,
    V("false"),
    V("-9223372036854775808"),
    V("12345678901234567890123456789012345678"),
    V("1.5e-7"),
    V("-0"),
    V("0001-01-01"),
    V("00:00:00"),
    V("1999-12-31T23:59:59Z"),
    V("00000000-0000-0000-0000-000000000000"),
    V(""),
    V(""),
    V("[]"),
    NULL_CELL,
    V("true"),
    V("0"),
    V("-0.05"),
    V("12.0"),
    V("1.0e5"),
    V("9999-12-31"),
    V("12:30:00"),
    V("2024-06-01T12:00:00Z"),
    V("ffffffff-ffff-ffff-ffff-ffffffffffff"),
    V("a\0b\"'\n\xc3\xa4"),
    V("\x80"),
    V("{}"),
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
    V("007"),
    NULL_CELL,
    NULL_CELL,
    NULL_CELL,
};

MR_TEST(what_was_put_is_what_comes_back)
{
    const load what = LOAD(fresh("round.db"), "table=t", every_type, every_value);
    EXPECT_RUN(what, MR_OK, 0);
    end e;
    mr_job job;
    mr_job_init(&job);
    MR_EXPECT_OK(open_source(&e, what.path, NULL));
    MR_EXPECT_OK(mr_source_sqlite.fetch(e.state, &job, &err));
    mr_batch_check(&job.batch);
    MR_EXPECT_U64(job.batch.row_count, ==, what.rows);
    MR_EXPECT_U64(job.batch.column_count, ==, what.column_count);
    for (uint32_t row = 0; row < what.rows; row++)
        for (uint32_t i = 0; i < what.column_count; i++) {
            const mr_column *column = &job.batch.columns[i];
            const cell *put = &what.cells[row * what.column_count + i];
            MR_EXPECT_SLICE(column->name, every_type[i].name);
            if (mr_column_is_null(column, row) != (put->is == NO_VALUE) ||
                !mr_slice_equal(mr_column_text(column, row), put->text))
                MR_TEST_FAIL("row %u %s: '%.*s' became '%.*s'\n", row, every_type[i].name,
                             (int)put->text.len, put->text.ptr,
                             (int)mr_column_text(column, row).len, mr_column_text(column, row).ptr);
            if (put->is == VALUE && mr_column_type(column, row) != every_type[i].type)
                MR_TEST_FAIL("row %u %s came back as %s\n", row, every_type[i].name,
                             mr_type_name(mr_column_type(column, row)));
        }
    mr_job_reset(&job);
    MR_EXPECT_OK(mr_source_sqlite.fetch(e.state, &job, &err));
    MR_EXPECT(job.end);
    mr_job_done(&job);
    close_source(&e);
}

MR_TEST(a_mixed_column_keeps_the_type_of_each_value)
{
    static const column_of columns[] = {{"v", MR_TYPE_NULL}};
    static const cell cells[] = {T(MR_TYPE_INT, "12"),       T(MR_TYPE_STRING, "12"),
                                 T(MR_TYPE_FLOAT, "-0.0"),   T(MR_TYPE_BYTES, "\xff"),
                                 T(MR_TYPE_DECIMAL, "1.10"), NULL_CELL};
    load what = LOAD(fresh("mixed.db"), "table=t", columns, cells);
    what.columns = (column_of[]){{"v", MR_TYPE_MIXED}};
    mr_arena arena;
    mr_schema schema;
    end e;
    mr_job job;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_job_init(&job);
    MR_EXPECT_OK(open_destination(&e, what.path, what.options));
    make_schema(&schema, &arena, columns, 1);
    MR_EXPECT_OK(mr_destination_sqlite.start(e.state, &schema, &err));
    put_rows(&job.batch, &schema, cells, what.rows);
    MR_EXPECT_U64(job.batch.columns[0].type, ==, MR_TYPE_MIXED);
    MR_EXPECT_OK(mr_destination_sqlite.write(e.state, &job, &err));
    MR_EXPECT_OK(mr_destination_sqlite.commit(e.state, &err));
    close_destination(&e);
    mr_job_reset(&job);
    MR_EXPECT_OK(open_source(&e, what.path, NULL));
    MR_EXPECT_OK(mr_source_sqlite.fetch(e.state, &job, &err));
    MR_EXPECT_SLICE(mr_column_text(&job.batch.columns[0], 2), "-0.0");
    close_source(&e);
    mr_job_done(&job);
    mr_arena_done(&arena);
    MR_EXPECT_TEXT(ask(what.path, "SELECT typeof(v), quote(v) FROM t"),
                   "integer|12;text|'12';real|0.0;blob|X'FF';text|'1.10';null|NULL;");
}

MR_TEST(the_sqlite_shell_reads_the_same)
{
    static const cell cells[] = {V("1"), V("a"), V("2"), V("b,\"c\""), V("3"), NULL_CELL};
    const load what = LOAD(fresh("shell.db"), NULL, id_name, cells);
    EXPECT_RUN(what, MR_OK, 0);
    char command[512], out[512];
    snprintf(command, sizeof command,
             "sqlite3 -csv -header %s 'SELECT * FROM shell; PRAGMA integrity_check'", what.path);
    FILE *pipe = popen(command, "r");
    MR_EXPECT(pipe != NULL);
    const size_t len = fread(out, 1, sizeof out - 1, pipe);
    MR_EXPECT(pclose(pipe) == 0);
    out[len] = 0;
    MR_EXPECT_TEXT(out, "id,name\n1,a\n2,\"b,\"\"c\"\"\"\n3,\nintegrity_check\nok\n");
}

MR_TEST(a_hint_holds_for_texts_that_are_spelled_so)
{
    static const struct {
        const char *declared;
        const char *text;
        mr_type type;
    } cases[] = {
        {"BOOLEAN", "true", MR_TYPE_BOOL},
        {"BOOLEAN", "TRUE", MR_TYPE_STRING},
        {"DATE", "2024-02-30", MR_TYPE_STRING},
        {"DATETIME", "2024-02-28 10:00:00", MR_TYPE_TIMESTAMP},
        {"DATETIME", "2024-02-28", MR_TYPE_STRING},
        {"UUID", "123E4567-e89b-12d3-a456-426614174000", MR_TYPE_STRING},
        {"DECIMAL_TEXT", "1e5", MR_TYPE_STRING},
        {"DECIMAL_TEXT", "7", MR_TYPE_DECIMAL},
        {"NUMBER_TEXT", "-0.0e+7", MR_TYPE_NUMBER},
        {"NUMBER_TEXT", "01", MR_TYPE_STRING},
        {"NUMBER_TEXT", "1.", MR_TYPE_STRING},
        {"NUMBER_TEXT", "1e", MR_TYPE_STRING},
        {"TIME_TEXT", "24:00:00", MR_TYPE_STRING},
        {"TIME_TEXT", "10:00:00.1234567890", MR_TYPE_STRING},
        {"TEXT", "true", MR_TYPE_STRING},
        {"JSON", "{\"a\":[1,-2.5e3,{\"\":null}],\"b\":\"\\u00e4\\\"\"}", MR_TYPE_JSON},
        {"JSON", "[[],{},[true,false]]", MR_TYPE_JSON},
        {"JSON", "{\"a\": 1}", MR_TYPE_STRING},
        {"JSON", "[1,]", MR_TYPE_STRING},
        {"JSON", "[1", MR_TYPE_STRING},
        {"JSON", "[1}", MR_TYPE_STRING},
        {"JSON", "{\"a\"}", MR_TYPE_STRING},
        {"JSON", "{1:2}", MR_TYPE_STRING},
        {"JSON", "[1]x", MR_TYPE_STRING},
        {"JSON", "[\"\\x\"]", MR_TYPE_STRING},
        {"JSON", "[01]", MR_TYPE_STRING},
        {"JSON", "\"a\"", MR_TYPE_STRING},
        {"JSON", "[", MR_TYPE_STRING},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_time_layout layout = 0;
        const mr_type hint = mr_sqlite_hint_of(mr_slice_text(cases[i].declared));
        const bool fits = mr_sqlite_fits_hint(mr_slice_text(cases[i].text), hint, &layout);
        if ((fits ? hint : MR_TYPE_STRING) != cases[i].type)
            MR_TEST_FAIL("%s in %s is %s\n", cases[i].text, cases[i].declared,
                         mr_type_name(fits ? hint : MR_TYPE_STRING));
    }
    static char deep[2 * 1025];
    for (unsigned depth = 1024; depth <= 1025; depth++) {
        mr_time_layout layout = 0;
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        MR_EXPECT(mr_sqlite_fits_hint((mr_slice){deep, 2 * depth}, MR_TYPE_JSON, &layout) ==
                  (depth <= 1025));
    }
    mr_time_layout layout = 0;
    MR_EXPECT(mr_sqlite_fits_hint(MR_SLICE("2024-01-01T00:00:00Z"), MR_TYPE_TIMESTAMP, &layout));
    MR_EXPECT(!mr_sqlite_fits_hint(MR_SLICE("2024-01-01 00:00:00"), MR_TYPE_TIMESTAMP, &layout));
}

/* --- modes
 * --------------------------------------------------------------------------------------- */

static const cell one_two[] = {V("1"), V("a"), V("2"), V("b")};
static const cell two_three[] = {V("2"), V("B"), V("3"), V("c"), V("3"), V("C")};

MR_TEST(append_makes_the_table_and_then_adds_rows)
{
    const load first = LOAD(fresh("append.db"), "table=t", id_name, one_two);
    const load second = LOAD(first.path, "table=T", id_name, two_three);
    EXPECT_RUN(first, MR_OK, 0);
    EXPECT_RUN(second, MR_OK, 0);
    MR_EXPECT_TEXT(ask(first.path, "SELECT * FROM t"), "1|a;2|b;2|B;3|c;3|C;");
    MR_EXPECT_TEXT(ask(first.path, "SELECT sql FROM sqlite_schema"),
                   "CREATE TABLE \"t\" (\"id\" INTEGER, \"name\" TEXT);");
}

MR_TEST(create_wants_the_table_not_to_exist)
{
    const load what = LOAD(fresh("create.db"), "table=t;mode=create", id_name, one_two);
    EXPECT_RUN(what, MR_OK, 0);
    EXPECT_RUN(what, MR_ERR_USAGE, 0);
    EXPECT_SAYS("exists");
    load none = LOAD(what.path, "table=u;create_table=no", id_name, one_two);
    EXPECT_RUN(none, MR_ERR_USAGE, 0);
    EXPECT_SAYS("does not exist");
    MR_EXPECT_TEXT(ask(what.path, "SELECT * FROM t"), "1|a;2|b;");
}

MR_TEST(merge_updates_rows_with_known_keys_and_the_last_value_wins)
{
    const load first = LOAD(fresh("merge.db"), "table=t;mode=merge;keys=id", id_name, one_two);
    const load second = LOAD(first.path, first.options, id_name, two_three);
    EXPECT_RUN(first, MR_OK, 0);
    EXPECT_RUN(second, MR_OK, 0);
    EXPECT_RUN(second, MR_OK, 0);
    MR_EXPECT_TEXT(ask(first.path, "SELECT * FROM t ORDER BY id"), "1|a;2|B;3|C;");
}

MR_TEST(merge_needs_keys_that_are_there)
{
    const load without = LOAD(fresh("keys.db"), "table=t;mode=merge", id_name, one_two);
    EXPECT_RUN(without, MR_ERR_USAGE, 0);
    EXPECT_SAYS("keys");
    const load wrong = LOAD(without.path, "table=t;mode=merge;keys=nr", id_name, one_two);
    EXPECT_RUN(wrong, MR_ERR_USAGE, 0);
    EXPECT_SAYS("'nr'");
    const char *path = fresh("unfed.db");
    sql(path, "CREATE TABLE t(id, name, nr UNIQUE)");
    const load unfed = LOAD(path, wrong.options, id_name, one_two);
    EXPECT_RUN(unfed, MR_ERR_USAGE, 0);
    EXPECT_SAYS("source does not have");
    MR_EXPECT(access(wrong.path, F_OK) != 0);
}

MR_TEST(merge_makes_a_unique_index_where_there_is_none)
{
    const char *path = fresh("index.db");
    sql(path, "CREATE TABLE t(id TEXT, name TEXT); INSERT INTO t VALUES ('1', 'old'), ('9', 'z')");
    const load what = LOAD(path, "table=t;mode=merge;keys=id", id_name, one_two);
    EXPECT_RUN(what, MR_OK, 0);
    EXPECT_RUN(what, MR_OK, 0);
    MR_EXPECT_TEXT(ask(path, "SELECT * FROM t ORDER BY id"), "1|a;2|b;9|z;");
    MR_EXPECT_TEXT(ask(path, "SELECT name FROM sqlite_schema WHERE type = 'index'"), "t_keys;");
    sql(path, "DROP INDEX t_keys; INSERT INTO t VALUES ('1', 'again')");
    EXPECT_RUN(what, MR_ERR_CONFLICT, 0);
    EXPECT_SAYS("make the keys unique");
}

MR_TEST(a_null_key_is_refused)
{
    static const cell cells[] = {V("1"), V("a"), NULL_CELL, V("b"), V("2"), V("c")};
    const load what = LOAD(fresh("nullkey.db"), "table=t;mode=merge;keys=id", id_name, cells);
    const outcome out = run_load(&what);
    MR_EXPECT_U64(out.code, ==, MR_OK);
    MR_EXPECT_U64(out.refused, ==, 1);
    MR_EXPECT_U64(out.first.reason, ==, MR_REASON_CONSTRAINT);
    MR_EXPECT_U64(out.first.row_before, ==, 1);
    MR_EXPECT_U64(out.first.column, ==, 1);
    MR_EXPECT_TEXT(ask(what.path, "SELECT * FROM t"), "1|a;2|c;");
}

MR_TEST(an_absent_cell_leaves_the_merged_row_alone)
{
    static const column_of columns[] = {
        {"id", MR_TYPE_INT}, {"a", MR_TYPE_STRING}, {"b", MR_TYPE_STRING}};
    static const cell before[] = {V("1"), V("x"), V("y"), V("2"), V("x"), V("y")};
    static const cell after[] = {V("1"), ABSENT, V("Y"), V("2"), NULL_CELL,
                                 V("Y"), V("3"), ABSENT, V("Y")};
    const load first = LOAD(fresh("absent.db"), "table=t;mode=merge;keys=id", columns, before);
    const load second = LOAD(first.path, first.options, columns, after);
    const load third = LOAD(first.path, first.options, id_name, ((cell[]){V("3"), V("n")}));
    EXPECT_RUN(first, MR_OK, 0);
    EXPECT_RUN(second, MR_OK, 0);
    MR_EXPECT_TEXT(ask(first.path, "SELECT * FROM t ORDER BY id"), "1|x|Y;2|NULL|Y;3|NULL|Y;");
    EXPECT_RUN(third, MR_ERR_USAGE, 0);
    EXPECT_SAYS("no column 'name'");
    EXPECT_SAYS("add_columns=true");
}

MR_TEST(replace_takes_the_old_table_s_place_with_its_indexes_and_triggers)
{
    const char *path = fresh("replace.db");
    sql(path, "CREATE TABLE t(id, name, extra); INSERT INTO t VALUES (7, 'old', 1);"
              "CREATE INDEX by_name ON t(name); CREATE INDEX by_extra ON t(extra);"
              "CREATE VIEW v AS SELECT name FROM t;"
              "CREATE TABLE log(x); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log "
              "VALUES (new.id); END; INSERT INTO t VALUES (8, 'old', 2)");
    warning[0] = 0;
    const load what = LOAD(path, "table=t;mode=replace", id_name, one_two);
    load undone = what;
    undone.abort = true;
    EXPECT_RUN(undone, MR_OK, 0);
    MR_EXPECT_TEXT(ask(path, "SELECT id FROM t"), "7;8;");
    EXPECT_RUN(what, MR_OK, 0);
    MR_EXPECT_TEXT(ask(path, "SELECT * FROM t"), "1|a;2|b;");
    MR_EXPECT_TEXT(ask(path, "SELECT * FROM v"), "a;b;");
    MR_EXPECT_TEXT(ask(path, "SELECT name FROM sqlite_schema ORDER BY name"),
                   "by_name;log;t;tr;v;");
    MR_EXPECT(strstr(warning, "by_extra") != NULL);
    MR_EXPECT_TEXT(ask(path, "SELECT * FROM log"), "8;");
}

MR_TEST(replace_without_any_column_empties_the_table)
{
    const char *path = fresh("emptied.db");
    sql(path, "CREATE TABLE t(id); INSERT INTO t VALUES (7)");
    const load what = {.path = path, .options = "table=t;mode=replace"};
    EXPECT_RUN(what, MR_OK, 0);
    MR_EXPECT_TEXT(ask(path, "SELECT count(*) FROM t"), "0;");
    const load none = {.path = fresh("nothing.db")};
    EXPECT_RUN(none, MR_OK, 0);
    MR_EXPECT_TEXT(ask(none.path, "SELECT count(*) FROM sqlite_schema"), "0;");
}

MR_TEST(options_that_contradict_each_other_are_refused)
{
    static const char *const options[] = {"mode=replace;commit_every=10", "table=sqlite_x",
                                          "mode=merge", "mode=other"};
    for (size_t i = 0; i < MR_COUNT_OF(options); i++) {
        const load what = LOAD(fresh("conflict.db"), options[i], id_name, one_two);
        EXPECT_RUN(what, MR_ERR_USAGE, 0);
    }
}

/* --- columns
 * ------------------------------------------------------------------------------------- */

MR_TEST(a_column_that_comes_late_is_added)
{
    static const column_of wider[] = {
        {"id", MR_TYPE_INT}, {"name", MR_TYPE_STRING}, {"late", MR_TYPE_DECIMAL}};
    static const cell more[] = {V("3"), V("c"), V("1.50")};
    end e;
    mr_job job;
    mr_schema schema;
    mr_job_init(&job);
    const char *path = fresh("late.db");
    MR_EXPECT_OK(open_destination(&e, path, "table=t"));
    MR_EXPECT_OK(mr_destination_sqlite.start(e.state, NULL, &err));
    make_schema(&schema, &e.arena, id_name, 2);
    put_rows(&job.batch, &schema, one_two, 2);
    MR_EXPECT_OK(mr_destination_sqlite.write(e.state, &job, &err));
    make_schema(&schema, &e.arena, wider, 3);
    put_rows(&job.batch, &schema, more, 1);
    MR_EXPECT_OK(mr_destination_sqlite.write(e.state, &job, &err));
    make_schema(&schema, &e.arena, id_name, 2);
    put_rows(&job.batch, &schema, one_two, 1);
    MR_EXPECT_OK(mr_destination_sqlite.write(e.state, &job, &err));
    MR_EXPECT_OK(mr_destination_sqlite.commit(e.state, &err));
    close_destination(&e);
    mr_job_done(&job);
    MR_EXPECT_TEXT(ask(path, "SELECT * FROM t"), "1|a|NULL;2|b|NULL;3|c|1.50;1|a|NULL;");
}

MR_TEST(existing_tables_get_columns_only_when_asked)
{
    const char *path = fresh("columns.db");
    sql(path, "CREATE TABLE t(ID INTEGER, note TEXT DEFAULT 'n')");
    const load refused = LOAD(path, "table=t", id_name, one_two);
    EXPECT_RUN(refused, MR_ERR_USAGE, 0);
    EXPECT_SAYS("no column 'name'");
    const load added = LOAD(path, "table=t;add_columns=true", id_name, one_two);
    EXPECT_RUN(added, MR_OK, 0);
    MR_EXPECT_TEXT(ask(path, "SELECT * FROM t"), "1|n|a;2|n|b;");
}

MR_TEST(names_that_differ_in_case_get_a_suffix_in_a_new_table_only)
{
    static const column_of columns[] = {
        {"a", MR_TYPE_INT}, {"A", MR_TYPE_INT}, {"a_2", MR_TYPE_INT}, {"", MR_TYPE_INT}};
    static const cell cells[] = {V("1"), V("2"), V("3"), V("4")};
    const load what = LOAD(fresh("case.db"), "table=t", columns, cells);
    EXPECT_RUN(what, MR_OK, 0);
    MR_EXPECT_TEXT(ask(what.path, "SELECT a, A_2, a_2_2, \"\" FROM t"), "1|2|3|4;");
    EXPECT_RUN(what, MR_ERR_USAGE, 0);
    EXPECT_SAYS("one name to SQLite");
}

MR_TEST(hostile_names_are_only_names)
{
    static const column_of columns[] = {{"a\"); DROP TABLE x; --", MR_TYPE_INT},
                                        {"select", MR_TYPE_STRING}};
    static const cell cells[] = {V("1"), V("b")};
    load what = LOAD(fresh("hostile.db"), "table=t\" ('x", columns, cells);
    EXPECT_RUN(what, MR_OK, 0);
    EXPECT_RUN(what, MR_OK, 0);
    MR_EXPECT_TEXT(ask(what.path, "SELECT count(*), max(\"select\") FROM \"t\"\" ('x\""), "2|b;");
}

/* --- rows that are refused
 * ------------------------------------------------------------------------ */

MR_TEST(rows_that_break_a_constraint_are_refused_one_by_one)
{
    static const struct {
        const char *table;
        const char *options;
        const char *detail;
        const char *left;
    } cases[] = {
        {"CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)", "table=t",
         "UNIQUE constraint failed: t.id", "1|a;2|b;4|NULL;5|x;"},
        {"CREATE TABLE t(id UNIQUE, name TEXT)", "table=t", "UNIQUE constraint failed: t.id",
         "1|a;2|b;4|NULL;5|x;"},
        {"CREATE TABLE t(id, name TEXT NOT NULL)", "table=t", "NOT NULL constraint failed: t.name",
         "1|a;2|b;2|c;1|d;5|x;"},
        {"CREATE TABLE t(id CHECK (id <> 2), name)", "table=t", "CHECK constraint failed",
         "1|a;1|d;4|NULL;5|x;"},
        {"CREATE TABLE t(id INT PRIMARY KEY, name TEXT) STRICT", "table=t",
         "UNIQUE constraint failed: t.id", "1|a;2|b;4|NULL;5|x;"},
        {"CREATE TABLE t(id INT PRIMARY KEY, name TEXT) WITHOUT ROWID", "table=t",
         "UNIQUE constraint failed: t.id", "1|a;2|b;4|NULL;5|x;"},
        {"CREATE TABLE t(id, name); CREATE TRIGGER g BEFORE INSERT ON t WHEN new.id = 2 BEGIN "
         "SELECT RAISE(ABORT, 'no twos'); END",
         "table=t", "no twos", "1|a;1|d;4|NULL;5|x;"},
        {"CREATE TABLE t(id, name); CREATE TRIGGER g AFTER INSERT ON t WHEN new.id = 2 BEGIN "
         "SELECT RAISE(FAIL, 'no twos'); END",
         "table=t", "no twos", "1|a;1|d;4|NULL;5|x;"},
        {"CREATE TABLE t(id PRIMARY KEY, name UNIQUE ON CONFLICT REPLACE)", "table=t",
         "UNIQUE constraint failed: t.id", "1|a;2|b;4|NULL;5|x;"},
        {"CREATE TABLE t(id PRIMARY KEY, name CHECK (name <> 'c'))", "table=t;mode=merge;keys=id",
         "CHECK constraint failed", "1|d;2|b;4|NULL;5|x;"},
    };
    static const cell cells[] = {V("1"), V("a"), V("2"), V("b"),    V("2"), V("c"),
                                 V("1"), V("d"), V("4"), NULL_CELL, V("5"), V("x")};
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const char *path = fresh("refused.db");
        sql(path, cases[i].table);
        const load what = LOAD(path, cases[i].options, id_name, cells);
        const outcome out = run_load(&what);
        if (out.code != MR_OK) MR_TEST_FAIL("case %zu: %s\n", i, err.text);
        MR_EXPECT_TEXT(ask(path, "SELECT * FROM t"), cases[i].left);
        MR_EXPECT_U64(out.refused, >, 0);
        MR_EXPECT_U64(out.first.reason, ==, MR_REASON_CONSTRAINT);
        if (strstr(out.first.detail, cases[i].detail) == NULL)
            MR_TEST_FAIL("case %zu: detail is \"%s\"\n", i, out.first.detail);
    }
}

MR_TEST(a_trigger_that_rolls_the_transaction_back_ends_the_run)
{
    const char *path = fresh("rollback.db");
    sql(path, "CREATE TABLE t(id, name); CREATE TRIGGER g BEFORE INSERT ON t WHEN new.id = 2 BEGIN "
              "SELECT RAISE(ROLLBACK, 'no twos'); END");
    const load what = LOAD(path, "table=t", id_name, one_two);
    EXPECT_RUN(what, MR_ERR_CONFLICT, 0);
    EXPECT_SAYS("no twos");
    MR_EXPECT_TEXT(ask(path, "SELECT count(*) FROM t"), "0;");
}

/* Against a slow obvious twin: one row at a time with INSERT OR IGNORE. */
MR_TEST(many_refused_rows_leave_exactly_the_others)
{
    enum { ROWS = 3000 };
    static cell cells[ROWS * 2];
    static char texts[ROWS][12];
    for (int careful = 0; careful < 2; careful++) {
        const char *path = fresh("many.db");
        sql(path, careful ? "CREATE TABLE t(id INT UNIQUE, name TEXT) STRICT;"
                            "CREATE TABLE u(id INT UNIQUE, name TEXT)"
                          : "CREATE TABLE t(id INT UNIQUE, name TEXT);"
                            "CREATE TABLE u(id INT UNIQUE, name TEXT)");
        uint32_t x = 12345;
        mr_sqlite db;
        MR_EXPECT_OK(
            mr_sqlite_open(&db, path, &(mr_sqlite_options){.mode = MR_SQLITE_WRITE}, &err));
        MR_EXPECT_OK(mr_sqlite_begin(&db, &err));
        for (uint32_t i = 0; i < ROWS; i++) {
            x = x * 1664525 + 1013904223;
            const int len = snprintf(texts[i], sizeof texts[i], "%u", (x >> 8) % 4000);
            cells[2 * i] = cells[2 * i + 1] = (cell){.text = {texts[i], (size_t)len}};
            char insert[100];
            snprintf(insert, sizeof insert, "INSERT OR IGNORE INTO u VALUES (%u, '%u')",
                     (x >> 8) % 4000, (x >> 8) % 4000);
            MR_EXPECT_OK(mr_sqlite_exec(&db, insert, "add", &err));
        }
        MR_EXPECT_OK(mr_sqlite_commit(&db, &err));
        mr_sqlite_close(&db);
        const load what = LOAD(path, "table=t", id_name, cells);
        const outcome out = run_load(&what);
        MR_EXPECT_U64(out.code, ==, MR_OK);
        char wanted[32];
        snprintf(wanted, sizeof wanted, "%u;", ROWS - out.refused);
        MR_EXPECT_TEXT(ask(path, "SELECT count(*) FROM u"), wanted);
        MR_EXPECT_TEXT(
            ask(path, "SELECT count(*) FROM t JOIN u ON t.rowid = u.rowid WHERE t.id = u.id"),
            wanted);
    }
}

MR_TEST(values_that_a_declared_type_would_change_are_refused)
{
    static const struct {
        const char *declared;
        mr_type type;
        const char *text;
        const char *stored; /* NULL: refused */
    } cases[] = {
        {"NUMERIC", MR_TYPE_DECIMAL, "1.10", NULL},
        {"NUMERIC", MR_TYPE_DECIMAL, "1.5", "real|1.5;"},
        {"NUMERIC", MR_TYPE_DECIMAL, "2.0", NULL},
        {"NUMERIC", MR_TYPE_DECIMAL, "12345678901234567890", NULL},
        {"INTEGER", MR_TYPE_STRING, "12", "integer|12;"},
        {"INTEGER", MR_TYPE_STRING, "007", NULL},
        {"INTEGER", MR_TYPE_STRING, " 5", NULL},
        {"INTEGER", MR_TYPE_STRING, "+5", NULL},
        {"INTEGER", MR_TYPE_STRING, "1e5", NULL},
        {"INTEGER", MR_TYPE_STRING, ".5", NULL},
        {"INTEGER", MR_TYPE_STRING, "5.", NULL},
        {"INTEGER", MR_TYPE_STRING, "abc", "text|abc;"},
        {"INTEGER", MR_TYPE_STRING, "", "text|;"},
        {"INTEGER", MR_TYPE_STRING, "-", "text|-;"},
        {"INTEGER", MR_TYPE_STRING, "1e", "text|1e;"},
        {"INTEGER", MR_TYPE_STRING, "0x10", "text|0x10;"},
        {"DATETIME", MR_TYPE_TIMESTAMP, "2024-01-01 00:00:00", "text|2024-01-01 00:00:00;"},
        {"BOOLEAN", MR_TYPE_BOOL, "true", "text|true;"},
        {"REAL", MR_TYPE_INT, "12", "real|12.0;"},
        {"REAL", MR_TYPE_INT, "9007199254740993", NULL},
        {"REAL", MR_TYPE_FLOAT, "-0.0", NULL},
        {"REAL", MR_TYPE_FLOAT, "0.1", "real|0.1;"},
        {"REAL", MR_TYPE_DECIMAL, "0.10", NULL},
        {"TEXT", MR_TYPE_INT, "12", "text|12;"},
        {"TEXT", MR_TYPE_FLOAT, "1e22", "text|1e22;"},
        {"VARCHAR(3)", MR_TYPE_STRING, "007", "text|007;"},
        {"BLOB", MR_TYPE_STRING, "007", "text|007;"},
        {"", MR_TYPE_FLOAT, "1.50", "text|1.50;"},
        {"", MR_TYPE_FLOAT, "-0.0", "real|0.0;"} /* its text hides the sign */,
        {"INTEGER PRIMARY KEY", MR_TYPE_STRING, "x", NULL},
        {"INTEGER PRIMARY KEY", MR_TYPE_STRING, "5", "integer|5;"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const char *path = fresh("exact.db");
        char text[200];
        snprintf(text, sizeof text, "CREATE TABLE t(v %s)", cases[i].declared);
        sql(path, text);
        const column_of columns[] = {{"v", cases[i].type}};
        const cell cells[] = {{.text = mr_slice_text(cases[i].text)}};
        const load what = LOAD(path, "table=t", columns, cells);
        const outcome out = run_load(&what);
        if (out.code != MR_OK) MR_TEST_FAIL("case %zu: %s\n", i, err.text);
        const char *got = ask(path, "SELECT typeof(v), v FROM t");
        if (strcmp(got, cases[i].stored != NULL ? cases[i].stored : "") != 0)
            MR_TEST_FAIL("%s in %s: '%s'\n", cases[i].text, cases[i].declared, got);
        MR_EXPECT_U64(out.refused, ==, cases[i].stored == NULL);
        const load lossy = LOAD(path, "table=t;lossy=true", columns, cells);
        if (strstr(cases[i].declared, "KEY") == NULL) EXPECT_RUN(lossy, MR_OK, 0);
    }
}

/* --- all or nothing
 * ------------------------------------------------------------------------------ */

MR_TEST(a_new_file_appears_when_it_is_complete)
{
    load what = LOAD(fresh("atomic.db"), "table=t", id_name, one_two);
    what.abort = true;
    EXPECT_RUN(what, MR_OK, 0);
    MR_EXPECT(access(what.path, F_OK) != 0 && access(file_named("atomic.db.part"), F_OK) != 0);
    what.abort = false;
    mr_test_write_file(file_named("atomic.db.part"), MR_SLICE("left by a killed run"));
    EXPECT_RUN(what, MR_OK, 0);
    MR_EXPECT(access(what.path, F_OK) == 0 && access(file_named("atomic.db.part"), F_OK) != 0);
    const load nowhere = LOAD(file_named("no/such/x.db"), NULL, id_name, one_two);
    EXPECT_RUN(nowhere, MR_ERR_IO, 0);
}

MR_TEST(an_existing_file_that_is_no_database_is_left_alone)
{
    const char *path = fresh("precious.txt");
    mr_test_write_file(path, MR_SLICE("precious text that is no database"));
    const load what = LOAD(path, "table=t;mode=replace", id_name, one_two);
    EXPECT_RUN(what, MR_ERR_INPUT, 0);
    char *bytes = mr_test_read_file(path, NULL);
    MR_EXPECT_TEXT(bytes, "precious text that is no database");
    mr_mem_free(bytes);
}

static void fill_many(mr_batch *batch, const mr_schema *schema, uint32_t rows, uint32_t from)
{
    char text[64];
    mr_batch_reset(batch);
    MR_EXPECT_OK(mr_batch_set_schema(batch, schema, &err));
    for (uint32_t row = 0; row < rows; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(batch, &err));
        int len = snprintf(text, sizeof text, "%u", from + row);
        MR_EXPECT_OK(
            mr_column_append(&batch->columns[0], row, mr_slice_of(text, (size_t)len), &err));
        len = snprintf(text, sizeof text, "the name of row number %u", from + row);
        MR_EXPECT_OK(
            mr_column_append(&batch->columns[1], row, mr_slice_of(text, (size_t)len), &err));
        mr_batch_end_row(batch, 0, 0, row, row);
    }
}

/* Writes `batches` of 4,000 rows; the code of the first failure. Leaves the run open in `e`. */
static mr_code write_many(end *e, const char *path, const char *options, uint32_t batches)
{
    mr_job job;
    mr_schema schema;
    mr_job_init(&job);
    mr_code rc = open_destination(e, path, options);
    make_schema(&schema, &e->arena, id_name, 2);
    if (rc == MR_OK) rc = mr_destination_sqlite.start(e->state, &schema, &err);
    for (uint32_t i = 0; rc == MR_OK && i < batches; i++) {
        fill_many(&job.batch, &schema, 4000, i * 4000);
        rc = mr_destination_sqlite.write(e->state, &job, &err);
    }
    mr_job_done(&job);
    return rc;
}

static const char old_rows[] =
    "CREATE TABLE t(id INTEGER, name TEXT); CREATE INDEX i ON t(name);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
    "INSERT INTO t SELECT i, 'old ' || i FROM n";
static const char old_sum[] =
    "SELECT count(*), sum(id), sum(length(name)), (SELECT * FROM pragma_integrity_check) FROM t";

/* The child works until its cache has spilled into the file, then waits to be killed. */
static void kill_in_mid_write(const char *path, const char *options)
{
    int ready[2];
    MR_EXPECT(pipe(ready) == 0);
    const pid_t child = fork();
    if (child == 0) {
        end e;
        const mr_code rc = write_many(&e, path, options, 30);
        const char byte = rc == MR_OK ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    char byte = 0;
    MR_EXPECT(read(ready[0], &byte, 1) == 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    MR_EXPECT(byte == 'y');
}

MR_TEST(a_killed_run_leaves_the_old_table)
{
    static const char *const options[] = {"table=t;cache_size=64KiB",
                                          "table=t;mode=replace;cache_size=64KiB"};
    for (size_t i = 0; i < MR_COUNT_OF(options); i++) {
        const char *path = fresh("killed.db");
        sql(path, old_rows);
        char before[256];
        snprintf(before, sizeof before, "%s", ask(path, old_sum));
        kill_in_mid_write(path, options[i]);
        struct stat info;
        MR_EXPECT(stat(path, &info) == 0 && info.st_size > 1000000); /* it had been written to */
        sql(path, "SELECT 1"); /* a writer rolls the journal back */
        MR_EXPECT_TEXT(ask(path, old_sum), before);
    }
}

MR_TEST(a_full_disk_is_an_error_and_leaves_the_old_table)
{
    static const char *const options[] = {"table=t", "table=t;mode=replace",
                                          "table=t;mode=merge;keys=name"};
    for (size_t i = 0; i < MR_COUNT_OF(options); i++) {
        const char *path = fresh("full.db");
        sql(path, old_rows);
        char before[256];
        snprintf(before, sizeof before, "%s", ask(path, old_sum));
        const pid_t child = fork();
        if (child == 0) {
            signal(SIGXFSZ, SIG_IGN);
            const struct rlimit limit = {3 << 20, 3 << 20};
            if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
            end e;
            mr_code rc = write_many(&e, path, options[i], 60);
            if (rc == MR_OK) rc = mr_destination_sqlite.commit(e.state, &err);
            mr_destination_sqlite.abort(e.state);
            _exit(rc == MR_ERR_IO && strstr(err.text, "full.db") != NULL ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        MR_EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        MR_EXPECT_TEXT(ask(path, old_sum), before);
    }
}

MR_TEST(commit_every_makes_parts_visible)
{
    const char *path = fresh("parts.db");
    end e;
    MR_EXPECT_OK(write_many(&e, path, "table=t;commit_every=6000", 5));
    MR_EXPECT_TEXT(ask(path, "SELECT count(*) FROM t"), "16000;");
    MR_EXPECT_OK(mr_destination_sqlite.flush(e.state, &err));
    MR_EXPECT_TEXT(ask(path, "SELECT count(*) FROM t"), "20000;");
    close_destination(&e);
    MR_EXPECT_TEXT(ask(path, "SELECT count(*) FROM t"), "20000;");
}

MR_TEST(rows_are_written_without_an_allocation_each)
{
    end e;
    MR_EXPECT_OK(write_many(&e, fresh("warm.db"), "table=t;cache_size=128KiB", 20));
    mr_job job;
    mr_schema schema;
    mr_job_init(&job);
    make_schema(&schema, &e.arena, id_name, 2);
    fill_many(&job.batch, &schema, 4000, 1);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 20; i++)
        MR_EXPECT_OK(mr_destination_sqlite.write(e.state, &job, &err));
    /* A few per statement are SQLite's own; 80,000 rows were written. */
    MR_EXPECT_U64(mr_mem_allocs_since(warm), <, 20 * 40);
    MR_EXPECT_OK(mr_destination_sqlite.commit(e.state, &err));
    mr_job_done(&job);
    close_destination(&e);
}

static mr_code load_once(const char *path)
{
    unlink(path);
    static const cell cells[] = {V("1"), V("a"), V("1"), V("b")};
    const load what = LOAD(path, "table=t;mode=append;keys=id", id_name, cells);
    end e;
    mr_job job;
    mr_schema schema;
    mr_job_init(&job);
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_schema_init(&schema, &arena);
    mr_code rc = MR_ERR_NOMEM;
    memset(&e, 0, sizeof e);
    end_init(&e, path, mr_destination_sqlite.state_bytes);
    if (e.state != NULL) {
        rc = set_options(&e, "sqlite", mr_destination_sqlite.options, what.options);
        if (rc == MR_OK) rc = mr_destination_sqlite.open(e.state, &e.env, &err);
        for (uint32_t i = 0; rc == MR_OK && i < 2; i++)
            rc =
                mr_schema_add(&schema, mr_slice_text(id_name[i].name), id_name[i].type, NULL, &err);
        if (rc == MR_OK) rc = mr_destination_sqlite.start(e.state, &schema, &err);
        if (rc == MR_OK) rc = mr_batch_set_schema(&job.batch, &schema, &err);
        for (uint32_t row = 0; rc == MR_OK && row < 2; row++) {
            rc = mr_batch_begin_row(&job.batch, &err);
            for (uint32_t i = 0; rc == MR_OK && i < 2; i++)
                rc = mr_column_append(&job.batch.columns[i], row, cells[row * 2 + i].text, &err);
            if (rc == MR_OK) mr_batch_end_row(&job.batch, 0, 0, row, row);
        }
        if (rc == MR_OK) rc = mr_destination_sqlite.write(e.state, &job, &err);
        if (rc == MR_OK) rc = mr_destination_sqlite.commit(e.state, &err);
        if (rc != MR_OK) mr_destination_sqlite.abort(e.state);
        mr_destination_sqlite.close(e.state);
    }
    end_done(&e);
    mr_arena_done(&arena);
    mr_job_done(&job);
    return rc;
}

/* SQLite gets by without some of its allocations, so a failing one need not fail the run. */
MR_TEST(every_allocation_of_a_run_may_fail)
{
    const char *path = file_named("alloc.db");
    MR_EXPECT_OK(load_once(path));
    for (uint64_t nth = 1; nth < 100000; nth++) {
        const uint64_t live = mr_mem_stats_now().live_bytes;
        mr_mem_fail_at(nth);
        const mr_code rc = load_once(path);
        const bool hit = mr_mem_failed();
        mr_mem_fail_at(0);
        if (rc != MR_OK && rc != MR_ERR_NOMEM)
            MR_TEST_FAIL("allocation %" PRIu64 ": %s\n", nth, err.text);
        MR_EXPECT_U64(mr_mem_stats_now().live_bytes, ==, live);
        MR_EXPECT((rc == MR_OK) == (access(path, F_OK) == 0));
        if (!hit) return;
    }
}

/* --- the source
 * ---------------------------------------------------------------------------------- */

MR_TEST(the_only_table_is_read_and_others_are_asked_for)
{
    end e;
    const char *path = fresh("choose.db");
    sql(path, "CREATE VIEW v AS SELECT 1");
    MR_EXPECT_CODE(open_source(&e, path, NULL), MR_ERR_INPUT);
    EXPECT_SAYS("no tables");
    close_source(&e);
    sql(path, "CREATE TABLE sqlitely(a INTEGER PRIMARY KEY AUTOINCREMENT)");
    MR_EXPECT_OK(open_source(&e, path, NULL));
    close_source(&e);
    sql(path, "CREATE TABLE orders(a)");
    MR_EXPECT_CODE(open_source(&e, path, NULL), MR_ERR_USAGE);
    EXPECT_SAYS("2 tables; choose one with table=: orders, sqlitely");
    close_source(&e);
    MR_EXPECT_CODE(open_source(&e, path, "table=none"), MR_ERR_USAGE);
    EXPECT_SAYS("no such table: main.none");
    close_source(&e);
    MR_EXPECT_CODE(open_source(&e, path, "table=orders;query=SELECT 1"), MR_ERR_USAGE);
    EXPECT_SAYS("table and query");
    close_source(&e);
    MR_EXPECT_OK(open_source(&e, path, "table=v"));
    close_source(&e);
}

MR_TEST(queries_name_their_columns_and_never_write)
{
    end e;
    const char *path = fresh("query.db");
    sql(path, "CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 2)");
    MR_EXPECT_OK(open_source(&e, path, "query=SELECT a, b AS a, a AS \"\", b AS a FROM t"));
    const mr_schema *schema = mr_source_sqlite.schema(e.state);
    static const char *const names[] = {"a", "a_2", "column_3", "a_3"};
    MR_EXPECT_U64(schema->field_count, ==, 4);
    for (uint32_t i = 0; i < 4; i++)
        MR_EXPECT_TEXT(schema->fields[i].name.ptr, names[i]);
    close_source(&e);
    static const char *const bad[] = {"query=DELETE FROM t RETURNING a", "query=BEGIN",
                                      "query=SELECT * FROM none", "query=SELECT 1,", "query=  "};
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        MR_EXPECT_CODE(open_source(&e, path, bad[i]), MR_ERR_USAGE);
        close_source(&e);
    }
    MR_EXPECT_TEXT(ask(path, "SELECT count(*) FROM t"), "1;");
}

MR_TEST(a_source_sees_one_snapshot_and_can_be_read_again)
{
    const char *path = fresh("snapshot.db");
    sql(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(a); "
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
              "INSERT INTO t SELECT i FROM n");
    end e;
    mr_job job;
    mr_job_init(&job);
    MR_EXPECT_OK(open_source(&e, path, "batch_rows=3000"));
    for (int pass = 0; pass < 2; pass++) {
        uint64_t rows = 0, done, total;
        for (;;) {
            mr_job_reset(&job);
            MR_EXPECT_OK(mr_source_sqlite.fetch(e.state, &job, &err));
            if (job.end) break;
            MR_EXPECT(job.from_batch && job.batch.row_count <= 3000);
            MR_EXPECT_U64(job.batch.origin.record, ==, rows);
            if (rows == 0) sql(path, "INSERT INTO t VALUES (0)");
            rows += job.batch.row_count;
        }
        MR_EXPECT_U64(rows, ==, 20000);
        mr_source_sqlite.progress(e.state, &done, &total);
        MR_EXPECT_U64(done, ==, 20000);
        MR_EXPECT_U64(total, ==, 20000);
        MR_EXPECT_OK(mr_source_sqlite.begin(e.state, false, &err));
    }
    mr_job_done(&job);
    close_source(&e);
}

MR_TEST(types_fixed_by_a_first_pass_hold)
{
    const char *path = fresh("fixed.db");
    sql(path, "CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 1), ('x', 2), (2.5, 9e999), (NULL, "
              "CAST(X'ff' AS TEXT))");
    end e;
    mr_job job;
    mr_schema fixed;
    mr_job_init(&job);
    MR_EXPECT_OK(open_source(&e, path, NULL));
    const column_of columns[] = {{"a", MR_TYPE_STRING}, {"b", MR_TYPE_MIXED}};
    make_schema(&fixed, &e.arena, columns, 2);
    MR_EXPECT_OK(mr_source_sqlite.set_schema(e.state, &fixed, NULL, true, &err));
    MR_EXPECT_OK(mr_source_sqlite.fetch(e.state, &job, &err));
    MR_EXPECT_U64(job.batch.columns[0].type, ==, MR_TYPE_STRING);
    MR_EXPECT_SLICE(mr_column_text(&job.batch.columns[0], 2), "2.5");
    MR_EXPECT_U64(mr_column_type(&job.batch.columns[1], 1), ==, MR_TYPE_INT);
    MR_EXPECT_U64(mr_column_type(&job.batch.columns[1], 2), ==, MR_TYPE_STRING);
    MR_EXPECT_SLICE(mr_column_text(&job.batch.columns[1], 2), "Inf");
    MR_EXPECT_U64(mr_column_type(&job.batch.columns[1], 3), ==, MR_TYPE_BYTES); /* no UTF-8 */
    mr_job_done(&job);
    close_source(&e);
}

MR_TEST(batches_stop_at_half_a_megabyte_and_reading_stops_allocating)
{
    const char *path = fresh("wide.db");
    sql(path, "CREATE TABLE t(a, b); "
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
              "INSERT INTO t SELECT i, printf('%.*c', 2000, 'x') FROM n");
    end e;
    mr_job job;
    mr_job_init(&job);
    MR_EXPECT_OK(open_source(&e, path, NULL));
    uint64_t rows = 0;
    mr_mem_mark warm = {0};
    for (int i = 0;; i++) {
        mr_job_reset(&job);
        MR_EXPECT_OK(mr_source_sqlite.fetch(e.state, &job, &err));
        if (job.end) break;
        MR_EXPECT_U64(mr_batch_data_bytes(&job.batch), <=, (512 << 10) + 2100);
        rows += job.batch.row_count;
        if (i == 5) warm = mr_mem_mark_now();
    }
    MR_EXPECT_U64(rows, ==, 3000);
    MR_EXPECT_U64(mr_mem_allocs_since(warm), <, 10);
    mr_job_done(&job);
    close_source(&e);
}
