/* SPDX-License-Identifier: MIT
 *
 * transform/sum.h - sums without error, in whatever order they are made.
 *
 * A sum of integers and decimals is an integer of 320 bits and a scale: 2^64 numbers of 38 digits
 * at any mixture of scales fit. Most of the time it lives in 128 of them.
 *
 * A sum of doubles is kept exactly, too: every double is a multiple of 2^-1074, and 34 words hold
 * 2^64 of the largest. It is rounded once, when it is asked for; so parts may be added in any order
 * and still give the same double.
 *
 * Thread: values, no sharing. */
#ifndef MR_TRANSFORM_SUM_H
#define MR_TRANSFORM_SUM_H

#include "core/number.h"

#define MR_SUM_WORDS      5
#define MR_REAL_SUM_WORDS 34
#define MR_SUM_TEXT_MAX   128 /* room for any sum's digits, sign and point */

typedef struct mr_sum {
    mr_i128 small;               /* the sum is wide + small, */
    uint64_t wide[MR_SUM_WORDS]; /* least significant first, two's complement, */
    uint32_t scale;              /* over 10^scale */
    bool is_wide;                /* else `wide` is 0 */
} mr_sum;

typedef struct mr_real_sum {
    uint64_t words[MR_REAL_SUM_WORDS];
} mr_real_sum;

MR_HOT void mr_sum_add(mr_sum *sum, mr_i128 value, unsigned scale);
MR_HOT void mr_sum_merge(mr_sum *sum, const mr_sum *other);

/* The sum as a literal: an int or a decimal as the exact typing rules have them (with the largest
 * scale that was added), of any number of digits. Returns the length. */
size_t mr_sum_text(const mr_sum *sum, char out[MR_SUM_TEXT_MAX]);

/* The double nearest to sum / count; `count` is not 0. */
double mr_sum_mean(const mr_sum *sum, uint64_t count);

MR_HOT void mr_real_sum_add(mr_real_sum *sum, double value); /* finite */
MR_HOT void mr_real_sum_merge(mr_real_sum *sum, const mr_real_sum *other);
/* The double nearest to the sum; infinite when it is too large. */
double mr_real_sum_value(const mr_real_sum *sum);

#endif
