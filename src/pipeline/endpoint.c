/* SPDX-License-Identifier: MIT */
#include "pipeline/endpoint.h"

#include <stdio.h>
#include <sys/stat.h>

#include "connector/plugin.h"
#include "core/nearest.h"
#include "core/tree.h"

#define MAX_SHOWN 96 /* bytes of an endpoint in an error */

const mr_connector_name mr_connector_names[] = {
    {"csv", "csv_legacy tsv", true, true, false},
    {"json", "jsonl ndjson", true, true, false},
    {"sqlite", "sqlite3", true, true, false},
    {"store", "eventodb", true, true, true},
    {"tail", NULL, true, true, false},
    {"generate", NULL, true, true, false},
    {"replay", NULL, true, true, false},
    {"null", NULL, false, true, false},
    {"prometheus", "prom", false, true, false},
    {"postgresql", "postgres", false, false, false},
    {"postgresql_cdc", NULL, false, false, false},
    {"mysql_cdc", NULL, false, false, false},
    {"mongodb_cdc", NULL, false, false, false},
    {"iceberg", NULL, false, false, false},
    {"snowflake", "snowflake_optimized", false, false, false},
    {"bigquery", "bq", false, false, false},
    {"s3", NULL, false, false, false},
    {"gcs", NULL, false, false, false},
    {"google_ads", NULL, false, false, false},
    {"meta_ads", NULL, false, false, false},
    {0},
};

/* What a suffix says: the connector and perhaps one setting. */
static const struct {
    const char *suffix, *connector, *key, *source_value, *destination_value;
} suffixes[] = {
    {".csv", "csv", NULL, NULL, NULL},
    {".tsv", "csv", "delimiter", "\\t", "\\t"},
    {".json", "json", "format", NULL, "array"},
    {".jsonl", "json", "format", "lines", "lines"},
    {".ndjson", "json", "format", "lines", "lines"},
    {".db", "sqlite", NULL, NULL, NULL},
    {".sqlite", "sqlite", NULL, NULL, NULL},
    {".sqlite3", "sqlite", NULL, NULL, NULL},
};

static const struct {
    const char *suffix, *codec;
} codecs[] = {
    {".gz", "gzip"},       {".zst", "zstd"}, {".lz4", "lz4"},
    {".snappy", "snappy"}, {".s2", "s2"},    {".deflate", "deflate"},
};

static mr_slice shown(mr_slice text)
{
    return mr_slice_of(text.ptr, text.len < MAX_SHOWN ? text.len : MAX_SHOWN);
}

static mr_code say_where(mr_option_from from, mr_error *err, mr_code code)
{
    if (err != NULL && from.where != NULL) mr_error_prefix(err, "%s", from.where);
    return code;
}

static const mr_connector_name *find_built_in(mr_slice name)
{
    for (const mr_connector_name *c = mr_connector_names; c->name != NULL; c++) {
        if (mr_names_equal(name, mr_slice_text(c->name))) return c;
        const char *rest = c->aliases;
        for (mr_slice alias; mr_option_next_alias(&rest, &alias);)
            if (mr_names_equal(name, alias)) return c;
    }
    return NULL;
}

/* Plug-ins are loaded before names are looked up, and stay. */
static const mr_connector_name *find_in_plugins(mr_slice name)
{
    static mr_connector_name known[2 * MR_CONNECTORS_MAX];
    const mr_plugin_connector *c;
    for (uint32_t i = 0; (c = mr_plugin_connector_at(i)) != NULL && i < MR_COUNT_OF(known); i++) {
        if (!mr_names_equal(name, mr_slice_text(c->name))) continue;
        known[i] = (mr_connector_name){
            .name = c->name, .needs_path = mr_plugin_needs_path(c->name), .built = true};
        return &known[i];
    }
    return NULL;
}

/* A name of the specification that is not built may be a plug-in's. */
const mr_connector_name *mr_connector_name_find(mr_slice name)
{
    const mr_connector_name *ours = find_built_in(name);
    if (ours != NULL && ours->built) return ours;
    const mr_connector_name *theirs = find_in_plugins(name);
    return theirs != NULL ? theirs : ours;
}

static const char *nearest_connector(mr_slice name)
{
    mr_nearest near = mr_nearest_to(name);
    for (const mr_connector_name *c = mr_connector_names; c->name != NULL; c++)
        mr_nearest_offer(&near, c->name);
    const mr_plugin_connector *plugin;
    for (uint32_t i = 0; (plugin = mr_plugin_connector_at(i)) != NULL; i++)
        mr_nearest_offer(&near, plugin->name);
    return mr_nearest_best(&near);
}

const char *mr_endpoint_codec_name(const char *path)
{
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++)
        if (mr_slice_ends(mr_slice_text(path), codecs[i].suffix)) return codecs[i].codec;
    return NULL;
}

static mr_slice without_codec(mr_slice path)
{
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++)
        if (mr_slice_ends(path, codecs[i].suffix))
            return mr_slice_of(path.ptr, path.len - strlen(codecs[i].suffix));
    return path;
}

/* The index in `suffixes`, or SIZE_MAX. */
static size_t suffix_of(const char *path)
{
    const mr_slice plain = without_codec(mr_slice_text(path));
    for (size_t i = 0; i < MR_COUNT_OF(suffixes); i++)
        if (mr_slice_ends(plain, suffixes[i].suffix)) return i;
    return SIZE_MAX;
}

void mr_endpoint_init(mr_endpoint *endpoint, const char *role, mr_arena *arena)
{
    *endpoint = (mr_endpoint){.role = role, .arena = arena};
}

static mr_code unknown_connector(mr_slice name, mr_option_from from, mr_error *err)
{
    const char *near = nearest_connector(name);
    if (mr_slice_is(name, "http") || mr_slice_is(name, "https"))
        mr_fail(err, MR_ERR_USAGE, "unknown connector '%.*s'; a message store is store:%.*s://...",
                MR_SLICE_ARGS(name), MR_SLICE_ARGS(name));
    else
        mr_fail(err, MR_ERR_USAGE, "unknown connector '%.*s'%s%s%s", MR_SLICE_ARGS(shown(name)),
                near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                near != NULL ? "'?" : "");
    return say_where(from, err, MR_ERR_USAGE);
}

/* Adds what `suffixes[at]` implies, unless somebody has said otherwise. */
static mr_code imply(mr_endpoint *endpoint, size_t at, mr_error *err)
{
    const bool is_source = strcmp(endpoint->role, "source") == 0;
    const char *value = is_source ? suffixes[at].source_value : suffixes[at].destination_value;
    if (value == NULL || mr_endpoint_has(endpoint, suffixes[at].key)) return MR_OK;
    const mr_setting implied = {.key = suffixes[at].key, .value = value};
    return mr_endpoint_add(endpoint, &implied, err);
}

/* "tsv" and "jsonl" are names of a connector and of a setting at once. */
static mr_code imply_by_name(mr_endpoint *endpoint, mr_slice name, const char *connector,
                             mr_error *err)
{
    if (mr_slice_is(name, connector)) return MR_OK;
    for (size_t i = 0; i < MR_COUNT_OF(suffixes); i++)
        if (mr_slice_is(name, suffixes[i].suffix + 1)) return imply(endpoint, i, err);
    return MR_OK;
}

mr_code mr_endpoint_set_connector(mr_endpoint *endpoint, mr_slice name, mr_option_from from,
                                  mr_error *err)
{
    const mr_connector_name *known = mr_connector_name_find(name);
    if (known == NULL) return unknown_connector(name, from, err);
    if (!known->built) {
        mr_fail(err, MR_ERR_USAGE, "connector '%s' is not built yet in this version", known->name);
        return say_where(from, err, MR_ERR_USAGE);
    }
    const bool taken = endpoint->connector != NULL;
    if (taken && endpoint->connector_from.origin > from.origin) return MR_OK;
    if (taken && endpoint->connector_from.origin == from.origin &&
        strcmp(endpoint->connector, known->name) != 0) {
        mr_fail(err, MR_ERR_USAGE, "the %s is already '%s', not '%s'", endpoint->role,
                endpoint->connector, known->name);
        return say_where(from, err, MR_ERR_USAGE);
    }
    endpoint->connector = known->name;
    endpoint->connector_from = from;
    return imply_by_name(endpoint, name, known->name, err);
}

mr_code mr_endpoint_set_path(mr_endpoint *endpoint, mr_slice path, mr_option_from from,
                             mr_error *err)
{
    const bool taken = endpoint->path != NULL;
    if (taken && endpoint->path_from.origin > from.origin) return MR_OK;
    if (taken && endpoint->path_from.origin == from.origin && !mr_slice_is(path, endpoint->path)) {
        mr_fail(err, MR_ERR_USAGE, "the %s's path is already '%s'", endpoint->role, endpoint->path);
        return say_where(from, err, MR_ERR_USAGE);
    }
    if (path.len == 0 || memchr(path.ptr, 0, path.len) != NULL) {
        mr_fail(err, MR_ERR_USAGE, "the %s's path is empty or holds a NUL byte", endpoint->role);
        return say_where(from, err, MR_ERR_USAGE);
    }
    const char *copy = mr_arena_copy(endpoint->arena, path);
    if (copy == NULL) return mr_arena_fail(endpoint->arena, err);
    endpoint->path = copy;
    endpoint->path_from = from;
    return MR_OK;
}

/* ---- settings ---- */

static mr_code make_room(mr_endpoint *endpoint, mr_error *err)
{
    if (endpoint->count < endpoint->room) return MR_OK;
    if (endpoint->count >= MR_ENDPOINT_MAX_SETTINGS)
        return mr_fail(err, MR_ERR_LIMIT, "the %s has more than %u settings", endpoint->role,
                       MR_ENDPOINT_MAX_SETTINGS);
    const uint32_t wanted = endpoint->room == 0 ? 8 : endpoint->room * 2;
    mr_setting *grown = mr_arena_take(endpoint->arena, wanted * sizeof *grown);
    if (grown == NULL) return mr_arena_fail(endpoint->arena, err);
    if (endpoint->count > 0) memcpy(grown, endpoint->settings, endpoint->count * sizeof *grown);
    endpoint->settings = grown;
    endpoint->room = wanted;
    return MR_OK;
}

static mr_code copy_text(mr_endpoint *endpoint, const char **text, mr_error *err)
{
    if (*text == NULL) return MR_OK;
    *text = mr_arena_copy(endpoint->arena, mr_slice_text(*text));
    return *text != NULL ? MR_OK : mr_arena_fail(endpoint->arena, err);
}

static bool is_key(const mr_setting *setting, const char *key)
{
    return mr_names_equal(mr_slice_text(setting->key), mr_slice_text(key));
}

mr_code mr_endpoint_add(mr_endpoint *endpoint, const mr_setting *setting, mr_error *err)
{
    if (setting->kind == MR_SETTING_VALUE &&
        (is_key(setting, "path") || is_key(setting, "file_path")))
        return mr_endpoint_set_path(endpoint, mr_slice_text(setting->value), setting->from, err);
    mr_setting copy = *setting;
    MR_TRY(make_room(endpoint, err));
    MR_TRY(copy_text(endpoint, &copy.key, err));
    MR_TRY(copy_text(endpoint, &copy.pair_key, err));
    MR_TRY(copy_text(endpoint, &copy.value, err));
    endpoint->settings[endpoint->count++] = copy;
    return MR_OK;
}

static mr_code add_value(mr_endpoint *endpoint, mr_slice key, mr_slice value, mr_option_from from,
                         mr_error *err)
{
    const char *key_text = mr_arena_copy(endpoint->arena, key);
    const char *value_text = mr_arena_copy(endpoint->arena, value);
    if (key_text == NULL || value_text == NULL) return mr_arena_fail(endpoint->arena, err);
    const mr_setting setting = {.key = key_text, .value = value_text, .from = from};
    return mr_endpoint_add(endpoint, &setting, err);
}

mr_code mr_endpoint_add_pair(mr_endpoint *endpoint, mr_slice text, mr_option_from from,
                             mr_error *err)
{
    const char *equals = text.len > 0 ? memchr(text.ptr, '=', text.len) : NULL;
    if (equals == NULL || equals == text.ptr) {
        mr_fail(err, MR_ERR_USAGE, "expected key=value, found '%.*s'", MR_SLICE_ARGS(shown(text)));
        return say_where(from, err, MR_ERR_USAGE);
    }
    const size_t at = (size_t)(equals - text.ptr);
    return add_value(endpoint, mr_slice_of(text.ptr, at), mr_slice_from(text, at + 1), from, err);
}

/* True if `a` counts before `b`, which was given earlier. */
static bool is_stronger(const mr_setting *a, const mr_setting *b)
{
    if (a->from.origin != b->from.origin) return a->from.origin > b->from.origin;
    return !a->shared || b->shared;
}

const mr_setting *mr_endpoint_get(const mr_endpoint *endpoint, const char *key)
{
    const mr_setting *best = NULL;
    for (uint32_t i = 0; i < endpoint->count; i++) {
        const mr_setting *setting = &endpoint->settings[i];
        if (setting->kind != MR_SETTING_VALUE || !is_key(setting, key)) continue;
        if (best == NULL || is_stronger(setting, best)) best = setting;
    }
    return best;
}

bool mr_endpoint_has(const mr_endpoint *endpoint, const char *key)
{
    for (uint32_t i = 0; i < endpoint->count; i++)
        if (is_key(&endpoint->settings[i], key)) return true;
    return false;
}

bool mr_endpoint_is_remote(const mr_endpoint *endpoint)
{
    return endpoint->connector != NULL &&
           mr_connector_name_find(mr_slice_text(endpoint->connector))->remote;
}

/* ---- connector:path?key=value ---- */

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

static mr_code percent_decode(mr_endpoint *endpoint, mr_slice text, mr_slice *out, mr_error *err)
{
    char *decoded = mr_arena_take(endpoint->arena, text.len + 1);
    if (decoded == NULL) return mr_arena_fail(endpoint->arena, err);
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '%') {
            const int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            const int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return mr_fail(err, MR_ERR_USAGE,
                               "'%%' after '?' wants two hexadecimal digits, not 00");
            byte = (char)(high * 16 + low);
            i += 2;
        }
        decoded[used++] = byte;
    }
    *out = mr_slice_of(decoded, used);
    return MR_OK;
}

static mr_code parse_query_part(mr_endpoint *endpoint, mr_slice part, mr_option_from from,
                                mr_error *err)
{
    const char *equals = part.len > 0 ? memchr(part.ptr, '=', part.len) : NULL;
    if (equals == NULL || equals == part.ptr) /* not shown: it may be the rest of a password */
        return mr_fail(err, MR_ERR_USAGE, "expected key=value&key=value after '?'");
    const size_t at = (size_t)(equals - part.ptr);
    mr_slice key, value;
    MR_TRY(percent_decode(endpoint, mr_slice_of(part.ptr, at), &key, err));
    MR_TRY(percent_decode(endpoint, mr_slice_from(part, at + 1), &value, err));
    return add_value(endpoint, key, value, from, err);
}

static mr_code parse_query(mr_endpoint *endpoint, mr_slice query, mr_option_from from,
                           mr_error *err)
{
    while (query.len > 0) {
        const char *amp = memchr(query.ptr, '&', query.len);
        const size_t len = amp != NULL ? (size_t)(amp - query.ptr) : query.len;
        MR_TRY(parse_query_part(endpoint, mr_slice_of(query.ptr, len), from, err));
        query = mr_slice_from(query, len + (amp != NULL));
    }
    return MR_OK;
}

static bool is_prefix_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' ||
           byte == '-';
}

/* Bytes before the colon that could be a connector's name; 0 when there is none. */
static size_t prefix_length(mr_slice text)
{
    size_t at = 0;
    while (at < text.len && is_prefix_byte(text.ptr[at]))
        at++;
    return at < text.len && text.ptr[at] == ':' ? at : 0;
}

/* A prefix that is no connector is part of a file's name, unless it looks like a slip or a URL. */
static mr_code parse_prefix(mr_endpoint *endpoint, mr_slice *text, mr_option_from from,
                            mr_error *err)
{
    const size_t at = prefix_length(*text);
    if (at == 0) return MR_OK;
    const mr_slice prefix = mr_slice_of(text->ptr, at);
    const mr_slice rest = mr_slice_from(*text, at + 1);
    if (mr_connector_name_find(prefix) != NULL) {
        *text = rest;
        return mr_endpoint_set_connector(endpoint, prefix, from, err);
    }
    if (!mr_slice_starts(rest, "//") && nearest_connector(prefix) == NULL) return MR_OK;
    return unknown_connector(prefix, from, err);
}

mr_code mr_endpoint_parse(mr_endpoint *endpoint, mr_slice text, mr_option_from from, mr_error *err)
{
    if (text.len == 0) {
        mr_fail(err, MR_ERR_USAGE, "the %s is empty", endpoint->role);
        return say_where(from, err, MR_ERR_USAGE);
    }
    MR_TRY(parse_prefix(endpoint, &text, from, err));
    const char *question = text.len > 0 ? memchr(text.ptr, '?', text.len) : NULL;
    const size_t path_len = question != NULL ? (size_t)(question - text.ptr) : text.len;
    if (path_len > 0)
        MR_TRY(mr_endpoint_set_path(endpoint, mr_slice_of(text.ptr, path_len), from, err));
    if (question == NULL) return MR_OK;
    const mr_code code = parse_query(endpoint, mr_slice_from(text, path_len + 1), from, err);
    return code == MR_ERR_USAGE ? say_where(from, err, code) : code;
}

/* ---- when all is read ---- */

static mr_code connector_of_path(mr_endpoint *endpoint, mr_error *err)
{
    if (endpoint->path == NULL)
        return mr_fail(err, MR_ERR_USAGE, "the %s has neither a connector nor a path",
                       endpoint->role);
    const size_t at = suffix_of(endpoint->path);
    if (at != SIZE_MAX) {
        endpoint->connector = suffixes[at].connector;
        return MR_OK;
    }
    const mr_slice path = shown(mr_slice_text(endpoint->path));
    mr_fail(err, MR_ERR_USAGE,
            "the name of the %s '%.*s' does not tell its format; write csv:%.*s or json:%.*s",
            endpoint->role, MR_SLICE_ARGS(path), MR_SLICE_ARGS(path), MR_SLICE_ARGS(path));
    struct stat there;
    if (stat(endpoint->path, &there) == 0 && S_ISDIR(there.st_mode))
        mr_fail(err, MR_ERR_USAGE,
                "the %s '%.*s' is a directory; name a file in it, or as a source a pattern such as "
                "'%.*s/*.csv'",
                endpoint->role, MR_SLICE_ARGS(path), MR_SLICE_ARGS(path));
    if (mr_connector_name_find(path) != NULL)
        mr_error_advise(err, "the connector of that name is meant when a colon ends it");
    if (err != NULL && prefix_length(path) > 0)
        mr_error_advise(err, "if this is a connector of a plug-in, load it with --plugin FILE");
    return say_where(endpoint->path_from, err, MR_ERR_USAGE);
}

mr_code mr_endpoint_finish(mr_endpoint *endpoint, mr_error *err)
{
    if (endpoint->connector == NULL) MR_TRY(connector_of_path(endpoint, err));
    if (endpoint->path == NULL) {
        if (!mr_connector_name_find(mr_slice_text(endpoint->connector))->needs_path) return MR_OK;
        mr_fail(err, MR_ERR_USAGE, "the %s '%s' has no path", endpoint->role, endpoint->connector);
        return endpoint->connector_from.origin < MR_ORIGIN_FLAG
                   ? say_where(endpoint->connector_from, err, MR_ERR_USAGE)
                   : MR_ERR_USAGE;
    }
    const size_t at = suffix_of(endpoint->path);
    if (at == SIZE_MAX || suffixes[at].key == NULL) return MR_OK;
    if (strcmp(suffixes[at].connector, endpoint->connector) != 0) return MR_OK;
    return imply(endpoint, at, err);
}

/* ---- into the connector's table ---- */

/* For KEY_file of a secret KEY: the option KEY; otherwise NULL. */
static const mr_option *secret_behind(const mr_options *into, mr_slice key)
{
    if (!mr_slice_ends(key, "_file") && !mr_slice_ends(key, "-file")) return NULL;
    if (mr_option_find(into->table, key) != NULL) return NULL;
    const mr_slice base = mr_slice_of(key.ptr, key.len - strlen("_file"));
    const mr_option *option = mr_option_find(into->table, base);
    return option != NULL && (option->flags & MR_OPTION_SECRET) != 0 ? option : NULL;
}

static mr_code apply_secret(const mr_setting *setting, const mr_option *option, mr_options *into,
                            mr_error *err)
{
    mr_slice secret;
    const mr_code code = mr_secret_load(into->arena, setting->value, &secret, err);
    if (code == MR_OK)
        return mr_options_set(into, mr_slice_text(option->name), secret, setting->from, err);
    if (err != NULL) mr_error_prefix(err, "%s", setting->key);
    return say_where(setting->from, err, code);
}

static mr_code apply_one(const mr_setting *setting, mr_options *into, mr_error *err)
{
    const mr_slice key = mr_slice_text(setting->key), value = mr_slice_text(setting->value);
    const mr_option *secret = secret_behind(into, key);
    if (secret != NULL && setting->kind == MR_SETTING_VALUE)
        return apply_secret(setting, secret, into, err);
    switch (setting->kind) {
    case MR_SETTING_VALUE: return mr_options_set(into, key, value, setting->from, err);
    case MR_SETTING_ITEM: return mr_options_append(into, key, value, setting->from, err);
    case MR_SETTING_PAIR:
        return mr_options_put(into, key, mr_slice_text(setting->pair_key), value, setting->from,
                              err);
    }
    return MR_OK;
}

/* A shared setting yields to one that the end itself gives, and may be meant for the other end
 * only. */
static bool passes_over(const mr_endpoint *endpoint, const mr_setting *setting,
                        const mr_options *into, const mr_option *other)
{
    if (!setting->shared) return false;
    for (uint32_t i = 0; i < endpoint->count; i++) {
        const mr_setting *own = &endpoint->settings[i];
        if (!own->shared && own->from.origin != MR_ORIGIN_DEFAULT && is_key(own, setting->key))
            return true;
    }
    const mr_slice key = mr_slice_text(setting->key);
    return mr_option_find(into->table, key) == NULL && other != NULL &&
           mr_option_find(other, key) != NULL;
}

mr_code mr_endpoint_apply(const mr_endpoint *endpoint, mr_options *into, const mr_option *other,
                          mr_error *err)
{
    for (uint32_t i = 0; i < endpoint->count; i++)
        if (!passes_over(endpoint, &endpoint->settings[i], into, other))
            MR_TRY(apply_one(&endpoint->settings[i], into, err));
    return mr_options_require(into, err);
}
