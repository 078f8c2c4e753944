/* SPDX-License-Identifier: MIT */
#include "pipeline/lane.h"

#include "core/mem.h"
#include "record/amend.h"

mr_code mr_lane_open(mr_lane *lane, const mr_engine_config *config, mr_error *err)
{
    const mr_source_ops *source = config->source;
    const mr_destination_ops *destination = config->destination;
    *lane = (mr_lane){.config = config};
    mr_batch_init(&lane->rest, 0);
    lane->source_lane = mr_mem_zalloc(source->lane_bytes + 1);
    lane->destination_lane = mr_mem_zalloc(destination->lane_bytes + 1);
    if (lane->source_lane == NULL || lane->destination_lane == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a worker");
    if (source->lane_open != NULL) {
        lane->source_open = true;
        MR_TRY(source->lane_open(config->source_state, lane->source_lane, err));
    }
    if (destination->lane_open != NULL) {
        lane->destination_open = true;
        MR_TRY(destination->lane_open(config->destination_state, lane->destination_lane, err));
    }
    return config->chain != NULL ? mr_chain_lane_open(config->chain, &lane->chain, err) : MR_OK;
}

void mr_lane_close(mr_lane *lane)
{
    if (lane->source_open && lane->config->source->lane_close != NULL)
        lane->config->source->lane_close(lane->source_lane);
    if (lane->destination_open && lane->config->destination->lane_close != NULL)
        lane->config->destination->lane_close(lane->destination_lane);
    if (lane->config != NULL) mr_batch_done(&lane->rest);
    mr_mem_free(lane->source_lane);
    mr_mem_free(lane->destination_lane);
    mr_chain_lane_close(lane->chain);
    *lane = (mr_lane){0};
}

void mr_lane_load(mr_lane *lane, mr_job *job)
{
    if (job->direct && job->code == MR_OK)
        job->code = lane->config->source->load(lane->source_lane, job, &job->error);
}

bool mr_lane_guess(mr_lane *lane, mr_job *job)
{
    if (job->from_batch || job->exact) return true;
    if (job->carried) return false;
    size_t start;
    mr_reader_state state;
    if (job->code != MR_OK || lane->config->source->guess == NULL ||
        !lane->config->source->guess(lane->source_lane, job, &start, &state)) {
        job->unguessed = true;
        return false;
    }
    job->start = job->at = start;
    job->begin_state = job->state = state;
    return true;
}

void mr_lane_unread(mr_job *job, size_t start, mr_reader_state state)
{
    if (!job->from_batch) mr_batch_reset(&job->batch);
    mr_reject_list_reset(&job->rejects);
    mr_reject_list_reset(&job->refused);
    mr_buffer_reset(&job->encoded);
    mr_buffer_reset(&job->packed);
    mr_buffer_reset(&job->noted);
    job->result = job->accounted = (mr_text_result){0};
    job->start = job->at = start;
    job->begin_state = job->state = state;
    job->row_count = job->encoded_rows = job->filtered = job->deduplicated = job->offered = 0;
    job->discarded = 0;
    mr_buffer_reset(&job->drift);
    job->expected = NULL;
    job->breaks = job->paused = job->cut = false;
    job->error_line = 0;
    job->code = MR_OK;
    job->done = job->read_done = job->unguessed = false;
    mr_flow_reset(&job->flow);
}

void mr_lane_next_part(mr_job *job)
{
    mr_reject_list_reset(&job->rejects);
    mr_reject_list_reset(&job->refused);
    if (!mr_flow_pending(&job->flow)) mr_arena_reset(&job->notes); /* rejects may wait there */
    mr_buffer_reset(&job->encoded);
    mr_buffer_reset(&job->packed);
    mr_buffer_reset(&job->noted);
    job->row_count = job->encoded_rows = job->filtered = job->deduplicated = job->offered = 0;
    job->discarded = 0;
    mr_buffer_reset(&job->drift);
}

/* Numbers of the lists' entries before the work on the batch began. */
typedef struct counts {
    uint32_t rejects, refused;
} counts;

/* How many entries from `from` on are of records up to `last`. */
static uint32_t up_to(const mr_reject_list *list, uint32_t from, uint64_t last)
{
    uint32_t count = 0;
    for (uint32_t i = from; i < list->count; i++)
        count += mr_reject_at(list, i)->record <= last;
    return count;
}

/* The counts may come to less than nothing in a part whose rows earlier parts have counted already:
 * then they are taken back from the ledger, whose sums wrap the same way. */
static void cut_dropped(mr_job *job, uint64_t last)
{
    const mr_dropped_row *dropped = (const mr_dropped_row *)(const void *)job->dropped.ptr;
    const size_t count = job->dropped.len / sizeof *dropped;
    for (size_t i = 0; i < count; i++) {
        if (job->batch.origin.record + dropped[i].record <= last) continue;
        if (dropped[i].duplicate)
            job->deduplicated--;
        else
            job->filtered--;
    }
}

/* The batch's first `rows` rows are all that is wanted. The records behind them are as good as
 * never read: neither they nor what was rejected or filtered among them counts. */
static void cut_at_limit(mr_job *job, uint32_t rows, counts before)
{
    mr_flow_reset(&job->flow);
    const uint64_t last = job->batch.origin.record + job->batch.row_record[rows - 1];
    mr_reject_list_sort(&job->rejects, before.rejects);
    mr_reject_list_sort(&job->refused, before.refused);
    mr_reject_list_cut(&job->rejects, before.rejects + up_to(&job->rejects, before.rejects, last));
    mr_reject_list_cut(&job->refused, before.refused + up_to(&job->refused, before.refused, last));
    cut_dropped(job, last);
    job->result.record_count = last + 1;
    mr_batch_truncate(&job->batch, rows);
    job->paused = false;
    job->cut = job->done = true;
}

/* The rows that waited are the batch, and what they need is a new part. */
static mr_code begin_part(mr_lane *lane, mr_job *job)
{
    const mr_engine_config *config = lane->config;
    mr_error *err = &job->error;
    MR_TRY(mr_batch_move_rows(&lane->rest, 0, &job->batch, err));
    MR_TRY(mr_drift_advance(config->drift, job, err));
    job->paused = false;
    job->read_done = job->done_behind;
    return config->destination->part(config->destination_state, &job->expected->schema, job, err);
}

void mr_lane_cut(mr_job *job, uint32_t rows)
{
    cut_at_limit(job, rows, (counts){0, 0});
}

/* Rejects are to show the records as the source had them, also when steps change them. */
static mr_code keep_original(const mr_lane *lane, mr_job *job)
{
    const bool steps = lane->chain != NULL || lane->config->ordered != NULL;
    if (!steps || job->stepped || !job->from_batch || job->batch.origin.bytes.ptr != NULL)
        return MR_OK;
    mr_batch_reset(&job->original);
    return mr_batch_copy(&job->original, &job->batch, &job->error);
}

static mr_code watch_drift(mr_lane *lane, mr_job *job)
{
    if (lane->config->drift == NULL || job->stepped) return MR_OK;
    MR_TRY(mr_drift_apply(lane->config->drift, job, &lane->rest, &job->error));
    if (!job->breaks) return MR_OK;
    job->read_done = !lane->in_order; /* a lane leaves all of it to the collector */
    if (!lane->in_order) return MR_OK;
    job->breaks = false;
    job->paused = true;
    job->done_behind = job->done;
    return MR_OK;
}

static mr_code fill_batch(mr_lane *lane, mr_job *job)
{
    const mr_engine_config *config = lane->config;
    const uint32_t rejects = job->rejects.count;
    if (job->paused) return begin_part(lane, job);
    if (job->from_batch)
        job->done = true;
    else
        MR_TRY(config->source->read(lane->source_lane, job, &job->error));
    job->read_done = job->done;
    MR_TRY(mr_job_keep_fields(job, &job->rejects, rejects, &job->error));
    if (config->window != NULL && !job->stepped)
        MR_TRY(config->window(config->window_context, job, &job->error));
    if (config->admit == NULL || job->stepped) return MR_OK;
    return config->admit(config->admit_context, job, &job->error);
}

static mr_code read_batch(mr_lane *lane, mr_job *job)
{
    mr_buffer_reset(&job->dropped);
    MR_TRY(fill_batch(lane, job));
    job->done = job->read_done;
    MR_TRY(watch_drift(lane, job));
    return keep_original(lane, job);
}

/* Reads a batch, or goes on with what steps have of an earlier one, and takes out what does not go
 * on. */
static mr_code take_batch(mr_lane *lane, mr_job *job, uint64_t *row_limit)
{
    const mr_engine_config *config = lane->config;
    const counts before = {job->rejects.count, job->refused.count};
    const uint64_t aside = job->filtered + job->deduplicated;
    const bool pending = mr_flow_pending(&job->flow);
    if (!pending) MR_TRY(read_batch(lane, job));
    if (lane->chain != NULL && (pending || !job->stepped))
        MR_TRY(mr_lane_step(lane->chain, job, &job->flow, &job->error));
    if (config->stamp != NULL && (pending || !job->stepped))
        MR_TRY(config->stamp(config->stamp_context, &job->batch, &job->error));
    job->stepped = job->from_batch;
    job->done = job->read_done && !mr_flow_pending(&job->flow);
    if (job->batch.row_count >= *row_limit) cut_at_limit(job, (uint32_t)*row_limit, before);
    *row_limit -= job->batch.row_count;
    job->offered += job->batch.row_count;
    job->row_count += job->batch.row_count + (job->refused.count - before.refused) +
                      (job->filtered + job->deduplicated - aside);
    return MR_OK;
}

static mr_code place(void *context, uint32_t from, mr_error *err)
{
    mr_job *job = context;
    mr_job_place_refused(job, from);
    return mr_job_keep_fields(job, &job->refused, from, err);
}

static mr_code drop(void *context, const uint8_t *keep, bool duplicates, mr_error *err)
{
    return mr_job_drop(context, keep, duplicates, err);
}

mr_code mr_lane_step(mr_chain_lane *chain, mr_job *job, mr_flow *flow, mr_error *err)
{
    mr_chain_io io = {.batch = &job->batch,
                      .flow = flow,
                      .rejects = &job->rejects,
                      .refused = &job->refused,
                      .place = place,
                      .drop = drop,
                      .context = job};
    return mr_flow_pending(flow) ? mr_chain_next(chain, &io, err) : mr_chain_begin(chain, &io, err);
}

mr_code mr_lane_encode(mr_lane *lane, mr_job *job)
{
    const uint32_t from = job->refused.count;
    MR_TRY(lane->config->destination->encode(lane->destination_lane, job, &job->error));
    mr_job_place_refused(job, from);
    return mr_job_keep_fields(job, &job->refused, from, &job->error);
}

static bool part_is_full(const mr_engine_config *config, const mr_job *job)
{
    return job->encoded.len >= MR_LANE_PART_BYTES ||
           (config->part_bytes > 0 && job->encoded.len >= config->part_bytes) ||
           (config->part_rows > 0 && job->row_count >= config->part_rows) ||
           job->rejects.count + job->refused.count >= MR_LANE_PART_REJECTS;
}

static mr_code work(mr_lane *lane, mr_job *job, uint64_t row_limit)
{
    const mr_engine_config *config = lane->config;
    const bool encodes = config->destination->encode != NULL && config->ordered == NULL;
    do {
        MR_TRY(take_batch(lane, job, &row_limit));
        if (encodes) MR_TRY(mr_lane_encode(lane, job));
    } while (!job->done && !job->paused && encodes && !part_is_full(config, job));
    if (encodes && config->destination->finish_piece != NULL)
        return config->destination->finish_piece(lane->destination_lane, job, &job->error);
    return MR_OK;
}

void mr_lane_work(mr_lane *lane, mr_job *job, uint64_t row_limit)
{
    job->in_order = lane->in_order;
    if (job->code == MR_OK) job->code = work(lane, job, row_limit);
}
