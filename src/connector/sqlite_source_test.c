/* SPDX-License-Identifier: MIT */
#include "support/sqlite_case.h"

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
