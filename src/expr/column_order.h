/* SPDX-License-Identifier: MIT
 *
 * expr/column_order.h - the cells of a column against one constant, as texts: what a filter does
 * most, without making numbers of the cells.
 *
 * Canonical numbers of one sign are ordered by how many digits stand before the point, and when
 * that is the same, by their bytes, if the shorter one is filled up:
 *
 *     constant   100    ->  1 0 0 . 0 0 0 0 ...
 *     cell       99.5                                 2 digits before the point, not 3: less
 *     cell       100.25     1 0 0 . 2                 differs first at '2': more
 *     cell       100        1 0 0 and as the constant goes on: same
 *
 * Timestamps without an offset other than Z, and dates, are ordered by their bytes in the same way.
 *
 * Thread: pure functions. */
#ifndef MR_EXPR_COLUMN_ORDER_H
#define MR_EXPR_COLUMN_ORDER_H

#include "expr/value.h"
#include "record/batch.h"

#define MR_NEEDLE_BYTES 32

typedef enum mr_needle_kind {
    MR_NEEDLE_NONE, /* the constant and the column are of no use here */
    MR_NEEDLE_NUMBER,
    MR_NEEDLE_MOMENT,
    MR_NEEDLE_TEXT,
} mr_needle_kind;

/* A constant made ready. */
typedef struct mr_needle {
    mr_needle_kind kind;
    bool negative;
    uint32_t point;     /* digits before the point */
    uint32_t same_rest; /* bit i: byte i of `form` is that of a text that ended before it */
    char form[MR_NEEDLE_BYTES];
    char rest[MR_NEEDLE_BYTES]; /* how a text that has ended goes on */
    mr_slice text;
} mr_needle;

/* Of a row: the order of its cell and the constant, or one of the last two. */
enum {
    MR_CELL_LESS = 0,
    MR_CELL_SAME,
    MR_CELL_MORE,
    MR_CELL_OTHER, /* to be looked at as a value */
    MR_CELL_NONE,  /* null or absent */
    MR_CELL_COUNT
};

/* Makes `constant` ready for a column of `type`; kind NONE when there is no way. */
void mr_needle_make(mr_needle *needle, const mr_value *constant, mr_type type, bool untyped);

/* Rows first_row + rows[0 .. count - 1] of the column; out[i] is for rows[i]. Returns whether one
 * is MR_CELL_OTHER. */
MR_HOT bool mr_column_order(const mr_needle *needle, const mr_column *column, uint32_t first_row,
                            const uint16_t *rows, uint32_t count, uint8_t *out);

#endif
