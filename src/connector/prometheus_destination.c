/* SPDX-License-Identifier: MIT
 *
 * prometheus: records become samples of metrics, shown on the run's metrics page and written to a
 * file for a textfile collector.
 *
 * The collector counts in series of its own, exactly; what the page shows are atomics that are set
 * after each change. The file is written whole, beside its target, and renamed. */
#include "connector/connectors.h"
#include "connector/prometheus_metric.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/utf8.h"
#include "metrics/text.h"
#include "record/numtext.h"
#include "transform/key.h"
#include "transform/sum.h"

#define MAX_METRICS    256u
#define MAX_PAGE_BYTES ((size_t)1 << 30)
#define MAX_KEY_BYTES  ((size_t)1 << 30)
#define KEYS_NAME      "memory of a metric's series"

/* One line of the file, and what the page shows of it. */
typedef struct series {
    mr_sum sum;             /* exact: of a gauge its value */
    double real;            /* and what was no decimal */
    bool is_real;           /* a gauge: `real` is the value; a counter: it has such a part */
    mr_gauge_double *shown; /* NULL without a page */
} series;

typedef struct metric {
    mr_prometheus_metric is;
    mr_key_table keys; /* label values, one behind the other with their lengths */
    series *series;
    uint32_t series_cap;
    mr_metric_family *family; /* of the page; NULL without one */
    const mr_column *value;   /* of the batch at work; NULL: no record has it */
    const mr_column *columns[MR_METRIC_LABELS_MAX];
} metric;

/* What a record says about one metric, understood. */
typedef struct sample {
    mr_i128 exact;
    double real;
    unsigned scale;
    bool is_real, is_there;
} sample;

typedef struct prometheus_destination {
    mr_option_list lines;
    uint32_t max_series;
    const mr_connector_env *env;
    const char *path; /* NULL: no file */
    metric *metrics;
    sample *samples; /* of the record at work, one a metric */
    uint32_t metric_count;
    mr_buffer key, page;
    uint64_t seed, bytes_out;
    int64_t written_ns;
    mr_file file;
} prometheus_destination;

static const mr_option prometheus_options[] = {
    {.name = "metrics",
     .type = MR_OPTION_LIST,
     .flags = MR_OPTION_REQUIRED,
     .offset = offsetof(prometheus_destination, lines),
     .syntax = "a list of: counter|gauge NAME{LABEL, LABEL=COLUMN} [= COLUMN] [\"help\"]",
     .help =
         "a counter adds its column up, a gauge shows the last value; without a column a record "
         "counts 1"},
    {.name = "max_series",
     .type = MR_OPTION_U32,
     .offset = offsetof(prometheus_destination, max_series),
     .fallback = "10000",
     .range = {1, 10000},
     .help = "label combinations of one metric; the run fails beyond it"},
    {0},
};

/* --- opening ---------------------------------------------------------------------------------- */

static mr_code check_names(const prometheus_destination *d, mr_error *err)
{
    for (uint32_t i = 0; i < d->metric_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (mr_slice_equal(d->metrics[i].is.name, d->metrics[j].is.name))
                return mr_fail(err, MR_ERR_USAGE, "metrics: '%s' is there twice",
                               d->metrics[i].is.name.ptr);
    return MR_OK;
}

static mr_code prometheus_open(void *state, const mr_connector_env *env, mr_error *err)
{
    prometheus_destination *d = state;
    d->env = env;
    d->seed = mr_hash_draw_seed();
    mr_buffer_init(&d->key, "the labels of a sample", MAX_KEY_BYTES);
    mr_buffer_init(&d->page, "the page of metrics", MAX_PAGE_BYTES);
    if (env->path.len == 0 && !env->shows_metrics)
        return mr_fail(err, MR_ERR_USAGE,
                       "prometheus: nobody would see the metrics; give a path "
                       "(prometheus:/var/lib/node_exporter/orders.prom) or --metrics ADDRESS");
    if (d->lines.count > MAX_METRICS)
        return mr_fail(err, MR_ERR_USAGE, "metrics: more than %u of them", MAX_METRICS);
    if (env->path.len > 0) d->path = mr_arena_copy(env->arena, env->path);
    d->metrics = mr_arena_take(env->arena, sizeof *d->metrics * (d->lines.count + 1));
    d->samples = mr_arena_take(env->arena, sizeof *d->samples * (d->lines.count + 1));
    if (d->metrics == NULL || d->samples == NULL || (env->path.len > 0 && d->path == NULL))
        return mr_arena_fail(env->arena, err);
    for (uint32_t i = 0; i < d->lines.count; i++) {
        metric *m = &d->metrics[d->metric_count++];
        if (mr_prometheus_metric_parse(mr_slice_text(d->lines.items[i]), env->arena, &m->is, err) !=
            MR_OK)
            return mr_error_prefix(err, "metrics");
        MR_TRY(mr_key_table_init(&m->keys, KEYS_NAME, (uint64_t)256 << 20, 64, err));
    }
    return check_names(d, err);
}

static void prometheus_close(void *state)
{
    prometheus_destination *d = state;
    for (uint32_t i = 0; i < d->metric_count; i++) {
        mr_key_table_done(&d->metrics[i].keys);
        mr_mem_free(d->metrics[i].series);
    }
    mr_file_close(&d->file);
    mr_buffer_done(&d->key);
    mr_buffer_done(&d->page);
}

/* The page of the run shows the same series. */
static mr_code prometheus_show(void *state, mr_metrics *page, mr_error *err)
{
    prometheus_destination *d = state;
    for (uint32_t i = 0; i < d->metric_count; i++) {
        metric *m = &d->metrics[i];
        mr_metric_decl decl = {.name = m->is.name.ptr,
                               .help = m->is.help.len > 0 ? m->is.help.ptr : m->is.name.ptr,
                               .type = m->is.type};
        for (uint32_t l = 0; l < m->is.label_count; l++)
            decl.labels[l] = m->is.labels[l].ptr;
        MR_TRY(mr_metrics_family(page, &decl, &m->family, err));
    }
    return MR_OK;
}

/* --- samples ---------------------------------------------------------------------------------- */

static const mr_column *column_called(const mr_batch *batch, mr_slice name)
{
    const int64_t at = mr_batch_find(batch, name);
    return at >= 0 ? &batch->columns[at] : NULL;
}

static bool read_number(mr_slice text, sample *out)
{
    int64_t small;
    out->is_real = false;
    if (mr_numtext_decimal(text, &small, &out->scale)) {
        out->exact = small;
        return true;
    }
    if (mr_parse_decimal(text, &out->exact, &out->scale)) return true;
    out->is_real = true;
    return mr_parse_f64(text, &out->real);
}

/* False when the row's value cannot be a sample; `why` says it. */
static bool understand(const metric *m, uint32_t row, sample *out, const char **why)
{
    *out = (sample){.exact = 1, .is_there = true};
    if (m->is.value.len == 0) return true;
    out->is_there = m->value != NULL && !mr_column_is_null(m->value, row);
    if (!out->is_there) return true;
    *why = "is not a number";
    if (!read_number(mr_column_text(m->value, row), out)) return false;
    *why = "is negative, which a counter cannot add";
    return m->is.type != MR_METRIC_COUNTER || (out->is_real ? out->real >= 0 : out->exact >= 0);
}

static mr_code refuse(mr_job *job, uint32_t row, mr_slice field, mr_slice value, mr_reason reason,
                      const char *why, mr_error *err)
{
    mr_reject *reject;
    MR_TRY(mr_reject_list_add(&job->refused, reason, &reject, err));
    reject->row_before = row;
    reject->field = field;
    mr_reject_detail(reject, "'%.*s' %s", value.len > 60 ? 60 : (int)value.len, value.ptr, why);
    return MR_OK;
}

static mr_code check_labels(const metric *m, mr_job *job, uint32_t row, bool *out_ok, mr_error *err)
{
    for (uint32_t i = 0; i < m->is.label_count; i++) {
        if (m->columns[i] == NULL) continue;
        const mr_slice text = mr_column_text(m->columns[i], row);
        if (mr_utf8_valid(text)) continue;
        *out_ok = false;
        return refuse(job, row, m->is.columns[i], MR_SLICE("the label"), MR_REASON_INVALID_UTF8,
                      "is not UTF-8", err);
    }
    return MR_OK;
}

/* Understands all samples of a record before any is counted. */
static mr_code look_at(prometheus_destination *d, mr_job *job, uint32_t row, bool *out_ok,
                       mr_error *err)
{
    *out_ok = true;
    for (uint32_t i = 0; i < d->metric_count && *out_ok; i++) {
        const metric *m = &d->metrics[i];
        const char *why = "";
        if (!understand(m, row, &d->samples[i], &why)) {
            *out_ok = false;
            return refuse(job, row, m->is.value, mr_column_text(m->value, row),
                          MR_REASON_TYPE_MISMATCH, why, err);
        }
        MR_TRY(check_labels(m, job, row, out_ok, err));
    }
    return MR_OK;
}

static mr_code put_labels(prometheus_destination *d, const metric *m, uint32_t row, mr_error *err)
{
    mr_buffer_reset(&d->key);
    for (uint32_t i = 0; i < m->is.label_count; i++) {
        mr_slice text = {NULL, 0}; /* null and absent are a label that is not there: empty */
        if (m->columns[i] != NULL) text = mr_column_text(m->columns[i], row);
        const uint32_t len = (uint32_t)text.len;
        MR_TRY(mr_buffer_append(&d->key, mr_slice_of((const char *)&len, sizeof len), err));
        MR_TRY(mr_buffer_append(&d->key, text, err));
    }
    return MR_OK;
}

static void split_labels(mr_slice key, uint32_t count, mr_slice *out)
{
    const char *at = key.ptr;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t len;
        memcpy(&len, at, sizeof len);
        out[i] = mr_slice_of(at + sizeof len, len);
        at += sizeof len + len;
    }
}

static mr_code show_series(const metric *m, mr_slice key, series *made, mr_error *err)
{
    mr_slice labels[MR_METRIC_LABELS_MAX];
    if (m->family == NULL) return MR_OK;
    split_labels(key, m->is.label_count, labels);
    if (m->is.type == MR_METRIC_COUNTER)
        return mr_metrics_counter_double(m->family, labels, &made->shown, err);
    return mr_metrics_gauge_double(m->family, labels, &made->shown, err);
}

static mr_code new_series(const prometheus_destination *d, metric *m, uint32_t number,
                          mr_error *err)
{
    if (number >= d->max_series)
        return mr_fail(err, MR_ERR_LIMIT, "metric '%s': more than max_series %u label combinations",
                       m->is.name.ptr, d->max_series);
    if (number == m->series_cap) {
        const uint32_t cap = m->series_cap == 0 ? 64 : m->series_cap * 2;
        series *grown = mr_mem_realloc(m->series, sizeof *grown * cap);
        if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u series", cap);
        m->series = grown;
        m->series_cap = cap;
    }
    m->series[number] = (series){0};
    return show_series(m, mr_key_table_key(&m->keys, number), &m->series[number], err);
}

static double value_of(const series *s)
{
    char text[MR_SUM_TEXT_MAX];
    double exact = 0;
    (void)mr_parse_f64(mr_slice_of(text, mr_sum_text(&s->sum, text)), &exact);
    return s->is_real ? s->real + exact : exact;
}

static void set(const metric *m, series *s, const sample *is)
{
    if (m->is.type == MR_METRIC_GAUGE) *s = (series){.shown = s->shown};
    s->is_real = s->is_real || is->is_real;
    if (is->is_real)
        s->real += is->real;
    else
        mr_sum_add(&s->sum, is->exact, is->scale);
    if (s->shown != NULL) mr_gauge_double_set(s->shown, value_of(s));
}

static mr_code count(prometheus_destination *d, uint32_t row, mr_error *err)
{
    for (uint32_t i = 0; i < d->metric_count; i++) {
        metric *m = &d->metrics[i];
        uint32_t number;
        bool is_new;
        if (!d->samples[i].is_there) continue;
        MR_TRY(put_labels(d, m, row, err));
        const mr_slice key = mr_buffer_slice(&d->key);
        MR_TRY(mr_key_table_add(&m->keys, key, mr_hash(d->seed, key), &number, &is_new, err));
        if (is_new) MR_TRY(new_series(d, m, number, err));
        set(m, &m->series[number], &d->samples[i]);
    }
    return MR_OK;
}

static mr_code prometheus_write(void *state, mr_job *job, mr_error *err)
{
    prometheus_destination *d = state;
    const mr_batch *batch = &job->batch;
    for (uint32_t i = 0; i < d->metric_count; i++) {
        metric *m = &d->metrics[i];
        m->value = column_called(batch, m->is.value);
        for (uint32_t l = 0; l < m->is.label_count; l++)
            m->columns[l] = column_called(batch, m->is.columns[l]);
    }
    for (uint32_t row = 0; row < batch->row_count; row++) {
        bool ok;
        MR_TRY(look_at(d, job, row, &ok, err));
        if (!ok) continue;
        MR_TRY(count(d, row, err));
        job->encoded_rows++;
    }
    return MR_OK;
}

/* --- starting --------------------------------------------------------------------------------- */

static mr_code need(const mr_schema *schema, const metric *m, mr_slice column, mr_error *err)
{
    if (column.len == 0 || mr_schema_find(schema, column) >= 0) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "metric '%s': there is no column '%.*s'", m->is.name.ptr,
                   MR_SLICE_ARGS(column));
}

/* Columns that are known must be there; JSON may bring them later. */
static mr_code prometheus_start(void *state, const mr_schema *schema, mr_error *err)
{
    const prometheus_destination *d = state;
    for (uint32_t i = 0; schema->field_count > 0 && i < d->metric_count; i++) {
        const metric *m = &d->metrics[i];
        MR_TRY(need(schema, m, m->is.value, err));
        for (uint32_t l = 0; l < m->is.label_count; l++)
            MR_TRY(need(schema, m, m->is.columns[l], err));
    }
    return MR_OK;
}

/* --- the file --------------------------------------------------------------------------------- */

static mr_code put_value(const series *s, mr_buffer *out, mr_error *err)
{
    char text[MR_SUM_TEXT_MAX];
    if (s->is_real) return mr_text_double(out, value_of(s), err);
    return mr_buffer_append(out, mr_slice_of(text, mr_sum_text(&s->sum, text)), err);
}

static mr_code put_series(const metric *m, uint32_t number, mr_buffer *out, mr_error *err)
{
    mr_slice labels[MR_METRIC_LABELS_MAX];
    split_labels(mr_key_table_key(&m->keys, number), m->is.label_count, labels);
    MR_TRY(mr_buffer_append(out, m->is.name, err));
    for (uint32_t i = 0; i < m->is.label_count; i++) {
        MR_TRY(mr_buffer_append_byte(out, i == 0 ? '{' : ',', err));
        MR_TRY(mr_buffer_append(out, m->is.labels[i], err));
        MR_TRY(mr_buffer_append(out, MR_SLICE("=\""), err));
        MR_TRY(mr_text_label_value(out, labels[i], err));
        MR_TRY(mr_buffer_append_byte(out, '"', err));
    }
    if (m->is.label_count > 0) MR_TRY(mr_buffer_append_byte(out, '}', err));
    MR_TRY(mr_buffer_append_byte(out, ' ', err));
    MR_TRY(put_value(&m->series[number], out, err));
    return mr_buffer_append_byte(out, '\n', err);
}

static mr_code put_metric(const metric *m, mr_buffer *out, mr_error *err)
{
    const char *type = m->is.type == MR_METRIC_COUNTER ? "counter" : "gauge";
    MR_TRY(mr_buffer_printf(out, err, "# HELP %s ", m->is.name.ptr));
    MR_TRY(mr_text_help(out, m->is.help.len > 0 ? m->is.help : m->is.name, false, err));
    MR_TRY(mr_buffer_printf(out, err, "\n# TYPE %s %s\n", m->is.name.ptr, type));
    for (uint32_t i = 0; i < m->keys.count; i++)
        MR_TRY(put_series(m, i, out, err));
    return MR_OK;
}

static mr_code publish(prometheus_destination *d, mr_error *err)
{
    if (d->path == NULL) return MR_OK;
    mr_buffer_reset(&d->page);
    for (uint32_t i = 0; i < d->metric_count; i++)
        MR_TRY(put_metric(&d->metrics[i], &d->page, err));
    MR_TRY(mr_file_create_beside(&d->file, d->path, err));
    MR_TRY(mr_file_write(&d->file, mr_buffer_slice(&d->page), err));
    d->bytes_out = d->page.len;
    return mr_file_replace(&d->file, err);
}

static mr_code prometheus_commit(void *state, mr_error *err)
{
    return publish(state, err);
}

/* While a stream runs on, the file follows it. */
static mr_code prometheus_flush(void *state, mr_error *err)
{
    prometheus_destination *d = state;
    const int64_t now = mr_clock_ns();
    if (d->written_ns != 0 && now - d->written_ns < d->env->flush_interval_ns) return MR_OK;
    d->written_ns = now;
    return publish(d, err);
}

static uint64_t prometheus_bytes(void *state)
{
    return ((const prometheus_destination *)state)->bytes_out;
}

static mr_slice prometheus_target(void *state)
{
    return ((const prometheus_destination *)state)->env->path;
}

const mr_destination_ops mr_destination_prometheus = {
    .name = "prometheus",
    .summary =
        "metrics of a run's records: on its metrics page, or in a file for a textfile collector",
    .options = prometheus_options,
    .capabilities = MR_CAP_STREAM,
    .guarantee = "all or nothing: the file appears when it is complete",
    .state_bytes = sizeof(prometheus_destination),
    .open = prometheus_open,
    .start = prometheus_start,
    .write = prometheus_write,
    .flush = prometheus_flush,
    .commit = prometheus_commit,
    .bytes_out = prometheus_bytes,
    .target = prometheus_target,
    .show_metrics = prometheus_show,
    .close = prometheus_close,
};
