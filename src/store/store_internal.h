/* SPDX-License-Identifier: MIT
 *
 * store/store_internal.h - what store.c, space.c, queue.c and feed.c share.
 *
 *     store.c    opening and closing, the map of spaces, namespaces made and removed
 *     queue.c    submitting, the writers' and readers' tasks, closing what is idle
 *     feed.c     the ring of what was just committed
 *
 * A space's queue: `pending` is a stack that anybody pushes on; whoever sets `scheduled` owns the
 * space's writer until clearing it, and gives the space's task to the writers' pool. So there is
 * one writer at a time, on any of the pool's threads.
 *
 * Thread: as marked. */
#ifndef MR_STORE_STORE_INTERNAL_H
#define MR_STORE_STORE_INTERNAL_H

#include <stdatomic.h>

#include "core/pool.h"
#include "store/backend.h"
#include "store/feed.h"

#define MR_SPACE_READERS_KEPT 8u

typedef struct mr_feed {
    pthread_mutex_t lock; /* of all below */
    mr_feed_watcher *watchers;
    uint32_t body_watchers;
    char *ring; /* 2 * MR_FEED_BYTES while anybody watches: entries from start to end */
    size_t start, end;
    uint32_t last_size; /* of the entry before `end`; 0 when there is none */
    int64_t kept_after; /* every message after it is in the ring */
    int64_t head;
    uint64_t epoch;
} mr_feed;

struct mr_space {
    mr_message_store *store;
    mr_slice id;
    const char *place, *description, *metadata; /* these live in `texts` */
    int64_t created_s;
    uint64_t order; /* of creation, for listing */
    mr_arena texts;
    char token_hash[MR_TOKEN_HASH_MAX]; /* under the store's lock */
    atomic_uint refs;                   /* the map holds one */
    atomic_bool deleted;
    atomic_uint_least64_t messages, disk_bytes;
    atomic_bool has_retention;

    _Atomic(mr_op *) pending; /* newest first; push releases, take acquires */
    atomic_bool scheduled;
    mr_task task;
    mr_backend_writer *writer; /* of whoever has set `scheduled`; NULL while closed */
    atomic_bool aside_runs;    /* tidy_aside(): the writer must stay open */
    mr_task aside;
    mr_op maintain; /* the store's own op: retention */
    atomic_bool maintain_waits;

    atomic_int_least64_t used_ns;
    pthread_mutex_t readers_lock; /* of the next three */
    mr_backend_reader *readers[MR_SPACE_READERS_KEPT];
    uint32_t reader_count;
    bool is_open; /* counts among the store's open spaces */

    mr_feed feed;
};

typedef struct mr_store_counters {
    mr_counter *commits, *messages, *failed_commits, *reads;
    mr_buckets *group_size, *commit_seconds;
    mr_gauge *spaces, *open_spaces;
} mr_store_counters;

struct mr_message_store {
    const mr_backend_ops *ops;
    mr_backend *backend;
    mr_message_store_options options;
    bool reads_by_writer;
    mr_pool writers, readers;
    pthread_mutex_t registry_lock; /* one registry function of the backend at a time */
    mr_task registry_task;

    pthread_mutex_t lock; /* of the map, token hashes, open_count */
    mr_space **slots;
    uint32_t slot_mask, space_count;
    uint64_t seed, next_order;
    uint32_t open_count;

    pthread_t clock; /* wakes for retention */
    bool clock_runs;
    pthread_mutex_t clock_lock;
    pthread_cond_t clock_wake;
    bool closing;  /* under clock_lock */
    bool finished; /* the threads have ended; set and from then on read by who closes */
    mr_store_counters count;
};

/* --- store.c -------------------------------------------------------------------------------- */

void mr_space_retain(mr_space *space);
/* Registers, removes, rotates, lists: MR_OP_SPACE_*, on a writer's thread. */
void mr_store_run_registry_op(mr_message_store *store, mr_op *op);
/* The rest of MR_OP_SPACE_DELETE, by the owner of the space's writer. */
void mr_store_delete_space(mr_space *space, mr_space_op *op);

/* --- queue.c -------------------------------------------------------------------------------- */

/* Puts `op` into the space's queue. */
void mr_queue_push(mr_space *space, mr_op *op);
/* Closes writer and idle readers; for the owner of the writer. */
void mr_queue_close_space(mr_space *space);
/* Asks for retention to be enforced soon. */
void mr_queue_maintain(mr_space *space);
void mr_queue_init_space(mr_space *space);
/* Looks at how large the files are. */
void mr_queue_note_size(mr_space *space);

/* --- feed.c --------------------------------------------------------------------------------- */

void mr_feed_init(mr_feed *feed, int64_t head);
void mr_feed_done(mr_feed *feed);
/* Tells what the ops from `first` that have no fault did, once it is durable; `head` is the last
 * global position now. Wakes nobody: mr_feed_wake() comes when the ops are done, so that who waits
 * for an answer does not wait for all who watch. */
MR_HOT void mr_feed_publish(mr_feed *feed, const mr_op *first, int64_t head);
/* Wakes everybody: the space has been deleted. */
void mr_feed_wake(mr_feed *feed);

#endif
