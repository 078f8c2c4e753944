/* SPDX-License-Identifier: MIT */
#include "pipeline/stages.h"

static void free_chains(mr_stage *stage)
{
    mr_chain_free(stage->chain);
    mr_chain_free(stage->in_order);
    stage->chain = stage->in_order = NULL;
}

mr_code mr_stage_remake(mr_stage *stage, const mr_columns *in, const mr_chain_env *env,
                        mr_arena *arena, mr_error *err)
{
    free_chains(stage);
    stage->in = stage->out = *in;
    if (stage->first != stage->ordered)
        MR_TRY(mr_chain_make(stage->first, stage->ordered, in, env, arena, &stage->chain,
                             &stage->out, err));
    if (stage->ordered == stage->end) return MR_OK;
    const mr_columns between = stage->out;
    return mr_chain_make(stage->ordered, stage->end, &between, env, arena, &stage->in_order,
                         &stage->out, err);
}

/* Where the stage that begins with `first` is cut. */
static void cut(mr_stage *stage, const mr_step *first)
{
    *stage = (mr_stage){.first = first, .ordered = first};
    while (stage->ordered != NULL && !mr_step_is_ordered(stage->ordered->kind))
        stage->ordered = stage->ordered->next;
    stage->end = stage->ordered;
    while (stage->end != NULL && stage->end->kind != MR_STEP_AGGREGATE)
        stage->end = stage->end->next;
    stage->aggregate = stage->end;
}

mr_code mr_stages_make(mr_stages *stages, const mr_steps *steps, const mr_columns *in,
                       const mr_chain_env *env, mr_arena *arena, mr_error *err)
{
    const mr_step *first = steps->first;
    mr_columns columns = *in;
    mr_stages_done(stages);
    for (;;) {
        if (stages->count == MR_STAGES_MAX)
            return mr_fail(err, MR_ERR_USAGE, "%s: more than %d aggregates", first->where,
                           MR_STAGES_MAX - 1);
        mr_stage *stage = &stages->items[stages->count++];
        cut(stage, first);
        MR_TRY(mr_stage_remake(stage, &columns, env, arena, err));
        if (stage->aggregate == NULL) return MR_OK;
        MR_TRY(mr_aggregate_columns(stage->aggregate, &stage->out, arena, &columns, err));
        first = stage->aggregate->next;
    }
}

void mr_stages_done(mr_stages *stages)
{
    for (uint32_t i = 0; i < stages->count; i++)
        free_chains(&stages->items[i]);
    stages->count = 0;
}

mr_code mr_stage_conform(mr_stage *stage, const mr_schema *schema, const bool *untyped,
                         const mr_infer *found, const mr_chain_env *env, mr_arena *arena,
                         mr_error *err)
{
    mr_chain *last = stage->in_order != NULL ? stage->in_order : stage->chain;
    if (last == NULL) { /* no steps, and yet there is something to do */
        mr_columns same;
        MR_TRY(mr_chain_make(NULL, NULL, &stage->in, env, arena, &stage->chain, &same, err));
        last = stage->chain;
    }
    mr_chain_conform(last, schema, untyped, found);
    return MR_OK;
}
