/* SPDX-License-Identifier: MIT */
#include "core/option_tree.h"

mr_code mr_option_tree_fail(const mr_option_tree *from, uint32_t line, uint32_t column,
                            mr_error *err)
{
    if (err != NULL) mr_error_prefix(err, "%s:%u:%u", from->tree->name, line, column);
    return MR_ERR_USAGE;
}

static mr_code fail_node(const mr_option_tree *from, const mr_node *node, mr_error *err)
{
    return mr_option_tree_fail(from, node->line, node->column, err);
}

mr_code mr_option_tree_from(const mr_option_tree *from, const mr_node *node, mr_option_from *out,
                            mr_error *err)
{
    mr_arena *arena = from->options->arena;
    const char *where = mr_tree_where(from->tree, node->line, node->column, arena);
    if (where == NULL) return mr_arena_fail(arena, err);
    *out = (mr_option_from){.origin = from->origin, .where = where};
    return MR_OK;
}

mr_code mr_option_tree_path(const mr_option_tree *from, const char *section, mr_slice key,
                            mr_slice *out, mr_error *err)
{
    *out = key;
    if (section == NULL) return MR_OK;
    mr_arena *arena = from->options->arena;
    const char *path = mr_arena_printf(arena, "%s.%.*s", section, MR_SLICE_ARGS(key));
    if (path == NULL) return mr_arena_fail(arena, err);
    *out = mr_slice_text(path);
    return MR_OK;
}

mr_code mr_option_tree_need_scalar(const mr_option_tree *from, const mr_node *node, mr_slice path,
                                   mr_error *err)
{
    if (node->kind == MR_NODE_SCALAR) return MR_OK;
    mr_fail(err, MR_ERR_USAGE, "%.*s: expected a plain value", MR_SLICE_ARGS(path));
    return fail_node(from, node, err);
}

/* A key that is not built is refused whatever its value looks like, unless it is empty. */
static mr_code refuse(const mr_option_tree *from, const mr_option *option, const mr_node *node,
                      mr_error *err)
{
    if (node->count == 0) return MR_OK;
    mr_fail(err, MR_ERR_USAGE, "%s: not supported yet: %s", option->name, option->note);
    return fail_node(from, node, err);
}

static mr_code set_list(const mr_option_tree *from, mr_slice path, const mr_node *list,
                        mr_error *err)
{
    for (const mr_node_entry *e = list->first; e != NULL; e = e->next) {
        mr_option_from place;
        MR_TRY(mr_option_tree_need_scalar(from, e->value, path, err));
        MR_TRY(mr_option_tree_from(from, e->value, &place, err));
        MR_TRY(mr_options_append(from->options, path, e->value->text, place, err));
    }
    return MR_OK;
}

static mr_code set_map(const mr_option_tree *from, mr_slice path, const mr_node *map, mr_error *err)
{
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next) {
        mr_option_from place;
        MR_TRY(mr_option_tree_need_scalar(from, e->value, path, err));
        MR_TRY(mr_option_tree_from(from, e->value, &place, err));
        MR_TRY(mr_options_put(from->options, path, e->key, e->value->text, place, err));
    }
    return MR_OK;
}

static mr_code wrong_kind(const mr_option_tree *from, const mr_option *option, mr_slice path,
                          const mr_node *node, mr_error *err)
{
    char expects[256];
    mr_option_expects(option, expects, sizeof expects);
    mr_fail(err, MR_ERR_USAGE, "%.*s: expected %s, found a %s", MR_SLICE_ARGS(path), expects,
            node->kind == MR_NODE_LIST ? "list" : "mapping");
    return fail_node(from, node, err);
}

mr_code mr_option_tree_set(const mr_option_tree *from, const mr_option *option, mr_slice path,
                           const mr_node *node, mr_error *err)
{
    if (node->kind != MR_NODE_SCALAR && (option->flags & MR_OPTION_REFUSED) != 0)
        return refuse(from, option, node, err);
    if (node->kind == MR_NODE_LIST && option->type == MR_OPTION_LIST)
        return set_list(from, path, node, err);
    if (node->kind == MR_NODE_MAP && option->type == MR_OPTION_MAP)
        return set_map(from, path, node, err);
    if (node->kind != MR_NODE_SCALAR) return wrong_kind(from, option, path, node, err);
    mr_option_from place;
    MR_TRY(mr_option_tree_from(from, node, &place, err));
    return mr_options_set(from->options, path, node->text, place, err);
}

static mr_code load_key(const mr_option_tree *from, const char *section, const mr_node_entry *e,
                        mr_error *err)
{
    const mr_option *table = from->options->table;
    mr_slice path;
    if (mr_node_is_null(e->value)) return MR_OK;
    MR_TRY(mr_option_tree_path(from, section, e->key, &path, err));
    const mr_option *option = mr_option_find(table, path);
    if (option != NULL) return mr_option_tree_set(from, option, path, e->value, err);
    if (!mr_option_is_section(table, path)) {
        mr_option_unknown(table, from->options->name, path, err);
        return mr_option_tree_fail(from, e->key_line, e->key_column, err);
    }
    if (e->value->kind == MR_NODE_MAP) return mr_option_tree_load(from, path.ptr, e->value, err);
    mr_fail(err, MR_ERR_USAGE, "%.*s: expected a mapping", MR_SLICE_ARGS(path));
    return fail_node(from, e->value, err);
}

/* Recursion is as deep as the table's names have dots: a key below an option is unknown. */
mr_code mr_option_tree_load(const mr_option_tree *from, const char *section, const mr_node *map,
                            mr_error *err)
{
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next)
        MR_TRY(load_key(from, section, e, err));
    return MR_OK;
}

mr_code mr_options_load_file(mr_options *options, const char *path, mr_option_origin origin,
                             mr_error *err)
{
    mr_tree tree = {0};
    MR_TRY(mr_tree_load(options->arena, path, &tree, err));
    const mr_option_tree from = {.options = options, .tree = &tree, .origin = origin};
    if (mr_node_is_null(tree.root)) return MR_OK; /* an empty file */
    if (tree.root->kind == MR_NODE_MAP) return mr_option_tree_load(&from, NULL, tree.root, err);
    mr_fail(err, MR_ERR_USAGE, "configuration: expected a mapping");
    return fail_node(&from, tree.root, err);
}
