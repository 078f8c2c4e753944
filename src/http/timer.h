/* SPDX-License-Identifier: MIT
 *
 * http/timer.h - deadlines for many things at O(1) each: a hashed timing wheel.
 *
 *     slot      0   1   2 ... 511      one tick of 8.4 ms each; a deadline further than one round
 * away timers    :   :       :          waits in its slot and is looked at once a round (4.3 s)
 *
 * A deadline never fires early and at most two ticks late. Moving a deadline further away is one
 * store: the timer is found again at its old slot and moved then. That is the common case, for each
 * request pushes its connection's deadline back.
 *
 * Thread: owned by the loop's thread. */
#ifndef MR_HTTP_TIMER_H
#define MR_HTTP_TIMER_H

#include "core/base.h"

#define MR_TIMER_SLOTS      512u
#define MR_TIMER_TICK_SHIFT 23 /* nanoseconds of a tick, as a power of two */

typedef struct mr_timer {
    struct mr_timer *prev, *next; /* NULL while not in a slot */
    void (*fire)(struct mr_timer *timer);
    uint64_t deadline_ns; /* UINT64_MAX: none */
    uint64_t tick;        /* at which it will be looked at */
} mr_timer;

typedef struct mr_timer_wheel {
    mr_timer slots[MR_TIMER_SLOTS];     /* list heads */
    uint64_t used[MR_TIMER_SLOTS / 64]; /* bit i: slot i may hold timers */
    uint64_t tick;                      /* everything up to it has been looked at */
} mr_timer_wheel;

void mr_timer_wheel_init(mr_timer_wheel *wheel, uint64_t now_ns);

/* Lets `timer` fire once at or after `deadline_ns`, in place of any earlier setting. `timer->fire`
 * must be set; the timer is borrowed until it has fired or is cancelled. */
MR_HOT void mr_timer_set(mr_timer_wheel *wheel, mr_timer *timer, uint64_t deadline_ns);
/* Harmless on a zeroed timer and twice. */
void mr_timer_cancel(mr_timer *timer);

/* Fires what is due. A timer's function may set and cancel any timer. */
MR_HOT void mr_timer_wheel_run(mr_timer_wheel *wheel, uint64_t now_ns);

/* Nanoseconds from `now_ns` until mr_timer_wheel_run() has something to look at; UINT64_MAX if
 * never. */
uint64_t mr_timer_wheel_wait_ns(mr_timer_wheel *wheel, uint64_t now_ns);

#endif
