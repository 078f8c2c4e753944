/* SPDX-License-Identifier: MIT */
#include "connector/tail_watch.h"

#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/file.h"

#define NAME_EVENTS (IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE)

void mr_tail_watch_open(mr_tail_watch *watch)
{
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void mr_tail_watch_close(mr_tail_watch *watch)
{
    if (watch->fd >= 0) close(watch->fd);
    watch->fd = -1;
}

void mr_tail_watch_beside(mr_tail_watch *watch, const char *path)
{
    char dir[MR_FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int len = slash == NULL
                        ? snprintf(dir, sizeof dir, ".")
                        : snprintf(dir, sizeof dir, "%.*s", (int)(slash - path + 1), path);
    if (watch->fd < 0 || len <= 0 || (size_t)len >= sizeof dir) return;
    (void)inotify_add_watch(watch->fd, dir, IN_MODIFY | NAME_EVENTS | IN_ONLYDIR);
}

bool mr_tail_watch_wait(mr_tail_watch *watch, int timeout_ms, bool *out_names)
{
    _Alignas(struct inotify_event) char bytes[8192];
    struct pollfd wanted = {.fd = watch->fd, .events = POLLIN};
    *out_names = false;
    if (poll(&wanted, 1, timeout_ms) <= 0) return false;
    for (ssize_t got; (got = read(watch->fd, bytes, sizeof bytes)) > 0;) {
        for (ssize_t at = 0; at < got;) {
            struct inotify_event event;
            memcpy(&event, bytes + at, sizeof event);
            if ((event.mask & (NAME_EVENTS | IN_Q_OVERFLOW)) != 0) *out_names = true;
            at += (ssize_t)(sizeof event + event.len);
        }
    }
    return true;
}
