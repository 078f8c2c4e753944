/* SPDX-License-Identifier: MIT */
#include "connector/store_template.h"

static mr_code add_part(mr_store_template *own, const char *option, mr_slice text, bool is_column,
                        mr_error *err)
{
    if (text.len == 0 && !is_column) return MR_OK;
    if (own->count == MR_STORE_TEMPLATE_PARTS)
        return mr_fail(err, MR_ERR_LIMIT, "%s has more than %d parts", option,
                       MR_STORE_TEMPLATE_PARTS);
    own->parts[own->count].text = text;
    own->parts[own->count].is_column = is_column;
    own->count++;
    own->is_literal = own->is_literal && !is_column;
    return MR_OK;
}

/* Literal text up to a bracket that is not doubled, with doubled ones made single, in place. */
static char *take_literal(char *at, char **out_end)
{
    char *to = at;
    for (; *at != '\0'; at++) {
        if (*at == '{' || *at == '}') {
            if (at[1] != *at) break;
            at++;
        }
        *to++ = *at;
    }
    *out_end = to;
    return at;
}

mr_code mr_store_template_parse(mr_store_template *out, const char *option, const char *text,
                                mr_arena *arena, mr_error *err)
{
    *out = (mr_store_template){.is_literal = true};
    char *at = mr_arena_copy(arena, mr_slice_text(text));
    if (at == NULL) return mr_arena_fail(arena, err);
    while (*at != '\0') {
        char *end;
        char *const next = take_literal(at, &end);
        MR_TRY(add_part(out, option, mr_slice_of(at, (size_t)(end - at)), false, err));
        if (*next == '\0') break;
        char *const close = *next == '{' ? strchr(next, '}') : NULL;
        if (close == NULL || close == next + 1)
            return mr_fail(err, MR_ERR_USAGE,
                           "%s '%s': expected {column}; a bracket that is meant is written twice",
                           option, text);
        MR_TRY(add_part(out, option, mr_slice_of(next + 1, (size_t)(close - next - 1)), true, err));
        at = close + 1;
    }
    if (out->count > 0) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "%s is empty", option);
}

mr_code mr_store_template_bind(mr_store_template *own, const char *option, const mr_batch *batch,
                               mr_error *err)
{
    for (size_t i = 0; i < own->count; i++) {
        if (!own->parts[i].is_column) continue;
        own->parts[i].column = mr_batch_find(batch, own->parts[i].text);
        if (own->parts[i].column < 0)
            return mr_fail(err, MR_ERR_USAGE,
                           "%s names the column '%.*s', which the source does "
                           "not have",
                           option, MR_SLICE_ARGS(own->parts[i].text));
    }
    return MR_OK;
}

mr_code mr_store_template_put(const mr_store_template *own, const mr_batch *batch, uint32_t row,
                              mr_buffer *out, bool *out_whole, mr_error *err)
{
    *out_whole = true;
    for (size_t i = 0; i < own->count; i++) {
        mr_slice text = own->parts[i].text;
        if (own->parts[i].is_column) {
            const mr_column *const column = &batch->columns[own->parts[i].column];
            *out_whole = *out_whole && !mr_column_is_null(column, row);
            text = mr_column_text(column, row);
        }
        MR_TRY(mr_buffer_append(out, text, err));
    }
    return MR_OK;
}
