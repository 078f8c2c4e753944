/* SPDX-License-Identifier: MIT */
#include "core/packed.h"

static mr_code put(mr_buffer *out, uint64_t value, size_t size, mr_error *err)
{
    char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(value >> 8 * i);
    return mr_buffer_append(out, (mr_slice){bytes, size}, err);
}

mr_code mr_pack_u32(mr_buffer *out, uint32_t value, mr_error *err)
{
    return put(out, value, 4, err);
}

mr_code mr_pack_u64(mr_buffer *out, uint64_t value, mr_error *err)
{
    return put(out, value, 8, err);
}

mr_code mr_pack_text(mr_buffer *out, mr_slice text, mr_error *err)
{
    if (text.len > UINT32_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "%s: a text of %zu bytes is too long", out->name,
                       text.len);
    MR_TRY(put(out, text.len, 4, err));
    return mr_buffer_append(out, text, err);
}

static uint64_t take(mr_packed_in *in, size_t size)
{
    uint64_t value = 0;
    if (in->left.len < size) {
        in->broken = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)(unsigned char)in->left.ptr[i] << 8 * i;
    in->left = mr_slice_from(in->left, size);
    return value;
}

uint32_t mr_packed_u32(mr_packed_in *in)
{
    return (uint32_t)take(in, 4);
}

uint64_t mr_packed_u64(mr_packed_in *in)
{
    return take(in, 8);
}

mr_slice mr_packed_text(mr_packed_in *in)
{
    const size_t len = mr_packed_u32(in);
    if (len > in->left.len) in->broken = true;
    if (in->broken) return (mr_slice){"", 0};
    const mr_slice text = mr_slice_of(in->left.ptr, len);
    in->left = mr_slice_from(in->left, len);
    return text;
}

bool mr_packed_all_read(const mr_packed_in *in)
{
    return !in->broken && in->left.len == 0;
}
