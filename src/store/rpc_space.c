/* SPDX-License-Identifier: MIT
 *
 * ns.*: namespaces, their tokens, streams and categories. */
#include "store/rpc_internal.h"

#define STREAMS_DEFAULT 100
#define STREAMS_MAX     1000
#define US_PER_S        INT64_C(1000000)

/* --- Pieces of answers ---------------------------------------------------------------------- */

static void put_text(rpc_call *call, const char *name, mr_slice value)
{
    rpc_put_raw(call, name);
    rpc_put(call, mr_answer_text(call->out, value));
}

static void put_u64(rpc_call *call, const char *name, uint64_t value)
{
    rpc_put_raw(call, name);
    rpc_put(call, mr_answer_i64(call->out, (int64_t)value));
}

static void put_time(rpc_call *call, const char *name, int64_t time_us)
{
    rpc_put_raw(call, name);
    rpc_put(call, mr_answer_time(call->out, time_us));
}

/* The moment's second: shown where the contract has whole seconds. */
static int64_t whole_second(int64_t time_us)
{
    const int64_t rest = time_us % US_PER_S;
    return time_us - (rest < 0 ? rest + US_PER_S : rest);
}

/* --- Creating and rotating ------------------------------------------------------------------ */

/* The caller's token, which must name `space_id`, or a new one; and its hash for the op. */
static bool choose_token(rpc_call *call, const mr_scan_value *value, mr_slice space_id)
{
    mr_error err;
    mr_slice id = {0};
    char *text = mr_arena_take(call->arena, MR_SPACE_ID_MAX + MR_TOKEN_TEXT_MAX);
    char *hash = mr_arena_take(call->arena, MR_TOKEN_HASH_MAX);
    if (text == NULL || hash == NULL) return rpc_no_room(call);
    if (!rpc_option_text(call, value, "options.token", &call->token)) return false;
    if (value->kind == MR_SCAN_NONE) {
        const size_t len = mr_token_make(space_id, text + MR_SPACE_ID_MAX);
        if (len == 0)
            return rpc_refuse(call, RPC_INTERNAL_ERROR, "the system has no randomness to give");
        call->token = (mr_slice){text + MR_SPACE_ID_MAX, len};
    } else {
        id.ptr = text;
        if (mr_token_parse(call->token, text, &id.len, &err) != MR_OK)
            return rpc_invalid(call, "options.token: %s", err.text);
        if (!mr_slice_equal(id, space_id))
            return rpc_invalid(call, "options.token names another namespace");
    }
    mr_token_hash(call->token, hash);
    call->u.space.token_hash = (mr_slice){hash, MR_TOKEN_HASH_MAX - 1};
    return true;
}

static void answer_with_token(rpc_call *call, const char *time_name)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    put_text(call, "{\"namespace\":", call->u.space.id);
    put_text(call, ",\"token\":", call->token);
    put_time(call, time_name, call->u.space.time_us);
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

static void finish_create(rpc_call *call)
{
    answer_with_token(call, ",\"createdAt\":");
}

void rpc_ns_create(rpc_call *call)
{
    enum { DESCRIPTION, TOKEN, METADATA, OPTIONS };
    static const char *const keys[OPTIONS] = {"description", "token", "metadata"};
    mr_scan_value options[OPTIONS];
    mr_space_op *op = &call->u.space;
    if (!rpc_space_id_of(call, &call->args[0], &op->id) ||
        !rpc_options_of(call, 1, keys, OPTIONS, options) ||
        !rpc_option_text(call, &options[DESCRIPTION], "options.description", &op->description) ||
        !choose_token(call, &options[TOKEN], op->id))
        return;
    const mr_scan_value *metadata = &options[METADATA];
    if (metadata->kind != MR_SCAN_NONE && metadata->kind != MR_SCAN_OBJECT) {
        rpc_invalid(call, "options.metadata must be an object");
        return;
    }
    if (metadata->kind == MR_SCAN_OBJECT && !rpc_keep(call, metadata, &op->metadata)) return;
    if (!rpc_may_administer(call, op->id, false)) return;
    rpc_submit(call, MR_OP_SPACE_CREATE, NULL, finish_create);
}

static void finish_rotate(rpc_call *call)
{
    answer_with_token(call, ",\"rotatedAt\":");
}

void rpc_ns_rotate(rpc_call *call)
{
    static const char *const keys[] = {"token"};
    mr_scan_value token;
    mr_space_op *op = &call->u.space;
    if (!rpc_space_id_of(call, &call->args[0], &op->id) ||
        !rpc_options_of(call, 1, keys, 1, &token) || !choose_token(call, &token, op->id) ||
        !rpc_may_administer(call, op->id, true))
        return;
    rpc_submit(call, MR_OP_SPACE_ROTATE, NULL, finish_rotate);
}

/* --- Deleting ------------------------------------------------------------------------------- */

static void finish_delete(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    put_text(call, "{\"namespace\":", call->u.space.id);
    put_time(call, ",\"deletedAt\":", call->u.space.time_us);
    put_u64(call, ",\"messagesDeleted\":", call->u.space.messages_deleted);
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

void rpc_ns_delete(rpc_call *call)
{
    mr_space_op *op = &call->u.space;
    if (!rpc_space_id_of(call, &call->args[0], &op->id) || !rpc_may_administer(call, op->id, true))
        return;
    rpc_submit(call, MR_OP_SPACE_DELETE, NULL, finish_delete);
}

/* --- Looking -------------------------------------------------------------------------------- */

/* On a thread of the store, as the functions of its kind below. */
static void take_space(mr_space_list_op *op, const mr_space_info *space)
{
    rpc_call *call = MR_CONTAINER_OF(op, rpc_call, u);
    rpc_put_comma(call);
    put_text(call, "{\"namespace\":", space->id);
    put_text(call, ",\"description\":", space->description);
    put_time(call, ",\"createdAt\":", space->created_s * US_PER_S);
    put_u64(call, ",\"messageCount\":", space->message_count);
    rpc_put_raw(call, "}");
}

static void finish_array(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_put_raw(call, "]");
    rpc_answer(call);
}

void rpc_ns_list(rpc_call *call)
{
    if (!rpc_may_administer(call, (mr_slice){0}, false)) return;
    rpc_out(call);
    rpc_put_raw(call, "[");
    call->u.spaces.take = take_space;
    rpc_submit(call, MR_OP_SPACE_LIST, NULL, finish_array);
}

/* References the namespace `id`, which the call is about. */
static bool find_target(rpc_call *call, mr_slice id)
{
    call->target = mr_message_store_find(call->rpc->options.store, id);
    if (call->target != NULL) return true;
    return rpc_refuse(call, RPC_NAMESPACE_NOT_FOUND, "Namespace '%.*s' not found",
                      MR_SLICE_ARGS(id));
}

static void finish_info(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    const mr_space_info *info = &call->u.info.info;
    rpc_out(call);
    put_text(call, "{\"namespace\":", info->id);
    put_text(call, ",\"description\":", info->description);
    put_time(call, ",\"createdAt\":", info->created_s * US_PER_S);
    put_u64(call, ",\"messageCount\":", info->message_count);
    put_u64(call, ",\"streamCount\":", info->stream_count);
    if (info->last_time_us == INT64_MIN)
        rpc_put_raw(call, ",\"lastActivity\":null");
    else
        put_time(call, ",\"lastActivity\":", info->last_time_us);
    put_u64(call, ",\"sizeBytes\":", info->size_bytes);
    rpc_put_raw(call, ",\"metadata\":");
    rpc_put(call,
            mr_answer_raw(call->out, info->metadata.len > 0 ? info->metadata : MR_SLICE("{}")));
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

void rpc_ns_info(rpc_call *call)
{
    mr_slice id;
    if (!rpc_space_id_of(call, &call->args[0], &id) || !rpc_may_administer(call, id, true) ||
        !find_target(call, id))
        return;
    rpc_submit(call, MR_OP_INFO, call->target, finish_info);
}

static void take_stream(mr_streams_op *op, const mr_stream_info *stream)
{
    rpc_call *call = MR_CONTAINER_OF(op, rpc_call, u);
    rpc_put_comma(call);
    put_text(call, "{\"stream\":", stream->name);
    rpc_put_raw(call, ",\"version\":");
    rpc_put(call, mr_answer_i64(call->out, stream->version));
    put_time(call, ",\"lastActivity\":", whole_second(stream->last_time_us));
    rpc_put_raw(call, "}");
}

void rpc_ns_streams(rpc_call *call)
{
    enum { PREFIX, LIMIT, CURSOR, OPTIONS };
    static const char *const keys[OPTIONS] = {"prefix", "limit", "cursor"};
    mr_scan_value options[OPTIONS];
    mr_streams_op *op = &call->u.streams;
    int64_t limit = STREAMS_DEFAULT;
    if (!rpc_options_of(call, 0, keys, OPTIONS, options) ||
        !rpc_option_text(call, &options[PREFIX], "options.prefix", &op->prefix) ||
        !rpc_option_i64(call, &options[LIMIT], "options.limit", &limit))
        return;
    if (limit < 1 || limit > STREAMS_MAX) {
        rpc_invalid(call, "options.limit must lie between 1 and %d", STREAMS_MAX);
        return;
    }
    if (!rpc_option_text(call, &options[CURSOR], "options.cursor", &op->after) ||
        !rpc_has_space(call))
        return;
    op->limit = (uint32_t)limit;
    op->take = take_stream;
    rpc_out(call);
    rpc_put_raw(call, "[");
    rpc_submit(call, MR_OP_STREAMS, call->caller.space, finish_array);
}

static void take_category(mr_categories_op *op, const mr_category_info *category)
{
    rpc_call *call = MR_CONTAINER_OF(op, rpc_call, u);
    rpc_put_comma(call);
    put_text(call, "{\"category\":", category->name);
    put_u64(call, ",\"streamCount\":", category->stream_count);
    put_u64(call, ",\"messageCount\":", category->message_count);
    rpc_put_raw(call, "}");
}

void rpc_ns_categories(rpc_call *call)
{
    if (!rpc_has_space(call)) return;
    rpc_out(call);
    rpc_put_raw(call, "[");
    call->u.categories.take = take_category;
    rpc_submit(call, MR_OP_CATEGORIES, call->caller.space, finish_array);
}

/* --- Quota ---------------------------------------------------------------------------------- */

static void answer_quota(rpc_call *call)
{
    rpc_out(call);
    put_text(call, "{\"namespace\":", call->name);
    put_u64(call, ",\"maxMessages\":", call->rules.max_messages);
    put_u64(call, ",\"maxBytes\":", call->rules.max_bytes);
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

static void finish_quota_set(rpc_call *call)
{
    if (rpc_succeeded(call)) answer_quota(call);
}

/* Rules of a namespace are one record: what is not asked to change stays. */
static void finish_quota_get(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    mr_rules rules = call->u.setting.rules;
    if (!call->sets_quota) {
        call->rules = rules;
        answer_quota(call);
        return;
    }
    rules.max_messages = call->rules.max_messages;
    rules.max_bytes = call->rules.max_bytes;
    call->u.setting.rules = rules;
    rpc_submit(call, MR_OP_SETTING_SET, call->target, finish_quota_set);
}

void rpc_ns_quota(rpc_call *call)
{
    static const char *const keys[] = {"maxMessages", "maxBytes"};
    mr_scan_value options[2];
    call->sets_quota = call->arg_count > 1;
    if (!rpc_space_id_of(call, &call->args[0], &call->name) ||
        !rpc_options_of(call, 1, keys, 2, options) ||
        !rpc_option_count(call, &options[0], "options.maxMessages", &call->rules.max_messages) ||
        !rpc_option_count(call, &options[1], "options.maxBytes", &call->rules.max_bytes) ||
        !rpc_may_administer(call, call->name, !call->sets_quota) || !find_target(call, call->name))
        return;
    rpc_submit(call, MR_OP_SETTING_GET, call->target, finish_quota_get);
}
