/* SPDX-License-Identifier: MIT
 *
 * What a value may look like, by the type of its option. */
#include "pipeline/config_schema_internal.h"

#include <stdio.h>

#include "core/number.h"

/* ---- small pieces ---- */

void schema_key_text(mr_json_out *json, const char *key, const char *text)
{
    mr_json_key(json, key);
    mr_json_text(json, mr_slice_text(text));
}

void schema_ref(mr_json_out *json, const char *name)
{
    char path[NAME_BYTES + 16];
    snprintf(path, sizeof path, "#/$defs/%s", name);
    schema_key_text(json, "$ref", path);
}

void schema_ref_object(mr_json_out *json, const char *name)
{
    mr_json_open(json, '{');
    schema_ref(json, name);
    mr_json_close(json, '}');
}

/* A name, and again with '-' where it holds '_', for they are the same. */
void schema_put_name(mr_json_out *json, mr_slice name)
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

const char schema_value_defs[] =
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
        schema_put_name(json, mr_slice_text(c->name));
        const bool no = strcmp(c->name, "off") == 0; /* as YAML 1.1 reads it */
        if (no || strcmp(c->name, "false") == 0) mr_json_bool(json, false);
        if (strcmp(c->name, "true") == 0) mr_json_bool(json, true);
    }
    mr_json_null(json);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
    schema_ref_object(json, "variable");
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

void schema_put_value(mr_json_out *json, const mr_option *option)
{
    const bool refused = (option->flags & MR_OPTION_REFUSED) != 0;
    char text[1024];
    describe(option, text, sizeof text);
    schema_key_text(json, "description", text);
    put_default(json, option);
    if (refused) {
        put_refused(json, option);
    } else if (option->type == MR_OPTION_ENUM) {
        put_choices(json, option);
    } else {
        schema_ref(json, def_of(option));
        put_range(json, option);
    }
}
