/* SPDX-License-Identifier: MIT */
#include "connector/store_split.h"

void mr_store_split_init(mr_store_split *split, const char *name, size_t element_bytes_max)
{
    *split = (mr_store_split){0};
    mr_buffer_init(&split->element, name, element_bytes_max);
}

void mr_store_split_done(mr_store_split *split)
{
    mr_buffer_done(&split->element);
}

void mr_store_split_reset(mr_store_split *split)
{
    mr_buffer_reset(&split->element);
    split->depth = 0;
    split->in_string = split->escaped = split->began = split->ended = false;
    split->has_element = split->after_comma = false;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static mr_code odd(char byte, mr_error *err)
{
    const unsigned char found = (unsigned char)byte;
    if (found > ' ' && found < 0x7f)
        return mr_fail(err, MR_ERR_INPUT, "expected an array of messages, found '%c'", byte);
    return mr_fail(err, MR_ERR_INPUT, "expected an array of messages, found byte 0x%02x", found);
}

/* An element ends before bytes.ptr[at]; of it, bytes.ptr[from .. at) lie in this piece. */
static mr_code give(mr_store_split *split, mr_slice bytes, size_t from, size_t at, mr_error *err)
{
    mr_slice element = mr_slice_of(bytes.ptr + from, at - from);
    if (split->element.len > 0) {
        MR_TRY(mr_buffer_append(&split->element, element, err));
        element = mr_buffer_slice(&split->element);
    }
    split->has_element = false;
    const mr_code code = split->take(split->context, element, err);
    mr_buffer_reset(&split->element);
    return code;
}

/* A byte of the outermost array itself. `*from` is where the element under way begins. */
static mr_code take_outer(mr_store_split *split, mr_slice bytes, size_t at, size_t *from,
                          mr_error *err)
{
    const char byte = bytes.ptr[at];
    if (!split->began) {
        if (byte != '[') return odd(byte, err);
        split->began = true;
        split->depth = 1;
        return MR_OK;
    }
    if (split->ended || (byte == ',' && !split->has_element) ||
        (byte == ']' && split->after_comma) || byte == '}')
        return odd(byte, err);
    if (byte == ',' || byte == ']') {
        if (split->has_element) MR_TRY(give(split, bytes, *from, at, err));
        split->after_comma = byte == ',';
        split->ended = byte == ']';
        split->depth = split->ended ? 0 : 1;
        return MR_OK;
    }
    if (!split->has_element) *from = at;
    split->has_element = true;
    split->after_comma = false;
    split->in_string = byte == '"';
    if (byte == '[' || byte == '{') split->depth++;
    return MR_OK;
}

/* Inside an element: to the first byte behind `at` that ends a string or is of the array itself. */
static size_t pass_inner(mr_store_split *split, mr_slice bytes, size_t at)
{
    for (; at < bytes.len; at++) {
        const char byte = bytes.ptr[at];
        if (split->in_string) {
            if (split->escaped)
                split->escaped = false;
            else if (byte == '\\')
                split->escaped = true;
            else if (byte == '"')
                split->in_string = false;
        } else if (split->depth <= 1) {
            return at;
        } else if (byte == '"') {
            split->in_string = true;
        } else if (byte == '[' || byte == '{') {
            split->depth++;
        } else if (byte == ']' || byte == '}') {
            split->depth--;
        }
    }
    return at;
}

mr_code mr_store_split_feed(mr_store_split *split, mr_slice bytes, mr_error *err)
{
    size_t from = 0;
    for (size_t at = 0; at < bytes.len; at++) {
        at = pass_inner(split, bytes, at);
        if (at == bytes.len) break;
        if (is_space(bytes.ptr[at])) continue;
        MR_TRY(take_outer(split, bytes, at, &from, err));
    }
    if (!split->has_element) return MR_OK;
    return mr_buffer_append(&split->element, mr_slice_from(bytes, from), err);
}

mr_code mr_store_split_finish(const mr_store_split *split, mr_error *err)
{
    if (split->ended) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "expected an array of messages, found %s",
                   split->began ? "only a part of it" : "nothing");
}
