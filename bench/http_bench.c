/* SPDX-License-Identifier: MIT
 *
 * What a request and an idle connection cost. First holds 1000 idle connections that have each been
 * served once, then serves GET /hundred (a body of 100 bytes) for some seconds while a load
 * generator runs beside it:
 *
 *     http_bench 8080 6 &  wrk -t1 -c32 -d5s http://127.0.0.1:8080/hundred
 *
 * GET /later has the same answer from another thread, which takes what has come together and
 * resumes it one by one; GET /batch the same, but resumed as a batch. A second thread more and an
 * answer of a database would look like that.
 *
 * CPU time is of the whole process, over the requests answered. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"
#include "http/server.h"
#include "metrics/process.h"

#define IDLE_CONNECTIONS 1000

static mr_error err;

static void need(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "http_bench: %s: %s\n", what, err.text);
    exit(1);
}

static void on_hundred(mr_http_request *request, MR_UNUSED void *context)
{
    static char body[100] = "{\"position\":1}";
    mr_http_reply(request, &(mr_http_response){.status = 200,
                                               .content_type = MR_SLICE("application/json"),
                                               .body = mr_slice_of(body, sizeof body),
                                               .body_stays = true});
}

/* --- Another thread --- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    mr_http_request *requests[1024]; /* more than wrk has connections */
    size_t count;
    bool stopped;
} later = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

static bool by_batch;

static void on_later(mr_http_request *request, void *context)
{
    mr_http_defer(request);
    pthread_mutex_lock(&later.lock);
    by_batch = context != NULL;
    later.requests[later.count++] = request;
    pthread_cond_signal(&later.some);
    pthread_mutex_unlock(&later.lock);
}

static void resume_all(mr_http_request *const *requests, size_t count, bool batched)
{
    mr_http_resume_batch batch = {0};
    for (size_t i = 0; i < count; i++)
        if (batched)
            mr_http_batch_resume(&batch, requests[i], on_hundred, NULL);
        else
            mr_http_resume(requests[i], on_hundred, NULL);
    mr_http_batch_flush(&batch);
}

static void *run_later(MR_UNUSED void *context)
{
    static mr_http_request *mine[MR_COUNT_OF(later.requests)];
    for (;;) {
        pthread_mutex_lock(&later.lock);
        while (later.count == 0 && !later.stopped)
            pthread_cond_wait(&later.some, &later.lock);
        const size_t count = later.count;
        const bool batched = by_batch, stopped = later.stopped;
        memcpy(mine, later.requests, count * sizeof mine[0]);
        later.count = 0;
        pthread_mutex_unlock(&later.lock);
        resume_all(mine, count, batched);
        if (stopped) return NULL;
    }
}

static void stop_later(void)
{
    pthread_mutex_lock(&later.lock);
    later.stopped = true;
    pthread_cond_signal(&later.some);
    pthread_mutex_unlock(&later.lock);
}

static int open_idle(uint16_t port)
{
    static const char request[] = "GET /hundred HTTP/1.1\r\nHost: a\r\n\r\n";
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[1000];
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    need(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0, "connect");
    need(send(fd, request, sizeof request - 1, 0) == sizeof request - 1, "send");
    need(recv(fd, answer, sizeof answer, 0) > 0, "recv");
    return fd;
}

static void measure_idle(uint16_t port)
{
    static int fds[IDLE_CONNECTIONS];
    mr_process_sample before, after;
    close(open_idle(port)); /* what the first request makes is not a connection's cost */
    mr_process_sample_now(&before);
    const uint64_t live = mr_mem_stats_now().live_bytes;
    for (size_t i = 0; i < IDLE_CONNECTIONS; i++)
        fds[i] = open_idle(port);
    mr_process_sample_now(&after);
    printf("idle connection: %.0f bytes allocated, %.2f KiB of RSS\n",
           (double)(mr_mem_stats_now().live_bytes - live) / IDLE_CONNECTIONS,
           ((double)after.rss_bytes - (double)before.rss_bytes) / 1024 / IDLE_CONNECTIONS);
    for (size_t i = 0; i < IDLE_CONNECTIONS; i++)
        close(fds[i]);
}

int main(int argc, char **argv)
{
    static const mr_http_route routes[] = {
        {.method = MR_HTTP_GET, .path = "/hundred", .handler = on_hundred},
        {.method = MR_HTTP_GET, .path = "/later", .handler = on_later},
        {.method = MR_HTTP_GET, .path = "/batch", .handler = on_later, .context = &later}};
    static const mr_metric_decl decl = {
        .name = "millrace_http_requests_total", .help = "", .labels = {"code"}};
    char address[32];
    mr_metrics *metrics = NULL;
    mr_http_server *server = NULL;
    mr_metric_family *family = NULL;
    mr_counter *answered = NULL;
    const mr_slice code = MR_SLICE("2xx");
    snprintf(address, sizeof address, "127.0.0.1:%s", argc > 1 ? argv[1] : "0");
    mr_http_tls *tls = NULL;
    if (argc > 4) need(mr_http_tls_open(argv[3], argv[4], &tls, &err) == MR_OK, "TLS");
    need(mr_metrics_open(NULL, &metrics, &err) == MR_OK, "metrics");
    need(mr_http_server_open(&(mr_http_options){.address = mr_slice_text(address),
                                                .routes = routes,
                                                .route_count = MR_COUNT_OF(routes),
                                                .metrics = metrics,
                                                .tls = tls,
                                                .limits = MR_HTTP_LIMITS_DEFAULT},
                             &server, &err) == MR_OK,
         "open");
    need(mr_http_server_start(server, &err) == MR_OK, "start");
    need(mr_metrics_family(metrics, &decl, &family, &err) == MR_OK, "family");
    need(mr_metrics_counter(family, &code, &answered, &err) == MR_OK, "counter");
    if (tls == NULL) measure_idle(mr_http_server_port(server));
    pthread_t thread;
    need(pthread_create(&thread, NULL, run_later, NULL) == 0, "thread");
    mr_process_sample before, after;
    mr_process_sample_now(&before);
    const uint64_t answered_before = mr_counter_read(answered);
    const mr_mem_mark mark = mr_mem_mark_now();
    if (argc > 2) sleep((unsigned)strtoul(argv[2], NULL, 10));
    mr_process_sample_now(&after);
    const double requests = (double)(mr_counter_read(answered) - answered_before);
    printf("%.0f requests, %.2f us user + %.2f us system each, %llu allocations, RSS %.1f MiB\n",
           requests, (double)(after.cpu_user_us - before.cpu_user_us) / requests,
           (double)(after.cpu_system_us - before.cpu_system_us) / requests,
           (unsigned long long)mr_mem_allocs_since(mark), (double)after.rss_bytes / 1048576);
    mr_http_server_stop(server, 1000);
    stop_later();
    pthread_join(thread, NULL);
    mr_http_server_close(server);
    mr_http_tls_close(tls);
    mr_metrics_close(metrics);
    return 0;
}
