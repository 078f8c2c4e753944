/* SPDX-License-Identifier: MIT
 *
 * support/store_server.h - the real program as a message store: started, killed, started again on
 * the same data.
 *
 * STORE_PROGRAM names another program to run instead, which is then given EventoDB's flags; what
 * only Millrace can do is left out by the tests (mr_store_server_is_ours()).
 *
 * Thread: the one that runs the test. */
#ifndef MR_TESTS_SUPPORT_STORE_SERVER_H
#define MR_TESTS_SUPPORT_STORE_SERVER_H

#include <sys/types.h>

#include "core/base.h"

typedef struct mr_store_server {
    pid_t pid; /* 0: not running */
    uint16_t port;
    char dir[512];       /* the data */
    char log[512];       /* file of what it prints; each start begins it anew */
    const char *preload; /* a library to load into it; NULL: none */
} mr_store_server;

/* `name` becomes a directory in the test's own. Does not start anything. */
void mr_store_server_init(mr_store_server *server, const char *name);

/* Starts it on `server->dir` and waits until it answers; fails the test when it does not. Returns
 * how long that took in microseconds. */
int64_t mr_store_server_start(mr_store_server *server);

/* SIGKILL, and waits for its end. Harmless when it does not run. */
void mr_store_server_kill(mr_store_server *server);

/* SIGTERM; returns the exit code, -1 when a signal ended it. */
int mr_store_server_stop(mr_store_server *server);

/* Resident memory in KiB. */
int64_t mr_store_server_rss_kib(const mr_store_server *server);

bool mr_store_server_is_ours(void);

/* Each database of the directory passes SQLite's own check, on a copy, so that the server still has
 * its own recovery to do. The server does not run meanwhile. */
void mr_store_server_expect_intact(const mr_store_server *server);

#endif
