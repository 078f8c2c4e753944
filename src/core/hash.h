/* SPDX-License-Identifier: MIT
 *
 * core/hash.h - a hash for tables whose keys come from outside: who does not know the seed cannot
 * choose keys that collide. Folded multiplication, 8 bytes a step (the scheme of wyhash, W. Yi).
 *
 * Thread: pure functions, any thread. */
#ifndef MR_CORE_HASH_H
#define MR_CORE_HASH_H

#include "core/base.h"

__extension__ typedef unsigned __int128 mr_hash_wide;

/* Never 0. */
uint64_t mr_hash_draw_seed(void);

/* The product's halves folded together: every bit of the result depends on all bits of both. */
MR_INLINE uint64_t mr_hash_fold(uint64_t a, uint64_t b)
{
    const mr_hash_wide product = (mr_hash_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

MR_INLINE uint32_t mr_hash(uint64_t seed, mr_slice text)
{
    uint64_t hash = seed ^ text.len * 0x9e3779b97f4a7c15u;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;
        memcpy(&word, text.ptr + i, 8);
        hash = mr_hash_fold(hash ^ word, seed ^ 0xa0761d6478bd642fu);
    }
    uint64_t word = 0;
    if (i < text.len) memcpy(&word, text.ptr + i, text.len - i);
    hash = mr_hash_fold(hash ^ word, seed ^ 0xe7037ed1a0b428dbu);
    return (uint32_t)(hash ^ hash >> 32);
}

#endif
