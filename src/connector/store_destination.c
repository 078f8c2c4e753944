/* SPDX-License-Identifier: MIT
 *
 * Records appended to streams, in their order, many to a call of batch.write, which is all or
 * nothing. Each message's id follows from where its record stands (store_id.h), so a run that was
 * killed and is started again sends the same messages with the same ids, and the store takes those
 * it does not have. */
#include "connector/store_options.h"

#include "connector/store_id.h"
#include "connector/store_template.h"
#include "core/json.h"
#include "core/number.h"
#include "core/packed.h"
#include "core/scan.h"
#include "core/utf8.h"
#include "format/json.h"
#include "remote/batch_id.h"

#define CALL_BYTES       ((size_t)4 << 20) /* of one call; a batch that has more is sent */
#define CALL_BYTES_MAX   ((size_t)1 << 30)
#define STREAM_BYTES_MAX 1024
#define LINES_BYTES_MAX  ((size_t)4 << 30)

enum { IDS_PLACE, IDS_RANDOM };

typedef struct store_destination {
    mr_store_options server;
    const char *stream, *type; /* templates */
    const char *data, *metadata, *id;
    mr_option_list keys;
    const char *key;
    const char *feed; /* what ids follow from, beside the record: key, stream and type as given */
    int ids;
    const char *expected_text;
    const char *expected_column;
    uint32_t batch_size;

    const mr_connector_env *env;
    mr_store_client *client;
    mr_json_writer *writer; /* of whole rows */
    mr_store_template stream_template, type_template;
    bool has_expected;
    int64_t expected; /* of the next message */

    /* Of the present batch: -1 where there is none. */
    int64_t data_column, metadata_column, id_column, expected_at;
    int64_t *key_columns;

    mr_buffer call;  /* under construction: [["stream",{...},{...}],... */
    mr_buffer lines; /* the present batch as objects */
    mr_buffer names; /* stream and type of one row */
    mr_buffer answer;
    uint32_t pending;                  /* messages in `call` */
    uint64_t first_record, first_part; /* of the first of them */
    mr_slice first_file;
    char first_id[MR_STORE_ID_BYTES];
    uint64_t last_record, part; /* rows of one record are told apart */
    mr_slice last_file;
    bool any;
    uint64_t sent, duplicates, bytes_out;
} store_destination;

static const mr_option_choice id_choices[] = {{"place", IDS_PLACE}, {"random", IDS_RANDOM}, {0}};

static const mr_option destination_options[] = {
    {.name = "stream",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_destination, stream),
     .fallback = "{stream}",
     .help = "stream to append to; {column} stands for a cell"},
    {.name = "type",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_destination, type),
     .fallback = "{type}",
     .help = "type of the messages; {column} stands for a cell"},
    {.name = "data",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_destination, data),
     .help = "column with a message's data, a JSON object; * makes the whole record the data; "
             "without it the column data if the stream comes from a column too, else *"},
    {.name = "metadata",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_destination, metadata),
     .help = "column with a message's metadata, a JSON object or nothing; without it the column "
             "metadata where data is a column"},
    {.name = "id",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_destination, id),
     .help = "column with a message's id, a UUID; without it the column id where data is a column"},
    {.name = "keys",
     .type = MR_OPTION_LIST,
     .offset = offsetof(store_destination, keys),
     .help = "columns that tell records apart: ids follow from their values instead of the "
             "record's place"},
    {.name = "key",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_destination, key),
     .fallback = "",
     .help = "a name for this feed, from which ids follow too: the same records under another name "
             "are other messages"},
    {.name = "ids",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(store_destination, ids),
     .fallback = "place",
     .choices = id_choices,
     .help = "place: ids follow from file and number of a record, so that a repeated run appends "
             "nothing twice; random: every run appends everything"},
    {.name = "expected_version",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_destination, expected_text),
     .fallback = "any",
     .help = "version of the one stream before the first record, -1 for an empty one; any: it is "
             "not looked at"},
    {.name = "expected_column",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(store_destination, expected_column),
     .help = "column with the version that each record's stream must have"},
    {.name = "batch_size",
     .type = MR_OPTION_U32,
     .offset = offsetof(store_destination, batch_size),
     .fallback = "1000",
     .range = {1, MR_STORE_PAGE_MAX},
     .help = "messages appended at a time, all or none"},
    MR_STORE_OPTIONS(store_destination),
    {0},
};

/* --- Opening ---------------------------------------------------------------------------------- */

static mr_code read_expected(store_destination *own, mr_error *err)
{
    const mr_slice text = mr_slice_text(own->expected_text);
    if (mr_slice_is(text, "any")) return MR_OK;
    own->has_expected = mr_parse_i64(text, &own->expected) && own->expected >= -1;
    if (!own->has_expected)
        return mr_fail(err, MR_ERR_USAGE,
                       "expected_version: expected any, -1 or a position, found '%s'",
                       own->expected_text);
    if (own->expected_column != NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "expected_version and expected_column contradict each other; give one");
    if (own->stream_template.is_literal) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "expected_version is that of one stream, and stream '%s' may be many; use "
                   "expected_column",
                   own->stream);
}

static mr_code check_options(const store_destination *own, mr_error *err)
{
    if (own->keys.count > 0 && own->id != NULL)
        return mr_fail(err, MR_ERR_USAGE, "keys and id contradict each other; give one");
    if (own->ids == IDS_RANDOM && (own->keys.count > 0 || own->id != NULL))
        return mr_fail(err, MR_ERR_USAGE, "ids=random and %s contradict each other; give one",
                       own->id != NULL ? "id" : "keys");
    return MR_OK;
}

static mr_code destination_open(void *state, const mr_connector_env *env, mr_error *err)
{
    store_destination *own = state;
    own->env = env;
    mr_buffer_init(&own->call, "a call of batch.write", CALL_BYTES_MAX);
    mr_buffer_init(&own->lines, "the records of one batch as JSON", LINES_BYTES_MAX);
    mr_buffer_init(&own->names, "the names of a stream and a type", CALL_BYTES_MAX);
    mr_buffer_init(&own->answer, "the answer to batch.write", MR_STORE_ANSWER_BYTES);
    MR_TRY(check_options(own, err));
    MR_TRY(mr_store_template_parse(&own->stream_template, "stream", own->stream, env->arena, err));
    MR_TRY(mr_store_template_parse(&own->type_template, "type", own->type, env->arena, err));
    MR_TRY(read_expected(own, err));
    own->feed = mr_arena_printf(env->arena, "%zu %zu %s%s%s", strlen(own->key), strlen(own->stream),
                                own->key, own->stream, own->type);
    if (own->feed == NULL) return mr_arena_fail(env->arena, err);
    own->key_columns = mr_arena_take(env->arena, sizeof(int64_t) * (own->keys.count + 1));
    if (own->key_columns == NULL) return mr_arena_fail(env->arena, err);
    const mr_json_write_options options = {.format = MR_JSON_LINES, .lossy = env->lossy};
    MR_TRY(mr_json_writer_open(&options, &own->writer, err));
    MR_TRY(mr_store_options_open(&own->server, env, &own->client, err));
    return mr_store_options_try(own->client, err);
}

/* --- Columns ---------------------------------------------------------------------------------- */

static mr_code find_column(const mr_batch *batch, const char *option, const char *name,
                           int64_t *out, mr_error *err)
{
    *out = mr_batch_find(batch, mr_slice_text(name));
    if (*out >= 0) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "%s names the column '%s', which the source does not have",
                   option, name);
}

/* Named by an option, or by its own name where the batch is one of messages. */
static mr_code find_part(const mr_batch *batch, const char *option, const char *name,
                         bool of_messages, int64_t *out, mr_error *err)
{
    if (name != NULL) return find_column(batch, option, name, out, err);
    *out = of_messages ? mr_batch_find(batch, mr_slice_text(option)) : -1;
    return MR_OK;
}

/* Columns may come and go from batch to batch. */
static mr_code bind_columns(store_destination *own, const mr_batch *batch, mr_error *err)
{
    const bool whole = own->data != NULL && strcmp(own->data, "*") == 0;
    const bool guess = own->data == NULL && !own->stream_template.is_literal &&
                       strcmp(own->stream, "{stream}") == 0;
    MR_TRY(mr_store_template_bind(&own->stream_template, "stream", batch, err));
    MR_TRY(mr_store_template_bind(&own->type_template, "type", batch, err));
    MR_TRY(find_part(batch, "data", whole ? NULL : own->data, guess, &own->data_column, err));
    const bool of_messages = own->data_column >= 0;
    MR_TRY(find_part(batch, "metadata", own->metadata, of_messages, &own->metadata_column, err));
    const bool take_id = of_messages && own->keys.count == 0 && own->ids != IDS_RANDOM;
    MR_TRY(find_part(batch, "id", own->id, take_id, &own->id_column, err));
    own->expected_at = -1;
    if (own->expected_column != NULL)
        MR_TRY(find_column(batch, "expected_column", own->expected_column, &own->expected_at, err));
    for (uint32_t i = 0; i < own->keys.count; i++)
        MR_TRY(find_column(batch, "keys", own->keys.items[i], &own->key_columns[i], err));
    return MR_OK;
}

/* --- Sending ---------------------------------------------------------------------------------- */

/* [{"position":n,"globalPosition":n,"duplicate":true}, ...] */
static mr_code read_answer(store_destination *own, mr_error *err)
{
    static const char *const keys[] = {"duplicate"};
    mr_scan scan;
    mr_scan_value value, duplicate;
    uint32_t count = 0;
    mr_scan_init(&scan, mr_buffer_slice(&own->answer));
    bool good = mr_scan_enter(&scan, MR_SCAN_ARRAY);
    while (good && mr_scan_element(&scan)) {
        good = mr_scan_next(&scan, &value) && value.kind == MR_SCAN_OBJECT;
        if (!good) break;
        mr_scan_members(&value, keys, 1, &duplicate);
        own->duplicates += duplicate.kind == MR_SCAN_TRUE;
        count++;
    }
    if (good && mr_scan_finish(&scan) && count == own->pending) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT,
                   "%s: expected the positions of %u messages in answer to batch.write",
                   mr_store_client_url(own->client), own->pending);
}

static bool was_refused_as(const store_destination *own, const char *code)
{
    return strcmp(mr_store_client_refusal(own->client), code) == 0;
}

static mr_code explain(const store_destination *own, mr_code code, mr_error *err)
{
    if (was_refused_as(own, "METHOD_NOT_FOUND"))
        return mr_fail(
            err, MR_ERR_USAGE,
            "%s does not know batch.write, without which nothing can be appended exactly "
            "once; it must be Millrace's own server",
            mr_store_client_url(own->client));
    if (was_refused_as(own, "MESSAGE_ID_CONFLICT") && own->id == NULL)
        return mr_fail(err, code,
                       "%s: a record was appended before with other content or to another stream; "
                       "if these are other records, name their feed with key=",
                       mr_store_client_url(own->client));
    return code;
}

/* The same at each try, and in a run that is repeated, unless ids are new in every run. */
static void name_batch(const store_destination *own, char out[MR_BATCH_ID_BYTES + 1])
{
    const bool random = own->ids == IDS_RANDOM;
    const mr_batch_place place = {
        .feed = mr_slice_text(own->feed),
        .source = random ? mr_slice_of(own->first_id, sizeof own->first_id) : own->first_file,
        .first_record = own->first_record,
        .first_part = own->first_part,
        .row_count = own->pending,
    };
    mr_batch_id_write(out, &place);
    out[MR_BATCH_ID_BYTES] = '\0';
}

static mr_code send(store_destination *own, mr_error *err)
{
    char batch_id[MR_BATCH_ID_BYTES + 1];
    if (own->pending == 0) return MR_OK;
    name_batch(own, batch_id);
    MR_TRY(mr_buffer_append(&own->call, MR_SLICE("]]"), err));
    const mr_code code =
        mr_store_client_rpc(own->client, mr_buffer_slice(&own->call), batch_id, &own->answer, err);
    if (code != MR_OK) return explain(own, code, err);
    MR_TRY(read_answer(own, err));
    own->sent += own->pending;
    own->bytes_out += own->call.len;
    own->pending = 0;
    mr_buffer_reset(&own->call);
    return MR_OK;
}

/* --- Rows ------------------------------------------------------------------------------------- */

static mr_code refuse(mr_job *job, uint32_t row, const char *why, mr_error *err)
{
    mr_reject *reject;
    MR_TRY(mr_reject_list_add(&job->refused, MR_REASON_DESTINATION_REFUSED, &reject, err));
    reject->row_before = row;
    mr_reject_detail(reject, "%s", why);
    return MR_OK;
}

typedef struct message {
    mr_slice stream, type, data, metadata; /* metadata.ptr NULL: none */
    char id[MR_STORE_ID_BYTES];
    mr_slice own_id; /* of a column, instead */
    bool has_expected;
    int64_t expected;
} message;

static const mr_column *column_at(const mr_batch *batch, int64_t at)
{
    return at >= 0 ? &batch->columns[at] : NULL;
}

/* A JSON object, or empty when the cell is none. */
static mr_slice object_in(const mr_column *column, uint32_t row)
{
    mr_scan scan;
    mr_scan_value value;
    mr_scan_init(&scan, mr_column_text(column, row));
    const bool good = mr_scan_next(&scan, &value) && value.kind == MR_SCAN_OBJECT &&
                      (value.marks & MR_SCAN_BROKEN) == 0 && mr_scan_finish(&scan);
    return good ? value.raw : (mr_slice){NULL, 0};
}

static bool is_name(mr_slice text)
{
    return text.len > 0 && memchr(text.ptr, '\0', text.len) == NULL && mr_utf8_valid(text);
}

/* Which part of the message the row cannot give, in words; NULL when it can. */
static const char *read_parts(store_destination *own, const mr_batch *batch, uint32_t row,
                              message *out)
{
    const mr_column *const data = column_at(batch, own->data_column);
    const mr_column *const metadata = column_at(batch, own->metadata_column);
    const mr_column *const id = column_at(batch, own->id_column);
    const mr_column *const expected = column_at(batch, own->expected_at);
    if (!is_name(out->stream) || out->stream.len > STREAM_BYTES_MAX)
        return "the stream's name is empty, too long or no text";
    if (!is_name(out->type) || out->type.len > STREAM_BYTES_MAX)
        return "the type is empty, too long or no text";
    if (data != NULL) out->data = object_in(data, row);
    if (out->data.ptr == NULL) return "the data is no JSON object";
    out->metadata = (mr_slice){NULL, 0};
    if (metadata != NULL && !mr_column_is_null(metadata, row) &&
        mr_column_text(metadata, row).len > 0) {
        out->metadata = object_in(metadata, row);
        if (out->metadata.ptr == NULL) return "the metadata is no JSON object";
    }
    if (id != NULL) out->own_id = mr_column_text(id, row);
    if (id != NULL && !mr_store_id_is_uuid(out->own_id)) return "the id is no UUID";
    out->has_expected = own->has_expected || expected != NULL;
    out->expected = own->expected;
    if (expected != NULL && !mr_parse_i64(mr_column_text(expected, row), &out->expected))
        return "the expected version is no whole number";
    return NULL;
}

static void id_of_keys(const store_destination *own, const mr_batch *batch, uint32_t row, char *out)
{
    mr_sha256 sum;
    mr_store_id_begin(&sum, mr_slice_text(own->feed));
    for (uint32_t i = 0; i < own->keys.count; i++) {
        const mr_column *const column = &batch->columns[own->key_columns[i]];
        const bool null = mr_column_is_null(column, row);
        mr_store_id_add(&sum, null ? MR_SLICE("null") : MR_SLICE("text"));
        mr_store_id_add(&sum, null ? MR_SLICE("") : mr_column_text(column, row));
    }
    mr_store_id_of_sum(&sum, out);
}

/* The record's number in its file, and which of its rows this is. */
static uint64_t place_of(store_destination *own, const mr_job *job, uint32_t row)
{
    const mr_batch *const batch = &job->batch;
    const uint64_t record = job->record_base + batch->origin.record + batch->row_record[row];
    const bool same =
        own->any && record == own->last_record && mr_slice_equal(own->last_file, job->file_name);
    own->part = same ? own->part + 1 : 0;
    own->last_record = record;
    own->last_file = job->file_name;
    own->any = true;
    return record;
}

static mr_code make_id(store_destination *own, const mr_job *job, uint32_t row, char *out,
                       mr_error *err)
{
    const uint64_t record = place_of(own, job, row);
    if (own->keys.count > 0) {
        id_of_keys(own, &job->batch, row, out);
    } else if (own->ids == IDS_RANDOM) {
        if (!mr_store_id_random(out))
            return mr_fail(err, MR_ERR_IO, "the system has no randomness to give");
    } else {
        mr_store_id_of_place(mr_slice_text(own->feed), job->file_name, record, own->part, out);
    }
    return MR_OK;
}

static mr_code put_message(store_destination *own, const message *in, mr_error *err)
{
    mr_json_out json = {.out = &own->call, .comma = own->pending > 0};
    if (own->pending == 0) {
        MR_TRY(mr_buffer_append(&own->call, MR_SLICE("[\"batch.write\",["), err));
        own->first_record = own->last_record;
        own->first_part = own->part;
        own->first_file = own->last_file;
        memcpy(own->first_id, in->id, sizeof in->id);
    }
    mr_json_open(&json, '[');
    mr_json_text(&json, in->stream);
    mr_json_open(&json, '{');
    mr_json_key(&json, "type");
    mr_json_text(&json, in->type);
    mr_json_key(&json, "data");
    mr_json_raw(&json, in->data);
    if (in->metadata.ptr != NULL) mr_json_key(&json, "metadata");
    if (in->metadata.ptr != NULL) mr_json_raw(&json, in->metadata);
    mr_json_close(&json, '}');
    mr_json_open(&json, '{');
    mr_json_key(&json, "id");
    mr_json_text(&json, in->own_id.ptr != NULL ? in->own_id : mr_slice_of(in->id, sizeof in->id));
    if (in->has_expected) mr_json_key(&json, "expectedVersion");
    if (in->has_expected) mr_json_i64(&json, in->expected);
    mr_json_close(&json, '}');
    mr_json_close(&json, ']');
    if (json.failed) return mr_json_out_fail(&json, err);
    own->pending++;
    own->expected += own->has_expected;
    return MR_OK;
}

/* `line` is the whole row as an object. */
static mr_code write_row(store_destination *own, mr_job *job, uint32_t row, mr_slice line,
                         mr_error *err)
{
    const mr_batch *const batch = &job->batch;
    message out = {.data = line};
    bool has_stream, has_type;
    mr_buffer_reset(&own->names);
    MR_TRY(mr_store_template_put(&own->stream_template, batch, row, &own->names, &has_stream, err));
    const size_t stream_len = own->names.len;
    MR_TRY(mr_store_template_put(&own->type_template, batch, row, &own->names, &has_type, err));
    out.stream = mr_slice_of(own->names.ptr, has_stream ? stream_len : 0);
    out.type = mr_slice_of(own->names.ptr + stream_len, has_type ? own->names.len - stream_len : 0);
    MR_TRY(make_id(own, job, row, out.id, err));
    const char *const fault = read_parts(own, batch, row, &out);
    if (fault != NULL) return refuse(job, row, fault, err);
    MR_TRY(put_message(own, &out, err));
    job->encoded_rows++;
    if (own->pending < own->batch_size && own->call.len < CALL_BYTES) return MR_OK;
    return send(own, err);
}

/* The next line of the batch as JSON; those of refused rows are missing. */
static mr_slice next_line(const store_destination *own, size_t *at)
{
    const mr_slice left = mr_slice_from(mr_buffer_slice(&own->lines), *at);
    const char *const lf = memchr(left.ptr, '\n', left.len);
    const size_t len = lf != NULL ? (size_t)(lf - left.ptr) : left.len;
    *at += len + (lf != NULL);
    return mr_slice_of(left.ptr, len);
}

static mr_code destination_write(void *state, mr_job *job, mr_error *err)
{
    store_destination *own = state;
    uint32_t refused = job->refused.count;
    size_t at = 0;
    if (job->batch.row_count == 0) return MR_OK;
    MR_TRY(bind_columns(own, &job->batch, err));
    const bool whole = own->data_column < 0;
    mr_buffer_reset(&own->lines);
    if (whole) MR_TRY(mr_json_write(own->writer, &job->batch, &own->lines, &job->refused, err));
    const uint32_t refused_end = job->refused.count;
    for (uint32_t row = 0; row < job->batch.row_count; row++) {
        if (refused < refused_end && mr_reject_at(&job->refused, refused)->row_before == row) {
            refused++;
            (void)place_of(own, job, row);
            continue;
        }
        MR_TRY(write_row(own, job, row, whole ? next_line(own, &at) : (mr_slice){NULL, 0}, err));
    }
    return MR_OK;
}

/* --- Ending ----------------------------------------------------------------------------------- */

static mr_code destination_flush(void *state, mr_error *err)
{
    return send(state, err);
}

static mr_code destination_commit(void *state, mr_error *err)
{
    store_destination *own = state;
    own->server.finishing = true; /* by now the run has told everybody to stop */
    MR_TRY(send(own, err));
    if (own->duplicates == 0 || own->env->warn == NULL) return MR_OK;
    mr_error text;
    mr_fail(&text, MR_OK, "%llu of %llu messages were in the store already (same id and content)",
            (unsigned long long)own->duplicates, (unsigned long long)own->sent);
    own->env->warn(own->env->warn_context, text.text);
    return MR_OK;
}

/* --- Checkpoints ------------------------------------------------------------------------------ */

/* What was sent behind the last checkpoint is sent again with the same ids, which the store knows.
 */
static const char *destination_cannot_resume(const void *state,
                                             MR_UNUSED const mr_connector_env *env)
{
    const store_destination *own = state;
    return own->ids == IDS_RANDOM ? "ids=random: what is sent again is another message" : NULL;
}

static mr_code destination_checkpoint(void *state, MR_UNUSED bool last, mr_buffer *position,
                                      int *out_sync_fd, mr_error *err)
{
    store_destination *own = state;
    const bool was_finishing = own->server.finishing;
    own->server.finishing = atomic_load(own->env->cancelled);
    const mr_code rc = send(own, err);
    own->server.finishing = was_finishing;
    *out_sync_fd = -1; /* the server answers when it is on its disk */
    MR_TRY(rc);
    return mr_pack_u64(position, (uint64_t)own->expected, err);
}

static mr_code destination_resume(void *state, mr_slice position, mr_left *out_left, mr_error *err)
{
    store_destination *own = state;
    mr_packed_in in = {.left = position};
    *out_left = MR_LEFT_PART;
    own->expected = (int64_t)mr_packed_u64(&in);
    if (mr_packed_all_read(&in)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "the checkpoint's place in the store was written by another version");
}

static void destination_suspend(MR_UNUSED void *state)
{
}

static uint64_t destination_bytes_out(void *state)
{
    const store_destination *own = state;
    return own->bytes_out;
}

static mr_slice destination_target(void *state)
{
    const store_destination *own = state;
    return mr_slice_text(mr_store_client_url(own->client));
}

static void destination_close(void *state)
{
    store_destination *own = state;
    mr_store_client_close(own->client);
    mr_json_writer_close(own->writer);
    mr_buffer_done(&own->call);
    mr_buffer_done(&own->lines);
    mr_buffer_done(&own->names);
    mr_buffer_done(&own->answer);
}

const mr_destination_ops mr_destination_store = {
    .name = "store",
    .summary = "messages appended to streams of a message store, over HTTP",
    .options = destination_options,
    .capabilities = MR_CAP_TYPED | MR_CAP_STREAM | MR_CAP_RESUME,
    .guarantee = "each record once: a run that is repeated appends what is not there yet",
    .state_bytes = sizeof(store_destination),
    .open = destination_open,
    .write = destination_write,
    .flush = destination_flush,
    .commit = destination_commit,
    .bytes_out = destination_bytes_out,
    .target = destination_target,
    .cannot_resume = destination_cannot_resume,
    .checkpoint = destination_checkpoint,
    .resume = destination_resume,
    .suspend = destination_suspend,
    .close = destination_close,
};
