/* SPDX-License-Identifier: MIT */
#include "pipeline/admit.h"

#include "record/conform.h"

#define SHOWN_BYTES 40 /* of a value, in the detail of its reject */

void mr_admit_init(mr_admit *admit, double share, uint64_t seed, const mr_declared *declared,
                   bool judge)
{
    *admit = (mr_admit){.samples = share < 1,
                        .sample_below =
                            share < 1 ? (uint64_t)(share * 18446744073709551616.0) : UINT64_MAX,
                        .seed = seed,
                        .declared = declared,
                        .judge = judge};
}

bool mr_admit_is_idle(const mr_admit *admit)
{
    return !admit->samples && admit->declared->count == 0;
}

/* --- sample --- */

/* The finalizer of splitmix64: every bit of the place reaches every bit of the result. */
MR_INLINE uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static mr_code sample(const mr_admit *admit, mr_job *job, uint8_t *keep, mr_error *err)
{
    const mr_batch *batch = &job->batch;
    const uint64_t salt =
        mix(admit->seed + 0x9e3779b97f4a7c15u) + mix(mr_name_hash(job->file_name));
    const bool text = batch->origin.bytes.ptr != NULL;
    const uint64_t base =
        text ? job->offset + job->start + batch->origin.byte_offset : batch->origin.record;
    const uint32_t *place = text ? batch->row_offset : batch->row_record;
    memset(keep, 0, batch->row_count / 8 + 1);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        const uint64_t hash = mix((base + place[row]) * 0x9e3779b97f4a7c15u + salt);
        keep[row / 8] |= (uint8_t)((unsigned)(hash < admit->sample_below) << row % 8);
    }
    return mr_job_filter(job, keep, err);
}

/* --- declared schema --- */

static mr_code reject_value(mr_job *job, const mr_declared_field *field, int64_t column,
                            uint32_t row, mr_error *err)
{
    mr_reject *reject;
    const mr_batch *batch = &job->batch;
    MR_TRY(mr_reject_list_add(&job->refused, MR_REASON_TYPE_MISMATCH, &reject, err));
    reject->row_before = row;
    reject->stage = "schema";
    reject->field = field->name;
    if (column >= 0) reject->column = (uint32_t)column + 1;
    const bool absent = column < 0 || mr_column_is_absent(&batch->columns[column], row);
    if (absent || mr_column_is_null(&batch->columns[column], row)) {
        mr_reject_detail(reject, "the schema says not null, and the value is %s",
                         absent ? "missing" : "null");
        return MR_OK;
    }
    mr_slice text = mr_column_text(&batch->columns[column], row);
    const bool cut = text.len > SHOWN_BYTES;
    if (cut) text.len = SHOWN_BYTES;
    mr_reject_detail(reject, "expected %s, found '%.*s'%s", mr_type_name(field->type),
                     MR_SLICE_ARGS(text), cut ? "..." : "");
    return MR_OK;
}

MR_INLINE bool is_kept(const uint8_t *keep, uint32_t row)
{
    return (keep[row / 8] >> row % 8 & 1) != 0;
}

static mr_code reject_row(mr_job *job, const mr_declared_field *field, int64_t column, uint32_t row,
                          uint8_t *keep, mr_error *err)
{
    if (!is_kept(keep, row)) return MR_OK; /* an earlier column has rejected it */
    keep[row / 8] &= (uint8_t) ~(1u << row % 8);
    return reject_value(job, field, column, row, err);
}

static mr_code check_nulls(mr_job *job, const mr_declared_field *field, int64_t number,
                           uint8_t *keep, mr_error *err)
{
    const mr_column *column = number >= 0 ? &job->batch.columns[number] : NULL;
    if (!field->not_null || (column != NULL && column->null_count == 0)) return MR_OK;
    for (uint32_t row = 0; row < job->batch.row_count; row++)
        if (column == NULL || mr_column_is_null(column, row))
            MR_TRY(reject_row(job, field, number, row, keep, err));
    return MR_OK;
}

static mr_code check_types(const mr_admit *admit, mr_job *job, const mr_declared_field *field,
                           int64_t number, uint8_t *keep, mr_error *err)
{
    mr_column *column = &job->batch.columns[number];
    const uint32_t count = job->batch.row_count;
    if (field->type == MR_TYPE_NULL) return MR_OK;
    const bool any = field->trusted && field->type == MR_TYPE_STRING && admit->judge;
    for (uint32_t row = any ? count : 0;
         (row = mr_conform_next(column, count, row, field->type, admit->judge)) < count; row++)
        MR_TRY(reject_row(job, field, number, row, keep, err));
    column->type = field->type; /* what is not of it leaves the batch */
    return MR_OK;
}

static mr_code check_declared(const mr_admit *admit, mr_job *job, uint8_t *keep, mr_error *err)
{
    const mr_declared *declared = admit->declared;
    const uint32_t from = job->refused.count;
    memset(keep, 0xff, job->batch.row_count / 8 + 1);
    for (uint32_t i = 0; i < declared->count; i++) {
        const mr_declared_field *field = &declared->fields[i];
        const bool there = i < job->batch.column_count &&
                           job->batch.columns[i].name_hash == field->hash &&
                           mr_slice_equal(job->batch.columns[i].name, field->name);
        const int64_t column = there ? i : mr_batch_find(&job->batch, field->name);
        MR_TRY(check_nulls(job, field, column, keep, err));
        if (column >= 0) MR_TRY(check_types(admit, job, field, column, keep, err));
    }
    if (job->refused.count == from) return MR_OK;
    mr_job_place_refused(job, from);
    mr_batch_keep_rows(&job->batch, keep);
    return MR_OK;
}

mr_code mr_admit_apply(const void *context, mr_job *job, mr_error *err)
{
    const mr_admit *admit = context;
    uint8_t keep[MR_BATCH_MAX_ROWS / 8 + 1];
    if (job->batch.row_count == 0) return MR_OK;
    if (admit->samples) MR_TRY(sample(admit, job, keep, err));
    if (admit->declared->count > 0) MR_TRY(check_declared(admit, job, keep, err));
    return MR_OK;
}
