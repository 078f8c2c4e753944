/* SPDX-License-Identifier: MIT */
#include "pipeline/run_steps.h"

#include "core/clock.h"
#include "pipeline/run_internal.h"

/* --- columns ---------------------------------------------------------------------------------- */

static mr_code keep_schema(mr_run *run, mr_error *err)
{
    return mr_schema_copy(&run->schema, &mr_stages_last(&run->stages)->out.schema, run->arena, err);
}

mr_code mr_run_make_steps(mr_run *run, const mr_schema *known, bool complete, bool typed,
                          mr_error *err)
{
    mr_columns in;
    run->chain_env.all_untyped = !typed;
    if (run->chain_env.now_ns == 0) run->chain_env.now_ns = mr_clock_wall_ns();
    MR_TRY(mr_columns_of_schema(&in, known, !typed, run->arena, err));
    in.known = known != NULL && complete;
    MR_TRY(
        mr_stages_make(&run->stages, &run->config->steps, &in, &run->chain_env, run->arena, err));
    return keep_schema(run, err);
}

bool mr_run_steps_compute(const mr_run *run)
{
    for (const mr_step *step = run->config->steps.first; step != NULL; step = step->next)
        if (step->kind != MR_STEP_SELECT && step->kind != MR_STEP_DROP &&
            step->kind != MR_STEP_RENAME)
            return true;
    return false;
}

bool mr_run_steps_select(const mr_run *run)
{
    for (const mr_step *step = run->config->steps.first; step != NULL; step = step->next)
        if (step->kind == MR_STEP_SELECT) return true;
    return false;
}

void mr_run_set_steps(const mr_run *run, uint32_t number, mr_engine_config *config)
{
    config->chain = run->stages.items[number].chain;
    config->ordered = run->stages.items[number].in_order;
}

/* --- what they remember ----------------------------------------------------------------------- */

mr_code mr_run_save_memory(void *context, mr_buffer *out, mr_error *err)
{
    const mr_run *run = context;
    return mr_chain_lane_save(run->memory.lane, out, err);
}

mr_code mr_run_load_memory(void *context, mr_slice saved, MR_UNUSED mr_error *err)
{
    mr_run *run = context;
    run->memory.saved = saved;
    return MR_OK;
}

static mr_code remember(void *context, mr_chain_lane *lane, mr_error *err)
{
    mr_run *run = context;
    run->memory.lane = lane;
    return run->memory.saved.len > 0 ? mr_chain_lane_load(lane, run->memory.saved, err) : MR_OK;
}

void mr_run_set_kept_steps(mr_run *run, mr_engine_config *config)
{
    mr_run_set_steps(run, 0, config);
    config->ordered_open = remember;
    config->ordered_context = run;
}

/* --- what a first pass found ------------------------------------------------------------------ */

/* A column whose type the steps know keeps it; of the others the values have decided. */
static bool decide(const mr_run *run, const mr_columns *out, mr_field *field)
{
    const int64_t at = mr_schema_find(&out->schema, field->name);
    if (at < 0) return run->chain_env.all_untyped;
    if (out->untyped[at]) return true;
    if (out->schema.fields[at].type != MR_TYPE_NULL) field->type = out->schema.fields[at].type;
    return false;
}

mr_code mr_run_use_found(mr_run *run, mr_discovery *found, bool checked, mr_error *err)
{
    mr_stage *last = mr_stages_last(&run->stages);
    bool *untyped = mr_arena_take(run->arena, found->schema.field_count + 1);
    if (untyped == NULL) return mr_arena_fail(run->arena, err);
    MR_TRY(mr_schema_copy(&run->schema, &found->schema, run->arena, err));
    for (uint32_t i = 0; i < run->schema.field_count; i++) {
        untyped[i] = decide(run, &last->out, &run->schema.fields[i]);
        found->schema.fields[i].type = run->schema.fields[i].type;
    }
    return mr_stage_conform(last, &run->schema, untyped, checked ? found->columns : NULL,
                            &run->chain_env, run->arena, err);
}

mr_code mr_run_conform(mr_run *run, mr_error *err)
{
    const bool *untyped = mr_arena_take(run->arena, run->schema.field_count + 1); /* none is */
    if (untyped == NULL) return mr_arena_fail(run->arena, err);
    return mr_stage_conform(mr_stages_last(&run->stages), &run->schema, untyped, NULL,
                            &run->chain_env, run->arena, err);
}

/* --- aggregates ------------------------------------------------------------------------------- */

/* `part` is of a stage behind the first: what it read, the one before has counted. */
static void add_part(mr_ledger *sum, const mr_ledger *part)
{
    sum->rejected += part->rejected;
    sum->filtered += part->filtered;
    sum->deduplicated += part->deduplicated;
    sum->written = part->written;
    for (int i = 0; i < MR_REASON_COUNT; i++)
        sum->by_reason[i] += part->by_reason[i];
}

/* Makes `config` read the groups of stage `number`. */
static void read_groups(mr_run *run, uint32_t number, mr_engine_config *config)
{
    config->source = &mr_source_groups;
    config->source_state = &run->groups[number];
    config->worker_count = run->config->performance.workers < MR_MAX_WORKERS
                               ? run->config->performance.workers
                               : MR_MAX_WORKERS;
    config->admit = NULL;
    config->window = NULL;
    config->delivered = NULL;
    config->streaming = false;
    config->view = &run->onward_view;
    if (!atomic_load(&run->cancelled))
        atomic_store(&run->stop, false); /* the run before has set it */
}

static bool wants_types(const mr_run *run)
{
    const mr_columns *out = &run->stages.items[run->stages.count - 1].out;
    if ((run->destination->capabilities & MR_CAP_COLUMNS) != 0 && !out->known) return true;
    if ((run->destination->capabilities & (MR_CAP_TYPED | MR_CAP_DECLARES)) == 0) return false;
    for (uint32_t i = 0; i < out->schema.field_count; i++)
        if (out->untyped[i] || out->schema.fields[i].type == MR_TYPE_NULL) return true;
    return !out->known;
}

/* All groups are there, so their types can be found before the first is written. */
static mr_code find_types(mr_run *run, const mr_engine_config *last, mr_error *err)
{
    mr_ledger ledger;
    mr_engine_config config = *last;
    if (!wants_types(run)) return MR_OK;
    mr_discovery_done(&run->discovery);
    MR_TRY(mr_discovery_init(&run->discovery, &run->found, NULL, err));
    config.destination = &mr_destination_discover;
    config.destination_state = &run->discovery;
    config.reject = NULL;
    config.pace = NULL;
    config.limit = 0;
    MR_TRY(config.source->begin(config.source_state, false, err));
    const mr_end end = mr_run_move(run, &config, "reading types", &ledger, err);
    if (end != MR_END_DONE) return err->code != MR_OK ? err->code : MR_ERR_CLOSED;
    mr_discovery_finish(&run->discovery);
    return mr_run_use_found(run, &run->discovery, false, err);
}

static mr_end failed(const mr_run *run)
{
    return atomic_load(&run->cancelled) ? MR_END_CANCELLED : MR_END_FAILED;
}

static mr_end group(mr_run *run, uint32_t number, mr_engine_config config, mr_ledger *ledger,
                    mr_error *err)
{
    const mr_stage *stage = &run->stages.items[number];
    mr_groups *groups = &run->groups[number];
    mr_ledger part;
    if (mr_groups_open(groups, stage->aggregate, &stage->out, &run->stages.items[number + 1].in,
                       run->chain_env.all_untyped && !stage->out.known, run->arena, err) != MR_OK)
        return MR_END_FAILED;
    config.destination = &mr_destination_groups;
    config.destination_state = groups;
    config.limit = 0;
    config.pace = NULL;   /* what goes to the destination is paced, not what stays, */
    config.drops = false; /* which can always wait */
    config.part_rows = config.part_bytes = 0;
    mr_run_set_steps(run, number, &config);
    if (number > 0) read_groups(run, number - 1, &config);
    const mr_end end =
        mr_run_move(run, &config, number == 0 ? run->source->name : "groups", &part, err);
    if (number == 0)
        *ledger = part;
    else
        add_part(ledger, &part);
    ledger->aggregated += part.written - mr_aggregate_group_count(groups->all);
    return end;
}

mr_end mr_run_through_groups(mr_run *run, const mr_engine_config *config, mr_ledger *ledger,
                             mr_error *err)
{
    const uint32_t last = run->stages.count - 1;
    mr_engine_config onward = *config;
    mr_ledger part;
    for (uint32_t i = 0; i < last; i++) {
        const mr_end end = group(run, i, *config, ledger, err);
        if (end != MR_END_DONE) return end;
    }
    read_groups(run, last - 1, &onward);
    mr_run_set_steps(run, last, &onward);
    if (find_types(run, &onward, err) != MR_OK) return failed(run);
    read_groups(run, last - 1, &onward);
    mr_run_set_steps(run, last, &onward); /* it may have been given the types */
    if (run->destination->start != NULL &&
        run->destination->start(run->destination_state, &run->schema, err) != MR_OK)
        return MR_END_FAILED;
    if (onward.source->begin(onward.source_state, false, err) != MR_OK) return MR_END_FAILED;
    const mr_end end = mr_run_move(run, &onward, "groups", &part, err);
    add_part(ledger, &part);
    /* What the first stage has written were its groups. */
    atomic_store(&run->view.written, ledger->written);
    return end;
}
