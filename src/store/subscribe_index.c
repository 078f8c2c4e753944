/* SPDX-License-Identifier: MIT
 *
 * From the name of a stream or category to the subscribers that want it: a hash table of topics, so
 * that a message costs three look-ups (stream, category, all) however many subscribers there are.
 * Topics of names that nobody wants any more are freed. */
#include "core/hash.h"
#include "core/mem.h"
#include "store/subscribe_internal.h"

#define FIRST_BUCKETS 16u

static uint64_t hash_of(const mr_subscribe_index *index, mr_read_scope scope, mr_slice name)
{
    return mr_hash(index->seed + (uint64_t)scope, name);
}

static bool is_topic(const mr_subscribe_topic *topic, uint64_t hash, mr_read_scope scope,
                     mr_slice name)
{
    return topic->hash == hash && topic->scope == scope &&
           mr_slice_equal(mr_slice_of(topic->name, topic->name_len), name);
}

mr_subscribe_topic *mr_subscribe_index_find(const mr_subscribe_index *index, mr_read_scope scope,
                                            mr_slice name)
{
    if (index->topic_count == 0) return NULL;
    const uint64_t hash = hash_of(index, scope, name);
    mr_subscribe_topic *topic = index->buckets[hash & (index->bucket_count - 1)];
    while (topic != NULL && !is_topic(topic, hash, scope, name))
        topic = topic->next;
    return topic;
}

/* As many buckets as topics, so that chains stay short. */
static bool make_room(mr_subscribe_index *index)
{
    if (index->topic_count < index->bucket_count) return true;
    const size_t count = index->bucket_count == 0 ? FIRST_BUCKETS : index->bucket_count * 2;
    mr_subscribe_topic **buckets = mr_mem_zalloc(count * sizeof *buckets);
    if (buckets == NULL) return index->bucket_count > 0; /* longer chains will do */
    for (size_t i = 0; i < index->bucket_count; i++) {
        for (mr_subscribe_topic *topic = index->buckets[i], *next; topic != NULL; topic = next) {
            next = topic->next;
            topic->next = buckets[topic->hash & (count - 1)];
            buckets[topic->hash & (count - 1)] = topic;
        }
    }
    mr_mem_free(index->buckets);
    index->buckets = buckets;
    index->bucket_count = count;
    return true;
}

mr_subscribe_topic *mr_subscribe_index_use(mr_subscribe_index *index, mr_read_scope scope,
                                           mr_slice name)
{
    if (index->seed == 0) index->seed = mr_hash_draw_seed();
    mr_subscribe_topic *topic = mr_subscribe_index_find(index, scope, name);
    if (topic == NULL) {
        if (!make_room(index)) return NULL;
        topic = mr_mem_zalloc(sizeof *topic + name.len);
        if (topic == NULL) return NULL;
        topic->hash = hash_of(index, scope, name);
        topic->scope = (uint8_t)scope;
        topic->name_len = (uint16_t)name.len;
        if (name.len > 0) memcpy(topic->name, name.ptr, name.len);
        mr_subscribe_topic **bucket = &index->buckets[topic->hash & (index->bucket_count - 1)];
        topic->next = *bucket;
        *bucket = topic;
        index->topic_count++;
    }
    topic->users++;
    return topic;
}

void mr_subscribe_index_drop(mr_subscribe_index *index, mr_subscribe_topic *topic)
{
    if (--topic->users > 0) return;
    MR_DCHECK(topic->live == NULL);
    mr_subscribe_topic **link = &index->buckets[topic->hash & (index->bucket_count - 1)];
    while (*link != topic)
        link = &(*link)->next;
    *link = topic->next;
    index->topic_count--;
    mr_mem_free(topic);
}

void mr_subscribe_index_done(mr_subscribe_index *index)
{
    MR_DCHECK(index->topic_count == 0);
    mr_mem_free(index->buckets);
    *index = (mr_subscribe_index){0};
}
