/* SPDX-License-Identifier: MIT */
#include "core/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/number_internal.h"

/* Powers of ten that are exact doubles. */
static const double exact_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define EXACT_POW10_MAX 22
#define EXACT_INT_MAX   (UINT64_C(1) << 53)

/* A double is told from its neighbours by at most 767 significant digits; all that matters of later
 * ones is whether one is not zero. */
#define DIGITS_KEPT 800

static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* strtod() that reads '.' whatever the process's locale. The C library rounds correctly. */
static double slow_f64(const char *text)
{
    pthread_once(&c_locale_once, make_c_locale);
    return c_locale != (locale_t)0 ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
}

/* --- reading
 * -------------------------------------------------------------------------------------- */

/* What the grammar found: the value is 0.DIGITS * 10^exponent, digits being those of `whole` and
 * `fraction` together. */
typedef struct literal {
    bool negative;
    mr_slice whole, fraction;
    int64_t exponent; /* the written one, held within +-10^12 */
} literal;

static size_t digit_run(mr_slice text, size_t at)
{
    size_t end = at;
    while (end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9')
        end++;
    return end - at;
}

static bool read_exponent(mr_slice text, size_t at, int64_t *out)
{
    bool negative = false;
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+'))
        negative = text.ptr[at++] == '-';
    const size_t len = digit_run(text, at);
    if (len == 0 || at + len != text.len) return false;
    int64_t value = 0;
    for (size_t i = 0; i < len && value < INT64_C(100000000000); i++)
        value = value * 10 + (text.ptr[at + i] - '0');
    *out = negative ? -value : value;
    return true;
}

static bool read_literal(mr_slice text, literal *out)
{
    size_t at = 0;
    *out = (literal){0};
    if (text.len > 0 && text.ptr[0] == '-') {
        out->negative = true;
        at++;
    }
    out->whole = mr_slice_of(text.ptr + at, digit_run(text, at));
    if (out->whole.len == 0 || (out->whole.len > 1 && out->whole.ptr[0] == '0')) return false;
    at += out->whole.len;
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        out->fraction = mr_slice_of(text.ptr + at, digit_run(text, at));
        if (out->fraction.len == 0) return false;
        at += out->fraction.len;
    }
    if (at == text.len) return true;
    if (text.ptr[at] != 'e' && text.ptr[at] != 'E') return false;
    return read_exponent(text, at + 1, &out->exponent);
}

/* Clinger's case: an exact integer times or over an exact power of ten is rounded once, so rightly.
 */
static bool fast_f64(const literal *number, double *out)
{
    const size_t count = number->whole.len + number->fraction.len;
    const int64_t exponent = number->exponent - (int64_t)number->fraction.len;
    if (count > 19 || exponent < -EXACT_POW10_MAX || exponent > EXACT_POW10_MAX) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < number->whole.len; i++)
        value = value * 10 + (uint64_t)(number->whole.ptr[i] - '0');
    for (size_t i = 0; i < number->fraction.len; i++)
        value = value * 10 + (uint64_t)(number->fraction.ptr[i] - '0');
    if (value > EXACT_INT_MAX) return false;
    const double exact = (double)value;
    const double result =
        exponent < 0 ? exact / exact_pow10[-exponent] : exact * exact_pow10[exponent];
    *out = number->negative ? -result : result;
    return true;
}

/* Significant digits of a literal, at most DIGITS_KEPT, and what they leave out. */
typedef struct digits {
    char text[DIGITS_KEPT];
    size_t count;
    int64_t dropped; /* digits of the literal after those kept */
    bool rest;       /* one of the dropped is not zero */
} digits;

static void take_digits(digits *kept, mr_slice from)
{
    for (size_t i = 0; i < from.len; i++) {
        if (kept->count == 0 && from.ptr[i] == '0') continue;
        if (kept->count < DIGITS_KEPT) {
            kept->text[kept->count++] = from.ptr[i];
        } else {
            kept->dropped++;
            kept->rest |= from.ptr[i] != '0';
        }
    }
}

static double long_f64(const literal *number)
{
    digits kept = {.count = 0};
    take_digits(&kept, number->whole);
    take_digits(&kept, number->fraction);
    if (kept.count == 0) return number->negative ? -0.0 : 0.0;
    int64_t exponent = number->exponent - (int64_t)number->fraction.len + kept.dropped;
    if (exponent > 99999) exponent = 99999;
    if (exponent < -99999) exponent = -99999;
    char text[DIGITS_KEPT + 32];
    snprintf(text, sizeof text, "%s%.*s%se%lld", number->negative ? "-" : "", (int)kept.count,
             kept.text, kept.rest ? "1" : "", (long long)exponent - kept.rest);
    return slow_f64(text);
}

bool mr_parse_f64(mr_slice text, double *out)
{
    literal number;
    double value;
    if (!read_literal(text, &number)) return false;
    if (!fast_f64(&number, &value)) value = long_f64(&number);
    if (isinf(value)) return false;
    *out = value;
    return true;
}

/* --- writing
 * -------------------------------------------------------------------------------------- */

/* Significant digits d1 d2 .. without trailing zeros; the value is d1.d2.. * 10^exponent. */
typedef struct shortest {
    char text[24];
    size_t count;
    int exponent;
} shortest;

static void set_shortest(shortest *out, uint64_t digits_value, int exponent_of_last)
{
    out->count = mr_format_u64(out->text, digits_value);
    out->exponent = exponent_of_last + (int)out->count - 1;
    while (out->count > 1 && out->text[out->count - 1] == '0')
        out->count--;
}

/* Doubles that come from decimals of up to 15 digits, as most do. Such decimals are all different
 * doubles, so the first power of ten that makes an integer gives the shortest text. */
static bool fast_shortest(double magnitude, shortest *out)
{
    if (magnitude < 1e-5 || magnitude >= 1e15) return false;
    for (int scale = 0; scale <= EXACT_POW10_MAX; scale++) {
        const double scaled = magnitude * exact_pow10[scale];
        if (scaled >= 1e15) return false;
        const double whole = nearbyint(scaled);
        if (whole / exact_pow10[scale] != magnitude) continue;
        set_shortest(out, (uint64_t)whole, -scale);
        return true;
    }
    return false;
}

/* "d.ddde-07", in any locale, to its digits as an integer and the exponent of the last one. */
static uint64_t read_scientific(const char *text, int *out_exponent)
{
    uint64_t value = 0;
    int count = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at < '0' || *at > '9') continue;
        value = value * 10 + (uint64_t)(*at - '0');
        count++;
    }
    *out_exponent = (int)strtol(at + 1, NULL, 10) - (count - 1);
    return value;
}

static bool reads_back(uint64_t digits_value, int exponent, double magnitude)
{
    char text[48];
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits_value, exponent);
    return slow_f64(text) == magnitude;
}

/* Tries ever more digits; 17 always do. Any 15 digits survive a normal double, so shorter ones show
 * as trailing zeros there; subnormals start from one. Below a power of two the doubles are twice as
 * dense: the nearest decimal may belong to a neighbour while the next one up does not. */
static void slow_shortest(double magnitude, shortest *out)
{
    int exponent = 0;
    uint64_t value = 0;
    int ignored;
    const bool power_of_two = frexp(magnitude, &ignored) == 0.5;
    for (int count = magnitude < DBL_MIN ? 1 : 15; count <= 17; count++) {
        char text[48];
        snprintf(text, sizeof text, "%.*e", count - 1, magnitude);
        value = read_scientific(text, &exponent);
        if (reads_back(value, exponent, magnitude)) break;
        if (power_of_two && reads_back(value + 1, exponent, magnitude)) {
            value++;
            break;
        }
    }
    set_shortest(out, value, exponent);
}

/* d.ddd, ddd.0, ddd.ddd, 0.000ddd */
static size_t put_fixed(char *out, const shortest *number)
{
    char *at = out;
    if (number->exponent < 0) {
        const size_t zeros = (size_t)-number->exponent;
        memset(at, '0', zeros + 1);
        at[1] = '.';
        at += zeros + 1;
        memcpy(at, number->text, number->count);
        return (size_t)(at + number->count - out);
    }
    const size_t whole = (size_t)number->exponent + 1;
    if (number->count <= whole) {
        memcpy(at, number->text, number->count);
        memset(at + number->count, '0', whole - number->count);
        memcpy(at + whole, ".0", 2);
        return whole + 2;
    }
    memcpy(at, number->text, whole);
    at[whole] = '.';
    memcpy(at + whole + 1, number->text + whole, number->count - whole);
    return number->count + 1;
}

static size_t put_scientific(char *out, const shortest *number)
{
    size_t len = 0;
    out[len++] = number->text[0];
    if (number->count > 1) {
        out[len++] = '.';
        memcpy(out + len, number->text + 1, number->count - 1);
        len += number->count - 1;
    }
    char exponent[MR_INT_TEXT_MAX];
    const size_t exponent_len = mr_format_i64(exponent, number->exponent);
    out[len++] = 'e';
    memcpy(out + len, exponent, exponent_len);
    return len + exponent_len;
}

size_t mr_format_f64(char *out, double value)
{
    if (!isfinite(value)) return 0;
    const size_t sign = signbit(value) ? 1 : 0;
    const double magnitude = fabs(value);
    shortest number;
    if (sign) *out++ = '-';
    if (magnitude == 0) {
        memcpy(out, "0.0", 3);
        return sign + 3;
    }
    if (!fast_shortest(magnitude, &number)) slow_shortest(magnitude, &number);
    const bool fixed = number.exponent >= -5 && number.exponent <= 15;
    return sign + (fixed ? put_fixed(out, &number) : put_scientific(out, &number));
}
