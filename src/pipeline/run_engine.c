/* SPDX-License-Identifier: MIT
 *
 * What the runs of the engine that a run is made of have in common. */
#include "pipeline/run_internal.h"

/* Which end a request waits for; any thread. */
static const char *waiting(void *context)
{
    const mr_run *run = context;
    if (atomic_load_explicit(&run->destination_guard.stats.waits, memory_order_relaxed) != 0)
        return "destination";
    return atomic_load_explicit(&run->source_guard.stats.waits, memory_order_relaxed) != 0
               ? "source"
               : NULL;
}

static void share_stats(mr_run *run)
{
    if (!run->holds || run->hold.store == NULL) return;
    pthread_mutex_lock(&run->shared_lock);
    mr_store_stats_now(run->hold.store, &run->shared_stats);
    run->has_shared_stats = true;
    pthread_mutex_unlock(&run->shared_lock);
}

bool mr_run_store_stats(mr_run *run, mr_store_stats *out)
{
    pthread_mutex_lock(&run->shared_lock);
    const bool has = run->has_shared_stats;
    if (has) *out = run->shared_stats;
    pthread_mutex_unlock(&run->shared_lock);
    return has;
}

static void tick(void *context)
{
    mr_run *run = context;
    mr_progress_tick(&run->progress);
    share_stats(run);
}

static void position(void *context, uint64_t *out_done, uint64_t *out_total)
{
    const mr_run *run = context;
    run->source->progress(run->source_state, out_done, out_total);
}

/* Files with columns of their own are looked at in advance when whatever they bring goes on: then
 * the destination has all columns from the start. */
static bool looks_ahead(const mr_run *run)
{
    const mr_drift_rules rules =
        mr_drift_rules_of(&run->config->drift, run->config->enable_schema_evolution);
    const mr_drift_policy gone = rules.policies[MR_DRIFT_MISSING_COLUMN];
    return rules.policies[MR_DRIFT_NEW_COLUMN] == MR_DRIFT_EVOLVE &&
           rules.compatibility == MR_COMPATIBLE_NONE &&
           (gone == MR_DRIFT_EVOLVE || gone == MR_DRIFT_DISCARD_VALUE);
}

uint32_t mr_run_abilities(const mr_run *run)
{
    const uint32_t can = run->source->abilities(run->source_state);
    if ((can & MR_CAP_SEVERAL) == 0 || !looks_ahead(run)) return can;
    return can | MR_CAP_GROWS;
}

mr_engine_config mr_run_engine_config(mr_run *run)
{
    const mr_pipeline_config *c = run->config;
    const bool splits =
        (mr_run_abilities(run) & MR_CAP_SPLIT) != 0 && !c->performance.streaming_mode;
    const uint32_t workers =
        c->performance.workers < MR_MAX_WORKERS ? c->performance.workers : MR_MAX_WORKERS;
    return (mr_engine_config){
        .source = run->source,
        .source_state = run->source_state,
        .worker_count = splits ? workers : 0,
        .max_rejects = UINT64_MAX,
        .max_reject_share = 1,
        .max_resyncs = c->limits.max_resyncs,
        .memory_limit_bytes = c->performance.memory_limit_bytes,
        .deadline_ns = run->deadline_ns,
        .stop = &run->stop,
        .cancelled = &run->cancelled,
        .streaming = c->performance.streaming_mode,
        .tick = tick,
        .tick_context = run,
        .view = &run->view,
    };
}

void mr_run_clear_stop(mr_run *run)
{
    atomic_store(&run->stop, false);
    if (atomic_load(&run->cancelled))
        atomic_store(&run->stop, true); /* by a signal just now, too */
}

void mr_run_reset_view(mr_run *run)
{
    atomic_store(&run->view.read, 0);
    atomic_store(&run->view.written, 0);
    atomic_store(&run->view.rejected, 0);
    for (int i = 0; i < MR_REASON_COUNT; i++)
        atomic_store(&run->view.by_reason[i], 0);
    mr_histogram_reset(&run->view.latency);
    mr_histogram_reset(&run->view.queue_wait);
    mr_run_clear_stop(run);
}

mr_end mr_run_move(mr_run *run, const mr_engine_config *config, const char *stage,
                   mr_ledger *ledger, mr_error *err)
{
    run->progress.view = &run->view;
    run->progress.position = run->source->progress != NULL ? position : NULL;
    run->progress.position_context = run;
    run->progress.waiting = waiting;
    run->progress.waiting_context = run;
    mr_progress_begin(&run->progress, run->config->progress, stage);
    const mr_end end = mr_engine_run(config, ledger, err);
    mr_progress_end(&run->progress);
    return end;
}
