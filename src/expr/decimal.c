/* SPDX-License-Identifier: MIT
 *
 * The common case of every operation fits 128 bits and takes a few instructions; behind it stands
 * one that is right for all of 38 digits, and slow. */
#include "expr/decimal.h"

typedef struct wide { /* high * 2^128 + low */
    mr_u128 high, low;
} wide;

static mr_u128 size_of(mr_i128 value)
{
    return value < 0 ? 0 - (mr_u128)value : (mr_u128)value;
}

static mr_i128 limit(void)
{
    return mr_pow10_i128(MR_DECIMAL_DIGITS_MAX);
}

static bool fits(mr_u128 size)
{
    return size < (mr_u128)limit();
}

static mr_i128 signed_of(mr_u128 size, bool negative)
{
    return negative ? -(mr_i128)size : (mr_i128)size;
}

/* a * 10^places; false when it does not fit. */
static bool shift_up(mr_i128 a, unsigned places, mr_i128 *out)
{
    if (places > MR_DECIMAL_DIGITS_MAX) {
        *out = 0;
        return a == 0;
    }
    if (__builtin_mul_overflow(a, mr_pow10_i128(places), out)) return false;
    return fits(size_of(*out));
}

/* --- sums
 * ------------------------------------------------------------------------------------- */

/* a / 10^scale with just so many zeros at the end dropped that it fits. */
static bool settle(mr_u128 size, bool negative, unsigned scale, mr_decimal *out)
{
    for (; !fits(size); scale--) {
        if (scale == 0 || size % 10 != 0) return false;
        size /= 10;
    }
    *out = (mr_decimal){signed_of(size, negative), scale};
    return true;
}

/* Sign and size apart, for what comes near to 128 bits: the smaller scale is raised to the larger
 * one, which first gives up zeros at its end where there is no room. */
static bool add_long(mr_decimal a, mr_decimal b, mr_decimal *out)
{
    mr_u128 raised;
    if (a.scale > b.scale) {
        const mr_decimal t = a;
        a = b;
        b = t;
    }
    while (b.scale - a.scale > MR_DECIMAL_DIGITS_MAX - 1 ||
           __builtin_mul_overflow(size_of(a.value), (mr_u128)mr_pow10_i128(b.scale - a.scale),
                                  &raised)) {
        if (b.value % 10 != 0) return false;
        b.value /= 10;
        b.scale--;
    }
    const mr_u128 other = size_of(b.value);
    if ((a.value < 0) == (b.value < 0)) {
        mr_u128 sum;
        if (__builtin_add_overflow(raised, other, &sum)) {
            if (raised % 10 != 0 || other % 10 != 0 || b.scale == 0) return false;
            sum = raised / 10 + other / 10;
            b.scale--;
        }
        return settle(sum, a.value < 0, b.scale, out);
    }
    const bool larger = raised >= other;
    return settle(larger ? raised - other : other - raised, larger ? a.value < 0 : b.value < 0,
                  b.scale, out);
}

bool mr_decimal_add(mr_decimal a, mr_decimal b, mr_decimal *out)
{
    mr_i128 raised = a.value;
    if (a.scale < b.scale && !shift_up(a.value, b.scale - a.scale, &raised))
        return add_long(a, b, out);
    a = (mr_decimal){raised, a.scale < b.scale ? b.scale : a.scale};
    raised = b.value;
    if (b.scale < a.scale && !shift_up(b.value, a.scale - b.scale, &raised))
        return add_long(a, b, out);
    out->scale = a.scale;
    if (MR_LIKELY(!__builtin_add_overflow(a.value, raised, &out->value)) &&
        MR_LIKELY(fits(size_of(out->value))))
        return true;
    return add_long(a, b, out);
}

bool mr_decimal_subtract(mr_decimal a, mr_decimal b, mr_decimal *out)
{
    b.value = -b.value;
    return mr_decimal_add(a, b, out);
}

/* --- products
 * --------------------------------------------------------------------------------- */

static wide multiply_wide(mr_u128 a, mr_u128 b)
{
    const mr_u128 mask = UINT64_MAX;
    const mr_u128 low = (a & mask) * (b & mask);
    const mr_u128 cross = (a >> 64) * (b & mask) + (low >> 64);
    const mr_u128 other = (a & mask) * (b >> 64) + (cross & mask);
    return (wide){(a >> 64) * (b >> 64) + (cross >> 64) + (other >> 64),
                  (other << 64) | (low & mask)};
}

/* Divides by 10 in place and returns the rest. */
static unsigned tenth(wide *a)
{
    const mr_u128 mask = UINT64_MAX;
    mr_u128 parts[4] = {a->high >> 64, a->high & mask, a->low >> 64, a->low & mask};
    mr_u128 rest = 0;
    for (unsigned i = 0; i < 4; i++) {
        const mr_u128 part = rest << 64 | parts[i];
        parts[i] = part / 10;
        rest = part % 10;
    }
    *a = (wide){parts[0] << 64 | parts[1], parts[2] << 64 | parts[3]};
    return (unsigned)rest;
}

static bool multiply_long(mr_decimal a, mr_decimal b, mr_decimal *out)
{
    wide product = multiply_wide(size_of(a.value), size_of(b.value));
    unsigned scale = a.scale + b.scale;
    while (product.high != 0 || !fits(product.low) || scale > MR_DECIMAL_SCALE_MAX) {
        if (scale == 0 || tenth(&product) != 0) return false;
        scale--;
    }
    *out = (mr_decimal){signed_of(product.low, (a.value < 0) != (b.value < 0)), scale};
    return true;
}

bool mr_decimal_multiply(mr_decimal a, mr_decimal b, mr_decimal *out)
{
    mr_i128 product;
    const unsigned scale = a.scale + b.scale;
    if (MR_LIKELY(scale <= MR_DECIMAL_SCALE_MAX) &&
        MR_LIKELY(!__builtin_mul_overflow(a.value, b.value, &product)) &&
        MR_LIKELY(fits(size_of(product)))) {
        *out = (mr_decimal){product, scale};
        return true;
    }
    return multiply_long(a, b, out);
}

/* --- quotients
 * -------------------------------------------------------------------------------- */

static mr_u128 greatest_divisor(mr_u128 a, mr_u128 b)
{
    while (b > UINT64_MAX) {
        const mr_u128 rest = a % b;
        a = b;
        b = rest;
    }
    if (b == 0) return a;
    uint64_t x = (uint64_t)b, y = (uint64_t)(a % b); /* 64-bit divisions are ten times as fast */
    while (y != 0) {
        const uint64_t rest = x % y;
        x = y;
        y = rest;
    }
    return x;
}

static unsigned take_factor(mr_u128 *value, unsigned factor)
{
    unsigned count = 0;
    for (; *value % factor == 0; count++)
        *value /= factor;
    return count;
}

/* a / b * 10^shift where b divides a power of ten; false when b does not, or for lack of room. */
static bool divide_exact(mr_u128 a, mr_u128 b, int shift, mr_decimal *out)
{
    const unsigned twos = take_factor(&b, 2), fives = take_factor(&b, 5);
    if (b != 1) return false;
    const unsigned places = twos > fives ? twos : fives;
    int scale = (int)places - shift;
    mr_u128 value = a;
    for (unsigned i = twos; i < places; i++)
        if (__builtin_mul_overflow(value, (mr_u128)2, &value)) return false;
    for (unsigned i = fives; i < places; i++)
        if (__builtin_mul_overflow(value, (mr_u128)5, &value)) return false;
    while (scale > 0 && value % 10 == 0) {
        value /= 10;
        scale--;
    }
    for (; scale < 0; scale++)
        if (__builtin_mul_overflow(value, (mr_u128)10, &value)) return false;
    if (scale > MR_DECIMAL_SCALE_MAX || !fits(value)) return false;
    *out = (mr_decimal){(mr_i128)value, (unsigned)scale};
    return true;
}

/* The next digit of a quotient: 10 * rest / b, in steps that stay below 2 * b < 2^128. */
static unsigned next_digit(mr_u128 *rest, mr_u128 b)
{
    mr_u128 sum = 0;
    unsigned digit = 0;
    if (MR_LIKELY(b < (mr_u128)1 << 124)) {
        sum = *rest * 10;
        *rest = sum % b;
        return (unsigned)(sum / b);
    }
    for (unsigned i = 0; i < 10; i++) {
        sum += *rest;
        if (sum < b) continue;
        sum -= b;
        digit++;
    }
    *rest = sum;
    return digit;
}

static int digits_of(mr_u128 value)
{
    int count = 0;
    for (; value != 0; value /= 10)
        count++;
    return count;
}

/* A quotient under way: whole + rest / b, a number times 10^shift. */
typedef struct quotient {
    mr_u128 whole, rest, b;
    int places; /* digits after the point that `whole` has taken in */
} quotient;

/* Rounds to `places` of them. */
static mr_u128 round_quotient(quotient *q, int places)
{
    for (; q->places < places; q->places++) {
        const unsigned digit = next_digit(&q->rest, q->b);
        q->whole = q->whole * 10 + digit;
    }
    if (places < q->places) {
        const unsigned drop = (unsigned)(q->places - places);
        if (drop > MR_DECIMAL_DIGITS_MAX) return 0;
        const mr_u128 unit = (mr_u128)mr_pow10_i128(drop);
        const mr_u128 rest = q->whole % unit;
        return q->whole / unit + (rest >= unit - rest);
    }
    return q->whole + (q->rest >= q->b - q->rest);
}

static bool divide_rounded(mr_u128 a, mr_u128 b, int shift, mr_decimal *out)
{
    quotient q = {a / b, a % b, b, 0};
    int whole_digits = digits_of(q.whole);
    if (whole_digits == 0) /* zeros after the point do not count as digits */
        for (mr_u128 rest = q.rest, next; next = rest, next_digit(&next, b) == 0; rest = next)
            whole_digits--;
    int scale = MR_DECIMAL_QUOTIENT_DIGITS - (whole_digits + shift);
    if (scale > MR_DECIMAL_SCALE_MAX) scale = MR_DECIMAL_SCALE_MAX;
    mr_u128 value = round_quotient(&q, scale + shift);
    for (; scale > 0 && value % 10 == 0; scale--)
        value /= 10;
    for (; scale < 0; scale++)
        if (__builtin_mul_overflow(value, (mr_u128)10, &value)) return false;
    if (!fits(value)) return false;
    *out = (mr_decimal){(mr_i128)value, (unsigned)scale};
    return true;
}

bool mr_decimal_divide(mr_decimal a, mr_decimal b, mr_decimal *out)
{
    const bool negative = (a.value < 0) != (b.value < 0);
    const int shift = (int)b.scale - (int)a.scale;
    mr_u128 over = size_of(a.value), under = size_of(b.value);
    if (over == 0) {
        *out = (mr_decimal){0, 0};
        return true;
    }
    const mr_u128 divisor = greatest_divisor(over, under);
    over /= divisor;
    under /= divisor;
    if (!divide_exact(over, under, shift, out) && !divide_rounded(over, under, shift, out))
        return false;
    if (negative) out->value = -out->value;
    return true;
}

/* a * 10^places mod b, without leaving 128 bits. */
static mr_u128 shifted_rest(mr_u128 a, unsigned places, mr_u128 b)
{
    mr_u128 rest = a % b;
    while (places-- > 0)
        (void)next_digit(&rest, b);
    return rest;
}

/* The rest where aligning both leaves 38 digits; the quotient is then given up if b was raised too
 * little. */
static bool divide_whole_apart(mr_decimal a, mr_decimal b, mr_decimal *out_whole,
                               mr_decimal *out_rest)
{
    const bool negative = a.value < 0;
    if (a.scale > b.scale) { /* b raised exceeds a */
        if (out_whole != NULL) *out_whole = (mr_decimal){0, 0};
        if (out_rest != NULL) *out_rest = a;
        return true;
    }
    const mr_u128 rest = shifted_rest(size_of(a.value), b.scale - a.scale, size_of(b.value));
    if (out_rest != NULL) *out_rest = (mr_decimal){signed_of(rest, negative), b.scale};
    if (out_whole == NULL) return true;
    quotient q = {size_of(a.value) / size_of(b.value), size_of(a.value) % size_of(b.value),
                  size_of(b.value), 0};
    for (unsigned i = a.scale; i < b.scale; i++) {
        if (q.whole >= (mr_u128)limit() / 10) return false;
        q.whole = q.whole * 10 + next_digit(&q.rest, q.b);
    }
    *out_whole = (mr_decimal){signed_of(q.whole, negative != (b.value < 0)), 0};
    return true;
}

bool mr_decimal_divide_whole(mr_decimal a, mr_decimal b, mr_decimal *out_whole,
                             mr_decimal *out_rest)
{
    const unsigned scale = a.scale > b.scale ? a.scale : b.scale;
    mr_i128 over, under;
    if (!shift_up(a.value, scale - a.scale, &over) || !shift_up(b.value, scale - b.scale, &under))
        return divide_whole_apart(a, b, out_whole, out_rest);
    if (out_whole != NULL) *out_whole = (mr_decimal){over / under, 0};
    if (out_rest != NULL) *out_rest = (mr_decimal){over % under, scale};
    return true;
}

/* --- order, rounding
 * -------------------------------------------------------------------------- */

static int order(mr_i128 a, mr_i128 b)
{
    return (a > b) - (a < b);
}

int mr_decimal_compare(mr_decimal a, mr_decimal b)
{
    if (MR_LIKELY(a.scale == b.scale)) return order(a.value, b.value);
    const mr_i128 unit_a = mr_pow10_i128(a.scale), unit_b = mr_pow10_i128(b.scale);
    const mr_i128 whole_a = a.value / unit_a, whole_b = b.value / unit_b;
    if (whole_a != whole_b) return order(whole_a, whole_b);
    const mr_i128 rest_a = a.value % unit_a, rest_b = b.value % unit_b;
    if (a.scale < b.scale) return order(rest_a * mr_pow10_i128(b.scale - a.scale), rest_b);
    return order(rest_a, rest_b * mr_pow10_i128(a.scale - b.scale));
}

bool mr_decimal_round(mr_decimal a, int places, mr_rounding how, mr_decimal *out)
{
    const int drop = (int)a.scale - places;
    if (drop <= 0) { /* zeros to be filled in, as far as they go */
        *out = a;
        while ((int)out->scale < places && size_of(out->value) < (mr_u128)limit() / 10) {
            out->value *= 10;
            out->scale++;
        }
        return true;
    }
    const bool beyond = drop > MR_DECIMAL_DIGITS_MAX;
    const mr_i128 unit = beyond ? 0 : mr_pow10_i128((unsigned)drop);
    mr_i128 value = beyond ? 0 : a.value / unit;
    const mr_i128 rest = beyond ? a.value : a.value % unit;
    const mr_u128 size = size_of(rest);
    if (how == MR_ROUND_HALF && !beyond && size >= (mr_u128)unit - size) value += rest < 0 ? -1 : 1;
    if (how == MR_ROUND_FLOOR && rest < 0) value--;
    if (how == MR_ROUND_CEIL && rest > 0) value++;
    const unsigned raise = places < 0 ? (unsigned)-places : 0;
    *out = (mr_decimal){0, places > 0 ? (unsigned)places : 0};
    return shift_up(value, raise, &out->value);
}
