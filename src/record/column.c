/* SPDX-License-Identifier: MIT */
#include "record/column.h"

#include "core/mem.h"

static size_t bitmap_bytes(uint32_t rows)
{
    return (rows + 7) / 8 + 1;
}

void mr_column_done(mr_column *column)
{
    mr_mem_free(column->offsets);
    mr_mem_free(column->validity);
    mr_mem_free(column->presence);
    mr_mem_free(column->tags);
    mr_column_return(column);
    mr_buffer_done(&column->data);
    memset(column, 0, sizeof *column);
}

size_t mr_column_held_bytes(const mr_column *column)
{
    return mr_mem_usable(column->offsets) + mr_mem_usable(column->validity) +
           mr_mem_usable(column->presence) + mr_mem_usable(column->tags) +
           mr_mem_usable(column->loan != NULL ? column->loan->own.ptr : column->data.ptr);
}

static mr_code resize(void *array_pointer, size_t size_bytes, mr_error *err)
{
    void **array = array_pointer;
    void *grown = mr_mem_realloc(*array, size_bytes);
    if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a column of records");
    *array = grown;
    return MR_OK;
}

mr_code mr_column_reserve_rows(mr_column *column, uint32_t rows, mr_error *err)
{
    if (column->data.name == NULL)
        mr_buffer_init(&column->data, "a column of records", MR_COLUMN_MAX_BYTES);
    MR_TRY(mr_buffer_reserve(&column->data, 1, err)); /* empty cells point at real bytes */
    if (column->row_cap < rows || column->offsets == NULL) {
        const bool is_new = column->offsets == NULL;
        MR_TRY(resize(&column->offsets, sizeof *column->offsets * ((size_t)rows + 1), err));
        if (is_new) column->offsets[0] = 0;
        MR_TRY(resize(&column->validity, bitmap_bytes(rows), err));
        column->row_cap = rows;
    }
    if (column->presence != NULL && column->presence_cap < rows) {
        MR_TRY(resize(&column->presence, bitmap_bytes(rows), err));
        column->presence_cap = rows;
    }
    if (column->tags != NULL && column->tags_cap < rows) {
        MR_TRY(resize(&column->tags, (size_t)rows + 1, err));
        column->tags_cap = rows;
    }
    return MR_OK;
}

/* Gives every row so far its own tag; rows without a value have none. */
static mr_code become_mixed(mr_column *column, uint32_t rows, mr_error *err)
{
    if (column->tags == NULL || column->tags_cap < column->row_cap) {
        MR_TRY(resize(&column->tags, (size_t)column->row_cap + 1, err));
        column->tags_cap = column->row_cap;
    }
    for (uint32_t row = 0; row < rows; row++)
        column->tags[row] = (uint8_t)(mr_column_is_null(column, row) ? MR_TYPE_NULL : column->type);
    column->type = MR_TYPE_MIXED;
    return MR_OK;
}

mr_code mr_column_extend_type(mr_column *column, uint32_t row, uint32_t count, mr_type type,
                              bool has_values, mr_error *err)
{
    if (column->type != type && has_values) {
        if (column->null_count == row && type != MR_TYPE_MIXED)
            column->type = type; /* nothing so far had a type */
        else if (column->type != MR_TYPE_MIXED)
            MR_TRY(become_mixed(column, row, err));
    }
    if (column->type == MR_TYPE_MIXED) {
        if (column->tags == NULL || column->tags_cap < column->row_cap) {
            MR_TRY(resize(&column->tags, (size_t)column->row_cap + 1, err));
            column->tags_cap = column->row_cap;
            memset(column->tags, MR_TYPE_NULL, row);
        }
        memset(column->tags + row, type == MR_TYPE_MIXED ? MR_TYPE_NULL : (int)type, count);
    }
    return MR_OK;
}

void mr_bits_fill(uint8_t *bits, uint32_t at, uint32_t count, unsigned value)
{
    for (; count > 0 && at % 8 != 0; at++, count--)
        mr_bits_push(bits, at, value);
    memset(bits + at / 8, value ? 0xff : 0, count / 8);
    at += count / 8 * 8;
    for (count %= 8; count > 0; at++, count--)
        mr_bits_push(bits, at, value);
}

void mr_bits_copy(uint8_t *bits, uint32_t at, const uint8_t *source, uint32_t from, uint32_t count)
{
    if (at % 8 == 0 && from % 8 == 0) {
        memcpy(bits + at / 8, source + from / 8, (count + 7) / 8);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        mr_bits_push(bits, at + i, source[(from + i) / 8] >> (from + i) % 8 & 1);
}

uint32_t mr_bits_count_zeros(const uint8_t *bits, uint32_t from, uint32_t count)
{
    uint32_t ones = 0, i = from;
    const uint32_t end = from + count;
    for (; i < end && i % 8 != 0; i++)
        ones += bits[i / 8] >> i % 8 & 1;
    for (; i + 8 <= end; i += 8)
        ones += mr_popcount64(bits[i / 8]);
    for (; i < end; i++)
        ones += bits[i / 8] >> i % 8 & 1;
    return count - ones;
}

void mr_column_need_validity(mr_column *column, uint32_t row)
{
    if (column->null_count == 0) mr_bits_fill(column->validity, 0, row, 1);
}

mr_code mr_column_need_presence(mr_column *column, uint32_t row, mr_error *err)
{
    if (column->presence == NULL || column->presence_cap < column->row_cap) {
        MR_TRY(resize(&column->presence, bitmap_bytes(column->row_cap), err));
        column->presence_cap = column->row_cap;
    }
    if (column->absent_count == 0) mr_bits_fill(column->presence, 0, row, 1);
    return MR_OK;
}

static mr_code append_states(mr_column *column, uint32_t row, const mr_column *source,
                             uint32_t from, uint32_t count, uint32_t nulls, mr_error *err)
{
    const uint32_t absents =
        source->absent_count > 0 ? mr_bits_count_zeros(source->presence, from, count) : 0;
    if (nulls > 0 || column->null_count > 0) {
        mr_column_need_validity(column, row);
        if (nulls > 0)
            mr_bits_copy(column->validity, row, source->validity, from, count);
        else
            mr_bits_fill(column->validity, row, count, 1);
    }
    if (absents > 0 || column->absent_count > 0) {
        MR_TRY(mr_column_need_presence(column, row, err));
        if (absents > 0)
            mr_bits_copy(column->presence, row, source->presence, from, count);
        else
            mr_bits_fill(column->presence, row, count, 1);
    }
    column->null_count += nulls;
    column->absent_count += absents;
    return MR_OK;
}

mr_code mr_column_append_rows(mr_column *column, uint32_t row, const mr_column *source,
                              uint32_t from, uint32_t count, mr_error *err)
{
    MR_DCHECK(column->row_cap - row >= count);
    const uint32_t start = source->offsets[from];
    const mr_slice bytes = {source->data.ptr + start, source->offsets[from + count] - start};
    const uint32_t nulls =
        source->null_count > 0 ? mr_bits_count_zeros(source->validity, from, count) : 0;
    MR_TRY(mr_buffer_reserve(&column->data, bytes.len, err));
    MR_TRY(mr_column_extend_type(column, row, count, source->type, nulls < count, err));
    MR_TRY(append_states(column, row, source, from, count, nulls, err));
    const uint32_t shift = (uint32_t)column->data.len - start;
    MR_TRY(mr_buffer_append(&column->data, bytes, err));
    for (uint32_t i = 1; i <= count; i++)
        column->offsets[row + i] = source->offsets[from + i] + shift;
    if (source->type == MR_TYPE_MIXED && column->type == MR_TYPE_MIXED)
        memcpy(column->tags + row, source->tags + from, count);
    return MR_OK;
}

mr_code mr_column_append_absents(mr_column *column, uint32_t row, uint32_t count, mr_error *err)
{
    MR_TRY(mr_column_extend_type(column, row, count, MR_TYPE_NULL, false, err));
    MR_TRY(mr_column_need_presence(column, row, err));
    mr_column_need_validity(column, row);
    mr_bits_fill(column->presence, row, count, 0);
    mr_bits_fill(column->validity, row, count, 0);
    column->null_count += count;
    column->absent_count += count;
    for (uint32_t i = 1; i <= count; i++)
        column->offsets[row + i] = (uint32_t)column->data.len;
    return MR_OK;
}

void mr_column_truncate(mr_column *column, uint32_t rows)
{
    column->data.len = column->offsets[rows];
    if (column->null_count > 0) column->null_count = mr_bits_count_zeros(column->validity, 0, rows);
    if (column->absent_count > 0)
        column->absent_count = mr_bits_count_zeros(column->presence, 0, rows);
}

void mr_column_lend(mr_column *column, mr_slice data, mr_loan *loan)
{
    MR_DCHECK(column->loan == NULL);
    loan->own = column->data;
    column->loan = loan;
    /* Full: an append would have to grow it, and mr_batch_begin_row() sees to it that none does. */
    column->data.ptr = (char *)(uintptr_t)data.ptr;
    column->data.len = column->data.cap = data.len;
}

void mr_column_return(mr_column *column)
{
    mr_loan *loan = column->loan;
    if (loan == NULL) return;
    column->data = loan->own;
    column->data.len = 0;
    column->loan = NULL;
    loan->end(loan);
}

mr_code mr_column_own(mr_column *column, mr_error *err)
{
    mr_loan *loan = column->loan;
    if (loan == NULL) return MR_OK;
    loan->own.len = 0;
    MR_TRY(mr_buffer_reserve(&loan->own, 1, err));
    MR_TRY(mr_buffer_append(&loan->own, mr_buffer_slice(&column->data), err));
    column->data = loan->own;
    column->loan = NULL;
    loan->end(loan);
    return MR_OK;
}

mr_code mr_batch_own(mr_batch *batch, mr_error *err)
{
    for (uint32_t i = 0; i < batch->column_count; i++)
        MR_TRY(mr_column_own(&batch->columns[i], err));
    return MR_OK;
}
