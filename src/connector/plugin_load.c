/* SPDX-License-Identifier: MIT */
#include "connector/plugin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/mem.h"

#define ARENA_BYTES    ((size_t)64 << 20)
#define MAX_CONNECTORS (MR_PLUGIN_MAX * MR_PLUGIN_MAX_CONNECTORS)

/* A table from a plug-in must be at least as long as this version of the header made the smallest
 * useful one: up to the last function that has to be there. */
#define SOURCE_MIN_BYTES      offsetof(millrace_source, position)
#define DESTINATION_MIN_BYTES offsetof(millrace_destination, abort)

/* All that is loaded, for the rest of the process. */
static struct {
    mr_arena arena;
    bool is_open;
    mr_plugin *plugins[MR_PLUGIN_MAX];
    uint32_t plugin_count;
    mr_plugin_connector *connectors[MAX_CONNECTORS];
    uint32_t connector_count;
} loaded;

const mr_plugin_connector *mr_plugin_connector_at(uint32_t number)
{
    return number < loaded.connector_count ? loaded.connectors[number] : NULL;
}

bool mr_plugin_needs_path(const char *name)
{
    bool needs = true;
    for (uint32_t i = 0; i < loaded.connector_count; i++)
        if (strcmp(loaded.connectors[i]->name, name) == 0)
            needs &= loaded.connectors[i]->needs_path;
    return needs;
}

/* --- looking at tables
 * ----------------------------------------------------------------------------- */

/* The first `known` bytes of a table that says to have `size`; zeroes where it is shorter. */
static mr_code copy_table(void *to, size_t known, const void *from, size_t least, const char *what,
                          mr_error *err)
{
    uint32_t size;
    if (from == NULL) return mr_fail(err, MR_ERR_USAGE, "a %s is missing", what);
    memcpy(&size, from, sizeof size);
    if (size < least)
        return mr_fail(err, MR_ERR_USAGE, "a %s of %u bytes, where at least %zu are wanted", what,
                       size, least);
    memset(to, 0, known);
    memcpy(to, from, size < known ? size : known);
    return MR_OK;
}

static mr_code need_function(bool there, const char *name, const char *function, mr_error *err)
{
    if (there) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "'%s' has no %s()", name, function);
}

static mr_code check_names(const char *kind, const char *name, const char *summary, mr_error *err)
{
    if (!mr_plugin_is_name(name))
        return mr_fail(err, MR_ERR_USAGE,
                       "a %s's name must be lower case letters, digits and _, at most %d", kind,
                       MR_PLUGIN_NAME_BYTES - 1);
    if (!mr_plugin_is_line(summary))
        return mr_fail(err, MR_ERR_USAGE, "'%s' has no summary, or not a line of at most %d bytes",
                       name, MR_PLUGIN_MAX_TEXT);
    return MR_OK;
}

static mr_code make_source(mr_plugin_connector *c, const millrace_source *from, mr_error *err)
{
    size_t bytes;
    millrace_source *s = &c->source;
    MR_TRY(copy_table(s, sizeof *s, from, SOURCE_MIN_BYTES, "source", err));
    MR_TRY(check_names("source", s->name, s->summary, err));
    c->name = s->name;
    c->needs_path = (s->capabilities & MILLRACE_SOURCE_NO_PATH) == 0;
    MR_TRY(need_function(s->open != NULL, s->name, "open", err));
    MR_TRY(need_function(s->schema != NULL, s->name, "schema", err));
    MR_TRY(need_function(s->read != NULL, s->name, "read", err));
    MR_TRY(need_function(s->close != NULL, s->name, "close", err));
    MR_TRY(mr_plugin_make_options(c, s->options, s->option_count, s->option_size,
                                  mr_plugin_source_head(), &bytes, &loaded.arena, err));
    mr_plugin_make_source(c, bytes);
    return MR_OK;
}

static mr_code make_destination(mr_plugin_connector *c, const millrace_destination *from,
                                mr_error *err)
{
    size_t bytes;
    millrace_destination *d = &c->destination;
    MR_TRY(copy_table(d, sizeof *d, from, DESTINATION_MIN_BYTES, "destination", err));
    MR_TRY(check_names("destination", d->name, d->summary, err));
    if (d->guarantee == NULL) d->guarantee = "none that the plug-in speaks of";
    if (!mr_plugin_is_line(d->guarantee))
        return mr_fail(err, MR_ERR_USAGE, "'%s': its guarantee is not a line of text", d->name);
    c->name = d->name;
    c->needs_path = (d->capabilities & MILLRACE_DESTINATION_NO_PATH) == 0;
    MR_TRY(need_function(d->open != NULL, d->name, "open", err));
    MR_TRY(need_function(d->start != NULL, d->name, "start", err));
    MR_TRY(need_function(d->write != NULL, d->name, "write", err));
    MR_TRY(need_function(d->commit != NULL, d->name, "commit", err));
    MR_TRY(need_function(d->close != NULL, d->name, "close", err));
    MR_TRY(mr_plugin_make_options(c, d->options, d->option_count, d->option_size,
                                  mr_plugin_destination_head(), &bytes, &loaded.arena, err));
    mr_plugin_make_destination(c, bytes);
    return MR_OK;
}

/* --- a plug-in
 * ------------------------------------------------------------------------------------- */

static mr_code new_connector(const mr_plugin *plugin, mr_plugin_connector **out, mr_error *err)
{
    *out = mr_arena_take(&loaded.arena, sizeof **out);
    if (*out == NULL) return mr_arena_fail(&loaded.arena, err);
    (*out)->plugin = plugin;
    return MR_OK;
}

/* Is the name free among what is registered and what this plug-in brought before? */
static mr_code check_free(mr_plugin_connector *const *made, uint32_t count,
                          const mr_plugin_connector *c, mr_error *err)
{
    const bool is_source = c->source.name != NULL;
    bool taken = is_source ? mr_source_find(mr_slice_text(c->name)) != NULL
                           : mr_destination_find(mr_slice_text(c->name)) != NULL;
    for (uint32_t i = 0; i < count; i++)
        taken |= (made[i]->source.name != NULL) == is_source && strcmp(made[i]->name, c->name) == 0;
    if (!taken) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "there is a %s called '%s' already",
                   is_source ? "source" : "destination", c->name);
}

/* Everything is looked at before anything is registered. */
static mr_code make_connectors(const mr_plugin *plugin, const millrace_plugin_info *info,
                               mr_plugin_connector **made, uint32_t *count, mr_error *err)
{
    const uint32_t all = info->source_count + info->destination_count;
    for (uint32_t i = 0; i < all; i++) {
        const bool is_source = i < info->source_count;
        MR_TRY(new_connector(plugin, &made[i], err));
        if (is_source)
            MR_TRY(make_source(made[i], info->sources[i], err));
        else
            MR_TRY(make_destination(made[i], info->destinations[i - info->source_count], err));
        MR_TRY(check_free(made, i, made[i], err));
    }
    *count = all;
    return MR_OK;
}

static mr_code check_info(const millrace_plugin_info *info, mr_error *err)
{
    if (!mr_plugin_is_line(info->name) || !mr_plugin_is_line(info->version))
        return mr_fail(err, MR_ERR_USAGE, "its name or version is not a line of text");
    if (info->source_count > MR_PLUGIN_MAX_CONNECTORS ||
        info->destination_count > MR_PLUGIN_MAX_CONNECTORS ||
        info->source_count + info->destination_count == 0)
        return mr_fail(err, MR_ERR_USAGE, "%u sources and %u destinations; expected 1 to %d",
                       info->source_count, info->destination_count, MR_PLUGIN_MAX_CONNECTORS);
    if ((info->source_count > 0 && info->sources == NULL) ||
        (info->destination_count > 0 && info->destinations == NULL))
        return mr_fail(err, MR_ERR_USAGE, "its list of connectors is missing");
    return MR_OK;
}

/* The table is read up to `abi` first: what lies behind has a meaning only in an ABI that we know.
 */
static mr_code read_info(const void *table, millrace_plugin_info *out, mr_error *err)
{
    uint32_t head[2] = {0}; /* size, abi */
    if (table == NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "it says that it cannot work with plug-in ABI %d, which "
                       "this Millrace has",
                       MILLRACE_ABI);
    memcpy(head, table, sizeof head);
    if (head[1] != MILLRACE_ABI)
        return mr_fail(err, MR_ERR_USAGE,
                       "it is made for plug-in ABI %u and this Millrace has %d; compile it with "
                       "this version's millrace/plugin.h",
                       head[1], MILLRACE_ABI);
    MR_TRY(copy_table(out, sizeof *out, table, sizeof *out, "plug-in table", err));
    return check_info(out, err);
}

static mr_code register_all(mr_plugin_connector **made, uint32_t count, mr_error *err)
{
    if (loaded.connector_count + count > MAX_CONNECTORS)
        return mr_fail(err, MR_ERR_USAGE, "more than %d connectors", MAX_CONNECTORS);
    for (uint32_t i = 0; i < count; i++) {
        MR_TRY(made[i]->source.name != NULL
                   ? mr_source_register(&made[i]->source_ops, err)
                   : mr_destination_register(&made[i]->destination_ops, err));
        loaded.connectors[loaded.connector_count++] = made[i];
    }
    return MR_OK;
}

static mr_code take_plugin(mr_plugin *plugin, mr_error *err)
{
    typedef const millrace_plugin_info *entry_function(uint32_t);
    mr_plugin_connector *made[MR_PLUGIN_MAX_CONNECTORS * 2];
    millrace_plugin_info info;
    uint32_t count = 0;
    entry_function *entry;
    void *symbol = dlsym(plugin->handle, "millrace_plugin");
    if (symbol == NULL)
        return mr_fail(err, MR_ERR_USAGE, "it has no function millrace_plugin(); is it a plug-in?");
    memcpy(&entry, &symbol, sizeof entry);
    MR_TRY(read_info(entry(MILLRACE_ABI), &info, err));
    plugin->name = info.name;
    plugin->version = info.version;
    MR_TRY(make_connectors(plugin, &info, made, &count, err));
    return register_all(made, count, err);
}

static mr_code open_object(mr_plugin *plugin, mr_error *err)
{
#ifdef MR_STATIC_BUILD
    (void)plugin;
    return mr_fail(err, MR_ERR_USAGE,
                   "this Millrace is linked statically and cannot load plug-ins");
#else
    plugin->handle = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
    if (plugin->handle != NULL) return MR_OK;
    const char *why = dlerror();
    return mr_fail(err, MR_ERR_USAGE, "it cannot be loaded: %.300s", why != NULL ? why : "?");
#endif
}

static bool is_loaded(const char *path)
{
    for (uint32_t i = 0; i < loaded.plugin_count; i++)
        if (strcmp(loaded.plugins[i]->path, path) == 0) return true;
    return false;
}

static mr_code load(const char *path, mr_error *err)
{
    if (!loaded.is_open) mr_arena_init(&loaded.arena, "plugins", ARENA_BYTES);
    loaded.is_open = true;
    if (loaded.plugin_count == MR_PLUGIN_MAX)
        return mr_fail(err, MR_ERR_USAGE, "more than %d plug-ins", MR_PLUGIN_MAX);
    mr_plugin *plugin = mr_arena_take(&loaded.arena, sizeof *plugin);
    if (plugin != NULL) plugin->path = mr_arena_copy(&loaded.arena, mr_slice_text(path));
    if (plugin == NULL || plugin->path == NULL) return mr_arena_fail(&loaded.arena, err);
    MR_TRY(open_object(plugin, err));
    const mr_code rc = take_plugin(plugin, err);
    if (rc != MR_OK) {
        dlclose(plugin->handle);
        return rc;
    }
    loaded.plugins[loaded.plugin_count++] = plugin;
    return MR_OK;
}

mr_code mr_plugin_load(const char *path, mr_error *err)
{
    char absolute[PATH_MAX];
    MR_TRY(mr_plugin_check_file(path, err));
    if (realpath(path, absolute) == NULL)
        return mr_fail_errno(err, errno, "plug-in '%s' cannot be found", path);
    if (is_loaded(absolute)) return MR_OK;
    const mr_code rc = load(absolute, err);
    return rc == MR_OK || err == NULL ? rc : mr_error_prefix(err, "plug-in '%s'", path);
}

/* --- a folder of plug-ins
 * ------------------------------------------------------------------------ */

static int is_object(const struct dirent *entry)
{
    return mr_slice_ends(mr_slice_text(entry->d_name), ".so");
}

mr_code mr_plugin_load_folder(const char *path, mr_error *err)
{
    struct dirent **entries = NULL;
    char file[PATH_MAX];
    const int count = scandir(path, &entries, is_object, alphasort);
    if (count < 0) {
        mr_fail_errno(err, errno, "the folder of plug-ins '%s' cannot be read", path);
        if (err != NULL) err->code = MR_ERR_USAGE;
        return MR_ERR_USAGE;
    }
    mr_code rc = MR_OK;
    for (int i = 0; i < count; i++) {
        const int len = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (rc == MR_OK && len > 0 && (size_t)len < sizeof file) rc = mr_plugin_load(file, err);
        free(entries[i]);
    }
    free(entries);
    return rc;
}
