/* SPDX-License-Identifier: MIT */
#include "core/utf8.h"

#include "core/utf8_kernel.h"
#include "support/test.h"

/* The table of RFC 3629 section 4, row by row: the slow obvious twin. */
static size_t twin_one(const unsigned char *p, size_t len)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        size_t len;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        if (p[0] < rows[i].first_low || p[0] > rows[i].first_high) continue;
        if (len < rows[i].len) return 0;
        if (rows[i].len > 1 && (p[1] < rows[i].second_low || p[1] > rows[i].second_high)) return 0;
        for (size_t k = 2; k < rows[i].len; k++)
            if (p[k] < 0x80 || p[k] > 0xbf) return 0;
        return rows[i].len;
    }
    return 0;
}

static size_t twin_prefix(mr_slice text)
{
    size_t at = 0;
    while (at < text.len) {
        const size_t len = twin_one((const unsigned char *)text.ptr + at, text.len - at);
        if (len == 0) break;
        at += len;
    }
    return at;
}

static bool scan_says_valid(mr_utf8_scan_fn *scan, mr_slice text)
{
    return scan(text.ptr, text.len) == SIZE_MAX;
}

/* Everything this module says about `text` agrees with the twin. */
static void expect_like_twin(mr_slice text)
{
    const size_t prefix = twin_prefix(text);
    const bool valid = prefix == text.len;
    uint32_t code_point = 0;
    if (mr_utf8_valid(text) != valid || mr_utf8_valid_prefix(text) != prefix ||
        scan_says_valid(mr_utf8_scan_scalar, text) != valid ||
        scan_says_valid(mr_utf8_scan_base, text) != valid ||
        mr_utf8_decode(text, &code_point) !=
            (text.len == 0 ? 0 : twin_one((const unsigned char *)text.ptr, text.len)))
        MR_TEST_FAIL("%zu bytes, %02x %02x ..: expected a valid prefix of %zu, got %zu\n", text.len,
                     (unsigned char)text.ptr[0], (unsigned char)text.ptr[text.len > 1], prefix,
                     mr_utf8_valid_prefix(text));
#if defined(__x86_64__)
    if (mr_cpu_avx2() && scan_says_valid(mr_utf8_scan_avx2, text) != valid)
        MR_TEST_FAIL("the AVX2 twin disagrees\n");
#endif
}

MR_TEST(all_sequences_of_one_and_two_bytes_are_judged_right)
{
    expect_like_twin((mr_slice){"", 0});
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        const char text[2] = {(char)(bits >> 8), (char)bits};
        expect_like_twin((mr_slice){text, 1});
        expect_like_twin((mr_slice){text, 2});
    }
}

/* Bytes on both sides of every border in the table; the other bytes behave like a neighbour. */
static const unsigned char borders[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                        0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
                                        0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};

MR_TEST(all_sequences_of_four_border_bytes_are_judged_right)
{
    const size_t n = MR_COUNT_OF(borders);
    for (size_t i = 0; i < n * n * n * n; i++) {
        const char text[4] = {(char)borders[i / n / n / n], (char)borders[i / n / n % n],
                              (char)borders[i / n % n], (char)borders[i % n]};
        expect_like_twin((mr_slice){text, 3});
        expect_like_twin((mr_slice){text, 4});
    }
}

MR_TEST(all_sequences_of_three_bytes_after_a_long_lead_are_judged_right)
{
    for (unsigned bits = 0; bits < 0x200000; bits++) {
        const char text[3] = {(char)(0xe0 | bits >> 16), (char)(bits >> 8), (char)bits};
        const mr_slice slice = {text, 3};
        if (mr_utf8_valid(slice) != (twin_prefix(slice) == 3)) MR_TEST_FAIL("%06x\n", bits);
    }
}

MR_TEST(faults_are_found_at_every_place_around_block_borders)
{
    static const char *const pieces[] = {"\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "\xed\x9f\xbf",
                                         "\xf4\x8f\xbf\xbf", /* good */
                                         "\xed\xa0\x80",
                                         "\xe0\x9f\xbf",
                                         "\xf0\x8f\xbf\xbf",
                                         "\xf4\x90\x80\x80",
                                         "\xc0\xaf",
                                         "\xf5\x80\x80\x80",
                                         "\x80",
                                         "\xff",
                                         "\xc3",
                                         "\xe2\x82",
                                         "\xf0\x9f\x98",
                                         "\xc3\xa9\xa9"};
    char text[200];
    for (size_t i = 0; i < MR_COUNT_OF(pieces); i++) {
        const size_t len = strlen(pieces[i]);
        for (size_t at = 0; at + len <= 140; at++) {
            memset(text, 'x', sizeof text);
            memcpy(text + at, pieces[i], len);
            expect_like_twin((mr_slice){text, at + len});
            expect_like_twin((mr_slice){text, at + len + 1});
            expect_like_twin((mr_slice){text, 64});
            expect_like_twin((mr_slice){text, 128});
            expect_like_twin((mr_slice){text, sizeof text});
        }
    }
}

MR_TEST(random_mixtures_of_code_points_and_damage_agree_with_the_twin)
{
    uint64_t random = 0x9e3779b97f4a7c15u;
    char text[400];
    for (int round = 0; round < 20000; round++) {
        size_t len = 0;
        while (len < 300) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            len += mr_utf8_encode((uint32_t)(random >> 40) >> (random >> 33 & 15), text + len);
        }
        random = random * 6364136223846793005u + 1442695040888963407u;
        if ((round & 1) != 0)
            text[(random >> 32) % len] = (char)borders[(random >> 50) % sizeof borders];
        expect_like_twin((mr_slice){text, len - (random >> 60)});
    }
}

MR_TEST(every_code_point_survives_encode_and_decode)
{
    char text[4];
    for (uint32_t code_point = 0; code_point < 0x110000; code_point++) {
        const size_t len = mr_utf8_encode(code_point, text);
        uint32_t back = 0;
        if (code_point >= 0xd800 && code_point <= 0xdfff) {
            MR_EXPECT_U64(len, ==, 0);
            continue;
        }
        if (len == 0 || mr_utf8_decode((mr_slice){text, len}, &back) != len || back != code_point)
            MR_TEST_FAIL("U+%04X does not survive\n", (unsigned)code_point);
        for (size_t cut = 0; cut < len; cut++)
            if (mr_utf8_decode((mr_slice){text, cut}, &back) != 0)
                MR_TEST_FAIL("cut is accepted\n");
    }
    MR_EXPECT_U64(mr_utf8_encode(0x110000, text), ==, 0);
    MR_EXPECT_U64(mr_utf8_encode(UINT32_MAX, text), ==, 0);
}

MR_TEST(trimming_removes_only_what_a_cut_left)
{
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"ab\xc3", 2},
        {"ab\xc3\xa9", 4},
        {"a\xe2\x82", 1},
        {"a\xe2\x82\xac", 4},
        {"\xf0\x9f\x98", 0},
        {"\xf0\x9f\x98\x80", 4},
        {"\x80\x80\x80\x80", 4}, /* never was a code point */
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++)
        MR_EXPECT_U64(mr_utf8_trim(mr_slice_text(rows[i].text)), ==, rows[i].len);
}

/* A page that must not be touched follows the text (the sanitizer's red zone, when built with it).
 */
MR_TEST(no_byte_outside_the_text_is_read)
{
    for (size_t len = 1; len < 200; len++) {
        char *text = mr_mem_alloc(len);
        memset(text, 'a', len);
        text[len - 1] = (char)0xc3;
        MR_EXPECT(!mr_utf8_valid((mr_slice){text, len}));
        MR_EXPECT_U64(mr_utf8_valid_prefix((mr_slice){text, len}), ==, len - 1);
        mr_mem_free(text);
    }
}
