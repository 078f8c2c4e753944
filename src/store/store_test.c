/* SPDX-License-Identifier: MIT
 *
 * The store as its callers see it: every op, in memory and on files. */
#include "store/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "store/feed.h"
#include "store/store_internal.h"
#include "support/files.h"
#include "support/test.h"

static mr_error err;

#define ZERO_HASH "6fefedfc989ca8bea8ce1b63672607c06fbd0d8b3c0667164cf4f5a02911fb52"

static mr_message_store *open_at(const char *dir)
{
    mr_message_store *store = NULL;
    MR_EXPECT_OK(mr_message_store_open(&(mr_message_store_options){.data_dir = dir}, &store, &err));
    return store;
}

static mr_code make_space(mr_message_store *store, const char *id)
{
    char hash[MR_TOKEN_HASH_MAX];
    mr_token_hash(mr_slice_text(id), hash);
    mr_space_op op = {
        .op.kind = MR_OP_SPACE_CREATE, .id = mr_slice_text(id), .token_hash = mr_slice_text(hash)};
    return mr_message_store_call(store, &op.op, &err);
}

typedef struct fixture {
    mr_message_store *store;
    mr_space *space;
} fixture;

static fixture fixture_at(const char *dir)
{
    fixture f = {.store = open_at(dir)};
    f.space = mr_message_store_find(f.store, MR_SLICE("default"));
    if (f.space == NULL) {
        MR_EXPECT_OK(make_space(f.store, "default"));
        f.space = mr_message_store_find(f.store, MR_SLICE("default"));
    }
    MR_EXPECT(f.space != NULL);
    return f;
}

static void close_fixture(fixture *f)
{
    mr_space_release(f->space);
    mr_message_store_close(f->store);
}

static mr_new_message message_to(const char *stream, const char *data)
{
    return (mr_new_message){
        .stream = mr_slice_text(stream), .type = MR_SLICE("Tested"), .data = mr_slice_text(data)};
}

static mr_code append(const fixture *f, mr_new_message *messages, size_t count, mr_append_op *out)
{
    *out = (mr_append_op){
        .op = {.kind = MR_OP_APPEND, .space = f->space}, .messages = messages, .count = count};
    return mr_message_store_call(f->store, &out->op, &err);
}

static void append_some(const fixture *f, const char *stream, int count)
{
    for (int i = 0; i < count; i++) {
        mr_append_op op;
        mr_new_message message = message_to(stream, "{\"n\":1}");
        MR_EXPECT_OK(append(f, &message, 1, &op));
    }
}

/* --- What a read finds, as text: "stream/position@global " each ----------------------------- */

static char seen[65536];
static size_t seen_len;

static bool see(MR_UNUSED mr_read_op *op, const mr_message *message)
{
    seen_len += (size_t)snprintf(seen + seen_len, sizeof seen - seen_len, "%.*s/%lld@%lld ",
                                 MR_SLICE_ARGS(message->stream), (long long)message->position,
                                 (long long)message->global_position);
    return true;
}

static const char *read_with(const fixture *f, mr_read_op op)
{
    op.op.kind = MR_OP_READ;
    op.op.space = f->space;
    op.take = see;
    seen_len = 0;
    seen[0] = 0;
    MR_EXPECT_OK(mr_message_store_call(f->store, &op.op, &err));
    return seen;
}

static int64_t version_of(const fixture *f, const char *stream)
{
    mr_version_op op = {.op = {.kind = MR_OP_VERSION, .space = f->space},
                        .stream = mr_slice_text(stream)};
    MR_EXPECT_OK(mr_message_store_call(f->store, &op.op, &err));
    return op.version;
}

static mr_space_info info_of(const fixture *f)
{
    mr_info_op op = {.op = {.kind = MR_OP_INFO, .space = f->space}};
    MR_EXPECT_OK(mr_message_store_call(f->store, &op.op, &err));
    return op.info;
}

/* --- Tests ---------------------------------------------------------------------------------- */

static void check_reading(const char *dir)
{
    fixture f = fixture_at(dir);
    append_some(&f, "a-1", 2);
    append_some(&f, "b-1", 1);
    append_some(&f, "a-2+x", 1);
    append_some(&f, "a", 1);
    append_some(&f, "a-1", 1);
#define READ(...) read_with(&f, (mr_read_op){__VA_ARGS__})
    const mr_slice a = MR_SLICE("a"), a1 = MR_SLICE("a-1");
    MR_EXPECT_TEXT(READ(.scope = MR_READ_STREAM, .name = a1, .limit = -1),
                   "a-1/0@1 a-1/1@2 a-1/2@6 ");
    MR_EXPECT_TEXT(READ(.scope = MR_READ_STREAM, .name = a1, .from = 1, .limit = 1), "a-1/1@2 ");
    MR_EXPECT_TEXT(
        READ(.scope = MR_READ_STREAM, .name = a1, .from = 2, .by_global = true, .limit = -1),
        "a-1/1@2 a-1/2@6 ");
    MR_EXPECT_TEXT(
        READ(.scope = MR_READ_STREAM, .name = a1, .from = INT64_MAX, .backwards = true, .limit = 2),
        "a-1/2@6 a-1/1@2 ");
    MR_EXPECT_TEXT(READ(.scope = MR_READ_STREAM, .name = MR_SLICE("none"), .limit = -1), "");
    MR_EXPECT_TEXT(READ(.scope = MR_READ_CATEGORY, .name = a, .limit = -1),
                   "a-1/0@1 a-1/1@2 a-2+x/0@4 a/0@5 a-1/2@6 ");
    MR_EXPECT_TEXT(
        READ(.scope = MR_READ_CATEGORY, .name = a, .from = 5, .limit = -1, .no_bodies = true),
        "a/0@5 a-1/2@6 ");
    MR_EXPECT_TEXT(READ(.scope = MR_READ_CATEGORY, .name = a, .limit = -1, .group = {1, 2}),
                   "a-2+x/0@4 ");
    MR_EXPECT_TEXT(READ(.scope = MR_READ_ALL, .from = 3, .limit = 2), "b-1/0@3 a-2+x/0@4 ");
    MR_EXPECT_TEXT(READ(.scope = MR_READ_ALL, .from = INT64_MAX, .backwards = true, .limit = 1),
                   "a-1/2@6 ");
    MR_EXPECT_TEXT(READ(.scope = MR_READ_ALL, .limit = 0), "");
    MR_EXPECT_I64(version_of(&f, "a-1"), ==, 2);
    MR_EXPECT_I64(version_of(&f, "a-3"), ==, -1);
    MR_EXPECT_U64(info_of(&f).message_count, ==, 6);
    MR_EXPECT_U64(info_of(&f).stream_count, ==, 4);
    close_fixture(&f);
}

MR_TEST(reads_find_what_was_appended_in_memory)
{
    check_reading(NULL);
}

MR_TEST(reads_find_what_was_appended_on_files)
{
    check_reading(mr_test_at("reading"));
}

MR_TEST(positions_go_on_after_a_restart)
{
    fixture f = fixture_at(mr_test_at("restart"));
    append_some(&f, "a-1", 3);
    close_fixture(&f);
    f = fixture_at(mr_test_at("restart"));
    MR_EXPECT_I64(mr_feed_head(f.space), ==, 3);
    append_some(&f, "a-1", 1);
    MR_EXPECT_TEXT(read_with(&f, (mr_read_op){.scope = MR_READ_ALL, .from = 3, .limit = -1}),
                   "a-1/2@3 a-1/3@4 ");
    close_fixture(&f);
}

MR_TEST(a_directory_is_served_by_one_process)
{
    fixture f = fixture_at(mr_test_at("locked"));
    mr_message_store *other;
    MR_EXPECT_CODE(mr_message_store_open(
                       &(mr_message_store_options){.data_dir = mr_test_at("locked")}, &other, &err),
                   MR_ERR_CONFLICT);
    close_fixture(&f);
}

MR_TEST(expected_versions_decide_who_writes)
{
    static const struct {
        int64_t expected;
        mr_fault_code fault;
    } cases[] = {{0, MR_FAULT_VERSION}, {-1, MR_FAULT_NONE},    {-1, MR_FAULT_VERSION},
                 {0, MR_FAULT_NONE},    {-2, MR_FAULT_VERSION}, {7, MR_FAULT_VERSION},
                 {1, MR_FAULT_NONE}};
    fixture f = fixture_at(NULL);
    int64_t version = -1;
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_append_op op;
        mr_new_message message = message_to("a-1", "{}");
        message.has_expected = true;
        message.expected = cases[i].expected;
        (void)!append(&f, &message, 1, &op);
        MR_EXPECT_I64(op.op.fault.code, ==, cases[i].fault);
        if (cases[i].fault == MR_FAULT_NONE) {
            version++;
            MR_EXPECT_I64(message.position, ==, version);
        } else {
            MR_EXPECT_I64(op.op.fault.expected, ==, cases[i].expected);
            MR_EXPECT_I64(op.op.fault.actual, ==, version);
        }
    }
    close_fixture(&f);
}

MR_TEST(a_repeated_id_is_a_repeated_write_or_a_conflict)
{
    fixture f = fixture_at(NULL);
    mr_append_op op;
    mr_new_message first = message_to("a-1", "{\"n\":1}");
    first.has_id = first.has_expected = true;
    first.expected = -1;
    first.id = mr_uuid_make();
    MR_EXPECT_OK(append(&f, &first, 1, &op));
    mr_new_message again = first;
    MR_EXPECT_OK(append(&f, &again, 1, &op));
    MR_EXPECT(again.duplicate);
    MR_EXPECT_I64(again.position, ==, 0);
    MR_EXPECT_I64(again.global_position, ==, 1);
    again.has_expected = false;
    again.data = MR_SLICE("{\"n\":2}");
    MR_EXPECT_CODE(append(&f, &again, 1, &op), MR_ERR_CONFLICT);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_ID_TAKEN);
    again = first;
    again.has_expected = false;
    again.stream = MR_SLICE("a-2");
    MR_EXPECT_CODE(append(&f, &again, 1, &op), MR_ERR_CONFLICT);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_ID_TAKEN);
    MR_EXPECT_I64(version_of(&f, "a-2"), ==, -1);
    close_fixture(&f);
}

MR_TEST(several_messages_are_appended_all_or_none)
{
    fixture f = fixture_at(NULL);
    mr_append_op op;
    mr_new_message messages[3] = {message_to("a-1", "{}"), message_to("b-1", "{}"),
                                  message_to("a-1", "{}")};
    messages[0].has_expected = messages[2].has_expected = true;
    messages[0].expected = -1;
    messages[2].expected = 0;
    MR_EXPECT_OK(append(&f, messages, 3, &op));
    MR_EXPECT_I64(messages[2].position, ==, 1);
    MR_EXPECT_I64(messages[2].global_position, ==, 3);
    messages[0].has_expected = false;
    messages[2].expected = 7;
    MR_EXPECT_CODE(append(&f, messages, 3, &op), MR_ERR_CONFLICT);
    MR_EXPECT_U64(op.op.fault.at, ==, 2);
    MR_EXPECT_I64(op.op.fault.actual, ==, 2);
    messages[2].has_expected = false;
    messages[0].has_id = messages[2].has_id = true;
    messages[0].id = messages[2].id = mr_uuid_make();
    MR_EXPECT_CODE(append(&f, messages, 3, &op), MR_ERR_CONFLICT);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_ID_TAKEN);
    MR_EXPECT_U64(info_of(&f).message_count, ==, 3);
    append_some(&f, "a-1", 1);
    MR_EXPECT_I64(version_of(&f, "a-1"), ==, 2);
    close_fixture(&f);
}

MR_TEST(imports_keep_positions_and_refuse_what_exists)
{
    fixture f = fixture_at(mr_test_at("import"));
    mr_message messages[] = {{.stream = MR_SLICE("a-1"),
                              .type = MR_SLICE("T"),
                              .position = 4,
                              .global_position = 10,
                              .data = MR_SLICE("{}"),
                              .id.uuid = {{1}},
                              .time_us = 1000001},
                             {.stream = MR_SLICE("a-1"),
                              .type = MR_SLICE("T"),
                              .position = 7,
                              .global_position = 12,
                              .id.uuid = {{2}},
                              .time_us = -5}};
    mr_import_op op = {
        .op = {.kind = MR_OP_IMPORT, .space = f.space}, .messages = messages, .count = 2};
    MR_EXPECT_OK(mr_message_store_call(f.store, &op.op, &err));
    MR_EXPECT_TEXT(read_with(&f, (mr_read_op){.scope = MR_READ_ALL, .limit = -1}),
                   "a-1/4@10 a-1/7@12 ");
    append_some(&f, "a-1", 1);
    MR_EXPECT_TEXT(read_with(&f, (mr_read_op){.scope = MR_READ_ALL, .from = 13, .limit = -1}),
                   "a-1/8@13 ");
    messages[0] = messages[1];
    messages[0].global_position = 5;
    messages[0].position = 1;
    messages[0].id.uuid.bytes[0] = 9;
    MR_EXPECT_CODE(mr_message_store_call(f.store, &op.op, &err), MR_ERR_CONFLICT);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_POSITION);
    MR_EXPECT_U64(op.op.fault.at, ==, 1);
    MR_EXPECT_U64(info_of(&f).message_count, ==, 3);
    mr_clear_op clear = {.op = {.kind = MR_OP_CLEAR, .space = f.space}};
    MR_EXPECT_OK(mr_message_store_call(f.store, &clear.op, &err));
    MR_EXPECT_U64(clear.removed, ==, 3);
    append_some(&f, "a-1", 1);
    MR_EXPECT_TEXT(read_with(&f, (mr_read_op){.scope = MR_READ_ALL, .limit = -1}), "a-1/0@1 ");
    close_fixture(&f);
}

MR_TEST(truncation_keeps_versions_and_global_positions)
{
    fixture f = fixture_at(mr_test_at("truncate"));
    append_some(&f, "a-1", 3);
    mr_truncate_op op = {
        .op = {.kind = MR_OP_TRUNCATE, .space = f.space}, .stream = MR_SLICE("a-1"), .before = 2};
    MR_EXPECT_OK(mr_message_store_call(f.store, &op.op, &err));
    MR_EXPECT_U64(op.removed, ==, 2);
    MR_EXPECT_TEXT(read_with(&f, (mr_read_op){.scope = MR_READ_ALL, .limit = -1}), "a-1/2@3 ");
    op.before = INT64_MAX;
    MR_EXPECT_OK(mr_message_store_call(f.store, &op.op, &err));
    MR_EXPECT_U64(info_of(&f).message_count, ==, 0);
    MR_EXPECT_U64(info_of(&f).stream_count, ==, 0);
    MR_EXPECT_I64(version_of(&f, "a-1"), ==, 2);
    close_fixture(&f);
    f = fixture_at(mr_test_at("truncate"));
    append_some(&f, "a-1", 1);
    MR_EXPECT_TEXT(read_with(&f, (mr_read_op){.scope = MR_READ_ALL, .limit = -1}), "a-1/3@4 ");
    op = (mr_truncate_op){.op = {.kind = MR_OP_TRUNCATE, .space = f.space},
                          .stream = MR_SLICE("a-1"),
                          .forget = true};
    MR_EXPECT_OK(mr_message_store_call(f.store, &op.op, &err));
    MR_EXPECT_I64(version_of(&f, "a-1"), ==, -1);
    append_some(&f, "a-1", 1);
    MR_EXPECT_TEXT(read_with(&f, (mr_read_op){.scope = MR_READ_ALL, .limit = -1}), "a-1/0@5 ");
    close_fixture(&f);
}

MR_TEST(rules_limit_what_is_kept)
{
    mr_message_store *store = NULL;
    MR_EXPECT_OK(mr_message_store_open(
        &(mr_message_store_options){.data_dir = mr_test_at("rules"), .retention_ms = 20}, &store,
        &err));
    MR_EXPECT_OK(make_space(store, "default"));
    fixture f = {store, mr_message_store_find(store, MR_SLICE("default"))};
    append_some(&f, "a-1", 5);
    append_some(&f, "b-1", 2);
    mr_setting_op op = {.op = {.kind = MR_OP_SETTING_SET, .space = f.space},
                        .target = MR_SLICE("a"),
                        .rules = {.max_count = 2}};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    for (int i = 0; i < 500 && info_of(&f).message_count != 4; i++)
        usleep(10000);
    MR_EXPECT_TEXT(read_with(&f, (mr_read_op){.scope = MR_READ_ALL, .limit = -1}),
                   "a-1/3@4 a-1/4@5 b-1/0@6 b-1/1@7 ");
    op.target = MR_SLICE("");
    op.rules = (mr_rules){.max_messages = 5};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    append_some(&f, "b-1", 1);
    mr_append_op full;
    mr_new_message message = message_to("b-1", "{}");
    MR_EXPECT_CODE(append(&f, &message, 1, &full), MR_ERR_LIMIT);
    MR_EXPECT_I64(full.op.fault.code, ==, MR_FAULT_QUOTA);
    close_fixture(&f);
}

MR_TEST(namespaces_come_and_go)
{
    mr_message_store *store = open_at(mr_test_at("spaces"));
    static const char *const ids[] = {"a", "../x", "A", "t_0_lx_ab", "\xc3\xa9/", "a b"};
    for (size_t i = 0; i < MR_COUNT_OF(ids); i++)
        MR_EXPECT_OK(make_space(store, ids[i]));
    MR_EXPECT_CODE(make_space(store, "a"), MR_ERR_CONFLICT);
    for (size_t i = 0; i < MR_COUNT_OF(ids); i++) {
        fixture f = {store, mr_message_store_find(store, mr_slice_text(ids[i]))};
        append_some(&f, "a-1", 1);
        MR_EXPECT_U64(info_of(&f).message_count, ==, 1);
        MR_EXPECT(mr_space_admits(f.space, mr_slice_text(ids[i])));
        MR_EXPECT(!mr_space_admits(f.space, MR_SLICE("other")));
        mr_space_release(f.space);
    }
    fixture held = {store, mr_message_store_find(store, MR_SLICE("../x"))};
    mr_space_op op = {.op.kind = MR_OP_SPACE_DELETE, .id = MR_SLICE("../x")};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    MR_EXPECT_U64(op.messages_deleted, ==, 1);
    MR_EXPECT(mr_message_store_find(store, MR_SLICE("../x")) == NULL);
    MR_EXPECT(mr_space_is_deleted(held.space));
    mr_append_op late;
    mr_new_message message = message_to("a-1", "{}");
    MR_EXPECT_CODE(append(&held, &message, 1, &late), MR_ERR_INPUT);
    MR_EXPECT_I64(late.op.fault.code, ==, MR_FAULT_NO_SPACE);
    mr_space_release(held.space);
    MR_EXPECT_OK(make_space(store, "../x"));
    mr_message_store_close(store);
    store = open_at(mr_test_at("spaces"));
    for (size_t i = 0; i < MR_COUNT_OF(ids); i++) {
        fixture f = {store, mr_message_store_find(store, mr_slice_text(ids[i]))};
        MR_EXPECT_U64(info_of(&f).message_count, ==, i == 1 ? 0 : 1);
        mr_space_release(f.space);
    }
    mr_message_store_close(store);
}

/* A long id's file is named by its hash; another id must not be able to spell that name. */
MR_TEST(no_id_can_be_chosen_to_get_the_file_of_another)
{
    mr_message_store *store = open_at(mr_test_at("clash"));
    char victim[201], attacker[MR_TOKEN_HASH_MAX] = "";
    for (int i = 0; memcmp(attacker, "41", 2) != 0; i++) { /* 0x41 is 'A', which is escaped */
        memset(victim, 'X', 180);
        snprintf(victim + 180, sizeof victim - 180, "%d", i);
        mr_token_hash(mr_slice_text(victim), attacker);
    }
    attacker[1] = 'A';
    MR_EXPECT_OK(make_space(store, victim));
    fixture f = {store, mr_message_store_find(store, mr_slice_text(victim))};
    append_some(&f, "a-1", 3);
    mr_space_release(f.space);
    MR_EXPECT_OK(make_space(store, attacker + 1));
    mr_message_store_close(store);
    store = open_at(mr_test_at("clash"));
    f = (fixture){store, mr_message_store_find(store, mr_slice_text(victim))};
    MR_EXPECT_U64(info_of(&f).message_count, ==, 3);
    mr_space_release(f.space);
    mr_message_store_close(store);
}

MR_TEST(more_namespaces_than_may_be_open_all_work)
{
    mr_message_store *store = NULL;
    MR_EXPECT_OK(mr_message_store_open(
        &(mr_message_store_options){.data_dir = mr_test_at("many"), .open_spaces_max = 4}, &store,
        &err));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++) {
            char id[32];
            snprintf(id, sizeof id, "space%d", i);
            if (round == 0) MR_EXPECT_OK(make_space(store, id));
            fixture f = {store, mr_message_store_find(store, mr_slice_text(id))};
            append_some(&f, "a-1", 1);
            MR_EXPECT_I64(version_of(&f, "a-1"), ==, round);
            mr_space_release(f.space);
        }
    }
    mr_message_store_close(store);
}

typedef struct held_op {
    mr_append_op append;
    mr_new_message message;
    fixture at;
    atomic_int *held, *wanted;
} held_op;

static void hold(mr_op *op)
{
    const held_op *held = op->caller;
    atomic_fetch_add(held->held, 1);
    while (atomic_load(held->wanted) == 0)
        usleep(1000);
    atomic_fetch_sub(held->held, 1);
}

MR_TEST(namespaces_that_were_all_busy_are_closed_when_they_no_longer_are)
{
    mr_message_store *store = NULL;
    held_op ops[4];
    atomic_int held = 0, wanted = 0;
    MR_EXPECT_OK(mr_message_store_open(&(mr_message_store_options){.data_dir = mr_test_at("busy"),
                                                                   .open_spaces_max = 1,
                                                                   .writers = 4},
                                       &store, &err));
    for (size_t i = 0; i < MR_COUNT_OF(ops); i++) {
        const char id[] = {(char)('a' + (int)i), 0};
        MR_EXPECT_OK(make_space(store, id));
        ops[i] = (held_op){.message = message_to("a-1", "{}"), .held = &held, .wanted = &wanted};
        ops[i].at = (fixture){store, mr_message_store_find(store, mr_slice_text(id))};
        ops[i].append = (mr_append_op){
            .op = {.kind = MR_OP_APPEND, .space = ops[i].at.space, .done = hold, .caller = &ops[i]},
            .messages = &ops[i].message,
            .count = 1};
        mr_message_store_submit(store, &ops[i].append.op);
    }
    while (atomic_load(&held) < 4)
        usleep(1000);
    atomic_store(&wanted, 1);
    for (size_t i = 0; i < MR_COUNT_OF(ops); i++)
        while (atomic_load(&ops[i].at.space->scheduled))
            usleep(1000);
    MR_EXPECT_OK(make_space(store, "e"));
    fixture last = {store, mr_message_store_find(store, MR_SLICE("e"))};
    append_some(&last, "a-1", 1);
    for (size_t i = 0; i < MR_COUNT_OF(ops); i++) {
        char name[] = "busy/namespaces/?.db-wal";
        *strchr(name, '?') = (char)('a' + (int)i);
        MR_EXPECT(!mr_test_exists(mr_test_at(name)));
        mr_space_release(ops[i].at.space);
    }
    mr_space_release(last.space);
    mr_message_store_close(store);
}

typedef struct late_read {
    mr_append_op append;
    mr_version_op version;
    fixture at;
    atomic_int at_work, closing, done;
} late_read;

static void note_done(mr_op *op)
{
    atomic_fetch_add(&((late_read *)op->caller)->done, 1);
}

static void read_when_closing(mr_op *op)
{
    late_read *late = op->caller;
    atomic_store(&late->at_work, 1);
    while (atomic_load(&late->closing) == 0)
        usleep(1000);
    usleep(200000); /* until the readers have ended */
    mr_message_store_submit(late->at.store, &late->version.op);
    note_done(op);
}

MR_TEST(a_read_that_a_last_write_submits_is_answered_before_the_store_has_finished)
{
    fixture f = fixture_at(mr_test_at("late"));
    late_read late = {.at = f};
    mr_new_message message = message_to("a-1", "{}");
    late.version = (mr_version_op){
        .op = {.kind = MR_OP_VERSION, .space = f.space, .done = note_done, .caller = &late},
        .stream = MR_SLICE("a-1")};
    late.append = (mr_append_op){
        .op = {.kind = MR_OP_APPEND, .space = f.space, .done = read_when_closing, .caller = &late},
        .messages = &message,
        .count = 1};
    mr_message_store_submit(f.store, &late.append.op);
    while (atomic_load(&late.at_work) == 0)
        usleep(1000);
    atomic_store(&late.closing, 1);
    mr_message_store_finish(f.store);
    MR_EXPECT_I64(atomic_load(&late.done), ==, 2);
    MR_EXPECT_I64(late.version.op.fault.code, ==, MR_FAULT_CLOSED);
    close_fixture(&f);
}

MR_TEST(a_namespace_whose_database_is_gone_can_be_deleted)
{
    mr_message_store *store = NULL;
    char path[600];
    MR_EXPECT_OK(mr_message_store_open(
        &(mr_message_store_options){.data_dir = mr_test_at("gone"), .open_spaces_max = 1}, &store,
        &err));
    MR_EXPECT_OK(make_space(store, "lost"));
    fixture lost = {store, mr_message_store_find(store, MR_SLICE("lost"))};
    append_some(&lost, "a-1", 2);
    MR_EXPECT_OK(make_space(store, "other"));
    fixture other = {store, mr_message_store_find(store, MR_SLICE("other"))};
    append_some(&other, "a-1", 1); /* closes the first one */
    snprintf(path, sizeof path, "%s/namespaces/lost.db", mr_test_at("gone"));
    MR_EXPECT_I64(unlink(path), ==, 0);
    mr_append_op op;
    mr_new_message message = message_to("a-1", "{}");
    MR_EXPECT_CODE(append(&lost, &message, 1, &op), MR_ERR_IO);
    /* A file of the same name below the working directory is another store's. */
    char here[600];
    MR_EXPECT(getcwd(here, sizeof here) != NULL);
    mkdir(mr_test_at("elsewhere"), 0777);
    mkdir(mr_test_at("elsewhere/namespaces"), 0777);
    mr_test_put("elsewhere/namespaces/lost.db", MR_SLICE(""));
    MR_EXPECT_I64(chdir(mr_test_at("elsewhere")), ==, 0);
    MR_EXPECT_CODE(append(&lost, &message, 1, &op), MR_ERR_IO);
    mr_space_op gone = {.op.kind = MR_OP_SPACE_DELETE, .id = MR_SLICE("lost")};
    MR_EXPECT_OK(mr_message_store_call(store, &gone.op, &err));
    MR_EXPECT_U64(gone.messages_deleted, ==, 2);
    MR_EXPECT(mr_test_exists("namespaces/lost.db"));
    MR_EXPECT_I64(chdir(here), ==, 0);
    MR_EXPECT(mr_message_store_find(store, MR_SLICE("lost")) == NULL);
    mr_space_release(lost.space);
    mr_space_release(other.space);
    mr_message_store_close(store);
    store = open_at(mr_test_at("gone"));
    MR_EXPECT(mr_message_store_find(store, MR_SLICE("lost")) == NULL);
    mr_message_store_close(store);
}

/* Each allocation of the creation fails once, on whatever thread; then it is tried again. How many
 * there are differs a little with what the threads have kept. */
MR_TEST(a_namespace_that_could_not_be_made_can_be_made_later)
{
    mr_message_store *store = NULL;
    MR_EXPECT_OK(mr_message_store_open(&(mr_message_store_options){.writers = 1}, &store, &err));
    uint64_t missed = 0;
    for (uint64_t nth = 1; missed < 20; nth++) {
        char id[32];
        snprintf(id, sizeof id, "space%llu", (unsigned long long)nth);
        mr_mem_fail_at(nth);
        const mr_code rc = make_space(store, id);
        if (!mr_mem_failed()) missed++;
        mr_mem_fail_at(0);
        if (rc != MR_OK) MR_EXPECT_OK(make_space(store, id));
        mr_space *space = mr_message_store_find(store, mr_slice_text(id));
        MR_EXPECT(space != NULL);
        mr_space_release(space);
    }
    mr_message_store_close(store);
}

/* --- The feed ------------------------------------------------------------------------------- */

static atomic_int woken;

static void wake(MR_UNUSED mr_feed_watcher *watcher)
{
    atomic_fetch_add(&woken, 1);
}

MR_TEST(watchers_are_told_what_was_committed)
{
    fixture f = fixture_at(mr_test_at("feed"));
    mr_feed_watcher watcher = {.wake = wake, .bodies = true};
    mr_buffer out;
    mr_buffer_init(&out, "entries", MR_FEED_BYTES);
    append_some(&f, "a-1", 2);
    MR_EXPECT_OK(mr_feed_watch(f.space, &watcher, &err));
    int64_t last = 0;
    MR_EXPECT_I64(mr_feed_take(f.space, 2, true, &out, &last), ==, MR_FEED_NONE);
    MR_EXPECT_I64(mr_feed_take(f.space, 1, true, &out, &last), ==, MR_FEED_BEHIND);
    append_some(&f, "a-1", 3);
    for (int i = 0; i < 500 && atomic_load(&woken) < 3; i++)
        usleep(10000); /* watchers are woken after the answer */
    MR_EXPECT(atomic_load(&woken) >= 3);
    MR_EXPECT_I64(mr_feed_take(f.space, 3, true, &out, &last), ==, MR_FEED_SOME);
    MR_EXPECT_I64(last, ==, 5);
    int count = 0;
    const mr_feed_entry *entry = NULL;
    while ((entry = mr_feed_next(mr_buffer_slice(&out), entry)) != NULL) {
        mr_message message;
        mr_feed_message(entry, &message);
        MR_EXPECT_SLICE(message.stream, "a-1");
        MR_EXPECT_SLICE(message.data, "{\"n\":1}");
        MR_EXPECT_I64(message.global_position, ==, 4 + count);
        count++;
    }
    MR_EXPECT_I64(count, ==, 2);
    for (int i = 0; i < 800; i++) {
        mr_append_op op;
        mr_new_message messages[10];
        for (size_t j = 0; j < 10; j++)
            messages[j] = message_to("a-1", "{\"n\":1234567890}");
        MR_EXPECT_OK(append(&f, messages, 10, &op));
        const int64_t head = messages[9].global_position;
        MR_EXPECT_I64(mr_feed_take(f.space, head - 10, false, &out, &last), ==, MR_FEED_SOME);
        MR_EXPECT_I64(last, ==, head);
    }
    MR_EXPECT_I64(mr_feed_take(f.space, 3, true, &out, &last), ==, MR_FEED_BEHIND);
    mr_feed_unwatch(f.space, &watcher);
    mr_buffer_done(&out);
    close_fixture(&f);
}
