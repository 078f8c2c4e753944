/* SPDX-License-Identifier: MIT
 *
 * Random JSON, right and spoilt, read by each twin of the kernels and by a slow and obvious reader:
 * all must say the same, however the bytes are cut. And what was written reads back as it was.
 * One thread: a reader and its twins. */
#include "support/json_naive.h"
#include "support/test.h"

static mr_error err;

static const mr_json_kernels *const twins[] = {
    &mr_json_kernels_scalar,
    &mr_json_kernels_base,
#if defined(__x86_64__)
    &mr_json_kernels_avx2,
#endif
};

static size_t twin_count(void)
{
    return MR_COUNT_OF(twins) - (MR_COUNT_OF(twins) == 3 && !mr_cpu_avx2());
}

/* --- random text --- */

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static const char *pick(const char *const *texts, size_t count)
{
    return texts[draw((uint32_t)count)];
}

#define PICK(texts) pick(texts, MR_COUNT_OF(texts))

static void say_space(mr_buffer *out, bool lines)
{
    static const char *const spaces[] = {" ", "\t", "  ", "\r", "\n", " \n "};
    if (draw(6) == 0) JSON_SAY(out, "%s", spaces[draw(lines ? 4 : 6)]);
}

static void say_string(mr_buffer *out)
{
    static const char *const parts[] = {"a",
                                        "xyz",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\/",
                                        "\\u00e9",
                                        "\\ud83d\\ude00",
                                        "\\u001f",
                                        "\xc3\xa9",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        "{[,:]}",
                                        "a text of some thirty-two bytes, ok",
                                        "0123456789",
                                        "'",
                                        "\x7f",
                                        "\\u0022"};
    static const char *const odd[] = {"\\ud800", "\\udc00x", "\xff", "\xc3", "\xed\xa0\x80"};
    JSON_SAY(out, "\"");
    for (uint32_t i = draw(5); i > 0; i--)
        JSON_SAY(out, "%s", PICK(parts));
    if (draw(60) == 0) JSON_SAY(out, "%s", PICK(odd));
    JSON_SAY(out, "\"");
}

static void say_scalar(mr_buffer *out)
{
    static const char *const words[] = {"true", "false", "null"};
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "-0.0",
                                          "1.10",
                                          "1e5",
                                          "1E400",
                                          "-1.5e-3",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "-9223372036854775808",
                                          "0.1",
                                          "-0.5",
                                          "12345678901234567890123456789012",
                                          "1234567890123456789012345678901234567890.5",
                                          "0.12345678901234567890123456789",
                                          "1e+1"};
    switch (draw(4)) {
    case 0: JSON_SAY(out, "%s", PICK(words)); break;
    case 1: JSON_SAY(out, "%s", PICK(numbers)); break;
    case 2: JSON_SAY(out, "%d", (int)draw(2000000) - 1000000); break;
    default: say_string(out); break;
    }
}

static void say_key(mr_buffer *out)
{
    static const char *const keys[] = {
        "id",      "name", "a",        "b",   "",  "a key of more than thirty-two bytes",
        "\\u0061", "k\\n", "\xc3\xa9", "id2", "na"};
    JSON_SAY(out, "\"%s\"", PICK(keys));
}

static void say_value(mr_buffer *out, uint32_t depth, bool lines);

static void say_container(mr_buffer *out, uint32_t depth, bool object, bool lines)
{
    JSON_SAY(out, object ? "{" : "[");
    const uint32_t count = draw(5);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) JSON_SAY(out, ",");
        say_space(out, lines);
        if (object) {
            say_key(out);
            say_space(out, lines);
            JSON_SAY(out, ":");
            say_space(out, lines);
        }
        say_value(out, depth + 1, lines);
        say_space(out, lines);
    }
    if (count == 0) say_space(out, lines);
    JSON_SAY(out, object ? "}" : "]");
}

static void say_value(mr_buffer *out, uint32_t depth, bool lines)
{
    if (depth < 7 && draw(4) == 0)
        say_container(out, depth, draw(2) == 0, lines);
    else
        say_scalar(out);
}

static void say_record(mr_buffer *out, bool lines)
{
    if (draw(12) == 0)
        say_value(out, 0, lines);
    else if (draw(2) == 0)
        JSON_SAY(out, "{\"id\":%u,\"name\":\"user %u\",\"a\":%s}", draw(1000), draw(1000),
                 draw(2) ? "true" : "1.5");
    else
        say_container(out, 0, true, lines);
}

static void say_text(mr_buffer *out, mr_json_format format)
{
    const bool lines = format == MR_JSON_LINES;
    const bool array = format == MR_JSON_ARRAY || (format != MR_JSON_LINES && draw(3) == 0);
    if (draw(20) == 0) JSON_SAY(out, "\xef\xbb\xbf");
    if (array) JSON_SAY(out, "[");
    for (uint32_t count = draw(6), i = 0; i < count; i++) {
        if (array && i > 0) JSON_SAY(out, ",");
        say_space(out, lines);
        say_record(out, lines);
        say_space(out, lines);
        if (lines || (!array && draw(2) == 0)) JSON_SAY(out, "%s", draw(9) == 0 ? "\n\x1e" : "\n");
    }
    if (array) JSON_SAY(out, "]");
}

/* Some bytes become others, or go, or the text breaks off. */
static void spoil(mr_buffer *text)
{
    static const char bytes[] = "{}[]\",:\\ntfu0123456789.-+eE \t\r\n\x01\x1e\x80\xff"
                                "abc/";
    for (uint32_t times = draw(3); times > 0 && text->len > 0; times--) {
        const uint32_t at = draw((uint32_t)text->len);
        if (draw(3) == 0) {
            memmove(text->ptr + at, text->ptr + at + 1, text->len - at - 1);
            text->len--;
        } else {
            text->ptr[at] = bytes[draw(sizeof bytes - 1)];
        }
    }
    if (draw(8) == 0 && text->len > 0) text->len = draw((uint32_t)text->len);
}

/* --- the same by all --- */

static void expect_same(mr_json_options options, mr_slice input, mr_slice wanted, size_t twin,
                        size_t cut, uint32_t max_rows)
{
    json_reading r;
    json_reading_open(&r, &options, twins[twin]);
    r.terse = true;
    r.max_rows = max_rows;
    (void)json_reading_feed(&r, input, cut);
    if (!mr_slice_equal(mr_buffer_slice(&r.report), wanted))
        MR_TEST_FAIL("%.*s\nformat %d, twin %zu, cut at %zu gives\n%.*s\nnot\n%.*s\n",
                     (int)input.len, input.ptr, (int)options.format, twin, cut, (int)r.report.len,
                     r.report.ptr, (int)wanted.len, wanted.ptr);
    json_reading_close(&r);
}

static void compare(mr_json_format format, mr_slice input, bool wrap)
{
    const mr_json_options options = {.format = format,
                                     .wrap_scalars = wrap ? MR_SLICE("v") : (mr_slice){0},
                                     .limits = {.max_depth = 6}};
    static naive n;
    naive_open(&n, 6, options.wrap_scalars);
    naive_read(&n, format, input);
    for (size_t twin = 0; twin < twin_count(); twin++) {
        expect_same(options, input, mr_buffer_slice(&n.out), twin, SIZE_MAX, 0);
        expect_same(options, input, mr_buffer_slice(&n.out), twin, draw((uint32_t)input.len + 1),
                    draw(3));
    }
    naive_close(&n);
}

MR_TEST(random_text_reads_as_a_naive_reader_reads_it)
{
    static const mr_json_format formats[] = {MR_JSON_AUTO, MR_JSON_LINES, MR_JSON_ARRAY,
                                             MR_JSON_DOCUMENT};
    mr_buffer text;
    mr_buffer_init(&text, "test", 1 << 24);
    MR_EXPECT_OK(mr_buffer_reserve(&text, 1, &err));
    for (uint32_t i = 0; i < 12000; i++) {
        state = i;
        mr_buffer_reset(&text);
        const mr_json_format format = formats[i % 4];
        say_text(&text, format);
        if (i % 3 != 0) spoil(&text);
        compare(format, mr_buffer_slice(&text), i % 5 == 0);
    }
    mr_buffer_done(&text);
}

/* --- round trips --- */

/* Writes what is read of `input` as lines, by one twin. */
static void canonical(mr_slice input, const mr_json_kernels *kernels, mr_buffer *out)
{
    json_reading r;
    mr_json_writer *writer;
    mr_text_result result;
    const mr_json_options options = {.wrap_scalars = MR_SLICE("v")};
    json_reading_open(&r, &options, kernels);
    MR_EXPECT_OK(mr_json_writer_open(&(mr_json_write_options){0}, &writer, &err));
    const mr_code rc = mr_json_read(r.reader, &r.state, json_padded(&r, input), true, &r.batch,
                                    &r.rejects, &result, &err);
    MR_EXPECT(rc == MR_OK || rc == MR_ERR_INPUT);
    MR_EXPECT_OK(mr_json_write(writer, &r.batch, out, &r.rejects, &err));
    mr_json_writer_close(writer);
    json_reading_close(&r);
}

MR_TEST(what_was_written_reads_back_as_it_was)
{
    mr_buffer text, once, twice;
    mr_buffer_init(&text, "test", 1 << 24);
    mr_buffer_init(&once, "test", 1 << 24);
    mr_buffer_init(&twice, "test", 1 << 24);
    for (uint32_t i = 0; i < 3000; i++) {
        state = i * 7919u;
        mr_buffer_reset(&text);
        mr_buffer_reset(&once);
        mr_buffer_reset(&twice);
        say_text(&text, MR_JSON_AUTO);
        JSON_SAY(&text, " ");
        canonical(mr_buffer_slice(&text), twins[i % twin_count()], &once);
        canonical(mr_buffer_slice(&once), twins[(i + 1) % twin_count()], &twice);
        if (!mr_slice_equal(mr_buffer_slice(&once), mr_buffer_slice(&twice)))
            MR_TEST_FAIL("%.*s\n%.*s\n%.*s\n", (int)text.len, text.ptr, (int)once.len, once.ptr,
                         (int)twice.len, twice.ptr);
    }
    mr_buffer_done(&text);
    mr_buffer_done(&once);
    mr_buffer_done(&twice);
}

MR_TEST(the_looks_at_text_agree_at_every_length_and_place)
{
    char text[256 + MR_TEXT_PADDING];
    state = 1;
    for (uint32_t round = 0; round < 4000; round++) {
        const size_t len = draw(200);
        memset(text, 'a', sizeof text);
        memset(text + len, '"', sizeof text - len); /* must not be seen */
        static const char specials[] = "\"\\\x1f\x00\x7f\x80\xff ";
        for (uint32_t i = draw(3); i > 0 && len > 0; i--)
            text[draw((uint32_t)len)] = specials[draw(sizeof specials - 1)];
        const unsigned look = twins[0]->look(text, len);
        const size_t run = twins[0]->plain_run(text, len);
        size_t first = 0;
        while (first < len && text[first] != '"' && text[first] != '\\' &&
               (unsigned char)text[first] >= 0x20)
            first++;
        MR_EXPECT_U64(run, ==, first);
        MR_EXPECT((look & MR_JSON_TEXT_ESCAPES) == (first < len ? MR_JSON_TEXT_ESCAPES : 0u));
        for (size_t i = 1; i < twin_count(); i++) {
            MR_EXPECT_U64(twins[i]->look(text, len), ==, look);
            MR_EXPECT_U64(twins[i]->plain_run(text, len), ==, run);
        }
    }
}
