/* SPDX-License-Identifier: MIT */
#include "connector/sqlite_type.h"

#include <math.h>
#include <stdlib.h>

#include "core/number.h"

/* Integers up to here are doubles exactly. */
#define DOUBLE_INT_MAX ((int64_t)1 << 53)
#define JSON_DEPTH_MAX 1024 /* deeper text is a string */

static bool contains(mr_slice text, const char *upper)
{
    const size_t len = strlen(upper);
    for (size_t at = 0; at + len <= text.len; at++) {
        size_t same = 0;
        while (same < len && (text.ptr[at + same] | 0x20) == (upper[same] | 0x20))
            same++;
        if (same == len) return true;
    }
    return false;
}

mr_sqlite_affinity mr_sqlite_affinity_of(mr_slice declared, bool strict)
{
    if (contains(declared, "int")) return MR_SQLITE_AFFINITY_NUMERIC;
    if (contains(declared, "char") || contains(declared, "clob") || contains(declared, "text"))
        return MR_SQLITE_AFFINITY_TEXT;
    if (contains(declared, "blob") || declared.len == 0) return MR_SQLITE_AFFINITY_NONE;
    if (contains(declared, "real") || contains(declared, "floa") || contains(declared, "doub"))
        return MR_SQLITE_AFFINITY_REAL;
    return strict ? MR_SQLITE_AFFINITY_NONE : MR_SQLITE_AFFINITY_NUMERIC; /* ANY */
}

const char *mr_sqlite_declared_type(mr_type type)
{
    static const char *const declared[MR_TYPE_COUNT] = {
        [MR_TYPE_NULL] = "",
        [MR_TYPE_BOOL] = "BOOLEAN_TEXT",
        [MR_TYPE_INT] = "INTEGER",
        [MR_TYPE_DECIMAL] = "DECIMAL_TEXT",
        [MR_TYPE_FLOAT] = "REAL",
        [MR_TYPE_NUMBER] = "NUMBER_TEXT",
        [MR_TYPE_DATE] = "DATE_TEXT",
        [MR_TYPE_TIME] = "TIME_TEXT",
        [MR_TYPE_TIMESTAMP] = "TIMESTAMP_TEXT",
        [MR_TYPE_UUID] = "UUID_TEXT",
        [MR_TYPE_STRING] = "TEXT",
        [MR_TYPE_BYTES] = "BLOB",
        [MR_TYPE_JSON] = "JSON_TEXT",
        [MR_TYPE_MIXED] = "",
    };
    return declared[type];
}

mr_type mr_sqlite_hint_of(mr_slice declared)
{
    static const struct {
        const char *part;
        mr_type type;
    } hints[] = {
        {"bool", MR_TYPE_BOOL},          {"timestamp", MR_TYPE_TIMESTAMP},
        {"datetime", MR_TYPE_TIMESTAMP}, {"date", MR_TYPE_DATE},
        {"uuid", MR_TYPE_UUID},          {"decimal_text", MR_TYPE_DECIMAL},
        {"number_text", MR_TYPE_NUMBER}, {"time_text", MR_TYPE_TIME},
        {"json", MR_TYPE_JSON},
    };
    for (size_t i = 0; i < MR_COUNT_OF(hints); i++)
        if (contains(declared, hints[i].part)) return hints[i].type;
    return MR_TYPE_STRING;
}

static size_t count_digits(mr_slice text, size_t from)
{
    size_t count = 0;
    while (from + count < text.len && text.ptr[from + count] >= '0' &&
           text.ptr[from + count] <= '9')
        count++;
    return count;
}

/* hh:mm:ss[.f{1,9}] */
static bool is_time(mr_slice text)
{
    if (text.len < 8 || text.ptr[2] != ':' || text.ptr[5] != ':') return false;
    if (count_digits(text, 0) != 2 || count_digits(text, 3) != 2 || count_digits(text, 6) != 2)
        return false;
    if (text.ptr[0] > '2' || (text.ptr[0] == '2' && text.ptr[1] > '3')) return false;
    if (text.ptr[3] > '5' || text.ptr[6] > '5') return false;
    if (text.len == 8) return true;
    const size_t fraction = count_digits(text, 9);
    return text.ptr[8] == '.' && fraction >= 1 && fraction <= 9 && text.len == 9 + fraction;
}

/* The grammar of JSON numbers. */
static bool is_number(mr_slice text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-';
    const size_t whole = count_digits(text, at);
    if (whole == 0 || (whole > 1 && text.ptr[at] == '0')) return false;
    at += whole;
    if (at < text.len && text.ptr[at] == '.') {
        const size_t fraction = count_digits(text, at + 1);
        if (fraction == 0) return false;
        at += 1 + fraction;
    }
    if (at < text.len && (text.ptr[at] | 0x20) == 'e') {
        at++;
        if (at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-')) at++;
        const size_t exponent = count_digits(text, at);
        if (exponent == 0) return false;
        at += exponent;
    }
    return at == text.len;
}

/* --- is it one compact JSON object or array?
 * ------------------------------------------------------ */

typedef struct json_scan {
    const char *at, *end;
    unsigned depth;
    uint64_t objects[JSON_DEPTH_MAX / 64]; /* a bit per open level: 1 = object */
} json_scan;

static bool take(json_scan *scan, char byte)
{
    if (scan->at == scan->end || *scan->at != byte) return false;
    scan->at++;
    return true;
}

static bool in_object(const json_scan *scan)
{
    const unsigned level = scan->depth - 1;
    return (scan->objects[level / 64] >> level % 64 & 1) != 0;
}

static bool take_escape(json_scan *scan)
{
    if (scan->at == scan->end) return false;
    const char kind = *scan->at++;
    if (kind != 'u') return kind != 0 && strchr("\"\\/bfnrt", kind) != NULL;
    for (int i = 0; i < 4; i++, scan->at++) {
        if (scan->at == scan->end) return false;
        const char digit = *scan->at;
        const char letter = (char)(digit | 0x20);
        if ((digit < '0' || digit > '9') && (letter < 'a' || letter > 'f')) return false;
    }
    return true;
}

static bool take_string(json_scan *scan)
{
    if (!take(scan, '"')) return false;
    while (scan->at < scan->end) {
        const unsigned char byte = (unsigned char)*scan->at++;
        if (byte == '"') return true;
        if (byte < 0x20 || (byte == '\\' && !take_escape(scan))) return false;
    }
    return false;
}

static bool take_scalar(json_scan *scan)
{
    if (scan->at < scan->end && *scan->at == '"') return take_string(scan);
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at != ',' && *scan->at != ']' && *scan->at != '}')
        scan->at++;
    const mr_slice word = {from, (size_t)(scan->at - from)};
    return mr_slice_is(word, "null") || mr_slice_is(word, "true") || mr_slice_is(word, "false") ||
           is_number(word);
}

static bool take_key(json_scan *scan)
{
    return !in_object(scan) || (take_string(scan) && take(scan, ':'));
}

/* A scalar, or the start of a container up to its first value. *out_inside: a value must follow. */
static bool take_value(json_scan *scan, bool *out_inside)
{
    *out_inside = false;
    const bool object = take(scan, '{');
    if (!object && !take(scan, '[')) return take_scalar(scan);
    if (take(scan, object ? '}' : ']')) return true;
    if (scan->depth == JSON_DEPTH_MAX) return false;
    const uint64_t bit = (uint64_t)1 << scan->depth % 64;
    uint64_t *word = &scan->objects[scan->depth++ / 64];
    *word = object ? *word | bit : *word & ~bit;
    *out_inside = true;
    return take_key(scan);
}

/* No white space outside strings: text that came from elsewhere and has some stays a string. */
static bool is_compact_json(mr_slice text)
{
    if (text.len < 2 || (text.ptr[0] != '{' && text.ptr[0] != '[')) return false;
    json_scan scan = {.at = text.ptr, .end = text.ptr + text.len};
    for (;;) {
        bool inside;
        if (!take_value(&scan, &inside)) return false;
        if (inside) continue;
        while (scan.depth > 0 && take(&scan, in_object(&scan) ? '}' : ']'))
            scan.depth--;
        if (scan.depth == 0) return scan.at == scan.end;
        if (!take(&scan, ',') || !take_key(&scan)) return false;
    }
}

static bool is_timestamp(mr_slice text, mr_time_layout *layout)
{
    mr_time_layout found = 0;
    if (!mr_text_is_timestamp(text, &found)) return false;
    if (*layout == 0) *layout = found;
    return found == *layout;
}

bool mr_sqlite_fits_hint(mr_slice text, mr_type hint, mr_time_layout *layout)
{
    switch (hint) {
    case MR_TYPE_BOOL:
        return mr_slice_equal(text, MR_SLICE("true")) || mr_slice_equal(text, MR_SLICE("false"));
    case MR_TYPE_DECIMAL: return mr_text_is_int(text) || mr_text_is_decimal(text);
    case MR_TYPE_NUMBER: return is_number(text);
    case MR_TYPE_DATE: return mr_text_is_date(text);
    case MR_TYPE_TIME: return is_time(text);
    case MR_TYPE_TIMESTAMP: return is_timestamp(text, layout);
    case MR_TYPE_UUID: return mr_text_is_uuid(text);
    case MR_TYPE_JSON: return is_compact_json(text);
    case MR_TYPE_NULL:
    case MR_TYPE_INT:
    case MR_TYPE_FLOAT:
    case MR_TYPE_STRING:
    case MR_TYPE_BYTES:
    case MR_TYPE_MIXED:
    case MR_TYPE_COUNT: return false;
    }
    return false;
}

mr_sqlite_store mr_sqlite_store_of(mr_type type, mr_sqlite_affinity affinity)
{
    if (type == MR_TYPE_BYTES) return MR_SQLITE_STORE_BLOB;
    if (affinity == MR_SQLITE_AFFINITY_TEXT) return MR_SQLITE_STORE_TEXT;
    const bool number = mr_type_is_number(type);
    if (affinity == MR_SQLITE_AFFINITY_NONE && type != MR_TYPE_INT && type != MR_TYPE_FLOAT)
        return MR_SQLITE_STORE_TEXT;
    if (type == MR_TYPE_INT && affinity != MR_SQLITE_AFFINITY_REAL) return MR_SQLITE_STORE_INT;
    /* Dates, uuids, bools and nested values never look like numbers, so nothing converts them. */
    return number || type == MR_TYPE_STRING ? MR_SQLITE_STORE_CHECKED : MR_SQLITE_STORE_TEXT;
}

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Would SQLite take this TEXT for a number? Blanks around, a plus, leading zeros, "5." and ".5" are
 * fine with it. */
static bool looks_numeric(mr_slice text)
{
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = mr_slice_from(text, 1);
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    size_t at = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    const size_t whole = count_digits(text, at);
    at += whole;
    size_t fraction = 0;
    if (at < text.len && text.ptr[at] == '.') {
        fraction = count_digits(text, at + 1);
        at += 1 + fraction;
    }
    if (whole + fraction == 0) return false;
    if (at == text.len) return true;
    if ((text.ptr[at] | 0x20) != 'e') return false;
    at++;
    if (at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-')) at++;
    const size_t exponent = count_digits(text, at);
    return exponent > 0 && at + exponent == text.len;
}

/* A REAL that keeps its bytes: not -0.0, which REAL columns store as 0, and not 12.0 in a NUMERIC
 * column, which becomes 12. */
static bool real_comes_back(mr_slice text, double real, mr_sqlite_affinity affinity)
{
    const bool whole = real >= -0x1p63 && real < 0x1p63 && real == floor(real);
    if (affinity == MR_SQLITE_AFFINITY_NUMERIC && whole) return false;
    if (affinity == MR_SQLITE_AFFINITY_REAL && whole && real == 0 && signbit(real)) return false;
    char back[MR_F64_TEXT_MAX];
    return mr_slice_equal(text, mr_slice_of(back, mr_format_f64(back, real)));
}

bool mr_sqlite_store_checked(mr_slice text, mr_sqlite_affinity affinity, mr_sqlite_number *out)
{
    out->store = MR_SQLITE_STORE_TEXT;
    if (affinity == MR_SQLITE_AFFINITY_REAL && mr_parse_i64(text, &out->integer)) {
        out->store = MR_SQLITE_STORE_REAL;
        out->real = (double)out->integer;
        return out->integer >= -DOUBLE_INT_MAX && out->integer <= DOUBLE_INT_MAX;
    }
    if (mr_parse_i64(text, &out->integer)) {
        out->store = MR_SQLITE_STORE_INT;
        return true;
    }
    const bool keeps_text = affinity == MR_SQLITE_AFFINITY_NONE || !looks_numeric(text);
    if (mr_parse_f64(text, &out->real) && real_comes_back(text, out->real, affinity)) {
        out->store = MR_SQLITE_STORE_REAL;
        return true;
    }
    return keeps_text;
}
