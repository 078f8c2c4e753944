/* SPDX-License-Identifier: MIT
 *
 * Subscribers of one category while somebody writes to it: how long after a write was due each of
 * them has its event. Every write goes to a stream of its own, whose name says which write it is.
 */
#include "store_load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"

#define TAIL_MAX 256 /* of an event that has not come whole */
#define GRACE_NS (5 * MR_NS_PER_S)

typedef struct subscriber {
    int fd;
    size_t tail_len;
    char tail[TAIL_MAX];
    uint64_t events;
} subscriber;

typedef struct watch {
    const load_options *options;
    const char *token;
    int epoll, writer;
    int64_t start_ns, interval_ns;
    uint64_t writes, warm, sent, answered;
    uint64_t delivered, wrong, arrived; /* events of all writes; of no write; in the window */
    subscriber *subscribers;
    mr_histogram latency, answer;
} watch;

static int64_t due_ns(const watch *w, uint64_t index)
{
    return w->start_ns + (int64_t)index * w->interval_ns;
}

static void add(const watch *w, int fd, uint32_t index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        load_fail("epoll_ctl: %s", strerror(errno));
}

static void subscribe(watch *w, unsigned index)
{
    static mr_buffer request;
    subscriber *s = &w->subscribers[index];
    const mr_slice bytes = load_request(&request, "GET", "/subscribe?category=watched&position=0",
                                        w->token, (mr_slice){0});
    s->fd = load_connect(w->options->port);
    if (send(s->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) != (ssize_t)bytes.len)
        load_fail("subscribe: %s", strerror(errno));
    add(w, s->fd, index);
}

static void write_one(watch *w)
{
    static mr_buffer request;
    char body[300];
    snprintf(body, sizeof body,
             "[\"stream.write\",\"watched-%" PRIu64
             "\",{\"type\":\"TestEvent\",\"data\":{\"payload\":\"test data for profiling with some "
             "content to make it realistic\"}}]",
             w->sent++);
    const mr_slice bytes = load_request(&request, "POST", "/rpc", w->token, mr_slice_text(body));
    if (send(w->writer, bytes.ptr, bytes.len, MSG_NOSIGNAL) != (ssize_t)bytes.len)
        load_fail("write: %s", strerror(errno));
}

/* One line of an event: `data: {"stream":"watched-17",...}`. */
static void take_event(watch *w, subscriber *s, mr_slice line, int64_t now)
{
    const int64_t number = load_number(line, "\"stream\":\"watched-");
    if (number < 0 || (uint64_t)number >= w->sent) {
        w->wrong++;
        return;
    }
    s->events++;
    w->delivered++;
    if ((uint64_t)number < w->warm) return;
    w->arrived++;
    mr_histogram_record(&w->latency, (uint64_t)(now - due_ns(w, (uint64_t)number)));
}

/* Finds the complete data lines of what has come and keeps the rest. */
static void take_bytes(watch *w, subscriber *s, mr_slice bytes, int64_t now)
{
    const char *end = bytes.ptr + bytes.len, *at = bytes.ptr;
    for (const char *line; (line = memmem(at, (size_t)(end - at), "data: ", 6)) != NULL;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL) {
            at = line;
            break;
        }
        take_event(w, s, mr_slice_of(line, (size_t)(stop - line)), now);
        at = stop;
    }
    const size_t keep = mr_min_u64((size_t)(end - at), TAIL_MAX);
    memmove(s->tail, end - keep, keep);
    s->tail_len = keep;
}

static void receive(watch *w, uint32_t index, int64_t now)
{
    char bytes[TAIL_MAX + 16384];
    if (index == UINT32_MAX) {
        const ssize_t len = recv(w->writer, bytes, sizeof bytes, MSG_DONTWAIT);
        if (len < 12) load_fail("a write was not answered");
        for (const char *at = bytes; /* answers of several writes may come together */
             (at = memmem(at, (size_t)(bytes + len - at), "HTTP/1.1 ", 9)) != NULL; at++) {
            if (memcmp(at, "HTTP/1.1 200", 12) != 0) load_fail("a write failed: %.300s", at);
            mr_histogram_record(&w->answer, (uint64_t)(now - due_ns(w, w->answered++)));
        }
        return;
    }
    subscriber *s = &w->subscribers[index];
    memcpy(bytes, s->tail, s->tail_len);
    const ssize_t len = recv(s->fd, bytes + s->tail_len, sizeof bytes - s->tail_len, MSG_DONTWAIT);
    if (len <= 0) load_fail("the server ended a subscription");
    take_bytes(w, s, mr_slice_of(bytes, s->tail_len + (size_t)len), now);
}

/* Runs until all that was sent has been answered and delivered, or too much time has passed. */
static void loop(watch *w)
{
    struct epoll_event events[256];
    const int64_t end = due_ns(w, w->writes) + GRACE_NS;
    while (w->answered < w->writes ||
           w->delivered < w->writes * (uint64_t)w->options->subscribers) {
        int64_t now = mr_clock_real_ns();
        if (now > end) return;
        while (w->sent < w->writes && due_ns(w, w->sent) <= now)
            write_one(w);
        const int64_t until = w->sent < w->writes ? due_ns(w, w->sent) : now + MR_NS_PER_S;
        const struct timespec wait = {.tv_sec = (until - now) / MR_NS_PER_S,
                                      .tv_nsec = (until - now) % MR_NS_PER_S};
        const int count = epoll_pwait2(w->epoll, events, MR_COUNT_OF(events), &wait, NULL);
        for (int i = 0; i < count; i++) {
            now = mr_clock_real_ns();
            receive(w, events[i].data.u32, now);
        }
    }
}

/* Waits until every subscription has had its head, so that none is still being made. */
static void await_subscriptions(watch *w)
{
    struct timespec second = {.tv_sec = 1};
    nanosleep(&second, NULL);
    for (unsigned i = 0; i < w->options->subscribers; i++) {
        char bytes[4096];
        const ssize_t len = recv(w->subscribers[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
        /* A server may keep the head back until the first event. */
        if (len > 0 && memcmp(bytes, "HTTP/1.1 200", 12) != 0)
            load_fail("a subscription failed: %.*s", (int)len, bytes);
    }
}

static void print_watch(const watch *w, uint64_t rss_before, uint64_t rss, double cpu_s)
{
    const uint64_t wanted = (w->writes - w->warm) * w->options->subscribers;
    printf("{\"scenario\":\"watch\",\"subscribers\":%u,\"rate\":%.0f,\"events\":%" PRIu64
           ",\"missing\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"rss_before_kib\":%" PRIu64
           ",\"rss_kib\":%" PRIu64 ",\"server_cpu_us\":%.2f,\"answer_p50_us\":%.1f,"
           "\"answer_p99_us\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
           "\"max_us\":%.1f}\n",
           w->options->subscribers, w->options->rate, w->arrived,
           wanted > w->arrived ? wanted - w->arrived : 0, w->wrong, rss_before, rss,
           cpu_s * 1e6 / (double)mr_max_u64(w->delivered, 1),
           (double)mr_histogram_percentile(&w->answer, 0.5) / 1e3,
           (double)mr_histogram_percentile(&w->answer, 0.99) / 1e3,
           (double)mr_histogram_percentile(&w->latency, 0.5) / 1e3,
           (double)mr_histogram_percentile(&w->latency, 0.99) / 1e3,
           (double)mr_histogram_percentile(&w->latency, 0.999) / 1e3,
           (double)mr_histogram_max(&w->latency) / 1e3);
}

void load_watch(const load_options *options)
{
    static watch w;
    w = (watch){.options = options, .token = load_namespace(options)};
    if (options->rate <= 0) load_fail("watch needs --rate");
    const uint64_t rss_before = load_rss_kib(options->server);
    w.epoll = epoll_create1(EPOLL_CLOEXEC);
    w.interval_ns = (int64_t)(1e9 / options->rate);
    w.warm = (uint64_t)(options->warmup_s * options->rate);
    w.writes = w.warm + (uint64_t)(options->seconds * options->rate);
    w.subscribers = mr_mem_zalloc(options->subscribers * sizeof *w.subscribers);
    if (w.subscribers == NULL) load_fail("no memory for the subscribers");
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (unsigned i = 0; i < options->subscribers; i++)
        subscribe(&w, i);
    w.writer = load_connect(options->port);
    await_subscriptions(&w);
    add(&w, w.writer, UINT32_MAX);
    const uint64_t rss = load_rss_kib(options->server);
    const double cpu = load_cpu_s(options->server);
    w.start_ns = mr_clock_real_ns() + 10 * MR_NS_PER_MS;
    loop(&w);
    print_watch(&w, rss_before, rss, load_cpu_s(options->server) - cpu);
    for (unsigned i = 0; i < options->subscribers; i++)
        close(w.subscribers[i].fd);
    mr_mem_free(w.subscribers);
    load_forget_namespace(options);
}
