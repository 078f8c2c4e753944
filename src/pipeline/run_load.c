/* SPDX-License-Identifier: MIT
 *
 * What `mode` adds to a run: from where on its source is looked at, and what is put into each row.
 */
#include "pipeline/run_internal.h"
#include "pipeline/run_steps.h"

/* The source may leave out what is not looked at. */
mr_code mr_run_aim(mr_run *run, mr_error *err)
{
    mr_increment *inc = &run->increment;
    if (!inc->marks || inc->kind == MR_CURSOR_NONE) return MR_OK;
    MR_TRY(mr_increment_settle(inc, NULL, false, err));
    if (!inc->has_low || run->source->since == NULL) return MR_OK;
    run->since = (mr_source_since){.column = inc->column, .kind = inc->kind, .low = inc->low};
    return run->source->since(run->source_state, &run->since, err);
}

static bool is_declared(const mr_run *run, mr_slice name)
{
    const mr_declared *declared = &run->config->declared;
    for (uint32_t i = 0; i < declared->count; i++)
        if (mr_slice_equal(declared->fields[i].name, name))
            return declared->fields[i].type != MR_TYPE_NULL;
    return false;
}

/* The cursor's values have a type that nobody has told yet. */
bool mr_run_must_judge_cursor(const mr_run *run, const mr_schema *known)
{
    const mr_increment *inc = &run->increment;
    if (!mr_increment_needs_type(inc) || run->declared_all) return false;
    if (is_declared(run, inc->column)) return false;
    const int64_t at = known != NULL ? mr_schema_find(known, inc->column) : -1;
    if (at < 0) return true;
    return known->fields[at].type == MR_TYPE_NULL ||
           (run->source->abilities(run->source_state) & MR_CAP_TYPED) == 0;
}

static mr_slice renamed(const mr_option_map *rename, mr_slice name)
{
    for (uint32_t i = 0; i < rename->count; i++)
        if (mr_slice_is(name, rename->items[i].key)) return mr_slice_text(rename->items[i].value);
    return name;
}

/* Columns that later records may bring are not asked for. Steps that compute hide what the source
 * has from the first pass. */
static mr_code settle_increment(mr_run *run, const mr_schema *known, mr_error *err)
{
    mr_increment *inc = &run->increment;
    const bool grows = (run->source->abilities(run->source_state) & MR_CAP_GROWS) != 0;
    const bool found = run->discovered && !mr_run_steps_compute(run);
    if (found) known = &run->discovery.schema;
    const bool typed = (run->source->abilities(run->source_state) & MR_CAP_TYPED) != 0;
    if (!found && !typed && mr_increment_needs_type(inc) && !is_declared(run, inc->column))
        return mr_fail(
            err, MR_ERR_USAGE,
            "cursor: the type of '%.*s' cannot be found here, since 'transforms' compute "
            "with the records: declare it, such as schema: {%.*s: int}",
            MR_SLICE_ARGS(inc->column), MR_SLICE_ARGS(inc->column));
    const bool complete = known != NULL && (!grows || (found && run->exact));
    MR_TRY(mr_increment_settle(inc, known, complete, err));
    if (!inc->settled) MR_TRY(mr_increment_settle(inc, NULL, true, err));
    run->newest = (mr_newest){renamed(&run->config->rename, inc->column), inc->kind};
    return MR_OK;
}

mr_code mr_run_settle_load(mr_run *run, const mr_schema *known, mr_error *err)
{
    if (run->increment.marks) MR_TRY(settle_increment(run, known, err));
    if (!mr_increment_stamps(&run->increment)) return MR_OK;
    if (run->stages.count > 1 || run->stages.items[0].in_order != NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "'mode: snapshot' contradicts 'transforms' that need the records in order "
                       "(dedupe, aggregate): the mark is put behind the steps of each record");
    return mr_increment_stamp_schema(&run->increment, run->source->schema(run->source_state),
                                     &run->schema, err);
}

void mr_run_load_only_new(mr_run *run, mr_engine_config *config)
{
    if (run->increment.marks) {
        config->window = mr_increment_window;
        config->window_context = &run->increment;
        config->delivered = mr_increment_delivered;
        config->delivered_context = &run->increment;
    }
    if (!mr_increment_stamps(&run->increment)) return;
    config->stamp = mr_increment_stamp;
    config->stamp_context = &run->increment;
}
