/* SPDX-License-Identifier: MIT
 *
 * The independent client in C against the real program: what each method answers on the wire, and
 * what an event stream looks like byte by byte. */
#include <pthread.h>
#include <unistd.h>

#include "support/store_client.h"
#include "support/store_server.h"
#include "support/test.h"

static mr_store_server server;
static mr_store_client client;

static void setup(const char *name)
{
    mr_store_server_init(&server, name);
    mr_store_server_start(&server);
    mr_store_client_open(&client, server.port, MR_STORE_TOKEN);
}

static void teardown(void)
{
    mr_store_client_close(&client);
    MR_EXPECT_I64(mr_store_server_stop(&server), ==, 0);
}

/* The body without the newline that other servers put behind it. */
static mr_slice call(const char *request, unsigned status)
{
    mr_slice answer;
    const unsigned got = mr_store_client_call(&client, request, &answer);
    while (answer.len > 0 && answer.ptr[answer.len - 1] == '\n')
        answer.len--;
    if (got != status)
        MR_TEST_FAIL("%s: %u, expected %u: %.*s\n", request, got, status, MR_SLICE_ARGS(answer));
    return answer;
}

MR_TEST(every_method_answers_a_client_in_c)
{
    static const struct {
        const char *request;
        unsigned status;
        const char *has; /* in the answer */
        bool ours;       /* only Millrace can */
    } rows[] = {
#define EVENT "{\"type\":\"T\",\"data\":{\"n\":1}}"
        {"[\"stream.write\",\"a-1\"," EVENT "]", 200, "\"position\":0", false},
        {"[\"stream.write\",\"a-1\"," EVENT ",{\"expectedVersion\":0}]", 200, "\"position\":1",
         false},
        {"[\"stream.write\",\"a-1\"," EVENT ",{\"expectedVersion\":0}]", 409,
         "STREAM_VERSION_CONFLICT", false},
        {"[\"stream.write\",\"a-2\"," EVENT ",{\"expectedVersion\":-1}]", 200,
         "\"globalPosition\":3", false},
        {"[\"stream.version\",\"a-1\"]", 200, "1", false},
        {"[\"stream.version\",\"a-9\"]", 200, "null", false},
        {"[\"stream.get\",\"a-1\",{\"position\":1}]", 200, ",\"T\",1,2,{\"n\":1},null,\"", false},
        {"[\"stream.last\",\"a-1\"]", 200, ",\"T\",1,2,{\"n\":1},null,\"", false},
        {"[\"stream.last\",\"a-9\"]", 200, "null", false},
        {"[\"category.get\",\"a\",{\"position\":3}]", 200, ",\"a-2\",\"T\",0,3,{\"n\":1},null,\"",
         false},
        {"[\"category.get\",\"\",{\"batchSize\":1}]", 200, ",\"a-1\",\"T\",0,1,", false},
        {"[\"ns.streams\"]", 200, "\"a-2\"", false},
        {"[\"ns.categories\"]", 200, "\"category\":\"a\"", false},
        {"[\"ns.create\",\"other\"]", 200, "\"token\":\"ns_b3RoZXI_", false},
        {"[\"ns.create\",\"other\"]", 409, "NAMESPACE_EXISTS", false},
        {"[\"ns.info\",\"other\"]", 200, "\"messageCount\":0", false},
        {"[\"ns.list\"]", 200, "\"other\"", false},
        {"[\"ns.delete\",\"other\"]", 200, "\"deletedAt\"", false},
        {"[\"ns.delete\",\"other\"]", 404, "NAMESPACE_NOT_FOUND", false},
        {"[\"sys.version\"]", 200, "\"", false},
        {"[\"sys.health\"]", 200, "\"status\":\"ok\"", false},
        {"[\"stream.append\",\"b-1\",[" EVENT "," EVENT "]]", 200,
         "{\"firstPosition\":0,\"lastPosition\":1,\"firstGlobalPosition\":4,", true},
        {"[\"stream.version\",\"b-1\"]", 200, "1", true},
        {"[\"batch.write\",[[\"b-1\"," EVENT "],[\"b-2\"," EVENT "]]]", 200, "\"position\":", true},
        {"[\"stream.version\",\"b-2\"]", 200, "0", true},
        {"[\"nothing.at.all\"]", 404, "METHOD_NOT_FOUND", false},
        {"not json", 400, "INVALID_REQUEST", false},
    };
    setup("methods");
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        if (rows[i].ours && !mr_store_server_is_ours()) continue;
        const mr_slice answer = call(rows[i].request, rows[i].status);
        if (memmem(answer.ptr, answer.len, rows[i].has, strlen(rows[i].has)) == NULL)
            MR_TEST_FAIL("%s: no %s in %.*s\n", rows[i].request, rows[i].has,
                         MR_SLICE_ARGS(answer));
    }
    teardown();
}

MR_TEST(a_subscriber_in_c_gets_what_was_and_what_comes)
{
    mr_store_client events;
    mr_store_event event;
    setup("events");
    for (unsigned i = 0; i < 3; i++)
        call("[\"stream.write\",\"s-1\"," EVENT "]", 200);
    mr_store_client_open(&events, server.port, MR_STORE_TOKEN);
    MR_EXPECT_U64(mr_store_client_subscribe(&events, "/subscribe?stream=s-1&position=1"), ==, 200);
    for (int64_t position = 1; position < 6; position++) {
        if (position >= 3) call("[\"stream.write\",\"s-1\"," EVENT "]", 200);
        MR_EXPECT(mr_store_client_event(&events, &event, 5000));
        MR_EXPECT_SLICE(event.event, "poke");
        MR_EXPECT_SLICE(mr_json_field(event.data, "stream"), "\"s-1\"");
        MR_EXPECT_I64(mr_json_int(mr_json_field(event.data, "position")), ==, position);
        MR_EXPECT_I64(mr_json_int(mr_json_field(event.data, "globalPosition")), ==, position + 1);
    }
    call("[\"stream.write\",\"s-2\"," EVENT "]", 200);
    MR_EXPECT(!mr_store_client_event(&events, &event, 100));
    mr_store_client_close(&events);
    teardown();
}

MR_TEST(what_is_exported_by_reading_can_be_imported)
{
    static const char lines[] =
        "{\"id\":\"00000000-0000-4000-8000-000000000001\",\"stream\":\"i-1\",\"type\":\"T\","
        "\"pos\":4,\"gpos\":7,\"data\":{\"a\":1},\"meta\":{\"b\":2},\"time\":\"2025-01-15T10:00:"
        "00Z\"}\n\n"
        "{\"id\":\"00000000-0000-4000-8000-000000000002\",\"stream\":\"i-1\",\"type\":\"T\","
        "\"pos\":5,\"gpos\":9,\"data\":{},\"meta\":null,\"time\":\"2025-01-15T12:00:00+02:00\"}\n";
    mr_slice answer;
    setup("import");
    MR_EXPECT_U64(mr_store_client_request(&client, "POST", "/import", MR_SLICE(lines), &answer), ==,
                  200);
    MR_EXPECT(memmem(answer.ptr, answer.len, "\"done\":true", 11) != NULL);
    MR_EXPECT(memmem(answer.ptr, answer.len, "\"imported\":2", 12) != NULL);
    MR_EXPECT_SLICE(call("[\"stream.get\",\"i-1\"]", 200),
                    "[[\"00000000-0000-4000-8000-000000000001\",\"T\",4,7,{\"a\":1},{\"b\":2},"
                    "\"2025-01-15T10:00:00Z\"],[\"00000000-0000-4000-8000-000000000002\",\"T\",5,9,"
                    "{},null,\"2025-01-15T10:00:00Z\"]]");
    MR_EXPECT_U64(mr_store_client_request(&client, "POST", "/import", MR_SLICE(lines), &answer), ==,
                  200);
    MR_EXPECT(memmem(answer.ptr, answer.len, "POSITION_EXISTS", 15) != NULL);
    const mr_slice next = call("[\"stream.write\",\"i-1\"," EVENT "]", 200);
    MR_EXPECT_I64(mr_json_int(mr_json_field(next, "position")), ==, 6);
    MR_EXPECT_I64(mr_json_int(mr_json_field(next, "globalPosition")), ==, 10);
    teardown();
}

MR_TEST(the_client_reads_json_as_it_should)
{
    const mr_slice json =
        MR_SLICE("{\"a\": [1, -2, \"x,]\\\"}\", {\"b\": [] }], \"c\" : null,\"d\":12345678901}");
    const mr_slice list = mr_json_field(json, "a");
    MR_EXPECT_SLICE(list, "[1, -2, \"x,]\\\"}\", {\"b\": [] }]");
    MR_EXPECT_I64(mr_json_int(mr_json_item(list, 0)), ==, 1);
    MR_EXPECT_I64(mr_json_int(mr_json_item(list, 1)), ==, -2);
    MR_EXPECT_SLICE(mr_json_text(mr_json_item(list, 2)), "x,]\\\"}");
    MR_EXPECT_SLICE(mr_json_field(mr_json_item(list, 3), "b"), "[]");
    MR_EXPECT(mr_json_item(list, 4).ptr == NULL);
    MR_EXPECT_SLICE(mr_json_field(json, "c"), "null");
    MR_EXPECT_I64(mr_json_int(mr_json_field(json, "d")), ==, 12345678901);
    MR_EXPECT(mr_json_field(json, "b").ptr == NULL);
    MR_EXPECT_I64(mr_json_int(mr_json_field(json, "a")), ==, INT64_MIN);
}
