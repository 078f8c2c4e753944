/* SPDX-License-Identifier: MIT
 *
 * The scenarios of store_load that are no stream of requests: an import, a start. */
#include "store_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

/* A UUID of version 7 that nobody else makes. */
static void put_id(char out[37], uint64_t number)
{
    snprintf(out, 37, "01900000-%04x-7%03x-8%03x-%012" PRIx64, (unsigned)(number >> 24 & 0xffff),
             (unsigned)(number >> 12 & 0xfff), (unsigned)(number & 0xfff), number);
}

double load_import(const load_options *options, const char *token, unsigned count,
                   unsigned categories)
{
    mr_buffer body = {0}, request = {0};
    mr_error err;
    mr_slice answer;
    mr_buffer_init(&body, "import", 1u << 30);
    for (unsigned i = 0; i < count; i++) {
        char id[37];
        put_id(id, i + 1);
        if (mr_buffer_printf(
                &body, &err,
                "{\"id\":\"%s\",\"stream\":\"category%u-%u\",\"type\":\"TestEvent\",\"pos\":%u,"
                "\"gpos\":%u,\"data\":{\"counter\":%u,\"payload\":\"test data for profiling with "
                "some content to make it realistic\",\"nested\":{\"field1\":\"value1\",\"field2\":"
                "42,\"field3\":true}},\"meta\":null,\"time\":\"2025-01-15T10:00:00Z\"}\n",
                id, i % categories, i / categories % 1000, i / categories / 1000, i + 1,
                i) != MR_OK)
            load_fail("%s", err.text);
    }
    load_request(&request, "POST", "/import", token, mr_buffer_slice(&body));
    const int64_t start = mr_clock_real_ns();
    const unsigned status = load_call(options->port, mr_buffer_slice(&request), &answer);
    const double took = (double)(mr_clock_real_ns() - start) / 1e9;
    char done[64];
    snprintf(done, sizeof done, "\"imported\":%u,", count);
    if (status != 200 || memmem(answer.ptr, answer.len, "\"done\":true", 11) == NULL ||
        memmem(answer.ptr, answer.len, done, strlen(done)) == NULL)
        load_fail("import: status %u: %.*s", status, (int)mr_min_u64(answer.len, 300),
                  answer.ptr + answer.len - mr_min_u64(answer.len, 300));
    mr_buffer_done(&body);
    mr_buffer_done(&request);
    return took;
}

/* Whether /health answers by now. */
static bool answers(uint16_t port)
{
    static const char request[] = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[512];
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool good = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                      send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
                      recv(fd, answer, sizeof answer, 0) > 12 &&
                      memcmp(answer, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return good;
}

/* From fork to the first answer of a server that is to listen on `port`; then it is stopped. */
void load_start(const load_options *options)
{
    if (options->command == NULL || options->port == 0) load_fail("start: --port P -- COMMAND...");
    const int64_t start = mr_clock_real_ns();
    const pid_t child = fork();
    if (child == 0) {
        const int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execvp(options->command[0], options->command);
        _exit(127);
    }
    while (!answers(options->port)) {
        const struct timespec moment = {.tv_nsec = 50000};
        if (mr_clock_real_ns() - start > 20 * MR_NS_PER_S || waitpid(child, NULL, WNOHANG) != 0)
            load_fail("the server does not start");
        nanosleep(&moment, NULL);
    }
    const int64_t took = mr_clock_real_ns() - start;
    const uint64_t rss = load_rss_kib(child);
    const int64_t asked = mr_clock_real_ns();
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    printf("{\"scenario\":\"start\",\"start_ms\":%.2f,\"stop_ms\":%.2f,\"rss_kib\":%" PRIu64 "}\n",
           (double)took / 1e6, (double)(mr_clock_real_ns() - asked) / 1e6, rss);
}
