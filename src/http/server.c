/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "http/server_internal.h"

#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_MS  100 /* when descriptors or memory have run out */

/* --- Counting --------------------------------------------------------------------------------- */

static mr_code make_counter(mr_metrics *metrics, const char *name, const char *help,
                            const char *label, const char *value, mr_counter **out, mr_error *err)
{
    const mr_metric_decl decl = {
        .name = name, .help = help, .type = MR_METRIC_COUNTER, .labels = {label}};
    const mr_slice values = mr_slice_text(value);
    mr_metric_family *family;
    MR_TRY(mr_metrics_family(metrics, &decl, &family, err));
    return mr_metrics_counter(family, &values, out, err);
}

static mr_code make_gauge(mr_metrics *metrics, const char *name, const char *help, mr_gauge **out,
                          mr_error *err)
{
    const mr_metric_decl decl = {.name = name, .help = help, .type = MR_METRIC_GAUGE};
    mr_metric_family *family;
    MR_TRY(mr_metrics_family(metrics, &decl, &family, err));
    return mr_metrics_gauge(family, NULL, out, err);
}

static mr_code make_counters(mr_metrics *metrics, mr_http_counters *count, mr_error *err)
{
    static const char requests[] = "millrace_http_requests_total";
    static const char requests_help[] = "Answers, by hundreds of their status.";
    static const char refused[] = "millrace_http_refused_total";
    static const char refused_help[] = "Connections refused, by the limit that was reached.";
    static const char timeouts[] = "millrace_http_timeouts_total";
    static const char timeouts_help[] = "Connections ended by a deadline, by phase.";
    static const char received[] = "millrace_http_received_bytes_total";
    static const char sent[] = "millrace_http_sent_bytes_total";
    static const char *const classes[] = {NULL, NULL, "2xx", "3xx", "4xx", "5xx"};
    MR_TRY(make_gauge(metrics, "millrace_http_connections", "Open connections.",
                      &count->connections, err));
    MR_TRY(make_counter(metrics, "millrace_http_connections_total", "Connections accepted.", NULL,
                        NULL, &count->accepted, err));
    MR_TRY(make_counter(metrics, "millrace_http_accept_errors_total",
                        "Times that accepting had to pause.", NULL, NULL, &count->accept_errors,
                        err));
    for (size_t i = 2; i < MR_COUNT_OF(classes); i++)
        MR_TRY(make_counter(metrics, requests, requests_help, "code", classes[i],
                            &count->requests[i], err));
    MR_TRY(make_counter(metrics, received, "Bytes received.", NULL, NULL, &count->received_bytes,
                        err));
    MR_TRY(make_counter(metrics, sent, "Bytes sent.", NULL, NULL, &count->sent_bytes, err));
    MR_TRY(make_counter(metrics, refused, refused_help, "limit", "connections_max",
                        &count->refused_total, err));
    MR_TRY(make_counter(metrics, refused, refused_help, "limit", "connections_per_address_max",
                        &count->refused_address, err));
    MR_TRY(make_counter(metrics, timeouts, timeouts_help, "phase", "header",
                        &count->timeouts_header, err));
    MR_TRY(make_counter(metrics, timeouts, timeouts_help, "phase", "body", &count->timeouts_body,
                        err));
    MR_TRY(make_counter(metrics, timeouts, timeouts_help, "phase", "write", &count->timeouts_write,
                        err));
    return make_counter(metrics, timeouts, timeouts_help, "phase", "idle", &count->timeouts_idle,
                        err);
}

/* --- Accepting -------------------------------------------------------------------------------- */

#define REFUSAL \
    "{\"error\":{\"code\":\"UNAVAILABLE\",\"message\":\"too many connections are open\"}}"
static_assert(sizeof REFUSAL - 1 == 74, "the Content-Length below");

/* Tells a peer that there is no room. Reading once what it has sent already lets most peers see the
 * answer instead of a reset. */
static void refuse(int fd)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Content-Length: 74\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" REFUSAL;
    char nothing[4096];
    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    (void)!recv(fd, nothing, sizeof nothing, MSG_DONTWAIT);
    close(fd);
}

/* The connection does not count any more. */
static void let_go(mr_http_server *server)
{
    atomic_fetch_sub_explicit(&server->shared->connections, 1, memory_order_relaxed);
}

static void admit(mr_http_server *server, int fd, const struct sockaddr *address)
{
    const uint64_t key = mr_peers_key(address);
    const unsigned before =
        atomic_fetch_add_explicit(&server->shared->connections, 1, memory_order_relaxed);
    if (before >= server->limits.connections_max) {
        let_go(server);
        mr_counter_add(server->count.refused_total, 1);
        refuse(fd);
        return;
    }
    if (mr_peers_add(&server->peers, key) > server->limits.connections_per_address_max) {
        mr_peers_remove(&server->peers, key);
        let_go(server);
        mr_counter_add(server->count.refused_address, 1);
        refuse(fd);
        return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (mr_http_connection_open(server, fd, key)) {
        mr_counter_add(server->count.accepted, 1);
    } else {
        mr_peers_remove(&server->peers, key);
        let_go(server);
    }
}

static void pause_accepting(mr_http_server *server, bool paused)
{
    for (size_t i = 0; i < server->sockets.count; i++)
        mr_loop_pause(&server->loop, server->listeners[i].fd, &server->listeners[i].watch, paused);
}

static void on_accept_timer(mr_timer *timer)
{
    mr_http_server *server = MR_CONTAINER_OF(timer, mr_http_server, accept_timer);
    if (!server->stopping) pause_accepting(server, false);
}

/* EMFILE leaves the connection in the queue and the listener readable for ever, so accepting
 * pauses. */
static void on_accept_error(mr_http_server *server)
{
    mr_counter_add(server->count.accept_errors, 1);
    pause_accepting(server, true);
    mr_loop_timer_set(&server->loop, &server->accept_timer,
                      server->loop.now_ns + ACCEPT_PAUSE_MS * 1000000ull);
}

static void on_connection(mr_watch *watch, MR_UNUSED unsigned events)
{
    mr_http_listener *listener = MR_CONTAINER_OF(watch, mr_http_listener, watch);
    mr_http_server *server = listener->server;
    for (int i = 0; i < ACCEPTS_PER_TURN && !server->stopping; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof address;
        const int fd =
            accept4(listener->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(server, fd, (const struct sockaddr *)&address);
            continue;
        }
        switch (errno) {
        case EAGAIN: return;
        case EINTR:
        case ECONNABORTED:
        case EPROTO: continue; /* that one peer's trouble */
        default: on_accept_error(server); return;
        }
    }
}

/* --- Opening ---------------------------------------------------------------------------------- */

static mr_code check_limits(const mr_http_limits *limits, mr_error *err)
{
    if (limits->header_bytes_max < 256 || limits->header_bytes_max > 1u << 24)
        return mr_fail(err, MR_ERR_USAGE, "header_bytes_max: expected 256 to 16777216, found %u",
                       limits->header_bytes_max);
    if (limits->pipelined_max == 0 || limits->pipelined_max > UINT16_MAX)
        return mr_fail(err, MR_ERR_USAGE, "pipelined_max: expected 1 to 65535, found %u",
                       limits->pipelined_max);
    if (limits->connections_max == 0 || limits->connections_max > 1u << 20)
        return mr_fail(err, MR_ERR_USAGE, "connections_max: expected 1 to 1048576, found %u",
                       limits->connections_max);
    if (limits->piece_bytes_max < 4096 || limits->piece_bytes_max > 1u << 24)
        return mr_fail(err, MR_ERR_USAGE, "piece_bytes_max: expected 4096 to 16777216, found %u",
                       limits->piece_bytes_max);
    return MR_OK;
}

static mr_code make_piece(mr_http_server *server, mr_error *err)
{
    bool wanted = false;
    for (size_t i = 0; i < server->options.route_count; i++)
        wanted |= server->options.routes[i].in_pieces;
    if (!wanted) return MR_OK;
    server->piece = mr_mem_alloc(server->limits.piece_bytes_max);
    if (server->piece == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the server");
    return MR_OK;
}

static mr_code listen_all(mr_http_server *server, mr_error *err)
{
    MR_TRY(
        mr_listen_open(server->options.address, server->options.reuse_port, &server->sockets, err));
    for (size_t i = 0; i < server->sockets.count; i++) {
        server->listeners[i] = (mr_http_listener){
            .watch.ready = on_connection, .server = server, .fd = server->sockets.fds[i]};
        MR_TRY(mr_loop_watch(&server->loop, server->listeners[i].fd, &server->listeners[i].watch,
                             true, err));
    }
    return MR_OK;
}

static mr_code open_parts(mr_http_server *server, mr_error *err)
{
    MR_TRY(check_limits(&server->limits, err));
    MR_TRY(make_counters(server->options.metrics, &server->count, err));
    MR_TRY(mr_peers_init(&server->peers, (size_t)server->limits.connections_max + 1, err));
    MR_TRY(make_piece(server, err));
    MR_TRY(mr_loop_open(&server->loop, err));
    return listen_all(server, err);
}

mr_code mr_http_server_open_shared(const mr_http_options *options, mr_http_shared *shared,
                                   mr_http_server **out, mr_error *err)
{
    mr_http_server *server = mr_mem_zalloc(sizeof *server);
    if (server == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the HTTP server");
    server->options = *options;
    server->shared = shared != NULL ? shared : &server->own;
    server->limits = options->limits;
    server->date_second = -1;
    server->last_id = mr_http_first_id();
    server->accept_timer.fire = on_accept_timer;
    const mr_code rc = open_parts(server, err);
    if (rc != MR_OK) {
        mr_http_server_close(server);
        return rc;
    }
    *out = server;
    return MR_OK;
}

mr_code mr_http_server_open(const mr_http_options *options, mr_http_server **out, mr_error *err)
{
    return mr_http_server_open_shared(options, NULL, out, err);
}

uint64_t mr_http_raise_descriptors(uint64_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    const rlim_t before = limit.rlim_cur;
    if (before >= wanted) return before;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : (rlim_t)wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

const char *mr_http_server_address(const mr_http_server *server)
{
    return server->sockets.text;
}

uint16_t mr_http_server_port(const mr_http_server *server)
{
    return server->sockets.port;
}

/* --- Running ---------------------------------------------------------------------------------- */

static void *run_thread(void *context)
{
    mr_http_server *server = context;
    mr_loop_run(&server->loop);
    return NULL;
}

/* Signals are the main thread's business, so the new thread is born with all of them blocked. */
mr_code mr_http_server_start(mr_http_server *server, mr_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&server->thread, NULL, run_thread, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) return mr_fail_errno(err, error, "the HTTP server's thread cannot be started");
    pthread_setname_np(server->thread, "http");
    server->started = true;
    return MR_OK;
}

/* --- Stopping --------------------------------------------------------------------------------- */

void mr_http_server_lost_one(mr_http_server *server)
{
    if (server->stopping && server->connection_count == 0) mr_loop_stop(&server->loop);
}

static void on_grace_over(mr_timer *timer)
{
    mr_http_server *server = MR_CONTAINER_OF(timer, mr_http_server, grace_timer);
    while (server->connections != NULL)
        mr_http_connection_close(server->connections, true);
    mr_loop_stop(&server->loop);
}

static void on_stop(mr_loop_job *job)
{
    mr_http_server *server = MR_CONTAINER_OF(job, mr_http_server, stop_job);
    server->stopping = true;
    mr_listen_close(&server->sockets);
    for (mr_http_connection *connection = server->connections, *next; connection != NULL;
         connection = next) {
        next = connection->next;
        mr_http_connection_wind_down(connection);
    }
    server->grace_timer.fire = on_grace_over;
    mr_loop_timer_set(&server->loop, &server->grace_timer,
                      server->loop.now_ns + server->grace_ms * 1000000ull);
    mr_http_server_lost_one(server);
}

void mr_http_server_stop_soon(mr_http_server *server, uint32_t grace_ms)
{
    if (!server->started || server->stopping_soon) return;
    server->stopping_soon = true;
    server->grace_ms = grace_ms;
    server->stop_job.run = on_stop;
    mr_loop_post(&server->loop, &server->stop_job);
}

void mr_http_server_stop(mr_http_server *server, uint32_t grace_ms)
{
    if (!server->started || server->stopped) return;
    mr_http_server_stop_soon(server, grace_ms);
    pthread_join(server->thread, NULL);
    server->stopped = true;
}

static void free_slabs(mr_http_server *server)
{
    for (void *slab = server->slabs, *next; slab != NULL; slab = next) {
        memcpy(&next, slab, sizeof next);
        mr_mem_free(slab);
    }
}

/* A handler may defer once more and be resumed at once. */
static void run_what_was_resumed(mr_http_server *server)
{
    do
        mr_loop_run_posted(&server->loop);
    while (server->deferred_count > 0 && atomic_load(&server->loop.posted) != NULL);
}

void mr_http_server_close(mr_http_server *server)
{
    if (server == NULL) return;
    mr_http_server_stop(server, 0);
    if (server->loop.is_open) run_what_was_resumed(server);
    MR_DCHECK(server->deferred_count == 0);
    MR_DCHECK(server->shared != &server->own || atomic_load(&server->own.bodies_bytes) == 0);
    for (mr_http_request *request = server->spare_requests, *next; request != NULL;
         request = next) {
        next = request->next_spare;
        mr_http_request_free(request);
    }
    free_slabs(server);
    mr_mem_free(server->piece);
    mr_peers_done(&server->peers);
    mr_listen_close(&server->sockets);
    mr_loop_close(&server->loop);
    mr_mem_free(server);
}
