/* SPDX-License-Identifier: MIT */
#include "store/feed.h"

#include "core/mem.h"
#include "store/store_internal.h"

#define RING_BYTES     (2 * (size_t)MR_FEED_BYTES)
#define BODY_BYTES_MAX (MR_FEED_BYTES / 8) /* larger messages are told without their body */
static_assert(sizeof(mr_feed_entry) % 8 == 0, "entries follow one another aligned");
static_assert(sizeof(mr_feed_entry) + MR_STREAM_NAME_MAX + BODY_BYTES_MAX < MR_FEED_BYTES / 2,
              "half of the ring holds an entry");

void mr_feed_init(mr_feed *feed, int64_t head)
{
    *feed = (mr_feed){.lock = PTHREAD_MUTEX_INITIALIZER, .head = head, .kept_after = head};
}

void mr_feed_done(mr_feed *feed)
{
    mr_mem_free(feed->ring);
    feed->ring = NULL;
    pthread_mutex_destroy(&feed->lock);
}

/* --- Entries -------------------------------------------------------------------------------- */

const mr_feed_entry *mr_feed_next(mr_slice bytes, const mr_feed_entry *entry)
{
    const char *at = entry == NULL ? bytes.ptr : (const char *)entry + entry->size;
    return at == bytes.ptr + bytes.len ? NULL : (const void *)at;
}

void mr_feed_message(const mr_feed_entry *entry, mr_message *out)
{
    const char *at = (const char *)(entry + 1);
    *out = (mr_message){.id.uuid = entry->id,
                        .position = entry->position,
                        .global_position = entry->global_position,
                        .time_us = entry->time_us};
    out->stream = mr_slice_of(at, entry->stream_len);
    at += entry->stream_len;
    out->type = mr_slice_of(at, entry->type_len);
    at += entry->type_len;
    if (entry->has_data) out->data = mr_slice_of(at, entry->data_len);
    at += entry->data_len;
    if (entry->has_metadata) out->metadata = mr_slice_of(at, entry->metadata_len);
    at += entry->metadata_len;
    if (entry->id_text_len > 0) out->id.text = mr_slice_of(at, entry->id_text_len);
}

static char *put(char *at, mr_slice text)
{
    if (text.len > 0) memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static mr_feed_entry entry_of(const mr_message *message, bool body)
{
    const size_t body_len = message->type.len + message->data.len + message->metadata.len;
    mr_feed_entry entry = {.stream_len = (uint32_t)message->stream.len,
                           .id_text_len = (uint32_t)message->id.text.len,
                           .has_body = body && body_len <= BODY_BYTES_MAX,
                           .id = message->id.uuid,
                           .position = message->position,
                           .global_position = message->global_position,
                           .time_us = message->time_us};
    if (entry.id_text_len > MR_STREAM_NAME_MAX) entry.has_body = false;
    if (!entry.has_body) entry.id_text_len = 0;
    if (entry.has_body) {
        entry.type_len = (uint32_t)message->type.len;
        entry.data_len = (uint32_t)message->data.len;
        entry.metadata_len = (uint32_t)message->metadata.len;
        entry.has_data = message->data.ptr != NULL;
        entry.has_metadata = message->metadata.ptr != NULL;
    }
    const size_t text_len = (size_t)entry.stream_len + entry.type_len + entry.data_len +
                            entry.metadata_len + entry.id_text_len;
    entry.size = (uint32_t)mr_align_up(sizeof entry + text_len, 8);
    return entry;
}

/* --- The ring, under the lock --------------------------------------------------------------- */

static void empty_ring(mr_feed *feed, int64_t kept_after)
{
    feed->start = feed->end = 0;
    feed->last_size = 0;
    feed->kept_after = kept_after;
}

/* Drops the older half and moves the rest to the front: each byte is moved once on average. */
static void make_room(mr_feed *feed, size_t size)
{
    if (RING_BYTES - feed->end >= size) return;
    while (feed->end - feed->start > MR_FEED_BYTES) {
        const mr_feed_entry *oldest = (const void *)(feed->ring + feed->start);
        feed->kept_after = oldest->global_position;
        feed->start += oldest->size;
    }
    memmove(feed->ring, feed->ring + feed->start, feed->end - feed->start);
    feed->end -= feed->start;
    feed->start = 0;
}

static void add(mr_feed *feed, const mr_message *message)
{
    mr_feed_entry entry = entry_of(message, feed->body_watchers > 0);
    make_room(feed, entry.size);
    entry.back = feed->last_size;
    char *at = feed->ring + feed->end;
    memcpy(at, &entry, sizeof entry);
    at = put(at + sizeof entry, message->stream);
    if (entry.has_body) {
        at = put(at, message->type);
        at = put(at, message->data);
        at = put(at, message->metadata);
        put(at, message->id.text);
    }
    feed->end += entry.size;
    feed->last_size = entry.size;
}

/* Imports may bring positions below those already given, or in no order: then the ring cannot tell
 * them, and watchers read the store. */
static bool add_imported(mr_feed *feed, const mr_import_op *op, int64_t *last)
{
    for (size_t i = 0; i < op->count; i++) {
        if (op->messages[i].global_position <= *last) return false;
        *last = op->messages[i].global_position;
        add(feed, &op->messages[i]);
    }
    return true;
}

static void add_appended(mr_feed *feed, const mr_append_op *op, int64_t *last)
{
    for (size_t i = 0; i < op->count; i++) {
        const mr_new_message *message = &op->messages[i];
        if (message->duplicate) continue;
        const mr_message told = {.id.uuid = message->id,
                                 .stream = message->stream,
                                 .type = message->type,
                                 .position = message->position,
                                 .global_position = message->global_position,
                                 .data = message->data,
                                 .metadata = message->metadata,
                                 .time_us = message->time_us};
        add(feed, &told);
        *last = message->global_position;
    }
}

/* Tells the watchers from where on the store has what the ring has not. */
static void lower(mr_feed *feed, const mr_import_op *op)
{
    for (mr_feed_watcher *watcher = feed->watchers; watcher != NULL; watcher = watcher->next)
        for (size_t i = 0; i < op->count; i++)
            if (op->messages[i].global_position < watcher->lowered)
                watcher->lowered = op->messages[i].global_position;
}

static void forget_lowered(mr_feed *feed)
{
    for (mr_feed_watcher *watcher = feed->watchers; watcher != NULL; watcher = watcher->next)
        watcher->lowered = INT64_MAX;
}

void mr_feed_wake(mr_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    for (mr_feed_watcher *watcher = feed->watchers; watcher != NULL; watcher = watcher->next)
        watcher->wake(watcher);
    pthread_mutex_unlock(&feed->lock);
}

void mr_feed_publish(mr_feed *feed, const mr_op *first, int64_t head)
{
    bool told = true;
    pthread_mutex_lock(&feed->lock);
    int64_t last = feed->head;
    for (const mr_op *op = first; op != NULL; op = op->next) {
        if (op->fault.code != MR_FAULT_NONE) continue;
        if (op->kind == MR_OP_CLEAR) {
            feed->epoch++;
            last = 0;
            empty_ring(feed, 0);
            forget_lowered(feed);
            told = true;
        } else if (feed->ring == NULL) {
            told = false;
        } else if (op->kind == MR_OP_APPEND) {
            add_appended(feed, (const mr_append_op *)op, &last);
        } else if (op->kind == MR_OP_IMPORT &&
                   !add_imported(feed, (const mr_import_op *)op, &last)) {
            lower(feed, (const mr_import_op *)op);
            told = false;
        }
    }
    feed->head = head;
    if (!told) empty_ring(feed, head);
    pthread_mutex_unlock(&feed->lock);
}

/* --- Watchers ------------------------------------------------------------------------------- */

mr_code mr_feed_watch(mr_space *space, mr_feed_watcher *watcher, mr_error *err)
{
    mr_feed *feed = &space->feed;
    mr_code rc = MR_OK;
    pthread_mutex_lock(&feed->lock);
    if (feed->ring == NULL) {
        feed->ring = mr_mem_alloc(RING_BYTES);
        empty_ring(feed, feed->head);
    }
    if (feed->ring == NULL) {
        rc = mr_fail(err, MR_ERR_NOMEM, "no memory left to watch a namespace");
    } else {
        watcher->prev = NULL;
        watcher->lowered = INT64_MAX;
        watcher->next = feed->watchers;
        if (feed->watchers != NULL) feed->watchers->prev = watcher;
        feed->watchers = watcher;
        feed->body_watchers += watcher->bodies;
    }
    pthread_mutex_unlock(&feed->lock);
    return rc;
}

void mr_feed_unwatch(mr_space *space, mr_feed_watcher *watcher)
{
    mr_feed *feed = &space->feed;
    pthread_mutex_lock(&feed->lock);
    if (watcher->prev != NULL)
        watcher->prev->next = watcher->next;
    else
        feed->watchers = watcher->next;
    if (watcher->next != NULL) watcher->next->prev = watcher->prev;
    feed->body_watchers -= watcher->bodies;
    if (feed->watchers == NULL) {
        mr_mem_free(feed->ring);
        feed->ring = NULL;
        empty_ring(feed, feed->head);
    }
    pthread_mutex_unlock(&feed->lock);
}

int64_t mr_feed_head(mr_space *space)
{
    pthread_mutex_lock(&space->feed.lock);
    const int64_t head = space->feed.head;
    pthread_mutex_unlock(&space->feed.lock);
    return head;
}

int64_t mr_feed_lowered(mr_space *space, mr_feed_watcher *watcher)
{
    pthread_mutex_lock(&space->feed.lock);
    const int64_t lowered = watcher->lowered;
    watcher->lowered = INT64_MAX;
    pthread_mutex_unlock(&space->feed.lock);
    return lowered;
}

uint64_t mr_feed_epoch(mr_space *space)
{
    pthread_mutex_lock(&space->feed.lock);
    const uint64_t epoch = space->feed.epoch;
    pthread_mutex_unlock(&space->feed.lock);
    return epoch;
}

/* Where the first entry after `after` begins: watchers are mostly a few entries behind, so it is
 * looked for from the end. */
static size_t find_after(const mr_feed *feed, int64_t after)
{
    size_t at = feed->end;
    uint32_t size = feed->last_size;
    while (at > feed->start) {
        const mr_feed_entry *entry = (const void *)(feed->ring + at - size);
        if (entry->global_position <= after) break;
        at -= size;
        size = entry->back;
    }
    return at;
}

static mr_feed_taken take_entries(const mr_feed *feed, int64_t after, bool bodies, mr_buffer *out,
                                  int64_t *out_last)
{
    if (after >= feed->head) return MR_FEED_NONE;
    if (after < feed->kept_after || feed->ring == NULL) return MR_FEED_BEHIND;
    const size_t from = find_after(feed, after);
    size_t to = from;
    while (to < feed->end) {
        const mr_feed_entry *entry = (const void *)(feed->ring + to);
        if (bodies && !entry->has_body) break;
        if (to + entry->size - from > out->max) break;
        *out_last = entry->global_position;
        to += entry->size;
    }
    if (to == from) return feed->start == feed->end ? MR_FEED_NONE : MR_FEED_BEHIND;
    const mr_slice entries = mr_slice_of(feed->ring + from, to - from);
    return mr_buffer_append(out, entries, NULL) == MR_OK ? MR_FEED_SOME : MR_FEED_BEHIND;
}

mr_feed_taken mr_feed_take(mr_space *space, int64_t after, bool bodies, mr_buffer *out,
                           int64_t *out_last)
{
    MR_DCHECK(out->max >= MR_FEED_BYTES);
    mr_buffer_reset(out);
    pthread_mutex_lock(&space->feed.lock);
    const mr_feed_taken taken = take_entries(&space->feed, after, bodies, out, out_last);
    pthread_mutex_unlock(&space->feed.lock);
    return taken;
}
