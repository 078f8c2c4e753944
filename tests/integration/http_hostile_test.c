/* SPDX-License-Identifier: MIT
 *
 * Peers that mean harm, many of them: what the server holds stays within its limits, and an honest
 * client beside them is served as if they were not there.
 * Runs alone: it measures how long answers take. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "support/http_fixture.h"
#include "support/test.h"

#define H          "Host: a\r\n"
#define HELLO      "GET /hello HTTP/1.1\r\n" H "\r\n"
#define ANSWERS    4096
#define MOST_OF_MS 100 /* within which nine of ten answers must come, and half in a fifth of it */

static bool sanitized(void)
{
    const char *text = getenv("SANITIZED");
    return text != NULL && text[0] != 0;
}

static void pause_ms(unsigned ms)
{
    const struct timespec moment = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&moment, NULL);
}

/* --- The honest client ------------------------------------------------------------------------ */

typedef struct honest {
    pthread_t thread;
    uint16_t port;
    atomic_bool enough;
    atomic_size_t count;
    uint64_t took_ns[ANSWERS]; /* each */
    bool good;
} honest;

/* Asks every few milliseconds, each tenth time on a new connection. */
static void *ask_on(void *context)
{
    honest *own = context;
    mr_wire wire;
    own->good = true;
    mr_wire_open(&wire, own->port);
    while (!atomic_load(&own->enough) && own->count < ANSWERS && own->good) {
        char answer[1000];
        const int64_t start = mr_clock_real_ns();
        if (own->count % 10 == 9) {
            mr_wire_close(&wire);
            mr_wire_open(&wire, own->port);
        }
        own->good = mr_wire_say(&wire, HELLO);
        const ssize_t len = recv(wire.fd, answer, sizeof answer, 0);
        own->good = own->good && len > 5 && memcmp(answer + len - 5, "hello", 5) == 0;
        own->took_ns[own->count++] = (uint64_t)(mr_clock_real_ns() - start);
        pause_ms(3);
    }
    mr_wire_close(&wire);
    return NULL;
}

static void begin_honest(honest *own, uint16_t port)
{
    *own = (honest){.port = port};
    MR_EXPECT(pthread_create(&own->thread, NULL, ask_on, own) == 0);
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* What others do on this machine is not the server's fault: with three threads for each processor
 * answers may take three times as long. */
static double crowd(void)
{
    double load[1];
    const double processors = (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(load, 1) != 1 || load[0] < processors) return 1;
    return load[0] / processors;
}

static void end_honest(honest *own, const char *what)
{
    for (int tries = 0; atomic_load(&own->count) < 20 && tries < 1000; tries++)
        pause_ms(5); /* the others were soon done */
    atomic_store(&own->enough, true);
    pthread_join(own->thread, NULL);
    const size_t count = atomic_load(&own->count);
    MR_EXPECT(own->good && count >= 20);
    qsort(own->took_ns, count, sizeof own->took_ns[0], compare);
    const uint64_t half = own->took_ns[count / 2], most = own->took_ns[count * 9 / 10];
    print_message("%s: %zu answers, half within %.2f ms, nine of ten within %.2f ms\n", what, count,
                  (double)half / 1e6, (double)most / 1e6);
    if (sanitized()) return;
    const uint64_t allowed_ns = (uint64_t)(MOST_OF_MS * 1e6 * crowd());
    MR_EXPECT_U64(half, <, allowed_ns / 5);
    MR_EXPECT_U64(most, <, allowed_ns);
}

/* --- The others, many at once ----------------------------------------------------------------- */

static int open_socket(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static void open_many(int *fds, size_t count, uint16_t port)
{
    for (size_t i = 0; i < count; i++) {
        fds[i] = open_socket(port);
        MR_EXPECT(fds[i] >= 0);
        MR_EXPECT(fcntl(fds[i], F_SETFL, O_NONBLOCK) == 0);
    }
}

/* Sends to each what it takes; those that are closed are marked by -1. Returns how many live. */
static size_t send_to_all(int *fds, size_t count, mr_slice bytes)
{
    size_t live = 0;
    for (size_t i = 0; i < count; i++) {
        if (fds[i] < 0) continue;
        if (send(fds[i], bytes.ptr, bytes.len, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
            close(fds[i]);
            fds[i] = -1;
            continue;
        }
        live++;
    }
    return live;
}

static void close_many(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0) close(fds[i]);
}

static mr_http_limits wide_limits(void)
{
    mr_http_limits limits = mr_http_fixture_limits();
    limits.connections_max = limits.connections_per_address_max = 16384;
    return limits;
}

static uint64_t live_bytes(void)
{
    return mr_mem_stats_now().live_bytes;
}

MR_TEST(two_thousand_trickling_peers_are_cut_and_cost_little)
{
    enum { COUNT = 2000 };
    static int fds[COUNT];
    mr_http_fixture f;
    honest client;
    mr_http_limits limits = wide_limits();
    limits.header_ms = 2000;
    if (mr_http_raise_descriptors(UINT64_MAX) < 2 * COUNT + 200) skip(); /* not on this machine */
    mr_http_fixture_open(&f, limits);
    const uint64_t before = live_bytes();
    begin_honest(&client, f.port);
    open_many(fds, COUNT, f.port);
    uint64_t most = 0;
    send_to_all(fds, COUNT, MR_SLICE("GET /hello HTTP/1.1\r\nX: "));
    for (int second = 0; second < 3; second++) {
        send_to_all(fds, COUNT, MR_SLICE("a"));
        most = mr_max_u64(most, live_bytes() - before);
        pause_ms(1000);
    }
    end_honest(&client, "2000 trickling peers");
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    MR_EXPECT_U64(mr_http_fixture_metric(&f, "millrace_http_timeouts_total{phase=\"header\"}"), ==,
                  COUNT);
    /* A head that has begun has a request: its struct, its fields and one page. */
    MR_EXPECT_U64(most, <, COUNT * 10240u);
    MR_EXPECT_U64(live_bytes() - before, <, 2u << 20);
    close_many(fds, COUNT);
    mr_http_fixture_close(&f);
}

/* Another process holds them, for one may not have all the descriptors of both ends. */
static void hold_connections(uint16_t port, size_t count, int ready_fd, int go_fd)
{
    char answer[1000];
    const struct rlimit limit = {count + 100, count + 100};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) _exit(3);
    for (size_t i = 0; i < count; i++) {
        const int fd = open_socket(port);
        if (fd < 0 || send(fd, HELLO, sizeof HELLO - 1, 0) < 0 ||
            recv(fd, answer, sizeof answer, 0) <= 0)
            _exit(4);
    }
    (void)!write(ready_fd, "r", 1);
    (void)!read(go_fd, answer, 1);
    _exit(0);
}

MR_TEST(ten_thousand_idle_connections_cost_a_few_hundred_bytes_each)
{
    enum { COUNT = 10000 };
    mr_http_fixture f;
    honest client;
    int ready[2], go[2], status;
    char byte;
    if (mr_http_raise_descriptors(UINT64_MAX) < COUNT + 200) skip(); /* not on this machine */
    mr_http_fixture_open(&f, wide_limits());
    const uint64_t before = live_bytes();
    MR_EXPECT(pipe(ready) == 0 && pipe(go) == 0);
    begin_honest(&client, f.port);
    const pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        hold_connections(f.port, COUNT, ready[1], go[0]);
    }
    close(ready[1]);
    MR_EXPECT(read(ready[0], &byte, 1) == 1);
    MR_EXPECT_U64(mr_http_fixture_metric(&f, "millrace_http_connections"), >=, COUNT);
    MR_EXPECT_U64((live_bytes() - before) / COUNT, <, 400);
    pause_ms(500);
    end_honest(&client, "10000 idle connections");
    close(go[1]);
    MR_EXPECT(waitpid(child, &status, 0) == child && status == 0);
    close(ready[0]);
    close(go[0]);
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    mr_http_fixture_close(&f);
}

MR_TEST(floods_of_headers_end_at_the_limit)
{
    enum { COUNT = 500 };
    static int fds[COUNT];
    static char noise[8192];
    mr_http_fixture f;
    honest client;
    mr_http_limits limits = wide_limits();
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = "X-Flood: abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmn\r\n"[i % 60];
    mr_http_fixture_open(&f, limits);
    const uint64_t before = live_bytes();
    begin_honest(&client, f.port);
    open_many(fds, COUNT, f.port);
    send_to_all(fds, COUNT, MR_SLICE("GET /hello HTTP/1.1\r\n" H));
    uint64_t most = 0;
    for (int i = 0; i < 200; i++) {
        const size_t live = send_to_all(fds, COUNT, mr_slice_of(noise, sizeof noise));
        most = mr_max_u64(most, live_bytes() - before);
        if (live == 0) break;
        pause_ms(5);
    }
    end_honest(&client, "500 floods of headers");
    MR_EXPECT_U64(most, <, COUNT * 2u * limits.header_bytes_max);
    close_many(fds, COUNT);
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    MR_EXPECT_U64(mr_http_fixture_metric(&f, "millrace_http_requests_total{code=\"4xx\"}"), ==,
                  COUNT);
    mr_http_fixture_close(&f);
}

MR_TEST(bodies_of_100_mib_on_many_connections_share_one_limit)
{
    enum { COUNT = 20 };
    static int fds[COUNT];
    static char piece[65536];
    mr_http_fixture f;
    honest client;
    mr_http_limits limits = wide_limits();
    limits.body_bytes_max = 100u << 20;
    limits.bodies_bytes_max = 64u << 20;
    mr_http_fixture_open(&f, limits);
    const uint64_t before = live_bytes();
    begin_honest(&client, f.port);
    open_many(fds, COUNT, f.port);
    send_to_all(fds, COUNT,
                MR_SLICE("POST /echo HTTP/1.1\r\n" H "Content-Length: 104857600\r\n\r\n"));
    uint64_t most = 0;
    for (int i = 0; i < 3000 && send_to_all(fds, COUNT, mr_slice_of(piece, sizeof piece)) > 0;
         i++) {
        most = mr_max_u64(most, live_bytes() - before);
        if (i % 10 == 0) pause_ms(1);
    }
    end_honest(&client, "20 bodies of 100 MiB");
    /* The limit, and what growing one body beyond it takes before it is given up. */
    MR_EXPECT_U64(most, <, 2 * limits.bodies_bytes_max);
    MR_EXPECT_U64(most, >, 1u << 20);
    MR_EXPECT_U64(mr_http_fixture_metric(&f, "millrace_http_requests_total{code=\"5xx\"}"), >, 0);
    close_many(fds, COUNT);
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    MR_EXPECT_U64(live_bytes() - before, <, 16u << 20);
    mr_http_fixture_close(&f);
}

MR_TEST(coming_and_going_leaves_nothing_behind)
{
    mr_http_fixture f;
    honest client;
    mr_http_fixture_open(&f, wide_limits());
    begin_honest(&client, f.port);
    uint64_t warm = 0;
    for (int i = 0; i < 12000; i++) {
        const int fd = open_socket(f.port);
        MR_EXPECT(fd >= 0);
        const struct linger at_once = {1, 0};
        if (i % 3 > 0) (void)!send(fd, HELLO, i % 3 == 1 ? 10 : sizeof HELLO - 1, MSG_NOSIGNAL);
        if (i % 2 == 0) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
        if (i == 4000) warm = live_bytes();
    }
    end_honest(&client, "12000 connections that come and go");
    mr_http_fixture_await_metric(&f, "millrace_http_connections", 0);
    MR_EXPECT_U64(live_bytes(), <, warm + (1u << 20));
    mr_http_fixture_close(&f);
}
