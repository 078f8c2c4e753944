/* SPDX-License-Identifier: MIT */
#include "support/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/test.h"

#define LIMIT_MS 20000

void mr_wire_open(mr_wire *wire, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(wire, 0, sizeof *wire);
    mr_buffer_init(&wire->in, "test input", 512u << 20);
    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire->fd < 0 || connect(wire->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        MR_TEST_FAIL("cannot connect to port %u: %s\n", port, strerror(errno));
}

void mr_wire_close(mr_wire *wire)
{
    close(wire->fd);
    mr_buffer_done(&wire->in);
}

bool mr_wire_send(mr_wire *wire, mr_slice bytes)
{
    while (bytes.len > 0) {
        const ssize_t len = send(wire->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (len < 0) return false;
        bytes = mr_slice_from(bytes, (size_t)len);
    }
    return true;
}

bool mr_wire_say(mr_wire *wire, const char *text)
{
    return mr_wire_send(wire, mr_slice_text(text));
}

bool mr_wire_say_in_pieces(mr_wire *wire, mr_slice bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const size_t from = bytes.len * i / count, to = bytes.len * (i + 1) / count;
        if (!mr_wire_send(wire, mr_slice_of(bytes.ptr + from, to - from))) return false;
        const struct timespec moment = {.tv_nsec = 500000};
        nanosleep(&moment, NULL);
    }
    return true;
}

static unsigned now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* Receives something within `ms`; false when nothing came or the server has closed. */
static bool receive(mr_wire *wire, unsigned ms)
{
    mr_error err;
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    if (wire->ended || poll(&ready, 1, (int)ms) <= 0) return false;
    MR_EXPECT_OK(mr_buffer_reserve(&wire->in, 65536, &err));
    const ssize_t len = recv(wire->fd, wire->in.ptr + wire->in.len, 65535, 0);
    wire->ended = len <= 0;
    wire->reset = len < 0;
    if (len > 0) wire->in.len += (size_t)len;
    wire->in.ptr[wire->in.len] = 0;
    return len > 0;
}

void mr_wire_await(mr_wire *wire, const char *text)
{
    const unsigned start = now_ms();
    while (wire->in.len == 0 || strstr(wire->in.ptr, text) == NULL)
        if (!receive(wire, 1000) && (wire->ended || now_ms() - start > LIMIT_MS))
            MR_TEST_FAIL("'%s' did not come; came: %.*s\n", text, (int)wire->in.len,
                         wire->in.len > 0 ? wire->in.ptr : "");
}

unsigned mr_wire_await_end(mr_wire *wire)
{
    const unsigned start = now_ms();
    while (!wire->ended) {
        receive(wire, 1000);
        if (now_ms() - start > LIMIT_MS) MR_TEST_FAIL("the server does not close\n");
    }
    return now_ms() - start;
}

void mr_wire_listen(mr_wire *wire, unsigned ms)
{
    const unsigned start = now_ms();
    for (unsigned gone; !wire->ended && (gone = now_ms() - start) < ms;)
        receive(wire, ms - gone);
}

mr_slice mr_wire_header(mr_wire_answer answer, const char *name)
{
    char wanted[100];
    const int len = snprintf(wanted, sizeof wanted, "\r\n%s: ", name);
    const char *at = memmem(answer.head.ptr, answer.head.len, wanted, (size_t)len);
    if (at == NULL) return (mr_slice){0};
    at += len;
    return mr_slice_of(at, (size_t)(strstr(at, "\r\n") - at));
}

static void take(mr_wire *wire, size_t len)
{
    wire->in.len -= len;
    memmove(wire->in.ptr, wire->in.ptr + len, wire->in.len + 1);
}

mr_wire_answer mr_wire_answer_of(mr_wire *wire, bool head_only)
{
    static char *kept;
    mr_wire_answer answer;
    mr_wire_await(wire, "\r\n\r\n");
    const size_t head_len = (size_t)(strstr(wire->in.ptr, "\r\n\r\n") + 4 - wire->in.ptr);
    answer.head = mr_slice_of(wire->in.ptr, head_len);
    const mr_slice length = mr_wire_header(answer, "Content-Length");
    MR_EXPECT(head_only || length.ptr != NULL);
    const size_t body_len = head_only ? 0 : strtoull(length.ptr, NULL, 10);
    const unsigned start = now_ms();
    while (wire->in.len < head_len + body_len)
        if (!receive(wire, 1000) && (wire->ended || now_ms() - start > LIMIT_MS))
            MR_TEST_FAIL("a body of %zu bytes did not come\n", body_len);
    mr_mem_free(kept);
    kept = mr_mem_alloc(head_len + body_len + 1);
    memcpy(kept, wire->in.ptr, head_len + body_len);
    kept[head_len + body_len] = 0;
    answer.head.ptr = kept;
    answer.body = mr_slice_of(kept + head_len, body_len);
    answer.status = (unsigned)strtoul(kept + 9, NULL, 10);
    take(wire, head_len + body_len);
    return answer;
}
