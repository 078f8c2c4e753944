/* SPDX-License-Identifier: MIT */
#include "load_engine.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

#define ANSWER_MAX  (256u << 20)
#define GRACE_S     10 /* for what is still due or unanswered at the end */
#define RECEIVE_MIN 32768

typedef struct connection {
    int fd;
    bool busy;
    uint32_t tag;
    int64_t from_ns; /* what its latency counts from */
    mr_buffer in;
    mr_buffer out; /* the part of a request that the socket did not take at once */
    size_t sent;
} connection;

typedef struct engine {
    const load_plan *plan;
    load_result *result;
    int epoll;
    int64_t start_ns, warm_ns, end_ns;
    double interval_ns;
    uint64_t next;      /* open loop: index of the first request that was not sent */
    unsigned in_flight; /* connections that wait for an answer */
    unsigned idle[LOAD_CONNECTIONS_MAX]; /* a ring: the one that rested longest goes first */
    unsigned idle_first, idle_count;
    connection connections[LOAD_CONNECTIONS_MAX];
} engine;

_Noreturn void load_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("store_load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

int load_connect(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        load_fail("cannot connect to port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* --- What the server process costs --- */

static void read_proc(pid_t pid, const char *file, char *text, size_t size)
{
    char path[400];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd >= 0 ? read(fd, text, size - 1) : 0;
    if (fd >= 0) close(fd);
    text[len > 0 ? len : 0] = 0;
}

/* The sum over its threads of what the scheduler counted; ticks would miss what is shorter. */
double load_cpu_s(pid_t pid)
{
    char path[64], file[300], text[256];
    uint64_t ns = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = pid != 0 ? opendir(path) : NULL;
    for (const struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "task/%.250s/schedstat", task->d_name);
        read_proc(pid, file, text, sizeof text);
        ns += strtoull(text, NULL, 10);
    }
    if (tasks != NULL) closedir(tasks);
    return (double)ns / 1e9;
}

uint64_t load_rss_kib(pid_t pid)
{
    char text[4096];
    read_proc(pid, "status", text, sizeof text);
    const char *at = strstr(text, "VmRSS:");
    return at != NULL ? strtoull(at + 6, NULL, 10) : 0;
}

/* --- Answers --- */

typedef struct answer {
    unsigned status;
    mr_slice body;
} answer;

/* The value behind the header `name` (with its colon), which may be in lower case; NULL when there
 * is none. */
static const char *header(const char *head, size_t len, const char *name, const char *lower)
{
    const char *at = memmem(head, len, name, strlen(name));
    if (at == NULL) at = memmem(head, len, lower, strlen(lower));
    return at != NULL ? at + strlen(name) : NULL;
}

/* Whether `in` holds a whole answer; with pipelining off nothing can be behind it. `*want` is how
 * many bytes it will have, when that is known. */
static bool is_whole(const mr_buffer *in, answer *out, size_t *want)
{
    const char *end = in->len > 0 ? memmem(in->ptr, in->len, "\r\n\r\n", 4) : NULL;
    if (end == NULL) return false;
    const size_t head = (size_t)(end - in->ptr) + 4;
    const char *length = header(in->ptr, head, "\r\nContent-Length: ", "\r\ncontent-length: ");
    if (length == NULL) {
        *out = (answer){.status = (unsigned)strtoul(in->ptr + 9, NULL, 10)};
        return in->len >= head + 5 && memcmp(in->ptr + in->len - 5, "0\r\n\r\n", 5) == 0;
    }
    const size_t body = strtoull(length, NULL, 10);
    *want = head + body;
    *out = (answer){.status = (unsigned)strtoul(in->ptr + 9, NULL, 10),
                    .body = mr_slice_of(end + 4, body)};
    return in->len >= head + body;
}

unsigned load_call(uint16_t port, mr_slice request, mr_slice *body)
{
    static mr_buffer in;
    answer got;
    size_t want = 0;
    const int fd = load_connect(port);
    if (in.name == NULL) mr_buffer_init(&in, "answer", ANSWER_MAX);
    mr_buffer_reset(&in);
    while (request.len > 0) {
        const ssize_t len = send(fd, request.ptr, request.len, MSG_NOSIGNAL);
        if (len <= 0) load_fail("the server takes no more of a request: %s", strerror(errno));
        request = mr_slice_from(request, (size_t)len);
    }
    do {
        mr_error err;
        if (mr_buffer_reserve(&in, RECEIVE_MIN, &err) != MR_OK) load_fail("%s", err.text);
        const ssize_t len = recv(fd, in.ptr + in.len, in.cap - in.len, 0);
        if (len <= 0) load_fail("the server closed without an answer");
        in.len += (size_t)len;
    } while (!is_whole(&in, &got, &want));
    close(fd);
    const char *head = memmem(in.ptr, in.len, "\r\n\r\n", 4);
    *body = mr_slice_of(head + 4, (size_t)(in.ptr + in.len - head) - 4);
    return got.status;
}

/* --- The run --- */

static int64_t due_ns(const engine *e, uint64_t index)
{
    return e->start_ns + (int64_t)((double)index * e->interval_ns);
}

static void rest(engine *e, unsigned index)
{
    e->idle[(e->idle_first + e->idle_count++) % e->plan->connections] = index;
}

static void watch(engine *e, unsigned index, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    if (epoll_ctl(e->epoll, how, e->connections[index].fd, &event) != 0)
        load_fail("epoll_ctl: %s", strerror(errno));
}

static void send_on(engine *e, unsigned index, int64_t from_ns)
{
    connection *c = &e->connections[index];
    const mr_slice request = e->plan->next(e->plan->context, &c->tag);
    c->from_ns = from_ns;
    c->busy = true;
    e->in_flight++;
    const ssize_t len = send(c->fd, request.ptr, request.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (len < 0 && errno != EAGAIN) load_fail("send: %s", strerror(errno));
    const size_t sent = len > 0 ? (size_t)len : 0;
    if (sent == request.len) return;
    mr_error err;
    mr_buffer_reset(&c->out);
    c->sent = 0;
    if (mr_buffer_append(&c->out, mr_slice_from(request, sent), &err) != MR_OK)
        load_fail("%s", err.text);
    watch(e, index, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void send_rest(engine *e, unsigned index)
{
    connection *c = &e->connections[index];
    const ssize_t len =
        send(c->fd, c->out.ptr + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (len < 0 && errno != EAGAIN) load_fail("send: %s", strerror(errno));
    if (len > 0) c->sent += (size_t)len;
    if (c->sent == c->out.len) watch(e, index, EPOLLIN, EPOLL_CTL_MOD);
}

/* Counts an answer, and puts the connection back to work or to rest. */
static void finish(engine *e, unsigned index, const answer *got, int64_t now)
{
    connection *c = &e->connections[index];
    const bool right = e->plan->check(e->plan->context, c->tag, got->status, got->body);
    if (!right && e->result->wrong++ == 0)
        fprintf(stderr, "store_load: a wrong answer, status %u: %.*s\n", got->status,
                (int)mr_min_u64(got->body.len, 300), got->body.len > 0 ? got->body.ptr : "");
    const int64_t counts = e->interval_ns > 0 ? c->from_ns : now;
    if (counts >= e->warm_ns && counts < e->end_ns) {
        e->result->answers++;
        mr_histogram_record(&e->result->latency, (uint64_t)(now - c->from_ns));
    }
    mr_buffer_reset(&c->in);
    c->busy = false;
    e->in_flight--;
    if (e->interval_ns > 0)
        rest(e, index);
    else if (now < e->end_ns)
        send_on(e, index, now);
}

static void receive_on(engine *e, unsigned index)
{
    connection *c = &e->connections[index];
    answer got;
    size_t want = c->in.len + RECEIVE_MIN;
    mr_error err;
    if (mr_buffer_reserve(&c->in, RECEIVE_MIN, &err) != MR_OK) load_fail("%s", err.text);
    const ssize_t len = recv(c->fd, c->in.ptr + c->in.len, c->in.cap - c->in.len, MSG_DONTWAIT);
    if (len < 0 && errno == EAGAIN) return;
    if (len <= 0) load_fail("the server closed a connection: %s", len < 0 ? strerror(errno) : "");
    c->in.len += (size_t)len;
    if (!is_whole(&c->in, &got, &want)) {
        if (want > c->in.cap && mr_buffer_reserve(&c->in, want - c->in.len, &err) != MR_OK)
            load_fail("%s", err.text);
        return;
    }
    if (!c->busy) load_fail("an answer to no request");
    finish(e, index, &got, mr_clock_real_ns());
}

/* Sends what is due, as far as connections are free. */
static void send_due(engine *e, int64_t now)
{
    const int64_t until = now < e->end_ns ? now : e->end_ns - 1;
    while (e->idle_count > 0) {
        const int64_t due = due_ns(e, e->next);
        if (due > until) return;
        e->next++;
        const unsigned index = e->idle[e->idle_first];
        e->idle_first = (e->idle_first + 1) % e->plan->connections;
        e->idle_count--;
        send_on(e, index, due);
    }
}

/* How long to wait for events: open loop until the next request is due, if it can be sent then. */
static struct timespec wait_for(const engine *e, int64_t now)
{
    int64_t until = now < e->end_ns ? e->end_ns : now + 100 * MR_NS_PER_MS;
    if (e->interval_ns > 0 && e->idle_count > 0) {
        const int64_t due = due_ns(e, e->next);
        if (due < until) until = due;
    }
    const int64_t left = until > now ? until - now : 0;
    return (struct timespec){.tv_sec = left / MR_NS_PER_S, .tv_nsec = left % MR_NS_PER_S};
}

static bool is_over(const engine *e, int64_t now)
{
    if (now < e->end_ns) return false;
    if (now >= e->end_ns + GRACE_S * MR_NS_PER_S) return true;
    const bool all_sent = e->interval_ns <= 0 || due_ns(e, e->next) >= e->end_ns;
    return all_sent && e->in_flight == 0;
}

static void loop(engine *e)
{
    struct epoll_event events[128];
    bool warm = false;
    double server_s = 0, driver_s = 0;
    for (;;) {
        const int64_t now = mr_clock_real_ns();
        if (!warm && now >= e->warm_ns) {
            warm = true;
            server_s = load_cpu_s(e->plan->server);
            driver_s = (double)mr_clock_cpu_ns() / 1e9;
        }
        if (now >= e->end_ns && e->result->seconds <= 0) { /* once */
            e->result->seconds = (double)(e->end_ns - e->warm_ns) / 1e9;
            e->result->server_cpu_s = load_cpu_s(e->plan->server) - server_s;
            e->result->driver_cpu_s = (double)mr_clock_cpu_ns() / 1e9 - driver_s;
        }
        if (is_over(e, now)) return;
        if (e->interval_ns > 0) send_due(e, now);
        const struct timespec wait = wait_for(e, now);
        const int count = epoll_pwait2(e->epoll, events, MR_COUNT_OF(events), &wait, NULL);
        if (count < 0 && errno != EINTR) load_fail("epoll_pwait2: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            if (events[i].events & EPOLLOUT) send_rest(e, events[i].data.u32);
            if (events[i].events & ~(uint32_t)EPOLLOUT) receive_on(e, events[i].data.u32);
        }
    }
}

void load_run(const load_plan *plan, load_result *result)
{
    static engine e;
    e = (engine){.plan = plan, .result = result, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (plan->connections == 0 || plan->connections > LOAD_CONNECTIONS_MAX)
        load_fail("1 to %u connections, not %u", LOAD_CONNECTIONS_MAX, plan->connections);
    *result = (load_result){0};
    prctl(PR_SET_TIMERSLACK, 1UL); /* the timetable is in microseconds */
    for (unsigned i = 0; i < plan->connections; i++) {
        connection *c = &e.connections[i];
        *c = (connection){.fd = load_connect(plan->port)};
        mr_buffer_init(&c->in, "answer", ANSWER_MAX);
        mr_buffer_init(&c->out, "request", ANSWER_MAX);
        watch(&e, i, EPOLLIN, EPOLL_CTL_ADD);
        rest(&e, i);
    }
    e.start_ns = mr_clock_real_ns();
    e.warm_ns = e.start_ns + (int64_t)(plan->warmup_s * 1e9);
    e.end_ns = e.warm_ns + (int64_t)(plan->seconds * 1e9);
    e.interval_ns = plan->rate > 0 ? 1e9 / plan->rate : 0;
    if (e.interval_ns <= 0)
        for (unsigned i = 0; i < plan->connections; i++)
            send_on(&e, i, mr_clock_real_ns());
    loop(&e);
    while (e.interval_ns > 0 && due_ns(&e, e.next++) < e.end_ns)
        result->unsent++;
    if (e.in_flight > 0) load_fail("%u requests were never answered", e.in_flight);
    for (unsigned i = 0; i < plan->connections; i++) {
        close(e.connections[i].fd);
        mr_buffer_done(&e.connections[i].in);
        mr_buffer_done(&e.connections[i].out);
    }
    close(e.epoll);
}
