/* SPDX-License-Identifier: MIT
 *
 * format/text.h - what the readers of text formats (CSV, JSON) share: the contract between a reader
 * and whoever cuts a stream of bytes into pieces for it.
 *
 * A reader is handed some bytes that begin at a record boundary and reads as many whole records as
 * it can into a batch. Bytes of a record that is not complete stay unread and are presented again
 * with more behind them; `final` says that nothing comes behind. So a stream may be cut anywhere,
 * and results do not depend on where:
 *
 *     bytes    |rec 1|rec 2|rec 3|rec 4 be|           consumed = up to the start of record 4
 *     next     |rec 4 begins and ends|rec 5|...
 *
 * Readers hold no position and no input between calls; a lane may use one reader for pieces from
 * all over a file. The bytes must have MR_TEXT_PADDING readable (not meaningful) bytes behind them.
 *
 * Thread: a reader belongs to one lane. */
#ifndef MR_FORMAT_TEXT_H
#define MR_FORMAT_TEXT_H

#include "record/batch.h"
#include "record/reject.h"

#define MR_TEXT_PADDING MR_BUFFER_SLACK

typedef struct mr_text_limits {
    uint64_t max_record_bytes; /* 64 MiB; a longer record is rejected, not read */
    uint32_t max_columns;      /* 65,536 */
    uint32_t max_depth;        /* 1,024, JSON nesting */
} mr_text_limits;

#define MR_TEXT_LIMITS_DEFAULT ((mr_text_limits){(uint64_t)64 << 20, 65536, 1024})

/* What one call of a reader did. All counts are of this call, all places count from its first byte.
 */
typedef struct mr_text_result {
    size_t consumed;       /* bytes done with; always a record boundary */
    uint64_t record_count; /* data records in them: rows appended + rejects */
    uint64_t line_count;   /* LF bytes in them */
    uint64_t blank_lines;
    uint64_t resync_count; /* damaged records that reading had to step over */
    uint64_t duplicate_keys;
    uint64_t long_line_bytes; /* at the start of the call: dropped, of a record rejected before */
    bool in_long_line;        /* the call ended in such a line */
    bool batch_full; /* stopped because the batch reached max_rows, not for want of bytes */
} mr_text_result;

#endif
