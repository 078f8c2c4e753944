/* SPDX-License-Identifier: MIT
 *
 * load_engine.h - sends HTTP requests over many connections and measures how long answers take.
 *
 *     closed loop    each connection sends its next request when the last one is answered: finds
 *                    out how much the server can take
 *     open loop      request i is due at start + i / rate, whatever the server does, goes out on
 *                    the first connection that is free, and its latency counts from when it was
 *                    due: a server that stalls is charged for every request that had to wait
 *
 * One thread, one epoll, one send and one recv a request, no allocation while it runs: the driver
 * shares the machine with what it measures.
 *
 * Thread: one. */
#ifndef MR_BENCH_LOAD_ENGINE_H
#define MR_BENCH_LOAD_ENGINE_H

#include <sys/types.h>

#include "core/buffer.h"
#include "core/histogram.h"

#define LOAD_CONNECTIONS_MAX 4096

typedef struct load_plan {
    uint16_t port; /* on 127.0.0.1 */
    unsigned connections;
    double rate; /* requests a second; 0: closed loop */
    double seconds, warmup_s;
    pid_t server; /* whose processor time is measured; 0: nobody's */
    void *context;
    /* The next request, whole, borrowed until the next call. `tag` comes back with the answer. */
    mr_slice (*next)(void *context, uint32_t *tag);
    /* Whether an answer is right. `body` is empty when it came in chunks. */
    bool (*check)(void *context, uint32_t tag, unsigned status, mr_slice body);
} load_plan;

typedef struct load_result {
    uint64_t answers, wrong; /* inside the window that is measured */
    uint64_t unsent;         /* open loop: due in the window, and never sent */
    double seconds;          /* of that window */
    double server_cpu_s, driver_cpu_s;
    mr_histogram latency;
} load_result;

/* Prints what went wrong and ends the program. */
_Noreturn void load_fail(const char *format, ...) MR_PRINTF(1, 2);

/* A blocking connection to 127.0.0.1. */
int load_connect(uint16_t port);

/* Sends one request on a connection of its own and returns the answer's status; `*body` is the
 * answer's body, chunks as they came, valid until the next call. */
unsigned load_call(uint16_t port, mr_slice request, mr_slice *body);

void load_run(const load_plan *plan, load_result *result);

/* Processor time of a process so far, and its resident memory; 0 when there is no such process. */
double load_cpu_s(pid_t pid);
uint64_t load_rss_kib(pid_t pid);

#endif
