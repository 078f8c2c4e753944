/* SPDX-License-Identifier: MIT */
#include "cli/schedule.h"

#include "core/clock.h"
#include "support/test.h"

#define SECOND INT64_C(1000000000)

static int64_t at(const char *text)
{
    int64_t us = 0;
    MR_EXPECT(mr_parse_time(mr_slice_text(text), &us));
    return us * 1000;
}

MR_TEST(the_next_moment_is_the_one_that_cron_means)
{
    static const struct {
        const char *cron, *after, *next;
    } cases[] = {
        {"* * * * *", "2024-05-01T10:00:00Z", "2024-05-01T10:01:00Z"},
        {"* * * * *", "2024-05-01T10:00:59Z", "2024-05-01T10:01:00Z"},
        {"0 3 * * *", "2024-05-01T03:00:00Z", "2024-05-02T03:00:00Z"},
        {"0 3 * * *", "2024-05-01T02:59:59Z", "2024-05-01T03:00:00Z"},
        {"*/15 9-17 * * 1-5", "2024-05-03T17:45:00Z", "2024-05-06T09:00:00Z"},
        {"30 3 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T03:30:00Z"},
        {"0 0 1,15 * *", "2024-12-31T23:59:00Z", "2025-01-01T00:00:00Z"},
        {"0 0 13 * 5", "2024-09-07T00:00:00Z", "2024-09-13T00:00:00Z"},
        {"0 0 13 * 5", "2024-09-13T00:00:00Z", "2024-09-20T00:00:00Z"},
        {"5/20 0 * * 7", "2024-05-04T12:00:00Z", "2024-05-05T00:05:00Z"},
        {"5/20 0 * * 7", "2024-05-05T00:05:00Z", "2024-05-05T00:25:00Z"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_schedule schedule;
        mr_error err;
        MR_EXPECT(mr_schedule_parse_cron(mr_slice_text(cases[i].cron), &schedule, &err) == MR_OK);
        MR_EXPECT_I64(mr_schedule_next(&schedule, at(cases[i].after)), ==, at(cases[i].next));
    }
}

MR_TEST(what_is_no_cron_line_is_refused)
{
    static const char *const bad[] = {
        "",           "* * * *",     "* * * * * *", "60 * * * *",  "a * * * *",
        "1- * * * *", "5-3 * * * *", "*/0 * * * *", "1,, * * * *", "0 0 30 2 *",
        "0 0 0 * *"};
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        mr_schedule schedule;
        mr_error err;
        MR_EXPECT(mr_schedule_parse_cron(mr_slice_text(bad[i]), &schedule, &err) == MR_ERR_USAGE);
    }
}

MR_TEST(an_interval_counts_from_the_run_before)
{
    const mr_schedule schedule = {.every_ns = 90 * SECOND};
    MR_EXPECT_I64(mr_schedule_next(&schedule, at("2024-05-01T10:00:00Z")), ==,
                  at("2024-05-01T10:01:30Z"));
}
