/* SPDX-License-Identifier: MIT
 *
 * The store beside a slow twin that keeps every message in one list and looks through all of it.
 * Random appends, imports, truncations, restarts and crashes; then random reads must agree. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/feed.h"
#include "support/files.h"
#include "support/test.h"

#define STREAMS      40
#define MESSAGES_MAX 40000

static mr_error err;

typedef struct twin_message {
    int stream;
    int64_t position, global;
    bool removed;
} twin_message;

static twin_message twin[MESSAGES_MAX];
static size_t twin_count;
static int64_t twin_version[STREAMS], twin_head;
static char names[STREAMS][32];

static mr_message_store *store;
static mr_space *space;

static uint64_t seed = 12345;

static int64_t draw(int64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((seed >> 33) % (uint64_t)below);
}

static void open_store(const char *dir)
{
    MR_EXPECT_OK(mr_message_store_open(&(mr_message_store_options){.data_dir = dir}, &store, &err));
    space = mr_message_store_find(store, MR_SLICE("default"));
    if (space != NULL) return;
    mr_space_op op = {
        .op.kind = MR_OP_SPACE_CREATE, .id = MR_SLICE("default"), .token_hash = MR_SLICE("none")};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    space = mr_message_store_find(store, MR_SLICE("default"));
}

static void close_store(void)
{
    mr_space_release(space);
    mr_message_store_close(store);
}

static void twin_add(int stream, int64_t position, int64_t global)
{
    MR_EXPECT(twin_count < MESSAGES_MAX);
    twin[twin_count++] = (twin_message){stream, position, global, false};
    if (position > twin_version[stream]) twin_version[stream] = position;
    if (global > twin_head) twin_head = global;
}

static void append_some(void)
{
    mr_new_message messages[50];
    const size_t count = 1 + (size_t)draw(50);
    for (size_t i = 0; i < count; i++)
        messages[i] = (mr_new_message){.stream = mr_slice_text(names[draw(STREAMS)]),
                                       .type = MR_SLICE("T"),
                                       .data = MR_SLICE("{}")};
    mr_append_op op = {
        .op = {.kind = MR_OP_APPEND, .space = space}, .messages = messages, .count = count};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    for (size_t i = 0; i < count; i++) {
        const int stream = (int)((messages[i].stream.ptr - names[0]) / (long)sizeof names[0]);
        MR_EXPECT_I64(messages[i].position, ==, twin_version[stream] + 1);
        MR_EXPECT_I64(messages[i].global_position, ==, twin_head + 1);
        twin_add(stream, messages[i].position, messages[i].global_position);
    }
}

static void import_some(void)
{
    mr_message messages[20];
    int streams[20];
    int64_t versions[STREAMS];
    memcpy(versions, twin_version, sizeof versions);
    for (size_t i = 0; i < 20; i++) {
        streams[i] = (int)draw(STREAMS);
        versions[streams[i]] += 1 + draw(3);
        messages[i] = (mr_message){.id.uuid = mr_uuid_make(),
                                   .stream = mr_slice_text(names[streams[i]]),
                                   .type = MR_SLICE("T"),
                                   .position = versions[streams[i]],
                                   .global_position = twin_head + 1 + (int64_t)i * 2,
                                   .data = MR_SLICE("{}")};
    }
    mr_import_op op = {
        .op = {.kind = MR_OP_IMPORT, .space = space}, .messages = messages, .count = 20};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    for (size_t i = 0; i < 20; i++)
        twin_add(streams[i], messages[i].position, messages[i].global_position);
}

static void truncate_one(void)
{
    const int stream = (int)draw(STREAMS);
    mr_truncate_op op = {.op = {.kind = MR_OP_TRUNCATE, .space = space},
                         .stream = mr_slice_text(names[stream]),
                         .before = draw(twin_version[stream] + 3),
                         .forget = draw(4) == 0};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    uint64_t removed = 0;
    for (size_t i = 0; i < twin_count; i++) {
        if (twin[i].stream != stream || twin[i].removed) continue;
        if (!op.forget && twin[i].position >= op.before) continue;
        twin[i].removed = true;
        removed++;
    }
    MR_EXPECT_U64(op.removed, ==, removed);
    if (op.forget) twin_version[stream] = -1;
}

/* --- Reads ---------------------------------------------------------------------------------- */

typedef struct reading {
    mr_read_op op;
    int64_t globals[MESSAGES_MAX];
    size_t count;
} reading;

static bool note(mr_read_op *op, const mr_message *message)
{
    reading *r = (reading *)op;
    r->globals[r->count++] = message->global_position;
    return true;
}

static bool twin_wants(const mr_read_op *op, const twin_message *message, int stream)
{
    if (message->removed) return false;
    if (op->scope == MR_READ_STREAM && message->stream != stream) return false;
    /* Streams of even numbers are of category "even". */
    if (op->scope == MR_READ_CATEGORY && message->stream % 2 != stream % 2) return false;
    const int64_t at =
        op->scope == MR_READ_STREAM && !op->by_global ? message->position : message->global;
    return op->backwards ? at <= op->from : at >= op->from;
}

/* Imports go up only, so global positions are in the order of the list. */
static void compare_read(void)
{
    static reading r;
    const int stream = (int)draw(STREAMS);
    r.count = 0;
    r.op = (mr_read_op){.op = {.kind = MR_OP_READ, .space = space},
                        .scope = (mr_read_scope)draw(3),
                        .by_global = draw(4) == 0,
                        .backwards = draw(2) == 0,
                        .no_bodies = draw(2) == 0,
                        .limit = draw(3) == 0 ? -1 : draw(60),
                        .take = note};
    r.op.from = draw(r.op.scope == MR_READ_STREAM && !r.op.by_global ? twin_version[stream] + 3
                                                                     : twin_head + 2);
    if (r.op.scope == MR_READ_STREAM) r.op.name = mr_slice_text(names[stream]);
    if (r.op.scope == MR_READ_CATEGORY)
        r.op.name = mr_stream_category(mr_slice_text(names[stream]));
    MR_EXPECT_OK(mr_message_store_call(store, &r.op.op, &err));
    size_t seen = 0;
    for (size_t i = 0; i < twin_count; i++) {
        const twin_message *message = &twin[r.op.backwards ? twin_count - 1 - i : i];
        if (!twin_wants(&r.op, message, stream)) continue;
        if (r.op.limit >= 0 && seen == (size_t)r.op.limit) break;
        MR_EXPECT_U64(seen, <, r.count);
        MR_EXPECT_I64(r.globals[seen], ==, message->global);
        seen++;
    }
    MR_EXPECT_U64(r.count, ==, seen);
    mr_version_op version = {.op = {.kind = MR_OP_VERSION, .space = space},
                             .stream = mr_slice_text(names[stream])};
    MR_EXPECT_OK(mr_message_store_call(store, &version.op, &err));
    MR_EXPECT_I64(version.version, ==, twin_version[stream]);
}

static void check_totals(void)
{
    uint64_t messages = 0, streams = 0;
    bool has[STREAMS] = {false};
    for (size_t i = 0; i < twin_count; i++) {
        if (twin[i].removed) continue;
        messages++;
        streams += !has[twin[i].stream];
        has[twin[i].stream] = true;
    }
    mr_info_op info = {.op = {.kind = MR_OP_INFO, .space = space}};
    MR_EXPECT_OK(mr_message_store_call(store, &info.op, &err));
    MR_EXPECT_U64(info.info.message_count, ==, messages);
    MR_EXPECT_U64(info.info.stream_count, ==, streams);
}

static void do_something(void)
{
    const int64_t what = draw(40);
    if (what == 0)
        import_some();
    else if (what == 1)
        truncate_one();
    else
        append_some();
}

static void begin(void)
{
    twin_count = 0;
    twin_head = 0;
    for (int i = 0; i < STREAMS; i++) {
        snprintf(names[i], sizeof names[i], "%s-%d", i % 2 == 0 ? "even" : "odd", i);
        twin_version[i] = -1;
    }
}

MR_TEST(reads_agree_with_a_list_of_all_messages)
{
    const char *dir = mr_test_at("twin");
    begin();
    open_store(dir);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 20; i++) {
            do_something();
            compare_read();
        }
        for (int i = 0; i < 50; i++)
            compare_read();
        check_totals();
        if (round % 10 == 9) {
            close_store();
            open_store(dir);
        }
    }
    close_store();
}

MR_TEST(reads_agree_in_memory_too)
{
    begin();
    open_store(NULL);
    for (int i = 0; i < 300; i++) {
        do_something();
        compare_read();
    }
    check_totals();
    close_store();
}

/* The child dies with messages that the index does not hold; what it did is drawn again here. */
MR_TEST(a_killed_store_has_indexed_everything_when_it_is_open_again)
{
    const char *dir = mr_test_at("killed");
    begin();
    for (int round = 0; round < 5; round++) {
        const uint64_t from = seed;
        const pid_t child = fork();
        if (child == 0) {
            open_store(dir);
            for (int i = 0; i < 60 + 30 * round; i++)
                append_some();
            _exit(0);
        }
        int status = 0;
        MR_EXPECT(child > 0 && waitpid(child, &status, 0) == child);
        MR_EXPECT_I64(status, ==, 0);
        seed = from;
        for (int i = 0; i < 60 + 30 * round; i++) {
            const size_t count = 1 + (size_t)draw(50);
            for (size_t j = 0; j < count; j++) {
                const int stream = (int)draw(STREAMS);
                twin_add(stream, twin_version[stream] + 1, twin_head + 1);
            }
        }
        open_store(dir);
        for (int i = 0; i < 200; i++)
            compare_read();
        check_totals();
        append_some();
        close_store();
    }
}
