/* SPDX-License-Identifier: MIT */
#include "core/mpsc.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "core/clock.h"
#include "support/test.h"

static void *item_of(uintptr_t number)
{
    return (void *)number;
}

MR_TEST(the_queue_keeps_order_and_refuses_when_full)
{
    mr_mpsc queue;
    mr_error err;
    MR_EXPECT_OK(mr_mpsc_init(&queue, 4, &err));
    atomic_store(&queue.pushed, UINT32_MAX - 7); /* eight steps to the wrap-around of 32 bits */
    atomic_store(&queue.popped, UINT32_MAX - 7);
    for (uint32_t i = 0; i < 4; i++)
        atomic_store(&queue.cells[i].turn, UINT32_MAX - 7 + i);
    for (uintptr_t round = 0; round < 100; round += 4) {
        for (uintptr_t i = 1; i <= 4; i++)
            MR_EXPECT(mr_mpsc_push(&queue, item_of(round + i)));
        MR_EXPECT(!mr_mpsc_push(&queue, item_of(99)));
        MR_EXPECT_U64(mr_mpsc_depth(&queue), ==, 4);
        for (uintptr_t i = 1; i <= 4; i++)
            MR_EXPECT(mr_mpsc_pop(&queue) == item_of(round + i));
        MR_EXPECT(mr_mpsc_pop(&queue) == NULL);
    }
    mr_mpsc_done(&queue);
    mr_mpsc_done(&queue);
}

MR_TEST(the_queue_has_limits_and_closes)
{
    mr_mpsc queue;
    mr_error err = {0};
    void *item = NULL;
    MR_EXPECT_CODE(mr_mpsc_init(&queue, 0, &err), MR_ERR_LIMIT);
    MR_EXPECT_CODE(mr_mpsc_init(&queue, MR_MPSC_CAPACITY_MAX + 1, &err), MR_ERR_LIMIT);
    MR_EXPECT_OK(mr_mpsc_init(&queue, 1, &err));
    const int64_t start = mr_clock_real_ns();
    MR_EXPECT_CODE(mr_mpsc_pop_wait(&queue, &item, 5 * MR_NS_PER_MS), MR_ERR_LIMIT);
    MR_EXPECT_I64(mr_clock_real_ns() - start, >=, 5 * MR_NS_PER_MS);
    MR_EXPECT_CODE(mr_mpsc_pop_wait(&queue, &item, 0), MR_ERR_LIMIT);
    MR_EXPECT(mr_mpsc_push(&queue, item_of(1)));
    mr_mpsc_close(&queue);
    MR_EXPECT(!mr_mpsc_push(&queue, item_of(2)));
    MR_EXPECT_OK(mr_mpsc_pop_wait(&queue, &item, -1));
    MR_EXPECT(item == item_of(1));
    MR_EXPECT_CODE(mr_mpsc_pop_wait(&queue, &item, -1), MR_ERR_CLOSED);
    mr_mpsc_done(&queue);
}

static mr_code init_and_done(void)
{
    mr_mpsc queue;
    const mr_code rc = mr_mpsc_init(&queue, 16, NULL);
    mr_mpsc_done(&queue);
    return rc;
}

MR_TEST(a_queue_survives_failing_allocations)
{
    MR_EACH_ALLOC_FAILS(init_and_done());
}

#define PRODUCERS      4
#define PRODUCER_ITEMS 40000

typedef struct message {
    unsigned from, number;
} message;

typedef struct producer {
    mr_mpsc *queue;
    unsigned from;
} producer;

static void *produce(void *argument)
{
    const producer *self = argument;
    for (unsigned i = 1; i <= PRODUCER_ITEMS; i++) {
        message *item = mr_mem_alloc(sizeof *item);
        *item = (message){self->from, i};
        while (!mr_mpsc_push(self->queue, item))
            sched_yield();
        if (i % 10000 == 0) usleep(500);
    }
    return NULL;
}

MR_TEST(many_producers_lose_nothing_and_keep_their_own_order)
{
    static const uint32_t capacities[] = {2, 64};
    for (size_t round = 0; round < MR_COUNT_OF(capacities); round++) {
        mr_mpsc queue;
        mr_error err = {0};
        pthread_t threads[PRODUCERS];
        producer producers[PRODUCERS];
        unsigned seen[PRODUCERS] = {0};
        MR_EXPECT_OK(mr_mpsc_init(&queue, capacities[round], &err));
        for (unsigned i = 0; i < PRODUCERS; i++) {
            producers[i] = (producer){&queue, i};
            MR_EXPECT(pthread_create(&threads[i], NULL, produce, &producers[i]) == 0);
        }
        for (unsigned i = 0; i < PRODUCERS * PRODUCER_ITEMS; i++) {
            void *item = NULL;
            MR_EXPECT_OK(mr_mpsc_pop_wait(&queue, &item, 60 * MR_NS_PER_S));
            const message got = *(message *)item;
            mr_mem_free(item);
            MR_EXPECT(got.number == ++seen[got.from]);
        }
        for (unsigned i = 0; i < PRODUCERS; i++)
            pthread_join(threads[i], NULL);
        MR_EXPECT(mr_mpsc_pop(&queue) == NULL);
        mr_mpsc_done(&queue);
    }
}
