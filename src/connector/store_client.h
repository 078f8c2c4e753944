/* SPDX-License-Identifier: MIT
 *
 * connector/store_client.h - a message store on the other side of an HTTP server, Millrace's or
 * EventoDB's: what connectors and commands ask of it.
 *
 *     POST URL/rpc     ["category.get","account",{"position":1,"batchSize":1000}]
 *     200              [[id, stream, type, position, globalPosition, data, metadata, time], ...]
 *     4xx, 5xx         {"error":{"code":"AUTH_UNAUTHORIZED","message":"..."}}
 *
 * Messages are handed over one by one while the answer arrives, so a page may be as large as it
 * likes. A call that found no server, or one that is busy, is repeated as the guard says; a page
 * goes on behind the last message that was taken.
 *
 * Thread: a client belongs to one thread. */
#ifndef MR_CONNECTOR_STORE_CLIENT_H
#define MR_CONNECTOR_STORE_CLIENT_H

#include "http/client.h"
#include "remote/guard.h"

#define MR_STORE_PAGE_MAX      10000u              /* the protocol's, of one read */
#define MR_STORE_MESSAGE_BYTES ((size_t)256 << 20) /* of one message as JSON */
#define MR_STORE_ANSWER_BYTES  ((size_t)64 << 20)  /* of an answer that is kept whole */

typedef struct mr_store_client_options {
    const char *url;   /* http://host:port, perhaps with a path */
    const char *token; /* NULL: none is sent */
    const char *ca_file;
    bool insecure;
    const char *cert_file, *key_file; /* as in http/client.h; borrowed as long as the client */
    uint32_t connect_ms, idle_ms, send_idle_ms, unused_s, keep_alive_s; /* likewise; 0: its own */
    uint64_t whole_ms; /* likewise, of one call; those that wait for messages have no end */
    mr_guard *guard;   /* borrowed; NULL: no call is repeated */
    mr_code (*may_go_on)(void *context, mr_error *err); /* as in http/client.h */
    void *context;
} mr_store_client_options;

typedef struct mr_store_client mr_store_client;

/* Connects to nothing yet. MR_ERR_USAGE for a URL that is none. */
MR_NODISCARD mr_code mr_store_client_open(const mr_store_client_options *options,
                                          mr_store_client **out, mr_error *err);
/* NULL is harmless. */
void mr_store_client_close(mr_store_client *client);

/* As errors show it: without user, password and query. */
const char *mr_store_client_url(const mr_store_client *client);

/* One method, `["name",arg,...]`; a good answer replaces what is in `answer`. `batch_id` (may be
 * NULL) is sent as Idempotency-Key, the same at every try. Refusals are MR_ERR_CONFLICT (409),
 * MR_ERR_USAGE (401, 403, 404), MR_ERR_INPUT (other 4xx) and MR_ERR_IO (5xx); the text holds the
 * server's code and message. */
MR_NODISCARD mr_code mr_store_client_rpc(mr_store_client *client, mr_slice request,
                                         const char *batch_id, mr_buffer *answer, mr_error *err);
/* The code of the last refusal ("STREAM_VERSION_CONFLICT"), empty when there was none. */
const char *mr_store_client_refusal(const mr_store_client *client);

/* A message as it is on the wire: JSON texts are not decoded, all else is. */
typedef struct mr_store_message {
    mr_slice id, stream, type, time;
    mr_slice data, metadata; /* ptr NULL: null */
    int64_t position, global_position;
} mr_store_message;

typedef struct mr_store_read {
    mr_slice stream;      /* when not empty, only this stream */
    mr_slice category;    /* else this category; empty: all messages */
    int64_t from;         /* global position, inclusive; moved behind the last message taken */
    uint32_t limit;       /* 1 to MR_STORE_PAGE_MAX */
    int64_t group_member; /* with group_size > 0; not of a stream */
    int64_t group_size;
    /* Takes one message, borrowed for the call. Its error ends the read. */
    mr_code (*take)(void *context, const mr_store_message *message, mr_error *err);
    void *context;
    uint32_t taken; /* result: fewer than `limit` means that there is nothing more for now */
} mr_store_read;

MR_NODISCARD mr_code mr_store_client_read(mr_store_client *client, mr_store_read *read,
                                          mr_error *err);

/* Returns when a message that `read` would take next may be there, told by GET URL/subscribe, or
 * after `longest_ms`, or when the server does not tell (then after `pause_ms`). `stream_position`:
 * of a stream, the position behind the last message taken; -1 when that is not known. */
MR_NODISCARD mr_code mr_store_client_wait(mr_store_client *client, const mr_store_read *read,
                                          int64_t stream_position, int64_t longest_ms,
                                          int64_t pause_ms, mr_error *err);

/* One POST to URL followed by `path` ("/import"), with the token; never repeated. Fills in method,
 * url, lines; the rest of `call` is the caller's. A refusal is an error as above. */
MR_NODISCARD mr_code mr_store_client_post(mr_store_client *client, const char *path,
                                          mr_http_call *call, mr_error *err);

#endif
