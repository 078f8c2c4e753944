/* SPDX-License-Identifier: MIT
 *
 * support/store_fake.h - a message store with one namespace that does as a test says: a read waits
 * until it is told to run and sees as much as it is told, the ring of the feed forgets when it is
 * told, and a commit may be told to nobody. The functions have the names of the real ones, which
 * are then not linked; for a test that includes this once.
 *
 * Thread: the test's, and those of the servers that use it. */
#ifndef MR_TESTS_SUPPORT_STORE_FAKE_H
#define MR_TESTS_SUPPORT_STORE_FAKE_H

#include <pthread.h>
#include <time.h>

#include "store/feed.h"
#include "support/test.h"

/* --- The store -------------------------------------------------------------------------------- */

#define MESSAGES_MAX 20000
#define STREAMS      12
#define HELD_MAX     64

typedef struct told {
    uint8_t stream;
    int64_t position;
} told;

/* The store's names for these, so that the real ones are not linked. */
struct mr_message_store {
    int unused;
};

struct mr_space {
    pthread_mutex_t lock; /* of all below; reads run on the test's thread, the rest on the loop's */
    told messages[MESSAGES_MAX]; /* global position - 1 */
    int64_t versions[STREAMS];
    int64_t head;
    int64_t ring_after; /* every message behind it is in the ring */
    uint64_t epoch;
    bool deleted;
    mr_feed_watcher *watchers;
    unsigned watcher_count, references;
    mr_read_op *held[HELD_MAX];
    int64_t held_head[HELD_MAX]; /* when it was submitted */
    unsigned held_count;
    bool hold, fail;
};

static struct mr_space the_space = {.lock = PTHREAD_MUTEX_INITIALIZER};
static mr_message_store store;

static const char *const stream_names[STREAMS] = {"a-1", "a-2", "a-3", "a-4", "a",   "b-1",
                                                  "b-2", "b-3", "b-4", "c",   "d-x", "d-y+z"};

static mr_message message_of(int64_t global_position)
{
    const told *one = &the_space.messages[global_position - 1];
    return (mr_message){.stream = mr_slice_text(stream_names[one->stream]),
                        .type = MR_SLICE("T"),
                        .data = MR_SLICE("{}"),
                        .position = one->position,
                        .global_position = global_position};
}

mr_space *mr_message_store_find(MR_UNUSED mr_message_store *unused, mr_slice id)
{
    if (!mr_slice_is(id, "default")) return NULL;
    pthread_mutex_lock(&the_space.lock);
    the_space.references++;
    pthread_mutex_unlock(&the_space.lock);
    return &the_space;
}

void mr_space_release(mr_space *space)
{
    pthread_mutex_lock(&space->lock);
    MR_EXPECT(space->references-- > 0);
    pthread_mutex_unlock(&space->lock);
}

bool mr_space_admits(MR_UNUSED mr_space *space, MR_UNUSED mr_slice token)
{
    return true;
}

bool mr_space_is_deleted(const mr_space *space)
{
    struct mr_space *own = &the_space;
    MR_EXPECT(space == own);
    pthread_mutex_lock(&own->lock);
    const bool deleted = own->deleted;
    pthread_mutex_unlock(&own->lock);
    return deleted;
}

/* --- Its feed --------------------------------------------------------------------------------- */

mr_code mr_feed_watch(mr_space *space, mr_feed_watcher *watcher, MR_UNUSED mr_error *err)
{
    pthread_mutex_lock(&space->lock);
    watcher->prev = NULL;
    watcher->next = space->watchers;
    if (space->watchers != NULL) space->watchers->prev = watcher;
    space->watchers = watcher;
    space->watcher_count++;
    pthread_mutex_unlock(&space->lock);
    return MR_OK;
}

void mr_feed_unwatch(mr_space *space, mr_feed_watcher *watcher)
{
    pthread_mutex_lock(&space->lock);
    *(watcher->prev != NULL ? &watcher->prev->next : &space->watchers) = watcher->next;
    if (watcher->next != NULL) watcher->next->prev = watcher->prev;
    space->watcher_count--;
    pthread_mutex_unlock(&space->lock);
}

int64_t mr_feed_head(mr_space *space)
{
    pthread_mutex_lock(&space->lock);
    const int64_t head = space->head;
    pthread_mutex_unlock(&space->lock);
    return head;
}

uint64_t mr_feed_epoch(mr_space *space)
{
    pthread_mutex_lock(&space->lock);
    const uint64_t epoch = space->epoch;
    pthread_mutex_unlock(&space->lock);
    return epoch;
}

int64_t mr_feed_lowered(MR_UNUSED mr_space *space, MR_UNUSED mr_feed_watcher *watcher)
{
    return INT64_MAX;
}

const mr_feed_entry *mr_feed_next(mr_slice bytes, const mr_feed_entry *entry)
{
    const char *at = entry == NULL ? bytes.ptr : (const char *)entry + entry->size;
    return at == bytes.ptr + bytes.len ? NULL : (const void *)at;
}

void mr_feed_message(const mr_feed_entry *entry, mr_message *out)
{
    *out = message_of(entry->global_position); /* written once, before the entry was */
}

mr_feed_taken mr_feed_take(mr_space *space, int64_t after, bool bodies, mr_buffer *out,
                           int64_t *out_last)
{
    mr_feed_taken taken = MR_FEED_NONE;
    mr_buffer_reset(out);
    pthread_mutex_lock(&space->lock);
    if (after < space->head && after < space->ring_after) taken = MR_FEED_BEHIND;
    /* Few at a time: whoever wants more comes again. */
    for (int i = 0; i < 5 && taken != MR_FEED_BEHIND && after < space->head; i++) {
        const mr_feed_entry entry = {
            .size = sizeof entry, .has_body = bodies, .global_position = ++after};
        MR_EXPECT(mr_buffer_append(out, mr_slice_of((const char *)&entry, sizeof entry), NULL) ==
                  MR_OK);
        *out_last = after;
        taken = MR_FEED_SOME;
    }
    pthread_mutex_unlock(&space->lock);
    return taken;
}

static void wake(void)
{
    pthread_mutex_lock(&the_space.lock);
    for (mr_feed_watcher *watcher = the_space.watchers; watcher != NULL; watcher = watcher->next)
        watcher->wake(watcher);
    pthread_mutex_unlock(&the_space.lock);
}

static void commit_quietly(unsigned stream)
{
    pthread_mutex_lock(&the_space.lock);
    MR_EXPECT(the_space.head < MESSAGES_MAX);
    the_space.messages[the_space.head++] = (told){(uint8_t)stream, the_space.versions[stream]++};
    pthread_mutex_unlock(&the_space.lock);
}

static void commit(unsigned stream)
{
    commit_quietly(stream);
    wake();
}

/* The ring holds the last `kept` messages. */
static void keep_in_ring(int64_t kept)
{
    pthread_mutex_lock(&the_space.lock);
    if (the_space.ring_after < the_space.head - kept) the_space.ring_after = the_space.head - kept;
    pthread_mutex_unlock(&the_space.lock);
}

/* --- Its reads -------------------------------------------------------------------------------- */

static bool is_in_scope(const mr_read_op *read, const mr_message *message)
{
    switch (read->scope) {
    case MR_READ_STREAM:
        return mr_slice_equal(message->stream, read->name) &&
               (read->by_global ? message->global_position : message->position) >= read->from;
    case MR_READ_CATEGORY:
        if (!mr_slice_equal(mr_stream_category(message->stream), read->name)) return false;
        break;
    case MR_READ_ALL: break;
    }
    return message->global_position >= read->from && mr_group_owns(read->group, message->stream);
}

/* Reads what there was at `head`; done() is the caller's. */
static void look_up(mr_read_op *read, int64_t head)
{
    /* A read by a stream's positions says nothing about global ones. */
    const bool by_position = read->scope == MR_READ_STREAM && !read->by_global;
    read->seen_global = by_position ? INT64_MAX - 1 : head;
    for (int64_t i = 1; i <= head && !read->op.fault.code; i++) {
        const mr_message message = message_of(i);
        if (!is_in_scope(read, &message)) continue;
        read->taken++;
        read->last_position = message.position;
        read->last_global = i;
        read->stopped = !read->take(read, &message);
        if (!read->stopped && (int64_t)read->taken != read->limit) continue;
        if (!by_position) read->seen_global = i;
        break;
    }
}

static void run_read(mr_read_op *read, int64_t head)
{
    look_up(read, head);
    read->op.done(&read->op);
}

void mr_message_store_submit(MR_UNUSED mr_message_store *unused, mr_op *op)
{
    mr_read_op *read = (mr_read_op *)op;
    pthread_mutex_lock(&the_space.lock);
    const int64_t head = the_space.head;
    const bool hold = the_space.hold;
    if (the_space.deleted) op->fault.code = MR_FAULT_NO_SPACE;
    if (the_space.fail) op->fault.code = MR_FAULT_BACKEND;
    if (hold) {
        MR_EXPECT(the_space.held_count < HELD_MAX);
        the_space.held_head[the_space.held_count] = head;
        the_space.held[the_space.held_count++] = read;
    }
    pthread_mutex_unlock(&the_space.lock);
    if (!hold) run_read(read, head);
}

static unsigned held_count(void)
{
    pthread_mutex_lock(&the_space.lock);
    const unsigned count = the_space.held_count;
    pthread_mutex_unlock(&the_space.lock);
    return count;
}

static void await_held(unsigned count)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int tries = 0; held_count() < count; tries++) {
        MR_EXPECT(tries < 10000);
        nanosleep(&moment, NULL);
    }
}

/* Runs a held read that sees `later` more messages than there were when it was submitted, as far
 * as there are so many. */
static void run_held(unsigned i, int64_t later)
{
    pthread_mutex_lock(&the_space.lock);
    mr_read_op *read = the_space.held[i];
    int64_t head = the_space.held_head[i] + later;
    if (head > the_space.head) head = the_space.head;
    the_space.held_count--;
    the_space.held[i] = the_space.held[the_space.held_count];
    the_space.held_head[i] = the_space.held_head[the_space.held_count];
    pthread_mutex_unlock(&the_space.lock);
    run_read(read, head);
}

static void hold_reads(bool hold)
{
    pthread_mutex_lock(&the_space.lock);
    the_space.hold = hold;
    pthread_mutex_unlock(&the_space.lock);
}

#endif
