/* SPDX-License-Identifier: MIT
 *
 * Steps from the `transforms` of a file. Each key of a step has one function; what is wrong is said
 * with its line and column and, for a name, the nearest that is right. */
#include "core/nearest.h"
#include "core/number.h"
#include "transform/step_internal.h"

typedef struct loader {
    mr_steps *steps;
    const mr_tree *tree;
    mr_step *step; /* being filled */
    mr_error *err;
} loader;

static const char *where_of(const loader *l, uint32_t line, uint32_t column)
{
    const char *where = mr_tree_where(l->tree, line, column, l->steps->arena);
    return where != NULL ? where : l->tree->name; /* a full arena is found out by the next piece */
}

static const char *where_of_node(const loader *l, const mr_node *node)
{
    return where_of(l, node->line, node->column);
}

static mr_code wrong(const loader *l, const mr_node *node, const char *key, const char *expected)
{
    return mr_fail(l->err, MR_ERR_USAGE, "%s: %s: expected %s", where_of_node(l, node), key,
                   expected);
}

static mr_code unknown(const loader *l, const mr_node_entry *e, const char *what,
                       const char *const *known)
{
    mr_nearest near = mr_nearest_to(e->key);
    for (; *known != NULL; known++)
        mr_nearest_offer(&near, *known);
    const char *where = where_of(l, e->key_line, e->key_column), *best = mr_nearest_best(&near);
    if (best == NULL)
        return mr_fail(l->err, MR_ERR_USAGE, "%s: unknown %s '%.*s'", where, what,
                       MR_SLICE_ARGS(e->key));
    return mr_fail(l->err, MR_ERR_USAGE, "%s: unknown %s '%.*s'; did you mean '%s'?", where, what,
                   MR_SLICE_ARGS(e->key), best);
}

/* --- values ----------------------------------------------------------------------------------- */

static mr_code need_text(const loader *l, const mr_node *node, const char *key, mr_slice *out)
{
    if (node->kind != MR_NODE_SCALAR || mr_node_is_null(node) || node->text.len == 0)
        return wrong(l, node, key, "a text");
    *out = node->text;
    return MR_OK;
}

static mr_code add_name(const loader *l, const mr_node *node, const char *key)
{
    mr_slice name;
    MR_TRY(need_text(l, node, key, &name));
    return mr_step_add_part(l->steps, l->step, name, MR_SLICE(""), where_of_node(l, node), l->err);
}

/* One name or a list of them. */
static mr_code add_names(const loader *l, const mr_node *node, const char *key)
{
    if (node->kind == MR_NODE_SCALAR) return add_name(l, node, key);
    if (node->kind != MR_NODE_LIST || node->count == 0)
        return wrong(l, node, key, "a column or a list of columns");
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next)
        MR_TRY(add_name(l, e->value, key));
    return MR_OK;
}

/* `name: text` pairs. */
static mr_code add_pairs(const loader *l, const mr_node *node, const char *key)
{
    if (node->kind != MR_NODE_MAP || node->count == 0)
        return wrong(l, node, key, "a mapping of columns");
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next) {
        mr_slice text = {NULL, 0};
        MR_TRY(need_text(l, e->value, key, &text));
        MR_TRY(
            mr_step_add_part(l->steps, l->step, e->key, text, where_of_node(l, e->value), l->err));
    }
    return MR_OK;
}

static mr_code need_u64(const loader *l, const mr_node *node, const char *key, uint64_t min,
                        uint64_t max, uint64_t *out)
{
    uint64_t value;
    if (node->kind == MR_NODE_SCALAR && mr_parse_u64(node->text, &value) && value >= min &&
        value <= max) {
        *out = value;
        return MR_OK;
    }
    return mr_fail(l->err, MR_ERR_USAGE, "%s: %s: expected a whole number from %llu to %llu",
                   where_of_node(l, node), key, (unsigned long long)min, (unsigned long long)max);
}

static mr_code need_size(const loader *l, const mr_node *node, const char *key, uint64_t *out)
{
    if (node->kind == MR_NODE_SCALAR && mr_parse_size(node->text, out) && *out >= 1 << 20)
        return MR_OK;
    return wrong(l, node, key, "a size of at least 1MiB, such as 256MiB");
}

/* --- steps ------------------------------------------------------------------------------------ */

static mr_code load_filter(const loader *l, const mr_node *node)
{
    mr_slice text = {NULL, 0};
    MR_TRY(need_text(l, node, "filter", &text));
    return mr_step_add_part(l->steps, l->step, MR_SLICE(""), text, where_of_node(l, node), l->err);
}

static mr_code load_map(const loader *l, const mr_node *node)
{
    if (node->kind == MR_NODE_MAP) return add_pairs(l, node, "map");
    if (node->kind == MR_NODE_SCALAR) {
        mr_slice text = {NULL, 0};
        MR_TRY(need_text(l, node, "map", &text));
        return mr_step_add_assignment(l->steps, l->step, text, where_of_node(l, node), l->err);
    }
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next) {
        mr_slice text = {NULL, 0};
        MR_TRY(need_text(l, e->value, "map", &text));
        MR_TRY(mr_step_add_assignment(l->steps, l->step, text, where_of_node(l, e->value), l->err));
    }
    return node->count > 0 ? MR_OK : wrong(l, node, "map", "name: expression");
}

static mr_code load_drop(const loader *l, const mr_node *node)
{
    return add_names(l, node, "drop");
}

static mr_code load_select(const loader *l, const mr_node *node)
{
    return add_names(l, node, "select");
}

static mr_code load_rename(const loader *l, const mr_node *node)
{
    return add_pairs(l, node, "rename");
}

static mr_code load_cast(const loader *l, const mr_node *node)
{
    return add_pairs(l, node, "cast");
}

static mr_code load_explode(const loader *l, const mr_node *node)
{
    return add_name(l, node, "explode");
}

static mr_code load_flatten(const loader *l, const mr_node *node)
{
    static const char *const keys[] = {"columns", "separator", "depth", NULL};
    if (node->kind != MR_NODE_MAP) return add_names(l, node, "flatten");
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next) {
        uint64_t depth;
        if (mr_slice_is(e->key, "columns") || mr_slice_is(e->key, "column")) {
            MR_TRY(add_names(l, e->value, "columns"));
        } else if (mr_slice_is(e->key, "separator")) {
            MR_TRY(need_text(l, e->value, "separator", &l->step->separator));
        } else if (mr_slice_is(e->key, "depth")) {
            MR_TRY(need_u64(l, e->value, "depth", 0, 1024, &depth));
            l->step->depth = (uint32_t)depth;
        } else {
            return unknown(l, e, "key of flatten", keys);
        }
    }
    return l->step->part_count > 0 ? MR_OK : wrong(l, node, "flatten", "columns");
}

static mr_code load_window(const loader *l, const mr_node *node)
{
    mr_step *step = l->step;
    if (node->kind == MR_NODE_SCALAR && mr_parse_u64(node->text, &step->window_records) &&
        step->window_records > 0)
        return MR_OK;
    if (node->kind == MR_NODE_SCALAR && mr_parse_duration(node->text, &step->window_ns) &&
        step->window_ns > 0)
        return MR_OK;
    return wrong(l, node, "window", "a number of records, or a duration such as 10m");
}

static mr_code load_dedupe(const loader *l, const mr_node *node)
{
    static const char *const keys[] = {"by", "window", "time", "memory", NULL};
    mr_step *step = l->step;
    if (node->kind != MR_NODE_MAP) return add_names(l, node, "dedupe");
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next) {
        if (mr_slice_is(e->key, "by")) {
            MR_TRY(add_names(l, e->value, "by"));
        } else if (mr_slice_is(e->key, "window")) {
            MR_TRY(load_window(l, e->value));
        } else if (mr_slice_is(e->key, "time")) {
            MR_TRY(need_text(l, e->value, "time", &step->time.name));
            step->time.where = where_of_node(l, e->value);
        } else if (mr_slice_is(e->key, "memory")) {
            MR_TRY(need_size(l, e->value, "memory", &step->memory_bytes));
        } else {
            return unknown(l, e, "key of dedupe", keys);
        }
    }
    if (step->part_count == 0) return wrong(l, node, "dedupe", "by: the columns of the key");
    if ((step->window_ns > 0) != (step->time.name.len > 0))
        return wrong(l, node, "dedupe",
                     "a window that is a duration and `time`, the column that "
                     "it is measured by, together");
    return MR_OK;
}

static mr_code load_method(const loader *l, const mr_node *node)
{
    static const struct {
        const char *name;
        mr_mask_method method;
    } methods[] = {{"redact", MR_MASK_REDACT},
                   {"hash", MR_MASK_HASH},
                   {"keep_first", MR_MASK_KEEP_FIRST},
                   {"keep_last", MR_MASK_KEEP_LAST}};
    for (size_t i = 0; node->kind == MR_NODE_SCALAR && i < MR_COUNT_OF(methods); i++)
        if (mr_slice_is(node->text, methods[i].name)) {
            l->step->method = methods[i].method;
            return MR_OK;
        }
    return wrong(l, node, "method", "redact, hash, keep_first or keep_last");
}

static mr_code load_mask_key(const loader *l, const mr_node_entry *e, bool *has_keep)
{
    static const char *const keys[] = {"columns", "method", "salt", "salt_file",
                                       "keep",    "with",   NULL};
    mr_step *step = l->step;
    uint64_t keep;
    if (mr_slice_is(e->key, "columns") || mr_slice_is(e->key, "column"))
        return add_names(l, e->value, "columns");
    if (mr_slice_is(e->key, "method")) return load_method(l, e->value);
    if (mr_slice_is(e->key, "salt")) return need_text(l, e->value, "salt", &step->salt);
    if (mr_slice_is(e->key, "with")) return need_text(l, e->value, "with", &step->with);
    if (mr_slice_is(e->key, "keep")) {
        MR_TRY(need_u64(l, e->value, "keep", 0, 1 << 20, &keep));
        step->keep = (uint32_t)keep;
        *has_keep = true;
        return MR_OK;
    }
    if (!mr_slice_is(e->key, "salt_file")) return unknown(l, e, "key of mask", keys);
    mr_slice path = {NULL, 0};
    MR_TRY(need_text(l, e->value, "salt_file", &path));
    if (mr_secret_load(l->steps->arena, path.ptr, &step->salt, l->err) == MR_OK) return MR_OK;
    return mr_error_prefix(l->err, "%s: salt_file", where_of_node(l, e->value));
}

static mr_code load_mask(const loader *l, const mr_node *node)
{
    bool has_keep = false;
    if (node->kind != MR_NODE_MAP) return wrong(l, node, "mask", "columns and a method");
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next)
        MR_TRY(load_mask_key(l, e, &has_keep));
    const mr_step *step = l->step;
    if (step->part_count == 0) return wrong(l, node, "mask", "columns");
    if (step->method == MR_MASK_HASH && step->salt.len == 0)
        return wrong(l, node, "mask", "salt or salt_file: without one a hash is easily guessed");
    const bool keeps = step->method == MR_MASK_KEEP_FIRST || step->method == MR_MASK_KEEP_LAST;
    if (keeps != has_keep)
        return wrong(
            l, node, "mask",
            "keep, the number of characters, with keep_first or keep_last, and only there");
    return MR_OK;
}

/* `sum(price)`, `count()`. */
static mr_code read_call(const loader *l, const mr_node *node, mr_slice text, mr_step_part *part)
{
    static const char *const expected = "count(), count(column), count_distinct(column), "
                                        "sum(column), min(column), max(column) or mean(column)";
    const char *open = text.len > 0 ? memchr(text.ptr, '(', text.len) : NULL;
    text = mr_step_trim(text);
    if (open == NULL || text.ptr[text.len - 1] != ')') return wrong(l, node, "values", expected);
    const mr_slice name = mr_step_trim(mr_slice_of(text.ptr, (size_t)(open - text.ptr)));
    part->text =
        mr_step_trim(mr_slice_of(open + 1, (size_t)(text.ptr + text.len - 1 - (open + 1))));
    for (mr_aggregate_function f = MR_AGGREGATE_COUNT; f <= MR_AGGREGATE_MEAN; f++)
        if (mr_slice_is(name, mr_aggregate_name(f))) {
            part->function = f;
            return f == MR_AGGREGATE_COUNT || part->text.len > 0
                       ? MR_OK
                       : wrong(l, node, "values", expected);
        }
    return wrong(l, node, "values", expected);
}

static mr_code load_values(const loader *l, const mr_node *map)
{
    if (map->kind != MR_NODE_MAP) return wrong(l, map, "values", "name: function(column)");
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next) {
        mr_step_part part = {.name = e->key, .where = where_of_node(l, e->value)};
        mr_slice text = {NULL, 0};
        MR_TRY(need_text(l, e->value, "values", &text));
        MR_TRY(read_call(l, e->value, text, &part));
        MR_TRY(mr_step_add_value(l->steps, l->step, &part, l->err));
    }
    return MR_OK;
}

static mr_code load_aggregate(const loader *l, const mr_node *node)
{
    static const char *const keys[] = {"by", "values", "max_groups", "memory", NULL};
    mr_step *step = l->step;
    if (node->kind != MR_NODE_MAP) return wrong(l, node, "aggregate", "by and values");
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next) {
        if (mr_slice_is(e->key, "by")) {
            MR_TRY(add_names(l, e->value, "by"));
        } else if (mr_slice_is(e->key, "values")) {
            MR_TRY(load_values(l, e->value));
        } else if (mr_slice_is(e->key, "max_groups")) {
            MR_TRY(need_u64(l, e->value, "max_groups", 1, UINT32_MAX / 2, &step->max_groups));
        } else if (mr_slice_is(e->key, "memory")) {
            MR_TRY(need_size(l, e->value, "memory", &step->memory_bytes));
        } else {
            return unknown(l, e, "key of aggregate", keys);
        }
    }
    if (step->part_count == 0 && step->value_count == 0)
        return wrong(l, node, "aggregate", "by, values or both");
    return MR_OK;
}

/* --- the list --------------------------------------------------------------------------------- */

typedef mr_code load_fn(const loader *l, const mr_node *node);

static load_fn *const loaders[MR_STEP_KIND_COUNT] = {
    [MR_STEP_FILTER] = load_filter,      [MR_STEP_MAP] = load_map,
    [MR_STEP_DROP] = load_drop,          [MR_STEP_SELECT] = load_select,
    [MR_STEP_RENAME] = load_rename,      [MR_STEP_CAST] = load_cast,
    [MR_STEP_FLATTEN] = load_flatten,    [MR_STEP_EXPLODE] = load_explode,
    [MR_STEP_DEDUPE] = load_dedupe,      [MR_STEP_MASK] = load_mask,
    [MR_STEP_AGGREGATE] = load_aggregate};

static mr_code unknown_step(const loader *l, const mr_node_entry *e)
{
    const char *known[MR_STEP_KIND_COUNT + 2] = {0};
    for (int i = 0; i < MR_STEP_KIND_COUNT; i++)
        known[i] = mr_step_name((mr_step_kind)i);
    known[MR_STEP_KIND_COUNT] = "set";
    return unknown(l, e, "step", known);
}

static mr_code load_step(loader *l, const mr_node *node)
{
    if (node->kind != MR_NODE_MAP || node->count != 1)
        return wrong(l, node, "transforms", "one step an entry, such as - filter: .a > 1");
    const mr_node_entry *e = node->first;
    const mr_slice name = mr_slice_is(e->key, "set") ? MR_SLICE("map") : e->key;
    for (int i = 0; i < MR_STEP_KIND_COUNT; i++) {
        if (!mr_slice_is(name, mr_step_name((mr_step_kind)i))) continue;
        const char *where = where_of(l, e->key_line, e->key_column);
        MR_TRY(mr_steps_add(l->steps, (mr_step_kind)i, where, &l->step, l->err));
        return loaders[i](l, e->value);
    }
    return unknown_step(l, e);
}

mr_code mr_steps_load(mr_steps *steps, const mr_tree *tree, const mr_node *list, mr_error *err)
{
    loader l = {.steps = steps, .tree = tree, .err = err};
    if (mr_node_is_null(list)) return MR_OK;
    if (list->kind != MR_NODE_LIST) return wrong(&l, list, "transforms", "a list of steps");
    if (steps->from_file)
        return mr_fail(err, MR_ERR_USAGE, "%s: transforms are given twice",
                       where_of_node(&l, list));
    steps->from_file = true;
    for (const mr_node_entry *e = list->first; e != NULL; e = e->next)
        MR_TRY(load_step(&l, e->value));
    return MR_OK;
}
