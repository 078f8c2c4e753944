/* SPDX-License-Identifier: MIT */
#include "remote/retry.h"

#include <errno.h>

#include "support/test.h"

#define S  INT64_C(1000000000)
#define MS INT64_C(1000000)

static uint64_t seed = 42;

static uint64_t next_random(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return seed ^ seed >> 29;
}

MR_TEST(delays_grow_by_the_multiplier_up_to_the_longest)
{
    static const int64_t wanted_s[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    mr_retry_policy policy = MR_RETRY_POLICY_DEFAULT;
    policy.jitter = 0;
    for (size_t k = 0; k < MR_COUNT_OF(wanted_s); k++)
        MR_EXPECT_I64(mr_retry_delay_ns(&policy, k, next_random()), ==, wanted_s[k] * S);
    MR_EXPECT_I64(mr_retry_delay_ns(&policy, UINT64_MAX, 0), ==, 60 * S);
    policy.multiplier = 1;
    MR_EXPECT_I64(mr_retry_delay_ns(&policy, UINT64_MAX, 0), ==, S);
    policy = (mr_retry_policy){.delay_ns = 0, .max_delay_ns = S, .multiplier = 3};
    MR_EXPECT_I64(mr_retry_delay_ns(&policy, 1000, 0), ==, 0);
}

/* min(cap, base * mult^k) * (1 +- jitter), with numbers drawn at random, against long double. */
MR_TEST(delays_are_what_the_formula_says)
{
    for (int i = 0; i < 20000; i++) {
        const mr_retry_policy policy = {.delay_ns = (int64_t)(next_random() % (10 * S)),
                                        .max_delay_ns = (int64_t)(next_random() % (100 * S)),
                                        .multiplier = 1 + (double)(next_random() % 400) / 100,
                                        .jitter = (double)(next_random() % 101) / 100};
        const uint64_t k = next_random() % 20;
        long double middle = policy.delay_ns;
        for (uint64_t n = 0; n < k; n++)
            middle *= (long double)policy.multiplier;
        if (middle > policy.max_delay_ns) middle = policy.max_delay_ns;
        const long double least = middle * (1 - (long double)policy.jitter),
                          most = middle * (1 + (long double)policy.jitter);
        MR_EXPECT_I64(mr_retry_delay_ns(&policy, k, 0), >=, (int64_t)(least * 0.999999L) - 2);
        MR_EXPECT_I64(mr_retry_delay_ns(&policy, k, 0), <=, (int64_t)(least * 1.000001L) + 2);
        MR_EXPECT_I64(mr_retry_delay_ns(&policy, k, UINT64_MAX), <=,
                      (int64_t)(most * 1.000001L) + 2);
        MR_EXPECT_I64(mr_retry_delay_ns(&policy, k, UINT64_MAX), >=,
                      (int64_t)(most * 0.999999L) - 2);
        const int64_t some = mr_retry_delay_ns(&policy, k, next_random());
        MR_EXPECT(some >= (int64_t)(least * 0.999999L) - 2 &&
                  some <= (int64_t)(most * 1.000001L) + 2);
    }
}

MR_TEST(jitter_spreads_evenly)
{
    mr_retry_policy policy = MR_RETRY_POLICY_DEFAULT;
    uint64_t quarter[4] = {0};
    for (int i = 0; i < 40000; i++) {
        const int64_t delay = mr_retry_delay_ns(&policy, 0, next_random());
        MR_EXPECT(delay >= 750 * MS && delay <= 1250 * MS);
        const int64_t at = (delay - 750 * MS) / (125 * MS);
        quarter[at < 4 ? at : 3]++;
    }
    for (int i = 0; i < 4; i++)
        MR_EXPECT(quarter[i] > 9000 && quarter[i] < 11000);
}

MR_TEST(only_transient_and_throttled_are_tried_again)
{
    static const struct {
        mr_fault_class fault;
        mr_retry_verdict wanted;
    } cases[] = {
        {MR_CLASS_NONE, MR_RETRY_USELESS},    {MR_CLASS_TRANSIENT, MR_RETRY_AGAIN},
        {MR_CLASS_THROTTLED, MR_RETRY_AGAIN}, {MR_CLASS_PERMANENT, MR_RETRY_USELESS},
        {MR_CLASS_DATA, MR_RETRY_USELESS},    {MR_CLASS_FATAL, MR_RETRY_USELESS},
    };
    const mr_retry_policy policy = MR_RETRY_POLICY_DEFAULT;
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_retry retry = {0};
        int64_t wait = -1;
        const mr_retry_verdict verdict =
            mr_retry_failed(&retry, &policy, 0, cases[i].fault, 0, 0, &wait);
        MR_EXPECT(verdict == cases[i].wanted);
        MR_EXPECT((wait >= 0) == (verdict == MR_RETRY_AGAIN));
    }
}

MR_TEST(the_budget_counts_retries_after_the_first_try)
{
    mr_retry_policy policy = MR_RETRY_POLICY_DEFAULT;
    mr_retry retry = {0};
    int64_t wait;
    for (int i = 0; i < 3; i++)
        MR_EXPECT(mr_retry_failed(&retry, &policy, 0, MR_CLASS_TRANSIENT, 0, 0, &wait) ==
                  MR_RETRY_AGAIN);
    MR_EXPECT(mr_retry_failed(&retry, &policy, 0, MR_CLASS_TRANSIENT, 0, 0, &wait) ==
              MR_RETRY_SPENT);
    policy.attempts = 0;
    retry = (mr_retry){0};
    MR_EXPECT(mr_retry_failed(&retry, &policy, 0, MR_CLASS_THROTTLED, 0, 0, &wait) ==
              MR_RETRY_SPENT);
}

MR_TEST(retry_after_is_the_least_wait)
{
    mr_retry_policy policy = MR_RETRY_POLICY_DEFAULT;
    mr_retry retry = {0};
    int64_t wait;
    policy.jitter = 0;
    (void)mr_retry_failed(&retry, &policy, 0, MR_CLASS_THROTTLED, 7 * S, 0, &wait);
    MR_EXPECT_I64(wait, ==, 7 * S);
    (void)mr_retry_failed(&retry, &policy, 0, MR_CLASS_THROTTLED, S, 0, &wait);
    MR_EXPECT_I64(wait, ==, 2 * S);
    (void)mr_retry_failed(&retry, &policy, 0, MR_CLASS_TRANSIENT, 3600 * S, 0, &wait);
    MR_EXPECT_I64(wait, ==, 3600 * S); /* more than max_delay: the server knows best */
}

MR_TEST(what_would_come_after_the_deadline_is_not_waited_for)
{
    mr_retry_policy policy = MR_RETRY_POLICY_DEFAULT;
    mr_retry retry = {.begun_ns = 100 * S};
    int64_t wait;
    policy.jitter = 0;
    policy.deadline_ns = 10 * S;
    MR_EXPECT(mr_retry_failed(&retry, &policy, 109 * S, MR_CLASS_TRANSIENT, 0, 0, &wait) ==
              MR_RETRY_AGAIN);
    MR_EXPECT(mr_retry_failed(&retry, &policy, 109 * S, MR_CLASS_TRANSIENT, 0, 0, &wait) ==
              MR_RETRY_LATE);
    MR_EXPECT_I64(wait, ==, 2 * S);
    policy.deadline_ns = 0;
    MR_EXPECT(mr_retry_failed(&retry, &policy, 10000 * S, MR_CLASS_TRANSIENT, 0, 0, &wait) ==
              MR_RETRY_AGAIN);
}

MR_TEST(system_errors_have_a_class)
{
    static const struct {
        int number;
        mr_fault_class wanted;
    } cases[] = {
        {0, MR_CLASS_NONE},
        {ECONNREFUSED, MR_CLASS_TRANSIENT},
        {ECONNRESET, MR_CLASS_TRANSIENT},
        {ETIMEDOUT, MR_CLASS_TRANSIENT},
        {EPIPE, MR_CLASS_TRANSIENT},
        {EHOSTUNREACH, MR_CLASS_TRANSIENT},
        {EDEADLK, MR_CLASS_TRANSIENT},
        {EACCES, MR_CLASS_PERMANENT},
        {ENOENT, MR_CLASS_PERMANENT},
        {EINVAL, MR_CLASS_PERMANENT},
        {ENOSPC, MR_CLASS_FATAL},
        {EDQUOT, MR_CLASS_FATAL},
        {EIO, MR_CLASS_FATAL},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++)
        MR_EXPECT_TEXT(mr_fault_name(mr_fault_of_errno(cases[i].number)),
                       mr_fault_name(cases[i].wanted));
}
