/* SPDX-License-Identifier: MIT
 *
 * expr/compile.h - the two halves of the compiler share this: the parser reads terms and says what
 * is done with them, the emitter makes instructions of it in the same order, so there is no tree.
 *
 * A term is an operand under way: a constant and a field cost nothing until something is done with
 * them; a register is the lowest one that was free when the term began, so registers are a stack.
 * What is done with constants alone is done at once.
 *
 * Thread: owned by one. */
#ifndef MR_EXPR_COMPILE_H
#define MR_EXPR_COMPILE_H

#include "expr/program.h"

struct mr_term {
    mr_operand operand;
    mr_kinds kinds; /* that a value can have; 0 = always null */
    uint32_t base;  /* registers in use when it began */
    uint32_t line, column;
    uint32_t field; /* the one that decides it, + 1; 0 = none, MR_SEVERAL */
};

#define MR_SEVERAL UINT32_MAX

typedef enum mr_token_kind {
    MR_TOKEN_END = 0,
    MR_TOKEN_FIELD,  /* .name: the name */
    MR_TOKEN_WORD,   /* a bare name */
    MR_TOKEN_NUMBER, /* its literal */
    MR_TOKEN_STRING, /* what it says */
    MR_TOKEN_SIGN,   /* one or two characters of punctuation */
} mr_token_kind;

typedef struct mr_token {
    mr_token_kind kind;
    mr_slice text; /* see above; lives as long as the expression's text or arena */
    mr_slice raw;  /* as written */
    bool spaced;   /* white space came before it */
    uint32_t line, column;
} mr_token;

struct mr_compiler {
    mr_arena *arena;
    mr_slice text;
    size_t at;     /* of what follows `token` */
    uint32_t line; /* of `at` */
    size_t line_start;
    size_t counted_at;       /* where a column was counted last, */
    uint32_t counted_column; /* and that column */
    mr_token token;          /* the one to be looked at */
    const mr_expr_env *env;
    mr_expr *expr;
    uint32_t registers;  /* in use */
    uint32_t selections; /* pushed */
    uint32_t depth, nodes;
    uint32_t path;          /* for the access that is emitted next */
    struct mr_eval *folder; /* carries out what is constant */
};

/* --- lex.c ------------------------------------------------------------------------------------ */

/* Reads the next token into c->token. */
MR_NODISCARD mr_code mr_lex(mr_compiler *c, mr_error *err);

/* "LINE:COLUMN: ..." of MR_ERR_USAGE. */
mr_code mr_compile_fail(uint32_t line, uint32_t column, mr_error *err, const char *format, ...)
    MR_PRINTF(4, 5);

/* A token in quotes for an error, or "the end". */
#define MR_TOKEN_QUOTE_MAX 48
const char *mr_token_quote(const mr_token *token, char out[MR_TOKEN_QUOTE_MAX]);

/* --- emit.c ----------------------------------------------------------------------------------- */

/* Room for one more item of `size` bytes at the end of a list. */
MR_NODISCARD mr_code mr_list_add(mr_compiler *c, mr_list *list, size_t size, void *out_pointer,
                                 mr_error *err);

/* Terms that cost nothing. */
MR_NODISCARD mr_code mr_emit_constant(mr_compiler *c, mr_value value, mr_term *out, mr_error *err);
MR_NODISCARD mr_code mr_emit_field(mr_compiler *c, mr_slice name, mr_term *out, mr_error *err);

/* Calls `function` with `args`; the result is `out`, which may be one of them. Checks number and
 * kinds of the arguments. `line` and `column` are where it stands. */
MR_NODISCARD mr_code mr_emit_call(mr_compiler *c, const mr_function *function, const mr_term *args,
                                  uint32_t count, uint32_t line, uint32_t column, mr_term *out,
                                  mr_error *err);

/* Makes sure that a term is in its register. */
MR_NODISCARD mr_code mr_emit_load(mr_compiler *c, mr_term *term, mr_error *err);

/* A control instruction on `operand`, with register `out`. Returns its number, for its target to be
 * set later. */
MR_NODISCARD mr_code mr_emit_control(mr_compiler *c, mr_control control, uint32_t out,
                                     const mr_term *term, uint32_t *out_number, mr_error *err);
/* The SELECT instruction `number` jumps to where the code goes on, when it selects nothing. */
void mr_emit_target(mr_compiler *c, uint32_t number);

/* A path into json values, for mr_function's `extra`. */
MR_NODISCARD mr_code mr_emit_path(mr_compiler *c, const mr_step *steps, uint32_t count,
                                  uint32_t *out, mr_error *err);

/* The value of a constant term; NULL for others. */
const mr_value *mr_term_constant(const mr_compiler *c, const mr_term *term);

/* The kinds that a reading accepts. */
mr_kinds mr_reading_kinds(mr_reading reading);

/* The field that decides a value made of these. */
uint32_t mr_terms_field(const mr_term *terms, uint32_t count);

/* --- parse.c ---------------------------------------------------------------------------------- */

MR_NODISCARD mr_code mr_parse(mr_compiler *c, mr_term *out, mr_error *err);

#endif
