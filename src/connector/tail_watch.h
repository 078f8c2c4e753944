/* SPDX-License-Identifier: MIT
 *
 * connector/tail_watch.h - waiting for files to change: inotify where it works, and time.
 *
 * Events wake sooner than polling would and say nothing more: who is woken looks for himself. Where
 * there are none (a file system over the network, a limit of the system) waiting ends by its time.
 *
 * Thread: owned by one. */
#ifndef MR_CONNECTOR_TAIL_WATCH_H
#define MR_CONNECTOR_TAIL_WATCH_H

#include "core/base.h"

typedef struct mr_tail_watch {
    int fd; /* below 0: only time wakes */
} mr_tail_watch;

void mr_tail_watch_open(mr_tail_watch *watch);
void mr_tail_watch_close(mr_tail_watch *watch);

/* Wakes for what happens in the directory of `path` from now on; once more is harmless. */
void mr_tail_watch_beside(mr_tail_watch *watch, const char *path);

/* Waits up to `timeout_ms`. Did something happen, and are files there or gone, or named otherwise?
 */
bool mr_tail_watch_wait(mr_tail_watch *watch, int timeout_ms, bool *out_names);

#endif
