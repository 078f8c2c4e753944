/* SPDX-License-Identifier: MIT
 *
 * Going on inside compressed files: every place that is reached from a mark is compared with the
 * same place of the whole text, which was never compressed. */
#include <pthread.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "format/input.h"
#include "format/restart.h"
#include "support/files.h"
#include "support/test.h"

#define EVERY      ((uint64_t)50000)
#define TEXT_BYTES ((size_t)2500000)

static mr_error err;

static mr_buffer new_buffer(void)
{
    mr_buffer buffer;
    mr_buffer_init(&buffer, "test", 64 << 20);
    return buffer;
}

static mr_input *open_noting(const char *path, mr_encoding encoding)
{
    mr_input *input = NULL;
    const mr_input_options options = {.path = path, .encoding = encoding, .restart_every = EVERY};
    MR_EXPECT_OK(mr_input_open(&input, &options, &err));
    return input;
}

/* The input stands at `offset` of `wanted` and goes on as that does, to its end. */
static void expect_rest(mr_input *input, mr_slice wanted, uint64_t offset)
{
    static char bytes[100000];
    size_t got = 1, at = (size_t)offset;
    while (got > 0) {
        MR_EXPECT_OK(mr_input_read(input, bytes, sizeof bytes, &got, &err));
        MR_EXPECT(got <= wanted.len - at && memcmp(bytes, wanted.ptr + at, got) == 0);
        at += got;
    }
    MR_EXPECT_U64(at, ==, wanted.len);
}

static void expect_resumes(const char *path, mr_encoding encoding, mr_slice mark, mr_slice wanted,
                           uint64_t offset)
{
    mr_input *input = open_noting(path, encoding);
    mr_slice head;
    MR_EXPECT_OK(mr_input_peek(input, 100, -1, &head, &err)); /* as readers of headers do */
    MR_EXPECT_OK(mr_input_skip(input, wanted.len < 10 ? 0 : 10, &err));
    MR_EXPECT_OK(mr_input_seek(input, offset, mark, &err));
    expect_rest(input, wanted, offset);
    mr_input_close(input);
}

/* Reads the file and asks for the mark of a place each time the reader is `ahead` of it. Returns
 * how many places had one. `slack`: how far in front of its place a mark may lie. */
static unsigned expect_marks_work(const char *path, mr_encoding encoding, mr_slice wanted,
                                  uint64_t ahead, uint64_t slack)
{
    mr_input *input = open_noting(path, encoding);
    mr_buffer mark = new_buffer();
    static char bytes[70001];
    unsigned count = 0;
    size_t got;
    for (uint64_t at = 0, asked = 0;; at += got, asked++) {
        MR_EXPECT_OK(mr_input_read(input, bytes, sizeof bytes, &got, &err));
        if (got == 0) break;
        if (at < ahead || asked % 5 != 0) continue;
        mr_buffer_reset(&mark);
        MR_EXPECT_OK(mr_input_mark(input, 0, at - ahead, &mark, &err));
        MR_EXPECT_U64(mark.len, <=, MR_RESTART_MARK_MAX);
        if (mark.len > 0) {
            mr_restart place;
            MR_EXPECT_OK(mr_restart_parse(mr_buffer_slice(&mark), &place, &err));
            MR_EXPECT_U64(place.text_offset, <=, at - ahead);
            MR_EXPECT_U64(at - ahead - place.text_offset, <=, slack);
            count++;
        }
        expect_resumes(path, encoding, mr_buffer_slice(&mark), wanted, at - ahead);
    }
    mr_input_close(input);
    mr_buffer_done(&mark);
    return count;
}

/* Pieces of several sizes, one after the other. */
static const char *put_pieces(const char *name, mr_codec codec, mr_slice plain, size_t piece)
{
    mr_buffer packed = new_buffer();
    for (size_t at = 0; at < plain.len; at += piece)
        mr_test_pack(codec, mr_slice_of(plain.ptr + at, mr_min_u64(piece, plain.len - at)),
                     &packed);
    const char *path = mr_test_put(name, mr_buffer_slice(&packed));
    mr_buffer_done(&packed);
    return path;
}

/* Deflate by zlib itself: `window` chooses the framing. */
static const char *put_deflated(const char *name, mr_slice plain, int level, int window)
{
    mr_buffer packed = new_buffer();
    z_stream z = {0};
    MR_EXPECT(deflateInit2(&z, level, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    MR_EXPECT_OK(mr_buffer_reserve(&packed, deflateBound(&z, plain.len), &err));
    z.next_in = (Bytef *)(uintptr_t)plain.ptr;
    z.avail_in = (uInt)plain.len;
    z.next_out = (Bytef *)packed.ptr;
    z.avail_out = (uInt)packed.cap;
    MR_EXPECT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    packed.len = z.total_out;
    deflateEnd(&z);
    const char *path = mr_test_put(name, mr_buffer_slice(&packed));
    mr_buffer_done(&packed);
    return path;
}

/* --- places ----------------------------------------------------------------------------------- */

MR_TEST(a_single_member_of_gzip_is_begun_inside)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    const char *path = mr_test_put_packed("one.gz", MR_CODEC_GZIP, text);
    static const uint64_t aheads[] = {0, 1, 65536, 200000};
    for (size_t i = 0; i < MR_COUNT_OF(aheads); i++)
        MR_EXPECT_U64(expect_marks_work(path, MR_ENCODING_UTF8, text, aheads[i], EVERY + 200000),
                      >=, 4);
    /* Fast and best levels, stored blocks. */
    static const int levels[] = {0, 1, 9};
    for (size_t i = 0; i < MR_COUNT_OF(levels); i++) {
        path = put_deflated("level.gz", text, levels[i], 15 + 16);
        MR_EXPECT_U64(expect_marks_work(path, MR_ENCODING_UTF8, text, 0, EVERY + 200000), >=, 4);
    }
}

MR_TEST(members_and_frames_are_begun_at)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    static const mr_codec codecs[] = {MR_CODEC_GZIP, MR_CODEC_ZSTD, MR_CODEC_LZ4};
    static const size_t pieces[] = {1000, 65280, 300000};
    for (size_t c = 0; c < MR_COUNT_OF(codecs); c++)
        for (size_t p = 0; p < MR_COUNT_OF(pieces); p++) {
            const char *path = put_pieces("pieces", codecs[c], text, pieces[p]);
            MR_EXPECT_U64(expect_marks_work(path, MR_ENCODING_UTF8, text, 0, EVERY + 400000), >=,
                          4);
        }
}

MR_TEST(deflate_is_begun_inside_raw_and_framed)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    const char *raw = put_deflated("raw.deflate", text, 6, -15);
    const char *framed = put_deflated("framed.deflate", text, 6, 15);
    MR_EXPECT_U64(expect_marks_work(raw, MR_ENCODING_UTF8, text, 0, EVERY + 200000), >=, 4);
    MR_EXPECT_U64(expect_marks_work(framed, MR_ENCODING_UTF8, text, 0, EVERY + 200000), >=, 4);
}

MR_TEST(a_single_frame_is_decoded_from_its_start)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    const char *lz4 = mr_test_put_packed("one.lz4", MR_CODEC_LZ4, text);
    MR_EXPECT_U64(expect_marks_work(lz4, MR_ENCODING_UTF8, text, 0, 0), ==, 0);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    mr_buffer packed = new_buffer();
    MR_EXPECT(!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1)));
    MR_EXPECT(!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27)));
    MR_EXPECT_OK(mr_buffer_reserve(&packed, ZSTD_compressBound(text.len), &err));
    packed.len = ZSTD_compress2(context, packed.ptr, packed.cap, text.ptr, text.len);
    MR_EXPECT(!ZSTD_isError(packed.len));
    const char *zstd = mr_test_put("long.zst", mr_buffer_slice(&packed));
    MR_EXPECT_U64(expect_marks_work(zstd, MR_ENCODING_UTF8, text, 0, 0), ==, 0);
    ZSTD_freeCCtx(context);
    mr_buffer_done(&packed);
}

MR_TEST(encodings_and_byte_order_marks_count_as_readers_see_them)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES / 2);
    mr_buffer wide = new_buffer(), marked = new_buffer(), odd = new_buffer();
    MR_EXPECT_OK(mr_buffer_append(&wide, MR_SLICE("\xff\xfe"), &err));
    for (size_t i = 0; i < text.len; i++)
        MR_EXPECT_OK(mr_buffer_append(&wide, mr_slice_of((const char[]){text.ptr[i], 0}, 2), &err));
    MR_EXPECT_OK(mr_buffer_append(&marked, MR_SLICE("\xef\xbb\xbf"), &err));
    MR_EXPECT_OK(mr_buffer_append(&marked, text, &err));
    const char *path = mr_test_put_packed("wide.gz", MR_CODEC_GZIP, mr_buffer_slice(&wide));
    MR_EXPECT_U64(expect_marks_work(path, MR_ENCODING_UTF8, text, 0, 400000), >=, 3);
    path = put_pieces("wide.zst", MR_CODEC_ZSTD, mr_buffer_slice(&wide), 100001);
    MR_EXPECT_U64(expect_marks_work(path, MR_ENCODING_UTF8, text, 10, 400000), >=, 3);
    path = mr_test_put_packed("marked.gz", MR_CODEC_GZIP, mr_buffer_slice(&marked));
    MR_EXPECT_U64(expect_marks_work(path, MR_ENCODING_UTF8, text, 0, 400000), >=, 3);

    /* Surrogate pairs: frames of odd sizes end between the halves of units and of pairs. */
    for (int i = 0; i < 150000; i++)
        MR_EXPECT_OK(mr_buffer_append(&odd, MR_SLICE("\x3d\xd8\x00\xde\x61\x00"), &err));
    mr_buffer plain = new_buffer();
    for (int i = 0; i < 150000; i++)
        MR_EXPECT_OK(mr_buffer_append(&plain,
                                      MR_SLICE("\xf0\x9f\x98\x80"
                                               "a"),
                                      &err));
    static const size_t pieces[] = {60001, 60002, 60003};
    for (size_t i = 0; i < MR_COUNT_OF(pieces); i++) {
        path = put_pieces("odd.zst", MR_CODEC_ZSTD, mr_buffer_slice(&odd), pieces[i]);
        MR_EXPECT_U64(
            expect_marks_work(path, MR_ENCODING_UTF16LE, mr_buffer_slice(&plain), 0, 400000), >=,
            1);
    }
    mr_buffer_done(&wide);
    mr_buffer_done(&marked);
    mr_buffer_done(&odd);
    mr_buffer_done(&plain);
}

MR_TEST(without_a_mark_every_kind_of_file_is_gone_through)
{
    const mr_slice text = mr_test_lines(300000);
    const char *paths[] = {mr_test_put("seek plain", text),
                           mr_test_put_packed("seek gzip", MR_CODEC_GZIP, text),
                           mr_test_put_packed("seek lz4", MR_CODEC_LZ4, text)};
    static const uint64_t offsets[] = {0, 5, 10, 11, 4096, 299999, 300000};
    for (size_t p = 0; p < MR_COUNT_OF(paths); p++) {
        for (size_t i = 0; i < MR_COUNT_OF(offsets); i++)
            expect_resumes(paths[p], MR_ENCODING_UTF8, MR_SLICE(""), text, offsets[i]);
        mr_input *input = open_noting(paths[p], MR_ENCODING_UTF8);
        MR_EXPECT_CODE(mr_input_seek(input, text.len + 1, MR_SLICE(""), &err), MR_ERR_INPUT);
        MR_EXPECT(strstr(err.text, "1 bytes before the place to go on from") != NULL);
        MR_EXPECT_OK(mr_input_seek(input, 7, MR_SLICE(""), &err)); /* and back */
        expect_rest(input, text, 7);
        mr_input_close(input);
    }
    int ends[2];
    mr_input *input;
    mr_slice head;
    MR_EXPECT(pipe(ends) == 0 && write(ends[1], "0123456789", 10) == 10);
    MR_EXPECT_OK(mr_input_open_fd(&input, ends[0], "a pipe", &(mr_input_options){0}, &err));
    MR_EXPECT_OK(mr_input_seek(input, 4, MR_SLICE(""), &err));
    MR_EXPECT_OK(mr_input_peek(input, 6, -1, &head, &err));
    MR_EXPECT_SLICE(head, "456789");
    MR_EXPECT_CODE(mr_input_seek(input, 3, MR_SLICE(""), &err), MR_ERR_USAGE);
    mr_input_close(input);
    close(ends[0]);
    close(ends[1]);
}

/* --- what is kept ----------------------------------------------------------------------------- */

/* Reads `bytes` of the current file. */
static void pass(mr_input *input, uint64_t bytes)
{
    static char scratch[10000];
    for (size_t got; bytes > 0; bytes -= got) {
        MR_EXPECT_OK(mr_input_read(input, scratch, mr_min_u64(bytes, sizeof scratch), &got, &err));
        MR_EXPECT(got > 0);
    }
}

MR_TEST(the_last_places_of_all_files_are_kept)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    put_pieces("kept-1.gz", MR_CODEC_GZIP, text, 10000);
    put_pieces("kept-2.gz", MR_CODEC_GZIP, text, 10000);
    mr_input *input = open_noting(mr_test_at("kept-*.gz"), MR_ENCODING_UTF8);
    mr_buffer mark = new_buffer();
    bool has;
    pass(input, TEXT_BYTES);
    MR_EXPECT_OK(mr_input_next_file(input, &has, &err));
    pass(input, 3 * EVERY);
    MR_EXPECT_OK(mr_input_mark(input, 0, TEXT_BYTES, &mark, &err)); /* of the file before */
    MR_EXPECT_U64(mark.len, >, 0);
    expect_resumes(mr_test_at("kept-1.gz"), MR_ENCODING_UTF8, mr_buffer_slice(&mark), text,
                   TEXT_BYTES);
    mr_buffer_reset(&mark);
    MR_EXPECT_OK(mr_input_mark(input, 1, 2 * EVERY, &mark, &err));
    MR_EXPECT_U64(mark.len, >, 0);
    expect_resumes(mr_test_at("kept-2.gz"), MR_ENCODING_UTF8, mr_buffer_slice(&mark), text,
                   2 * EVERY);
    mr_buffer_reset(&mark);
    MR_EXPECT_OK(mr_input_mark(input, 1, EVERY - 1, &mark, &err));     /* before the first */
    MR_EXPECT_OK(mr_input_mark(input, 0, EVERY + 20000, &mark, &err)); /* forgotten */
    MR_EXPECT_U64(mark.len, ==, 0);
    mr_input_close(input);
    mr_buffer_done(&mark);
}

static void *read_to_end(void *context)
{
    char bytes[5000];
    size_t got = 1;
    while (got > 0 && mr_input_read(context, bytes, sizeof bytes, &got, NULL) == MR_OK)
        continue;
    return NULL;
}

MR_TEST(marks_are_taken_while_another_thread_reads)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    mr_input *input =
        open_noting(mr_test_put_packed("read.gz", MR_CODEC_GZIP, text), MR_ENCODING_UTF8);
    mr_buffer mark = new_buffer();
    pthread_t thread;
    MR_EXPECT(pthread_create(&thread, NULL, read_to_end, input) == 0);
    for (int i = 0; i < 200; i++) {
        mr_restart place;
        mr_buffer_reset(&mark);
        MR_EXPECT_OK(mr_input_mark(input, 0, TEXT_BYTES, &mark, &err));
        if (mark.len > 0) MR_EXPECT_OK(mr_restart_parse(mr_buffer_slice(&mark), &place, &err));
    }
    pthread_join(thread, NULL);
    mr_input_close(input);
    mr_buffer_done(&mark);
}

MR_TEST(points_cost_no_allocation)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    mr_input *input =
        open_noting(mr_test_put_packed("warm.gz", MR_CODEC_GZIP, text), MR_ENCODING_UTF8);
    pass(input, 200000);
    const mr_mem_mark warm = mr_mem_mark_now();
    const uint64_t mallocs = mr_test_malloc_count();
    pass(input, TEXT_BYTES - 200000);
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(mr_test_malloc_count(), ==, mallocs);
    mr_input_close(input);
}

/* --- damage and lies -------------------------------------------------------------------------- */

static void take_mark(const char *path, uint64_t offset, mr_buffer *mark)
{
    mr_input *input = open_noting(path, MR_ENCODING_UTF8);
    pass(input, offset);
    mr_buffer_reset(mark);
    MR_EXPECT_OK(mr_input_mark(input, 0, offset, mark, &err));
    MR_EXPECT_U64(mark->len, >, 0);
    mr_input_close(input);
}

static mr_code seek_in(const char *path, uint64_t offset, mr_slice mark)
{
    mr_input *input = open_noting(path, MR_ENCODING_UTF8);
    const mr_code rc = mr_input_seek(input, offset, mark, &err);
    mr_input_close(input);
    return rc;
}

MR_TEST(damage_behind_a_mark_is_found_as_it_is_without)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    static const struct {
        int window;
        const char *name;
        size_t back; /* of the damaged byte, from the end */
        const char *wanted;
    } rows[] = {
        {15 + 16, "sum.gz", 8, "incorrect data check"},
        {15 + 16, "length.gz", 1, "incorrect length check"},
        {15, "sum.deflate", 1, "incorrect data check"},
    };
    mr_buffer mark = new_buffer();
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        size_t len;
        const char *path = put_deflated(rows[i].name, text, 6, rows[i].window);
        take_mark(path, 2000000, &mark);
        char *bytes = mr_test_read_file(path, &len);
        bytes[len - rows[i].back] ^= 1;
        mr_test_write_file(path, mr_slice_of(bytes, len));
        MR_EXPECT_CODE(seek_in(path, TEXT_BYTES + 1, mr_buffer_slice(&mark)), MR_ERR_INPUT);
        MR_EXPECT(strstr(err.text, rows[i].wanted) != NULL);
        char place[40];
        snprintf(place, sizeof place, "at byte %zu", len);
        MR_EXPECT(strstr(err.text, place) != NULL);
        mr_test_write_file(path, mr_slice_of(bytes, len - 1)); /* cut off */
        MR_EXPECT_CODE(seek_in(path, TEXT_BYTES + 1, mr_buffer_slice(&mark)), MR_ERR_INPUT);
        snprintf(place, sizeof place, "ends early at byte %zu", len - 1);
        MR_EXPECT(strstr(err.text, place) != NULL);
        mr_mem_free(bytes);
    }
    mr_buffer_done(&mark);
}

MR_TEST(another_file_than_the_marked_one_is_refused)
{
    const mr_slice text = mr_test_lines(TEXT_BYTES);
    const char *path = mr_test_put_packed("changed.gz", MR_CODEC_GZIP, text);
    mr_buffer mark = new_buffer();
    size_t len;
    take_mark(path, 2000000, &mark);
    const mr_slice taken = mr_buffer_slice(&mark);
    MR_EXPECT_OK(seek_in(path, 2000000, taken));
    MR_EXPECT_CODE(seek_in(path, EVERY, taken), MR_ERR_INPUT); /* it lies behind */
    char *bytes = mr_test_read_file(path, &len);
    mr_test_write_file(path, mr_slice_of(bytes, 1000));
    MR_EXPECT_CODE(seek_in(path, 2000000, taken), MR_ERR_CONFLICT);
    MR_EXPECT(strstr(err.text, "is shorter than it was") != NULL);
    mr_restart place;
    MR_EXPECT_OK(mr_restart_parse(taken, &place, &err));
    bytes[place.point.taken - 1000] ^= 1;
    mr_test_write_file(path, mr_slice_of(bytes, len));
    MR_EXPECT_CODE(seek_in(path, 2000000, taken), MR_ERR_CONFLICT);
    MR_EXPECT(strstr(err.text, "is not what it was") != NULL);
    mr_test_put_packed("changed.gz", MR_CODEC_ZSTD, text);
    MR_EXPECT_CODE(seek_in(path, 2000000, taken), MR_ERR_CONFLICT);
    MR_EXPECT(strstr(err.text, "is zstd text of encoding utf-8, and was gzip") != NULL);
    mr_test_put("changed.gz", text);
    MR_EXPECT_CODE(seek_in(path, 2000000, taken), MR_ERR_CONFLICT);
    mr_mem_free(bytes);
    mr_buffer_done(&mark);
}

MR_TEST(a_mark_cut_or_changed_anywhere_is_refused)
{
    const char *path = mr_test_put_packed("mark.gz", MR_CODEC_GZIP, mr_test_lines(TEXT_BYTES));
    mr_buffer mark = new_buffer();
    mr_restart place;
    take_mark(path, 2000000, &mark);
    for (size_t len = 0; len < mark.len; len += len < 100 ? 1 : 61)
        MR_EXPECT_CODE(mr_restart_parse(mr_slice_of(mark.ptr, len), &place, &err), MR_ERR_INPUT);
    for (size_t at = 0; at < mark.len; at += at < 100 ? 1 : 61) {
        mark.ptr[at] ^= 0x20;
        MR_EXPECT_CODE(mr_restart_parse(mr_buffer_slice(&mark), &place, &err), MR_ERR_INPUT);
        mark.ptr[at] ^= 0x20;
    }
    MR_EXPECT_CODE(seek_in(path, 2000000, MR_SLICE("nonsense")), MR_ERR_INPUT);
    MR_EXPECT(strstr(err.text, "mark.gz': the restart point of a compressed file is damaged") !=
              NULL);
    mr_buffer_done(&mark);
}

static mr_code write_and_forget(const mr_restart *place)
{
    mr_buffer mark = new_buffer();
    const mr_code rc = mr_restart_write(place, &mark, &err);
    mr_buffer_done(&mark);
    return rc;
}

MR_TEST(windows_that_do_not_shrink_are_kept_as_they_are)
{
    static mr_restart place, back;
    uint32_t state = 1;
    mr_buffer mark = new_buffer();
    place = (mr_restart){.codec = MR_CODEC_GZIP,
                         .point = {.made = 1 << 20,
                                   .in_piece = true,
                                   .framing = MR_RESTART_GZIP,
                                   .bit_count = 3,
                                   .bits = 5,
                                   .check = 77,
                                   .piece_made = 1 << 20,
                                   .window_len = MR_RESTART_WINDOW}};
    for (size_t i = 0; i < MR_RESTART_WINDOW; i++)
        place.point.window[i] = (char)((state = state * 1664525 + 1013904223) >> 24);
    MR_EXPECT_OK(mr_restart_write(&place, &mark, &err));
    MR_EXPECT_U64(mark.len, <=, MR_RESTART_MARK_MAX);
    MR_EXPECT_OK(mr_restart_parse(mr_buffer_slice(&mark), &back, &err));
    MR_EXPECT(memcmp(&place, &back, sizeof place) == 0);
    MR_EACH_ALLOC_FAILS(write_and_forget(&place));
    mr_buffer_done(&mark);
}
