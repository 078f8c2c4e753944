/* SPDX-License-Identifier: MIT
 *
 * transform/chain_internal.h - what the steps of a chain share.
 *
 * Thread: as chain.h. */
#ifndef MR_TRANSFORM_CHAIN_INTERNAL_H
#define MR_TRANSFORM_CHAIN_INTERNAL_H

#include "expr/expr.h"
#include "transform/chain.h"
#include "transform/dedupe.h"

typedef struct mr_chain_name {
    mr_slice name;
    uint32_t hash;
} mr_chain_name;

/* A step made ready. */
typedef struct mr_op {
    const mr_step *step;
    mr_chain_name *names; /* of the step's parts */
    mr_chain_name *to;    /* rename: the new ones */
    mr_expr **exprs;      /* filter: one; map and cast: one a part */
    uint32_t count;       /* of names */
    uint32_t expr_count;
    uint32_t level; /* explode: which of the flow's */
} mr_op;

struct mr_chain {
    mr_op *ops;
    uint32_t op_count;
    uint32_t explode_count;
    const mr_schema *conform; /* NULL: columns leave as they are */
    const bool *conform_untyped;
    const mr_infer *conform_found;
};

/* A lane's own half of a step. */
typedef struct mr_op_state {
    mr_eval **evals;    /* one for each expression */
    mr_column computed; /* what map and cast make, before it changes places with the column */
    mr_batch built;     /* what flatten and mask make */
    mr_buffer text;     /* mask: a cell; flatten: unescaped strings */
    mr_buffer path;     /* flatten: the name so far */
    mr_buffer stack;    /* flatten: objects that are open */
    mr_buffer slots;    /* flatten: this row's cells of `built` */
    mr_dedupe *dedupe;
} mr_op_state;

struct mr_chain_lane {
    const mr_chain *chain;
    mr_op_state *states;
    uint8_t keep[MR_BATCH_MAX_ROWS / 8];
    uint32_t fault_count; /* of the step at work */
};

/* Takes column `at` out; those behind it keep their order. */
void mr_chain_take_out_column(mr_batch *batch, uint32_t at);

/* The column called `name` from number `from` on, or -1. */
int64_t mr_chain_column(const mr_batch *batch, uint32_t from, const mr_chain_name *name);

/* --- rows at fault --- */

/* Before a step looks for faults: all rows stay. */
void mr_chain_keep_all(mr_chain_lane *lane, const mr_batch *batch);
/* Row `row` of io->batch is at fault; `field` lives as long as the chain. Its bit is cleared. */
MR_NODISCARD mr_code mr_chain_fault(mr_chain_lane *lane, mr_chain_io *io, uint32_t row,
                                    mr_slice field, mr_slice detail, mr_error *err);
/* After it: what is at fault leaves. */
MR_NODISCARD mr_code mr_chain_take_out_faults(mr_chain_lane *lane, mr_chain_io *io,
                                              uint32_t refused_before, mr_error *err);

/* --- steps --- */

typedef mr_code mr_op_fn(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                         mr_error *err);

mr_op_fn mr_op_filter, mr_op_map, mr_op_drop, mr_op_select, mr_op_rename, mr_op_flatten, mr_op_mask,
    mr_op_dedupe;

/* Fills the batch, which is empty, with the next rows of the level. */
MR_NODISCARD mr_code mr_op_explode(const mr_op *op, mr_op_state *state, mr_flow_level *level,
                                   mr_batch *batch, mr_error *err);

/* The columns and types of the schema that mr_chain_conform() gave. */
MR_NODISCARD mr_code mr_op_conform(const mr_chain *chain, mr_batch *batch, mr_error *err);

/* Column `number` of the batch takes the cells of the only column of `built`, which has as many
 * rows, and keeps its name. */
void mr_chain_replace_column(mr_batch *batch, uint32_t number, mr_batch *built);

/* Appends to column `to`, in the row being built, the cell of another. */
MR_NODISCARD mr_code mr_chain_copy_cell(mr_column *to, uint32_t to_row, const mr_column *from,
                                        uint32_t row, mr_error *err);

/* --- making --- */

/* Expressions of filter, map and cast; `out` is what is known behind the step. */
MR_NODISCARD mr_code mr_op_make_filter(mr_op *op, const mr_columns *in, const mr_chain_env *env,
                                       mr_arena *arena, mr_error *err);
MR_NODISCARD mr_code mr_op_make_map(mr_op *op, const mr_columns *in, const mr_chain_env *env,
                                    mr_arena *arena, mr_columns *out, mr_error *err);
MR_NODISCARD mr_code mr_op_make_cast(mr_op *op, const mr_columns *in, const mr_chain_env *env,
                                     mr_arena *arena, mr_columns *out, mr_error *err);

#endif
