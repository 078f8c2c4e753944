/* SPDX-License-Identifier: MIT */
#include "format/input.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/files.h"
#include "support/test.h"

static mr_error err;

static mr_input *open_path(const char *path)
{
    mr_input *input = NULL;
    MR_EXPECT_OK(mr_input_open(&input, &(mr_input_options){.path = path}, &err));
    return input;
}

/* Reads to the end of the current file, `cap` bytes at a time. */
static mr_code read_all(mr_input *input, size_t cap, mr_buffer *to)
{
    size_t got;
    do {
        MR_EXPECT_OK(mr_buffer_reserve(to, cap, &err));
        MR_TRY(mr_input_read(input, to->ptr + to->len, cap, &got, &err));
        MR_EXPECT_U64(got, <=, cap);
        to->len += got;
    } while (got > 0);
    return MR_OK;
}

/* The file gives `wanted` for several read sizes. */
static void expect_reads(const mr_input_options *options, mr_slice wanted)
{
    static const size_t caps[] = {1, 7, 8, 9, 4096, 1 << 20};
    mr_buffer out;
    mr_buffer_init(&out, "test", 64 << 20);
    for (size_t i = 0; i < MR_COUNT_OF(caps); i++) {
        mr_input *input;
        if (wanted.len / caps[i] > 100000) continue;
        mr_buffer_reset(&out);
        MR_EXPECT_OK(mr_input_open(&input, options, &err));
        MR_EXPECT_OK(read_all(input, caps[i], &out));
        MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), wanted));
        MR_EXPECT_U64(mr_input_decoded_bytes(input), ==, wanted.len);
        MR_EXPECT_OK(mr_input_unchanged(input, &err));
        mr_input_close(input);
    }
    mr_buffer_done(&out);
}

static void expect_file_reads(const char *path, mr_slice wanted)
{
    expect_reads(&(mr_input_options){.path = path}, wanted);
}

/* --- one file --------------------------------------------------------------------------------- */

MR_TEST(plain_files_are_read_as_they_are)
{
    expect_file_reads(mr_test_put("plain", mr_test_lines(500000)), mr_test_lines(500000));
    expect_file_reads(mr_test_put("short", MR_SLICE("x")), MR_SLICE("x"));
    expect_file_reads(mr_test_put("empty", MR_SLICE("")), MR_SLICE(""));
    expect_file_reads("/dev/null", MR_SLICE(""));
}

MR_TEST(compression_is_found_by_content_whatever_the_name)
{
    static const mr_codec codecs[] = {MR_CODEC_GZIP, MR_CODEC_ZSTD, MR_CODEC_LZ4};
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++) {
        expect_file_reads(mr_test_put_packed("packed.csv", codecs[i], mr_test_lines(500000)),
                          mr_test_lines(500000));
        expect_file_reads(mr_test_put_packed("packed.xz", codecs[i], MR_SLICE("")), MR_SLICE(""));
        mr_input *input = open_path(mr_test_at("packed.csv"));
        MR_EXPECT_I64(mr_input_codec(input), ==, codecs[i]);
        uint64_t size;
        MR_EXPECT(!mr_input_is_direct(input, &size));
        mr_input_close(input);
    }
    expect_file_reads(mr_test_put("text.gz", MR_SLICE("not compressed at all")),
                      MR_SLICE("not compressed at all"));
    expect_file_reads(mr_test_put_packed("x.deflate", MR_CODEC_DEFLATE, mr_test_lines(1000)),
                      mr_test_lines(1000));
    expect_file_reads(mr_test_put("nothing.deflate", MR_SLICE("")), MR_SLICE(""));
}

MR_TEST(compression_can_be_switched_off_or_forced)
{
    mr_buffer packed;
    mr_buffer_init(&packed, "test", 64 << 20);
    mr_test_pack(MR_CODEC_GZIP, MR_SLICE("abc"), &packed);
    const char *path = mr_test_put("off", mr_buffer_slice(&packed));
    expect_reads(&(mr_input_options){.path = path, .codec = MR_CODEC_NONE},
                 mr_buffer_slice(&packed));
    path = mr_test_put_packed("raw", MR_CODEC_DEFLATE, MR_SLICE("abc"));
    expect_reads(&(mr_input_options){.path = path, .codec = MR_CODEC_DEFLATE}, MR_SLICE("abc"));
    mr_input *input;
    const mr_input_options forced = {.path = mr_test_put("no gzip", MR_SLICE("abc")),
                                     .codec = MR_CODEC_GZIP};
    char byte[1];
    size_t got;
    MR_EXPECT_OK(mr_input_open(&input, &forced, &err));
    for (int i = 0; i < 3; i++) {
        MR_EXPECT_CODE(mr_input_read(input, byte, 1, &got, &err), MR_ERR_INPUT);
        MR_EXPECT(strstr(err.text, "no gzip': gzip data is damaged at byte 2") != NULL);
    }
    mr_input_close(input);
    mr_buffer_done(&packed);
}

MR_TEST(known_compression_that_is_not_supported_is_refused_by_name)
{
    static const struct {
        mr_slice head;
        const char *name;
    } rows[] = {
        {{"BZh9\x31\x41\x59\x26\x53\x59", 10}, "bzip2"},
        {{"\xfd\x37zXZ\x00", 6}, "xz"},
        {{"\xff\x06\x00\x00sNaPpY", 10}, "snappy"},
        {{"\xff\x06\x00\x00S2sTwO", 10}, "s2"},
        {{"PK\x03\x04", 4}, "zip"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_input *input;
        char wanted[100];
        const char *path = mr_test_put("refused", rows[i].head);
        MR_EXPECT_CODE(mr_input_open(&input, &(mr_input_options){.path = path}, &err),
                       MR_ERR_INPUT);
        snprintf(wanted, sizeof wanted, "refused' is compressed with %s, which is not supported",
                 rows[i].name);
        MR_EXPECT(strstr(err.text, wanted) != NULL);
    }
}

MR_TEST(truncated_files_give_what_is_there_and_then_the_error)
{
    mr_buffer packed, out;
    mr_buffer_init(&packed, "test", 64 << 20);
    mr_buffer_init(&out, "test", 64 << 20);
    mr_test_pack(MR_CODEC_GZIP, mr_test_lines(100000), &packed);
    for (size_t len = 2; len < packed.len; len += len < 40 ? 1 : 997) {
        char wanted[100];
        mr_input *input = open_path(mr_test_put("cut.gz", mr_slice_of(packed.ptr, len)));
        mr_buffer_reset(&out);
        MR_EXPECT_CODE(read_all(input, 5000, &out), MR_ERR_INPUT);
        snprintf(wanted, sizeof wanted, "cut.gz': gzip data ends early at byte %zu", len);
        MR_EXPECT(strstr(err.text, wanted) != NULL);
        MR_EXPECT(out.len <= 100000 && memcmp(out.ptr, mr_test_lines(100000).ptr, out.len) == 0);
        mr_input_close(input);
    }
    MR_EXPECT_U64(out.len, >, 90000);
    mr_buffer_done(&packed);
    mr_buffer_done(&out);
}

/* --- encodings -------------------------------------------------------------------------------- */

MR_TEST(byte_order_marks_decide_and_disappear)
{
    static const struct {
        mr_slice file;
        mr_encoding option;
        mr_slice wanted;
    } rows[] = {
        {{"\xef\xbb\xbf"
          "a,b",
          6},
         MR_ENCODING_UTF8,
         {"a,b", 3}},
        {{"\xef\xbb\xbf\xc3\xa9", 5}, MR_ENCODING_LATIN1, {"\xc3\xa9", 2}}, /* the mark wins */
        {{"\xef\xbb\xbf", 3}, MR_ENCODING_UTF8, {"", 0}},
        {{"\xef\xbb", 2}, MR_ENCODING_UTF8, {"\xef\xbb", 2}},
        {{"\xef\xbb\xbf"
          "a",
          4},
         MR_ENCODING_BINARY,
         {"\xef\xbb\xbf"
          "a",
          4}},
        {{"\xff\xfe"
          "a\0\xe9\0",
          6},
         MR_ENCODING_UTF8,
         {"a\xc3\xa9", 3}},
        {{"\xfe\xff\0a\0\xe9", 6}, MR_ENCODING_UTF8, {"a\xc3\xa9", 3}},
        {{"a\0\xe9\0", 4}, MR_ENCODING_UTF16LE, {"a\xc3\xa9", 3}},
        {{"\0a\0\xe9", 4}, MR_ENCODING_UTF16BE, {"a\xc3\xa9", 3}},
        {{"a\xe9", 2}, MR_ENCODING_LATIN1, {"a\xc3\xa9", 3}},
        {{"a\xe9", 2}, MR_ENCODING_UTF8, {"a\xe9", 2}},
        {{"\0\xd8", 2}, MR_ENCODING_UTF16LE, {"\xed\xa0\x80", 3}},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        const char *path = mr_test_put("encoded", rows[i].file);
        expect_reads(&(mr_input_options){.path = path, .encoding = rows[i].option}, rows[i].wanted);
        path = mr_test_put_packed("encoded.gz", MR_CODEC_GZIP, rows[i].file);
        expect_reads(&(mr_input_options){.path = path, .encoding = rows[i].option}, rows[i].wanted);
    }
}

MR_TEST(large_utf16_files_stream)
{
    static char wide[2 * 700000 + 2];
    memcpy(wide, "\xfe\xff", 2);
    for (size_t i = 0; i < 700000; i++)
        wide[3 + 2 * i] = mr_test_lines(700000).ptr[i];
    expect_file_reads(mr_test_put("wide", mr_slice_of(wide, sizeof wide)), mr_test_lines(700000));
}

MR_TEST(utf16_cut_inside_a_character_and_utf32_are_errors)
{
    mr_input *input = open_path(mr_test_put("odd", MR_SLICE("\xff\xfe"
                                                            "a\0b")));
    char out[16];
    size_t got;
    MR_EXPECT_OK(mr_input_read(input, out, sizeof out, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "a");
    MR_EXPECT_CODE(mr_input_read(input, out, sizeof out, &got, &err), MR_ERR_INPUT);
    MR_EXPECT(strstr(err.text, "odd': utf-16le text ends in the middle of a character") != NULL);
    MR_EXPECT_CODE(mr_input_read(input, out, sizeof out, &got, &err), MR_ERR_INPUT);
    mr_input_close(input);
    const mr_input_options options = {.path =
                                          mr_test_put("wider", MR_SLICE("\xff\xfe\0\0a\0\0\0"))};
    MR_EXPECT_CODE(mr_input_open(&input, &options, &err), MR_ERR_INPUT);
    MR_EXPECT(strstr(err.text, "UTF-32") != NULL);
}

/* --- at any place ----------------------------------------------------------------------------- */

MR_TEST(direct_files_count_from_behind_the_byte_order_mark)
{
    mr_input *input = open_path(mr_test_put("direct", MR_SLICE("\xef\xbb\xbf"
                                                               "0123456789")));
    uint64_t size = 0;
    char out[16];
    size_t got;
    MR_EXPECT(mr_input_is_direct(input, &size));
    MR_EXPECT_U64(size, ==, 10);
    MR_EXPECT_OK(mr_input_pread(input, 0, 4, out, 3, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "456");
    MR_EXPECT_OK(mr_input_pread(input, 0, 8, out, 16, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "89");
    MR_EXPECT_OK(mr_input_read(input, out, 16, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "0123456789");
    MR_EXPECT_OK(mr_input_pread_raw(input, 0, 0, out, 5, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "\xef\xbb\xbf"
                                           "01");
    mr_input_close(input);
    input = open_path("/dev/null");
    MR_EXPECT_CODE(mr_input_pread_raw(input, 0, 0, out, 5, &got, &err), MR_ERR_USAGE);
    mr_input_close(input);
}

typedef struct reader {
    const mr_input *input;
    uint64_t from;
    bool is_right;
} reader;

static void *read_part(void *context)
{
    reader *self = context;
    char out[1000];
    size_t got;
    self->is_right = true;
    for (uint64_t offset = self->from; offset < 400000; offset += 4000) {
        if (mr_input_pread(self->input, 0, offset, out, sizeof out, &got, NULL) != MR_OK ||
            got != sizeof out || memcmp(out, mr_test_lines(500000).ptr + offset, sizeof out) != 0)
            self->is_right = false;
    }
    return NULL;
}

MR_TEST(many_threads_read_a_direct_file_at_once)
{
    mr_input *input = open_path(mr_test_put("shared", mr_test_lines(500000)));
    pthread_t threads[4];
    reader readers[4];
    for (size_t i = 0; i < 4; i++) {
        readers[i] = (reader){input, i * 1000, false};
        MR_EXPECT(pthread_create(&threads[i], NULL, read_part, &readers[i]) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        MR_EXPECT(readers[i].is_right);
    }
    mr_input_close(input);
}

MR_TEST(a_redirected_file_is_direct_only_from_its_start)
{
    uint64_t size;
    char out[16];
    size_t got;
    const int fd = open(mr_test_put("redirected", MR_SLICE("abcdef")), O_RDONLY);
    mr_input *input;
    const mr_input_options options = {0};
    MR_EXPECT_OK(mr_input_open_fd(&input, fd, "standard input", &options, &err));
    MR_EXPECT(mr_input_is_direct(input, &size) && size == 6);
    mr_input_close(input);
    MR_EXPECT(lseek(fd, 2, SEEK_SET) == 2);
    MR_EXPECT_OK(mr_input_open_fd(&input, fd, "standard input", &options, &err));
    MR_EXPECT(!mr_input_is_direct(input, &size));
    mr_slice peeked;
    MR_EXPECT_OK(mr_input_peek(input, 100, -1, &peeked, &err));
    MR_EXPECT_SLICE(peeked, "cdef");
    MR_EXPECT_OK(mr_input_read(input, out, sizeof out, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "cdef");
    mr_input_close(input);
    close(fd);
}

/* --- peeking and skipping --------------------------------------------------------------------- */

MR_TEST(peeked_bytes_are_read_again_for_every_kind_of_file)
{
    static char wide[2 * 30000 + 2];
    memcpy(wide, "\xff\xfe", 2);
    for (size_t i = 0; i < 30000; i++)
        wide[2 + 2 * i] = mr_test_lines(30000).ptr[i];
    const char *paths[] = {mr_test_put("peek plain", mr_test_lines(30000)),
                           mr_test_put_packed("peek zstd", MR_CODEC_ZSTD, mr_test_lines(30000)),
                           mr_test_put("peek wide", mr_slice_of(wide, sizeof wide))};
    static const size_t wants[] = {0, 1, 5, 8, 4096, 5000, 20000, 40000};
    mr_buffer out;
    mr_buffer_init(&out, "test", 1 << 20);
    for (size_t p = 0; p < 3; p++)
        for (size_t first = 0; first < MR_COUNT_OF(wants); first++)
            for (size_t second = 0; second < MR_COUNT_OF(wants); second++) {
                mr_input *input = open_path(paths[p]);
                mr_slice head;
                char byte;
                size_t got;
                MR_EXPECT_OK(mr_input_peek(input, wants[first], -1, &head, &err));
                MR_EXPECT_U64(head.len, >=, wants[first] < 30000 ? wants[first] : 30000);
                MR_EXPECT(head.len == 0 ||
                          memcmp(head.ptr, mr_test_lines(30000).ptr, head.len) == 0);
                MR_EXPECT_OK(mr_input_read(input, &byte, 1, &got, &err));
                MR_EXPECT(got == 1 && byte == mr_test_lines(30000).ptr[0]);
                MR_EXPECT_OK(mr_input_peek(input, wants[second], -1, &head, &err));
                MR_EXPECT(head.len == 0 ||
                          memcmp(head.ptr, mr_test_lines(30000).ptr + 1, head.len) == 0);
                mr_buffer_reset(&out);
                MR_EXPECT_OK(read_all(input, 777, &out));
                MR_EXPECT_U64(out.len, ==, 29999);
                MR_EXPECT(memcmp(out.ptr, mr_test_lines(30000).ptr + 1, out.len) == 0);
                mr_input_close(input);
            }
    mr_buffer_done(&out);
    mr_input *input = open_path(paths[0]);
    mr_slice head;
    MR_EXPECT_CODE(mr_input_peek(input, MR_INPUT_PEEK_MAX + 1, -1, &head, &err), MR_ERR_LIMIT);
    mr_input_close(input);
}

MR_TEST(skipping_goes_to_the_same_place_for_every_kind_of_file)
{
    const char *paths[] = {mr_test_put("skip plain", mr_test_lines(300000)),
                           mr_test_put_packed("skip lz4", MR_CODEC_LZ4, mr_test_lines(300000))};
    static const uint64_t counts[] = {0, 1, 4096, 5000, 299999, 300000};
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < MR_COUNT_OF(counts); i++) {
            mr_input *input = open_path(paths[p]);
            mr_slice rest;
            MR_EXPECT_OK(mr_input_skip(input, counts[i], &err));
            MR_EXPECT_U64(mr_input_decoded_bytes(input), ==, counts[i]);
            MR_EXPECT_OK(mr_input_peek(input, 10, -1, &rest, &err));
            MR_EXPECT(rest.len >= (300000 - counts[i] < 10 ? 300000 - counts[i] : 10));
            MR_EXPECT(rest.len == 0 ||
                      memcmp(rest.ptr, mr_test_lines(300000).ptr + counts[i], rest.len) == 0);
            MR_EXPECT_CODE(mr_input_skip(input, 300001 - counts[i], &err), MR_ERR_INPUT);
            mr_input_close(input);
        }
}

/* --- pipes ------------------------------------------------------------------------------------ */

MR_TEST(a_pipe_is_not_waited_for_longer_than_needed)
{
    int ends[2];
    char out[64];
    size_t got;
    mr_input *input;
    mr_slice head;
    uint64_t size;
    MR_EXPECT(pipe(ends) == 0);
    MR_EXPECT_OK(mr_input_open_fd(&input, ends[0], "a pipe", &(mr_input_options){0}, &err));
    MR_EXPECT(!mr_input_is_direct(input, &size));
    MR_EXPECT(!mr_input_poll(input, 0));
    MR_EXPECT(write(ends[1], "1,2\n", 4) == 4);
    MR_EXPECT(mr_input_poll(input, 0));
    MR_EXPECT_OK(mr_input_peek(input, 1000, 0, &head, &err)); /* four bytes, and no more come */
    MR_EXPECT_SLICE(head, "1,2\n");
    MR_EXPECT(mr_input_poll(input, 0));
    MR_EXPECT_OK(mr_input_read(input, out, sizeof out, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "1,2\n");
    MR_EXPECT(!mr_input_poll(input, 0));
    MR_EXPECT(!mr_input_poll(input, 1));
    MR_EXPECT(write(ends[1], "3,4\n", 4) == 4);
    MR_EXPECT_OK(mr_input_read(input, out, sizeof out, &got, &err));
    MR_EXPECT_SLICE(mr_slice_of(out, got), "3,4\n");
    close(ends[1]);
    MR_EXPECT(mr_input_poll(input, 0));
    MR_EXPECT_OK(mr_input_read(input, out, sizeof out, &got, &err));
    MR_EXPECT_U64(got, ==, 0);
    MR_EXPECT_U64(mr_input_raw_bytes(input), ==, 8);
    MR_EXPECT_U64(mr_input_total_bytes(input), ==, 0);
    MR_EXPECT_OK(mr_input_unchanged(input, &err));
    mr_input_close(input);
    close(ends[0]);
}

typedef struct trickle {
    int fd;
    mr_slice bytes;
} trickle;

static void *write_byte_by_byte(void *context)
{
    trickle *self = context;
    for (size_t i = 0; i < self->bytes.len; i++)
        if (write(self->fd, self->bytes.ptr + i, 1) != 1) break;
    close(self->fd);
    return NULL;
}

MR_TEST(bytes_that_trickle_in_give_the_same_result)
{
    static const mr_codec codecs[] = {MR_CODEC_NONE, MR_CODEC_GZIP, MR_CODEC_ZSTD, MR_CODEC_LZ4};
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++) {
        mr_buffer packed, out;
        int ends[2];
        pthread_t thread;
        mr_input *input;
        mr_buffer_init(&packed, "test", 1 << 20);
        mr_buffer_init(&out, "test", 1 << 20);
        if (codecs[i] == MR_CODEC_NONE)
            MR_EXPECT_OK(mr_buffer_append(&packed, mr_test_lines(5000), &err));
        else
            mr_test_pack(codecs[i], mr_test_lines(5000), &packed);
        MR_EXPECT(pipe(ends) == 0);
        trickle writer = {ends[1], mr_buffer_slice(&packed)};
        MR_EXPECT(pthread_create(&thread, NULL, write_byte_by_byte, &writer) == 0);
        MR_EXPECT_OK(mr_input_open_fd(&input, ends[0], "a pipe", &(mr_input_options){0}, &err));
        MR_EXPECT_OK(read_all(input, 100, &out));
        MR_EXPECT(mr_slice_equal(mr_buffer_slice(&out), mr_test_lines(5000)));
        MR_EXPECT_I64(mr_input_codec(input), ==, codecs[i]);
        pthread_join(thread, NULL);
        mr_input_close(input);
        close(ends[0]);
        mr_buffer_done(&packed);
        mr_buffer_done(&out);
    }
}
