/* SPDX-License-Identifier: MIT */
#include "format/json_call.h"

static mr_slice trimmed(const char *start, const char *end)
{
    while (end > start && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return (mr_slice){start, (size_t)(end - start)};
}

MR_INLINE void pass_line(mr_json_call *c, const char *line_end)
{
    c->at = line_end;
    if (line_end == c->end) return;
    c->at++;
    c->out->line_count++;
}

/* `end` is where the line ends, before its LF, or the bytes do. */
static mr_json_step reject_long_line(mr_json_call *c, const char *start, const char *end)
{
    mr_reject *reject;
    const uint64_t most = c->reader->options.limits.max_record_bytes;
    const mr_slice raw = {start, (size_t)most};
    if (mr_json_add_reject(c, MR_REASON_RECORD_TOO_LARGE, raw, &reject) != MR_OK)
        return MR_JSON_STEP_FAIL;
    reject->byte_length = (uint64_t)(end - start);
    mr_reject_detail(reject, "more than %llu bytes (limits.max_record_bytes)",
                     (unsigned long long)most);
    return MR_JSON_STEP_ON;
}

/* The line is not complete: it waits for more, unless it is too long already. */
static mr_json_step wait_for_line(mr_json_call *c, const char *start)
{
    if ((uint64_t)(c->end - start) <= c->reader->options.limits.max_record_bytes)
        return MR_JSON_STEP_STOP;
    if (reject_long_line(c, start, c->end) != MR_JSON_STEP_ON) return MR_JSON_STEP_FAIL;
    mr_reject_at(c->rejects, c->rejects->count - 1)->open_ended = true;
    c->out->in_long_line = true;
    c->state->where = MR_JSON_IN_LONG_LINE;
    c->at = c->end;
    return MR_JSON_STEP_STOP;
}

/* A line that cannot be read, with its fault at `p`, is one reject. */
static mr_json_step reject_line(mr_json_call *c, const char *start, mr_json_fault fault,
                                const char *p)
{
    if (p > c->end) p = c->end;
    const char *line_end = memchr(p, '\n', (size_t)(c->end - p));
    if (line_end == NULL && !c->final) return wait_for_line(c, start);
    if (line_end == NULL) line_end = c->end;
    if ((uint64_t)(line_end - start) > c->reader->options.limits.max_record_bytes) {
        if (reject_long_line(c, start, line_end) != MR_JSON_STEP_ON) return MR_JSON_STEP_FAIL;
    } else {
        mr_json_place place;
        mr_reject *reject;
        char found[48];
        mr_json_locate(c, p, &place);
        mr_json_describe(c, p, found, sizeof found);
        const bool trailing = fault == MR_JSON_FINE;
        const mr_reason reason = trailing                    ? MR_REASON_TRAILING_DATA
                                 : fault == MR_JSON_TOO_DEEP ? MR_REASON_TOO_DEEP
                                                             : MR_REASON_SYNTAX;
        if (!trailing) mr_json_word_fault(c, fault == MR_JSON_ENDS ? MR_JSON_LINE_ENDS : fault, p);
        if (mr_json_add_reject(c, reason, trimmed(start, line_end), &reject) != MR_OK)
            return MR_JSON_STEP_FAIL;
        mr_reject_detail(reject, "column %llu: %s%s", (unsigned long long)place.column,
                         trailing ? "expected the end of the line" : c->reader->fault_text,
                         trailing ? found : "");
    }
    pass_line(c, line_end);
    return MR_JSON_STEP_ON;
}

/* To the first byte of the next line that has one. */
static void skip_blank(mr_json_call *c)
{
    for (; c->at < c->end; c->at++) {
        const char byte = *c->at;
        if (byte == '\n') {
            c->out->line_count++;
            c->out->blank_lines++;
        } else if (byte != ' ' && byte != '\t' && byte != '\r' &&
                   byte != MR_JSON_RECORD_SEPARATOR) {
            return;
        }
    }
}

mr_json_step mr_json_read_line(mr_json_call *c)
{
    if ((unsigned char)*c->at <= 0x20) skip_blank(c);
    if (c->at >= c->end) return MR_JSON_STEP_STOP;
    if (mr_json_must_stop(c)) return mr_json_batch_is_full(c);
    const char *const start = c->at;
    mr_json_scan scan = {.at = start, .end = c->end, .one_line = true};
    const mr_json_fault fault = mr_json_parse(c->reader, &scan);
    if (MR_UNLIKELY(fault == MR_JSON_FAILED))
        return mr_json_fail_inside(c, c->reader->failure.code);
    if (MR_UNLIKELY(fault == MR_JSON_ENDS && !c->final)) return wait_for_line(c, start);
    if (MR_UNLIKELY(fault != MR_JSON_FINE)) return reject_line(c, start, fault, scan.at);
    const char *p = scan.at;
    while (p < c->end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    if (MR_UNLIKELY(p >= c->end && !c->final)) return wait_for_line(c, start);
    if (MR_UNLIKELY(p < c->end && *p != '\n')) return reject_line(c, start, MR_JSON_FINE, p);
    mr_json_step next = MR_JSON_STEP_ON;
    if (MR_UNLIKELY((uint64_t)(p - start) > c->reader->options.limits.max_record_bytes))
        next = reject_long_line(c, start, p);
    else
        next = mr_json_finish_record(c, (mr_slice){start, (size_t)(scan.at - start)});
    if (MR_LIKELY(next == MR_JSON_STEP_ON)) pass_line(c, p);
    return next;
}

mr_json_step mr_json_leave_long_line(mr_json_call *c)
{
    const char *lf = memchr(c->at, '\n', (size_t)(c->end - c->at));
    const char *const end = lf != NULL ? lf : c->end;
    c->out->long_line_bytes = (uint64_t)(end - c->at);
    c->out->in_long_line = lf == NULL;
    pass_line(c, end);
    if (lf != NULL) c->state->where = MR_JSON_AT_VALUE;
    return lf != NULL ? MR_JSON_STEP_ON : MR_JSON_STEP_STOP;
}
