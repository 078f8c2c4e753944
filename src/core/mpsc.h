/* SPDX-License-Identifier: MIT
 *
 * core/mpsc.h - as core/ring.h, with any number of producers (D. Vyukov's bounded queue).
 *
 * Every cell carries a turn: the index whose push may fill it, and that index + 1 once it is
 * filled.
 *
 *     index 5 in a queue of 4   cell 1: turn 5 = free for push 5, turn 6 = holds item 5, turn 9 =
 * free again
 *
 * Producers claim an index with one compare-and-swap; items of one producer keep their order. A
 * producer that is interrupted between claim and fill holds up the consumer, never other producers
 * until the queue is full.
 *
 * Thread: push, close and depth from any, pop* from one consumer. */
#ifndef MR_CORE_MPSC_H
#define MR_CORE_MPSC_H

#include "core/error.h"
#include "core/gate.h"

#define MR_MPSC_CAPACITY_MAX (1u << 24)

typedef struct mr_mpsc_cell {
    atomic_uint turn;
    void *item;
} mr_mpsc_cell;

typedef struct mr_mpsc {
    mr_mpsc_cell *cells; /* owned by the queue */
    uint32_t mask;
    mr_gate
        *on_push; /* signalled by each push and by close; own_gate unless the owner sets another */
    atomic_bool closed;
    char pad0[MR_CACHE_LINE];
    atomic_uint pushed; /* claimed by the producers */
    char pad1[MR_CACHE_LINE];
    atomic_uint popped; /* written by the consumer */
    char pad2[MR_CACHE_LINE];
    mr_gate own_gate;
} mr_mpsc;

/* An empty queue for at least `capacity` items (rounded up to a power of two, at least 2).
 * MR_ERR_LIMIT for 0 and above MR_MPSC_CAPACITY_MAX, MR_ERR_NOMEM. Must not be moved. */
MR_NODISCARD mr_code mr_mpsc_init(mr_mpsc *queue, uint32_t capacity, mr_error *err);

/* Frees the cells, not what lies in them. No thread may be inside. */
void mr_mpsc_done(mr_mpsc *queue);

/* False when the queue is full or closed; `item` (never NULL) then stays the caller's. */
MR_HOT bool mr_mpsc_push(mr_mpsc *queue, void *item);

/* The oldest item, or NULL when there is none; also after a close. */
MR_HOT void *mr_mpsc_pop(mr_mpsc *queue);

/* Waits for an item for at most `timeout_ns` (below 0 = for ever). MR_ERR_CLOSED once closed and
 * drained, MR_ERR_LIMIT when the time is over. */
MR_NODISCARD MR_HOT mr_code mr_mpsc_pop_wait(mr_mpsc *queue, void **out, int64_t timeout_ns);

/* No push that begins later succeeds; the consumer wakes. One that runs at the same moment may
 * still succeed after the consumer has left: the owner pops once more when all threads have ended.
 */
void mr_mpsc_close(mr_mpsc *queue);

/* Items in the queue, those being filled included; a moment old. */
uint32_t mr_mpsc_depth(const mr_mpsc *queue);

#endif
