/* SPDX-License-Identifier: MIT */
#include "cli/serve_pipelines.h"

#include "core/json.h"
#include "core/nearest.h"
#include "core/number.h"
#include "pipeline/run.h"

#define CONTENT_MAX ((size_t)4 << 20)
#define CHECK_BYTES ((size_t)256 << 20)

static const char *const keys[] = {"file", "pipeline", "name",   "every",
                                   "cron", "on_start", "overlap"};

typedef struct reader {
    const mr_tree *tree;
    mr_arena *arena;
    mr_error *err;
} reader;

static mr_code fail_at(const reader *r, uint32_t line, uint32_t column)
{
    mr_error_prefix(r->err, "%s:%u:%u", r->tree->name, line, column);
    return MR_ERR_USAGE;
}

static mr_code need_text(const reader *r, const mr_node *node, const char *key, const char **out)
{
    *out = NULL;
    if (node == NULL || mr_node_is_null(node)) return MR_OK;
    if (node->kind != MR_NODE_SCALAR) {
        mr_fail(r->err, MR_ERR_USAGE, "pipelines: %s: expected a plain value", key);
        return fail_at(r, node->line, node->column);
    }
    *out = mr_arena_copy(r->arena, node->text);
    return *out != NULL ? MR_OK : mr_arena_fail(r->arena, r->err);
}

/* --- an inline pipeline, as the file that it would be --------------------------------------------
 */

/* The text goes through substitution once more: what looks like a variable is none. */
static mr_code put_text(mr_json_out *json, mr_slice text, mr_arena *arena, mr_error *err)
{
    mr_buffer plain;
    mr_buffer_init(&plain, "a pipeline's text", CONTENT_MAX);
    mr_code rc = MR_OK;
    for (size_t i = 0; rc == MR_OK && i < text.len; i++) {
        if (text.ptr[i] == '$' && i + 1 < text.len && text.ptr[i + 1] == '{')
            rc = mr_buffer_append_byte(&plain, '$', err);
        if (rc == MR_OK) rc = mr_buffer_append_byte(&plain, text.ptr[i], err);
    }
    (void)arena;
    if (rc == MR_OK) mr_json_text(json, mr_buffer_slice(&plain));
    mr_buffer_done(&plain);
    return rc;
}

/* The tree's depth is limited by its parser. */
static mr_code put_node(const reader *r, const mr_node *node, mr_json_out *json)
{
    if (node->kind == MR_NODE_SCALAR) {
        if (node->quoted || mr_node_scalar_type(node) == MR_SCALAR_TEXT)
            return put_text(json, node->text, r->arena, r->err);
        if (mr_node_is_null(node))
            mr_json_null(json);
        else
            mr_json_raw(json, node->text);
        return MR_OK;
    }
    const bool map = node->kind == MR_NODE_MAP;
    mr_json_open(json, map ? '{' : '[');
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next) {
        if (map) mr_json_key(json, e->key.ptr);
        MR_TRY(put_node(r, e->value, json));
    }
    mr_json_close(json, map ? '}' : ']');
    return MR_OK;
}

static mr_code take_inline(const reader *r, const mr_node *node, mr_serve_pipeline *out)
{
    mr_buffer text;
    if (node->kind != MR_NODE_MAP) {
        mr_fail(r->err, MR_ERR_USAGE,
                "pipelines: pipeline: expected a mapping; 'file' takes a path");
        return fail_at(r, node->line, node->column);
    }
    mr_buffer_init(&text, "a pipeline's text", CONTENT_MAX);
    mr_json_out json = {.out = &text};
    mr_code rc = put_node(r, node, &json);
    if (rc == MR_OK && json.failed) rc = mr_json_out_fail(&json, r->err);
    if (rc == MR_OK) out->content = mr_arena_copy(r->arena, mr_buffer_slice(&text));
    if (rc == MR_OK && out->content == NULL) rc = mr_arena_fail(r->arena, r->err);
    mr_buffer_done(&text);
    return rc;
}

/* --- one entry
 * ------------------------------------------------------------------------------------ */

static mr_code check_keys(const reader *r, const mr_node *entry)
{
    for (const mr_node_entry *e = entry->first; e != NULL; e = e->next) {
        mr_nearest near = mr_nearest_to(e->key);
        bool known = false;
        for (size_t i = 0; i < MR_COUNT_OF(keys); i++) {
            known = known || mr_slice_is(e->key, keys[i]);
            mr_nearest_offer(&near, keys[i]);
        }
        if (known) continue;
        const char *hint = mr_nearest_best(&near);
        mr_fail(r->err, MR_ERR_USAGE, "pipelines: unknown key '%.*s'%s%s%s", MR_SLICE_ARGS(e->key),
                hint != NULL ? "; did you mean '" : "", hint != NULL ? hint : "",
                hint != NULL ? "'?" : "");
        return fail_at(r, e->key_line, e->key_column);
    }
    return MR_OK;
}

static mr_code take_when(const reader *r, const mr_node *entry, mr_serve_pipeline *out)
{
    const char *every, *cron;
    MR_TRY(need_text(r, mr_node_get(entry, "every"), "every", &every));
    MR_TRY(need_text(r, mr_node_get(entry, "cron"), "cron", &cron));
    if ((every == NULL) == (cron == NULL))
        return mr_fail(r->err, MR_ERR_USAGE, "pipelines: %s",
                       every == NULL ? "when is it to run? 'every: 5m' or 'cron: \"0 3 * * *\"'"
                                     : "'every' contradicts 'cron'; give one");
    out->when = mr_arena_printf(r->arena, "%s %s", every != NULL ? "every" : "cron",
                                every != NULL ? every : cron);
    if (out->when == NULL) return mr_arena_fail(r->arena, r->err);
    if (cron != NULL) return mr_schedule_parse_cron(mr_slice_text(cron), &out->schedule, r->err);
    if (mr_parse_duration(mr_slice_text(every), &out->schedule.every_ns) &&
        out->schedule.every_ns >= MR_SCHEDULE_EVERY_MIN_NS)
        return MR_OK;
    return mr_fail(r->err, MR_ERR_USAGE,
                   "pipelines: every: expected a duration of a second or more, such as 5m, found "
                   "'%s'",
                   every);
}

static mr_code take_choices(const reader *r, const mr_node *entry, mr_serve_pipeline *out)
{
    const char *on_start, *overlap;
    MR_TRY(need_text(r, mr_node_get(entry, "on_start"), "on_start", &on_start));
    MR_TRY(need_text(r, mr_node_get(entry, "overlap"), "overlap", &overlap));
    out->on_start = on_start != NULL && strcmp(on_start, "true") == 0;
    out->queues = overlap != NULL && strcmp(overlap, "queue") == 0;
    if (on_start != NULL && !out->on_start && strcmp(on_start, "false") != 0)
        return mr_fail(r->err, MR_ERR_USAGE,
                       "pipelines: on_start: expected true or false, found '%s'", on_start);
    if (overlap != NULL && !out->queues && strcmp(overlap, "skip") != 0)
        return mr_fail(r->err, MR_ERR_USAGE,
                       "pipelines: overlap: expected skip or queue, found '%s'", overlap);
    return MR_OK;
}

static mr_slice file_name(const char *path)
{
    const char *const slash = strrchr(path, '/');
    const char *const base = slash != NULL ? slash + 1 : path;
    const char *const dot = strrchr(base, '.');
    return mr_slice_of(base, dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
}

static mr_code take_name(const reader *r, const mr_node *entry, mr_serve_pipeline *out)
{
    const mr_node *content = mr_node_get(entry, "pipeline");
    MR_TRY(need_text(r, mr_node_get(entry, "name"), "name", &out->name));
    if (out->name == NULL && content != NULL)
        MR_TRY(need_text(r, mr_node_get(content, "name"), "name", &out->name));
    if (out->name == NULL && out->file != NULL)
        out->name = mr_arena_copy(r->arena, file_name(out->file));
    if (out->name == NULL)
        return mr_fail(r->err, MR_ERR_USAGE, "pipelines: one without a file needs a 'name'");
    const size_t len = strlen(out->name);
    if (len > 0 && len <= MR_SERVE_PIPELINE_NAME_MAX) return MR_OK;
    return mr_fail(r->err, MR_ERR_USAGE, "pipelines: name: expected 1 to %d bytes, found '%s'",
                   MR_SERVE_PIPELINE_NAME_MAX, out->name);
}

static mr_code take_entry(const reader *r, const mr_node *entry, mr_serve_pipeline *out)
{
    const mr_node *content = mr_node_get(entry, "pipeline");
    MR_TRY(need_text(r, mr_node_get(entry, "file"), "file", &out->file));
    if ((out->file == NULL) == (content == NULL))
        return mr_fail(r->err, MR_ERR_USAGE, "pipelines: %s",
                       content == NULL ? "what is to run? 'file: PATH' or 'pipeline: {...}'"
                                       : "'file' contradicts 'pipeline'; give one");
    if (content != NULL) MR_TRY(take_inline(r, content, out));
    MR_TRY(take_name(r, entry, out));
    MR_TRY(take_when(r, entry, out));
    return take_choices(r, entry, out);
}

static mr_code check_name(const reader *r, const mr_serve_pipelines *all, const char *name)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i].name, name) == 0)
            return mr_fail(r->err, MR_ERR_USAGE,
                           "pipelines: two are called '%s'; give one a 'name'", name);
    return MR_OK;
}

static mr_code take_list(const reader *r, const mr_node *list, mr_serve_pipelines *out)
{
    if (list->kind != MR_NODE_LIST || list->count > MR_SERVE_PIPELINES_MAX) {
        mr_fail(r->err, MR_ERR_USAGE, "pipelines: expected a list of at most %d",
                MR_SERVE_PIPELINES_MAX);
        return fail_at(r, list->line, list->column);
    }
    out->items = mr_arena_take(r->arena, sizeof *out->items * (list->count + 1));
    if (out->items == NULL) return mr_arena_fail(r->arena, r->err);
    for (const mr_node_entry *e = list->first; e != NULL; e = e->next) {
        mr_serve_pipeline one = {0};
        if (e->value->kind != MR_NODE_MAP) {
            mr_fail(r->err, MR_ERR_USAGE, "pipelines: expected a mapping with 'file' and 'every'");
            return fail_at(r, e->value->line, e->value->column);
        }
        MR_TRY(check_keys(r, e->value));
        mr_code rc = take_entry(r, e->value, &one);
        if (rc == MR_OK) rc = check_name(r, out, one.name);
        if (rc != MR_OK && strncmp(r->err->text, r->tree->name, strlen(r->tree->name)) == 0)
            return rc; /* it names its place */
        if (rc != MR_OK) return fail_at(r, e->value->line, e->value->column);
        one.where = mr_tree_where(r->tree, e->value->line, e->value->column, r->arena);
        if (one.where == NULL) return mr_arena_fail(r->arena, r->err);
        out->items[out->count++] = one;
    }
    return MR_OK;
}

mr_code mr_serve_pipelines_take(const mr_tree *tree, mr_arena *arena, mr_serve_pipelines *out,
                                mr_error *err)
{
    const reader r = {tree, arena, err};
    mr_node_entry *before = NULL;
    if (tree->root->kind != MR_NODE_MAP) return MR_OK;
    for (mr_node_entry *e = tree->root->first; e != NULL; before = e, e = e->next) {
        if (!mr_slice_is(e->key, "pipelines")) continue;
        if (before != NULL)
            before->next = e->next;
        else
            tree->root->first = e->next;
        if (tree->root->last == e) tree->root->last = before;
        tree->root->count--;
        return mr_node_is_null(e->value) ? MR_OK : take_list(&r, e->value, out);
    }
    return MR_OK;
}

/* --- checking
 * ------------------------------------------------------------------------------------- */

static mr_code load(const mr_serve_pipeline *p, mr_pipeline_config *config, mr_error *err)
{
    mr_tree tree = {0};
    if (p->file != NULL) return mr_config_load_pipeline(config, p->file, MR_ORIGIN_FILE, err);
    MR_TRY(mr_tree_parse(config->arena, p->name, mr_slice_text(p->content), &tree, err));
    return mr_config_from_tree(config, &tree, MR_ORIGIN_FILE, err);
}

static mr_code check_one(const mr_serve_pipeline *p, mr_arena *arena, mr_error *err)
{
    const char *guarantee;
    mr_pipeline_config *config = mr_arena_take(arena, sizeof *config);
    const mr_config_facts facts = {0};
    if (config == NULL) return mr_arena_fail(arena, err);
    MR_TRY(mr_config_init(config, arena, err));
    MR_TRY(load(p, config, err));
    MR_TRY(mr_config_finish(config, MR_CONFIG_SOURCE | MR_CONFIG_DESTINATION, err));
    MR_TRY(mr_config_conflicts(config, &facts, err));
    return mr_run_check(config, &guarantee, err);
}

mr_code mr_serve_pipelines_check(const mr_serve_pipelines *all, mr_error *err)
{
    for (uint32_t i = 0; i < all->count; i++) {
        mr_arena arena;
        const mr_serve_pipeline *p = &all->items[i];
        mr_arena_init(&arena, "a scheduled pipeline", CHECK_BYTES);
        const mr_code rc = check_one(p, &arena, err);
        mr_arena_done(&arena);
        if (rc != MR_OK) return mr_error_prefix(err, "%s: pipeline '%s'", p->where, p->name);
    }
    return MR_OK;
}
