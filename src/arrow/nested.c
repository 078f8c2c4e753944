/* SPDX-License-Identifier: MIT
 *
 * Structs, lists and maps as compact JSON. The depth was limited when the schema was read, so the
 * recursion here is too. */
#include "arrow/spell.h"
#include "core/json.h"
#include "core/scan.h"
#include "core/utf8.h"

static mr_code put_row(mr_json_out *json, const mr_arrow_field *field, int64_t row, mr_error *err);

static void put_base64(mr_json_out *json, mr_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    mr_buffer *out = json->out;
    mr_json_raw(json, MR_SLICE("\""));
    const size_t size = (bytes.len + 2) / 3 * 4 + 1;
    if (json->failed || mr_buffer_reserve(out, size, &json->error) != MR_OK) {
        json->failed = true;
        return;
    }
    char *to = out->ptr + out->len;
    for (size_t i = 0; i < bytes.len; i += 3) {
        const size_t left = bytes.len - i;
        const unsigned a = (unsigned char)bytes.ptr[i];
        const unsigned b = left > 1 ? (unsigned char)bytes.ptr[i + 1] : 0;
        const unsigned c = left > 2 ? (unsigned char)bytes.ptr[i + 2] : 0;
        *to++ = digits[a >> 2];
        *to++ = digits[(a & 3) << 4 | b >> 4];
        *to++ = left > 1 ? digits[(b & 15) << 2 | c >> 6] : '=';
        *to++ = left > 2 ? digits[c & 63] : '=';
    }
    *to++ = '"';
    out->len = (size_t)(to - out->ptr);
}

/* The text of an arrow.json value; as it is, for its white space is the writer's own. */
static mr_code put_json_text(mr_json_out *json, const mr_arrow_field *field, int64_t row,
                             mr_slice text, mr_error *err)
{
    mr_scan scan;
    mr_scan_value value;
    mr_scan_init(&scan, text);
    if (!mr_scan_next(&scan, &value) || !mr_scan_finish(&scan) ||
        (value.marks & (MR_SCAN_LONE | MR_SCAN_BROKEN)) != 0)
        return mr_arrow_fail_cell(field, row, "arrow.json whose text is not JSON", err);
    const size_t room = mr_scan_keep_bytes(&value);
    mr_json_raw(json, room == 0 ? value.raw : MR_SLICE(""));
    if (room == 0 || json->failed) return MR_OK;
    MR_TRY(mr_buffer_reserve(json->out, room, err));
    char *to = json->out->ptr + json->out->len;
    const mr_slice kept = mr_scan_keep(&value, to);
    json->out->len += kept.len;
    return MR_OK;
}

static mr_code put_value(mr_json_out *json, const mr_arrow_field *field, int64_t row, mr_error *err)
{
    char room[MR_ARROW_SPELL_MAX];
    mr_slice text;
    mr_type type;
    MR_TRY(mr_arrow_spell_one(field, row, room, &text, &type, err));
    if (type == MR_TYPE_JSON && field->is_json) return put_json_text(json, field, row, text, err);
    if (type == MR_TYPE_NULL)
        mr_json_null(json);
    else if (type == MR_TYPE_BYTES)
        put_base64(json, text);
    else if (type == MR_TYPE_BOOL || type == MR_TYPE_JSON || mr_type_is_number(type))
        mr_json_raw(json, text);
    else if (mr_utf8_valid(text))
        mr_json_text(json, text);
    else
        return mr_arrow_fail_cell(field, row, "its text is not UTF-8", err);
    return MR_OK;
}

static mr_code put_struct(mr_json_out *json, const mr_arrow_field *field, int64_t row,
                          mr_error *err)
{
    mr_json_open(json, '{');
    for (uint32_t i = 0; i < field->child_count; i++) {
        mr_json_key(json, field->children[i].name.ptr);
        MR_TRY(put_row(json, &field->children[i], field->offset + row, err));
    }
    mr_json_close(json, '}');
    return MR_OK;
}

static mr_code put_list(mr_json_out *json, const mr_arrow_field *field, int64_t row, mr_error *err)
{
    const mr_arrow_field *child = &field->children[0];
    int64_t start, end;
    if (field->kind == MR_KIND_FIXED_LIST) {
        start = (field->offset + row) * (int64_t)field->width;
        end = start + field->width;
    } else {
        start = mr_arrow_field_offset(field, row);
        end = mr_arrow_field_offset(field, row + 1);
    }
    if (start < 0 || end < start || end > child->length)
        return mr_arrow_fail_cell(field, row, "a list that lies outside its values", err);
    mr_json_open(json, '[');
    for (int64_t i = start; i < end && !json->failed; i++)
        MR_TRY(put_row(json, child, i, err));
    mr_json_close(json, ']');
    return MR_OK;
}

static mr_code put_row(mr_json_out *json, const mr_arrow_field *field, int64_t row, mr_error *err)
{
    if (!mr_arrow_field_has(field, row)) {
        mr_json_null(json);
        return MR_OK;
    }
    if (field->kind == MR_KIND_STRUCT) return put_struct(json, field, row, err);
    if (mr_arrow_is_nested(field->kind)) return put_list(json, field, row, err);
    return put_value(json, field, row, err);
}

mr_code mr_arrow_spell_nested(const mr_arrow_field *field, int64_t row, mr_buffer *out,
                              mr_error *err)
{
    mr_json_out json = {.out = out};
    MR_TRY(put_row(&json, field, row, err));
    return json.failed ? mr_json_out_fail(&json, err) : MR_OK;
}
