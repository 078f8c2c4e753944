/* SPDX-License-Identifier: MIT
 *
 * connector/plugin.h - connectors from shared objects. What a plug-in has to bring is
 * include/millrace/plugin.h; here it is loaded, checked and made to look like the connectors that
 * are built in: an mr_source_ops or mr_destination_ops in the registry, whose functions find their
 * plug-in through env->plugin.
 *
 *     shared object --dlopen--> millrace_plugin() --checked copy--> mr_plugin_connector
 *                                                                      '--> mr_sources[]
 *
 * Nothing of a plug-in is trusted until it has been looked at: that the file is a whole shared
 * object for this machine, that tables are as long as they say, that texts are lines, that options
 * make sense. What runs when a shared object is loaded or called, runs with our rights; that is
 * what a plug-in is.
 *
 * A plug-in stays loaded until the process ends.
 *
 * Thread: loading belongs to the main thread, before any run; then constant. */
#ifndef MR_CONNECTOR_PLUGIN_H
#define MR_CONNECTOR_PLUGIN_H

#include <millrace/plugin.h>

#include "connector/connectors.h"

#define MR_PLUGIN_MAX            64   /* plug-ins */
#define MR_PLUGIN_MAX_CONNECTORS 64   /* of one plug-in, sources or destinations */
#define MR_PLUGIN_MAX_OPTIONS    256  /* of one connector */
#define MR_PLUGIN_MAX_CHOICES    256  /* of one option */
#define MR_PLUGIN_NAME_BYTES     64   /* of a connector, an option, a counter, with its NUL */
#define MR_PLUGIN_MAX_TEXT       1024 /* bytes of a name, a summary, a help */

typedef struct mr_plugin {
    const char *path; /* as it was found: absolute, without links */
    const char *name, *version;
    void *handle;
} mr_plugin;

/* A connector of a plug-in: what it said, cut or filled up to what we know. */
typedef struct mr_plugin_connector {
    const mr_plugin *plugin;
    const char *name;
    bool needs_path;
    const mr_option
        *options; /* as the host's option tables; offsets count from the state's start */
    const millrace_option *const *declared; /* its own entries, in the same order */
    uint32_t option_count;
    millrace_source source; /* one of the two; the other is zeroed */
    millrace_destination destination;
    mr_source_ops source_ops; /* what the registry points to */
    mr_destination_ops destination_ops;
} mr_plugin_connector;

/* Loads the shared object at `path` and registers its connectors; again, for one that is loaded
 * already, is MR_OK. MR_ERR_USAGE says what is wrong with it; nothing is registered then. */
MR_NODISCARD mr_code mr_plugin_load(const char *path, mr_error *err);

/* Loads all files of a folder whose names end in .so, in the order of their names. */
MR_NODISCARD mr_code mr_plugin_load_folder(const char *path, mr_error *err);

/* Connectors of plug-ins, in the order in which they were loaded; NULL at the end. */
const mr_plugin_connector *mr_plugin_connector_at(uint32_t number);

/* Does the source or the destination of that name (both, if there are both) want a path? */
bool mr_plugin_needs_path(const char *name);

/* --- between the files of a plug-in's host
 * --------------------------------------------------------- */

/* Is the file a whole shared object for this machine? dlopen() takes that on trust. */
MR_NODISCARD mr_code mr_plugin_check_file(const char *path, mr_error *err);

/* Checks a plug-in's table of options, `count` entries of `size` bytes, and makes ours of it, with
 * fields behind the first `head` bytes of a state. */
MR_NODISCARD mr_code mr_plugin_make_options(mr_plugin_connector *connector, const void *table,
                                            uint32_t count, uint32_t size, size_t head,
                                            size_t *out_state_bytes, mr_arena *arena,
                                            mr_error *err);

/* Is it a line of text, not empty? Is it a name: lower case letters, digits and _? */
bool mr_plugin_is_line(const char *text);
bool mr_plugin_is_name(const char *text);

/* Fills the operations that stand for a connector; its options are made. */
void mr_plugin_make_source(mr_plugin_connector *connector, size_t state_bytes);
void mr_plugin_make_destination(mr_plugin_connector *connector, size_t state_bytes);
size_t mr_plugin_source_head(void);
size_t mr_plugin_destination_head(void);

/* What both kinds of connector need while they are open. First in their states. */
typedef struct mr_plugin_env {
    const mr_plugin_connector *connector;
    const mr_connector_env *env;
    millrace_host host;
    millrace_config config;
    millrace_error error; /* of the last call */
    atomic_uint_least64_t counters[MILLRACE_MAX_COUNTERS];
    char counter_names[MILLRACE_MAX_COUNTERS][MR_PLUGIN_NAME_BYTES]; /* empty: not shown */
    atomic_uint_least32_t counter_count;
} mr_plugin_env;

/* Prepares `plugin` and its config from the options behind `head` bytes of `state`, in the run's
 * arena. */
MR_NODISCARD mr_code mr_plugin_env_init(mr_plugin_env *plugin, void *state,
                                        const mr_connector_env *env, mr_error *err);

/* The error struct to hand to a plug-in, emptied; and what a call that returned `code` comes to. */
millrace_error *mr_plugin_begin_call(mr_plugin_env *plugin);
mr_code mr_plugin_end_call(mr_plugin_env *plugin, int code, const char *verb, mr_error *err);

/* Takes over what `counters` says, for other threads to read. */
void mr_plugin_take_counters(mr_plugin_env *plugin, void *state,
                             uint32_t (*counters)(void *, millrace_counter *, uint32_t));
uint32_t mr_plugin_show_counters(const mr_plugin_env *plugin, mr_own_counter *out, uint32_t room);

#endif
