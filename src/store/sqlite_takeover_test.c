/* SPDX-License-Identifier: MIT
 *
 * A data directory as EventoDB leaves it (specification 8.1), made here by hand, becomes ours in
 * place. */
#include <sys/stat.h>
#include <unistd.h>

#include "db/sqlite.h"
#include "store/feed.h"
#include "support/files.h"
#include "support/test.h"

static mr_error err;

static void run_sql(const char *path, const char *sql)
{
    mr_sqlite db = {0};
    MR_EXPECT_OK(mr_sqlite_open(
        &db, path, &(mr_sqlite_options){.mode = MR_SQLITE_CREATE, .journal = MR_SQLITE_JOURNAL_WAL},
        &err));
    MR_EXPECT_OK(mr_sqlite_exec(&db, sql, "make the sample", &err));
    mr_sqlite_close(&db);
}

#define CATEGORY                                                         \
    "CASE WHEN instr(stream_name, '-') > 0 THEN substr(stream_name, 1, " \
    "instr(stream_name, '-') - 1) ELSE stream_name END"

static const char *make_sample(const char *name)
{
    static char dir[256], path[300], sql[2000];
    snprintf(dir, sizeof dir, "%s", mr_test_at(name));
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/registry", dir);
    snprintf(
        sql, sizeof sql,
        "CREATE TABLE namespaces (id TEXT PRIMARY KEY, token_hash TEXT UNIQUE NOT NULL,"
        " db_path TEXT UNIQUE NOT NULL, description TEXT, created_at INTEGER NOT NULL,"
        " metadata TEXT DEFAULT '{}');"
        "CREATE INDEX idx_namespaces_token_hash ON namespaces (token_hash);"
        "CREATE TABLE schema_migrations (version TEXT PRIMARY KEY, applied_at INTEGER);"
        "INSERT INTO namespaces VALUES ('default', '6fefedfc989ca8bea8ce1b63672607c06fbd0d8b3c"
        "0667164cf4f5a02911fb52', 'somewhere/else/default.db', 'Default namespace', 1700000000,"
        " '{}');");
    run_sql(path, sql);
    snprintf(path, sizeof path, "%s/default.db", dir);
    run_sql(path,
            "CREATE TABLE messages (id TEXT NOT NULL, stream_name TEXT NOT NULL, type TEXT NOT "
            "NULL, position INTEGER NOT NULL, global_position INTEGER PRIMARY KEY AUTOINCREMENT, "
            "data TEXT, metadata TEXT, time INTEGER NOT NULL);"
            "CREATE UNIQUE INDEX messages_id ON messages (id);"
            "CREATE UNIQUE INDEX messages_stream ON messages (stream_name, position);"
            "CREATE INDEX messages_category ON messages (" CATEGORY ", global_position);"
            "CREATE TABLE _schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT "
            "NULL);"
            "INSERT INTO _schema_version VALUES (1, 1700000000), (2, 1700000000);"
            "CREATE TABLE schema_migrations (version TEXT PRIMARY KEY, applied_at INTEGER);"
            "INSERT INTO messages VALUES"
            " ('0190A0F0-0000-7000-8000-000000000001', 'account-1', 'Opened', 0, 1,"
            "  CAST('{\"n\":1}' AS BLOB), NULL, 1700000001),"
            " ('0190a0f0-0000-7000-8000-000000000002', 'account-1', 'Paid', 1, 2,"
            "  CAST('{\"n\":2}' AS BLOB), CAST('{\"correlationStreamName\":\"order-7\"}' AS BLOB),"
            "  1700000002),"
            " ('0190a0f0-0000-7000-8000-000000000001', 'account-2', 'Spelled', 0, 3,"
            "  CAST('{}' AS BLOB), NULL, 1700000003),"
            " ('no uuid', 'other', 'Imported', 4, 9, CAST('null' AS BLOB), NULL, 1700000004);"
            "UPDATE sqlite_sequence SET seq = 11 WHERE name = 'messages';");
    return dir;
}

static char seen[4096];
static size_t seen_len;

static bool see(MR_UNUSED mr_read_op *op, const mr_message *message)
{
    char id[MR_UUID_TEXT_BYTES + 1] = {0};
    mr_uuid_format(&message->id.uuid, id);
    const mr_slice text = message->id.text.ptr != NULL ? message->id.text : mr_slice_text(id);
    seen_len += (size_t)snprintf(
        seen + seen_len, sizeof seen - seen_len, "%lld %.*s/%lld %.*s %.*s %.*s %lld\n",
        (long long)message->global_position, MR_SLICE_ARGS(message->stream),
        (long long)message->position, MR_SLICE_ARGS(message->type), MR_SLICE_ARGS(text),
        message->data.ptr == NULL ? 4 : (int)message->data.len,
        message->data.ptr == NULL ? "null" : message->data.ptr, (long long)message->time_us);
    return true;
}

static void expect_taken_over(const char *dir, bool wrote_before)
{
    mr_message_store *store = NULL;
    MR_EXPECT_OK(mr_message_store_open(
        &(mr_message_store_options){.data_dir = dir, .registry_name = "registry"}, &store, &err));
    mr_space *space = mr_message_store_find(store, MR_SLICE("default"));
    MR_EXPECT(space != NULL);
    MR_EXPECT(mr_space_admits(
        space, MR_SLICE("ns_ZGVmYXVsdA_"
                        "0000000000000000000000000000000000000000000000000000000000000000")));
    MR_EXPECT_I64(mr_feed_head(space), ==, wrote_before ? 12 : 11);
    mr_read_op read = {
        .op = {.kind = MR_OP_READ, .space = space}, .scope = MR_READ_ALL, .limit = 4, .take = see};
    seen_len = 0;
    MR_EXPECT_OK(mr_message_store_call(store, &read.op, &err));
    MR_EXPECT_TEXT(
        seen, "1 account-1/0 Opened 0190a0f0-0000-7000-8000-000000000001 {\"n\":1} "
              "1700000001000000\n"
              "2 account-1/1 Paid 0190a0f0-0000-7000-8000-000000000002 {\"n\":2} "
              "1700000002000000\n"
              "3 account-2/0 Spelled 0190a0f0-0000-7000-8000-000000000001#3 {} 1700000003000000\n"
              "9 other/4 Imported no uuid null 1700000004000000\n");
    read.scope = MR_READ_CATEGORY;
    read.name = MR_SLICE("account");
    read.correlation = MR_SLICE("order");
    MR_EXPECT_OK(mr_message_store_call(store, &read.op, &err));
    MR_EXPECT_U64(read.taken, ==, 1);
    MR_EXPECT_I64(read.last_global, ==, 2);
    if (!wrote_before) {
        mr_new_message message = {.stream = MR_SLICE("account-1"),
                                  .type = MR_SLICE("Closed"),
                                  .data = MR_SLICE("{}"),
                                  .has_expected = true,
                                  .expected = 1};
        mr_append_op op = {
            .op = {.kind = MR_OP_APPEND, .space = space}, .messages = &message, .count = 1};
        MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
        MR_EXPECT_I64(message.global_position, ==, 12); /* 10 and 11 were given and removed there */
        MR_EXPECT_I64(message.position, ==, 2);
    }
    mr_info_op info = {.op = {.kind = MR_OP_INFO, .space = space}};
    MR_EXPECT_OK(mr_message_store_call(store, &info.op, &err));
    MR_EXPECT_U64(info.info.message_count, ==, 5);
    MR_EXPECT_U64(info.info.stream_count, ==, 3);
    MR_EXPECT_SLICE(info.info.description, "Default namespace");
    mr_space_release(space);
    mr_message_store_close(store);
}

MR_TEST(a_directory_of_eventodb_is_taken_over_in_place)
{
    const char *dir = make_sample("eventodb");
    expect_taken_over(dir, false);
    expect_taken_over(dir, true);
}

/* --- What EventoDB's own checks let through, and what people add to a database -------------------
 */

static char odd[2000];

static bool see_odd(MR_UNUSED mr_read_op *op, const mr_message *message)
{
    const size_t len = strlen(odd);
    snprintf(odd + len, sizeof odd - len, "%lld %.*s/%lld %.*s %lld\n",
             (long long)message->global_position, MR_SLICE_ARGS(message->stream),
             (long long)message->position, message->data.ptr == NULL ? 4 : (int)message->data.len,
             message->data.ptr == NULL ? "null" : message->data.ptr, (long long)message->time_us);
    return true;
}

static mr_message_store *open_sample(const char *dir, mr_space **out)
{
    mr_message_store *store = NULL;
    MR_EXPECT_OK(mr_message_store_open(
        &(mr_message_store_options){.data_dir = dir, .registry_name = "registry"}, &store, &err));
    *out = mr_message_store_find(store, MR_SLICE("default"));
    MR_EXPECT(*out != NULL);
    return store;
}

MR_TEST(odd_rows_and_things_of_others_are_taken_over_or_left_alone)
{
    char path[300];
    const char *dir = make_sample("odd");
    snprintf(path, sizeof path, "%s/registry", dir);
    run_sql(path, "INSERT INTO namespaces VALUES (NULL, 'none', 'none.db', NULL, 1, NULL)");
    snprintf(path, sizeof path, "%s/default.db", dir);
    run_sql(
        path,
        "DELETE FROM messages; DELETE FROM sqlite_sequence;"
        "INSERT INTO messages (global_position, stream_name, position, id, type, data, metadata,"
        " time) VALUES (-7, 'a-1', -3, 'x1', 'T', '{}', '', -1),"
        " (1, 'a-1', -2, 'x2', 'T', NULL, NULL, 0),"
        " (2, 'a-2', 5, 'x3', '', CAST('{\"a\":1}' AS BLOB), CAST('' AS BLOB), 1.5),"
        " (3, 'a-2', 3, 'x4', 'T', 17, NULL, 9223372036854775807),"
        " (4, '-', 0, 'x5', 'T', '{}', '{}', -9223372036854775807);"
        "CREATE TABLE audit (n INTEGER); CREATE VIEW mine AS SELECT id, type FROM messages;"
        "CREATE VIEW broken AS SELECT * FROM nowhere;"
        "CREATE INDEX mine_too ON messages (type);"
        "CREATE TRIGGER watch AFTER INSERT ON messages BEGIN INSERT INTO audit VALUES (1); END;"
        "CREATE TRIGGER keep BEFORE DELETE ON messages BEGIN SELECT RAISE(ABORT, 'kept'); END;");
    for (int round = 0; round < 2; round++) {
        mr_space *space;
        mr_message_store *store = open_sample(dir, &space);
        mr_read_op read = {.op = {.kind = MR_OP_READ, .space = space},
                           .scope = MR_READ_ALL,
                           .from = -100,
                           .limit = -1,
                           .take = see_odd};
        odd[0] = 0;
        MR_EXPECT_OK(mr_message_store_call(store, &read.op, &err));
        MR_EXPECT_TEXT(odd, "-7 a-1/-3 {} -1000000\n"
                            "1 a-1/-2 null 0\n"
                            "2 a-2/5 {\"a\":1} 1000000\n"
                            "3 a-2/3 17 253402300799000000\n"
                            "4 -/0 {} -62135596800000000\n");
        mr_info_op info = {.op = {.kind = MR_OP_INFO, .space = space}};
        MR_EXPECT_OK(mr_message_store_call(store, &info.op, &err));
        MR_EXPECT_U64(info.info.message_count, ==, 5);
        MR_EXPECT_U64(info.info.stream_count, ==, 3);
        mr_space_release(space);
        mr_message_store_close(store);
    }
    mr_space *space;
    mr_message_store *store = open_sample(dir, &space);
    mr_new_message message = {
        .stream = MR_SLICE("a-1"), .type = MR_SLICE("T"), .data = MR_SLICE("{}")};
    mr_append_op op = {
        .op = {.kind = MR_OP_APPEND, .space = space}, .messages = &message, .count = 1};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    MR_EXPECT_I64(message.position, ==, 0);
    MR_EXPECT_I64(message.global_position, ==, 5);
    message.stream = MR_SLICE("a-2");
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
    MR_EXPECT_I64(message.position, ==, 6);
    mr_info_op info = {.op = {.kind = MR_OP_INFO, .space = space}};
    MR_EXPECT_OK(mr_message_store_call(store, &info.op, &err));
    MR_EXPECT_U64(info.info.message_count, ==, 7);
    MR_EXPECT_U64(info.info.stream_count, ==, 3);
    mr_truncate_op truncate = {.op = {.kind = MR_OP_TRUNCATE, .space = space},
                               .stream = MR_SLICE("a-1"),
                               .before = INT64_MAX};
    MR_EXPECT_OK(mr_message_store_call(store, &truncate.op, &err));
    MR_EXPECT_OK(mr_message_store_call(store, &info.op, &err));
    MR_EXPECT_U64(info.info.message_count, ==, 4);
    MR_EXPECT_U64(info.info.stream_count, ==, 2);
    mr_space_release(space);
    mr_message_store_close(store);
}
