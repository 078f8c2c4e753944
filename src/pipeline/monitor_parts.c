/* SPDX-License-Identifier: MIT
 *
 * What the parts of a run tell of themselves: alerts, the store, plug-ins, checkpoints. */
#include "core/clock.h"
#include "pipeline/monitor_internal.h"

#define NS_PER_SECOND 1000000000.0

/* --- alerts
 * ----------------------------------------------------------------------------------------- */

static mr_code emit_alerts(const mr_monitor *m, mr_metrics_sink *sink, bool fired, mr_error *err)
{
    const mr_alerts *const alerts = &m->run->config->alerts;
    for (uint32_t i = 0; i < alerts->count; i++) {
        const mr_slice labels[4] = {
            m->labels[0], m->labels[1], mr_slice_text(alerts->items[i].name),
            mr_slice_text(mr_alert_severity_name(alerts->items[i].severity))};
        const uint64_t value =
            fired ? mr_monitor_load(&m->alerts->fired[i]) : atomic_load(&m->alerts->firing[i]);
        MR_TRY(mr_metrics_emit_u64(sink, labels, value, err));
    }
    return MR_OK;
}

static mr_code emit_firing(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_alerts(m, sink, false, err);
}

static mr_code emit_fired(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_alerts(m, sink, true, err);
}

/* --- the store
 * --------------------------------------------------------------------------------------- */

static bool store_view(const mr_monitor *m, mr_store_stats *out)
{
    return mr_run_store_stats(m->run, out);
}

static mr_code emit_store_bytes(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_store_stats stats;
    return store_view(m, &stats) ? mr_monitor_emit_count(m, sink, stats.store_bytes, err) : MR_OK;
}

static mr_code emit_bytes_per_record(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_store_stats stats;
    if (!store_view(m, &stats)) return MR_OK;
    return mr_metrics_emit_double(sink, m->labels, stats.bytes_per_record, err);
}

static mr_code emit_peak(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_store_stats stats;
    if (!store_view(m, &stats) || stats.records == 0) return MR_OK;
    return mr_metrics_emit_double(sink, m->labels, (double)stats.peak_bytes / (double)stats.records,
                                  err);
}

static mr_code emit_ratio(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_store_stats stats;
    if (!store_view(m, &stats) || stats.group_bytes == 0) return MR_OK;
    return mr_metrics_emit_double(sink, m->labels,
                                  (double)stats.group_text_bytes / (double)stats.group_bytes, err);
}

static mr_code emit_hit_ratio(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_store_stats stats;
    if (!store_view(m, &stats) || stats.dict_texts == 0) return MR_OK;
    return mr_metrics_emit_double(
        sink, m->labels, 1.0 - (double)stats.dict_distinct / (double)stats.dict_texts, err);
}

static mr_code emit_mode(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_store_stats stats;
    if (!store_view(m, &stats)) return MR_OK;
    for (int mode = MR_STORE_ROW; mode <= MR_STORE_COLUMNAR; mode++) {
        const mr_slice labels[3] = {m->labels[0], m->labels[1],
                                    mr_slice_text(mr_store_mode_name((mr_store_mode)mode))};
        MR_TRY(mr_metrics_emit_u64(sink, labels, stats.now == (mr_store_mode)mode, err));
    }
    return MR_OK;
}

static mr_code emit_switches(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_store_stats stats;
    if (!store_view(m, &stats)) return MR_OK;
    for (int to = MR_STORE_ROW; to <= MR_STORE_COLUMNAR; to++) {
        for (int reason = 0; reason < MR_STORE_REASON_COUNT; reason++) {
            const mr_store_mode from = to == MR_STORE_ROW ? MR_STORE_COLUMNAR : MR_STORE_ROW;
            const mr_slice labels[5] = {
                m->labels[0], m->labels[1], mr_slice_text(mr_store_mode_name(from)),
                mr_slice_text(mr_store_mode_name((mr_store_mode)to)),
                mr_slice_text(mr_store_reason_name((mr_store_reason)reason))};
            if (stats.switches[to][reason] > 0)
                MR_TRY(mr_metrics_emit_u64(sink, labels, stats.switches[to][reason], err));
        }
    }
    return MR_OK;
}

static mr_code emit_switch_seconds(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_store_stats stats;
    if (!store_view(m, &stats)) return MR_OK;
    return mr_metrics_emit_double(sink, m->labels, (double)stats.switch_ns / NS_PER_SECOND, err);
}

/* --- connectors' own
 * -------------------------------------------------------------------------------------- */

static mr_code emit_counters_of(const mr_monitor *m, mr_metrics_sink *sink, const char *end,
                                const mr_own_counter *counters, uint32_t count, mr_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const mr_slice labels[4] = {m->labels[0], m->labels[1], mr_slice_text(end),
                                    mr_slice_text(counters[i].name)};
        MR_TRY(mr_metrics_emit_u64(sink, labels, counters[i].value, err));
    }
    return MR_OK;
}

static mr_code emit_own_counters(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    mr_own_counter counters[32];
    const mr_run *run = m->run;
    uint32_t count = 0;
    if (run->source->counters != NULL)
        count = run->source->counters(run->source_state, counters, MR_COUNT_OF(counters));
    MR_TRY(emit_counters_of(m, sink, "source", counters, count, err));
    count = 0;
    if (run->destination->counters != NULL)
        count = run->destination->counters(run->destination_state, counters, MR_COUNT_OF(counters));
    return emit_counters_of(m, sink, "destination", counters, count, err);
}

/* --- checkpoints
 * --------------------------------------------------------------------------------- */

static mr_code emit_checkpoints(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->checkpoints.committer.made),
                                 err);
}

static mr_code emit_checkpoint_seconds(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    const uint64_t ns = mr_monitor_load(&m->run->checkpoints.committer.busy_ns);
    return mr_metrics_emit_double(sink, m->labels, (double)ns / NS_PER_SECOND, err);
}

static mr_code emit_checkpoint_age(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    const int64_t last =
        atomic_load_explicit(&m->run->checkpoints.committer.last_ns, memory_order_relaxed);
    if (last == 0) return MR_OK;
    return mr_metrics_emit_double(sink, m->labels, (double)(mr_clock_ns() - last) / NS_PER_SECOND,
                                  err);
}

/* --- families ---*/

static const mr_monitor_family families[] = {
    {.name = "millrace_checkpoints_total",
     .help = "Checkpoints made.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_checkpoints},
    {.name = "millrace_checkpoint_seconds",
     .help = "Time that making checkpoints durable has taken, in all.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_checkpoint_seconds},
    {.name = "millrace_checkpoint_age_seconds",
     .help = "Since the last checkpoint; there when one has been made.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_checkpoint_age},
    {.name = "millrace_alert_firing",
     .help = "1 while an alert fires.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_firing,
     .labels = {"alert", "severity"}},
    {.name = "millrace_alerts_fired_total",
     .help = "Times that an alert has fired.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_fired,
     .labels = {"alert", "severity"}},
    {.name = "millrace_store_bytes",
     .help = "Memory the record store holds.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_store_bytes},
    {.name = "millrace_bytes_per_record",
     .help = "Memory of the store for each record in it.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_bytes_per_record},
    {.name = "millrace_peak_bytes_per_record",
     .help = "The same at the store's largest.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_peak},
    {.name = "millrace_compression_ratio",
     .help = "Text bytes over store bytes of sealed groups.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_ratio},
    {.name = "millrace_dictionary_hit_ratio",
     .help = "Share of dictionary texts that were there already.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_hit_ratio},
    {.name = "millrace_storage_mode",
     .help = "1 for the mode the store is in.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_mode,
     .labels = {"mode"}},
    {.name = "millrace_storage_mode_switches_total",
     .help = "Switches of the storage mode.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_switches,
     .labels = {"from", "to", "reason"}},
    {.name = "millrace_connector_counter_total",
     .help = "What the connectors of plug-ins count themselves.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_own_counters,
     .labels = {"end", "counter"}},
    {.name = "millrace_storage_switch_seconds",
     .help = "Time spent switching.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_switch_seconds},
};

const mr_monitor_family *mr_monitor_parts(size_t *out_count)
{
    *out_count = MR_COUNT_OF(families);
    return families;
}
