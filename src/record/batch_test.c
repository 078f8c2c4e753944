/* SPDX-License-Identifier: MIT */
#include "record/batch.h"

#include "support/test.h"

static mr_arena arena;
static mr_schema schema;
static mr_batch batch;
static mr_error err;

static void open_two_columns(void)
{
    mr_arena_init(&arena, "test", 1 << 20);
    mr_schema_init(&schema, &arena);
    MR_EXPECT_OK(mr_schema_add(&schema, MR_SLICE("a"), MR_TYPE_INT, NULL, &err));
    MR_EXPECT_OK(mr_schema_add(&schema, MR_SLICE("b"), MR_TYPE_STRING, NULL, &err));
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(mr_batch_set_schema(&batch, &schema, &err));
}

static void close_all(void)
{
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

/* Row i: a = i, b = null when i % 3 is 0, empty when 1, else the text "t<i>". */
static void fill(uint32_t rows)
{
    char text[32];
    for (uint32_t i = 0; i < rows; i++) {
        MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
        int len = snprintf(text, sizeof text, "%u", i);
        MR_EXPECT_OK(mr_column_append_padded(&batch.columns[0], i, text, (size_t)len, &err));
        len = snprintf(text, sizeof text, "t%u", i);
        if (i % 3 == 0)
            mr_column_append_null(&batch.columns[1], i);
        else
            MR_EXPECT_OK(mr_column_append(&batch.columns[1], i,
                                          (mr_slice){text, i % 3 == 1 ? 0 : (size_t)len}, &err));
        mr_batch_end_row(&batch, i, 1, i, i);
    }
    mr_batch_check(&batch);
}

MR_TEST(null_empty_and_text_are_told_apart)
{
    open_two_columns();
    fill(1000);
    for (uint32_t i = 0; i < 1000; i++) {
        MR_EXPECT(mr_column_is_null(&batch.columns[1], i) == (i % 3 == 0));
        MR_EXPECT(!mr_column_is_null(&batch.columns[0], i));
        MR_EXPECT((mr_column_text(&batch.columns[1], i).len > 0) == (i % 3 == 2));
    }
    mr_batch_truncate(&batch, 10);
    mr_batch_check(&batch);
    MR_EXPECT_U64(batch.columns[1].null_count, ==, 4);
    close_all();
}

MR_TEST(a_warm_batch_allocates_nothing)
{
    open_two_columns();
    fill(5000);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int round = 0; round < 5; round++) {
        mr_batch_reset(&batch);
        MR_EXPECT_OK(mr_batch_set_schema(&batch, &schema, &err));
        fill(5000);
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    close_all();
}

MR_TEST(a_column_added_late_is_absent_in_earlier_rows)
{
    open_two_columns();
    fill(20);
    uint32_t number;
    MR_EXPECT_OK(mr_batch_add_column(&batch, MR_SLICE("late"), MR_TYPE_NULL, &number, &err));
    for (uint32_t row = 20; row < 40; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
        mr_column_append_null(&batch.columns[0], row);
        MR_EXPECT_OK(mr_column_append_absent(&batch.columns[1], row, &err));
        MR_EXPECT_OK(mr_column_append(&batch.columns[number], row, MR_SLICE("x"), &err));
        MR_EXPECT_OK(mr_column_tag(&batch.columns[number], row,
                                   row % 2 == 0 ? MR_TYPE_STRING : MR_TYPE_INT, &err));
        mr_batch_end_row(&batch, 0, 0, 0, 0);
    }
    mr_batch_check(&batch);
    MR_EXPECT(mr_column_is_absent(&batch.columns[number], 19));
    MR_EXPECT(!mr_column_is_absent(&batch.columns[number], 20));
    MR_EXPECT(mr_column_is_absent(&batch.columns[1], 30));
    MR_EXPECT(!mr_column_is_absent(&batch.columns[1], 19));
    MR_EXPECT(!mr_column_is_absent(&batch.columns[0], 30) &&
              mr_column_is_null(&batch.columns[0], 30));
    MR_EXPECT_U64(mr_column_type(&batch.columns[number], 20), ==, MR_TYPE_STRING);
    MR_EXPECT_U64(mr_column_type(&batch.columns[number], 21), ==, MR_TYPE_INT);
    close_all();
}

MR_TEST(header_names_are_completed_and_made_unique)
{
    static const char *const names[] = {"a", "", "a", "a_2", "a", ""};
    static const char wanted[][10] = {"a", "column_2", "a_2", "a_2_2", "a_3", "column_6"};
    mr_arena_init(&arena, "test", 1 << 20);
    mr_schema_init(&schema, &arena);
    for (size_t i = 0; i < MR_COUNT_OF(names); i++)
        MR_EXPECT_OK(mr_schema_add_header_name(&schema, mr_slice_text(names[i]), &err));
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        MR_EXPECT_SLICE(schema.fields[i].name, wanted[i]);
        MR_EXPECT_I64(mr_schema_find(&schema, mr_slice_text(wanted[i])), ==, i);
    }
    mr_arena_done(&arena);
}

MR_TEST(a_name_may_be_repeated_as_often_as_there_are_columns)
{
    mr_arena_init(&arena, "test", (size_t)64 << 20);
    mr_schema_init(&schema, &arena);
    for (int i = 0; i < MR_MAX_COLUMNS; i++)
        MR_EXPECT_OK(mr_schema_add_header_name(&schema, (mr_slice){"a\0b", 3}, &err));
    const mr_slice last = schema.fields[MR_MAX_COLUMNS - 1].name;
    MR_EXPECT(mr_slice_equal(last, (mr_slice){"a\0b_65536", 9}));
    mr_arena_done(&arena);
}

MR_TEST(a_wide_batch_takes_room_for_few_rows)
{
    open_two_columns();
    fill(5000);
    mr_batch_reset(&batch);
    MR_EXPECT_OK(mr_batch_set_schema(&batch, &schema, &err));
    for (uint32_t i = 2; i < MR_MAX_COLUMNS; i++) {
        char name[16];
        uint32_t number;
        const int len = snprintf(name, sizeof name, "c%u", i);
        MR_EXPECT_OK(mr_batch_add_column(&batch, (mr_slice){name, (size_t)len}, MR_TYPE_STRING,
                                         &number, &err));
    }
    MR_EXPECT_U64(batch.max_rows, ==, MR_BATCH_MAX_CELLS / MR_MAX_COLUMNS);
    MR_EXPECT_U64(mr_batch_held_bytes(&batch), <, (uint64_t)256 << 20);
    close_all();
}

static mr_code fill_once(void)
{
    mr_error *no_error = NULL;
    mr_code rc = MR_OK;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_schema_init(&schema, &arena);
    mr_batch_init(&batch, 0);
    rc = mr_schema_add(&schema, MR_SLICE("a"), MR_TYPE_INT, NULL, &err);
    if (rc == MR_OK) rc = mr_batch_set_schema(&batch, &schema, &err);
    for (uint32_t i = 0; rc == MR_OK && i < 200; i++) {
        rc = mr_batch_begin_row(&batch, &err);
        if (rc == MR_OK) rc = mr_column_append(&batch.columns[0], i, MR_SLICE("12"), no_error);
        if (rc == MR_OK && i == 150) rc = mr_column_tag(&batch.columns[0], i, MR_TYPE_STRING, &err);
        if (rc == MR_OK) mr_batch_end_row(&batch, 0, 0, 0, 0);
    }
    close_all();
    return rc;
}

MR_TEST(every_allocation_of_a_batch_may_fail)
{
    MR_EACH_ALLOC_FAILS(fill_once());
}
