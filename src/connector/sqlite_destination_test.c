/* SPDX-License-Identifier: MIT */
#include "support/sqlite_case.h"

/* --- modes
 * --------------------------------------------------------------------------------------- */

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
