/* SPDX-License-Identifier: MIT
 *
 * The store under many callers at once, and what it allocates once warm. */
#include <pthread.h>

#include "store/feed.h"
#include "support/files.h"
#include "support/test.h"

#define CALLERS 16
#define ROUNDS  200
#define STREAMS 5

static mr_error err;

static mr_message_store *open_with_space(const char *dir, uint64_t cache_bytes, mr_space **out)
{
    mr_message_store *store = NULL;
    MR_EXPECT_OK(mr_message_store_open(
        &(mr_message_store_options){.data_dir = dir, .cache_bytes = cache_bytes}, &store, &err));
    mr_space_op op = {
        .op.kind = MR_OP_SPACE_CREATE, .id = MR_SLICE("default"), .token_hash = MR_SLICE("none")};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    *out = mr_message_store_find(store, MR_SLICE("default"));
    return store;
}

typedef struct caller {
    mr_message_store *store;
    mr_space *space;
    pthread_t thread;
    int number;
    int64_t last_global[STREAMS];
    int wins;
} caller;

/* Each write either knows the version and may lose, or does not care and must win. */
static void *call_store(void *context)
{
    caller *c = context;
    char stream[16];
    for (int i = 0; i < ROUNDS; i++) {
        const int which = (i + c->number) % STREAMS;
        snprintf(stream, sizeof stream, "s-%d", which);
        mr_new_message message = {.stream = mr_slice_text(stream),
                                  .type = MR_SLICE("T"),
                                  .data = MR_SLICE("{}"),
                                  .has_expected = i % 3 == 0};
        if (message.has_expected) {
            mr_version_op version = {.op = {.kind = MR_OP_VERSION, .space = c->space},
                                     .stream = mr_slice_text(stream)};
            if (mr_message_store_call(c->store, &version.op, NULL) != MR_OK) return NULL;
            message.expected = version.version;
        }
        mr_append_op op = {
            .op = {.kind = MR_OP_APPEND, .space = c->space}, .messages = &message, .count = 1};
        const mr_code rc = mr_message_store_call(c->store, &op.op, NULL);
        if (rc == MR_OK) {
            if (message.has_expected && message.position != message.expected + 1) return NULL;
            if (message.global_position <= c->last_global[which]) return NULL;
            c->last_global[which] = message.global_position;
            c->wins++;
        } else if (!message.has_expected || op.op.fault.code != MR_FAULT_VERSION) {
            return NULL;
        }
    }
    return c;
}

typedef struct positions {
    mr_read_op op;
    int64_t next;
    bool gapless;
} positions;

static bool check_position(mr_read_op *op, const mr_message *message)
{
    positions *p = (positions *)op;
    p->gapless = p->gapless && message->position == p->next;
    p->next++;
    return true;
}

static void check_many_callers(const char *dir)
{
    static caller callers[CALLERS];
    mr_space *space;
    mr_message_store *store = open_with_space(dir, 0, &space);
    int64_t wins = 0, stored = 0;
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.store = store, .space = space, .number = i};
        MR_EXPECT(pthread_create(&callers[i].thread, NULL, call_store, &callers[i]) == 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        void *result;
        pthread_join(callers[i].thread, &result);
        MR_EXPECT(result != NULL);
        wins += callers[i].wins;
    }
    for (int i = 0; i < STREAMS; i++) {
        char stream[16];
        snprintf(stream, sizeof stream, "s-%d", i);
        positions p = {.op = {.op = {.kind = MR_OP_READ, .space = space},
                              .scope = MR_READ_STREAM,
                              .name = mr_slice_text(stream),
                              .limit = -1,
                              .take = check_position},
                       .gapless = true};
        MR_EXPECT_OK(mr_message_store_call(store, &p.op.op, &err));
        MR_EXPECT(p.gapless);
        stored += p.next;
    }
    MR_EXPECT_I64(stored, ==, wins);
    MR_EXPECT_I64(mr_feed_head(space), ==, wins);
    mr_space_release(space);
    mr_message_store_close(store);
}

MR_TEST(many_callers_write_gapless_streams_on_files)
{
    check_many_callers(mr_test_at("callers"));
}

MR_TEST(many_callers_write_gapless_streams_in_memory)
{
    check_many_callers(NULL);
}

static bool take_all(MR_UNUSED mr_read_op *op, MR_UNUSED const mr_message *message)
{
    return true;
}

static void write_and_read(mr_message_store *store, mr_space *space, int rounds)
{
    char stream[32];
    for (int i = 0; i < rounds; i++) {
        snprintf(stream, sizeof stream, "test-stream-%d", i % 10);
        mr_new_message message = {.stream = mr_slice_text(stream),
                                  .type = MR_SLICE("TestEvent"),
                                  .data = MR_SLICE("{\"counter\":123456789}"),
                                  .metadata = MR_SLICE("{\"a\":1}")};
        mr_append_op op = {
            .op = {.kind = MR_OP_APPEND, .space = space}, .messages = &message, .count = 1};
        MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
        mr_read_op read = {.op = {.kind = MR_OP_READ, .space = space},
                           .scope = i % 2 == 0 ? MR_READ_STREAM : MR_READ_CATEGORY,
                           .name = i % 2 == 0 ? mr_slice_text(stream) : MR_SLICE("test"),
                           .limit = 10,
                           .take = take_all};
        MR_EXPECT_OK(mr_message_store_call(store, &read.op, &err));
    }
}

MR_TEST(writing_and_reading_allocate_nothing_once_warm)
{
    mr_space *space;
    mr_message_store *store = open_with_space(mr_test_at("warm"), 256u << 10, &space);
    write_and_read(store, space, 3000);
    const mr_mem_mark warm = mr_mem_mark_now();
    write_and_read(store, space, 100);
    /* The page cache, which takes a page now and then while the database grows, is full by now. */
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    mr_space_release(space);
    mr_message_store_close(store);
}
