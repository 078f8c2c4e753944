/* SPDX-License-Identifier: MIT */
#include "remote/guard.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "core/clock.h"

#define SLICE_NS      (100 * MR_NS_PER_MS) /* of a wait, between two looks at may_go_on */
#define SECONDS(ns)   ((double)(ns) / (double)MR_NS_PER_S)
#define WARNING_BYTES (sizeof(mr_error) + 128)
#define TELL_AGAIN_NS (10 * MR_NS_PER_S)

/* --- time and chance -------------------------------------------------------------------------- */

static int64_t now(const mr_guard *g)
{
    const mr_guard_clock *const clock = &g->options.clock;
    return clock->now_ns != NULL ? clock->now_ns(clock->context) : mr_clock_real_ns();
}

static void nap(const mr_guard *g, int64_t ns)
{
    const mr_guard_clock *const clock = &g->options.clock;
    const struct timespec time = {ns / MR_NS_PER_S, (long)(ns % MR_NS_PER_S)};
    if (clock->nap != NULL)
        clock->nap(clock->context, ns);
    else
        nanosleep(&time, NULL);
}

/* Spreads the tries of many clients; nothing depends on its quality. */
static uint64_t chance(mr_guard *g)
{
    const mr_guard_clock *const clock = &g->options.clock;
    if (clock->random != NULL) return clock->random(clock->context);
    uint64_t x = g->chance += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void add(atomic_uint_least64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* --- waiting and telling ---------------------------------------------------------------------- */

static mr_code rest(mr_guard *g, int64_t ns, mr_error *err)
{
    const mr_guard_options *const options = &g->options;
    const int64_t until = now(g) + ns;
    for (int64_t left = ns; left > 0; left = until - now(g)) {
        if (options->may_go_on != NULL) MR_TRY(options->may_go_on(options->may_go_on_context, err));
        if (options->tick != NULL) options->tick(options->tick_context);
        nap(g, left < SLICE_NS ? left : SLICE_NS);
    }
    return MR_OK;
}

/* The same, as a wait for better times. */
static mr_code rest_shown(mr_guard *g, int64_t ns, mr_error *err)
{
    atomic_store_explicit(&g->stats.waits, 1, memory_order_relaxed);
    const mr_code code = rest(g, ns, err);
    atomic_store_explicit(&g->stats.waits, 0, memory_order_relaxed);
    return code;
}

static void MR_PRINTF(2, 3) warn(const mr_guard *g, const char *format, ...)
{
    char text[WARNING_BYTES];
    if (g->options.warn == NULL) return;
    const char *const name = g->options.name != NULL ? g->options.name : "remote end";
    const int used = snprintf(text, sizeof text, "%s: ", name);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    va_end(args);
    g->options.warn(g->options.warn_context, text);
}

static void show_breaker(mr_guard *g)
{
    atomic_store_explicit(&g->stats.breaker, (uint_least64_t)g->breaker.state,
                          memory_order_relaxed);
    atomic_store_explicit(&g->stats.opens, g->breaker.opens, memory_order_relaxed);
}

/* --- calls ------------------------------------------------------------------------------------ */

void mr_guard_init(mr_guard *guard, const mr_guard_options *options)
{
    memset(guard, 0, sizeof *guard);
    guard->options = *options;
    guard->chance = (uint64_t)mr_clock_wall_ns() ^ (uint64_t)(uintptr_t)guard;
    mr_breaker_init(&guard->breaker, &options->breaker);
    mr_bucket_init(&guard->bucket, options->rate, options->burst, now(guard));
}

void mr_guard_begin(mr_guard *guard, mr_guard_call *call)
{
    *call = (mr_guard_call){.retry.begun_ns = guard != NULL ? now(guard) : 0};
}

void mr_guard_got_on(mr_guard *guard, mr_guard_call *call)
{
    if (guard != NULL) call->retry = (mr_retry){.begun_ns = now(guard)};
}

mr_code mr_guard_pay(mr_guard *guard, double amount, mr_error *err)
{
    if (guard == NULL || guard->bucket.rate <= 0) return MR_OK;
    for (;;) {
        const int64_t began = now(guard);
        const int64_t wait = mr_bucket_take(&guard->bucket, began, amount);
        if (wait == 0) return MR_OK;
        const mr_code code = rest(guard, wait, err);
        add(&guard->stats.limited_ns, (uint64_t)(now(guard) - began));
        if (code != MR_OK) return code;
    }
}

static mr_code wait_for_breaker(mr_guard *g, const mr_guard_call *call, mr_error *err)
{
    const int64_t deadline = g->options.retry.deadline_ns;
    for (;;) {
        const int64_t at = now(g), wait = mr_breaker_ask(&g->breaker, at);
        show_breaker(g);
        if (wait == 0) return MR_OK;
        if (deadline > 0 && at + wait - call->retry.begun_ns > deadline)
            return mr_fail(err, MR_ERR_IO,
                           "the circuit breaker is open for another %.1f s after too many "
                           "failures, and all tries must end within %.1f s",
                           SECONDS(wait), SECONDS(deadline));
        MR_TRY(rest_shown(g, wait, err));
    }
}

mr_code mr_guard_enter(mr_guard *guard, mr_guard_call *call, mr_error *err)
{
    if (guard == NULL) return MR_OK;
    MR_TRY(wait_for_breaker(guard, call, err));
    const mr_code code = mr_guard_pay(guard, 1, err);
    if (code != MR_OK) {
        mr_breaker_forget(&guard->breaker);
        return code;
    }
    if (call->tries++ > 0) add(&guard->stats.retries, 1);
    add(&guard->stats.requests, 1);
    guard->try_began_ns = guard->told_ns = now(guard);
    return MR_OK;
}

void mr_guard_watch(mr_guard *guard)
{
    if (guard == NULL || guard->try_began_ns == 0) return;
    const mr_guard_options *const options = &guard->options;
    if (options->tick != NULL) options->tick(options->tick_context);
    const int64_t at = now(guard), took = at - guard->try_began_ns;
    const bool first = guard->told_ns == guard->try_began_ns;
    if (took < MR_GUARD_SLOW_NS || (!first && at - guard->told_ns < TELL_AGAIN_NS)) return;
    guard->told_ns = at;
    warn(guard, "no answer for %.0f s; still waiting", SECONDS(took));
}

/* A slow or throttling end is alive, and a bad record is the record's fault. */
static void judge(mr_guard *g, const mr_guard_result *result)
{
    const int64_t at = now(g);
    bool opened = false;
    if (result->code == MR_OK)
        mr_breaker_judge(&g->breaker, at, true);
    else if (result->fault == MR_CLASS_TRANSIENT || result->fault == MR_CLASS_FATAL)
        opened = mr_breaker_judge(&g->breaker, at, false);
    else
        mr_breaker_forget(&g->breaker);
    show_breaker(g);
    if (opened)
        warn(g, "too many failures: the circuit breaker leaves it in peace for %.1f s",
             SECONDS(g->options.breaker.open_ns));
}

static void give_up(mr_guard *g, const mr_guard_call *call, const mr_guard_result *result,
                    mr_retry_verdict verdict, int64_t wait_ns)
{
    char text[160];
    const mr_retry_policy *const policy = &g->options.retry;
    add(&g->stats.exhausted, 1);
    if (result->err == NULL) return;
    if (verdict == MR_RETRY_LATE)
        snprintf(text, sizeof text,
                 "given up after %llu %s: the next one is due in %.1f s, and all must end within "
                 "%.1f s",
                 (unsigned long long)call->tries, call->tries == 1 ? "try" : "tries",
                 SECONDS(wait_ns), SECONDS(policy->deadline_ns));
    else
        snprintf(text, sizeof text, "given up after %llu %s in %.1f s",
                 (unsigned long long)call->tries, call->tries == 1 ? "try" : "tries",
                 SECONDS(now(g) - call->retry.begun_ns));
    mr_error_advise(result->err, text);
}

static void tell(const mr_guard *g, const mr_guard_call *call, const mr_guard_result *result,
                 int64_t wait_ns)
{
    const char *const what = result->err != NULL ? result->err->text : mr_fault_name(result->fault);
    const unsigned long long number = call->retry.failures, all = g->options.retry.attempts;
    if (all == UINT64_MAX)
        warn(g, "%s; trying again in %.1f s (retry %llu)", what, SECONDS(wait_ns), number);
    else
        warn(g, "%s; trying again in %.1f s (retry %llu of %llu)", what, SECONDS(wait_ns), number,
             all);
}

bool mr_guard_again(mr_guard *guard, mr_guard_call *call, mr_guard_result *result)
{
    if (guard == NULL) return false;
    guard->try_began_ns = 0;
    judge(guard, result);
    if (result->code == MR_OK) return false;
    int64_t wait = 0;
    const mr_retry_verdict verdict =
        mr_retry_failed(&call->retry, &guard->options.retry, now(guard), result->fault,
                        result->retry_after_ns, chance(guard), &wait);
    if (verdict == MR_RETRY_USELESS) return false;
    if (verdict != MR_RETRY_AGAIN) {
        if (guard->options.retry.attempts > 0) give_up(guard, call, result, verdict, wait);
        return false;
    }
    tell(guard, call, result, wait);
    mr_error ended = {0};
    const mr_code code = rest_shown(guard, wait, &ended);
    if (code == MR_OK) return true;
    result->code = code;
    if (result->err != NULL) *result->err = ended;
    return false;
}

const char *mr_breaker_state_name(mr_breaker_state state)
{
    switch (state) {
    case MR_BREAKER_CLOSED: return "closed";
    case MR_BREAKER_OPEN: return "open";
    case MR_BREAKER_HALF_OPEN: return "half open";
    }
    return "closed";
}
