/* SPDX-License-Identifier: MIT
 *
 * store/feed.h - what was just committed in a space, for those who watch it.
 *
 *     ring, in bytes   | gp 41 | gp 42 | gp 43 | gp 44 |      after each commit its messages are
 *                        oldest                  head         added and every watcher is woken
 *
 * The ring holds the last MR_FEED_BYTES or so and exists only while somebody watches. Who falls
 * behind it is told so and reads from the store instead: nothing is dropped silently, and a slow
 * watcher costs no memory. So a subscription is
 *
 *     watch, then head = mr_feed_head(); read the store up to head at least; then mr_feed_take()
 *     from the last global position delivered, again after each wake
 *
 * and has neither a hole nor an order of its own to keep.
 *
 * Thread: any; a watcher's wake() is called on a thread of the store. */
#ifndef MR_STORE_FEED_H
#define MR_STORE_FEED_H

#include "core/buffer.h"
#include "store/store.h"

#define MR_FEED_BYTES (256u << 10)

typedef struct mr_feed_watcher {
    struct mr_feed_watcher *prev, *next;
    /* Something was committed, cleared, or the space was deleted. Quick, must not call the feed:
     * post a job. May come more often than needed, never too rarely. */
    void (*wake)(struct mr_feed_watcher *watcher);
    bool bodies;     /* wants id, type, data, metadata and time in the entries */
    int64_t lowered; /* the feed's: see mr_feed_lowered() */
} mr_feed_watcher;

/* One message in what mr_feed_take() copies. The texts follow it: stream, then with `has_body` the
 * rest, one after the other. mr_feed_next() finds the following entry. */
typedef struct mr_feed_entry {
    uint32_t size; /* of the entry, a multiple of 8 */
    uint32_t back; /* size of the entry before it in the ring; the feed's */
    uint32_t stream_len, type_len, data_len, metadata_len, id_text_len;
    bool has_body, has_data, has_metadata;
    mr_uuid id;
    int64_t position, global_position, time_us;
} mr_feed_entry;

/* The message of an entry; slices into it. */
void mr_feed_message(const mr_feed_entry *entry, mr_message *out);

/* The entry behind `entry`, or the first one for NULL; NULL at the end of `bytes`. */
const mr_feed_entry *mr_feed_next(mr_slice bytes, const mr_feed_entry *entry);

/* From now on `watcher` is woken. `watcher` is borrowed until mr_feed_unwatch() has returned. */
MR_NODISCARD mr_code mr_feed_watch(mr_space *space, mr_feed_watcher *watcher, mr_error *err);
/* No wake() of this watcher runs or will run once it has returned. Never called inside wake(). */
void mr_feed_unwatch(mr_space *space, mr_feed_watcher *watcher);

/* The global position of the last message committed; 0 when there is none. */
int64_t mr_feed_head(mr_space *space);

typedef enum mr_feed_taken {
    MR_FEED_SOME,   /* *out_last is the global position up to which everything was copied */
    MR_FEED_NONE,   /* nothing after `after` */
    MR_FEED_BEHIND, /* messages after `after` are no longer here: read them from the store */
} mr_feed_taken;

/* Copies entries after `after`, as many whole ones as fit into `out` up to its `max` (at least one
 * if any: `max` must not be below MR_FEED_BYTES); `out` is reset first. With `bodies`, an entry
 * without a body is MR_FEED_BEHIND. */
MR_NODISCARD MR_HOT mr_feed_taken mr_feed_take(mr_space *space, int64_t after, bool bodies,
                                               mr_buffer *out, int64_t *out_last);

/* The lowest global position that an import has brought, below the head or in no order, since the
 * last call; INT64_MAX when none has. Such messages are not in the ring: the watcher reads the
 * store from there. */
int64_t mr_feed_lowered(mr_space *space, mr_feed_watcher *watcher);

/* Changes whenever global positions start anew (MR_OP_CLEAR): what a watcher has delivered means
 * nothing then. */
uint64_t mr_feed_epoch(mr_space *space);

#endif
