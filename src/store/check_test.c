/* SPDX-License-Identifier: MIT */
#include "store/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "store/backup.h"
#include "store/store.h"
#include "support/test.h"

#define HASH  "6fefedfc989ca8bea8ce1b63672607c06fbd0d8b3c0667164cf4f5a02911fb52"
#define HASH2 "1fefedfc989ca8bea8ce1b63672607c06fbd0d8b3c0667164cf4f5a02911fb52"

/* --- a data directory --- */

static const char *new_dir(void)
{
    static char paths[16][256];
    static size_t count;
    char *path = paths[count++ % 16];
    snprintf(path, sizeof paths[0], "%s/d%zu", mr_test_dir(), count);
    return path;
}

static mr_message_store *open_store(const char *dir)
{
    mr_error err;
    mr_message_store *store;
    const mr_message_store_options options = {.data_dir = dir};
    MR_EXPECT_OK(mr_message_store_open(&options, &store, &err));
    return store;
}

static void make_space(mr_message_store *store, const char *id, const char *hash)
{
    mr_error err;
    mr_space_op op = {.op = {.kind = MR_OP_SPACE_CREATE},
                      .id = mr_slice_text(id),
                      .token_hash = mr_slice_text(hash)};
    MR_EXPECT_OK(mr_message_store_call(store, &op.op, &err));
}

static mr_code append(mr_message_store *store, mr_space *space, const char *stream, int count,
                      mr_error *err)
{
    for (int i = 0; i < count; i++) {
        mr_new_message message = {.stream = mr_slice_text(stream),
                                  .type = MR_SLICE("T"),
                                  .data = MR_SLICE("{\"a\":[1,2.50]}"),
                                  .metadata = MR_SLICE("{}")};
        mr_append_op op = {
            .op = {.kind = MR_OP_APPEND, .space = space}, .messages = &message, .count = 1};
        MR_TRY(mr_message_store_call(store, &op.op, err));
    }
    return MR_OK;
}

static void fill(mr_message_store *store, const char *id)
{
    mr_error err;
    mr_space *space = mr_message_store_find(store, mr_slice_text(id));
    MR_EXPECT_OK(append(store, space, "account-1", 3, &err));
    MR_EXPECT_OK(append(store, space, "account-2", 2, &err));
    MR_EXPECT_OK(append(store, space, "other", 1, &err));
    mr_space_release(space);
}

/* A directory with two namespaces of six messages each. */
static const char *make_dir(void)
{
    const char *dir = new_dir();
    mr_message_store *store = open_store(dir);
    make_space(store, "default", HASH);
    make_space(store, "tenant/1", HASH2);
    fill(store, "default");
    fill(store, "tenant/1");
    mr_message_store_close(store);
    return dir;
}

static void change(const char *dir, const char *file, const char *sql)
{
    mr_error err;
    char path[512];
    mr_sqlite db = {0};
    const mr_sqlite_options options = {.mode = MR_SQLITE_WRITE, .busy_timeout_ms = 1000};
    snprintf(path, sizeof path, "%s/%s", dir, file);
    MR_EXPECT_OK(mr_sqlite_open(&db, path, &options, &err));
    MR_EXPECT_OK(mr_sqlite_exec(&db, sql, "damage it", &err));
    mr_sqlite_close(&db);
}

/* --- what is found --- */

typedef struct findings {
    mr_check check;
    char text[4096];
} findings;

static void on_found(mr_check *check, const char *space, bool is_fault, const char *text)
{
    findings *f = MR_CONTAINER_OF(check, findings, check);
    const size_t len = strlen(f->text);
    snprintf(f->text + len, sizeof f->text - len, "%s %s: %s\n", space != NULL ? space : "registry",
             is_fault ? "fault" : "remark", text);
}

static void look(findings *f, const char *dir, bool strict)
{
    mr_error err;
    memset(f, 0, sizeof *f);
    f->check.found = on_found;
    f->check.strict = strict;
    MR_EXPECT_OK(mr_check_run(&f->check, dir, &err));
}

MR_TEST(a_store_as_it_was_written_has_no_findings)
{
    findings f;
    look(&f, make_dir(), true);
    MR_EXPECT_TEXT(f.text, "");
    MR_EXPECT_U64(f.check.spaces, ==, 2);
    MR_EXPECT_U64(f.check.messages, ==, 12);
    MR_EXPECT_U64(f.check.faults + f.check.remarks, ==, 0);
}

MR_TEST(a_store_that_is_open_can_be_checked_and_is_not_changed)
{
    findings f;
    const char *dir = make_dir();
    mr_message_store *store = open_store(dir);
    fill(store, "default");
    look(&f, dir, true);
    MR_EXPECT_TEXT(f.text, "");
    MR_EXPECT_U64(f.check.messages, ==, 18);
    fill(store, "default");
    mr_message_store_close(store);
}

MR_TEST(each_kind_of_damage_is_found)
{
    static const char db[] = "namespaces/default.db";
    static const struct {
        const char *file, *sql, *wanted;
        uint64_t faults, remarks;
    } rows[] = {
        {db,
         "DELETE FROM messages WHERE global_position = 2; UPDATE categories SET messages = 4 WHERE "
         "name = 'account'",
         "default remark: stream 'account-1': 1 of the positions 0 to 2 are missing\n", 0, 1},
        {db, "UPDATE categories SET messages = 7 WHERE name = 'account'",
         "default fault: category 'account' counts 7 messages, there are 5\n", 1, 0},
        {db, "UPDATE categories SET streams = 1 WHERE name = 'account'",
         "default fault: category 'account' counts 1 streams, there are 2\n", 1, 0},
        {db, "UPDATE messages SET data = '[1]' WHERE global_position = 3",
         "default fault: message 3: its data is no JSON object\n", 1, 0},
        {db, "UPDATE messages SET metadata = '{' WHERE global_position = 3",
         "default fault: message 3: its metadata is no JSON object\n", 1, 0},
        {db, "UPDATE messages SET data = NULL WHERE global_position = 3", "", 0, 0},
        {db, "UPDATE messages SET id = x'00' WHERE global_position = 3",
         "default fault: message 3: its id is neither 16 bytes nor text\n", 1, 0},
        {db, "UPDATE streams SET name = 'elsewhere-2' WHERE name = 'account-2'",
         "default fault: stream 'elsewhere-2' is in the category 'account'\n", 1, 0},
        {db, "UPDATE streams SET base = -2 WHERE name = 'account-2'",
         "default fault: stream 'account-2': its base is -2, expected -1 or more\n", 1, 0},
        {db, "UPDATE messages SET global_position = -5 WHERE global_position = 1",
         "default fault: message -5: global positions start at 1\n", 1, 0},
        {db, "UPDATE messages SET global_position = 9 WHERE global_position = 1",
         "default remark: stream 'account-1': position 1 has a lower global position than the one "
         "before it\n",
         0, 1},
        {"registry.db", "UPDATE namespaces SET token_hash = 'x' WHERE id = 'default'",
         "default fault: registry: its token's hash is not 64 lower-case hexadecimal digits\n", 1,
         0},
        {"registry.db", "UPDATE namespaces SET db_path = 'namespaces/none.db' WHERE id = 'default'",
         "default fault: its database 'namespaces/none.db' is not there\n"
         "registry remark: the file 'namespaces/default.db' belongs to no namespace\n",
         1, 1},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        findings f;
        const char *dir = make_dir();
        change(dir, rows[i].file, rows[i].sql);
        look(&f, dir, false);
        MR_EXPECT_TEXT(f.text, rows[i].wanted);
        MR_EXPECT_U64(f.check.faults, ==, rows[i].faults);
        MR_EXPECT_U64(f.check.remarks, ==, rows[i].remarks);
    }
}

MR_TEST(strictly_gaps_and_late_beginnings_are_faults)
{
    findings f;
    const char *dir = make_dir();
    change(dir, "namespaces/default.db",
           "DELETE FROM messages WHERE global_position = 4; UPDATE categories SET messages = 4 "
           "WHERE name = 'account'");
    look(&f, dir, false);
    MR_EXPECT_TEXT(f.text, "");
    look(&f, dir, true);
    MR_EXPECT_TEXT(f.text, "default fault: stream 'account-2': it begins at position 1\n");
}

MR_TEST(a_damaged_page_is_found)
{
    findings f;
    char path[512];
    size_t len;
    const char *dir = make_dir();
    snprintf(path, sizeof path, "%s/namespaces/default.db", dir);
    char *bytes = mr_test_read_file(path, &len);
    for (size_t at = 4096; at + 200 < len; at += 4096)
        memset(bytes + at + 5, 0x5a, 60); /* the heads of pages behind the first */
    mr_test_write_file(path, mr_slice_of(bytes, len));
    mr_mem_free(bytes);
    look(&f, dir, false);
    MR_EXPECT_U64(f.check.faults, >, 0);
}

MR_TEST(many_findings_of_a_kind_are_counted_not_listed)
{
    findings f;
    mr_error err;
    const char *dir = make_dir();
    mr_message_store *store = open_store(dir);
    mr_space *space = mr_message_store_find(store, MR_SLICE("default"));
    MR_EXPECT_OK(append(store, space, "account-1", 100, &err));
    mr_space_release(space);
    mr_message_store_close(store);
    change(dir, "namespaces/default.db", "UPDATE messages SET data = '1'");
    look(&f, dir, false);
    MR_EXPECT_U64(f.check.faults, ==, 106);
    MR_EXPECT(strstr(f.text, "default remark: and 86 more of this kind\n") != NULL);
}

MR_TEST(what_is_no_data_directory_is_said_so)
{
    mr_error err;
    findings f = {.check = {.found = on_found}};
    const char *empty = new_dir();
    char path[512];
    MR_EXPECT_CODE(mr_check_run(&f.check, "/nonexistent", &err), MR_ERR_IO);
    MR_EXPECT_CODE(mr_check_run(&f.check, "/dev/null", &err), MR_ERR_USAGE);
    mr_message_store_close(open_store(empty));
    f.check.registry = "other.db";
    MR_EXPECT_CODE(mr_check_run(&f.check, empty, &err), MR_ERR_USAGE);
    snprintf(path, sizeof path, "%s/other.db", empty);
    mr_test_write_file(path,
                       MR_SLICE("this is not a database, and long enough to be looked at as one"));
    MR_EXPECT(mr_check_run(&f.check, empty, &err) != MR_OK);
    MR_EXPECT_TEXT(f.text, "");
}

/* --- backup --- */

typedef struct busy {
    mr_message_store *store;
    atomic_bool stop;
    atomic_uint written;
    mr_code code;
} busy;

static void *write_on(void *context)
{
    busy *b = context;
    mr_error err;
    mr_space *space = mr_message_store_find(b->store, MR_SLICE("default"));
    while (b->code == MR_OK && !atomic_load(&b->stop)) {
        b->code = append(b->store, space, "busy-1", 1, &err);
        atomic_fetch_add(&b->written, 1);
    }
    mr_space_release(space);
    return NULL;
}

MR_TEST(a_copy_made_while_messages_are_written_is_whole_and_can_be_served)
{
    mr_error err;
    findings f;
    pthread_t thread;
    const char *dir = make_dir(), *target = new_dir();
    busy b = {.store = open_store(dir)};
    mr_backup backup = {0};
    pthread_create(&thread, NULL, write_on, &b);
    while (atomic_load(&b.written) < 20)
        usleep(1000);
    const unsigned before = atomic_load(&b.written);
    MR_EXPECT_OK(mr_backup_run(&backup, dir, target, &err));
    MR_EXPECT_U64(backup.spaces, ==, 2);
    MR_EXPECT_U64(backup.size_bytes, >, 0);
    while (atomic_load(&b.written) < before + 20)
        usleep(1000);
    atomic_store(&b.stop, true);
    pthread_join(thread, NULL);
    MR_EXPECT_I64(b.code, ==, MR_OK);
    mr_message_store_close(b.store);
    look(&f, target, true);
    MR_EXPECT_TEXT(f.text, "");
    MR_EXPECT_U64(f.check.messages, >=, 12 + before - 1); /* the last one may not be counted yet */
    mr_message_store *copy = open_store(target);
    mr_space *space = mr_message_store_find(copy, MR_SLICE("tenant/1"));
    MR_EXPECT(space != NULL);
    MR_EXPECT_OK(append(copy, space, "account-1", 1, &err));
    mr_space_release(space);
    mr_message_store_close(copy);
    look(&f, dir, true);
    MR_EXPECT_TEXT(f.text, "");
}

MR_TEST(a_copy_does_not_lead_back_to_the_original)
{
    mr_error err;
    findings f;
    char elsewhere[512], sql[1024];
    const char *dir = make_dir(), *target = new_dir();
    mr_backup backup = {0};
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere.db", mr_test_dir());
    snprintf(sql, sizeof sql, "%s/namespaces/default.db", dir);
    MR_EXPECT_I64(rename(sql, elsewhere), ==, 0);
    snprintf(sql, sizeof sql, "UPDATE namespaces SET db_path = '%s' WHERE id = 'default'",
             elsewhere);
    change(dir, "registry.db", sql);
    MR_EXPECT_OK(mr_backup_run(&backup, dir, target, &err));
    MR_EXPECT_I64(unlink(elsewhere), ==, 0);
    look(&f, target, true);
    MR_EXPECT_TEXT(f.text, "");
    MR_EXPECT_U64(f.check.messages, ==, 12);
}

MR_TEST(a_copy_that_fails_leaves_nothing)
{
    mr_error err;
    char part[512];
    const char *dir = make_dir(), *target = new_dir();
    mr_backup backup = {0};
    MR_EXPECT_CODE(mr_backup_run(&backup, dir, dir, &err), MR_ERR_CONFLICT);
    MR_EXPECT(mr_backup_run(&backup, "/nonexistent", target, &err) != MR_OK);
    MR_EXPECT(access(target, F_OK) != 0);
    change(dir, "registry.db",
           "UPDATE namespaces SET db_path = 'namespaces/none.db' WHERE id = 'tenant/1'");
    MR_EXPECT_CODE(mr_backup_run(&backup, dir, target, &err), MR_ERR_INPUT);
    MR_EXPECT_TEXT(err.text,
                   "namespace 'tenant/1': its database 'namespaces/none.db' is not there");
    snprintf(part, sizeof part, "%s.part", target);
    MR_EXPECT(access(target, F_OK) != 0 && access(part, F_OK) != 0);
}
