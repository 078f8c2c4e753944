/* SPDX-License-Identifier: MIT
 *
 * transform/flow.h - rows that explode steps have still to give. Between two steps that make many
 * rows of one, a batch waits while its rows are opened one after the other:
 *
 *     level 0  |row|row|row|....      a batch as it came to the first explode, and how far it is
 *     level 1        |row|row|..      what that gave, as it came to the second
 *     batch              |row|row|    what goes on
 *
 * Faults found in rows of a level wait, too, until all rows before them are through, so that the
 * quarantine file is in the order of records.
 *
 * A flow keeps its memory; a zeroed flow is an empty one that takes none.
 *
 * Thread: moves with the job it belongs to. */
#ifndef MR_TRANSFORM_FLOW_H
#define MR_TRANSFORM_FLOW_H

#include "record/batch.h"
#include "record/reject.h"
#include "transform/step.h"

typedef struct mr_flow_level {
    mr_batch whole;
    uint32_t row;     /* the next to be opened */
    uint32_t element; /* bytes of its array that are done; 0 = not begun */
    bool ready;       /* `whole` is initialised */
    bool open;        /* there are rows left */
} mr_flow_level;

typedef struct mr_flow {
    mr_flow_level *levels; /* NULL until the first explode; then MR_STEP_EXPLODES_MAX */
    mr_reject_list held;
    bool ready; /* `held` is initialised */
} mr_flow;

void mr_flow_done(mr_flow *flow);
/* Forgets what is pending. */
void mr_flow_reset(mr_flow *flow);

/* The number of the innermost level with rows left, or -1. */
MR_INLINE int mr_flow_innermost(const mr_flow *flow)
{
    for (int i = flow->levels != NULL ? MR_STEP_EXPLODES_MAX - 1 : -1; i >= 0; i--)
        if (flow->levels[i].open) return i;
    return -1;
}

MR_INLINE bool mr_flow_pending(const mr_flow *flow)
{
    return mr_flow_innermost(flow) >= 0;
}

/* Rows of all levels that nothing was made of yet. */
uint64_t mr_flow_waiting_rows(const mr_flow *flow);

/* Opens level `number` with what `batch` holds; `batch` gets the level's old memory, empty. */
MR_NODISCARD mr_code mr_flow_open(mr_flow *flow, uint32_t number, mr_batch *batch, mr_error *err);

#endif
