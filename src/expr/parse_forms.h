/* SPDX-License-Identifier: MIT
 *
 * expr/parse_forms.h - the forms that look like calls but work on some of their arguments only for
 * some of the rows: if(), coalesce(), try(); and what they share with parse.c.
 *
 * Thread: owned by one. */
#ifndef MR_EXPR_PARSE_FORMS_H
#define MR_EXPR_PARSE_FORMS_H

#include "expr/compile.h"

typedef enum mr_form {
    MR_FORM_IF,
    MR_FORM_COALESCE,
    MR_FORM_TRY,
} mr_form;

bool mr_form_named(mr_slice name, mr_form *out);

/* The token behind the opening parenthesis is at hand; reads up to behind the closing one. */
MR_NODISCARD mr_code mr_parse_form(mr_compiler *c, mr_form form, const mr_token *word, mr_term *out,
                                   mr_error *err);

/* `out`, or where `control` selects rows of it, what `operand` reads next. */
MR_NODISCARD mr_code mr_parse_fallback(mr_compiler *c, mr_control control,
                                       mr_code (*operand)(mr_compiler *c, mr_term *out,
                                                          mr_error *err),
                                       mr_term *out, mr_error *err);

/* --- parse.c ---------------------------------------------------------------------------------- */

MR_NODISCARD mr_code mr_parse_expression(mr_compiler *c, mr_term *out, mr_error *err);
bool mr_parse_is_sign(const mr_compiler *c, const char *sign);
bool mr_parse_is_word(const mr_compiler *c, const char *word);
/* Reads `sign`, or says that `what` was expected. */
MR_NODISCARD mr_code mr_parse_sign(mr_compiler *c, const char *sign, const char *what,
                                   mr_error *err);
mr_code mr_parse_expected(const mr_compiler *c, const char *what, mr_error *err);

#endif
