/* SPDX-License-Identifier: MIT */
#include "connector/store_id.h"

#include <stdio.h>
#include <sys/random.h>

#define VERSION_8 UINT64_C(0x8000)
#define VERSION_4 UINT64_C(0x4000)
#define VARIANT   (UINT64_C(2) << 62)

static void write_uuid(uint64_t high, uint64_t low, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (int i = 0; i < 32; i++) {
        const uint64_t half = i < 16 ? high : low;
        if (i == 8 || i == 12 || i == 16 || i == 20) out[at++] = '-';
        out[at++] = digits[half >> (60 - 4 * (i % 16)) & 15];
    }
}

/* The first 128 bits of the sum. */
static void finish(mr_sha256 *sum, uint64_t *out_high, uint64_t *out_low)
{
    char hex[65];
    uint64_t halves[2] = {0, 0};
    mr_sha256_hex(sum, hex);
    for (int i = 0; i < 32; i++) {
        const char digit = hex[i];
        const unsigned value = (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        halves[i / 16] = halves[i / 16] << 4 | value;
    }
    *out_high = halves[0];
    *out_low = halves[1];
}

void mr_store_id_add(mr_sha256 *sum, mr_slice part)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)part.len >> (56 - 8 * i));
    mr_sha256_add(sum, (mr_slice){(const char *)length, sizeof length});
    if (part.len > 0) mr_sha256_add(sum, part);
}

void mr_store_id_begin(mr_sha256 *sum, mr_slice key)
{
    mr_sha256_init(sum);
    mr_store_id_add(sum, MR_SLICE("millrace store"));
    mr_store_id_add(sum, key);
}

static void add_number(mr_sha256 *sum, uint64_t number)
{
    char text[24];
    mr_store_id_add(sum, (mr_slice){text, (size_t)snprintf(text, sizeof text, "%llu",
                                                           (unsigned long long)number)});
}

void mr_store_id_of_place(mr_slice key, mr_slice file, uint64_t record, uint64_t part, char *out)
{
    mr_sha256 feed, row;
    uint64_t feed_high, high, low;
    mr_store_id_begin(&feed, key);
    mr_store_id_add(&feed, file);
    row = feed;
    finish(&feed, &feed_high, &low);
    add_number(&row, record);
    add_number(&row, part);
    finish(&row, &high, &low);
    record &= (UINT64_C(1) << 48) - 1;
    write_uuid((feed_high & ~UINT64_C(0xffffffff)) | (record >> 32) << 16 | VERSION_8 |
                   (record >> 20 & 0xfff),
               VARIANT | (record & 0xfffff) << 42 | (low >> 22), out);
}

void mr_store_id_of_sum(mr_sha256 *sum, char *out)
{
    uint64_t high, low;
    finish(sum, &high, &low);
    write_uuid((high & ~UINT64_C(0xf000)) | VERSION_8, VARIANT | low >> 2, out);
}

bool mr_store_id_random(char *out)
{
    uint64_t halves[2];
    if (getrandom(halves, sizeof halves, 0) != (ssize_t)sizeof halves) return false;
    write_uuid((halves[0] & ~UINT64_C(0xf000)) | VERSION_4, VARIANT | halves[1] >> 2, out);
    return true;
}

static bool is_hex(char digit)
{
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f') ||
           (digit >= 'A' && digit <= 'F');
}

bool mr_store_id_is_uuid(mr_slice text)
{
    const bool hyphens = text.len == MR_STORE_ID_BYTES;
    if (!hyphens && text.len != 32) return false;
    for (size_t i = 0; i < text.len; i++) {
        const bool hyphen = hyphens && (i == 8 || i == 13 || i == 18 || i == 23);
        if (hyphen ? text.ptr[i] != '-' : !is_hex(text.ptr[i])) return false;
    }
    return true;
}
