/* SPDX-License-Identifier: MIT */
#include "db/sqlite_memory.h"

#include <pthread.h>

#include "core/mem.h"
#include "core/poison.h"

#define CLASSES 15 /* 32 to 4096, two a power of two */

typedef struct block {
    struct block *next;
} block;

typedef struct kept {
    block *first[CLASSES];
    unsigned count[CLASSES];
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

static void *take(int size)
{
    const unsigned at = class_of((size_t)size);
    block *found = at < CLASSES ? kept_here.first[at] : NULL;
    if (found == NULL) return mr_mem_alloc(at < CLASSES ? size_of_class(at) : (size_t)size);
    mr_unpoison(found, size_of_class(at));
    kept_here.first[at] = found->next;
    kept_here.count[at]--;
    return found;
}

static void give(void *memory)
{
    const size_t usable = mr_mem_usable(memory);
    const unsigned at =
        memory == NULL || usable > MR_SQLITE_KEPT_BYTES_MAX + 64
            ? CLASSES
            : class_within(usable > MR_SQLITE_KEPT_BYTES_MAX ? MR_SQLITE_KEPT_BYTES_MAX : usable);
    if (at >= CLASSES || kept_here.count[at] >= MR_SQLITE_KEPT_COUNT_MAX) {
        mr_mem_free(memory);
        return;
    }
    if (!kept_here.told) kept_here.told = pthread_setspecific(key, &kept_here) == 0;
    block *freed = memory;
    freed->next = kept_here.first[at];
    kept_here.first[at] = freed;
    kept_here.count[at]++;
    mr_poison(freed + 1, size_of_class(at) - sizeof *freed);
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
    const unsigned at = class_of((size_t)size);
    return at < CLASSES ? (int)size_of_class(at) : (size + 7) & ~7;
}

void mr_sqlite_memory_drop(void)
{
    for (unsigned at = 0; at < CLASSES; at++) {
        for (block *next; kept_here.first[at] != NULL; kept_here.first[at] = next) {
            mr_unpoison(kept_here.first[at], size_of_class(at));
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
