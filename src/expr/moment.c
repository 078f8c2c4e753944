/* SPDX-License-Identifier: MIT
 *
 * Units of time: truncating, adding, counting. */
#include "expr/moment.h"

#include <strings.h>

#include "core/clock.h"

#define DAY_SECONDS INT64_C(86400)
#define SECOND_NS   INT64_C(1000000000)
#define FIRST_DAY   INT64_C(-719528) /* of year 0000 */
#define LAST_DAY    INT64_C(2932896) /* of year 9999 */

static const struct {
    const char *name, *plural, *sign;
    int64_t nanoseconds; /* 0 = of the calendar */
} units[] = {
    [MR_UNIT_NANOSECOND] = {"nanosecond", "nanoseconds", "ns", 1},
    [MR_UNIT_MICROSECOND] = {"microsecond", "microseconds", "us", 1000},
    [MR_UNIT_MILLISECOND] = {"millisecond", "milliseconds", "ms", 1000000},
    [MR_UNIT_SECOND] = {"second", "seconds", "s", SECOND_NS},
    [MR_UNIT_MINUTE] = {"minute", "minutes", "min", 60 * SECOND_NS},
    [MR_UNIT_HOUR] = {"hour", "hours", "h", 3600 * SECOND_NS},
    [MR_UNIT_DAY] = {"day", "days", "d", DAY_SECONDS *SECOND_NS},
    [MR_UNIT_WEEK] = {"week", "weeks", "w", 7 * DAY_SECONDS *SECOND_NS},
    [MR_UNIT_MONTH] = {"month", "months", "mon", 0},
    [MR_UNIT_QUARTER] = {"quarter", "quarters", "q", 0},
    [MR_UNIT_YEAR] = {"year", "years", "y", 0},
};

bool mr_unit_named(mr_slice name, mr_unit *out)
{
    for (size_t i = 0; i < MR_COUNT_OF(units); i++) {
        if (!mr_slice_is(name, units[i].name) && !mr_slice_is(name, units[i].plural) &&
            !mr_slice_is(name, units[i].sign))
            continue;
        *out = (mr_unit)i;
        return true;
    }
    return false;
}

const char *mr_unit_name(mr_unit unit)
{
    return units[unit].name;
}

/* --- parts
 * ------------------------------------------------------------------------------------ */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t mr_moment_day(const mr_value *moment)
{
    if (moment->kind == MR_KIND_DATE) return moment->cell.integer;
    return floor_divide(moment->cell.time.seconds, DAY_SECONDS);
}

int64_t mr_moment_second(const mr_value *moment)
{
    if (moment->kind == MR_KIND_DATE) return 0;
    return moment->cell.time.seconds - mr_moment_day(moment) * DAY_SECONDS;
}

static bool day_exists(int64_t day)
{
    return day >= FIRST_DAY && day <= LAST_DAY;
}

static void set_day(mr_value *moment, int64_t day)
{
    if (moment->kind == MR_KIND_DATE)
        moment->cell.integer = day;
    else
        moment->cell.time.seconds = day * DAY_SECONDS + mr_moment_second(moment);
}

/* --- truncating
 * ------------------------------------------------------------------------------- */

static int64_t first_of_month(mr_date date, unsigned months)
{
    date.month = (uint8_t)((date.month - 1u) / months * months + 1);
    date.day = 1;
    return mr_days_from_date(date);
}

static int64_t truncated_day(int64_t day, mr_unit unit)
{
    const mr_date date = mr_date_from_days((int32_t)day);
    if (unit == MR_UNIT_WEEK) return day - (mr_weekday(day) - 1);
    if (unit == MR_UNIT_MONTH) return first_of_month(date, 1);
    if (unit == MR_UNIT_QUARTER) return first_of_month(date, 3);
    if (unit == MR_UNIT_YEAR) return first_of_month(date, 12);
    return day;
}

bool mr_moment_truncate(mr_value *moment, mr_unit unit)
{
    if (unit >= MR_UNIT_DAY) {
        const int64_t day = truncated_day(mr_moment_day(moment), unit);
        if (moment->kind == MR_KIND_TIMESTAMP) {
            moment->cell.time.seconds = 0;
            moment->cell.time.nanoseconds = 0;
        }
        set_day(moment, day);
        return day_exists(day);
    }
    if (moment->kind == MR_KIND_DATE) return false;
    mr_moment *time = &moment->cell.time;
    if (unit >= MR_UNIT_SECOND) {
        const int64_t step = units[unit].nanoseconds / SECOND_NS;
        time->seconds = floor_divide(time->seconds, step) * step;
        time->nanoseconds = 0;
    } else {
        const uint32_t step = (uint32_t)units[unit].nanoseconds;
        time->nanoseconds -= time->nanoseconds % step;
    }
    return true;
}

/* --- adding
 * ----------------------------------------------------------------------------------- */

static bool add_months(mr_value *moment, int64_t months)
{
    mr_date date = mr_date_from_days((int32_t)mr_moment_day(moment));
    if (months > 200000 || months < -200000) return false;
    const int64_t month = (int64_t)date.year * 12 + (date.month - 1) + months;
    const int64_t year = floor_divide(month, 12);
    if (year < 0 || year > 9999) return false;
    date.year = (int32_t)year;
    date.month = (uint8_t)(month - year * 12 + 1);
    while (!mr_date_valid(date))
        date.day--;
    set_day(moment, mr_days_from_date(date));
    return true;
}

/* Digits of a second that a step of `unit` may bring in. */
static unsigned digits_of(mr_unit unit)
{
    return unit == MR_UNIT_NANOSECOND    ? 9
           : unit == MR_UNIT_MICROSECOND ? 6
           : unit == MR_UNIT_MILLISECOND ? 3
                                         : 0;
}

static bool add_span(mr_value *moment, mr_i128 nanoseconds, unsigned digits)
{
    mr_moment *time = &moment->cell.time;
    const mr_i128 total = (mr_i128)time->seconds * SECOND_NS + time->nanoseconds + nanoseconds;
    const mr_i128 seconds = total / SECOND_NS - (total % SECOND_NS < 0);
    if (seconds < FIRST_DAY * DAY_SECONDS || seconds >= (LAST_DAY + 1) * DAY_SECONDS) return false;
    time->seconds = (int64_t)seconds;
    time->nanoseconds = (uint32_t)(total - seconds * SECOND_NS);
    if (digits > (time->layout >> 8 & 15)) time->layout = (time->layout & ~0xf00u) | digits << 8;
    return true;
}

bool mr_moment_add(mr_value *moment, int64_t count, mr_unit unit)
{
    const int64_t months = unit == MR_UNIT_YEAR ? 12 : unit == MR_UNIT_QUARTER ? 3 : 1;
    int64_t total;
    if (units[unit].nanoseconds == 0)
        return !__builtin_mul_overflow(count, months, &total) && add_months(moment, total);
    if (moment->kind == MR_KIND_TIMESTAMP)
        return add_span(moment, (mr_i128)count * units[unit].nanoseconds, digits_of(unit));
    if (unit < MR_UNIT_DAY) return false;
    if (__builtin_mul_overflow(count, unit == MR_UNIT_WEEK ? 7 : 1, &total)) return false;
    if (__builtin_add_overflow(total, moment->cell.integer, &total) || !day_exists(total))
        return false;
    moment->cell.integer = total;
    return true;
}

/* --- counting
 * --------------------------------------------------------------------------------- */

static mr_i128 nanoseconds_of(const mr_value *moment)
{
    const uint32_t rest = moment->kind == MR_KIND_DATE ? 0 : moment->cell.time.nanoseconds;
    return (mr_i128)mr_value_instant(moment) * SECOND_NS + rest;
}

/* Nanoseconds since the first of its month, in UTC. */
static mr_i128 within_month(const mr_value *moment, int64_t *out_month)
{
    const mr_i128 total = nanoseconds_of(moment);
    const mr_i128 day_ns = (mr_i128)DAY_SECONDS * SECOND_NS;
    const int64_t day = (int64_t)(total / day_ns - (total % day_ns < 0));
    mr_date date = mr_date_from_days((int32_t)day);
    *out_month = (int64_t)date.year * 12 + date.month - 1;
    date.day = 1;
    return total - (mr_i128)mr_days_from_date(date) * day_ns;
}

static int64_t whole_months(const mr_value *from, const mr_value *to)
{
    int64_t first, last;
    const mr_i128 rest_from = within_month(from, &first), rest_to = within_month(to, &last);
    int64_t months = last - first;
    if (months > 0 && rest_to < rest_from) months--;
    if (months < 0 && rest_to > rest_from) months++;
    return months;
}

bool mr_moment_difference(const mr_value *from, const mr_value *to, mr_unit unit, int64_t *out)
{
    if (units[unit].nanoseconds == 0) {
        const int64_t months = unit == MR_UNIT_YEAR ? 12 : unit == MR_UNIT_QUARTER ? 3 : 1;
        *out = whole_months(from, to) / months;
        return true;
    }
    const mr_i128 count = (nanoseconds_of(to) - nanoseconds_of(from)) / units[unit].nanoseconds;
    *out = (int64_t)count;
    return count >= INT64_MIN && count <= INT64_MAX;
}

mr_time_layout mr_layout_of(unsigned digits, bool zoned, bool zulu, int32_t minutes)
{
    mr_time_layout layout = 'T' | digits << 8;
    if (zulu) layout |= 1u << 12;
    if (zoned && !zulu) layout |= 1u << 13 | (uint32_t)(minutes + 1440) << 16;
    return layout;
}
