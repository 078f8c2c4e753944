/* SPDX-License-Identifier: MIT
 *
 * expr/operators.h - what is not called by name. They are functions like the others.
 *
 * Thread: constants. */
#ifndef MR_EXPR_OPERATORS_H
#define MR_EXPR_OPERATORS_H

#include "expr/program.h"

/* logic.c; `and` and `or` stand behind a SELECT, with their first operand in the result. */
extern const mr_function mr_operator_not, mr_operator_and, mr_operator_or;

/* arithmetic.c */
extern const mr_function mr_operator_add, mr_operator_subtract, mr_operator_multiply,
    mr_operator_divide, mr_operator_rest, mr_operator_negate;

/* order.c */
extern const mr_function mr_operator_same, mr_operator_other, mr_operator_less, mr_operator_at_most,
    mr_operator_more, mr_operator_at_least, mr_operator_between, mr_operator_in;

/* text.c */
extern const mr_function mr_operator_like;

/* access.c; `extra` is a path */
extern const mr_function mr_operator_access;

#endif
