/* SPDX-License-Identifier: MIT
 *
 * Counts every allocation of a test program, those inside shared libraries included: the program's
 * own malloc family wins over the C library's, and passes on to glibc's internal names. Off under
 * sanitizers, which interpose for themselves. */
#include "core/poison.h"
#include "support/test.h"

#include <stdatomic.h>

static atomic_uint_least64_t malloc_count;

uint64_t mr_test_malloc_count(void)
{
    return atomic_load_explicit(&malloc_count, memory_order_relaxed);
}

#if defined(__GLIBC__) && !defined(MR_HAS_ASAN) && !defined(__SANITIZE_THREAD__)
/* NOLINTBEGIN(bugprone-reserved-*,cert-*,readability-inconsistent-*): the names are glibc's */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&malloc_count, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&malloc_count, 1, memory_order_relaxed);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    atomic_fetch_add_explicit(&malloc_count, 1, memory_order_relaxed);
    return __libc_realloc(old, size);
}
/* NOLINTEND(bugprone-reserved-*,cert-*,readability-inconsistent-*) */
#endif
