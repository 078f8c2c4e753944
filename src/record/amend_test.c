/* SPDX-License-Identifier: MIT */
#include "record/amend.h"

#include "support/test.h"

static mr_batch batch, other;
static mr_error err;

/* a: "r0" "r1" ...; b: null in every third row, empty in every third but one; c: absent in odd
 * rows, an int in those that 4 divides and a string in the others. */
static void fill(uint32_t rows)
{
    static const char *const names[] = {"a", "b", "c"};
    char text[16];
    uint32_t added;
    mr_batch_init(&batch, 0);
    mr_batch_init(&other, 0);
    for (int c = 0; c < 3; c++)
        MR_EXPECT_OK(mr_batch_add_column(&batch, mr_slice_text(names[c]),
                                         c == 2 ? MR_TYPE_NULL : MR_TYPE_STRING, &added, &err));
    for (uint32_t row = 0; row < rows; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
        snprintf(text, sizeof text, "r%u", row);
        MR_EXPECT_OK(mr_column_append(&batch.columns[0], row, mr_slice_text(text), &err));
        if (row % 3 == 0)
            mr_column_append_null(&batch.columns[1], row);
        else
            MR_EXPECT_OK(mr_column_append(&batch.columns[1], row,
                                          mr_slice_text(row % 3 == 1 ? "" : text), &err));
        if (row % 2 == 1) {
            MR_EXPECT_OK(mr_column_append_absent(&batch.columns[2], row, &err));
        } else {
            snprintf(text, sizeof text, "%u", row);
            MR_EXPECT_OK(mr_column_append(&batch.columns[2], row, mr_slice_text(text), &err));
            MR_EXPECT_OK(mr_column_tag(&batch.columns[2], row,
                                       row % 4 == 0 ? MR_TYPE_INT : MR_TYPE_STRING, &err));
        }
        mr_batch_end_row(&batch, row * 10, 9, row, row);
    }
    mr_batch_check(&batch);
}

static void done(void)
{
    mr_batch_done(&batch);
    mr_batch_done(&other);
}

MR_TEST(cells_become_null_and_their_neighbours_stay)
{
    for (uint32_t rows = 1; rows < 40; rows++) {
        uint8_t clear[8] = {0};
        char text[16];
        fill(rows);
        for (uint32_t row = 0; row < rows; row += 5)
            mr_bits_put(clear, row, true);
        MR_EXPECT_U64(mr_column_clear_cells(&batch.columns[0], rows, clear), ==, (rows + 4) / 5);
        mr_column_clear_cells(&batch.columns[1], rows, clear);
        mr_column_clear_cells(&batch.columns[2], rows, clear);
        mr_batch_check(&batch);
        for (uint32_t row = 0; row < rows; row++) {
            snprintf(text, sizeof text, "r%u", row);
            assert_int_equal(mr_column_is_null(&batch.columns[0], row), row % 5 == 0);
            assert_int_equal(mr_column_is_null(&batch.columns[1], row),
                             row % 5 == 0 || row % 3 == 0);
            assert_int_equal(mr_column_is_absent(&batch.columns[2], row), row % 2 == 1);
            if (row % 5 != 0)
                assert_true(mr_slice_is(mr_column_text(&batch.columns[0], row), text));
        }
        done();
    }
}

MR_TEST(columns_are_taken_out_and_put_in_order)
{
    mr_arena arena;
    mr_schema schema;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_schema_init(&schema, &arena);
    const char *const order[] = {"c", "new", "a"};
    for (int i = 0; i < 3; i++)
        MR_EXPECT_OK(mr_schema_add(&schema, mr_slice_text(order[i]), MR_TYPE_NULL, NULL, &err));
    fill(20);
    MR_EXPECT_OK(mr_batch_arrange(&batch, &schema, &err));
    mr_batch_check(&batch);
    MR_EXPECT_U64(batch.column_count, ==, 4);
    static const char *const found[] = {"c", "new", "a", "b"};
    for (uint32_t i = 0; i < 4; i++)
        assert_true(mr_slice_is(batch.columns[i].name, found[i]));
    MR_EXPECT_U64(batch.columns[1].absent_count, ==, 20);
    mr_batch_remove_column(&batch, 1);
    mr_batch_remove_column(&batch, 0);
    mr_batch_check(&batch);
    MR_EXPECT_U64(batch.column_count, ==, 2);
    assert_true(mr_slice_is(batch.columns[0].name, "a"));
    assert_true(mr_slice_is(mr_column_text(&batch.columns[0], 7), "r7"));
    done();
    mr_arena_done(&arena);
}

MR_TEST(rows_move_with_their_types_and_places)
{
    for (uint32_t at = 0; at <= 20; at++) {
        fill(20);
        MR_EXPECT_OK(mr_batch_move_rows(&batch, at, &other, &err));
        mr_batch_check(&batch);
        mr_batch_check(&other);
        MR_EXPECT_U64(batch.row_count, ==, at);
        MR_EXPECT_U64(other.row_count, ==, 20 - at);
        for (uint32_t row = at; row < 20; row++) {
            char text[16];
            const uint32_t to = row - at;
            snprintf(text, sizeof text, "r%u", row);
            assert_true(mr_slice_is(mr_column_text(&other.columns[0], to), text));
            assert_int_equal(mr_column_is_null(&other.columns[1], to), row % 3 == 0);
            assert_int_equal(mr_column_is_absent(&other.columns[2], to), row % 2 == 1);
            if (row % 2 == 0)
                assert_int_equal(mr_column_type(&other.columns[2], to),
                                 row % 4 == 0 ? MR_TYPE_INT : MR_TYPE_STRING);
            MR_EXPECT_U64(other.row_offset[to], ==, row * 10);
            MR_EXPECT_U64(other.row_record[to], ==, row);
        }
        done();
    }
}
