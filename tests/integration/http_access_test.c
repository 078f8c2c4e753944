/* SPDX-License-Identifier: MIT
 *
 * What the server tells about the requests it has answered, over real sockets. */
#include <pthread.h>
#include <time.h>

#include "http/server.h"
#include "support/test.h"
#include "support/wire.h"

#define H "Host: a\r\n"

/* What on_answer has been told: one line each, read once the server has stopped. */
typedef struct seen {
    char text[4096];
    uint64_t last_id, longest_ns;
    unsigned count;
} seen;

static void on_answer(const mr_http_access *access, void *context)
{
    seen *own = context;
    const size_t len = strlen(own->text);
    snprintf(own->text + len, sizeof own->text - len, "%.*s %.*s %u%s%s %llu %llu\n",
             MR_SLICE_ARGS(access->method_text), MR_SLICE_ARGS(access->path), access->status,
             access->streamed ? " stream" : "", access->gone ? " gone" : "",
             (unsigned long long)access->received_bytes, (unsigned long long)access->sent_bytes);
    MR_EXPECT(access->id > own->last_id);
    own->last_id = access->id;
    own->longest_ns = mr_max_u64(own->longest_ns, access->duration_ns);
    own->count++;
}

static void count_answer(MR_UNUSED const mr_http_access *access, void *context)
{
    ((seen *)context)->count++;
}

static void on_hello(mr_http_request *request, MR_UNUSED void *context)
{
    mr_http_reply(request, &(mr_http_response){.status = 200, .body = MR_SLICE("hello")});
}

static void on_slow(mr_http_request *request, void *context)
{
    const struct timespec moment = {.tv_nsec = 30000000};
    nanosleep(&moment, NULL);
    on_hello(request, context);
}

static void on_id(mr_http_request *request, MR_UNUSED void *context)
{
    char text[MR_HTTP_ID_BYTES];
    mr_http_reply(request, &(mr_http_response){.status = 200,
                                               .body = mr_http_request_id_text(request, text)});
}

static void on_closed(MR_UNUSED mr_http_request *request, MR_UNUSED void *context)
{
}

static void on_stream(mr_http_request *request, MR_UNUSED void *context)
{
    static const mr_http_stream_events events = {NULL, on_closed};
    mr_http_stream_begin(request, &(mr_http_response){.status = 201}, &events, NULL);
    MR_EXPECT(mr_http_stream_send(request, MR_SLICE("abc"), NULL) == MR_OK);
    mr_http_stream_end(request);
}

static pthread_t thread;

static void *resume_soon(void *context)
{
    const struct timespec moment = {.tv_nsec = 100000000};
    nanosleep(&moment, NULL);
    mr_http_resume(context, on_hello, NULL);
    return NULL;
}

static void on_later(mr_http_request *request, MR_UNUSED void *context)
{
    mr_http_defer(request);
    MR_EXPECT(pthread_create(&thread, NULL, resume_soon, request) == 0);
}

static void on_body_complete(mr_http_request *request, void *context)
{
    on_hello(request, context);
}

static void on_pieces(mr_http_request *request, MR_UNUSED void *context)
{
    static const mr_http_body_events events = {.complete = on_body_complete};
    mr_http_body_begin(request, &events, NULL);
}

static const mr_http_route routes[] = {
    {.method = MR_HTTP_GET, .path = "/hello", .handler = on_hello},
    {.method = MR_HTTP_GET, .path = "/slow", .handler = on_slow},
    {.method = MR_HTTP_ANY, .path = "/id", .handler = on_id},
    {.method = MR_HTTP_GET, .path = "/stream", .handler = on_stream},
    {.method = MR_HTTP_GET, .path = "/later", .handler = on_later},
    {.method = MR_HTTP_POST, .path = "/pieces", .handler = on_pieces, .in_pieces = true},
    {.method = MR_HTTP_POST, .path = "/body", .handler = on_hello, .body_bytes_max = 10},
};

typedef struct fixture {
    mr_metrics *metrics;
    mr_http_server *server;
    uint16_t port;
    seen seen;
} fixture;

static void open_fixture(fixture *f, mr_http_options options)
{
    mr_error err;
    memset(f, 0, sizeof *f);
    MR_EXPECT_OK(mr_metrics_open(NULL, &f->metrics, &err));
    options.address = MR_SLICE("127.0.0.1:0");
    options.routes = routes;
    options.route_count = MR_COUNT_OF(routes);
    options.metrics = f->metrics;
    options.limits = MR_HTTP_LIMITS_DEFAULT;
    options.limits.linger_ms = 200;
    options.on_answer_context = &f->seen;
    MR_EXPECT_OK(mr_http_server_open(&options, &f->server, &err));
    MR_EXPECT_OK(mr_http_server_start(f->server, &err));
    f->port = mr_http_server_port(f->server);
}

static void close_fixture(fixture *f)
{
    mr_http_server_close(f->server);
    mr_metrics_close(f->metrics);
}

MR_TEST(each_answer_is_told_once_with_what_it_was)
{
    static const struct {
        const char *request, *told;
    } rows[] = {
        {"GET //hel%6co?q=1 HTTP/1.1\r\n" H "\r\n", "GET /hello 200"},
        {"HEAD /hello HTTP/1.1\r\n" H "\r\n", "HEAD /hello 200"},
        {"GET /nowhere HTTP/1.1\r\n" H "\r\n", "GET /nowhere 404"},
        {"BREW /hello HTTP/1.1\r\n" H "\r\n", "BREW /hello 501"},
        {"POST /hello HTTP/1.1\r\n" H "\r\n", "POST /hello 405"},
        {"POST /body HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", "POST /body 200"},
        {"POST /body HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n", "POST /body 413"},
        {"POST /pieces HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", "POST /pieces 200"},
        {"GET /stream HTTP/1.1\r\n" H "\r\n", "GET /stream 201 stream"},
        {"GET /stream HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET /stream 201 stream"},
        {"GET /hello HTTP/1.1\r\nnonsense\r\n\r\n", "GET /hello 400"},
        {"nonsense\r\n\r\n", "  400"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        mr_wire wire;
        open_fixture(&f, (mr_http_options){.on_answer = on_answer});
        mr_wire_open(&wire, f.port);
        MR_EXPECT(mr_wire_say(&wire, rows[i].request));
        const bool bodiless = mr_slice_starts(mr_slice_text(rows[i].told), "HEAD");
        size_t sent = 3; /* of the stream */
        if (strstr(rows[i].told, "stream") != NULL)
            mr_wire_await(&wire, "\r\n0\r\n\r\n");
        else
            sent = mr_wire_answer_of(&wire, bodiless).body.len;
        mr_http_server_stop(f.server, 1000);
        MR_EXPECT_U64(f.seen.count, ==, 1);
        char wanted[200];
        snprintf(wanted, sizeof wanted, "%s %zu %zu\n", rows[i].told, strlen(rows[i].request),
                 sent);
        MR_EXPECT_TEXT(f.seen.text, wanted);
        mr_wire_close(&wire);
        close_fixture(&f);
    }
}

MR_TEST(a_peer_that_left_is_told_too)
{
    fixture f;
    mr_wire wire;
    open_fixture(&f, (mr_http_options){.on_answer = on_answer});
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "GET /later HTTP/1.1\r\n" H "\r\n"));
    const struct timespec moment = {.tv_nsec = 30000000};
    nanosleep(&moment, NULL);
    const struct linger at_once = {1, 0};
    setsockopt(wire.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    mr_wire_close(&wire);
    pthread_join(thread, NULL);
    close_fixture(&f);
    MR_EXPECT_TEXT(f.seen.text, "GET /later 200 gone 32 0\n");
    MR_EXPECT_U64(f.seen.longest_ns, >=, 95000000);
}

MR_TEST(the_time_of_an_answer_is_measured)
{
    fixture f;
    mr_wire wire;
    open_fixture(&f, (mr_http_options){.on_answer = on_answer});
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "GET /slow HTTP/1.1\r\n" H "\r\n"));
    mr_wire_answer_of(&wire, false);
    mr_wire_close(&wire);
    close_fixture(&f);
    MR_EXPECT_U64(f.seen.longest_ns, >=, 29000000);
    MR_EXPECT_U64(f.seen.longest_ns, <, 2000000000);
}

MR_TEST(ids_are_unique_and_sent_when_wanted)
{
    static const char request[] = "GET /id HTTP/1.1\r\n" H "\r\n";
    fixture f, g;
    mr_wire wire, other;
    open_fixture(&f, (mr_http_options){.send_request_id = true});
    open_fixture(&g, (mr_http_options){0});
    mr_wire_open(&wire, f.port);
    mr_wire_open(&other, g.port);
    char last[MR_HTTP_ID_BYTES] = "";
    for (int i = 0; i < 10; i++) {
        MR_EXPECT(mr_wire_say(&wire, request));
        mr_wire_answer answer = mr_wire_answer_of(&wire, false);
        MR_EXPECT_U64(answer.body.len, ==, sizeof last);
        MR_EXPECT(mr_slice_equal(answer.body, mr_wire_header(answer, "X-Request-Id")));
        MR_EXPECT(memcmp(last, answer.body.ptr, sizeof last) < 0);
        memcpy(last, answer.body.ptr, sizeof last);
        MR_EXPECT(mr_wire_say(&other, request));
        answer = mr_wire_answer_of(&other, false);
        MR_EXPECT(memcmp(last, answer.body.ptr, sizeof last) < 0); /* a later server's */
        MR_EXPECT_U64(mr_wire_header(answer, "X-Request-Id").len, ==, 0);
    }
    mr_wire_close(&wire);
    mr_wire_close(&other);
    close_fixture(&f);
    close_fixture(&g);
}

MR_TEST(the_server_s_own_errors_have_the_codes_it_is_given)
{
    static const mr_http_error_code codes[] = {{405, "INVALID_REQUEST"}, {413, "TOO_BIG"}};
    static const struct {
        const char *request, *code;
    } rows[] = {
        {"POST /hello HTTP/1.1\r\n" H "\r\n", "\"INVALID_REQUEST\""},
        {"POST /body HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n", "\"TOO_BIG\""},
        {"GET /nowhere HTTP/1.1\r\n" H "\r\n", "\"NOT_FOUND\""},
    };
    fixture f;
    open_fixture(&f, (mr_http_options){.error_codes = codes, .error_code_count = 2});
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_wire wire;
        mr_wire_open(&wire, f.port);
        MR_EXPECT(mr_wire_say(&wire, rows[i].request));
        MR_EXPECT(strstr(mr_wire_answer_of(&wire, false).body.ptr, rows[i].code) != NULL);
        mr_wire_close(&wire);
    }
    close_fixture(&f);
}

MR_TEST(telling_allocates_nothing_once_warm)
{
    fixture f;
    mr_wire wire;
    open_fixture(&f, (mr_http_options){.on_answer = count_answer, .send_request_id = true});
    mr_wire_open(&wire, f.port);
    char answer[1000];
    uint64_t mallocs = 0;
    for (int i = 0; i < 120; i++) {
        if (i == 20) mallocs = mr_test_malloc_count();
        MR_EXPECT(mr_wire_say(&wire, "GET /hello HTTP/1.1\r\n" H "\r\n"));
        MR_EXPECT(recv(wire.fd, answer, sizeof answer, 0) > 50);
    }
    MR_EXPECT_U64(mr_test_malloc_count(), ==, mallocs);
    mr_wire_close(&wire);
    close_fixture(&f);
    MR_EXPECT_U64(f.seen.count, ==, 120);
}
