/* SPDX-License-Identifier: MIT
 *
 * The grammar, loosest first. What binds alike is read from left to right.
 *
 *     or         x or y     x || y
 *     and        x and y    x && y
 *     not        not x
 *     compare    = == != <> < <= > >=  in  between  like  is null     (do not chain)
 *     else       x ?? y
 *     sum        + -
 *     product    * / %
 *     prefix     -x  !x
 *     access     x.name  x["name"]  x[0]
 *
 * One function a level, each with its own loop; only what stands in parentheses, calls and prefixes
 * recurses, and MR_EXPR_MAX_DEPTH bounds that. */
#include <strings.h>

#include "core/nearest.h"
#include "expr/compile.h"
#include "expr/functions.h"
#include "expr/operators.h"
#include "expr/parse_forms.h"

bool mr_parse_is_sign(const mr_compiler *c, const char *sign)
{
    return c->token.kind == MR_TOKEN_SIGN && mr_slice_is(c->token.text, sign);
}

bool mr_parse_is_word(const mr_compiler *c, const char *word)
{
    const mr_slice text = c->token.text;
    return c->token.kind == MR_TOKEN_WORD && text.len == strlen(word) &&
           strncasecmp(text.ptr, word, text.len) == 0;
}

mr_code mr_parse_expected(const mr_compiler *c, const char *what, mr_error *err)
{
    char found[MR_TOKEN_QUOTE_MAX];
    return mr_compile_fail(c->token.line, c->token.column, err, "expected %s, found %s", what,
                           mr_token_quote(&c->token, found));
}

mr_code mr_parse_sign(mr_compiler *c, const char *sign, const char *what, mr_error *err)
{
    if (!mr_parse_is_sign(c, sign)) return mr_parse_expected(c, what, err);
    return mr_lex(c, err);
}

static mr_code enter(mr_compiler *c, mr_error *err)
{
    if (++c->depth <= MR_EXPR_MAX_DEPTH) return MR_OK;
    return mr_fail(err, MR_ERR_LIMIT,
                   "%u:%u: more than %d parentheses, calls and signs inside "
                   "each other",
                   c->token.line, c->token.column, MR_EXPR_MAX_DEPTH);
}

/* --- access
 * ----------------------------------------------------------------------------------- */

static mr_code add_step(mr_compiler *c, mr_list *steps, mr_step step, mr_error *err)
{
    mr_step *kept;
    MR_TRY(mr_list_add(c, steps, sizeof *kept, &kept, err));
    *kept = step;
    return MR_OK;
}

/* ["name"] or [0]: what is in the brackets is known while compiling. */
static mr_code parse_bracket(mr_compiler *c, mr_step *out, mr_error *err)
{
    mr_term term;
    MR_TRY(mr_lex(c, err));
    MR_TRY(enter(c, err));
    MR_TRY(mr_parse_expression(c, &term, err));
    c->depth--;
    const mr_value *value = mr_term_constant(c, &term);
    if (value != NULL && value->kind == MR_KIND_STRING)
        *out = (mr_step){.key = value->cell.text};
    else if (value != NULL && value->kind == MR_KIND_INT)
        *out = (mr_step){.index = value->cell.integer, .is_index = true};
    else
        return mr_compile_fail(term.line, term.column, err,
                               "expected a constant name or number in the brackets; get() takes "
                               "any");
    return mr_parse_sign(c, "]", "']'", err);
}

static mr_code parse_access(mr_compiler *c, mr_term *term, mr_error *err)
{
    mr_list steps = {0};
    mr_step step;
    const uint32_t line = term->line, column = term->column;
    for (;;) {
        if (c->token.kind == MR_TOKEN_FIELD && !c->token.spaced) {
            step = (mr_step){.key = c->token.text};
            MR_TRY(mr_lex(c, err));
        } else if (mr_parse_is_sign(c, "[")) {
            MR_TRY(parse_bracket(c, &step, err));
        } else {
            break;
        }
        MR_TRY(add_step(c, &steps, step, err));
    }
    if (steps.count == 0) return MR_OK;
    MR_TRY(mr_emit_path(c, steps.items, steps.count, &c->path, err));
    return mr_emit_call(c, &mr_operator_access, term, 1, line, column, term, err);
}

/* --- primaries
 * -------------------------------------------------------------------------------- */

static mr_code parse_number(mr_compiler *c, mr_term *out, mr_error *err)
{
    mr_value value;
    if (!mr_value_read_number(c->token.text, &value)) return mr_parse_expected(c, "a number", err);
    mr_value shorter = value;
    if (mr_value_exact_number(&shorter)) value = shorter;
    MR_TRY(mr_emit_constant(c, value, out, err));
    return mr_lex(c, err);
}

/* A bare name that is no function: most likely a field without its dot. */
static mr_code unknown_word(const mr_compiler *c, const mr_token *word, mr_error *err)
{
    const mr_slice name = word->text;
    if (c->env->schema != NULL && mr_schema_find(c->env->schema, name) >= 0)
        return mr_compile_fail(word->line, word->column, err,
                               "a field is written with a dot: '.%.*s'", MR_SLICE_ARGS(name));
    const char *near = mr_function_nearest(name);
    return mr_compile_fail(word->line, word->column, err,
                           "unknown name '%.*s'; a field is written '.%.*s', a text \"%.*s\"%s%s%s",
                           MR_SLICE_ARGS(name), MR_SLICE_ARGS(name), MR_SLICE_ARGS(name),
                           near != NULL ? ", and there is a function " : "",
                           near != NULL ? near : "", near != NULL ? "()" : "");
}

static mr_code unknown_function(const mr_token *word, mr_error *err)
{
    const char *near = mr_function_nearest(word->text);
    return mr_compile_fail(word->line, word->column, err, "unknown function '%.*s'%s%s%s",
                           MR_SLICE_ARGS(word->text), near != NULL ? "; did you mean '" : "",
                           near != NULL ? near : "", near != NULL ? "'?" : "");
}

static mr_code parse_args(mr_compiler *c, mr_list *args, mr_error *err)
{
    mr_term *kept;
    while (!mr_parse_is_sign(c, ")")) {
        if (args->count > 0) MR_TRY(mr_parse_sign(c, ",", "',' or ')'", err));
        if (args->count > MR_EXPR_MAX_ARGS)
            return mr_fail(err, MR_ERR_LIMIT, "%u:%u: more than %d arguments", c->token.line,
                           c->token.column, MR_EXPR_MAX_ARGS);
        MR_TRY(mr_list_add(c, args, sizeof *kept, &kept, err));
        MR_TRY(mr_parse_expression(c, kept, err));
    }
    return mr_lex(c, err);
}

static mr_code parse_call(mr_compiler *c, const mr_token *word, mr_term *out, mr_error *err)
{
    mr_list args = {0};
    mr_form form;
    const mr_function *function = mr_function_named(word->text);
    const uint32_t base = c->registers;
    MR_TRY(enter(c, err));
    if (mr_form_named(word->text, &form)) {
        MR_TRY(mr_parse_form(c, form, word, out, err));
    } else {
        if (function == NULL) return unknown_function(word, err);
        MR_TRY(mr_lex(c, err)); /* the parenthesis */
        MR_TRY(parse_args(c, &args, err));
        MR_TRY(
            mr_emit_call(c, function, args.items, args.count, word->line, word->column, out, err));
    }
    out->base = base;
    c->depth--;
    return MR_OK;
}

/* date "2026-01-02" is date("2026-01-02"). */
static mr_code parse_typed(mr_compiler *c, const mr_token *word, mr_term *out, mr_error *err)
{
    mr_term text;
    const mr_function *function = mr_function_named(word->text);
    if (function == NULL) return unknown_function(word, err);
    MR_TRY(mr_emit_constant(c, mr_value_text(MR_KIND_STRING, c->token.text), &text, err));
    MR_TRY(mr_lex(c, err));
    return mr_emit_call(c, function, &text, 1, word->line, word->column, out, err);
}

static mr_code parse_word(mr_compiler *c, mr_term *out, mr_error *err)
{
    static const struct {
        const char *word;
        mr_kind kind;
    } literals[] = {
        {"true", MR_KIND_TRUE},
        {"false", MR_KIND_FALSE},
        {"null", MR_KIND_NULL},
    };
    static const char *const typed[] = {"date", "timestamp", "time"};
    for (size_t i = 0; i < MR_COUNT_OF(literals); i++) {
        if (!mr_parse_is_word(c, literals[i].word)) continue;
        MR_TRY(mr_emit_constant(c, mr_value_state(literals[i].kind), out, err));
        return mr_lex(c, err);
    }
    const mr_token word = c->token;
    MR_TRY(mr_lex(c, err));
    if (mr_parse_is_sign(c, "(")) return parse_call(c, &word, out, err);
    for (size_t i = 0; c->token.kind == MR_TOKEN_STRING && i < MR_COUNT_OF(typed); i++)
        if (word.text.len == strlen(typed[i]) &&
            strncasecmp(word.text.ptr, typed[i], word.text.len) == 0)
            return parse_typed(c, &word, out, err);
    return unknown_word(c, &word, err);
}

/* ["odd name"] and .["odd name"]: the token is the bracket. */
static mr_code parse_odd_name(mr_compiler *c, mr_term *out, mr_error *err)
{
    mr_step step;
    const uint32_t line = c->token.line, column = c->token.column;
    MR_TRY(parse_bracket(c, &step, err));
    if (step.is_index)
        return mr_compile_fail(line, column, err,
                               "expected a field's name in the brackets, found a number");
    MR_TRY(mr_emit_field(c, step.key, out, err));
    out->line = line;
    out->column = column;
    return MR_OK;
}

static mr_code parse_primary(mr_compiler *c, mr_term *out, mr_error *err)
{
    switch (c->token.kind) {
    case MR_TOKEN_FIELD: MR_TRY(mr_emit_field(c, c->token.text, out, err)); return mr_lex(c, err);
    case MR_TOKEN_NUMBER: return parse_number(c, out, err);
    case MR_TOKEN_STRING:
        MR_TRY(mr_emit_constant(c, mr_value_text(MR_KIND_STRING, c->token.text), out, err));
        return mr_lex(c, err);
    case MR_TOKEN_WORD: return parse_word(c, out, err);
    case MR_TOKEN_END:
    case MR_TOKEN_SIGN: break;
    }
    if (mr_parse_is_sign(c, "[")) return parse_odd_name(c, out, err);
    if (mr_parse_is_sign(c, ".")) {
        MR_TRY(mr_lex(c, err));
        if (!mr_parse_is_sign(c, "[")) return mr_parse_expected(c, "a field's name after '.'", err);
        return parse_odd_name(c, out, err);
    }
    if (!mr_parse_is_sign(c, "(")) return mr_parse_expected(c, "a value", err);
    MR_TRY(enter(c, err));
    MR_TRY(mr_lex(c, err));
    MR_TRY(mr_parse_expression(c, out, err));
    c->depth--;
    return mr_parse_sign(c, ")", "an operator or ')'", err);
}

/* A minus before a literal of any length is part of it. */
static mr_code negate_literal(mr_compiler *c, mr_term *out, bool *out_done, mr_error *err)
{
    const mr_value *value = mr_term_constant(c, out);
    *out_done = value != NULL && value->kind == MR_KIND_NUMBER && value->cell.text.ptr[0] != '-';
    if (!*out_done) return MR_OK;
    char *text = mr_arena_printf(c->arena, "-%.*s", MR_SLICE_ARGS(value->cell.text));
    if (text == NULL) return mr_arena_fail(c->arena, err);
    const mr_value negative = mr_value_text(MR_KIND_NUMBER, mr_slice_text(text));
    return mr_emit_constant(c, negative, out, err);
}

static mr_code parse_prefix(mr_compiler *c, mr_term *out, mr_error *err)
{
    bool done = false;
    const bool minus = mr_parse_is_sign(c, "-");
    if (!minus && !mr_parse_is_sign(c, "!")) {
        MR_TRY(parse_primary(c, out, err));
        return parse_access(c, out, err);
    }
    const uint32_t line = c->token.line, column = c->token.column;
    MR_TRY(enter(c, err));
    MR_TRY(mr_lex(c, err));
    MR_TRY(parse_prefix(c, out, err));
    c->depth--;
    if (minus) MR_TRY(negate_literal(c, out, &done, err));
    if (done) return MR_OK;
    return mr_emit_call(c, minus ? &mr_operator_negate : &mr_operator_not, out, 1, line, column,
                        out, err);
}

/* --- operators
 * -------------------------------------------------------------------------------- */

typedef struct operator_sign {
    const char *sign;
    const mr_function *function;
} operator_sign;

static const mr_function *operator_here(const mr_compiler *c, const operator_sign *signs)
{
    for (; signs->sign != NULL; signs++)
        if (mr_parse_is_sign(c, signs->sign)) return signs->function;
    return NULL;
}

/* A level of operators between two operands, read from left to right. */
static mr_code parse_level(mr_compiler *c, const operator_sign *signs,
                           mr_code (*operand)(mr_compiler *c, mr_term *out, mr_error *err),
                           mr_term *out, mr_error *err)
{
    mr_term pair[2];
    const mr_function *function;
    MR_TRY(operand(c, out, err));
    while ((function = operator_here(c, signs)) != NULL) {
        const uint32_t line = c->token.line, column = c->token.column;
        pair[0] = *out;
        MR_TRY(mr_lex(c, err));
        MR_TRY(operand(c, &pair[1], err));
        MR_TRY(mr_emit_call(c, function, pair, 2, line, column, out, err));
    }
    return MR_OK;
}

static mr_code parse_product(mr_compiler *c, mr_term *out, mr_error *err)
{
    static const operator_sign signs[] = {{"*", &mr_operator_multiply},
                                          {"/", &mr_operator_divide},
                                          {"%", &mr_operator_rest},
                                          {NULL, NULL}};
    return parse_level(c, signs, parse_prefix, out, err);
}

static mr_code parse_sum(mr_compiler *c, mr_term *out, mr_error *err)
{
    static const operator_sign signs[] = {
        {"+", &mr_operator_add}, {"-", &mr_operator_subtract}, {NULL, NULL}};
    return parse_level(c, signs, parse_product, out, err);
}

static mr_code parse_else(mr_compiler *c, mr_term *out, mr_error *err)
{
    MR_TRY(parse_sum(c, out, err));
    while (mr_parse_is_sign(c, "??")) {
        MR_TRY(mr_lex(c, err));
        MR_TRY(mr_parse_fallback(c, MR_DO_SELECT_NONE, parse_sum, out, err));
    }
    return MR_OK;
}

static mr_code parse_between(mr_compiler *c, mr_term *out, uint32_t line, uint32_t column,
                             mr_error *err)
{
    mr_term terms[3] = {*out};
    MR_TRY(parse_else(c, &terms[1], err));
    if (!mr_parse_is_word(c, "and") && !mr_parse_is_sign(c, "&&"))
        return mr_parse_expected(c, "'and' and the upper bound of 'between'", err);
    MR_TRY(mr_lex(c, err));
    MR_TRY(parse_else(c, &terms[2], err));
    return mr_emit_call(c, &mr_operator_between, terms, 3, line, column, out, err);
}

static mr_code parse_in(mr_compiler *c, mr_term *out, uint32_t line, uint32_t column, mr_error *err)
{
    mr_list args = {0};
    mr_term *first;
    MR_TRY(mr_list_add(c, &args, sizeof *first, &first, err));
    *first = *out;
    MR_TRY(mr_parse_sign(c, "(", "'(' and a list of values after 'in'", err));
    MR_TRY(enter(c, err));
    do {
        mr_term *entry;
        if (args.count > MR_EXPR_MAX_ARGS)
            return mr_fail(err, MR_ERR_LIMIT, "%u:%u: more than %d values after 'in'",
                           c->token.line, c->token.column, MR_EXPR_MAX_ARGS);
        if (args.count > 1) MR_TRY(mr_lex(c, err));
        MR_TRY(mr_list_add(c, &args, sizeof *entry, &entry, err));
        MR_TRY(mr_parse_expression(c, entry, err));
    } while (mr_parse_is_sign(c, ","));
    c->depth--;
    MR_TRY(mr_parse_sign(c, ")", "',' or ')'", err));
    return mr_emit_call(c, &mr_operator_in, args.items, args.count, line, column, out, err);
}

static mr_code parse_is(mr_compiler *c, mr_term *out, bool *out_negated, mr_error *err)
{
    const mr_function *function = mr_function_named(MR_SLICE("is_null"));
    const uint32_t line = c->token.line, column = c->token.column;
    *out_negated = mr_parse_is_word(c, "not");
    if (*out_negated) MR_TRY(mr_lex(c, err));
    if (!mr_parse_is_word(c, "null")) return mr_parse_expected(c, "'null' after 'is'", err);
    MR_TRY(mr_lex(c, err));
    return mr_emit_call(c, function, out, 1, line, column, out, err);
}

/* What follows a value in words: in, between, like, is. False when none does. */
static mr_code parse_words(mr_compiler *c, mr_term *out, bool *out_found, mr_error *err)
{
    mr_term pair[2] = {*out};
    const uint32_t line = c->token.line, column = c->token.column;
    bool negated = mr_parse_is_word(c, "not");
    if (negated) MR_TRY(mr_lex(c, err));
    *out_found = true;
    if (mr_parse_is_word(c, "in")) {
        MR_TRY(mr_lex(c, err));
        MR_TRY(parse_in(c, out, line, column, err));
    } else if (mr_parse_is_word(c, "between")) {
        MR_TRY(mr_lex(c, err));
        MR_TRY(parse_between(c, out, line, column, err));
    } else if (mr_parse_is_word(c, "like")) {
        MR_TRY(mr_lex(c, err));
        MR_TRY(parse_else(c, &pair[1], err));
        MR_TRY(mr_emit_call(c, &mr_operator_like, pair, 2, line, column, out, err));
    } else if (!negated && mr_parse_is_word(c, "is")) {
        MR_TRY(mr_lex(c, err));
        MR_TRY(parse_is(c, out, &negated, err));
    } else {
        *out_found = false;
        return negated ? mr_parse_expected(c, "'in', 'between' or 'like' after 'not'", err) : MR_OK;
    }
    return negated ? mr_emit_call(c, &mr_operator_not, out, 1, line, column, out, err) : MR_OK;
}

static mr_code parse_comparison(mr_compiler *c, mr_term *out, mr_error *err)
{
    static const operator_sign signs[] = {
        {"=", &mr_operator_same},      {"==", &mr_operator_same}, {"!=", &mr_operator_other},
        {"<>", &mr_operator_other},    {"<", &mr_operator_less},  {"<=", &mr_operator_at_most},
        {">=", &mr_operator_at_least}, {">", &mr_operator_more},  {NULL, NULL}};
    mr_term pair[2];
    bool found = false;
    MR_TRY(parse_else(c, out, err));
    const mr_function *function = operator_here(c, signs);
    if (function != NULL) {
        const uint32_t line = c->token.line, column = c->token.column;
        pair[0] = *out;
        MR_TRY(mr_lex(c, err));
        MR_TRY(parse_else(c, &pair[1], err));
        MR_TRY(mr_emit_call(c, function, pair, 2, line, column, out, err));
    } else {
        MR_TRY(parse_words(c, out, &found, err));
    }
    if (operator_here(c, signs) != NULL)
        return mr_compile_fail(c->token.line, c->token.column, err,
                               "comparisons do not chain; join them with 'and', or use "
                               "parentheses");
    return MR_OK;
}

static mr_code parse_not(mr_compiler *c, mr_term *out, mr_error *err)
{
    if (!mr_parse_is_word(c, "not")) return parse_comparison(c, out, err);
    const uint32_t line = c->token.line, column = c->token.column;
    MR_TRY(enter(c, err));
    MR_TRY(mr_lex(c, err));
    MR_TRY(parse_not(c, out, err));
    c->depth--;
    return mr_emit_call(c, &mr_operator_not, out, 1, line, column, out, err);
}

/* The right side is worked on only where the left one leaves something open. */
static mr_code parse_right(mr_compiler *c, mr_control control, const mr_function *function,
                           mr_code (*operand)(mr_compiler *c, mr_term *out, mr_error *err),
                           mr_term *out, mr_error *err)
{
    mr_term pair[2];
    uint32_t select;
    const uint32_t line = c->token.line, column = c->token.column;
    MR_TRY(mr_lex(c, err));
    pair[0] = *out;
    MR_TRY(mr_emit_load(c, &pair[0], err));
    MR_TRY(mr_emit_control(c, control, pair[0].operand.index, &pair[0], &select, err));
    MR_TRY(operand(c, &pair[1], err));
    MR_TRY(mr_emit_call(c, function, pair, 2, line, column, out, err));
    mr_emit_target(c, select);
    return mr_emit_control(c, MR_DO_POP, 0, NULL, NULL, err);
}

static mr_code parse_and(mr_compiler *c, mr_term *out, mr_error *err)
{
    MR_TRY(parse_not(c, out, err));
    while (mr_parse_is_word(c, "and") || mr_parse_is_sign(c, "&&"))
        MR_TRY(parse_right(c, MR_DO_SELECT_UNFALSE, &mr_operator_and, parse_not, out, err));
    return MR_OK;
}

mr_code mr_parse_expression(mr_compiler *c, mr_term *out, mr_error *err)
{
    MR_TRY(parse_and(c, out, err));
    while (mr_parse_is_word(c, "or") || mr_parse_is_sign(c, "||"))
        MR_TRY(parse_right(c, MR_DO_SELECT_UNTRUE, &mr_operator_or, parse_and, out, err));
    return MR_OK;
}

mr_code mr_parse(mr_compiler *c, mr_term *out, mr_error *err)
{
    MR_TRY(mr_lex(c, err));
    if (c->token.kind == MR_TOKEN_END) return mr_compile_fail(1, 1, err, "the expression is empty");
    MR_TRY(mr_parse_expression(c, out, err));
    if (c->token.kind != MR_TOKEN_END) return mr_parse_expected(c, "an operator or the end", err);
    return MR_OK;
}
