/* SPDX-License-Identifier: MIT */
#include "record/ints.h"

#include "support/test.h"

#define MAX_COUNT 65537u

static mr_error err;
static mr_ints_planner planner;
static int64_t wanted[MAX_COUNT], got[MAX_COUNT];
static _Alignas(8) uint8_t sealed[MAX_COUNT * 10 + 4096];
static uint64_t random_state = 1;

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33 ^ random_state << 20;
}

/* Seals wanted[0 .. count), checks every way of reading it back, returns the head. */
static const mr_ints *round_trip(uint32_t count, mr_ints_effort effort)
{
    MR_EXPECT_OK(mr_ints_planner_reserve(&planner, count, &err));
    memcpy(planner.values, wanted, count * sizeof *wanted);
    memset(sealed, 0xee, sizeof sealed);
    const size_t bytes = mr_ints_plan(&planner, count, effort);
    mr_ints_write(&planner, sealed);
    MR_EXPECT_U64(bytes % 8, ==, 0);
    for (size_t i = 0; i < 256; i++) /* nothing but the packer's slack past the end */
        MR_EXPECT_U64(sealed[bytes + MR_BITPACK_SLACK + i], ==, 0xee);
    memset(sealed + bytes, 0xee, MR_BITPACK_SLACK);
    const mr_ints *ints = (const mr_ints *)(const void *)sealed;
    MR_EXPECT_U64(ints->count, ==, count);
    for (uint32_t i = 0; i < count; i++)
        if (mr_ints_get(ints, i) != wanted[i]) MR_EXPECT_I64(mr_ints_get(ints, i), ==, wanted[i]);
    const uint32_t firsts[] = {0, 1, 63, 64, 65, count / 2, count - 1};
    for (size_t f = 0; f < MR_COUNT_OF(firsts); f++) {
        const uint32_t first = firsts[f];
        if (first > count) continue;
        const uint32_t lengths[] = {0, 1, 2, 64, 130, count - first};
        for (size_t l = 0; l < MR_COUNT_OF(lengths); l++) {
            if (lengths[l] > count - first) continue;
            mr_ints_read(ints, first, lengths[l], got);
            MR_EXPECT(memcmp(got, wanted + first, lengths[l] * sizeof *got) == 0);
        }
    }
    return ints;
}

static void expect_form(uint32_t count, mr_ints_kind kind, unsigned width, size_t packed_count)
{
    const mr_ints *ints = round_trip(count, MR_INTS_ALL);
    MR_EXPECT_TEXT(mr_ints_kind_name((mr_ints_kind)ints->kind), mr_ints_kind_name(kind));
    MR_EXPECT_U64(ints->width, ==, width);
    MR_EXPECT_U64(planner.plan.form.bytes, ==,
                  sizeof(mr_ints) + ints->first_bytes + ints->second_bytes +
                      (packed_count * width + 63) / 64 * 8);
}

MR_TEST(an_arithmetic_sequence_takes_no_bits)
{
    for (uint32_t i = 0; i < 65536; i++)
        wanted[i] = (int64_t)i * 1000003 - 77;
    expect_form(65536, MR_INTS_LINEAR, 0, 0);
    for (uint32_t i = 0; i < 65536; i++)
        wanted[i] = INT64_MAX - (int64_t)i * 3;
    expect_form(65536, MR_INTS_LINEAR, 0, 0);
    for (uint32_t i = 0; i < 65536; i++)
        wanted[i] = INT64_MIN + (int64_t)i * 140000000000000;
    expect_form(65536, MR_INTS_LINEAR, 0, 0);
    for (uint32_t phase = 0; phase < 7; phase++) {
        for (uint32_t i = 0; i < 65536; i++)
            wanted[i] = 10000 + (i + phase) / 7;
        expect_form(65536, MR_INTS_LINEAR, 0, 0);
    }
}

MR_TEST(one_value_takes_no_bits)
{
    for (uint32_t i = 0; i < 1000; i++)
        wanted[i] = INT64_MIN;
    expect_form(1000, MR_INTS_FOR, 0, 0);
    expect_form(1, MR_INTS_FOR, 0, 0);
    round_trip(0, MR_INTS_ALL);
}

MR_TEST(random_numbers_take_the_bits_of_their_range)
{
    for (unsigned width = 1; width <= 64; width++) {
        for (uint32_t i = 0; i < 3000; i++)
            wanted[i] = (int64_t)(UINT64_C(0x1234567) -
                                  ((next_random() ^ next_random() << 32) >> (64 - width)));
        wanted[0] = 0x1234567;
        wanted[1] = (int64_t)(UINT64_C(0x1234567) - (UINT64_MAX >> (64 - width)));
        expect_form(3000, MR_INTS_FOR, width, 3000);
    }
}

MR_TEST(a_common_factor_is_divided_out)
{
    for (uint32_t i = 0; i < 5000; i++)
        wanted[i] = 1099 + (int64_t)(next_random() % 100) * 100;
    expect_form(5000, MR_INTS_FOR, 7, 5000);
    for (uint32_t i = 0; i < 5000; i++)
        wanted[i] =
            (int64_t)((UINT64_C(1) << 63) + next_random() % 16 * UINT64_C(1000000000000000000));
    expect_form(5000, MR_INTS_FOR, 4, 5000);
}

MR_TEST(a_random_walk_is_held_as_deltas)
{
    int64_t at = 1704067200;
    for (uint32_t i = 0; i < 65536; i++)
        wanted[i] = at +=
            (int64_t)(next_random() % 1000 == 0 ? next_random() % 128 : next_random() % 64);
    expect_form(65536, MR_INTS_DELTA, 7, 65536 - 1024);
}

MR_TEST(long_runs_are_held_as_runs)
{
    for (uint32_t i = 0; i < 65536; i++)
        wanted[i] = (int64_t)((i / 1000) * 0x9e3779b9u % 100003);
    expect_form(65536, MR_INTS_RUNS, 0, 0);
    for (uint32_t i = 0; i < 65536; i++)
        wanted[i] = i < 40000 ? 5 : 6;
    expect_form(65536, MR_INTS_RUNS, 0, 0);
}

MR_TEST(few_distant_values_are_held_as_a_dictionary)
{
    for (uint32_t i = 0; i < 20000; i++)
        wanted[i] = (int64_t)((next_random() % 1000 + 1) * UINT64_C(0x9e3779b97f4a7c15));
    expect_form(20000, MR_INTS_DICT, 10, 20000);
}

MR_TEST(every_shape_and_length_reads_back)
{
    for (uint32_t count = 1; count < 200; count++) {
        for (int shape = 0; shape < 8; shape++) {
            for (uint32_t i = 0; i < count; i++) {
                const int64_t r = (int64_t)(next_random() ^ next_random() << 31);
                const int64_t shapes[] = {r,
                                          r % 3,
                                          (int64_t)(i / 9),
                                          i % 2 == 0 ? INT64_MIN : INT64_MAX,
                                          (int64_t)(i * 5) + r % 2,
                                          INT64_MAX - (int64_t)(i / 3),
                                          i == count / 2 ? r : 0,
                                          (int64_t)((uint64_t)i << 55)};
                wanted[i] = shapes[shape];
            }
            round_trip(count, MR_INTS_ALL);
            round_trip(count, MR_INTS_OFFSETS);
            round_trip(count, MR_INTS_SIMPLE);
        }
    }
}

static mr_code reserve_once(void)
{
    mr_ints_planner own = {0};
    const mr_code rc = mr_ints_planner_reserve(&own, 1000, &err);
    mr_ints_planner_done(&own);
    return rc;
}

MR_TEST(every_allocation_of_a_planner_may_fail)
{
    MR_EACH_ALLOC_FAILS(reserve_once());
    mr_ints_planner_done(&planner);
}
