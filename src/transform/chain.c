/* SPDX-License-Identifier: MIT */
#include "transform/chain.h"

#include "core/mem.h"
#include "core/packed.h"
#include "transform/chain_internal.h"

/* --- lanes ------------------------------------------------------------------------------------ */

static mr_code open_state(const mr_op *op, mr_op_state *state, mr_error *err)
{
    mr_batch_init(&state->built, 0);
    mr_buffer_init(&state->text, "a text that a step makes", MR_CHAIN_LANE_BYTES);
    mr_buffer_init(&state->path, "a name that flatten makes", MR_CHAIN_LANE_BYTES);
    mr_buffer_init(&state->stack, "objects inside each other", MR_CHAIN_LANE_BYTES);
    mr_buffer_init(&state->slots, "columns of a step", MR_CHAIN_LANE_BYTES);
    if (op->step->kind == MR_STEP_DEDUPE) MR_TRY(mr_dedupe_open(op->step, &state->dedupe, err));
    if (op->expr_count == 0) return MR_OK;
    state->evals = mr_mem_zalloc(sizeof *state->evals * op->expr_count);
    if (state->evals == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a step");
    for (uint32_t i = 0; i < op->expr_count; i++)
        MR_TRY(mr_eval_new(op->exprs[i], &state->evals[i], err));
    return MR_OK;
}

static void column_done(mr_column *column)
{
    mr_mem_free(column->offsets);
    mr_mem_free(column->validity);
    mr_mem_free(column->presence);
    mr_mem_free(column->tags);
    mr_buffer_done(&column->data);
}

static void close_state(const mr_op *op, mr_op_state *state)
{
    for (uint32_t i = 0; state->evals != NULL && i < op->expr_count; i++)
        mr_eval_free(state->evals[i]);
    mr_mem_free(state->evals);
    column_done(&state->computed);
    mr_batch_done(&state->built);
    mr_buffer_done(&state->text);
    mr_buffer_done(&state->path);
    mr_buffer_done(&state->stack);
    mr_buffer_done(&state->slots);
    mr_dedupe_close(state->dedupe);
}

mr_code mr_chain_lane_open(const mr_chain *chain, mr_chain_lane **out, mr_error *err)
{
    mr_chain_lane *lane = mr_mem_zalloc(sizeof *lane);
    if (lane == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a worker's steps");
    lane->chain = chain;
    lane->states = mr_mem_zalloc(sizeof *lane->states * (chain->op_count + 1));
    mr_code rc = lane->states != NULL
                     ? MR_OK
                     : mr_fail(err, MR_ERR_NOMEM, "no memory left for a worker's steps");
    for (uint32_t i = 0; rc == MR_OK && i < chain->op_count; i++)
        rc = open_state(&chain->ops[i], &lane->states[i], err);
    if (rc == MR_OK)
        *out = lane;
    else
        mr_chain_lane_close(lane);
    return rc;
}

void mr_chain_lane_close(mr_chain_lane *lane)
{
    if (lane == NULL) return;
    for (uint32_t i = 0; lane->states != NULL && i < lane->chain->op_count; i++)
        close_state(&lane->chain->ops[i], &lane->states[i]);
    mr_mem_free(lane->states);
    mr_mem_free(lane);
}

mr_code mr_chain_lane_save(const mr_chain_lane *lane, mr_buffer *out, mr_error *err)
{
    for (uint32_t i = 0; i < lane->chain->op_count; i++) {
        const mr_dedupe *dedupe = lane->states[i].dedupe;
        if (dedupe == NULL) continue;
        const size_t at = out->len;
        MR_TRY(mr_pack_u32(out, 0, err));
        MR_TRY(mr_dedupe_save(dedupe, out, err));
        const size_t len = out->len - at - 4;
        for (size_t b = 0; b < 4; b++)
            out->ptr[at + b] = (char)(len >> 8 * b);
    }
    return MR_OK;
}

mr_code mr_chain_lane_load(mr_chain_lane *lane, mr_slice saved, mr_error *err)
{
    mr_packed_in in = {.left = saved};
    for (uint32_t i = 0; i < lane->chain->op_count; i++) {
        mr_dedupe *dedupe = lane->states[i].dedupe;
        if (dedupe == NULL) continue;
        const mr_slice state = mr_packed_text(&in);
        if (!in.broken) MR_TRY(mr_dedupe_load(dedupe, state, err));
    }
    if (mr_packed_all_read(&in)) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "what the steps remembered is damaged");
}

/* --- rows at fault ---------------------------------------------------------------------------- */

void mr_chain_keep_all(mr_chain_lane *lane, const mr_batch *batch)
{
    memset(lane->keep, 0xff, (batch->row_count + 7) / 8);
    lane->fault_count = 0;
}

mr_code mr_chain_fault(mr_chain_lane *lane, mr_chain_io *io, uint32_t row, mr_slice field,
                       mr_slice detail, mr_error *err)
{
    mr_reject *reject;
    mr_bits_put(lane->keep, row, false);
    lane->fault_count++;
    MR_TRY(mr_reject_list_add(io->refused, MR_REASON_TRANSFORM_ERROR, &reject, err));
    reject->row_before = row;
    reject->field = field;
    reject->stage = "transform";
    mr_reject_detail(reject, "%.*s", MR_SLICE_ARGS(detail));
    return MR_OK;
}

mr_code mr_chain_take_out_faults(mr_chain_lane *lane, mr_chain_io *io, uint32_t refused_before,
                                 mr_error *err)
{
    if (lane->fault_count == 0) return MR_OK;
    MR_TRY(io->place(io->context, refused_before, err));
    mr_batch_keep_rows(io->batch, lane->keep);
    lane->fault_count = 0;
    return MR_OK;
}

/* --- the order of faults ---------------------------------------------------------------------- */

static mr_code move_reject(mr_reject_list *from, uint32_t number, mr_reject_list *to, mr_error *err)
{
    mr_reject *made;
    const mr_reject *reject = mr_reject_at(from, number);
    MR_TRY(mr_reject_list_add(to, reject->reason, &made, err));
    *made = *reject;
    made->placed = true; /* where it is from is known */
    if (made->stage == NULL) made->stage = "read";
    return MR_OK;
}

static void cut_list(mr_reject_list *list, uint32_t count)
{
    list->count = count;
    list->items.len = sizeof(mr_reject) * count;
}

/* Moves those of `from`, from number `first` on, that are (or are not) of a record before `bound`;
 * the others close up. */
static mr_code move_some(mr_reject_list *from, uint32_t first, mr_reject_list *to, uint64_t bound,
                         bool before, mr_error *err)
{
    uint32_t kept = first;
    for (uint32_t i = first; i < from->count; i++) {
        const mr_reject *reject = mr_reject_at(from, i);
        if ((reject->record < bound) == before)
            MR_TRY(move_reject(from, i, to, err));
        else
            *mr_reject_at(from, kept++) = *reject;
    }
    cut_list(from, kept);
    return MR_OK;
}

/* A reject of a record that has rows still to come, or stands behind one, waits for them. */
static mr_code settle_faults(mr_chain_io *io, uint32_t refused_before, mr_error *err)
{
    mr_flow *flow = io->flow;
    const int innermost = mr_flow_innermost(flow);
    const bool holds = flow->ready && flow->held.count > 0;
    if (innermost < 0 && !holds) return MR_OK;
    if (!flow->ready) mr_reject_list_init(&flow->held);
    flow->ready = true;
    uint64_t bound = UINT64_MAX;
    if (innermost >= 0) {
        const mr_flow_level *level = &flow->levels[innermost];
        bound = level->whole.origin.record + level->whole.row_record[level->row];
    }
    MR_TRY(move_some(io->refused, refused_before, &flow->held, bound, false, err));
    if (io->rejects != NULL) MR_TRY(move_some(io->rejects, 0, &flow->held, bound, false, err));
    return move_some(&flow->held, 0, io->refused, bound, true, err);
}

/* --- running ---------------------------------------------------------------------------------- */

static mr_code work(mr_chain_lane *lane, uint32_t number, mr_chain_io *io, mr_error *err)
{
    const mr_op *op = &lane->chain->ops[number];
    mr_op_state *state = &lane->states[number];
    switch (op->step->kind) {
    case MR_STEP_FILTER: return mr_op_filter(lane, op, state, io, err);
    case MR_STEP_MAP:
    case MR_STEP_CAST: return mr_op_map(lane, op, state, io, err);
    case MR_STEP_DROP: return mr_op_drop(lane, op, state, io, err);
    case MR_STEP_SELECT: return mr_op_select(lane, op, state, io, err);
    case MR_STEP_RENAME: return mr_op_rename(lane, op, state, io, err);
    case MR_STEP_FLATTEN: return mr_op_flatten(lane, op, state, io, err);
    case MR_STEP_MASK: return mr_op_mask(lane, op, state, io, err);
    case MR_STEP_DEDUPE: return mr_op_dedupe(lane, op, state, io, err);
    case MR_STEP_EXPLODE:
        MR_TRY(mr_flow_open(io->flow, op->level, io->batch, err));
        return mr_op_explode(op, state, &io->flow->levels[op->level], io->batch, err);
    case MR_STEP_AGGREGATE:
    case MR_STEP_KIND_COUNT: break;
    }
    assert(false); /* an aggregate ends a chain */
    return MR_OK;
}

static mr_code work_from(mr_chain_lane *lane, uint32_t number, mr_chain_io *io, mr_error *err)
{
    const mr_chain *chain = lane->chain;
    for (; number < chain->op_count; number++)
        MR_TRY(work(lane, number, io, err));
    return chain->conform != NULL ? mr_op_conform(chain, io->batch, err) : MR_OK;
}

mr_code mr_chain_begin(mr_chain_lane *lane, mr_chain_io *io, mr_error *err)
{
    const uint32_t before = io->refused->count;
    MR_TRY(work_from(lane, 0, io, err));
    return settle_faults(io, before, err);
}

mr_code mr_chain_next(mr_chain_lane *lane, mr_chain_io *io, mr_error *err)
{
    const uint32_t before = io->refused->count;
    const int innermost = mr_flow_innermost(io->flow);
    assert(innermost >= 0);
    uint32_t number = 0;
    while (lane->chain->ops[number].step->kind != MR_STEP_EXPLODE ||
           lane->chain->ops[number].level != (uint32_t)innermost)
        number++;
    MR_TRY(mr_op_explode(&lane->chain->ops[number], &lane->states[number],
                         &io->flow->levels[innermost], io->batch, err));
    MR_TRY(work_from(lane, number + 1, io, err));
    return settle_faults(io, before, err);
}
