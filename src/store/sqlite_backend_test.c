/* SPDX-License-Identifier: MIT
 *
 * The SQLite backend under one thread, where what usually takes two of them, or a broken disk, can
 * be made to happen at a chosen moment: writes between two statements of a read, a disk without
 * space, no descriptors left. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_internal.h"
#include "support/files.h"
#include "support/test.h"

static mr_error err;

/* --- A namespace without a store around it ---------------------------------------------------- */

typedef struct fixture {
    mr_arena arena;
    mr_backend *backend;
    mr_backend_writer *writer;
    const char *place;
    char path[600];
} fixture;

static void make_space(fixture *f)
{
    const mr_space_record record = {
        .id = "default", .token_hash = "none", .description = "", .metadata = "{}"};
    MR_EXPECT_OK(mr_backend_sqlite.create_space(f->backend, &record, &f->arena, &f->place, &err));
    snprintf(f->path, sizeof f->path, "%s/%s", f->backend->data_dir, f->place);
}

static void open_writer(fixture *f)
{
    MR_EXPECT_OK(mr_backend_sqlite.open_writer(f->backend, f->place, &f->writer, &err));
}

static void close_writer(fixture *f)
{
    mr_backend_sqlite.close_writer(f->writer);
    f->writer = NULL;
}

static void open_fixture(fixture *f, const char *name)
{
    memset(f, 0, sizeof *f);
    mr_arena_init(&f->arena, "test", 1u << 20);
    MR_EXPECT_OK(mr_backend_sqlite.open(&(mr_message_store_options){.data_dir = mr_test_at(name)},
                                        &f->backend, &err));
    make_space(f);
    open_writer(f);
}

static void close_fixture(fixture *f)
{
    close_writer(f);
    mr_backend_sqlite.close(f->backend);
    mr_arena_done(&f->arena);
}

static mr_fault_code append(fixture *f, const char *stream, mr_new_message *out)
{
    *out = (mr_new_message){
        .stream = mr_slice_text(stream), .type = MR_SLICE("T"), .data = MR_SLICE("{}")};
    mr_append_op op = {.op.kind = MR_OP_APPEND, .messages = out, .count = 1};
    mr_backend_sqlite.write(f->writer, &op.op);
    return op.op.fault.code;
}

static void append_some(fixture *f, const char *stream, int count)
{
    mr_new_message message;
    for (int i = 0; i < count; i++)
        MR_EXPECT_I64(append(f, stream, &message), ==, MR_FAULT_NONE);
}

static mr_message imported(const char *stream, int64_t position, int64_t global)
{
    return (mr_message){.id.uuid = mr_uuid_make(),
                        .stream = mr_slice_text(stream),
                        .type = MR_SLICE("T"),
                        .position = position,
                        .global_position = global,
                        .data = MR_SLICE("{}")};
}

static void import_one(fixture *f, const char *stream, int64_t position, int64_t global)
{
    const mr_message message = imported(stream, position, global);
    mr_import_op op = {.op.kind = MR_OP_IMPORT, .messages = &message, .count = 1};
    mr_backend_sqlite.write(f->writer, &op.op);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_NONE);
}

/* --- Reading, as text: "stream/position@global " each ----------------------------------------- */

static char seen[1024];

static bool see(MR_UNUSED mr_read_op *op, const mr_message *message)
{
    const size_t len = strlen(seen);
    snprintf(seen + len, sizeof seen - len, "%.*s/%lld@%lld ", MR_SLICE_ARGS(message->stream),
             (long long)message->position, (long long)message->global_position);
    return true;
}

static const char *read_by(mr_sq_link *link, mr_read_scope scope, const char *name)
{
    mr_read_op op = {.op.kind = MR_OP_READ,
                     .scope = scope,
                     .name = mr_slice_text(name),
                     .limit = -1,
                     .take = see};
    seen[0] = 0;
    mr_sq_read(link, &op.op);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_NONE);
    return seen;
}

static int64_t version_by(mr_sq_link *link, const char *stream)
{
    mr_version_op op = {.op.kind = MR_OP_VERSION, .stream = mr_slice_text(stream)};
    mr_sq_read(link, &op.op);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_NONE);
    return op.version;
}

static void open_link(fixture *f, mr_sq_link *link)
{
    MR_EXPECT_OK(mr_sq_link_open(link, f->backend, f->path, MR_SQLITE_READ, &err));
}

/* --- A disk without space, a process without descriptors ---------------------------------------
 */

static struct rlimit before;

/* Files cannot grow beyond what the write-ahead log is now. */
static void fill_disk(const fixture *f)
{
    char log[640];
    struct stat info;
    snprintf(log, sizeof log, "%s-wal", f->path);
    MR_EXPECT_I64(stat(log, &info), ==, 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)info.st_size, before.rlim_max});
}

static void empty_disk(void)
{
    setrlimit(RLIMIT_FSIZE, &before);
}

/* --- Tests -------------------------------------------------------------------------------------
 */

MR_TEST(what_a_failed_group_did_is_not_told_as_the_state_while_nothing_can_be_opened)
{
    fixture f;
    mr_new_message message;
    struct rlimit files;
    open_fixture(&f, "state");
    append_some(&f, "a-1", 3);
    fill_disk(&f);
    getrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, files.rlim_max});
    const mr_fault_code fault = append(&f, "a-1", &message);
    setrlimit(RLIMIT_NOFILE, &files);
    empty_disk();
    MR_EXPECT_I64(fault, ==, MR_FAULT_BACKEND);
    MR_EXPECT_I64(mr_backend_sqlite.state(f.writer).head, ==, 3);
    MR_EXPECT_U64(mr_backend_sqlite.state(f.writer).messages, ==, 3);
    MR_EXPECT_I64(append(&f, "a-1", &message), ==, MR_FAULT_NONE);
    MR_EXPECT_I64(message.global_position, ==, 4);
    MR_EXPECT_I64(mr_backend_sqlite.state(f.writer).head, ==, 4);
    close_fixture(&f);
}

/* --- Writes between two statements of a read ----------------------------------------------------
 */

static const char *hooked; /* how the statement begins before which `hook` is called, once */
static void (*hook)(fixture *f);
static fixture *hook_fixture;

static int on_statement(MR_UNUSED unsigned kind, MR_UNUSED void *context, MR_UNUSED void *stmt,
                        void *sql)
{
    if (hooked == NULL || strncmp(sql, hooked, strlen(hooked)) != 0) return 0;
    hooked = NULL;
    hook(hook_fixture);
    return 0;
}

static void run_before(fixture *f, mr_sq_link *link, const char *statement, void (*what)(fixture *))
{
    hooked = statement;
    hook = what;
    hook_fixture = f;
    sqlite3_trace_v2(link->db.handle, SQLITE_TRACE_STMT, on_statement, NULL);
}

static void forget_and_import(fixture *f)
{
    const mr_message message = imported("b-1", 0, 10);
    mr_import_op import = {.op.kind = MR_OP_IMPORT, .messages = &message, .count = 1};
    mr_truncate_op forget = {.op = {.next = &import.op, .kind = MR_OP_TRUNCATE},
                             .stream = MR_SLICE("a-1"),
                             .forget = true};
    mr_backend_sqlite.write(f->writer, &forget.op);
    MR_EXPECT_I64(import.op.fault.code, ==, MR_FAULT_NONE);
}

MR_TEST(a_stream_forgotten_during_a_read_is_not_another_stream)
{
    fixture f;
    mr_sq_link link;
    open_fixture(&f, "forgotten");
    import_one(&f, "a-1", 4, 1);
    append_some(&f, "a-1", 2);
    open_link(&f, &link);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "a-1"), "a-1/4@1 a-1/5@2 a-1/6@3 ");
    run_before(&f, &link, "BEGIN", forget_and_import);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "a-1"), "");
    MR_EXPECT(hooked == NULL);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "b-1"), "b-1/0@10 ");
    mr_sq_link_close(&link, f.backend);
    close_fixture(&f);
}

static void clear_and_import(fixture *f)
{
    const mr_message messages[] = {imported("b-1", 0, 1), imported("b-1", 1, 2)};
    mr_import_op import = {.op.kind = MR_OP_IMPORT, .messages = messages, .count = 2};
    mr_clear_op clear = {.op = {.next = &import.op, .kind = MR_OP_CLEAR}};
    mr_backend_sqlite.write(f->writer, &clear.op);
    MR_EXPECT_I64(import.op.fault.code, ==, MR_FAULT_NONE);
}

MR_TEST(a_namespace_cleared_during_a_read_is_not_another_namespace)
{
    fixture f;
    mr_sq_link link;
    open_fixture(&f, "cleared");
    open_link(&f, &link);
    append_some(&f, "a-1", 2);
    run_before(&f, &link, "BEGIN", clear_and_import);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "a-1"), "");
    append_some(&f, "a-1", 2);
    run_before(&f, &link, "BEGIN", clear_and_import);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_CATEGORY, "a"), "");
    append_some(&f, "a-1", 1);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_CATEGORY, "b"), "b-1/0@1 b-1/1@2 ");
    MR_EXPECT_TEXT(read_by(&link, MR_READ_CATEGORY, "a"), "a-1/0@3 ");
    close_writer(&f);
    open_writer(&f);
    append_some(&f, "c-1", 1);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_ALL, ""), "b-1/0@1 b-1/1@2 a-1/0@3 c-1/0@4 ");
    mr_sq_link_close(&link, f.backend);
    close_fixture(&f);
}

static void truncate_all(fixture *f)
{
    mr_truncate_op op = {.op.kind = MR_OP_TRUNCATE, .stream = MR_SLICE("a-1"), .before = INT64_MAX};
    mr_backend_sqlite.write(f->writer, &op.op);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_NONE);
}

MR_TEST(a_stream_truncated_while_its_version_is_looked_up_keeps_its_version)
{
    static const char *const statements[] = {"SELECT max(", "SELECT id, category, base"};
    for (size_t i = 0; i < MR_COUNT_OF(statements); i++) {
        fixture f;
        mr_sq_link link;
        open_fixture(&f, i == 0 ? "version0" : "version1");
        import_one(&f, "a-1", 2, 1);
        open_link(&f, &link);
        run_before(&f, &link, statements[i], truncate_all);
        MR_EXPECT_I64(version_by(&link, "a-1"), ==, 2);
        MR_EXPECT(hooked == NULL);
        MR_EXPECT_I64(version_by(&link, "a-1"), ==, 2);
        mr_sq_link_close(&link, f.backend);
        close_fixture(&f);
    }
}

static void append_to_b(fixture *f)
{
    append_some(f, "b-1", 1);
}

static void import_elsewhere(fixture *f)
{
    import_one(f, "c-1", 0, 100);
}

static void (*between)(fixture *f);
static char listed[256];

static void list(MR_UNUSED mr_streams_op *op, const mr_stream_info *stream)
{
    const size_t len = strlen(listed);
    snprintf(listed + len, sizeof listed - len, "%.*s/%lld ", MR_SLICE_ARGS(stream->name),
             (long long)stream->version);
    if (between != NULL) between(hook_fixture);
    between = NULL;
}

/* The list is made while others write: what they do to a stream must not take it off the list. */
MR_TEST(a_stream_that_is_written_to_while_streams_are_listed_is_listed)
{
    fixture f;
    mr_sq_link link;
    mr_streams_op op = {.op.kind = MR_OP_STREAMS, .limit = 10, .take = list};
    open_fixture(&f, "listed");
    hook_fixture = &f;
    append_some(&f, "a-1", 1);
    append_some(&f, "b-1", 2);
    open_link(&f, &link);
    listed[0] = 0;
    between = append_to_b;
    mr_sq_read(&link, &op.op);
    MR_EXPECT_TEXT(listed, "a-1/0 b-1/2 ");
    listed[0] = 0;
    between = import_elsewhere;
    mr_sq_read(&link, &op.op);
    MR_EXPECT_TEXT(listed, "a-1/0 b-1/2 c-1/0 ");
    mr_sq_link_close(&link, f.backend);
    close_fixture(&f);
}

/* --- Closing on a full disk ----------------------------------------------------------------------
 */

MR_TEST(what_could_not_be_indexed_at_closing_is_read_and_indexed_when_there_is_space)
{
    fixture f;
    mr_sq_link link;
    mr_new_message message;
    open_fixture(&f, "closing");
    append_some(&f, "a-1", 3);
    fill_disk(&f);
    close_writer(&f);
    open_link(&f, &link);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "a-1"), "a-1/0@1 a-1/1@2 a-1/2@3 ");
    MR_EXPECT_I64(version_by(&link, "a-1"), ==, 2);
    empty_disk();
    open_writer(&f);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "a-1"), "a-1/0@1 a-1/1@2 a-1/2@3 ");
    MR_EXPECT_I64(append(&f, "a-1", &message), ==, MR_FAULT_NONE);
    MR_EXPECT_I64(message.position, ==, 3);
    import_one(&f, "b-1", 0, 9);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "a-1"), "a-1/0@1 a-1/1@2 a-1/2@3 a-1/3@4 ");
    mr_sq_link_close(&link, f.backend);
    MR_EXPECT_U64(f.backend->tails.first->refs, ==, 1);
    close_fixture(&f);
}

MR_TEST(a_namespace_made_anew_has_nothing_of_the_one_before)
{
    fixture f;
    mr_sq_link link;
    mr_new_message message;
    open_fixture(&f, "anew");
    append_some(&f, "a-1", 3);
    open_link(&f, &link);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "a-1"), "a-1/0@1 a-1/1@2 a-1/2@3 ");
    fill_disk(&f);
    close_writer(&f);
    empty_disk();
    MR_EXPECT_OK(mr_backend_sqlite.delete_space(f.backend, "default", f.place, &err));
    make_space(&f);
    open_writer(&f);
    MR_EXPECT_I64(append(&f, "b-1", &message), ==, MR_FAULT_NONE);
    MR_EXPECT_I64(message.position, ==, 0);
    MR_EXPECT_TEXT(read_by(&link, MR_READ_STREAM, "a-1"), "a-1/0@1 a-1/1@2 a-1/2@3 ");
    mr_sq_link_close(&link, f.backend);
    close_fixture(&f);
}

/* --- Positions ------------------------------------------------------------------------------------ */

static void set_rules(fixture *f, const char *target, mr_rules rules)
{
    mr_setting_op op = {
        .op.kind = MR_OP_SETTING_SET, .target = mr_slice_text(target), .rules = rules};
    mr_backend_sqlite.write(f->writer, &op.op);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_NONE);
}

MR_TEST(retention_never_gives_a_position_away_whatever_the_order_of_positions)
{
    fixture f;
    mr_new_message message;
    uint64_t removed;
    open_fixture(&f, "retention");
    /* The highest position goes first and another message stays. */
    import_one(&f, "a-1", 7, 10);
    import_one(&f, "a-1", 3, 12);
    set_rules(&f, "a", (mr_rules){.max_count = 1});
    MR_EXPECT_OK(mr_backend_sqlite.enforce_rules(f.writer, 0, 100, &removed, &err));
    MR_EXPECT_U64(removed, ==, 1);
    MR_EXPECT_I64(append(&f, "a-1", &message), ==, MR_FAULT_NONE);
    MR_EXPECT_I64(message.position, ==, 8);
    /* A version kept by truncation is above the one that goes. */
    append_some(&f, "b-1", 5);
    mr_truncate_op truncate = {
        .op.kind = MR_OP_TRUNCATE, .stream = MR_SLICE("b-1"), .before = INT64_MAX};
    mr_backend_sqlite.write(f.writer, &truncate.op);
    import_one(&f, "b-1", 2, 50);
    append_some(&f, "x", 1);
    set_rules(&f, "", (mr_rules){.max_count = 1});
    MR_EXPECT_OK(mr_backend_sqlite.enforce_rules(f.writer, 0, 100, &removed, &err));
    MR_EXPECT_I64(append(&f, "b-1", &message), ==, MR_FAULT_NONE);
    MR_EXPECT_I64(message.position, ==, 5);
    close_fixture(&f);
}

MR_TEST(a_repeated_write_is_one_when_the_quota_is_used_up_too)
{
    fixture f;
    open_fixture(&f, "quota");
    mr_new_message first = {.stream = MR_SLICE("a-1"),
                            .type = MR_SLICE("T"),
                            .data = MR_SLICE("{}"),
                            .has_id = true,
                            .id = mr_uuid_make()};
    mr_append_op op = {.op.kind = MR_OP_APPEND, .messages = &first, .count = 1};
    set_rules(&f, "", (mr_rules){.max_messages = 1});
    mr_backend_sqlite.write(f.writer, &op.op);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_NONE);
    mr_backend_sqlite.write(f.writer, &op.op);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_NONE);
    MR_EXPECT(first.duplicate);
    set_rules(&f, "", (mr_rules){.max_bytes = 1});
    mr_backend_sqlite.write(f.writer, &op.op);
    MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_NONE);
    mr_new_message second;
    MR_EXPECT_I64(append(&f, "a-1", &second), ==, MR_FAULT_QUOTA);
    close_fixture(&f);
}

MR_TEST(positions_that_are_used_up_are_refused_and_nothing_else_is)
{
    static const struct {
        int64_t position, global;
    } cases[] = {{0, INT64_MAX - 1}, {INT64_MAX - 1, 1}};
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        fixture f;
        mr_new_message message, two[2];
        open_fixture(&f, i == 0 ? "last0" : "last1");
        import_one(&f, "a-1", cases[i].position, cases[i].global);
        two[0] = two[1] = (mr_new_message){
            .stream = MR_SLICE("a-1"), .type = MR_SLICE("T"), .data = MR_SLICE("{}")};
        mr_append_op op = {.op.kind = MR_OP_APPEND, .messages = two, .count = 2};
        mr_backend_sqlite.write(f.writer, &op.op);
        MR_EXPECT_I64(op.op.fault.code, ==, MR_FAULT_INPUT);
        MR_EXPECT_I64(append(&f, "a-1", &message), ==, MR_FAULT_INPUT);
        MR_EXPECT_U64(mr_backend_sqlite.state(f.writer).messages, ==, 1);
        MR_EXPECT_I64(append(&f, "b-1", &message), ==, i == 0 ? MR_FAULT_INPUT : MR_FAULT_NONE);
        close_fixture(&f);
    }
}

MR_TEST(an_import_leaves_nothing_to_index_to_whoever_opens_the_database_next)
{
    fixture f;
    int64_t indexed;
    open_fixture(&f, "indexed");
    import_one(&f, "a-1", 0, 5);
    MR_EXPECT_OK(mr_sq_integer(&f.writer->link, MR_SQ_INDEXED_GET, 0, &indexed, &err));
    MR_EXPECT_I64(indexed, ==, 5);
    append_some(&f, "a-1", 1);
    clear_and_import(&f);
    MR_EXPECT_OK(mr_sq_integer(&f.writer->link, MR_SQ_INDEXED_GET, 0, &indexed, &err));
    MR_EXPECT_I64(indexed, ==, 2);
    close_fixture(&f);
}
