/* SPDX-License-Identifier: MIT
 *
 * support/subscribe_fixture.h - a message store and the servers that let one subscribe to it, in
 * this process, so that a test can write and look inside.
 *
 * Thread: the test's; mr_sub_append() any. */
#ifndef MR_TESTS_SUPPORT_SUBSCRIBE_FIXTURE_H
#define MR_TESTS_SUPPORT_SUBSCRIBE_FIXTURE_H

#include "http/server.h"
#include "store/subscribe.h"
#include "support/sse.h"

#define MR_SUB_LOOPS_MAX 4

typedef struct mr_sub_options {
    const char *dir; /* NULL: in memory */
    uint32_t heartbeat_ms;
    uint32_t loops; /* 0: 1; each has a port of its own */
    bool no_test_mode;
    uint32_t write_ms; /* 0: as usual */
} mr_sub_options;

typedef struct mr_sub_fixture {
    mr_message_store *store;
    mr_space *space; /* `default` */
    mr_metrics *metrics;
    mr_auth auth;
    mr_subscriptions *subscriptions;
    mr_http_route route;
    mr_http_server *servers[MR_SUB_LOOPS_MAX];
    uint16_t ports[MR_SUB_LOOPS_MAX];
    uint32_t loops;
} mr_sub_fixture;

void mr_sub_open(mr_sub_fixture *f, const mr_sub_options *options);
/* Ends as a program does: servers, reads, connections, subscriptions, store. */
void mr_sub_close(mr_sub_fixture *f);
void mr_sub_stop_servers(mr_sub_fixture *f);

/* Subscribes at the first server and waits for ": ready". */
void mr_sub_subscribe(mr_sub_fixture *f, mr_sse *sse, const char *target);

/* Appends one message with `data` and returns its global position. */
int64_t mr_sub_write(mr_sub_fixture *f, const char *stream, const char *data);
/* Appends `count` messages to `stream` in one commit. */
void mr_sub_append(mr_sub_fixture *f, const char *stream, size_t count);
/* Imports one message with these positions. */
void mr_sub_import(mr_sub_fixture *f, const char *stream, int64_t position,
                   int64_t global_position);
void mr_sub_clear(mr_sub_fixture *f);
void mr_sub_make_space(mr_sub_fixture *f, const char *id, const char *token);
void mr_sub_delete_space(mr_sub_fixture *f, const char *id);

uint64_t mr_sub_metric(mr_sub_fixture *f, const char *name);
void mr_sub_await_metric(mr_sub_fixture *f, const char *name, uint64_t wanted);

#endif
