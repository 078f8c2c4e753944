/* SPDX-License-Identifier: MIT */
#include "expr/compile.h"

#include "core/clock.h"
#include "core/utf8.h"
#include "expr/eval.h"
#include "expr/regex.h"

static const mr_expr_env nothing_known;

static mr_code check_text(mr_slice text, mr_error *err)
{
    if (text.len > MR_EXPR_MAX_BYTES)
        return mr_fail(err, MR_ERR_LIMIT, "the expression is longer than %d bytes",
                       MR_EXPR_MAX_BYTES);
    if (!mr_utf8_valid(text))
        return mr_compile_fail(1, 1, err, "the expression is not valid UTF-8");
    return MR_OK;
}

/* What a result of these kinds is to its user. */
static void describe(mr_expr *expr, const mr_term *term)
{
    expr->about.type = mr_kinds_type(term->kinds, &expr->about.untyped);
    expr->about.constant = term->operand.where == MR_IN_CONSTANT;
}

static mr_code check_predicate(const mr_compiler *c, const mr_term *term, mr_error *err)
{
    char names[MR_KINDS_NAMES_MAX];
    if (!c->env->predicate || (term->kinds & mr_reading_kinds(MR_READ_BOOL)) != 0) return MR_OK;
    return mr_compile_fail(1, 1, err, "expected something that is true or false, found %s",
                           term->kinds == 0 ? "null" : mr_kinds_names(term->kinds, names));
}

static mr_code compile(mr_compiler *c, mr_error *err)
{
    mr_term result;
    MR_TRY(mr_eval_new_folder(c->expr, &c->folder, err));
    MR_TRY(mr_parse(c, &result, err));
    MR_TRY(check_predicate(c, &result, err));
    describe(c->expr, &result);
    if (result.operand.where == MR_IN_FIELD) c->expr->only_field = result.operand.index + 1;
    if (result.operand.where == MR_IN_CONSTANT) result.base = 0;
    MR_TRY(mr_emit_load(c, &result, err));
    c->expr->result = result.operand;
    return MR_OK;
}

mr_code mr_expr_compile(mr_arena *arena, mr_slice text, const mr_expr_env *env, mr_expr **out,
                        mr_error *err)
{
    if (env == NULL) env = &nothing_known;
    MR_TRY(check_text(text, err));
    mr_expr *expr = mr_arena_take(arena, sizeof *expr);
    char *copy = mr_arena_copy(arena, text); /* names and literals are slices of it */
    if (expr == NULL || copy == NULL) return mr_arena_fail(arena, err);
    expr->arena = arena;
    expr->now_ns = env->now_ns != 0 ? env->now_ns : mr_clock_wall_ns();
    mr_compiler c = {.arena = arena,
                     .text = {copy, text.len},
                     .line = 1,
                     .counted_column = 1,
                     .env = env,
                     .expr = expr};
    const mr_code rc = compile(&c, err);
    mr_eval_free(c.folder);
    if (rc != MR_OK) {
        mr_expr_free(expr);
        return rc;
    }
    *out = expr;
    return MR_OK;
}

void mr_expr_free(mr_expr *expr)
{
    if (expr == NULL) return;
    for (uint32_t i = 0; i < expr->regexes.count; i++)
        mr_regex_free(((mr_regex **)expr->regexes.items)[i]);
    expr->regexes.count = 0;
}

const mr_slice *mr_expr_fields(const mr_expr *expr, uint32_t *out_count)
{
    *out_count = expr->names.count;
    return expr->names.items;
}

mr_expr_result mr_expr_result_of(const mr_expr *expr)
{
    return expr->about;
}

bool mr_expr_is_field(const mr_expr *expr, mr_slice *out_name)
{
    if (expr->only_field == 0) return false;
    *out_name = mr_expr_field_at(expr, expr->only_field - 1)->name;
    return true;
}
