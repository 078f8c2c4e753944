/* SPDX-License-Identifier: MIT */
#include "pipeline/config.h"
#include "pipeline/load_mode.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

#include "connector/plugin.h"
#include "core/nearest.h"
#include "core/option_tree.h"
#include "http/admin.h"

#define DEFAULT_METRICS_HOST "127.0.0.1"

mr_code mr_config_init(mr_pipeline_config *config, mr_arena *arena, mr_error *err)
{
    memset(config, 0, sizeof *config);
    config->arena = arena;
    mr_endpoint_init(&config->source, "source", arena);
    mr_endpoint_init(&config->destination, "destination", arena);
    mr_endpoint_init(&config->csv, "csv section", arena);
    mr_endpoint_init(&config->json, "json section", arena);
    mr_steps_init(&config->steps, arena);
    mr_steps_init(&config->flag_steps, arena);
    return mr_options_init(&config->options, "pipeline", mr_config_table, config, arena, err);
}

mr_code mr_config_set(mr_pipeline_config *config, const char *key, mr_slice value,
                      mr_option_from from, mr_error *err)
{
    return mr_options_set(&config->options, mr_slice_text(key), value, from, err);
}

mr_code mr_config_add_step(mr_pipeline_config *config, mr_step_kind kind, mr_slice text,
                           const char *where, mr_error *err)
{
    return kind == MR_STEP_FILTER ? mr_steps_add_filter(&config->flag_steps, text, where, err)
                                  : mr_steps_add_map(&config->flag_steps, text, where, err);
}

mr_code mr_config_note_add(mr_pipeline_config *config, bool warning, mr_error *err,
                           const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    mr_config_note *note = mr_arena_take(config->arena, sizeof *note);
    const char *copy = mr_arena_copy(config->arena, mr_slice_text(text));
    if (note == NULL || copy == NULL) return mr_arena_fail(config->arena, err);
    *note = (mr_config_note){.warning = warning, .text = copy};
    if (config->last_note != NULL) config->last_note->next = note;
    if (config->notes == NULL) config->notes = note;
    config->last_note = note;
    return MR_OK;
}

double mr_config_rate(const mr_pipeline_config *config)
{
    return config->reliability.rate_enabled ? config->reliability.rate_per_second : 0;
}

/* ---- files ---- */

typedef struct loader {
    mr_pipeline_config *config;
    const mr_tree *tree;
    mr_option_tree from;
} loader;

static loader loader_of(mr_pipeline_config *config, const mr_tree *tree, mr_option_origin origin)
{
    return (loader){.config = config,
                    .tree = tree,
                    .from = {.options = &config->options, .tree = tree, .origin = origin}};
}

static mr_code fail_at(const loader *l, uint32_t line, uint32_t column, mr_error *err)
{
    return mr_option_tree_fail(&l->from, line, column, err);
}

static mr_code fail_node(const loader *l, const mr_node *node, mr_error *err)
{
    return fail_at(l, node->line, node->column, err);
}

static mr_code from_node(const loader *l, const mr_node *node, mr_option_from *out, mr_error *err)
{
    return mr_option_tree_from(&l->from, node, out, err);
}

static mr_code need_scalar(const loader *l, const mr_node *node, mr_slice path, mr_error *err)
{
    return mr_option_tree_need_scalar(&l->from, node, path, err);
}

static const char *const section_names[] = {
    "source",   "destination",      "csv",         "json",          "performance",  "storage",
    "timeouts", "limits",           "reliability", "observability", "security",     "advanced",
    "drift",    "schema_evolution", "memory",      "sources",       "destinations", "server",
    "global"};

/* The section that a mistyped name is close to, or NULL. */
static const char *nearest_section(mr_slice key)
{
    mr_nearest near = mr_nearest_to(key);
    for (size_t i = 0; i < MR_COUNT_OF(section_names); i++)
        mr_nearest_offer(&near, section_names[i]);
    return mr_nearest_best(&near);
}

/* The same among all that may stand at the top of a file. */
static const char *nearest_at_top(mr_slice key)
{
    mr_nearest near = mr_nearest_to(key);
    for (const mr_option *option = mr_config_table; option->name != NULL; option++)
        if (strchr(option->name, '.') == NULL) mr_nearest_offer(&near, option->name);
    mr_nearest_offer(&near, "limit");
    for (size_t i = 0; i < MR_COUNT_OF(section_names); i++)
        mr_nearest_offer(&near, section_names[i]);
    return mr_nearest_best(&near);
}

static mr_code unknown_key(const loader *l, const mr_node_entry *e, mr_slice path,
                           const char *place, mr_error *err)
{
    const char *near = path.len == e->key.len ? nearest_at_top(e->key) : NULL;
    if (near == NULL)
        mr_option_unknown(mr_config_table, place, path, err);
    else
        mr_fail(err, MR_ERR_USAGE, "unknown key '%.*s' in %s; did you mean '%s'?",
                MR_SLICE_ARGS(path), place, near);
    return fail_at(l, e->key_line, e->key_column, err);
}

static mr_code load_section(const loader *l, const char *section, const mr_node *map,
                            mr_error *err);

/* One key of a section: a section below it, or an option, or both (circuit_breaker). */
static mr_code load_key(const loader *l, const char *section, const mr_node_entry *e, mr_error *err)
{
    mr_slice path;
    if (mr_node_is_null(e->value)) return MR_OK;
    MR_TRY(mr_option_tree_path(&l->from, section, e->key, &path, err));
    const mr_option *option = mr_option_find(mr_config_table, path);
    const bool is_section = mr_option_is_section(mr_config_table, path);
    const bool takes_map = option != NULL && option->type == MR_OPTION_MAP;
    if (is_section && !takes_map && e->value->kind == MR_NODE_MAP)
        return load_section(l, path.ptr, e->value, err);
    if (option != NULL) return mr_option_tree_set(&l->from, option, path, e->value, err);
    if (is_section) {
        mr_fail(err, MR_ERR_USAGE, "%.*s: expected a mapping", MR_SLICE_ARGS(path));
        return fail_node(l, e->value, err);
    }
    return unknown_key(l, e, path, "the pipeline", err);
}

static mr_code load_section(const loader *l, const char *section, const mr_node *map, mr_error *err)
{
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next)
        MR_TRY(load_key(l, section, e, err));
    return MR_OK;
}

/* ---- ends ---- */

static mr_code add_setting(const loader *l, mr_endpoint *end, mr_setting setting,
                           const mr_node *node, mr_error *err)
{
    MR_TRY(need_scalar(l, node, mr_slice_text(setting.key), err));
    if (strlen(node->text.ptr) != node->text.len) {
        mr_fail(err, MR_ERR_USAGE, "%s: the value holds a NUL byte", setting.key);
        return fail_node(l, node, err);
    }
    setting.value = node->text.ptr;
    MR_TRY(from_node(l, node, &setting.from, err));
    return mr_endpoint_add(end, &setting, err);
}

static mr_code add_settings(const loader *l, mr_endpoint *end, const mr_node_entry *e, bool shared,
                            mr_error *err)
{
    mr_setting setting = {.key = e->key.ptr, .shared = shared};
    if (mr_node_is_null(e->value)) return MR_OK;
    if (e->value->kind == MR_NODE_SCALAR) return add_setting(l, end, setting, e->value, err);
    setting.kind = e->value->kind == MR_NODE_LIST ? MR_SETTING_ITEM : MR_SETTING_PAIR;
    for (const mr_node_entry *part = e->value->first; part != NULL; part = part->next) {
        setting.pair_key = setting.kind == MR_SETTING_PAIR ? part->key.ptr : NULL;
        MR_TRY(add_setting(l, end, setting, part->value, err));
    }
    return MR_OK;
}

static mr_code need_map(const loader *l, const mr_node *node, const char *what, mr_error *err)
{
    if (node->kind == MR_NODE_MAP) return MR_OK;
    mr_fail(err, MR_ERR_USAGE, "%s: expected a mapping", what);
    return fail_node(l, node, err);
}

static mr_code add_all_settings(const loader *l, mr_endpoint *end, const mr_node *map,
                                const char *what, bool shared, mr_error *err)
{
    MR_TRY(need_map(l, map, what, err));
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next)
        MR_TRY(add_settings(l, end, e, shared, err));
    return MR_OK;
}

/* csv{} and json{} hold for each end of that connector; which that is, is known when all is read.
 */
static mr_code add_shared(const loader *l, const mr_node_entry *e, mr_error *err)
{
    mr_pipeline_config *config = l->config;
    mr_endpoint *kept = mr_slice_is(e->key, "csv") ? &config->csv : &config->json;
    return add_all_settings(l, kept, e->value, e->key.ptr, true, err);
}

static bool is_shared_section(mr_slice key)
{
    return mr_slice_is(key, "csv") || mr_slice_is(key, "json");
}

/* {type: token, token_file: ...}: options of the connector; what kind they are, it knows itself. */
static mr_code add_auth(const loader *l, mr_endpoint *end, const mr_node *node, mr_error *err)
{
    MR_TRY(need_map(l, node, "auth", err));
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next)
        if (!mr_slice_is(e->key, "type")) MR_TRY(add_settings(l, end, e, false, err));
    return MR_OK;
}

/* Upstream puts connector settings into security.credentials. */
static mr_code load_end_security(const loader *l, mr_endpoint *end, const mr_node *map,
                                 mr_error *err)
{
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next) {
        if (mr_slice_is(e->key, "auth") && !mr_node_is_null(e->value)) {
            MR_TRY(add_auth(l, end, e->value, err));
        } else if (!mr_slice_is(e->key, "credentials")) {
            MR_TRY(load_key(l, "security", e, err));
        } else if (!mr_node_is_null(e->value)) {
            MR_TRY(add_all_settings(l, end, e->value, "security.credentials", false, err));
        }
    }
    return MR_OK;
}

static mr_code set_connector(const loader *l, mr_endpoint *end, const mr_node_entry *e,
                             mr_error *err)
{
    mr_option_from from;
    MR_TRY(need_scalar(l, e->value, e->key, err));
    MR_TRY(from_node(l, e->value, &from, err));
    return mr_endpoint_set_connector(end, e->value->text, from, err);
}

/* True for keys of an end that say what it is rather than set its connector. */
static bool is_meta_key(mr_slice key)
{
    return mr_slice_is(key, "version") || mr_slice_is(key, "description");
}

static mr_code load_end_key(const loader *l, mr_endpoint *end, const mr_node_entry *e,
                            mr_error *err)
{
    const mr_node *value = e->value;
    if (mr_node_is_null(value) || is_meta_key(e->key)) return MR_OK;
    if (mr_slice_is(e->key, "transforms"))
        return mr_steps_load(&l->config->steps, l->tree, value, err);
    if (mr_slice_is(e->key, "type") || mr_slice_is(e->key, "connector"))
        return set_connector(l, end, e, err);
    if (mr_slice_is(e->key, "name")) {
        MR_TRY(need_scalar(l, value, e->key, err));
        end->name = value->text.ptr;
        return MR_OK;
    }
    if (value->kind != MR_NODE_MAP) return add_settings(l, end, e, false, err);
    if (mr_slice_is(e->key, "options") || mr_slice_is(e->key, "config"))
        return add_all_settings(l, end, value, e->key.ptr, false, err);
    if (mr_slice_is(e->key, "credentials"))
        return add_all_settings(l, end, value, "credentials", false, err);
    if (mr_slice_is(e->key, "auth")) return add_auth(l, end, value, err);
    if (mr_slice_is(e->key, "security")) return load_end_security(l, end, value, err);
    if (is_shared_section(e->key)) return add_shared(l, e, err);
    const mr_option *option = mr_option_find(mr_config_table, e->key);
    if (option != NULL || mr_option_is_section(mr_config_table, e->key))
        return load_key(l, NULL, e, err);
    if (nearest_section(e->key) != NULL) return unknown_key(l, e, e->key, end->role, err);
    return add_settings(l, end, e, false, err);
}

/* `sources` or `destinations` of an application file: ends by name. NULL when there are none. */
static const mr_node *ends_of(const loader *l, const mr_endpoint *end)
{
    const mr_node *ends =
        mr_node_get(l->tree->root, end == &l->config->source ? "sources" : "destinations");
    return ends != NULL && ends->kind == MR_NODE_MAP ? ends : NULL;
}

static mr_code load_end(const loader *l, mr_endpoint *end, const mr_node *node, mr_error *err)
{
    const mr_node *const ends = ends_of(l, end);
    if (ends != NULL && node->kind == MR_NODE_SCALAR && mr_node_get(ends, node->text.ptr) != NULL)
        node = mr_node_get(ends, node->text.ptr);
    if (node->kind == MR_NODE_SCALAR && !mr_node_is_null(node)) {
        mr_option_from from;
        MR_TRY(from_node(l, node, &from, err));
        return mr_endpoint_parse(end, node->text, from, err);
    }
    MR_TRY(need_map(l, node, end->role, err));
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next)
        MR_TRY(load_end_key(l, end, e, err));
    return MR_OK;
}

/* An application file that has one source, or says with `source: NAME` which of them it is. */
static mr_code load_only_end(const loader *l, mr_endpoint *end, const mr_node_entry *e,
                             mr_error *err)
{
    const mr_node *chosen = mr_node_get(l->tree->root, end->role);
    MR_TRY(need_map(l, e->value, e->key.ptr, err));
    if (chosen != NULL && !mr_node_is_null(chosen)) return MR_OK;
    if (e->value->count == 1) return load_end(l, end, e->value->first->value, err);
    if (e->value->count == 0) return MR_OK;
    mr_fail(err, MR_ERR_USAGE,
            "%s holds %u of them, and a run has one; say which with '%s: %s' beside it", e->key.ptr,
            e->value->count, end->role, e->value->first->key.ptr);
    return fail_at(l, e->key_line, e->key_column, err);
}

static mr_code load_root_key(const loader *l, const mr_node_entry *e, mr_error *err)
{
    if (mr_node_is_null(e->value)) return MR_OK;
    if (mr_slice_is(e->key, "source")) return load_end(l, &l->config->source, e->value, err);
    if (mr_slice_is(e->key, "destination"))
        return load_end(l, &l->config->destination, e->value, err);
    if (mr_slice_is(e->key, "sources")) return load_only_end(l, &l->config->source, e, err);
    if (mr_slice_is(e->key, "destinations"))
        return load_only_end(l, &l->config->destination, e, err);
    if (is_shared_section(e->key)) return add_shared(l, e, err);
    if (mr_slice_is(e->key, "alerts"))
        return mr_alerts_from_tree(&l->config->alerts, l->tree, e->value, l->config->arena, err);
    if (mr_slice_is(e->key, "schema") && e->value->kind != MR_NODE_SCALAR)
        return mr_declared_from_tree(&l->config->declared, l->tree, e->value, l->config->arena,
                                     err);
    if (mr_slice_is(e->key, "transforms"))
        return mr_steps_load(&l->config->steps, l->tree, e->value, err);
    return load_key(l, NULL, e, err);
}

/* Plug-ins come first, wherever in the file they stand: their names are to be known when the ends
 * are read. */
static mr_code load_plugins(const loader *l, mr_error *err)
{
    const mr_node *list = mr_node_get(l->tree->root, "plugins");
    if (list == NULL || mr_node_is_null(list)) return MR_OK;
    for (const mr_node_entry *e = list->kind == MR_NODE_LIST ? list->first : NULL; e != NULL;
         e = e->next) {
        MR_TRY(need_scalar(l, e->value, MR_SLICE("plugins"), err));
        if (mr_plugin_load(e->value->text.ptr, err) != MR_OK) return fail_node(l, e->value, err);
    }
    if (list->kind != MR_NODE_SCALAR) return MR_OK;
    return mr_plugin_load(list->text.ptr, err) == MR_OK ? MR_OK : fail_node(l, list, err);
}

mr_code mr_config_from_tree(mr_pipeline_config *config, const mr_tree *tree,
                            mr_option_origin origin, mr_error *err)
{
    const loader l = loader_of(config, tree, origin);
    MR_TRY(need_map(&l, tree->root, "configuration", err));
    if (origin == MR_ORIGIN_FILE) config->file = tree->name;
    MR_TRY(load_plugins(&l, err));
    for (const mr_node_entry *e = tree->root->first; e != NULL; e = e->next)
        MR_TRY(load_root_key(&l, e, err));
    return MR_OK;
}

bool mr_config_tree_is_end(const mr_tree *tree)
{
    const mr_node *root = tree->root;
    if (mr_node_get(root, "source") != NULL || mr_node_get(root, "destination") != NULL)
        return false;
    return mr_node_get(root, "type") != NULL || mr_node_get(root, "connector") != NULL;
}

mr_code mr_config_end_from_tree(mr_pipeline_config *config, mr_endpoint *end, const mr_tree *tree,
                                mr_option_origin origin, mr_error *err)
{
    const loader l = loader_of(config, tree, origin);
    const char *other = end == &config->source ? "destination" : "source";
    MR_TRY(need_map(&l, tree->root, "configuration", err));
    MR_TRY(load_plugins(&l, err));
    if (mr_node_get(tree->root, other) != NULL) {
        mr_fail(err, MR_ERR_USAGE, "this file is to describe the %s, but it holds a '%s'",
                end->role, other);
        return fail_node(&l, mr_node_get(tree->root, other), err);
    }
    if (mr_node_get(tree->root, end->role) != NULL)
        return mr_config_from_tree(config, tree, origin, err);
    return load_end(&l, end, tree->root, err);
}

mr_code mr_config_settings_from_tree(mr_pipeline_config *config, mr_endpoint *end,
                                     const mr_tree *tree, mr_option_origin origin, mr_error *err)
{
    const loader l = loader_of(config, tree, origin);
    return add_all_settings(&l, end, tree->root, end->role, false, err);
}

mr_code mr_config_load_pipeline(mr_pipeline_config *config, const char *path,
                                mr_option_origin origin, mr_error *err)
{
    mr_tree tree = {0};
    MR_TRY(mr_tree_load(config->arena, path, &tree, err));
    return mr_config_from_tree(config, &tree, origin, err);
}

mr_code mr_config_load_end(mr_pipeline_config *config, mr_endpoint *end, const char *path,
                           mr_option_origin origin, mr_error *err)
{
    mr_tree tree = {0};
    MR_TRY(mr_tree_load(config->arena, path, &tree, err));
    return mr_config_end_from_tree(config, end, &tree, origin, err);
}

/* ---- finishing ---- */

static uint32_t cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    const int count = CPU_COUNT(&set);
    return count > 0 ? (uint32_t)count : 1;
}

bool mr_config_has_remote(const mr_pipeline_config *config)
{
    return mr_endpoint_is_remote(&config->source) || mr_endpoint_is_remote(&config->destination);
}

static mr_code note_ignored(mr_pipeline_config *config, mr_error *err)
{
    const bool remote = mr_config_has_remote(config);
    for (uint32_t i = 0; i < config->options.count; i++) {
        const mr_option *option = &mr_config_table[i];
        const mr_option_state *state = &config->options.states[i];
        const bool unused = !remote && (option->flags & MR_OPTION_REMOTE) != 0;
        if (state->origin == MR_ORIGIN_DEFAULT ||
            ((option->flags & MR_OPTION_IGNORED) == 0 && !unused))
            continue;
        if (strcmp(option->name, "type") == 0 || strcmp(option->name, "description") == 0) continue;
        MR_TRY(mr_config_note_add(config, false, err, "%s: %s has no effect: %s",
                                  state->where != NULL ? state->where : "configuration",
                                  option->name,
                                  unused ? "neither end is on another machine" : option->note));
    }
    return MR_OK;
}

static mr_code share_settings(const mr_endpoint *shared, const char *connector, mr_endpoint *end,
                              mr_error *err)
{
    if (end->connector == NULL || strcmp(end->connector, connector) != 0) return MR_OK;
    for (uint32_t i = 0; i < shared->count; i++)
        MR_TRY(mr_endpoint_add(end, &shared->settings[i], err));
    return MR_OK;
}

static mr_code set_end_value(mr_pipeline_config *config, const char *key, const char *value,
                             const char *because, mr_error *err)
{
    if (mr_endpoint_has(&config->destination, key)) return MR_OK;
    const mr_option_state *state = mr_options_state(&config->options, because);
    const mr_setting setting = {.key = key, .value = value, .from = {state->origin, state->where}};
    return mr_endpoint_add(&config->destination, &setting, err);
}

/* Upstream's levels are 1 fastest, 5 default, 7 better, 9 best for every codec; what is above 9 is
 * meant for the codec itself. */
static unsigned level_of_codec(const char *codec, unsigned level)
{
    enum { FASTEST, DEFAULT, BETTER, BEST };
    static const struct {
        const char *codec;
        unsigned levels[4];
    } known[] = {{"zstd", {1, 3, 9, 19}}, {"zst", {1, 3, 9, 19}}, {"lz4", {1, 1, 9, 12}}};
    const int step = level <= 2 ? FASTEST : level <= 6 ? DEFAULT : level <= 8 ? BETTER : BEST;
    for (size_t i = 0; i < MR_COUNT_OF(known) && level <= 9; i++)
        if (strcmp(codec, known[i].codec) == 0) return known[i].levels[step];
    return level;
}

/* advanced.* in the words of the destination's connector. */
static mr_code translate_advanced(mr_pipeline_config *config, mr_error *err)
{
    if (config->enable_upsert && config->load.mode == MR_LOAD_AUTO)
        MR_TRY(set_end_value(config, "mode", "merge", "advanced.enable_upsert", err));
    if (!config->compression.enable) return MR_OK;
    MR_TRY(set_end_value(config, "compression", config->compression.algorithm,
                         "advanced.enable_compression", err));
    if (!mr_options_given(&config->options, "advanced.compression_level")) return MR_OK;
    char level[16];
    snprintf(level, sizeof level, "%u",
             level_of_codec(config->compression.algorithm, config->compression.level));
    return set_end_value(config, "compression_level", level, "advanced.compression_level", err);
}

static mr_code finish_end(mr_pipeline_config *config, mr_endpoint *end, mr_error *err)
{
    const bool is_missing = end->connector == NULL && end->path == NULL;
    const mr_code code = mr_endpoint_finish(end, err);
    if (code != MR_OK && is_missing && config->file != NULL)
        mr_error_prefix(err, "%s", config->file);
    MR_TRY(code);
    MR_TRY(share_settings(&config->csv, "csv", end, err));
    return share_settings(&config->json, "json", end, err);
}

static mr_code derive_metrics(mr_pipeline_config *config, mr_error *err)
{
    const char *path = config->observability.metrics_path;
    if (!mr_admin_can_be_metrics(mr_slice_text(path)))
        return mr_fail(
            err, MR_ERR_USAGE,
            "%s: observability.metrics.path: expected a path such as /metrics that is no "
            "other page's, found '%s'",
            mr_options_state(&config->options, "observability.metrics.path")->where, path);
    if (!config->observability.enable_metrics || config->observability.metrics_address != NULL)
        return MR_OK;
    config->observability.metrics_address = mr_arena_printf(
        config->arena, "%s:%u", DEFAULT_METRICS_HOST, config->observability.metrics_port);
    return config->observability.metrics_address != NULL ? MR_OK
                                                         : mr_arena_fail(config->arena, err);
}

/* `--timeout 5` is five nanoseconds to those who wrote files for Nebula, and five seconds to all
 * others. */
static mr_code note_short_timeout(mr_pipeline_config *config, mr_error *err)
{
    const long long ns = config->timeout_ns;
    if (ns == 0 || ns >= 1000000) return MR_OK;
    return mr_config_note_add(
        config, true, err,
        "%s: the time-out is %lld nanoseconds, as a number without a unit says; "
        "seconds are written %llds",
        mr_options_state(&config->options, "timeout")->where, ns, ns);
}

/* After the steps of the file come those of flags, then select, then rename. */
static mr_code gather_steps(mr_pipeline_config *config, mr_error *err)
{
    const char *select = mr_options_state(&config->options, "select")->where,
               *rename = mr_options_state(&config->options, "rename")->where;
    mr_step *step;
    MR_TRY(mr_steps_join(&config->steps, &config->flag_steps, err));
    if (config->select.count > 0)
        MR_TRY(mr_steps_add(&config->steps, MR_STEP_SELECT, select, &step, err));
    for (uint32_t i = 0; i < config->select.count; i++)
        MR_TRY(mr_step_add_part(&config->steps, step, mr_slice_text(config->select.items[i]),
                                MR_SLICE(""), select, err));
    if (config->rename.count > 0)
        MR_TRY(mr_steps_add(&config->steps, MR_STEP_RENAME, rename, &step, err));
    for (uint32_t i = 0; i < config->rename.count; i++)
        MR_TRY(mr_step_add_part(&config->steps, step, mr_slice_text(config->rename.items[i].key),
                                mr_slice_text(config->rename.items[i].value), rename, err));
    return MR_OK;
}

mr_code mr_config_finish(mr_pipeline_config *config, unsigned needs, mr_error *err)
{
    const uint32_t cpus = cpu_count();
    if (config->performance.workers == 0) config->performance.workers = cpus;
    if (config->performance.max_concurrency == 0) config->performance.max_concurrency = 2 * cpus;
    MR_TRY(derive_metrics(config, err));
    MR_TRY(note_short_timeout(config, err));
    if (config->schema_text != NULL) { /* of a flag, or a file's; stronger than a mapping */
        config->declared = (mr_declared){0};
        MR_TRY(mr_declared_from_text(&config->declared, config->schema_text, config->arena, err));
    }
    MR_TRY(gather_steps(config, err));
    if ((needs & MR_CONFIG_SOURCE) != 0) MR_TRY(finish_end(config, &config->source, err));
    if ((needs & MR_CONFIG_DESTINATION) != 0) {
        MR_TRY(translate_advanced(config, err));
        MR_TRY(finish_end(config, &config->destination, err));
        MR_TRY(mr_load_settle(config, err));
    }
    return note_ignored(config, err);
}
