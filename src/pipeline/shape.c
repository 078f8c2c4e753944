/* SPDX-License-Identifier: MIT */
#include "pipeline/shape.h"

#include "core/nearest.h"

static mr_slice renamed(const mr_option_map *rename, mr_slice name)
{
    for (uint32_t i = 0; i < rename->count; i++)
        if (mr_slice_is(name, rename->items[i].key)) return mr_slice_text(rename->items[i].value);
    return name;
}

static mr_code unknown_column(const char *option, mr_slice name, const mr_schema *in, mr_error *err)
{
    mr_nearest near = mr_nearest_to(name);
    for (uint32_t i = 0; i < in->field_count; i++)
        mr_nearest_offer(&near, in->fields[i].name.ptr);
    const char *hint = mr_nearest_best(&near);
    if (hint != NULL)
        return mr_fail(err, MR_ERR_USAGE, "%s: there is no column '%.*s'; did you mean '%s'?",
                       option, MR_SLICE_ARGS(name), hint);
    return mr_fail(err, MR_ERR_USAGE, "%s: there is no column '%.*s'", option, MR_SLICE_ARGS(name));
}

static void add(mr_shape *shape, mr_slice from, mr_slice to)
{
    shape->columns[shape->column_count++] =
        (mr_shape_column){from, to, mr_name_hash(from), mr_name_hash(to)};
}

static mr_code check_names(const mr_option_list *select, const mr_option_map *rename,
                           const mr_schema *in, mr_error *err)
{
    for (uint32_t i = 0; i < select->count; i++)
        if (mr_schema_find(in, mr_slice_text(select->items[i])) < 0)
            return unknown_column("--select", mr_slice_text(select->items[i]), in, err);
    for (uint32_t i = 0; i < rename->count; i++)
        if (mr_schema_find(in, mr_slice_text(rename->items[i].key)) < 0)
            return unknown_column("--rename", mr_slice_text(rename->items[i].key), in, err);
    return MR_OK;
}

static mr_code make_schema(const mr_shape *shape, const mr_option_map *rename, const mr_schema *in,
                           mr_schema *out, mr_error *err)
{
    const uint32_t count = shape->selects ? shape->column_count : in->field_count;
    for (uint32_t i = 0; i < count; i++) {
        const int64_t from = shape->selects ? mr_schema_find(in, shape->columns[i].from) : i;
        const mr_field *field = &in->fields[from];
        const mr_slice name = renamed(rename, field->name);
        if (mr_schema_find(out, name) >= 0)
            return mr_fail(err, MR_ERR_USAGE, "%s: there would be two columns '%.*s'",
                           rename->count > 0 ? "--rename" : "--select", MR_SLICE_ARGS(name));
        MR_TRY(mr_schema_add(out, name, field->type, NULL, err));
    }
    return MR_OK;
}

mr_code mr_shape_make(mr_shape *shape, const mr_option_list *select, const mr_option_map *rename,
                      const mr_schema *in, mr_arena *arena, mr_schema *out, mr_error *err)
{
    *shape = (mr_shape){.selects = select->count > 0};
    mr_schema_init(out, arena);
    if (in != NULL) MR_TRY(check_names(select, rename, in, err));
    const uint32_t count = shape->selects ? select->count : rename->count;
    shape->columns = mr_arena_take(arena, sizeof *shape->columns * (count + 1));
    if (shape->columns == NULL) return mr_arena_fail(arena, err);
    for (uint32_t i = 0; i < count; i++) {
        const mr_slice from =
            mr_slice_text(shape->selects ? select->items[i] : rename->items[i].key);
        add(shape, from, renamed(rename, from));
    }
    return in != NULL ? make_schema(shape, rename, in, out, err) : MR_OK;
}

static int64_t find(const mr_batch *batch, uint32_t from, const mr_shape_column *wanted)
{
    for (uint32_t i = from; i < batch->column_count; i++)
        if (batch->columns[i].name_hash == wanted->from_hash &&
            mr_slice_equal(batch->columns[i].name, wanted->from))
            return i;
    return -1;
}

static void swap(mr_column *a, mr_column *b)
{
    const mr_column kept = *a;
    *a = *b;
    *b = kept;
}

/* Moves the selected columns to the front, in their order; those behind are forgotten until the
 * batch is filled again. A selected column that no record of the batch has is absent in all of
 * them. */
static mr_code select_columns(const mr_shape *shape, mr_batch *batch, mr_error *err)
{
    for (uint32_t i = 0; i < shape->column_count; i++) {
        int64_t at = find(batch, i, &shape->columns[i]);
        if (at < 0) {
            uint32_t added;
            MR_TRY(mr_batch_add_column(batch, shape->columns[i].from, MR_TYPE_NULL, &added, err));
            at = added;
        }
        if (at != i) swap(&batch->columns[i], &batch->columns[at]);
        batch->columns[i].name = shape->columns[i].to;
        batch->columns[i].name_hash = shape->columns[i].to_hash;
    }
    batch->column_count = shape->column_count;
    return MR_OK;
}

mr_code mr_shape_apply(const void *context, mr_batch *batch, mr_error *err)
{
    const mr_shape *shape = context;
    if (shape->selects) return select_columns(shape, batch, err);
    for (uint32_t i = 0; i < shape->column_count; i++) {
        const int64_t at = find(batch, 0, &shape->columns[i]);
        if (at < 0) continue;
        batch->columns[at].name = shape->columns[i].to;
        batch->columns[at].name_hash = shape->columns[i].to_hash;
    }
    return MR_OK;
}
