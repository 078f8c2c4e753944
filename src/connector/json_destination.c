/* SPDX-License-Identifier: MIT
 *
 * json as a destination: lines or one array. */
#include "connector/connectors.h"
#include "connector/text_destination.h"
#include "format/json.h"

typedef struct json_destination {
    mr_text_destination text; /* first */
    int format;
    bool pretty;
    uint32_t indent;
    mr_json_write_options options;
} json_destination;

typedef struct json_destination_lane {
    mr_text_destination_lane text; /* first */
    mr_json_writer *writer;
    bool array;
} json_destination_lane;

static const mr_option_choice format_choices[] = {
    {"lines", MR_JSON_LINES}, {"array", MR_JSON_ARRAY}, {0}};

static const mr_option json_options[] = {
    {.name = "format",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(json_destination, format),
     .fallback = "lines",
     .choices = format_choices,
     .help = "an object a line, or one array of objects"},
    {.name = "pretty",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(json_destination, pretty),
     .fallback = "false",
     .help = "objects over several lines"},
    {.name = "indent",
     .type = MR_OPTION_U32,
     .offset = offsetof(json_destination, indent),
     .fallback = "2",
     .range = {1, MR_JSON_MAX_INDENT},
     .help = "spaces a level when pretty"},
    MR_TEXT_DESTINATION_OPTIONS(json_destination),
    {0},
};

static mr_code json_open(void *state, const mr_connector_env *env, mr_error *err)
{
    json_destination *d = state;
    d->options = (mr_json_write_options){.format = (mr_json_format)d->format,
                                         .pretty = d->pretty,
                                         .indent = d->indent,
                                         .lossy = env->lossy};
    if (d->format == MR_JSON_ARRAY && d->text.append)
        return mr_fail(err, MR_ERR_USAGE,
                       "append: a JSON array cannot be continued; use format lines");
    return mr_text_destination_open(&d->text, env, err);
}

static mr_code json_start(void *state, const mr_schema *schema, mr_error *err)
{
    (void)schema;
    return mr_text_destination_start(state, err);
}

static mr_code json_lane_open(void *state, void *lane_state, mr_error *err)
{
    const json_destination *d = state;
    json_destination_lane *lane = lane_state;
    lane->array = d->format == MR_JSON_ARRAY;
    MR_TRY(mr_text_destination_lane_open(&d->text, &lane->text, err));
    return mr_json_writer_open(&d->options, &lane->writer, err);
}

static void json_lane_close(void *lane_state)
{
    json_destination_lane *lane = lane_state;
    mr_text_destination_lane_close(&lane->text);
    mr_json_writer_close(lane->writer);
}

static mr_code json_encode(void *lane_state, mr_job *job, mr_error *err)
{
    json_destination_lane *lane = lane_state;
    const size_t before = job->encoded.len;
    const uint32_t refused = job->refused.count;
    if (lane->array && before > 0) MR_TRY(mr_json_array_separator(&job->encoded, err));
    const size_t separated = job->encoded.len;
    MR_TRY(mr_json_write(lane->writer, &job->batch, &job->encoded, &job->refused, err));
    if (job->encoded.len == separated) job->encoded.len = before; /* no row was written */
    job->encoded_rows += job->batch.row_count - (job->refused.count - refused);
    return MR_OK;
}

static mr_code json_write(void *state, mr_job *job, mr_error *err)
{
    json_destination *d = state;
    if (job->encoded.len == 0) return MR_OK;
    if (d->format == MR_JSON_ARRAY) {
        MR_TRY(d->text.any_rows ? mr_json_array_separator(&d->text.frame, err)
                                : mr_json_array_open(&d->text.frame, err));
        MR_TRY(mr_text_destination_put_frame(&d->text, err));
        d->text.any_rows = true;
    }
    return mr_text_destination_write(state, job, err);
}

static mr_code close_array(json_destination *d, mr_error *err)
{
    if (d->format != MR_JSON_ARRAY || d->text.sealed) return MR_OK;
    MR_TRY(mr_json_array_close(&d->text.frame, d->text.any_rows, err));
    return mr_text_destination_put_frame(&d->text, err);
}

static mr_code json_checkpoint(void *state, bool last, mr_buffer *position, int *out_sync_fd,
                               mr_error *err)
{
    if (last) MR_TRY(close_array(state, err));
    return mr_text_destination_checkpoint(state, last, position, out_sync_fd, err);
}

static mr_code json_commit(void *state, mr_error *err)
{
    MR_TRY(close_array(state, err));
    return mr_text_destination_commit(state, err);
}

const mr_destination_ops mr_destination_json = {
    .name = "json",
    .summary = "JSON lines or an array, compressed or not",
    .options = json_options,
    .capabilities =
        MR_CAP_TYPED | MR_CAP_COLUMNS | MR_CAP_TRANSACTION | MR_CAP_STREAM | MR_CAP_RESUME,
    .guarantee = "all or nothing: the file appears when it is complete",
    .state_bytes = sizeof(json_destination),
    .lane_bytes = sizeof(json_destination_lane),
    .open = json_open,
    .start = json_start,
    .lane_open = json_lane_open,
    .encode = json_encode,
    .finish_piece = mr_text_destination_finish_piece,
    .lane_close = json_lane_close,
    .write = json_write,
    .flush = mr_text_destination_flush,
    .commit = json_commit,
    .abort = mr_text_destination_abort,
    .bytes_out = mr_text_destination_bytes,
    .target = mr_text_destination_target,
    .cannot_resume = mr_text_destination_cannot_resume,
    .checkpoint = json_checkpoint,
    .leaves_traces = mr_text_destination_leaves_traces,
    .resume = mr_text_destination_resume,
    .suspend = mr_text_destination_suspend,
    .close = mr_text_destination_close,
};
