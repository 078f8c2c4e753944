/* SPDX-License-Identifier: MIT */
#include "pipeline/checkpoint.h"

#include <stdio.h>

#include "core/clock.h"

/* --- may it be? ------------------------------------------------------------------------------ */

/* What is in the way before anything has reached the destination. */
static const char *source_cannot(const mr_checkpoints *c)
{
    if (c->config->resume == MR_RESUME_NEVER) return "resume: never";
    if (mr_options_given(&c->config->options, "storage.mode"))
        return "storage.mode: records are in memory before they are delivered";
    if (c->config->reliability.dead_letter_rotate)
        return "dead_letter.rotate: full files of rejects are published while the run goes on";
    if (c->destination->part != NULL &&
        (c->config->drift.policies[MR_DRIFT_NEW_COLUMN] == MR_DRIFT_NEW_PART ||
         c->config->drift.policies[MR_DRIFT_MISSING_COLUMN] == MR_DRIFT_NEW_PART))
        return "drift: new_part: the parts of a target are no part of a checkpoint";
    if (c->extra != NULL && c->extra->cannot != NULL) return c->extra->cannot;
    if (c->increment != NULL && c->increment->marks && c->source->since != NULL)
        return "what is new is looked up again, from the watermark on";
    if (c->source->position == NULL) return "the source cannot be gone back to";
    if (c->source->cannot_resume == NULL) return NULL;
    return c->source->cannot_resume(c->source_state, c->source_env);
}

static bool marks_in_journal(const mr_checkpoints *c)
{
    return c->increment != NULL && c->increment->marks && c->destination->keep_watermark == NULL;
}

/* Checkpoints hold what the steps remember; the one that says `sealed` needs nothing of it. */
static bool has_memory(const mr_checkpoints *c)
{
    return c->extra != NULL && c->extra->cannot == NULL;
}

static const char *destination_cannot(const mr_checkpoints *c)
{
    if (c->destination->checkpoint == NULL) return "the destination cannot go on where it stopped";
    if (c->destination->cannot_resume == NULL) return NULL;
    return c->destination->cannot_resume(c->destination_state, c->destination_env);
}

const char *mr_checkpoints_cannot(const mr_checkpoints *c)
{
    const char *why = source_cannot(c);
    return why != NULL ? why : destination_cannot(c);
}

/* Somebody asked for it by name: then trouble with it is the run's trouble. */
static bool insists(const mr_checkpoints *c)
{
    return c->config->resume == MR_RESUME_REQUIRE || c->increment != NULL ||
           c->config->reliability.checkpoint.dir != NULL ||
           c->config->reliability.delivery == MR_DELIVERY_EXACTLY_ONCE;
}

static void warn(mr_checkpoints *c, const char *what, const char *before, const char *behind)
{
    char text[640];
    if (c->warned || c->warn == NULL) return;
    c->warned = true;
    snprintf(text, sizeof text, "%s%s%s", before, what, behind);
    c->warn(c->warn_context, text);
}

/* --- going on -------------------------------------------------------------------------------- */

static void init_buffers(mr_checkpoints *c)
{
    mr_buffer_init(&c->found_bytes, "a checkpoint", MR_JOURNAL_RECORD_MAX);
    mr_buffer_init(&c->record, "a checkpoint", MR_JOURNAL_RECORD_MAX);
    mr_buffer_init(&c->settings, "the settings", MR_COMMIT_SETTINGS_MAX);
    mr_buffer_init(&c->names, "the names of both ends", MR_COMMIT_SETTINGS_MAX);
    mr_buffer_init(&c->columns, "the columns found", MR_COMMIT_COLUMNS_MAX);
    mr_buffer_init(&c->source_position, "the source's position", MR_POSITION_MAX);
    mr_buffer_init(&c->destination_position, "the destination's position", MR_POSITION_MAX);
    mr_buffer_init(&c->watermark, "the watermark", 2 * MR_COMMIT_WATERMARK_MAX);
    mr_buffer_init(&c->saved, "the state of the transforms", MR_COMMIT_TRANSFORM_MAX);
}

static mr_code prepare(mr_checkpoints *c, mr_error *err)
{
    char dir[MR_FILE_PATH_MAX];
    init_buffers(c);
    c->opened = true;
    MR_TRY(mr_pipeline_id(c->config, c->id, err));
    MR_TRY(mr_pipeline_state_root(c->config->reliability.checkpoint.dir, dir,
                                  sizeof dir - MR_PIPELINE_ID_MAX - 1, err));
    snprintf(dir + strlen(dir), sizeof dir - strlen(dir), "/%s", c->id);
    mr_committer_init(&c->committer, dir);
    return mr_pipeline_settings(c->config, c->source->options, c->destination->options,
                                &c->settings, err);
}

/* What an earlier run left: in the destination's own transaction, else in the journal. A journal
 * alone, of a destination with transactions, is what its last one has outlived. */
static mr_code look(mr_checkpoints *c, mr_error *err)
{
    bool found = false;
    MR_TRY(mr_committer_look(&c->committer, &found, err));
    if (c->destination->find_commit != NULL) {
        MR_TRY(c->destination->find_commit(c->destination_state, mr_slice_text(c->id),
                                           &c->found_bytes, err));
        c->kept_inside = c->found_bytes.len > 0;
        const mr_slice last = found ? mr_buffer_slice(&c->committer.journal.last) : (mr_slice){0};
        c->journal_is_behind =
            c->kept_inside && !mr_slice_equal(last, mr_buffer_slice(&c->found_bytes));
        if (c->kept_inside) return MR_OK;
    }
    if (!found) return MR_OK;
    return mr_buffer_append(&c->found_bytes, mr_buffer_slice(&c->committer.journal.last), err);
}

static mr_code advise(mr_error *err)
{
    mr_error_advise(err, "--resume never, or `millrace state reset`, starts over");
    err->code = MR_ERR_USAGE;
    return MR_ERR_USAGE;
}

static mr_code same_work(const mr_checkpoints *c, mr_error *err)
{
    char key[128];
    if (c->found.files != (c->files != NULL ? c->files->id : 0))
        return mr_fail(err, MR_ERR_USAGE,
                       "the files of '%s' that an earlier run was taking are not what they were",
                       c->config->source.path);
    if (!mr_slice_is(c->found.pipeline, c->id))
        return mr_fail(err, MR_ERR_USAGE, "the checkpoint in '%s' is of another pipeline",
                       c->committer.dir);
    if (!mr_pipeline_settings_differ(c->found.settings, mr_buffer_slice(&c->settings), key,
                                     sizeof key))
        return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "'%s' is not what it was when the checkpoint was made, so the output would be "
                   "of two kinds",
                   key);
}

/* An earlier run had it all: what it had not come to is done, or was overtaken by the user. */
static mr_code was_complete(mr_checkpoints *c, mr_code rc, mr_error *err)
{
    if (rc == MR_OK) return MR_OK;
    if (!c->published) warn(c, err->text, "", "; an earlier run had it complete: starting over");
    c->published = false;
    return mr_checkpoints_forget(c, err);
}

static mr_code none_here(mr_checkpoints *c, mr_error *err)
{
    c->on = c->cannot == NULL;
    if (c->config->resume != MR_RESUME_REQUIRE) return MR_OK;
    if (c->cannot != NULL)
        return mr_fail(err, MR_ERR_USAGE, "this pipeline cannot be resumed (resume: require): %s",
                       c->cannot);
    return mr_fail(err, MR_ERR_USAGE,
                   "there is nothing to go on from: no checkpoint of this pipeline in '%s' "
                   "(resume: require)",
                   c->committer.dir);
}

/* An earlier run is over, and was not there to say so: step 6 here, then this one is the first. */
static mr_code end_earlier(mr_checkpoints *c, bool was_complete, mr_error *err)
{
    const bool marks = marks_in_journal(c);
    if (marks) MR_TRY(mr_increment_load_midway(c->increment, c->found.watermark, err));
    if (marks && was_complete) MR_TRY(mr_increment_accept(c->increment, err));
    mr_buffer_reset(&c->watermark); /* forgetting fills it, if there is one */
    MR_TRY(mr_checkpoints_forget(c, err));
    if (marks) MR_TRY(mr_increment_begin_again(c->increment, mr_buffer_slice(&c->watermark), err));
    return none_here(c, err);
}

static mr_code seek(mr_checkpoints *c, mr_error *err)
{
    c->from_start = c->found.source.len == 0;
    if (c->from_start) return MR_OK;
    if (c->source->seek != NULL)
        return c->source->seek(c->source_state, c->found.source, &c->from, err);
    return mr_fail(err, MR_ERR_USAGE, "the source cannot be gone back to");
}

/* Everything that can be refused is asked before anything is touched. */
static mr_code go_on(mr_checkpoints *c, mr_error *err)
{
    const mr_commit *const found = &c->found;
    MR_TRY(same_work(c, err));
    if (c->destination->resume == NULL)
        return mr_fail(err, MR_ERR_USAGE, "the destination cannot go on where it stopped");
    if (c->destination->find_commit != NULL && !c->kept_inside && !found->sealed)
        return mr_fail(err, MR_ERR_USAGE,
                       "the destination no longer holds the checkpoint that '%s' tells of",
                       c->committer.dir);
    mr_left left = MR_LEFT_PART;
    mr_code rc = c->destination->resume(c->destination_state, found->destination, &left, err);
    c->published = rc == MR_OK && left == MR_LEFT_ALL;
    if (rc == MR_OK && left == MR_LEFT_TAKEN_BACK) return end_earlier(c, false, err);
    if (rc != MR_OK && found->sealed) return was_complete(c, rc, err);
    if (rc == MR_OK) rc = seek(c, err);
    if (rc != MR_OK && c->published) return was_complete(c, rc, err);
    if (rc == MR_OK && c->increment != NULL)
        rc = mr_increment_load_midway(c->increment, found->watermark, err);
    if (rc == MR_OK && has_memory(c) && !found->sealed && !c->from_start)
        rc = c->extra->load(c->extra->context, found->transform, err);
    if (rc == MR_OK) rc = mr_quarantine_resume(c->quarantine, &found->rejects, found->sealed, err);
    MR_TRY(rc);
    c->resuming = true;
    c->sealed = found->sealed;
    c->last_read = found->ledger.read;
    MR_TRY(mr_buffer_append(&c->source_position, found->source, err));
    return mr_buffer_append(&c->columns, found->columns, err);
}

/* May a watermark be kept at all? */
static mr_code check_watermark(const mr_checkpoints *c, mr_error *err)
{
    const char *const mode = mr_options_state(&c->config->options, "mode")->text;
    if (!c->increment->marks) return MR_OK;
    if (!c->seals && c->destination->keep_watermark == NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "'mode: %s' contradicts 'destination.type: %s', where no watermark can be "
                       "kept%s%s",
                       mode, c->destination->name, destination_cannot(c) != NULL ? ": " : "",
                       destination_cannot(c) != NULL ? destination_cannot(c) : "");
    if (c->cannot != NULL && c->destination->commit_every != NULL &&
        c->destination->commit_every(c->destination_state) > 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "'mode: %s' contradicts 'destination.commit_every': what is committed in "
                       "between has no watermark with it: %s",
                       mode, c->cannot);
    return MR_OK;
}

/* A watermark without its data would lose records. */
static mr_code check_target(const mr_checkpoints *c, mr_error *err)
{
    mr_identity there;
    const mr_watermark *base = &c->increment->base;
    if (!base->has || mr_option_find(c->destination->options, MR_SLICE("append")) == NULL ||
        c->destination->target == NULL)
        return MR_OK;
    const mr_slice path = c->destination->target(c->destination_state);
    if (path.len == 0 || mr_identity_of_path(path.ptr, &there)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "'%.*s' is gone, but its watermark says that everything up to %.*s is in it; "
                   "--mode full loads everything again",
                   MR_SLICE_ARGS(path), MR_SLICE_ARGS(base->max.text));
}

/* That of the last run that came to its end, in the destination. */
static mr_code find_watermark(mr_checkpoints *c, mr_error *err)
{
    mr_buffer state;
    if (c->increment == NULL || c->destination->find_watermark == NULL) return MR_OK;
    if (!c->increment->marks) return MR_OK;
    mr_buffer_init(&state, "the watermark", MR_COMMIT_WATERMARK_MAX);
    const bool fresh = c->increment->fresh;
    mr_code rc =
        c->destination->find_watermark(c->destination_state, mr_slice_text(c->id), &state, err);
    if (rc == MR_ERR_USAGE && fresh) rc = MR_OK; /* what is missing is made again */
    if (rc == MR_OK) rc = mr_increment_load(c->increment, mr_buffer_slice(&state), err);
    mr_buffer_done(&state);
    return rc;
}

/* The journal's last record is of a finished run: nothing is to be gone on from. */
static mr_code take_finished(mr_checkpoints *c, mr_error *err)
{
    c->idle = true;
    if (c->increment == NULL || !c->increment->marks) return none_here(c, err);
    MR_TRY(mr_increment_load(c->increment, c->found.watermark, err));
    MR_TRY(check_target(c, err));
    return none_here(c, err);
}

static bool has_ended(const mr_checkpoints *c)
{
    return c->found.sealed && c->files != NULL && c->files->taken_id != 0 &&
           c->found.files == c->files->taken_id;
}

mr_code mr_checkpoints_resume(mr_checkpoints *c, mr_error *err)
{
    c->cannot = mr_checkpoints_cannot(c);
    c->seals = (c->increment != NULL || c->files != NULL) && c->config->resume != MR_RESUME_NEVER &&
               destination_cannot(c) == NULL;
    if (c->increment != NULL) MR_TRY(check_watermark(c, err));
    c->last_ns = mr_clock_ns();
    const mr_code rc = prepare(c, err);
    if (rc != MR_OK && (c->cannot != NULL || !insists(c))) { /* no home: nothing can be there */
        if (c->cannot == NULL) warn(c, err->text, "no checkpoints: ", "");
        return MR_OK;
    }
    MR_TRY(rc);
    MR_TRY(look(c, err));
    if (c->config->resume == MR_RESUME_NEVER) return mr_checkpoints_forget(c, err);
    MR_TRY(find_watermark(c, err));
    if (c->found_bytes.len == 0) return none_here(c, err);
    if (mr_commit_decode(mr_buffer_slice(&c->found_bytes), &c->found, err) != MR_OK)
        return advise(err);
    if (c->found.finished) return take_finished(c, err);
    if (has_ended(c)) return end_earlier(c, true, err);
    /* `cannot` may be for what that run has brought about */
    c->on = c->cannot == NULL || source_cannot(c) == NULL;
    return go_on(c, err) == MR_OK ? MR_OK : advise(err);
}

mr_code mr_checkpoints_set_columns(mr_checkpoints *c, mr_slice columns, mr_error *err)
{
    if (!c->on) return MR_OK;
    mr_buffer_reset(&c->columns);
    return mr_buffer_append(&c->columns, columns, err);
}

/* --- making one ------------------------------------------------------------------------------ */

/* Both ends by name, the name's length first. */
static mr_code name_ends(mr_checkpoints *c, mr_commit *commit, mr_error *err)
{
    mr_buffer_reset(&c->names);
    MR_TRY(mr_pipeline_end_name(&c->config->source, &c->names, err));
    const size_t from_len = c->names.len;
    MR_TRY(mr_pipeline_end_name(&c->config->destination, &c->names, err));
    commit->name = mr_slice_text(c->config->name);
    commit->from = mr_slice_of(c->names.ptr, from_len);
    commit->to = mr_slice_of(c->names.ptr + from_len, c->names.len - from_len);
    return MR_OK;
}

static void note_changes(const mr_checkpoints *c, mr_commit *commit)
{
    commit->schema_changes = c->expect->told.count;
    if (commit->schema_changes > 0) commit->history = mr_slice_text(c->expect->path);
}

/* Step 1. `place` NULL: the source's last position stays, which is none at the start. */
static mr_code compose(mr_checkpoints *c, const mr_source_place *place, const mr_ledger *ledger,
                       bool last, int fds[MR_COMMITTER_FDS], mr_error *err)
{
    mr_buffer_reset(&c->saved);
    if (has_memory(c) && !last && place != NULL)
        MR_TRY(c->extra->save(c->extra->context, &c->saved, err));
    mr_commit commit = {
        .ledger = *ledger, .sealed = last, .wall_ns = mr_clock_wall_ns(), .now_ns = c->now_ns};
    if (place != NULL) {
        mr_buffer_reset(&c->source_position);
        MR_TRY(c->source->position(c->source_state, place, &c->source_position, err));
    }
    mr_buffer_reset(&c->destination_position);
    MR_TRY(c->destination->checkpoint(c->destination_state, last, &c->destination_position, &fds[0],
                                      err));
    MR_TRY(mr_quarantine_note(c->quarantine, &commit.rejects, &fds[1], err));
    commit.pipeline = mr_slice_text(c->id);
    MR_TRY(name_ends(c, &commit, err));
    note_changes(c, &commit);
    commit.settings = mr_buffer_slice(&c->settings);
    commit.source = mr_buffer_slice(&c->source_position);
    commit.destination = mr_buffer_slice(&c->destination_position);
    commit.columns = mr_buffer_slice(&c->columns);
    commit.transform = mr_buffer_slice(&c->saved);
    commit.watermark = c->found.watermark;
    if (c->files != NULL) commit.files = c->files->id;
    if (c->increment != NULL) {
        mr_buffer_reset(&c->watermark);
        MR_TRY(mr_increment_save_midway(c->increment, &c->watermark, err));
        commit.watermark = mr_buffer_slice(&c->watermark);
    }
    mr_buffer_reset(&c->record);
    return mr_commit_encode(&commit, &c->record, err);
}

/* Steps 2 and 3: a destination with transactions does them itself, together with the data. */
static mr_code hand_over(mr_checkpoints *c, int fds[MR_COMMITTER_FDS], mr_error *err)
{
    if (c->destination->keep_commit != NULL) {
        MR_TRY(mr_committer_sync(fds[1], err));
        MR_TRY(c->destination->keep_commit(c->destination_state, mr_slice_text(c->id),
                                           mr_buffer_slice(&c->record), err));
        c->kept_inside = true;
        fds[0] = fds[1] = -1;
    }
    c->idle = false;
    return mr_committer_begin(&c->committer, &c->record, fds, err);
}

/* How the last one went. The journal's trouble is not the data's: the one before still holds. */
static mr_code take_result(mr_checkpoints *c, mr_error *err)
{
    bool data_is_lost;
    mr_error found = {0};
    const mr_code rc = mr_committer_wait(&c->committer, &data_is_lost, &found);
    if (rc == MR_OK) return MR_OK;
    if (!data_is_lost && !insists(c)) {
        if (!mr_committer_has_state(&c->committer) && !c->kept_inside) c->on = false;
        warn(c, found.text, "no checkpoint could be made: ", "");
        return MR_OK;
    }
    *err = found;
    return rc;
}

/* A fast pipeline moves a million records in a fraction of a second, which is no long way to go
 * again; each checkpoint makes the file system commit, which holds writers up for a moment. Who
 * gives a number gets it. */
static bool has_rested(const mr_checkpoints *c)
{
    return mr_options_given(&c->config->options, "reliability.checkpoint.records") ||
           mr_clock_ns() - c->last_ns >= MR_CHECKPOINT_REST_NS;
}

static bool is_due(const mr_checkpoints *c, const mr_ledger *ledger)
{
    const uint64_t records = c->config->reliability.checkpoint.records;
    const int64_t interval = c->config->reliability.checkpoint.interval_ns;
    const uint64_t since = ledger->read - c->last_read;
    const uint64_t commit = c->destination->commit_every != NULL
                                ? c->destination->commit_every(c->destination_state)
                                : 0;
    if (c->destination->keep_commit != NULL && c->config->performance.streaming_mode) return true;
    if (commit > 0 && since >= commit) return true;
    if (mr_clock_ns() - c->last_ns < c->pause_ns) return false;
    if (records > 0 && since >= records && has_rested(c)) return true;
    return interval > 0 && mr_clock_ns() - c->last_ns >= interval;
}

mr_code mr_checkpoints_start(mr_checkpoints *c, mr_error *err)
{
    const mr_ledger nothing = {0};
    int fds[MR_COMMITTER_FDS] = {-1, -1};
    if ((!c->on && !c->seals) || c->resuming || c->destination->leaves_traces == NULL ||
        !c->destination->leaves_traces(c->destination_state))
        return MR_OK;
    MR_TRY(compose(c, NULL, &nothing, false, fds, err));
    MR_TRY(hand_over(c, fds, err));
    return take_result(c, err);
}

/* Nothing has been asked of the destination yet. */
static mr_code is_full(mr_checkpoints *c, const mr_error *why)
{
    c->full = true;
    c->warned = false;
    warn(c, why->text, "no more checkpoints, a killed run goes on at the last one: ", "");
    return MR_OK;
}

mr_code mr_checkpoints_settled(void *context, const mr_source_place *place, const mr_ledger *ledger,
                               bool ending, mr_error *err)
{
    mr_checkpoints *c = context;
    int fds[MR_COMMITTER_FDS] = {-1, -1};
    if (!c->on || c->full || (!ending && !is_due(c, ledger))) return MR_OK;
    const bool may_wait = ending || c->destination->keep_commit != NULL;
    if (!may_wait && mr_committer_is_busy(&c->committer)) return MR_OK; /* when that one is done */
    MR_TRY(take_result(c, err));
    if (!c->on) return MR_OK;
    const int64_t began_ns = mr_clock_ns();
    const mr_code rc = compose(c, place, ledger, false, fds, err);
    if (rc == MR_ERR_LIMIT && has_memory(c)) return is_full(c, err);
    MR_TRY(rc);
    MR_TRY(hand_over(c, fds, err));
    c->last_ns = mr_clock_ns();
    if (has_memory(c)) c->pause_ns = MR_CHECKPOINT_PAUSE_FACTOR * (c->last_ns - began_ns);
    c->last_read = ledger->read;
    return ending ? take_result(c, err) : MR_OK;
}

/* --- ending ---------------------------------------------------------------------------------- */

void mr_checkpoints_rest(mr_checkpoints *c)
{
    bool ignored;
    if (c->opened && mr_committer_wait(&c->committer, &ignored, NULL) != MR_OK)
        return; /* the run has failed already, or will not count on it */
}

const char *mr_checkpoints_dir(const mr_checkpoints *c)
{
    return c->committer.dir;
}

bool mr_checkpoints_has_state(const mr_checkpoints *c)
{
    return c->opened && (c->kept_inside || (mr_committer_has_state(&c->committer) && !c->idle));
}

/* Step 4 and 5 in one: the run is complete once its transaction is. */
static mr_code seal_inside(mr_checkpoints *c, const mr_ledger *ledger, mr_error *err)
{
    int fds[MR_COMMITTER_FDS] = {-1, -1};
    if (c->files == NULL || c->published || c->destination->keep_seal == NULL ||
        c->config->resume == MR_RESUME_NEVER || c->id[0] == 0)
        return MR_OK;
    MR_TRY(compose(c, NULL, ledger, true, fds, err));
    MR_TRY(mr_committer_sync(fds[1], err));
    MR_TRY(c->destination->keep_seal(c->destination_state, mr_slice_text(c->id),
                                     mr_buffer_slice(&c->record), err));
    c->seal_inside = true;
    return MR_OK;
}

/* The destination drops its record with its last commit: then the journal must say it. */
static mr_code tell_journal(mr_checkpoints *c, mr_error *err)
{
    const int fds[MR_COMMITTER_FDS] = {-1, -1};
    bool data_is_lost;
    mr_buffer_reset(&c->record);
    MR_TRY(mr_buffer_append(&c->record, mr_buffer_slice(&c->found_bytes), err));
    MR_TRY(mr_committer_begin(&c->committer, &c->record, fds, err));
    return mr_committer_wait(&c->committer, &data_is_lost, err);
}

mr_code mr_checkpoints_seal(mr_checkpoints *c, const mr_ledger *ledger, mr_error *err)
{
    int fds[MR_COMMITTER_FDS] = {-1, -1};
    bool data_is_lost;
    if (c->sealed && c->journal_is_behind && !c->published) return tell_journal(c, err);
    if (!c->on && !c->seals) return seal_inside(c, ledger, err);
    MR_TRY(take_result(c, err));
    if ((!mr_checkpoints_has_state(c) && c->files == NULL && !marks_in_journal(c)) || c->sealed)
        return MR_OK;
    MR_TRY(compose(c, NULL, ledger, true, fds, err));
    MR_TRY(hand_over(c, fds, err));
    MR_TRY(mr_committer_wait(&c->committer, &data_is_lost, err));
    c->sealed = true;
    return MR_OK;
}

mr_code mr_checkpoints_keep_watermark(mr_checkpoints *c, mr_error *err)
{
    mr_slice state = {0}, value = {0};
    if (c->increment == NULL) return MR_OK;
    MR_TRY(mr_increment_accept(c->increment, err));
    if (c->published || c->destination->keep_watermark == NULL) return MR_OK;
    if (mr_increment_has_state(c->increment)) {
        mr_buffer_reset(&c->watermark);
        MR_TRY(mr_increment_save(c->increment, &c->watermark, err));
        state = mr_buffer_slice(&c->watermark);
        value = c->increment->base.max.text;
    }
    const bool stays = !c->increment->marks && !c->increment->fresh; /* it is not this run's */
    if (stays) return MR_OK;
    return c->destination->keep_watermark(c->destination_state, mr_slice_text(c->id), state,
                                          c->increment->column, value, err);
}

/* In place of the checkpoints: the watermark, that of the run or, when it was given up, of those
 * before. */
static mr_code keep_finished(mr_checkpoints *c, mr_error *err)
{
    const int fds[MR_COMMITTER_FDS] = {-1, -1};
    mr_commit commit = {.finished = true, .wall_ns = mr_clock_wall_ns()};
    bool data_is_lost;
    if (c->idle && !c->increment->accepted) return MR_OK; /* it is there */
    mr_buffer_reset(&c->watermark);
    MR_TRY(mr_increment_save(c->increment, &c->watermark, err));
    commit.pipeline = mr_slice_text(c->id);
    MR_TRY(name_ends(c, &commit, err));
    note_changes(c, &commit);
    commit.settings = mr_buffer_slice(&c->settings);
    commit.watermark = mr_buffer_slice(&c->watermark);
    mr_buffer_reset(&c->record);
    MR_TRY(mr_commit_encode(&commit, &c->record, err));
    MR_TRY(mr_committer_begin(&c->committer, &c->record, fds, err));
    MR_TRY(mr_committer_wait(&c->committer, &data_is_lost, err));
    c->idle = true;
    return MR_OK;
}

mr_code mr_checkpoints_forget(mr_checkpoints *c, mr_error *err)
{
    if (!c->opened) return MR_OK;
    mr_checkpoints_rest(c);
    if ((c->kept_inside || c->seal_inside) && c->destination->forget_commit != NULL)
        MR_TRY(c->destination->forget_commit(c->destination_state, mr_slice_text(c->id), err));
    c->kept_inside = c->seal_inside = false;
    if (marks_in_journal(c) && mr_increment_has_state(c->increment)) return keep_finished(c, err);
    return mr_committer_remove(&c->committer, err);
}

void mr_checkpoints_close(mr_checkpoints *c)
{
    if (!c->opened) return;
    mr_committer_close(&c->committer);
    mr_buffer *const all[] = {&c->found_bytes, &c->settings,        &c->names,
                              &c->columns,     &c->source_position, &c->destination_position,
                              &c->saved,       &c->record,          &c->watermark};
    for (size_t i = 0; i < MR_COUNT_OF(all); i++)
        mr_buffer_done(all[i]);
    c->opened = c->on = false;
}
