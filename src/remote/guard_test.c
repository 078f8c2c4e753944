/* SPDX-License-Identifier: MIT */
#include "remote/guard.h"

#include "remote/batch_id.h"
#include "support/test.h"

#define S  INT64_C(1000000000)
#define MS INT64_C(1000000)

/* A world in which waiting takes no time. */
typedef struct world {
    int64_t now_ns, slept_ns, stop_ns; /* stop_ns > 0: cancelled from then on */
    uint64_t ticks, warnings;
    char last_warning[700];
} world;

static int64_t world_now(void *context)
{
    return ((world *)context)->now_ns;
}

static void world_nap(void *context, int64_t ns)
{
    world *w = context;
    MR_EXPECT(ns > 0 && ns <= 100 * MS); /* so that it can be ended */
    w->now_ns += ns;
    w->slept_ns += ns;
}

static uint64_t world_random(MR_UNUSED void *context)
{
    return UINT64_C(1) << 63; /* the middle: no jitter */
}

static void world_warn(void *context, const char *text)
{
    world *w = context;
    w->warnings++;
    snprintf(w->last_warning, sizeof w->last_warning, "%s", text);
}

static mr_code world_may_go_on(void *context, mr_error *err)
{
    const world *w = context;
    if (w->stop_ns == 0 || w->now_ns < w->stop_ns) return MR_OK;
    return mr_fail(err, MR_ERR_CLOSED, "interrupted");
}

static void world_tick(void *context)
{
    ((world *)context)->ticks++;
}

static mr_guard_options options_in(world *w)
{
    *w = (world){.now_ns = 1000 * S};
    return (mr_guard_options){
        .name = "store source",
        .retry = MR_RETRY_POLICY_DEFAULT,
        .breaker = MR_BREAKER_OPTIONS_DEFAULT,
        .warn = world_warn,
        .warn_context = w,
        .may_go_on = world_may_go_on,
        .may_go_on_context = w,
        .tick = world_tick,
        .tick_context = w,
        .clock = {world_now, world_nap, world_random, w},
    };
}

/* One call of a script: 't'ransient, 'h' throttled, 'p'ermanent, 'd'ata, 'f'atal, 'g'ood; the last
 * letter is repeated. Returns how it ended. */
static mr_code play(mr_guard *guard, const char *script, int64_t retry_after_ns, mr_error *err,
                    uint64_t *out_tries)
{
    static const char letters[] = "-thpdf";
    mr_guard_call call;
    mr_guard_result result;
    *out_tries = 0;
    mr_guard_begin(guard, &call);
    do {
        MR_TRY(mr_guard_enter(guard, &call, err));
        ++*out_tries;
        result = (mr_guard_result){.err = err, .retry_after_ns = retry_after_ns};
        if (*script != 'g') {
            result.fault = (mr_fault_class)(strchr(letters, *script) - letters);
            result.code = mr_fail(err, MR_ERR_IO, "refused");
        }
        if (script[1] != '\0') script++;
    } while (mr_guard_again(guard, &call, &result));
    return result.code;
}

static uint64_t stat(const atomic_uint_least64_t *counter)
{
    return atomic_load(counter);
}

MR_TEST(a_fault_that_passes_costs_waits_and_nothing_else)
{
    world w;
    mr_guard guard;
    mr_error err = {0};
    uint64_t tries;
    const mr_guard_options options = options_in(&w);
    mr_guard_init(&guard, &options);
    MR_EXPECT_OK(play(&guard, "ttg", 0, &err, &tries));
    MR_EXPECT_U64(tries, ==, 3);
    MR_EXPECT_I64(w.slept_ns, ==, 3 * S); /* 1 s and 2 s */
    MR_EXPECT_U64(w.warnings, ==, 2);
    MR_EXPECT_TEXT(w.last_warning, "store source: refused; trying again in 2.0 s (retry 2 of 3)");
    MR_EXPECT_U64(stat(&guard.stats.retries), ==, 2);
    MR_EXPECT_U64(stat(&guard.stats.exhausted), ==, 0);
    MR_EXPECT_U64(w.ticks, >=, 30); /* somebody may show that it waits */
}

MR_TEST(after_all_tries_the_error_says_so)
{
    world w;
    mr_guard guard;
    mr_error err = {0};
    uint64_t tries;
    const mr_guard_options options = options_in(&w);
    mr_guard_init(&guard, &options);
    MR_EXPECT(play(&guard, "t", 0, &err, &tries) == MR_ERR_IO);
    MR_EXPECT_U64(tries, ==, 4);
    MR_EXPECT_I64(w.slept_ns, ==, 7 * S);
    MR_EXPECT_TEXT(err.text, "refused; given up after 4 tries in 7.0 s");
    MR_EXPECT_U64(stat(&guard.stats.exhausted), ==, 1);
}

MR_TEST(a_fault_that_does_not_pass_is_told_once)
{
    static const char *const scripts[] = {"p", "d", "f", "-"};
    for (size_t i = 0; i < MR_COUNT_OF(scripts); i++) {
        world w;
        mr_guard guard;
        mr_error err = {0};
        uint64_t tries;
        const mr_guard_options options = options_in(&w);
        mr_guard_init(&guard, &options);
        MR_EXPECT(play(&guard, scripts[i], 0, &err, &tries) == MR_ERR_IO);
        MR_EXPECT_U64(tries, ==, 1);
        MR_EXPECT_I64(w.slept_ns, ==, 0);
        MR_EXPECT_TEXT(err.text, "refused");
        MR_EXPECT_U64(w.warnings, ==, 0);
    }
}

MR_TEST(retry_after_is_obeyed_and_refused_when_it_is_too_long)
{
    world w;
    mr_guard guard;
    mr_error err = {0};
    uint64_t tries;
    mr_guard_options options = options_in(&w);
    mr_guard_init(&guard, &options);
    MR_EXPECT_OK(play(&guard, "hg", 90 * S, &err, &tries));
    MR_EXPECT_I64(w.slept_ns, ==, 90 * S);
    MR_EXPECT(play(&guard, "h", 3600 * S, &err, &tries) == MR_ERR_IO);
    MR_EXPECT_U64(tries, ==, 1);
    MR_EXPECT_I64(w.slept_ns, ==, 90 * S);
    MR_EXPECT(strstr(err.text, "the next one is due in 3600.0 s, and all must end within 600.0 s"));
}

MR_TEST(a_wait_ends_within_a_moment_when_it_must)
{
    world w;
    mr_guard guard;
    mr_error err = {0};
    uint64_t tries;
    const mr_guard_options options = options_in(&w);
    mr_guard_init(&guard, &options);
    w.stop_ns = w.now_ns + 550 * MS;
    MR_EXPECT(play(&guard, "t", 0, &err, &tries) == MR_ERR_CLOSED);
    MR_EXPECT_TEXT(err.text, "interrupted");
    MR_EXPECT_I64(w.slept_ns, <=, 700 * MS);
}

MR_TEST(an_open_breaker_pauses_the_caller_and_then_lets_it_through)
{
    world w;
    mr_guard guard;
    mr_error err = {0};
    uint64_t tries;
    mr_guard_options options = options_in(&w);
    options.retry.attempts = 100;
    options.retry.delay_ns = options.retry.max_delay_ns = 100 * MS;
    mr_guard_init(&guard, &options);
    MR_EXPECT_OK(play(&guard, "tttttg", 0, &err, &tries));
    MR_EXPECT_U64(tries, ==, 6);
    MR_EXPECT_I64(w.slept_ns, >=, 30 * S);
    MR_EXPECT_I64(w.slept_ns, <=, 31 * S);
    MR_EXPECT_U64(stat(&guard.stats.opens), ==, 1);
    MR_EXPECT_U64(atomic_load(&guard.stats.breaker), ==, MR_BREAKER_HALF_OPEN);
    MR_EXPECT_OK(play(&guard, "g", 0, &err, &tries));
    MR_EXPECT_OK(play(&guard, "g", 0, &err, &tries));
    MR_EXPECT_U64(atomic_load(&guard.stats.breaker), ==, MR_BREAKER_CLOSED);
}

MR_TEST(an_open_breaker_that_outlasts_the_deadline_fails_the_call)
{
    world w;
    mr_guard guard;
    mr_error err = {0};
    uint64_t tries;
    mr_guard_options options = options_in(&w);
    options.retry = (mr_retry_policy){UINT64_MAX, 10 * MS, 10 * MS, 1, 0, 5 * S};
    mr_guard_init(&guard, &options);
    MR_EXPECT(play(&guard, "t", 0, &err, &tries) == MR_ERR_IO);
    MR_EXPECT_U64(tries, ==, 5);
    MR_EXPECT(strstr(err.text, "circuit breaker is open"));
    MR_EXPECT_I64(w.slept_ns, <=, S);
}

MR_TEST(throttling_and_bad_records_do_not_open_the_breaker)
{
    world w;
    mr_guard guard;
    mr_error err = {0};
    uint64_t tries;
    mr_guard_options options = options_in(&w);
    options.retry.attempts = 50;
    mr_guard_init(&guard, &options);
    (void)play(&guard, "hhhhhhhhhg", 0, &err, &tries);
    for (int i = 0; i < 30; i++)
        (void)play(&guard, "d", 0, &err, &tries);
    MR_EXPECT_U64(stat(&guard.stats.opens), ==, 0);
}

MR_TEST(requests_keep_to_the_rate)
{
    world w;
    mr_guard guard;
    mr_error err = {0};
    uint64_t tries;
    mr_guard_options options = options_in(&w);
    options.rate = 10;
    mr_guard_init(&guard, &options);
    for (int i = 0; i < 120; i++)
        MR_EXPECT_OK(play(&guard, "g", 0, &err, &tries));
    MR_EXPECT_I64(w.slept_ns, >=, 10 * S - MS); /* 20 at once, 100 more at 10 a second */
    MR_EXPECT_I64(w.slept_ns, <=, 10 * S + 20 * MS);
    MR_EXPECT_U64(stat(&guard.stats.limited_ns), ==, (uint64_t)w.slept_ns);
}

MR_TEST(a_slow_try_is_told_now_and_then)
{
    world w;
    mr_guard guard;
    mr_guard_call call;
    mr_error err = {0};
    const mr_guard_options options = options_in(&w);
    mr_guard_init(&guard, &options);
    mr_guard_watch(&guard); /* nothing is under way */
    mr_guard_begin(&guard, &call);
    MR_EXPECT_OK(mr_guard_enter(&guard, &call, &err));
    for (int i = 0; i < 250; i++) {
        mr_guard_watch(&guard);
        w.now_ns += 100 * MS;
    }
    MR_EXPECT_U64(w.warnings, ==, 3); /* after 2, 12 and 22 s */
    MR_EXPECT_TEXT(w.last_warning, "store source: no answer for 22 s; still waiting");
}

MR_TEST(what_has_got_on_starts_its_budget_anew)
{
    world w;
    mr_guard guard;
    mr_guard_call call;
    mr_error err = {0};
    const mr_guard_options options = options_in(&w);
    mr_guard_init(&guard, &options);
    mr_guard_begin(&guard, &call);
    for (int i = 0; i < 4; i++) { /* fewer than five, which open the breaker */
        mr_guard_result result = {MR_ERR_IO, MR_CLASS_TRANSIENT, 0, &err};
        MR_EXPECT_OK(mr_guard_enter(&guard, &call, &err));
        mr_guard_got_on(&guard, &call);
        MR_EXPECT(mr_guard_again(&guard, &call, &result));
    }
    MR_EXPECT_I64(w.slept_ns, ==, 4 * S);
}

MR_TEST(no_guard_repeats_nothing)
{
    mr_error err = {0};
    uint64_t tries;
    MR_EXPECT(play(NULL, "t", 0, &err, &tries) == MR_ERR_IO);
    MR_EXPECT_U64(tries, ==, 1);
    MR_EXPECT_TEXT(err.text, "refused");
    mr_guard_watch(NULL);
    MR_EXPECT_OK(mr_guard_pay(NULL, 1e9, &err));
}

MR_TEST(a_batch_has_one_id_and_others_have_others)
{
    const mr_batch_place places[] = {
        {MR_SLICE("feed"), MR_SLICE("a.csv"), 1, 0, 1000},
        {MR_SLICE("fee"), MR_SLICE("da.csv"), 1, 0, 1000},
        {MR_SLICE("feed"), MR_SLICE("b.csv"), 1, 0, 1000},
        {MR_SLICE("feed"), MR_SLICE("a.csv"), 11, 0, 1000},
        {MR_SLICE("feed"), MR_SLICE("a.csv"), 1, 10, 1000},
        {MR_SLICE("feed"), MR_SLICE("a.csv"), 1, 0, 999},
        {{NULL, 0}, {NULL, 0}, 0, 0, 0},
    };
    char ids[MR_COUNT_OF(places)][MR_BATCH_ID_BYTES], again[MR_BATCH_ID_BYTES];
    for (size_t i = 0; i < MR_COUNT_OF(places); i++) {
        mr_batch_id_write(ids[i], &places[i]);
        mr_batch_id_write(again, &places[i]);
        MR_EXPECT(memcmp(ids[i], again, sizeof again) == 0);
        MR_EXPECT_U64(strspn((char[]){ids[i][0], 0}, "0123456789abcdef"), ==, 1);
        for (size_t k = 0; k < i; k++)
            MR_EXPECT(memcmp(ids[i], ids[k], sizeof again) != 0);
    }
}
