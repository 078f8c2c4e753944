/* SPDX-License-Identifier: MIT
 *
 * The pages by which a running program is watched. */
#include "http/admin.h"

#include <stdatomic.h>

#include "metrics/process.h"
#include "support/test.h"
#include "support/wire.h"

static mr_error err;
static atomic_bool is_ready;

static bool ready(MR_UNUSED void *context, mr_buffer *why)
{
    if (atomic_load(&is_ready)) return true;
    (void)!mr_buffer_append(why, MR_SLICE("source 'x' is not connected\n"), NULL);
    return false;
}

typedef struct fixture {
    mr_metrics *metrics;
    mr_http_server *server;
    mr_admin admin;
    mr_http_route routes[MR_ADMIN_ROUTES];
    mr_wire wire;
} fixture;

static void open_fixture(fixture *f)
{
    MR_EXPECT_OK(mr_metrics_open(NULL, &f->metrics, &err));
    MR_EXPECT_OK(mr_process_metrics(f->metrics, &err));
    f->admin = (mr_admin){.metrics = f->metrics, .ready = ready};
    mr_admin_routes(&f->admin, f->routes);
    MR_EXPECT_OK(mr_http_server_open(&(mr_http_options){.address = MR_SLICE("127.0.0.1:0"),
                                                        .routes = f->routes,
                                                        .route_count = MR_ADMIN_ROUTES,
                                                        .metrics = f->metrics,
                                                        .limits = MR_HTTP_LIMITS_DEFAULT,
                                                        .name = MR_SLICE("millrace")},
                                     &f->server, &err));
    MR_EXPECT_OK(mr_http_server_start(f->server, &err));
    MR_EXPECT(strncmp(mr_http_server_address(f->server), "127.0.0.1:", 10) == 0);
    mr_wire_open(&f->wire, mr_http_server_port(f->server));
}

static void close_fixture(fixture *f)
{
    mr_wire_close(&f->wire);
    mr_http_server_close(f->server);
    mr_metrics_close(f->metrics);
}

static mr_wire_answer get(fixture *f, const char *path, const char *more)
{
    char request[300];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, more);
    MR_EXPECT(mr_wire_say(&f->wire, request));
    return mr_wire_answer_of(&f->wire, false);
}

MR_TEST(the_metrics_page_has_its_content_type_and_the_server_counts_itself)
{
    fixture f;
    open_fixture(&f);
    get(&f, "/healthz", "");
    mr_wire_answer answer = get(&f, "/metrics", "");
    MR_EXPECT_U64(answer.status, ==, 200);
    MR_EXPECT_SLICE(mr_wire_header(answer, "Content-Type"),
                    "text/plain; version=0.0.4; charset=utf-8");
    MR_EXPECT_SLICE(mr_wire_header(answer, "Server"), "millrace");
    MR_EXPECT(strstr(answer.body.ptr, "\nmillrace_http_connections 1\n") != NULL);
    MR_EXPECT(strstr(answer.body.ptr, "\nmillrace_http_requests_total{code=\"2xx\"} 1\n") != NULL);
    MR_EXPECT(strstr(answer.body.ptr, "\nmillrace_rss_bytes ") != NULL);
    MR_EXPECT(strstr(answer.body.ptr, "\nmillrace_arena_bytes{arena=\"metrics\"} ") != NULL);
    answer =
        get(&f, "/metrics", "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n");
    MR_EXPECT_SLICE(mr_wire_header(answer, "Content-Type"),
                    "application/openmetrics-text; version=1.0.0; charset=utf-8");
    MR_EXPECT(mr_slice_ends(answer.body, "\n# EOF\n"));
    close_fixture(&f);
}

MR_TEST(a_scrape_over_http_allocates_nothing_once_warm)
{
    fixture f;
    open_fixture(&f);
    static char page[200000];
    uint64_t mallocs = 0;
    for (int i = 0; i < 60; i++) {
        if (i == 20) mallocs = mr_test_malloc_count();
        MR_EXPECT(mr_wire_say(&f.wire, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
        size_t len = 0, wanted = SIZE_MAX;
        while (len < wanted) {
            const ssize_t got = recv(f.wire.fd, page + len, sizeof page - 1 - len, 0);
            MR_EXPECT(got > 0);
            len += (size_t)got;
            page[len] = 0;
            const char *end = strstr(page, "\r\n\r\n");
            if (end != NULL)
                wanted = (size_t)(end + 4 - page) +
                         strtoull(strstr(page, "Content-Length: ") + 16, NULL, 10);
        }
    }
    MR_EXPECT_U64(mr_test_malloc_count(), ==, mallocs);
    close_fixture(&f);
}

MR_TEST(health_readiness_and_status_say_how_it_goes)
{
    fixture f;
    open_fixture(&f);
    atomic_store(&is_ready, false);
    MR_EXPECT_SLICE(get(&f, "/healthz", "").body, "ok\n");
    mr_wire_answer answer = get(&f, "/readyz", "");
    MR_EXPECT_U64(answer.status, ==, 503);
    MR_EXPECT_SLICE(answer.body, "source 'x' is not connected\n");
    atomic_store(&is_ready, true);
    MR_EXPECT_U64(get(&f, "/readyz", "").status, ==, 200);
    answer = get(&f, "/status", "");
    MR_EXPECT_SLICE(mr_wire_header(answer, "Content-Type"), "application/json");
    MR_EXPECT(mr_slice_starts(answer.body, "{\"version\":\"" MR_VERSION "\",\"uptime_seconds\":"));
    close_fixture(&f);
}

MR_TEST(debug_pages_show_arenas_and_threads)
{
    fixture f;
    open_fixture(&f);
    mr_wire_answer answer = get(&f, "/debug/heap", "");
    MR_EXPECT_U64(answer.status, ==, 200);
    MR_EXPECT(strstr(answer.body.ptr, "\"arena\":\"metrics\"") != NULL);
    answer = get(&f, "/debug/threads", "");
    MR_EXPECT_U64(answer.status, ==, 200);
    MR_EXPECT(strstr(answer.body.ptr, "\"name\":\"http\"") != NULL);
    close_fixture(&f);
}
