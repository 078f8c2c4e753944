/* SPDX-License-Identifier: MIT */
#include "transform/step.h"

#include "core/number.h"
#include "transform/step_internal.h"

static const char *const step_names[MR_STEP_KIND_COUNT] = {
    [MR_STEP_FILTER] = "filter",      [MR_STEP_MAP] = "map",
    [MR_STEP_DROP] = "drop",          [MR_STEP_SELECT] = "select",
    [MR_STEP_RENAME] = "rename",      [MR_STEP_CAST] = "cast",
    [MR_STEP_FLATTEN] = "flatten",    [MR_STEP_EXPLODE] = "explode",
    [MR_STEP_DEDUPE] = "dedupe",      [MR_STEP_MASK] = "mask",
    [MR_STEP_AGGREGATE] = "aggregate"};

static const char *const function_names[] = {
    [MR_AGGREGATE_COUNT] = "count", [MR_AGGREGATE_COUNT_DISTINCT] = "count_distinct",
    [MR_AGGREGATE_SUM] = "sum",     [MR_AGGREGATE_MIN] = "min",
    [MR_AGGREGATE_MAX] = "max",     [MR_AGGREGATE_MEAN] = "mean",
};

const char *mr_step_name(mr_step_kind kind)
{
    return step_names[kind];
}

const char *mr_aggregate_name(mr_aggregate_function function)
{
    return function_names[function];
}

void mr_steps_init(mr_steps *steps, mr_arena *arena)
{
    *steps = (mr_steps){.arena = arena};
}

/* --- building --------------------------------------------------------------------------------- */

mr_code mr_steps_add(mr_steps *steps, mr_step_kind kind, const char *where, mr_step **out,
                     mr_error *err)
{
    if (steps->count == MR_STEPS_MAX)
        return mr_fail(err, MR_ERR_USAGE, "%s: more than %d steps", where, MR_STEPS_MAX);
    if (kind == MR_STEP_EXPLODE && steps->explode_count++ == MR_STEP_EXPLODES_MAX)
        return mr_fail(err, MR_ERR_USAGE, "%s: more than %d explode steps", where,
                       MR_STEP_EXPLODES_MAX);
    mr_step *step = mr_arena_take(steps->arena, sizeof *step);
    if (step == NULL) return mr_arena_fail(steps->arena, err);
    *step = (mr_step){.kind = kind,
                      .where = where,
                      .separator = MR_SLICE("."),
                      .with = MR_SLICE(MR_STEP_MASK_TEXT),
                      .max_groups = MR_STEP_MAX_GROUPS};
    if (!mr_parse_size(MR_SLICE(MR_STEP_MEMORY_BYTES), &step->memory_bytes)) assert(false);
    if (steps->last != NULL) steps->last->next = step;
    if (steps->first == NULL) steps->first = step;
    steps->last = step;
    steps->count++;
    *out = step;
    return MR_OK;
}

static mr_code add_to(mr_steps *steps, mr_step_part **parts, uint32_t *count, uint32_t *room,
                      mr_step_part part, mr_error *err)
{
    if (*count == MR_STEP_PARTS_MAX)
        return mr_fail(err, MR_ERR_USAGE, "%s: more than %d columns in one step", part.where,
                       MR_STEP_PARTS_MAX);
    if (*count == *room) {
        const uint32_t more = *room == 0 ? 8 : *room * 2;
        mr_step_part *grown = mr_arena_take(steps->arena, sizeof *grown * more);
        if (grown == NULL) return mr_arena_fail(steps->arena, err);
        if (*count > 0) memcpy(grown, *parts, sizeof *grown * *count);
        *parts = grown;
        *room = more;
    }
    const char *name = mr_arena_copy(steps->arena, part.name);
    const char *text = mr_arena_copy(steps->arena, part.text);
    if (name == NULL || text == NULL) return mr_arena_fail(steps->arena, err);
    part.name.ptr = name;
    part.text.ptr = text;
    (*parts)[(*count)++] = part;
    return MR_OK;
}

mr_code mr_step_add_part(mr_steps *steps, mr_step *step, mr_slice name, mr_slice text,
                         const char *where, mr_error *err)
{
    const mr_step_part part = {.name = name, .text = text, .where = where};
    return add_to(steps, &step->parts, &step->part_count, &step->part_room, part, err);
}

mr_code mr_step_add_value(mr_steps *steps, mr_step *step, const mr_step_part *value, mr_error *err)
{
    return add_to(steps, &step->values, &step->value_count, &step->value_room, *value, err);
}

mr_slice mr_step_trim(mr_slice text)
{
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ')
        text = mr_slice_from(text, 1);
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    return text;
}

/* --- the command line ------------------------------------------------------------------------- */

mr_code mr_steps_add_filter(mr_steps *steps, mr_slice text, const char *where, mr_error *err)
{
    mr_step *step;
    MR_TRY(mr_steps_add(steps, MR_STEP_FILTER, where, &step, err));
    return mr_step_add_part(steps, step, MR_SLICE(""), text, where, err);
}

/* The '=' of `name = expression` is the first one: a name that holds one is written in a file. */
mr_code mr_step_add_assignment(mr_steps *steps, mr_step *step, mr_slice text, const char *where,
                               mr_error *err)
{
    const char *equals = text.len > 0 ? memchr(text.ptr, '=', text.len) : NULL;
    const size_t at = equals != NULL ? (size_t)(equals - text.ptr) : 0;
    const mr_slice name = mr_step_trim(mr_slice_of(text.ptr, at));
    if (name.len == 0)
        return mr_fail(err, MR_ERR_USAGE, "%s: expected name = expression, found '%.*s'", where,
                       MR_SLICE_ARGS(text));
    return mr_step_add_part(steps, step, name, mr_slice_from(text, at + 1), where, err);
}

mr_code mr_steps_add_map(mr_steps *steps, mr_slice text, const char *where, mr_error *err)
{
    mr_step *step;
    MR_TRY(mr_steps_add(steps, MR_STEP_MAP, where, &step, err));
    return mr_step_add_assignment(steps, step, text, where, err);
}

mr_code mr_steps_join(mr_steps *steps, mr_steps *more, mr_error *err)
{
    if (more->first == NULL) return MR_OK;
    if (steps->count + more->count > MR_STEPS_MAX)
        return mr_fail(err, MR_ERR_USAGE, "%s: more than %d steps", more->first->where,
                       MR_STEPS_MAX);
    if (steps->last != NULL) steps->last->next = more->first;
    if (steps->first == NULL) steps->first = more->first;
    steps->last = more->last;
    steps->count += more->count;
    mr_steps_init(more, more->arena);
    return MR_OK;
}

/* --- showing ---------------------------------------------------------------------------------- */

/* What stands between a part's name and its text. */
static const char *joint_of(mr_step_kind kind)
{
    if (kind == MR_STEP_RENAME || kind == MR_STEP_CAST) return " to ";
    return kind == MR_STEP_MAP ? " = " : "";
}

static mr_code put_parts(const mr_step *step, mr_buffer *out, mr_error *err)
{
    for (uint32_t i = 0; i < step->part_count; i++) {
        const mr_step_part *part = &step->parts[i];
        MR_TRY(mr_buffer_append(out, i > 0 ? MR_SLICE(", ") : MR_SLICE(" "), err));
        MR_TRY(mr_buffer_append(out, part->name, err));
        if (part->text.len == 0) continue;
        MR_TRY(mr_buffer_append(out, mr_slice_text(joint_of(step->kind)), err));
        MR_TRY(mr_buffer_append(out, mr_step_trim(part->text), err));
    }
    return MR_OK;
}

static mr_code put_values(const mr_step *step, mr_buffer *out, mr_error *err)
{
    for (uint32_t i = 0; i < step->value_count; i++) {
        const mr_step_part *value = &step->values[i];
        MR_TRY(mr_buffer_printf(out, err, "%s%.*s = %s(%.*s)", i > 0 ? ", " : ": ",
                                MR_SLICE_ARGS(value->name), mr_aggregate_name(value->function),
                                MR_SLICE_ARGS(value->text)));
    }
    return MR_OK;
}

mr_code mr_step_describe(const mr_step *step, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_printf(out, err, "%s", mr_step_name(step->kind)));
    if (mr_step_is_ordered(step->kind) && step->part_count > 0)
        MR_TRY(mr_buffer_append(out, MR_SLICE(" by"), err));
    MR_TRY(put_parts(step, out, err));
    return put_values(step, out, err);
}
