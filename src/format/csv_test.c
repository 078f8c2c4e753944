/* SPDX-License-Identifier: MIT
 *
 * The reader, rule by rule of section 4.1. Expectations are transcripts (support/csv_transcript.h);
 * every case is read whole and cut at every byte, by every kernel. */
#include "support/csv_transcript.h"
#include "support/test.h"

static mr_arena arena;
static mr_schema schema;
static mr_error err;

static csv_case open_case(uint32_t columns)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    mr_arena_init(&arena, "test", (size_t)64 << 20);
    mr_schema_init(&schema, &arena);
    for (uint32_t i = 0; i < columns; i++)
        MR_EXPECT_OK(mr_schema_add_header_name(&schema, mr_slice_text(names[i]), &err));
    return (csv_case){
        .options = MR_CSV_OPTIONS_DEFAULT, .limits = MR_TEXT_LIMITS_DEFAULT, .schema = &schema};
}

static void expect_reading(const csv_case *c, mr_slice in, const size_t *cuts, size_t cut_count,
                           const char *wanted)
{
    mr_buffer got;
    mr_buffer_init(&got, "got", (size_t)1 << 20);
    csv_transcribe(c, in, cuts, cut_count, &got);
    if (!mr_slice_is(mr_buffer_slice(&got), wanted))
        MR_TEST_FAIL("%.*s with %zu cuts from %zu: got\n%.*sexpected\n%s", (int)in.len, in.ptr,
                     cut_count, cut_count > 0 ? cuts[0] : 0, (int)got.len, got.ptr, wanted);
    mr_buffer_done(&got);
}

/* Whole, cut once at each byte, and cut at every byte. */
static void expect_slice(const csv_case *c, mr_slice in, const char *wanted)
{
    static const char *const kernels[] = {"", "base", "scalar"};
    size_t every[256];
    for (size_t i = 0; i < in.len; i++)
        every[i] = i;
    for (size_t k = 0; k < MR_COUNT_OF(kernels); k++) {
        setenv("MILLRACE_SIMD", kernels[k], 1);
        expect_reading(c, in, NULL, 0, wanted);
        for (size_t i = 0; i < in.len; i++)
            expect_reading(c, in, &every[i], 1, wanted);
        expect_reading(c, in, every, in.len, wanted);
    }
    setenv("MILLRACE_SIMD", "", 1);
}

static void expect(const csv_case *c, const char *in, const char *wanted)
{
    expect_slice(c, mr_slice_text(in), wanted);
}

typedef struct reading {
    const char *in;
    const char *wanted;
} reading;

static void expect_each(const csv_case *c, const reading *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(c, cases[i].in, cases[i].wanted);
    mr_arena_done(&arena);
}

MR_TEST(fields_are_taken_as_they_are)
{
    static const reading cases[] = {
        {"", "blank 0 lines 0 resyncs 0\n"},
        {"1,2\n", "0 line 0 at 0+3 [1|2]\nblank 0 lines 1 resyncs 0\n"},
        {"1,2", "0 line 0 at 0+3 [1|2]\nblank 0 lines 0 resyncs 0\n"},
        {"1,2\r\n3,4\n5,6", "0 line 0 at 0+3 [1|2]\n1 line 1 at 5+3 [3|4]\n2 line 2 at 9+3 [5|6]\n"
                            "blank 0 lines 2 resyncs 0\n"},
        {" 1 , 2 \n", "0 line 0 at 0+7 [ 1 | 2 ]\nblank 0 lines 1 resyncs 0\n"},
        {"a\"b,c\"\n", "0 line 0 at 0+6 [a\"b|c\"]\nblank 0 lines 1 resyncs 0\n"},
        {"a, \"b\"\n", "0 line 0 at 0+6 [a| \"b\"]\nblank 0 lines 1 resyncs 0\n"},
        {"a\rb,c\r\r\n", "0 line 0 at 0+6 [a\\0db|c\\0d]\nblank 0 lines 1 resyncs 0\n"},
        {"a,b\r", "0 line 0 at 0+4 [a|b\\0d]\nblank 0 lines 0 resyncs 0\n"},
        {"\xff\xfe,\xc3\n", "0 line 0 at 0+4 [\\ff\\fe|\\c3]\nblank 0 lines 1 resyncs 0\n"},
        {"007,1e5\n", "0 line 0 at 0+7 [007|1e5]\nblank 0 lines 1 resyncs 0\n"},
    };
    const csv_case c = open_case(2);
    expect_each(&c, cases, MR_COUNT_OF(cases));
}

MR_TEST(quoted_fields_hold_any_byte)
{
    static const reading cases[] = {
        {"\"a,b\",\"c\nd\"\nx,y\n",
         "0 line 0 at 0+11 [a,b|c\\0ad]\n1 line 2 at 12+3 [x|y]\nblank 0 lines 3 resyncs 0\n"},
        {"\"a\"\"b\",\"\"\"\"\n", "0 line 0 at 0+11 [a\"b|\"]\nblank 0 lines 1 resyncs 0\n"},
        {"\"a\r\nb\",\"\r\"\r\n",
         "0 line 0 at 0+10 [a\\0d\\0ab|\\0d]\nblank 0 lines 2 resyncs 0\n"},
        {"1,\"2\"", "0 line 0 at 0+5 [1|2]\nblank 0 lines 0 resyncs 0\n"},
        {"\"1\",2\r\n", "0 line 0 at 0+5 [1|2]\nblank 0 lines 1 resyncs 0\n"},
        {"1,\"\"\"2\"\"\"\n", "0 line 0 at 0+9 [1|\"2\"]\nblank 0 lines 1 resyncs 0\n"},
    };
    const csv_case c = open_case(2);
    expect_slice(&c, (mr_slice){"a\0b,\"c\0d\"\n", 10},
                 "0 line 0 at 0+9 [a\\00b|c\\00d]\nblank 0 lines 1 resyncs 0\n");
    expect_each(&c, cases, MR_COUNT_OF(cases));
}

MR_TEST(an_unquoted_empty_cell_is_null_and_a_quoted_one_is_not)
{
    static const mr_slice nulls[] = {{"NA", 2}, {"null", 4}};
    csv_case c = open_case(3);
    expect(&c, ",\"\",\n", "0 line 0 at 0+4 [~||~]\nblank 0 lines 1 resyncs 0\n");
    expect(&c, ",,\n\"\",\"\",\"\"\n",
           "0 line 0 at 0+2 [~|~|~]\n1 line 1 at 3+8 [||]\nblank 0 lines 2 resyncs 0\n");
    c.options.null_values = nulls;
    c.options.null_value_count = 2;
    expect(&c, "NA,\"NA\",na\nnull,NAN,\n",
           "0 line 0 at 0+10 [~|NA|na]\n1 line 1 at 11+9 [~|NAN|~]\n"
           "blank 0 lines 2 resyncs 0\n");
    mr_arena_done(&arena);
}

MR_TEST(a_ragged_record_is_rejected_whole)
{
    static const reading cases[] = {
        {"1,2\n1\n1,2,3\n\"a\nb\"\n3,4\n",
         "0 line 0 at 0+3 [1|2]\n1 line 1 at 4+1 too_few_fields 0 1\n"
         "2 line 2 at 6+5 too_many_fields 0 1,2,3\n"
         "3 line 3 at 12+5 too_few_fields 0 \"a\\0ab\"\n4 line 5 at 18+3 [3|4]\n"
         "blank 0 lines 6 resyncs 0\n"},
        {"1,2,\r\n", "0 line 0 at 0+4 too_many_fields 0 1,2,\nblank 0 lines 1 resyncs 0\n"},
    };
    const csv_case c = open_case(2);
    expect_each(&c, cases, MR_COUNT_OF(cases));
}

MR_TEST(padding_fills_with_null_and_keeps_what_is_extra)
{
    csv_case c = open_case(2);
    c.options.ragged = MR_CSV_RAGGED_PAD;
    expect(&c, "1\n1,2,3,\n4,5\n6,7,\"8\"\n",
           "0 line 0 at 0+1 [1|~]\n1 line 1 at 2+6 [1|2|+field_3=3|+field_4=~]\n"
           "2 line 2 at 9+3 [4|5]\n3 line 3 at 13+7 [6|7|+field_3=8]\n"
           "blank 0 lines 4 resyncs 0\n");
    c.limits.max_columns = 3;
    expect(&c, "1,2,3,4\n",
           "0 line 0 at 0+7 too_many_fields 0 1,2,3,4\nblank 0 lines 1 resyncs 0\n");
    mr_arena_done(&arena);
}

MR_TEST(a_padding_column_avoids_the_names_of_the_header)
{
    mr_arena_init(&arena, "test", (size_t)1 << 20);
    mr_schema_init(&schema, &arena);
    MR_EXPECT_OK(mr_schema_add_header_name(&schema, MR_SLICE("field_2"), &err));
    csv_case c = {
        .options = MR_CSV_OPTIONS_DEFAULT, .limits = MR_TEXT_LIMITS_DEFAULT, .schema = &schema};
    c.options.ragged = MR_CSV_RAGGED_PAD;
    expect(&c, "1,2\n", "0 line 0 at 0+3 [1|+field_2_2=2]\nblank 0 lines 1 resyncs 0\n");
    mr_arena_done(&arena);
}

MR_TEST(ragged_fail_ends_the_run_and_names_the_line)
{
    csv_case c = open_case(2);
    c.options.ragged = MR_CSV_RAGGED_FAIL;
    expect(&c, "1,2\n3\n4,5\n",
           "0 line 0 at 0+3 [1|2]\n1 line 1 at 4+1 too_few_fields 0 3\nerror input\n"
           "blank 0 lines 1 resyncs 0\n");
    mr_csv_reader reader;
    mr_batch batch;
    mr_reject_list rejects;
    mr_text_result result;
    char text[8 + MR_TEXT_PADDING] = "1,2\n3\n";
    mr_batch_init(&batch, 0);
    mr_reject_list_init(&rejects);
    MR_EXPECT_OK(mr_csv_reader_init(&reader, &c.options, &c.limits, &schema, NULL, &err));
    MR_EXPECT_OK(mr_batch_set_schema(&batch, &schema, &err));
    batch.origin.line = 100;
    MR_EXPECT_CODE(mr_csv_read(&reader, (mr_slice){text, 6}, true, &batch, &rejects, &result, &err),
                   MR_ERR_INPUT);
    MR_EXPECT_TEXT(err.text, "line 101: expected 2 fields, found 1 (csv.ragged: fail)");
    MR_EXPECT_TEXT(mr_reject_at(&rejects, 0)->detail, "expected 2 fields, found 1");
    mr_csv_reader_done(&reader);
    mr_reject_list_done(&rejects);
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

/* The rejected text runs to before the first LF at or after the offending byte; no part of the
 * record is delivered. */
MR_TEST(text_after_a_quote_resyncs_behind_the_line_of_the_offending_byte)
{
    static const reading cases[] = {
        {"\"a\"b,c\nd,e\n",
         /* ^ */
         "0 line 0 at 0+6 text_after_quote 1 \"a\"b,c\n1 line 1 at 7+3 [d|e]\n"
         "blank 0 lines 2 resyncs 1\n"},
        {"x,\"a\nb\" ,\"c\nd\"\ne,f\n",
         "0 line 0 at 0+11 text_after_quote 2 x,\"a\\0ab\" ,\"c\n"
         "1 line 2 at 12+2 too_few_fields 0 d\"\n2 line 3 at 15+3 [e|f]\n"
         "blank 0 lines 4 resyncs 1\n"},
        {"\"a\"\rb,c\r\nd,e\n",
         "0 line 0 at 0+8 text_after_quote 1 \"a\"\\0db,c\\0d\n1 line 1 at 9+3 [d|e]\n"
         "blank 0 lines 2 resyncs 1\n"},
        {"\"a\"b", "0 line 0 at 0+4 text_after_quote 1 \"a\"b\nblank 0 lines 0 resyncs 1\n"},
        {"\"a\"\r", "0 line 0 at 0+4 text_after_quote 1 \"a\"\\0d\nblank 0 lines 0 resyncs 1\n"},
    };
    const csv_case c = open_case(2);
    expect_each(&c, cases, MR_COUNT_OF(cases));
}

MR_TEST(an_unterminated_quote_costs_its_first_line_only)
{
    static const reading cases[] = {
        {"1,2\na,\"b\nc,d\ne,f\n",
         "0 line 0 at 0+3 [1|2]\n1 line 1 at 4+4 unterminated_quote 2 a,\"b\n"
         "2 line 2 at 9+3 [c|d]\n3 line 3 at 13+3 [e|f]\nblank 0 lines 4 resyncs 1\n"},
        {"\"", "0 line 0 at 0+1 unterminated_quote 1 \"\nblank 0 lines 0 resyncs 1\n"},
        {"a,\"b\"\"\r\n", "0 line 0 at 0+7 unterminated_quote 2 a,\"b\"\"\\0d\n"
                          "blank 0 lines 1 resyncs 1\n"},
        {"\"x\n\"\"y\nz,1", "0 line 0 at 0+2 unterminated_quote 1 \"x\n"
                            "1 line 1 at 3+3 text_after_quote 1 \"\"y\n2 line 2 at 7+3 [z|1]\n"
                            "blank 0 lines 2 resyncs 2\n"},
    };
    const csv_case c = open_case(2);
    expect_each(&c, cases, MR_COUNT_OF(cases));
}

MR_TEST(a_record_over_the_limit_is_dropped_with_its_line)
{
    csv_case c = open_case(2);
    c.limits.max_record_bytes = 8;
    expect(&c, "1234,678\n1234,6789\r\n3,4\n",
           "0 line 0 at 0+8 [1234|678]\n1 line 1 at 9+8 record_too_large 0 1234,678\n"
           "2 line 2 at 20+3 [3|4]\nblank 0 lines 3 resyncs 1\n");
    expect(&c, "1234,678\r\n1,2\n",
           "0 line 0 at 0+8 [1234|678]\n1 line 1 at 10+3 [1|2]\nblank 0 lines 2 resyncs 0\n");
    expect(&c, "\"a\n45678\n1,2\n",
           "0 line 0 at 0+2 unterminated_quote 1 \"a\n1 line 1 at 3+5 too_few_fields 0 45678\n"
           "2 line 2 at 9+3 [1|2]\nblank 0 lines 3 resyncs 1\n");
    expect(&c, "\"a\"x4567890\n1,2\n",
           "0 line 0 at 0+8 text_after_quote 1 \"a\"x4567\n1 line 1 at 12+3 [1|2]\n"
           "blank 0 lines 2 resyncs 1\n");
    expect(&c, "1234567890123",
           "0 line 0 at 0+8 record_too_large 0 12345678\n"
           "blank 0 lines 0 resyncs 1\n");
    mr_arena_done(&arena);
}

MR_TEST(a_bare_quote_is_data_unless_strict)
{
    csv_case c = open_case(2);
    c.options.strict = true;
    expect(&c, "1,2\na\"b,2\n1,b\"\n\"a\",\"b\"\n",
           "0 line 0 at 0+3 [1|2]\n1 line 1 at 4+5 bare_quote 1 a\"b,2\n"
           "2 line 2 at 10+4 bare_quote 2 1,b\"\n3 line 3 at 15+7 [a|b]\n"
           "blank 0 lines 4 resyncs 0\n");
    mr_arena_done(&arena);
}

MR_TEST(an_empty_line_is_a_record_only_in_a_one_column_file)
{
    csv_case c = open_case(1);
    expect(&c, "a\n\n\r\nb\n",
           "0 line 0 at 0+1 [a]\n1 line 1 at 2+0 [~]\n2 line 2 at 3+0 [~]\n3 line 3 at 5+1 [b]\n"
           "blank 0 lines 4 resyncs 0\n");
    c.options.blank_lines = MR_CSV_BLANK_SKIP;
    expect(&c, "a\n\n\"\"\n",
           "0 line 0 at 0+1 [a]\n1 line 2 at 3+2 []\n"
           "blank 1 lines 3 resyncs 0\n");
    mr_arena_done(&arena);
    c = open_case(2);
    expect(&c, "\n1,2\n\r\n\n3,4\n",
           "0 line 1 at 1+3 [1|2]\n1 line 4 at 8+3 [3|4]\nblank 3 lines 5 resyncs 0\n");
    c.options.blank_lines = MR_CSV_BLANK_RECORD;
    expect(&c, "1,2\n\n",
           "0 line 0 at 0+3 [1|2]\n1 line 1 at 4+0 too_few_fields 0 \n"
           "blank 0 lines 2 resyncs 0\n");
    mr_arena_done(&arena);
}

MR_TEST(options_change_the_dialect)
{
    csv_case c = open_case(2);
    c.options.comment = '#';
    expect(&c, "#,\"\n1,2\n#x\r\n3,#\n#",
           "0 line 1 at 4+3 [1|2]\n1 line 3 at 12+3 [3|#]\nblank 0 lines 4 resyncs 0\n");
    c.options.comment = 0;
    c.options.delimiter = '\t';
    c.options.quote = '\'';
    expect(&c, "a,b\t'x''\ty'\n", "0 line 0 at 0+11 [a,b|x'\\09y]\nblank 0 lines 1 resyncs 0\n");
    c.options.quote = 0;
    expect(&c, "\"a\t'b\n", "0 line 0 at 0+5 [\"a|'b]\nblank 0 lines 1 resyncs 0\n");
    c.options = MR_CSV_OPTIONS_DEFAULT;
    c.options.escape = '\\';
    expect(&c, "\"a\\\"b\",\"\\\\\"\nc\\,\"\\n\"\n",
           "0 line 0 at 0+11 [a\"b|\\5c]\n1 line 1 at 12+7 [c\\5c|n]\n"
           "blank 0 lines 2 resyncs 0\n");
    expect(&c, "\"a\"\"b\",c\n",
           "0 line 0 at 0+8 text_after_quote 1 \"a\"\"b\",c\n"
           "blank 0 lines 1 resyncs 1\n");
    c.options = MR_CSV_OPTIONS_DEFAULT;
    c.options.trim_space = true;
    expect(&c, " a\t, \n\" x \",  y z\n",
           "0 line 0 at 0+5 [a|~]\n1 line 1 at 6+11 [ x |y z]\nblank 0 lines 2 resyncs 0\n");
    mr_arena_done(&arena);
}

MR_TEST(a_lone_cr_ends_a_row_where_the_file_has_no_lf)
{
    csv_case c = open_case(2);
    c.options.cr_rows = true;
    expect(&c, "1,2\r\"a\rb\",c\r\r3,4\r\n5,6",
           "0 line 0 at 0+3 [1|2]\n1 line 1 at 4+7 [a\\0db|c]\n2 line 4 at 13+3 [3|4]\n"
           "3 line 5 at 18+3 [5|6]\nblank 1 lines 5 resyncs 0\n");
    expect(&c, "\"a\"b\r1,2\r",
           "0 line 0 at 0+4 text_after_quote 1 \"a\"b\n"
           "1 line 1 at 5+3 [1|2]\nblank 0 lines 2 resyncs 1\n");
    mr_arena_done(&arena);
}

MR_TEST(unwanted_columns_stay_out_of_the_batch)
{
    static const uint8_t wanted[] = {0, 1, 0, 1};
    csv_case c = open_case(4);
    c.wanted = wanted;
    expect(&c, "1,2,3,4\n1,2,3\n\"1\",\"\"\"2\",\"\",\n",
           "0 line 0 at 0+7 [2|4]\n1 line 1 at 8+5 too_few_fields 0 1,2,3\n"
           "2 line 2 at 14+13 [\"2|~]\nblank 0 lines 3 resyncs 0\n");
    c.options.ragged = MR_CSV_RAGGED_PAD;
    expect(&c, "1,2,3,4,5\n1,2\n",
           "0 line 0 at 0+9 [2|4]\n1 line 1 at 10+3 [2|~]\nblank 0 lines 2 resyncs 0\n");
    mr_arena_done(&arena);
}

/* The cases of RFC 4180 section 2, and those that csv-spectrum made known, in words of our own. */
MR_TEST(the_well_known_samples_read_as_published)
{
    static const reading cases[] = {
        {"aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n",
         "0 line 0 at 0+11 [aaa|bbb|ccc]\n1 line 1 at 13+11 [zzz|yyy|xxx]\n"
         "blank 0 lines 2 resyncs 0\n"},
        {"\"aaa\",\"b \r\nbb\",\"ccc\"\r\nzzz,yyy,xxx",
         "0 line 0 at 0+20 [aaa|b \\0d\\0abb|ccc]\n1 line 2 at 22+11 [zzz|yyy|xxx]\n"
         "blank 0 lines 2 resyncs 0\n"},
        {"\"aaa\",\"b\"\"bb\",\"ccc\"\r\n",
         "0 line 0 at 0+19 [aaa|b\"bb|ccc]\nblank 0 lines 1 resyncs 0\n"},
        {"Ann,\"12 Long Road, Leeds\",UK\n",
         "0 line 0 at 0+28 [Ann|12 Long Road, Leeds|UK]\nblank 0 lines 1 resyncs 0\n"},
        {"1,\"\",\"\"\n2,3,4\n",
         "0 line 0 at 0+7 [1||]\n1 line 1 at 8+5 [2|3|4]\nblank 0 lines 2 resyncs 0\n"},
        {"1,\"{\"\"k\"\": \"\"p\"\", \"\"n\"\": [1,2]}\",x\n",
         "0 line 0 at 0+34 [1|{\"k\": \"p\", \"n\": \\5b1,2\\5d}|x]\nblank 0 lines 1 resyncs 0\n"},
        {"1,\"Once upon \na time\",5\n2,3,6\n",
         "0 line 0 at 0+23 [1|Once upon \\0aa time|5]\n1 line 2 at 24+5 [2|3|6]\n"
         "blank 0 lines 3 resyncs 0\n"},
        {"1,\"\n\"\"\n\",3\n", "0 line 0 at 0+10 [1|\\0a\"\\0a|3]\nblank 0 lines 3 resyncs 0\n"},
        {"4,5,\xca\xa4\n", "0 line 0 at 0+6 [4|5|\\ca\\a4]\nblank 0 lines 1 resyncs 0\n"},
    };
    const csv_case c = open_case(3);
    expect_each(&c, cases, MR_COUNT_OF(cases));
}

/* --- what a single call promises --- */

typedef struct fixture {
    csv_case c;
    mr_csv_reader reader;
    mr_batch batch;
    mr_reject_list rejects;
    mr_text_result result;
} fixture;

static void fixture_open(fixture *f, const csv_case *c)
{
    memset(f, 0, sizeof *f);
    f->c = *c;
    mr_batch_init(&f->batch, c->max_rows);
    mr_reject_list_init(&f->rejects);
    MR_EXPECT_OK(mr_csv_reader_init(&f->reader, &c->options, &c->limits, &schema, NULL, &err));
}

static mr_code fixture_read(fixture *f, mr_slice bytes, bool final)
{
    mr_batch_reset(&f->batch);
    mr_reject_list_reset(&f->rejects);
    MR_TRY(mr_batch_set_schema(&f->batch, &schema, &err));
    return mr_csv_read(&f->reader, bytes, final, &f->batch, &f->rejects, &f->result, &err);
}

static void fixture_close(fixture *f)
{
    mr_csv_reader_done(&f->reader);
    mr_reject_list_done(&f->rejects);
    mr_batch_done(&f->batch);
    mr_arena_done(&arena);
}

MR_TEST(a_reject_names_the_field_and_says_why)
{
    static const struct {
        const char *in;
        const char *field;
        const char *detail;
    } cases[] = {
        {"1,\"2\"x\n", "b", "expected a delimiter or the end of the row, found byte 0x78"},
        {"1,\"2\n", "b", "the quote that opens field 2 is not closed"},
        {"1,2,3\n", "", "expected 2 fields, found 3"},
        {"1,2,\"3\"x\n", "", "expected a delimiter or the end of the row, found byte 0x78"},
        {"1,2345678901234567890\n", "", "more than 20 bytes (limits.max_record_bytes)"},
    };
    fixture f;
    csv_case c = open_case(2);
    c.limits.max_record_bytes = 20;
    fixture_open(&f, &c);
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        char text[64 + MR_TEXT_PADDING] = {0};
        const int len = snprintf(text, 64, "%s", cases[i].in);
        MR_EXPECT_OK(fixture_read(&f, (mr_slice){text, (size_t)len}, true));
        MR_EXPECT_U64(f.rejects.count, ==, 1);
        const mr_reject *reject = mr_reject_at(&f.rejects, 0);
        MR_EXPECT_SLICE(reject->field, cases[i].field);
        MR_EXPECT_TEXT(reject->detail, cases[i].detail);
    }
    fixture_close(&f);
}

MR_TEST(a_full_batch_stops_the_call_and_says_so)
{
    fixture f;
    csv_case c = open_case(2);
    c.max_rows = 2;
    char text[32 + MR_TEXT_PADDING] = "1,2\n3,4\n5,6\n";
    fixture_open(&f, &c);
    MR_EXPECT_OK(fixture_read(&f, (mr_slice){text, 12}, true));
    MR_EXPECT_U64(f.batch.row_count, ==, 2);
    MR_EXPECT_U64(f.result.consumed, ==, 8);
    MR_EXPECT(f.result.batch_full);
    MR_EXPECT_OK(fixture_read(&f, (mr_slice){text + 8, 4}, true));
    MR_EXPECT_U64(f.batch.row_count, ==, 1);
    MR_EXPECT(!f.result.batch_full);
    fixture_close(&f);
}

MR_TEST(quoted_columns_are_noted)
{
    fixture f;
    csv_case c = open_case(3);
    c.options.quoted_is_string = true;
    char text[32 + MR_TEXT_PADDING] = "1,\"2\",3\n4,5,6\n";
    fixture_open(&f, &c);
    MR_EXPECT_OK(fixture_read(&f, (mr_slice){text, 14}, true));
    MR_EXPECT(f.reader.quoted[0] == 0 && f.reader.quoted[1] == 1 && f.reader.quoted[2] == 0);
    MR_EXPECT_OK(fixture_read(&f, (mr_slice){text + 8, 6}, true));
    MR_EXPECT(f.reader.quoted[1] == 0);
    fixture_close(&f);
}

/* Every line opens a quote, and from every line the quotes pair up to the end: each costs a scan of
 * all the rest. A call must come back long before it has done them all. */
MR_TEST(a_call_stops_after_some_damage)
{
    enum { LINES = 20000 };
    fixture f;
    const csv_case c = open_case(2);
    char *text = mr_mem_zalloc(LINES * 5 + MR_TEXT_PADDING);
    for (int i = 0; i < LINES; i++)
        memcpy(text + i * 5, "a\",\"\n", 5);
    fixture_open(&f, &c);
    MR_EXPECT_OK(fixture_read(&f, (mr_slice){text, LINES * 5}, true));
    MR_EXPECT(f.result.batch_full);
    MR_EXPECT_U64(f.rejects.count, ==, 16);
    MR_EXPECT_U64(f.result.consumed, ==, 16 * 5);
    for (int i = 0; i < LINES; i++)
        memcpy(text + i * 5, "abcd\n", 5);
    MR_EXPECT_OK(fixture_read(&f, (mr_slice){text, LINES * 5}, true));
    MR_EXPECT(f.result.batch_full);
    MR_EXPECT_U64(f.rejects.count, ==, 4096);
    mr_mem_free(text);
    fixture_close(&f);
}

/* A batch of many narrow rows does not become one of many wide rows. */
MR_TEST(a_wide_record_waits_for_a_batch_of_its_own)
{
    enum { ROWS = 2000, WIDE = 65536 };
    fixture f;
    csv_case c = open_case(2);
    c.options.ragged = MR_CSV_RAGGED_PAD;
    char *text = mr_mem_zalloc(ROWS * 4 + WIDE + MR_TEXT_PADDING);
    for (int i = 0; i < ROWS; i++)
        memcpy(text + i * 4, "1,2\n", 4);
    memset(text + ROWS * 4, ',', WIDE - 1);
    const mr_slice bytes = {text, ROWS * 4 + WIDE - 1};
    fixture_open(&f, &c);
    MR_EXPECT_OK(fixture_read(&f, bytes, true));
    MR_EXPECT(f.result.batch_full);
    MR_EXPECT_U64(f.batch.row_count, ==, ROWS);
    MR_EXPECT_U64(f.batch.column_count, ==, 2);
    MR_EXPECT_OK(fixture_read(&f, mr_slice_from(bytes, f.result.consumed), true));
    MR_EXPECT_U64(f.batch.row_count, ==, 1);
    MR_EXPECT_U64(f.batch.column_count, ==, WIDE);
    MR_EXPECT_U64(f.batch.max_rows, <=, 64);
    MR_EXPECT_U64(mr_batch_held_bytes(&f.batch), <, (uint64_t)128 << 20);
    mr_mem_free(text);
    fixture_close(&f);
}

static size_t sample(char *text, size_t max)
{
    size_t len = 0;
    for (unsigned i = 0; len + 200 < max; i++) {
        const char *note = i % 7 == 0    ? "\"a \"\"quoted\"\" note, with\nall\""
                           : i % 5 == 0  ? ""
                           : i % 11 == 0 ? "bare \" quote"
                                         : "plain";
        len += (size_t)snprintf(text + len, 200, "%u,%s,%s\n", i, note,
                                i % 97 == 0 ? "x,y" : "longer than thirty-two bytes by a few");
    }
    return len;
}

MR_TEST(a_warm_reader_allocates_nothing)
{
    enum { BYTES = 300000 };
    fixture f;
    const csv_case c = open_case(3);
    char *text = mr_mem_zalloc(BYTES + MR_TEXT_PADDING);
    const mr_slice bytes = {text, sample(text, BYTES)};
    fixture_open(&f, &c);
    MR_EXPECT_OK(fixture_read(&f, bytes, true));
    MR_EXPECT(f.batch.row_count > 1000 && f.rejects.count > 10);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 10; i++)
        MR_EXPECT_OK(fixture_read(&f, bytes, true));
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    mr_mem_free(text);
    fixture_close(&f);
}

static char failing_text[6000 + MR_TEXT_PADDING];

static mr_code read_once(const csv_case *c, mr_slice bytes)
{
    fixture f = {.c = *c};
    mr_batch_init(&f.batch, 0);
    mr_reject_list_init(&f.rejects);
    mr_code rc = mr_csv_reader_init(&f.reader, &c->options, &c->limits, &schema, NULL, &err);
    if (rc == MR_OK) rc = fixture_read(&f, bytes, true);
    mr_csv_reader_done(&f.reader);
    mr_reject_list_done(&f.rejects);
    mr_batch_done(&f.batch);
    return rc;
}

MR_TEST(every_allocation_of_a_reader_may_fail)
{
    csv_case c = open_case(3);
    const mr_slice bytes = {failing_text, sample(failing_text, 6000)};
    c.options.ragged = MR_CSV_RAGGED_PAD;
    MR_EACH_ALLOC_FAILS(read_once(&c, bytes));
    mr_arena_done(&arena);
}
