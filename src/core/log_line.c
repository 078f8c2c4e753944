/* SPDX-License-Identifier: MIT */
#include "core/log_line.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/number.h"
#include "core/utf8.h"

/* --- filling a record
 * ----------------------------------------------------------------------------- */

MR_PRINTF(2, 0) static size_t fill_message(char *out, const char *format, va_list args)
{
    const int wanted = vsnprintf(out, MR_LOG_TEXT_MAX, format, args);
    if (wanted < 0) return 0;
    if (wanted < MR_LOG_TEXT_MAX) return (size_t)wanted;
    return mr_utf8_trim(mr_slice_of(out, MR_LOG_TEXT_MAX - 1));
}

void mr_log_record_fill(mr_log_record *record, mr_log_level level, const char *component,
                        const mr_log_field *fields, size_t field_count, const char *format,
                        va_list args)
{
    record->level = level;
    record->wall_ns = mr_clock_wall_ns();
    record->component = component;
    size_t used = fill_message(record->text, format, args);
    record->message_len = (uint16_t)used;
    if (field_count > MR_LOG_FIELDS_MAX) field_count = MR_LOG_FIELDS_MAX;
    record->value_count = (uint16_t)field_count;
    for (size_t i = 0; i < field_count; i++) {
        const mr_log_field *field = &fields[i];
        size_t len = field->is_number ? 0 : field->text.len;
        if (len > MR_LOG_TEXT_MAX - used)
            len = mr_utf8_trim(mr_slice_of(field->text.ptr, MR_LOG_TEXT_MAX - used));
        if (len > 0) memcpy(record->text + used, field->text.ptr, len);
        record->values[i] = (mr_log_value){.key = field->key,
                                           .is_number = field->is_number,
                                           .at = (uint16_t)used,
                                           .len = (uint16_t)len,
                                           .number = field->number};
        used += len;
    }
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t mr_log_record_hash(const mr_log_record *record)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)record->level;
    hash = hash_bytes(hash, record->component, strlen(record->component) + 1);
    hash = hash_bytes(hash, record->text, record->message_len);
    for (size_t i = 0; i < record->value_count; i++) {
        const mr_log_value *value = &record->values[i];
        hash = hash_bytes(hash, value->key, strlen(value->key) + 1);
        hash = hash_bytes(hash, record->text + value->at, value->len);
        hash = hash_bytes(hash, &value->number, sizeof value->number);
    }
    return hash;
}

/* --- writing a line
 * ------------------------------------------------------------------------------- */

/* Room is never short: see MR_LOG_LINE_MAX. */
static char *put_text(char *at, const char *text)
{
    const size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

static char *put_escaped(char *at, uint32_t code_point)
{
    static const char hex[] = "0123456789abcdef";
    *at++ = '\\';
    switch (code_point) {
    case '"':
    case '\\': *at++ = (char)code_point; return at;
    case '\n': *at++ = 'n'; return at;
    case '\r': *at++ = 'r'; return at;
    case '\t': *at++ = 't'; return at;
    default: break;
    }
    at = put_text(at, "u00");
    *at++ = hex[code_point >> 4];
    *at++ = hex[code_point & 15];
    return at;
}

/* The text as valid UTF-8 without control characters: `json` escapes them (and quotes), else '?'.
 */
static char *put_clean(char *at, mr_slice text, bool json)
{
    while (text.len > 0) {
        uint32_t code_point = MR_UTF8_REPLACEMENT;
        size_t len = mr_utf8_decode(text, &code_point);
        if (len == 0) len = 1;
        if (json && (is_control(code_point) || code_point == '"' || code_point == '\\'))
            at = put_escaped(at, code_point);
        else
            at += mr_utf8_encode(is_control(code_point) ? '?' : code_point, at);
        text = mr_slice_from(text, len);
    }
    return at;
}

static char *put_quoted(char *at, mr_slice text)
{
    *at++ = '"';
    at = put_clean(at, text, true);
    *at++ = '"';
    return at;
}

static mr_slice name_of(const char *name)
{
    return mr_slice_of(name, strnlen(name, MR_LOG_NAME_MAX));
}

static mr_slice value_text(const mr_log_record *record, const mr_log_value *value)
{
    return mr_slice_of(record->text + value->at, value->len);
}

/* `key=value` could be read in two ways if the value were bare. */
static bool needs_quotes(mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '=' || byte == '\\') return true;
    }
    return text.len == 0;
}

static char *put_text_line(char *at, const mr_log_record *record)
{
    static const char *const names[] = {[MR_LOG_TRACE] = " trace ",
                                        [MR_LOG_DEBUG] = " debug ",
                                        [MR_LOG_INFO] = " info  ",
                                        [MR_LOG_WARN] = " warn  ",
                                        [MR_LOG_ERROR] = " error "};
    at += mr_format_wall(at, record->wall_ns, 3);
    at = put_text(at, names[record->level]);
    at = put_clean(at, name_of(record->component), false);
    at = put_text(at, ": ");
    at = put_clean(at, mr_log_record_message(record), false);
    for (size_t i = 0; i < record->value_count; i++) {
        const mr_log_value *value = &record->values[i];
        *at++ = ' ';
        at = put_clean(at, name_of(value->key), false);
        *at++ = '=';
        if (value->is_number)
            at += mr_format_i64(at, value->number);
        else if (needs_quotes(value_text(record, value)))
            at = put_quoted(at, value_text(record, value));
        else
            at = put_clean(at, value_text(record, value), false);
    }
    return at;
}

static char *put_json_line(char *at, const mr_log_record *record)
{
    at = put_text(at, "{\"time\":\"");
    at += mr_format_wall(at, record->wall_ns, 3);
    at = put_text(at, "\",\"level\":\"");
    at = put_text(at, mr_log_level_name(record->level));
    at = put_text(at, "\",\"component\":");
    at = put_quoted(at, name_of(record->component));
    at = put_text(at, ",\"message\":");
    at = put_quoted(at, mr_log_record_message(record));
    for (size_t i = 0; i < record->value_count; i++) {
        const mr_log_value *value = &record->values[i];
        *at++ = ',';
        at = put_quoted(at, name_of(value->key));
        *at++ = ':';
        if (value->is_number)
            at += mr_format_i64(at, value->number);
        else
            at = put_quoted(at, value_text(record, value));
    }
    *at++ = '}';
    return at;
}

size_t mr_log_line(char *out, const mr_log_record *record, bool json)
{
    char *end = json ? put_json_line(out, record) : put_text_line(out, record);
    *end++ = '\n';
    MR_DCHECK((size_t)(end - out) <= MR_LOG_LINE_MAX);
    return (size_t)(end - out);
}
