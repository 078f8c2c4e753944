/* SPDX-License-Identifier: MIT */
#include "pipeline/run.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/mem.h"
#include "pipeline/origin.h"
#include "pipeline/run_internal.h"
#include "pipeline/run_steps.h"

/* --- opening
 * ---------------------------------------------------------------------------------------- */

static mr_code make_state(mr_run *run, size_t bytes, void **out, mr_error *err)
{
    *out = mr_arena_take(run->arena, bytes + 1);
    return *out != NULL ? MR_OK : mr_arena_fail(run->arena, err);
}

static mr_code set_options(mr_run *run, const mr_endpoint *end, const char *name,
                           const mr_option *table, const mr_option *other, void *state,
                           mr_options *options, mr_error *err)
{
    MR_TRY(mr_options_init(options, name, table, state, run->arena, err));
    return mr_endpoint_apply(end, options, other, err);
}

/* A record is held up to four times at once (input, cells, output, and growing room), and the
 * memory limit has to hold with a record of any size. */
static uint64_t largest_record(const mr_pipeline_config *c)
{
    const uint64_t share = c->performance.memory_limit_bytes / 4;
    return c->limits.max_record_bytes < share ? c->limits.max_record_bytes : share;
}

static mr_code may_go_on(void *context, mr_error *err)
{
    return mr_connector_may_wait(context, err);
}

/* While the destination waits, on the collector's thread. */
static void tick_waiting(void *context)
{
    mr_run *run = context;
    if (run->progress.view != NULL) mr_progress_tick(&run->progress);
}

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

static mr_remote_env remote_env(mr_run *run, const mr_endpoint *end)
{
    const mr_pipeline_config *c = run->config;
    const bool is_source = end == &c->source;
    mr_guard *guard = is_source ? &run->source_guard : &run->destination_guard;
    const mr_guard_options options = {
        .name = is_source ? "source" : "destination",
        .retry = {.attempts = c->reliability.retry_attempts,
                  .delay_ns = c->reliability.retry_delay_ns,
                  .max_delay_ns = c->reliability.max_retry_delay_ns,
                  .multiplier = c->reliability.retry_multiplier,
                  .jitter = c->reliability.retry_jitter,
                  .deadline_ns = c->reliability.retry_deadline_ns},
        .breaker = c->reliability.breaker,
        .rate = c->reliability.rate_unit == MR_RATE_REQUESTS ? mr_config_rate(c) : 0,
        .burst = (double)c->reliability.rate_burst,
        .warn = run->warn,
        .warn_context = run->warn_context,
        .may_go_on = may_go_on,
        .may_go_on_context = is_source ? &run->source_env : &run->destination_env,
        .tick = is_source ? NULL : tick_waiting, /* progress belongs to the collector's thread */
        .tick_context = run,
    };
    mr_guard_init(guard, &options);
    return (mr_remote_env){
        .guard = guard,
        .connect_ns = c->timeouts.connection_ns,
        .request_ns = c->timeouts.request_ns,
        .read_ns = c->timeouts.read_ns,
        .write_ns = c->timeouts.write_ns,
        .unused_ns = c->timeouts.idle_ns,
        .keep_alive_ns = c->timeouts.keep_alive_ns,
        .insecure = c->security.skip_verify,
        .ca_file = c->security.ca_file,
        .cert_file = c->security.cert_file,
        .key_file = c->security.key_file,
    };
}

/* A batch is never larger than what may go at once, where records are counted. */
static uint32_t batch_rows(const mr_pipeline_config *c)
{
    const double rate = mr_config_rate(c);
    if (c->reliability.rate_unit != MR_RATE_RECORDS || rate <= 0) return c->performance.batch_size;
    const double burst =
        c->reliability.rate_burst > 0 ? (double)c->reliability.rate_burst : 2 * rate;
    const uint32_t most = c->performance.batch_size > 0 ? c->performance.batch_size : UINT32_MAX;
    return burst < 1 ? 1 : burst < most ? (uint32_t)burst : most;
}

static mr_connector_env make_env(mr_run *run, const mr_endpoint *end, const void *plugin)
{
    const mr_pipeline_config *c = run->config;
    return (mr_connector_env){
        .arena = run->arena,
        .path = mr_slice_text(end->path),
        .limits = {largest_record(c), c->limits.max_columns, c->limits.max_depth},
        .lane_count = c->performance.workers + 1,
        .max_rows = batch_rows(c),
        .streaming = c->performance.streaming_mode,
        .flush_interval_ns = c->performance.flush_interval_ns,
        .max_expansion = c->limits.max_expansion,
        .lossy = c->lossy == MR_LOSSY_ALLOW,
        .in_place = c->in_place,
        .only_look = run->destination == NULL,
        .shows_metrics = c->observability.metrics_address != NULL,
        .cancelled = &run->stop,
        .deadline_ns = run->deadline_ns,
        .warn = run->warn,
        .warn_context = run->warn_context,
        .remote = remote_env(run, end),
        .plugin = plugin,
    };
}

static mr_code set_source(mr_run *run, const mr_option *other, mr_error *err)
{
    const mr_endpoint *end = &run->config->source;
    const char *name = mr_arena_printf(run->arena, "%s source", run->source->name);
    if (name == NULL) return mr_arena_fail(run->arena, err);
    MR_TRY(make_state(run, run->source->state_bytes, &run->source_state, err));
    return set_options(run, end, name, run->source->options, other, run->source_state,
                       &run->source_options, err);
}

static mr_code set_destination(mr_run *run, const mr_option *other, mr_error *err)
{
    const mr_endpoint *end = &run->config->destination;
    const char *name = mr_arena_printf(run->arena, "%s destination", run->destination->name);
    if (name == NULL) return mr_arena_fail(run->arena, err);
    MR_TRY(make_state(run, run->destination->state_bytes, &run->destination_state, err));
    mr_options options;
    return set_options(run, end, name, run->destination->options, other, run->destination_state,
                       &options, err);
}

static mr_code no_such_end(const mr_endpoint *end, mr_error *err)
{
    mr_fail(err, MR_ERR_USAGE, "'%s' cannot be a %s; see `millrace list`", end->connector,
            end->role);
    if (end->connector_from.where != NULL) mr_error_prefix(err, "%s", end->connector_from.where);
    return MR_ERR_USAGE;
}

static mr_code find_source(mr_run *run, mr_error *err)
{
    run->source = mr_source_find(mr_slice_text(run->config->source.connector));
    return run->source != NULL ? MR_OK : no_such_end(&run->config->source, err);
}

static mr_code find_destination(mr_run *run, mr_error *err)
{
    run->destination = mr_destination_find(mr_slice_text(run->config->destination.connector));
    return run->destination != NULL ? MR_OK : no_such_end(&run->config->destination, err);
}

/* Reading a file while its own replacement is written beside it would be safe, but nobody means it.
 */
static mr_code refuse_same_file(const mr_run *run, mr_error *err)
{
    const char *from = run->config->source.path, *to = run->config->destination.path;
    const char *rejects = run->config->reliability.dead_letter_path;
    mr_identity a, b;
    if (from != NULL && rejects != NULL && mr_identity_of_path(from, &a) &&
        mr_identity_of_path(rejects, &b) && mr_identity_same_file(&a, &b))
        return mr_fail(err, MR_ERR_USAGE, "'%s' is read, so rejects cannot go there (--rejects)",
                       from);
    if (from == NULL || to == NULL || !mr_identity_of_path(from, &a) ||
        !mr_identity_of_path(to, &b) || !mr_identity_same_file(&a, &b))
        return MR_OK;
    mr_fail(err, MR_ERR_USAGE, "source and destination are the same file, '%s'", to);
    if (run->config->destination.path_from.origin < MR_ORIGIN_FLAG &&
        run->config->destination.path_from.where != NULL)
        mr_error_prefix(err, "%s", run->config->destination.path_from.where);
    return MR_ERR_USAGE;
}

static const char *rejects_path(const mr_run *run)
{
    const mr_pipeline_config *c = run->config;
    if (c->reliability.dead_letter_path != NULL) return c->reliability.dead_letter_path;
    const char *to = c->destination.path;
    if (to == NULL || to[0] == 0 || strcmp(to, "-") == 0 || strncmp(to, "/dev/", 5) == 0 ||
        strstr(to, "://") != NULL)
        return "millrace.rejects.jsonl";
    return mr_arena_printf(run->arena, "%s.rejects.jsonl", to);
}

/* A destination that has the option goes on with what is there, unless told otherwise. */
static mr_code append_to_target(mr_run *run, mr_error *err)
{
    mr_endpoint *to = &run->config->destination;
    mr_identity there;
    const mr_setting setting = {
        .key = "append", .value = "true", .from = {MR_ORIGIN_SYSTEM, "replay"}};
    if (!run->config->appends || mr_endpoint_has(to, "append")) return MR_OK;
    if (mr_option_find(run->destination->options, MR_SLICE("append")) == NULL) return MR_OK;
    if (to->path == NULL || !mr_identity_of_path(to->path, &there)) return MR_OK;
    return mr_endpoint_add(to, &setting, err);
}

static mr_code open_destination(mr_run *run, mr_error *err)
{
    MR_TRY(append_to_target(run, err));
    MR_TRY(set_destination(run, run->source->options, err));
    run->destination_env = make_env(run, &run->config->destination, run->destination->plugin);
    run->destination_env.newest = &run->newest;
    return run->destination->open(run->destination_state, &run->destination_env, err);
}

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

/* Steps whose memory is in no checkpoint; NULL when there are none such. */
static const mr_checkpoint_extra *memory_of_steps(const mr_run *run)
{
    static const mr_checkpoint_extra groups = {
        .cannot = "aggregate: its groups are in memory until the source has ended"};
    static const mr_checkpoint_extra seen = {.cannot =
                                                 "dedupe: the keys it has seen are in memory"};
    if (run->stages.count > 1) return &groups;
    return run->stages.items[0].in_order != NULL ? &seen : NULL;
}

static void set_checkpoints(mr_run *run)
{
    mr_checkpoints *c = &run->checkpoints;
    c->files = run->file_set.is_open ? &run->file_set : NULL;
    c->extra = memory_of_steps(run);
    c->now_ns = run->chain_env.now_ns;
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
    run->warn = warn;
    run->warn_context = warn_context;
    run->begun_ns = mr_clock_ns();
    pthread_mutex_init(&run->shared_lock, NULL);
    if (config->timeout_ns > 0) run->deadline_ns = run->begun_ns + config->timeout_ns;
    const bool to_somewhere = (needs & MR_CONFIG_DESTINATION) != 0;
    if (to_somewhere && !config->appends) MR_TRY(mr_increment_init(&run->increment, config, err));
    if (to_somewhere) MR_TRY(find_destination(run, err));
    if (to_somewhere) MR_TRY(refuse_same_file(run, err));
    MR_TRY(find_source(run, err));
    MR_TRY(set_source(run, run->destination != NULL ? run->destination->options : NULL, err));
    run->source_env = make_env(run, &config->source, run->source->plugin);
    if (to_somewhere && config->files == MR_FILES_NEW) MR_TRY(choose_files(run, err));
    if (run->nothing_new) return MR_OK;
    MR_TRY(run->source->open(run->source_state, &run->source_env, err));
    if (to_somewhere) MR_TRY(open_destination(run, err));
    MR_TRY(check_facts(run, err));
    const char *rejects = to_somewhere ? rejects_path(run) : NULL;
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
    run->source_env = make_env(run, &run->config->source, run->source->plugin);
    run->destination_env = make_env(run, &run->config->destination, run->destination->plugin);
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

mr_code mr_run_check(mr_pipeline_config *config, const char **out_guarantee, mr_error *err)
{
    mr_run *run = mr_arena_take(config->arena, sizeof *run); /* too large for the stack */
    if (run == NULL) return mr_arena_fail(config->arena, err);
    memset(run, 0, sizeof *run);
    run->config = config;
    run->arena = config->arena;
    MR_TRY(find_source(run, err));
    MR_TRY(find_destination(run, err));
    MR_TRY(refuse_same_file(run, err));
    MR_TRY(set_source(run, run->destination->options, err));
    MR_TRY(set_destination(run, run->source->options, err));
    const bool typed = (run->source->capabilities & MR_CAP_TYPED) != 0;
    const mr_code rc = mr_run_make_steps(run, NULL, false, typed, err);
    if (rc == MR_OK) set_checkpoints(run);
    mr_stages_done(&run->stages);
    MR_TRY(rc);
    MR_TRY(validate(run, err));
    *out_guarantee = mr_run_guarantee(run);
    return check_facts(run, err);
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
    mr_expect_close(&run->expect);
    mr_increment_done(&run->increment);
    mr_quarantine_close(&run->quarantine);
    run->source = NULL;
    run->destination = NULL;
}

/* --- engine
 * ----------------------------------------------------------------------------------------- */

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

/* While the store drains it belongs to the inner run's source. */
static void tick_draining(void *context)
{
    mr_progress_tick(&((mr_run *)context)->progress);
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

static uint32_t abilities(const mr_run *run)
{
    const uint32_t can = run->source->abilities(run->source_state);
    if ((can & MR_CAP_SEVERAL) == 0 || !looks_ahead(run)) return can;
    return can | MR_CAP_GROWS;
}

static mr_engine_config engine_config(mr_run *run)
{
    const mr_pipeline_config *c = run->config;
    const bool splits = (abilities(run) & MR_CAP_SPLIT) != 0 && !c->performance.streaming_mode;
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

static void reset_view(mr_run *run)
{
    atomic_store(&run->view.read, 0);
    atomic_store(&run->view.written, 0);
    atomic_store(&run->view.rejected, 0);
    for (int i = 0; i < MR_REASON_COUNT; i++)
        atomic_store(&run->view.by_reason[i], 0);
    mr_histogram_reset(&run->view.latency);
    mr_histogram_reset(&run->view.queue_wait);
    if (!atomic_load(&run->cancelled)) atomic_store(&run->stop, false);
}

static mr_end move(mr_run *run, const mr_engine_config *config, const char *stage,
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

/* --- discovering
 * ------------------------------------------------------------------------------------ */

static bool lacks_types(const mr_schema *schema)
{
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].type == MR_TYPE_NULL) return true;
    return false;
}

/* Behind steps that compute, what they know of the columns counts. */
static bool must_discover_behind(const mr_run *run, uint32_t wants)
{
    const mr_columns *out = &run->stages.items[0].out;
    if (run->stages.count > 1) return false; /* the groups themselves are looked at, in time */
    if ((wants & MR_CAP_COLUMNS) != 0 && !out->known) return true;
    bool untyped = !out->known && run->chain_env.all_untyped, unknown = !out->known;
    for (uint32_t i = 0; i < out->schema.field_count; i++) {
        untyped = untyped || out->untyped[i];
        unknown = unknown || out->schema.fields[i].type == MR_TYPE_NULL;
    }
    if ((wants & MR_CAP_DECLARES) != 0 && unknown) return true;
    return (wants & MR_CAP_TYPED) != 0 && untyped && run->config->infer.kind != MR_INFER_OFF;
}

static bool must_discover(const mr_run *run)
{
    const uint32_t can = abilities(run);
    const uint32_t wants = run->destination->capabilities;
    const mr_schema *known = run->source->schema(run->source_state);
    const bool asked = mr_expect_is_asked(run->config); /* then types matter to any destination */
    if (mr_run_must_judge_cursor(run, known)) return true;
    if (mr_run_steps_compute(run)) return must_discover_behind(run, wants);
    if (known == NULL) return (wants & MR_CAP_COLUMNS) != 0 || mr_run_steps_select(run) || asked;
    if ((can & MR_CAP_GROWS) != 0 && (wants & MR_CAP_COLUMNS) != 0) return true;
    if ((can & MR_CAP_TYPED) != 0) return (wants & MR_CAP_DECLARES) != 0 && lacks_types(known);
    return ((wants & MR_CAP_TYPED) != 0 || asked) && !run->declared_all &&
           run->config->infer.kind != MR_INFER_OFF;
}

static uint64_t sample_size(const mr_run *run, uint64_t asked)
{
    if (asked > 0) return asked;
    if (run->config->infer.kind == MR_INFER_SAMPLE) return run->config->infer.records;
    return (abilities(run) & MR_CAP_REWIND) != 0 ? 0 : MR_SAMPLE_RECORDS;
}

static mr_code end_code(mr_end end, const mr_error *err)
{
    if (end == MR_END_DONE) return MR_OK;
    return err->code != MR_OK ? err->code : MR_ERR_IO;
}

static mr_code first_pass(mr_run *run, uint64_t limit, mr_error *err)
{
    mr_ledger *ledger = &run->looked_at;
    const bool rewinds = (abilities(run) & MR_CAP_REWIND) != 0;
    mr_engine_config config = engine_config(run);
    config.destination = &mr_destination_discover;
    config.destination_state = &run->discovery;
    config.limit = limit;
    if (mr_run_steps_compute(run)) mr_run_set_steps(run, 0, &config);
    reset_view(run);
    if (run->source->begin != NULL) MR_TRY(run->source->begin(run->source_state, !rewinds, err));
    const mr_end end = move(run, &config, "reading types", ledger, err);
    if (end == MR_END_REJECTS) return MR_OK; /* the second pass says so, with the records */
    MR_TRY(end_code(end, err));
    run->exact = limit == 0 || ledger->written < limit;
    return MR_OK;
}

/* Before anything is looked at: `known` (may be NULL) with the types that the user declares. They
 * are the source's when nothing else is left to find out. */
static mr_code declare(mr_run *run, const mr_schema **known, mr_error *err)
{
    mr_declared *declared = &run->config->declared;
    const mr_schema *recalled =
        run->source->declares != NULL ? run->source->declares(run->source_state) : NULL;
    if (recalled != NULL) MR_TRY(mr_declared_recall(declared, recalled, run->arena, err));
    const bool infers = run->config->infer.kind != MR_INFER_OFF;
    const bool typed = (abilities(run) & MR_CAP_TYPED) != 0;
    if (declared->count == 0) return MR_OK;
    mr_schema *schema = mr_arena_take(run->arena, sizeof *schema);
    if (schema == NULL) return mr_arena_fail(run->arena, err);
    mr_schema_init(schema, run->arena);
    if (*known != NULL) MR_TRY(mr_schema_copy(schema, *known, run->arena, err));
    MR_TRY(mr_declared_apply(declared, *known == NULL, schema, err));
    const bool has_all = *known != NULL && (typed || mr_declared_covers(declared, schema));
    run->declared_all = has_all || !infers;
    run->exact = run->exact || run->declared_all;
    *known = schema;
    if (!run->declared_all || run->source->set_schema == NULL) return MR_OK;
    MR_TRY(run->source->set_schema(run->source_state, schema, NULL, true, err));
    *known = run->source->schema(run->source_state);
    return MR_OK;
}

/* What was found is the source's, unless steps compute with its values: then it is what leaves
 * them. It is part of each checkpoint. */
static mr_code use_discovery(mr_run *run, mr_error *err)
{
    const mr_schema *known = &run->discovery.schema;
    const bool rewinds = (abilities(run) & MR_CAP_REWIND) != 0;
    mr_buffer bytes;
    run->discovered = true;
    mr_buffer_init(&bytes, "the columns found", MR_COMMIT_COLUMNS_MAX);
    mr_code rc = mr_discovery_encode(&run->discovery, run->exact, &bytes, err);
    if (rc == MR_OK)
        rc = mr_checkpoints_set_columns(&run->checkpoints, mr_buffer_slice(&bytes), err);
    mr_buffer_done(&bytes);
    MR_TRY(rc);
    if (mr_run_steps_compute(run))
        return mr_run_use_found(run, &run->discovery, !rewinds || !run->exact, err);
    if (run->source->set_schema != NULL)
        MR_TRY(run->source->set_schema(run->source_state, known, run->discovery.columns, run->exact,
                                       err));
    if (run->source->schema(run->source_state) != NULL)
        known = run->source->schema(run->source_state);
    return mr_run_make_steps(run, known, true, true, err);
}

/* The types that an earlier run found, so that this one writes the same. Of an input that has
 * changed since they are to be checked, like those of a sample. */
static mr_code discover_again(mr_run *run, mr_error *err)
{
    MR_TRY(mr_discovery_decode(&run->discovery, run->arena, run->checkpoints.found.columns,
                               &run->exact, err));
    run->exact = run->exact && (run->checkpoints.from.unchanged || run->checkpoints.sealed);
    return use_discovery(run, err);
}

/* A file that is written beside and renamed can be followed by others. */
static bool may_part(const mr_run *run)
{
    const mr_pipeline_config *c = run->config;
    const char *to = c->destination.path;
    const mr_stage *stage = &run->stages.items[0];
    return run->destination->part != NULL && run->source->read != NULL && to != NULL &&
           !run->checkpoints.on && stage->chain == NULL && stage->in_order == NULL &&
           !c->in_place && mr_file_path_fd(to, 1) < 0 && strncmp(to, "/dev/", 5) != 0 &&
           !mr_options_given(&c->options, "storage.mode");
}

/* The source's values come with the types that are expected of them: those that do not have them
 * are seen to by the lanes. */
static mr_code retype(mr_run *run, const mr_schema *known, mr_error *err)
{
    mr_schema types;
    if (!run->expect.retypes || run->source->set_schema == NULL) return MR_OK;
    MR_TRY(mr_schema_copy(&types, known, run->arena, err));
    for (uint32_t i = 0; i < types.field_count; i++) {
        const int64_t at = mr_schema_find(&run->expect.schema, types.fields[i].name);
        if (at >= 0) types.fields[i].type = run->expect.schema.fields[at].type;
    }
    return run->source->set_schema(run->source_state, &types, NULL, true, err);
}

/* Without looking ahead, the first file says what is expected of the others. */
static mr_code first_file(const mr_run *run, const mr_schema **known, mr_error *err)
{
    mr_schema *first = mr_arena_take(run->arena, sizeof *first);
    if (first == NULL) return mr_arena_fail(run->arena, err);
    mr_schema_init(first, run->arena);
    for (uint32_t i = 0; i < run->first_columns && i < (*known)->field_count; i++)
        MR_TRY(mr_schema_add(first, (*known)->fields[i].name, (*known)->fields[i].type, NULL, err));
    *known = first;
    return MR_OK;
}

/* Steps that compute have other columns than the source, which are what is looked at. */
static mr_code refuse_steps(const mr_run *run, mr_error *err)
{
    if (!mr_expect_is_asked(run->config)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "'drift' contradicts steps that compute (filter, map, cast, ...): columns are "
                   "compared as the source has them; not supported together yet");
}

/* Compares with what was expected; from here on that is what the destination gets. */
static mr_code expect(mr_run *run, const mr_schema *known, mr_error *err)
{
    const uint32_t can = abilities(run);
    if (known == NULL || run->destination == NULL) return MR_OK;
    if (mr_run_steps_compute(run)) return refuse_steps(run, err);
    run->expect.config = run->config;
    run->expect.discovery = run->discovered ? &run->discovery : NULL;
    run->expect.exact = run->exact;
    run->expect.typed = (can & MR_CAP_TYPED) != 0;
    run->expect.grows = (can & MR_CAP_GROWS) != 0;
    run->expect.several = (can & MR_CAP_SEVERAL) != 0;
    run->expect.has_columns = (run->destination->capabilities & MR_CAP_COLUMNS) != 0;
    run->expect.may_part = may_part(run);
    run->expect.replays = run->source->declares != NULL;
    if (run->destination->expects != NULL && run->config->rename.count == 0)
        MR_TRY(run->destination->expects(run->destination_state, &run->expect.target, err));
    run->expect.view = &run->view;
    run->expect.first_columns = run->first_columns;
    const mr_schema *found = known;
    if (run->expect.several && !run->expect.grows) MR_TRY(first_file(run, &found, err));
    MR_TRY(mr_expect_begin(&run->expect, found, err));
    MR_TRY(retype(run, known, err));
    if (!run->expect.drift.watches) return MR_OK;
    return mr_run_make_steps(run, &run->expect.schema, true,
                             run->expect.typed || run->discovered || run->declared_all, err);
}

static mr_code discover(mr_run *run, bool always, uint64_t sample, const mr_schema **out,
                        mr_error *err)
{
    const mr_schema *known = run->source->schema(run->source_state);
    run->first_columns = known != NULL ? known->field_count : 0;
    MR_TRY(declare(run, &known, err));
    const bool typed = (abilities(run) & MR_CAP_TYPED) != 0;
    const bool grows = (abilities(run) & MR_CAP_GROWS) != 0;
    MR_TRY(mr_run_make_steps(run, known, !grows, typed || run->declared_all, err));
    const bool computes = mr_run_steps_compute(run);
    const bool complete =
        !computes && (run->declared_all || (known != NULL && typed && !lacks_types(known)));
    if (run->checkpoints.resuming && run->checkpoints.found.columns.len > 0) {
        MR_TRY(discover_again(run, err));
    } else if (always ? !complete && run->stages.count == 1 : must_discover(run)) {
        MR_TRY(mr_discovery_init(&run->discovery, run->arena, computes ? NULL : known, err));
        run->discovery.typed = typed;
        MR_TRY(first_pass(run, sample_size(run, sample), err));
        mr_discovery_finish(&run->discovery);
        if (!computes)
            MR_TRY(mr_declared_apply(&run->config->declared, false, &run->discovery.schema, err));
        MR_TRY(use_discovery(run, err));
    }
    if (run->discovered && !computes && run->source->schema(run->source_state) != NULL)
        known = run->source->schema(run->source_state);
    MR_TRY(expect(run, known, err));
    *out = known;
    return grows && !computes ? mr_run_conform(run, err) : MR_OK;
}

mr_code mr_run_discover(mr_run *run, bool always, uint64_t sample, mr_error *err)
{
    const mr_schema *known = NULL;
    MR_TRY(discover(run, always, sample, &known, err));
    return mr_run_settle_load(run, known, err);
}

/* --- executing
 * -------------------------------------------------------------------------------------- */

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
        .may_go_on = may_go_on,
        .may_go_on_context = &run->destination_env,
        .tick = tick_waiting,
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
    mr_engine_config config = engine_config(run);
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
                  (abilities(run) & MR_CAP_TYPED) == 0);
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
    mr_end end = move(run, config, run->source->name, ledger, err);
    if (end == MR_END_DONE && mr_store_seal(run->hold.store, err) != MR_OK) end = MR_END_FAILED;
    /* The engine has set it; the destination, which is not done, takes it for an interruption. */
    if (!atomic_load(&run->cancelled)) atomic_store(&run->stop, false);
    if (!atomic_load(&run->cancelled))
        atomic_store(&run->stop,
                     false); /* the engine has set it, and the destination looks at it */
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
    mr_run_set_steps(run, 0, &config);
    admit_them(run, &config);
    watch_drift(run, &config);
    mr_run_load_only_new(run, &config);
    if (mr_origin_write(run, &run->quarantine.origin, err) != MR_OK) return MR_END_FAILED;
    reset_view(run);
    if (begin_source(run, &config, ledger, err) != MR_OK) return MR_END_FAILED;
    if (run->checkpoints.published) return MR_END_DONE;
    if (run->stages.count > 1) return mr_run_through_groups(run, &config, move, ledger, err);
    if (run->destination->start != NULL &&
        run->destination->start(run->destination_state, &run->schema, err) != MR_OK)
        return MR_END_FAILED;
    if (mr_options_given(&run->config->options, "storage.mode"))
        return through_the_store(run, &config, ledger, err);
    if (run->checkpoints.sealed) return MR_END_DONE;
    if (mr_checkpoints_start(&run->checkpoints, err) != MR_OK) return MR_END_FAILED;
    return move(run, &config, run->source->name, ledger, err);
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
