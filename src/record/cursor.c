/* SPDX-License-Identifier: MIT */
#include "record/cursor.h"

#include "core/clock.h"
#include "core/number.h"

#define EXPONENT_MAX   INT64_C(1000000000000000)
#define NS             INT64_C(1000000000)
#define DAY_SECONDS    86400
#define DATE_LEN       10
#define SECONDS_END    19 /* of YYYY-MM-DDThh:mm:ss */
#define FRACTION_START 20

const char *mr_cursor_kind_name(mr_cursor_kind kind)
{
    switch (kind) {
    case MR_CURSOR_NUMBER: return "number";
    case MR_CURSOR_TIME: return "time";
    case MR_CURSOR_TEXT: return "text";
    case MR_CURSOR_NONE: break;
    }
    return "unknown";
}

mr_cursor_kind mr_cursor_kind_of(mr_type type)
{
    if (mr_type_is_number(type)) return MR_CURSOR_NUMBER;
    if (type == MR_TYPE_DATE || type == MR_TYPE_TIMESTAMP) return MR_CURSOR_TIME;
    return type == MR_TYPE_NULL ? MR_CURSOR_NONE : MR_CURSOR_TEXT;
}

/* --- numbers --------------------------------------------------------------------------------- */

MR_INLINE bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* A literal as 0.d1 d2 d3 ... x 10^exponent, d1 not 0. */
typedef struct literal {
    const char *at, *end; /* its digits, with a point among them; d1 first */
    int64_t exponent;
    int sign; /* 0: it is zero */
} literal;

static bool scan_exponent(const char *at, const char *end, int64_t *out)
{
    bool negative = false;
    *out = 0;
    if (at == end) return true;
    if (*at != 'e' && *at != 'E') return false;
    at++;
    if (at < end && (*at == '+' || *at == '-')) negative = *at++ == '-';
    if (at == end) return false;
    for (; at < end; at++) {
        if (!is_digit(*at)) return false;
        if (*out < EXPONENT_MAX) *out = *out * 10 + (*at - '0');
    }
    if (negative) *out = -*out;
    return true;
}

/* The digits from `at` to `end` hold one point at most; `whole` of them stand before it. */
static void normalize(const char *at, const char *end, int64_t whole, literal *out)
{
    for (; at < end && (*at == '0' || *at == '.'); at++)
        whole -= *at == '0';
    out->at = at;
    out->end = end;
    out->exponent += whole;
    if (at == end) out->sign = 0;
}

static bool scan_literal(mr_slice text, literal *out)
{
    const char *at = text.ptr, *const end = text.ptr + text.len;
    const bool negative = at < end && *at == '-';
    at += negative;
    const char *const digits = at;
    while (at < end && is_digit(*at))
        at++;
    const int64_t whole = at - digits;
    if (whole == 0 || (whole > 1 && *digits == '0')) return false;
    if (at < end && *at == '.') {
        const char *const point = at++;
        while (at < end && is_digit(*at))
            at++;
        if (at == point + 1) return false;
    }
    if (!scan_exponent(at, end, &out->exponent)) return false;
    out->sign = negative ? -1 : 1;
    normalize(digits, at, whole, out);
    return true;
}

MR_INLINE int next_digit(literal *number)
{
    if (number->at < number->end && *number->at == '.') number->at++;
    return number->at < number->end ? *number->at++ - '0' : -1;
}

/* Both above zero. */
static int compare_sizes(literal *a, literal *b)
{
    if (a->exponent != b->exponent) return a->exponent < b->exponent ? -1 : 1;
    for (;;) {
        const int x = next_digit(a), y = next_digit(b);
        if (x < 0 && y < 0) return 0;
        const int p = x < 0 ? 0 : x, q = y < 0 ? 0 : y; /* zeros at the end change nothing */
        if (p != q) return p < q ? -1 : 1;
    }
}

static int compare_literals(mr_slice a, mr_slice b)
{
    literal x, y;
    const bool good = scan_literal(a, &x) && scan_literal(b, &y);
    MR_DCHECK(good);
    if (!good) return 0;
    if (x.sign != y.sign) return x.sign < y.sign ? -1 : 1;
    if (x.sign == 0) return 0;
    return x.sign * compare_sizes(&x, &y);
}

/* --- times ----------------------------------------------------------------------------------- */

static int32_t two_digits(const char *p)
{
    return (p[0] - '0') * 10 + (p[1] - '0');
}

static int64_t date_seconds(const char *p)
{
    const mr_date date = {.year = two_digits(p) * 100 + two_digits(p + 2),
                          .month = (uint8_t)two_digits(p + 5),
                          .day = (uint8_t)two_digits(p + 8)};
    return (int64_t)mr_days_from_date(date) * DAY_SECONDS;
}

static bool parse_time(mr_slice text, mr_cursor *out)
{
    mr_time_layout layout;
    *out = (mr_cursor){.text = text, .small = true};
    if (text.len == DATE_LEN && mr_text_is_date(text)) {
        out->whole = date_seconds(text.ptr);
        return true;
    }
    if (!mr_text_is_timestamp(text, &layout)) return false;
    const char *const p = text.ptr;
    out->whole =
        date_seconds(p) + two_digits(p + 11) * 3600 + two_digits(p + 14) * 60 + two_digits(p + 17);
    const unsigned digits = layout >> 8 & 15;
    for (unsigned i = 0; i < 9; i++)
        out->nanos = out->nanos * 10 + (i < digits ? (uint32_t)(p[FRACTION_START + i] - '0') : 0);
    if ((layout >> 13 & 1) != 0) out->whole -= ((int64_t)(layout >> 16) - 1440) * 60;
    return true;
}

/* --- all ------------------------------------------------------------------------------------- */

bool mr_cursor_parse(mr_cursor_kind kind, mr_slice text, mr_cursor *out)
{
    literal ignored;
    switch (kind) {
    case MR_CURSOR_NUMBER:
        *out = (mr_cursor){.text = text};
        out->small = mr_parse_i64(text, &out->whole);
        return out->small || scan_literal(text, &ignored);
    case MR_CURSOR_TIME: return parse_time(text, out);
    case MR_CURSOR_TEXT: *out = (mr_cursor){.text = text}; return true;
    case MR_CURSOR_NONE: break;
    }
    return false;
}

static int compare_texts(mr_slice a, mr_slice b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_with_text(const mr_cursor *a, const mr_cursor *b)
{
    char room[2][MR_INT_TEXT_MAX]; /* a small one may have no text: it was calculated */
    mr_slice x = a->text, y = b->text;
    if (a->small) x = mr_slice_of(room[0], mr_format_i64(room[0], a->whole));
    if (b->small) y = mr_slice_of(room[1], mr_format_i64(room[1], b->whole));
    return compare_literals(x, y);
}

int mr_cursor_compare(mr_cursor_kind kind, const mr_cursor *a, const mr_cursor *b)
{
    if (kind == MR_CURSOR_TEXT) return compare_texts(a->text, b->text);
    if (kind == MR_CURSOR_NUMBER && (!a->small || !b->small)) return compare_with_text(a, b);
    if (a->whole != b->whole) return a->whole < b->whole ? -1 : 1;
    return a->nanos < b->nanos ? -1 : a->nanos > b->nanos;
}

void mr_cursor_back(mr_cursor_kind kind, const mr_cursor *from, int64_t by, mr_cursor *out)
{
    MR_DCHECK(from->small && by >= 0);
    *out = (mr_cursor){.small = true, .nanos = from->nanos};
    int64_t step = by;
    if (kind == MR_CURSOR_TIME) {
        const uint32_t ns = (uint32_t)(by % NS);
        step = by / NS;
        if (ns > from->nanos) step++;
        out->nanos = ns > from->nanos ? from->nanos + (uint32_t)NS - ns : from->nanos - ns;
    }
    if (__builtin_sub_overflow(from->whole, step, &out->whole)) out->whole = INT64_MIN;
}
