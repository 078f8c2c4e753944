/* SPDX-License-Identifier: MIT
 *
 * pipeline/run_internal.h - what the files of a run share:
 *
 *     run.c            opened, resumed, closed
 *     run_ends.c       source and destination
 *     run_steps.c      transforms between them
 *     run_load.c       what is new to it
 *     run_engine.c     the engine's settings
 *     run_discover.c   columns and types
 *     run_execute.c    the records
 *     run_end.c        how it ends, and its report
 *
 * Thread: as pipeline/run.h. */
#ifndef MR_PIPELINE_RUN_INTERNAL_H
#define MR_PIPELINE_RUN_INTERNAL_H

#include "pipeline/run.h"

/* --- both ends: run_ends.c --- */

MR_NODISCARD mr_code mr_run_find_source(mr_run *run, mr_error *err);
MR_NODISCARD mr_code mr_run_find_destination(mr_run *run, mr_error *err);
/* One file as both, or the rejects' as the source. */
MR_NODISCARD mr_code mr_run_refuse_same_file(const mr_run *run, mr_error *err);

/* Takes the state and sets the options; `other` is the table of the other end, for hints. */
MR_NODISCARD mr_code mr_run_set_source(mr_run *run, const mr_option *other, mr_error *err);
MR_NODISCARD mr_code mr_run_set_destination(mr_run *run, const mr_option *other, mr_error *err);

mr_connector_env mr_run_make_env(mr_run *run, const mr_endpoint *end, const void *plugin);
MR_NODISCARD mr_code mr_run_open_destination(mr_run *run, mr_error *err);

/* NULL without memory. */
const char *mr_run_rejects_path(const mr_run *run);

/* For guards: `context` is an mr_connector_env, and the run. */
MR_NODISCARD mr_code mr_run_may_go_on(void *context, mr_error *err);
void mr_run_tick_waiting(void *context);

/* --- the engine: run_engine.c --- */

/* The source's, as far as this run makes use of them. */
uint32_t mr_run_abilities(const mr_run *run);

/* From the source, to a destination that the caller fills in. */
mr_engine_config mr_run_engine_config(mr_run *run);
void mr_run_reset_view(mr_run *run);
/* An engine has set it at its end; who cancelled the run still has. */
void mr_run_clear_stop(mr_run *run);

/* Runs the engine, with progress told as `stage`. */
mr_end mr_run_move(mr_run *run, const mr_engine_config *config, const char *stage,
                   mr_ledger *ledger, mr_error *err);

/* --- the end: run_end.c --- */

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
