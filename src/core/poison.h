/* SPDX-License-Identifier: MIT
 *
 * core/poison.h - tells AddressSanitizer which of our own memory is off limits; nothing elsewhere.
 *
 * Thread: any. */
#ifndef MR_CORE_POISON_H
#define MR_CORE_POISON_H

#include "core/base.h"

#if defined(__SANITIZE_ADDRESS__)
#define MR_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MR_HAS_ASAN 1
#endif
#endif

#ifdef MR_HAS_ASAN
#include <sanitizer/asan_interface.h>
#define MR_RED_ZONE 16u
#else
#define MR_RED_ZONE 0u
#endif

MR_INLINE void mr_poison(const void *memory, size_t size_bytes)
{
#ifdef MR_HAS_ASAN
    ASAN_POISON_MEMORY_REGION(memory, size_bytes);
#else
    (void)memory;
    (void)size_bytes;
#endif
}

MR_INLINE void mr_unpoison(const void *memory, size_t size_bytes)
{
#ifdef MR_HAS_ASAN
    ASAN_UNPOISON_MEMORY_REGION(memory, size_bytes);
#else
    (void)memory;
    (void)size_bytes;
#endif
}

#endif
