/* SPDX-License-Identifier: MIT
 *
 * support/json_naive.h - a slow and obvious JSON reader, to compare the real one with: it has the
 * whole input, recurses, looks at one byte at a time and writes a terse transcript (see
 * json_transcript.h). It knows the default options and wrap_scalars.
 *
 * Thread: none; tests are single. */
#ifndef MR_TESTS_SUPPORT_JSON_NAIVE_H
#define MR_TESTS_SUPPORT_JSON_NAIVE_H

#include "core/utf8.h"
#include "support/json_transcript.h"

typedef struct naive_field {
    mr_buffer name, text;
    mr_type type;
    uint32_t column;
} naive_field;

#define NAIVE_FIELDS 256

typedef struct naive {
    const char *begin, *end, *at; /* `end` is the line's in lines */
    uint32_t max_depth;
    mr_slice wrap;
    bool too_deep;
    bool lone; /* an escape was half of a pair */
    naive_field fields[NAIVE_FIELDS];
    uint32_t field_count;
    mr_buffer columns[NAIVE_FIELDS * 16];
    uint32_t column_count;
    uint64_t records;
    mr_buffer out;
} naive;

static inline void naive_open(naive *n, uint32_t max_depth, mr_slice wrap)
{
    memset(n, 0, sizeof *n);
    n->max_depth = max_depth;
    n->wrap = wrap;
    mr_buffer_init(&n->out, "test", (size_t)1 << 30);
}

static inline void naive_close(naive *n)
{
    for (uint32_t i = 0; i < NAIVE_FIELDS; i++) {
        mr_buffer_done(&n->fields[i].name);
        mr_buffer_done(&n->fields[i].text);
    }
    for (uint32_t i = 0; i < n->column_count; i++)
        mr_buffer_done(&n->columns[i]);
    mr_buffer_done(&n->out);
}

static inline bool naive_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline void naive_space(naive *n)
{
    while (n->at < n->end && naive_is_space(*n->at))
        n->at++;
}

static inline bool naive_is(const naive *n, char c)
{
    return n->at < n->end && *n->at == c;
}

static inline bool naive_digit(const naive *n)
{
    return n->at < n->end && *n->at >= '0' && *n->at <= '9';
}

static inline bool naive_digits(naive *n)
{
    if (!naive_digit(n)) return false;
    while (naive_digit(n))
        n->at++;
    return true;
}

static inline bool naive_number(naive *n)
{
    if (naive_is(n, '-')) n->at++;
    const bool zero = naive_is(n, '0');
    if (zero) n->at++;
    if (zero && naive_digit(n)) return false;
    if (!zero && !naive_digits(n)) return false;
    if (naive_is(n, '.')) {
        n->at++;
        if (!naive_digits(n)) return false;
    }
    if (naive_is(n, 'e') || naive_is(n, 'E')) {
        n->at++;
        if (naive_is(n, '+') || naive_is(n, '-')) n->at++;
        return naive_digits(n);
    }
    return true;
}

static inline bool naive_word(naive *n, const char *word)
{
    for (; *word != 0; word++, n->at++)
        if (!naive_is(n, *word)) return false;
    return true;
}

static inline bool naive_hex4(naive *n, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, n->at++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        if (n->at >= n->end || *n->at == 0) return false;
        const char *digit = strchr(digits, *n->at);
        if (digit == NULL) return false;
        const uint32_t value = (uint32_t)(digit - digits);
        *out = *out * 16 + (value < 16 ? value : value - 6);
    }
    return true;
}

/* The escape behind a backslash, as text. */
static inline bool naive_escape(naive *n, mr_buffer *text)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (n->at >= n->end || *n->at == 0) return false;
    const char *known = strchr(from, *n->at);
    if (known != NULL) {
        n->at++;
        json_say_bytes(text, (mr_slice){&to[known - from], 1});
        return true;
    }
    if (*n->at != 'u') return false;
    n->at++;
    uint32_t unit, low;
    if (!naive_hex4(n, &unit)) return false;
    if (unit >= 0xd800 && unit < 0xdc00 && naive_is(n, '\\') && n->at + 1 < n->end &&
        n->at[1] == 'u') {
        const char *before = n->at;
        n->at += 2;
        if (!naive_hex4(n, &low)) return false;
        if (low >= 0xdc00 && low < 0xe000)
            unit = 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00);
        else
            n->at = before; /* an escape of its own */
    }
    char bytes[4];
    const size_t len = mr_utf8_encode(unit, bytes);
    n->lone |= len == 0;
    json_say_bytes(text, (mr_slice){bytes, len});
    return true;
}

/* The string at n->at, unescaped. */
static inline bool naive_string(naive *n, mr_buffer *text)
{
    n->at++;
    while (n->at < n->end && *n->at != '"') {
        if ((unsigned char)*n->at < 0x20) return false;
        if (*n->at == '\\') {
            n->at++;
            if (!naive_escape(n, text)) return false;
        } else {
            json_say_bytes(text, (mr_slice){n->at++, 1});
        }
    }
    if (n->at >= n->end) return false;
    n->at++;
    return true;
}

static inline void naive_quote(mr_buffer *out, mr_slice text)
{
    JSON_SAY(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '"' || c == '\\')
            JSON_SAY(out, "\\%c", c);
        else if (c == '\n')
            JSON_SAY(out, "\\n");
        else if (c == '\t')
            JSON_SAY(out, "\\t");
        else if (c == '\r')
            JSON_SAY(out, "\\r");
        else if (c == '\b')
            JSON_SAY(out, "\\b");
        else if (c == '\f')
            JSON_SAY(out, "\\f");
        else if ((unsigned char)c < 0x20)
            JSON_SAY(out, "\\u%04x", (unsigned)c);
        else
            json_say_bytes(out, (mr_slice){&c, 1});
    }
    JSON_SAY(out, "\"");
}

static bool naive_value(naive *n, uint32_t depth, mr_buffer *compact);

static inline bool naive_quoted(naive *n, mr_buffer *compact)
{
    mr_buffer text;
    mr_buffer_init(&text, "test", (size_t)1 << 30);
    const bool good = naive_string(n, &text);
    if (good) naive_quote(compact, mr_buffer_slice(&text));
    mr_buffer_done(&text);
    return good;
}

/* The rest of a container, behind its bracket. */
static inline bool naive_container(naive *n, uint32_t depth, char close, mr_buffer *compact)
{
    naive_space(n);
    if (naive_is(n, close)) {
        JSON_SAY(compact, "%c", *n->at++);
        return true;
    }
    for (;;) {
        naive_space(n);
        if (close == '}') {
            if (!naive_is(n, '"') || !naive_quoted(n, compact)) return false;
            naive_space(n);
            if (!naive_is(n, ':')) return false;
            JSON_SAY(compact, "%c", *n->at++);
            naive_space(n);
        }
        if (!naive_value(n, depth, compact)) return false;
        naive_space(n);
        if (!naive_is(n, ',') && !naive_is(n, close)) return false;
        JSON_SAY(compact, "%c", *n->at);
        if (*n->at++ == close) return true;
    }
}

/* The value at n->at, whose container is `depth` levels down, as compact text. */
static bool naive_value(naive *n, uint32_t depth, mr_buffer *compact)
{
    const char *start = n->at;
    bool good = false;
    if (n->at >= n->end) return false;
    if (*start == '{' || *start == '[') {
        if (depth >= n->max_depth) {
            n->too_deep = true;
            return false;
        }
        JSON_SAY(compact, "%c", *n->at++);
        return naive_container(n, depth + 1, *start == '{' ? '}' : ']', compact);
    }
    if (*start == '"') return naive_quoted(n, compact);
    if (*start == '-' || (*start >= '0' && *start <= '9'))
        good = naive_number(n);
    else if (*start == 't')
        good = naive_word(n, "true");
    else if (*start == 'f')
        good = naive_word(n, "false");
    else if (*start == 'n')
        good = naive_word(n, "null");
    if (good) json_say_bytes(compact, (mr_slice){start, (size_t)(n->at - start)});
    return good;
}

/* A cell from the value at n->at. */
static inline bool naive_cell(naive *n, uint32_t depth, naive_field *field)
{
    const char first = n->at < n->end ? *n->at : 0;
    mr_buffer_done(&field->text);
    mr_buffer_init(&field->text, "test", (size_t)1 << 30);
    if (first == '"') {
        field->type = MR_TYPE_STRING;
        return naive_string(n, &field->text);
    }
    if (!naive_value(n, depth, &field->text)) return false;
    field->type = first == '{' || first == '['   ? MR_TYPE_JSON
                  : first == 't' || first == 'f' ? MR_TYPE_BOOL
                  : first == 'n'                 ? MR_TYPE_NULL
                                                 : mr_type_of_number(mr_buffer_slice(&field->text));
    return true;
}

/* The record's field called `name`, found or made. */
static inline naive_field *naive_named(naive *n, mr_slice name)
{
    for (uint32_t i = 0; i < n->field_count; i++)
        if (mr_slice_equal(mr_buffer_slice(&n->fields[i].name), name)) return &n->fields[i];
    json_need(n->field_count < NAIVE_FIELDS, "more fields than the naive reader has room for");
    naive_field *field = &n->fields[n->field_count++];
    mr_buffer_done(&field->name);
    mr_buffer_init(&field->name, "test", (size_t)1 << 30);
    json_say_bytes(&field->name, name);
    return field;
}

static inline bool naive_member(naive *n)
{
    mr_buffer name;
    mr_buffer_init(&name, "test", (size_t)1 << 30);
    bool good = naive_is(n, '"') && naive_string(n, &name);
    if (good) naive_space(n);
    good = good && naive_is(n, ':');
    if (good) {
        n->at++;
        naive_space(n);
        good = naive_cell(n, 1, naive_named(n, mr_buffer_slice(&name)));
    }
    mr_buffer_done(&name);
    return good;
}

/* The record at n->at into n->fields. */
static inline bool naive_record(naive *n)
{
    n->field_count = 0;
    n->lone = n->too_deep = false;
    if (!naive_is(n, '{')) return naive_cell(n, 0, naive_named(n, n->wrap));
    n->at++;
    naive_space(n);
    if (naive_is(n, '}')) return n->at++, true;
    for (;;) {
        naive_space(n);
        if (!naive_member(n)) return false;
        naive_space(n);
        if (naive_is(n, '}')) return n->at++, true;
        if (!naive_is(n, ',')) return false;
        n->at++;
    }
}

/* --- the transcript --- */

static inline uint64_t naive_line(const naive *n, const char *p)
{
    uint64_t lines = 0;
    for (const char *at = n->begin; at < p; at++)
        lines += *at == '\n';
    return lines;
}

static inline void naive_say_failure(naive *n)
{
    const char *line = n->at;
    while (line > n->begin && line[-1] != '\n')
        line--;
    JSON_SAY(&n->out, "# line %llu, column %llu\n", (unsigned long long)(naive_line(n, n->at) + 1),
             (unsigned long long)(n->at - line + 1));
}

static inline void naive_say_reject(naive *n, mr_reason reason, mr_slice raw)
{
    JSON_SAY(&n->out, "! %s %llu+%llu line %llu record %llu\n", mr_reason_name(reason),
             (unsigned long long)(raw.ptr - n->begin), (unsigned long long)raw.len,
             (unsigned long long)naive_line(n, raw.ptr), (unsigned long long)n->records++);
}

static inline void naive_find_columns(naive *n)
{
    for (uint32_t i = 0; i < n->field_count; i++) {
        naive_field *field = &n->fields[i];
        for (field->column = 0; field->column < n->column_count; field->column++)
            if (mr_slice_equal(mr_buffer_slice(&n->columns[field->column]),
                               mr_buffer_slice(&field->name)))
                break;
        if (field->column < n->column_count) continue;
        json_need(n->column_count < MR_COUNT_OF(n->columns),
                  "too many columns for the naive reader");
        mr_buffer *column = &n->columns[n->column_count++];
        mr_buffer_init(column, "test", (size_t)1 << 30);
        json_say_bytes(column, mr_buffer_slice(&field->name));
    }
}

static inline void naive_say_row(naive *n, mr_slice raw)
{
    naive_find_columns(n);
    JSON_SAY(&n->out, "%llu+%u line %llu record %llu: ", (unsigned long long)(raw.ptr - n->begin),
             (unsigned)raw.len, (unsigned long long)naive_line(n, raw.ptr),
             (unsigned long long)n->records++);
    for (uint32_t column = 0; column < n->column_count; column++) {
        for (uint32_t i = 0; i < n->field_count; i++) {
            const naive_field *field = &n->fields[i];
            if (field->column != column) continue;
            json_say_bytes(&n->out, mr_buffer_slice(&field->name));
            if (field->type == MR_TYPE_NULL) {
                JSON_SAY(&n->out, "=null ");
                continue;
            }
            JSON_SAY(&n->out, "=%s:", mr_type_name(field->type));
            json_say_bytes(&n->out, mr_buffer_slice(&field->text));
            JSON_SAY(&n->out, " ");
        }
    }
    JSON_SAY(&n->out, "\n");
}

/* What a record that reads well becomes. */
static inline void naive_say_record(naive *n, const char *start)
{
    const mr_slice raw = {start, (size_t)(n->at - start)};
    if (*start != '{' && n->wrap.len == 0)
        naive_say_reject(n, MR_REASON_NOT_AN_OBJECT, raw);
    else if (n->lone)
        naive_say_reject(n, MR_REASON_INVALID_UNICODE, raw);
    else if (!mr_utf8_valid(raw))
        naive_say_reject(n, MR_REASON_INVALID_UTF8, raw);
    else
        naive_say_row(n, raw);
}

static inline void naive_read_line(naive *n, const char *line_end)
{
    n->end = line_end;
    while (n->at < n->end && (naive_is_space(*n->at) || *n->at == '\x1e'))
        n->at++;
    if (n->at == n->end) return;
    const char *start = n->at, *raw_end = n->end;
    while (naive_is_space(raw_end[-1]))
        raw_end--;
    const mr_slice raw = {start, (size_t)(raw_end - start)};
    if (!naive_record(n)) {
        naive_say_reject(n, n->too_deep ? MR_REASON_TOO_DEEP : MR_REASON_SYNTAX, raw);
        return;
    }
    const char *value_end = n->at;
    naive_space(n);
    const bool trailing = n->at < n->end;
    n->at = value_end;
    if (trailing)
        naive_say_reject(n, MR_REASON_TRAILING_DATA, raw);
    else
        naive_say_record(n, start);
}

static inline void naive_read_lines(naive *n, const char *end)
{
    while (n->at < end) {
        const char *lf = memchr(n->at, '\n', (size_t)(end - n->at));
        const char *line_end = lf != NULL ? lf : end;
        naive_read_line(n, line_end);
        n->at = lf != NULL ? lf + 1 : end;
    }
}

static inline bool naive_read_stream(naive *n)
{
    for (;;) {
        while (n->at < n->end && (naive_is_space(*n->at) || *n->at == '\x1e'))
            n->at++;
        if (n->at == n->end) return true;
        const char *start = n->at;
        if (!naive_record(n)) return false;
        const bool open_end = *start != '{' && *start != '[' && *start != '"';
        if (open_end && n->at < n->end && !naive_is_space(*n->at) && !naive_is(n, '\x1e') &&
            !naive_is(n, '{') && !naive_is(n, '[') && !naive_is(n, '"'))
            return false;
        naive_say_record(n, start);
    }
}

/* The array behind its bracket, and the end of the input. */
static inline bool naive_read_array(naive *n)
{
    naive_space(n);
    if (naive_is(n, ']')) return n->at++, true;
    for (;;) {
        naive_space(n);
        const char *start = n->at;
        if (!naive_record(n)) return false;
        naive_say_record(n, start);
        naive_space(n);
        if (naive_is(n, ']')) return n->at++, true;
        if (!naive_is(n, ',')) return false;
        n->at++;
    }
}

static inline bool naive_read_document(naive *n, mr_json_format format)
{
    if (format != MR_JSON_DOCUMENT && n->at == n->end) return true;
    if (n->end - n->at >= 3 && memcmp(n->at, "\xef\xbb\xbf", 3) == 0) n->at += 3;
    naive_space(n);
    bool good = false;
    if (naive_is(n, '[')) {
        n->at++;
        good = naive_read_array(n);
    } else if (format == MR_JSON_AUTO) {
        return naive_read_stream(n);
    } else if (format == MR_JSON_DOCUMENT) {
        const char *start = n->at;
        good = naive_record(n);
        if (good) naive_say_record(n, start);
    }
    if (good) naive_space(n);
    return good && n->at == n->end;
}

/* Writes the transcript of `input` to n->out. */
static inline void naive_read(naive *n, mr_json_format format, mr_slice input)
{
    n->begin = n->at = input.ptr;
    n->end = input.ptr + input.len;
    if (format == MR_JSON_LINES) {
        if (input.len >= 3 && memcmp(input.ptr, "\xef\xbb\xbf", 3) == 0) n->at += 3;
        naive_read_lines(n, n->end);
    } else if (!naive_read_document(n, format)) {
        naive_say_failure(n);
    }
}

#endif
