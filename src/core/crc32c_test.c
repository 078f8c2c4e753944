/* SPDX-License-Identifier: MIT */
#include "core/crc32c.h"

#include "support/test.h"

/* RFC 3720, appendix B.4, and the check value of the CRC catalogue. */
MR_TEST(sums_are_those_of_the_standard)
{
    char zeros[32] = {0}, ones[32], rising[32];
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++)
        rising[i] = (char)i;
    MR_EXPECT_U64(mr_crc32c(0, MR_SLICE("123456789")), ==, 0xe3069283u);
    MR_EXPECT_U64(mr_crc32c(0, mr_slice_of(zeros, 32)), ==, 0x8a9136aau);
    MR_EXPECT_U64(mr_crc32c(0, mr_slice_of(ones, 32)), ==, 0x62a8ab43u);
    MR_EXPECT_U64(mr_crc32c(0, mr_slice_of(rising, 32)), ==, 0x46dd794eu);
    MR_EXPECT_U64(mr_crc32c(0, (mr_slice){NULL, 0}), ==, 0);
}

/* The slow obvious twin: a bit at a time. */
static uint32_t bit_by_bit(mr_slice bytes)
{
    uint32_t sum = 0xffffffffu;
    for (size_t i = 0; i < bytes.len; i++) {
        sum ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            sum = (sum & 1) != 0 ? sum >> 1 ^ 0x82f63b78u : sum >> 1;
    }
    return ~sum;
}

MR_TEST(a_sum_does_not_depend_on_how_the_bytes_are_cut)
{
    char bytes[97];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 167 + 13);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        const uint32_t whole = bit_by_bit(mr_slice_of(bytes, len));
        for (size_t cut = 0; cut <= len; cut++) {
            const uint32_t first = mr_crc32c(0, mr_slice_of(bytes, cut));
            MR_EXPECT_U64(mr_crc32c(first, mr_slice_of(bytes + cut, len - cut)), ==, whole);
        }
    }
}
