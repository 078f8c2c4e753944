/* SPDX-License-Identifier: MIT */
#include "arrow/plan.h"

#include "core/utf8.h"

static mr_arrow_form form_of(mr_type type)
{
    switch (type) {
    case MR_TYPE_NULL: return MR_ARROW_NULL;
    case MR_TYPE_BOOL: return MR_ARROW_BOOL;
    case MR_TYPE_INT: return MR_ARROW_INT64;
    case MR_TYPE_DECIMAL: return MR_ARROW_DECIMAL128;
    case MR_TYPE_FLOAT: return MR_ARROW_FLOAT64;
    case MR_TYPE_DATE: return MR_ARROW_DATE32;
    case MR_TYPE_TIME: return MR_ARROW_TIME;
    case MR_TYPE_TIMESTAMP: return MR_ARROW_TIMESTAMP;
    case MR_TYPE_UUID: return MR_ARROW_UUID;
    case MR_TYPE_BYTES: return MR_ARROW_BINARY;
    case MR_TYPE_NUMBER:
    case MR_TYPE_STRING:
    case MR_TYPE_JSON:
    case MR_TYPE_MIXED:
    case MR_TYPE_COUNT: break;
    }
    return MR_ARROW_TEXT;
}

static void set_type(mr_arrow_column_plan *column, mr_type type)
{
    column->type = type;
    column->form = form_of(type);
    column->settled = column->form != MR_ARROW_NULL && column->form != MR_ARROW_DECIMAL128 &&
                      column->form != MR_ARROW_TIME && column->form != MR_ARROW_TIMESTAMP;
    /* What it is if no value ever comes. */
    column->scale = column->form == MR_ARROW_DECIMAL128 ? 0 : 6;
    column->layout = 'T' | 6u << 8;
}

static mr_code check_name(mr_slice name, mr_error *err)
{
    if (name.len > 0 && memchr(name.ptr, 0, name.len) != NULL)
        return mr_fail(err, MR_ERR_INPUT,
                       "column '%.*s': a name with a NUL byte cannot be handed out as Arrow",
                       MR_SLICE_ARGS(name));
    if (!mr_utf8_valid(name))
        return mr_fail(err, MR_ERR_INPUT,
                       "column '%.*s': a name that is not UTF-8 cannot be handed out as Arrow",
                       MR_SLICE_ARGS(name));
    return MR_OK;
}

mr_code mr_arrow_plan_init(mr_arrow_plan *plan, const mr_schema *schema, bool strict_mixed,
                           mr_arena *arena, mr_error *err)
{
    mr_arrow_column_plan *columns =
        mr_arena_take(arena, sizeof *columns * ((size_t)schema->field_count + 1));
    if (columns == NULL) return mr_arena_fail(arena, err);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const mr_field *field = &schema->fields[i];
        MR_TRY(check_name(field->name, err));
        if (strict_mixed && field->type == MR_TYPE_MIXED)
            return mr_fail(err, MR_ERR_INPUT,
                           "column '%.*s' holds values of several types, and Arrow columns have "
                           "one; cast it, or hand it out as text",
                           MR_SLICE_ARGS(field->name));
        columns[i].name = field->name;
        set_type(&columns[i], field->type);
    }
    *plan = (mr_arrow_plan){columns, schema->field_count, strict_mixed};
    return MR_OK;
}

bool mr_arrow_plan_admits(const mr_arrow_column_plan *plan, mr_type cell)
{
    if (plan->type == MR_TYPE_MIXED || plan->type == MR_TYPE_STRING) return true;
    return mr_type_join(plan->type, cell) == plan->type;
}

/* --- looking at values
 * --------------------------------------------------------------------------- */

static uint32_t unit_digits(uint32_t digits)
{
    return (digits + 2) / 3 * 3;
}

/* Digits behind the point of the value that has most; `out_any` = there was a value. */
static uint32_t most_decimals(const mr_column *column, uint32_t rows, bool *out_any)
{
    uint32_t most = 0;
    *out_any = column->null_count < rows;
    for (uint32_t row = 0; row < rows; row++) {
        const mr_slice text = mr_column_text(column, row);
        const char *point = text.len > most ? memchr(text.ptr, '.', text.len) : NULL;
        const uint32_t digits = point != NULL ? (uint32_t)(text.ptr + text.len - point) - 1 : 0;
        if (digits > most && digits <= 38) most = digits;
    }
    return most;
}

/* The spelling of a time of day; 0 when it is none. */
static mr_time_layout layout_of_time(mr_slice text)
{
    if (text.len == 8) return 'T';
    if (text.len < 10 || text.len > 18 || text.ptr[8] != '.') return 0;
    return 'T' | (mr_time_layout)(text.len - 9) << 8;
}

static mr_time_layout layout_of(const mr_arrow_column_plan *plan, mr_slice text)
{
    mr_time_layout layout = 0;
    if (plan->form == MR_ARROW_TIME) return layout_of_time(text);
    return mr_text_is_timestamp(text, &layout) ? layout : 0;
}

static uint32_t digits_of(mr_time_layout layout)
{
    return layout >> 8 & 15;
}

/* The layout of the first value, with the digits of the one that has most. */
static mr_time_layout widest_layout(const mr_arrow_column_plan *plan, const mr_column *column,
                                    uint32_t rows)
{
    mr_time_layout found = 0;
    size_t longest = 0;
    for (uint32_t row = 0; row < rows; row++) {
        const mr_slice text = mr_column_text(column, row);
        if (text.len <= longest) continue; /* has no more digits */
        const mr_time_layout layout = layout_of(plan, text);
        if (layout == 0) continue;
        longest = text.len;
        if (found == 0) found = layout;
        if (digits_of(layout) > digits_of(found))
            found = (found & ~(15u << 8)) | digits_of(layout) << 8;
    }
    return found;
}

static bool look_at_decimals(mr_arrow_column_plan *plan, const mr_column *column, uint32_t rows)
{
    bool any;
    const uint32_t most = most_decimals(column, rows, &any);
    if (!any || (plan->settled && most <= plan->scale)) return false;
    const bool changed = plan->settled;
    plan->scale = most;
    plan->settled = true;
    return changed;
}

static bool look_at_times(mr_arrow_column_plan *plan, const mr_column *column, uint32_t rows)
{
    const mr_time_layout found = widest_layout(plan, column, rows);
    if (found == 0) return false;
    if (!plan->settled) {
        plan->layout = found;
        plan->scale = unit_digits(digits_of(found));
        plan->settled = true;
        return false;
    }
    if (digits_of(found) <= digits_of(plan->layout)) return false;
    const uint32_t before = plan->scale;
    plan->layout = (plan->layout & ~(15u << 8)) | digits_of(found) << 8;
    plan->scale = unit_digits(digits_of(found));
    return plan->scale != before;
}

static bool look_at(mr_arrow_column_plan *plan, const mr_column *column, uint32_t rows)
{
    if (plan->form == MR_ARROW_NULL && column->type != MR_TYPE_NULL && column->null_count < rows)
        set_type(plan, column->type);
    if (plan->form == MR_ARROW_DECIMAL128) return look_at_decimals(plan, column, rows);
    if (plan->form == MR_ARROW_TIME || plan->form == MR_ARROW_TIMESTAMP)
        return look_at_times(plan, column, rows);
    return false;
}

bool mr_arrow_plan_look(mr_arrow_plan *plan, const mr_batch *batch, bool widen)
{
    bool changed = false;
    for (uint32_t i = 0; i < plan->count; i++)
        if (widen || !plan->columns[i].settled)
            changed |= look_at(&plan->columns[i], &batch->columns[i], batch->row_count);
    return changed;
}
