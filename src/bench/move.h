/* SPDX-License-Identifier: MIT
 *
 * bench/move.h - one `millrace copy` as a user would call it, run several times, its output
 * checked.
 *
 * The first run is not measured: it warms the page cache, and what it wrote is looked at with care.
 * CSV made from CSV must have the input's SHA-256; JSON and what a codec packed is turned back into
 * CSV and must then have it. Every measured run writes a file that is not there yet, and must
 * write the same bytes as the first one (quick sum).
 *
 * Thread: one. */
#ifndef MR_BENCH_MOVE_H
#define MR_BENCH_MOVE_H

#include "bench/child.h"
#include "bench/data.h"

#define MR_BENCH_MAX_FLAGS 8

typedef struct mr_bench_move {
    const char *label; /* begins the names of the figures; NULL = "SET ROWS rows to SUFFIX" */
    const char *set;   /* of record/refdata.h */
    uint64_t rows;
    bool generated;     /* from the `generate` source; else from the set's CSV file */
    const char *to;     /* connector of the destination: "csv", "json", "null" */
    const char *suffix; /* of the output file, ".json"; decides about the codec */
    const char *flags[MR_BENCH_MAX_FLAGS]; /* ends with NULL */
    double seconds_must, seconds_goal;     /* MR_BENCH_NONE or a target; so below. 0 = none too */
    double rate_must;
    double rss_must, rss_goal; /* MB */
    bool only_rss;             /* report nothing but memory */
} mr_bench_move;

typedef struct mr_bench_moved {
    double seconds, cpu_seconds; /* medians */
    uint64_t bytes_in, bytes_out;
    mr_bench_cost last; /* output = the summary of the last run */
} mr_bench_moved;

/* Samples "LABEL, wall" (s), "LABEL, rate" (records/s), "LABEL, cpu" (s) and "LABEL, memory" (MB).
 * `out` may be NULL. */
MR_NODISCARD mr_code mr_bench_move_run(mr_bench *bench, const mr_bench_move *move,
                                       mr_bench_moved *out, mr_error *err);

#endif
