/* SPDX-License-Identifier: MIT */
#include "arrow/spell.h"

#include <inttypes.h>

#include "arrow/values.h"
#include "core/scan.h"
#include "core/utf8.h"

/* In parentheses, for it is a macro too when clang's analyser looks. */
mr_code(mr_arrow_fail_cell)(const mr_arrow_field *field, int64_t row, const char *what,
                            mr_error *err)
{
    return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s' (%s), row %" PRId64 ": %s",
                   MR_SLICE_ARGS(field->name), mr_arrow_kind_name(field->kind), row + 1, what);
}

static const char *const no_literal[] = {
    [MR_KIND_DECIMAL] = "a decimal of more than 38 digits",
    [MR_KIND_DATE32] = "a date outside years 0 to 9999",
    [MR_KIND_DATE64] = "a date outside years 0 to 9999, or not the beginning of a day",
    [MR_KIND_TIME32] = "a time outside 00:00:00 to 23:59:59",
    [MR_KIND_TIME64] = "a time outside 00:00:00 to 23:59:59",
    [MR_KIND_TIMESTAMP] = "a timestamp outside years 0 to 9999",
};

/* --- states
 * ---------------------------------------------------------------------------------------- */

/* Validity and number of nulls. */
static void take_states(const mr_arrow_field *field, int64_t begin, uint32_t rows,
                        mr_column *column)
{
    const int64_t at = field->offset + begin;
    column->null_count = 0;
    if (field->kind == MR_KIND_NULL) {
        mr_bits_fill(column->validity, 0, rows, 0);
        column->null_count = rows;
    } else if (field->validity != NULL) {
        mr_bits_copy(column->validity, 0, field->validity + at / 8, (uint32_t)(at % 8), rows);
        column->null_count = mr_bits_count_zeros(column->validity, 0, rows);
    }
}

MR_INLINE bool has(const mr_column *column, uint32_t row)
{
    return !mr_column_is_null(column, row);
}

/* --- fixed-size values: a loop for each kind
 * ------------------------------------------------------ */

MR_INLINE size_t put_fixed(const mr_arrow_field *f, mr_arrow_kind kind, int64_t at,
                           mr_day_cache *cache, char *to)
{
    switch (kind) {
    case MR_KIND_BOOL:
        if (((const uint8_t *)f->values)[at / 8] >> at % 8 & 1) {
            memcpy(to, "true", 4);
            return 4;
        }
        memcpy(to, "false", 5);
        return 5;
    case MR_KIND_U64: return mr_format_u64(to, ((const uint64_t *)f->values)[at]);
    case MR_KIND_DECIMAL: return mr_arrow_put_decimal(f, at, to);
    case MR_KIND_DATE32:
    case MR_KIND_DATE64: return mr_arrow_put_date(f, kind, at, cache, to);
    case MR_KIND_TIME32:
    case MR_KIND_TIME64: return mr_arrow_put_time(f, kind, at, to);
    case MR_KIND_TIMESTAMP: return mr_arrow_put_timestamp(f, at, cache, to);
    case MR_KIND_FIXED:
        return (size_t)(mr_write_uuid(to, (const uint8_t *)f->values + at * 16) - to);
    default: return mr_format_i64(to, mr_arrow_int_at(f, kind, at));
    }
}

MR_INLINE mr_code spell_fixed(const mr_arrow_field *f, mr_arrow_kind kind, int64_t begin,
                              uint32_t rows, mr_column *column, mr_error *err)
{
    mr_day_cache cache = {0};
    char *start = column->data.ptr, *to = start;
    for (uint32_t row = 0; row < rows; row++) {
        if (MR_LIKELY(has(column, row))) {
            const size_t len = put_fixed(f, kind, f->offset + begin + row, &cache, to);
            if (MR_UNLIKELY(len == 0))
                return mr_arrow_fail_cell(f, begin + row, no_literal[kind], err);
            to += len;
        }
        column->offsets[row + 1] = (uint32_t)(to - start);
    }
    column->data.len = (size_t)(to - start);
    return MR_OK;
}

static mr_code spell_floats(const mr_arrow_field *f, int64_t begin, uint32_t rows,
                            mr_column *column, mr_error *err)
{
    char *start = column->data.ptr, *to = start;
    for (uint32_t row = 0; row < rows; row++) {
        bool special = false;
        if (has(column, row))
            to += mr_arrow_put_float(mr_arrow_float_at(f, f->kind, f->offset + begin + row), to,
                                     &special);
        column->offsets[row + 1] = (uint32_t)(to - start);
        if (MR_UNLIKELY(special)) MR_TRY(mr_column_tag(column, row, MR_TYPE_STRING, err));
        if (MR_UNLIKELY(column->type == MR_TYPE_MIXED && !special))
            column->tags[row] = has(column, row) ? MR_TYPE_FLOAT : MR_TYPE_NULL;
    }
    column->data.len = (size_t)(to - start);
    return MR_OK;
}

/* Bytes that the longest literal of a kind may scribble over. */
static size_t room_of(mr_arrow_kind kind)
{
    switch (kind) {
    case MR_KIND_BOOL: return 8;
    case MR_KIND_DATE32:
    case MR_KIND_DATE64: return 16;
    case MR_KIND_TIME32:
    case MR_KIND_TIME64:
    case MR_KIND_HALF:
    case MR_KIND_F32:
    case MR_KIND_F64: return MR_F64_TEXT_MAX; /* a time has at most 18 */
    case MR_KIND_TIMESTAMP:
    case MR_KIND_FIXED: return MR_NUMTEXT_MAX;
    case MR_KIND_DECIMAL: return MR_DECIMAL_TEXT_MAX;
    default: return 24;
    }
}

static mr_code spell_by_kind(const mr_arrow_field *f, int64_t begin, uint32_t rows,
                             mr_column *column, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(&column->data, (size_t)rows * room_of(f->kind), err));
    switch (f->kind) {
#define LOOP(kind) \
    case kind: return spell_fixed(f, kind, begin, rows, column, err)
        LOOP(MR_KIND_BOOL);
        LOOP(MR_KIND_I8);
        LOOP(MR_KIND_I16);
        LOOP(MR_KIND_I32);
        LOOP(MR_KIND_I64);
        LOOP(MR_KIND_U8);
        LOOP(MR_KIND_U16);
        LOOP(MR_KIND_U32);
        LOOP(MR_KIND_U64);
        LOOP(MR_KIND_DECIMAL);
        LOOP(MR_KIND_DATE32);
        LOOP(MR_KIND_DATE64);
        LOOP(MR_KIND_TIME32);
        LOOP(MR_KIND_TIME64);
        LOOP(MR_KIND_TIMESTAMP);
        LOOP(MR_KIND_FIXED);
#undef LOOP
    default: return spell_floats(f, begin, rows, column, err);
    }
}

/* --- texts
 * ----------------------------------------------------------------------------------------- */

mr_code mr_arrow_spell_offsets(mr_arrow_field *f, int64_t begin, uint32_t rows, mr_column *column,
                               mr_slice *out_data, bool *out_dense, mr_error *err)
{
    const int64_t base = rows > 0 ? mr_arrow_field_offset(f, begin) : 0;
    int64_t before = base;
    bool dense = true;
    *out_data = (mr_slice){0};
    if (base < 0) return mr_arrow_fail_cell(f, begin, "its text begins before its buffer", err);
    for (uint32_t row = 0; row < rows; row++) {
        const int64_t end = mr_arrow_field_offset(f, begin + row + 1);
        if (end < before)
            return mr_arrow_fail_cell(f, begin + row, "its text ends before it begins", err);
        if (end - base > (int64_t)MR_COLUMN_MAX_BYTES)
            return mr_fail(err, MR_ERR_LIMIT, "Arrow column '%.*s': more than %zu bytes in %u rows",
                           MR_SLICE_ARGS(f->name), MR_COLUMN_MAX_BYTES, rows);
        dense &= end == before || has(column, row);
        column->offsets[row + 1] = (uint32_t)(end - base);
        before = end;
    }
    if (before > base && f->data == NULL)
        return mr_fail(err, MR_ERR_INPUT, "Arrow column '%.*s': its texts are missing (buffer 2)",
                       MR_SLICE_ARGS(f->name));
    if (before > base) *out_data = mr_slice_of(f->data + base, (size_t)(before - base));
    *out_dense = dense;
    return MR_OK;
}

mr_code mr_arrow_check_utf8(const mr_arrow_field *f, int64_t begin, uint32_t rows,
                            const mr_column *column, mr_slice text, mr_error *err)
{
    bool good = mr_utf8_valid(text);
    for (uint32_t row = 0; row < rows && good; row++) {
        const uint32_t at = column->offsets[row];
        good = at >= text.len || ((unsigned char)text.ptr[at] & 0xc0) != 0x80;
    }
    for (uint32_t row = 0; row < rows && !good; row++) {
        const uint32_t at = column->offsets[row];
        if (!mr_utf8_valid((mr_slice){text.ptr + at, column->offsets[row + 1] - at}))
            return mr_arrow_fail_cell(f, begin + row, "its text is not UTF-8", err);
    }
    return MR_OK;
}

/* Drops the bytes that nulls have. */
static void close_gaps(mr_column *column, uint32_t rows)
{
    char *data = column->data.ptr;
    uint32_t to = 0, from = 0;
    for (uint32_t row = 0; row < rows; row++) {
        const uint32_t end = column->offsets[row + 1], len = has(column, row) ? end - from : 0;
        if (len > 0) memmove(data + to, data + from, len);
        to += len;
        from = end;
        column->offsets[row + 1] = to;
    }
    column->data.len = to;
}

static mr_code spell_texts(mr_arrow_field *f, int64_t begin, uint32_t rows, mr_column *column,
                           mr_error *err)
{
    mr_slice data;
    bool dense;
    MR_TRY(mr_arrow_spell_offsets(f, begin, rows, column, &data, &dense, err));
    MR_TRY(mr_buffer_append(&column->data, data, err));
    if (!dense) close_gaps(column, rows);
    if (f->type != MR_TYPE_STRING) return MR_OK;
    return mr_arrow_check_utf8(f, begin, rows, column, mr_buffer_slice(&column->data), err);
}

/* 16 bytes: the length, then the text if it is short, or its first four bytes, the number of a
 * buffer and the place in it. */
static mr_code text_of_view(const mr_arrow_field *f, int64_t row, mr_slice *out, mr_error *err)
{
    const char *view = (const char *)f->values + (f->offset + row) * 16;
    int32_t part[4];
    memcpy(part, view, sizeof part);
    if (part[0] < 0) return mr_arrow_fail_cell(f, row, "a text of negative length", err);
    if (part[0] <= 12) {
        *out = mr_slice_of(view + 4, (size_t)part[0]);
        return MR_OK;
    }
    if (part[2] < 0 || part[2] >= f->view_count || f->view_data[part[2]] == NULL || part[3] < 0 ||
        (int64_t)part[3] + part[0] > f->view_bytes[part[2]])
        return mr_arrow_fail_cell(f, row, "a text outside its buffer", err);
    *out = mr_slice_of((const char *)f->view_data[part[2]] + part[3], (size_t)part[0]);
    return MR_OK;
}

static mr_code text_at(const mr_arrow_field *f, int64_t row, mr_slice *out, mr_error *err)
{
    if (f->kind == MR_KIND_VIEW) return text_of_view(f, row, out, err);
    if (f->kind == MR_KIND_FIXED) {
        *out =
            mr_slice_of((const char *)f->values + (f->offset + row) * (int64_t)f->width, f->width);
        return MR_OK;
    }
    const int64_t start = mr_arrow_field_offset(f, row), end = mr_arrow_field_offset(f, row + 1);
    if (start < 0 || end < start)
        return mr_arrow_fail_cell(f, row, "its text ends before it begins", err);
    if (end > start && f->data == NULL)
        return mr_arrow_fail_cell(f, row, "its text is missing (buffer 2)", err);
    *out = end > start ? mr_slice_of(f->data + start, (size_t)(end - start)) : (mr_slice){0};
    return MR_OK;
}

/* --- texts that are values: arrow.json, and numbers of ours
 * --------------------------------------- */

static mr_type type_of_json(const mr_scan_value *value)
{
    switch (value->kind) {
    case MR_SCAN_NULL: return MR_TYPE_NULL;
    case MR_SCAN_FALSE:
    case MR_SCAN_TRUE: return MR_TYPE_BOOL;
    case MR_SCAN_NUMBER: return mr_type_of_number(value->raw);
    case MR_SCAN_STRING: return MR_TYPE_STRING;
    case MR_SCAN_NONE:
    case MR_SCAN_ARRAY:
    case MR_SCAN_OBJECT: break;
    }
    return MR_TYPE_JSON;
}

static mr_code scan_json(const mr_arrow_field *f, int64_t row, mr_slice text, mr_scan_value *out,
                         mr_error *err)
{
    mr_scan scan;
    mr_scan_init(&scan, text);
    if (mr_scan_next(&scan, out) && mr_scan_finish(&scan) &&
        (out->marks & (MR_SCAN_LONE | MR_SCAN_BROKEN)) == 0)
        return MR_OK;
    return mr_arrow_fail_cell(f, row, "arrow.json whose text is not JSON", err);
}

/* The value that a JSON text is: compact text for arrays and objects, a string's own text, ... */
static mr_code append_json(const mr_arrow_field *f, int64_t row, mr_slice text, mr_arena *arena,
                           mr_buffer *out, mr_type *out_type, mr_error *err)
{
    mr_scan_value value;
    mr_slice kept;
    MR_TRY(scan_json(f, row, text, &value, err));
    *out_type = type_of_json(&value);
    if (*out_type == MR_TYPE_NULL) return MR_OK;
    mr_arena_reset(arena);
    const bool good = value.kind == MR_SCAN_STRING ? mr_scan_text(&value, arena, &kept)
                                                   : mr_scan_kept(&value, arena, &kept);
    return good ? mr_buffer_append(out, kept, err) : mr_arena_fail(arena, err);
}

static mr_code append_number(mr_slice text, mr_buffer *out, mr_type *out_type, mr_error *err)
{
    mr_scan scan;
    mr_scan_value value;
    mr_scan_init(&scan, text);
    const bool good = mr_scan_next(&scan, &value) && mr_scan_finish(&scan) &&
                      value.kind == MR_SCAN_NUMBER && value.raw.len == text.len;
    *out_type = good ? MR_TYPE_NUMBER : MR_TYPE_STRING;
    return mr_buffer_append(out, text, err);
}

/* --- a cell at a time
 * ------------------------------------------------------------------------------ */

static mr_code append_cell(mr_arrow_field *f, int64_t row, mr_arena *arena, mr_buffer *out,
                           mr_type *out_type, mr_error *err)
{
    mr_slice text;
    *out_type = f->type;
    if (mr_arrow_is_nested(f->kind)) return mr_arrow_spell_nested(f, row, out, err);
    MR_TRY(text_at(f, row, &text, err));
    if (f->type != MR_TYPE_BYTES && !mr_utf8_valid(text))
        return mr_arrow_fail_cell(f, row, "its text is not UTF-8", err);
    if (f->is_json) return append_json(f, row, text, arena, out, out_type, err);
    if (f->is_number) return append_number(text, out, out_type, err);
    return mr_buffer_append(out, text, err);
}

static void set_null(mr_column *column, uint32_t row)
{
    mr_column_need_validity(column, row);
    mr_bits_push(column->validity, row, 0);
    column->null_count++;
    column->offsets[row + 1] = (uint32_t)column->data.len;
    if (column->type == MR_TYPE_MIXED) column->tags[row] = MR_TYPE_NULL;
}

static mr_code set_value(mr_column *column, uint32_t row, mr_type type, mr_error *err)
{
    column->offsets[row + 1] = (uint32_t)column->data.len;
    if (column->null_count > 0) mr_bits_push(column->validity, row, 1);
    return mr_column_tag(column, row, type, err);
}

static mr_code spell_cells(mr_arrow_field *f, int64_t begin, uint32_t rows, mr_column *column,
                           mr_error *err)
{
    mr_arena arena;
    mr_code rc = MR_OK;
    mr_arena_init(&arena, "arrow.json", MR_COLUMN_MAX_BYTES);
    for (uint32_t row = 0; row < rows && rc == MR_OK; row++) {
        mr_type type = MR_TYPE_NULL;
        if (mr_arrow_field_has(f, begin + row))
            rc = append_cell(f, begin + row, &arena, &column->data, &type, err);
        if (rc != MR_OK) break;
        if (type == MR_TYPE_NULL)
            set_null(column, row);
        else
            rc = set_value(column, row, type, err);
    }
    mr_arena_done(&arena);
    return rc;
}

/* --- dictionaries
 * ---------------------------------------------------------------------------------- */

mr_code mr_arrow_spell_dictionaries(mr_arrow_field *f, mr_error *err)
{
    for (uint32_t i = 0; i < f->child_count; i++)
        MR_TRY(mr_arrow_spell_dictionaries(&f->children[i], err));
    mr_arrow_field *values = f->dictionary;
    if (values == NULL) return MR_OK;
    MR_TRY(mr_arrow_spell_dictionaries(values, err));
    mr_column *to = &values->literals;
    const uint32_t count = (uint32_t)values->length;
    MR_TRY(mr_column_reserve_rows(to, count, err));
    to->type = values->type;
    to->null_count = to->absent_count = 0;
    mr_buffer_reset(&to->data);
    return mr_arrow_spell(values, 0, count, to, err);
}

/* The number of a row's value in the dictionary, or -1 when there is no such value. */
static int64_t index_of(const mr_arrow_field *f, int64_t row)
{
    const int64_t at = mr_arrow_int_at(f, f->kind, f->offset + row);
    return at >= 0 && at < f->dictionary->length ? at : -1;
}

static mr_code spell_indices(mr_arrow_field *f, int64_t begin, uint32_t rows, mr_column *column,
                             mr_error *err)
{
    const mr_column *values = &f->dictionary->literals;
    for (uint32_t row = 0; row < rows; row++) {
        if (!mr_arrow_field_has(f, begin + row)) {
            set_null(column, row);
            continue;
        }
        const int64_t at = index_of(f, begin + row);
        if (at < 0)
            return mr_arrow_fail_cell(f, begin + row, "an index outside its dictionary", err);
        if (mr_column_is_null(values, (uint32_t)at)) {
            set_null(column, row);
            continue;
        }
        MR_TRY(mr_buffer_append(&column->data, mr_column_text(values, (uint32_t)at), err));
        MR_TRY(set_value(column, row, mr_column_type(values, (uint32_t)at), err));
    }
    return MR_OK;
}

/* --- all
 * ------------------------------------------------------------------------------------------- */

static mr_code spell_nulls(uint32_t rows, mr_column *column)
{
    memset(column->offsets, 0, sizeof *column->offsets * ((size_t)rows + 1));
    return MR_OK;
}

mr_code mr_arrow_spell(mr_arrow_field *f, int64_t begin, uint32_t rows, mr_column *column,
                       mr_error *err)
{
    column->offsets[0] = 0;
    if (f->dictionary != NULL) return spell_indices(f, begin, rows, column, err);
    const bool by_cell = mr_arrow_is_nested(f->kind) || f->kind == MR_KIND_VIEW || f->is_json ||
                         f->is_number || (f->kind == MR_KIND_FIXED && f->type != MR_TYPE_UUID);
    if (by_cell) return spell_cells(f, begin, rows, column, err);
    take_states(f, begin, rows, column);
    if (f->kind == MR_KIND_NULL) return spell_nulls(rows, column);
    if (f->kind == MR_KIND_VAR || f->kind == MR_KIND_VAR64)
        return spell_texts(f, begin, rows, column, err);
    return spell_by_kind(f, begin, rows, column, err);
}

mr_code mr_arrow_spell_one(const mr_arrow_field *f, int64_t row, char *room, mr_slice *out,
                           mr_type *out_type, mr_error *err)
{
    mr_day_cache cache = {0};
    bool special = false;
    *out_type = f->type;
    if (f->dictionary != NULL) {
        const int64_t at = index_of(f, row);
        if (at < 0) return mr_arrow_fail_cell(f, row, "an index outside its dictionary", err);
        const mr_column *values = &f->dictionary->literals;
        *out = mr_column_text(values, (uint32_t)at);
        *out_type = mr_column_is_null(values, (uint32_t)at) ? MR_TYPE_NULL
                                                            : mr_column_type(values, (uint32_t)at);
        return MR_OK;
    }
    if (f->kind >= MR_KIND_FIXED && f->type != MR_TYPE_UUID) return text_at(f, row, out, err);
    const int64_t at = f->offset + row;
    size_t len;
    if (f->type == MR_TYPE_FLOAT)
        len = mr_arrow_put_float(mr_arrow_float_at(f, f->kind, at), room, &special);
    else
        len = put_fixed(f, f->kind, at, &cache, room);
    if (len == 0) return mr_arrow_fail_cell(f, row, no_literal[f->kind], err);
    if (special) *out_type = MR_TYPE_STRING;
    *out = mr_slice_of(room, len);
    return MR_OK;
}
