/* SPDX-License-Identifier: MIT */
#include "cli/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/number.h"

#define LISTEN_FDS_MAX 16

/* The address that NOTIFY_SOCKET names; 0 when there is none that we can use. */
static socklen_t notify_address(struct sockaddr_un *out)
{
    const char *path = getenv("NOTIFY_SOCKET");
    const size_t len = path != NULL ? strlen(path) : 0;
    if (len < 2 || len >= sizeof out->sun_path || (path[0] != '/' && path[0] != '@')) return 0;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, path, len);
    if (path[0] == '@') out->sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
}

bool mr_notify(const char *state)
{
    struct sockaddr_un address;
    const socklen_t len = notify_address(&address);
    if (len == 0) return false;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                                (const struct sockaddr *)&address, len);
    close(fd);
    return sent >= 0;
}

void mr_notify_ready(const char *status)
{
    char state[512];
    snprintf(state, sizeof state, "READY=1\nSTATUS=%s\nMAINPID=%ld", status, (long)getpid());
    mr_notify(state);
}

void mr_notify_reloading(void)
{
    struct timespec now;
    char state[96];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / MR_NS_PER_US);
    mr_notify(state);
}

void mr_notify_stopping(void)
{
    mr_notify("STOPPING=1\nSTATUS=finishing requests");
}

/* Variables of the manager are for the process whose number stands beside them. */
static bool is_for_us(const char *pid_variable, bool needed)
{
    const char *text = getenv(pid_variable);
    uint64_t pid;
    if (text == NULL) return !needed;
    return mr_parse_u64(mr_slice_text(text), &pid) && pid == (uint64_t)getpid();
}

int64_t mr_notify_watchdog_ns(void)
{
    uint64_t usec;
    const char *text = getenv("WATCHDOG_USEC");
    if (text == NULL || getenv("NOTIFY_SOCKET") == NULL || !is_for_us("WATCHDOG_PID", false))
        return 0;
    if (!mr_parse_u64(mr_slice_text(text), &usec) || usec < 2 || usec > INT64_MAX / MR_NS_PER_US)
        return 0;
    return (int64_t)(usec / 2) * MR_NS_PER_US;
}

void mr_notify_alive(void)
{
    mr_notify("WATCHDOG=1");
}

static mr_code check_listener(int fd, mr_error *err)
{
    int type = 0, listening = 0;
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
        return mr_fail_errno(err, errno, "descriptor %d of LISTEN_FDS", fd);
    len = sizeof listening;
    (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len);
    if (type != SOCK_STREAM || listening == 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "descriptor %d of LISTEN_FDS: expected a listening stream socket; use "
                       "ListenStream= and Accept=no",
                       fd);
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return mr_fail_errno(err, errno, "descriptor %d of LISTEN_FDS", fd);
    return MR_OK;
}

mr_code mr_listen_fds(size_t *out_count, mr_error *err)
{
    uint64_t count = 0;
    const char *text = getenv("LISTEN_FDS");
    *out_count = 0;
    if (text == NULL || !is_for_us("LISTEN_PID", true)) return MR_OK;
    if (!mr_parse_u64(mr_slice_text(text), &count) || count > LISTEN_FDS_MAX)
        return mr_fail(err, MR_ERR_USAGE, "LISTEN_FDS: expected 0 to %d, found '%s'",
                       LISTEN_FDS_MAX, text);
    for (uint64_t i = 0; i < count; i++)
        MR_TRY(check_listener(MR_LISTEN_FDS_START + (int)i, err));
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    *out_count = count;
    return MR_OK;
}
