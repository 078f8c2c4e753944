/* SPDX-License-Identifier: MIT */
#include "pipeline/origin.h"

#include <stdio.h>

#include "core/json.h"
#include "pipeline/run_steps.h"

#define MAX_ORIGIN_BYTES ((size_t)32 << 20)

/* As the option's parser reads it. */
static void put_char(mr_json_out *json, char value)
{
    char text[8];
    const int len = value == 0 ? snprintf(text, sizeof text, "off")
                    : (unsigned char)value < 0x20 || (unsigned char)value >= 0x7f
                        ? snprintf(text, sizeof text, "\\x%02x", (unsigned)(unsigned char)value)
                        : snprintf(text, sizeof text, value == '\\' ? "\\\\" : "%c", value);
    mr_json_text(json, (mr_slice){text, (size_t)len});
}

static void put_list(mr_json_out *json, const mr_option_list *list)
{
    mr_json_open(json, '[');
    for (uint32_t i = 0; i < list->count; i++)
        mr_json_text(json, mr_slice_text(list->items[i]));
    mr_json_close(json, ']');
}

static void put_option(mr_json_out *json, const mr_options *options, uint32_t number)
{
    const mr_option *option = &options->table[number];
    const mr_option_state *state = &options->states[number];
    const char *value = (const char *)options->values + option->offset;
    if ((option->flags & (MR_OPTION_SECRET | MR_OPTION_IGNORED)) != 0) return;
    if (state->origin == MR_ORIGIN_DEFAULT || state->text == NULL) return;
    if (option->type == MR_OPTION_MAP) return;
    if (state->where != NULL && strcmp(state->where, "replay") == 0) return; /* not the user's */
    mr_json_key(json, option->name);
    if (option->type == MR_OPTION_CHAR)
        put_char(json, *value);
    else if (option->type == MR_OPTION_LIST)
        put_list(json, (const mr_option_list *)(const void *)value);
    else
        mr_json_text(json, mr_slice_text(state->text));
}

/* The types of text are known when all of it was looked at, or they were declared; values of JSON
 * bring their own, each for itself. */
static bool knows_types(const mr_run *run)
{
    if (run->source->declares != NULL && run->source->declares(run->source_state) != NULL)
        return true;
    const bool typed = (run->source->abilities(run->source_state) & MR_CAP_TYPED) != 0;
    if (typed) return run->source->read == NULL;
    if (mr_run_steps_compute(run))
        return run->declared_all; /* what was found is behind the steps */
    return run->declared_all || (run->discovered && run->exact);
}

static void put_columns(mr_json_out *json, const mr_run *run)
{
    const mr_schema *schema = run->source->schema(run->source_state);
    const bool types = knows_types(run);
    if (schema == NULL) return;
    mr_json_key(json, "columns");
    mr_json_open(json, '[');
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const mr_field *field = &schema->fields[i];
        mr_json_open(json, '{');
        mr_json_key(json, "name"), mr_json_text(json, field->name);
        if (types && field->type != MR_TYPE_NULL && field->type != MR_TYPE_MIXED)
            mr_json_key(json, "type"), mr_json_text(json, mr_slice_text(mr_type_name(field->type)));
        mr_json_close(json, '}');
    }
    mr_json_close(json, ']');
}

/* A replayed record is what it was before: of the connector that it came from first. */
static void put_source(mr_json_out *json, const mr_run *run)
{
    const mr_options *options = &run->source_options;
    const char *name = run->source->name;
    if (run->source->origin != NULL) options = run->source->origin(run->source_state, &name);
    mr_json_key(json, "connector"), mr_json_text(json, mr_slice_text(name));
    mr_json_key(json, "options");
    mr_json_open(json, '{');
    for (uint32_t i = 0; i < options->count; i++)
        put_option(json, options, i);
    mr_json_close(json, '}');
}

mr_code mr_origin_write(mr_run *run, mr_slice *out, mr_error *err)
{
    mr_buffer text;
    mr_buffer_init(&text, "the origin of the rejected records", MAX_ORIGIN_BYTES);
    mr_json_out json = {.out = &text};
    mr_json_open(&json, '{');
    put_source(&json, run);
    put_columns(&json, run);
    mr_json_close(&json, '}');
    mr_code rc = json.failed ? mr_json_out_fail(&json, err) : MR_OK;
    const char *copy = rc == MR_OK ? mr_arena_copy(run->arena, mr_buffer_slice(&text)) : NULL;
    if (rc == MR_OK && copy == NULL) rc = mr_arena_fail(run->arena, err);
    *out = (mr_slice){copy, copy != NULL ? text.len : 0};
    mr_buffer_done(&text);
    return rc;
}
