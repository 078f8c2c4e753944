/* SPDX-License-Identifier: MIT
 *
 * pipeline/run_steps.h - a run's steps: what they make of the columns, and the runs of the engine
 * that aggregates need. For the other files of a run alone.
 *
 * Steps that only move columns (select, drop, rename) leave the source's types what they are; then
 * types are the source's business. Behind all others they are found where the records leave the
 * steps.
 *
 * Thread: the collector's. */
#ifndef MR_PIPELINE_RUN_STEPS_H
#define MR_PIPELINE_RUN_STEPS_H

#include "pipeline/run.h"

/* Makes the steps ready for a source of columns `known` (NULL: nobody knows). `complete`: there are
 * no others. `typed`: their types are the values'. run->schema is what reaches the destination, as
 * far as it is known. */
MR_NODISCARD mr_code mr_run_make_steps(mr_run *run, const mr_schema *known, bool complete,
                                       bool typed, mr_error *err);

/* True when a first pass has to look at the records behind the steps. */
bool mr_run_steps_compute(const mr_run *run);
/* True when a step names columns that are to be there. */
bool mr_run_steps_select(const mr_run *run);

/* The lanes' and the collector's steps of stage `number` into `config`. */
void mr_run_set_steps(const mr_run *run, uint32_t number, mr_engine_config *config);

/* Those of the first stage, which the run's checkpoints hold what it remembers of. */
void mr_run_set_kept_steps(mr_run *run, mr_engine_config *config);

/* mr_checkpoint_extra's, of the steps that need the records in order; `context` is the run. What is
 * loaded waits until the engine has those steps ready. */
MR_NODISCARD mr_code mr_run_save_memory(void *context, mr_buffer *out, mr_error *err);
MR_NODISCARD mr_code mr_run_load_memory(void *context, mr_slice saved, mr_error *err);

/* What a first pass found behind the last step becomes run->schema, and batches leave with it;
 * types that the steps know better are put right in `found`. `checked`: values may turn up that are
 * not of their column's type. */
MR_NODISCARD mr_code mr_run_use_found(mr_run *run, mr_discovery *found, bool checked,
                                      mr_error *err);

/* All columns of run->schema in each batch, whatever the records bring. */
MR_NODISCARD mr_code mr_run_conform(mr_run *run, mr_error *err);

/* Runs all stages of a pipeline with aggregates. `config` is the run to the destination. */
mr_end mr_run_through_groups(mr_run *run, const mr_engine_config *config, mr_ledger *ledger,
                             mr_error *err);

#endif
