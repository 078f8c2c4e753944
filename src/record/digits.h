/* SPDX-License-Identifier: MIT
 *
 * record/digits.h - runs of decimal digits to integers and back, eight at a time.
 *
 * Parsing reads whole 8-byte words: at least 8 bytes from the first digit must be readable, as they
 * are in a mr_buffer (MR_BUFFER_SLACK).
 *
 * Thread: pure functions. */
#ifndef MR_RECORD_DIGITS_H
#define MR_RECORD_DIGITS_H

#include "core/base.h"

#define MR_DIGITS_MAX 19 /* nineteen digits always fit 64 unsigned bits */

MR_INLINE uint64_t mr_load64(const void *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The eight characters of `word` (first character lowest) as a number; false if one is no digit.
 * (Lemire, "Quickly parsing eight digits", 2018.) */
MR_INLINE bool mr_eight_digits(uint64_t word, uint64_t *out)
{
    const uint64_t high = word & 0xf0f0f0f0f0f0f0f0u;
    const uint64_t over = ((word + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u) >> 4;
    if ((high | over) != 0x3333333333333333u) return false;
    word -= 0x3030303030303030u;
    word = word * 10 + (word >> 8);
    *out = ((word & 0x000000ff000000ffu) * 0x000f424000000064u +
            ((word >> 16) & 0x000000ff000000ffu) * 0x0000271000000001u) >>
           32;
    return true;
}

/* The number that the `len` (1 to MR_DIGITS_MAX) characters at `p` spell; false if one is no digit.
 */
MR_INLINE bool mr_digits_parse(const char *p, size_t len, uint64_t *out)
{
    const size_t head = (len - 1) % 8 + 1;
    uint64_t word = mr_load64(p), value;
    if (head < 8) word = word << (64 - 8 * head) | 0x3030303030303030u >> 8 * head;
    if (!mr_eight_digits(word, &value)) return false;
    for (size_t at = head; at < len; at += 8) {
        uint64_t next;
        if (!mr_eight_digits(mr_load64(p + at), &next)) return false;
        value = value * 100000000u + next;
    }
    *out = value;
    return true;
}

extern const uint64_t mr_powers_of_ten[20]; /* 10^0 .. 10^19 */
extern const char mr_digit_pairs[201];      /* "000102..99" */

MR_INLINE unsigned mr_digits_count(uint64_t value)
{
    const unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    const unsigned guess = bits * 1233 >> 12; /* log10(2) */
    return guess + (guess < 20 && value >= mr_powers_of_ten[guess]) + (value == 0 && guess == 0);
}

/* Writes `value` with at least `min_width` digits and returns the end. At most 20 or min_width
 * bytes. */
MR_INLINE char *mr_digits_write(char *to, uint64_t value, unsigned min_width)
{
    const unsigned needed = mr_digits_count(value);
    const unsigned count = needed > min_width ? needed : min_width;
    char *end = to + count, *at = end;
    while (value >= 100) {
        memcpy(at -= 2, mr_digit_pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(at -= 2, mr_digit_pairs + value * 2, 2);
    else
        *--at = (char)('0' + value);
    while (at > to)
        *--at = '0';
    return end;
}

#endif
