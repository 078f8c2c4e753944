/* SPDX-License-Identifier: MIT
 *
 * cli/notify.h - tells the service manager how we are, and takes the sockets it opened for us.
 *
 *     NOTIFY_SOCKET   a datagram socket, path or "@abstract": "READY=1\nSTATUS=..." (sd_notify(3))
 *     WATCHDOG_USEC   we say WATCHDOG=1 twice in that time, or are restarted
 *     LISTEN_FDS      sockets from descriptor 3 on, when LISTEN_PID is us (sd_listen_fds(3))
 *
 * Without these variables nothing happens: a server under no manager runs the same code.
 *
 * Thread: main thread. */
#ifndef MR_CLI_NOTIFY_H
#define MR_CLI_NOTIFY_H

#include "core/error.h"

#define MR_LISTEN_FDS_START 3

/* Sends `state`, lines of NAME=VALUE. Never waits; a manager that does not listen is no fault of
 * ours. True if it was sent. */
bool mr_notify(const char *state);

/* READY=1 with a status for people; the same after RELOADING. */
void mr_notify_ready(const char *status);
/* RELOADING=1 with the monotonic time, which Type=notify-reload needs. */
void mr_notify_reloading(void);
void mr_notify_stopping(void);

/* How often to call mr_notify_alive(); 0: there is no watchdog for us. */
int64_t mr_notify_watchdog_ns(void);
void mr_notify_alive(void);

/* Number of sockets that were handed over, from MR_LISTEN_FDS_START on; they are marked
 * close-on-exec and the variables are taken out of the environment. MR_ERR_USAGE for a descriptor
 * that is no listening stream socket. */
MR_NODISCARD mr_code mr_listen_fds(size_t *out_count, mr_error *err);

#endif
