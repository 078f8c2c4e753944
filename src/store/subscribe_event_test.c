/* SPDX-License-Identifier: MIT
 *
 * Events, byte for byte.
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "store/subscribe_internal.h"
#include "support/test.h"

static const mr_message plain = {
    .id.uuid = {{0x01, 0x92, 0xab, 0xcd, 0xef, 0x01, 0x72, 0x34, 0x85, 0x67, 0x89, 0xab, 0xcd, 0xef,
                 0x01, 0x23}},
    .stream = {"account-123", 11},
    .type = {"Opened", 6},
    .position = 5,
    .global_position = 1234,
    .data = {"{\"a\":1.10}", 10},
    .time_us = 1737000000123450,
};

static mr_slice event_of(const mr_message *message, bool body)
{
    static mr_buffer out;
    mr_buffer_done(&out);
    mr_buffer_init(&out, "test", 1u << 20);
    MR_EXPECT(mr_subscribe_put_event(message, body, &out) == MR_OK);
    return mr_buffer_slice(&out);
}

MR_TEST(a_poke_is_three_lines_and_an_empty_one)
{
    MR_EXPECT_SLICE(event_of(&plain, false),
                    "event: poke\nid: 1234\ndata: {\"stream\":\"account-123\",\"position\":5,"
                    "\"globalPosition\":1234}\n\n");
}

MR_TEST(a_message_is_the_row_of_a_category_read)
{
    MR_EXPECT_SLICE(event_of(&plain, true),
                    "event: message\nid: 1234\ndata: [\"0192abcd-ef01-7234-8567-89abcdef0123\","
                    "\"account-123\",\"Opened\",5,1234,{\"a\":1.10},null,"
                    "\"2025-01-16T04:00:00.12345Z\"]\n\n");
}

MR_TEST(what_is_not_there_is_null)
{
    mr_message message = plain;
    message.id.text = MR_SLICE("an \"id\"");
    message.data = (mr_slice){0};
    message.metadata = MR_SLICE("{}");
    message.time_us = -1;
    MR_EXPECT_SLICE(event_of(&message, true),
                    "event: message\nid: 1234\ndata: [\"an \\\"id\\\"\",\"account-123\","
                    "\"Opened\",5,1234,null,{},\"1969-12-31T23:59:59.999999Z\"]\n\n");
    message.time_us = 1737000000000000;
    message.data = MR_SLICE("{}");
    MR_EXPECT(mr_slice_ends(event_of(&message, true), "\"2025-01-16T04:00:00Z\"]\n\n"));
}

MR_TEST(nothing_in_a_message_can_end_its_line)
{
    mr_message message = plain;
    message.stream = MR_SLICE("a\n\ndata: x\r\"\\\t\x01");
    message.type = MR_SLICE("b\r\nc");
    message.data = MR_SLICE("{\n\n\"a\":\r\n1}");
    message.metadata = MR_SLICE("{\n}");
    for (int body = 0; body < 2; body++) {
        const mr_slice event = event_of(&message, body != 0);
        size_t lines = 0;
        for (size_t i = 0; i < event.len; i++) {
            MR_EXPECT(event.ptr[i] != '\r');
            lines += event.ptr[i] == '\n';
        }
        MR_EXPECT_U64(lines, ==, 4);
        MR_EXPECT(mr_slice_ends(event, "\n\n"));
    }
}

MR_TEST(an_event_beyond_the_buffer_leaves_it_as_it_was)
{
    mr_buffer out;
    mr_error err;
    mr_buffer_init(&out, "test", 60);
    MR_EXPECT_OK(mr_buffer_append(&out, MR_SLICE("before"), &err));
    MR_EXPECT(mr_subscribe_put_event(&plain, false, &out) != MR_OK);
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "before");
    MR_EXPECT(mr_subscribe_put_event(&plain, true, &out) != MR_OK);
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "before");
    mr_buffer_done(&out);
}

MR_TEST(the_estimate_covers_names_that_need_no_escapes)
{
    mr_message message = plain;
    message.position = message.global_position = INT64_MIN;
    message.metadata = MR_SLICE("{\"correlationStreamName\":\"a-1\"}");
    for (int body = 0; body < 2; body++)
        MR_EXPECT_U64(event_of(&message, body != 0).len, <=,
                      mr_subscribe_event_bytes(&message, body != 0));
}

MR_TEST(events_are_formatted_without_allocating_once_warm)
{
    mr_buffer out;
    mr_buffer_init(&out, "test", 1u << 20);
    MR_EXPECT(mr_subscribe_put_event(&plain, true, &out) == MR_OK);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 1000; i++) {
        mr_buffer_reset(&out);
        MR_EXPECT(mr_subscribe_put_event(&plain, i % 2 == 0, &out) == MR_OK);
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    mr_buffer_done(&out);
}
