/* SPDX-License-Identifier: MIT
 *
 * format/json_call.h - one call of mr_json_read(), as its parts see it: how far it has come, and
 * the steps it can take.
 *
 * Thread: as format/json.h. */
#ifndef MR_FORMAT_JSON_CALL_H
#define MR_FORMAT_JSON_CALL_H

#include <stdio.h>

#include "format/json_internal.h"

#define MR_JSON_RECORD_SEPARATOR '\x1e' /* RFC 7464 */

typedef struct mr_json_call {
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
} mr_json_call;

typedef enum mr_json_step {
    MR_JSON_STEP_ON,
    MR_JSON_STEP_STOP, /* more bytes or an empty batch are needed */
    MR_JSON_STEP_FAIL, /* call->err is filled */
} mr_json_step;

/* --- json_value.c --- */

/* Reads the value at scan->at into reader->parsed, or finds the fault. */
mr_json_fault mr_json_parse(struct mr_json_reader *reader, mr_json_scan *scan);

/* The value that was read from `raw` becomes a row (or several), or a reject. */
mr_json_step mr_json_finish_record(mr_json_call *c, mr_slice raw);

/* The batch must be emptied before reading goes on. */
MR_INLINE bool mr_json_must_stop(const mr_json_call *c)
{
    return c->batch->row_count >= c->batch->max_rows ||
           c->rejects->count - c->reject_base >= MR_JSON_MAX_REJECTS;
}
mr_json_step mr_json_batch_is_full(mr_json_call *c);

/* --- json_lines.c --- */

/* The next line that is not blank. */
mr_json_step mr_json_read_line(mr_json_call *c);

/* The rest of a line that was rejected for its length. */
mr_json_step mr_json_leave_long_line(mr_json_call *c);

/* --- json_fault.c --- */

/* Adds a reject for `raw`, the next record, before which c->out->line_count lines ended. */
mr_code mr_json_add_reject(mr_json_call *c, mr_reason reason, mr_slice raw, mr_reject **out);

/* The same for what is wrong by reader->flaw. */
mr_code mr_json_reject_flaw(mr_json_call *c, mr_slice raw);

void mr_json_locate(const mr_json_call *c, const char *p, mr_json_place *out);

/* ", found ..." at `p`, for messages. */
void mr_json_describe(const mr_json_call *c, const char *p, char *text, size_t size);

/* Says in reader->fault_text what is wrong at `p`. */
void mr_json_word_fault(mr_json_call *c, mr_json_fault fault, const char *p);

/* The reading ends with what stands in reader->fault_text, at `p`, in the value at `begin` (NULL:
 * in none). */
mr_json_step mr_json_stop(mr_json_call *c, mr_code code, const char *p, const char *begin);
mr_json_step mr_json_fail_expecting(mr_json_call *c, const char *p, const char *expected);
mr_json_step mr_json_fail_value(mr_json_call *c, mr_json_fault fault, const char *p,
                                const char *begin);
mr_json_step mr_json_fail_too_large(mr_json_call *c, const char *begin);

/* The reader's own error (no memory, a buffer's limit) becomes the call's. */
mr_json_step mr_json_fail_inside(mr_json_call *c, mr_code code);

#endif
