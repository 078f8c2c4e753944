/* SPDX-License-Identifier: MIT */
#include "connector/replay_entry.h"

enum {
    SOURCE,
    RECORD,
    LINE,
    BYTE_OFFSET,
    BYTE_LENGTH,
    ATTEMPTS,
    REASON,
    RAW,
    RAW_BASE64,
    RAW_TRUNCATED,
    RAW_FORMAT,
    RAW_COLUMNS,
    ORIGIN,
    KEY_COUNT
};

static const char *const keys[KEY_COUNT] = {
    [SOURCE] = "source",
    [RECORD] = "record",
    [LINE] = "line",
    [BYTE_OFFSET] = "byte_offset",
    [BYTE_LENGTH] = "byte_length",
    [ATTEMPTS] = "attempts",
    [REASON] = "reason",
    [RAW] = "raw",
    [RAW_BASE64] = "raw_base64",
    [RAW_TRUNCATED] = "raw_truncated",
    [RAW_COLUMNS] = "raw_columns",
    [RAW_FORMAT] = "raw_format",
    [ORIGIN] = "origin",
};

/* --- reading --- */

static int digit_of(char byte)
{
    if (byte >= 'A' && byte <= 'Z') return byte - 'A';
    if (byte >= 'a' && byte <= 'z') return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9') return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

static mr_code decode_base64(mr_slice text, mr_arena *arena, mr_slice *out, mr_error *err)
{
    char *bytes = mr_arena_take(arena, text.len / 4 * 3 + 4);
    if (bytes == NULL) return mr_arena_fail(arena, err);
    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    uint32_t group = 0;
    size_t len = 0, bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int digit = digit_of(text.ptr[i]);
        if (digit < 0)
            return mr_fail(err, MR_ERR_INPUT, "raw_base64: byte %zu is no digit of base64", i + 1);
        group = group << 6 | (uint32_t)digit;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes[len++] = (char)(group >> bits);
    }
    *out = (mr_slice){bytes, len};
    return MR_OK;
}

static mr_code read_number(const mr_scan_value *value, const char *key, uint64_t *out,
                           mr_error *err)
{
    int64_t number = 0;
    *out = 0;
    if (value->kind == MR_SCAN_NONE || value->kind == MR_SCAN_NULL) return MR_OK;
    if (value->kind != MR_SCAN_NUMBER || !mr_scan_i64(value, &number) || number < 0)
        return mr_fail(err, MR_ERR_INPUT, "%s: expected a number, found %.*s", key,
                       (int)mr_min_u64(value->raw.len, 40), value->raw.ptr);
    *out = (uint64_t)number;
    return MR_OK;
}

static mr_code read_text(const mr_scan_value *value, const char *key, mr_arena *arena,
                         mr_slice *out, mr_error *err)
{
    *out = (mr_slice){"", 0};
    if (value->kind == MR_SCAN_NONE || value->kind == MR_SCAN_NULL) return MR_OK;
    if (value->kind != MR_SCAN_STRING)
        return mr_fail(err, MR_ERR_INPUT, "%s: expected a text, found %.*s", key,
                       (int)mr_min_u64(value->raw.len, 40), value->raw.ptr);
    return mr_scan_text(value, arena, out) ? MR_OK : mr_arena_fail(arena, err);
}

static mr_code read_raw(const mr_scan_value *values, mr_arena *arena, mr_replay_entry *out,
                        mr_error *err)
{
    mr_slice text;
    if (values[RAW].kind == MR_SCAN_STRING)
        return read_text(&values[RAW], keys[RAW], arena, &out->raw, err);
    if (values[RAW_BASE64].kind == MR_SCAN_NONE)
        return mr_fail(err, MR_ERR_INPUT,
                       "there is neither 'raw' nor 'raw_base64'; is this a rejects file?");
    MR_TRY(read_text(&values[RAW_BASE64], keys[RAW_BASE64], arena, &text, err));
    return decode_base64(text, arena, &out->raw, err);
}

mr_code mr_replay_entry_read(mr_slice line, mr_arena *arena, mr_replay_entry *out, mr_error *err)
{
    mr_scan scan;
    mr_scan_value object, values[KEY_COUNT];
    uint64_t attempts;
    mr_slice reason, format;
    mr_scan_init(&scan, line);
    if (!mr_scan_next(&scan, &object) || !mr_scan_finish(&scan)) return mr_scan_fail(&scan, err);
    if (object.kind != MR_SCAN_OBJECT) return mr_fail(err, MR_ERR_INPUT, "expected an object");
    mr_scan_members(&object, keys, KEY_COUNT, values);
    *out = (mr_replay_entry){.reason = MR_REASON_DESTINATION_REFUSED, .origin = values[ORIGIN]};
    if (values[RAW_COLUMNS].kind == MR_SCAN_ARRAY) out->columns = values[RAW_COLUMNS];
    MR_TRY(read_text(&values[SOURCE], keys[SOURCE], arena, &out->source, err));
    MR_TRY(read_number(&values[RECORD], keys[RECORD], &out->record, err));
    MR_TRY(read_number(&values[LINE], keys[LINE], &out->line, err));
    MR_TRY(read_number(&values[BYTE_OFFSET], keys[BYTE_OFFSET], &out->byte_offset, err));
    MR_TRY(read_number(&values[BYTE_LENGTH], keys[BYTE_LENGTH], &out->byte_length, err));
    MR_TRY(read_number(&values[ATTEMPTS], keys[ATTEMPTS], &attempts, err));
    MR_TRY(read_text(&values[REASON], keys[REASON], arena, &reason, err));
    MR_TRY(read_text(&values[RAW_FORMAT], keys[RAW_FORMAT], arena, &format, err));
    MR_TRY(read_raw(values, arena, out, err));
    out->attempts = attempts < 1 ? 1 : (uint32_t)mr_min_u64(attempts, UINT32_MAX - 1);
    out->cut = values[RAW_TRUNCATED].kind == MR_SCAN_TRUE;
    out->rebuilt = mr_slice_is(format, "json");
    for (int i = 0; i < MR_REASON_COUNT; i++)
        if (mr_slice_is(reason, mr_reason_name((mr_reason)i))) out->reason = (mr_reason)i;
    return MR_OK;
}

/* --- writing the text --- */

/* In JSON a line end can only stand between values: a space says the same. */
mr_code mr_replay_entry_json(const mr_replay_entry *entry, mr_buffer *out, mr_error *err)
{
    const size_t from = out->len;
    MR_TRY(mr_buffer_append(out, entry->raw, err));
    for (size_t i = from; i < out->len; i++)
        if (out->ptr[i] == '\n') out->ptr[i] = ' ';
    return mr_buffer_append_byte(out, '\n', err);
}

static mr_code put_quoted(mr_slice text, char quote, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_append_byte(out, quote, err));
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote) MR_TRY(mr_buffer_append_byte(out, quote, err));
        MR_TRY(mr_buffer_append_byte(out, text.ptr[i], err));
    }
    return mr_buffer_append_byte(out, quote, err);
}

/* Every text is quoted: it comes back as it is, the empty one too. Null is nothing. */
static mr_code put_cell(const mr_scan_value *value, char quote, mr_arena *arena, mr_buffer *out,
                        mr_error *err)
{
    mr_slice text = value->raw;
    if (value->kind == MR_SCAN_NONE || value->kind == MR_SCAN_NULL) return MR_OK;
    const bool broken = (value->marks & MR_SCAN_BROKEN) != 0;
    if (broken && (value->marks & MR_SCAN_ESCAPED) != 0)
        return mr_fail(err, MR_ERR_INPUT,
                       "raw: a text holds both escapes and bytes that are not UTF-8");
    if (broken && value->kind == MR_SCAN_STRING)
        text = mr_slice_of(text.ptr + 1, text.len - 2);
    else if (value->kind == MR_SCAN_STRING && !mr_scan_text(value, arena, &text))
        return mr_arena_fail(arena, err);
    if (quote == 0) return mr_buffer_append(out, text, err);
    if (value->kind == MR_SCAN_STRING || value->kind == MR_SCAN_ARRAY ||
        value->kind == MR_SCAN_OBJECT)
        return put_quoted(text, quote, out, err);
    return mr_buffer_append(out, text, err);
}

static mr_code put_member(const mr_scan_value *object, const mr_schema *columns, uint32_t column,
                          char quote, mr_arena *arena, mr_buffer *out, mr_error *err)
{
    mr_scan scan;
    mr_scan_value key, value, found = {0};
    mr_scan_open(&scan, object);
    while (mr_scan_member(&scan, &key) && mr_scan_next(&scan, &value)) {
        mr_slice name;
        if (!mr_scan_text(&key, arena, &name)) return mr_arena_fail(arena, err);
        if (mr_slice_equal(name, columns->fields[column].name)) found = value;
    }
    return put_cell(&found, quote, arena, out, err);
}

mr_code mr_replay_entry_csv(const mr_replay_entry *entry, const mr_schema *columns, char delimiter,
                            char quote, mr_arena *arena, mr_buffer *out, mr_error *err)
{
    mr_scan scan;
    mr_scan_value object;
    if (!entry->rebuilt) {
        MR_TRY(mr_buffer_append(out, entry->raw, err));
        return mr_buffer_append_byte(out, '\n', err);
    }
    mr_scan_init(&scan, entry->raw);
    if (!mr_scan_next(&scan, &object) || !mr_scan_finish(&scan)) return mr_scan_fail(&scan, err);
    if (object.kind != MR_SCAN_OBJECT)
        return mr_fail(err, MR_ERR_INPUT, "raw: expected an object of values");
    for (uint32_t i = 0; i < columns->field_count; i++) {
        if (i > 0) MR_TRY(mr_buffer_append_byte(out, delimiter, err));
        MR_TRY(put_member(&object, columns, i, quote, arena, out, err));
    }
    return mr_buffer_append_byte(out, '\n', err);
}
