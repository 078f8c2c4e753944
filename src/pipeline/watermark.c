/* SPDX-License-Identifier: MIT */
#include "pipeline/watermark.h"

#include "core/packed.h"

#define VERSION 1u

void mr_watermark_init(mr_watermark *w)
{
    *w = (mr_watermark){0};
    mr_buffer_init(&w->text, "the cursor's highest value", MR_WATERMARK_TEXT_MAX);
    mr_seen_init(&w->seen);
}

void mr_watermark_done(mr_watermark *w)
{
    mr_buffer_done(&w->text);
    mr_seen_done(&w->seen);
}

mr_code mr_watermark_set_max(mr_watermark *w, const mr_cursor *max, mr_error *err)
{
    if (max->text.len > MR_WATERMARK_TEXT_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "a value of the cursor has %zu bytes, more than %d",
                       max->text.len, MR_WATERMARK_TEXT_MAX);
    mr_buffer_reset(&w->text);
    MR_TRY(mr_buffer_append(&w->text, max->text, err));
    w->max = *max;
    w->max.text = mr_buffer_slice(&w->text);
    w->has = true;
    return MR_OK;
}

static mr_code pack_place(mr_buffer *out, int64_t whole, uint32_t nanos, mr_error *err)
{
    MR_TRY(mr_pack_u64(out, (uint64_t)whole, err));
    return mr_pack_u32(out, nanos, err);
}

mr_code mr_watermark_encode(const mr_watermark *w, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_pack_u32(out, VERSION, err));
    MR_TRY(mr_pack_u32(out, w->kind, err));
    MR_TRY(mr_pack_u32(out, w->has, err));
    MR_TRY(mr_pack_u64(out, w->seed, err));
    MR_TRY(mr_pack_text(out, mr_buffer_slice(&w->text), err));
    MR_TRY(mr_pack_u32(out, w->coverage, err));
    MR_TRY(pack_place(out, w->covered.whole, w->covered.nanos, err));
    MR_TRY(mr_pack_u32(out, w->seen.count, err));
    for (uint32_t i = 0; i < w->seen.cap; i++) {
        const mr_seen_record *record = mr_seen_at(&w->seen, i);
        if (record == NULL) continue;
        MR_TRY(mr_pack_u64(out, record->hash[0], err));
        MR_TRY(mr_pack_u64(out, record->hash[1], err));
        MR_TRY(pack_place(out, record->whole, record->nanos, err));
    }
    return MR_OK;
}

static mr_code damaged(mr_error *err)
{
    return mr_fail(err, MR_ERR_INPUT, "the watermark cannot be read: its parts do not fit");
}

static mr_code decode_seen(mr_watermark *w, mr_packed_in *in, mr_error *err)
{
    const uint32_t count = mr_packed_u32(in);
    for (uint32_t i = 0; i < count && !in->broken; i++) {
        mr_seen_record record = {0};
        record.hash[0] = mr_packed_u64(in);
        record.hash[1] = mr_packed_u64(in);
        record.whole = (int64_t)mr_packed_u64(in);
        record.nanos = mr_packed_u32(in);
        if ((record.hash[0] | record.hash[1]) == 0) return damaged(err);
        MR_TRY(mr_seen_add(&w->seen, &record, err));
    }
    return MR_OK;
}

mr_code mr_watermark_decode(mr_watermark *w, mr_slice bytes, mr_error *err)
{
    mr_packed_in in = {.left = bytes};
    mr_cursor max;
    if (mr_packed_u32(&in) != VERSION)
        return mr_fail(
            err, MR_ERR_USAGE,
            "the watermark was kept by a later version of millrace; go on with that one");
    const uint32_t kind = mr_packed_u32(&in);
    const bool has = mr_packed_u32(&in) != 0;
    w->seed = mr_packed_u64(&in);
    const mr_slice text = mr_packed_text(&in);
    const uint32_t coverage = mr_packed_u32(&in);
    w->covered = (mr_cursor){.whole = (int64_t)mr_packed_u64(&in), .small = true};
    w->covered.nanos = mr_packed_u32(&in);
    mr_seen_reset(&w->seen);
    MR_TRY(decode_seen(w, &in, err));
    if (!mr_packed_all_read(&in) || kind > MR_CURSOR_TEXT || coverage > MR_COVERS_MAX)
        return damaged(err);
    w->kind = (mr_cursor_kind)kind;
    w->coverage = (mr_coverage)coverage;
    w->has = false;
    if (!has) return MR_OK;
    if (!mr_cursor_parse(w->kind, text, &max)) return damaged(err);
    return mr_watermark_set_max(w, &max, err);
}

mr_code mr_watermark_look(mr_slice bytes, mr_slice *out_value, mr_error *err)
{
    mr_packed_in in = {.left = bytes};
    const uint32_t version = mr_packed_u32(&in);
    mr_packed_u32(&in); /* kind */
    mr_packed_u32(&in); /* is there one */
    mr_packed_u64(&in); /* seed */
    *out_value = mr_packed_text(&in);
    return in.broken || version != VERSION ? damaged(err) : MR_OK;
}
