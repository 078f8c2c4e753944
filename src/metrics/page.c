/* SPDX-License-Identifier: MIT
 *
 * Writes the page of metrics/registry.h. A family's HELP and TYPE lines come with its first series,
 * so a family that has none is not on the page. */
#include "metrics/registry.h"

#include "metrics/registry_internal.h"
#include "metrics/text.h"

struct mr_metrics_sink {
    mr_metric_family *family;
    mr_buffer *out;
    mr_metrics_format format;
    size_t emitted; /* series of this family on this page */
};

static const char *type_name(const mr_metric_family *family, mr_metrics_format format)
{
    /* OpenMetrics demands that a counter's sample ends in _total. */
    const bool odd_counter = family->base_name.len == family->name.len;
    switch (family->type) {
    case MR_METRIC_COUNTER:
        return format == MR_METRICS_OPENMETRICS && odd_counter ? "unknown" : "counter";
    case MR_METRIC_GAUGE: return "gauge";
    case MR_METRIC_HISTOGRAM: return "histogram";
    }
    return "untyped";
}

static mr_code write_header(mr_metrics_sink *sink, mr_error *err)
{
    const mr_metric_family *family = sink->family;
    mr_buffer *out = sink->out;
    const bool open_metrics = sink->format == MR_METRICS_OPENMETRICS;
    const mr_slice name = open_metrics ? family->base_name : family->name;
    MR_TRY(mr_buffer_append(out, MR_SLICE("# HELP "), err));
    MR_TRY(mr_buffer_append(out, name, err));
    MR_TRY(mr_buffer_append_byte(out, ' ', err));
    MR_TRY(mr_text_help(out, family->help, open_metrics, err));
    MR_TRY(mr_buffer_append(out, MR_SLICE("\n# TYPE "), err));
    MR_TRY(mr_buffer_append(out, name, err));
    MR_TRY(mr_buffer_append_byte(out, ' ', err));
    MR_TRY(mr_buffer_append(out, mr_slice_text(type_name(family, sink->format)), err));
    return mr_buffer_append_byte(out, '\n', err);
}

/* Counts the series and says in `out_wanted` whether it may be written. */
static mr_code begin_series(mr_metrics_sink *sink, bool *out_wanted, mr_error *err)
{
    mr_metrics *metrics = sink->family->metrics;
    *out_wanted = sink->emitted < metrics->limits.series_max;
    if (!*out_wanted) {
        metrics->dropped++;
        return MR_OK;
    }
    sink->emitted++;
    return sink->emitted == 1 ? write_header(sink, err) : MR_OK;
}

/* name{labels} with the space that precedes the value. */
static mr_code write_name(mr_metrics_sink *sink, const mr_series *series,
                          const mr_slice *label_values, mr_error *err)
{
    const mr_metric_family *family = sink->family;
    mr_buffer *out = sink->out;
    MR_TRY(mr_buffer_append(out, family->name, err));
    if (family->label_count == 0) return mr_buffer_append_byte(out, ' ', err);
    MR_TRY(mr_buffer_append_byte(out, '{', err));
    if (series != NULL)
        MR_TRY(mr_buffer_append(out, series->labels, err));
    else
        MR_TRY(mr_metrics_append_labels(family, label_values, out, err));
    return mr_buffer_append(out, MR_SLICE("} "), err);
}

/* name<suffix>{labels,extra} value of a histogram; `labels` and `extra` may be empty. */
static mr_code write_part(mr_metrics_sink *sink, mr_slice suffix, mr_slice labels, mr_slice extra,
                          uint64_t value, unsigned decimals, mr_error *err)
{
    mr_buffer *out = sink->out;
    MR_TRY(mr_buffer_append(out, sink->family->name, err));
    MR_TRY(mr_buffer_append(out, suffix, err));
    if (labels.len > 0 || extra.len > 0) {
        MR_TRY(mr_buffer_append_byte(out, '{', err));
        MR_TRY(mr_buffer_append(out, labels, err));
        if (labels.len > 0 && extra.len > 0) MR_TRY(mr_buffer_append_byte(out, ',', err));
        MR_TRY(mr_buffer_append(out, extra, err));
        MR_TRY(mr_buffer_append_byte(out, '}', err));
    }
    MR_TRY(mr_buffer_append_byte(out, ' ', err));
    MR_TRY(mr_text_u64(out, value, decimals, err));
    return mr_buffer_append_byte(out, '\n', err);
}

/* `labels` must not lie in `sink->out`, which moves when it grows. */
static mr_code write_buckets(mr_metrics_sink *sink, mr_slice labels, const uint64_t *counts,
                             uint64_t sum, mr_error *err)
{
    const mr_metric_family *family = sink->family;
    const mr_slice bucket = MR_SLICE("_bucket"), none = {0};
    uint64_t count = 0;
    for (size_t i = 0; i < family->bound_count; i++) {
        count += counts[i];
        MR_TRY(write_part(sink, bucket, labels, family->bound_texts[i], count, 0, err));
    }
    count += counts[family->bound_count];
    MR_TRY(write_part(sink, bucket, labels, MR_SLICE("le=\"+Inf\""), count, 0, err));
    MR_TRY(write_part(sink, MR_SLICE("_sum"), labels, none, sum, family->decimals, err));
    return write_part(sink, MR_SLICE("_count"), labels, none, count, 0, err);
}

static mr_code write_series(mr_metrics_sink *sink, const mr_series *series, mr_error *err)
{
    const mr_metric_family *family = sink->family;
    mr_buffer *out = sink->out;
    if (series->kind == MR_SERIES_BUCKETS) {
        const mr_buckets *buckets = series->cell.buckets;
        uint64_t counts[MR_METRIC_BOUNDS_MAX + 1] = {0};
        for (size_t i = 0; i <= family->bound_count; i++)
            counts[i] = atomic_load_explicit(&buckets->counts[i], memory_order_relaxed);
        const uint64_t sum = atomic_load_explicit(&buckets->sum, memory_order_relaxed);
        return write_buckets(sink, series->labels, counts, sum, err);
    }
    MR_TRY(write_name(sink, series, NULL, err));
    switch (series->kind) {
    case MR_SERIES_COUNTER:
        MR_TRY(mr_text_u64(out, mr_counter_read(series->cell.counter), family->decimals, err));
        break;
    case MR_SERIES_GAUGE:
        MR_TRY(mr_text_i64(out, mr_gauge_read(series->cell.gauge), family->decimals, err));
        break;
    case MR_SERIES_GAUGE_DOUBLE:
        MR_TRY(mr_text_double(out, mr_gauge_double_read(series->cell.gauge_double), err));
        break;
    case MR_SERIES_BUCKETS: break; /* above */
    }
    return mr_buffer_append_byte(out, '\n', err);
}

mr_code mr_metrics_emit_u64(mr_metrics_sink *sink, const mr_slice *label_values, uint64_t value,
                            mr_error *err)
{
    bool wanted;
    MR_TRY(begin_series(sink, &wanted, err));
    if (!wanted) return MR_OK;
    MR_TRY(write_name(sink, NULL, label_values, err));
    MR_TRY(mr_text_u64(sink->out, value, sink->family->decimals, err));
    return mr_buffer_append_byte(sink->out, '\n', err);
}

mr_code mr_metrics_emit_i64(mr_metrics_sink *sink, const mr_slice *label_values, int64_t value,
                            mr_error *err)
{
    bool wanted;
    MR_TRY(begin_series(sink, &wanted, err));
    if (!wanted) return MR_OK;
    MR_TRY(write_name(sink, NULL, label_values, err));
    MR_TRY(mr_text_i64(sink->out, value, sink->family->decimals, err));
    return mr_buffer_append_byte(sink->out, '\n', err);
}

mr_code mr_metrics_emit_double(mr_metrics_sink *sink, const mr_slice *label_values, double value,
                               mr_error *err)
{
    bool wanted;
    MR_TRY(begin_series(sink, &wanted, err));
    if (!wanted) return MR_OK;
    MR_TRY(write_name(sink, NULL, label_values, err));
    MR_TRY(mr_text_double(sink->out, value, err));
    return mr_buffer_append_byte(sink->out, '\n', err);
}

mr_code mr_metrics_emit_buckets(mr_metrics_sink *sink, const mr_slice *label_values,
                                const uint64_t *counts, uint64_t sum, mr_error *err)
{
    bool wanted;
    MR_TRY(begin_series(sink, &wanted, err));
    if (!wanted) return MR_OK;
    MR_DCHECK(sink->family->type == MR_METRIC_HISTOGRAM);
    mr_buffer *labels = &sink->family->metrics->scratch;
    mr_buffer_reset(labels);
    MR_TRY(mr_metrics_append_labels(sink->family, label_values, labels, err));
    return write_buckets(sink, mr_buffer_slice(labels), counts, sum, err);
}

static mr_code write_family(mr_metrics_sink *sink, mr_error *err)
{
    const mr_metric_family *family = sink->family;
    if (family->collect != NULL) return family->collect(family->context, sink, err);
    if (family->first_series != NULL) MR_TRY(write_header(sink, err));
    for (const mr_series *series = family->first_series; series != NULL; series = series->next)
        MR_TRY(write_series(sink, series, err));
    return MR_OK;
}

static mr_code write_page(mr_metrics *metrics, mr_metrics_format format, mr_buffer *out,
                          mr_error *err)
{
    for (mr_metrics_refresh *entry = metrics->first_refresh; entry != NULL; entry = entry->next)
        entry->refresh(entry->context);
    for (mr_metric_family *family = metrics->first_family; family != NULL; family = family->next) {
        mr_metrics_sink sink = {.family = family, .out = out, .format = format};
        MR_TRY(write_family(&sink, err));
    }
    return format == MR_METRICS_OPENMETRICS ? mr_buffer_append(out, MR_SLICE("# EOF\n"), err)
                                            : MR_OK;
}

mr_code mr_metrics_write(mr_metrics *metrics, mr_metrics_format format, mr_buffer *out,
                         mr_error *err)
{
    pthread_mutex_lock(&metrics->lock);
    const mr_code rc = write_page(metrics, format, out, err);
    pthread_mutex_unlock(&metrics->lock);
    return rc;
}

mr_code mr_metrics_describe(mr_metrics *metrics, mr_buffer *out, mr_error *err)
{
    mr_code rc = MR_OK;
    pthread_mutex_lock(&metrics->lock);
    for (mr_metric_family *at = metrics->first_family; rc == MR_OK && at != NULL; at = at->next)
        rc = write_header(&(mr_metrics_sink){.family = at, .out = out, .format = MR_METRICS_TEXT},
                          err);
    pthread_mutex_unlock(&metrics->lock);
    return rc;
}

mr_slice mr_metrics_content_type(mr_metrics_format format)
{
    return format == MR_METRICS_OPENMETRICS
               ? MR_SLICE("application/openmetrics-text; version=1.0.0; charset=utf-8")
               : MR_SLICE("text/plain; version=0.0.4; charset=utf-8");
}
