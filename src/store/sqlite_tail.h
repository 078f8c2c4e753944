/* SPDX-License-Identifier: MIT
 *
 * store/sqlite_tail.h - the messages that the index of streams does not hold yet.
 *
 * An index by (stream, position) has a page of its own for each busy stream, so that a commit of 64
 * messages to 64 streams would write 64 pages of it: most of what a commit costs. Instead the
 * newest messages of each stream are remembered here, and go into the index some twenty at a time:
 *
 *     index (on disk)                         tail (in memory)
 *     stream 7: 0 1 2 3 ... 19                stream 7: 20 21 22
 *     stream 8: 0 1 2 ... 40                  stream 8: 41
 *
 * Of each stream the index holds a beginning and the tail the rest. A reader copies the tail first
 * and then asks the index for what lies before it, so what moves from one to the other in between
 * is neither lost nor seen twice. `meta` holds a global position up to which all messages are
 * indexed: whoever opens the database for writing after a crash indexes what lies behind it. A
 * database that nobody has open for writing is fully indexed, but for what is kept here when the
 * disk took no more writes at closing.
 *
 * Measured (64 waiting writes, 100 streams, synchronous=FULL): see docs/internals/message-store.md.
 *
 * Thread: one writer adds and removes; readers copy under the lock. */
#ifndef MR_STORE_SQLITE_TAIL_H
#define MR_STORE_SQLITE_TAIL_H

#include <pthread.h>

#include "core/error.h"

#define MR_SQ_TAIL_TARGET 2048u /* messages kept when there is a choice */

typedef struct mr_sq_tail_node {
    int64_t position, global;
    uint32_t next; /* node of the same stream, + 1; 0 ends */
} mr_sq_tail_node;

typedef struct mr_sq_tail_stream {
    int64_t id; /* 0: a free slot */
    uint32_t first, last, count;
} mr_sq_tail_stream;

typedef struct mr_sq_tail {
    struct mr_sq_tail *next; /* of the backend's list, under its lock, as is refs */
    uint32_t refs;
    pthread_mutex_t lock;
    mr_sq_tail_node *nodes;
    mr_sq_tail_stream *streams; /* hashed by id; those that became empty stay until it is remade */
    uint32_t node_room, node_count, free_node;
    uint32_t slot_mask, stream_count;
    uint32_t total;
    bool kept; /* under the backend's lock: a reference nobody holds, see mr_sq_tail_keep() */
    char path[];
} mr_sq_tail;

typedef struct mr_sq_tails {
    pthread_mutex_t lock;
    mr_sq_tail *first;
} mr_sq_tails;

/* What was copied of one stream, in ascending order; keeps its memory. */
typedef struct mr_sq_tail_copy {
    mr_sq_tail_node *nodes;
    uint32_t count, room;
} mr_sq_tail_copy;

/* The tail of the database at `path`, one for all who have it open. */
MR_NODISCARD mr_code mr_sq_tail_open(mr_sq_tails *tails, const char *path, mr_sq_tail **out,
                                     mr_error *err);
/* NULL is harmless. */
void mr_sq_tail_close(mr_sq_tails *tails, mr_sq_tail *tail);
/* The index could not take what is in the tail and the writer closes: readers need it until the
 * next writer has indexed it and calls mr_sq_tail_unkeep(). */
void mr_sq_tail_keep(mr_sq_tails *tails, mr_sq_tail *tail);
/* Harmless when it is not kept; the caller has the tail open. */
void mr_sq_tail_unkeep(mr_sq_tails *tails, mr_sq_tail *tail);
/* The database at `path` is removed: who opens a new one there gets a new tail. */
void mr_sq_tail_forget(mr_sq_tails *tails, const char *path);
/* At the end: what was kept. */
void mr_sq_tails_done(mr_sq_tails *tails);

/* --- readers --- */

MR_NODISCARD MR_HOT mr_code mr_sq_tail_copy_stream(mr_sq_tail *tail, int64_t stream,
                                                   mr_sq_tail_copy *copy, mr_error *err);
/* The stream's last message, if the tail has any of it. */
MR_HOT bool mr_sq_tail_last(mr_sq_tail *tail, int64_t stream, mr_sq_tail_node *out);

/* --- the writer --- */

/* Room for `count` more messages, so that adding them cannot fail. */
MR_NODISCARD MR_HOT mr_code mr_sq_tail_reserve(mr_sq_tail *tail, uint32_t count, mr_error *err);
/* Under tail->lock, after the commit. */
MR_HOT void mr_sq_tail_add(mr_sq_tail *tail, int64_t stream, int64_t position, int64_t global);
/* Takes the first `count` messages of `stream` out; under tail->lock, after the commit. */
MR_HOT void mr_sq_tail_remove(mr_sq_tail *tail, int64_t stream, uint32_t count);
void mr_sq_tail_clear(mr_sq_tail *tail); /* likewise */
/* The smallest global position in it; INT64_MAX when it is empty. */
int64_t mr_sq_tail_oldest(const mr_sq_tail *tail);

#endif
