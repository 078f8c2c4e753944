/* SPDX-License-Identifier: MIT */
#include "store/sqlite_tail.h"

#include "core/hash.h"
#include "core/mem.h"

#define FIRST_SLOTS 64u

/* --- One tail a database -------------------------------------------------------------------- */

static mr_sq_tail *make_tail(const char *path)
{
    const size_t path_len = strlen(path);
    mr_sq_tail *tail = mr_mem_zalloc(sizeof *tail + path_len + 1);
    mr_sq_tail_stream *streams = mr_mem_zalloc(FIRST_SLOTS * sizeof *streams);
    if (tail == NULL || streams == NULL) {
        mr_mem_free(tail);
        mr_mem_free(streams);
        return NULL;
    }
    memcpy(tail->path, path, path_len + 1);
    pthread_mutex_init(&tail->lock, NULL);
    tail->streams = streams;
    tail->slot_mask = FIRST_SLOTS - 1;
    return tail;
}

/* Under the lock. */
static mr_sq_tail *find(const mr_sq_tails *tails, const char *path)
{
    mr_sq_tail *tail = tails->first;
    while (tail != NULL && strcmp(tail->path, path) != 0)
        tail = tail->next;
    return tail;
}

/* Under the lock: gives a reference back, and takes the tail off the list if it was the last. */
static bool drop_reference(mr_sq_tails *tails, mr_sq_tail *tail)
{
    if (--tail->refs > 0) return false;
    mr_sq_tail **link = &tails->first;
    while (*link != tail)
        link = &(*link)->next;
    *link = tail->next;
    return true;
}

static void free_tail(mr_sq_tail *tail)
{
    pthread_mutex_destroy(&tail->lock);
    mr_mem_free(tail->nodes);
    mr_mem_free(tail->streams);
    mr_mem_free(tail);
}

mr_code mr_sq_tail_open(mr_sq_tails *tails, const char *path, mr_sq_tail **out, mr_error *err)
{
    pthread_mutex_lock(&tails->lock);
    mr_sq_tail *tail = find(tails, path);
    if (tail == NULL) {
        tail = make_tail(path);
        if (tail != NULL) {
            tail->next = tails->first;
            tails->first = tail;
        }
    }
    if (tail != NULL) tail->refs++;
    pthread_mutex_unlock(&tails->lock);
    if (tail == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a namespace");
    *out = tail;
    return MR_OK;
}

void mr_sq_tail_close(mr_sq_tails *tails, mr_sq_tail *tail)
{
    if (tail == NULL) return;
    pthread_mutex_lock(&tails->lock);
    const bool is_last = drop_reference(tails, tail);
    pthread_mutex_unlock(&tails->lock);
    if (is_last) free_tail(tail);
}

void mr_sq_tail_keep(mr_sq_tails *tails, mr_sq_tail *tail)
{
    pthread_mutex_lock(&tails->lock);
    if (!tail->kept) tail->refs++;
    tail->kept = true;
    pthread_mutex_unlock(&tails->lock);
}

void mr_sq_tail_unkeep(mr_sq_tails *tails, mr_sq_tail *tail)
{
    pthread_mutex_lock(&tails->lock);
    if (tail->kept) tail->refs--;
    tail->kept = false;
    pthread_mutex_unlock(&tails->lock);
}

void mr_sq_tail_forget(mr_sq_tails *tails, const char *path)
{
    pthread_mutex_lock(&tails->lock);
    mr_sq_tail *tail = find(tails, path);
    if (tail != NULL) tail->path[0] = 0;
    const bool was_kept = tail != NULL && tail->kept;
    if (was_kept) tail->kept = false;
    const bool is_last = was_kept && drop_reference(tails, tail);
    pthread_mutex_unlock(&tails->lock);
    if (is_last) free_tail(tail);
}

void mr_sq_tails_done(mr_sq_tails *tails)
{
    while (tails->first != NULL) {
        mr_sq_tail *tail = tails->first;
        MR_DCHECK(tail->kept && tail->refs == 1);
        tails->first = tail->next;
        free_tail(tail);
    }
    pthread_mutex_destroy(&tails->lock);
}

/* --- Streams -------------------------------------------------------------------------------- */

/* The stream's slot, or the free one where it belongs. */
static mr_sq_tail_stream *slot_of(const mr_sq_tail *tail, int64_t stream)
{
    uint32_t at = (uint32_t)mr_hash_fold((uint64_t)stream, 0x9e3779b97f4a7c15u) & tail->slot_mask;
    while (tail->streams[at].id != 0 && tail->streams[at].id != stream)
        at = (at + 1) & tail->slot_mask;
    return &tail->streams[at];
}

/* Slots for `count` more streams; those that have become empty go. */
static mr_code reserve_streams(mr_sq_tail *tail, uint32_t count, mr_error *err)
{
    const uint32_t slots = tail->slot_mask + 1;
    if ((tail->stream_count + count) * 2 <= slots) return MR_OK;
    uint32_t live = 0;
    for (uint32_t i = 0; i < slots; i++)
        live += tail->streams[i].count > 0;
    uint32_t wanted = slots;
    while ((live + count) * 4 > wanted)
        wanted *= 2;
    mr_sq_tail_stream *streams = mr_mem_zalloc(wanted * sizeof *streams);
    if (streams == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for new messages");
    mr_sq_tail_stream *old = tail->streams;
    pthread_mutex_lock(&tail->lock);
    tail->streams = streams;
    tail->slot_mask = wanted - 1;
    tail->stream_count = live;
    for (uint32_t i = 0; i < slots; i++)
        if (old[i].count > 0) *slot_of(tail, old[i].id) = old[i];
    pthread_mutex_unlock(&tail->lock);
    mr_mem_free(old);
    return MR_OK;
}

static mr_code reserve_nodes(mr_sq_tail *tail, uint32_t count, mr_error *err)
{
    if (tail->node_room - tail->total >= count) return MR_OK;
    const uint32_t room = (tail->total + count) * 2;
    mr_sq_tail_node *nodes = mr_mem_alloc(room * sizeof *nodes);
    if (nodes == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for new messages");
    mr_sq_tail_node *old = tail->nodes;
    pthread_mutex_lock(&tail->lock);
    if (tail->node_count > 0) memcpy(nodes, old, tail->node_count * sizeof *nodes);
    tail->nodes = nodes;
    tail->node_room = room;
    pthread_mutex_unlock(&tail->lock);
    mr_mem_free(old);
    return MR_OK;
}

mr_code mr_sq_tail_reserve(mr_sq_tail *tail, uint32_t count, mr_error *err)
{
    MR_TRY(reserve_streams(tail, count, err));
    return reserve_nodes(tail, count, err);
}

void mr_sq_tail_add(mr_sq_tail *tail, int64_t stream, int64_t position, int64_t global)
{
    uint32_t at = tail->free_node;
    if (at != 0)
        tail->free_node = tail->nodes[at - 1].next;
    else
        at = ++tail->node_count;
    tail->nodes[at - 1] = (mr_sq_tail_node){.position = position, .global = global};
    mr_sq_tail_stream *slot = slot_of(tail, stream);
    if (slot->id == 0) tail->stream_count++;
    slot->id = stream;
    if (slot->count++ > 0)
        tail->nodes[slot->last - 1].next = at;
    else
        slot->first = at;
    slot->last = at;
    tail->total++;
}

void mr_sq_tail_remove(mr_sq_tail *tail, int64_t stream, uint32_t count)
{
    mr_sq_tail_stream *slot = slot_of(tail, stream);
    MR_DCHECK(slot->count >= count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = slot->first;
        slot->first = tail->nodes[at - 1].next;
        tail->nodes[at - 1].next = tail->free_node;
        tail->free_node = at;
    }
    slot->count -= count;
    tail->total -= count;
}

void mr_sq_tail_clear(mr_sq_tail *tail)
{
    memset(tail->streams, 0, ((size_t)tail->slot_mask + 1) * sizeof *tail->streams);
    tail->stream_count = tail->total = tail->node_count = tail->free_node = 0;
}

int64_t mr_sq_tail_oldest(const mr_sq_tail *tail)
{
    int64_t oldest = INT64_MAX;
    for (uint32_t i = 0; i <= tail->slot_mask; i++) {
        const mr_sq_tail_stream *slot = &tail->streams[i];
        if (slot->count == 0) continue;
        const int64_t first = tail->nodes[slot->first - 1].global;
        if (first < oldest) oldest = first;
    }
    return oldest;
}

/* --- Readers -------------------------------------------------------------------------------- */

mr_code mr_sq_tail_copy_stream(mr_sq_tail *tail, int64_t stream, mr_sq_tail_copy *copy,
                               mr_error *err)
{
    copy->count = 0;
    for (;;) {
        pthread_mutex_lock(&tail->lock);
        const mr_sq_tail_stream *slot = slot_of(tail, stream);
        const uint32_t count = slot->count;
        for (uint32_t at = slot->first; count <= copy->room && copy->count < count;
             at = tail->nodes[at - 1].next)
            copy->nodes[copy->count++] = tail->nodes[at - 1];
        pthread_mutex_unlock(&tail->lock);
        if (copy->count == count) return MR_OK;
        mr_sq_tail_node *nodes = mr_mem_realloc(copy->nodes, count * 2 * sizeof *nodes);
        if (nodes == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to read a stream");
        copy->nodes = nodes;
        copy->room = count * 2;
    }
}

bool mr_sq_tail_last(mr_sq_tail *tail, int64_t stream, mr_sq_tail_node *out)
{
    pthread_mutex_lock(&tail->lock);
    const mr_sq_tail_stream *slot = slot_of(tail, stream);
    const bool found = slot->count > 0;
    if (found) *out = tail->nodes[slot->last - 1];
    pthread_mutex_unlock(&tail->lock);
    return found;
}
