/* SPDX-License-Identifier: MIT
 *
 * support/sse.h - a subscriber of the message store that believes nothing: it takes the chunks
 * apart, holds each to the bytes that an event must have, and keeps what came.
 *
 * Everything has a limit of a few seconds, after which the test fails.
 *
 * Thread: one client, one thread. */
#ifndef MR_TESTS_SUPPORT_SSE_H
#define MR_TESTS_SUPPORT_SSE_H

#include "core/buffer.h"

typedef struct mr_sse_event {
    int64_t position, global_position;
    char stream[48]; /* cut */
} mr_sse_event;

typedef struct mr_sse {
    int fd;
    mr_buffer in;    /* received and not taken apart */
    mr_buffer head;  /* of the answer, NUL-terminated; what is no stream stays here whole */
    mr_buffer data;  /* of the last event of body=true, NUL-terminated */
    unsigned status; /* 0 until the head has come */
    unsigned ready_count, beat_count;
    unsigned split_count; /* times that a receive ended inside a chunk */
    bool ended;           /* by the last chunk */
    bool closed;          /* the connection, by the server */
    mr_sse_event *events;
    size_t count, cap;
} mr_sse;

/* Asks for `target`; `headers` are whole lines. `receive_bytes` limits what the system takes for
 * it while it does not read; 0: as usual. */
void mr_sse_open(mr_sse *sse, uint16_t port, const char *target, const char *headers,
                 int receive_bytes);
void mr_sse_close(mr_sse *sse);
/* The same without a good-bye. */
void mr_sse_abort(mr_sse *sse);

/* Receives what comes within `ms` at most; false when nothing came. */
bool mr_sse_receive(mr_sse *sse, unsigned ms);
void mr_sse_await_ready(mr_sse *sse);
/* Until `count` events have come, ever. */
void mr_sse_await(mr_sse *sse, size_t count);
void mr_sse_await_end(mr_sse *sse);
/* The events' global positions are exactly those of `wanted` ("1 2 6"), in this order, and nothing
 * else comes within a moment. */
void mr_sse_expect(mr_sse *sse, const char *wanted);
/* The same for all from `first` to `last`. */
void mr_sse_expect_run(mr_sse *sse, int64_t first, int64_t last);

/* --- A subscriber that is nothing but a socket: it holds no memory and allocates nothing ------ */

int mr_sse_plain(uint16_t port, const char *target);
/* Receives until `needle` has come `count` times. */
void mr_sse_plain_await(int fd, const char *needle, unsigned count);

#endif
