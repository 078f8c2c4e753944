/* SPDX-License-Identifier: MIT */
#include "core/clock.h"

#include <stdatomic.h>
#include <time.h>

#define SECONDS_PER_DAY 86400

/* Set by tests only, before the threads that read it have work to do. */
static atomic_bool frozen;
static _Atomic int64_t frozen_monotonic_ns, frozen_wall_ns;

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * MR_NS_PER_S + now.tv_nsec;
}

int64_t mr_clock_ns(void)
{
    if (MR_UNLIKELY(atomic_load_explicit(&frozen, memory_order_acquire)))
        return atomic_load_explicit(&frozen_monotonic_ns, memory_order_relaxed);
    return read_clock(CLOCK_MONOTONIC);
}

int64_t mr_clock_wall_ns(void)
{
    if (MR_UNLIKELY(atomic_load_explicit(&frozen, memory_order_acquire)))
        return atomic_load_explicit(&frozen_wall_ns, memory_order_relaxed);
    return read_clock(CLOCK_REALTIME);
}

int64_t mr_clock_real_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t mr_clock_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void mr_clock_freeze(int64_t monotonic_ns, int64_t wall_ns)
{
    atomic_store_explicit(&frozen_monotonic_ns, monotonic_ns, memory_order_relaxed);
    atomic_store_explicit(&frozen_wall_ns, wall_ns, memory_order_relaxed);
    atomic_store_explicit(&frozen, true, memory_order_release);
}

void mr_clock_release(void)
{
    atomic_store_explicit(&frozen, false, memory_order_release);
}

/* Both conversions count years from March, so that the leap day is the last day of its year and the
 * months' lengths follow (153 * month + 2) / 5; and in eras of 400 years, which are all alike. */
#define DAYS_PER_ERA      146097
#define ERA_START_TO_1970 719468 /* days from 0000-03-01 */

int32_t mr_days_from_date(mr_date date)
{
    const int32_t year = date.year - (date.month <= 2);
    const int32_t era = (year >= 0 ? year : year - 399) / 400;
    const int32_t year_of_era = year - era * 400;
    const int32_t month = (date.month + 9) % 12; /* 0 is March */
    const int32_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    const int32_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - ERA_START_TO_1970;
}

mr_date mr_date_from_days(int32_t days)
{
    days += ERA_START_TO_1970;
    const int32_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    const int32_t day_of_era = days - era * DAYS_PER_ERA;
    const int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) /
        365;
    const int32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int32_t month = (5 * day_of_year + 2) / 153;
    mr_date date;
    date.day = (uint8_t)(day_of_year - (153 * month + 2) / 5 + 1);
    date.month = (uint8_t)(month < 10 ? month + 3 : month - 9);
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

bool mr_date_valid(mr_date date)
{
    static const uint8_t lengths[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date.year < 0 || date.year > 9999 || date.month < 1 || date.month > 12 || date.day < 1)
        return false;
    const bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    return date.day <= lengths[date.month] + (date.month == 2 && leap);
}

static char *put_digits(char *out, uint32_t value, unsigned count)
{
    for (unsigned i = count; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + count;
}

size_t mr_format_time(char *out, int64_t seconds, uint32_t nanoseconds, unsigned digits)
{
    static const uint32_t pow10[10] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                       10000,      1000,      100,      10,      1};
    const int64_t first = INT64_C(-62167219200),
                  last = INT64_C(253402300799); /* years 0000 and 9999 */
    if (seconds < first || seconds > last || nanoseconds > 999999999 || digits > 9) return 0;
    const uint64_t since_0000 = (uint64_t)(seconds - first);
    const uint32_t second_of_day = (uint32_t)(since_0000 % SECONDS_PER_DAY);
    const mr_date date = mr_date_from_days((int32_t)(since_0000 / SECONDS_PER_DAY) +
                                           (int32_t)(first / SECONDS_PER_DAY));
    char *at = put_digits(out, (uint32_t)date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, second_of_day / 3600, 2);
    *at++ = ':';
    at = put_digits(at, second_of_day / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, second_of_day % 60, 2);
    if (digits > 0) {
        *at++ = '.';
        at = put_digits(at, nanoseconds / pow10[digits], digits);
    }
    *at++ = 'Z';
    return (size_t)(at - out);
}

size_t mr_format_wall(char *out, int64_t wall_ns, unsigned digits)
{
    int64_t seconds = wall_ns / MR_NS_PER_S;
    int64_t rest = wall_ns % MR_NS_PER_S;
    if (rest < 0) {
        rest += MR_NS_PER_S;
        seconds--;
    }
    return mr_format_time(out, seconds, (uint32_t)rest, digits);
}
