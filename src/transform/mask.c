/* SPDX-License-Identifier: MIT
 *
 * mask: values that must not be seen. Null and absent stay what they are; everything else becomes a
 * string. */
#include "core/sha256.h"
#include "transform/chain_internal.h"

/* The bytes of the first `count` characters, or of all but the last `count`. */
static size_t first_characters(mr_slice text, uint32_t count)
{
    size_t at = 0;
    while (at < text.len && count > 0) {
        at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
            at++;
        count--;
    }
    return at;
}

static size_t before_last_characters(mr_slice text, uint32_t count)
{
    size_t at = text.len;
    while (at > 0 && count > 0) {
        at--;
        while (at > 0 && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
            at--;
        count--;
    }
    return at;
}

/* A star for each character. */
static mr_code put_stars(mr_buffer *out, mr_slice text, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(out, text.len, err));
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) out->ptr[out->len++] = '*';
    return MR_OK;
}

static mr_code put_hash(mr_buffer *out, mr_slice salt, mr_slice text, mr_error *err)
{
    char hex[65];
    mr_sha256 sum;
    mr_sha256_init(&sum);
    mr_sha256_add(&sum, salt);
    mr_sha256_add(&sum, text);
    mr_sha256_hex(&sum, hex);
    return mr_buffer_append(out, mr_slice_of(hex, 64), err);
}

static mr_code mask(const mr_step *step, mr_slice text, mr_buffer *out, mr_error *err)
{
    size_t at;
    mr_buffer_reset(out);
    switch (step->method) {
    case MR_MASK_REDACT: return mr_buffer_append(out, step->with, err);
    case MR_MASK_HASH: return put_hash(out, step->salt, text, err);
    case MR_MASK_KEEP_FIRST:
        at = first_characters(text, step->keep);
        MR_TRY(mr_buffer_append(out, mr_slice_of(text.ptr, at), err));
        return put_stars(out, mr_slice_from(text, at), err);
    case MR_MASK_KEEP_LAST:
        at = before_last_characters(text, step->keep);
        MR_TRY(put_stars(out, mr_slice_of(text.ptr, at), err));
        return mr_buffer_append(out, mr_slice_from(text, at), err);
    }
    return MR_OK;
}

static mr_code mask_column(const mr_step *step, mr_op_state *state, mr_batch *batch,
                           uint32_t number, mr_error *err)
{
    mr_batch *built = &state->built;
    const mr_column *from = &batch->columns[number];
    uint32_t made;
    mr_batch_reset(built);
    MR_TRY(mr_batch_add_column(built, from->name, MR_TYPE_STRING, &made, err));
    for (uint32_t row = 0; row < batch->row_count; row++) {
        mr_column *to = &built->columns[0];
        MR_TRY(mr_batch_begin_row(built, err));
        if (mr_column_is_null(from, row)) {
            MR_TRY(mr_chain_copy_cell(to, row, from, row, err));
        } else {
            MR_TRY(mask(step, mr_column_text(from, row), &state->text, err));
            MR_TRY(mr_column_append(to, row, mr_buffer_slice(&state->text), err));
        }
        mr_batch_end_row(built, 0, 0, 0, 0);
    }
    mr_chain_replace_column(batch, number, built);
    return MR_OK;
}

mr_code mr_op_mask(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                   mr_error *err)
{
    (void)lane;
    for (uint32_t i = 0; i < op->count; i++) {
        const int64_t at = mr_chain_column(io->batch, 0, &op->names[i]);
        if (at >= 0) MR_TRY(mask_column(op->step, state, io->batch, (uint32_t)at, err));
    }
    return MR_OK;
}
