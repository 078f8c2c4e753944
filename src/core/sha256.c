/* SPDX-License-Identifier: MIT */
#include "core/sha256.h"

void mr_sha256_init(mr_sha256 *sum)
{
    SHA256Init(&sum->state);
    sum->length = 0;
}

void mr_sha256_add(mr_sha256 *sum, mr_slice bytes)
{
    if (bytes.len == 0) return;
    SHA256Update(&sum->state, (const uint8_t *)bytes.ptr, bytes.len);
    sum->length += bytes.len;
}

void mr_sha256_hex(mr_sha256 *sum, char out[65])
{
    uint8_t bytes[SHA256_DIGEST_LENGTH];
    SHA256Final(bytes, &sum->state);
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    out[64] = '\0';
}
