/* SPDX-License-Identifier: MIT
 *
 * pipeline/drift.h - what happens when the data's schema is not the one that was expected
 * (specs/pipeline.md section 10.6).
 *
 * Expected are the columns and types that a run begins with: of its first pass or sample, of a
 * declared schema, of the first file of several, and of the last run where its schema is kept
 * (pipeline/drift_history.h). Three things can differ, and each has a policy:
 *
 *                    evolve          freeze      quarantine     discard_value   new_part (CSV)
 *     new column     goes on         run fails   row rejected   column left out next part has it
 *     missing column null            run fails   row rejected   null            next part is
 * without type change    value goes on   run fails   row rejected   null            as evolve
 *
 * Lanes look at their own batches against a version of the expected columns, which is constant, and
 * note what they met; the collector takes the notes in stream order, so that each change is told
 * once, with the first record that caused it. Only a new part makes a new version, at the very
 * record: a lane that meets such a record leaves its piece to the collector (job->breaks), and
 * pieces that were read against an older version are read again.
 *
 * Thread: mr_drift is filled before the lanes begin; then it is constant but for `current`, which
 * the collector sets and lanes read. */
#ifndef MR_PIPELINE_DRIFT_H
#define MR_PIPELINE_DRIFT_H

#include "connector/connector.h"
#include "pipeline/drift_policy.h"

#define MR_DRIFT_MAX_PARTS 1000u

/* A change as a lane met it. Places count from the piece; the names live in job->notes. */
typedef struct mr_drift_note {
    mr_drift_kind kind;
    mr_slice column;
    mr_type from, to; /* of a type change; `to` of a new column */
    uint64_t record, line;
} mr_drift_note;

typedef struct mr_drift_version {
    mr_schema schema;
    uint32_t number; /* parts before it */
} mr_drift_version;

typedef struct mr_drift {
    mr_drift_rules rules;
    bool watches;       /* there is anything to look for */
    bool watch_columns; /* there may be others than expected */
    bool watch_missing; /* every batch is to have all that are expected */
    bool watch_types;
    bool judge;         /* the source has no types: text decides */
    bool parts;         /* the destination can begin a new part */
    bool arranges;      /* batches are given exactly the version's columns */
    mr_schema required; /* expected columns that were never null: compatibility is about them */
    _Atomic(const mr_drift_version *) current;
    mr_arena *arena; /* of versions; the collector's */
} mr_drift;

/* Starts with `expected`, which is copied. */
MR_NODISCARD mr_code mr_drift_begin(mr_drift *drift, const mr_schema *expected, mr_arena *arena,
                                    mr_error *err);

/* Lane: compares the batch with job->expected (set from `current` when NULL), carries the policies
 * out and appends to job->drift. With job->in_order a new part is prepared: the rows before it
 * stay, the others go to `rest`, and job->breaks is set; without, job->breaks alone. */
MR_NODISCARD MR_HOT mr_code mr_drift_apply(const mr_drift *drift, mr_job *job, mr_batch *rest,
                                           mr_error *err);

/* Collector: makes the version that fits job->batch, the rows that waited, and job->expected it;
 * notes what it has more and less than the one before. */
MR_NODISCARD mr_code mr_drift_advance(mr_drift *drift, mr_job *job, mr_error *err);

#endif
