/* SPDX-License-Identifier: MIT */
#include "core/nearest.h"

static char folded(char byte)
{
    return byte == '-' ? '_' : byte;
}

bool mr_names_equal(mr_slice a, mr_slice b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (folded(a.ptr[i]) != folded(b.ptr[i])) return false;
    return true;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: three rows of the classic table, the oldest one for swapped neighbours.
 */
size_t mr_edit_distance(mr_slice a, mr_slice b)
{
    if (a.len > MR_NEAREST_MAX_BYTES || b.len > MR_NEAREST_MAX_BYTES) return SIZE_MAX;
    size_t rows[3][MR_NEAREST_MAX_BYTES + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        above[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            const char x = folded(a.ptr[i - 1]), y = folded(b.ptr[j - 1]);
            size_t cost = smaller(above[j - 1] + (x != y), smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == folded(b.ptr[j - 2]) && y == folded(a.ptr[i - 2]))
                cost = smaller(cost, before[j - 2] + 1);
            row[j] = cost;
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

mr_nearest mr_nearest_to(mr_slice wanted)
{
    return (mr_nearest){.wanted = wanted, .distance = SIZE_MAX};
}

void mr_nearest_offer(mr_nearest *near, const char *candidate)
{
    const size_t distance = mr_edit_distance(near->wanted, mr_slice_text(candidate));
    if (distance >= near->distance) return;
    near->distance = distance;
    near->best = candidate;
}

bool mr_nearest_allows(mr_slice wanted, size_t distance)
{
    const size_t len = wanted.len;
    size_t allowed = len < 3 ? 1 : smaller(3, (len + 2) / 3);
    if (len == 4) allowed = 1; /* half of a word is another word */
    return distance <= allowed;
}

const char *mr_nearest_best(const mr_nearest *near)
{
    return mr_nearest_allows(near->wanted, near->distance) ? near->best : NULL;
}
