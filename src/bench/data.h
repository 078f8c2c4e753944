/* SPDX-License-Identifier: MIT
 *
 * bench/data.h - input files with known contents, and sums of what came out.
 *
 * Two sums: SHA-256, which the specification publishes, and a quick one for repeated runs of the
 * same thing. The quick sum takes 8 bytes at a time, little-endian, the last ones filled up with
 * zeros: h = (rotate_left(h, 5) ^ word) * 0x9e3779b97f4a7c15, starting with the number of bytes.
 *
 * Thread: one. */
#ifndef MR_BENCH_DATA_H
#define MR_BENCH_DATA_H

#include "bench/bench.h"

typedef struct mr_bench_file {
    char path[MR_FILE_PATH_MAX];
    uint64_t bytes;
    char sha256[65];
} mr_bench_file;

/* The CSV file of `rows` rows of a reference set in the scratch directory, made if need be. It is
 * in the page cache afterwards. MR_ERR_INPUT when its sum is published and differs. */
MR_NODISCARD mr_code mr_bench_data(mr_bench *bench, const char *set, uint64_t rows,
                                   mr_bench_file *out, mr_error *err);

/* DIR/NAME in the scratch directory. */
MR_NODISCARD mr_code mr_bench_path(const mr_bench *bench, const char *name, char *out,
                                   mr_error *err);

/* Size and SHA-256 of a file. */
MR_NODISCARD mr_code mr_bench_sum(const char *path, mr_bench_file *out, mr_error *err);
MR_NODISCARD mr_code mr_bench_quick_sum(const char *path, uint64_t *out, mr_error *err);

#endif
