/* SPDX-License-Identifier: MIT
 *
 * pipeline/groups.h - an aggregate between two runs of the engine: the destination of the one that
 * reads records, and the source of the one that hands its groups on.
 *
 * Lanes make groups of their pieces (in job->encoded); the collector takes these in, in order.
 *
 * Thread: the collector's, but for the lanes' own aggregates. */
#ifndef MR_PIPELINE_GROUPS_H
#define MR_PIPELINE_GROUPS_H

#include "connector/connector.h"
#include "transform/aggregate.h"

typedef struct mr_groups {
    const mr_step *step;
    const mr_columns *in; /* of the records */
    bool all_untyped;
    uint64_t seed;
    mr_aggregate *all;
    mr_schema schema; /* of the groups: names; the values have their types */
    uint64_t next;    /* group to be handed on */
} mr_groups;

/* All pointers are borrowed. */
MR_NODISCARD mr_code mr_groups_open(mr_groups *groups, const mr_step *step, const mr_columns *in,
                                    const mr_columns *out, bool all_untyped, mr_arena *arena,
                                    mr_error *err);
void mr_groups_close(mr_groups *groups);

extern const mr_destination_ops mr_destination_groups; /* their state is an mr_groups */
extern const mr_source_ops mr_source_groups;

#endif
