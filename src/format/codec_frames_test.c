/* SPDX-License-Identifier: MIT
 *
 * Frames made by hand, as no compressor makes them: what is delivered of them before the error does
 * not depend on how their bytes arrive. */
#include "format/codec.h"
#include "support/test.h"

static mr_error err;

static mr_buffer new_buffer(void)
{
    mr_buffer buffer;
    mr_buffer_init(&buffer, "test", 1 << 20);
    return buffer;
}

/* Feeds `in` up to `split` and then in parts of `step` bytes, and counts what comes out. */
static mr_code decode(mr_decompressor *stream, mr_slice in, size_t split, size_t step, size_t room,
                      size_t *out_len)
{
    static char out[2000];
    size_t part_len = split;
    mr_decompressor_reset(stream);
    *out_len = 0;
    for (;;) {
        mr_slice part = mr_slice_of(in.ptr, part_len < in.len ? part_len : in.len);
        size_t got = 1;
        in = mr_slice_from(in, part.len);
        while (got > 0) {
            MR_TRY(mr_decompressor_read(stream, &part, out, room, &got, &err));
            *out_len += got;
        }
        if (in.len == 0) return mr_decompressor_finish(stream, &err);
        part_len = step;
    }
}

/* The same code and `len` bytes wherever the input is cut, one byte at a time included. */
static void expect_however_cut(mr_codec codec, mr_slice packed, mr_code code, size_t len)
{
    static const size_t rooms[] = {1, 7, 64, 2000};
    mr_decompressor *stream;
    MR_EXPECT_OK(mr_decompressor_open(&stream, codec, 0, &err));
    for (size_t split = 0; split <= packed.len; split++)
        for (size_t i = 0; i < 2 * MR_COUNT_OF(rooms); i++) {
            const size_t step = i % 2 == 0 ? 1 : packed.len;
            size_t got;
            MR_EXPECT_I64(decode(stream, packed, split, step, rooms[i / 2], &got), ==, code);
            MR_EXPECT_U64(got, ==, len);
        }
    mr_decompressor_close(stream);
}

/* A zstd frame that announces 256 + `announced` bytes and holds raw blocks of `first` and `last`.
 */
static void put_raw_blocks(unsigned announced, unsigned first, unsigned last, mr_buffer *to)
{
    static const char zeros[1000];
    const unsigned sizes[] = {first, last};
    const char size[] = {(char)announced, (char)(announced >> 8)};
    /* Magic, content size in two bytes and no checksum, a window of 40 KiB. */
    MR_EXPECT_OK(mr_buffer_append(to, MR_SLICE("\x28\xb5\x2f\xfd\x40\x2a"), &err));
    MR_EXPECT_OK(mr_buffer_append(to, mr_slice_of(size, sizeof size), &err));
    for (unsigned i = 0; i < 2; i++) {
        const unsigned block = sizes[i] << 3 | i; /* size, type 0: raw, last or not */
        const char bytes[] = {(char)block, (char)(block >> 8), 0};
        MR_EXPECT_OK(mr_buffer_append(to, mr_slice_of(bytes, sizeof bytes), &err));
        MR_EXPECT_OK(mr_buffer_append(to, mr_slice_of(zeros, sizes[i]), &err));
    }
}

MR_TEST(raw_zstd_blocks_that_are_not_what_is_announced_come_out_alike_however_cut)
{
    static const struct {
        unsigned announced, first, last, delivered;
    } table[] = {
        {0, 300, 1, 256},     /* too much in a block that others follow, */
        {0, 100, 200, 256},   /* in the last, */
        {0, 256, 1, 256},     /* behind a block that is just enough */
        {100, 100, 200, 299}, /* too little: known with the last byte */
        {100, 300, 1, 300},   /* ... which is held back */
        {100, 300, 0, 300},
    };
    for (size_t i = 0; i < MR_COUNT_OF(table); i++) {
        mr_buffer packed = new_buffer();
        put_raw_blocks(table[i].announced, table[i].first, table[i].last, &packed);
        expect_however_cut(MR_CODEC_ZSTD, mr_buffer_slice(&packed), MR_ERR_INPUT,
                           table[i].delivered);
        mr_buffer_done(&packed);
    }
}

MR_TEST(raw_zstd_blocks_that_are_what_is_announced_are_read)
{
    static const unsigned table[][3] = {{0, 256, 0}, {0, 0, 256}, {0, 255, 1}, {744, 1, 999}};
    for (size_t i = 0; i < MR_COUNT_OF(table); i++) {
        mr_buffer packed = new_buffer();
        put_raw_blocks(table[i][0], table[i][1], table[i][2], &packed);
        expect_however_cut(MR_CODEC_ZSTD, mr_buffer_slice(&packed), MR_OK, 256 + table[i][0]);
        mr_buffer_done(&packed);
    }
}

MR_TEST(a_zstd_frame_that_only_begins_like_a_skippable_one_is_refused_however_cut)
{
    /* Behind two bytes of a skippable frame's magic, the magic of the format's version 0.6. */
    static const char bytes[] = "\x50\x2a\x26\xb5\x2f\xfd\x50\x2a\x42\x3a\xd9\x87\x3a\x21\x7d"
                                "\x51\xf8\x0c\xaf\xe3\x62\xec\xec\x6b\x76\x53\xd1\x28\xb5\x2f"
                                "\x0b\xac\xbd\x6e\x90\x00\x00";
    expect_however_cut(MR_CODEC_ZSTD, mr_slice_of(bytes, sizeof bytes - 1), MR_ERR_INPUT, 0);
    expect_however_cut(MR_CODEC_ZSTD, mr_slice_of(bytes + 2, sizeof bytes - 3), MR_ERR_INPUT, 0);
}

MR_TEST(an_uncompressed_lz4_block_comes_out_before_its_wrong_checksum)
{
    /* Version 1, independent blocks with checksums; blocks of at most 64 KiB; then "hello". */
    expect_however_cut(MR_CODEC_LZ4,
                       mr_slice_of("\x04\x22\x4d\x18\x70\x40\xad\x05\x00\x00\x80"
                                   "hello\xde\xad\xbe\xef\x00\x00\x00\x00",
                                   24),
                       MR_ERR_INPUT, 5);
}
