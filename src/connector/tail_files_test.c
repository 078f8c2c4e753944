/* SPDX-License-Identifier: MIT
 *
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "connector/tail_files.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/tail_watch.h"
#include "core/clock.h"
#include "support/files.h"
#include "support/test.h"

static mr_error err;
static char warned[8192];

static void note_warning(void *context, const char *text)
{
    (void)context;
    snprintf(warned + strlen(warned), sizeof warned - strlen(warned), "%s\n", text);
}

static void follow(mr_tail_files *files, const char *pattern)
{
    static char path[512];
    snprintf(path, sizeof path, "%s", mr_test_at(pattern));
    *files = (mr_tail_files){.pattern = path, .warn = note_warning};
    warned[0] = 0;
    mr_tail_files_init(files);
}

static void add(const char *name, const char *text)
{
    FILE *file = fopen(mr_test_at(name), "ab");
    MR_EXPECT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* What all files have to give now: "name:bytes|", whole lines only. */
static const char *news(mr_tail_files *files)
{
    static char all[4096];
    mr_buffer bytes;
    mr_buffer_init(&bytes, "test", 1 << 24);
    all[0] = 0;
    MR_EXPECT_OK(mr_tail_files_scan(files, &err));
    for (mr_tail_file *file; (file = mr_tail_files_next(files, false)) != NULL;) {
        MR_EXPECT_OK(mr_tail_file_read(file, &bytes, &err));
        const char *lf = bytes.len > 0 ? memrchr(bytes.ptr, '\n', bytes.len) : NULL;
        const size_t whole = file->is_final ? bytes.len
                             : lf != NULL   ? (size_t)(lf - bytes.ptr) + 1
                                            : 0;
        if (whole > 0 && whole < 1000)
            snprintf(all + strlen(all), sizeof all - strlen(all), "%s:%.*s|",
                     strrchr(file->path, '/') + 1, (int)whole, bytes.ptr);
        mr_tail_file_taken(file, whole, bytes.len, false, 1 << 24);
    }
    mr_buffer_done(&bytes);
    return all;
}

MR_TEST(what_is_added_comes_once_and_in_whole_lines)
{
    mr_tail_files files;
    follow(&files, "grow.log");
    MR_EXPECT_TEXT(news(&files), "");
    MR_EXPECT(strstr(warned, "grow.log' yet; waiting for it") != NULL);
    add("grow.log", "one\ntwo\nthr");
    MR_EXPECT_TEXT(news(&files), "grow.log:one\ntwo\n|");
    MR_EXPECT_TEXT(news(&files), "");
    add("grow.log", "e");
    MR_EXPECT_TEXT(news(&files), "");
    add("grow.log", "e\n");
    MR_EXPECT_TEXT(news(&files), "grow.log:three\n|");
    mr_tail_files_done(&files);
}

MR_TEST(a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_start)
{
    mr_tail_files files;
    follow(&files, "turn.log");
    add("turn.log", "1\n");
    MR_EXPECT_TEXT(news(&files), "turn.log:1\n|");
    add("turn.log", "2\n3 without an end");
    MR_EXPECT(rename(mr_test_at("turn.log"), mr_test_at("turn.log.1")) == 0);
    add("turn.log", "4\n");
    /* rotate_wait is 0: the old file is over as soon as it is seen to be gone. */
    MR_EXPECT_TEXT(news(&files), "turn.log:2\n3 without an end|turn.log:4\n|");
    MR_EXPECT_TEXT(news(&files), "");
    MR_EXPECT_U64(files.count, ==, 1); /* the old one is closed */
    mr_tail_files_done(&files);
}

MR_TEST(a_writer_may_go_on_in_a_renamed_file_for_a_while)
{
    mr_tail_files files;
    follow(&files, "late.log");
    files.rotate_wait_ns = 3600 * MR_NS_PER_S;
    add("late.log", "1\n");
    MR_EXPECT_TEXT(news(&files), "late.log:1\n|");
    MR_EXPECT(rename(mr_test_at("late.log"), mr_test_at("late.log.1")) == 0);
    MR_EXPECT_TEXT(news(&files), "");
    add("late.log.1", "2\nhalf");
    MR_EXPECT_TEXT(news(&files), "late.log:2\n|");
    mr_clock_freeze(mr_clock_ns() + 3601 * MR_NS_PER_S, 0);
    MR_EXPECT_TEXT(news(&files), "late.log:half|");
    MR_EXPECT_TEXT(news(&files), "");
    mr_clock_release();
    MR_EXPECT_U64(files.count, ==, 0);
    mr_tail_files_done(&files);
}

MR_TEST(a_file_that_is_cut_or_written_anew_is_read_from_its_start)
{
    mr_tail_files files;
    follow(&files, "cut.log");
    add("cut.log", "first\nsecond\n");
    MR_EXPECT_TEXT(news(&files), "cut.log:first\nsecond\n|");
    MR_EXPECT(truncate(mr_test_at("cut.log"), 0) == 0);
    add("cut.log", "third\n");
    MR_EXPECT_TEXT(news(&files), "cut.log:third\n|");
    MR_EXPECT(strstr(warned, "cut.log' was cut from 13 bytes to 6") != NULL);
    /* It has grown beyond the old place by the time it is looked at: the head tells. */
    MR_EXPECT(truncate(mr_test_at("cut.log"), 0) == 0);
    add("cut.log", "other lines, and more of them\n");
    MR_EXPECT_TEXT(news(&files), "cut.log:other lines, and more of them\n|");
    MR_EXPECT(strstr(warned, "cut.log' was written anew") != NULL);
    mr_tail_files_done(&files);
}

MR_TEST(files_of_a_pattern_are_told_apart_by_what_they_are)
{
    mr_tail_files files;
    follow(&files, "many.log*");
    add("many.log", "1\n");
    MR_EXPECT_TEXT(news(&files), "many.log:1\n|");
    add("many.log", "2\n");
    MR_EXPECT(rename(mr_test_at("many.log"), mr_test_at("many.log.1")) == 0); /* matches, too */
    add("many.log", "3\n");
    MR_EXPECT_TEXT(news(&files), "many.log.1:2\n|many.log:3\n|");
    add("many.log.2", "4\n");
    MR_EXPECT_TEXT(news(&files), "many.log.2:4\n|");
    mr_test_put_packed("many.log.3.gz", MR_CODEC_GZIP, MR_SLICE("5\n"));
    MR_EXPECT_TEXT(news(&files), "");
    MR_EXPECT(strstr(warned, "many.log.3.gz' is compressed with gzip and not followed") != NULL);
    mr_tail_files_done(&files);
}

MR_TEST(from_the_end_means_behind_the_last_whole_line)
{
    mr_tail_files files;
    follow(&files, "end*.log");
    files.from_end = true;
    add("end1.log", "old\nhalf a ");
    MR_EXPECT_TEXT(news(&files), "");
    add("end1.log", "line\n");
    add("end2.log", "a new file\n");
    MR_EXPECT_TEXT(news(&files), "end1.log:half a line\n|end2.log:a new file\n|");
    mr_tail_files_done(&files);
}

MR_TEST(long_lines_are_read_in_one_piece)
{
    mr_tail_files files;
    follow(&files, "long.log");
    mr_buffer bytes;
    mr_buffer_init(&bytes, "test", 1 << 24);
    FILE *file = fopen(mr_test_at("long.log"), "wb");
    MR_EXPECT(file != NULL);
    for (size_t i = 0; i < 3 * MR_TAIL_PIECE; i++)
        fputc('x', file);
    fputc('\n', file);
    fclose(file);
    MR_EXPECT_OK(mr_tail_files_scan(&files, &err));
    size_t tries = 0, whole = 0;
    for (mr_tail_file *next; whole == 0 && (next = mr_tail_files_next(&files, false)) != NULL;
         tries++) {
        MR_EXPECT_OK(mr_tail_file_read(next, &bytes, &err));
        whole = bytes.ptr[bytes.len - 1] == '\n' ? bytes.len : 0;
        mr_tail_file_taken(next, whole, bytes.len, false, 1 << 24);
    }
    MR_EXPECT_U64(whole, ==, 3 * MR_TAIL_PIECE + 1);
    MR_EXPECT_U64(tries, <=, 4); /* doubling */
    mr_buffer_done(&bytes);
    mr_tail_files_done(&files);
}

/* --- positions -------------------------------------------------------------------------------- */

static void restart(mr_tail_files *files, const char *pattern)
{
    mr_buffer position;
    mr_buffer_init(&position, "test", 64 << 10);
    MR_EXPECT_OK(mr_tail_files_write(files, &position, &err));
    mr_tail_files_done(files);
    follow(files, pattern);
    MR_EXPECT_OK(mr_tail_files_restore(files, mr_buffer_slice(&position), &err));
    mr_buffer_done(&position);
}

MR_TEST(positions_survive_restarts_rotation_and_cuts)
{
    mr_tail_files files;
    follow(&files, "keep.log");
    add("keep.log", "1\n2");
    MR_EXPECT_TEXT(news(&files), "keep.log:1\n|");
    restart(&files, "keep.log");
    MR_EXPECT_TEXT(news(&files), "");
    add("keep.log", "\n");
    MR_EXPECT_TEXT(news(&files), "keep.log:2\n|");
    /* Lines and a rotation while nobody follows. */
    add("keep.log", "3\n");
    MR_EXPECT(rename(mr_test_at("keep.log"), mr_test_at("keep.log.1")) == 0);
    add("keep.log", "4\n");
    restart(&files, "keep.log");
    MR_EXPECT_TEXT(news(&files), "keep.log.1:3\n|keep.log:4\n|");
    MR_EXPECT_TEXT(warned, "");
    /* Cut while nobody follows. */
    MR_EXPECT(truncate(mr_test_at("keep.log"), 0) == 0);
    add("keep.log", "5\n");
    restart(&files, "keep.log");
    MR_EXPECT_TEXT(news(&files), "keep.log:5\n|");
    /* Removed while nobody follows: what it had behind the place is lost, and told. */
    MR_EXPECT(unlink(mr_test_at("keep.log")) == 0);
    restart(&files, "keep.log");
    add("keep.log", "6\n");
    MR_EXPECT_TEXT(news(&files), "keep.log:6\n|");
    MR_EXPECT(strstr(warned, "is not the file it was at byte 2") != NULL);
    mr_tail_files_done(&files);
}

MR_TEST(with_a_position_no_file_is_new_by_accident)
{
    mr_tail_files files;
    follow(&files, "later.log");
    files.from_end = true;
    add("later.log", "1\n");
    MR_EXPECT_TEXT(news(&files), "");
    restart(&files, "later*");
    files.from_end = true;
    add("later2.log", "2\n"); /* it came while nobody followed, and is read whole */
    MR_EXPECT_TEXT(news(&files), "later2.log:2\n|");
    mr_tail_files_done(&files);
}

MR_TEST(damaged_positions_are_refused)
{
    mr_tail_files files;
    follow(&files, "damage.log");
    mr_buffer position;
    mr_buffer_init(&position, "test", 64 << 10);
    add("damage.log", "1\n");
    MR_EXPECT_TEXT(news(&files), "damage.log:1\n|");
    MR_EXPECT_OK(mr_tail_files_write(&files, &position, &err));
    mr_tail_files_done(&files);
    for (size_t len = 0; len < position.len; len++) {
        if (len == 2) continue; /* no files: a position as good as any */
        follow(&files, "damage.log");
        MR_EXPECT_CODE(mr_tail_files_restore(&files, mr_slice_of(position.ptr, len), &err),
                       MR_ERR_INPUT);
        mr_tail_files_done(&files);
    }
    mr_buffer_done(&position);
}

/* --- waiting ---------------------------------------------------------------------------------- */

MR_TEST(waiting_ends_with_a_change_or_with_time)
{
    mr_tail_watch watch;
    bool names = true;
    mr_tail_watch_open(&watch);
    mr_tail_watch_beside(&watch, mr_test_at("watched.log"));
    MR_EXPECT(!mr_tail_watch_wait(&watch, 1, &names) && !names);
    add("watched.log", "1\n");
    if (watch.fd >= 0) MR_EXPECT(mr_tail_watch_wait(&watch, 10000, &names) && names);
    add("watched.log", "2\n");
    if (watch.fd >= 0) MR_EXPECT(mr_tail_watch_wait(&watch, 10000, &names) && !names);
    MR_EXPECT(!mr_tail_watch_wait(&watch, 1, &names));
    mr_tail_watch_close(&watch);
    MR_EXPECT(!mr_tail_watch_wait(&watch, 1, &names)); /* without inotify time does it */
    mr_tail_watch_beside(&watch, mr_test_at("watched.log"));
}
