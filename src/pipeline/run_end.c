/* SPDX-License-Identifier: MIT
 *
 * How a run ends: published, kept for a later run, or given up; and what it says about it. */
#include <stdio.h>

#include "core/clock.h"
#include "pipeline/run_internal.h"

#define NS_PER_SECOND 1000000000.0

/* --- settling -------------------------------------------------------------------------------- */

/* The order of steps 4 to 6 in pipeline/checkpoint.h. */
static mr_code publish(mr_run *run, const mr_ledger *ledger, mr_error *err)
{
    mr_error ignored;
    if (!run->checkpoints.published) MR_TRY(mr_expect_end(&run->expect, err));
    MR_TRY(mr_checkpoints_seal(&run->checkpoints, ledger, err));
    MR_TRY(mr_checkpoints_keep_watermark(&run->checkpoints, err));
    MR_TRY(mr_quarantine_commit(&run->quarantine, err));
    if (!run->checkpoints.published && run->destination->commit != NULL)
        MR_TRY(run->destination->commit(run->destination_state, err));
    run->is_settled = true;
    if (run->file_set.is_open && mr_file_set_commit(&run->file_set, &ignored) != MR_OK) {
        /* What says that the output is complete stays, so that the next run does this. */
        if (run->warn != NULL) run->warn(run->warn_context, ignored.text);
        return MR_OK;
    }
    if (mr_checkpoints_forget(&run->checkpoints, &ignored) != MR_OK && run->warn != NULL)
        run->warn(run->warn_context, ignored.text); /* the data is where it should be */
    return MR_OK;
}

static mr_code finish(mr_run *run, const mr_ledger *ledger, mr_error *err)
{
    if (!run->checkpoints.published && run->source->verify != NULL)
        MR_TRY(run->source->verify(run->source_state, err));
    return publish(run, ledger, err);
}

/* Would doing the same again from the last checkpoint be of use? Not where the bytes are wrong. */
static bool is_worth_keeping(const mr_run *run, mr_end end, mr_code code)
{
    if (!mr_checkpoints_has_state(&run->checkpoints)) return false;
    return end == MR_END_CANCELLED || end == MR_END_TIMEOUT ||
           (end == MR_END_FAILED && code != MR_ERR_INPUT);
}

static void keep(mr_run *run, mr_error *err)
{
    char advice[160];
    run->is_kept = true;
    run->destination->suspend(run->destination_state);
    mr_quarantine_leave(&run->quarantine);
    snprintf(advice, sizeof advice, "the same command goes on where this one was (state %s)",
             run->checkpoints.id);
    mr_error_advise(err, advice);
}

/* Everything is as it was. A kill on the way must leave no checkpoint of what is not there any
 * more: the journal goes before PATH.part. Where records are in the target itself it goes behind
 * them, for they are to be taken back even then, and the destination knows when they have been. The
 * quarantine is published all the same, at last: it holds what the user needs to see. */
static void give_up(mr_run *run)
{
    mr_error ignored; /* the run has an error of its own, which is the one to tell */
    const bool shows = run->destination->leaves_traces != NULL &&
                       run->destination->leaves_traces(run->destination_state);
    const bool later = shows || run->destination->keep_commit != NULL;
    mr_code forgotten = MR_OK;
    if (!later) forgotten = mr_checkpoints_forget(&run->checkpoints, &ignored);
    if (run->destination->abort != NULL) run->destination->abort(run->destination_state);
    if (later) forgotten = mr_checkpoints_forget(&run->checkpoints, &ignored);
    const mr_code published = mr_quarantine_commit(&run->quarantine, &ignored);
    (void)forgotten, (void)published;
}

mr_end mr_run_settle(mr_run *run, mr_end end, const mr_ledger *ledger, mr_error *err)
{
    mr_code rc = end == MR_END_DONE ? mr_ledger_check(ledger, err) : err->code;
    const bool balanced = end != MR_END_DONE || rc == MR_OK;
    if (end == MR_END_DONE && rc == MR_OK) {
        rc = finish(run, ledger, err);
        if (rc == MR_OK) return MR_END_DONE;
    }
    if (end == MR_END_DONE) end = MR_END_FAILED;
    mr_checkpoints_rest(&run->checkpoints);
    if (balanced && is_worth_keeping(run, end, rc))
        keep(run, err);
    else
        give_up(run);
    return end;
}

void mr_run_leave(mr_run *run)
{
    if (run->is_settled || run->is_kept || !mr_checkpoints_has_state(&run->checkpoints)) return;
    if (run->destination->suspend != NULL) run->destination->suspend(run->destination_state);
    mr_quarantine_leave(&run->quarantine);
}

/* --- what is promised ------------------------------------------------------------------------ */

static bool writes_as_it_goes(const mr_run *run)
{
    const char *path = run->config->destination.path;
    if ((run->destination->capabilities & MR_CAP_TRANSACTION) == 0) return false;
    return run->config->in_place ||
           (path != NULL && (mr_file_path_fd(path, 1) >= 0 || strncmp(path, "/dev/", 5) == 0));
}

bool mr_run_is_exactly_once(const mr_run *run, const char **out_why)
{
    const mr_destination_ops *to = run->destination;
    *out_why = to->cannot_resume != NULL
                   ? to->cannot_resume(run->destination_state, &run->destination_env)
                   : NULL;
    if (to->checkpoint != NULL && *out_why == NULL) return true;
    return (to->capabilities & MR_CAP_TRANSACTION) != 0 && !writes_as_it_goes(run);
}

const char *mr_run_guarantee(mr_run *run)
{
    if (run->checkpoints.config == NULL) return run->destination->guarantee; /* preview */
    if (writes_as_it_goes(run)) return "at least once: written as it goes, nothing is taken back";
    const char *why = mr_checkpoints_cannot(&run->checkpoints);
    const char *said =
        why == NULL
            ? mr_arena_printf(run->arena,
                              "exactly once: a killed run goes on at its last checkpoint; %s",
                              run->destination->guarantee)
            : mr_arena_printf(run->arena, "%s; a killed run starts over: %s",
                              run->destination->guarantee, why);
    return said != NULL ? said : run->destination->guarantee;
}

/* --- reporting ------------------------------------------------------------------------------- */

static int exit_code(const mr_run *run, mr_end end, const mr_report *report)
{
    switch (end) {
    case MR_END_DONE:
        return report->ledger.rejected > 0 && !run->config->reliability.accept_rejects ? 3 : 0;
    case MR_END_FAILED: return report->error.code == MR_ERR_USAGE ? 2 : 1;
    case MR_END_REJECTS: return 4;
    case MR_END_TIMEOUT: return 5;
    case MR_END_CANCELLED: return atomic_load(&run->stopped_by) != NULL ? 1 : 130;
    }
    return 1;
}

static const char *status_of(mr_end end, const mr_ledger *ledger)
{
    switch (end) {
    case MR_END_DONE: return ledger->rejected > 0 ? "done_with_rejects" : "done";
    case MR_END_FAILED: return "failed";
    case MR_END_REJECTS: return "reject_limit";
    case MR_END_TIMEOUT: return "timeout";
    case MR_END_CANCELLED: return "interrupted";
    }
    return "failed";
}

static void report_store(mr_run *run, mr_report *report)
{
    const mr_store_stats *stats = &run->hold.stats;
    pthread_mutex_lock(&run->shared_lock);
    run->shared_stats = *stats;
    run->has_shared_stats = true;
    pthread_mutex_unlock(&run->shared_lock);
    const double records = stats->records > 0 ? (double)stats->records : 1;
    report->store_mode = mr_store_mode_name(stats->configured);
    report->store_bytes_per_record = stats->bytes_per_record;
    report->store_peak_bytes_per_record = (double)stats->peak_bytes / records;
    report->store_switches = stats->switch_count;
    if (stats->group_bytes > 0)
        report->store_compression_ratio =
            (double)stats->group_text_bytes / (double)stats->group_bytes;
}

static void report_checkpoints(mr_run *run, mr_report *report)
{
    const mr_checkpoints *c = &run->checkpoints;
    report->checkpoints_made = atomic_load(&c->committer.made);
    report->checkpoint_id = c->opened ? c->id : NULL;
    report->state_kept = run->is_kept;
    report->resumed = c->resuming;
    report->resumed_read = c->resuming ? c->found.ledger.read : 0;
    report->no_checkpoints_why = c->on ? NULL : c->cannot;
}

void mr_run_fill_report(mr_run *run, mr_end end, mr_report *report)
{
    report->status = status_of(end, &report->ledger);
    report->exit_code = exit_code(run, end, report);
    report->seconds = (double)(mr_clock_ns() - run->begun_ns) / NS_PER_SECOND;
    uint64_t total = 0;
    if (run->source->progress != NULL)
        run->source->progress(run->source_state, &report->bytes_in, &total);
    if (run->destination->bytes_out != NULL)
        report->bytes_out = run->destination->bytes_out(run->destination_state);
    report->thread_count = run->config->performance.workers + 1;
    if (run->quarantine.file_count > 0) report->rejects_path = run->quarantine.path;
    report->schema_changes = run->expect.told.count;
    report->discarded_values = run->expect.discarded;
    report->schema_path = run->expect.path;
    report->rejects_dropped = run->quarantine.dropped;
    report->rejects_files = run->quarantine.file_count;
    report->guarantee = mr_run_guarantee(run);
    report_checkpoints(run, report);
    if (run->increment.marks) report->cursor = run->increment.column;
    if (run->increment.marks && run->increment.base.has)
        report->value = run->increment.base.max.text;
    report->store_mode = "none";
    if (run->holds) report_store(run, report);
    mr_report_measure(report, &run->view);
}
