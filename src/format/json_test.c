/* SPDX-License-Identifier: MIT
 *
 * Reading JSON, rule by rule, each example whole and cut at every byte. */
#include "support/json_transcript.h"
#include "support/test.h"

static mr_error err;

/* Reads `input` whole and cut at every byte; every time `wanted` must come out. */
static void expect_reading(mr_json_options options, mr_slice input, const char *wanted)
{
    for (size_t cut = 0; cut <= input.len; cut++) {
        json_reading r;
        json_reading_open(&r, &options, NULL);
        (void)json_reading_feed(&r, input, cut == 0 ? SIZE_MAX : cut);
        if (!mr_slice_is(mr_buffer_slice(&r.report), wanted))
            MR_TEST_FAIL("%.*s\ncut at %zu gives\n%.*sexpected\n%s", (int)input.len, input.ptr, cut,
                         (int)r.report.len, r.report.ptr != NULL ? r.report.ptr : "", wanted);
        json_reading_close(&r);
    }
}

typedef struct example {
    const char *input;
    const char *wanted;
} example;

static void expect_examples(mr_json_options options, const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_reading(options, mr_slice_text(examples[i].input), examples[i].wanted);
}

#define EXPECT_EXAMPLES(options, examples) expect_examples(options, examples, MR_COUNT_OF(examples))

static const mr_json_options lines = {.format = MR_JSON_LINES};
static const mr_json_options automatic = {.format = MR_JSON_AUTO};
static const mr_json_options array = {.format = MR_JSON_ARRAY};
static const mr_json_options document = {.format = MR_JSON_DOCUMENT};

MR_TEST(values_keep_their_text_and_get_their_type)
{
    static const example examples[] = {
        {"{\"a\":1}", "a=int:1 \n"},
        {"{\"a\":-9223372036854775808}", "a=int:-9223372036854775808 \n"},
        {"{\"a\":9223372036854775808}", "a=decimal:9223372036854775808 \n"},
        {"{\"a\":123456789012345678}", "a=int:123456789012345678 \n"},
        {"{\"a\":1234567890123456789}", "a=int:1234567890123456789 \n"},
        {"{\"a\":1.10}", "a=decimal:1.10 \n"},
        {"{\"a\":-0.5}", "a=decimal:-0.5 \n"},
        {"{\"a\":-0.0}", "a=number:-0.0 \n"},
        {"{\"a\":-0}", "a=number:-0 \n"},
        {"{\"a\":0}", "a=int:0 \n"},
        {"{\"a\":1E400}", "a=number:1E400 \n"},
        {"{\"a\":1.5e-3}", "a=number:1.5e-3 \n"},
        {"{\"a\":123456789012345678901234567890}", "a=decimal:123456789012345678901234567890 \n"},
        {"{\"a\":1234567890123456789012345678901234567890}",
         "a=number:1234567890123456789012345678901234567890 \n"},
        {"{\"a\":0.1234567890123456789012345678901234567}",
         "a=decimal:0.1234567890123456789012345678901234567 \n"},
        {"{\"a\":true,\"b\":false,\"c\":null}", "a=bool:true b=bool:false c=null \n"},
        {"{\"a\":\"\",\"b\":\"12\",\"c\":\"true\"}", "a=string: b=string:12 c=string:true \n"},
        {"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}",
         "a=string:\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \n"},
        {"{\"a\":\"Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80\"}",
         "a=string:Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80 \n"},
        {"{\"a\":[],\"b\":{}}", "a=json:[] b=json:{} \n"},
        {"{\"a\":[ 1 ,\t2.50 , \"x y\" ], \"b\" : { \"k\" : [ { } , [ ] ] , \"k\" : 1E5 } }",
         "a=json:[1,2.50,\"x y\"] b=json:{\"k\":[{},[]],\"k\":1E5} \n"},
        {"{\"a\":[\"\\u0041\\/\\u001F\\u000a\\u0022\\u005c\\ud83d\\ude00\\u007f\"]}",
         "a=json:[\"A/\\u001f\\n\\\"\\\\\xf0\x9f\x98\x80\x7f\"] \n"},
        {"{}", "\n"},
        {"{\"\":1}", "=int:1 \n"},
        {"{\"a\\u0062\":1}", "ab=int:1 \n"},
        {"{\"a key that is longer than thirty-two bytes\":\"a value that is longer than "
         "thirty-two\"}",
         "a key that is longer than thirty-two bytes=string:a value that is longer than "
         "thirty-two \n"},
    };
    EXPECT_EXAMPLES(lines, examples);
    EXPECT_EXAMPLES(automatic, examples);
    EXPECT_EXAMPLES(document, examples);
}

MR_TEST(lines_are_read_one_by_one_and_broken_ones_are_rejects)
{
    static const example examples[] = {
        {"", ""},
        {"\n \n\r\n", ""},
        {"{\"a\":1}\n{\"a\":2}\n", "a=int:1 \na=int:2 \n"},
        {"{\"a\":1}\r\n\r\n\x1e{\"a\":2}\r\n", "a=int:1 \na=int:2 \n"},
        {" {\"a\":1} \n\t{\"a\":2}", "a=int:1 \na=int:2 \n"},
        {"{\"a\":1}x\n{\"a\":2}\n",
         "! trailing_data 0+8 line 0 record 0: column 8: expected the end of the line, found 'x'\n"
         "a=int:2 \n"},
        {"{\"a\":1}{\"a\":2}\n",
         "! trailing_data 0+14 line 0 record 0: column 8: expected the end of the line, found "
         "'{'\n"},
        {"{\"a\":1}\n  {\"a\" 1} \r\n{\"a\":3}",
         "a=int:1 \n! syntax 10+7 line 1 record 1: column 8: expected ':' after key, found '1'\n"
         "a=int:3 \n"},
        {"{\"a\":1,\n\"b\":2}\n",
         "! syntax 0+7 line 0 record 0: column 8: the line ends inside the value\n"
         "! trailing_data 8+6 line 1 record 1: column 4: expected the end of the line, found "
         "':'\n"},
        {"{\"a\":\"x\n",
         "! syntax 0+7 line 0 record 0: column 8: the line ends inside the value\n"},
        {"{\"a\":\"x", "! syntax 0+7 line 0 record 0: column 8: the line ends inside the value\n"},
        {"{\"a\":[1,2\n{\"a\":1}\n",
         "! syntax 0+9 line 0 record 0: column 10: the line ends inside the value\na=int:1 \n"},
        {"{\"a\":\"\\\n\"}\n",
         "! syntax 0+7 line 0 record 0: column 8: the line ends inside the value\n"
         "! syntax 8+2 line 1 record 1: column 3: the line ends inside the value\n"},
        {"7\n\"x\"\n[1]\nnull\n", "! not_an_object 0+1 line 0 record 0: a record is an object\n"
                                  "! not_an_object 2+3 line 1 record 1: a record is an object\n"
                                  "! not_an_object 6+3 line 2 record 2: a record is an object\n"
                                  "! not_an_object 10+4 line 3 record 3: a record is an object\n"},
        {"nul\n", "! syntax 0+3 line 0 record 0: column 4: the line ends inside the value\n"},
        {"7", "! not_an_object 0+1 line 0 record 0: a record is an object\n"},
        {"\xef\xbb\xbf{\"a\":1}\n", "a=int:1 \n"},
        {"{\"a\":1}\n\xef\xbb\xbf{\"a\":1}\n",
         "a=int:1 \n"
         "! syntax 8+10 line 1 record 1: column 1: expected a value, found byte 0xef\n"},
    };
    EXPECT_EXAMPLES(lines, examples);
}

MR_TEST(every_fault_of_syntax_names_its_place)
{
    static const example examples[] = {
        {"{\"a\"}", "# line 1, column 5: expected ':' after key, found '}'\n"},
        {"{\"a\":1,}", "# line 1, column 8: expected a key after ',', found '}'\n"},
        {"{,}", "# line 1, column 2: expected a key or '}', found ','\n"},
        {"{\"a\":1 \"b\":2}", "# line 1, column 8: expected ',' or '}' after value, found '\"'\n"},
        {"{\"a\":[1 2]}", "# line 1, column 9: expected ',' or ']' after value, found '2'\n"},
        {"{\"a\":[1,]}", "# line 1, column 9: expected a value, found ']'\n"},
        {"{\"a\":[,1]}", "# line 1, column 7: expected a value, found ','\n"},
        {"{\"a\":{\"b\":]}}", "# line 1, column 11: expected a value, found ']'\n"},
        {"{\"a\":{\"b\":1,}}", "# line 1, column 13: expected a key after ',', found '}'\n"},
        {"{\"a\":{\"b\" 1}}", "# line 1, column 11: expected ':' after key, found '1'\n"},
        {"{\"a\":{1}}", "# line 1, column 7: expected a key or '}', found '1'\n"},
        {"{\"a\":{]}", "# line 1, column 7: expected a key or '}', found ']'\n"},
        {"{\"a\":[}]}", "# line 1, column 7: expected a value, found '}'\n"},
        {"{\"a\":[1}}", "# line 1, column 8: expected ',' or ']' after value, found '}'\n"},
        {"{\"a\":01}", "# line 1, column 7: a number begins with 0 and another digit\n"},
        {"{\"a\":-01}", "# line 1, column 8: a number begins with 0 and another digit\n"},
        {"{\"a\":-}", "# line 1, column 7: expected a digit, found '}'\n"},
        {"{\"a\":1.}", "# line 1, column 8: expected a digit, found '}'\n"},
        {"{\"a\":1e}", "# line 1, column 8: expected a digit, found '}'\n"},
        {"{\"a\":1e+}", "# line 1, column 9: expected a digit, found '}'\n"},
        {"{\"a\":-.5}", "# line 1, column 7: expected a digit, found '.'\n"},
        {"{\"a\":.5}", "# line 1, column 6: expected a value, found '.'\n"},
        {"{\"a\":+1}", "# line 1, column 6: expected a value, found '+'\n"},
        {"{\"a\":1x}", "# line 1, column 7: expected ',' or '}' after value, found 'x'\n"},
        {"{\"a\":NaN}", "# line 1, column 6: expected a value, found 'N'\n"},
        {"{\"a\":tru}", "# line 1, column 9: expected true, false or null, found '}'\n"},
        {"{\"a\":True}", "# line 1, column 6: expected a value, found 'T'\n"},
        {"{\"a\":\"\x01\"}", "# line 1, column 7: byte 0x01 in a string must be escaped\n"},
        {"{\"a\":\"\\x\"}",
         "# line 1, column 8: expected one of \"\\/bfnrtu behind a backslash, found 'x'\n"},
        {"{\"a\":\"\\u12g4\"}",
         "# line 1, column 11: expected four hex digits behind \\u, found 'g'\n"},
        {"{\"a\":[\"\\u12\"]}",
         "# line 1, column 12: expected four hex digits behind \\u, found '\"'\n"},
        {"{'a':1}", "# line 1, column 2: expected a key or '}', found '\''\n"},
        {"{a:1}", "# line 1, column 2: expected a key or '}', found 'a'\n"},
        {"{\"a\":1,\n \"b\":2,\n  \"c\" 3}",
         "# line 3, column 7: expected ':' after key, found '3'\n"},
        {"\n\n  {\"a\":\n[1,\n2,\n}", "# line 6, column 1: expected a value, found '}'\n"},
        {"{\"a\":\n[1",
         "# line 2, column 3: the input ends inside the value that begins at line 1, column 1\n"},
        {"{\"a\":\"x",
         "# line 1, column 8: the input ends inside the value that begins at line 1, column 1\n"},
        {"{", "# line 1, column 2: the input ends inside the value that begins at line 1, column "
              "1\n"},
        {"{\"a\":1\x0c}", "# line 1, column 7: expected ',' or '}' after value, found byte 0x0c\n"},
        {"{\"a\":1\xc2\xa0}",
         "# line 1, column 7: expected ',' or '}' after value, found byte 0xc2\n"},
    };
    EXPECT_EXAMPLES(automatic, examples);
    EXPECT_EXAMPLES(document, examples);
}

MR_TEST(auto_reads_values_one_after_the_other)
{
    static const example examples[] = {
        {"", ""},
        {" \n ", ""},
        {"{\"a\":1}{\"a\":2} \n\n {\"a\":\n3}", "a=int:1 \na=int:2 \na=int:3 \n"},
        {"\x1e{\"a\":1}\n\x1e{\"a\":2}\n", "a=int:1 \na=int:2 \n"},
        {"\xef\xbb\xbf {\"a\":1}", "a=int:1 \n"},
        {"1 true\"x\"[2]\n{\"a\":1}[]",
         "! not_an_object 0+1 line 0 record 0: a record is an object\n"
         "! not_an_object 2+4 line 0 record 1: a record is an object\n"
         "! not_an_object 6+3 line 0 record 2: a record is an object\n"
         "! not_an_object 9+3 line 0 record 3: a record is an object\n"
         "a=int:1 \n"
         "! not_an_object 20+2 line 1 record 5: a record is an object\n"},
        {"{\"a\":1},", "a=int:1 \n# line 1, column 8: expected a value, found ','\n"},
        {"{\"a\":1}\ntruefalse",
         "a=int:1 \n# line 2, column 5: expected white space between values, found 'f'\n"},
        {"1\x7f", "# line 1, column 2: expected white space between values, found byte 0x7f\n"},
        {"1true", "# line 1, column 2: expected white space between values, found 't'\n"},
        {" [{\"a\":1}]", "a=int:1 \n"},
    };
    EXPECT_EXAMPLES(automatic, examples);
    expect_reading(automatic, MR_SLICE("1\0"),
                   "# line 1, column 2: expected white space between values, found byte 0x00\n");
}

MR_TEST(an_array_holds_the_records)
{
    static const example examples[] = {
        {"[]", ""},
        {" [ ] \n", ""},
        {"\xef\xbb\xbf[{\"a\":1},{\"b\":2}]", "a=int:1 \nb=int:2 \n"},
        {" [\n {\"a\":1} ,\n{\"a\":2}\n]\n", "a=int:1 \na=int:2 \n"},
        {"[1,{\"a\":1},\"\\ud800\",[ 2 ]]",
         "! not_an_object 1+1 line 0 record 0: a record is an object\na=int:1 \n"
         "! not_an_object 11+8 line 0 record 2: a record is an object\n"
         "! not_an_object 20+5 line 0 record 3: a record is an object\n"},
        {"[{\"a\":1}", "a=int:1 \n# line 1, column 9: the input ends inside the array\n"},
        {"[", "# line 1, column 2: the input ends inside the array\n"},
        {"[,]", "# line 1, column 2: expected a value, found ','\n"},
        {"[{\"a\":1},]", "a=int:1 \n# line 1, column 10: expected a value, found ']'\n"},
        {"[{\"a\":1}\n{\"a\":1}]",
         "a=int:1 \n# line 2, column 1: expected ',' or ']' after element, found '{'\n"},
        {"[{\"a\":1}]]",
         "a=int:1 \n# line 1, column 10: expected the end of the input, found ']'\n"},
        {"[]\x1e", "# line 1, column 3: expected the end of the input, found byte 0x1e\n"},
        {"[12", "! not_an_object 1+2 line 0 record 0: a record is an object\n# line 1, column 4: "
                "the input ends inside the array\n"},
    };
    EXPECT_EXAMPLES(array, examples);
    EXPECT_EXAMPLES(automatic, examples);
    EXPECT_EXAMPLES(document, examples);
    expect_reading(array, MR_SLICE(""), "");
    expect_reading(array, MR_SLICE(" "),
                   "# line 1, column 2: expected '[', found the end of the input\n");
    expect_reading(array, MR_SLICE("{}"), "# line 1, column 1: expected '[', found '{'\n");
}

MR_TEST(a_document_is_exactly_one_value)
{
    static const example examples[] = {
        {"", "# line 1, column 1: expected a value, found the end of the input\n"},
        {"\n ", "# line 2, column 2: expected a value, found the end of the input\n"},
        {" {\"a\":1}\n", "a=int:1 \n"},
        {"{\"a\":1}{\"a\":2}",
         "a=int:1 \n# line 1, column 8: expected the end of the input, found '{'\n"},
        {"12", "! not_an_object 0+2 line 0 record 0: a record is an object\n"},
        {"12 3", "! not_an_object 0+2 line 0 record 0: a record is an object\n"
                 "# line 1, column 4: expected the end of the input, found '3'\n"},
    };
    EXPECT_EXAMPLES(document, examples);
}

MR_TEST(scalars_are_wrapped_when_asked)
{
    static const example examples[] = {
        {"1 \"x\\n\" null [1, 2]{\"a\":1}-0.0",
         "v=int:1 \nv=string:x\n \nv=null \nv=json:[1,2] \na=int:1 \nv=number:-0.0 \n"},
    };
    mr_json_options options = automatic;
    options.wrap_scalars = MR_SLICE("v");
    EXPECT_EXAMPLES(options, examples);
    options.format = MR_JSON_LINES;
    expect_reading(options, MR_SLICE("1\n[ ]\n"), "v=int:1 \nv=json:[] \n");
}

MR_TEST(columns_are_the_union_of_keys_in_first_seen_order)
{
    static const example examples[] = {
        {"{\"a\":1,\"b\":2}{\"c\":3,\"a\":null}{}{\"b\":\"x\",\"d\":4,\"a\":5}",
         "a=int:1 b=int:2 \na=null c=int:3 \n\na=int:5 b=string:x d=int:4 \n"},
    };
    EXPECT_EXAMPLES(automatic, examples);
}

MR_TEST(duplicate_keys_follow_their_rule)
{
    const mr_slice input = MR_SLICE("{\"a\":1,\"b\":2,\"a\":\"x\",\"\\u0061\":[3]}\n{\"a\":1}\n");
    mr_json_options options = lines;
    expect_reading(options, input, "a=json:[3] b=int:2 \na=int:1 \n");
    options.duplicate_keys = MR_JSON_DUPLICATES_FIRST;
    expect_reading(options, input, "a=int:1 b=int:2 \na=int:1 \n");
    options.duplicate_keys = MR_JSON_DUPLICATES_REJECT;
    expect_reading(options, input,
                   "! duplicate_key 0+34 line 0 record 0: field 'a': the key is there twice\n"
                   "a=int:1 \n");
    json_reading r;
    json_reading_open(&r, &lines, NULL);
    MR_EXPECT_OK(json_reading_feed(&r, input, SIZE_MAX));
    MR_EXPECT_U64(r.sum.duplicate_keys, ==, 2);
    json_reading_close(&r);
}

MR_TEST(lone_surrogates_and_invalid_utf8_follow_their_rule)
{
    const mr_slice input = MR_SLICE("{\"a\":\"x\\uD800y\",\"b\":[\"\\udC00\"]}\n"
                                    "{\"a\":\"\xff\xe2\x82z\",\"b\":{\"\xc3\":1}}\n"
                                    "{\"a\":\"\xed\xa0\x80\"}\n"
                                    "{\"a\":\"\xc3\xa9\"}\n");
    mr_json_options options = lines;
    expect_reading(options, input,
                   "! invalid_unicode 0+31 line 0 record 0: field 'a': an escape is half of a "
                   "surrogate pair\n"
                   "! invalid_utf8 32+24 line 1 record 1: field 'a': bytes that are not UTF-8\n"
                   "! invalid_utf8 57+11 line 2 record 2: field 'a': bytes that are not UTF-8\n"
                   "a=string:\xc3\xa9 \n");
    options.invalid_unicode = MR_JSON_UNICODE_KEEP;
    expect_reading(options, input,
                   "a=bytes:x\xed\xa0\x80y b=json:[\"\\udc00\"] \n"
                   "a=bytes:\xff\xe2\x82z b=json:{\"\xc3\":1} \n"
                   "a=bytes:\xed\xa0\x80 \na=string:\xc3\xa9 \n");
    options.invalid_unicode = MR_JSON_UNICODE_REPLACE;
    expect_reading(options, input,
                   "a=string:x\xef\xbf\xbdy b=json:[\"\xef\xbf\xbd\"] \n"
                   "a=string:\xef\xbf\xbd\xef\xbf\xbdz b=json:{\"\xef\xbf\xbd\":1} \n"
                   "a=string:\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \na=string:\xc3\xa9 \n");
}

MR_TEST(nesting_has_a_limit)
{
    mr_json_options options = lines;
    options.limits.max_depth = 3;
    expect_reading(options, MR_SLICE("{\"a\":[[1]]}\n{\"a\":[[[1]]]}\n{\"a\":1}\n"),
                   "a=json:[[1]] \n"
                   "! too_deep 12+13 line 1 record 1: column 8: nested deeper than 3 levels "
                   "(limits.max_depth)\na=int:1 \n");
    options.format = MR_JSON_ARRAY;
    expect_reading(options, MR_SLICE("[{\"a\":[[1]]},{\"a\":[[{}]]}]"),
                   "a=json:[[1]] \n"
                   "# line 1, column 21: nested deeper than 3 levels (limits.max_depth)\n");
}

MR_TEST(a_hundred_thousand_openings_do_no_harm)
{
    const size_t len = 100000;
    char *text = mr_mem_alloc(len * 6);
    for (int object = 0; object < 2; object++) {
        size_t at = 0;
        for (size_t i = 0; i < len; i++) {
            memcpy(text + at, object ? "{\"a\":[" : "[", object ? 6 : 1);
            at += object ? 6 : 1;
        }
        json_reading r;
        json_reading_open(&r, &document, NULL);
        MR_EXPECT_CODE(json_reading_feed(&r, (mr_slice){text, at}, SIZE_MAX), MR_ERR_LIMIT);
        json_reading_close(&r);
        json_reading_open(&r, &lines, NULL);
        MR_EXPECT_CODE(json_reading_feed(&r, (mr_slice){text, at}, SIZE_MAX), MR_OK);
        MR_EXPECT(mr_slice_starts(mr_buffer_slice(&r.report), "! too_deep 0+"));
        json_reading_close(&r);
    }
    mr_mem_free(text);
}

MR_TEST(records_have_a_limit_of_size)
{
    mr_json_options options = lines;
    options.limits.max_record_bytes = 10;
    expect_reading(
        options,
        MR_SLICE("{\"a\":1}\n{\"a\":12345}\n{\"a\":1234}\n{\"a\":\"xxxxxxxxxxxxxxxxxxxx\n"
                 "{\"a\":2}\n{\"a\":3}     "),
        "a=int:1 \n"
        "! record_too_large 8+10 line 1 record 1: more than 10 bytes "
        "(limits.max_record_bytes)\n"
        "a=int:1234 \n"
        "! record_too_large 31+10 line 3 record 3: more than 10 bytes "
        "(limits.max_record_bytes)\n"
        "a=int:2 \n"
        "! record_too_large 66+10 line 5 record 5: more than 10 bytes "
        "(limits.max_record_bytes)\n");
    options.format = MR_JSON_AUTO;
    expect_reading(options, MR_SLICE("{\"a\":1234}\n {\"a\":12345}"),
                   "a=int:1234 \n"
                   "# line 2, column 2: a record is larger than 10 bytes "
                   "(limits.max_record_bytes)\n");
}

MR_TEST(columns_have_a_limit)
{
    mr_json_options options = lines;
    options.limits.max_columns = 2;
    expect_reading(options, MR_SLICE("{\"a\":1,\"b\":2}\n{\"a\":1,\"b\":2,\"c\":3}\n{\"c\":3}\n"),
                   "a=int:1 b=int:2 \n"
                   "! too_many_fields 14+19 line 1 record 1: too many columns "
                   "(limits.max_columns) or bytes in their names\n"
                   "c=int:3 \n");
}

MR_TEST(nested_objects_become_columns_when_asked)
{
    static const example dots[] = {
        {"{\"a\":{\"b\":1,\"c\":{\"d\":\"x\\n\"}},\"e\":[{\"f\":1}]}",
         "a.b=int:1 a.c.d=string:x\n e=json:[{\"f\":1}] \n"},
        {"{\"a\":{},\"b\":{\"c\":null,\"d\":true}}", "a=json:{} b.c=null b.d=bool:true \n"},
        {"{\"a.b\":1,\"a\":{\"b\":2}}", "a.b=int:1 a.b_2=int:2 \n"},
        {"{\"a\":{\"b\":2},\"a.b\":1,\"a.b_2\":3}", "a.b=int:2 a.b_2=int:1 a.b_2_2=int:3 \n"},
        {"{\"a\":{\"b\":1,\"b\":2},\"a\":{\"c\":{\"x\":1},\"c\":3}}", "a.c=int:3 \n"},
        {"{\"b\":{\"y\":1},\"a\":{\"x\":1}}{\"a\":{\"x\":2},\"c\":0,\"b\":{\"z\":1}}",
         "b.y=int:1 a.x=int:1 \na.x=int:2 c=int:0 b.z=int:1 \n"},
        {"{ \"a\" : { \"k\\u0065y\" : [ 1, 2 ] } }", "a.key=json:[1,2] \n"},
    };
    mr_json_options options = automatic;
    options.flatten = MR_JSON_FLATTEN_DOT;
    EXPECT_EXAMPLES(options, dots);
    options.flatten = MR_JSON_FLATTEN_UNDERSCORE;
    options.flatten_depth = 1;
    expect_reading(options, MR_SLICE("{\"a\":{\"b\":{\"c\":1}},\"d\":2}"),
                   "a_b=json:{\"c\":1} d=int:2 \n");
    options.duplicate_keys = MR_JSON_DUPLICATES_REJECT;
    expect_reading(options, MR_SLICE("{\"a\":{\"b\":1,\"b\":2}}"),
                   "! duplicate_key 0+19 line 0 record 0: the key is there twice\n");
    options.limits.max_columns = 2;
    expect_reading(options, MR_SLICE("{\"a\":{\"b\":1,\"c\":2,\"d\":3}}{\"a\":{\"x\":1,\"y\":2}}"),
                   "! too_many_fields 0+25 line 0 record 0: too many columns "
                   "(limits.max_columns) or bytes in their names\na_x=int:1 a_y=int:2 \n");
}

MR_TEST(an_array_is_exploded_into_rows_when_asked)
{
    static const example examples[] = {
        {"{\"id\":1,\"e\":[10,\"x\\ty\",null,{\"k\":\"v\"},[1,2],true,1.5]}",
         "id=int:1 e=int:10 \nid=int:1 e=string:x\ty \nid=int:1 e=null \n"
         "id=int:1 e=json:{\"k\":\"v\"} \nid=int:1 e=json:[1,2] \nid=int:1 e=bool:true \n"
         "id=int:1 e=decimal:1.5 \n"},
        {"{\"id\":1,\"e\":[]}", "id=int:1 e=null \n"},
        {"{\"id\":1,\"e\":[]}{\"id\":2,\"e\":5}{\"id\":3}{\"e\":[ 7 ]}",
         "id=int:1 e=null \nid=int:2 e=int:5 \nid=int:3 \ne=int:7 \n"},
    };
    mr_json_options options = automatic;
    options.explode = MR_SLICE("e");
    EXPECT_EXAMPLES(options, examples);
    json_reading r;
    json_reading_open(&r, &options, NULL);
    r.max_rows = 2; /* every second row another batch */
    MR_EXPECT_OK(
        json_reading_feed(&r, MR_SLICE("{\"e\":[1,2,3,4,5]}{\"e\":[6,7]}{\"e\":8}"), SIZE_MAX));
    MR_EXPECT_SLICE(mr_buffer_slice(&r.report), "e=int:1 \ne=int:2 \ne=int:3 \ne=int:4 \ne=int:5 \n"
                                                "e=int:6 \ne=int:7 \ne=int:8 \n");
    MR_EXPECT_U64(r.sum.record_count, ==, 3);
    json_reading_close(&r);
}

MR_TEST(a_huge_key_is_a_reject_and_not_the_end)
{
    enum { key = 70000, rows = 400 };
    mr_buffer text;
    mr_buffer_init(&text, "test", 1 << 26);
    for (int i = 0; i < rows; i++)
        JSON_SAY(&text, "{\"%d%0*d\":{\"k\":1}}\n", i, i == 3 ? key : 60000, 0);
    mr_json_options options = lines;
    for (int flatten = 0; flatten < 2; flatten++) {
        json_reading r;
        options.flatten = flatten ? MR_JSON_FLATTEN_DOT : MR_JSON_FLATTEN_OFF;
        json_reading_open(&r, &options, NULL);
        r.forgetful = true;
        MR_EXPECT_OK(json_reading_feed(&r, mr_buffer_slice(&text), SIZE_MAX));
        MR_EXPECT_U64(r.sum.record_count, ==, rows);
        unsigned rejects = 0;
        for (size_t i = 0; i + 2 < r.report.len; i++)
            rejects += memcmp(r.report.ptr + i, "\n! record_too_large", 19) == 0;
        MR_EXPECT_U64(rejects, ==, 1);
        json_reading_close(&r);
    }
    mr_buffer_done(&text);
}

MR_TEST(a_wide_record_behind_many_rows_begins_a_batch)
{
    enum { rows = 3000, wide = 2000 };
    mr_buffer text;
    mr_buffer_init(&text, "test", 1 << 26);
    for (int i = 0; i < rows; i++)
        JSON_SAY(&text, "{\"a\":%d}\n", i);
    JSON_SAY(&text, "{\"a\":0");
    for (int i = 0; i < wide; i++)
        JSON_SAY(&text, ",\"c%d\":1", i);
    JSON_SAY(&text, "}\n");
    json_reading r;
    json_reading_open(&r, &lines, NULL);
    mr_text_result result;
    const mr_slice bytes = json_padded(&r, mr_buffer_slice(&text));
    MR_EXPECT_OK(
        mr_json_read(r.reader, &r.state, bytes, true, &r.batch, &r.rejects, &result, &err));
    MR_EXPECT(result.batch_full);
    MR_EXPECT_U64(r.batch.row_count, ==, rows);
    MR_EXPECT_U64(r.batch.column_count, ==, 1);
    const mr_slice rest = mr_slice_from(bytes, result.consumed);
    mr_batch_reset(&r.batch);
    MR_EXPECT_OK(mr_json_read(r.reader, &r.state, rest, true, &r.batch, &r.rejects, &result, &err));
    MR_EXPECT_U64(r.batch.row_count, ==, 1);
    MR_EXPECT_U64(r.batch.column_count, ==, wide + 1);
    MR_EXPECT_U64(r.state.line, ==, rows + 1);
    json_reading_close(&r);
    mr_buffer_done(&text);
}

MR_TEST(many_rejects_stop_a_call)
{
    mr_buffer text;
    mr_buffer_init(&text, "test", 1 << 26);
    for (uint32_t i = 0; i < MR_JSON_MAX_REJECTS + 10; i++)
        JSON_SAY(&text, "x\n");
    json_reading r;
    json_reading_open(&r, &lines, NULL);
    mr_text_result result;
    const mr_slice bytes = json_padded(&r, mr_buffer_slice(&text));
    MR_EXPECT_OK(
        mr_json_read(r.reader, &r.state, bytes, true, &r.batch, &r.rejects, &result, &err));
    MR_EXPECT(result.batch_full);
    MR_EXPECT_U64(result.consumed, ==, 2 * MR_JSON_MAX_REJECTS);
    json_reading_close(&r);
    mr_buffer_done(&text);
}

/* Reads `text` into a batch that begins with columns i (int) and m (mixed). */
static void read_into_schema(json_reading *r, const char *text)
{
    mr_text_result result;
    MR_EXPECT_OK(mr_schema_add(&r->schema, MR_SLICE("i"), MR_TYPE_INT, NULL, &err));
    MR_EXPECT_OK(mr_schema_add(&r->schema, MR_SLICE("m"), MR_TYPE_MIXED, NULL, &err));
    MR_EXPECT_OK(mr_batch_set_schema(&r->batch, &r->schema, &err));
    MR_EXPECT_OK(mr_json_read(r->reader, &r->state, json_padded(r, mr_slice_text(text)), true,
                              &r->batch, &r->rejects, &result, &err));
    mr_batch_check(&r->batch);
}

MR_TEST(types_of_fixed_columns_stay)
{
    static const char text[] =
        "{\"m\":\"x\",\"i\":\"y\",\"n\":1}\n{\"m\":null}\n{\"m\":2.5,\"i\":3,\"n\":\"\"}\n";
    for (uint32_t fixed = 0; fixed <= 2; fixed += 2) {
        mr_json_options options = lines;
        options.fixed_columns = fixed;
        json_reading r;
        json_reading_open(&r, &options, NULL);
        read_into_schema(&r, text);
        const mr_column *columns = r.batch.columns;
        MR_EXPECT_U64(columns[0].type, ==, fixed > 0 ? MR_TYPE_INT : MR_TYPE_MIXED);
        MR_EXPECT_U64(mr_column_type(&columns[1], 0), ==, MR_TYPE_STRING);
        MR_EXPECT_U64(mr_column_type(&columns[1], 2), ==, MR_TYPE_DECIMAL);
        MR_EXPECT_U64(columns[2].type, ==, MR_TYPE_MIXED);
        MR_EXPECT_SLICE(mr_column_text(&columns[0], 0), "y");
        json_reading_close(&r);
    }
}

MR_TEST(pieces_that_begin_at_lines_are_read_apart)
{
    const mr_slice text = MR_SLICE("{\"a\":1}\n\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n  {\"a\" 5}\n");
    for (int format = MR_JSON_AUTO; format <= MR_JSON_LINES; format++) {
        const mr_json_options options = {.format = (mr_json_format)format};
        json_reading whole;
        json_reading_open(&whole, &options, NULL);
        (void)json_reading_feed(&whole, text, SIZE_MAX);
        json_reading first, second;
        json_reading_open(&first, &options, NULL);
        json_reading_open(&second, &options, NULL);
        second.state = MR_JSON_STATE_LINE;
        const size_t cut = 25; /* behind the fourth line */
        (void)json_reading_show(&first, (mr_slice){text.ptr, cut}, cut, &err);
        MR_EXPECT_U64(first.done, ==, cut);
        MR_EXPECT_U64(first.state.where, ==, MR_JSON_STATE_LINE.where);
        const mr_code rc = json_reading_feed(&second, mr_slice_from(text, cut), SIZE_MAX);
        if (rc != MR_OK) {
            MR_EXPECT_CODE(mr_json_reader_refail(second.reader, first.state.line, &err),
                           MR_ERR_INPUT);
            MR_EXPECT_TEXT(err.text, "line 6, column 8: expected ':' after key, found '5'");
            MR_EXPECT_U64(mr_json_reader_place(second.reader).line, ==, 2);
            MR_EXPECT_U64(mr_json_reader_place(second.reader).byte_offset, ==, 15);
        }
        MR_EXPECT_U64(first.state.line + second.state.line, ==, whole.state.line);
        json_reading_close(&whole);
        json_reading_close(&first);
        json_reading_close(&second);
    }
}
