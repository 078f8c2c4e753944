/* SPDX-License-Identifier: MIT
 *
 * transform/aggregate.h - groups of records and what is counted, added up and compared in them.
 *
 *     lane:       batch, batch, ... --mr_aggregate_add()--> groups of one piece
 *                 --mr_aggregate_write()--> bytes, and the groups are forgotten
 *     collector:  bytes of one piece after the other --mr_aggregate_merge()--> groups of all
 *     in the end: --mr_aggregate_take()--> batches of groups, in the order of their first records
 *
 * Nothing depends on where pieces are cut or who reads them: sums are exact (transform/sum.h),
 * counts and extremes do not care, and of values that compare as equal the first one stays.
 *
 * Keys are equal as transform/key.h says; a group shows the spelling of its first record. An
 * extreme keeps its spelling. Values are ordered: numbers by what they are, then true and false,
 * then texts by their bytes, then nested values; untyped text is a number if it is one by the exact
 * typing rules. A sum or mean wants numbers: a record with anything else there is at fault. Null
 * and absent are passed over, and a group that has had nothing else shows null.
 *
 * Thread: an aggregate is owned by one thread. */
#ifndef MR_TRANSFORM_AGGREGATE_H
#define MR_TRANSFORM_AGGREGATE_H

#include "record/batch.h"
#include "record/reject.h"
#include "transform/columns.h"

typedef struct mr_aggregate mr_aggregate;

/* The columns of the groups, for records of columns `in`. MR_ERR_USAGE names the step's place and
 * the nearest column. */
MR_NODISCARD mr_code mr_aggregate_columns(const mr_step *step, const mr_columns *in,
                                          mr_arena *arena, mr_columns *out, mr_error *err);

/* An aggregate without groups. `step` and `in` are borrowed; `all_untyped` as in mr_chain_env;
 * `seed` is one number for all that
 * exchange bytes (mr_hash_draw_seed()). */
MR_NODISCARD mr_code mr_aggregate_open(const mr_step *step, const mr_columns *in, bool all_untyped,
                                       uint64_t seed, mr_aggregate **out, mr_error *err);
void mr_aggregate_close(mr_aggregate *aggregate); /* NULL is harmless */

/* Takes in the rows of a batch; those at fault are added to `refused` with their row, and counted
 * in `out_faults`. MR_ERR_LIMIT names max_groups or memory. Allocates nothing once warm. */
MR_NODISCARD MR_HOT mr_code mr_aggregate_add(mr_aggregate *aggregate, const mr_batch *batch,
                                             mr_reject_list *refused, uint32_t *out_faults,
                                             mr_error *err);

/* Appends all groups to `out` and forgets them. Nothing for none. The bytes are for this process.
 */
MR_NODISCARD MR_HOT mr_code mr_aggregate_write(mr_aggregate *aggregate, mr_buffer *out,
                                               mr_error *err);

/* Takes in what mr_aggregate_write() gave, of an aggregate of the same step and seed. */
MR_NODISCARD MR_HOT mr_code mr_aggregate_merge(mr_aggregate *aggregate, mr_slice bytes,
                                               mr_error *err);

uint64_t mr_aggregate_group_count(const mr_aggregate *aggregate);

/* Fills the batch, which is empty, with groups from number *from on, as many as fit; *from moves
 * on. */
MR_NODISCARD mr_code mr_aggregate_take(const mr_aggregate *aggregate, uint64_t *from,
                                       mr_batch *batch, mr_error *err);

#endif
