/* SPDX-License-Identifier: MIT */
#include "store/uuid.h"

#include <stdatomic.h>
#include <sys/random.h>

#include "core/clock.h"

/* --- Reading and writing -------------------------------------------------------------------- */

/* The value of a hex digit and 1; 0 for all else. */
static const uint8_t hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* More than 15 when `digit` is none. */
static uint8_t value_of(char digit)
{
    return (uint8_t)(hex_values[(unsigned char)digit] - 1);
}

/* Where each of the 16 bytes stands in the spelling with hyphens. */
static const uint8_t byte_at[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

static bool parse_digits(const char *text, bool hyphens, mr_uuid *out)
{
    mr_uuid uuid;
    unsigned worst = 0;
    for (size_t i = 0; i < 16; i++) {
        const char *pair = text + (hyphens ? byte_at[i] : 2 * i);
        const uint8_t high = value_of(pair[0]);
        const uint8_t low = value_of(pair[1]);
        worst |= high | low;
        uuid.bytes[i] = (uint8_t)(high << 4 | (low & 15));
    }
    if (worst > 15) return false;
    *out = uuid;
    return true;
}

static bool parse_hyphenated(const char *text, mr_uuid *out)
{
    if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return false;
    return parse_digits(text, true, out);
}

/* "urn:uuid:" in any case of letters, as RFC 8141 has it for the scheme and the namespace. */
static bool is_urn(const char *text)
{
    static const char urn[] = "urn:uuid:";
    for (size_t i = 0; i < sizeof urn - 1; i++)
        if (text[i] != urn[i] && (urn[i] == ':' || text[i] != (urn[i] & ~0x20))) return false;
    return true;
}

bool mr_uuid_parse(mr_slice text, mr_uuid *out)
{
    switch (text.len) {
    case 36: return parse_hyphenated(text.ptr, out);
    case 32: return parse_digits(text.ptr, false, out);
    case 38:
        return text.ptr[0] == '{' && text.ptr[37] == '}' && parse_hyphenated(text.ptr + 1, out);
    case 45: return is_urn(text.ptr) && parse_hyphenated(text.ptr + 9, out);
    default: return false;
    }
}

void mr_uuid_format(const mr_uuid *uuid, char *out)
{
    static const char digits[] = "0123456789abcdef";
    out[8] = out[13] = out[18] = out[23] = '-';
    for (size_t i = 0; i < 16; i++) {
        out[byte_at[i]] = digits[uuid->bytes[i] >> 4];
        out[byte_at[i] + 1] = digits[uuid->bytes[i] & 15];
    }
}

/* --- Making --------------------------------------------------------------------------------- */

/* The newest instant given out: milliseconds << 12 | 256ths of microseconds. Its only partner is
 * itself; no other memory is ordered by it. */
static _Atomic(uint64_t) last_instant;

static uint64_t next_instant(void)
{
    const uint64_t now_ns = (uint64_t)mr_clock_wall_ns();
    const uint64_t now = now_ns / MR_NS_PER_MS << 12 | now_ns % MR_NS_PER_MS / 256;
    uint64_t last = atomic_load_explicit(&last_instant, memory_order_relaxed), next;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&last_instant, &last, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return next;
}

/* 8 random bytes, asked of the system for 32 ids at a time. */
static uint64_t random_bits(void)
{
    static _Thread_local uint64_t pool[32];
    static _Thread_local unsigned left;
    if (left == 0) {
        /* Never interrupted up to 256 bytes. Only a kernel that forbids the call fails: ids are
         * still unique within the process, for their instants are. */
        if (getrandom(pool, sizeof pool, 0) != sizeof pool)
            for (size_t i = 0; i < MR_COUNT_OF(pool); i++)
                pool[i] = (uint64_t)mr_clock_ns() * UINT64_C(0x9e3779b97f4a7c15) + (uintptr_t)pool;
        left = MR_COUNT_OF(pool);
    }
    return pool[--left];
}

mr_uuid mr_uuid_make(void)
{
    const uint64_t instant = next_instant();
    const uint64_t head = instant >> 12 << 16 | UINT64_C(0x7000) | (instant & 0xfff);
    const uint64_t tail = (random_bits() & UINT64_MAX >> 2) | UINT64_C(1) << 63;
    mr_uuid uuid;
    for (int i = 0; i < 8; i++) {
        uuid.bytes[i] = (unsigned char)(head >> (56 - 8 * i));
        uuid.bytes[8 + i] = (unsigned char)(tail >> (56 - 8 * i));
    }
    return uuid;
}
