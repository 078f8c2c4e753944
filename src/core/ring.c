/* SPDX-License-Identifier: MIT */
#include "core/ring.h"

#include "core/clock.h"
#include "core/mem.h"

/* A hand-over takes some 100 ns when both threads run; sleeping and waking takes some 10 us. */
#define SPIN_COUNT 100

static uint32_t power_of_two_from(uint32_t value)
{
    uint32_t power = 1;
    while (power < value)
        power *= 2;
    return power;
}

mr_code mr_ring_init(mr_ring *ring, uint32_t capacity, mr_error *err)
{
    memset(ring, 0, sizeof *ring);
    if (capacity == 0 || capacity > MR_RING_CAPACITY_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "a ring holds 1 to %u items, not %u",
                       MR_RING_CAPACITY_MAX, capacity);
    const uint32_t size = power_of_two_from(capacity);
    ring->slots = mr_mem_zalloc(size * sizeof *ring->slots);
    if (ring->slots == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a ring of %u items", size);
    ring->mask = size - 1;
    mr_gate_init(&ring->own_gate);
    mr_gate_init(&ring->on_pop);
    ring->on_push = &ring->own_gate;
    return MR_OK;
}

void mr_ring_done(mr_ring *ring)
{
    mr_mem_free(ring->slots);
    memset(ring, 0, sizeof *ring);
}

bool mr_ring_push(mr_ring *ring, void *item)
{
    MR_DCHECK(item != NULL);
    if (MR_UNLIKELY(mr_ring_closed(ring))) return false;
    const uint32_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    if (MR_UNLIKELY(pushed - ring->popped_seen > ring->mask)) {
        /* With the consumer's release below: the slot has been read before it is written again. */
        ring->popped_seen = atomic_load_explicit(&ring->popped, memory_order_acquire);
        if (pushed - ring->popped_seen > ring->mask) return false;
    }
    ring->slots[pushed & ring->mask] = item;
    atomic_store_explicit(&ring->pushed, pushed + 1, memory_order_release); /* with mr_ring_pop() */
    mr_gate_signal(ring->on_push);
    return true;
}

void *mr_ring_pop(mr_ring *ring)
{
    const uint32_t popped = atomic_load_explicit(&ring->popped, memory_order_relaxed);
    if (popped == ring->pushed_seen) {
        ring->pushed_seen = atomic_load_explicit(&ring->pushed, memory_order_acquire);
        if (popped == ring->pushed_seen) return NULL;
    }
    void *item = ring->slots[popped & ring->mask];
    atomic_store_explicit(&ring->popped, popped + 1,
                          memory_order_release); /* with mr_ring_push() */
    mr_gate_signal(&ring->on_pop);
    return item;
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Only the thread that waits adds to its counter. */
static void count_wait(atomic_uint_least64_t *counter, int64_t since_ns)
{
    const uint64_t waited = (uint64_t)(mr_clock_real_ns() - since_ns);
    const uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + waited, memory_order_relaxed);
}

/* What is left of a time-out that began at `since_ns`: below 0 for ever, 0 when it is over. */
static int64_t time_left(int64_t timeout_ns, int64_t since_ns)
{
    if (timeout_ns < 0) return -1;
    const int64_t waited = mr_clock_real_ns() - since_ns;
    return waited >= timeout_ns ? 0 : timeout_ns - waited;
}

static mr_code push_slow(mr_ring *ring, void *item, int64_t timeout_ns, int64_t since_ns)
{
    for (int i = 0; i < SPIN_COUNT; i++) {
        relax();
        if (mr_ring_push(ring, item)) return MR_OK;
    }
    for (;;) {
        const uint64_t key = mr_gate_key(&ring->on_pop);
        if (mr_ring_push(ring, item)) return MR_OK;
        if (mr_ring_closed(ring)) return MR_ERR_CLOSED;
        const int64_t left = time_left(timeout_ns, since_ns);
        if (left == 0) return MR_ERR_LIMIT;
        mr_gate_wait(&ring->on_pop, key, left);
    }
}

mr_code mr_ring_push_wait(mr_ring *ring, void *item, int64_t timeout_ns)
{
    if (MR_LIKELY(mr_ring_push(ring, item))) return MR_OK;
    const int64_t since_ns = mr_clock_real_ns();
    const mr_code rc = push_slow(ring, item, timeout_ns, since_ns);
    count_wait(&ring->push_wait_ns, since_ns);
    return rc;
}

static mr_code pop_slow(mr_ring *ring, void **out, int64_t timeout_ns, int64_t since_ns)
{
    for (int i = 0; i < SPIN_COUNT; i++) {
        relax();
        *out = mr_ring_pop(ring);
        if (*out != NULL) return MR_OK;
    }
    for (;;) {
        const uint64_t key = mr_gate_key(ring->on_push);
        const bool closed =
            mr_ring_closed(ring); /* before the look: what was pushed first is found */
        *out = mr_ring_pop(ring);
        if (*out != NULL) return MR_OK;
        if (closed) return MR_ERR_CLOSED;
        const int64_t left = time_left(timeout_ns, since_ns);
        if (left == 0) return MR_ERR_LIMIT;
        mr_gate_wait(ring->on_push, key, left);
    }
}

mr_code mr_ring_pop_wait(mr_ring *ring, void **out, int64_t timeout_ns)
{
    void *item = mr_ring_pop(ring);
    mr_code rc = MR_OK;
    if (MR_UNLIKELY(item == NULL)) {
        const int64_t since_ns = mr_clock_real_ns();
        rc = pop_slow(ring, &item, timeout_ns, since_ns);
        count_wait(&ring->pop_wait_ns, since_ns);
    }
    if (rc == MR_OK) *out = item;
    return rc;
}

void mr_ring_close(mr_ring *ring)
{
    atomic_store_explicit(&ring->closed, true, memory_order_release);
    mr_gate_signal(ring->on_push);
    mr_gate_signal(&ring->on_pop);
}

bool mr_ring_closed(const mr_ring *ring)
{
    return atomic_load_explicit(&ring->closed, memory_order_acquire);
}

uint32_t mr_ring_depth(const mr_ring *ring)
{
    const uint32_t popped = atomic_load_explicit(&ring->popped, memory_order_acquire);
    const uint32_t depth = atomic_load_explicit(&ring->pushed, memory_order_acquire) - popped;
    return depth > ring->mask + 1 ? ring->mask + 1
                                  : depth; /* pops may have come between the loads */
}

uint64_t mr_ring_push_wait_ns(const mr_ring *ring)
{
    return atomic_load_explicit(&ring->push_wait_ns, memory_order_relaxed);
}

uint64_t mr_ring_pop_wait_ns(const mr_ring *ring)
{
    return atomic_load_explicit(&ring->pop_wait_ns, memory_order_relaxed);
}
