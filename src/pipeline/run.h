/* SPDX-License-Identifier: MIT
 *
 * pipeline/run.h - one run of a pipeline, from a finished configuration to published output.
 *
 *     mr_run_open()      both ends are opened and checked; nothing is written
 *     mr_run_resume()    for runs that make checkpoints: what an earlier one left is gone on from
 *     mr_run_discover()  columns and types, by a first pass where the source needs one
 *     mr_run_execute()   moves the records; publishes or leaves everything as it was
 *     mr_run_close()     harmless at any point
 *
 * `preview` and `schema` stop after the second step, `check` after the first.
 *
 * Thread: the collector's, which is the caller's. mr_run_cancel() may be called from a signal
 * handler, and mr_run_view() read from anywhere. */
#ifndef MR_PIPELINE_RUN_H
#define MR_PIPELINE_RUN_H

#include <pthread.h>

#include "connector/connectors.h"
#include "pipeline/admit.h"
#include "pipeline/checkpoint.h"
#include "pipeline/config.h"
#include "pipeline/discover.h"
#include "pipeline/expect.h"
#include "pipeline/file_set.h"
#include "pipeline/groups.h"
#include "pipeline/hold.h"
#include "pipeline/increment.h"
#include "pipeline/quarantine.h"
#include "pipeline/report.h"
#include "pipeline/stages.h"

#define MR_SAMPLE_RECORDS \
    65536 /* that decide about the types of input which cannot be read twice */

typedef struct mr_run {
    mr_pipeline_config *config; /* borrowed */
    mr_arena *arena;            /* the configuration's */
    mr_connector_env source_env, destination_env;
    mr_guard source_guard, destination_guard; /* of ends on other machines */
    mr_guard pace; /* of records or bytes on their way to the destination */
    const mr_source_ops *source;
    void *source_state;
    mr_options source_options;             /* of the source's table into its state */
    const mr_destination_ops *destination; /* NULL for preview and schema */
    void *destination_state;
    mr_discovery discovery;
    mr_arena found; /* what it found: the collector's alone, for sources use the run's meanwhile */
    bool discovered;
    mr_ledger looked_at; /* of the first pass */
    bool declared_all;   /* the user's schema says every type: nothing is left to find out */
    mr_admit admit;
    bool exact;       /* every value was looked at, not a sample */
    mr_schema schema; /* of what reaches the destination: behind the steps */
    mr_chain_env chain_env;
    mr_stages stages;
    struct {
        mr_checkpoint_extra extra;
        mr_chain_lane *lane;         /* the collector's, while the engine runs */
        mr_slice saved;              /* by an earlier run; borrowed from its checkpoint */
    } memory;                        /* of steps that need the records in order */
    mr_groups groups[MR_STAGES_MAX]; /* of aggregates */
    bool holds;                      /* records pass through the store */
    uint32_t first_columns;          /* of the first of several files */
    mr_expect expect;                /* what schema drift is measured against */
    mr_hold hold;
    mr_engine_config onward;
    mr_engine_view onward_view;
    pthread_mutex_t shared_lock; /* guards what follows, for the monitor's thread */
    mr_store_stats shared_stats; /* of the store, as of the last tick */
    bool has_shared_stats;
    mr_quarantine quarantine;
    mr_checkpoints checkpoints;
    mr_increment increment;
    mr_source_since since;
    mr_newest newest;
    mr_file_set file_set;
    bool nothing_new; /* files: new, and there are none: nothing is to be done */
    bool is_settled;  /* published */
    bool is_kept;     /* left for a later run */
    atomic_bool stop, cancelled;
    _Atomic(const char *) stopped_by; /* the alert that ended the run; NULL = none */
    mr_engine_view view;
    mr_progress progress;
    int64_t begun_ns;
    int64_t deadline_ns;
    void (*warn)(void *context, const char *text);
    void *warn_context;
} mr_run;

/* Opens the ends that the configuration names; `needs` as for mr_config_finish(). `warn` gets
 * sentences for the user, any time until close. */
MR_NODISCARD mr_code mr_run_open(mr_run *run, mr_pipeline_config *config, unsigned needs,
                                 void (*warn)(void *context, const char *text), void *warn_context,
                                 mr_error *err);

/* Checks that both ends exist and have the options they were given; opens nothing.
 * *out_guarantee is what mr_run_guarantee() says. */
MR_NODISCARD mr_code mr_run_check(mr_pipeline_config *config, const char **out_guarantee,
                                  mr_error *err);

/* Between open and discover: turns checkpoints on, where the pipeline can have them, and goes to
 * the last one of an earlier run. MR_ERR_USAGE, with nothing touched, when that run's source or
 * settings were others. Without this call a run makes no checkpoints and looks for none. */
MR_NODISCARD mr_code mr_run_resume(mr_run *run, mr_error *err);

/* Finds out columns and types as far as the destination (or the caller, with `always`) wants to
 * know. `sample` > 0 looks at so many records at most. */
MR_NODISCARD mr_code mr_run_discover(mr_run *run, bool always, uint64_t sample, mr_error *err);

/* Runs to the end and fills the report, also when the run failed; report->exit_code is what the
 * program returns. */
void mr_run_execute(mr_run *run, mr_report *report);

/* Asks a run to stop; async-signal-safe. */
void mr_run_cancel(mr_run *run);
/* The same on behalf of the alert `name`, which lives as long as the run: it has failed then. */
void mr_run_stop(mr_run *run, const char *name);

/* The store's figures, not older than a tick; false when records do not pass through it. Any
 * thread. */
bool mr_run_store_stats(mr_run *run, mr_store_stats *out);

/* What this very pipeline promises, and why not more: a file appears whole, standard output does
 * not. Lives as long as the run's arena. */
const char *mr_run_guarantee(mr_run *run);

void mr_run_close(mr_run *run);

#endif
