/* SPDX-License-Identifier: MIT */
#include "core/scan.h"

#include "core/number.h"
#include "core/simd.h"
#include "core/utf8.h"

/* --- The grammar ------------------------------------------------------------------------------ */

/* Remembers the first fault; NULL, to be returned where a place is wanted. */
static MR_COLD const char *fault(mr_scan *scan, const char *at, const char *text)
{
    if (scan->fault == NULL) {
        scan->fault = text;
        scan->fault_at = at;
    }
    return NULL;
}

MR_INLINE bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

MR_INLINE bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Most JSON on the wire has no white space, so one comparison settles it. */
MR_INLINE const char *skip_space(const char *p, const char *end, uint32_t *marks)
{
    if (MR_LIKELY(p == end || (unsigned char)*p > ' ') || !is_space(*p)) return p;
    *marks |= MR_SCAN_SPACED;
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* The four hex digits at `p`; above 0xffff when they are not. */
static uint32_t read_hex4(const char *p, const char *end)
{
    uint32_t value = 0;
    if (end - p < 4) return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        const char lower = (char)(p[i] | 0x20);
        if (is_digit(p[i]))
            value = value << 4 | (uint32_t)(p[i] - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return UINT32_MAX;
    }
    return value;
}

static bool is_high_half(uint32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low_half(uint32_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/* `p` is behind "\u" and its first half of a pair: whether the second half follows. */
static bool low_half_follows(const char *p, const char *end, uint32_t *out)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return false;
    *out = read_hex4(p + 2, end);
    return is_low_half(*out);
}

/* `p` is at a backslash; to behind the escape (both of a pair). */
static const char *skip_escape(mr_scan *scan, const char *p, uint32_t *marks)
{
    *marks |= MR_SCAN_ESCAPED;
    if (scan->end - p < 2) return fault(scan, scan->end, "expected an escape");
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 2;
    case 'u': break;
    default: return fault(scan, p + 1, "expected an escape");
    }
    uint32_t low;
    const uint32_t unit = read_hex4(p + 2, scan->end);
    if (unit > 0xffff) return fault(scan, p, "expected \\u and four hex digits");
    if (is_high_half(unit) && low_half_follows(p + 6, scan->end, &low)) return p + 12;
    if (is_high_half(unit) || is_low_half(unit)) *marks |= MR_SCAN_LONE;
    return p + 6;
}

/* The first byte from `p` that is a quote, a backslash or a control character; `end` if none. */
MR_INLINE const char *find_stop(const char *p, const char *end)
{
    while (end - p >= 32) {
        const uint32_t stops = mr_v32_stops(mr_v32_load(p), '"', '\\');
        if (stops != 0) return p + mr_ctz32(stops);
        p += 32;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
}

/* `p` is behind the opening quote; to behind the closing one. */
MR_INLINE const char *skip_string(mr_scan *scan, const char *p, uint32_t *marks)
{
    for (;;) {
        p = find_stop(p, scan->end);
        if (MR_UNLIKELY(p == scan->end)) return fault(scan, p, "expected '\"' to end a string");
        if (MR_LIKELY(*p == '"')) return p + 1;
        if (*p != '\\') return fault(scan, p, "control character in a string");
        p = skip_escape(scan, p, marks);
        if (p == NULL) return NULL;
    }
}

/* `p` is at a digit, which may be preceded by '-'. */
static const char *skip_number(mr_scan *scan, const char *p)
{
    const char *const end = scan->end;
    if (*p == '-') p++;
    if (p == end || !is_digit(*p)) return fault(scan, p, "expected a digit");
    if (*p == '0')
        p++;
    else
        while (p < end && is_digit(*p))
            p++;
    if (p < end && *p == '.') {
        p++;
        if (p == end || !is_digit(*p)) return fault(scan, p, "expected a digit");
        while (p < end && is_digit(*p))
            p++;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        if (p == end || !is_digit(*p)) return fault(scan, p, "expected a digit");
        while (p < end && is_digit(*p))
            p++;
    }
    return p;
}

static const char *skip_word(mr_scan *scan, const char *p, const char *word, size_t len)
{
    if ((size_t)(scan->end - p) < len || memcmp(p, word, len) != 0)
        return fault(scan, p, "expected a value");
    return p + len;
}

/* A value without brackets. */
MR_INLINE const char *skip_scalar(mr_scan *scan, const char *p, uint32_t *marks)
{
    switch (*p) {
    case '"': return skip_string(scan, p + 1, marks);
    case 't': return skip_word(scan, p, "true", 4);
    case 'f': return skip_word(scan, p, "false", 5);
    case 'n': return skip_word(scan, p, "null", 4);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return skip_number(scan, p);
    default: return fault(scan, p, "expected a value");
    }
}

/* "key" : */
MR_INLINE const char *skip_key(mr_scan *scan, const char *p, uint32_t *marks)
{
    p = skip_space(p, scan->end, marks);
    if (MR_UNLIKELY(p == scan->end || *p != '"')) return fault(scan, p, "expected a key");
    p = skip_string(scan, p + 1, marks);
    if (MR_UNLIKELY(p == NULL)) return NULL;
    p = skip_space(p, scan->end, marks);
    if (MR_UNLIKELY(p == scan->end || *p != ':')) return fault(scan, p, "expected ':'");
    return p + 1;
}

/* Which brackets are open inside a value: bit i tells whether level i is an object. */
typedef struct nesting {
    uint64_t objects[(MR_SCAN_DEPTH_MAX + 63) / 64];
    uint32_t depth, room;
} nesting;

MR_INLINE bool in_object(const nesting *n)
{
    return n->depth > 0 && (n->objects[(n->depth - 1) / 64] >> (n->depth - 1) % 64 & 1) != 0;
}

/* `p` is at an opening bracket; to behind it, or behind its pair when nothing is between. */
MR_INLINE const char *open_bracket(mr_scan *scan, nesting *n, const char *p, uint32_t *marks,
                                   bool *empty)
{
    const bool object = *p == '{';
    if (MR_UNLIKELY(n->depth == n->room))
        return fault(scan, p, "arrays and objects lie too deep in each other");
    p = skip_space(p + 1, scan->end, marks);
    *empty = p < scan->end && *p == (object ? '}' : ']');
    if (*empty) return p + 1;
    const uint64_t bit = UINT64_C(1) << n->depth % 64;
    uint64_t *word = &n->objects[n->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    n->depth++;
    return p;
}

/* Behind a value: closes what ends here. To behind the comma, or the end of the outermost value. */
MR_INLINE const char *close_brackets(mr_scan *scan, nesting *n, const char *p, uint32_t *marks)
{
    while (n->depth > 0) {
        const bool object = in_object(n);
        p = skip_space(p, scan->end, marks);
        if (MR_UNLIKELY(p == scan->end))
            return fault(scan, p, object ? "expected ',' or '}'" : "expected ',' or ']'");
        if (*p == ',') return p + 1;
        if (MR_UNLIKELY(*p != (object ? '}' : ']')))
            return fault(scan, p, object ? "expected ',' or '}'" : "expected ',' or ']'");
        p++;
        n->depth--;
    }
    return p;
}

/* `p` is at the first byte of a value; to behind it. */
static const char *skip_value(mr_scan *scan, const char *p, uint32_t *marks)
{
    if (*p != '{' && *p != '[') return skip_scalar(scan, p, marks);
    nesting n;
    n.depth = 0;
    n.objects[0] = 0;
    n.room = MR_SCAN_DEPTH_MAX - scan->depth;
    do {
        bool complete = true;
        if (in_object(&n)) p = skip_key(scan, p, marks);
        if (MR_UNLIKELY(p == NULL)) return NULL;
        p = skip_space(p, scan->end, marks);
        if (MR_UNLIKELY(p == scan->end)) return fault(scan, p, "expected a value");
        if (*p == '{' || *p == '[')
            p = open_bracket(scan, &n, p, marks, &complete);
        else
            p = skip_scalar(scan, p, marks);
        if (MR_UNLIKELY(p == NULL)) return NULL;
        if (complete) p = close_brackets(scan, &n, p, marks);
        if (MR_UNLIKELY(p == NULL)) return NULL;
    } while (n.depth > 0);
    return p;
}

/* --- Pulling ---------------------------------------------------------------------------------- */

void mr_scan_init(mr_scan *scan, mr_slice text)
{
    *scan = (mr_scan){.start = text.ptr,
                      .at = text.ptr,
                      .end = text.len > 0 ? text.ptr + text.len : text.ptr,
                      .utf8 = mr_utf8_valid(text)};
}

void mr_scan_open(mr_scan *scan, const mr_scan_value *value)
{
    MR_DCHECK(value->kind == MR_SCAN_ARRAY || value->kind == MR_SCAN_OBJECT);
    *scan = (mr_scan){.start = value->raw.ptr,
                      .at = value->raw.ptr + 1,
                      .end = value->raw.ptr + value->raw.len,
                      .depth = 1,
                      .first = true,
                      .utf8 = (value->marks & MR_SCAN_BROKEN) == 0};
}

/* To the next byte that is not white space; false with a fault, or at the end of the text. */
static bool skip_to_token(mr_scan *scan)
{
    uint32_t marks = 0;
    if (MR_UNLIKELY(scan->fault != NULL)) return false;
    scan->at = skip_space(scan->at, scan->end, &marks);
    return scan->at < scan->end;
}

static mr_scan_kind kind_of(char first)
{
    switch (first) {
    case '{': return MR_SCAN_OBJECT;
    case '[': return MR_SCAN_ARRAY;
    case '"': return MR_SCAN_STRING;
    case 't': return MR_SCAN_TRUE;
    case 'f': return MR_SCAN_FALSE;
    case 'n': return MR_SCAN_NULL;
    default: return first == '-' || is_digit(first) ? MR_SCAN_NUMBER : MR_SCAN_NONE;
    }
}

mr_scan_kind mr_scan_peek(mr_scan *scan)
{
    return skip_to_token(scan) ? kind_of(*scan->at) : MR_SCAN_NONE;
}

bool mr_scan_enter(mr_scan *scan, mr_scan_kind kind)
{
    MR_DCHECK(kind == MR_SCAN_ARRAY || kind == MR_SCAN_OBJECT);
    const bool object = kind == MR_SCAN_OBJECT;
    if (!skip_to_token(scan) || *scan->at != (object ? '{' : '['))
        return fault(scan, scan->at, object ? "expected '{'" : "expected '['") != NULL;
    if (scan->depth == MR_SCAN_DEPTH_MAX)
        return fault(scan, scan->at, "arrays and objects lie too deep in each other") != NULL;
    scan->at++;
    scan->depth++;
    scan->first = true;
    return true;
}

/* Before the next element or member: reads the comma. False after the closing bracket, or with a
 * fault. */
static bool separate(mr_scan *scan, char close, const char *expected)
{
    if (!skip_to_token(scan)) return fault(scan, scan->at, expected) != NULL;
    if (*scan->at == close) {
        scan->at++;
        scan->depth--;
        scan->first = false;
        return false;
    }
    if (scan->first) {
        scan->first = false;
        return true;
    }
    if (*scan->at != ',') return fault(scan, scan->at, expected) != NULL;
    scan->at++;
    return true;
}

bool mr_scan_element(mr_scan *scan)
{
    return separate(scan, ']', "expected ',' or ']'");
}

/* What has been read from `from`: its text and the marks of it. */
static void give(mr_scan *scan, const char *from, mr_scan_kind kind, uint32_t marks,
                 mr_scan_value *out)
{
    *out = (mr_scan_value){.raw = {from, (size_t)(scan->at - from)}, .kind = kind, .marks = marks};
    if (MR_UNLIKELY(!scan->utf8) && !mr_utf8_valid(out->raw)) out->marks |= MR_SCAN_BROKEN;
}

bool mr_scan_member(mr_scan *scan, mr_scan_value *out_key)
{
    uint32_t marks = 0;
    if (!separate(scan, '}', "expected ',' or '}'")) return false;
    if (!skip_to_token(scan) || *scan->at != '"')
        return fault(scan, scan->at, "expected a key") != NULL;
    const char *from = scan->at, *to = skip_string(scan, from + 1, &marks);
    if (to == NULL) return false;
    scan->at = to;
    give(scan, from, MR_SCAN_STRING, marks, out_key);
    if (!skip_to_token(scan) || *scan->at != ':')
        return fault(scan, scan->at, "expected ':'") != NULL;
    scan->at++;
    return true;
}

bool mr_scan_next(mr_scan *scan, mr_scan_value *out)
{
    uint32_t marks = 0;
    if (!skip_to_token(scan)) return fault(scan, scan->at, "expected a value") != NULL;
    const char *from = scan->at, *to = skip_value(scan, from, &marks);
    if (to == NULL) return false;
    scan->at = to;
    give(scan, from, kind_of(*from), marks, out);
    return true;
}

bool mr_scan_finish(mr_scan *scan)
{
    if (skip_to_token(scan)) (void)fault(scan, scan->at, "expected the end of the text");
    return scan->fault == NULL;
}

mr_code mr_scan_fail(const mr_scan *scan, mr_error *err)
{
    MR_DCHECK(scan->fault != NULL);
    const size_t byte = scan->start != NULL ? (size_t)(scan->fault_at - scan->start) : 0;
    if (scan->fault_at == scan->end)
        return mr_fail(err, MR_ERR_INPUT, "byte %zu: %s, found the end of the text", byte,
                       scan->fault);
    const unsigned char found = (unsigned char)*scan->fault_at;
    if (found > ' ' && found < 0x7f)
        return mr_fail(err, MR_ERR_INPUT, "byte %zu: %s, found '%c'", byte, scan->fault, found);
    return mr_fail(err, MR_ERR_INPUT, "byte %zu: %s, found byte 0x%02x", byte, scan->fault, found);
}
