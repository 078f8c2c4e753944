/* SPDX-License-Identifier: MIT */
#include "http/query.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool is_plain(mr_slice text, bool plus)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '%' || (plus && text.ptr[i] == '+')) return false;
    return true;
}

mr_http_lookup mr_http_decode(mr_slice text, bool plus, mr_arena *arena, mr_slice *out)
{
    if (is_plain(text, plus)) {
        *out = text;
        return MR_HTTP_FOUND;
    }
    char *decoded = mr_arena_take(arena, text.len);
    if (decoded == NULL) return MR_HTTP_NO_ROOM;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (plus && c == '+') c = ' ';
        if (c == '%') {
            const int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            const int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
            if (low < 0) return MR_HTTP_MALFORMED;
            c = (char)(high * 16 + low);
            i += 2;
        }
        decoded[len++] = c;
    }
    *out = mr_slice_of(decoded, len);
    return MR_HTTP_FOUND;
}

static size_t index_of(mr_slice text, char byte)
{
    const char *at = text.len > 0 ? memchr(text.ptr, byte, text.len) : NULL;
    return at != NULL ? (size_t)(at - text.ptr) : text.len;
}

mr_http_lookup mr_http_query_find(mr_slice query, const char *name, mr_arena *arena, mr_slice *out)
{
    while (query.len > 0) {
        const size_t pair_len = index_of(query, '&');
        const mr_slice pair = mr_slice_of(query.ptr, pair_len);
        query = mr_slice_from(query, pair_len < query.len ? pair_len + 1 : pair_len);
        const size_t name_len = index_of(pair, '=');
        mr_slice found;
        const mr_http_lookup got =
            mr_http_decode(mr_slice_of(pair.ptr, name_len), true, arena, &found);
        if (got != MR_HTTP_FOUND) return got;
        if (!mr_slice_is(found, name)) continue;
        return mr_http_decode(mr_slice_from(pair, name_len < pair.len ? name_len + 1 : name_len),
                              true, arena, out);
    }
    return MR_HTTP_ABSENT;
}
