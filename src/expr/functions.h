/* SPDX-License-Identifier: MIT
 *
 * expr/functions.h - the functions that are called by name: a table a family, in the file that has
 * the functions. A new one is a row there and an example in docs/expressions.md.
 *
 * Thread: constants. */
#ifndef MR_EXPR_FUNCTIONS_H
#define MR_EXPR_FUNCTIONS_H

#include "expr/program.h"

/* Each ends with a row without a name. */
extern const mr_function mr_functions_arithmetic[]; /* arithmetic.c */
extern const mr_function mr_functions_order[];      /* order.c */
extern const mr_function mr_functions_cast[];       /* cast.c */
extern const mr_function mr_functions_access[];     /* access.c */
extern const mr_function mr_functions_text[];       /* text.c */
extern const mr_function mr_functions_calendar[];   /* calendar.c */
extern const mr_function mr_functions_digest[];     /* digest.c */
extern const mr_function mr_functions_pattern[];    /* pattern.c */

/* The function called `name`, in any case of letters, or NULL. */
const mr_function *mr_function_named(mr_slice name);

/* The known function or special form whose name is nearest, or NULL. */
const char *mr_function_nearest(mr_slice name);

/* The `number`th function of the language, for lists and tests; NULL behind the last. */
const mr_function *mr_function_at(size_t number);

#endif
