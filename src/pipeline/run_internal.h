/* SPDX-License-Identifier: MIT
 *
 * pipeline/run_internal.h - what run.c (how a run goes), run_load.c (what it takes) and
 * run_end.c (how it ends) share.
 *
 * Thread: as pipeline/run.h. */
#ifndef MR_PIPELINE_RUN_INTERNAL_H
#define MR_PIPELINE_RUN_INTERNAL_H

#include "pipeline/run.h"

/* Publishes when everything is accounted for; else the old target stays, and what a later run can
 * go on from is kept. Returns how the run has ended in the end. */
mr_end mr_run_settle(mr_run *run, mr_end end, const mr_ledger *ledger, mr_error *err);

/* Before the ends are closed: what a later run can go on from is not to be cleaned up. */
void mr_run_leave(mr_run *run);

/* Does the destination, this very target, take each record once whatever happens? *out_why says
 * what is in the way of resuming it, or NULL. */
bool mr_run_is_exactly_once(const mr_run *run, const char **out_why);

void mr_run_fill_report(mr_run *run, mr_end end, mr_report *report);

/* --- incremental loads: run_load.c --- */

/* Behind the checkpoints, before the first record: the source is told what is not looked at. */
MR_NODISCARD mr_code mr_run_aim(mr_run *run, mr_error *err);

/* Does the cursor's type have to be found? `known` is the source's schema, or NULL. */
bool mr_run_must_judge_cursor(const mr_run *run, const mr_schema *known);

/* The columns are known as far as they will be. */
MR_NODISCARD mr_code mr_run_settle_load(mr_run *run, const mr_schema *known, mr_error *err);

void mr_run_load_only_new(mr_run *run, mr_engine_config *config);

#endif
