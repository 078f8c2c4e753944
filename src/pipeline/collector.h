/* SPDX-License-Identifier: MIT
 *
 * pipeline/collector.h - puts the pieces back in order: mends guesses, writes, counts, quarantines.
 * connector/connector.h draws a seam between two pieces.
 *
 * Thread: owned by the thread that called mr_engine_run(). */
#ifndef MR_PIPELINE_COLLECTOR_H
#define MR_PIPELINE_COLLECTOR_H

#include "pipeline/lane.h"

/* Where the stream stands: everything before `offset` of the file is accounted for. */
typedef struct mr_place {
    bool begun;
    uint32_t file;
    mr_slice file_name;
    uint64_t offset;
    uint64_t record_base; /* data records before it */
    uint64_t line_base;   /* LFs before it */
    mr_reader_state state;
    mr_buffer carry;   /* input from `offset` on that no record has taken yet */
    uint64_t retry_at; /* reading is tried again when there are so many bytes: doubling keeps it
                          linear */
    bool owed;         /* carried bytes of an earlier run have still to come */
    mr_buffer mark;    /* of the last batch */
} mr_place;

typedef struct mr_collector {
    const mr_engine_config *config;
    mr_ledger *ledger;
    mr_lane lane;
    bool lane_opened;
    mr_job seam; /* the bytes between two pieces */
    mr_place place;
    /* The reject of a record that is longer than what was read of it so far: it goes to the
     * quarantine when its end, and so its length, is known. */
    bool holding;
    mr_reject held;
    mr_buffer held_raw;
    mr_slice held_name;
    mr_error exceeded;      /* names it */
    bool rejects_exceeded;  /* one more reject than max_rejects has been met */
    bool threaded;          /* lanes have read the pieces already */
    mr_chain_lane *ordered; /* steps that are done here, in order */
    mr_flow ordered_flow;
} mr_collector;

MR_NODISCARD mr_code mr_collector_open(mr_collector *collector, const mr_engine_config *config,
                                       bool threaded, mr_error *err);
void mr_collector_close(mr_collector *collector);

/* Takes the next piece of the stream. */
MR_NODISCARD mr_code mr_collector_take(mr_collector *collector, mr_job *job, mr_error *err);

/* The stream has ended: nothing may be left over. */
MR_NODISCARD mr_code mr_collector_finish(mr_collector *collector, mr_error *err);

/* The run is over, well or not: a reject that waits for the end of its record goes out. */
MR_NODISCARD mr_code mr_collector_release(mr_collector *collector, mr_error *err);

/* Tells config->settled where the stream stands. */
MR_NODISCARD mr_code mr_collector_settled(mr_collector *collector, bool ending, mr_error *err);

/* More rejects or resyncs than allowed? `err` then says which. */
bool mr_collector_rejects_exceeded(const mr_collector *collector, mr_error *err);

#endif
