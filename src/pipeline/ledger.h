/* SPDX-License-Identifier: MIT
 *
 * pipeline/ledger.h - what became of every record. A run may only say "done" when nothing is
 * missing:
 *
 *     read = written + rejected + filtered + deduplicated + aggregated
 *
 * Each term is counted where it happens: read by the reader, written by the destination, the others
 * by whoever set the record aside.
 *
 * Thread: owned by the collector. */
#ifndef MR_PIPELINE_LEDGER_H
#define MR_PIPELINE_LEDGER_H

#include "record/reject.h"

typedef struct mr_ledger {
    uint64_t read;
    uint64_t written;
    uint64_t rejected;
    uint64_t filtered;
    uint64_t deduplicated;
    uint64_t aggregated; /* records less the groups that an aggregate made of them */
    uint64_t by_reason[MR_REASON_COUNT];
    uint64_t
        offered; /* rows shown to the destination: what `limit` counts; no term of the identity */
    uint64_t blank_lines;
    uint64_t duplicate_keys;
    uint64_t resyncs;
    uint64_t batches;
    uint64_t mended; /* pieces whose guessed beginning was wrong and that were read again */
} mr_ledger;

/* MR_ERR_IO with all terms in the text when the identity does not hold. */
MR_NODISCARD mr_code mr_ledger_check(const mr_ledger *ledger, mr_error *err);

#endif
