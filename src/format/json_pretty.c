/* SPDX-License-Identifier: MIT */
#include "format/json_internal.h"

static mr_code new_line(mr_buffer *out, size_t spaces, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(out, spaces + 1, err));
    out->ptr[out->len] = '\n';
    memset(out->ptr + out->len + 1, ' ', spaces);
    out->len += spaces + 1;
    return MR_OK;
}

/* The bytes of the string, number or name at `p`. */
static size_t token_bytes(const char *p, const char *end)
{
    const char *at = p + 1;
    if (*p == '"') {
        for (; *at != '"'; at++)
            at += *at == '\\';
        return (size_t)(at + 1 - p);
    }
    while (at < end && *at != ',' && *at != ']' && *at != '}')
        at++;
    return (size_t)(at - p);
}

mr_code mr_json_pretty(mr_buffer *out, mr_slice text, uint32_t indent, uint32_t level,
                       mr_error *err)
{
    const char *p = text.ptr, *const end = text.ptr + text.len;
    size_t spaces = (size_t)indent * level;
    while (p < end) {
        const char c = *p;
        size_t len = 1;
        if (c == '}' || c == ']') {
            spaces -= indent;
            MR_TRY(new_line(out, spaces, err));
        } else if ((c == '{' || c == '[') && (p[1] == '}' || p[1] == ']')) {
            len = 2;
        } else if (c != '{' && c != '[' && c != ',' && c != ':') {
            len = token_bytes(p, end);
        }
        MR_TRY(mr_buffer_append(out, (mr_slice){p, len}, err));
        p += len;
        if (c == ':') MR_TRY(mr_buffer_append_byte(out, ' ', err));
        if (len > 1 || (c != '{' && c != '[' && c != ',')) continue;
        if (c != ',') spaces += indent;
        MR_TRY(new_line(out, spaces, err));
    }
    return MR_OK;
}
