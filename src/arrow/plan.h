/* SPDX-License-Identifier: MIT
 *
 * arrow/plan.h - how each column of a schema is handed out: our types and what they are in Arrow.
 *
 *     null                     n       null
 *     bool                     b       bool
 *     int                      l       int64
 *     decimal                  d:38,S  decimal128; S = most digits behind the point so far
 *     float                    g       float64
 *     date                     tdD     date32
 *     time                     tts ttm ttu ttn      by the digits of the fraction
 *     timestamp                tss: tsm: tsu: tsn:  the same; "Z" is zone UTC, "+02:00" zone +02:00
 *     uuid                     w:16    arrow.uuid
 *     string                   u       utf8
 *     json                     u       arrow.json
 *     number, mixed            u       the literals
 *     bytes                    z       binary
 *
 * Cells are literals here, so string, json, number, mixed and bytes go out as they lie; the others
 * are converted, exactly or not at all (arrow/convert.h). What a schema does not say - the scale of
 * decimals, the unit and zone of times - is taken from the values of the first batch that has some;
 * later batches are held to it unless the plan may widen.
 *
 * Fields carry "millrace:type" for number and mixed, and "millrace:layout" for times that are not
 * spelled with T and 0, 3, 6 or 9 digits; with these, arrow/import.h gives back the same literals.
 * Absent cells go out as null: Arrow has one kind of nothing.
 *
 * Thread: owned by one thread. */
#ifndef MR_ARROW_PLAN_H
#define MR_ARROW_PLAN_H

#include "arrow/abi.h"
#include "record/batch.h"

typedef enum mr_arrow_form {
    MR_ARROW_NULL = 0,
    MR_ARROW_BOOL,
    MR_ARROW_INT64,
    MR_ARROW_DECIMAL128,
    MR_ARROW_FLOAT64,
    MR_ARROW_DATE32,
    MR_ARROW_TIME,
    MR_ARROW_TIMESTAMP,
    MR_ARROW_UUID,
    MR_ARROW_TEXT,
    MR_ARROW_BINARY,
} mr_arrow_form;

typedef struct mr_arrow_column_plan {
    mr_slice name;
    mr_type type;
    mr_arrow_form form;
    uint32_t scale;        /* of decimals; of times the digits of the unit: 0, 3, 6 or 9 */
    mr_time_layout layout; /* of times: as the first value is spelled, with the most digits seen */
    bool settled;          /* values have been looked at, or need not be */
} mr_arrow_column_plan;

typedef struct mr_arrow_plan {
    mr_arrow_column_plan *columns;
    uint32_t count;
    bool strict_mixed; /* a column of mixed types is an error instead of its literals */
} mr_arrow_plan;

/* A plan for `schema`, whose names are borrowed; its memory comes from `arena`. MR_ERR_INPUT for
 * names that Arrow cannot have (not UTF-8, a NUL byte), and for mixed columns if those are errors.
 */
MR_NODISCARD mr_code mr_arrow_plan_init(mr_arrow_plan *plan, const mr_schema *schema,
                                        bool strict_mixed, mr_arena *arena, mr_error *err);

/* Learns from the values of `batch`, whose first columns are those of the plan. `widen` = also in
 * columns that are settled. Returns whether the Arrow type of a settled column has changed. */
MR_HOT bool mr_arrow_plan_look(mr_arrow_plan *plan, const mr_batch *batch, bool widen);

/* The plan as Arrow says it. The schema owns all it points to and outlives the plan. */
MR_NODISCARD mr_code mr_arrow_export_schema(const mr_arrow_plan *plan, struct ArrowSchema *out,
                                            mr_error *err);

/* May cells of type `cell` stand in a column of `plan`? */
bool mr_arrow_plan_admits(const mr_arrow_column_plan *plan, mr_type cell);

#endif
