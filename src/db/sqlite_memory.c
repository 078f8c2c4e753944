/* SPDX-License-Identifier: MIT */
#include "db/sqlite_memory.h"

#include <pthread.h>

#include "core/mem.h"
#include "core/poison.h"

#define CLASSES 19 /* 32 to 16384, two a power of two */

/* Pages of the cache are just above 4096 bytes, all of one size. They are made as large as they are
 * asked for, not as a class, and a full cache that gives one back for each it takes has it here. */
#define PAGES          CLASSES
#define PAGE_BYTES_MAX 4864u
#define LARGE_CLASS    15 /* from here on only so many blocks are kept: */
#define LARGE_KEPT     4u

/* Usable sizes are a little more than what was asked for. */
#define ALLOCATOR_SLACK 24u

typedef struct block {
    struct block *next;
} block;

typedef struct kept {
    block *first[CLASSES + 1];
    unsigned count[CLASSES + 1];
    bool told; /* the thread's end will drop them */
} kept;

static _Thread_local kept kept_here;
static pthread_key_t key;

static size_t size_of_class(unsigned at)
{
    return (size_t)(at % 2 == 0 ? 32 : 48) << (at / 2);
}

/* The smallest class that holds `size`; CLASSES when none does. */
static unsigned class_of(size_t size)
{
    unsigned at = 0;
    if (size > MR_SQLITE_KEPT_BYTES_MAX) return CLASSES;
    if (size > 32) at = 2 * (unsigned)(63 - __builtin_clzll(size - 1) - 5);
    while (size_of_class(at) < size)
        at++;
    return at;
}

/* The class whose pieces a block of `usable` bytes can serve. */
static unsigned class_within(size_t usable)
{
    const unsigned at = class_of(usable);
    return at < CLASSES && size_of_class(at) > usable ? at - 1 : at;
}

/* The first block kept at `at`, which has `bytes` at least; NULL when there is none. */
static void *take_kept(unsigned at, size_t bytes)
{
    block *found = kept_here.first[at];
    if (found == NULL || mr_mem_usable(found) < bytes) return NULL;
    mr_unpoison(found, mr_mem_usable(found));
    kept_here.first[at] = found->next;
    kept_here.count[at]--;
    return found;
}

static bool is_page(size_t bytes)
{
    return bytes > 4096 && bytes <= PAGE_BYTES_MAX;
}

static void *take(int size)
{
    const unsigned at = is_page((size_t)size) ? PAGES : class_of((size_t)size);
    const bool is_class = at < CLASSES;
    const size_t bytes = is_class ? size_of_class(at) : (size_t)size;
    void *memory = is_class || is_page((size_t)size) ? take_kept(at, bytes) : NULL;
    return memory != NULL ? memory : mr_mem_alloc(bytes);
}

/* Where a block of `usable` bytes is kept; above PAGES: nowhere. */
static unsigned place_of(size_t usable)
{
    if (is_page(usable - ALLOCATOR_SLACK)) return PAGES;
    if (usable > MR_SQLITE_KEPT_BYTES_MAX + ALLOCATOR_SLACK) return PAGES + 1;
    return class_within((size_t)mr_min_u64(usable, MR_SQLITE_KEPT_BYTES_MAX));
}

static void give(void *memory)
{
    if (memory == NULL) return;
    const size_t usable = mr_mem_usable(memory);
    const unsigned at = place_of(usable);
    const unsigned most = at >= LARGE_CLASS && at < PAGES ? LARGE_KEPT : MR_SQLITE_KEPT_COUNT_MAX;
    if (at > PAGES || kept_here.count[at] >= most) {
        mr_mem_free(memory);
        return;
    }
    if (!kept_here.told) kept_here.told = pthread_setspecific(key, &kept_here) == 0;
    block *freed = memory;
    freed->next = kept_here.first[at];
    kept_here.first[at] = freed;
    kept_here.count[at]++;
    mr_poison(freed + 1, usable - sizeof *freed);
}

static int size_of(void *memory)
{
    return (int)mr_mem_usable(memory);
}

static void *resize(void *old, int size)
{
    if (size_of(old) >= size && size > size_of(old) / 2) return old;
    void *memory = take(size);
    if (memory == NULL) return NULL;
    memcpy(memory, old, (size_t)(size_of(old) < size ? size_of(old) : size));
    give(old);
    return memory;
}

static int round_up(int size)
{
    const unsigned at = is_page((size_t)size) ? PAGES : class_of((size_t)size);
    return at < CLASSES ? (int)size_of_class(at) : (size + 7) & ~7;
}

void mr_sqlite_memory_drop(void)
{
    for (unsigned at = 0; at <= PAGES; at++) {
        for (block *next; kept_here.first[at] != NULL; kept_here.first[at] = next) {
            mr_unpoison(kept_here.first[at], mr_mem_usable(kept_here.first[at]));
            next = kept_here.first[at]->next;
            mr_mem_free(kept_here.first[at]);
        }
        kept_here.count[at] = 0;
    }
}

static void drop_at_end(MR_UNUSED void *context)
{
    mr_sqlite_memory_drop();
}

static int start(MR_UNUSED void *context)
{
    static bool started;
    if (!started && pthread_key_create(&key, drop_at_end) != 0) return SQLITE_NOMEM;
    started = true;
    return SQLITE_OK;
}

static void stop(MR_UNUSED void *context)
{
}

const sqlite3_mem_methods mr_sqlite_memory = {
    .xMalloc = take,
    .xFree = give,
    .xRealloc = resize,
    .xSize = size_of,
    .xRoundup = round_up,
    .xInit = start,
    .xShutdown = stop,
};
