/* SPDX-License-Identifier: MIT
 *
 * /rpc when there is much of it: answers in pieces, large bodies, busy methods that allocate
 * nothing, readers that leave, and what is counted. */
#include "store/rpc.h"

#include <sys/socket.h>
#include <unistd.h>

#include "support/rpc_fixture.h"
#include "support/test.h"

/* --- Answers in pieces ------------------------------------------------------------------------ */

#define BIG_TEXT_BYTES 20000
#define BIG_COUNT      300 /* 6 MB, several pieces */

static void write_big(rpc_fixture *f, unsigned count)
{
    static char request[BIG_TEXT_BYTES + 200], text[BIG_TEXT_BYTES + 1];
    memset(text, 'x', BIG_TEXT_BYTES);
    for (unsigned i = 0; i < count; i++) {
        snprintf(
            request, sizeof request,
            "[\"stream.write\",\"big-%u\",{\"type\":\"T%u\",\"data\":{\"n\":%u,\"t\":\"%s\"}}]",
            i % 3, i % 2, i, text);
        MR_EXPECT(rpc_like(rpc_fixture_says(f, request), "200 {\"position\":*"));
    }
}

/* The numbers of the messages in the last answer, in order, each checked to be whole. */
static unsigned count_messages(const rpc_fixture *f, int first, int step)
{
    unsigned count = 0;
    int wanted = first;
    const char *at = f->body.ptr;
    MR_EXPECT(at[0] == '[' && f->body.ptr[f->body.len - 1] == ']');
    while ((at = strstr(at, "{\"n\":")) != NULL) {
        MR_EXPECT_I64(strtol(at + 5, NULL, 10), ==, wanted);
        const char *text = strchr(at + 5, '"') + 5;
        MR_EXPECT_U64(strspn(text, "x"), ==, BIG_TEXT_BYTES);
        at = text;
        wanted += step;
        count++;
    }
    return count;
}

static void check_pieces(uint32_t output_high_bytes)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){.output_high_bytes = output_high_bytes});
    write_big(&f, BIG_COUNT);
    (void)rpc_fixture_says(&f, "[\"category.get\",\"big\",{\"batchSize\":-1}]");
    MR_EXPECT(strstr(f.head.ptr, "Transfer-Encoding: chunked") != NULL);
    MR_EXPECT_U64(count_messages(&f, 0, 1), ==, BIG_COUNT);
    (void)rpc_fixture_says(&f, "[\"category.get\",\"\",{\"batchSize\":-1,\"backwards\":true}]");
    MR_EXPECT_U64(count_messages(&f, BIG_COUNT - 1, -1), ==, BIG_COUNT);
    (void)rpc_fixture_says(&f, "[\"stream.get\",\"big-1\",{\"batchSize\":-1}]");
    MR_EXPECT_U64(count_messages(&f, 1, 3), ==, BIG_COUNT / 3);
    (void)rpc_fixture_says(&f,
                           "[\"stream.get\",\"big-1\",{\"globalPosition\":0,\"batchSize\":-1}]");
    MR_EXPECT_U64(count_messages(&f, 1, 3), ==, BIG_COUNT / 3);
    (void)rpc_fixture_says(&f, "[\"stream.get\",\"big-0\",{\"backwards\":true,\"batchSize\":-1}]");
    MR_EXPECT_U64(count_messages(&f, BIG_COUNT - 3, -3), ==, BIG_COUNT / 3);
    /* A limit and a filter hold across pieces. */
    (void)rpc_fixture_says(&f, "[\"category.get\",\"big\",{\"batchSize\":120}]");
    MR_EXPECT_U64(count_messages(&f, 0, 1), ==, 120);
    (void)rpc_fixture_says(&f, "[\"category.get\",\"big\",{\"batchSize\":120,\"type\":\"T1\"}]");
    MR_EXPECT_U64(count_messages(&f, 1, 2), ==, 120);
    /* One below a piece is an ordinary answer. */
    (void)rpc_fixture_says(&f, "[\"category.get\",\"big\",{\"batchSize\":50}]");
    MR_EXPECT(strstr(f.head.ptr, "Content-Length: ") != NULL);
    MR_EXPECT_U64(count_messages(&f, 0, 1), ==, 50);
    /* The connection is as good as before. */
    MR_EXPECT_TEXT(rpc_fixture_says(&f, "[\"stream.version\",\"big-0\"]"), "200 99");
    rpc_fixture_close(&f);
}

MR_TEST(a_large_answer_leaves_in_pieces)
{
    check_pieces(0);
    check_pieces(40000); /* waits for the reader all the time */
}

MR_TEST(a_slow_reader_of_everything_costs_one_piece)
{
    rpc_fixture f;
    mr_wire slow;
    char request[300];
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    write_big(&f, BIG_COUNT);
    mr_wire_open(&slow, f.port);
    const int small = 65536;
    setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    static const char body[] = "[\"category.get\",\"\",{\"batchSize\":-1}]";
    snprintf(request, sizeof request,
             "POST /rpc?token=" RPC_ZERO_TOKEN
             " HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof body - 1, body);
    const uint64_t before = mr_mem_stats_now().live_bytes;
    MR_EXPECT(mr_wire_say(&slow, request));
    usleep(300000); /* nothing is received meanwhile */
    MR_EXPECT_U64(mr_mem_stats_now().live_bytes, <, before + (4u << 20));
    MR_EXPECT_TEXT(rpc_fixture_says(&f, "[\"stream.version\",\"big-0\"]"), "200 99");
    MR_EXPECT(rpc_fixture_receive(&f, &slow));
    MR_EXPECT_U64(count_messages(&f, 0, 1), ==, BIG_COUNT);
    mr_wire_close(&slow);
    rpc_fixture_close(&f);
}

MR_TEST(a_reader_that_leaves_in_the_middle_leaves_nothing_behind)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){.output_high_bytes = 40000});
    write_big(&f, 150);
    for (unsigned i = 0; i < 20; i++) {
        mr_wire wire;
        mr_wire_open(&wire, f.port);
        MR_EXPECT(mr_wire_say(&wire, "POST /rpc?token=" RPC_ZERO_TOKEN " HTTP/1.1\r\nHost: t\r\n"
                                     "Content-Length: 36\r\n\r\n"
                                     "[\"category.get\",\"\",{\"batchSize\":-1}]"));
        if (i % 2 == 0) mr_wire_await(&wire, "\r\n\r\n");
        mr_wire_close(&wire);
    }
    (void)rpc_fixture_says(&f, "[\"category.get\",\"\",{\"batchSize\":-1}]");
    MR_EXPECT_U64(count_messages(&f, 0, 1), ==, 150);
    rpc_fixture_close(&f);
}

MR_TEST(a_namespace_deleted_in_mid_answer_cuts_the_connection)
{
    rpc_fixture f;
    mr_wire slow;
    rpc_fixture_open(&f, &(rpc_fixture_options){.output_high_bytes = 40000});
    write_big(&f, BIG_COUNT);
    mr_wire_open(&slow, f.port);
    MR_EXPECT(mr_wire_say(&slow, "POST /rpc?token=" RPC_ZERO_TOKEN " HTTP/1.1\r\nHost: t\r\n"
                                 "Content-Length: 36\r\n\r\n"
                                 "[\"category.get\",\"\",{\"batchSize\":-1}]"));
    usleep(200000); /* it waits for its reader */
    MR_EXPECT(rpc_like(rpc_fixture_says(&f, "[\"ns.delete\",\"default\"]"), "200 *"));
    MR_EXPECT(!rpc_fixture_receive(&f, &slow)); /* no last chunk */
    mr_wire_close(&slow);
    rpc_fixture_close(&f);
}

/* --- Large bodies ----------------------------------------------------------------------------- */

MR_TEST(a_large_message_with_white_space_is_kept_without_it)
{
    enum { BYTES = 6 << 20 };
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    char *request = mr_mem_alloc(BYTES + 200);
    char *at = request;
    at += snprintf(at, 100, "[\"stream.write\", \"a\", {\"type\": \"T\", \"data\": { \"t\" : \"");
    memset(at, 'y', BYTES);
    at += BYTES;
    at += snprintf(at, 100, "\" , \"z\" : 1 }, \"metadata\": { \"m\" : 2 } }]");
    rpc_fixture_post(&f, (mr_slice){request, (size_t)(at - request)});
    MR_EXPECT_U64(f.status, ==, 200);
    (void)rpc_fixture_says(&f, "[\"stream.last\",\"a\"]");
    MR_EXPECT_U64(strspn(strstr(f.body.ptr, "{\"t\":\"") + 6, "y"), ==, BYTES);
    MR_EXPECT(strstr(f.body.ptr, "y\",\"z\":1},{\"m\":2},\"") != NULL);
    mr_mem_free(request);
    rpc_fixture_close(&f);
}

MR_TEST(the_longest_append_fits_and_a_longer_one_is_refused)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    char *request = mr_mem_alloc(10002 * 40 + 100);
    for (int count = 10000; count <= 10001; count++) {
        char *at = request + snprintf(request, 100, "[\"stream.append\",\"a\",[");
        for (int i = 0; i < count; i++)
            at +=
                snprintf(at, 100, "%s{\"type\":\"T\", \"data\":{\"n\": %d}}", i > 0 ? "," : "", i);
        at += snprintf(at, 100, "]]");
        rpc_fixture_post(&f, (mr_slice){request, (size_t)(at - request)});
        MR_EXPECT_U64(f.status, ==, count == 10000 ? 200 : 400);
        if (count == 10000)
            MR_EXPECT(rpc_like(f.body.ptr, "{\"firstPosition\":0,\"lastPosition\":9999,*"));
        else
            MR_EXPECT(rpc_like(f.body.ptr, "*messages must not hold more than 10000*"));
    }
    mr_mem_free(request);
    rpc_fixture_close(&f);
}

MR_TEST(a_body_beyond_the_limit_is_refused)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){.body_bytes_max = 1000});
    MR_EXPECT(mr_wire_say(&f.wire, "POST /rpc?token=" RPC_ZERO_TOKEN " HTTP/1.1\r\nHost: t\r\n"
                                   "Content-Length: 1001\r\n\r\n"));
    MR_EXPECT(rpc_fixture_receive(&f, &f.wire));
    MR_EXPECT_U64(f.status, ==, 413);
    MR_EXPECT(rpc_like(f.body.ptr, "{\"error\":{\"code\":\"*\",\"message\":\"*\"}}"));
    rpc_fixture_close(&f);
}

MR_TEST(brackets_a_hundred_thousand_deep_are_refused)
{
    enum { DEPTH = 100000 };
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    char *request = mr_mem_alloc(DEPTH);
    memset(request, '[', DEPTH);
    rpc_fixture_post(&f, (mr_slice){request, DEPTH});
    MR_EXPECT(rpc_like(f.body.ptr, "*too deep*"));
    mr_mem_free(request);
    rpc_fixture_close(&f);
}

/* --- Allocations ------------------------------------------------------------------------------ */

static const char *const reads[] = {
    "[\"stream.get\",\"a-1\",{\"batchSize\":10}]",
    "[\"stream.last\",\"a-1\",{\"type\":\"T\"}]",
    "[\"stream.version\",\"a-1\"]",
    "[\"category.get\",\"a\",{\"batchSize\":10}]",
    "[\"category.get\",\"a\",{\"batchSize\":10,\"consumerGroup\":{\"member\":0,\"size\":1}}]",
    "[\"stream.write\",\"a-1\",{\"type\":\"T\",\"data\":{}},{\"expectedVersion\":999999}]",
    "[\"stream.write\",\"\",{\"type\":\"T\",\"data\":{}}]",
};

static const char *const writes[] = {
    "[\"stream.write\",\"a-1\",{\"type\":\"T\",\"data\":{\"text\":\"hello\",\"n\":1}}]",
    "[\"stream.write\",\"a-1\",{\"type\":\"T\",\"data\":{\"a\": 1},\"metadata\":{\"b\": 2}}]",
    "[\"stream.append\",\"a-1\",[{\"type\":\"T\",\"data\":{}},{\"type\":\"T\",\"data\":{}}]]",
};

/* Sends and receives without memory of its own; an answer fits one buffer. */
static void exchange(int fd, mr_slice request)
{
    static char in[65536];
    size_t len = 0, whole = SIZE_MAX;
    MR_EXPECT(send(fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len);
    while (len < whole) {
        const ssize_t got = recv(fd, in + len, sizeof in - 1 - len, 0);
        MR_EXPECT(got > 0);
        len += (size_t)got;
        in[len] = '\0';
        const char *end = strstr(in, "\r\n\r\n"), *length = strstr(in, "Content-Length: ");
        if (whole == SIZE_MAX && end != NULL)
            whole = (size_t)(end + 4 - in) + strtoul(length + 16, NULL, 10);
    }
}

static uint64_t allocations_of(int fd, const char *const *requests, size_t count, unsigned rounds)
{
    const mr_mem_mark before = mr_mem_mark_now();
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++) {
            char text[1000];
            const int len =
                snprintf(text, sizeof text,
                         "POST /rpc HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer " RPC_ZERO_TOKEN
                         "\r\nContent-Length: %zu\r\n\r\n%s",
                         strlen(requests[i]), requests[i]);
            exchange(fd, (mr_slice){text, (size_t)len});
        }
    return mr_mem_allocs_since(before);
}

MR_TEST(busy_methods_allocate_nothing_once_warm)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){.data_dir = mr_test_dir()});
    (void)allocations_of(f.wire.fd, writes, MR_COUNT_OF(writes), 200);
    (void)allocations_of(f.wire.fd, reads, MR_COUNT_OF(reads), 50);
    MR_EXPECT_U64(allocations_of(f.wire.fd, reads, MR_COUNT_OF(reads), 100), ==, 0);
    /* The database's page cache takes a page now and then while the database grows. */
    MR_EXPECT_U64(allocations_of(f.wire.fd, writes, MR_COUNT_OF(writes), 100), <=, 60);
    rpc_fixture_close(&f);
}

/* --- Figures ---------------------------------------------------------------------------------- */

static const char *const figures[] = {
    "\nmillrace_store_requests_total{method=\"stream.version\",code=\"OK\"} 2\n",
    "\nmillrace_store_requests_total{method=\"stream.version\",code=\"INVALID_REQUEST\"} 1\n",
    "\nmillrace_store_requests_total{method=\"unknown\",code=\"METHOD_NOT_FOUND\"} 1\n",
    "\nmillrace_store_requests_total{method=\"unknown\",code=\"INVALID_REQUEST\"} 1\n",
    "\nmillrace_store_requests_total{method=\"unknown\",code=\"AUTH\"} 1\n",
    "\nmillrace_store_request_seconds_count{method=\"stream.version\"} 3\n",
    "\nmillrace_store_request_seconds_bucket{method=\"stream.version\",le=\"0.00005\"} ",
};

MR_TEST(calls_are_counted_by_method_and_result)
{
    rpc_fixture f;
    mr_buffer page;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    (void)rpc_fixture_says(&f, "[\"stream.version\",\"a\"]");
    (void)rpc_fixture_says(&f, "[\"stream.version\",\"a\"]");
    (void)rpc_fixture_says(&f, "[\"stream.version\",7]");
    (void)rpc_fixture_says(&f, "[\"none\"]");
    (void)rpc_fixture_says(&f, "[]");
    f.token = NULL;
    (void)rpc_fixture_says(&f, "[\"sys.version\"]");
    mr_buffer_init(&page, "page", 1 << 20);
    MR_EXPECT(mr_metrics_write(f.metrics, MR_METRICS_TEXT, &page, NULL) == MR_OK);
    MR_EXPECT(mr_buffer_append_byte(&page, '\0', NULL) == MR_OK);
    for (size_t i = 0; i < MR_COUNT_OF(figures); i++)
        if (strstr(page.ptr, figures[i]) == NULL)
            MR_TEST_FAIL("missing%s\n%s\n", figures[i], strstr(page.ptr, "millrace_store_re"));
    mr_buffer_done(&page);
    rpc_fixture_close(&f);
}

/* --- Nonsense --------------------------------------------------------------------------------- */

static const char *const seeds[] = {
    "[\"stream.write\",\"a-1\",{\"type\":\"T\",\"data\":{\"a\":[1,\"\\u00e9\"]},\"metadata\":{}},"
    "{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8051\",\"expectedVersion\":-1}]",
    "[\"stream.append\",\"a-1\",[{\"type\":\"T\",\"data\":{}}],{\"expectedVersion\":0}]",
    "[\"batch.write\",[[\"a-1\",{\"type\":\"T\",\"data\":{}},{\"expectedVersion\":1}],[\"b\",{}]]]",
    "[\"stream.get\",\"a-1\",{\"position\":1.5e1,\"batchSize\":-1,\"backwards\":true,\"type\":"
    "\"T\"}]",
    "[\"category.get\",\"a\",{\"correlation\":\"w\",\"consumerGroup\":{\"member\":0,\"size\":2}}]",
    "[\"ns.streams\",{\"prefix\":\"a\",\"limit\":7,\"cursor\":\"a-0\"}]",
    "[\"ns.create\",\"x\",{\"description\":\"d\",\"token\":\"ns_eA_0\",\"metadata\":{\"a\": 1}}]",
    "[\"consumer.set\",\"c\",7]",
    "[\"retention.set\",\"a\",{\"maxAge\":7,\"maxCount\":7}]",
};

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Changes, removes or repeats bytes of `text`, a little of each. */
static size_t mutate(char *text, size_t len, uint64_t *state)
{
    static const char bytes[] = "\"\\{}[]:,0-9.eEun\x00\x1f\x80\xff tf";
    for (uint64_t left = draw(state) % 4 + 1; left > 0; left--) {
        const size_t at = draw(state) % len;
        switch (draw(state) % 4) {
        case 0: text[at] = bytes[draw(state) % (sizeof bytes - 1)]; break;
        case 1: text[at] = (char)draw(state); break;
        case 2:
            memmove(text + at, text + at + 1, len - at - 1);
            len -= len > 1;
            break;
        default:
            if (len > 400) break;
            memmove(text + at + 1, text + at, len - at);
            len++;
        }
    }
    return len;
}

MR_TEST(nonsense_is_answered_with_an_error_or_done)
{
    rpc_fixture f;
    uint64_t state = 88172645463325252u;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    for (unsigned i = 0; i < 6000; i++) {
        char text[512];
        size_t len = strlen(seeds[i % MR_COUNT_OF(seeds)]);
        memcpy(text, seeds[i % MR_COUNT_OF(seeds)], len);
        len = mutate(text, len, &state);
        rpc_fixture_post(&f, (mr_slice){text, len});
        const bool known = f.status == 200 || f.status == 400 || f.status == 404 ||
                           f.status == 409 || f.status == 403;
        if (!known || f.body.len == 0 ||
            (f.status != 200 && !rpc_like(f.body.ptr, "{\"error\":{*}}")))
            MR_TEST_FAIL("%.*s\n  says %u %s\n", (int)len, text, f.status, f.body.ptr);
    }
    MR_EXPECT_TEXT(rpc_fixture_says(&f, "[\"sys.version\"]"), "200 \"1.2.3\"");
    rpc_fixture_close(&f);
}
