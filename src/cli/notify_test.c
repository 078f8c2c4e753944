/* SPDX-License-Identifier: MIT */
#include "cli/notify.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "support/test.h"

static int manager_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@') address.sun_path[0] = 0;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
    MR_EXPECT_I64(bind(fd, (struct sockaddr *)&address, size), ==, 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static const char *heard(int fd)
{
    static char text[1024];
    const ssize_t len = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[len > 0 ? len : 0] = 0;
    return text;
}

MR_TEST(a_manager_hears_states_by_path_and_by_abstract_name)
{
    char path[256], abstract[64];
    snprintf(path, sizeof path, "%s/notify", mr_test_dir());
    snprintf(abstract, sizeof abstract, "@millrace-test-%ld", (long)getpid());
    const char *const names[] = {path, abstract};
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        const int fd = manager_socket(names[i]);
        mr_notify_ready("listening on 127.0.0.1:8080");
        char wanted[128];
        snprintf(wanted, sizeof wanted, "READY=1\nSTATUS=listening on 127.0.0.1:8080\nMAINPID=%ld",
                 (long)getpid());
        MR_EXPECT_TEXT(heard(fd), wanted);
        mr_notify_stopping();
        MR_EXPECT(strncmp(heard(fd), "STOPPING=1\n", 11) == 0);
        mr_notify_reloading();
        MR_EXPECT(strncmp(heard(fd), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0);
        mr_notify_alive();
        MR_EXPECT_TEXT(heard(fd), "WATCHDOG=1");
        close(fd);
    }
    unsetenv("NOTIFY_SOCKET");
}

MR_TEST(without_a_manager_nothing_is_sent_and_nothing_fails)
{
    static const char *const bad[] = {"", "/", "relative", "/nonexistent/notify", "@"};
    unsetenv("NOTIFY_SOCKET");
    MR_EXPECT(!mr_notify("READY=1"));
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        MR_EXPECT(!mr_notify("READY=1"));
    }
    unsetenv("NOTIFY_SOCKET");
}

MR_TEST(a_manager_that_does_not_read_blocks_nothing)
{
    char path[256];
    snprintf(path, sizeof path, "%s/full", mr_test_dir());
    const int fd = manager_socket(path);
    for (int i = 0; i < 10000; i++)
        mr_notify_alive();
    close(fd);
    unsetenv("NOTIFY_SOCKET");
}

MR_TEST(the_watchdog_is_fed_twice_in_its_time)
{
    static const struct {
        const char *usec;
        int64_t wanted;
    } rows[] = {{"30000000", 15 * MR_NS_PER_S}, {"0", 0}, {"1", 0}, {"-5", 0}, {"x", 0},
                {"99999999999999999999", 0}};
    setenv("NOTIFY_SOCKET", "/x", 1);
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        setenv("WATCHDOG_USEC", rows[i].usec, 1);
        MR_EXPECT_I64(mr_notify_watchdog_ns(), ==, rows[i].wanted);
    }
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    MR_EXPECT_I64(mr_notify_watchdog_ns(), ==, 0);
    unsetenv("WATCHDOG_PID");
    unsetenv("NOTIFY_SOCKET");
    MR_EXPECT_I64(mr_notify_watchdog_ns(), ==, 0);
    unsetenv("WATCHDOG_USEC");
}

/* Puts `fd` where a manager would have put it, for the time of `call`. */
static mr_code fds_with(int fd, const char *count, const char *pid, size_t *out, mr_error *err)
{
    const int kept = fcntl(MR_LISTEN_FDS_START, F_DUPFD_CLOEXEC, 10);
    if (fd >= 0) dup2(fd, MR_LISTEN_FDS_START);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_PID", pid, 1);
    const mr_code rc = mr_listen_fds(out, err);
    if (kept >= 0) {
        dup2(kept, MR_LISTEN_FDS_START);
        close(kept);
    } else {
        close(MR_LISTEN_FDS_START);
    }
    return rc;
}

MR_TEST(only_listening_sockets_meant_for_us_are_taken)
{
    mr_error err = {0};
    size_t count = 9;
    char pid[32];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    unsetenv("LISTEN_FDS");
    MR_EXPECT_OK(mr_listen_fds(&count, &err));
    MR_EXPECT_U64(count, ==, 0);
    MR_EXPECT_OK(fds_with(-1, "1", "1", &count, &err)); /* another process's */
    MR_EXPECT_U64(count, ==, 0);
    MR_EXPECT_CODE(fds_with(-1, "many", pid, &count, &err), MR_ERR_USAGE);
    int pair[2];
    MR_EXPECT_I64(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    MR_EXPECT_CODE(fds_with(pair[0], "1", pid, &count, &err), MR_ERR_USAGE);
    MR_EXPECT_TEXT(err.text, "descriptor 3 of LISTEN_FDS: expected a listening stream socket; use "
                             "ListenStream= and Accept=no");
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MR_EXPECT_I64(listen(listener, 1), ==, 0);
    MR_EXPECT_OK(fds_with(listener, "1", pid, &count, &err));
    MR_EXPECT_U64(count, ==, 1);
    MR_EXPECT(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_PID") == NULL);
    close(listener);
    close(pair[0]);
    close(pair[1]);
}
