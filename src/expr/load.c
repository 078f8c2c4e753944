/* SPDX-License-Identifier: MIT
 *
 * From the cells of a column to the values of a register. */
#include "expr/eval.h"

const mr_column *mr_run_column(const mr_run *run, uint32_t field)
{
    const int64_t at = run->eval->columns[field];
    return at < 0 ? NULL : &run->batch->columns[at];
}

static void put_state(mr_run *run, mr_kind kind)
{
    MR_EACH_ROW(run, row) run->out->kind[row] = (uint8_t)kind;
}

/* A cell that is not what its column says. */
static mr_value misfit(mr_run *run, mr_slice text, mr_type type)
{
    char room[MR_QUOTE_MAX];
    const mr_value value = mr_value_text(MR_KIND_STRING, text);
    return mr_run_fault(run, "%s is not of the column's type %s", mr_run_quote(&value, room),
                        mr_type_name(type));
}

MR_INLINE uint8_t state_of(const mr_column *column, uint32_t row)
{
    return mr_column_is_absent(column, row) ? MR_KIND_ABSENT : MR_KIND_NULL;
}

/* Texts of a column of one type need no reading. */
static void load_slices(mr_run *run, const mr_column *column, mr_kind kind)
{
    mr_vec *out = run->out;
    MR_EACH_ROW(run, row)
    {
        const uint32_t at = run->first_row + row;
        out->kind[row] = (uint8_t)kind;
        out->cell[row].text = mr_column_text(column, at);
        if (MR_UNLIKELY(mr_column_is_null(column, at))) out->kind[row] = state_of(column, at);
    }
    if (column->null_count == 0) out->uniform = (uint8_t)kind;
}

static void load_ints(mr_run *run, const mr_column *column)
{
    mr_vec *out = run->out;
    bool all = column->null_count == 0;
    MR_EACH_ROW(run, row)
    {
        const uint32_t at = run->first_row + row;
        if (MR_UNLIKELY(mr_column_is_null(column, at))) {
            out->kind[row] = state_of(column, at);
        } else if (MR_LIKELY(mr_parse_i64(mr_column_text(column, at), &out->cell[row].integer))) {
            out->kind[row] = MR_KIND_INT;
        } else {
            all = false;
            mr_vec_put(out, row, misfit(run, mr_column_text(column, at), MR_TYPE_INT));
        }
    }
    if (all) out->uniform = MR_KIND_INT;
}

mr_value mr_run_cell(mr_run *run, const mr_column *column, uint32_t row, bool untyped)
{
    mr_value value;
    if (mr_column_is_null(column, row)) return mr_value_state(state_of(column, row));
    const mr_type type = mr_column_type(column, row);
    const mr_slice text = mr_column_text(column, row);
    if (type == MR_TYPE_STRING && untyped) return mr_value_text(MR_KIND_TEXT, text);
    return mr_value_read_cell(type, text, &value) ? value : misfit(run, text, type);
}

/* Any column, cell by cell. */
static void load_cells(mr_run *run, const mr_column *column, bool untyped)
{
    MR_EACH_ROW(run, row)
    mr_vec_put(run->out, row, mr_run_cell(run, column, run->first_row + row, untyped));
}

static bool is_untyped(const mr_run *run, uint32_t field)
{
    return mr_expr_field_at(run->expr, field)->untyped;
}

void mr_call_load(mr_run *run)
{
    const uint32_t field = mr_expr_operands(run->expr, run->in)->index;
    const mr_column *column = mr_run_column(run, field);
    if (column == NULL) {
        put_state(run, MR_KIND_ABSENT);
        return;
    }
    const bool untyped = is_untyped(run, field);
    switch (column->type) {
    case MR_TYPE_STRING: load_slices(run, column, untyped ? MR_KIND_TEXT : MR_KIND_STRING); return;
    case MR_TYPE_JSON: load_slices(run, column, MR_KIND_JSON); return;
    case MR_TYPE_INT: load_ints(run, column); return;
    case MR_TYPE_NULL:
    case MR_TYPE_BOOL:
    case MR_TYPE_DECIMAL:
    case MR_TYPE_FLOAT:
    case MR_TYPE_NUMBER:
    case MR_TYPE_DATE:
    case MR_TYPE_TIME:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_UUID:
    case MR_TYPE_BYTES:
    case MR_TYPE_MIXED:
    case MR_TYPE_COUNT: load_cells(run, column, untyped); return;
    }
}

void mr_call_load_text(mr_run *run)
{
    const uint32_t field = mr_expr_operands(run->expr, run->in)->index;
    const mr_column *column = mr_run_column(run, field);
    if (column == NULL)
        put_state(run, MR_KIND_ABSENT);
    else if (column->type == MR_TYPE_MIXED || column->type == MR_TYPE_JSON)
        load_cells(run, column, is_untyped(run, field)); /* some may be json, which is no text */
    else
        load_slices(run, column, MR_KIND_STRING);
}
