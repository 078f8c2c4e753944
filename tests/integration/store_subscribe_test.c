/* SPDX-License-Identifier: MIT
 *
 * Subscriptions to a real store over real sockets: what each promises, row by row. */
#include <time.h>

#include "support/subscribe_fixture.h"
#include "support/test.h"
#include "support/wire.h"

#define TOKEN_TAIL "0000000000000000000000000000000000000000000000000000000000000000"
#define TOKEN      "ns_ZGVmYXVsdA_" TOKEN_TAIL

static mr_sub_fixture f;

static void open_fixture(void)
{
    mr_sub_open(&f, &(mr_sub_options){0});
}

/* Subscribes, expects exactly these global positions, and leaves. */
static void expect_pokes(const char *target, const char *headers, const char *wanted)
{
    mr_sse sse;
    mr_sse_open(&sse, f.ports[0], target, headers, 0);
    mr_sse_await_ready(&sse);
    mr_sse_expect(&sse, wanted);
    mr_sse_close(&sse);
}

/* --- The request ------------------------------------------------------------------------------ */

typedef struct refusal {
    const char *target, *headers;
    unsigned status;
    const char *says; /* in the answer's body */
} refusal;

static void expect_refusals(const refusal *cases, size_t count, const char *type)
{
    for (size_t i = 0; i < count; i++) {
        mr_sse sse;
        mr_sse_open(&sse, f.ports[0], cases[i].target, cases[i].headers, 0);
        while (sse.status == 0 ||
               memmem(sse.in.ptr, sse.in.len, cases[i].says, strlen(cases[i].says)) == NULL)
            if (!mr_sse_receive(&sse, 2000))
                MR_TEST_FAIL("%s: status %u: %.*s\n", cases[i].target, sse.status, (int)sse.in.len,
                             sse.in.ptr);
        MR_EXPECT_U64(sse.status, ==, cases[i].status);
        if (strstr(sse.head.ptr, type) == NULL)
            MR_TEST_FAIL("%s: %s", cases[i].target, sse.head.ptr);
        mr_sse_close(&sse);
    }
}

MR_TEST(malformed_queries_are_refused_in_plain_text)
{
    static const refusal cases[] = {
        {"/subscribe", "", 400, "is required"},
        {"/subscribe?all=TRUE", "", 400, "is required"},
        {"/subscribe?all=true&stream=a", "", 400, "cannot be combined"},
        {"/subscribe?stream=a&category=b", "", 400, "cannot both"},
        {"/subscribe?stream=a&position=x", "", 400, "position"},
        {"/subscribe?category=a&consumer=x", "", 400, "consumer"},
        {"/subscribe?category=a&size=x", "", 400, "size"},
        {"/subscribe?category=a&consumer=1", "", 400, "size"},
        {"/subscribe?category=a&consumer=2&size=2", "", 400, "less than size"},
        {"/subscribe?category=a&consumer=-1&size=2", "", 400, "negative"},
    };
    open_fixture();
    expect_refusals(cases, MR_COUNT_OF(cases), "\r\nContent-Type: text/plain");
    mr_sub_close(&f);
}

MR_TEST(who_has_no_right_is_refused_before_the_query_is_looked_at)
{
    static const refusal cases[] = {
        {"/subscribe", "", 401, "\"AUTH_REQUIRED\""},
        {"/subscribe?all=true", "Authorization: bearer " TOKEN "\r\n", 401, "\"AUTH_REQUIRED\""},
        {"/subscribe?all=true&token=x", "Authorization: Bearer " TOKEN "\r\n", 401,
         "\"AUTH_INVALID_TOKEN\""},
        {"/subscribe?all=true&token=ns_ZGVmYXVsdA_1" TOKEN_TAIL, "", 401, "\"AUTH_INVALID_TOKEN\""},
        {"/subscribe?all=true&token=ns_bm9uZQ_" TOKEN_TAIL, "", 403, "\"namespace\":\"none\""},
        {"/subscribe?all=true&token=" TOKEN, "", 403, "\"AUTH_UNAUTHORIZED\""},
    };
    mr_sub_open(&f, &(mr_sub_options){.no_test_mode = true});
    expect_refusals(cases, MR_COUNT_OF(cases), "\r\nContent-Type: application/json");
    mr_sub_delete_space(&f, "default");
    mr_sub_make_space(&f, "default", TOKEN);
    expect_pokes("/subscribe?all=true&token=" TOKEN, "", "");
    expect_pokes("/subscribe?all=true", "Authorization: Bearer " TOKEN "\r\n", "");
    mr_sub_close(&f);
}

MR_TEST(a_namespace_that_is_not_there_is_not_found)
{
    static const refusal cases[] = {
        {"/subscribe?all=true&token=ns_bm9uZQ_" TOKEN_TAIL, "", 404,
         "{\"error\":{\"code\":\"NAMESPACE_NOT_FOUND\",\"message\":\"Namespace 'none' not "
         "found\"}}"},
    };
    open_fixture();
    expect_refusals(cases, MR_COUNT_OF(cases), "\r\nContent-Type: application/json");
    mr_sub_close(&f);
}

MR_TEST(headers_and_ready_come_at_once_for_each_kind)
{
    static const char *const targets[] = {"/subscribe?stream=a-1", "/subscribe?category=a",
                                          "/subscribe?all=true", "/subscribe?all=true&body=true"};
    open_fixture();
    for (size_t i = 0; i < MR_COUNT_OF(targets); i++) {
        mr_sse sse;
        mr_sub_subscribe(&f, &sse, targets[i]);
        MR_EXPECT_U64(sse.status, ==, 200);
        static const char *const lines[] = {
            "\r\nContent-Type: text/event-stream\r\n", "\r\nCache-Control: no-cache\r\n",
            "\r\nConnection: keep-alive\r\n", "\r\nAccess-Control-Allow-Origin: *\r\n",
            "\r\nTransfer-Encoding: chunked\r\n"};
        for (size_t l = 0; l < MR_COUNT_OF(lines); l++)
            if (strstr(sse.head.ptr, lines[l]) == NULL)
                MR_TEST_FAIL("%s is missing in %s", lines[l], sse.head.ptr);
        mr_sse_close(&sse);
    }
    mr_sub_close(&f);
}

MR_TEST(head_is_answered_and_keeps_nobody_waiting)
{
    static const struct {
        const char *target;
        unsigned status;
    } cases[] = {{"/subscribe?all=true", 200}, {"/subscribe", 400}, {"/subscribe?all=true", 200}};
    mr_wire wire;
    open_fixture();
    mr_wire_open(&wire, f.ports[0]);
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        char request[100];
        snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].target);
        MR_EXPECT(mr_wire_say(&wire, request));
        MR_EXPECT_U64(mr_wire_answer_of(&wire, true).status, ==, cases[i].status);
    }
    mr_sub_await_metric(&f, "millrace_subscribers ", 0);
    mr_wire_close(&wire);
    mr_sub_close(&f);
}

/* --- Catching up and live --------------------------------------------------------------------- */

MR_TEST(each_scope_pokes_for_what_it_is_about)
{
    open_fixture();
    mr_sub_append(&f, "account-1", 2);  /* 1 2 */
    mr_sub_append(&f, "account-2", 1);  /* 3 */
    mr_sub_append(&f, "account", 1);    /* 4 */
    mr_sub_append(&f, "accounts-1", 1); /* 5 */
    mr_sub_append(&f, "account-1", 1);  /* 6 */
    expect_pokes("/subscribe?stream=account-1", "", "1 2 6");
    expect_pokes("/subscribe?stream=account-1&position=1", "", "2 6");
    expect_pokes("/subscribe?stream=account-1&position=-9", "", "1 2 6");
    expect_pokes("/subscribe?stream=account-1&position=3", "", "");
    expect_pokes("/subscribe?stream=account", "", "4");
    expect_pokes("/subscribe?category=account", "", "1 2 3 4 6");
    expect_pokes("/subscribe?category=account&position=3", "", "3 4 6");
    expect_pokes("/subscribe?category=account-1", "", "");
    expect_pokes("/subscribe?all=true", "", "");
    expect_pokes("/subscribe?all=true&position=3", "", "");
    expect_pokes("/subscribe?all=true&catchup=true", "", "1 2 3 4 5 6");
    expect_pokes("/subscribe?all=true&catchup=true&position=5", "", "5 6");
    mr_sub_close(&f);
}

MR_TEST(live_pokes_follow_each_write_in_one_piece)
{
    static const struct {
        const char *target, *wanted;
    } cases[] = {
        {"/subscribe?stream=account-1", "1 2 4"},
        {"/subscribe?stream=account-1&position=2", "4"},
        {"/subscribe?category=account", "1 2 3 4"},
        {"/subscribe?category=account&position=3", "3 4"},
        {"/subscribe?category=other", "5"},
        {"/subscribe?all=true", "1 2 3 4 5"},
        {"/subscribe?all=true&position=4", "4 5"},
        {"/subscribe?all=true&catchup=true&position=2", "2 3 4 5"},
    };
    mr_sse sse[MR_COUNT_OF(cases)];
    open_fixture();
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++)
        mr_sub_subscribe(&f, &sse[i], cases[i].target);
    mr_sub_append(&f, "account-1", 2);
    mr_sub_append(&f, "account-2", 1);
    mr_sub_append(&f, "account-1", 1);
    mr_sub_append(&f, "other", 1);
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_sse_expect(&sse[i], cases[i].wanted);
        MR_EXPECT_U64(sse[i].split_count, ==, 0);
        mr_sse_close(&sse[i]);
    }
    mr_sub_close(&f);
}

MR_TEST(all_without_catchup_begins_behind_what_exists)
{
    mr_sse sse;
    open_fixture();
    for (int i = 0; i < 50; i++) {
        mr_sub_append(&f, "a-1", 1);
        mr_sub_subscribe(&f, &sse, "/subscribe?all=true");
        mr_sub_append(&f, "a-1", 1);
        mr_sse_expect_run(&sse, 2 * i + 2, 2 * i + 2);
        mr_sse_close(&sse);
    }
    mr_sub_close(&f);
}

MR_TEST(catching_up_is_complete_beyond_a_thousand)
{
    enum { COUNT = 5000 };
    mr_sse sse;
    open_fixture();
    for (int i = 0; i < COUNT / 500; i++)
        mr_sub_append(&f, "many-1", 500);
    static const char *const targets[] = {"/subscribe?stream=many-1", "/subscribe?category=many",
                                          "/subscribe?all=true&catchup=true",
                                          "/subscribe?category=many&body=true"};
    for (size_t i = 0; i < MR_COUNT_OF(targets); i++) {
        mr_sub_subscribe(&f, &sse, targets[i]);
        mr_sse_expect_run(&sse, 1, COUNT);
        mr_sse_close(&sse);
    }
    mr_sub_close(&f);
}

/* --- Groups ----------------------------------------------------------------------------------- */

MR_TEST(groups_split_a_category_by_md5_before_and_after_catching_up)
{
    static const char *const streams[] = {"group-1", "group-2", "group-3", "group-4"};
    mr_sse members[2], old;
    open_fixture();
    for (int phase = 0; phase < 2; phase++) {
        if (phase == 1) {
            mr_sub_subscribe(&f, &members[0], "/subscribe?category=group&consumer=0&size=2");
            mr_sub_subscribe(&f, &members[1], "/subscribe?category=group&consumer=1&size=2");
            mr_sub_subscribe(&f, &old,
                             "/subscribe?category=group&consumerGroupMember=1&consumerGroupSize=2");
        }
        for (size_t i = 0; i < MR_COUNT_OF(streams); i++)
            mr_sub_append(&f, streams[i], 1);
        mr_sub_append(&f, "group", 1); /* of no member */
    }
    mr_sse_expect(&members[0], "1 3 6 8");
    mr_sse_expect(&members[1], "2 4 7 9");
    mr_sse_expect(&old, "2 4 7 9");
    for (size_t i = 0; i < 4; i++) {
        MR_EXPECT_TEXT(members[0].events[i].stream, i % 2 == 0 ? "group-1" : "group-3");
        MR_EXPECT_TEXT(members[1].events[i].stream, i % 2 == 0 ? "group-2" : "group-4");
    }
    mr_sse_close(&members[0]);
    mr_sse_close(&members[1]);
    mr_sse_close(&old);
    mr_sub_close(&f);
}

/* --- Messages --------------------------------------------------------------------------------- */

MR_TEST(body_true_brings_the_messages)
{
    mr_sse sse;
    open_fixture();
    mr_sub_write(&f, "a-1", "{\"n\":12345678901234567890,\"t\":\"x\\ny\"}");
    mr_sub_subscribe(&f, &sse, "/subscribe?category=a&body=true");
    mr_sse_await(&sse, 1);
    MR_EXPECT(strstr(sse.data.ptr,
                     "\"a-1\",\"Tested\",0,1,"
                     "{\"n\":12345678901234567890,\"t\":\"x\\ny\"},null,\"20") != NULL);
    mr_sub_write(&f, "a-1", "{\"n\":1.0}");
    mr_sse_await(&sse, 2);
    MR_EXPECT(strstr(sse.data.ptr, "\"a-1\",\"Tested\",1,2,{\"n\":1.0},null,\"20") != NULL);
    MR_EXPECT(mr_slice_ends(mr_buffer_slice(&sse.data), "Z\"]"));
    mr_sse_close(&sse);
    mr_sub_close(&f);
}

MR_TEST(messages_larger_than_any_output_limit_come_whole)
{
    static const size_t sizes[] = {100, 20000, 30000, 40000, 70000, 300000, 5000000, 10};
    mr_sse early, late;
    open_fixture();
    mr_sub_subscribe(&f, &early, "/subscribe?stream=large-1&body=true");
    for (size_t i = 0; i < MR_COUNT_OF(sizes); i++) {
        char *data = mr_mem_alloc(sizes[i] + 9);
        memset(data, 'x', sizes[i] + 8);
        memcpy(data, "{\"d\":\"", 6);
        memcpy(data + sizes[i] + 6, "\"}", 3);
        mr_sub_write(&f, "large-1", data);
        mr_mem_free(data);
        if (i % 2 == 0) mr_sse_await(&early, i + 1);
    }
    mr_sub_subscribe(&f, &late, "/subscribe?category=large&body=true");
    mr_sse_expect(&early, "1 2 3 4 5 6 7 8");
    mr_sse_expect(&late, "1 2 3 4 5 6 7 8");
    mr_sse_close(&early);
    mr_sse_close(&late);
    mr_sub_close(&f);
}

/* --- Coming again ----------------------------------------------------------------------------- */

MR_TEST(last_event_id_goes_on_behind_it)
{
    open_fixture();
    for (int i = 0; i < 3; i++) {
        mr_sub_append(&f, "a-1", 1); /* 1 3 5 */
        mr_sub_append(&f, "b-1", 1); /* 2 4 6 */
    }
    expect_pokes("/subscribe?category=a", "Last-Event-ID: 1\r\n", "3 5");
    expect_pokes("/subscribe?category=a&position=4", "Last-Event-ID: 1\r\n", "5");
    expect_pokes("/subscribe?category=a&position=1", "Last-Event-ID: 3\r\n", "5");
    expect_pokes("/subscribe?stream=a-1", "Last-Event-ID: 2\r\n", "3 5");
    expect_pokes("/subscribe?stream=a-1&position=2", "Last-Event-ID: 2\r\n", "5");
    expect_pokes("/subscribe?stream=a-1", "Last-Event-ID: 5\r\n", "");
    expect_pokes("/subscribe?all=true", "Last-Event-ID: 4\r\n", "5 6");
    expect_pokes("/subscribe?all=true", "last-event-id: 6\r\n", "");
    expect_pokes("/subscribe?category=a", "Last-Event-ID: x\r\n", "1 3 5");
    expect_pokes("/subscribe?category=a", "Last-Event-ID:\r\n", "1 3 5");
    /* Of a time before everything was cleared. */
    expect_pokes("/subscribe?category=a", "Last-Event-ID: 7\r\n", "1 3 5");
    mr_sub_close(&f);
}

MR_TEST(a_stream_resumed_by_event_id_goes_on_live)
{
    mr_sse sse;
    open_fixture();
    mr_sub_append(&f, "a-1", 300);
    mr_sse_open(&sse, f.ports[0], "/subscribe?stream=a-1", "Last-Event-ID: 300\r\n", 0);
    mr_sse_await_ready(&sse);
    mr_sub_append(&f, "b-1", 1);
    mr_sub_append(&f, "a-1", 2);
    mr_sse_expect(&sse, "302 303");
    mr_sse_close(&sse);
    mr_sub_close(&f);
}

/* --- Imports, clearing, deleting -------------------------------------------------------------- */

MR_TEST(imports_poke)
{
    mr_sse stream, category;
    open_fixture();
    mr_sub_append(&f, "a-1", 1);
    mr_sub_subscribe(&f, &stream, "/subscribe?stream=a-1");
    mr_sub_subscribe(&f, &category, "/subscribe?category=a");
    mr_sub_import(&f, "a-1", 7, 100);
    mr_sub_import(&f, "a-2", 0, 200);
    mr_sub_append(&f, "a-1", 1);
    mr_sse_expect(&stream, "1 100 201");
    mr_sse_expect(&category, "1 100 200 201");
    mr_sse_close(&stream);
    mr_sse_close(&category);
    mr_sub_close(&f);
}

MR_TEST(imports_below_what_was_delivered_poke_too)
{
    mr_sse stream, category, all;
    open_fixture();
    mr_sub_import(&f, "a-1", 0, 100);
    mr_sub_subscribe(&f, &stream, "/subscribe?stream=b-1");
    mr_sub_subscribe(&f, &category, "/subscribe?category=b");
    mr_sub_subscribe(&f, &all, "/subscribe?all=true");
    mr_sub_import(&f, "b-1", 0, 50);
    mr_sse_await(&stream, 1);
    mr_sse_await(&category, 1);
    mr_sse_await(&all, 1);
    mr_sub_append(&f, "b-1", 1);
    mr_sse_expect(&stream, "50 101");
    mr_sse_expect(&category, "50 101");
    mr_sse_expect(&all, "50 100 101"); /* a poke may come without need */
    mr_sse_close(&stream);
    mr_sse_close(&category);
    mr_sse_close(&all);
    mr_sub_close(&f);
}

MR_TEST(after_clearing_a_subscription_begins_again_at_its_position)
{
    mr_sse category, later, all, stream;
    open_fixture();
    mr_sub_append(&f, "a-1", 3);
    mr_sub_subscribe(&f, &category, "/subscribe?category=a");
    mr_sub_subscribe(&f, &later, "/subscribe?category=a&position=2");
    mr_sub_subscribe(&f, &all, "/subscribe?all=true");
    mr_sub_subscribe(&f, &stream, "/subscribe?stream=a-1&position=1");
    mr_sse_await(&category, 3);
    mr_sse_await(&later, 2);
    mr_sse_await(&stream, 2);
    mr_sub_clear(&f);
    mr_sub_append(&f, "a-1", 2);
    mr_sse_expect(&category, "1 2 3 1 2");
    mr_sse_expect(&later, "2 3 2");
    mr_sse_expect(&all, "1 2");
    mr_sse_expect(&stream, "2 3 2");
    mr_sse_close(&category);
    mr_sse_close(&later);
    mr_sse_close(&all);
    mr_sse_close(&stream);
    mr_sub_close(&f);
}

MR_TEST(deleting_the_namespace_ends_its_streams_and_no_others)
{
    mr_sse gone[3], stays;
    open_fixture();
    mr_sub_make_space(&f, "none", "x");
    mr_sub_subscribe(&f, &gone[0], "/subscribe?all=true&token=ns_bm9uZQ_" TOKEN_TAIL);
    mr_sub_subscribe(&f, &gone[1], "/subscribe?category=a&token=ns_bm9uZQ_" TOKEN_TAIL);
    mr_sub_subscribe(&f, &gone[2], "/subscribe?stream=a&body=true&token=ns_bm9uZQ_" TOKEN_TAIL);
    mr_sub_subscribe(&f, &stays, "/subscribe?all=true");
    mr_sub_delete_space(&f, "none");
    for (int i = 0; i < 3; i++) {
        mr_sse_await_end(&gone[i]);
        MR_EXPECT(gone[i].ended);
        mr_sse_close(&gone[i]);
    }
    mr_sub_append(&f, "a-1", 1);
    mr_sse_expect(&stays, "1");
    mr_sse_close(&stays);
    mr_sub_close(&f);
}

/* --- The end, and signs of life --------------------------------------------------------------- */

MR_TEST(stopping_ends_all_streams_properly)
{
    mr_sse sse[6];
    open_fixture();
    mr_sub_append(&f, "a-1", 3000);
    for (int i = 0; i < 6; i++)
        mr_sub_subscribe(&f, &sse[i], i % 2 == 0 ? "/subscribe?all=true" : "/subscribe?category=a");
    mr_sub_stop_servers(&f);
    for (int i = 0; i < 6; i++) {
        mr_sse_await_end(&sse[i]);
        MR_EXPECT(sse[i].ended);
        mr_sse_close(&sse[i]);
    }
    mr_sub_close(&f);
}

MR_TEST(idle_streams_beat)
{
    mr_sse sse[3];
    mr_sub_open(&f, &(mr_sub_options){.heartbeat_ms = 50});
    for (int i = 0; i < 3; i++)
        mr_sub_subscribe(&f, &sse[i], "/subscribe?all=true");
    for (int i = 0; i < 3; i++)
        for (int tries = 0; sse[i].beat_count < 4; tries++) {
            MR_EXPECT(tries < 100);
            mr_sse_receive(&sse[i], 100);
        }
    mr_sub_append(&f, "a-1", 1);
    for (int i = 0; i < 3; i++) {
        mr_sse_await(&sse[i], 1);
        mr_sse_close(&sse[i]);
    }
    mr_sub_await_metric(&f, "millrace_subscribers ", 0);
    mr_sub_close(&f);
}

MR_TEST(subscribers_and_events_are_counted)
{
    mr_sse sse[2];
    open_fixture();
    mr_sub_append(&f, "a-1", 3);
    mr_sub_subscribe(&f, &sse[0], "/subscribe?category=a");
    mr_sub_subscribe(&f, &sse[1], "/subscribe?all=true");
    mr_sub_await_metric(&f, "millrace_subscribers ", 2);
    mr_sse_await(&sse[0], 3);
    mr_sub_append(&f, "a-1", 1);
    mr_sse_await(&sse[0], 4);
    mr_sse_await(&sse[1], 1);
    mr_sub_await_metric(&f, "millrace_subscriber_events_total ", 5);
    MR_EXPECT_U64(mr_sub_metric(&f, "millrace_subscriber_reads_total "), ==, 1);
    MR_EXPECT_U64(mr_sub_metric(&f, "millrace_subscriber_slow_total "), ==, 0);
    mr_sse_abort(&sse[0]);
    mr_sub_await_metric(&f, "millrace_subscribers ", 1);
    mr_sse_close(&sse[1]);
    mr_sub_await_metric(&f, "millrace_subscribers ", 0);
    mr_sub_close(&f);
}
