/* SPDX-License-Identifier: MIT
 *
 * The pass that moves the records: from the source to the destination, through the store between
 * them, or through groups. */
#include "pipeline/origin.h"
#include "pipeline/run_internal.h"
#include "pipeline/run_steps.h"

static mr_code put_reject(void *context, mr_slice source, const mr_reject *reject, mr_error *err)
{
    return mr_quarantine_put(&((mr_run *)context)->quarantine, source, reject, err);
}

static void limit_rejects(const mr_pipeline_config *c, mr_engine_config *config)
{
    if (c->reliability.on_error == MR_ON_ERROR_FAIL || c->reliability.fail_fast) {
        config->max_rejects = 0;
        return;
    }
    const mr_reject_limit *limit = &c->reliability.max_rejects;
    if (limit->kind == MR_REJECTS_COUNT) config->max_rejects = limit->count;
    if (limit->kind == MR_REJECTS_PERCENT) config->max_reject_share = limit->percent / 100;
}

static uint64_t byte_count(const mr_job *job)
{
    uint64_t count = 0;
    if (job->encoded.len > 0) return job->encoded.len;
    for (uint32_t c = 0; c < job->batch.column_count; c++)
        count += job->batch.columns[c].data.len;
    return count;
}

static mr_code pace(void *context, const mr_job *job, mr_error *err)
{
    mr_run *run = context;
    const bool bytes = run->config->reliability.rate_unit == MR_RATE_BYTES;
    return mr_guard_pay(&run->pace, (double)(bytes ? byte_count(job) : job->row_count), err);
}

static void pace_it(mr_run *run, mr_engine_config *config)
{
    const mr_pipeline_config *c = run->config;
    const mr_guard_options options = {
        .rate = c->reliability.rate_unit != MR_RATE_REQUESTS ? mr_config_rate(c) : 0,
        .burst = (double)c->reliability.rate_burst,
        .may_go_on = mr_run_may_go_on,
        .may_go_on_context = &run->destination_env,
        .tick = mr_run_tick_waiting,
        .tick_context = run,
    };
    mr_guard_init(&run->pace, &options);
    if (options.rate <= 0) return;
    const uint64_t burst = (uint64_t)run->pace.bucket.burst;
    config->pace = pace;
    config->pace_context = run;
    if (c->reliability.rate_unit == MR_RATE_BYTES)
        config->part_bytes = burst > 0 ? burst : 1;
    else
        config->part_rows = 1; /* one batch, see batch_rows() */
}

static mr_engine_config destination_config(mr_run *run)
{
    mr_engine_config config = mr_run_engine_config(run);
    pace_it(run, &config);
    config.drops = run->config->performance.backpressure == MR_BACKPRESSURE_DROP;
    config.destination = run->destination;
    config.destination_state = run->destination_state;
    config.reject = put_reject;
    config.reject_context = run;
    limit_rejects(run->config, &config);
    return config;
}

static void admit_them(mr_run *run, mr_engine_config *config)
{
    const mr_pipeline_config *c = run->config;
    mr_admit_init(&run->admit, c->sample, c->sample_seed, &c->declared,
                  (mr_run_abilities(run) & MR_CAP_TYPED) == 0);
    if (mr_admit_is_idle(&run->admit)) return;
    config->admit = mr_admit_apply;
    config->admit_context = &run->admit;
}

static void watch_drift(mr_run *run, mr_engine_config *config)
{
    if (!run->expect.drift.watches) return;
    config->drift = &run->expect.drift;
    config->drifted = mr_expect_take;
    config->drifted_context = &run->expect;
}

static mr_store_config store_config(const mr_pipeline_config *c)
{
    static const mr_store_mode modes[] = {[MR_STORAGE_HYBRID] = MR_STORE_HYBRID,
                                          [MR_STORAGE_ROW] = MR_STORE_ROW,
                                          [MR_STORAGE_COLUMNAR] = MR_STORE_COLUMNAR};
    static const mr_store_codec codecs[] = {[MR_BLOCK_NONE] = MR_STORE_PLAIN,
                                            [MR_BLOCK_LZ4] = MR_STORE_LZ4,
                                            [MR_BLOCK_ZSTD] = MR_STORE_ZSTD};
    return (mr_store_config){
        .mode = modes[c->storage.mode],
        .streaming = c->performance.streaming_mode,
        .columnar_after_records = c->storage.columnar_after_records,
        .columnar_after_bytes = c->storage.columnar_after_bytes,
        .batch_size = c->performance.batch_size,
        .memory_limit_bytes = c->performance.memory_limit_bytes,
        .compression = codecs[c->storage.compression],
        .spill_dir = c->storage.spill_dir,
    };
}

/* While the store drains it belongs to the inner run's source. */
static void tick_draining(void *context)
{
    mr_progress_tick(&((mr_run *)context)->progress);
}

/* The source fills the store; the store goes on to the destination when it must and at the end. */
static mr_end through_the_store(mr_run *run, mr_engine_config *config, mr_ledger *ledger,
                                mr_error *err)
{
    const mr_store_config store = store_config(run->config);
    run->onward = *config;
    run->onward.limit = 0;
    run->onward.drops = false; /* it can always wait */
    config->pace = NULL;       /* what leaves the store is paced, not what enters it */
    run->onward.chain = run->onward.ordered = NULL;
    run->onward.admit = NULL;
    run->onward.drift = NULL;
    run->onward.window = NULL;
    run->onward.delivered = NULL;
    run->onward.stamp = NULL;
    run->onward.tick = tick_draining;
    run->onward.view = &run->onward_view;
    if (run->onward.worker_count == 0) run->onward.worker_count = run->config->performance.workers;
    run->holds = true;
    if (mr_hold_open(&run->hold, &store, &run->onward, run->config->performance.flush_interval_ns,
                     err) != MR_OK)
        return MR_END_FAILED;
    config->destination = &mr_destination_hold;
    config->destination_state = &run->hold;
    mr_end end = mr_run_move(run, config, run->source->name, ledger, err);
    if (end == MR_END_DONE && mr_store_seal(run->hold.store, err) != MR_OK) end = MR_END_FAILED;
    /* The engine has set it; the destination, which is not done, takes it for an interruption. */
    mr_run_clear_stop(run);
    if (end == MR_END_DONE && mr_hold_drain(&run->hold, err) != MR_OK)
        end = atomic_load(&run->cancelled) ? MR_END_CANCELLED : MR_END_FAILED;
    const mr_ledger *onward = &run->hold.ledger;
    if (end == MR_END_DONE && onward->read != ledger->written) {
        mr_fail(err, MR_ERR_IO, "the store took %llu records and gave %llu",
                (unsigned long long)ledger->written, (unsigned long long)onward->read);
        return MR_END_FAILED;
    }
    ledger->written = onward->written;
    ledger->rejected += onward->rejected;
    for (int i = 0; i < MR_REASON_COUNT; i++)
        ledger->by_reason[i] += onward->by_reason[i];
    return end;
}

/* The source is at the start, or where an earlier run was. */
static mr_code begin_source(mr_run *run, mr_engine_config *config, mr_ledger *ledger, mr_error *err)
{
    const mr_checkpoints *c = &run->checkpoints;
    if (c->on) {
        config->settled = mr_checkpoints_settled;
        config->settled_context = &run->checkpoints;
    }
    if (c->resuming) {
        *ledger = c->found.ledger;
        for (int i = 0; i < MR_REASON_COUNT; i++)
            atomic_store(&run->view.by_reason[i], ledger->by_reason[i]);
    }
    if (c->resuming && !c->from_start)
        config->from = &c->from;
    else if (run->source->begin != NULL)
        return run->source->begin(run->source_state, false, err);
    return MR_OK;
}

static mr_end second_pass(mr_run *run, mr_ledger *ledger, mr_error *err)
{
    mr_engine_config config = destination_config(run);
    config.limit = run->config->limit;
    mr_run_set_kept_steps(run, &config);
    admit_them(run, &config);
    watch_drift(run, &config);
    mr_run_load_only_new(run, &config);
    if (mr_origin_write(run, &run->quarantine.origin, err) != MR_OK) return MR_END_FAILED;
    mr_run_reset_view(run);
    if (begin_source(run, &config, ledger, err) != MR_OK) return MR_END_FAILED;
    if (run->checkpoints.published) return MR_END_DONE;
    if (run->stages.count > 1) return mr_run_through_groups(run, &config, ledger, err);
    if (run->destination->start != NULL &&
        run->destination->start(run->destination_state, &run->schema, err) != MR_OK)
        return MR_END_FAILED;
    if (mr_options_given(&run->config->options, "storage.mode"))
        return through_the_store(run, &config, ledger, err);
    if (run->checkpoints.sealed) return MR_END_DONE;
    if (mr_checkpoints_start(&run->checkpoints, err) != MR_OK) return MR_END_FAILED;
    return mr_run_move(run, &config, run->source->name, ledger, err);
}

static void tell_dropped(const mr_run *run)
{
    mr_error text;
    const uint64_t dropped = atomic_load(&run->view.dropped);
    if (dropped == 0 || run->warn == NULL) return;
    mr_fail(&text, MR_OK,
            "%llu records were dropped, for the destination did not keep up "
            "(performance.backpressure: drop)",
            (unsigned long long)dropped);
    run->warn(run->warn_context, text.text);
}

void mr_run_execute(mr_run *run, mr_report *report)
{
    memset(report, 0, sizeof *report);
    mr_end end = second_pass(run, &report->ledger, &report->error);
    if (end == MR_END_FAILED && report->error.code == MR_ERR_CLOSED) /* before the first piece */
        end = atomic_load(&run->cancelled) ? MR_END_CANCELLED : MR_END_TIMEOUT;
    end = mr_run_settle(run, end, &report->ledger, &report->error);
    if (end == MR_END_DONE) report->error = (mr_error){0};
    if (end == MR_END_CANCELLED && atomic_load(&run->stopped_by) != NULL)
        mr_fail(&report->error, MR_ERR_CLOSED, "stopped by the alert '%s'",
                atomic_load(&run->stopped_by));
    tell_dropped(run);
    mr_run_fill_report(run, end, report);
}
