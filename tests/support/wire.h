/* SPDX-License-Identifier: MIT
 *
 * support/wire.h - a client that speaks bytes: sends what a test says, shows what came back.
 *
 * Everything has a limit of a few seconds, after which the test fails.
 *
 * Thread: one client, one thread. */
#ifndef MR_TESTS_SUPPORT_WIRE_H
#define MR_TESTS_SUPPORT_WIRE_H

#include <netinet/in.h>

#include "core/buffer.h"

typedef struct mr_wire {
    int fd;
    mr_buffer in; /* received and not taken; NUL-terminated */
    bool ended;   /* the server has closed */
    bool reset;   /* and not in a friendly way */
} mr_wire;

void mr_wire_open(mr_wire *wire, uint16_t port); /* to 127.0.0.1 */
void mr_wire_close(mr_wire *wire);

/* Sends all of `bytes`; false when the server does not take them any more. */
bool mr_wire_send(mr_wire *wire, mr_slice bytes);
bool mr_wire_say(mr_wire *wire, const char *text);
/* The same in `count` pieces of nearly equal size, each on its own. */
bool mr_wire_say_in_pieces(mr_wire *wire, mr_slice bytes, size_t count);

/* Receives until `text` has come; fails the test when it does not. */
void mr_wire_await(mr_wire *wire, const char *text);
/* Receives until the server closes; returns milliseconds that took. */
unsigned mr_wire_await_end(mr_wire *wire);
/* Receives for `ms`, whatever comes. */
void mr_wire_listen(mr_wire *wire, unsigned ms);

typedef struct mr_wire_answer {
    unsigned status;
    mr_slice head; /* with the empty line */
    mr_slice body;
} mr_wire_answer;

/* Receives one answer framed by Content-Length (or without body when `head_only`) and takes it;
 * valid until the next call. */
mr_wire_answer mr_wire_answer_of(mr_wire *wire, bool head_only);

/* The value of a header line in an answer's head; empty when there is none. */
mr_slice mr_wire_header(mr_wire_answer answer, const char *name);

#endif
