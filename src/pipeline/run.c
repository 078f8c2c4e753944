/* SPDX-License-Identifier: MIT */
#include "pipeline/run.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/mem.h"
#include "pipeline/run_internal.h"
#include "pipeline/run_steps.h"

#define MAX_FOUND_BYTES ((size_t)1 << 30) /* 65,536 columns with their names */

/* Contradictions that only the opened ends can show. */
static mr_code check_facts(mr_run *run, mr_error *err)
{
    mr_config_facts facts = {.destination_known = run->destination != NULL};
    if (run->destination != NULL)
        facts.destination_exactly_once = mr_run_is_exactly_once(run, &facts.destination_why);
    if (run->config->storage.mode == MR_STORAGE_ROW && run->source->progress != NULL &&
        mr_options_given(&run->config->options, "storage.mode")) {
        uint64_t done;
        run->source->progress(run->source_state, &done, &facts.expected_store_bytes);
    }
    return mr_config_conflicts(run->config, &facts, err);
}

/* Of steps that remember records; NULL when there are none such. */
static const mr_checkpoint_extra *memory_of_steps(mr_run *run)
{
    static const mr_checkpoint_extra groups = {
        .cannot = "aggregate: its groups are in memory until the source has ended"};
    if (run->stages.count > 1) return &groups;
    if (run->stages.items[0].in_order == NULL) return NULL;
    run->memory.extra = (mr_checkpoint_extra){
        .save = mr_run_save_memory, .load = mr_run_load_memory, .context = run};
    return &run->memory.extra;
}

static void set_checkpoints(mr_run *run)
{
    mr_checkpoints *c = &run->checkpoints;
    c->files = run->file_set.is_open ? &run->file_set : NULL;
    c->extra = memory_of_steps(run);
    c->now_ns = run->chain_env.now_ns;
    c->expect = &run->expect;
    c->increment = run->increment.on ? &run->increment : NULL;
    c->config = run->config;
    c->source = run->source;
    c->source_state = run->source_state;
    c->source_env = &run->source_env;
    c->destination = run->destination;
    c->destination_state = run->destination_state;
    c->destination_env = &run->destination_env;
    c->quarantine = &run->quarantine;
    c->warn = run->warn;
    c->warn_context = run->warn_context;
}

/* Before the source is opened: the files that it is to read. */
static mr_code choose_files(mr_run *run, mr_error *err)
{
    const mr_pipeline_config *c = run->config;
    char dir[MR_FILE_PATH_MAX], id[MR_PIPELINE_ID_MAX];
    if (run->source != &mr_source_csv && run->source != &mr_source_json)
        return mr_fail(err, MR_ERR_USAGE,
                       "'files: new' is for files that csv and json read, not for '%s'",
                       run->source->name);
    MR_TRY(mr_pipeline_id(c, id, err));
    MR_TRY(mr_pipeline_state_root(c->reliability.checkpoint.dir, dir, sizeof dir - sizeof id - 1,
                                  err));
    snprintf(dir + strlen(dir), sizeof dir - strlen(dir), "/%s", id);
    MR_TRY(
        mr_file_set_open(&run->file_set, dir, c->source.path, c->resume == MR_RESUME_NEVER, err));
    run->source_env.files = run->file_set.now;
    run->source_env.file_count = run->file_set.now_count;
    run->nothing_new = run->file_set.now_count == 0;
    return MR_OK;
}

mr_code mr_run_open(mr_run *run, mr_pipeline_config *config, unsigned needs,
                    void (*warn)(void *context, const char *text), void *warn_context,
                    mr_error *err)
{
    memset(run, 0, sizeof *run);
    run->config = config;
    run->arena = config->arena;
    mr_arena_init(&run->found, "run.found", MAX_FOUND_BYTES);
    run->warn = warn;
    run->warn_context = warn_context;
    run->begun_ns = mr_clock_ns();
    pthread_mutex_init(&run->shared_lock, NULL);
    if (config->timeout_ns > 0) run->deadline_ns = run->begun_ns + config->timeout_ns;
    const bool to_somewhere = (needs & MR_CONFIG_DESTINATION) != 0;
    if (to_somewhere && !config->appends) MR_TRY(mr_increment_init(&run->increment, config, err));
    if (to_somewhere) MR_TRY(mr_run_find_destination(run, err));
    if (to_somewhere) MR_TRY(mr_run_refuse_same_file(run, err));
    MR_TRY(mr_run_find_source(run, err));
    MR_TRY(
        mr_run_set_source(run, run->destination != NULL ? run->destination->options : NULL, err));
    run->source_env = mr_run_make_env(run, &config->source, run->source->plugin);
    if (to_somewhere && config->files == MR_FILES_NEW) MR_TRY(choose_files(run, err));
    if (run->nothing_new) return MR_OK;
    MR_TRY(run->source->open(run->source_state, &run->source_env, err));
    if (to_somewhere) MR_TRY(mr_run_open_destination(run, err));
    MR_TRY(check_facts(run, err));
    const char *rejects = to_somewhere ? mr_run_rejects_path(run) : NULL;
    if (to_somewhere && rejects == NULL) return mr_arena_fail(run->arena, err);
    mr_quarantine_init(&run->quarantine, rejects, config->reliability.dead_letter_max,
                       config->reliability.dead_letter_rotate);
    const bool typed = (run->source->abilities(run->source_state) & MR_CAP_TYPED) != 0;
    const bool grows = (run->source->abilities(run->source_state) & MR_CAP_GROWS) != 0;
    MR_TRY(mr_run_make_steps(run, run->source->schema(run->source_state), !grows, typed, err));
    if (to_somewhere) set_checkpoints(run);
    return MR_OK;
}

/* What the ends themselves can tell without being opened. */
static mr_code validate(mr_run *run, mr_error *err)
{
    run->source_env = mr_run_make_env(run, &run->config->source, run->source->plugin);
    run->destination_env =
        mr_run_make_env(run, &run->config->destination, run->destination->plugin);
    if (run->source->validate != NULL)
        MR_TRY(run->source->validate(run->source_state, &run->source_env, err));
    if (run->destination->validate != NULL)
        MR_TRY(run->destination->validate(run->destination_state, &run->destination_env, err));
    return MR_OK;
}

mr_code mr_run_resume(mr_run *run, mr_error *err)
{
    mr_checkpoints *c = &run->checkpoints;
    MR_TRY(mr_checkpoints_resume(c, err));
    if (c->resuming) run->chain_env.now_ns = c->now_ns = c->found.now_ns;
    return mr_run_aim(run, err);
}

static mr_code check(mr_run *run, const char **out_guarantee, mr_error *err)
{
    MR_TRY(mr_run_find_source(run, err));
    MR_TRY(mr_run_find_destination(run, err));
    MR_TRY(mr_run_refuse_same_file(run, err));
    MR_TRY(mr_run_set_source(run, run->destination->options, err));
    MR_TRY(mr_run_set_destination(run, run->source->options, err));
    const bool typed = (run->source->capabilities & MR_CAP_TYPED) != 0;
    const mr_code rc = mr_run_make_steps(run, NULL, false, typed, err);
    if (rc == MR_OK) set_checkpoints(run);
    mr_stages_done(&run->stages);
    MR_TRY(rc);
    MR_TRY(validate(run, err));
    *out_guarantee = mr_run_guarantee(run);
    return check_facts(run, err);
}

mr_code mr_run_check(mr_pipeline_config *config, const char **out_guarantee, mr_error *err)
{
    mr_run *run = mr_arena_take(config->arena, sizeof *run); /* too large for the stack */
    if (run == NULL) return mr_arena_fail(config->arena, err);
    memset(run, 0, sizeof *run);
    run->config = config;
    run->arena = config->arena;
    mr_arena_init(&run->found, "run.found", MAX_FOUND_BYTES);
    const mr_code rc = check(run, out_guarantee, err);
    mr_arena_done(&run->found); /* which is on a list, and `run` dies with the configuration */
    return rc;
}

void mr_run_cancel(mr_run *run)
{
    atomic_store(&run->cancelled, true);
    atomic_store(&run->stop, true);
}

void mr_run_stop(mr_run *run, const char *name)
{
    atomic_store(&run->stopped_by, name);
    mr_run_cancel(run);
}

void mr_run_close(mr_run *run)
{
    mr_run_leave(run);
    mr_checkpoints_close(&run->checkpoints);
    mr_file_set_close(&run->file_set);
    if (run->source != NULL && run->source_state != NULL && run->source->close != NULL)
        run->source->close(run->source_state);
    if (run->destination != NULL && run->destination_state != NULL &&
        run->destination->close != NULL)
        run->destination->close(run->destination_state);
    if (run->holds) mr_hold_close(&run->hold);
    for (uint32_t i = 0; i < MR_STAGES_MAX; i++)
        mr_groups_close(&run->groups[i]);
    mr_stages_done(&run->stages);
    mr_discovery_done(&run->discovery);
    mr_arena_done(&run->found);
    mr_expect_close(&run->expect);
    mr_increment_done(&run->increment);
    mr_quarantine_close(&run->quarantine);
    run->source = NULL;
    run->destination = NULL;
}
