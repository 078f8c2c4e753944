/* SPDX-License-Identifier: MIT */
#include "expr/heap.h"

#include "core/mem.h"

#define CHUNK_BYTES ((size_t)64 << 10)

struct mr_heap_chunk {
    mr_heap_chunk *next;
    size_t size;
    char bytes[];
};

void mr_heap_init(mr_heap *heap, size_t max_bytes)
{
    *heap = (mr_heap){.max_bytes = max_bytes};
}

void mr_heap_done(mr_heap *heap)
{
    for (mr_heap_chunk *chunk = heap->first; chunk != NULL;) {
        mr_heap_chunk *next = chunk->next;
        mr_mem_free(chunk);
        chunk = next;
    }
    *heap = (mr_heap){.max_bytes = heap->max_bytes};
}

static void use(mr_heap *heap, mr_heap_chunk *chunk)
{
    heap->current = chunk;
    heap->at = chunk != NULL ? chunk->bytes : NULL;
    heap->end = chunk != NULL ? chunk->bytes + chunk->size : NULL;
}

void mr_heap_reset(mr_heap *heap)
{
    heap->out_of_memory = false;
    use(heap, heap->first);
}

char *mr_heap_grow(mr_heap *heap, size_t size_bytes)
{
    mr_heap_chunk *last = heap->current;
    while (last != NULL && last->next != NULL) {
        last = last->next;
        if (last->size < size_bytes) continue;
        use(heap, last);
        return mr_heap_take(heap, size_bytes);
    }
    const size_t size = size_bytes > CHUNK_BYTES ? size_bytes : CHUNK_BYTES;
    if (size > heap->max_bytes - heap->held_bytes) return NULL;
    mr_heap_chunk *chunk = mr_mem_alloc(sizeof *chunk + size);
    if (chunk == NULL) {
        heap->out_of_memory = true;
        return NULL;
    }
    chunk->next = NULL;
    chunk->size = size;
    if (last != NULL)
        last->next = chunk;
    else
        heap->first = chunk;
    heap->held_bytes += size;
    use(heap, chunk);
    heap->at += size_bytes;
    return chunk->bytes;
}
