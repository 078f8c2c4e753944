/* SPDX-License-Identifier: MIT */
#include "http/parser.h"

#include "http/chunked.h"
#include "http/query.h"
#include "support/test.h"

static const mr_http_limits small = {
    .uri_bytes_max = 64, .header_bytes_max = 512, .header_count_max = 8, .body_bytes_max = 100};

/* What a head comes to: a line that two parses can be compared by. */
static void describe(const mr_http_head *head, mr_http_progress progress, const char *base,
                     char *out, size_t size)
{
    if (progress == MR_HTTP_MORE) {
        snprintf(out, size, "more");
        return;
    }
    if (progress == MR_HTTP_BAD) {
        snprintf(out, size, "%u", head->fault.status);
        return;
    }
    const mr_slice method = mr_http_span_of(base, head->method_text);
    const mr_slice path = mr_http_span_of(base, head->path);
    const mr_slice query = mr_http_span_of(base, head->query);
    int len = snprintf(out, size, "%.*s|%.*s|%.*s|%u|%s%s%s|%llu|%u", MR_SLICE_ARGS(method),
                       MR_SLICE_ARGS(path), MR_SLICE_ARGS(query), head->minor_version,
                       head->keep_alive ? "k" : "", head->chunked ? "c" : "",
                       head->expects_continue ? "e" : "", (unsigned long long)head->content_length,
                       head->length);
    for (uint32_t i = 0; i < head->field_count; i++) {
        const mr_slice name = mr_http_span_of(base, head->fields[i].name);
        const mr_slice value = mr_http_span_of(base, head->fields[i].value);
        len += snprintf(out + len, size - (size_t)len, "|%.*s=%.*s", MR_SLICE_ARGS(name),
                        MR_SLICE_ARGS(value));
    }
}

/* Parses `text` given in pieces that end at `cuts` (two of them) and at its end. */
static void parse_cut(mr_slice text, const mr_http_limits *limits, size_t first, size_t second,
                      char *out, size_t size)
{
    mr_http_field fields[16];
    mr_http_head head;
    const size_t ends[] = {first, second, text.len};
    mr_http_progress progress = MR_HTTP_MORE;
    mr_http_head_init(&head, fields);
    for (size_t i = 0; i < MR_COUNT_OF(ends) && progress == MR_HTTP_MORE; i++)
        progress = mr_http_head_parse(&head, limits, mr_slice_of(text.ptr, ends[i]));
    describe(&head, progress, text.ptr, out, size);
}

static void expect_head(const char *text, const char *wanted)
{
    char got[2048];
    const mr_slice bytes = mr_slice_text(text);
    for (size_t first = 0; first <= bytes.len; first++) {
        for (size_t second = first; second <= bytes.len; second += bytes.len > 200 ? 37 : 1) {
            parse_cut(bytes, &small, first, second, got, sizeof got);
            if (strcmp(got, wanted) != 0)
                MR_TEST_FAIL("\"%s\" cut at %zu and %zu is %s, expected %s\n", text, first, second,
                             got, wanted);
        }
    }
}

#define H "Host: a\r\n"

MR_TEST(good_heads_are_understood_however_they_are_cut)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", "GET|/||1|k|0|27|Host=a"},
        {"\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET|/||1|k|0|29|Host=a"},
        {"GET /a?b=c&d HTTP/1.1\r\n" H "\r\nrest", "GET|/a|b=c&d|1|k|0|34|Host=a"},
        {"GET /a? HTTP/1.1\r\n" H "\r\n", "GET|/a||1|k|0|29|Host=a"},
        {"GET http://x.y:80/p?q HTTP/1.1\r\n" H "\r\n", "GET|/p|q|1|k|0|43|Host=a"},
        {"GET http://x HTTP/1.1\r\n" H "\r\n", "GET|||1|k|0|34|Host=a"},
        {"GET HTTP://x?q HTTP/1.1\r\n" H "\r\n", "GET||q|1|k|0|36|Host=a"},
        {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS|*||1|k|0|31|Host=a"},
        {"GET / HTTP/1.0\r\n\r\n", "GET|/||0||0|18"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "GET|/||0|k|0|42|Connection=keep-alive"},
        {"GET / HTTP/1.1\r\n" H "Connection: Upgrade , CLOSE\r\n\r\n",
         "GET|/||1||0|56|Host=a|Connection=Upgrade , CLOSE"},
        {"POST / HTTP/1.1\r\n" H "content-LENGTH: 42 \t\r\n\r\n",
         "POST|/||1|k|42|50|Host=a|content-LENGTH=42"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:Chunked\r\nExpect: 100-Continue\r\n\r\n",
         "POST|/||1|kce|0|77|Host=a|Transfer-Encoding=Chunked|Expect=100-Continue"},
        {"GET / HTTP/1.1\r\nHost:\r\nX: \t\xc3\xa4 b\t\r\nE:\r\n\r\n",
         "GET|/||1|k|0|40|Host=|X=\xc3\xa4 b|E="},
        {"GET /\xc3\xa4\"<>|{} HTTP/1.1\r\n" H "\r\n", "GET|/\xc3\xa4\"<>|{}||1|k|0|35|Host=a"},
        {"M-SEARCH / HTTP/1.1\r\n" H "\r\n", "M-SEARCH|/||1|k|0|32|Host=a"},
        {"GET / HTTP/1.1\r\n" H, "more"},
        {"GET / HTTP/1.1\r\n" H "\r", "more"},
        {"", "more"},
        {"\r\n", "more"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++)
        expect_head(rows[i].text, rows[i].wanted);
}

/* A table, so it is one piece. */
MR_TEST(what_two_programs_could_read_in_two_ways_is_refused)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        /* request line */
        {"GET  / HTTP/1.1\r\n" H "\r\n", "400"},
        {"GET / HTTP/1.1 \r\n" H "\r\n", "400"},
        {"GET /  HTTP/1.1\r\n" H "\r\n", "400"},
        {"GET\t/ HTTP/1.1\r\n" H "\r\n", "400"},
        {" GET / HTTP/1.1\r\n" H "\r\n", "400"},
        {"GET /\r\n" H "\r\n", "400"},
        {"GET\r\n" H "\r\n", "400"},
        {"GET / http/1.1\r\n" H "\r\n", "400"},
        {"GET / HTTP/1.1x\r\n" H "\r\n", "400"},
        {"GET / HTTP/11\r\n" H "\r\n", "400"},
        {"GET /\x01 HTTP/1.1\r\n" H "\r\n", "400"},
        {"GET /#f HTTP/1.1\r\n" H "\r\n", "400"},
        {"GET a HTTP/1.1\r\n" H "\r\n", "400"},
        {"GET * HTTP/1.1\r\n" H "\r\n", "400"},
        {"GET ftp://x/ HTTP/1.1\r\n" H "\r\n", "400"},
        {"GET http:///x HTTP/1.1\r\n" H "\r\n", "400"},
        {"CONNECT a:80 HTTP/1.1\r\n" H "\r\n", "400"},
        {"G@T / HTTP/1.1\r\n" H "\r\n", "400"},
        {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "400"},
        {"\nGET / HTTP/1.1\r\n" H "\r\n", "400"},
        {"\x16\x03\x01", "400"},
        {"GET / HTTP/1.2\r\n" H "\r\n", "505"},
        {"GET / HTTP/2.0\r\n" H "\r\n", "505"},
        {"GET / HTTP/0.9\r\n" H "\r\n", "505"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        /* line ends */
        {"GET / HTTP/1.1\n" H "\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "\n", "400"},
        {"GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", "400"},
        {"GET /\r HTTP/1.1\r\n" H "\r\n", "400"},
        /* fields */
        {"GET / HTTP/1.1\r\n" H " folded\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "\tfolded: x\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "X\t: a\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H ": a\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "no colon\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "X\xc3\xa4: a\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n" H H "\r\n", "400"},
        {"GET / HTTP/1.0\r\n" H H "\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", "400"},
        /* framing */
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 05\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         "400"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", "501"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", "501"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", "501"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", "501"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", "501"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", "501"},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", "417"},
        /* limits of this test: target 64, head 512, 8 fields */
        {"GET /123456789012345678901234567890123456789012345678901234567890abcd HTTP/1.1\r\n\r\n",
         "414"},
        {"GET / HTTP/1.1\r\n" H "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n", "431"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++)
        expect_head(rows[i].text, rows[i].wanted);
}

MR_TEST(a_nul_byte_is_refused_anywhere)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    for (size_t at = 0; at < sizeof text - 1; at++) {
        char copy[sizeof text], got[2048];
        memcpy(copy, text, sizeof text);
        copy[at] = 0;
        parse_cut(MR_SLICE(copy), &small, 0, 0, got, sizeof got);
        if (at >= sizeof text - 2) /* the last line feed is missing */
            MR_EXPECT_TEXT(got, "more");
        else
            MR_EXPECT_TEXT(got, "400");
    }
}

MR_TEST(limits_hold_to_the_byte_however_the_head_is_cut)
{
    char text[700], got[2048], whole[2048];
    for (size_t pad = 380; pad < 620; pad++) {
        const int len = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n",
                                 (int)pad, 0);
        const mr_slice bytes = mr_slice_of(text, (size_t)len);
        parse_cut(bytes, &small, 0, 0, whole, sizeof whole);
        MR_EXPECT(strcmp(whole, "431") == 0 ? len > 512 : len <= 512);
        for (size_t cut = 400; cut < bytes.len; cut += 7) {
            parse_cut(bytes, &small, cut, cut + 1, got, sizeof got);
            MR_EXPECT_TEXT(got, whole);
        }
    }
    for (size_t pad = 40; pad < 200; pad++) {
        const int len =
            snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", (int)pad, 0);
        const mr_slice bytes = mr_slice_of(text, (size_t)len);
        parse_cut(bytes, &small, 0, 0, whole, sizeof whole);
        MR_EXPECT((strcmp(whole, "414") == 0) == (pad + 1 > 64));
        for (size_t cut = 0; cut < bytes.len; cut++) {
            parse_cut(bytes, &small, cut, cut + 1, got, sizeof got);
            MR_EXPECT_TEXT(got, whole);
        }
    }
}

MR_TEST(fields_are_found_in_any_case)
{
    static const char text[] = "GET / HTTP/1.1\r\nhOST: a\r\nAuthorization: Bearer x\r\n\r\n";
    mr_http_field fields[8];
    mr_http_head head;
    mr_slice value;
    mr_http_head_init(&head, fields);
    MR_EXPECT(mr_http_head_parse(&head, &small, MR_SLICE(text)) == MR_HTTP_DONE);
    MR_EXPECT(mr_http_head_find(&head, text, "authorization", &value));
    MR_EXPECT_SLICE(value, "Bearer x");
    MR_EXPECT(!mr_http_head_find(&head, text, "accept", &value));
}

/* --- Chunked bodies --- */

static void decode_cut(mr_slice text, size_t first, size_t second, char *out, size_t size)
{
    mr_http_chunked chunked = {0};
    mr_buffer body;
    mr_buffer_init(&body, "body", 100);
    const size_t ends[] = {first, second, text.len};
    size_t at = 0;
    mr_http_progress progress = MR_HTTP_MORE;
    for (size_t i = 0; i < MR_COUNT_OF(ends) && progress == MR_HTTP_MORE; i++) {
        size_t used = 0;
        progress = mr_http_chunked_parse(&chunked, &small, 100,
                                         mr_slice_of(text.ptr + at, ends[i] - at), &body, &used);
        at += used;
    }
    if (progress == MR_HTTP_BAD)
        snprintf(out, size, "%u", chunked.fault.status);
    else
        snprintf(out, size, "%s%.*s|%zu", progress == MR_HTTP_MORE ? "more:" : "", (int)body.len,
                 body.len > 0 ? body.ptr : "", text.len - at);
    mr_buffer_done(&body);
}

MR_TEST(chunked_bodies_are_strict_however_they_are_cut)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"0\r\n\r\n", "|0"},
        {"5\r\nhello\r\n0\r\n\r\nGET", "hello|3"},
        {"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", "hello0123456789|0"},
        {"000005;a=b;c=\"d e\"\r\nhello\r\n00\r\n\r\n", "hello|0"},
        {"1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\nmore", "a|4"},
        {"5\r\nhel", "more:hel|0"},
        {"0\r\n", "more:|0"},
        {"0\r\n\r", "more:|0"},
        {"\r\n", "400"},
        {"g\r\n", "400"},
        {"0x5\r\nhello\r\n", "400"},
        {"-5\r\nhello\r\n", "400"},
        {" 5\r\nhello\r\n", "400"},
        {"5 \r\nhello\r\n", "400"},
        {"5 ;a\r\nhello\r\n", "400"},
        {";a\r\nhello\r\n", "400"},
        {"5\nhello\r\n", "400"},
        {"5\rhello\r\n", "400"},
        {"5\r\r\nhello\r\n", "400"},
        {"5;a\nhello\r\n", "400"},
        {"5;\x01\r\nhello\r\n", "400"},
        {"5\r\nhello0\r\n\r\n", "400"},
        {"5\r\nhello\n0\r\n\r\n", "400"},
        {"5\r\nhello\r0\r\n\r\n", "400"},
        {"0\r\nX\r\n\r\n", "400"},
        {"0\r\n X: y\r\n\r\n", "400"},
        {"0\r\nX : y\r\n\r\n", "400"},
        {"0\r\nX: y\n\r\n", "400"},
        {"0\r\nX: \x01\r\n\r\n", "400"},
        {"0\r\n: y\r\n\r\n", "400"},
        {"0\r\n\n", "400"},
        {"00000000000000001\r\na", "400"},
        {"65\r\n", "413"},
        {"64\r\n", "more:|0"},
        {"ffffffffffffffff\r\n", "413"},
        {"5\r\nhello\r\nffffffffffffffff\r\n", "413"},
        {"5\r\nhello\r\n60\r\n", "413"},
        {"0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n\r\n", "431"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        const mr_slice text = mr_slice_text(rows[i].text);
        char got[300];
        for (size_t first = 0; first <= text.len; first++) {
            for (size_t second = first; second <= text.len; second++) {
                decode_cut(text, first, second, got, sizeof got);
                if (strcmp(got, rows[i].wanted) != 0)
                    MR_TEST_FAIL("\"%s\" cut at %zu and %zu is %s, expected %s\n", rows[i].text,
                                 first, second, got, rows[i].wanted);
            }
        }
    }
}

MR_TEST(chunk_extensions_have_a_limit)
{
    char text[2000] = "1;", got[300];
    memset(text + 2, 'x', 1500);
    decode_cut(mr_slice_of(text, 1502), 0, 0, got, sizeof got);
    MR_EXPECT_TEXT(got, "400");
    decode_cut(mr_slice_of(text, 1002), 0, 0, got, sizeof got);
    MR_EXPECT_TEXT(got, "more:|0");
}

/* --- Queries --- */

MR_TEST(query_values_are_decoded)
{
    static const struct {
        const char *query, *name;
        mr_http_lookup wanted;
        const char *value;
    } rows[] = {
        {"a=1&b=2", "b", MR_HTTP_FOUND, "2"},
        {"a=1&a=2", "a", MR_HTTP_FOUND, "1"},
        {"a", "a", MR_HTTP_FOUND, ""},
        {"a=", "a", MR_HTTP_FOUND, ""},
        {"a=b=c", "a", MR_HTTP_FOUND, "b=c"},
        {"x+y=%2B+%c3%a4", "x y", MR_HTTP_FOUND, "+ \xc3\xa4"},
        {"%61=1", "a", MR_HTTP_FOUND, "1"},
        {"&&a=1&", "a", MR_HTTP_FOUND, "1"},
        {"", "a", MR_HTTP_ABSENT, NULL},
        {"ab=1", "a", MR_HTTP_ABSENT, NULL},
        {"a=%", "a", MR_HTTP_MALFORMED, NULL},
        {"a=%4", "a", MR_HTTP_MALFORMED, NULL},
        {"a=%4g", "a", MR_HTTP_MALFORMED, NULL},
        {"a=%-1", "a", MR_HTTP_MALFORMED, NULL},
    };
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_slice value = {0};
        MR_EXPECT_I64(
            mr_http_query_find(mr_slice_text(rows[i].query), rows[i].name, &arena, &value), ==,
            rows[i].wanted);
        if (rows[i].value != NULL) MR_EXPECT_SLICE(value, rows[i].value);
    }
    mr_arena_done(&arena);
}
