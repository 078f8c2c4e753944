/* SPDX-License-Identifier: MIT */
#include "pipeline/expect.h"

#include <stdio.h>

#define MAX_ARENA_BYTES ((size_t)1 << 30)

static const char *const keys[] = {
    "drift.strategy",       "drift.compatibility",       "drift.new_column",
    "drift.missing_column", "drift.type_change",         "drift.fail_on_incompatible",
    "drift.history",        "drift.preserve_old_fields", "advanced.enable_schema_evolution"};

bool mr_expect_is_asked(const mr_pipeline_config *config)
{
    for (size_t i = 0; i < MR_COUNT_OF(keys); i++)
        if (mr_options_given(&config->options, keys[i])) return true;
    return false;
}

static mr_code history_path(mr_expect *e, mr_error *err)
{
    const mr_pipeline_config *c = e->config;
    const char *to = c->destination.path;
    const bool nameless = to == NULL || to[0] == 0 || strcmp(to, "-") == 0 ||
                          strncmp(to, "/dev/", 5) == 0 || strstr(to, "://") != NULL;
    if (c->drift.history != NULL)
        e->path = c->drift.history;
    else if (nameless)
        e->path = "millrace.schema.jsonl";
    else
        e->path = mr_arena_printf(e->arena, "%s.schema.jsonl", to);
    return e->path != NULL ? MR_OK : mr_arena_fail(e->arena, err);
}

/* --- telling a change --- */

static void show_count(const mr_expect *e)
{
    if (e->view != NULL)
        atomic_store_explicit(&e->view->schema_changes, e->told.count, memory_order_relaxed);
}

static mr_code tell(mr_expect *e, const mr_drift_change *change, mr_error *err)
{
    e->told.count++;
    show_count(e);
    return mr_drift_history_change(e->path, change, err);
}

static mr_code mark(mr_schema *told, mr_slice column, mr_type type, bool *out_new, mr_error *err)
{
    *out_new = mr_schema_find(told, column) < 0;
    return *out_new ? mr_schema_add(told, column, type, NULL, err) : MR_OK;
}

/* A type is told again when the column has become wider still. */
static mr_code mark_type(mr_schema *told, mr_slice column, mr_type type, bool *out_new,
                         mr_error *err)
{
    const int64_t at = mr_schema_find(told, column);
    if (at < 0) return mark(told, column, type, out_new, err);
    const mr_type joined = mr_type_join(told->fields[at].type, type);
    *out_new = joined != told->fields[at].type;
    told->fields[at].type = joined;
    return MR_OK;
}

static mr_code tell_once(mr_expect *e, const mr_drift_change *change, mr_error *err)
{
    bool is_new = false;
    if (change->kind == MR_DRIFT_NEW_COLUMN)
        MR_TRY(mark(&e->told.fresh, change->column, change->to, &is_new, err));
    else if (change->kind == MR_DRIFT_MISSING_COLUMN &&
             mr_schema_find(&e->told.fresh, change->column) >= 0)
        return MR_OK; /* files before the one that brought it */
    else if (change->kind == MR_DRIFT_MISSING_COLUMN)
        MR_TRY(mark(&e->told.gone, change->column, change->from, &is_new, err));
    else
        MR_TRY(mark_type(&e->told.wide, change->column, change->to, &is_new, err));
    return is_new ? tell(e, change, err) : MR_OK;
}

mr_code mr_expect_take(void *context, mr_job *job, mr_error *err)
{
    mr_expect *e = context;
    const mr_drift_note *notes = (const mr_drift_note *)(const void *)job->drift.ptr;
    const bool has_lines = job->bytes.len > 0 && !job->unplaced;
    e->discarded += job->discarded;
    for (size_t i = 0; i < job->drift.len / sizeof *notes; i++) {
        const mr_drift_note *note = &notes[i];
        const mr_drift_policy policy =
            mr_drift_policy_for(&e->drift.rules, note->kind, note->from,
                                note->kind == MR_DRIFT_TYPE_CHANGE ? note->to : MR_TYPE_NULL, true);
        const mr_drift_change change = {
            .kind = note->kind,
            .column = note->column,
            .from = note->from,
            .to = note->to,
            .policy =
                policy == MR_DRIFT_EVOLVE && note->kind == MR_DRIFT_NEW_COLUMN && e->drift.parts
                    ? MR_DRIFT_NEW_PART
                    : policy,
            .source = job->file_name,
            .record = job->record_base + note->record + 1,
            .line = has_lines ? job->line_base + note->line + 1 : 0,
        };
        MR_TRY(tell_once(e, &change, err));
    }
    return MR_OK;
}

/* --- between runs --- */

static mr_slice source_name(const mr_expect *e)
{
    return mr_slice_text(e->config->source.path != NULL ? e->config->source.path : "");
}

/* Where a column of this run has its first value, or its first that is not of type `from`. */
static void place(const mr_expect *e, mr_slice column, mr_type from, mr_drift_change *change)
{
    if (e->discovery == NULL) return;
    const int64_t at = mr_schema_find(&e->discovery->schema, column);
    if (at < 0) return;
    const mr_infer *found = &e->discovery->columns[at];
    for (uint32_t i = 0; i < found->first_count; i++) {
        if (from != MR_TYPE_NULL && mr_type_join(from, found->first[i].type) == from) continue;
        change->record = found->first[i].record;
        change->line = found->first[i].line;
        if (found->first[i].source.len > 0) change->source = found->first[i].source;
        return;
    }
}

static bool may_be_null(const mr_expect *e, mr_slice column)
{
    const mr_declared_field *declared = mr_declared_find(&e->config->declared, column);
    return declared == NULL || !declared->not_null;
}

static mr_code refuse_change(const mr_expect *e, const mr_drift_change *change, uint32_t version,
                             mr_error *err)
{
    char what[160], where[64] = "";
    const mr_drift_rules *rules = &e->drift.rules;
    mr_drift_describe(what, sizeof what, change->kind, change->column, change->from, change->to);
    if (change->line > 0)
        snprintf(where, sizeof where, " line %llu:", (unsigned long long)change->line);
    if (rules->policies[change->kind] == MR_DRIFT_FREEZE)
        return mr_fail(
            err, MR_ERR_INPUT, "'%.*s'%s schema drift: %s since the last run (drift.%s: freeze)",
            MR_SLICE_ARGS(change->source), where, what, mr_drift_kind_name(change->kind));
    return mr_fail(err, MR_ERR_INPUT,
                   "'%.*s'%s schema drift: %s since %s, which is not %s compatible",
                   MR_SLICE_ARGS(change->source), where, what,
                   version + 1 == e->pasts.count ? "the last run" : "an earlier run",
                   mr_drift_compatibility_name(rules->compatibility));
}

/* One difference between an earlier schema and this run's. What the lanes are to see to is left to
 * them; what goes on is told now. */
static mr_code weigh(mr_expect *e, mr_drift_change *change, bool optional, uint32_t version,
                     mr_error *err)
{
    if (change->source.len == 0) change->source = source_name(e);
    change->policy = mr_drift_policy_for(
        &e->drift.rules, change->kind, change->from,
        change->kind == MR_DRIFT_TYPE_CHANGE ? change->to : MR_TYPE_NULL, optional);
    if (change->policy == MR_DRIFT_FREEZE) return refuse_change(e, change, version, err);
    return MR_OK;
}

static mr_code compare_column(mr_expect *e, const mr_field *was, bool nullable,
                              const mr_schema *found, uint32_t version, mr_drift_policy *out,
                              mr_drift_change *change, mr_error *err)
{
    const int64_t at = mr_schema_find(found, was->name);
    *out = MR_DRIFT_AUTO;
    if (at < 0) {
        *change = (mr_drift_change){
            .kind = MR_DRIFT_MISSING_COLUMN, .column = was->name, .from = was->type};
        MR_TRY(weigh(e, change, nullable, version, err));
        *out = change->policy;
        return MR_OK;
    }
    const mr_type is = found->fields[at].type;
    if (is == was->type || is == MR_TYPE_NULL || was->type == MR_TYPE_NULL) return MR_OK;
    /* A narrower type than before: the values fit the column that is there. */
    const mr_type joined = mr_type_join(was->type, is);
    const bool narrows = joined == was->type;
    if (narrows && e->drift.rules.compatibility == MR_COMPATIBLE_NONE) return MR_OK;
    *change = (mr_drift_change){.kind = MR_DRIFT_TYPE_CHANGE,
                                .column = was->name,
                                .from = was->type,
                                .to = narrows ? was->type : joined};
    if (narrows) return MR_OK;
    place(e, was->name, was->type, change);
    MR_TRY(weigh(e, change, true, version, err));
    *out = change->policy;
    return MR_OK;
}

static mr_code compare_new(mr_expect *e, const mr_field *is, uint32_t version, mr_drift_policy *out,
                           mr_drift_change *change, mr_error *err)
{
    *change = (mr_drift_change){.kind = MR_DRIFT_NEW_COLUMN, .column = is->name, .to = is->type};
    place(e, is->name, MR_TYPE_NULL, change);
    MR_TRY(weigh(e, change, may_be_null(e, is->name), version, err));
    *out = change->policy;
    return MR_OK;
}

/* All earlier versions have a say with backward_transitive. */
static mr_code compare_earlier(mr_expect *e, const mr_schema *found, mr_error *err)
{
    if (e->drift.rules.compatibility != MR_COMPATIBLE_BACKWARD_TRANSITIVE) return MR_OK;
    for (uint32_t v = 0; v + 1 < e->pasts.count; v++) {
        const mr_drift_past *past = &e->pasts.items[v];
        mr_drift_policy ignored;
        mr_drift_change change;
        for (uint32_t i = 0; i < past->schema.field_count; i++)
            MR_TRY(compare_column(e, &past->schema.fields[i], past->nullable[i], found, v, &ignored,
                                  &change, err));
    }
    return MR_OK;
}

/* What becomes of the last run's column: it stays as it was, as it is now, or goes. */
static mr_code expect_old(mr_expect *e, const mr_drift_past *past, uint32_t number,
                          const mr_schema *found, mr_error *err)
{
    const mr_field *was = &past->schema.fields[number];
    mr_drift_policy policy;
    mr_drift_change change;
    MR_TRY(compare_column(e, was, past->nullable[number], found, e->pasts.count - 1, &policy,
                          &change, err));
    const int64_t at = mr_schema_find(found, was->name);
    if (at < 0) {
        const bool stays = e->drift.rules.preserve_old_fields || policy == MR_DRIFT_QUARANTINE;
        if (!stays) return tell_once(e, &change, err);
        return mr_schema_add(&e->schema, was->name, was->type, NULL, err); /* lanes tell it */
    }
    const bool old_type = policy == MR_DRIFT_QUARANTINE || policy == MR_DRIFT_DISCARD_VALUE;
    const mr_type type =
        old_type || found->fields[at].type == MR_TYPE_NULL ? was->type : found->fields[at].type;
    e->retypes = e->retypes || type != found->fields[at].type;
    if (policy != MR_DRIFT_AUTO && !old_type) MR_TRY(tell_once(e, &change, err));
    return mr_schema_add(&e->schema, was->name, type, NULL, err);
}

static mr_code expect_new(mr_expect *e, const mr_schema *last, const mr_field *is, mr_error *err)
{
    mr_drift_policy policy;
    mr_drift_change change;
    if (mr_schema_find(last, is->name) >= 0) return MR_OK;
    MR_TRY(compare_new(e, is, e->pasts.count - 1, &policy, &change, err));
    if (policy == MR_DRIFT_QUARANTINE || policy == MR_DRIFT_DISCARD_VALUE)
        return MR_OK;                                             /* lanes meet it and tell it */
    if (policy == MR_DRIFT_NEW_PART && e->may_part) return MR_OK; /* at the record that has it */
    if (e->target != NULL) return MR_OK; /* a part, or else the destination refuses it */
    MR_TRY(tell_once(e, &change, err));
    return mr_schema_add(&e->schema, is->name, is->type, NULL, err);
}

/* Columns in the order of the last run, then the new ones. */
static mr_code expect_after_last(mr_expect *e, const mr_schema *found, mr_error *err)
{
    const mr_drift_past *last = &e->pasts.items[e->pasts.count - 1];
    MR_TRY(compare_earlier(e, found, err));
    for (uint32_t i = 0; i < last->schema.field_count; i++)
        MR_TRY(expect_old(e, last, i, found, err));
    for (uint32_t i = 0; i < found->field_count; i++)
        MR_TRY(expect_new(e, &last->schema, &found->fields[i], err));
    return MR_OK;
}

/* --- several files --- */

/* What the files behind the first bring goes on, and is told. */
static mr_code tell_others(mr_expect *e, const mr_schema *found, mr_error *err)
{
    if (!e->several || !e->grows || e->pasts.count > 0) return MR_OK;
    for (uint32_t i = e->first_columns; i < found->field_count; i++) {
        mr_drift_change change = {.kind = MR_DRIFT_NEW_COLUMN,
                                  .column = found->fields[i].name,
                                  .to = found->fields[i].type,
                                  .policy = MR_DRIFT_EVOLVE};
        place(e, change.column, MR_TYPE_NULL, &change);
        if (change.source.len == 0) change.source = source_name(e);
        MR_TRY(tell_once(e, &change, err));
    }
    return MR_OK;
}

/* --- a run --- */

static void set_watch(mr_expect *e)
{
    mr_drift *drift = &e->drift;
    const bool has_past = e->pasts.count > 0;
    const bool sampled = e->discovery != NULL && !e->exact;
    const bool fixed = e->typed && e->discovery == NULL && e->config->declared.count > 0;
    const bool selects = e->config->select.count > 0; /* says itself which columns there are */
    drift->judge = !e->typed;
    drift->parts = e->may_part && !selects;
    drift->watch_columns = (has_past || sampled || fixed || e->several) && !selects;
    drift->watch_missing =
        drift->watch_columns && !e->replays && (e->several || (!e->grows && has_past));
    drift->watch_types = has_past || sampled;
    drift->watches = drift->watch_columns || drift->watch_types;
    drift->arranges = drift->watch_columns && e->has_columns && (e->several || !e->grows);
}

/* The target's own header counts like the schema of a last run. */
static mr_code add_target(mr_expect *e, mr_error *err)
{
    if (e->target == NULL) return MR_OK;
    mr_drift_past *items = mr_arena_take(e->arena, sizeof *items * (e->pasts.count + 1));
    bool *nullable = mr_arena_take(e->arena, e->target->field_count + 1);
    if (items == NULL || nullable == NULL) return mr_arena_fail(e->arena, err);
    if (e->pasts.count > 0) memcpy(items, e->pasts.items, sizeof *items * e->pasts.count);
    memset(nullable, true, e->target->field_count + 1);
    e->pasts.items = items;
    mr_drift_past *last = &items[e->pasts.count++];
    last->nullable = nullable;
    MR_TRY(mr_schema_copy(&last->schema, e->target, e->arena, err));
    for (uint32_t i = 0; i < last->schema.field_count; i++)
        last->schema.fields[i].type = MR_TYPE_NULL; /* a header has no types */
    return MR_OK;
}

/* Columns that a compatible change may not take away. */
static mr_code require(mr_expect *e, const mr_schema *found, mr_error *err)
{
    mr_schema *required = &e->drift.required;
    mr_schema_init(required, e->arena);
    if (e->pasts.count == 0 && e->several) return mr_schema_copy(required, found, e->arena, err);
    if (e->pasts.count == 0) return MR_OK;
    const mr_drift_past *last = &e->pasts.items[e->pasts.count - 1];
    for (uint32_t i = 0; i < last->schema.field_count; i++)
        if (!last->nullable[i])
            MR_TRY(mr_schema_add(required, last->schema.fields[i].name, MR_TYPE_NULL, NULL, err));
    return MR_OK;
}

mr_code mr_expect_begin(mr_expect *e, const mr_schema *found, mr_error *err)
{
    mr_arena_init(&e->own, "drift", MAX_ARENA_BYTES);
    e->arena = &e->own;
    e->drift.rules = mr_drift_rules_of(&e->config->drift, e->config->enable_schema_evolution);
    if (mr_options_given(&e->config->options, "drift.preserve_old_fields")) /* stronger */
        e->drift.rules.preserve_old_fields = e->config->drift.preserve_old_fields;
    e->keeps = mr_expect_is_asked(e->config);
    mr_schema_init(&e->schema, e->arena);
    mr_schema_init(&e->told.fresh, e->arena);
    mr_schema_init(&e->told.gone, e->arena);
    mr_schema_init(&e->told.wide, e->arena);
    MR_TRY(history_path(e, err));
    if (e->since_ns != 0)
        MR_TRY(mr_drift_history_told(e->path, e->since_ns, e->arena, &e->told, err));
    show_count(e);
    if (e->keeps) MR_TRY(mr_drift_history_read(e->path, e->arena, &e->pasts, err));
    MR_TRY(add_target(e, err));
    if (e->pasts.count > 0)
        MR_TRY(expect_after_last(e, found, err));
    else
        MR_TRY(mr_schema_copy(&e->schema, found, e->arena, err));
    MR_TRY(tell_others(e, found, err));
    MR_TRY(require(e, found, err));
    set_watch(e);
    return e->drift.watches ? mr_drift_begin(&e->drift, &e->schema, e->arena, err) : MR_OK;
}

static bool had_nulls(const mr_expect *e, mr_slice column)
{
    const int64_t at = e->discovery != NULL ? mr_schema_find(&e->discovery->schema, column) : -1;
    if (at >= 0 && e->exact) return e->discovery->columns[at].null_count > 0;
    return may_be_null(e, column);
}

/* Null in some records, because it came or went: in the last run's, or in those of other files. */
static bool has_come_or_gone(const mr_expect *e, mr_slice column)
{
    const bool added = e->pasts.count > 0 &&
                       mr_schema_find(&e->pasts.items[e->pasts.count - 1].schema, column) < 0;
    return added || mr_schema_find(&e->told.fresh, column) >= 0 ||
           mr_schema_find(&e->told.gone, column) >= 0;
}

void mr_expect_close(mr_expect *e)
{
    mr_arena_done(&e->own);
}

mr_code mr_expect_end(const mr_expect *e, mr_error *err)
{
    mr_drift_past now;
    if (!e->keeps) return MR_OK;
    MR_TRY(mr_schema_copy(&now.schema, &e->schema, e->arena, err));
    for (uint32_t i = 0; i < e->told.wide.field_count; i++) {
        const int64_t at = mr_schema_find(&now.schema, e->told.wide.fields[i].name);
        const mr_drift_policy policy = e->drift.rules.policies[MR_DRIFT_TYPE_CHANGE];
        if (at >= 0 && (policy == MR_DRIFT_EVOLVE || policy == MR_DRIFT_NEW_PART))
            now.schema.fields[at].type =
                mr_type_join(now.schema.fields[at].type, e->told.wide.fields[i].type);
    }
    const mr_drift_policy policy = e->drift.rules.policies[MR_DRIFT_NEW_COLUMN];
    const bool goes_on = policy == MR_DRIFT_EVOLVE || policy == MR_DRIFT_NEW_PART;
    for (uint32_t i = 0; goes_on && i < e->told.fresh.field_count; i++)
        if (mr_schema_find(&now.schema, e->told.fresh.fields[i].name) < 0)
            MR_TRY(mr_schema_add(&now.schema, e->told.fresh.fields[i].name,
                                 e->told.fresh.fields[i].type, NULL, err));
    now.nullable = mr_arena_take(e->arena, now.schema.field_count + 1);
    if (now.nullable == NULL) return mr_arena_fail(e->arena, err);
    for (uint32_t i = 0; i < now.schema.field_count; i++)
        now.nullable[i] = has_come_or_gone(e, now.schema.fields[i].name) ||
                          had_nulls(e, now.schema.fields[i].name);
    return mr_drift_history_schema(e->path, &now, err);
}
