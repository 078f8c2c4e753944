/* SPDX-License-Identifier: MIT */
#include "transform/flow.h"

#include "core/mem.h"

void mr_flow_done(mr_flow *flow)
{
    for (uint32_t i = 0; flow->levels != NULL && i < MR_STEP_EXPLODES_MAX; i++)
        if (flow->levels[i].ready) mr_batch_done(&flow->levels[i].whole);
    mr_mem_free(flow->levels);
    if (flow->ready) mr_reject_list_done(&flow->held);
    *flow = (mr_flow){0};
}

void mr_flow_reset(mr_flow *flow)
{
    for (uint32_t i = 0; flow->levels != NULL && i < MR_STEP_EXPLODES_MAX; i++) {
        if (flow->levels[i].ready) mr_batch_reset(&flow->levels[i].whole);
        flow->levels[i].open = false;
    }
    if (flow->ready) mr_reject_list_reset(&flow->held);
}

uint64_t mr_flow_waiting_rows(const mr_flow *flow)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; flow->levels != NULL && i < MR_STEP_EXPLODES_MAX; i++) {
        const mr_flow_level *level = &flow->levels[i];
        if (level->open) rows += level->whole.row_count - level->row - (level->element > 0);
    }
    return rows;
}

/* Everything but the arena of names, which cannot be moved: it is in a list by its address. */
static void swap_but_names(mr_batch *a, mr_batch *b)
{
    char kept[offsetof(mr_batch, names)];
    memcpy(kept, a, sizeof kept);
    memcpy(a, b, sizeof kept);
    memcpy(b, kept, sizeof kept);
}

static mr_code copy_names(mr_batch *batch, mr_error *err)
{
    mr_arena_reset(&batch->names);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const char *copy = mr_arena_copy(&batch->names, batch->columns[i].name);
        if (copy == NULL) return mr_arena_fail(&batch->names, err);
        batch->columns[i].name.ptr = copy;
    }
    return MR_OK;
}

mr_code mr_flow_open(mr_flow *flow, uint32_t number, mr_batch *batch, mr_error *err)
{
    if (flow->levels == NULL) {
        flow->levels = mr_mem_zalloc(sizeof *flow->levels * MR_STEP_EXPLODES_MAX);
        if (flow->levels == NULL)
            return mr_fail(err, MR_ERR_NOMEM, "no memory left for the explode steps");
    }
    mr_flow_level *level = &flow->levels[number];
    if (!level->ready) mr_batch_init(&level->whole, batch->asked_max_rows);
    level->ready = true;
    swap_but_names(&level->whole, batch);
    MR_TRY(copy_names(&level->whole, err));
    mr_batch_reset(batch);
    level->row = level->element = 0;
    level->open = level->whole.row_count > 0;
    return MR_OK;
}
