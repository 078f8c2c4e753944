/* SPDX-License-Identifier: MIT
 *
 * sys.*, and what a namespace keeps beside its messages: consumers' positions, retention. */
#include "store/rpc_internal.h"

/* --- sys.* ----------------------------------------------------------------------------------- */

void rpc_sys_version(rpc_call *call)
{
    mr_buffer *out = rpc_out(call);
    rpc_put(call, mr_answer_text(out, call->rpc->options.version));
    rpc_answer(call);
}

void rpc_sys_health(rpc_call *call)
{
    const mr_rpc *rpc = call->rpc;
    mr_buffer *out = rpc_out(call);
    rpc_put_raw(call, "{\"status\":\"ok\",\"backend\":");
    rpc_put(call, mr_answer_text(out, mr_slice_text(mr_message_store_backend(rpc->options.store))));
    rpc_put_raw(call, ",\"connections\":");
    rpc_put(call,
            mr_answer_i64(out, rpc->connections != NULL ? mr_gauge_read(rpc->connections) : 0));
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

/* --- consumer.* ------------------------------------------------------------------------------- */

static void put_consumer(rpc_call *call)
{
    rpc_put_raw(call, "{\"consumer\":");
    rpc_put(call, mr_answer_text(call->out, call->u.consumer.name));
    rpc_put_raw(call, ",\"position\":");
    rpc_put(call, mr_answer_i64(call->out, call->u.consumer.position));
}

static void finish_consumer_get(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    if (call->u.consumer.position < 0) {
        rpc_put_raw(call, "null");
    } else {
        put_consumer(call);
        rpc_put_raw(call, ",\"updatedAt\":");
        rpc_put(call, mr_answer_time(call->out, call->u.consumer.time_us));
        rpc_put_raw(call, "}");
    }
    rpc_answer(call);
}

void rpc_consumer_get(rpc_call *call)
{
    if (!rpc_name_of(call, &call->args[0], "consumer", false, &call->u.consumer.name) ||
        !rpc_has_space(call))
        return;
    rpc_submit(call, MR_OP_CONSUMER_GET, call->caller.space, finish_consumer_get);
}

static void finish_consumer_set(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    put_consumer(call);
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

void rpc_consumer_set(rpc_call *call)
{
    uint64_t position = 0;
    if (!rpc_name_of(call, &call->args[0], "consumer", false, &call->u.consumer.name) ||
        !rpc_option_count(call, &call->args[1], "position", &position) || !rpc_has_space(call))
        return;
    call->u.consumer.position = (int64_t)position;
    rpc_submit(call, MR_OP_CONSUMER_SET, call->caller.space, finish_consumer_set);
}

static void finish_consumer_delete(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    rpc_put_raw(call, "{\"consumer\":");
    rpc_put(call, mr_answer_text(call->out, call->u.consumer.name));
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

void rpc_consumer_delete(rpc_call *call)
{
    if (!rpc_name_of(call, &call->args[0], "consumer", false, &call->u.consumer.name) ||
        !rpc_has_space(call))
        return;
    call->u.consumer.position = -1;
    rpc_submit(call, MR_OP_CONSUMER_SET, call->caller.space, finish_consumer_delete);
}

/* --- retention.* ------------------------------------------------------------------------------ */

static void put_retention(rpc_call *call, mr_slice target, const mr_rules *rules)
{
    rpc_put_raw(call, "{\"target\":");
    rpc_put(call, mr_answer_text(call->out, target));
    rpc_put_raw(call, ",\"maxAge\":");
    rpc_put(call, mr_answer_i64(call->out, (int64_t)rules->max_age_s));
    rpc_put_raw(call, ",\"maxCount\":");
    rpc_put(call, mr_answer_i64(call->out, (int64_t)rules->max_count));
    rpc_put_raw(call, "}");
}

static void finish_retention_set(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    put_retention(call, call->u.setting.target, &call->u.setting.rules);
    rpc_answer(call);
}

/* The namespace's own rules hold its quota too, which stays. */
static void finish_retention_known(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    call->u.setting.rules.max_age_s = call->rules.max_age_s;
    call->u.setting.rules.max_count = call->rules.max_count;
    rpc_submit(call, MR_OP_SETTING_SET, call->caller.space, finish_retention_set);
}

void rpc_retention_set(rpc_call *call)
{
    static const char *const keys[] = {"maxAge", "maxCount"};
    mr_scan_value options[2];
    if (!rpc_name_of(call, &call->args[0], "target", true, &call->u.setting.target) ||
        !rpc_options_of(call, 1, keys, 2, options) ||
        !rpc_option_count(call, &options[0], "options.maxAge", &call->rules.max_age_s) ||
        !rpc_option_count(call, &options[1], "options.maxCount", &call->rules.max_count) ||
        !rpc_has_space(call))
        return;
    rpc_submit(call, MR_OP_SETTING_GET, call->caller.space, finish_retention_known);
}

/* On a thread of the store. */
static void take_rules(mr_setting_op *op, mr_slice target, const mr_rules *rules)
{
    rpc_call *call = MR_CONTAINER_OF(op, rpc_call, u);
    if (rules->max_age_s == 0 && rules->max_count == 0) return; /* a quota alone */
    rpc_put_comma(call);
    put_retention(call, target, rules);
}

static void finish_retention_list(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_put_raw(call, "]");
    rpc_answer(call);
}

void rpc_retention_get(rpc_call *call)
{
    if (!rpc_has_space(call)) return;
    call->u.setting.each = take_rules;
    rpc_out(call);
    rpc_put_raw(call, "[");
    rpc_submit(call, MR_OP_SETTING_GET, call->caller.space, finish_retention_list);
}
