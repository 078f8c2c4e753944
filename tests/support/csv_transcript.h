/* SPDX-License-Identifier: MIT
 *
 * support/csv_transcript.h - everything the CSV reader says about some bytes, as one text, so that
 * two readings can be compared whatever way the bytes were cut, batched or indexed. One line per
 * record:
 *
 *     0 line 0 at 0+7 [a|~|]                 row: ordinal, line, offset + length, cells (~ = null)
 *     1 line 1 at 8+4 too_few_fields 0 raw   reject: ... reason, field, raw text
 *     blank 0 lines 2 resyncs 0
 *
 * Thread: none; tests are single. */
#ifndef MR_TESTS_SUPPORT_CSV_TRANSCRIPT_H
#define MR_TESTS_SUPPORT_CSV_TRANSCRIPT_H

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "format/csv.h"

typedef struct csv_case {
    mr_csv_options options;
    mr_text_limits limits;
    const mr_schema *schema;
    const uint8_t *wanted;
    uint32_t max_rows; /* of a batch */
} csv_case;

/* Appends `bytes` so that each is visible and unambiguous. */
static inline void csv_say_bytes(mr_buffer *out, mr_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const unsigned char byte = (unsigned char)bytes.ptr[i];
        const bool plain = byte >= 0x20 && byte < 0x7f && byte != '|' && byte != '~' &&
                           byte != '\\' && byte != '[' && byte != ']';
        if (mr_buffer_printf(out, NULL, plain ? "%c" : "\\%02x", byte) != MR_OK) abort();
    }
}

#define CSV_SAY(out, ...)                                                 \
    do {                                                                  \
        if (mr_buffer_printf((out), NULL, __VA_ARGS__) != MR_OK) abort(); \
    } while (0)

static inline void csv_say_place(mr_buffer *out, uint64_t record, uint64_t line, uint64_t at,
                                 uint64_t length)
{
    CSV_SAY(out, "%llu line %llu at %llu+%llu ", (unsigned long long)record,
            (unsigned long long)line, (unsigned long long)at, (unsigned long long)length);
}

static inline void csv_say_row(mr_buffer *out, const mr_batch *batch, uint32_t row,
                               uint32_t base_columns)
{
    CSV_SAY(out, "[");
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const mr_column *column = &batch->columns[i];
        if (mr_column_is_absent(column, row)) continue; /* a late column this row has not */
        if (i >= base_columns) {
            CSV_SAY(out, "|+");
            csv_say_bytes(out, column->name);
            CSV_SAY(out, "=");
        } else if (i > 0) {
            CSV_SAY(out, "|");
        }
        if (mr_column_is_null(column, row))
            CSV_SAY(out, "~");
        else
            csv_say_bytes(out, mr_column_text(column, row));
    }
    CSV_SAY(out, "]\n");
}

typedef struct csv_totals {
    uint64_t consumed, records, lines, blanks, resyncs;
} csv_totals;

static inline void csv_say_call(mr_buffer *out, const mr_batch *batch,
                                const mr_reject_list *rejects, uint32_t base_columns,
                                const csv_totals *before)
{
    uint32_t next = 0;
    for (uint32_t row = 0; row <= batch->row_count; row++) {
        for (; next < rejects->count && mr_reject_at(rejects, next)->row_before == row; next++) {
            const mr_reject *reject = mr_reject_at(rejects, next);
            csv_say_place(out, before->records + reject->record, before->lines + reject->line,
                          before->consumed + reject->byte_offset, (uint64_t)reject->raw.len);
            CSV_SAY(out, "%s %u ", mr_reason_name(reject->reason), reject->column);
            csv_say_bytes(out, reject->raw);
            CSV_SAY(out, "\n");
        }
        if (row == batch->row_count) break;
        csv_say_place(out, before->records + batch->row_record[row],
                      before->lines + batch->row_line[row],
                      before->consumed + batch->row_offset[row], batch->row_length[row]);
        csv_say_row(out, batch, row, base_columns);
    }
    if (next != rejects->count) abort();
}

/* Reads `bytes` in pieces that end at the ascending `cuts` (and at the end), carrying over what a
 * call leaves, and says all of it. Every piece is presented in memory of its own with nothing but
 * the padding behind it, filled with bytes that would mean something. */
static inline void csv_transcribe(const csv_case *test, mr_slice bytes, const size_t *cuts,
                                  size_t cut_count, mr_buffer *out)
{
    mr_csv_reader reader;
    mr_batch batch;
    mr_reject_list rejects;
    mr_error err;
    csv_totals totals = {0};
    mr_batch_init(&batch, test->max_rows);
    mr_reject_list_init(&rejects);
    if (mr_csv_reader_init(&reader, &test->options, &test->limits, test->schema, test->wanted,
                           &err) != MR_OK)
        abort();
    for (size_t i = 0; i <= cut_count;) {
        const size_t end = i == cut_count ? bytes.len : cuts[i];
        const size_t length = end - totals.consumed;
        char *piece = malloc(length + MR_TEXT_PADDING);
        if (length > 0) memcpy(piece, bytes.ptr + totals.consumed, length);
        for (size_t j = 0; j < MR_TEXT_PADDING; j++)
            piece[length + j] = "\"\n,\r"[(i + j) % 4];
        mr_batch_reset(&batch);
        mr_reject_list_reset(&rejects);
        mr_schema selected;
        mr_arena arena;
        mr_arena_init(&arena, "test.selected", (size_t)64 << 20);
        mr_schema_init(&selected, &arena);
        for (uint32_t f = 0; f < test->schema->field_count; f++)
            if ((test->wanted == NULL || test->wanted[f] != 0) &&
                mr_schema_add(&selected, test->schema->fields[f].name, MR_TYPE_STRING, NULL,
                              &err) != MR_OK)
                abort();
        if (mr_batch_set_schema(&batch, &selected, &err) != MR_OK) abort();
        mr_text_result result;
        const mr_code rc = mr_csv_read(&reader, (mr_slice){piece, length}, i == cut_count, &batch,
                                       &rejects, &result, &err);
        mr_batch_check(&batch);
        csv_say_call(out, &batch, &rejects, selected.field_count, &totals);
        if (result.record_count != batch.row_count + (uint64_t)rejects.count) abort();
        totals.consumed += result.consumed;
        totals.records += result.record_count;
        totals.lines += result.line_count;
        totals.blanks += result.blank_lines;
        totals.resyncs += result.resync_count;
        free(piece);
        mr_arena_done(&arena);
        if (rc != MR_OK) {
            CSV_SAY(out, "error %s\n", mr_code_name(rc));
            break;
        }
        if (!result.batch_full) i++;
        if (i > cut_count && totals.consumed != bytes.len) abort(); /* final bytes are all read */
    }
    CSV_SAY(out, "blank %llu lines %llu resyncs %llu\n", (unsigned long long)totals.blanks,
            (unsigned long long)totals.lines, (unsigned long long)totals.resyncs);
    mr_csv_reader_done(&reader);
    mr_reject_list_done(&rejects);
    mr_batch_done(&batch);
}

#endif
