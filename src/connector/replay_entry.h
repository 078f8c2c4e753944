/* SPDX-License-Identifier: MIT
 *
 * connector/replay_entry.h - one line of a rejects file, read back: the record's text in the format
 * that it had, with the place that it had.
 *
 *     {"source":"a.csv","record":2,"line":3,"byte_offset":8,...,"raw":"3,x","origin":{...}}
 *
 * Text that was rebuilt from values (`raw_format` json) is an object; for CSV it is turned into a
 * record of the columns that are asked for.
 *
 * Thread: values, no sharing. */
#ifndef MR_CONNECTOR_REPLAY_ENTRY_H
#define MR_CONNECTOR_REPLAY_ENTRY_H

#include "core/scan.h"
#include "record/reject.h"
#include "record/schema.h"

typedef struct mr_replay_entry {
    mr_slice source;      /* name of the file or table it came from */
    uint64_t record;      /* 1-based */
    uint64_t line;        /* 1-based; 0: its source had no lines */
    uint64_t byte_offset; /* when there is a line */
    uint64_t byte_length;
    uint32_t attempts;
    mr_reason reason;
    bool cut;     /* the text is not all there */
    bool rebuilt; /* the text is a JSON object of the values */
    mr_slice raw;
    mr_scan_value columns; /* a list of names, or MR_SCAN_NONE: those of origin */
    mr_scan_value origin;  /* an object, or MR_SCAN_NONE */
} mr_replay_entry;

/* Reads `line`; texts are slices of it or of `arena`. MR_ERR_INPUT says what is wrong. */
MR_NODISCARD mr_code mr_replay_entry_read(mr_slice line, mr_arena *arena, mr_replay_entry *out,
                                          mr_error *err);

/* Appends the text to be read again to `out`, LF included: for CSV as it is, for JSON without line
 * ends inside. */
MR_NODISCARD mr_code mr_replay_entry_csv(const mr_replay_entry *entry, const mr_schema *columns,
                                         char delimiter, char quote, mr_arena *arena,
                                         mr_buffer *out, mr_error *err);
MR_NODISCARD mr_code mr_replay_entry_json(const mr_replay_entry *entry, mr_buffer *out,
                                          mr_error *err);

#endif
