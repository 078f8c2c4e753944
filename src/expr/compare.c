/* SPDX-License-Identifier: MIT */
#include "expr/compare.h"

#include <math.h>

#include "expr/decimal.h"

static mr_order order_of(int difference)
{
    return difference < 0 ? MR_ORDER_LESS : difference > 0 ? MR_ORDER_MORE : MR_ORDER_SAME;
}

static mr_order reversed(mr_order order)
{
    return order == MR_ORDER_OTHER ? order : (mr_order)-order;
}

static mr_order compare_text(mr_slice a, mr_slice b)
{
    const size_t shared = a.len < b.len ? a.len : b.len;
    const int difference = shared > 0 ? memcmp(a.ptr, b.ptr, shared) : 0;
    return order_of(difference != 0 ? difference : (a.len > b.len) - (a.len < b.len));
}

/* --- numbers of any length
 * ----------------------------------------------------------------------
 *
 * The digits of a literal without the zeros at its front: 0.DIGITS * 10^exponent. */
typedef struct literal {
    const char *at, *end; /* digits, among which there may be a point */
    int64_t exponent;
    int sign; /* 0 for zero */
} literal;

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static int64_t exponent_of(const char *at, const char *end)
{
    int64_t value = 0;
    if (at == end) return 0;
    const bool negative = at[1] == '-';
    for (at += 1 + !is_digit(at[1]); at < end && value < INT64_C(1000000000000000); at++)
        value = value * 10 + (*at - '0');
    return negative ? -value : value;
}

static literal literal_of(mr_slice text)
{
    literal l = {.at = text.ptr, .end = text.ptr, .sign = 1};
    const char *const end = text.ptr + text.len;
    if (*l.at == '-') {
        l.sign = -1;
        l.at++;
    }
    for (l.end = l.at; l.end < end && (is_digit(*l.end) || *l.end == '.'); l.end++) {
    }
    const char *point = memchr(l.at, '.', (size_t)(l.end - l.at));
    l.exponent = exponent_of(l.end, end) + ((point != NULL ? point : l.end) - l.at);
    while (l.at < l.end && (*l.at == '0' || *l.at == '.'))
        l.exponent -= *l.at++ == '0';
    if (l.at == l.end) l.sign = 0;
    return l;
}

static char next_digit(literal *l)
{
    if (l->at < l->end && *l->at == '.') l->at++;
    return l->at < l->end ? *l->at++ : '0';
}

static mr_order compare_literals(literal a, literal b)
{
    if (a.sign != b.sign) return order_of(a.sign - b.sign);
    if (a.sign == 0) return MR_ORDER_SAME;
    const mr_order more = a.sign > 0 ? MR_ORDER_MORE : MR_ORDER_LESS;
    if (a.exponent != b.exponent) return a.exponent > b.exponent ? more : reversed(more);
    while (a.at < a.end || b.at < b.end) {
        const char x = next_digit(&a), y = next_digit(&b);
        if (x != y) return x > y ? more : reversed(more);
    }
    return MR_ORDER_SAME;
}

/* --- the digits of a double
 * --------------------------------------------------------------------- */

#define LIMBS      90 /* 9 digits each: 767 significant ones of the smallest, 309 of the largest */
#define LIMB_LIMIT 1000000000u
#define REAL_TEXT  (LIMBS * 9 + 16)

typedef struct limbs { /* lowest first */
    uint32_t limb[LIMBS];
    unsigned count;
} limbs;

static void multiply(limbs *n, uint32_t factor)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < n->count; i++) {
        carry += (uint64_t)n->limb[i] * factor;
        n->limb[i] = (uint32_t)(carry % LIMB_LIMIT);
        carry /= LIMB_LIMIT;
    }
    if (carry > 0) n->limb[n->count++] = (uint32_t)carry;
}

/* All digits of a double that is not zero: an integer times 10^exponent. Returns their number. */
static size_t digits_of_real(double real, char *out, int *out_exponent)
{
    int exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(real < 0 ? -real : real, &exponent), 53);
    exponent -= 53;
    for (; mantissa % 2 == 0; mantissa /= 2)
        exponent++;
    limbs n = {.limb = {(uint32_t)(mantissa % LIMB_LIMIT), (uint32_t)(mantissa / LIMB_LIMIT)},
               .count = 2};
    *out_exponent = exponent < 0 ? exponent : 0;
    for (; exponent > 0; exponent--)
        multiply(&n, 2);
    for (; exponent < 0; exponent++) /* m / 2^k = m * 5^k / 10^k */
        multiply(&n, 5);
    char *to = out;
    for (unsigned i = n.count; i-- > 0; to += 9) {
        uint32_t limb = n.limb[i];
        for (unsigned digit = 9; digit-- > 0; limb /= 10)
            to[digit] = (char)('0' + limb % 10);
    }
    return (size_t)(to - out);
}

static mr_order compare_literal_with_real(literal a, double real)
{
    char digits[REAL_TEXT];
    int exponent = 0;
    literal b = {.at = digits, .end = digits, .sign = (real > 0) - (real < 0)};
    if (b.sign != 0) b.end += digits_of_real(real, digits, &exponent);
    b.exponent = exponent + (b.end - b.at);
    while (b.at < b.end && *b.at == '0') {
        b.at++;
        b.exponent--;
    }
    return compare_literals(a, b);
}

/* Rounding to a double keeps the order, so only what rounds to the very same needs its digits. */
static mr_order compare_with_real(const mr_value *a, double real)
{
    double nearest;
    char room[MR_VALUE_TEXT_MAX];
    if (a->kind == MR_KIND_FLOAT) return order_of((a->cell.real > real) - (a->cell.real < real));
    if (mr_value_as_real(a, &nearest) && nearest != real)
        return nearest < real ? MR_ORDER_LESS : MR_ORDER_MORE;
    return compare_literal_with_real(literal_of(mr_value_write(a, room)), real);
}

static mr_decimal decimal_of(const mr_value *a)
{
    if (a->kind == MR_KIND_INT) return (mr_decimal){a->cell.integer, 0};
    return (mr_decimal){a->cell.decimal, a->scale};
}

static mr_order compare_numbers(const mr_value *a, const mr_value *b)
{
    char room_a[MR_VALUE_TEXT_MAX], room_b[MR_VALUE_TEXT_MAX];
    const mr_kinds exact = MR_KINDS_EXACT;
    if (a->kind == MR_KIND_INT && b->kind == MR_KIND_INT)
        return order_of((a->cell.integer > b->cell.integer) - (a->cell.integer < b->cell.integer));
    if (mr_kind_in(a->kind, exact) && mr_kind_in(b->kind, exact))
        return order_of(mr_decimal_compare(decimal_of(a), decimal_of(b)));
    if (b->kind == MR_KIND_FLOAT) return compare_with_real(a, b->cell.real);
    if (a->kind == MR_KIND_FLOAT) return reversed(compare_with_real(b, a->cell.real));
    return compare_literals(literal_of(mr_value_write(a, room_a)),
                            literal_of(mr_value_write(b, room_b)));
}

/* --- the rest
 * ---------------------------------------------------------------------------------- */

static mr_order compare_moments(const mr_value *a, const mr_value *b)
{
    const int64_t x = mr_value_instant(a), y = mr_value_instant(b);
    if (x != y) return x < y ? MR_ORDER_LESS : MR_ORDER_MORE;
    const uint32_t nx = a->kind == MR_KIND_DATE ? 0 : a->cell.time.nanoseconds;
    const uint32_t ny = b->kind == MR_KIND_DATE ? 0 : b->cell.time.nanoseconds;
    return order_of((nx > ny) - (nx < ny));
}

/* Kinds of one class compare with each other. */
typedef enum family {
    OF_NUMBERS,
    OF_MOMENTS,
    OF_CLOCKS,
    OF_BOOLS,
    OF_TEXTS,
    OF_JSON,
    OF_UNTYPED,
    OF_NOTHING,
} family;

static family family_of(unsigned kind)
{
    if (mr_kind_in(kind, MR_KINDS_NUMERIC)) return OF_NUMBERS;
    if (mr_kind_in(kind, MR_KINDS_CALENDAR)) return OF_MOMENTS;
    if (mr_kind_in(kind, MR_KINDS_BOOL)) return OF_BOOLS;
    if (mr_kind_in(kind, MR_KINDS_STRING) || kind == MR_KIND_UUID) return OF_TEXTS;
    if (kind == MR_KIND_TIME) return OF_CLOCKS;
    if (kind == MR_KIND_JSON) return OF_JSON;
    return kind == MR_KIND_TEXT ? OF_UNTYPED : OF_NOTHING;
}

/* A text as a value of the other side's family; false when it is none. */
static bool read_as(family wanted, mr_slice text, mr_value *out)
{
    switch (wanted) {
    case OF_NUMBERS: return mr_value_read_exact(text, out);
    case OF_MOMENTS: return mr_value_read_date(text, out) || mr_value_read_timestamp(text, out);
    case OF_CLOCKS: return mr_value_read_time(text, out);
    case OF_BOOLS: return mr_value_read_bool(text, out);
    case OF_TEXTS: *out = mr_value_text(MR_KIND_STRING, text); return true;
    case OF_JSON:
    case OF_UNTYPED:
    case OF_NOTHING: break;
    }
    return false;
}

static mr_order compare_family(family f, const mr_value *a, const mr_value *b)
{
    switch (f) {
    case OF_NUMBERS: return compare_numbers(a, b);
    case OF_MOMENTS: return compare_moments(a, b);
    case OF_CLOCKS: return compare_moments(a, b);
    case OF_BOOLS: return order_of(a->kind - b->kind);
    case OF_TEXTS: return compare_text(a->cell.text, b->cell.text);
    case OF_JSON:
        return mr_slice_equal(a->cell.text, b->cell.text) ? MR_ORDER_SAME : MR_ORDER_OTHER;
    case OF_UNTYPED:
    case OF_NOTHING: break;
    }
    return MR_ORDER_OTHER;
}

static mr_order compare_untyped(const mr_value *a, const mr_value *b)
{
    mr_value x, y;
    if (mr_value_read_exact(a->cell.text, &x) && mr_value_read_exact(b->cell.text, &y))
        return compare_numbers(&x, &y);
    if (read_as(OF_MOMENTS, a->cell.text, &x) && read_as(OF_MOMENTS, b->cell.text, &y))
        return compare_moments(&x, &y);
    return compare_text(a->cell.text, b->cell.text);
}

/* Is a text beside something of `wanted` read as such? */
static bool adapts(unsigned kind, family wanted)
{
    return kind == MR_KIND_TEXT ||
           (kind == MR_KIND_STRING && (wanted == OF_MOMENTS || wanted == OF_CLOCKS));
}

mr_order mr_value_compare(const mr_value *a, const mr_value *b)
{
    const family x = family_of(a->kind), y = family_of(b->kind);
    mr_value read;
    if (x == y) return x == OF_UNTYPED ? compare_untyped(a, b) : compare_family(x, a, b);
    if (adapts(b->kind, x) && read_as(x, b->cell.text, &read)) return compare_family(x, a, &read);
    if (adapts(a->kind, y) && read_as(y, a->cell.text, &read)) return compare_family(y, &read, b);
    return MR_ORDER_OTHER;
}

bool mr_kinds_comparable(mr_kinds a, mr_kinds b)
{
    for (unsigned x = MR_KIND_FALSE; x < MR_KIND_COUNT; x++)
        for (unsigned y = MR_KIND_FALSE; y < MR_KIND_COUNT; y++) {
            if (!mr_kind_in(x, a) || !mr_kind_in(y, b)) continue;
            const family of_x = family_of(x), of_y = family_of(y);
            if (of_x == of_y || adapts(x, of_y) || adapts(y, of_x)) return true;
        }
    return false;
}

bool mr_kinds_ordered(mr_kinds a, mr_kinds b)
{
    const mr_kinds json = MR_KIND_BIT(MR_KIND_JSON);
    return mr_kinds_comparable(a & ~json, b & ~json);
}
