/* SPDX-License-Identifier: MIT
 *
 * pipeline/monitor_internal.h - the families of a run's metrics, in two tables: what flows
 * (monitor_flow.c) and what the parts of a run tell of themselves (monitor_parts.c).
 *
 * Thread: the server's. */
#ifndef MR_PIPELINE_MONITOR_INTERNAL_H
#define MR_PIPELINE_MONITOR_INTERNAL_H

#include "pipeline/monitor.h"

#define MR_MONITOR_BOUNDS 24

typedef struct mr_monitor_family {
    const char *name, *help;
    mr_metric_type type;
    mr_code (*emit)(const mr_monitor *monitor, mr_metrics_sink *sink, mr_error *err);
    const char *labels[3]; /* besides source and destination */
    unsigned decimals;
    bool times; /* a histogram with mr_monitor_bounds */
} mr_monitor_family;

const mr_monitor_family *mr_monitor_flow(size_t *out_count);
const mr_monitor_family *mr_monitor_parts(size_t *out_count);

/* In ns, 1 us to 60 s. */
extern const uint64_t mr_monitor_bounds[MR_MONITOR_BOUNDS];

/* Since the run began: a rate between two pages would depend on who else scrapes. */
double mr_monitor_seconds(const mr_monitor *monitor);

MR_NODISCARD mr_code mr_monitor_emit_count(const mr_monitor *monitor, mr_metrics_sink *sink,
                                           uint64_t value, mr_error *err);

static inline uint64_t mr_monitor_load(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
