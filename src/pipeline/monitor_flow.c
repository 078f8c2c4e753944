/* SPDX-License-Identifier: MIT
 *
 * What flows through a run: records, bytes, time, queues and requests. */
#include "pipeline/monitor_internal.h"

#define NS_PER_SECOND 1000000000.0

/* --- counters
 * ---------------------------------------------------------------------------------------- */

static mr_code emit_read(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.read), err);
}

static mr_code emit_written(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.written), err);
}

static mr_code emit_filtered(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.filtered), err);
}

static mr_code emit_batches(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.batches), err);
}

static mr_code emit_bytes_out(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.bytes_out), err);
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
    return mr_monitor_emit_count(m, sink, bytes_in(m), err);
}

static mr_code emit_rejected(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    for (int i = 0; i < MR_REASON_COUNT; i++) {
        const uint64_t count = mr_monitor_load(&m->run->view.by_reason[i]);
        const mr_slice labels[3] = {m->labels[0], m->labels[1],
                                    mr_slice_text(mr_reason_name((mr_reason)i))};
        if (count > 0) MR_TRY(mr_metrics_emit_u64(sink, labels, count, err));
    }
    return MR_OK;
}

static mr_code emit_dead_letters(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.rejected), err);
}

static mr_code emit_schema_changes(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.schema_changes), err);
}

/* --- rates and times
 * --------------------------------------------------------------------------------- */

static mr_code emit_record_rate(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    const double rate = (double)mr_monitor_load(&m->run->view.read) / mr_monitor_seconds(m);
    return mr_metrics_emit_double(sink, m->labels, rate, err);
}

static mr_code emit_byte_rate(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_metrics_emit_double(sink, m->labels, (double)bytes_in(m) / mr_monitor_seconds(m),
                                  err);
}

static mr_code emit_histogram(const mr_monitor *m, mr_metrics_sink *sink,
                              const mr_histogram *histogram, mr_error *err)
{
    uint64_t counts[MR_MONITOR_BOUNDS + 1];
    const size_t last = MR_MONITOR_BOUNDS;
    mr_histogram_cumulative(histogram, mr_monitor_bounds, last, counts, &counts[last]);
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
    return mr_monitor_emit_count(m, sink, atomic_load(&m->run->view.pressure.active), err);
}

static mr_code emit_pressure_critical(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, atomic_load(&m->run->view.pressure.critical), err);
}

static mr_code emit_pressure_time(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.pressure.active_ns), err);
}

static mr_code emit_dropped(const mr_monitor *m, mr_metrics_sink *sink, mr_error *err)
{
    return mr_monitor_emit_count(m, sink, mr_monitor_load(&m->run->view.dropped), err);
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
            sink, labels,
            mr_monitor_load((const atomic_uint_least64_t *)(const void *)(stats + offset)), err));
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
    MR_TRY(mr_metrics_emit_u64(sink, labels, mr_monitor_load(&m->run->pace.stats.limited_ns), err));
    return emit_guards(m, sink, offsetof(mr_guard_stats, limited_ns), err);
}

/* --- families ---*/

static const mr_monitor_family families[] = {
    {.name = "millrace_records_read_total",
     .help = "Records read, rejected ones included.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_read},
    {.name = "millrace_records_written_total",
     .help = "Records the destination has taken.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_written},
    {.name = "millrace_records_rejected_total",
     .help = "Records set aside, by reason.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_rejected,
     .labels = {"reason"}},
    {.name = "millrace_records_filtered_total",
     .help = "Records left out on purpose.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_filtered},
    {.name = "millrace_bytes_in_total",
     .help = "Bytes taken from the source.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_bytes_in},
    {.name = "millrace_bytes_out_total",
     .help = "Bytes given to the destination.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_bytes_out},
    {.name = "millrace_batches_total",
     .help = "Pieces of input that went through.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_batches},
    {.name = "millrace_throughput_records_per_second",
     .help = "Records read a second since the run began.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_record_rate},
    {.name = "millrace_throughput_bytes_per_second",
     .help = "Bytes read a second since the run began.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_byte_rate},
    {.name = "millrace_processing_latency_seconds",
     .help = "Time of a record from source to destination.",
     .type = MR_METRIC_HISTOGRAM,
     .emit = emit_latency,
     .decimals = 9,
     .times = true},
    {.name = "millrace_processing_latency_quantile_seconds",
     .help = "Quantiles of the processing latency.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_latency_quantiles,
     .labels = {"quantile"}},
    {.name = "millrace_queue_wait_seconds",
     .help = "Time of a piece between the source and the collector.",
     .type = MR_METRIC_HISTOGRAM,
     .emit = emit_queue_wait,
     .decimals = 9,
     .times = true},
    {.name = "millrace_dead_letter_records",
     .help = "Records in the quarantine file of this run.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_dead_letters},
    {.name = "millrace_queue_depth",
     .help = "Pieces that wait in queues.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_queue_depth,
     .labels = {"queue"}},
    {.name = "millrace_backpressure_active",
     .help = "1 from queues 80 % full until below 60 %.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_pressure_active},
    {.name = "millrace_backpressure_critical",
     .help = "1 while queues are 95 % full or more.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_pressure_critical},
    {.name = "millrace_backpressure_seconds_total",
     .help = "Time for which back-pressure was active.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_pressure_time,
     .decimals = 9},
    {.name = "millrace_records_dropped_total",
     .help = "Records left out because queues were full; part of the filtered ones.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_dropped},
    {.name = "millrace_requests_total",
     .help = "Requests made to a remote end, retries included.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_requests,
     .labels = {"stage"}},
    {.name = "millrace_retries_total",
     .help = "Requests to a remote end that were repeated.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_retries,
     .labels = {"stage"}},
    {.name = "millrace_retry_exhausted_total",
     .help = "Requests given up although the fault may pass.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_exhausted,
     .labels = {"stage"}},
    {.name = "millrace_circuit_state",
     .help = "Circuit breaker: 0 closed, 1 open, 2 half open.",
     .type = MR_METRIC_GAUGE,
     .emit = emit_circuit_state,
     .labels = {"stage"}},
    {.name = "millrace_circuit_opens_total",
     .help = "Times that the circuit breaker opened.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_circuit_opens,
     .labels = {"stage"}},
    {.name = "millrace_rate_limited_seconds_total",
     .help = "Time waited for a rate limit.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_limited,
     .labels = {"stage"},
     .decimals = 9},
    {.name = "millrace_schema_changes_total",
     .help = "Changes of the schema met by this run.",
     .type = MR_METRIC_COUNTER,
     .emit = emit_schema_changes},
};

const mr_monitor_family *mr_monitor_flow(size_t *out_count)
{
    *out_count = MR_COUNT_OF(families);
    return families;
}
