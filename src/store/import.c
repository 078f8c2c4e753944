/* SPDX-License-Identifier: MIT */
#include "store/import.h"

#include <time.h>

#include "core/clock.h"
#include "core/mem.h"
#include "http/query.h"
#include "store/import_internal.h"

#define REPORT_BYTES ((size_t)4096) /* an error's text, all of it escaped, and more */

struct mr_importer {
    mr_message_store *store;
    const mr_auth *auth;
    _Atomic(mr_space *) sessions[MR_IMPORT_SESSIONS_MAX]; /* whose import has the place */
    atomic_uint ops; /* under way in the store: counted down by the last thing a done() does */
};

/* --- Sessions ------------------------------------------------------------------------------- */

static mr_import_batch *batch_open(mr_import_session *session)
{
    mr_import_batch *const batch = mr_mem_zalloc(sizeof *batch);
    if (batch == NULL) return NULL;
    batch->session = session;
    mr_arena_init(&batch->arena, "store.import", MR_IMPORT_ARENA_BYTES);
    return batch;
}

static void batch_close(mr_import_batch *batch)
{
    if (batch == NULL) return;
    mr_arena_done(&batch->arena);
    mr_mem_free(batch);
}

/* No op of it is under way, and the request is not used any more. */
static void session_close(mr_import_session *session)
{
    MR_DCHECK(session->committing == NULL);
    batch_close(session->filling);
    batch_close(session->spare);
    mr_buffer_done(&session->line);
    mr_buffer_done(&session->rest);
    mr_buffer_done(&session->report);
    atomic_store(&session->importer->sessions[session->place], NULL);
    if (session->space != NULL) mr_space_release(session->space);
    mr_mem_free(session);
}

/* NULL when there is no memory. `space` is the session's from then on. */
/* A free place for an import of `space`; -1 when there is none, or it has enough of them. */
static int claim_place(mr_importer *importer, mr_space *space)
{
    unsigned same = 0;
    for (int i = 0; i < (int)MR_IMPORT_SESSIONS_MAX; i++)
        same += atomic_load(&importer->sessions[i]) == space;
    for (int i = 0; i < (int)MR_IMPORT_SESSIONS_MAX && same < MR_IMPORT_SESSIONS_OF_SPACE_MAX;
         i++) {
        mr_space *none = NULL;
        if (atomic_compare_exchange_strong(&importer->sessions[i], &none, space)) return i;
    }
    return -1;
}

static mr_import_session *session_open(mr_importer *importer, mr_http_request *request,
                                       mr_space *space)
{
    const int place = claim_place(importer, space);
    mr_import_session *const session = place < 0 ? NULL : mr_mem_zalloc(sizeof *session);
    if (session == NULL) {
        if (place >= 0) atomic_store(&importer->sessions[place], NULL);
        return NULL;
    }
    session->place = place;
    session->importer = importer;
    session->request = request;
    session->loop = mr_http_loop(request);
    session->started_ns = mr_clock_ns();
    mr_buffer_init(&session->line, "a line of an import", MR_IMPORT_LINE_BYTES);
    mr_buffer_init(&session->rest, "a piece of an import", SIZE_MAX / 2);
    mr_buffer_init(&session->report, "the report of an import", REPORT_BYTES);
    session->filling = batch_open(session);
    session->spare = batch_open(session);
    if (session->filling == NULL || session->spare == NULL ||
        mr_buffer_reserve(&session->report, REPORT_BYTES, NULL) != MR_OK) {
        session_close(session);
        return NULL;
    }
    session->space = space;
    return session;
}

/* --- The store's side ----------------------------------------------------------------------- */

static void submit(mr_import_session *session, mr_op *op, mr_op_kind kind, void (*done)(mr_op *op))
{
    atomic_fetch_add(&session->importer->ops, 1);
    *op = (mr_op){.kind = kind, .space = session->space, .done = done};
    mr_message_store_submit(session->importer->store, op);
}

/* A store thread. */
static void on_committed(mr_op *op)
{
    mr_import_batch *const batch = MR_CONTAINER_OF(op, mr_import_batch, op.op);
    mr_importer *const importer = batch->session->importer;
    mr_loop_post(batch->session->loop, &batch->job);
    atomic_fetch_sub(&importer->ops, 1);
}

static void note_fault(mr_import_session *session, const mr_import_batch *batch)
{
    const mr_fault *const fault = &batch->op.op.fault;
    const size_t at = fault->at < batch->count ? fault->at : 0;
    const mr_message *const message = &batch->messages[at];
    mr_error text;
    switch (fault->code) {
    case MR_FAULT_POSITION:
        mr_fail(&text, MR_ERR_CONFLICT,
                "the id, position %lld of stream '%.*s' or the global position exists already: "
                "global position %lld",
                (long long)message->position, MR_SLICE_ARGS(message->stream),
                (long long)message->global_position);
        mr_import_fault(session, "POSITION_EXISTS", batch->lines[at], &text);
        return;
    case MR_FAULT_INPUT:
        mr_import_fault(session, "INVALID_RECORD", batch->lines[at], &fault->error);
        return;
    case MR_FAULT_NONE:
    case MR_FAULT_VERSION:
    case MR_FAULT_ID_TAKEN:
    case MR_FAULT_NO_SPACE:
    case MR_FAULT_SPACE_EXISTS:
    case MR_FAULT_QUOTA:
    case MR_FAULT_CLOSED:
    case MR_FAULT_BACKEND: break;
    }
    mr_import_fault(session, "IMPORT_FAILED", batch->lines[at], &fault->error);
}

static void go_on(mr_import_session *session);

/* The loop's thread: the store has answered. */
static void committed(mr_loop_job *job)
{
    mr_import_batch *const batch = MR_CONTAINER_OF(job, mr_import_batch, job);
    mr_import_session *const session = batch->session;
    session->committing = NULL;
    session->spare = batch;
    if (session->closed) {
        session_close(session);
        return;
    }
    if (batch->op.op.fault.code != MR_FAULT_NONE) {
        session->fault = NULL; /* what the lines behind it were found guilty of comes later */
        note_fault(session, batch);
    } else {
        session->imported += batch->count;
        session->last_global = batch->messages[batch->count - 1].global_position;
        session->owes_progress = mr_import_full(batch);
    }
    batch->count = batch->bytes = 0;
    mr_arena_reset(&batch->arena);
    go_on(session);
}

/* --- Going on ------------------------------------------------------------------------------- */

static void commit(mr_import_session *session)
{
    mr_import_batch *const batch = session->filling;
    session->filling = session->spare;
    session->spare = NULL;
    session->committing = batch;
    batch->job.run = committed;
    batch->op.messages = batch->messages;
    batch->op.count = batch->count;
    submit(session, &batch->op.op, MR_OP_IMPORT, on_committed);
}

static bool has_rest(const mr_import_session *session)
{
    return session->rest_at < session->rest.len;
}

static void take_rest(mr_import_session *session)
{
    if (!has_rest(session)) return;
    session->rest_at +=
        mr_import_take(session, mr_slice_from(mr_buffer_slice(&session->rest), session->rest_at));
    if (has_rest(session) && session->fault == NULL) return;
    mr_buffer_reset(&session->rest);
    session->rest_at = 0;
    mr_http_body_resume(session->request);
}

/* Does all that can be done now: fills and commits batches from what waits, tells, and ends. */
static void go_on(mr_import_session *session)
{
    for (;;) {
        take_rest(session);
        const bool whole = mr_import_full(session->filling) ||
                           (session->complete && !has_rest(session) && session->filling->count > 0);
        if (session->fault != NULL || !whole || session->committing != NULL) break;
        commit(session);
    }
    session->over = session->committing == NULL &&
                    (session->fault != NULL ||
                     (session->complete && !has_rest(session) && session->filling->count == 0));
    mr_import_report(session);
}

/* --- The request's side --------------------------------------------------------------------- */

static void on_piece(mr_http_request *request, mr_slice bytes, void *context)
{
    mr_import_session *const session = context;
    mr_error why;
    MR_DCHECK(!has_rest(session));
    while (bytes.len > 0 && session->fault == NULL) {
        bytes = mr_slice_from(bytes, mr_import_take(session, bytes));
        if (!mr_import_full(session->filling)) continue;
        if (session->committing != NULL) break;
        commit(session);
    }
    if (bytes.len > 0 && session->fault == NULL) {
        mr_http_body_pause(request);
        if (mr_buffer_append(&session->rest, bytes, &why) != MR_OK)
            mr_import_fault(session, "IMPORT_FAILED", session->line_count, &why);
    }
    go_on(session);
}

static void on_complete(MR_UNUSED mr_http_request *request, void *context)
{
    mr_import_session *const session = context;
    mr_import_take_last(session);
    session->complete = true;
    go_on(session);
}

/* What the store has in hand goes on, but nobody will hear of it. */
static void on_broken(mr_http_request *request, void *context)
{
    mr_import_session *const session = context;
    mr_error why;
    if (mr_http_gone(request)) return;
    mr_fail(&why, MR_ERR_IO, "the body broke off or was malformed");
    mr_import_fault(session, "READ_ERROR", session->line_count + (session->line.len > 0), &why);
    session->over = true;
    mr_import_report(session);
}

static void on_writable(MR_UNUSED mr_http_request *request, void *context)
{
    mr_import_report(context);
}

static void on_closed(MR_UNUSED mr_http_request *request, void *context)
{
    mr_import_session *const session = context;
    session->closed = true;
    if (session->committing == NULL) session_close(session);
}

static void begin(mr_http_request *request, mr_import_session *session)
{
    static const mr_http_stream_events stream_events = {.writable = on_writable,
                                                        .closed = on_closed};
    static const mr_http_body_events body_events = {
        .piece = on_piece, .complete = on_complete, .broken = on_broken};
    const mr_http_line lines[] = {{"Cache-Control", MR_SLICE("no-cache")},
                                  {"X-Accel-Buffering", MR_SLICE("no")}};
    const mr_http_response head = {.status = 200,
                                   .content_type = MR_SLICE("text/event-stream"),
                                   .lines = lines,
                                   .line_count = MR_COUNT_OF(lines)};
    mr_http_stream_begin(request, &head, &stream_events, session);
    mr_http_body_be_patient(request);
    mr_http_body_begin(request, &body_events, session);
}

/* --- With force=true ------------------------------------------------------------------------ */

static void cleared(mr_http_request *request, void *context)
{
    mr_import_session *const session = context;
    const mr_fault *const fault = &session->clear.op.fault;
    if (fault->code == MR_FAULT_NONE) {
        begin(request, session);
        return;
    }
    mr_http_reply_error(request, 500, "CLEAR_FAILED", mr_slice_text(fault->error.text));
    session_close(session);
}

/* A store thread. */
static void on_cleared(mr_op *op)
{
    mr_import_session *const session = MR_CONTAINER_OF(op, mr_import_session, clear.op);
    mr_importer *const importer = session->importer;
    mr_http_resume(session->request, cleared, session);
    atomic_fetch_sub(&importer->ops, 1);
}

static bool is_forced(mr_http_request *request)
{
    mr_slice value;
    return mr_http_query_find(mr_http_query(request), "force", mr_http_arena(request), &value) ==
               MR_HTTP_FOUND &&
           mr_slice_is(value, "true");
}

void mr_import_serve(mr_http_request *request, void *context)
{
    mr_importer *const importer = context;
    mr_caller caller;
    if (!mr_auth_admit(importer->auth, request, &caller)) return; /* it has answered */
    if (caller.space == NULL) {
        mr_auth_reply_no_space(request, &caller);
        return;
    }
    mr_import_session *session = session_open(importer, request, caller.space);
    if (session == NULL) {
        mr_space_release(caller.space);
        mr_http_reply_error(request, 503, "BACKEND_ERROR",
                            MR_SLICE("too many imports at a time, or no memory; try again later"));
        return;
    }
    if (!is_forced(request)) {
        begin(request, session);
        return;
    }
    mr_http_defer(request);
    submit(session, &session->clear.op, MR_OP_CLEAR, on_cleared);
}

/* --- The importer --------------------------------------------------------------------------- */

mr_code mr_importer_open(mr_message_store *store, const mr_auth *auth, mr_importer **out,
                         mr_error *err)
{
    mr_importer *const importer = mr_mem_zalloc(sizeof *importer);
    if (importer == NULL) return mr_fail(err, MR_ERR_NOMEM, "out of memory");
    importer->store = store;
    importer->auth = auth;
    *out = importer;
    return MR_OK;
}

void mr_importer_settle(mr_importer *importer)
{
    const struct timespec moment = {.tv_nsec = MR_NS_PER_MS};
    while (atomic_load(&importer->ops) > 0)
        nanosleep(&moment, NULL);
}

void mr_importer_close(mr_importer *importer)
{
    if (importer == NULL) return;
    mr_importer_settle(importer);
    for (size_t i = 0; i < MR_IMPORT_SESSIONS_MAX; i++)
        MR_DCHECK(atomic_load(&importer->sessions[i]) == NULL);
    mr_mem_free(importer);
}
