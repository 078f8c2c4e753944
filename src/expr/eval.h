/* SPDX-License-Identifier: MIT
 *
 * expr/eval.h - an evaluator: registers, selections, the heap of a block, the faults of a batch.
 *
 * Thread: owned by one. */
#ifndef MR_EXPR_EVAL_H
#define MR_EXPR_EVAL_H

#include "expr/run.h"

typedef struct mr_selection {
    uint32_t count;
    uint16_t rows[MR_BLOCK_ROWS]; /* ascending */
} mr_selection;

/* A fault of a row, its text in `fault_texts`. */
typedef struct mr_fault {
    uint32_t row;
    uint32_t field; /* + 1 */
    uint32_t offset, length;
} mr_fault;

struct mr_eval {
    const mr_expr *expr;
    mr_vec *registers;
    uint32_t register_count;
    bool bound;               /* `columns` is of an earlier batch */
    mr_selection *selections; /* [0] = the rows asked for */
    uint32_t selected;        /* the one at work */
    int64_t *columns;         /* of each field, in the batch; -1 = none */
    uint32_t block_rows;
    mr_heap heap;
    mr_buffer faults; /* mr_fault */
    mr_buffer fault_texts;
    uint32_t fault_count;
    struct mr_regex_scratch *regex; /* made when first needed */
    mr_run run;
};

/* --- eval.c ----------------------------------------------------------------------------------- */

/* Evaluates one call of constants while `expr` is still being compiled. A text in `out` lives until
 * the next call. */
MR_NODISCARD mr_code mr_eval_fold(mr_eval *eval, const mr_instruction *in, mr_value *out,
                                  mr_error *err);
/* As mr_eval_new(), for one row. */
MR_NODISCARD mr_code mr_eval_new_folder(const mr_expr *expr, mr_eval **out, mr_error *err);

/* --- load.c ----------------------------------------------------------------------------------- */

/* The operand is a field: its cells become values (texts of any type become texts). */
void mr_call_load(mr_run *run);
void mr_call_load_text(mr_run *run);

/* One cell, of row `row` of the batch. */
MR_HOT mr_value mr_run_cell(mr_run *run, const mr_column *column, uint32_t row, bool untyped);

/* The column of a field operand in the batch; NULL when the batch has none. */
const mr_column *mr_run_column(const mr_run *run, uint32_t field);

#endif
