/* SPDX-License-Identifier: MIT */
#include "transform/columns.h"

#include "core/nearest.h"

void mr_columns_init(mr_columns *columns, mr_arena *arena, bool known)
{
    *columns = (mr_columns){.known = known};
    mr_schema_init(&columns->schema, arena);
}

static mr_code more_room(mr_columns *columns, mr_error *err)
{
    mr_arena *arena = columns->schema.arena;
    const uint32_t room = columns->room == 0 ? 16 : columns->room * 2;
    bool *untyped = mr_arena_take(arena, sizeof *untyped * room);
    if (untyped == NULL) return mr_arena_fail(arena, err);
    if (columns->room > 0) memcpy(untyped, columns->untyped, sizeof *untyped * columns->room);
    columns->untyped = untyped;
    columns->room = room;
    return MR_OK;
}

mr_code mr_columns_add(mr_columns *columns, mr_slice name, mr_type type, bool untyped,
                       const char *where, mr_error *err)
{
    uint32_t number;
    if (mr_schema_find(&columns->schema, name) >= 0)
        return mr_fail(err, MR_ERR_USAGE, "%s: there would be two columns '%.*s'",
                       where != NULL ? where : "transforms", MR_SLICE_ARGS(name));
    MR_TRY(mr_schema_add(&columns->schema, name, type, &number, err));
    if (number == columns->room) MR_TRY(more_room(columns, err));
    columns->untyped[number] = untyped;
    return MR_OK;
}

mr_code mr_columns_of_schema(mr_columns *columns, const mr_schema *schema, bool untyped,
                             mr_arena *arena, mr_error *err)
{
    mr_columns_init(columns, arena, schema != NULL);
    for (uint32_t i = 0; schema != NULL && i < schema->field_count; i++) {
        const mr_type type = untyped ? MR_TYPE_STRING : schema->fields[i].type;
        MR_TRY(mr_columns_add(columns, schema->fields[i].name, type, untyped, NULL, err));
    }
    return MR_OK;
}

static mr_code unknown(const mr_columns *columns, const mr_step *step, mr_slice name,
                       const char *where, mr_error *err)
{
    mr_nearest near = mr_nearest_to(name);
    for (uint32_t i = 0; i < columns->schema.field_count; i++)
        mr_nearest_offer(&near, columns->schema.fields[i].name.ptr);
    const char *best = mr_nearest_best(&near), *kind = mr_step_name(step->kind);
    char flag[32] = "--";
    const bool from_flag = where != NULL && strncmp(where, "--", 2) == 0;
    memcpy(flag + 2, kind, strlen(kind) + 1);
    const bool said = from_flag && strcmp(where, flag) == 0; /* not "--select: select:" */
    if (best == NULL)
        return mr_fail(err, MR_ERR_USAGE, "%s: %s%sthere is no column '%.*s'", where,
                       said ? "" : kind, said ? "" : ": ", MR_SLICE_ARGS(name));
    return mr_fail(err, MR_ERR_USAGE, "%s: %s%sthere is no column '%.*s'; did you mean '%s'?",
                   where, said ? "" : kind, said ? "" : ": ", MR_SLICE_ARGS(name), best);
}

mr_code mr_columns_find(const mr_columns *columns, const mr_step *step, mr_slice name,
                        const char *where, int64_t *out, mr_error *err)
{
    *out = mr_schema_find(&columns->schema, name);
    if (*out >= 0 || !columns->known) return MR_OK;
    return unknown(columns, step, name, where, err);
}

/* --- steps that move columns ------------------------------------------------------------------ */

static const mr_step_part *part_called(const mr_step *step, mr_slice name)
{
    for (uint32_t i = 0; i < step->part_count; i++)
        if (mr_slice_equal(step->parts[i].name, name)) return &step->parts[i];
    return NULL;
}

static mr_code check_names(const mr_columns *before, const mr_step *step, mr_error *err)
{
    for (uint32_t i = 0; i < step->part_count; i++) {
        const mr_step_part *part = &step->parts[i];
        int64_t at;
        if (part_called(step, part->name) != part)
            return mr_fail(err, MR_ERR_USAGE, "%s: %s: '%.*s' is named twice", part->where,
                           mr_step_name(step->kind), MR_SLICE_ARGS(part->name));
        MR_TRY(mr_columns_find(before, step, part->name, part->where, &at, err));
    }
    return MR_OK;
}

static mr_code after_select(const mr_columns *before, const mr_step *step, mr_columns *after,
                            mr_error *err)
{
    mr_columns_init(after, before->schema.arena, true);
    for (uint32_t i = 0; i < step->part_count; i++) {
        const mr_step_part *part = &step->parts[i];
        const int64_t at = mr_schema_find(&before->schema, part->name);
        const mr_type type = at >= 0 ? before->schema.fields[at].type : MR_TYPE_NULL;
        const bool untyped = at >= 0 && before->untyped[at];
        MR_TRY(mr_columns_add(after, part->name, type, untyped, part->where, err));
    }
    return MR_OK;
}

static mr_code after_drop(const mr_columns *before, const mr_step *step, mr_columns *after,
                          mr_error *err)
{
    mr_columns_init(after, before->schema.arena, before->known);
    for (uint32_t i = 0; i < before->schema.field_count; i++) {
        const mr_field *field = &before->schema.fields[i];
        if (part_called(step, field->name) != NULL) continue;
        MR_TRY(
            mr_columns_add(after, field->name, field->type, before->untyped[i], step->where, err));
    }
    return MR_OK;
}

/* Where the step says that a column is to be called `name`. */
static const char *where_named(const mr_step *step, mr_slice name)
{
    for (uint32_t i = 0; i < step->part_count; i++)
        if (mr_slice_equal(step->parts[i].text, name)) return step->parts[i].where;
    return step->where;
}

static mr_code after_rename(const mr_columns *before, const mr_step *step, mr_columns *after,
                            mr_error *err)
{
    mr_columns_init(after, before->schema.arena, before->known);
    for (uint32_t i = 0; i < before->schema.field_count; i++) {
        const mr_field *field = &before->schema.fields[i];
        const mr_step_part *part = part_called(step, field->name);
        const mr_slice name = part != NULL ? part->text : field->name;
        MR_TRY(mr_columns_add(after, name, field->type, before->untyped[i], where_named(step, name),
                              err));
    }
    return MR_OK;
}

mr_code mr_columns_after(const mr_columns *before, const mr_step *step, mr_columns *after,
                         mr_error *err)
{
    MR_TRY(check_names(before, step, err));
    if (step->kind == MR_STEP_SELECT) return after_select(before, step, after, err);
    if (step->kind == MR_STEP_DROP) return after_drop(before, step, after, err);
    return after_rename(before, step, after, err);
}
