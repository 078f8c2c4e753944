/* SPDX-License-Identifier: MIT
 *
 * The rules of the store (specs/pipeline.md section 5), with records of one column. What comes back
 * is compared in store_test.c. */
#include "record/store.h"

#include "support/test.h"

static mr_error err;
static uint64_t random_state;

static uint32_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

/* A batch of `rows` records with one int column. */
static void int_batch(mr_batch *batch, uint32_t rows, uint32_t text_len)
{
    char text[1024];
    uint32_t number;
    memset(text, '1', sizeof text);
    mr_batch_reset(batch);
    MR_EXPECT_OK(mr_batch_add_column(batch, MR_SLICE("n"), MR_TYPE_STRING, &number, &err));
    for (uint32_t row = 0; row < rows; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(batch, &err));
        MR_EXPECT_OK(mr_column_append(&batch->columns[0], row, (mr_slice){text, text_len}, &err));
        mr_batch_end_row(batch, 0, 0, 0, 0);
    }
}

static mr_store *open_with(const mr_store_config *config)
{
    mr_store *store;
    MR_EXPECT_OK(mr_store_open(config, &store, &err));
    return store;
}

MR_TEST(the_switching_rules_hold)
{
    static const struct {
        const char *what;
        mr_store_config config;
        uint32_t records, batch_rows, text_len;
        mr_store_mode mode;
        int reason; /* -1 = no switch */
    } cases[] = {
        {"few records stay rows", {0}, 9999, 1000, 5, MR_STORE_ROW, -1},
        {"10,000 records", {0}, 10000, 1000, 5, MR_STORE_COLUMNAR, MR_STORE_BY_RECORDS},
        {"one more", {0}, 10001, 1, 5, MR_STORE_COLUMNAR, MR_STORE_BY_RECORDS},
        {"one batch", {0}, 10000, 10000, 5, MR_STORE_COLUMNAR, MR_STORE_BY_RECORDS},
        {"4 MiB", {0}, 5000, 100, 1000, MR_STORE_COLUMNAR, MR_STORE_BY_BYTES},
        {"less", {0}, 4000, 100, 1000, MR_STORE_ROW, -1},
        {"large batches",
         {.batch_size = 10001},
         1,
         1,
         5,
         MR_STORE_COLUMNAR,
         MR_STORE_BY_BATCH_HINT},
        {"normal batches", {.batch_size = 10000}, 1, 1, 5, MR_STORE_ROW, -1},
        {"streaming", {.streaming = true}, 20000, 1000, 5, MR_STORE_ROW, MR_STORE_BY_STREAMING},
        {"streaming wins over the hint",
         {.streaming = true, .batch_size = 20000},
         20000,
         1000,
         5,
         MR_STORE_ROW,
         MR_STORE_BY_STREAMING},
        {"row is row", {.mode = MR_STORE_ROW}, 20000, 1000, 5, MR_STORE_ROW, -1},
        {"columnar is columnar", {.mode = MR_STORE_COLUMNAR}, 1, 1, 5, MR_STORE_COLUMNAR, -1},
        {"memory",
         {.memory_limit_bytes = 600000, .columnar_after_records = 1000000},
         500,
         50,
         1000,
         MR_STORE_COLUMNAR,
         MR_STORE_BY_PRESSURE},
    };
    mr_batch batch;
    mr_batch_init(&batch, 0);
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_store_stats stats;
        mr_store *store = open_with(&cases[i].config);
        for (uint32_t done = 0; done < cases[i].records; done += batch.row_count) {
            const uint32_t left = cases[i].records - done;
            int_batch(&batch, left < cases[i].batch_rows ? left : cases[i].batch_rows,
                      cases[i].text_len);
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        }
        mr_store_stats_now(store, &stats);
        if (stats.now != cases[i].mode || stats.switch_count != (cases[i].reason >= 0))
            MR_TEST_FAIL("%s: mode %s after %u switches\n", cases[i].what,
                         mr_store_mode_name(stats.now), (unsigned)stats.switch_count);
        MR_EXPECT_U64(stats.records, ==, cases[i].records);
        if (cases[i].reason >= 0) {
            MR_EXPECT_TEXT(mr_store_reason_name(stats.switch_log[0].reason),
                           mr_store_reason_name((mr_store_reason)cases[i].reason));
            MR_EXPECT_U64(stats.switches[stats.now][cases[i].reason], ==, 1);
        }
        mr_store_close(store);
    }
    mr_batch_done(&batch);
}

MR_TEST(columnar_and_streaming_contradict_each_other)
{
    const mr_store_config config = {.mode = MR_STORE_COLUMNAR, .streaming = true};
    mr_store *store;
    MR_EXPECT_CODE(mr_store_open(&config, &store, &err), MR_ERR_USAGE);
    MR_EXPECT_TEXT(err.text,
                   "storage_mode: columnar and streaming_mode: true contradict each other");
    MR_EXPECT_U64(mr_store_mode_named(MR_SLICE("hybrid")), ==, MR_STORE_HYBRID);
    MR_EXPECT_U64(mr_store_mode_named(MR_SLICE("fast")), ==, MR_STORE_MODE_COUNT);
}

/* Packed numbers that come back every 50 records are what a block codec can still shrink. */
MR_TEST(under_pressure_what_repeats_is_compressed_in_memory)
{
    for (mr_store_codec codec = MR_STORE_PLAIN; codec <= MR_STORE_ZSTD; codec++) {
        const mr_store_config config = {
            .memory_limit_bytes = 500000, .group_rows = 8192, .compression = codec};
        mr_store_stats stats;
        mr_batch batch;
        mr_buffer scratch;
        uint32_t number, record = 0;
        char text[16];
        mr_store *store = open_with(&config);
        mr_batch_init(&batch, 0);
        mr_buffer_init(&scratch, "scratch", 1 << 20);
        for (int i = 0; i < 100; i++) {
            mr_batch_reset(&batch);
            MR_EXPECT_OK(mr_batch_add_column(&batch, MR_SLICE("n"), MR_TYPE_INT, &number, &err));
            for (uint32_t row = 0; row < 4000; row++, record++) {
                const int len = snprintf(text, sizeof text, "%u", record * 7919 % 50);
                MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
                MR_EXPECT_OK(
                    mr_column_append(&batch.columns[0], row, (mr_slice){text, (size_t)len}, &err));
                mr_batch_end_row(&batch, 0, 0, 0, 0);
            }
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        }
        mr_store_stats_now(store, &stats);
        MR_EXPECT_U64(stats.groups_compressed > 0, ==, codec != MR_STORE_PLAIN);
        for (uint32_t i = 0; i < record; i += 1001) {
            mr_cell cell;
            MR_EXPECT_OK(mr_store_get(store, i, 0, &scratch, &cell, &err));
            snprintf(text, sizeof text, "%u", i * 7919 % 50);
            MR_EXPECT_SLICE(cell.text, text);
        }
        mr_store_close(store);
        mr_buffer_done(&scratch);
        mr_batch_done(&batch);
    }
}

MR_TEST(huge_cells_cut_groups_short)
{
    const mr_store_config config = {.mode = MR_STORE_COLUMNAR};
    mr_store_stats stats;
    mr_batch batch, out;
    mr_buffer huge;
    uint32_t number;
    uint64_t count;
    mr_store *store = open_with(&config);
    mr_batch_init(&batch, 0);
    mr_batch_init(&out, 0);
    mr_buffer_init(&huge, "huge", 1 << 20);
    MR_EXPECT_OK(mr_buffer_reserve(&huge, 1 << 20, &err));
    random_state = 1;
    for (huge.len = 0; huge.len < 1 << 20; huge.len++)
        huge.ptr[huge.len] = (char)next_random();
    MR_EXPECT_OK(mr_batch_add_column(&batch, MR_SLICE("blob"), MR_TYPE_BYTES, &number, &err));
    for (uint32_t row = 0; row < 100; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
        huge.ptr[0] = (char)row;
        MR_EXPECT_OK(mr_column_append(&batch.columns[0], row, mr_buffer_slice(&huge), &err));
        mr_batch_end_row(&batch, 0, 0, 0, 0);
    }
    MR_EXPECT_OK(mr_store_append(store, &batch, &err));
    mr_store_stats_now(store, &stats);
    MR_EXPECT_U64(stats.groups, ==, 1);
    uint32_t rows = 0;
    for (uint64_t at = 0; at < 100; at += count) {
        MR_EXPECT_OK(mr_store_read(store, at, &out, &count, &err));
        for (uint32_t row = 0; row < count; row++, rows++)
            MR_EXPECT(mr_slice_equal(mr_column_text(&out.columns[0], row),
                                     mr_column_text(&batch.columns[0], rows)));
    }
    MR_EXPECT_U64(rows, ==, 100);
    mr_store_close(store);
    mr_buffer_done(&huge);
    mr_batch_done(&batch);
    mr_batch_done(&out);
}

MR_TEST(reading_what_is_not_there_is_refused)
{
    mr_store_config config = {0};
    mr_store *store = open_with(&config);
    mr_batch out;
    mr_buffer scratch;
    mr_cell cell;
    uint64_t count;
    mr_batch_init(&out, 0);
    mr_buffer_init(&scratch, "scratch", 1 << 20);
    MR_EXPECT_OK(mr_store_read(store, 0, &out, &count, &err));
    MR_EXPECT_U64(count, ==, 0);
    MR_EXPECT_CODE(mr_store_read(store, 1, &out, &count, &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_store_get(store, 0, 0, &scratch, &cell, &err), MR_ERR_USAGE);
    MR_EXPECT_OK(mr_store_take_front(store, &out, &count, &err));
    MR_EXPECT_U64(count, ==, 0);
    mr_batch_done(&out);
    mr_store_close(store);
}

MR_TEST(a_row_store_that_was_reset_or_drained_allocates_nothing)
{
    const mr_store_config config = {.streaming = true};
    mr_batch batch, out;
    uint64_t count;
    mr_store *store = open_with(&config);
    mr_batch_init(&batch, 0);
    mr_batch_init(&out, 1000);
    int_batch(&batch, 1000, 100);
    mr_mem_mark warm = {0};
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 5; i++)
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        if (round % 2 == 0) {
            mr_store_reset(store);
        } else {
            for (int i = 0; i < 5; i++)
                MR_EXPECT_OK(mr_store_take_front(store, &out, &count, &err));
            MR_EXPECT_U64(mr_store_first(store), ==, mr_store_end(store));
        }
        if (round == 2) warm = mr_mem_mark_now();
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    mr_store_close(store);
    mr_batch_done(&batch);
    mr_batch_done(&out);
}
