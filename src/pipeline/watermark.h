/* SPDX-License-Identifier: MIT
 *
 * pipeline/watermark.h - how far a load has come: the highest value of the cursor, and the records
 * that a later run will meet again, so that it can pass them over.
 *
 *     cursor   ... 5   6   6   7   7   7 |
 *                                ^max
 *                      |<- lookback 1 ->|     `seen` holds the records at 6 and 7
 *
 * Records below `covered` were taken by a run that did not remember them; so no later run looks
 * there, whatever its lookback.
 *
 * Thread: owned by one thread; constant ones by any. */
#ifndef MR_PIPELINE_WATERMARK_H
#define MR_PIPELINE_WATERMARK_H

#include "pipeline/seen.h"

#define MR_WATERMARK_TEXT_MAX 4096 /* bytes of the cursor's highest value */

typedef enum mr_coverage {
    MR_COVERS_ALL = 0, /* everything there is has been remembered */
    MR_COVERS_FROM,    /* from `covered` on */
    MR_COVERS_MAX,     /* at the highest value alone */
} mr_coverage;

typedef struct mr_watermark {
    mr_cursor_kind kind;
    bool has;      /* there has been a record; else nothing below counts */
    mr_cursor max; /* its text is in `text` */
    mr_buffer text;
    mr_coverage coverage;
    mr_cursor covered;
    mr_seen seen;
    uint64_t seed; /* of the hashes */
} mr_watermark;

void mr_watermark_init(mr_watermark *watermark);
void mr_watermark_done(mr_watermark *watermark);

/* MR_ERR_LIMIT for a text above MR_WATERMARK_TEXT_MAX. */
MR_NODISCARD mr_code mr_watermark_set_max(mr_watermark *watermark, const mr_cursor *max,
                                          mr_error *err);

MR_NODISCARD mr_code mr_watermark_encode(const mr_watermark *watermark, mr_buffer *out,
                                         mr_error *err);
/* MR_ERR_USAGE for what a later version wrote, MR_ERR_INPUT for what is none. */
MR_NODISCARD mr_code mr_watermark_decode(mr_watermark *watermark, mr_slice bytes, mr_error *err);
/* The highest value alone, borrowed from `bytes`. */
MR_NODISCARD mr_code mr_watermark_look(mr_slice bytes, mr_slice *out_value, mr_error *err);

#endif
