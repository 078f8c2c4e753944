/* SPDX-License-Identifier: MIT */
#include "core/utf8.h"
#include "format/json_call.h"

/* Checked for UTF-8 at a time, so that it stays in the cache. */
#define WINDOW_BYTES ((size_t)32 << 10)

mr_json_fault mr_json_parse(struct mr_json_reader *reader, mr_json_scan *scan)
{
    mr_json_begin_record(reader);
    if (MR_LIKELY(*scan->at == '{')) return reader->kernels->object(reader, scan);
    mr_json_slot *slot = &reader->spare;
    if (reader->options.wrap_scalars.len > 0) {
        uint32_t number;
        slot = mr_json_field(reader, reader->options.wrap_scalars, scan->at, &number);
        if (slot == NULL) return MR_JSON_FAILED;
    } else {
        reader->flaw = (mr_json_flaw){true, MR_REASON_NOT_AN_OBJECT, scan->at, MR_JSON_NO_KEY};
    }
    return reader->kernels->value(reader, scan, slot);
}

/* Is the record UTF-8? Looks ahead by a window, so that small records cost next to nothing. */
MR_INLINE bool is_utf8(mr_json_call *c, const char *start, const char *end)
{
    if (MR_LIKELY(end <= c->valid_to)) return true;
    const char *from = c->valid_to > start ? c->valid_to : start;
    size_t len = (size_t)(c->end - from);
    const size_t least = (size_t)(end - from);
    if (len > WINDOW_BYTES) len = least > WINDOW_BYTES ? least : WINDOW_BYTES;
    c->valid_to = from + mr_utf8_valid_prefix((mr_slice){from, len});
    return c->valid_to >= end;
}

static void find_invalid_field(struct mr_json_reader *reader)
{
    const mr_json_fields *fields = &reader->parsed;
    reader->flaw = (mr_json_flaw){true, MR_REASON_INVALID_UTF8, NULL, MR_JSON_NO_KEY};
    for (uint32_t i = 0; i < fields->count; i++) {
        const uint32_t number = fields->order[i];
        const mr_json_slot *slot = &fields->slots[number];
        if (slot->type == MR_TYPE_NULL || mr_utf8_valid((mr_slice){slot->ptr, slot->len})) continue;
        reader->flaw.key = number;
        return;
    }
}

static void keep_invalid(struct mr_json_reader *reader)
{
    const mr_json_fields *fields = &reader->parsed;
    for (uint32_t i = 0; i < fields->count; i++) {
        mr_json_slot *slot = &fields->slots[fields->order[i]];
        if (slot->type == MR_TYPE_STRING && !mr_utf8_valid((mr_slice){slot->ptr, slot->len}))
            slot->type = MR_TYPE_BYTES;
    }
}

/* Reads the record once more, from a copy with U+FFFD in the place of what is not UTF-8. */
static mr_code replace_invalid(struct mr_json_reader *reader, mr_slice raw)
{
    uint64_t replaced = 0;
    mr_buffer *mended = &reader->mended;
    mr_buffer_reset(mended);
    MR_TRY(mr_json_append_mended(mended, raw, &replaced, &reader->failure));
    memset(mended->ptr + mended->len, 0, MR_BUFFER_SLACK);
    mr_json_scan scan = {.at = mended->ptr, .end = mended->ptr + mended->len};
    const mr_json_fault fault = mr_json_parse(reader, &scan);
    if (fault == MR_JSON_FAILED) return reader->failure.code;
    MR_DCHECK(fault == MR_JSON_FINE); /* it was fine before, and only texts changed */
    reader->replaced += (uint32_t)replaced;
    return MR_OK;
}

static mr_code mend_utf8(struct mr_json_reader *reader, mr_slice raw)
{
    if (reader->flaw.found) return MR_OK;
    switch (reader->options.invalid_unicode) {
    case MR_JSON_UNICODE_REJECT: find_invalid_field(reader); break;
    case MR_JSON_UNICODE_KEEP: keep_invalid(reader); break;
    case MR_JSON_UNICODE_REPLACE: return replace_invalid(reader, raw);
    }
    return MR_OK;
}

mr_json_step mr_json_batch_is_full(mr_json_call *c)
{
    c->out->batch_full = true;
    return MR_JSON_STEP_STOP;
}

mr_json_step mr_json_finish_record(mr_json_call *c, mr_slice raw)
{
    struct mr_json_reader *reader = c->reader;
    mr_code rc = MR_OK;
    if (MR_UNLIKELY(!is_utf8(c, raw.ptr, raw.ptr + raw.len))) rc = mend_utf8(reader, raw);
    if (rc == MR_OK && reader->cells != &reader->parsed && !reader->flaw.found)
        rc = mr_json_flatten_record(reader, &reader->failure);
    if (MR_UNLIKELY(rc != MR_OK)) return mr_json_fail_inside(c, rc);
    if (MR_UNLIKELY(reader->too_many_fields)) {
        if (c->batch->row_count > 0)
            return mr_json_batch_is_full(c); /* other records' columns go first */
        if (!reader->flaw.found)
            reader->flaw = (mr_json_flaw){true, MR_REASON_TOO_MANY_FIELDS, raw.ptr, MR_JSON_NO_KEY};
    }
    if (MR_UNLIKELY(reader->flaw.found))
        return mr_json_reject_flaw(c, raw) == MR_OK ? MR_JSON_STEP_ON : MR_JSON_STEP_FAIL;
    const mr_json_row row = {(uint32_t)(raw.ptr - c->begin), (uint32_t)raw.len,
                             (uint32_t)c->out->line_count, (uint32_t)c->out->record_count};
    bool done = true;
    rc = mr_json_commit(reader, c->batch, row, &c->state->element, &done, c->err);
    if (MR_UNLIKELY(rc != MR_OK)) return MR_JSON_STEP_FAIL;
    if (MR_UNLIKELY(!done)) return mr_json_batch_is_full(c);
    c->out->record_count++;
    c->out->duplicate_keys += reader->duplicates;
    reader->replaced_total += reader->replaced;
    return MR_JSON_STEP_ON;
}
