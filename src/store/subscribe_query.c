/* SPDX-License-Identifier: MIT
 *
 * What a request to subscribe asks for. Parameters that are present and empty count as absent. */
#include "http/query.h"
#include "store/subscribe_internal.h"

/* Digits with an optional sign: what the servers that this one replaces take, so +5 and 007 too. */
static bool parse_int(mr_slice text, int64_t *out)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t i = text.len > 0 && (negative || text.ptr[0] == '+');
    if (i == text.len) return false;
    int64_t value = 0;
    for (; i < text.len; i++) {
        const int digit = text.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* downwards: INT64_MIN fits */
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, value, &value)) return false;
    *out = value;
    return true;
}

bool mr_subscribe_event_id(mr_slice text, int64_t *out)
{
    return parse_int(text, out) && *out >= 0;
}

/* One parameter, under the first of two names that has a value; `other` may be NULL. */
static mr_code find(mr_slice query, const char *name, const char *other, mr_arena *arena,
                    mr_slice *out, mr_error *err)
{
    *out = (mr_slice){0};
    switch (mr_http_query_find(query, name, arena, out)) {
    case MR_HTTP_FOUND:
        if (out->len > 0) return MR_OK;
        break;
    case MR_HTTP_ABSENT: break;
    case MR_HTTP_MALFORMED:
        return mr_fail(err, MR_ERR_INPUT, "malformed query: a %% without two hexadecimal digits");
    case MR_HTTP_NO_ROOM: return mr_arena_fail(arena, err);
    }
    return other != NULL ? find(query, other, NULL, arena, out, err) : MR_OK;
}

static mr_code find_int(mr_slice query, const char *name, const char *other, mr_arena *arena,
                        int64_t *out, mr_error *err)
{
    mr_slice text;
    MR_TRY(find(query, name, other, arena, &text, err));
    if (text.len > 0 && !parse_int(text, out))
        return mr_fail(err, MR_ERR_INPUT, "%s must be an integer", name);
    return MR_OK;
}

static mr_code find_flag(mr_slice query, const char *name, mr_arena *arena, bool *out,
                         mr_error *err)
{
    mr_slice text;
    MR_TRY(find(query, name, NULL, arena, &text, err));
    *out = mr_slice_is(text, "true");
    return MR_OK;
}

static mr_code find_scope(mr_slice query, mr_arena *arena, mr_subscribe_query *out, mr_error *err)
{
    mr_slice stream, category;
    bool all;
    MR_TRY(find(query, "stream", NULL, arena, &stream, err));
    MR_TRY(find(query, "category", NULL, arena, &category, err));
    MR_TRY(find_flag(query, "all", arena, &all, err));
    if (stream.len == 0 && category.len == 0 && !all)
        return mr_fail(err, MR_ERR_INPUT, "one of stream, category and all=true is required");
    if (all && (stream.len > 0 || category.len > 0))
        return mr_fail(err, MR_ERR_INPUT, "all=true cannot be combined with stream or category");
    if (stream.len > 0 && category.len > 0)
        return mr_fail(err, MR_ERR_INPUT, "stream and category cannot both be given");
    out->scope = all ? MR_READ_ALL : stream.len > 0 ? MR_READ_STREAM : MR_READ_CATEGORY;
    out->name = stream.len > 0 ? stream : category;
    if (all) return MR_OK;
    return mr_stream_name_check(out->name, stream.len > 0 ? "stream" : "category", err);
}

static mr_code find_group(mr_slice query, mr_arena *arena, mr_group *out, mr_error *err)
{
    mr_group group = {0};
    MR_TRY(find_int(query, "consumer", "consumerGroupMember", arena, &group.member, err));
    MR_TRY(find_int(query, "size", "consumerGroupSize", arena, &group.size, err));
    if (group.member < 0) return mr_fail(err, MR_ERR_INPUT, "consumer must not be negative");
    if (group.size < 0) return mr_fail(err, MR_ERR_INPUT, "size must not be negative");
    if (group.member > 0 && group.size == 0)
        return mr_fail(err, MR_ERR_INPUT, "size is required with consumer, and must be above 0");
    if (group.size > 0 && group.member >= group.size)
        return mr_fail(err, MR_ERR_INPUT, "consumer must be less than size");
    *out = group;
    return MR_OK;
}

mr_code mr_subscribe_query_parse(mr_slice query, mr_arena *arena, mr_subscribe_query *out,
                                 mr_error *err)
{
    mr_subscribe_query asked = {0};
    MR_TRY(find_scope(query, arena, &asked, err));
    MR_TRY(find_int(query, "position", NULL, arena, &asked.position, err));
    MR_TRY(find_group(query, arena, &asked.group, err));
    MR_TRY(find_flag(query, "catchup", arena, &asked.catch_up, err));
    MR_TRY(find_flag(query, "body", arena, &asked.bodies, err));
    if (asked.scope == MR_READ_STREAM) asked.group = (mr_group){0}; /* a stream is not split */
    if (asked.scope != MR_READ_ALL) asked.catch_up = true;
    *out = asked;
    return MR_OK;
}
