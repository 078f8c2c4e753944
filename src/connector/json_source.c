/* SPDX-License-Identifier: MIT
 *
 * json as a source: the options, and how lanes read its pieces. Reading itself is format/json.h,
 * cutting is connector/text_source.h. Lines (and values one a line) are read in parallel; an array
 * or a document is read in order, by the collector's lane, whose state goes from piece to piece. */
#include "connector/connectors.h"
#include "connector/text_source.h"
#include "format/json.h"

typedef struct json_source {
    mr_text_source text; /* first */
    const char *compression, *encoding_name, *wrap_scalars, *explode;
    int format, duplicate_keys, invalid_unicode, flatten;
    uint32_t flatten_depth;
    mr_json_options options;
    bool splits;       /* every file so far may be cut at its line ends */
    bool known;        /* by a first pass: */
    mr_schema schema;  /* columns in first-seen order with the types that hold their values */
    mr_schema columns; /* the same without types, for batches */
} json_source;

typedef struct json_lane {
    json_source *source;
    mr_json_reader *reader;
} json_lane;

static const mr_option_choice format_choices[] = {{"auto", MR_JSON_AUTO},
                                                  {"lines", MR_JSON_LINES},
                                                  {"array", MR_JSON_ARRAY},
                                                  {"document", MR_JSON_DOCUMENT},
                                                  {0}};
static const mr_option_choice duplicate_choices[] = {{"last", MR_JSON_DUPLICATES_LAST},
                                                     {"first", MR_JSON_DUPLICATES_FIRST},
                                                     {"reject", MR_JSON_DUPLICATES_REJECT},
                                                     {0}};
static const mr_option_choice unicode_choices[] = {{"reject", MR_JSON_UNICODE_REJECT},
                                                   {"keep", MR_JSON_UNICODE_KEEP},
                                                   {"replace", MR_JSON_UNICODE_REPLACE},
                                                   {0}};
static const mr_option_choice flatten_choices[] = {{"off", MR_JSON_FLATTEN_OFF},
                                                   {"dot", MR_JSON_FLATTEN_DOT},
                                                   {"underscore", MR_JSON_FLATTEN_UNDERSCORE},
                                                   {0}};

static const mr_option json_options[] = {
    {.name = "format",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(json_source, format),
     .fallback = "auto",
     .choices = format_choices,
     .help = "auto: an array if the first byte is [, else values one after the other"},
    {.name = "wrap_scalars",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(json_source, wrap_scalars),
     .fallback = "",
     .help = "a value that is no object becomes this field of a record"},
    {.name = "duplicate_keys",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(json_source, duplicate_keys),
     .fallback = "last",
     .choices = duplicate_choices,
     .help = "which value of a repeated key counts"},
    {.name = "invalid_unicode",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(json_source, invalid_unicode),
     .fallback = "reject",
     .choices = unicode_choices,
     .help = "lone surrogates and bytes that are not UTF-8"},
    {.name = "flatten",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(json_source, flatten),
     .fallback = "off",
     .choices = flatten_choices,
     .help = "make columns of nested objects, joined by a dot or an underscore"},
    {.name = "flatten_depth",
     .type = MR_OPTION_U32,
     .offset = offsetof(json_source, flatten_depth),
     .fallback = "0",
     .help = "levels of nesting that become columns; 0 = all"},
    {.name = "explode",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(json_source, explode),
     .fallback = "",
     .help = "one record for each element of this field's array"},
    {.name = "encoding",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(json_source, encoding_name),
     .fallback = "utf-8",
     .help = "utf-8, latin1, utf-16le, utf-16be or binary; a byte order mark wins"},
    {.name = "compression",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(json_source, compression),
     .fallback = "auto",
     .help = "auto finds gzip, zstd and lz4 by their first bytes; none; or one by name"},
    {0},
};

/* Can the text be cut behind an LF? An array cannot; what begins with anything else may. */
static bool may_split(const json_source *s, mr_slice head)
{
    if (s->format == MR_JSON_LINES) return true;
    if (s->format != MR_JSON_AUTO || s->explode[0] != 0) return false;
    size_t i = 0;
    while (i < head.len && strchr(" \t\r\n", head.ptr[i]) != NULL && head.ptr[i] != 0)
        i++;
    return i < head.len && head.ptr[i] != '[';
}

static mr_code json_start_file(mr_text_source *text, mr_slice head, bool final, mr_text_start *out,
                               bool *out_complete, mr_error *err)
{
    json_source *s = (json_source *)text;
    (void) final, (void)err;
    *out = (mr_text_start){0};
    *out_complete = true;
    text->first_state = (mr_reader_state){.where = MR_JSON_AT_START};
    s->splits = s->splits && may_split(s, head);
    return MR_OK;
}

static mr_code json_open(void *state, const mr_connector_env *env, mr_error *err)
{
    json_source *s = state;
    s->splits = true;
    s->options = (mr_json_options){
        .format = (mr_json_format)s->format,
        .wrap_scalars = mr_slice_text(s->wrap_scalars),
        .duplicate_keys = (mr_json_duplicates)s->duplicate_keys,
        .invalid_unicode = (mr_json_unicode)s->invalid_unicode,
        .flatten = (mr_json_flatten)s->flatten,
        .flatten_depth = s->flatten_depth,
        .explode = mr_slice_text(s->explode),
        .limits = env->limits,
    };
    MR_TRY(mr_codec_parse(mr_slice_text(s->compression), &s->text.codec, err));
    MR_TRY(mr_encoding_parse(mr_slice_text(s->encoding_name), &s->text.encoding, err));
    return mr_text_source_open(&s->text, env, json_start_file, err);
}

static const mr_schema *json_schema(void *state)
{
    const json_source *s = state;
    return s->known ? &s->schema : NULL;
}

/* Only the first file of a glob has been looked at: several are cut only if all are lines by name
 * of format. */
static uint32_t json_abilities(void *state)
{
    const json_source *s = state;
    const bool several = mr_input_file_count(s->text.input) > 1;
    const bool splits = s->splits && (!several || s->format == MR_JSON_LINES);
    return mr_text_source_abilities(&s->text) | MR_CAP_TYPED | (splits ? MR_CAP_SPLIT : 0);
}

static mr_code json_begin(void *state, bool keep, mr_error *err)
{
    return mr_text_source_begin(state, keep, err);
}

/* Columns only: each value keeps the type that it has in the text. */
static mr_code json_set_schema(void *state, const mr_schema *schema, const mr_infer *found,
                               bool exact, mr_error *err)
{
    json_source *s = state;
    (void)found, (void)exact;
    MR_TRY(mr_schema_copy(&s->schema, schema, s->text.env->arena, err));
    MR_TRY(mr_schema_copy(&s->columns, schema, s->text.env->arena, err));
    for (uint32_t i = 0; i < s->columns.field_count; i++)
        s->columns.fields[i].type = MR_TYPE_NULL;
    s->known = true;
    return MR_OK;
}

static mr_code json_fetch(void *state, mr_job *job, mr_error *err)
{
    return mr_text_source_fetch(state, job, err);
}

static mr_code json_lane_open(void *state, void *lane_state, mr_error *err)
{
    json_lane *lane = lane_state;
    lane->source = state;
    return mr_json_reader_open(&lane->source->options, &lane->reader, err);
}

static void json_lane_close(void *lane_state)
{
    mr_json_reader_close(((json_lane *)lane_state)->reader);
}

static mr_code json_load(void *lane_state, mr_job *job, mr_error *err)
{
    return mr_text_source_load(&((json_lane *)lane_state)->source->text, job, err);
}

static bool json_guess(void *lane_state, const mr_job *job, size_t *out_start,
                       mr_reader_state *out_state)
{
    (void)lane_state;
    *out_state = (mr_reader_state){.where = MR_JSON_AT_VALUE};
    return mr_text_source_guess(job, out_start);
}

/* The reader words its errors with a place in the piece; the collector knows where the piece lies.
 */
static void place_error(const json_lane *lane, mr_job *job, mr_error *err)
{
    const mr_json_place place = mr_json_reader_place(lane->reader);
    if (place.line == 0) return;
    job->error_line = job->result.line_count + place.line;
    job->error_column = place.column;
    const char *sentence = strstr(err->text, ": ");
    if (strncmp(err->text, "line ", 5) == 0 && sentence != NULL)
        memmove(err->text, sentence + 2, strlen(sentence + 2) + 1);
}

static mr_code json_read(void *lane_state, mr_job *job, mr_error *err)
{
    json_lane *lane = lane_state;
    const json_source *s = lane->source;
    const mr_slice bytes = {job->bytes.ptr + job->at, job->bytes.len - job->at};
    const uint32_t rejects_before = job->rejects.count;
    mr_text_result result = {0};
    mr_batch_reset(&job->batch);
    if (s->text.env->max_rows > 0 && s->text.env->max_rows < job->batch.max_rows)
        job->batch.max_rows = s->text.env->max_rows;
    if (s->known) MR_TRY(mr_batch_set_schema(&job->batch, &s->columns, err));
    job->batch.origin = (mr_origin){.source = job->file_name,
                                    .bytes = bytes,
                                    .byte_offset = job->at - job->start,
                                    .line = job->result.line_count,
                                    .record = job->result.record_count};
    mr_json_state json = {.where = (mr_json_where)job->state.where,
                          .element = job->state.element,
                          .column = job->state.column};
    const mr_code rc = mr_json_read(lane->reader, &json, bytes, job->final, &job->batch,
                                    &job->rejects, &result, err);
    if (rc != MR_OK) {
        place_error(lane, job, err);
        return rc;
    }
    mr_text_source_add_result(job, &result, rejects_before);
    job->state = (mr_reader_state){json.where, json.element, json.column};
    return MR_OK;
}

static void json_progress(void *state, uint64_t *out_done, uint64_t *out_total)
{
    mr_text_source_progress(state, out_done, out_total);
}

static mr_code json_verify(void *state, mr_error *err)
{
    return mr_text_source_verify(state, err);
}

static void json_close(void *state)
{
    mr_text_source_close(state);
}

const mr_source_ops mr_source_json = {
    .name = "json",
    .summary = "JSON lines, arrays and documents: files, globs, pipes, compressed or not",
    .options = json_options,
    .capabilities = MR_CAP_SPLIT | MR_CAP_REWIND | MR_CAP_STREAM | MR_CAP_RESUME | MR_CAP_TYPED,
    .state_bytes = sizeof(json_source),
    .lane_bytes = sizeof(json_lane),
    .open = json_open,
    .schema = json_schema,
    .abilities = json_abilities,
    .begin = json_begin,
    .set_schema = json_set_schema,
    .fetch = json_fetch,
    .lane_open = json_lane_open,
    .load = json_load,
    .guess = json_guess,
    .read = json_read,
    .lane_close = json_lane_close,
    .progress = json_progress,
    .verify = json_verify,
    .cannot_resume = mr_text_source_cannot_resume,
    .position = mr_text_source_position,
    .seek = mr_text_source_seek,
    .close = json_close,
};
