/* SPDX-License-Identifier: MIT
 *
 * What well-behaved and misbehaving clients get from the server, over real sockets. */
#include <time.h>

#include "support/http_fixture.h"
#include "support/test.h"

#define H "Host: a\r\n"

static mr_wire_answer ask(mr_wire *wire, const char *request)
{
    MR_EXPECT(mr_wire_say(wire, request));
    return mr_wire_answer_of(wire, false);
}

MR_TEST(a_connection_serves_many_requests)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    for (int i = 0; i < 100; i++) {
        const mr_wire_answer answer = ask(&wire, "GET /hello HTTP/1.1\r\n" H "\r\n");
        MR_EXPECT_U64(answer.status, ==, 200);
        MR_EXPECT_SLICE(answer.body, "hello");
        MR_EXPECT_SLICE(mr_wire_header(answer, "Content-Type"), "text/plain");
        MR_EXPECT_U64(mr_wire_header(answer, "Date").len, ==, 29);
        MR_EXPECT(mr_slice_ends(mr_wire_header(answer, "Date"), " GMT"));
        MR_EXPECT_U64(mr_wire_header(answer, "Connection").len, ==, 0);
    }
    MR_EXPECT_U64(mr_http_fixture_metric(&f, "millrace_http_connections_total"), ==, 1);
    MR_EXPECT_U64(mr_http_fixture_metric(&f, "millrace_http_requests_total{code=\"2xx\"}"), ==,
                  100);
    mr_wire_close(&wire);
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    mr_http_fixture_close(&f);
}

MR_TEST(the_date_is_now)
{
    mr_http_fixture f;
    mr_wire wire;
    struct tm date = {0};
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    for (int i = 0; i < 2; i++) {
        const mr_wire_answer answer = ask(&wire, "GET /hello HTTP/1.1\r\n" H "\r\n");
        const char *text = mr_wire_header(answer, "Date").ptr;
        const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date);
        MR_EXPECT(end == text + 29);
        const time_t told = timegm(&date), now = time(NULL);
        MR_EXPECT(told <= now && told >= now - 1);
        const struct timespec moment = {.tv_sec = 1};
        if (i == 0) nanosleep(&moment, NULL);
    }
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(paths_are_decoded_and_slashes_collapsed_queries_left_alone)
{
    static const struct {
        const char *target, *wanted;
    } rows[] = {
        {"/echo?a=%20b", "GET /echo?a=%20b "},
        {"//echo", "GET /echo? "},
        {"/%65cho?x", "GET /echo?x "},
        {"///ec%68o??", "GET /echo?? "},
        {"http://any.where/echo?q", "GET /echo?q "},
        {"/under/a/b", "GET /under/a/b? "},
        {"/under//a%2f%2Fb", "GET /under/a/b? "},
    };
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        char request[200];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" H "\r\n", rows[i].target);
        MR_EXPECT_SLICE(ask(&wire, request).body, rows[i].wanted);
    }
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(a_path_that_cannot_be_decoded_is_400)
{
    static const char *const targets[] = {"/%", "/%4", "/%zz", "/a%00b"};
    mr_http_fixture f;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(targets); i++) {
        mr_wire wire;
        char request[100];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" H "\r\n", targets[i]);
        mr_wire_open(&wire, f.port);
        MR_EXPECT_U64(ask(&wire, request).status, ==, 400);
        mr_wire_await_end(&wire);
        mr_wire_close(&wire);
    }
    mr_http_fixture_close(&f);
}

MR_TEST(wrong_paths_and_methods_are_told_apart)
{
    static const struct {
        const char *line;
        unsigned status;
        const char *code, *allow;
    } rows[] = {
        {"GET /nowhere", 404, "NOT_FOUND", ""},
        {"GET /hello/", 404, "NOT_FOUND", ""},
        {"POST /hello", 405, "METHOD_NOT_ALLOWED", "GET, HEAD"},
        {"GET /small", 405, "METHOD_NOT_ALLOWED", "POST"},
        {"TRACE /hello", 405, "METHOD_NOT_ALLOWED", "GET, HEAD"},
        {"OPTIONS *", 404, "NOT_FOUND", ""},
        {"BREW /nowhere", 404, "NOT_FOUND", ""},
        {"BREW /hello", 501, "NOT_IMPLEMENTED", ""},
        {"BREW /echo", 200, NULL, ""},
    };
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        char request[200], start[100];
        snprintf(request, sizeof request, "%s HTTP/1.1\r\n" H "\r\n", rows[i].line);
        const mr_wire_answer answer = ask(&wire, request);
        MR_EXPECT_U64(answer.status, ==, rows[i].status);
        MR_EXPECT_SLICE(mr_wire_header(answer, "Allow"), rows[i].allow);
        if (rows[i].code == NULL) continue;
        snprintf(start, sizeof start, "{\"error\":{\"code\":\"%s\",\"message\":\"", rows[i].code);
        MR_EXPECT(mr_slice_starts(answer.body, start));
        MR_EXPECT_SLICE(mr_wire_header(answer, "Content-Type"), "application/json");
    }
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(head_has_the_length_and_no_body)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire,
                          "HEAD /hello HTTP/1.1\r\n" H "\r\nHEAD /large?bytes=100000 HTTP/1.1\r\n" H
                          "\r\nHEAD /nowhere HTTP/1.1\r\n" H "\r\n"));
    MR_EXPECT_SLICE(mr_wire_header(mr_wire_answer_of(&wire, true), "Content-Length"), "5");
    MR_EXPECT_SLICE(mr_wire_header(mr_wire_answer_of(&wire, true), "Content-Length"), "100000");
    MR_EXPECT_U64(mr_wire_answer_of(&wire, true).status, ==, 404);
    MR_EXPECT_SLICE(ask(&wire, "GET /hello HTTP/1.1\r\n" H "\r\n").body, "hello");
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(pipelined_requests_are_answered_in_order)
{
    enum { COUNT = 500 };
    static char requests[COUNT * 100];
    size_t len = 0;
    for (int i = 0; i < COUNT; i++) {
        if (i % 50 == 7)
            len += (size_t)snprintf(requests + len, sizeof requests - len,
                                    "GET /later?ms=1 HTTP/1.1\r\n" H "\r\n");
        else if (i % 50 == 9)
            len += (size_t)snprintf(requests + len, sizeof requests - len,
                                    "GET /large?bytes=5000 HTTP/1.1\r\n" H "\r\n");
        else
            len +=
                (size_t)snprintf(requests + len, sizeof requests - len,
                                 "POST /echo?%d HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", i);
    }
    static const size_t pieces[] = {1, 2, 97};
    for (size_t p = 0; p < MR_COUNT_OF(pieces); p++) {
        mr_http_fixture f;
        mr_wire wire;
        mr_http_fixture_open(&f, mr_http_fixture_limits());
        mr_wire_open(&wire, f.port);
        MR_EXPECT(mr_wire_say_in_pieces(&wire, mr_slice_of(requests, len), pieces[p]));
        for (int i = 0; i < COUNT; i++) {
            char wanted[100];
            const mr_wire_answer answer = mr_wire_answer_of(&wire, false);
            snprintf(wanted, sizeof wanted, "POST /echo?%d abc", i);
            if (i % 50 == 7)
                MR_EXPECT_SLICE(answer.body, "later");
            else if (i % 50 == 9)
                MR_EXPECT_U64(answer.body.len, ==, 5000);
            else
                MR_EXPECT_SLICE(answer.body, wanted);
        }
        mr_wire_close(&wire);
        mr_http_fixture_close(&f);
    }
}

MR_TEST(a_request_may_come_in_any_pieces)
{
    static const char request[] =
        "POST /echo?x HTTP/1.1\r\n" H
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nok";
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        MR_EXPECT(mr_wire_send(&wire, mr_slice_of(request, cut)));
        const struct timespec moment = {.tv_nsec = 200000};
        nanosleep(&moment, NULL);
        MR_EXPECT(mr_wire_send(&wire, mr_slice_of(request + cut, sizeof request - 1 - cut)));
        MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "POST /echo?x hello!");
        MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "POST /echo? ok");
    }
    MR_EXPECT(mr_wire_say_in_pieces(&wire, MR_SLICE(request), sizeof request - 1));
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "POST /echo?x hello!");
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "POST /echo? ok");
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

/* Bodies around every border: none, in place, aside, several reads, with the next request behind.
 */
MR_TEST(bodies_of_all_sizes_arrive_whole)
{
    static const size_t sizes[] = {0, 1, 3000, 4096, 8191, 8192, 8193, 70000, 300000, 900000};
    mr_http_fixture f;
    mr_wire wire;
    char *body = mr_mem_alloc(1 << 20), head[200];
    MR_EXPECT(body != NULL);
    for (size_t i = 0; i < 1 << 20; i++)
        body[i] = (char)('a' + i * 7 % 26);
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    for (size_t i = 0; i < MR_COUNT_OF(sizes); i++) {
        for (int chunked = 0; chunked < 2; chunked++) {
            if (chunked)
                snprintf(head, sizeof head,
                         "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
                         sizes[i]);
            else
                snprintf(head, sizeof head,
                         "POST /echo HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", sizes[i]);
            MR_EXPECT(mr_wire_say(&wire, head));
            MR_EXPECT(mr_wire_send(&wire, mr_slice_of(body, sizes[i])));
            if (chunked) MR_EXPECT(mr_wire_say(&wire, sizes[i] > 0 ? "\r\n0\r\n\r\n" : "\r\n"));
            MR_EXPECT(mr_wire_say(&wire, "GET /hello HTTP/1.1\r\n" H "\r\n"));
            const mr_wire_answer answer = mr_wire_answer_of(&wire, false);
            MR_EXPECT_U64(answer.status, ==, 200);
            MR_EXPECT_U64(answer.body.len, ==, sizes[i] + sizeof "POST /echo? " - 1);
            MR_EXPECT(memcmp(answer.body.ptr + sizeof "POST /echo? " - 1, body, sizes[i]) == 0);
            MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "hello");
        }
    }
    mr_mem_free(body);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(a_body_waits_for_100_continue_and_an_unwanted_one_is_refused_before)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "POST /echo HTTP/1.1\r\n" H
                                 "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    mr_wire_await(&wire, "HTTP/1.1 100 Continue\r\n\r\n");
    MR_EXPECT_U64(mr_wire_answer_of(&wire, true).status, ==, 100);
    MR_EXPECT_SLICE(ask(&wire, "abc").body, "POST /echo? abc");
    /* Who sends the body at once gets no 100. */
    MR_EXPECT_SLICE(
        ask(&wire, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx")
            .body,
        "POST /echo? x");
    MR_EXPECT_U64(ask(&wire, "POST /small HTTP/1.1\r\n" H
                             "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n")
                      .status,
                  ==, 413);
    mr_wire_await_end(&wire);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(connections_close_when_asked_and_http_1_0_closes_by_itself)
{
    static const struct {
        const char *request, *connection;
        bool closes;
    } rows[] = {
        {"GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "close", true},
        {"GET /hello HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", "close", true},
        {"GET /hello HTTP/1.0\r\n\r\n", "close", true},
        {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", false},
        {"GET /hello HTTP/1.1\r\n" H "Connection: keep-alive\r\n\r\n", "", false},
    };
    mr_http_fixture f;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_wire wire;
        mr_wire_open(&wire, f.port);
        const mr_wire_answer answer = ask(&wire, rows[i].request);
        MR_EXPECT_SLICE(answer.body, "hello");
        MR_EXPECT_SLICE(mr_wire_header(answer, "Connection"), rows[i].connection);
        if (rows[i].closes)
            mr_wire_await_end(&wire);
        else
            MR_EXPECT_SLICE(ask(&wire, rows[i].request).body, "hello");
        mr_wire_close(&wire);
    }
    mr_http_fixture_close(&f);
}

/* After a refused request nothing on the connection is served: what follows may be smuggled. */
MR_TEST(ambiguous_requests_are_refused_and_nothing_behind_them_is_served)
{
    static const struct {
        const char *request;
        unsigned status;
    } rows[] = {
        {"POST /echo HTTP/1.1\r\n" H
         "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
         400},
        {"POST /echo HTTP/1.1\r\n" H
         "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX",
         400},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 5,5\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 5\n\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", 501},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding:\x0b"
         "chunked\r\n\r\n0\r\n\r\n",
         400},
        {"POST /echo HTTP/1.1\r\n" H "X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
         400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
         400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
         400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
         400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
         400},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\n", 413},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 9999999999\r\n\r\n", 413},
        {"POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n12345678901", 413},
        {"POST /small HTTP/1.1\r\n" H
         "Transfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
         413},
        {"GET /hello HTTP/1.1\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\n" H H "\r\n", 400},
        {"GET /hello HTTP/1.1\n" H "\n", 400},
        {"GET /hello\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\n" H "Expect: magic\r\n\r\n", 417},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET /hello HTTP/3.0\r\n" H "\r\n", 505},
        {"\x16\x03\x01\x02", 400},
    };
    mr_http_fixture f;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_wire wire;
        mr_wire_open(&wire, f.port);
        MR_EXPECT(mr_wire_say(&wire, rows[i].request));
        mr_wire_say(&wire, "GET /hello HTTP/1.1\r\n" H "\r\n");
        const mr_wire_answer answer = mr_wire_answer_of(&wire, false);
        if (answer.status != rows[i].status)
            MR_TEST_FAIL("%s: %u, expected %u\n", rows[i].request, answer.status, rows[i].status);
        MR_EXPECT(mr_slice_starts(answer.body, "{\"error\":{\"code\":\""));
        MR_EXPECT_SLICE(mr_wire_header(answer, "Connection"), "close");
        mr_wire_await_end(&wire);
        MR_EXPECT(!wire.reset);
        MR_EXPECT_U64(wire.in.len, ==, 0);
        mr_wire_close(&wire);
    }
    mr_http_fixture_close(&f);
}

MR_TEST(header_limits_are_answered_with_414_and_431)
{
    mr_http_fixture f;
    mr_http_limits limits = mr_http_fixture_limits();
    limits.uri_bytes_max = 100;
    limits.header_bytes_max = 1000;
    limits.header_count_max = 10;
    static char request[5000];
    static const struct {
        int target, value, count;
        unsigned status;
    } rows[] = {{90, 10, 5, 404},   {100, 10, 5, 414}, {4000, 10, 5, 414}, {10, 1000, 1, 431},
                {10, 4000, 1, 431}, {10, 1, 9, 404},   {10, 1, 10, 431}};
    mr_http_fixture_open(&f, limits);
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_wire wire;
        int len = snprintf(request, sizeof request, "GET /%0*d HTTP/1.1\r\n" H, rows[i].target, 0);
        for (int k = 0; k < rows[i].count; k++)
            len += snprintf(request + len, sizeof request - (size_t)len, "X%d: %0*d\r\n", k,
                            rows[i].value, 0);
        snprintf(request + len, sizeof request - (size_t)len, "\r\n");
        mr_wire_open(&wire, f.port);
        mr_wire_say(&wire, request);
        MR_EXPECT_U64(mr_wire_answer_of(&wire, false).status, ==, rows[i].status);
        mr_wire_close(&wire);
    }
    mr_http_fixture_close(&f);
}

MR_TEST(a_handler_that_does_not_answer_or_answers_badly_is_a_500)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT_U64(ask(&wire, "GET /never HTTP/1.1\r\n" H "\r\n").status, ==, 500);
    const mr_wire_answer answer = ask(&wire, "GET /split HTTP/1.1\r\n" H "\r\n");
    MR_EXPECT_U64(answer.status, ==, 500);
    MR_EXPECT_U64(mr_wire_header(answer, "Set-Cookie").len, ==, 0);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(answers_from_another_thread_arrive_also_when_their_peer_has_left)
{
    mr_http_fixture f;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire wires[20];
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        mr_wire_open(&wires[i], f.port);
        MR_EXPECT(mr_wire_say(&wires[i], "GET /later?ms=50 HTTP/1.1\r\n" H "\r\n"));
    }
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        if (i % 2 == 0) {
            /* Half of them leave with a reset before the answer. */
            const struct linger at_once = {1, 0};
            setsockopt(wires[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            mr_wire_close(&wires[i]);
        }
    }
    for (size_t i = 1; i < MR_COUNT_OF(wires); i += 2) {
        MR_EXPECT_SLICE(mr_wire_answer_of(&wires[i], false).body, "later");
        mr_wire_close(&wires[i]);
    }
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    mr_http_fixture_close(&f);
}

MR_TEST(a_peer_that_half_closes_still_gets_its_answer)
{
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "GET /hello HTTP/1.1\r\n" H "\r\nGET /later?ms=20 HTTP/1.1\r\n" H
                                 "\r\n"));
    shutdown(wire.fd, SHUT_WR);
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "hello");
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "later");
    mr_wire_await_end(&wire);
    MR_EXPECT(!wire.reset);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}

MR_TEST(requests_allocate_nothing_once_warm)
{
    static const char *const requests[] = {
        "GET /hello HTTP/1.1\r\n" H "\r\n",
        "GET /ec%68o HTTP/1.1\r\n" H "\r\n",
        "GET /large?bytes=60000 HTTP/1.1\r\n" H "\r\n",
        "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\n" H "\r\n",
    };
    mr_http_fixture f;
    mr_wire wire;
    mr_http_fixture_open(&f, mr_http_fixture_limits());
    mr_wire_open(&wire, f.port);
    char head[100], *body = mr_mem_zalloc(100000);
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n");
    char *received = mr_mem_alloc(200000);
    uint64_t mallocs = 0;
    for (int round = 0; round < 60; round++) {
        if (round == 20) mallocs = mr_test_malloc_count();
        for (size_t i = 0; i <= MR_COUNT_OF(requests); i++) {
            /* The client must not allocate either, so it reads into its own memory. */
            const bool large_body = i == MR_COUNT_OF(requests);
            MR_EXPECT(mr_wire_say(&wire, large_body ? head : requests[i]));
            if (large_body) MR_EXPECT(mr_wire_send(&wire, mr_slice_of(body, 100000)));
            size_t len = 0, wanted = SIZE_MAX;
            while (len < wanted) {
                const ssize_t got = recv(wire.fd, received + len, 199999 - len, 0);
                MR_EXPECT(got > 0);
                len += (size_t)got;
                received[len] = 0;
                const char *end = strstr(received, "\r\n\r\n");
                if (end == NULL) continue;
                wanted = (size_t)(end + 4 - received) +
                         strtoull(strstr(received, "Content-Length: ") + 16, NULL, 10);
            }
        }
    }
    MR_EXPECT_U64(mr_test_malloc_count(), ==, mallocs);
    mr_mem_free(body);
    mr_mem_free(received);
    mr_wire_close(&wire);
    mr_http_fixture_close(&f);
}
