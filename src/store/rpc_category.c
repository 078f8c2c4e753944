/* SPDX-License-Identifier: MIT
 *
 * category.get and category.last. The empty category is all messages of the namespace. */
#include "store/rpc_internal.h"

/* Answers [] or null for names that cannot match anything. False when it has. */
static bool can_match(rpc_call *call, const char *nothing)
{
    const mr_read_op *op = &call->u.read;
    if (mr_stream_is_category(op->name) && mr_stream_is_category(op->correlation)) return true;
    rpc_out(call);
    rpc_put_raw(call, nothing);
    rpc_answer(call);
    return false;
}

/* {member, size}: both or neither. */
static bool read_group(rpc_call *call, const mr_scan_value *value, mr_group *out)
{
    static const char *const keys[] = {"member", "size"};
    mr_scan_value members[2];
    mr_group group = {0};
    if (value->kind == MR_SCAN_NONE) return true;
    if (!rpc_members_of(call, value, "options.consumerGroup", keys, 2, members) ||
        !rpc_option_i64(call, &members[0], "options.consumerGroup.member", &group.member) ||
        !rpc_option_i64(call, &members[1], "options.consumerGroup.size", &group.size))
        return false;
    const bool has_member = members[0].kind != MR_SCAN_NONE;
    const bool has_size = members[1].kind != MR_SCAN_NONE;
    if (has_member != has_size)
        return rpc_invalid(call, "options.consumerGroup must have both member and size");
    if (!has_member) return true;
    if (group.member < 0)
        return rpc_invalid(call, "options.consumerGroup.member must not be negative");
    if (group.size <= 0)
        return rpc_invalid(call, "options.consumerGroup.size must be greater than 0");
    if (group.member >= group.size)
        return rpc_invalid(call, "options.consumerGroup.member must be less than size");
    *out = group;
    return true;
}

void rpc_category_get(rpc_call *call)
{
    enum { POSITION, GLOBAL_POSITION, BATCH_SIZE, CORRELATION, GROUP, BACKWARDS, TYPE, OPTIONS };
    static const char *const keys[OPTIONS] = {"position",    "globalPosition", "batchSize",
                                              "correlation", "consumerGroup",  "backwards",
                                              "type"};
    mr_scan_value options[OPTIONS];
    mr_read_op *op = &call->u.read;
    int64_t from = 0;
    if (!rpc_name_of(call, &call->args[0], "category", true, &op->name) ||
        !rpc_options_of(call, 1, keys, OPTIONS, options) ||
        !rpc_option_i64(call, &options[POSITION], "options.position", &from) ||
        !rpc_option_i64(call, &options[GLOBAL_POSITION], "options.globalPosition", &from) ||
        !rpc_option_batch(call, &options[BATCH_SIZE], &op->limit) ||
        !rpc_option_text(call, &options[CORRELATION], "options.correlation", &op->correlation) ||
        !read_group(call, &options[GROUP], &op->group) ||
        !rpc_option_bool(call, &options[BACKWARDS], "options.backwards", &op->backwards) ||
        !rpc_option_text(call, &options[TYPE], "options.type", &op->type) || !rpc_has_space(call) ||
        !can_match(call, "[]"))
        return;
    op->scope = op->name.len > 0 ? MR_READ_CATEGORY : MR_READ_ALL;
    op->from = from >= 1 ? from : op->backwards ? INT64_MAX : 1;
    rpc_read_list(call, true);
}

void rpc_category_last(rpc_call *call)
{
    static const char *const keys[] = {"type"};
    mr_scan_value type;
    mr_read_op *op = &call->u.read;
    if (!rpc_name_of(call, &call->args[0], "category", true, &op->name) ||
        !rpc_options_of(call, 1, keys, 1, &type) ||
        !rpc_option_text(call, &type, "options.type", &op->type) || !rpc_has_space(call) ||
        !can_match(call, "null"))
        return;
    op->scope = op->name.len > 0 ? MR_READ_CATEGORY : MR_READ_ALL;
    op->backwards = true;
    op->from = INT64_MAX;
    rpc_read_one(call, true);
}
