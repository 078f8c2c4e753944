/* SPDX-License-Identifier: MIT
 *
 * Several files, changes under our hands, limits, memory; format/input_test.c reads single files.
 */
#include "format/input.h"

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

/* --- many files ------------------------------------------------------------------------------- */

MR_TEST(files_of_a_pattern_come_in_order_each_with_its_own_kind)
{
    mr_test_put("many-1.csv", MR_SLICE("\xef\xbb\xbf"
                                       "one"));
    mr_test_put_packed("many-2.csv", MR_CODEC_GZIP, MR_SLICE("two"));
    mr_test_put("many-3.csv", MR_SLICE("\xff\xfe"
                                       "3\0"));
    mr_test_put_packed("many-4.csv", MR_CODEC_GZIP, MR_SLICE("four"));
    mr_test_put("many-5.csv", MR_SLICE(""));
    static const char *const wanted[] = {"one", "two", "3", "four", ""};
    mr_input *input = open_path(mr_test_at("many-*.csv"));
    mr_buffer out;
    mr_buffer_init(&out, "test", 1 << 20);
    MR_EXPECT_U64(mr_input_file_count(input), ==, 5);
    MR_EXPECT_U64(mr_input_total_bytes(input), >, 12);
    bool has = true;
    for (uint32_t i = 0; has; i++) {
        MR_EXPECT_U64(mr_input_file_index(input), ==, i);
        mr_buffer_reset(&out);
        MR_EXPECT_OK(read_all(input, 100, &out));
        MR_EXPECT_SLICE(mr_buffer_slice(&out), wanted[i]);
        MR_EXPECT(strstr(mr_input_file_name(input, i), "many-") != NULL);
        MR_EXPECT_U64(mr_input_identity(input, 4).inode, !=, 0);
        MR_EXPECT_OK(mr_input_next_file(input, &has, &err));
    }
    MR_EXPECT_U64(mr_input_raw_bytes(input), ==, mr_input_total_bytes(input));
    MR_EXPECT_OK(mr_input_unchanged(input, &err));
    mr_input_close(input);
    mr_buffer_done(&out);
}

MR_TEST(direct_files_stay_readable_behind_the_current_one)
{
    char name[32], out[32];
    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof name, "keep-%d", i);
        snprintf(out, sizeof out, "file %d", i);
        mr_test_put(name, mr_slice_text(out));
    }
    mr_input *input;
    bool has = true;
    size_t got;
    const mr_input_options options = {.path = mr_test_at("keep-*"), .keep_open = 3};
    MR_EXPECT_OK(mr_input_open(&input, &options, &err));
    for (uint32_t i = 0; i < 9; i++) {
        for (uint32_t back = 0; back < 3 && back <= i; back++) {
            MR_EXPECT_OK(mr_input_pread(input, i - back, 5, out, 8, &got, &err));
            MR_EXPECT(got == 1 && out[0] == (char)('0' + i - back));
        }
        MR_EXPECT_OK(mr_input_next_file(input, &has, &err));
        MR_EXPECT(has == (i < 8));
    }
    mr_input_close(input);
}

/* --- changes, limits, memory ------------------------------------------------------------------ */

MR_TEST(a_file_written_to_while_it_is_read_is_noticed)
{
    mr_test_put("change-1", MR_SLICE("abc"));
    mr_test_put("change-2", MR_SLICE("def"));
    mr_input *input = open_path(mr_test_at("change-*"));
    bool has;
    MR_EXPECT_OK(mr_input_unchanged(input, &err));
    mr_test_put("change-1", MR_SLICE("abcdef"));
    MR_EXPECT_OK(mr_input_next_file(input, &has, &err));
    MR_EXPECT_CODE(mr_input_unchanged(input, &err), MR_ERR_CONFLICT);
    MR_EXPECT(strstr(err.text,
                     "change-1' changed while it was read: it had 3 bytes and now has 6") != NULL);
    mr_input_close(input);
}

static char warning[600];
static unsigned warning_count;

static void note_warning(void *context, const char *text)
{
    MR_EXPECT(context == warning);
    snprintf(warning, sizeof warning, "%s", text);
    warning_count++;
}

MR_TEST(what_grows_beyond_the_limit_is_warned_of_or_refused)
{
    static char zeros[40 << 20];
    const char *path = mr_test_put_packed("bomb", MR_CODEC_ZSTD, mr_slice_of(zeros, sizeof zeros));
    mr_input_options options = {.path = path, .warn = note_warning, .warn_context = warning};
    expect_reads(&options, mr_slice_of(zeros, sizeof zeros));
    MR_EXPECT_U64(warning_count, >=, 1);
    MR_EXPECT(strstr(warning, "bomb' grows from") != NULL);
    MR_EXPECT(strstr(warning, "limits.max_expansion 1000:1") != NULL);
    const unsigned before = warning_count;
    options.max_expansion = MR_EXPANSION_OFF;
    expect_reads(&options, mr_slice_of(zeros, sizeof zeros));
    MR_EXPECT_U64(warning_count, ==, before);
    options.max_expansion = 0;
    options.expansion_is_error = true;
    mr_input *input;
    mr_buffer out;
    mr_buffer_init(&out, "test", 64 << 20);
    MR_EXPECT_OK(mr_input_open(&input, &options, &err));
    MR_EXPECT_CODE(read_all(input, 1 << 20, &out), MR_ERR_LIMIT);
    MR_EXPECT_U64(out.len, <=, MR_EXPANSION_FLOOR + (1 << 20));
    mr_input_close(input);
    mr_buffer_done(&out);
}

MR_TEST(errors_name_the_file_and_the_cause)
{
    mr_input *input;
    mr_input_options options = {.path = mr_test_at("none here")};
    MR_EXPECT_CODE(mr_input_open(&input, &options, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "none here' cannot be opened: No such file") != NULL);
    options.path = mr_test_at("none*here");
    MR_EXPECT_CODE(mr_input_open(&input, &options, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "no file matches '") != NULL);
    options.path = mr_test_dir();
    MR_EXPECT_CODE(mr_input_open(&input, &options, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "is a directory") != NULL);
    options.path = "";
    MR_EXPECT_CODE(mr_input_open(&input, &options, &err), MR_ERR_USAGE);
    mr_input_close(NULL);
}

static mr_code read_once(const char *path)
{
    mr_input *input = NULL;
    char out[5000];
    size_t got = 1;
    mr_slice head;
    MR_TRY(mr_input_open(&input, &(mr_input_options){.path = path}, &err));
    mr_code rc = mr_input_peek(input, 3000, -1, &head, &err);
    while (rc == MR_OK && got > 0)
        rc = mr_input_read(input, out, sizeof out, &got, &err);
    mr_input_close(input);
    return rc;
}

MR_TEST(opening_and_reading_without_memory_fails_cleanly)
{
    mr_test_put("memory-1", mr_test_lines(20000));
    mr_test_put("memory-2", MR_SLICE("\xff\xfe"
                                     "3\0"));
    mr_test_put_packed("memory-3", MR_CODEC_GZIP, mr_test_lines(200000));
    mr_test_put_packed("memory-4", MR_CODEC_ZSTD, mr_test_lines(200000));
    mr_test_put_packed("memory-5", MR_CODEC_LZ4, mr_test_lines(200000));
    for (int i = '1'; i <= '5'; i++) {
        char name[16] = "memory-?";
        name[7] = (char)i;
        MR_EACH_ALLOC_FAILS(read_once(mr_test_at(name)));
        name[7] = '[', name[8] = (char)i, name[9] = ']';
        MR_EACH_ALLOC_FAILS(read_once(mr_test_at(name)));
    }
}

MR_TEST(reading_allocates_nothing_once_warm)
{
    static const mr_codec codecs[] = {MR_CODEC_NONE, MR_CODEC_GZIP, MR_CODEC_ZSTD, MR_CODEC_LZ4};
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++) {
        const char *path = codecs[i] == MR_CODEC_NONE
                               ? mr_test_put("warm", mr_test_lines(1500000))
                               : mr_test_put_packed("warm", codecs[i], mr_test_lines(1500000));
        mr_input *input = open_path(path);
        char out[3000];
        size_t got, sum = 0;
        mr_mem_mark warm = {0};
        do {
            MR_EXPECT_OK(mr_input_read(input, out, sizeof out, &got, &err));
            if (sum < 300000) warm = mr_mem_mark_now();
            sum += got;
        } while (got > 0);
        MR_EXPECT_U64(sum, ==, 1500000);
        MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
        mr_input_close(input);
    }
}
