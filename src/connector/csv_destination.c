/* SPDX-License-Identifier: MIT
 *
 * csv as a destination. Columns are fixed by the header: a record that brings a value for another
 * column begins a new part (connector/text_parts.h), or is refused (drift), never cut. */
#include "connector/connectors.h"
#include "connector/text_destination.h"
#include "connector/text_parts.h"
#include "format/csv.h"
#include "format/input.h"

typedef struct csv_destination {
    mr_text_destination text; /* first */
    char delimiter, quote;
    bool header, crlf, match_header;
    const char *null_text;
    mr_csv_writer writer;
    uint32_t column_count;
    mr_text_parts parts;
} csv_destination;

typedef struct csv_destination_lane {
    mr_text_destination_lane text; /* first */
    const csv_destination *destination;
    mr_csv_writer writer;
    bool open;
} csv_destination_lane;

static const mr_option_choice delimiter_choices[] = {
    {"tab", '\t'}, {"comma", ','}, {"semicolon", ';'}, {"pipe", '|'}, {0}};

static const mr_option csv_options[] = {
    {.name = "delimiter",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(csv_destination, delimiter),
     .fallback = ",",
     .choices = delimiter_choices,
     .help = "the byte between fields"},
    {.name = "quote",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(csv_destination, quote),
     .fallback = "\"",
     .help = "the byte around fields that need it"},
    {.name = "header",
     .aliases = "has_header",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(csv_destination, header),
     .fallback = "true",
     .help = "begin with a line of column names"},
    {.name = "match_header",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(csv_destination, match_header),
     .fallback = "false",
     .help = "append: refuse a file whose first line is another header; mode append, incremental "
             "and snapshot say so"},
    {.name = "crlf",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(csv_destination, crlf),
     .fallback = "false",
     .help = "end rows with CR LF"},
    {.name = "null_value",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(csv_destination, null_text),
     .fallback = "",
     .help = "how null is written"},
    MR_TEXT_DESTINATION_OPTIONS(csv_destination),
    {0},
};

static void set_dialect(const csv_destination *d, mr_csv_writer *writer)
{
    writer->delimiter = d->delimiter;
    writer->quote = d->quote;
    writer->header = d->header;
    writer->crlf = d->crlf;
    writer->null_text = mr_slice_text(d->null_text);
}

static mr_code csv_open(void *state, const mr_connector_env *env, mr_error *err)
{
    csv_destination *d = state;
    mr_csv_writer_init(&d->writer);
    set_dialect(d, &d->writer);
    MR_TRY(mr_csv_writer_check(&d->writer, err));
    return mr_text_destination_open(&d->text, env, err);
}

static mr_code read_header(const csv_destination *d, mr_input *input, mr_schema *out, mr_error *err)
{
    const mr_csv_options options = {.delimiter = d->delimiter, .quote = d->quote};
    for (size_t want = MR_CSV_SNIFF_BYTES; want <= MR_INPUT_PEEK_MAX; want *= 4) {
        mr_slice head;
        mr_csv_header header;
        bool complete = false;
        MR_TRY(mr_input_peek(input, want, -1, &head, err));
        const bool final = mr_input_peek_ended(input);
        MR_TRY(mr_csv_read_header(&options, &d->text.env->limits, head, final, out, &complete,
                                  &header, err));
        if (complete) return MR_OK;
    }
    return mr_fail(err, MR_ERR_INPUT, "'%s' has no header within %u bytes", d->text.path,
                   MR_INPUT_PEEK_MAX);
}

/* Who goes on with a file goes on with its columns. */
static mr_code csv_expects(void *state, const mr_schema **out, mr_error *err)
{
    const csv_destination *d = state;
    mr_identity there;
    mr_input *input;
    *out = NULL;
    if (!d->text.append || !d->header) return MR_OK;
    if (!mr_identity_of_path(d->text.path, &there) || there.size_bytes == 0) return MR_OK;
    mr_schema *schema = mr_arena_take(d->text.env->arena, sizeof *schema);
    if (schema == NULL) return mr_arena_fail(d->text.env->arena, err);
    mr_schema_init(schema, d->text.env->arena);
    const mr_input_options options = {
        .path = d->text.path, .codec = MR_CODEC_AUTO, .max_expansion = MR_EXPANSION_OFF};
    MR_TRY(mr_input_open(&input, &options, err));
    const mr_code rc = read_header(d, input, schema, err);
    mr_input_close(input);
    if (rc == MR_OK && schema->field_count > 0) *out = schema;
    return rc;
}

/* Rows behind a header that names other columns would be read as something else. */
static mr_code check_header(const csv_destination *d, mr_slice header, mr_error *err)
{
    mr_buffer there;
    size_t got = 0;
    mr_file file = {0};
    if (!d->match_header || !d->text.append || d->text.options.resume) return MR_OK;
    if (!d->header || d->text.codec != MR_CODEC_NONE || header.len == 0) return MR_OK;
    mr_buffer_init(&there, "the header", header.len + MR_BUFFER_SLACK);
    mr_code rc = mr_buffer_reserve(&there, header.len, err);
    if (rc == MR_OK) rc = mr_file_open(&file, d->text.path, err);
    if (rc == MR_OK) rc = mr_file_pread(&file, 0, there.ptr, header.len, &got, err);
    const bool equal = rc == MR_OK && mr_slice_equal(mr_slice_of(there.ptr, got), header);
    mr_file_close(&file);
    mr_buffer_done(&there);
    MR_TRY(rc);
    if (equal) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "'%s' begins with another header than the columns that are to be appended: %.*s",
                   d->text.path, (int)mr_min_u64(header.len - 1, 200), header.ptr);
}

static mr_code csv_start(void *state, const mr_schema *schema, mr_error *err)
{
    csv_destination *d = state;
    d->column_count = schema->field_count;
    d->parts.first_columns = schema;
    MR_TRY(mr_text_destination_start(&d->text, err));
    MR_TRY(mr_csv_write_header(&d->writer, schema, &d->text.frame, err));
    if (!mr_output_is_at_start(d->text.output)) {
        const mr_code rc = check_header(d, mr_buffer_slice(&d->text.frame), err);
        mr_buffer_reset(&d->text.frame);
        return rc;
    }
    return mr_text_destination_put_frame(&d->text, err);
}

static mr_code csv_part(void *state, const mr_schema *schema, const mr_job *job, mr_error *err)
{
    csv_destination *d = state;
    MR_TRY(mr_text_parts_next(&d->parts, &d->text, schema, job, err));
    MR_TRY(mr_csv_write_header(&d->writer, schema, &d->text.frame, err));
    return mr_text_destination_put_frame(&d->text, err);
}

static mr_code csv_write(void *state, mr_job *job, mr_error *err)
{
    csv_destination *d = state;
    d->parts.records += job->encoded_rows;
    return mr_text_destination_write(state, job, err);
}

static mr_code csv_commit(void *state, mr_error *err)
{
    csv_destination *d = state;
    return mr_text_parts_commit(&d->parts, &d->text, err);
}

static void csv_abort(void *state)
{
    csv_destination *d = state;
    mr_text_parts_abort(&d->parts);
    mr_text_destination_abort(state);
}

static uint64_t csv_bytes(void *state)
{
    const csv_destination *d = state;
    return d->parts.bytes + mr_text_destination_bytes(state);
}

static mr_code csv_lane_open(void *state, void *lane_state, mr_error *err)
{
    csv_destination_lane *lane = lane_state;
    lane->destination = state;
    mr_csv_writer_init(&lane->writer);
    set_dialect(lane->destination, &lane->writer);
    lane->open = true;
    return mr_text_destination_lane_open(state, &lane->text, err);
}

static void csv_lane_close(void *lane_state)
{
    csv_destination_lane *lane = lane_state;
    mr_text_destination_lane_close(&lane->text);
    if (lane->open) mr_csv_writer_done(&lane->writer);
}

/* Rows with a value in a column that the header does not have. */
static mr_code refuse_strangers(const csv_destination *d, mr_job *job, uint8_t *keep, mr_error *err)
{
    const mr_batch *batch = &job->batch;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        for (uint32_t c = d->column_count; c < batch->column_count; c++) {
            if (mr_column_is_null(&batch->columns[c], row)) continue;
            mr_reject *reject;
            MR_TRY(mr_reject_list_add(&job->refused, MR_REASON_DRIFT, &reject, err));
            reject->row_before = row;
            reject->field = batch->columns[c].name;
            reject->column = c + 1;
            mr_reject_detail(reject, "column '%.*s' is not among the %u columns of the header",
                             MR_SLICE_ARGS(batch->columns[c].name), d->column_count);
            keep[row / 8] &= (uint8_t) ~(1u << row % 8);
            break;
        }
    }
    return MR_OK;
}

static mr_code csv_encode(void *lane_state, mr_job *job, mr_error *err)
{
    csv_destination_lane *lane = lane_state;
    const csv_destination *d = lane->destination;
    mr_batch *batch = &job->batch;
    if (MR_UNLIKELY(!job->parted && batch->column_count > d->column_count)) {
        uint8_t keep[MR_BATCH_MAX_ROWS / 8];
        const uint32_t from = job->refused.count;
        memset(keep, 0xff, sizeof keep);
        MR_TRY(refuse_strangers(d, job, keep, err));
        mr_job_place_refused(job, from);
        mr_batch_drop_columns(batch, d->column_count);
        mr_batch_keep_rows(batch, keep);
    }
    job->encoded_rows += batch->row_count;
    return mr_csv_write(&lane->writer, batch, &job->encoded, err);
}

static void csv_close(void *state)
{
    csv_destination *d = state;
    mr_csv_writer_done(&d->writer);
    mr_text_parts_close(&d->parts);
    mr_text_destination_close(&d->text);
}

const mr_destination_ops mr_destination_csv = {
    .name = "csv",
    .summary = "delimited text, compressed or not",
    .options = csv_options,
    .capabilities = MR_CAP_COLUMNS | MR_CAP_TRANSACTION | MR_CAP_STREAM | MR_CAP_RESUME,
    .guarantee = "all or nothing: the file appears when it is complete",
    .state_bytes = sizeof(csv_destination),
    .lane_bytes = sizeof(csv_destination_lane),
    .open = csv_open,
    .start = csv_start,
    .lane_open = csv_lane_open,
    .encode = csv_encode,
    .finish_piece = mr_text_destination_finish_piece,
    .lane_close = csv_lane_close,
    .write = csv_write,
    .expects = csv_expects,
    .part = csv_part,
    .flush = mr_text_destination_flush,
    .commit = csv_commit,
    .abort = csv_abort,
    .bytes_out = csv_bytes,
    .target = mr_text_destination_target,
    .cannot_resume = mr_text_destination_cannot_resume,
    .checkpoint = mr_text_destination_checkpoint,
    .leaves_traces = mr_text_destination_leaves_traces,
    .resume = mr_text_destination_resume,
    .suspend = mr_text_destination_suspend,
    .close = csv_close,
};
