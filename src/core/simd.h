/* SPDX-License-Identifier: MIT
 *
 * core/simd.h - the one small layer between our kernels and the instruction set.
 *
 * A kernel looks at 64 bytes at a time and gets a bit mask, bit i for byte i:
 *
 *     bytes   a , b c " ...          mr_v64_eq(mr_v64_load(p), ',')
 *     mask    0 1 0 0 0 ...          = ...00010
 *
 * Which instructions are used is decided when a file is compiled, so a kernel is written once, in a
 * header, and included by up to three .c files: NAME_scalar.c (defines MR_SIMD_SCALAR: plain C, the
 * twin that tests compare with), NAME.c (the base: SSE2 or NEON) and NAME_avx2.c (the build
 * compiles every
 * *_avx2.c with AVX2, BMI and PCLMUL on x86-64; empty elsewhere). mr_cpu_avx2() picks at run time.
 *
 * Thread: pure functions. */
#ifndef MR_CORE_SIMD_H
#define MR_CORE_SIMD_H

#include "core/base.h"

#if defined(MR_SIMD_SCALAR)
#define MR_SIMD_NAME scalar
#elif defined(__AVX2__)
#include <immintrin.h>
#define MR_SIMD_NAME avx2
#elif defined(__SSE2__)
#include <emmintrin.h>
#define MR_SIMD_NAME base
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define MR_SIMD_NAME base
#else
#define MR_SIMD_SCALAR 1
#define MR_SIMD_NAME   base
#endif

/* mr_kernel_base, mr_kernel_avx2, ... from MR_SIMD_FN(mr_kernel). */
#define MR_SIMD_JOIN_(name, suffix) name##_##suffix
#define MR_SIMD_JOIN(name, suffix)  MR_SIMD_JOIN_(name, suffix)
#define MR_SIMD_FN(name)            MR_SIMD_JOIN(name, MR_SIMD_NAME)

/* True when the CPU has AVX2, BMI2 and PCLMUL and MILLRACE_SIMD is not set to "base" or "scalar".
 */
bool mr_cpu_avx2(void);
/* True when MILLRACE_SIMD=scalar asks for the plain twins. */
bool mr_cpu_scalar(void);

/* --- 64 bytes at once; `p` may be unaligned, all 64 bytes must be readable
 * ------------------------ */

#if defined(MR_SIMD_SCALAR)

typedef struct mr_v64 {
    unsigned char b[64];
} mr_v64;

MR_INLINE mr_v64 mr_v64_load(const char *p)
{
    mr_v64 v;
    memcpy(v.b, p, 64);
    return v;
}

MR_INLINE uint64_t mr_v64_eq(mr_v64 v, char byte)
{
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(v.b[i] == (unsigned char)byte) << i;
    return mask;
}

/* Bytes below `limit`, unsigned; `limit` is 1..255. */
MR_INLINE uint64_t mr_v64_below(mr_v64 v, unsigned char limit)
{
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(v.b[i] < limit) << i;
    return mask;
}

/* Bytes of 0x80 and up: not ASCII. */
MR_INLINE uint64_t mr_v64_high(mr_v64 v)
{
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(v.b[i] >> 7) << i;
    return mask;
}

#elif defined(__AVX2__)

typedef struct mr_v64 {
    __m256i a, b;
} mr_v64;

MR_INLINE mr_v64 mr_v64_load(const char *p)
{
    const __m256i *at = (const __m256i *)(const void *)p;
    return (mr_v64){_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
}

MR_INLINE uint64_t mr_v64_bits_(__m256i a, __m256i b)
{
    return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

MR_INLINE uint64_t mr_v64_eq(mr_v64 v, char byte)
{
    const __m256i wanted = _mm256_set1_epi8(byte);
    return mr_v64_bits_(_mm256_cmpeq_epi8(v.a, wanted), _mm256_cmpeq_epi8(v.b, wanted));
}

MR_INLINE uint64_t mr_v64_below(mr_v64 v, unsigned char limit)
{
    const __m256i top = _mm256_set1_epi8((char)(limit - 1));
    return mr_v64_bits_(_mm256_cmpeq_epi8(_mm256_max_epu8(v.a, top), top),
                        _mm256_cmpeq_epi8(_mm256_max_epu8(v.b, top), top));
}

MR_INLINE uint64_t mr_v64_high(mr_v64 v)
{
    return mr_v64_bits_(v.a, v.b);
}

#elif defined(__SSE2__)

typedef struct mr_v64 {
    __m128i a, b, c, d;
} mr_v64;

MR_INLINE mr_v64 mr_v64_load(const char *p)
{
    const __m128i *at = (const __m128i *)(const void *)p;
    return (mr_v64){_mm_loadu_si128(at), _mm_loadu_si128(at + 1), _mm_loadu_si128(at + 2),
                    _mm_loadu_si128(at + 3)};
}

MR_INLINE uint64_t mr_v64_bits_(__m128i a, __m128i b, __m128i c, __m128i d)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(a) |
           (uint64_t)(uint32_t)_mm_movemask_epi8(b) << 16 |
           (uint64_t)(uint32_t)_mm_movemask_epi8(c) << 32 |
           (uint64_t)(uint32_t)_mm_movemask_epi8(d) << 48;
}

MR_INLINE uint64_t mr_v64_eq(mr_v64 v, char byte)
{
    const __m128i wanted = _mm_set1_epi8(byte);
    return mr_v64_bits_(_mm_cmpeq_epi8(v.a, wanted), _mm_cmpeq_epi8(v.b, wanted),
                        _mm_cmpeq_epi8(v.c, wanted), _mm_cmpeq_epi8(v.d, wanted));
}

MR_INLINE uint64_t mr_v64_below(mr_v64 v, unsigned char limit)
{
    const __m128i top = _mm_set1_epi8((char)(limit - 1));
    return mr_v64_bits_(
        _mm_cmpeq_epi8(_mm_max_epu8(v.a, top), top), _mm_cmpeq_epi8(_mm_max_epu8(v.b, top), top),
        _mm_cmpeq_epi8(_mm_max_epu8(v.c, top), top), _mm_cmpeq_epi8(_mm_max_epu8(v.d, top), top));
}

MR_INLINE uint64_t mr_v64_high(mr_v64 v)
{
    return mr_v64_bits_(v.a, v.b, v.c, v.d);
}

#else /* NEON */

typedef struct mr_v64 {
    uint8x16_t a, b, c, d;
} mr_v64;

MR_INLINE mr_v64 mr_v64_load(const char *p)
{
    const uint8_t *at = (const uint8_t *)p;
    return (mr_v64){vld1q_u8(at), vld1q_u8(at + 16), vld1q_u8(at + 32), vld1q_u8(at + 48)};
}

/* All-ones or all-zero bytes to bits, by pairwise adds of weighted bits. */
MR_INLINE uint64_t mr_v64_bits_(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t w = vld1q_u8(weights);
    const uint8x16_t ab = vpaddq_u8(vandq_u8(a, w), vandq_u8(b, w));
    const uint8x16_t cd = vpaddq_u8(vandq_u8(c, w), vandq_u8(d, w));
    const uint8x16_t abcd = vpaddq_u8(ab, cd);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(abcd, abcd)), 0);
}

MR_INLINE uint64_t mr_v64_eq(mr_v64 v, char byte)
{
    const uint8x16_t wanted = vdupq_n_u8((uint8_t)byte);
    return mr_v64_bits_(vceqq_u8(v.a, wanted), vceqq_u8(v.b, wanted), vceqq_u8(v.c, wanted),
                        vceqq_u8(v.d, wanted));
}

MR_INLINE uint64_t mr_v64_below(mr_v64 v, unsigned char limit)
{
    const uint8x16_t top = vdupq_n_u8(limit);
    return mr_v64_bits_(vcltq_u8(v.a, top), vcltq_u8(v.b, top), vcltq_u8(v.c, top),
                        vcltq_u8(v.d, top));
}

MR_INLINE uint64_t mr_v64_high(mr_v64 v)
{
    return mr_v64_below(v, 128) ^ UINT64_MAX;
}

#endif

/* --- 32 bytes at once, for tokens, most of which are shorter; all 32 bytes must be readable
 * ------------------------ */

#if defined(MR_SIMD_SCALAR)

typedef struct mr_v32 {
    unsigned char b[32];
} mr_v32;

MR_INLINE mr_v32 mr_v32_load(const char *p)
{
    mr_v32 v;
    memcpy(v.b, p, 32);
    return v;
}

/* Bytes that are the same in both. */
MR_INLINE uint32_t mr_v32_same(mr_v32 v, mr_v32 w)
{
    uint32_t mask = 0;
    for (int i = 0; i < 32; i++)
        mask |= (uint32_t)(v.b[i] == w.b[i]) << i;
    return mask;
}

/* Bytes from `first` to `last`, both included. */
MR_INLINE uint32_t mr_v32_between(mr_v32 v, unsigned char first, unsigned char last)
{
    uint32_t mask = 0;
    for (int i = 0; i < 32; i++)
        mask |= (uint32_t)(v.b[i] >= first && v.b[i] <= last) << i;
    return mask;
}

/* Bytes equal to `one` or `other`, or below 0x20: where plain text ends inside quotes. */
MR_INLINE uint32_t mr_v32_stops(mr_v32 v, char one, char other)
{
    uint32_t mask = 0;
    for (int i = 0; i < 32; i++)
        mask |= (uint32_t)(v.b[i] == (unsigned char)one || v.b[i] == (unsigned char)other ||
                           v.b[i] < 0x20)
                << i;
    return mask;
}

#elif defined(__AVX2__)

typedef __m256i mr_v32;

MR_INLINE mr_v32 mr_v32_load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

MR_INLINE uint32_t mr_v32_same(mr_v32 v, mr_v32 w)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, w));
}

MR_INLINE uint32_t mr_v32_between(mr_v32 v, unsigned char first, unsigned char last)
{
    const __m256i from = _mm256_sub_epi8(v, _mm256_set1_epi8((char)first));
    const __m256i top = _mm256_set1_epi8((char)(last - first));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(from, top), top));
}

MR_INLINE uint32_t mr_v32_stops(mr_v32 v, char one, char other)
{
    const __m256i top = _mm256_set1_epi8(0x1f);
    const __m256i control = _mm256_cmpeq_epi8(_mm256_max_epu8(v, top), top);
    const __m256i either = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(one)),
                                           _mm256_cmpeq_epi8(v, _mm256_set1_epi8(other)));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(control, either));
}

#elif defined(__SSE2__)

typedef struct mr_v32 {
    __m128i a, b;
} mr_v32;

MR_INLINE mr_v32 mr_v32_load(const char *p)
{
    const __m128i *at = (const __m128i *)(const void *)p;
    return (mr_v32){_mm_loadu_si128(at), _mm_loadu_si128(at + 1)};
}

MR_INLINE uint32_t mr_v32_bits_(__m128i a, __m128i b)
{
    return (uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << 16;
}

MR_INLINE uint32_t mr_v32_same(mr_v32 v, mr_v32 w)
{
    return mr_v32_bits_(_mm_cmpeq_epi8(v.a, w.a), _mm_cmpeq_epi8(v.b, w.b));
}

MR_INLINE uint32_t mr_v32_between(mr_v32 v, unsigned char first, unsigned char last)
{
    const __m128i base = _mm_set1_epi8((char)first), top = _mm_set1_epi8((char)(last - first));
    return mr_v32_bits_(_mm_cmpeq_epi8(_mm_max_epu8(_mm_sub_epi8(v.a, base), top), top),
                        _mm_cmpeq_epi8(_mm_max_epu8(_mm_sub_epi8(v.b, base), top), top));
}

MR_INLINE __m128i mr_v16_stops_(__m128i v, char one, char other)
{
    const __m128i top = _mm_set1_epi8(0x1f);
    const __m128i either = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(one)),
                                        _mm_cmpeq_epi8(v, _mm_set1_epi8(other)));
    return _mm_or_si128(either, _mm_cmpeq_epi8(_mm_max_epu8(v, top), top));
}

MR_INLINE uint32_t mr_v32_stops(mr_v32 v, char one, char other)
{
    return mr_v32_bits_(mr_v16_stops_(v.a, one, other), mr_v16_stops_(v.b, one, other));
}

#else /* NEON */

typedef struct mr_v32 {
    uint8x16_t a, b;
} mr_v32;

MR_INLINE mr_v32 mr_v32_load(const char *p)
{
    const uint8_t *at = (const uint8_t *)p;
    return (mr_v32){vld1q_u8(at), vld1q_u8(at + 16)};
}

MR_INLINE uint32_t mr_v32_bits_(uint8x16_t a, uint8x16_t b)
{
    return (uint32_t)mr_v64_bits_(a, b, vdupq_n_u8(0), vdupq_n_u8(0));
}

MR_INLINE uint32_t mr_v32_same(mr_v32 v, mr_v32 w)
{
    return mr_v32_bits_(vceqq_u8(v.a, w.a), vceqq_u8(v.b, w.b));
}

MR_INLINE uint32_t mr_v32_between(mr_v32 v, unsigned char first, unsigned char last)
{
    const uint8x16_t base = vdupq_n_u8(first), top = vdupq_n_u8((uint8_t)(last - first));
    return mr_v32_bits_(vcleq_u8(vsubq_u8(v.a, base), top), vcleq_u8(vsubq_u8(v.b, base), top));
}

MR_INLINE uint8x16_t mr_v16_stops_(uint8x16_t v, char one, char other)
{
    const uint8x16_t either =
        vorrq_u8(vceqq_u8(v, vdupq_n_u8((uint8_t)one)), vceqq_u8(v, vdupq_n_u8((uint8_t)other)));
    return vorrq_u8(either, vcltq_u8(v, vdupq_n_u8(0x20)));
}

MR_INLINE uint32_t mr_v32_stops(mr_v32 v, char one, char other)
{
    return mr_v32_bits_(mr_v16_stops_(v.a, one, other), mr_v16_stops_(v.b, one, other));
}

#endif

/* Bit i of the result is the exclusive or of bits 0..i: turns quote positions into "inside quotes"
 * (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019, section 3.1.1). */
MR_INLINE uint64_t mr_prefix_xor(uint64_t mask)
{
#if defined(__PCLMUL__) && !defined(MR_SIMD_SCALAR)
    const __m128i ones = _mm_set1_epi8((char)0xff);
    return (uint64_t)_mm_cvtsi128_si64(
        _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)mask), ones, 0));
#else
    mask ^= mask << 1;
    mask ^= mask << 2;
    mask ^= mask << 4;
    mask ^= mask << 8;
    mask ^= mask << 16;
    mask ^= mask << 32;
    return mask;
#endif
}

/* Copies 16 (32) bytes, for texts that are mostly shorter; both sides must have the room. */
MR_INLINE void mr_copy16(char *to, const char *from)
{
    memcpy(to, from, 16);
}

MR_INLINE void mr_copy32(char *to, const char *from)
{
    memcpy(to, from, 32);
}

/* Of a mask that is not 0. */
MR_INLINE unsigned mr_ctz32(uint32_t mask)
{
    return (unsigned)__builtin_ctz(mask);
}

MR_INLINE unsigned mr_ctz64(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask);
}

MR_INLINE unsigned mr_popcount64(uint64_t mask)
{
    return (unsigned)__builtin_popcountll(mask);
}

#endif
