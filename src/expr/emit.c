/* SPDX-License-Identifier: MIT
 *
 * Instructions, operands and constants; the kinds of arguments; folding. */
#include <stdio.h>

#include "core/nearest.h"
#include "expr/compile.h"
#include "expr/eval.h"

mr_code mr_list_add(mr_compiler *c, mr_list *list, size_t size, void *out_pointer, mr_error *err)
{
    if (list->count == list->cap) {
        const uint32_t cap = list->cap == 0 ? 8 : list->cap * 2;
        void *items = mr_arena_take(c->arena, size * cap);
        if (items == NULL) return mr_arena_fail(c->arena, err);
        if (list->count > 0) memcpy(items, list->items, size * list->count);
        list->items = items;
        list->cap = cap;
    }
    void *item = (char *)list->items + size * list->count++;
    memcpy(out_pointer, &item, sizeof item);
    return MR_OK;
}

static mr_code count_node(mr_compiler *c, mr_error *err)
{
    if (++c->nodes <= MR_EXPR_MAX_NODES) return MR_OK;
    return mr_fail(err, MR_ERR_LIMIT,
                   "%u:%u: the expression has more than %d operators, calls, fields and literals",
                   c->token.line, c->token.column, MR_EXPR_MAX_NODES);
}

/* --- terms
 * ------------------------------------------------------------------------------------ */

static mr_term new_term(const mr_compiler *c, mr_where where, uint32_t index, mr_kinds kinds)
{
    return (mr_term){.operand = {.where = (uint16_t)where, .index = index},
                     .kinds = kinds,
                     .base = c->registers,
                     .line = c->token.line,
                     .column = c->token.column};
}

mr_code mr_emit_constant(mr_compiler *c, mr_value value, mr_term *out, mr_error *err)
{
    mr_value *kept;
    MR_TRY(count_node(c, err));
    MR_TRY(mr_list_add(c, &c->expr->constants, sizeof *kept, &kept, err));
    *kept = value;
    *out = new_term(c, MR_IN_CONSTANT, c->expr->constants.count - 1,
                    mr_kind_is_none(value.kind) ? 0 : MR_KIND_BIT(value.kind));
    return MR_OK;
}

const mr_value *mr_term_constant(const mr_compiler *c, const mr_term *term)
{
    if (term->operand.where != MR_IN_CONSTANT) return NULL;
    return mr_expr_constant(c->expr, term->operand.index);
}

/* --- fields
 * ----------------------------------------------------------------------------------- */

static mr_code no_field(const mr_compiler *c, mr_slice name, mr_error *err)
{
    mr_nearest near = mr_nearest_to(name);
    for (uint32_t i = 0; i < c->env->schema->field_count; i++) {
        const char *copy = mr_arena_copy(c->arena, c->env->schema->fields[i].name);
        if (copy != NULL) mr_nearest_offer(&near, copy);
    }
    const char *best = mr_nearest_best(&near);
    return mr_compile_fail(c->token.line, c->token.column, err, "no field '%.*s'%s%s%s",
                           MR_SLICE_ARGS(name), best != NULL ? "; did you mean '" : "",
                           best != NULL ? best : "", best != NULL ? "'?" : "");
}

static mr_code add_field(mr_compiler *c, mr_slice name, bool untyped, uint32_t *out, mr_error *err)
{
    mr_expr_field *field;
    mr_slice *shown;
    const char *copy = mr_arena_copy(c->arena, name);
    if (copy == NULL) return mr_arena_fail(c->arena, err);
    if (c->expr->fields.count == MR_EXPR_MAX_FIELDS)
        return mr_fail(err, MR_ERR_LIMIT, "%u:%u: the expression reads more than %d fields",
                       c->token.line, c->token.column, MR_EXPR_MAX_FIELDS);
    MR_TRY(mr_list_add(c, &c->expr->fields, sizeof *field, &field, err));
    MR_TRY(mr_list_add(c, &c->expr->names, sizeof *shown, &shown, err));
    *shown = (mr_slice){copy, name.len};
    *field = (mr_expr_field){.name = *shown, .hash = mr_name_hash(name), .untyped = untyped};
    *out = c->expr->fields.count - 1;
    return MR_OK;
}

/* What is known of a field: its kinds, and whether it is untyped text. */
static mr_code look_up(const mr_compiler *c, mr_slice name, mr_kinds *out_kinds, bool *out_untyped,
                       mr_error *err)
{
    const mr_schema *schema = c->env->schema;
    *out_untyped = c->env->all_untyped;
    *out_kinds = c->env->all_untyped ? MR_KINDS_ANY : MR_KINDS_TYPED;
    if (schema == NULL) return MR_OK;
    const int64_t at = mr_schema_find(schema, name);
    if (at < 0) return no_field(c, name, err);
    const mr_type type = schema->fields[at].type;
    *out_untyped |= c->env->untyped != NULL && c->env->untyped[at];
    *out_kinds = type == MR_TYPE_STRING && *out_untyped ? MR_KINDS_UNTYPED : mr_kinds_of_type(type);
    return MR_OK;
}

mr_code mr_emit_field(mr_compiler *c, mr_slice name, mr_term *out, mr_error *err)
{
    mr_kinds kinds;
    bool untyped;
    uint32_t number = 0;
    MR_TRY(count_node(c, err));
    MR_TRY(look_up(c, name, &kinds, &untyped, err));
    const uint32_t hash = mr_name_hash(name);
    for (; number < c->expr->fields.count; number++) {
        const mr_expr_field *field = mr_expr_field_at(c->expr, number);
        if (field->hash == hash && mr_slice_equal(field->name, name)) break;
    }
    if (number == c->expr->fields.count) MR_TRY(add_field(c, name, untyped, &number, err));
    *out = new_term(c, MR_IN_FIELD, number, kinds);
    out->field = number + 1;
    return MR_OK;
}

uint32_t mr_terms_field(const mr_term *terms, uint32_t count)
{
    uint32_t field = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (terms[i].field == 0 || terms[i].field == field) continue;
        field = field == 0 ? terms[i].field : MR_SEVERAL;
    }
    return field;
}

/* --- instructions
 * ----------------------------------------------------------------------------- */

static mr_code add_operands(mr_compiler *c, const mr_term *terms, uint32_t count, uint32_t *out,
                            mr_error *err)
{
    mr_operand *operand;
    *out = c->expr->operands.count;
    for (uint32_t i = 0; i < count; i++) {
        MR_TRY(mr_list_add(c, &c->expr->operands, sizeof *operand, &operand, err));
        *operand = terms[i].operand;
    }
    return MR_OK;
}

static mr_code add_instruction(mr_compiler *c, mr_instruction in, uint32_t *out_number,
                               mr_error *err)
{
    mr_instruction *kept;
    MR_TRY(mr_list_add(c, &c->expr->code, sizeof *kept, &kept, err));
    *kept = in;
    if (in.out >= c->expr->register_count) c->expr->register_count = in.out + 1u;
    if (out_number != NULL) *out_number = c->expr->code.count - 1;
    return MR_OK;
}

/* Puts a term that is in no register into the next one; a field by `load`. */
static mr_code load_by(mr_compiler *c, mr_term *term, void (*load)(mr_run *run), mr_error *err)
{
    const bool is_field = term->operand.where == MR_IN_FIELD;
    mr_instruction in = {.control = is_field ? MR_DO_CALL : MR_DO_MOVE,
                         .out = (uint16_t)c->registers,
                         .count = 1,
                         .line = term->line,
                         .column = term->column,
                         .field = term->field,
                         .call = is_field ? load : NULL};
    MR_TRY(add_operands(c, term, 1, &in.first, err));
    MR_TRY(add_instruction(c, in, NULL, err));
    term->operand = (mr_operand){.where = MR_IN_REGISTER, .index = c->registers++};
    return MR_OK;
}

mr_code mr_emit_load(mr_compiler *c, mr_term *term, mr_error *err)
{
    if (term->operand.where == MR_IN_REGISTER) return MR_OK;
    return load_by(c, term, mr_call_load, err);
}

mr_code mr_emit_control(mr_compiler *c, mr_control control, uint32_t out, const mr_term *term,
                        uint32_t *out_number, mr_error *err)
{
    mr_instruction in = {.control = (uint16_t)control, .out = (uint16_t)out};
    if (term != NULL) {
        in.count = 1;
        in.line = term->line;
        in.column = term->column;
        in.field = term->field == MR_SEVERAL ? 0 : term->field;
        MR_TRY(add_operands(c, term, 1, &in.first, err));
    }
    if (control == MR_DO_POP) {
        in.extra = 1;
        c->selections--;
    } else if (control != MR_DO_MOVE) {
        c->selections += control == MR_DO_SELECT_TRUE ? 2 : 1;
        if (c->selections > c->expr->selection_depth) c->expr->selection_depth = c->selections;
    }
    return add_instruction(c, in, out_number, err);
}

void mr_emit_target(mr_compiler *c, uint32_t number)
{
    ((mr_instruction *)c->expr->code.items)[number].extra = c->expr->code.count;
}

mr_code mr_emit_path(mr_compiler *c, const mr_step *steps, uint32_t count, uint32_t *out,
                     mr_error *err)
{
    mr_path *path;
    mr_step *step;
    MR_TRY(mr_list_add(c, &c->expr->paths, sizeof *path, &path, err));
    *path = (mr_path){c->expr->steps.count, count};
    *out = c->expr->paths.count - 1;
    for (uint32_t i = 0; i < count; i++) {
        MR_TRY(mr_list_add(c, &c->expr->steps, sizeof *step, &step, err));
        *step = steps[i];
    }
    return MR_OK;
}

/* --- calls
 * ------------------------------------------------------------------------------------ */

mr_kinds mr_reading_kinds(mr_reading reading)
{
    switch (reading) {
    case MR_READ_ANY: return MR_KINDS_ANY;
    case MR_READ_TEXT: return MR_KINDS_SCALAR;
    case MR_READ_NUMBER: return MR_KINDS_NUMERIC | MR_KINDS_UNTYPED;
    case MR_READ_INT: return MR_KINDS_EXACT | MR_KIND_BIT(MR_KIND_NUMBER) | MR_KINDS_UNTYPED;
    case MR_READ_BOOL: return MR_KINDS_BOOL | MR_KINDS_UNTYPED;
    case MR_READ_MOMENT: return MR_KINDS_CALENDAR | MR_KINDS_UNTYPED | MR_KIND_BIT(MR_KIND_STRING);
    case MR_READ_JSON: return MR_KIND_BIT(MR_KIND_JSON);
    }
    return MR_KINDS_ANY;
}

static const char *reading_name(mr_reading reading)
{
    switch (reading) {
    case MR_READ_ANY: return "a value";
    case MR_READ_TEXT: return "a text or other simple value";
    case MR_READ_NUMBER: return "a number";
    case MR_READ_INT: return "an int";
    case MR_READ_BOOL: return "true or false";
    case MR_READ_MOMENT: return "a date or timestamp";
    case MR_READ_JSON: return "a json value; json() makes one of text";
    }
    return "a value";
}

static mr_code check_args(const mr_function *f, const mr_term *args, uint32_t count, uint32_t line,
                          uint32_t column, mr_error *err)
{
    char names[MR_KINDS_NAMES_MAX];
    if (count < f->least || count > f->most)
        return mr_compile_fail(line, column, err, "%s, called with %u argument%s", f->signature,
                               count, count == 1 ? "" : "s");
    for (uint32_t i = 0; i < count; i++) {
        const mr_reading reading = mr_function_reading(f, i);
        if (args[i].kinds == 0 || (args[i].kinds & mr_reading_kinds(reading)) != 0) continue;
        return mr_compile_fail(args[i].line, args[i].column, err, "%s expects %s, found %s",
                               f->name, reading_name(reading),
                               mr_kinds_names(args[i].kinds, names));
    }
    return MR_OK;
}

static mr_kinds result_kinds(const mr_function *f, const mr_term *args, uint32_t count)
{
    if ((f->flags & MR_FUNCTION_NONES) == 0)
        for (uint32_t i = 0; i < count; i++)
            if (args[i].kinds == 0) return 0; /* null makes null */
    return f->gives != 0 ? f->gives : f->result(args, count);
}

static bool all_constant(const mr_term *args, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (args[i].operand.where != MR_IN_CONSTANT) return false;
    return true;
}

/* Carries out a call of constants. Its fault is an error of the text. */
static mr_code fold(mr_compiler *c, const mr_instruction *in, mr_term *out, mr_error *err)
{
    mr_value value;
    MR_TRY(mr_eval_fold(c->folder, in, &value, err));
    if (value.kind == MR_KIND_FAULT)
        return mr_fail(err, MR_ERR_USAGE, "%.*s", (int)value.cell.trouble.length,
                       value.cell.trouble.text);
    if (mr_kind_in(value.kind, MR_KINDS_SLICED)) {
        const char *copy = mr_arena_copy(c->arena, value.cell.text);
        if (copy == NULL) return mr_arena_fail(c->arena, err);
        value.cell.text.ptr = copy;
    }
    const uint32_t base = out->base;
    MR_TRY(mr_emit_constant(c, value, out, err));
    out->base = base;
    return MR_OK;
}

/* May the function take its first argument as a column? */
static bool by_column(const mr_compiler *c, const mr_function *f, const mr_term *args,
                      uint32_t count)
{
    if (f->column_call == NULL || args[0].operand.where != MR_IN_FIELD) return false;
    for (uint32_t i = 1; i < count; i++) {
        const mr_value *value = mr_term_constant(c, &args[i]);
        if (value == NULL || mr_kind_is_none(value->kind)) return false;
    }
    return true;
}

/* The operands of a call; fields are loaded first, as the call reads them. */
static mr_code call_operands(mr_compiler *c, const mr_function *f, const mr_term *args,
                             uint32_t count, uint32_t *out_first, mr_error *err)
{
    if (by_column(c, f, args, count)) return add_operands(c, args, count, out_first, err);
    mr_term *loaded = mr_arena_take(c->arena, sizeof *loaded * (count + 1));
    if (loaded == NULL) return mr_arena_fail(c->arena, err);
    for (uint32_t i = 0; i < count; i++) {
        loaded[i] = args[i];
        if (args[i].operand.where != MR_IN_FIELD) continue;
        const bool as_text = mr_function_reading(f, i) == MR_READ_TEXT;
        MR_TRY(load_by(c, &loaded[i], as_text ? mr_call_load_text : mr_call_load, err));
    }
    return add_operands(c, loaded, count, out_first, err);
}

mr_code mr_emit_call(mr_compiler *c, const mr_function *f, const mr_term *args, uint32_t count,
                     uint32_t line, uint32_t column, mr_term *out, mr_error *err)
{
    const uint32_t base = count > 0 ? args[0].base : c->registers;
    const uint32_t field = mr_terms_field(args, count);
    const bool random = (f->flags & MR_FUNCTION_RANDOM) != 0;
    mr_instruction in = {.control = MR_DO_CALL,
                         .out = (uint16_t)base,
                         .count = count,
                         .line = line,
                         .column = column,
                         .field = field == MR_SEVERAL ? 0 : field,
                         .call = by_column(c, f, args, count) ? f->column_call : f->call,
                         .function = f};
    MR_TRY(count_node(c, err));
    MR_TRY(check_args(f, args, count, line, column, err));
    if (f->prepare != NULL) MR_TRY(f->prepare(c, &in, args, count, err));
    const mr_term result = {.operand = {.where = MR_IN_REGISTER, .index = base},
                            .kinds = result_kinds(f, args, count),
                            .base = base,
                            .line = line,
                            .column = column,
                            .field = field};
    const bool fixed = (f->flags & (MR_FUNCTION_RANDOM | MR_FUNCTION_RECORD)) == 0;
    const bool at_once = all_constant(args, count) && fixed;
    MR_TRY(call_operands(c, f, args, count, &in.first, err));
    *out = result; /* which may be one of the arguments */
    if (at_once) return fold(c, &in, out, err);
    c->expr->about.random |= random;
    c->registers = base + 1;
    return add_instruction(c, in, NULL, err);
}
