/* SPDX-License-Identifier: MIT
 *
 * core/number_internal.h - eight decimal digits in one 64-bit word; for number*.c only.
 *
 * The word holds text as it lies in memory, so its lowest byte is the first digit.
 *
 * Thread: pure functions. */
#ifndef MR_CORE_NUMBER_INTERNAL_H
#define MR_CORE_NUMBER_INTERNAL_H

#include "core/number.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digit words are little-endian");

#define MR_ASCII_ZEROS 0x3030303030303030u

/* Every byte is '0' to '9': the high half is 3, and still is when 6 is added. */
MR_INLINE bool mr_digits8_valid(uint64_t word)
{
    const uint64_t high = 0xf0f0f0f0f0f0f0f0u;
    return ((word & high) | (((word + 0x0606060606060606u) & high) >> 4)) == 0x3333333333333333u;
}

/* The value of eight valid digits: neighbours are joined to pairs, pairs to fours, fours to eight.
 */
MR_INLINE uint32_t mr_digits8_value(uint64_t word)
{
    const uint64_t pairs_mask = 0x000000ff000000ffu;
    word -= MR_ASCII_ZEROS;
    word = word * 10 + (word >> 8);
    const uint64_t even = (word & pairs_mask) * (100 + (UINT64_C(1000000) << 32));
    const uint64_t odd = (word >> 16 & pairs_mask) * (1 + (UINT64_C(10000) << 32));
    return (uint32_t)((even + odd) >> 32);
}

MR_INLINE uint64_t mr_load_u64(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

MR_INLINE uint32_t mr_load_u32(const char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* `len` (1 to 8) digits, padded with '0' in front. Reads nothing outside them: two words of four
 * overlap where `len` is not 8. */
MR_INLINE uint64_t mr_digits_word(const char *p, size_t len)
{
    if (MR_LIKELY(len >= 4)) {
        const unsigned missing_bits = (unsigned)(8 - len) * 8;
        const uint64_t front = (uint64_t)mr_load_u32(p) << missing_bits;
        const uint64_t pad = (UINT64_C(1) << missing_bits) - 1;
        const uint64_t low = (front & ~pad & 0xffffffffu) | (MR_ASCII_ZEROS & pad & 0xffffffffu);
        return low | (uint64_t)mr_load_u32(p + len - 4) << 32;
    }
    uint64_t word = MR_ASCII_ZEROS;
    for (size_t i = 0; i < len; i++)
        word = word >> 8 | (uint64_t)(unsigned char)p[i] << 56;
    return word;
}

/* 1 to 16 digits; false when a byte is none. */
MR_INLINE bool mr_digits16(const char *p, size_t len, uint64_t *out)
{
    const size_t head_len = len > 8 ? len - 8 : len;
    const uint64_t head = mr_digits_word(p, head_len);
    if (MR_UNLIKELY(!mr_digits8_valid(head))) return false;
    uint64_t value = mr_digits8_value(head);
    if (len > 8) {
        const uint64_t tail = mr_load_u64(p + head_len);
        if (MR_UNLIKELY(!mr_digits8_valid(tail))) return false;
        value = value * 100000000 + mr_digits8_value(tail);
    }
    *out = value;
    return true;
}

/* The eight digits of `value` (below 10^8) as numbers 0 to 9, first digit in the lowest byte.
 * Divisions by 100 and 10 are multiplications that are exact in these ranges, done side by side. */
MR_INLINE uint64_t mr_digits8_split(uint32_t value)
{
    const uint64_t fours = value / 10000 | (uint64_t)(value % 10000) << 32;
    const uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007f0000007fu;
    const uint64_t pairs = hundreds | (fours - hundreds * 100) << 16;
    const uint64_t tens = (pairs * 103 >> 10) & 0x000f000f000f000fu;
    return tens | (pairs - tens * 10) << 8;
}

/* Writes exactly eight digits. */
MR_INLINE void mr_digits8_put(char *out, uint32_t value)
{
    const uint64_t text = mr_digits8_split(value) | MR_ASCII_ZEROS;
    memcpy(out, &text, sizeof text);
}

#endif
