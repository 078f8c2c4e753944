/* SPDX-License-Identifier: MIT */
#include "core/utf8.h"
#include "format/json_call.h"

/* --- rejects --- */

mr_code mr_json_add_reject(mr_json_call *c, mr_reason reason, mr_slice raw, mr_reject **out)
{
    MR_TRY(mr_reject_list_add(c->rejects, reason, out, c->err));
    mr_reject *reject = *out;
    reject->row_before = c->batch->row_count;
    reject->record = c->out->record_count++;
    reject->line = c->out->line_count;
    reject->byte_offset = (uint64_t)(raw.ptr - c->begin);
    reject->byte_length = raw.len;
    reject->raw = raw;
    return MR_OK;
}

/* Names the field in a reject: as a column, where it is one, and in the detail. */
static void name_field(const mr_json_call *c, mr_reject *reject, uint32_t key, const char *trouble)
{
    const struct mr_json_reader *reader = c->reader;
    if (key == MR_JSON_NO_KEY) {
        mr_reject_detail(reject, "%s", trouble);
        return;
    }
    if (reader->cells == &reader->parsed && key < c->batch->column_count) {
        reject->column = key + 1;
        reject->field = c->batch->columns[key].name;
    }
    mr_slice name = mr_json_keys_name(&reader->parsed.keys, key);
    if (name.len > 48) name.len = 48;
    name.len = mr_utf8_valid_prefix(name);
    mr_reject_detail(reject, "field '%.*s': %s", MR_SLICE_ARGS(name), trouble);
}

mr_code mr_json_reject_flaw(mr_json_call *c, mr_slice raw)
{
    static const char *const troubles[MR_REASON_COUNT] = {
        [MR_REASON_INVALID_UNICODE] = "an escape is half of a surrogate pair",
        [MR_REASON_INVALID_UTF8] = "bytes that are not UTF-8",
        [MR_REASON_DUPLICATE_KEY] = "the key is there twice",
        [MR_REASON_RECORD_TOO_LARGE] = "a key is longer than 65536 bytes",
        [MR_REASON_NOT_AN_OBJECT] = "a record is an object",
        [MR_REASON_TOO_MANY_FIELDS] =
            "too many columns (limits.max_columns) or bytes in their names",
    };
    const mr_json_flaw *flaw = &c->reader->flaw;
    mr_reject *reject;
    MR_TRY(mr_json_add_reject(c, flaw->reason, raw, &reject));
    name_field(c, reject, flaw->key, troubles[flaw->reason]);
    return MR_OK;
}

/* --- faults --- */

void mr_json_locate(const mr_json_call *c, const char *p, mr_json_place *out)
{
    uint64_t lines = c->began.line + c->out->line_count;
    for (const char *lf = c->at; (lf = memchr(lf, '\n', (size_t)(p - lf))) != NULL; lf++)
        lines++;
    const size_t before = (size_t)(p - c->begin);
    const char *last = before > 0 ? memrchr(c->begin, '\n', before) : NULL;
    out->line = lines + 1;
    out->column = last != NULL ? (uint64_t)(p - last) : c->began.column + before + 1;
    out->byte_offset = before;
}

void mr_json_describe(const mr_json_call *c, const char *p, char *text, size_t size)
{
    const unsigned char byte = p < c->end ? (unsigned char)*p : 0;
    if (p >= c->end)
        snprintf(text, size, ", found the end of the input");
    else if (byte > ' ' && byte < 0x7f)
        snprintf(text, size, ", found '%c'", byte);
    else if (byte == '\n')
        snprintf(text, size, ", found the end of the line");
    else
        snprintf(text, size, ", found byte 0x%02x", (unsigned)byte);
}

mr_code mr_json_reader_refail(const mr_json_reader *reader, uint64_t lines_before, mr_error *err)
{
    const mr_json_place *place = &reader->place, *begin = &reader->begin;
    if (place->line == 0) return mr_fail(err, reader->failure.code, "%s", reader->failure.text);
    if (begin->line == 0)
        return mr_fail(err, reader->failure.code, "line %llu, column %llu: %s",
                       (unsigned long long)place->line + lines_before,
                       (unsigned long long)place->column, reader->fault_text);
    return mr_fail(err, reader->failure.code,
                   "line %llu, column %llu: %s that begins at line %llu, column %llu",
                   (unsigned long long)place->line + lines_before,
                   (unsigned long long)place->column, reader->fault_text,
                   (unsigned long long)begin->line + lines_before,
                   (unsigned long long)begin->column);
}

mr_json_step mr_json_stop(mr_json_call *c, mr_code code, const char *p, const char *begin)
{
    struct mr_json_reader *reader = c->reader;
    reader->failure.code = code;
    mr_json_locate(c, p, &reader->place);
    if (begin != NULL) mr_json_locate(c, begin, &reader->begin);
    mr_json_reader_refail(reader, 0, c->err);
    return MR_JSON_STEP_FAIL;
}

mr_json_step mr_json_fail_expecting(mr_json_call *c, const char *p, const char *expected)
{
    char found[48];
    mr_json_describe(c, p, found, sizeof found);
    snprintf(c->reader->fault_text, sizeof c->reader->fault_text, "expected %s%s", expected, found);
    return mr_json_stop(c, MR_ERR_INPUT, p, NULL);
}

mr_json_step mr_json_fail_inside(mr_json_call *c, mr_code code)
{
    c->reader->failure.code = code;
    *c->err = c->reader->failure;
    return MR_JSON_STEP_FAIL;
}

void mr_json_word_fault(mr_json_call *c, mr_json_fault fault, const char *p)
{
    static const char *const wanted[] = {
        [MR_JSON_WANTS_VALUE] = "a value",
        [MR_JSON_WANTS_KEY] = "a key after ','",
        [MR_JSON_WANTS_KEY_OR_END] = "a key or '}'",
        [MR_JSON_WANTS_COLON] = "':' after key",
        [MR_JSON_WANTS_COMMA_IN_OBJECT] = "',' or '}' after value",
        [MR_JSON_WANTS_COMMA_IN_ARRAY] = "',' or ']' after value",
        [MR_JSON_WANTS_DIGIT] = "a digit",
        [MR_JSON_WANTS_SPACE] = "white space between values",
        [MR_JSON_BAD_LITERAL] = "true, false or null",
        [MR_JSON_BAD_ESCAPE] = "one of \"\\/bfnrtu behind a backslash",
        [MR_JSON_BAD_HEX] = "four hex digits behind \\u",
    };
    char *text = c->reader->fault_text;
    const size_t size = sizeof c->reader->fault_text;
    char found[48];
    mr_json_describe(c, p, found, sizeof found);
    if (fault == MR_JSON_TOO_DEEP)
        snprintf(text, size, "nested deeper than %u levels (limits.max_depth)",
                 c->reader->options.limits.max_depth);
    else if (fault == MR_JSON_ENDS)
        snprintf(text, size, "the input ends inside the value");
    else if (fault == MR_JSON_LINE_ENDS)
        snprintf(text, size, "the line ends inside the value");
    else if (fault == MR_JSON_LEADING_ZERO)
        snprintf(text, size, "a number begins with 0 and another digit");
    else if (fault == MR_JSON_CONTROL_CHARACTER)
        snprintf(text, size, "byte 0x%02x in a string must be escaped",
                 (unsigned)(unsigned char)*p);
    else
        snprintf(text, size, "expected %s%s", wanted[fault], found);
}

mr_json_step mr_json_fail_value(mr_json_call *c, mr_json_fault fault, const char *p,
                                const char *begin)
{
    mr_json_word_fault(c, fault, p);
    return mr_json_stop(c, fault == MR_JSON_TOO_DEEP ? MR_ERR_LIMIT : MR_ERR_INPUT, p,
                        fault == MR_JSON_ENDS ? begin : NULL);
}

mr_json_step mr_json_fail_too_large(mr_json_call *c, const char *begin)
{
    snprintf(c->reader->fault_text, sizeof c->reader->fault_text,
             "a record is larger than %llu bytes (limits.max_record_bytes)",
             (unsigned long long)c->reader->options.limits.max_record_bytes);
    return mr_json_stop(c, MR_ERR_LIMIT, begin, NULL);
}
