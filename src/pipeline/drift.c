/* SPDX-License-Identifier: MIT */
#include "pipeline/drift.h"

#include "core/mem.h"
#include "record/amend.h"
#include "record/conform.h"

#define BITS        (MR_BATCH_MAX_ROWS / 8 + 1)
#define SHOWN_BYTES 30

/* What one batch is being turned into. */
typedef struct work {
    const mr_drift *drift;
    const mr_schema *expected;
    mr_job *job;
    mr_batch *batch;
    uint32_t break_row; /* the first row of a new part; row_count = none */
    uint32_t first_refused;
    uint8_t keep[BITS];
    uint8_t clear[BITS];
    mr_error *err;
} work;

mr_code mr_drift_begin(mr_drift *drift, const mr_schema *expected, mr_arena *arena, mr_error *err)
{
    mr_drift_version *version = mr_arena_take(arena, sizeof *version);
    if (version == NULL) return mr_arena_fail(arena, err);
    version->number = 0;
    drift->arena = arena;
    MR_TRY(mr_schema_copy(&version->schema, expected, arena, err));
    atomic_store(&drift->current, version);
    return MR_OK;
}

MR_INLINE bool bit(const uint8_t *bits, uint32_t row)
{
    return (bits[row / 8] >> row % 8 & 1) != 0;
}

static mr_code note(work *w, mr_drift_kind kind, mr_slice column, mr_type from, mr_type to,
                    uint32_t row)
{
    mr_job *job = w->job;
    const char *name = mr_arena_copy(&job->notes, column);
    if (name == NULL) return mr_arena_fail(&job->notes, w->err);
    const mr_drift_note made = {
        .kind = kind,
        .column = {name, column.len},
        .from = from,
        .to = to,
        .record = w->batch->origin.record + w->batch->row_record[row],
        .line = w->batch->origin.line + w->batch->row_line[row],
    };
    return mr_buffer_append(&job->drift, (mr_slice){(const char *)&made, sizeof made}, w->err);
}

/* --- policies --- */

static mr_code freeze(const work *w, mr_drift_kind kind, mr_slice column, mr_type from, mr_type to,
                      uint32_t row)
{
    const mr_drift_rules *rules = &w->drift->rules;
    char what[160];
    mr_drift_describe(what, sizeof what, kind, column, from, to);
    if (!w->job->from_batch)
        w->job->error_line = w->batch->origin.line + w->batch->row_line[row] + 1;
    if (rules->policies[kind] == MR_DRIFT_FREEZE)
        return mr_fail(w->err, MR_ERR_INPUT, "schema drift: %s (drift.%s: freeze)", what,
                       mr_drift_kind_name(kind));
    return mr_fail(w->err, MR_ERR_INPUT, "schema drift: %s, which is not %s compatible", what,
                   mr_drift_compatibility_name(rules->compatibility));
}

static mr_code refuse(work *w, mr_drift_kind kind, mr_slice column, uint32_t number, mr_type from,
                      mr_type to, uint32_t row)
{
    char what[160];
    mr_reject *reject;
    if (!bit(w->keep, row)) return MR_OK;
    w->keep[row / 8] &= (uint8_t) ~(1u << row % 8);
    MR_TRY(mr_reject_list_add(&w->job->refused, MR_REASON_DRIFT, &reject, w->err));
    reject->row_before = row;
    reject->stage = "schema";
    reject->field = column;
    if (number < w->batch->column_count) reject->column = number + 1;
    mr_drift_describe(what, sizeof what, kind, column, from, to);
    if (kind != MR_DRIFT_TYPE_CHANGE) {
        mr_reject_detail(reject, "%s", what);
        return MR_OK;
    }
    mr_slice text = mr_column_text(&w->batch->columns[number], row);
    if (text.len > SHOWN_BYTES) text.len = SHOWN_BYTES;
    mr_reject_detail(reject, "%s: '%.*s'", what, MR_SLICE_ARGS(text));
    return MR_OK;
}

/* --- columns --- */

/* The first row with a value in the column, row_count when there is none. */
static uint32_t first_value(const mr_column *column, uint32_t row_count)
{
    uint32_t row = 0;
    while (row < row_count && mr_column_is_null(column, row))
        row++;
    return row;
}

static mr_code refuse_values(work *w, uint32_t number)
{
    const mr_column *column = &w->batch->columns[number];
    for (uint32_t row = 0; row < w->batch->row_count; row++)
        if (!mr_column_is_null(column, row))
            MR_TRY(refuse(w, MR_DRIFT_NEW_COLUMN, column->name, number, MR_TYPE_NULL, MR_TYPE_NULL,
                          row));
    return MR_OK;
}

/* Sets *out_drop when the column is not to go on. */
static mr_code meet_new_column(work *w, uint32_t number, bool *out_drop)
{
    const mr_column *column = &w->batch->columns[number];
    const uint32_t count = w->batch->row_count, row = first_value(column, count);
    const mr_drift_policy policy = mr_drift_policy_for(&w->drift->rules, MR_DRIFT_NEW_COLUMN,
                                                       MR_TYPE_NULL, MR_TYPE_NULL, true);
    const bool parts = w->drift->parts;
    *out_drop = true;
    if (row == count) { /* a name without a value changes nothing */
        *out_drop = parts || policy != MR_DRIFT_EVOLVE;
        return MR_OK;
    }
    const mr_type type = mr_column_type(column, row);
    if (policy == MR_DRIFT_FREEZE)
        return freeze(w, MR_DRIFT_NEW_COLUMN, column->name, MR_TYPE_NULL, type, row);
    MR_TRY(note(w, MR_DRIFT_NEW_COLUMN, column->name, MR_TYPE_NULL, type, row));
    if (policy == MR_DRIFT_QUARANTINE) return refuse_values(w, number);
    if (policy == MR_DRIFT_DISCARD_VALUE) {
        w->job->discarded += count - column->null_count;
        return MR_OK;
    }
    *out_drop = false; /* evolve, new_part */
    if (parts && row < w->break_row) w->break_row = row;
    return MR_OK;
}

static mr_code meet_new_columns(work *w)
{
    for (uint32_t i = 0; i < w->batch->column_count;) {
        bool drop = false;
        if (mr_schema_find(w->expected, w->batch->columns[i].name) < 0)
            MR_TRY(meet_new_column(w, i, &drop));
        if (drop) { /* refused rows name it: it must not go before they have got its name */
            MR_TRY(mr_job_keep_fields(w->job, &w->job->refused, w->first_refused, w->err));
            mr_batch_remove_column(w->batch, i);
        }
        i += !drop;
    }
    return MR_OK;
}

static mr_code meet_missing_column(work *w, const mr_field *field)
{
    const mr_drift_policy policy =
        mr_drift_policy_for(&w->drift->rules, MR_DRIFT_MISSING_COLUMN, field->type, MR_TYPE_NULL,
                            mr_schema_find(&w->drift->required, field->name) < 0);
    if (policy == MR_DRIFT_FREEZE)
        return freeze(w, MR_DRIFT_MISSING_COLUMN, field->name, field->type, MR_TYPE_NULL, 0);
    MR_TRY(note(w, MR_DRIFT_MISSING_COLUMN, field->name, field->type, MR_TYPE_NULL, 0));
    if (policy == MR_DRIFT_NEW_PART && w->drift->parts) w->break_row = 0;
    if (policy != MR_DRIFT_QUARANTINE) return MR_OK;
    for (uint32_t row = 0; row < w->batch->row_count; row++)
        MR_TRY(refuse(w, MR_DRIFT_MISSING_COLUMN, field->name, UINT32_MAX, field->type,
                      MR_TYPE_NULL, row));
    return MR_OK;
}

static mr_code meet_missing_columns(work *w)
{
    for (uint32_t i = 0; i < w->expected->field_count; i++) {
        const mr_field *field = &w->expected->fields[i];
        const bool there = i < w->batch->column_count &&
                           w->batch->columns[i].name_hash == field->hash &&
                           mr_slice_equal(w->batch->columns[i].name, field->name);
        if (!there && mr_batch_find(w->batch, field->name) < 0)
            MR_TRY(meet_missing_column(w, field));
    }
    return MR_OK;
}

/* --- types --- */

static mr_type type_of(const work *w, const mr_column *column, uint32_t row)
{
    mr_time_layout ignored;
    if (!w->drift->judge) return mr_column_type(column, row);
    return mr_type_of_text(mr_column_text(column, row), &ignored);
}

/* The value keeps the type that it has. In a column of plain text nobody asks for types. */
static mr_code let_on(work *w, mr_column *column, uint32_t row, mr_type type)
{
    const bool fresh = column->type != MR_TYPE_MIXED;
    const mr_type was = column->type;
    if (!w->drift->judge || was == MR_TYPE_STRING) return MR_OK;
    MR_TRY(mr_column_tag(column, row, type, w->err));
    if (fresh && column->type == MR_TYPE_MIXED) /* those behind have the old type until found */
        memset(column->tags + row + 1, (int)was, w->batch->row_count - row - 1);
    return MR_OK;
}

/* One value that is not of its column's type; `wide` is what the column has become so far. */
static mr_code meet_value(work *w, uint32_t number, mr_type type, uint32_t row, mr_type *wide)
{
    mr_column *column = &w->batch->columns[number];
    const mr_type own = type_of(w, column, row), joined = mr_type_join(type, own);
    const mr_drift_policy policy =
        mr_drift_policy_for(&w->drift->rules, MR_DRIFT_TYPE_CHANGE, type, joined, true);
    if (policy == MR_DRIFT_FREEZE)
        return freeze(w, MR_DRIFT_TYPE_CHANGE, column->name, type, own, row);
    if (mr_type_join(*wide, own) != *wide) {
        *wide = mr_type_join(*wide, own);
        MR_TRY(note(w, MR_DRIFT_TYPE_CHANGE, column->name, type, *wide, row));
    }
    if (policy == MR_DRIFT_QUARANTINE)
        return refuse(w, MR_DRIFT_TYPE_CHANGE, column->name, number, type, own, row);
    if (policy == MR_DRIFT_DISCARD_VALUE) {
        mr_bits_put(w->clear, row, true);
        return MR_OK;
    }
    return let_on(w, column, row, own);
}

static mr_code meet_types(work *w, uint32_t number, mr_type type)
{
    mr_column *column = &w->batch->columns[number];
    const uint32_t count = w->batch->row_count;
    mr_type wide = type;
    uint32_t row = mr_conform_next(column, count, 0, type, w->drift->judge);
    if (row == count) return MR_OK;
    memset(w->clear, 0, count / 8 + 1);
    for (; row < count; row = mr_conform_next(column, count, row + 1, type, w->drift->judge))
        MR_TRY(meet_value(w, number, type, row, &wide));
    w->job->discarded += mr_column_clear_cells(column, count, w->clear);
    return MR_OK;
}

static mr_code meet_all_types(work *w)
{
    for (uint32_t i = 0; i < w->batch->column_count; i++) {
        const int64_t at = mr_schema_find(w->expected, w->batch->columns[i].name);
        if (at < 0) continue;
        const mr_type type = w->expected->fields[at].type;
        if (type == MR_TYPE_NULL || type == MR_TYPE_STRING || type == MR_TYPE_BYTES ||
            type == MR_TYPE_MIXED)
            continue; /* holds anything */
        MR_TRY(meet_types(w, i, type));
    }
    return MR_OK;
}

/* --- a batch --- */

static mr_code take_refused_out(work *w)
{
    mr_job *job = w->job;
    if (job->refused.count == w->first_refused) return MR_OK;
    mr_job_place_refused(job, w->first_refused);
    MR_TRY(mr_job_keep_fields(job, &job->refused, w->first_refused, w->err));
    mr_batch_keep_rows(w->batch, w->keep);
    return MR_OK;
}

/* The rows behind the break wait for their part; a lane leaves all of it to the collector. */
static mr_code break_off(work *w, mr_batch *rest)
{
    mr_job *job = w->job;
    job->breaks = true;
    if (job->in_order) return mr_batch_move_rows(w->batch, w->break_row, rest, w->err);
    mr_batch_truncate(w->batch, 0);
    job->done = true;
    return MR_OK;
}

/* What the rows of the batch bring and lack. */
static mr_code look_at_columns(work *w)
{
    w->break_row = w->batch->row_count;
    MR_TRY(meet_new_columns(w));
    return w->drift->watch_missing ? meet_missing_columns(w) : MR_OK;
}

/* A new part begins inside the batch: what was found is forgotten, for the rows behind are looked
 * at again with their part, and those before bring nothing new. */
static mr_code look_before_break(work *w, mr_batch *rest, size_t notes_before)
{
    mr_job *job = w->job;
    job->drift.len = notes_before;
    mr_reject_list_cut(&job->refused, w->first_refused);
    memset(w->keep, 0xff, sizeof w->keep);
    MR_TRY(break_off(w, rest));
    return w->batch->row_count > 0 ? look_at_columns(w) : MR_OK;
}

static mr_code look(work *w, mr_batch *rest)
{
    const mr_drift *drift = w->drift;
    const size_t notes_before = w->job->drift.len;
    if (drift->watch_columns) {
        MR_TRY(look_at_columns(w));
        if (w->break_row < w->batch->row_count) MR_TRY(look_before_break(w, rest, notes_before));
        if (w->batch->row_count == 0) return MR_OK;
    }
    if (drift->watch_types) MR_TRY(meet_all_types(w));
    MR_TRY(take_refused_out(w));
    return drift->arranges ? mr_batch_arrange(w->batch, w->expected, w->err) : MR_OK;
}

mr_code mr_drift_apply(const mr_drift *drift, mr_job *job, mr_batch *rest, mr_error *err)
{
    if (job->expected == NULL) job->expected = atomic_load(&drift->current);
    job->parted = drift->parts;
    if (job->batch.row_count == 0) return MR_OK;
    work w = {.drift = drift,
              .expected = &job->expected->schema,
              .job = job,
              .batch = &job->batch,
              .first_refused = job->refused.count,
              .err = err};
    memset(w.keep, 0xff, sizeof w.keep);
    return look(&w, rest);
}

/* --- versions --- */

/* The columns that there were; those that the batch lacks go when the policy says so. */
static mr_code keep_columns(const mr_drift *drift, work *w, mr_schema *out)
{
    const bool drops = drift->rules.policies[MR_DRIFT_MISSING_COLUMN] == MR_DRIFT_NEW_PART;
    for (uint32_t i = 0; i < w->expected->field_count; i++) {
        const mr_field *field = &w->expected->fields[i];
        if (drops && mr_batch_find(w->batch, field->name) < 0) {
            MR_TRY(note(w, MR_DRIFT_MISSING_COLUMN, field->name, field->type, MR_TYPE_NULL, 0));
            continue;
        }
        MR_TRY(mr_schema_add(out, field->name, field->type, NULL, w->err));
    }
    return MR_OK;
}

/* Those that the first row has a value in. */
static mr_code add_columns(work *w, mr_schema *out)
{
    for (uint32_t i = 0; i < w->batch->column_count; i++) {
        const mr_column *column = &w->batch->columns[i];
        if (mr_schema_find(out, column->name) >= 0 || mr_column_is_null(column, 0)) continue;
        MR_TRY(mr_schema_add(out, column->name, MR_TYPE_NULL, NULL, w->err));
        MR_TRY(
            note(w, MR_DRIFT_NEW_COLUMN, column->name, MR_TYPE_NULL, mr_column_type(column, 0), 0));
    }
    return MR_OK;
}

mr_code mr_drift_advance(mr_drift *drift, mr_job *job, mr_error *err)
{
    const mr_drift_version *before = atomic_load(&drift->current);
    mr_drift_version *version = mr_arena_take(drift->arena, sizeof *version);
    if (version == NULL) return mr_arena_fail(drift->arena, err);
    if (before->number + 1 >= MR_DRIFT_MAX_PARTS)
        return mr_fail(
            err, MR_ERR_LIMIT,
            "the columns changed %u times; drift.new_column: quarantine or discard_value "
            "would go on",
            MR_DRIFT_MAX_PARTS);
    version->number = before->number + 1;
    mr_schema_init(&version->schema, drift->arena);
    work w = {
        .drift = drift, .expected = &before->schema, .job = job, .batch = &job->batch, .err = err};
    MR_TRY(keep_columns(drift, &w, &version->schema));
    MR_TRY(add_columns(&w, &version->schema));
    atomic_store(&drift->current, version);
    job->expected = version;
    return MR_OK;
}
