/* SPDX-License-Identifier: MIT
 *
 * core/utf8_kernel.h - UTF-8 validation of 64 bytes at a time; included by utf8.c, utf8_avx2.c and
 * utf8_scalar.c, each of which gets its own twin of mr_utf8_scan().
 *
 * Every rule becomes a bit mask over the block. First bytes say where continuation bytes must be:
 *
 *     bytes     e2 82 ac 41 c3 a9
 *     two+       1  .  .  .  1  .     << 1  \
 *     three+     1  .  .  .  .  .     << 2   >  must    . 1 1 . . 1     must equal the mask of the
 *     four       .  .  .  .  .  .     << 3  /                           bytes 80..bf, bit for bit
 *
 * and four first bytes restrict the byte after them (e0: a0 up, ed: below a0, f0: 90 up, f4: below
 * 90). What a block demands of the next one is carried over. A block of ASCII costs one mask.
 *
 * Thread: pure functions. */
#ifndef MR_CORE_UTF8_KERNEL_H
#define MR_CORE_UTF8_KERNEL_H

#include "core/simd.h"

typedef size_t mr_utf8_scan_fn(const char *text, size_t len);

/* The offset of the 64-byte block in which the first fault shows (the faulty code point may begin
 * up to 3 bytes before it), `len` when only the end is cut short, SIZE_MAX when all is valid. */
mr_utf8_scan_fn mr_utf8_scan_scalar, mr_utf8_scan_base, mr_utf8_scan_avx2;

#ifdef MR_UTF8_KERNEL

/* Demands on the next block, in its low bits; all zero at a code point's end. */
typedef struct utf8_carry {
    uint64_t must;                               /* continuation bytes */
    uint64_t e0_next, ed_next, f0_next, f4_next; /* bit 0: the last byte was e0, ... */
} utf8_carry;

/* The faults of one block that is not all ASCII, or that follows an unfinished code point. */
MR_INLINE uint64_t utf8_block(mr_v64 v, utf8_carry *carry)
{
    const uint64_t below_c0 = mr_v64_below(v, 0xc0);
    const uint64_t below_e0 = mr_v64_below(v, 0xe0);
    const uint64_t below_a0 = mr_v64_below(v, 0xa0);
    const uint64_t below_90 = mr_v64_below(v, 0x90);
    const uint64_t continuation = mr_v64_high(v) & below_c0;
    const uint64_t two = ~below_c0;
    const uint64_t three = ~below_e0;
    const uint64_t four = ~mr_v64_below(v, 0xf0);
    const uint64_t never = (mr_v64_below(v, 0xc2) & ~below_c0) | ~mr_v64_below(v, 0xf5);
    const uint64_t e0 = mr_v64_eq(v, (char)0xe0), ed = mr_v64_eq(v, (char)0xed);
    const uint64_t f0 = mr_v64_eq(v, (char)0xf0), f4 = mr_v64_eq(v, (char)0xf4);
    const uint64_t must = two << 1 | three << 2 | four << 3 | carry->must;
    const uint64_t range =
        ((e0 << 1 | carry->e0_next) & below_a0) | ((ed << 1 | carry->ed_next) & ~below_a0) |
        ((f0 << 1 | carry->f0_next) & below_90) | ((f4 << 1 | carry->f4_next) & ~below_90);
    *carry =
        (utf8_carry){two >> 63 | three >> 62 | four >> 61, e0 >> 63, ed >> 63, f0 >> 63, f4 >> 63};
    return (must ^ continuation) | never | range;
}

size_t MR_SIMD_FN(mr_utf8_scan)(const char *text, size_t len)
{
    utf8_carry carry = {0};
    size_t at = 0;
    for (; len - at >= 64; at += 64) {
        const mr_v64 v = mr_v64_load(text + at);
        if (MR_LIKELY((mr_v64_high(v) | carry.must) == 0)) continue;
        if (MR_UNLIKELY(utf8_block(v, &carry) != 0)) return at;
    }
    if (at < len) {
        char tail[64] = {0}; /* NUL is ASCII: an unfinished code point before it is a fault */
        memcpy(tail, text + at, len - at);
        return utf8_block(mr_v64_load(tail), &carry) != 0 ? at : SIZE_MAX;
    }
    return carry.must != 0 ? len : SIZE_MAX;
}

#endif
#endif
