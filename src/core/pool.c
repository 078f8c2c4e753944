/* SPDX-License-Identifier: MIT */
#include "core/pool.h"

#include <signal.h>

static mr_task *wait_for_task(mr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->ending) {
        pool->sleeping++;
        pthread_cond_wait(&pool->given, &pool->lock);
        pool->sleeping--;
    }
    mr_task *task = pool->first;
    if (task != NULL) pool->first = task->next;
    if (pool->first == NULL) pool->last = NULL;
    pthread_mutex_unlock(&pool->lock);
    return task;
}

static void *run_thread(void *context)
{
    mr_pool *pool = context;
    mr_task *task;
    while ((task = wait_for_task(pool)) != NULL)
        task->run(task);
    return NULL;
}

mr_code mr_pool_start(mr_pool *pool, const char *name, uint32_t thread_count, mr_error *err)
{
    *pool = (mr_pool){.lock = PTHREAD_MUTEX_INITIALIZER, .given = PTHREAD_COND_INITIALIZER};
    if (thread_count == 0 || thread_count > MR_POOL_THREADS_MAX)
        return mr_fail(err, MR_ERR_USAGE, "expected 1 to %d threads, found %u", MR_POOL_THREADS_MAX,
                       thread_count);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    while (error == 0 && pool->thread_count < thread_count) {
        error = pthread_create(&pool->threads[pool->thread_count], NULL, run_thread, pool);
        if (error != 0) break;
        pthread_setname_np(pool->threads[pool->thread_count], name);
        pool->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) return MR_OK;
    mr_pool_stop(pool);
    return mr_fail_errno(err, error, "thread '%s' cannot be started", name);
}

void mr_pool_stop(mr_pool *pool)
{
    if (pool->thread_count == 0) return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->given);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->given);
    pool->thread_count = 0; /* the lock stays for mr_pool_offer() */
}

static bool give(mr_pool *pool, mr_task *task, bool even_late)
{
    task->next = NULL;
    pthread_mutex_lock(&pool->lock);
    const bool taken = even_late || !pool->ending;
    if (taken && pool->last != NULL)
        pool->last->next = task;
    else if (taken)
        pool->first = task;
    if (taken) pool->last = task;
    const bool wake = taken && pool->sleeping > 0;
    pthread_mutex_unlock(&pool->lock);
    if (wake) pthread_cond_signal(&pool->given);
    return taken;
}

void mr_pool_give(mr_pool *pool, mr_task *task)
{
    (void)!give(pool, task, true);
}

bool mr_pool_offer(mr_pool *pool, mr_task *task)
{
    return give(pool, task, false);
}

bool mr_pool_has_waiting(mr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const bool waiting = pool->first != NULL && pool->sleeping == 0;
    pthread_mutex_unlock(&pool->lock);
    return waiting;
}
