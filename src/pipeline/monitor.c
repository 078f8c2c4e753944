/* SPDX-License-Identifier: MIT */
#include "pipeline/monitor.h"

#include "core/clock.h"
#include "core/json.h"
#include "metrics/process.h"

#define NS_PER_SECOND 1000000000.0
#define STOP_GRACE_MS 100

typedef mr_code emit_fn(const mr_monitor *monitor, mr_metrics_sink *sink, mr_error *err);

static uint64_t load(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* --- counters
 * ---------------------------------------------------------------------------------------- */

static mr_code emit_count(const mr_monitor *m, mr_metrics_sink *sink, uint64_t value, mr_error *err)
{
    return mr_metrics_emit_u64(sink, m->labels, value, err);
}

static mr_code emit_read(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.read), err);
}

static mr_code emit_written(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.written), err);
}

static mr_code emit_filtered(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.filtered), err);
}

static mr_code emit_batches(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.batches), err);
}

static mr_code emit_bytes_out(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.bytes_out), err);
}

static uint64_t bytes_in(const mr_monitor *m)
{
    uint64_t done = 0, total = 0;
    if (m->run->source->progress != NULL)
        m->run->source->progress(m->run->source_state, &done, &total);
    return done;
}

static mr_code emit_bytes_in(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, bytes_in(m), err);
}

static mr_code emit_rejected(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    for (int i = 0; i < MR_REASON_COUNT; i++) {
        const uint64_t count = load(&m->run->view.by_reason[i]);
        const mr_slice labels[3] = {m->labels[0], m->labels[1],
                                    mr_slice_text(mr_reason_name((mr_reason)i))};
        if (count > 0) MR_TRY(mr_metrics_emit_u64(sink, labels, count, err));
    }
    return MR_OK;
}

static mr_code emit_dead_letters(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.rejected), err);
}

static mr_code emit_schema_changes(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.schema_changes), err);
}

/* --- rates and times
 * --------------------------------------------------------------------------------- */

/* Since the run began: a rate between two pages would depend on who else scrapes. */
static double seconds_so_far(const mr_monitor *m)
{
    const double seconds = (double)(mr_clock_ns() - m->run->begun_ns) / NS_PER_SECOND;
    return seconds > 0 ? seconds : 1;
}

static mr_code emit_record_rate(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    const double rate = (double)load(&m->run->view.read) / seconds_so_far(m);
    return mr_metrics_emit_double(sink, m->labels, rate, err);
}

static mr_code emit_byte_rate(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_metrics_emit_double(sink, m->labels, (double)bytes_in(m) / seconds_so_far(m), err);
}

/* Bounds in ns, 1 us to 60 s. */
static const uint64_t latency_bounds[] = {
    1000,       2500,       5000,       10000,       25000,       50000,
    100000,     250000,     500000,     1000000,     2500000,     5000000,
    10000000,   25000000,   50000000,   100000000,   250000000,   500000000,
    1000000000, 2500000000, 5000000000, 10000000000, 30000000000, 60000000000};

static mr_code emit_histogram(const mr_monitor *m, mr_metrics_sink *sink,
                              const mr_histogram *histogram, mr_error *err)
{
    uint64_t counts[MR_COUNT_OF(latency_bounds) + 1];
    const size_t last = MR_COUNT_OF(latency_bounds);
    mr_histogram_cumulative(histogram, latency_bounds, last, counts, &counts[last]);
    for (size_t i = last; i > 0; i--)
        counts[i] -= counts[i - 1];
    return mr_metrics_emit_buckets(sink, m->labels, counts, mr_histogram_sum(histogram), err);
}

static mr_code emit_latency(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_histogram(m, sink, &m->run->view.latency, err);
}

static mr_code emit_queue_wait(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_histogram(m, sink, &m->run->view.queue_wait, err);
}

static mr_code emit_latency_quantiles(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    static const struct {
        const char *name;
        double fraction;
    } quantiles[] = {{"0.5", 0.5}, {"0.95", 0.95}, {"0.99", 0.99}};
    for (size_t i = 0; i < MR_COUNT_OF(quantiles); i++) {
        const mr_slice labels[3] = {m->labels[0], m->labels[1], mr_slice_text(quantiles[i].name)};
        const uint64_t ns = mr_histogram_percentile(&m->run->view.latency, quantiles[i].fraction);
        MR_TRY(mr_metrics_emit_double(sink, labels, (double)ns / NS_PER_SECOND, err));
    }
    return MR_OK;
}

/* --- queues and remote ends
 * --------------------------------------------------------------------------------- */

static mr_code emit_queue_depth(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    const mr_slice labels[3] = {m->labels[0], m->labels[1], MR_SLICE("pieces")};
    return mr_metrics_emit_u64(
        sink, labels, atomic_load_explicit(&m->run->view.pressure.depth, memory_order_relaxed),
        err);
}

static mr_code emit_pressure_active(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, atomic_load(&m->run->view.pressure.active), err);
}

static mr_code emit_pressure_critical(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, atomic_load(&m->run->view.pressure.critical), err);
}

static mr_code emit_pressure_time(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.pressure.active_ns), err);
}

static mr_code emit_dropped(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_count(m, sink, load(&m->run->view.dropped), err);
}

/* One series for each end on another machine; `offset` is of a counter in mr_guard_stats. */
static mr_code emit_guards(const mr_monitor *m, mr_metrics_sink *sink, size_t offset, mr_error *err)
{
    const mr_guard *const guards[2] = {&m->run->source_guard, &m->run->destination_guard};
    static const char *const stages[2] = {"source", "destination"};
    const mr_endpoint *const ends[2] = {&m->run->config->source, &m->run->config->destination};
    for (int i = 0; i < 2; i++) {
        const mr_slice labels[3] = {m->labels[0], m->labels[1], mr_slice_text(stages[i])};
        const char *const stats = (const char *)&guards[i]->stats;
        if (!mr_endpoint_is_remote(ends[i])) continue;
        MR_TRY(mr_metrics_emit_u64(
            sink, labels, load((const atomic_uint_least64_t *)(const void *)(stats + offset)),
            err));
    }
    return MR_OK;
}

static mr_code emit_requests(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_guards(m, sink, offsetof(mr_guard_stats, requests), err);
}

static mr_code emit_retries(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_guards(m, sink, offsetof(mr_guard_stats, retries), err);
}

static mr_code emit_exhausted(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_guards(m, sink, offsetof(mr_guard_stats, exhausted), err);
}

static mr_code emit_circuit_state(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_guards(m, sink, offsetof(mr_guard_stats, breaker), err);
}

static mr_code emit_circuit_opens(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return emit_guards(m, sink, offsetof(mr_guard_stats, opens), err);
}

static mr_code emit_limited(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    const mr_slice labels[3] = {m->labels[0], m->labels[1], MR_SLICE("pipeline")};
    MR_TRY(mr_metrics_emit_u64(sink, labels, load(&m->run->pace.stats.limited_ns), err));
    return emit_guards(m, sink, offsetof(mr_guard_stats, limited_ns), err);
}

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
            fired ? load(&m->alerts->fired[i]) : atomic_load(&m->alerts->firing[i]);
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
    return store_view(m, &stats) ? emit_count(m, sink, stats.store_bytes, err) : MR_OK;
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
    return emit_count(m, sink, load(&m->run->checkpoints.committer.made), err);
}

static mr_code emit_checkpoint_seconds(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    const uint64_t ns = load(&m->run->checkpoints.committer.busy_ns);
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

/* --- families
 * ---------------------------------------------------------------------------------------- */

typedef struct family {
    const char *name, *help;
    mr_metric_type type;
    emit_fn *emit;
    const char *labels[3]; /* besides source and destination */
    unsigned decimals;
    bool times;
} family;

static const family families[] = {
    {"millrace_records_read_total",
     "Records read, rejected ones included.",
     MR_METRIC_COUNTER,
     emit_read,
     {0},
     0,
     false},
    {"millrace_records_written_total",
     "Records the destination has taken.",
     MR_METRIC_COUNTER,
     emit_written,
     {0},
     0,
     false},
    {"millrace_records_rejected_total",
     "Records set aside, by reason.",
     MR_METRIC_COUNTER,
     emit_rejected,
     {"reason"},
     0,
     false},
    {"millrace_records_filtered_total",
     "Records left out on purpose.",
     MR_METRIC_COUNTER,
     emit_filtered,
     {0},
     0,
     false},
    {"millrace_bytes_in_total",
     "Bytes taken from the source.",
     MR_METRIC_COUNTER,
     emit_bytes_in,
     {0},
     0,
     false},
    {"millrace_bytes_out_total",
     "Bytes given to the destination.",
     MR_METRIC_COUNTER,
     emit_bytes_out,
     {0},
     0,
     false},
    {"millrace_batches_total",
     "Pieces of input that went through.",
     MR_METRIC_COUNTER,
     emit_batches,
     {0},
     0,
     false},
    {"millrace_throughput_records_per_second",
     "Records read a second since the run began.",
     MR_METRIC_GAUGE,
     emit_record_rate,
     {0},
     0,
     false},
    {"millrace_throughput_bytes_per_second",
     "Bytes read a second since the run began.",
     MR_METRIC_GAUGE,
     emit_byte_rate,
     {0},
     0,
     false},
    {"millrace_processing_latency_seconds",
     "Time of a record from source to destination.",
     MR_METRIC_HISTOGRAM,
     emit_latency,
     {0},
     9,
     true},
    {"millrace_processing_latency_quantile_seconds",
     "Quantiles of the processing latency.",
     MR_METRIC_GAUGE,
     emit_latency_quantiles,
     {"quantile"},
     0,
     false},
    {"millrace_queue_wait_seconds",
     "Time of a piece between the source and the collector.",
     MR_METRIC_HISTOGRAM,
     emit_queue_wait,
     {0},
     9,
     true},
    {"millrace_dead_letter_records",
     "Records in the quarantine file of this run.",
     MR_METRIC_GAUGE,
     emit_dead_letters,
     {0},
     0,
     false},
    {"millrace_queue_depth",
     "Pieces that wait in queues.",
     MR_METRIC_GAUGE,
     emit_queue_depth,
     {"queue"},
     0,
     false},
    {"millrace_backpressure_active",
     "1 from queues 80 % full until below 60 %.",
     MR_METRIC_GAUGE,
     emit_pressure_active,
     {0},
     0,
     false},
    {"millrace_backpressure_critical",
     "1 while queues are 95 % full or more.",
     MR_METRIC_GAUGE,
     emit_pressure_critical,
     {0},
     0,
     false},
    {"millrace_backpressure_seconds_total",
     "Time for which back-pressure was active.",
     MR_METRIC_COUNTER,
     emit_pressure_time,
     {0},
     9,
     false},
    {"millrace_records_dropped_total",
     "Records left out because queues were full; part of the filtered ones.",
     MR_METRIC_COUNTER,
     emit_dropped,
     {0},
     0,
     false},
    {"millrace_requests_total",
     "Requests made to a remote end, retries included.",
     MR_METRIC_COUNTER,
     emit_requests,
     {"stage"},
     0,
     false},
    {"millrace_retries_total",
     "Requests to a remote end that were repeated.",
     MR_METRIC_COUNTER,
     emit_retries,
     {"stage"},
     0,
     false},
    {"millrace_retry_exhausted_total",
     "Requests given up although the fault may pass.",
     MR_METRIC_COUNTER,
     emit_exhausted,
     {"stage"},
     0,
     false},
    {"millrace_circuit_state",
     "Circuit breaker: 0 closed, 1 open, 2 half open.",
     MR_METRIC_GAUGE,
     emit_circuit_state,
     {"stage"},
     0,
     false},
    {"millrace_circuit_opens_total",
     "Times that the circuit breaker opened.",
     MR_METRIC_COUNTER,
     emit_circuit_opens,
     {"stage"},
     0,
     false},
    {"millrace_rate_limited_seconds_total",
     "Time waited for a rate limit.",
     MR_METRIC_COUNTER,
     emit_limited,
     {"stage"},
     9,
     false},
    {"millrace_checkpoints_total",
     "Checkpoints made.",
     MR_METRIC_COUNTER,
     emit_checkpoints,
     {0},
     0,
     false},
    {"millrace_checkpoint_seconds",
     "Time that making checkpoints durable has taken, in all.",
     MR_METRIC_GAUGE,
     emit_checkpoint_seconds,
     {0},
     0,
     false},
    {"millrace_checkpoint_age_seconds",
     "Since the last checkpoint; there when one has been made.",
     MR_METRIC_GAUGE,
     emit_checkpoint_age,
     {0},
     0,
     false},
    {"millrace_schema_changes_total",
     "Changes of the schema met by this run.",
     MR_METRIC_COUNTER,
     emit_schema_changes,
     {0},
     0,
     false},
    {"millrace_alert_firing",
     "1 while an alert fires.",
     MR_METRIC_GAUGE,
     emit_firing,
     {"alert", "severity"},
     0,
     false},
    {"millrace_alerts_fired_total",
     "Times that an alert has fired.",
     MR_METRIC_COUNTER,
     emit_fired,
     {"alert", "severity"},
     0,
     false},
    {"millrace_store_bytes",
     "Memory the record store holds.",
     MR_METRIC_GAUGE,
     emit_store_bytes,
     {0},
     0,
     false},
    {"millrace_bytes_per_record",
     "Memory of the store for each record in it.",
     MR_METRIC_GAUGE,
     emit_bytes_per_record,
     {0},
     0,
     false},
    {"millrace_peak_bytes_per_record",
     "The same at the store's largest.",
     MR_METRIC_GAUGE,
     emit_peak,
     {0},
     0,
     false},
    {"millrace_compression_ratio",
     "Text bytes over store bytes of sealed groups.",
     MR_METRIC_GAUGE,
     emit_ratio,
     {0},
     0,
     false},
    {"millrace_dictionary_hit_ratio",
     "Share of dictionary texts that were there already.",
     MR_METRIC_GAUGE,
     emit_hit_ratio,
     {0},
     0,
     false},
    {"millrace_storage_mode",
     "1 for the mode the store is in.",
     MR_METRIC_GAUGE,
     emit_mode,
     {"mode"},
     0,
     false},
    {"millrace_storage_mode_switches_total",
     "Switches of the storage mode.",
     MR_METRIC_COUNTER,
     emit_switches,
     {"from", "to", "reason"},
     0,
     false},
    {"millrace_connector_counter_total",
     "What the connectors of plug-ins count themselves.",
     MR_METRIC_COUNTER,
     emit_own_counters,
     {"end", "counter"},
     0,
     false},
    {"millrace_storage_switch_seconds",
     "Time spent switching.",
     MR_METRIC_GAUGE,
     emit_switch_seconds,
     {0},
     0,
     false},
};

typedef struct collector {
    const mr_monitor *monitor;
    emit_fn *emit;
} collector;

static mr_code collect(void *context, mr_metrics_sink *sink, mr_error *err)
{
    const collector *c = context;
    return c->emit(c->monitor, sink, err);
}

static mr_code declare(mr_monitor *m, const family *f, mr_error *err)
{
    collector *c = mr_metrics_take(m->metrics, sizeof *c);
    if (c == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for metrics");
    *c = (collector){m, f->emit};
    mr_metric_decl decl = {.name = f->name,
                           .help = f->help,
                           .type = f->type,
                           .decimals = f->decimals,
                           .labels = {"source", "destination"},
                           .collect = collect,
                           .context = c};
    for (size_t i = 0; i < MR_COUNT_OF(f->labels) && f->labels[i] != NULL; i++)
        decl.labels[2 + i] = f->labels[i];
    if (f->times) {
        decl.bounds = latency_bounds;
        decl.bound_count = MR_COUNT_OF(latency_bounds);
    }
    mr_metric_family *made;
    return mr_metrics_family(m->metrics, &decl, &made, err);
}

/* --- status
 * ------------------------------------------------------------------------------------------ */

static mr_code status(void *context, mr_buffer *out, mr_error *err)
{
    const mr_monitor *m = context;
    const mr_engine_view *view = &m->run->view;
    uint64_t done = 0, total = 0;
    if (m->run->source->progress != NULL)
        m->run->source->progress(m->run->source_state, &done, &total);
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "version"), mr_json_text(&json, mr_slice_text(MR_VERSION));
    mr_json_key(&json, "source"), mr_json_text(&json, m->labels[0]);
    mr_json_key(&json, "destination"), mr_json_text(&json, m->labels[1]);
    mr_json_key(&json, "read"), mr_json_u64(&json, load(&view->read));
    mr_json_key(&json, "written"), mr_json_u64(&json, load(&view->written));
    mr_json_key(&json, "rejected"), mr_json_u64(&json, load(&view->rejected));
    mr_json_key(&json, "bytes_done"), mr_json_u64(&json, done);
    mr_json_key(&json, "bytes_total"), mr_json_u64(&json, total);
    mr_json_key(&json, "seconds"), mr_json_f64(&json, seconds_so_far(m), 3);
    mr_json_close(&json, '}');
    return json.failed ? mr_json_out_fail(&json, err) : MR_OK;
}

/* --- opening
 * ----------------------------------------------------------------------------------------- */

static mr_code serve(mr_monitor *m, mr_slice address, mr_error *err)
{
    m->admin = (mr_admin){.metrics = m->metrics,
                          .status = status,
                          .context = m,
                          .metrics_path = m->run->config->observability.metrics_path};
    mr_admin_routes(&m->admin, m->routes);
    const mr_http_options options = {.address = address,
                                     .routes = m->routes,
                                     .route_count = MR_ADMIN_ROUTES,
                                     .metrics = m->metrics,
                                     .limits = MR_HTTP_LIMITS_DEFAULT,
                                     .name = MR_SLICE("millrace")};
    MR_TRY(mr_http_server_open(&options, &m->server, err));
    return mr_http_server_start(m->server, err);
}

mr_code mr_monitor_open(mr_monitor *m, mr_run *run, const mr_alert_watch *alerts, mr_slice address,
                        mr_error *err)
{
    memset(m, 0, sizeof *m);
    m->run = run;
    m->alerts = alerts;
    m->labels[0] = mr_slice_text(run->source->name);
    m->labels[1] = mr_slice_text(run->destination->name);
    MR_TRY(mr_metrics_open(NULL, &m->metrics, err));
    MR_TRY(mr_process_metrics(m->metrics, err));
    for (size_t i = 0; i < MR_COUNT_OF(families); i++)
        MR_TRY(declare(m, &families[i], err));
    if (run->destination->show_metrics != NULL)
        MR_TRY(run->destination->show_metrics(run->destination_state, m->metrics, err));
    const mr_code rc = serve(m, address, err);
    return rc == MR_OK ? MR_OK : (mr_error_prefix(err, "--metrics"), rc);
}

const char *mr_monitor_address(const mr_monitor *m)
{
    return mr_http_server_address(m->server);
}

void mr_monitor_close(mr_monitor *m)
{
    if (m->server != NULL) mr_http_server_stop(m->server, STOP_GRACE_MS);
    mr_http_server_close(m->server);
    mr_metrics_close(m->metrics);
    memset(m, 0, sizeof *m);
}
