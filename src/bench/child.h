/* SPDX-License-Identifier: MIT
 *
 * bench/child.h - work in processes of its own, and what it cost them.
 *
 * The kernel counts: time of day around the process, its processor time and its largest resident
 * size come from wait4(). A child's largest size is never below its parent's at the time of the
 * fork, which is why the parent stays small.
 *
 * Thread: one; children are made with fork and the caller has no other threads. */
#ifndef MR_BENCH_CHILD_H
#define MR_BENCH_CHILD_H

#include "bench/bench.h"

#define MR_BENCH_MAX_ARGS     24
#define MR_BENCH_OUTPUT_BYTES 8192
#define MR_BENCH_MAX_VALUES   96

/* What a child is to do and whom to tell. */
typedef struct mr_bench_command {
    const char *args[MR_BENCH_MAX_ARGS]; /* ends with NULL; args[0] NULL = this program */
    const char *input;                   /* a file as standard input; NULL = /dev/null */
    bool piped;                          /* the file is handed over through a pipe */
    /* Gets standard output as it comes, with the time at which it came; NULL = it is kept. */
    void (*take)(void *context, mr_slice bytes, int64_t at_ns);
    void *context;
} mr_bench_command;

typedef struct mr_bench_cost {
    double seconds;            /* from before the process was made until it was gone */
    double first_byte_seconds; /* until standard output said something; 0 = never */
    double cpu_seconds;        /* user and system */
    uint64_t max_rss_bytes;
    char output[MR_BENCH_OUTPUT_BYTES]; /* standard output, when it is kept; NUL-terminated */
    char errors[MR_BENCH_OUTPUT_BYTES]; /* standard error, its beginning */
} mr_bench_cost;

/* Runs a program. MR_ERR_IO with its first line of standard error when it does not end with 0. */
MR_NODISCARD mr_code mr_bench_run(mr_bench *bench, const mr_bench_command *command,
                                  mr_bench_cost *out, mr_error *err);

/* A number from a summary: the value of `key`, or of `inner` in the object `key`. */
MR_NODISCARD mr_code mr_bench_number(mr_bench *bench, const char *summary, const char *key,
                                     const char *inner, double *out, mr_error *err);

/* What a function that ran in a process of its own has to say. */
typedef struct mr_bench_value {
    char name[MR_BENCH_NAME_BYTES];
    double value;
} mr_bench_value;

typedef struct mr_bench_answer {
    uint32_t count;
    mr_bench_value values[MR_BENCH_MAX_VALUES];
    mr_code code;
    mr_error error;
} mr_bench_answer;

/* Adds a value; `format` makes its name. Past MR_BENCH_MAX_VALUES they are lost. */
void mr_bench_say(mr_bench_answer *answer, double value, const char *format, ...) MR_PRINTF(3, 4);
/* The value called so; 0 when there is none. */
double mr_bench_said(const mr_bench_answer *answer, const char *name);

/* Calls `work` in a forked process and brings its answer back. Its failure is ours. */
MR_NODISCARD mr_code mr_bench_fork(mr_code (*work)(void *context, mr_bench_answer *answer,
                                                   mr_error *err),
                                   void *context, mr_bench_answer *out, mr_error *err);

#endif
