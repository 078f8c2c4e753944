/* SPDX-License-Identifier: MIT */
#include "remote/bucket.h"

#include "support/test.h"

#define S INT64_C(1000000000)

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

MR_TEST(the_burst_is_twice_the_rate_unless_it_is_said)
{
    mr_bucket b;
    mr_bucket_init(&b, 10, 0, 0);
    MR_EXPECT_I64(mr_bucket_take(&b, 0, 20), ==, 0);
    MR_EXPECT_I64(mr_bucket_take(&b, 0, 1), >, 0);
    mr_bucket_init(&b, 10, 3, 0);
    MR_EXPECT_I64(mr_bucket_take(&b, 0, 3), ==, 0);
    const int64_t wait = mr_bucket_take(&b, 0, 1);
    MR_EXPECT(wait > S / 10 - 10 && wait < S / 10 + 10);
    MR_EXPECT_I64(mr_bucket_take(&b, wait, 1), ==, 0);
}

MR_TEST(no_rate_is_no_limit)
{
    mr_bucket b;
    mr_bucket_init(&b, 0, 0, 0);
    for (int i = 0; i < 1000; i++)
        MR_EXPECT_I64(mr_bucket_take(&b, 0, 1e12), ==, 0);
}

MR_TEST(more_than_the_burst_waits_for_a_full_bucket_and_is_paid_back)
{
    mr_bucket b;
    mr_bucket_init(&b, 10, 20, 0);
    MR_EXPECT_I64(mr_bucket_take(&b, 0, 100), ==, 0); /* 80 of debt: 8 s */
    const int64_t wait = mr_bucket_take(&b, 0, 1);
    MR_EXPECT(wait > 8 * S && wait < 82 * S / 10);
    MR_EXPECT_I64(mr_bucket_take(&b, wait, 1), ==, 0);
}

MR_TEST(a_clock_that_goes_back_gives_nothing)
{
    mr_bucket b;
    mr_bucket_init(&b, 10, 10, 5 * S);
    MR_EXPECT_I64(mr_bucket_take(&b, 5 * S, 10), ==, 0);
    MR_EXPECT_I64(mr_bucket_take(&b, 0, 1), >, 0);
    MR_EXPECT_I64(mr_bucket_take(&b, 4 * S, 1), >, 0);
}

/* Never more than burst + rate * time in any span, and not less than the rate when pressed: looked
 * at over every pair of takes. */
MR_TEST(no_span_of_time_gets_more_than_rate_and_burst)
{
    enum { TAKES = 400 };
    static int64_t at[TAKES];
    static double amount[TAKES];
    uint64_t seed = 3;
    for (int round = 0; round < 50; round++) {
        mr_bucket b;
        const double rate = 1 + (double)draw(&seed, 1000), burst = 1 + (double)draw(&seed, 3000);
        int64_t now = 0;
        double sum = 0;
        mr_bucket_init(&b, rate, burst, now);
        for (int i = 0; i < TAKES; i++) {
            amount[i] = 1 + (double)draw(&seed, (uint64_t)burst);
            for (int64_t wait; (wait = mr_bucket_take(&b, now, amount[i])) > 0;)
                now += wait;
            at[i] = now;
            sum += amount[i];
        }
        for (int i = 0; i < TAKES; i++) {
            double taken = 0;
            for (int j = i; j < TAKES; j++) {
                taken += amount[j];
                MR_EXPECT(taken <= burst + rate * (double)(at[j] - at[i]) / 1e9 + 1e-3);
            }
        }
        MR_EXPECT((double)now / 1e9 <=
                  (sum - burst) / rate + 1e-3); /* and no waiting for nothing */
    }
}

MR_TEST(taking_allocates_nothing)
{
    mr_bucket b;
    mr_bucket_init(&b, 1e6, 0, 0);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int64_t i = 0; i < 1000; i++)
        (void)mr_bucket_take(&b, i, 1000);
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
}
