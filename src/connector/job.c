/* SPDX-License-Identifier: MIT */
#include "connector/connector.h"

#include "core/clock.h"

#define MAX_PIECE_BYTES   ((size_t)1 << 30)
#define MAX_NOTES_BYTES   ((size_t)256 << 20)
#define MAX_DRIFT_BYTES   ((size_t)256 << 20)
#define KEEP_BYTES        ((size_t)4 << 20)
#define MAX_DROPPED_BYTES (MR_BATCH_MAX_ROWS * sizeof(uint32_t))

mr_code mr_connector_may_wait(const mr_connector_env *env, mr_error *err)
{
    if (atomic_load_explicit(env->cancelled, memory_order_relaxed))
        return mr_fail(err, MR_ERR_CLOSED, "interrupted");
    if (env->deadline_ns != 0 && mr_clock_ns() > env->deadline_ns)
        return mr_fail(err, MR_ERR_CLOSED, "the time-out (--timeout) has passed");
    return MR_OK;
}

mr_code mr_source_mark_position(MR_UNUSED void *state, const mr_source_place *place, mr_buffer *out,
                                mr_error *err)
{
    return mr_buffer_append(out, place->mark, err);
}

void mr_job_init(mr_job *job)
{
    memset(job, 0, sizeof *job);
    mr_buffer_init(&job->bytes, "a piece of input (limits.max_record_bytes)", MAX_PIECE_BYTES);
    mr_buffer_init(&job->encoded, "the output of one piece", MAX_PIECE_BYTES * 8);
    mr_buffer_init(&job->packed, "the compressed output of one piece", MAX_PIECE_BYTES * 8);
    mr_batch_init(&job->batch, 0);
    mr_batch_init(&job->original, 0);
    mr_reject_list_init(&job->rejects);
    mr_reject_list_init(&job->refused);
    mr_arena_init(&job->notes, "job.notes", MAX_NOTES_BYTES);
    mr_buffer_init(&job->drift, "the notes of schema drift in one piece", MAX_DRIFT_BYTES);
    mr_buffer_init(&job->noted, "the records at the watermark", MAX_PIECE_BYTES);
    mr_buffer_init(&job->dropped, "the list of rows that are filtered out", MAX_DROPPED_BYTES);
    mr_buffer_init(&job->mark, "the source's position", MR_POSITION_MAX);
}

void mr_job_done(mr_job *job)
{
    mr_buffer_done(&job->bytes);
    mr_buffer_done(&job->encoded);
    mr_buffer_done(&job->packed);
    mr_batch_done(&job->batch);
    mr_batch_done(&job->original);
    mr_reject_list_done(&job->rejects);
    mr_reject_list_done(&job->refused);
    mr_arena_done(&job->notes);
    mr_buffer_done(&job->drift);
    mr_buffer_done(&job->noted);
    mr_buffer_done(&job->dropped);
    mr_flow_done(&job->flow);
    mr_buffer_done(&job->mark);
}

static void empty(mr_buffer *buffer)
{
    mr_buffer_reset(buffer);
    mr_buffer_shrink(buffer, KEEP_BYTES);
}

void mr_job_reset(mr_job *job)
{
    empty(&job->bytes);
    empty(&job->encoded);
    empty(&job->packed);
    mr_batch_reset(&job->batch);
    mr_batch_reset(&job->original);
    mr_reject_list_reset(&job->rejects);
    mr_reject_list_reset(&job->refused);
    mr_arena_reset(&job->notes);
    mr_buffer_reset(&job->drift);
    empty(&job->noted);
    mr_buffer_reset(&job->dropped);
    mr_flow_reset(&job->flow);
    mr_buffer_reset(&job->mark);
    memset((char *)job + offsetof(mr_job, sequence), 0, sizeof *job - offsetof(mr_job, sequence));
}

/* A text in quotes, escaped as JSON wants it. Bytes that are not UTF-8 stay as they are: the
 * quarantine keeps the whole in base64 then. */
static char *put_text(char *to, mr_slice text)
{
    static const char hex[] = "0123456789abcdef";
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = hex[byte >> 4];
            to[5] = hex[byte & 15];
            to += 6;
            continue;
        }
        if (byte == '"' || byte == '\\') *to++ = '\\';
        *to++ = (char)byte;
    }
    *to++ = '"';
    return to;
}

static char *put_value(char *to, const mr_column *column, uint32_t row)
{
    const mr_slice text = mr_column_text(column, row);
    if (mr_column_is_null(column, row)) {
        memcpy(to, "null", 4);
        return to + 4;
    }
    const mr_type type = mr_column_type(column, row);
    const bool bare = type == MR_TYPE_BOOL || type == MR_TYPE_JSON ||
                      (mr_type_is_number(type) && text.ptr[0] != 'I' && text.ptr[0] != 'N' &&
                       !mr_slice_starts(text, "-I"));
    if (!bare || text.len == 0) return put_text(to, text);
    memcpy(to, text.ptr, text.len);
    return to + text.len;
}

/* A row that came without text, or whose text is gone, is kept for the quarantine as a JSON object
 * of its values. */
static mr_slice text_of_row(mr_job *job, const mr_batch *batch, uint32_t row)
{
    size_t room = 2;
    for (uint32_t c = 0; c < batch->column_count; c++)
        room += (mr_column_text(&batch->columns[c], row).len + batch->columns[c].name.len) * 6 + 12;
    char *text = mr_arena_take(&job->notes, room);
    if (text == NULL) return (mr_slice){0};
    char *to = text;
    *to++ = '{';
    for (uint32_t c = 0; c < batch->column_count; c++) {
        if (mr_column_is_absent(&batch->columns[c], row)) continue;
        if (to > text + 1) *to++ = ',';
        to = put_text(to, batch->columns[c].name);
        *to++ = ':';
        to = put_value(to, &batch->columns[c], row);
    }
    *to++ = '}';
    return (mr_slice){text, (size_t)(to - text)};
}

/* The row of the batch as the source gave it from which a row of the batch comes: steps take rows
 * out and make several of one, but leave them in order. */
static uint32_t original_row(const mr_batch *original, uint32_t record)
{
    uint32_t low = 0, high = original->row_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (original->row_record[middle] < record)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static mr_slice text_as_it_came(mr_job *job, uint32_t row)
{
    const mr_batch *const original = &job->original;
    if (original->row_count == 0) return text_of_row(job, &job->batch, row);
    return text_of_row(job, original, original_row(original, job->batch.row_record[row]));
}

mr_code mr_job_keep_fields(mr_job *job, const mr_reject_list *list, uint32_t from, mr_error *err)
{
    for (uint32_t i = from; i < list->count; i++) {
        mr_reject *reject = mr_reject_at(list, i);
        if (reject->field.len == 0) continue;
        reject->field.ptr = mr_arena_copy(&job->notes, reject->field);
        if (reject->field.ptr == NULL) return mr_arena_fail(&job->notes, err);
    }
    return MR_OK;
}

mr_code mr_job_drop(mr_job *job, const uint8_t *keep, bool duplicates, mr_error *err)
{
    const mr_batch *batch = &job->batch;
    const uint32_t rows = batch->row_count;
    MR_TRY(mr_buffer_reserve(&job->dropped, rows * sizeof(mr_dropped_row), err));
    mr_dropped_row *dropped = (mr_dropped_row *)(void *)(job->dropped.ptr + job->dropped.len);
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows; row++) {
        /* overwritten unless it is dropped */
        dropped[count] = (mr_dropped_row){batch->row_record[row] & INT32_MAX, duplicates};
        count += (keep[row / 8] >> row % 8 & 1) == 0;
    }
    if (count == 0) return MR_OK;
    job->dropped.len += count * sizeof *dropped;
    if (duplicates)
        job->deduplicated += count;
    else
        job->filtered += count;
    mr_batch_keep_rows(&job->batch, keep);
    return MR_OK;
}

void mr_job_place_refused(mr_job *job, uint32_t from)
{
    const mr_batch *batch = &job->batch;
    for (uint32_t i = from; i < job->refused.count; i++) {
        mr_reject *reject = mr_reject_at(&job->refused, i);
        const uint32_t row = reject->row_before;
        if (reject->placed) continue;
        reject->placed = true;
        reject->record = batch->origin.record + batch->row_record[row];
        if (batch->origin.bytes.ptr == NULL) {
            reject->raw = text_as_it_came(job, row);
            reject->rebuilt = true;
            reject->byte_length = reject->raw.len;
            if (!batch->origin.placed) continue;
            reject->line = batch->origin.line + batch->row_line[row];
            reject->byte_offset = batch->origin.byte_offset + batch->row_offset[row];
            reject->byte_length = batch->row_length[row];
            continue;
        }
        reject->columns = batch->origin.columns;
        reject->line = batch->origin.line + batch->row_line[row];
        reject->byte_offset = batch->origin.byte_offset + batch->row_offset[row];
        reject->byte_length = batch->row_length[row];
        reject->raw =
            (mr_slice){batch->origin.bytes.ptr + batch->row_offset[row], batch->row_length[row]};
    }
}
