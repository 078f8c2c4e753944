/* SPDX-License-Identifier: MIT
 *
 * core/sha256.h - SHA-256 (FIPS 180-4), for tests and benchmarks that check data against published
 * sums. Plain: a few hundred MB a second.
 *
 * Thread: owned by one thread. */
#ifndef MR_CORE_SHA256_H
#define MR_CORE_SHA256_H

#include "core/base.h"

typedef struct mr_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    unsigned char block[64];
} mr_sha256;

void mr_sha256_init(mr_sha256 *sum);
void mr_sha256_add(mr_sha256 *sum, mr_slice bytes);
/* The sum as 64 hex digits and a NUL. `sum` cannot be added to afterwards. */
void mr_sha256_hex(mr_sha256 *sum, char out[65]);

#endif
