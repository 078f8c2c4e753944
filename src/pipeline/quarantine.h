/* SPDX-License-Identifier: MIT
 *
 * pipeline/quarantine.h - the file of rejected records (specs/pipeline.md section 10.5): one JSON
 * object a line with place, reason and the original bytes, made only when the first reject comes.
 *
 * Like every output it appears complete or not at all: PATH.part, synced, renamed. With a maximum,
 * entries beyond it are counted and not kept; with `rotate` they go on in PATH.2, PATH.3, ..., and
 * a file that is full is published at once. A device or a pipe (/dev/null, /dev/stderr) is written
 * to as it is, and has no PATH.2.
 *
 * Thread: the collector's. */
#ifndef MR_PIPELINE_QUARANTINE_H
#define MR_PIPELINE_QUARANTINE_H

#include "core/file.h"
#include "record/reject.h"

#define MR_QUARANTINE_MAX_FILES 10000u

/* How far the file has come. */
typedef struct mr_rejects_mark {
    uint64_t length;         /* bytes of PATH.part that count; 0 = there is no such file */
    uint64_t count, dropped; /* as in mr_quarantine */
} mr_rejects_mark;

typedef struct mr_quarantine {
    const char *path; /* borrowed; NULL = rejects are counted but not kept */
    uint64_t max;     /* entries of a file; 0 = any number */
    bool rotate;
    mr_slice origin; /* JSON: what replay needs to read `raw` again; the first entry of each file
                        carries it. Borrowed; empty = nothing to say */
    mr_file file;
    mr_buffer line;   /* also gathers lines between writes */
    uint64_t count;   /* of all rejects */
    uint64_t dropped; /* of these, not kept for want of room */
    uint64_t in_file; /* entries of the current file */
    uint32_t file_count;
    bool created;
    bool special;   /* a device or pipe: created once, there at once */
    bool is_named;  /* its name is on the disk */
    bool published; /* by the run that this one goes on from */
} mr_quarantine;

void mr_quarantine_init(mr_quarantine *quarantine, const char *path, uint64_t max, bool rotate);
/* Appends one record, whose places are absolute and whose stage is set. `source` names the file or
 * table it came from. */
MR_NODISCARD mr_code mr_quarantine_put(mr_quarantine *quarantine, mr_slice source,
                                       const mr_reject *reject, mr_error *err);
/* What a checkpoint remembers of the file: everything put so far, which is with the kernel when
 * this returns. *out_sync_fd is to be synced before it counts, below 0 when there is no file. */
MR_NODISCARD mr_code mr_quarantine_note(mr_quarantine *quarantine, mr_rejects_mark *out,
                                        int *out_sync_fd, mr_error *err);
/* Right after init: goes on with what an earlier run left. `sealed`: that run may have published it
 * already. */
MR_NODISCARD mr_code mr_quarantine_resume(mr_quarantine *quarantine, const mr_rejects_mark *mark,
                                          bool sealed, mr_error *err);
/* Closes and leaves PATH.part for a later run. */
void mr_quarantine_leave(mr_quarantine *quarantine);
/* Publishes the file when there is one. A file of an earlier run stays when this run rejected
 * nothing. */
MR_NODISCARD mr_code mr_quarantine_commit(mr_quarantine *quarantine, mr_error *err);
/* Removes what has not been committed. Harmless afterwards and twice. */
void mr_quarantine_close(mr_quarantine *quarantine);

#endif
