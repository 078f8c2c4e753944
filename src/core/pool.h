/* SPDX-License-Identifier: MIT
 *
 * core/pool.h - a few threads that run tasks in the order in which they were given.
 *
 * For work that blocks on disks: queues of many producers and many consumers, where a lock held for
 * a few instructions is nothing beside a task. Tasks are part of the objects they are about, so
 * giving one allocates nothing.
 *
 * Thread: any. */
#ifndef MR_CORE_POOL_H
#define MR_CORE_POOL_H

#include <pthread.h>

#include "core/error.h"

#define MR_POOL_THREADS_MAX 64

typedef struct mr_task {
    struct mr_task *next;
    void (*run)(struct mr_task *task);
} mr_task;

typedef struct mr_pool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    mr_task *first, *last;
    uint32_t sleeping; /* threads that wait for a task */
    uint32_t thread_count;
    bool ending;
    pthread_t threads[MR_POOL_THREADS_MAX];
} mr_pool;

/* Starts `thread_count` threads called `name` (up to 15 bytes). They have all signals blocked. Must
 * not be moved. */
MR_NODISCARD mr_code mr_pool_start(mr_pool *pool, const char *name, uint32_t thread_count,
                                   mr_error *err);
/* Runs what was given, tasks given by those included, then ends the threads. Nobody else may give
 * any more. Harmless on a zeroed pool. */
void mr_pool_stop(mr_pool *pool);

/* Gives `task`, which must not be given again before it has begun to run. */
MR_HOT void mr_pool_give(mr_pool *pool, mr_task *task);
/* The same for those who may come too late: false, and nothing has happened, once mr_pool_stop()
 * has begun. */
MR_NODISCARD MR_HOT bool mr_pool_offer(mr_pool *pool, mr_task *task);

/* Are there tasks that no thread is free for? A task that has more to do may go on if not. */
MR_NODISCARD MR_HOT bool mr_pool_has_waiting(mr_pool *pool);

#endif
