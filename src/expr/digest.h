/* SPDX-License-Identifier: MIT
 *
 * expr/digest.h - XXH64 (the 64-bit hash of the xxHash specification, seed 0): fast, the same on
 * every machine, no secret and no signature.
 *
 * Thread: pure functions. */
#ifndef MR_EXPR_DIGEST_H
#define MR_EXPR_DIGEST_H

#include "core/base.h"

MR_HOT uint64_t mr_xxh64(mr_slice text);

#endif
