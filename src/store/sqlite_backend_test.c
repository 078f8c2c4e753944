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
    const mr_space_record record = {.id = "default",
                                    .token_hash = "none",
                                    .description = "",
                                    .metadata = "{}"};
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

/* --- A disk without space, a process without descriptors --------------------------------------- */

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

/* --- Tests ------------------------------------------------------------------------------------- */

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
