/* SPDX-License-Identifier: MIT
 *
 * expr/moment.h - dates and timestamps by formats as strftime() has them, and whole units of time.
 *
 * Thread: pure functions. */
#ifndef MR_EXPR_MOMENT_H
#define MR_EXPR_MOMENT_H

#include "core/error.h"
#include "expr/value.h"

#define MR_FORMAT_MAX_BYTES 256                        /* of a format */
#define MR_FORMAT_TEXT_MAX  (MR_FORMAT_MAX_BYTES * 16) /* of what it makes */

typedef enum mr_unit {
    MR_UNIT_NANOSECOND,
    MR_UNIT_MICROSECOND,
    MR_UNIT_MILLISECOND,
    MR_UNIT_SECOND,
    MR_UNIT_MINUTE,
    MR_UNIT_HOUR,
    MR_UNIT_DAY,
    MR_UNIT_WEEK, /* from Monday on */
    MR_UNIT_MONTH,
    MR_UNIT_QUARTER,
    MR_UNIT_YEAR,
} mr_unit;

/* "day" or "days", "ms", ...; false when there is no such unit. */
bool mr_unit_named(mr_slice name, mr_unit *out);
const char *mr_unit_name(mr_unit unit);

/* What is wrong with a format, or NULL. One for reading has to give a year. */
const char *mr_format_fault(mr_slice format, bool for_reading);

/* A DATE or TIMESTAMP by a format that is right; returns the end, at most MR_FORMAT_TEXT_MAX bytes
 * on. */
MR_HOT char *mr_format_moment(char *to, mr_slice format, const mr_value *moment);

/* All of `text` by a format; a TIMESTAMP. False when it does not match or is no such moment. */
MR_HOT bool mr_parse_moment(mr_slice text, mr_slice format, mr_value *out);

/* The first moment of the unit that `moment` lies in. False for what a DATE cannot be cut to. */
MR_HOT bool mr_moment_truncate(mr_value *moment, mr_unit unit);

/* Moves a moment by `count` units; a day that the month does not have becomes its last. False when
 * the year leaves 0000 to 9999, or a DATE would need a time of day. */
MR_HOT bool mr_moment_add(mr_value *moment, int64_t count, mr_unit unit);

/* Whole units from `from` to `to`, cut toward zero; false when they do not fit 64 bits. */
MR_HOT bool mr_moment_difference(const mr_value *from, const mr_value *to, mr_unit unit,
                                 int64_t *out);

/* Days since 1970 of a moment's own calendar, and the second of that day (0 of a DATE). */
MR_HOT int64_t mr_moment_day(const mr_value *moment);
MR_HOT int64_t mr_moment_second(const mr_value *moment);

/* 1 = Monday to 7 = Sunday. */
MR_INLINE int64_t mr_weekday(int64_t day)
{
    return ((day + 3) % 7 + 7) % 7 + 1;
}

/* "+02:00", "-0530", "Z" as minutes east of UTC; `out_zulu` = it was Z. Returns its length, 0 when
 * it is none. */
size_t mr_parse_offset(mr_slice text, int32_t *out_minutes, bool *out_zulu);

/* The layout of a timestamp with `digits` of a second and an offset. */
mr_time_layout mr_layout_of(unsigned digits, bool zoned, bool zulu, int32_t minutes);

#endif
