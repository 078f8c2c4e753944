/* SPDX-License-Identifier: MIT
 *
 * A thousand subscribers: what they cost while idle, and that telling them allocates nothing.
 * Runs alone: it measures memory and time. */
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "metrics/process.h"
#include "support/subscribe_fixture.h"
#include "support/test.h"

static mr_sub_fixture f;

static bool is_sanitized(void)
{
    const char *sanitized = getenv("SANITIZED");
    return sanitized != NULL && sanitized[0] != 0;
}

#define MANY   1000
#define WRITES 50

static void allow_descriptors(rlim_t wanted)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t resident_bytes(void)
{
    mr_process_sample sample;
    mr_process_sample_now(&sample);
    return sample.rss_bytes;
}

MR_TEST(a_thousand_subscribers_cost_little_and_are_all_told)
{
    static int fds[MANY];
    allow_descriptors(4096);
    mr_sub_open(&f, &(mr_sub_options){.dir = mr_test_dir()});
    mr_sub_append(&f, "many-1", 1);
    const int first = mr_sse_plain(f.ports[0], "/subscribe?category=many");
    mr_sse_plain_await(first, "event: poke", 1);
    const uint64_t before = mr_mem_stats_now().live_bytes;
    for (int i = 0; i < MANY; i++) {
        fds[i] = mr_sse_plain(f.ports[0],
                              i % 2 == 0 ? "/subscribe?category=many" : "/subscribe?stream=many-1");
        if (i % 50 == 49) mr_sse_plain_await(fds[i], "event: poke", 1);
    }
    for (int i = 0; i < MANY; i++)
        if (i % 50 != 49) mr_sse_plain_await(fds[i], "event: poke", 1);
    const uint64_t each = (mr_mem_stats_now().live_bytes - before) / MANY;
    print_message("%llu bytes a subscriber, %llu KiB resident with %d of them\n",
                  (unsigned long long)each, (unsigned long long)resident_bytes() / 1024, MANY);
    MR_EXPECT_U64(each, <, 8192);
    if (!is_sanitized()) MR_EXPECT_U64(resident_bytes(), <, 40u << 20);

    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (unsigned i = 0; i < WRITES; i++)
        mr_sub_append(&f, "many-1", 1);
    for (int i = 0; i < MANY; i++)
        mr_sse_plain_await(fds[i], "event: poke", WRITES);
    clock_gettime(CLOCK_MONOTONIC, &end);
    print_message(
        "%.2f us an event, sent and received\n",
        ((double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3) /
            (WRITES * MANY));
    MR_EXPECT_U64(mr_sub_metric(&f, "millrace_subscriber_slow_total "), ==, 0);
    close(first);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    mr_sub_await_metric(&f, "millrace_subscribers ", 0);
    mr_sub_close(&f);
}
