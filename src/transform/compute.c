/* SPDX-License-Identifier: MIT
 *
 * Steps that compute: filter, map, and cast, which is a map of functions that convert. */
#include "core/json.h"
#include "transform/chain_internal.h"

#define CAST_TEXT_BYTES ((size_t)1 << 20)

/* --- making ----------------------------------------------------------------------------------- */

static mr_expr_env env_of(const mr_columns *in, const mr_chain_env *env, bool predicate)
{
    return (mr_expr_env){.schema = in->known ? &in->schema : NULL,
                         .untyped = in->untyped,
                         .all_untyped = env->all_untyped,
                         .predicate = predicate,
                         .now_ns = env->now_ns};
}

/* "pipeline.yaml:12:5: filter: 1:7: ...": the place of the text in the file, the place in the text.
 */
static mr_code compile(const mr_step *step, const mr_step_part *part, mr_slice text,
                       const mr_expr_env *env, mr_arena *arena, mr_expr **out, mr_error *err)
{
    const mr_code rc = mr_expr_compile(arena, text, env, out, err);
    if (rc == MR_OK || rc == MR_ERR_NOMEM) return rc;
    const char *kind = mr_step_name(step->kind);
    const bool by_flag = strncmp(part->where, "--", 2) == 0; /* which says the step already */
    if (part->name.len > 0) mr_error_prefix(err, "'%.*s'", MR_SLICE_ARGS(part->name));
    if (!by_flag) mr_error_prefix(err, "%s", kind);
    mr_error_prefix(err, "%s", part->where);
    return rc;
}

static mr_code room_for_exprs(mr_op *op, mr_arena *arena, mr_error *err)
{
    op->exprs = mr_arena_take(arena, sizeof *op->exprs * (op->count + 1));
    return op->exprs != NULL ? MR_OK : mr_arena_fail(arena, err);
}

mr_code mr_op_make_filter(mr_op *op, const mr_columns *in, const mr_chain_env *env, mr_arena *arena,
                          mr_error *err)
{
    const mr_expr_env expr_env = env_of(in, env, true);
    const mr_step_part *part = &op->step->parts[0];
    MR_TRY(room_for_exprs(op, arena, err));
    MR_TRY(compile(op->step, part, part->text, &expr_env, arena, &op->exprs[0], err));
    op->expr_count = 1;
    return MR_OK;
}

/* What is known when column `name` has been given values of an expression. */
static mr_code assign(const mr_columns *in, const mr_step_part *part, mr_expr_result result,
                      mr_columns *out, mr_error *err)
{
    bool replaced = false;
    const mr_type type = result.type == MR_TYPE_MIXED ? MR_TYPE_NULL : result.type;
    mr_columns_init(out, in->schema.arena, in->known);
    for (uint32_t i = 0; i < in->schema.field_count; i++) {
        const mr_field *field = &in->schema.fields[i];
        const bool same = mr_slice_equal(field->name, part->name);
        replaced = replaced || same;
        MR_TRY(mr_columns_add(out, field->name, same ? type : field->type,
                              same ? result.untyped : in->untyped[i], part->where, err));
    }
    return replaced ? MR_OK
                    : mr_columns_add(out, part->name, type, result.untyped, part->where, err);
}

mr_code mr_op_make_map(mr_op *op, const mr_columns *in, const mr_chain_env *env, mr_arena *arena,
                       mr_columns *out, mr_error *err)
{
    mr_columns before = *in;
    MR_TRY(room_for_exprs(op, arena, err));
    for (uint32_t i = 0; i < op->count; i++) {
        const mr_step_part *part = &op->step->parts[i];
        const mr_expr_env expr_env = env_of(&before, env, false);
        mr_columns after;
        MR_TRY(compile(op->step, part, part->text, &expr_env, arena, &op->exprs[i], err));
        op->expr_count++;
        MR_TRY(assign(&before, part, mr_expr_result_of(op->exprs[i]), &after, err));
        before = after;
    }
    *out = before;
    return MR_OK;
}

static mr_code check_cast(const mr_step *step, const mr_step_part *part, mr_error *err)
{
    static const char *const types[] = {"int",  "decimal",   "float",  "bool", "date",
                                        "time", "timestamp", "string", "json", "uuid"};
    for (size_t i = 0; i < MR_COUNT_OF(types); i++)
        if (mr_slice_is(part->text, types[i])) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "%s: %s: '%.*s' is no type; expected int, decimal, float, bool, date, time, "
                   "timestamp, uuid, string or json",
                   part->where, mr_step_name(step->kind), MR_SLICE_ARGS(part->text));
}

/* `int(["name"])` */
static mr_code cast_text(const mr_step_part *part, mr_buffer *out, mr_error *err)
{
    mr_buffer_reset(out);
    MR_TRY(mr_buffer_append(out, part->text, err));
    MR_TRY(mr_buffer_append(out, MR_SLICE("(["), err));
    mr_json_out json = {.out = out};
    mr_json_text(&json, part->name);
    if (json.failed) return mr_json_out_fail(&json, err);
    return mr_buffer_append(out, MR_SLICE("])"), err);
}

static mr_code make_casts(mr_op *op, const mr_columns *in, const mr_chain_env *env, mr_arena *arena,
                          mr_buffer *text, mr_columns *out, mr_error *err)
{
    mr_columns before = *in;
    for (uint32_t i = 0; i < op->count; i++) {
        const mr_step_part *part = &op->step->parts[i];
        const mr_expr_env expr_env = env_of(&before, env, false);
        mr_columns after;
        int64_t at;
        MR_TRY(mr_columns_find(&before, op->step, part->name, part->where, &at, err));
        MR_TRY(check_cast(op->step, part, err));
        MR_TRY(cast_text(part, text, err));
        MR_TRY(
            compile(op->step, part, mr_buffer_slice(text), &expr_env, arena, &op->exprs[i], err));
        op->expr_count++;
        if (at < 0) continue; /* of records that have it */
        MR_TRY(assign(&before, part, mr_expr_result_of(op->exprs[i]), &after, err));
        before = after;
    }
    *out = before;
    return MR_OK;
}

mr_code mr_op_make_cast(mr_op *op, const mr_columns *in, const mr_chain_env *env, mr_arena *arena,
                        mr_columns *out, mr_error *err)
{
    mr_buffer text;
    MR_TRY(room_for_exprs(op, arena, err));
    mr_buffer_init(&text, "the text of a cast", CAST_TEXT_BYTES);
    const mr_code rc = make_casts(op, in, env, arena, &text, out, err);
    mr_buffer_done(&text);
    return rc;
}

/* --- working ---------------------------------------------------------------------------------- */

static mr_code take_faults(mr_chain_lane *lane, mr_chain_io *io, const mr_eval *eval,
                           const mr_step_part *part, mr_error *err)
{
    const uint32_t before = io->refused->count, count = mr_eval_fault_count(eval);
    if (MR_LIKELY(count == 0)) return MR_OK;
    mr_chain_keep_all(lane, io->batch);
    for (uint32_t i = 0; i < count; i++) {
        const mr_eval_fault fault = mr_eval_fault_at(eval, i);
        const mr_slice field = fault.field.len > 0 ? fault.field : part->name;
        MR_TRY(mr_chain_fault(lane, io, fault.row, field, fault.text, err));
    }
    return mr_chain_take_out_faults(lane, io, before, err);
}

/* Faults leave first, and the bits of the rows that stay close up. */
static void close_up(uint8_t *bits, const uint8_t *keep, uint32_t rows)
{
    uint32_t to = 0;
    for (uint32_t row = 0; row < rows; row++)
        if ((keep[row / 8] >> row % 8 & 1) != 0)
            mr_bits_put(bits, to++, (bits[row / 8] >> row % 8 & 1) != 0);
}

mr_code mr_op_filter(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                     mr_error *err)
{
    uint8_t keep[MR_BATCH_MAX_ROWS / 8];
    uint32_t kept;
    const uint32_t rows = io->batch->row_count;
    MR_TRY(mr_eval_keep(state->evals[0], io->batch, NULL, keep, &kept, err));
    if (kept == rows) return MR_OK;
    if (mr_eval_fault_count(state->evals[0]) > 0) {
        MR_TRY(take_faults(lane, io, state->evals[0], &op->step->parts[0], err));
        close_up(keep, lane->keep, rows);
    }
    return kept == io->batch->row_count ? MR_OK : io->drop(io->context, keep, false, err);
}

/* The column's number; one that is not there yet is made. */
static mr_code target(mr_batch *batch, const mr_chain_name *name, uint32_t *out, mr_error *err)
{
    const int64_t at = mr_chain_column(batch, 0, name);
    *out = (uint32_t)at;
    return at >= 0 ? MR_OK : mr_batch_add_column(batch, name->name, MR_TYPE_NULL, out, err);
}

static mr_code compute(mr_op_state *state, const mr_op *op, uint32_t part, mr_batch *batch,
                       mr_error *err)
{
    uint32_t number;
    const bool only_where_there = op->step->kind == MR_STEP_CAST;
    if (only_where_there && mr_chain_column(batch, 0, &op->names[part]) < 0) return MR_OK;
    MR_TRY(mr_eval_value(state->evals[part], batch, NULL, &state->computed, err));
    MR_TRY(target(batch, &op->names[part], &number, err));
    mr_column *column = &batch->columns[number];
    const mr_column old = *column;
    *column = state->computed;
    column->name = old.name;
    column->name_hash = old.name_hash;
    state->computed = old;
    return MR_OK;
}

mr_code mr_op_map(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                  mr_error *err)
{
    for (uint32_t i = 0; i < op->count; i++) {
        MR_TRY(compute(state, op, i, io->batch, err));
        MR_TRY(take_faults(lane, io, state->evals[i], &op->step->parts[i], err));
    }
    return MR_OK;
}

/* --- dedupe ----------------------------------------------------------------------------------- */

static mr_code take_timeless(mr_chain_lane *lane, const mr_op *op, mr_chain_io *io,
                             const uint8_t *faults, mr_error *err)
{
    const uint32_t before = io->refused->count;
    mr_chain_keep_all(lane, io->batch);
    for (uint32_t row = 0; row < io->batch->row_count; row++)
        if ((faults[row / 8] >> row % 8 & 1) != 0)
            MR_TRY(mr_chain_fault(lane, io, row, op->step->time.name,
                                  MR_SLICE("dedupe: not a timestamp or a date"), err));
    return mr_chain_take_out_faults(lane, io, before, err);
}

mr_code mr_op_dedupe(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                     mr_error *err)
{
    uint8_t keep[MR_BATCH_MAX_ROWS / 8], faults[MR_BATCH_MAX_ROWS / 8];
    uint64_t duplicates;
    const uint32_t rows = io->batch->row_count;
    memset(keep, 0xff, (rows + 7) / 8);
    memset(faults, 0, (rows + 7) / 8);
    MR_TRY(mr_dedupe_look(state->dedupe, io->batch, keep, faults, &duplicates, err));
    if (op->step->window_ns > 0) {
        MR_TRY(take_timeless(lane, op, io, faults, err));
        close_up(keep, lane->keep, rows);
    }
    return duplicates == 0 ? MR_OK : io->drop(io->context, keep, true, err);
}
