/* SPDX-License-Identifier: MIT
 *
 * remote/guard.h - stands before one remote end: repeats what failed, keeps to a rate, and leaves
 * an end in peace that keeps failing.
 *
 *     mr_guard_call call;
 *     mr_guard_begin(guard, &call);
 *     do {
 *         MR_TRY(mr_guard_enter(guard, &call, err));      waits for the rate and the breaker
 *         code = ask the other side ...
 *     } while (mr_guard_again(guard, &call, &result));     judges; waits before the next try
 *
 * Nobody waits in silence: each failed try that is repeated is told as a warning, at once, with the
 * wait and the number of the retry; a try that takes long is told too (mr_guard_watch()). All waits
 * end within a moment when `may_go_on` says so.
 *
 * A NULL guard lets everything through and repeats nothing.
 *
 * Thread: belongs to one; `stats` may be read on any. */
#ifndef MR_REMOTE_GUARD_H
#define MR_REMOTE_GUARD_H

#include <stdatomic.h>

#include "core/error.h"
#include "remote/breaker.h"
#include "remote/bucket.h"
#include "remote/retry.h"

#define MR_GUARD_SLOW_NS INT64_C(2000000000) /* a try that takes longer is told */

/* Time and chance, so that tests need no waiting. Zeroed: the real ones. */
typedef struct mr_guard_clock {
    int64_t (*now_ns)(void *context);
    void (*nap)(void *context, int64_t ns);
    uint64_t (*random)(void *context);
    void *context;
} mr_guard_clock;

typedef struct mr_guard_options {
    const char *name; /* "store destination": starts each warning; borrowed */
    mr_retry_policy retry;
    mr_breaker_options breaker;
    double rate, burst; /* requests a second, as in remote/bucket.h; 0 = any number */
    void (*warn)(void *context, const char *text); /* may be NULL, as those below */
    void *warn_context;
    mr_code (*may_go_on)(void *context, mr_error *err); /* its error ends a wait */
    void *may_go_on_context;
    void (*tick)(void *context); /* called several times a second while something waits */
    void *tick_context;
    mr_guard_clock clock;
} mr_guard_options;

/* Read by others while the guard works. */
typedef struct mr_guard_stats {
    atomic_uint_least64_t requests;   /* tries made */
    atomic_uint_least64_t retries;    /* of them, those after the first */
    atomic_uint_least64_t exhausted;  /* given up although the fault might pass */
    atomic_uint_least64_t opens;      /* of the breaker */
    atomic_uint_least64_t limited_ns; /* waited for the rate */
    atomic_uint_least64_t breaker;    /* mr_breaker_state */
    atomic_uint_least32_t waits;      /* 1 while it waits for the next try or the breaker */
} mr_guard_stats;

typedef struct mr_guard {
    mr_guard_options options;
    mr_breaker breaker;
    mr_bucket bucket;
    mr_guard_stats stats;
    uint64_t chance;      /* state of the generator */
    int64_t try_began_ns; /* 0: no try is under way */
    int64_t told_ns;      /* when its slowness was last told */
} mr_guard;

typedef struct mr_guard_call {
    mr_retry retry;
    uint64_t tries;
} mr_guard_call;

/* How a try ended. */
typedef struct mr_guard_result {
    mr_code code;
    mr_fault_class fault;   /* NONE with an error: our own side ended it */
    int64_t retry_after_ns; /* as the server asked; 0 = it did not */
    mr_error *err;          /* of `code`; gets a word on what was tried when all is in vain */
} mr_guard_result;

void mr_guard_init(mr_guard *guard, const mr_guard_options *options);

void mr_guard_begin(mr_guard *guard, mr_guard_call *call);
/* Waits until a try may be made. MR_ERR_CLOSED as `may_go_on` says, MR_ERR_IO when the breaker
 * stays open beyond the deadline. */
MR_NODISCARD mr_code mr_guard_enter(mr_guard *guard, mr_guard_call *call, mr_error *err);
/* After each try that mr_guard_enter() let begin. True: try again, the wait is over. Otherwise
 * result->code is how the call ended, which is MR_ERR_CLOSED when the wait was. */
bool mr_guard_again(mr_guard *guard, mr_guard_call *call, mr_guard_result *result);
/* Part of what was asked for has come: the next failure is the first one again. */
void mr_guard_got_on(mr_guard *guard, mr_guard_call *call);
/* To be called now and then while a try is under way; warns when it takes long. */
void mr_guard_watch(mr_guard *guard);

/* Waits for `amount` tokens of the rate; for guards that count records or bytes. */
MR_NODISCARD mr_code mr_guard_pay(mr_guard *guard, double amount, mr_error *err);

/* "closed", "open", "half open" */
const char *mr_breaker_state_name(mr_breaker_state state);

#endif
