/* SPDX-License-Identifier: MIT
 *
 * JSON from strangers. The first three bytes choose options, the number of rows in a batch and
 * where to cut; the rest is the text. Whatever the text:
 *
 * - each twin of the kernels, fed whole or cut, says the same;
 * - with plain options that is what a slow and obvious reader says;
 * - what the writer makes of the rows reads back, and is written again, as it was. */
#include "support/json_naive.h"

#define NAIVE_BYTES 1024u

static const mr_json_kernels *const twins[] = {
    &mr_json_kernels_scalar,
    &mr_json_kernels_base,
#if defined(__x86_64__)
    &mr_json_kernels_avx2,
#endif
};

static void expect_equal(mr_slice got, mr_slice wanted, const char *what)
{
    if (mr_slice_equal(got, wanted)) return;
    fprintf(stderr, "%s: got\n%.*s\nnot\n%.*s\n", what, (int)got.len, got.ptr, (int)wanted.len,
            wanted.ptr);
    abort();
}

static bool plain(const mr_json_options *options)
{
    return options->invalid_unicode == MR_JSON_UNICODE_REJECT &&
           options->duplicate_keys == MR_JSON_DUPLICATES_LAST &&
           options->flatten == MR_JSON_FLATTEN_OFF && options->explode.len == 0 &&
           options->limits.max_record_bytes == 0 && options->limits.max_columns == 0;
}

static mr_json_options choose_options(uint8_t a, uint8_t b)
{
    mr_json_options options = {.format = (mr_json_format)(a & 3), .limits = {.max_depth = 9}};
    if ((a & 4) != 0) options.wrap_scalars = MR_SLICE("v");
    if ((a & 8) == 0) return options;
    options.invalid_unicode = (mr_json_unicode)((a >> 4 & 3) % 3);
    options.duplicate_keys = (mr_json_duplicates)((a >> 6) % 3);
    options.flatten = (mr_json_flatten)((b & 3) % 3);
    options.flatten_depth = b >> 2 & 3;
    if ((b & 16) != 0) options.explode = MR_SLICE("a");
    if ((b & 32) != 0) options.limits.max_record_bytes = 20;
    if ((b & 64) != 0) options.limits.max_columns = 3;
    return options;
}

static void read_by(const mr_json_options *options, mr_slice text, size_t twin, size_t cut,
                    uint32_t max_rows, mr_buffer *out)
{
    json_reading r;
    json_reading_open(&r, options, twins[twin]);
    r.terse = true;
    r.max_rows = max_rows;
    (void)json_reading_feed(&r, text, cut);
    mr_buffer_reset(out);
    json_say_bytes(out, mr_buffer_slice(&r.report));
    json_reading_close(&r);
}

/* Reads into one batch and writes it as lines. Returns false when the rows are not all there. */
static bool rewrite(const mr_json_options *options, mr_slice text, size_t twin, bool pretty,
                    mr_buffer *out)
{
    json_reading r;
    mr_json_writer *writer;
    mr_text_result result;
    json_reading_open(&r, options, twins[twin]);
    json_need(mr_json_writer_open(&(mr_json_write_options){.pretty = pretty}, &writer, NULL) ==
                  MR_OK,
              "no writer");
    const mr_code rc = mr_json_read(r.reader, &r.state, json_padded(&r, text), true, &r.batch,
                                    &r.rejects, &result, NULL);
    mr_batch_check(&r.batch);
    mr_reject_list_reset(&r.rejects);
    const mr_code written = mr_json_write(writer, &r.batch, out, &r.rejects, NULL);
    const bool whole = written == MR_OK && r.rejects.count == 0;
    json_need(rc != MR_ERR_NOMEM && (written == MR_OK || written == MR_ERR_INPUT), "no memory");
    mr_json_writer_close(writer);
    json_reading_close(&r);
    return whole;
}

static void check_rewriting(const mr_json_options *options, mr_slice text)
{
    mr_buffer once, twice;
    mr_buffer_init(&once, "test", (size_t)1 << 28);
    mr_buffer_init(&twice, "test", (size_t)1 << 28);
    if (rewrite(options, text, 0, false, &once)) {
        const mr_json_options again = {.format = MR_JSON_LINES,
                                       .invalid_unicode = options->invalid_unicode};
        const mr_json_options stream = {.invalid_unicode = options->invalid_unicode};
        json_need(rewrite(&again, mr_buffer_slice(&once), 1, false, &twice), "rows got lost");
        expect_equal(mr_buffer_slice(&twice), mr_buffer_slice(&once), "written again");
        mr_buffer_reset(&twice);
        mr_buffer pretty;
        mr_buffer_init(&pretty, "test", (size_t)1 << 28);
        json_need(rewrite(&again, mr_buffer_slice(&once), 1, true, &pretty), "rows got lost");
        json_need(rewrite(&stream, mr_buffer_slice(&pretty), 1, false, &twice),
                  "pretty rows got lost");
        expect_equal(mr_buffer_slice(&twice), mr_buffer_slice(&once), "written pretty");
        mr_buffer_done(&pretty);
    }
    mr_buffer_done(&once);
    mr_buffer_done(&twice);
}

static void check_naive(const mr_json_options *options, mr_slice text, mr_slice wanted)
{
    static naive n;
    naive_open(&n, options->limits.max_depth, options->wrap_scalars);
    naive_read(&n, options->format, text);
    expect_equal(wanted, mr_buffer_slice(&n.out), "not as the naive reader");
    naive_close(&n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 3) return 0;
    const mr_json_options options = choose_options(bytes[0], bytes[1]);
    const mr_slice text = {(const char *)bytes + 3, size - 3};
    mr_buffer wanted, got;
    mr_buffer_init(&wanted, "test", (size_t)1 << 28);
    mr_buffer_init(&got, "test", (size_t)1 << 28);
    read_by(&options, text, 0, SIZE_MAX, 0, &wanted);
    for (size_t twin = 0; twin < MR_COUNT_OF(twins); twin++) {
        if (twin == 2 && !mr_cpu_avx2()) break;
        const size_t cut = text.len > 0 ? (bytes[2] * 37u + twin * 11u) % text.len : 0;
        read_by(&options, text, twin, cut, bytes[2] & 3, &got);
        expect_equal(mr_buffer_slice(&got), mr_buffer_slice(&wanted), "cut");
    }
    if (plain(&options) && text.len <= NAIVE_BYTES)
        check_naive(&options, text, mr_buffer_slice(&wanted));
    check_rewriting(&options, text);
    mr_buffer_done(&wanted);
    mr_buffer_done(&got);
    return 0;
}
