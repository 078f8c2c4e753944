/* SPDX-License-Identifier: MIT */
#include "expr/value.h"

#include <stdio.h>

#include "core/clock.h"
#include "record/digits.h"

#define SECONDS_PER_DAY 86400

static const struct {
    const char *name;
    mr_type type;
} kinds[MR_KIND_COUNT] = {
    [MR_KIND_NULL] = {"null", MR_TYPE_NULL},
    [MR_KIND_ABSENT] = {"absent", MR_TYPE_NULL},
    [MR_KIND_FAULT] = {"fault", MR_TYPE_NULL},
    [MR_KIND_FALSE] = {"bool", MR_TYPE_BOOL},
    [MR_KIND_TRUE] = {"bool", MR_TYPE_BOOL},
    [MR_KIND_INT] = {"int", MR_TYPE_INT},
    [MR_KIND_DECIMAL] = {"decimal", MR_TYPE_DECIMAL},
    [MR_KIND_NUMBER] = {"number", MR_TYPE_NUMBER},
    [MR_KIND_FLOAT] = {"float", MR_TYPE_FLOAT},
    [MR_KIND_DATE] = {"date", MR_TYPE_DATE},
    [MR_KIND_TIME] = {"time", MR_TYPE_TIME},
    [MR_KIND_TIMESTAMP] = {"timestamp", MR_TYPE_TIMESTAMP},
    [MR_KIND_UUID] = {"uuid", MR_TYPE_UUID},
    [MR_KIND_STRING] = {"string", MR_TYPE_STRING},
    [MR_KIND_BYTES] = {"bytes", MR_TYPE_BYTES},
    [MR_KIND_JSON] = {"json", MR_TYPE_JSON},
    [MR_KIND_TEXT] = {"untyped text", MR_TYPE_STRING},
};

const char *mr_kind_name(unsigned kind)
{
    return kinds[kind].name;
}

mr_type mr_kind_type(unsigned kind)
{
    return kinds[kind].type;
}

mr_kinds mr_kinds_of_type(mr_type type)
{
    switch (type) {
    case MR_TYPE_NULL:
    case MR_TYPE_MIXED:
    case MR_TYPE_COUNT: return MR_KINDS_TYPED;
    case MR_TYPE_BOOL: return MR_KINDS_BOOL;
    case MR_TYPE_INT: return MR_KIND_BIT(MR_KIND_INT);
    case MR_TYPE_DECIMAL: return MR_KINDS_EXACT;
    case MR_TYPE_FLOAT: return MR_KIND_BIT(MR_KIND_FLOAT);
    case MR_TYPE_NUMBER: return MR_KINDS_EXACT | MR_KIND_BIT(MR_KIND_NUMBER);
    case MR_TYPE_DATE: return MR_KIND_BIT(MR_KIND_DATE);
    case MR_TYPE_TIME: return MR_KIND_BIT(MR_KIND_TIME);
    case MR_TYPE_TIMESTAMP: return MR_KIND_BIT(MR_KIND_TIMESTAMP);
    case MR_TYPE_UUID: return MR_KIND_BIT(MR_KIND_UUID);
    case MR_TYPE_STRING: return MR_KIND_BIT(MR_KIND_STRING);
    case MR_TYPE_BYTES: return MR_KIND_BIT(MR_KIND_BYTES);
    case MR_TYPE_JSON: return MR_KIND_BIT(MR_KIND_JSON);
    }
    return MR_KINDS_TYPED;
}

const char *mr_kinds_names(mr_kinds set, char *out)
{
    size_t at = 0;
    set &= ~MR_KIND_BIT(MR_KIND_FALSE); /* bool once */
    for (unsigned kind = 0; kind < MR_KIND_COUNT; kind++) {
        if (!mr_kind_in(kind, set)) continue;
        const bool last = (set >> kind) == 1;
        const char *between = at == 0 ? "" : last ? " or " : ", ";
        at +=
            (size_t)snprintf(out + at, MR_KINDS_NAMES_MAX - at, "%s%s", between, kinds[kind].name);
    }
    out[at < MR_KINDS_NAMES_MAX ? at : MR_KINDS_NAMES_MAX - 1] = '\0';
    return out;
}

/* Kinds whose texts give the same kind again when an untyped column is inferred. */
#define SELF_EVIDENT                                                                           \
    (MR_KINDS_UNTYPED | MR_KINDS_EXACT | MR_KINDS_BOOL | MR_KINDS_CALENDAR | MR_KINDS_STRING | \
     MR_KIND_BIT(MR_KIND_UUID))

mr_type mr_kinds_type(mr_kinds set, bool *out_untyped)
{
    *out_untyped = (set & MR_KINDS_UNTYPED) != 0 && (set & ~(mr_kinds)SELF_EVIDENT) == 0;
    if (*out_untyped) return MR_TYPE_STRING;
    mr_type type = MR_TYPE_NULL;
    for (unsigned kind = MR_KIND_FALSE; kind < MR_KIND_COUNT; kind++) {
        if (!mr_kind_in(kind, set) || kinds[kind].type == type) continue;
        const bool numbers = mr_type_is_number(type) && mr_type_is_number(kinds[kind].type);
        if (type != MR_TYPE_NULL && !numbers) return MR_TYPE_MIXED;
        type = mr_type_join(type, kinds[kind].type);
    }
    return type;
}

/* --- from text
 * -------------------------------------------------------------------------------- */

bool mr_value_read_exact(mr_slice text, mr_value *out)
{
    int64_t integer;
    mr_i128 decimal;
    unsigned scale;
    if (text.len == 0) return false;
    if (mr_parse_i64(text, &integer)) {
        *out = mr_value_int(integer);
        return true;
    }
    if (!mr_parse_decimal(text, &decimal, &scale)) return false;
    *out = mr_value_decimal(decimal, scale);
    return true;
}

/* Digits, a point and an exponent, as JSON has them. */
static bool is_json_number(mr_slice text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-';
    const size_t whole = at;
    while (at < text.len && (unsigned char)(text.ptr[at] - '0') < 10)
        at++;
    if (at == whole || (text.ptr[whole] == '0' && at > whole + 1)) return false;
    if (at < text.len && text.ptr[at] == '.') {
        const size_t point = at++;
        while (at < text.len && (unsigned char)(text.ptr[at] - '0') < 10)
            at++;
        if (at == point + 1) return false;
    }
    if (at == text.len) return true;
    if (text.ptr[at] != 'e' && text.ptr[at] != 'E') return false;
    at++;
    if (at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-')) at++;
    const size_t exponent = at;
    while (at < text.len && (unsigned char)(text.ptr[at] - '0') < 10)
        at++;
    return at > exponent && at == text.len;
}

bool mr_value_read_number(mr_slice text, mr_value *out)
{
    if (mr_value_read_exact(text, out)) return true;
    if (!is_json_number(text)) return false;
    *out = mr_value_text(MR_KIND_NUMBER, text);
    return true;
}

bool mr_value_read_bool(mr_slice text, mr_value *out)
{
    const bool truth = mr_slice_is(text, "true");
    if (!truth && !mr_slice_is(text, "false")) return false;
    *out = mr_value_bool(truth);
    return true;
}

static int64_t two_digits(const char *p)
{
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Of a text that is known to begin with a date. */
static int64_t day_of(const char *p)
{
    return mr_days_from_date((mr_date){.year = (int32_t)(two_digits(p) * 100 + two_digits(p + 2)),
                                       .month = (uint8_t)two_digits(p + 5),
                                       .day = (uint8_t)two_digits(p + 8)});
}

bool mr_value_read_date(mr_slice text, mr_value *out)
{
    if (!mr_text_is_date(text)) return false;
    *out = (mr_value){.cell.integer = day_of(text.ptr), .kind = MR_KIND_DATE};
    return true;
}

/* "678" of ".678" as nanoseconds. */
static uint32_t fraction_of(const char *p, unsigned digits)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 9; i++)
        value = value * 10 + (i < digits ? (uint32_t)(p[i] - '0') : 0);
    return value;
}

static mr_moment moment_of(const char *date, const char *clock, mr_time_layout layout)
{
    const unsigned digits = layout >> 8 & 15;
    const int64_t days = date != NULL ? day_of(date) : 0;
    return (mr_moment){.seconds = days * SECONDS_PER_DAY + two_digits(clock) * 3600 +
                                  two_digits(clock + 3) * 60 + two_digits(clock + 6),
                       .nanoseconds = digits > 0 ? fraction_of(clock + 9, digits) : 0,
                       .layout = layout};
}

bool mr_value_read_timestamp(mr_slice text, mr_value *out)
{
    mr_time_layout layout;
    if (!mr_text_is_timestamp(text, &layout)) return false;
    *out = (mr_value){.cell.time = moment_of(text.ptr, text.ptr + 11, layout),
                      .kind = MR_KIND_TIMESTAMP};
    return true;
}

bool mr_value_read_time(mr_slice text, mr_value *out)
{
    char whole[48] = "1970-01-01T"; /* judged as the timestamp that it would end */
    mr_time_layout layout;
    if (text.len > 18) return false;
    if (text.len > 0) memcpy(whole + 11, text.ptr, text.len);
    const mr_slice stamp = {whole, 11 + text.len};
    if (!mr_text_is_timestamp(stamp, &layout) || (layout >> 12 & 3) != 0) return false;
    *out = (mr_value){.cell.time = moment_of(NULL, whole + 11, layout), .kind = MR_KIND_TIME};
    return true;
}

static bool read_real(mr_slice text, mr_value *out)
{
    double real;
    if (text.len == 0 || !mr_parse_f64(text, &real)) return false;
    *out = mr_value_real(real);
    return true;
}

bool mr_value_read_cell(mr_type type, mr_slice text, mr_value *out)
{
    switch (type) {
    case MR_TYPE_BOOL: return mr_value_read_bool(text, out);
    case MR_TYPE_INT:
    case MR_TYPE_DECIMAL: return mr_value_read_exact(text, out);
    case MR_TYPE_NUMBER: return mr_value_read_number(text, out);
    case MR_TYPE_FLOAT: return read_real(text, out);
    case MR_TYPE_DATE: return mr_value_read_date(text, out);
    case MR_TYPE_TIME: return mr_value_read_time(text, out);
    case MR_TYPE_TIMESTAMP: return mr_value_read_timestamp(text, out);
    case MR_TYPE_UUID: *out = mr_value_text(MR_KIND_UUID, text); return true;
    case MR_TYPE_BYTES: *out = mr_value_text(MR_KIND_BYTES, text); return true;
    case MR_TYPE_JSON: *out = mr_value_text(MR_KIND_JSON, text); return true;
    case MR_TYPE_STRING: *out = mr_value_text(MR_KIND_STRING, text); return true;
    case MR_TYPE_NULL:
    case MR_TYPE_MIXED:
    case MR_TYPE_COUNT: break;
    }
    return false;
}

/* The digits of a JSON number: `count` significant ones from `first`, times 10^exponent of the last
 * one. */
typedef struct spelled {
    bool negative;
    mr_i128 digits;
    int64_t exponent;
} spelled;

/* False when it has more than 38 significant digits or an exponent beyond reason. */
static bool spell(mr_slice text, spelled *out)
{
    const bool negative = text.ptr[0] == '-';
    mr_i128 digits = 0;
    int64_t zeros = 0, dropped = 0, exponent = 0; /* zeros: seen after the last other digit */
    bool fraction = false;
    size_t at = negative;
    for (; at < text.len && (text.ptr[at] | 0x20) != 'e'; at++) {
        const char c = text.ptr[at];
        if (c == '.') {
            fraction = true;
            continue;
        }
        dropped += fraction;
        zeros++;
        if (c == '0') continue;
        for (; zeros > 0 && digits != 0; zeros--) {
            if (digits >= mr_pow10_i128(37)) return false;
            digits *= 10;
        }
        zeros = 0;
        digits += c - '0';
    }
    if (at < text.len) {
        const bool minus = text.ptr[at + 1] == '-';
        at += 1 + (text.ptr[at + 1] == '-' || text.ptr[at + 1] == '+');
        for (; at < text.len && exponent < 1000000000; at++)
            exponent = exponent * 10 + (text.ptr[at] - '0');
        exponent = minus ? -exponent : exponent;
    }
    *out = (spelled){negative, digits, exponent + zeros - dropped};
    return true;
}

bool mr_value_exact_number(mr_value *value)
{
    spelled s;
    if (value->kind != MR_KIND_NUMBER) return true;
    if (!spell(value->cell.text, &s)) return false;
    if (s.digits == 0) {
        *value = mr_value_int(0);
        return true;
    }
    if (s.exponent > 37 || s.exponent < -37) return false;
    if (s.exponent > 0) {
        if (s.digits >= mr_pow10_i128((unsigned)(38 - s.exponent))) return false;
        s.digits *= mr_pow10_i128((unsigned)s.exponent);
        s.exponent = 0;
    }
    *value = mr_value_decimal(s.negative ? -s.digits : s.digits, (unsigned)-s.exponent);
    return true;
}

bool mr_value_as_real(const mr_value *value, double *out)
{
    char text[MR_DECIMAL_TEXT_MAX];
    const mr_i128 exact = INT64_C(1) << 53;
    if (value->kind == MR_KIND_FLOAT) {
        *out = value->cell.real;
        return true;
    }
    if (value->kind == MR_KIND_INT) {
        *out = (double)value->cell.integer;
        return true;
    }
    if (value->kind == MR_KIND_NUMBER) return mr_parse_f64(value->cell.text, out);
    const mr_i128 v = value->cell.decimal;
    if (v <= exact && v >= -exact && value->scale <= 15) { /* one division of exact doubles */
        *out = (double)(int64_t)v / (double)mr_powers_of_ten[value->scale];
        return true;
    }
    const size_t len = mr_format_decimal(text, v, value->scale);
    return mr_parse_f64((mr_slice){text, len}, out);
}

/* --- to text
 * ---------------------------------------------------------------------------------- */

static char *put_two(char *to, int64_t value)
{
    memcpy(to, mr_digit_pairs + value * 2, 2);
    return to + 2;
}

static char *put_date(char *to, int64_t day)
{
    const mr_date date = mr_date_from_days((int32_t)day);
    to = put_two(put_two(to, date.year / 100), date.year % 100);
    *to++ = '-';
    to = put_two(to, date.month);
    *to++ = '-';
    return put_two(to, date.day);
}

static char *put_clock(char *to, int64_t second, uint32_t nanoseconds, unsigned digits)
{
    to = put_two(to, second / 3600);
    *to++ = ':';
    to = put_two(to, second / 60 % 60);
    *to++ = ':';
    to = put_two(to, second % 60);
    if (digits == 0) return to;
    *to++ = '.';
    mr_digits_write(to, nanoseconds / mr_powers_of_ten[9 - digits], digits);
    return to + digits;
}

static char *put_zone(char *to, mr_time_layout layout)
{
    if (layout >> 12 & 1) *to++ = 'Z';
    if ((layout >> 13 & 1) == 0) return to;
    const int64_t minutes = (int64_t)(layout >> 16) - 1440;
    const int64_t size = minutes < 0 ? -minutes : minutes;
    *to++ = minutes < 0 ? '-' : '+';
    to = put_two(to, size / 60);
    *to++ = ':';
    return put_two(to, size % 60);
}

static char *put_timestamp(char *to, const mr_moment *time)
{
    const int64_t shifted = time->seconds + INT64_C(719528) * SECONDS_PER_DAY; /* since year 0 */
    const int64_t day = shifted / SECONDS_PER_DAY - 719528;
    to = put_date(to, day);
    *to++ = (char)(time->layout & 0xff);
    to = put_clock(to, shifted % SECONDS_PER_DAY, time->nanoseconds, time->layout >> 8 & 15);
    return put_zone(to, time->layout);
}

mr_slice mr_value_write(const mr_value *value, char *room)
{
    char *end = room;
    switch ((mr_kind)value->kind) {
    case MR_KIND_TRUE: return MR_SLICE("true");
    case MR_KIND_FALSE: return MR_SLICE("false");
    case MR_KIND_INT: end += mr_format_i64(room, value->cell.integer); break;
    case MR_KIND_DECIMAL: end += mr_format_decimal(room, value->cell.decimal, value->scale); break;
    case MR_KIND_FLOAT: end += mr_format_f64(room, value->cell.real); break;
    case MR_KIND_DATE: end = put_date(room, value->cell.integer); break;
    case MR_KIND_TIME:
        end = put_clock(room, value->cell.time.seconds, value->cell.time.nanoseconds,
                        value->cell.time.layout >> 8 & 15);
        break;
    case MR_KIND_TIMESTAMP: end = put_timestamp(room, &value->cell.time); break;
    case MR_KIND_NUMBER:
    case MR_KIND_UUID:
    case MR_KIND_STRING:
    case MR_KIND_BYTES:
    case MR_KIND_JSON:
    case MR_KIND_TEXT: return value->cell.text;
    case MR_KIND_NULL:
    case MR_KIND_ABSENT:
    case MR_KIND_FAULT:
    case MR_KIND_COUNT: break;
    }
    return (mr_slice){room, (size_t)(end - room)};
}
