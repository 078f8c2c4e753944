/* SPDX-License-Identifier: MIT */
#include "expr/run.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/utf8.h"
#include "expr/eval.h"

#define FAULT_BYTES 160 /* quarantine keeps 119 of them */

mr_vec mr_run_arg(const mr_run *run, uint32_t number)
{
    const mr_operand *operand = mr_expr_operands(run->expr, run->in) + number;
    MR_DCHECK(operand->where != MR_IN_FIELD);
    if (operand->where == MR_IN_REGISTER) return run->eval->registers[operand->index];
    /* a register of one row; nobody writes to it */
    mr_value *constant = (mr_value *)run->expr->constants.items + operand->index;
    return (mr_vec){.kind = &constant->kind,
                    .scale = &constant->scale,
                    .cell = &constant->cell,
                    .uniform = constant->kind};
}

/* --- faults
 * ----------------------------------------------------------------------------------- */

const char *mr_run_quote(const mr_value *value, char room[MR_QUOTE_MAX])
{
    char spelled[MR_VALUE_TEXT_MAX];
    mr_slice text = mr_value_write(value, spelled);
    const char *more = "";
    if (text.len > 40) {
        text.len = mr_utf8_trim((mr_slice){text.ptr, 40});
        more = "...";
    }
    snprintf(room, MR_QUOTE_MAX, "'%.*s%s'", MR_SLICE_ARGS(text), more);
    return room;
}

/* "2:5: round: " */
static int put_place(const mr_run *run, char *out, size_t size)
{
    const mr_instruction *in = run->in;
    if (in->function != NULL)
        return snprintf(out, size, "%u:%u: %s: ", in->line, in->column, in->function->name);
    return snprintf(out, size, "%u:%u: ", in->line, in->column);
}

mr_value mr_run_fault(mr_run *run, const char *format, ...)
{
    static const char full[] = "the faults of these records take too much memory";
    mr_value fault = {.kind = MR_KIND_FAULT};
    fault.cell.trouble = (mr_trouble){full, sizeof full - 1, run->in->field};
    char *text = mr_heap_take(&run->eval->heap, FAULT_BYTES);
    if (text == NULL) return fault;
    int len = put_place(run, text, FAULT_BYTES);
    if (len < FAULT_BYTES) {
        va_list args;
        va_start(args, format);
        len += vsnprintf(text + len, (size_t)(FAULT_BYTES - len), format, args);
        va_end(args);
    }
    if (len >= FAULT_BYTES) len = (int)mr_utf8_trim((mr_slice){text, FAULT_BYTES - 1});
    for (int i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) text[i] = '?';
    mr_heap_untake(&run->eval->heap, text + len);
    fault.cell.trouble.text = text;
    fault.cell.trouble.length = (uint32_t)len;
    return fault;
}

/* --- texts
 * ------------------------------------------------------------------------------------ */

char *mr_run_take(mr_run *run, size_t size_bytes)
{
    if (MR_UNLIKELY(size_bytes > MR_EXPR_MAX_VALUE_BYTES)) return NULL;
    return mr_heap_take(&run->eval->heap, size_bytes);
}

void mr_run_untake(mr_run *run, char *from)
{
    mr_heap_untake(&run->eval->heap, from);
}

mr_value mr_run_too_large(mr_run *run)
{
    return mr_run_fault(run, "the text is too large: over %zu bytes, or %zu with its neighbours",
                        MR_EXPR_MAX_VALUE_BYTES, MR_EXPR_MAX_SCRATCH_BYTES);
}

mr_value mr_run_keep(mr_run *run, mr_slice text)
{
    const char *const rooms = run->room[0];
    if (text.ptr < rooms || text.ptr >= rooms + sizeof run->room)
        return mr_value_text(MR_KIND_STRING, text);
    char *copy = mr_run_take(run, text.len);
    if (copy == NULL) return mr_run_too_large(run);
    memcpy(copy, text.ptr, text.len);
    return mr_value_text(MR_KIND_STRING, (mr_slice){copy, text.len});
}

/* --- readings
 * --------------------------------------------------------------------------------- */

static mr_value refused(mr_run *run, const mr_value *value, const char *expected)
{
    char room[MR_QUOTE_MAX];
    if (value->kind == MR_KIND_TEXT || value->kind == MR_KIND_STRING)
        return mr_run_fault(run, "%s is not %s", mr_run_quote(value, room), expected);
    return mr_run_fault(run, "%s %s is not %s", mr_kind_name(value->kind),
                        mr_run_quote(value, room), expected);
}

static void read_number(mr_run *run, mr_value *value, bool whole)
{
    mr_value number;
    const char *expected = whole ? "an int" : "a number";
    if (value->kind == MR_KIND_INT) return;
    if (value->kind == MR_KIND_TEXT) {
        if (!mr_value_read_exact(value->cell.text, &number)) {
            *value = refused(run, value, expected);
            return;
        }
        *value = number;
    }
    if (value->kind == MR_KIND_NUMBER) {
        number = *value;
        if (!mr_value_exact_number(&number)) {
            *value = refused(run, value, "exact in 38 digits");
            return;
        }
        *value = number;
    }
    if (!mr_kind_in(value->kind, whole ? MR_KIND_BIT(MR_KIND_INT) : MR_KINDS_NUMERIC))
        *value = refused(run, value, expected);
}

static void read_bool(mr_run *run, mr_value *value)
{
    mr_value truth;
    if (mr_kind_in(value->kind, MR_KINDS_BOOL)) return;
    if (value->kind == MR_KIND_TEXT && mr_value_read_bool(value->cell.text, &truth))
        *value = truth;
    else
        *value = refused(run, value, "true or false");
}

static void read_moment(mr_run *run, mr_value *value)
{
    mr_value moment;
    if (mr_kind_in(value->kind, MR_KINDS_CALENDAR)) return;
    const bool text = value->kind == MR_KIND_TEXT || value->kind == MR_KIND_STRING;
    if (text && (mr_value_read_date(value->cell.text, &moment) ||
                 mr_value_read_timestamp(value->cell.text, &moment)))
        *value = moment;
    else
        *value = refused(run, value, "a date or timestamp");
}

void mr_run_read(mr_run *run, mr_reading reading, mr_value *value, char *room)
{
    switch (reading) {
    case MR_READ_ANY: return;
    case MR_READ_NUMBER: read_number(run, value, false); return;
    case MR_READ_INT: read_number(run, value, true); return;
    case MR_READ_BOOL: read_bool(run, value); return;
    case MR_READ_MOMENT: read_moment(run, value); return;
    case MR_READ_TEXT:
        if (value->kind == MR_KIND_JSON)
            *value = refused(run, value, "a simple value");
        else
            *value = mr_value_text(MR_KIND_STRING, mr_value_write(value, room));
        return;
    case MR_READ_JSON:
        if (value->kind != MR_KIND_JSON) *value = refused(run, value, "a json value");
        return;
    }
}

bool mr_run_args(mr_run *run, const mr_vec *vecs, uint32_t row, uint32_t count, mr_value *args)
{
    const mr_function *const function = run->in->function;
    const bool takes_none = (function->flags & MR_FUNCTION_NONES) != 0;
    bool none = false;
    for (uint32_t i = 0; i < count; i++) {
        args[i] = mr_vec_get(&vecs[i], row);
        if (!mr_kind_is_none(args[i].kind) && args[i].kind != MR_KIND_FAULT)
            mr_run_read(run, mr_function_reading(function, i), &args[i], run->room[i]);
        if (MR_UNLIKELY(args[i].kind == MR_KIND_FAULT)) {
            mr_vec_put(run->out, row, args[i]);
            return false;
        }
        none |= mr_kind_is_none(args[i].kind);
    }
    if (!none || takes_none) return true;
    run->out->kind[row] = MR_KIND_NULL;
    return false;
}
