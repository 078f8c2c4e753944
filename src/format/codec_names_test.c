/* SPDX-License-Identifier: MIT
 *
 * Names, levels and magic bytes; format/codec_test.c compresses. */
#include "format/codec.h"

#include "support/test.h"

static mr_error err;

MR_TEST(levels_are_numbers_in_range_or_names)
{
    static const struct {
        mr_codec codec;
        const char *text;
        int level; /* -1: refused */
    } rows[] = {
        {MR_CODEC_GZIP, "", 6},        {MR_CODEC_GZIP, "1", 1},      {MR_CODEC_GZIP, "9", 9},
        {MR_CODEC_GZIP, "0", -1},      {MR_CODEC_GZIP, "10", -1},    {MR_CODEC_GZIP, "fastest", 1},
        {MR_CODEC_GZIP, "best", 9},    {MR_CODEC_ZSTD, "19", 19},    {MR_CODEC_ZSTD, "20", -1},
        {MR_CODEC_ZSTD, "default", 3}, {MR_CODEC_ZSTD, "better", 7}, {MR_CODEC_LZ4, "0", 0},
        {MR_CODEC_LZ4, "12", 12},      {MR_CODEC_LZ4, "13", -1},     {MR_CODEC_LZ4, "best", 12},
        {MR_CODEC_LZ4, "-1", -1},      {MR_CODEC_LZ4, "high", -1},   {MR_CODEC_ZSTD, "99999", -1},
        {MR_CODEC_DEFLATE, "9", 9},    {MR_CODEC_DEFLATE, "+1", -1},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        int level = -1;
        const mr_code rc = mr_codec_level(rows[i].codec, mr_slice_text(rows[i].text), &level, &err);
        MR_EXPECT_I64(rc, ==, rows[i].level < 0 ? MR_ERR_USAGE : MR_OK);
        MR_EXPECT_I64(level, ==, rows[i].level);
    }
    mr_compressor *stream;
    MR_EXPECT_CODE(mr_compressor_open(&stream, MR_CODEC_GZIP, 10, &err), MR_ERR_USAGE);
    MR_EXPECT_TEXT(err.text, "compression level 10 is out of range for gzip: expected 1 to 9, or "
                             "fastest, default, better, best");
}

MR_TEST(names_and_suffixes_lead_to_codecs)
{
    mr_codec codec;
    static const mr_codec codecs[] = {MR_CODEC_GZIP, MR_CODEC_DEFLATE, MR_CODEC_ZSTD, MR_CODEC_LZ4};
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++) {
        const mr_codec each = codecs[i];
        char path[64];
        MR_EXPECT_OK(mr_codec_parse(mr_slice_text(mr_codec_name(each)), &codec, &err));
        MR_EXPECT_I64(codec, ==, each);
        snprintf(path, sizeof path, "dir/x.csv%s", mr_codec_suffix(each));
        MR_EXPECT_I64(mr_codec_of_path(path), ==, each);
    }
    MR_EXPECT_OK(mr_codec_parse(MR_SLICE(""), &codec, &err));
    MR_EXPECT_I64(codec, ==, MR_CODEC_AUTO);
    MR_EXPECT_OK(mr_codec_parse(MR_SLICE("gz"), &codec, &err));
    MR_EXPECT_I64(codec, ==, MR_CODEC_GZIP);
    MR_EXPECT_CODE(mr_codec_parse(MR_SLICE("xz"), &codec, &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_codec_parse(MR_SLICE("gzipp"), &codec, &err), MR_ERR_USAGE);
    MR_EXPECT_I64(mr_codec_of_path("X.CSV.GZ"), ==, MR_CODEC_GZIP);
    MR_EXPECT_I64(mr_codec_of_path("x.csv.bz2"), ==, MR_CODEC_BZIP2);
    MR_EXPECT_I64(mr_codec_of_path("x.csv"), ==, MR_CODEC_NONE);
    MR_EXPECT_I64(mr_codec_of_path(".gz"), ==, MR_CODEC_NONE);
    MR_EXPECT_CODE(mr_decompressor_open(NULL, MR_CODEC_XZ, 0, &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_compressor_open(NULL, MR_CODEC_NONE, 0, &err), MR_ERR_USAGE);
}

MR_TEST(magic_bytes_tell_the_codec_as_soon_as_they_can)
{
    static const struct {
        mr_slice head;
        mr_codec codec;
        size_t decided; /* bytes needed */
    } rows[] = {
        {{"\x1f\x8b\x08\x00", 4}, MR_CODEC_GZIP, 2},
        {{"\x28\xb5\x2f\xfd\x24", 5}, MR_CODEC_ZSTD, 4},
        {{"\x04\x22\x4d\x18\x64", 5}, MR_CODEC_LZ4, 4},
        {{"\x02\x21\x4c\x18\x64", 5}, MR_CODEC_LZ4_LEGACY, 4},
        {{"\xff\x06\x00\x00sNaPpY", 10}, MR_CODEC_SNAPPY, 10},
        {{"\xff\x06\x00\x00S2sTwO", 10}, MR_CODEC_S2, 10},
        {{"BZh9\x31\x41\x59\x26\x53\x59\x00", 11}, MR_CODEC_BZIP2, 10},
        {{"BZh1\x17\x72\x45\x38\x50\x90", 10}, MR_CODEC_BZIP2, 10},
        {{"\xfd\x37zXZ\x00\x00", 7}, MR_CODEC_XZ, 6},
        {{"\x1f\x9d\x90", 3}, MR_CODEC_COMPRESS, 2},
        {{"PK\x03\x04", 4}, MR_CODEC_ZIP, 4},
        {{"a,b\n", 4}, MR_CODEC_NONE, 1},
        {{"BZh9 is a name\n", 15}, MR_CODEC_NONE, 5},
        {{"BZ,1\n", 5}, MR_CODEC_NONE, 3},
        {{"P\n", 2}, MR_CODEC_NONE, 2},
        {{"PK,1\n", 5}, MR_CODEC_NONE, 3},
        {{"Q*M\n", 4}, MR_CODEC_NONE, 4},
        {{"\xef\xbb\xbf"
          "a",
          4},
         MR_CODEC_NONE,
         1},
        {{"\xff\xfe"
          "a",
          3},
         MR_CODEC_NONE,
         2},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++)
        for (size_t len = 0; len <= rows[i].head.len; len++) {
            const mr_slice head = mr_slice_of(rows[i].head.ptr, len);
            const bool told = len >= rows[i].decided;
            MR_EXPECT_I64(mr_codec_detect(head, false), ==, told ? rows[i].codec : MR_CODEC_AUTO);
            MR_EXPECT_I64(mr_codec_detect(head, true), ==, told ? rows[i].codec : MR_CODEC_NONE);
        }
}

MR_TEST(enough_bytes_always_tell_the_codec)
{
    char head[MR_CODEC_MAGIC_MAX] = {0};
    static const unsigned char starts[] = {'P', 0x5a, 'B', 0x1f, 0xff, 0x28, 0x04, 0xfd, 0};
    for (size_t i = 0; i < sizeof starts; i++)
        for (unsigned size = 0; size < 80; size++) {
            memset(head, 0, sizeof head);
            memcpy(head, "\x50\x2a\x4d\x18", 4);
            head[0] = (char)starts[i];
            head[4] = (char)size;
            MR_EXPECT(mr_codec_detect(mr_slice_of(head, sizeof head), false) != MR_CODEC_AUTO);
        }
}
