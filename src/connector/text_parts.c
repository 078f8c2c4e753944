/* SPDX-License-Identifier: MIT */
#include "connector/text_parts.h"

#include <stdio.h>
#include <unistd.h>

#include "core/json.h"

#define MAX_MANIFEST_BYTES ((size_t)64 << 20)
#define MAX_ARENA_BYTES    ((size_t)256 << 20) /* paths of parts */
#define MAX_NUMBER         1000000u            /* of a part, when those before are taken */

/* --- names --- */

/* Where the suffixes of a file's name begin: "dir/o.csv.gz" -> ".csv.gz". */
static size_t suffix_at(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    if (dot == NULL || dot == base) return strlen(path);
    static const char *const codecs[] = {".gz", ".zst", ".lz4", ".snappy", ".s2", ".deflate"};
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++) {
        if (strcmp(dot, codecs[i]) != 0) continue;
        const char *inner = dot;
        while (inner > base && inner[-1] != '.')
            inner--;
        if (inner - 1 > base) return (size_t)(inner - 1 - path);
    }
    return (size_t)(dot - path);
}

static const char *part_path(mr_arena *arena, const char *path, uint32_t number)
{
    const size_t at = suffix_at(path);
    return mr_arena_printf(arena, "%.*s.%u%s", (int)at, path, number, path + at);
}

/* When the target is appended to, parts of earlier runs stay too. */
static mr_code free_path(mr_text_parts *parts, const mr_text_destination *d, const char **out,
                         mr_error *err)
{
    for (uint32_t number = parts->count + 1; number < MAX_NUMBER; number++) {
        mr_identity there;
        *out = part_path(&parts->arena, d->path, number);
        if (*out == NULL) return mr_arena_fail(&parts->arena, err);
        if (!d->append || !mr_identity_of_path(*out, &there)) return MR_OK;
    }
    return mr_fail(err, MR_ERR_LIMIT, "'%s' has too many parts", d->path);
}

/* --- parts --- */

static mr_code push(mr_text_parts *parts, mr_output *output, const char *path, mr_error *err)
{
    mr_text_part *part = mr_arena_take(&parts->arena, sizeof *part);
    if (part == NULL) return mr_arena_fail(&parts->arena, err);
    *part = (mr_text_part){.next = parts->current, .output = output, .path = path};
    parts->current = part;
    parts->count++;
    return MR_OK;
}

mr_code mr_text_parts_next(mr_text_parts *parts, mr_text_destination *d, const mr_schema *columns,
                           const mr_job *job, mr_error *err)
{
    const char *path = NULL;
    if (parts->current == NULL) {
        mr_arena_init(&parts->arena, "parts", MAX_ARENA_BYTES);
        MR_TRY(push(parts, d->output, d->path, err));
        parts->current->columns = parts->first_columns;
    }
    parts->current->output = d->output;
    parts->current->records = parts->records;
    parts->bytes += mr_output_bytes(d->output);
    MR_TRY(free_path(parts, d, &path, err));
    d->output = NULL; /* the part's now */
    d->options.path = path;
    d->options.append = false;
    MR_TRY(push(parts, NULL, path, err));
    mr_text_part *part = parts->current;
    part->columns = columns;
    part->source = job->file_name;
    part->record = job->record_base + job->batch.origin.record + job->batch.row_record[0] + 1;
    part->line = job->line_base + job->batch.origin.line + job->batch.row_line[0] + 1;
    parts->records = 0;
    return mr_output_open(&d->output, &d->options, err);
}

/* --- manifest --- */

static const char *manifest_path(const mr_text_destination *d)
{
    return mr_arena_printf(d->env->arena, "%s.manifest.json", d->path);
}

static void put_part(mr_json_out *json, const mr_text_part *part)
{
    mr_json_open(json, '{');
    mr_json_key(json, "path"), mr_json_text(json, mr_slice_text(part->path));
    mr_json_key(json, "columns");
    mr_json_open(json, '[');
    for (uint32_t i = 0; part->columns != NULL && i < part->columns->field_count; i++)
        mr_json_text(json, part->columns->fields[i].name);
    mr_json_close(json, ']');
    mr_json_key(json, "records"), mr_json_u64(json, part->records);
    if (part->record > 0) {
        mr_json_key(json, "source"), mr_json_text(json, part->source);
        mr_json_key(json, "record"), mr_json_u64(json, part->record);
        mr_json_key(json, "line"), mr_json_u64(json, part->line);
    }
    mr_json_close(json, '}');
}

static mr_code write_manifest(const mr_text_parts *parts, const mr_text_destination *d,
                              mr_error *err)
{
    mr_file file = {0};
    mr_buffer text;
    const char *path = manifest_path(d);
    if (path == NULL) return mr_arena_fail(d->env->arena, err);
    mr_buffer_init(&text, "the manifest", MAX_MANIFEST_BYTES);
    mr_json_out json = {.out = &text};
    mr_json_open(&json, '{');
    mr_json_key(&json, "parts");
    mr_json_open(&json, '[');
    for (uint32_t n = parts->count; n > 0; n--) { /* the list begins with the last */
        const mr_text_part *part = parts->current;
        for (uint32_t i = 1; i < n; i++)
            part = part->next;
        put_part(&json, part);
    }
    mr_json_close(&json, ']');
    mr_json_close(&json, '}');
    mr_code rc = json.failed ? mr_json_out_fail(&json, err) : MR_OK;
    if (rc == MR_OK) rc = mr_buffer_append_byte(&text, '\n', err);
    if (rc == MR_OK) rc = mr_file_create_beside(&file, path, err);
    if (rc == MR_OK) rc = mr_file_write(&file, mr_buffer_slice(&text), err);
    if (rc == MR_OK) rc = mr_file_replace(&file, err);
    mr_file_close(&file);
    mr_buffer_done(&text);
    return rc;
}

/* --- ending --- */

mr_code mr_text_parts_commit(mr_text_parts *parts, mr_text_destination *d, mr_error *err)
{
    if (parts->current == NULL) {
        const char *old = manifest_path(d);
        if (old != NULL && mr_output_is_atomic(d->output) && !d->append) (void)unlink(old);
        return mr_output_commit(d->output, err);
    }
    parts->current->records = parts->records;
    MR_TRY(mr_output_commit(d->output, err));
    mr_text_part *first = parts->current->next;
    for (; first->next != NULL; first = first->next)
        MR_TRY(mr_output_commit(first->output, err));
    MR_TRY(write_manifest(parts, d, err));
    return mr_output_commit(first->output, err);
}

void mr_text_parts_abort(mr_text_parts *parts)
{
    mr_error ignored; /* the run has failed already, and its error is the one to tell */
    for (mr_text_part *part = parts->current; part != NULL; part = part->next)
        if (part->output != NULL) mr_output_abort(part->output, &ignored);
}

void mr_text_parts_close(mr_text_parts *parts)
{
    for (mr_text_part *part = parts->current; part != NULL; part = part->next)
        mr_output_close(part->output);
    parts->current = NULL;
    mr_arena_done(&parts->arena);
}
