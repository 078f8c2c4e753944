/* SPDX-License-Identifier: MIT */
#include "core/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/clock.h"

/* Written by the owning thread only (or, past MR_MEM_SLOTS threads, by few): relaxed adds on a line
 * of one's own cost a few cycles. Read by anybody in mr_mem_stats_now(). */
typedef struct slot {
    _Alignas(MR_CACHE_LINE) atomic_uint_least64_t alloc_count;
    atomic_uint_least64_t free_count;
    atomic_uint_least64_t alloc_bytes;
    atomic_uint_least64_t free_bytes;
} slot;

static slot slots[MR_MEM_SLOTS];
static atomic_uint next_slot;
static _Thread_local slot *own_slot;

/* Fault injection of tests: counts down to the allocation that fails. 0 = off. */
static atomic_uint_least64_t fail_countdown;
static atomic_bool fail_happened;

static slot *slot_of_thread(void)
{
    if (MR_UNLIKELY(own_slot == NULL))
        own_slot =
            &slots[atomic_fetch_add_explicit(&next_slot, 1, memory_order_relaxed) % MR_MEM_SLOTS];
    return own_slot;
}

static void add(atomic_uint_least64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static bool must_fail(void)
{
    if (MR_LIKELY(atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0)) return false;
    if (atomic_fetch_sub(&fail_countdown, 1) != 1) return false;
    atomic_store(&fail_happened, true);
    return true;
}

static void *count_alloc(void *memory)
{
    if (memory == NULL) return NULL;
    slot *own = slot_of_thread();
    add(&own->alloc_count, 1);
    add(&own->alloc_bytes, malloc_usable_size(memory));
    return memory;
}

void *mr_mem_alloc(size_t size_bytes)
{
    return must_fail() ? NULL : count_alloc(malloc(size_bytes));
}

void *mr_mem_zalloc(size_t size_bytes)
{
    return must_fail() ? NULL : count_alloc(calloc(1, size_bytes));
}

void *mr_mem_alloc_aligned(size_t align, size_t size_bytes)
{
    void *memory = NULL;
    if (must_fail() || posix_memalign(&memory, align, size_bytes) != 0) return NULL;
    return count_alloc(memory);
}

void *mr_mem_realloc(void *old, size_t size_bytes)
{
    if (must_fail()) return NULL;
    const size_t old_usable = old != NULL ? malloc_usable_size(old) : 0;
    void *memory = realloc(old, size_bytes);
    if (memory == NULL) return NULL;
    if (old != NULL) {
        slot *own = slot_of_thread();
        add(&own->free_count, 1);
        add(&own->free_bytes, old_usable);
    }
    return count_alloc(memory);
}

void mr_mem_free(void *memory)
{
    if (memory == NULL) return;
    slot *own = slot_of_thread();
    add(&own->free_count, 1);
    add(&own->free_bytes, malloc_usable_size(memory));
    free(memory);
}

size_t mr_mem_usable(const void *memory)
{
    return memory == NULL ? 0 : malloc_usable_size((void *)(uintptr_t)memory);
}

mr_mem_stats mr_mem_stats_now(void)
{
    mr_mem_stats sum = {0};
    uint64_t free_bytes = 0;
    for (size_t i = 0; i < MR_MEM_SLOTS; i++) {
        sum.alloc_count += atomic_load_explicit(&slots[i].alloc_count, memory_order_relaxed);
        sum.free_count += atomic_load_explicit(&slots[i].free_count, memory_order_relaxed);
        sum.alloc_bytes += atomic_load_explicit(&slots[i].alloc_bytes, memory_order_relaxed);
        free_bytes += atomic_load_explicit(&slots[i].free_bytes, memory_order_relaxed);
    }
    sum.live_bytes = sum.alloc_bytes - free_bytes;
    return sum;
}

mr_mem_mark mr_mem_mark_now(void)
{
    return (mr_mem_mark){mr_mem_stats_now().alloc_count};
}

uint64_t mr_mem_allocs_since(mr_mem_mark mark)
{
    return mr_mem_stats_now().alloc_count - mark.alloc_count;
}

uint64_t mr_mem_heap_bytes(void)
{
    const struct mallinfo2 books = mallinfo2();
    return books.uordblks + books.hblkhd;
}

static atomic_uint_least64_t trim_count, longest_trim_ns; /* read by mr_mem_trims(), any thread */

void mr_mem_trim(void)
{
    const int64_t began = mr_clock_ns();
    malloc_trim(0);
    const uint64_t took = (uint64_t)(mr_clock_ns() - began);
    uint64_t longest = atomic_load(&longest_trim_ns);
    while (took > longest && !atomic_compare_exchange_weak(&longest_trim_ns, &longest, took))
        ;
    atomic_fetch_add(&trim_count, 1);
}

void mr_mem_trims(uint64_t *out_count, uint64_t *out_longest_ns)
{
    *out_count = atomic_load(&trim_count);
    *out_longest_ns = atomic_load(&longest_trim_ns);
}

void mr_mem_fail_at(uint64_t nth)
{
    atomic_store(&fail_happened, false);
    atomic_store(&fail_countdown, nth);
}

bool mr_mem_failed(void)
{
    return atomic_load(&fail_happened);
}
