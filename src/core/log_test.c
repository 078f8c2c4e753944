/* SPDX-License-Identifier: MIT */
#include "core/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log_limit.h"
#include "support/test.h"

/* --- lines
 * ---------------------------------------------------------------------------------------- */

MR_PRINTF(5, 6)
static void fill(mr_log_record *record, mr_log_level level, const mr_log_field *fields,
                 size_t count, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mr_log_record_fill(record, level, "pipeline", fields, count, format, args);
    va_end(args);
}

static void expect_line(const mr_log_record *record, bool json, const char *wanted)
{
    static char line[MR_LOG_LINE_MAX];
    const size_t len = mr_log_line(line, record, json);
    MR_EXPECT_SLICE(((mr_slice){line, len}), wanted);
}

MR_TEST(a_line_has_time_level_component_message_and_fields)
{
    mr_log_record record;
    const mr_log_field fields[] = {
        MR_LOG_INT("rows", -4096), MR_LOG_TEXT("file", MR_SLICE("a b.csv")),
        MR_LOG_TEXT("mode", MR_SLICE("row")), MR_LOG_TEXT("none", MR_SLICE(""))};
    mr_clock_freeze(0, INT64_C(1767323045678999999));
    fill(&record, MR_LOG_INFO, fields, 4, "batch %d", 7);
    mr_clock_release();
    expect_line(
        &record, false,
        "2026-01-02T03:04:05.678Z info  pipeline: batch 7 rows=-4096 file=\"a b.csv\" mode=row "
        "none=\"\"\n");
    expect_line(
        &record, true,
        "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"component\":\"pipeline\","
        "\"message\":\"batch 7\",\"rows\":-4096,\"file\":\"a "
        "b.csv\",\"mode\":\"row\",\"none\":\"\"}\n");
}

MR_TEST(nothing_in_a_message_breaks_out_of_its_line)
{
    mr_log_record record;
    const mr_log_field field = MR_LOG_TEXT("v", MR_SLICE("x=\"\n\x1b[1m\\\xff\xc2\x9b\xc3\xa9"));
    mr_clock_freeze(0, 0);
    fill(&record, MR_LOG_ERROR, &field, 1, "a\r\nb\tc\x1b[0m \"q\" \\ \xff\xc3\xa9\xc2\x9b");
    mr_clock_release();
    expect_line(
        &record, false,
        "1970-01-01T00:00:00.000Z error pipeline: a??b?c?[0m \"q\" \\ \xef\xbf\xbd\xc3\xa9? "
        "v=\"x=\\\"\\n\\u001b[1m\\\\\xef\xbf\xbd\\u009b\xc3\xa9\"\n");
    expect_line(
        &record, true,
        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"error\",\"component\":\"pipeline\","
        "\"message\":\"a\\r\\nb\\tc\\u001b[0m \\\"q\\\" \\\\ \xef\xbf\xbd\xc3\xa9\\u009b\","
        "\"v\":\"x=\\\"\\n\\u001b[1m\\\\\xef\xbf\xbd\\u009b\xc3\xa9\"}\n");
}

/* The longest and worst of everything stays within its room (the sanitizer watches). */
MR_TEST(text_of_any_length_is_cut_between_code_points)
{
    static char text[5000], name[200];
    char *line = mr_mem_alloc(MR_LOG_LINE_MAX);
    mr_log_field fields[MR_LOG_FIELDS_MAX + 2];
    mr_log_record record;
    for (size_t i = 0; i + 3 <= sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    memset(name, 1, sizeof name - 1);
    for (size_t i = 0; i < MR_COUNT_OF(fields); i++)
        fields[i] = MR_LOG_TEXT(name, mr_slice_of(text, i * 99));
    for (int extra = 0; extra < 3; extra++) {
        fill(&record, MR_LOG_WARN, fields, MR_COUNT_OF(fields), "%.*s%s", extra, "abc", text);
        MR_EXPECT_U64(record.message_len % 3, ==, extra);
        MR_EXPECT_U64(record.message_len, >, MR_LOG_TEXT_MAX - 5);
        MR_EXPECT_U64(record.value_count, ==, MR_LOG_FIELDS_MAX);
        MR_EXPECT_U64(mr_log_line(line, &record, true), <=, MR_LOG_LINE_MAX);
        fill(&record, MR_LOG_WARN, fields, MR_COUNT_OF(fields), "%.*s", extra, "abc");
        for (size_t i = 0; i < record.value_count; i++)
            MR_EXPECT_U64(record.values[i].len % 3, ==, 0);
        MR_EXPECT_U64(mr_log_line(line, &record, false), <=, MR_LOG_LINE_MAX);
    }
    memset(text, 1, sizeof text - 1);
    fill(&record, MR_LOG_WARN, fields, MR_COUNT_OF(fields), "%s", text);
    MR_EXPECT_U64(mr_log_line(line, &record, true), <=, MR_LOG_LINE_MAX);
    mr_mem_free(line);
}

/* --- the limit
 * ------------------------------------------------------------------------------------ */

static struct {
    int count;
    mr_log_record last;
} summaries;

static void keep_summary(MR_UNUSED void *context, const mr_log_record *summary)
{
    summaries.count++;
    summaries.last = *summary;
}

MR_TEST(no_second_sees_more_than_ten_identical_records)
{
    static mr_log_limit limit;
    static int64_t passed[10000];
    int count = 0;
    uint64_t held_back = 0, random = 1;
    mr_log_record record;
    memset(&limit, 0, sizeof limit);
    fill(&record, MR_LOG_WARN, NULL, 0, "remote end is gone");
    for (int64_t now = 0; now < 20 * MR_NS_PER_S;) {
        if (mr_log_limit_admit(&limit, &record, now, keep_summary, NULL))
            passed[count++] = now;
        else
            held_back++;
        random = random * 6364136223846793005u + 1442695040888963407u;
        now += (int64_t)((random >> 33) % (MR_NS_PER_S / 10));
    }
    MR_EXPECT(count > 150);
    MR_EXPECT_U64(held_back, >, 0);
    for (int i = MR_LOG_BURST; i < count; i++)
        MR_EXPECT_I64(passed[i] - passed[i - MR_LOG_BURST], >=, MR_NS_PER_S);
}

MR_TEST(what_was_held_back_is_summed_up)
{
    static mr_log_limit limit;
    mr_log_record record;
    memset(&limit, 0, sizeof limit);
    summaries.count = 0;
    fill(&record, MR_LOG_WARN, NULL, 0, "remote end is gone");
    for (int i = 0; i < 1000; i++)
        mr_log_limit_admit(&limit, &record, 5, keep_summary, NULL);
    MR_EXPECT_U64(limit.pending, ==, 1);
    mr_log_limit_sweep(&limit, MR_NS_PER_S, false, keep_summary, NULL);
    MR_EXPECT_I64(summaries.count, ==, 0);
    mr_log_limit_sweep(&limit, MR_NS_PER_S + 5, false, keep_summary, NULL);
    MR_EXPECT_I64(summaries.count, ==, 1);
    MR_EXPECT_SLICE(mr_log_record_message(&summaries.last),
                    "repeated 990 times more: remote end is gone");
    MR_EXPECT(summaries.last.level == MR_LOG_WARN);
    mr_log_limit_sweep(&limit, 9 * MR_NS_PER_S, true, keep_summary, NULL);
    MR_EXPECT_I64(summaries.count, ==, 1);
    MR_EXPECT_U64(limit.pending, ==, 0);
}

MR_TEST(records_that_differ_anywhere_are_not_identical)
{
    static mr_log_limit limit;
    memset(&limit, 0, sizeof limit);
    for (int i = 0; i < 3 * MR_LOG_BURST; i++) {
        mr_log_record record;
        const mr_log_field fields[] = {MR_LOG_INT("n", i / 10),
                                       MR_LOG_TEXT("t", mr_slice_of("abc", 3))};
        fill(&record, MR_LOG_INFO, fields, 2, "same");
        MR_EXPECT(mr_log_limit_admit(&limit, &record, 5, keep_summary, NULL));
    }
}

MR_TEST(a_flood_of_different_records_makes_the_limit_forget_but_not_lose_count)
{
    static mr_log_limit limit;
    mr_log_record record;
    memset(&limit, 0, sizeof limit);
    summaries.count = 0;
    for (int round = 0; round < 500; round++) {
        fill(&record, MR_LOG_INFO, NULL, 0, "message %d", round);
        for (int i = 0; i < 15; i++)
            mr_log_limit_admit(&limit, &record, round, keep_summary, NULL);
    }
    MR_EXPECT_U64(limit.pending, <=, MR_LOG_LIMIT_ENTRIES);
    mr_log_limit_sweep(&limit, 0, true, keep_summary, NULL);
    MR_EXPECT_I64(summaries.count, ==, 500);
}

/* --- the whole
 * ------------------------------------------------------------------------------------ */

static const char *log_path(void)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/log.txt", mr_test_dir());
    unlink(path);
    return path;
}

static size_t count_lines_with(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

MR_TEST(lines_reach_the_file_in_order_and_stop_flushes)
{
    const char *path = log_path();
    const mr_log_options options = {.level = MR_LOG_DEBUG, .path = path};
    mr_error err = {0};
    MR_EXPECT_OK(mr_log_start(&options, &err));
    MR_EXPECT_CODE(mr_log_start(&options, &err), MR_ERR_CONFLICT);
    for (int i = 0; i < 200; i++)
        mr_log(MR_LOG_DEBUG, "test", "line %d end", i);
    mr_log(MR_LOG_TRACE, "test", "hidden");
    mr_log_with(MR_LOG_WARN, "test", (const mr_log_field[]){MR_LOG_INT("n", 1)}, 1, "fields");
    mr_log_stop();
    mr_log_stop();
    char *text = mr_test_read_file(path, NULL);
    const char *at = text;
    for (int i = 0; i < 200; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "Z debug test: line %d end\n", i);
        at = strstr(at, wanted);
        MR_EXPECT(at != NULL);
    }
    MR_EXPECT(strstr(text, "Z warn  test: fields n=1\n") != NULL);
    MR_EXPECT(strstr(text, "hidden") == NULL);
    mr_mem_free(text);
}

static void *chatter(void *argument)
{
    for (int i = 0; i < 5000; i++)
        mr_log(MR_LOG_INFO, "test", "thread %d line %d", (int)(uintptr_t)argument, i);
    return NULL;
}

MR_TEST(many_threads_lose_no_line_uncounted)
{
    const char *path = log_path();
    const mr_log_options options = {.level = MR_LOG_INFO, .path = path};
    const mr_log_stats before = mr_log_stats_now();
    pthread_t threads[4];
    mr_error err = {0};
    MR_EXPECT_OK(mr_log_start(&options, &err));
    for (uintptr_t i = 0; i < 4; i++)
        MR_EXPECT(pthread_create(&threads[i], NULL, chatter, (void *)i) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    mr_log_stop();
    const mr_log_stats after = mr_log_stats_now();
    char *text = mr_test_read_file(path, NULL);
    const size_t lines = count_lines_with(text, " info  test: thread ");
    MR_EXPECT_U64(lines + (after.dropped - before.dropped), ==, 20000);
    if (after.dropped != before.dropped) MR_EXPECT(strstr(text, "lines were dropped") != NULL);
    mr_mem_free(text);
}

MR_TEST(the_log_can_be_stopped_while_others_use_it)
{
    mr_error err = {0};
    pthread_t thread;
    const int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    const mr_log_options options = {.level = MR_LOG_INFO, .path = log_path()};
    const mr_log_stats before = mr_log_stats_now();
    dup2(null, STDERR_FILENO);
    MR_EXPECT(pthread_create(&thread, NULL, chatter, (void *)9) == 0);
    for (int i = 0; i < 20; i++) {
        MR_EXPECT_OK(mr_log_start(&options, &err));
        usleep(200);
        mr_log_stop();
    }
    pthread_join(thread, NULL);
    mr_log_stop();
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(null);
    const mr_log_stats after = mr_log_stats_now();
    MR_EXPECT_U64(after.written - before.written + after.dropped - before.dropped, >=, 5000);
}

MR_TEST(identical_lines_are_summed_up_in_the_file)
{
    const char *path = log_path();
    const mr_log_options options = {.level = MR_LOG_INFO, .json = true, .path = path};
    const mr_log_stats before = mr_log_stats_now();
    mr_error err = {0};
    MR_EXPECT_OK(mr_log_start(&options, &err));
    for (int i = 0; i < 200; i++)
        mr_log(MR_LOG_ERROR, "test", "always the same");
    mr_log_stop();
    const mr_log_stats after = mr_log_stats_now();
    char *text = mr_test_read_file(path, NULL);
    MR_EXPECT_U64(count_lines_with(text, "\"message\":\"always the same\"}\n"), ==, MR_LOG_BURST);
    MR_EXPECT_U64(count_lines_with(text, "\"repeated 190 times more: always the same\"}\n"), ==, 1);
    MR_EXPECT_U64(after.suppressed - before.suppressed, ==, 190);
    mr_mem_free(text);
}

/* Puts `fd` (closed afterwards) in the place of standard error; -1 closes it. */
static int replace_stderr(int fd)
{
    fflush(stderr);
    const int kept = dup(STDERR_FILENO);
    if (fd >= 0) {
        dup2(fd, STDERR_FILENO);
        close(fd);
    } else {
        close(STDERR_FILENO);
    }
    return kept;
}

MR_TEST(before_start_lines_go_to_standard_error)
{
    int ends[2];
    char text[512] = {0};
    MR_EXPECT(pipe(ends) == 0);
    const int kept = replace_stderr(ends[1]);
    mr_log(MR_LOG_ERROR, "test", "early");
    replace_stderr(kept);
    MR_EXPECT(read(ends[0], text, sizeof text - 1) > 0);
    MR_EXPECT(strstr(text, "Z error test: early\n") != NULL);
    close(ends[0]);
}

static void log_into_trouble(void)
{
    const mr_log_options options = {.level = MR_LOG_INFO};
    mr_error err = {0};
    mr_log(MR_LOG_INFO, "test", "before");
    MR_EXPECT_OK(mr_log_start(&options, &err));
    for (int i = 0; i < 1000; i++)
        mr_log(MR_LOG_INFO, "test", "line %d", i);
    mr_log_stop();
    mr_log(MR_LOG_INFO, "test", "after");
}

MR_TEST(a_closed_standard_error_is_survived)
{
    const mr_log_stats before = mr_log_stats_now();
    const int kept = replace_stderr(-1);
    log_into_trouble();
    dup2(kept, STDERR_FILENO);
    close(kept);
    MR_EXPECT_U64(mr_log_stats_now().dropped - before.dropped, >=, 1002);
}

MR_TEST(a_reader_that_went_away_is_survived)
{
    int ends[2];
    const mr_log_stats before = mr_log_stats_now();
    MR_EXPECT(pipe(ends) == 0);
    close(ends[0]);
    const int kept = replace_stderr(ends[1]);
    log_into_trouble(); /* SIGPIPE would end the program */
    dup2(kept, STDERR_FILENO);
    close(kept);
    MR_EXPECT_U64(mr_log_stats_now().dropped - before.dropped, >=, 1002);
}

MR_TEST(a_reader_that_does_not_read_stops_nobody)
{
    int ends[2];
    static char fill_up[65536];
    MR_EXPECT(pipe(ends) == 0);
    MR_EXPECT(write(ends[1], fill_up, sizeof fill_up) == (ssize_t)sizeof fill_up);
    const int kept = replace_stderr(ends[1]);
    const int64_t start = mr_clock_ns();
    log_into_trouble();
    const int64_t took = mr_clock_ns() - start;
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[0]);
    MR_EXPECT_I64(took, <, 5 * MR_NS_PER_S);
}

MR_TEST(a_full_disk_is_survived_and_told_later)
{
    const mr_log_options options = {.level = MR_LOG_INFO, .path = "/dev/full"};
    mr_error err = {0};
    const mr_log_stats before = mr_log_stats_now();
    MR_EXPECT_OK(mr_log_start(&options, &err));
    mr_log(MR_LOG_INFO, "test", "lost");
    mr_log_stop();
    MR_EXPECT_U64(mr_log_stats_now().dropped - before.dropped, ==, 1);
    const char *path = log_path();
    const mr_log_options mended = {.level = MR_LOG_INFO, .path = path};
    MR_EXPECT_OK(mr_log_start(&mended, &err));
    mr_log(MR_LOG_INFO, "test", "kept");
    mr_log_stop();
    char *text = mr_test_read_file(path, NULL);
    MR_EXPECT(strstr(text, "lines were dropped") != NULL);
    mr_mem_free(text);
}

MR_TEST(a_file_that_cannot_be_opened_is_an_error_that_names_it)
{
    const mr_log_options options = {.path = "/nonexistent/log.txt"};
    mr_error err = {0};
    MR_EXPECT_CODE(mr_log_start(&options, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "'/nonexistent/log.txt'") != NULL);
}

MR_TEST(levels_have_names)
{
    mr_log_level level = MR_LOG_TRACE;
    for (int i = MR_LOG_TRACE; i <= MR_LOG_ERROR; i++) {
        MR_EXPECT(mr_log_parse_level(mr_slice_text(mr_log_level_name((mr_log_level)i)), &level));
        MR_EXPECT_I64(level, ==, i);
    }
    MR_EXPECT(!mr_log_parse_level(MR_SLICE("Info"), &level));
    MR_EXPECT(!mr_log_parse_level(MR_SLICE(""), &level));
    mr_log_set_level(MR_LOG_WARN);
    MR_EXPECT(!mr_log_enabled(MR_LOG_INFO) && mr_log_enabled(MR_LOG_WARN));
    mr_log_set_level(MR_LOG_INFO);
}

MR_TEST(logging_allocates_nothing)
{
    const mr_log_options options = {.level = MR_LOG_INFO, .path = "/dev/null"};
    mr_error err = {0};
    MR_EXPECT_OK(mr_log_start(&options, &err));
    mr_log(MR_LOG_INFO, "test", "warm");
    usleep(10000);
    const uint64_t before = mr_test_malloc_count();
    for (int i = 0; i < 1000; i++)
        mr_log(MR_LOG_INFO, "test", "line %d of %s", i, "many");
    const uint64_t after = mr_test_malloc_count();
    mr_log_stop();
    MR_EXPECT_U64(after - before, ==, 0);
}
