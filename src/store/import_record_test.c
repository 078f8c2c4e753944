/* SPDX-License-Identifier: MIT */
#include "store/import_record.h"

#include "core/clock.h"
#include "support/test.h"

#define ID   "\"id\":\"0190b7c4-0000-7000-8000-00000000000a\""
#define REST "\"stream\":\"a-1\",\"type\":\"T\",\"pos\":0,\"gpos\":1,\"data\":{},\"meta\":null"
#define TIME "\"time\":\"2025-01-15T10:00:00Z\""

typedef struct record_case {
    mr_arena arena;
    mr_message message;
    mr_error err;
} record_case;

static mr_import_verdict verdict_of(record_case *own, const char *line)
{
    mr_arena_reset(&own->arena);
    own->err.text[0] = '\0';
    own->message = (mr_message){.position = -9};
    return mr_import_record(mr_slice_text(line), &own->arena, &own->message, &own->err);
}

static void record_open(record_case *own)
{
    mr_arena_init(&own->arena, "test.import", 1 << 20);
}

MR_TEST(a_line_of_an_export_is_read)
{
    record_case c;
    char id[MR_UUID_TEXT_BYTES];
    record_open(&c);
    MR_EXPECT_U64(verdict_of(&c, "{\"id\":\"0190b7c4-0000-7000-8000-00000000000a\","
                                 "\"stream\":\"account-1\",\"type\":\"Opened\",\"pos\":3,"
                                 "\"gpos\":77,\"data\":{\"n\":12345678901234567890},"
                                 "\"meta\":{\"by\":\"me\"},\"time\":\"2025-01-15T10:00:00.25Z\"}"),
                  ==, MR_IMPORT_GOOD);
    mr_uuid_format(&c.message.id.uuid, id);
    MR_EXPECT(c.message.id.text.ptr == NULL);
    MR_EXPECT_SLICE(mr_slice_of(id, sizeof id), "0190b7c4-0000-7000-8000-00000000000a");
    MR_EXPECT_SLICE(c.message.stream, "account-1");
    MR_EXPECT_SLICE(c.message.type, "Opened");
    MR_EXPECT_I64(c.message.position, ==, 3);
    MR_EXPECT_I64(c.message.global_position, ==, 77);
    MR_EXPECT_SLICE(c.message.data, "{\"n\":12345678901234567890}");
    MR_EXPECT_SLICE(c.message.metadata, "{\"by\":\"me\"}");
    MR_EXPECT_I64(c.message.time_us, ==, 1736935200250000);
    mr_arena_done(&c.arena);
}

MR_TEST(order_unknown_fields_white_space_and_repetition_do_not_matter)
{
    record_case c;
    record_open(&c);
    MR_EXPECT_U64(verdict_of(&c, " { \"x\" : [1,{\"id\":2}] , " TIME ", \"meta\" : { \"a\" : 1 },"
                                 "\"gpos\":5,\"data\": { } ,\"pos\": 9 ,\"stream\":\"old\","
                                 "\"type\":\"\\u0054\",\"stream\":\"s\\u002d1\"," ID "}\r"),
                  ==, MR_IMPORT_GOOD);
    MR_EXPECT_SLICE(c.message.stream, "s-1");
    MR_EXPECT_SLICE(c.message.type, "T");
    MR_EXPECT_SLICE(c.message.data, "{}");
    MR_EXPECT_SLICE(c.message.metadata, "{\"a\":1}");
    MR_EXPECT_I64(c.message.position, ==, 9);
    mr_arena_done(&c.arena);
}

MR_TEST(data_may_be_null_or_absent_and_so_may_metadata)
{
    static const char *const lines[] = {
        "{" ID ",\"stream\":\"a\",\"type\":\"T\",\"pos\":0,\"gpos\":1,\"data\":null," TIME "}",
        "{" ID ",\"stream\":\"a\",\"type\":\"T\",\"pos\":0,\"gpos\":1,\"meta\":null," TIME "}",
        "{" ID ",\"stream\":\"a\",\"type\":\"T\",\"pos\":null,\"gpos\":1," TIME "}",
        "{" ID ",\"stream\":\"a\",\"type\":\"T\",\"gpos\":1," TIME "}",
    };
    record_case c;
    record_open(&c);
    for (size_t i = 0; i < MR_COUNT_OF(lines); i++) {
        MR_EXPECT_U64(verdict_of(&c, lines[i]), ==, MR_IMPORT_GOOD);
        MR_EXPECT(c.message.data.ptr == NULL && c.message.metadata.ptr == NULL);
        MR_EXPECT_I64(c.message.position, ==, 0);
    }
    mr_arena_done(&c.arena);
}

MR_TEST(ids_are_spelled_in_one_way)
{
    static const char *const ids[] = {
        "0190B7C4-0000-7000-8000-00000000000A",
        "0190b7c400007000800000000000000a",
        "{0190b7c4-0000-7000-8000-00000000000a}",
        "urn:uuid:0190b7c4-0000-7000-8000-00000000000a",
    };
    record_case c;
    record_open(&c);
    for (size_t i = 0; i < MR_COUNT_OF(ids); i++) {
        char line[400], id[MR_UUID_TEXT_BYTES];
        snprintf(line, sizeof line, "{\"id\":\"%s\"," REST "," TIME "}", ids[i]);
        MR_EXPECT_U64(verdict_of(&c, line), ==, MR_IMPORT_GOOD);
        mr_uuid_format(&c.message.id.uuid, id);
        MR_EXPECT_SLICE(mr_slice_of(id, sizeof id), "0190b7c4-0000-7000-8000-00000000000a");
    }
    mr_arena_done(&c.arena);
}

static const struct {
    const char *line, *says;
    mr_import_verdict verdict;
} faults[] = {
#define JSON   MR_IMPORT_INVALID_JSON
#define RECORD MR_IMPORT_INVALID_RECORD
    {"", "byte 0", JSON},
    {"[]", "byte 0: expected '{', found '['", JSON},
    {"null", "expected '{'", JSON},
    {"{", "byte 1", JSON},
    {"{" ID "," REST "," TIME "} x", "expected the end of the text, found 'x'", JSON},
    {"{" ID "," REST "," TIME, "expected ',' or '}'", JSON},
    {"{" ID "," REST "," TIME ",}", "expected a key", JSON},
    {"{\"id\":1," REST "," TIME "}", "field 'id': expected a string, found a number", JSON},
    {"{" ID "," REST "," TIME ",\"data\":[]}", "field 'data': expected an object, found an array",
     JSON},
    {"{" ID "," REST "," TIME ",\"data\":\"x\"}", "'data': expected an object, found a string",
     JSON},
    {"{" ID "," REST "," TIME ",\"meta\":true}", "'meta': expected an object, found a boolean",
     JSON},
    {"{" ID "," REST "," TIME ",\"gpos\":\"1\"}", "'gpos': expected a number, found a string",
     JSON},
    {"{" ID "," REST "," TIME ",\"pos\":1.0}", "expected an integer of 64 bits, found 1.0", JSON},
    {"{" ID "," REST "," TIME ",\"gpos\":1e3}", "expected an integer of 64 bits, found 1e3", JSON},
    {"{" ID "," REST "," TIME ",\"gpos\":99999999999999999999}", "an integer of 64 bits", JSON},
    {"{" ID "," REST ",\"time\":5}", "field 'time': expected a string, found a number", JSON},
    {"{}", "field 'id' is missing or empty", RECORD},
    {"{\"id\":\"\"," REST "," TIME "}", "field 'id' is missing or empty", RECORD},
    {"{\"id\":null," REST "," TIME "}", "field 'id' is missing or empty", RECORD},
    {"{\"id\":\"x\\ny\"," REST "," TIME "}", "field 'id': expected a UUID, found 'x?y'", RECORD},
    {"{" ID "," REST "," TIME ",\"stream\":\"\"}", "field 'stream' is missing or empty", RECORD},
    {"{" ID "," REST "," TIME ",\"stream\":\"a\\u0000b\"}", "field 'stream'", RECORD},
    {"{" ID "," REST "," TIME ",\"type\":\"\"}", "field 'type' is missing or empty", RECORD},
    {"{" ID "," REST "," TIME ",\"pos\":-1}", "field 'pos' is -1; expected 0 or more", RECORD},
    {"{" ID "," REST "," TIME ",\"gpos\":0}", "field 'gpos' is 0; expected 1 or more", RECORD},
    {"{" ID "," REST "," TIME ",\"gpos\":-5}", "field 'gpos' is -5", RECORD},
    {"{" ID "," REST "," TIME ",\"gpos\":null}", "field 'gpos' is 0", RECORD},
    {"{" ID "," REST "," TIME ",\"gpos\":9223372036854775807}", "field 'gpos' is 9223372036854",
     RECORD},
    {"{" ID "," REST "}", "field 'time' is missing or empty", RECORD},
    {"{" ID "," REST ",\"time\":\"yesterday\"}", "expected RFC 3339", RECORD},
    {"{" ID "," REST ",\"time\":\"2025-02-30T00:00:00Z\"}", "expected RFC 3339", RECORD},
};

MR_TEST(each_fault_has_its_code_and_says_what_was_expected)
{
    record_case c;
    record_open(&c);
    for (size_t i = 0; i < MR_COUNT_OF(faults); i++) {
        const mr_import_verdict verdict = verdict_of(&c, faults[i].line);
        if (verdict != faults[i].verdict || strstr(c.err.text, faults[i].says) == NULL)
            MR_TEST_FAIL("%s: verdict %d, '%s'\n", faults[i].line, verdict, c.err.text);
    }
    mr_arena_done(&c.arena);
}

MR_TEST(a_long_stream_name_is_refused)
{
    record_case c;
    char line[2000], name[1100];
    record_open(&c);
    memset(name, 'n', sizeof name);
    snprintf(line, sizeof line, "{" ID "," REST "," TIME ",\"stream\":\"%.*s\"}", 1025, name);
    MR_EXPECT_U64(verdict_of(&c, line), ==, RECORD);
    snprintf(line, sizeof line, "{" ID "," REST "," TIME ",\"stream\":\"%.*s\"}", 1024, name);
    MR_EXPECT_U64(verdict_of(&c, line), ==, MR_IMPORT_GOOD);
    mr_arena_done(&c.arena);
}

MR_TEST(every_cut_of_a_line_is_invalid_json)
{
    static const char line[] = "{" ID "," REST "," TIME "}";
    record_case c;
    record_open(&c);
    for (size_t len = 0; len + 1 < sizeof line; len++) {
        mr_arena_reset(&c.arena);
        MR_EXPECT_U64(mr_import_record(mr_slice_of(line, len), &c.arena, &c.message, &c.err), ==,
                      JSON);
    }
    mr_arena_done(&c.arena);
}

MR_TEST(a_full_arena_is_told_from_a_bad_line)
{
    record_case c;
    mr_arena_init(&c.arena, "test.import", 1);
    MR_EXPECT_U64(verdict_of(&c, "{" ID "," REST "," TIME ",\"data\":{ \"a\":1}}"), ==,
                  MR_IMPORT_NO_ROOM);
    MR_EXPECT(c.err.code == MR_ERR_LIMIT);
    mr_arena_done(&c.arena);
}

MR_TEST(reading_usual_lines_allocates_nothing_and_is_fast)
{
    static const char line[] =
        "{\"id\":\"0190b7c4-0000-7000-8000-00000000000a\",\"stream\":\"account-123\","
        "\"type\":\"AccountOpened\",\"pos\":3,\"gpos\":77,\"data\":{\"counter\":1736935200250,"
        "\"message\":\"a text of some length, as bodies are wont to have it, about\","
        "\"nested\":{\"a\":1,\"b\":\"two\",\"c\":true}},\"meta\":{\"correlationStreamName\":"
        "\"other-1\",\"by\":\"me\"},\"time\":\"2025-01-15T10:00:00.25Z\"}";
    record_case c;
    record_open(&c);
    MR_EXPECT_U64(verdict_of(&c, line), ==, MR_IMPORT_GOOD);
    const uint64_t mallocs = mr_test_malloc_count();
    const int64_t start = mr_clock_cpu_ns();
    for (int i = 0; i < 100000; i++)
        if (mr_import_record(mr_slice_of(line, sizeof line - 1), &c.arena, &c.message, &c.err) !=
            MR_IMPORT_GOOD)
            MR_TEST_FAIL("%s\n", c.err.text);
    const double rate = 1e14 / (double)(mr_clock_cpu_ns() - start);
    print_message("%.0f thousand lines of %zu bytes a second\n", rate / 1000, sizeof line - 1);
    MR_EXPECT_U64(mr_test_malloc_count(), ==, mallocs);
    mr_arena_done(&c.arena);
}
