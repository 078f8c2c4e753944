/* SPDX-License-Identifier: MIT
 *
 * Writing JSON: what is read and written again, and cells that JSON cannot hold. */
#include "support/json_transcript.h"
#include "support/test.h"

static mr_error err;

static const mr_json_write_options lines = {.format = MR_JSON_LINES};
static const mr_json_write_options array = {.format = MR_JSON_ARRAY};

/* Reads `input` (as auto) into one batch, writes it, and joins what an array needs around it. */
static void rewrite(mr_slice input, mr_json_write_options options, const mr_json_kernels *kernels,
                    mr_buffer *out)
{
    json_reading r;
    mr_json_writer *writer;
    mr_text_result result;
    json_reading_open(&r, &(mr_json_options){0}, kernels);
    MR_EXPECT_OK(mr_json_writer_open(&options, &writer, &err));
    MR_EXPECT_OK(mr_json_read(r.reader, &r.state, json_padded(&r, input), true, &r.batch,
                              &r.rejects, &result, &err));
    MR_EXPECT_U64(r.rejects.count, ==, 0);
    const bool joined = options.format == MR_JSON_ARRAY;
    if (joined && r.batch.row_count > 0) MR_EXPECT_OK(mr_json_array_open(out, &err));
    MR_EXPECT_OK(mr_json_write(writer, &r.batch, out, &r.rejects, &err));
    if (joined) MR_EXPECT_OK(mr_json_array_close(out, r.batch.row_count > 0, &err));
    MR_EXPECT_U64(r.rejects.count, ==, 0);
    mr_json_writer_close(writer);
    json_reading_close(&r);
}

static void expect_written(mr_json_write_options options, const char *input, const char *wanted)
{
    mr_buffer out;
    mr_buffer_init(&out, "test", 1 << 24);
    rewrite(mr_slice_text(input), options, NULL, &out);
    MR_EXPECT_SLICE(mr_buffer_slice(&out), wanted);
    mr_buffer_done(&out);
}

MR_TEST(lines_are_compact_objects)
{
    expect_written(lines, "", "");
    expect_written(lines, "{}", "{}\n");
    expect_written(lines, "{ \"a\" : 1 , \"b\" : null }\n{\"b\":\"x\"}{\"c\":true}",
                   "{\"a\":1,\"b\":null}\n{\"b\":\"x\"}\n{\"c\":true}\n");
    expect_written(
        lines, "{\"a\":1.10,\"b\":-0,\"c\":1E400,\"d\":\"12\",\"e\":[1, {\"k\":\"\\u00e9\"}]}",
        "{\"a\":1.10,\"b\":-0,\"c\":1E400,\"d\":\"12\",\"e\":[1,{\"k\":\"\xc3\xa9\"}]}\n");
    expect_written(lines, "{\"\\\"k\\\\\\n\":\"\"}", "{\"\\\"k\\\\\\n\":\"\"}\n");
}

MR_TEST(columns_of_mixed_types_keep_a_type_per_row)
{
    static const char text[] = "{\"a\":1}\n{\"a\":\"1\"}\n{\"a\":null}\n{\"a\":[1]}\n{}\n"
                               "{\"a\":true}\n{\"a\":\"\\\"\"}\n";
    expect_written(lines, text, text);
}

/* The escape that JSON demands for an ASCII character, or the character. */
static mr_slice escape_of(unsigned c, char buffer[8])
{
    static const char *const letters[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    if (c < 0x20 && letters[c] != NULL) return mr_slice_text(letters[c]);
    if (c == '"') return MR_SLICE("\\\"");
    if (c == '\\') return MR_SLICE("\\\\");
    const int len = snprintf(buffer, 8, c < 0x20 ? "\\u%04x" : "%c", c);
    return (mr_slice){buffer, (size_t)len};
}

MR_TEST(strings_have_only_the_escapes_that_json_demands)
{
    mr_buffer text, wanted, out;
    char buffer[8];
    mr_buffer_init(&text, "test", 1 << 24);
    mr_buffer_init(&wanted, "test", 1 << 24);
    mr_buffer_init(&out, "test", 1 << 24);
    for (unsigned c = 0; c < 0x80; c++) {
        for (int before = 0; before < 70; before += 23) { /* in every place of a 32-byte look */
            const mr_slice escape = escape_of(c, buffer);
            JSON_SAY(&text, "{\"a\":\"%*s\\u%04x.\",\"n\":[\"\\u%04X\"]}\n", before, "", c, c);
            JSON_SAY(&wanted, "{\"a\":\"%*s%.*s.\",\"n\":[\"%.*s\"]}\n", before, "",
                     MR_SLICE_ARGS(escape), MR_SLICE_ARGS(escape));
        }
    }
    rewrite(mr_buffer_slice(&text), lines, NULL, &out);
    MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), mr_buffer_slice(&wanted)));
    mr_buffer_done(&text);
    mr_buffer_done(&wanted);
    mr_buffer_done(&out);
}

MR_TEST(arrays_are_joined_from_batches)
{
    expect_written(array, "", "[]\n");
    expect_written(array, "{\"a\":1}", "[\n{\"a\":1}\n]\n");
    expect_written(array, "{\"a\":1}{\"a\":2}{}", "[\n{\"a\":1},\n{\"a\":2},\n{}\n]\n");
}

MR_TEST(pretty_objects_go_over_lines)
{
    mr_json_write_options options = {.format = MR_JSON_LINES, .pretty = true};
    expect_written(
        options, "{\"a\":1,\"b\":[1,{\"c\":\"{[,:]}\\\"\"},[],{}],\"d\":null}{}",
        "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    {\n      \"c\": \"{[,:]}\\\"\"\n    },\n"
        "    [],\n    {}\n  ],\n  \"d\": null\n}\n{}\n");
    options.format = MR_JSON_ARRAY;
    options.indent = 1;
    expect_written(options, "{\"a\":-1.5}{}", "[\n {\n  \"a\": -1.5\n },\n {}\n]\n");
    expect_written(options, "", "[]\n");
}

/* A batch of one column called "c", of `type`, with these cells. */
static void one_column(mr_batch *batch, mr_type type, const mr_slice *cells, uint32_t count)
{
    uint32_t number;
    mr_batch_init(batch, 0);
    MR_EXPECT_OK(mr_batch_add_column(batch, MR_SLICE("c"), type, &number, &err));
    for (uint32_t i = 0; i < count; i++) {
        MR_EXPECT_OK(mr_batch_begin_row(batch, &err));
        MR_EXPECT_OK(mr_column_append(&batch->columns[0], i, cells[i], &err));
        mr_batch_end_row(batch, 0, 0, 0, i);
    }
}

static void expect_cells(mr_type type, const mr_slice *cells, uint32_t count, bool lossy,
                         const char *wanted, mr_reason reason, uint32_t rejects, uint64_t replaced)
{
    mr_batch batch;
    mr_buffer out;
    mr_reject_list list;
    mr_json_writer *writer;
    one_column(&batch, type, cells, count);
    mr_buffer_init(&out, "test", 1 << 24);
    mr_reject_list_init(&list);
    MR_EXPECT_OK(mr_json_writer_open(&(mr_json_write_options){.lossy = lossy}, &writer, &err));
    MR_EXPECT_OK(mr_json_write(writer, &batch, &out, &list, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), wanted);
    MR_EXPECT_U64(list.count, ==, rejects);
    MR_EXPECT_U64(mr_json_writer_replaced(writer), ==, replaced);
    for (uint32_t i = 0; i < rejects; i++) {
        MR_EXPECT_U64(mr_reject_at(&list, i)->reason, ==, reason);
        MR_EXPECT_U64(mr_reject_at(&list, i)->row_before, ==, 1 + i * 2);
        MR_EXPECT_U64(mr_reject_at(&list, i)->column, ==, 1);
        MR_EXPECT_SLICE(mr_reject_at(&list, i)->field, "c");
    }
    mr_json_writer_close(writer);
    mr_reject_list_done(&list);
    mr_buffer_done(&out);
    mr_batch_done(&batch);
}

MR_TEST(rows_that_are_not_utf8_are_rejected_or_mended)
{
    static const mr_slice cells[] = {
        {"a", 1}, {"\xff", 1}, {"\xc3\xa9", 2}, {"x\xe2\x82\"", 4}, {"", 0}};
    expect_cells(MR_TYPE_STRING, cells, 5, false,
                 "{\"c\":\"a\"}\n{\"c\":\"\xc3\xa9\"}\n{\"c\":\"\"}\n", MR_REASON_INVALID_UTF8, 2,
                 0);
    expect_cells(MR_TYPE_BYTES, cells, 5, true,
                 "{\"c\":\"a\"}\n{\"c\":\"\xef\xbf\xbd\"}\n{\"c\":\"\xc3\xa9\"}\n"
                 "{\"c\":\"x\xef\xbf\xbd\\\"\"}\n{\"c\":\"\"}\n",
                 MR_REASON_INVALID_UTF8, 0, 2);
}

MR_TEST(cells_that_are_utf8_only_together_are_not)
{
    static const mr_slice cells[] = {{"a", 1}, {"\xc3", 1}, {"b", 1}, {"\xa9", 1}};
    static const mr_slice halves[] = {{"\xc3", 1}, {"\xa9", 1}};
    expect_cells(MR_TYPE_STRING, cells, 4, false, "{\"c\":\"a\"}\n{\"c\":\"b\"}\n",
                 MR_REASON_INVALID_UTF8, 2, 0);
    expect_cells(MR_TYPE_STRING, halves, 2, true,
                 "{\"c\":\"\xef\xbf\xbd\"}\n{\"c\":\"\xef\xbf\xbd\"}\n", MR_REASON_INVALID_UTF8, 0,
                 2);
}

MR_TEST(floats_that_json_does_not_know_are_rejected_or_null)
{
    static const mr_slice cells[] = {{"1.5", 3}, {"NaN", 3}, {"1e+300", 6}, {"-inf", 4}};
    expect_cells(MR_TYPE_FLOAT, cells, 4, false, "{\"c\":1.5}\n{\"c\":1e+300}\n", MR_REASON_INEXACT,
                 2, 0);
    expect_cells(MR_TYPE_FLOAT, cells, 4, true,
                 "{\"c\":1.5}\n{\"c\":null}\n{\"c\":1e+300}\n{\"c\":null}\n", MR_REASON_INEXACT, 0,
                 2);
}

MR_TEST(a_huge_row_takes_room_for_what_it_is)
{
    enum { huge = 3 << 20 };
    char *text = mr_mem_alloc(huge);
    memset(text, 'x', huge);
    memset(text, '\x01', 1000);
    mr_batch batch;
    mr_buffer out;
    mr_reject_list list;
    mr_json_writer *writer;
    const mr_slice cells[] = {{text, huge}, {"y", 1}, {text, huge}};
    one_column(&batch, MR_TYPE_STRING, cells, 3);
    mr_buffer_init(&out, "test", 2 * huge + 64 * 1024);
    mr_reject_list_init(&list);
    MR_EXPECT_OK(mr_json_writer_open(&lines, &writer, &err));
    MR_EXPECT_OK(mr_json_write(writer, &batch, &out, &list, &err));
    MR_EXPECT_U64(out.len, ==, 2 * (huge + 5000) + 1 + 3 * sizeof "{\"c\":\"\"}");
    mr_json_writer_close(writer);
    mr_buffer_done(&out);
    mr_batch_done(&batch);
    mr_mem_free(text);
}

MR_TEST(a_column_name_that_is_not_utf8_is_refused_or_mended)
{
    mr_batch batch;
    mr_buffer out;
    mr_reject_list list;
    mr_json_writer *writer;
    uint32_t number;
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(mr_batch_add_column(&batch, MR_SLICE("n\xe9"), MR_TYPE_INT, &number, &err));
    MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
    MR_EXPECT_OK(mr_column_append(&batch.columns[0], 0, MR_SLICE("1"), &err));
    mr_batch_end_row(&batch, 0, 0, 0, 0);
    mr_buffer_init(&out, "test", 1 << 20);
    mr_reject_list_init(&list);
    MR_EXPECT_OK(mr_json_writer_open(&lines, &writer, &err));
    MR_EXPECT_CODE(mr_json_write(writer, &batch, &out, &list, &err), MR_ERR_INPUT);
    mr_json_writer_close(writer);
    MR_EXPECT_OK(mr_json_writer_open(&(mr_json_write_options){.lossy = true}, &writer, &err));
    MR_EXPECT_OK(mr_json_write(writer, &batch, &out, &list, &err));
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "{\"n\xef\xbf\xbd\":1}\n");
    mr_json_writer_close(writer);
    mr_buffer_done(&out);
    mr_batch_done(&batch);
}

/* Some rows with everything in them, so that all memory is used. */
static void fill_text(mr_buffer *text, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++)
        JSON_SAY(
            text,
            "{\"id\":%u,\"name\":\"user \\\"%u\\\"\",\"tags\":[ %u, \"\\u00e9\" ],\"x\":%s%s}\n", i,
            i, i,
            i % 3 == 0   ? "null"
            : i % 3 == 1 ? "1.5"
                         : "\"s\"",
            i % 5 == 0 ? ",\"late\":{\"k\":true}" : "");
}

static void read_and_write(json_reading *r, mr_json_writer *writer, mr_slice bytes, mr_buffer *out)
{
    mr_text_result result;
    r->state = (mr_json_state){0};
    mr_batch_reset(&r->batch);
    mr_buffer_reset(out);
    MR_EXPECT_OK(
        mr_json_read(r->reader, &r->state, bytes, true, &r->batch, &r->rejects, &result, &err));
    MR_EXPECT_OK(mr_json_write(writer, &r->batch, out, &r->rejects, &err));
}

MR_TEST(reading_and_writing_allocate_nothing_once_warm)
{
    json_reading r;
    mr_json_writer *writer;
    mr_buffer text, out;
    mr_buffer_init(&text, "test", 1 << 24);
    mr_buffer_init(&out, "test", 1 << 24);
    fill_text(&text, 3000);
    json_reading_open(&r, &(mr_json_options){.format = MR_JSON_LINES}, NULL);
    MR_EXPECT_OK(mr_json_writer_open(&lines, &writer, &err));
    const mr_slice bytes = json_padded(&r, mr_buffer_slice(&text));
    read_and_write(&r, writer, bytes, &out);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 5; i++)
        read_and_write(&r, writer, bytes, &out);
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(r.batch.row_count, ==, 3000);
    mr_json_writer_close(writer);
    json_reading_close(&r);
    mr_buffer_done(&text);
    mr_buffer_done(&out);
}

/* Reads and writes with whatever options use the most tables. */
static mr_code whole_scenario(mr_slice bytes)
{
    const mr_json_options read = {.format = MR_JSON_LINES,
                                  .flatten = MR_JSON_FLATTEN_DOT,
                                  .explode = MR_SLICE("tags"),
                                  .invalid_unicode = MR_JSON_UNICODE_REPLACE,
                                  .wrap_scalars = MR_SLICE("v")};
    mr_json_reader *reader = NULL;
    mr_json_writer *writer = NULL;
    mr_batch batch;
    mr_buffer out;
    mr_reject_list rejects;
    mr_text_result result;
    mr_json_state state = {0};
    mr_batch_init(&batch, 0);
    mr_buffer_init(&out, "test", 1 << 24);
    mr_reject_list_init(&rejects);
    mr_code rc = mr_json_reader_open(&read, &reader, &err);
    if (rc == MR_OK)
        rc = mr_json_read(reader, &state, bytes, true, &batch, &rejects, &result, &err);
    if (rc == MR_OK)
        rc = mr_json_writer_open(&(mr_json_write_options){.pretty = true, .lossy = true}, &writer,
                                 &err);
    if (rc == MR_OK) rc = mr_json_write(writer, &batch, &out, &rejects, &err);
    mr_json_reader_close(reader);
    mr_json_writer_close(writer);
    mr_batch_done(&batch);
    mr_buffer_done(&out);
    mr_reject_list_done(&rejects);
    return rc;
}

MR_TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    json_reading r;
    mr_buffer text;
    mr_buffer_init(&text, "test", 1 << 24);
    fill_text(&text, 70);
    JSON_SAY(&text, "{\"bad\xff\":\"\xff\",\"o\":{\"a\":{\"b\":\"\\n\"}}}\n[1]\n");
    for (int i = 0; i < 40; i++)
        JSON_SAY(&text, "{\"column %d\":%d,\"o\":{\"p %d\":1}}\nnope\n", i, i, i);
    json_reading_open(&r, &(mr_json_options){0}, NULL);
    const mr_slice bytes = json_padded(&r, mr_buffer_slice(&text));
    MR_EACH_ALLOC_FAILS(whole_scenario(bytes));
    json_reading_close(&r);
    mr_buffer_done(&text);
}

MR_TEST(limits_out_of_range_are_refused)
{
    mr_json_reader *reader;
    mr_json_writer *writer;
    MR_EXPECT_CODE(
        mr_json_reader_open(&(mr_json_options){.limits = {.max_depth = MR_JSON_MAX_DEPTH + 1}},
                            &reader, &err),
        MR_ERR_USAGE);
    MR_EXPECT_CODE(
        mr_json_reader_open(
            &(mr_json_options){.limits = {.max_record_bytes = MR_JSON_MAX_RECORD_BYTES + 1}},
            &reader, &err),
        MR_ERR_USAGE);
    MR_EXPECT_CODE(
        mr_json_reader_open(&(mr_json_options){.limits = {.max_columns = MR_MAX_COLUMNS + 1}},
                            &reader, &err),
        MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_json_writer_open(&(mr_json_write_options){.indent = 17}, &writer, &err),
                   MR_ERR_USAGE);
}
