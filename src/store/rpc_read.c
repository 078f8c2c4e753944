/* SPDX-License-Identifier: MIT
 *
 * Reads of /rpc. Messages become JSON on the reader's thread, straight in the answer's buffer:
 *
 *     read -> [m1,m2,...]            complete below RPC_PIECE_BYTES: an ordinary answer
 *     read -> [m1,...  stop          else the answer becomes a stream: the piece is sent, and when
 *     read -> ,mi,...  stop          the last of it has been taken by the connection, the next read
 *     read -> ,mk,...]               goes on from where the last one stopped
 *
 * So a reader that asks for everything costs one piece of memory and no more than one read at a
 * time, as slow as it likes to be. A fault in the middle cuts the connection. */
#include "store/rpc_internal.h"

/* --- Taking --------------------------------------------------------------------------------- */

/* On a reader's thread. */
static bool take(mr_read_op *op, const mr_message *message)
{
    rpc_call *call = MR_CONTAINER_OF(op, rpc_call, u);
    mr_buffer *out = call->out;
    mr_code rc = MR_OK;
    if (call->comma) rc = mr_buffer_append_byte(out, ',', NULL);
    if (rc == MR_OK) rc = mr_answer_message(out, message, call->stream_names);
    call->comma = true;
    call->failed = rc != MR_OK;
    return rc == MR_OK && out->len < RPC_PIECE_BYTES;
}

/* Nothing is left to read once the last read has stopped. */
static bool is_complete(const mr_read_op *op)
{
    if (!op->stopped || op->limit == 0) return true;
    if (!op->backwards) return false;
    const bool by_position = op->scope == MR_READ_STREAM && !op->by_global;
    return by_position ? op->last_position <= 0 : op->last_global <= 1;
}

/* Sets the read to go on behind the last message it took. */
static void go_on(mr_read_op *op)
{
    const bool by_position = op->scope == MR_READ_STREAM && !op->by_global;
    const int64_t last = by_position ? op->last_position : op->last_global;
    op->from = op->backwards ? last - 1 : last + 1;
}

/* --- Pieces --------------------------------------------------------------------------------- */

static void finish_piece(rpc_call *call);

static void read_more(rpc_call *call)
{
    mr_read_op *op = &call->u.read;
    mr_buffer_reset(call->out);
    call->sent = 0;
    go_on(op);
    op->taken = 0;
    op->stopped = false;
    rpc_submit(call, MR_OP_READ, call->caller.space, finish_piece);
}

/* Sends what the connection takes of the piece; at its end reads the next one, or ends. */
static void send_piece(rpc_call *call)
{
    while (call->sent < call->out->len) {
        const mr_slice rest = mr_slice_from(mr_buffer_slice(call->out), call->sent);
        const mr_slice bytes = {rest.ptr, (size_t)mr_min_u64(rest.len, RPC_SEND_BYTES)};
        /* Waits for on_writable(), or for on_closed() when the reader has left. */
        if (mr_http_stream_send(call->request, bytes, NULL) != MR_OK) return;
        call->sent += bytes.len;
    }
    if (call->complete)
        mr_http_stream_end(call->request);
    else
        read_more(call);
}

static void on_writable(MR_UNUSED mr_http_request *request, void *context)
{
    send_piece(context);
}

static void on_closed(MR_UNUSED mr_http_request *request, void *context)
{
    rpc_call *call = context;
    rpc_end(call, call->cut ? RPC_BACKEND_ERROR : RPC_OK);
}

static const mr_http_stream_events stream_events = {.writable = on_writable, .closed = on_closed};

static void begin_stream(rpc_call *call)
{
    call->streaming = true;
    mr_http_stream_begin(
        call->request,
        &(mr_http_response){.status = 200, .content_type = MR_SLICE("application/json")},
        &stream_events, call);
}

/* After a read: settles what is left to read, and closes the list when that is nothing. */
static void settle(rpc_call *call)
{
    mr_read_op *op = &call->u.read;
    if (op->limit > 0) op->limit -= (int64_t)mr_min_u64(op->taken, (uint64_t)op->limit);
    call->complete = is_complete(op);
    if (call->complete) rpc_put_raw(call, "]");
}

static void finish_piece(rpc_call *call)
{
    if (mr_http_gone(call->request)) return; /* on_closed() follows */
    const bool sound = call->u.op.fault.code == MR_FAULT_NONE && !call->failed;
    if (sound) settle(call);
    if (!sound || call->failed) {
        call->cut = true;
        mr_http_stream_cut(call->request);
        return;
    }
    send_piece(call);
}

/* --- Lists ---------------------------------------------------------------------------------- */

static void finish_list(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    if (!call->failed) settle(call);
    if (call->failed || call->complete) {
        rpc_answer(call);
        return;
    }
    begin_stream(call);
    send_piece(call);
}

static void finish_one(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    if (!call->comma) rpc_put_raw(call, "null");
    rpc_answer(call);
}

static void start(rpc_call *call, bool stream_names, void (*finish)(rpc_call *))
{
    call->stream_names = stream_names;
    call->u.read.take = take;
    rpc_submit(call, MR_OP_READ, call->caller.space, finish);
}

void rpc_read_list(rpc_call *call, bool stream_names)
{
    rpc_out(call);
    rpc_put_raw(call, "[");
    if (call->failed || call->u.read.limit == 0) {
        rpc_put_raw(call, "]");
        rpc_answer(call);
        return;
    }
    start(call, stream_names, finish_list);
}

void rpc_read_one(rpc_call *call, bool stream_names)
{
    rpc_out(call);
    call->u.read.limit = 1;
    start(call, stream_names, finish_one);
}
