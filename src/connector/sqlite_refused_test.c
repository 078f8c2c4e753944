/* SPDX-License-Identifier: MIT */
#include "support/sqlite_case.h"

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
        load lossy = LOAD(path, "table=t", columns, cells);
        lossy.lossy = true;
        if (strstr(cases[i].declared, "KEY") == NULL) EXPECT_RUN(lossy, MR_OK, 0);
    }
}
