/* SPDX-License-Identifier: MIT */
#include "pipeline/alert.h"

#include <math.h>

#include "support/test.h"

#define S       INT64_C(1000000000)
#define UNKNOWN ((double)NAN)

MR_TEST(conditions_are_read)
{
    static const struct {
        const char *text;
        mr_alert_metric metric;
        int op;
        double threshold;
    } cases[] = {
        {"throughput < 500000", MR_ALERT_THROUGHPUT, MR_ALERT_LT, 500000},
        {"throughput<500000 rec/s", MR_ALERT_THROUGHPUT, MR_ALERT_LT, 500000},
        {" p99 >= 5 ms ", MR_ALERT_P99, MR_ALERT_GE, 5e6},
        {"latency-p95 > 1m30s", MR_ALERT_P95, MR_ALERT_GT, 90e9},
        {"bytes_per_record > 150", MR_ALERT_BYTES_PER_RECORD, MR_ALERT_GT, 150},
        {"memory <= 2GiB", MR_ALERT_MEMORY, MR_ALERT_LE, 2147483648.0},
        {"rejected_percent > 2.5%", MR_ALERT_REJECTED_PERCENT, MR_ALERT_GT, 2.5},
        {"error_rate > 2.5", MR_ALERT_REJECTED_PERCENT, MR_ALERT_GT, 2.5},
        {"circuit_state != 0", MR_ALERT_CIRCUIT, MR_ALERT_NE, 0},
        {"backpressure == 1", MR_ALERT_BACKPRESSURE, MR_ALERT_EQ, 1},
        {"running > 1h", MR_ALERT_RUNNING, MR_ALERT_GT, 3600e9},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_alert_condition c;
        mr_error err = {0};
        if (mr_alert_parse(mr_slice_text(cases[i].text), &c, &err) != MR_OK)
            MR_TEST_FAIL("%s: %s\n", cases[i].text, err.text);
        MR_EXPECT_I64(c.metric, ==, cases[i].metric);
        MR_EXPECT_I64(c.op, ==, cases[i].op);
        MR_EXPECT(c.threshold >= cases[i].threshold && c.threshold <= cases[i].threshold);
    }
}

MR_TEST(wrong_conditions_say_what_is_expected)
{
    static const char *const cases[][2] = {
        {"", "unknown metric ''; expected one such as throughput, p99 or rejected"},
        {"thruput < 5", "unknown metric 'thruput'"},
        {"throughptu < 5", "unknown metric 'throughptu'; did you mean 'throughput'?"},
        {"p99", "expected <, <=, >, >=, == or != after 'p99'"},
        {"p99 = 5ms", "expected <, <=, >, >=, == or != after 'p99'"},
        {"p99 >", "expected a duration (5ms, 1m) after 'p99', found ''"},
        {"p99 > fast", "expected a duration (5ms, 1m) after 'p99', found 'fast'"},
        {"memory > 5ms", "expected bytes (150, 2GiB) after 'memory', found '5ms'"},
        {"throughput < 5 apples", "found '5 apples'"},
        {"rejected > 5 or read > 3", "expected a number after 'rejected', found '5 or read > 3'"},
        {"rejected_percent > 5ms", "expected a percentage (5%)"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_alert_condition c;
        mr_error err = {0};
        MR_EXPECT_CODE(mr_alert_parse(mr_slice_text(cases[i][0]), &c, &err), MR_ERR_USAGE);
        if (strstr(err.text, cases[i][1]) == NULL) MR_TEST_FAIL("%s: %s\n", cases[i][0], err.text);
    }
}

MR_TEST(an_alert_fires_once_when_its_condition_held_long_enough)
{
    static const struct {
        int64_t at;
        double value;
        mr_alert_turn wanted;
    } steps[] = {
        {0, UNKNOWN, MR_ALERT_SAME}, {1 * S, 5, MR_ALERT_SAME},   {10 * S, 5, MR_ALERT_SAME},
        {11 * S, 5, MR_ALERT_FIRES}, {12 * S, 5, MR_ALERT_SAME},  {13 * S, 50, MR_ALERT_ENDS},
        {14 * S, 50, MR_ALERT_SAME}, {15 * S, 5, MR_ALERT_SAME},  {24 * S, 50, MR_ALERT_SAME},
        {25 * S, 5, MR_ALERT_SAME},  {35 * S, 5, MR_ALERT_FIRES}, {36 * S, UNKNOWN, MR_ALERT_ENDS},
    };
    mr_alert alert = {.name = "Slow", .for_ns = 10 * S};
    mr_alert_state state = {0};
    MR_EXPECT(mr_alert_parse(MR_SLICE("throughput < 10"), &alert.condition, NULL) == MR_OK);
    for (size_t i = 0; i < MR_COUNT_OF(steps); i++)
        if (mr_alert_look(&alert, &state, steps[i].value, steps[i].at) != steps[i].wanted)
            MR_TEST_FAIL("step %zu\n", i);
    MR_EXPECT_U64(state.fired, ==, 2);
}

MR_TEST(one_without_a_time_fires_at_once)
{
    mr_alert alert = {.name = "Bad"};
    mr_alert_state state = {0};
    MR_EXPECT(mr_alert_parse(MR_SLICE("rejected > 0"), &alert.condition, NULL) == MR_OK);
    MR_EXPECT(mr_alert_look(&alert, &state, 0, 0) == MR_ALERT_SAME);
    MR_EXPECT(mr_alert_look(&alert, &state, 1, 0) == MR_ALERT_FIRES);
}

MR_TEST(values_are_shown_as_people_write_them)
{
    static const struct {
        mr_alert_metric metric;
        double value;
        const char *wanted;
    } cases[] = {
        {MR_ALERT_P99, 5200000, "5.2ms"},
        {MR_ALERT_RUNNING, 3600e9, "3600s"},
        {MR_ALERT_MEMORY, 1610612736, "1.5GiB"},
        {MR_ALERT_REJECTED, 12, "12"},
        {MR_ALERT_THROUGHPUT, 1234.4, "1234 rec/s"},
        {MR_ALERT_REJECTED_PERCENT, 2.5, "2.50%"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        char text[32];
        mr_alert_value_text(cases[i].metric, cases[i].value, text, sizeof text);
        MR_EXPECT_TEXT(text, cases[i].wanted);
    }
}
