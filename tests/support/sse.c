/* SPDX-License-Identifier: MIT */
#include "support/sse.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"
#include "support/test.h"

#define LIMIT_MS      20000u
#define IN_BYTES_MAX  ((size_t)512 << 20)
#define QUIET_MS      60u
#define RECEIVE_BYTES 65536u

static unsigned now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

void mr_sse_open(mr_sse *sse, uint16_t port, const char *target, const char *headers,
                 int receive_bytes)
{
    mr_error err;
    memset(sse, 0, sizeof *sse);
    mr_buffer_init(&sse->in, "test", IN_BYTES_MAX);
    mr_buffer_init(&sse->head, "test", IN_BYTES_MAX);
    mr_buffer_init(&sse->data, "test", IN_BYTES_MAX);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sse->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes > 0)
        setsockopt(sse->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    MR_EXPECT(connect(sse->fd, (const struct sockaddr *)&address, sizeof address) == 0);
    mr_buffer request;
    mr_buffer_init(&request, "test", IN_BYTES_MAX);
    MR_EXPECT_OK(
        mr_buffer_printf(&request, &err, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, headers));
    MR_EXPECT(send(sse->fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len);
    mr_buffer_done(&request);
}

void mr_sse_close(mr_sse *sse)
{
    if (sse->fd >= 0) close(sse->fd);
    sse->fd = -1;
    mr_buffer_done(&sse->in);
    mr_buffer_done(&sse->head);
    mr_buffer_done(&sse->data);
    mr_mem_free(sse->events);
    sse->events = NULL;
    sse->count = sse->cap = 0;
}

void mr_sse_abort(mr_sse *sse)
{
    const struct linger at_once = {1, 0};
    setsockopt(sse->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    mr_sse_close(sse);
}

/* --- Events ----------------------------------------------------------------------------------- */

static void keep(mr_sse *sse, const mr_sse_event *event)
{
    if (sse->count == sse->cap) {
        sse->cap = sse->cap == 0 ? 64 : sse->cap * 2;
        sse->events = mr_mem_realloc(sse->events, sse->cap * sizeof *sse->events);
        MR_EXPECT(sse->events != NULL);
    }
    sse->events[sse->count++] = *event;
}

static void refuse(const char *text)
{
    MR_TEST_FAIL("no event: \"%s\"\n", text);
}

/* A poke is what one writes again from its values; names in tests need no escapes. */
static void take_poke(mr_sse *sse, const char *text)
{
    char stream[2000], again[2300];
    long long id, position, global_position;
    /* NOLINTNEXTLINE(cert-err34-c): what does not come out the same is refused below */
    if (sscanf(text,
               "event: poke\nid: %lld\ndata: {\"stream\":\"%1999[^\"]\",\"position\":%lld,"
               "\"globalPosition\":%lld}",
               &id, stream, &position, &global_position) != 4)
        refuse(text);
    snprintf(again, sizeof again,
             "event: poke\nid: %lld\ndata: {\"stream\":\"%s\",\"position\":%lld,"
             "\"globalPosition\":%lld}\n\n",
             global_position, stream, position, global_position);
    if (strcmp(text, again) != 0) refuse(text);
    mr_sse_event event = {.position = position, .global_position = global_position};
    snprintf(event.stream, sizeof event.stream, "%.47s", stream);
    keep(sse, &event);
}

static void take_message(mr_sse *sse, const char *text)
{
    long long id, position, global_position;
    char message_id[64], stream[2000], type[200];
    mr_error err;
    /* NOLINTNEXTLINE(cert-err34-c): what does not come out the same is refused below */
    if (sscanf(text,
               "event: message\nid: %lld\ndata: [\"%63[^\"]\",\"%1999[^\"]\",\"%199[^\"]\","
               "%lld,%lld,",
               &id, message_id, stream, type, &position, &global_position) != 6 ||
        id != global_position)
        refuse(text);
    const char *data = strstr(text, "\ndata: ") + 7;
    const size_t len = strlen(data);
    if (strchr(data, '\n') != data + len - 2 || strcmp(data + len - 3, "]\n\n") != 0) refuse(text);
    mr_buffer_reset(&sse->data);
    MR_EXPECT_OK(mr_buffer_append(&sse->data, mr_slice_of(data, len - 2), &err));
    sse->data.ptr[sse->data.len] = 0;
    mr_sse_event event = {.position = position, .global_position = global_position};
    snprintf(event.stream, sizeof event.stream, "%.47s", stream);
    keep(sse, &event);
}

static void take_chunk(mr_sse *sse, const char *text)
{
    if (strcmp(text, ": ready\n\n") == 0)
        sse->ready_count++;
    else if (strcmp(text, ": hb\n\n") == 0)
        sse->beat_count++;
    else if (strncmp(text, "event: message\n", 15) == 0)
        take_message(sse, text);
    else
        take_poke(sse, text);
}

/* --- Bytes ------------------------------------------------------------------------------------ */

/* The length of the chunk at the start of `text`, with its framing; 0 when it is not whole. */
static size_t whole_chunk(const char *text, size_t len, size_t *out_data_at, size_t *out_data_len)
{
    const char *line_end = memmem(text, len, "\r\n", 2);
    if (line_end == NULL) return 0;
    const size_t data_at = (size_t)(line_end - text) + 2;
    const size_t data_len = strtoul(text, NULL, 16);
    if (len < data_at + data_len + 2) return 0;
    MR_EXPECT(memcmp(text + data_at + data_len, "\r\n", 2) == 0);
    *out_data_at = data_at;
    *out_data_len = data_len;
    return data_at + data_len + 2;
}

static void take_apart(mr_sse *sse)
{
    mr_error err;
    size_t at = 0, data_at, data_len, len;
    if (sse->status == 0) {
        const char *end = memmem(sse->in.ptr, sse->in.len, "\r\n\r\n", 4);
        if (end == NULL) return;
        at = (size_t)(end - sse->in.ptr) + 4;
        MR_EXPECT_OK(mr_buffer_append(&sse->head, mr_slice_of(sse->in.ptr, at), &err));
        sse->head.ptr[sse->head.len] = 0;
        sse->status = (unsigned)strtoul(sse->in.ptr + 9, NULL, 10);
    }
    while (sse->status == 200 && !sse->ended &&
           (len = whole_chunk(sse->in.ptr + at, sse->in.len - at, &data_at, &data_len)) > 0) {
        char *data = sse->in.ptr + at + data_at;
        data[data_len] = 0; /* the CR behind it */
        if (data_len == 0)
            sse->ended = true;
        else
            take_chunk(sse, data);
        at += len;
    }
    sse->in.len -= at;
    memmove(sse->in.ptr, sse->in.ptr + at, sse->in.len);
    if (sse->status == 200) sse->split_count += sse->in.len > 0;
}

bool mr_sse_receive(mr_sse *sse, unsigned ms)
{
    mr_error err;
    struct pollfd ready = {.fd = sse->fd, .events = POLLIN};
    if (sse->closed || poll(&ready, 1, (int)ms) <= 0) return false;
    MR_EXPECT_OK(mr_buffer_reserve(&sse->in, RECEIVE_BYTES, &err));
    const ssize_t len = recv(sse->fd, sse->in.ptr + sse->in.len, RECEIVE_BYTES, 0);
    sse->closed = len <= 0;
    if (len > 0) {
        sse->in.len += (size_t)len;
        sse->in.ptr[sse->in.len] = 0;
        take_apart(sse);
    }
    return len > 0;
}

void mr_sse_await_ready(mr_sse *sse)
{
    const unsigned start = now_ms();
    while (sse->ready_count == 0)
        if (!mr_sse_receive(sse, 1000) && (sse->closed || now_ms() - start > LIMIT_MS))
            MR_TEST_FAIL("not subscribed: status %u\n", sse->status);
}

void mr_sse_await(mr_sse *sse, size_t count)
{
    const unsigned start = now_ms();
    while (sse->count < count)
        if (!mr_sse_receive(sse, 1000) && (sse->closed || now_ms() - start > LIMIT_MS))
            MR_TEST_FAIL(
                "%zu events came, expected %zu; the last one is %lld%s\n", sse->count, count,
                sse->count > 0 ? (long long)sse->events[sse->count - 1].global_position : 0LL,
                sse->closed ? ", closed" : "");
}

void mr_sse_await_end(mr_sse *sse)
{
    const unsigned start = now_ms();
    while (!sse->ended && !sse->closed) {
        mr_sse_receive(sse, 1000);
        if (now_ms() - start > LIMIT_MS) MR_TEST_FAIL("the stream does not end\n");
    }
}

/* Holds event `i` to a global position; below 0: there must be none. */
static void expect_event(const mr_sse *sse, size_t i, int64_t wanted)
{
    const int64_t came = i < sse->count ? sse->events[i].global_position : -1;
    if (came != wanted)
        MR_TEST_FAIL("event %zu is of %lld, expected %lld\n", i, (long long)came,
                     (long long)wanted);
}

void mr_sse_expect(mr_sse *sse, const char *wanted)
{
    int64_t positions[100];
    size_t count = 0;
    for (char *end; *wanted != 0 && count < MR_COUNT_OF(positions); wanted = end)
        positions[count++] = strtoll(wanted, &end, 10);
    mr_sse_await(sse, count);
    mr_sse_receive(sse, QUIET_MS);
    for (size_t i = 0; i < count; i++)
        expect_event(sse, i, positions[i]);
    expect_event(sse, count, -1);
}

void mr_sse_expect_run(mr_sse *sse, int64_t first, int64_t last)
{
    const size_t count = (size_t)(last - first) + 1;
    mr_sse_await(sse, count);
    mr_sse_receive(sse, QUIET_MS);
    for (size_t i = 0; i < count; i++)
        expect_event(sse, i, first + (int64_t)i);
    expect_event(sse, count, -1);
}

/* --- Plain sockets -------------------------------------------------------------------------- */

int mr_sse_plain(uint16_t port, const char *target)
{
    char request[200];
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MR_EXPECT(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    const int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    MR_EXPECT(send(fd, request, (size_t)len, MSG_NOSIGNAL) == len);
    return fd;
}

void mr_sse_plain_await(int fd, const char *needle, unsigned count)
{
    static char text[1u << 20];
    size_t len = 0;
    for (unsigned found = 0; found < count;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        MR_EXPECT(poll(&ready, 1, 20000) == 1);
        const ssize_t got = recv(fd, text + len, sizeof text - 1 - len, 0);
        MR_EXPECT(got > 0);
        len += (size_t)got;
        text[len] = 0;
        found = 0;
        for (const char *at = text; (at = strstr(at, needle)) != NULL; at++)
            found++;
    }
}
