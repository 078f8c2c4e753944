/* SPDX-License-Identifier: MIT
 *
 * Answers in pieces, as server-sent events are, over real sockets. */
#include <time.h>

#include "support/http_fixture.h"
#include "support/test.h"

#define H         "Host: a\r\n"
#define SUBSCRIBE "GET /stream HTTP/1.1\r\n" H "\r\n"

static void await_closed(unsigned wanted)
{
    for (int tries = 0; mr_http_fixture_closed_streams() != wanted; tries++) {
        const struct timespec moment = {.tv_nsec = 5000000};
        if (tries == 1000)
            MR_TEST_FAIL("%u streams are closed, expected %u\n", mr_http_fixture_closed_streams(),
                         wanted);
        nanosleep(&moment, NULL);
    }
}

static void subscribe(mr_wire *wire, uint16_t port)
{
    mr_wire_open(wire, port);
    MR_EXPECT(mr_wire_say(wire, SUBSCRIBE));
    mr_wire_await(wire, "\r\n\r\n9\r\n: ready\n\n\r\n");
}

MR_TEST(each_send_is_one_chunk_and_the_end_allows_the_next_request)
{
    mr_http_fixture f;
    mr_wire wire;
    const unsigned closed = mr_http_fixture_closed_streams();
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    subscribe(&wire, f.port);
    MR_EXPECT(strstr(wire.in.ptr, "Transfer-Encoding: chunked\r\n") != NULL);
    MR_EXPECT(strstr(wire.in.ptr, "Cache-Control: no-cache\r\n") != NULL);
    MR_EXPECT(strstr(wire.in.ptr, "Content-Length") == NULL);
    MR_EXPECT_U64(mr_http_fixture_send("event: poke\ndata: {}\n\n"), ==, 1);
    mr_wire_await(&wire, "\r\n16\r\nevent: poke\ndata: {}\n\n\r\n");
    mr_http_fixture_end_streams();
    mr_wire_await(&wire, "\r\n0\r\n\r\n");
    await_closed(closed + 1);
    mr_buffer_reset(&wire.in);
    MR_EXPECT(mr_wire_say(&wire, "GET /hello HTTP/1.1\r\n" H "\r\n"));
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "hello");
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(an_http_1_0_stream_is_raw_and_ends_with_the_connection)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    mr_wire_await(&wire, "Connection: close\r\n\r\n: ready\n\n");
    MR_EXPECT(strstr(wire.in.ptr, "chunked") == NULL);
    mr_http_fixture_send("x\n\n");
    mr_wire_await(&wire, ": ready\n\nx\n\n");
    mr_http_fixture_end_streams();
    mr_wire_await_end(&wire);
    MR_EXPECT(!wire.reset);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(head_of_a_stream_has_no_body)
{
    mr_http_fixture f;
    mr_wire wire;
    const unsigned closed = mr_http_fixture_closed_streams();
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(
        mr_wire_say(&wire, "HEAD /stream HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n"));
    MR_EXPECT_SLICE(mr_wire_header(mr_wire_answer_of(&wire, true), "Transfer-Encoding"), "chunked");
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "hello");
    await_closed(closed + 1);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(a_leaving_reader_is_noticed_without_sending)
{
    mr_http_fixture f;
    mr_wire wires[20];
    const unsigned closed = mr_http_fixture_closed_streams();
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
        subscribe(&wires[i], f.port);
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        const struct linger at_once = {1, 0};
        if (i % 2 == 0) setsockopt(wires[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        mr_wire_close(&wires[i]);
    }
    await_closed(closed + MR_COUNT_OF(wires));
    MR_EXPECT_U64(mr_http_fixture_send("x"), ==, 0);
    mr_http_fixture_close(&f);
}

MR_TEST(a_slow_reader_reaches_the_high_water_mark_and_is_told_when_to_go_on)
{
    mr_http_fixture f;
    mr_wire slow, quick;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.output_high_bytes = 100000;
    mr_http_fixture_open(&f, limits);
    subscribe(&slow, f.port);
    subscribe(&quick, f.port);
    char *event = mr_mem_alloc(50001);
    memset(event, 'e', 50000);
    event[50000] = 0;
    const unsigned writable = mr_http_fixture_writable_calls();
    unsigned sends = 0;
    while (mr_http_fixture_send(event) == 2) {
        MR_EXPECT_U64(++sends, <, 1000);
        mr_wire_listen(&quick, 5);
    }
    MR_EXPECT_U64(mr_http_fixture_writable_calls(), ==, writable);
    /* Once it reads, everything that was taken arrives, and the writer is told. */
    const size_t wanted = (size_t)sends * 50000;
    while (slow.in.len < wanted) {
        mr_wire_listen(&slow, 10);
        MR_EXPECT(!slow.ended);
    }
    for (int tries = 0; mr_http_fixture_writable_calls() == writable; tries++) {
        MR_EXPECT(tries < 1000);
        mr_wire_listen(&slow, 10);
    }
    mr_mem_free(event);
    mr_wire_close(&slow);
    mr_wire_close(&quick);
    mr_http_fixture_close(&f);
}

MR_TEST(a_reader_that_stops_reading_is_cut_at_the_write_deadline)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.write_ms = 200;
    limits.output_high_bytes = 1u << 20;
    limits.rate_bytes_per_s_min = 0;
    const unsigned closed = mr_http_fixture_closed_streams();
    mr_http_fixture_open(&f, limits);
    subscribe(&wire, f.port);
    char *event = mr_mem_alloc(500001);
    memset(event, 'e', 500000);
    event[500000] = 0;
    while (mr_http_fixture_closed_streams() == closed)
        mr_http_fixture_send(event);
    MR_EXPECT_U64(mr_http_fixture_metric(&f, "millrace_http_timeouts_total{phase=\"write\"}"), ==,
                  1);
    mr_mem_free(event);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(a_reader_that_talks_is_cut)
{
    mr_http_fixture f;
    mr_wire wire;
    const unsigned closed = mr_http_fixture_closed_streams();
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    subscribe(&wire, f.port);
    static char noise[65536];
    mr_wire_send(&wire, mr_slice_of(noise, sizeof noise));
    await_closed(closed + 1);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(stopping_ends_streams_properly)
{
    mr_http_fixture f;
    mr_wire wires[10];
    const unsigned closed = mr_http_fixture_closed_streams();
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
        subscribe(&wires[i], f.port);
    mr_http_server_stop(f.server, 5000);
    MR_EXPECT_U64(mr_http_fixture_closed_streams(), ==, closed + MR_COUNT_OF(wires));
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        mr_wire_await_end(&wires[i]);
        MR_EXPECT(!wires[i].reset && strstr(wires[i].in.ptr, "\r\n0\r\n\r\n") != NULL);
        mr_wire_close(&wires[i]);
    }
    mr_http_fixture_close(&f);
}

MR_TEST(events_allocate_nothing_once_warm)
{
    mr_http_fixture f;
    mr_wire wires[5], order;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
        subscribe(&wires[i], f.port);
    mr_wire_open(&order, f.port);
    static char answer[1000];
    uint64_t mallocs = 0;
    for (int i = 0; i < 120; i++) {
        if (i == 20) mallocs = mr_test_malloc_count();
        MR_EXPECT(mr_wire_say(&order,
                              "POST /order HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\ndata: x\n\n"));
        size_t len = 0;
        while (len < 4 || memcmp(answer + len - 4, "done", 4) != 0) {
            const ssize_t got = recv(order.fd, answer + len, sizeof answer - len, 0);
            MR_EXPECT(got > 0);
            len += (size_t)got;
        }
    }
    MR_EXPECT_U64(mr_test_malloc_count(), ==, mallocs);
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
        mr_wire_close(&wires[i]);
    mr_wire_close(&order);
    mr_http_fixture_close(&f);
}
