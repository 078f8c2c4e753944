/* SPDX-License-Identifier: MIT */
#include "format/encoding.h"

#include "support/test.h"

static mr_error err;

/* One code point the slow, obvious way. */
static size_t encode(char *to, uint32_t code)
{
    if (code < 0x80) return to[0] = (char)code, 1;
    if (code < 0x800) return to[0] = (char)(0xc0 + code / 64), to[1] = (char)(0x80 + code % 64), 2;
    if (code < 0x10000)
        return to[0] = (char)(0xe0 + code / 4096), to[1] = (char)(0x80 + code / 64 % 64),
               to[2] = (char)(0x80 + code % 64), 3;
    return to[0] = (char)(0xf0 + code / 262144), to[1] = (char)(0x80 + code / 4096 % 64),
           to[2] = (char)(0x80 + code / 64 % 64), to[3] = (char)(0x80 + code % 64), 4;
}

/* The whole of `in`, fed in parts of `in_step` bytes into room of `out_step`. */
static size_t convert(mr_encoding encoding, mr_slice in, size_t in_step, size_t out_step, char *to)
{
    mr_transcoder self = {.encoding = encoding};
    size_t made = 0, got = 0;
    while (in.len > 0) {
        mr_slice part = mr_slice_of(in.ptr, in.len < in_step ? in.len : in_step);
        in = mr_slice_from(in, part.len);
        while (part.len > 0)
            made += mr_transcode(&self, &part, to + made, out_step);
    }
    do {
        MR_EXPECT_OK(mr_transcode_finish(&self, to + made, &got, &err));
        made += got;
    } while (got > 0);
    return made;
}

static void expect_converts(mr_encoding encoding, mr_slice in, mr_slice wanted)
{
    static char out[1 << 16];
    for (size_t in_step = 1; in_step <= 17; in_step++)
        for (size_t out_step = MR_TRANSCODE_OUT_BYTES; out_step <= 24; out_step++) {
            const size_t made = convert(encoding, in, in_step, out_step, out);
            MR_EXPECT(mr_slice_equal(mr_slice_of(out, made), wanted));
        }
}

MR_TEST(every_latin1_byte_is_its_code_point)
{
    char in[3 * 256], wanted[6 * 256];
    size_t len = 0, wanted_len = 0;
    for (unsigned i = 0; i < 3 * 256; i++) {
        const unsigned byte = i % 3 == 0 ? i / 3 : 'a'; /* also between runs of ASCII */
        in[len++] = (char)byte;
        wanted_len += encode(wanted + wanted_len, byte);
    }
    expect_converts(MR_ENCODING_LATIN1, mr_slice_of(in, len), mr_slice_of(wanted, wanted_len));
}

/* Units as numbers, and what they mean as code points. */
static const struct {
    uint16_t units[8];
    uint32_t points[8];
} utf16_rows[] = {
    {{'a', 'b', 'c'}, {'a', 'b', 'c'}},
    {{0x7f, 0x80, 0x7ff, 0x800, 0xffff}, {0x7f, 0x80, 0x7ff, 0x800, 0xffff}},
    {{0xd83d, 0xde00}, {0x1f600}},
    {{0xd800, 0xdc00, 0xdbff, 0xdfff}, {0x10000, 0x10ffff}},
    {{0xd800}, {0xd800}},                          /* high at the end */
    {{'x', 0xd800, 'y'}, {'x', 0xd800, 'y'}},      /* high, then no low */
    {{'x', 0xdc00, 'y'}, {'x', 0xdc00, 'y'}},      /* low without a high */
    {{0xd800, 0xd800, 0xdc00}, {0xd800, 0x10000}}, /* the second high has the low */
    {{0xdc00, 0xd800, 0xe000}, {0xdc00, 0xd800, 0xe000}},
    {{'1', '2', '3', '4', '5', 0xe9, '6'}, {'1', '2', '3', '4', '5', 0xe9, '6'}},
};

MR_TEST(utf16_becomes_utf8_and_lone_surrogates_keep_their_bytes)
{
    for (size_t row = 0; row < MR_COUNT_OF(utf16_rows); row++)
        for (int big = 0; big <= 1; big++) {
            char in[16], wanted[40];
            size_t len = 0, wanted_len = 0;
            for (size_t i = 0; i < 8 && utf16_rows[row].units[i] != 0; i++) {
                const uint16_t unit = utf16_rows[row].units[i];
                in[len++] = (char)(big ? unit >> 8 : unit & 0xff);
                in[len++] = (char)(big ? unit & 0xff : unit >> 8);
            }
            for (size_t i = 0; i < 8 && utf16_rows[row].points[i] != 0; i++)
                wanted_len += encode(wanted + wanted_len, utf16_rows[row].points[i]);
            expect_converts(big ? MR_ENCODING_UTF16BE : MR_ENCODING_UTF16LE, mr_slice_of(in, len),
                            mr_slice_of(wanted, wanted_len));
        }
}

MR_TEST(utf16_that_ends_inside_a_unit_gives_what_waits_and_then_fails)
{
    char out[16];
    size_t got;
    mr_transcoder self = {.encoding = MR_ENCODING_UTF16LE};
    mr_slice in = mr_slice_of("\x00\xd8\x41", 3);
    MR_EXPECT_U64(mr_transcode(&self, &in, out, sizeof out), ==, 0);
    MR_EXPECT_U64(in.len, ==, 0);
    MR_EXPECT_OK(mr_transcode_finish(&self, out, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "\xed\xa0\x80");
    MR_EXPECT_CODE(mr_transcode_finish(&self, out, &got, &err), MR_ERR_INPUT);
    MR_EXPECT_CODE(mr_transcode_finish(&self, out, &got, &err), MR_ERR_INPUT);
}

MR_TEST(byte_order_marks_are_found_byte_by_byte)
{
    static const struct {
        mr_slice head;
        mr_bom more; /* when more may come */
        mr_bom at_end;
    } rows[] = {
        {{"", 0}, MR_BOM_MORE, MR_BOM_NONE},
        {{"a", 1}, MR_BOM_NONE, MR_BOM_NONE},
        {{"\xef", 1}, MR_BOM_MORE, MR_BOM_NONE},
        {{"\xef\xbb", 2}, MR_BOM_MORE, MR_BOM_NONE},
        {{"\xef\xbb\xbf", 3}, MR_BOM_UTF8, MR_BOM_UTF8},
        {{"\xef\xbb\xbe", 3}, MR_BOM_NONE, MR_BOM_NONE},
        {{"\xff\xfe", 2}, MR_BOM_MORE, MR_BOM_UTF16LE},
        {{"\xff\xfe\x00", 3}, MR_BOM_MORE, MR_BOM_UTF16LE},
        {{"\xff\xfe\x00\x01", 4}, MR_BOM_UTF16LE, MR_BOM_UTF16LE},
        {{"\xff\xfe\x00\x00", 4}, MR_BOM_UTF32, MR_BOM_UTF32},
        {{"\xff\xfe\x41", 3}, MR_BOM_UTF16LE, MR_BOM_UTF16LE},
        {{"\xfe\xff", 2}, MR_BOM_UTF16BE, MR_BOM_UTF16BE},
        {{"\x00\x00\xfe\xff", 4}, MR_BOM_UTF32, MR_BOM_UTF32},
        {{"\x00\x00\xfe", 3}, MR_BOM_MORE, MR_BOM_NONE},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        MR_EXPECT_U64(mr_bom_detect(rows[i].head, false), ==, rows[i].more);
        MR_EXPECT_U64(mr_bom_detect(rows[i].head, true), ==, rows[i].at_end);
    }
}

MR_TEST(encodings_have_names)
{
    mr_encoding encoding;
    for (int i = MR_ENCODING_UTF8; i <= MR_ENCODING_BINARY; i++) {
        MR_EXPECT_OK(
            mr_encoding_parse(mr_slice_text(mr_encoding_name((mr_encoding)i)), &encoding, &err));
        MR_EXPECT_I64(encoding, ==, i);
    }
    MR_EXPECT_CODE(mr_encoding_parse(MR_SLICE("ebcdic"), &encoding, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "'ebcdic'") != NULL && strstr(err.text, "latin1") != NULL);
}
