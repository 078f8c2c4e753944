/* SPDX-License-Identifier: MIT
 *
 * record/type.h - what a value is. The literal is the value: a cell in flight is always its text,
 * and a type says what that text is known to be. A text gets a type other than string only if
 * writing the typed value gives the same bytes again (specs/pipeline.md section 3), so nothing is
 * ever rounded, trimmed or re-spelled, and typed forms (int64, scaled decimal, seconds) can be made
 * and dropped freely.
 *
 * Thread: pure functions. */
#ifndef MR_RECORD_TYPE_H
#define MR_RECORD_TYPE_H

#include "core/base.h"

/* Order matters nowhere but in mr_type_name(). MIXED is a property of a column, never of a value.
 */
typedef enum mr_type {
    MR_TYPE_NULL = 0,
    MR_TYPE_BOOL,      /* true, false */
    MR_TYPE_INT,       /* 0 or -?[1-9][0-9]* that fits 64 bits */
    MR_TYPE_DECIMAL,   /* <= 38 digits, with a point or beyond 64 bits */
    MR_TYPE_FLOAT,     /* binary64 from a typed source, as its shortest text */
    MR_TYPE_NUMBER,    /* a JSON number that is none of the above (1e400, -0, 1.0e5): its literal */
    MR_TYPE_DATE,      /* YYYY-MM-DD */
    MR_TYPE_TIME,      /* hh:mm:ss[.f], from typed sources or by schema */
    MR_TYPE_TIMESTAMP, /* YYYY-MM-DD[T ]hh:mm:ss[.f{1,9}][Z|+-hh:mm] */
    MR_TYPE_UUID,      /* lower-case 8-4-4-4-12 */
    MR_TYPE_STRING,    /* valid UTF-8 */
    MR_TYPE_BYTES,     /* anything else */
    MR_TYPE_JSON,      /* an object or array, as compact text */
    MR_TYPE_MIXED,     /* the column keeps a type per row */
    MR_TYPE_COUNT
} mr_type;

/* "null", "int", ... as in schemas. */
const char *mr_type_name(mr_type type);
/* The type called `name`; MR_TYPE_COUNT when there is none. */
mr_type mr_type_named(mr_slice name);

/* Are values of this type JSON numbers (written without quotes)? */
MR_INLINE bool mr_type_is_number(mr_type type)
{
    return type == MR_TYPE_INT || type == MR_TYPE_DECIMAL || type == MR_TYPE_FLOAT ||
           type == MR_TYPE_NUMBER;
}

/* The least type that holds both: null gives way to anything, int widens to decimal (both to NUMBER
 * and FLOAT when those meet them), STRING and BYTES give BYTES, anything else unequal becomes
 * STRING. */
mr_type mr_type_join(mr_type a, mr_type b);

/* How a timestamp or date is spelled; a column has one spelling or is a string column.
 * 0 = not a timestamp. Otherwise bits: 0-7 'T' or ' '; 8-11 fraction digits; 12 = 'Z';
 * 13 = numeric offset; 16-31 offset in minutes + 1440. */
typedef uint32_t mr_time_layout;

/* The type of a text cell by the exact typing rules, never NULL, FLOAT, NUMBER, TIME or JSON. Does
 * not check UTF-8: what is nothing else is MR_TYPE_STRING. `out_layout` (may be NULL) is set for
 * timestamps. */
MR_HOT mr_type mr_type_of_text(mr_slice text, mr_time_layout *out_layout);

/* Exactly the rows of section 3's table, one function each. */
MR_HOT bool mr_text_is_int(mr_slice text);
MR_HOT bool
mr_text_is_decimal(mr_slice text); /* true for ints beyond 64 bits, not for ints within */
MR_HOT bool mr_text_is_date(mr_slice text);
MR_HOT bool mr_text_is_timestamp(mr_slice text, mr_time_layout *out_layout);
MR_HOT bool mr_text_is_uuid(mr_slice text);

/* The type of a JSON number's literal, which the JSON grammar has already accepted: INT, DECIMAL or
 * NUMBER. */
MR_HOT mr_type mr_type_of_number(mr_slice literal);

#endif
