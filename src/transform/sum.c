/* SPDX-License-Identifier: MIT */
#include "transform/sum.h"

#include <math.h>

#define BIAS 1074 /* bit 0 of a real sum is worth 2^-1074 */

/* --- words: integers of many words, two's complement ------------------------------------------ */

static void add_words(uint64_t *to, const uint64_t *more, unsigned count)
{
    unsigned carry = 0;
    for (unsigned i = 0; i < count; i++) {
        const mr_u128 total = (mr_u128)to[i] + more[i] + carry;
        to[i] = (uint64_t)total;
        carry = (unsigned)(total >> 64);
    }
}

static bool negative(const uint64_t *words, unsigned count)
{
    return (int64_t)words[count - 1] < 0;
}

static void negate(uint64_t *words, unsigned count)
{
    unsigned carry = 1;
    for (unsigned i = 0; i < count; i++) {
        const mr_u128 total = (mr_u128)~words[i] + carry;
        words[i] = (uint64_t)total;
        carry = (unsigned)(total >> 64);
    }
}

static void multiply(uint64_t *words, unsigned count, uint64_t factor)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < count; i++) {
        const mr_u128 product = (mr_u128)words[i] * factor + carry;
        words[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
}

/* Divides a number that is not negative; returns the remainder. */
static uint64_t divide(uint64_t *words, unsigned count, uint64_t by)
{
    mr_u128 rest = 0;
    for (unsigned i = count; i-- > 0;) {
        rest = rest << 64 | words[i];
        words[i] = (uint64_t)(rest / by);
        rest %= by;
    }
    return (uint64_t)rest;
}

static bool is_zero(const uint64_t *words, unsigned count)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < count; i++)
        any |= words[i];
    return any == 0;
}

/* --- exact sums ------------------------------------------------------------------------------- */

static void widen(mr_i128 value, uint64_t out[MR_SUM_WORDS])
{
    const uint64_t sign = value < 0 ? UINT64_MAX : 0;
    out[0] = (uint64_t)value;
    out[1] = (uint64_t)((mr_u128)value >> 64);
    for (unsigned i = 2; i < MR_SUM_WORDS; i++)
        out[i] = sign;
}

static void flush(mr_sum *sum)
{
    uint64_t words[MR_SUM_WORDS];
    widen(sum->small, words);
    add_words(sum->wide, words, MR_SUM_WORDS);
    sum->small = 0;
    sum->is_wide = true;
}

static void multiply_by_ten_to(uint64_t *words, unsigned power)
{
    for (; power > 0; power -= power < 18 ? power : 18)
        multiply(words, MR_SUM_WORDS, (uint64_t)mr_pow10_i128(power < 18 ? power : 18));
}

static void rescale(mr_sum *sum, unsigned scale)
{
    mr_i128 scaled;
    const unsigned power = scale - sum->scale;
    sum->scale = scale;
    if (!sum->is_wide && power <= MR_DECIMAL_DIGITS_MAX &&
        !__builtin_mul_overflow(sum->small, mr_pow10_i128(power), &scaled)) {
        sum->small = scaled;
        return;
    }
    flush(sum);
    multiply_by_ten_to(sum->wide, power); /* two's complement: the sign takes care of itself */
}

/* A number of a smaller scale than the sum's. */
static void add_scaled(mr_sum *sum, mr_i128 value, unsigned power)
{
    mr_i128 scaled;
    uint64_t words[MR_SUM_WORDS];
    if (!__builtin_mul_overflow(value, mr_pow10_i128(power), &scaled)) {
        mr_sum_add(sum, scaled, sum->scale);
        return;
    }
    widen(value, words);
    multiply_by_ten_to(words, power);
    add_words(sum->wide, words, MR_SUM_WORDS);
    sum->is_wide = true;
}

void mr_sum_add(mr_sum *sum, mr_i128 value, unsigned scale)
{
    mr_i128 total;
    if (MR_UNLIKELY(scale > sum->scale)) rescale(sum, scale);
    if (MR_UNLIKELY(scale < sum->scale)) {
        add_scaled(sum, value, sum->scale - scale);
        return;
    }
    if (MR_UNLIKELY(__builtin_add_overflow(sum->small, value, &total))) {
        flush(sum);
        total = value;
    }
    sum->small = total;
}

void mr_sum_merge(mr_sum *sum, const mr_sum *other)
{
    if (!other->is_wide) {
        mr_sum_add(sum, other->small, other->scale);
        return;
    }
    mr_sum more = *other;
    if (more.scale > sum->scale) rescale(sum, more.scale);
    if (more.scale < sum->scale) rescale(&more, sum->scale);
    flush(&more);
    add_words(sum->wide, more.wide, MR_SUM_WORDS);
    sum->is_wide = true;
}

static void all_words(const mr_sum *sum, uint64_t words[MR_SUM_WORDS])
{
    mr_sum whole = *sum;
    flush(&whole);
    memcpy(words, whole.wide, sizeof whole.wide);
}

/* The digits of a number that is not negative, last first; at least one. */
static size_t digits_of(uint64_t *words, char *out)
{
    size_t count = 0;
    do {
        out[count++] = (char)('0' + divide(words, MR_SUM_WORDS, 10));
    } while (!is_zero(words, MR_SUM_WORDS));
    return count;
}

size_t mr_sum_text(const mr_sum *sum, char out[MR_SUM_TEXT_MAX])
{
    uint64_t words[MR_SUM_WORDS];
    char digits[MR_SUM_TEXT_MAX];
    size_t len = 0;
    all_words(sum, words);
    const bool minus = negative(words, MR_SUM_WORDS);
    if (minus) negate(words, MR_SUM_WORDS);
    size_t count = digits_of(words, digits);
    while (count <= sum->scale)
        digits[count++] = '0';
    if (minus) out[len++] = '-';
    while (count > 0) {
        if (count == sum->scale) out[len++] = '.';
        out[len++] = digits[--count];
    }
    return len;
}

/* The quotient to more digits than a double has, and one that says whether anything is left:
 * reading that text rounds correctly. */
double mr_sum_mean(const mr_sum *sum, uint64_t count)
{
    uint64_t words[MR_SUM_WORDS];
    char digits[MR_SUM_TEXT_MAX], text[2 * MR_SUM_TEXT_MAX];
    size_t len = 0;
    double mean = 0;
    all_words(sum, words);
    if (negative(words, MR_SUM_WORDS)) {
        negate(words, MR_SUM_WORDS);
        text[len++] = '-';
    }
    mr_u128 rest = divide(words, MR_SUM_WORDS, count);
    size_t left = digits_of(words, digits);
    while (left > 0)
        text[len++] = digits[--left];
    text[len++] = '.';
    for (unsigned i = 0; i < 60; i++) {
        rest *= 10;
        text[len++] = (char)('0' + (unsigned)(rest / count));
        rest %= count;
    }
    text[len++] = rest != 0 ? '1' : '0';
    text[len++] = 'e';
    text[len++] = '-';
    len += mr_format_u64(text + len, sum->scale);
    (void)mr_parse_f64(mr_slice_of(text, len), &mean);
    return mean;
}

/* --- sums of doubles -------------------------------------------------------------------------- */

void mr_real_sum_add(mr_real_sum *sum, double value)
{
    uint64_t bits, more[MR_REAL_SUM_WORDS] = {0};
    memcpy(&bits, &value, sizeof bits);
    const unsigned exponent = bits >> 52 & 2047;
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent > 0) mantissa |= UINT64_C(1) << 52;
    const unsigned shift = exponent > 0 ? exponent - 1 : 0; /* of 2^-1074 */
    const mr_u128 placed = (mr_u128)mantissa << shift % 64;
    more[shift / 64] = (uint64_t)placed;
    more[shift / 64 + 1] = (uint64_t)(placed >> 64);
    if (bits >> 63 != 0) negate(more, MR_REAL_SUM_WORDS);
    add_words(sum->words, more, MR_REAL_SUM_WORDS);
}

void mr_real_sum_merge(mr_real_sum *sum, const mr_real_sum *other)
{
    add_words(sum->words, other->words, MR_REAL_SUM_WORDS);
}

static uint64_t bits_from(const uint64_t *words, unsigned low)
{
    const unsigned at = low / 64, shift = low % 64;
    uint64_t bits = words[at] >> shift;
    if (shift > 0 && at + 1 < MR_REAL_SUM_WORDS) bits |= words[at + 1] << (64 - shift);
    return bits;
}

static bool any_below(const uint64_t *words, unsigned end)
{
    for (unsigned i = 0; i < end / 64; i++)
        if (words[i] != 0) return true;
    return end % 64 != 0 && (words[end / 64] & ((UINT64_C(1) << end % 64) - 1)) != 0;
}

double mr_real_sum_value(const mr_real_sum *sum)
{
    uint64_t words[MR_REAL_SUM_WORDS];
    memcpy(words, sum->words, sizeof words);
    const bool minus = negative(words, MR_REAL_SUM_WORDS);
    if (minus) negate(words, MR_REAL_SUM_WORDS);
    unsigned top = MR_REAL_SUM_WORDS;
    while (top > 0 && words[top - 1] == 0)
        top--;
    if (top == 0) return 0;
    const unsigned high = top * 64 - 1 - (unsigned)__builtin_clzll(words[top - 1]);
    double value;
    if (high <= 52) {
        value = ldexp((double)words[0], -BIAS);
    } else {
        const unsigned low = high - 52; /* 53 bits from here */
        uint64_t mantissa = bits_from(words, low) & ((UINT64_C(1) << 53) - 1);
        const bool half = (words[(low - 1) / 64] >> (low - 1) % 64 & 1) != 0;
        if (half && ((mantissa & 1) != 0 || any_below(words, low - 1))) mantissa++;
        value = ldexp((double)mantissa, (int)low - BIAS);
    }
    return minus ? -value : value;
}
