/* SPDX-License-Identifier: MIT */
#include "support/store_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"

#define ANSWER_MAX (1u << 30)
#define TIMEOUT_MS 20000

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void mr_store_client_open(mr_store_client *client, uint16_t port, const char *token)
{
    *client = (mr_store_client){.fd = -1, .port = port, .token = token, .timeout_ms = TIMEOUT_MS};
    mr_buffer_init(&client->in, "received", ANSWER_MAX);
    mr_buffer_init(&client->body, "body", ANSWER_MAX);
    mr_buffer_init(&client->out, "request", ANSWER_MAX);
}

void mr_store_client_hang_up(mr_store_client *client)
{
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
    mr_buffer_reset(&client->in);
}

void mr_store_client_close(mr_store_client *client)
{
    mr_store_client_hang_up(client);
    mr_buffer_done(&client->in);
    mr_buffer_done(&client->body);
    mr_buffer_done(&client->out);
}

static bool connected(mr_store_client *client)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(client->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (client->fd >= 0) return true;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0) return false;
    const int on = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(client->fd, (const struct sockaddr *)&address, sizeof address) == 0) return true;
    mr_store_client_hang_up(client);
    return false;
}

static bool send_all(int fd, mr_slice bytes)
{
    while (bytes.len > 0) {
        const ssize_t len = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (len < 0 && errno == EINTR) continue;
        if (len <= 0) return false;
        bytes = mr_slice_from(bytes, (size_t)len);
    }
    return true;
}

/* Receives more until `deadline`; false at the end of the stream or of the time. */
static bool receive(mr_store_client *client, int64_t deadline)
{
    const int64_t left = deadline - now_ms();
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    if (poll(&ready, 1, left > 0 ? (int)left : 0) <= 0) return false;
    if (mr_buffer_reserve(&client->in, 65536, NULL) != MR_OK) return false;
    const ssize_t len = recv(client->fd, client->in.ptr + client->in.len, 65536, 0);
    if (len > 0) client->in.len += (size_t)len;
    return len > 0;
}

static void take(mr_store_client *client, size_t len)
{
    client->in.len -= len;
    memmove(client->in.ptr, client->in.ptr + len, client->in.len);
}

/* The length of what `in` begins with up to and including `mark`; receives until it is there. 0
 * when it does not come. */
static size_t await(mr_store_client *client, const char *mark, int64_t deadline)
{
    for (;;) {
        const char *at =
            client->in.len > 0 ? memmem(client->in.ptr, client->in.len, mark, strlen(mark)) : NULL;
        if (at != NULL) return (size_t)(at - client->in.ptr) + strlen(mark);
        if (!receive(client, deadline)) return 0;
    }
}

/* The value of a header line; empty when there is none. */
static mr_slice header(mr_slice head, const char *name)
{
    const size_t name_len = strlen(name);
    const char *end = head.ptr + head.len;
    for (const char *line = head.ptr; line < end;) {
        const char *stop = memchr(line, '\r', (size_t)(end - line));
        if (stop == NULL) break;
        if ((size_t)(stop - line) > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            while (value < stop && *value == ' ')
                value++;
            return mr_slice_of(value, (size_t)(stop - value));
        }
        line = stop + 2;
    }
    return (mr_slice){0};
}

/* Moves one chunk of the answer to `body`: 1 for a chunk, 0 for the last one, -1 for a failure. */
static int take_chunk(mr_store_client *client, int64_t deadline)
{
    const size_t line = await(client, "\r\n", deadline);
    if (line == 0) return -1;
    char *stop;
    const size_t size = strtoull(client->in.ptr, &stop, 16);
    if (stop == client->in.ptr) return -1;
    while (client->in.len < line + size + 2)
        if (!receive(client, deadline)) return -1;
    const mr_slice chunk = mr_slice_of(client->in.ptr + line, size);
    if (mr_buffer_append(&client->body, chunk, NULL) != MR_OK) return -1;
    take(client, line + size + 2);
    return size > 0;
}

/* Reads the head of an answer and takes it. Returns the status, 0 on failure. */
static unsigned take_head(mr_store_client *client, int64_t deadline, size_t *length, bool *chunked,
                          bool *closes)
{
    const size_t len = await(client, "\r\n\r\n", deadline);
    if (len < 16 || memcmp(client->in.ptr, "HTTP/1.1 ", 9) != 0) return 0;
    const mr_slice head = mr_slice_of(client->in.ptr, len);
    const mr_slice said = header(head, "Content-Length"), how = header(head, "Transfer-Encoding");
    *length = said.len > 0 ? strtoull(said.ptr, NULL, 10) : 0;
    *chunked = how.len == 7 && strncasecmp(how.ptr, "chunked", 7) == 0;
    const mr_slice connection = header(head, "Connection");
    *closes = connection.len == 5 && strncasecmp(connection.ptr, "close", 5) == 0;
    const unsigned status = (unsigned)strtoul(client->in.ptr + 9, NULL, 10);
    take(client, len);
    return status;
}

static bool take_body(mr_store_client *client, int64_t deadline, size_t length, bool chunked)
{
    mr_buffer_reset(&client->body);
    if (chunked) {
        int more;
        while ((more = take_chunk(client, deadline)) > 0) {
        }
        return more == 0;
    }
    while (client->in.len < length)
        if (!receive(client, deadline)) return false;
    if (mr_buffer_append(&client->body, mr_slice_of(client->in.ptr, length), NULL) != MR_OK)
        return false;
    take(client, length);
    return true;
}

static bool send_request(mr_store_client *client, const char *method, const char *target,
                         mr_slice body)
{
    mr_buffer_reset(&client->out);
    if (mr_buffer_printf(&client->out, NULL,
                         "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n%s%s%s\r\n",
                         method, target, body.len,
                         client->token != NULL ? "Authorization: Bearer " : "",
                         client->token != NULL ? client->token : "",
                         client->token != NULL ? "\r\n" : "") != MR_OK ||
        mr_buffer_append(&client->out, body, NULL) != MR_OK)
        return false;
    return connected(client) && send_all(client->fd, mr_buffer_slice(&client->out));
}

unsigned mr_store_client_request(mr_store_client *client, const char *method, const char *target,
                                 mr_slice body, mr_slice *out)
{
    size_t length;
    bool chunked, closes = true;
    unsigned status = 0;
    if (send_request(client, method, target, body)) {
        const int64_t deadline = now_ms() + client->timeout_ms;
        status = take_head(client, deadline, &length, &chunked, &closes);
        if (status == 0 || !take_body(client, deadline, length, chunked)) status = 0;
    }
    if (status == 0 || closes) mr_store_client_hang_up(client);
    *out = mr_buffer_slice(&client->body);
    return status;
}

unsigned mr_store_client_send(mr_store_client *client, mr_slice body, mr_slice *out)
{
    return mr_store_client_request(client, "POST", "/rpc", body, out);
}

unsigned mr_store_client_call(mr_store_client *client, const char *body, mr_slice *out)
{
    return mr_store_client_send(client, mr_slice_text(body), out);
}

/* --- Event streams --- */

unsigned mr_store_client_subscribe(mr_store_client *client, const char *target)
{
    size_t length;
    bool chunked, closes;
    if (!send_request(client, "GET", target, (mr_slice){0})) return 0;
    const unsigned status =
        take_head(client, now_ms() + client->timeout_ms, &length, &chunked, &closes);
    mr_buffer_reset(&client->body);
    if (status != 200 || !chunked) mr_store_client_hang_up(client);
    return status;
}

/* Takes one event off the front of `body`; false when none is complete. The event's text moves to
 * `out`, which the request no longer needs. */
static bool take_event(mr_store_client *client, mr_store_event *event)
{
    const char *end =
        client->body.len > 0 ? memmem(client->body.ptr, client->body.len, "\n\n", 2) : NULL;
    if (end == NULL) return false;
    const size_t len = (size_t)(end - client->body.ptr) + 2;
    mr_buffer_reset(&client->out);
    if (mr_buffer_append(&client->out, mr_slice_of(client->body.ptr, len), NULL) != MR_OK)
        return false;
    client->body.len -= len;
    memmove(client->body.ptr, client->body.ptr + len, client->body.len);
    *event = (mr_store_event){0};
    for (mr_slice rest = mr_buffer_slice(&client->out); rest.len > 0;) {
        const size_t line = (size_t)((const char *)memchr(rest.ptr, '\n', rest.len) - rest.ptr);
        const mr_slice text = mr_slice_of(rest.ptr, line);
        if (mr_slice_starts(text, "event: ")) event->event = mr_slice_from(text, 7);
        if (mr_slice_starts(text, "data: ")) event->data = mr_slice_from(text, 6);
        if (mr_slice_starts(text, "id: ")) event->id = mr_slice_from(text, 4);
        rest = mr_slice_from(rest, line + 1);
    }
    return true;
}

bool mr_store_client_event(mr_store_client *client, mr_store_event *out, unsigned ms)
{
    const int64_t deadline = now_ms() + ms;
    while (client->fd >= 0) {
        while (take_event(client, out))
            if (out->data.len > 0) return true;
        /* A chunk is taken whole or not at all: waiting for one that is half there costs the event
         * after it some time, never its bytes. */
        if (take_chunk(client, deadline) <= 0) return false;
    }
    return false;
}

/* --- JSON --- */

static mr_slice skip_space(mr_slice text)
{
    while (text.len > 0 && memchr(" \t\r\n,:", text.ptr[0], 6) != NULL)
        text = mr_slice_from(text, 1);
    return text;
}

/* How long the value at the front of `text` is. */
static size_t value_len(mr_slice text)
{
    size_t depth = 0, at = 0;
    bool quoted = false;
    for (; at < text.len; at++) {
        const char c = text.ptr[at];
        if (quoted) {
            if (c == '\\') at++;
            if (c == '"') quoted = false;
            if (!quoted && depth == 0) return at + 1;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if (c == ']' || c == '}') {
            if (depth == 0) return at; /* ends what the value is in */
            if (--depth == 0) return at + 1;
        } else if (depth == 0 && memchr(" \t\r\n,:", c, 6) != NULL) {
            return at;
        }
    }
    return at < text.len ? at : text.len;
}

bool mr_json_step(mr_slice *rest, mr_slice *value)
{
    const mr_slice text = skip_space(*rest);
    const size_t len = value_len(text);
    *value = mr_slice_of(text.ptr, len);
    *rest = mr_slice_from(text, len);
    return len > 0;
}

mr_slice mr_json_inside(mr_slice value)
{
    value = skip_space(value);
    while (value.len > 0 && memchr(" \t\r\n", value.ptr[value.len - 1], 4) != NULL)
        value.len--;
    if (value.len < 2 || (value.ptr[0] != '[' && value.ptr[0] != '{')) return (mr_slice){0};
    return mr_slice_of(value.ptr + 1, value.len - 2);
}

mr_slice mr_json_field(mr_slice object, const char *key)
{
    mr_slice rest = mr_json_inside(object), name, value;
    while (mr_json_step(&rest, &name) && mr_json_step(&rest, &value))
        if (mr_slice_is(mr_json_text(name), key)) return value;
    return (mr_slice){0};
}

mr_slice mr_json_item(mr_slice array, size_t index)
{
    mr_slice rest = mr_json_inside(array), value;
    while (mr_json_step(&rest, &value))
        if (index-- == 0) return value;
    return (mr_slice){0};
}

int64_t mr_json_int(mr_slice value)
{
    const bool negative = value.len > 0 && value.ptr[0] == '-';
    int64_t number = 0;
    if (value.len <= negative) return INT64_MIN;
    for (size_t i = negative; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9') return INT64_MIN;
        number = number * 10 + (value.ptr[i] - '0');
    }
    return negative ? -number : number;
}

mr_slice mr_json_text(mr_slice value)
{
    return value.len >= 2 && value.ptr[0] == '"' ? mr_slice_of(value.ptr + 1, value.len - 2)
                                                 : (mr_slice){0};
}
