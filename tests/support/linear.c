/* SPDX-License-Identifier: MIT */
#include "support/linear.h"

#include <inttypes.h>
#include <stdlib.h>

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The version at which an operation takes effect. */
static int64_t state_of(const mr_linear_op *op)
{
    return op->append ? op->from : op->version;
}

/* By state, and what looks at a state before what leaves it. */
static int compare(const void *left, const void *right)
{
    const mr_linear_op *a = left, *b = right;
    const int64_t sa = state_of(a), sb = state_of(b);
    if (sa != sb) return sa < sb ? -1 : 1;
    return (int)a->append - (int)b->append;
}

mr_code mr_linear_check(mr_linear_op *ops, size_t count, int64_t initial, mr_error *err)
{
    int64_t state = initial;
    int64_t reached = INT64_MIN; /* the moment at which this state began */
    int64_t leaves = INT64_MIN;  /* the earliest at which it may end */
    qsort(ops, count, sizeof *ops, compare);
    for (size_t i = 0; i < count; i++) {
        const mr_linear_op *op = &ops[i];
        if (state_of(op) != state)
            return mr_fail(err, MR_ERR_CONFLICT,
                           "an operation at version %" PRId64
                           ", where the stream goes from %" PRId64 ": %s",
                           state_of(op), state, op->append ? "an append" : "a look");
        const int64_t moment = later(op->append ? leaves : reached, op->began);
        if (moment > op->ended)
            return mr_fail(err, MR_ERR_CONFLICT,
                           "%s at version %" PRId64 " was answered at %" PRId64
                           ", and cannot have happened before %" PRId64,
                           op->append ? "an append" : "a look", state, op->ended, moment);
        leaves = later(leaves, moment);
        if (!op->append) continue;
        if (op->version <= op->from)
            return mr_fail(err, MR_ERR_CONFLICT, "an append from %" PRId64 " to %" PRId64, op->from,
                           op->version);
        state = op->version;
        reached = leaves = moment;
    }
    return MR_OK;
}

/* Whether the operations not in `done` can go on from `state`. Recursion goes as deep as there are
 * operations. */
static bool can_finish(const mr_linear_op *ops, size_t count, unsigned done, int64_t state)
{
    if (done == (1u << count) - 1) return true;
    int64_t first_end = INT64_MAX; /* who was called after it cannot come before it */
    for (size_t i = 0; i < count; i++)
        if (!(done >> i & 1) && ops[i].ended < first_end) first_end = ops[i].ended;
    for (size_t i = 0; i < count; i++) {
        if (done >> i & 1 || state_of(&ops[i]) != state || ops[i].began > first_end) continue;
        if (ops[i].append && ops[i].version <= ops[i].from) continue;
        const int64_t next = ops[i].append ? ops[i].version : state;
        if (can_finish(ops, count, done | 1u << i, next)) return true;
    }
    return false;
}

bool mr_linear_check_slowly(const mr_linear_op *ops, size_t count, int64_t initial)
{
    return can_finish(ops, count, 0, initial);
}
