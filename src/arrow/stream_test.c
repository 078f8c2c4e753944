/* SPDX-License-Identifier: MIT */
#include "arrow/stream.h"

#include "support/arrow_batch.h"
#include "support/test.h"

static mr_error err;
static mr_arena arena;
static mr_schema schema;

typedef struct feed_state {
    uint64_t random;
    int left, closed;
    bool fails;
} feed_state;

static mr_code next(void *context, mr_batch *batch, mr_error *error)
{
    feed_state *state = context;
    if (state->left-- > 0) {
        arrow_batch_fill(batch, &schema, 100, true, &state->random);
        return MR_OK;
    }
    return state->fails ? mr_fail(error, MR_ERR_IO, "the disk is gone") : MR_OK;
}

static void count_close(void *context)
{
    ((feed_state *)context)->closed++;
}

MR_TEST(a_stream_of_ours_is_read_to_its_end)
{
    feed_state state = {.random = 3, .left = 5}, again = {.random = 3, .left = 5};
    const mr_arrow_feed feed = {&state, next, count_close};
    struct ArrowArrayStream stream;
    mr_arrow_reader reader;
    mr_batch batch, wanted;
    uint32_t rows;
    mr_arena_init(&arena, "test", (size_t)64 << 20);
    mr_batch_init(&batch, 0), mr_batch_init(&wanted, 0);
    arrow_batch_schema(&schema, &arena);
    MR_EXPECT_OK(mr_arrow_export_stream(&feed, &schema, &stream, &err));
    MR_EXPECT_OK(mr_arrow_reader_open(&reader, &stream, true, &arena, &err));
    MR_EXPECT(stream.release == NULL);
    MR_EXPECT_U64(reader.importer.schema.field_count, ==, ARROW_BATCH_COLUMNS);
    for (int i = 0; i < 5; i++) {
        MR_EXPECT_OK(mr_arrow_reader_next(&reader, &batch, &rows, &err));
        MR_EXPECT_U64(rows, ==, 100);
        MR_EXPECT_OK(next(&again, &wanted, &err));
        for (uint32_t row = 0; row < rows; row++)
            MR_EXPECT(mr_slice_equal(mr_column_text(&batch.columns[13], row),
                                     mr_column_text(&wanted.columns[13], row)));
    }
    MR_EXPECT_OK(mr_arrow_reader_next(&reader, &batch, &rows, &err));
    MR_EXPECT_U64(rows, ==, 0);
    mr_arrow_reader_close(&reader);
    MR_EXPECT_I64(state.closed, ==, 1);
    mr_batch_done(&batch), mr_batch_done(&wanted);
    mr_arena_done(&arena);
}

MR_TEST(a_stream_that_breaks_says_why)
{
    feed_state state = {.random = 3, .left = 1, .fails = true};
    const mr_arrow_feed feed = {&state, next, NULL};
    struct ArrowArrayStream stream;
    mr_arrow_reader reader;
    mr_batch batch;
    uint32_t rows;
    mr_arena_init(&arena, "test", (size_t)64 << 20);
    mr_batch_init(&batch, 0);
    arrow_batch_schema(&schema, &arena);
    MR_EXPECT_OK(mr_arrow_export_stream(&feed, &schema, &stream, &err));
    MR_EXPECT_OK(mr_arrow_reader_open(&reader, &stream, false, &arena, &err));
    MR_EXPECT_OK(mr_arrow_reader_next(&reader, &batch, &rows, &err));
    MR_EXPECT_CODE(mr_arrow_reader_next(&reader, &batch, &rows, &err), MR_ERR_IO);
    MR_EXPECT_TEXT(err.text, "an Arrow stream broke off: the disk is gone");
    mr_arrow_reader_close(&reader);
    mr_batch_done(&batch);
    MR_EXPECT_CODE(mr_arrow_reader_open(&reader, &stream, false, &arena, &err), MR_ERR_INPUT);
    mr_arena_done(&arena);
}
