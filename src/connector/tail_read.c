/* SPDX-License-Identifier: MIT */
#include "connector/tail_read.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define LARGEST_EXTRA   64 /* bytes behind the largest record that a reader may want to see */

enum { IN_LONG_LINE = 1 }; /* mr_tail_place.state of CSV and lines; JSON's own for JSON */

/* --- opening ---------------------------------------------------------------------------------- */

static mr_code open_lines(mr_tail_reader *r, mr_error *err)
{
    mr_schema_init(&r->schema, r->env->arena);
    r->knows_schema = true;
    return mr_schema_add(&r->schema, mr_slice_text(r->column), MR_TYPE_STRING, NULL, err);
}

mr_code mr_tail_reader_open(mr_tail_reader *r, const mr_connector_env *env, mr_error *err)
{
    r->env = env;
    r->json_options.format = MR_JSON_LINES;
    r->json_options.limits = env->limits;
    mr_schema_init(&r->schema, env->arena);
    if (r->format == MR_TAIL_LINES) return open_lines(r, err);
    if (r->format == MR_TAIL_CSV) return mr_csv_options_check(&r->csv_options, err);
    return mr_json_reader_open(&r->json_options, &r->json, err);
}

void mr_tail_reader_close(mr_tail_reader *r)
{
    if (r->has_csv) mr_csv_reader_done(&r->csv);
    r->has_csv = false;
    mr_json_reader_close(r->json);
    r->json = NULL;
}

size_t mr_tail_reader_largest(const mr_tail_reader *r)
{
    const size_t largest = (size_t)r->env->limits.max_record_bytes + LARGEST_EXTRA;
    return largest > MR_TAIL_PIECE ? largest : MR_TAIL_PIECE;
}

/* --- the start of a file ---------------------------------------------------------------------- */

/* A byte order mark's length; *out_unclear when more bytes are needed to tell. */
static size_t mark_of(mr_slice bytes, bool final, bool *out_unclear)
{
    const mr_slice mark = MR_SLICE(BYTE_ORDER_MARK);
    const size_t len = bytes.len < mark.len ? bytes.len : mark.len;
    *out_unclear = false;
    if (len > 0 && memcmp(bytes.ptr, mark.ptr, len) != 0) return 0;
    *out_unclear = len < mark.len && !final;
    return len == mark.len ? len : 0;
}

static mr_code same_columns(const mr_tail_reader *r, const char *path, const mr_schema *other,
                            mr_error *err)
{
    const mr_slice none = MR_SLICE("(none)");
    const uint32_t count = r->schema.field_count, others = other->field_count;
    for (uint32_t i = 0; i < count || i < others; i++) {
        const mr_slice wanted = i < count ? r->schema.fields[i].name : none;
        const mr_slice found = i < others ? other->fields[i].name : none;
        if (i < count && i < others && mr_slice_equal(wanted, found)) continue;
        return mr_fail(err, MR_ERR_INPUT,
                       "'%s' has other columns than the files before: column %u is '%.*s', "
                       "expected '%.*s'; begin another run for it",
                       path, i + 1, MR_SLICE_ARGS(found), MR_SLICE_ARGS(wanted));
    }
    return MR_OK;
}

static mr_code learn_header(mr_tail_reader *r, const mr_schema *schema, mr_error *err)
{
    r->schema = *schema;
    r->knows_schema = true;
    r->has_csv = true;
    return mr_csv_reader_init(&r->csv, &r->csv_options, &r->env->limits, &r->schema, NULL, err);
}

/* A file without any record has no columns, and nothing to say about those of others. */
static mr_code read_header(mr_tail_reader *r, const char *path, mr_slice bytes, bool final,
                           mr_csv_header *header, bool *out_complete, mr_error *err)
{
    mr_schema schema;
    mr_schema_init(&schema, r->env->arena);
    const mr_code rc = mr_csv_read_header(&r->csv_options, &r->env->limits, bytes, final, &schema,
                                          out_complete, header, err);
    if (rc != MR_OK) return mr_error_prefix(err, "'%s'", path);
    if (!*out_complete || schema.field_count == 0) return MR_OK;
    return r->knows_schema ? same_columns(r, path, &schema, err) : learn_header(r, &schema, err);
}

mr_code mr_tail_reader_start(mr_tail_reader *r, mr_tail_file *file, mr_slice bytes, bool final,
                             size_t *out_consumed, mr_error *err)
{
    bool unclear, complete = true;
    mr_csv_header header = {0};
    const size_t mark = mark_of(bytes, final, &unclear);
    *out_consumed = 0;
    if (unclear) return MR_OK;
    if (r->format == MR_TAIL_CSV)
        MR_TRY(
            read_header(r, file->path, mr_slice_from(bytes, mark), final, &header, &complete, err));
    if (!complete) return MR_OK;
    *out_consumed = mark + header.consumed;
    file->at.line = header.line_count;
    file->at.state = r->format == MR_TAIL_JSON ? MR_JSON_AT_VALUE : 0;
    file->at.started = true;
    return MR_OK;
}

mr_code mr_tail_reader_look(mr_tail_reader *r, mr_slice bytes, mr_error *err)
{
    mr_tail_file scratch = {.path = (char[]){""}};
    size_t consumed;
    return mr_tail_reader_start(r, &scratch, bytes, false, &consumed, err);
}

mr_code mr_tail_reader_learn(mr_tail_reader *r, const mr_schema *schema, const mr_infer *found,
                             mr_error *err)
{
    mr_arena *arena = r->env->arena;
    if (r->format == MR_TAIL_LINES) return MR_OK;
    if (r->format == MR_TAIL_JSON) {
        MR_TRY(mr_schema_copy(&r->schema, schema, arena, err));
        MR_TRY(mr_schema_copy(&r->columns, schema, arena, err));
        for (uint32_t i = 0; i < r->columns.field_count; i++)
            r->columns.fields[i].type = MR_TYPE_NULL;
        r->knows_schema = true;
        return MR_OK;
    }
    const uint32_t count = r->schema.field_count;
    mr_infer *kept = mr_arena_take(arena, sizeof *kept * (count + 1));
    if (kept == NULL) return mr_arena_fail(arena, err);
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = found[i];
        r->schema.fields[i].type = schema->fields[i].type;
    }
    r->found = kept;
    return MR_OK;
}

/* --- lines ------------------------------------------------------------------------------------ */

static mr_code reject_long(mr_tail_reader *r, mr_slice line, const mr_text_result *so_far,
                           mr_batch *batch, mr_reject_list *rejects, mr_error *err)
{
    mr_reject *reject;
    MR_TRY(mr_reject_list_add(rejects, MR_REASON_RECORD_TOO_LARGE, &reject, err));
    reject->row_before = batch->row_count;
    reject->record = so_far->record_count;
    reject->line = so_far->line_count;
    reject->byte_offset = so_far->consumed;
    reject->byte_length = mr_min_u64(line.len, r->env->limits.max_record_bytes);
    reject->raw = mr_slice_of(line.ptr, (size_t)reject->byte_length);
    return MR_OK;
}

static mr_code append_line(mr_tail_reader *r, mr_slice line, const mr_text_result *so_far,
                           mr_batch *batch, mr_reject_list *rejects, mr_error *err)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    if (line.len > r->env->limits.max_record_bytes)
        return reject_long(r, line, so_far, batch, rejects, err);
    MR_TRY(mr_batch_begin_row(batch, err));
    MR_TRY(mr_column_append(&batch->columns[0], batch->row_count, line, err));
    mr_batch_end_row(batch, (uint32_t)so_far->consumed, (uint32_t)line.len,
                     (uint32_t)so_far->line_count, (uint32_t)so_far->record_count);
    return MR_OK;
}

/* A line without its LF is there only when the file is over, or as the beginning of one too long.
 */
static mr_code read_lines(mr_tail_reader *r, uint32_t *state, mr_slice bytes, mr_batch *batch,
                          mr_reject_list *rejects, mr_text_result *out, mr_error *err)
{
    while (out->consumed < bytes.len && !out->batch_full) {
        const mr_slice rest = mr_slice_from(bytes, out->consumed);
        const char *lf = memchr(rest.ptr, '\n', rest.len);
        const mr_slice line =
            mr_slice_of(rest.ptr, lf != NULL ? (size_t)(lf - rest.ptr) : rest.len);
        const bool was_in_long_line = *state == IN_LONG_LINE;
        if (!was_in_long_line) MR_TRY(append_line(r, line, out, batch, rejects, err));
        if (!was_in_long_line) out->record_count++;
        *state = lf == NULL && line.len > r->env->limits.max_record_bytes ? IN_LONG_LINE
                 : lf == NULL && was_in_long_line                         ? IN_LONG_LINE
                                                                          : 0;
        out->consumed += line.len + (lf != NULL);
        out->line_count += lf != NULL;
        out->batch_full = batch->row_count == batch->max_rows;
    }
    return MR_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

static mr_code read_json(mr_tail_reader *r, uint32_t *state, mr_slice bytes, bool final,
                         mr_job *job, mr_text_result *out, mr_error *err)
{
    mr_json_state json = {.where = (mr_json_where)*state};
    MR_TRY(mr_json_read(r->json, &json, bytes, final, &job->batch, &job->rejects, out, err));
    *state = json.where;
    return MR_OK;
}

static mr_code read_csv(mr_tail_reader *r, uint32_t *state, mr_slice bytes, bool final, mr_job *job,
                        mr_text_result *out, mr_error *err)
{
    mr_batch *batch = &job->batch;
    r->csv.in_long_line = *state == IN_LONG_LINE;
    MR_TRY(mr_csv_read(&r->csv, bytes, final, batch, &job->rejects, out, err));
    *state = r->csv.in_long_line ? IN_LONG_LINE : 0;
    for (uint32_t i = 0; r->found != NULL && i < r->schema.field_count; i++) {
        bool differs;
        uint32_t row;
        MR_TRY(mr_infer_enforce(batch, i, r->schema.fields[i].type, r->found[i].layout, &differs,
                                &row, err));
    }
    return MR_OK;
}

static mr_code prepare(mr_tail_reader *r, const mr_tail_file *file, mr_job *job, mr_error *err)
{
    mr_batch *batch = &job->batch;
    const uint32_t most = r->env->max_rows;
    mr_batch_reset(batch);
    if (most > 0 && most < batch->max_rows) batch->max_rows = most;
    if (r->format == MR_TAIL_JSON && r->knows_schema)
        MR_TRY(mr_batch_set_schema(batch, &r->columns, err));
    else if (r->format != MR_TAIL_JSON)
        MR_TRY(mr_batch_set_schema(batch, &r->schema, err));
    batch->origin = (mr_origin){.source = job->file_name,
                                .bytes = mr_buffer_slice(&job->bytes),
                                .byte_offset = file->at.offset,
                                .line = file->at.line,
                                .record = file->at.record};
    return MR_OK;
}

/* Rejects come with places in the piece. */
static void place_rejects(const mr_tail_file *file, mr_job *job)
{
    for (uint32_t i = 0; i < job->rejects.count; i++) {
        mr_reject *reject = mr_reject_at(&job->rejects, i);
        reject->record += file->at.record;
        reject->line += file->at.line;
        reject->byte_offset += file->at.offset;
    }
}

mr_code mr_tail_reader_read(mr_tail_reader *r, mr_tail_file *file, mr_job *job, bool final,
                            mr_text_result *out, mr_error *err)
{
    const mr_slice bytes = mr_buffer_slice(&job->bytes);
    uint32_t *state = &file->at.state;
    mr_code rc;
    *out = (mr_text_result){0};
    MR_TRY(prepare(r, file, job, err));
    if (r->format == MR_TAIL_LINES)
        rc = read_lines(r, state, bytes, &job->batch, &job->rejects, out, err);
    else if (r->format == MR_TAIL_JSON)
        rc = read_json(r, state, bytes, final, job, out, err);
    else
        rc = read_csv(r, state, bytes, final, job, out, err);
    if (rc != MR_OK) return mr_error_prefix(err, "'%s'", file->path);
    place_rejects(file, job);
    file->at.record += out->record_count;
    file->at.line += out->line_count;
    return MR_OK;
}
