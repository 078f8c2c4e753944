/* SPDX-License-Identifier: MIT */
#include "core/number.h"

#include "core/number_internal.h"

/* A canonical magnitude of 1 to 20 digits. */
static bool parse_magnitude(const char *p, size_t len, uint64_t *out)
{
    if (p[0] == '0') {
        if (len != 1) return false;
        *out = 0;
        return true;
    }
    if (MR_LIKELY(len <= 16)) return mr_digits16(p, len, out);
    uint64_t head, tail, value;
    if (!mr_digits16(p, len - 16, &head) || !mr_digits16(p + len - 16, 16, &tail)) return false;
    if (__builtin_mul_overflow(head, UINT64_C(10000000000000000), &value)) return false;
    if (__builtin_add_overflow(value, tail, &value)) return false;
    *out = value;
    return true;
}

bool mr_parse_u64(mr_slice text, uint64_t *out)
{
    if (text.len == 0 || text.len > 20) return false;
    return parse_magnitude(text.ptr, text.len, out);
}

bool mr_parse_i64(mr_slice text, int64_t *out)
{
    if (text.len == 0 || text.len > 20) return false;
    const bool negative = text.ptr[0] == '-';
    if (negative) text = mr_slice_from(text, 1);
    uint64_t magnitude;
    if (text.len == 0 || !parse_magnitude(text.ptr, text.len, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + negative || (negative && magnitude == 0)) return false;
    *out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

/* 1 to 8 digits, no zeros in front; writes 8 bytes. */
static size_t put_head(char *out, uint32_t value)
{
    const uint64_t digits = mr_digits8_split(value);
    const unsigned zeros = (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) / 8;
    const uint64_t text = (digits | MR_ASCII_ZEROS) >> (zeros * 8);
    memcpy(out, &text, sizeof text);
    return 8 - zeros;
}

size_t mr_format_u64(char *out, uint64_t value)
{
    const uint32_t e8 = 100000000;
    if (MR_LIKELY(value < e8)) return put_head(out, (uint32_t)value);
    const uint64_t upper = value / e8;
    size_t len;
    if (MR_LIKELY(upper < e8)) {
        len = put_head(out, (uint32_t)upper);
    } else {
        len = put_head(out, (uint32_t)(upper / e8));
        mr_digits8_put(out + len, (uint32_t)(upper % e8));
        len += 8;
    }
    mr_digits8_put(out + len, (uint32_t)(value % e8));
    return len + 8;
}

size_t mr_format_i64(char *out, int64_t value)
{
    const bool negative = value < 0;
    *out = '-'; /* overwritten unless it is meant */
    return mr_format_u64(out + negative, negative ? 0 - (uint64_t)value : (uint64_t)value) +
           negative;
}
