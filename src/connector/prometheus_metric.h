/* SPDX-License-Identifier: MIT
 *
 * connector/prometheus_metric.h - how a record becomes samples: the lines of the destination's
 * option `metrics`.
 *
 *     counter orders_total{city, status=state} = n "Orders by city"
 *     '-type' '--name----' '-labels--------'     '-the column of the value; none: each record
 *                                  '-column       counts 1
 *
 * A label is called as its column unless it says `label=column`. A column with odd characters is
 * written "in quotes", with \" and \\ inside. Commas between labels may be left out.
 *
 * Thread: built by one thread, then constant. */
#ifndef MR_CONNECTOR_PROMETHEUS_METRIC_H
#define MR_CONNECTOR_PROMETHEUS_METRIC_H

#include "core/arena.h"
#include "metrics/registry.h"

typedef struct mr_prometheus_metric {
    mr_metric_type type; /* counter or gauge */
    mr_slice name, help; /* NUL-terminated */
    mr_slice value;      /* the column; empty: each record is 1 */
    mr_slice labels[MR_METRIC_LABELS_MAX], columns[MR_METRIC_LABELS_MAX];
    uint32_t label_count;
} mr_prometheus_metric;

/* Reads one line into memory of `arena`. MR_ERR_USAGE says what was expected and at which byte. */
MR_NODISCARD mr_code mr_prometheus_metric_parse(mr_slice text, mr_arena *arena,
                                                mr_prometheus_metric *out, mr_error *err);

#endif
