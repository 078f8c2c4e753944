/* SPDX-License-Identifier: MIT
 *
 * What peers cannot make the server do: wait, hold memory, hold connections. Over real sockets,
 * with deadlines of milliseconds.
 * Runs alone: beside others on two cores it may be late itself. */
#include <errno.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "support/http_fixture.h"
#include "support/test.h"

#define H "Host: a\r\n"

static unsigned now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static void pause_ms(unsigned ms)
{
    const struct timespec moment = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&moment, NULL);
}

/* Sends `text`, then one byte each 10 ms; returns how long the server put up with it. */
static unsigned trickle(mr_wire *wire, const char *text, char byte)
{
    const unsigned start = now_ms();
    mr_wire_say(wire, text);
    while (!wire->ended && now_ms() - start < 10000) {
        if (!mr_wire_send(wire, mr_slice_of(&byte, 1))) break;
        mr_wire_listen(wire, 10);
    }
    return now_ms() - start;
}

MR_TEST(a_trickling_peer_is_cut_at_the_deadline_of_its_phase)
{
    static const struct {
        const char *text;
        char byte;
        const char *metric;
    } rows[] = {
        {"GET /hello HTTP/1.1\r\nX: ", 'a', "millrace_http_timeouts_total{phase=\"header\"}"},
        {"G", 'E', "millrace_http_timeouts_total{phase=\"header\"}"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\n", 'a',
         "millrace_http_timeouts_total{phase=\"body\"}"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 8000\r\n\r\n", 'a',
         "millrace_http_timeouts_total{phase=\"body\"}"},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nffff\r\n", 'a',
         "millrace_http_timeouts_total{phase=\"body\"}"},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", 'a',
         "millrace_http_timeouts_total{phase=\"body\"}"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_http_fixture f;
        mr_wire wire;
        mr_http_limits limits = mr_http_fixture_limits();
        limits.header_ms = limits.body_ms = 200;
        mr_http_fixture_open(&f, limits);
        mr_wire_open(&wire, f.port);
        const unsigned took = trickle(&wire, rows[i].text, rows[i].byte);
        MR_EXPECT_U64(took, >=, 190);
        MR_EXPECT_U64(took, <, 3000);
        MR_EXPECT(wire.in.len > 0 && strstr(wire.in.ptr, "HTTP/1.1 408 ") == wire.in.ptr);
        MR_EXPECT_U64(mr_http_fixture_metric(&f, rows[i].metric), ==, 1);
        mr_wire_close(&wire);
        mr_http_fixture_close(&f);
    }
}

MR_TEST(silent_connections_are_closed_without_a_word)
{
    mr_http_fixture f;
    mr_wire fresh, used;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.header_ms = 150;
    limits.idle_ms = 300;
    mr_http_fixture_open(&f, limits);
    mr_wire_open(&fresh, f.port);
    mr_wire_open(&used, f.port);
    MR_EXPECT(mr_wire_say(&used, "GET /hello HTTP/1.1\r\n" H "\r\n"));
    MR_EXPECT_SLICE(mr_wire_answer_of(&used, false).body, "hello");
    const unsigned start = now_ms();
    mr_wire_await_end(&fresh);
    MR_EXPECT_U64(now_ms() - start, <, 1500);
    mr_wire_await_end(&used);
    MR_EXPECT_U64(now_ms() - start, >=, 280);
    MR_EXPECT(fresh.in.len == 0 && used.in.len == 0 && !fresh.reset && !used.reset);
    MR_EXPECT_U64(mr_http_fixture_metric(&f, "millrace_http_timeouts_total{phase=\"idle\"}"), ==,
                  2);
    mr_wire_close(&fresh);
    mr_wire_close(&used);
    mr_http_fixture_close(&f);
}

MR_TEST(a_body_that_flows_may_take_longer_than_its_deadline)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.body_ms = 150;
    limits.rate_bytes_per_s_min = 10000;
    static char piece[2000];
    mr_http_fixture_open(&f, limits);
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "POST /echo HTTP/1.1\r\n" H "Content-Length: 20000\r\n\r\n"));
    memset(piece, 'p', sizeof piece);
    for (int i = 0; i < 10; i++) {
        MR_EXPECT(mr_wire_send(&wire, mr_slice_of(piece, sizeof piece)));
        pause_ms(60);
    }
    MR_EXPECT_U64(mr_wire_answer_of(&wire, false).status, ==, 200);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(a_peer_that_does_not_read_is_cut_at_the_write_deadline)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.write_ms = 200;
    limits.rate_bytes_per_s_min = 100u << 20;
    mr_http_fixture_open(&f, limits);
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "GET /large?bytes=50000000 HTTP/1.1\r\n" H "\r\n"));
    const unsigned start = now_ms();
    mr_http_fixture_await_metric(&f, "millrace_http_timeouts_total{phase=\"write\"}", 1);
    MR_EXPECT_U64(now_ms() - start, >=, 190);
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    mr_wire_await_end(&wire);
    MR_EXPECT_U64(wire.in.len, <, 50000000);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(a_peer_that_pipelines_and_does_not_read_makes_nothing_grow)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.write_ms = 400;
    limits.rate_bytes_per_s_min = 0;
    mr_http_fixture_open(&f, limits);
    mr_wire_open(&wire, f.port);
    static char requests[40 * 1000];
    size_t len = 0;
    while (len + 60 < sizeof requests)
        len += (size_t)snprintf(requests + len, sizeof requests - len,
                                "GET /large?bytes=4000 HTTP/1.1\r\n" H "\r\n");
    const uint64_t before = mr_mem_stats_now().live_bytes;
    for (int i = 0; i < 2000; i++) {
        const ssize_t sent = send(wire.fd, requests, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) break;
        if (sent < (ssize_t)len) break; /* both directions are full: that is the point */
    }
    pause_ms(100);
    MR_EXPECT_U64(mr_mem_stats_now().live_bytes, <, before + (2u << 20));
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(a_large_answer_reaches_a_slow_reader_whole)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "GET /large?bytes=20000000 HTTP/1.1\r\n" H
                                 "\r\nGET /hello HTTP/1.1\r\n" H "\r\n"));
    pause_ms(100);
    const mr_wire_answer answer = mr_wire_answer_of(&wire, false);
    MR_EXPECT_U64(answer.body.len, ==, 20000000);
    for (size_t i = 0; i < answer.body.len; i++)
        if (answer.body.ptr[i] != 'x') MR_TEST_FAIL("byte %zu is wrong\n", i);
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "hello");
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

static void fill_connections(mr_http_limits limits, const char *metric)
{
    mr_http_fixture f;
    mr_wire wires[3], more;
    mr_http_fixture_open(&f, limits);
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        mr_wire_open(&wires[i], f.port);
        MR_EXPECT(mr_wire_say(&wires[i], "GET /hello HTTP/1.1\r\n" H "\r\n"));
        MR_EXPECT_U64(mr_wire_answer_of(&wires[i], false).status, ==, 200);
    }
    for (int i = 0; i < 3; i++) {
        mr_wire_open(&more, f.port);
        const mr_wire_answer answer = mr_wire_answer_of(&more, false);
        MR_EXPECT_U64(answer.status, ==, 503);
        MR_EXPECT(mr_slice_starts(answer.body, "{\"error\":{\"code\":\"UNAVAILABLE\""));
        MR_EXPECT(mr_slice_ends(answer.body, "}}"));
        mr_wire_await_end(&more);
        mr_wire_close(&more);
    }
    MR_EXPECT_U64(mr_http_fixture_metric(&f, metric), ==, 3);
    mr_wire_close(&wires[0]);
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 2);
    mr_wire_open(&more, f.port);
    MR_EXPECT(mr_wire_say(&more, "GET /hello HTTP/1.1\r\n" H "\r\n"));
    MR_EXPECT_U64(mr_wire_answer_of(&more, false).status, ==, 200);
    mr_wire_close(&more);
    mr_wire_close(&wires[1]);
    mr_wire_close(&wires[2]);
    mr_http_fixture_close(&f);
}

MR_TEST(connections_beyond_the_caps_are_refused_with_503)
{
    mr_http_limits limits = mr_http_fixture_limits();
    limits.connections_max = 3;
    fill_connections(limits, "millrace_http_refused_total{limit=\"connections_max\"}");
    limits = mr_http_fixture_limits();
    limits.connections_per_address_max = 3;
    fill_connections(limits, "millrace_http_refused_total{limit=\"connections_per_address_max\"}");
}

MR_TEST(bodies_together_have_a_limit)
{
    mr_http_fixture f;
    mr_wire one, two;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.bodies_bytes_max = 600000;
    mr_http_fixture_open(&f, limits);
    mr_wire_open(&one, f.port);
    mr_wire_open(&two, f.port);
    char *body = mr_mem_zalloc(500000);
    MR_EXPECT(mr_wire_say(&one, "POST /echo HTTP/1.1\r\n" H "Content-Length: 500000\r\n\r\n"));
    MR_EXPECT(mr_wire_send(&one, mr_slice_of(body, 400000)));
    MR_EXPECT(mr_wire_say(&two, "POST /echo HTTP/1.1\r\n" H "Content-Length: 500000\r\n\r\n"));
    pause_ms(50);
    mr_wire_send(&two, mr_slice_of(body, 500000));
    MR_EXPECT_U64(mr_wire_answer_of(&two, false).status, ==, 503);
    MR_EXPECT(mr_wire_send(&one, mr_slice_of(body, 100000)));
    MR_EXPECT_U64(mr_wire_answer_of(&one, false).status, ==, 200);
    mr_mem_free(body);
    mr_wire_close(&one);
    mr_wire_close(&two);
    mr_http_fixture_close(&f);
}

MR_TEST(want_of_descriptors_pauses_accepting_and_does_not_spin)
{
    mr_http_fixture f;
    mr_wire wire;
    struct rlimit before, tight;
    int fillers[64];
    size_t filler_count = 0;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    wire = (mr_wire){0};
    MR_EXPECT(getrlimit(RLIMIT_NOFILE, &before) == 0);
    tight = before;
    tight.rlim_cur = 40;
    MR_EXPECT(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    while (filler_count < 64 && (fillers[filler_count] = dup(0)) >= 0)
        filler_count++;
    MR_EXPECT(filler_count > 0);
    close(fillers[--filler_count]); /* one for the client's end, none for the server's */
    mr_wire_open(&wire, f.port);
    struct rusage used_before, used_after;
    getrusage(RUSAGE_SELF, &used_before);
    pause_ms(350);
    getrusage(RUSAGE_SELF, &used_after);
    const uint64_t errors = mr_http_fixture_metric(&f, "millrace_http_accept_errors_total");
    MR_EXPECT_U64(errors, >=, 1);
    MR_EXPECT_U64(errors, <=, 8);
    MR_EXPECT_I64((used_after.ru_utime.tv_sec + used_after.ru_stime.tv_sec) * 1000000 +
                      used_after.ru_utime.tv_usec + used_after.ru_stime.tv_usec,
                  <,
                  (used_before.ru_utime.tv_sec + used_before.ru_stime.tv_sec) * 1000000 +
                      used_before.ru_utime.tv_usec + used_before.ru_stime.tv_usec + 100000);
    while (filler_count > 0)
        close(fillers[--filler_count]);
    MR_EXPECT(mr_wire_say(&wire, "GET /hello HTTP/1.1\r\n" H "\r\n"));
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "hello");
    setrlimit(RLIMIT_NOFILE, &before);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(an_idle_server_stops_within_100_ms)
{
    mr_http_fixture f;
    mr_wire wires[50];
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        mr_wire_open(&wires[i], f.port);
        if (i % 2 == 0) continue;
        MR_EXPECT(mr_wire_say(&wires[i], "GET /hello HTTP/1.1\r\n" H "\r\n"));
        MR_EXPECT_U64(mr_wire_answer_of(&wires[i], false).status, ==, 200);
    }
    const unsigned start = now_ms();
    mr_http_server_stop(f.server, 5000);
    MR_EXPECT_U64(now_ms() - start, <, 100);
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        mr_wire_await_end(&wires[i]);
        mr_wire_close(&wires[i]);
    }
    mr_http_fixture_close(&f);
}

MR_TEST(stopping_lets_requests_in_flight_finish_and_cuts_at_the_grace)
{
    mr_http_fixture f;
    mr_wire working, stuck;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&working, f.port);
    mr_wire_open(&stuck, f.port);
    MR_EXPECT(mr_wire_say(&working, "GET /later?ms=150 HTTP/1.1\r\n" H "\r\n"));
    MR_EXPECT(mr_wire_say(&stuck, "POST /echo HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nabc"));
    mr_http_fixture_await_metric(&f, "millrace_http_connections_total", 2);
    pause_ms(20);
    const unsigned start = now_ms();
    mr_http_server_stop(f.server, 400);
    const unsigned took = now_ms() - start;
    MR_EXPECT_U64(took, >=, 380);
    MR_EXPECT_U64(took, <, 2000);
    const mr_wire_answer answer = mr_wire_answer_of(&working, false);
    MR_EXPECT_SLICE(answer.body, "later");
    MR_EXPECT_SLICE(mr_wire_header(answer, "Connection"), "close");
    mr_wire_await_end(&stuck);
    mr_wire_close(&working);
    mr_wire_close(&stuck);
    mr_http_fixture_close(&f);
}

MR_TEST(a_request_may_be_resumed_between_stop_and_close)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "GET /later?ms=150 HTTP/1.1\r\n" H "\r\n"));
    pause_ms(50);
    mr_http_server_stop(f.server, 10);
    mr_wire_await_end(&wire);
    MR_EXPECT_U64(wire.in.len, ==, 0);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f); /* after the errand has returned */
}

static mr_code open_and_close(void)
{
    static const mr_http_route routes[1] = {{.path = "/"}};
    mr_error err;
    mr_metrics *metrics = NULL;
    mr_http_server *server = NULL;
    mr_code rc = mr_metrics_open(NULL, &metrics, &err);
    if (rc == MR_OK)
        rc = mr_http_server_open(&(mr_http_options){.address = MR_SLICE("127.0.0.1:0"),
                                                    .routes = routes,
                                                    .route_count = 1,
                                                    .metrics = metrics,
                                                    .limits = MR_HTTP_LIMITS_DEFAULT},
                                 &server, &err);
    mr_http_server_close(server);
    mr_metrics_close(metrics);
    return rc;
}

MR_TEST(opening_survives_every_failing_allocation)
{
    MR_EACH_ALLOC_FAILS(open_and_close());
}
