/* SPDX-License-Identifier: MIT */
#include "record/numtext.h"

#include "support/test.h"

static char padded[128]; /* the text under test, with readable bytes after it */

static mr_slice pad(mr_slice text)
{
    memset(padded, '7', sizeof padded);
    memcpy(padded, text.ptr, text.len);
    return (mr_slice){padded, text.len};
}

static bool same(mr_slice text, const char *from, const char *end)
{
    return mr_slice_equal(text, (mr_slice){from, (size_t)(end - from)});
}

/* Everything any parser takes must be written back as the same bytes, and each parser must take
 * what the typing rules say, where it fits. */
static void check_all(mr_slice given)
{
    const mr_slice text = pad(given);
    char out[MR_NUMTEXT_MAX + 8];
    int64_t value;
    bool is_padded;
    unsigned scale;
    mr_day_cache cache = {0}, write_cache = {0};
    const bool is_int = mr_parse_int(text, &value, &is_padded);
    if (is_int)
        MR_EXPECT(
            same(text, out, mr_write_int(out, value, text.ptr[0] == '-' ? 1 : (unsigned)text.len)));
    MR_EXPECT((is_int && !is_padded) == mr_text_is_int(text));
    const bool is_decimal = mr_numtext_decimal(text, &value, &scale);
    if (is_decimal) {
        MR_EXPECT(same(text, out, mr_write_decimal(out, value, scale)));
        MR_EXPECT(mr_text_is_int(text) || mr_text_is_decimal(text));
    } else {
        MR_EXPECT(!mr_text_is_decimal(text) || text.len > MR_DECIMAL_DIGITS);
    }
    const bool is_date = mr_parse_date(text, &cache, &value);
    MR_EXPECT(is_date == mr_text_is_date(text));
    if (is_date) MR_EXPECT(same(text, out, mr_write_date(out, value, &write_cache)));
    uint8_t uuid[16];
    MR_EXPECT(mr_parse_uuid(text, uuid) == mr_text_is_uuid(text));
    if (mr_parse_uuid(text, uuid)) MR_EXPECT(same(text, out, mr_write_uuid(out, uuid)));
    mr_time_layout layout;
    if (mr_text_is_timestamp(text, &layout)) {
        if (mr_parse_timestamp(text, layout, &cache, &value))
            MR_EXPECT(same(text, out, mr_write_timestamp(out, value, layout, &write_cache)));
        else
            MR_EXPECT((layout >> 8 & 15) == 9); /* nanoseconds reach from 1677 to 2262 */
    } else {
        MR_EXPECT(!mr_parse_timestamp(text, 'T' | 1u << 12, &cache, &value));
    }
}

/* A table, so it is one piece. */
MR_TEST(near_misses_are_refused_and_the_rest_reads_back)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "7",
        "007",
        "-7",
        "-07",
        "+7",
        " 7",
        "7 ",
        "1_0",
        "",
        "-",
        ".",
        "1.",
        ".1",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "0000000000000000001",
        "1.1",
        "1.10",
        "-0.0",
        "-0.1",
        "0.0",
        "00.1",
        "01.1",
        "1.1.1",
        "1.-1",
        "123456789012345.678",
        "1234567890123456.789",
        "0.00000000000000001",
        "1e5",
        "NaN",
        "12345678",
        "123456789",
        "1234567/",
        "1234567:",
        "12345678/",
        "12345678901234567:",
        "1.2:",
        "0.1234567a",
        "2024-02-29",
        "2023-02-29",
        "2000-02-29",
        "1900-02-29",
        "0000-01-01",
        "9999-12-31",
        "1970-01-01",
        "1969-12-31",
        "2024-13-01",
        "2024-00-10",
        "2024-1-1",
        "2024/01/01",
        "2024-01-01T00:00:00Z",
        "2024-01-01 23:59:59",
        "2024-01-01T24:00:00Z",
        "2024-01-01T23:60:00Z",
        "2024-01-01T23:59:60Z",
        "1969-12-31T23:59:59.5Z",
        "2024-01-01T00:00:00.123456789+05:30",
        "2024-01-01T00:00:00-00:00",
        "2024-01-01T00:00:00-12:00",
        "0000-01-01T00:00:00.000000000Z",
        "0001-01-01T00:00:00.00000001Z",
        "9999-12-31T23:59:59.999999999Z",
        "2262-04-11T23:47:16.854775807Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00z",
        "2024-01-01T0a:00:00Z",
        "2024-01-01T00.00:00Z",
        "2024-01-01T\2600:00:00Z",
    };
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++)
        check_all(mr_slice_text(texts[i]));
}

MR_TEST(every_byte_of_a_number_matters)
{
    static const char *const texts[] = {"123456789012345678", "-1234567.89",
                                        "2024-01-01T12:34:56.789Z", "2024-02-29",
                                        "01234567-89ab-cdef-0123-456789abcdef"};
    char text[64];
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++) {
        const size_t len = strlen(texts[i]);
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                memcpy(text, texts[i], len);
                text[at] = (char)byte;
                check_all((mr_slice){text, len});
            }
        }
    }
}

MR_TEST(every_day_of_ten_thousand_years_reads_back)
{
    char text[16];
    mr_day_cache write_cache = {0};
    int64_t last = 0;
    for (int64_t day = -719528; day <= 2932896; day++) { /* 0000-01-01 to 9999-12-31 */
        int64_t parsed;
        mr_day_cache cache = {0};
        MR_EXPECT(mr_write_date(text, day, &write_cache) == text + 10);
        if (!mr_parse_date((mr_slice){text, 10}, &cache, &parsed))
            MR_TEST_FAIL("%.10s is refused\n", text);
        MR_EXPECT_I64(parsed, ==, day);
        last = parsed;
    }
    MR_EXPECT_I64(last, ==, 2932896);
    MR_EXPECT_SLICE(((mr_slice){text, 10}), "9999-12-31");
}
