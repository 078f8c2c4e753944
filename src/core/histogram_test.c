/* SPDX-License-Identifier: MIT */
#include "core/histogram.h"

#include <pthread.h>

#include "support/test.h"

static mr_histogram histogram, other;

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 20;
}

static bool within_percent(uint64_t got, uint64_t wanted)
{
    const uint64_t difference = got > wanted ? got - wanted : wanted - got;
    return difference * 100 <= wanted;
}

/* One value alone is every percentile; 2^36 ns and what is above is only known as the maximum. */
static void expect_alone(uint64_t value)
{
    mr_histogram_reset(&histogram);
    mr_histogram_record(&histogram, value);
    mr_histogram_record(&histogram, UINT64_C(1) << 36); /* so that max does not help */
    const uint64_t got = mr_histogram_percentile(&histogram, 0.5);
    if (!within_percent(got, value)) MR_TEST_FAIL("%" PRIu64 " became %" PRIu64 "\n", value, got);
}

MR_TEST(every_value_is_kept_within_one_percent)
{
    for (uint64_t value = 0; value < 2000; value++)
        expect_alone(value);
    for (unsigned bit = 10; bit < 36; bit++)
        for (int near = -2; near <= 2; near++)
            expect_alone((UINT64_C(1) << bit) + (uint64_t)(int64_t)near);
    for (int i = 0; i < 2000; i++)
        expect_alone(1000 + (next_random() >> (next_random() % 20)) % 60000000000u);
    expect_alone(60000000000u);
    expect_alone((UINT64_C(1) << 36) - 1);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

#define SAMPLES 10000

MR_TEST(percentiles_agree_with_sorting)
{
    static const double fractions[] = {0, 0.0001, 0.01, 0.25, 0.5, 0.95, 0.99, 0.999, 0.9999, 1};
    static uint64_t values[SAMPLES];
    uint64_t sum = 0;
    mr_histogram_reset(&histogram);
    for (size_t i = 0; i < SAMPLES; i++) {
        values[i] = next_random() >> (next_random() % 30 + 8);
        sum += values[i];
        mr_histogram_record(&histogram, values[i]);
    }
    qsort(values, SAMPLES, sizeof values[0], by_value);
    for (size_t i = 0; i < MR_COUNT_OF(fractions); i++) {
        size_t rank = 1;
        while ((double)rank < fractions[i] * SAMPLES)
            rank++;
        const uint64_t got = mr_histogram_percentile(&histogram, fractions[i]);
        if (!within_percent(got, values[rank - 1]))
            MR_TEST_FAIL("p%g is %" PRIu64 ", not %" PRIu64 "\n", fractions[i] * 100, got,
                         values[rank - 1]);
    }
    MR_EXPECT_U64(mr_histogram_count(&histogram), ==, SAMPLES);
    MR_EXPECT_U64(mr_histogram_sum(&histogram), ==, sum);
    MR_EXPECT_U64(mr_histogram_max(&histogram), ==, values[SAMPLES - 1]);
}

MR_TEST(an_empty_histogram_is_all_zeros)
{
    uint64_t below, total;
    mr_histogram_reset(&histogram);
    MR_EXPECT_U64(mr_histogram_percentile(&histogram, 0.99), ==, 0);
    MR_EXPECT_U64(mr_histogram_max(&histogram), ==, 0);
    mr_histogram_cumulative(&histogram, (const uint64_t[]){100}, 1, &below, &total);
    MR_EXPECT(below == 0 && total == 0);
}

MR_TEST(huge_values_keep_their_maximum)
{
    mr_histogram_reset(&histogram);
    mr_histogram_record(&histogram, UINT64_C(90000000000));
    MR_EXPECT_U64(mr_histogram_percentile(&histogram, 0.5), ==, UINT64_C(90000000000));
    mr_histogram_record(&histogram, UINT64_MAX);
    MR_EXPECT_U64(mr_histogram_max(&histogram), ==, UINT64_MAX);
}

MR_TEST(cumulative_counts_rise_to_the_total)
{
    static const uint64_t bounds[] = {0, 10, 1000, 1000000, UINT64_C(60000000000)};
    static const uint64_t wanted[] = {1, 3, 4, 6, 7};
    static const uint64_t values[] = {0, 10, 7, 500, 2000, 900000, 5000000, UINT64_C(100000000000)};
    uint64_t below[MR_COUNT_OF(bounds)], total;
    mr_histogram_reset(&histogram);
    for (size_t i = 0; i < MR_COUNT_OF(values); i++)
        mr_histogram_record(&histogram, values[i]);
    mr_histogram_cumulative(&histogram, bounds, MR_COUNT_OF(bounds), below, &total);
    for (size_t i = 0; i < MR_COUNT_OF(bounds); i++)
        MR_EXPECT_U64(below[i], ==, wanted[i]);
    MR_EXPECT_U64(total, ==, 8);
}

MR_TEST(merging_is_like_recording_all_in_one)
{
    static mr_histogram whole;
    mr_histogram_reset(&histogram);
    mr_histogram_reset(&other);
    mr_histogram_reset(&whole);
    for (int i = 0; i < 1000; i++) {
        const uint64_t value = next_random() >> (next_random() % 40), times = next_random() % 3;
        mr_histogram_record_many((i & 1) != 0 ? &histogram : &other, value, times);
        for (uint64_t k = 0; k < times; k++)
            mr_histogram_record(&whole, value);
    }
    mr_histogram_merge(&histogram, &other);
    /* Both came from one reset, so padding is equal too. */
    MR_EXPECT(memcmp(&histogram, &whole, sizeof whole) == 0); /* NOLINT(*-comparison,cert-*) */
}

static void *record_many(void *argument)
{
    for (uint64_t i = 0; i < 200000; i++)
        mr_histogram_record(argument, i);
    return NULL;
}

MR_TEST(others_may_read_while_one_writes)
{
    pthread_t writer;
    mr_histogram_reset(&histogram);
    MR_EXPECT(pthread_create(&writer, NULL, record_many, &histogram) == 0);
    uint64_t before = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t below, total;
        const uint64_t count = mr_histogram_count(&histogram);
        MR_EXPECT_U64(count, >=, before);
        before = count;
        MR_EXPECT_U64(mr_histogram_percentile(&histogram, 0.99), <, 200000);
        mr_histogram_cumulative(&histogram, (const uint64_t[]){1000}, 1, &below, &total);
        MR_EXPECT_U64(below, <=, total);
    }
    pthread_join(writer, NULL);
    MR_EXPECT_U64(mr_histogram_count(&histogram), ==, 200000);
}

MR_TEST(recording_allocates_nothing)
{
    const uint64_t before = mr_test_malloc_count();
    for (uint64_t i = 0; i < 1000; i++)
        mr_histogram_record(&histogram, i * i);
    MR_EXPECT_U64(mr_test_malloc_count() - before, ==, 0);
}
