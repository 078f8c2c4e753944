/* SPDX-License-Identifier: MIT */
#include "support/http_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "http/query.h"
#include "support/test.h"

#define STREAMS_MAX 512

static void reply_text(mr_http_request *request, mr_slice body, bool stays)
{
    mr_http_reply(request, &(mr_http_response){.status = 200,
                                               .content_type = MR_SLICE("text/plain"),
                                               .body = body,
                                               .body_stays = stays});
}

static uint64_t number_of(mr_http_request *request, const char *name)
{
    mr_slice value;
    if (mr_http_query_find(mr_http_query(request), name, mr_http_arena(request), &value) !=
        MR_HTTP_FOUND)
        return 0;
    uint64_t number = 0;
    for (size_t i = 0; i < value.len; i++)
        number = number * 10 + (uint64_t)(value.ptr[i] - '0');
    return number;
}

static void on_hello(mr_http_request *request, MR_UNUSED void *context)
{
    reply_text(request, MR_SLICE("hello"), true);
}

static void on_echo(mr_http_request *request, MR_UNUSED void *context)
{
    mr_buffer *out = mr_http_output(request);
    const mr_slice path = mr_http_path(request), query = mr_http_query(request);
    mr_slice method = MR_SLICE("-");
    if (mr_http_method_of(request) == MR_HTTP_POST) method = MR_SLICE("POST");
    if (mr_http_method_of(request) == MR_HTTP_GET) method = MR_SLICE("GET");
    mr_code rc = mr_buffer_append(out, method, NULL);
    if (rc == MR_OK) rc = mr_buffer_append(out, MR_SLICE(" "), NULL);
    if (rc == MR_OK) rc = mr_buffer_append(out, path, NULL);
    if (rc == MR_OK) rc = mr_buffer_append(out, MR_SLICE("?"), NULL);
    if (rc == MR_OK) rc = mr_buffer_append(out, query, NULL);
    if (rc == MR_OK) rc = mr_buffer_append(out, MR_SLICE(" "), NULL);
    if (rc == MR_OK) rc = mr_buffer_append(out, mr_http_body(request), NULL);
    if (rc != MR_OK) return;
    reply_text(request, mr_buffer_slice(out), true);
}

static void on_large(mr_http_request *request, MR_UNUSED void *context)
{
    mr_buffer *out = mr_http_output(request);
    const uint64_t len = number_of(request, "bytes");
    if (mr_buffer_reserve(out, len, NULL) != MR_OK) return;
    memset(out->ptr, 'x', len);
    out->len = len;
    reply_text(request, mr_buffer_slice(out), true);
}

/* --- Later ------------------------------------------------------------------------------------ */

static void answer_later(mr_http_request *request, MR_UNUSED void *context)
{
    reply_text(request, MR_SLICE("later"), false);
}

typedef struct errand {
    mr_http_request *request;
    uint64_t ms;
} errand;

/* Threads that have not returned from mr_http_resume(); the server may not be closed under them. */
static atomic_uint errands_under_way;

static void await_errands(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    while (atomic_load(&errands_under_way) > 0)
        nanosleep(&moment, NULL);
}

static void *run_errand(void *context)
{
    errand *own = context;
    const struct timespec pause = {.tv_sec = (time_t)(own->ms / 1000),
                                   .tv_nsec = (long)(own->ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
    mr_http_resume(own->request, answer_later, NULL);
    mr_mem_free(own);
    atomic_fetch_sub(&errands_under_way, 1);
    return NULL;
}

static void on_later(mr_http_request *request, MR_UNUSED void *context)
{
    errand *own = mr_mem_alloc(sizeof *own);
    pthread_t thread;
    *own = (errand){request, number_of(request, "ms")};
    mr_http_defer(request);
    atomic_fetch_add(&errands_under_way, 1);
    if (pthread_create(&thread, NULL, run_errand, own) != 0) abort();
    pthread_detach(thread);
}

static void on_never(MR_UNUSED mr_http_request *request, MR_UNUSED void *context)
{
}

static void on_split(mr_http_request *request, MR_UNUSED void *context)
{
    const mr_http_line line = {"X-Evil", MR_SLICE("a\r\nSet-Cookie: b")};
    mr_http_reply(request, &(mr_http_response){.status = 200, .lines = &line, .line_count = 1});
}

/* --- Streams ---------------------------------------------------------------------------------- */

/* Sending is the server's thread's business, so the test's thread leaves an order that the handler
 * of POST /order carries out. */
static mr_http_request *streams[STREAMS_MAX];
static size_t stream_count;
static atomic_uint closed_count, writable_count, taken_count;
static uint16_t order_port;

static void on_stream_writable(MR_UNUSED mr_http_request *request, MR_UNUSED void *context)
{
    atomic_fetch_add(&writable_count, 1);
}

static void on_stream_closed(mr_http_request *request, MR_UNUSED void *context)
{
    for (size_t i = 0; i < stream_count; i++)
        if (streams[i] == request) streams[i] = streams[--stream_count];
    atomic_fetch_add(&closed_count, 1);
}

static void on_stream(mr_http_request *request, MR_UNUSED void *context)
{
    static const mr_http_stream_events events = {on_stream_writable, on_stream_closed};
    const mr_http_line line = {"Cache-Control", MR_SLICE("no-cache")};
    mr_http_stream_begin(request,
                         &(mr_http_response){.status = 200,
                                             .content_type = MR_SLICE("text/event-stream"),
                                             .lines = &line,
                                             .line_count = 1},
                         &events, NULL);
    if (stream_count < STREAMS_MAX) streams[stream_count++] = request;
    (void)!mr_http_stream_send(request, MR_SLICE(": ready\n\n"), NULL);
}

static void on_order(mr_http_request *request, MR_UNUSED void *context)
{
    const mr_slice text = mr_http_body(request);
    unsigned taken = 0;
    for (size_t i = 0; i < stream_count; i++) {
        if (text.len == 0)
            mr_http_stream_end(streams[i]);
        else
            taken += mr_http_stream_send(streams[i], text, NULL) == MR_OK;
    }
    atomic_store(&taken_count, taken);
    reply_text(request, MR_SLICE("done"), true);
}

unsigned mr_http_fixture_send(const char *text)
{
    mr_wire wire;
    char head[100];
    mr_wire_open(&wire, order_port);
    snprintf(head, sizeof head, "POST /order HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
             strlen(text));
    MR_EXPECT(mr_wire_say(&wire, head) && mr_wire_say(&wire, text));
    MR_EXPECT_U64(mr_wire_answer_of(&wire, false).status, ==, 200);
    mr_wire_close(&wire);
    return atomic_load(&taken_count);
}

void mr_http_fixture_end_streams(void)
{
    mr_http_fixture_send("");
}

unsigned mr_http_fixture_closed_streams(void)
{
    return atomic_load(&closed_count);
}

unsigned mr_http_fixture_writable_calls(void)
{
    return atomic_load(&writable_count);
}

/* --- The server ------------------------------------------------------------------------------- */

static const mr_http_route routes[] = {
    {.method = MR_HTTP_GET, .path = "/hello", .handler = on_hello},
    {.method = MR_HTTP_ANY, .path = "/echo", .handler = on_echo},
    {.method = MR_HTTP_GET, .path = "/under/*", .handler = on_echo},
    {.method = MR_HTTP_GET, .path = "/large", .handler = on_large},
    {.method = MR_HTTP_GET, .path = "/later", .handler = on_later},
    {.method = MR_HTTP_GET, .path = "/never", .handler = on_never},
    {.method = MR_HTTP_GET, .path = "/split", .handler = on_split},
    {.method = MR_HTTP_GET, .path = "/stream", .handler = on_stream},
    {.method = MR_HTTP_POST, .path = "/order", .handler = on_order},
    {.method = MR_HTTP_POST, .path = "/small", .handler = on_hello, .body_bytes_max = 10},
};

mr_http_limits mr_http_fixture_limits(void)
{
    mr_http_limits limits = MR_HTTP_LIMITS_DEFAULT;
    limits.linger_ms = 300;
    return limits;
}

void mr_http_fixture_open(mr_http_fixture *fixture, mr_http_limits limits)
{
    mr_http_fixture_open_tls(fixture, limits, NULL);
}

void mr_http_fixture_open_tls(mr_http_fixture *fixture, mr_http_limits limits, mr_http_tls *tls)
{
    mr_error err;
    MR_EXPECT_OK(mr_metrics_open(NULL, &fixture->metrics, &err));
    MR_EXPECT_OK(mr_http_server_open(&(mr_http_options){.address = MR_SLICE("127.0.0.1:0"),
                                                        .routes = routes,
                                                        .route_count = MR_COUNT_OF(routes),
                                                        .metrics = fixture->metrics,
                                                        .limits = limits,
                                                        .tls = tls},
                                     &fixture->server, &err));
    MR_EXPECT_OK(mr_http_server_start(fixture->server, &err));
    fixture->port = order_port = mr_http_server_port(fixture->server);
}

void mr_http_fixture_close(mr_http_fixture *fixture)
{
    mr_http_server_stop(fixture->server, 2000);
    await_errands();
    mr_http_server_close(fixture->server);
    mr_metrics_close(fixture->metrics);
}

uint64_t mr_http_fixture_metric(mr_http_fixture *fixture, const char *name)
{
    mr_buffer page;
    mr_error err;
    char line[200];
    mr_buffer_init(&page, "page", 1 << 20);
    MR_EXPECT_OK(mr_metrics_write(fixture->metrics, MR_METRICS_TEXT, &page, &err));
    MR_EXPECT_OK(mr_buffer_append_byte(&page, 0, &err));
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(page.ptr, line);
    if (at == NULL) MR_TEST_FAIL("no series %s\n", name);
    const uint64_t value = strtoull(at + strlen(line), NULL, 10);
    mr_buffer_done(&page);
    return value;
}

void mr_http_fixture_await_metric(mr_http_fixture *fixture, const char *name, uint64_t wanted)
{
    for (int tries = 0; mr_http_fixture_metric(fixture, name) != wanted; tries++) {
        const struct timespec moment = {.tv_nsec = 5000000};
        if (tries == 1000)
            MR_TEST_FAIL("%s is %llu, expected %llu\n", name,
                         (unsigned long long)mr_http_fixture_metric(fixture, name),
                         (unsigned long long)wanted);
        nanosleep(&moment, NULL);
    }
}
