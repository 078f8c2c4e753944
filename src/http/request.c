/* SPDX-License-Identifier: MIT
 *
 * The memory of requests, and what handlers read of them. */
#include "http/request.h"

#include "core/mem.h"
#include "http/query.h"
#include "http/server_internal.h"

#define FIRST_IN_BYTES 4032u /* with the buffer's slack one page's worth */

/* A few spare requests keep what large ones needed, the others shrink: a burst must not leave its
 * peak behind in the pool, nor the one large page that is scraped for ever be allocated each time.
 */
#define GENEROUS_SPARES     4u
#define GENEROUS_KEEP_BYTES (2u << 20)
#define KEEP_BYTES          (16u << 10)

/* --- The pool --------------------------------------------------------------------------------- */

static mr_http_request *make_request(mr_http_server *server)
{
    const mr_http_limits *limits = &server->limits;
    const size_t fields_bytes = limits->header_count_max * sizeof(mr_http_field);
    mr_http_request *request = mr_mem_zalloc(sizeof *request + fields_bytes);
    if (request == NULL) return NULL;
    request->server = server;
    mr_buffer_init(&request->in, "the request",
                   (size_t)limits->header_bytes_max + MR_HTTP_IN_PLACE_BODY_BYTES + 1);
    mr_buffer_init(&request->body, "the body", SIZE_MAX / 2);
    mr_buffer_init(&request->out, "the answer", limits->response_bytes_max);
    mr_buffer_init(&request->output, "the answer", limits->response_bytes_max);
    mr_arena_init(&request->arena, "http.request", limits->request_arena_bytes);
    if (mr_buffer_reserve(&request->in, FIRST_IN_BYTES, NULL) != MR_OK) {
        mr_http_request_free(request);
        return NULL;
    }
    return request;
}

void mr_http_request_free(mr_http_request *request)
{
    mr_buffer_done(&request->in);
    mr_buffer_done(&request->body);
    mr_buffer_done(&request->out);
    mr_buffer_done(&request->output);
    mr_arena_done(&request->arena);
    mr_mem_free(request);
}

mr_http_request *mr_http_request_take(mr_http_connection *connection)
{
    mr_http_server *server = connection->server;
    mr_http_request *request = server->spare_requests;
    if (request != NULL) {
        server->spare_requests = request->next_spare;
        server->spare_request_count--;
        if (mr_buffer_reserve(&request->in, FIRST_IN_BYTES, NULL) != MR_OK) {
            mr_http_request_free(request);
            return NULL;
        }
    } else {
        request = make_request(server);
        if (request == NULL) return NULL;
    }
    request->connection = connection;
    mr_http_head_init(&request->head, request->fields);
    return request;
}

/* Ready for the next one; what has been received and what waits to be sent is not touched. */
static void forget(mr_http_request *request)
{
    mr_buffer_reset(&request->body);
    mr_buffer_reset(&request->output);
    if (request->arena.first != NULL) mr_arena_reset(&request->arena);
    mr_http_head_init(&request->head, request->fields);
    request->chunked = (mr_http_chunked){0};
    request->route = NULL;
    request->replied = request->deferred = false;
    request->streaming = request->stream_ended = request->wants_writable = false;
    request->stream_input = 0;
    request->stream_settled = false;
    request->stream_high_bytes = 0;
    request->stream_bytes = 0;
    request->id = request->begun_ns = 0;
    request->path = (mr_slice){0};
    request->path_in_place = false;
    request->pieces = request->body_paused = request->owes_continue = false;
    request->body_patient = false;
    request->body_events = NULL;
    request->body_received = request->body_stopped_ns = 0;
}

static void shrink(mr_http_request *request, size_t keep_bytes)
{
    mr_buffer_shrink(&request->in, FIRST_IN_BYTES > keep_bytes ? keep_bytes : FIRST_IN_BYTES);
    mr_buffer_shrink(&request->body, keep_bytes);
    mr_buffer_shrink(&request->out, keep_bytes);
    mr_buffer_shrink(&request->output, keep_bytes);
    if (atomic_load_explicit(&request->arena.held_bytes, memory_order_relaxed) <= keep_bytes)
        return;
    mr_arena_done(&request->arena);
    mr_arena_init(&request->arena, "http.request", request->server->limits.request_arena_bytes);
}

void mr_http_request_release(mr_http_request *request)
{
    mr_http_server *server = request->server;
    forget(request);
    if (request->body_charged > 0)
        atomic_fetch_sub_explicit(&server->shared->bodies_bytes, request->body_charged,
                                  memory_order_relaxed);
    request->body_charged = 0;
    mr_buffer_reset(&request->in);
    mr_buffer_reset(&request->out);
    request->start = request->out_sent = 0;
    request->borrowed = (mr_slice){0};
    request->connection = NULL;
    if (server->spare_request_count >= server->limits.spare_requests_max) {
        mr_http_request_free(request);
        return;
    }
    shrink(request,
           server->spare_request_count < GENEROUS_SPARES ? GENEROUS_KEEP_BYTES : KEEP_BYTES);
    request->next_spare = server->spare_requests;
    server->spare_requests = request;
    server->spare_request_count++;
}

void mr_http_request_slim(mr_http_request *request)
{
    mr_buffer_shrink(&request->in, request->in.len);
    mr_buffer_done(&request->output);
    if (request->out.len == 0) mr_buffer_done(&request->out);
    if (!request->path_in_place) return; /* it lies in the arena */
    mr_arena_done(&request->arena);
    mr_arena_init(&request->arena, "http.request", request->server->limits.request_arena_bytes);
}

void mr_http_request_next(mr_http_request *request)
{
    request->start = request->end;
    if (request->start == request->in.len) {
        request->start = 0;
        mr_buffer_reset(&request->in);
        (void)!mr_buffer_reserve(&request->in, FIRST_IN_BYTES, NULL); /* a stream gave it back */
    }
    forget(request);
    if (request->body.cap <= GENEROUS_KEEP_BYTES) return;
    mr_buffer_shrink(&request->body, GENEROUS_KEEP_BYTES);
    (void)!mr_http_request_charge(request); /* less than before */
}

bool mr_http_request_charge(mr_http_request *request)
{
    mr_http_server *server = request->server;
    const uint64_t more = request->body.cap - request->body_charged; /* or less: modulo 2^64 */
    if (more == 0) return true;
    request->body_charged = request->body.cap;
    const uint64_t before =
        atomic_fetch_add_explicit(&server->shared->bodies_bytes, more, memory_order_relaxed);
    return before + more <= server->limits.bodies_bytes_max;
}

/* --- Path and route --------------------------------------------------------------------------- */

static mr_slice bytes_of(const mr_http_request *request, mr_http_span span)
{
    return mr_http_span_of(request->in.ptr + request->start, span);
}

static bool is_simple(mr_slice path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '%' || (path.ptr[i] == '/' && i > 0 && path.ptr[i - 1] == '/'))
            return false;
    return true;
}

/* Decodes %XX and makes runs of slashes one, in the arena. */
static mr_http_fault rewrite_path(mr_http_request *request, mr_slice raw)
{
    mr_slice decoded;
    switch (mr_http_decode(raw, false, &request->arena, &decoded)) {
    case MR_HTTP_FOUND: break;
    case MR_HTTP_NO_ROOM: return (mr_http_fault){503, "no memory left for the request"};
    default: return (mr_http_fault){400, "a %XX in the path is malformed"};
    }
    if (memchr(decoded.ptr, 0, decoded.len) != NULL)
        return (mr_http_fault){400, "the path has a NUL byte"};
    char *path = mr_arena_copy(&request->arena, decoded);
    if (path == NULL) return (mr_http_fault){503, "no memory left for the request"};
    size_t len = 0;
    for (size_t i = 0; i < decoded.len; i++)
        if (path[i] != '/' || len == 0 || path[len - 1] != '/') path[len++] = path[i];
    request->path = mr_slice_of(path, len);
    return (mr_http_fault){0};
}

bool mr_http_route_has_path(const mr_http_route *route, mr_slice path)
{
    const size_t len = strlen(route->path);
    if (len > 0 && route->path[len - 1] == '*')
        return path.len >= len - 1 && memcmp(path.ptr, route->path, len - 1) == 0;
    return path.len == len && memcmp(path.ptr, route->path, len) == 0;
}

static bool method_fits(const mr_http_route *route, mr_http_method method)
{
    return route->method == method || route->method == MR_HTTP_ANY ||
           (route->method == MR_HTTP_GET && method == MR_HTTP_HEAD);
}

mr_http_fault mr_http_request_route(mr_http_request *request)
{
    const mr_http_options *options = &request->server->options;
    const mr_slice raw = bytes_of(request, request->head.path);
    request->path_in_place = raw.len > 0 && is_simple(raw);
    request->path = raw.len > 0 ? raw : MR_SLICE("/");
    if (raw.len > 0 && !request->path_in_place) {
        const mr_http_fault fault = rewrite_path(request, raw);
        if (fault.status != 0) return fault;
    }
    request->body_bytes_max = request->server->limits.body_bytes_max;
    for (size_t i = 0; i < options->route_count; i++) {
        const mr_http_route *route = &options->routes[i];
        if (!mr_http_route_has_path(route, request->path) ||
            !method_fits(route, request->head.method))
            continue;
        request->route = route;
        if (route->body_bytes_max > 0) request->body_bytes_max = route->body_bytes_max;
        break;
    }
    return (mr_http_fault){0};
}

/* --- What handlers read ----------------------------------------------------------------------- */

mr_http_method mr_http_method_of(const mr_http_request *request)
{
    return request->head.method;
}

/* `in` may have moved while the body arrived, so a path that lies in it is looked up again. */
mr_slice mr_http_path(const mr_http_request *request)
{
    return request->path_in_place ? bytes_of(request, request->head.path) : request->path;
}

mr_slice mr_http_query(const mr_http_request *request)
{
    return bytes_of(request, request->head.query);
}

bool mr_http_header(const mr_http_request *request, const char *name, mr_slice *out)
{
    return mr_http_head_find(&request->head, request->in.ptr + request->start, name, out);
}

mr_slice mr_http_body(const mr_http_request *request)
{
    const mr_http_head *head = &request->head;
    if (request->pieces) return (mr_slice){0};
    if (!head->chunked && head->content_length <= MR_HTTP_IN_PLACE_BODY_BYTES)
        return mr_slice_of(request->in.ptr + request->start + head->length,
                           (size_t)head->content_length);
    return mr_buffer_slice(&request->body);
}

mr_arena *mr_http_arena(mr_http_request *request)
{
    return &request->arena;
}

mr_loop *mr_http_loop(const mr_http_request *request)
{
    return &request->server->loop;
}

mr_buffer *mr_http_output(mr_http_request *request)
{
    mr_buffer_reset(&request->output);
    return &request->output;
}

bool mr_http_gone(const mr_http_request *request)
{
    return request->connection == NULL;
}
