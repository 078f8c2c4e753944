/* SPDX-License-Identifier: MIT
 *
 * core/base.h - the handful of words every other file uses: attributes, slices, small arithmetic.
 *
 * Thread: pure functions, any thread. */
#ifndef MR_CORE_BASE_H
#define MR_CORE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MR_NODISCARD                  __attribute__((warn_unused_result))
#define MR_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define MR_HOT                        __attribute__((hot)) /* per row, message, request or scrape: allocates nothing */
#define MR_COLD                       __attribute__((cold))
#define MR_INLINE                     static inline __attribute__((always_inline))
#define MR_LIKELY(condition)          __builtin_expect(!!(condition), 1)
#define MR_UNLIKELY(condition)        __builtin_expect(!!(condition), 0)
#define MR_UNUSED                     __attribute__((unused))
#define MR_COUNT_OF(array)            (sizeof(array) / sizeof((array)[0]))
/* The struct of which `pointer` is the field `member`. */
#define MR_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define MR_CACHE_LINE 64

/* O(1) checks inside hot loops; gone in release builds. */
#ifdef NDEBUG
#define MR_DCHECK(condition) ((void)0)
#else
#define MR_DCHECK(condition) assert(condition)
#endif

/* Bytes somebody else owns: borrowed, not NUL-terminated, may hold any byte. */
typedef struct mr_slice {
    const char *ptr;
    size_t len;
} mr_slice;

/* A slice of a string literal or a character array, without its NUL. */
#define MR_SLICE(literal) ((mr_slice){(literal), sizeof(literal) - 1})

MR_INLINE mr_slice mr_slice_of(const char *ptr, size_t len)
{
    return (mr_slice){ptr, len};
}

/* A slice of a NUL-terminated string; an empty slice for NULL. */
MR_INLINE mr_slice mr_slice_text(const char *text)
{
    return (mr_slice){text, text != NULL ? strlen(text) : 0};
}

MR_INLINE bool mr_slice_equal(mr_slice a, mr_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

MR_INLINE bool mr_slice_is(mr_slice a, const char *text)
{
    return mr_slice_equal(a, mr_slice_text(text));
}

MR_INLINE bool mr_slice_starts(mr_slice a, const char *prefix)
{
    const size_t len = strlen(prefix);
    return a.len >= len && (len == 0 || memcmp(a.ptr, prefix, len) == 0);
}

MR_INLINE bool mr_slice_ends(mr_slice a, const char *suffix)
{
    const size_t len = strlen(suffix);
    return a.len >= len && (len == 0 || memcmp(a.ptr + a.len - len, suffix, len) == 0);
}

/* The rest of `a` after its first `count` bytes. `count` is at most `a.len`. */
MR_INLINE mr_slice mr_slice_from(mr_slice a, size_t count)
{
    MR_DCHECK(count <= a.len);
    /* NULL + 0 is undefined in C */
    return (mr_slice){count > 0 ? a.ptr + count : a.ptr, a.len - count};
}

/* For "%.*s": MR_SLICE_ARGS(s) gives the two arguments, cut at INT_MAX. */
#define MR_SLICE_ARGS(slice) ((slice).len > 0x7fffffff ? 0x7fffffff : (int)(slice).len), (slice).ptr

MR_INLINE uint64_t mr_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

MR_INLINE uint64_t mr_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* `value` rounded up to a multiple of `align`, a power of two. */
MR_INLINE size_t mr_align_up(size_t value, size_t align)
{
    return (value + align - 1) & ~(align - 1);
}

#endif
