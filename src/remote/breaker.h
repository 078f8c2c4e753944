/* SPDX-License-Identifier: MIT
 *
 * remote/breaker.h - stops asking a remote end that keeps failing, and finds out when it is well.
 *
 *              threshold failures in a row, or more than half of
 *              min_requests or more within the last minute
 *     closed --------------------------------------------------> open
 *        ^                                                      |    ^
 *        | success_threshold successes              open_ns     |    | one failure
 *        |                                                      v    |
 *        '-------------------------------------------------- half open
 *                                       lets half_open_requests through
 *
 * The minute is six buckets of ten seconds; the oldest is forgotten as a whole. Faults of a
 * record's data and answers that ask to slow down say nothing about the other side's health: they
 * are taken back (mr_breaker_forget()).
 *
 * Thread: belongs to one; time is handed in. */
#ifndef MR_REMOTE_BREAKER_H
#define MR_REMOTE_BREAKER_H

#include "core/base.h"

#define MR_BREAKER_BUCKETS   6
#define MR_BREAKER_BUCKET_NS INT64_C(10000000000)

typedef struct mr_breaker_options {
    bool enabled;
    uint32_t threshold;          /* failures in a row that open it */
    uint32_t success_threshold;  /* successes that close it again */
    uint32_t half_open_requests; /* let through to find out; at least success_threshold */
    uint32_t min_requests;       /* before a share of failures counts */
    int64_t open_ns;
} mr_breaker_options;

#define MR_BREAKER_OPTIONS_DEFAULT                 \
    ((mr_breaker_options){.enabled = true,         \
                          .threshold = 5,          \
                          .success_threshold = 3,  \
                          .half_open_requests = 5, \
                          .min_requests = 20,      \
                          .open_ns = INT64_C(30000000000)})

typedef enum mr_breaker_state {
    MR_BREAKER_CLOSED = 0,
    MR_BREAKER_OPEN = 1,
    MR_BREAKER_HALF_OPEN = 2,
} mr_breaker_state;

typedef struct mr_breaker {
    mr_breaker_options options;
    mr_breaker_state state;
    uint32_t failures;  /* in a row, while closed */
    uint32_t successes; /* while half open */
    uint32_t out;       /* let through while half open and not yet judged */
    int64_t open_until_ns;
    int64_t last_slot; /* number of the newest bucket: time / MR_BREAKER_BUCKET_NS */
    struct {
        uint32_t good, bad;
    } buckets[MR_BREAKER_BUCKETS]; /* slot % MR_BREAKER_BUCKETS */
    uint64_t opens;
} mr_breaker;

void mr_breaker_init(mr_breaker *breaker, const mr_breaker_options *options);

/* May a request be made now? 0: yes, and it is to be judged by one of the calls below. Otherwise
 * the nanoseconds after which to ask again. */
int64_t mr_breaker_ask(mr_breaker *breaker, int64_t now_ns);

/* How a request that was let through ended. True when this opened the breaker. */
bool mr_breaker_judge(mr_breaker *breaker, int64_t now_ns, bool good);
/* A request that was let through says nothing either way. */
void mr_breaker_forget(mr_breaker *breaker);

#endif
