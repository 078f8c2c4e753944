/* SPDX-License-Identifier: MIT
 *
 * The numbers of requests, and telling mr_http_options.on_answer about their answers. */
#include "core/clock.h"
#include "http/request.h"
#include "http/server_internal.h"

/* Requests of one server before its numbers run into the next server's: 8,900 years at a million a
 * second. */
#define SERVER_SHIFT 48

uint64_t mr_http_first_id(void)
{
    static atomic_uint servers; /* one for each server ever opened; no order with anything */
    const uint64_t server = atomic_fetch_add_explicit(&servers, 1, memory_order_relaxed) + 1u;
    return server << SERVER_SHIFT;
}

uint64_t mr_http_request_id(mr_http_request *request)
{
    if (request->id == 0) request->id = ++request->server->last_id;
    return request->id;
}

mr_slice mr_http_request_id_text(mr_http_request *request, char out[MR_HTTP_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t id = mr_http_request_id(request);
    for (size_t i = MR_HTTP_ID_BYTES; i-- > 0; id >>= 4)
        out[i] = digits[id & 15];
    return mr_slice_of(out, MR_HTTP_ID_BYTES);
}

static uint64_t received_by(const mr_http_request *request)
{
    const mr_http_head *head = &request->head;
    const uint64_t behind_head = request->in.len - request->start - head->length;
    if (head->length == 0) return behind_head; /* it never became complete */
    if (request->pieces) return head->length + request->body_received;
    if (head->chunked) return head->length + request->chunked.total;
    if (head->content_length > MR_HTTP_IN_PLACE_BODY_BYTES) return head->length + request->body.len;
    return head->length + mr_min_u64(head->content_length, behind_head);
}

/* The path as routes see it; as sent when there was no time to look at it. */
static mr_slice path_of(const mr_http_request *request)
{
    const mr_slice path = mr_http_path(request);
    if (path.len > 0) return path;
    return mr_http_span_of(request->in.ptr + request->start, request->head.path);
}

void mr_http_tell_access(mr_http_request *request, uint16_t status, uint64_t sent_bytes)
{
    const mr_http_options *options = &request->server->options;
    if (options->on_answer == NULL) return;
    const mr_http_connection *connection = request->connection;
    const uint64_t now_ns = (uint64_t)mr_clock_real_ns();
    uint64_t begun_ns = request->begun_ns;
    if (begun_ns == 0) begun_ns = connection != NULL ? connection->phase_ns : now_ns;
    const mr_http_access access = {
        .id = mr_http_request_id(request),
        .method = request->head.method,
        .method_text = mr_http_span_of(request->in.ptr + request->start, request->head.method_text),
        .path = path_of(request),
        .status = status,
        .streamed = request->streaming,
        .gone = connection == NULL,
        .duration_ns = now_ns > begun_ns ? now_ns - begun_ns : 0,
        .received_bytes = received_by(request),
        .sent_bytes = sent_bytes,
    };
    options->on_answer(&access, options->on_answer_context);
}

void mr_http_close_stream(mr_http_request *request)
{
    mr_http_tell_access(request, request->stream_status, request->stream_bytes);
    request->events->closed(request, request->events_context);
}
