/* SPDX-License-Identifier: MIT
 *
 * Options, the sniffer and the header. */
#include "format/csv.h"
#include "support/test.h"

static mr_error err;

MR_TEST(special_bytes_must_differ)
{
    static const struct {
        mr_csv_options options;
        const char *wanted; /* NULL: fine */
    } cases[] = {
        {{.delimiter = ',', .quote = '"'}, NULL},
        {{.delimiter = ',', .quote = '"', .escape = '"'}, NULL},
        {{.delimiter = ',', .quote = '"', .escape = '\\', .comment = '#'}, NULL},
        {{.delimiter = ','}, NULL},
        {{.quote = '"'}, NULL},
        {{.delimiter = ',', .quote = ','}, "csv.delimiter and csv.quote are both ','"},
        {{.delimiter = ';', .quote = '"', .comment = ';'},
         "csv.delimiter and csv.comment are both ';'"},
        {{.delimiter = '\n', .quote = '"'}, "csv.delimiter cannot be a row end"},
        {{.delimiter = ',', .quote = '"', .comment = '\r'}, "csv.comment cannot be a row end"},
        {{.delimiter = ',', .escape = '\\'}, "csv.escape needs csv.quote, which is off"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const mr_code rc = mr_csv_options_check(&cases[i].options, &err);
        MR_EXPECT_I64(rc, ==, cases[i].wanted == NULL ? MR_OK : MR_ERR_USAGE);
        if (cases[i].wanted != NULL) MR_EXPECT_TEXT(err.text, cases[i].wanted);
    }
}

/* --- the sniffer --- */

static mr_csv_options sniffed(mr_csv_options options, mr_slice bytes)
{
    bool decided = false;
    MR_EXPECT_OK(mr_csv_sniff(&options, bytes, true, &decided, &err));
    MR_EXPECT(decided);
    return options;
}

MR_TEST(the_delimiter_is_the_one_most_records_agree_on)
{
    static const struct {
        const char *in;
        char wanted;
    } cases[] = {
        {"", ','},
        {"a\nb\n", ','},
        {"a,b\n1,2\n", ','},
        {"a;b;c\n1;2;3\n", ';'},
        {"a\tb\n1\t2\n", '\t'},
        {"a|b\n1|2\n", '|'},
        {"name;price\nx;1,5\ny;2,5\n", ';'},
        {"a,b;c\n1,2;3\n", ','},
        {"\"a;b\",c\n\"1;2\",3\n", ','},
        {"\"a,b\";c\n\"1,2\";3\n", ';'},
        {"a,b\n1;2,3\n4;5,6\n", ','},
        {"\n\na;b\n\n1;2", ';'},
        {"a;b\r1;2\r", ';'},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const mr_csv_options open = {.quote = '"'};
        const mr_csv_options got = sniffed(open, mr_slice_text(cases[i].in));
        if (got.delimiter != cases[i].wanted)
            MR_TEST_FAIL("%s: delimiter '%c', expected '%c'\n", cases[i].in, got.delimiter,
                         cases[i].wanted);
    }
}

MR_TEST(a_first_record_with_typed_fields_is_not_a_header)
{
    static const struct {
        const char *in;
        mr_csv_has_header wanted;
    } cases[] = {
        {"", MR_CSV_HEADER_YES},           {"id,name\n1,x\n", MR_CSV_HEADER_YES},
        {"id,name", MR_CSV_HEADER_YES},    {",name\n", MR_CSV_HEADER_YES},
        {"1,x\n2,y\n", MR_CSV_HEADER_NO},  {"x,2024-01-01\n", MR_CSV_HEADER_NO},
        {"x,true\n", MR_CSV_HEADER_NO},    {"x,\"1.50\"\n", MR_CSV_HEADER_NO},
        {",,\n1,2,3\n", MR_CSV_HEADER_NO}, {"\n\nid\n", MR_CSV_HEADER_YES},
        {"id,\"x", MR_CSV_HEADER_YES},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_csv_options open = MR_CSV_OPTIONS_DEFAULT;
        open.has_header = MR_CSV_HEADER_AUTO;
        if (sniffed(open, mr_slice_text(cases[i].in)).has_header != cases[i].wanted)
            MR_TEST_FAIL("header of \"%s\"\n", cases[i].in);
    }
}

MR_TEST(lone_cr_ends_rows_only_without_any_lf)
{
    const mr_csv_options o = MR_CSV_OPTIONS_DEFAULT;
    MR_EXPECT(sniffed(o, MR_SLICE("a\rb\r")).cr_rows);
    MR_EXPECT(!sniffed(o, MR_SLICE("a\rb\n")).cr_rows);
    MR_EXPECT(!sniffed(o, MR_SLICE("a,b")).cr_rows);
    char *text = mr_mem_alloc(MR_CSV_SNIFF_BYTES + 1);
    memset(text, '\r', MR_CSV_SNIFF_BYTES);
    text[MR_CSV_SNIFF_BYTES] = '\n'; /* beyond what is looked at */
    MR_EXPECT(sniffed(o, (mr_slice){text, MR_CSV_SNIFF_BYTES + 1}).cr_rows);
    mr_mem_free(text);
}

MR_TEST(the_sniffer_waits_only_while_something_is_open)
{
    mr_csv_options o = MR_CSV_OPTIONS_DEFAULT;
    bool decided = true;
    MR_EXPECT_OK(mr_csv_sniff(&o, MR_SLICE("a,b"), false, &decided, &err));
    MR_EXPECT(!decided);
    MR_EXPECT_OK(mr_csv_sniff(&o, MR_SLICE("a,b\n"), false, &decided, &err));
    MR_EXPECT(decided && !o.cr_rows);
    o.delimiter = 0;
    MR_EXPECT_OK(mr_csv_sniff(&o, MR_SLICE("a;b\n"), false, &decided, &err));
    MR_EXPECT(!decided && o.delimiter == 0);
    MR_EXPECT_OK(mr_csv_sniff(&o, MR_SLICE("a;b\n"), true, &decided, &err));
    MR_EXPECT(decided && o.delimiter == ';');
}

/* --- the header --- */

typedef struct header_case {
    const char *in;
    mr_csv_options options;
    const char *names; /* joined by '|', or the text of the error */
    mr_code code;
    size_t consumed;
    uint64_t lines;
    uint64_t blanks;
} header_case;

static void names_text(const mr_schema *schema, mr_buffer *out)
{
    mr_buffer_reset(out);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (i > 0) MR_EXPECT_OK(mr_buffer_append_byte(out, '|', &err));
        MR_EXPECT_OK(mr_buffer_append(out, schema->fields[i].name, &err));
    }
}

/* Reads the header from the first `len` bytes; false when it wants more. */
static bool read_prefix(const header_case *c, size_t len, bool final)
{
    static const mr_text_limits limits = {64, 4, 0};
    mr_arena arena;
    mr_schema schema;
    mr_buffer names;
    bool complete = false;
    mr_csv_header header = {99, 99, 99};
    mr_arena_init(&arena, "test", 1 << 20);
    mr_schema_init(&schema, &arena);
    mr_buffer_init(&names, "names", 1 << 20);
    const mr_code rc = mr_csv_read_header(&c->options, &limits, (mr_slice){c->in, len}, final,
                                          &schema, &complete, &header, &err);
    if (rc == MR_OK && !complete) {
        MR_EXPECT(!final);
        MR_EXPECT_U64(schema.field_count, ==, 0);
    } else {
        MR_EXPECT_I64(rc, ==, c->code);
        if (rc != MR_OK) MR_EXPECT_TEXT(err.text, c->names);
    }
    if (rc == MR_OK && complete) {
        names_text(&schema, &names);
        MR_EXPECT_SLICE(mr_buffer_slice(&names), c->names);
        MR_EXPECT_U64(header.consumed, ==, c->consumed);
        MR_EXPECT_U64(header.line_count, ==, c->lines);
        MR_EXPECT_U64(header.blank_lines, ==, c->blanks);
    }
    mr_buffer_done(&names);
    mr_arena_done(&arena);
    return rc != MR_OK || complete;
}

#define PLAIN .delimiter = ',', .quote = '"'
#define NO    .has_header = MR_CSV_HEADER_NO

static const mr_slice three[] = {{"x", 1}, {"y", 1}, {"z", 1}};

static const header_case header_cases[] = {
    {"", {PLAIN}, "", MR_OK, 0, 0, 0},
    {"\n\n", {PLAIN}, "", MR_OK, 2, 2, 2},
    {"a,b\n1,2\n", {PLAIN}, "a|b", MR_OK, 4, 1, 0},
    {"a,b", {PLAIN}, "a|b", MR_OK, 3, 0, 0},
    {"a,b\r\n", {PLAIN}, "a|b", MR_OK, 5, 1, 0},
    {"a,,a,a\n", {PLAIN}, "a|column_2|a_2|a_3", MR_OK, 7, 1, 0},
    {"\"a,\nb\",\"c\"\"\"\n1,2\n", {PLAIN}, "a,\nb|c\"", MR_OK, 13, 2, 0},
    {"\n\r\na,b\n", {PLAIN}, "a|b", MR_OK, 7, 3, 2},
    {"\na\n", {PLAIN, .blank_lines = MR_CSV_BLANK_RECORD}, "column_1", MR_OK, 1, 1, 0},
    {"#x\n#\"\na,b\n", {PLAIN, .comment = '#'}, "a|b", MR_OK, 10, 3, 0},
    {"junk \"\nmore\na,b\n1", {PLAIN, .skip_rows = 2}, "a|b", MR_OK, 16, 3, 0},
    {"junk", {PLAIN, .skip_rows = 2}, "", MR_OK, 4, 0, 0},
    {" a , \"b\" \n", {PLAIN}, " a | \"b\" ", MR_OK, 10, 1, 0},
    {" a ,b\n", {PLAIN, .trim_space = true}, "a|b", MR_OK, 6, 1, 0},
    {"a;b\r1;2\r", {.delimiter = ';', .quote = '"', .cr_rows = true}, "a|b", MR_OK, 4, 1, 0},
    {"a,b,c\n", {PLAIN, .columns = three, .column_count = 3}, "x|y|z", MR_OK, 6, 1, 0},
    {"1,2\n", {PLAIN, NO}, "column_1|column_2", MR_OK, 0, 0, 0},
    {"\n#\n\"1\",2\n",
     {PLAIN, NO, .comment = '#', .skip_rows = 1},
     "column_1|column_2",
     MR_OK,
     1,
     1,
     0},
    {"\"1\"x,2\n1,2,3\n", {PLAIN, NO}, "column_1|column_2|column_3", MR_OK, 0, 0, 0},
    {"1\n", {PLAIN, NO, .columns = three, .column_count = 3}, "x|y|z", MR_OK, 0, 0, 0},
    {"", {PLAIN, NO, .columns = three, .column_count = 3}, "x|y|z", MR_OK, 0, 0, 0},
    {"\n", {PLAIN, NO, .blank_lines = MR_CSV_BLANK_RECORD}, "column_1", MR_OK, 0, 0, 0},
    {"a,\"b\n1,2\n",
     {PLAIN},
     "line 1: the header's field 2 opens a quote that is never closed; close it, or set csv.quote "
     "or csv.skip_rows",
     MR_ERR_INPUT,
     0,
     0,
     0},
    {"\n\"a\"x,b\n",
     {PLAIN},
     "line 2: the header's field 1 has text after a closing quote; double the quotes inside it, or "
     "set csv.quote or csv.skip_rows",
     MR_ERR_INPUT,
     0,
     0,
     0},
    {"a,b\"\n",
     {PLAIN, .strict = true},
     "line 1: the header's field 2 holds a quote inside an unquoted name; quote the name, or set "
     "csv.strict: false",
     MR_ERR_INPUT,
     0,
     0,
     0},
    {"a,b\n",
     {PLAIN, .columns = three, .column_count = 3},
     "csv.columns has 3 names, the header has 2",
     MR_ERR_USAGE,
     0,
     0,
     0},
    {"a,b,c,d,e\n",
     {PLAIN},
     "the CSV has 5 columns, more than limits.max_columns",
     MR_ERR_LIMIT,
     0,
     0,
     0},
    {"0123456789012345678901234567890123456789012345678901234567890123456789\n",
     {PLAIN},
     "line 1: the header's field 1 is longer than limits.max_record_bytes; is this a CSV file?",
     MR_ERR_INPUT,
     0,
     0,
     0},
    {"0123456789012345678901234567890123456789012345678901234567890123456789\n",
     {PLAIN, NO},
     "line 1: the first record is longer than limits.max_record_bytes, so its columns cannot be "
     "counted; name them in csv.columns",
     MR_ERR_INPUT,
     0,
     0,
     0},
};

MR_TEST(headers_are_read_and_refused_by_the_rules)
{
    for (size_t i = 0; i < MR_COUNT_OF(header_cases); i++)
        MR_EXPECT(read_prefix(&header_cases[i], strlen(header_cases[i].in), true));
}

MR_TEST(a_header_does_not_depend_on_how_many_bytes_came)
{
    for (size_t i = 0; i < MR_COUNT_OF(header_cases); i++)
        for (size_t len = 0; len < strlen(header_cases[i].in); len++)
            (void)read_prefix(&header_cases[i], len, false); /* right, or asks for more */
}

static mr_code read_once(void)
{
    mr_arena arena;
    mr_schema schema;
    mr_csv_header header;
    bool complete;
    mr_csv_options options = {.quote = '"', .has_header = MR_CSV_HEADER_AUTO};
    const mr_slice text = MR_SLICE("a,\"b\"\"\",a\n1,2,3\n");
    const mr_text_limits limits = MR_TEXT_LIMITS_DEFAULT;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_schema_init(&schema, &arena);
    mr_code rc = mr_csv_sniff(&options, text, true, &complete, &err);
    if (rc == MR_OK)
        rc = mr_csv_read_header(&options, &limits, text, true, &schema, &complete, &header, &err);
    mr_arena_done(&arena);
    return rc;
}

MR_TEST(every_allocation_of_a_header_may_fail)
{
    MR_EACH_ALLOC_FAILS(read_once());
}
