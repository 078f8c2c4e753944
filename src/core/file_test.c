/* SPDX-License-Identifier: MIT */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/files.h"
#include "support/test.h"

static mr_error err;

static mode_t mode_of(const char *path)
{
    struct stat info;
    MR_EXPECT(stat(path, &info) == 0);
    return info.st_mode & 07777;
}

MR_TEST(a_zeroed_file_is_closed_and_closing_it_twice_is_harmless)
{
    mr_file file = {0};
    mr_file_close(&file);
    mr_file_close(&file);
    MR_EXPECT(!file.is_open);
}

MR_TEST(reading_gives_the_bytes_and_then_nothing)
{
    mr_file file;
    char bytes[8];
    size_t got;
    mr_test_put("read", MR_SLICE("abcdef"));
    MR_EXPECT_OK(mr_file_open(&file, mr_test_at("read"), &err));
    MR_EXPECT_OK(mr_file_read(&file, bytes, 4, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(bytes, got), "abcd");
    MR_EXPECT_OK(mr_file_pread(&file, 1, bytes, 8, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(bytes, got), "bcdef");
    MR_EXPECT_OK(mr_file_pread(&file, 100, bytes, 8, &got, &err));
    MR_EXPECT_U64(got, ==, 0);
    MR_EXPECT_CODE(mr_file_pread(&file, UINT64_MAX, bytes, 8, &got, &err), MR_ERR_USAGE);
    MR_EXPECT_OK(mr_file_read(&file, bytes, 8, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(bytes, got), "ef");
    MR_EXPECT_OK(mr_file_read(&file, bytes, 8, &got, &err));
    MR_EXPECT_U64(got, ==, 0);
    mr_file_close(&file);
}

MR_TEST(errors_of_opening_name_the_path_and_the_remedy)
{
    mr_file file;
    char longest[MR_FILE_PATH_MAX + 10];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    MR_EXPECT_CODE(mr_file_open(&file, mr_test_at("missing"), &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "missing' cannot be opened: No such file") != NULL);
    MR_EXPECT(strstr(err.text, "check the path") != NULL);
    MR_EXPECT_CODE(mr_file_open(&file, mr_test_dir(), &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "is a directory; name a file in it") != NULL);
    MR_EXPECT_CODE(mr_file_open(&file, "", &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_file_open(&file, longest, &err), MR_ERR_LIMIT);
    MR_EXPECT_CODE(mr_file_create_beside(&file, longest, &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_file_create_beside(&file, mr_test_dir(), &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "is a directory") != NULL);
    MR_EXPECT_CODE(mr_file_create_beside(&file, "/dev/null", &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "in place") != NULL);
    MR_EXPECT_CODE(mr_file_create_beside(&file, mr_test_at("no/dir"), &err), MR_ERR_IO);
    MR_EXPECT_CODE(mr_file_open_in_place(&file, mr_test_dir(), &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_file_open_append(&file, "/dev/null", &err), MR_ERR_USAGE);
    MR_EXPECT(!file.is_open);
}

MR_TEST(a_file_is_replaced_whole_and_keeps_its_mode)
{
    mr_file file;
    mr_test_put("whole", MR_SLICE("old"));
    MR_EXPECT(chmod(mr_test_at("whole"), 0640) == 0);
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("whole"), &err));
    MR_EXPECT_OK(mr_file_write(&file, MR_SLICE("new and longer"), &err));
    mr_test_expect_holds(mr_test_at("whole"), "old");
    MR_EXPECT_OK(mr_file_replace(&file, &err));
    mr_test_expect_holds(mr_test_at("whole"), "new and longer");
    MR_EXPECT(!mr_test_exists(mr_test_at("whole.part")));
    MR_EXPECT_U64(mode_of(mr_test_at("whole")), ==, 0640);
}

MR_TEST(a_new_file_has_the_mode_of_the_umask)
{
    mr_file file;
    const mode_t before = umask(027);
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("umask"), &err));
    umask(before);
    MR_EXPECT_OK(mr_file_replace(&file, &err));
    MR_EXPECT_U64(mode_of(mr_test_at("umask")), ==, 0640);
}

MR_TEST(closing_without_replacing_leaves_the_old_file_and_no_part)
{
    mr_file file;
    mr_test_put("kept", MR_SLICE("old"));
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("kept"), &err));
    MR_EXPECT_OK(mr_file_write(&file, MR_SLICE("new"), &err));
    mr_file_close(&file);
    mr_test_expect_holds(mr_test_at("kept"), "old");
    MR_EXPECT(!mr_test_exists(mr_test_at("kept.part")));
}

MR_TEST(the_part_of_a_dead_run_is_replaced_whatever_it_is)
{
    mr_file file;
    mr_test_put("stale.part", MR_SLICE("left over, and longer than the new"));
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("stale"), &err));
    MR_EXPECT_OK(mr_file_write(&file, MR_SLICE("new"), &err));
    MR_EXPECT_OK(mr_file_replace(&file, &err));
    mr_test_expect_holds(mr_test_at("stale"), "new");
    mr_test_put("victim", MR_SLICE("untouched"));
    MR_EXPECT(symlink(mr_test_at("victim"), mr_test_at("stale.part")) == 0);
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("stale"), &err));
    MR_EXPECT_OK(mr_file_write(&file, MR_SLICE("again"), &err));
    MR_EXPECT_OK(mr_file_replace(&file, &err));
    mr_test_expect_holds(mr_test_at("victim"), "untouched");
    mr_test_expect_holds(mr_test_at("stale"), "again");
}

MR_TEST(two_writers_of_one_target_are_a_conflict)
{
    mr_file first, second;
    MR_EXPECT_OK(mr_file_create_beside(&first, mr_test_at("fought"), &err));
    MR_EXPECT_CODE(mr_file_create_beside(&second, mr_test_at("fought"), &err), MR_ERR_CONFLICT);
    MR_EXPECT_CODE(mr_file_resume_beside(&second, mr_test_at("fought"), 0, &err), MR_ERR_CONFLICT);
    MR_EXPECT_OK(mr_file_write(&first, MR_SLICE("first"), &err));
    MR_EXPECT_OK(mr_file_replace(&first, &err));
    mr_test_expect_holds(mr_test_at("fought"), "first");
}

MR_TEST(a_link_stays_a_link_and_its_file_is_replaced)
{
    mr_file file;
    MR_EXPECT(mkdir(mr_test_at("far"), 0755) == 0);
    mr_test_put("far/real", MR_SLICE("old"));
    MR_EXPECT(symlink("far/hop", mr_test_at("link")) == 0);
    MR_EXPECT(symlink("real", mr_test_at("far/hop")) == 0);
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("link"), &err));
    MR_EXPECT(mr_test_exists(mr_test_at("far/real.part")));
    MR_EXPECT_OK(mr_file_write(&file, MR_SLICE("new"), &err));
    MR_EXPECT_OK(mr_file_replace(&file, &err));
    struct stat info;
    MR_EXPECT(lstat(mr_test_at("link"), &info) == 0 && S_ISLNK(info.st_mode));
    mr_test_expect_holds(mr_test_at("far/real"), "new");
    MR_EXPECT(symlink("far/not there yet", mr_test_at("dangling")) == 0);
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("dangling"), &err));
    MR_EXPECT_OK(mr_file_replace(&file, &err));
    mr_test_expect_holds(mr_test_at("far/not there yet"), "");
    MR_EXPECT(symlink("circle", mr_test_at("circle")) == 0);
    MR_EXPECT_CODE(mr_file_create_beside(&file, mr_test_at("circle"), &err), MR_ERR_IO);
}

MR_TEST(a_killed_writer_leaves_the_old_file_and_its_part_can_be_resumed)
{
    mr_file file;
    int status;
    mr_test_put("killed", MR_SLICE("old"));
    const pid_t child = fork();
    if (child == 0) {
        if (mr_file_create_beside(&file, mr_test_at("killed"), NULL) != MR_OK) _exit(1);
        if (mr_file_write(&file, MR_SLICE("committed|torn"), NULL) != MR_OK) _exit(1);
        raise(SIGKILL);
    }
    MR_EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    mr_test_expect_holds(mr_test_at("killed"), "old");
    MR_EXPECT_CODE(mr_file_resume_beside(&file, mr_test_at("killed"), 1000, &err), MR_ERR_CONFLICT);
    MR_EXPECT_OK(mr_file_resume_beside(&file, mr_test_at("killed"), 10, &err));
    MR_EXPECT_OK(mr_file_write(&file, MR_SLICE("rest"), &err));
    mr_file_leave(&file);
    MR_EXPECT_OK(mr_file_resume_beside(&file, mr_test_at("killed"), 14, &err));
    MR_EXPECT_OK(mr_file_replace(&file, &err));
    mr_test_expect_holds(mr_test_at("killed"), "committed|rest");
    MR_EXPECT_CODE(mr_file_resume_beside(&file, mr_test_at("killed"), 0, &err), MR_ERR_CONFLICT);
    MR_EXPECT(strstr(err.text, "missing") != NULL);
}

MR_TEST(appending_goes_on_at_the_end_and_can_be_cut_back)
{
    mr_file file, second;
    mr_test_put("grown", MR_SLICE("abc"));
    MR_EXPECT_OK(mr_file_open_append(&file, mr_test_at("grown"), &err));
    MR_EXPECT_U64(file.written, ==, 3);
    MR_EXPECT(!file.is_new);
    MR_EXPECT_CODE(mr_file_open_append(&second, mr_test_at("grown"), &err), MR_ERR_CONFLICT);
    MR_EXPECT_OK(mr_file_write(&file, MR_SLICE("defg"), &err));
    mr_test_expect_holds(mr_test_at("grown"), "abcdefg");
    MR_EXPECT_OK(mr_file_cut(&file, 4, &err));
    MR_EXPECT_OK(mr_file_write(&file, MR_SLICE("X"), &err));
    MR_EXPECT_OK(mr_file_sync(&file, &err));
    mr_file_close(&file);
    mr_test_expect_holds(mr_test_at("grown"), "abcdX");
    MR_EXPECT_OK(mr_file_open_append(&file, mr_test_at("grown new"), &err));
    MR_EXPECT(file.is_new);
    mr_file_close(&file);
}

MR_TEST(a_full_disk_is_an_error_that_names_the_file)
{
    mr_file file;
    MR_EXPECT_OK(mr_file_open_in_place(&file, "/dev/full", &err));
    MR_EXPECT_CODE(mr_file_write(&file, MR_SLICE("x"), &err), MR_ERR_IO);
    MR_EXPECT_TEXT(err.text, "file '/dev/full' cannot be written: No space left on device; free "
                             "some space and run again");
    mr_file_close(&file);
}

MR_TEST(a_size_limit_is_an_error_and_the_old_file_stays)
{
    mr_file file;
    struct rlimit before, small;
    char block[1024] = {0};
    mr_test_put("limited", MR_SLICE("old"));
    MR_EXPECT(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = (struct rlimit){2000, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("limited"), &err));
    MR_EXPECT(setrlimit(RLIMIT_FSIZE, &small) == 0);
    const mr_code first = mr_file_write(&file, mr_slice_of(block, sizeof block), &err);
    const mr_code second = mr_file_write(&file, mr_slice_of(block, sizeof block), &err);
    MR_EXPECT(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, handler);
    MR_EXPECT(first == MR_OK && second == MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "limited' cannot be written: File too large") != NULL);
    mr_file_close(&file);
    mr_test_expect_holds(mr_test_at("limited"), "old");
    MR_EXPECT(!mr_test_exists(mr_test_at("limited.part")));
}

MR_TEST(a_reader_that_has_gone_is_an_error)
{
    mr_file file;
    int ends[2];
    void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
    MR_EXPECT(pipe(ends) == 0);
    close(ends[0]);
    MR_EXPECT_OK(mr_file_borrow(&file, ends[1], "standard output", &err));
    MR_EXPECT_CODE(mr_file_write(&file, MR_SLICE("x"), &err), MR_ERR_IO);
    MR_EXPECT_TEXT(err.text,
                   "standard output cannot be written: Broken pipe (the reader has gone)");
    mr_file_close(&file);
    close(ends[1]);
    signal(SIGPIPE, handler);
}

/* --- signals and descriptors that would block ------------------------------------------------- */

static void nothing(int number)
{
    (void)number;
}

typedef struct slow_reader {
    int fd;
    pthread_t writer;
    uint64_t read;
} slow_reader;

static void *read_slowly(void *context)
{
    slow_reader *self = context;
    char bytes[4096];
    for (ssize_t got; (got = read(self->fd, bytes, sizeof bytes)) != 0;) {
        if (got > 0) self->read += (uint64_t)got;
        pthread_kill(self->writer, SIGUSR1);
        usleep(200);
    }
    return NULL;
}

static void expect_all_arrives(int flags)
{
    static char big[600000];
    mr_file file;
    int ends[2];
    pthread_t thread;
    const struct sigaction interrupt = {.sa_handler = nothing}; /* without SA_RESTART */
    MR_EXPECT(sigaction(SIGUSR1, &interrupt, NULL) == 0);
    MR_EXPECT(pipe(ends) == 0);
    MR_EXPECT(fcntl(ends[1], F_SETFL, flags) == 0);
    slow_reader reader = {ends[0], pthread_self(), 0};
    MR_EXPECT(pthread_create(&thread, NULL, read_slowly, &reader) == 0);
    MR_EXPECT_OK(mr_file_borrow(&file, ends[1], "a pipe", &err));
    MR_EXPECT_OK(mr_file_write(&file, mr_slice_of(big, sizeof big), &err));
    MR_EXPECT_U64(file.written, ==, sizeof big);
    mr_file_close(&file);
    close(ends[1]);
    pthread_join(thread, NULL);
    MR_EXPECT_U64(reader.read, ==, sizeof big);
    close(ends[0]);
}

MR_TEST(writing_goes_on_after_signals_and_short_writes)
{
    expect_all_arrives(0);
}

MR_TEST(a_pipe_that_would_block_is_waited_for)
{
    expect_all_arrives(O_NONBLOCK);
}

MR_TEST(readable_tells_whether_a_read_would_wait)
{
    mr_file file;
    int ends[2];
    MR_EXPECT(pipe(ends) == 0);
    MR_EXPECT_OK(mr_file_borrow(&file, ends[0], "a pipe", &err));
    MR_EXPECT(!mr_file_readable(&file, 0));
    MR_EXPECT(write(ends[1], "x", 1) == 1);
    MR_EXPECT(mr_file_readable(&file, 0));
    char byte;
    MR_EXPECT(read(ends[0], &byte, 1) == 1);
    MR_EXPECT(!mr_file_readable(&file, 0));
    close(ends[1]);
    MR_EXPECT(mr_file_readable(&file, 0)); /* the end can be read */
    mr_file_close(&file);
    close(ends[0]);
}

/* --- identity --------------------------------------------------------------------------------- */

MR_TEST(identity_sees_writing_and_replacing)
{
    mr_file file, writer;
    mr_identity first, later, named;
    mr_test_put("self", MR_SLICE("abc"));
    MR_EXPECT_OK(mr_file_open(&file, mr_test_at("self"), &err));
    MR_EXPECT_OK(mr_file_identity(&file, &first, &err));
    MR_EXPECT_U64(first.size_bytes, ==, 3);
    MR_EXPECT(mr_identity_of_path(mr_test_at("self"), &named) && mr_identity_equal(&first, &named));
    MR_EXPECT_OK(mr_file_open_append(&writer, mr_test_at("self"), &err));
    MR_EXPECT_OK(mr_file_write(&writer, MR_SLICE("d"), &err));
    mr_file_close(&writer);
    MR_EXPECT_OK(mr_file_identity(&file, &later, &err));
    MR_EXPECT(!mr_identity_equal(&first, &later) && mr_identity_same_file(&first, &later));
    MR_EXPECT_OK(mr_file_create_beside(&writer, mr_test_at("self"), &err));
    MR_EXPECT_OK(mr_file_replace(&writer, &err));
    MR_EXPECT(mr_identity_of_path(mr_test_at("self"), &named) &&
              !mr_identity_same_file(&first, &named));
    mr_file_close(&file);
    MR_EXPECT(!mr_identity_of_path(mr_test_at("missing"), &named));
    MR_EXPECT(mr_identity_of_path("/dev/null", &named) && !mr_identity_same_file(&named, &named));
}

MR_TEST(paths_that_mean_descriptors_are_known)
{
    static const struct {
        const char *path;
        int fd;
    } rows[] = {
        {"-", 7},           {"/dev/stdin", 0},  {"/dev/stdout", 1},
        {"/dev/stderr", 2}, {"/dev/fd/13", 13}, {"/proc/self/fd/4", 4},
        {"/dev/fd/", -1},   {"/dev/fd/1x", -1}, {"/dev/fd/99999999999999999999", -1},
        {"/dev/null", -1},  {"x", -1},          {"--", -1},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++)
        MR_EXPECT_I64(mr_file_path_fd(rows[i].path, 7), ==, rows[i].fd);
}

/* --- memory ----------------------------------------------------------------------------------- */

static mr_code open_and_replace(void)
{
    mr_file file;
    MR_TRY(mr_file_open(&file, mr_test_at("memory"), &err));
    mr_file_close(&file);
    MR_TRY(mr_file_open_append(&file, mr_test_at("memory"), &err));
    mr_file_close(&file);
    MR_TRY(mr_file_create_beside(&file, mr_test_at("memory"), &err));
    const mr_code rc = mr_file_write(&file, MR_SLICE("x"), &err);
    if (rc == MR_OK) return mr_file_replace(&file, &err);
    mr_file_close(&file);
    return rc;
}

MR_TEST(opening_without_memory_fails_cleanly)
{
    mr_test_put("memory", MR_SLICE("abc"));
    MR_EACH_ALLOC_FAILS(open_and_replace());
    MR_EXPECT(!mr_test_exists(mr_test_at("memory.part")));
}

MR_TEST(reading_and_writing_allocate_nothing)
{
    static char block[3 << 20];
    mr_file file;
    size_t got;
    MR_EXPECT_OK(mr_file_create_beside(&file, mr_test_at("much"), &err));
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 4; i++)
        MR_EXPECT_OK(mr_file_write(&file, mr_slice_of(block, sizeof block), &err));
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(file.sent, >=, MR_FILE_WRITE_BEHIND_BYTES);
    MR_EXPECT_OK(mr_file_replace(&file, &err));
    MR_EXPECT_OK(mr_file_open(&file, mr_test_at("much"), &err));
    MR_EXPECT_OK(mr_file_pread(&file, 12 << 20, block, sizeof block, &got, &err));
    MR_EXPECT_U64(got, ==, 0);
    MR_EXPECT_OK(mr_file_pread(&file, (12 << 20) - 5, block, sizeof block, &got, &err));
    MR_EXPECT_U64(got, ==, 5);
    mr_file_close(&file);
}
