/* SPDX-License-Identifier: MIT
 *
 * core/histogram.h - how long things took: a log-linear histogram of fixed size.
 *
 * Values below 128 have a bucket each; from there every power of two is cut into 64 equal buckets,
 * so a bucket is at most 1/64 of its value wide and its middle is wrong by less than 0.8 %:
 *
 *     0 1 2 .. 127 | 128 130 132 .. 254 | 256 260 .. 508 | ... up to 2^36 - 1 ns = 68.7 s
 *
 * Larger values count in the last bucket; `max` and `sum` are exact whatever the value. Percentiles
 * are nearest-rank, given as the middle of the bucket, never above `max`.
 *
 * Thread: one writer (record, reset, merge into); readers from any thread, who may see a record
 * half counted. A writer per thread and mr_histogram_merge() into one of the reader's replaces
 * sharing. */
#ifndef MR_CORE_HISTOGRAM_H
#define MR_CORE_HISTOGRAM_H

#include <stdatomic.h>

#include "core/base.h"

#define MR_HISTOGRAM_SUB_BITS 6 /* 64 buckets a power of two */
#define MR_HISTOGRAM_MAX_BITS 36
#define MR_HISTOGRAM_BUCKETS \
    ((MR_HISTOGRAM_MAX_BITS - MR_HISTOGRAM_SUB_BITS + 1) << MR_HISTOGRAM_SUB_BITS)

typedef struct mr_histogram {
    atomic_uint_least64_t count;
    atomic_uint_least64_t sum; /* wraps after 584 years of nanoseconds */
    atomic_uint_least64_t max;
    atomic_uint_least64_t buckets[MR_HISTOGRAM_BUCKETS];
} mr_histogram;

/* Zeroed memory is an empty histogram too. */
void mr_histogram_reset(mr_histogram *histogram);

MR_HOT void mr_histogram_record(mr_histogram *histogram, uint64_t value_ns);

/* The same value `times` times, e.g. a batch's latency for each of its records. */
MR_HOT void mr_histogram_record_many(mr_histogram *histogram, uint64_t value_ns, uint64_t times);

/* Adds all that `from` holds; `from` may be written meanwhile. */
void mr_histogram_merge(mr_histogram *into, const mr_histogram *from);

uint64_t mr_histogram_count(const mr_histogram *histogram);
uint64_t mr_histogram_sum(const mr_histogram *histogram);
uint64_t mr_histogram_max(const mr_histogram *histogram);

/* The value that `fraction` (0 to 1; 0.99 is p99) of all values do not exceed; 0 when empty. */
uint64_t mr_histogram_percentile(const mr_histogram *histogram, double fraction);

/* For Prometheus: fills `out[i]` with how many values are at most `bounds[i]` (ascending), in one
 * pass. A bucket counts as below a bound when its middle is. For `+Inf` use `out_total`, which is
 * the sum of the buckets and so never below a bound's count, even while the writer is at work. */
void mr_histogram_cumulative(const mr_histogram *histogram, const uint64_t *bounds,
                             size_t bound_count, uint64_t *out, uint64_t *out_total);

#endif
