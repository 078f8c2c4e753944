/* SPDX-License-Identifier: MIT
 *
 * format/json_keys.h - a numbered set of object keys, for format/json*.c alone.
 *
 * Numbers are given in the order of adding and the set only ever shrinks from its end, so that the
 * new keys of a record that turns out to be bad are taken back. Each key remembers which key came
 * after it the last time: records of one source nearly always have their keys in the same order,
 * and then finding a key is one comparison of 32 bytes (Langdale and Lemire's readers and others
 * guess likewise):
 *
 *     key 0   piece  "id":............   follows 1
 *     key 1   piece  "name":..........   follows 0
 *
 * The hash is seeded per process, because keys come from strangers.
 *
 * Thread: owned by one thread. */
#ifndef MR_FORMAT_JSON_KEYS_H
#define MR_FORMAT_JSON_KEYS_H

#include "core/buffer.h"

#define MR_JSON_PIECE_BYTES 32
#define MR_JSON_NO_KEY      UINT32_MAX

typedef struct mr_json_named_key {
    char piece[MR_JSON_PIECE_BYTES]; /* "name": as it is written without escapes and white space */
    uint32_t piece_mask; /* a bit per byte of piece; 0 = too long or with escapes: never guess so */
    uint32_t piece_len;
    uint32_t follows;
    uint32_t hash;
    size_t name_at; /* in names */
    size_t name_len;
} mr_json_named_key;

typedef struct mr_json_keys {
    mr_json_named_key *items;
    uint32_t count;
    uint32_t cap;
    uint32_t *index; /* open addressing: number + 1, 0 = empty */
    uint32_t index_slots;
    uint32_t first; /* what the last object began with */
    uint64_t seed;
    mr_buffer names;
} mr_json_keys;

void mr_json_keys_init(mr_json_keys *keys);
void mr_json_keys_done(mr_json_keys *keys);

/* The number of `name`, or MR_JSON_NO_KEY. */
MR_HOT uint32_t mr_json_keys_find(const mr_json_keys *keys, mr_slice name);

/* Adds `name` (copied), which is not there yet. */
MR_NODISCARD mr_code mr_json_keys_add(mr_json_keys *keys, mr_slice name, uint32_t *out,
                                      mr_error *err);

/* Forgets all keys from number `count` on. */
void mr_json_keys_truncate(mr_json_keys *keys, uint32_t count);

/* Borrowed until the next add. */
MR_INLINE mr_slice mr_json_keys_name(const mr_json_keys *keys, uint32_t number)
{
    return (mr_slice){keys->names.ptr + keys->items[number].name_at, keys->items[number].name_len};
}

/* The number that followed `last` (MR_JSON_NO_KEY: that began the object); may be MR_JSON_NO_KEY or
 * a number that is no more. */
MR_INLINE uint32_t mr_json_keys_guess(const mr_json_keys *keys, uint32_t last)
{
    return last == MR_JSON_NO_KEY ? keys->first : keys->items[last].follows;
}

MR_INLINE void mr_json_keys_learn(mr_json_keys *keys, uint32_t last, uint32_t number)
{
    if (last == MR_JSON_NO_KEY)
        keys->first = number;
    else
        keys->items[last].follows = number;
}

#endif
