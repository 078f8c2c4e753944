/* SPDX-License-Identifier: MIT
 *
 * pipeline/hold.h - a destination that holds records in the store (record/store.h) before they go
 * on to the real one: what `--storage-mode` and `storage:` switch on.
 *
 * Records go on when the source has ended, when the store says that memory is short, and when
 * flush_interval has passed; each time by a run of the engine of its own, from the store to the
 * real destination, so that encoding is parallel again.
 *
 * The store keeps values, not texts: a record that the real destination refuses is rejected with a
 * JSON object of them, and with its file, record, line and bytes in the source, which wait beside
 * the store (record/places.h).
 *
 * Thread: the collector's of the outer run, which waits while the inner run goes on. */
#ifndef MR_PIPELINE_HOLD_H
#define MR_PIPELINE_HOLD_H

#include "pipeline/engine.h"
#include "record/places.h"
#include "record/store.h"

typedef struct mr_hold {
    const mr_engine_config
        *onward; /* the run from the store to the real destination, but for its source */
    mr_store *store;
    mr_places places;     /* where each record held came from */
    mr_ledger ledger;     /* of all onward runs so far */
    mr_store_stats stats; /* at the fullest, just before the last drain */
    int64_t flush_interval_ns;
    int64_t flushed_ns;
    atomic_bool stop; /* of the onward run alone */
} mr_hold;

extern const mr_destination_ops mr_destination_hold; /* its state is an mr_hold */

/* `onward` is borrowed and must name destination, view and limits; its source and stop are filled
 * in here. */
MR_NODISCARD mr_code mr_hold_open(mr_hold *hold, const mr_store_config *config,
                                  mr_engine_config *onward, int64_t flush_interval_ns,
                                  mr_error *err);
/* Sends everything held on to the destination. */
MR_NODISCARD mr_code mr_hold_drain(mr_hold *hold, mr_error *err);
void mr_hold_close(mr_hold *hold);

#endif
