/* SPDX-License-Identifier: MIT
 *
 * transform/key.h - the cells of some columns of a row as one run of bytes, and a table that
 * numbers distinct runs in the order in which they come.
 *
 *     city "Oslo", n 1.50    ->    S 4 Oslo  N 3 1.5        each cell: a class, a length, its bytes
 *     null, absent           ->    0  1
 *
 * Equal bytes are equal keys and nothing else is: null is not absent and not the empty string, the
 * number 5 is not the string "5". Numbers that are equal have one spelling in a key: 1.5 is 1.50
 * (an exponent keeps its spelling).
 *
 * Thread: a table is owned by one thread. */
#ifndef MR_TRANSFORM_KEY_H
#define MR_TRANSFORM_KEY_H

#include "record/batch.h"

#define MR_KEY_NONE UINT32_MAX

typedef enum mr_key_class {
    MR_KEY_NULL = 0,
    MR_KEY_ABSENT,
    MR_KEY_BOOL,
    MR_KEY_NUMBER,
    MR_KEY_TEXT, /* strings, dates and all else */
    MR_KEY_JSON,
} mr_key_class;

mr_key_class mr_key_class_of(mr_type type);

/* Appends the key of one row. A NULL among `columns` is a column that no record has. */
MR_NODISCARD MR_HOT mr_code mr_key_append(const mr_column *const *columns, uint32_t count,
                                          uint32_t row, mr_buffer *out, mr_error *err);

typedef struct mr_key_entry {
    size_t at; /* in the heap */
    uint32_t len;
    uint32_t hash;
} mr_key_entry;

typedef struct mr_key_table {
    mr_key_entry *entries; /* by number */
    uint32_t *slots;       /* number + 1; 0 = empty */
    mr_buffer heap;
    uint32_t count, entry_cap;
    uint32_t slot_count; /* a power of two */
    uint64_t seed;
    uint64_t max_bytes; /* of all of it */
    const char *name;   /* of the limit, for the error */
} mr_key_table;

/* Takes room for `expected` keys at once. `name` is a literal: "memory of dedupe". */
MR_NODISCARD mr_code mr_key_table_init(mr_key_table *table, const char *name, uint64_t max_bytes,
                                       uint32_t expected, mr_error *err);
void mr_key_table_done(mr_key_table *table);
/* Forgets all keys, keeps the memory. */
void mr_key_table_reset(mr_key_table *table);

MR_INLINE mr_slice mr_key_table_key(const mr_key_table *table, uint32_t number)
{
    const mr_key_entry *entry = &table->entries[number];
    return (mr_slice){table->heap.ptr + entry->at, entry->len};
}

/* The number of `key`, which has `hash` (mr_hash() with the table's seed, or anything, always the
 * same); new keys get the next one. MR_ERR_LIMIT naming the limit. */
MR_NODISCARD MR_HOT mr_code mr_key_table_add(mr_key_table *table, mr_slice key, uint32_t hash,
                                             uint32_t *out, bool *out_new, mr_error *err);

uint64_t mr_key_table_held_bytes(const mr_key_table *table);

#endif
