/* SPDX-License-Identifier: MIT */
#include "remote/bucket.h"

#define NS_PER_SECOND 1e9
#define LONGEST_NS    9e18

void mr_bucket_init(mr_bucket *bucket, double rate, double burst, int64_t now_ns)
{
    if (burst <= 0) burst = 2 * rate;
    *bucket = (mr_bucket){.rate = rate, .burst = burst, .tokens = burst, .at_ns = now_ns};
}

int64_t mr_bucket_take(mr_bucket *b, int64_t now_ns, double amount)
{
    if (b->rate <= 0 || amount <= 0) return 0;
    if (now_ns > b->at_ns) {
        b->tokens += (double)(now_ns - b->at_ns) * b->rate / NS_PER_SECOND;
        if (b->tokens > b->burst) b->tokens = b->burst;
        b->at_ns = now_ns;
    }
    const double needed = amount < b->burst ? amount : b->burst;
    if (b->tokens >= needed) {
        b->tokens -= amount;
        return 0;
    }
    const double wait = (needed - b->tokens) / b->rate * NS_PER_SECOND;
    return wait < LONGEST_NS ? (int64_t)wait + 1 : INT64_MAX;
}
