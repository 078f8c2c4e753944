/* SPDX-License-Identifier: MIT
 *
 * http/server.h - the HTTP/1.1 server: a table of routes, served by one thread of its own.
 *
 *     open     binds, so that a taken port is an error of start-up
 *     start    the thread begins to serve
 *     stop     no more connections, idle ones closed at once, streams ended, requests in flight
 *              finish within the grace
 *     close    gives everything back
 *
 * One server is one event loop. For more I/O threads see http/group.h.
 * The server logs nothing; it counts, in the registry it is given (millrace_http_*).
 *
 * Thread: open, start, stop and close belong to one thread; handlers run on the server's. */
#ifndef MR_HTTP_SERVER_H
#define MR_HTTP_SERVER_H

#include "http/limits.h"
#include "http/request.h"
#include "http/tls.h"
#include "metrics/registry.h"

typedef struct mr_http_route {
    mr_http_method method; /* MR_HTTP_GET also serves HEAD; MR_HTTP_ANY everything */
    const char *path;      /* whole, or a beginning when it ends in '*' */
    mr_http_handler *handler;
    void *context;
    uint64_t body_bytes_max; /* 0: the server's limit; UINT64_MAX: none */
    bool in_pieces;          /* the handler runs before the body has come, see http/request.h */
} mr_http_route;

/* One answered request, for logs and histograms. Slices are borrowed for the call. */
typedef struct mr_http_access {
    uint64_t id; /* as mr_http_request_id() */
    mr_http_method method;
    mr_slice method_text, path; /* empty when the request line could not be read */
    uint16_t status;
    bool streamed;           /* told when the stream is over */
    bool gone;               /* the peer had left before the answer was given, or all of it */
    uint64_t duration_ns;    /* from the end of the head (a refused one: its start) to this call */
    uint64_t received_bytes; /* of head and body */
    uint64_t sent_bytes;     /* of the body; what the peer has really read is not known */
} mr_http_access;

/* The code that the server's own error bodies have for a status. */
typedef struct mr_http_error_code {
    uint16_t status;
    const char *code;
} mr_http_error_code;

typedef struct mr_http_options {
    mr_slice address;            /* see http/listen.h */
    const mr_http_route *routes; /* borrowed until close; the first that fits serves */
    size_t route_count;
    mr_metrics *metrics;       /* borrowed until close */
    mr_http_limits limits;     /* MR_HTTP_LIMITS_DEFAULT */
    mr_slice name;             /* of the Server header, a literal; empty: none */
    const mr_http_line *lines; /* headers of every answer that does not set them itself; values
                                  without control characters; borrowed until close */
    size_t line_count;
    mr_http_tls *tls; /* NULL: without; borrowed until close, see http/tls.h */
    bool reuse_port;
    bool send_request_id;                  /* X-Request-Id: the id in 16 hexadecimal digits */
    const mr_http_error_code *error_codes; /* borrowed until close; before the usual ones */
    size_t error_code_count;
    /* NULL: nobody is told. On the server's thread, once for each answered request, also for those
     * that the server refuses itself; not for connections that it refuses. Must be quick. */
    void (*on_answer)(const mr_http_access *access, void *context);
    void *on_answer_context;
} mr_http_options;

typedef struct mr_http_server mr_http_server;

/* Lets this process open `wanted` descriptors, or as many of them as its hard limit allows, and
 * returns how many it may open: connections_max and what else is open should fit. To be called
 * once, when the program starts. */
uint64_t mr_http_raise_descriptors(uint64_t wanted);

MR_NODISCARD mr_code mr_http_server_open(const mr_http_options *options, mr_http_server **out,
                                         mr_error *err);
MR_NODISCARD mr_code mr_http_server_start(mr_http_server *server, mr_error *err);

/* "127.0.0.1:9090" as bound, and its port: what was chosen when port 0 was asked for. */
const char *mr_http_server_address(const mr_http_server *server);
uint16_t mr_http_server_port(const mr_http_server *server);

/* Returns when the last connection is closed, at the latest after `grace_ms`; what then still runs
 * is cut. Harmless twice and before start. mr_http_resume() may be called until close. */
void mr_http_server_stop(mr_http_server *server, uint32_t grace_ms);
/* The first half of it: begins to stop and returns at once; mr_http_server_stop() waits. */
void mr_http_server_stop_soon(mr_http_server *server, uint32_t grace_ms);

/* Stops if need be. Every deferred request must have been resumed, and the calls must have
 * returned: join the threads that resume between stop and close. NULL is harmless. */
void mr_http_server_close(mr_http_server *server);

#endif
