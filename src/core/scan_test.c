/* SPDX-License-Identifier: MIT
 *
 * The scanner beside its slow twin (support/scan_twin.h), the public JSON suite, and tables. */
#include "core/scan.h"

#include <dirent.h>

#include "support/scan_twin.h"
#include "support/test.h"

#define SUITE "tests/data/json-test-suite/test_parsing"

#define MESSAGE                                                                                    \
    "[\"stream.write\",\"test-stream-7\",{\"type\":\"TestEvent\",\"data\":{\"counter\":1712345678" \
    "901234567,\"message\":\"This is a test message number 17 for the performance test run\","     \
    "\"nested\":{\"a\":1,\"b\":\"two\",\"c\":true}},\"metadata\":{\"correlationStreamName\":"      \
    "\"workflow-123\",\"source\":\"perf\"}},{\"expectedVersion\":-1}]"

/* --- Whether it is JSON ----------------------------------------------------------------------- */

static bool agrees(mr_slice input, const char *name)
{
    bool accepted;
    const char *why = scan_differs(input, &accepted);
    if (why != NULL)
        MR_TEST_FAIL("%s: the twin disagrees: %s\n%.*s\n", name, why, (int)input.len, input.ptr);
    return accepted;
}

MR_TEST(the_json_suite_is_accepted_and_refused_as_it_says)
{
    DIR *suite = opendir(mr_test_path(SUITE));
    unsigned count = 0;
    MR_EXPECT(suite != NULL);
    for (struct dirent *entry; (entry = readdir(suite)) != NULL;) {
        char path[512];
        size_t len;
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, SUITE "/%s", entry->d_name);
        char *text = mr_test_read_file(mr_test_path(path), &len);
        const bool accepted = agrees((mr_slice){text, len}, entry->d_name);
        if ((entry->d_name[0] == 'y' && !accepted) || (entry->d_name[0] == 'n' && accepted))
            MR_TEST_FAIL("%s is %s\n", entry->d_name, accepted ? "accepted" : "refused");
        mr_mem_free(text);
        count++;
    }
    closedir(suite);
    MR_EXPECT_U64(count, ==, 318);
}

MR_TEST(a_text_cut_anywhere_is_what_the_twin_says)
{
    static const char text[] = " { \"a\\u00e9\" : [ 1.5e-3 , \"\\ud83d\\ude00\", \"x\\ud800y\", "
                               "true,false ,null, {} , [ ] ] , \"\xc3\xa9\xff\" : -0 } ";
    for (size_t from = 0; from < sizeof text - 1; from++)
        for (size_t to = from; to < sizeof text; to++)
            (void)agrees((mr_slice){text + from, to - from}, "cut");
}

MR_TEST(a_text_with_one_byte_changed_is_what_the_twin_says)
{
    static const char bytes[] = "\"\\{}[]:,0 -e.u\n\x1f\x80\xff\xed";
    for (size_t i = 0; i < sizeof MESSAGE - 1; i++)
        for (size_t j = 0; j < sizeof bytes - 1; j++) {
            char text[] = MESSAGE;
            text[i] = bytes[j];
            (void)agrees((mr_slice){text, sizeof text - 1}, "changed");
        }
}

static bool scans(const char *text, size_t len)
{
    mr_scan scan;
    mr_scan_value value;
    mr_scan_init(&scan, (mr_slice){text, len});
    return mr_scan_next(&scan, &value) && mr_scan_finish(&scan);
}

MR_TEST(brackets_may_be_a_thousand_deep_and_no_deeper)
{
    static char text[2 * (MR_SCAN_DEPTH_MAX + 1)];
    for (size_t depth = MR_SCAN_DEPTH_MAX; depth <= MR_SCAN_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        MR_EXPECT(scans(text, 2 * depth) == (depth == MR_SCAN_DEPTH_MAX));
        (void)agrees((mr_slice){text, 2 * depth}, "deep");
    }
}

MR_TEST(levels_that_were_entered_count_as_depth)
{
    static char text[2 * MR_SCAN_DEPTH_MAX + 2];
    mr_scan scan;
    mr_scan_value value;
    memset(text, '[', MR_SCAN_DEPTH_MAX + 1);
    memset(text + MR_SCAN_DEPTH_MAX + 1, ']', MR_SCAN_DEPTH_MAX + 1);
    mr_scan_init(&scan, (mr_slice){text, sizeof text});
    MR_EXPECT(mr_scan_enter(&scan, MR_SCAN_ARRAY) && mr_scan_element(&scan));
    MR_EXPECT(!mr_scan_next(&scan, &value));
    mr_scan_init(&scan, (mr_slice){text + 1, sizeof text - 2});
    MR_EXPECT(mr_scan_enter(&scan, MR_SCAN_ARRAY) && mr_scan_element(&scan));
    MR_EXPECT(mr_scan_next(&scan, &value));
}

/* --- What is wrong ---------------------------------------------------------------------------- */

static const struct {
    const char *text, *error;
} faults[] = {
    {"", "byte 0: expected a value, found the end of the text"},
    {"  ", "byte 2: expected a value, found the end of the text"},
    {"[1,]", "byte 3: expected a value, found ']'"},
    {"[1 2]", "byte 3: expected ',' or ']', found '2'"},
    {"[1", "byte 2: expected ',' or ']', found the end of the text"},
    {"[1}", "byte 2: expected ',' or ']', found '}'"},
    {"{\"a\" 1}", "byte 5: expected ':', found '1'"},
    {"{\"a\":1,}", "byte 7: expected a key, found '}'"},
    {"{a:1}", "byte 1: expected a key, found 'a'"},
    {"{\"a\":1 \"b\":2}", "byte 7: expected ',' or '}', found '\"'"},
    {"[1] x", "byte 4: expected the end of the text, found 'x'"},
    {"\"a", "byte 2: expected '\"' to end a string, found the end of the text"},
    {"\"a\nb\"", "byte 2: control character in a string, found byte 0x0a"},
    {"\"\\q\"", "byte 2: expected an escape, found 'q'"},
    {"\"\\u12g4\"", "byte 1: expected \\u and four hex digits, found '\\'"},
    {"-", "byte 1: expected a digit, found the end of the text"},
    {"1.", "byte 2: expected a digit, found the end of the text"},
    {"1e+", "byte 3: expected a digit, found the end of the text"},
    {"01", "byte 1: expected the end of the text, found '1'"},
    {"tru", "byte 0: expected a value, found 't'"},
    {"NaN", "byte 0: expected a value, found 'N'"},
    {"\xef\xbb\xbf{}", "byte 0: expected a value, found byte 0xef"},
};

MR_TEST(a_fault_is_named_with_its_place)
{
    for (size_t i = 0; i < MR_COUNT_OF(faults); i++) {
        mr_scan scan;
        mr_scan_value value;
        mr_error err = {0};
        mr_scan_init(&scan, mr_slice_text(faults[i].text));
        MR_EXPECT(!(mr_scan_next(&scan, &value) && mr_scan_finish(&scan)));
        MR_EXPECT_CODE(mr_scan_fail(&scan, &err), MR_ERR_INPUT);
        MR_EXPECT_TEXT(err.text, faults[i].error);
    }
}

MR_TEST(after_a_fault_nothing_is_read)
{
    mr_scan scan;
    mr_scan_value value;
    mr_scan_init(&scan, MR_SLICE("[1,!,2]"));
    MR_EXPECT(mr_scan_enter(&scan, MR_SCAN_ARRAY));
    MR_EXPECT(mr_scan_element(&scan) && mr_scan_next(&scan, &value));
    MR_EXPECT(mr_scan_element(&scan) && !mr_scan_next(&scan, &value));
    MR_EXPECT(!mr_scan_element(&scan));
    MR_EXPECT(!mr_scan_next(&scan, &value));
    MR_EXPECT(mr_scan_peek(&scan) == MR_SCAN_NONE);
    MR_EXPECT(!mr_scan_finish(&scan));
    MR_EXPECT_U64(scan.fault_at - scan.start, ==, 3);
}

/* --- Numbers ---------------------------------------------------------------------------------- */

#define REFUSED INT64_C(-4242)

static const struct {
    const char *text;
    int64_t value;
} numbers[] = {
    {"0", 0},
    {"-0", 0},
    {"7", 7},
    {"-7", -7},
    {"1.9", 1},
    {"-1.9", -1},
    {"-0.5", 0},
    {"1e3", 1000},
    {"12.5e1", 125},
    {"1E-400", 0},
    {"9007199254740993", 9007199254740993},
    {"-9007199254740993", -9007199254740993},
    {"9223372036854775807", INT64_MAX},
    {"-9223372036854775808", INT64_MIN},
    {"9223372036854775808", REFUSED},
    {"-9223372036854775809", REFUSED},
    {"12345678901234567890", REFUSED},
    {"1e18", 1000000000000000000},
    {"1e19", REFUSED},
    {"-9223372036854775808.0", INT64_MIN},
    {"9223372036854775808.0", REFUSED},
    {"1e999", REFUSED},
    {"-1e999", REFUSED},
};

MR_TEST(numbers_are_cut_toward_zero_and_integers_are_exact)
{
    for (size_t i = 0; i < MR_COUNT_OF(numbers); i++) {
        int64_t value = REFUSED;
        const mr_scan_value number = {.raw = mr_slice_text(numbers[i].text),
                                      .kind = MR_SCAN_NUMBER};
        MR_EXPECT(mr_scan_i64(&number, &value) == (numbers[i].value != REFUSED));
        MR_EXPECT_I64(value, ==, numbers[i].value);
    }
}

/* --- Keeping and decoding --------------------------------------------------------------------- */

static const struct {
    const char *text, *kept;
} keeps[] = {
    {"{}", "{}"},
    {" { } ", "{}"},
    {"{\"a\": 1, \"b\": [1, 2]}", "{\"a\":1,\"b\":[1,2]}"},
    {"{\"a \": \" b \"}", "{\"a \":\" b \"}"},
    {"{\"a\": \"\\\" , \\\\\"}", "{\"a\":\"\\\" , \\\\\"}"},
    {"{\"b\":1.0,\"a\":12345678901234567890,\"a\":1}",
     "{\"b\":1.0,\"a\":12345678901234567890,\"a\":1}"},
    {"\"\\u00e9\\u2028<\"", "\"\\u00e9\\u2028<\""},
    {"\"\\ud800\"", "\"\\ufffd\""},
    {"\"\\ud800\\u0041\"", "\"\\ufffd\\u0041\""},
    {"\"\\udc00\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
    {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
    {"[\"\xff\", \"\xc3\"]", "[\"\xef\xbf\xbd\",\"\xef\xbf\xbd\"]"},
    {"\"\xe2\x82\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\"\xed\xa0\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
};

MR_TEST(a_value_is_kept_as_it_came_but_for_space_and_what_is_not_unicode)
{
    mr_arena arena;
    mr_arena_init(&arena, "test.scan", 1 << 20);
    for (size_t i = 0; i < MR_COUNT_OF(keeps); i++) {
        mr_scan scan;
        mr_scan_value value;
        mr_slice kept;
        mr_scan_init(&scan, mr_slice_text(keeps[i].text));
        MR_EXPECT(mr_scan_next(&scan, &value) && mr_scan_finish(&scan));
        MR_EXPECT(mr_scan_kept(&value, &arena, &kept));
        MR_EXPECT_SLICE(kept, keeps[i].kept);
        /* Unless something had to change, it is the text itself. */
        if (mr_slice_is(value.raw, keeps[i].kept)) MR_EXPECT(kept.ptr == value.raw.ptr);
    }
    mr_arena_done(&arena);
}

static const struct {
    const char *text, *says;
} strings[] = {
    {"\"\"", ""},
    {"\"plain\"", "plain"},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
    {"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"\"a\\ud800b\"", "a\xef\xbf\xbd"
                      "b"},
    {"\"a\xff\\n\"", "a\xef\xbf\xbd\n"},
};

MR_TEST(strings_are_decoded_only_when_they_must_be)
{
    mr_arena arena;
    mr_arena_init(&arena, "test.scan", 1 << 20);
    for (size_t i = 0; i < MR_COUNT_OF(strings); i++) {
        mr_scan scan;
        mr_scan_value value;
        mr_slice text;
        mr_scan_init(&scan, mr_slice_text(strings[i].text));
        MR_EXPECT(mr_scan_next(&scan, &value) && mr_scan_text(&value, &arena, &text));
        MR_EXPECT_SLICE(text, strings[i].says);
        MR_EXPECT(mr_scan_is(&value, strings[i].says));
        MR_EXPECT(!mr_scan_is(&value, "something else"));
        if (value.marks == 0) MR_EXPECT(text.ptr == value.raw.ptr + 1);
    }
    mr_arena_done(&arena);
}

MR_TEST(a_full_arena_is_said)
{
    static const char text[] = "\"\\n0123456789012345678901234567890123456789\"";
    mr_arena arena;
    mr_scan scan;
    mr_scan_value value;
    mr_slice out;
    mr_arena_init(&arena, "test.scan", 16);
    mr_scan_init(&scan, MR_SLICE(text));
    MR_EXPECT(mr_scan_next(&scan, &value));
    MR_EXPECT(!mr_scan_text(&value, &arena, &out));
    mr_scan_init(&scan, MR_SLICE("[1, 2, \"0123456789012345678901234567890\"]"));
    MR_EXPECT(mr_scan_next(&scan, &value));
    MR_EXPECT(!mr_scan_kept(&value, &arena, &out));
    mr_arena_done(&arena);
}

/* --- Members ---------------------------------------------------------------------------------- */

MR_TEST(members_are_found_by_key_and_the_last_one_wins)
{
    static const char *const keys[] = {"type", "data", "metadata"};
    mr_scan scan;
    mr_scan_value object, found[3];
    mr_scan_init(
        &scan, MR_SLICE("{\"type\":1,\"other\":[{\"data\":0}],\"t\\u0079pe\":\"x\",\"data\":{}}"));
    MR_EXPECT(mr_scan_next(&scan, &object));
    mr_scan_members(&object, keys, 3, found);
    MR_EXPECT_SLICE(found[0].raw, "\"x\"");
    MR_EXPECT_SLICE(found[1].raw, "{}");
    MR_EXPECT(found[2].kind == MR_SCAN_NONE);
}

static const struct {
    const char *object, *text; /* NULL: none */
} correlations[] = {
    {"{}", NULL},
    {"", NULL},
    {"null", NULL},
    {"{\"correlationStreamName\":\"workflow-1\"}", "workflow-1"},
    {"{\"a\":{\"correlationStreamName\":\"x\"}}", NULL},
    {"{\"correlationStreamName\":\"a\",\"correlationStreamName\":\"b\"}", "b"},
    {"{\"correlationStreamName\":\"a\",\"correlationStreamName\":7}", NULL},
    {"{\"correlationStreamName\":null}", NULL},
    {"{\"correlationStreamName\":\"\"}", ""},
    {"{\"correlationStreamName\":\"a\\u002d1\"}", "a-1"},
    {"{\"correlation\\u0053treamName\":\"a-1\"}", "a-1"},
    {"{\"correlationStreamName\":\"\\n01234567890123456789012345678901234567890123456789\"}", NULL},
    {"{\"correlationStreamName\":\"\\n\xff"
     "0123456789012345\"}",
     NULL},
    {"{\"correlationStreamName\":\"\\n\xff\"}", "\n\xef\xbf\xbd"},
};

MR_TEST(the_text_of_one_member_is_found)
{
    for (size_t i = 0; i < MR_COUNT_OF(correlations); i++) {
        char room[48];
        mr_slice text = MR_SLICE("(none)");
        const bool found = mr_scan_find_text(mr_slice_text(correlations[i].object),
                                             "correlationStreamName", room, sizeof room, &text);
        MR_EXPECT(found == (correlations[i].text != NULL));
        if (found) MR_EXPECT_SLICE(text, correlations[i].text);
    }
}

/* --- Cost ------------------------------------------------------------------------------------- */

MR_TEST(a_message_is_scanned_without_allocating)
{
    const uint64_t before = mr_test_malloc_count();
    for (int i = 0; i < 100; i++)
        MR_EXPECT(scans(MESSAGE, sizeof MESSAGE - 1));
    MR_EXPECT_U64(mr_test_malloc_count() - before, ==, 0);
}
