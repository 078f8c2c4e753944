/* SPDX-License-Identifier: MIT */
#include "core/mem.h"
#include "core/utf8.h"
#include "format/json_internal.h"

#define KEEP_BYTES     ((size_t)4 << 20) /* what one huge record inflated shrinks back to this */
#define MAX_CALL_BYTES ((size_t)1 << 31) /* places in a call fit 32 bits */
#define MAX_TEXT_BYTES ((size_t)4 << 30)
#define WINDOW_BYTES                                                                      \
    ((size_t)32 << 10)          /* checked for UTF-8 at a time, so that it stays in cache \
                                 */
#define RECORD_SEPARATOR '\x1e' /* RFC 7464 */

/* One mr_json_read(). */
typedef struct call {
    struct mr_json_reader *reader;
    mr_json_state *state;
    mr_json_state began; /* *state as it was */
    const char *begin, *end;
    const char *at;       /* everything before it is done with */
    const char *valid_to; /* from some record on, everything before it is UTF-8 */
    bool final;
    mr_batch *batch;
    mr_reject_list *rejects;
    uint32_t reject_base;
    mr_text_result *out;
    mr_error *err;
} call;

typedef enum step {
    STEP_ON,
    STEP_STOP, /* more bytes or an empty batch are needed */
    STEP_FAIL, /* call->err is filled */
} step;

/* --- opening and closing --- */

static mr_code check_limits(mr_text_limits *limits, mr_error *err)
{
    const mr_text_limits defaults = MR_TEXT_LIMITS_DEFAULT;
    if (limits->max_record_bytes == 0) limits->max_record_bytes = defaults.max_record_bytes;
    if (limits->max_columns == 0) limits->max_columns = defaults.max_columns;
    if (limits->max_depth == 0) limits->max_depth = defaults.max_depth;
    if (limits->max_record_bytes > MR_JSON_MAX_RECORD_BYTES)
        return mr_fail(err, MR_ERR_USAGE, "limits.max_record_bytes is at most 1 GiB for JSON");
    if (limits->max_columns > MR_MAX_COLUMNS)
        return mr_fail(err, MR_ERR_USAGE, "limits.max_columns is at most %d", MR_MAX_COLUMNS);
    if (limits->max_depth > MR_JSON_MAX_DEPTH)
        return mr_fail(err, MR_ERR_USAGE, "limits.max_depth is at most %u", MR_JSON_MAX_DEPTH);
    return MR_OK;
}

static void copy_options(mr_json_reader *reader, const mr_json_options *options)
{
    mr_json_options *own = &reader->options;
    own->wrap_scalars.ptr = reader->owned_text;
    own->explode.ptr = reader->owned_text + options->wrap_scalars.len;
    if (options->wrap_scalars.len > 0)
        memcpy(reader->owned_text, options->wrap_scalars.ptr, options->wrap_scalars.len);
    if (options->explode.len > 0)
        memcpy(reader->owned_text + options->wrap_scalars.len, options->explode.ptr,
               options->explode.len);
    if (own->flatten_depth == 0 || own->flatten_depth > MR_JSON_MAX_FLATTEN_DEPTH)
        own->flatten_depth = MR_JSON_MAX_FLATTEN_DEPTH;
}

static void open_buffers(mr_json_reader *reader)
{
    mr_buffer_init(&reader->scratch, "the text of a JSON record", MAX_TEXT_BYTES);
    mr_buffer_init(&reader->mended, "the text of a JSON record", MAX_TEXT_BYTES);
    mr_buffer_init(&reader->flat_text, "the text of a JSON record", MAX_TEXT_BYTES);
    mr_buffer_init(&reader->name, "a JSON key", MAX_TEXT_BYTES);
    mr_buffer_init(&reader->members, "the members of a JSON record", MAX_TEXT_BYTES);
    mr_json_keys_init(&reader->seen);
}

mr_code mr_json_reader_open(const mr_json_options *options, mr_json_reader **out, mr_error *err)
{
    mr_json_reader *reader = mr_mem_zalloc(sizeof *reader);
    if (reader == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a JSON reader");
    reader->options = *options;
    reader->kernels = mr_json_kernels_choose();
    reader->cells = options->flatten != MR_JSON_FLATTEN_OFF ? &reader->flat : &reader->parsed;
    open_buffers(reader);
    mr_code rc = check_limits(&reader->options.limits, err);
    if (rc == MR_OK) rc = mr_json_fields_open(&reader->parsed, err);
    if (rc == MR_OK) rc = mr_json_fields_open(&reader->flat, err);
    if (rc != MR_OK) goto failed;
    reader->nest =
        mr_mem_zalloc(sizeof *reader->nest * (reader->options.limits.max_depth / 64 + 1));
    reader->owned_text = mr_mem_alloc(options->wrap_scalars.len + options->explode.len + 1);
    if (reader->nest == NULL || reader->owned_text == NULL) {
        rc = mr_fail(err, MR_ERR_NOMEM, "no memory left for a JSON reader");
        goto failed;
    }
    copy_options(reader, options);
    *out = reader;
    return MR_OK;
failed:
    mr_json_reader_close(reader);
    return rc;
}

void mr_json_reader_close(mr_json_reader *reader)
{
    if (reader == NULL) return;
    mr_json_fields_done(&reader->parsed);
    mr_json_fields_done(&reader->flat);
    mr_json_keys_done(&reader->seen);
    mr_mem_free(reader->nest);
    mr_mem_free(reader->owned_text);
    mr_buffer_done(&reader->scratch);
    mr_buffer_done(&reader->mended);
    mr_buffer_done(&reader->name);
    mr_buffer_done(&reader->members);
    mr_buffer_done(&reader->flat_text);
    mr_mem_free(reader);
}

mr_json_place mr_json_reader_place(const mr_json_reader *reader)
{
    return reader->place;
}

uint64_t mr_json_reader_replaced(const mr_json_reader *reader)
{
    return reader->replaced_total;
}

/* --- rejects --- */

static mr_code add_reject(call *c, mr_reason reason, mr_slice raw, mr_reject **out)
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
static void name_field(const call *c, mr_reject *reject, uint32_t key, const char *trouble)
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

static mr_code reject_flaw(call *c, mr_slice raw)
{
    static const char *const troubles[MR_REASON_COUNT] = {
        [MR_REASON_INVALID_UNICODE] = "an escape is half of a surrogate pair",
        [MR_REASON_INVALID_UTF8] = "bytes that are not UTF-8",
        [MR_REASON_DUPLICATE_KEY] = "the key is there twice",
        [MR_REASON_NOT_AN_OBJECT] = "a record is an object",
        [MR_REASON_TOO_MANY_FIELDS] = "more columns than limits.max_columns",
    };
    const mr_json_flaw *flaw = &c->reader->flaw;
    mr_reject *reject;
    MR_TRY(add_reject(c, flaw->reason, raw, &reject));
    name_field(c, reject, flaw->key, troubles[flaw->reason]);
    return MR_OK;
}

/* --- faults --- */

static void locate(const call *c, const char *p, mr_json_place *out)
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

/* ", found ..." for messages. */
static void describe(const call *c, const char *p, char *text, size_t size)
{
    if (p >= c->end)
        snprintf(text, size, ", found the end of the input");
    else if (*p > ' ' && *p != 0x7f)
        snprintf(text, size, ", found '%c'", *p);
    else if (*p == '\n')
        snprintf(text, size, ", found the end of the line");
    else
        snprintf(text, size, ", found byte 0x%02x", (unsigned)(unsigned char)*p);
}

mr_code mr_json_reader_refail(const mr_json_reader *reader, uint64_t lines_before, mr_error *err)
{
    const mr_json_place *place = &reader->place, *begin = &reader->begin;
    if (place->line == 0) return mr_fail(err, reader->failure.code, "%s", reader->failure.text);
    if (begin->line == 0)
        return mr_fail(err, reader->failure.code, "line %llu, column %llu: %s",
                       (unsigned long long)(place->line + lines_before),
                       (unsigned long long)place->column, reader->fault_text);
    return mr_fail(err, reader->failure.code,
                   "line %llu, column %llu: %s that begins at line %llu, column %llu",
                   (unsigned long long)(place->line + lines_before),
                   (unsigned long long)place->column, reader->fault_text,
                   (unsigned long long)(begin->line + lines_before),
                   (unsigned long long)begin->column);
}

/* The reading ends with what stands in reader->fault_text, at `p`, in the value at `begin` (NULL:
 * in none). */
static step fail(call *c, mr_code code, const char *p, const char *begin)
{
    struct mr_json_reader *reader = c->reader;
    reader->failure.code = code;
    locate(c, p, &reader->place);
    if (begin != NULL) locate(c, begin, &reader->begin);
    mr_json_reader_refail(reader, 0, c->err);
    return STEP_FAIL;
}

static step fail_expecting(call *c, const char *p, const char *expected)
{
    char found[48];
    describe(c, p, found, sizeof found);
    snprintf(c->reader->fault_text, sizeof c->reader->fault_text, "expected %s%s", expected, found);
    return fail(c, MR_ERR_INPUT, p, NULL);
}

/* The reader's own error (no memory, a buffer's limit) becomes the call's. */
static step fail_inside(call *c, mr_code code)
{
    if (c->err != NULL && c->err != &c->reader->failure) *c->err = c->reader->failure;
    c->reader->failure.code = code;
    return STEP_FAIL;
}

/* Says in reader->fault_text what is wrong at `p`. */
static void word_fault(call *c, mr_json_fault fault, const char *p)
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
    describe(c, p, found, sizeof found);
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

static step fail_value(call *c, mr_json_fault fault, const char *p, const char *begin)
{
    word_fault(c, fault, p);
    return fail(c, fault == MR_JSON_TOO_DEEP ? MR_ERR_LIMIT : MR_ERR_INPUT, p,
                fault == MR_JSON_ENDS ? begin : NULL);
}

static step fail_too_large(call *c, const char *begin)
{
    snprintf(c->reader->fault_text, sizeof c->reader->fault_text,
             "a record is larger than %llu bytes (limits.max_record_bytes)",
             (unsigned long long)c->reader->options.limits.max_record_bytes);
    return fail(c, MR_ERR_LIMIT, begin, NULL);
}

/* --- one record --- */

static mr_json_fault parse(struct mr_json_reader *reader, mr_json_scan *scan)
{
    mr_json_begin_record(reader);
    if (MR_LIKELY(*scan->at == '{')) return reader->kernels->object(reader, scan);
    mr_json_slot *slot = &reader->spare;
    if (reader->options.wrap_scalars.len > 0) {
        uint32_t number;
        slot = mr_json_field(reader, reader->options.wrap_scalars, scan->at, &number);
        if (slot == NULL) return MR_JSON_FAILED;
    } else {
        reader->flaw = (mr_json_flaw){true, MR_REASON_NOT_AN_OBJECT, scan->at, MR_JSON_NO_KEY};
    }
    return reader->kernels->value(reader, scan, slot);
}

/* Is the record UTF-8? Looks ahead by a window, so that small records cost next to nothing. */
MR_INLINE bool is_utf8(call *c, const char *start, const char *end)
{
    if (MR_LIKELY(end <= c->valid_to)) return true;
    const char *from = c->valid_to > start ? c->valid_to : start;
    size_t len = (size_t)(c->end - from);
    const size_t least = (size_t)(end - from);
    if (len > WINDOW_BYTES) len = least > WINDOW_BYTES ? least : WINDOW_BYTES;
    c->valid_to = from + mr_utf8_valid_prefix((mr_slice){from, len});
    return c->valid_to >= end;
}

static void find_invalid_field(struct mr_json_reader *reader)
{
    const mr_json_fields *fields = &reader->parsed;
    reader->flaw = (mr_json_flaw){true, MR_REASON_INVALID_UTF8, NULL, MR_JSON_NO_KEY};
    for (uint32_t i = 0; i < fields->count; i++) {
        const uint32_t number = fields->order[i];
        const mr_json_slot *slot = &fields->slots[number];
        if (slot->type == MR_TYPE_NULL || mr_utf8_valid((mr_slice){slot->ptr, slot->len})) continue;
        reader->flaw.key = number;
        return;
    }
}

static void keep_invalid(struct mr_json_reader *reader)
{
    const mr_json_fields *fields = &reader->parsed;
    for (uint32_t i = 0; i < fields->count; i++) {
        mr_json_slot *slot = &fields->slots[fields->order[i]];
        if (slot->type == MR_TYPE_STRING && !mr_utf8_valid((mr_slice){slot->ptr, slot->len}))
            slot->type = MR_TYPE_BYTES;
    }
}

/* Reads the record once more, from a copy with U+FFFD in the place of what is not UTF-8. */
static mr_code replace_invalid(struct mr_json_reader *reader, mr_slice raw)
{
    uint64_t replaced = 0;
    mr_buffer *mended = &reader->mended;
    mr_buffer_reset(mended);
    MR_TRY(mr_json_append_mended(mended, raw, &replaced, &reader->failure));
    memset(mended->ptr + mended->len, 0, MR_BUFFER_SLACK);
    mr_json_scan scan = {.at = mended->ptr, .end = mended->ptr + mended->len};
    const mr_json_fault fault = parse(reader, &scan);
    if (fault == MR_JSON_FAILED) return reader->failure.code;
    MR_DCHECK(fault == MR_JSON_FINE); /* it was fine before, and only texts changed */
    reader->replaced += (uint32_t)replaced;
    return MR_OK;
}

static mr_code mend_utf8(struct mr_json_reader *reader, mr_slice raw)
{
    if (reader->flaw.found) return MR_OK;
    switch (reader->options.invalid_unicode) {
    case MR_JSON_UNICODE_REJECT: find_invalid_field(reader); break;
    case MR_JSON_UNICODE_KEEP: keep_invalid(reader); break;
    case MR_JSON_UNICODE_REPLACE: return replace_invalid(reader, raw);
    }
    return MR_OK;
}

static step batch_is_full(call *c)
{
    c->out->batch_full = true;
    return STEP_STOP;
}

MR_INLINE bool must_stop(const call *c)
{
    return c->batch->row_count >= c->batch->max_rows ||
           c->rejects->count - c->reject_base >= MR_JSON_MAX_REJECTS;
}

/* The value that was read from `raw` becomes a row (or several), or a reject. */
static step finish_record(call *c, mr_slice raw)
{
    struct mr_json_reader *reader = c->reader;
    mr_code rc = MR_OK;
    if (MR_UNLIKELY(!is_utf8(c, raw.ptr, raw.ptr + raw.len))) rc = mend_utf8(reader, raw);
    if (rc == MR_OK && reader->cells != &reader->parsed && !reader->flaw.found)
        rc = mr_json_flatten_record(reader, &reader->failure);
    if (MR_UNLIKELY(rc != MR_OK)) return fail_inside(c, rc);
    if (MR_UNLIKELY(reader->too_many_fields)) {
        if (c->batch->row_count > 0) return batch_is_full(c); /* other records' columns go first */
        if (!reader->flaw.found)
            reader->flaw = (mr_json_flaw){true, MR_REASON_TOO_MANY_FIELDS, raw.ptr, MR_JSON_NO_KEY};
    }
    if (MR_UNLIKELY(reader->flaw.found)) return reject_flaw(c, raw) == MR_OK ? STEP_ON : STEP_FAIL;
    const mr_json_row row = {(uint32_t)(raw.ptr - c->begin), (uint32_t)raw.len,
                             (uint32_t)c->out->line_count, (uint32_t)c->out->record_count};
    bool done = true;
    rc = mr_json_commit(reader, c->batch, row, &c->state->element, &done, c->err);
    if (MR_UNLIKELY(rc != MR_OK)) return STEP_FAIL;
    if (MR_UNLIKELY(!done)) return batch_is_full(c);
    c->out->record_count++;
    c->out->duplicate_keys += reader->duplicates;
    reader->replaced_total += reader->replaced;
    return STEP_ON;
}

/* --- lines --- */

static mr_slice trimmed(const char *start, const char *end)
{
    while (end > start && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return (mr_slice){start, (size_t)(end - start)};
}

MR_INLINE void pass_line(call *c, const char *line_end)
{
    c->at = line_end;
    if (line_end == c->end) return;
    c->at++;
    c->out->line_count++;
}

static step reject_long_line(call *c, const char *start)
{
    mr_reject *reject;
    const uint64_t most = c->reader->options.limits.max_record_bytes;
    const mr_slice raw = {start, (size_t)most};
    if (add_reject(c, MR_REASON_RECORD_TOO_LARGE, raw, &reject) != MR_OK) return STEP_FAIL;
    mr_reject_detail(reject, "more than %llu bytes (limits.max_record_bytes)",
                     (unsigned long long)most);
    return STEP_ON;
}

/* The line is not complete: it waits for more, unless it is too long already. */
static step wait_for_line(call *c, const char *start)
{
    if ((uint64_t)(c->end - start) <= c->reader->options.limits.max_record_bytes) return STEP_STOP;
    if (reject_long_line(c, start) != STEP_ON) return STEP_FAIL;
    c->state->where = MR_JSON_IN_LONG_LINE;
    c->at = c->end;
    return STEP_STOP;
}

/* A line that cannot be read, with its fault at `p`, is one reject. */
static step reject_line(call *c, const char *start, mr_json_fault fault, const char *p)
{
    if (p > c->end) p = c->end;
    const char *line_end = memchr(p, '\n', (size_t)(c->end - p));
    if (line_end == NULL && !c->final) return wait_for_line(c, start);
    if (line_end == NULL) line_end = c->end;
    if ((uint64_t)(line_end - start) > c->reader->options.limits.max_record_bytes) {
        if (reject_long_line(c, start) != STEP_ON) return STEP_FAIL;
    } else {
        mr_json_place place;
        mr_reject *reject;
        char found[48];
        locate(c, p, &place);
        describe(c, p, found, sizeof found);
        const bool trailing = fault == MR_JSON_FINE;
        const mr_reason reason = trailing                    ? MR_REASON_TRAILING_DATA
                                 : fault == MR_JSON_TOO_DEEP ? MR_REASON_TOO_DEEP
                                                             : MR_REASON_SYNTAX;
        if (!trailing) word_fault(c, fault == MR_JSON_ENDS ? MR_JSON_LINE_ENDS : fault, p);
        if (add_reject(c, reason, trimmed(start, line_end), &reject) != MR_OK) return STEP_FAIL;
        mr_reject_detail(reject, "column %llu: %s%s", (unsigned long long)place.column,
                         trailing ? "expected the end of the line" : c->reader->fault_text,
                         trailing ? found : "");
    }
    pass_line(c, line_end);
    return STEP_ON;
}

/* To the first byte of the next line that has one. */
static void skip_blank(call *c)
{
    for (; c->at < c->end; c->at++) {
        const char byte = *c->at;
        if (byte == '\n') {
            c->out->line_count++;
            c->out->blank_lines++;
        } else if (byte != ' ' && byte != '\t' && byte != '\r' && byte != RECORD_SEPARATOR) {
            return;
        }
    }
}

static step read_line(call *c)
{
    if ((unsigned char)*c->at <= 0x20) skip_blank(c);
    if (c->at >= c->end) return STEP_STOP;
    if (must_stop(c)) return batch_is_full(c);
    const char *const start = c->at;
    mr_json_scan scan = {.at = start, .end = c->end, .one_line = true};
    const mr_json_fault fault = parse(c->reader, &scan);
    if (MR_UNLIKELY(fault == MR_JSON_FAILED)) return fail_inside(c, c->reader->failure.code);
    if (MR_UNLIKELY(fault == MR_JSON_ENDS && !c->final)) return wait_for_line(c, start);
    if (MR_UNLIKELY(fault != MR_JSON_FINE)) return reject_line(c, start, fault, scan.at);
    const char *p = scan.at;
    while (p < c->end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    if (MR_UNLIKELY(p >= c->end && !c->final)) return wait_for_line(c, start);
    if (MR_UNLIKELY(p < c->end && *p != '\n')) return reject_line(c, start, MR_JSON_FINE, p);
    step next = STEP_ON;
    if (MR_UNLIKELY((uint64_t)(p - start) > c->reader->options.limits.max_record_bytes))
        next = reject_long_line(c, start);
    else
        next = finish_record(c, (mr_slice){start, (size_t)(scan.at - start)});
    if (MR_LIKELY(next == STEP_ON)) pass_line(c, p);
    return next;
}

/* The rest of a line that was rejected for its length. */
static step leave_long_line(call *c)
{
    const char *lf = memchr(c->at, '\n', (size_t)(c->end - c->at));
    pass_line(c, lf != NULL ? lf : c->end);
    if (lf != NULL) c->state->where = MR_JSON_AT_VALUE;
    return lf != NULL ? STEP_ON : STEP_STOP;
}

/* --- the other formats --- */

static void skip_white(call *c, bool separators)
{
    for (; c->at < c->end; c->at++) {
        const char byte = *c->at;
        if (byte == '\n')
            c->out->line_count++;
        else if (byte != ' ' && byte != '\t' && byte != '\r' &&
                 !(separators && byte == RECORD_SEPARATOR))
            return;
    }
}

/* A number or a name of a stream needs something behind it that is no part of it; a number anywhere
 * may go on as long as more bytes may come. */
static mr_json_fault check_behind(const call *c, mr_json_scan *scan, char first)
{
    if (first == '{' || first == '[' || first == '"') return MR_JSON_FINE;
    const bool stream = c->state->where == MR_JSON_AT_VALUE;
    const bool number = first != 't' && first != 'f' && first != 'n';
    if (scan->at >= c->end) return (stream || number) && !c->final ? MR_JSON_ENDS : MR_JSON_FINE;
    const char behind = *scan->at;
    if (!stream || behind == RECORD_SEPARATOR || behind == '{' || behind == '[' || behind == '"')
        return MR_JSON_FINE;
    return behind == ' ' || behind == '\t' || behind == '\r' || behind == '\n'
               ? MR_JSON_FINE
               : MR_JSON_WANTS_SPACE;
}

/* The value at c->at is a record; behind it the text is at `next`. */
static step take_value(call *c, mr_json_where next)
{
    if (must_stop(c)) return batch_is_full(c);
    const char *const start = c->at;
    mr_json_scan scan = {.at = start, .end = c->end};
    mr_json_fault fault = parse(c->reader, &scan);
    if (MR_UNLIKELY(fault == MR_JSON_FAILED)) return fail_inside(c, c->reader->failure.code);
    if (fault == MR_JSON_FINE) fault = check_behind(c, &scan, *start);
    if (scan.at > c->end || fault == MR_JSON_ENDS) scan.at = c->end;
    if ((uint64_t)(scan.at - start) > c->reader->options.limits.max_record_bytes)
        return fail_too_large(c, start);
    if (fault == MR_JSON_ENDS && !c->final) return STEP_STOP;
    if (MR_UNLIKELY(fault != MR_JSON_FINE)) return fail_value(c, fault, scan.at, start);
    const step done = finish_record(c, (mr_slice){start, (size_t)(scan.at - start)});
    if (done != STEP_ON) return done;
    c->at = scan.at;
    c->out->line_count += scan.line_count;
    c->state->where = next;
    return STEP_ON;
}

static step read_start(call *c)
{
    static const char mark[3] = {'\xef', '\xbb', '\xbf'};
    const mr_json_format format = c->reader->options.format;
    const size_t have = (size_t)(c->end - c->at);
    if (have == 0) {
        if (!c->final || format != MR_JSON_DOCUMENT) return STEP_STOP;
        return fail_expecting(c, c->at, "a value");
    }
    if (memcmp(c->at, mark, have < 3 ? have : 3) == 0) {
        if (have < 3 && !c->final) return STEP_STOP;
        if (have >= 3) c->at += 3;
    }
    c->state->where = format == MR_JSON_LINES ? MR_JSON_AT_VALUE : MR_JSON_AT_TOP;
    return STEP_ON;
}

static step read_top(call *c)
{
    const mr_json_format format = c->reader->options.format;
    skip_white(c, false);
    if (c->at == c->end && (!c->final || format == MR_JSON_AUTO)) return STEP_STOP;
    const char first = c->at < c->end ? *c->at : ' ';
    if (first == '[') {
        c->at++;
        c->state->where = MR_JSON_AT_FIRST_ELEMENT;
    } else if (format == MR_JSON_ARRAY) {
        return fail_expecting(c, c->at, "'['");
    } else if (format == MR_JSON_AUTO) {
        c->state->where = MR_JSON_AT_VALUE;
    } else if (c->at == c->end) {
        return fail_expecting(c, c->at, "a value");
    } else {
        return take_value(c, MR_JSON_AT_END);
    }
    return STEP_ON;
}

static step read_in_array(call *c)
{
    skip_white(c, false);
    if (c->at == c->end) {
        if (!c->final) return STEP_STOP;
        snprintf(c->reader->fault_text, sizeof c->reader->fault_text,
                 "the input ends inside the array");
        return fail(c, MR_ERR_INPUT, c->at, NULL);
    }
    if (*c->at == ']' && c->state->where != MR_JSON_AT_ELEMENT) {
        c->at++;
        c->state->where = MR_JSON_AT_END;
        return STEP_ON;
    }
    if (c->state->where != MR_JSON_AFTER_ELEMENT) return take_value(c, MR_JSON_AFTER_ELEMENT);
    if (*c->at != ',') return fail_expecting(c, c->at, "',' or ']' after element");
    c->at++;
    c->state->where = MR_JSON_AT_ELEMENT;
    return STEP_ON;
}

static step read_end(call *c)
{
    skip_white(c, false);
    if (c->at == c->end) return STEP_STOP;
    return fail_expecting(c, c->at, "the end of the input");
}

static step read_step(call *c)
{
    switch (c->state->where) {
    case MR_JSON_AT_START: return read_start(c);
    case MR_JSON_AT_TOP: return read_top(c);
    case MR_JSON_AT_VALUE:
        if (c->reader->options.format == MR_JSON_LINES) return read_line(c);
        skip_white(c, true);
        return c->at < c->end ? take_value(c, MR_JSON_AT_VALUE) : STEP_STOP;
    case MR_JSON_IN_LONG_LINE: return leave_long_line(c);
    case MR_JSON_AT_FIRST_ELEMENT:
    case MR_JSON_AT_ELEMENT:
    case MR_JSON_AFTER_ELEMENT: return read_in_array(c);
    case MR_JSON_AT_END: return read_end(c);
    }
    return STEP_STOP;
}

/* --- one call --- */

static void finish_call(call *c)
{
    struct mr_json_reader *reader = c->reader;
    const size_t consumed = (size_t)(c->at - c->begin);
    const char *last = consumed > 0 ? memrchr(c->begin, '\n', consumed) : NULL;
    c->out->consumed = consumed;
    c->state->line += c->out->line_count;
    c->state->column = last != NULL ? (uint64_t)(c->at - last - 1) : c->state->column + consumed;
    mr_buffer_reset(&reader->scratch);
    mr_buffer_reset(&reader->mended);
    mr_buffer_reset(&reader->flat_text);
    mr_buffer_reset(&reader->name);
    mr_buffer_reset(&reader->members);
    mr_buffer_shrink(&reader->scratch, KEEP_BYTES);
    mr_buffer_shrink(&reader->mended, KEEP_BYTES);
    mr_buffer_shrink(&reader->flat_text, KEEP_BYTES);
    mr_buffer_shrink(&reader->name, KEEP_BYTES);
    mr_buffer_shrink(&reader->members, KEEP_BYTES);
}

mr_code mr_json_read(mr_json_reader *reader, mr_json_state *state, mr_slice bytes, bool final,
                     mr_batch *batch, mr_reject_list *rejects, mr_text_result *out, mr_error *err)
{
    mr_error own;
    if (err == NULL) err = &own;
    *out = (mr_text_result){0};
    reader->place = reader->begin = (mr_json_place){0};
    MR_TRY(mr_json_sync(reader, batch, err));
    if (bytes.len > MAX_CALL_BYTES) {
        bytes.len = MAX_CALL_BYTES;
        final = false;
    }
    if (bytes.ptr == NULL) bytes.ptr = "";
    call c = {.reader = reader,
              .state = state,
              .began = *state,
              .begin = bytes.ptr,
              .end = bytes.ptr + bytes.len,
              .at = bytes.ptr,
              .valid_to = bytes.ptr,
              .final = final,
              .batch = batch,
              .rejects = rejects,
              .reject_base = rejects->count,
              .out = out,
              .err = err};
    step last;
    do
        last = read_step(&c);
    while (last == STEP_ON);
    finish_call(&c);
    return last == STEP_FAIL ? err->code : MR_OK;
}
