/* SPDX-License-Identifier: MIT */
#include "format/json_cell.h"

#include "format/json_internal.h"

static mr_slice unescaped(const char *body, size_t len, char *room, bool *lone)
{
    *lone = false;
    if (len == 0 || memchr(body, '\\', len) == NULL) return mr_slice_of(body, len);
    return mr_slice_of(room, mr_json_unescape_to(room, mr_slice_of(body, len), lone));
}

const char *mr_json_cell_value(const char *at, char *room, mr_json_piece *out)
{
    const char *const end = mr_json_skip(at);
    const size_t len = (size_t)(end - at);
    *out = (mr_json_piece){.text = {at, len}, .type = MR_TYPE_JSON};
    if (*at == '"') {
        bool lone;
        out->text = unescaped(at + 1, len - 2, room, &lone);
        out->type = lone ? MR_TYPE_BYTES : MR_TYPE_STRING;
    } else if (*at == 't' || *at == 'f') {
        out->type = MR_TYPE_BOOL;
    } else if (*at == 'n') {
        out->type = MR_TYPE_NULL;
        out->text.len = 0;
    } else if (*at != '{' && *at != '[') {
        out->type = mr_type_of_number(out->text);
    }
    return end;
}

const char *mr_json_cell_key(const char *at, char *room, mr_slice *out)
{
    const char *const end = mr_json_skip(at);
    bool lone;
    *out = unescaped(at + 1, (size_t)(end - at) - 2, room, &lone);
    return end + 1; /* behind the colon */
}
