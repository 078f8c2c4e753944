/* SPDX-License-Identifier: MIT
 *
 * bench/keep.h - a real run whose destination is a store that we keep: the records of a CSV file,
 * typed, held in memory (record/store.h), and the file written again from them.
 *
 * Thread: one; the run has its workers. */
#ifndef MR_BENCH_KEEP_H
#define MR_BENCH_KEEP_H

#include "record/store.h"

typedef struct mr_bench_kept {
    mr_store *store; /* sealed; the caller closes it */
    uint64_t records;
    double append_seconds; /* inside mr_store_append() and mr_store_seal() */
} mr_bench_kept;

/* Reads the file `path` ("-" = standard input) to its end with `workers` lanes and batches of
 * `batch_size` rows (0 = the source's choice). The run is over and its memory given back when this
 * returns. */
MR_NODISCARD mr_code mr_bench_keep(const char *path, uint32_t workers, uint32_t batch_size,
                                   const mr_store_config *config, mr_bench_kept *out,
                                   mr_error *err);

/* SHA-256 of the store's records as a CSV file with header, read `batch_rows` at a time. */
MR_NODISCARD mr_code mr_bench_kept_sum(mr_store *store, uint32_t batch_rows, char hex[65],
                                       mr_error *err);

#endif
