/* SPDX-License-Identifier: MIT */
#include "core/mpsc.h"

#include "core/clock.h"
#include "core/mem.h"

mr_code mr_mpsc_init(mr_mpsc *queue, uint32_t capacity, mr_error *err)
{
    memset(queue, 0, sizeof *queue);
    if (capacity == 0 || capacity > MR_MPSC_CAPACITY_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "a queue holds 1 to %u items, not %u",
                       MR_MPSC_CAPACITY_MAX, capacity);
    uint32_t size = 2; /* with one cell, "filled" and "free again" would be the same turn */
    while (size < capacity)
        size *= 2;
    queue->cells = mr_mem_zalloc(size * sizeof *queue->cells);
    if (queue->cells == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a queue of %u items", size);
    for (uint32_t i = 0; i < size; i++)
        atomic_init(&queue->cells[i].turn, i);
    queue->mask = size - 1;
    mr_gate_init(&queue->own_gate);
    queue->on_push = &queue->own_gate;
    return MR_OK;
}

void mr_mpsc_done(mr_mpsc *queue)
{
    mr_mem_free(queue->cells);
    memset(queue, 0, sizeof *queue);
}

bool mr_mpsc_push(mr_mpsc *queue, void *item)
{
    MR_DCHECK(item != NULL);
    uint32_t index = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
    for (;;) {
        if (MR_UNLIKELY(atomic_load_explicit(&queue->closed, memory_order_acquire))) return false;
        mr_mpsc_cell *cell = &queue->cells[index & queue->mask];
        /* With the release in mr_mpsc_pop(): the old item has been read. */
        const uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if ((int32_t)(turn - index) < 0) return false; /* still holds the item of a lap ago */
        if (turn != index) {                           /* somebody else was faster */
            index = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
            continue;
        }
        if (!atomic_compare_exchange_weak_explicit(&queue->pushed, &index, index + 1,
                                                   memory_order_relaxed, memory_order_relaxed))
            continue;
        cell->item = item;
        atomic_store_explicit(&cell->turn, index + 1,
                              memory_order_release); /* with mr_mpsc_pop() */
        mr_gate_signal(queue->on_push);
        return true;
    }
}

void *mr_mpsc_pop(mr_mpsc *queue)
{
    const uint32_t index = atomic_load_explicit(&queue->popped, memory_order_relaxed);
    mr_mpsc_cell *cell = &queue->cells[index & queue->mask];
    if (atomic_load_explicit(&cell->turn, memory_order_acquire) != index + 1) return NULL;
    void *item = cell->item;
    atomic_store_explicit(&cell->turn, index + queue->mask + 1, memory_order_release);
    atomic_store_explicit(&queue->popped, index + 1, memory_order_release);
    return item;
}

mr_code mr_mpsc_pop_wait(mr_mpsc *queue, void **out, int64_t timeout_ns)
{
    const int64_t since_ns = timeout_ns > 0 ? mr_clock_real_ns() : 0;
    for (;;) {
        const uint64_t key = mr_gate_key(queue->on_push);
        const bool closed = atomic_load_explicit(&queue->closed, memory_order_acquire);
        void *item = mr_mpsc_pop(queue);
        if (item != NULL) {
            *out = item;
            return MR_OK;
        }
        if (closed) return MR_ERR_CLOSED;
        const int64_t waited = timeout_ns > 0 ? mr_clock_real_ns() - since_ns : 0;
        if (timeout_ns >= 0 && waited >= timeout_ns) return MR_ERR_LIMIT;
        mr_gate_wait(queue->on_push, key, timeout_ns < 0 ? -1 : timeout_ns - waited);
    }
}

void mr_mpsc_close(mr_mpsc *queue)
{
    atomic_store_explicit(&queue->closed, true, memory_order_release);
    mr_gate_signal(queue->on_push);
}

uint32_t mr_mpsc_depth(const mr_mpsc *queue)
{
    const uint32_t popped = atomic_load_explicit(&queue->popped, memory_order_acquire);
    const uint32_t depth = atomic_load_explicit(&queue->pushed, memory_order_acquire) - popped;
    return depth > queue->mask + 1 ? queue->mask + 1 : depth;
}
