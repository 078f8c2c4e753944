/* SPDX-License-Identifier: MIT */
#include "core/ring.h"

#include <pthread.h>
#include <unistd.h>

#include "core/clock.h"
#include "support/test.h"

#define STRESS_ITEMS 300000

static void *item_of(uintptr_t number)
{
    return (void *)number;
}

MR_TEST(items_come_out_in_order_and_a_full_ring_refuses)
{
    mr_ring ring;
    mr_error err;
    MR_EXPECT_OK(mr_ring_init(&ring, 4, &err));
    for (uintptr_t round = 0; round < 100; round += 4) {
        for (uintptr_t i = 1; i <= 4; i++)
            MR_EXPECT(mr_ring_push(&ring, item_of(round + i)));
        MR_EXPECT(!mr_ring_push(&ring, item_of(99)));
        MR_EXPECT_U64(mr_ring_depth(&ring), ==, 4);
        for (uintptr_t i = 1; i <= 4; i++)
            MR_EXPECT(mr_ring_pop(&ring) == item_of(round + i));
        MR_EXPECT(mr_ring_pop(&ring) == NULL);
        MR_EXPECT_U64(mr_ring_depth(&ring), ==, 0);
    }
    mr_ring_done(&ring);
    mr_ring_done(&ring);
}

MR_TEST(a_ring_of_one_works)
{
    mr_ring ring;
    mr_error err;
    MR_EXPECT_OK(mr_ring_init(&ring, 1, &err));
    for (uintptr_t i = 1; i < 10; i++) {
        MR_EXPECT(mr_ring_push(&ring, item_of(i)));
        MR_EXPECT(!mr_ring_push(&ring, item_of(i)));
        MR_EXPECT(mr_ring_pop(&ring) == item_of(i));
    }
    mr_ring_done(&ring);
}

MR_TEST(indices_wrap_around_32_bits)
{
    mr_ring ring;
    mr_error err;
    MR_EXPECT_OK(mr_ring_init(&ring, 8, &err));
    atomic_store(&ring.pushed, UINT32_MAX - 3);
    atomic_store(&ring.popped, UINT32_MAX - 3);
    ring.popped_seen = ring.pushed_seen = UINT32_MAX - 3;
    for (uintptr_t i = 1; i <= 8; i++)
        MR_EXPECT(mr_ring_push(&ring, item_of(i)));
    MR_EXPECT(!mr_ring_push(&ring, item_of(9)));
    MR_EXPECT_U64(mr_ring_depth(&ring), ==, 8);
    for (uintptr_t i = 1; i <= 8; i++)
        MR_EXPECT(mr_ring_pop(&ring) == item_of(i));
    MR_EXPECT(mr_ring_pop(&ring) == NULL);
    mr_ring_done(&ring);
}

MR_TEST(capacity_is_rounded_up_and_limited)
{
    mr_ring ring;
    mr_error err;
    MR_EXPECT_OK(mr_ring_init(&ring, 5, &err));
    for (uintptr_t i = 1; i <= 8; i++)
        MR_EXPECT(mr_ring_push(&ring, item_of(i)));
    MR_EXPECT(!mr_ring_push(&ring, item_of(9)));
    mr_ring_done(&ring);
    MR_EXPECT_CODE(mr_ring_init(&ring, 0, &err), MR_ERR_LIMIT);
    MR_EXPECT_CODE(mr_ring_init(&ring, MR_RING_CAPACITY_MAX + 1, &err), MR_ERR_LIMIT);
    mr_ring_done(&ring);
}

static mr_code init_and_done(void)
{
    mr_ring ring;
    const mr_code rc = mr_ring_init(&ring, 16, NULL);
    mr_ring_done(&ring);
    return rc;
}

MR_TEST(a_ring_survives_failing_allocations)
{
    MR_EACH_ALLOC_FAILS(init_and_done());
}

MR_TEST(waiting_gives_up_when_the_time_is_over)
{
    mr_ring ring;
    mr_error err = {0};
    void *item = item_of(77);
    MR_EXPECT_OK(mr_ring_init(&ring, 1, &err));
    const int64_t start = mr_clock_real_ns();
    MR_EXPECT_CODE(mr_ring_pop_wait(&ring, &item, 20 * MR_NS_PER_MS), MR_ERR_LIMIT);
    MR_EXPECT_I64(mr_clock_real_ns() - start, >=, 20 * MR_NS_PER_MS);
    MR_EXPECT_U64(mr_ring_pop_wait_ns(&ring), >=, 20 * MR_NS_PER_MS);
    MR_EXPECT(item == item_of(77));
    MR_EXPECT_CODE(mr_ring_pop_wait(&ring, &item, 0), MR_ERR_LIMIT);
    MR_EXPECT_OK(mr_ring_push_wait(&ring, item_of(1), 0));
    MR_EXPECT_U64(mr_ring_push_wait_ns(&ring), ==, 0);
    MR_EXPECT_CODE(mr_ring_push_wait(&ring, item_of(2), 20 * MR_NS_PER_MS), MR_ERR_LIMIT);
    MR_EXPECT_U64(mr_ring_push_wait_ns(&ring), >=, 20 * MR_NS_PER_MS);
    mr_ring_done(&ring);
}

MR_TEST(a_closed_ring_is_drained_before_it_says_so)
{
    mr_ring ring;
    mr_error err = {0};
    void *item = NULL;
    MR_EXPECT_OK(mr_ring_init(&ring, 4, &err));
    MR_EXPECT(mr_ring_push(&ring, item_of(1)) && mr_ring_push(&ring, item_of(2)));
    mr_ring_close(&ring);
    MR_EXPECT(mr_ring_closed(&ring));
    MR_EXPECT(!mr_ring_push(&ring, item_of(3)));
    MR_EXPECT_CODE(mr_ring_push_wait(&ring, item_of(3), -1), MR_ERR_CLOSED);
    MR_EXPECT_OK(mr_ring_pop_wait(&ring, &item, -1));
    MR_EXPECT(item == item_of(1));
    MR_EXPECT_OK(mr_ring_pop_wait(&ring, &item, -1));
    MR_EXPECT_CODE(mr_ring_pop_wait(&ring, &item, -1), MR_ERR_CLOSED);
    MR_EXPECT(item == item_of(2));
    mr_ring_done(&ring);
}

/* Pauses now and then, so that the other side falls asleep. */
static void dawdle(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    if ((*random >> 40) % 2000 == 0) usleep((unsigned)(*random >> 60) * 10);
}

static void *produce(void *argument)
{
    mr_ring *ring = argument;
    uint64_t random = 1;
    for (uintptr_t i = 1; i <= STRESS_ITEMS; i++) {
        uint64_t *cell =
            mr_mem_alloc(sizeof *cell); /* TSan checks the hand-over of what it points to */
        *cell = i;
        if (mr_ring_push_wait(ring, cell, -1) != MR_OK) mr_mem_free(cell);
        dawdle(&random);
    }
    mr_ring_close(ring);
    return NULL;
}

static void stress(uint32_t capacity)
{
    mr_ring ring;
    mr_error err = {0};
    pthread_t producer;
    uint64_t random = 2, wanted = 1;
    void *item;
    MR_EXPECT_OK(mr_ring_init(&ring, capacity, &err));
    MR_EXPECT(pthread_create(&producer, NULL, produce, &ring) == 0);
    while (mr_ring_pop_wait(&ring, &item, -1) == MR_OK) {
        const uint64_t got = *(uint64_t *)item;
        mr_mem_free(item);
        MR_EXPECT_U64(got, ==, wanted++);
        dawdle(&random);
    }
    pthread_join(producer, NULL);
    MR_EXPECT_U64(wanted, ==, STRESS_ITEMS + 1);
    mr_ring_done(&ring);
}

MR_TEST(no_item_and_no_wake_up_is_lost_in_a_large_ring)
{
    stress(256);
}

MR_TEST(no_item_and_no_wake_up_is_lost_in_a_tiny_ring)
{
    stress(2);
}

typedef struct ping {
    mr_ring to, from;
} ping;

static void *answer(void *argument)
{
    ping *both = argument;
    void *item;
    while (mr_ring_pop_wait(&both->to, &item, -1) == MR_OK)
        if (mr_ring_push_wait(&both->from, item, -1) != MR_OK) break;
    mr_ring_close(&both->from);
    return NULL;
}

/* Every message needs both sides to wake: one lost wake-up would hang it. */
MR_TEST(ping_pong_never_hangs)
{
    ping both;
    mr_error err = {0};
    pthread_t thread;
    void *item = NULL;
    MR_EXPECT_OK(mr_ring_init(&both.to, 1, &err));
    MR_EXPECT_OK(mr_ring_init(&both.from, 1, &err));
    MR_EXPECT(pthread_create(&thread, NULL, answer, &both) == 0);
    for (uintptr_t i = 1; i <= 20000; i++) {
        MR_EXPECT_OK(mr_ring_push_wait(&both.to, item_of(i), -1));
        MR_EXPECT_OK(mr_ring_pop_wait(&both.from, &item, 20 * MR_NS_PER_S));
        MR_EXPECT(item == item_of(i));
    }
    mr_ring_close(&both.to);
    MR_EXPECT_CODE(mr_ring_pop_wait(&both.from, &item, 20 * MR_NS_PER_S), MR_ERR_CLOSED);
    pthread_join(thread, NULL);
    mr_ring_done(&both.to);
    mr_ring_done(&both.from);
}

static void *close_soon(void *argument)
{
    usleep(20000);
    mr_ring_close(argument);
    return NULL;
}

MR_TEST(close_wakes_whoever_sleeps)
{
    mr_error err = {0};
    for (int full = 0; full <= 1; full++) {
        mr_ring ring;
        pthread_t thread;
        void *item;
        MR_EXPECT_OK(mr_ring_init(&ring, 1, &err));
        if (full) MR_EXPECT(mr_ring_push(&ring, item_of(1)));
        MR_EXPECT(pthread_create(&thread, NULL, close_soon, &ring) == 0);
        if (full)
            MR_EXPECT_CODE(mr_ring_push_wait(&ring, item_of(2), -1), MR_ERR_CLOSED);
        else
            MR_EXPECT_CODE(mr_ring_pop_wait(&ring, &item, -1), MR_ERR_CLOSED);
        pthread_join(thread, NULL);
        mr_ring_done(&ring);
    }
}

#define LANES      3
#define LANE_ITEMS 50000

static void *produce_numbers(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    for (uintptr_t i = 1; i <= LANE_ITEMS; i++) {
        if (mr_ring_push_wait(argument, item_of(i), -1) != MR_OK) break;
        dawdle(&random);
    }
    mr_ring_close(argument);
    return NULL;
}

MR_TEST(one_gate_serves_several_rings)
{
    mr_gate gate;
    mr_ring rings[LANES];
    pthread_t threads[LANES];
    uintptr_t next[LANES] = {0};
    mr_error err = {0};
    mr_gate_init(&gate);
    for (int i = 0; i < LANES; i++) {
        MR_EXPECT_OK(mr_ring_init(&rings[i], 8, &err));
        rings[i].on_push = &gate;
        MR_EXPECT(pthread_create(&threads[i], NULL, produce_numbers, &rings[i]) == 0);
    }
    for (int open = LANES; open > 0;) {
        const uint64_t key = mr_gate_key(&gate);
        bool found = false;
        open = 0;
        for (int i = 0; i < LANES; i++) {
            open += !mr_ring_closed(&rings[i]);
            for (void *item; (item = mr_ring_pop(&rings[i])) != NULL; found = true)
                MR_EXPECT(item == item_of(++next[i]));
        }
        if (!found && open > 0) mr_gate_wait(&gate, key, -1);
    }
    for (int i = 0; i < LANES; i++) {
        pthread_join(threads[i], NULL);
        MR_EXPECT_U64(next[i], ==, LANE_ITEMS);
        mr_ring_done(&rings[i]);
    }
    mr_gate_done(&gate);
}

MR_TEST(a_ring_allocates_nothing_once_made)
{
    mr_ring ring;
    mr_error err;
    void *item;
    MR_EXPECT_OK(mr_ring_init(&ring, 16, &err));
    const uint64_t before = mr_test_malloc_count();
    for (uintptr_t i = 1; i < 1000; i++) {
        MR_EXPECT(mr_ring_push_wait(&ring, item_of(i), -1) == MR_OK);
        MR_EXPECT(mr_ring_pop_wait(&ring, &item, -1) == MR_OK);
    }
    MR_EXPECT_U64(mr_test_malloc_count() - before, ==, 0);
    mr_ring_done(&ring);
}
