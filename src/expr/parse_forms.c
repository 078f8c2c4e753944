/* SPDX-License-Identifier: MIT */
#include "expr/parse_forms.h"

#include <strings.h>

bool mr_form_named(mr_slice name, mr_form *out)
{
    static const char *const names[] = {
        [MR_FORM_IF] = "if", [MR_FORM_COALESCE] = "coalesce", [MR_FORM_TRY] = "try"};
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        if (strlen(names[i]) != name.len || strncasecmp(names[i], name.ptr, name.len) != 0)
            continue;
        *out = (mr_form)i;
        return true;
    }
    return false;
}

/* Puts a term into register `out`, for the rows selected, and frees the registers above. */
static mr_code move_to(mr_compiler *c, mr_term *term, uint32_t out, mr_error *err)
{
    if (term->operand.where == MR_IN_FIELD) MR_TRY(mr_emit_load(c, term, err));
    if (term->operand.where != MR_IN_REGISTER || term->operand.index != out)
        MR_TRY(mr_emit_control(c, MR_DO_MOVE, out, term, NULL, err));
    c->registers = out + 1;
    return MR_OK;
}

/* Joins what is known of a result with one more value it may be. */
static void may_be(mr_term *result, const mr_term *value)
{
    const mr_term both[2] = {*result, *value};
    result->field = mr_terms_field(both, 2);
    result->kinds |= value->kinds;
}

mr_code mr_parse_fallback(mr_compiler *c, mr_control control,
                          mr_code (*operand)(mr_compiler *c, mr_term *out, mr_error *err),
                          mr_term *out, mr_error *err)
{
    mr_term other;
    uint32_t select;
    MR_TRY(mr_emit_load(c, out, err));
    const uint32_t home = out->operand.index;
    MR_TRY(mr_emit_control(c, control, home, out, &select, err));
    MR_TRY(operand(c, &other, err));
    MR_TRY(move_to(c, &other, home, err));
    mr_emit_target(c, select);
    MR_TRY(mr_emit_control(c, MR_DO_POP, 0, NULL, NULL, err));
    may_be(out, &other);
    return MR_OK;
}

static mr_code null_operand(mr_compiler *c, mr_term *out, mr_error *err)
{
    return mr_emit_constant(c, mr_value_state(MR_KIND_NULL), out, err);
}

/* try(value[, instead]) */
static mr_code parse_try(mr_compiler *c, mr_term *out, mr_error *err)
{
    MR_TRY(mr_parse_expression(c, out, err));
    const bool given = mr_parse_is_sign(c, ",");
    if (given) MR_TRY(mr_parse_sign(c, ",", "','", err));
    MR_TRY(mr_parse_fallback(c, MR_DO_SELECT_FAULT, given ? mr_parse_expression : null_operand, out,
                             err));
    return mr_parse_sign(c, ")", given ? "')'" : "',' or ')'", err);
}

static mr_code parse_coalesce(mr_compiler *c, mr_term *out, mr_error *err)
{
    MR_TRY(mr_parse_expression(c, out, err));
    while (mr_parse_is_sign(c, ",")) {
        MR_TRY(mr_parse_sign(c, ",", "','", err));
        MR_TRY(mr_parse_fallback(c, MR_DO_SELECT_NONE, mr_parse_expression, out, err));
    }
    return mr_parse_sign(c, ")", "',' or ')'", err);
}

static mr_code check_condition(const mr_term *term, mr_error *err)
{
    char names[MR_KINDS_NAMES_MAX];
    if (term->kinds == 0 || (term->kinds & mr_reading_kinds(MR_READ_BOOL)) != 0) return MR_OK;
    return mr_compile_fail(term->line, term->column, err,
                           "if() expects a condition that is true or false, found %s",
                           mr_kinds_names(term->kinds, names));
}

/* "condition, value" of an if(): the condition has been read. */
static mr_code parse_branch(mr_compiler *c, mr_term *condition, uint32_t home, mr_term *result,
                            mr_error *err)
{
    mr_term value;
    uint32_t select;
    MR_TRY(check_condition(condition, err));
    MR_TRY(move_to(c, condition, home, err));
    MR_TRY(mr_emit_control(c, MR_DO_SELECT_TRUE, home, condition, &select, err));
    MR_TRY(mr_parse_sign(c, ",", "',' and the value of if() where that is true", err));
    MR_TRY(mr_parse_expression(c, &value, err));
    MR_TRY(move_to(c, &value, home, err));
    mr_emit_target(c, select);
    may_be(result, &value);
    return mr_emit_control(c, MR_DO_POP, 0, NULL, NULL, err);
}

/* if(condition, value[, condition, value]...[, otherwise]): each condition is looked at where those
 * before were not true; their selections are left on the stack until the end. */
static mr_code parse_if(mr_compiler *c, const mr_token *word, mr_term *out, mr_error *err)
{
    const uint32_t home = c->registers;
    mr_term term, result = {.operand = {.where = MR_IN_REGISTER, .index = home},
                            .base = home,
                            .line = word->line,
                            .column = word->column};
    uint32_t open = 0;
    MR_TRY(mr_parse_expression(c, &term, err));
    do {
        MR_TRY(parse_branch(c, &term, home, &result, err));
        open++;
        if (open > MR_EXPR_MAX_BRANCHES)
            return mr_fail(err, MR_ERR_LIMIT, "%u:%u: an if() has more than %d conditions",
                           word->line, word->column, MR_EXPR_MAX_BRANCHES);
        if (mr_parse_is_sign(c, ",")) {
            MR_TRY(mr_parse_sign(c, ",", "','", err));
            MR_TRY(mr_parse_expression(c, &term, err));
        } else {
            MR_TRY(null_operand(c, &term, err));
        }
    } while (mr_parse_is_sign(c, ","));
    MR_TRY(move_to(c, &term, home, err));
    may_be(&result, &term);
    for (; open > 0; open--)
        MR_TRY(mr_emit_control(c, MR_DO_POP, 0, NULL, NULL, err));
    *out = result;
    return mr_parse_sign(c, ")", "',' or ')'", err);
}

mr_code mr_parse_form(mr_compiler *c, mr_form form, const mr_token *word, mr_term *out,
                      mr_error *err)
{
    MR_TRY(mr_lex(c, err)); /* the parenthesis */
    switch (form) {
    case MR_FORM_IF: return parse_if(c, word, out, err);
    case MR_FORM_COALESCE: return parse_coalesce(c, out, err);
    case MR_FORM_TRY: break;
    }
    return parse_try(c, out, err);
}
