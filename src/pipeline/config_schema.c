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
#include "pipeline/config_schema_internal.h"

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

static void put_section(const schema_walk *w, mr_slice prefix, mr_slice name)
{
    char longer[NAME_BYTES];
    const int len =
        snprintf(longer, sizeof longer, "%.*s%.*s.", MR_SLICE_ARGS(prefix), MR_SLICE_ARGS(name));
    mr_json_key(w->json, "type");
    mr_json_raw(w->json, MR_SLICE("[\"object\",\"null\"]"));
    mr_json_key(w->json, "additionalProperties"), mr_json_bool(w->json, false);
    mr_json_key(w->json, "properties");
    mr_json_open(w->json, '{');
    schema_put_properties(w, mr_slice_of(longer, (size_t)len));
    mr_json_close(w->json, '}');
}

/* Ends by name, of an application file. */
static bool put_named_ends(const schema_walk *w, mr_slice name)
{
    const bool sources = mr_slice_is(name, "sources");
    if (!sources && !mr_slice_is(name, "destinations")) return false;
    schema_key_text(w->json, "description", "of an application file: ends by name");
    mr_json_key(w->json, "type"), mr_json_raw(w->json, MR_SLICE("[\"object\",\"null\"]"));
    mr_json_key(w->json, "additionalProperties");
    schema_ref_object(w->json, sources ? "source" : "destination");
    return true;
}

/* Keys whose grammar is more than an option table says. */
static bool put_free(const schema_walk *w, mr_slice name)
{
    const bool steps = mr_slice_is(name, "transforms");
    if (w->table != mr_config_table || (!steps && !mr_slice_is(name, "schema"))) return false;
    const mr_option *const option = mr_option_find(w->table, name);
    schema_key_text(w->json, "description", option->help);
    if (!steps) return true;
    mr_json_key(w->json, "type"), mr_json_raw(w->json, MR_SLICE("[\"array\",\"null\"]"));
    mr_json_key(w->json, "items");
    mr_json_raw(w->json, mr_slice_text(mr_step_json_schema()));
    return true;
}

/* Options of the end's connector, which stand under another name there. */
static bool put_credentials(const schema_walk *w, mr_slice prefix, mr_slice name)
{
    if (!w->in_end || !mr_slice_is(prefix, "security.")) return false;
    if (!mr_slice_is(name, "credentials") && !mr_slice_is(name, "auth")) return false;
    mr_json_key(w->json, "type"), mr_json_raw(w->json, MR_SLICE("[\"object\",\"null\"]"));
    return true;
}

static void put_option_or_section(const schema_walk *w, mr_slice prefix, const child *what)
{
    mr_json_out *const json = w->json;
    mr_json_key(json, "anyOf"); /* circuit_breaker: true, or a mapping */
    mr_json_open(json, '[');
    mr_json_open(json, '{');
    schema_put_value(json, what->option);
    mr_json_close(json, '}');
    mr_json_open(json, '{');
    put_section(w, prefix, what->name);
    mr_json_close(json, '}');
    mr_json_close(json, ']');
}

static void put_child(const schema_walk *w, mr_slice prefix, const child *what)
{
    char key[NAME_BYTES];
    const bool at_top = prefix.len == 0;
    snprintf(key, sizeof key, "%.*s", MR_SLICE_ARGS(what->name));
    mr_json_key(w->json, key);
    mr_json_open(w->json, '{');
    if (at_top && w->table == mr_config_table && put_named_ends(w, what->name))
        ;
    else if (put_credentials(w, prefix, what->name) ||
             (at_top && (put_free(w, what->name) || schema_put_alerts(w, what->name))))
        ;
    else if (what->option != NULL && what->is_section && !(at_top && w->in_end))
        put_option_or_section(w, prefix, what);
    else if (what->option != NULL && !what->is_section)
        schema_put_value(w->json, what->option);
    else
        put_section(w, prefix, what->name);
    mr_json_close(w->json, '}');
}

/* Inside an end only mappings are run-wide keys; anything else is an option of the connector. */
static bool has_place(const schema_walk *w, mr_slice prefix, const child *what)
{
    if (!w->in_end || prefix.len > 0) return true;
    if (mr_slice_is(what->name, "sources") || mr_slice_is(what->name, "destinations")) return false;
    if (mr_slice_is(what->name, "auth")) return false; /* the end's own */
    if (mr_slice_is(what->name, "transforms")) return true;
    return what->is_section || what->option->type == MR_OPTION_MAP;
}

/* Recursion is as deep as names have dots. */
void schema_put_properties(const schema_walk *w, mr_slice prefix)
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
    schema_key_text(json, "description", "a file that holds it");
    schema_ref(json, "text");
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
        schema_put_properties(&(schema_walk){json, e->options, false}, MR_SLICE(""));
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
        schema_put_name(json, mr_slice_text(c->name));
        for (mr_slice alias; mr_option_next_alias(&rest, &alias);)
            schema_put_name(json, alias);
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
        schema_ref(json, keys_def);
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
    schema_ref(json, keys);
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
        schema_ref(json, keys);
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
    schema_key_text(json, "description", "the connector");
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
    schema_key_text(json, "type", "object");
    mr_json_key(json, "properties");
    mr_json_open(json, '{');
    put_type(json, "type", role);
    put_type(json, "connector", role);
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++) {
        mr_json_key(json, texts[i]);
        schema_ref_object(json, "text");
    }
    mr_json_key(json, "csv"), schema_ref_object(json, "csv_section");
    mr_json_key(json, "json"), schema_ref_object(json, "json_section");
    mr_json_key(json, "auth"), mr_json_raw(json, MR_SLICE("{\"type\":[\"object\",\"null\"]}"));
    schema_put_properties(&(schema_walk){json, mr_config_table, true}, MR_SLICE(""));
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
    schema_ref_object(json, name);
    snprintf(name, sizeof name, "%s_destination_keys", connector);
    schema_ref_object(json, name);
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
    schema_key_text(
        json, "description",
        "an endpoint as on the command line (orders.csv, connector:path?key=value), or a "
        "mapping");
    mr_json_key(json, "anyOf");
    mr_json_open(json, '[');
    mr_json_raw(json, MR_SLICE("{\"type\":[\"string\",\"null\"]}"));
    schema_ref_object(json, mapping);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
}

/* ---- the whole ---- */

static void put_defs(mr_json_out *json)
{
    static const char *const roles[] = {"source", "destination"};
    mr_json_key(json, "$defs");
    mr_json_open(json, '{');
    mr_json_raw(json, mr_slice_text(schema_value_defs));
    for (size_t r = 0; r < MR_COUNT_OF(roles); r++) {
        end e;
        for (size_t i = 0; end_at(roles[r], i, &e); i++)
            put_keys_def(json, &e);
        put_end_def(json, roles[r]);
        put_mapping_def(json, roles[r]);
    }
    schema_put_alert_defs(json);
    put_shared_def(json, "csv");
    put_shared_def(json, "json");
    mr_json_close(json, '}');
}

mr_code mr_config_schema_print(mr_buffer *out, mr_error *err)
{
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    schema_key_text(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    schema_key_text(&json, "title", "a pipeline of millrace " MR_VERSION);
    schema_key_text(&json, "type", "object");
    mr_json_key(&json, "additionalProperties"), mr_json_bool(&json, false);
    mr_json_key(&json, "properties");
    mr_json_open(&json, '{');
    mr_json_key(&json, "source"), schema_ref_object(&json, "source");
    mr_json_key(&json, "destination"), schema_ref_object(&json, "destination");
    mr_json_key(&json, "csv"), schema_ref_object(&json, "csv_section");
    mr_json_key(&json, "json"), schema_ref_object(&json, "json_section");
    schema_put_properties(&(schema_walk){&json, mr_config_table, false}, MR_SLICE(""));
    mr_json_close(&json, '}');
    put_defs(&json);
    mr_json_close(&json, '}');
    if (json.failed) return mr_json_out_fail(&json, err);
    return mr_buffer_append_byte(out, '\n', err);
}
