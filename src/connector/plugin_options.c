/* SPDX-License-Identifier: MIT
 *
 * A plug-in's options as ours, and the values of ours as the plug-in's. In the state of a connector
 * each option has a slot, in the order of the table:
 *
 *     | head: plugin_source or plugin_destination | slot 0 | slot 1 | ... */
#include <stdio.h>

#include "connector/plugin.h"
#include "core/mem.h"

#define SLOT_BYTES 16 /* the largest field: a list */

static_assert(sizeof(mr_option_list) <= SLOT_BYTES, "a list fits its slot");

static const struct {
    uint32_t type;
    mr_option_type ours;
} types[] = {
    {MILLRACE_BOOL, MR_OPTION_BOOL},
    {MILLRACE_INT, MR_OPTION_I64},
    {MILLRACE_FLOAT, MR_OPTION_F64},
    {MILLRACE_TEXT, MR_OPTION_TEXT},
    {MILLRACE_DURATION, MR_OPTION_DURATION_NS},
    {MILLRACE_SIZE, MR_OPTION_SIZE_BYTES},
    {MILLRACE_CHOICE, MR_OPTION_ENUM},
    {MILLRACE_LIST, MR_OPTION_LIST},
};

static mr_code fail(const mr_plugin_connector *c, const char *option, const char *what,
                    mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE, "'%s', option '%s' %s", c->name, option, what);
}

bool mr_plugin_is_line(const char *text)
{
    if (text == NULL) return false;
    const size_t len = strnlen(text, MR_PLUGIN_MAX_TEXT + 1);
    if (len == 0 || len > MR_PLUGIN_MAX_TEXT) return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20) return false;
    return true;
}

bool mr_plugin_is_name(const char *text)
{
    if (!mr_plugin_is_line(text) || text[0] < 'a' || text[0] > 'z' ||
        strlen(text) >= MR_PLUGIN_NAME_BYTES)
        return false;
    for (const char *p = text; *p != 0; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_')) return false;
    return true;
}

static mr_code make_choices(const mr_plugin_connector *c, const millrace_option *from,
                            mr_option *to, mr_arena *arena, mr_error *err)
{
    uint32_t count = 0;
    if (from->choices == NULL) return fail(c, from->name, "is a choice without choices", err);
    while (count < MR_PLUGIN_MAX_CHOICES && from->choices[count] != NULL)
        if (!mr_plugin_is_line(from->choices[count++]))
            return fail(c, from->name, "has a choice that is not a line of text", err);
    if (count == 0 || count == MR_PLUGIN_MAX_CHOICES)
        return fail(c, from->name, "has no choices, or too many", err);
    mr_option_choice *choices = mr_arena_take(arena, sizeof *choices * (count + 1));
    if (choices == NULL) return mr_arena_fail(arena, err);
    for (uint32_t i = 0; i < count; i++)
        choices[i] = (mr_option_choice){from->choices[i], (int)i};
    to->choices = choices;
    return MR_OK;
}

static mr_code check_declared(const mr_plugin_connector *c, const millrace_option *from,
                              mr_error *err)
{
    if (!mr_plugin_is_name(from->name))
        return mr_fail(err, MR_ERR_USAGE,
                       "'%s': an option's name must be lower case letters, digits and _", c->name);
    if (strcmp(from->name, "path") == 0 || strcmp(from->name, "file_path") == 0)
        return fail(c, from->name, "has a name that every connector's path has already", err);
    if (!mr_plugin_is_line(from->help))
        return fail(c, from->name, "has no help, or not a line", err);
    if (from->fallback != NULL && !mr_plugin_is_line(from->fallback))
        return fail(c, from->name, "has a fallback that is not a line of text", err);
    const bool may_lack = from->type == MILLRACE_TEXT || from->type == MILLRACE_LIST ||
                          (from->flags & MILLRACE_REQUIRED) != 0;
    if (from->fallback == NULL && !may_lack)
        return fail(c, from->name, "needs a fallback, or MILLRACE_REQUIRED", err);
    return MR_OK;
}

static mr_code make_option(const mr_plugin_connector *c, const millrace_option *from, mr_option *to,
                           mr_arena *arena, mr_error *err)
{
    MR_TRY(check_declared(c, from, err));
    for (size_t i = 0; i < MR_COUNT_OF(types); i++)
        if (types[i].type == from->type) to->type = types[i].ours;
    if (to->type == 0)
        return fail(c, from->name, "has a type that this Millrace does not know", err);
    to->name = from->name;
    to->fallback = from->fallback;
    to->help = from->help;
    to->range = (mr_option_range){from->min, from->max};
    if ((from->flags & MILLRACE_REQUIRED) != 0) to->flags |= MR_OPTION_REQUIRED;
    if ((from->flags & MILLRACE_SECRET) != 0) to->flags |= MR_OPTION_SECRET;
    return from->type == MILLRACE_CHOICE ? make_choices(c, from, to, arena, err) : MR_OK;
}

/* Every fallback is read once, so that a bad one is found here and not by a user. */
static mr_code try_fallbacks(const mr_plugin_connector *c, size_t state_bytes, mr_error *err)
{
    mr_arena arena;
    mr_options options;
    mr_arena_init(&arena, "plugin.check", (size_t)4 << 20);
    void *state = mr_arena_take(&arena, state_bytes);
    mr_code rc = state == NULL ? mr_arena_fail(&arena, err)
                               : mr_options_init(&options, c->name, c->options, state, &arena, err);
    if (rc == MR_ERR_USAGE) mr_error_prefix(err, "a fallback is wrong");
    mr_arena_done(&arena);
    return rc;
}

mr_code mr_plugin_make_options(mr_plugin_connector *c, const void *table, uint32_t count,
                               uint32_t size, size_t head, size_t *out_state_bytes, mr_arena *arena,
                               mr_error *err)
{
    const size_t base = mr_align_up(head, SLOT_BYTES);
    if (count > MR_PLUGIN_MAX_OPTIONS || (count > 0 && table == NULL))
        return mr_fail(err, MR_ERR_USAGE, "'%s' has %u options, or none where it says it has some",
                       c->name, count);
    if (count > 0 && size < sizeof(millrace_option))
        return mr_fail(err, MR_ERR_USAGE,
                       "'%s': its options are %u bytes each, at least %zu wanted", c->name, size,
                       sizeof(millrace_option));
    mr_option *options = mr_arena_take(arena, sizeof *options * ((size_t)count + 1));
    const millrace_option **declared = mr_arena_take(arena, sizeof *declared * ((size_t)count + 1));
    if (options == NULL || declared == NULL) return mr_arena_fail(arena, err);
    for (uint32_t i = 0; i < count; i++) {
        declared[i] = (const void *)((const char *)table + (size_t)i * size);
        options[i].offset = base + (size_t)i * SLOT_BYTES;
        MR_TRY(make_option(c, declared[i], &options[i], arena, err));
        if (mr_option_find(options, mr_slice_text(declared[i]->name)) != &options[i])
            return fail(c, declared[i]->name, "is there twice", err);
    }
    c->options = options;
    c->declared = declared;
    c->option_count = count;
    *out_state_bytes = base + (size_t)count * SLOT_BYTES;
    return try_fallbacks(c, *out_state_bytes, err);
}

/* --- values
 * ---------------------------------------------------------------------------------------- */

static void read_value(const mr_option *option, const void *state, millrace_value *out)
{
    const void *field = (const char *)state + option->offset;
    *out = (millrace_value){.size = sizeof *out};
    switch (option->type) {
    case MR_OPTION_BOOL: out->integer = *(const bool *)field; break;
    case MR_OPTION_F64: out->real = *(const double *)field; break;
    case MR_OPTION_TEXT: out->text = *(const char *const *)field; break;
    case MR_OPTION_ENUM:
        out->integer = *(const int *)field;
        out->text = option->choices[out->integer].name;
        break;
    case MR_OPTION_LIST: {
        const mr_option_list *list = field;
        out->items = list->items;
        out->count = list->count;
        break;
    }
    default: out->integer = *(const int64_t *)field; break;
    }
}

static void host_warn(void *context, const char *text)
{
    const mr_plugin_env *plugin = context;
    mr_error line;
    if (text == NULL || plugin->env->warn == NULL) return;
    mr_fail(&line, MR_OK, "%s: %.400s", plugin->connector->name, text);
    plugin->env->warn(plugin->env->warn_context, line.text);
}

static int host_cancelled(void *context)
{
    const mr_plugin_env *plugin = context;
    return mr_connector_may_wait(plugin->env, NULL) != MR_OK;
}

/* Outside of write() there is no row to refuse; plugin_destination.c puts its own in place. */
static void host_refuse(void *context, int64_t row, const char *reason, const char *column,
                        const char *text)
{
    (void)row, (void)reason, (void)column, (void)text;
    host_warn(context, "refuse() was called outside of write()");
}

mr_code mr_plugin_env_init(mr_plugin_env *plugin, void *state, const mr_connector_env *env,
                           mr_error *err)
{
    const mr_plugin_connector *c = env->plugin;
    millrace_value *values =
        mr_arena_take(env->arena, sizeof *values * ((size_t)c->option_count + 1));
    const millrace_value **pointers =
        mr_arena_take(env->arena, sizeof *pointers * ((size_t)c->option_count + 1));
    const char *path = mr_arena_copy(env->arena, env->path);
    if (values == NULL || pointers == NULL || path == NULL) return mr_arena_fail(env->arena, err);
    for (uint32_t i = 0; i < c->option_count; i++) {
        read_value(&c->options[i], state, &values[i]);
        pointers[i] = &values[i];
    }
    plugin->connector = c;
    plugin->env = env;
    plugin->host = (millrace_host){.size = sizeof plugin->host,
                                   .context = plugin,
                                   .warn = host_warn,
                                   .cancelled = host_cancelled,
                                   .refuse = host_refuse};
    plugin->config = (millrace_config){
        .size = sizeof plugin->config,
        .flags = (env->streaming ? MILLRACE_STREAMING : 0) | (env->lossy ? MILLRACE_LOSSY : 0),
        .path = path,
        .values = pointers,
        .value_count = c->option_count,
        .max_rows = env->max_rows > 0 && env->max_rows < MR_BATCH_MAX_ROWS ? env->max_rows : 8192,
        .host = &plugin->host,
    };
    return MR_OK;
}

/* --- calls
 * ----------------------------------------------------------------------------------------- */

millrace_error *mr_plugin_begin_call(mr_plugin_env *plugin)
{
    plugin->error.size = sizeof plugin->error;
    plugin->error.text[0] = 0;
    return &plugin->error;
}

static mr_code code_of(int code)
{
    switch (code) {
    case MILLRACE_OK: return MR_OK;
    case MILLRACE_ERR_NOMEM: return MR_ERR_NOMEM;
    case MILLRACE_ERR_LIMIT: return MR_ERR_LIMIT;
    case MILLRACE_ERR_INPUT: return MR_ERR_INPUT;
    case MILLRACE_ERR_USAGE: return MR_ERR_USAGE;
    case MILLRACE_ERR_CONFLICT: return MR_ERR_CONFLICT;
    case MILLRACE_ERR_CLOSED: return MR_ERR_CLOSED;
    default: return MR_ERR_IO;
    }
}

mr_code mr_plugin_end_call(mr_plugin_env *plugin, int code, const char *verb, mr_error *err)
{
    const char *text = plugin->error.text;
    if (code == MILLRACE_OK) return MR_OK;
    const int len = (int)strnlen(text, sizeof plugin->error.text - 1);
    if (len > 0) return mr_fail(err, code_of(code), "%s: %.*s", plugin->connector->name, len, text);
    return mr_fail(err, code_of(code), "%s: %s failed with code %d and does not say why",
                   plugin->connector->name, verb, code);
}

/* --- counters
 * -------------------------------------------------------------------------------------- */

void mr_plugin_take_counters(mr_plugin_env *plugin, void *state,
                             uint32_t (*counters)(void *, millrace_counter *, uint32_t))
{
    millrace_counter own[MILLRACE_MAX_COUNTERS] = {0};
    if (counters == NULL) return;
    uint32_t count = counters(state, own, MILLRACE_MAX_COUNTERS);
    if (count > MILLRACE_MAX_COUNTERS) count = MILLRACE_MAX_COUNTERS;
    const bool first = atomic_load_explicit(&plugin->counter_count, memory_order_relaxed) == 0;
    for (uint32_t i = 0; i < count; i++) {
        if (first && mr_plugin_is_name(own[i].name))
            snprintf(plugin->counter_names[i], sizeof plugin->counter_names[i], "%s", own[i].name);
        atomic_store_explicit(&plugin->counters[i], own[i].value, memory_order_relaxed);
    }
    /* The names are there before the count says so: partner of mr_plugin_show_counters(). */
    if (first) atomic_store_explicit(&plugin->counter_count, count, memory_order_release);
}

uint32_t mr_plugin_show_counters(const mr_plugin_env *plugin, mr_own_counter *out, uint32_t room)
{
    const uint32_t count = atomic_load_explicit(&plugin->counter_count, memory_order_acquire);
    uint32_t shown = 0;
    for (uint32_t i = 0; i < count && shown < room; i++) {
        if (plugin->counter_names[i][0] == 0) continue;
        out[shown++] =
            (mr_own_counter){plugin->counter_names[i],
                             atomic_load_explicit(&plugin->counters[i], memory_order_relaxed)};
    }
    return shown;
}
