/* SPDX-License-Identifier: MIT */
#include "format/codec.h"

#include <sys/stat.h>

#include "support/files.h"
#include "support/test.h"

static mr_error err;

static const mr_codec all_codecs[] = {MR_CODEC_GZIP, MR_CODEC_DEFLATE, MR_CODEC_ZSTD, MR_CODEC_LZ4};

#define EACH_CODEC(codec)                                                            \
    for (size_t codec##_i = 0; codec##_i < MR_COUNT_OF(all_codecs); codec##_i++)     \
        for (mr_codec codec = all_codecs[codec##_i], codec##_once = 1; codec##_once; \
             codec##_once = 0)

static mr_buffer new_buffer(void)
{
    mr_buffer buffer;
    mr_buffer_init(&buffer, "test", 64 << 20);
    return buffer;
}

/* Feeds `in` in parts that end at `split` and then every `step` bytes, decodes into rooms of `room`
 * bytes and appends to `to`. Returns how it ended. */
static mr_code decode(mr_decompressor *stream, mr_slice in, size_t split, size_t step, size_t room,
                      mr_buffer *to)
{
    size_t part_len = split, got = 0;
    mr_decompressor_reset(stream);
    for (;;) {
        mr_slice part = mr_slice_of(in.ptr, part_len < in.len ? part_len : in.len);
        in = mr_slice_from(in, part.len);
        do {
            MR_EXPECT_OK(mr_buffer_reserve(to, room, &err));
            MR_TRY(mr_decompressor_read(stream, &part, to->ptr + to->len, room, &got, &err));
            to->len += got;
            MR_EXPECT(got <= room && (got > 0 || part.len == 0));
        } while (got > 0);
        if (in.len == 0) return mr_decompressor_finish(stream, &err);
        part_len = step;
    }
}

static mr_decompressor *new_decompressor(mr_codec codec)
{
    mr_decompressor *stream = NULL;
    MR_EXPECT_OK(mr_decompressor_open(&stream, codec, 0, &err));
    return stream;
}

static void expect_decodes(mr_codec codec, mr_slice packed, mr_slice wanted)
{
    mr_buffer out = new_buffer();
    mr_decompressor *stream = new_decompressor(codec);
    MR_EXPECT_OK(decode(stream, packed, packed.len, 1, 4096, &out));
    MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), wanted));
    MR_EXPECT_U64(mr_decompressor_taken(stream), ==, packed.len);
    mr_decompressor_close(stream);
    mr_buffer_done(&out);
}

/* --- round trips ------------------------------------------------------------------------------ */

MR_TEST(every_split_and_every_room_gives_the_same_bytes)
{
    EACH_CODEC(codec)
    {
        mr_buffer packed = new_buffer(), out = new_buffer();
        mr_decompressor *stream = new_decompressor(codec);
        mr_test_pack(codec, mr_test_lines(700), &packed);
        for (size_t split = 0; split <= packed.len; split++)
            for (size_t room = 1; room <= 1024; room = room * 4 + 1) {
                mr_buffer_reset(&out);
                MR_EXPECT_OK(
                    decode(stream, mr_buffer_slice(&packed), split, packed.len, room, &out));
                MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), mr_test_lines(700)));
                mr_buffer_reset(&out);
                MR_EXPECT_OK(decode(stream, mr_buffer_slice(&packed), split, 1, room, &out));
                MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), mr_test_lines(700)));
            }
        mr_decompressor_close(stream);
        mr_buffer_done(&packed);
        mr_buffer_done(&out);
    }
}

MR_TEST(pieces_one_after_the_other_are_one_file)
{
    static const size_t sizes[] = {0, 1, 100000, 0, 1000000, 7};
    EACH_CODEC(codec)
    {
        mr_buffer packed = new_buffer();
        mr_compressor *stream;
        size_t at = 0;
        MR_EXPECT_OK(mr_compressor_open(&stream, codec, mr_codec_default_level(codec), &err));
        for (size_t i = 0; i < MR_COUNT_OF(sizes); i++) {
            const mr_slice piece = mr_slice_of(mr_test_lines(at + sizes[i]).ptr + at, sizes[i]);
            MR_EXPECT_OK(mr_compressor_block(stream, piece, &packed, &err));
            at += sizes[i];
        }
        MR_EXPECT_OK(mr_buffer_append(&packed, mr_codec_tail(codec), &err));
        expect_decodes(codec, mr_buffer_slice(&packed), mr_test_lines(at));
        mr_compressor_close(stream);
        mr_buffer_done(&packed);
    }
}

MR_TEST(what_is_streamed_can_be_decoded_after_each_flush)
{
    EACH_CODEC(codec)
    {
        mr_buffer packed = new_buffer(), out = new_buffer();
        mr_compressor *stream;
        mr_decompressor *back = new_decompressor(codec);
        size_t at = 0, got, taken = 0;
        MR_EXPECT_OK(mr_compressor_open(&stream, codec, mr_codec_default_level(codec), &err));
        for (size_t size = 1; size < 400000; size *= 3) {
            const mr_slice part = mr_slice_of(mr_test_lines(at + size).ptr + at, size);
            MR_EXPECT_OK(mr_compressor_write(stream, part, &packed, &err));
            MR_EXPECT_OK(mr_compressor_flush(stream, &packed, &err));
            at += size;
            mr_slice in = mr_slice_from(mr_buffer_slice(&packed), taken);
            taken = packed.len;
            do {
                MR_EXPECT_OK(mr_buffer_reserve(&out, 5000, &err));
                MR_EXPECT_OK(mr_decompressor_read(back, &in, out.ptr + out.len, 5000, &got, &err));
                out.len += got;
            } while (got > 0);
            MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), mr_test_lines(at)));
        }
        MR_EXPECT(mr_compressor_in_piece(stream));
        MR_EXPECT_OK(mr_compressor_end(stream, &packed, &err));
        MR_EXPECT(!mr_compressor_in_piece(stream));
        MR_EXPECT_OK(mr_compressor_end(stream, &packed, &err));
        MR_EXPECT_OK(mr_compressor_block(stream, MR_SLICE("end"), &packed, &err));
        MR_EXPECT_OK(mr_buffer_append(&packed, mr_codec_tail(codec), &err));
        mr_buffer_reset(&out);
        MR_EXPECT_OK(mr_buffer_append(&out, mr_test_lines(at), &err));
        MR_EXPECT_OK(mr_buffer_append(&out, MR_SLICE("end"), &err));
        expect_decodes(codec, mr_buffer_slice(&packed), mr_buffer_slice(&out));
        mr_compressor_close(stream);
        mr_decompressor_close(back);
        mr_buffer_done(&packed);
        mr_buffer_done(&out);
    }
}

/* --- damage ----------------------------------------------------------------------------------- */

static bool is_prefix(const mr_buffer *part, mr_slice whole)
{
    return part->len <= whole.len && memcmp(part->ptr, whole.ptr, part->len) == 0;
}

MR_TEST(cut_at_every_byte_gives_a_prefix_and_an_error_with_the_offset)
{
    EACH_CODEC(codec)
    {
        mr_buffer packed = new_buffer(), out = new_buffer();
        mr_decompressor *stream = new_decompressor(codec);
        mr_test_pack(codec, mr_test_lines(600), &packed);
        size_t longest = 0;
        for (size_t len = 0; len < packed.len; len++) {
            const mr_slice cut = mr_slice_of(packed.ptr, len);
            char wanted[96];
            snprintf(wanted, sizeof wanted, "%s data ends early at byte %zu", mr_codec_name(codec),
                     len);
            mr_buffer_reset(&out);
            const mr_code rc = decode(stream, cut, len, 1, 64, &out);
            if (len == 0) {
                MR_EXPECT_I64(rc, ==, MR_OK); /* nothing at all is no damage */
                continue;
            }
            MR_EXPECT_I64(rc, ==, MR_ERR_INPUT);
            MR_EXPECT_TEXT(err.text, wanted);
            MR_EXPECT(is_prefix(&out, mr_test_lines(600)));
            MR_EXPECT_U64(out.len, >=, longest);
            longest = out.len;
        }
        MR_EXPECT_U64(longest, ==, 600); /* only a checksum was missing */
        mr_decompressor_close(stream);
        mr_buffer_done(&packed);
        mr_buffer_done(&out);
    }
}

MR_TEST(all_whole_blocks_before_a_damaged_one_are_delivered)
{
    EACH_CODEC(codec)
    {
        if (codec == MR_CODEC_DEFLATE) continue; /* without a checksum, most damage is data */
        mr_buffer packed = new_buffer(), out = new_buffer();
        mr_decompressor *stream = new_decompressor(codec);
        mr_test_pack(codec, mr_test_lines(2000000), &packed);
        memset(packed.ptr + packed.len * 3 / 4, 0xff, 64);
        MR_EXPECT_CODE(decode(stream, mr_buffer_slice(&packed), packed.len, 1, 3 << 20, &out),
                       MR_ERR_INPUT);
        MR_EXPECT(strstr(err.text, "data is damaged at byte ") != NULL);
        MR_EXPECT_U64(out.len, >, 1000000);
        MR_EXPECT(memcmp(out.ptr, mr_test_lines(2000000).ptr, 1000000) == 0);
        /* The error stays. */
        mr_slice none = MR_SLICE("");
        size_t got;
        MR_EXPECT_CODE(mr_decompressor_read(stream, &none, out.ptr, 1, &got, &err), MR_ERR_INPUT);
        MR_EXPECT_CODE(mr_decompressor_finish(stream, &err), MR_ERR_INPUT);
        mr_decompressor_close(stream);
        mr_buffer_done(&packed);
        mr_buffer_done(&out);
    }
}

MR_TEST(all_bytes_before_a_wrong_checksum_are_delivered_into_every_room)
{
    EACH_CODEC(codec)
    {
        if (codec == MR_CODEC_DEFLATE) continue; /* has no checksum */
        mr_buffer packed = new_buffer(), out = new_buffer();
        mr_decompressor *stream = new_decompressor(codec);
        mr_test_pack(codec, mr_test_lines(600), &packed);
        packed.ptr[packed.len - (codec == MR_CODEC_GZIP ? 5 : 1)] ^= 1;
        for (size_t room = 1; room <= 700; room++) {
            mr_buffer_reset(&out);
            MR_EXPECT_CODE(decode(stream, mr_buffer_slice(&packed), packed.len, 1, room, &out),
                           MR_ERR_INPUT);
            MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), mr_test_lines(600)));
        }
        mr_decompressor_close(stream);
        mr_buffer_done(&packed);
        mr_buffer_done(&out);
    }
}

MR_TEST(every_changed_byte_is_an_error_or_harmless_and_never_a_crash)
{
    EACH_CODEC(codec)
    {
        mr_buffer packed = new_buffer(), out = new_buffer();
        mr_decompressor *stream = new_decompressor(codec);
        mr_test_pack(codec, mr_test_lines(500), &packed);
        for (size_t at = 0; at < packed.len; at++)
            for (unsigned flip = 1; flip < 256; flip = flip * 2 + 1) {
                packed.ptr[at] = (char)(packed.ptr[at] ^ (char)flip);
                mr_buffer_reset(&out);
                const mr_code rc =
                    decode(stream, mr_buffer_slice(&packed), packed.len, 1, 64, &out);
                packed.ptr[at] = (char)(packed.ptr[at] ^ (char)flip);
                MR_EXPECT(rc == MR_OK || rc == MR_ERR_INPUT || rc == MR_ERR_LIMIT);
                /* Raw deflate has no checksum, all others notice. */
                if (rc == MR_OK && codec != MR_CODEC_DEFLATE)
                    MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), mr_test_lines(500)));
            }
        mr_decompressor_close(stream);
        mr_buffer_done(&packed);
        mr_buffer_done(&out);
    }
}

/* `piece` holds "hello"; what follows is unexpected at byte `offset`, or fine (-1). */
static void expect_after(mr_codec codec, mr_slice piece, mr_slice tail, int64_t offset)
{
    mr_buffer packed = new_buffer(), out = new_buffer();
    mr_decompressor *stream = new_decompressor(codec);
    char text[200];
    MR_EXPECT_OK(mr_buffer_append(&packed, piece, &err));
    MR_EXPECT_OK(mr_buffer_append(&packed, tail, &err));
    for (size_t split = 0; split <= packed.len; split++) {
        mr_buffer_reset(&out);
        const mr_code rc = decode(stream, mr_buffer_slice(&packed), split, packed.len, 64, &out);
        MR_EXPECT_SLICE(mr_buffer_slice(&out), "hello");
        if (offset < 0) {
            MR_EXPECT_I64(rc, ==, MR_OK);
            continue;
        }
        snprintf(text, sizeof text,
                 "unexpected bytes after the end of the %s data, at byte %" PRId64,
                 mr_codec_name(codec), offset);
        MR_EXPECT_I64(rc, ==, MR_ERR_INPUT);
        MR_EXPECT_TEXT(err.text, text);
    }
    mr_decompressor_close(stream);
    mr_buffer_done(&packed);
    mr_buffer_done(&out);
}

MR_TEST(what_may_follow_the_last_piece)
{
    EACH_CODEC(codec)
    {
        mr_buffer piece = new_buffer();
        mr_test_pack(codec, MR_SLICE("hello"), &piece);
        const mr_slice whole = mr_buffer_slice(&piece);
        expect_after(codec, whole, MR_SLICE("garbage!"), (int64_t)whole.len);
        expect_after(codec, whole, MR_SLICE("\0\0\0\0\0\0\0\0\0"),
                     codec == MR_CODEC_GZIP ? -1 : (int64_t)whole.len);
        mr_buffer_done(&piece);
    }
}

MR_TEST(only_zeros_may_follow_zero_padding_of_gzip)
{
    mr_buffer packed = new_buffer();
    mr_test_pack(MR_CODEC_GZIP, MR_SLICE("hello"), &packed);
    const size_t len = packed.len;
    MR_EXPECT_OK(mr_buffer_append(&packed, MR_SLICE("\0\0"), &err));
    mr_buffer more = new_buffer();
    mr_test_pack(MR_CODEC_GZIP, MR_SLICE("again"), &more);
    expect_after(MR_CODEC_GZIP, mr_buffer_slice(&packed), mr_buffer_slice(&more), (int64_t)len + 2);
    mr_buffer_done(&packed);
    mr_buffer_done(&more);
}

/* --- the formats' own corners ----------------------------------------------------------------- */

MR_TEST(deflate_reads_zlib_framing_too)
{
    /* "hello hello hello" as zlib stream and as raw stream, both by Python's zlib. */
    expect_decodes(MR_CODEC_DEFLATE,
                   MR_SLICE("\x78\xda\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00\x3a\x2e\x06\x7d"),
                   MR_SLICE("hello hello hello"));
    expect_decodes(MR_CODEC_DEFLATE, MR_SLICE("\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00"),
                   MR_SLICE("hello hello hello"));
}

MR_TEST(skippable_frames_are_skipped)
{
    static const mr_codec both[] = {MR_CODEC_ZSTD, MR_CODEC_LZ4};
    for (size_t i = 0; i < 2; i++) {
        mr_buffer packed = new_buffer();
        const mr_slice skipped = mr_slice_of("\x5a\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
        MR_EXPECT_OK(mr_buffer_append(&packed, skipped, &err));
        mr_test_pack(both[i], MR_SLICE("hel"), &packed);
        MR_EXPECT_OK(mr_buffer_append(&packed, skipped, &err));
        mr_test_pack(both[i], MR_SLICE("lo"), &packed);
        MR_EXPECT_OK(mr_buffer_append(&packed, skipped, &err));
        expect_decodes(both[i], mr_buffer_slice(&packed), MR_SLICE("hello"));
        MR_EXPECT_I64(mr_codec_detect(mr_buffer_slice(&packed), true), ==, both[i]);
        mr_buffer_done(&packed);
    }
}

MR_TEST(a_zstd_window_beyond_the_limit_is_refused)
{
    /* Magic, descriptor without content size, window 2^31. */
    mr_slice in = mr_slice_of("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9);
    mr_decompressor *stream = new_decompressor(MR_CODEC_ZSTD);
    char out[16];
    size_t got;
    MR_EXPECT_CODE(mr_decompressor_read(stream, &in, out, sizeof out, &got, &err), MR_ERR_LIMIT);
    MR_EXPECT(strstr(err.text, "limits.zstd_window_log") != NULL);
    mr_decompressor_close(stream);
    MR_EXPECT_CODE(mr_decompressor_open(&stream, MR_CODEC_ZSTD, 32, &err), MR_ERR_USAGE);
}

MR_TEST(every_level_round_trips)
{
    EACH_CODEC(codec)
    for (int level = 0; level <= 19; level++) {
        mr_compressor *stream;
        mr_buffer packed = new_buffer();
        if (mr_codec_check_level(codec, level, NULL) != MR_OK) continue;
        MR_EXPECT_OK(mr_compressor_open(&stream, codec, level, &err));
        MR_EXPECT_OK(mr_compressor_block(stream, mr_test_lines(30000), &packed, &err));
        MR_EXPECT_OK(mr_buffer_append(&packed, mr_codec_tail(codec), &err));
        expect_decodes(codec, mr_buffer_slice(&packed), mr_test_lines(30000));
        mr_compressor_close(stream);
        mr_buffer_done(&packed);
    }
}

/* --- the tools everybody has, in both directions ---------------------------------------------- */

static void run(const char *command)
{
    if (system(command) != 0) MR_TEST_FAIL("%s failed\n", command);
}

MR_TEST(the_command_line_tools_read_what_we_write_and_the_reverse)
{
    static const struct {
        mr_codec codec;
        const char *pack, *unpack;
    } tools[] = {
        {MR_CODEC_GZIP, "gzip -c -1", "gzip -d -c"},
        {MR_CODEC_GZIP, "gzip -c -9", "gzip -d -c"},
        {MR_CODEC_ZSTD, "zstd -q -c -1", "zstd -q -d -c"},
        {MR_CODEC_ZSTD, "zstd -q -c --long=24 -5 --no-check", "zstd -q -d -c"},
        {MR_CODEC_LZ4, "lz4 -q -c -1", "lz4 -q -d -c"},
        {MR_CODEC_LZ4, "lz4 -q -c -9 -B4 -BX -BD --content-size", "lz4 -q -d -c"},
        {MR_CODEC_LZ4, "lz4 -q -c -B7 --no-frame-crc", "lz4 -q -d -c"},
        {MR_CODEC_DEFLATE,
         "python3 -c 'import "
         "sys,zlib;sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))'",
         "python3 -c 'import "
         "sys,zlib;sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read(),-15))'"},
    };
    const mr_slice plain = mr_test_lines(1500000);
    char a[128], b[128], command[512];
    snprintf(a, sizeof a, "%s/a", mr_test_dir());
    snprintf(b, sizeof b, "%s/b", mr_test_dir());
    for (size_t i = 0; i < MR_COUNT_OF(tools); i++) {
        size_t len;
        mr_test_write_file(a, plain);
        /* Twice: what tools make can be joined, too. */
        snprintf(command, sizeof command, "%s < %s > %s", tools[i].pack, a, b);
        run(command);
        char *packed = mr_test_read_file(b, &len);
        expect_decodes(tools[i].codec, mr_slice_of(packed, len), plain);
        if (tools[i].codec != MR_CODEC_DEFLATE)
            MR_EXPECT_I64(mr_codec_detect(mr_slice_of(packed, len), true), ==, tools[i].codec);
        mr_mem_free(packed);
        mr_buffer ours = new_buffer();
        mr_compressor *stream;
        MR_EXPECT_OK(mr_compressor_open(&stream, tools[i].codec, 1, &err));
        MR_EXPECT_OK(mr_compressor_block(stream, mr_slice_of(plain.ptr, 700000), &ours, &err));
        MR_EXPECT_OK(
            mr_compressor_write(stream, mr_slice_of(plain.ptr + 700000, 300000), &ours, &err));
        MR_EXPECT_OK(
            mr_compressor_write(stream, mr_slice_of(plain.ptr + 1000000, 500000), &ours, &err));
        MR_EXPECT_OK(mr_compressor_end(stream, &ours, &err));
        MR_EXPECT_OK(mr_compressor_block(stream, MR_SLICE(""), &ours, &err));
        MR_EXPECT_OK(mr_buffer_append(&ours, mr_codec_tail(tools[i].codec), &err));
        mr_test_write_file(b, mr_buffer_slice(&ours));
        snprintf(command, sizeof command, "%s < %s | cmp - %s", tools[i].unpack, b, a);
        run(command);
        mr_compressor_close(stream);
        mr_buffer_done(&ours);
    }
}

MR_TEST(joined_files_of_the_tools_are_read_as_one)
{
    char command[512], path[128];
    size_t len;
    snprintf(path, sizeof path, "%s/joined", mr_test_dir());
    static const char *const tools[] = {"gzip", "zstd", "lz4"};
    for (size_t i = 0; i < MR_COUNT_OF(tools); i++) {
        mr_codec codec;
        MR_EXPECT_OK(mr_codec_parse(mr_slice_text(tools[i]), &codec, &err));
        snprintf(command, sizeof command,
                 "(printf one | %s -c; printf '' | %s -c; printf two | %s -c) > %s", tools[i],
                 tools[i], tools[i], path);
        run(command);
        char *packed = mr_test_read_file(path, &len);
        expect_decodes(codec, mr_slice_of(packed, len), MR_SLICE("onetwo"));
        mr_mem_free(packed);
    }
}

/* --- memory ----------------------------------------------------------------------------------- */

MR_TEST(nothing_is_allocated_once_warm)
{
    EACH_CODEC(codec)
    {
        mr_buffer packed = new_buffer(), out = new_buffer();
        mr_compressor *to;
        mr_decompressor *from = new_decompressor(codec);
        mr_mem_mark warm = {0};
        uint64_t mallocs = 0;
        MR_EXPECT_OK(mr_compressor_open(&to, codec, mr_codec_default_level(codec), &err));
        for (int round = 0; round < 5; round++) {
            if (round == 2) {
                warm = mr_mem_mark_now();
                mallocs = mr_test_malloc_count();
            }
            mr_buffer_reset(&packed);
            mr_buffer_reset(&out);
            MR_EXPECT_OK(mr_compressor_block(to, mr_test_lines(300000), &packed, &err));
            MR_EXPECT_OK(mr_compressor_write(to, mr_test_lines(200000), &packed, &err));
            MR_EXPECT_OK(mr_compressor_flush(to, &packed, &err));
            MR_EXPECT_OK(mr_compressor_end(to, &packed, &err));
            MR_EXPECT_OK(mr_buffer_append(&packed, mr_codec_tail(codec), &err));
            MR_EXPECT_OK(decode(from, mr_buffer_slice(&packed), 1000, 5000, 65536, &out));
            MR_EXPECT_U64(out.len, ==, 500000);
        }
        MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
        MR_EXPECT_U64(mr_test_malloc_count() - mallocs, ==, 0);
        mr_compressor_close(to);
        mr_decompressor_close(from);
        mr_buffer_done(&packed);
        mr_buffer_done(&out);
    }
}

static mr_code round_trip(mr_codec codec)
{
    mr_buffer packed = new_buffer();
    mr_compressor *to = NULL;
    mr_decompressor *from = NULL;
    char out[20000];
    size_t got = 1, sum = 0;
    mr_code rc = mr_compressor_open(&to, codec, mr_codec_default_level(codec), &err);
    if (rc == MR_OK) rc = mr_compressor_block(to, mr_test_lines(20000), &packed, &err);
    if (rc == MR_OK) rc = mr_compressor_write(to, mr_test_lines(9000), &packed, &err);
    if (rc == MR_OK) rc = mr_compressor_end(to, &packed, &err);
    if (rc == MR_OK) rc = mr_buffer_append(&packed, mr_codec_tail(codec), &err);
    if (rc == MR_OK) rc = mr_decompressor_open(&from, codec, 0, &err);
    mr_slice in = mr_buffer_slice(&packed);
    while (rc == MR_OK && got > 0) {
        rc = mr_decompressor_read(from, &in, out, 4000, &got, &err);
        sum += rc == MR_OK ? got : 0;
    }
    if (rc == MR_OK) rc = mr_decompressor_finish(from, &err);
    if (rc == MR_OK) MR_EXPECT_U64(sum, ==, 29000);
    mr_compressor_close(to);
    mr_decompressor_close(from);
    mr_buffer_done(&packed);
    return rc;
}

MR_TEST(running_out_of_memory_is_reported_and_leaks_nothing)
{
    EACH_CODEC(codec) MR_EACH_ALLOC_FAILS(round_trip(codec));
}
