/* SPDX-License-Identifier: MIT */
#include "bench/baseline.h"
#include "bench/data.h"

#include "support/files.h"
#include "support/test.h"

static mr_error err;
static mr_bench bench;

static const mr_bench_target wall = {"s", MR_BENCH_LOWER, 0.8, 0.4};
static const mr_bench_target rate = {"records/s", MR_BENCH_HIGHER, 1000, MR_BENCH_NONE};
static const mr_bench_target size = {"bytes", MR_BENCH_INFO, MR_BENCH_NONE, MR_BENCH_NONE};

static void samples(const mr_bench_target *target, const char *name, const double *values,
                    size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_bench_sample(&bench, target, values[i], "%s", name);
}

#define SAMPLES(target, name, ...)                       \
    samples(target, name, (const double[]){__VA_ARGS__}, \
            sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

MR_TEST(the_median_of_odd_and_even_counts_and_its_spread)
{
    static const struct {
        double values[5];
        uint32_t count;
        mr_bench_spread spread;
    } cases[] = {
        {{7}, 1, {7, 7, 7, 0}},
        {{9, 1}, 2, {5, 1, 9, 4}},
        {{3, 1, 2}, 3, {2, 1, 3, 1}},
        {{5, 100, 1, 4, 6}, 5, {5, 1, 100, 1}}, /* distances 0 95 4 1 1 */
        {{0}, 0, {0, 0, 0, 0}},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_bench_figure figure = {.count = cases[i].count};
        memcpy(figure.samples, cases[i].values, sizeof cases[i].values);
        const mr_bench_spread got = mr_bench_spread_of(&figure);
        const mr_bench_spread *wanted = &cases[i].spread;
        /* NOLINTNEXTLINE(*-comparison,cert-*) */
        MR_EXPECT(memcmp(&got, wanted, sizeof got) == 0);
    }
}

MR_TEST(samples_of_one_name_are_one_figure)
{
    mr_bench_clear(&bench);
    SAMPLES(&wall, "a", 1, 2);
    SAMPLES(&rate, "b", 3);
    SAMPLES(&wall, "a", 3);
    MR_EXPECT_U64(bench.figure_count, ==, 2);
    MR_EXPECT_U64(bench.figures[0].count, ==, 3);
    MR_EXPECT_U64(bench.figures[1].count, ==, 1);
}

MR_TEST(a_verdict_says_which_target_is_reached)
{
    static const struct {
        mr_bench_better better;
        double must, goal, median;
        const char *verdict;
    } cases[] = {
        {MR_BENCH_LOWER, 0.8, 0.4, 0.3, "goal"},
        {MR_BENCH_LOWER, 0.8, 0.4, 0.4, "goal"},
        {MR_BENCH_LOWER, 0.8, 0.4, 0.8, "must"},
        {MR_BENCH_LOWER, 0.8, 0.4, 0.81, "missed"},
        {MR_BENCH_HIGHER, 85, 95, 96, "goal"},
        {MR_BENCH_HIGHER, 85, 95, 90, "must"},
        {MR_BENCH_HIGHER, 85, 95, 84, "missed"},
        {MR_BENCH_LOWER, MR_BENCH_NONE, 5, 6, "missed"},
        {MR_BENCH_LOWER, 0, MR_BENCH_NONE, 0, "must"},
        {MR_BENCH_LOWER, MR_BENCH_NONE, MR_BENCH_NONE, 6, ""},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_bench_figure figure = {.better = cases[i].better,
                                  .must = cases[i].must,
                                  .goal = cases[i].goal,
                                  .count = 1,
                                  .samples = {cases[i].median}};
        MR_EXPECT_TEXT(mr_bench_verdict(&figure), cases[i].verdict);
    }
}

MR_TEST(one_check_that_does_not_hold_breaks_the_scenario)
{
    mr_bench_clear(&bench);
    mr_bench_note(&bench, "a note");
    MR_EXPECT(mr_bench_check(&bench, true, "fine"));
    MR_EXPECT(!mr_bench_broken(&bench));
    MR_EXPECT(!mr_bench_check(&bench, false, "bad"));
    MR_EXPECT(mr_bench_broken(&bench));
}

/* Compares what the samples say now with a file, and returns the text. */
static const char *compared(const char *file, bool *out_worse)
{
    static char text[4096];
    static mr_bench_baseline baseline;
    mr_buffer out;
    mr_buffer_init(&out, "test", sizeof text - 1);
    MR_EXPECT_OK(
        mr_bench_baseline_load(&baseline, mr_test_put("base.json", mr_slice_text(file)), &err));
    MR_EXPECT_OK(mr_bench_compare(&baseline, "s", &bench, &out, out_worse, &err));
    if (out.len > 0) memcpy(text, out.ptr, out.len);
    text[out.len] = 0;
    mr_buffer_done(&out);
    mr_bench_baseline_done(&baseline);
    return text;
}

#define BASE                                                                 \
    "{\"scenario\":\"t\",\"figures\":[{\"name\":\"w\",\"median\":0.001}]}\n" \
    "{\"scenario\":\"s\",\"figures\":[{\"name\":\"w\",\"median\":1.0},"      \
    "{\"name\":\"r\",\"median\":1000},{\"name\":\"i\",\"median\":1}]}\n"

MR_TEST(a_baseline_marks_five_ten_and_fifty_percent)
{
    static const struct {
        double wall, rate;
        const char *mark; /* in the text; "" = no mark at all */
        bool worse;
    } cases[] = {
        {1.0, 1000, "", false},        {1.04, 1000, "", false},        {1.06, 1000, "info", false},
        {1.11, 1000, "warning", true}, {1.51, 1000, "critical", true}, {0.5, 2000, "", false},
        {1.0, 940, "info", false},     {1.0, 890, "warning", true},    {1.0, 400, "critical", true},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        bool worse;
        mr_bench_clear(&bench);
        SAMPLES(&wall, "w", cases[i].wall);
        SAMPLES(&rate, "r", cases[i].rate);
        SAMPLES(&size, "i", 5);   /* neither better nor worse */
        SAMPLES(&wall, "new", 5); /* not in the file */
        const char *text = compared(BASE, &worse);
        MR_EXPECT_U64(worse, ==, cases[i].worse);
        if (cases[i].mark[0] != 0) MR_EXPECT(strstr(text, cases[i].mark) != NULL);
        const bool marked = strstr(text, "info") != NULL || strstr(text, "warning") != NULL ||
                            strstr(text, "critical") != NULL;
        MR_EXPECT_U64(marked, ==, cases[i].mark[0] != 0);
        MR_EXPECT(strstr(text, "new") == NULL);
    }
}

MR_TEST(a_baseline_that_is_no_json_is_refused)
{
    static mr_bench_baseline baseline;
    MR_EXPECT_CODE(
        mr_bench_baseline_load(&baseline, mr_test_put("b.json", MR_SLICE("{\"a\":")), &err),
        MR_ERR_USAGE);
    mr_bench_baseline_done(&baseline);
    MR_EXPECT(mr_bench_baseline_load(&baseline, "/nonexistent", &err) != MR_OK);
    mr_bench_baseline_done(&baseline);
}

/* The sum as the header words it, over the whole of a text at once. */
static uint64_t slow_quick_sum(mr_slice text)
{
    uint64_t h = text.len;
    for (size_t at = 0; at < text.len; at += 8) {
        uint64_t word = 0;
        for (size_t i = 0; i < 8 && at + i < text.len; i++)
            word |= (uint64_t)(unsigned char)text.ptr[at + i] << 8 * i;
        h = ((h << 5 | h >> 59) ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return h;
}

MR_TEST(the_quick_sum_is_what_its_header_says)
{
    static const size_t lengths[] = {0, 1, 7, 8, 9, 262143, 262144, 262145, 600001};
    for (size_t i = 0; i < MR_COUNT_OF(lengths); i++) {
        uint64_t sum;
        const mr_slice text = mr_test_lines(lengths[i]);
        MR_EXPECT_OK(mr_bench_quick_sum(mr_test_put("sum", text), &sum, &err));
        MR_EXPECT_U64(sum, ==, slow_quick_sum(text));
    }
}

MR_TEST(reference_files_have_their_published_sums)
{
    mr_bench_file file;
    MR_EXPECT_OK(mr_bench_open(&bench, 1, 0, &err));
    MR_EXPECT_OK(mr_bench_data(&bench, "mixed10", 1000, &file, &err));
    MR_EXPECT(strncmp(file.sha256, "0a8a913a3f390212", 16) == 0);
    MR_EXPECT_OK(mr_bench_data(&bench, "mixed10", 1000, &file, &err)); /* it is there already */
    MR_EXPECT_CODE(mr_bench_data(&bench, "nothing", 1000, &file, &err), MR_ERR_USAGE);
    mr_bench_close(&bench);
    MR_EXPECT(!mr_test_exists(bench.dir));
}

MR_TEST(every_scenario_is_found_by_its_name)
{
    for (const mr_bench_scenario *s = mr_bench_scenarios; s->name != NULL; s++)
        MR_EXPECT(mr_bench_find(s->name) == s);
    MR_EXPECT(mr_bench_find("nothing") == NULL);
}
