/* SPDX-License-Identifier: MIT */
#include "remote/breaker.h"

#include "support/test.h"

#define S INT64_C(1000000000)

static mr_breaker made(void)
{
    mr_breaker breaker;
    mr_breaker_init(&breaker, &MR_BREAKER_OPTIONS_DEFAULT);
    return breaker;
}

static bool fail_at(mr_breaker *b, int64_t at)
{
    MR_EXPECT_I64(mr_breaker_ask(b, at), ==, 0);
    return mr_breaker_judge(b, at, false);
}

static void succeed_at(mr_breaker *b, int64_t at)
{
    MR_EXPECT_I64(mr_breaker_ask(b, at), ==, 0);
    MR_EXPECT(!mr_breaker_judge(b, at, true));
}

MR_TEST(five_failures_in_a_row_open_it)
{
    mr_breaker b = made();
    for (int i = 0; i < 4; i++)
        MR_EXPECT(!fail_at(&b, i));
    succeed_at(&b, 5);
    for (int i = 0; i < 4; i++)
        MR_EXPECT(!fail_at(&b, 10 + i));
    MR_EXPECT(fail_at(&b, 20));
    MR_EXPECT(b.state == MR_BREAKER_OPEN);
    MR_EXPECT_U64(b.opens, ==, 1);
}

MR_TEST(the_first_error_does_not_open_it)
{
    mr_breaker b = made();
    MR_EXPECT(!fail_at(&b, 0));
    MR_EXPECT(b.state == MR_BREAKER_CLOSED);
}

MR_TEST(more_than_half_of_twenty_within_a_minute_open_it)
{
    mr_breaker b = made();
    for (int i = 0; i < 9; i++) { /* never two failures in a row */
        MR_EXPECT(!fail_at(&b, i * S));
        succeed_at(&b, i * S);
    }
    MR_EXPECT(!fail_at(&b, 10 * S)); /* 10 of 19: more than half, but fewer than 20 */
    succeed_at(&b, 10 * S);          /* 10 of 20: not more than half */
    MR_EXPECT(fail_at(&b, 11 * S));  /* 11 of 21 */
}

MR_TEST(failures_of_more_than_a_minute_ago_are_forgotten)
{
    mr_breaker b = made();
    for (int i = 0; i < 10; i++) {
        MR_EXPECT(!fail_at(&b, S));
        succeed_at(&b, S);
    }
    MR_EXPECT(!fail_at(&b, 60 * S)); /* the first bucket's 10 are gone: 1 of 1 */
    mr_breaker c = made();
    for (int i = 0; i < 10; i++) {
        MR_EXPECT(!fail_at(&c, S));
        succeed_at(&c, S);
    }
    MR_EXPECT(fail_at(&c, 59 * S)); /* still there: 11 of 21 */
}

MR_TEST(it_is_open_for_thirty_seconds_and_lets_five_through_then)
{
    mr_breaker b = made();
    for (int i = 0; i < 5; i++)
        (void)fail_at(&b, 0);
    MR_EXPECT_I64(mr_breaker_ask(&b, 1), ==, 30 * S - 1);
    MR_EXPECT_I64(mr_breaker_ask(&b, 29 * S), ==, S);
    for (int i = 0; i < 5; i++)
        MR_EXPECT_I64(mr_breaker_ask(&b, 30 * S), ==, 0);
    MR_EXPECT_I64(mr_breaker_ask(&b, 30 * S), >, 0); /* the sixth waits for a verdict */
    MR_EXPECT(!mr_breaker_judge(&b, 31 * S, true));
    MR_EXPECT_I64(mr_breaker_ask(&b, 31 * S), >, 0);
    MR_EXPECT(!mr_breaker_judge(&b, 31 * S, true));
    MR_EXPECT(b.state == MR_BREAKER_HALF_OPEN);
    MR_EXPECT(!mr_breaker_judge(&b, 31 * S, true)); /* three successes close it */
    MR_EXPECT(b.state == MR_BREAKER_CLOSED);
    MR_EXPECT_I64(mr_breaker_ask(&b, 31 * S), ==, 0);
}

MR_TEST(one_failure_opens_a_half_open_one_again)
{
    mr_breaker b = made();
    for (int i = 0; i < 5; i++)
        (void)fail_at(&b, 0);
    succeed_at(&b, 30 * S);
    succeed_at(&b, 31 * S);
    MR_EXPECT(fail_at(&b, 32 * S));
    MR_EXPECT_I64(mr_breaker_ask(&b, 32 * S), ==, 30 * S);
    MR_EXPECT_U64(b.opens, ==, 2);
}

MR_TEST(what_says_nothing_frees_its_place)
{
    mr_breaker b = made();
    for (int i = 0; i < 5; i++)
        (void)fail_at(&b, 0);
    for (int i = 0; i < 50; i++) {
        MR_EXPECT_I64(mr_breaker_ask(&b, 30 * S), ==, 0);
        mr_breaker_forget(&b);
    }
    MR_EXPECT(b.state == MR_BREAKER_HALF_OPEN);
}

MR_TEST(one_that_is_off_never_opens)
{
    mr_breaker b;
    mr_breaker_options options = MR_BREAKER_OPTIONS_DEFAULT;
    options.enabled = false;
    mr_breaker_init(&b, &options);
    for (int i = 0; i < 100; i++)
        MR_EXPECT(!fail_at(&b, i));
}

/* --- a slow twin: every event is kept, and everything is worked out from all of them -----------
 */

typedef struct twin {
    mr_breaker_options options;
    struct {
        int64_t slot;
        bool good;
    } events[4096]; /* since it was last closed */
    size_t count;
    mr_breaker_state state;
    int64_t opened_ns;
    uint32_t let_through, judged_good, forgotten;
} twin;

static int64_t twin_ask(twin *t, int64_t now)
{
    if (t->state == MR_BREAKER_CLOSED) return 0;
    if (t->state == MR_BREAKER_OPEN && now - t->opened_ns < t->options.open_ns)
        return t->options.open_ns - (now - t->opened_ns);
    if (t->state == MR_BREAKER_OPEN) t->let_through = t->judged_good = t->forgotten = 0;
    t->state = MR_BREAKER_HALF_OPEN;
    if (t->let_through - t->forgotten >= t->options.half_open_requests) return 1;
    t->let_through++;
    return 0;
}

static bool twin_must_open(const twin *t, int64_t now)
{
    uint64_t bad = 0, all = 0, row = 0;
    for (size_t i = 0; i < t->count; i++) {
        row = t->events[i].good ? 0 : row + 1;
        if (t->events[i].slot <= now / MR_BREAKER_BUCKET_NS - 6) continue;
        all++;
        bad += !t->events[i].good;
    }
    return row >= t->options.threshold || (all >= t->options.min_requests && 2 * bad > all);
}

static void twin_judge(twin *t, int64_t now, bool good)
{
    if (t->state == MR_BREAKER_HALF_OPEN) {
        if (good && ++t->judged_good == t->options.success_threshold) {
            t->state = MR_BREAKER_CLOSED;
            t->count = 0;
        }
    } else {
        t->events[t->count].slot = now / MR_BREAKER_BUCKET_NS;
        t->events[t->count++].good = good;
    }
    if (good || (t->state == MR_BREAKER_CLOSED && !twin_must_open(t, now))) return;
    t->state = MR_BREAKER_OPEN;
    t->opened_ns = now;
    t->count = 0;
}

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

static void compare_once(uint64_t *seed)
{
    static twin t;
    mr_breaker b;
    mr_breaker_options options = {true, 1 + (uint32_t)draw(seed, 8),  1 + (uint32_t)draw(seed, 4),
                                  0,    1 + (uint32_t)draw(seed, 30), (int64_t)draw(seed, 60 * S)};
    options.half_open_requests = options.success_threshold + (uint32_t)draw(seed, 3);
    memset(&t, 0, sizeof t);
    t.options = options;
    mr_breaker_init(&b, &options);
    int64_t now = (int64_t)draw(seed, 1000 * S);
    const uint64_t bad_share = draw(seed, 101), longest = 1 + draw(seed, 20 * S);
    for (int i = 0; i < 2000; i++) {
        now += (int64_t)draw(seed, longest);
        const int64_t wait = mr_breaker_ask(&b, now), wanted = twin_ask(&t, now);
        MR_EXPECT_I64(wait > 0, ==, wanted > 0);
        if (t.state == MR_BREAKER_OPEN) MR_EXPECT_I64(wait, ==, wanted);
        if (wait == 0 && draw(seed, 10) == 0) {
            mr_breaker_forget(&b);
            t.forgotten += t.state == MR_BREAKER_HALF_OPEN;
        } else if (wait == 0) {
            const bool good = draw(seed, 100) >= bad_share;
            mr_breaker_judge(&b, now, good);
            twin_judge(&t, now, good);
        }
        MR_EXPECT_U64(b.state, ==, t.state);
    }
}

MR_TEST(it_does_what_its_slow_twin_does)
{
    uint64_t seed = 7;
    for (int i = 0; i < 300; i++)
        compare_once(&seed);
}
