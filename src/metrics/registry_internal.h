/* SPDX-License-Identifier: MIT
 *
 * metrics/registry_internal.h - how registry.c keeps what page.c writes.
 *
 * Everything lives in the registry's arena. Lists only grow at their end, under `lock`.
 *
 * Thread: fields are read and written under mr_metrics.lock, except the cells of series (atomics).
 */
#ifndef MR_METRICS_REGISTRY_INTERNAL_H
#define MR_METRICS_REGISTRY_INTERNAL_H

#include <pthread.h>

#include "core/arena.h"
#include "metrics/registry.h"

typedef enum mr_series_kind {
    MR_SERIES_COUNTER,
    MR_SERIES_GAUGE,
    MR_SERIES_GAUGE_DOUBLE,
    MR_SERIES_BUCKETS,
} mr_series_kind;

typedef struct mr_series {
    struct mr_series *next;
    mr_slice labels; /* a="x",b="y" as on the page; empty without labels */
    mr_series_kind kind;
    union {
        mr_counter *counter;
        mr_gauge *gauge;
        mr_gauge_double *gauge_double;
        mr_buckets *buckets;
    } cell;
} mr_series;

struct mr_metric_family {
    mr_metric_family *next;
    mr_metrics *metrics;
    mr_slice name;
    mr_slice base_name; /* without _total: OpenMetrics names a counter's family so */
    mr_slice help;
    mr_metric_type type;
    unsigned decimals;
    mr_slice label_names[MR_METRIC_LABELS_MAX];
    size_t label_count;
    const uint64_t *bounds;
    const mr_slice *bound_texts; /* le="0.5" */
    size_t bound_count;
    mr_code (*collect)(void *context, mr_metrics_sink *sink, mr_error *err);
    void *context;
    mr_series *first_series, *last_series;
    size_t series_count;
};

typedef struct mr_metrics_refresh {
    struct mr_metrics_refresh *next;
    void (*refresh)(void *context);
    void *context;
} mr_metrics_refresh;

struct mr_metrics {
    pthread_mutex_t lock;
    mr_arena arena;
    mr_metrics_limits limits;
    mr_metric_family *first_family, *last_family;
    size_t family_count;
    mr_metrics_refresh *first_refresh;
    mr_buffer scratch; /* label text of the series being added */
    uint64_t dropped;  /* emitted series beyond series_max, ever */
};

/* Appends a="x",b="y" for the family's label names and these values. */
MR_NODISCARD mr_code mr_metrics_append_labels(const mr_metric_family *family,
                                              const mr_slice *label_values, mr_buffer *out,
                                              mr_error *err);

#endif
