/* SPDX-License-Identifier: MIT
 *
 * pipeline/checkpoint.h - the checkpoints of one run: whether it can have any, when one is due,
 * what is in it, and how a later run goes on from it.
 *
 * The order, which is the whole proof (docs/internals/checkpoints.md):
 *
 *     a piece has been delivered
 *       1  source position; output and rejects are with the kernel, their lengths are known
 *       2  fdatasync(output), fdatasync(rejects)        on the committer's thread, or in the
 *       3  append to the journal, fdatasync(journal)    destination's own transaction
 *     ... the run goes on meanwhile ...
 *     the source has ended, the ledger balances
 *       4  what ends the output is written; a checkpoint that says `sealed`, as 1 to 3
 *       5  rejects are published, then the target (rename)
 *       6  the journal is removed
 *
 * A kill before 3 leaves the checkpoint before this one, and output that is longer than it says;
 * resuming cuts it. A kill between 4 and 6 leaves `sealed`: the next run finishes 5 and 6 and reads
 * nothing. Steps 4 and 6 are for runs that have made a checkpoint; a short run makes none and
 * touches no state.
 *
 * Runs that take what is new among files always take step 4. Where the destination's work is one
 * transaction, the checkpoint that says `sealed` is in it, and step 6 removes it from there.
 *
 * Incremental loads always take step 4, unless the watermark is in the destination's transaction;
 * and in place of step 6 the journal gets a record that holds the watermark alone.
 *
 * State that is not the source's and not the destination's (of a transform that remembers records)
 * is handed over with mr_checkpoint_extra.
 *
 * Thread: the collector's; mr_committer says what is read from elsewhere. */
#ifndef MR_PIPELINE_CHECKPOINT_H
#define MR_PIPELINE_CHECKPOINT_H

#include "pipeline/commit.h"
#include "pipeline/committer.h"
#include "pipeline/config.h"
#include "pipeline/expect.h"
#include "pipeline/file_set.h"
#include "pipeline/increment.h"
#include "pipeline/pipeline_id.h"
#include "pipeline/quarantine.h"

/* Unless the user gives a number of records, checkpoints are at least so long apart. */
#define MR_CHECKPOINT_REST_NS ((int64_t)1000 * 1000 * 1000)

/* A checkpoint that holds what steps remember takes as long as that is large; the run makes pauses
 * so much longer than that. */
#define MR_CHECKPOINT_PAUSE_FACTOR 20

/* What a stateful part of a pipeline adds to each checkpoint: dedupe. Its state must be that of
 * exactly the records that have been settled: owned by the collector and fed in stream order. What
 * lanes keep for themselves (aggregate) runs ahead of the checkpoint and cannot be in it; such a
 * part says why in `cannot`, and the pipeline then makes no checkpoints and says so. When the state
 * has grown too large, the run makes no further ones and says so; the last one holds. */
typedef struct mr_checkpoint_extra {
    /* Appends at most MR_COMMIT_TRANSFORM_MAX bytes; MR_ERR_LIMIT when it would be more. Not called
     * for a checkpoint that says `sealed`, nor for one of the beginning. */
    mr_code (*save)(void *context, mr_buffer *out, mr_error *err);
    /* Before the first piece of a run that goes on: back to what save() wrote, which stays valid
     * until mr_checkpoints_close(). */
    mr_code (*load)(void *context, mr_slice saved, mr_error *err);
    void *context;
    const char *cannot; /* NULL, or why its state cannot be part of a checkpoint */
} mr_checkpoint_extra;

typedef struct mr_checkpoints {
    /* Set before mr_checkpoints_resume(). */
    const mr_pipeline_config *config;
    const mr_source_ops *source;
    void *source_state;
    const mr_connector_env *source_env;
    const mr_destination_ops *destination;
    void *destination_state;
    const mr_connector_env *destination_env;
    mr_quarantine *quarantine;
    const mr_file_set *files; /* NULL: the run does not look what is new among files; else it always
                                 says that it is complete, also when it has made no checkpoint */
    const mr_checkpoint_extra *extra; /* NULL: nothing has state of its own */
    int64_t now_ns;                   /* part of each checkpoint */
    const mr_expect *expect;          /* what has become of the schema: told by each checkpoint */
    mr_increment *increment;          /* NULL: the run takes everything, as if it were the first */
    void (*warn)(void *context, const char *text);
    void *warn_context;
    /* Results of it. */
    bool on;            /* this run makes checkpoints */
    const char *cannot; /* else why not; NULL: it was never asked to */
    char id[MR_PIPELINE_ID_MAX];
    bool resuming;        /* `found` is gone on from */
    bool from_start;      /* which is of the moment before the first record */
    bool published;       /* and nothing is left to do but to forget it */
    mr_commit found;      /* borrows from found_bytes */
    mr_source_place from; /* where the source has gone to */
    /* Own. */
    mr_buffer found_bytes, settings, names, columns, source_position, destination_position, saved,
        record, watermark;
    mr_committer committer;
    bool opened;
    bool kept_inside; /* the destination holds a commit of this pipeline */
    bool seal_inside; /* it will, once its one transaction is committed */
    bool sealed;
    bool journal_is_behind; /* what the destination holds was not in it yet */
    bool seals;             /* the target's beginning and end are kept, if nothing in between */
    bool full;              /* what steps remember does not fit any more */
    int64_t pause_ns;       /* at least, to the next one */
    bool idle;              /* the journal holds nothing but the watermark of finished runs */
    int64_t last_ns;
    uint64_t last_read;
    bool warned;
} mr_checkpoints;

/* Why a pipeline cannot have checkpoints, in words; NULL when it can. Works before the ends are
 * opened too, from their options and paths. */
const char *mr_checkpoints_cannot(const mr_checkpoints *checkpoints);

/* Looks for what an earlier run of this pipeline left and, by `resume`, goes on from it: source,
 * destination and quarantine are told. MR_ERR_USAGE, with nothing touched, when the source or the
 * settings are not what they were, or `resume: require` finds nothing. */
MR_NODISCARD mr_code mr_checkpoints_resume(mr_checkpoints *checkpoints, mr_error *err);

/* The columns that a first pass found, to be part of every checkpoint (mr_discovery_encode()). */
MR_NODISCARD mr_code mr_checkpoints_set_columns(mr_checkpoints *checkpoints, mr_slice columns,
                                                mr_error *err);

/* After the destination's start(), before the first piece: a checkpoint of the beginning, where the
 * destination needs one (leaves_traces). */
MR_NODISCARD mr_code mr_checkpoints_start(mr_checkpoints *checkpoints, mr_error *err);

/* mr_engine_config.settled; `context` is an mr_checkpoints. Makes a checkpoint when one is due, and
 * in any case when the run is ending. Fails only when data was lost, or when the user insists. */
MR_NODISCARD mr_code mr_checkpoints_settled(void *context, const mr_source_place *place,
                                            const mr_ledger *ledger, bool ending, mr_error *err);

/* Step 4, when there is anything that a later run would go on from. */
MR_NODISCARD mr_code mr_checkpoints_seal(mr_checkpoints *checkpoints, const mr_ledger *ledger,
                                         mr_error *err);

/* Between step 4 and 5: what the run has taken is the next run's watermark, in the transaction of
 * the data where the destination has one; else it is in the journal already. */
MR_NODISCARD mr_code mr_checkpoints_keep_watermark(mr_checkpoints *checkpoints, mr_error *err);

/* Waits until nothing is under way: before the destination is committed, left or given up. */
void mr_checkpoints_rest(mr_checkpoints *checkpoints);

/* The pipeline's state directory, for what else is to be kept of a pipeline; empty when states are
 * not looked at. It need not be there. */
const char *mr_checkpoints_dir(const mr_checkpoints *checkpoints);

/* A later run would find something. */
bool mr_checkpoints_has_state(const mr_checkpoints *checkpoints);

/* Step 6, and the end of a run that nobody should go on from. */
MR_NODISCARD mr_code mr_checkpoints_forget(mr_checkpoints *checkpoints, mr_error *err);

/* Harmless on a zeroed struct. Leaves what is there. */
void mr_checkpoints_close(mr_checkpoints *checkpoints);

#endif
