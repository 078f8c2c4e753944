/* SPDX-License-Identifier: MIT
 *
 * pipeline/stages.h - the steps of a pipeline as the engine runs them.
 *
 *     filter, map,   dedupe, filter,   aggregate,   map,        rename     as written
 *     |- on lanes -| |-  in order  -| |          | |- on lanes, in order-|
 *     '--------- stage 0: source to groups -----' '-- stage 1: groups to destination --'
 *
 * A stage is one run of the engine. Steps that look at one record at a time work on its lanes; from
 * the first that needs the records in order (dedupe) on, the collector does them. An aggregate ends
 * a stage: its groups are the source of the next.
 *
 * Thread: constant once made. */
#ifndef MR_PIPELINE_STAGES_H
#define MR_PIPELINE_STAGES_H

#include "transform/aggregate.h"
#include "transform/chain.h"

#define MR_STAGES_MAX 5 /* four aggregates */

typedef struct mr_stage {
    const mr_step *first, *ordered, *end; /* lanes: first up to ordered; in order: up to end */
    const mr_step *aggregate;             /* that ends it; NULL: the destination does */
    mr_chain *chain, *in_order;           /* NULL where there is nothing to do */
    mr_columns in, out;                   /* `out` without what the aggregate makes of it */
} mr_stage;

typedef struct mr_stages {
    mr_stage items[MR_STAGES_MAX];
    uint32_t count; /* at least 1 */
} mr_stages;

/* Makes `steps` ready for records of columns `in`. MR_ERR_USAGE as mr_chain_make(). */
MR_NODISCARD mr_code mr_stages_make(mr_stages *stages, const mr_steps *steps, const mr_columns *in,
                                    const mr_chain_env *env, mr_arena *arena, mr_error *err);
void mr_stages_done(mr_stages *stages);

/* The same for one stage alone, whose input turned out to have columns `in`. */
MR_NODISCARD mr_code mr_stage_remake(mr_stage *stage, const mr_columns *in, const mr_chain_env *env,
                                     mr_arena *arena, mr_error *err);

/* Makes the stage's batches leave with the columns of `schema`; see mr_chain_conform(). */
MR_NODISCARD mr_code mr_stage_conform(mr_stage *stage, const mr_schema *schema, const bool *untyped,
                                      const mr_infer *found, const mr_chain_env *env,
                                      mr_arena *arena, mr_error *err);

MR_INLINE mr_stage *mr_stages_last(mr_stages *stages)
{
    return &stages->items[stages->count - 1];
}

#endif
