/* SPDX-License-Identifier: MIT */
#include "metrics/registry.h"

#include <math.h>
#include <pthread.h>

#include "metrics/text.h"
#include "support/test.h"

static mr_error err;

static mr_metrics *open_metrics(void)
{
    mr_metrics *metrics = NULL;
    MR_EXPECT_OK(mr_metrics_open(NULL, &metrics, &err));
    return metrics;
}

static mr_metric_family *declare(mr_metrics *metrics, mr_metric_decl decl)
{
    mr_metric_family *family = NULL;
    if (decl.help == NULL) decl.help = "Help.";
    MR_EXPECT_OK(mr_metrics_family(metrics, &decl, &family, &err));
    return family;
}

static void expect_page(mr_metrics *metrics, mr_metrics_format format, const char *wanted)
{
    mr_buffer page;
    mr_buffer_init(&page, "page", 1 << 20);
    MR_EXPECT_OK(mr_metrics_write(metrics, format, &page, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&page), wanted);
    mr_buffer_done(&page);
}

MR_TEST(families_and_series_appear_in_declaration_order)
{
    mr_metrics *metrics = open_metrics();
    mr_metric_family *zebra =
        declare(metrics, (mr_metric_decl){.name = "zebra_total", .labels = {"code", "x"}});
    mr_metric_family *ant =
        declare(metrics, (mr_metric_decl){.name = "ant", .type = MR_METRIC_GAUGE});
    mr_counter *b, *a;
    mr_gauge *g;
    const mr_slice bx[] = {MR_SLICE("b"), MR_SLICE("1")}, ax[] = {MR_SLICE("a"), MR_SLICE("2")};
    MR_EXPECT_OK(mr_metrics_counter(zebra, bx, &b, &err));
    MR_EXPECT_OK(mr_metrics_counter(zebra, ax, &a, &err));
    MR_EXPECT_OK(mr_metrics_gauge(ant, NULL, &g, &err));
    mr_counter_add(b, 3);
    mr_counter_add(a, UINT64_MAX);
    mr_gauge_set(g, INT64_MIN);
    expect_page(metrics, MR_METRICS_TEXT,
                "# HELP zebra_total Help.\n# TYPE zebra_total counter\n"
                "zebra_total{code=\"b\",x=\"1\"} 3\n"
                "zebra_total{code=\"a\",x=\"2\"} 18446744073709551615\n"
                "# HELP ant Help.\n# TYPE ant gauge\nant -9223372036854775808\n");
    expect_page(metrics, MR_METRICS_OPENMETRICS,
                "# HELP zebra Help.\n# TYPE zebra counter\n"
                "zebra_total{code=\"b\",x=\"1\"} 3\n"
                "zebra_total{code=\"a\",x=\"2\"} 18446744073709551615\n"
                "# HELP ant Help.\n# TYPE ant gauge\nant -9223372036854775808\n# EOF\n");
    mr_metrics_close(metrics);
}

MR_TEST(a_family_without_series_is_not_on_the_page)
{
    mr_metrics *metrics = open_metrics();
    declare(metrics, (mr_metric_decl){.name = "nothing_total", .labels = {"a"}});
    expect_page(metrics, MR_METRICS_TEXT, "");
    mr_metrics_close(metrics);
}

/* As MR_SLICE, where only constants may stand. */
#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

MR_TEST(label_values_and_help_are_escaped)
{
    static const struct {
        mr_slice value;
        const char *wanted;
    } rows[] = {
        {BYTES("plain"), "plain"},
        {BYTES("a\"b\\c\nd"), "a\\\"b\\\\c\\nd"},
        {BYTES("tab\tcr\r"), "tab\tcr\r"},
        {BYTES("nul\0end"), "nul\xef\xbf\xbd"
                            "end"},
        {BYTES("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f"},
        {BYTES("latin1 \xfc."), "latin1 \xef\xbf\xbd."},
        {BYTES("cut \xe2\x82"), "cut \xef\xbf\xbd\xef\xbf\xbd"},
        {BYTES("overlong \xc0\xaf"), "overlong \xef\xbf\xbd\xef\xbf\xbd"},
        {BYTES("surrogate \xed\xa0\x80"), "surrogate \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {BYTES("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80"},
        {BYTES("\xf4\x90\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    mr_buffer out;
    mr_buffer_init(&out, "out", 1000);
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_buffer_reset(&out);
        MR_EXPECT_OK(mr_text_label_value(&out, rows[i].value, &err));
        MR_EXPECT_SLICE(mr_buffer_slice(&out), rows[i].wanted);
    }
    mr_buffer_done(&out);
    mr_metrics *metrics = open_metrics();
    mr_gauge *gauge;
    mr_metric_family *family = declare(
        metrics, (mr_metric_decl){.name = "g", .type = MR_METRIC_GAUGE, .help = "a \"b\" \\ c\nd"});
    MR_EXPECT_OK(mr_metrics_gauge(family, NULL, &gauge, &err));
    expect_page(metrics, MR_METRICS_TEXT, "# HELP g a \"b\" \\\\ c\\nd\n# TYPE g gauge\ng 0\n");
    expect_page(metrics, MR_METRICS_OPENMETRICS,
                "# HELP g a \\\"b\\\" \\\\ c\\nd\n# TYPE g gauge\ng 0\n# EOF\n");
    mr_metrics_close(metrics);
}

MR_TEST(decimals_move_the_point_exactly)
{
    static const struct {
        uint64_t value;
        unsigned decimals;
        const char *wanted;
    } rows[] = {
        {0, 9, "0"},
        {1, 9, "0.000000001"},
        {1500000000, 9, "1.5"},
        {1000000000, 9, "1"},
        {10, 1, "1"},
        {105, 1, "10.5"},
        {123456, 6, "0.123456"},
        {UINT64_MAX, 0, "18446744073709551615"},
        {UINT64_MAX, 18, "18.446744073709551615"},
        {100, 0, "100"},
        {100, 3, "0.1"},
    };
    mr_buffer out;
    mr_buffer_init(&out, "out", 1000);
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_buffer_reset(&out);
        MR_EXPECT_OK(mr_text_u64(&out, rows[i].value, rows[i].decimals, &err));
        MR_EXPECT_SLICE(mr_buffer_slice(&out), rows[i].wanted);
    }
    mr_buffer_reset(&out);
    MR_EXPECT_OK(mr_text_i64(&out, -1500, 3, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "-1.5");
    mr_buffer_done(&out);
}

MR_TEST(doubles_read_back_as_they_were)
{
    static const struct {
        double value;
        const char *wanted;
    } rows[] = {
        {0, "0"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e300, "1e300"},
        {(double)NAN, "NaN"},
        {(double)INFINITY, "+Inf"},
        {-(double)INFINITY, "-Inf"},
        {1.0 / 3, "0.3333333333333333"},
        {123456789012.0, "123456789012"},
        {5e-324, "5e-324"},
    };
    mr_buffer out;
    mr_buffer_init(&out, "out", 1000);
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_buffer_reset(&out);
        MR_EXPECT_OK(mr_text_double(&out, rows[i].value, &err));
        MR_EXPECT_SLICE(mr_buffer_slice(&out), rows[i].wanted);
    }
    mr_buffer_done(&out);
}

MR_TEST(histograms_are_cumulative_and_bounds_inclusive)
{
    static const uint64_t bounds[] = {5000000, 10000000, 2500000000};
    mr_metrics *metrics = open_metrics();
    mr_metric_family *family = declare(metrics, (mr_metric_decl){.name = "wait_seconds",
                                                                 .type = MR_METRIC_HISTOGRAM,
                                                                 .decimals = 9,
                                                                 .labels = {"q"},
                                                                 .bounds = bounds,
                                                                 .bound_count = 3});
    mr_buckets *buckets;
    const mr_slice label = MR_SLICE("a");
    MR_EXPECT_OK(mr_metrics_buckets(family, &label, &buckets, &err));
    static const uint64_t values[] = {0, 5000000, 5000001, 10000000, 2500000000, 2500000001};
    for (size_t i = 0; i < MR_COUNT_OF(values); i++)
        mr_buckets_observe(buckets, values[i]);
    expect_page(metrics, MR_METRICS_TEXT,
                "# HELP wait_seconds Help.\n# TYPE wait_seconds histogram\n"
                "wait_seconds_bucket{q=\"a\",le=\"0.005\"} 2\n"
                "wait_seconds_bucket{q=\"a\",le=\"0.01\"} 4\n"
                "wait_seconds_bucket{q=\"a\",le=\"2.5\"} 5\n"
                "wait_seconds_bucket{q=\"a\",le=\"+Inf\"} 6\n"
                "wait_seconds_sum{q=\"a\"} 5.020000002\n"
                "wait_seconds_count{q=\"a\"} 6\n");
    mr_metrics_close(metrics);
}

static mr_code collect_two(void *context, mr_metrics_sink *sink, mr_error *error)
{
    const size_t *count = context;
    for (size_t i = 0; i < *count; i++) {
        char text[24];
        snprintf(text, sizeof text, "%zu", i);
        const mr_slice label = mr_slice_text(text);
        MR_TRY(mr_metrics_emit_u64(sink, &label, i * 10, error));
    }
    return MR_OK;
}

static mr_code collect_buckets(MR_UNUSED void *context, mr_metrics_sink *sink, mr_error *error)
{
    static const uint64_t counts[] = {1, 0, 4};
    return mr_metrics_emit_buckets(sink, NULL, counts, 99, error);
}

MR_TEST(collected_families_emit_when_the_page_is_written)
{
    static const uint64_t bounds[] = {1, 2};
    size_t count = 2;
    mr_metrics *metrics = open_metrics();
    declare(metrics, (mr_metric_decl){.name = "c",
                                      .type = MR_METRIC_GAUGE,
                                      .labels = {"n"},
                                      .collect = collect_two,
                                      .context = &count});
    declare(metrics, (mr_metric_decl){.name = "h",
                                      .type = MR_METRIC_HISTOGRAM,
                                      .bounds = bounds,
                                      .bound_count = 2,
                                      .collect = collect_buckets});
    expect_page(metrics, MR_METRICS_TEXT,
                "# HELP c Help.\n# TYPE c gauge\nc{n=\"0\"} 0\nc{n=\"1\"} 10\n"
                "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 1\n"
                "h_bucket{le=\"+Inf\"} 5\nh_sum 99\nh_count 5\n");
    mr_metrics_close(metrics);
}

MR_TEST(limits_are_errors_when_adding_and_drops_when_emitting)
{
    const mr_metrics_limits limits = {
        .families_max = 3, .series_max = 2, .memory_bytes_max = 1 << 20};
    size_t count = 5;
    mr_metrics *metrics;
    MR_EXPECT_OK(mr_metrics_open(&limits, &metrics, &err)); /* has one family of its own */
    mr_metric_family *family =
        declare(metrics, (mr_metric_decl){.name = "a_total", .labels = {"x"}});
    declare(metrics, (mr_metric_decl){.name = "c",
                                      .type = MR_METRIC_GAUGE,
                                      .labels = {"n"},
                                      .collect = collect_two,
                                      .context = &count});
    mr_metric_family *third;
    MR_EXPECT_CODE(mr_metrics_family(metrics, &(mr_metric_decl){.name = "d"}, &third, &err),
                   MR_ERR_LIMIT);
    mr_counter *counter;
    const mr_slice x = MR_SLICE("x"), y = MR_SLICE("y"), z = MR_SLICE("z");
    MR_EXPECT_OK(mr_metrics_counter(family, &x, &counter, &err));
    MR_EXPECT_OK(mr_metrics_counter(family, &y, &counter, &err));
    MR_EXPECT_CODE(mr_metrics_counter(family, &z, &counter, &err), MR_ERR_LIMIT);
    mr_buffer page;
    mr_buffer_init(&page, "page", 1 << 20);
    MR_EXPECT_OK(mr_metrics_write(metrics, MR_METRICS_TEXT, &page, &err));
    mr_buffer_reset(&page);
    MR_EXPECT_OK(mr_metrics_write(metrics, MR_METRICS_TEXT, &page, &err));
    MR_EXPECT(mr_buffer_append_byte(&page, 0, &err) == MR_OK);
    MR_EXPECT(strstr(page.ptr, "millrace_metrics_series_dropped_total 3\n") != NULL);
    MR_EXPECT(strstr(page.ptr, "c{n=\"1\"} 10\n") != NULL);
    MR_EXPECT(strstr(page.ptr, "c{n=\"2\"}") == NULL);
    mr_buffer_done(&page);
    mr_buffer_init(&page, "page", 20);
    MR_EXPECT_CODE(mr_metrics_write(metrics, MR_METRICS_TEXT, &page, &err), MR_ERR_LIMIT);
    mr_buffer_done(&page);
    mr_metrics_close(metrics);
}

MR_TEST(wrong_declarations_are_refused)
{
    static const uint64_t falling[] = {2, 1};
    const mr_metric_decl rows[] = {
        {.name = ""},
        {.name = "9lives"},
        {.name = "a-b"},
        {.name = "a", .labels = {"a:b"}},
        {.name = "a", .labels = {"__x"}},
        {.name = "a", .labels = {"x", "x"}},
        {.name = "a", .decimals = 19},
        {.name = "a", .type = MR_METRIC_HISTOGRAM},
        {.name = "a", .type = MR_METRIC_HISTOGRAM, .bounds = falling, .bound_count = 2},
        {.name = "a",
         .type = MR_METRIC_HISTOGRAM,
         .bounds = falling,
         .bound_count = 1,
         .labels = {"le"}},
        {.name = "a", .bounds = falling, .bound_count = 1},
    };
    mr_metrics *metrics = open_metrics();
    mr_metric_family *family;
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++)
        MR_EXPECT_CODE(mr_metrics_family(metrics, &rows[i], &family, &err), MR_ERR_USAGE);
    mr_metrics_close(metrics);
}

MR_TEST(equal_declarations_share_and_different_ones_conflict)
{
    mr_metrics *metrics = open_metrics();
    mr_metric_family *first =
        declare(metrics, (mr_metric_decl){.name = "a_total", .labels = {"x"}});
    mr_metric_family *again =
        declare(metrics, (mr_metric_decl){.name = "a_total", .labels = {"x"}});
    MR_EXPECT(first == again);
    const mr_slice x = MR_SLICE("x");
    mr_counter *one, *two;
    mr_gauge *gauge;
    MR_EXPECT_OK(mr_metrics_counter(first, &x, &one, &err));
    MR_EXPECT_OK(mr_metrics_counter(again, &x, &two, &err));
    MR_EXPECT(one == two);
    MR_EXPECT_U64((uintptr_t)one % MR_CACHE_LINE, ==, 0);
    MR_EXPECT_CODE(mr_metrics_gauge(first, &x, &gauge, &err), MR_ERR_USAGE);
    mr_metric_family *other;
    MR_EXPECT_CODE(mr_metrics_family(metrics, &(mr_metric_decl){.name = "a_total", .labels = {"y"}},
                                     &other, &err),
                   MR_ERR_CONFLICT);
    mr_metrics_close(metrics);
}

static mr_code build_and_close(void)
{
    static const uint64_t bounds[] = {1, 2};
    mr_metrics *metrics = NULL;
    mr_metric_family *family;
    mr_buckets *buckets;
    mr_code rc = mr_metrics_open(NULL, &metrics, &err);
    if (rc == MR_OK)
        rc = mr_metrics_family(metrics,
                               &(mr_metric_decl){.name = "h",
                                                 .help = "h",
                                                 .type = MR_METRIC_HISTOGRAM,
                                                 .bounds = bounds,
                                                 .bound_count = 2},
                               &family, &err);
    if (rc == MR_OK) rc = mr_metrics_buckets(family, NULL, &buckets, &err);
    mr_metrics_close(metrics);
    return rc;
}

MR_TEST(every_allocation_may_fail)
{
    MR_EACH_ALLOC_FAILS(build_and_close());
}

static void *count_a_million(void *context)
{
    for (int i = 0; i < 1000000; i++)
        mr_counter_add(context, 1);
    return NULL;
}

MR_TEST(updates_from_two_threads_are_all_counted_while_pages_are_written)
{
    mr_metrics *metrics = open_metrics();
    mr_counter *counter;
    mr_metric_family *family = declare(metrics, (mr_metric_decl){.name = "a_total"});
    MR_EXPECT_OK(mr_metrics_counter(family, NULL, &counter, &err));
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        MR_EXPECT(pthread_create(&threads[i], NULL, count_a_million, counter) == 0);
    mr_buffer page;
    mr_buffer_init(&page, "page", 1 << 20);
    for (int i = 0; i < 100; i++) {
        mr_buffer_reset(&page);
        MR_EXPECT_OK(mr_metrics_write(metrics, MR_METRICS_TEXT, &page, &err));
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    MR_EXPECT_U64(mr_counter_read(counter), ==, 2000000);
    mr_buffer_done(&page);
    mr_metrics_close(metrics);
}
