/* SPDX-License-Identifier: MIT
 *
 * core/packed.h - numbers and texts as bytes that any machine reads back: little-endian integers,
 * texts with their length before them.
 *
 *     mr_packed_in in = {.left = bytes};
 *     const uint64_t count = mr_packed_u64(&in);
 *     const mr_slice name = mr_packed_text(&in);
 *     if (!mr_packed_all_read(&in)) ... the bytes are not what was written
 *
 * Reading past the end gives zeros and empty texts and is remembered in `broken`, so that it is
 * asked about once.
 *
 * Thread: values, no sharing. */
#ifndef MR_CORE_PACKED_H
#define MR_CORE_PACKED_H

#include "core/buffer.h"

MR_NODISCARD mr_code mr_pack_u32(mr_buffer *out, uint32_t value, mr_error *err);
MR_NODISCARD mr_code mr_pack_u64(mr_buffer *out, uint64_t value, mr_error *err);
/* At most UINT32_MAX bytes. */
MR_NODISCARD mr_code mr_pack_text(mr_buffer *out, mr_slice text, mr_error *err);

typedef struct mr_packed_in {
    mr_slice left;
    bool broken;
} mr_packed_in;

uint32_t mr_packed_u32(mr_packed_in *in);
uint64_t mr_packed_u64(mr_packed_in *in);
/* Borrowed from the bytes. */
mr_slice mr_packed_text(mr_packed_in *in);

/* Nothing was missing and nothing is left over. */
bool mr_packed_all_read(const mr_packed_in *in);

#endif
