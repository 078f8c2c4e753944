/* SPDX-License-Identifier: MIT
 *
 * record/conform.h - does a value have the type that somebody declared?
 *
 * A declared type is a promise about the text of a value, by the table of record/type.h, and in
 * addition:
 *
 *     float, number   a JSON number; a float is finite in binary64
 *     time            hh:mm:ss[.f{1,9}]
 *     json            one JSON value without white space around its parts
 *     string          UTF-8
 *     bytes           anything
 *
 * Nothing is converted: a value either conforms as it is, or it does not. Values that come with a
 * type of their own conform when that type says no less than the declared one: an int is a decimal,
 * a text may be a date, but a text is no int.
 *
 * Thread: pure functions. */
#ifndef MR_RECORD_CONFORM_H
#define MR_RECORD_CONFORM_H

#include "record/batch.h"

/* The type that a declaration calls `name`: mr_type_name(), or what SQL calls it (integer, bigint,
 * boolean, text, varchar, numeric, double, real, datetime, blob, ...), in any case.
 * MR_TYPE_COUNT when there is none. */
mr_type mr_conform_type_named(mr_slice name);

/* Is `text` a value of `type`? */
MR_HOT bool mr_conform_text(mr_slice text, mr_type type);

/* The first row from `row` on whose value is not of `type`, `row_count` when there is none; nulls
 * conform. `judge`: the source has no types, so the text alone decides. */
MR_HOT uint32_t mr_conform_next(const mr_column *column, uint32_t row_count, uint32_t row,
                                mr_type type, bool judge);

#endif
