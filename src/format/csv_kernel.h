/* SPDX-License-Identifier: MIT
 *
 * format/csv_kernel.h - the loops of CSV that look at every byte, 64 at a time. Written once here,
 * compiled by csv_scalar.c, csv_base.c and csv_avx2.c (core/simd.h).
 *
 * The index is the first of two stages, after Langdale and Lemire, "Parsing gigabytes of JSON per
 * second" (2019): find where the fields end without branching on bytes, then walk the fields. A
 * quote toggles "inside quotes", so the exclusive or of all quotes before a byte says whether it is
 * data. That is right for CSV only while every quote opens at the start of a field, closes at its
 * end or is one of a doubled pair; whether it is, three shifted masks tell:
 *
 *     bytes    a , " x , " " y " , b "      quotes that open  follow a break or a closing quote
 *     quotes   . . 1 . . 1 1 . 1 . . 1      what follows closing quotes  is a break or a quote
 *     inside   . . 1 1 1 . 1 1 . . . 1                                   (or the CR of a CRLF)
 *     breaks   . 1 . . . . . . . 1 . .      here the last quote opens after b: not well-formed
 *
 * The index ends before the first block that holds such a quote; the careful scanner reads the
 * record it is in.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef MR_FORMAT_CSV_KERNEL_H
#define MR_FORMAT_CSV_KERNEL_H

#include "core/simd.h"
#include "format/csv.h"

/* Of input that one index covers: text and index stay in the first-level cache. */
#define MR_CSV_WINDOW_BYTES 16384u
/* A block's positions are stored by eights, so up to seven beyond the last. */
#define MR_CSV_INDEX_SLOTS (MR_CSV_WINDOW_BYTES + 16)

typedef struct mr_csv_kernel {
    /* Indexes the whole records in p[from..to), at most MR_CSV_WINDOW_BYTES, `from` at a record's
     * start; 64 bytes behind `to` are readable. No quotes when `quote` is 0, no comments when
     * `comment` is 0. */
    void (*index)(mr_csv_index *index, const char *p, uint32_t from, uint32_t to, char delimiter,
                  char quote, char comment);
    /* The first byte of p[from..to) that makes a value need quotes, or `to`; 64 bytes behind `to`
     * are readable. */
    size_t (*find_special)(const char *p, size_t from, size_t to, char delimiter, char quote);
} mr_csv_kernel;

extern const mr_csv_kernel mr_csv_kernel_scalar;
extern const mr_csv_kernel mr_csv_kernel_base;
extern const mr_csv_kernel mr_csv_kernel_avx2; /* x86-64 only */

/* The one for this machine, or the one MILLRACE_SIMD asks for. */
const mr_csv_kernel *mr_csv_kernel_pick(void);

#endif
