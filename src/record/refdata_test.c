/* SPDX-License-Identifier: MIT
 *
 * Every reference set is made to its sum, in pieces of any size.
 * One thread: a generator has one owner. */
#include "record/refdata.h"

#include "core/sha256.h"
#include "support/test.h"

static mr_error err;

/* The sum of a set's file (header and rows) and its size, made `step` rows at a time. */
static uint64_t sum_of_set(const char *name, uint64_t row_count, uint32_t step, char hex[65])
{
    mr_refdata data;
    mr_buffer rows;
    mr_sha256 sum;
    uint64_t bytes = 0;
    uint32_t count;
    mr_sha256_init(&sum);
    mr_buffer_init(&rows, "test rows", (size_t)64 << 20);
    MR_EXPECT_OK(mr_refdata_init(&data, mr_slice_text(name), row_count, &err));
    MR_EXPECT_OK(mr_refdata_header(&data, &rows, &err));
    do {
        MR_EXPECT_OK(mr_refdata_next(&data, step, &rows, &count, &err));
        mr_sha256_add(&sum, mr_buffer_slice(&rows));
        bytes += rows.len;
        mr_buffer_reset(&rows);
    } while (count > 0);
    MR_EXPECT_U64(data.row, ==, row_count);
    mr_sha256_hex(&sum, hex);
    mr_buffer_done(&rows);
    return bytes;
}

MR_TEST(a_known_text_has_its_published_sum)
{
    mr_sha256 sum;
    char hex[65];
    mr_sha256_init(&sum);
    mr_sha256_add(&sum, MR_SLICE("abc"));
    mr_sha256_hex(&sum, hex);
    MR_EXPECT_TEXT(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

MR_TEST(every_set_is_the_specified_bytes)
{
    static const struct {
        const char *name, *thousand, *million;
        uint64_t bytes;
    } sets[] = {
        {"mixed10", "0a8a913a3f390212",
         "a6e6d3852bf2ba2566802af4fa1390b2e0b8935d60547eece41c42c587175059", 85425989},
        {"orders9", "03b663eb22dc9176",
         "6c17c4f79938d7bf53c6c4b9a57fff90f26986fe166cd3771e92912dab0d7ef9", 76283417},
        {"people8", "16f3dda4a2d04f46",
         "50def5dc0b086a1f17ac46f3b75b95286a7d7b31e17cfc85cacadd14e41f9715", 72565994},
        {"users7", "40c8ac10949e9035",
         "6606ff381dd20f9395cc136dcb9761c201c3bf10dcff7d8cc3808b5f69bcf433", 82466717},
        {"mixed10r", "bce8418727146a2c",
         "4df1c2970e2295151c28bf8d7b4dd54b78d72dbd8be3f63a023b6fcf06fe5149", 86011788},
    };
    char hex[65];
    for (size_t i = 0; i < MR_COUNT_OF(sets); i++) {
        for (uint32_t step = 1; step < 2000; step = step * 3 + 1) {
            sum_of_set(sets[i].name, 1000, step, hex);
            hex[16] = '\0';
            MR_EXPECT_TEXT(hex, sets[i].thousand);
        }
        MR_EXPECT_U64(sum_of_set(sets[i].name, 1000000, 10000, hex), ==, sets[i].bytes);
        MR_EXPECT_TEXT(hex, sets[i].million);
    }
}

MR_TEST(the_longest_possible_row_is_within_its_bound)
{
    mr_refdata data;
    mr_buffer rows;
    uint32_t count;
    mr_buffer_init(&rows, "test rows", 1 << 20);
    for (const mr_refdata_set *set = mr_refdata_sets; set->name != NULL; set++) {
        MR_EXPECT_OK(mr_refdata_init(&data, mr_slice_text(set->name), UINT64_MAX, &err));
        data.row = UINT64_MAX - 2;
        mr_buffer_reset(&rows);
        MR_EXPECT_OK(mr_refdata_next(&data, 1, &rows, &count, &err));
        MR_EXPECT_U64(rows.len, <=, MR_REFDATA_MAX_ROW_BYTES);
    }
    mr_buffer_done(&rows);
}

MR_TEST(an_unknown_set_is_refused)
{
    mr_refdata data;
    MR_EXPECT_CODE(mr_refdata_init(&data, MR_SLICE("mixed"), 1, &err), MR_ERR_USAGE);
    MR_EXPECT_TEXT(
        err.text,
        "no reference set 'mixed': expected mixed10, orders9, people8, users7 or mixed10r");
}

MR_TEST(rows_are_made_without_allocating_once_warm)
{
    mr_refdata data;
    mr_buffer rows;
    uint32_t count;
    mr_buffer_init(&rows, "test rows", 1 << 20);
    MR_EXPECT_OK(mr_refdata_init(&data, MR_SLICE("mixed10r"), 100000, &err));
    MR_EXPECT_OK(mr_refdata_next(&data, 1000, &rows, &count, &err));
    MR_EXPECT_OK(mr_buffer_reserve(&rows, 8192, &err));
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 50; i++) {
        mr_buffer_reset(&rows);
        MR_EXPECT_OK(mr_refdata_next(&data, 1000, &rows, &count, &err));
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    mr_buffer_done(&rows);
}
