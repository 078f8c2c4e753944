/* SPDX-License-Identifier: MIT */
#include "remote/breaker.h"

#define LOOK_AGAIN_NS INT64_C(100000000) /* when those let through are still out */

void mr_breaker_init(mr_breaker *breaker, const mr_breaker_options *options)
{
    *breaker = (mr_breaker){.options = *options, .last_slot = INT64_MIN};
}

/* Empties the buckets of the time since the last look. */
static void turn(mr_breaker *b, int64_t now_ns)
{
    const int64_t slot = now_ns / MR_BREAKER_BUCKET_NS;
    if (slot <= b->last_slot) return;
    const bool all = b->last_slot == INT64_MIN || slot - b->last_slot >= MR_BREAKER_BUCKETS;
    const int64_t from = all ? slot - MR_BREAKER_BUCKETS + 1 : b->last_slot + 1;
    for (int64_t s = from; s <= slot; s++) {
        const size_t at =
            (size_t)((s % MR_BREAKER_BUCKETS + MR_BREAKER_BUCKETS) % MR_BREAKER_BUCKETS);
        b->buckets[at].good = b->buckets[at].bad = 0;
    }
    b->last_slot = slot;
}

static void count(mr_breaker *b, bool good)
{
    const size_t at =
        (size_t)((b->last_slot % MR_BREAKER_BUCKETS + MR_BREAKER_BUCKETS) % MR_BREAKER_BUCKETS);
    if (good)
        b->buckets[at].good++;
    else
        b->buckets[at].bad++;
}

static bool mostly_bad(const mr_breaker *b)
{
    uint64_t good = 0, bad = 0;
    for (size_t i = 0; i < MR_BREAKER_BUCKETS; i++) {
        good += b->buckets[i].good;
        bad += b->buckets[i].bad;
    }
    return good + bad >= b->options.min_requests && bad > good;
}

static void open_it(mr_breaker *b, int64_t now_ns)
{
    b->state = MR_BREAKER_OPEN;
    b->open_until_ns = now_ns + b->options.open_ns;
    b->failures = b->successes = b->out = 0;
    b->opens++;
}

static void close_it(mr_breaker *b)
{
    b->state = MR_BREAKER_CLOSED;
    b->failures = b->successes = b->out = 0;
    memset(b->buckets, 0, sizeof b->buckets);
}

int64_t mr_breaker_ask(mr_breaker *b, int64_t now_ns)
{
    if (!b->options.enabled || b->state == MR_BREAKER_CLOSED) return 0;
    if (b->state == MR_BREAKER_OPEN) {
        if (now_ns < b->open_until_ns) return b->open_until_ns - now_ns;
        b->state = MR_BREAKER_HALF_OPEN;
    }
    if (b->out + b->successes >= b->options.half_open_requests) return LOOK_AGAIN_NS;
    b->out++;
    return 0;
}

bool mr_breaker_judge(mr_breaker *b, int64_t now_ns, bool good)
{
    if (!b->options.enabled || b->state == MR_BREAKER_OPEN) return false; /* of a time before */
    if (b->state == MR_BREAKER_HALF_OPEN) {
        if (b->out > 0) b->out--;
        if (!good) {
            open_it(b, now_ns);
        } else if (++b->successes >= b->options.success_threshold) {
            close_it(b);
        }
        return !good;
    }
    turn(b, now_ns);
    count(b, good);
    b->failures = good ? 0 : b->failures + 1;
    if (good || (b->failures < b->options.threshold && !mostly_bad(b))) return false;
    open_it(b, now_ns);
    return true;
}

void mr_breaker_forget(mr_breaker *b)
{
    if (b->state == MR_BREAKER_HALF_OPEN && b->out > 0) b->out--;
}
