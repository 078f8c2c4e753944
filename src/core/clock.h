/* SPDX-License-Identifier: MIT
 *
 * core/clock.h - what time it is, in nanoseconds, and how to write it down.
 *
 * Monotonic time measures durations and deadlines; wall time (since 1970-01-01T00:00:00Z, without
 * leap seconds) is for people and records. Dates are the proleptic Gregorian calendar, no time
 * zones.
 *
 * Thread: any. */
#ifndef MR_CORE_CLOCK_H
#define MR_CORE_CLOCK_H

#include "core/base.h"

#define MR_NS_PER_US INT64_C(1000)
#define MR_NS_PER_MS INT64_C(1000000)
#define MR_NS_PER_S  INT64_C(1000000000)

int64_t mr_clock_ns(void);      /* monotonic, from an arbitrary start */
int64_t mr_clock_wall_ns(void); /* since 1970 */
int64_t mr_clock_real_ns(void); /* monotonic, and never frozen: to go with sleeping */
int64_t mr_clock_cpu_ns(void);  /* processor time of all threads of this process */

/* For tests: from now on the monotonic and the wall clock stand at these times, until set again or
 * released. Sleeping is not affected. */
void mr_clock_freeze(int64_t monotonic_ns, int64_t wall_ns);
void mr_clock_release(void);

typedef struct mr_date {
    int32_t year;
    uint8_t month; /* 1 to 12 */
    uint8_t day;   /* 1 to 31 */
} mr_date;

/* Days since 1970-01-01 of a date, and the date of a day. Years -32768 to 32767; the date must
 * exist. */
int32_t mr_days_from_date(mr_date date);
mr_date mr_date_from_days(int32_t days);

/* True when the date exists, in years 0 to 9999. */
bool mr_date_valid(mr_date date);

#define MR_TIME_TEXT_MAX 32 /* room for mr_format_time() */

/* `2026-01-02T03:04:05.678Z`: RFC 3339 in UTC with `digits` (0 to 9) digits of the second, cut off,
 * not rounded. `seconds` since 1970 lie in years 0000 to 9999, `nanoseconds` in 0..999999999.
 * Writes no NUL, returns the length, 0 for a year out of range. */
MR_HOT size_t mr_format_time(char *out, int64_t seconds, uint32_t nanoseconds, unsigned digits);

/* The same for wall nanoseconds (years 1677 to 2262). */
MR_HOT size_t mr_format_wall(char *out, int64_t wall_ns, unsigned digits);

/* Reads RFC 3339 with any offset (`2026-01-02T03:04:05.678+02:00`) as microseconds since 1970 in
 * UTC; further digits are cut off. False for all else: days that do not exist, leap seconds,
 * lower-case letters, years that leave 0000 to 9999. */
MR_HOT bool mr_parse_time(mr_slice text, int64_t *out_us);
/* The same for `2026-01-02`: its first moment. */
bool mr_parse_day(mr_slice text, int64_t *out_us);

#endif
