/* SPDX-License-Identifier: MIT
 *
 * expr/run.h - what a function of the language sees while it runs: its arguments and its result for
 * a block of rows.
 *
 * Most functions are a static function from values to a value and MR_EXPR_CALL(), which makes a
 * loop of it in which nulls, absents and faults are dealt with:
 *
 *     static mr_value double_it(mr_run *run, const mr_value *args)
 *     {
 *         return mr_value_int(args[0].cell.integer * 2);
 *     }
 *     MR_EXPR_CALL(call_double, double_it, 1)
 *
 * Texts that a result points to lie in the block's heap (mr_run_take()), in a column of the batch
 * or in the expression; never in an argument that was read as text, unless the value says that it
 * is there for good (mr_run_keep()).
 *
 * Thread: owned by the evaluator's. */
#ifndef MR_EXPR_RUN_H
#define MR_EXPR_RUN_H

#include "expr/heap.h"
#include "expr/program.h"

#define MR_BLOCK_ROWS 1024u /* of a register: 21 KiB */
#define MR_CALL_ARGS  4     /* arguments that MR_EXPR_CALL() reads */

/* A register: a value a row. A constant is a register of one row, which `mask` makes of every row.
 */
typedef struct mr_vec {
    uint8_t *kind;
    uint8_t *scale;
    mr_cell *cell;
    uint32_t stride; /* 1, or 0 for a constant */
    uint8_t uniform; /* the kind of all rows of the block, where it is known; else MR_KIND_NULL */
} mr_vec;

struct mr_run {
    struct mr_eval *eval;
    const mr_expr *expr;
    const mr_instruction *in;
    const mr_batch *batch;
    uint32_t first_row;   /* of the block, in the batch */
    uint32_t row_count;   /* of the block */
    const uint16_t *rows; /* the selection */
    uint32_t count;
    mr_vec *out;
    char room[MR_CALL_ARGS][MR_VALUE_TEXT_MAX]; /* texts of arguments */
};

#define MR_EACH_ROW(run, row) \
    for (uint32_t each_ = 0, row; each_ < (run)->count && (row = (run)->rows[each_], true); each_++)

MR_INLINE mr_value mr_vec_get(const mr_vec *vec, uint32_t row)
{
    const uint32_t at = row * vec->stride;
    return (mr_value){vec->cell[at], vec->kind[at], vec->scale[at]};
}

MR_INLINE void mr_vec_put(mr_vec *vec, uint32_t row, mr_value value)
{
    vec->kind[row] = value.kind;
    vec->scale[row] = value.scale;
    vec->cell[row] = value.cell;
}

/* Argument `number` of the instruction, which is no field. */
MR_HOT mr_vec mr_run_arg(const mr_run *run, uint32_t number);

/* A fault of a row that says `LINE:COLUMN: function: ...`. */
MR_COLD mr_value mr_run_fault(mr_run *run, const char *format, ...) MR_PRINTF(2, 3);

/* A value in quotes for a fault, cut if it is long. */
#define MR_QUOTE_MAX 56
const char *mr_run_quote(const mr_value *value, char room[MR_QUOTE_MAX]);

/* Room for a text of the result; NULL when it is too large: then the result is
 * mr_run_too_large(). */
MR_NODISCARD MR_HOT char *mr_run_take(mr_run *run, size_t size_bytes);
/* Gives back what was taken last from `from` on. */
MR_HOT void mr_run_untake(mr_run *run, char *from);
mr_value mr_run_too_large(mr_run *run);

/* A text that may lie in a room as a STRING that lives as long as the block. */
MR_HOT mr_value mr_run_keep(mr_run *run, mr_slice text);

/* Makes an argument what `reading` says, or a fault. `room` has MR_VALUE_TEXT_MAX bytes. */
MR_HOT void mr_run_read(mr_run *run, mr_reading reading, mr_value *value, char *room);

/* Reads the arguments of one row. False when the result is settled without them. */
MR_HOT bool mr_run_args(mr_run *run, const mr_vec *vecs, uint32_t row, uint32_t count,
                        mr_value *out);

/* The reading of argument `number`. */
MR_INLINE mr_reading mr_function_reading(const mr_function *function, uint32_t number)
{
    return (mr_reading)function->reads[number < MR_FUNCTION_ARGS ? number : MR_FUNCTION_ARGS - 1];
}

#define MR_EXPR_CALL(name, function, arg_count)                                             \
    static void name(mr_run *run)                                                           \
    {                                                                                       \
        mr_vec vecs[arg_count];                                                             \
        mr_value args[arg_count];                                                           \
        const uint32_t given = run->in->count < (arg_count) ? run->in->count : (arg_count); \
        for (uint32_t i = 0; i < (arg_count); i++) {                                        \
            args[i] = mr_value_state(MR_KIND_ABSENT); /* one that was not given */          \
            if (i < given) vecs[i] = mr_run_arg(run, i);                                    \
        }                                                                                   \
        MR_EACH_ROW(run, row)                                                               \
        {                                                                                   \
            if (mr_run_args(run, vecs, row, given, args))                                   \
                mr_vec_put(run->out, row, function(run, args));                             \
        }                                                                                   \
    }

#endif
