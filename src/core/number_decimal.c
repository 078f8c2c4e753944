/* SPDX-License-Identifier: MIT */
#include "core/number.h"

#include "core/number_internal.h"

#define E19 UINT64_C(10000000000000000000)

/* 1 to 38 digits, leading zeros allowed. */
static bool parse_digits(const char *p, size_t len, mr_u128 *out)
{
    mr_u128 value = 0;
    for (;;) {
        const size_t take = len > 16 ? 16 : len;
        uint64_t part;
        if (!mr_digits16(p, take, &part)) return false;
        value = value * (uint64_t)mr_pow10_i128((unsigned)take) + part;
        if (take == len) break;
        p += take;
        len -= take;
    }
    *out = value;
    return true;
}

bool mr_parse_decimal(mr_slice text, mr_i128 *out, unsigned *out_scale)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative) text = mr_slice_from(text, 1);
    if (text.len == 0 || text.len > MR_DECIMAL_DIGITS_MAX + 1) return false;
    const char *point = memchr(text.ptr, '.', text.len);
    const size_t whole_len = point != NULL ? (size_t)(point - text.ptr) : text.len;
    const size_t scale = point != NULL ? text.len - whole_len - 1 : 0;
    if (whole_len == 0 || whole_len + scale > MR_DECIMAL_DIGITS_MAX) return false;
    if (text.ptr[0] == '0' && whole_len > 1) return false;
    mr_u128 value, fraction;
    if (!parse_digits(text.ptr, whole_len, &value)) return false;
    if (point != NULL) {
        if (scale == 0 || !parse_digits(point + 1, scale, &fraction)) return false;
        value = value * (mr_u128)mr_pow10_i128((unsigned)scale) + fraction;
    }
    if (negative && value == 0) return false;
    *out = negative ? -(mr_i128)value : (mr_i128)value;
    *out_scale = (unsigned)scale;
    return true;
}

/* Exactly 19 digits; `value` is below 10^19. */
static void put19(char *out, uint64_t value)
{
    const uint64_t low = value % UINT64_C(10000000000000000);
    const unsigned head = (unsigned)(value / UINT64_C(10000000000000000));
    out[0] = (char)('0' + head / 100);
    out[1] = (char)('0' + head / 10 % 10);
    out[2] = (char)('0' + head % 10);
    mr_digits8_put(out + 3, (uint32_t)(low / 100000000));
    mr_digits8_put(out + 11, (uint32_t)(low % 100000000));
}

static size_t put_u128(char *out, mr_u128 value)
{
    if (MR_LIKELY(value <= UINT64_MAX)) return mr_format_u64(out, (uint64_t)value);
    const size_t len = put_u128(out, value / E19); /* at most two levels: 2^128 < 10^39 */
    put19(out + len, (uint64_t)(value % E19));
    return len + 19;
}

size_t mr_format_decimal(char *out, mr_i128 value, unsigned scale)
{
    MR_DCHECK(scale <= MR_DECIMAL_DIGITS_MAX);
    char digits[MR_DECIMAL_TEXT_MAX];
    const mr_u128 magnitude = value < 0 ? 0 - (mr_u128)value : (mr_u128)value;
    const size_t count = put_u128(digits, magnitude);
    char *at = out;
    if (value < 0) *at++ = '-';
    if (count > scale) {
        const size_t whole = count - scale;
        memcpy(at, digits, whole);
        at += whole;
        if (scale > 0) *at++ = '.';
        memcpy(at, digits + whole, scale);
        return (size_t)(at + scale - out);
    }
    memset(at, '0', scale - count + 2);
    at[1] = '.';
    at += scale - count + 2;
    memcpy(at, digits, count);
    return (size_t)(at + count - out);
}

mr_i128 mr_pow10_i128(unsigned exponent)
{
    static const uint64_t small[20] = {1,
                                       10,
                                       100,
                                       1000,
                                       10000,
                                       100000,
                                       1000000,
                                       10000000,
                                       100000000,
                                       1000000000,
                                       UINT64_C(10000000000),
                                       UINT64_C(100000000000),
                                       UINT64_C(1000000000000),
                                       UINT64_C(10000000000000),
                                       UINT64_C(100000000000000),
                                       UINT64_C(1000000000000000),
                                       UINT64_C(10000000000000000),
                                       UINT64_C(100000000000000000),
                                       UINT64_C(1000000000000000000),
                                       E19};
    MR_DCHECK(exponent <= MR_DECIMAL_DIGITS_MAX);
    if (exponent < 20) return small[exponent];
    return (mr_i128)small[19] * small[exponent - 19];
}
