/* SPDX-License-Identifier: MIT */
#include "record/bitpack.h"

void mr_bitpack_unpack(const uint8_t *packed, uint64_t first, uint32_t count, unsigned width,
                       uint64_t add, uint64_t times, uint64_t *out)
{
    if (width > 56) { /* a number may span nine bytes */
        for (uint32_t i = 0; i < count; i++)
            out[i] = add + times * mr_bitpack_get(packed, first + i, width);
        return;
    }
    const uint64_t mask = (UINT64_C(1) << width) - 1;
    uint64_t bit = first * width;
    for (uint32_t i = 0; i < count; i++, bit += width)
        out[i] = add + times * (mr_load64(packed + bit / 8) >> bit % 8 & mask);
}
