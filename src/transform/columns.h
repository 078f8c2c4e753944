/* SPDX-License-Identifier: MIT
 *
 * transform/columns.h - what is known of the columns at one point of a chain of steps, before any
 * record has come: names, types, and whether a text is untyped (transform/chain.h says what that
 * is).
 *
 * Columns that are not `known` may be any: JSON says them record by record.
 *
 * Thread: built by one thread. */
#ifndef MR_TRANSFORM_COLUMNS_H
#define MR_TRANSFORM_COLUMNS_H

#include "record/schema.h"
#include "transform/step.h"

typedef struct mr_columns {
    mr_schema schema;
    bool *untyped; /* of each field */
    uint32_t room; /* of untyped */
    bool known;    /* there are no others */
} mr_columns;

/* No columns yet, and no others if `known`. */
void mr_columns_init(mr_columns *columns, mr_arena *arena, bool known);

/* Adds a column; MR_ERR_USAGE when there is one of that name, worded with `where`. */
MR_NODISCARD mr_code mr_columns_add(mr_columns *columns, mr_slice name, mr_type type, bool untyped,
                                    const char *where, mr_error *err);

/* Adds `schema` (may be NULL: not known), whose texts are `untyped` or not. */
MR_NODISCARD mr_code mr_columns_of_schema(mr_columns *columns, const mr_schema *schema,
                                          bool untyped, mr_arena *arena, mr_error *err);

/* The position of a column that a step names, -1 when it is not there and that may be;
 * MR_ERR_USAGE names it and the nearest that is there. */
MR_NODISCARD mr_code mr_columns_find(const mr_columns *columns, const mr_step *step, mr_slice name,
                                     const char *where, int64_t *out, mr_error *err);

/* What is known behind a step that only moves columns: drop, select, rename. */
MR_NODISCARD mr_code mr_columns_after(const mr_columns *before, const mr_step *step,
                                      mr_columns *after, mr_error *err);

#endif
