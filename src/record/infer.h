/* SPDX-License-Identifier: MIT
 *
 * record/infer.h - the type of a column, found by looking at every value (specs/pipeline.md section
 * 3).
 *
 * Pieces of a stream are looked at on any lane, each into a fresh mr_infer, and merged in stream
 * order; the result does not depend on where the stream was cut. For each type a column has met,
 * the first value is kept with its place: `schema` shows which line made a column wider.
 *
 * Thread: values, no sharing. */
#ifndef MR_RECORD_INFER_H
#define MR_RECORD_INFER_H

#include "record/batch.h"

#define MR_INFER_SAMPLE_BYTES 40
#define MR_INFER_FIRSTS                                                       \
    4 /* distinct types remembered; a column that has met more is text anyway \
       */

/* The first value of one type in a column. */
typedef struct mr_infer_first {
    mr_slice source; /* name of the file, where the one who merges sets it; borrowed for the run */
    uint64_t record; /* 1-based */
    uint64_t line;   /* 1-based; 0 when the source has no lines */
    mr_type type;
    uint8_t length; /* of sample */
    bool cut;
    char sample[MR_INFER_SAMPLE_BYTES];
} mr_infer_first;

typedef struct mr_infer {
    mr_type type;          /* join over all values so far; MR_TYPE_NULL when there were none */
    mr_time_layout layout; /* while type is MR_TYPE_TIMESTAMP */
    uint64_t null_count;   /* null or absent */
    uint64_t value_count;
    uint32_t max_length; /* bytes of the longest value */
    uint32_t first_count;
    mr_infer_first first[MR_INFER_FIRSTS]; /* in the order met */
} mr_infer;

/* Looks at all rows of one column. A column of type STRING is text to be judged by the exact typing
 * rules; any other type (and MIXED) is taken as the source said it. Rows' places are relative to
 * the batch's origin (0-based), to be made absolute by mr_infer_merge(). */
MR_HOT void mr_infer_column(mr_infer *infer, const mr_batch *batch, uint32_t column);

/* Joins what was found in a later part of the stream into `infer`; places of `later` count from
 * `record_base` and `line_base`. */
void mr_infer_merge(mr_infer *infer, const mr_infer *later, uint64_t record_base,
                    uint64_t line_base);

/* Turns a column whose values do not all have `type` into a MIXED one: what is not of `type` is a
 * string. For streams whose types were decided by a sample. Returns whether any value was not of
 * `type`, with its first row in `out_row`. */
MR_NODISCARD mr_code mr_infer_enforce(mr_batch *batch, uint32_t column, mr_type type,
                                      mr_time_layout layout, bool *out_differs, uint32_t *out_row,
                                      mr_error *err);

#endif
