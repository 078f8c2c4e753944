/* SPDX-License-Identifier: MIT
 *
 * B15: how large the program is, and how long it takes to say its first byte. */
#include <stdio.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/data.h"
#include "bench/scenarios.h"

#define STARTS_PER_RUN 15

static mr_code measure_size(mr_bench *bench, mr_error *err)
{
    static const mr_bench_target mb = {"MB", MR_BENCH_LOWER, 15, 4};
    static mr_bench_cost cost;
    char stripped[MR_FILE_PATH_MAX];
    mr_identity file;
    MR_TRY(mr_bench_path(bench, "stripped", stripped, err));
    const mr_bench_command strip = {.args = {"strip", "-o", stripped, bench->program}};
    MR_TRY(mr_bench_run(bench, &strip, &cost, err));
    if (!mr_identity_of_path(stripped, &file))
        return mr_fail(err, MR_ERR_IO, "strip wrote nothing");
    mr_bench_sample(bench, &mb, (double)file.size_bytes / 1e6, "the program, stripped");
    return MR_OK;
}

/* `name` of a command that says something, started many times. */
static mr_code measure_starts(mr_bench *bench, const mr_bench_command *command, const char *name,
                              mr_error *err)
{
    static const mr_bench_target first = {"ms", MR_BENCH_LOWER, 100, 5};
    static const mr_bench_target whole = {"ms", MR_BENCH_LOWER, MR_BENCH_NONE, MR_BENCH_NONE};
    static const mr_bench_target rss = {"MB", MR_BENCH_LOWER, MR_BENCH_NONE, MR_BENCH_NONE};
    static mr_bench_cost cost;
    uint32_t starts = bench->runs * STARTS_PER_RUN;
    if (starts > MR_BENCH_MAX_SAMPLES) starts = MR_BENCH_MAX_SAMPLES;
    MR_TRY(mr_bench_run(bench, command, &cost, err)); /* warms the page cache */
    for (uint32_t i = 0; i < starts; i++) {
        MR_TRY(mr_bench_run(bench, command, &cost, err));
        if (cost.first_byte_seconds <= 0)
            return mr_fail(err, MR_ERR_INPUT, "%s: nothing was written", name);
        mr_bench_sample(bench, &first, cost.first_byte_seconds * 1e3, "%s, to the first byte",
                        name);
        mr_bench_sample(bench, &whole, cost.seconds * 1e3, "%s, to its end", name);
        mr_bench_sample(bench, &rss, (double)cost.max_rss_bytes / 1e6, "%s, memory", name);
    }
    return MR_OK;
}

mr_code mr_bench_start(mr_bench *bench, mr_error *err)
{
    mr_bench_file one;
    char from[MR_FILE_PATH_MAX + 8];
    MR_TRY(measure_size(bench, err));
    MR_TRY(mr_bench_data(bench, "mixed10", 1, &one, err));
    snprintf(from, sizeof from, "csv:%s", one.path);
    const mr_bench_command version = {.args = {NULL, "version"}};
    const mr_bench_command file = {
        .args = {NULL, "copy", from, "json:-", "--summary", "off", "--progress", "off"}};
    const mr_bench_command piped = {
        .args = {NULL, "copy", "csv:-", "json:-", "--summary", "off", "--progress", "off"},
        .input = one.path,
        .piped = true};
    MR_TRY(measure_starts(bench, &version, "version", err));
    MR_TRY(measure_starts(bench, &file, "one record from a file", err));
    return measure_starts(bench, &piped, "one record from a pipe", err);
}
