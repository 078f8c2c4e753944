/* SPDX-License-Identifier: MIT
 *
 * Reading what mr_format_time() writes, and what others write in its place. */
#include "core/clock.h"

#define US_PER_S        INT64_C(1000000)
#define SECONDS_PER_DAY 86400
#define FIRST_SECOND    INT64_C(-62167219200) /* of year 0000 */
#define LAST_SECOND     INT64_C(253402300799) /* of year 9999 */

/* Reads `count` digits at `*at` and what must follow them (0: anything). */
static bool take_number(const char **at, const char *end, unsigned count, char follows,
                        int32_t *out)
{
    const char *p = *at;
    int32_t value = 0;
    if ((size_t)(end - p) < count + (follows != 0)) return false;
    for (unsigned i = 0; i < count; i++, p++) {
        if (*p < '0' || *p > '9') return false;
        value = value * 10 + (*p - '0');
    }
    if (follows != 0 && *p++ != follows) return false;
    *at = p;
    *out = value;
    return true;
}

static bool take_date(const char **at, const char *end, char follows, int32_t *out_days)
{
    int32_t year, month, day;
    if (!take_number(at, end, 4, '-', &year) || !take_number(at, end, 2, '-', &month) ||
        !take_number(at, end, 2, follows, &day))
        return false;
    const mr_date date = {.year = year, .month = (uint8_t)month, .day = (uint8_t)day};
    if (!mr_date_valid(date)) return false;
    *out_days = mr_days_from_date(date);
    return true;
}

/* ".678": at least one digit; those behind the sixth are read and forgotten. */
static bool take_fraction(const char **at, const char *end, int32_t *out_us)
{
    int32_t unit = 100000;
    const char *p = *at;
    *out_us = 0;
    if (p == end || *p != '.') return true;
    const char *const first = ++p;
    for (; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10)
        *out_us += (*p - '0') * unit;
    *at = p;
    return p > first;
}

/* "Z" or "+02:00", to the end. */
static bool take_offset(const char *at, const char *end, int32_t *out_s)
{
    int32_t hours, minutes;
    if (at == end) return false;
    const char sign = *at++;
    *out_s = 0;
    if (sign == 'Z') return at == end;
    if (sign != '+' && sign != '-') return false;
    if (!take_number(&at, end, 2, ':', &hours) || !take_number(&at, end, 2, 0, &minutes) ||
        at != end || hours > 23 || minutes > 59)
        return false;
    *out_s = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return true;
}

bool mr_parse_time(mr_slice text, int64_t *out_us)
{
    const char *at = text.ptr, *const end = at + text.len;
    int32_t days, hour, minute, second, us, offset_s;
    if (text.len == 0 || !take_date(&at, end, 'T', &days) ||
        !take_number(&at, end, 2, ':', &hour) || !take_number(&at, end, 2, ':', &minute) ||
        !take_number(&at, end, 2, 0, &second) || hour > 23 || minute > 59 || second > 59 ||
        !take_fraction(&at, end, &us) || !take_offset(at, end, &offset_s))
        return false;
    const int64_t seconds =
        (int64_t)days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset_s;
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND) return false;
    *out_us = seconds * US_PER_S + us;
    return true;
}

bool mr_parse_day(mr_slice text, int64_t *out_us)
{
    const char *at = text.ptr;
    int32_t days;
    if (text.len != 10 || !take_date(&at, at + text.len, 0, &days)) return false;
    *out_us = days * (SECONDS_PER_DAY * US_PER_S);
    return true;
}
