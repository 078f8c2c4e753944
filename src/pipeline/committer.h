/* SPDX-License-Identifier: MIT
 *
 * pipeline/committer.h - makes checkpoints durable on a thread of its own, while the run goes on
 * writing: syncs what the checkpoint counts on, then appends it to the journal.
 *
 *     collector   write write [mark: what is written so far] write write write ...
 *     committer                 fdatasync(output) fdatasync(rejects) append + fdatasync(journal)
 *
 * What is written behind the mark does no harm: resuming cuts it off. One checkpoint is under way
 * at a time.
 *
 * Thread: owned by the collector; the counters may be read from anywhere. */
#ifndef MR_PIPELINE_COMMITTER_H
#define MR_PIPELINE_COMMITTER_H

#include <pthread.h>
#include <stdatomic.h>

#include "pipeline/journal.h"

#define MR_COMMITTER_FDS 2

typedef struct mr_committer {
    char dir[MR_FILE_PATH_MAX]; /* of the journal */
    mr_journal journal;
    bool journal_open;
    bool began_empty; /* the journal held nothing when this run looked */
    /* What is under way; the committer's thread owns it while `working`. */
    mr_buffer record;
    int fds[MR_COMMITTER_FDS];
    mr_code result;    /* of the last one */
    bool data_is_lost; /* it failed before the journal: syncing the data did */
    mr_error error;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started, working, stopping;
    /* For metrics. */
    atomic_uint_least64_t made, busy_ns;
    atomic_int_least64_t last_ns; /* mr_clock_ns() of the last one that was made; 0 = none yet */
} mr_committer;

void mr_committer_init(mr_committer *committer, const char *dir);

/* Opens the journal when there is one; *out_found when it holds a checkpoint, which is then in
 * committer->journal.last. */
MR_NODISCARD mr_code mr_committer_look(mr_committer *committer, bool *out_found, mr_error *err);

bool mr_committer_is_busy(mr_committer *committer);

/* Hands a checkpoint over: `record` is taken (an empty buffer comes back), `fds` below 0 are none.
 * Nothing may be under way. */
MR_NODISCARD mr_code mr_committer_begin(mr_committer *committer, mr_buffer *record,
                                        const int fds[MR_COMMITTER_FDS], mr_error *err);

/* Waits until nothing is under way and says how the last one went; once. */
MR_NODISCARD mr_code mr_committer_wait(mr_committer *committer, bool *out_data_is_lost,
                                       mr_error *err);

/* There is a checkpoint that a later run would find. */
bool mr_committer_has_state(const mr_committer *committer);

/* Forgets them all. */
MR_NODISCARD mr_code mr_committer_remove(mr_committer *committer, mr_error *err);

/* Harmless on a zeroed struct, and twice. */
void mr_committer_close(mr_committer *committer);

/* fdatasync() that goes on after signals. */
MR_NODISCARD mr_code mr_committer_sync(int fd, mr_error *err);

#endif
