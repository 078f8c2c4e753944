/* SPDX-License-Identifier: MIT */
#include "pipeline/hold.h"

#include "core/clock.h"

/* --- the store as a source
 * --------------------------------------------------------------------------- */

static const mr_schema *held_schema(void *state)
{
    return mr_store_schema(((mr_hold *)state)->store);
}

static uint32_t held_abilities(void *state)
{
    (void)state;
    return MR_CAP_SPLIT | MR_CAP_TYPED;
}

/* Hands out a group's share at a time, of one file, and frees it: draining needs no more memory
 * than holding did. */
static mr_code held_fetch(void *state, mr_job *job, mr_error *err)
{
    mr_hold *hold = state;
    mr_batch *batch = &job->batch;
    uint64_t count = 0;
    const uint32_t asked = batch->asked_max_rows;
    const uint64_t run = mr_places_run(&hold->places);
    job->from_batch = true;
    job->end = run == 0;
    if (job->end) return MR_OK;
    batch->asked_max_rows = (uint32_t)mr_min_u64(asked, run);
    const mr_code rc = mr_store_take_front(hold->store, batch, &count, err);
    batch->asked_max_rows = asked;
    MR_TRY(rc);
    mr_places_take(&hold->places, batch);
    job->file_name = batch->origin.source;
    mr_store_count_beside(hold->store, mr_places_bytes(&hold->places));
    return MR_OK;
}

static const mr_source_ops source_held = {
    .name = "store",
    .summary = "records held in memory",
    .schema = held_schema,
    .abilities = held_abilities,
    .fetch = held_fetch,
};

/* --- holding
 * ----------------------------------------------------------------------------------------- */

mr_code mr_hold_open(mr_hold *hold, const mr_store_config *config, mr_engine_config *onward,
                     int64_t flush_interval_ns, mr_error *err)
{
    memset(hold, 0, sizeof *hold);
    onward->source = &source_held;
    onward->source_state = hold;
    onward->stop = &hold->stop;
    onward->memory_limit_bytes = 0; /* draining is what makes room */
    hold->onward = onward;
    hold->flush_interval_ns = flush_interval_ns;
    hold->flushed_ns = mr_clock_ns();
    mr_places_init(&hold->places);
    return mr_store_open(config, &hold->store, err);
}

void mr_hold_close(mr_hold *hold)
{
    mr_store_close(hold->store);
    mr_places_done(&hold->places);
    hold->store = NULL;
}

static void add_ledger(mr_ledger *sum, const mr_ledger *part)
{
    sum->read += part->read;
    sum->written += part->written;
    sum->rejected += part->rejected;
    sum->filtered += part->filtered;
    sum->deduplicated += part->deduplicated;
    sum->batches += part->batches;
    for (int i = 0; i < MR_REASON_COUNT; i++)
        sum->by_reason[i] += part->by_reason[i];
}

/* The figures of a run are those of the store at its fullest. */
static void keep_stats(mr_hold *hold)
{
    mr_store_stats now;
    mr_store_stats_now(hold->store, &now);
    if (now.records >= hold->stats.records) hold->stats = now;
}

mr_code mr_hold_drain(mr_hold *hold, mr_error *err)
{
    mr_ledger ledger;
    keep_stats(hold);
    atomic_store(&hold->stop, false);
    const mr_end end = mr_engine_run(hold->onward, &ledger, err);
    add_ledger(&hold->ledger, &ledger);
    hold->flushed_ns = mr_clock_ns();
    if (end == MR_END_DONE) return MR_OK;
    return err->code != MR_OK ? err->code : MR_ERR_CLOSED;
}

static bool flush_is_due(const mr_hold *hold)
{
    return hold->flush_interval_ns > 0 &&
           mr_clock_ns() - hold->flushed_ns > hold->flush_interval_ns;
}

/* Where the rows of a batch are in their source, as mr_job_place_refused() and the quarantine would
 * say it now. */
static mr_code keep_places(mr_hold *hold, const mr_job *job, mr_error *err)
{
    const mr_batch *batch = &job->batch;
    const mr_origin *origin = &batch->origin;
    const bool text = origin->bytes.ptr != NULL;
    const bool based = job->bytes.len > 0 && !job->unplaced;
    const uint64_t record = job->record_base + origin->record;
    const uint64_t line = origin->line + (based ? job->line_base + 1 : 0);
    const uint64_t offset = origin->byte_offset + (based ? job->offset + job->start : 0);
    MR_TRY(mr_places_enter(&hold->places, job->file_name, err));
    for (uint32_t row = 0; row < batch->row_count; row++) {
        mr_place_of_row place = {.record = record + batch->row_record[row]};
        if (text && line + batch->row_line[row] > 0) {
            place.line = line + batch->row_line[row];
            place.byte_offset = offset + batch->row_offset[row];
            place.byte_length = batch->row_length[row];
        }
        MR_TRY(mr_places_add(&hold->places, &place, err));
    }
    mr_store_count_beside(hold->store, mr_places_bytes(&hold->places));
    return MR_OK;
}

static mr_code hold_write(void *state, mr_job *job, mr_error *err)
{
    mr_hold *hold = state;
    MR_TRY(keep_places(hold, job, err));
    MR_TRY(mr_store_append(hold->store, &job->batch, err));
    job->encoded_rows += job->batch.row_count;
    if (mr_store_pressure_now(hold->store) == MR_STORE_FULL) return mr_hold_drain(hold, err);
    if (!flush_is_due(hold)) return MR_OK;
    MR_TRY(mr_store_flush(hold->store, err));
    return mr_hold_drain(hold, err);
}

const mr_destination_ops mr_destination_hold = {
    .name = "store",
    .summary = "holds records in memory",
    .capabilities = MR_CAP_STREAM,
    .guarantee = "memory only",
    .state_bytes = sizeof(mr_hold),
    .write = hold_write,
};
