/* SPDX-License-Identifier: MIT
 *
 * pipeline/lane.h - one worker's share of a run: turns the bytes of a job into a batch and the
 * batch into the destination's bytes. The collector has a lane of its own for pieces that must be
 * read again.
 *
 * Thread: a lane belongs to the thread that runs it. */
#ifndef MR_PIPELINE_LANE_H
#define MR_PIPELINE_LANE_H

#include "pipeline/engine.h"

typedef struct mr_lane {
    const mr_engine_config *config;
    void *source_lane;
    void *destination_lane;
    bool source_open, destination_open;
    mr_chain_lane *chain;
    bool in_order; /* the collector's own: a new part may begin in it */
    mr_batch rest; /* rows that wait for it */
} mr_lane;

MR_NODISCARD mr_code mr_lane_open(mr_lane *lane, const mr_engine_config *config, mr_error *err);
void mr_lane_close(mr_lane *lane);

/* Brings the bytes of a direct piece in; does nothing for others. The outcome is in job->code. */
void mr_lane_load(mr_lane *lane, mr_job *job);

/* Decides where to begin in a piece whose beginning is in the middle of something; false when there
 * is no telling, and the collector has to. */
bool mr_lane_guess(mr_lane *lane, mr_job *job);

/* Forgets what was made of the piece, to read it from `start` in `state`. */
void mr_lane_unread(mr_job *job, size_t start, mr_reader_state state);

/* Does `chain` to the job's batch, or goes on with what the job's flow holds. */
MR_NODISCARD mr_code mr_lane_step(mr_chain_lane *chain, mr_job *job, mr_flow *flow, mr_error *err);

/* Encodes the job's batch, and says where the rows come from that could not be. */
MR_NODISCARD mr_code mr_lane_encode(mr_lane *lane, mr_job *job);

/* Shortens the batch to its first `rows` rows; what is behind them, in all lists of the part, is as
 * good as never read. */
void mr_lane_cut(mr_job *job, uint32_t rows);

/* Empties what the last part gave, to go on at job->at. */
void mr_lane_next_part(mr_job *job);

#define MR_LANE_PART_BYTES \
    ((size_t)4 << 20)              /* of output: a piece that gives more comes in parts, */
#define MR_LANE_PART_REJECTS 4096u /* as does one with more rejects */

/* Reads and encodes the next part of the piece: all that is left, until the part is large enough,
 * or, for a destination that takes batches, one batch. job->done says whether anything is left. At
 * most `row_limit` rows are taken; the rest is then done without being looked at. The outcome is in
 * job->code. */
void mr_lane_work(mr_lane *lane, mr_job *job, uint64_t row_limit);

#endif
