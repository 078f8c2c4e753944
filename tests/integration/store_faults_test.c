/* SPDX-License-Identifier: MIT
 *
 * The disk is full, or fails: what was acknowledged stays, errors say so, reading goes on, and once
 * the disk is well the store writes again without a restart.
 * Runs alone: it waits for others within seconds. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support/failing_io.h"
#include "support/store_torture.h"
#include "support/test.h"

#define WRITERS    16
#define DISK_BYTES "size=24m"
#define LIMIT_MS   20000

static mr_torture torture;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(unsigned ms)
{
    const struct timespec moment = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&moment, NULL);
}

/* Waits until `counter` has grown by `more`. */
static void await_more(const atomic_uint_least64_t *counter, uint64_t more, const char *what)
{
    const uint64_t wanted = atomic_load(counter) + more;
    const int64_t start = now_ms();
    while (atomic_load(counter) < wanted) {
        if (now_ms() - start > LIMIT_MS)
            MR_TEST_FAIL("%s did not come: %" PRIu64 " of %" PRIu64 " more\n", what,
                         more - (wanted - atomic_load(counter)), more);
        pause_ms(1);
    }
}

/* What a client sees while nothing can be written. */
static void expect_clear_error_and_reading(uint16_t port)
{
    mr_store_client client;
    mr_slice answer;
    mr_store_client_open(&client, port, MR_STORE_TOKEN);
    const unsigned status = mr_store_client_call(
        &client, "[\"category.get\",\"\",{\"position\":1,\"batchSize\":10}]", &answer);
    if (status != 200) MR_TEST_FAIL("reading: %u %.*s\n", status, MR_SLICE_ARGS(answer));
    MR_EXPECT(mr_json_item(answer, 9).ptr != NULL);
    for (unsigned i = 0;; i++) {
        const unsigned wrote = mr_store_client_call(
            &client,
            "[\"stream.write\",\"a\",{\"type\":\"T\",\"data\":{}},{\"expectedVersion\":7}]",
            &answer);
        /* A conflict needs no disk, so it may be what is answered; anything else is an error with
         * a code and a text. */
        if (wrote == 409) break;
        const mr_slice error = mr_json_field(answer, "error");
        if (wrote != 500) MR_TEST_FAIL("status %u: %.*s\n", wrote, MR_SLICE_ARGS(answer));
        MR_EXPECT_SLICE(mr_json_field(error, "code"), "\"BACKEND_ERROR\"");
        MR_EXPECT(mr_json_field(error, "message").len > 10);
        break;
    }
    mr_store_client_close(&client);
}

static void restart_and_verify(mr_store_server *server)
{
    mr_store_server_kill(server);
    mr_store_server_expect_intact(server);
    server->preload = NULL;
    mr_store_server_start(server);
    MR_EXPECT_U64(mr_torture_verify(&torture), >, 0);
    MR_EXPECT_I64(mr_store_server_stop(server), ==, 0);
    mr_torture_done(&torture);
}

/* --- A full disk --- */

/* A small file system that only this process and its children see. */
static bool mount_small(const char *dir)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", 0, DISK_BYTES) == 0;
}

/* Takes all the space that is left. */
static void fill(const char *path)
{
    static const char zeros[65536];
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) MR_TEST_FAIL("%s: %s\n", path, strerror(errno));
    for (size_t size = sizeof zeros; size > 0;)
        if (write(fd, zeros, size) != (ssize_t)size) size /= 2;
    close(fd);
}

MR_TEST(a_full_disk_costs_nothing_that_was_acknowledged_and_heals_when_there_is_space)
{
    mr_store_server server;
    char filler[600];
    mr_store_server_init(&server, "small");
    if (!mount_small(server.dir)) {
        print_message("SKIPPED: no file system can be mounted here: %s\n", strerror(errno));
        return;
    }
    snprintf(filler, sizeof filler, "%s/filler", server.dir);
    mr_torture_init(&torture, &server, WRITERS, 1);
    torture.pause_us = 500;
    mr_store_server_start(&server);
    for (unsigned i = 0; i < 3; i++) {
        mr_torture_begin(&torture);
        await_more(&torture.acknowledged, 200, "answers");
        fill(filler);
        await_more(&torture.server_errors, 100, "errors");
        expect_clear_error_and_reading(server.port);
        unlink(filler);
        await_more(&torture.acknowledged, 200, "answers after the disk had space again");
        mr_torture_end(&torture);
        MR_EXPECT_U64(mr_torture_verify(&torture), >, 400);
    }
    restart_and_verify(&server);
    umount2(server.dir, MNT_DETACH);
}

/* --- A disk that fails --- */

#ifdef MR_FAILING_IO

static failing_io *control;

static void map_control(const char *dir)
{
    static char path[600];
    snprintf(path, sizeof path, "%s.control", dir);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *control) != 0)
        MR_TEST_FAIL("%s: %s\n", path, strerror(errno));
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MR_EXPECT(control != MAP_FAILED);
    close(fd);
    snprintf(control->dir, sizeof control->dir, "%.511s", dir);
    setenv(FAILING_IO_ENV, path, 1);
}

static void arm(unsigned kinds, int error, unsigned per_million, uint64_t after, uint64_t count)
{
    atomic_store(&control->kinds, kinds);
    atomic_store(&control->error, error);
    atomic_store(&control->per_million, per_million);
    atomic_store(&control->after, after);
    atomic_store(&control->count, count);
    atomic_store(&control->seen, 0);
    atomic_store(&control->failed, 0);
    atomic_store(&control->armed, 1);
}

static void disarm(void)
{
    atomic_store(&control->armed, 0);
}

static void start_failing(mr_store_server *server, const char *name, uint64_t seed)
{
    mr_store_server_init(server, name);
    map_control(server->dir);
    server->preload = MR_FAILING_IO;
    mr_torture_init(&torture, server, WRITERS, seed);
    torture.pause_us = 200;
    mr_store_server_start(server);
}

MR_TEST(one_failed_call_of_any_kind_loses_nothing_that_was_acknowledged)
{
    static const struct {
        unsigned kinds;
        int error;
        uint64_t count;
    } rows[] = {
        {FAILING_WRITE, EIO, 1},   {FAILING_WRITE, ENOSPC, 1}, {FAILING_WRITE, ENOSPC, 5},
        {FAILING_SYNC, EIO, 1},    {FAILING_SYNC, EIO, 3},     {FAILING_TRUNCATE, EIO, 1},
        {FAILING_ALL, EDQUOT, 20},
    };
    static const uint64_t afters[] = {0, 1, 2, 3, 5, 8, 20};
    mr_store_server server;
    start_failing(&server, "failing", 2);
    mr_torture_begin(&torture);
    uint64_t failed = 0;
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        for (size_t k = 0; k < MR_COUNT_OF(afters); k++) {
            arm(rows[i].kinds, rows[i].error, 0, afters[k], rows[i].count);
            for (unsigned ms = 0; ms < 60 && atomic_load(&control->failed) < rows[i].count; ms++)
                pause_ms(1);
            disarm();
            failed += atomic_load(&control->failed);
            await_more(&torture.acknowledged, 20, "answers after a failure");
        }
    }
    mr_torture_end(&torture);
    mr_torture_verify(&torture);
    print_message("%" PRIu64 " calls failed, %" PRIu64 " requests were told so, %" PRIu64
                  " acknowledged\n",
                  failed, atomic_load(&torture.server_errors), atomic_load(&torture.acknowledged));
    MR_EXPECT_U64(failed, >, 20);
    restart_and_verify(&server);
}

MR_TEST(a_disk_that_always_fails_is_told_and_forgotten_when_it_is_well)
{
    mr_store_server server;
    start_failing(&server, "broken", 3);
    for (unsigned i = 0; i < 2; i++) {
        mr_torture_begin(&torture);
        await_more(&torture.acknowledged, 100, "answers");
        arm(i == 0 ? FAILING_ALL : FAILING_SYNC, i == 0 ? ENOSPC : EIO, 0, 0, UINT64_MAX);
        await_more(&torture.server_errors, 50, "errors");
        expect_clear_error_and_reading(server.port);
        disarm();
        await_more(&torture.acknowledged, 100, "answers after the disk was well again");
        mr_torture_end(&torture);
        mr_torture_verify(&torture);
    }
    restart_and_verify(&server);
}

MR_TEST(calls_that_fail_at_random_lose_nothing_even_with_a_kill_among_them)
{
    mr_store_server server;
    start_failing(&server, "random", 4);
    for (unsigned i = 0; i < 6; i++) {
        mr_torture_begin(&torture);
        arm(FAILING_ALL, i % 2 == 0 ? EIO : ENOSPC, 20000u << i % 3, 0, 0);
        pause_ms(150);
        mr_store_server_kill(&server);
        disarm();
        mr_torture_end(&torture);
        mr_store_server_expect_intact(&server);
        mr_store_server_start(&server);
        mr_torture_verify(&torture);
    }
    restart_and_verify(&server);
}

#else

MR_TEST(a_failing_disk_is_tested_by_builds_without_sanitizers)
{
    print_message("SKIPPED: a sanitizer's library must be the first to be loaded\n");
}

#endif
