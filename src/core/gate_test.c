/* SPDX-License-Identifier: MIT */
#include "core/gate.h"

#include <pthread.h>

#include "core/clock.h"
#include "support/test.h"

MR_TEST(a_signal_between_key_and_wait_is_not_lost)
{
    mr_gate gate;
    mr_gate_init(&gate);
    const uint64_t key = mr_gate_key(&gate);
    mr_gate_signal(&gate);
    mr_gate_wait(&gate, key, -1); /* would hang */
    mr_gate_done(&gate);
}

MR_TEST(a_signal_before_the_key_does_not_count)
{
    mr_gate gate;
    mr_gate_init(&gate);
    (void)mr_gate_key(&gate);
    mr_gate_signal(&gate);
    const uint64_t key = mr_gate_key(&gate);
    const int64_t start = mr_clock_real_ns();
    mr_gate_wait(&gate, key, 10 * MR_NS_PER_MS);
    MR_EXPECT_I64(mr_clock_real_ns() - start, >=, 10 * MR_NS_PER_MS);
    mr_gate_done(&gate);
}

#define TURNS 5000

typedef struct table {
    mr_gate gate;
    atomic_uint turn;
} table;

/* Four threads take turns; each signal has to reach the one whose turn it is, whoever else sleeps.
 */
static void *take_turns(void *argument)
{
    static atomic_uint seats;
    table *shared = argument;
    const unsigned seat = atomic_fetch_add(&seats, 1) % 4;
    for (unsigned i = 0; i < TURNS; i++) {
        for (;;) {
            const uint64_t key = mr_gate_key(&shared->gate);
            if (atomic_load_explicit(&shared->turn, memory_order_relaxed) == i * 4 + seat) break;
            mr_gate_wait(&shared->gate, key, -1);
        }
        atomic_store_explicit(&shared->turn, i * 4 + seat + 1, memory_order_relaxed);
        mr_gate_signal(&shared->gate);
    }
    return NULL;
}

MR_TEST(a_gate_wakes_all_who_sleep)
{
    table shared = {.turn = 0};
    pthread_t threads[4];
    mr_gate_init(&shared.gate);
    for (int i = 0; i < 4; i++)
        MR_EXPECT(pthread_create(&threads[i], NULL, take_turns, &shared) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    MR_EXPECT_U64(atomic_load(&shared.turn), ==, 4 * TURNS);
    mr_gate_done(&shared.gate);
}
