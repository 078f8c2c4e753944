/* SPDX-License-Identifier: MIT */
#include "cli/args.h"

#include <stdio.h>
#include <stdlib.h>

#include "connector/connectors.h"
#include "connector/plugin.h"
#include "core/nearest.h"

/* Where the parser stands in argv. */
typedef struct cursor {
    mr_args *args;
    char **argv;
    int argc, next;
    bool flags_ended;
} cursor;

/* One flag as found: `value` is set when it was written with '=' or right behind a letter. */
typedef struct occurrence {
    const mr_flag *flag;
    const char *shown; /* "--batch-size", as written, without its value */
    mr_slice value;
    bool has_value, negated;
} occurrence;

const mr_verb *mr_verb_find(mr_slice name)
{
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++) {
        if (mr_slice_is(name, verb->name)) return verb;
        const char *rest = verb->aliases;
        for (mr_slice alias; mr_option_next_alias(&rest, &alias);)
            if (mr_slice_equal(name, alias)) return verb;
    }
    return NULL;
}

const mr_flag *mr_verb_flags(const mr_verb *verb)
{
    return verb->flags != NULL ? verb->flags : mr_flags;
}

const mr_option *mr_flag_option(const mr_flag *flag)
{
    if (flag->action == MR_FLAG_SERVE)
        return mr_option_find(mr_serve_table, mr_slice_text(flag->key));
    if (flag->action == MR_FLAG_KEY)
        return mr_option_find(mr_config_table, mr_slice_text(flag->key));
    if (flag->action == MR_FLAG_ARGS)
        return mr_option_find(mr_args_table, mr_slice_text(flag->key));
    return NULL;
}

bool mr_flag_is_switch(const mr_flag *flag)
{
    return flag->value == NULL;
}

/* ---- finding flags ---- */

static bool flag_is_called(const mr_flag *flag, mr_slice name)
{
    return mr_names_equal(name, mr_slice_text(flag->name)) ||
           (flag->alias != NULL && mr_names_equal(name, mr_slice_text(flag->alias)));
}

static const mr_flag *find_long(const mr_verb *verb, mr_slice name)
{
    for (const mr_flag *flag = mr_verb_flags(verb); flag->name != NULL; flag++)
        if ((flag->verbs & verb->bit) != 0 && flag_is_called(flag, name)) return flag;
    return NULL;
}

static mr_code unknown_flag(const cursor *c, const char *text, mr_slice name, mr_error *err)
{
    const mr_verb *verb = c->args->verb;
    mr_nearest near = mr_nearest_to(name);
    for (const mr_flag *flag = mr_verb_flags(verb); flag->name != NULL; flag++)
        if ((flag->verbs & verb->bit) != 0) mr_nearest_offer(&near, flag->name);
    const size_t shown = strcspn(text, "=");
    if (mr_nearest_best(&near) == NULL)
        return mr_fail(err, MR_ERR_USAGE, "unknown flag '%.*s' of %s", (int)shown, text,
                       verb->name);
    return mr_fail(err, MR_ERR_USAGE, "unknown flag '%.*s' of %s; did you mean '--%s'?", (int)shown,
                   text, verb->name, mr_nearest_best(&near));
}

/* --name, --name=value, --no-name */
static mr_code read_long(const cursor *c, const char *text, occurrence *out, mr_error *err)
{
    const char *equals = strchr(text, '=');
    const size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const mr_slice name = mr_slice_of(text + 2, len - 2);
    *out = (occurrence){.flag = find_long(c->args->verb, name), .has_value = equals != NULL};
    if (equals != NULL) out->value = mr_slice_text(equals + 1);
    if (out->flag == NULL && mr_slice_starts(name, "no-")) {
        const mr_flag *flag = find_long(c->args->verb, mr_slice_from(name, 3));
        out->negated = flag != NULL && mr_flag_is_switch(flag);
        if (out->negated) out->flag = flag;
    }
    if (out->flag == NULL) return unknown_flag(c, text, name, err);
    out->shown = mr_arena_copy(c->args->arena, mr_slice_of(text, len));
    return out->shown != NULL ? MR_OK : mr_arena_fail(c->args->arena, err);
}

/* -n, -n20 */
static mr_code read_short(const cursor *c, const char *text, occurrence *out, mr_error *err)
{
    *out = (occurrence){0};
    for (const mr_flag *flag = mr_verb_flags(c->args->verb); flag->name != NULL; flag++)
        if (flag->letter == text[1] && (flag->verbs & c->args->verb->bit) != 0) out->flag = flag;
    if (out->flag == NULL || (text[2] != 0 && mr_flag_is_switch(out->flag)))
        return unknown_flag(c, text, mr_slice_text(text + 1), err);
    out->has_value = text[2] != 0;
    out->value = mr_slice_text(text + 2);
    out->shown = mr_arena_copy(c->args->arena, mr_slice_of(text, 2));
    return out->shown != NULL ? MR_OK : mr_arena_fail(c->args->arena, err);
}

/* ---- what flags do ---- */

static mr_code take_value(cursor *c, occurrence *found, mr_error *err)
{
    if (mr_flag_is_switch(found->flag)) {
        if (found->negated && found->has_value)
            return mr_fail(err, MR_ERR_USAGE, "%s takes no value", found->shown);
        if (!found->has_value) found->value = found->negated ? MR_SLICE("false") : MR_SLICE("true");
        return MR_OK;
    }
    if (found->has_value) return MR_OK;
    if (c->next == c->argc)
        return mr_fail(err, MR_ERR_USAGE, "%s needs a value: %s", found->shown, found->flag->value);
    found->value = mr_slice_text(c->argv[c->next++]);
    return MR_OK;
}

static mr_code add_setting(mr_endpoint *end, const occurrence *found, mr_option_from from,
                           mr_error *err)
{
    const mr_setting setting = {.key = found->flag->key, .value = found->value.ptr, .from = from};
    return mr_endpoint_add(end, &setting, err);
}

static mr_code add_json(mr_args *args, mr_endpoint *end, const occurrence *found, mr_error *err)
{
    mr_tree tree = {0};
    MR_TRY(mr_tree_parse(args->arena, found->shown, found->value, &tree, err));
    return mr_config_settings_from_tree(&args->config, end, &tree, MR_ORIGIN_FLAG, err);
}

/* Options of replay's own, or of the format that the records are in. */
static mr_code add_source_pair(mr_args *args, mr_slice text, mr_option_from from, mr_error *err)
{
    const char *equals = memchr(text.ptr, '=', text.len);
    const mr_slice key = {text.ptr, equals != NULL ? (size_t)(equals - text.ptr) : text.len};
    const bool own = mr_option_find(mr_source_replay.options, key) != NULL;
    if (args->verb->bit != MR_VERB_REPLAY || own || equals == NULL)
        return mr_endpoint_add_pair(&args->config.source, text, from, err);
    const char *name = mr_arena_copy(args->arena, key);
    if (name == NULL) return mr_arena_fail(args->arena, err);
    const mr_setting setting = {.key = "with",
                                .pair_key = name,
                                .value = equals + 1,
                                .kind = MR_SETTING_PAIR,
                                .from = from};
    return mr_endpoint_add(&args->config.source, &setting, err);
}

static mr_code act(mr_args *args, const occurrence *found, mr_error *err)
{
    const mr_option_from from = {MR_ORIGIN_FLAG, found->shown};
    mr_pipeline_config *config = &args->config;
    switch (found->flag->action) {
    case MR_FLAG_KEY: return mr_config_set(config, found->flag->key, found->value, from, err);
    case MR_FLAG_ARGS:
        return mr_options_set(&args->options, mr_slice_text(found->flag->key), found->value, from,
                              err);
    case MR_FLAG_PLUGIN:
        if (mr_plugin_load(found->value.ptr, err) == MR_OK) return MR_OK;
        return mr_error_prefix(err, "%s", found->shown);
    case MR_FLAG_SERVE:
        return mr_options_set(&args->serve.options, mr_slice_text(found->flag->key), found->value,
                              from, err);
    case MR_FLAG_SOURCE_SETTING: return add_setting(&config->source, found, from, err);
    case MR_FLAG_DESTINATION_SETTING: return add_setting(&config->destination, found, from, err);
    case MR_FLAG_SOURCE_PAIR: return add_source_pair(args, found->value, from, err);
    case MR_FLAG_DESTINATION_PAIR:
        return mr_endpoint_add_pair(&config->destination, found->value, from, err);
    case MR_FLAG_FILTER:
        return mr_config_add_step(config, MR_STEP_FILTER, found->value, found->shown, err);
    case MR_FLAG_MAP:
        return mr_config_add_step(config, MR_STEP_MAP, found->value, found->shown, err);
    case MR_FLAG_SOURCE_JSON: return add_json(args, &config->source, found, err);
    case MR_FLAG_DESTINATION_JSON: return add_json(args, &config->destination, found, err);
    }
    return MR_OK;
}

static mr_code read_flag(cursor *c, const char *text, mr_error *err)
{
    occurrence found;
    MR_TRY(text[1] == '-' ? read_long(c, text, &found, err) : read_short(c, text, &found, err));
    assert(found.flag != NULL);
    MR_TRY(take_value(c, &found, err));
    return act(c->args, &found, err);
}

static mr_code read_operand(mr_args *args, const char *text, mr_error *err)
{
    if (args->operand_count == MR_ARGS_MAX_OPERANDS)
        return mr_fail(err, MR_ERR_USAGE, "more than %u operands", MR_ARGS_MAX_OPERANDS);
    args->operands[args->operand_count++] = text;
    return MR_OK;
}

static mr_code read_all(cursor *c, mr_error *err)
{
    while (c->next < c->argc) {
        const char *text = c->argv[c->next++];
        if (!c->flags_ended && strcmp(text, "--") == 0) {
            c->flags_ended = true;
        } else if (c->flags_ended || text[0] != '-' || text[1] == 0) {
            MR_TRY(read_operand(c->args, text, err));
        } else {
            MR_TRY(read_flag(c, text, err));
            if (c->args->help) return MR_OK;
        }
    }
    return MR_OK;
}

/* ---- verbs ---- */

static mr_code unknown_verb(const char *text, mr_error *err)
{
    mr_nearest near = mr_nearest_to(mr_slice_text(text));
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++)
        mr_nearest_offer(&near, verb->name);
    if (text[0] == '-')
        return mr_fail(err, MR_ERR_USAGE, "'%s' stands before the verb; write millrace VERB %s",
                       text, text);
    if (mr_nearest_best(&near) == NULL)
        return mr_fail(err, MR_ERR_USAGE, "unknown verb '%s'", text);
    return mr_fail(err, MR_ERR_USAGE, "unknown verb '%s'; did you mean '%s'?", text,
                   mr_nearest_best(&near));
}

/* --help and --version also stand alone, as everywhere. */
static mr_code read_verb(cursor *c, mr_error *err)
{
    const char *text = c->next < c->argc ? c->argv[c->next++] : "help";
    if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) text = "help";
    if (strcmp(text, "--version") == 0 || strcmp(text, "-V") == 0) text = "version";
    char two[64];
    if (strcmp(text, "store") == 0 && c->next < c->argc && c->argv[c->next][0] != '-') {
        snprintf(two, sizeof two, "store %s", c->argv[c->next++]);
        text = two;
    }
    c->args->verb = mr_verb_find(mr_slice_text(text));
    return c->args->verb != NULL ? MR_OK : unknown_verb(text, err);
}

static mr_code check_operand_count(const mr_args *args, mr_error *err)
{
    const mr_verb *verb = args->verb;
    if (verb->bit == MR_VERB_CHECK && (args->operand_count > 0) == args->json_schema)
        return mr_fail(err, MR_ERR_USAGE, "check needs either FILE or --json-schema");
    if (args->operand_count >= verb->min_operands && args->operand_count <= verb->max_operands)
        return MR_OK;
    if (args->operand_count > verb->max_operands)
        return mr_fail(err, MR_ERR_USAGE, "%s takes %s, found also '%s'", verb->name,
                       verb->max_operands == 0 ? "no operands" : verb->operands,
                       args->operands[verb->max_operands]);
    return mr_fail(err, MR_ERR_USAGE, "%s needs %s", verb->name, verb->operands);
}

static mr_option_from operand(const char *where)
{
    return (mr_option_from){MR_ORIGIN_FLAG, where};
}

static mr_code take_copy(mr_args *args, mr_error *err)
{
    MR_TRY(mr_endpoint_parse(&args->config.source, mr_slice_text(args->operands[0]),
                             operand("FROM"), err));
    return mr_endpoint_parse(&args->config.destination, mr_slice_text(args->operands[1]),
                             operand("TO"), err);
}

/* "orders.rejects.jsonl" -> "orders.rejects.again.jsonl" */
static const char *rejected_again(mr_args *args, const char *rejects)
{
    static const char *const suffix = ".jsonl";
    const size_t len = strlen(rejects), tail = strlen(suffix);
    const bool has = len > tail && strcmp(rejects + len - tail, suffix) == 0;
    return mr_arena_printf(args->arena, "%.*s.again%s", (int)(has ? len - tail : len), rejects,
                           suffix);
}

/* The destination goes on with what is there; what is rejected again never replaces what is read.
 */
static mr_code take_replay(mr_args *args, mr_error *err)
{
    mr_pipeline_config *config = &args->config;
    const char *from = args->operands[0];
    MR_TRY(mr_endpoint_set_connector(&config->source, MR_SLICE("replay"), operand("REJECTS"), err));
    MR_TRY(mr_endpoint_set_path(&config->source, mr_slice_text(from), operand("REJECTS"), err));
    MR_TRY(mr_endpoint_parse(&config->destination, mr_slice_text(args->operands[1]), operand("TO"),
                             err));
    config->appends = true;
    if (config->reliability.dead_letter_path != NULL) return MR_OK;
    const char *again = rejected_again(args, from);
    if (again == NULL) return mr_arena_fail(args->arena, err);
    return mr_config_set(config, "reliability.dead_letter.path", mr_slice_text(again),
                         operand("REJECTS"), err);
}

/* A connector's name alone, or an endpoint as for copy. */
static mr_code take_connector(mr_endpoint *end, const char *text, const char *where, mr_error *err)
{
    const mr_slice name = mr_slice_text(text);
    const bool is_endpoint = strpbrk(text, ":/.?") != NULL || strcmp(text, "-") == 0;
    if (is_endpoint) return mr_endpoint_parse(end, name, operand(where), err);
    return mr_endpoint_set_connector(end, name, operand(where), err);
}

static mr_code take_pipeline(mr_args *args, mr_error *err)
{
    MR_TRY(take_connector(&args->config.source, args->operands[0], "SRC", err));
    return take_connector(&args->config.destination, args->operands[1], "DST", err);
}

static mr_code take_run(mr_args *args, mr_error *err)
{
    mr_pipeline_config *config = &args->config;
    const bool pair = args->source_file != NULL || args->destination_file != NULL;
    if (pair == (args->operand_count > 0))
        return mr_fail(err, MR_ERR_USAGE, "run needs either CONFIG or -s FILE and -d FILE");
    if (!pair) return mr_config_load_pipeline(config, args->operands[0], MR_ORIGIN_FILE, err);
    if (args->source_file == NULL || args->destination_file == NULL)
        return mr_fail(err, MR_ERR_USAGE, "run needs %s",
                       args->source_file == NULL ? "-s FILE too" : "-d FILE too");
    MR_TRY(mr_config_load_end(config, &config->source, args->source_file, MR_ORIGIN_FILE, err));
    return mr_config_load_end(config, &config->destination, args->destination_file, MR_ORIGIN_FILE,
                              err);
}

static mr_code take_source(mr_args *args, mr_error *err)
{
    const mr_slice from = mr_slice_text(args->operands[0]);
    if (mr_slice_ends(from, ".yaml") || mr_slice_ends(from, ".yml"))
        return mr_config_load_pipeline(&args->config, from.ptr, MR_ORIGIN_FILE, err);
    return mr_endpoint_parse(&args->config.source, from, operand("FROM"), err);
}

/* A file for `serve`: it needs no ends, and nothing that pipelines have applies to it. */
static mr_code take_serve_tree(mr_args *args, const mr_tree *tree, unsigned *needs, mr_error *err)
{
    args->is_serve = true;
    *needs = 0;
    MR_TRY(mr_serve_config_from_tree(&args->serve, tree, err));
    return mr_serve_config_finish(&args->serve, NULL, err);
}

static mr_code take_serve(mr_args *args, mr_error *err)
{
    mr_serve_config *serve = &args->serve;
    if (args->config_file != NULL) MR_TRY(mr_serve_config_load(serve, args->config_file, err));
    serve->rotate_token = args->rotate_token;
    return mr_serve_config_finish(serve, getenv(MR_SERVE_TOKEN_VARIABLE), err);
}

/* A file of one end is checked as far as one end can be. */
static mr_code take_check(mr_args *args, unsigned *needs, mr_error *err)
{
    mr_tree tree = {0};
    mr_pipeline_config *config = &args->config;
    MR_TRY(mr_tree_load(args->arena, args->operands[0], &tree, err));
    if (mr_serve_config_is_serve(&tree)) return take_serve_tree(args, &tree, needs, err);
    if (!mr_config_tree_is_end(&tree))
        return mr_config_from_tree(config, &tree, MR_ORIGIN_FILE, err);
    *needs = MR_CONFIG_SOURCE;
    return mr_config_end_from_tree(config, &config->source, &tree, MR_ORIGIN_FILE, err);
}

static mr_code take_operands(mr_args *args, unsigned *needs, mr_error *err)
{
    switch (args->verb->bit) {
    case MR_VERB_COPY: return take_copy(args, err);
    case MR_VERB_PIPELINE: return take_pipeline(args, err);
    case MR_VERB_RUN: return take_run(args, err);
    case MR_VERB_REPLAY: return take_replay(args, err);
    case MR_VERB_PREVIEW:
    case MR_VERB_SCHEMA: return take_source(args, err);
    case MR_VERB_CHECK: return take_check(args, needs, err);
    case MR_VERB_SERVE: return take_serve(args, err);
    }
    return MR_OK;
}

static mr_code complete(mr_args *args, mr_error *err)
{
    unsigned needs = args->verb->needs;
    const mr_config_facts nothing_yet = {0};
    MR_TRY(check_operand_count(args, err));
    if (args->system_file != NULL)
        MR_TRY(mr_config_load_pipeline(&args->config, args->system_file, MR_ORIGIN_SYSTEM, err));
    if (args->json_schema) return MR_OK;
    MR_TRY(take_operands(args, &needs, err));
    if (needs == 0) return MR_OK;
    MR_TRY(mr_config_finish(&args->config, needs, err));
    return mr_config_conflicts(&args->config, &nothing_yet, err);
}

/* The plug-ins that this person or machine always wants. */
static mr_code load_folder(mr_error *err)
{
    const char *folder = getenv(MR_PLUGINS_VARIABLE);
    if (folder == NULL || folder[0] == 0) return MR_OK;
    if (mr_plugin_load_folder(folder, err) == MR_OK) return MR_OK;
    return mr_error_prefix(err, "%s", MR_PLUGINS_VARIABLE);
}

mr_code mr_args_parse(mr_args *args, int argc, char **argv, mr_arena *arena, mr_error *err)
{
    memset(args, 0, sizeof *args);
    args->arena = arena;
    cursor c = {.args = args, .argv = argv, .argc = argc, .next = 1};
    MR_TRY(mr_options_init(&args->options, "flags", mr_args_table, args, arena, err));
    MR_TRY(mr_config_init(&args->config, arena, err));
    MR_TRY(mr_serve_config_init(&args->serve, arena, err));
    MR_TRY(read_verb(&c, err));
    if ((args->verb->bit & (MR_VERBS_READING | MR_VERB_LIST)) != 0) MR_TRY(load_folder(err));
    if (args->verb->bit == MR_VERB_LATER) return MR_OK; /* its flags are not known yet either */
    MR_TRY(read_all(&c, err));
    return args->help ? MR_OK : complete(args, err);
}
