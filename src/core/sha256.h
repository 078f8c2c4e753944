/* SPDX-License-Identifier: MIT
 *
 * core/sha256.h - SHA-256 (FIPS 180-4): of tokens, and of data that is checked against published
 * sums. The work is libmd's.
 *
 * Thread: owned by one thread. */
#ifndef MR_CORE_SHA256_H
#define MR_CORE_SHA256_H

#include <sha2.h>

#include "core/base.h"

typedef struct mr_sha256 {
    SHA2_CTX state;
    uint64_t length; /* bytes so far */
} mr_sha256;

void mr_sha256_init(mr_sha256 *sum);
void mr_sha256_add(mr_sha256 *sum, mr_slice bytes);
/* The sum as 64 hex digits and a NUL. `sum` cannot be added to afterwards. */
void mr_sha256_hex(mr_sha256 *sum, char out[65]);

#endif
