/* SPDX-License-Identifier: MIT
 *
 * A line is copied once, into the arena of its batch, where its texts then stay. */
#include "store/import_internal.h"
#include "store/import_record.h"

bool mr_import_full(const mr_import_batch *batch)
{
    return batch->count == MR_IMPORT_BATCH_RECORDS || batch->bytes >= MR_IMPORT_BATCH_BYTES;
}

static bool is_blank(mr_slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r') return false;
    return true;
}

static void refuse(mr_import_session *session, mr_import_verdict verdict, const mr_error *why)
{
    switch (verdict) {
    case MR_IMPORT_GOOD: return;
    case MR_IMPORT_INVALID_JSON:
        mr_import_fault(session, "INVALID_JSON", session->line_count, why);
        return;
    case MR_IMPORT_INVALID_RECORD:
        mr_import_fault(session, "INVALID_RECORD", session->line_count, why);
        return;
    case MR_IMPORT_NO_ROOM:
        mr_import_fault(session, "IMPORT_FAILED", session->line_count, why);
        return;
    }
}

static void refuse_long_line(mr_import_session *session)
{
    mr_error why;
    mr_fail(&why, MR_ERR_LIMIT, "a line is longer than %zu MiB", MR_IMPORT_LINE_BYTES >> 20);
    mr_import_fault(session, "READ_ERROR", session->line_count, &why);
}

static void take_line(mr_import_session *session, mr_slice line)
{
    mr_import_batch *const batch = session->filling;
    mr_error why;
    session->line_count++;
    if (line.len > MR_IMPORT_LINE_BYTES) {
        refuse_long_line(session);
        return;
    }
    if (is_blank(line)) return;
    char *const copy = mr_arena_take(&batch->arena, line.len);
    if (copy == NULL) {
        mr_arena_fail(&batch->arena, &why);
        refuse(session, MR_IMPORT_NO_ROOM, &why);
        return;
    }
    memcpy(copy, line.ptr, line.len);
    const mr_import_verdict verdict = mr_import_record(mr_slice_of(copy, line.len), &batch->arena,
                                                       &batch->messages[batch->count], &why);
    if (MR_UNLIKELY(verdict != MR_IMPORT_GOOD)) {
        refuse(session, verdict, &why);
        return;
    }
    batch->lines[batch->count++] = session->line_count;
    batch->bytes += line.len;
}

/* `part` continues a line that began in an earlier piece. False when that is refused. */
static bool keep(mr_import_session *session, mr_slice part)
{
    mr_error why;
    const mr_code code = mr_buffer_append(&session->line, part, &why);
    if (code == MR_OK) return true;
    session->line_count++;
    if (code == MR_ERR_LIMIT)
        refuse_long_line(session);
    else
        refuse(session, MR_IMPORT_NO_ROOM, &why);
    return false;
}

size_t mr_import_take(mr_import_session *session, mr_slice bytes)
{
    size_t used = 0;
    while (used < bytes.len && session->fault == NULL && !mr_import_full(session->filling)) {
        const mr_slice left = mr_slice_from(bytes, used);
        const char *const lf = memchr(left.ptr, '\n', left.len);
        const mr_slice line =
            mr_slice_of(left.ptr, lf != NULL ? (size_t)(lf - left.ptr) : left.len);
        used += line.len + (lf != NULL);
        if (lf == NULL || session->line.len > 0) {
            if (!keep(session, line)) return used;
            if (lf == NULL) return used;
            take_line(session, mr_buffer_slice(&session->line));
            mr_buffer_reset(&session->line);
        } else {
            take_line(session, line);
        }
    }
    return used;
}

void mr_import_take_last(mr_import_session *session)
{
    if (session->fault == NULL && session->line.len > 0)
        take_line(session, mr_buffer_slice(&session->line));
    mr_buffer_reset(&session->line);
}
