/* SPDX-License-Identifier: MIT
 *
 * A plug-in's source as one of ours. It fills batches in fetch: the plug-in's arrays become
 * literals there, on the source's thread, and texts are copied, because steps behind may change
 * batches in place. */
#include "arrow/import.h"
#include "connector/plugin.h"

typedef struct plugin_source {
    mr_plugin_env plugin; /* first */
    void *state;
    bool is_open;
    mr_arrow_importer importer;
    mr_slice name; /* where records are from */
    uint64_t row_count;
    bool begun, ended;
    atomic_uint_least64_t done, total; /* of progress() */
} plugin_source;

size_t mr_plugin_source_head(void)
{
    return sizeof(plugin_source);
}

static const millrace_source *table_of(const plugin_source *s)
{
    return &s->plugin.connector->source;
}

static mr_code source_validate(void *state, const mr_connector_env *env, mr_error *err)
{
    plugin_source *s = state;
    MR_TRY(mr_plugin_env_init(&s->plugin, state, env, err));
    if (table_of(s)->validate == NULL) return MR_OK;
    millrace_error *error = mr_plugin_begin_call(&s->plugin);
    const int code = table_of(s)->validate(&s->plugin.config, error);
    return mr_plugin_end_call(&s->plugin, code, "validate", err);
}

/* --- opening
 * --------------------------------------------------------------------------------------- */

static mr_code read_schema(plugin_source *s, mr_error *err)
{
    struct ArrowSchema schema = {0};
    millrace_error *error = mr_plugin_begin_call(&s->plugin);
    const int code = table_of(s)->schema(s->state, &schema, error);
    mr_code rc = mr_plugin_end_call(&s->plugin, code, "schema", err);
    if (rc == MR_OK) {
        rc = mr_arrow_importer_open(&s->importer, &schema, false, s->plugin.env->arena, err);
        if (rc != MR_OK) mr_error_prefix(err, "%s", s->plugin.connector->name);
    }
    mr_arrow_release_schema(&schema);
    /* A column without a type would make a run look for one; it has no values to find. */
    for (uint32_t i = 0; rc == MR_OK && i < s->importer.schema.field_count; i++)
        if (s->importer.schema.fields[i].type == MR_TYPE_NULL)
            s->importer.schema.fields[i].type = MR_TYPE_STRING;
    return rc;
}

static mr_code check_health(plugin_source *s, mr_error *err)
{
    if (table_of(s)->health == NULL) return MR_OK;
    millrace_error *error = mr_plugin_begin_call(&s->plugin);
    const int code = table_of(s)->health(s->state, error);
    return mr_plugin_end_call(&s->plugin, code, "health", err);
}

static mr_code source_open(void *state, const mr_connector_env *env, mr_error *err)
{
    plugin_source *s = state;
    MR_TRY(source_validate(state, env, err));
    s->name = env->path.len > 0 ? mr_slice_text(s->plugin.config.path)
                                : mr_slice_text(s->plugin.connector->name);
    millrace_error *error = mr_plugin_begin_call(&s->plugin);
    const int code = table_of(s)->open(&s->plugin.config, &s->state, error);
    s->is_open = code == MILLRACE_OK || s->state != NULL;
    MR_TRY(mr_plugin_end_call(&s->plugin, code, "open", err));
    MR_TRY(check_health(s, err));
    return read_schema(s, err);
}

static const mr_schema *source_schema(void *state)
{
    return &((plugin_source *)state)->importer.schema;
}

static bool rewinds(const plugin_source *s)
{
    return (table_of(s)->capabilities & MILLRACE_SOURCE_REWINDS) != 0 && table_of(s)->seek != NULL;
}

static uint32_t source_abilities(void *state)
{
    return MR_CAP_TYPED | (rewinds(state) ? (uint32_t)MR_CAP_REWIND : 0);
}

/* The schema is complete, so a second pass is rare: `preview` before a run, say. */
static mr_code source_begin(void *state, bool keep, mr_error *err)
{
    plugin_source *s = state;
    (void)keep;
    if (!s->begun) return MR_OK;
    if (!rewinds(s))
        return mr_fail(err, MR_ERR_USAGE, "%s cannot be read twice", s->plugin.connector->name);
    millrace_error *error = mr_plugin_begin_call(&s->plugin);
    const int code = table_of(s)->seek(s->state, NULL, 0, error);
    s->row_count = 0;
    s->begun = s->ended = false;
    return mr_plugin_end_call(&s->plugin, code, "seek", err);
}

/* --- reading
 * --------------------------------------------------------------------------------------- */

static void look_at_progress(plugin_source *s)
{
    uint64_t done = s->row_count, total = 0;
    if (table_of(s)->progress != NULL) table_of(s)->progress(s->state, &done, &total);
    atomic_store_explicit(&s->done, done, memory_order_relaxed);
    atomic_store_explicit(&s->total, total, memory_order_relaxed);
    mr_plugin_take_counters(&s->plugin, s->state, table_of(s)->counters);
}

/* One call of read(). */
static mr_code read_array(plugin_source *s, mr_error *err)
{
    struct ArrowArray array = {0};
    millrace_error *error = mr_plugin_begin_call(&s->plugin);
    const int code = table_of(s)->read(s->state, &array, error);
    s->begun = true;
    const mr_code rc = mr_plugin_end_call(&s->plugin, code, "read", err);
    if (rc != MR_OK) {
        mr_arrow_release_array(&array);
        return rc;
    }
    s->ended = array.release == NULL;
    if (s->ended) return MR_OK;
    MR_TRY(mr_arrow_importer_give(&s->importer, &array, err));
    return mr_connector_may_wait(s->plugin.env, err);
}

static mr_code next_rows(plugin_source *s, mr_batch *batch, uint32_t *out_rows, mr_error *err)
{
    *out_rows = 0;
    for (;;) {
        MR_TRY(mr_arrow_importer_next(&s->importer, batch, out_rows, err));
        if (*out_rows > 0 || s->ended) return MR_OK;
        MR_TRY(read_array(s, err));
    }
}

/* --- checkpoints
 * ----------------------------------------------------------------------------------- */

/* What job->mark holds: how many records came before, then the plug-in's own position. */
#define MARK_HEAD sizeof(uint64_t)

static_assert(MARK_HEAD + MILLRACE_MAX_POSITION < MR_POSITION_MAX, "a mark fits a position");

static const char *source_cannot_resume(const void *state, const mr_connector_env *env)
{
    const mr_plugin_connector *c = env->plugin;
    (void)state;
    return c->source.position != NULL && c->source.seek != NULL
               ? NULL
               : "the plug-in has no position() and seek() for its source";
}

/* A plug-in stands behind a whole array, so that is where a checkpoint can be. */
static mr_code mark_place(plugin_source *s, mr_job *job, mr_error *err)
{
    size_t length = 0;
    if (table_of(s)->position == NULL || table_of(s)->seek == NULL ||
        s->importer.next_row < s->importer.row_count)
        return MR_OK;
    mr_buffer_reset(&job->mark);
    MR_TRY(mr_buffer_reserve(&job->mark, MARK_HEAD + MILLRACE_MAX_POSITION, err));
    memcpy(job->mark.ptr, &s->row_count, MARK_HEAD);
    millrace_error *error = mr_plugin_begin_call(&s->plugin);
    const int code = table_of(s)->position(s->state, job->mark.ptr + MARK_HEAD,
                                           MILLRACE_MAX_POSITION, &length, error);
    MR_TRY(mr_plugin_end_call(&s->plugin, code, "position", err));
    if (length > MILLRACE_MAX_POSITION)
        return mr_fail(err, MR_ERR_LIMIT, "%s: a position of %zu bytes, where %d are allowed",
                       s->plugin.connector->name, length, MILLRACE_MAX_POSITION);
    job->mark.len = MARK_HEAD + length;
    return MR_OK;
}

static mr_code source_position(void *state, const mr_source_place *place, mr_buffer *out,
                               mr_error *err)
{
    (void)state;
    return mr_buffer_append(out, place->mark, err);
}

static mr_code source_seek(void *state, mr_slice position, mr_source_place *out, mr_error *err)
{
    plugin_source *s = state;
    if (position.len > 0 && position.len < MARK_HEAD)
        return mr_fail(err, MR_ERR_USAGE, "%s: the checkpoint's position is damaged",
                       s->plugin.connector->name);
    const mr_slice own = position.len > 0 ? mr_slice_from(position, MARK_HEAD) : position;
    millrace_error *error = mr_plugin_begin_call(&s->plugin);
    const int code = table_of(s)->seek(s->state, own.len > 0 ? own.ptr : NULL, own.len, error);
    const mr_code rc = mr_plugin_end_call(&s->plugin, code, "seek", err);
    if (rc == MR_ERR_INPUT && err != NULL) err->code = MR_ERR_USAGE;
    if (rc != MR_OK) return rc == MR_ERR_INPUT ? MR_ERR_USAGE : rc;
    if (position.len > 0) memcpy(&s->row_count, position.ptr, MARK_HEAD);
    *out = (mr_source_place){.mark = position, .record_base = s->row_count, .unchanged = true};
    return MR_OK;
}

static mr_code source_fetch(void *state, mr_job *job, mr_error *err)
{
    plugin_source *s = state;
    mr_batch *batch = &job->batch;
    uint32_t rows;
    mr_batch_reset(batch);
    if (batch->max_rows > s->plugin.config.max_rows) batch->max_rows = s->plugin.config.max_rows;
    batch->asked_max_rows = batch->max_rows;
    const mr_code rc = next_rows(s, batch, &rows, err);
    look_at_progress(s);
    if (rc == MR_ERR_INPUT && strstr(err->text, s->plugin.connector->name) == NULL)
        return mr_error_prefix(err, "%s", s->plugin.connector->name);
    if (rc != MR_OK) return rc;
    batch->origin = (mr_origin){.source = s->name, .record = s->row_count};
    job->from_batch = job->done = true;
    job->file_name = s->name;
    job->result.record_count = rows;
    job->final = job->end = rows == 0;
    s->row_count += rows;
    return rows > 0 ? mark_place(s, job, err) : MR_OK;
}

static void source_progress(void *state, uint64_t *out_done, uint64_t *out_total)
{
    const plugin_source *s = state;
    *out_done = atomic_load_explicit(&s->done, memory_order_relaxed);
    *out_total = atomic_load_explicit(&s->total, memory_order_relaxed);
}

static uint32_t source_counters(void *state, mr_own_counter *out, uint32_t room)
{
    return mr_plugin_show_counters(state, out, room);
}

static void source_close(void *state)
{
    plugin_source *s = state;
    mr_arrow_importer_close(&s->importer);
    if (s->is_open) table_of(s)->close(s->state);
    s->is_open = false;
}

void mr_plugin_make_source(mr_plugin_connector *c, size_t state_bytes)
{
    const uint32_t can = c->source.capabilities;
    c->source_ops = (mr_source_ops){
        .name = c->name,
        .summary = c->source.summary,
        .options = c->options,
        .plugin = c,
        .capabilities = MR_CAP_TYPED |
                        (rewinds(&(plugin_source){.plugin.connector = c}) ? MR_CAP_REWIND : 0) |
                        ((can & MILLRACE_SOURCE_STREAMS) != 0 ? MR_CAP_STREAM : 0) |
                        ((can & MILLRACE_SOURCE_EXPERIMENTAL) != 0 ? MR_CAP_EXPERIMENTAL : 0),
        .state_bytes = state_bytes,
        .validate = source_validate,
        .open = source_open,
        .schema = source_schema,
        .abilities = source_abilities,
        .begin = source_begin,
        .fetch = source_fetch,
        .progress = source_progress,
        .counters = c->source.counters != NULL ? source_counters : NULL,
        .cannot_resume = source_cannot_resume,
        .position = source_position,
        .seek = source_seek,
        .close = source_close,
    };
    if (c->source.position != NULL && c->source.seek != NULL)
        c->source_ops.capabilities |= MR_CAP_RESUME;
}
