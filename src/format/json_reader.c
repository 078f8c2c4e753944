/* SPDX-License-Identifier: MIT */
#include "core/mem.h"
#include "format/json_call.h"

#define KEEP_BYTES     ((size_t)4 << 20) /* what one huge record inflated shrinks back to this */
#define MAX_CALL_BYTES ((size_t)1 << 31) /* places in a call fit 32 bits */
#define MAX_TEXT_BYTES ((size_t)4 << 30)

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

/* --- the other formats --- */

static void skip_white(mr_json_call *c, bool separators)
{
    for (; c->at < c->end; c->at++) {
        const char byte = *c->at;
        if (byte == '\n')
            c->out->line_count++;
        else if (byte != ' ' && byte != '\t' && byte != '\r' &&
                 !(separators && byte == MR_JSON_RECORD_SEPARATOR))
            return;
    }
}

/* A number or a name of a stream needs something behind it that is no part of it; a number anywhere
 * may go on as long as more bytes may come. */
static mr_json_fault check_behind(const mr_json_call *c, mr_json_scan *scan, char first)
{
    if (first == '{' || first == '[' || first == '"') return MR_JSON_FINE;
    const bool stream = c->state->where == MR_JSON_AT_VALUE;
    const bool number = first != 't' && first != 'f' && first != 'n';
    if (scan->at >= c->end) return (stream || number) && !c->final ? MR_JSON_ENDS : MR_JSON_FINE;
    const char behind = *scan->at;
    if (!stream || behind == MR_JSON_RECORD_SEPARATOR || behind == '{' || behind == '[' ||
        behind == '"')
        return MR_JSON_FINE;
    return behind == ' ' || behind == '\t' || behind == '\r' || behind == '\n'
               ? MR_JSON_FINE
               : MR_JSON_WANTS_SPACE;
}

/* The value at c->at is a record; behind it the text is at `next`. */
static mr_json_step take_value(mr_json_call *c, mr_json_where next)
{
    if (mr_json_must_stop(c)) return mr_json_batch_is_full(c);
    const char *const start = c->at;
    mr_json_scan scan = {.at = start, .end = c->end};
    mr_json_fault fault = mr_json_parse(c->reader, &scan);
    if (MR_UNLIKELY(fault == MR_JSON_FAILED))
        return mr_json_fail_inside(c, c->reader->failure.code);
    if (fault == MR_JSON_FINE) fault = check_behind(c, &scan, *start);
    if (scan.at > c->end || fault == MR_JSON_ENDS) scan.at = c->end;
    if ((uint64_t)(scan.at - start) > c->reader->options.limits.max_record_bytes)
        return mr_json_fail_too_large(c, start);
    if (fault == MR_JSON_ENDS && !c->final) return MR_JSON_STEP_STOP;
    if (MR_UNLIKELY(fault != MR_JSON_FINE)) return mr_json_fail_value(c, fault, scan.at, start);
    const mr_json_step done =
        mr_json_finish_record(c, (mr_slice){start, (size_t)(scan.at - start)});
    if (done != MR_JSON_STEP_ON) return done;
    c->at = scan.at;
    c->out->line_count += scan.line_count;
    c->state->where = next;
    return MR_JSON_STEP_ON;
}

static mr_json_step read_start(mr_json_call *c)
{
    static const char mark[3] = {'\xef', '\xbb', '\xbf'};
    const mr_json_format format = c->reader->options.format;
    const size_t have = (size_t)(c->end - c->at);
    if (have == 0) {
        if (!c->final || format != MR_JSON_DOCUMENT) return MR_JSON_STEP_STOP;
        return mr_json_fail_expecting(c, c->at, "a value");
    }
    if (memcmp(c->at, mark, have < 3 ? have : 3) == 0) {
        if (have < 3 && !c->final) return MR_JSON_STEP_STOP;
        if (have >= 3) c->at += 3;
    }
    c->state->where = format == MR_JSON_LINES ? MR_JSON_AT_VALUE : MR_JSON_AT_TOP;
    return MR_JSON_STEP_ON;
}

static mr_json_step read_top(mr_json_call *c)
{
    const mr_json_format format = c->reader->options.format;
    skip_white(c, false);
    if (c->at == c->end && (!c->final || format == MR_JSON_AUTO)) return MR_JSON_STEP_STOP;
    const char first = c->at < c->end ? *c->at : ' ';
    if (first == '[') {
        c->at++;
        c->state->where = MR_JSON_AT_FIRST_ELEMENT;
    } else if (format == MR_JSON_ARRAY) {
        return mr_json_fail_expecting(c, c->at, "'['");
    } else if (format == MR_JSON_AUTO) {
        c->state->where = MR_JSON_AT_VALUE;
    } else if (c->at == c->end) {
        return mr_json_fail_expecting(c, c->at, "a value");
    } else {
        return take_value(c, MR_JSON_AT_END);
    }
    return MR_JSON_STEP_ON;
}

static mr_json_step read_in_array(mr_json_call *c)
{
    skip_white(c, false);
    if (c->at == c->end) {
        if (!c->final) return MR_JSON_STEP_STOP;
        snprintf(c->reader->fault_text, sizeof c->reader->fault_text,
                 "the input ends inside the array");
        return mr_json_stop(c, MR_ERR_INPUT, c->at, NULL);
    }
    if (*c->at == ']' && c->state->where != MR_JSON_AT_ELEMENT) {
        c->at++;
        c->state->where = MR_JSON_AT_END;
        return MR_JSON_STEP_ON;
    }
    if (c->state->where != MR_JSON_AFTER_ELEMENT) return take_value(c, MR_JSON_AFTER_ELEMENT);
    if (*c->at != ',') return mr_json_fail_expecting(c, c->at, "',' or ']' after element");
    c->at++;
    c->state->where = MR_JSON_AT_ELEMENT;
    return MR_JSON_STEP_ON;
}

static mr_json_step read_end(mr_json_call *c)
{
    skip_white(c, false);
    if (c->at == c->end) return MR_JSON_STEP_STOP;
    return mr_json_fail_expecting(c, c->at, "the end of the input");
}

static mr_json_step read_step(mr_json_call *c)
{
    switch (c->state->where) {
    case MR_JSON_AT_START: return read_start(c);
    case MR_JSON_AT_TOP: return read_top(c);
    case MR_JSON_AT_VALUE:
        if (c->reader->options.format == MR_JSON_LINES) return mr_json_read_line(c);
        skip_white(c, true);
        return c->at < c->end ? take_value(c, MR_JSON_AT_VALUE) : MR_JSON_STEP_STOP;
    case MR_JSON_IN_LONG_LINE: return mr_json_leave_long_line(c);
    case MR_JSON_AT_FIRST_ELEMENT:
    case MR_JSON_AT_ELEMENT:
    case MR_JSON_AFTER_ELEMENT: return read_in_array(c);
    case MR_JSON_AT_END: return read_end(c);
    }
    return MR_JSON_STEP_STOP;
}

/* --- one call --- */

static void finish_call(mr_json_call *c)
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
    mr_json_call c = {.reader = reader,
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
    mr_json_step last;
    do
        last = read_step(&c);
    while (last == MR_JSON_STEP_ON);
    finish_call(&c);
    return last == MR_JSON_STEP_FAIL ? err->code : MR_OK;
}
