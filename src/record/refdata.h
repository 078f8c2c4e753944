/* SPDX-License-Identifier: MIT
 *
 * record/refdata.h - the five reference sets (specs/pipeline.md section 6) as CSV rows: the same
 * bytes on every machine, for tests, benchmarks and the `generate` source. No cell holds a comma,
 * a quote or a line end, so splitting at commas and LF parses them.
 *
 *     mixed10   one column of most kinds        id,name,age,city,status,score,created_at,...
 *     orders9   an order table                  order_id,customer_id,product_sku,...
 *     people8   what a common benchmark makes   id,name,email,age,department,salary,...
 *     users7    a user table                    id,name,email,age,department,salary,created_at
 *     mixed10r  mixed10's columns at random
 *
 * A generator is a small value: copying it copies its place in the sequence.
 *
 * Thread: owned by one thread. */
#ifndef MR_RECORD_REFDATA_H
#define MR_RECORD_REFDATA_H

#include "core/buffer.h"
#include "record/type.h"

#define MR_REFDATA_MAX_COLUMNS   10
#define MR_REFDATA_MAX_ROW_BYTES 320 /* no row of any set is longer, LF included */

typedef struct mr_refdata_column {
    const char *name;
    mr_type type; /* what inference makes of the column */
} mr_refdata_column;

typedef struct mr_refdata_set {
    const char *name;
    uint32_t column_count;
    mr_refdata_column columns[MR_REFDATA_MAX_COLUMNS];
} mr_refdata_set;

typedef struct mr_refdata {
    const mr_refdata_set *set;
    uint64_t row;       /* the next one, 0-based */
    uint64_t row_count; /* rows in all */
    uint64_t draw;      /* state of the random sequence */
    uint64_t day;       /* days since 2024-01-01 that `date` spells; UINT64_MAX = none */
    char date[16];      /* "YYYY-MM-DD" */
} mr_refdata;

/* The sets, in the order above; ends with a set whose name is NULL. */
extern const mr_refdata_set mr_refdata_sets[];

/* Starts `data` at the first of `row_count` rows of the set called `name`. MR_ERR_USAGE when there
 * is no such set. */
MR_NODISCARD mr_code mr_refdata_init(mr_refdata *data, mr_slice name, uint64_t row_count,
                                     mr_error *err);

/* Appends the header line to `out`. */
MR_NODISCARD mr_code mr_refdata_header(const mr_refdata *data, mr_buffer *out, mr_error *err);

/* Appends up to `max_rows` rows, each ended by LF, to `csv_rows` and says how many; 0 = the end. */
MR_NODISCARD MR_HOT mr_code mr_refdata_next(mr_refdata *data, uint32_t max_rows,
                                            mr_buffer *csv_rows, uint32_t *out_rows, mr_error *err);

#endif
