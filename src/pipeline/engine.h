/* SPDX-License-Identifier: MIT
 *
 * pipeline/engine.h - moves every record of one source to one destination, in order, once.
 *
 * The threads and what they hand over are drawn in connector/connector.h. The engine owns the jobs,
 * the rings between the threads and the lanes; it knows nothing of formats. It does not open,
 * commit or close its connectors: the plan that made them does, after looking at the ledger.
 *
 * Thread: mr_engine_run() is called on the collector's thread, which is the caller's. */
#ifndef MR_PIPELINE_ENGINE_H
#define MR_PIPELINE_ENGINE_H

#include "connector/connector.h"
#include "core/histogram.h"
#include "pipeline/drift.h"
#include "pipeline/ledger.h"
#include "pipeline/pressure.h"
#include "transform/chain.h"

#define MR_MAX_WORKERS 64

/* Why a run ended, in order of precedence. */
typedef enum mr_end {
    MR_END_DONE = 0,  /* the source has ended, or the limit is reached */
    MR_END_FAILED,    /* err says why */
    MR_END_REJECTS,   /* more rejects or resyncs than allowed; err says which */
    MR_END_CANCELLED, /* *stop was set from outside */
    MR_END_TIMEOUT,   /* deadline_ns passed */
} mr_end;

/* What others may see of a running engine, on any thread. Written by the collector only. */
typedef struct mr_engine_view {
    atomic_uint_least64_t read;
    atomic_uint_least64_t written;
    atomic_uint_least64_t rejected;
    atomic_uint_least64_t filtered;
    atomic_uint_least64_t dropped; /* of the filtered ones, those that met full queues */
    atomic_uint_least64_t deduplicated;
    atomic_uint_least64_t batches;
    atomic_uint_least64_t bytes_out;
    atomic_uint_least64_t schema_changes;
    atomic_uint_least64_t by_reason[MR_REASON_COUNT];
    atomic_uint_least64_t queue_wait_ns; /* time jobs lay in rings */
    atomic_uint_least32_t jobs_in_flight;
    mr_pressure pressure;
    mr_histogram latency;    /* source has the bytes -> destination has the record, per record */
    mr_histogram queue_wait; /* per piece */
} mr_engine_view;

typedef struct mr_engine_config {
    const mr_source_ops *source;
    void *source_state;
    const mr_destination_ops *destination;
    void *destination_state;
    uint32_t worker_count;   /* lanes beside the collector's own; 0 = everything on the collector */
    uint64_t limit;          /* show the destination at most so many records; 0 = all */
    uint64_t max_rejects;    /* UINT64_MAX = any number */
    double max_reject_share; /* of records read, looked at after 1,000; 1 = any */
    uint64_t max_resyncs;
    uint64_t memory_limit_bytes; /* no new piece is begun above it */
    int64_t deadline_ns;         /* on mr_clock_ns(); 0 = none */
    atomic_bool *stop;      /* set from outside to cancel, and by the engine to stop its source */
    atomic_bool *cancelled; /* set from outside only */
    bool streaming;         /* flush after every piece */
    bool drops;             /* what comes while queues are full is left out */
    /* Lane, first of all: takes out rows that an earlier run has taken, and notes in job->noted
     * what a later one has to know of the others. Collector: a job's rows have been handed on. */
    mr_code (*window)(const void *context, mr_job *job, mr_error *err);
    const void *window_context;
    mr_code (*delivered)(void *context, const mr_job *job, mr_error *err);
    void *delivered_context;
    /* Lane: takes rows that do not go on out of the batch, after reading; NULL = all go on. */
    mr_code (*admit)(const void *context, mr_job *job, mr_error *err);
    const void *admit_context;
    /* What the rows' columns and types are compared with; NULL = nothing. Collector: `drifted`
     * takes what was noted in a piece. */
    mr_drift *drift;
    mr_code (*drifted)(void *context, mr_job *job, mr_error *err);
    void *drifted_context;
    /* Lane: adds to the batch what is the same in all its rows, after the steps; NULL = nothing. */
    mr_code (*stamp)(const void *context, mr_batch *batch, mr_error *err);
    const void *stamp_context;
    /* Collector: called before what the job carries goes to the destination; may wait. NULL = no.
     */
    mr_code (*pace)(void *context, const mr_job *job, mr_error *err);
    void *pace_context;
    uint64_t part_rows,
        part_bytes;          /* a piece is handed on in parts of about so much; 0 = large ones */
    const mr_chain *chain;   /* lane: steps done to each batch then; NULL = none */
    const mr_chain *ordered; /* collector: further steps that need the records in order, and all
                                behind them; NULL = none */
    /* Collector: those steps are ready, and have seen nothing yet; the lane lives until the engine
     * returns. NULL = nobody wants to know. */
    mr_code (*ordered_open)(void *context, mr_chain_lane *lane, mr_error *err);
    void *ordered_context;
    /* Collector: quarantine. Places in the reject are absolute by now. */
    mr_code (*reject)(void *context, mr_slice source, const mr_reject *reject, mr_error *err);
    void *reject_context;
    /* Collector: called when a piece has been delivered, and with `ending` when the run is to end
     * before its source (cancelled, time-out): everything before `place` is in the destination's
     * and the quarantine's hands. NULL = nobody wants to know. */
    mr_code (*settled)(void *context, const mr_source_place *place, const mr_ledger *ledger,
                       bool ending, mr_error *err);
    void *settled_context;
    const mr_source_place
        *from; /* the source has gone to this place, and the ledger given to
                  mr_engine_run() is that of everything before; NULL = it begins */
    /* Collector: called at least every 200 ms. */
    void (*tick)(void *context);
    void *tick_context;
    mr_engine_view *view;
} mr_engine_config;

/* Runs until the source ends or something stops it. The ledger holds what happened up to then;
 * without config->from it is zeroed first. */
mr_end mr_engine_run(const mr_engine_config *config, mr_ledger *ledger, mr_error *err);

#endif
