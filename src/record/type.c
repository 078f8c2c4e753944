/* SPDX-License-Identifier: MIT */
#include "record/type.h"

#define MAX_DECIMAL_DIGITS 38

static const char *const type_names[MR_TYPE_COUNT] = {
    [MR_TYPE_NULL] = "null",       [MR_TYPE_BOOL] = "bool",     [MR_TYPE_INT] = "int",
    [MR_TYPE_DECIMAL] = "decimal", [MR_TYPE_FLOAT] = "float",   [MR_TYPE_NUMBER] = "number",
    [MR_TYPE_DATE] = "date",       [MR_TYPE_TIME] = "time",     [MR_TYPE_TIMESTAMP] = "timestamp",
    [MR_TYPE_UUID] = "uuid",       [MR_TYPE_STRING] = "string", [MR_TYPE_BYTES] = "bytes",
    [MR_TYPE_JSON] = "json",       [MR_TYPE_MIXED] = "mixed",
};

const char *mr_type_name(mr_type type)
{
    return type_names[type];
}

mr_type mr_type_named(mr_slice name)
{
    for (int type = 0; type < MR_TYPE_COUNT; type++)
        if (mr_slice_is(name, type_names[type])) return (mr_type)type;
    return MR_TYPE_COUNT;
}

mr_type mr_type_join(mr_type a, mr_type b)
{
    if (a == b || b == MR_TYPE_NULL) return a;
    if (a == MR_TYPE_NULL) return b;
    if (a == MR_TYPE_BYTES || b == MR_TYPE_BYTES) return MR_TYPE_BYTES;
    if (mr_type_is_number(a) && mr_type_is_number(b)) {
        if (a == MR_TYPE_NUMBER || b == MR_TYPE_NUMBER) return MR_TYPE_NUMBER;
        if (a == MR_TYPE_FLOAT || b == MR_TYPE_FLOAT) return MR_TYPE_NUMBER;
        return MR_TYPE_DECIMAL;
    }
    return MR_TYPE_STRING;
}

MR_INLINE bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Number of leading digits of `p`, at most `len`. */
MR_INLINE size_t digit_run(const char *p, size_t len)
{
    size_t i = 0;
    while (i < len && is_digit(p[i]))
        i++;
    return i;
}

/* Does the int of `digits` (19 of them) fit int64, with or without a minus? */
static bool nineteen_digits_fit(const char *digits, bool negative)
{
    return memcmp(digits, negative ? "9223372036854775808" : "9223372036854775807", 19) <= 0;
}

bool mr_text_is_int(mr_slice text)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    const char *digits = text.ptr + negative;
    const size_t count = text.len - negative;
    if (count == 0 || count > 19 || digit_run(digits, count) != count) return false;
    if (digits[0] == '0') return count == 1 && !negative;
    return count < 19 || nineteen_digits_fit(digits, negative);
}

bool mr_text_is_decimal(mr_slice text)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    const char *p = text.ptr + negative;
    const size_t len = text.len - negative;
    const size_t whole = digit_run(p, len);
    if (whole == 0 || (p[0] == '0' && whole > 1)) return false;
    if (whole == len) /* an int: ours only when it does not fit 64 bits */
        return whole <= MAX_DECIMAL_DIGITS && p[0] != '0' &&
               (whole > 19 || (whole == 19 && !nineteen_digits_fit(p, negative)));
    if (p[whole] != '.') return false;
    const size_t fraction = digit_run(p + whole + 1, len - whole - 1);
    if (fraction == 0 || whole + 1 + fraction != len || whole + fraction > MAX_DECIMAL_DIGITS)
        return false;
    if (!negative) return true;
    for (size_t i = 0; i < len; i++) /* -0.00 would come back as 0.00 */
        if (p[i] != '0' && p[i] != '.') return true;
    return false;
}

static unsigned two_digits(const char *p)
{
    return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

static bool digits_at(const char *p, const char *pattern, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (pattern[i] == '0' ? !is_digit(p[i]) : p[i] != pattern[i]) return false;
    return true;
}

bool mr_text_is_date(mr_slice text)
{
    if (text.len != 10 || !digits_at(text.ptr, "0000-00-00", 10)) return false;
    const unsigned year = two_digits(text.ptr) * 100 + two_digits(text.ptr + 2);
    const unsigned month = two_digits(text.ptr + 5), day = two_digits(text.ptr + 8);
    static const unsigned char days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1) return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month] + (unsigned)(month == 2 && leap);
}

/* The offset part of a timestamp, from `at` to its end; false when it is none. */
static bool read_offset(mr_slice text, size_t at, mr_time_layout *layout)
{
    const char *p = text.ptr + at;
    const size_t left = text.len - at;
    if (left == 0) return true;
    if (left == 1 && p[0] == 'Z') {
        *layout |= 1u << 12;
        return true;
    }
    if (left != 6 || (p[0] != '+' && p[0] != '-') || !digits_at(p + 1, "00:00", 5)) return false;
    const unsigned hours = two_digits(p + 1), minutes = two_digits(p + 4);
    if (hours > 23 || minutes > 59) return false;
    const unsigned total = hours * 60 + minutes;
    if (p[0] == '-' && total == 0) return false; /* -00:00 would come back as +00:00 */
    *layout |= 1u << 13 | (p[0] == '-' ? 1440 - total : 1440 + total) << 16;
    return true;
}

bool mr_text_is_timestamp(mr_slice text, mr_time_layout *out_layout)
{
    if (text.len < 19 || text.len > 35) return false;
    const char *p = text.ptr;
    if (p[10] != 'T' && p[10] != ' ') return false;
    if (!digits_at(p + 11, "00:00:00", 8) || !mr_text_is_date((mr_slice){p, 10})) return false;
    if (two_digits(p + 11) > 23 || two_digits(p + 14) > 59 || two_digits(p + 17) > 59) return false;
    mr_time_layout layout = (unsigned char)p[10];
    size_t at = 19;
    if (at < text.len && p[at] == '.') {
        const size_t fraction = digit_run(p + 20, text.len - 20);
        if (fraction < 1 || fraction > 9) return false;
        layout |= (mr_time_layout)fraction << 8;
        at = 20 + fraction;
    }
    if (!read_offset(text, at, &layout)) return false;
    if (out_layout != NULL) *out_layout = layout;
    return true;
}

bool mr_text_is_uuid(mr_slice text)
{
    if (text.len != 36) return false;
    for (size_t i = 0; i < 36; i++) {
        const char c = text.ptr[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !(is_digit(c) || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

mr_type mr_type_of_text(mr_slice text, mr_time_layout *out_layout)
{
    if (text.len == 0) return MR_TYPE_STRING;
    const char first = text.ptr[0];
    if (is_digit(first) || first == '-') {
        if (mr_text_is_int(text)) return MR_TYPE_INT;
        if (mr_text_is_decimal(text)) return MR_TYPE_DECIMAL;
        if (mr_text_is_date(text)) return MR_TYPE_DATE;
        if (mr_text_is_timestamp(text, out_layout)) return MR_TYPE_TIMESTAMP;
    }
    if (mr_slice_is(text, "true") || mr_slice_is(text, "false")) return MR_TYPE_BOOL;
    return mr_text_is_uuid(text) ? MR_TYPE_UUID : MR_TYPE_STRING;
}

mr_type mr_type_of_number(mr_slice literal)
{
    if (mr_text_is_int(literal)) return MR_TYPE_INT;
    return mr_text_is_decimal(literal) ? MR_TYPE_DECIMAL : MR_TYPE_NUMBER;
}
