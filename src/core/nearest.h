/* SPDX-License-Identifier: MIT
 *
 * core/nearest.h - "did you mean": the known name that a mistyped one is closest to.
 *
 *     mr_nearest near = mr_nearest_to(wanted);
 *     for (each known name) mr_nearest_offer(&near, name);
 *     mr_nearest_best(&near)      the closest name, or NULL when none is close enough to be helpful
 *
 * Distance counts bytes inserted, removed, replaced, or swapped with their neighbour; '-' equals
 * '_'.
 *
 * Thread: values, no sharing. */
#ifndef MR_CORE_NEAREST_H
#define MR_CORE_NEAREST_H

#include "core/base.h"

#define MR_NEAREST_MAX_BYTES 64 /* longer names are never near anything */

typedef struct mr_nearest {
    mr_slice wanted;
    const char *best; /* borrowed from the caller of mr_nearest_offer() */
    size_t distance;
} mr_nearest;

/* The number of edits that turn `a` into `b`; SIZE_MAX if either is over MR_NEAREST_MAX_BYTES. */
size_t mr_edit_distance(mr_slice a, mr_slice b);

/* True if the names are equal when '-' and '_' count as the same byte. */
bool mr_names_equal(mr_slice a, mr_slice b);

mr_nearest mr_nearest_to(mr_slice wanted);
void mr_nearest_offer(mr_nearest *near, const char *candidate);

/* True if a name at this distance counts as near. */
bool mr_nearest_allows(mr_slice wanted, size_t distance);
/* NULL unless at most a third of the wanted name, and no more than three bytes, had to change. */
const char *mr_nearest_best(const mr_nearest *near);

#endif
