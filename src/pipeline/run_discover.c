/* SPDX-License-Identifier: MIT
 *
 * Columns and types before the first record is written: as the user declares them, as an earlier
 * run found them, or by a first pass; and what drift makes of them. */
#include "pipeline/run_internal.h"
#include "pipeline/run_steps.h"

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
    const uint32_t can = mr_run_abilities(run);
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
    return (mr_run_abilities(run) & MR_CAP_REWIND) != 0 ? 0 : MR_SAMPLE_RECORDS;
}

static mr_code end_code(mr_end end, const mr_error *err)
{
    if (end == MR_END_DONE) return MR_OK;
    return err->code != MR_OK ? err->code : MR_ERR_IO;
}

static mr_code first_pass(mr_run *run, uint64_t limit, mr_error *err)
{
    mr_ledger *ledger = &run->looked_at;
    const bool rewinds = (mr_run_abilities(run) & MR_CAP_REWIND) != 0;
    mr_engine_config config = mr_run_engine_config(run);
    config.destination = &mr_destination_discover;
    config.destination_state = &run->discovery;
    config.limit = limit;
    if (mr_run_steps_compute(run)) mr_run_set_steps(run, 0, &config);
    mr_run_reset_view(run);
    if (run->source->begin != NULL) MR_TRY(run->source->begin(run->source_state, !rewinds, err));
    const mr_end end = mr_run_move(run, &config, "reading types", ledger, err);
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
    const bool typed = (mr_run_abilities(run) & MR_CAP_TYPED) != 0;
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
    const bool rewinds = (mr_run_abilities(run) & MR_CAP_REWIND) != 0;
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
    MR_TRY(mr_discovery_decode(&run->discovery, &run->found, run->checkpoints.found.columns,
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
    const uint32_t can = mr_run_abilities(run);
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
    run->expect.since_ns = run->checkpoints.resuming ? run->checkpoints.found.now_ns : 0;
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

/* A run that begins at the first record, killed before it had gone on, can look for itself. */
static bool has_found_before(const mr_run *run)
{
    const mr_checkpoints *c = &run->checkpoints;
    return c->resuming && c->found.columns.len > 0 && (!c->from_start || c->sealed);
}

static mr_code discover(mr_run *run, bool always, uint64_t sample, const mr_schema **out,
                        mr_error *err)
{
    const mr_schema *known = run->source->schema(run->source_state);
    run->first_columns = known != NULL ? known->field_count : 0;
    MR_TRY(declare(run, &known, err));
    const bool typed = (mr_run_abilities(run) & MR_CAP_TYPED) != 0;
    const bool grows = (mr_run_abilities(run) & MR_CAP_GROWS) != 0;
    MR_TRY(mr_run_make_steps(run, known, !grows, typed || run->declared_all, err));
    const bool computes = mr_run_steps_compute(run);
    const bool complete =
        !computes && (run->declared_all || (known != NULL && typed && !lacks_types(known)));
    if (has_found_before(run)) {
        MR_TRY(discover_again(run, err));
    } else if (always ? !complete && run->stages.count == 1 : must_discover(run)) {
        MR_TRY(mr_discovery_init(&run->discovery, &run->found, computes ? NULL : known, err));
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
