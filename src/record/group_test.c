/* SPDX-License-Identifier: MIT */
#include "record/group.h"

#include "record/column.h"
#include "support/test.h"

static mr_error err;
static mr_group_encoder encoder;
static mr_texts_reader reader;
static mr_buffer scratch;
static uint64_t random_state = 1;

static uint32_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

/* A column of `rows` rows: `null_percent` null, `absent_percent` absent, the rest texts of types
 * that change every `type_rows` rows (0 = never). */
static mr_code fill(mr_column *column, uint32_t rows, uint32_t null_percent,
                    uint32_t absent_percent, uint32_t type_rows)
{
    char text[32];
    column->type = MR_TYPE_NULL;
    MR_TRY(mr_column_reserve_rows(column, rows, &err));
    for (uint32_t row = 0; row < rows; row++) {
        const uint32_t dice = next_random() % 100;
        if (dice < null_percent) {
            mr_column_append_null(column, row);
        } else if (dice < null_percent + absent_percent) {
            MR_TRY(mr_column_append_absent(column, row, &err));
        } else {
            const mr_type type = type_rows == 0 || row / type_rows % 3 == 0 ? MR_TYPE_INT
                                 : row / type_rows % 3 == 1                 ? MR_TYPE_STRING
                                                                            : MR_TYPE_BYTES;
            const int len = snprintf(text, sizeof text, type == MR_TYPE_INT ? "%u" : "x%u", row);
            const size_t used = type == MR_TYPE_BYTES && row % 2 == 0 ? 0 : (size_t)len;
            MR_TRY(mr_column_append(column, row, (mr_slice){text, used}, &err));
            MR_TRY(mr_column_tag(column, row, type, &err));
        }
    }
    return MR_OK;
}

static mr_cell cell_of(const mr_column *column, uint32_t row)
{
    if (mr_column_is_absent(column, row)) return (mr_cell){MR_CELL_ABSENT, MR_TYPE_NULL, {NULL, 0}};
    if (mr_column_is_null(column, row)) return (mr_cell){MR_CELL_NULL, MR_TYPE_NULL, {NULL, 0}};
    return (mr_cell){MR_CELL_VALUE, mr_column_type(column, row), mr_column_text(column, row)};
}

static void expect_same_cell(mr_cell a, mr_cell b)
{
    MR_EXPECT_U64(a.state, ==, b.state);
    if (a.state != MR_CELL_VALUE) return;
    MR_EXPECT_U64(a.type, ==, b.type);
    MR_EXPECT(mr_slice_equal(a.text, b.text));
}

/* Reads the chunk in pieces of `step` rows into one column and compares, then cell by cell. */
static void expect_reads_back(const mr_chunk *chunk, const mr_column *wanted, uint32_t rows,
                              uint32_t step)
{
    mr_column got = {0};
    MR_EXPECT_OK(mr_column_reserve_rows(&got, rows, &err));
    for (uint32_t row = 0; row < rows; row += step) {
        const uint32_t some = rows - row < step ? rows - row : step;
        MR_EXPECT_OK(mr_chunk_read(chunk, row, some, &reader, &got, row, &err));
    }
    MR_EXPECT_U64(got.null_count, ==, wanted->null_count);
    MR_EXPECT_U64(got.absent_count, ==, wanted->absent_count);
    MR_EXPECT_U64(got.offsets[rows], ==, got.data.len);
    for (uint32_t row = 0; row < rows; row++) {
        mr_cell cell;
        expect_same_cell(cell_of(&got, row), cell_of(wanted, row));
        MR_EXPECT_OK(mr_chunk_get(chunk, row, &scratch, &cell, &err));
        expect_same_cell(cell, cell_of(wanted, row));
    }
    mr_column_done(&got);
}

static void round_trip(uint32_t rows, uint32_t nulls, uint32_t absents, uint32_t type_rows)
{
    mr_column column = {0};
    mr_group *group;
    MR_EXPECT_OK(fill(&column, rows, nulls, absents, type_rows));
    MR_EXPECT_OK(mr_group_seal(&encoder, &column, 1, rows, &group, &err));
    MR_EXPECT_U64(mr_group_chunk_bytes(group, 0), <=, group->size_bytes);
    expect_reads_back(mr_group_chunk(group, 0), &column, rows, rows);
    expect_reads_back(mr_group_chunk(group, 0), &column, rows, rows / 7 + 1);
    mr_mem_free(group);
    mr_column_done(&column);
}

static void done(void)
{
    mr_group_encoder_done(&encoder);
    mr_texts_reader_done(&reader);
    mr_buffer_done(&scratch);
}

MR_TEST(nulls_absents_and_types_read_back_at_every_length)
{
    static const uint32_t percents[][2] = {{0, 0}, {100, 0}, {0, 100}, {50, 50}, {1, 0},
                                           {0, 1}, {50, 0},  {0, 50},  {30, 30}, {98, 1}};
    mr_buffer_init(&scratch, "scratch", 1 << 20);
    for (uint32_t rows = 1; rows < 200; rows += rows < 20 ? 1 : 13)
        for (size_t i = 0; i < MR_COUNT_OF(percents); i++)
            for (uint32_t type_rows = 0; type_rows < 4; type_rows++)
                round_trip(rows, percents[i][0], percents[i][1], type_rows);
    for (size_t i = 0; i < MR_COUNT_OF(percents); i++) {
        round_trip(65536, percents[i][0], percents[i][1], 0);
        round_trip(5001, percents[i][0], percents[i][1], 100);
    }
    done();
}

static uint64_t size_with(uint32_t nulls, uint32_t absents)
{
    mr_column column = {0};
    mr_group *group;
    MR_EXPECT_OK(fill(&column, 65536, nulls, absents, 0));
    MR_EXPECT_OK(mr_group_seal(&encoder, &column, 1, 65536, &group, &err));
    const uint64_t bytes = mr_chunk_texts(mr_group_chunk(group, 0)) == NULL
                               ? mr_group_chunk_bytes(group, 0)
                               : mr_group_chunk(group, 0)->validity_bytes;
    mr_mem_free(group);
    mr_column_done(&column);
    return bytes;
}

MR_TEST(nulls_take_the_space_of_bits_or_less)
{
    MR_EXPECT_U64(size_with(0, 0), ==, 0);
    MR_EXPECT_U64(size_with(100, 0), ==, sizeof(mr_chunk));
    MR_EXPECT_U64(size_with(0, 100), ==, sizeof(mr_chunk));
    MR_EXPECT_U64(size_with(50, 0), ==, sizeof(mr_bitset) + 65536 / 8 + 65536 / 512 * 2);
    MR_EXPECT_U64(size_with(1, 0), <, sizeof(mr_bitset) + 65536 / 50 * 2);
    MR_EXPECT_U64(size_with(99, 0), <, sizeof(mr_bitset) + 65536 / 50 * 2);
    done();
}

static mr_code seal_once(void)
{
    mr_column column = {0};
    mr_group *group = NULL;
    mr_code rc = fill(&column, 300, 10, 10, 7);
    if (rc == MR_OK) rc = mr_group_seal(&encoder, &column, 1, 300, &group, &err);
    mr_mem_free(group);
    mr_group_encoder_done(&encoder);
    mr_column_done(&column);
    return rc;
}

MR_TEST(every_allocation_of_sealing_may_fail)
{
    MR_EACH_ALLOC_FAILS(seal_once());
}

MR_TEST(a_warm_encoder_allocates_the_group_alone)
{
    mr_column column = {0};
    mr_group *group;
    MR_EXPECT_OK(fill(&column, 65536, 10, 10, 100));
    MR_EXPECT_OK(mr_group_seal(&encoder, &column, 1, 65536, &group, &err));
    mr_mem_free(group);
    const mr_mem_mark warm = mr_mem_mark_now();
    MR_EXPECT_OK(mr_group_seal(&encoder, &column, 1, 65536, &group, &err));
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 1);
    MR_EXPECT_U64(mr_mem_usable(group), <=, group->size_bytes + 8192); /* mmap rounds to pages */
    mr_mem_free(group);
    mr_column_done(&column);
    done();
}
