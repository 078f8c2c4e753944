/* SPDX-License-Identifier: MIT
 *
 * bench/scenarios.h - one function per scenario of specs/pipeline.md section 12, in the files
 * moves.c, holds.c, honest.c, latency.c, start.c and pools.c; scenarios.c lists them.
 *
 * Thread: one. */
#ifndef MR_BENCH_SCENARIOS_H
#define MR_BENCH_SCENARIOS_H

#include "bench/bench.h"

/* moves.c: files to files */
mr_code mr_bench_csv_json(mr_bench *bench, mr_error *err);
mr_code mr_bench_csv_csv(mr_bench *bench, mr_error *err);
mr_code mr_bench_quick(mr_bench *bench, mr_error *err);
mr_code mr_bench_suite(mr_bench *bench, mr_error *err);
mr_code mr_bench_memory(mr_bench *bench, mr_error *err);
mr_code mr_bench_load(mr_bench *bench, mr_error *err);
mr_code mr_bench_hybrid(mr_bench *bench, mr_error *err);
mr_code mr_bench_simple(mr_bench *bench, mr_error *err);
mr_code mr_bench_parse(mr_bench *bench, mr_error *err);
mr_code mr_bench_cpu(mr_bench *bench, mr_error *err);

/* holds.c: records in the store */
mr_code mr_bench_columnar(mr_bench *bench, mr_error *err);
mr_code mr_bench_switch(mr_bench *bench, mr_error *err);
mr_code mr_bench_adapter(mr_bench *bench, mr_error *err);
mr_code mr_bench_breakdown(mr_bench *bench, mr_error *err);

mr_code mr_bench_bytes(mr_bench *bench, mr_error *err);   /* honest.c: section 6 */
mr_code mr_bench_latency(mr_bench *bench, mr_error *err); /* latency.c */
mr_code mr_bench_start(mr_bench *bench, mr_error *err);   /* start.c */
mr_code mr_bench_pools(mr_bench *bench, mr_error *err);   /* pools.c */

#endif
