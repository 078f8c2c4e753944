/* SPDX-License-Identifier: MIT
 *
 * cli/schedule.h - when something is to be done: every so often, or as cron says, in UTC.
 *
 *     30 3 * * 1-5     minute, hour, day of the month, month, day of the week (0 and 7: Sunday)
 *
 * A field is *, a number, a range a-b, each with a step behind '/', or several of these with
 * commas. When both days are given, either one is enough, as in cron.
 *
 * Thread: pure functions. */
#ifndef MR_CLI_SCHEDULE_H
#define MR_CLI_SCHEDULE_H

#include "core/base.h"
#include "core/error.h"

#define MR_SCHEDULE_EVERY_MIN_NS INT64_C(1000000000)

typedef struct mr_schedule {
    int64_t every_ns; /* 0: the bits below, one a value */
    uint64_t minutes, hours, days, months, weekdays;
    bool any_day, any_weekday;
} mr_schedule;

MR_NODISCARD mr_code mr_schedule_parse_cron(mr_slice text, mr_schedule *out, mr_error *err);

/* The first moment behind `after`, both in wall nanoseconds; INT64_MAX when there is none within
 * eight years (30 February). */
int64_t mr_schedule_next(const mr_schedule *schedule, int64_t after_ns);

#endif
