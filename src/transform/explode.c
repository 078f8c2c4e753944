/* SPDX-License-Identifier: MIT
 *
 * explode: one row for each element of an array. An empty array gives one row with null, what is no
 * array stays as it is: as the option `explode` of JSON sources has it. */
#include "format/json_cell.h"
#include "transform/chain_internal.h"

#define EXPLODE_BYTES ((size_t)8 << 20) /* of cells in one go; a row more at most */

static bool is_array(const mr_column *column, uint32_t row)
{
    const mr_slice text = mr_column_text(column, row);
    return text.len > 1 && text.ptr[0] == '[' && mr_column_type(column, row) == MR_TYPE_JSON &&
           !mr_column_is_null(column, row);
}

static mr_code make_columns(const mr_batch *whole, int64_t exploded, mr_batch *batch, mr_error *err)
{
    for (uint32_t i = 0; i < whole->column_count; i++) {
        uint32_t number;
        const mr_type type = whole->columns[i].type;
        const bool open = i == exploded || type == MR_TYPE_MIXED;
        MR_TRY(mr_batch_add_column(batch, whole->columns[i].name, open ? MR_TYPE_NULL : type,
                                   &number, err));
    }
    batch->origin = whole->origin;
    batch->sequence = whole->sequence;
    return MR_OK;
}

static mr_code put_element(mr_column *column, uint32_t row, const mr_json_piece *piece,
                           mr_error *err)
{
    if (piece->type == MR_TYPE_NULL) {
        mr_column_append_null(column, row);
        return MR_OK;
    }
    MR_TRY(mr_column_append(column, row, piece->text, err));
    return mr_column_tag(column, row, piece->type, err);
}

/* One row; `piece` is the exploded column's cell, or NULL for the one that is there. */
static mr_code put_row(const mr_batch *whole, uint32_t from, int64_t exploded,
                       const mr_json_piece *piece, mr_batch *batch, mr_error *err)
{
    const uint32_t row = batch->row_count;
    MR_TRY(mr_batch_begin_row(batch, err));
    for (uint32_t i = 0; i < whole->column_count; i++) {
        if (i == exploded && piece != NULL)
            MR_TRY(put_element(&batch->columns[i], row, piece, err));
        else
            MR_TRY(mr_chain_copy_cell(&batch->columns[i], row, &whole->columns[i], from, err));
    }
    mr_batch_end_row(batch, whole->row_offset[from], whole->row_length[from], whole->row_line[from],
                     whole->row_record[from]);
    return MR_OK;
}

static size_t row_bytes(const mr_batch *batch, uint32_t row)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < batch->column_count; i++)
        bytes += batch->columns[i].offsets[row + 1] - batch->columns[i].offsets[row];
    return bytes;
}

/* The elements of the level's row, from level->element on, until the batch is full. */
static mr_code put_elements(mr_op_state *state, mr_flow_level *level, int64_t exploded,
                            mr_batch *batch, size_t *bytes, mr_error *err)
{
    const mr_batch *whole = &level->whole;
    const mr_slice text = mr_column_text(&whole->columns[exploded], level->row);
    const char *const end = text.ptr + text.len - 1;
    const size_t share = row_bytes(whole, level->row) - text.len;
    mr_json_piece piece = {.type = MR_TYPE_NULL};
    MR_TRY(mr_buffer_reserve(&state->text, text.len, err));
    if (text.len == 2) return put_row(whole, level->row, exploded, &piece, batch, err);
    for (const char *p = text.ptr + (level->element > 0 ? level->element : 1); p < end;) {
        if (batch->row_count == batch->max_rows || *bytes >= EXPLODE_BYTES) return MR_OK;
        p = mr_json_cell_value(p, state->text.ptr, &piece) + 1;
        MR_TRY(put_row(whole, level->row, exploded, &piece, batch, err));
        *bytes += share + piece.text.len;
        level->element = (uint32_t)(p - text.ptr);
    }
    level->element = 0; /* the row is done */
    return MR_OK;
}

mr_code mr_op_explode(const mr_op *op, mr_op_state *state, mr_flow_level *level, mr_batch *batch,
                      mr_error *err)
{
    const mr_batch *whole = &level->whole;
    const int64_t at = mr_chain_column(whole, 0, &op->names[0]);
    size_t bytes = 0;
    mr_batch_reset(batch);
    MR_TRY(make_columns(whole, at, batch, err));
    while (level->row < whole->row_count && batch->row_count < batch->max_rows &&
           bytes < EXPLODE_BYTES) {
        if (at >= 0 && is_array(&whole->columns[at], level->row)) {
            MR_TRY(put_elements(state, level, at, batch, &bytes, err));
        } else {
            MR_TRY(put_row(whole, level->row, at, NULL, batch, err));
            bytes += row_bytes(whole, level->row);
        }
        if (level->element > 0) break;
        level->row++;
    }
    level->open = level->row < whole->row_count;
    return MR_OK;
}
