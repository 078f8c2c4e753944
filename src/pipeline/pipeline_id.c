/* SPDX-License-Identifier: MIT */
#include "pipeline/pipeline_id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "core/sha256.h"

#define NAME_PART_MAX 64
#define HASH_DIGITS   16

/* --- the id ---------------------------------------------------------------------------------- */

/* Settings that say which thing an end is, rather than how it is read or written. */
static const char *const naming[] = {"table", "query", "stream", "category", "database", "set"};

static bool is_naming(const char *key)
{
    for (size_t i = 0; i < MR_COUNT_OF(naming); i++)
        if (strcmp(key, naming[i]) == 0) return true;
    return false;
}

static void add_text(mr_sha256 *sum, const char *text)
{
    mr_sha256_add(sum, mr_slice_of(text, strlen(text) + 1));
}

static bool is_file(const mr_endpoint *end)
{
    static const char *const files[] = {"csv", "json", "sqlite", "tail"};
    for (size_t i = 0; i < MR_COUNT_OF(files); i++)
        if (strcmp(end->connector, files[i]) == 0) return true;
    return false;
}

/* Without the user and password of a URL, which may change while the place stays the same. */
static void add_path(mr_sha256 *sum, const char *path)
{
    const char *const scheme = strstr(path, "://");
    const char *const at = scheme != NULL ? strchr(scheme, '@') : NULL;
    const char *const slash = scheme != NULL ? strchr(scheme + 3, '/') : NULL;
    if (at == NULL || (slash != NULL && slash < at)) {
        add_text(sum, path);
        return;
    }
    mr_sha256_add(sum, mr_slice_of(path, (size_t)(scheme + 3 - path)));
    add_text(sum, at + 1);
}

static mr_code add_end(mr_sha256 *sum, const mr_endpoint *end, mr_error *err)
{
    char here[MR_FILE_PATH_MAX];
    const char *path = end->path != NULL ? end->path : "";
    add_text(sum, end->connector);
    if (is_file(end) && path[0] != '/' && path[0] != 0) {
        if (getcwd(here, sizeof here) == NULL)
            return mr_fail_errno(err, errno, "the current directory cannot be found");
        mr_sha256_add(sum, mr_slice_text(here));
        mr_sha256_add(sum, MR_SLICE("/"));
        while (strncmp(path, "./", 2) == 0)
            path += 2;
    }
    add_path(sum, path);
    for (uint32_t i = 0; i < end->count; i++)
        if (is_naming(end->settings[i].key)) {
            add_text(sum, end->settings[i].key);
            add_text(sum, end->settings[i].value);
        }
    return MR_OK;
}

mr_code mr_pipeline_id(const mr_pipeline_config *config, char out[MR_PIPELINE_ID_MAX],
                       mr_error *err)
{
    char hash[65];
    size_t len = 0;
    mr_sha256 sum;
    mr_sha256_init(&sum);
    add_text(&sum, config->name);
    MR_TRY(add_end(&sum, &config->source, err));
    MR_TRY(add_end(&sum, &config->destination, err));
    mr_sha256_hex(&sum, hash);
    for (const char *at = config->name; *at != 0 && len < NAME_PART_MAX; at++) {
        const bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                           (*at >= '0' && *at <= '9') || *at == '-' || *at == '_';
        out[len++] = plain ? *at : '_';
    }
    snprintf(out + len, MR_PIPELINE_ID_MAX - len, "%s%.*s", len > 0 ? "-" : "", HASH_DIGITS, hash);
    return MR_OK;
}

/* --- the settings ---------------------------------------------------------------------------- */

/* Keys that change how a run goes or what it says, but not what it writes. */
static const char *const indifferent[] = {
    "name",      "version",   "description",     "performance.", "storage.", "timeout",
    "timeouts.", "dry_run",   "progress",        "summary",      "resume",   "observability.",
    "memory.",   "security.", "allow_conflicts", "reliability."};

/* Of those, keys that do. */
static const char *const telling[] = {"performance.limit", "reliability.on_error"};

static bool decides(const char *key)
{
    for (size_t i = 0; i < MR_COUNT_OF(telling); i++)
        if (strcmp(key, telling[i]) == 0) return true;
    for (size_t i = 0; i < MR_COUNT_OF(indifferent); i++) {
        const char *const name = indifferent[i];
        const size_t len = strlen(name);
        if (name[len - 1] == '.' ? strncmp(key, name, len) == 0 : strcmp(key, name) == 0)
            return false;
    }
    return true;
}

static mr_code put_line(mr_buffer *out, const char *prefix, const char *key, const char *pair_key,
                        const char *value, mr_error *err)
{
    MR_TRY(mr_buffer_printf(out, err, "%s%s%s%s=", prefix, key, pair_key != NULL ? "." : "",
                            pair_key != NULL ? pair_key : ""));
    for (; *value != 0; value++) { /* a value may hold line ends, a line may not */
        if (*value == '\n')
            MR_TRY(mr_buffer_append(out, MR_SLICE("\\n"), err));
        else
            MR_TRY(mr_buffer_append_byte(out, *value, err));
    }
    return mr_buffer_append_byte(out, '\n', err);
}

static mr_code put_list(mr_buffer *out, const mr_option *option, const void *field, mr_error *err)
{
    const mr_option_list *const list = field;
    const mr_option_map *const map = field;
    if (option->type == MR_OPTION_LIST)
        for (uint32_t i = 0; i < list->count; i++)
            MR_TRY(put_line(out, "", option->name, NULL, list->items[i], err));
    else
        for (uint32_t i = 0; i < map->count; i++)
            MR_TRY(put_line(out, "", option->name, map->items[i].key, map->items[i].value, err));
    return MR_OK;
}

static mr_code put_run_wide(const mr_pipeline_config *config, mr_buffer *out, mr_error *err)
{
    const mr_options *const options = &config->options;
    for (uint32_t i = 0; i < options->count; i++) {
        const mr_option *const option = &options->table[i];
        const mr_option_state *const state = &options->states[i];
        if (state->origin == MR_ORIGIN_DEFAULT || !decides(option->name) ||
            (option->flags & (MR_OPTION_IGNORED | MR_OPTION_SECRET)) != 0)
            continue;
        if (option->type == MR_OPTION_LIST || option->type == MR_OPTION_MAP)
            MR_TRY(put_list(out, option, (const char *)options->values + option->offset, err));
        else if (state->text != NULL)
            MR_TRY(put_line(out, "", option->name, NULL, state->text, err));
    }
    return MR_OK;
}

static bool is_left_out(const mr_option *table, const char *key)
{
    mr_slice name = mr_slice_text(key);
    const mr_option *option = mr_option_find(table, name);
    if (option == NULL && (mr_slice_ends(name, "_file") || mr_slice_ends(name, "-file")))
        option = mr_option_find(table, mr_slice_of(name.ptr, name.len - strlen("_file")));
    return option == NULL ||
           (option->flags & (MR_OPTION_SECRET | MR_OPTION_IGNORED | MR_OPTION_PACE)) != 0;
}

static mr_code put_end(const mr_endpoint *end, const mr_option *table, mr_buffer *out,
                       mr_error *err)
{
    const char *const prefix = end->role[0] == 's' ? "source." : "destination.";
    for (uint32_t i = 0; i < end->count; i++) {
        const mr_setting *const setting = &end->settings[i];
        if (!is_left_out(table, setting->key))
            MR_TRY(put_line(out, prefix, setting->key, setting->pair_key, setting->value, err));
    }
    return MR_OK;
}

static void add_slice(mr_sha256 *sum, mr_slice text)
{
    mr_sha256_add(sum, mr_slice_of((const char *)&text.len, sizeof text.len));
    mr_sha256_add(sum, text);
}

static void add_parts(mr_sha256 *sum, const mr_step_part *parts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        add_slice(sum, parts[i].name);
        add_slice(sum, parts[i].text);
        mr_sha256_add(sum, mr_slice_of((const char *)&parts[i].function, sizeof parts[i].function));
    }
}

/* The steps as a sum: a mask's salt is a secret. */
static mr_code put_steps(const mr_steps *steps, mr_buffer *out, mr_error *err)
{
    char hex[65];
    mr_sha256 sum;
    mr_sha256_init(&sum);
    for (const mr_step *step = steps->first; step != NULL; step = step->next) {
        const uint64_t numbers[] = {step->kind,
                                    step->part_count,
                                    step->depth,
                                    step->keep,
                                    step->method,
                                    step->window_records,
                                    (uint64_t)step->window_ns,
                                    step->value_count};
        mr_sha256_add(&sum, mr_slice_of((const char *)numbers, sizeof numbers));
        add_parts(&sum, step->parts, step->part_count);
        add_parts(&sum, &step->time, 1);
        add_parts(&sum, step->values, step->value_count);
        add_slice(&sum, step->separator);
        add_slice(&sum, step->salt);
        add_slice(&sum, step->with);
    }
    mr_sha256_hex(&sum, hex);
    return steps->count > 0 ? put_line(out, "", "transforms", NULL, hex, err) : MR_OK;
}

static mr_code put_declared(const mr_declared *declared, mr_buffer *out, mr_error *err)
{
    char hex[65];
    mr_sha256 sum;
    mr_sha256_init(&sum);
    for (uint32_t i = 0; i < declared->count; i++) {
        const mr_declared_field *const field = &declared->fields[i];
        const char numbers[] = {(char)field->type, (char)field->not_null};
        add_slice(&sum, field->name);
        mr_sha256_add(&sum, mr_slice_of(numbers, sizeof numbers));
    }
    mr_sha256_hex(&sum, hex);
    return declared->count > 0 ? put_line(out, "", "schema", NULL, hex, err) : MR_OK;
}

mr_code mr_pipeline_settings(const mr_pipeline_config *config, const mr_option *source_table,
                             const mr_option *destination_table, mr_buffer *out, mr_error *err)
{
    MR_TRY(put_run_wide(config, out, err));
    MR_TRY(put_steps(&config->steps, out, err));
    MR_TRY(put_declared(&config->declared, out, err));
    MR_TRY(put_end(&config->source, source_table, out, err));
    return put_end(&config->destination, destination_table, out, err);
}

static mr_slice next_line(mr_slice *left)
{
    const char *const lf = left->len > 0 ? memchr(left->ptr, '\n', left->len) : NULL;
    const size_t len = lf != NULL ? (size_t)(lf - left->ptr) : left->len;
    const mr_slice line = mr_slice_of(left->ptr, len);
    *left = mr_slice_from(*left, len + (lf != NULL));
    return line;
}

bool mr_pipeline_settings_differ(mr_slice a, mr_slice b, char *out, size_t size)
{
    for (mr_slice was = a, is = b; was.len > 0 || is.len > 0;) {
        const mr_slice before = next_line(&was), now = next_line(&is);
        if (mr_slice_equal(before, now)) continue;
        const mr_slice line = now.len > 0 ? now : before;
        const char *const end = memchr(line.ptr, '=', line.len);
        snprintf(out, size, "%.*s", (int)(end != NULL ? (size_t)(end - line.ptr) : line.len),
                 line.ptr);
        return true;
    }
    return false;
}

/* --- names and places ------------------------------------------------------------------------ */

mr_code mr_pipeline_end_name(const mr_endpoint *end, mr_buffer *out, mr_error *err)
{
    const char *const path = end->path != NULL ? end->path : "";
    const char *const scheme = strstr(path, "://");
    const char *const at = scheme != NULL ? strchr(scheme, '@') : NULL;
    MR_TRY(mr_buffer_printf(out, err, "%s%s", end->connector, path[0] != 0 ? " " : ""));
    if (at == NULL) return mr_buffer_append(out, mr_slice_text(path), err);
    MR_TRY(mr_buffer_append(out, mr_slice_of(path, (size_t)(scheme + 3 - path)), err));
    return mr_buffer_append(out, mr_slice_text(at + 1), err);
}

mr_code mr_pipeline_state_root(const char *configured, char *out, size_t size, mr_error *err)
{
    int len;
    if (configured != NULL && configured[0] != 0) {
        len = snprintf(out, size, "%s", configured);
    } else {
        const char *const home = getenv("HOME");
        if (home == NULL || home[0] == 0)
            return mr_fail(
                err, MR_ERR_USAGE,
                "HOME is not set, so there is no place to keep checkpoints in; name one with "
                "--state-dir");
        len = snprintf(out, size, "%s/.millrace/state", home);
    }
    if (len > 0 && (size_t)len < size) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "the state directory's path is longer than %zu bytes",
                   size - 1);
}
