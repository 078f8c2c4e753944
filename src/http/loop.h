/* SPDX-License-Identifier: MIT
 *
 * http/loop.h - one thread that waits for sockets, deadlines and work from other threads.
 *
 * Sockets are registered once, edge-triggered for both directions: who is told that a socket is
 * readable or writable must go on until it is not, or ask to be called again with mr_loop_later().
 *
 *     one turn:  epoll_wait  ->  sockets  ->  posted jobs  ->  deadlines  ->  later jobs
 *
 * Nothing that a turn's events can still name is freed before its later jobs run, so an object that
 * ends in the middle of a turn gives itself back in one of them.
 *
 * Thread: owned by the thread that runs it; only mr_loop_post() and mr_loop_post_chain() may be
 * called from others. */
#ifndef MR_HTTP_LOOP_H
#define MR_HTTP_LOOP_H

#include <stdatomic.h>

#include "core/error.h"
#include "http/timer.h"

#define MR_LOOP_READABLE 1u
#define MR_LOOP_WRITABLE 2u
#define MR_LOOP_ENDING   4u /* the peer sends no more after what can be read now */
#define MR_LOOP_BROKEN   8u /* an error or a reset: nothing can be sent or received any more */

typedef struct mr_watch {
    void (*ready)(struct mr_watch *watch, unsigned events);
} mr_watch;

/* A piece of work, part of the object it is about. Once given to the loop it must not be given
 * again before it has run. */
typedef struct mr_loop_job {
    void (*run)(struct mr_loop_job *job);
    struct mr_loop_job *next;
} mr_loop_job;

typedef struct mr_loop {
    int epoll_fd, wake_fd;
    bool is_open;
    bool stopped;
    uint64_t now_ns; /* of mr_clock_real_ns(), read once a turn: deadlines go with epoll's sleep */
    mr_loop_job *later_first, *later_last;
    _Atomic(mr_loop_job *) posted; /* newest first; pushed by any thread, taken by the loop's */
    atomic_bool
        asleep; /* or about to be: who takes it away writes to wake_fd. See mr_loop_post() */
    mr_watch wake_watch;
    mr_timer_wheel wheel;
} mr_loop;

MR_NODISCARD mr_code mr_loop_open(mr_loop *loop, mr_error *err);
/* Harmless on a zeroed loop and twice. */
void mr_loop_close(mr_loop *loop);

/* Edge-triggered for a connection, level-triggered and for reading only when `level` is set
 * (listeners). Closing the descriptor ends the watch. */
MR_NODISCARD mr_code mr_loop_watch(mr_loop *loop, int fd, mr_watch *watch, bool level,
                                   mr_error *err);
/* Stops and starts telling about a level-triggered descriptor. */
void mr_loop_pause(mr_loop *loop, int fd, mr_watch *watch, bool paused);

/* Runs `job` at the end of this turn; jobs given by such jobs run a turn later. */
void mr_loop_later(mr_loop *loop, mr_loop_job *job);
/* Runs `job` on the loop's thread, soon. Any thread; must return before the loop is closed. Costs a
 * system call only when it finds the loop asleep. */
MR_HOT void mr_loop_post(mr_loop *loop, mr_loop_job *job);
/* The same for many at once, linked through `next` from the last to the first to be run. */
MR_HOT void mr_loop_post_chain(mr_loop *loop, mr_loop_job *last, mr_loop_job *first);

MR_INLINE void mr_loop_timer_set(mr_loop *loop, mr_timer *timer, uint64_t deadline_ns)
{
    mr_timer_set(&loop->wheel, timer, deadline_ns);
}

/* Turns until mr_loop_stop() is called by something that runs in it. */
void mr_loop_run(mr_loop *loop);
void mr_loop_stop(mr_loop *loop);
/* Runs what has been posted and nothing else: for the time after mr_loop_run(). */
void mr_loop_run_posted(mr_loop *loop);

#endif
