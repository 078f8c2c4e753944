/* SPDX-License-Identifier: MIT
 *
 * expr/compare.h - which of two values comes first, exactly, whatever their kinds.
 *
 * Numbers of all kinds compare by value (1 = 1.0 = 1e0; 0.1 is not float 0.1), dates and timestamps
 * by the moment, strings, bytes and uuids by their bytes, false before true, json only for being
 * the same text. Untyped text, and a string beside a date or time, is read as the kind of the other
 * side; untyped beside untyped is compared as numbers if both are, as moments if both are, else by
 * bytes.
 *
 * Thread: pure functions. */
#ifndef MR_EXPR_COMPARE_H
#define MR_EXPR_COMPARE_H

#include "expr/value.h"

typedef enum mr_order {
    MR_ORDER_LESS = -1,
    MR_ORDER_SAME = 0,
    MR_ORDER_MORE = 1,
    MR_ORDER_OTHER = 2, /* not the same, and neither comes first */
} mr_order;

/* The order of `a` and `b`, which are neither null, absent nor faults. */
MR_HOT mr_order mr_value_compare(const mr_value *a, const mr_value *b);

/* Whether values of these kinds can ever be ordered (compared for being the same): what the
 * compiler refuses. */
bool mr_kinds_ordered(mr_kinds a, mr_kinds b);
bool mr_kinds_comparable(mr_kinds a, mr_kinds b);

#endif
