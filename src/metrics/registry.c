/* SPDX-License-Identifier: MIT */
#include "metrics/registry.h"

#include "core/mem.h"
#include "metrics/registry_internal.h"
#include "metrics/text.h"

#define LABEL_TEXT_MAX (64u << 10) /* all labels of one series */

static mr_code collect_dropped(void *context, mr_metrics_sink *sink, mr_error *err)
{
    const mr_metrics *metrics = context;
    if (metrics->dropped == 0) return MR_OK;
    return mr_metrics_emit_u64(sink, NULL, metrics->dropped, err);
}

static mr_code declare_own_families(mr_metrics *metrics, mr_error *err)
{
    const mr_metric_decl dropped = {
        .name = "millrace_metrics_series_dropped_total",
        .help = "Series left out of the page because their family reached its limit.",
        .type = MR_METRIC_COUNTER,
        .collect = collect_dropped,
        .context = metrics,
    };
    mr_metric_family *family;
    return mr_metrics_family(metrics, &dropped, &family, err);
}

mr_code mr_metrics_open(const mr_metrics_limits *limits, mr_metrics **out, mr_error *err)
{
    mr_metrics *metrics = mr_mem_zalloc(sizeof *metrics);
    if (metrics == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the metrics");
    metrics->limits = limits != NULL ? *limits : MR_METRICS_LIMITS_DEFAULT;
    pthread_mutex_init(&metrics->lock, NULL);
    mr_arena_init(&metrics->arena, "metrics", metrics->limits.memory_bytes_max);
    mr_buffer_init(&metrics->scratch, "the label text of a series", LABEL_TEXT_MAX);
    const mr_code rc = declare_own_families(metrics, err);
    if (rc != MR_OK) {
        mr_metrics_close(metrics);
        return rc;
    }
    *out = metrics;
    return MR_OK;
}

void mr_metrics_close(mr_metrics *metrics)
{
    if (metrics == NULL) return;
    mr_buffer_done(&metrics->scratch);
    mr_arena_done(&metrics->arena);
    pthread_mutex_destroy(&metrics->lock);
    mr_mem_free(metrics);
}

/* --- Declaring a family --------------------------------------------------------------------------
 */

static bool is_name(mr_slice name, bool colons)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        const bool digit = c >= '0' && c <= '9' && i > 0;
        if (!letter && !digit && !(colons && c == ':')) return false;
    }
    return name.len > 0;
}

static size_t count_labels(const mr_metric_decl *decl)
{
    size_t count = 0;
    while (count < MR_METRIC_LABELS_MAX && decl->labels[count] != NULL)
        count++;
    return count;
}

static mr_code check_labels(const mr_metric_decl *decl, mr_error *err)
{
    const size_t count = count_labels(decl);
    for (size_t i = 0; i < count; i++) {
        const mr_slice label = mr_slice_text(decl->labels[i]);
        const bool taken = decl->type == MR_METRIC_HISTOGRAM && mr_slice_is(label, "le");
        if (!is_name(label, false) || mr_slice_starts(label, "__") || taken)
            return mr_fail(err, MR_ERR_USAGE, "metric '%s': '%s' cannot name a label", decl->name,
                           decl->labels[i]);
        for (size_t k = 0; k < i; k++)
            if (mr_slice_is(label, decl->labels[k]))
                return mr_fail(err, MR_ERR_USAGE, "metric '%s': label '%s' twice", decl->name,
                               decl->labels[i]);
    }
    return MR_OK;
}

static mr_code check_bounds(const mr_metric_decl *decl, mr_error *err)
{
    if ((decl->type == MR_METRIC_HISTOGRAM) != (decl->bound_count > 0))
        return mr_fail(err, MR_ERR_USAGE, "metric '%s': bounds belong to histograms", decl->name);
    if (decl->bound_count > MR_METRIC_BOUNDS_MAX)
        return mr_fail(err, MR_ERR_LIMIT,
                       "metric '%s': %zu bounds, at most %d (MR_METRIC_BOUNDS_MAX)", decl->name,
                       decl->bound_count, MR_METRIC_BOUNDS_MAX);
    for (size_t i = 1; i < decl->bound_count; i++)
        if (decl->bounds[i] <= decl->bounds[i - 1])
            return mr_fail(err, MR_ERR_USAGE, "metric '%s': bounds must ascend", decl->name);
    return MR_OK;
}

static mr_code check_decl(const mr_metric_decl *decl, mr_error *err)
{
    if (!is_name(mr_slice_text(decl->name), true))
        return mr_fail(err, MR_ERR_USAGE, "'%s' cannot name a metric", decl->name);
    if (decl->decimals > MR_METRIC_DECIMALS_MAX)
        return mr_fail(err, MR_ERR_USAGE, "metric '%s': %u decimals, at most %d", decl->name,
                       decl->decimals, MR_METRIC_DECIMALS_MAX);
    MR_TRY(check_labels(decl, err));
    return check_bounds(decl, err);
}

static mr_code copy_text(mr_metrics *metrics, mr_slice text, mr_slice *out, mr_error *err)
{
    const char *copy = mr_arena_copy(&metrics->arena, text);
    if (copy == NULL) return mr_arena_fail(&metrics->arena, err);
    *out = mr_slice_of(copy, text.len);
    return MR_OK;
}

/* The bounds and, for each, its label as on the page: le="0.5". */
static mr_code copy_bounds(mr_metric_family *family, const mr_metric_decl *decl, mr_error *err)
{
    if (decl->bound_count == 0) return MR_OK;
    mr_metrics *metrics = family->metrics;
    mr_buffer *scratch = &metrics->scratch;
    uint64_t *bounds = mr_arena_take(&metrics->arena, decl->bound_count * sizeof *bounds);
    mr_slice *texts = mr_arena_take(&metrics->arena, decl->bound_count * sizeof *texts);
    if (bounds == NULL || texts == NULL) return mr_arena_fail(&metrics->arena, err);
    for (size_t i = 0; i < decl->bound_count; i++) {
        bounds[i] = decl->bounds[i];
        mr_buffer_reset(scratch);
        MR_TRY(mr_buffer_append(scratch, MR_SLICE("le=\""), err));
        MR_TRY(mr_text_u64(scratch, bounds[i], decl->decimals, err));
        MR_TRY(mr_buffer_append_byte(scratch, '"', err));
        MR_TRY(copy_text(metrics, mr_buffer_slice(scratch), &texts[i], err));
    }
    family->bounds = bounds;
    family->bound_texts = texts;
    family->bound_count = decl->bound_count;
    return MR_OK;
}

static mr_code copy_decl(mr_metric_family *family, const mr_metric_decl *decl, mr_error *err)
{
    mr_metrics *metrics = family->metrics;
    MR_TRY(copy_text(metrics, mr_slice_text(decl->name), &family->name, err));
    MR_TRY(copy_text(metrics, mr_slice_text(decl->help), &family->help, err));
    family->base_name = family->name;
    if (decl->type == MR_METRIC_COUNTER && mr_slice_ends(family->name, "_total"))
        family->base_name.len -= sizeof "_total" - 1;
    family->type = decl->type;
    family->decimals = decl->decimals;
    family->label_count = count_labels(decl);
    for (size_t i = 0; i < family->label_count; i++)
        MR_TRY(copy_text(metrics, mr_slice_text(decl->labels[i]), &family->label_names[i], err));
    family->collect = decl->collect;
    family->context = decl->context;
    return copy_bounds(family, decl, err);
}

static mr_metric_family *find_family(const mr_metrics *metrics, const char *name)
{
    for (mr_metric_family *family = metrics->first_family; family != NULL; family = family->next)
        if (mr_slice_is(family->name, name)) return family;
    return NULL;
}

static mr_code share_family(mr_metric_family *family, const mr_metric_decl *decl, mr_error *err)
{
    bool same = family->type == decl->type && family->label_count == count_labels(decl) &&
                family->decimals == decl->decimals && family->bound_count == decl->bound_count &&
                family->collect == NULL && decl->collect == NULL;
    for (size_t i = 0; same && i < family->label_count; i++)
        same = mr_slice_is(family->label_names[i], decl->labels[i]);
    for (size_t i = 0; same && i < family->bound_count; i++)
        same = family->bounds[i] == decl->bounds[i];
    if (same) return MR_OK;
    return mr_fail(err, MR_ERR_CONFLICT, "metric '%s' is declared twice, and differently",
                   decl->name);
}

static mr_code add_family(mr_metrics *metrics, const mr_metric_decl *decl, mr_metric_family **out,
                          mr_error *err)
{
    if (metrics->family_count >= metrics->limits.families_max)
        return mr_fail(err, MR_ERR_LIMIT, "metric '%s': more than families_max = %zu", decl->name,
                       metrics->limits.families_max);
    mr_metric_family *family = mr_arena_take(&metrics->arena, sizeof *family);
    if (family == NULL) return mr_arena_fail(&metrics->arena, err);
    family->metrics = metrics;
    MR_TRY(copy_decl(family, decl, err));
    if (metrics->last_family != NULL)
        metrics->last_family->next = family;
    else
        metrics->first_family = family;
    metrics->last_family = family;
    metrics->family_count++;
    *out = family;
    return MR_OK;
}

mr_code mr_metrics_family(mr_metrics *metrics, const mr_metric_decl *decl, mr_metric_family **out,
                          mr_error *err)
{
    MR_TRY(check_decl(decl, err));
    pthread_mutex_lock(&metrics->lock);
    mr_metric_family *family = find_family(metrics, decl->name);
    const mr_code rc =
        family != NULL ? share_family(family, decl, err) : add_family(metrics, decl, &family, err);
    pthread_mutex_unlock(&metrics->lock);
    if (rc == MR_OK) *out = family;
    return rc;
}

mr_code mr_metrics_before_page(mr_metrics *metrics, void (*refresh)(void *context), void *context,
                               mr_error *err)
{
    pthread_mutex_lock(&metrics->lock);
    mr_code rc = MR_OK;
    mr_metrics_refresh *entry = mr_arena_take(&metrics->arena, sizeof *entry);
    if (entry != NULL) {
        *entry = (mr_metrics_refresh){metrics->first_refresh, refresh, context};
        metrics->first_refresh = entry;
    } else {
        rc = mr_arena_fail(&metrics->arena, err);
    }
    pthread_mutex_unlock(&metrics->lock);
    return rc;
}

void *mr_metrics_take(mr_metrics *metrics, size_t size_bytes)
{
    pthread_mutex_lock(&metrics->lock);
    void *piece = mr_arena_take(&metrics->arena, size_bytes);
    pthread_mutex_unlock(&metrics->lock);
    return piece;
}

/* --- Adding a series -----------------------------------------------------------------------------
 */

mr_code mr_metrics_append_labels(const mr_metric_family *family, const mr_slice *label_values,
                                 mr_buffer *out, mr_error *err)
{
    for (size_t i = 0; i < family->label_count; i++) {
        if (i > 0) MR_TRY(mr_buffer_append_byte(out, ',', err));
        MR_TRY(mr_buffer_append(out, family->label_names[i], err));
        MR_TRY(mr_buffer_append(out, MR_SLICE("=\""), err));
        MR_TRY(mr_text_label_value(out, label_values[i], err));
        MR_TRY(mr_buffer_append_byte(out, '"', err));
    }
    return MR_OK;
}

/* The arena aligns for any type, cells want a cache line of their own. */
static void *take_cell(mr_arena *arena, size_t size_bytes)
{
    const size_t whole_lines = mr_align_up(size_bytes, MR_CACHE_LINE);
    char *piece = mr_arena_take(arena, whole_lines + MR_CACHE_LINE);
    if (piece == NULL) return NULL;
    return piece + (mr_align_up((uintptr_t)piece, MR_CACHE_LINE) - (uintptr_t)piece);
}

static mr_code make_cell(mr_series *series, const mr_metric_family *family, mr_error *err)
{
    mr_arena *arena = &family->metrics->arena;
    if (series->kind == MR_SERIES_BUCKETS) {
        mr_buckets *buckets = take_cell(arena, sizeof *buckets + (family->bound_count + 1) *
                                                                     sizeof buckets->counts[0]);
        if (buckets == NULL) return mr_arena_fail(arena, err);
        buckets->bounds = family->bounds;
        buckets->bound_count = family->bound_count;
        series->cell.buckets = buckets;
        return MR_OK;
    }
    series->cell.counter = take_cell(arena, MR_CACHE_LINE);
    return series->cell.counter != NULL ? MR_OK : mr_arena_fail(arena, err);
}

static_assert(sizeof(mr_counter) == MR_CACHE_LINE && sizeof(mr_gauge) == MR_CACHE_LINE &&
                  sizeof(mr_gauge_double) == MR_CACHE_LINE,
              "every simple cell is one line");

static mr_code add_series(mr_metric_family *family, mr_series_kind kind, mr_series **out,
                          mr_error *err)
{
    mr_metrics *metrics = family->metrics;
    if (family->series_count >= metrics->limits.series_max)
        return mr_fail(err, MR_ERR_LIMIT, "metric '%.*s': more than series_max = %zu",
                       MR_SLICE_ARGS(family->name), metrics->limits.series_max);
    mr_series *series = mr_arena_take(&metrics->arena, sizeof *series);
    if (series == NULL) return mr_arena_fail(&metrics->arena, err);
    series->kind = kind;
    MR_TRY(copy_text(metrics, mr_buffer_slice(&metrics->scratch), &series->labels, err));
    MR_TRY(make_cell(series, family, err));
    if (family->last_series != NULL)
        family->last_series->next = series;
    else
        family->first_series = series;
    family->last_series = series;
    family->series_count++;
    *out = series;
    return MR_OK;
}

static mr_code find_or_add(mr_metric_family *family, mr_series_kind kind,
                           const mr_slice *label_values, mr_series **out, mr_error *err)
{
    mr_buffer *scratch = &family->metrics->scratch;
    mr_buffer_reset(scratch);
    MR_TRY(mr_metrics_append_labels(family, label_values, scratch, err));
    for (mr_series *series = family->first_series; series != NULL; series = series->next) {
        if (!mr_slice_equal(series->labels, mr_buffer_slice(scratch))) continue;
        if (series->kind != kind)
            return mr_fail(err, MR_ERR_CONFLICT, "metric '%.*s': integer and double of one series",
                           MR_SLICE_ARGS(family->name));
        *out = series;
        return MR_OK;
    }
    return add_series(family, kind, out, err);
}

static mr_code series_of(mr_metric_family *family, mr_metric_type type, mr_series_kind kind,
                         const mr_slice *label_values, mr_series **out, mr_error *err)
{
    if (family->type != type || family->collect != NULL)
        return mr_fail(err, MR_ERR_USAGE, "metric '%.*s' is declared as something else",
                       MR_SLICE_ARGS(family->name));
    pthread_mutex_lock(&family->metrics->lock);
    const mr_code rc = find_or_add(family, kind, label_values, out, err);
    pthread_mutex_unlock(&family->metrics->lock);
    return rc;
}

mr_code mr_metrics_counter(mr_metric_family *family, const mr_slice *label_values, mr_counter **out,
                           mr_error *err)
{
    mr_series *series;
    MR_TRY(series_of(family, MR_METRIC_COUNTER, MR_SERIES_COUNTER, label_values, &series, err));
    *out = series->cell.counter;
    return MR_OK;
}

mr_code mr_metrics_gauge(mr_metric_family *family, const mr_slice *label_values, mr_gauge **out,
                         mr_error *err)
{
    mr_series *series;
    MR_TRY(series_of(family, MR_METRIC_GAUGE, MR_SERIES_GAUGE, label_values, &series, err));
    *out = series->cell.gauge;
    return MR_OK;
}

mr_code mr_metrics_gauge_double(mr_metric_family *family, const mr_slice *label_values,
                                mr_gauge_double **out, mr_error *err)
{
    mr_series *series;
    MR_TRY(series_of(family, MR_METRIC_GAUGE, MR_SERIES_GAUGE_DOUBLE, label_values, &series, err));
    *out = series->cell.gauge_double;
    return MR_OK;
}

mr_code mr_metrics_counter_double(mr_metric_family *family, const mr_slice *label_values,
                                  mr_gauge_double **out, mr_error *err)
{
    mr_series *series;
    MR_TRY(
        series_of(family, MR_METRIC_COUNTER, MR_SERIES_GAUGE_DOUBLE, label_values, &series, err));
    *out = series->cell.gauge_double;
    return MR_OK;
}

mr_code mr_metrics_buckets(mr_metric_family *family, const mr_slice *label_values, mr_buckets **out,
                           mr_error *err)
{
    mr_series *series;
    MR_TRY(series_of(family, MR_METRIC_HISTOGRAM, MR_SERIES_BUCKETS, label_values, &series, err));
    *out = series->cell.buckets;
    return MR_OK;
}

void mr_buckets_observe(mr_buckets *buckets, uint64_t value)
{
    size_t low = 0, high = buckets->bound_count; /* the answer is in [low, high] */
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (buckets->bounds[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    atomic_fetch_add_explicit(&buckets->counts[low], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&buckets->sum, value, memory_order_relaxed);
}
