/* SPDX-License-Identifier: MIT */
#include "core/number.h"

#include <stdio.h>

#include "core/number_internal.h"

typedef struct unit {
    const char *name;
    uint64_t value;
} unit;

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)
#define PIB (UINT64_C(1) << 50)

/* Larger first. */
static const unit duration_units[] = {
    {"d", UINT64_C(86400000000000)},
    {"h", UINT64_C(3600000000000)},
    {"m", UINT64_C(60000000000)},
    {"s", 1000000000},
    {"ms", 1000000},
    {"us", 1000},
    {"\xc2\xb5s", 1000},
    {"\xce\xbcs", 1000},
    {"ns", 1},
};

/* Compared without regard to case. */
static const unit size_units[] = {
    {"b", 1},
    {"k", KIB},
    {"ki", KIB},
    {"kib", KIB},
    {"kb", 1000},
    {"m", MIB},
    {"mi", MIB},
    {"mib", MIB},
    {"mb", 1000000},
    {"g", GIB},
    {"gi", GIB},
    {"gib", GIB},
    {"gb", 1000000000},
    {"t", TIB},
    {"ti", TIB},
    {"tib", TIB},
    {"tb", UINT64_C(1000000000000)},
    {"p", PIB},
    {"pi", PIB},
    {"pib", PIB},
    {"pb", UINT64_C(1000000000000000)},
};

/* `[0-9]+(\.[0-9]+)?` at the start of a text, at most 19 digits on either side of the point. */
typedef struct quantity {
    uint64_t whole, fraction;
    unsigned scale; /* digits of `fraction` */
} quantity;

/* Takes digits off the front of `text`; returns how many, 0 when none or too many. */
static unsigned take_digits(mr_slice *text, uint64_t *out)
{
    unsigned count = 0;
    uint64_t value = 0;
    while (count < text->len && text->ptr[count] >= '0' && text->ptr[count] <= '9') {
        if (count == 19) return 0;
        value = value * 10 + (uint64_t)(text->ptr[count++] - '0');
    }
    *text = mr_slice_from(*text, count);
    *out = value;
    return count;
}

static bool take_quantity(mr_slice *text, quantity *out)
{
    *out = (quantity){0};
    if (take_digits(text, &out->whole) == 0) return false;
    if (text->len == 0 || text->ptr[0] != '.') return true;
    *text = mr_slice_from(*text, 1);
    out->scale = take_digits(text, &out->fraction);
    return out->scale != 0;
}

/* quantity * unit, when that is a whole number of 64 bits. */
static bool scale_quantity(quantity amount, uint64_t unit_value, uint64_t *out)
{
    const mr_u128 power = (mr_u128)mr_pow10_i128(amount.scale);
    const mr_u128 part = (mr_u128)amount.fraction * unit_value;
    const mr_u128 sum = (mr_u128)amount.whole * unit_value + part / power;
    if (part % power != 0 || sum > UINT64_MAX) return false;
    *out = (uint64_t)sum;
    return true;
}

/* Takes the longest unit name off the front of `text`; returns the unit's length, 0 when there is
 * none. */
static uint64_t take_duration_unit(mr_slice *text)
{
    uint64_t value = 0;
    size_t best_len = 0;
    for (size_t i = 0; i < MR_COUNT_OF(duration_units); i++) {
        const size_t len = strlen(duration_units[i].name);
        if (len <= best_len || !mr_slice_starts(*text, duration_units[i].name)) continue;
        value = duration_units[i].value;
        best_len = len;
    }
    *text = mr_slice_from(*text, best_len);
    return value;
}

bool mr_parse_duration(mr_slice text, int64_t *out_ns)
{
    uint64_t total = 0, part;
    if (mr_parse_u64(text, &total)) {
        if (total > INT64_MAX) return false;
        *out_ns = (int64_t)total;
        return true;
    }
    total = 0;
    uint64_t smallest = UINT64_MAX;
    do {
        quantity amount;
        if (!take_quantity(&text, &amount)) return false;
        const uint64_t unit_ns = take_duration_unit(&text);
        if (unit_ns == 0 || unit_ns >= smallest) return false;
        if (amount.scale != 0 && text.len != 0) return false;
        smallest = unit_ns;
        if (!scale_quantity(amount, smallest, &part) || __builtin_add_overflow(total, part, &total))
            return false;
    } while (text.len > 0);
    if (total > INT64_MAX) return false;
    *out_ns = (int64_t)total;
    return true;
}

static bool same_letters(mr_slice text, const char *lower)
{
    if (text.len != strlen(lower)) return false;
    for (size_t i = 0; i < text.len; i++)
        if ((text.ptr[i] | 0x20) != lower[i]) return false;
    return true;
}

bool mr_parse_size(mr_slice text, uint64_t *out_bytes)
{
    if (mr_parse_u64(text, out_bytes)) return true;
    quantity amount;
    if (!take_quantity(&text, &amount)) return false;
    if (text.len > 1 && text.ptr[0] == ' ') text = mr_slice_from(text, 1);
    for (size_t i = 0; i < MR_COUNT_OF(size_units); i++)
        if (same_letters(text, size_units[i].name))
            return scale_quantity(amount, size_units[i].value, out_bytes);
    return false;
}

/* `value / unit` with one digit after the point, rounded half up, and `suffix`. */
static size_t put_tenths(char *out, uint64_t value, uint64_t unit_value, const char *suffix)
{
    const uint64_t tenths = (uint64_t)(((mr_u128)value * 10 + unit_value / 2) / unit_value);
    return (size_t)snprintf(out, MR_UNIT_TEXT_MAX, "%llu.%llu%s", (unsigned long long)(tenths / 10),
                            (unsigned long long)(tenths % 10), suffix);
}

static size_t put_pair(char *out, uint64_t large, char large_unit, uint64_t small, char small_unit)
{
    return (size_t)snprintf(out, MR_UNIT_TEXT_MAX, "%llu%c%02llu%c", (unsigned long long)large,
                            large_unit, (unsigned long long)small, small_unit);
}

size_t mr_format_duration(char *out, int64_t duration_ns)
{
    /* Each limit is where rounding to one digit would reach the next unit. */
    const uint64_t ns = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
    if (duration_ns < 0) *out = '-';
    const size_t sign = duration_ns < 0 ? 1 : 0;
    char *at = out + sign;
    if (ns < 1000) return sign + (size_t)snprintf(at, MR_UNIT_TEXT_MAX - 1, "%uns", (unsigned)ns);
    if (ns < 999950) return sign + put_tenths(at, ns, 1000, "us");
    if (ns < 999950000) return sign + put_tenths(at, ns, 1000000, "ms");
    if (ns < UINT64_C(59950000000)) return sign + put_tenths(at, ns, 1000000000, "s");
    const uint64_t seconds = ns / 1000000000 + (ns % 1000000000 >= 500000000);
    if (seconds < 3600) return sign + put_pair(at, seconds / 60, 'm', seconds % 60, 's');
    const uint64_t minutes = (seconds + 30) / 60;
    if (minutes < 1440) return sign + put_pair(at, minutes / 60, 'h', minutes % 60, 'm');
    const uint64_t hours = (minutes + 30) / 60;
    return sign + put_pair(at, hours / 24, 'd', hours % 24, 'h');
}

size_t mr_format_size(char *out, uint64_t size_bytes)
{
    static const char *const names[] = {" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    if (size_bytes < 1024)
        return (size_t)snprintf(out, MR_UNIT_TEXT_MAX, "%u B", (unsigned)size_bytes);
    size_t i = 0;
    uint64_t unit_value = KIB;
    while (i + 1 < MR_COUNT_OF(names) && (mr_u128)size_bytes * 20 >= (mr_u128)unit_value * 20479) {
        unit_value *= 1024;
        i++;
    }
    return put_tenths(out, size_bytes, unit_value, names[i]);
}
