/* SPDX-License-Identifier: MIT
 *
 * Steps that move columns: drop, select, rename, and giving a batch the columns that were promised.
 * Cells are not touched, except where a rename meets a column of its new name that only some
 * records have. */
#include "transform/chain_internal.h"

int64_t mr_chain_column(const mr_batch *batch, uint32_t from, const mr_chain_name *name)
{
    for (uint32_t i = from; i < batch->column_count; i++)
        if (batch->columns[i].name_hash == name->hash &&
            mr_slice_equal(batch->columns[i].name, name->name))
            return i;
    return -1;
}

static void swap(mr_column *a, mr_column *b)
{
    const mr_column kept = *a;
    *a = *b;
    *b = kept;
}

/* Brings the column to number `to`; one that no record of the batch has is made. */
static mr_code bring(mr_batch *batch, uint32_t to, const mr_chain_name *name, mr_error *err)
{
    int64_t at = mr_chain_column(batch, to, name);
    if (at < 0) {
        uint32_t added;
        MR_TRY(mr_batch_add_column(batch, name->name, MR_TYPE_NULL, &added, err));
        at = added;
    }
    if (at != to) swap(&batch->columns[to], &batch->columns[at]);
    return MR_OK;
}

mr_code mr_op_select(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                     mr_error *err)
{
    (void)lane, (void)state;
    for (uint32_t i = 0; i < op->count; i++)
        MR_TRY(bring(io->batch, i, &op->names[i], err));
    mr_batch_drop_columns(io->batch, op->count);
    return MR_OK;
}

void mr_chain_take_out_column(mr_batch *batch, uint32_t at)
{
    const mr_column gone = batch->columns[at];
    memmove(&batch->columns[at], &batch->columns[at + 1],
            sizeof gone * (batch->column_count - at - 1));
    batch->columns[batch->column_count - 1] = gone;
    mr_batch_drop_columns(batch, batch->column_count - 1);
}

mr_code mr_op_drop(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                   mr_error *err)
{
    (void)lane, (void)state, (void)err;
    for (uint32_t i = 0; i < op->count; i++) {
        const int64_t at = mr_chain_column(io->batch, 0, &op->names[i]);
        if (at >= 0) mr_chain_take_out_column(io->batch, (uint32_t)at);
    }
    return MR_OK;
}

/* --- rename ----------------------------------------------------------------------------------- */

mr_code mr_chain_copy_cell(mr_column *to, uint32_t to_row, const mr_column *from, uint32_t row,
                           mr_error *err)
{
    if (mr_column_is_absent(from, row)) return mr_column_append_absent(to, to_row, err);
    if (mr_column_is_null(from, row)) {
        mr_column_append_null(to, to_row);
        return MR_OK;
    }
    MR_TRY(mr_column_append(to, to_row, mr_column_text(from, row), err));
    return mr_column_tag(to, to_row, mr_column_type(from, row), err);
}

void mr_chain_replace_column(mr_batch *batch, uint32_t number, mr_batch *built)
{
    mr_column *column = &batch->columns[number];
    const mr_slice name = column->name;
    const uint32_t hash = column->name_hash;
    swap(column, &built->columns[0]);
    column->name = name;
    column->name_hash = hash;
}

/* Two columns of one name, which only some records have each: they become one. A record that has
 * both is at fault. */
static mr_code merge(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                     uint32_t part, uint32_t renamed, uint32_t other, mr_error *err)
{
    mr_batch *batch = io->batch, *built = &state->built;
    const uint32_t before = io->refused->count;
    uint32_t number;
    mr_batch_reset(built);
    mr_chain_keep_all(lane, batch);
    MR_TRY(mr_batch_add_column(built, op->to[part].name, MR_TYPE_NULL, &number, err));
    for (uint32_t row = 0; row < batch->row_count; row++) {
        const mr_column *a = &batch->columns[renamed], *b = &batch->columns[other];
        const bool has = !mr_column_is_absent(a, row);
        if (has && !mr_column_is_absent(b, row))
            MR_TRY(mr_chain_fault(lane, io, row, op->names[part].name,
                                  MR_SLICE("rename: the record has a field of the new name, too"),
                                  err));
        MR_TRY(mr_batch_begin_row(built, err));
        MR_TRY(mr_chain_copy_cell(&built->columns[0], row, has ? a : b, row, err));
        mr_batch_end_row(built, 0, 0, 0, 0);
    }
    mr_chain_replace_column(batch, renamed, built);
    mr_chain_take_out_column(batch, other);
    return mr_chain_take_out_faults(lane, io, before, err);
}

static void name_column(mr_batch *batch, uint32_t number, const mr_chain_name *name)
{
    batch->columns[number].name = name->name;
    batch->columns[number].name_hash = name->hash;
}

mr_code mr_op_rename(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                     mr_error *err)
{
    mr_batch *batch = io->batch;
    /* All are found before any is named: a and b may change names. */
    MR_TRY(mr_buffer_reserve(&state->slots, sizeof(int64_t) * op->count, err));
    int64_t *at = (int64_t *)(void *)state->slots.ptr;
    for (uint32_t i = 0; i < op->count; i++)
        at[i] = mr_chain_column(batch, 0, &op->names[i]);
    for (uint32_t i = 0; i < op->count; i++)
        if (at[i] >= 0) name_column(batch, (uint32_t)at[i], &op->to[i]);
    for (uint32_t i = 0; i < op->count; i++) {
        int64_t first = mr_chain_column(batch, 0, &op->to[i]);
        if (first < 0) continue;
        const int64_t second = mr_chain_column(batch, (uint32_t)first + 1, &op->to[i]);
        if (second < 0) continue;
        const bool first_renamed = first == at[i];
        MR_TRY(merge(lane, op, state, io, i, (uint32_t)(first_renamed ? first : second),
                     (uint32_t)(first_renamed ? second : first), err));
    }
    return MR_OK;
}

/* --- conform ---------------------------------------------------------------------------------- */

static bool has_value(const mr_batch *batch, uint32_t number)
{
    return batch->columns[number].null_count < batch->row_count;
}

/* Columns that were not promised: the destination is to see those with values, and to say what it
 * thinks of them. */
static void drop_empty_strangers(mr_batch *batch, uint32_t wanted)
{
    for (uint32_t i = batch->column_count; i > wanted; i--)
        if (!has_value(batch, i - 1)) mr_chain_take_out_column(batch, i - 1);
}

mr_code mr_op_conform(const mr_chain *chain, mr_batch *batch, mr_error *err)
{
    const mr_schema *schema = chain->conform;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const mr_field *field = &schema->fields[i];
        const mr_chain_name name = {field->name, field->hash};
        bool differs;
        uint32_t row;
        MR_TRY(bring(batch, i, &name, err));
        if (!chain->conform_untyped[i]) continue;
        mr_column *column = &batch->columns[i];
        if (column->type != MR_TYPE_STRING && column->type != MR_TYPE_NULL) continue;
        if (chain->conform_found != NULL)
            MR_TRY(mr_infer_enforce(batch, i, field->type, chain->conform_found[i].layout, &differs,
                                    &row, err));
        else
            column->type = field->type == MR_TYPE_NULL ? MR_TYPE_STRING : field->type;
    }
    drop_empty_strangers(batch, schema->field_count);
    return MR_OK;
}
