/* SPDX-License-Identifier: MIT */
#include "format/output.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/input.h"
#include "support/files.h"
#include "support/test.h"

static mr_error err;

/* What a reader of `path` gets, decompressed. */
static void expect_decodes(const char *path, mr_slice wanted)
{
    static char out[4 << 20];
    mr_input *input;
    size_t len = 0, got;
    MR_EXPECT_OK(mr_input_open(&input, &(mr_input_options){.path = path}, &err));
    do {
        MR_EXPECT_OK(mr_input_read(input, out + len, sizeof out - len, &got, &err));
        len += got;
    } while (got > 0);
    MR_EXPECT(mr_slice_equal(mr_slice_of(out, len), wanted));
    mr_input_close(input);
}

#define OPTIONS(...)                                  \
    &(mr_output_options)                              \
    {                                                 \
        .level = MR_OUTPUT_LEVEL_DEFAULT, __VA_ARGS__ \
    }

static mr_output *open_output(const mr_output_options *options)
{
    mr_output *output = NULL;
    MR_EXPECT_OK(mr_output_open(&output, options, &err));
    return output;
}

/* --- plans ------------------------------------------------------------------------------------ */

MR_TEST(suffix_and_option_decide_the_codec_and_the_name)
{
    static const struct {
        const char *path;
        mr_codec option;
        const char *final; /* NULL: a contradiction */
        mr_codec codec;
    } rows[] = {
        {"x.csv", MR_CODEC_AUTO, "x.csv", MR_CODEC_NONE},
        {"x.csv.gz", MR_CODEC_AUTO, "x.csv.gz", MR_CODEC_GZIP},
        {"x.csv.ZST", MR_CODEC_AUTO, "x.csv.ZST", MR_CODEC_ZSTD},
        {"x.csv", MR_CODEC_LZ4, "x.csv.lz4", MR_CODEC_LZ4},
        {"x.csv", MR_CODEC_DEFLATE, "x.csv.deflate", MR_CODEC_DEFLATE},
        {"x.csv.gz", MR_CODEC_GZIP, "x.csv.gz", MR_CODEC_GZIP},
        {"x.csv.gz", MR_CODEC_ZSTD, NULL, MR_CODEC_NONE},
        {"x.csv.gz", MR_CODEC_NONE, NULL, MR_CODEC_NONE},
        {"x.csv.xz", MR_CODEC_AUTO, NULL, MR_CODEC_NONE},
        {"x.csv.snappy", MR_CODEC_AUTO, NULL, MR_CODEC_NONE},
        {"x.csv", MR_CODEC_BZIP2, NULL, MR_CODEC_NONE},
        {"-", MR_CODEC_GZIP, "-", MR_CODEC_GZIP},
        {"/dev/stdout", MR_CODEC_GZIP, "/dev/stdout", MR_CODEC_GZIP},
        {"/dev/null", MR_CODEC_ZSTD, "/dev/null", MR_CODEC_ZSTD},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        char path[MR_FILE_PATH_MAX];
        mr_codec codec;
        const mr_code rc = mr_output_plan(OPTIONS(.path = rows[i].path, .codec = rows[i].option),
                                          path, &codec, &err);
        MR_EXPECT_I64(rc, ==, rows[i].final == NULL ? MR_ERR_USAGE : MR_OK);
        if (rc != MR_OK) continue;
        MR_EXPECT_TEXT(path, rows[i].final);
        MR_EXPECT_I64(codec, ==, rows[i].codec);
    }
}

MR_TEST(contradictions_name_both_sides)
{
    char path[MR_FILE_PATH_MAX];
    mr_codec codec;
    MR_EXPECT_CODE(
        mr_output_plan(OPTIONS(.path = "x.gz", .codec = MR_CODEC_ZSTD), path, &codec, &err),
        MR_ERR_USAGE);
    MR_EXPECT_TEXT(err.text, "the name 'x.gz' asks for gzip, the option for compression 'zstd'; "
                             "make them agree");
    mr_output_options levels = {.path = "x.gz", .level = 12};
    MR_EXPECT_CODE(mr_output_plan(&levels, path, &codec, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "level 12 is out of range for gzip") != NULL);
    levels = (mr_output_options){.path = "x", .level = 1};
    MR_EXPECT_CODE(mr_output_plan(&levels, path, &codec, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "level 1 is given, but 'x' is not compressed") != NULL);
    MR_EXPECT_CODE(
        mr_output_plan(OPTIONS(.path = "x", .in_place = true, .resume = true), path, &codec, &err),
        MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "resume") != NULL && strstr(err.text, "in_place") != NULL);
    MR_EXPECT_CODE(mr_output_plan(OPTIONS(.path = "x.deflate", .append = true), path, &codec, &err),
                   MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_output_plan(OPTIONS(.path = ""), path, &codec, &err), MR_ERR_USAGE);
}

/* --- files ------------------------------------------------------------------------------------ */

MR_TEST(a_file_appears_at_commit_and_not_before)
{
    mr_test_put("whole", MR_SLICE("old"));
    mr_output *output = open_output(OPTIONS(.path = mr_test_at("whole")));
    MR_EXPECT(mr_output_is_atomic(output) && mr_output_is_at_start(output));
    MR_EXPECT_OK(mr_output_write(output, MR_SLICE("new "), &err));
    MR_EXPECT_OK(mr_output_write_pieces(output, MR_SLICE("bytes"), &err));
    MR_EXPECT_OK(mr_output_flush(output, &err));
    mr_test_expect_holds(mr_test_at("whole"), "old");
    mr_test_expect_holds(mr_test_at("whole.part"), "new bytes");
    MR_EXPECT_OK(mr_output_commit(output, &err));
    MR_EXPECT_U64(mr_output_bytes(output), ==, 9);
    mr_output_close(output);
    mr_test_expect_holds(mr_test_at("whole"), "new bytes");
    MR_EXPECT(!mr_test_exists(mr_test_at("whole.part")));
}

MR_TEST(abort_and_close_leave_the_old_file)
{
    for (int explicit = 0; explicit <= 1; explicit ++) {
        mr_test_put("aborted", MR_SLICE("old"));
        mr_output *output = open_output(OPTIONS(.path = mr_test_at("aborted")));
        MR_EXPECT_OK(mr_output_write(output, MR_SLICE("new"), &err));
        if (explicit) MR_EXPECT_OK(mr_output_abort(output, &err));
        mr_output_close(output);
        mr_test_expect_holds(mr_test_at("aborted"), "old");
        MR_EXPECT(!mr_test_exists(mr_test_at("aborted.part")));
    }
    mr_output_close(NULL);
}

MR_TEST(nothing_written_is_an_empty_file_that_can_be_read)
{
    static const char *const names[] = {"e.csv", "e.gz", "e.zst", "e.lz4", "e.deflate"};
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        mr_output *output = open_output(OPTIONS(.path = mr_test_at(names[i])));
        MR_EXPECT_OK(mr_output_commit(output, &err));
        mr_output_close(output);
        expect_decodes(mr_test_at(names[i]), MR_SLICE(""));
        char command[600];
        if (i < 1 || i > 3) continue;
        static const char *const tools[] = {"", "gzip", "zstd -q", "lz4 -q"};
        snprintf(command, sizeof command, "%s -d -c %s | cmp - /dev/null", tools[i],
                 mr_test_at(names[i]));
        MR_EXPECT(system(command) == 0);
    }
}

MR_TEST(slices_of_all_sizes_arrive_in_order_for_every_codec)
{
    static const mr_codec codecs[] = {MR_CODEC_NONE, MR_CODEC_GZIP, MR_CODEC_DEFLATE, MR_CODEC_ZSTD,
                                      MR_CODEC_LZ4};
    static char text[2000000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + (i * i / 7 + i / 300) % 26);
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++) {
        char name[32];
        mr_output *output = open_output(OPTIONS(.path = mr_test_at("sizes"), .codec = codecs[i]));
        mr_compressor *lane = NULL;
        mr_buffer piece;
        size_t from = 0;
        mr_buffer_init(&piece, "test", 4 << 20);
        if (codecs[i] != MR_CODEC_NONE)
            MR_EXPECT_OK(mr_compressor_open(&lane, codecs[i], mr_output_level(output), &err));
        for (size_t size = 1, turn = 0; from < sizeof text; size = size * 2 % 1234567 + 1, turn++) {
            if (size > sizeof text - from) size = sizeof text - from;
            const mr_slice part = mr_slice_of(text + from, size);
            mr_buffer_reset(&piece);
            if (lane != NULL && turn % 3 == 0) {
                MR_EXPECT_OK(mr_compressor_block(lane, part, &piece, &err));
                MR_EXPECT_OK(mr_output_write_pieces(output, mr_buffer_slice(&piece), &err));
            } else {
                MR_EXPECT_OK(mr_output_write(output, part, &err));
            }
            if (turn % 5 == 0) MR_EXPECT_OK(mr_output_flush(output, &err));
            from += size;
        }
        MR_EXPECT_OK(mr_output_commit(output, &err));
        struct stat info;
        MR_EXPECT(stat(mr_output_name(output), &info) == 0);
        MR_EXPECT_U64(mr_output_bytes(output), ==, info.st_size);
        mr_output_close(output);
        snprintf(name, sizeof name, "sizes%s", mr_codec_suffix(codecs[i]));
        expect_decodes(mr_test_at(name), mr_slice_of(text, sizeof text));
        mr_compressor_close(lane);
        mr_buffer_done(&piece);
    }
}

/* --- resuming --------------------------------------------------------------------------------- */

static const char *const kinds[] = {"r.csv", "r.csv.gz", "r.csv.zst", "r.csv.lz4", "r.csv.deflate"};

MR_TEST(a_killed_run_is_resumed_at_its_checkpoint)
{
    for (size_t i = 0; i < MR_COUNT_OF(kinds); i++) {
        int lengths[2], status;
        uint64_t length = 0;
        mr_test_put(kinds[i], MR_SLICE("old"));
        MR_EXPECT(pipe(lengths) == 0);
        const pid_t child = fork();
        if (child == 0) {
            mr_output *output = open_output(OPTIONS(.path = mr_test_at(kinds[i])));
            if (mr_output_write(output, MR_SLICE("one,"), NULL) != MR_OK ||
                mr_output_checkpoint(output, &length, NULL) != MR_OK ||
                mr_output_write(output, MR_SLICE("lost"), NULL) != MR_OK ||
                mr_output_flush(output, NULL) != MR_OK)
                _exit(1);
            if (write(lengths[1], &length, sizeof length) != sizeof length) _exit(1);
            raise(SIGKILL);
        }
        MR_EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        MR_EXPECT(read(lengths[0], &length, sizeof length) == sizeof length);
        close(lengths[0]);
        close(lengths[1]);
        mr_test_expect_holds(mr_test_at(kinds[i]), "old");
        mr_output *output = open_output(
            OPTIONS(.path = mr_test_at(kinds[i]), .resume = true, .resume_from = length));
        MR_EXPECT(!mr_output_is_at_start(output));
        MR_EXPECT_OK(mr_output_write(output, MR_SLICE("two"), &err));
        mr_output_suspend(output);
        mr_output_close(output);
        MR_EXPECT(mr_test_exists(mr_test_at("r.csv.part")) || i > 0);
        output = open_output(
            OPTIONS(.path = mr_test_at(kinds[i]), .resume = true, .resume_from = length));
        MR_EXPECT_OK(mr_output_write(output, MR_SLICE("three"), &err));
        MR_EXPECT_OK(mr_output_commit(output, &err));
        mr_output_close(output);
        expect_decodes(mr_test_at(kinds[i]), MR_SLICE("one,three"));
    }
}

/* --- appending -------------------------------------------------------------------------------- */

MR_TEST(appending_adds_to_the_end_and_abort_takes_it_back)
{
    for (size_t i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "a-%s", kinds[i]);
        for (int round = 0; round < 3; round++) {
            mr_output *output = open_output(OPTIONS(.path = mr_test_at(name), .append = true));
            MR_EXPECT(mr_output_is_at_start(output) == (round == 0));
            MR_EXPECT(!mr_output_is_atomic(output));
            MR_EXPECT_OK(mr_output_write(output, MR_SLICE("abc"), &err));
            MR_EXPECT_OK(mr_output_flush(output, &err));
            if (round == 1)
                MR_EXPECT_OK(mr_output_abort(output, &err));
            else
                MR_EXPECT_OK(mr_output_commit(output, &err));
            mr_output_close(output);
        }
        expect_decodes(mr_test_at(name), MR_SLICE("abcabc"));
    }
    mr_output *output = open_output(OPTIONS(.path = mr_test_at("a-new"), .append = true));
    MR_EXPECT_OK(mr_output_write(output, MR_SLICE("abc"), &err));
    mr_output_close(output);
    MR_EXPECT(!mr_test_exists(mr_test_at("a-new")));
}

MR_TEST(appending_to_another_codec_is_refused_and_changes_nothing)
{
    mr_output *output = open_output(OPTIONS(.path = mr_test_at("mixed.gz")));
    MR_EXPECT_OK(mr_output_commit(output, &err));
    mr_output_close(output);
    MR_EXPECT(rename(mr_test_at("mixed.gz"), mr_test_at("mixed")) == 0);
    MR_EXPECT_CODE(
        mr_output_open(&output, OPTIONS(.path = mr_test_at("mixed"), .append = true), &err),
        MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "has compression 'gzip', so 'none' cannot be appended") != NULL);
    expect_decodes(mr_test_at("mixed"), MR_SLICE(""));
}

/* --- what can go wrong ------------------------------------------------------------------------ */

MR_TEST(a_full_disk_is_reported_with_the_path_and_leaves_the_old_file)
{
    struct rlimit before, small;
    static char block[200000];
    mr_test_put("full", MR_SLICE("old"));
    MR_EXPECT(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = (struct rlimit){300000, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    mr_output *output = open_output(OPTIONS(.path = mr_test_at("full")));
    MR_EXPECT(setrlimit(RLIMIT_FSIZE, &small) == 0);
    const mr_code first = mr_output_write(output, mr_slice_of(block, sizeof block), &err);
    const mr_code second = mr_output_write(output, mr_slice_of(block, sizeof block), &err);
    MR_EXPECT(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, handler);
    MR_EXPECT(first == MR_OK && second == MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "full' cannot be written: File too large") != NULL);
    mr_output_close(output);
    mr_test_expect_holds(mr_test_at("full"), "old");
    MR_EXPECT(!mr_test_exists(mr_test_at("full.part")));
    output = open_output(OPTIONS(.path = "/dev/full"));
    MR_EXPECT_OK(mr_output_write(output, MR_SLICE("x"), &err));
    MR_EXPECT_CODE(mr_output_commit(output, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "'/dev/full' cannot be written: No space left") != NULL);
    mr_output_close(output);
}

MR_TEST(standard_output_that_is_closed_is_an_error_at_once)
{
    int ends[2];
    void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
    const int saved = dup(STDOUT_FILENO);
    MR_EXPECT(saved >= 0 && pipe(ends) == 0 && dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
    close(ends[1]);
    close(ends[0]);
    mr_output *output = NULL;
    const mr_code opened = mr_output_open(&output, OPTIONS(.path = "-"), &err);
    mr_code written = MR_OK;
    if (opened == MR_OK) written = mr_output_write(output, MR_SLICE("x"), &err);
    if (written == MR_OK) written = mr_output_flush(output, &err);
    MR_EXPECT(dup2(saved, STDOUT_FILENO) == STDOUT_FILENO);
    close(saved);
    signal(SIGPIPE, handler);
    MR_EXPECT(opened == MR_OK && written == MR_ERR_IO);
    MR_EXPECT_TEXT(err.text,
                   "standard output cannot be written: Broken pipe (the reader has gone)");
    MR_EXPECT_TEXT(mr_output_name(output), "standard output");
    mr_output_close(output);
}

static void *read_pipe(void *context)
{
    static char bytes[100];
    const int fd = open(context, O_RDONLY);
    ssize_t len = 0, got;
    while (len < 99 && (got = read(fd, bytes + len, 99 - (size_t)len)) > 0)
        len += got;
    close(fd);
    bytes[len] = 0;
    return bytes;
}

MR_TEST(pipes_and_links_to_devices_are_written_in_place)
{
    char path[512];
    pthread_t thread;
    void *bytes;
    snprintf(path, sizeof path, "%s", mr_test_at("fifo"));
    MR_EXPECT(mkfifo(path, 0600) == 0);
    MR_EXPECT(pthread_create(&thread, NULL, read_pipe, path) == 0);
    mr_output *output = open_output(OPTIONS(.path = path));
    MR_EXPECT(!mr_output_is_atomic(output));
    MR_EXPECT_OK(mr_output_write(output, MR_SLICE("through"), &err));
    MR_EXPECT_OK(mr_output_commit(output, &err));
    mr_output_close(output);
    pthread_join(thread, &bytes);
    MR_EXPECT_TEXT(bytes, "through");
    MR_EXPECT(!mr_test_exists(mr_test_at("fifo.part")));
    MR_EXPECT(symlink("/dev/null", mr_test_at("nowhere")) == 0);
    output = open_output(OPTIONS(.path = mr_test_at("nowhere")));
    MR_EXPECT_OK(mr_output_write(output, MR_SLICE("x"), &err));
    MR_EXPECT_OK(mr_output_commit(output, &err));
    mr_output_close(output);
}

MR_TEST(in_place_writes_to_the_file_itself)
{
    mr_test_put("place", MR_SLICE("old and long"));
    mr_output *output = open_output(OPTIONS(.path = mr_test_at("place"), .in_place = true));
    MR_EXPECT_OK(mr_output_write(output, MR_SLICE("new"), &err));
    MR_EXPECT_OK(mr_output_flush(output, &err));
    mr_test_expect_holds(mr_test_at("place"), "new");
    MR_EXPECT_OK(mr_output_commit(output, &err));
    mr_output_close(output);
}

MR_TEST(a_source_is_not_overwritten_under_any_name)
{
    mr_identity source;
    mr_output *output;
    mr_test_put("source", MR_SLICE("precious"));
    MR_EXPECT(mr_identity_of_path(mr_test_at("source"), &source));
    MR_EXPECT(symlink("source", mr_test_at("source link")) == 0);
    MR_EXPECT(link(mr_test_at("source"), mr_test_at("source twin")) == 0);
    static const char *const names[] = {"source", "source link", "source twin", "./source"};
    for (size_t i = 0; i < MR_COUNT_OF(names); i++)
        for (int mode = 0; mode < 3; mode++) {
            MR_EXPECT(mr_output_same_file(mr_test_at(names[i]), &source));
            MR_EXPECT_CODE(mr_output_open(&output,
                                          OPTIONS(.path = mr_test_at(names[i]), .sources = &source,
                                                  .source_count = 1, .in_place = mode == 1,
                                                  .append = mode == 2),
                                          &err),
                           MR_ERR_USAGE);
            MR_EXPECT(strstr(err.text, "both source and target") != NULL);
            mr_test_expect_holds(mr_test_at("source"), "precious");
        }
    MR_EXPECT(!mr_output_same_file(mr_test_at("other"), &source));
    MR_EXPECT(!mr_output_same_file("/dev/null", &source));
    MR_EXPECT_CODE(mr_output_open(&output, OPTIONS(.path = mr_test_dir()), &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "is a directory") != NULL);
}

/* --- memory ----------------------------------------------------------------------------------- */

static mr_code write_once(const char *path, bool append)
{
    mr_output *output;
    MR_TRY(mr_output_open(&output, OPTIONS(.path = path, .append = append), &err));
    mr_code rc = mr_output_write(output, MR_SLICE("bytes"), &err);
    if (rc == MR_OK) rc = mr_output_commit(output, &err);
    mr_output_close(output);
    return rc;
}

MR_TEST(opening_and_writing_without_memory_fails_cleanly)
{
    static const char *const names[] = {"m.csv", "m.gz", "m.zst", "m.lz4"};
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        MR_EACH_ALLOC_FAILS(write_once(mr_test_at(names[i]), false));
        MR_EACH_ALLOC_FAILS(write_once(mr_test_at(names[i]), true));
        expect_decodes(mr_test_at(names[i]), MR_SLICE("bytesbytes"));
    }
}

MR_TEST(writing_allocates_nothing_once_warm)
{
    static const char *const names[] = {"w.csv", "w.gz", "w.zst", "w.lz4"};
    static char text[300000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 23);
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        mr_output *output = open_output(OPTIONS(.path = mr_test_at(names[i])));
        mr_mem_mark warm = {0};
        for (int round = 0; round < 8; round++) {
            if (round == 4) warm = mr_mem_mark_now();
            MR_EXPECT_OK(mr_output_write(output, mr_slice_of(text, sizeof text), &err));
            MR_EXPECT_OK(mr_output_write(output, mr_slice_of(text, 100), &err));
        }
        MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
        MR_EXPECT_OK(mr_output_commit(output, &err));
        mr_output_close(output);
    }
}
