/* SPDX-License-Identifier: MIT
 *
 * The shape:
 *
 *     properties          run-wide keys, sections nested; source, destination, csv, json
 *     $defs
 *       boolean, ...      what a value may look like, once for all
 *       NAME_source_keys  the options of a connector, and so on for each and for destinations
 *       source_mapping    keys of any end; type says which connector's keys come on top
 *
 * Any plain value may be a text that holds a variable, and nothing at all. */
#include "pipeline/config_schema.h"

#include <stdio.h>

#include "connector/connectors.h"
#include "core/json.h"
#include "core/number.h"
#include "pipeline/config.h"

#define NAME_BYTES 128

/* ---- small pieces ---- */

static void key_text(mr_json_out *json, const char *key, const char *text)
{
    mr_json_key(json, key);
    mr_json_text(json, mr_slice_text(text));
}

static void ref(mr_json_out *json, const char *name)
{
    char path[NAME_BYTES + 16];
    snprintf(path, sizeof path, "#/$defs/%s", name);
    key_text(json, "$ref", path);
}

static void ref_object(mr_json_out *json, const char *name)
{
    mr_json_open(json, '{');
    ref(json, name);
    mr_json_close(json, '}');
}

/* A name, and again with '-' where it holds '_', for they are the same. */
static void put_name(mr_json_out *json, mr_slice name)
{
    char dashed[NAME_BYTES];
    size_t len = 0;
    bool differs = false;
    mr_json_text(json, name);
    for (; len < name.len && len < sizeof dashed; len++) {
        dashed[len] = name.ptr[len] == '_' ? '-' : name.ptr[len];
        differs = differs || dashed[len] != name.ptr[len];
    }
    if (differs) mr_json_text(json, mr_slice_of(dashed, len));
}

/* ---- values ---- */

static const char value_defs[] =
    "\"variable\":{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"},"
    "\"text\":{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]},"
    "\"boolean\":{\"anyOf\":[{\"type\":[\"boolean\",\"null\"]},{\"enum\":[0,1]},"
    "{\"type\":\"string\",\"pattern\":\"^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy][Ee][Ss]|[Nn]["
    "Oo]|"
    "[Oo][Nn]|[Oo][Ff][Ff]|0|1)$\"},{\"$ref\":\"#/$defs/variable\"}]},"
    "\"whole\":{\"anyOf\":[{\"type\":[\"integer\",\"null\"]},{\"type\":\"string\",\"pattern\":"
    "\"^-?[0-9]+$\"},{\"$ref\":\"#/$defs/variable\"}]},"
    "\"number\":{\"anyOf\":[{\"type\":[\"number\",\"null\"]},{\"type\":\"string\",\"pattern\":"
    "\"^-?[0-9.]+([eE][-+]?[0-9]+)?$\"},{\"$ref\":\"#/$defs/variable\"}]},"
    "\"duration\":{\"anyOf\":[{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"description\":"
    "\"nanoseconds\"},{\"type\":\"string\",\"pattern\":"
    "\"^([0-9]+|([0-9]+(\\\\.[0-9]+)?(d|h|m|s|ms|us|\\u00b5s|\\u03bcs|ns))+)$\"},"
    "{\"$ref\":\"#/$defs/variable\"}]},"
    "\"size\":{\"anyOf\":[{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"description\":\"bytes\"}"
    ","
    "{\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]+)? "
    "?([bB]|[kKmMgGtTpP]([iI]?[bB]?))?$\"},"
    "{\"$ref\":\"#/$defs/variable\"}]},"
    "\"list\":{\"anyOf\":[{\"$ref\":\"#/$defs/text\"},{\"type\":\"array\",\"items\":"
    "{\"type\":[\"string\",\"number\",\"boolean\"]}}]},"
    "\"map\":{\"anyOf\":[{\"type\":[\"string\",\"null\"]},{\"type\":\"object\","
    "\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\"]}}]}";

static const char *def_of(const mr_option *option)
{
    switch (option->type) {
    case MR_OPTION_BOOL: return "boolean";
    case MR_OPTION_I64:
    case MR_OPTION_U32:
    case MR_OPTION_U64: return "whole";
    case MR_OPTION_F64: return "number";
    case MR_OPTION_DURATION_NS: return "duration";
    case MR_OPTION_SIZE_BYTES: return "size";
    case MR_OPTION_LIST: return "list";
    case MR_OPTION_MAP: return "map";
    case MR_OPTION_TEXT:
    case MR_OPTION_CHAR:
    case MR_OPTION_ENUM:
    case MR_OPTION_PARSED: return "text";
    }
    return "text";
}

/* The schema's bounds hold for numbers only and leave texts alone, so they may stand beside. */
static void put_range(mr_json_out *json, const mr_option *option)
{
    const bool counts = option->type == MR_OPTION_U32 || option->type == MR_OPTION_U64 ||
                        option->type == MR_OPTION_I64 || option->type == MR_OPTION_F64 ||
                        option->type == MR_OPTION_DURATION_NS ||
                        option->type == MR_OPTION_SIZE_BYTES;
    if (!counts) return;
    const bool has = option->range.min != 0 || option->range.max != 0;
    const bool is_unsigned = option->type == MR_OPTION_U32 || option->type == MR_OPTION_U64;
    if (has || is_unsigned) mr_json_key(json, "minimum"), mr_json_i64(json, option->range.min);
    if (has && option->range.max != INT64_MAX)
        mr_json_key(json, "maximum"), mr_json_i64(json, option->range.max);
}

static void put_choices(mr_json_out *json, const mr_option *option)
{
    mr_json_key(json, "anyOf");
    mr_json_open(json, '[');
    mr_json_open(json, '{');
    mr_json_key(json, "enum");
    mr_json_open(json, '[');
    for (const mr_option_choice *c = option->choices; c->name != NULL; c++) {
        put_name(json, mr_slice_text(c->name));
        const bool no = strcmp(c->name, "off") == 0; /* as YAML 1.1 reads it */
        if (no || strcmp(c->name, "false") == 0) mr_json_bool(json, false);
        if (strcmp(c->name, "true") == 0) mr_json_bool(json, true);
    }
    mr_json_null(json);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
    ref_object(json, "variable");
    mr_json_close(json, ']');
}

/* The ways to write the fallback of an option. */
static void put_spellings(mr_json_out *json, const mr_option *option)
{
    static const char *const yes[] = {"yes", "on", "1"}, *const no[] = {"no", "off", "0"};
    uint64_t number = 0;
    mr_json_null(json);
    if (option->fallback == NULL) return;
    mr_json_text(json, mr_slice_text(option->fallback));
    if (mr_parse_u64(mr_slice_text(option->fallback), &number)) mr_json_u64(json, number);
    if (option->type != MR_OPTION_BOOL) return;
    const bool value = strcmp(option->fallback, "true") == 0;
    mr_json_bool(json, value);
    mr_json_u64(json, value);
    for (size_t i = 0; i < MR_COUNT_OF(yes); i++)
        mr_json_text(json, mr_slice_text(value ? yes[i] : no[i]));
}

/* What is not built yet may hold its default, or nothing. */
static void put_refused(mr_json_out *json, const mr_option *option)
{
    mr_json_key(json, "anyOf");
    mr_json_open(json, '[');
    mr_json_open(json, '{');
    mr_json_key(json, "enum");
    mr_json_open(json, '[');
    put_spellings(json, option);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
    mr_json_raw(json, MR_SLICE("{\"type\":[\"array\",\"object\"],\"maxItems\":0,"
                               "\"maxProperties\":0}"));
    mr_json_close(json, ']');
}

/* Help, what the value must look like where the schema cannot say it, and the note. */
static void describe(const mr_option *option, char *out, size_t size)
{
    char expects[256] = "";
    const bool has_grammar = option->type == MR_OPTION_PARSED || option->type == MR_OPTION_CHAR;
    const char *const status = (option->flags & MR_OPTION_REFUSED) != 0   ? "; not supported yet: "
                               : (option->flags & MR_OPTION_IGNORED) != 0 ? "; no effect: "
                               : (option->flags & MR_OPTION_DEPRECATED) != 0 ? "; deprecated: "
                                                                             : "";
    if (has_grammar) mr_option_expects(option, expects, sizeof expects);
    snprintf(out, size, "%s%s%s%s%s", option->help != NULL ? option->help : "",
             has_grammar ? "; " : "", expects, status, *status != 0 ? option->note : "");
}

static void put_default(mr_json_out *json, const mr_option *option)
{
    uint64_t number;
    const char *const text = option->fallback;
    if (text == NULL || (option->flags & MR_OPTION_SECRET) != 0) return;
    mr_json_key(json, "default");
    if (option->type == MR_OPTION_BOOL)
        mr_json_bool(json, strcmp(text, "true") == 0);
    else if (mr_parse_u64(mr_slice_text(text), &number))
        mr_json_u64(json, number);
    else
        mr_json_text(json, mr_slice_text(text));
}

static void put_value(mr_json_out *json, const mr_option *option)
{
    const bool refused = (option->flags & MR_OPTION_REFUSED) != 0;
    char text[1024];
    describe(option, text, sizeof text);
    key_text(json, "description", text);
    put_default(json, option);
    if (refused) {
        put_refused(json, option);
    } else if (option->type == MR_OPTION_ENUM) {
        put_choices(json, option);
    } else {
        ref(json, def_of(option));
        put_range(json, option);
    }
}

/* ---- tables of dotted names ---- */

/* The part of `name` that stands behind `prefix` and before the next dot; empty when it does not
 * begin with the prefix. `*leaf`: nothing comes behind it. */
static mr_slice child_of(mr_slice name, mr_slice prefix, bool *leaf)
{
    if (name.len <= prefix.len || memcmp(name.ptr, prefix.ptr, prefix.len) != 0)
        return (mr_slice){NULL, 0};
    const mr_slice rest = mr_slice_from(name, prefix.len);
    const char *const dot = memchr(rest.ptr, '.', rest.len);
    *leaf = dot == NULL;
    return mr_slice_of(rest.ptr, dot != NULL ? (size_t)(dot - rest.ptr) : rest.len);
}

/* Visits the names of an option, its own first. */
static bool next_name(const mr_option *option, const char **rest, bool *begun, mr_slice *out)
{
    if (*begun) return mr_option_next_alias(rest, out);
    *begun = true;
    *rest = option->aliases;
    *out = mr_slice_text(option->name);
    return true;
}

typedef struct walk {
    mr_json_out *json;
    const mr_option *table;
    bool in_end; /* the sections that may stand inside an end, not the whole file */
} walk;

typedef struct child {
    mr_slice name;
    const mr_option *option; /* NULL: only a section */
    bool is_section;
} child;

/* What the table says of the child `name` of `prefix`. */
static child look_up(const mr_option *table, mr_slice prefix, mr_slice name)
{
    child found = {.name = name};
    for (const mr_option *option = table; option->name != NULL; option++) {
        const char *rest = NULL;
        bool begun = false, leaf = false;
        for (mr_slice full; next_name(option, &rest, &begun, &full);) {
            if (!mr_slice_equal(child_of(full, prefix, &leaf), name) || name.len == 0) continue;
            if (leaf) found.option = option;
            found.is_section = found.is_section || !leaf;
        }
    }
    return found;
}

/* True if a name before (option, its name number) has the same child already. */
static bool seen_before(const mr_option *table, const mr_option *at, unsigned number,
                        mr_slice prefix, mr_slice name)
{
    for (const mr_option *option = table; option <= at; option++) {
        const char *rest = NULL;
        bool begun = false, leaf;
        unsigned n = 0;
        for (mr_slice full; next_name(option, &rest, &begun, &full); n++) {
            if (option == at && n >= number) return false;
            if (mr_slice_equal(child_of(full, prefix, &leaf), name)) return true;
        }
    }
    return false;
}

static void put_properties(const walk *w, mr_slice prefix);

static void put_section(const walk *w, mr_slice prefix, mr_slice name)
{
    char longer[NAME_BYTES];
    const int len =
        snprintf(longer, sizeof longer, "%.*s%.*s.", MR_SLICE_ARGS(prefix), MR_SLICE_ARGS(name));
    mr_json_key(w->json, "type");
    mr_json_raw(w->json, MR_SLICE("[\"object\",\"null\"]"));
    mr_json_key(w->json, "additionalProperties"), mr_json_bool(w->json, false);
    mr_json_key(w->json, "properties");
    mr_json_open(w->json, '{');
    put_properties(w, mr_slice_of(longer, (size_t)len));
    mr_json_close(w->json, '}');
}

/* Ends by name, of an application file. */
static bool put_named_ends(const walk *w, mr_slice name)
{
    const bool sources = mr_slice_is(name, "sources");
    if (!sources && !mr_slice_is(name, "destinations")) return false;
    key_text(w->json, "description", "of an application file: ends by name");
    mr_json_key(w->json, "type"), mr_json_raw(w->json, MR_SLICE("[\"object\",\"null\"]"));
    mr_json_key(w->json, "additionalProperties");
    ref_object(w->json, sources ? "source" : "destination");
    return true;
}

/* Keys whose grammar is more than an option table says. */
static bool put_free(const walk *w, mr_slice name)
{
    const bool steps = mr_slice_is(name, "transforms");
    if (w->table != mr_config_table || (!steps && !mr_slice_is(name, "schema"))) return false;
    const mr_option *const option = mr_option_find(w->table, name);
    key_text(w->json, "description", option->help);
    if (!steps) return true;
    mr_json_key(w->json, "type"), mr_json_raw(w->json, MR_SLICE("[\"array\",\"null\"]"));
    mr_json_key(w->json, "items");
    mr_json_raw(w->json, mr_slice_text(mr_step_json_schema()));
    return true;
}

/* Options of the end's connector, which stand under another name there. */
static bool put_credentials(const walk *w, mr_slice prefix, mr_slice name)
{
    if (!w->in_end || !mr_slice_is(prefix, "security.")) return false;
    if (!mr_slice_is(name, "credentials") && !mr_slice_is(name, "auth")) return false;
    mr_json_key(w->json, "type"), mr_json_raw(w->json, MR_SLICE("[\"object\",\"null\"]"));
    return true;
}

/* default, or a list of mappings and names. */
static bool put_alerts(const walk *w, mr_slice name)
{
    mr_json_out *const json = w->json;
    if (w->table != mr_config_table || w->in_end || !mr_slice_is(name, "alerts")) return false;
    key_text(json, "description", mr_option_find(w->table, name)->help);
    mr_json_key(json, "anyOf");
    mr_json_raw(json,
                MR_SLICE("[{\"$ref\":\"#/$defs/alert_name\"},{\"type\":\"null\"},"
                         "{\"type\":\"array\",\"items\":{\"anyOf\":["
                         "{\"$ref\":\"#/$defs/alert_name\"},{\"$ref\":\"#/$defs/alert\"}]}}]"));
    return true;
}

static void put_alert_defs(mr_json_out *json)
{
    mr_json_key(json, "alert_name");
    mr_json_open(json, '{');
    mr_json_key(json, "enum");
    mr_json_open(json, '[');
    mr_json_text(json, MR_SLICE("default"));
    mr_json_text(json, MR_SLICE("defaults"));
    for (size_t i = 0; mr_alert_shipped(i) != NULL; i++)
        mr_json_text(json, mr_slice_text(mr_alert_shipped(i)));
    mr_json_close(json, ']');
    mr_json_close(json, '}');
    mr_json_key(json, "alert");
    mr_json_open(json, '{');
    key_text(json, "type", "object");
    mr_json_key(json, "required"), mr_json_raw(json, MR_SLICE("[\"name\",\"condition\"]"));
    mr_json_key(json, "additionalProperties"), mr_json_bool(json, false);
    mr_json_key(json, "properties");
    mr_json_open(json, '{');
    put_properties(&(walk){json, mr_alert_table, false}, MR_SLICE(""));
    mr_json_close(json, '}');
    mr_json_close(json, '}');
}

static void put_option_or_section(const walk *w, mr_slice prefix, const child *what)
{
    mr_json_out *const json = w->json;
    mr_json_key(json, "anyOf"); /* circuit_breaker: true, or a mapping */
    mr_json_open(json, '[');
    mr_json_open(json, '{');
    put_value(json, what->option);
    mr_json_close(json, '}');
    mr_json_open(json, '{');
    put_section(w, prefix, what->name);
    mr_json_close(json, '}');
    mr_json_close(json, ']');
}

static void put_child(const walk *w, mr_slice prefix, const child *what)
{
    char key[NAME_BYTES];
    const bool at_top = prefix.len == 0;
    snprintf(key, sizeof key, "%.*s", MR_SLICE_ARGS(what->name));
    mr_json_key(w->json, key);
    mr_json_open(w->json, '{');
    if (at_top && w->table == mr_config_table && put_named_ends(w, what->name))
        ;
    else if (put_credentials(w, prefix, what->name) ||
             (at_top && (put_free(w, what->name) || put_alerts(w, what->name))))
        ;
    else if (what->option != NULL && what->is_section && !(at_top && w->in_end))
        put_option_or_section(w, prefix, what);
    else if (what->option != NULL && !what->is_section)
        put_value(w->json, what->option);
    else
        put_section(w, prefix, what->name);
    mr_json_close(w->json, '}');
}

/* Inside an end only mappings are run-wide keys; anything else is an option of the connector. */
static bool has_place(const walk *w, mr_slice prefix, const child *what)
{
    if (!w->in_end || prefix.len > 0) return true;
    if (mr_slice_is(what->name, "sources") || mr_slice_is(what->name, "destinations")) return false;
    if (mr_slice_is(what->name, "auth")) return false; /* the end's own */
    return what->is_section || what->option->type == MR_OPTION_MAP;
}

/* Recursion is as deep as names have dots. */
static void put_properties(const walk *w, mr_slice prefix)
{
    for (const mr_option *option = w->table; option->name != NULL; option++) {
        const char *rest = NULL;
        bool begun = false, leaf = false;
        unsigned number = 0;
        for (mr_slice full; next_name(option, &rest, &begun, &full); number++) {
            const mr_slice name = child_of(full, prefix, &leaf);
            if (name.len == 0 || seen_before(w->table, option, number, prefix, name)) continue;
            const child what = look_up(w->table, prefix, name);
            if (has_place(w, prefix, &what)) put_child(w, prefix, &what);
        }
    }
}

/* ---- connectors ---- */

typedef struct end {
    const char *role; /* "source" or "destination" */
    const char *name; /* of the connector */
    const mr_option *options;
} end;

/* The end number `at` of a role; false behind the last. */
static bool end_at(const char *role, size_t at, end *out)
{
    if (strcmp(role, "source") == 0) {
        if (mr_sources[at] == NULL) return false;
        *out = (end){role, mr_sources[at]->name, mr_sources[at]->options};
    } else {
        if (mr_destinations[at] == NULL) return false;
        *out = (end){role, mr_destinations[at]->name, mr_destinations[at]->options};
    }
    return true;
}

static void put_secret_file(mr_json_out *json, const mr_option *option)
{
    char key[NAME_BYTES];
    if ((option->flags & MR_OPTION_SECRET) == 0) return;
    snprintf(key, sizeof key, "%s_file", option->name);
    mr_json_key(json, key);
    mr_json_open(json, '{');
    key_text(json, "description", "a file that holds it");
    ref(json, "text");
    mr_json_close(json, '}');
}

/* "NAME_source_keys": properties only, so that it can be combined. */
static void put_keys_def(mr_json_out *json, const end *e)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s_%s_keys", e->name, e->role);
    mr_json_key(json, name);
    mr_json_open(json, '{');
    mr_json_key(json, "properties");
    mr_json_open(json, '{');
    if (e->options != NULL) {
        put_properties(&(walk){json, e->options, false}, MR_SLICE(""));
        for (const mr_option *option = e->options; option->name != NULL; option++)
            put_secret_file(json, option);
    }
    mr_json_close(json, '}');
    mr_json_close(json, '}');
}

static void put_names_of(mr_json_out *json, const char *connector)
{
    for (const mr_connector_name *c = mr_connector_names; c->name != NULL; c++) {
        if (strcmp(c->name, connector) != 0) continue;
        const char *rest = c->aliases;
        put_name(json, mr_slice_text(c->name));
        for (mr_slice alias; mr_option_next_alias(&rest, &alias);)
            put_name(json, alias);
    }
}

/* {"properties":{KEY:{"enum":[names]}},"required":[KEY]} */
static void put_is_called(mr_json_out *json, const char *key, const char *connector)
{
    mr_json_open(json, '{');
    mr_json_key(json, "properties");
    mr_json_open(json, '{');
    mr_json_key(json, key);
    mr_json_open(json, '{');
    mr_json_key(json, "enum");
    mr_json_open(json, '[');
    put_names_of(json, connector);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
    mr_json_close(json, '}');
    mr_json_key(json, "required");
    mr_json_open(json, '[');
    mr_json_text(json, mr_slice_text(key));
    mr_json_close(json, ']');
    mr_json_close(json, '}');
}

/* options, config and credentials hold the same keys in a mapping of their own. */
static void put_nested_options(mr_json_out *json, const char *keys_def)
{
    static const char *const names[] = {"options", "config", "credentials", "auth"};
    mr_json_key(json, "properties");
    mr_json_open(json, '{');
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        mr_json_key(json, names[i]);
        mr_json_open(json, '{');
        mr_json_key(json, "type"), mr_json_raw(json, MR_SLICE("[\"object\",\"null\"]"));
        ref(json, keys_def);
        if (strcmp(names[i], "auth") == 0) {
            mr_json_key(json, "properties");
            mr_json_raw(json, MR_SLICE("{\"type\":{\"$ref\":\"#/$defs/text\"}}"));
        } else {
            mr_json_key(json, "properties");
            mr_json_raw(json, MR_SLICE("{\"path\":{\"$ref\":\"#/$defs/text\"},\"file_path\":"
                                       "{\"$ref\":\"#/$defs/text\"}}"));
        }
        mr_json_key(json, "unevaluatedProperties"), mr_json_bool(json, false);
        mr_json_close(json, '}');
    }
    mr_json_close(json, '}');
}

/* if type says this connector, then its keys are allowed */
static void put_branch(mr_json_out *json, const end *e)
{
    char keys[NAME_BYTES];
    snprintf(keys, sizeof keys, "%s_%s_keys", e->name, e->role);
    mr_json_open(json, '{');
    mr_json_key(json, "if");
    mr_json_open(json, '{');
    mr_json_key(json, "anyOf");
    mr_json_open(json, '[');
    put_is_called(json, "type", e->name);
    put_is_called(json, "connector", e->name);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
    mr_json_key(json, "then");
    mr_json_open(json, '{');
    ref(json, keys);
    put_nested_options(json, keys);
    mr_json_close(json, '}');
    mr_json_close(json, '}');
}

/* Without a type the path decides, which is more than a schema can say: any connector's keys. */
static void put_untyped(mr_json_out *json, const char *role)
{
    mr_json_open(json, '{');
    mr_json_key(json, "if");
    mr_json_raw(json, MR_SLICE("{\"not\":{\"anyOf\":[{\"required\":[\"type\"]},"
                               "{\"required\":[\"connector\"]}]}}"));
    mr_json_key(json, "then");
    mr_json_open(json, '{');
    mr_json_key(json, "anyOf");
    mr_json_open(json, '[');
    end e;
    for (size_t i = 0; end_at(role, i, &e); i++) {
        char keys[NAME_BYTES];
        snprintf(keys, sizeof keys, "%s_%s_keys", e.name, role);
        mr_json_open(json, '{');
        ref(json, keys);
        put_nested_options(json, keys);
        mr_json_close(json, '}');
    }
    mr_json_close(json, ']');
    mr_json_close(json, '}');
    mr_json_close(json, '}');
}

static void put_type(mr_json_out *json, const char *key, const char *role)
{
    mr_json_key(json, key);
    mr_json_open(json, '{');
    key_text(json, "description", "the connector");
    mr_json_key(json, "enum");
    mr_json_open(json, '[');
    end e;
    for (size_t i = 0; end_at(role, i, &e); i++)
        put_names_of(json, e.name);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
}

static void put_mapping_def(mr_json_out *json, const char *role)
{
    static const char *const texts[] = {"path", "file_path", "name", "version", "description"};
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s_mapping", role);
    mr_json_key(json, name);
    mr_json_open(json, '{');
    key_text(json, "type", "object");
    mr_json_key(json, "properties");
    mr_json_open(json, '{');
    put_type(json, "type", role);
    put_type(json, "connector", role);
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++) {
        mr_json_key(json, texts[i]);
        ref_object(json, "text");
    }
    mr_json_key(json, "csv"), ref_object(json, "csv_section");
    mr_json_key(json, "json"), ref_object(json, "json_section");
    mr_json_key(json, "auth"), mr_json_raw(json, MR_SLICE("{\"type\":[\"object\",\"null\"]}"));
    put_properties(&(walk){json, mr_config_table, true}, MR_SLICE(""));
    mr_json_close(json, '}');
    mr_json_key(json, "allOf");
    mr_json_open(json, '[');
    end e;
    for (size_t i = 0; end_at(role, i, &e); i++)
        put_branch(json, &e);
    put_untyped(json, role);
    mr_json_close(json, ']');
    mr_json_key(json, "unevaluatedProperties"), mr_json_bool(json, false);
    mr_json_close(json, '}');
}

/* csv{} and json{}: keys of that connector at either end. */
static void put_shared_def(mr_json_out *json, const char *connector)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s_section", connector);
    mr_json_key(json, name);
    mr_json_open(json, '{');
    mr_json_key(json, "type"), mr_json_raw(json, MR_SLICE("[\"object\",\"null\"]"));
    mr_json_key(json, "anyOf");
    mr_json_open(json, '[');
    snprintf(name, sizeof name, "%s_source_keys", connector);
    ref_object(json, name);
    snprintf(name, sizeof name, "%s_destination_keys", connector);
    ref_object(json, name);
    mr_json_close(json, ']');
    mr_json_key(json, "unevaluatedProperties"), mr_json_bool(json, false);
    mr_json_close(json, '}');
}

static void put_end_def(mr_json_out *json, const char *role)
{
    char mapping[NAME_BYTES];
    snprintf(mapping, sizeof mapping, "%s_mapping", role);
    mr_json_key(json, role);
    mr_json_open(json, '{');
    key_text(json, "description",
             "an endpoint as on the command line (orders.csv, connector:path?key=value), or a "
             "mapping");
    mr_json_key(json, "anyOf");
    mr_json_open(json, '[');
    mr_json_raw(json, MR_SLICE("{\"type\":[\"string\",\"null\"]}"));
    ref_object(json, mapping);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
}

/* ---- the whole ---- */

static void put_defs(mr_json_out *json)
{
    static const char *const roles[] = {"source", "destination"};
    mr_json_key(json, "$defs");
    mr_json_open(json, '{');
    mr_json_raw(json, MR_SLICE(value_defs));
    for (size_t r = 0; r < MR_COUNT_OF(roles); r++) {
        end e;
        for (size_t i = 0; end_at(roles[r], i, &e); i++)
            put_keys_def(json, &e);
        put_end_def(json, roles[r]);
        put_mapping_def(json, roles[r]);
    }
    put_alert_defs(json);
    put_shared_def(json, "csv");
    put_shared_def(json, "json");
    mr_json_close(json, '}');
}

mr_code mr_config_schema_print(mr_buffer *out, mr_error *err)
{
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    key_text(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    key_text(&json, "title", "a pipeline of millrace " MR_VERSION);
    key_text(&json, "type", "object");
    mr_json_key(&json, "additionalProperties"), mr_json_bool(&json, false);
    mr_json_key(&json, "properties");
    mr_json_open(&json, '{');
    mr_json_key(&json, "source"), ref_object(&json, "source");
    mr_json_key(&json, "destination"), ref_object(&json, "destination");
    mr_json_key(&json, "csv"), ref_object(&json, "csv_section");
    mr_json_key(&json, "json"), ref_object(&json, "json_section");
    put_properties(&(walk){&json, mr_config_table, false}, MR_SLICE(""));
    mr_json_close(&json, '}');
    put_defs(&json);
    mr_json_close(&json, '}');
    if (json.failed) return mr_json_out_fail(&json, err);
    return mr_buffer_append_byte(out, '\n', err);
}
