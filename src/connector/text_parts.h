/* SPDX-License-Identifier: MIT
 *
 * connector/text_parts.h - a text destination that goes on in further files when its columns
 * change.
 *
 *     o.csv             rows with the columns it began with
 *     o.2.csv           rows from the first on that brought another column
 *     o.csv.manifest.json   {"parts":[{"path":"o.csv","columns":[...],"records":65536},
 *                                     {"path":"o.2.csv","columns":[...],"records":12,
 *                                      "source":"-","record":65537,"line":65537}]}
 *
 * Nothing appears before commit; then the later parts come first, the manifest next and the target
 * last, so that whoever sees the target finds all of it. A run of one part removes the manifest
 * that an earlier run left.
 *
 * Thread: the collector's. */
#ifndef MR_CONNECTOR_TEXT_PARTS_H
#define MR_CONNECTOR_TEXT_PARTS_H

#include "connector/text_destination.h"

typedef struct mr_text_part {
    struct mr_text_part *next; /* the one before it */
    mr_output *output;
    const char *path;
    const mr_schema *columns; /* NULL for the first: those it was started with */
    uint64_t records;
    mr_slice source; /* that its first row came from */
    uint64_t record, line;
} mr_text_part;

typedef struct mr_text_parts {
    mr_arena arena;        /* the run's is its source's, on another thread, while parts begin */
    mr_text_part *current; /* NULL until there is a second part */
    uint32_t count;
    const mr_schema *first_columns;
    uint64_t records; /* of the current part */
    uint64_t bytes;   /* of those before it */
} mr_text_parts;

/* Ends the current part and opens the next, whose header is the caller's to write. */
MR_NODISCARD mr_code mr_text_parts_next(mr_text_parts *parts, mr_text_destination *destination,
                                        const mr_schema *columns, const mr_job *job, mr_error *err);

MR_NODISCARD mr_code mr_text_parts_commit(mr_text_parts *parts, mr_text_destination *destination,
                                          mr_error *err);
/* Of the parts that are not the destination's current output; that is aborted and closed as ever.
 */
void mr_text_parts_abort(mr_text_parts *parts);
void mr_text_parts_close(mr_text_parts *parts);

#endif
