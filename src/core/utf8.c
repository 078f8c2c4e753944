/* SPDX-License-Identifier: MIT */
#include "core/utf8.h"

#include <stdatomic.h>

#define MR_UTF8_KERNEL
#include "core/utf8_kernel.h"

static size_t choose_scan(const char *text, size_t len);

/* Replaced by the first call; every thread that races for it stores the same. */
static _Atomic(mr_utf8_scan_fn *) scan = choose_scan;

static size_t choose_scan(const char *text, size_t len)
{
    mr_utf8_scan_fn *chosen = mr_utf8_scan_base;
    if (mr_cpu_scalar()) chosen = mr_utf8_scan_scalar;
#if defined(__x86_64__)
    if (mr_cpu_avx2()) chosen = mr_utf8_scan_avx2;
#endif
    atomic_store_explicit(&scan, chosen, memory_order_relaxed);
    return chosen(text, len);
}

static uint64_t load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Most texts are a cell of a few ASCII bytes: no block is worth filling for them. */
static bool is_short_ascii(mr_slice text)
{
    uint64_t seen = 0;
    if (text.len > 64) return false;
    if (text.len < 8) {
        for (size_t i = 0; i < text.len; i++)
            seen |= (unsigned char)text.ptr[i];
        return seen < 0x80;
    }
    for (size_t at = 0; at + 8 <= text.len; at += 8)
        seen |= load8(text.ptr + at);
    seen |= load8(text.ptr + text.len - 8);
    return (seen & 0x8080808080808080u) == 0;
}

static size_t scan_text(mr_slice text)
{
    return atomic_load_explicit(&scan, memory_order_relaxed)(text.ptr, text.len);
}

bool mr_utf8_valid(mr_slice text)
{
    return is_short_ascii(text) || scan_text(text) == SIZE_MAX;
}

/* Where to begin decoding so that the code point which reaches `at` is decoded from its first byte.
 */
static size_t code_point_start(mr_slice text, size_t at)
{
    for (size_t back = 1; back <= 3 && back <= at; back++) {
        const unsigned char byte = (unsigned char)text.ptr[at - back];
        if (byte >= 0xc0) return at - back;
        if (byte < 0x80) break;
    }
    return at;
}

size_t mr_utf8_valid_prefix(mr_slice text)
{
    if (is_short_ascii(text)) return text.len;
    const size_t fault = scan_text(text);
    if (fault == SIZE_MAX) return text.len;
    size_t at = code_point_start(text, fault);
    uint32_t ignored;
    for (;;) {
        const size_t len = mr_utf8_decode(mr_slice_from(text, at), &ignored);
        if (len == 0) return at;
        at += len;
    }
}

size_t mr_utf8_trim(mr_slice text)
{
    uint32_t ignored;
    const size_t start = code_point_start(text, text.len);
    if (start == text.len || mr_utf8_decode(mr_slice_from(text, start), &ignored) != 0)
        return text.len;
    return start;
}

static bool is_continuation(mr_slice text, size_t at)
{
    return at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80;
}

size_t mr_utf8_decode(mr_slice text, uint32_t *out)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (text.len == 0) return 0;
    const unsigned char first = (unsigned char)text.ptr[0];
    if (first < 0x80) {
        *out = first;
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) return 0;
    const size_t len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code_point = first & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(text, i)) return 0;
        code_point = code_point << 6 | ((unsigned char)text.ptr[i] & 0x3fu);
    }
    if (code_point < smallest[len] || code_point > 0x10ffff) return 0;
    if (code_point >= 0xd800 && code_point <= 0xdfff) return 0;
    *out = code_point;
    return len;
}

size_t mr_utf8_encode(uint32_t code_point, char *out)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        if (code_point >= 0xd800 && code_point <= 0xdfff) return 0;
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    if (code_point > 0x10ffff) return 0;
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}
