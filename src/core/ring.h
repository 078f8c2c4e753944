/* SPDX-License-Identifier: MIT
 *
 * core/ring.h - hands pointers from one thread to another: bounded, first in first out, lock-free.
 *
 *     slots   | . . . A B C D . |        pushed - popped = 4 items; indices count on and wrap,
 *                     ^       ^          slot = index & mask
 *                popped       pushed
 *
 * A full ring is back-pressure: the producer waits. Both sides keep a copy of the other's index and
 * look at the real one only when the copy says full or empty, so in steady state they share no
 * cache line but that of the items. Waiting spins for a moment and then sleeps on a gate.
 *
 * What is pushed belongs to the consumer; what was written before the push is seen after the pop.
 *
 * Thread: one producer (push*), one consumer (pop*); close, depth and the wait counters from any.
 */
#ifndef MR_CORE_RING_H
#define MR_CORE_RING_H

#include "core/error.h"
#include "core/gate.h"

#define MR_RING_CAPACITY_MAX (1u << 24)

typedef struct mr_ring {
    void **slots; /* owned by the ring */
    uint32_t mask;
    mr_gate
        *on_push; /* signalled by each push and by close; own_gate unless the owner sets another */
    atomic_bool closed;
    char pad0[MR_CACHE_LINE];

    atomic_uint pushed; /* written by the producer */
    uint32_t popped_seen;
    atomic_uint_least64_t push_wait_ns;
    char pad1[MR_CACHE_LINE];

    atomic_uint popped; /* written by the consumer */
    uint32_t pushed_seen;
    atomic_uint_least64_t pop_wait_ns;
    char pad2[MR_CACHE_LINE];

    mr_gate own_gate; /* the consumer sleeps here, the producer signals */
    char pad3[MR_CACHE_LINE];

    mr_gate on_pop; /* the producer sleeps here, the consumer signals */
} mr_ring;

/* An empty ring for at least `capacity` items (rounded up to a power of two). MR_ERR_LIMIT for 0
 * and above MR_RING_CAPACITY_MAX, MR_ERR_NOMEM. Then, before any use, the owner may point `on_push`
 * at a gate of its own, borrowed as long as the ring, to sleep on several rings at once. Must not
 * be moved. */
MR_NODISCARD mr_code mr_ring_init(mr_ring *ring, uint32_t capacity, mr_error *err);

/* Frees the slots, not what lies in them: pop that first. No thread may be inside. */
void mr_ring_done(mr_ring *ring);

/* False when the ring is full or closed; `item` (never NULL) then stays the caller's. */
MR_HOT bool mr_ring_push(mr_ring *ring, void *item);

/* The oldest item, or NULL when there is none; also after a close. */
MR_HOT void *mr_ring_pop(mr_ring *ring);

/* Waits for room for at most `timeout_ns` (below 0 = for ever). MR_ERR_CLOSED when closed,
 * MR_ERR_LIMIT when the time is over; `item` then stays the caller's. */
MR_NODISCARD MR_HOT mr_code mr_ring_push_wait(mr_ring *ring, void *item, int64_t timeout_ns);

/* Waits for an item likewise. MR_ERR_CLOSED only once closed and drained. */
MR_NODISCARD MR_HOT mr_code mr_ring_pop_wait(mr_ring *ring, void **out, int64_t timeout_ns);

/* No further push succeeds, both sides wake. A push that runs at the same moment may still succeed
 * after the consumer has left: the owner pops once more when both threads have ended. */
void mr_ring_close(mr_ring *ring);

bool mr_ring_closed(const mr_ring *ring);

/* Items in the ring; a moment old when it comes from another thread. */
uint32_t mr_ring_depth(const mr_ring *ring);

/* Nanoseconds that the producer has waited for room, and the consumer for items, in all. */
uint64_t mr_ring_push_wait_ns(const mr_ring *ring);
uint64_t mr_ring_pop_wait_ns(const mr_ring *ring);

#endif
