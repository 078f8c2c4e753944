/* SPDX-License-Identifier: MIT
 *
 * core/crc32c.h - CRC-32C (Castagnoli), the sum that tells torn or damaged records from whole ones.
 *
 * Thread: pure functions, any thread. */
#ifndef MR_CORE_CRC32C_H
#define MR_CORE_CRC32C_H

#include "core/base.h"

/* The sum of the bytes before, which is `sum` (0 for none), and of `bytes`. */
uint32_t mr_crc32c(uint32_t sum, mr_slice bytes);

#endif
