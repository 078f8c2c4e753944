/* SPDX-License-Identifier: MIT
 *
 * core/arena.h - memory that dies together. An arena hands out pieces of growing blocks; nobody
 * frees a piece, mr_arena_reset() takes all of them back and keeps the blocks.
 *
 *     block 1 |aaaa|bb|cccccc|....|      block 2 |dddddddddd|.........|
 *
 * Every arena has a name (shown on /metrics) and a cap in bytes. Under AddressSanitizer pieces have
 * red zones and returned memory is poisoned.
 *
 * Thread: owned by one thread; mr_arena_each() may read sizes from any. */
#ifndef MR_CORE_ARENA_H
#define MR_CORE_ARENA_H

#include <stdatomic.h>

#include "core/error.h"

#define MR_ARENA_BLOCK_BYTES 4096 /* the first block; later ones double up to 1 MiB */

typedef struct mr_arena_block mr_arena_block;

typedef struct mr_arena {
    const char *name; /* borrowed, a literal */
    size_t cap_bytes; /* blocks in all never exceed it */
    mr_arena_block *first;
    mr_arena_block *current;
    atomic_size_t held_bytes; /* blocks in all; read by mr_arena_each() */
    atomic_size_t used_bytes; /* handed out since the last reset, with alignment */
    struct mr_arena *prev, *next;
    bool linked;
} mr_arena;

/* Prepares an empty arena; takes no memory until the first piece. `name` must be a literal. */
void mr_arena_init(mr_arena *arena, const char *name, size_t cap_bytes);

/* Gives all memory back. Harmless on a zeroed arena and twice. */
void mr_arena_done(mr_arena *arena);

/* Takes all pieces back, keeps the blocks. */
void mr_arena_reset(mr_arena *arena);

/* A zeroed piece of `size_bytes`, aligned for any type, valid until reset or done. NULL when the
 * cap or the machine's memory is reached; mr_arena_fail() then fills the error that says which. */
MR_NODISCARD void *mr_arena_take(mr_arena *arena, size_t size_bytes);

/* A NUL-terminated copy of `text`; NULL as above. */
MR_NODISCARD char *mr_arena_copy(mr_arena *arena, mr_slice text);

/* A NUL-terminated formatted text; NULL as above. Cold code only. */
MR_NODISCARD char *mr_arena_printf(mr_arena *arena, const char *format, ...) MR_PRINTF(2, 3);

/* The error of a failed take: MR_ERR_LIMIT naming the arena when its cap was in the way, else
 * NOMEM. */
mr_code mr_arena_fail(const mr_arena *arena, mr_error *err);

typedef struct mr_arena_usage {
    const char *name;
    size_t held_bytes;
    size_t used_bytes;
} mr_arena_usage;

/* Calls `visit` for every live arena of the process, for metrics. */
void mr_arena_each(void (*visit)(void *context, const mr_arena_usage *usage), void *context);

#ifdef __clang_analyzer__ /* as in core/error.h */
#define mr_arena_fail(arena, err) ((void)mr_arena_fail((arena), (err)), (mr_code)MR_ERR_LIMIT)
#endif

#endif
