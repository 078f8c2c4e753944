/* SPDX-License-Identifier: MIT
 *
 * support/expr_case.h - what an expression makes of one record, as one text:
 *
 *     "int 5"   "string abc"   "null"   "absent"   "fault 1:3: ..."   "error 1:7: ..."
 *
 * Thread: one test at a time. */
#ifndef MR_TESTS_SUPPORT_EXPR_CASE_H
#define MR_TESTS_SUPPORT_EXPR_CASE_H

#include "expr/expr.h"

/* A cell of the one record: its text, or NULL for null; MR_EXPR_CASE_ABSENT for absent. */
typedef struct expr_cell {
    const char *name;
    mr_type type;
    const char *text;
    bool untyped;
} expr_cell;

#define EXPR_CASE_ABSENT "<absent>"

typedef struct expr_case {
    mr_arena arena;
    mr_schema schema;
    mr_batch batch;
    bool untyped[64];
    mr_expr_env env; /* may be changed between runs */
    char text[1024];
} expr_case;

/* The record of `cells`, which end with one without a name. */
void expr_case_open(expr_case *c, const expr_cell *cells);
void expr_case_close(expr_case *c);

/* Compiles and evaluates; the text is good until the next run. */
const char *expr_case_run(expr_case *c, const char *expression);

typedef struct expr_row {
    const char *expression;
    const char *wanted; /* of expr_case_run(); a fault or error may end with '*' for any rest */
} expr_row;

/* Runs all rows, up to one without an expression, and fails the test if one differs. */
void expr_case_table(expr_case *c, const expr_row *rows);

#endif
