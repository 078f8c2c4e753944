/* SPDX-License-Identifier: MIT */
#include "pipeline/admit.h"

#include "core/mem.h"
#include "pipeline/drift.h"
#include "support/test.h"

#define ROWS 1000u

static mr_error err;
static mr_arena arena;
static mr_job job;

/* Columns id, an int as text, and name; no row of it is at fault. */
static void fill(void)
{
    char text[16];
    uint32_t added;
    mr_job_reset(&job);
    MR_EXPECT_OK(mr_batch_add_column(&job.batch, MR_SLICE("id"), MR_TYPE_STRING, &added, &err));
    MR_EXPECT_OK(mr_batch_add_column(&job.batch, MR_SLICE("name"), MR_TYPE_STRING, &added, &err));
    for (uint32_t row = 0; row < ROWS; row++) {
        const int len = snprintf(text, sizeof text, "%u", row);
        const mr_slice cell = {text, (size_t)len};
        MR_EXPECT_OK(mr_batch_begin_row(&job.batch, &err));
        MR_EXPECT_OK(mr_column_append(&job.batch.columns[0], row, cell, &err));
        MR_EXPECT_OK(mr_column_append(&job.batch.columns[1], row, cell, &err));
        mr_batch_end_row(&job.batch, row * 10, 9, row, row);
    }
}

static void open_all(void)
{
    mr_arena_init(&arena, "test", 1 << 20);
    mr_job_init(&job);
}

static void close_all(void)
{
    mr_job_done(&job);
    mr_arena_done(&arena);
}

MR_TEST(rows_are_admitted_without_allocating_once_warm)
{
    mr_declared declared = {0};
    mr_admit admit;
    mr_mem_mark warm = mr_mem_mark_now();
    open_all();
    MR_EXPECT_OK(mr_declared_from_text(&declared, "id=int not null,name=string", &arena, &err));
    mr_admit_init(&admit, 0.5, 7, &declared, true);
    for (int round = 0; round < 5; round++) {
        fill();
        if (round == 2) warm = mr_mem_mark_now();
        MR_EXPECT_OK(mr_admit_apply(&admit, &job, &err));
        MR_EXPECT_U64(job.refused.count, ==, 0);
        MR_EXPECT_U64(job.batch.row_count + job.filtered, ==, ROWS);
        MR_EXPECT_U64(job.batch.columns[0].type, ==, MR_TYPE_INT);
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    close_all();
}

MR_TEST(columns_that_are_expected_are_compared_without_allocating_once_warm)
{
    mr_schema expected;
    mr_batch rest;
    mr_mem_mark warm = mr_mem_mark_now();
    mr_drift drift = {.watches = true,
                      .watch_columns = true,
                      .watch_missing = true,
                      .watch_types = true,
                      .judge = true,
                      .arranges = true};
    open_all();
    mr_batch_init(&rest, 0);
    mr_schema_init(&expected, &arena);
    mr_schema_init(&drift.required, &arena);
    MR_EXPECT_OK(mr_schema_add(&expected, MR_SLICE("id"), MR_TYPE_INT, NULL, &err));
    MR_EXPECT_OK(mr_schema_add(&expected, MR_SLICE("name"), MR_TYPE_STRING, NULL, &err));
    MR_EXPECT_OK(mr_drift_begin(&drift, &expected, &arena, &err));
    for (int round = 0; round < 5; round++) {
        fill();
        if (round == 2) warm = mr_mem_mark_now();
        MR_EXPECT_OK(mr_drift_apply(&drift, &job, &rest, &err));
        MR_EXPECT_U64(job.batch.row_count, ==, ROWS);
        MR_EXPECT_U64(job.drift.len + job.refused.count + job.discarded, ==, 0);
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    mr_batch_done(&rest);
    close_all();
}

MR_TEST(a_sample_is_the_same_for_the_same_seed_and_another_for_another)
{
    mr_declared declared = {0};
    uint64_t kept[3];
    static const uint64_t seeds[3] = {1, 1, 2};
    open_all();
    for (int i = 0; i < 3; i++) {
        mr_admit admit;
        mr_admit_init(&admit, 0.5, seeds[i], &declared, true);
        fill();
        MR_EXPECT_OK(mr_admit_apply(&admit, &job, &err));
        kept[i] = 0;
        for (uint32_t row = 0; row < job.batch.row_count; row++)
            kept[i] = kept[i] * 31 + job.batch.row_record[row];
        MR_EXPECT_U64(job.batch.row_count, >, ROWS * 4 / 10);
        MR_EXPECT_U64(job.batch.row_count, <, ROWS * 6 / 10);
    }
    MR_EXPECT_U64(kept[0], ==, kept[1]);
    MR_EXPECT_U64(kept[0], !=, kept[2]);
    close_all();
}
