/* SPDX-License-Identifier: MIT
 *
 * The endpoint /import over real sockets, into a store in memory. */
#include "store/import.h"

#include <time.h>

#include "core/clock.h"
#include "http/client.h"
#include "support/store_fixture.h"
#include "support/test.h"
#include "support/wire.h"

typedef struct import_case {
    mr_store_fixture f;
    mr_importer *importer;
    mr_http_route route;
    mr_http_client *client;
    mr_buffer body, answer, content;
    unsigned status;
    char type[64];
} import_case;

static void case_open_with(import_case *c, const char *data_dir, uint32_t body_ms)
{
    mr_error err;
    *c = (import_case){0};
    mr_store_fixture_open(&c->f, data_dir);
    MR_EXPECT_OK(mr_importer_open(c->f.store, &c->f.auth, &c->importer, &err));
    c->route = (mr_http_route){.method = MR_HTTP_ANY,
                               .path = "/import",
                               .handler = mr_import_serve,
                               .context = c->importer,
                               .body_bytes_max = UINT64_MAX,
                               .in_pieces = true};
    mr_http_limits limits = MR_HTTP_LIMITS_DEFAULT;
    limits.linger_ms = 300;
    limits.body_ms = body_ms;
    mr_store_fixture_serve(&c->f, &c->route, limits);
    MR_EXPECT_OK(mr_http_client_open(&(mr_http_client_options){0}, &c->client, &err));
    mr_buffer_init(&c->body, "body", 1u << 30);
    mr_buffer_init(&c->answer, "answer", 1 << 20);
    mr_buffer_init(&c->content, "content", 1u << 30);
}

static void case_open(import_case *c)
{
    case_open_with(c, NULL, 30000);
}

static void case_close(import_case *c)
{
    mr_http_client_close(c->client);
    mr_store_fixture_stop(&c->f);
    mr_importer_settle(c->importer);
    mr_http_server_close(c->f.server);
    c->f.server = NULL;
    mr_importer_close(c->importer);
    mr_store_fixture_close(&c->f);
    mr_buffer_done(&c->body);
    mr_buffer_done(&c->answer);
    mr_buffer_done(&c->content);
}

/* Posts what is in `body`; the answer, with the elapsed time made "0.0s". */
static const char *post(import_case *c, const char *query)
{
    char url[200];
    mr_error err;
    const mr_http_line token = {"Authorization", MR_SLICE("Bearer " MR_STORE_FIXTURE_TOKEN)};
    snprintf(url, sizeof url, "http://127.0.0.1:%u/import%s", c->f.port, query);
    mr_buffer_reset(&c->answer);
    mr_http_call call = {.url = url,
                         .lines = &token,
                         .line_count = 1,
                         .body = {c->body.ptr != NULL ? c->body.ptr : "", c->body.len},
                         .into = &c->answer};
    MR_EXPECT_OK(mr_http_client_call(c->client, &call, &err));
    MR_EXPECT_OK(mr_buffer_append_byte(&c->answer, 0, &err));
    c->status = call.status;
    snprintf(c->type, sizeof c->type, "%s", call.content_type);
    char *const elapsed = strstr(c->answer.ptr, "\"elapsed\":\"");
    if (elapsed != NULL) {
        size_t at = strlen("\"elapsed\":\"");
        for (; elapsed[at] != '"'; at++)
            if (elapsed[at] >= '0' && elapsed[at] <= '9') elapsed[at] = '0';
    }
    mr_buffer_reset(&c->body);
    return c->answer.ptr;
}

static void add(import_case *c, const char *text)
{
    mr_error err;
    MR_EXPECT_OK(mr_buffer_append(&c->body, mr_slice_text(text), &err));
}

/* A record with global position `at`, in stream account-(at % 10). */
static void add_record(import_case *c, uint64_t at, const char *extra)
{
    mr_error err;
    MR_EXPECT_OK(mr_buffer_printf(
        &c->body, &err,
        "{\"id\":\"00000000-0000-7000-8000-%012llx\",\"stream\":\"account-%llu\",\"type\":\"T\","
        "\"pos\":%llu,\"gpos\":%llu,\"data\":{\"n\":%llu},\"meta\":null,"
        "\"time\":\"2025-01-15T10:00:00Z\"%s}\n",
        (unsigned long long)at, (unsigned long long)(at % 10), (unsigned long long)(at / 10),
        (unsigned long long)at, (unsigned long long)at, extra));
}

static const char *content(import_case *c)
{
    mr_error err;
    mr_store_fixture_dump(&c->f, &c->content);
    MR_EXPECT_OK(mr_buffer_append_byte(&c->content, 0, &err));
    return c->content.ptr;
}

#define DONE(n) "data: {\"done\":true,\"imported\":" n ",\"elapsed\":\"0.0s\"}\n\n"

MR_TEST(an_empty_body_is_success_with_nothing)
{
    import_case c;
    case_open(&c);
    MR_EXPECT_TEXT(post(&c, ""), DONE("0"));
    MR_EXPECT_U64(c.status, ==, 200);
    MR_EXPECT_TEXT(c.type, "text/event-stream");
    add(&c, "\n\r\n  \n");
    MR_EXPECT_TEXT(post(&c, ""), DONE("0"));
    case_close(&c);
}

MR_TEST(records_keep_their_positions_ids_and_times)
{
    import_case c;
    case_open(&c);
    add(&c, "{\"id\":\"{00000000-0000-7000-8000-0000000000AA}\",\"stream\":\"a-1\",\"type\":\"T\","
            "\"pos\":7,\"gpos\":50,\"data\":{ \"n\" : 1.0 },\"meta\":{\"m\":1},"
            "\"time\":\"2025-01-15T12:00:00.5+02:00\"}\n\n"
            "{\"id\":\"00000000-0000-7000-8000-0000000000ab\",\"stream\":\"b\",\"type\":\"U\","
            "\"pos\":0,\"gpos\":60,\"data\":null,\"time\":\"1969-12-31T23:59:59Z\"}");
    MR_EXPECT_TEXT(post(&c, ""), DONE("2"));
    MR_EXPECT_TEXT(content(&c),
                   "50 a-1 7 T {\"n\":1.0} {\"m\":1} 1736935200500000 "
                   "00000000-0000-7000-8000-0000000000aa\n"
                   "60 b 0 U null null -1000000 00000000-0000-7000-8000-0000000000ab\n");
    case_close(&c);
}

MR_TEST(each_full_batch_is_reported)
{
    import_case c;
    case_open(&c);
    for (uint64_t at = 1; at <= 2500; at++)
        add_record(&c, at, "");
    MR_EXPECT_TEXT(post(&c, ""), "data: {\"imported\":1000,\"gpos\":1000}\n\n"
                                 "data: {\"imported\":2000,\"gpos\":2000}\n\n" DONE("2500"));
    MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 2500);
    for (uint64_t at = 2501; at <= 3500; at++)
        add_record(&c, at, "");
    MR_EXPECT_TEXT(post(&c, ""), "data: {\"imported\":1000,\"gpos\":3500}\n\n" DONE("1000"));
    case_close(&c);
}

MR_TEST(the_first_bad_line_ends_it_and_earlier_batches_stay)
{
    static const struct {
        const char *line, *code;
    } cases[] = {
        {"nonsense", "INVALID_JSON"},
        {"[1]", "INVALID_JSON"},
        {"{\"id\":5}", "INVALID_JSON"},
        {"{}", "INVALID_RECORD"},
        {"{\"id\":\"00000000-0000-7000-8000-0000000000ab\",\"stream\":\"b\",\"type\":\"U\","
         "\"gpos\":9999}",
         "INVALID_RECORD"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        import_case c;
        char wanted[200];
        case_open(&c);
        for (uint64_t at = 1; at <= 1500; at++)
            add_record(&c, at, "");
        add(&c, "\n");
        add(&c, cases[i].line);
        add(&c, "\n");
        for (uint64_t at = 1501; at <= 2500; at++)
            add_record(&c, at, "");
        const char *const answer = post(&c, "");
        snprintf(
            wanted, sizeof wanted,
            "data: {\"imported\":1000,\"gpos\":1000}\n\ndata: {\"error\":\"%s\",\"message\":\"",
            cases[i].code);
        if (strncmp(answer, wanted, strlen(wanted)) != 0 ||
            strstr(answer, "\",\"line\":1502}\n\n") == NULL)
            MR_TEST_FAIL("case %zu: %s\n", i, answer);
        MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 1000);
        case_close(&c);
    }
}

MR_TEST(what_exists_is_refused_with_the_line_of_the_culprit)
{
    static const struct {
        const char *extra; /* of line 1300, in the second batch */
        const char *end;
    } cases[] = {
        {",\"gpos\":5", "global position 5\",\"line\":1300}\n\n"},
        {",\"id\":\"00000000-0000-7000-8000-000000000005\"",
         "global position 1300\",\"line\":1300}\n\n"},
        {",\"stream\":\"account-5\",\"pos\":0", "global position 1300\",\"line\":1300}\n\n"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        import_case c;
        case_open(&c);
        for (uint64_t at = 1; at <= 2300; at++)
            add_record(&c, at, at == 1300 ? cases[i].extra : "");
        const char *const answer = post(&c, "");
        if (strstr(answer, "{\"imported\":1000,\"gpos\":1000}") == NULL ||
            strstr(answer, "{\"error\":\"POSITION_EXISTS\"") == NULL ||
            strstr(answer, cases[i].end) == NULL)
            MR_TEST_FAIL("case %zu: %s\n", i, answer);
        MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 1000);
        case_close(&c);
    }
}

MR_TEST(force_empties_the_namespace_first)
{
    import_case c;
    case_open(&c);
    for (uint64_t at = 1; at <= 30; at++)
        add_record(&c, at, "");
    MR_EXPECT_TEXT(post(&c, ""), DONE("30"));
    add_record(&c, 7, "");
    MR_EXPECT(strstr(post(&c, "?force=false"), "POSITION_EXISTS") != NULL);
    MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 30);
    add_record(&c, 7, "");
    MR_EXPECT_TEXT(post(&c, "?force=true"), DONE("1"));
    MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 1);
    case_close(&c);
}

MR_TEST(a_token_is_wanted)
{
    import_case c;
    mr_wire wire;
    case_open(&c);
    mr_wire_open(&wire, c.f.port);
    MR_EXPECT(mr_wire_say(&wire, "POST /import HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
    const mr_wire_answer answer = mr_wire_answer_of(&wire, false);
    MR_EXPECT_U64(answer.status, ==, 401);
    mr_wire_close(&wire);
    case_close(&c);
}

MR_TEST(a_line_beyond_the_limit_is_a_read_error)
{
    import_case c;
    mr_error err;
    case_open(&c);
    add_record(&c, 1, "");
    MR_EXPECT_OK(mr_buffer_reserve(&c.body, MR_IMPORT_LINE_BYTES + 2, &err));
    memset(c.body.ptr + c.body.len, 'x', MR_IMPORT_LINE_BYTES + 1);
    c.body.len += MR_IMPORT_LINE_BYTES + 1;
    MR_EXPECT_TEXT(post(&c, ""), "data: {\"error\":\"READ_ERROR\",\"message\":\"a line is longer "
                                 "than 16 MiB\",\"line\":2}\n\n");
    MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 0);
    case_close(&c);
}

MR_TEST(a_line_of_nearly_the_limit_is_stored)
{
    import_case c;
    mr_error err;
    case_open(&c);
    const size_t text = MR_IMPORT_LINE_BYTES - 400;
    add(&c, "{\"id\":\"00000000-0000-7000-8000-0000000000ab\",\"stream\":\"b\",\"type\":\"U\","
            "\"gpos\":1,\"time\":\"2025-01-15T10:00:00Z\",\"data\":{\"text\":\"");
    MR_EXPECT_OK(mr_buffer_reserve(&c.body, text, &err));
    memset(c.body.ptr + c.body.len, 'x', text);
    c.body.len += text;
    add(&c, "\"}}\n");
    MR_EXPECT_TEXT(post(&c, ""), DONE("1"));
    MR_EXPECT_U64(strlen(content(&c)), >, text);
    case_close(&c);
}

#define HEAD                                                                                   \
    "POST /import HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " MR_STORE_FIXTURE_TOKEN "\r\n" \
    "Transfer-Encoding: chunked\r\n\r\n"

static bool say_chunk(mr_wire *wire, mr_slice bytes)
{
    char size[32];
    snprintf(size, sizeof size, "%zx\r\n", bytes.len);
    return mr_wire_say(wire, size) && mr_wire_send(wire, bytes) && mr_wire_say(wire, "\r\n");
}

MR_TEST(progress_is_told_before_more_is_sent)
{
    import_case c;
    mr_wire wire;
    case_open(&c);
    mr_wire_open(&wire, c.f.port);
    MR_EXPECT(mr_wire_say(&wire, HEAD));
    for (uint64_t batch = 0; batch < 3; batch++) {
        char wanted[100];
        for (uint64_t at = 1; at <= 1000; at++)
            add_record(&c, batch * 1000 + at, "");
        MR_EXPECT(say_chunk(&wire, mr_buffer_slice(&c.body)));
        mr_buffer_reset(&c.body);
        snprintf(wanted, sizeof wanted, "data: {\"imported\":%llu000,\"gpos\":%llu000}\n\n",
                 (unsigned long long)batch + 1, (unsigned long long)batch + 1);
        mr_wire_await(&wire, wanted);
    }
    MR_EXPECT(mr_wire_say(&wire, "0\r\n\r\n"));
    mr_wire_await(&wire, "data: {\"done\":true,\"imported\":3000,");
    mr_wire_await(&wire, "\r\n0\r\n\r\n");
    mr_wire_close(&wire);
    case_close(&c);
}

MR_TEST(one_namespace_has_so_many_imports_at_a_time_and_no_more)
{
    import_case c;
    case_open(&c);
    mr_wire wires[MR_IMPORT_SESSIONS_OF_SPACE_MAX], one_more;
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        mr_wire_open(&wires[i], c.f.port);
        MR_EXPECT(mr_wire_say(&wires[i], HEAD));
        mr_wire_await(&wires[i], "HTTP/1.1 200 OK");
    }
    mr_wire_open(&one_more, c.f.port);
    MR_EXPECT(mr_wire_say(&one_more, HEAD));
    mr_wire_await(&one_more, "HTTP/1.1 503 ");
    mr_wire_close(&one_more);
    for (size_t i = 0; i < MR_COUNT_OF(wires); i++) {
        MR_EXPECT(mr_wire_say(&wires[i], "0\r\n\r\n"));
        mr_wire_await(&wires[i], "\"done\":true");
        mr_wire_close(&wires[i]);
    }
    case_close(&c);
}

MR_TEST(cuts_do_not_matter)
{
    import_case c;
    for (size_t size = 1; size < 700; size += 97) {
        mr_wire wire;
        case_open(&c);
        for (uint64_t at = 1; at <= 1010; at++)
            add_record(&c, at, "");
        mr_wire_open(&wire, c.f.port);
        MR_EXPECT(mr_wire_say(&wire, HEAD));
        for (size_t at = 0; at < c.body.len; at += size) {
            /* A few small chunks, then the rest: thousands of them would take too long. */
            const size_t left = c.body.len - at, len = at > 40 * size ? left : size;
            MR_EXPECT(
                say_chunk(&wire, mr_slice_of(c.body.ptr + at, (size_t)mr_min_u64(len, left))));
            if (len == left) break;
        }
        MR_EXPECT(mr_wire_say(&wire, "0\r\n\r\n"));
        mr_wire_await(&wire, "data: {\"done\":true,\"imported\":1010,");
        MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 1010);
        mr_wire_close(&wire);
        case_close(&c);
    }
}

MR_TEST(lines_may_come_slowly_but_not_stop_coming)
{
    import_case c;
    mr_wire wire;
    case_open_with(&c, NULL, 400);
    mr_wire_open(&wire, c.f.port);
    MR_EXPECT(mr_wire_say(&wire, HEAD));
    for (uint64_t at = 1; at <= 8; at++) {
        const struct timespec moment = {.tv_nsec = 150000000};
        add_record(&c, at, "");
        MR_EXPECT(say_chunk(&wire, mr_buffer_slice(&c.body)));
        mr_buffer_reset(&c.body);
        nanosleep(&moment, NULL);
    }
    mr_wire_await(&wire, "data: {\"error\":\"READ_ERROR\",\"message\":\"the body broke off");
    mr_wire_await(&wire, "\"line\":8}");
    MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 0);
    mr_wire_close(&wire);
    case_close(&c);
}

MR_TEST(a_peer_that_leaves_in_the_middle_leaves_whole_batches)
{
    import_case c;
    for (unsigned round = 0; round < 20; round++) {
        mr_wire wire;
        case_open(&c);
        for (uint64_t at = 1; at <= 3000 + 37 * round; at++)
            add_record(&c, at, "");
        mr_wire_open(&wire, c.f.port);
        MR_EXPECT(mr_wire_say(&wire, HEAD));
        MR_EXPECT(say_chunk(&wire, mr_buffer_slice(&c.body)));
        mr_wire_close(&wire);
        mr_store_fixture_stop(&c.f);
        mr_importer_settle(c.importer);
        const uint64_t count = mr_store_fixture_count(&c.f);
        MR_EXPECT_U64(count % 1000, ==, 0);
        MR_EXPECT_U64(count, <=, 3000);
        case_close(&c);
    }
}

/* What it takes is printed; half a second is wanted of a release build that has the machine to
 * itself. */
MR_TEST(a_hundred_thousand_records_are_soon_on_disk)
{
    import_case c;
    case_open_with(&c, mr_test_dir(), 30000);
    for (uint64_t at = 1; at <= 100000; at++)
        add_record(&c, at, "");
    const size_t bytes = c.body.len;
    const int64_t start = mr_clock_ns();
    const char *const answer = post(&c, "");
    const double seconds = (double)(mr_clock_ns() - start) / 1e9;
    if (strstr(answer, "data: {\"done\":true,\"imported\":100000,") == NULL)
        MR_TEST_FAIL("%s\n", answer);
    print_message("%zu bytes in %.3f s\n", bytes, seconds);
    MR_EXPECT_U64(mr_store_fixture_count(&c.f), ==, 100000);
    case_close(&c);
}
