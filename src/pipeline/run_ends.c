/* SPDX-License-Identifier: MIT
 *
 * What a run's two ends are: found by name, with their options, their environment and their state.
 */
#include "connector/text_source.h"
#include "core/mem.h"
#include "pipeline/run_internal.h"

#define RECORD_BYTES    64u /* of a usual record, to make bytes of a rate of records */
#define PIECES_A_SECOND 8
#define MIN_PIECE_BYTES ((size_t)16 << 10)

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

mr_code mr_run_may_go_on(void *context, mr_error *err)
{
    return mr_connector_may_wait(context, err);
}

/* While the destination waits, on the collector's thread. */
void mr_run_tick_waiting(void *context)
{
    mr_run *run = context;
    if (run->progress.view != NULL) mr_progress_tick(&run->progress);
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
        .may_go_on = mr_run_may_go_on,
        .may_go_on_context = is_source ? &run->source_env : &run->destination_env,
        .tick =
            is_source ? NULL : mr_run_tick_waiting, /* progress belongs to the collector's thread */
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

/* A run that is held to a rate takes a part of a second's worth at a time: it is settled between
 * pieces only, and what is interrupted in the middle of one begins it again. */
static size_t piece_bytes(const mr_pipeline_config *c)
{
    const double rate = c->reliability.rate_unit != MR_RATE_REQUESTS ? mr_config_rate(c) : 0;
    const double bytes =
        (c->reliability.rate_unit == MR_RATE_BYTES ? rate : rate * RECORD_BYTES) / PIECES_A_SECOND;
    if (rate <= 0 || bytes >= MR_PIECE_BYTES) return 0;
    return bytes < MIN_PIECE_BYTES ? MIN_PIECE_BYTES : (size_t)bytes;
}

mr_connector_env mr_run_make_env(mr_run *run, const mr_endpoint *end, const void *plugin)
{
    const mr_pipeline_config *c = run->config;
    return (mr_connector_env){
        .arena = run->arena,
        .path = mr_slice_text(end->path),
        .limits = {largest_record(c), c->limits.max_columns, c->limits.max_depth},
        .lane_count = c->performance.workers + 1,
        .max_rows = batch_rows(c),
        .piece_bytes = piece_bytes(c),
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

mr_code mr_run_set_source(mr_run *run, const mr_option *other, mr_error *err)
{
    const mr_endpoint *end = &run->config->source;
    const char *name = mr_arena_printf(run->arena, "%s source", run->source->name);
    if (name == NULL) return mr_arena_fail(run->arena, err);
    MR_TRY(make_state(run, run->source->state_bytes, &run->source_state, err));
    return set_options(run, end, name, run->source->options, other, run->source_state,
                       &run->source_options, err);
}

mr_code mr_run_set_destination(mr_run *run, const mr_option *other, mr_error *err)
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

mr_code mr_run_find_source(mr_run *run, mr_error *err)
{
    run->source = mr_source_find(mr_slice_text(run->config->source.connector));
    return run->source != NULL ? MR_OK : no_such_end(&run->config->source, err);
}

mr_code mr_run_find_destination(mr_run *run, mr_error *err)
{
    run->destination = mr_destination_find(mr_slice_text(run->config->destination.connector));
    return run->destination != NULL ? MR_OK : no_such_end(&run->config->destination, err);
}

/* Reading a file while its own replacement is written beside it would be safe, but nobody means it.
 */
mr_code mr_run_refuse_same_file(const mr_run *run, mr_error *err)
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

const char *mr_run_rejects_path(const mr_run *run)
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

mr_code mr_run_open_destination(mr_run *run, mr_error *err)
{
    MR_TRY(append_to_target(run, err));
    MR_TRY(mr_run_set_destination(run, run->source->options, err));
    run->destination_env =
        mr_run_make_env(run, &run->config->destination, run->destination->plugin);
    run->destination_env.newest = &run->newest;
    return run->destination->open(run->destination_state, &run->destination_env, err);
}
