/* SPDX-License-Identifier: MIT
 *
 * pipeline/file_set.h - which files of a pattern earlier runs of a pipeline have taken, so that a
 * run takes only those that are new or have changed.
 *
 *     DIR/files        taken by runs that have come to their end
 *     DIR/files.next   the same and those of the run that is going on
 *
 * A file is known by path, size and time of change; one that was only touched is told from one that
 * has changed by the sum of its bytes. `files.next` is on the disk before the run begins and takes
 * the place of `files` when the run's output is published: a run that goes on, or whose end was cut
 * short, finds its own list there, whatever has come meanwhile.
 *
 * Thread: owned by one. */
#ifndef MR_PIPELINE_FILE_SET_H
#define MR_PIPELINE_FILE_SET_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/file.h"

#define MR_FILE_SET_BYTES_MAX ((size_t)128 << 20)

typedef struct mr_file_entry {
    mr_slice path;
    uint64_t size;
    int64_t mtime_ns;
    uint64_t sum;
    bool is_now; /* of this run */
} mr_file_entry;

typedef struct mr_file_set {
    char dir[MR_FILE_PATH_MAX];
    mr_arena arena;
    mr_buffer bytes; /* of the list that was read; paths borrow from it */
    mr_file_entry *entries;
    uint32_t count, room;
    const char **now; /* NUL-terminated paths that this run takes, in the pattern's order */
    uint32_t now_count;
    uint64_t id;       /* tells `files.next` from other lists */
    uint64_t taken_id; /* likewise `files`; 0 = there is none */
    int lock_fd;
    bool is_open;
} mr_file_set;

/* Finds what `pattern` names that is not taken yet, in the state directory `dir` of the pipeline.
 * `start_over`: what an unfinished run had begun does not count. MR_ERR_CONFLICT while another run
 * has the set open, MR_ERR_INPUT when a list is damaged. Nothing is written when now_count is 0. */
MR_NODISCARD mr_code mr_file_set_open(mr_file_set *set, const char *dir, const char *pattern,
                                      bool start_over, mr_error *err);

/* The run's output is published: its files are taken. */
MR_NODISCARD mr_code mr_file_set_commit(mr_file_set *set, mr_error *err);

/* Harmless on a zeroed set. */
void mr_file_set_close(mr_file_set *set);

#endif
