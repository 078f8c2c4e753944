/* SPDX-License-Identifier: MIT
 *
 * pipeline/quarantine.h - the file of rejected records (specs/pipeline.md section 10.5): one JSON
 * object a line with place, reason and the original bytes, made only when the first reject comes.
 *
 * Like every output it appears complete or not at all: PATH.part, synced, renamed.
 *
 * Thread: the collector's. */
#ifndef MR_PIPELINE_QUARANTINE_H
#define MR_PIPELINE_QUARANTINE_H

#include "core/file.h"
#include "record/reject.h"

#define MR_QUARANTINE_RAW_BYTES ((size_t)64 << 10) /* longer raw text is cut */

typedef struct mr_quarantine {
    const char *path; /* borrowed; NULL = rejects are counted but not kept */
    mr_file file;
    mr_buffer line; /* also gathers lines between writes */
    uint64_t count;
    bool created;
} mr_quarantine;

void mr_quarantine_init(mr_quarantine *quarantine, const char *path);
/* Appends one record. `source` names the file or table it came from. */
MR_NODISCARD mr_code mr_quarantine_put(mr_quarantine *quarantine, mr_slice source,
                                       const mr_reject *reject, const char *stage, mr_error *err);
/* Publishes the file when there is one. A file of an earlier run stays when this run rejected
 * nothing. */
MR_NODISCARD mr_code mr_quarantine_commit(mr_quarantine *quarantine, mr_error *err);
/* Removes what has not been committed. Harmless afterwards and twice. */
void mr_quarantine_close(mr_quarantine *quarantine);

#endif
