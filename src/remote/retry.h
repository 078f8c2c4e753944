/* SPDX-License-Identifier: MIT
 *
 * remote/retry.h - how long to wait before the next try, and when to give up.
 *
 *     delay = min(max_delay, delay * multiplier^k) * (1 +- jitter)      k = 0 for the first retry
 *
 * A server that says Retry-After is obeyed: the wait is at least that. Time and chance are handed
 * in, so that tests need no waiting.
 *
 * Thread: values, no sharing. */
#ifndef MR_REMOTE_RETRY_H
#define MR_REMOTE_RETRY_H

#include "remote/fault.h"

typedef struct mr_retry_policy {
    uint64_t attempts; /* retries after the first try */
    int64_t delay_ns, max_delay_ns;
    double multiplier;   /* at least 1 */
    double jitter;       /* 0 to 1: the share by which a delay is longer or shorter */
    int64_t deadline_ns; /* from the first try to the last one; 0 = none */
} mr_retry_policy;

/* 3 retries after 1 s, 2 s and 4 s, each a quarter more or less. */
#define MR_RETRY_POLICY_DEFAULT                              \
    ((mr_retry_policy){.attempts = 3,                        \
                       .delay_ns = INT64_C(1000000000),      \
                       .max_delay_ns = INT64_C(60000000000), \
                       .multiplier = 2,                      \
                       .jitter = 0.25,                       \
                       .deadline_ns = INT64_C(600000000000)})

/* One request or batch and its tries. */
typedef struct mr_retry {
    uint64_t failures; /* in a row */
    int64_t begun_ns;
} mr_retry;

typedef enum mr_retry_verdict {
    MR_RETRY_AGAIN,   /* after the wait */
    MR_RETRY_USELESS, /* the fault does not pass by itself */
    MR_RETRY_SPENT,   /* all attempts are used up */
    MR_RETRY_LATE,    /* the next try would come after the deadline */
} mr_retry_verdict;

/* The wait before retry number `k`, from 0; `random` is any 64 bits. */
int64_t mr_retry_delay_ns(const mr_retry_policy *policy, uint64_t k, uint64_t random);

/* A try has failed at `now_ns`: counts it and decides. `retry_after_ns` is what the server asked
 * for, 0 if nothing. `*out_wait_ns` is set with MR_RETRY_AGAIN, and with MR_RETRY_LATE to the wait
 * that there is no time for. */
mr_retry_verdict mr_retry_failed(mr_retry *retry, const mr_retry_policy *policy, int64_t now_ns,
                                 mr_fault_class fault, int64_t retry_after_ns, uint64_t random,
                                 int64_t *out_wait_ns);

#endif
