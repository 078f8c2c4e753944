/* SPDX-License-Identifier: MIT
 *
 * stream.get, stream.last, stream.version, stream.truncate, stream.delete. */
#include "store/rpc_internal.h"

/* --- Reading -------------------------------------------------------------------------------- */

void rpc_stream_get(rpc_call *call)
{
    enum { POSITION, GLOBAL_POSITION, BATCH_SIZE, BACKWARDS, TYPE, OPTIONS };
    static const char *const keys[OPTIONS] = {"position", "globalPosition", "batchSize",
                                              "backwards", "type"};
    mr_scan_value options[OPTIONS];
    mr_read_op *op = &call->u.read;
    int64_t position = -1, global_position = -1;
    op->scope = MR_READ_STREAM;
    if (!rpc_name_of(call, &call->args[0], "stream", false, &op->name) ||
        !rpc_options_of(call, 1, keys, OPTIONS, options) ||
        !rpc_option_i64(call, &options[POSITION], "options.position", &position) ||
        !rpc_option_i64(call, &options[GLOBAL_POSITION], "options.globalPosition",
                        &global_position) ||
        !rpc_option_batch(call, &options[BATCH_SIZE], &op->limit) ||
        !rpc_option_bool(call, &options[BACKWARDS], "options.backwards", &op->backwards) ||
        !rpc_option_text(call, &options[TYPE], "options.type", &op->type) || !rpc_has_space(call))
        return;
    op->by_global = options[GLOBAL_POSITION].kind != MR_SCAN_NONE;
    const int64_t from = op->by_global ? global_position : position;
    /* Negative: from the end at which the reading begins. */
    op->from = from >= 0 ? from : op->backwards ? INT64_MAX : 0;
    rpc_read_list(call, false);
}

void rpc_stream_last(rpc_call *call)
{
    static const char *const keys[] = {"type"};
    mr_scan_value type;
    mr_read_op *op = &call->u.read;
    if (!rpc_name_of(call, &call->args[0], "stream", false, &op->name) ||
        !rpc_options_of(call, 1, keys, 1, &type) ||
        !rpc_option_text(call, &type, "options.type", &op->type) || !rpc_has_space(call))
        return;
    op->scope = MR_READ_STREAM;
    op->backwards = true;
    op->from = INT64_MAX;
    rpc_read_one(call, false);
}

static void finish_version(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    if (call->u.version.version < 0)
        rpc_put_raw(call, "null");
    else
        rpc_put(call, mr_answer_i64(call->out, call->u.version.version));
    rpc_answer(call);
}

void rpc_stream_version(rpc_call *call)
{
    if (!rpc_name_of(call, &call->args[0], "stream", false, &call->u.version.stream) ||
        !rpc_has_space(call))
        return;
    rpc_submit(call, MR_OP_VERSION, call->caller.space, finish_version);
}

/* --- Removing ------------------------------------------------------------------------------- */

static void finish_removal(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    rpc_put_raw(call, "{\"stream\":");
    rpc_put(call, mr_answer_text(call->out, call->u.truncate.stream));
    rpc_put_raw(call, ",\"messagesDeleted\":");
    rpc_put(call, mr_answer_i64(call->out, (int64_t)call->u.truncate.removed));
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

void rpc_stream_truncate(rpc_call *call)
{
    mr_truncate_op *op = &call->u.truncate;
    if (!rpc_name_of(call, &call->args[0], "stream", false, &op->stream) ||
        !rpc_option_i64(call, &call->args[1], "before", &op->before) || !rpc_has_space(call))
        return;
    rpc_submit(call, MR_OP_TRUNCATE, call->caller.space, finish_removal);
}

void rpc_stream_delete(rpc_call *call)
{
    mr_truncate_op *op = &call->u.truncate;
    if (!rpc_name_of(call, &call->args[0], "stream", false, &op->stream) || !rpc_has_space(call))
        return;
    op->before = INT64_MAX;
    op->forget = true;
    rpc_submit(call, MR_OP_TRUNCATE, call->caller.space, finish_removal);
}
