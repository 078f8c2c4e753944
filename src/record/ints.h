/* SPDX-License-Identifier: MIT
 *
 * record/ints.h - a sealed sequence of 64-bit integers, in the smallest of five forms, with any
 * element readable alone. Everything numeric in a sealed column is such a sequence: numbers,
 * timestamps, dictionary codes, text offsets, type tags.
 *
 * Element i is base + factor * u(i) modulo 2^64, where base is the least value, factor the greatest
 * common divisor of all differences, and u(i)
 *
 *     for      packed[i]                                        frame of reference
 *     linear   ((i * slope + intercept) >> shift) - packed[i]   a straight line less a residue;
 *              0 bits for any arithmetic sequence, also one with steps like i / 5
 *     delta    anchor[i / 64] + sum of (least delta + packed[]) since the anchor
 *     runs     value[r], r = the first run whose end is beyond i
 *     dict     value[packed[i]]
 *
 * anchor, run ends and values and dictionary values are sequences themselves, of form for or
 * linear. The line is fitted as in Liu et al., "LeCo: lightweight compression via learning serial
 * correlations" (2023), through the first and the last change.
 *
 * A sealed sequence is position-independent bytes, 8-aligned, in native byte order; it lives in
 * memory and in this process's own spill files only.
 *
 * Thread: sealed sequences may be read by any thread; planners are owned by one. */
#ifndef MR_RECORD_INTS_H
#define MR_RECORD_INTS_H

#include "core/error.h"
#include "record/bitpack.h"

typedef enum mr_ints_kind {
    MR_INTS_FOR,
    MR_INTS_LINEAR,
    MR_INTS_DELTA,
    MR_INTS_RUNS,
    MR_INTS_DICT,
    MR_INTS_KIND_COUNT
} mr_ints_kind;

#define MR_INTS_BLOCK 64 /* elements from one delta anchor to the next */

/* What a sealed sequence begins with. Followed by its first and second inner sequence, then its
 * packed numbers. */
typedef struct mr_ints {
    uint8_t kind; /* mr_ints_kind */
    uint8_t width;
    uint8_t shift;
    uint8_t spare;
    uint32_t count;
    uint64_t base;
    uint64_t factor;
    int64_t slope; /* linear: the slope; delta: the least delta */
    int64_t intercept;
    uint32_t first_bytes;  /* of the first inner sequence */
    uint32_t second_bytes; /* of the second */
} mr_ints;

/* "for", "linear", ... */
const char *mr_ints_kind_name(mr_ints_kind kind);

/* Element `index`, below count. O(1), but O(log runs) in form runs. */
MR_HOT int64_t mr_ints_get(const mr_ints *ints, uint32_t index);

/* Elements first .. first + count - 1. */
MR_HOT void mr_ints_read(const mr_ints *ints, uint32_t first, uint32_t count, int64_t *out);

/* One form of one sequence, with what it needs to be written. */
typedef struct mr_ints_form {
    mr_ints head;
    size_t bytes; /* in all, a multiple of 8 */
} mr_ints_form;

/* A form with its inner sequences. */
typedef struct mr_ints_choice {
    mr_ints_form form, first, second;
    const int64_t *first_values, *second_values; /* the planner's */
} mr_ints_choice;

/* Chooses and writes forms. Its memory is made once for the longest sequence and reused. */
typedef struct mr_ints_planner {
    uint32_t cap;         /* longest sequence it has memory for */
    int64_t *values;      /* cap; the caller's sequence goes in here, planning overwrites it */
    int64_t *run_ends;    /* cap / MR_INTS_RUN_ROWS + 1 */
    int64_t *run_values;  /* the same */
    int64_t *anchors;     /* cap / MR_INTS_BLOCK + 1 */
    int64_t *dict_values; /* cap / 2 + 1 */
    uint32_t *codes;      /* cap */
    uint32_t *slots;      /* hash table of dict_values: code + 1, 0 = empty */
    uint32_t slot_count;  /* a power of two, at least cap - 1 */
    mr_ints_choice plan;
} mr_ints_planner;

#define MR_INTS_RUN_ROWS 4 /* runs are considered when they are this long on average */

/* Memory for sequences of up to `count` elements. */
MR_NODISCARD mr_code mr_ints_planner_reserve(mr_ints_planner *planner, uint32_t count,
                                             mr_error *err);
void mr_ints_planner_done(mr_ints_planner *planner);
size_t mr_ints_planner_held_bytes(const mr_ints_planner *planner);

/* Which forms may be considered. */
typedef enum mr_ints_effort {
    MR_INTS_SIMPLE,  /* for and linear */
    MR_INTS_OFFSETS, /* and delta */
    MR_INTS_CODES,   /* and runs */
    MR_INTS_ALL      /* and dict */
} mr_ints_effort;

/* Finds the smallest form of the first `count` planner->values and returns its exact size. */
size_t mr_ints_plan(mr_ints_planner *planner, uint32_t count, mr_ints_effort effort);

/* Writes the planned form at `to` (8-aligned, the planned size and MR_BITPACK_SLACK bytes). */
void mr_ints_write(const mr_ints_planner *planner, uint8_t *to);

#endif
