/* SPDX-License-Identifier: MIT */
#include "http/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"

#define EVENTS_PER_TURN 256

/* Nothing: the posted jobs run at their place in the turn. The eventfd is edge-triggered, so its
 * counter need not be read back; it is 64 bits wide. */
static void on_wake(MR_UNUSED mr_watch *watch, MR_UNUSED unsigned events)
{
}

static mr_code watch_wake(mr_loop *loop, mr_error *err)
{
    struct epoll_event event = {.data.ptr = &loop->wake_watch, .events = EPOLLIN | EPOLLET};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) == 0) return MR_OK;
    return mr_fail_errno(err, errno, "the event loop cannot be made");
}

mr_code mr_loop_open(mr_loop *loop, mr_error *err)
{
    memset(loop, 0, sizeof *loop);
    loop->now_ns = (uint64_t)mr_clock_real_ns();
    mr_timer_wheel_init(&loop->wheel, loop->now_ns);
    loop->is_open = true;
    loop->wake_watch.ready = on_wake;
    loop->wake_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd >= 0) loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    mr_code rc = MR_OK;
    if (loop->wake_fd < 0) rc = mr_fail_errno(err, errno, "the event loop cannot be made");
    if (rc == MR_OK) rc = watch_wake(loop, err);
    if (rc != MR_OK) mr_loop_close(loop);
    return rc;
}

void mr_loop_close(mr_loop *loop)
{
    if (!loop->is_open) return;
    if (loop->wake_fd >= 0) close(loop->wake_fd);
    if (loop->epoll_fd >= 0) close(loop->epoll_fd);
    loop->is_open = false;
}

mr_code mr_loop_watch(mr_loop *loop, int fd, mr_watch *watch, bool level, mr_error *err)
{
    struct epoll_event event = {.data.ptr = watch};
    event.events = level ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) return MR_OK;
    return mr_fail_errno(err, errno, "a socket cannot be watched");
}

void mr_loop_pause(mr_loop *loop, int fd, mr_watch *watch, bool paused)
{
    struct epoll_event event = {.data.ptr = watch};
    if (!paused) event.events = EPOLLIN;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void mr_loop_later(mr_loop *loop, mr_loop_job *job)
{
    job->next = NULL;
    if (loop->later_last != NULL)
        loop->later_last->next = job;
    else
        loop->later_first = job;
    loop->later_last = job;
}

/* A stack that many push and one empties whole: no pop, so no ABA. Not core/mpsc.h, because that
 * can be full; here the jobs themselves are the cells. The release of the push pairs with the
 * acquire of take_posted().
 *
 * Who finds the stack empty sees to it that the loop looks: by pushing first and reading `asleep`
 * then, where the loop sets `asleep` first and reads the stack then (sleep_ms()). In the one order
 * of all these one of the two sees the other's. A loop at work is not written to. */
void mr_loop_post_chain(mr_loop *loop, mr_loop_job *last, mr_loop_job *first)
{
    mr_loop_job *newest = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do {
        first->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&loop->posted, &newest, last,
                                                    memory_order_seq_cst, memory_order_relaxed));
    if (newest != NULL || !atomic_load_explicit(&loop->asleep, memory_order_seq_cst) ||
        !atomic_exchange_explicit(&loop->asleep, false, memory_order_relaxed))
        return;
    const uint64_t one = 1;
    while (write(loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

void mr_loop_post(mr_loop *loop, mr_loop_job *job)
{
    mr_loop_post_chain(loop, job, job);
}

/* All posted jobs, oldest first. */
static mr_loop_job *take_posted(mr_loop *loop)
{
    mr_loop_job *job = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    mr_loop_job *first = NULL;
    while (job != NULL) {
        mr_loop_job *older = job->next;
        job->next = first;
        first = job;
        job = older;
    }
    return first;
}

static void run_jobs(mr_loop_job *job)
{
    while (job != NULL) {
        mr_loop_job *next = job->next; /* a job may give itself again, or end with its object */
        job->run(job);
        job = next;
    }
}

void mr_loop_run_posted(mr_loop *loop)
{
    run_jobs(take_posted(loop));
}

static void run_later(mr_loop *loop)
{
    mr_loop_job *first = loop->later_first;
    loop->later_first = loop->later_last = NULL;
    run_jobs(first);
}

static int wait_ms(mr_loop *loop)
{
    if (loop->later_first != NULL) return 0;
    const uint64_t wait_ns = mr_timer_wheel_wait_ns(&loop->wheel, loop->now_ns);
    if (wait_ns == UINT64_MAX) return -1;
    return (int)(wait_ns / 1000000 + 1); /* at most one round of the wheel, so it fits */
}

/* From here on who posts must wake us; see mr_loop_post_chain(). */
static int sleep_ms(mr_loop *loop)
{
    const int ms = wait_ms(loop);
    if (ms == 0) return 0;
    atomic_store_explicit(&loop->asleep, true, memory_order_seq_cst);
    return atomic_load_explicit(&loop->posted, memory_order_seq_cst) != NULL ? 0 : ms;
}

static unsigned events_of(uint32_t events)
{
    unsigned known = 0;
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) known |= MR_LOOP_READABLE;
    if ((events & EPOLLRDHUP) != 0) known |= MR_LOOP_ENDING;
    if ((events & EPOLLOUT) != 0) known |= MR_LOOP_WRITABLE;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) known |= MR_LOOP_BROKEN;
    return known;
}

static void turn(mr_loop *loop)
{
    struct epoll_event events[EVENTS_PER_TURN];
    const int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, sleep_ms(loop));
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    loop->now_ns = (uint64_t)mr_clock_real_ns();
    for (int i = 0; i < count; i++) { /* count is -1 after EINTR: an empty turn */
        mr_watch *watch = events[i].data.ptr;
        watch->ready(watch, events_of(events[i].events));
    }
    mr_loop_run_posted(loop);
    mr_timer_wheel_run(&loop->wheel, loop->now_ns);
    run_later(loop);
}

void mr_loop_run(mr_loop *loop)
{
    while (!loop->stopped)
        turn(loop);
    while (loop->later_first != NULL)
        run_later(loop);
}

void mr_loop_stop(mr_loop *loop)
{
    loop->stopped = true;
}
