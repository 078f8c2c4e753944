/* SPDX-License-Identifier: MIT
 *
 * arrow/values.h - one fixed-size value of an Arrow buffer as its literal. Inlined into a loop for
 * each kind (arrow/spell.c) and into the slow path of nested values.
 *
 * Each function writes at `to` (MR_ARROW_SPELL_MAX bytes) and returns the length, 0 for a value
 * that has no literal.
 *
 * Thread: pure functions; the cache is the caller's. */
#ifndef MR_ARROW_VALUES_H
#define MR_ARROW_VALUES_H

#include "arrow/field.h"
#include "core/number.h"
#include "record/digits.h"
#include "record/numtext.h"

#define MR_DAY_FIRST      (-719528) /* 0000-01-01 */
#define MR_DAY_LAST       2932896   /* 9999-12-31 */
#define MR_SECONDS_OF_DAY 86400

MR_INLINE int64_t mr_arrow_int_at(const mr_arrow_field *f, mr_arrow_kind kind, int64_t at)
{
    switch (kind) {
    case MR_KIND_I8: return ((const int8_t *)f->values)[at];
    case MR_KIND_U8: return ((const uint8_t *)f->values)[at];
    case MR_KIND_I16: return ((const int16_t *)f->values)[at];
    case MR_KIND_U16: return ((const uint16_t *)f->values)[at];
    case MR_KIND_I32:
    case MR_KIND_DATE32:
    case MR_KIND_TIME32: return ((const int32_t *)f->values)[at];
    case MR_KIND_U32: return ((const uint32_t *)f->values)[at];
    default: return ((const int64_t *)f->values)[at];
    }
}

MR_INLINE double mr_arrow_half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31;
    const double fraction = bits & 1023, sign = bits >> 15 ? -1 : 1;
    if (exponent == 31) return fraction > 0 ? __builtin_nan("") : sign * __builtin_inf();
    /* Subnormal: fraction * 2^-24, else (1024 + fraction) * 2^(exponent - 25). */
    double value = exponent == 0 ? fraction : fraction + 1024;
    for (int i = exponent == 0 ? 1 : exponent; i < 25; i++)
        value /= 2;
    for (int i = 25; i < exponent; i++)
        value *= 2;
    return sign * value;
}

MR_INLINE double mr_arrow_float_at(const mr_arrow_field *f, mr_arrow_kind kind, int64_t at)
{
    if (kind == MR_KIND_HALF) return mr_arrow_half(((const uint16_t *)f->values)[at]);
    if (kind == MR_KIND_F32) return (double)((const float *)f->values)[at];
    return ((const double *)f->values)[at];
}

/* `out_special` = one that JSON has no number for, spelled as a string. */
MR_INLINE size_t mr_arrow_put_float(double value, char *to, bool *out_special)
{
    const size_t len = mr_format_f64(to, value);
    *out_special = len == 0;
    if (MR_LIKELY(len > 0)) return len;
    const char *name = value > 0 ? "Inf" : value < 0 ? "-Inf" : "NaN";
    memcpy(to, name, strlen(name));
    return strlen(name);
}

MR_INLINE size_t mr_arrow_put_day(int64_t day, mr_day_cache *cache, char *to)
{
    if (day < MR_DAY_FIRST || day > MR_DAY_LAST) return 0;
    mr_write_date(to, day, cache);
    return 10;
}

MR_INLINE size_t mr_arrow_put_date(const mr_arrow_field *f, mr_arrow_kind kind, int64_t at,
                                   mr_day_cache *cache, char *to)
{
    const int64_t ms_of_day = (int64_t)MR_SECONDS_OF_DAY * 1000;
    int64_t value = mr_arrow_int_at(f, kind, at);
    if (kind == MR_KIND_DATE64) {
        if (value % ms_of_day != 0) return 0;
        value /= ms_of_day;
    }
    return mr_arrow_put_day(value, cache, to);
}

/* The layout to spell `value` in, and the value in that layout's digits. A layout of fewer digits
 * than the unit holds only where the others are zero. */
MR_INLINE mr_time_layout mr_arrow_fit_layout(const mr_arrow_field *f, int64_t *value)
{
    const uint32_t wanted = f->layout >> 8 & 15;
    const int64_t drop = (int64_t)mr_powers_of_ten[f->digits - wanted];
    if (*value % drop != 0) return (f->layout & ~(15u << 8)) | f->digits << 8;
    *value /= drop;
    return f->layout;
}

MR_INLINE size_t mr_arrow_put_timestamp(const mr_arrow_field *f, int64_t at, mr_day_cache *cache,
                                        char *to)
{
    const int64_t unit = (int64_t)mr_powers_of_ten[f->digits];
    int64_t value = ((const int64_t *)f->values)[at];
    if (f->layout >> 13 & 1) {
        const int64_t seconds = ((int64_t)(f->layout >> 16) - 1440) * 60;
        if (__builtin_add_overflow(value, seconds * unit, &value)) return 0;
    }
    int64_t seconds = value / unit;
    if (value % unit < 0) seconds--;
    if (seconds < (int64_t)MR_DAY_FIRST * MR_SECONDS_OF_DAY ||
        seconds >= ((int64_t)MR_DAY_LAST + 1) * MR_SECONDS_OF_DAY)
        return 0;
    const mr_time_layout layout = mr_arrow_fit_layout(f, &value);
    return (size_t)(mr_write_timestamp(to, value, layout, cache) - to);
}

MR_INLINE size_t mr_arrow_put_time(const mr_arrow_field *f, mr_arrow_kind kind, int64_t at,
                                   char *to)
{
    int64_t value = mr_arrow_int_at(f, kind, at);
    if (value < 0 || value >= MR_SECONDS_OF_DAY * (int64_t)mr_powers_of_ten[f->digits]) return 0;
    const mr_time_layout layout = mr_arrow_fit_layout(f, &value);
    const uint32_t digits = layout >> 8 & 15;
    const int64_t unit = (int64_t)mr_powers_of_ten[digits];
    const uint32_t clock = (uint32_t)(value / unit);
    memcpy(to, mr_digit_pairs + clock / 3600 * 2, 2);
    memcpy(to + 3, mr_digit_pairs + clock / 60 % 60 * 2, 2);
    memcpy(to + 6, mr_digit_pairs + clock % 60 * 2, 2);
    to[2] = to[5] = ':';
    if (digits == 0) return 8;
    to[8] = '.';
    return (size_t)(mr_digits_write(to + 9, (uint64_t)(value % unit), digits) - to);
}

/* False when the value has more than 38 digits. */
MR_INLINE bool mr_arrow_decimal_at(const mr_arrow_field *f, int64_t at, mr_i128 *out)
{
    const char *from = (const char *)f->values + at * (int64_t)f->width;
    mr_i128 low, high, value;
    int64_t wide;
    int32_t narrow;
    switch (f->width) {
    case 4: memcpy(&narrow, from, 4), value = narrow; break;
    case 8: memcpy(&wide, from, 8), value = wide; break;
    case 16: memcpy(&value, from, 16); break;
    default:
        memcpy(&low, from, 16);
        memcpy(&high, from + 16, 16);
        if (high != (low < 0 ? -1 : 0)) return false;
        value = low;
    }
    const mr_i128 limit = mr_pow10_i128(MR_DECIMAL_DIGITS_MAX);
    *out = value;
    return value < limit && value > -limit;
}

MR_INLINE unsigned mr_arrow_count_digits(mr_i128 value)
{
    unsigned digits = 1;
    if (value < 0) value = -value;
    while (digits < MR_DECIMAL_DIGITS_MAX && value >= mr_pow10_i128(digits))
        digits++;
    return digits;
}

/* Our decimals have at most 38 digits in all, the zero before the point included; zeros at the end
 * give way where it is too tight. */
static inline size_t mr_arrow_put_decimal(const mr_arrow_field *f, int64_t at, char *to)
{
    mr_i128 value = 0;
    int32_t scale = f->scale;
    if (!mr_arrow_decimal_at(f, at, &value)) return 0;
    while (scale >= MR_DECIMAL_DIGITS_MAX && (value % 10 == 0 || value == 0)) {
        value /= 10;
        scale--;
    }
    if (scale >= MR_DECIMAL_DIGITS_MAX) return 0;
    if (scale < 0) {
        if (value != 0 && mr_arrow_count_digits(value) + (unsigned)-scale > MR_DECIMAL_DIGITS_MAX)
            return 0;
        return mr_format_decimal(to, value == 0 ? 0 : value * mr_pow10_i128((unsigned)-scale), 0);
    }
    return mr_format_decimal(to, value, (unsigned)scale);
}

#endif
