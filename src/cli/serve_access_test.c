/* SPDX-License-Identifier: MIT */
#include "cli/serve_access.h"

#include "core/log.h"
#include "support/test.h"

static const char *log_path(void)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/access.log", mr_test_dir());
    return path;
}

static void start_log(mr_log_level level)
{
    mr_error err;
    const mr_log_options options = {.level = level, .path = log_path()};
    mr_test_write_file(log_path(), MR_SLICE(""));
    MR_EXPECT_OK(mr_log_start(&options, &err));
}

/* The log's text behind the time of its first line. */
static const char *end_log(void)
{
    static char text[8192];
    size_t len;
    mr_log_stop();
    char *bytes = mr_test_read_file(log_path(), &len);
    MR_EXPECT_U64(len, <, sizeof text);
    const size_t skip = len > 25 ? 25 : len;
    snprintf(text, sizeof text, "%.*s", (int)(len - skip), bytes + skip);
    mr_mem_free(bytes);
    return text;
}

static mr_http_access answer(uint16_t status)
{
    return (mr_http_access){.id = 0x0001000000000007,
                            .method = MR_HTTP_POST,
                            .method_text = MR_SLICE("POST"),
                            .path = MR_SLICE("/rpc"),
                            .status = status,
                            .duration_ns = 412345};
}

static bool all = true;

MR_TEST(an_answer_is_a_line_with_its_time_in_milliseconds)
{
    static const struct {
        uint64_t ns;
        const char *ms;
    } rows[] = {{0, "0.000"},
                {999, "0.000"},
                {1000, "0.001"},
                {412345, "0.412"},
                {1000000, "1.000"},
                {12345678, "12.345"},
                {60000000000, "60000.000"},
                {UINT64_MAX, "18446744073709.551"}};
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        char wanted[128];
        mr_http_access access = answer(200);
        access.duration_ns = rows[i].ns;
        start_log(MR_LOG_INFO);
        mr_serve_log_answer(&access, &all);
        snprintf(wanted, sizeof wanted,
                 "info  http: POST /rpc status=200 ms=%s request=0001000000000007\n", rows[i].ms);
        MR_EXPECT_TEXT(end_log(), wanted);
    }
}

MR_TEST(failures_of_the_server_are_errors_and_are_told_even_when_requests_are_not)
{
    static const struct {
        uint16_t status;
        bool requests;
        mr_log_level least;
        const char *level; /* NULL: nothing */
    } rows[] = {
        {200, true, MR_LOG_INFO, "info "}, {404, true, MR_LOG_INFO, "info "},
        {500, true, MR_LOG_INFO, "error"}, {503, true, MR_LOG_INFO, "error"},
        {200, false, MR_LOG_INFO, NULL},   {500, false, MR_LOG_INFO, "error"},
        {200, true, MR_LOG_WARN, NULL},    {500, true, MR_LOG_ERROR, "error"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        const mr_http_access access = answer(rows[i].status);
        start_log(rows[i].least);
        mr_serve_log_answer(&access, rows[i].requests ? &all : NULL);
        const char *text = end_log();
        if (rows[i].level == NULL)
            MR_EXPECT_TEXT(text, "");
        else
            MR_EXPECT(strncmp(text, rows[i].level, strlen(rows[i].level)) == 0);
    }
}

MR_TEST(a_hostile_path_stays_in_its_line_and_is_cut)
{
    char path[5000];
    mr_http_access access = answer(404);
    memset(path, 'x', sizeof path);
    memcpy(path, "/a\r\nb\x01\xff", 7);
    access.path = mr_slice_of(path, sizeof path);
    access.gone = true;
    start_log(MR_LOG_INFO);
    mr_serve_log_answer(&access, &all);
    const char *text = end_log();
    MR_EXPECT_U64(strlen(text), <, 400);
    MR_EXPECT(strchr(text, '\n') == text + strlen(text) - 1 && strchr(text, '\r') == NULL);
    MR_EXPECT(strstr(text, " gone=1\n") != NULL);
}

MR_TEST(telling_of_an_answer_allocates_nothing)
{
    mr_http_access access = answer(200);
    start_log(MR_LOG_INFO);
    mr_serve_log_answer(&access, &all);
    const mr_mem_mark warm = mr_mem_mark_now();
    const uint64_t before = mr_test_malloc_count();
    for (int i = 0; i < 50; i++) {
        access.id++;
        mr_serve_log_answer(&access, &all);
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(mr_test_malloc_count(), ==, before);
    end_log();
}
