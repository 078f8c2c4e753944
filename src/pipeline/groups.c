/* SPDX-License-Identifier: MIT */
#include "pipeline/groups.h"

#include "core/hash.h"

typedef struct groups_lane {
    mr_groups *groups;
    mr_aggregate *piece;
} groups_lane;

mr_code mr_groups_open(mr_groups *groups, const mr_step *step, const mr_columns *in,
                       const mr_columns *out, bool all_untyped, mr_arena *arena, mr_error *err)
{
    *groups = (mr_groups){
        .step = step, .in = in, .all_untyped = all_untyped, .seed = mr_hash_draw_seed()};
    MR_TRY(mr_schema_copy(&groups->schema, &out->schema, arena, err));
    return mr_aggregate_open(step, in, all_untyped, groups->seed, &groups->all, err);
}

void mr_groups_close(mr_groups *groups)
{
    mr_aggregate_close(groups->all);
    groups->all = NULL;
}

/* --- as a destination ------------------------------------------------------------------------- */

static mr_code groups_lane_open(void *state, void *lane_state, mr_error *err)
{
    groups_lane *lane = lane_state;
    mr_groups *g = state;
    lane->groups = g;
    return mr_aggregate_open(g->step, g->in, g->all_untyped, g->seed, &lane->piece, err);
}

static void groups_lane_close(void *lane_state)
{
    mr_aggregate_close(((groups_lane *)lane_state)->piece);
}

static mr_code groups_encode(void *lane_state, mr_job *job, mr_error *err)
{
    groups_lane *lane = lane_state;
    uint32_t faults;
    MR_TRY(mr_aggregate_add(lane->piece, &job->batch, &job->refused, &faults, err));
    job->encoded_rows += job->batch.row_count - faults;
    return MR_OK;
}

static mr_code groups_finish_piece(void *lane_state, mr_job *job, mr_error *err)
{
    return mr_aggregate_write(((groups_lane *)lane_state)->piece, &job->encoded, err);
}

static mr_code groups_write(void *state, mr_job *job, mr_error *err)
{
    return mr_aggregate_merge(((mr_groups *)state)->all, mr_buffer_slice(&job->encoded), err);
}

const mr_destination_ops mr_destination_groups = {
    .name = "groups",
    .summary = "groups of records",
    .guarantee = "memory only",
    .state_bytes = sizeof(mr_groups),
    .lane_bytes = sizeof(groups_lane),
    .lane_open = groups_lane_open,
    .encode = groups_encode,
    .finish_piece = groups_finish_piece,
    .lane_close = groups_lane_close,
    .write = groups_write,
};

/* --- as a source ------------------------------------------------------------------------------ */

static const mr_schema *groups_schema(void *state)
{
    return &((mr_groups *)state)->schema;
}

static uint32_t groups_abilities(void *state)
{
    (void)state;
    return MR_CAP_SPLIT | MR_CAP_REWIND | MR_CAP_TYPED;
}

static mr_code groups_begin(void *state, bool keep, mr_error *err)
{
    (void)keep, (void)err;
    ((mr_groups *)state)->next = 0;
    return MR_OK;
}

static mr_code groups_fetch(void *state, mr_job *job, mr_error *err)
{
    mr_groups *g = state;
    const uint64_t first = g->next;
    MR_TRY(mr_aggregate_take(g->all, &g->next, &job->batch, err));
    job->end = job->batch.row_count == 0;
    job->from_batch = true;
    job->batch.origin.record = first;
    job->file_name = MR_SLICE("groups");
    return MR_OK;
}

const mr_source_ops mr_source_groups = {
    .name = "groups",
    .summary = "groups of records",
    .state_bytes = sizeof(mr_groups),
    .schema = groups_schema,
    .abilities = groups_abilities,
    .begin = groups_begin,
    .fetch = groups_fetch,
};
