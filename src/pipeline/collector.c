/* SPDX-License-Identifier: MIT */
#include "pipeline/collector.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/clock.h"

#define MAX_CARRY_BYTES  ((size_t)1 << 30)
#define KEEP_CARRY_BYTES ((size_t)1 << 20)

static void go_to(mr_place *place, const mr_source_place *from)
{
    place->begun = from->mark.ptr == NULL;
    place->file = from->file;
    place->offset = from->offset;
    place->record_base = from->record_base;
    place->line_base = from->line_base;
    place->state = from->state;
    place->retry_at = from->retry_bytes;
    place->owed = from->carry_bytes > 0;
}

mr_code mr_collector_open(mr_collector *c, const mr_engine_config *config, bool threaded,
                          mr_error *err)
{
    c->config = config;
    c->threaded = threaded;
    mr_buffer_init(&c->place.carry, "a record (limits.max_record_bytes)", MAX_CARRY_BYTES);
    mr_buffer_init(&c->place.mark, "the source's position", MR_POSITION_MAX);
    if (config->from != NULL) go_to(&c->place, config->from);
    mr_job_init(&c->seam);
    mr_buffer_init(&c->held_raw, "a rejected record", MR_REJECT_RAW_BYTES + 1);
    c->lane_opened = true;
    if (config->ordered != NULL) MR_TRY(mr_chain_lane_open(config->ordered, &c->ordered, err));
    const mr_code rc = mr_lane_open(&c->lane, config, err);
    c->lane.in_order = true;
    if (rc != MR_OK || c->ordered == NULL || config->ordered_open == NULL) return rc;
    return config->ordered_open(config->ordered_context, c->ordered, err);
}

void mr_collector_close(mr_collector *c)
{
    if (!c->lane_opened) return;
    mr_lane_close(&c->lane);
    mr_chain_lane_close(c->ordered);
    mr_flow_done(&c->ordered_flow);
    mr_job_done(&c->seam);
    mr_buffer_done(&c->place.carry);
    mr_buffer_done(&c->held_raw);
    mr_buffer_done(&c->place.mark);
}

mr_code mr_collector_finish(mr_collector *c, mr_error *err)
{
    if (c->place.carry.len == 0) return MR_OK;
    return mr_fail(err, MR_ERR_IO, "%zu bytes at the end of the input were not read",
                   c->place.carry.len);
}

mr_code mr_collector_settled(mr_collector *c, bool ending, mr_error *err)
{
    const mr_place *place = &c->place;
    const bool nowhere = (!place->begun && place->mark.len == 0) || place->owed || c->holding;
    if (c->config->settled == NULL || nowhere) return MR_OK;
    const mr_source_place at = {.file = place->file,
                                .offset = place->offset,
                                .carry_bytes = place->carry.len,
                                .retry_bytes = place->retry_at,
                                .record_base = place->record_base,
                                .line_base = place->line_base,
                                .state = place->state,
                                .mark = mr_buffer_slice(&place->mark)};
    return c->config->settled(c->config->settled_context, &at, c->ledger, ending, err);
}

static uint64_t rows_left(const mr_collector *c)
{
    return c->config->limit == 0 ? UINT64_MAX : c->config->limit - c->ledger->offered;
}

/* How many rows a lane need not go beyond. */
static uint64_t lane_limit(const mr_collector *c)
{
    return c->ordered != NULL ? UINT64_MAX : rows_left(c);
}

/* --- accounts
 * --------------------------------------------------------------------------------------- */

static mr_code put(const mr_collector *c, mr_slice source, const mr_reject *reject, mr_error *err)
{
    if (c->config->reject == NULL) return MR_OK;
    return c->config->reject(c->config->reject_context, source, reject, err);
}

/* One byte more than the quarantine keeps shows it that there was more. */
static mr_code hold(mr_collector *c, const mr_job *job, const mr_reject *reject, mr_error *err)
{
    mr_slice raw = reject->raw;
    if (raw.len > MR_REJECT_RAW_BYTES + 1) raw.len = MR_REJECT_RAW_BYTES + 1;
    mr_buffer_reset(&c->held_raw);
    MR_TRY(mr_buffer_append(&c->held_raw, raw, err));
    c->held = *reject;
    c->held.raw = mr_buffer_slice(&c->held_raw);
    c->held_name = job->file_name;
    c->holding = true;
    return MR_OK;
}

mr_code mr_collector_release(mr_collector *c, mr_error *err)
{
    if (!c->holding) return MR_OK;
    c->holding = false;
    return put(c, c->held_name, &c->held, err);
}

/* What this part of the stream says about the record that is held. */
static mr_code continue_held(mr_collector *c, const mr_job *job, mr_error *err)
{
    if (!c->holding) return MR_OK;
    c->held.byte_length += job->result.long_line_bytes - job->accounted.long_line_bytes;
    if (job->result.in_long_line && job->rejects.count == 0) return MR_OK;
    return mr_collector_release(c, err);
}

static mr_code quarantine(mr_collector *c, mr_job *job, mr_reject *reject, mr_error *err)
{
    c->ledger->rejected++;
    c->ledger->by_reason[reject->reason]++;
    atomic_fetch_add_explicit(&c->config->view->by_reason[reject->reason], 1, memory_order_relaxed);
    atomic_store_explicit(&c->config->view->rejected, c->ledger->rejected, memory_order_relaxed);
    reject->record += job->record_base + 1;
    if (job->attempts > 0) reject->attempts = job->attempts + 1;
    if (job->bytes.len > 0 && !job->unplaced) { /* else: no lines, no bytes */
        reject->line += job->line_base + 1;
        reject->byte_offset += job->offset + job->start;
    }
    MR_TRY(reject->open_ended ? hold(c, job, reject, err) : put(c, job->file_name, reject, err));
    if (c->ledger->rejected <= c->config->max_rejects || c->rejects_exceeded) return MR_OK;
    c->rejects_exceeded = true;
    const char *key =
        c->config->max_rejects == 0 ? "on_error: fail, or max_rejects 0" : "max_rejects";
    mr_fail(&c->exceeded, MR_ERR_INPUT, "'%.*s' line %" PRIu64 ": record rejected: %s%s%s (%s)",
            MR_SLICE_ARGS(job->file_name), reject->line, mr_reason_name(reject->reason),
            reject->detail[0] != 0 ? ": " : "", reject->detail, key);
    return MR_OK;
}

/* Both lists are in stream order; so is what goes to the quarantine. */
static mr_code quarantine_all(mr_collector *c, mr_job *job, mr_error *err)
{
    uint32_t read = 0, refused = 0;
    mr_reject_list_sort(&job->refused, 0);
    while (read < job->rejects.count || refused < job->refused.count) {
        const bool take_read =
            refused == job->refused.count ||
            (read < job->rejects.count && mr_reject_at(&job->rejects, read)->record <
                                              mr_reject_at(&job->refused, refused)->record);
        mr_reject *next = take_read ? mr_reject_at(&job->rejects, read++)
                                    : mr_reject_at(&job->refused, refused++);
        if (next->stage == NULL) next->stage = take_read ? "read" : "write";
        MR_TRY(quarantine(c, job, next, err));
    }
    return MR_OK;
}

bool mr_collector_rejects_exceeded(const mr_collector *c, mr_error *err)
{
    const mr_ledger *l = c->ledger;
    const mr_engine_config *config = c->config;
    const uint64_t line = c->place.line_base + 1;
    if (c->rejects_exceeded) return true;
    if (l->read >= 1000 && (double)l->rejected > config->max_reject_share * (double)l->read)
        mr_fail(err, MR_ERR_INPUT,
                "%" PRIu64 " of %" PRIu64 " records rejected, more than max_rejects %g%%",
                l->rejected, l->read, config->max_reject_share * 100);
    else if (l->resyncs > config->max_resyncs)
        mr_fail(err, MR_ERR_INPUT,
                "'%.*s' up to line %" PRIu64 ": reading had to step over damage %" PRIu64
                " times, more than limits.max_resyncs %" PRIu64 "; is this the right format?",
                MR_SLICE_ARGS(c->place.file_name), line, l->resyncs, config->max_resyncs);
    else
        return false;
    return true;
}

/* What others see of the run. */
static void show(const mr_collector *c, const mr_job *job)
{
    mr_engine_view *view = c->config->view;
    const mr_ledger *l = c->ledger;
    const mr_destination_ops *destination = c->config->destination;
    atomic_store_explicit(&view->read, l->read, memory_order_relaxed);
    atomic_store_explicit(&view->written, l->written, memory_order_relaxed);
    atomic_store_explicit(&view->rejected, l->rejected, memory_order_relaxed);
    atomic_store_explicit(&view->filtered, l->filtered, memory_order_relaxed);
    atomic_store_explicit(&view->deduplicated, l->deduplicated, memory_order_relaxed);
    atomic_store_explicit(&view->batches, l->batches, memory_order_relaxed);
    if (destination->bytes_out != NULL)
        atomic_store_explicit(&view->bytes_out,
                              destination->bytes_out(c->config->destination_state),
                              memory_order_relaxed);
    if (job->encoded_rows > 0)
        mr_histogram_record_many(&view->latency, (uint64_t)(mr_clock_ns() - job->born_ns),
                                 job->encoded_rows);
}

/* Counts of a piece run on from part to part; the ledger takes what is new. */
static void account(mr_collector *c, mr_job *job)
{
    mr_ledger *l = c->ledger;
    const mr_text_result *now = &job->result, *before = &job->accounted;
    l->read += job->row_count + job->rejects.count;
    l->written += job->encoded_rows;
    l->offered += job->offered;
    l->filtered += job->filtered;
    l->deduplicated += job->deduplicated;
    l->blank_lines += now->blank_lines - before->blank_lines;
    l->duplicate_keys += now->duplicate_keys - before->duplicate_keys;
    l->resyncs += now->resync_count - before->resync_count;
    l->batches++;
    job->accounted = *now;
    show(c, job);
}

/* --- one settled piece
 * ------------------------------------------------------------------------------ */

static mr_code fail_in_piece(const mr_job *job, mr_error *err)
{
    char name[128];
    *err = job->error;
    snprintf(name, sizeof name, "%.*s", MR_SLICE_ARGS(job->file_name));
    if (job->error_line > 0 && job->error_column > 0)
        return mr_error_prefix(err, "'%s' line %" PRIu64 ", column %" PRIu64, name,
                               job->line_base + job->error_line, job->error_column);
    if (job->error_line > 0)
        return mr_error_prefix(err, "'%s' line %" PRIu64, name, job->line_base + job->error_line);
    if (name[0] == 0 || strstr(err->text, name) != NULL) return job->code;
    return mr_error_prefix(err, "'%s'", name);
}

/* A lane does not know how many rows are still wanted: the piece is cut by reading it again. */
static void respect_limit(mr_collector *c, mr_job *job)
{
    if (job->code != MR_OK || job->offered < rows_left(c) || job->from_batch) return;
    if (c->ordered != NULL) return; /* it is cut behind the steps that need the order */
    mr_lane_unread(job, job->start, job->begin_state);
    mr_lane_work(&c->lane, job, lane_limit(c));
}

/* What the piece did not consume goes before the next one. */
static mr_code keep_tail(mr_place *place, const mr_job *job, mr_error *err)
{
    const mr_slice tail = {job->bytes.ptr + job->at, job->bytes.len - job->at};
    place->offset = job->offset + job->at;
    place->record_base += job->result.record_count;
    place->line_base += job->result.line_count;
    place->state = job->state;
    place->retry_at = job->at == job->start ? tail.len * 2 : 0;
    return mr_buffer_append(&place->carry, tail, err);
}

/* The destination does not keep up and the user would rather lose records than wait. */
static bool must_drop(const mr_collector *c)
{
    return c->config->drops &&
           atomic_load_explicit(&c->config->view->pressure.critical, memory_order_relaxed);
}

static void drop(mr_collector *c, mr_job *job)
{
    const bool encoded = c->config->destination->encode != NULL;
    const uint64_t rows = encoded ? job->encoded_rows : job->batch.row_count;
    job->filtered += rows;
    job->encoded_rows = 0;
    atomic_fetch_add_explicit(&c->config->view->dropped, rows, memory_order_relaxed);
}

static mr_code give(mr_collector *c, mr_job *job, mr_error *err)
{
    const mr_engine_config *config = c->config;
    if (must_drop(c)) {
        drop(c, job);
        return MR_OK;
    }
    if (config->pace != NULL) MR_TRY(config->pace(config->pace_context, job, err));
    return config->destination->write(config->destination_state, job, err);
}

static mr_code place_refused(mr_job *job, uint32_t from, mr_error *err)
{
    mr_job_place_refused(job, from);
    return mr_job_keep_fields(job, &job->refused, from, err);
}

static mr_code fail_with(mr_job *job, mr_code code, mr_error *err)
{
    job->code = code;
    return fail_in_piece(job, err);
}

/* The next rows through the steps that need the order; what is behind the limit is cut. */
static mr_code step_in_order(mr_collector *c, mr_job *job, uint64_t *rows, mr_error *err)
{
    const uint32_t refused = job->refused.count;
    const uint64_t left = rows_left(c) - job->offered;
    MR_TRY(mr_lane_step(c->ordered, job, &c->ordered_flow, err));
    if (job->batch.row_count >= left) {
        mr_flow_reset(&c->ordered_flow);
        mr_lane_cut(job, (uint32_t)left);
    }
    job->offered += job->batch.row_count;
    *rows += job->batch.row_count + (job->refused.count - refused);
    return MR_OK;
}

static mr_code hand_over(mr_collector *c, mr_job *job, uint64_t *rows, mr_error *err)
{
    const uint32_t refused = job->refused.count;
    const uint64_t filtered = job->filtered;
    if (c->config->destination->encode != NULL) {
        const mr_code rc = mr_lane_encode(&c->lane, job);
        return rc == MR_OK ? MR_OK : fail_with(job, rc, err);
    }
    MR_TRY(give(c, job, err));
    *rows -= job->filtered - filtered; /* dropped: counted as filtered now */
    return place_refused(job, refused, err);
}

/* What the lanes left to do, because it needs the records in order. A part is one batch then, and
 * what was taken out of it on the lane is in the job. */
static mr_code deliver_in_order(mr_collector *c, mr_job *job, mr_error *err)
{
    const mr_destination_ops *destination = c->config->destination;
    uint64_t rows = job->refused.count;
    job->offered = 0;
    do {
        MR_TRY(step_in_order(c, job, &rows, err));
        MR_TRY(hand_over(c, job, &rows, err));
    } while (mr_flow_pending(&c->ordered_flow));
    job->row_count = rows + job->filtered + job->deduplicated;
    if (destination->encode == NULL) return MR_OK;
    if (destination->finish_piece != NULL) {
        const mr_code rc = destination->finish_piece(c->lane.destination_lane, job, &job->error);
        if (rc != MR_OK) return fail_with(job, rc, err);
    }
    return give(c, job, err);
}

static mr_code keep_mark(mr_place *place, const mr_job *job, mr_error *err)
{
    mr_buffer_reset(&place->mark);
    return mr_buffer_append(&place->mark, mr_buffer_slice(&job->mark), err);
}

static mr_code deliver_part(mr_collector *c, mr_job *job, mr_error *err)
{
    const mr_destination_ops *destination = c->config->destination;
    const uint32_t refused = job->refused.count;
    if (job->code != MR_OK) return fail_in_piece(job, err);
    if (c->ordered != NULL) {
        MR_TRY(deliver_in_order(c, job, err));
    } else {
        MR_TRY(give(c, job, err));
        if (destination->encode == NULL) MR_TRY(place_refused(job, refused, err));
    }
    MR_TRY(continue_held(c, job, err));
    account(c, job);
    if (job->drift.len > 0 || job->discarded > 0)
        MR_TRY(c->config->drifted(c->config->drifted_context, job, err));
    if (c->config->delivered != NULL)
        MR_TRY(c->config->delivered(c->config->delivered_context, job, err));
    MR_TRY(quarantine_all(c, job, err));
    if (!c->rejects_exceeded) return MR_OK;
    *err = c->exceeded;
    return c->exceeded.code;
}

/* A piece that gave much, or many rejects, comes in parts: the first as the lane left it, the
 * others are read here, so that no piece holds more than a part's worth of output. */
static mr_code deliver(mr_collector *c, mr_job *job, mr_error *err)
{
    job->record_base = c->place.record_base;
    job->line_base = c->place.line_base;
    respect_limit(c, job);
    MR_TRY(deliver_part(c, job, err));
    while (!job->done && rows_left(c) > 0 && !mr_collector_rejects_exceeded(c, err)) {
        mr_lane_next_part(job);
        mr_lane_work(&c->lane, job, lane_limit(c));
        MR_TRY(deliver_part(c, job, err));
    }
    return job->from_batch ? keep_mark(&c->place, job, err) : keep_tail(&c->place, job, err);
}

/* --- settling where a piece begins
 * ------------------------------------------------------------------ */

static mr_code enter_file(mr_collector *c, const mr_job *job, mr_error *err)
{
    mr_place *place = &c->place;
    if (place->begun && place->file == job->file) return MR_OK;
    if (place->carry.len > 0)
        return mr_fail(err, MR_ERR_IO, "%zu bytes at the end of a file were not read",
                       place->carry.len);
    MR_TRY(mr_collector_release(c, err));
    place->begun = true;
    place->file = job->file;
    place->offset = job->offset;
    place->record_base = job->records_before;
    place->line_base = job->lines_before;
    place->state = job->begin_state;
    place->file_name = job->file_name;
    return MR_OK;
}

static bool same_state(mr_reader_state a, mr_reader_state b)
{
    return a.where == b.where && a.element == b.element;
}

static bool begins_right(const mr_place *place, const mr_job *job)
{
    return !job->unguessed && place->carry.len == 0 && job->start == 0 &&
           same_state(place->state, job->begin_state);
}

static void empty_carry(mr_place *place)
{
    mr_buffer_reset(&place->carry);
    mr_buffer_shrink(&place->carry, KEEP_CARRY_BYTES);
}

/* Reads what lies between the last record taken and the lane's guess. The guess was right if
 * reading ends exactly there, in the state that the lane took for granted; the seam is then
 * delivered. */
static mr_code try_seam(mr_collector *c, mr_job *job, bool *out_right, mr_error *err)
{
    mr_job *seam = &c->seam;
    mr_place *place = &c->place;
    mr_job_reset(seam);
    MR_TRY(mr_buffer_append(&seam->bytes, mr_buffer_slice(&place->carry), err));
    MR_TRY(mr_buffer_append(&seam->bytes, (mr_slice){job->bytes.ptr, job->start}, err));
    seam->offset = place->offset;
    seam->file = job->file;
    seam->file_name = job->file_name;
    seam->born_ns = job->born_ns;
    seam->begin_state = seam->state = place->state;
    mr_lane_work(&c->lane, seam, lane_limit(c));
    *out_right = seam->code == MR_OK && seam->done && seam->at == seam->bytes.len &&
                 same_state(seam->state, job->begin_state);
    if (!*out_right) return MR_OK;
    empty_carry(place);
    return deliver(c, seam, err);
}

/* Reads the piece from its true beginning: the unread tail of the one before. */
static mr_code read_whole(mr_collector *c, mr_job *job, mr_error *err)
{
    mr_place *place = &c->place;
    mr_buffer *carry = &place->carry;
    if (carry->len > 0) {
        MR_TRY(mr_buffer_reserve(&job->bytes, carry->len, err));
        memmove(job->bytes.ptr + carry->len, job->bytes.ptr, job->bytes.len);
        memcpy(job->bytes.ptr, carry->ptr, carry->len);
        job->bytes.len += carry->len;
    }
    job->offset = place->offset;
    empty_carry(place);
    mr_lane_unread(job, 0, place->state);
    mr_lane_work(&c->lane, job, lane_limit(c));
    return deliver(c, job, err);
}

/* What a lane cannot do because a new part begins in it, or did because it had not begun yet. */
static bool is_stale(const mr_collector *c, const mr_job *job)
{
    const mr_drift *drift = c->config->drift;
    if (drift == NULL || job->expected == NULL) return false;
    return job->breaks ||
           atomic_load_explicit(&drift->current, memory_order_relaxed) != job->expected;
}

static mr_code take_text(mr_collector *c, mr_job *job, mr_error *err)
{
    mr_place *place = &c->place;
    MR_TRY(enter_file(c, job, err));
    if (!c->threaded) mr_lane_load(&c->lane, job);
    if (job->code != MR_OK && job->bytes.len == 0) return fail_in_piece(job, err);
    if (job->offset != place->offset + place->carry.len)
        return mr_fail(err, MR_ERR_IO,
                       "a piece begins at byte %" PRIu64 " where %" PRIu64 " is due", job->offset,
                       place->offset + place->carry.len);
    if (job->carried) {
        if (job->code != MR_OK) return fail_in_piece(job, err);
        place->owed = false;
        place->file_name = job->file_name;
        return mr_buffer_append(&place->carry, mr_buffer_slice(&job->bytes), err);
    }
    if (!job->final && place->carry.len + job->bytes.len < place->retry_at)
        return mr_buffer_append(&place->carry, mr_buffer_slice(&job->bytes), err);
    if (!c->threaded || is_stale(c, job)) return read_whole(c, job, err);
    if (begins_right(place, job)) return deliver(c, job, err);
    bool right = false;
    if (!job->unguessed && job->start > 0) MR_TRY(try_seam(c, job, &right, err));
    if (right) return c->config->limit != 0 && rows_left(c) == 0 ? MR_OK : deliver(c, job, err);
    c->ledger->mended++;
    return read_whole(c, job, err);
}

mr_code mr_collector_take(mr_collector *c, mr_job *job, mr_error *err)
{
    if (job->from_batch) {
        /* With a limit the lanes leave these alone: a batch of the source's cannot be made again.
         */
        if (!c->threaded || c->config->limit != 0) mr_lane_work(&c->lane, job, lane_limit(c));
        MR_TRY(deliver(c, job, err));
    } else {
        MR_TRY(take_text(c, job, err));
    }
    const mr_destination_ops *to = c->config->destination;
    const bool hurried = job->hurried && to->encode != NULL; /* others would make it final */
    if ((c->config->streaming || hurried) && to->flush != NULL)
        return to->flush(c->config->destination_state, err);
    return MR_OK;
}
