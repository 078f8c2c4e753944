/* SPDX-License-Identifier: MIT
 *
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "transform/sum.h"

#include <math.h>

#include "support/test.h"

static uint64_t state = 7;

static uint64_t draw(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 11 ^ state << 20;
}

static void add_text(mr_sum *sum, const char *text)
{
    mr_i128 value;
    unsigned scale;
    MR_EXPECT(mr_parse_decimal(mr_slice_text(text), &value, &scale));
    mr_sum_add(sum, value, scale);
}

static void expect_text(const mr_sum *sum, const char *wanted)
{
    char text[MR_SUM_TEXT_MAX];
    const size_t len = mr_sum_text(sum, text);
    MR_EXPECT_SLICE(mr_slice_of(text, len), wanted);
}

MR_TEST(sums_keep_the_largest_scale_and_every_digit)
{
    static const struct {
        const char *terms[6];
        const char *sum;
        double mean;
    } rows[] = {
        {{"1", "2", "3"}, "6", 2},
        {{"1.50", "2", "0.25"}, "3.75", 1.25},
        {{"-1.5", "1.50"}, "0.00", 0},
        {{"0.0000000000000000000000000000000000001", "99999999999999999999999999999999999999"},
         "99999999999999999999999999999999999999.0000000000000000000000000000000000001",
         5e37},
        {{"99999999999999999999999999999999999999", "99999999999999999999999999999999999999",
          "99999999999999999999999999999999999999"},
         "299999999999999999999999999999999999997",
         1e38},
        {{"-99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
          "1.5"},
         "-199999999999999999999999999999999999996.5",
         -6.6666666666666665e37},
        {{"10", "0.1", "0.2"}, "10.3", 3.433333333333333},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_sum forth = {0}, back = {0};
        uint64_t count = 0;
        while (count < MR_COUNT_OF(rows[i].terms) && rows[i].terms[count] != NULL)
            add_text(&forth, rows[i].terms[count++]);
        for (uint64_t at = count; at > 0; at--)
            add_text(&back, rows[i].terms[at - 1]);
        expect_text(&forth, rows[i].sum);
        expect_text(&back, rows[i].sum);
        MR_EXPECT(mr_sum_mean(&forth, count) == rows[i].mean);
    }
}

MR_TEST(parts_may_be_added_in_any_order)
{
    for (int round = 0; round < 200; round++) {
        mr_sum whole = {0}, parts[4] = {{0}};
        for (int i = 0; i < 60; i++) {
            const mr_i128 factor = (mr_i128)1 << draw() % 60;
            const mr_i128 value = (mr_i128)(int64_t)draw() * factor / 3;
            const unsigned scale = (unsigned)(draw() % 39);
            mr_sum_add(&whole, value, scale);
            mr_sum_add(&parts[draw() % 4], value, scale);
        }
        mr_sum merged = {0};
        for (int i = 3; i >= 0; i--)
            mr_sum_merge(&merged, &parts[i]);
        char a[MR_SUM_TEXT_MAX], b[MR_SUM_TEXT_MAX];
        const size_t a_len = mr_sum_text(&whole, a), b_len = mr_sum_text(&merged, b);
        MR_EXPECT(mr_slice_equal(mr_slice_of(a, a_len), mr_slice_of(b, b_len)));
        MR_EXPECT(mr_sum_mean(&whole, 60) == mr_sum_mean(&merged, 60));
    }
}

MR_TEST(doubles_that_cancel_leave_what_is_left)
{
    static const struct {
        double terms[5];
        double sum;
    } rows[] = {
        {{1e308, 1e308, -1e308, -1e308, 3}, 3},
        {{1e16, 1, -1e16, 0, 0}, 1},
        {{0.1, 0.2, 0.3, -0.3, 0}, 0.30000000000000004},
        {{5e-324, 5e-324, -5e-324, 0, 0}, 5e-324},
        {{2.2250738585072014e-308, -5e-324, 0, 0, 0}, 2.2250738585072009e-308},
        {{1e308, 1e308, 0, 0, 0}, HUGE_VAL},
        {{-1e300, 1e-300, 0, 0, 0}, -1e300},
        {{9007199254740992, 1, 0, 0, 0}, 9007199254740992},
        {{9007199254740992, 1, 1e-9, 0, 0}, 9007199254740994},
        {{9007199254740994, 1, 0, 0, 0}, 9007199254740996},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_real_sum forth = {{0}}, back = {{0}};
        for (int t = 0; t < 5; t++) {
            mr_real_sum_add(&forth, rows[i].terms[t]);
            mr_real_sum_add(&back, rows[i].terms[4 - t]);
        }
        MR_EXPECT(mr_real_sum_value(&forth) == rows[i].sum);
        MR_EXPECT(mr_real_sum_value(&back) == rows[i].sum);
    }
}

MR_TEST(sums_of_doubles_do_not_depend_on_how_they_are_cut)
{
    for (int round = 0; round < 200; round++) {
        mr_real_sum whole = {{0}}, parts[3] = {{{0}}};
        for (int i = 0; i < 50; i++) {
            const double value = ldexp((double)(int64_t)draw(), (int)(draw() % 400) - 200);
            mr_real_sum_add(&whole, value);
            mr_real_sum_add(&parts[draw() % 3], value);
        }
        mr_real_sum_merge(&parts[2], &parts[0]);
        mr_real_sum_merge(&parts[2], &parts[1]);
        MR_EXPECT(mr_real_sum_value(&whole) == mr_real_sum_value(&parts[2]));
    }
}
