/* SPDX-License-Identifier: MIT */
#include "core/option.h"

#include <stdio.h>

#include "core/nearest.h"
#include "core/option_internal.h"

#define MAX_NAME_SHOWN 128

/* Where the last component of a dotted name starts. */
static size_t leaf_start(mr_slice name)
{
    for (size_t i = name.len; i > 0; i--)
        if (name.ptr[i - 1] == '.') return i;
    return 0;
}

bool mr_option_next_alias(const char **rest, mr_slice *out)
{
    if (*rest == NULL) return false;
    const char *start = *rest + strspn(*rest, " ");
    const size_t len = strcspn(start, " ");
    *out = mr_slice_of(start, len);
    *rest = start + len;
    return len > 0;
}

static bool option_is_called(const mr_option *option, mr_slice name)
{
    if (mr_names_equal(mr_slice_text(option->name), name)) return true;
    const char *rest = option->aliases;
    for (mr_slice alias; mr_option_next_alias(&rest, &alias);)
        if (mr_names_equal(alias, name)) return true;
    return false;
}

const mr_option *mr_option_find(const mr_option *table, mr_slice name)
{
    for (const mr_option *option = table; option->name != NULL; option++)
        if (option_is_called(option, name)) return option;
    return NULL;
}

static bool is_below(mr_slice name, mr_slice section)
{
    return name.len > section.len + 1 && name.ptr[section.len] == '.' &&
           mr_names_equal(mr_slice_of(name.ptr, section.len), section);
}

bool mr_option_is_section(const mr_option *table, mr_slice name)
{
    for (const mr_option *option = table; option->name != NULL; option++) {
        if (is_below(mr_slice_text(option->name), name)) return true;
        const char *rest = option->aliases;
        for (mr_slice alias; mr_option_next_alias(&rest, &alias);)
            if (is_below(alias, name)) return true;
    }
    return false;
}

static bool is_in(mr_slice known, mr_slice section)
{
    return leaf_start(known) == section.len &&
           mr_names_equal(mr_slice_of(known.ptr, section.len), section);
}

/* The closest alias of the section; empty when none is near. */
static mr_slice nearest_alias(const mr_option *table, mr_slice section, mr_slice leaf)
{
    mr_slice best = {NULL, 0};
    size_t least = SIZE_MAX;
    for (const mr_option *option = table; option->name != NULL; option++) {
        const char *rest = option->aliases;
        for (mr_slice alias; mr_option_next_alias(&rest, &alias);) {
            if (!is_in(alias, section)) continue;
            const mr_slice known = mr_slice_from(alias, section.len);
            const size_t distance = mr_edit_distance(leaf, known);
            if (distance < least) best = known;
            if (distance < least) least = distance;
        }
    }
    return mr_nearest_allows(leaf, least) ? best : (mr_slice){NULL, 0};
}

/* The closest last component among the options of the wanted section; aliases are suggested only
 * where no option's own name is near. */
static mr_slice nearest_in_section(const mr_option *table, mr_slice name)
{
    const size_t start = leaf_start(name);
    const mr_slice section = mr_slice_of(name.ptr, start), leaf = mr_slice_from(name, start);
    mr_nearest near = mr_nearest_to(leaf);
    for (const mr_option *option = table; option->name != NULL; option++)
        if (is_in(mr_slice_text(option->name), section))
            mr_nearest_offer(&near, option->name + start);
    if (mr_nearest_best(&near) != NULL) return mr_slice_text(mr_nearest_best(&near));
    return nearest_alias(table, section, leaf);
}

mr_code mr_option_unknown(const mr_option *table, const char *table_name, mr_slice name,
                          mr_error *err)
{
    const mr_slice shown = {name.ptr, name.len < MAX_NAME_SHOWN ? name.len : MAX_NAME_SHOWN};
    const size_t start = leaf_start(shown);
    const mr_slice leaf = mr_slice_from(shown, start);
    const mr_slice section =
        start > 0 ? mr_slice_of(shown.ptr, start - 1) : mr_slice_text(table_name);
    mr_slice near = nearest_in_section(table, shown);
    if (near.len == 0) {
        mr_nearest anywhere = mr_nearest_to(shown);
        for (const mr_option *option = table; option->name != NULL; option++)
            mr_nearest_offer(&anywhere, option->name);
        near = mr_slice_text(mr_nearest_best(&anywhere));
    }
    if (near.len == 0)
        return mr_fail(err, MR_ERR_USAGE, "unknown key '%.*s' in %.*s", MR_SLICE_ARGS(leaf),
                       MR_SLICE_ARGS(section));
    return mr_fail(err, MR_ERR_USAGE, "unknown key '%.*s' in %.*s; did you mean '%.*s'?",
                   MR_SLICE_ARGS(leaf), MR_SLICE_ARGS(section), MR_SLICE_ARGS(near));
}

static void *field_of(const mr_options *options, const mr_option *option)
{
    return (char *)options->values + option->offset;
}

static mr_option_state *state_of(const mr_options *options, const mr_option *option)
{
    return &options->states[option - options->table];
}

static bool is_collection(const mr_option *option)
{
    return option->type == MR_OPTION_LIST || option->type == MR_OPTION_MAP;
}

static mr_code set_fallback(mr_options *options, const mr_option *option, mr_error *err)
{
    option_value value;
    memset(&value, 0, sizeof value);
    if (is_collection(option)) {
        if (option->fallback != NULL)
            MR_TRY(option_value_split(option, mr_slice_text(option->fallback), options->arena,
                                      &value, err));
    } else if (option->fallback != NULL) {
        MR_TRY(option_value_parse(option, mr_slice_text(option->fallback), options->arena, &value,
                                  err));
    } else if (option->type != MR_OPTION_TEXT) {
        return MR_OK;
    }
    memcpy(field_of(options, option), &value, option_field_size(option));
    state_of(options, option)->text = option->fallback;
    return MR_OK;
}

mr_code mr_options_init(mr_options *options, const char *name, const mr_option *table, void *values,
                        mr_arena *arena, mr_error *err)
{
    uint32_t count = 0;
    while (table[count].name != NULL)
        count++;
    *options = (mr_options){
        .table = table, .name = name, .values = values, .arena = arena, .count = count};
    options->states = mr_arena_take(arena, (count + 1) * sizeof *options->states);
    if (options->states == NULL) return mr_arena_fail(arena, err);
    for (const mr_option *option = table; option->name != NULL; option++)
        if (set_fallback(options, option, err) != MR_OK)
            return err == NULL ? MR_ERR_USAGE
                               : mr_error_prefix(err, "fallback of '%s' in %s", option->name, name);
    return MR_OK;
}

/* ---- setting ---- */

/* One assignment on its way: found, parsed, and only then stored. */
typedef struct assignment {
    mr_options *options;
    const mr_option *option;
    mr_slice name; /* as written */
    mr_option_from from;
    option_value value;
    bool skip; /* somebody stronger has set it */
} assignment;

/* "where: key: " before what went wrong; where without key for unknown names. */
static mr_code say_where(const assignment *set, mr_error *err, mr_code code)
{
    if (err == NULL) return code;
    if (set->option != NULL && code == MR_ERR_USAGE)
        mr_error_prefix(err, "%.*s", MR_SLICE_ARGS(set->name));
    if (set->from.where != NULL) mr_error_prefix(err, "%s", set->from.where);
    return code;
}

/* For lists and maps `value` starts as what the same origin has put there already. */
static mr_code begin(assignment *set, mr_error *err)
{
    mr_options *options = set->options;
    set->option = mr_option_find(options->table, set->name);
    if (set->option == NULL)
        return mr_option_unknown(options->table, options->name, set->name, err);
    const mr_option_state *state = state_of(options, set->option);
    set->skip = state->origin > set->from.origin;
    memset(&set->value, 0, sizeof set->value);
    if (is_collection(set->option) && state->origin == set->from.origin)
        memcpy(&set->value, field_of(options, set->option), option_field_size(set->option));
    return MR_OK;
}

static bool same_value(const mr_option *option, const option_value *a, const option_value *b)
{
    if (option->type == MR_OPTION_TEXT) return strcmp(a->text, b->text) == 0;
    return !is_collection(option) && memcmp(a, b, option_field_size(option)) == 0;
}

/* A REFUSED option takes its fallback only. */
static mr_code check_refused(const assignment *set, mr_error *err)
{
    const mr_option *option = set->option;
    if ((option->flags & MR_OPTION_REFUSED) == 0) return MR_OK;
    if (!is_collection(option) && option->fallback != NULL) {
        option_value fallback;
        memset(&fallback, 0, sizeof fallback);
        MR_TRY(option_value_parse(option, mr_slice_text(option->fallback), set->options->arena,
                                  &fallback, err));
        if (same_value(option, &fallback, &set->value)) return MR_OK;
    }
    return mr_fail(err, MR_ERR_USAGE, "not supported yet: %s", option->note);
}

/* Two files, or two names of one key in a file, that disagree. */
static mr_code check_twice(const assignment *set, mr_error *err)
{
    const mr_option *option = set->option;
    const mr_option_state *state = state_of(set->options, option);
    if (state->origin != set->from.origin || set->from.origin == MR_ORIGIN_FLAG) return MR_OK;
    if (state->origin == MR_ORIGIN_DEFAULT || is_collection(option)) return MR_OK;
    option_value before;
    MR_TRY(
        option_value_parse(option, mr_slice_text(state->text), set->options->arena, &before, err));
    if (same_value(option, &before, &set->value)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "already set to another value at %s",
                   state->where != NULL ? state->where : "another place");
}

static mr_code finish(assignment *set, mr_slice shown, mr_error *err)
{
    mr_options *options = set->options;
    MR_TRY(check_refused(set, err));
    if (set->skip) return MR_OK;
    MR_TRY(check_twice(set, err));
    const char *text = mr_arena_copy(options->arena, shown);
    if (text == NULL) return mr_arena_fail(options->arena, err);
    memcpy(field_of(options, set->option), &set->value, option_field_size(set->option));
    *state_of(options, set->option) =
        (mr_option_state){.text = text, .where = set->from.where, .origin = set->from.origin};
    return MR_OK;
}

static mr_code set_value(assignment *set, mr_slice text, mr_error *err)
{
    MR_TRY(begin(set, err));
    if (is_collection(set->option))
        MR_TRY(option_value_split(set->option, text, set->options->arena, &set->value, err));
    else
        MR_TRY(option_value_parse(set->option, text, set->options->arena, &set->value, err));
    return finish(set, text, err);
}

mr_code mr_options_set(mr_options *options, mr_slice name, mr_slice value, mr_option_from from,
                       mr_error *err)
{
    assignment set = {.options = options, .name = name, .from = from};
    const mr_code code = set_value(&set, value, err);
    return code == MR_OK ? MR_OK : say_where(&set, err, code);
}

static mr_code append_item(assignment *set, mr_slice item, mr_error *err)
{
    MR_TRY(begin(set, err));
    if (set->option->type != MR_OPTION_LIST)
        return mr_fail(err, MR_ERR_USAGE, "takes one value, not a list");
    MR_TRY(option_list_add(&set->value.list, item, set->options->arena, err));
    return finish(set, item, err);
}

mr_code mr_options_append(mr_options *options, mr_slice name, mr_slice item, mr_option_from from,
                          mr_error *err)
{
    assignment set = {.options = options, .name = name, .from = from};
    const mr_code code = append_item(&set, item, err);
    return code == MR_OK ? MR_OK : say_where(&set, err, code);
}

static mr_code put_pair(assignment *set, mr_slice key, mr_slice value, mr_error *err)
{
    MR_TRY(begin(set, err));
    if (set->option->type != MR_OPTION_MAP)
        return mr_fail(err, MR_ERR_USAGE, "takes one value, not a mapping");
    MR_TRY(option_map_add(&set->value.map, key, value, set->options->arena, err));
    return finish(set, value, err);
}

mr_code mr_options_put(mr_options *options, mr_slice name, mr_slice key, mr_slice value,
                       mr_option_from from, mr_error *err)
{
    assignment set = {.options = options, .name = name, .from = from};
    const mr_code code = put_pair(&set, key, value, err);
    return code == MR_OK ? MR_OK : say_where(&set, err, code);
}

mr_code mr_options_require(const mr_options *options, mr_error *err)
{
    for (const mr_option *option = options->table; option->name != NULL; option++)
        if ((option->flags & MR_OPTION_REQUIRED) != 0 &&
            state_of(options, option)->origin == MR_ORIGIN_DEFAULT)
            return mr_fail(err, MR_ERR_USAGE, "%s needs '%s': %s", options->name, option->name,
                           option->help);
    return MR_OK;
}

const mr_option_state *mr_options_state(const mr_options *options, const char *name)
{
    const mr_option *option = mr_option_find(options->table, mr_slice_text(name));
    assert(option != NULL);
    return state_of(options, option);
}

bool mr_options_given(const mr_options *options, const char *name)
{
    return mr_options_state(options, name)->origin != MR_ORIGIN_DEFAULT;
}
