/* SPDX-License-Identifier: MIT
 *
 * Request bodies that are handed over while they arrive, over real sockets: cut anywhere, paused,
 * deferred, broken off, and answered before, while and after they come. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "http/server.h"
#include "support/test.h"
#include "support/wire.h"

#define H       "Host: a\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define NEXT    "GET /hello HTTP/1.1\r\n" H "\r\n"

/* What a route's events have seen of one request; lives in the request's arena. */
typedef struct upload {
    mr_http_request *request;
    uint64_t bytes, sum, pieces;
    mr_buffer kept; /* of /mirror: a piece that did not fit */
    mr_timer timer; /* of /pause */
    bool hold;      /* of /keep: nobody answers */
} upload;

static atomic_uint begun_count, complete_count, broken_count, gone_count, closed_count, piece_count;

static uint64_t sum_of(uint64_t sum, mr_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ (unsigned char)bytes.ptr[i]) * 0x100000001b3u;
    return sum;
}

static void reply_text(mr_http_request *request, mr_slice body)
{
    mr_http_reply(request, &(mr_http_response){.status = 200, .body = body});
}

static upload *new_upload(mr_http_request *request)
{
    upload *own = mr_arena_take(mr_http_arena(request), sizeof *own);
    own->request = request;
    atomic_fetch_add(&begun_count, 1);
    return own;
}

static void count_piece(MR_UNUSED mr_http_request *request, mr_slice bytes, void *context)
{
    upload *own = context;
    own->bytes += bytes.len;
    own->sum = sum_of(own->sum, bytes);
    own->pieces++;
    atomic_fetch_add(&piece_count, 1);
}

static void on_complete(mr_http_request *request, void *context)
{
    const upload *own = context;
    char text[100];
    atomic_fetch_add(&complete_count, 1);
    snprintf(text, sizeof text, "%llu %016llx", (unsigned long long)own->bytes,
             (unsigned long long)own->sum);
    reply_text(request, mr_slice_text(text));
}

static void on_broken(mr_http_request *request, MR_UNUSED void *context)
{
    atomic_fetch_add(&broken_count, 1);
    atomic_fetch_add(&gone_count, mr_http_gone(request));
}

/* --- POST /count: answers when all has come --- */

static const mr_http_body_events count_events = {count_piece, on_complete, on_broken};

static void on_count(mr_http_request *request, MR_UNUSED void *context)
{
    mr_http_body_begin(request, &count_events, new_upload(request));
}

/* --- POST /mirror: sends every piece back at once --- */

static void mirror_closed(MR_UNUSED mr_http_request *request, void *context)
{
    upload *own = context;
    mr_buffer_done(&own->kept);
    atomic_fetch_add(&closed_count, 1);
}

static void send_kept(mr_http_request *request, upload *own)
{
    size_t at = 0;
    while (at < own->kept.len) {
        const size_t len = (size_t)mr_min_u64(own->kept.len - at, 4096);
        if (mr_http_stream_send(request, mr_slice_of(own->kept.ptr + at, len), NULL) != MR_OK)
            break;
        at += len;
    }
    own->kept.len -= at;
    if (own->kept.len > 0) memmove(own->kept.ptr, own->kept.ptr + at, own->kept.len);
    if (own->kept.len > 0)
        mr_http_body_pause(request);
    else
        mr_http_body_resume(request);
}

static void mirror_piece(mr_http_request *request, mr_slice bytes, void *context)
{
    upload *own = context;
    if (mr_buffer_append(&own->kept, bytes, NULL) != MR_OK) abort();
    send_kept(request, own);
}

static void mirror_writable(mr_http_request *request, void *context)
{
    send_kept(request, context);
}

static void mirror_complete(mr_http_request *request, MR_UNUSED void *context)
{
    atomic_fetch_add(&complete_count, 1);
    mr_http_stream_end(request);
}

static void on_mirror(mr_http_request *request, MR_UNUSED void *context)
{
    static const mr_http_stream_events stream = {mirror_writable, mirror_closed};
    static const mr_http_body_events body = {mirror_piece, mirror_complete, on_broken};
    upload *own = new_upload(request);
    mr_buffer_init(&own->kept, "kept", 1 << 20);
    mr_http_stream_begin(request, &(mr_http_response){.status = 200}, &stream, own);
    mr_http_body_begin(request, &body, own);
}

/* --- POST /refuse: answers before the body; /early: at the first piece; /report: when broken -- */

static void on_refuse(mr_http_request *request, MR_UNUSED void *context)
{
    mr_http_reply_error(request, 401, "AUTH_REQUIRED", MR_SLICE("who are you"));
}

static void early_piece(mr_http_request *request, MR_UNUSED mr_slice bytes, MR_UNUSED void *context)
{
    reply_text(request, MR_SLICE("enough"));
}

static void on_early(mr_http_request *request, MR_UNUSED void *context)
{
    static const mr_http_body_events events = {early_piece, on_complete, on_broken};
    mr_http_body_begin(request, &events, new_upload(request));
}

static void report_broken(mr_http_request *request, void *context)
{
    on_broken(request, context);
    mr_http_reply_error(request, 422, "READ_ERROR", MR_SLICE("line 3"));
}

static void on_report(mr_http_request *request, MR_UNUSED void *context)
{
    static const mr_http_body_events events = {count_piece, on_complete, report_broken};
    mr_http_body_begin(request, &events, new_upload(request));
}

/* --- POST /work: gives each piece to another thread; /admit: asks one before it takes the body  */

static atomic_uint workers;

typedef struct errand {
    mr_http_request *request;
    mr_http_handler *handler;
    void *context;
    unsigned ms;
} errand;

static void *run_errand(void *context)
{
    errand *own = context;
    const struct timespec pause = {.tv_nsec = (long)own->ms * 1000000};
    nanosleep(&pause, NULL);
    mr_http_resume(own->request, own->handler, own->context);
    mr_mem_free(own);
    atomic_fetch_sub(&workers, 1);
    return NULL;
}

static void defer_to(mr_http_request *request, mr_http_handler *handler, void *context, unsigned ms)
{
    errand *own = mr_mem_alloc(sizeof *own);
    pthread_t thread;
    *own = (errand){request, handler, context, ms};
    mr_http_defer(request);
    atomic_fetch_add(&workers, 1);
    if (pthread_create(&thread, NULL, run_errand, own) != 0) abort();
    pthread_detach(thread);
}

static void work_done(MR_UNUSED mr_http_request *request, MR_UNUSED void *context)
{
}

static void work_piece(mr_http_request *request, mr_slice bytes, void *context)
{
    count_piece(request, bytes, context);
    defer_to(request, work_done, context, 2);
}

static void work_complete(mr_http_request *request, void *context)
{
    defer_to(request, on_complete, context, 2);
}

static void on_work(mr_http_request *request, MR_UNUSED void *context)
{
    static const mr_http_body_events events = {work_piece, work_complete, on_broken};
    mr_http_body_begin(request, &events, new_upload(request));
}

static void admitted(mr_http_request *request, void *context)
{
    mr_http_body_begin(request, &count_events, context);
}

static void on_admit(mr_http_request *request, MR_UNUSED void *context)
{
    defer_to(request, admitted, new_upload(request), 5);
}

/* --- POST /pause: wants nothing for 400 ms after each piece --- */

static void pause_over(mr_timer *timer)
{
    upload *own = MR_CONTAINER_OF(timer, upload, timer);
    mr_http_body_resume(own->request);
}

static void pause_piece(mr_http_request *request, mr_slice bytes, void *context)
{
    upload *own = context;
    count_piece(request, bytes, context);
    mr_http_body_pause(request);
    own->timer.fire = pause_over;
    mr_loop *loop = mr_http_loop(request);
    mr_loop_timer_set(loop, &own->timer, loop->now_ns + 400000000);
}

static void pause_broken(mr_http_request *request, void *context)
{
    upload *own = context;
    mr_timer_cancel(&own->timer);
    on_broken(request, context);
}

static void on_pause(mr_http_request *request, MR_UNUSED void *context)
{
    static const mr_http_body_events events = {pause_piece, on_complete, pause_broken};
    mr_http_body_begin(request, &events, new_upload(request));
}

/* --- The rest --- */

static void on_silent(MR_UNUSED mr_http_request *request, MR_UNUSED void *context)
{
}

static void on_hello(mr_http_request *request, MR_UNUSED void *context)
{
    reply_text(request, MR_SLICE("hello"));
}

static const mr_http_route routes[] = {
    {MR_HTTP_GET, "/hello", on_hello, NULL, 0, false},
    {MR_HTTP_POST, "/count", on_count, NULL, UINT64_MAX, true},
    {MR_HTTP_POST, "/limited", on_count, NULL, 20, true},
    {MR_HTTP_POST, "/mirror", on_mirror, NULL, UINT64_MAX, true},
    {MR_HTTP_POST, "/refuse", on_refuse, NULL, UINT64_MAX, true},
    {MR_HTTP_POST, "/early", on_early, NULL, UINT64_MAX, true},
    {MR_HTTP_POST, "/report", on_report, NULL, UINT64_MAX, true},
    {MR_HTTP_POST, "/work", on_work, NULL, UINT64_MAX, true},
    {MR_HTTP_POST, "/admit", on_admit, NULL, UINT64_MAX, true},
    {MR_HTTP_POST, "/pause", on_pause, NULL, UINT64_MAX, true},
    {MR_HTTP_POST, "/silent", on_silent, NULL, UINT64_MAX, true},
};

typedef struct fixture {
    mr_metrics *metrics;
    mr_http_server *server;
    uint16_t port;
} fixture;

static mr_http_limits some_limits(void)
{
    mr_http_limits limits = MR_HTTP_LIMITS_DEFAULT;
    limits.linger_ms = 300;
    return limits;
}

static void open_fixture(fixture *f, mr_http_limits limits)
{
    mr_error err;
    MR_EXPECT_OK(mr_metrics_open(NULL, &f->metrics, &err));
    MR_EXPECT_OK(mr_http_server_open(&(mr_http_options){.address = MR_SLICE("127.0.0.1:0"),
                                                        .routes = routes,
                                                        .route_count = MR_COUNT_OF(routes),
                                                        .metrics = f->metrics,
                                                        .limits = limits},
                                     &f->server, &err));
    MR_EXPECT_OK(mr_http_server_start(f->server, &err));
    f->port = mr_http_server_port(f->server);
    atomic_store(&begun_count, 0);
    atomic_store(&complete_count, 0);
    atomic_store(&broken_count, 0);
    atomic_store(&gone_count, 0);
    atomic_store(&closed_count, 0);
    atomic_store(&piece_count, 0);
}

static void pause_ms(unsigned ms)
{
    const struct timespec moment = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&moment, NULL);
}

static void close_fixture(fixture *f)
{
    mr_http_server_stop(f->server, 2000);
    while (atomic_load(&workers) > 0)
        pause_ms(1);
    mr_http_server_close(f->server);
    mr_metrics_close(f->metrics);
}

static void await(atomic_uint *count, unsigned wanted)
{
    for (int tries = 0; atomic_load(count) != wanted; tries++) {
        if (tries == 2000) MR_TEST_FAIL("count is %u, expected %u\n", atomic_load(count), wanted);
        pause_ms(2);
    }
}

static unsigned now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* The body that /count tells about `body`. */
static const char *count_text(const char *body)
{
    static char text[100];
    snprintf(text, sizeof text, "%zu %016llx", strlen(body),
             (unsigned long long)sum_of(0, mr_slice_text(body)));
    return text;
}

typedef struct sample {
    const char *framing, *raw, *body;
} sample;

static const sample samples[] = {
    {"Content-Length: 8\r\n", "hellobye", "hellobye"},
    {"Content-Length: 0\r\n", "", ""},
    {"", "", ""},
    {CHUNKED, "5\r\nhello\r\n3;x=y\r\nbye\r\n0\r\nT: u\r\n\r\n", "hellobye"},
    {CHUNKED, "0\r\n\r\n", ""},
    {CHUNKED, "1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", "hi"},
};

static void expect_sample(mr_wire *wire, const char *path, const sample *row)
{
    if (strcmp(path, "/mirror") != 0) {
        MR_EXPECT_SLICE(mr_wire_answer_of(wire, false).body, count_text(row->body));
    } else {
        mr_wire_await(wire, "\r\n0\r\n\r\n");
        char seen[100] = "";
        size_t seen_len = 0;
        for (const char *at = strstr(wire->in.ptr, "\r\n\r\n") + 4; *at != '0';) {
            char *data;
            const size_t len = strtoul(at, &data, 16);
            memcpy(seen + seen_len, data + 2, len);
            seen_len += len;
            at = data + 2 + len + 2;
        }
        MR_EXPECT_TEXT(seen, row->body);
        const size_t used = (size_t)(strstr(wire->in.ptr, "\r\n0\r\n\r\n") + 7 - wire->in.ptr);
        wire->in.len -= used;
        memmove(wire->in.ptr, wire->in.ptr + used, wire->in.len + 1);
    }
    MR_EXPECT_SLICE(mr_wire_answer_of(wire, false).body, "hello");
}

MR_TEST(a_body_comes_out_whole_wherever_it_was_cut_and_the_next_request_follows)
{
    static const char *const paths[] = {"/count", "/mirror", "/work", "/admit"};
    fixture f;
    mr_wire wire;
    open_fixture(&f, some_limits());
    mr_wire_open(&wire, f.port);
    for (size_t p = 0; p < MR_COUNT_OF(paths); p++) {
        for (size_t i = 0; i < MR_COUNT_OF(samples); i++) {
            char text[300];
            const int head = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\n" H "%s\r\n",
                                      paths[p], samples[i].framing);
            const int len =
                snprintf(text + head, sizeof text - (size_t)head, "%s" NEXT, samples[i].raw) + head;
            const size_t step = p < 2 ? 1 : 7; /* the slower ones are not cut everywhere */
            for (size_t cut = (size_t)head - 4; cut <= (size_t)len; cut += step) {
                MR_EXPECT(mr_wire_send(&wire, mr_slice_of(text, cut)));
                if (cut < (size_t)len) {
                    const struct timespec moment = {.tv_nsec = 300000};
                    nanosleep(&moment, NULL);
                    MR_EXPECT(mr_wire_send(&wire, mr_slice_of(text + cut, (size_t)len - cut)));
                }
                expect_sample(&wire, paths[p], &samples[i]);
            }
            MR_EXPECT(mr_wire_say_in_pieces(&wire, mr_slice_of(text, (size_t)len), (size_t)len));
            expect_sample(&wire, paths[p], &samples[i]);
        }
    }
    mr_wire_close(&wire);
    close_fixture(&f);
    MR_EXPECT_U64(atomic_load(&broken_count), ==, 0);
}

/* --- Large ones --- */

typedef struct sender {
    mr_wire *wire;
    size_t bytes;
    bool chunked, ok;
} sender;

static void fill(char *bytes, size_t len, size_t from)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)('a' + ((from + i) * 7 + (from + i) / 4096) % 26);
}

static void *send_large(void *context)
{
    sender *own = context;
    static char piece[50001];
    own->ok = true;
    for (size_t at = 0, len; at < own->bytes && own->ok; at += len) {
        len = (size_t)mr_min_u64(own->bytes - at, at % 3 == 0 ? 50000 : 1234);
        fill(piece, len, at);
        char size[20];
        snprintf(size, sizeof size, "%zx\r\n", len);
        if (own->chunked) own->ok = mr_wire_say(own->wire, size);
        own->ok = own->ok && mr_wire_send(own->wire, mr_slice_of(piece, len));
        if (own->chunked) own->ok = own->ok && mr_wire_say(own->wire, "\r\n");
    }
    if (own->chunked) own->ok = own->ok && mr_wire_say(own->wire, "0\r\n\r\n");
    return NULL;
}

MR_TEST(a_large_body_is_counted_without_being_held)
{
    fixture f;
    mr_wire wire;
    open_fixture(&f, some_limits());
    const uint64_t live = mr_mem_stats_now().live_bytes;
    for (int chunked = 0; chunked < 2; chunked++) {
        const size_t bytes = 30000000;
        sender own = {&wire, bytes, chunked != 0, false};
        char head[100], wanted[100];
        mr_wire_open(&wire, f.port);
        snprintf(head, sizeof head, "POST /count HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n",
                 bytes);
        MR_EXPECT(mr_wire_say(&wire, chunked ? "POST /count HTTP/1.1\r\n" H CHUNKED "\r\n" : head));
        send_large(&own);
        MR_EXPECT(own.ok);
        char *all = mr_mem_alloc(bytes);
        fill(all, bytes, 0);
        snprintf(wanted, sizeof wanted, "%zu %016llx", bytes,
                 (unsigned long long)sum_of(0, mr_slice_of(all, bytes)));
        mr_mem_free(all);
        MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, wanted);
        MR_EXPECT_U64(mr_mem_stats_now().live_bytes, <, live + (1u << 20));
        mr_wire_close(&wire);
    }
    close_fixture(&f);
}

MR_TEST(a_large_body_flows_back_while_it_comes_and_a_slow_reader_holds_it_up)
{
    fixture f;
    mr_wire wire;
    const size_t bytes = 20000000;
    open_fixture(&f, some_limits());
    mr_wire_open(&wire, f.port);
    sender own = {&wire, bytes, true, false};
    pthread_t thread;
    MR_EXPECT(mr_wire_say(&wire, "POST /mirror HTTP/1.1\r\n" H CHUNKED "\r\n"));
    MR_EXPECT(pthread_create(&thread, NULL, send_large, &own) == 0);
    pause_ms(300); /* nothing is read: both directions stand still */
    const unsigned pieces = atomic_load(&piece_count);
    const uint64_t live = mr_mem_stats_now().live_bytes;
    MR_EXPECT_U64(atomic_load(&complete_count), ==, 0);
    MR_EXPECT_U64(live, <, 20u << 20);
    MR_EXPECT_U64(atomic_load(&piece_count), ==, pieces);
    mr_wire_await(&wire, "\r\n0\r\n\r\n");
    pthread_join(thread, NULL);
    MR_EXPECT(own.ok);
    size_t total = 0;
    const char *at = strstr(wire.in.ptr, "\r\n\r\n") + 4;
    for (;;) {
        char *data, expected[4096];
        const size_t len = strtoul(at, &data, 16);
        if (len == 0) break;
        MR_EXPECT_U64(len, <=, sizeof expected);
        fill(expected, len, total);
        MR_EXPECT(memcmp(data + 2, expected, len) == 0);
        total += len;
        at = data + 2 + len + 2;
    }
    MR_EXPECT_U64(total, ==, bytes);
    mr_wire_close(&wire);
    close_fixture(&f);
    MR_EXPECT_U64(atomic_load(&closed_count), ==, 1);
}

/* --- Answers out of turn --- */

MR_TEST(an_answer_before_the_end_of_the_body_is_the_last_one)
{
    static const char *const requests[] = {
        "POST /refuse HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n",
        "POST /refuse HTTP/1.1\r\n" H CHUNKED "\r\n5\r\nhello\r\n",
        "POST /early HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\nabc",
        "POST /early HTTP/1.1\r\n" H CHUNKED "\r\n5\r\nhello\r\n",
        "POST /silent HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n",
    };
    static const unsigned statuses[] = {401, 401, 200, 200, 500};
    fixture f;
    open_fixture(&f, some_limits());
    for (size_t i = 0; i < MR_COUNT_OF(requests); i++) {
        mr_wire wire;
        mr_wire_open(&wire, f.port);
        MR_EXPECT(mr_wire_say(&wire, requests[i]));
        const mr_wire_answer answer = mr_wire_answer_of(&wire, false);
        MR_EXPECT_U64(answer.status, ==, statuses[i]);
        MR_EXPECT_SLICE(mr_wire_header(answer, "Connection"), "close");
        mr_wire_await_end(&wire);
        MR_EXPECT(!wire.reset);
        mr_wire_close(&wire);
    }
    close_fixture(&f);
    MR_EXPECT_U64(atomic_load(&broken_count) + atomic_load(&complete_count), ==, 0);
}

MR_TEST(an_answer_when_all_has_come_keeps_the_connection)
{
    fixture f;
    mr_wire wire;
    open_fixture(&f, some_limits());
    mr_wire_open(&wire, f.port);
    for (int i = 0; i < 3; i++) {
        MR_EXPECT(
            mr_wire_say(&wire, "POST /early HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" NEXT));
        MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "enough");
        MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "hello");
        MR_EXPECT(mr_wire_say(&wire, "POST /refuse HTTP/1.1\r\n" H "\r\n" NEXT));
        MR_EXPECT_U64(mr_wire_answer_of(&wire, false).status, ==, 401);
        MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, "hello");
    }
    mr_wire_close(&wire);
    close_fixture(&f);
}

MR_TEST(who_waits_to_be_asked_is_asked_once_and_only_by_who_wants_the_body)
{
    static const char *const paths[] = {"/count", "/work", "/admit", "/mirror"};
    fixture f;
    mr_wire wire;
    open_fixture(&f, some_limits());
    for (size_t i = 0; i < MR_COUNT_OF(paths); i++) {
        char head[200];
        mr_wire_open(&wire, f.port);
        snprintf(head, sizeof head,
                 "POST %s HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
                 paths[i]);
        MR_EXPECT(mr_wire_say(&wire, head));
        mr_wire_await(&wire, "HTTP/1.1 100 Continue\r\n\r\n");
        MR_EXPECT(strstr(wire.in.ptr, "HTTP/1.1 100 ") == wire.in.ptr);
        MR_EXPECT(mr_wire_say(&wire, "abc"));
        mr_wire_await(&wire, i == 3 ? "abc\r\n0\r\n\r\n" : count_text("abc"));
        MR_EXPECT(strstr(wire.in.ptr + 1, "HTTP/1.1 100 ") == NULL);
        mr_wire_close(&wire);
    }
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "POST /refuse HTTP/1.1\r\n" H
                                 "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    MR_EXPECT_U64(mr_wire_answer_of(&wire, false).status, ==, 401);
    mr_wire_close(&wire);
    close_fixture(&f);
}

/* --- Trouble --- */

MR_TEST(a_malformed_body_breaks_after_what_was_good)
{
    static const struct {
        const char *text;
        unsigned status, pieces;
    } rows[] = {
        {"POST /count HTTP/1.1\r\n" H CHUNKED "\r\n2\r\nhi\r\nx\r\n", 400, 1},
        {"POST /count HTTP/1.1\r\n" H CHUNKED "\r\n2\r\nhi\n0\r\n\r\n", 400, 1},
        {"POST /count HTTP/1.1\r\n" H CHUNKED "\r\nffffffffffffffff0\r\n", 400, 0},
        {"POST /limited HTTP/1.1\r\n" H CHUNKED "\r\n2\r\nhi\r\n13\r\n", 413, 1},
        {"POST /report HTTP/1.1\r\n" H CHUNKED "\r\n2\r\nhi\r\nx\r\n", 422, 1},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        mr_wire wire;
        open_fixture(&f, some_limits());
        mr_wire_open(&wire, f.port);
        MR_EXPECT(mr_wire_say(&wire, rows[i].text));
        MR_EXPECT_U64(mr_wire_answer_of(&wire, false).status, ==, rows[i].status);
        mr_wire_await_end(&wire);
        MR_EXPECT_U64(atomic_load(&piece_count), ==, rows[i].pieces);
        MR_EXPECT_U64(atomic_load(&broken_count), ==, 1);
        MR_EXPECT_U64(atomic_load(&gone_count), ==, 0);
        mr_wire_close(&wire);
        close_fixture(&f);
    }
}

MR_TEST(a_stream_whose_body_breaks_is_cut)
{
    fixture f;
    mr_wire wire;
    open_fixture(&f, some_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "POST /mirror HTTP/1.1\r\n" H CHUNKED "\r\n2\r\nhi\r\nx\r\n"));
    mr_wire_await_end(&wire);
    MR_EXPECT(strstr(wire.in.ptr, "2\r\nhi\r\n") != NULL);
    MR_EXPECT(strstr(wire.in.ptr, "\r\n0\r\n") == NULL);
    await(&closed_count, 1);
    MR_EXPECT_U64(atomic_load(&broken_count), ==, 1);
    mr_wire_close(&wire);
    close_fixture(&f);
}

MR_TEST(a_peer_that_leaves_is_told_once_whatever_was_going_on)
{
    static const char *const paths[] = {"/count", "/mirror", "/work", "/admit", "/pause"};
    for (size_t i = 0; i < MR_COUNT_OF(paths); i++) {
        for (int reset = 0; reset < 2; reset++) {
            fixture f;
            mr_wire wire;
            char head[200];
            open_fixture(&f, some_limits());
            mr_wire_open(&wire, f.port);
            snprintf(head, sizeof head, "POST %s HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\nabc",
                     paths[i]);
            MR_EXPECT(mr_wire_say(&wire, head));
            await(&begun_count, 1);
            const struct linger at_once = {1, 0};
            if (reset) setsockopt(wire.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            mr_wire_close(&wire);
            await(&broken_count, 1);
            MR_EXPECT_U64(atomic_load(&gone_count), ==, 1);
            if (i == 1) await(&closed_count, 1);
            close_fixture(&f);
            MR_EXPECT_U64(atomic_load(&broken_count), ==, 1);
            MR_EXPECT_U64(atomic_load(&complete_count), ==, 0);
        }
    }
}

MR_TEST(a_trickle_is_cut_at_the_deadline_also_by_a_handler_that_pauses)
{
    static const char *const paths[] = {"/count", "/work"};
    for (size_t i = 0; i < MR_COUNT_OF(paths); i++) {
        fixture f;
        mr_wire wire;
        char head[200];
        mr_http_limits limits = some_limits();
        limits.body_ms = 200;
        open_fixture(&f, limits);
        mr_wire_open(&wire, f.port);
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\n",
                 paths[i]);
        const unsigned start = now_ms();
        MR_EXPECT(mr_wire_say(&wire, head));
        while (!wire.ended && now_ms() - start < 10000) {
            if (!mr_wire_say(&wire, "a")) break;
            mr_wire_listen(&wire, 20);
        }
        MR_EXPECT_U64(now_ms() - start, >=, 190);
        MR_EXPECT_U64(now_ms() - start, <, 3000);
        MR_EXPECT(wire.in.len > 0 && strstr(wire.in.ptr, "HTTP/1.1 408 ") == wire.in.ptr);
        MR_EXPECT_U64(atomic_load(&broken_count), ==, 1);
        mr_wire_close(&wire);
        close_fixture(&f);
    }
}

MR_TEST(a_pause_does_not_run_against_the_peer)
{
    fixture f;
    mr_wire wire;
    mr_http_limits limits = some_limits();
    limits.body_ms = 300;
    limits.rate_bytes_per_s_min = 0;
    open_fixture(&f, limits);
    mr_wire_open(&wire, f.port);
    const unsigned start = now_ms();
    MR_EXPECT(mr_wire_say(&wire, "POST /pause HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nab"));
    pause_ms(100);
    MR_EXPECT(mr_wire_say(&wire, "cd"));
    MR_EXPECT_SLICE(mr_wire_answer_of(&wire, false).body, count_text("abcd"));
    MR_EXPECT_U64(now_ms() - start, >=, 790);
    MR_EXPECT_U64(atomic_load(&piece_count), ==, 2);
    mr_wire_close(&wire);
    close_fixture(&f);
}

MR_TEST(a_stopping_server_lets_a_body_under_way_finish)
{
    fixture f;
    mr_wire wire;
    open_fixture(&f, some_limits());
    mr_wire_open(&wire, f.port);
    MR_EXPECT(mr_wire_say(&wire, "POST /pause HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nabcd"));
    pause_ms(50);
    mr_http_server_stop(f.server, 5000);
    const mr_wire_answer answer = mr_wire_answer_of(&wire, false);
    MR_EXPECT_SLICE(answer.body, count_text("abcd"));
    MR_EXPECT_SLICE(mr_wire_header(answer, "Connection"), "close");
    mr_wire_close(&wire);
    close_fixture(&f);
}

MR_TEST(bodies_in_pieces_allocate_nothing_once_warm)
{
    static const char text[] =
        "POST /count HTTP/1.1\r\n" H CHUNKED "\r\n5\r\nhello\r\n3;x=y\r\nbye\r\n0\r\nT: u\r\n\r\n";
    fixture f;
    mr_wire wire;
    open_fixture(&f, some_limits());
    mr_wire_open(&wire, f.port);
    char answer[1000];
    uint64_t mallocs = 0;
    for (int i = 0; i < 120; i++) {
        if (i == 20) mallocs = mr_test_malloc_count();
        MR_EXPECT(mr_wire_say(&wire, text));
        MR_EXPECT(recv(wire.fd, answer, sizeof answer, 0) > 50);
    }
    MR_EXPECT_U64(mr_test_malloc_count(), ==, mallocs);
    mr_wire_close(&wire);
    close_fixture(&f);
}
