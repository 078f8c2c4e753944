/* SPDX-License-Identifier: MIT */
#include "support/expr_case.h"

#include "record/column.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)256 << 20)

static mr_error err;

void expr_case_open(expr_case *c, const expr_cell *cells)
{
    memset(c, 0, sizeof *c);
    mr_arena_init(&c->arena, "test.expr", ARENA_BYTES);
    mr_schema_init(&c->schema, &c->arena);
    mr_batch_init(&c->batch, 16);
    for (const expr_cell *cell = cells; cell->name != NULL; cell++) {
        uint32_t number;
        MR_EXPECT_OK(
            mr_schema_add(&c->schema, mr_slice_text(cell->name), cell->type, &number, &err));
        c->untyped[number] = cell->untyped;
    }
    MR_EXPECT_OK(mr_batch_set_schema(&c->batch, &c->schema, &err));
    MR_EXPECT_OK(mr_batch_begin_row(&c->batch, &err));
    for (uint32_t i = 0; cells[i].name != NULL; i++) {
        mr_column *column = &c->batch.columns[i];
        if (cells[i].text == NULL)
            mr_column_append_null(column, 0);
        else if (strcmp(cells[i].text, EXPR_CASE_ABSENT) == 0)
            MR_EXPECT_OK(mr_column_append_absent(column, 0, &err));
        else
            MR_EXPECT_OK(mr_column_append(column, 0, mr_slice_text(cells[i].text), &err));
    }
    mr_batch_end_row(&c->batch, 0, 0, 0, 0);
    c->env = (mr_expr_env){
        .schema = &c->schema, .untyped = c->untyped, .now_ns = INT64_C(1700000000123456789)};
}

void expr_case_close(expr_case *c)
{
    mr_batch_done(&c->batch);
    mr_arena_done(&c->arena);
}

/* What the only cell of `column` is. */
static void show(expr_case *c, const mr_eval *eval, const mr_column *column)
{
    if (mr_eval_fault_count(eval) > 0) {
        const mr_slice text = mr_eval_fault_at(eval, 0).text;
        snprintf(c->text, sizeof c->text, "fault %.*s", MR_SLICE_ARGS(text));
    } else if (mr_column_is_absent(column, 0)) {
        snprintf(c->text, sizeof c->text, "absent");
    } else if (mr_column_is_null(column, 0)) {
        snprintf(c->text, sizeof c->text, "null");
    } else {
        const mr_slice text = mr_column_text(column, 0);
        snprintf(c->text, sizeof c->text, "%s %.*s", mr_type_name(mr_column_type(column, 0)),
                 MR_SLICE_ARGS(text));
    }
}

const char *expr_case_run(expr_case *c, const char *expression)
{
    mr_expr *expr;
    mr_eval *eval;
    mr_column column = {0};
    uint8_t all = 1, keep = 0;
    uint32_t kept;
    mr_error error;
    if (mr_expr_compile(&c->arena, mr_slice_text(expression), &c->env, &expr, &error) != MR_OK) {
        snprintf(c->text, sizeof c->text, "error %s", error.text);
        return c->text;
    }
    MR_EXPECT_OK(mr_eval_new(expr, &eval, &err));
    MR_EXPECT_OK(mr_eval_value(eval, &c->batch, &all, &column, &err));
    show(c, eval, &column);
    const bool truth = strcmp(c->text, "bool true") == 0;
    if (truth || strcmp(c->text, "bool false") == 0 || strcmp(c->text, "null") == 0) {
        MR_EXPECT_OK(mr_eval_keep(eval, &c->batch, NULL, &keep, &kept, &err));
        if (kept != truth || keep != truth)
            MR_TEST_FAIL("%s: %s, yet keeps %u\n", expression, c->text, kept);
    }
    mr_column_done(&column);
    mr_eval_free(eval);
    mr_expr_free(expr);
    return c->text;
}

static bool agrees(const char *found, const char *wanted)
{
    const size_t len = strlen(wanted);
    if (len > 0 && wanted[len - 1] == '*') return strncmp(found, wanted, len - 1) == 0;
    return strcmp(found, wanted) == 0;
}

void expr_case_table(expr_case *c, const expr_row *rows)
{
    unsigned differences = 0;
    for (; rows->expression != NULL; rows++) {
        const char *found = expr_case_run(c, rows->expression);
        if (agrees(found, rows->wanted)) continue;
        print_error("%s\n  is       %s\n  expected %s\n", rows->expression, found, rows->wanted);
        differences++;
    }
    MR_EXPECT_U64(differences, ==, 0);
}
