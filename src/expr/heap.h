/* SPDX-License-Identifier: MIT
 *
 * expr/heap.h - the texts that an expression makes for one block of rows: pieces that all die with
 * the block. Unlike an arena's they are not zeroed, and need no alignment.
 *
 * Thread: owned by one. */
#ifndef MR_EXPR_HEAP_H
#define MR_EXPR_HEAP_H

#include "core/base.h"

typedef struct mr_heap_chunk mr_heap_chunk;

typedef struct mr_heap {
    mr_heap_chunk *first, *current;
    char *at, *end; /* room left in the current one */
    size_t held_bytes, max_bytes;
    bool out_of_memory; /* a take failed because the machine had no more */
} mr_heap;

void mr_heap_init(mr_heap *heap, size_t max_bytes);
void mr_heap_done(mr_heap *heap);
/* Takes everything back and keeps the memory. */
void mr_heap_reset(mr_heap *heap);

/* Slow path of mr_heap_take(). */
MR_NODISCARD char *mr_heap_grow(mr_heap *heap, size_t size_bytes);

/* `size_bytes` bytes of any content, or NULL at the limit. */
MR_NODISCARD MR_INLINE char *mr_heap_take(mr_heap *heap, size_t size_bytes)
{
    char *const piece = heap->at;
    if (MR_UNLIKELY((size_t)(heap->end - piece) < size_bytes || piece == NULL))
        return mr_heap_grow(heap, size_bytes);
    heap->at += size_bytes;
    return piece;
}

/* Gives back the end of the piece that was taken last, from `from` on. */
MR_INLINE void mr_heap_untake(mr_heap *heap, char *from)
{
    MR_DCHECK(from <= heap->at);
    heap->at = from;
}

#endif
