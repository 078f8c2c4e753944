/* SPDX-License-Identifier: MIT */
#include "record/amend.h"

MR_INLINE bool bit(const uint8_t *bits, uint32_t row)
{
    return (bits[row / 8] >> row % 8 & 1) != 0;
}

uint32_t mr_column_clear_cells(mr_column *column, uint32_t row_count, const uint8_t *clear)
{
    uint32_t bytes = 0, cleared = 0, from = 0;
    if (column->null_count == 0) memset(column->validity, 0xff, (row_count + 7) / 8);
    for (uint32_t row = 0; row < row_count; row++) {
        const uint32_t end = column->offsets[row + 1];
        const bool drop = bit(clear, row) && bit(column->validity, row);
        if (drop) mr_bits_put(column->validity, row, false);
        if (!drop && end > from)
            memmove(column->data.ptr + bytes, column->data.ptr + from, end - from);
        if (!drop) bytes += end - from;
        cleared += drop;
        from = end;
        column->offsets[row + 1] = bytes;
    }
    column->data.len = bytes;
    column->null_count += cleared;
    return cleared;
}

void mr_batch_remove_column(mr_batch *batch, uint32_t column)
{
    const mr_column kept = batch->columns[column];
    memmove(&batch->columns[column], &batch->columns[column + 1],
            sizeof kept * (batch->column_count - column - 1));
    batch->columns[batch->column_count - 1] = kept; /* its memory is used again */
    mr_batch_drop_columns(batch, batch->column_count - 1);
}

static int64_t find_from(const mr_batch *batch, uint32_t from, const mr_field *field)
{
    for (uint32_t i = from; i < batch->column_count; i++)
        if (batch->columns[i].name_hash == field->hash &&
            mr_slice_equal(batch->columns[i].name, field->name))
            return i;
    return -1;
}

mr_code mr_batch_arrange(mr_batch *batch, const mr_schema *schema, mr_error *err)
{
    for (uint32_t i = 0; i < schema->field_count; i++) {
        int64_t at = find_from(batch, i, &schema->fields[i]);
        if (at == i) continue;
        if (at < 0) {
            uint32_t added;
            MR_TRY(mr_batch_add_column(batch, schema->fields[i].name, MR_TYPE_NULL, &added, err));
            at = added;
        }
        const mr_column moved = batch->columns[at];
        memmove(&batch->columns[i + 1], &batch->columns[i], sizeof moved * ((uint32_t)at - i));
        batch->columns[i] = moved;
    }
    return MR_OK;
}

static mr_code copy_cell(const mr_column *from, uint32_t row, mr_column *to, uint32_t at,
                         mr_error *err)
{
    if (mr_column_is_absent(from, row)) return mr_column_append_absent(to, at, err);
    if (mr_column_is_null(from, row)) {
        mr_column_append_null(to, at);
        return MR_OK;
    }
    MR_TRY(mr_column_append(to, at, mr_column_text(from, row), err));
    return from->type == MR_TYPE_MIXED ? mr_column_tag(to, at, mr_column_type(from, row), err)
                                       : MR_OK;
}

static mr_code copy_row(const mr_batch *batch, uint32_t row, mr_batch *to, mr_error *err)
{
    MR_TRY(mr_batch_begin_row(to, err));
    for (uint32_t c = 0; c < batch->column_count; c++)
        MR_TRY(copy_cell(&batch->columns[c], row, &to->columns[c], to->row_count, err));
    mr_batch_end_row(to, batch->row_offset[row], batch->row_length[row], batch->row_line[row],
                     batch->row_record[row]);
    return MR_OK;
}

mr_code mr_batch_move_rows(mr_batch *batch, uint32_t row, mr_batch *to, mr_error *err)
{
    mr_batch_reset(to);
    to->origin = batch->origin;
    for (uint32_t c = 0; c < batch->column_count; c++) {
        const mr_column *column = &batch->columns[c];
        const mr_type type = column->type == MR_TYPE_MIXED ? MR_TYPE_NULL : column->type;
        uint32_t added;
        MR_TRY(mr_batch_add_column(to, column->name, type, &added, err));
    }
    for (uint32_t r = row; r < batch->row_count; r++)
        MR_TRY(copy_row(batch, r, to, err));
    mr_batch_truncate(batch, row);
    return MR_OK;
}
