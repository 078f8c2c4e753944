/* SPDX-License-Identifier: MIT
 *
 * The reference sets in the store: what a record takes, that it comes back as the same file, and
 * that the figures are honest (specs/pipeline.md section 6).
 * One thread: a store has one owner. */
#include "record/refdata.h"
#include "record/store.h"

#include "core/sha256.h"
#include "support/test.h"

#define ROWS 1000000u

static mr_error err;

/* Loads a set in batches of `batch_rows`. */
static mr_store *load_set(const mr_store_config *config, const char *name, uint64_t rows,
                          uint32_t batch_rows)
{
    mr_refdata data;
    mr_arena arena;
    mr_schema schema;
    mr_batch batch;
    mr_buffer csv;
    mr_store *store;
    uint32_t count;
    MR_EXPECT_OK(mr_refdata_init(&data, mr_slice_text(name), rows, &err));
    mr_arena_init(&arena, "test", 1 << 20);
    mr_schema_init(&schema, &arena);
    mr_batch_init(&batch, 0);
    mr_buffer_init(&csv, "rows", (size_t)64 << 20);
    for (uint32_t i = 0; i < data.set->column_count; i++)
        MR_EXPECT_OK(mr_schema_add(&schema, mr_slice_text(data.set->columns[i].name),
                                   data.set->columns[i].type, NULL, &err));
    MR_EXPECT_OK(mr_store_open(config, &store, &err));
    for (;;) {
        mr_buffer_reset(&csv);
        MR_EXPECT_OK(mr_refdata_next(&data, batch_rows, &csv, &count, &err));
        if (count == 0) break;
        mr_batch_reset(&batch);
        MR_EXPECT_OK(mr_batch_set_schema(&batch, &schema, &err));
        const char *at = csv.ptr;
        for (uint32_t row = 0; row < count; row++) {
            MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
            for (uint32_t i = 0; i < batch.column_count; i++) {
                const char *end = at;
                while (*end != ',' && *end != '\n')
                    end++;
                MR_EXPECT_OK(mr_column_append(&batch.columns[i], row,
                                              (mr_slice){at, (size_t)(end - at)}, &err));
                at = end + 1;
            }
            mr_batch_end_row(&batch, 0, 0, 0, 0);
        }
        MR_EXPECT_OK(mr_store_append(store, &batch, &err));
    }
    mr_buffer_done(&csv);
    mr_batch_done(&batch);
    mr_arena_done(&arena);
    return store;
}

/* The sum of the store's records written as the CSV file they came from. */
static void sum_of_store(mr_store *store, char hex[65])
{
    mr_sha256 sum;
    mr_batch out;
    mr_buffer csv;
    uint64_t count;
    mr_sha256_init(&sum);
    mr_batch_init(&out, 5000);
    mr_buffer_init(&csv, "rows", (size_t)64 << 20);
    const mr_schema *schema = mr_store_schema(store);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        MR_EXPECT_OK(mr_buffer_append(&csv, schema->fields[i].name, &err));
        MR_EXPECT_OK(mr_buffer_append_byte(&csv, i + 1 < schema->field_count ? ',' : '\n', &err));
    }
    for (uint64_t at = mr_store_first(store); at < mr_store_end(store); at += count) {
        MR_EXPECT_OK(mr_store_read(store, at, &out, &count, &err));
        for (uint32_t row = 0; row < count; row++)
            for (uint32_t i = 0; i < out.column_count; i++) {
                MR_EXPECT_OK(mr_buffer_append(&csv, mr_column_text(&out.columns[i], row), &err));
                MR_EXPECT_OK(
                    mr_buffer_append_byte(&csv, i + 1 < out.column_count ? ',' : '\n', &err));
            }
        mr_sha256_add(&sum, mr_buffer_slice(&csv));
        mr_buffer_reset(&csv);
    }
    mr_sha256_hex(&sum, hex);
    mr_buffer_done(&csv);
    mr_batch_done(&out);
}

static const struct {
    const char *name, *sum;
    double columnar, row; /* bytes per record, at most */
} sets[] = {
    {"mixed10", "a6e6d3852bf2ba2566802af4fa1390b2e0b8935d60547eece41c42c587175059", 2.5, 100},
    {"orders9", "6c17c4f79938d7bf53c6c4b9a57fff90f26986fe166cd3771e92912dab0d7ef9", 5, 100},
    {"people8", "50def5dc0b086a1f17ac46f3b75b95286a7d7b31e17cfc85cacadd14e41f9715", 5, 100},
    {"users7", "6606ff381dd20f9395cc136dcb9761c201c3bf10dcff7d8cc3808b5f69bcf433", 4, 100},
    {"mixed10r", "4df1c2970e2295151c28bf8d7b4dd54b78d72dbd8be3f63a023b6fcf06fe5149", 18, 100},
};

MR_TEST(a_million_records_take_few_bytes_and_come_back_as_the_same_file)
{
    char hex[65];
    for (size_t i = 0; i < MR_COUNT_OF(sets); i++) {
        for (mr_store_mode mode = MR_STORE_HYBRID; mode <= MR_STORE_ROW; mode++) {
            if (mode == MR_STORE_ROW && i > 0) continue; /* one set shows it */
            const mr_store_config config = {.mode = mode};
            const uint64_t before = mr_mem_stats_now().live_bytes;
            mr_store *store = load_set(&config, sets[i].name, ROWS, 10000);
            MR_EXPECT_OK(mr_store_seal(store, &err));
            const double held = (double)(mr_mem_stats_now().live_bytes - before);
            const double counted = (double)mr_store_bytes(store);
            if (counted < held * 0.98 || counted > held * 1.02)
                MR_TEST_FAIL("%s: %.0f bytes counted, %.0f held\n", sets[i].name, counted, held);
            const double most = mode == MR_STORE_ROW ? sets[i].row : sets[i].columnar;
            if (counted / ROWS > most)
                MR_TEST_FAIL("%s, %s: %.2f bytes per record, expected at most %.2f\n", sets[i].name,
                             mr_store_mode_name(mode), counted / ROWS, most);
            sum_of_store(store, hex);
            MR_EXPECT_TEXT(hex, sets[i].sum);
            mr_store_close(store);
        }
    }
}

MR_TEST(how_the_input_was_cut_does_not_change_what_it_takes)
{
    static const uint32_t batch_rows[] = {65536, 1000, 1};
    for (size_t i = 0; i < MR_COUNT_OF(sets); i++) {
        uint64_t first = 0;
        for (size_t b = 0; b < MR_COUNT_OF(batch_rows); b++) {
            const mr_store_config config = {0};
            mr_store *store = load_set(&config, sets[i].name, 150000, batch_rows[b]);
            MR_EXPECT_OK(mr_store_seal(store, &err));
            const uint64_t bytes = mr_store_bytes(store);
            if (b == 0) first = bytes;
            MR_EXPECT_U64(bytes, <=, first + first / 1000); /* the allocator rounds */
            MR_EXPECT_U64(bytes + first / 1000, >=, first);
            mr_store_close(store);
        }
    }
}

static void add_chunks(void *context, const mr_store_encoding *encoding)
{
    uint64_t *sums = context;
    sums[0] += encoding->chunks;
    sums[1] += encoding->bytes;
}

MR_TEST(every_byte_of_the_groups_belongs_to_a_column)
{
    const mr_store_config config = {0};
    mr_store_stats stats;
    mr_store *store = load_set(&config, "mixed10", 200000, 10000);
    MR_EXPECT_OK(mr_store_seal(store, &err));
    mr_store_stats_now(store, &stats);
    uint64_t sums[2] = {0, 0};
    mr_store_each_encoding(store, add_chunks, sums);
    MR_EXPECT_U64(stats.groups, ==, (200000 + 65535) / 65536);
    MR_EXPECT_U64(sums[0], ==, stats.groups * 10);
    MR_EXPECT_U64(sums[1], <=, stats.group_bytes);
    MR_EXPECT_U64(sums[1] + stats.groups * 4400, >=, stats.group_bytes); /* heads, a page's rest */
    MR_EXPECT_U64(stats.dict_texts, ==, 3 * 200000); /* city, status, category */
    MR_EXPECT_U64(stats.dict_distinct, ==, 13 * stats.groups);
    MR_EXPECT_U64(stats.group_text_bytes, >, stats.group_bytes * 20);
    mr_store_close(store);
}
