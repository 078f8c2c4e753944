/* SPDX-License-Identifier: MIT
 *
 * One connection's way through its requests (docs/internals/http.md draws it):
 *
 *     READ_HEAD -> READ_BODY -> handler -> WRITE -> READ_HEAD ...
 *                                  |-> HANDLE (deferred) -> WRITE
 *                                  '-> STREAM -> WRITE              any -> LINGER -> CLOSED
 *
 * Each state has a function that does one step and says whether another can follow at once. */
#include <unistd.h>

#include "core/mem.h"
#include "http/request.h"
#include "http/server_internal.h"

#define SLAB_CONNECTIONS  64u
#define TURN_BYTES_MAX    (256u << 10) /* moved by one connection before others have their turn */
#define STREAM_KEEP_BYTES 4096u        /* of a stream's output memory, while nothing waits */
#define STREAM_INPUT_MAX  16384u       /* that a stream's reader may send before it is cut off */

/* --- Deadlines -------------------------------------------------------------------------------- */

void mr_http_phase_begin(mr_http_connection *connection, uint32_t phase_ms)
{
    mr_loop *loop = &connection->server->loop;
    connection->phase_ns = loop->now_ns;
    connection->phase_bytes = 0;
    mr_loop_timer_set(loop, &connection->timer, loop->now_ns + phase_ms * 1000000ull);
}

/* The time they take at the slowest rate allowed. */
uint64_t mr_http_earned_ns(const mr_http_connection *connection, uint64_t bytes)
{
    const uint64_t rate = connection->server->limits.rate_bytes_per_s_min;
    return rate == 0 ? 0 : bytes / rate * 1000000000u + bytes % rate * 1000000000u / rate;
}

void mr_http_phase_extend(mr_http_connection *connection, uint32_t phase_ms, size_t bytes)
{
    connection->phase_bytes += bytes;
    mr_loop_timer_set(&connection->server->loop, &connection->timer,
                      connection->phase_ns + phase_ms * 1000000ull +
                          mr_http_earned_ns(connection, connection->phase_bytes));
}

static bool is_idle(const mr_http_connection *connection)
{
    const mr_http_request *request = connection->request;
    return connection->state == MR_HTTP_READ_HEAD &&
           (request == NULL ||
            (request->in.len == request->start && !mr_http_request_has_output(request)));
}

void mr_http_connection_fault(mr_http_connection *connection, uint16_t status, const char *message)
{
    connection->close_after = connection->linger = true;
    mr_http_reply_fault(connection->request, (mr_http_fault){status, message});
    connection->state = MR_HTTP_WRITE;
}

static void on_deadline(mr_timer *timer)
{
    mr_http_connection *connection = MR_CONTAINER_OF(timer, mr_http_connection, timer);
    const mr_http_counters *count = &connection->server->count;
    if (is_idle(connection)) {
        mr_counter_add(count->timeouts_idle, 1);
        mr_http_connection_close(connection, false);
        return;
    }
    if (connection->writing) {
        mr_counter_add(count->timeouts_write, 1);
        mr_http_connection_close(connection, true);
        return;
    }
    switch ((mr_http_state)connection->state) {
    case MR_HTTP_READ_HEAD:
        mr_counter_add(count->timeouts_header, 1);
        mr_http_connection_fault(connection, 408, "the headers did not arrive in time");
        break;
    case MR_HTTP_READ_BODY:
        mr_counter_add(count->timeouts_body, 1);
        mr_http_connection_fault(connection, 408, "the body did not arrive in time");
        break;
    case MR_HTTP_PIECES:
        mr_counter_add(count->timeouts_body, 1);
        mr_http_pieces_late(connection);
        break;
    case MR_HTTP_LINGER: mr_http_connection_close(connection, false); return;
    case MR_HTTP_HANDLE: /* these have no deadline but that of writing */
    case MR_HTTP_WRITE:
    case MR_HTTP_STREAM:
    case MR_HTTP_CLOSED: return;
    }
    mr_http_connection_advance(connection);
}

/* --- Sending ---------------------------------------------------------------------------------- */

static void take_sent(mr_http_connection *connection, size_t len)
{
    mr_http_request *request = connection->request;
    mr_counter_add(connection->server->count.sent_bytes, len);
    const size_t from_out = (size_t)mr_min_u64(len, request->out.len - request->out_sent);
    request->out_sent += from_out;
    request->borrowed = mr_slice_from(request->borrowed, len - from_out);
    if (connection->writing)
        mr_http_phase_extend(connection, connection->server->limits.write_ms, len);
}

/* What waits has been sent whole, or is broken and given up. */
static void drop_output(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    mr_buffer_reset(&request->out);
    if (request->streaming) mr_buffer_shrink(&request->out, STREAM_KEEP_BYTES);
    request->out_sent = 0;
    request->borrowed = (mr_slice){0};
    if (connection->writing) mr_timer_cancel(&connection->timer);
    connection->writing = false;
    connection->answered = 0;
}

/* A stream's buffer does not empty while its reader is slow, so sent bytes are taken out of it. */
static void compact_output(mr_http_request *request)
{
    if (request->out_sent < request->out.len / 2) return;
    request->out.len -= request->out_sent;
    memmove(request->out.ptr, request->out.ptr + request->out_sent, request->out.len);
    request->out_sent = 0;
}

bool mr_http_connection_flush(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    size_t sent = 0;
    while (mr_http_request_has_output(request) && connection->writable && !connection->broken) {
        if (sent > TURN_BYTES_MAX) { /* TLS to a quick reader */
            mr_http_connection_later(connection);
            break;
        }
        const mr_slice out =
            mr_slice_of(request->out.ptr + request->out_sent, request->out.len - request->out_sent);
        const size_t wanted = out.len + request->borrowed.len;
        size_t len = 0;
        switch (mr_transport_write(&connection->transport, out, request->borrowed, &len)) {
        case MR_TRANSPORT_OK:
            take_sent(connection, len);
            sent += len;
            connection->writable = len == wanted || connection->transport.roomy;
            break;
        case MR_TRANSPORT_WAIT: connection->writable = false; break;
        case MR_TRANSPORT_ENDED:
        case MR_TRANSPORT_FAILED: connection->broken = true; break;
        }
    }
    if (connection->broken) {
        mr_http_connection_later(connection);
        return false;
    }
    if (!mr_http_request_has_output(request)) {
        drop_output(connection);
        return true;
    }
    if (request->streaming) compact_output(request);
    if (!connection->writing) {
        connection->writing = true;
        mr_http_phase_begin(connection, connection->server->limits.write_ms);
    }
    return true;
}

/* The answer has been written, and the connection ends with it. */
static void end_or_linger(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    const bool at_once = !connection->linger && request->end == request->in.len;
    connection->request = NULL;
    if (at_once) mr_http_pieces_abandon(request);
    if (request->streaming) mr_http_close_stream(request);
    mr_http_request_release(request);
    if (at_once) {
        mr_http_connection_close(connection, false);
        return;
    }
    mr_transport_finish(&connection->transport);
    connection->state = MR_HTTP_LINGER;
    mr_http_phase_begin(connection, connection->server->limits.linger_ms);
}

static void end_request(mr_http_connection *connection);

static mr_http_step write_answer(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (!mr_http_connection_flush(connection) || mr_http_request_has_output(request))
        return MR_HTTP_WAIT;
    if (request->replied || request->streaming) {
        if (connection->close_after) {
            end_or_linger(connection);
            return MR_HTTP_GO_ON;
        }
        end_request(connection);
    }
    connection->state = MR_HTTP_READ_HEAD;
    const bool partial = request->in.len > request->start;
    mr_http_phase_begin(connection, partial ? connection->server->limits.header_ms
                                            : connection->server->limits.idle_ms);
    return MR_HTTP_GO_ON;
}

/* --- Handlers --------------------------------------------------------------------------------- */

/* The answered request is over; the next one begins where it ended. */
static void end_request(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (request->streaming) mr_http_close_stream(request);
    mr_http_request_next(request);
}

/* True when the next pipelined request may be read before this answer is sent. */
static bool may_gather(const mr_http_connection *connection)
{
    const mr_http_request *request = connection->request;
    const mr_http_limits *limits = &connection->server->limits;
    return !connection->close_after && request->end < request->in.len &&
           request->borrowed.len == 0 && connection->answered < limits->pipelined_max &&
           request->out.len < limits->output_high_bytes;
}

/* A stream that may go on for hours: what it can do without is given back. One that comes too late
 * ends at once. */
static void begin_streaming(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (!request->stream_settled) return;
    if (connection->server->stopping) mr_http_stream_end(request);
    (void)!mr_http_connection_flush(connection);
    mr_http_request_slim(request);
}

mr_http_step mr_http_connection_follow_up(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (mr_http_pieces_go_on(request)) {
        connection->state = MR_HTTP_PIECES;
        return MR_HTTP_GO_ON;
    }
    if (request->streaming || request->deferred) {
        connection->state = request->streaming ? MR_HTTP_STREAM : MR_HTTP_HANDLE;
        if (request->streaming && !request->deferred) begin_streaming(connection);
        if (!connection->writing) mr_timer_cancel(&connection->timer);
        return MR_HTTP_GO_ON;
    }
    if (!request->replied)
        mr_http_reply_fault(request, (mr_http_fault){500, "the request was not answered"});
    if (may_gather(connection)) {
        connection->answered++;
        end_request(connection);
        connection->state = MR_HTTP_READ_HEAD;
        if (!connection->writing)
            mr_http_phase_begin(connection, connection->server->limits.header_ms);
        return MR_HTTP_GO_ON;
    }
    connection->state = MR_HTTP_WRITE;
    return MR_HTTP_GO_ON;
}

mr_http_step mr_http_connection_dispatch(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (request->route == NULL) {
        mr_http_reply_unrouted(request);
    } else {
        request->in_handler = true;
        request->route->handler(request, request->route->context);
        request->in_handler = false;
    }
    return mr_http_connection_follow_up(connection);
}

/* Waiting for another thread; earlier answers may leave meanwhile. */
static mr_http_step wait_for_handler(mr_http_connection *connection)
{
    if (mr_http_request_has_output(connection->request))
        (void)!mr_http_connection_flush(connection);
    return MR_HTTP_WAIT;
}

void mr_http_connection_settle(mr_http_connection *connection)
{
    (void)!mr_http_connection_follow_up(connection);
    mr_http_connection_advance(connection);
}

void mr_http_defer(mr_http_request *request)
{
    MR_DCHECK(!request->replied && !request->deferred);
    request->deferred = true;
    request->server->deferred_count++;
}

/* The peer has left and nobody works on the answer: the request's events end, and it with them. */
static void abandon_request(mr_http_request *request)
{
    mr_http_pieces_abandon(request);
    if (request->streaming) mr_http_close_stream(request);
    mr_http_request_release(request);
}

static void run_resumed(mr_loop_job *job)
{
    mr_http_request *request = MR_CONTAINER_OF(job, mr_http_request, resume_job);
    request->deferred = false;
    request->server->deferred_count--;
    request->in_handler = true;
    request->resume_handler(request, request->resume_context);
    request->in_handler = false;
    if (request->connection != NULL)
        mr_http_connection_settle(request->connection);
    else if (!request->deferred)
        abandon_request(request);
}

static mr_loop_job *resume_job_of(mr_http_request *request, mr_http_handler *handler, void *context)
{
    request->resume_handler = handler;
    request->resume_context = context;
    request->resume_job.run = run_resumed;
    return &request->resume_job;
}

void mr_http_resume(mr_http_request *request, mr_http_handler *handler, void *context)
{
    mr_loop *loop = &request->server->loop;
    mr_loop_post(loop, resume_job_of(request, handler, context));
}

void mr_http_batch_resume(mr_http_resume_batch *batch, mr_http_request *request,
                          mr_http_handler *handler, void *context)
{
    mr_loop *loop = &request->server->loop;
    mr_loop_job *job = resume_job_of(request, handler, context);
    size_t at = 0;
    while (at < batch->count && batch->chains[at].loop != loop)
        at++;
    if (at == MR_HTTP_BATCH_LOOPS) {
        mr_http_batch_flush(batch);
        at = 0;
    }
    if (at == batch->count) {
        batch->chains[batch->count++].loop = loop;
        batch->chains[at].first = job;
    } else {
        job->next = batch->chains[at].last;
    }
    batch->chains[at].last = job;
}

void mr_http_batch_flush(mr_http_resume_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        mr_loop_post_chain(batch->chains[i].loop, batch->chains[i].last, batch->chains[i].first);
    batch->count = 0;
}

/* --- Streams ---------------------------------------------------------------------------------- */

/* What a stream's reader sends is of no interest, only that it leaves. Since it is thrown away
 * there is no next request on this connection. */
static void watch_reader(mr_http_connection *connection)
{
    char nothing[1024];
    while (connection->readable) {
        size_t len;
        if (!mr_http_connection_receive(connection, nothing, sizeof nothing, &len)) return;
        if (len > 0) connection->close_after = connection->linger = true;
        connection->request->stream_input += (uint32_t)len + 1; /* TLS: also what is not data */
        if (connection->request->stream_input > STREAM_INPUT_MAX) {
            mr_http_connection_close(connection, true);
            return;
        }
    }
}

bool mr_http_connection_tell_writable(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (!request->wants_writable || request->deferred ||
        mr_http_stream_waiting(request) > mr_http_stream_high(request) / 2)
        return false;
    request->wants_writable = false;
    request->in_handler = true;
    if (request->events->writable != NULL)
        request->events->writable(request, request->events_context);
    request->in_handler = false;
    return true;
}

static mr_http_step run_stream(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (!mr_http_connection_flush(connection)) return MR_HTTP_WAIT;
    if (request->stream_ended && !request->deferred) {
        connection->state = MR_HTTP_WRITE;
        return MR_HTTP_GO_ON;
    }
    if (mr_http_connection_tell_writable(connection) && mr_http_request_has_output(request) &&
        connection->writable)
        return MR_HTTP_GO_ON;
    if (!request->pieces) watch_reader(connection); /* else the next request may lie behind it */
    return MR_HTTP_WAIT;
}

/* --- The end ---------------------------------------------------------------------------------- */

static mr_http_step linger(mr_http_connection *connection)
{
    char nothing[16384];
    size_t len, total = 0;
    while (connection->readable && total < TURN_BYTES_MAX) {
        if (!mr_http_connection_receive(connection, nothing, sizeof nothing, &len))
            return MR_HTTP_WAIT;
        total += len;
    }
    if (connection->readable) mr_http_connection_later(connection);
    return MR_HTTP_WAIT;
}

static void ignore(MR_UNUSED mr_watch *watch, MR_UNUSED unsigned events)
{
}

/* A request whose answer another thread still works on goes on without its connection. */
static void part_with_request(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    connection->request = NULL;
    if (request == NULL) return;
    request->connection = NULL;
    if (!request->deferred) abandon_request(request);
}

void mr_http_connection_close(mr_http_connection *connection, bool abandon)
{
    mr_http_server *server = connection->server;
    if (connection->state == MR_HTTP_CLOSED) return;
    connection->state = MR_HTTP_CLOSED;
    connection->watch.ready = ignore;
    mr_timer_cancel(&connection->timer);
    mr_transport_close(&connection->transport, abandon);
    part_with_request(connection);
    mr_peers_remove(&server->peers, connection->peer_key);
    mr_gauge_add(server->count.connections, -1);
    server->connection_count--;
    atomic_fetch_sub_explicit(&server->shared->connections, 1, memory_order_relaxed);
    if (connection->prev != NULL) connection->prev->next = connection->next;
    if (connection->next != NULL) connection->next->prev = connection->prev;
    if (server->connections == connection) server->connections = connection->next;
    mr_http_connection_later(connection);
}

static void recycle(mr_http_connection *connection)
{
    mr_http_server *server = connection->server;
    connection->next = server->spare_connections;
    server->spare_connections = connection;
    mr_http_server_lost_one(server);
}

/* --- Events ----------------------------------------------------------------------------------- */

static mr_http_step step_of(mr_http_connection *connection)
{
    switch ((mr_http_state)connection->state) {
    case MR_HTTP_READ_HEAD: return mr_http_read_head(connection);
    case MR_HTTP_READ_BODY: return mr_http_read_body(connection);
    case MR_HTTP_PIECES: return mr_http_run_pieces(connection);
    case MR_HTTP_HANDLE: return wait_for_handler(connection);
    case MR_HTTP_WRITE: return write_answer(connection);
    case MR_HTTP_STREAM: return run_stream(connection);
    case MR_HTTP_LINGER: return linger(connection);
    case MR_HTTP_CLOSED: return MR_HTTP_WAIT;
    }
    return MR_HTTP_WAIT;
}

void mr_http_connection_advance(mr_http_connection *connection)
{
    const unsigned steps_max = connection->server->limits.pipelined_max * 4;
    connection->turn_bytes = 0;
    for (unsigned steps = 0; step_of(connection) == MR_HTTP_GO_ON; steps++) {
        if (connection->turn_bytes <= TURN_BYTES_MAX && steps < steps_max) continue;
        mr_http_connection_later(connection); /* others have their turn first */
        return;
    }
}

static void on_later(mr_loop_job *job)
{
    mr_http_connection *connection = MR_CONTAINER_OF(job, mr_http_connection, later);
    connection->later_queued = false;
    if (connection->state == MR_HTTP_CLOSED) {
        recycle(connection);
        return;
    }
    if (connection->broken)
        mr_http_connection_close(connection, false);
    else
        mr_http_connection_advance(connection);
}

void mr_http_connection_later(mr_http_connection *connection)
{
    if (connection->later_queued) return;
    connection->later_queued = true;
    connection->later.run = on_later;
    mr_loop_later(&connection->server->loop, &connection->later);
}

static void on_ready(mr_watch *watch, unsigned events)
{
    mr_http_connection *connection = MR_CONTAINER_OF(watch, mr_http_connection, watch);
    if ((events & MR_LOOP_READABLE) != 0) connection->readable = true;
    if ((events & MR_LOOP_WRITABLE) != 0) connection->writable = true;
    if (connection->transport.crossed) {
        connection->transport.crossed = false;
        connection->readable = connection->writable = true;
    }
    if ((events & MR_LOOP_ENDING) != 0) connection->ending = true;
    if ((events & MR_LOOP_BROKEN) != 0) {
        mr_http_connection_close(connection, false);
        return;
    }
    mr_http_connection_advance(connection);
}

/* --- The beginning ---------------------------------------------------------------------------- */

static bool add_slab(mr_http_server *server)
{
    /* The first place holds the list of slabs. */
    mr_http_connection *slab = mr_mem_zalloc((SLAB_CONNECTIONS + 1) * sizeof *slab);
    if (slab == NULL) return false;
    memcpy(slab, &server->slabs, sizeof server->slabs);
    server->slabs = slab;
    for (size_t i = 1; i <= SLAB_CONNECTIONS; i++) {
        slab[i].next = server->spare_connections;
        server->spare_connections = &slab[i];
    }
    return true;
}

bool mr_http_connection_open(mr_http_server *server, int fd, uint64_t peer_key)
{
    if (server->spare_connections == NULL && !add_slab(server)) {
        close(fd);
        return false;
    }
    mr_http_connection *connection = server->spare_connections;
    mr_http_connection *spare = connection->next;
    *connection = (mr_http_connection){
        .watch.ready = on_ready,
        .timer.fire = on_deadline,
        .server = server,
        .next = server->connections,
        .peer_key = peer_key,
        .writable = true,
    };
    if (!mr_transport_open(&connection->transport, fd, server->options.tls)) {
        connection->next = spare;
        return false;
    }
    if (mr_loop_watch(&server->loop, fd, &connection->watch, false, NULL) != MR_OK) {
        mr_transport_close(&connection->transport, false);
        connection->next = spare;
        return false;
    }
    server->spare_connections = spare;
    if (server->connections != NULL) server->connections->prev = connection;
    server->connections = connection;
    server->connection_count++;
    mr_gauge_add(server->count.connections, 1);
    mr_http_phase_begin(connection, server->limits.header_ms);
    return true;
}

void mr_http_connection_wind_down(mr_http_connection *connection)
{
    if (is_idle(connection) || connection->state == MR_HTTP_LINGER) {
        mr_http_connection_close(connection, false);
        return;
    }
    connection->close_after = true;
    if (connection->state == MR_HTTP_STREAM && !connection->request->pieces)
        mr_http_stream_end(connection->request);
}
