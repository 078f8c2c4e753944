/* SPDX-License-Identifier: MIT
 *
 * pipeline/seen.h - the records at or near a watermark that have been taken already, by a hash of
 * 128 bits each, with the place of each on the cursor.
 *
 * Thread: owned by one thread; mr_seen_has() by any number while nobody adds. */
#ifndef MR_PIPELINE_SEEN_H
#define MR_PIPELINE_SEEN_H

#include "core/buffer.h"
#include "record/cursor.h"

/* Records at one value of the cursor, or within `lookback`. 28 bytes each where they are kept. */
#define MR_SEEN_MAX 262144u

typedef struct mr_seen_record {
    uint64_t hash[2]; /* both 0: an empty slot */
    int64_t whole;    /* of its cursor, when that is small */
    uint32_t nanos;
} mr_seen_record;

typedef struct mr_seen {
    mr_buffer slots; /* mr_seen_record[cap] */
    uint32_t cap, count;
} mr_seen;

void mr_seen_init(mr_seen *seen);
void mr_seen_done(mr_seen *seen);
void mr_seen_reset(mr_seen *seen);

MR_HOT bool mr_seen_has(const mr_seen *seen, const uint64_t hash[2]);

/* MR_ERR_LIMIT above MR_SEEN_MAX. Harmless for one that is there. */
MR_NODISCARD mr_code mr_seen_add(mr_seen *seen, const mr_seen_record *record, mr_error *err);

/* Forgets those below `low`, of `kind`. */
MR_NODISCARD mr_code mr_seen_prune(mr_seen *seen, mr_cursor_kind kind, const mr_cursor *low,
                                   mr_error *err);

/* Slot `at` (below cap), or NULL when it is empty. */
MR_INLINE const mr_seen_record *mr_seen_at(const mr_seen *seen, uint32_t at)
{
    const mr_seen_record *slot = (const mr_seen_record *)(const void *)seen->slots.ptr + at;
    return (slot->hash[0] | slot->hash[1]) != 0 ? slot : NULL;
}

#endif
