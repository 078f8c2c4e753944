/* SPDX-License-Identifier: MIT */
#include "record/cursor.h"

#include "core/mem.h"
#include "support/test.h"

static int order(mr_cursor_kind kind, const char *a, const char *b)
{
    mr_cursor x, y;
    MR_EXPECT(mr_cursor_parse(kind, mr_slice_text(a), &x));
    MR_EXPECT(mr_cursor_parse(kind, mr_slice_text(b), &y));
    const int forward = mr_cursor_compare(kind, &x, &y), back = mr_cursor_compare(kind, &y, &x);
    MR_EXPECT((forward < 0) == (back > 0) && (forward > 0) == (back < 0));
    return forward < 0 ? -1 : forward > 0;
}

/* Each is below the next one. */
MR_TEST(numbers_of_any_size_are_in_their_order)
{
    static const char *const up[] = {"-1e400",
                                     "-12345678901234567890123.5",
                                     "-9223372036854775808",
                                     "-10",
                                     "-9.99",
                                     "-9",
                                     "-0.001",
                                     "0",
                                     "1e-400",
                                     "0.00099",
                                     "0.001",
                                     "0.0011",
                                     "1",
                                     "1.05",
                                     "1.5",
                                     "9",
                                     "10",
                                     "1.1e1",
                                     "9223372036854775807",
                                     "9223372036854775808",
                                     "12345678901234567890123",
                                     "1e400"};
    for (size_t i = 0; i < MR_COUNT_OF(up); i++)
        for (size_t k = 0; k < MR_COUNT_OF(up); k++)
            MR_EXPECT_I64(order(MR_CURSOR_NUMBER, up[i], up[k]), ==, i < k ? -1 : i > k);
    MR_EXPECT_I64(order(MR_CURSOR_NUMBER, "10", "1.0e1"), ==, 0);
    MR_EXPECT_I64(order(MR_CURSOR_NUMBER, "0", "-0.00"), ==, 0);
    MR_EXPECT_I64(order(MR_CURSOR_NUMBER, "2.50", "2.5"), ==, 0);
}

MR_TEST(moments_are_in_their_order_whatever_their_offset)
{
    static const char *const up[] = {"0001-01-01",
                                     "1969-12-31T23:59:59Z",
                                     "1970-01-01",
                                     "2024-02-29T23:30:00+01:00",
                                     "2024-02-29T23:00:00.000000001Z",
                                     "2024-02-29T23:59:59.9Z",
                                     "2024-03-01",
                                     "2024-02-29 20:00:00-05:00",
                                     "9999-12-31T23:59:59Z"};
    for (size_t i = 0; i < MR_COUNT_OF(up); i++)
        for (size_t k = 0; k < MR_COUNT_OF(up); k++)
            MR_EXPECT_I64(order(MR_CURSOR_TIME, up[i], up[k]), ==, i < k ? -1 : i > k);
    MR_EXPECT_I64(order(MR_CURSOR_TIME, "2024-03-01T00:00:00Z", "2024-02-29T19:00:00-05:00"), ==,
                  0);
}

MR_TEST(what_is_not_of_the_kind_is_said_so)
{
    static const char *const no_numbers[] = {"", "-", "x", "1.", ".5", "1e", "007", "1 ", "0x1"};
    static const char *const no_times[] = {"", "2024", "2024-02-30", "2024-02-29T25:00:00Z", "12"};
    mr_cursor out;
    for (size_t i = 0; i < MR_COUNT_OF(no_numbers); i++)
        MR_EXPECT(!mr_cursor_parse(MR_CURSOR_NUMBER, mr_slice_text(no_numbers[i]), &out));
    for (size_t i = 0; i < MR_COUNT_OF(no_times); i++)
        MR_EXPECT(!mr_cursor_parse(MR_CURSOR_TIME, mr_slice_text(no_times[i]), &out));
}

MR_TEST(counting_back_is_exact_and_stops_at_the_end)
{
    mr_cursor from, low, wanted;
    MR_EXPECT(mr_cursor_parse(MR_CURSOR_NUMBER, MR_SLICE("5"), &from));
    mr_cursor_back(MR_CURSOR_NUMBER, &from, 7, &low);
    MR_EXPECT_I64(low.whole, ==, -2);
    from.whole = INT64_MIN + 1;
    mr_cursor_back(MR_CURSOR_NUMBER, &from, 7, &low);
    MR_EXPECT_I64(low.whole, ==, INT64_MIN);
    MR_EXPECT(mr_cursor_parse(MR_CURSOR_TIME, MR_SLICE("2024-03-01T00:00:00.25Z"), &from));
    MR_EXPECT(mr_cursor_parse(MR_CURSOR_TIME, MR_SLICE("2024-02-29T23:59:58.75Z"), &wanted));
    mr_cursor_back(MR_CURSOR_TIME, &from, 1500000000, &low);
    MR_EXPECT_I64(mr_cursor_compare(MR_CURSOR_TIME, &low, &wanted), ==, 0);
}

MR_TEST(comparing_allocates_nothing)
{
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 100; i++)
        order(MR_CURSOR_NUMBER, "12345678901234567890123", "12345678901234567890123.5");
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
}
