/* SPDX-License-Identifier: MIT
 *
 * Scenarios that move a file to a file. */
#include <stdio.h>
#include <unistd.h>

#include "bench/move.h"
#include "bench/scenarios.h"

#define MILLION UINT64_C(1000000)

static const char *const big_sets[] = {"mixed10", "orders9"};

/* The targets are those of section 12, for mixed10; orders9 has narrower rows and is held to the
 * same. */
static mr_code move_big_sets(mr_bench *bench, const char *to, const char *suffix, const char *what,
                             double must, double goal, mr_error *err)
{
    const uint64_t rows = mr_bench_records(bench, MILLION);
    for (size_t i = 0; i < MR_COUNT_OF(big_sets); i++) {
        char label[64];
        snprintf(label, sizeof label, "%s %s", big_sets[i], what);
        const mr_bench_move move = {.label = label,
                                    .set = big_sets[i],
                                    .rows = rows,
                                    .to = to,
                                    .suffix = suffix,
                                    .seconds_must = rows == MILLION ? must : 0,
                                    .seconds_goal = rows == MILLION ? goal : 0,
                                    .rss_must = 64,
                                    .rss_goal = 32};
        MR_TRY(mr_bench_move_run(bench, &move, NULL, err));
    }
    return MR_OK;
}

mr_code mr_bench_csv_json(mr_bench *bench, mr_error *err)
{
    return move_big_sets(bench, "json", ".jsonl", "CSV to JSON lines", 0.8, 0.4, err);
}

mr_code mr_bench_csv_csv(mr_bench *bench, mr_error *err)
{
    return move_big_sets(bench, "csv", ".csv", "CSV to CSV", 0.5, 0.25, err);
}

static void note_sizes(mr_bench *bench, const char *name, const mr_bench_moved *moved)
{
    mr_bench_note(bench, "%s: %llu bytes in, %llu bytes out", name,
                  (unsigned long long)moved->bytes_in, (unsigned long long)moved->bytes_out);
}

mr_code mr_bench_quick(mr_bench *bench, mr_error *err)
{
    mr_bench_moved moved;
    const mr_bench_move move = {.label = "people8 CSV to JSON array",
                                .set = "people8",
                                .rows = mr_bench_records(bench, 1000),
                                .to = "json",
                                .suffix = ".json"};
    MR_TRY(mr_bench_move_run(bench, &move, &moved, err));
    note_sizes(bench, move.label, &moved);
    return MR_OK;
}

mr_code mr_bench_suite(mr_bench *bench, mr_error *err)
{
    static const struct {
        uint64_t rows;
        const char *suffix, *form;
    } cases[] = {{100, ".json", "array"},
                 {1000, ".json", "array"},
                 {10000, ".json", "array"},
                 {50000, ".json", "array"},
                 {10000, ".jsonl", "lines"}};
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        char label[64];
        mr_bench_moved moved;
        snprintf(label, sizeof label, "people8 %llu to %s", (unsigned long long)cases[i].rows,
                 cases[i].form);
        const mr_bench_move move = {.label = label,
                                    .set = "people8",
                                    .rows = cases[i].rows,
                                    .to = "json",
                                    .suffix = cases[i].suffix};
        MR_TRY(mr_bench_move_run(bench, &move, &moved, err));
        note_sizes(bench, label, &moved);
    }
    return MR_OK;
}

mr_code mr_bench_memory(mr_bench *bench, mr_error *err)
{
    const uint64_t rows = mr_bench_records(bench, MILLION);
    const mr_bench_move moves[] = {
        {.label = "people8 50,000 CSV to JSON array",
         .set = "people8",
         .rows = 50000,
         .to = "json",
         .suffix = ".json"},
        {.label = "mixed10 CSV to JSON lines",
         .set = "mixed10",
         .rows = rows,
         .to = "json",
         .suffix = ".jsonl"},
        {.label = "mixed10 CSV to CSV",
         .set = "mixed10",
         .rows = rows,
         .to = "csv",
         .suffix = ".csv"},
        {.label = "mixed10 CSV to JSON lines, 8 workers",
         .set = "mixed10",
         .rows = rows,
         .to = "json",
         .suffix = ".jsonl",
         .flags = {"--workers", "8"}},
    };
    mr_bench_note(bench, "ru_maxrss of the whole process, as the kernel kept it");
    for (size_t i = 0; i < MR_COUNT_OF(moves); i++) {
        mr_bench_move move = moves[i];
        move.only_rss = true;
        move.rss_must = 64;
        move.rss_goal = 32;
        MR_TRY(mr_bench_move_run(bench, &move, NULL, err));
    }
    return MR_OK;
}

mr_code mr_bench_load(mr_bench *bench, mr_error *err)
{
    const mr_bench_move moves[] = {
        {.label = "mixed10 generated to CSV", .to = "csv", .suffix = ".csv"},
        {.label = "mixed10 generated to JSON lines", .to = "json", .suffix = ".jsonl"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(moves); i++) {
        mr_bench_move move = moves[i];
        move.set = "mixed10";
        move.rows = mr_bench_records(bench, MILLION);
        move.generated = true;
        move.rate_must = 1e6;
        MR_TRY(mr_bench_move_run(bench, &move, NULL, err));
    }
    return MR_OK;
}

mr_code mr_bench_hybrid(mr_bench *bench, mr_error *err)
{
    static const char *const modes[] = {"row", "columnar", "hybrid"};
    static const mr_bench_target bytes = {"bytes", MR_BENCH_LOWER, MR_BENCH_NONE, MR_BENCH_NONE};
    for (size_t i = 0; i < MR_COUNT_OF(modes); i++) {
        char label[64];
        double held, peak;
        mr_bench_moved moved;
        snprintf(label, sizeof label, "orders9 CSV to CSV, %s", modes[i]);
        const mr_bench_move move = {
            .label = label,
            .set = "orders9",
            .rows = mr_bench_records(bench, 100000),
            .to = "csv",
            .suffix = ".csv",
            .flags = {"--batch-size", "10000", "--storage-mode", modes[i]},
        };
        MR_TRY(mr_bench_move_run(bench, &move, &moved, err));
        MR_TRY(mr_bench_number(bench, moved.last.output, "store", "bytes_per_record", &held, err));
        MR_TRY(mr_bench_number(bench, moved.last.output, "store", "peak", &peak, err));
        mr_bench_sample(bench, &bytes, held, "%s, held bytes a record", label);
        mr_bench_sample(bench, &bytes, peak, "%s, largest bytes a record", label);
    }
    mr_bench_note(bench, "all records are delivered in order: each output is the input's bytes");
    return MR_OK;
}

mr_code mr_bench_simple(mr_bench *bench, mr_error *err)
{
    const mr_bench_move move = {.label = "users7 CSV to CSV",
                                .set = "users7",
                                .rows = mr_bench_records(bench, 100000),
                                .to = "csv",
                                .suffix = ".csv",
                                .flags = {"--batch-size", "5000", "--workers", "8"}};
    return mr_bench_move_run(bench, &move, NULL, err);
}

mr_code mr_bench_parse(mr_bench *bench, mr_error *err)
{
    static const uint64_t rows[] = {10000, 100000, 500000};
    mr_bench_note(bench, "parse only: nothing is written and no types are found; not a figure of "
                         "what a pipeline does");
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        char label[64];
        snprintf(label, sizeof label, "parse only, mixed10 %llu", (unsigned long long)rows[i]);
        const mr_bench_move move = {
            .label = label, .set = "mixed10", .rows = rows[i], .to = "null"};
        MR_TRY(mr_bench_move_run(bench, &move, NULL, err));
    }
    return MR_OK;
}

mr_code mr_bench_cpu(mr_bench *bench, mr_error *err)
{
    static const mr_bench_target use = {"%", MR_BENCH_HIGHER, 85, 95};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    mr_bench_moved moved;
    const mr_bench_move move = {.label = "mixed10 CSV to zstd JSON lines",
                                .set = "mixed10",
                                .rows = mr_bench_records(bench, 4 * MILLION),
                                .to = "json",
                                .suffix = ".jsonl.zst"};
    mr_bench_note(bench, "stands in for CSV to Parquet, which this version cannot write");
    const uint32_t first = bench->figure_count;
    MR_TRY(mr_bench_move_run(bench, &move, &moved, err));
    const mr_bench_figure *wall = &bench->figures[first], *cpu = &bench->figures[first + 2];
    for (uint32_t i = 0; i < wall->count; i++)
        mr_bench_sample(bench, &use, 100 * cpu->samples[i] / (wall->samples[i] * (double)cores),
                        "processor time / (wall x %ld cores)", cores);
    return MR_OK;
}
