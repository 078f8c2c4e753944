/* SPDX-License-Identifier: MIT
 *
 * metrics/registry.h - everything the program counts, and the page that shows it.
 *
 *     registry ── family  millrace_http_requests_total  counter  labels (code)
 *        │           ├── series  code="2xx"   one number on a cache line of its own
 *        │           └── series  code="4xx"
 *        └─────── family  millrace_arena_bytes  gauge  labels (arena)
 *                    └── collect()            emits its series when the page is written
 *
 * Families and series are made at start-up, when allocating and failing are allowed, and live as
 * long as the registry. Updating one is a relaxed atomic addition: no lock, no allocation, any
 * thread. The page lists families in the order they were declared, series in the order they were
 * added.
 *
 * Numbers are integers in the unit the code counts in, and a family's `decimals` moves the point
 * when the page is written: nanoseconds with 9 decimals read as seconds, exactly.
 *
 * Thread: any; declaring and writing the page take one lock, updates take none. */
#ifndef MR_METRICS_REGISTRY_H
#define MR_METRICS_REGISTRY_H

#include <stdatomic.h>

#include "core/buffer.h"

#define MR_METRIC_LABELS_MAX 12 /* label names of one family */
#define MR_METRIC_BOUNDS_MAX 64 /* buckets of one histogram, +Inf not counted */

typedef struct mr_metrics mr_metrics;
typedef struct mr_metric_family mr_metric_family;
typedef struct mr_metrics_sink mr_metrics_sink;

typedef enum mr_metric_type {
    MR_METRIC_COUNTER,
    MR_METRIC_GAUGE,
    MR_METRIC_HISTOGRAM,
} mr_metric_type;

/* What a family is; see mr_metrics_family(). Texts and arrays are copied. */
typedef struct mr_metric_decl {
    const char *name; /* [a-zA-Z_:][a-zA-Z0-9_:]*, unique; counters end in _total by convention */
    const char *help; /* one sentence */
    mr_metric_type type;
    unsigned decimals;                        /* 0 to MR_METRIC_DECIMALS_MAX; see above */
    const char *labels[MR_METRIC_LABELS_MAX]; /* names, up to the first NULL */
    const uint64_t *bounds; /* histogram: ascending upper bounds (inclusive), in counted units */
    size_t bound_count;

    /* A collected family: called under the registry's lock each time the page is written, emits the
     * series (mr_metrics_emit_*). May be NULL: then series are added with mr_metrics_counter() etc.
     * Must not declare or write; returns the code of the emit that failed. */
    mr_code (*collect)(void *context, mr_metrics_sink *sink, mr_error *err);
    void *context; /* borrowed until the registry closes */
} mr_metric_decl;

typedef struct mr_metrics_limits {
    size_t families_max; /* in all; MR_ERR_LIMIT beyond */
    size_t series_max;   /* of one family; MR_ERR_LIMIT beyond, dropped and counted when emitted */
    size_t memory_bytes_max; /* of the registry's arena "metrics" */
} mr_metrics_limits;

#define MR_METRICS_LIMITS_DEFAULT ((mr_metrics_limits){512, 10000, 16u << 20})

/* --- Making, cold -------------------------------------------------------------------------------
 */

/* An empty registry. `limits` NULL means MR_METRICS_LIMITS_DEFAULT. */
MR_NODISCARD mr_code mr_metrics_open(const mr_metrics_limits *limits, mr_metrics **out,
                                     mr_error *err);
/* NULL is harmless. No series may be updated any more. */
void mr_metrics_close(mr_metrics *metrics);

/* Declares a family. Declaring the same name again returns the first one when type and label names
 * agree (parts of the program that share a registry may share a family), else MR_ERR_CONFLICT. */
MR_NODISCARD mr_code mr_metrics_family(mr_metrics *metrics, const mr_metric_decl *decl,
                                       mr_metric_family **out, mr_error *err);

/* `refresh` runs under the lock before each page is written, to set series from figures that live
 * elsewhere. `context` is borrowed until the registry closes. */
MR_NODISCARD mr_code mr_metrics_before_page(mr_metrics *metrics, void (*refresh)(void *context),
                                            void *context, mr_error *err);

/* Zeroed memory that lives as long as the registry, for the contexts of collect functions; cold.
 * NULL when the registry's limit or the machine's memory is reached. */
MR_NODISCARD void *mr_metrics_take(mr_metrics *metrics, size_t size_bytes);

/* --- Series that count themselves ---------------------------------------------------------------
 */

/* One cache line each, so that two threads counting different things do not disturb each other. */
typedef struct mr_counter {
    _Alignas(MR_CACHE_LINE) atomic_uint_least64_t value;
} mr_counter;

typedef struct mr_gauge {
    _Alignas(MR_CACHE_LINE) atomic_int_least64_t value;
} mr_gauge;

typedef struct mr_gauge_double {
    _Alignas(MR_CACHE_LINE) atomic_uint_least64_t bits; /* of the double */
} mr_gauge_double;

typedef struct mr_buckets {
    _Alignas(MR_CACHE_LINE) atomic_uint_least64_t sum;
    const uint64_t *bounds;
    size_t bound_count;
    atomic_uint_least64_t counts[]; /* bound_count + 1, the last one is +Inf; not cumulative */
} mr_buckets;

/* The series of `family` with these label values (as many as the family has label names; NULL when
 * it has none), made when new. Copied. Owned by the registry. */
MR_NODISCARD mr_code mr_metrics_counter(mr_metric_family *family, const mr_slice *label_values,
                                        mr_counter **out, mr_error *err);
MR_NODISCARD mr_code mr_metrics_gauge(mr_metric_family *family, const mr_slice *label_values,
                                      mr_gauge **out, mr_error *err);
MR_NODISCARD mr_code mr_metrics_gauge_double(mr_metric_family *family, const mr_slice *label_values,
                                             mr_gauge_double **out, mr_error *err);
/* A counter of fractions; whoever sets it sees to it that it only grows. */
MR_NODISCARD mr_code mr_metrics_counter_double(mr_metric_family *family,
                                               const mr_slice *label_values, mr_gauge_double **out,
                                               mr_error *err);
MR_NODISCARD mr_code mr_metrics_buckets(mr_metric_family *family, const mr_slice *label_values,
                                        mr_buckets **out, mr_error *err);

/* --- Updating, hot. Relaxed: a page may see one of two related numbers a moment before the other
 * --- */

MR_INLINE void mr_counter_add(mr_counter *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(&counter->value, amount, memory_order_relaxed);
}

/* For totals that somebody else keeps (the kernel, the allocator); never goes down by itself. */
MR_INLINE void mr_counter_mirror(mr_counter *counter, uint64_t total)
{
    atomic_store_explicit(&counter->value, total, memory_order_relaxed);
}

MR_INLINE uint64_t mr_counter_read(const mr_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

MR_INLINE void mr_gauge_set(mr_gauge *gauge, int64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

MR_INLINE void mr_gauge_add(mr_gauge *gauge, int64_t amount)
{
    atomic_fetch_add_explicit(&gauge->value, amount, memory_order_relaxed);
}

MR_INLINE int64_t mr_gauge_read(const mr_gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

MR_INLINE void mr_gauge_double_set(mr_gauge_double *gauge, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    atomic_store_explicit(&gauge->bits, bits, memory_order_relaxed);
}

MR_INLINE double mr_gauge_double_read(const mr_gauge_double *gauge)
{
    const uint64_t bits = atomic_load_explicit(&gauge->bits, memory_order_relaxed);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Counts `value` into the first bucket whose bound is not below it. O(log bounds). */
MR_HOT void mr_buckets_observe(mr_buckets *buckets, uint64_t value);

/* --- Emitting, from a collect function -----------------------------------------------------------
 */

/* Each appends one series to the page. `label_values` as above, borrowed for the call. A series
 * past `series_max` is dropped and counted in millrace_metrics_series_dropped_total; repeating
 * label values is the caller's mistake and makes a page that scrapers refuse. */
MR_NODISCARD MR_HOT mr_code mr_metrics_emit_u64(mr_metrics_sink *sink, const mr_slice *label_values,
                                                uint64_t value, mr_error *err);
MR_NODISCARD MR_HOT mr_code mr_metrics_emit_i64(mr_metrics_sink *sink, const mr_slice *label_values,
                                                int64_t value, mr_error *err);
/* `value` as it is: the family's `decimals` do not apply. */
MR_NODISCARD MR_HOT mr_code mr_metrics_emit_double(mr_metrics_sink *sink,
                                                   const mr_slice *label_values, double value,
                                                   mr_error *err);
/* `counts`: the family's bound_count + 1 numbers, not cumulative. `sum` in counted units. */
MR_NODISCARD MR_HOT mr_code mr_metrics_emit_buckets(mr_metrics_sink *sink,
                                                    const mr_slice *label_values,
                                                    const uint64_t *counts, uint64_t sum,
                                                    mr_error *err);

/* --- The page ------------------------------------------------------------------------------------
 */

typedef enum mr_metrics_format {
    MR_METRICS_TEXT,        /* Prometheus text format 0.0.4 */
    MR_METRICS_OPENMETRICS, /* OpenMetrics 1.0.0 */
} mr_metrics_format;

/* Appends the page to `out`; allocates only while `out` grows. Fails when `out` reaches its limit
 * or a collect function fails; `out` then holds a part. */
MR_NODISCARD MR_HOT mr_code mr_metrics_write(mr_metrics *metrics, mr_metrics_format format,
                                             mr_buffer *out, mr_error *err);

/* Appends the HELP and TYPE lines of every family, also of those that have no series yet. */
MR_NODISCARD mr_code mr_metrics_describe(mr_metrics *metrics, mr_buffer *out, mr_error *err);

/* The Content-Type that belongs to a format. */
mr_slice mr_metrics_content_type(mr_metrics_format format);

#endif
