/* SPDX-License-Identifier: MIT
 *
 * Once a thousand records: what is said is said by the writer of small JSON texts. */
#include <stdio.h>

#include "core/clock.h"
#include "core/json.h"
#include "store/import_internal.h"

void mr_import_fault(mr_import_session *session, const char *code, uint64_t line,
                     const mr_error *text)
{
    if (session->fault != NULL) return;
    session->fault = code;
    session->fault_line = line;
    session->fault_text = *text;
}

static void write_progress(const mr_import_session *session, mr_json_out *json)
{
    mr_json_key(json, "imported");
    mr_json_u64(json, session->imported);
    mr_json_key(json, "gpos");
    mr_json_i64(json, session->last_global);
}

static void write_done(const mr_import_session *session, mr_json_out *json)
{
    char elapsed[32];
    const int64_t ns = mr_clock_ns() - session->started_ns;
    const int len = snprintf(elapsed, sizeof elapsed, "%.1fs", (double)ns / 1e9);
    mr_json_key(json, "done");
    mr_json_bool(json, true);
    mr_json_key(json, "imported");
    mr_json_u64(json, session->imported);
    mr_json_key(json, "elapsed");
    mr_json_text(json, mr_slice_of(elapsed, (size_t)len));
}

static void write_fault(const mr_import_session *session, mr_json_out *json)
{
    mr_json_key(json, "error");
    mr_json_text(json, mr_slice_text(session->fault));
    mr_json_key(json, "message");
    mr_json_text(json, mr_slice_text(session->fault_text.text));
    mr_json_key(json, "line");
    mr_json_u64(json, session->fault_line);
}

/* False when it must be said again, later. */
static bool say(mr_import_session *session, void (*write)(const mr_import_session *, mr_json_out *))
{
    mr_buffer *const out = &session->report;
    mr_json_out json = {.out = out};
    mr_buffer_reset(out);
    if (mr_buffer_append(out, MR_SLICE("data: "), NULL) != MR_OK) return false;
    mr_json_open(&json, '{');
    write(session, &json);
    mr_json_close(&json, '}');
    if (json.failed || mr_buffer_append(out, MR_SLICE("\n\n"), NULL) != MR_OK) return false;
    return mr_http_stream_send(session->request, mr_buffer_slice(out), NULL) != MR_ERR_LIMIT;
}

void mr_import_report(mr_import_session *session)
{
    if (session->closed || session->told) return;
    if (session->owes_progress) {
        if (!say(session, write_progress)) return;
        session->owes_progress = false;
    }
    if (!session->over) return;
    if (!say(session, session->fault != NULL ? write_fault : write_done)) return;
    session->told = true;
    mr_http_stream_end(session->request);
}
