/* SPDX-License-Identifier: MIT
 *
 * core/buffer.h - bytes that grow up to a named limit.
 *
 *     ptr |len bytes in use|.... cap ....|MR_BUFFER_SLACK bytes that may be written but never
 * count|
 *
 * The slack lets hot code copy 16 or 32 bytes at once where fewer are meant. mr_buffer_reset()
 * keeps the memory, so a warm buffer allocates nothing.
 *
 * Thread: owned by one thread. */
#ifndef MR_CORE_BUFFER_H
#define MR_CORE_BUFFER_H

#include "core/error.h"

#define MR_BUFFER_SLACK 64

typedef struct mr_buffer {
    char *ptr;
    size_t len;
    size_t cap;       /* without the slack */
    size_t max;       /* `len` never exceeds it */
    const char *name; /* of the setting or thing that is too large, for the error text; borrowed */
} mr_buffer;

/* An empty buffer that will hold at most `max_bytes`; takes no memory yet. `name` is a literal. */
void mr_buffer_init(mr_buffer *buffer, const char *name, size_t max_bytes);
void mr_buffer_done(mr_buffer *buffer);

MR_INLINE void mr_buffer_reset(mr_buffer *buffer)
{
    buffer->len = 0;
}

/* Slow path of mr_buffer_reserve(). */
MR_NODISCARD mr_code mr_buffer_grow(mr_buffer *buffer, size_t extra, mr_error *err);

/* Room for `extra` more bytes after `len`. MR_ERR_LIMIT past `max`, MR_ERR_NOMEM. */
MR_NODISCARD MR_INLINE mr_code mr_buffer_reserve(mr_buffer *buffer, size_t extra, mr_error *err)
{
    if (MR_LIKELY(buffer->cap - buffer->len >= extra && buffer->ptr != NULL)) return MR_OK;
    return mr_buffer_grow(buffer, extra, err);
}

MR_NODISCARD MR_INLINE mr_code mr_buffer_append(mr_buffer *buffer, mr_slice bytes, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(buffer, bytes.len, err));
    if (bytes.len > 0) memcpy(buffer->ptr + buffer->len, bytes.ptr, bytes.len);
    buffer->len += bytes.len;
    return MR_OK;
}

MR_NODISCARD MR_INLINE mr_code mr_buffer_append_byte(mr_buffer *buffer, char byte, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(buffer, 1, err));
    buffer->ptr[buffer->len++] = byte;
    return MR_OK;
}

/* Appends formatted text. Cold code only. */
MR_NODISCARD mr_code mr_buffer_printf(mr_buffer *buffer, mr_error *err, const char *format, ...)
    MR_PRINTF(3, 4);

/* Gives back what is beyond `keep_bytes` of capacity, for buffers that one huge record inflated. */
void mr_buffer_shrink(mr_buffer *buffer, size_t keep_bytes);

MR_INLINE mr_slice mr_buffer_slice(const mr_buffer *buffer)
{
    return (mr_slice){buffer->ptr, buffer->len};
}

#endif
