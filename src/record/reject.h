/* SPDX-License-Identifier: MIT
 *
 * record/reject.h - records that could not be taken, and why. A reject keeps the bytes as they
 * came, with their place, so that the quarantine file can be mended and replayed (specs/pipeline.md
 * section 10.5).
 *
 * Thread: owned by one thread at a time, together with the batch it belongs to. */
#ifndef MR_RECORD_REJECT_H
#define MR_RECORD_REJECT_H

#include "core/buffer.h"
#include "record/schema.h"

typedef enum mr_reason {
    MR_REASON_TOO_FEW_FIELDS = 0,
    MR_REASON_TOO_MANY_FIELDS,
    MR_REASON_UNTERMINATED_QUOTE,
    MR_REASON_TEXT_AFTER_QUOTE,
    MR_REASON_BARE_QUOTE,
    MR_REASON_RECORD_TOO_LARGE,
    MR_REASON_INVALID_UTF8,
    MR_REASON_INVALID_UNICODE,
    MR_REASON_SYNTAX,
    MR_REASON_TRAILING_DATA,
    MR_REASON_NOT_AN_OBJECT,
    MR_REASON_TOO_DEEP,
    MR_REASON_DUPLICATE_KEY,
    MR_REASON_TYPE_MISMATCH,
    MR_REASON_INEXACT,
    MR_REASON_DRIFT,
    MR_REASON_TRANSFORM_ERROR,
    MR_REASON_CONSTRAINT,
    MR_REASON_DESTINATION_REFUSED,
    MR_REASON_COUNT
} mr_reason;

/* "too_few_fields", ... as written to quarantine files and metrics. */
const char *mr_reason_name(mr_reason reason);

#define MR_REJECT_DETAIL_BYTES 120
#define MR_REJECT_RAW_BYTES    ((size_t)64 << 10) /* longer texts are cut in the quarantine */
#define MR_REJECT_LIST_BYTES   ((size_t)64 << 20) /* of one batch's list */

typedef struct mr_reject {
    mr_reason reason;
    uint32_t
        row_before; /* rows of the batch that came before it; for a destination's reject, the row */
    bool placed;    /* record, line, byte_offset and raw are set */
    uint64_t record; /* see mr_reject_list */
    uint64_t line;
    uint64_t byte_offset;
    uint64_t byte_length; /* of the rejected text, which may be more than `raw` holds */
    bool rebuilt;    /* `raw` is a JSON object of the values: there was no text, or it is gone */
    bool open_ended; /* the text goes on behind the bytes read so far: byte_length grows */
    uint32_t column; /* 1-based number of the field at fault; 0 = the record as a whole */
    mr_slice field;  /* its name; borrowed from the schema or batch; may be empty */
    const mr_schema *columns; /* of its file, where files have columns of their own; else NULL.
                                 Borrowed for the run */
    mr_slice raw;             /* borrowed from the input bytes until the list is reset */
    const char *stage;        /* who rejected it, static text; NULL = "read" in a job's `rejects`,
                                 "write" in its `refused` */
    uint32_t attempts;        /* tries that failed; 0 counts as 1 */
    char detail[MR_REJECT_DETAIL_BYTES]; /* one line; empty when the reason says it all */
} mr_reject;

/* Rejects in input order. Readers fill record, line and byte_offset counted from the start of the
 * bytes they were given (first = 0); whoever knows where these bytes lie in the stream adds the
 * base. */
typedef struct mr_reject_list {
    mr_buffer items; /* of mr_reject */
    uint32_t count;
} mr_reject_list;

void mr_reject_list_init(mr_reject_list *list);
void mr_reject_list_done(mr_reject_list *list);
void mr_reject_list_reset(mr_reject_list *list);

/* Appends a zeroed reject for the caller to fill; the pointer is good until the next one. */
MR_NODISCARD mr_code mr_reject_list_add(mr_reject_list *list, mr_reason reason, mr_reject **out,
                                        mr_error *err);

/* Forgets the entries from number `count` on. */
MR_INLINE void mr_reject_list_cut(mr_reject_list *list, uint32_t count)
{
    list->count = count;
    list->items.len = count * sizeof(mr_reject);
}

/* Puts the list from number `from` on into the order of the records' numbers. */
void mr_reject_list_sort(mr_reject_list *list, uint32_t from);

/* Sets reject->detail, cut to fit, control characters replaced. */
void mr_reject_detail(mr_reject *reject, const char *format, ...) MR_PRINTF(2, 3);

MR_INLINE mr_reject *mr_reject_at(const mr_reject_list *list, uint32_t number)
{
    return (mr_reject *)(void *)(list->items.ptr + sizeof(mr_reject) * number);
}

#endif
