/* SPDX-License-Identifier: MIT */
#include "core/clock.h"

#include <time.h>

#include "support/test.h"

MR_TEST(days_and_dates_agree_with_counting_day_by_day)
{
    static const uint8_t lengths[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    mr_date date = {0, 1, 1};
    for (int32_t days = -719528; date.year <= 9999; days++) {
        const mr_date got = mr_date_from_days(days);
        if (got.year != date.year || got.month != date.month || got.day != date.day ||
            mr_days_from_date(date) != days || !mr_date_valid(date))
            MR_TEST_FAIL("day %d is %d-%d-%d\n", days, date.year, date.month, date.day);
        const bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
        if (++date.day > lengths[date.month] + (date.month == 2 && leap)) {
            date.day = 1;
            if (++date.month > 12) {
                date.month = 1;
                date.year++;
            }
        }
    }
}

MR_TEST(years_before_0_and_after_9999_survive)
{
    for (int32_t year = -32768; year <= 32767; year += 13) {
        const mr_date date = {year, 3, 1};
        const mr_date back = mr_date_from_days(mr_days_from_date(date));
        MR_EXPECT_I64(back.year, ==, year);
        MR_EXPECT(back.month == 3 && back.day == 1);
    }
}

MR_TEST(dates_that_do_not_exist_are_invalid)
{
    static const mr_date bad[] = {{2023, 2, 29}, {1900, 2, 29}, {2024, 2, 30}, {2024, 4, 31},
                                  {2024, 0, 1},  {2024, 13, 1}, {2024, 1, 0},  {2024, 1, 32},
                                  {-1, 1, 1},    {10000, 1, 1}};
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++)
        MR_EXPECT(!mr_date_valid(bad[i]));
    MR_EXPECT(mr_date_valid((mr_date){2000, 2, 29}) && mr_date_valid((mr_date){2024, 2, 29}));
}

MR_TEST(times_are_written_as_rfc_3339)
{
    static const struct {
        int64_t seconds;
        uint32_t ns;
        unsigned digits;
        const char *text;
    } rows[] = {
        {0, 0, 0, "1970-01-01T00:00:00Z"},
        {-1, 999999999, 3, "1969-12-31T23:59:59.999Z"},
        {1767323045, 678900000, 3, "2026-01-02T03:04:05.678Z"},
        {1767323045, 678900001, 9, "2026-01-02T03:04:05.678900001Z"},
        {951782400, 5, 9, "2000-02-29T00:00:00.000000005Z"},
        {INT64_C(-62167219200), 0, 1, "0000-01-01T00:00:00.0Z"},
        {INT64_C(253402300799), 999999999, 6, "9999-12-31T23:59:59.999999Z"},
    };
    char text[MR_TIME_TEXT_MAX];
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        const size_t len = mr_format_time(text, rows[i].seconds, rows[i].ns, rows[i].digits);
        MR_EXPECT_SLICE(((mr_slice){text, len}), rows[i].text);
    }
    MR_EXPECT_U64(mr_format_time(text, INT64_C(-62167219201), 0, 0), ==, 0);
    MR_EXPECT_U64(mr_format_time(text, INT64_C(253402300800), 0, 0), ==, 0);
    MR_EXPECT_U64(mr_format_time(text, INT64_MAX, 0, 0), ==, 0);
    MR_EXPECT_U64(mr_format_time(text, 0, 1000000000, 0), ==, 0);
    MR_EXPECT_SLICE(((mr_slice){text, mr_format_wall(text, -1, 9)}),
                    "1969-12-31T23:59:59.999999999Z");
    MR_EXPECT_SLICE(((mr_slice){text, mr_format_wall(text, INT64_MIN, 0)}), "1677-09-21T00:12:43Z");
    MR_EXPECT_SLICE(((mr_slice){text, mr_format_wall(text, INT64_MAX, 0)}), "2262-04-11T23:47:16Z");
}

MR_TEST(random_times_agree_with_the_c_library)
{
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const time_t seconds =
            (time_t)((random >> 20) % UINT64_C(315569520000)) - INT64_C(62167219200);
        struct tm parts;
        char text[MR_TIME_TEXT_MAX + 1], wanted[64];
        gmtime_r(&seconds, &parts);
        snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
        text[mr_format_time(text, seconds, 0, 0)] = 0;
        if (strcmp(text, wanted) != 0) MR_TEST_FAIL("%s is not %s\n", text, wanted);
    }
}

MR_TEST(clocks_run_and_can_be_frozen)
{
    const int64_t monotonic = mr_clock_ns(), cpu = mr_clock_cpu_ns();
    for (volatile int i = 0; i < 1000000;)
        i = i + 1;
    MR_EXPECT_I64(mr_clock_ns(), >, monotonic);
    MR_EXPECT_I64(mr_clock_cpu_ns(), >, cpu);
    MR_EXPECT_I64(mr_clock_wall_ns(), >, 1700000000 * MR_NS_PER_S);
    mr_clock_freeze(5, 7);
    MR_EXPECT_I64(mr_clock_ns(), ==, 5);
    MR_EXPECT_I64(mr_clock_wall_ns(), ==, 7);
    MR_EXPECT_I64(mr_clock_real_ns(), >, monotonic);
    mr_clock_release();
    MR_EXPECT_I64(mr_clock_ns(), >, monotonic);
}
