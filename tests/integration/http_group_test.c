/* SPDX-License-Identifier: MIT
 *
 * One address served by several loops, over real sockets. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "http/group.h"
#include "support/test.h"
#include "support/wire.h"

#define H           "Host: a\r\n"
#define LOOPS       3
#define CONNECTIONS 60

/* --- Requests that wait until a number of them has come, and are then resumed as one batch --- */

static struct {
    pthread_mutex_t lock;
    mr_http_request *requests[CONNECTIONS];
    size_t count;
    pthread_t thread;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void reply_text(mr_http_request *request, mr_slice body)
{
    mr_http_reply(request, &(mr_http_response){.status = 200, .body = body});
}

static void reply_late(mr_http_request *request, void *context)
{
    char text[20];
    const int len = snprintf(text, sizeof text, "%u", *(unsigned *)context);
    reply_text(request, mr_slice_of(text, (size_t)len));
}

static void *resume_all(MR_UNUSED void *context)
{
    static unsigned numbers[CONNECTIONS];
    mr_http_resume_batch batch = {0};
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        numbers[i] = i;
        mr_http_batch_resume(&batch, waiting.requests[i], reply_late, &numbers[i]);
    }
    MR_EXPECT(batch.count >= 1 && batch.count <= LOOPS);
    mr_http_batch_flush(&batch);
    return NULL;
}

static void on_wait(mr_http_request *request, MR_UNUSED void *context)
{
    mr_http_defer(request);
    pthread_mutex_lock(&waiting.lock);
    waiting.requests[waiting.count++] = request;
    if (waiting.count == CONNECTIONS)
        MR_EXPECT(pthread_create(&waiting.thread, NULL, resume_all, NULL) == 0);
    pthread_mutex_unlock(&waiting.lock);
}

/* --- Requests that go through a pipe to a thread, which resumes whatever has come together --- */

static int errand_pipe[2];

static void answer_errand(mr_http_request *request, MR_UNUSED void *context)
{
    reply_text(request, MR_SLICE("done"));
}

static void *run_errands(MR_UNUSED void *context)
{
    mr_http_request *requests[64];
    ssize_t len;
    while ((len = read(errand_pipe[0], requests, sizeof requests)) > 0) {
        mr_http_resume_batch batch = {0};
        for (size_t i = 0; i < (size_t)len / sizeof requests[0]; i++)
            mr_http_batch_resume(&batch, requests[i], answer_errand, NULL);
        mr_http_batch_flush(&batch);
    }
    return NULL;
}

static void on_errand(mr_http_request *request, MR_UNUSED void *context)
{
    mr_http_defer(request);
    if (write(errand_pipe[1], &request, sizeof request) != sizeof request) abort();
}

/* --- Others --- */

/* Tells on which loop it runs. */
static void on_loop(mr_http_request *request, MR_UNUSED void *context)
{
    char text[40];
    const int len = snprintf(text, sizeof text, "%p", (void *)mr_http_loop(request));
    reply_text(request, mr_slice_of(text, (size_t)len));
}

static void on_ping(mr_http_request *request, MR_UNUSED void *context)
{
    reply_text(request, MR_SLICE("pong"));
}

static const mr_http_route routes[] = {
    {.method = MR_HTTP_GET, .path = "/ping", .handler = on_ping},
    {.method = MR_HTTP_GET, .path = "/loop", .handler = on_loop},
    {.method = MR_HTTP_GET, .path = "/wait", .handler = on_wait},
    {.method = MR_HTTP_GET, .path = "/errand", .handler = on_errand},
};

typedef struct fixture {
    mr_metrics *metrics;
    mr_http_group *group;
    uint16_t port;
} fixture;

static mr_http_options options_of(fixture *f, const char *address)
{
    return (mr_http_options){.address = mr_slice_text(address),
                             .routes = routes,
                             .route_count = MR_COUNT_OF(routes),
                             .metrics = f->metrics,
                             .limits = MR_HTTP_LIMITS_DEFAULT};
}

static void open_fixture(fixture *f, const char *address, uint32_t connections_max)
{
    mr_error err;
    MR_EXPECT_OK(mr_metrics_open(NULL, &f->metrics, &err));
    mr_http_options options = options_of(f, address);
    if (connections_max > 0) options.limits.connections_max = connections_max;
    MR_EXPECT_OK(mr_http_group_open(&options, LOOPS, &f->group, &err));
    MR_EXPECT_OK(mr_http_group_start(f->group, &err));
    f->port = mr_http_group_port(f->group);
}

static void close_fixture(fixture *f)
{
    mr_http_group_close(f->group);
    mr_metrics_close(f->metrics);
}

static uint64_t accepted_by(fixture *f)
{
    static const mr_metric_decl decl = {.name = "millrace_http_connections_total", .help = ""};
    mr_error err;
    mr_metric_family *family;
    mr_counter *counter;
    MR_EXPECT_OK(mr_metrics_family(f->metrics, &decl, &family, &err));
    MR_EXPECT_OK(mr_metrics_counter(family, NULL, &counter, &err));
    return mr_counter_read(counter);
}

MR_TEST(all_loops_serve_one_port_and_count_together)
{
    fixture f;
    mr_wire wires[CONNECTIONS];
    char loops[LOOPS][40];
    size_t known = 0;
    open_fixture(&f, "0", 0);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        mr_wire_open(&wires[i], f.port);
        MR_EXPECT(mr_wire_say(&wires[i], "GET /loop HTTP/1.1\r\n" H "\r\n"));
        const mr_slice text = mr_wire_answer_of(&wires[i], false).body;
        size_t at = 0;
        while (at < known && !mr_slice_is(text, loops[at]))
            at++;
        MR_EXPECT(at < LOOPS);
        if (at == known) snprintf(loops[known++], sizeof loops[0], "%.*s", MR_SLICE_ARGS(text));
        MR_EXPECT(mr_wire_say(&wires[i], "GET /loop HTTP/1.1\r\n" H "\r\n"));
        MR_EXPECT_SLICE(mr_wire_answer_of(&wires[i], false).body, loops[at]);
    }
    MR_EXPECT_U64(known, ==, LOOPS);
    MR_EXPECT_U64(accepted_by(&f), ==, CONNECTIONS);
    for (size_t i = 0; i < CONNECTIONS; i++)
        mr_wire_close(&wires[i]);
    close_fixture(&f);
}

MR_TEST(both_families_have_the_port)
{
    fixture f;
    open_fixture(&f, "*:0", 0);
    const struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_port = htons(f.port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) skip(); /* a machine without IPv6 */
    mr_wire wire;
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "GET /ping HTTP/1.1\r\n" H "\r\n"));
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "pong");
    const int v4 = wire.fd;
    wire.fd = fd;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        MR_EXPECT(mr_wire_say(&wire, "GET /ping HTTP/1.1\r\n" H "\r\n"));
        MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "pong");
    }
    mr_wire_close(&wire);
    close(v4);
    close_fixture(&f);
}

MR_TEST(a_batch_resumes_requests_of_all_loops)
{
    fixture f;
    mr_wire wires[CONNECTIONS];
    bool seen[CONNECTIONS] = {0};
    open_fixture(&f, "127.0.0.1:0", 0);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        mr_wire_open(&wires[i], f.port);
        MR_EXPECT(mr_wire_say(&wires[i], "GET /wait HTTP/1.1\r\n" H "\r\n"));
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        const unsigned long number =
            strtoul(mr_wire_answer_of(&wires[i], false).body.ptr, NULL, 10);
        MR_EXPECT(number < CONNECTIONS && !seen[number]);
        seen[number] = true;
    }
    pthread_join(waiting.thread, NULL);
    for (size_t i = 0; i < CONNECTIONS; i++)
        mr_wire_close(&wires[i]);
    close_fixture(&f);
}

MR_TEST(deferred_requests_allocate_nothing_once_warm)
{
    static const char request[] = "GET /errand HTTP/1.1\r\n" H "\r\n";
    fixture f;
    mr_wire wires[12];
    pthread_t thread;
    uint64_t mallocs = 0;
    open_fixture(&f, "127.0.0.1:0", 0);
    MR_EXPECT(pipe(errand_pipe) == 0);
    MR_EXPECT(pthread_create(&thread, NULL, run_errands, NULL) == 0);
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
        mr_wire_open(&wires[i], f.port);
    for (int round = 0; round < 220; round++) {
        if (round == 20) mallocs = mr_test_malloc_count();
        for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
            MR_EXPECT(mr_wire_say(&wires[i], request));
        for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
            char answer[1000];
            MR_EXPECT(recv(wires[i].fd, answer, sizeof answer, 0) > 50);
        }
    }
    /* Requests come from a loop's pool: a few more when more of them coincide than ever before. */
    MR_EXPECT_U64(mr_test_malloc_count() - mallocs, <, 4 * MR_COUNT_OF(wires));
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
        mr_wire_close(&wires[i]);
    mr_http_group_stop(f.group, 1000);
    close(errand_pipe[1]);
    pthread_join(thread, NULL);
    close(errand_pipe[0]);
    close_fixture(&f);
}

MR_TEST(the_limit_of_connections_is_that_of_all_loops)
{
    fixture f;
    mr_wire wires[9];
    unsigned served = 0, refused = 0;
    open_fixture(&f, "127.0.0.1:0", 6);
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        mr_wire_open(&wires[i], f.port);
        mr_wire_say(&wires[i], "GET /ping HTTP/1.1\r\n" H "\r\n");
        const unsigned status = mr_wire_answer_of(&wires[i], false).status;
        served += status == 200;
        refused += status == 503;
    }
    MR_EXPECT_U64(served, ==, 6);
    MR_EXPECT_U64(refused, ==, 3);
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
        mr_wire_close(&wires[i]);
    close_fixture(&f);
}

MR_TEST(a_port_that_is_taken_is_an_error_also_by_another_group)
{
    fixture f;
    mr_error err;
    char address[40];
    mr_http_group *second;
    open_fixture(&f, "127.0.0.1:0", 0);
    snprintf(address, sizeof address, "127.0.0.1:%u", f.port);
    mr_http_options options = options_of(&f, address);
    MR_EXPECT_CODE(mr_http_group_open(&options, LOOPS, &second, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, address) != NULL);
    MR_EXPECT_CODE(mr_http_group_open(&options, 0, &second, &err), MR_ERR_USAGE);
    options.address = MR_SLICE("nonsense");
    MR_EXPECT_CODE(mr_http_group_open(&options, LOOPS, &second, &err), MR_ERR_USAGE);
    close_fixture(&f);
}

MR_TEST(an_idle_group_stops_in_a_moment_and_its_port_is_free_at_once)
{
    fixture f;
    mr_wire wires[20];
    char address[40];
    open_fixture(&f, "127.0.0.1:0", 0);
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
            mr_wire_open(&wires[i], f.port);
            MR_EXPECT(mr_wire_say(&wires[i], "GET /ping HTTP/1.1\r\n" H "\r\n"));
            MR_EXPECT_SLICE(mr_wire_answer_of(&wires[i], false).body, "pong");
        }
        const int64_t start = mr_clock_real_ns();
        mr_http_group_stop(f.group, 5000);
        MR_EXPECT_I64(mr_clock_real_ns() - start, <, 100 * MR_NS_PER_MS);
        snprintf(address, sizeof address, "127.0.0.1:%u", f.port);
        close_fixture(&f);
        open_fixture(&f, address, 0);
        for (size_t i = 0; i < MR_COUNT_OF(wires); i++)
            mr_wire_close(&wires[i]);
    }
    close_fixture(&f);
}

static mr_code open_and_close(void)
{
    mr_metrics *metrics = NULL;
    mr_http_group *group = NULL;
    MR_TRY(mr_metrics_open(NULL, &metrics, NULL));
    fixture f = {.metrics = metrics};
    const mr_http_options options = options_of(&f, "127.0.0.1:0");
    const mr_code rc = mr_http_group_open(&options, 2, &group, NULL);
    if (rc == MR_OK) mr_http_group_close(group);
    mr_metrics_close(metrics);
    return rc;
}

MR_TEST(opening_survives_every_failing_allocation)
{
    MR_EACH_ALLOC_FAILS(open_and_close());
}
