/* SPDX-License-Identifier: MIT */
#include "record/schema.h"

#include <stdio.h>

#define FIRST_FIELDS 16u
#define SUFFIX_BYTES 12u /* an underscore and 32 bits of digits, and the NUL */

void mr_schema_init(mr_schema *schema, mr_arena *arena)
{
    *schema = (mr_schema){.arena = arena};
}

/* FNV-1a over 8 bytes a step with a final mix: names are short and come from the user's own files,
 * and probing is bounded by the load factor of one half. */
uint32_t mr_name_hash(mr_slice name)
{
    uint64_t hash = 0xcbf29ce484222325u ^ name.len;
    size_t i = 0;
    for (; i + 8 <= name.len; i += 8) {
        uint64_t word;
        memcpy(&word, name.ptr + i, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    for (; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 0x100000001b3u;
    hash ^= hash >> 29;
    return (uint32_t)(hash * 0x9e3779b97f4a7c15u >> 32);
}

static int64_t find_hashed(const mr_schema *schema, mr_slice name, uint32_t hash)
{
    if (schema->index_slots == 0) return -1;
    const uint32_t mask = schema->index_slots - 1;
    for (uint32_t at = hash & mask; schema->index[at] != 0; at = (at + 1) & mask) {
        const mr_field *field = &schema->fields[schema->index[at] - 1];
        if (field->hash == hash && mr_slice_equal(field->name, name))
            return (int64_t)schema->index[at] - 1;
    }
    return -1;
}

int64_t mr_schema_find(const mr_schema *schema, mr_slice name)
{
    return find_hashed(schema, name, mr_name_hash(name));
}

static void index_field(mr_schema *schema, uint32_t number)
{
    const uint32_t mask = schema->index_slots - 1;
    uint32_t at = schema->fields[number].hash & mask;
    while (schema->index[at] != 0)
        at = (at + 1) & mask;
    schema->index[at] = number + 1;
}

/* Old arrays stay in the arena until it ends; doubling keeps that below the size of the new ones.
 */
static mr_code grow(mr_schema *schema, uint32_t cap, mr_error *err)
{
    mr_field *fields = mr_arena_take(schema->arena, sizeof *fields * cap);
    if (fields == NULL) return mr_arena_fail(schema->arena, err);
    uint32_t *index = mr_arena_take(schema->arena, sizeof *index * cap * 2);
    if (index == NULL) return mr_arena_fail(schema->arena, err);
    if (schema->field_count > 0)
        memcpy(fields, schema->fields, sizeof *fields * schema->field_count);
    schema->fields = fields;
    schema->field_cap = cap;
    schema->index = index;
    schema->index_slots = cap * 2;
    for (uint32_t i = 0; i < schema->field_count; i++)
        index_field(schema, i);
    return MR_OK;
}

mr_code mr_schema_add(mr_schema *schema, mr_slice name, mr_type type, uint32_t *out, mr_error *err)
{
    const uint32_t hash = mr_name_hash(name);
    if (find_hashed(schema, name, hash) >= 0)
        return mr_fail(err, MR_ERR_INPUT, "column '%.*s' is there twice", MR_SLICE_ARGS(name));
    if (schema->field_count == MR_MAX_COLUMNS)
        return mr_fail(err, MR_ERR_LIMIT, "more than %d columns (limits.max_columns)",
                       MR_MAX_COLUMNS);
    if (schema->field_count == schema->field_cap)
        MR_TRY(grow(schema, schema->field_cap == 0 ? FIRST_FIELDS : schema->field_cap * 2, err));
    char *copy = mr_arena_copy(schema->arena, name);
    if (copy == NULL) return mr_arena_fail(schema->arena, err);
    const uint32_t number = schema->field_count++;
    schema->fields[number] = (mr_field){{copy, name.len}, type, hash, 0};
    index_field(schema, number);
    if (out != NULL) *out = number;
    return MR_OK;
}

/* Names are never taken back, so the search for a free one goes on where the last ended; a header
 * of one name 65,536 times would cost the square of that otherwise. */
static mr_code add_repeated_name(mr_schema *schema, uint32_t first, mr_error *err)
{
    const mr_slice name = schema->fields[first].name;
    char *next = mr_arena_take(schema->arena, name.len + SUFFIX_BYTES);
    if (next == NULL) return mr_arena_fail(schema->arena, err);
    memcpy(next, name.ptr, name.len);
    for (;;) {
        const uint32_t number = ++schema->fields[first].repeated + 1;
        const int digits = snprintf(next + name.len, SUFFIX_BYTES, "_%u", number);
        const mr_slice candidate = {next, name.len + (size_t)digits};
        if (mr_schema_find(schema, candidate) < 0)
            return mr_schema_add(schema, candidate, MR_TYPE_STRING, NULL, err);
    }
}

mr_code mr_schema_add_header_name(mr_schema *schema, mr_slice name, mr_error *err)
{
    char empty_name[32];
    if (name.len == 0) {
        const int len =
            snprintf(empty_name, sizeof empty_name, "column_%u", schema->field_count + 1);
        name = (mr_slice){empty_name, (size_t)len};
    }
    const int64_t first = mr_schema_find(schema, name);
    if (first < 0) return mr_schema_add(schema, name, MR_TYPE_STRING, NULL, err);
    return add_repeated_name(schema, (uint32_t)first, err);
}

mr_code mr_schema_copy(mr_schema *to, const mr_schema *from, mr_arena *arena, mr_error *err)
{
    uint32_t cap = FIRST_FIELDS;
    mr_schema_init(to, arena);
    while (cap < from->field_count)
        cap *= 2;
    if (from->field_count > 0) MR_TRY(grow(to, cap, err)); /* at once: nothing is left behind */
    for (uint32_t i = 0; i < from->field_count; i++)
        MR_TRY(mr_schema_add(to, from->fields[i].name, from->fields[i].type, NULL, err));
    return MR_OK;
}
