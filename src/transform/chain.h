/* SPDX-License-Identifier: MIT
 *
 * transform/chain.h - steps at work: what stands in a pipeline file, made ready for given columns,
 * and done to batch after batch.
 *
 *     mr_steps --mr_chain_make()--> mr_chain            once; constant, shared by all lanes
 *     mr_chain --mr_chain_lane_open()--> mr_chain_lane  one a lane: evaluators and scratch
 *     mr_chain_begin(lane, io), then mr_chain_next() while mr_flow_pending(io->flow)
 *
 * The batch is changed where it is: columns are moved, rows are taken out. A step that makes many
 * rows of one (explode) may have more to give than a batch holds; what is still to come waits in an
 * mr_flow, which travels with the job, so that any lane can go on with it.
 *
 * A row that a step cannot work on (a division by zero, a text that is no number) is taken out and
 * listed with reason transform_error, in the order of records; the rest goes on.
 *
 * Untyped text. Columns of a text format without types (CSV) are MR_TYPE_STRING until all values
 * have been seen. Expressions read such text as what they need (expr/expr.h). A column that only
 * passes through stays untyped, and what the values behind the last step are decides its type: a
 * first pass looks at them there, and mr_chain_conform() gives the columns those types in the
 * second.
 *
 * Steps that need the records in order (dedupe) are in a chain only when it is made with
 * `ordered`; one lane alone then runs it. An aggregate is in none: transform/aggregate.h.
 *
 * Thread: a chain is constant once made; a lane belongs to one thread. */
#ifndef MR_TRANSFORM_CHAIN_H
#define MR_TRANSFORM_CHAIN_H

#include "record/infer.h"
#include "record/reject.h"
#include "transform/columns.h"
#include "transform/flow.h"

#define MR_CHAIN_LANE_BYTES ((size_t)1 << 30) /* of one lane's scratch, without its evaluators */

typedef struct mr_chain mr_chain;
typedef struct mr_chain_lane mr_chain_lane;

/* What else is known. */
typedef struct mr_chain_env {
    bool all_untyped; /* every text of the source is untyped, in columns that turn up later, too */
    int64_t now_ns;   /* what now() says */
} mr_chain_env;

/* Makes the steps from `first` up to but without `end` (NULL = all) ready for columns `in`, and
 * says which columns come out. `ordered` as above. Lives in `arena`; give it to mr_chain_free()
 * before that dies. MR_ERR_USAGE names the step's place, what is wrong, and the nearest name. */
MR_NODISCARD mr_code mr_chain_make(const mr_step *first, const mr_step *end, const mr_columns *in,
                                   const mr_chain_env *env, mr_arena *arena, mr_chain **out,
                                   mr_columns *out_columns, mr_error *err);
void mr_chain_free(mr_chain *chain); /* NULL is harmless */

/* From now on batches leave with exactly the columns of `schema`, in that order; others stand
 * behind them only while a row has a value there. `untyped` says which columns take the schema's
 * type; with `found` (an entry per field) values that are not of it make their cells strings, for
 * types that a sample gave. All borrowed. Before lanes are opened. */
void mr_chain_conform(mr_chain *chain, const mr_schema *schema, const bool *untyped,
                      const mr_infer *found);

/* True when rows can only stay or go: no explode. */
bool mr_chain_is_one_to_one(const mr_chain *chain);

MR_NODISCARD mr_code mr_chain_lane_open(const mr_chain *chain, mr_chain_lane **out, mr_error *err);
void mr_chain_lane_close(mr_chain_lane *lane); /* NULL is harmless */

/* What the steps remember of the records so far (dedupe), appended to `out`; a lane of an equal
 * chain goes on with it. MR_ERR_LIMIT where `out` ends, MR_ERR_INPUT when it is something else. */
MR_NODISCARD mr_code mr_chain_lane_save(const mr_chain_lane *lane, mr_buffer *out, mr_error *err);
MR_NODISCARD mr_code mr_chain_lane_load(mr_chain_lane *lane, mr_slice saved, mr_error *err);

/* What a chain works on. */
typedef struct mr_chain_io {
    mr_batch *batch;         /* in and out */
    mr_flow *flow;           /* of the job */
    mr_reject_list *rejects; /* what reading the batch rejected: those behind rows that are still to
                                come wait with them. May be NULL */
    mr_reject_list *refused; /* rows at fault are added here, and what has waited */
    /* Called with the number of the first of the rejects just added to `refused`, while row_before
     * is the row in `batch`: says where they come from. */
    mr_code (*place)(void *context, uint32_t from, mr_error *err);
    /* Takes the rows whose bit is 0 out of the batch and counts them. */
    mr_code (*drop)(void *context, const uint8_t *keep, bool duplicates, mr_error *err);
    void *context;
} mr_chain_io;

/* Does all steps to a new batch; the flow must be at its end. Allocates nothing once warm. */
MR_NODISCARD MR_HOT mr_code mr_chain_begin(mr_chain_lane *lane, mr_chain_io *io, mr_error *err);

/* Goes on with what the flow still holds: io->batch gets the next rows. */
MR_NODISCARD MR_HOT mr_code mr_chain_next(mr_chain_lane *lane, mr_chain_io *io, mr_error *err);

#endif
