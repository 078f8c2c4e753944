/* SPDX-License-Identifier: MIT
 *
 * Records into groups. A row's cells are understood first, all of them, so that a row at fault has
 * changed nothing. */
#include "transform/aggregate_internal.h"

static const mr_column *column_called(const mr_batch *batch, mr_slice name)
{
    const int64_t at = mr_batch_find(batch, name);
    return at >= 0 ? &batch->columns[at] : NULL;
}

static mr_code refuse(const mr_aggregate *a, uint32_t input, uint32_t row, mr_reject_list *refused,
                      mr_error *err)
{
    mr_reject *reject;
    const mr_slice text = a->cells[input].text;
    MR_TRY(mr_reject_list_add(refused, MR_REASON_TRANSFORM_ERROR, &reject, err));
    reject->row_before = row;
    reject->field = a->inputs[input].name;
    reject->stage = "transform";
    mr_reject_detail(reject, "aggregate: '%.*s' is not a number",
                     text.len > 60 ? 60 : (int)text.len, text.ptr);
    return MR_OK;
}

/* False when the row is at fault. */
static mr_code understand_row(mr_aggregate *a, uint32_t row, mr_reject_list *refused, bool *out_ok,
                              mr_error *err)
{
    *out_ok = true;
    for (uint32_t i = 0; i < a->input_count; i++) {
        const mr_aggregate_input *input = &a->inputs[i];
        mr_aggregate_cell *cell = &a->cells[i];
        mr_aggregate_understand(input, a->columns[i], row, cell);
        if (MR_LIKELY(!input->numbers || cell->class == MR_KEY_NUMBER ||
                      cell->class == MR_KEY_NULL))
            continue;
        *out_ok = false;
        return refuse(a, i, row, refused, err);
    }
    return MR_OK;
}

static void add_number(mr_sum_state *state, const mr_aggregate_value *value,
                       const mr_aggregate_cell *cell)
{
    state->count++;
    if (MR_LIKELY(cell->is_exact)) {
        mr_sum_add(&state->sum, cell->exact, cell->scale);
    } else if (value->reals) {
        state->real_count++;
        mr_real_sum_add(mr_aggregate_reals(state), cell->real);
    }
}

static mr_code add_distinct(mr_aggregate *a, uint32_t value, uint32_t group, uint32_t row,
                            mr_error *err)
{
    const size_t before = a->key.len;
    MR_TRY(mr_key_append(&a->columns[a->values[value].input], 1, row, &a->key, err));
    /* Room first: the buffer must not move while the cell in it is copied. */
    MR_TRY(mr_buffer_reserve(&a->key, sizeof group + a->key.len - before, err));
    const mr_slice cell = {a->key.ptr + before, a->key.len - before};
    MR_TRY(mr_aggregate_distinct(a, value, group, cell, err));
    a->key.len = before;
    return MR_OK;
}

static mr_code add_value(mr_aggregate *a, uint32_t number, uint32_t group, uint32_t row,
                         mr_error *err)
{
    const mr_aggregate_value *value = &a->values[number];
    void *state = mr_aggregate_state(a, group, number);
    if (value->input == MR_KEY_NONE) {
        ++*(uint64_t *)state;
        return MR_OK;
    }
    const mr_aggregate_cell *cell = &a->cells[value->input];
    if (cell->class == MR_KEY_NULL) return MR_OK;
    switch (value->function) {
    case MR_AGGREGATE_COUNT: ++*(uint64_t *)state; return MR_OK;
    case MR_AGGREGATE_COUNT_DISTINCT: return add_distinct(a, number, group, row, err);
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_MEAN: add_number(state, value, cell); return MR_OK;
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
        if (!mr_aggregate_beats(a, state, cell, value->function == MR_AGGREGATE_MIN)) return MR_OK;
        return mr_aggregate_set_extreme(a, state, cell, err);
    }
    return MR_OK;
}

/* The key's cells as they are written, which a new group is to show. */
static mr_code put_shown(mr_aggregate *a, uint32_t row, mr_error *err)
{
    for (uint32_t i = 0; i < a->step->part_count; i++) {
        const mr_column *column = a->key_columns[i];
        char head[6] = {MR_KEY_ABSENT};
        uint32_t len = 0;
        mr_slice text = {NULL, 0};
        if (column != NULL && !mr_column_is_absent(column, row)) head[0] = MR_KEY_NULL;
        if (column != NULL && !mr_column_is_null(column, row)) {
            text = mr_column_text(column, row);
            len = (uint32_t)text.len;
            head[0] = MR_KEY_TEXT; /* any class with a value: the type says the rest */
            head[1] = (char)mr_column_type(column, row);
        }
        memcpy(head + 2, &len, sizeof len);
        MR_TRY(mr_buffer_append(&a->key, mr_slice_of(head, sizeof head), err));
        MR_TRY(mr_buffer_append(&a->key, text, err));
    }
    return MR_OK;
}

static mr_code add_row(mr_aggregate *a, uint32_t row, mr_error *err)
{
    uint32_t group;
    const uint32_t groups = a->table.count;
    mr_buffer_reset(&a->key);
    MR_TRY(mr_key_append(a->key_columns, a->step->part_count, row, &a->key, err));
    const uint32_t hash = mr_hash(a->seed, mr_buffer_slice(&a->key));
    MR_TRY(mr_aggregate_group(a, mr_buffer_slice(&a->key), hash, &group, err));
    if (MR_UNLIKELY(a->table.count != groups)) {
        mr_buffer_reset(&a->key);
        MR_TRY(put_shown(a, row, err));
        MR_TRY(mr_aggregate_show(a, group, mr_buffer_slice(&a->key), err));
    }
    for (uint32_t i = 0; i < a->step->value_count; i++)
        MR_TRY(add_value(a, i, group, row, err));
    return MR_OK;
}

mr_code mr_aggregate_add(mr_aggregate *a, const mr_batch *batch, mr_reject_list *refused,
                         uint32_t *out_faults, mr_error *err)
{
    *out_faults = 0;
    for (uint32_t i = 0; i < a->step->part_count; i++)
        a->key_columns[i] = column_called(batch, a->step->parts[i].name);
    for (uint32_t i = 0; i < a->input_count; i++)
        a->columns[i] = column_called(batch, a->inputs[i].name);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        bool ok;
        MR_TRY(understand_row(a, row, refused, &ok, err));
        if (MR_LIKELY(ok))
            MR_TRY(add_row(a, row, err));
        else
            ++*out_faults;
    }
    return MR_OK;
}
