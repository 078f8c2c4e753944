/* SPDX-License-Identifier: MIT */
#include "pipeline/drift_history.h"

#include <errno.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "core/scan.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)
#define MAX_LINE_BYTES ((size_t)32 << 20)
#define READ_BYTES     ((size_t)64 << 10)

/* --- reading --- */

static mr_code read_all(const char *path, mr_buffer *out, mr_error *err)
{
    mr_file file = {0};
    size_t got = 1;
    mr_code rc = mr_file_open(&file, path, err);
    while (rc == MR_OK && got > 0) {
        rc = mr_buffer_reserve(out, READ_BYTES, err);
        if (rc == MR_OK) rc = mr_file_read(&file, out->ptr + out->len, READ_BYTES, &got, err);
        if (rc == MR_OK) out->len += got;
    }
    mr_file_close(&file);
    return rc;
}

static mr_code read_column(const mr_scan_value *column, mr_arena *arena, mr_schema *schema,
                           bool *out_nullable, mr_error *err)
{
    static const char *const keys[] = {"name", "type", "nullable"};
    mr_scan_value values[3];
    mr_slice name, type_name = {0};
    if (column->kind != MR_SCAN_OBJECT) return MR_OK;
    mr_scan_members(column, keys, 3, values);
    if (values[0].kind != MR_SCAN_STRING) return MR_OK;
    if (!mr_scan_text(&values[0], arena, &name)) return mr_arena_fail(arena, err);
    if (values[1].kind == MR_SCAN_STRING && !mr_scan_text(&values[1], arena, &type_name))
        return mr_arena_fail(arena, err);
    const mr_type type = mr_type_named(type_name);
    *out_nullable = values[2].kind != MR_SCAN_FALSE;
    if (mr_schema_find(schema, name) >= 0) return MR_OK;
    return mr_schema_add(schema, name, type == MR_TYPE_COUNT ? MR_TYPE_NULL : type, NULL, err);
}

static mr_code read_columns(const mr_scan_value *list, mr_arena *arena, mr_drift_past *out,
                            mr_error *err)
{
    mr_scan scan;
    mr_scan_value column;
    uint32_t count = 0;
    mr_schema_init(&out->schema, arena);
    mr_scan_open(&scan, list);
    while (mr_scan_element(&scan) && mr_scan_next(&scan, &column))
        count++;
    out->nullable = mr_arena_take(arena, count + 1);
    if (out->nullable == NULL) return mr_arena_fail(arena, err);
    mr_scan_open(&scan, list);
    while (mr_scan_element(&scan) && mr_scan_next(&scan, &column)) {
        bool nullable = true;
        const uint32_t number = out->schema.field_count;
        MR_TRY(read_column(&column, arena, &out->schema, &nullable, err));
        if (out->schema.field_count > number) out->nullable[number] = nullable;
    }
    return MR_OK;
}

typedef mr_code read_line_fn(mr_slice line, mr_arena *arena, void *out, mr_error *err);

static mr_code each_line(const char *path, mr_arena *arena, read_line_fn *read_line, void *out,
                         mr_error *err)
{
    mr_identity there;
    mr_buffer text;
    if (!mr_identity_of_path(path, &there)) return MR_OK;
    mr_buffer_init(&text, "the file of schemas (drift.history)", MAX_FILE_BYTES);
    mr_code rc = read_all(path, &text, err);
    for (mr_slice rest = mr_buffer_slice(&text); rc == MR_OK && rest.len > 0;) {
        const char *lf = memchr(rest.ptr, '\n', rest.len);
        const size_t len = lf != NULL ? (size_t)(lf - rest.ptr) : rest.len;
        rc = read_line((mr_slice){rest.ptr, len}, arena, out, err);
        rest = mr_slice_from(rest, lf != NULL ? len + 1 : len);
    }
    mr_buffer_done(&text);
    return rc;
}

/* A line that is no schema, changes and torn ones among them, says nothing here. */
static mr_code read_schema(mr_slice line, mr_arena *arena, void *pasts, mr_error *err)
{
    static const char *const keys[] = {"event", "columns"};
    mr_drift_pasts *out = pasts;
    mr_scan scan;
    mr_scan_value object, values[2];
    mr_scan_init(&scan, line);
    if (!mr_scan_next(&scan, &object) || !mr_scan_finish(&scan)) return MR_OK;
    if (object.kind != MR_SCAN_OBJECT) return MR_OK;
    mr_scan_members(&object, keys, 2, values);
    if (values[0].kind != MR_SCAN_STRING || !mr_scan_is(&values[0], "schema")) return MR_OK;
    if (values[1].kind != MR_SCAN_ARRAY) return MR_OK;
    if (out->count == MR_DRIFT_MAX_VERSIONS)
        memmove(out->items, out->items + 1, sizeof *out->items * --out->count);
    return read_columns(&values[1], arena, &out->items[out->count++], err);
}

mr_code mr_drift_history_read(const char *path, mr_arena *arena, mr_drift_pasts *out, mr_error *err)
{
    *out = (mr_drift_pasts){0};
    out->items = mr_arena_take(arena, sizeof *out->items * MR_DRIFT_MAX_VERSIONS);
    if (out->items == NULL) return mr_arena_fail(arena, err);
    return each_line(path, arena, read_schema, out, err);
}

typedef struct telling {
    mr_drift_told *told;
    char since[40]; /* as the lines have it, so that bytes can be compared */
} telling;

/* The schema of the kind that is called so; NULL for none. */
static mr_schema *of_kind(mr_drift_told *told, const mr_scan_value *kind)
{
    mr_schema *schemas[MR_DRIFT_KIND_COUNT] = {[MR_DRIFT_NEW_COLUMN] = &told->fresh,
                                               [MR_DRIFT_MISSING_COLUMN] = &told->gone,
                                               [MR_DRIFT_TYPE_CHANGE] = &told->wide};
    for (int i = 0; i < MR_DRIFT_KIND_COUNT; i++)
        if (kind->kind == MR_SCAN_STRING && mr_scan_is(kind, mr_drift_kind_name((mr_drift_kind)i)))
            return schemas[i];
    return NULL;
}

static mr_code read_change(mr_slice line, mr_arena *arena, void *context, mr_error *err)
{
    static const char *const keys[] = {"time", "kind", "column", "to"};
    const telling *t = context;
    mr_scan scan;
    mr_scan_value object, values[4];
    mr_slice time, column, type_name = {0};
    mr_scan_init(&scan, line);
    if (!mr_scan_next(&scan, &object) || !mr_scan_finish(&scan)) return MR_OK;
    if (object.kind != MR_SCAN_OBJECT) return MR_OK;
    mr_scan_members(&object, keys, 4, values);
    mr_schema *schema = of_kind(t->told, &values[1]);
    if (schema == NULL || values[0].kind != MR_SCAN_STRING || values[2].kind != MR_SCAN_STRING)
        return MR_OK;
    if (!mr_scan_text(&values[0], arena, &time) || !mr_scan_text(&values[2], arena, &column))
        return mr_arena_fail(arena, err);
    if (values[3].kind == MR_SCAN_STRING && !mr_scan_text(&values[3], arena, &type_name))
        return mr_arena_fail(arena, err);
    if (time.len != strlen(t->since) || memcmp(time.ptr, t->since, time.len) < 0) return MR_OK;
    const mr_type type = mr_type_named(type_name);
    const int64_t at = mr_schema_find(schema, column);
    t->told->count++;
    if (at >= 0 && type != MR_TYPE_COUNT)
        schema->fields[at].type = mr_type_join(schema->fields[at].type, type);
    if (at >= 0) return MR_OK;
    return mr_schema_add(schema, column, type == MR_TYPE_COUNT ? MR_TYPE_NULL : type, NULL, err);
}

mr_code mr_drift_history_told(const char *path, int64_t since_ns, mr_arena *arena,
                              mr_drift_told *told, mr_error *err)
{
    telling t = {.told = told};
    t.since[mr_format_wall(t.since, since_ns, 3)] = 0;
    return each_line(path, arena, read_change, &t, err);
}

/* --- writing --- */

/* Begins a line; a torn one before it is ended first, so that it spoils nothing but itself. */
static mr_code append(const char *path, mr_json_out *json, mr_error *err)
{
    mr_file file = {0};
    if (json->failed) return mr_json_out_fail(json, err);
    MR_TRY(mr_buffer_append_byte(json->out, '\n', err));
    mr_code rc = mr_file_open_append(&file, path, err);
    if (rc == MR_OK && file.written > 0) {
        char last = '\n';
        mr_file look = {0};
        size_t got = 0;
        rc = mr_file_open(&look, path, err);
        if (rc == MR_OK) rc = mr_file_pread(&look, file.written - 1, &last, 1, &got, err);
        mr_file_close(&look);
        if (rc == MR_OK && last != '\n') rc = mr_file_write(&file, MR_SLICE("\n"), err);
    }
    if (rc == MR_OK) rc = mr_file_write(&file, mr_buffer_slice(json->out), err);
    if (rc == MR_OK) rc = mr_file_sync(&file, err);
    mr_file_close(&file);
    return rc;
}

static void begin(mr_json_out *json, const char *event)
{
    char time[40];
    time[mr_format_wall(time, mr_clock_wall_ns(), 3)] = 0;
    mr_json_open(json, '{');
    mr_json_key(json, "event"), mr_json_text(json, mr_slice_text(event));
    mr_json_key(json, "time"), mr_json_text(json, mr_slice_text(time));
}

static void put_type(mr_json_out *json, const char *key, mr_type type)
{
    mr_json_key(json, key);
    type == MR_TYPE_NULL ? mr_json_null(json)
                         : mr_json_text(json, mr_slice_text(mr_type_name(type)));
}

static void put_number(mr_json_out *json, const char *key, uint64_t number)
{
    mr_json_key(json, key);
    number > 0 ? mr_json_u64(json, number) : mr_json_null(json);
}

mr_code mr_drift_history_change(const char *path, const mr_drift_change *change, mr_error *err)
{
    mr_buffer text;
    mr_buffer_init(&text, "a line of the file of schemas", MAX_LINE_BYTES);
    mr_json_out json = {.out = &text};
    begin(&json, "change");
    mr_json_key(&json, "kind");
    mr_json_text(&json, mr_slice_text(mr_drift_kind_name(change->kind)));
    mr_json_key(&json, "column"), mr_json_text(&json, change->column);
    put_type(&json, "from", change->from);
    put_type(&json, "to", change->to);
    mr_json_key(&json, "policy");
    mr_json_text(&json, mr_slice_text(mr_drift_policy_name(change->policy)));
    mr_json_key(&json, "source"), mr_json_text(&json, change->source);
    put_number(&json, "record", change->record);
    put_number(&json, "line", change->line);
    mr_json_close(&json, '}');
    const mr_code rc = append(path, &json, err);
    mr_buffer_done(&text);
    return rc;
}

mr_code mr_drift_history_schema(const char *path, const mr_drift_past *past, mr_error *err)
{
    mr_buffer text;
    mr_buffer_init(&text, "a line of the file of schemas", MAX_LINE_BYTES);
    mr_json_out json = {.out = &text};
    begin(&json, "schema");
    mr_json_key(&json, "columns");
    mr_json_open(&json, '[');
    for (uint32_t i = 0; i < past->schema.field_count; i++) {
        mr_json_open(&json, '{');
        mr_json_key(&json, "name"), mr_json_text(&json, past->schema.fields[i].name);
        put_type(&json, "type", past->schema.fields[i].type);
        mr_json_key(&json, "nullable"), mr_json_bool(&json, past->nullable[i]);
        mr_json_close(&json, '}');
    }
    mr_json_close(&json, ']');
    mr_json_close(&json, '}');
    const mr_code rc = append(path, &json, err);
    mr_buffer_done(&text);
    return rc;
}
