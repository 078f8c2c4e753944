/* SPDX-License-Identifier: MIT */
#include "record/infer.h"

static bool has_met(const mr_infer *infer, mr_type type)
{
    for (uint32_t i = 0; i < infer->first_count; i++)
        if (infer->first[i].type == type) return true;
    return infer->first_count == MR_INFER_FIRSTS;
}

static void keep_first(mr_infer *infer, mr_type type, mr_slice text, uint64_t record, uint64_t line)
{
    if (has_met(infer, type)) return;
    mr_infer_first *first = &infer->first[infer->first_count++];
    *first = (mr_infer_first){.type = type, .record = record, .line = line};
    first->cut = text.len > MR_INFER_SAMPLE_BYTES;
    first->length = (uint8_t)mr_min_u64(text.len, MR_INFER_SAMPLE_BYTES);
    if (first->length > 0) memcpy(first->sample, text.ptr, first->length);
}

static void widen(mr_infer *infer, mr_type type, mr_time_layout layout, const mr_batch *batch,
                  uint32_t column, uint32_t row)
{
    keep_first(infer, type, mr_column_text(&batch->columns[column], row), batch->row_record[row],
               batch->row_line[row]);
    if (type == MR_TYPE_TIMESTAMP && infer->type == MR_TYPE_TIMESTAMP && layout != infer->layout) {
        infer->type = MR_TYPE_STRING; /* a column has one spelling of time or is text */
        return;
    }
    if (infer->type == MR_TYPE_NULL) infer->layout = layout;
    infer->type = mr_type_join(infer->type, type);
}

/* Is the cell of the type that the column has had so far? One branch a cell, where it is decided.
 */
MR_INLINE bool still(mr_type type, mr_slice text, mr_time_layout layout)
{
    mr_time_layout own;
    switch (type) {
    case MR_TYPE_INT: return mr_text_is_int(text);
    case MR_TYPE_DECIMAL: return mr_text_is_decimal(text) || mr_text_is_int(text);
    case MR_TYPE_BOOL: return mr_slice_is(text, "true") || mr_slice_is(text, "false");
    case MR_TYPE_DATE: return mr_text_is_date(text);
    case MR_TYPE_TIMESTAMP: return mr_text_is_timestamp(text, &own) && own == layout;
    case MR_TYPE_UUID: return mr_text_is_uuid(text);
    case MR_TYPE_STRING:
    case MR_TYPE_BYTES: return true;
    case MR_TYPE_NULL:
    case MR_TYPE_FLOAT:
    case MR_TYPE_NUMBER:
    case MR_TYPE_TIME:
    case MR_TYPE_JSON:
    case MR_TYPE_MIXED:
    case MR_TYPE_COUNT: return false;
    }
    return false;
}

/* From `row` on, the first row whose value is not of the inferred type; row_count when there is
 * none. */
static uint32_t first_other(const mr_infer *infer, const mr_batch *batch, uint32_t number,
                            uint32_t row)
{
    const mr_column *column = &batch->columns[number];
    const mr_type type = infer->type;
    const mr_time_layout layout = infer->layout;
    if (type == MR_TYPE_STRING) return batch->row_count;
    for (; row < batch->row_count; row++) {
        const mr_slice text = mr_column_text(column, row);
        if (still(type, text, layout)) continue;
        if (text.len == 0 && mr_column_is_null(column, row)) continue;
        break;
    }
    return row;
}

static uint32_t longest(const mr_column *column, uint32_t rows)
{
    uint32_t max = 0;
    for (uint32_t row = 0; row < rows; row++) {
        const uint32_t len = column->offsets[row + 1] - column->offsets[row];
        max = len > max ? len : max;
    }
    return max;
}

void mr_infer_column(mr_infer *infer, const mr_batch *batch, uint32_t number)
{
    const mr_column *column = &batch->columns[number];
    infer->null_count += column->null_count;
    infer->value_count += batch->row_count - column->null_count;
    infer->max_length = (uint32_t)mr_max_u64(infer->max_length, longest(column, batch->row_count));
    const bool as_text = column->type == MR_TYPE_STRING;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        mr_time_layout layout = 0;
        if (as_text) row = first_other(infer, batch, number, row);
        if (row >= batch->row_count) break;
        if (mr_column_is_null(column, row)) continue;
        const mr_type own = mr_column_type(column, row);
        const mr_type type = as_text ? mr_type_of_text(mr_column_text(column, row), &layout) : own;
        if (type == infer->type && !as_text && has_met(infer, type)) continue;
        widen(infer, type, layout, batch, number, row);
    }
}

void mr_infer_merge(mr_infer *infer, const mr_infer *later, uint64_t record_base,
                    uint64_t line_base)
{
    for (uint32_t i = 0; i < later->first_count; i++) {
        if (has_met(infer, later->first[i].type)) continue;
        mr_infer_first *first = &infer->first[infer->first_count++];
        *first = later->first[i];
        first->record += record_base;
        first->line += line_base;
    }
    const bool spelled_otherwise = infer->type == MR_TYPE_TIMESTAMP &&
                                   later->type == MR_TYPE_TIMESTAMP &&
                                   infer->layout != later->layout;
    if (infer->type == MR_TYPE_NULL) infer->layout = later->layout;
    infer->type = spelled_otherwise ? MR_TYPE_STRING : mr_type_join(infer->type, later->type);
    infer->null_count += later->null_count;
    infer->value_count += later->value_count;
    infer->max_length = (uint32_t)mr_max_u64(infer->max_length, later->max_length);
}

mr_code mr_infer_enforce(mr_batch *batch, uint32_t number, mr_type type, mr_time_layout layout,
                         bool *out_differs, uint32_t *out_row, mr_error *err)
{
    mr_column *column = &batch->columns[number];
    const mr_infer wanted = {.type = type, .layout = layout};
    *out_differs = false;
    column->type = type == MR_TYPE_NULL ? MR_TYPE_STRING : type;
    if (type == MR_TYPE_NULL) return MR_OK;
    for (uint32_t row = 0; (row = first_other(&wanted, batch, number, row)) < batch->row_count;
         row++) {
        if (!*out_differs) *out_row = row;
        *out_differs = true;
        MR_TRY(mr_column_tag(column, row, MR_TYPE_STRING, err));
        /* mr_column_tag() filled the rows before; those behind get the type until found otherwise.
         */
        if (*out_row == row) memset(column->tags + row + 1, (int)type, batch->row_count - row - 1);
    }
    return MR_OK;
}
