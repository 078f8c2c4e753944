/* SPDX-License-Identifier: MIT
 *
 * pipeline/expect.h - schema drift of one run: what it expects, from its first pass and from the
 * last run, what it met, and what the next run will find.
 *
 *     mr_expect_begin()   after discovery: compares with the last run's schema, fixes what the
 * lanes compare with, or fails before anything is written mr_expect_take()    collector: the notes
 * of a piece mr_expect_end()     the run is about to be published: its schema is kept for the next
 *
 * Schemas are kept when the user asks for drift in any way (a `drift` key); changes are told in any
 * case. The file is the history of drift_history.h, `<destination>.schema.jsonl` by default.
 *
 * Thread: the collector's. */
#ifndef MR_PIPELINE_EXPECT_H
#define MR_PIPELINE_EXPECT_H

#include "pipeline/config.h"
#include "pipeline/discover.h"
#include "pipeline/drift_history.h"
#include "pipeline/engine.h"

typedef struct mr_expect {
    /* Set before mr_expect_begin(). */
    const mr_pipeline_config *config;
    mr_arena *arena; /* `own`: sources use the run's while the collector goes on */
    mr_arena own;
    const mr_discovery *discovery; /* NULL: there was no first pass */
    bool exact;                    /* every value was looked at */
    bool typed;                    /* values come with types */
    bool grows;                    /* the source tells all its columns, in no batch all of them */
    uint32_t first_columns;        /* of the first of several files */
    bool several;                  /* batches may lack columns: files with headers of their own */
    bool has_columns;              /* the destination wants all columns in each batch */
    mr_engine_view *view;          /* shows the number of changes; may be NULL */
    const mr_schema *target;       /* the columns that the target has already; NULL: any */
    bool replays;                  /* records of many files: what one lacks is no news */
    bool may_part;                 /* it can begin a new part */
    int64_t since_ns;              /* a run that is gone on with: when it was begun; else 0 */
    /* Results. */
    bool keeps; /* the schema is kept from run to run */
    const char *path;
    mr_drift drift;
    mr_schema schema; /* what is expected */
    bool retypes;     /* some types are not those that were found */
    uint64_t discarded;
    mr_drift_told told; /* by this run, its earlier beginnings included */
    /* Own. */
    mr_drift_pasts pasts;
} mr_expect;

/* Did the user ask for drift in any way? */
bool mr_expect_is_asked(const mr_pipeline_config *config);

/* `found` are the source's columns with the types known of them. MR_ERR_INPUT when a change is
 * frozen or not compatible. */
MR_NODISCARD mr_code mr_expect_begin(mr_expect *expect, const mr_schema *found, mr_error *err);

MR_NODISCARD mr_code mr_expect_take(void *context, mr_job *job, mr_error *err);

/* Harmless on a zeroed struct. */
void mr_expect_close(mr_expect *expect);

MR_NODISCARD mr_code mr_expect_end(const mr_expect *expect, mr_error *err);

#endif
