/* SPDX-License-Identifier: MIT
 *
 * What watchers of a space are told, by a store in memory. */
#include "store/feed.h"

#include <unistd.h>

#include <pthread.h>
#include <stdatomic.h>

#include "support/test.h"

static mr_error err;
static mr_message_store *store;
static mr_space *space;

typedef struct watching {
    mr_feed_watcher watcher;
    atomic_uint wakes;
    mr_buffer taken;
} watching;

static void count_wake(mr_feed_watcher *watcher)
{
    watching *own = MR_CONTAINER_OF(watcher, watching, watcher);
    atomic_fetch_add(&own->wakes, 1);
}

static void open_store(void)
{
    mr_space_op op = {
        .op.kind = MR_OP_SPACE_CREATE, .id = MR_SLICE("default"), .token_hash = MR_SLICE("none")};
    MR_EXPECT_OK(mr_message_store_open(&(mr_message_store_options){0}, &store, &err));
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    space = mr_message_store_find(store, MR_SLICE("default"));
    MR_EXPECT(space != NULL);
}

static void close_store(void)
{
    mr_space_release(space);
    mr_message_store_close(store);
}

static void watch(watching *own, bool bodies)
{
    *own = (watching){.watcher = {.wake = count_wake, .bodies = bodies}};
    mr_buffer_init(&own->taken, "test", MR_FEED_BYTES);
    MR_EXPECT_OK(mr_feed_watch(space, &own->watcher, &err));
}

static void unwatch(watching *own)
{
    mr_feed_unwatch(space, &own->watcher);
    mr_buffer_done(&own->taken);
}

/* Watchers are woken after the write was answered. */
static void expect_woken_beyond(watching *own, unsigned wakes)
{
    for (int i = 0; i < 5000 && atomic_load(&own->wakes) <= wakes; i++)
        usleep(1000);
    MR_EXPECT_U64(atomic_load(&own->wakes), >, wakes);
}

static int64_t append(const char *stream, mr_slice data)
{
    mr_new_message message = {
        .stream = mr_slice_text(stream), .type = MR_SLICE("Tested"), .data = data};
    mr_append_op op = {
        .op = {.kind = MR_OP_APPEND, .space = space}, .messages = &message, .count = 1};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    return message.global_position;
}

static void import(const char *stream, int64_t position, int64_t global_position)
{
    const mr_message message = {.id.uuid = mr_uuid_make(),
                                .stream = mr_slice_text(stream),
                                .type = MR_SLICE("Imported"),
                                .position = position,
                                .global_position = global_position,
                                .data = MR_SLICE("{}")};
    mr_import_op op = {
        .op = {.kind = MR_OP_IMPORT, .space = space}, .messages = &message, .count = 1};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
}

static void clear(void)
{
    mr_clear_op op = {.op = {.kind = MR_OP_CLEAR, .space = space}};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
}

static mr_feed_taken take(watching *own, int64_t after, int64_t *out_last)
{
    return mr_feed_take(space, after, own->watcher.bodies, &own->taken, out_last);
}

/* What was taken, as "stream/position@global ". */
static const char *said(const watching *own)
{
    static char text[4096];
    size_t len = 0;
    text[0] = 0;
    const mr_slice taken = mr_buffer_slice(&own->taken);
    for (const mr_feed_entry *entry = mr_feed_next(taken, NULL); entry != NULL;
         entry = mr_feed_next(taken, entry)) {
        mr_message message;
        mr_feed_message(entry, &message);
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s/%lld@%lld ",
                                MR_SLICE_ARGS(message.stream), (long long)message.position,
                                (long long)message.global_position);
    }
    return text;
}

MR_TEST(a_watcher_is_woken_and_takes_what_was_committed)
{
    watching own;
    int64_t last = 0;
    open_store();
    append("a-1", MR_SLICE("{}"));
    watch(&own, false);
    MR_EXPECT_I64(mr_feed_head(space), ==, 1);
    MR_EXPECT(take(&own, 1, &last) == MR_FEED_NONE);
    MR_EXPECT(take(&own, 0, &last) == MR_FEED_BEHIND);
    append("a-1", MR_SLICE("{}"));
    expect_woken_beyond(&own, 0);
    append("b-2", MR_SLICE("{}"));
    MR_EXPECT(take(&own, 1, &last) == MR_FEED_SOME);
    MR_EXPECT_TEXT(said(&own), "a-1/1@2 b-2/0@3 ");
    MR_EXPECT_I64(last, ==, 3);
    MR_EXPECT(take(&own, 2, &last) == MR_FEED_SOME);
    MR_EXPECT_TEXT(said(&own), "b-2/0@3 ");
    MR_EXPECT(take(&own, 3, &last) == MR_FEED_NONE);
    MR_EXPECT_I64(mr_feed_head(space), ==, 3);
    unwatch(&own);
    const unsigned wakes = atomic_load(&own.wakes);
    append("a-1", MR_SLICE("{}"));
    MR_EXPECT_U64(atomic_load(&own.wakes), ==, wakes);
    close_store();
}

MR_TEST(entries_have_bodies_for_who_wants_them)
{
    watching plain, full;
    mr_message message;
    int64_t last = 0;
    open_store();
    watch(&plain, false);
    append("a-1", MR_SLICE("{\"before\":1}"));
    watch(&full, true);
    append("a-1", MR_SLICE("{\"n\":1.10}"));
    MR_EXPECT(take(&full, 0, &last) == MR_FEED_BEHIND);
    MR_EXPECT(take(&full, 1, &last) == MR_FEED_SOME);
    mr_feed_message(mr_feed_next(mr_buffer_slice(&full.taken), NULL), &message);
    MR_EXPECT_SLICE(message.stream, "a-1");
    MR_EXPECT_SLICE(message.type, "Tested");
    MR_EXPECT_SLICE(message.data, "{\"n\":1.10}");
    MR_EXPECT(message.metadata.ptr == NULL && message.time_us > 0);
    MR_EXPECT(take(&plain, 0, &last) == MR_FEED_SOME);
    MR_EXPECT_TEXT(said(&plain), "a-1/0@1 a-1/1@2 ");
    /* A message larger than an entry may be is told without its body. */
    static char large[MR_FEED_BYTES];
    memset(large, ' ', sizeof large);
    memcpy(large, "{\"d\":\"", 6);
    memset(large + 6, 'x', sizeof large - 8);
    memcpy(large + sizeof large - 2, "\"}", 2);
    append("a-1", mr_slice_of(large, sizeof large));
    MR_EXPECT(take(&full, 2, &last) == MR_FEED_BEHIND);
    MR_EXPECT(take(&plain, 2, &last) == MR_FEED_SOME);
    unwatch(&plain);
    unwatch(&full);
    close_store();
}

MR_TEST(who_is_too_far_behind_is_told_so)
{
    watching own;
    int64_t last = 0;
    char stream[1000];
    open_store();
    watch(&own, false);
    memset(stream, 's', sizeof stream - 1);
    stream[sizeof stream - 1] = 0;
    for (int i = 0; i < 2000; i++)
        append(stream, MR_SLICE("{}"));
    MR_EXPECT(take(&own, 0, &last) == MR_FEED_BEHIND);
    /* As much as the ring promises is there, in order, in pieces that fit. */
    int64_t after = 2000 - MR_FEED_BYTES / 1200;
    while (after < 2000) {
        MR_EXPECT(take(&own, after, &last) == MR_FEED_SOME);
        const mr_slice taken = mr_buffer_slice(&own.taken);
        MR_EXPECT_U64(taken.len, <=, MR_FEED_BYTES);
        for (const mr_feed_entry *entry = mr_feed_next(taken, NULL); entry != NULL;
             entry = mr_feed_next(taken, entry))
            MR_EXPECT_I64(entry->global_position, ==, ++after);
        MR_EXPECT_I64(last, ==, after);
    }
    MR_EXPECT(take(&own, 2000, &last) == MR_FEED_NONE);
    unwatch(&own);
    close_store();
}

MR_TEST(clearing_begins_an_epoch)
{
    watching own;
    int64_t last = 0;
    open_store();
    watch(&own, false);
    append("a-1", MR_SLICE("{}"));
    append("a-1", MR_SLICE("{}"));
    const uint64_t epoch = mr_feed_epoch(space);
    const unsigned wakes = atomic_load(&own.wakes);
    clear();
    MR_EXPECT_U64(mr_feed_epoch(space), !=, epoch);
    expect_woken_beyond(&own, wakes);
    MR_EXPECT_I64(mr_feed_head(space), ==, 0);
    append("b-1", MR_SLICE("{}"));
    MR_EXPECT(take(&own, 0, &last) == MR_FEED_SOME);
    MR_EXPECT_TEXT(said(&own), "b-1/0@1 ");
    unwatch(&own);
    close_store();
}

MR_TEST(imports_are_told_in_order_or_as_lowered)
{
    watching own, other;
    int64_t last = 0;
    open_store();
    watch(&own, false);
    watch(&other, false);
    import("a-1", 0, 10);
    import("a-1", 1, 20);
    MR_EXPECT_I64(mr_feed_lowered(space, &own.watcher), ==, INT64_MAX);
    MR_EXPECT(take(&own, 0, &last) == MR_FEED_SOME);
    MR_EXPECT_TEXT(said(&own), "a-1/0@10 a-1/1@20 ");
    const unsigned wakes = atomic_load(&own.wakes);
    import("b-1", 0, 15);
    import("b-1", 1, 16);
    expect_woken_beyond(&own, wakes);
    MR_EXPECT_I64(mr_feed_lowered(space, &own.watcher), ==, 15);
    MR_EXPECT_I64(mr_feed_lowered(space, &own.watcher), ==, INT64_MAX);
    import("b-1", 2, 5);
    MR_EXPECT_I64(mr_feed_lowered(space, &own.watcher), ==, 5);
    MR_EXPECT_I64(mr_feed_lowered(space, &other.watcher), ==, 5);
    MR_EXPECT_I64(mr_feed_head(space), ==, 20);
    append("a-1", MR_SLICE("{}"));
    MR_EXPECT(take(&own, 20, &last) == MR_FEED_SOME);
    MR_EXPECT_TEXT(said(&own), "a-1/2@21 ");
    import("b-1", 3, 1);
    clear();
    MR_EXPECT_I64(mr_feed_lowered(space, &own.watcher), ==, INT64_MAX);
    unwatch(&own);
    unwatch(&other);
    close_store();
}

MR_TEST(deleting_the_space_wakes)
{
    watching own;
    open_store();
    watch(&own, false);
    const unsigned wakes = atomic_load(&own.wakes);
    mr_space_op op = {.op.kind = MR_OP_SPACE_DELETE, .id = MR_SLICE("default")};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    expect_woken_beyond(&own, wakes);
    MR_EXPECT(mr_space_is_deleted(space));
    unwatch(&own);
    close_store();
}

static void *append_many(MR_UNUSED void *context)
{
    for (int i = 0; i < 3000; i++) {
        mr_new_message message = {
            .stream = MR_SLICE("a-1"), .type = MR_SLICE("Tested"), .data = MR_SLICE("{}")};
        mr_append_op op = {
            .op = {.kind = MR_OP_APPEND, .space = space}, .messages = &message, .count = 1};
        if (mr_message_store_call(store, &op.op, NULL) != MR_OK) abort();
    }
    return NULL;
}

MR_TEST(watchers_come_and_go_while_others_write)
{
    pthread_t writers[3];
    open_store();
    for (size_t i = 0; i < MR_COUNT_OF(writers); i++)
        MR_EXPECT(pthread_create(&writers[i], NULL, append_many, NULL) == 0);
    for (int i = 0; i < 300; i++) {
        watching own;
        watch(&own, i % 2 == 0);
        int64_t after = mr_feed_head(space), last = 0;
        for (int j = 0; j < 20; j++) {
            const mr_feed_taken taken = take(&own, after, &last);
            if (taken == MR_FEED_BEHIND) after = mr_feed_head(space); /* it was not our turn */
            if (taken != MR_FEED_SOME) continue;
            const mr_slice bytes = mr_buffer_slice(&own.taken);
            for (const mr_feed_entry *entry = mr_feed_next(bytes, NULL); entry != NULL;
                 entry = mr_feed_next(bytes, entry))
                MR_EXPECT_I64(entry->global_position, ==, ++after);
        }
        unwatch(&own);
    }
    for (size_t i = 0; i < MR_COUNT_OF(writers); i++)
        pthread_join(writers[i], NULL);
    close_store();
}
