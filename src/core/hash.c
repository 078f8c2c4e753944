/* SPDX-License-Identifier: MIT */
#include "core/hash.h"

#include <sys/random.h>

uint64_t mr_hash_draw_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed ^= (uint64_t)(uintptr_t)&seed; /* at least where the stack lies */
    return seed | 1;
}
