/* SPDX-License-Identifier: MIT
 *
 * support/store_client.h - a client of the message store that shares nothing with the server: its
 * own HTTP/1.1 (blocking, keep-alive), its own reading of JSON and of event streams.
 *
 *     mr_store_client client;
 *     mr_store_client_open(&client, port, MR_STORE_TOKEN);
 *     mr_slice answer;
 *     unsigned status = mr_store_client_call(&client, "[\"stream.version\",\"a-1\"]", &answer);
 *
 * A connection that breaks makes a call return 0 and is opened anew by the next one. Nothing in
 * here fails a test by itself, so that threads may use it.
 *
 * Thread: one client, one thread. */
#ifndef MR_TESTS_SUPPORT_STORE_CLIENT_H
#define MR_TESTS_SUPPORT_STORE_CLIENT_H

#include <stdatomic.h>

#include "core/buffer.h"

/* The token of namespace `default` that everybody's test suites use. */
#define MR_STORE_TOKEN                                                          \
    "ns_ZGVmYXVsdA_00000000000000000000000000000000000000000000000000000000000" \
    "00000"

typedef struct mr_store_client {
    int fd;              /* -1: not connected */
    uint16_t port;       /* on 127.0.0.1; may be changed while not connected */
    const char *token;   /* borrowed; NULL: none is sent */
    unsigned timeout_ms; /* for one answer; 20000 at first */
    mr_buffer in, body;  /* received and not taken; the last answer */
    mr_buffer out;       /* the request */
} mr_store_client;

/* Connects only when it is first used. */
void mr_store_client_open(mr_store_client *client, uint16_t port, const char *token);
void mr_store_client_close(mr_store_client *client);

/* Lets go of the connection, if there is one. */
void mr_store_client_hang_up(mr_store_client *client);

/* POST /rpc with `body`. Returns the status, 0 when no whole answer came: what was asked for may
 * have happened or not. `*out` is the answer's body, valid until the next call. */
unsigned mr_store_client_send(mr_store_client *client, mr_slice body, mr_slice *out);
unsigned mr_store_client_call(mr_store_client *client, const char *body, mr_slice *out);

/* Any method and target, with a body. */
unsigned mr_store_client_request(mr_store_client *client, const char *method, const char *target,
                                 mr_slice body, mr_slice *out);

/* --- Event streams: a client of its own for each --- */

/* GET `target` (as in "/subscribe?category=a"); returns the status when the head of the answer has
 * come. */
unsigned mr_store_client_subscribe(mr_store_client *client, const char *target);

typedef struct mr_store_event {
    mr_slice event, data, id; /* empty when absent; valid until the next call */
} mr_store_event;

/* The next event that has data, comments left out; false when none came within `ms` or the stream
 * ended. */
bool mr_store_client_event(mr_store_client *client, mr_store_event *out, unsigned ms);

/* --- JSON: values are slices of the text, found by walking it --- */

/* The value that `*rest` begins with (after white space or a comma); `*rest` goes behind it. False
 * at the end of an array or of the text. Start an array with mr_json_inside(). */
bool mr_json_step(mr_slice *rest, mr_slice *value);
/* What is between the brackets of an array or the braces of an object. */
mr_slice mr_json_inside(mr_slice value);
/* The value of a key that needs no escapes; ptr NULL when it is absent. */
mr_slice mr_json_field(mr_slice object, const char *key);
/* The element at `index`; ptr NULL when there is none. */
mr_slice mr_json_item(mr_slice array, size_t index);
/* The number, or INT64_MIN for anything else. */
int64_t mr_json_int(mr_slice value);
/* The text between the quotes, escapes as they are. */
mr_slice mr_json_text(mr_slice value);

#endif
