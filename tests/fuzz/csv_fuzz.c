/* SPDX-License-Identifier: MIT
 *
 * CSV: whatever the bytes and options, a reading does not depend on how the bytes are cut, how
 * large batches are, or which kernel runs; header and sniffer survive; and what the writer makes of
 * the rows reads back as the same rows.
 *
 * Input: 4 bytes of options, 1 of where to cut, the rest is the file. */
#include "support/csv_transcript.h"

#define OPTION_BYTES 5u

static const mr_slice null_values[] = {{"NA", 2}, {"null", 4}};

static csv_case case_from(const uint8_t *b, const mr_schema *schema)
{
    csv_case c = {.options = MR_CSV_OPTIONS_DEFAULT, .limits = MR_TEXT_LIMITS_DEFAULT};
    mr_csv_options *o = &c.options;
    c.schema = schema;
    o->delimiter = ",;\t|"[b[0] & 3];
    o->quote = "\"'\"\0"[b[0] >> 2 & 3];
    o->escape = (b[0] & 0x10) != 0 && o->quote != 0 ? '\\' : 0;
    o->comment = (b[0] & 0x20) != 0 ? '#' : 0;
    o->strict = (b[0] & 0x40) != 0;
    o->trim_space = (b[0] & 0x80) != 0;
    o->ragged = (mr_csv_ragged)(b[1] % 3);
    o->blank_lines = (mr_csv_blank_lines)(b[1] / 3 % 3);
    o->cr_rows = (b[1] / 9 & 1) != 0;
    o->quoted_is_string = true;
    if ((b[1] / 18 & 1) != 0) {
        o->null_values = null_values;
        o->null_value_count = 2;
    }
    c.max_rows = (b[2] & 7) == 7 ? 1 + (b[2] >> 3 & 7) : 0;
    if ((b[3] & 3) == 3) c.limits.max_record_bytes = 1 + (b[3] >> 2);
    return c;
}

static void read_header(const csv_case *c, mr_slice bytes)
{
    mr_arena arena;
    mr_schema schema;
    mr_csv_header header;
    mr_csv_options options = c->options;
    bool complete;
    mr_error err;
    options.delimiter = 0;
    options.has_header = MR_CSV_HEADER_AUTO;
    options.skip_rows = bytes.len % 3;
    mr_arena_init(&arena, "fuzz", (size_t)16 << 20);
    mr_schema_init(&schema, &arena);
    if (mr_csv_sniff(&options, bytes, true, &complete, &err) == MR_OK && !complete) abort();
    if (mr_csv_read_header(&options, &c->limits, bytes, true, &schema, &complete, &header, &err) ==
            MR_OK &&
        (!complete || header.consumed > bytes.len))
        abort();
    mr_arena_done(&arena);
}

static void expect_equal(const mr_buffer *a, const mr_buffer *b)
{
    if (mr_slice_equal(mr_buffer_slice(a), mr_buffer_slice(b))) return;
    fprintf(stderr, "one:\n%.*s\nother:\n%.*s\n", (int)a->len, a->ptr, (int)b->len, b->ptr);
    abort();
}

static void compare_readings(csv_case c, mr_slice bytes, uint8_t cut_by)
{
    static const char *const kernels[] = {"", "base", "scalar"};
    mr_buffer one, other;
    mr_buffer_init(&one, "one", (size_t)256 << 20);
    mr_buffer_init(&other, "other", (size_t)256 << 20);
    csv_transcribe(&c, bytes, NULL, 0, &one);
    size_t *cuts = malloc(sizeof *cuts * (bytes.len + 1)), count = 0;
    for (size_t at = cut_by % 16; at < bytes.len; at += 1 + cut_by / 16u * 7)
        cuts[count++] = at;
    csv_transcribe(&c, bytes, cuts, count < 200 ? count : 200, &other);
    expect_equal(&one, &other);
    free(cuts);
    c.max_rows = 3;
    for (size_t k = 1; k < MR_COUNT_OF(kernels); k++) {
        setenv("MILLRACE_SIMD", kernels[k], 1);
        mr_buffer_reset(&other);
        csv_transcribe(&c, bytes, NULL, 0, &other);
        expect_equal(&one, &other);
    }
    setenv("MILLRACE_SIMD", "", 1);
    mr_buffer_done(&one);
    mr_buffer_done(&other);
}

/* Reads `bytes` in one call with the default dialect; late columns are left out. */
static void read_plainly(const mr_schema *schema, mr_slice bytes, mr_batch *batch)
{
    mr_csv_reader reader;
    mr_reject_list rejects;
    mr_text_result result;
    mr_error err;
    const mr_csv_options options = MR_CSV_OPTIONS_DEFAULT;
    const mr_text_limits limits = MR_TEXT_LIMITS_DEFAULT;
    mr_reject_list_init(&rejects);
    if (mr_csv_reader_init(&reader, &options, &limits, schema, NULL, &err) != MR_OK ||
        mr_batch_set_schema(batch, schema, &err) != MR_OK ||
        mr_csv_read(&reader, bytes, true, batch, &rejects, &result, &err) != MR_OK)
        abort();
    mr_csv_reader_done(&reader);
    mr_reject_list_done(&rejects);
}

static void write_rows(const mr_batch *batch, mr_buffer *out)
{
    mr_csv_writer writer;
    mr_error err;
    mr_csv_writer_init(&writer);
    if (mr_csv_write(&writer, batch, out, &err) != MR_OK ||
        mr_buffer_reserve(out, MR_TEXT_PADDING, &err) != MR_OK)
        abort();
    mr_csv_writer_done(&writer);
}

static void round_trip(const mr_schema *schema, mr_slice bytes)
{
    mr_batch batch;
    mr_buffer one, other;
    char *padded = malloc(bytes.len + MR_TEXT_PADDING);
    if (bytes.len > 0) memcpy(padded, bytes.ptr, bytes.len);
    memset(padded + bytes.len, '"', MR_TEXT_PADDING);
    mr_batch_init(&batch, 0);
    mr_buffer_init(&one, "one", (size_t)256 << 20);
    mr_buffer_init(&other, "other", (size_t)256 << 20);
    read_plainly(schema, (mr_slice){padded, bytes.len}, &batch);
    write_rows(&batch, &one);
    const uint32_t rows = batch.row_count;
    mr_batch_reset(&batch);
    read_plainly(schema, mr_buffer_slice(&one), &batch);
    if (batch.row_count != rows) abort();
    write_rows(&batch, &other);
    expect_equal(&one, &other);
    mr_buffer_done(&one);
    mr_buffer_done(&other);
    mr_batch_done(&batch);
    free(padded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < OPTION_BYTES || size > 40000) return 0;
    mr_arena arena;
    mr_schema schema;
    mr_error err;
    mr_arena_init(&arena, "fuzz", (size_t)16 << 20);
    mr_schema_init(&schema, &arena);
    for (uint32_t i = 0; i <= (bytes[2] >> 6); i++)
        if (mr_schema_add_header_name(&schema, (mr_slice){0}, &err) != MR_OK) abort();
    const csv_case c = case_from(bytes, &schema);
    const mr_slice file = {(const char *)bytes + OPTION_BYTES, size - OPTION_BYTES};
    compare_readings(c, file, bytes[4]);
    read_header(&c, file);
    round_trip(&schema, file);
    mr_arena_done(&arena);
    return 0;
}
