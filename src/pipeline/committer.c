/* SPDX-License-Identifier: MIT */
#include "pipeline/committer.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"

void mr_committer_init(mr_committer *c, const char *dir)
{
    memset(c, 0, sizeof *c);
    snprintf(c->dir, sizeof c->dir, "%s", dir);
    c->began_empty = true;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    mr_buffer_init(&c->record, "a checkpoint", MR_JOURNAL_RECORD_MAX);
}

mr_code mr_committer_look(mr_committer *c, bool *out_found, mr_error *err)
{
    *out_found = false;
    MR_TRY(mr_journal_open(&c->journal, c->dir, false, &c->journal_open, err));
    *out_found = c->journal_open && c->journal.sequence > 0;
    c->began_empty = !*out_found;
    return MR_OK;
}

/* --- the work -------------------------------------------------------------------------------- */

mr_code mr_committer_sync(int fd, mr_error *err)
{
    int rc;
    if (fd < 0) return MR_OK;
    do {
        rc = fdatasync(fd);
    } while (rc != 0 && errno == EINTR);
    if (rc == 0) return MR_OK;
    return mr_fail_errno(err, errno, "what was written cannot be synced to the disk");
}

/* A run that found nothing must not take over what another has begun meanwhile. */
static mr_code need_journal(mr_committer *c, mr_error *err)
{
    if (c->journal_open) return MR_OK;
    MR_TRY(mr_journal_open(&c->journal, c->dir, true, &c->journal_open, err));
    if (!c->began_empty || c->journal.sequence == 0) return MR_OK;
    mr_journal_close(&c->journal);
    c->journal_open = false;
    return mr_fail(err, MR_ERR_CONFLICT,
                   "another run of this pipeline has left checkpoints in '%s' since this one began",
                   c->dir);
}

static mr_code commit(mr_committer *c, mr_error *err)
{
    c->data_is_lost = true;
    for (int i = 0; i < MR_COMMITTER_FDS; i++)
        MR_TRY(mr_committer_sync(c->fds[i], err));
    c->data_is_lost = false;
    MR_TRY(need_journal(c, err));
    return mr_journal_append(&c->journal, mr_buffer_slice(&c->record), err);
}

static void work(mr_committer *c)
{
    const int64_t begun = mr_clock_ns();
    c->result = commit(c, &c->error);
    const int64_t now = mr_clock_ns();
    atomic_fetch_add_explicit(&c->busy_ns, (uint64_t)(now - begun), memory_order_relaxed);
    if (c->result != MR_OK) return;
    atomic_fetch_add_explicit(&c->made, 1, memory_order_relaxed);
    atomic_store_explicit(&c->last_ns, now, memory_order_relaxed);
}

static void *committer_main(void *context)
{
    mr_committer *c = context;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->working && !c->stopping)
            pthread_cond_wait(&c->changed, &c->lock);
        if (!c->working) break;
        pthread_mutex_unlock(&c->lock);
        work(c);
        pthread_mutex_lock(&c->lock);
        c->working = false;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* --- the collector's side -------------------------------------------------------------------- */

bool mr_committer_is_busy(mr_committer *c)
{
    pthread_mutex_lock(&c->lock);
    const bool busy = c->working;
    pthread_mutex_unlock(&c->lock);
    return busy;
}

mr_code mr_committer_begin(mr_committer *c, mr_buffer *record, const int fds[MR_COMMITTER_FDS],
                           mr_error *err)
{
    if (!c->started && pthread_create(&c->thread, NULL, committer_main, c) != 0)
        return mr_fail(err, MR_ERR_IO, "the thread for checkpoints cannot be started");
    c->started = true;
    pthread_mutex_lock(&c->lock);
    MR_DCHECK(!c->working);
    const mr_buffer empty = c->record;
    c->record = *record;
    *record = empty;
    mr_buffer_reset(record);
    memcpy(c->fds, fds, sizeof c->fds);
    c->working = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return MR_OK;
}

mr_code mr_committer_wait(mr_committer *c, bool *out_data_is_lost, mr_error *err)
{
    pthread_mutex_lock(&c->lock);
    while (c->working)
        pthread_cond_wait(&c->changed, &c->lock);
    const mr_code rc = c->result;
    c->result = MR_OK;
    pthread_mutex_unlock(&c->lock);
    *out_data_is_lost = rc != MR_OK && c->data_is_lost;
    if (rc != MR_OK && err != NULL) *err = c->error;
    return rc;
}

bool mr_committer_has_state(const mr_committer *c)
{
    return c->journal_open && c->journal.sequence > 0;
}

mr_code mr_committer_remove(mr_committer *c, mr_error *err)
{
    if (!c->journal_open) return MR_OK;
    c->journal_open = false;
    c->began_empty = true;
    return mr_journal_remove(&c->journal, err);
}

void mr_committer_close(mr_committer *c)
{
    if (c->dir[0] == 0) return; /* zeroed */
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (c->started) pthread_join(c->thread, NULL);
    c->started = false;
    if (c->journal_open) mr_journal_close(&c->journal);
    c->journal_open = false;
    mr_buffer_done(&c->record);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    c->dir[0] = 0;
}
