/* SPDX-License-Identifier: MIT
 *
 * The writer: section 4.2, and what reading its output gives back. */
#include "format/csv.h"
#include "support/test.h"

static mr_arena arena;
static mr_schema schema;
static mr_batch batch;
static mr_buffer out;
static mr_csv_writer writer;
static mr_error err;

static void open_all(uint32_t columns)
{
    char name[16];
    mr_arena_init(&arena, "test", (size_t)64 << 20);
    mr_schema_init(&schema, &arena);
    for (uint32_t i = 0; i < columns; i++) {
        const int len = snprintf(name, sizeof name, "c%u", i);
        MR_EXPECT_OK(
            mr_schema_add(&schema, (mr_slice){name, (size_t)len}, MR_TYPE_STRING, NULL, &err));
    }
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(mr_batch_set_schema(&batch, &schema, &err));
    mr_buffer_init(&out, "out", (size_t)1 << 30);
    mr_csv_writer_init(&writer);
}

static void close_all(void)
{
    mr_csv_writer_done(&writer);
    mr_buffer_done(&out);
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

/* A row of `columns` cells; a NULL pointer is null. */
static void add_row(const mr_slice *cells, uint32_t columns)
{
    const uint32_t row = batch.row_count;
    MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
    for (uint32_t i = 0; i < columns; i++) {
        if (cells[i].ptr == NULL)
            mr_column_append_null(&batch.columns[i], row);
        else
            MR_EXPECT_OK(mr_column_append(&batch.columns[i], row, cells[i], &err));
    }
    mr_batch_end_row(&batch, 0, 0, 0, 0);
}

static void expect_cell(const char *cell, const char *wanted)
{
    mr_batch_reset(&batch);
    MR_EXPECT_OK(mr_batch_set_schema(&batch, &schema, &err));
    const mr_slice cells[] = {mr_slice_text(cell), MR_SLICE("-"), mr_slice_text(cell)};
    add_row(cells, 3);
    mr_buffer_reset(&out);
    MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
    char line[400];
    snprintf(line, sizeof line, "%s%c-%c%s%s", wanted, writer.delimiter, writer.delimiter, wanted,
             writer.crlf ? "\r\n" : "\n");
    MR_EXPECT_SLICE(mr_buffer_slice(&out), line);
}

typedef struct cell_case {
    const char *cell; /* NULL: null */
    const char *wanted;
} cell_case;

static const cell_case cell_cases[] = {
    {NULL, ""},
    {"", "\"\""},
    {"a", "a"},
    {" a ", " a "},
    {"a,b", "\"a,b\""},
    {"\"", "\"\"\"\""},
    {"a\"b\"", "\"a\"\"b\"\"\""},
    {"a\nb", "\"a\nb\""},
    {"a\rb", "\"a\rb\""},
    {"#a", "#a"},
    {"a;b\tc|d", "a;b\tc|d"},
    {"\x80\xff", "\x80\xff"},
    {"exactly thirty-two bytes of text", "exactly thirty-two bytes of text"},
    {"more than thirty-two bytes of text, quoted for its comma, over two blocks of 64 bytes",
     "\"more than thirty-two bytes of text, quoted for its comma, over two blocks of 64 bytes\""},
    {"more than thirty-two bytes of text that need no quotes at all; over two blocks of 64 bytes",
     "more than thirty-two bytes of text that need no quotes at all; over two blocks of 64 bytes"},
};

MR_TEST(values_are_quoted_when_they_must_be_and_only_then)
{
    static const char *const kernels[] = {"", "base", "scalar"};
    for (size_t k = 0; k < MR_COUNT_OF(kernels); k++) {
        setenv("MILLRACE_SIMD", kernels[k], 1);
        open_all(3);
        for (size_t i = 0; i < MR_COUNT_OF(cell_cases); i++)
            expect_cell(cell_cases[i].cell, cell_cases[i].wanted);
        close_all();
    }
    setenv("MILLRACE_SIMD", "", 1);
}

MR_TEST(the_dialect_can_be_changed)
{
    open_all(3);
    writer.delimiter = ';';
    writer.quote = '\'';
    writer.crlf = true;
    MR_EXPECT_OK(mr_csv_writer_check(&writer, &err));
    expect_cell("a,b\"", "a,b\"");
    expect_cell("a;b'", "'a;b'''");
    expect_cell("a\r\nb", "'a\r\nb'");
    close_all();
}

MR_TEST(a_null_text_is_told_from_the_value_that_looks_like_it)
{
    open_all(3);
    writer.null_text = MR_SLICE("NA");
    MR_EXPECT_OK(mr_csv_writer_check(&writer, &err));
    expect_cell(NULL, "NA");
    expect_cell("NA", "\"NA\"");
    expect_cell("", "\"\"");
    expect_cell("NAN", "NAN");
    close_all();
}

MR_TEST(impossible_writers_are_refused)
{
    open_all(1);
    writer.null_text = MR_SLICE("a,b");
    MR_EXPECT_CODE(mr_csv_writer_check(&writer, &err), MR_ERR_USAGE);
    MR_EXPECT_TEXT(err.text, "csv.null_text holds a byte that needs quotes");
    writer.null_text = (mr_slice){0};
    writer.quote = ',';
    MR_EXPECT_CODE(mr_csv_writer_check(&writer, &err), MR_ERR_USAGE);
    writer.quote = 0;
    MR_EXPECT_CODE(mr_csv_writer_check(&writer, &err), MR_ERR_USAGE);
    close_all();
}

MR_TEST(header_names_follow_the_same_rule)
{
    mr_schema odd;
    open_all(2);
    MR_EXPECT_OK(mr_csv_write_header_of(&writer, &batch, &out, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "c0,c1\n");
    mr_schema_init(&odd, &arena);
    mr_buffer_reset(&out);
    MR_EXPECT_OK(mr_csv_write_header(&writer, &odd, &out, &err));
    MR_EXPECT_U64(out.len, ==, 0);
    MR_EXPECT_OK(mr_schema_add(&odd,
                               MR_SLICE("\xef\xbb\xbf"
                                        "a"),
                               MR_TYPE_INT, NULL, &err));
    MR_EXPECT_OK(mr_schema_add(&odd, MR_SLICE("b,\"c\""), MR_TYPE_INT, NULL, &err));
    MR_EXPECT_OK(mr_schema_add(&odd, MR_SLICE("#"), MR_TYPE_INT, NULL, &err));
    writer.crlf = true;
    MR_EXPECT_OK(mr_csv_write_header(&writer, &odd, &out, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "\"\xef\xbb\xbf"
                                           "a\",\"b,\"\"c\"\"\",#\r\n");
    writer.header = false;
    mr_buffer_reset(&out);
    MR_EXPECT_OK(mr_csv_write_header(&writer, &odd, &out, &err));
    MR_EXPECT_U64(out.len, ==, 0);
    close_all();
}

MR_TEST(what_looks_like_a_byte_order_mark_is_quoted_where_a_file_begins)
{
    const mr_slice bom = MR_SLICE("\xef\xbb\xbf"
                                  "a");
    open_all(1);
    add_row(&bom, 1);
    add_row(&bom, 1);
    MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "\xef\xbb\xbf"
                                           "a\n\xef\xbb\xbf"
                                           "a\n");
    writer.header = false;
    mr_buffer_reset(&out);
    MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "\"\xef\xbb\xbf"
                                           "a\"\n\xef\xbb\xbf"
                                           "a\n");
    batch.sequence = 1;
    mr_buffer_reset(&out);
    MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "\xef\xbb\xbf"
                                           "a\n\xef\xbb\xbf"
                                           "a\n");
    close_all();
}

MR_TEST(absent_cells_are_written_as_null)
{
    open_all(2);
    MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
    MR_EXPECT_OK(mr_column_append_absent(&batch.columns[0], 0, &err));
    MR_EXPECT_OK(mr_column_append_absent(&batch.columns[1], 0, &err));
    mr_batch_end_row(&batch, 0, 0, 0, 0);
    MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), ",\n");
    close_all();
}

MR_TEST(a_full_output_is_a_limit)
{
    open_all(1);
    const mr_slice cell = MR_SLICE("some text");
    add_row(&cell, 1);
    mr_buffer_done(&out);
    mr_buffer_init(&out, "the output", 8);
    MR_EXPECT_CODE(mr_csv_write(&writer, &batch, &out, &err), MR_ERR_LIMIT);
    close_all();
}

/* --- round trips --- */

static uint64_t dice_state = 3;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % sides;
}

static void add_random_row(uint32_t columns)
{
    static const char alphabet[] = "ab,\"\n\r\0\x80 ;'";
    char text[4][120];
    mr_slice cells[4];
    for (uint32_t i = 0; i < columns; i++) {
        const uint32_t how = dice(12);
        const size_t len = how < 8 ? dice(9) : how < 10 ? dice(120) : 0;
        for (size_t j = 0; j < len; j++)
            text[i][j] = how < 5 ? (char)('a' + dice(26)) : alphabet[dice(sizeof alphabet - 1)];
        cells[i] = how == 11 ? (mr_slice){0} : (mr_slice){text[i], len};
    }
    add_row(cells, columns);
}

static void expect_same_rows(const mr_batch *a, const mr_batch *b)
{
    MR_EXPECT_U64(a->row_count, ==, b->row_count);
    for (uint32_t i = 0; i < a->column_count; i++)
        for (uint32_t row = 0; row < a->row_count; row++) {
            const mr_column *x = &a->columns[i], *y = &b->columns[i];
            MR_EXPECT(mr_column_is_null(x, row) == mr_column_is_null(y, row));
            MR_EXPECT(mr_slice_equal(mr_column_text(x, row), mr_column_text(y, row)));
        }
}

/* Any cells survive; and what was written once is canonical, so it is written the same again. */
MR_TEST(what_is_written_reads_back_and_is_written_the_same)
{
    for (int round = 0; round < 300; round++) {
        const uint32_t columns = 1 + dice(4);
        open_all(columns);
        for (uint32_t rows = dice(200); rows > 0; rows--)
            add_random_row(columns);
        mr_csv_options options = MR_CSV_OPTIONS_DEFAULT;
        writer.crlf = dice(2) == 0;
        if (dice(3) == 0) options.delimiter = writer.delimiter = ';';
        if (dice(3) == 0) options.quote = writer.quote = '\'';
        MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
        const size_t len = out.len;
        MR_EXPECT_OK(mr_buffer_reserve(&out, MR_TEXT_PADDING, &err));

        mr_csv_reader reader;
        mr_batch again;
        mr_reject_list rejects;
        mr_text_result result;
        const mr_text_limits limits = MR_TEXT_LIMITS_DEFAULT;
        mr_batch_init(&again, 0);
        mr_reject_list_init(&rejects);
        MR_EXPECT_OK(mr_batch_set_schema(&again, &schema, &err));
        MR_EXPECT_OK(mr_csv_reader_init(&reader, &options, &limits, &schema, NULL, &err));
        MR_EXPECT_OK(
            mr_csv_read(&reader, (mr_slice){out.ptr, len}, true, &again, &rejects, &result, &err));
        mr_batch_check(&again);
        MR_EXPECT_U64(rejects.count, ==, 0);
        expect_same_rows(&batch, &again);
        MR_EXPECT_OK(mr_csv_write(&writer, &again, &out, &err));
        MR_EXPECT_U64(out.len, ==, 2 * len);
        MR_EXPECT(len == 0 || memcmp(out.ptr, out.ptr + len, len) == 0);
        mr_csv_reader_done(&reader);
        mr_reject_list_done(&rejects);
        mr_batch_done(&again);
        close_all();
    }
}

MR_TEST(a_wide_batch_is_written_whole)
{
    enum { WIDE = 3000 };
    open_all(WIDE);
    MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
    for (uint32_t i = 0; i < WIDE; i++)
        MR_EXPECT_OK(mr_column_append(&batch.columns[i], 0,
                                      i % 3 == 0 ? MR_SLICE("a,") : MR_SLICE("a"), &err));
    mr_batch_end_row(&batch, 0, 0, 0, 0);
    MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
    MR_EXPECT_U64(out.len, ==, WIDE / 3 * 5 + (WIDE - WIDE / 3) * 2);
    close_all();
}

MR_TEST(a_warm_writer_allocates_nothing)
{
    open_all(4);
    for (int i = 0; i < 3000; i++)
        add_random_row(4);
    MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 5; i++) {
        mr_buffer_reset(&out);
        MR_EXPECT_OK(mr_csv_write(&writer, &batch, &out, &err));
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    close_all();
}

static mr_code write_once(void)
{
    mr_buffer to;
    mr_csv_writer w;
    mr_buffer_init(&to, "out", 1 << 20);
    mr_csv_writer_init(&w);
    mr_code rc = mr_csv_write_header(&w, &schema, &to, &err);
    if (rc == MR_OK) rc = mr_csv_write(&w, &batch, &to, &err);
    mr_csv_writer_done(&w);
    mr_buffer_done(&to);
    return rc;
}

MR_TEST(every_allocation_of_a_writer_may_fail)
{
    open_all(3);
    for (int i = 0; i < 100; i++)
        add_random_row(3);
    MR_EACH_ALLOC_FAILS(write_once());
    close_all();
}
