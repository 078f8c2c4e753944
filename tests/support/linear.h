/* SPDX-License-Identifier: MIT
 *
 * support/linear.h - whether what clients of one stream saw can have happened one after the other.
 *
 * A stream is a version that appends raise. Each operation took effect at one moment between its
 * call and its answer, and the moments must be in an order in which every answer is right:
 *
 *     look -1 | append -1 -> 0 | look 0, look 0 | append 0 -> 3 | look 3 | append 3 -> 4
 *
 * Versions only grow, so the order of the groups is given and the history is checked by walking it
 * once: every operation gets the earliest moment that its call and those before it allow, and must
 * not have been answered by then. That is exact, not an approximation; the test has a slow twin
 * that tries all orders.
 *
 * Thread: pure functions. */
#ifndef MR_TESTS_SUPPORT_LINEAR_H
#define MR_TESTS_SUPPORT_LINEAR_H

#include "core/error.h"

typedef struct mr_linear_op {
    int64_t began, ended; /* any clock; INT64_MAX: never answered, but it did take effect */
    bool append;          /* else something that told a version: a conflict, a look */
    int64_t from;         /* append: the version it followed */
    int64_t version;      /* append: the one it made; else the one it told */
} mr_linear_op;

/* MR_ERR_CONFLICT, with a text about the first contradiction, unless the operations are linear
 * from `initial`. Sorts them. */
MR_NODISCARD mr_code mr_linear_check(mr_linear_op *ops, size_t count, int64_t initial,
                                     mr_error *err);

/* The same by trying every order; for a dozen operations at most. */
MR_NODISCARD bool mr_linear_check_slowly(const mr_linear_op *ops, size_t count, int64_t initial);

#endif
