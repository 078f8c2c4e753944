/* SPDX-License-Identifier: MIT */
#include "pipeline/seen.h"

#define FIRST_CAP 64u

void mr_seen_init(mr_seen *seen)
{
    *seen = (mr_seen){0};
    mr_buffer_init(&seen->slots, "the records at the watermark",
                   (size_t)MR_SEEN_MAX * 4 * sizeof(mr_seen_record));
}

void mr_seen_done(mr_seen *seen)
{
    mr_buffer_done(&seen->slots);
    seen->cap = seen->count = 0;
}

static mr_seen_record *slots_of(const mr_seen *seen)
{
    return (mr_seen_record *)(void *)seen->slots.ptr;
}

void mr_seen_reset(mr_seen *seen)
{
    if (seen->count > 0) memset(seen->slots.ptr, 0, seen->cap * sizeof(mr_seen_record));
    seen->count = 0;
}

/* The slot that holds the hash, or the empty one where it belongs. At most half are full. */
MR_INLINE mr_seen_record *find(const mr_seen *seen, const uint64_t hash[2])
{
    mr_seen_record *const slots = slots_of(seen);
    for (uint32_t at = (uint32_t)hash[0] & (seen->cap - 1);; at = (at + 1) & (seen->cap - 1)) {
        mr_seen_record *const slot = &slots[at];
        if ((slot->hash[0] == hash[0] && slot->hash[1] == hash[1]) ||
            (slot->hash[0] | slot->hash[1]) == 0)
            return slot;
    }
}

bool mr_seen_has(const mr_seen *seen, const uint64_t hash[2])
{
    return seen->count > 0 && (find(seen, hash)->hash[0] | find(seen, hash)->hash[1]) != 0;
}

/* A table of `cap` slots with the records that are not below `low` (NULL: all). */
static mr_code rebuild(mr_seen *seen, uint32_t cap, mr_cursor_kind kind, const mr_cursor *low,
                       mr_error *err)
{
    mr_seen next;
    mr_seen_init(&next);
    MR_TRY(mr_buffer_reserve(&next.slots, cap * sizeof(mr_seen_record), err));
    memset(next.slots.ptr, 0, cap * sizeof(mr_seen_record));
    next.cap = cap;
    for (uint32_t i = 0; i < seen->cap; i++) {
        const mr_seen_record *record = mr_seen_at(seen, i);
        if (record == NULL) continue;
        const mr_cursor at = {.whole = record->whole, .nanos = record->nanos, .small = true};
        if (low != NULL && mr_cursor_compare(kind, &at, low) < 0) continue;
        *find(&next, record->hash) = *record;
        next.count++;
    }
    mr_buffer_done(&seen->slots);
    *seen = next;
    return MR_OK;
}

mr_code mr_seen_prune(mr_seen *seen, mr_cursor_kind kind, const mr_cursor *low, mr_error *err)
{
    return seen->count > 0 ? rebuild(seen, seen->cap, kind, low, err) : MR_OK;
}

mr_code mr_seen_add(mr_seen *seen, const mr_seen_record *record, mr_error *err)
{
    if (seen->cap == 0) MR_TRY(rebuild(seen, FIRST_CAP, MR_CURSOR_NONE, NULL, err));
    mr_seen_record *slot = find(seen, record->hash);
    if ((slot->hash[0] | slot->hash[1]) != 0) return MR_OK;
    if (seen->count == MR_SEEN_MAX)
        return mr_fail(err, MR_ERR_LIMIT,
                       "more than %u records lie at one value of the cursor, or "
                       "within lookback",
                       MR_SEEN_MAX);
    if (seen->count * 2 >= seen->cap) {
        MR_TRY(rebuild(seen, seen->cap * 2, MR_CURSOR_NONE, NULL, err));
        slot = find(seen, record->hash);
    }
    *slot = *record;
    seen->count++;
    return MR_OK;
}
