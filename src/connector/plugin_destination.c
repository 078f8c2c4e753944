/* SPDX-License-Identifier: MIT
 *
 * A plug-in's destination as one of ours. It takes batches in write, on the collector's thread:
 * they leave as Arrow arrays (arrow/export.h). Rows that cannot be handed out exactly are refused
 * before, rows that the plug-in refuses after; both with their place. */
#include <stdlib.h>

#include "arrow/export.h"
#include "connector/plugin.h"

#define SCHEMA_ARENA_BYTES ((size_t)64 << 20)

typedef struct plugin_destination {
    mr_plugin_env plugin; /* first */
    void *state;
    bool is_open, is_started, is_settled; /* settled: commit or abort was called, or must not be */
    bool is_governed;                     /* checkpoints say when to flush */
    bool is_stored;                       /* the target holds a checkpoint of this pipeline */
    const mr_schema *schema;
    mr_arena arena; /* of the plan */
    mr_arrow_plan plan;
    mr_arrow_exporter *exporter;
    mr_slice target;
    uint64_t bytes_out;
    /* While write() runs: where refuse() finds its rows. */
    mr_job *job;
    mr_batch *rows;
    bool bad_refusal;
    uint8_t refused[MR_BATCH_MAX_ROWS / 8];
} plugin_destination;

size_t mr_plugin_destination_head(void)
{
    return sizeof(plugin_destination);
}

static const millrace_destination *table_of(const plugin_destination *d)
{
    return &d->plugin.connector->destination;
}

static mr_code destination_validate(void *state, const mr_connector_env *env, mr_error *err)
{
    plugin_destination *d = state;
    MR_TRY(mr_plugin_env_init(&d->plugin, state, env, err));
    if (table_of(d)->validate == NULL) return MR_OK;
    millrace_error *error = mr_plugin_begin_call(&d->plugin);
    const int code = table_of(d)->validate(&d->plugin.config, error);
    return mr_plugin_end_call(&d->plugin, code, "validate", err);
}

/* --- refusing
 * -------------------------------------------------------------------------------------- */

static mr_reason reason_named(const char *name)
{
    const mr_slice text = {name, name != NULL ? strnlen(name, MR_PLUGIN_NAME_BYTES) : 0};
    for (int i = 0; i < MR_REASON_COUNT; i++)
        if (mr_slice_is(text, mr_reason_name((mr_reason)i))) return (mr_reason)i;
    return MR_REASON_DESTINATION_REFUSED;
}

static void set_field(const plugin_destination *d, mr_reject *reject, const char *column)
{
    if (column == NULL) return;
    const mr_slice name = {column, strnlen(column, MR_PLUGIN_MAX_TEXT)};
    const int64_t at = mr_schema_find(d->schema, name);
    if (at < 0) return;
    reject->column = (uint32_t)at + 1;
    reject->field = d->schema->fields[at].name;
}

/* host->refuse(). The rows are in the lease by now, and are lent to the job for looking up their
 * place and text. */
static void host_refuse(void *context, int64_t row, const char *reason, const char *column,
                        const char *text)
{
    plugin_destination *d = context; /* its mr_plugin_env comes first */
    mr_reject *reject;
    mr_job *job = d->job;
    if (job == NULL || row < 0 || row >= d->rows->row_count ||
        (d->refused[row / 8] >> row % 8 & 1) != 0) {
        d->bad_refusal = true;
        return;
    }
    const uint32_t from = job->refused.count;
    if (mr_reject_list_add(&job->refused, reason_named(reason), &reject, NULL) != MR_OK) {
        d->bad_refusal = true;
        return;
    }
    d->refused[row / 8] |= (uint8_t)(1u << row % 8);
    reject->row_before = (uint32_t)row;
    set_field(d, reject, column);
    mr_reject_detail(reject, "%.*s", text != NULL ? (int)strnlen(text, MR_PLUGIN_MAX_TEXT) : 0,
                     text != NULL ? text : "");
    mr_batch_exchange(&job->batch, d->rows);
    mr_job_place_refused(job, from);
    mr_batch_exchange(&job->batch, d->rows);
}

static int by_record(const void *a, const void *b)
{
    const mr_reject *x = a, *y = b;
    return x->record < y->record ? -1 : x->record > y->record;
}

/* --- opening
 * --------------------------------------------------------------------------------------- */

static mr_code destination_open(void *state, const mr_connector_env *env, mr_error *err)
{
    plugin_destination *d = state;
    MR_TRY(destination_validate(state, env, err));
    d->plugin.host.refuse = host_refuse;
    d->target = env->path.len > 0 ? mr_slice_text(d->plugin.config.path)
                                  : mr_slice_text(d->plugin.connector->name);
    mr_arena_init(&d->arena, "plugin.schema", SCHEMA_ARENA_BYTES);
    MR_TRY(mr_arrow_exporter_open(&d->exporter, err));
    millrace_error *error = mr_plugin_begin_call(&d->plugin);
    int code = table_of(d)->open(&d->plugin.config, &d->state, error);
    d->is_open = code == MILLRACE_OK || d->state != NULL;
    MR_TRY(mr_plugin_end_call(&d->plugin, code, "open", err));
    if (table_of(d)->health == NULL) return MR_OK;
    error = mr_plugin_begin_call(&d->plugin);
    code = table_of(d)->health(d->state, error);
    return mr_plugin_end_call(&d->plugin, code, "health", err);
}

/* The plug-in hears of it when the first batch has shown units and scales. */
static mr_code destination_start(void *state, const mr_schema *schema, mr_error *err)
{
    plugin_destination *d = state;
    d->schema = schema;
    return mr_arrow_plan_init(&d->plan, schema, false, &d->arena, err);
}

static mr_code start(plugin_destination *d, mr_error *err)
{
    struct ArrowSchema schema;
    MR_TRY(mr_arrow_export_schema(&d->plan, &schema, err));
    millrace_error *error = mr_plugin_begin_call(&d->plugin);
    const int code = table_of(d)->start(d->state, &schema, error);
    mr_arrow_release_schema(&schema);
    d->is_started = true;
    return mr_plugin_end_call(&d->plugin, code, "start", err);
}

/* --- bringing a batch into the schema's columns
 * ------------------------------------------------------ */

static void swap(mr_column *a, mr_column *b)
{
    const mr_column kept = *a;
    *a = *b;
    *b = kept;
}

static bool is_column(const mr_batch *batch, uint32_t number, const mr_field *field)
{
    return number < batch->column_count && batch->columns[number].name_hash == field->hash &&
           mr_slice_equal(batch->columns[number].name, field->name);
}

/* Column `number` of the schema becomes column `number` of the batch; one that no record of the
 * batch has is absent in all of them. */
static mr_code place_column(mr_batch *batch, const mr_field *field, uint32_t number, mr_error *err)
{
    if (is_column(batch, number, field)) return MR_OK;
    uint32_t at = number;
    while (at < batch->column_count && !is_column(batch, at, field))
        at++;
    if (at == batch->column_count)
        MR_TRY(mr_batch_add_column(batch, field->name, MR_TYPE_NULL, &at, err));
    swap(&batch->columns[number], &batch->columns[at]);
    return MR_OK;
}

static mr_code refuse_strangers(plugin_destination *d, mr_job *job, uint8_t *keep, mr_error *err)
{
    const mr_batch *batch = &job->batch;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        for (uint32_t c = d->plan.count; c < batch->column_count; c++) {
            mr_reject *reject;
            if (mr_column_is_null(&batch->columns[c], row)) continue;
            MR_TRY(mr_reject_list_add(&job->refused, MR_REASON_DRIFT, &reject, err));
            reject->row_before = row;
            mr_reject_detail(reject, "column '%.*s' is not among the %u that %s was started with",
                             MR_SLICE_ARGS(batch->columns[c].name), d->plan.count,
                             d->plugin.connector->name);
            mr_bits_put(keep, row, false);
            break;
        }
    }
    return MR_OK;
}

static mr_code place_columns(plugin_destination *d, mr_job *job, mr_error *err)
{
    mr_batch *batch = &job->batch;
    for (uint32_t i = 0; i < d->plan.count; i++)
        MR_TRY(place_column(batch, &d->schema->fields[i], i, err));
    if (batch->column_count == d->plan.count) return MR_OK;
    uint8_t keep[MR_BATCH_MAX_ROWS / 8];
    const uint32_t from = job->refused.count;
    memset(keep, 0xff, sizeof keep);
    MR_TRY(refuse_strangers(d, job, keep, err));
    mr_job_place_refused(job, from);
    mr_batch_drop_columns(batch, d->plan.count);
    if (job->refused.count > from) mr_batch_keep_rows(batch, keep);
    return MR_OK;
}

/* --- writing
 * --------------------------------------------------------------------------------------- */

/* Makes the array; takes what cannot be handed out exactly from the batch first. */
static mr_code hand_out(plugin_destination *d, mr_job *job, struct ArrowArray *out, mr_error *err)
{
    const uint32_t from = job->refused.count;
    MR_TRY(mr_arrow_export(d->exporter, &d->plan, &job->batch, &job->refused, out, err));
    if (out->release != NULL) return MR_OK;
    uint8_t keep[MR_BATCH_MAX_ROWS / 8];
    memset(keep, 0xff, sizeof keep);
    mr_job_place_refused(job, from);
    for (uint32_t i = from; i < job->refused.count; i++)
        mr_bits_put(keep, mr_reject_at(&job->refused, i)->row_before, false);
    mr_batch_keep_rows(&job->batch, keep);
    if (job->batch.row_count == 0) return MR_OK;
    return mr_arrow_export(d->exporter, &d->plan, &job->batch, NULL, out, err);
}

static mr_code write_array(plugin_destination *d, mr_job *job, struct ArrowArray *array,
                           mr_error *err)
{
    const uint32_t rows = (uint32_t)array->length, from = job->refused.count;
    d->rows = mr_arrow_exported_rows(array);
    d->job = job;
    d->bad_refusal = false;
    memset(d->refused, 0, rows / 8 + 1 < sizeof d->refused ? rows / 8 + 1 : sizeof d->refused);
    millrace_error *error = mr_plugin_begin_call(&d->plugin);
    const int code = table_of(d)->write(d->state, array, error);
    d->job = NULL;
    MR_TRY(mr_plugin_end_call(&d->plugin, code, "write", err));
    if (d->bad_refusal)
        return mr_fail(err, MR_ERR_IO,
                       "%s: refuse() for a row that the batch does not have, twice, or after the "
                       "batch was released",
                       d->plugin.connector->name);
    job->encoded_rows += rows - (job->refused.count - from);
    return MR_OK;
}

static mr_code write_rows(plugin_destination *d, mr_job *job, mr_error *err)
{
    const bool may_change = (table_of(d)->capabilities & MILLRACE_DESTINATION_SCHEMA_CHANGES) != 0;
    struct ArrowArray array = {0};
    MR_TRY(place_columns(d, job, err));
    if (job->batch.row_count == 0) return MR_OK;
    const bool changed = mr_arrow_plan_look(&d->plan, &job->batch, may_change);
    if (!d->is_started || changed) MR_TRY(start(d, err));
    const uint64_t bytes = mr_batch_data_bytes(&job->batch);
    MR_TRY(hand_out(d, job, &array, err));
    if (array.release == NULL) return MR_OK;
    MR_TRY(write_array(d, job, &array, err));
    d->bytes_out += bytes;
    return MR_OK;
}

static mr_code destination_write(void *state, mr_job *job, mr_error *err)
{
    plugin_destination *d = state;
    const uint32_t from = job->refused.count;
    const mr_code rc = write_rows(d, job, err);
    if (d->is_open) mr_plugin_take_counters(&d->plugin, d->state, table_of(d)->counters);
    if (job->refused.count > from + 1)
        qsort(mr_reject_at(&job->refused, from), job->refused.count - from, sizeof(mr_reject),
              by_record);
    return rc;
}

static mr_code destination_flush(void *state, mr_error *err)
{
    plugin_destination *d = state;
    if (!d->is_started || d->is_governed) return MR_OK;
    millrace_error *error = mr_plugin_begin_call(&d->plugin);
    const int code = table_of(d)->flush(d->state, NULL, 0, error);
    return mr_plugin_end_call(&d->plugin, code, "flush", err);
}

static mr_code destination_commit(void *state, mr_error *err)
{
    plugin_destination *d = state;
    if (!d->is_started)
        MR_TRY(start(d, err)); /* no record came, the columns are there all the same */
    d->is_settled = true;
    millrace_error *error = mr_plugin_begin_call(&d->plugin);
    const int code = table_of(d)->commit(d->state, NULL, 0, error);
    mr_plugin_take_counters(&d->plugin, d->state, table_of(d)->counters);
    const mr_code rc = mr_plugin_end_call(&d->plugin, code, "commit", err);
    if (rc != MR_OK) d->is_settled = false;
    return rc;
}

static void destination_abort(void *state)
{
    plugin_destination *d = state;
    if (d->is_open && !d->is_settled && table_of(d)->abort != NULL) table_of(d)->abort(d->state);
    d->is_settled = true;
}

/* --- checkpoints
 * ----------------------------------------------------------------------------------- */

/* Stored in the target: the length of the pipeline's id, the id, the checkpoint. */
static mr_code store(plugin_destination *d, const char *bytes, size_t length, mr_error *err)
{
    millrace_error *error = mr_plugin_begin_call(&d->plugin);
    const int code = table_of(d)->flush(d->state, bytes, length, error);
    return mr_plugin_end_call(&d->plugin, code, "flush", err);
}

static bool can_store(const millrace_destination *table)
{
    return table->flush != NULL && table->position != NULL;
}

static const char *destination_cannot_resume(const void *state, const mr_connector_env *env)
{
    const mr_plugin_connector *c = env->plugin;
    (void)state;
    return can_store(&c->destination)
               ? NULL
               : "the plug-in has no flush() and position() for its destination";
}

static bool destination_leaves_traces(const void *state)
{
    return (table_of(state)->capabilities & MILLRACE_DESTINATION_TRANSACTION) == 0;
}

/* What the target stores says it all. */
static mr_code destination_checkpoint(void *state, bool last, mr_buffer *position, int *out_sync_fd,
                                      mr_error *err)
{
    (void)state, (void)last;
    *out_sync_fd = -1;
    return mr_buffer_append(position, MR_SLICE("1"), err);
}

static mr_code destination_keep_commit(void *state, mr_slice pipeline, mr_slice commit,
                                       mr_error *err)
{
    plugin_destination *d = state;
    const uint32_t id_length = (uint32_t)pipeline.len;
    mr_buffer stored;
    mr_buffer_init(&stored, "a checkpoint that a plug-in stores", MILLRACE_MAX_STORED);
    mr_code rc = mr_buffer_append(&stored, mr_slice_of((const char *)&id_length, 4), err);
    if (rc == MR_OK) rc = mr_buffer_append(&stored, pipeline, err);
    if (rc == MR_OK) rc = mr_buffer_append(&stored, commit, err);
    if (rc == MR_OK) rc = store(d, stored.ptr, stored.len, err);
    mr_buffer_done(&stored);
    d->is_governed = true;
    d->is_stored |= rc == MR_OK;
    return rc;
}

static mr_code destination_find_commit(void *state, mr_slice pipeline, mr_buffer *out,
                                       mr_error *err)
{
    plugin_destination *d = state;
    size_t length = 0;
    uint32_t id_length;
    mr_buffer stored;
    mr_buffer_init(&stored, "a checkpoint that a plug-in stored", MILLRACE_MAX_STORED);
    MR_TRY(mr_buffer_reserve(&stored, MILLRACE_MAX_STORED, err));
    millrace_error *error = mr_plugin_begin_call(&d->plugin);
    const int code =
        table_of(d)->position(d->state, stored.ptr, MILLRACE_MAX_STORED, &length, error);
    mr_code rc = mr_plugin_end_call(&d->plugin, code, "position", err);
    if (rc == MR_OK && length >= 4 && length <= MILLRACE_MAX_STORED) {
        memcpy(&id_length, stored.ptr, 4);
        const mr_slice rest = {stored.ptr + 4, length - 4};
        d->is_stored = id_length == pipeline.len && id_length <= rest.len &&
                       memcmp(rest.ptr, pipeline.ptr, id_length) == 0;
        if (d->is_stored) rc = mr_buffer_append(out, mr_slice_from(rest, id_length), err);
    }
    mr_buffer_done(&stored);
    return rc;
}

/* The last commit has forgotten it already. */
static mr_code destination_forget_commit(void *state, mr_slice pipeline, mr_error *err)
{
    plugin_destination *d = state;
    (void)pipeline;
    const bool stored = d->is_stored && !d->is_settled;
    d->is_stored = d->is_governed = false;
    return stored ? store(d, NULL, 0, err) : MR_OK;
}

static mr_code destination_resume(void *state, mr_slice position, mr_left *out_left, mr_error *err)
{
    plugin_destination *d = state;
    if (!mr_slice_is(position, "1"))
        return mr_fail(err, MR_ERR_USAGE, "%s: the checkpoint was written by another version",
                       d->plugin.connector->name);
    *out_left = d->is_stored ? MR_LEFT_PART : MR_LEFT_ALL;
    d->is_governed = true;
    return MR_OK;
}

static void destination_suspend(void *state)
{
    ((plugin_destination *)state)->is_settled = true; /* close() alone */
}

static uint64_t destination_bytes_out(void *state)
{
    return ((plugin_destination *)state)->bytes_out;
}

static mr_slice destination_target(void *state)
{
    return ((plugin_destination *)state)->target;
}

static uint32_t destination_counters(void *state, mr_own_counter *out, uint32_t room)
{
    return mr_plugin_show_counters(state, out, room);
}

/* A plug-in may hold batches until its close; the exporter goes when the last one is back. */
static void destination_close(void *state)
{
    plugin_destination *d = state;
    destination_abort(d);
    if (d->is_open) table_of(d)->close(d->state);
    d->is_open = false;
    mr_arrow_exporter_close(d->exporter);
    d->exporter = NULL;
    mr_arena_done(&d->arena);
}

static uint32_t capabilities_of(uint32_t can)
{
    return MR_CAP_TYPED | MR_CAP_COLUMNS | MR_CAP_DECLARES |
           ((can & MILLRACE_DESTINATION_TRANSACTION) != 0 ? MR_CAP_TRANSACTION : 0) |
           ((can & MILLRACE_DESTINATION_UPSERT) != 0 ? MR_CAP_UPSERT : 0) |
           ((can & MILLRACE_DESTINATION_STREAMS) != 0 ? MR_CAP_STREAM : 0) |
           ((can & MILLRACE_DESTINATION_EXPERIMENTAL) != 0 ? MR_CAP_EXPERIMENTAL : 0);
}

void mr_plugin_make_destination(mr_plugin_connector *c, size_t state_bytes)
{
    c->destination_ops = (mr_destination_ops){
        .name = c->name,
        .summary = c->destination.summary,
        .options = c->options,
        .capabilities = capabilities_of(c->destination.capabilities),
        .guarantee = c->destination.guarantee,
        .plugin = c,
        .state_bytes = state_bytes,
        .validate = destination_validate,
        .open = destination_open,
        .start = destination_start,
        .write = destination_write,
        .flush = c->destination.flush != NULL ? destination_flush : NULL,
        .commit = destination_commit,
        .abort = destination_abort,
        .bytes_out = destination_bytes_out,
        .target = destination_target,
        .counters = c->destination.counters != NULL ? destination_counters : NULL,
        .cannot_resume = destination_cannot_resume,
        .checkpoint = destination_checkpoint,
        .leaves_traces = destination_leaves_traces,
        .resume = destination_resume,
        .keep_commit = can_store(&c->destination) ? destination_keep_commit : NULL,
        .find_commit = can_store(&c->destination) ? destination_find_commit : NULL,
        .forget_commit = can_store(&c->destination) ? destination_forget_commit : NULL,
        .suspend = destination_suspend,
        .close = destination_close,
    };
    if (can_store(&c->destination)) c->destination_ops.capabilities |= MR_CAP_RESUME;
}
