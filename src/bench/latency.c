/* SPDX-License-Identifier: MIT
 *
 * B13: how long a record takes from when it was due to the end of the output pipe.
 *
 * `millrace copy generate:clock json:- --streaming-mode` makes records at a steady rate; each holds
 * the moment when it was due, on the clock that this process reads too. A record that leaves late
 * because the pipeline was busy counts with all its lateness, for its moment was fixed beforehand
 * (no coordinated omission). */
#include <stdio.h>

#include "bench/child.h"
#include "bench/scenarios.h"
#include "core/histogram.h"

#define RUN_SECONDS    2
#define MAX_LINE_BYTES 128

typedef struct reader {
    char line[MAX_LINE_BYTES]; /* what a read left unfinished */
    size_t len;
    uint64_t next_id;
    bool wrong; /* records are missing, out of order or not as expected */
    mr_histogram latency;
} reader;

static bool take_number(const char **at, const char *key, uint64_t *out)
{
    const size_t len = strlen(key);
    uint64_t value = 0;
    if (strncmp(*at, key, len) != 0) return false;
    for (*at += len; **at >= '0' && **at <= '9'; (*at)++)
        value = value * 10 + (uint64_t)(**at - '0');
    *out = value;
    return true;
}

/* {"id":17,"due_ns":123456789} */
static void take_line(reader *r, int64_t at_ns)
{
    uint64_t id, due;
    const char *at = r->line;
    if (!take_number(&at, "{\"id\":", &id) || !take_number(&at, ",\"due_ns\":", &due) ||
        id != r->next_id) {
        r->wrong = true;
        return;
    }
    r->next_id++;
    const int64_t late = at_ns - (int64_t)due;
    mr_histogram_record(&r->latency, late > 0 ? (uint64_t)late : 0);
}

static void take_bytes(void *context, mr_slice bytes, int64_t at_ns)
{
    reader *r = context;
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] != '\n') {
            if (r->len < sizeof r->line - 1) r->line[r->len++] = bytes.ptr[i];
            continue;
        }
        r->line[r->len] = 0;
        take_line(r, at_ns);
        r->len = 0;
    }
}

/* The summary stands on standard error: its last line. */
static const char *last_line(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = 0;
    const char *before = strrchr(text, '\n');
    return before != NULL ? before + 1 : text;
}

static mr_code run_once(mr_bench *bench, uint64_t rate, uint64_t rows, reader *r,
                        mr_bench_cost *cost, mr_error *err)
{
    char from[96];
    snprintf(from, sizeof from, "generate:clock?rate=%llu&rows=%llu", (unsigned long long)rate,
             (unsigned long long)rows);
    memset(r, 0, sizeof *r);
    const mr_bench_command command = {.args = {NULL, "copy", from, "json:-", "--streaming-mode",
                                               "--summary", "json", "--progress", "off"},
                                      .take = take_bytes,
                                      .context = r};
    MR_TRY(mr_bench_run(bench, &command, cost, err));
    if (!r->wrong && r->next_id == rows) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "at %llu records/s: record %llu did not come as expected",
                   (unsigned long long)rate, (unsigned long long)r->next_id);
}

static mr_code measure_rate(mr_bench *bench, uint64_t rate, double must_us, double goal_us,
                            mr_error *err)
{
    static const struct {
        const char *name;
        double fraction;
    } points[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}};
    static reader r; /* large: the histogram */
    static mr_bench_cost cost;
    const uint64_t rows = mr_bench_records(bench, rate * RUN_SECONDS);
    const char *const at = rate >= 200000 ? "200 k" : rate >= 50000 ? "50 k" : "10 k";
    for (uint32_t run = 0; run < bench->runs; run++) {
        double waited;
        MR_TRY(run_once(bench, rate, rows, &r, &cost, err));
        for (size_t i = 0; i < MR_COUNT_OF(points); i++) {
            const bool judged = strcmp(points[i].name, "p99") == 0;
            const mr_bench_target us = {"us", MR_BENCH_LOWER, judged ? must_us : MR_BENCH_NONE,
                                        judged ? goal_us : MR_BENCH_NONE};
            const uint64_t ns = mr_histogram_percentile(&r.latency, points[i].fraction);
            mr_bench_sample(bench, &us, (double)ns * 1e-3, "%s records/s, %s", at, points[i].name);
        }
        const mr_bench_target us = {"us", MR_BENCH_INFO, MR_BENCH_NONE, MR_BENCH_NONE};
        mr_bench_sample(bench, &us, (double)mr_histogram_max(&r.latency) * 1e-3,
                        "%s records/s, largest", at);
        MR_TRY(
            mr_bench_number(bench, last_line(cost.errors), "queue_wait_us", "p99", &waited, err));
        mr_bench_sample(bench, &us, waited, "%s records/s, queue wait p99", at);
    }
    return MR_OK;
}

mr_code mr_bench_latency(mr_bench *bench, mr_error *err)
{
    mr_bench_note(bench, "from the moment a record was due to when it was read from the output "
                         "pipe; every record counts, the first ones too");
    MR_TRY(measure_rate(bench, 10000, MR_BENCH_NONE, MR_BENCH_NONE, err));
    MR_TRY(measure_rate(bench, 50000, 1000, 100, err));
    return measure_rate(bench, 200000, MR_BENCH_NONE, 1000, err);
}
