/* SPDX-License-Identifier: MIT
 *
 * Messages of a store, in the order of their global positions: of one stream, of a category, or all
 * of a namespace. With `follow` it waits for more and never ends by itself. */
#include "connector/store_options.h"
#include "core/clock.h"
#include "core/number.h"
#include "core/packed.h"

#define BATCH_BYTES     ((size_t)1 << 20) /* of cells; a batch that has more goes on */
#define LONGEST_WAIT_MS 30000 /* for the server to tell of more, before looking anyway */

enum { ID, STREAM, TYPE, POSITION, GLOBAL_POSITION, DATA, METADATA, TIME, COLUMNS };

typedef struct store_source {
    mr_store_options server;
    const char *stream;
    const char *category;
    uint64_t position;
    bool follow;
    int64_t poll_ns;
    uint32_t batch_size;
    uint32_t group_member, group_size;

    const mr_connector_env *env;
    mr_store_client *client;
    mr_schema schema;
    mr_store_read read;
    mr_slice name; /* where the rows are from */
    mr_batch *batch;
    size_t batch_bytes;
    int64_t next_position; /* in the stream, behind the last message; -1 = not known */
    uint64_t row_count;
    atomic_uint_least64_t shown_count; /* read by progress() */
    bool ended;
} store_source;

static const mr_option source_options[] = {
    {.name = "stream",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_source, stream),
     .help = "stream to read; without it and a category, all messages of the namespace"},
    {.name = "category",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_source, category),
     .help = "category to read"},
    {.name = "position",
     .aliases = "from global_position",
     .type = MR_OPTION_U64,
     .offset = offsetof(store_source, position),
     .fallback = "1",
     .range = {0, INT64_MAX},
     .help = "global position to begin at: the last one that was read, and one more"},
    {.name = "follow",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(store_source, follow),
     .fallback = "false",
     .help = "waits for further messages and runs until it is stopped"},
    {.name = "poll_interval",
     .type = MR_OPTION_DURATION_NS,
     .flags = MR_OPTION_PACE,
     .offset = offsetof(store_source, poll_ns),
     .fallback = "500ms",
     .range = {1000000, (int64_t)3600 * 1000000000},
     .help = "with follow: wait between two looks for further messages, where the server does not "
             "tell of them"},
    {.name = "batch_size",
     .type = MR_OPTION_U32,
     .offset = offsetof(store_source, batch_size),
     .fallback = "1000",
     .range = {1, MR_STORE_PAGE_MAX},
     .help = "messages asked for at a time"},
    {.name = "group_member",
     .aliases = "consumer",
     .type = MR_OPTION_U32,
     .offset = offsetof(store_source, group_member),
     .fallback = "0",
     .help = "which share of a consumer group to read, from 0"},
    {.name = "group_size",
     .aliases = "size",
     .type = MR_OPTION_U32,
     .offset = offsetof(store_source, group_size),
     .fallback = "0",
     .help = "members of the consumer group; 0: no group, everything is read"},
    MR_STORE_OPTIONS(store_source),
    {0},
};

/* --- Opening ---------------------------------------------------------------------------------- */

static mr_code check_options(const store_source *own, mr_error *err)
{
    if (own->stream != NULL && own->category != NULL)
        return mr_fail(err, MR_ERR_USAGE, "stream and category contradict each other; give one");
    if (own->category != NULL && strchr(own->category, '-') != NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "category '%s' holds '-', which only names of streams do; write stream=",
                       own->category);
    if (own->group_size > 0 && own->stream != NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "stream and group_size contradict each other: a group shares the streams of "
                       "a category");
    if (own->group_member > 0 && own->group_member >= own->group_size)
        return mr_fail(err, MR_ERR_USAGE,
                       "group_member %u is not below group_size %u; members are counted from 0",
                       own->group_member, own->group_size);
    return MR_OK;
}

static mr_code add_columns(store_source *own, mr_error *err)
{
    static const struct {
        const char *name;
        mr_type type;
    } columns[COLUMNS] = {
        [ID] = {"id", MR_TYPE_STRING},
        [STREAM] = {"stream", MR_TYPE_STRING},
        [TYPE] = {"type", MR_TYPE_STRING},
        [POSITION] = {"position", MR_TYPE_INT},
        [GLOBAL_POSITION] = {"global_position", MR_TYPE_INT},
        [DATA] = {"data", MR_TYPE_JSON},
        [METADATA] = {"metadata", MR_TYPE_JSON},
        [TIME] = {"time", MR_TYPE_TIMESTAMP},
    };
    mr_schema_init(&own->schema, own->env->arena);
    for (size_t i = 0; i < COLUMNS; i++)
        MR_TRY(mr_schema_add(&own->schema, mr_slice_text(columns[i].name), columns[i].type, NULL,
                             err));
    return MR_OK;
}

static mr_code take(void *context, const mr_store_message *message, mr_error *err);

static mr_code source_open(void *state, const mr_connector_env *env, mr_error *err)
{
    store_source *own = state;
    own->env = env;
    own->next_position = -1;
    MR_TRY(check_options(own, err));
    own->name = own->stream != NULL     ? mr_slice_text(own->stream)
                : own->category != NULL ? mr_slice_text(own->category)
                                        : MR_SLICE("all messages");
    own->read = (mr_store_read){.stream = mr_slice_text(own->stream),
                                .category = mr_slice_text(own->category),
                                .from = (int64_t)own->position,
                                .group_member = own->group_member,
                                .group_size = own->group_size,
                                .take = take,
                                .context = own};
    MR_TRY(mr_store_options_open(&own->server, env, &own->client, err));
    MR_TRY(mr_store_options_try(own->client, err));
    return add_columns(own, err);
}

static const mr_schema *source_schema(void *state)
{
    return &((store_source *)state)->schema;
}

static uint32_t source_abilities(void *state)
{
    const store_source *own = state;
    return MR_CAP_TYPED | (own->follow ? MR_CAP_STREAM : 0u);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static mr_code append_text(store_source *own, unsigned column, mr_slice text, mr_error *err)
{
    own->batch_bytes += text.len;
    return mr_column_append(&own->batch->columns[column], own->batch->row_count, text, err);
}

static mr_code append_json(store_source *own, unsigned column, mr_slice text, mr_error *err)
{
    if (text.ptr != NULL) return append_text(own, column, text, err);
    mr_column_append_null(&own->batch->columns[column], own->batch->row_count);
    return MR_OK;
}

static mr_code append_number(store_source *own, unsigned column, int64_t number, mr_error *err)
{
    char text[MR_INT_TEXT_MAX];
    return append_text(own, column, mr_slice_of(text, mr_format_i64(text, number)), err);
}

/* Always with six digits, so that the column has one spelling. */
static mr_code append_time(store_source *own, mr_slice time, mr_error *err)
{
    char text[MR_TIME_TEXT_MAX];
    int64_t us;
    if (!mr_parse_time(time, &us))
        return mr_fail(err, MR_ERR_INPUT, "%s: expected a time in RFC 3339, found '%.*s'",
                       mr_store_client_url(own->client),
                       MR_SLICE_ARGS(mr_slice_of(time.ptr, (size_t)mr_min_u64(time.len, 64))));
    const int64_t seconds = us / 1000000 - (us % 1000000 < 0);
    const uint32_t ns = (uint32_t)(us - seconds * 1000000) * 1000;
    return append_text(own, TIME, mr_slice_of(text, mr_format_time(text, seconds, ns, 6)), err);
}

static mr_code take(void *context, const mr_store_message *message, mr_error *err)
{
    store_source *own = context;
    const uint32_t row = own->batch->row_count;
    MR_TRY(mr_batch_begin_row(own->batch, err));
    MR_TRY(append_text(own, ID, message->id, err));
    MR_TRY(append_text(own, STREAM, message->stream, err));
    MR_TRY(append_text(own, TYPE, message->type, err));
    MR_TRY(append_number(own, POSITION, message->position, err));
    MR_TRY(append_number(own, GLOBAL_POSITION, message->global_position, err));
    MR_TRY(append_json(own, DATA, message->data, err));
    MR_TRY(append_json(own, METADATA, message->metadata, err));
    MR_TRY(append_time(own, message->time, err));
    mr_batch_end_row(own->batch, 0, 0, 0, row);
    own->next_position = message->position + 1;
    return MR_OK;
}

static mr_code fill(store_source *own, mr_error *err)
{
    const uint32_t asked = own->env->max_rows;
    const uint32_t most = asked > 0 && asked < own->batch->max_rows ? asked : own->batch->max_rows;
    while (!own->ended && own->batch->row_count < most && own->batch_bytes < BATCH_BYTES) {
        const uint32_t room = most - own->batch->row_count;
        own->read.limit = room < own->batch_size ? room : own->batch_size;
        MR_TRY(mr_store_client_read(own->client, &own->read, err));
        const bool nothing_more = own->read.taken < own->read.limit;
        own->ended = nothing_more && !own->follow;
        if (!nothing_more) continue;
        if (own->batch->row_count > 0) break; /* what there is goes on at once */
        if (own->follow)
            MR_TRY(mr_store_client_wait(own->client, &own->read, own->next_position,
                                        LONGEST_WAIT_MS, own->poll_ns / MR_NS_PER_MS, err));
    }
    return MR_OK;
}

static mr_code put_mark(const store_source *own, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_pack_u64(out, (uint64_t)own->read.from, err));
    MR_TRY(mr_pack_u64(out, (uint64_t)own->next_position, err));
    return mr_pack_u64(out, own->row_count, err);
}

static mr_code source_fetch(void *state, mr_job *job, mr_error *err)
{
    store_source *own = state;
    job->end = own->ended;
    if (own->ended) return MR_OK;
    own->batch = &job->batch;
    own->batch_bytes = 0;
    MR_TRY(mr_batch_set_schema(&job->batch, &own->schema, err));
    job->batch.origin = (mr_origin){.source = own->name, .record = own->row_count};
    MR_TRY(fill(own, err));
    job->from_batch = job->done = true;
    job->final = own->ended;
    job->file_name = own->name;
    job->result.record_count = job->batch.row_count;
    job->end = own->ended && job->batch.row_count == 0;
    own->row_count += job->batch.row_count;
    MR_TRY(put_mark(own, &job->mark, err));
    atomic_store_explicit(&own->shown_count, own->row_count, memory_order_relaxed);
    return MR_OK;
}

/* --- Positions -------------------------------------------------------------------------------- */

static const char *source_cannot_resume(MR_UNUSED const void *state,
                                        MR_UNUSED const mr_connector_env *env)
{
    return NULL;
}

/* Histories only grow at their end: the global position is the whole of it. */
static mr_code source_seek(void *state, mr_slice position, mr_source_place *out, mr_error *err)
{
    store_source *own = state;
    mr_packed_in in = {.left = position};
    own->read.from = (int64_t)mr_packed_u64(&in);
    own->next_position = (int64_t)mr_packed_u64(&in);
    own->row_count = mr_packed_u64(&in);
    atomic_store_explicit(&own->shown_count, own->row_count, memory_order_relaxed);
    if (!mr_packed_all_read(&in) || own->read.from < 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "the checkpoint's place in the store was written by another version");
    *out = (mr_source_place){.mark = position, .unchanged = true};
    return MR_OK;
}

/* Only the store's own order can be looked up. */
static mr_code source_since(void *state, const mr_source_since *since, MR_UNUSED mr_error *err)
{
    store_source *own = state;
    if (since->kind == MR_CURSOR_NUMBER && since->low.small &&
        mr_slice_is(since->column, "global_position") && since->low.whole > own->read.from)
        own->read.from = since->low.whole;
    return MR_OK;
}

static void source_progress(void *state, uint64_t *out_done, uint64_t *out_total)
{
    store_source *own = state;
    *out_done = atomic_load_explicit(&own->shown_count, memory_order_relaxed);
    *out_total = 0;
}

static void source_close(void *state)
{
    mr_store_client_close(((store_source *)state)->client);
}

const mr_source_ops mr_source_store = {
    .name = "store",
    .summary = "messages of a message store, over HTTP",
    .options = source_options,
    .capabilities = MR_CAP_TYPED | MR_CAP_STREAM | MR_CAP_RESUME,
    .state_bytes = sizeof(store_source),
    .open = source_open,
    .schema = source_schema,
    .abilities = source_abilities,
    .fetch = source_fetch,
    .progress = source_progress,
    .cannot_resume = source_cannot_resume,
    .position = mr_source_mark_position,
    .seek = source_seek,
    .since = source_since,
    .close = source_close,
};
