/* SPDX-License-Identifier: MIT
 *
 * expr/decimal.h - exact arithmetic on decimals of up to 38 digits: coefficient / 10^scale.
 *
 * A result is exact or refused. Only quotients and roundings may be inexact, and both round half
 * away from zero.
 *
 * Invariant of arguments and results: |coefficient| < 10^38 and scale <= MR_DECIMAL_SCALE_MAX, so
 * that the text has at most 38 digits.
 *
 * Thread: pure functions. */
#ifndef MR_EXPR_DECIMAL_H
#define MR_EXPR_DECIMAL_H

#include "core/number.h"

#define MR_DECIMAL_SCALE_MAX       37 /* "0." and 37 digits are 38 */
#define MR_DECIMAL_QUOTIENT_DIGITS 34 /* significant ones of a quotient without an end */

typedef struct mr_decimal {
    mr_i128 value;
    unsigned scale;
} mr_decimal;

/* The functions are false when the result needs more than 38 digits. The scale of a sum is the
 * larger of the two, of a product their sum, as long as there is room; then zeros at the end go. */
MR_NODISCARD MR_HOT bool mr_decimal_add(mr_decimal a, mr_decimal b, mr_decimal *out);
MR_NODISCARD MR_HOT bool mr_decimal_subtract(mr_decimal a, mr_decimal b, mr_decimal *out);
MR_NODISCARD MR_HOT bool mr_decimal_multiply(mr_decimal a, mr_decimal b, mr_decimal *out);

/* `b` is not 0. Exact, in as few digits as possible, where the quotient ends within 38 digits; else
 * rounded to MR_DECIMAL_QUOTIENT_DIGITS significant digits and at most MR_DECIMAL_SCALE_MAX places.
 */
MR_NODISCARD MR_HOT bool mr_decimal_divide(mr_decimal a, mr_decimal b, mr_decimal *out);

/* The quotient cut to a whole number, and what is left, with the sign of `a`: a = b * q + rest.
 * Either may be NULL. `b` is not 0. False when the quotient has more than 38 digits, which cannot
 * be when only the rest is asked for. */
MR_NODISCARD MR_HOT bool mr_decimal_divide_whole(mr_decimal a, mr_decimal b, mr_decimal *out_whole,
                                                 mr_decimal *out_rest);

/* Less than, equal to or greater than 0 as a is less than, equal to or greater than b. */
MR_HOT int mr_decimal_compare(mr_decimal a, mr_decimal b);

typedef enum mr_rounding {
    MR_ROUND_HALF, /* away from zero */
    MR_ROUND_FLOOR,
    MR_ROUND_CEIL,
    MR_ROUND_CUT, /* toward zero */
} mr_rounding;

/* `a` with `places` digits after the point (-38 to 37; -2 rounds to hundreds): exactly these, zeros
 * filled in, as long as there is room. */
MR_NODISCARD MR_HOT bool mr_decimal_round(mr_decimal a, int places, mr_rounding how,
                                          mr_decimal *out);

#endif
