/* SPDX-License-Identifier: MIT
 *
 * store/names.h - a table from names to the few numbers that are kept about each: streams with
 * their versions, categories with their counts. It is a cache: when it is full it is emptied.
 *
 * Entries are named by index, which stays good until mr_names_reset(); pointers do not survive
 * mr_names_add(). Names come from clients, so the hash is seeded.
 *
 * Thread: owned by one thread at a time. */
#ifndef MR_STORE_NAMES_H
#define MR_STORE_NAMES_H

#include "core/arena.h"

#define MR_NAMES_NONE UINT32_MAX

typedef struct mr_name_entry {
    mr_slice name; /* in the table's arena */
    uint32_t hash;
    uint32_t next_dirty; /* the owner's */
    int64_t id;          /* 0: not in the database */
    int64_t a, b, c;     /* the owner's */
    bool flag;           /* the owner's */
} mr_name_entry;

typedef struct mr_names {
    mr_arena arena;
    mr_name_entry *entries;
    uint32_t *slots; /* index + 1; 0 is free */
    uint32_t count, room, slot_mask;
    uint32_t count_max;
    uint64_t seed;
} mr_names;

/* `arena_name` is a literal. At most `count_max` entries and `bytes_max` bytes of names. */
void mr_names_init(mr_names *names, const char *arena_name, uint32_t count_max, size_t bytes_max);
void mr_names_done(mr_names *names);
/* Forgets all entries, keeps the memory. */
void mr_names_reset(mr_names *names);
/* Half of a limit is reached: time for a reset. */
bool mr_names_is_full(const mr_names *names);

/* The index of `name`, or MR_NAMES_NONE. */
MR_HOT uint32_t mr_names_find(const mr_names *names, mr_slice name);
/* Adds `name`, which is not there (copied), with zeroed numbers. */
MR_NODISCARD mr_code mr_names_add(mr_names *names, mr_slice name, uint32_t *out, mr_error *err);

#endif
