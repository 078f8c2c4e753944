/* SPDX-License-Identifier: MIT */
#include "bench/scenarios.h"

const mr_bench_scenario mr_bench_scenarios[] = {
    {"csv-json", "", "CSV to JSON lines, typed, 1 M records", mr_bench_csv_json},
    {"csv-csv", "", "CSV to CSV, text preserved, 1 M records", mr_bench_csv_csv},
    {"quick", "B1", "1,000 records, CSV to a JSON array", mr_bench_quick},
    {"suite", "B2", "100 to 50,000 records to a JSON array; array against lines", mr_bench_suite},
    {"memory", "B3", "largest resident size of whole runs", mr_bench_memory},
    {"load", "B5", "1 M generated records through a pipeline to a real file", mr_bench_load},
    {"hybrid", "B6", "storage modes in a pipeline, all records delivered", mr_bench_hybrid},
    {"columnar", "B7", "bytes and rate of held records by size of the load", mr_bench_columnar},
    {"switch", "B8", "which storage hybrid mode picks, and what switching costs", mr_bench_switch},
    {"adapter", "B9", "50,000 records in each storage mode", mr_bench_adapter},
    {"breakdown", "B10", "bytes by column and encoding; dictionaries; batch reads",
     mr_bench_breakdown},
    {"simple", "B11", "users7, 100 k, CSV to CSV, batches of 5,000, 8 workers", mr_bench_simple},
    {"parse", "B12", "parse only: records are parsed and dropped", mr_bench_parse},
    {"latency", "B13", "paced records through a streaming pipeline to the output pipe",
     mr_bench_latency},
    {"cpu", "B14", "use of the processors in a run that is bound by them", mr_bench_cpu},
    {"start", "B15", "size of the program, and time from its start to its first output",
     mr_bench_start},
    {"bytes", "B16", "bytes per held record, with four honesty checks", mr_bench_bytes},
    {"pools", "B17", "allocations per record, rings, scaling of workers", mr_bench_pools},
    {0},
};
