/* SPDX-License-Identifier: MIT */
#include "pipeline/quarantine.h"

#include "core/clock.h"
#include "core/json.h"
#include "core/utf8.h"

#define GATHER_BYTES   ((size_t)64 << 10)
#define LINE_MAX_BYTES ((size_t)4 << 20)

void mr_quarantine_init(mr_quarantine *quarantine, const char *path)
{
    *quarantine = (mr_quarantine){.path = path};
    mr_buffer_init(&quarantine->line, "a line of the quarantine file", LINE_MAX_BYTES);
}

static void put_base64(mr_json_out *json, mr_slice bytes, mr_buffer *scratch)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    mr_buffer_reset(scratch);
    for (size_t i = 0; i < bytes.len && !json->failed; i += 3) {
        const size_t left = bytes.len - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
        if (left > 1) group |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2) group |= (unsigned char)bytes.ptr[i + 2];
        const char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                              left > 1 ? digits[group >> 6 & 63] : '=',
                              left > 2 ? digits[group & 63] : '='};
        json->failed = mr_buffer_append(scratch, (mr_slice){four, 4}, &json->error) != MR_OK;
    }
    mr_json_text(json, mr_buffer_slice(scratch));
}

static void put_raw(mr_json_out *json, const mr_reject *reject)
{
    mr_slice raw = reject->raw;
    const bool cut = raw.len > MR_QUARANTINE_RAW_BYTES;
    const bool text = mr_utf8_valid(raw);
    if (cut) raw.len = MR_QUARANTINE_RAW_BYTES;
    if (text) {
        if (cut) raw.len = mr_utf8_valid_prefix(raw); /* not in the middle of a character */
        mr_json_key(json, "raw");
        mr_json_text(json, raw);
    } else {
        mr_buffer scratch;
        mr_buffer_init(&scratch, "a rejected record in base64", LINE_MAX_BYTES);
        mr_json_key(json, "raw_base64");
        put_base64(json, raw, &scratch);
        mr_buffer_done(&scratch);
    }
    if (cut) mr_json_key(json, "raw_truncated"), mr_json_bool(json, true);
}

static void put_line(mr_json_out *json, mr_slice source, const mr_reject *reject, const char *stage)
{
    char time[40];
    time[mr_format_wall(time, mr_clock_wall_ns(), 3)] = 0;
    mr_json_open(json, '{');
    mr_json_key(json, "source"), mr_json_text(json, source);
    mr_json_key(json, "record"), mr_json_u64(json, reject->record);
    mr_json_key(json, "line");
    reject->line > 0 ? mr_json_u64(json, reject->line) : mr_json_null(json);
    mr_json_key(json, "byte_offset");
    reject->line > 0 ? mr_json_u64(json, reject->byte_offset) : mr_json_null(json);
    mr_json_key(json, "byte_length"), mr_json_u64(json, reject->byte_length);
    mr_json_key(json, "field");
    reject->field.len > 0 ? mr_json_text(json, reject->field) : mr_json_null(json);
    mr_json_key(json, "column");
    reject->column > 0 ? mr_json_u64(json, reject->column) : mr_json_null(json);
    mr_json_key(json, "reason"), mr_json_text(json, mr_slice_text(mr_reason_name(reject->reason)));
    mr_json_key(json, "detail"), mr_json_text(json, mr_slice_text(reject->detail));
    mr_json_key(json, "stage"), mr_json_text(json, mr_slice_text(stage));
    mr_json_key(json, "attempts"), mr_json_u64(json, 1);
    mr_json_key(json, "time"), mr_json_text(json, mr_slice_text(time));
    put_raw(json, reject);
    mr_json_close(json, '}');
}

static mr_code write_out(mr_quarantine *quarantine, mr_error *err)
{
    if (!quarantine->created) {
        MR_TRY(mr_file_create_beside(&quarantine->file, quarantine->path, err));
        quarantine->created = true;
    }
    MR_TRY(mr_file_write(&quarantine->file, mr_buffer_slice(&quarantine->line), err));
    mr_buffer_reset(&quarantine->line);
    return MR_OK;
}

mr_code mr_quarantine_put(mr_quarantine *quarantine, mr_slice source, const mr_reject *reject,
                          const char *stage, mr_error *err)
{
    quarantine->count++;
    if (quarantine->path == NULL) return MR_OK;
    mr_json_out json = {.out = &quarantine->line};
    put_line(&json, source, reject, stage);
    if (json.failed) return mr_json_out_fail(&json, err);
    MR_TRY(mr_buffer_append_byte(&quarantine->line, '\n', err));
    return quarantine->line.len < GATHER_BYTES ? MR_OK : write_out(quarantine, err);
}

mr_code mr_quarantine_commit(mr_quarantine *quarantine, mr_error *err)
{
    if (quarantine->path == NULL || quarantine->count == 0) return MR_OK;
    MR_TRY(write_out(quarantine, err));
    return mr_file_replace(&quarantine->file, err);
}

void mr_quarantine_close(mr_quarantine *quarantine)
{
    mr_file_close(&quarantine->file);
    mr_buffer_done(&quarantine->line);
}
