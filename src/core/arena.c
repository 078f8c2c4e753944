/* SPDX-License-Identifier: MIT */
#include "core/arena.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/mem.h"
#include "core/poison.h"

#undef mr_arena_fail /* a macro for clang's analyser */

#define MAX_BLOCK_BYTES (1u << 20)
#define PIECE_ALIGN     16u

struct mr_arena_block {
    mr_arena_block *next;
    size_t size;
    size_t used;
    _Alignas(PIECE_ALIGN) char bytes[];
};

/* All live arenas, for /metrics. Guarded by `list_lock`; arenas are made and ended rarely. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static mr_arena *list_head;

void mr_arena_init(mr_arena *arena, const char *name, size_t cap_bytes)
{
    memset(arena, 0, sizeof *arena);
    arena->name = name;
    arena->cap_bytes = cap_bytes;
    pthread_mutex_lock(&list_lock);
    arena->next = list_head;
    if (list_head != NULL) list_head->prev = arena;
    list_head = arena;
    arena->linked = true;
    pthread_mutex_unlock(&list_lock);
}

static void unlink_arena(mr_arena *arena)
{
    pthread_mutex_lock(&list_lock);
    if (arena->prev != NULL) arena->prev->next = arena->next;
    if (arena->next != NULL) arena->next->prev = arena->prev;
    if (list_head == arena) list_head = arena->next;
    pthread_mutex_unlock(&list_lock);
}

void mr_arena_done(mr_arena *arena)
{
    if (!arena->linked) return;
    unlink_arena(arena);
    for (mr_arena_block *block = arena->first; block != NULL;) {
        mr_arena_block *next = block->next;
        mr_unpoison(block->bytes, block->size);
        mr_mem_free(block);
        block = next;
    }
    memset(arena, 0, sizeof *arena);
}

void mr_arena_reset(mr_arena *arena)
{
    for (mr_arena_block *block = arena->first; block != NULL; block = block->next) {
        block->used = 0;
        mr_poison(block->bytes, block->size);
    }
    arena->current = arena->first;
    atomic_store_explicit(&arena->used_bytes, 0, memory_order_relaxed);
}

static size_t held(const mr_arena *arena)
{
    return atomic_load_explicit(&arena->held_bytes, memory_order_relaxed);
}

/* A new block that fits `need` bytes, appended after the current one. */
static mr_arena_block *add_block(mr_arena *arena, size_t need)
{
    size_t size = arena->current == NULL ? MR_ARENA_BLOCK_BYTES : arena->current->size * 2;
    if (size > MAX_BLOCK_BYTES) size = MAX_BLOCK_BYTES;
    if (size < need) size = need;
    const size_t room = arena->cap_bytes > held(arena) ? arena->cap_bytes - held(arena) : 0;
    if (size > room) size = room;
    if (size < need) return NULL;
    mr_arena_block *block = mr_mem_alloc(sizeof *block + size);
    if (block == NULL) return NULL;
    block->next = NULL;
    block->size = size;
    block->used = 0;
    mr_poison(block->bytes, size);
    if (arena->current != NULL) {
        block->next = arena->current->next;
        arena->current->next = block;
    } else {
        arena->first = block;
    }
    arena->current = block;
    atomic_store_explicit(&arena->held_bytes, held(arena) + size, memory_order_relaxed);
    return block;
}

void *mr_arena_take(mr_arena *arena, size_t size_bytes)
{
    if (size_bytes > arena->cap_bytes) return NULL;
    const size_t need = mr_align_up(size_bytes + MR_RED_ZONE, PIECE_ALIGN);
    mr_arena_block *block = arena->current;
    while (block != NULL && block->size - block->used < need && block->next != NULL) {
        block = block->next;
        arena->current = block;
    }
    if (block == NULL || block->size - block->used < need) block = add_block(arena, need);
    if (block == NULL) return NULL;
    char *piece = block->bytes + block->used;
    block->used += need;
    mr_unpoison(piece, size_bytes);
    memset(piece, 0, size_bytes);
    const size_t used = atomic_load_explicit(&arena->used_bytes, memory_order_relaxed);
    atomic_store_explicit(&arena->used_bytes, used + need, memory_order_relaxed);
    return piece;
}

char *mr_arena_copy(mr_arena *arena, mr_slice text)
{
    char *copy = mr_arena_take(arena, text.len + 1);
    if (copy != NULL && text.len > 0) memcpy(copy, text.ptr, text.len);
    return copy;
}

char *mr_arena_printf(mr_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) return NULL;
    char *text = mr_arena_take(arena, (size_t)len + 1);
    if (text == NULL) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

mr_code mr_arena_fail(const mr_arena *arena, mr_error *err)
{
    if (held(arena) + MR_ARENA_BLOCK_BYTES > arena->cap_bytes)
        return mr_fail(err, MR_ERR_LIMIT, "arena '%s' is full at its limit of %zu bytes",
                       arena->name, arena->cap_bytes);
    return mr_fail(err, MR_ERR_NOMEM, "no memory left for arena '%s'", arena->name);
}

void mr_arena_each(void (*visit)(void *context, const mr_arena_usage *usage), void *context)
{
    pthread_mutex_lock(&list_lock);
    for (mr_arena *arena = list_head; arena != NULL; arena = arena->next) {
        const mr_arena_usage usage = {
            arena->name, held(arena),
            atomic_load_explicit(&arena->used_bytes, memory_order_relaxed)};
        visit(context, &usage);
    }
    pthread_mutex_unlock(&list_lock);
}
