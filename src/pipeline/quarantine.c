/* SPDX-License-Identifier: MIT */
#include "pipeline/quarantine.h"

#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/utf8.h"

#define GATHER_BYTES   ((size_t)64 << 10)
#define LINE_MAX_BYTES ((size_t)64 << 20) /* an origin may name 65,536 columns */

void mr_quarantine_init(mr_quarantine *quarantine, const char *path, uint64_t max, bool rotate)
{
    *quarantine = (mr_quarantine){.path = path, .max = max, .rotate = rotate};
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

static void put_columns(mr_json_out *json, const mr_schema *columns)
{
    mr_json_key(json, "raw_columns");
    mr_json_open(json, '[');
    for (uint32_t i = 0; i < columns->field_count; i++)
        mr_json_text(json, columns->fields[i].name);
    mr_json_close(json, ']');
}

static void put_raw(mr_json_out *json, const mr_reject *reject)
{
    mr_slice raw = reject->raw;
    const bool short_of_all = raw.len < reject->byte_length && !reject->rebuilt;
    const bool cut = raw.len > MR_REJECT_RAW_BYTES || short_of_all;
    if (raw.len > MR_REJECT_RAW_BYTES) raw.len = MR_REJECT_RAW_BYTES;
    const size_t whole = mr_utf8_valid_prefix(raw);
    /* A cut may fall in the middle of a character; what comes before it is text all the same. */
    if (whole == raw.len || (cut && raw.len - whole < 4)) {
        raw.len = whole;
        mr_json_key(json, "raw");
        mr_json_text(json, raw);
    } else {
        mr_buffer scratch;
        mr_buffer_init(&scratch, "a rejected record in base64", LINE_MAX_BYTES);
        mr_json_key(json, "raw_base64");
        put_base64(json, raw, &scratch);
        mr_buffer_done(&scratch);
    }
    if (reject->columns != NULL) put_columns(json, reject->columns);
    if (reject->rebuilt) mr_json_key(json, "raw_format"), mr_json_text(json, MR_SLICE("json"));
    if (cut) mr_json_key(json, "raw_truncated"), mr_json_bool(json, true);
}

static void put_line(mr_json_out *json, mr_slice source, const mr_reject *reject)
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
    mr_json_key(json, "stage"), mr_json_text(json, mr_slice_text(reject->stage));
    mr_json_key(json, "attempts");
    mr_json_u64(json, reject->attempts > 0 ? reject->attempts : 1);
    mr_json_key(json, "time"), mr_json_text(json, mr_slice_text(time));
    put_raw(json, reject);
}

/* PATH, PATH.2, PATH.3, ... */
static mr_code create(mr_quarantine *quarantine, mr_error *err)
{
    char path[MR_FILE_PATH_MAX];
    quarantine->special = mr_file_is_special(quarantine->path);
    if (quarantine->special) {
        const int fd = mr_file_path_fd(quarantine->path, STDOUT_FILENO);
        MR_TRY(fd >= 0 ? mr_file_borrow(&quarantine->file, fd, quarantine->path, err)
                       : mr_file_open_in_place(&quarantine->file, quarantine->path, err));
        quarantine->file_count = 1;
        quarantine->created = true;
        return MR_OK;
    }
    const uint32_t number = quarantine->file_count + 1;
    if (number > MR_QUARANTINE_MAX_FILES)
        return mr_fail(err, MR_ERR_LIMIT,
                       "'%s': more than %u files of rejects; a larger dead_letter.max makes fewer",
                       quarantine->path, MR_QUARANTINE_MAX_FILES);
    const int len = number == 1 ? snprintf(path, sizeof path, "%s", quarantine->path)
                                : snprintf(path, sizeof path, "%s.%u", quarantine->path, number);
    if (len < 0 || (size_t)len >= sizeof path)
        return mr_fail(err, MR_ERR_USAGE, "the path '%s' is too long", quarantine->path);
    MR_TRY(mr_file_create_beside(&quarantine->file, path, err));
    quarantine->file_count = number;
    quarantine->created = true;
    return MR_OK;
}

static mr_code write_out(mr_quarantine *quarantine, mr_error *err)
{
    if (quarantine->line.len == 0) return MR_OK;
    if (!quarantine->created) MR_TRY(create(quarantine, err));
    MR_TRY(mr_file_write(&quarantine->file, mr_buffer_slice(&quarantine->line), err));
    mr_buffer_reset(&quarantine->line);
    return MR_OK;
}

static mr_code publish(mr_quarantine *quarantine, mr_error *err)
{
    MR_TRY(write_out(quarantine, err));
    if (!quarantine->created) return MR_OK;
    quarantine->in_file = 0;
    if (quarantine->special) return MR_OK;
    quarantine->created = false;
    return mr_file_replace(&quarantine->file, err);
}

mr_code mr_quarantine_put(mr_quarantine *quarantine, mr_slice source, const mr_reject *reject,
                          mr_error *err)
{
    quarantine->count++;
    if (quarantine->path == NULL) return MR_OK;
    if (quarantine->max > 0 && quarantine->in_file == quarantine->max) {
        if (!quarantine->rotate) {
            quarantine->dropped++;
            return MR_OK;
        }
        MR_TRY(publish(quarantine, err));
    }
    mr_json_out json = {.out = &quarantine->line};
    put_line(&json, source, reject);
    if (quarantine->in_file == 0 && quarantine->origin.len > 0) {
        mr_json_key(&json, "origin");
        mr_json_raw(&json, quarantine->origin);
    }
    mr_json_close(&json, '}');
    if (json.failed) return mr_json_out_fail(&json, err);
    MR_TRY(mr_buffer_append_byte(&quarantine->line, '\n', err));
    quarantine->in_file++;
    return quarantine->line.len < GATHER_BYTES ? MR_OK : write_out(quarantine, err);
}

mr_code mr_quarantine_note(mr_quarantine *quarantine, mr_rejects_mark *out, int *out_sync_fd,
                           mr_error *err)
{
    *out = (mr_rejects_mark){.count = quarantine->count, .dropped = quarantine->dropped};
    *out_sync_fd = -1;
    if (quarantine->published || (!quarantine->created && quarantine->line.len == 0)) return MR_OK;
    MR_TRY(write_out(quarantine, err));
    if (quarantine->special) return MR_OK; /* what is there is there */
    if (!quarantine->is_named) MR_TRY(mr_file_sync_name(&quarantine->file, err));
    quarantine->is_named = true;
    out->length = quarantine->file.written;
    *out_sync_fd = quarantine->file.fd;
    return MR_OK;
}

mr_code mr_quarantine_resume(mr_quarantine *quarantine, const mr_rejects_mark *mark, bool sealed,
                             mr_error *err)
{
    quarantine->count = mark->count;
    quarantine->dropped = mark->dropped;
    if (mark->length == 0 || quarantine->path == NULL) return MR_OK;
    quarantine->in_file = mark->count - mark->dropped;
    quarantine->file_count = 1;
    const mr_code rc =
        mr_file_resume_beside(&quarantine->file, quarantine->path, mark->length, err);
    quarantine->created = rc == MR_OK;
    quarantine->published = rc != MR_OK && sealed;
    return quarantine->published ? MR_OK : rc;
}

void mr_quarantine_leave(mr_quarantine *quarantine)
{
    mr_file_leave(&quarantine->file);
    quarantine->created = false;
}

mr_code mr_quarantine_commit(mr_quarantine *quarantine, mr_error *err)
{
    return quarantine->path == NULL || quarantine->published ? MR_OK : publish(quarantine, err);
}

void mr_quarantine_close(mr_quarantine *quarantine)
{
    mr_file_close(&quarantine->file);
    mr_buffer_done(&quarantine->line);
}
