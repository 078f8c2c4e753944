/* SPDX-License-Identifier: MIT
 *
 * pipeline/increment.h - which records of a source a run takes, when earlier runs have taken some:
 * those whose cursor lies above the watermark, and of those at it, or within `lookback` below it,
 * the ones that no run has taken.
 *
 *      below `low`        low .. watermark            above
 *     |  filtered   |  seen: deduplicated   |  all of them  |
 *     |             |  others: taken        |               |
 *
 * A record is told from others by its keys and its cursor, or by all its values, in 128 bits of
 * hash. Merging needs no memory of records: the same record twice is the same row.
 *
 * Lanes look at their own batches (window) and note what a later run has to know, in job->noted;
 * the collector gathers that from what has been delivered, so it is true of exactly the records
 * that are in the destination's hands. What is gathered becomes the watermark of the next run in
 * the commit of the data (docs/internals/checkpoints.md).
 *
 * Also of modes without a watermark: the snapshot's mark in each row.
 *
 * Thread: as stated; else the collector's. */
#ifndef MR_PIPELINE_INCREMENT_H
#define MR_PIPELINE_INCREMENT_H

#include "connector/connector.h"
#include "pipeline/config.h"
#include "pipeline/watermark.h"

#define MR_INCREMENT_KEYS_MAX 64

typedef struct mr_increment {
    const mr_pipeline_config *config;
    bool on;        /* the mode asks for something here */
    bool marks;     /* there is a cursor, so there is a watermark */
    bool fresh;     /* all is loaded anew: what earlier runs took does not count */
    bool remembers; /* records are told from others */
    bool settled;   /* kind, low and lookback are known */
    bool accepted;  /* `base` is this run's own */
    mr_slice column;
    mr_slice basis; /* what tells records apart, in words */
    mr_slice keys[MR_INCREMENT_KEYS_MAX];
    uint32_t key_count;
    mr_buffer loaded;            /* the state that earlier runs left, as it was */
    mr_watermark base, gathered; /* of earlier runs; of this one */
    uint32_t prune_at;           /* records in `gathered` when some are forgotten next */
    mr_cursor_kind kind;
    int64_t lookback; /* a number, or nanoseconds; 0 = none */
    bool has_low;
    mr_cursor low; /* the first that is looked at */
    char snapshot[40];
} mr_increment;

/* From a finished configuration; *out->on false when it asks for nothing. */
MR_NODISCARD mr_code mr_increment_init(mr_increment *increment, const mr_pipeline_config *config,
                                       mr_error *err);
void mr_increment_done(mr_increment *increment);

/* --- state ---------------------------------------------------------------------------------- */

/* Is there anything that has to outlive the run? */
bool mr_increment_has_state(const mr_increment *increment);

/* What a run leaves to the next one. MR_ERR_USAGE when the state is of another cursor, or of
 * records that were told apart by something else. */
MR_NODISCARD mr_code mr_increment_save(const mr_increment *increment, mr_buffer *out,
                                       mr_error *err);
MR_NODISCARD mr_code mr_increment_load(mr_increment *increment, mr_slice state, mr_error *err);

/* What a state says, for people: borrowed from it. */
MR_NODISCARD mr_code mr_increment_look(mr_slice state, mr_slice *out_cursor, mr_slice *out_value,
                                       mr_error *err);

/* What a checkpoint in the middle of a run says. */
MR_NODISCARD mr_code mr_increment_save_midway(const mr_increment *increment, mr_buffer *out,
                                              mr_error *err);
MR_NODISCARD mr_code mr_increment_load_midway(mr_increment *increment, mr_slice state,
                                              mr_error *err);

/* The run's data are about to be committed: what it has gathered is the watermark from now on. */
MR_NODISCARD mr_code mr_increment_accept(mr_increment *increment, mr_error *err);

/* The run that accepted is over; this is the next one, which begins with what that one left. */
MR_NODISCARD mr_code mr_increment_begin_again(mr_increment *increment, mr_slice state,
                                              mr_error *err);

/* --- a run ----------------------------------------------------------------------------------- */

/* Does the kind of the cursor's values have to be found in the source? */
bool mr_increment_needs_type(const mr_increment *increment);

/* Before the first record: `schema` (may be NULL) is the source's. MR_ERR_USAGE when it does not
 * have the columns, or what the configuration says does not fit their types. */
MR_NODISCARD mr_code mr_increment_settle(mr_increment *increment, const mr_schema *schema,
                                         bool complete, mr_error *err);

/* For mr_engine_config.window; lanes. */
MR_NODISCARD MR_HOT mr_code mr_increment_window(const void *context, mr_job *job, mr_error *err);
/* For mr_engine_config.delivered. */
MR_NODISCARD MR_HOT mr_code mr_increment_delivered(void *context, const mr_job *job, mr_error *err);

/* Modes that mark rows: adds the column to the schema of what is written, and to each batch
 * (lanes, mr_engine_config.stamp). */
bool mr_increment_stamps(const mr_increment *increment);
MR_NODISCARD mr_code mr_increment_stamp_schema(const mr_increment *increment,
                                               const mr_schema *source, mr_schema *schema,
                                               mr_error *err);
MR_NODISCARD MR_HOT mr_code mr_increment_stamp(const void *context, mr_batch *batch, mr_error *err);

#endif
