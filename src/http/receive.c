/* SPDX-License-Identifier: MIT
 *
 * The receiving half of a connection: heads, and the three ways in which bodies come. */
#include "http/server_internal.h"

#define BODY_STEP_BYTES (64u << 10) /* by which a body's memory grows at least */

/* Reads up to `room` bytes to `into`. False when the connection had to be closed. */
bool mr_http_connection_receive(mr_http_connection *connection, char *into, size_t room,
                                size_t *out_len)
{
    *out_len = 0;
    switch (mr_transport_read(&connection->transport, into, room, out_len)) {
    case MR_TRANSPORT_OK:
        connection->readable = connection->transport.more || connection->ending;
        connection->turn_bytes += (uint32_t)*out_len;
        mr_counter_add(connection->server->count.received_bytes, *out_len);
        return true;
    case MR_TRANSPORT_WAIT: connection->readable = false; return true;
    case MR_TRANSPORT_ENDED:
    case MR_TRANSPORT_FAILED: break;
    }
    mr_http_connection_close(connection, false);
    return false;
}

/* Room for at least `need` more bytes in `in`; moves the present request to its start when that
 * helps. Offsets in the head count from the request, so they stay true. */
static bool make_room(mr_http_request *request, size_t need)
{
    mr_buffer *in = &request->in;
    if (in->cap - in->len >= need) return true;
    if (request->start > 0) {
        in->len -= request->start;
        memmove(in->ptr, in->ptr + request->start, in->len);
        request->start = 0;
    }
    return mr_buffer_reserve(in, need, NULL) == MR_OK;
}

/* Receives into `in`, with room for `need` bytes at least. */
static mr_http_step receive_in(mr_http_connection *connection, size_t need)
{
    mr_http_request *request = connection->request;
    if (!make_room(request, need)) {
        mr_http_connection_fault(connection, 503, "no memory left for the request");
        return MR_HTTP_GO_ON;
    }
    size_t len;
    mr_buffer *in = &request->in;
    if (!mr_http_connection_receive(connection, in->ptr + in->len, in->cap - in->len, &len))
        return MR_HTTP_WAIT;
    in->len += len;
    return MR_HTTP_GO_ON;
}

static mr_http_step begin_body(mr_http_connection *connection);

mr_http_step mr_http_read_head(mr_http_connection *connection)
{
    const mr_http_limits *limits = &connection->server->limits;
    mr_http_request *request = connection->request;
    if (request == NULL) {
        if (!connection->readable) return MR_HTTP_WAIT;
        request = connection->request = mr_http_request_take(connection);
        if (request == NULL) {
            mr_http_connection_close(connection, false);
            return MR_HTTP_WAIT;
        }
    }
    const size_t known = request->in.len - request->start;
    if (known > 0) {
        const mr_slice bytes = mr_slice_of(request->in.ptr + request->start, known);
        switch (mr_http_head_parse(&request->head, limits, bytes)) {
        case MR_HTTP_DONE: return begin_body(connection);
        case MR_HTTP_BAD:
            mr_http_connection_fault(connection, request->head.fault.status,
                                     request->head.fault.message);
            return MR_HTTP_GO_ON;
        case MR_HTTP_MORE: break;
        }
    }
    if (mr_http_request_has_output(request)) { /* answers to the pipelined requests before */
        connection->state = MR_HTTP_WRITE;
        return MR_HTTP_GO_ON;
    }
    if (!connection->readable) {
        if (known > 0) return MR_HTTP_WAIT;
        connection->request = NULL;
        mr_http_request_release(request);
        return MR_HTTP_WAIT;
    }
    const mr_http_step next = receive_in(connection, 1);
    if (next == MR_HTTP_GO_ON && known == 0 &&
        connection->request->in.len > connection->request->start)
        mr_http_phase_begin(connection, limits->header_ms);
    return next;
}

/* Moves what of a large body came with the head; sets the request's end in `in`. */
static bool begin_large_body(mr_http_request *request)
{
    const size_t at = request->start + request->head.length;
    const size_t len = (size_t)mr_min_u64(request->in.len - at, request->head.content_length);
    request->end = at + len;
    return mr_buffer_append(&request->body, mr_slice_of(request->in.ptr + at, len), NULL) == MR_OK;
}

static mr_http_step begin_body(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    const mr_http_head *head = &request->head;
    request->begun_ns = connection->server->loop.now_ns;
    const mr_http_fault fault = mr_http_request_route(request);
    if (fault.status != 0) {
        mr_http_connection_fault(connection, fault.status, fault.message);
        return MR_HTTP_GO_ON;
    }
    if (head->content_length > request->body_bytes_max) {
        mr_http_connection_fault(connection, 413, "the body is larger than the limit");
        return MR_HTTP_GO_ON;
    }
    /* Memory for a body of known length never grows past it. */
    const uint64_t longest = head->has_length ? head->content_length : request->body_bytes_max;
    request->body.max = (size_t)mr_min_u64(longest, SIZE_MAX / 4);
    request->end = request->start + head->length;
    if (request->route != NULL && request->route->in_pieces)
        return mr_http_pieces_begin(connection);
    if (!head->chunked && head->content_length == 0) return mr_http_connection_dispatch(connection);
    const bool large = head->content_length > MR_HTTP_IN_PLACE_BODY_BYTES;
    if (large && !begin_large_body(request)) {
        mr_http_connection_fault(connection, 503, "no memory left for the body");
        return MR_HTTP_GO_ON;
    }
    const bool body_waits =
        head->expects_continue && request->in.len == request->start + head->length;
    if (body_waits &&
        mr_buffer_append(&request->out, MR_SLICE("HTTP/1.1 100 Continue\r\n\r\n"), NULL) != MR_OK)
        connection->broken = true;
    connection->state = MR_HTTP_READ_BODY;
    mr_http_phase_begin(connection, connection->server->limits.body_ms);
    return MR_HTTP_GO_ON;
}

/* A body of known length that stays in `in`. */
static mr_http_step read_body_in_place(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    const size_t whole = request->head.length + (size_t)request->head.content_length;
    const size_t known = request->in.len - request->start;
    if (known >= whole) {
        request->end = request->start + whole;
        return mr_http_connection_dispatch(connection);
    }
    if (!connection->readable) return MR_HTTP_WAIT;
    const mr_http_step next = receive_in(connection, whole - known);
    if (next == MR_HTTP_GO_ON && connection->state == MR_HTTP_READ_BODY)
        mr_http_phase_extend(connection, connection->server->limits.body_ms,
                             request->in.len - request->start - known);
    return next;
}

/* A larger one, received straight into its own buffer, which grows with what really arrives. */
static mr_http_step read_body_aside(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    mr_buffer *body = &request->body;
    const uint64_t left = request->head.content_length - body->len;
    if (left == 0) return mr_http_connection_dispatch(connection);
    if (!connection->readable) return MR_HTTP_WAIT;
    const size_t room = (size_t)mr_min_u64(left, BODY_STEP_BYTES);
    if (mr_buffer_reserve(body, room, NULL) != MR_OK || !mr_http_request_charge(request)) {
        mr_http_connection_fault(connection, 503, "no memory left for the body");
        return MR_HTTP_GO_ON;
    }
    size_t len;
    const size_t free_bytes = (size_t)mr_min_u64(left, body->cap - body->len);
    if (!mr_http_connection_receive(connection, body->ptr + body->len, free_bytes, &len))
        return MR_HTTP_WAIT;
    body->len += len;
    mr_http_phase_extend(connection, connection->server->limits.body_ms, len);
    return MR_HTTP_GO_ON;
}

/* Chunks are decoded out of `in`, where they give way to what follows. */
static mr_http_step read_body_chunked(mr_http_connection *connection)
{
    mr_http_request *request = connection->request;
    mr_buffer *in = &request->in;
    const size_t at = request->start + request->head.length;
    size_t used = 0;
    const mr_http_progress progress = mr_http_chunked_parse(
        &request->chunked, &connection->server->limits, request->body_bytes_max,
        mr_slice_of(in->ptr + at, in->len - at), &request->body, &used);
    in->len -= used;
    if (in->len > at) memmove(in->ptr + at, in->ptr + at + used, in->len - at);
    if (progress == MR_HTTP_BAD) {
        mr_http_connection_fault(connection, request->chunked.fault.status,
                                 request->chunked.fault.message);
        return MR_HTTP_GO_ON;
    }
    if (!mr_http_request_charge(request)) {
        mr_http_connection_fault(connection, 503, "no memory left for the body");
        return MR_HTTP_GO_ON;
    }
    request->end = at;
    if (progress == MR_HTTP_DONE) return mr_http_connection_dispatch(connection);
    if (!connection->readable) return MR_HTTP_WAIT;
    const size_t before = in->len - request->start;
    const mr_http_step next = receive_in(connection, 1);
    if (next == MR_HTTP_GO_ON && connection->state == MR_HTTP_READ_BODY)
        mr_http_phase_extend(connection, connection->server->limits.body_ms,
                             in->len - request->start - before);
    return next;
}

mr_http_step mr_http_read_body(mr_http_connection *connection)
{
    const mr_http_request *request = connection->request;
    if (mr_http_request_has_output(request)) { /* 100 Continue, and answers before it, go first */
        const bool waited = connection->writing;
        if (!mr_http_connection_flush(connection) || mr_http_request_has_output(request))
            return MR_HTTP_WAIT;
        if (waited) mr_http_phase_begin(connection, connection->server->limits.body_ms);
    }
    if (request->head.chunked) return read_body_chunked(connection);
    if (request->head.content_length <= MR_HTTP_IN_PLACE_BODY_BYTES)
        return read_body_in_place(connection);
    return read_body_aside(connection);
}
