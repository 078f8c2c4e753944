/* SPDX-License-Identifier: MIT
 *
 * support/json_transcript.h - what reading some JSON gave, written down as text, so that two
 * readings can be compared however the bytes were cut:
 *
 *     {"a":1,"b":null}     a=int:1 b=null                one line a row; absent cells are left out
 *     nope                 ! syntax 17+4 line 1 ...      one line a reject, in its place
 *     [                    # line 1, column 2: ...       the failure that ended it
 *
 * Used by tests and by the fuzzer, which has no test framework: what must not happen aborts.
 *
 * Thread: none; tests are single. */
#ifndef MR_TESTS_SUPPORT_JSON_TRANSCRIPT_H
#define MR_TESTS_SUPPORT_JSON_TRANSCRIPT_H

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "format/json_internal.h"

typedef struct json_reading {
    mr_json_reader *reader;
    mr_batch batch;
    mr_reject_list rejects;
    mr_json_state state;
    mr_text_result sum;
    mr_buffer text;   /* the padded copy that is read */
    mr_buffer report; /* what came out */
    mr_arena arena;
    mr_schema schema; /* columns so far: the next batch begins with them */
    bool forgetful;   /* ... or without */
    bool terse;       /* rows with offset, length, line and ordinal; of failures the place alone */
    uint32_t max_rows;
    size_t done; /* bytes of the stream before the last call's */
} json_reading;

static inline void json_need(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "json_transcript: %s\n", what);
    abort();
}

#define JSON_SAY(out, ...) \
    json_need(mr_buffer_printf((out), NULL, __VA_ARGS__) == MR_OK, "no room to report")

static inline void json_say_bytes(mr_buffer *out, mr_slice bytes)
{
    json_need(mr_buffer_append(out, bytes, NULL) == MR_OK, "no room to report");
}

static inline int json_compare(mr_slice a, mr_slice b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* `kernels` may be NULL: the reader's own choice. */
static inline void json_reading_open(json_reading *r, const mr_json_options *options,
                                     const mr_json_kernels *kernels)
{
    *r = (json_reading){0};
    json_need(mr_json_reader_open(options, &r->reader, NULL) == MR_OK, "the reader does not open");
    if (kernels != NULL) r->reader->kernels = kernels;
    mr_batch_init(&r->batch, 0);
    mr_reject_list_init(&r->rejects);
    mr_arena_init(&r->arena, "test", (size_t)1 << 28);
    mr_schema_init(&r->schema, &r->arena);
    r->forgetful = options->limits.max_columns > 0;
    mr_buffer_init(&r->text, "test", (size_t)1 << 30);
    mr_buffer_init(&r->report, "test", (size_t)1 << 30);
}

static inline void json_reading_close(json_reading *r)
{
    mr_json_reader_close(r->reader);
    mr_batch_done(&r->batch);
    mr_reject_list_done(&r->rejects);
    mr_buffer_done(&r->text);
    mr_buffer_done(&r->report);
    mr_arena_done(&r->arena);
}

static inline void json_say_cell(mr_buffer *out, const mr_column *column, uint32_t row)
{
    if (mr_column_is_absent(column, row)) return;
    json_say_bytes(out, column->name);
    if (mr_column_is_null(column, row)) {
        JSON_SAY(out, "=null ");
        return;
    }
    JSON_SAY(out, "=%s:", mr_type_name(mr_column_type(column, row)));
    json_say_bytes(out, mr_column_text(column, row));
    JSON_SAY(out, " ");
}

/* The column whose name comes next after that of column `last` (-1: first); -1 at the end. */
static inline int64_t json_next_by_name(const mr_batch *batch, int64_t last)
{
    int64_t best = -1;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const mr_slice name = batch->columns[i].name;
        if (last >= 0 && json_compare(name, batch->columns[last].name) <= 0) continue;
        if (best < 0 || json_compare(name, batch->columns[best].name) < 0) best = i;
    }
    return best;
}

/* In the order of columns; by name when columns come anew with every batch, in an order that
 * depends on where the batch began. */
static inline void json_say_row(json_reading *r, uint32_t row)
{
    mr_buffer *out = &r->report;
    const mr_batch *batch = &r->batch;
    if (r->terse)
        JSON_SAY(out, "%llu+%u line %llu record %llu: ",
                 (unsigned long long)(batch->row_offset[row] + r->done), batch->row_length[row],
                 (unsigned long long)(batch->row_line[row] + r->sum.line_count),
                 (unsigned long long)(batch->row_record[row] + r->sum.record_count));
    for (uint32_t i = 0; i < batch->column_count && !r->forgetful; i++)
        json_say_cell(out, &batch->columns[i], row);
    for (int64_t i = -1; r->forgetful && (i = json_next_by_name(batch, i)) >= 0;)
        json_say_cell(out, &batch->columns[i], row);
    JSON_SAY(out, "\n");
}

static inline void json_say_reject(json_reading *r, const mr_reject *reject)
{
    JSON_SAY(&r->report, "! %s %llu+%llu line %llu record %llu", mr_reason_name(reject->reason),
             (unsigned long long)(reject->byte_offset + r->done),
             (unsigned long long)reject->raw.len,
             (unsigned long long)(reject->line + r->sum.line_count),
             (unsigned long long)(reject->record + r->sum.record_count));
    if (reject->detail[0] != 0 && !r->terse) JSON_SAY(&r->report, ": %s", reject->detail);
    JSON_SAY(&r->report, "\n");
    json_need(
        reject->raw.len == reject->byte_length ||
            (reject->reason == MR_REASON_RECORD_TOO_LARGE && reject->raw.len < reject->byte_length),
        "a reject's raw text has another length");
    json_need(reject->raw.ptr == r->text.ptr + reject->byte_offset, "raw text of another place");
}

/* Reports what a call gave and empties batch and rejects for the next. */
static inline void json_reading_take(json_reading *r, const mr_text_result *result)
{
    mr_batch_check(&r->batch);
    uint32_t next = 0;
    for (uint32_t row = 0; row <= r->batch.row_count; row++) {
        for (; next < r->rejects.count && mr_reject_at(&r->rejects, next)->row_before == row;
             next++)
            json_say_reject(r, mr_reject_at(&r->rejects, next));
        if (row < r->batch.row_count) json_say_row(r, row);
    }
    json_need(next == r->rejects.count, "rejects out of order");
    r->done += result->consumed;
    r->sum.record_count += result->record_count;
    r->sum.line_count += result->line_count;
    r->sum.blank_lines += result->blank_lines;
    r->sum.duplicate_keys += result->duplicate_keys;
    json_need(r->state.line == r->sum.line_count, "the state has lost count of lines");
    for (uint32_t i = r->schema.field_count; i < r->batch.column_count && !r->forgetful; i++)
        json_need(mr_schema_add(&r->schema, r->batch.columns[i].name, MR_TYPE_NULL, NULL, NULL) ==
                      MR_OK,
                  "two columns of one name");
    mr_batch_reset(&r->batch);
    json_need(mr_batch_set_schema(&r->batch, &r->schema, NULL) == MR_OK, "no memory");
    mr_reject_list_reset(&r->rejects);
}

/* Copies the bytes into memory of exactly their size and the padding, which holds what would do
 * harm if it were taken for input. */
static inline mr_slice json_padded(json_reading *r, mr_slice bytes)
{
    const mr_slice junk = MR_SLICE("\"}]9e\\\"1234567890,\"x\":[{\n");
    mr_buffer_reset(&r->text);
    json_need(mr_buffer_reserve(&r->text, bytes.len + 1, NULL) == MR_OK, "no memory");
    if (bytes.len > 0) memcpy(r->text.ptr, bytes.ptr, bytes.len);
    for (size_t i = 0; i < MR_TEXT_PADDING; i++)
        r->text.ptr[bytes.len + i] = junk.ptr[i % junk.len];
    return (mr_slice){r->text.ptr, bytes.len};
}

/* Reads `shown` bytes of the stream from where reading is, emptying the batch as often as needed.
 */
static inline mr_code json_reading_show(json_reading *r, mr_slice input, size_t shown,
                                        mr_error *err)
{
    mr_text_result result;
    mr_code rc;
    do {
        const mr_slice bytes = {input.ptr + r->done, shown - r->done};
        rc = mr_json_read(r->reader, &r->state, json_padded(r, bytes), shown == input.len,
                          &r->batch, &r->rejects, &result, err);
        json_need(result.consumed <= bytes.len, "more consumed than there was");
        json_reading_take(r, &result);
    } while (rc == MR_OK && result.batch_full);
    return rc;
}

/* Feeds `input` so that its first `cut` bytes are presented first (SIZE_MAX: all at once), and then
 * what they left unread with the rest. Returns the code of the call that ended it. */
static inline mr_code json_reading_feed(json_reading *r, mr_slice input, size_t cut)
{
    mr_error err;
    if (r->max_rows > 0) {
        mr_batch_done(&r->batch);
        mr_batch_init(&r->batch, r->max_rows);
    }
    mr_code rc = MR_OK;
    if (cut < input.len) rc = json_reading_show(r, input, cut, &err);
    if (rc == MR_OK) {
        rc = json_reading_show(r, input, input.len, &err);
        json_need(rc != MR_OK || r->done == input.len, "bytes are left at the end");
    }
    if (rc != MR_OK && !r->terse) JSON_SAY(&r->report, "# %s\n", err.text);
    if (rc != MR_OK && r->terse) {
        const mr_json_place place = mr_json_reader_place(r->reader);
        JSON_SAY(&r->report, "# line %llu, column %llu\n", (unsigned long long)place.line,
                 (unsigned long long)place.column);
    }
    return rc;
}

#endif
