/* SPDX-License-Identifier: MIT
 *
 * arrow/convert.h - literals to Arrow's values: a column at a time, exactly or refused.
 *
 * A cell is refused when it is not of the column's type, when its text is not a value of that type,
 * or when the plan's scale or unit has no place for it (0.125 at scale 2, a year 1 in nanoseconds,
 * another zone). Refused cells are marked by their row; what stands in their place is zero.
 *
 * Thread: as the structs. */
#ifndef MR_ARROW_CONVERT_H
#define MR_ARROW_CONVERT_H

#include "arrow/plan.h"

typedef struct mr_arrow_cells {
    const mr_column *column;
    const mr_arrow_column_plan *plan;
    uint32_t begin, end; /* rows */
    void *values;        /* of the whole column, from row 0; NULL for TEXT, BINARY and NULL */
    uint8_t *bad;        /* a bit for each row; set, never cleared */
    uint32_t bad_count;  /* bits that were set here for the first time */
} mr_arrow_cells;

/* Bytes of values for `rows` rows of a form; 0 where the cells go out as they lie. */
size_t mr_arrow_value_bytes(const mr_arrow_column_plan *plan, uint32_t rows);

MR_HOT void mr_arrow_convert(mr_arrow_cells *cells);

#endif
