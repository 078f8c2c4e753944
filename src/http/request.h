/* SPDX-License-Identifier: MIT
 *
 * http/request.h - what a handler gets, and the three ways in which it answers.
 *
 *     at once     mr_http_reply() before the handler returns
 *     later       mr_http_defer() in the handler; some thread calls mr_http_resume(), and the
 *                 function it names answers on the loop's thread
 *     in pieces   mr_http_stream_begin(), then mr_http_stream_send() whenever there is something,
 *                 and mr_http_stream_end(): server-sent events
 *
 * The body is there when the handler runs, or comes in pieces while it answers ("A body in
 * pieces").
 *
 * A request and everything reached through it is borrowed until its answer has been given: a
 * handler that defers or streams may keep the pointer until it resumes or its stream is closed.
 *
 * Thread: the loop's, except mr_http_resume() and the batches of it. */
#ifndef MR_HTTP_REQUEST_H
#define MR_HTTP_REQUEST_H

#include "core/arena.h"
#include "core/buffer.h"
#include "http/loop.h"
#include "http/parser.h"

typedef struct mr_http_request mr_http_request;

typedef void mr_http_handler(mr_http_request *request, void *context);

/* --- The request ------------------------------------------------------------------------------ */

mr_http_method mr_http_method_of(const mr_http_request *request);
/* Without the query, %XX decoded, repeated slashes made one; begins with '/' (or is "*"). */
mr_slice mr_http_path(const mr_http_request *request);
/* As sent; see mr_http_query_find(). */
mr_slice mr_http_query(const mr_http_request *request);
/* The first header of that name, in any case of letters. False when there is none. */
bool mr_http_header(const mr_http_request *request, const char *name, mr_slice *out);
/* The whole body; empty without one, and on a route with `in_pieces`. */
mr_slice mr_http_body(const mr_http_request *request);
/* Memory that lasts until the answer's last byte is written; on a stream its owner resets it. */
mr_arena *mr_http_arena(mr_http_request *request);
/* An empty buffer to build the body of the answer in; lasts as the arena does. */
mr_buffer *mr_http_output(mr_http_request *request);

/* The loop that serves the request and all others of its connection (http/loop.h): other threads
 * may post jobs there, and what runs there may set timers. Before the memory of a job or a timer is
 * given back, the job must have run and the timer be cancelled; the arena goes with the request. */
mr_loop *mr_http_loop(const mr_http_request *request);

#define MR_HTTP_ID_BYTES 16

/* The request's number: never 0, no other request of the process has it. */
uint64_t mr_http_request_id(mr_http_request *request);
/* The same in hexadecimal digits, as logs and X-Request-Id show it; a slice of `out`. */
mr_slice mr_http_request_id_text(mr_http_request *request, char out[MR_HTTP_ID_BYTES]);

/* --- Answering at once ------------------------------------------------------------------------ */

typedef struct mr_http_line {
    const char *name;
    mr_slice value;
} mr_http_line;

typedef struct mr_http_response {
    uint16_t status;           /* 200 to 599 */
    mr_slice content_type;     /* empty: the header is left out */
    const mr_http_line *lines; /* more headers; not those about framing, connection and date */
    size_t line_count;
    mr_slice body;
    /* The body lasts as the request's arena does (it lives there, in mr_http_output(), or for ever)
     * and need not be copied. */
    bool body_stays;
} mr_http_response;

/* Answers; once for a request. A header with control characters turns the answer into a 500. */
MR_HOT void mr_http_reply(mr_http_request *request, const mr_http_response *response);

/* Answers {"error":{"code":...,"message":...}}. */
void mr_http_reply_error(mr_http_request *request, uint16_t status, const char *code,
                         mr_slice message);

/* "Not Found" for 404 and so on; "Unknown" for numbers without a name. */
const char *mr_http_reason(uint16_t status);

/* --- Answering later -------------------------------------------------------------------------- */

/* Called in a handler that will not answer before it returns. From then on the request waits for
 * mr_http_resume(), even when its peer leaves meanwhile. */
void mr_http_defer(mr_http_request *request);

/* Runs `handler(request, context)` on the loop's thread, where it must answer, stream or defer
 * again (or, before a body in pieces is complete, may just go on with it). No event of the request
 * is called between the two. Exactly once for each mr_http_defer(), from any thread; must return
 * before the server is closed. */
void mr_http_resume(mr_http_request *request, mr_http_handler *handler, void *context);

/* Resumes of many requests, gathered on one thread and given to each loop at once, which then wakes
 * once and finds all of them. Zeroed is empty; must be flushed before it goes. */
#define MR_HTTP_BATCH_LOOPS 16
typedef struct mr_http_resume_batch {
    struct {
        mr_loop *loop;
        mr_loop_job *last, *first;
    } chains[MR_HTTP_BATCH_LOOPS];
    size_t count;
} mr_http_resume_batch;

/* mr_http_resume(), at the latest when the batch is flushed. */
MR_HOT void mr_http_batch_resume(mr_http_resume_batch *batch, mr_http_request *request,
                                 mr_http_handler *handler, void *context);
MR_HOT void mr_http_batch_flush(mr_http_resume_batch *batch);

/* The peer has left: an answer is allowed and goes nowhere. */
bool mr_http_gone(const mr_http_request *request);

/* --- Answering in pieces ---------------------------------------------------------------------- */

typedef struct mr_http_stream_events {
    /* After a send that failed with MR_ERR_LIMIT: half of the output limit is free again. May be
     * NULL. */
    void (*writable)(mr_http_request *request, void *context);
    /* Exactly once, whoever ends the stream, and never inside a call of the stream's functions: the
     * last use of the request and of `context`. */
    void (*closed)(mr_http_request *request, void *context);
} mr_http_stream_events;

/* Sends the head of an answer without length (`response->body` must be empty) and begins its body,
 * which ends with mr_http_stream_end() or the connection. `events` is borrowed for the stream. */
void mr_http_stream_begin(mr_http_request *request, const mr_http_response *response,
                          const mr_http_stream_events *events, void *context);

/* Called in the handler, behind begin, for a stream that goes on until somebody ends it, perhaps
 * for hours: nothing of the request and its arena is looked at once the handler has returned, so
 * their memory is given back; a server that stops ends it; and `high_bytes` takes the place of
 * output_high_bytes (0: it does not). */
void mr_http_stream_settle(mr_http_request *request, size_t high_bytes);

/* Sends `bytes` (copied) as one chunk. MR_ERR_LIMIT when more than output_high_bytes would wait:
 * nothing was taken, mr_http_stream_events.writable tells when to go on. While nothing waits, any
 * number of bytes is taken. MR_ERR_CLOSED when the peer has left or the stream has ended. */
MR_NODISCARD MR_HOT mr_code mr_http_stream_send(mr_http_request *request, mr_slice bytes,
                                                mr_error *err);
/* Bytes that wait because the peer reads slowly. */
size_t mr_http_stream_waiting(const mr_http_request *request);
void mr_http_stream_end(mr_http_request *request);
/* Ends the stream and its connection without a proper end, so that the reader notices that
 * something is missing. */
void mr_http_stream_cut(mr_http_request *request);

/* --- A body in pieces ------------------------------------------------------------------------- */

/* On a route with `in_pieces` the handler runs as soon as the head is complete, and says with
 * mr_http_body_begin() who takes the body:
 *
 *     static void on_import(mr_http_request *request, void *context)
 *     {
 *         mr_http_stream_begin(request, &head, &stream_events, import);   or reply when complete
 *         mr_http_body_begin(request, &body_events, import);
 *     }
 *
 *     piece, piece, ..., complete       the whole body has come and was well-formed
 *     piece, piece, ..., broken         the peer has left, or sent nonsense, or not in time
 *
 * An answer may be begun or given at any time. What is given before the body is complete is the
 * connection's last one, and no event of the body follows it; the same goes for ending a stream.
 * From `complete` on the request is like any other: answered, deferred or streaming.
 *
 * mr_http_defer() is allowed in a handler and in any event, also while streaming: until the
 * function given to mr_http_resume() has returned no event comes and the body is not read. That is
 * how work is handed to another thread; back-pressure is part of it. A handler may also defer
 * before it calls mr_http_body_begin(). With "Expect: 100-continue" the peer is asked for its body
 * once that has been called, or with the stream's head. */
typedef struct mr_http_body_events {
    /* Some bytes of the body, one at least, piece_bytes_max at most; borrowed for the call. */
    void (*piece)(mr_http_request *request, mr_slice bytes, void *context);
    void (*complete)(mr_http_request *request, void *context);
    /* Unless the peer has left (mr_http_gone()), a last answer may be given here, or a stream be
     * ended properly; else a stream is cut and a request without an answer gets the server's. Must
     * not defer. The last use of `context` here and, unless it is streaming, of the request. */
    void (*broken)(mr_http_request *request, void *context);
} mr_http_body_events;

/* `events` is borrowed until the last of them. Once for a request. */
void mr_http_body_begin(mr_http_request *request, const mr_http_body_events *events, void *context);

/* For a body that is made while it is sent: its deadline begins anew with each piece, and how much
 * came does not extend it. For peers that are known: a trickle may then last. */
void mr_http_body_be_patient(mr_http_request *request);

/* Between the two no event of the body comes and nothing is read from the peer, whose deadline
 * stands still. Inside or outside of the request's events; more often than needed is harmless. */
void mr_http_body_pause(mr_http_request *request);
void mr_http_body_resume(mr_http_request *request);

#endif
