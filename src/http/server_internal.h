/* SPDX-License-Identifier: MIT
 *
 * http/server_internal.h - what server.c, connection.c, request.c and response.c share.
 *
 *     server ── connection ── request      an idle connection has none: requests with their
 *        └────── spare requests            buffers come from a pool, and go back when nothing is
 *                                          left to read or send
 *
 * Thread: owned by the server's thread, but for the fields marked in mr_http_server. */
#ifndef MR_HTTP_SERVER_INTERNAL_H
#define MR_HTTP_SERVER_INTERNAL_H

#include <pthread.h>

#include "http/chunked.h"
#include "http/listen.h"
#include "http/loop.h"
#include "http/peers.h"
#include "http/server.h"
#include "http/transport.h"

/* Bodies of known length up to this stay behind their head in one buffer. */
#define MR_HTTP_IN_PLACE_BODY_BYTES 8192u

typedef struct mr_http_connection mr_http_connection;

typedef enum mr_http_state {
    MR_HTTP_READ_HEAD, /* idle when it has no request */
    MR_HTTP_READ_BODY,
    MR_HTTP_PIECES, /* a body in pieces and, perhaps, its answer */
    MR_HTTP_HANDLE, /* deferred */
    MR_HTTP_WRITE,
    MR_HTTP_STREAM,
    MR_HTTP_LINGER, /* answered and ended; what the peer still sends is thrown away */
    MR_HTTP_CLOSED, /* to be recycled when the turn ends */
} mr_http_state;

/* How far a body in pieces has come. */
typedef enum mr_http_body_state {
    MR_HTTP_BODY_COMING,
    MR_HTTP_BODY_WHOLE, /* all has come; its handler is still to be told */
    MR_HTTP_BODY_OVER,  /* told, or of no interest any more */
} mr_http_body_state;

/* What a state's function says when it returns. */
typedef enum mr_http_step {
    MR_HTTP_GO_ON, /* call the present state's function at once */
    MR_HTTP_WAIT,  /* the loop or a deadline will */
} mr_http_step;

struct mr_http_request {
    mr_http_connection *connection; /* NULL: the peer has left */
    mr_http_server *server;
    mr_http_request *next_spare;

    mr_buffer in; /* bytes received; the request begins at `start` */
    size_t start;
    size_t end;                 /* of the request in `in`, once it is complete */
    mr_http_head head;          /* its fields are `fields` */
    const mr_http_route *route; /* NULL: none fits, see `fault` */
    uint64_t body_bytes_max;
    mr_http_chunked chunked;
    mr_buffer body;        /* a body that is not in place */
    uint64_t body_charged; /* of the server's bodies_bytes: what `body` holds */
    mr_slice path;         /* decoded; in `in` or the arena */
    bool path_in_place;
    mr_arena arena;

    mr_buffer out; /* heads and copied bodies to be sent, of pipelined requests too */
    size_t out_sent;
    mr_slice borrowed; /* follows `out` */
    mr_buffer output;  /* mr_http_output() */
    bool replied, deferred, in_handler;
    uint64_t id;       /* 0: not asked for yet */
    uint64_t begun_ns; /* when the head was complete; 0 before */

    /* Of a body in pieces, as all up to body_context. */
    bool pieces, body_paused, body_patient, owes_continue;
    uint8_t body_state;
    uint64_t body_left;       /* of a body of known length */
    uint64_t body_received;   /* with the framing of chunks */
    uint64_t body_clock_ns;   /* when it began, moved by the time it was not wanted */
    uint64_t body_stopped_ns; /* since when it is not wanted; 0 while it is */
    const mr_http_body_events *body_events;
    void *body_context;

    bool streaming, stream_chunked, stream_ended, wants_writable;
    bool stream_settled; /* mr_http_stream_settle(), as is: */
    size_t stream_high_bytes;
    const mr_http_stream_events *events;
    void *events_context;
    uint16_t stream_status;
    uint64_t stream_bytes; /* sent, without the framing of chunks */
    uint32_t stream_input; /* bytes its reader has sent meanwhile */

    mr_loop_job resume_job;
    mr_http_handler *resume_handler; /* set before resume_job is posted, read when it runs */
    void *resume_context;

    mr_http_field fields[]; /* header_count_max */
};

struct mr_http_connection {
    mr_watch watch;
    mr_timer timer;
    mr_loop_job later; /* advances, or recycles when closed */
    mr_http_server *server;
    mr_http_request *request;
    mr_http_connection *prev, *next; /* live ones; `next` alone links the spare ones */
    uint64_t peer_key;
    uint64_t phase_ns;    /* when the present phase began */
    uint64_t phase_bytes; /* moved in it, as far as they extend it */
    mr_transport transport;
    uint32_t turn_bytes; /* received since the connection last had its turn */
    uint16_t answered;   /* pipelined requests answered and not yet sent */
    uint8_t state;
    bool readable, writable, ending; /* what the loop told and no call has taken back */
    bool later_queued;
    bool writing;     /* a write deadline runs */
    bool close_after; /* the present answer is the last one */
    bool linger;      /* the peer may still be sending */
    bool broken;      /* cannot be written to; noticed where closing is not allowed */
};

typedef struct mr_http_counters {
    mr_gauge *connections;
    mr_counter *accepted, *accept_errors;
    mr_counter *refused_total, *refused_address;
    mr_counter *requests[6]; /* by hundreds of the status */
    mr_counter *received_bytes, *sent_bytes;
    mr_counter *timeouts_header, *timeouts_body, *timeouts_write, *timeouts_idle;
} mr_http_counters;

typedef struct mr_http_listener {
    mr_watch watch;
    mr_http_server *server;
    int fd;
} mr_http_listener;

/* What the servers of a group count together; any of their threads. The sums are limits, nothing
 * else is read by them, so relaxed order does. */
typedef struct mr_http_shared {
    atomic_uint connections;
    atomic_uint_least64_t bodies_bytes; /* held by bodies of requests that connections have */
} mr_http_shared;

struct mr_http_server {
    mr_loop loop;
    mr_http_options options;
    mr_http_limits limits;
    mr_http_counters count;
    mr_listen_sockets sockets;
    mr_http_listener listeners[MR_LISTEN_SOCKETS_MAX];
    mr_timer accept_timer; /* while accepting is paused for want of descriptors */
    bool accepting;
    mr_peers peers;
    char *piece; /* piece_bytes_max, for bodies in pieces; NULL where no route wants them */

    mr_http_connection *connections; /* live */
    mr_http_connection *spare_connections;
    void *slabs; /* of connections; a list through their first bytes */
    uint32_t connection_count;
    mr_http_request *spare_requests;
    uint32_t spare_request_count;
    uint32_t deferred_count; /* requests that wait to be resumed */
    mr_http_shared own;      /* of a server that belongs to no group */
    mr_http_shared *shared;

    uint64_t last_id; /* of a request */

    int64_t date_second;
    char date[30]; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

    bool stopping;
    mr_timer grace_timer;
    mr_loop_job stop_job; /* posted by mr_http_server_stop() */
    uint32_t grace_ms;    /* set before stop_job is posted */

    pthread_t thread; /* these four belong to the thread that opened the server */
    bool started, stopping_soon, stopped;
};

/* --- request.c -------------------------------------------------------------------------------- */

/* From the pool, or made; NULL without memory. */
MR_NODISCARD mr_http_request *mr_http_request_take(mr_http_connection *connection);
/* Back to the pool; large memory is given back. */
void mr_http_request_release(mr_http_request *request);
/* Forgets the present request, keeps what follows it in `in` and what waits in `out`. */
void mr_http_request_next(mr_http_request *request);
/* Gives back what a stream can do without, perhaps for hours. */
void mr_http_request_slim(mr_http_request *request);
void mr_http_request_free(mr_http_request *request);
/* Finds path and route. A fault with a status when the request cannot be served. */
mr_http_fault mr_http_request_route(mr_http_request *request);
bool mr_http_route_has_path(const mr_http_route *route, mr_slice path);
/* Accounts for what `body` holds; false when all bodies together hold too much. */
MR_NODISCARD bool mr_http_request_charge(mr_http_request *request);

MR_INLINE bool mr_http_request_has_output(const mr_http_request *request)
{
    return request->out.len > request->out_sent || request->borrowed.len > 0;
}

/* Bytes of output that may wait for a slow reader of the stream. */
MR_INLINE size_t mr_http_stream_high(const mr_http_request *request)
{
    const size_t own = request->stream_high_bytes;
    return own > 0 ? own : request->server->limits.output_high_bytes;
}

/* --- response.c ------------------------------------------------------------------------------- */

/* Answers with a status and the server's own error body. */
void mr_http_reply_fault(mr_http_request *request, mr_http_fault fault);
/* Answers 404, 405 or 501, whichever says why no route fits. */
void mr_http_reply_unrouted(mr_http_request *request);

/* --- access.c --------------------------------------------------------------------------------- */

/* Below all numbers of a new server's requests. */
uint64_t mr_http_first_id(void);
/* The request has been answered: tells the options' on_answer. */
void mr_http_tell_access(mr_http_request *request, uint16_t status, uint64_t sent_bytes);
/* The stream is over: tells that, and its owner. */
void mr_http_close_stream(mr_http_request *request);

/* --- connection.c ----------------------------------------------------------------------------- */

/* Takes over an accepted socket. False when it had to be closed for want of memory. */
MR_NODISCARD bool mr_http_connection_open(mr_http_server *server, int fd, uint64_t peer_key);
void mr_http_connection_close(mr_http_connection *connection, bool abandon);
/* Goes on with whatever is next, as far as it gets. */
void mr_http_connection_advance(mr_http_connection *connection);
/* The same at the end of the loop's turn, where `broken` is acted upon. */
void mr_http_connection_later(mr_http_connection *connection);
/* Sends what waits; false when the connection is broken. */
MR_NODISCARD bool mr_http_connection_flush(mr_http_connection *connection);
/* After a handler has run: goes on by what it did. */
void mr_http_connection_settle(mr_http_connection *connection);
/* Runs the request's handler, or says why there is none. */
MR_NODISCARD mr_http_step mr_http_connection_dispatch(mr_http_connection *connection);
/* Answers with the server's own error, as the last answer of the connection. */
void mr_http_connection_fault(mr_http_connection *connection, uint16_t status, const char *message);
/* A phase with a deadline begins now; bytes that moved push it back. */
void mr_http_phase_begin(mr_http_connection *connection, uint32_t phase_ms);
void mr_http_phase_extend(mr_http_connection *connection, uint32_t phase_ms, size_t bytes);
/* What moving `bytes` adds to a deadline. */
uint64_t mr_http_earned_ns(const mr_http_connection *connection, uint64_t bytes);
/* After a handler: sets the state by what it did. */
MR_NODISCARD mr_http_step mr_http_connection_follow_up(mr_http_connection *connection);
/* Tells a stream that waits for it that it may send again; false when there was nothing to tell. */
bool mr_http_connection_tell_writable(mr_http_connection *connection);
/* The server stops: closes what is idle, ends streams, makes the present answers the last ones. */
void mr_http_connection_wind_down(mr_http_connection *connection);

/* --- receive.c -------------------------------------------------------------------------------- */

/* Reads up to `room` bytes to `into`; none when none are there. False when that closed the
 * connection. */
MR_NODISCARD bool mr_http_connection_receive(mr_http_connection *connection, char *into,
                                             size_t room, size_t *out_len);
MR_NODISCARD mr_http_step mr_http_read_head(mr_http_connection *connection);
MR_NODISCARD mr_http_step mr_http_read_body(mr_http_connection *connection);

/* --- pieces.c --------------------------------------------------------------------------------- */

/* The head of a request whose body comes in pieces is complete: runs its handler. */
MR_NODISCARD mr_http_step mr_http_pieces_begin(mr_http_connection *connection);
MR_NODISCARD mr_http_step mr_http_run_pieces(mr_http_connection *connection);
/* After a handler: true when more of the body, or a resume, is to be waited for. */
bool mr_http_pieces_go_on(mr_http_request *request);
/* Sends the 100 Continue that is owed. */
void mr_http_pieces_ask(mr_http_request *request);
/* The body's deadline has passed. */
void mr_http_pieces_late(mr_http_connection *connection);
/* The answer is given: the rest of the body is of no interest and ends the connection. */
void mr_http_pieces_give_up(mr_http_request *request);
/* The rest of the body cannot come any more: tells the handler, once. */
void mr_http_pieces_abandon(mr_http_request *request);

/* --- server.c --------------------------------------------------------------------------------- */

/* mr_http_server_open() of one that counts together with others. */
MR_NODISCARD mr_code mr_http_server_open_shared(const mr_http_options *options,
                                                mr_http_shared *shared, mr_http_server **out,
                                                mr_error *err);
/* A connection has been recycled: a stopping server may have been waiting for it. */
void mr_http_server_lost_one(mr_http_server *server);

#endif
