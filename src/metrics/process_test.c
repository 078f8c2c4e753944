/* SPDX-License-Identifier: MIT */
#include "metrics/process.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "support/test.h"

static mr_error err;

MR_TEST(the_sample_agrees_with_what_the_process_does)
{
    mr_process_sample before, after;
    mr_process_sample_now(&before);
    const int fd = open("/dev/null", O_RDONLY);
    mr_process_sample_now(&after);
    close(fd);
    MR_EXPECT_U64(after.open_fds, ==, before.open_fds + 1);
    MR_EXPECT_U64(before.open_fds, >=, 3);
    MR_EXPECT_U64(before.threads, >=, 1);
    MR_EXPECT_U64(before.rss_bytes, >, 100000);
    MR_EXPECT_U64(before.max_rss_bytes + (1 << 20), >=, before.rss_bytes);
    MR_EXPECT_U64(before.virtual_bytes, >, before.rss_bytes);
    MR_EXPECT_U64(before.minor_faults, >, 0);
    const int64_t started = mr_process_start_seconds(), now = (int64_t)time(NULL);
    MR_EXPECT(started <= now + 1 && started > now - 600);
}

static const char *line_of(mr_buffer *page, mr_metrics *metrics, const char *start)
{
    mr_buffer_reset(page);
    MR_EXPECT_OK(mr_metrics_write(metrics, MR_METRICS_TEXT, page, &err));
    MR_EXPECT_OK(mr_buffer_append_byte(page, 0, &err));
    const char *at = strstr(page->ptr, start);
    if (at == NULL) MR_TEST_FAIL("no line starts with %s\n", start);
    return at + strlen(start);
}

MR_TEST(the_page_has_the_process_and_arenas_of_one_name_are_summed)
{
    mr_metrics *metrics;
    mr_arena one, two;
    mr_buffer page;
    mr_buffer_init(&page, "page", 1 << 20);
    mr_arena_init(&one, "twin", 1 << 20);
    mr_arena_init(&two, "twin", 1 << 20);
    MR_EXPECT(mr_arena_take(&one, 10) != NULL && mr_arena_take(&two, 10) != NULL);
    MR_EXPECT_OK(mr_metrics_open(NULL, &metrics, &err));
    MR_EXPECT_OK(mr_process_metrics(metrics, &err));
    MR_EXPECT_OK(mr_process_standard_metrics(metrics, &err));
    static const char *const starts[] = {
        "\nmillrace_cpu_seconds_total{mode=\"user\"} ",
        "\nmillrace_cpu_seconds_total{mode=\"system\"} ",
        "\nmillrace_cpu_utilization ",
        "\nmillrace_rss_bytes ",
        "\nmillrace_max_rss_bytes ",
        "\nmillrace_threads ",
        "\nmillrace_open_fds ",
        "\nmillrace_page_faults_total{kind=\"minor\"} ",
        "\nmillrace_allocations_total ",
        "\nmillrace_arena_slack_bytes ",
        "\nmillrace_build_info{version=\"" MR_VERSION "\"} 1",
        "\nprocess_open_fds ",
        "\nprocess_start_time_seconds ",
    };
    for (size_t i = 0; i < MR_COUNT_OF(starts); i++)
        line_of(&page, metrics, starts[i]);
    MR_EXPECT_U64(
        strtoull(line_of(&page, metrics, "\nmillrace_arena_bytes{arena=\"twin\"} "), NULL, 10), ==,
        2 * MR_ARENA_BLOCK_BYTES);
    MR_EXPECT(strstr(strstr(page.ptr, "arena=\"twin\"") + 5, "arena=\"twin\"") == NULL);

    const mr_mem_mark warm = mr_mem_mark_now();
    const uint64_t mallocs = mr_test_malloc_count();
    for (int i = 0; i < 50; i++)
        line_of(&page, metrics, "\nmillrace_rss_bytes ");
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(mr_test_malloc_count(), ==, mallocs);
    mr_metrics_close(metrics);
    mr_arena_done(&one);
    mr_arena_done(&two);
    mr_buffer_done(&page);
}
