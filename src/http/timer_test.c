/* SPDX-License-Identifier: MIT */
#include "http/timer.h"

#include "support/test.h"

#define TICK_NS (1ull << MR_TIMER_TICK_SHIFT)

typedef struct probe {
    mr_timer timer; /* first, so that the timer is the probe */
    uint64_t fired_at_ns;
    unsigned fired;
} probe;

static uint64_t now_ns;

static void note(mr_timer *timer)
{
    probe *fired = (probe *)timer;
    fired->fired++;
    fired->fired_at_ns = now_ns;
}

/* A small generator of our own: the same numbers on every run. */
static uint64_t random_below(uint64_t limit)
{
    static uint64_t state = 42;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % limit;
}

MR_TEST(timers_fire_once_never_early_and_at_most_two_ticks_late)
{
    enum { COUNT = 500 };
    static mr_timer_wheel wheel;
    static probe probes[COUNT];
    uint64_t deadlines[COUNT];
    now_ns = 123456789;
    mr_timer_wheel_init(&wheel, now_ns);
    for (size_t i = 0; i < COUNT; i++) {
        probes[i].timer.fire = note;
        mr_timer_set(&wheel, &probes[i].timer, now_ns + random_below(20000) * 1000000);
        /* Moved several times, further and nearer, as connections do. */
        for (uint64_t moves = random_below(4); moves > 0; moves--)
            mr_timer_set(&wheel, &probes[i].timer, now_ns + random_below(20000) * 1000000);
        deadlines[i] = probes[i].timer.deadline_ns;
        if (i % 10 == 0) mr_timer_cancel(&probes[i].timer);
    }
    while (mr_timer_wheel_wait_ns(&wheel, now_ns) != UINT64_MAX) {
        now_ns += mr_timer_wheel_wait_ns(&wheel, now_ns) + 1;
        mr_timer_wheel_run(&wheel, now_ns);
    }
    for (size_t i = 0; i < COUNT; i++) {
        MR_EXPECT_U64(probes[i].fired, ==, i % 10 == 0 ? 0 : 1);
        if (i % 10 == 0) continue;
        MR_EXPECT_U64(probes[i].fired_at_ns, >=, deadlines[i]);
        MR_EXPECT_U64(probes[i].fired_at_ns, <=, deadlines[i] + 2 * TICK_NS);
    }
}

static mr_timer_wheel shared;

static void set_again(mr_timer *timer)
{
    note(timer);
    if (((probe *)timer)->fired < 5) mr_timer_set(&shared, timer, now_ns);
}

MR_TEST(a_timer_may_set_itself_and_does_not_fire_twice_in_one_pass)
{
    probe own = {.timer.fire = set_again};
    now_ns = 0;
    mr_timer_wheel_init(&shared, now_ns);
    mr_timer_set(&shared, &own.timer, 0);
    for (unsigned pass = 1; pass <= 5; pass++) {
        now_ns += 3 * TICK_NS;
        mr_timer_wheel_run(&shared, now_ns);
        MR_EXPECT_U64(own.fired, ==, pass);
    }
    MR_EXPECT_U64(mr_timer_wheel_wait_ns(&shared, now_ns), ==, UINT64_MAX);
}

MR_TEST(a_long_sleep_fires_everything_that_was_due)
{
    static probe probes[2000];
    now_ns = 0;
    mr_timer_wheel_init(&shared, now_ns);
    for (size_t i = 0; i < MR_COUNT_OF(probes); i++) {
        probes[i].timer.fire = note;
        mr_timer_set(&shared, &probes[i].timer, i * TICK_NS);
    }
    now_ns = 5000 * TICK_NS;
    mr_timer_wheel_run(&shared, now_ns);
    for (size_t i = 0; i < MR_COUNT_OF(probes); i++)
        MR_EXPECT_U64(probes[i].fired, ==, 1);
}
