/* SPDX-License-Identifier: MIT
 *
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "connector/connectors.h"
#include "core/arena.h"
#include "support/files.h"
#include "support/test.h"

static mr_error err;

typedef struct follower {
    mr_arena arena;
    atomic_bool cancelled;
    mr_connector_env env;
    mr_options options;
    void *state;
    mr_job job;
} follower;

static void set(follower *f, const char *key, const char *value)
{
    const mr_option_from from = {MR_ORIGIN_FLAG, NULL};
    MR_EXPECT_OK(mr_options_set(&f->options, mr_slice_text(key), mr_slice_text(value), from, &err));
}

static void begin(follower *f, const char *path)
{
    memset(f, 0, sizeof *f);
    mr_arena_init(&f->arena, "test", (size_t)64 << 20);
    f->env = (mr_connector_env){.arena = &f->arena,
                                .path = mr_slice_text(path),
                                .limits = MR_TEXT_LIMITS_DEFAULT,
                                .cancelled = &f->cancelled};
    f->state = mr_mem_zalloc(mr_source_tail.state_bytes);
    mr_job_init(&f->job);
    MR_EXPECT_OK(mr_options_init(&f->options, "tail source", mr_source_tail.options, f->state,
                                 &f->arena, &err));
}

static void open_it(follower *f)
{
    MR_EXPECT_OK(mr_source_tail.open(f->state, &f->env, &err));
    MR_EXPECT_OK(mr_source_tail.begin(f->state, false, &err));
}

static void end(follower *f)
{
    mr_source_tail.close(f->state);
    mr_job_done(&f->job);
    mr_mem_free(f->state);
    mr_arena_done(&f->arena);
}

static void fetch(follower *f)
{
    mr_job_reset(&f->job);
    MR_EXPECT_OK(mr_source_tail.fetch(f->state, &f->job, &err));
}

MR_TEST(following_allocates_nothing_once_warm)
{
    static const char *const formats[] = {"lines", "csv", "json"};
    mr_buffer text;
    mr_buffer_init(&text, "test", 64 << 20);
    for (size_t i = 0; i < MR_COUNT_OF(formats); i++) {
        follower f;
        uint64_t rows = 0;
        mr_buffer_reset(&text);
        for (int n = 0; n < 60000; n++)
            MR_EXPECT_OK(mr_buffer_printf(&text, &err,
                                          i == 2 ? "{\"number\":%d,\"text\":\"row %d of many\"}\n"
                                                 : "%d,\"row %d of many\"\n",
                                          n + 100000, n));
        begin(&f, mr_test_put("warm", mr_buffer_slice(&text)));
        set(&f, "format", formats[i]);
        set(&f, "header", "false");
        open_it(&f);
        for (int n = 0; n < 4; n++, rows += f.job.batch.row_count)
            fetch(&f);
        const mr_mem_mark warm = mr_mem_mark_now();
        while (rows < 60000 && f.job.batch.row_count > 0) {
            fetch(&f);
            rows += f.job.batch.row_count;
        }
        MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
        MR_EXPECT_U64(rows, ==, 60000);
        end(&f);
    }
    mr_buffer_done(&text);
}

MR_TEST(batches_of_any_size_give_every_line_once)
{
    static const uint32_t sizes[] = {1, 3, 1000};
    for (size_t i = 0; i < MR_COUNT_OF(sizes); i++) {
        follower f;
        char wanted[32];
        begin(&f, mr_test_put("sizes", MR_SLICE("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")));
        f.env.max_rows = sizes[i];
        open_it(&f);
        for (uint32_t row = 0; row < 10; row += f.job.batch.row_count) {
            fetch(&f);
            MR_EXPECT_U64(f.job.batch.row_count, <=, sizes[i]);
            for (uint32_t r = 0; r < f.job.batch.row_count; r++) {
                snprintf(wanted, sizeof wanted, "%u", row + r);
                MR_EXPECT_SLICE(mr_column_text(&f.job.batch.columns[0], r), wanted);
            }
        }
        end(&f);
    }
}

MR_TEST(a_line_beyond_the_limit_is_rejected_with_its_place_and_reading_goes_on)
{
    static const char *const formats[] = {"lines", "csv", "json"};
    for (size_t i = 0; i < MR_COUNT_OF(formats); i++) {
        follower f;
        mr_buffer text;
        uint64_t rows = 0, rejects = 0;
        mr_buffer_init(&text, "test", 64 << 20);
        MR_EXPECT_OK(mr_buffer_append(&text, MR_SLICE("{\"a\":1}\n{\"a\":\""), &err));
        for (int n = 0; n < 500000; n++)
            MR_EXPECT_OK(mr_buffer_append_byte(&text, 'x', &err));
        MR_EXPECT_OK(mr_buffer_append(&text, MR_SLICE("\"}\n{\"a\":2}\n"), &err));
        begin(&f, mr_test_put("beyond", mr_buffer_slice(&text)));
        f.env.limits.max_record_bytes = 10000;
        set(&f, "format", formats[i]);
        set(&f, "header", "false");
        open_it(&f);
        for (int n = 0; n < 100 && rows + rejects < 3; n++) {
            fetch(&f);
            rows += f.job.batch.row_count;
            for (uint32_t r = 0; r < f.job.rejects.count; r++, rejects++) {
                const mr_reject *reject = mr_reject_at(&f.job.rejects, r);
                MR_EXPECT_I64(reject->reason, ==, MR_REASON_RECORD_TOO_LARGE);
                MR_EXPECT_U64(reject->record, ==, 1);
                MR_EXPECT_U64(reject->line, ==, 1);
                MR_EXPECT_U64(reject->byte_offset, ==, 8);
            }
        }
        MR_EXPECT_U64(rows, ==, 2);
        MR_EXPECT_U64(rejects, ==, 1);
        end(&f);
        mr_buffer_done(&text);
    }
}

MR_TEST(standard_input_cannot_be_followed)
{
    follower f;
    begin(&f, "-");
    MR_EXPECT_CODE(mr_source_tail.open(f.state, &f.env, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "--streaming-mode") != NULL);
    end(&f);
}
