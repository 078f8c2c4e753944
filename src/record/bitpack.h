/* SPDX-License-Identifier: MIT
 *
 * record/bitpack.h - unsigned numbers of 0 to 64 bits each, one after the other, least significant
 * bit first:
 *
 *     width 3, values 5 2 7    bits 101 010 111 from right to left = 0b1_1101_0101
 *
 * Any number can be read alone with one or two loads. Readers load whole 8-byte words, so
 * MR_BITPACK_SLACK readable bytes must follow the packed ones (Lemire and Boytsov, "Decoding
 * billions of integers per second through vectorization", 2015, describe the format's use).
 *
 * Thread: pure functions. */
#ifndef MR_RECORD_BITPACK_H
#define MR_RECORD_BITPACK_H

#include "record/digits.h"

#define MR_BITPACK_SLACK 16

/* Bits that `value` needs; 0 for 0. */
MR_INLINE unsigned mr_bits_for(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* Bytes that `count` numbers of `width` bits take. */
MR_INLINE size_t mr_bitpack_bytes(uint64_t count, unsigned width)
{
    return (size_t)((count * width + 7) / 8);
}

/* Number `index`. */
MR_INLINE uint64_t mr_bitpack_get(const uint8_t *packed, uint64_t index, unsigned width)
{
    const uint64_t bit = index * width;
    const unsigned shift = (unsigned)(bit % 8);
    const uint8_t *at = packed + bit / 8;
    uint64_t value = mr_load64(at) >> shift;
    if (MR_UNLIKELY(width + shift > 64)) value |= (uint64_t)at[8] << (64 - shift);
    return width < 64 ? value & ((UINT64_C(1) << width) - 1) : value;
}

/* Writes numbers of one width; whole words are stored, so 8 bytes past the end must be writable.
 * `width` above 0. */
typedef struct mr_bitpacker {
    uint8_t *to;
    uint64_t word;
    unsigned fill; /* bits of `word` in use, below 64 */
    unsigned width;
} mr_bitpacker;

MR_INLINE void mr_store64(void *to, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(to, &word, sizeof word);
}

/* `value` has no bits beyond the width. */
MR_INLINE void mr_bitpacker_put(mr_bitpacker *packer, uint64_t value)
{
    packer->word |= value << packer->fill;
    packer->fill += packer->width;
    if (packer->fill < 64) return;
    mr_store64(packer->to, packer->word);
    packer->to += 8;
    packer->fill -= 64;
    packer->word = packer->fill > 0 ? value >> (packer->width - packer->fill) : 0;
}

/* Stores what is pending. */
MR_INLINE void mr_bitpacker_end(mr_bitpacker *packer)
{
    mr_store64(packer->to, packer->word);
}

/* Numbers first .. first + count - 1 into `out`, each as add + value * times (modulo 2^64). */
MR_HOT void mr_bitpack_unpack(const uint8_t *packed, uint64_t first, uint32_t count, unsigned width,
                              uint64_t add, uint64_t times, uint64_t *out);

#endif
