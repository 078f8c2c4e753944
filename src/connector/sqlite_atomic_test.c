/* SPDX-License-Identifier: MIT */
#include "support/sqlite_case.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

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
