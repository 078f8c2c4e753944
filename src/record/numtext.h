/* SPDX-License-Identifier: MIT
 *
 * record/numtext.h - texts that are numbers in disguise: parsed to 64-bit integers such that
 * writing the integer gives the same bytes again, or refused (specs/pipeline.md section 3).
 *
 *     int        "42", and zero-padded to a least width that the column shares: "00042"
 *     decimal    "-1.10" = -110 at scale 2; at most 18 digits
 *     date       days since 1970-01-01
 *     timestamp  local seconds (or tenths .. nanoseconds) since 1970-01-01T00:00:00 in one layout
 *
 * All parsers read whole words: at least MR_BUFFER_SLACK bytes after the text must be readable.
 *
 * Thread: pure functions; caches are owned by the caller. */
#ifndef MR_RECORD_NUMTEXT_H
#define MR_RECORD_NUMTEXT_H

#include "record/type.h"

#define MR_NUMTEXT_MAX    40 /* no writer writes more bytes */
#define MR_DECIMAL_DIGITS 18 /* of a decimal held as int64 */

/* An int with or without leading zeros; `out_padded` = it has a leading zero that is not all of it.
 * Refuses "-0", "-01", more than 19 digits and what does not fit int64. */
MR_HOT bool mr_parse_int(mr_slice text, int64_t *out, bool *out_padded);

/* A canonical decimal or int of up to 18 digits in all; its scale is the digits after the point,
 * 0 without one. */
MR_HOT bool mr_numtext_decimal(mr_slice text, int64_t *out, unsigned *out_scale);

/* The day that was parsed or written last: neighbours often share it. */
typedef struct mr_day_cache {
    int64_t day;
    char text[16]; /* "YYYY-MM-DD"; empty = none */
} mr_day_cache;

MR_HOT bool mr_parse_date(mr_slice text, mr_day_cache *cache, int64_t *out);

/* A timestamp of exactly `layout`. Refuses what does not fit int64 in the layout's unit. */
MR_HOT bool mr_parse_timestamp(mr_slice text, mr_time_layout layout, mr_day_cache *cache,
                               int64_t *out);

/* A canonical lower-case uuid to its 16 bytes. */
MR_HOT bool mr_parse_uuid(mr_slice text, uint8_t *out);

/* The writers return the end of what they wrote, at most MR_NUMTEXT_MAX bytes. */
MR_HOT char *mr_write_int(char *to, int64_t value, unsigned min_width);
MR_HOT char *mr_write_decimal(char *to, int64_t value, unsigned scale);
MR_HOT char *mr_write_date(char *to, int64_t day, mr_day_cache *cache);
MR_HOT char *mr_write_timestamp(char *to, int64_t value, mr_time_layout layout,
                                mr_day_cache *cache);
MR_HOT char *mr_write_uuid(char *to, const uint8_t *bytes);

#endif
