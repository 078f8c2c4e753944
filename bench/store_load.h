/* SPDX-License-Identifier: MIT
 *
 * store_load.h - what the scenarios of store_load share: where the server is and what is asked.
 *
 * Thread: one. */
#ifndef MR_BENCH_STORE_LOAD_H
#define MR_BENCH_STORE_LOAD_H

#include "load_engine.h"

typedef struct load_options {
    const char *scenario;
    uint16_t port;
    const char *token; /* of namespace `default` */
    unsigned connections, subscribers, events;
    double rate, seconds, warmup_s;
    pid_t server;
    char **command; /* of `start` */
} load_options;

/* A request on /rpc, or another target, with `token`. The head goes in front of `body`; what is
 * returned lies in `out`, which is reset first. */
mr_slice load_request(mr_buffer *out, const char *method, const char *target, const char *token,
                      mr_slice body);

/* Makes a namespace for this run and returns its token, in static memory. */
const char *load_namespace(const load_options *options);
/* Removes what load_namespace() made. */
void load_forget_namespace(const load_options *options);

/* Stores `count` events, numbered from 1, in `categories` categories of 1000 streams each by
 * /import, and returns how many seconds that took. */
double load_import(const load_options *options, const char *token, unsigned count,
                   unsigned categories);

/* The number behind `key`, which stands with its quotes and its colon; -1 when it is absent. */
int64_t load_number(mr_slice json, const char *key);

/* Scenarios with a loop of their own; each prints its line of JSON. */
void load_watch(const load_options *options);
void load_start(const load_options *options);

#endif
