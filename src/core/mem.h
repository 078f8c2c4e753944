/* SPDX-License-Identifier: MIT
 *
 * core/mem.h - the only file that asks the C library for memory, and counts it.
 *
 * Counters are kept in slots of one cache line each, one slot per thread up to MR_MEM_SLOTS threads
 * (later threads share), and are summed when read. They are part of the product: /metrics shows
 * them, and "allocates nothing once warm" is tested with mr_mem_allocs_since(). Sizes are the
 * allocator's own usable sizes, so what we report is what it holds.
 *
 * Thread: any. */
#ifndef MR_CORE_MEM_H
#define MR_CORE_MEM_H

#include "core/base.h"

#define MR_MEM_SLOTS 64

typedef struct mr_mem_stats {
    uint64_t alloc_count;
    uint64_t free_count;
    uint64_t alloc_bytes; /* ever, usable sizes */
    uint64_t live_bytes;  /* now */
} mr_mem_stats;

typedef struct mr_mem_mark {
    uint64_t alloc_count;
} mr_mem_mark;

/* Memory of at least `size_bytes` (> 0), aligned for any type, or NULL. Contents undefined. */
MR_NODISCARD void *mr_mem_alloc(size_t size_bytes);
/* The same, zeroed. */
MR_NODISCARD void *mr_mem_zalloc(size_t size_bytes);
/* The same, aligned to `align` (a power of two, multiple of sizeof(void *)). */
MR_NODISCARD void *mr_mem_alloc_aligned(size_t align, size_t size_bytes);
/* Grows or shrinks `old` (may be NULL), keeping its contents; on NULL `old` is still valid. */
MR_NODISCARD void *mr_mem_realloc(void *old, size_t size_bytes);
/* Gives memory back; NULL is harmless. */
void mr_mem_free(void *memory);
/* What the allocator really holds for `memory`; 0 for NULL. */
size_t mr_mem_usable(const void *memory);

/* Sums over all threads. */
mr_mem_stats mr_mem_stats_now(void);
mr_mem_mark mr_mem_mark_now(void);
uint64_t mr_mem_allocs_since(mr_mem_mark mark);

/* What the C library's own books say is handed out, its headers included: a second opinion on
 * live_bytes, which also sees what libraries hold. */
uint64_t mr_mem_heap_bytes(void);

/* Returns free pages of the C library's heap to the system. */
void mr_mem_trim(void);
/* How often that was done, and the longest time that it took. */
void mr_mem_trims(uint64_t *out_count, uint64_t *out_longest_ns);

/* For tests: the allocation number `nth` from now (1 = next) of this process fails, once; 0 =
 * never. mr_mem_failed() says whether it has happened. */
void mr_mem_fail_at(uint64_t nth);
bool mr_mem_failed(void);

#endif
