/* SPDX-License-Identifier: MIT */
#include "core/buffer.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/mem.h"

#define FIRST_CAP 256

void mr_buffer_init(mr_buffer *buffer, const char *name, size_t max_bytes)
{
    *buffer = (mr_buffer){.name = name, .max = max_bytes};
}

void mr_buffer_done(mr_buffer *buffer)
{
    mr_mem_free(buffer->ptr);
    *buffer = (mr_buffer){.name = buffer->name, .max = buffer->max};
}

mr_code mr_buffer_grow(mr_buffer *buffer, size_t extra, mr_error *err)
{
    if (extra > buffer->max || buffer->len > buffer->max - extra)
        return mr_fail(err, MR_ERR_LIMIT, "%s is larger than its limit of %zu bytes", buffer->name,
                       buffer->max);
    const size_t need = buffer->len + extra;
    size_t cap = buffer->cap + buffer->cap / 2;
    if (cap < FIRST_CAP) cap = FIRST_CAP;
    if (cap < need) cap = need;
    if (cap > buffer->max) cap = buffer->max;
    char *ptr = mr_mem_realloc(buffer->ptr, cap + MR_BUFFER_SLACK);
    if (ptr == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for %s (%zu bytes)", buffer->name, cap);
    buffer->ptr = ptr;
    buffer->cap = cap;
    return MR_OK;
}

mr_code mr_buffer_printf(mr_buffer *buffer, mr_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) return mr_fail(err, MR_ERR_INPUT, "%s: text could not be formatted", buffer->name);
    MR_TRY(mr_buffer_reserve(buffer, (size_t)len, err)); /* the NUL goes into the slack */
    va_start(args, format);
    vsnprintf(buffer->ptr + buffer->len, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
    return MR_OK;
}

void mr_buffer_shrink(mr_buffer *buffer, size_t keep_bytes)
{
    if (buffer->cap <= keep_bytes || buffer->len > keep_bytes) return;
    if (keep_bytes == 0) {
        mr_buffer_done(buffer);
        return;
    }
    char *ptr = mr_mem_realloc(buffer->ptr, keep_bytes + MR_BUFFER_SLACK);
    if (ptr == NULL) return;
    buffer->ptr = ptr;
    buffer->cap = keep_bytes;
}
