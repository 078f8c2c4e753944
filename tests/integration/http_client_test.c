/* SPDX-License-Identifier: MIT
 *
 * The client against our own server, and against peers that misbehave. */
#include "http/client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "http/fault.h"
#include "support/http_fixture.h"
#include "support/test.h"

static const char *url_of(uint16_t port, const char *rest)
{
    static char url[4][400];
    static unsigned at;
    at = (at + 1) % 4;
    snprintf(url[at], sizeof url[at], "http://127.0.0.1:%u%s", port, rest);
    return url[at];
}

typedef struct client_case {
    mr_http_fixture server;
    mr_http_client *client;
    mr_buffer answer;
    mr_error err;
} client_case;

static void case_open(client_case *own, mr_http_client_options options)
{
    mr_error err;
    mr_http_fixture_open(&own->server, mr_http_fixture_limits());
    MR_EXPECT_OK(mr_http_client_open(&options, &own->client, &err));
    mr_buffer_init(&own->answer, "the answer", 1 << 20);
}

static void case_close(client_case *own)
{
    mr_http_client_close(own->client);
    mr_buffer_done(&own->answer);
    mr_http_fixture_close(&own->server);
}

MR_TEST(an_answer_comes_with_status_and_type)
{
    client_case c;
    mr_error err;
    case_open(&c, (mr_http_client_options){0});
    mr_http_call call = {.url = url_of(c.server.port, "/hello"), .into = &c.answer};
    MR_EXPECT_OK(mr_http_client_call(c.client, &call, &err));
    MR_EXPECT_U64(call.status, ==, 200);
    MR_EXPECT_TEXT(call.content_type, "text/plain");
    MR_EXPECT_SLICE(mr_buffer_slice(&c.answer), "hello");
    case_close(&c);
}

MR_TEST(a_body_from_memory_arrives_and_an_empty_one_is_a_post_too)
{
    client_case c;
    mr_error err;
    case_open(&c, (mr_http_client_options){0});
    mr_http_call call = {.url = url_of(c.server.port, "/echo?a=1"),
                         .body = MR_SLICE("some text"),
                         .into = &c.answer};
    MR_EXPECT_OK(mr_http_client_call(c.client, &call, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&c.answer), "POST /echo?a=1 some text");
    mr_buffer_reset(&c.answer);
    call.body = MR_SLICE("");
    MR_EXPECT_OK(mr_http_client_call(c.client, &call, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&c.answer), "POST /echo?a=1 ");
    case_close(&c);
}

MR_TEST(the_connection_is_kept_for_the_next_call)
{
    client_case c;
    mr_error err;
    case_open(&c, (mr_http_client_options){0});
    for (int i = 0; i < 300; i++) {
        mr_http_call call = {.url = url_of(c.server.port, "/hello"), .into = &c.answer};
        mr_buffer_reset(&c.answer);
        MR_EXPECT_OK(mr_http_client_call(c.client, &call, &err));
        MR_EXPECT_SLICE(mr_buffer_slice(&c.answer), "hello");
    }
    MR_EXPECT_U64(mr_http_fixture_metric(&c.server, "millrace_http_connections_total"), ==, 1);
    case_close(&c);
}

/* --- Streams ---------------------------------------------------------------------------------- */

typedef struct stream_case {
    uint64_t to_make, made, taken, fail_at;
} stream_case;

static mr_code make(void *context, char *to, size_t room, size_t *out_len, mr_error *err)
{
    stream_case *own = context;
    const size_t len = (size_t)mr_min_u64(mr_min_u64(room, 1000), own->to_make - own->made);
    if (own->fail_at > 0 && own->made >= own->fail_at)
        return mr_fail(err, MR_ERR_INPUT, "line 7 is wrong");
    memset(to, 'y', len);
    own->made += len;
    *out_len = len;
    return MR_OK;
}

static mr_code count(void *context, mr_slice bytes, mr_error *err)
{
    stream_case *own = context;
    own->taken += bytes.len;
    if (own->fail_at > 0 && own->taken >= own->fail_at)
        return mr_fail(err, MR_ERR_INPUT, "enough is enough");
    return MR_OK;
}

MR_TEST(a_body_that_is_made_while_it_is_sent_is_chunked)
{
    client_case c;
    mr_error err;
    stream_case stream = {.to_make = 300000};
    case_open(&c, (mr_http_client_options){0});
    mr_http_call call = {.url = url_of(c.server.port, "/echo"),
                         .produce = make,
                         .consume = count,
                         .context = &stream};
    MR_EXPECT_OK(mr_http_client_call(c.client, &call, &err));
    MR_EXPECT_U64(call.status, ==, 200);
    MR_EXPECT_U64(stream.taken, ==, 300000 + strlen("POST /echo? "));
    case_close(&c);
}

MR_TEST(an_error_of_a_callback_ends_the_call_and_is_its_error)
{
    client_case c;
    mr_error err;
    stream_case stream = {.to_make = 300000, .fail_at = 5000};
    case_open(&c, (mr_http_client_options){0});
    mr_http_call call = {
        .url = url_of(c.server.port, "/echo"), .produce = make, .context = &stream};
    MR_EXPECT_CODE(mr_http_client_call(c.client, &call, &err), MR_ERR_INPUT);
    MR_EXPECT_TEXT(err.text, "line 7 is wrong");
    stream = (stream_case){.fail_at = 5000};
    call = (mr_http_call){
        .url = url_of(c.server.port, "/large?bytes=100000"), .consume = count, .context = &stream};
    MR_EXPECT_CODE(mr_http_client_call(c.client, &call, &err), MR_ERR_INPUT);
    MR_EXPECT_TEXT(err.text, "enough is enough");
    call = (mr_http_call){.url = url_of(c.server.port, "/hello"), .into = &c.answer};
    MR_EXPECT_OK(mr_http_client_call(c.client, &call, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&c.answer), "hello");
    case_close(&c);
}

MR_TEST(an_answer_beyond_the_limit_is_an_error_that_names_it)
{
    client_case c;
    mr_error err;
    case_open(&c, (mr_http_client_options){0});
    mr_buffer_init(&c.answer, "the answer", 50000);
    mr_http_call call = {.url = url_of(c.server.port, "/large?bytes=100000"), .into = &c.answer};
    MR_EXPECT_CODE(mr_http_client_call(c.client, &call, &err), MR_ERR_LIMIT);
    MR_EXPECT(strstr(err.text, "the answer") != NULL);
    case_close(&c);
}

MR_TEST(of_a_refusal_the_text_is_kept_as_far_as_it_fits)
{
    client_case c;
    mr_error err;
    stream_case stream = {0};
    case_open(&c, (mr_http_client_options){0});
    mr_buffer_init(&c.answer, "the answer", 9);
    mr_http_call call = {.url = url_of(c.server.port, "/nowhere"),
                         .consume = count,
                         .context = &stream,
                         .into = &c.answer};
    MR_EXPECT_OK(mr_http_client_call(c.client, &call, &err));
    MR_EXPECT_U64(call.status, ==, 404);
    MR_EXPECT_U64(stream.taken, ==, 0);
    MR_EXPECT_SLICE(mr_buffer_slice(&c.answer), "{\"error\":");
    MR_EXPECT(call.fault == MR_CLASS_PERMANENT);
    case_close(&c);
}

MR_TEST(headers_are_sent_and_none_can_be_smuggled)
{
    client_case c;
    mr_error err;
    case_open(&c, (mr_http_client_options){0});
    const mr_http_line bad = {"X-A", MR_SLICE("a\r\nX-B: b")};
    mr_http_call call = {.url = url_of(c.server.port, "/hello"), .lines = &bad, .line_count = 1};
    MR_EXPECT_CODE(mr_http_client_call(c.client, &call, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "'X-A' holds control characters") != NULL);
    case_close(&c);
}

/* --- Time ------------------------------------------------------------------------------------- */

MR_TEST(silence_and_slowness_have_their_limits)
{
    client_case c;
    mr_error err;
    case_open(&c, (mr_http_client_options){.idle_ms = 200});
    mr_http_call call = {.url = url_of(c.server.port, "/later?ms=1500")};
    const int64_t start = mr_clock_ns();
    MR_EXPECT_CODE(mr_http_client_call(c.client, &call, &err), MR_ERR_IO);
    MR_EXPECT_I64(mr_clock_ns() - start, <, 1400 * MR_NS_PER_MS);
    MR_EXPECT(strstr(err.text, "nothing was heard of the server for 0.") != NULL);
    MR_EXPECT(call.fault == MR_CLASS_TRANSIENT);
    case_close(&c);
    case_open(&c, (mr_http_client_options){.whole_ms = 200});
    call.url = url_of(c.server.port, "/later?ms=1500");
    MR_EXPECT_CODE(mr_http_client_call(c.client, &call, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "the answer took longer than 0.2 s") != NULL);
    case_close(&c);
}

static mr_code after_a_moment(void *context, mr_error *err)
{
    const int64_t *until_ns = context;
    return mr_clock_ns() < *until_ns ? MR_OK : mr_fail(err, MR_ERR_CLOSED, "stopped");
}

MR_TEST(a_call_that_waits_can_be_ended)
{
    client_case c;
    mr_error err;
    int64_t until_ns = mr_clock_ns() + 100 * MR_NS_PER_MS;
    case_open(&c, (mr_http_client_options){.may_go_on = after_a_moment, .context = &until_ns});
    mr_http_call call = {.url = url_of(c.server.port, "/later?ms=1500")};
    MR_EXPECT_CODE(mr_http_client_call(c.client, &call, &err), MR_ERR_CLOSED);
    MR_EXPECT_I64(mr_clock_ns() - until_ns, <, 1000 * MR_NS_PER_MS);
    case_close(&c);
}

/* --- Peers that misbehave --------------------------------------------------------------------- */

typedef struct odd_peer {
    int fd;
    uint16_t port;
    const char *says; /* NULL: closes at once */
    bool stays;       /* does not close */
    pthread_t thread;
} odd_peer;

static void *odd_run(void *context)
{
    odd_peer *own = context;
    char request[4096];
    const int fd = accept(own->fd, NULL, NULL);
    if (fd < 0) return NULL;
    (void)!read(fd, request, sizeof request);
    if (own->says != NULL) (void)!write(fd, own->says, strlen(own->says));
    close(fd);
    return NULL;
}

static void odd_open(odd_peer *own, const char *says)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    own->says = says;
    own->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MR_EXPECT(bind(own->fd, (struct sockaddr *)&address, size) == 0 && listen(own->fd, 4) == 0);
    MR_EXPECT(getsockname(own->fd, (struct sockaddr *)&address, &size) == 0);
    own->port = ntohs(address.sin_port);
    MR_EXPECT(pthread_create(&own->thread, NULL, odd_run, own) == 0);
}

static void odd_close(odd_peer *own)
{
    pthread_join(own->thread, NULL);
    close(own->fd);
}

MR_TEST(what_is_no_whole_answer_is_an_error_with_a_cause)
{
    static const struct {
        const char *says, *error;
        unsigned status;
    } cases[] = {
        {NULL, "closed the connection without an answer", 0},
        {"SSH-2.0-OpenSSH_9\r\n", "the answer is not HTTP", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "transfer closed with 7 bytes", 200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "transfer closed with",
         200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab", "hexadecimal", 200},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        odd_peer peer = {0};
        mr_http_client *client;
        mr_error err;
        odd_open(&peer, cases[i].says);
        MR_EXPECT_OK(mr_http_client_open(&(mr_http_client_options){0}, &client, &err));
        mr_http_call call = {.url = url_of(peer.port, "/x")};
        MR_EXPECT_CODE(mr_http_client_call(client, &call, &err), MR_ERR_IO);
        if (strstr(err.text, cases[i].error) == NULL)
            MR_TEST_FAIL("case %zu says '%s'\n", i, err.text);
        MR_EXPECT_U64(call.status, ==, cases[i].status);
        mr_http_client_close(client);
        odd_close(&peer);
    }
}

MR_TEST(retry_after_is_told)
{
    odd_peer peer = {0};
    mr_http_client *client;
    mr_error err;
    odd_open(&peer, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    MR_EXPECT_OK(mr_http_client_open(&(mr_http_client_options){0}, &client, &err));
    mr_http_call call = {.url = url_of(peer.port, "/x")};
    MR_EXPECT_OK(mr_http_client_call(client, &call, &err));
    MR_EXPECT_U64(call.status, ==, 503);
    MR_EXPECT_I64(call.retry_after_s, ==, 7);
    MR_EXPECT(call.fault == MR_CLASS_THROTTLED);
    mr_http_client_close(client);
    odd_close(&peer);
}

/* RFC 9110, 10.2.3 and 5.6.7: a date, also of old forms; one that is past asks for nothing.
 */
MR_TEST(retry_after_may_be_a_date)
{
    for (int i = 0; i < 6; i++) {
        char dates[3][64], answer[200];
        struct tm parts;
        odd_peer peer = {0};
        mr_http_client *client;
        mr_error err;
        const bool past = i >= 3;
        const time_t when = time(NULL) + (past ? -100 : 100);
        gmtime_r(&when, &parts);
        strftime(dates[0], sizeof dates[0], "%a, %d %b %Y %H:%M:%S GMT", &parts);
        strftime(dates[1], sizeof dates[1], "%a, %d-%b-%Y %H:%M:%S GMT", &parts);
        strftime(dates[2], sizeof dates[2], "%a %b %e %H:%M:%S %Y", &parts);
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", dates[i % 3]);
        odd_open(&peer, answer);
        MR_EXPECT_OK(mr_http_client_open(&(mr_http_client_options){0}, &client, &err));
        mr_http_call call = {.url = url_of(peer.port, "/x")};
        MR_EXPECT_OK(mr_http_client_call(client, &call, &err));
        MR_EXPECT_I64(call.retry_after_s, >=, past ? 0 : 98);
        MR_EXPECT_I64(call.retry_after_s, <=, past ? 0 : 101);
        mr_http_client_close(client);
        odd_close(&peer);
    }
}

MR_TEST(statuses_have_a_class)
{
    static const struct {
        unsigned status;
        bool asked_to_wait;
        mr_fault_class wanted;
    } cases[] = {
        {200, false, MR_CLASS_NONE},      {204, true, MR_CLASS_NONE},
        {301, false, MR_CLASS_PERMANENT}, {400, false, MR_CLASS_PERMANENT},
        {401, false, MR_CLASS_PERMANENT}, {403, true, MR_CLASS_PERMANENT},
        {404, false, MR_CLASS_PERMANENT}, {408, false, MR_CLASS_TRANSIENT},
        {409, false, MR_CLASS_PERMANENT}, {425, false, MR_CLASS_TRANSIENT},
        {429, false, MR_CLASS_THROTTLED}, {429, true, MR_CLASS_THROTTLED},
        {500, false, MR_CLASS_TRANSIENT}, {502, false, MR_CLASS_TRANSIENT},
        {503, false, MR_CLASS_TRANSIENT}, {503, true, MR_CLASS_THROTTLED},
        {504, false, MR_CLASS_TRANSIENT}, {507, false, MR_CLASS_FATAL},
        {599, false, MR_CLASS_TRANSIENT},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++)
        MR_EXPECT_TEXT(
            mr_fault_name(mr_http_fault_of_status(cases[i].status, cases[i].asked_to_wait)),
            mr_fault_name(cases[i].wanted));
}

MR_TEST(errors_name_the_remedy_and_no_secret)
{
    odd_peer peer = {0};
    mr_http_client *client;
    mr_error err;
    char secret[200];
    odd_open(&peer, NULL);
    MR_EXPECT_OK(mr_http_client_open(&(mr_http_client_options){0}, &client, &err));
    snprintf(secret, sizeof secret, "http://user:hush@127.0.0.1:%u/rpc?token=hush", peer.port);
    mr_http_call call = {.url = secret};
    MR_EXPECT_CODE(mr_http_client_call(client, &call, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "hush") == NULL && strstr(err.text, "/rpc") != NULL);
    odd_close(&peer);
    /* Nobody listens there any more. */
    MR_EXPECT_CODE(mr_http_client_call(client, &call, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "is the server running there?: Connection refused") != NULL);
    MR_EXPECT(strstr(err.text, "hush") == NULL);
    call.url = "ftp://hush:hush@host/file?hush";
    MR_EXPECT_CODE(mr_http_client_call(client, &call, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "GET ftp://host/file: expected a URL such as") != NULL);
    call.url = "http://no-such-host.invalid/";
    MR_EXPECT_CODE(mr_http_client_call(client, &call, &err), MR_ERR_IO);
    if (strstr(err.text, "no such host") == NULL) MR_TEST_FAIL("%s\n", err.text);
    mr_http_client_close(client);
}

MR_TEST(a_file_of_authorities_that_is_none_is_a_mistake_of_its_author)
{
    mr_http_client *client;
    mr_error err;
    odd_peer peer = {0};
    odd_open(&peer, "");
    MR_EXPECT_OK(mr_http_client_open(&(mr_http_client_options){.ca_file = "/nowhere/ca.pem"},
                                     &client, &err));
    char url[60];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", peer.port);
    mr_http_call call = {.url = url};
    MR_EXPECT_CODE(mr_http_client_call(client, &call, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "'/nowhere/ca.pem' cannot be used") != NULL);
    mr_http_client_close(client);
    odd_close(&peer);
}

MR_TEST(shown_urls_hold_no_secrets)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"http://host:80/a/b", "http://host:80/a/b"},
        {"http://u:p@host/a?token=x#y", "http://host/a"},
        {"http://u:p@q@host", "http://host"},
        {"https://host?token=x", "https://host"},
        {"host/path@x?y", "host/path@x"},
        {"", ""},
    };
    char out[100], tight[8];
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_http_url_shown(cases[i].url, out, sizeof out);
        MR_EXPECT_TEXT(out, cases[i].shown);
    }
    mr_http_url_shown("http://u:secret@host", tight, sizeof tight);
    MR_EXPECT_TEXT(tight, "http://");
}
