/* SPDX-License-Identifier: MIT */
#include "core/clock.h"

#include "support/test.h"

#define S INT64_C(1000000)

MR_TEST(times_with_any_offset_are_read_as_utc)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"1970-01-01T00:00:00.0000019Z", 1},
        {"1969-12-31T23:59:59.9999999Z", -1},
        {"1970-01-01T02:00:00+02:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"2025-01-15T10:00:00Z", 1736935200 * S},
        {"2024-02-29T12:00:00.123456789+00:00", 1709208000 * S + 123456},
        {"0000-01-01T00:00:00Z", -62167219200 * S},
        {"9999-12-31T23:59:59.999999Z", 253402300799 * S + 999999},
        {"2025-01-15T10:00:00+23:59", (1736935200 - 86340) * S},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        int64_t us = -7;
        MR_EXPECT(mr_parse_time(mr_slice_text(cases[i].text), &us));
        MR_EXPECT_I64(us, ==, cases[i].us);
    }
}

MR_TEST(what_is_not_rfc_3339_is_refused)
{
    static const char *const cases[] = {
        "",
        "2025-01-15",
        "2025-01-15T10:00:00",
        "2025-01-15 10:00:00Z",
        "2025-01-15t10:00:00Z",
        "2025-01-15T10:00:00z",
        "2025-01-15T10:00Z",
        "2025-01-15T10:00:00.Z",
        "2025-01-15T10:00:00,5Z",
        "2025-01-15T24:00:00Z",
        "2025-01-15T10:60:00Z",
        "2025-01-15T10:00:60Z",
        "2025-02-29T10:00:00Z",
        "2025-13-01T10:00:00Z",
        "2025-00-01T10:00:00Z",
        "2025-01-00T10:00:00Z",
        "2025-1-15T10:00:00Z",
        "25-01-15T10:00:00Z",
        "2025-01-15T10:00:00+2:00",
        "2025-01-15T10:00:00+0200",
        "2025-01-15T10:00:00+02",
        "2025-01-15T10:00:00+24:00",
        "2025-01-15T10:00:00+02:60",
        "2025-01-15T10:00:00ZZ",
        "2025-01-15T10:00:00+02:00Z",
        "-025-01-15T10:00:00Z",
        "12025-01-15T10:00:00Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        int64_t us = -7;
        if (mr_parse_time(mr_slice_text(cases[i]), &us)) MR_TEST_FAIL("'%s' is read\n", cases[i]);
        MR_EXPECT_I64(us, ==, -7);
    }
}

MR_TEST(every_cut_of_a_time_is_refused)
{
    const mr_slice text = MR_SLICE("2025-01-15T10:00:00.25+02:00");
    int64_t us;
    for (size_t len = 0; len < text.len; len++)
        MR_EXPECT(!mr_parse_time(mr_slice_of(text.ptr, len), &us));
}

MR_TEST(what_is_written_is_read_back)
{
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        const int64_t us = (int64_t)(seed % UINT64_C(315569519999000000)) - 62167219200 * S;
        const int64_t whole = us >= 0 || us % S == 0 ? us / S : us / S - 1;
        char text[MR_TIME_TEXT_MAX];
        const size_t len = mr_format_time(text, whole, (uint32_t)(us - whole * S) * 1000, 6);
        int64_t back;
        MR_EXPECT(len > 0 && mr_parse_time(mr_slice_of(text, len), &back));
        MR_EXPECT_I64(back, ==, us);
    }
}

MR_TEST(days_begin_at_midnight)
{
    int64_t us;
    MR_EXPECT(mr_parse_day(MR_SLICE("2025-01-15"), &us));
    MR_EXPECT_I64(us, ==, 1736899200 * S);
    MR_EXPECT(!mr_parse_day(MR_SLICE("2025-02-30"), &us));
    MR_EXPECT(!mr_parse_day(MR_SLICE("2025-01-15T"), &us));
    MR_EXPECT(!mr_parse_day(MR_SLICE("2025-01-1"), &us));
}
