/* SPDX-License-Identifier: MIT */
#include "cli/serve_config.h"

#include "core/option_print.h"
#include "http/listen.h"
#include "pipeline/config.h"
#include "store/store.h"
#include "store/token.h"

mr_code mr_serve_config_init(mr_serve_config *config, mr_arena *arena, mr_error *err)
{
    memset(config, 0, sizeof *config);
    config->arena = arena;
    return mr_options_init(&config->options, "the server", mr_serve_table, config, arena, err);
}

mr_code mr_serve_config_from_tree(mr_serve_config *config, const mr_tree *tree, mr_error *err)
{
    const mr_option_tree from = {
        .options = &config->options, .tree = tree, .origin = MR_ORIGIN_FILE};
    if (mr_node_is_null(tree->root)) return MR_OK; /* an empty file */
    if (tree->root->kind != MR_NODE_MAP) {
        mr_fail(err, MR_ERR_USAGE, "configuration: expected a mapping");
        return mr_option_tree_fail(&from, tree->root->line, tree->root->column, err);
    }
    MR_TRY(mr_serve_pipelines_take(tree, config->arena, &config->pipelines, err));
    return mr_option_tree_load(&from, NULL, tree->root, err);
}

mr_code mr_serve_config_load(mr_serve_config *config, const char *path, mr_error *err)
{
    mr_tree tree = {0};
    MR_TRY(mr_tree_load(config->arena, path, &tree, err));
    return mr_serve_config_from_tree(config, &tree, err);
}

/* --- finishing --- */

static mr_code fail_key(const mr_serve_config *config, const char *key, mr_error *err)
{
    const mr_option_state *state = mr_options_state(&config->options, key);
    if (err == NULL) return MR_ERR_USAGE;
    mr_error_prefix(err, "%s", key);
    if (state->where != NULL) mr_error_prefix(err, "%s", state->where);
    return MR_ERR_USAGE;
}

/* The stronger of token and token_file; the environment only when neither was a flag. */
static mr_code find_token(mr_serve_config *config, const char *environment_token, mr_error *err)
{
    const mr_option_state *token = mr_options_state(&config->options, "token");
    const mr_option_state *file = mr_options_state(&config->options, "token_file");
    const bool has_token = config->token != NULL, has_file = config->token_file != NULL;
    if (has_token && has_file && token->origin == file->origin) {
        mr_fail(err, MR_ERR_USAGE, "contradicts 'token_file'; give one of the two");
        return fail_key(config, "token", err);
    }
    const mr_option_origin strongest = has_token && (!has_file || token->origin > file->origin)
                                           ? token->origin
                                           : (has_file ? file->origin : MR_ORIGIN_DEFAULT);
    if (environment_token != NULL && environment_token[0] != 0 && strongest < MR_ORIGIN_SYSTEM) {
        config->token_from = MR_SERVE_TOKEN_VARIABLE;
        config->token = mr_arena_copy(config->arena, mr_slice_text(environment_token));
        return config->token != NULL ? MR_OK : mr_arena_fail(config->arena, err);
    }
    config->token_from = has_token && token->where != NULL ? token->where : "token";
    if (!has_file || (has_token && token->origin > file->origin)) return MR_OK;
    mr_slice text;
    config->token_from = config->token_file;
    if (mr_secret_load(config->arena, config->token_file, &text, err) != MR_OK)
        return fail_key(config, "token_file", err);
    config->token = text.ptr;
    return MR_OK;
}

static mr_code check_token(const mr_serve_config *config, mr_error *err)
{
    char id[MR_SPACE_ID_MAX];
    size_t len;
    if (config->token == NULL) return MR_OK;
    if (mr_token_parse(mr_slice_text(config->token), id, &len, err) == MR_OK) {
        if (mr_slice_is(mr_slice_of(id, len), "default")) return MR_OK;
        mr_fail(err, MR_ERR_USAGE, "expected one of the namespace 'default', found one of '%.*s'",
                (int)len, id);
    }
    mr_error_prefix(err, "%s: the token of 'default'", config->token_from);
    mr_error_advise(err, "'millrace store token' makes one");
    return MR_ERR_USAGE;
}

static mr_code check_tls(const mr_serve_config *config, mr_error *err)
{
    const bool certificate = config->tls.certificate != NULL, key = config->tls.key != NULL;
    if (certificate == key) return MR_OK;
    mr_fail(err, MR_ERR_USAGE, "needs '%s' too", certificate ? "tls.key" : "tls.certificate");
    return fail_key(config, certificate ? "tls.certificate" : "tls.key", err);
}

/* It becomes a header as it is. */
static mr_code check_cors(const mr_serve_config *config, mr_error *err)
{
    if (config->cors == NULL) return MR_OK;
    const mr_slice origin = mr_slice_text(config->cors);
    bool good = mr_slice_is(origin, "*") || mr_slice_starts(origin, "http://") ||
                mr_slice_starts(origin, "https://");
    for (size_t i = 0; i < origin.len; i++)
        good = good && origin.ptr[i] > ' ' && origin.ptr[i] < 0x7f && origin.ptr[i] != ',';
    if (good) return MR_OK;
    mr_fail(err, MR_ERR_USAGE, "expected * or an origin such as https://app.example, found '%s'",
            config->cors);
    return fail_key(config, "cors", err);
}

static mr_code check_listen(const mr_serve_config *config, mr_error *err)
{
    if (mr_listen_check(mr_slice_text(config->listen), err) == MR_OK) return MR_OK;
    return fail_key(config, "listen", err);
}

/* A name, not a way out of the directory. */
static mr_code check_registry(const mr_serve_config *config, mr_error *err)
{
    const char *name = config->registry;
    if (name[0] != 0 && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
        strcmp(name, "..") != 0)
        return MR_OK;
    mr_fail(err, MR_ERR_USAGE, "expected the name of a file in data_dir, found '%s'", name);
    return fail_key(config, "registry", err);
}

mr_code mr_serve_config_finish(mr_serve_config *config, const char *environment_token,
                               mr_error *err)
{
    MR_TRY(find_token(config, environment_token, err));
    MR_TRY(check_token(config, err));
    MR_TRY(check_listen(config, err));
    MR_TRY(check_tls(config, err));
    MR_TRY(check_cors(config, err));
    MR_TRY(check_registry(config, err));
    if (config->test_mode && !mr_options_given(&config->options, "data_dir"))
        config->data_dir = NULL;
    return MR_OK;
}

/* A key that only the server's table has. */
static bool is_own_key(mr_slice key)
{
    const bool known =
        mr_option_find(mr_serve_table, key) != NULL || mr_option_is_section(mr_serve_table, key);
    return known && mr_option_find(mr_config_table, key) == NULL &&
           !mr_option_is_section(mr_config_table, key);
}

bool mr_serve_config_is_serve(const mr_tree *tree)
{
    bool any = false;
    if (tree->root->kind != MR_NODE_MAP) return false;
    for (const mr_node_entry *e = tree->root->first; e != NULL; e = e->next) {
        if (mr_slice_is(e->key, "source") || mr_slice_is(e->key, "destination")) return false;
        any = any || is_own_key(e->key) || mr_slice_is(e->key, "pipelines");
    }
    return any;
}

/* --- the plan --- */

static const char *durability_text(int durability)
{
    switch ((mr_durability)durability) {
    case MR_DURABILITY_FULL: return "full: an answered write survives a power cut";
    case MR_DURABILITY_NORMAL:
        return "normal: an answered write survives the end of the process; a power cut may undo "
               "the last moments";
    case MR_DURABILITY_OFF: return "off: a power cut may damage the databases";
    }
    return "";
}

static const char *token_text(const mr_serve_config *config)
{
    if (config->test_mode) return "not needed (test mode)";
    return config->token != NULL ? "given" : "made and printed when 'default' is made";
}

static mr_code put_admins(const mr_serve_config *config, mr_buffer *out, mr_error *err)
{
    const mr_option_list *list = &config->admin_namespaces;
    MR_TRY(mr_buffer_append(out, MR_SLICE("administer  tokens of "), err));
    for (uint32_t i = 0; i < list->count; i++) {
        const bool all = strcmp(list->items[i], "*") == 0;
        MR_TRY(mr_buffer_printf(out, err, "%s%s", i > 0 ? ", " : "",
                                all ? "any namespace" : list->items[i]));
    }
    return mr_buffer_append_byte(out, '\n', err);
}

mr_code mr_serve_config_plan(const mr_serve_config *config, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_printf(out, err, "listen      %s://%s\n",
                            config->tls.certificate != NULL ? "https" : "http", config->listen));
    if (config->data_dir != NULL)
        MR_TRY(mr_buffer_printf(out, err, "data        %s, registry %s\n", config->data_dir,
                                config->registry));
    else
        MR_TRY(mr_buffer_append(out, MR_SLICE("data        in memory, gone at the end\n"), err));
    MR_TRY(mr_buffer_printf(out, err, "durability  %s\n", durability_text(config->durability)));
    MR_TRY(mr_buffer_printf(out, err, "token       %s\n", token_text(config)));
    MR_TRY(put_admins(config, out, err));
    MR_TRY(mr_buffer_printf(out, err, "metrics     %s\n",
                            config->metrics_access == MR_METRICS_OPEN || config->test_mode
                                ? "open to all"
                                : "for tokens that administer"));
    for (uint32_t i = 0; i < config->pipelines.count; i++)
        MR_TRY(mr_buffer_printf(out, err, "pipeline    %s: %s, %s\n",
                                config->pipelines.items[i].name, config->pipelines.items[i].when,
                                config->pipelines.items[i].file != NULL
                                    ? config->pipelines.items[i].file
                                    : "written here"));
    MR_TRY(mr_buffer_append(out, MR_SLICE("\n"), err));
    MR_TRY(mr_options_print_values(&config->options, false, out, err));
    return mr_buffer_append(out, MR_SLICE("ok\n"), err);
}
