/* SPDX-License-Identifier: MIT
 *
 * Bodies that are handed over in pieces while they arrive, with an answer that may already be under
 * way (request.h, "A body in pieces"). One step gives its handler at most one event.
 *
 *     head -> handler -> piece, piece, ... -> complete -> as any other request
 *                          '-> broken
 *
 * What came with the head is taken where it lies, behind the head in `in`. The rest is received
 * into one buffer of the server, decoded there and handed over at once, so that a request holds no
 * bytes of its body, however long its handler pauses. */
#include "http/request.h"
#include "http/server_internal.h"

/* Read beyond the present chunk at most, and therefore what may have to be kept of a next request.
 */
/* With it and a usual head `in` is as large as it is made. */
#define READ_AHEAD_BYTES 2048u

/* --- The deadline ----------------------------------------------------------------------------- */

/* Time in which the handler does not want anything is not the peer's. */
static void stop_clock(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (request->body_stopped_ns == 0) request->body_stopped_ns = connection->server->loop.now_ns;
    if (!connection->writing) mr_timer_cancel(&connection->timer);
}

static void start_clock(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (request->body_stopped_ns == 0) return;
    request->body_clock_ns += connection->server->loop.now_ns - request->body_stopped_ns;
    request->body_stopped_ns = 0;
}

/* While output waits, its own deadline stands. */
static mr_http_step wait_for_peer(mr_http_connection *connection)
{
    const mr_http_request *request = connection->request;
    const uint64_t earned_ns =
        request->body_patient ? 0 : mr_http_earned_ns(connection, request->body_received);
    if (!connection->writing)
        mr_loop_timer_set(&connection->server->loop, &connection->timer,
                          request->body_clock_ns +
                              connection->server->limits.body_ms * UINT64_C(1000000) + earned_ns);
    return MR_HTTP_WAIT;
}

/* --- Events ----------------------------------------------------------------------------------- */

static void call(mr_http_request *request, mr_http_handler *event)
{
    if (request->body_events == NULL || event == NULL) return;
    request->in_handler = true;
    event(request, request->body_context);
    request->in_handler = false;
}

static mr_http_step give_piece(mr_http_connection *connection, const char *bytes, size_t len)
{
    mr_http_request *request = connection->request;
    const mr_http_body_events *events = request->body_events;
    if (len > 0 && events != NULL && events->piece != NULL) {
        request->in_handler = true;
        events->piece(request, mr_slice_of(bytes, len), request->body_context);
        request->in_handler = false;
    }
    return mr_http_connection_follow_up(connection);
}

static mr_http_step complete(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    request->body_state = MR_HTTP_BODY_OVER;
    call(request, request->body_events != NULL ? request->body_events->complete : NULL);
    return mr_http_connection_follow_up(connection);
}

void mr_http_pieces_abandon(mr_http_request *request)
{
    if (!request->pieces || request->body_state == MR_HTTP_BODY_OVER) return;
    request->body_state = MR_HTTP_BODY_OVER;
    call(request, request->body_events != NULL ? request->body_events->broken : NULL);
    MR_DCHECK(!request->deferred);
}

/* The rest of the body will not come or means nothing. An answer that has begun is cut, so that its
 * reader can tell; else the handler may give its own, or the peer is told `fault`. */
static mr_http_step break_off(mr_http_connection *connection, mr_http_fault fault)
{
    mr_http_request *request = connection->request;
    connection->close_after = connection->linger = true;
    mr_http_pieces_abandon(request);
    if (request->streaming && !request->stream_ended) {
        (void)!mr_http_connection_flush(connection);
        mr_http_connection_close(connection, false);
        return MR_HTTP_WAIT;
    }
    if (!request->replied && !request->streaming) mr_http_reply_fault(request, fault);
    connection->state = MR_HTTP_WRITE;
    return MR_HTTP_GO_ON;
}

void mr_http_pieces_late(mr_http_connection *connection)
{
    break_off(connection, (mr_http_fault){408, "the body did not arrive in time"});
}

void mr_http_pieces_give_up(mr_http_request *request)
{
    if (!request->pieces) return;
    if (request->body_state == MR_HTTP_BODY_COMING && request->connection != NULL)
        request->connection->close_after = request->connection->linger = true;
    request->body_state = MR_HTTP_BODY_OVER;
}

/* --- Receiving -------------------------------------------------------------------------------- */

/* Takes the body's part of `bytes` and moves its data to their front; returns how many bytes that
 * part has. */
static size_t decode(mr_http_request *request, char *bytes, size_t len, size_t *out_data)
{
    size_t used = len;
    if (request->head.chunked) {
        const mr_http_progress progress =
            mr_http_chunked_decode(&request->chunked, &request->server->limits,
                                   request->body_bytes_max, bytes, len, out_data, &used);
        if (progress == MR_HTTP_DONE) request->body_state = MR_HTTP_BODY_WHOLE;
    } else {
        used = *out_data = (size_t)mr_min_u64(len, request->body_left);
        request->body_left -= used;
        if (request->body_left == 0) request->body_state = MR_HTTP_BODY_WHOLE;
    }
    request->body_received += used;
    if (request->body_patient) request->body_clock_ns = request->server->loop.now_ns;
    return used;
}

static mr_http_step take_from_in(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    mr_buffer *in = &request->in;
    char *bytes = in->ptr + request->end;
    size_t data = 0;
    request->end += decode(request, bytes, in->len - request->end, &data);
    if (request->body_state == MR_HTTP_BODY_COMING) /* all used: back to the end of the head */
        request->end = in->len = request->start + request->head.length;
    return give_piece(connection, bytes, data);
}

static mr_http_step receive_piece(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    char *bytes = connection->server->piece;
    const uint64_t wanted = request->head.chunked
                                ? mr_http_chunked_expects(&request->chunked) + READ_AHEAD_BYTES
                                : request->body_left;
    const uint64_t room = connection->server->limits.piece_bytes_max;
    size_t len, data = 0;
    if (!mr_http_connection_receive(connection, bytes, (size_t)mr_min_u64(wanted, room), &len))
        return MR_HTTP_WAIT;
    if (len == 0) return MR_HTTP_GO_ON;
    const size_t used = decode(request, bytes, len, &data);
    if (request->body_state == MR_HTTP_BODY_WHOLE && used < len) {
        const mr_slice next = mr_slice_of(bytes + used, len - used);
        if (mr_buffer_append(&request->in, next, NULL) != MR_OK) connection->broken = true;
    }
    return give_piece(connection, bytes, data);
}

/* --- The state -------------------------------------------------------------------------------- */

/* From now on `in` does not move before the answer has been given, for the handler may keep slices
 * of the head. */
static bool make_room_ahead(mr_http_request *request)
{
    mr_buffer *in = &request->in;
    const size_t head = request->head.length;
    if (in->cap - request->start >= head + READ_AHEAD_BYTES) return true;
    in->len -= request->start;
    memmove(in->ptr, in->ptr + request->start, in->len);
    request->end -= request->start;
    request->start = 0;
    const size_t wanted = head + READ_AHEAD_BYTES;
    return in->len >= wanted || mr_buffer_reserve(in, wanted - in->len, NULL) == MR_OK;
}

mr_http_step mr_http_pieces_begin(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    const mr_http_head *head = &request->head;
    if (!make_room_ahead(request)) {
        mr_http_connection_fault(connection, 503, "no memory left for the request");
        return MR_HTTP_GO_ON;
    }
    const bool empty = !head->chunked && head->content_length == 0;
    request->pieces = true;
    request->body_left = head->content_length;
    request->body_state = empty ? MR_HTTP_BODY_WHOLE : MR_HTTP_BODY_COMING;
    request->body_clock_ns = connection->server->loop.now_ns;
    request->owes_continue = !empty && head->expects_continue && request->in.len == request->end;
    return mr_http_connection_dispatch(connection);
}

void mr_http_pieces_ask(mr_http_request *request)
{
    if (!request->owes_continue) return;
    request->owes_continue = false;
    if (mr_buffer_append(&request->out, MR_SLICE("HTTP/1.1 100 Continue\r\n\r\n"), NULL) != MR_OK)
        request->connection->broken = true;
}

bool mr_http_pieces_go_on(mr_http_request *request)
{
    if (!request->pieces || request->replied || request->body_state == MR_HTTP_BODY_OVER)
        return false;
    if (request->deferred) return true;
    if (request->body_events == NULL && !request->streaming) return false; /* nobody answers */
    if (!request->streaming) mr_http_pieces_ask(request);
    return true;
}

mr_http_step mr_http_run_pieces(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    if (!mr_http_connection_flush(connection)) return MR_HTTP_WAIT;
    if (!request->deferred && request->stream_ended) {
        mr_http_pieces_give_up(request);
        connection->state = MR_HTTP_WRITE;
        return MR_HTTP_GO_ON;
    }
    if (mr_http_connection_tell_writable(connection))
        return mr_http_connection_follow_up(connection);
    if (request->deferred || request->body_paused) {
        stop_clock(connection);
        return MR_HTTP_WAIT;
    }
    start_clock(connection);
    if (request->body_state == MR_HTTP_BODY_WHOLE) return complete(connection);
    if (request->chunked.fault.status != 0) return break_off(connection, request->chunked.fault);
    if (request->in.len > request->end) return take_from_in(connection);
    if (!connection->readable) return wait_for_peer(connection);
    return receive_piece(connection);
}

/* --- What handlers say ------------------------------------------------------------------------ */

void mr_http_body_begin(mr_http_request *request, const mr_http_body_events *events, void *context)
{
    MR_DCHECK(request->pieces);
    request->body_events = events;
    request->body_context = context;
}

static void set_paused(mr_http_request *request, bool paused)
{
    MR_DCHECK(request->pieces);
    request->body_paused = paused;
    if (!request->in_handler && request->connection != NULL)
        mr_http_connection_later(request->connection);
}

void mr_http_body_be_patient(mr_http_request *request)
{
    request->body_patient = true;
}

void mr_http_body_pause(mr_http_request *request)
{
    set_paused(request, true);
}

void mr_http_body_resume(mr_http_request *request)
{
    set_paused(request, false);
}
