/* SPDX-License-Identifier: MIT
 *
 * Writes answers into a request's `out`; sending them is connection.c's part. */
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "core/json.h"
#include "core/number.h"
#include "http/request.h"
#include "http/server_internal.h"

/* A body up to this is copied behind its head, so that pipelined answers leave in one piece; a
 * larger one that stays is sent from where it is. */
#define COPY_BYTES_MAX 4096u

static const struct {
    uint16_t status;
    const char *reason;
    const char *code; /* in the server's own error bodies */
} statuses[] = {
    {200, "OK", ""},
    {201, "Created", ""},
    {202, "Accepted", ""},
    {204, "No Content", ""},
    {304, "Not Modified", ""},
    {400, "Bad Request", "INVALID_REQUEST"},
    {401, "Unauthorized", "AUTH_REQUIRED"},
    {403, "Forbidden", "AUTH_UNAUTHORIZED"},
    {404, "Not Found", "NOT_FOUND"},
    {405, "Method Not Allowed", "METHOD_NOT_ALLOWED"},
    {408, "Request Timeout", "REQUEST_TIMEOUT"},
    {409, "Conflict", "CONFLICT"},
    {413, "Content Too Large", "BODY_TOO_LARGE"},
    {414, "URI Too Long", "URI_TOO_LONG"},
    {415, "Unsupported Media Type", "UNSUPPORTED_MEDIA_TYPE"},
    {417, "Expectation Failed", "EXPECTATION_FAILED"},
    {429, "Too Many Requests", "TOO_MANY_REQUESTS"},
    {431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE"},
    {500, "Internal Server Error", "INTERNAL_ERROR"},
    {501, "Not Implemented", "NOT_IMPLEMENTED"},
    {503, "Service Unavailable", "UNAVAILABLE"},
    {505, "HTTP Version Not Supported", "VERSION_NOT_SUPPORTED"},
};

const char *mr_http_reason(uint16_t status)
{
    for (size_t i = 0; i < MR_COUNT_OF(statuses); i++)
        if (statuses[i].status == status) return statuses[i].reason;
    return "Unknown";
}

/* In the server's own error bodies: as the options name it, or else as the table does. */
static const char *code_of(const mr_http_request *request, uint16_t status)
{
    const mr_http_options *options = &request->server->options;
    for (size_t i = 0; i < options->error_code_count; i++)
        if (options->error_codes[i].status == status) return options->error_codes[i].code;
    for (size_t i = 0; i < MR_COUNT_OF(statuses); i++)
        if (statuses[i].status == status) return statuses[i].code;
    return "ERROR";
}

/* --- The head --------------------------------------------------------------------------------- */

/* The time as a Date header (RFC 9110, 5.6.7), made once a second. */
static mr_slice date_of(mr_http_server *server)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != server->date_second) {
        struct tm utc;
        server->date_second = now.tv_sec;
        if (gmtime_r(&now.tv_sec, &utc) == NULL) return MR_SLICE("Thu, 01 Jan 1970 00:00:00 GMT");
        char text[80]; /* more than any value of the fields needs */
        snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
                 utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                 utc.tm_sec);
        memcpy(server->date, text, sizeof server->date - 1);
    }
    return mr_slice_of(server->date, sizeof server->date - 1);
}

static mr_code put(mr_buffer *out, mr_slice bytes)
{
    return mr_buffer_append(out, bytes, NULL);
}

static mr_code put_line(mr_buffer *out, mr_slice name, mr_slice value)
{
    MR_TRY(put(out, name));
    MR_TRY(put(out, MR_SLICE(": ")));
    MR_TRY(put(out, value));
    return put(out, MR_SLICE("\r\n"));
}

static mr_code put_number_line(mr_buffer *out, mr_slice name, uint64_t value)
{
    char text[MR_INT_TEXT_MAX];
    return put_line(out, name, mr_slice_of(text, mr_format_u64(text, value)));
}

static mr_code put_status(mr_buffer *out, uint16_t status)
{
    char digits[MR_INT_TEXT_MAX];
    if (status == 200) return put(out, MR_SLICE("HTTP/1.1 200 OK\r\n"));
    MR_TRY(put(out, MR_SLICE("HTTP/1.1 ")));
    MR_TRY(put(out, mr_slice_of(digits, mr_format_u64(digits, status))));
    MR_TRY(put(out, MR_SLICE(" ")));
    MR_TRY(put(out, mr_slice_text(mr_http_reason(status))));
    return put(out, MR_SLICE("\r\n"));
}

static bool is_value(mr_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!mr_http_is(value.ptr[i], MR_HTTP_VALUE)) return false;
    return true;
}

/* A header made of input must not be able to end its line. */
static bool is_writable(const mr_http_response *response)
{
    if (response->status < 200 || response->status > 599 || !is_value(response->content_type))
        return false;
    for (size_t i = 0; i < response->line_count; i++)
        if (!is_value(response->lines[i].value)) return false;
    return true;
}

typedef enum body_framing { BY_LENGTH, BY_CHUNKS, BY_CLOSING } body_framing;

static mr_code put_framing(const mr_http_response *response, body_framing framing, mr_buffer *out)
{
    if (response->status == 204 || response->status == 304) return MR_OK;
    switch (framing) {
    case BY_LENGTH: return put_number_line(out, MR_SLICE("Content-Length"), response->body.len);
    case BY_CHUNKS: return put_line(out, MR_SLICE("Transfer-Encoding"), MR_SLICE("chunked"));
    case BY_CLOSING: break;
    }
    return MR_OK;
}

static mr_code put_connection(const mr_http_request *request, mr_buffer *out)
{
    const mr_slice name = MR_SLICE("Connection");
    if (request->connection->close_after) return put_line(out, name, MR_SLICE("close"));
    /* What HTTP/1.1 means by saying nothing, but some readers of streams look for it. */
    if (request->head.minor_version == 0 || request->streaming)
        return put_line(out, name, MR_SLICE("keep-alive"));
    return MR_OK;
}

static bool has_line(const mr_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->line_count; i++)
        if (strcasecmp(response->lines[i].name, name) == 0) return true;
    return false;
}

static mr_code put_lines(const mr_http_options *options, const mr_http_response *response,
                         mr_buffer *out)
{
    for (size_t i = 0; i < response->line_count; i++)
        MR_TRY(put_line(out, mr_slice_text(response->lines[i].name), response->lines[i].value));
    for (size_t i = 0; i < options->line_count; i++)
        if (!has_line(response, options->lines[i].name))
            MR_TRY(put_line(out, mr_slice_text(options->lines[i].name), options->lines[i].value));
    return MR_OK;
}

static mr_code put_head(mr_http_request *request, const mr_http_response *response,
                        body_framing framing)
{
    mr_http_server *server = request->server;
    mr_buffer *out = &request->out;
    MR_TRY(put_status(out, response->status));
    MR_TRY(put_line(out, MR_SLICE("Date"), date_of(server)));
    if (server->options.name.len > 0)
        MR_TRY(put_line(out, MR_SLICE("Server"), server->options.name));
    if (response->content_type.len > 0)
        MR_TRY(put_line(out, MR_SLICE("Content-Type"), response->content_type));
    MR_TRY(put_framing(response, framing, out));
    MR_TRY(put_lines(&server->options, response, out));
    if (server->options.send_request_id) {
        char id[MR_HTTP_ID_BYTES];
        MR_TRY(put_line(out, MR_SLICE("X-Request-Id"), mr_http_request_id_text(request, id)));
    }
    MR_TRY(put_connection(request, out));
    return put(out, MR_SLICE("\r\n"));
}

/* --- Whole answers ---------------------------------------------------------------------------- */

/* Settles whether this answer is the connection's last. */
static void decide_connection(mr_http_request *request)
{
    mr_http_connection *connection = request->connection;
    if (!request->head.keep_alive || request->server->stopping) connection->close_after = true;
}

static mr_code put_answer(mr_http_request *request, const mr_http_response *response)
{
    MR_TRY(put_head(request, response, BY_LENGTH));
    const bool bodiless =
        request->head.method == MR_HTTP_HEAD || response->status == 204 || response->status == 304;
    if (bodiless || response->body.len == 0) return MR_OK;
    if (response->body_stays && response->body.len > COPY_BYTES_MAX) {
        request->borrowed = response->body;
        return MR_OK;
    }
    return put(&request->out, response->body);
}

static void count_status(const mr_http_request *request, unsigned status)
{
    mr_counter_add(request->server->count.requests[status / 100], 1);
}

static void count_answer(mr_http_request *request, const mr_http_response *response)
{
    const bool bodiless = request->head.method == MR_HTTP_HEAD;
    count_status(request, response->status);
    mr_http_tell_access(request, response->status, bodiless ? 0 : response->body.len);
}

void mr_http_reply(mr_http_request *request, const mr_http_response *response)
{
    MR_DCHECK(!request->replied && !request->streaming);
    request->replied = true;
    mr_http_pieces_give_up(request);
    if (request->connection == NULL) {
        mr_http_tell_access(request, response->status, 0);
        return;
    }
    if (!is_writable(response)) {
        mr_http_reply_fault(request, (mr_http_fault){500, "the answer has a malformed header"});
        return;
    }
    decide_connection(request);
    const size_t before = request->out.len;
    if (put_answer(request, response) == MR_OK) {
        count_answer(request, response);
        return;
    }
    request->out.len = before;
    request->connection->close_after = true;
    static const mr_http_response too_large = {.status = 500};
    if (put_answer(request, &too_large) != MR_OK) request->connection->broken = true;
    count_answer(request, &too_large);
}

static mr_code put_error_body(mr_buffer *out, const char *code, mr_slice message)
{
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "error");
    mr_json_open(&json, '{');
    mr_json_key(&json, "code");
    mr_json_text(&json, mr_slice_text(code));
    mr_json_key(&json, "message");
    mr_json_text(&json, message);
    mr_json_close(&json, '}');
    mr_json_close(&json, '}');
    return json.failed ? json.error.code : MR_OK;
}

static void reply_error_with(mr_http_request *request, uint16_t status, const char *code,
                             mr_slice message, const mr_http_line *line)
{
    mr_buffer *body = mr_http_output(request);
    if (put_error_body(body, code, message) != MR_OK) mr_buffer_reset(body);
    mr_http_reply(request, &(mr_http_response){
                               .status = status,
                               .content_type = MR_SLICE("application/json"),
                               .lines = line,
                               .line_count = line != NULL,
                               .body = mr_buffer_slice(body),
                               .body_stays = true,
                           });
}

void mr_http_reply_error(mr_http_request *request, uint16_t status, const char *code,
                         mr_slice message)
{
    reply_error_with(request, status, code, message, NULL);
}

void mr_http_reply_fault(mr_http_request *request, mr_http_fault fault)
{
    request->replied = false;
    reply_error_with(request, fault.status, code_of(request, fault.status),
                     mr_slice_text(fault.message), NULL);
}

/* --- No route --------------------------------------------------------------------------------- */

static const struct {
    mr_http_method method;
    const char *name;
} method_names[] = {
    {MR_HTTP_GET, "GET, HEAD"}, {MR_HTTP_POST, "POST"},   {MR_HTTP_PUT, "PUT"},
    {MR_HTTP_DELETE, "DELETE"}, {MR_HTTP_PATCH, "PATCH"}, {MR_HTTP_OPTIONS, "OPTIONS"},
};

/* The methods that routes offer for the request's path, for the Allow header; empty when there is
 * no such path. */
static mr_slice allowed_methods(mr_http_request *request, char *text, size_t size)
{
    const mr_http_options *options = &request->server->options;
    const mr_slice path = mr_http_path(request);
    size_t len = 0;
    for (size_t m = 0; m < MR_COUNT_OF(method_names); m++) {
        for (size_t i = 0; i < options->route_count; i++) {
            const mr_http_route *route = &options->routes[i];
            if (route->method != method_names[m].method || !mr_http_route_has_path(route, path))
                continue;
            const int wrote =
                snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", method_names[m].name);
            len += (size_t)wrote < size - len ? (size_t)wrote : 0;
            break;
        }
    }
    return mr_slice_of(text, len);
}

void mr_http_reply_unrouted(mr_http_request *request)
{
    char text[80];
    const mr_http_line allow = {"Allow", allowed_methods(request, text, sizeof text)};
    if (allow.value.len == 0)
        mr_http_reply_fault(request, (mr_http_fault){404, "there is nothing at this path"});
    else if (request->head.method == MR_HTTP_OTHER)
        mr_http_reply_fault(request, (mr_http_fault){501, "the method is unknown"});
    else
        reply_error_with(request, 405, code_of(request, 405),
                         MR_SLICE("the method is not offered at this path"), &allow);
}

/* --- Streams ---------------------------------------------------------------------------------- */

void mr_http_stream_begin(mr_http_request *request, const mr_http_response *response,
                          const mr_http_stream_events *events, void *context)
{
    MR_DCHECK(!request->replied && !request->streaming && response->body.len == 0);
    mr_http_connection *connection = request->connection;
    request->streaming = true;
    request->events = events;
    request->events_context = context;
    request->stream_status = response->status;
    request->stream_chunked = request->head.minor_version == 1;
    request->stream_ended = request->head.method == MR_HTTP_HEAD; /* what follows is not sent */
    if (connection == NULL) return;
    mr_http_pieces_ask(request);
    decide_connection(request);
    if (!request->stream_chunked) connection->close_after = true;
    const body_framing framing = request->stream_chunked ? BY_CHUNKS : BY_CLOSING;
    if (!is_writable(response) || put_head(request, response, framing) != MR_OK)
        connection->broken = true;
    count_status(request, response->status);
}

void mr_http_stream_settle(mr_http_request *request, size_t high_bytes)
{
    MR_DCHECK(request->streaming && request->in_handler);
    request->stream_settled = true;
    request->stream_high_bytes = high_bytes;
}

static mr_code put_chunk(mr_http_request *request, mr_slice bytes)
{
    mr_buffer *out = &request->out;
    if (!request->stream_chunked) return put(out, bytes);
    static const char digits[] = "0123456789abcdef";
    char size[18];
    size_t at = sizeof size;
    size[--at] = '\n';
    size[--at] = '\r';
    for (size_t rest = bytes.len; rest > 0; rest >>= 4)
        size[--at] = digits[rest & 15];
    MR_TRY(mr_buffer_reserve(out, bytes.len + sizeof size + 2, NULL));
    MR_TRY(put(out, mr_slice_of(size + at, sizeof size - at)));
    MR_TRY(put(out, bytes));
    return put(out, MR_SLICE("\r\n"));
}

size_t mr_http_stream_waiting(const mr_http_request *request)
{
    return request->out.len - request->out_sent;
}

mr_code mr_http_stream_send(mr_http_request *request, mr_slice bytes, mr_error *err)
{
    mr_http_connection *connection = request->connection;
    MR_DCHECK(request->streaming);
    if (connection == NULL || request->stream_ended || connection->broken)
        return mr_fail(err, MR_ERR_CLOSED, "the stream's reader has left");
    if (bytes.len == 0) return MR_OK; /* an empty chunk would be the last one */
    const size_t limit = mr_http_stream_high(request), waiting = mr_http_stream_waiting(request);
    if (waiting > 0 && (bytes.len > limit || waiting > limit - bytes.len)) {
        request->wants_writable = true;
        return mr_fail(err, MR_ERR_LIMIT, "a stream's reader is slow: %zu bytes wait", waiting);
    }
    MR_TRY(put_chunk(request, bytes));
    request->stream_bytes += bytes.len;
    if (request->in_handler || mr_http_connection_flush(connection)) return MR_OK;
    return mr_fail(err, MR_ERR_CLOSED, "the stream's reader has left");
}

void mr_http_stream_end(mr_http_request *request)
{
    mr_http_connection *connection = request->connection;
    if (connection == NULL || request->stream_ended) return;
    request->stream_ended = true;
    if (request->stream_chunked && put(&request->out, MR_SLICE("0\r\n\r\n")) != MR_OK)
        connection->broken = true;
    mr_http_connection_later(connection);
}

void mr_http_stream_cut(mr_http_request *request)
{
    mr_http_connection *connection = request->connection;
    if (connection == NULL || request->stream_ended) return;
    request->stream_ended = true;
    connection->broken = true;
    mr_http_connection_later(connection);
}
