/* SPDX-License-Identifier: MIT
 *
 * stream.write, stream.append and batch.write: one message, many of one stream, many of several. */
#include <stdio.h>

#include "store/rpc_internal.h"

/* --- Messages ------------------------------------------------------------------------------- */

/* "message", "messages[12]": who is at fault, for errors. */
typedef struct place {
    const char *list; /* NULL: the call has one message */
    size_t index;
} place;

#define PLACE_TEXT 64

static const char *say_place(place at, const char *part, char out[PLACE_TEXT])
{
    if (at.list == NULL)
        snprintf(out, PLACE_TEXT, "%s", part);
    else if (part[0] == '\0')
        snprintf(out, PLACE_TEXT, "%s[%zu]", at.list, at.index);
    else
        snprintf(out, PLACE_TEXT, "%s[%zu].%s", at.list, at.index, part);
    return out;
}

static bool bad_part(rpc_call *call, place at, const char *part, const char *problem)
{
    char text[PLACE_TEXT];
    return rpc_invalid(call, "%s %s", say_place(at, part, text), problem);
}

/* Type, data and metadata of a message, whose members these are. */
static bool read_parts(rpc_call *call, place at, const char *const names[3],
                       const mr_scan_value parts[3], mr_new_message *out)
{
    if (parts[0].kind != MR_SCAN_STRING || parts[0].raw.len == 2)
        return bad_part(call, at, names[0], "must be a non-empty string");
    if (!mr_scan_text(&parts[0], call->arena, &out->type)) return rpc_no_room(call);
    if (parts[1].kind != MR_SCAN_OBJECT) return bad_part(call, at, names[1], "must be an object");
    if (!rpc_keep(call, &parts[1], &out->data)) return false;
    if (parts[2].kind == MR_SCAN_NONE || parts[2].kind == MR_SCAN_NULL) return true;
    if (parts[2].kind != MR_SCAN_OBJECT)
        return bad_part(call, at, names[2], "must be an object or null");
    return rpc_keep(call, &parts[2], &out->metadata);
}

static const char *const message_keys[] = {"type", "data", "metadata", "id"};
static const char *const message_names[] = {"message.type", "message.data", "message.metadata"};

/* {id, expectedVersion}; the id's form is looked at later, by read_id(). */
static bool read_options(rpc_call *call, place at, const mr_scan_value *value, mr_new_message *out,
                         mr_slice *out_id)
{
    static const char *const keys[] = {"id", "expectedVersion"};
    char text[PLACE_TEXT];
    mr_scan_value options[2];
    if (!rpc_members_of(call, value, say_place(at, "options", text), keys, 2, options) ||
        !rpc_option_text(call, &options[0], say_place(at, "options.id", text), out_id) ||
        !rpc_option_i64(call, &options[1], say_place(at, "options.expectedVersion", text),
                        &out->expected))
        return false;
    out->has_expected = options[1].kind != MR_SCAN_NONE;
    return true;
}

/* An empty text is no id. */
static bool read_id(rpc_call *call, place at, const char *part, mr_slice text, mr_new_message *out)
{
    if (text.len == 0) return true;
    out->has_id = mr_uuid_parse(text, &out->id);
    return out->has_id || bad_part(call, at, part, "must be a UUID");
}

/* --- stream.write --------------------------------------------------------------------------- */

static void put_positions(rpc_call *call, const mr_new_message *message)
{
    rpc_put_raw(call, "{\"position\":");
    rpc_put(call, mr_answer_i64(call->out, message->position));
    rpc_put_raw(call, ",\"globalPosition\":");
    rpc_put(call, mr_answer_i64(call->out, message->global_position));
    rpc_put_raw(call, message->duplicate ? ",\"duplicate\":true}" : "}");
}

static void finish_write(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    put_positions(call, &call->message);
    rpc_answer(call);
}

void rpc_stream_write(rpc_call *call)
{
    const place here = {0};
    mr_new_message *message = &call->message;
    mr_scan_value parts[3];
    mr_slice id = {0};
    if (!rpc_name_of(call, &call->args[0], "stream", false, &message->stream) ||
        !rpc_members_of(call, &call->args[1], "message", message_keys, 3, parts) ||
        !read_parts(call, here, message_names, parts, message) ||
        (call->arg_count > 2 && !read_options(call, here, &call->args[2], message, &id)) ||
        !rpc_has_space(call) || !read_id(call, here, "options.id", id, message))
        return;
    call->u.append.messages = message;
    call->u.append.count = 1;
    rpc_submit(call, MR_OP_APPEND, call->caller.space, finish_write);
}

/* --- Many ----------------------------------------------------------------------------------- */

/* Room for as many messages as the array `value` has elements. */
static bool make_messages(rpc_call *call, const mr_scan_value *value, const char *what)
{
    mr_scan scan;
    mr_scan_value element;
    size_t count = 0;
    if (value->kind != MR_SCAN_ARRAY) return rpc_invalid(call, "%s must be an array", what);
    mr_scan_open(&scan, value);
    while (mr_scan_element(&scan) && mr_scan_next(&scan, &element))
        count++;
    if (count == 0) return rpc_invalid(call, "%s must not be empty", what);
    if (count > RPC_BATCH_MAX)
        return rpc_invalid(call, "%s must not hold more than %d messages, found %zu", what,
                           RPC_BATCH_MAX, count);
    call->u.append.messages = mr_arena_take(call->arena, count * sizeof(mr_new_message));
    if (call->u.append.messages == NULL) return rpc_no_room(call);
    call->u.append.count = count;
    call->many = true;
    return true;
}

static void finish_append(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    const mr_append_op *op = &call->u.append;
    const mr_new_message *first = &op->messages[0], *last = &op->messages[op->count - 1];
    size_t duplicates = 0;
    for (size_t i = 0; i < op->count; i++)
        duplicates += op->messages[i].duplicate;
    rpc_out(call);
    const struct {
        const char *name;
        int64_t value;
    } members[] = {
        {"{\"firstPosition\":", first->position},
        {",\"lastPosition\":", last->position},
        {",\"firstGlobalPosition\":", first->global_position},
        {",\"lastGlobalPosition\":", last->global_position},
        {",\"duplicates\":", (int64_t)duplicates},
    };
    for (size_t i = 0; i < MR_COUNT_OF(members) - (duplicates == 0); i++) {
        rpc_put_raw(call, members[i].name);
        rpc_put(call, mr_answer_i64(call->out, members[i].value));
    }
    rpc_put_raw(call, "}");
    rpc_answer(call);
}

/* Ids are looked at with the rest, for they are part of each message here. */
static bool read_messages(rpc_call *call, mr_slice stream)
{
    mr_scan scan;
    mr_scan_value element, parts[4];
    place at = {.list = "messages"};
    mr_scan_open(&scan, &call->args[1]);
    for (; mr_scan_element(&scan) && mr_scan_next(&scan, &element); at.index++) {
        char text[PLACE_TEXT];
        mr_slice id = {0};
        mr_new_message *message = &call->u.append.messages[at.index];
        message->stream = stream;
        if (!rpc_members_of(call, &element, say_place(at, "", text), message_keys, 4, parts) ||
            !read_parts(call, at, message_keys, parts, message) ||
            !rpc_option_text(call, &parts[3], say_place(at, "id", text), &id) ||
            !read_id(call, at, "id", id, message))
            return false;
    }
    return true;
}

void rpc_stream_append(rpc_call *call)
{
    static const char *const keys[] = {"expectedVersion"};
    mr_scan_value expected;
    mr_slice stream;
    if (!rpc_name_of(call, &call->args[0], "stream", false, &stream) ||
        !make_messages(call, &call->args[1], "messages") || !read_messages(call, stream) ||
        !rpc_options_of(call, 2, keys, 1, &expected) ||
        !rpc_option_i64(call, &expected, "options.expectedVersion",
                        &call->u.append.messages[0].expected) ||
        !rpc_has_space(call))
        return;
    call->u.append.messages[0].has_expected = expected.kind != MR_SCAN_NONE;
    rpc_submit(call, MR_OP_APPEND, call->caller.space, finish_append);
}

static void finish_batch(rpc_call *call)
{
    if (!rpc_succeeded(call)) return;
    rpc_out(call);
    rpc_put_raw(call, "[");
    for (size_t i = 0; i < call->u.append.count; i++) {
        rpc_put_comma(call);
        put_positions(call, &call->u.append.messages[i]);
    }
    rpc_put_raw(call, "]");
    rpc_answer(call);
}

/* [stream, message, options?] */
static bool read_write(rpc_call *call, place at, const mr_scan_value *write,
                       mr_new_message *message)
{
    char text[PLACE_TEXT];
    mr_scan scan;
    mr_scan_value args[3], parts[3];
    mr_slice id = {0};
    size_t count = 0;
    if (write->kind != MR_SCAN_ARRAY)
        return bad_part(call, at, "", "must be an array: [stream, message, options]");
    mr_scan_open(&scan, write);
    while (count < 3 && mr_scan_element(&scan) && mr_scan_next(&scan, &args[count]))
        count++;
    if (count < 2) return bad_part(call, at, "", "must hold a stream and a message");
    return rpc_name_of(call, &args[0], say_place(at, "stream", text), false, &message->stream) &&
           rpc_members_of(call, &args[1], say_place(at, "message", text), message_keys, 3, parts) &&
           read_parts(call, at, message_names, parts, message) &&
           (count < 3 || read_options(call, at, &args[2], message, &id)) &&
           read_id(call, at, "options.id", id, message);
}

void rpc_batch_write(rpc_call *call)
{
    mr_scan scan;
    mr_scan_value write;
    place at = {.list = "writes"};
    if (!make_messages(call, &call->args[0], "writes")) return;
    mr_scan_open(&scan, &call->args[0]);
    for (; mr_scan_element(&scan) && mr_scan_next(&scan, &write); at.index++)
        if (!read_write(call, at, &write, &call->u.append.messages[at.index])) return;
    if (!rpc_has_space(call)) return;
    rpc_submit(call, MR_OP_APPEND, call->caller.space, finish_batch);
}
