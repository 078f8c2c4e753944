/* SPDX-License-Identifier: MIT */
#include "db/sqlite.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/files.h"
#include "support/test.h"

static mr_error err;

static const char *file_named(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", mr_test_dir(), name);
    return path;
}

static const mr_sqlite_options create_it = {.mode = MR_SQLITE_CREATE, .sync = MR_SQLITE_SYNC_OFF};
static const mr_sqlite_options read_it = {.mode = MR_SQLITE_READ};

static mr_sqlite open_fresh(const char *path)
{
    unlink(path);
    mr_sqlite db;
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &create_it, &err));
    return db;
}

MR_TEST(values_come_back_as_they_were_bound)
{
    static const char nul[] = "a\0b";
    mr_sqlite db = open_fresh(file_named("values.db"));
    mr_sqlite_stmt stmt;
    MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t(a, b, c, d, e, f)", "make a table", &err));
    MR_EXPECT_OK(mr_sqlite_prepare(&stmt, &db, MR_SLICE("INSERT INTO t VALUES (?,?,?,?,?,?)"),
                                   "add a row", &err));
    MR_EXPECT_OK(mr_sqlite_bind_i64(&stmt, 1, INT64_MIN, &err));
    MR_EXPECT_OK(mr_sqlite_bind_f64(&stmt, 2, 0.1, &err));
    MR_EXPECT_OK(mr_sqlite_bind_text(&stmt, 3, (mr_slice){nul, 3}, &err));
    MR_EXPECT_OK(mr_sqlite_bind_blob(&stmt, 4, (mr_slice){nul, 4}, &err));
    MR_EXPECT_OK(mr_sqlite_bind_null(&stmt, 5, &err));
    MR_EXPECT_OK(mr_sqlite_bind_text(&stmt, 6, (mr_slice){NULL, 0}, &err));
    MR_EXPECT_OK(mr_sqlite_run(&stmt, &err));
    mr_sqlite_finish(&stmt);

    bool row;
    MR_EXPECT_OK(
        mr_sqlite_prepare(&stmt, &db, MR_SLICE("SELECT * FROM t;  -- all\n"), "read", &err));
    MR_EXPECT_OK(mr_sqlite_step(&stmt, &row, &err));
    MR_EXPECT(row);
    MR_EXPECT_I64(mr_sqlite_column_i64(&stmt, 0), ==, INT64_MIN);
    MR_EXPECT(mr_sqlite_column_f64(&stmt, 1) == 0.1);
    MR_EXPECT(mr_slice_equal(mr_sqlite_column_text(&stmt, 2), (mr_slice){nul, 3}));
    MR_EXPECT(mr_slice_equal(mr_sqlite_column_blob(&stmt, 3), (mr_slice){nul, 4}));
    MR_EXPECT_I64(mr_sqlite_column_type(&stmt, 4), ==, SQLITE_NULL);
    MR_EXPECT_I64(mr_sqlite_column_type(&stmt, 5), ==, SQLITE_TEXT);
    MR_EXPECT_U64(mr_sqlite_column_text(&stmt, 5).len, ==, 0);
    MR_EXPECT_OK(mr_sqlite_step(&stmt, &row, &err));
    MR_EXPECT(!row);
    mr_sqlite_finish(&stmt);
    mr_sqlite_close(&db);
    mr_sqlite_close(&db);
}

MR_TEST(what_is_not_a_database_is_said_in_one_line)
{
    static const struct {
        const char *name;
        mr_slice bytes;
        const char *part; /* of the error */
        mr_code code;
    } cases[] = {
        {"orders.csv",
         {"id,name\n1,a\n", 12},
         "it is text that begins with 'id,name'",
         MR_ERR_INPUT},
        {"a.gz", {"\x1f\x8b\x08\0", 4}, "gzip", MR_ERR_INPUT},
        {"random.db", {"\x01\x02\x03\x04", 4}, "encrypted", MR_ERR_INPUT},
        {"short.db", {"SQLite", 6}, "not an SQLite database", MR_ERR_INPUT},
        {"empty.db", {"", 0}, NULL, MR_OK},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const char *path = file_named(cases[i].name);
        mr_test_write_file(path, cases[i].bytes);
        mr_sqlite db;
        MR_EXPECT_CODE(mr_sqlite_open(&db, path, &read_it, &err), cases[i].code);
        if (cases[i].part != NULL && strstr(err.text, cases[i].part) == NULL)
            MR_TEST_FAIL("%s: \"%s\" lacks \"%s\"\n", cases[i].name, err.text, cases[i].part);
        mr_sqlite_close(&db);
    }
    mr_sqlite db;
    MR_EXPECT_CODE(mr_sqlite_open(&db, "", &read_it, &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_sqlite_open(&db, mr_test_dir(), &read_it, &err), MR_ERR_INPUT);
    MR_EXPECT(strstr(err.text, "folder") != NULL);
    MR_EXPECT_CODE(mr_sqlite_open(&db, file_named("none.db"), &read_it, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "No such file") != NULL);
    const char *fifo = file_named("fifo");
    MR_EXPECT(mkfifo(fifo, 0600) == 0);
    MR_EXPECT_CODE(mr_sqlite_open(&db, fifo, &read_it, &err), MR_ERR_INPUT);
}

MR_TEST(a_damaged_database_is_an_input_error)
{
    const char *path = file_named("damaged.db");
    mr_sqlite db = open_fresh(path);
    MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t(a); INSERT INTO t VALUES(1)", "fill", &err));
    mr_sqlite_close(&db);
    size_t len;
    char *bytes = mr_test_read_file(path, &len);
    memset(bytes + 100, 0xee, 500);
    mr_test_write_file(path, (mr_slice){bytes, len});
    mr_mem_free(bytes);
    MR_EXPECT_CODE(mr_sqlite_open(&db, path, &read_it, &err), MR_ERR_INPUT);
    MR_EXPECT(strstr(err.text, "damaged.db") != NULL);
}

MR_TEST(a_path_is_never_a_uri_or_a_memory_database)
{
    static const char *const names[] = {":memory:", "file:x.db?mode=memory"};
    char before[4096];
    MR_EXPECT(getcwd(before, sizeof before) != NULL && chdir(mr_test_dir()) == 0);
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        mr_sqlite db;
        MR_EXPECT_OK(mr_sqlite_open(&db, names[i], &create_it, &err));
        MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t(a)", "make a table", &err));
        mr_sqlite_close(&db);
        MR_EXPECT(access(names[i], F_OK) == 0);
    }
    MR_EXPECT(chdir(before) == 0);
}

MR_TEST(errors_are_translated)
{
    static const struct {
        const char *sql;
        mr_code code;
        const char *part;
    } cases[] = {
        {"INSERT INTO t VALUES (1)", MR_ERR_CONFLICT, "UNIQUE constraint failed: t.a"},
        {"INSERT INTO t VALUES (NULL)", MR_ERR_CONFLICT, "NOT NULL"},
        {"SELECT * FROM missing", MR_ERR_USAGE, "no such table: missing"},
        {"SELEC", MR_ERR_USAGE, "syntax error"},
        {"INSERT INTO t VALUES (zeroblob(2000000000))", MR_ERR_LIMIT, "too big"},
    };
    mr_sqlite db = open_fresh(file_named("errors.db"));
    MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t(a UNIQUE NOT NULL); INSERT INTO t VALUES (1)",
                                "fill", &err));
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        MR_EXPECT_CODE(mr_sqlite_exec(&db, cases[i].sql, "try this", &err), cases[i].code);
        if (strstr(err.text, cases[i].part) == NULL || strstr(err.text, "cannot try this") == NULL)
            MR_TEST_FAIL("\"%s\" lacks \"%s\"\n", err.text, cases[i].part);
    }
    mr_sqlite_stmt stmt;
    MR_EXPECT_CODE(mr_sqlite_prepare(&stmt, &db, MR_SLICE("SELECT 1; SELECT 2"), "try", &err),
                   MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_sqlite_prepare(&stmt, &db, MR_SLICE(" -- nothing"), "try", &err),
                   MR_ERR_USAGE);
    MR_EXPECT_OK(mr_sqlite_prepare(&stmt, &db, MR_SLICE("SELECT 1 ; /* ; */ -- x"), "try", &err));
    mr_sqlite_finish(&stmt);

    mr_sqlite other;
    MR_EXPECT_OK(mr_sqlite_begin_immediate(&db, &err));
    MR_EXPECT_OK(mr_sqlite_open(&other, file_named("errors.db"),
                                &(mr_sqlite_options){.mode = MR_SQLITE_WRITE}, &err));
    MR_EXPECT_CODE(mr_sqlite_begin_immediate(&other, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "another program") != NULL);
    MR_EXPECT(mr_sqlite_in_transaction(&db) && !mr_sqlite_in_transaction(&other));
    mr_sqlite_rollback(&db);
    mr_sqlite_close(&other);
    MR_EXPECT_OK(mr_sqlite_open(&other, file_named("errors.db"), &read_it, &err));
    MR_EXPECT_CODE(mr_sqlite_exec(&other, "DELETE FROM t", "try", &err), MR_ERR_IO);
    mr_sqlite_close(&other);
    mr_sqlite_close(&db);
}

MR_TEST(a_full_database_is_an_io_error)
{
    mr_sqlite db = open_fresh(file_named("full.db"));
    MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t(a); PRAGMA max_page_count=4", "fill", &err));
    MR_EXPECT_CODE(
        mr_sqlite_exec(&db, "INSERT INTO t VALUES (zeroblob(100000))", "add a row", &err),
        MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "cannot add a row in") != NULL && strstr(err.text, "full") != NULL);
    mr_sqlite_close(&db);
}

MR_TEST(long_statements_stop_when_cancelled)
{
    atomic_bool cancelled = true;
    mr_sqlite db;
    mr_sqlite_options options = create_it;
    atomic_store(&cancelled, false);
    options.cancelled = &cancelled;
    MR_EXPECT_OK(mr_sqlite_open(&db, file_named("cancel.db"), &options, &err));
    atomic_store(&cancelled, true);
    MR_EXPECT_CODE(mr_sqlite_exec(&db,
                                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
                                  "SELECT max(i) FROM n",
                                  "count", &err),
                   MR_ERR_CLOSED);
    mr_sqlite_close(&db);
}

MR_TEST(names_are_quoted_so_that_they_stay_names)
{
    mr_buffer sql;
    mr_buffer_init(&sql, "test", 1000);
    MR_EXPECT_OK(mr_sqlite_quote(&sql, MR_SLICE("a\"; DROP TABLE t; --"), &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&sql), "\"a\"\"; DROP TABLE t; --\"");
    MR_EXPECT_CODE(mr_sqlite_quote(&sql, (mr_slice){"a\0b", 3}, &err), MR_ERR_INPUT);
    mr_buffer_done(&sql);
    MR_EXPECT(mr_sqlite_same_name(MR_SLICE("Name"), MR_SLICE("nAME")));
    MR_EXPECT(!mr_sqlite_same_name(MR_SLICE("Name"), MR_SLICE("nAMEs")));
}

MR_TEST(memory_of_sqlite_is_counted_and_given_back)
{
    mr_sqlite db = open_fresh(file_named("memory.db"));
    mr_sqlite_close(&db); /* what SQLite keeps for good is there now */
    const uint64_t before = mr_mem_stats_now().live_bytes;
    db = open_fresh(file_named("memory.db"));
    MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(1000000))",
                                "fill", &err));
    MR_EXPECT_U64(mr_mem_stats_now().live_bytes, >, before + 500000);
    mr_sqlite_close(&db);
    MR_EXPECT_U64(mr_mem_stats_now().live_bytes, ==, before);
}

static mr_code open_and_fill(void)
{
    mr_sqlite db;
    mr_code rc = mr_sqlite_open(&db, file_named("alloc.db"), &create_it, &err);
    if (rc == MR_OK)
        rc = mr_sqlite_exec(&db, "CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES(1)", "fill",
                            &err);
    mr_sqlite_close(&db);
    return rc;
}

/* SQLite gets by without some of its allocations, so a failing one need not fail the call. */
MR_TEST(every_allocation_may_fail)
{
    MR_EXPECT_OK(open_and_fill());
    for (uint64_t nth = 1; nth < 100000; nth++) {
        const uint64_t live = mr_mem_stats_now().live_bytes;
        mr_mem_fail_at(nth);
        const mr_code rc = open_and_fill();
        const bool hit = mr_mem_failed();
        mr_mem_fail_at(0);
        MR_EXPECT(rc == MR_OK || rc == MR_ERR_NOMEM);
        MR_EXPECT_U64(mr_mem_stats_now().live_bytes, ==, live);
        if (!hit) return;
    }
}

MR_TEST(wal_is_kept_by_the_file)
{
    const char *path = file_named("wal.db");
    unlink(path);
    mr_sqlite_options options = create_it;
    options.journal = MR_SQLITE_JOURNAL_WAL;
    options.cache_bytes = 1 << 20;
    mr_sqlite db;
    mr_sqlite_stmt stmt;
    bool row;
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &options, &err));
    MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t(a)", "make a table", &err));
    mr_sqlite_close(&db);
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &read_it, &err));
    MR_EXPECT_OK(mr_sqlite_prepare(&stmt, &db, MR_SLICE("PRAGMA journal_mode"), "ask", &err));
    MR_EXPECT_OK(mr_sqlite_step(&stmt, &row, &err));
    MR_EXPECT_SLICE(mr_sqlite_column_text(&stmt, 0), "wal");
    mr_sqlite_finish(&stmt);
    mr_sqlite_close(&db);
}

/* Closing any descriptor of a file drops all POSIX locks that the process holds on it. */
MR_TEST(opening_a_database_again_keeps_the_first_connection_s_locks)
{
    const char *path = file_named("locks.db");
    mr_sqlite db = open_fresh(path), again;
    MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t(a)", "make a table", &err));
    MR_EXPECT_OK(mr_sqlite_begin_immediate(&db, &err));
    MR_EXPECT_OK(mr_sqlite_open(&again, path, &read_it, &err));
    mr_sqlite_close(&again);
    const pid_t child = fork();
    if (child == 0) {
        const mr_sqlite_options options = {.mode = MR_SQLITE_WRITE};
        mr_code rc = mr_sqlite_open(&again, path, &options, &err);
        if (rc == MR_OK) rc = mr_sqlite_begin_immediate(&again, &err);
        _exit(rc == MR_ERR_IO ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    MR_EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    mr_sqlite_rollback(&db);
    mr_sqlite_close(&db);
}

/* What a paced connection writes is what any other reads, also through the log. */
MR_TEST(a_paced_connection_writes_the_same_database)
{
    const char *path = mr_test_at("paced.db");
    mr_sqlite db = {0}, paced = {0};
    const mr_sqlite_options options = {.mode = MR_SQLITE_CREATE, .journal = MR_SQLITE_JOURNAL_WAL};
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &options, &err));
    sqlite3_wal_autocheckpoint(db.handle, 0);
    MR_EXPECT_OK(mr_sqlite_exec(&db,
                                "CREATE TABLE t (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
                                "SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT "
                                "randomblob(300) FROM n",
                                "fill the table", &err));
    MR_EXPECT_OK(mr_sqlite_open(
        &paced, path, &(mr_sqlite_options){.mode = MR_SQLITE_WRITE, .paced = true}, &err));
    int pages = 0, carried = 0;
    MR_EXPECT(sqlite3_wal_checkpoint_v2(paced.handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages,
                                        &carried) == SQLITE_OK);
    MR_EXPECT(pages > 100 && carried == pages);
    MR_EXPECT_OK(mr_sqlite_exec(&paced, "INSERT INTO t VALUES (1)", "add a row", &err));
    mr_sqlite_close(&paced);
    mr_sqlite_stmt stmt;
    MR_EXPECT_OK(mr_sqlite_prepare(&stmt, &db, MR_SLICE("SELECT count(*) FROM t"), "count", &err));
    bool row = false;
    MR_EXPECT_OK(mr_sqlite_step(&stmt, &row, &err));
    MR_EXPECT_I64(mr_sqlite_column_i64(&stmt, 0), ==, 2001);
    mr_sqlite_finish(&stmt);
    mr_sqlite_close(&db);
}

/* As `id INTEGER PRIMARY KEY, x` with `count` rows of 300 bytes, from `from`, in one transaction.
 */
static void add_rows(mr_sqlite *db, int from, int count)
{
    char sql[200];
    snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE n (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT "
        "INTO t SELECT i, randomblob(300) FROM n",
        from, from + count - 1);
    MR_EXPECT_OK(mr_sqlite_exec(db, sql, "add rows", &err));
}

static int64_t count_rows(mr_sqlite *db)
{
    mr_sqlite_stmt stmt;
    MR_EXPECT_OK(mr_sqlite_prepare(&stmt, db, MR_SLICE("SELECT count(*) FROM t"), "count", &err));
    bool row = false;
    MR_EXPECT_OK(mr_sqlite_step(&stmt, &row, &err));
    const int64_t rows = mr_sqlite_column_i64(&stmt, 0);
    mr_sqlite_finish(&stmt);
    return rows;
}

/* Commits of one page and of thousands, a cache that spills in mid-transaction, a rollback behind
 * it: another connection sees each commit at once and nothing else. */
MR_TEST(a_gathering_connection_commits_as_any_other)
{
    const char *path = mr_test_at("gathering.db");
    mr_sqlite db = {0}, other = {0};
    const mr_sqlite_options options = {.mode = MR_SQLITE_CREATE,
                                       .journal = MR_SQLITE_JOURNAL_WAL,
                                       .gathers = true,
                                       .cache_bytes = 64u << 10};
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &options, &err));
    sqlite3_wal_autocheckpoint(db.handle, 0);
    MR_EXPECT_OK(mr_sqlite_exec(&db, "CREATE TABLE t (id INTEGER PRIMARY KEY, x)", "set up", &err));
    MR_EXPECT_OK(mr_sqlite_open(&other, path, &(mr_sqlite_options){.mode = MR_SQLITE_READ}, &err));
    int rows = 0;
    const int counts[] = {1, 5, 2000, 1, 20000, 3};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        add_rows(&db, rows + 1, counts[i]);
        rows += counts[i];
        MR_EXPECT_I64(count_rows(&other), ==, rows);
        MR_EXPECT_OK(mr_sqlite_exec(&db, "BEGIN", "begin", &err));
        add_rows(&db, rows + 1, 3000);
        MR_EXPECT_I64(count_rows(&db), ==, rows + 3000);
        mr_sqlite_rollback(&db);
        MR_EXPECT_I64(count_rows(&other), ==, rows);
    }
    mr_sqlite_stmt stmt;
    MR_EXPECT_OK(
        mr_sqlite_prepare(&stmt, &other, MR_SLICE("PRAGMA integrity_check"), "check", &err));
    bool row = false;
    MR_EXPECT_OK(mr_sqlite_step(&stmt, &row, &err));
    MR_EXPECT(mr_slice_is(mr_sqlite_column_text(&stmt, 0), "ok"));
    mr_sqlite_finish(&stmt);
    mr_sqlite_close(&other);
    mr_sqlite_close(&db);
}
