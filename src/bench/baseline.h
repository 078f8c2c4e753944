/* SPDX-License-Identifier: MIT
 *
 * bench/baseline.h - figures of an earlier day, as `bench --json` printed them: one object a line.
 *
 * A figure that is worse by more than 5 % is marked info, 10 % warning, 50 % critical; beyond 10 %
 * the comparison fails (specs/pipeline.md sections 11 and 12, B22).
 *
 * Thread: one. */
#ifndef MR_BENCH_BASELINE_H
#define MR_BENCH_BASELINE_H

#include "bench/bench.h"
#include "core/buffer.h"
#include "core/tree.h"

#define MR_BENCH_MAX_SCENARIOS 64

typedef struct mr_bench_baseline {
    mr_arena arena;
    uint32_t count;
    mr_tree lines[MR_BENCH_MAX_SCENARIOS];
} mr_bench_baseline;

MR_NODISCARD mr_code mr_bench_baseline_load(mr_bench_baseline *baseline, const char *path,
                                            mr_error *err);
void mr_bench_baseline_done(mr_bench_baseline *baseline);

/* Writes a line for each figure that both have and that is better when lower or higher, and says
 * whether one is worse by more than 10 %. */
MR_NODISCARD mr_code mr_bench_compare(const mr_bench_baseline *baseline, const char *scenario,
                                      const mr_bench *now, mr_buffer *out, bool *out_worse,
                                      mr_error *err);

#endif
