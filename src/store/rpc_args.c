/* SPDX-License-Identifier: MIT
 *
 * Arguments and options of /rpc: each is checked and named in the error it earns. */
#include "store/rpc_internal.h"

/* --- Arguments ------------------------------------------------------------------------------ */

bool rpc_name_of(rpc_call *call, const mr_scan_value *value, const char *what, bool may_be_empty,
                 mr_slice *out)
{
    mr_error err;
    if (value->kind != MR_SCAN_STRING) return rpc_invalid(call, "%s must be a string", what);
    /* Replacing what is not Unicode would make one name of two. */
    if ((value->marks & (MR_SCAN_BROKEN | MR_SCAN_LONE)) != 0)
        return rpc_invalid(call, "%s must be valid UTF-8", what);
    if (!mr_scan_text(value, call->arena, out)) return rpc_no_room(call);
    if (may_be_empty && out->len == 0) return true;
    if (mr_stream_name_check(*out, what, &err) != MR_OK) return rpc_invalid(call, "%s", err.text);
    return true;
}

bool rpc_space_id_of(rpc_call *call, const mr_scan_value *value, mr_slice *out)
{
    mr_error err;
    if (value->kind != MR_SCAN_STRING) return rpc_invalid(call, "namespace must be a string");
    if ((value->marks & (MR_SCAN_BROKEN | MR_SCAN_LONE)) != 0)
        return rpc_invalid(call, "namespace must be valid UTF-8");
    if (!mr_scan_text(value, call->arena, out)) return rpc_no_room(call);
    if (mr_space_id_check(*out, &err) != MR_OK) return rpc_invalid(call, "%s", err.text);
    return true;
}

bool rpc_members_of(rpc_call *call, const mr_scan_value *value, const char *what,
                    const char *const *keys, size_t count, mr_scan_value *out)
{
    if (value->kind != MR_SCAN_OBJECT) return rpc_invalid(call, "%s must be an object", what);
    mr_scan_members(value, keys, count, out);
    return true;
}

bool rpc_options_of(rpc_call *call, size_t index, const char *const *keys, size_t count,
                    mr_scan_value *out)
{
    if (call->arg_count > index)
        return rpc_members_of(call, &call->args[index], "options", keys, count, out);
    for (size_t i = 0; i < count; i++)
        out[i] = (mr_scan_value){.kind = MR_SCAN_NONE};
    return true;
}

/* --- Options -------------------------------------------------------------------------------- */

bool rpc_option_i64(rpc_call *call, const mr_scan_value *value, const char *what, int64_t *out)
{
    if (value->kind == MR_SCAN_NONE) return true;
    if (value->kind != MR_SCAN_NUMBER) return rpc_invalid(call, "%s must be a number", what);
    if (!mr_scan_i64(value, out))
        return rpc_invalid(call, "%s must lie between -2^63 and 2^63 - 1", what);
    return true;
}

bool rpc_option_text(rpc_call *call, const mr_scan_value *value, const char *what, mr_slice *out)
{
    if (value->kind == MR_SCAN_NONE) return true;
    if (value->kind != MR_SCAN_STRING) return rpc_invalid(call, "%s must be a string", what);
    return mr_scan_text(value, call->arena, out) || rpc_no_room(call);
}

bool rpc_option_bool(rpc_call *call, const mr_scan_value *value, const char *what, bool *out)
{
    if (value->kind == MR_SCAN_NONE) return true;
    if (value->kind != MR_SCAN_TRUE && value->kind != MR_SCAN_FALSE)
        return rpc_invalid(call, "%s must be true or false", what);
    *out = value->kind == MR_SCAN_TRUE;
    return true;
}

bool rpc_option_count(rpc_call *call, const mr_scan_value *value, const char *what, uint64_t *out)
{
    int64_t number = (int64_t)*out;
    if (!rpc_option_i64(call, value, what, &number)) return false;
    if (number < 0) return rpc_invalid(call, "%s must not be negative", what);
    *out = (uint64_t)number;
    return true;
}

bool rpc_option_batch(rpc_call *call, const mr_scan_value *value, int64_t *out)
{
    *out = RPC_BATCH_DEFAULT;
    if (!rpc_option_i64(call, value, "options.batchSize", out)) return false;
    if (*out > RPC_BATCH_MAX)
        return rpc_invalid(call, "options.batchSize must not exceed %d, or be -1 for all",
                           RPC_BATCH_MAX);
    if (*out < -1) return rpc_invalid(call, "options.batchSize must be -1, 0 or more");
    return true;
}

/* --- Values that are stored ----------------------------------------------------------------- */

/* Room in the output's memory, which is not needed before the answer: reserved once for as much as
 * all values of the body can need, so that it does not move. */
static char *take_output(rpc_call *call, size_t bytes)
{
    if (call->out == NULL) {
        const size_t whole = mr_http_body(call->request).len * (call->body_utf8 ? 1 : 3);
        if (mr_buffer_reserve(rpc_out(call), whole, NULL) != MR_OK) return NULL;
    }
    if (call->out->cap - call->out->len < bytes) return NULL;
    char *room = call->out->ptr + call->out->len;
    call->out->len += bytes;
    return room;
}

bool rpc_keep(rpc_call *call, const mr_scan_value *value, mr_slice *out)
{
    const size_t bytes = mr_scan_keep_bytes(value);
    if (MR_LIKELY(bytes == 0)) {
        *out = value->raw;
        return true;
    }
    const bool small = bytes <= RPC_ARENA_KEEP_MAX && call->out == NULL;
    char *room = small ? mr_arena_take(call->arena, bytes) : NULL;
    if (room == NULL) room = take_output(call, bytes);
    if (room == NULL) return rpc_no_room(call);
    *out = mr_scan_keep(value, room);
    return true;
}
