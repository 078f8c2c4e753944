/* SPDX-License-Identifier: MIT
 *
 * remote/bucket.h - a token bucket: `rate` a second on average, up to `burst` at once.
 *
 * It begins full. Who wants more than the burst at once waits for a full bucket and leaves it in
 * debt, so that the average holds for any amount.
 *
 * Thread: belongs to one; time is handed in. */
#ifndef MR_REMOTE_BUCKET_H
#define MR_REMOTE_BUCKET_H

#include "core/base.h"

typedef struct mr_bucket {
    double rate;  /* tokens a second; 0 = no limit */
    double burst; /* tokens it holds */
    double tokens;
    int64_t at_ns; /* when `tokens` was right */
} mr_bucket;

/* `burst` 0 is twice the rate. */
void mr_bucket_init(mr_bucket *bucket, double rate, double burst, int64_t now_ns);

/* Takes `amount` tokens and returns 0, or takes none and returns the nanoseconds after which they
 * will be there. Allocates nothing. */
MR_HOT int64_t mr_bucket_take(mr_bucket *bucket, int64_t now_ns, double amount);

#endif
