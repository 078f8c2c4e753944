/* SPDX-License-Identifier: MIT */
#include "arrow/field.h"

#include <stdio.h>

#include "core/number.h"
#include "core/utf8.h"

const char *mr_arrow_kind_name(mr_arrow_kind kind)
{
    static const char *const names[] = {[MR_KIND_NULL] = "null",
                                        [MR_KIND_BOOL] = "bool",
                                        [MR_KIND_I8] = "int8",
                                        [MR_KIND_I16] = "int16",
                                        [MR_KIND_I32] = "int32",
                                        [MR_KIND_I64] = "int64",
                                        [MR_KIND_U8] = "uint8",
                                        [MR_KIND_U16] = "uint16",
                                        [MR_KIND_U32] = "uint32",
                                        [MR_KIND_U64] = "uint64",
                                        [MR_KIND_HALF] = "float16",
                                        [MR_KIND_F32] = "float32",
                                        [MR_KIND_F64] = "float64",
                                        [MR_KIND_DECIMAL] = "decimal",
                                        [MR_KIND_DATE32] = "date32",
                                        [MR_KIND_DATE64] = "date64",
                                        [MR_KIND_TIME32] = "time32",
                                        [MR_KIND_TIME64] = "time64",
                                        [MR_KIND_TIMESTAMP] = "timestamp",
                                        [MR_KIND_FIXED] = "fixed-size binary",
                                        [MR_KIND_VAR] = "binary or utf8",
                                        [MR_KIND_VAR64] = "large binary or utf8",
                                        [MR_KIND_VIEW] = "binary or utf8 view",
                                        [MR_KIND_STRUCT] = "struct",
                                        [MR_KIND_LIST] = "list",
                                        [MR_KIND_LIST64] = "large list",
                                        [MR_KIND_FIXED_LIST] = "fixed-size list"};
    return names[kind];
}

/* --- metadata
 * -------------------------------------------------------------------------------------- */

#define MAX_PAIRS      1024
#define MAX_PAIR_BYTES (1 << 20)

static int32_t take_i32(const char **at)
{
    int32_t value;
    memcpy(&value, *at, sizeof value);
    *at += sizeof value;
    return value;
}

static bool take_text(const char **at, mr_slice *out)
{
    const int32_t len = take_i32(at);
    if (len < 0 || len > MAX_PAIR_BYTES) return false;
    *out = mr_slice_of(*at, (size_t)len);
    *at += len;
    return true;
}

/* The value of `key`; empty when there is none or the metadata makes no sense. */
static mr_slice metadata_of(const struct ArrowSchema *schema, const char *key)
{
    const char *at = schema->metadata;
    if (at == NULL) return (mr_slice){0};
    const int32_t count = take_i32(&at);
    if (count < 0 || count > MAX_PAIRS) return (mr_slice){0};
    for (int32_t i = 0; i < count; i++) {
        mr_slice name, value;
        if (!take_text(&at, &name) || !take_text(&at, &value)) break;
        if (mr_slice_is(name, key)) return value;
    }
    return (mr_slice){0};
}

/* --- formats
 * --------------------------------------------------------------------------------------- */

typedef struct simple_format {
    const char *format;
    mr_arrow_kind kind;
    mr_type type;
    uint8_t width, digits;
} simple_format;

static const simple_format simple_formats[] = {
    {"n", MR_KIND_NULL, MR_TYPE_NULL, 0, 0},     {"b", MR_KIND_BOOL, MR_TYPE_BOOL, 0, 0},
    {"c", MR_KIND_I8, MR_TYPE_INT, 1, 0},        {"C", MR_KIND_U8, MR_TYPE_INT, 1, 0},
    {"s", MR_KIND_I16, MR_TYPE_INT, 2, 0},       {"S", MR_KIND_U16, MR_TYPE_INT, 2, 0},
    {"i", MR_KIND_I32, MR_TYPE_INT, 4, 0},       {"I", MR_KIND_U32, MR_TYPE_INT, 4, 0},
    {"l", MR_KIND_I64, MR_TYPE_INT, 8, 0},       {"L", MR_KIND_U64, MR_TYPE_DECIMAL, 8, 0},
    {"e", MR_KIND_HALF, MR_TYPE_FLOAT, 2, 0},    {"f", MR_KIND_F32, MR_TYPE_FLOAT, 4, 0},
    {"g", MR_KIND_F64, MR_TYPE_FLOAT, 8, 0},     {"z", MR_KIND_VAR, MR_TYPE_BYTES, 4, 0},
    {"Z", MR_KIND_VAR64, MR_TYPE_BYTES, 8, 0},   {"vz", MR_KIND_VIEW, MR_TYPE_BYTES, 8, 0},
    {"u", MR_KIND_VAR, MR_TYPE_STRING, 4, 0},    {"U", MR_KIND_VAR64, MR_TYPE_STRING, 8, 0},
    {"vu", MR_KIND_VIEW, MR_TYPE_STRING, 8, 0},  {"tdD", MR_KIND_DATE32, MR_TYPE_DATE, 4, 0},
    {"tdm", MR_KIND_DATE64, MR_TYPE_DATE, 8, 0}, {"tts", MR_KIND_TIME32, MR_TYPE_TIME, 4, 0},
    {"ttm", MR_KIND_TIME32, MR_TYPE_TIME, 4, 3}, {"ttu", MR_KIND_TIME64, MR_TYPE_TIME, 8, 6},
    {"ttn", MR_KIND_TIME64, MR_TYPE_TIME, 8, 9}, {"+s", MR_KIND_STRUCT, MR_TYPE_JSON, 0, 0},
    {"+l", MR_KIND_LIST, MR_TYPE_JSON, 4, 0},    {"+L", MR_KIND_LIST64, MR_TYPE_JSON, 8, 0},
    {"+m", MR_KIND_LIST, MR_TYPE_JSON, 4, 0},
};

/* What else there is, by how its format begins, to be refused by name. */
static const struct {
    const char *start, *name;
} refused_formats[] = {
    {"tD", "a duration"},         {"ti", "an interval"},      {"+ud", "a dense union"},
    {"+us", "a sparse union"},    {"+r", "run-end encoding"}, {"+vl", "a list view"},
    {"+vL", "a large list view"},
};

static mr_code fail_format(const mr_arrow_field *field, mr_slice format, const char *what,
                           mr_error *err)
{
    return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s': %s (format \"%.*s\") %s",
                   MR_SLICE_ARGS(field->name), what, MR_SLICE_ARGS(format),
                   "has no place among our types; cast it where it comes from");
}

static mr_code refuse_format(const mr_arrow_field *field, mr_slice format, mr_error *err)
{
    for (size_t i = 0; i < MR_COUNT_OF(refused_formats); i++)
        if (mr_slice_starts(format, refused_formats[i].start))
            return fail_format(field, format, refused_formats[i].name, err);
    return fail_format(field, format, "a type that is not known", err);
}

static bool parse_small(mr_slice text, int64_t min, int64_t max, int64_t *out)
{
    return mr_parse_i64(text, out) && *out >= min && *out <= max;
}

/* P,S[,BITS] */
static bool parse_decimal(mr_arrow_field *field, mr_slice text)
{
    int64_t precision, scale, bits = 128;
    const char *comma = text.len > 0 ? memchr(text.ptr, ',', text.len) : NULL;
    if (comma == NULL) return false;
    mr_slice rest = mr_slice_from(text, (size_t)(comma - text.ptr) + 1);
    if (!parse_small(mr_slice_of(text.ptr, (size_t)(comma - text.ptr)), 1, 76, &precision))
        return false;
    comma = rest.len > 0 ? memchr(rest.ptr, ',', rest.len) : NULL;
    if (comma != NULL) {
        const mr_slice last = mr_slice_from(rest, (size_t)(comma - rest.ptr) + 1);
        if (!parse_small(last, 32, 256, &bits)) return false;
        rest.len = (size_t)(comma - rest.ptr);
    }
    if (!parse_small(rest, -76, 76, &scale)) return false;
    if (bits != 32 && bits != 64 && bits != 128 && bits != 256) return false;
    field->kind = MR_KIND_DECIMAL;
    field->type = MR_TYPE_DECIMAL;
    field->width = (uint32_t)bits / 8;
    field->scale = (int32_t)scale;
    return true;
}

/* How a zone is spelled behind a time: nothing, Z or an offset. */
static bool parse_zone(mr_slice zone, mr_time_layout *layout)
{
    char text[32];
    mr_time_layout found = 0;
    if (zone.len == 0) return true;
    if (zone.len == 6 && (zone.ptr[0] == '+' || zone.ptr[0] == '-')) {
        snprintf(text, sizeof text, "2000-01-01T00:00:00%.6s", zone.ptr);
        if (mr_text_is_timestamp(mr_slice_text(text), &found)) {
            *layout |= found & ~(mr_time_layout)0xfff;
            return true;
        }
        *layout |= 1u << 12; /* -00:00 and what is no offset: the moment stays, as UTC */
        return mr_slice_is(zone, "-00:00");
    }
    *layout |= 1u << 12; /* UTC, or a zone with a name: the same moment in UTC */
    return mr_utf8_valid(zone);
}

static bool parse_timestamp(mr_arrow_field *field, mr_slice format)
{
    static const char units[] = "smun";
    const char *unit = format.len >= 4 ? memchr(units, format.ptr[2], 4) : NULL;
    if (unit == NULL || format.ptr[3] != ':') return false;
    field->kind = MR_KIND_TIMESTAMP;
    field->type = MR_TYPE_TIMESTAMP;
    field->width = 8;
    field->digits = (uint32_t)(unit - units) * 3;
    field->layout = 'T' | field->digits << 8;
    return parse_zone(mr_slice_from(format, 4), &field->layout);
}

static bool parse_width(mr_arrow_field *field, mr_slice text, bool is_list)
{
    int64_t width;
    if (!parse_small(text, 0, MR_ARROW_MAX_WIDTH, &width)) return false;
    field->kind = is_list ? MR_KIND_FIXED_LIST : MR_KIND_FIXED;
    field->type = is_list ? MR_TYPE_JSON : MR_TYPE_BYTES;
    field->width = (uint32_t)width;
    return true;
}

static mr_code parse_format(mr_arrow_field *field, const char *text, mr_error *err)
{
    const mr_slice format = {text, strnlen(text, MR_ARROW_MAX_FORMAT)};
    for (size_t i = 0; i < MR_COUNT_OF(simple_formats); i++) {
        const simple_format *simple = &simple_formats[i];
        if (!mr_slice_is(format, simple->format)) continue;
        field->kind = simple->kind;
        field->type = simple->type;
        field->width = simple->width;
        field->digits = simple->digits;
        field->layout = 'T' | (mr_time_layout)simple->digits << 8;
        field->is_map = mr_slice_is(format, "+m");
        return MR_OK;
    }
    bool good = false;
    if (mr_slice_starts(format, "d:")) good = parse_decimal(field, mr_slice_from(format, 2));
    if (mr_slice_starts(format, "w:")) good = parse_width(field, mr_slice_from(format, 2), false);
    if (mr_slice_starts(format, "+w:")) good = parse_width(field, mr_slice_from(format, 3), true);
    if (mr_slice_starts(format, "ts")) good = parse_timestamp(field, format);
    return good ? MR_OK : refuse_format(field, format, err);
}

/* The digits and the separator that mr_arrow_export_schema() noted. More digits than the unit has
 * would invent some; fewer are checked value by value. */
static void take_layout(mr_arrow_field *field, mr_slice layout)
{
    if (layout.len != 2 || (field->kind != MR_KIND_TIMESTAMP && field->type != MR_TYPE_TIME))
        return;
    const uint32_t digits = (uint32_t)(layout.ptr[1] - '0');
    if ((layout.ptr[0] != 'T' && layout.ptr[0] != ' ') || digits > field->digits) return;
    field->layout =
        (field->layout & ~(mr_time_layout)0xfff) | digits << 8 | (unsigned char)layout.ptr[0];
}

static void take_extensions(mr_arrow_field *field, const struct ArrowSchema *schema)
{
    const mr_slice extension = metadata_of(schema, "ARROW:extension:name");
    const mr_slice own = metadata_of(schema, "millrace:type");
    const bool is_text = field->type == MR_TYPE_STRING;
    if (mr_slice_is(extension, "arrow.uuid") && field->kind == MR_KIND_FIXED && field->width == 16)
        field->type = MR_TYPE_UUID;
    if (mr_slice_is(extension, "arrow.json") && is_text) {
        field->is_json = true;
        field->type = MR_TYPE_JSON;
    }
    if (mr_slice_is(own, "number") && is_text) {
        field->is_number = true;
        field->type = MR_TYPE_NUMBER;
    }
    take_layout(field, metadata_of(schema, "millrace:layout"));
}

/* --- the tree
 * -------------------------------------------------------------------------------------- */

static uint32_t wanted_children(const mr_arrow_field *field, int64_t found)
{
    switch (field->kind) {
    case MR_KIND_STRUCT: return (uint32_t)found;
    case MR_KIND_LIST:
    case MR_KIND_LIST64:
    case MR_KIND_FIXED_LIST: return 1;
    default: return 0;
    }
}

static mr_code init_at_depth(mr_arrow_field *field, const struct ArrowSchema *schema,
                             mr_arena *arena, uint32_t depth, mr_error *err);

static mr_code init_children(mr_arrow_field *field, const struct ArrowSchema *schema,
                             mr_arena *arena, uint32_t depth, mr_error *err)
{
    if (schema->n_children < 0 || schema->n_children > MR_MAX_COLUMNS ||
        wanted_children(field, schema->n_children) != schema->n_children ||
        (schema->n_children > 0 && schema->children == NULL))
        return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s': a %s cannot have %lld children",
                       MR_SLICE_ARGS(field->name), mr_arrow_kind_name(field->kind),
                       (long long)schema->n_children);
    field->child_count = (uint32_t)schema->n_children;
    field->children = mr_arena_take(arena, sizeof *field->children * (field->child_count + 1));
    if (field->children == NULL) return mr_arena_fail(arena, err);
    for (uint32_t i = 0; i < field->child_count; i++)
        MR_TRY(init_at_depth(&field->children[i], schema->children[i], arena, depth + 1, err));
    return MR_OK;
}

static bool is_index(mr_arrow_kind kind)
{
    return kind >= MR_KIND_I8 && kind <= MR_KIND_U64;
}

static mr_code init_dictionary(mr_arrow_field *field, const struct ArrowSchema *schema,
                               mr_arena *arena, uint32_t depth, mr_error *err)
{
    if (schema->dictionary == NULL) return MR_OK;
    if (!is_index(field->kind))
        return mr_fail(err, MR_ERR_INPUT,
                       "Arrow column '%.*s': a %s cannot be the index into a dictionary",
                       MR_SLICE_ARGS(field->name), mr_arrow_kind_name(field->kind));
    field->dictionary = mr_arena_take(arena, sizeof *field->dictionary);
    if (field->dictionary == NULL) return mr_arena_fail(arena, err);
    MR_TRY(init_at_depth(field->dictionary, schema->dictionary, arena, depth + 1, err));
    if (field->dictionary->dictionary != NULL)
        return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s': a dictionary of dictionaries",
                       MR_SLICE_ARGS(field->name));
    if (field->dictionary->name.len == 0) field->dictionary->name = field->name;
    field->type = field->dictionary->type;
    return MR_OK;
}

static mr_code init_at_depth(mr_arrow_field *field, const struct ArrowSchema *schema,
                             mr_arena *arena, uint32_t depth, mr_error *err)
{
    if (schema == NULL || schema->release == NULL || schema->format == NULL)
        return mr_fail(err, MR_ERR_INPUT,
                       "an Arrow schema that is missing or has been released already");
    if (depth > MR_ARROW_MAX_DEPTH)
        return mr_fail(err, MR_ERR_LIMIT, "an Arrow schema nested more than %d deep",
                       MR_ARROW_MAX_DEPTH);
    const char *name = schema->name != NULL ? schema->name : "";
    field->name = (mr_slice){name, strnlen(name, MR_ARROW_MAX_NAME + 1)};
    if (field->name.len > MR_ARROW_MAX_NAME)
        return mr_fail(err, MR_ERR_LIMIT, "an Arrow column's name of more than %zu bytes",
                       MR_ARROW_MAX_NAME);
    field->name.ptr = mr_arena_copy(arena, field->name);
    if (field->name.ptr == NULL) return mr_arena_fail(arena, err);
    MR_TRY(parse_format(field, schema->format, err));
    take_extensions(field, schema);
    MR_TRY(init_children(field, schema, arena, depth, err));
    return init_dictionary(field, schema, arena, depth, err);
}

mr_code mr_arrow_field_init(mr_arrow_field *field, const struct ArrowSchema *schema,
                            mr_arena *arena, mr_error *err)
{
    *field = (mr_arrow_field){0};
    return init_at_depth(field, schema, arena, 0, err);
}

void mr_arrow_field_done(mr_arrow_field *field)
{
    for (uint32_t i = 0; i < field->child_count && field->children != NULL; i++)
        mr_arrow_field_done(&field->children[i]);
    if (field->dictionary != NULL) mr_arrow_field_done(field->dictionary);
    mr_column_done(&field->literals);
}

/* --- arrays
 * ---------------------------------------------------------------------------------------- */

static mr_code fail_array(const mr_arrow_field *field, const char *what, int64_t found,
                          int64_t wanted, mr_error *err)
{
    return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s' (%s): %s is %lld, expected %lld",
                   MR_SLICE_ARGS(field->name), mr_arrow_kind_name(field->kind), what,
                   (long long)found, (long long)wanted);
}

static int64_t wanted_buffers(const mr_arrow_field *field)
{
    switch (field->kind) {
    case MR_KIND_NULL: return 0;
    case MR_KIND_STRUCT:
    case MR_KIND_FIXED_LIST: return 1;
    case MR_KIND_VAR:
    case MR_KIND_VAR64: return 3;
    default: return 2;
    }
}

static mr_code check_counts(const mr_arrow_field *field, const struct ArrowArray *array,
                            mr_error *err)
{
    const int64_t wanted = wanted_buffers(field);
    if (array == NULL || array->release == NULL)
        return mr_fail(err, MR_ERR_INPUT,
                       "Arrow column '%.*s': the array is missing or has been released already",
                       MR_SLICE_ARGS(field->name));
    if (array->length < 0 || array->length > MR_ARROW_MAX_ROWS || array->offset < 0 ||
        array->offset > MR_ARROW_MAX_ROWS)
        return mr_fail(err, MR_ERR_INPUT,
                       "Arrow column '%.*s': length %lld at offset %lld; expected 0 to %lld",
                       MR_SLICE_ARGS(field->name), (long long)array->length,
                       (long long)array->offset, (long long)MR_ARROW_MAX_ROWS);
    if (array->null_count < -1 || array->null_count > array->length)
        return fail_array(field, "the number of nulls", array->null_count, array->length, err);
    if (field->kind == MR_KIND_VIEW) {
        if (array->n_buffers < 3 || array->n_buffers > (1 << 24))
            return fail_array(field, "the number of buffers", array->n_buffers, 3, err);
    } else if (array->n_buffers != wanted) {
        return fail_array(field, "the number of buffers", array->n_buffers, wanted, err);
    }
    if (array->n_buffers > 0 && array->buffers == NULL)
        return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s': no list of buffers",
                       MR_SLICE_ARGS(field->name));
    if (array->n_children != field->child_count)
        return fail_array(field, "the number of children", array->n_children, field->child_count,
                          err);
    if ((array->dictionary != NULL) != (field->dictionary != NULL))
        return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s': %s", MR_SLICE_ARGS(field->name),
                       field->dictionary != NULL ? "its dictionary is missing"
                                                 : "a dictionary that its schema does not have");
    return MR_OK;
}

/* The buffer's address, which must be there and aligned when there is a row. */
static mr_code take_buffer(const mr_arrow_field *field, const struct ArrowArray *array, int number,
                           uint32_t align, const void **out, mr_error *err)
{
    const void *buffer = array->buffers[number];
    if (buffer == NULL && array->length > 0)
        return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s' (%s): buffer %d is missing",
                       MR_SLICE_ARGS(field->name), mr_arrow_kind_name(field->kind), number);
    if (align > 1 && (uintptr_t)buffer % align != 0)
        return mr_fail(err, MR_ERR_INPUT,
                       "Arrow column '%.*s' (%s): buffer %d is not aligned to %u bytes",
                       MR_SLICE_ARGS(field->name), mr_arrow_kind_name(field->kind), number, align);
    *out = buffer;
    return MR_OK;
}

static uint32_t alignment_of(const mr_arrow_field *field)
{
    if (field->kind == MR_KIND_BOOL || field->kind == MR_KIND_FIXED) return 1;
    return field->width < 8 ? field->width : 8;
}

static mr_code view_buffers(mr_arrow_field *field, const struct ArrowArray *array, mr_error *err)
{
    const void *data = NULL;
    field->values = field->data = NULL;
    field->validity = array->n_buffers > 0 ? array->buffers[0] : NULL;
    if (field->validity == NULL && array->null_count > 0 && array->n_buffers > 0)
        return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s': %lld nulls without a validity",
                       MR_SLICE_ARGS(field->name), (long long)array->null_count);
    if (array->null_count == 0) field->validity = NULL;
    if (array->n_buffers > 1)
        MR_TRY(take_buffer(field, array, 1, alignment_of(field), &field->values, err));
    if (field->kind == MR_KIND_VIEW) {
        field->view_data = array->buffers + 2;
        field->view_count = array->n_buffers - 3;
        MR_TRY(take_buffer(field, array, (int)array->n_buffers - 1, 8,
                           (const void **)&field->view_bytes, err));
    } else if (array->n_buffers > 2) {
        data = array->buffers[2]; /* may be NULL when all texts are empty */
        field->data = data;
    }
    return MR_OK;
}

static mr_code view_children(mr_arrow_field *field, const struct ArrowArray *array, mr_error *err)
{
    if (field->child_count > 0 && array->children == NULL)
        return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s': no list of children",
                       MR_SLICE_ARGS(field->name));
    for (uint32_t i = 0; i < field->child_count; i++) {
        mr_arrow_field *child = &field->children[i];
        MR_TRY(mr_arrow_field_view(child, array->children[i], err));
        int64_t wanted = 0; /* of the others, each row's end is compared with the length */
        if (field->kind == MR_KIND_STRUCT) wanted = field->offset + field->length;
        if (field->kind == MR_KIND_FIXED_LIST)
            wanted = (field->offset + field->length) * (int64_t)field->width; /* < 2^63 */
        if (child->length < wanted)
            return fail_array(child, "the length", child->length, wanted, err);
    }
    return MR_OK;
}

mr_code mr_arrow_field_view(mr_arrow_field *field, const struct ArrowArray *array, mr_error *err)
{
    MR_TRY(check_counts(field, array, err));
    field->length = array->length;
    field->offset = array->offset;
    MR_TRY(view_buffers(field, array, err));
    MR_TRY(view_children(field, array, err));
    if (field->dictionary == NULL) return MR_OK;
    MR_TRY(mr_arrow_field_view(field->dictionary, array->dictionary, err));
    if (field->dictionary->length > MR_ARROW_MAX_DICTIONARY)
        return mr_fail(err, MR_ERR_LIMIT,
                       "Arrow column '%.*s': a dictionary of %lld values; at most %u are taken",
                       MR_SLICE_ARGS(field->name), (long long)field->dictionary->length,
                       MR_ARROW_MAX_DICTIONARY);
    return MR_OK;
}
