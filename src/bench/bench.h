/* SPDX-License-Identifier: MIT
 *
 * bench/bench.h - scenarios that measure the program, and the figures they give
 * (specs/pipeline.md section 12).
 *
 * A scenario takes every figure several times; what is reported is the median with its spread. What
 * the program wrote is checked before its time counts, and a scenario whose check fails has no
 * figures. Everything heavy runs in child processes, so that each starts cold and its peak memory
 * is its own: this process stays small.
 *
 *     figure     "mixed10 csv to json, wall"  s   0.21 0.20 0.22 ...   must 0.8, goal 0.4
 *     check      a fact that had to hold; false = the run of the scenario has failed
 *     note       a sentence that belongs to the figures
 *
 * Thread: one. */
#ifndef MR_BENCH_BENCH_H
#define MR_BENCH_BENCH_H

#include "core/arena.h"
#include "core/file.h"

#define MR_BENCH_MAX_SAMPLES  128
#define MR_BENCH_MAX_FIGURES  192
#define MR_BENCH_MAX_REMARKS  64
#define MR_BENCH_NAME_BYTES   80
#define MR_BENCH_REMARK_BYTES 240
#define MR_BENCH_NONE         (-1.0) /* no target of this kind */

typedef enum mr_bench_better {
    MR_BENCH_INFO, /* neither: sizes, counts, what follows from another figure */
    MR_BENCH_LOWER,
    MR_BENCH_HIGHER,
} mr_bench_better;

typedef struct mr_bench_figure {
    char name[MR_BENCH_NAME_BYTES];
    const char *unit; /* a literal */
    mr_bench_better better;
    double must, goal; /* MR_BENCH_NONE or what the median is to reach */
    uint32_t count;
    double samples[MR_BENCH_MAX_SAMPLES]; /* in the order taken */
} mr_bench_figure;

/* Of the samples of a figure. MAD is the median of the distances from the median. */
typedef struct mr_bench_spread {
    double median, min, max, mad;
} mr_bench_spread;

typedef struct mr_bench_remark {
    enum { MR_BENCH_NOTE, MR_BENCH_HELD, MR_BENCH_BROKEN } kind; /* a note, or a check's outcome */
    char text[MR_BENCH_REMARK_BYTES];
} mr_bench_remark;

/* One run of one scenario. Large: static or in an arena. */
typedef struct mr_bench {
    uint32_t runs;
    uint64_t records;               /* asked for; 0 = the scenario's own number */
    char program[MR_FILE_PATH_MAX]; /* ourselves */
    char dir[MR_FILE_PATH_MAX];     /* scratch: input and output files; removed at the end */
    mr_arena arena;                 /* what is read of a child's summary; reset often */
    uint32_t figure_count, remark_count;
    mr_bench_figure figures[MR_BENCH_MAX_FIGURES];
    mr_bench_remark remarks[MR_BENCH_MAX_REMARKS];
} mr_bench;

typedef struct mr_bench_scenario {
    const char *name;
    const char *id; /* in section 12, or "" */
    const char *title;
    mr_code (*run)(mr_bench *bench, mr_error *err);
} mr_bench_scenario;

/* All of them, in the order of `all`; ends with a zeroed entry. */
extern const mr_bench_scenario mr_bench_scenarios[];
/* By name or by id, in either case of letters. */
const mr_bench_scenario *mr_bench_find(const char *name);

/* Makes the scratch directory under $TMPDIR (/tmp). */
MR_NODISCARD mr_code mr_bench_open(mr_bench *bench, uint32_t runs, uint64_t records, mr_error *err);
/* Forgets figures and remarks, for the next scenario. Files stay: scenarios share inputs. */
void mr_bench_clear(mr_bench *bench);
void mr_bench_close(mr_bench *bench);

/* --- for scenarios --- */

typedef struct mr_bench_target {
    const char *unit;
    mr_bench_better better;
    double must, goal;
} mr_bench_target;

/* Adds a sample to the figure called so, which begins with its first sample. Samples beyond
 * MR_BENCH_MAX_SAMPLES and figures beyond MR_BENCH_MAX_FIGURES are a mistake of the scenario. */
void mr_bench_sample(mr_bench *bench, const mr_bench_target *target, double value,
                     const char *format, ...) MR_PRINTF(4, 5);
void mr_bench_note(mr_bench *bench, const char *format, ...) MR_PRINTF(2, 3);
/* Returns `held`. */
bool mr_bench_check(mr_bench *bench, bool held, const char *format, ...) MR_PRINTF(3, 4);

/* `records` of the command line, or the scenario's own number. */
MR_INLINE uint64_t mr_bench_records(const mr_bench *bench, uint64_t own)
{
    return bench->records > 0 ? bench->records : own;
}

/* --- for whoever prints --- */

mr_bench_spread mr_bench_spread_of(const mr_bench_figure *figure);
bool mr_bench_broken(const mr_bench *bench); /* a check did not hold */
/* "must", "goal", "missed", or "" without a target: how far the median reaches. */
const char *mr_bench_verdict(const mr_bench_figure *figure);

/* The machine, how busy it is now, and how we are scheduled when that is special, as one line;
 * `out` has room for MR_BENCH_REMARK_BYTES. */
void mr_bench_machine(char *out);

#endif
