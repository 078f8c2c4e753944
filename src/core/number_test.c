/* SPDX-License-Identifier: MIT */
#include "core/number.h"

#include <locale.h>
#include <math.h>

#include "support/test.h"

static uint64_t random_state = 0x243f6a8885a308d3u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1du;
}

static uint64_t random_of_any_size(void)
{
    const uint64_t bits = next_random();
    return bits >> (next_random() % 64);
}

/* --- integers
 * ------------------------------------------------------------------------------------- */

MR_TEST(integers_are_read_only_in_their_canonical_spelling)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"-1", true, -1},
        {"12345678", true, 12345678},
        {"123456789", true, 123456789},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"-99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"-0", false, 0},
        {"+5", false, 0},
        {"007", false, 0},
        {"-07", false, 0},
        {"00", false, 0},
        {" 5", false, 0},
        {"5 ", false, 0},
        {"1_000", false, 0},
        {"1.0", false, 0},
        {"0x1F", false, 0},
        {"1234567:", false, 0},
        {"/234567", false, 0},
        {"12345678901234567a", false, 0},
        {"\xb1\xb2\xb3", false, 0},
        {"1\xff", false, 0},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        int64_t value = 4711;
        if (mr_parse_i64(mr_slice_text(rows[i].text), &value) != rows[i].ok)
            MR_TEST_FAIL("\"%s\" is judged wrong\n", rows[i].text);
        MR_EXPECT_I64(value, ==, rows[i].ok ? rows[i].value : 4711);
    }
}

MR_TEST(unsigned_integers_reach_their_limit)
{
    uint64_t value = 1;
    MR_EXPECT(mr_parse_u64(MR_SLICE("18446744073709551615"), &value) && value == UINT64_MAX);
    MR_EXPECT(mr_parse_u64(MR_SLICE("0"), &value) && value == 0);
    MR_EXPECT(!mr_parse_u64(MR_SLICE("18446744073709551616"), &value));
    MR_EXPECT(!mr_parse_u64(MR_SLICE("18446744073709551620"), &value));
    MR_EXPECT(!mr_parse_u64(MR_SLICE("28446744073709551615"), &value));
    MR_EXPECT(!mr_parse_u64(MR_SLICE("100000000000000000000"), &value));
    MR_EXPECT(!mr_parse_u64(MR_SLICE("-1"), &value));
    MR_EXPECT(!mr_parse_u64(MR_SLICE(""), &value));
}

MR_TEST(every_wrong_byte_at_every_place_of_an_integer_is_refused)
{
    for (size_t len = 1; len <= 19; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[20];
                int64_t value;
                memset(text, '1', sizeof text);
                text[at] = (char)byte;
                bool good = byte >= '0' && byte <= '9' && (byte != '0' || at > 0 || len == 1);
                if (at == 0 && byte == '-' && len > 1) good = true;
                /* nineteen digits: 8111111111111111111 still fits, 9111111111111111111 too */
                if (mr_parse_i64((mr_slice){text, len}, &value) != good)
                    MR_TEST_FAIL("byte %02x at %zu of %zu\n", byte, at, len);
            }
        }
    }
}

static void expect_integer_round_trip(uint64_t bits)
{
    char text[MR_INT_TEXT_MAX], wanted[32];
    int64_t back_i = 0;
    uint64_t back_u = 0;
    size_t len = mr_format_u64(text, bits);
    size_t wanted_len = (size_t)snprintf(wanted, sizeof wanted, "%" PRIu64, bits);
    if (len != wanted_len || memcmp(text, wanted, len) != 0 ||
        !mr_parse_u64((mr_slice){text, len}, &back_u) || back_u != bits)
        MR_TEST_FAIL("%s became %.*s\n", wanted, (int)len, text);
    len = mr_format_i64(text, (int64_t)bits);
    wanted_len = (size_t)snprintf(wanted, sizeof wanted, "%" PRId64, (int64_t)bits);
    if (len != wanted_len || memcmp(text, wanted, len) != 0 ||
        !mr_parse_i64((mr_slice){text, len}, &back_i) || back_i != (int64_t)bits)
        MR_TEST_FAIL("%s became %.*s\n", wanted, (int)len, text);
}

MR_TEST(integers_survive_text_and_agree_with_printf)
{
    for (uint64_t i = 0; i < 200000; i++)
        expect_integer_round_trip(i);
    for (uint64_t power = 1, i = 0; i < 20; power *= 10, i++) {
        for (uint64_t near = 0; near < 5; near++) {
            expect_integer_round_trip(power - 2 + near);
            expect_integer_round_trip(0 - power - 2 + near);
        }
    }
    for (int i = 0; i < 500000; i++)
        expect_integer_round_trip(random_of_any_size());
    expect_integer_round_trip(UINT64_MAX);
    expect_integer_round_trip((uint64_t)INT64_MIN);
}

/* --- binary floats
 * -------------------------------------------------------------------------------- */

static void expect_f64(double value, const char *wanted)
{
    char text[MR_F64_TEXT_MAX];
    const size_t len = mr_format_f64(text, value);
    MR_EXPECT_SLICE(((mr_slice){text, len}), wanted);
}

MR_TEST(floats_are_written_with_the_fewest_digits)
{
    expect_f64(0.0, "0.0");
    expect_f64(-0.0, "-0.0");
    expect_f64(1.0, "1.0");
    expect_f64(-1.5, "-1.5");
    expect_f64(0.1, "0.1");
    expect_f64(0.1 + 0.2, "0.30000000000000004");
    expect_f64(1.0 / 3, "0.3333333333333333");
    expect_f64(100.0, "100.0");
    expect_f64(123456789012345.0, "123456789012345.0");
    expect_f64(1e15, "1000000000000000.0");
    expect_f64(1e16, "1e16");
    expect_f64(1e22, "1e22");
    expect_f64(1e23, "1e23");
    expect_f64(9007199254740993.0, "9007199254740992.0");
    expect_f64(0.00001, "0.00001");
    expect_f64(0.00001234, "0.00001234");
    expect_f64(0.000001, "1e-6");
    expect_f64(1.5e-7, "1.5e-7");
    expect_f64(0x1p-44, "5.684341886080802e-14");
    expect_f64(0x1p-1074, "5e-324");
    expect_f64(0x1p-1022, "2.2250738585072014e-308");
    expect_f64(0x0.fffffffffffffp-1022, "2.225073858507201e-308");
    expect_f64(0x1.fffffffffffffp1023, "1.7976931348623157e308");
    expect_f64(-0x1.fffffffffffffp1023, "-1.7976931348623157e308");
    expect_f64(9.5e-322, "9.5e-322");
    expect_f64(2e-323, "2e-323");
    char text[MR_F64_TEXT_MAX];
    MR_EXPECT_U64(mr_format_f64(text, (double)INFINITY), ==, 0);
    MR_EXPECT_U64(mr_format_f64(text, (double)NAN), ==, 0);
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static size_t significant_digits(const char *text, size_t len)
{
    size_t count = 0, zeros = 0;
    for (size_t i = 0; i < len && text[i] != 'e'; i++) {
        if (text[i] < '0' || text[i] > '9' || (count == 0 && text[i] == '0')) continue;
        zeros = text[i] == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

/* Reads back, by us and by the C library, and the nearest text with a digit less does not. */
static void expect_shortest(double value)
{
    char text[MR_F64_TEXT_MAX + 1], fewer[64];
    double back = 1;
    const size_t len = mr_format_f64(text, value);
    text[len] = 0;
    if (len == 0 || bits_of(strtod(text, NULL)) != bits_of(value) ||
        !mr_parse_f64((mr_slice){text, len}, &back) || bits_of(back) != bits_of(value))
        MR_TEST_FAIL("%.17g became %s\n", value, text);
    if (strchr(text, '.') == NULL && strchr(text, 'e') == NULL)
        MR_TEST_FAIL("%s is no float\n", text);
    const size_t digits = significant_digits(text, len);
    if (digits < 2) return;
    snprintf(fewer, sizeof fewer, "%.*e", (int)digits - 2, value);
    if (strtod(fewer, NULL) == value) MR_TEST_FAIL("%s is longer than %s\n", text, fewer);
}

MR_TEST(random_floats_read_back_and_are_shortest)
{
    for (int i = 0; i < 30000; i++) {
        const double value = double_of(next_random());
        if (isfinite(value) && value != 0) expect_shortest(value);
    }
    for (int i = 0; i < 100000; i++) {
        const double cents = (double)(int64_t)(next_random() >> (next_random() % 50 + 12));
        expect_shortest((cents + 1) / 100);
    }
    for (int power = -1074; power < 1024; power++) {
        const double value = ldexp(1, power);
        expect_shortest(value);
        if (power > -1074) expect_shortest(nextafter(value, 0));
        expect_shortest(nextafter(value, 2 * value));
    }
}

MR_TEST(only_the_grammar_of_json_numbers_is_read_as_a_float)
{
    static const char *const good[] = {"0",   "-0",   "1",    "10",  "0.5",    "-0.5",  "1e5",
                                       "1E5", "1e+5", "1e-5", "0e0", "0.0e00", "12.50", "1e007"};
    static const char *const bad[] = {"",       "-",
                                      "+1",     "01",
                                      ".5",     "5.",
                                      "1.e5",   "1e",
                                      "1e+",    " 1",
                                      "1 ",     "0x1",
                                      "inf",    "nan",
                                      "NaN",    "Infinity",
                                      "1,5",    "1.2.3",
                                      "--1",    "1e5.",
                                      "1f",     "00",
                                      "-01.5",  "1e400",
                                      "-1e400", "1e99999999999999999999"};
    double value;
    for (size_t i = 0; i < MR_COUNT_OF(good); i++) {
        if (!mr_parse_f64(mr_slice_text(good[i]), &value)) MR_TEST_FAIL("%s is refused\n", good[i]);
        if (bits_of(value) != bits_of(strtod(good[i], NULL)))
            MR_TEST_FAIL("%s is read wrong\n", good[i]);
    }
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        value = 42;
        if (mr_parse_f64(mr_slice_text(bad[i]), &value))
            MR_TEST_FAIL("\"%s\" is accepted\n", bad[i]);
        MR_EXPECT(value == 42);
    }
    MR_EXPECT(!mr_parse_f64(MR_SLICE("1\0"), &value));
}

MR_TEST(floats_of_any_length_are_rounded_once)
{
    static const struct {
        const char *text;
        double value;
    } rows[] = {
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000000000000000000000000000000000001", 9007199254740994.0},
        {"1e23", 1e23},
        {"2.2250738585072012e-308", 0x1p-1022},
        {"4.9406564584124654e-324", 0x1p-1074},
        {"2.4703282292062327e-324", 0.0},
        {"2.4703282292062328e-324", 0x1p-1074},
        {"1e-400", 0.0},
        {"1e-99999999999999999999", 0.0},
        {"0e99999999999999999999", 0.0},
        {"1.7976931348623158e308", 0x1.fffffffffffffp1023},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        double value = 42;
        if (!mr_parse_f64(mr_slice_text(rows[i].text), &value) ||
            bits_of(value) != bits_of(rows[i].value))
            MR_TEST_FAIL("%s became %a\n", rows[i].text, value);
    }
    double value = 0;
    MR_EXPECT(mr_parse_f64(MR_SLICE("-1e-400"), &value) && bits_of(value) == bits_of(-0.0));
    MR_EXPECT(!mr_parse_f64(MR_SLICE("1.7976931348623159e308"), &value));

    /* Half of the way between 1 and the next double, then many zeros, then something. */
    const char *half = "1.00000000000000011102230246251565404236316680908203125";
    const size_t half_len = strlen(half), len = 5000;
    char *text = mr_mem_alloc(len);
    memset(text, '0', len);
    memcpy(text, half, half_len);
    MR_EXPECT(mr_parse_f64((mr_slice){text, len}, &value) && value == 1.0);
    text[len - 1] = '1';
    MR_EXPECT(mr_parse_f64((mr_slice){text, len}, &value) && value == 1.0 + 0x1p-52);
    memset(text, '0', len);
    text[1] = '.';
    memcpy(text + len - 6, "1e4995", 6);
    MR_EXPECT(mr_parse_f64((mr_slice){text, len}, &value) && value == 100.0);
    mr_mem_free(text);
}

MR_TEST(random_float_texts_agree_with_the_c_library)
{
    char text[80];
    for (int i = 0; i < 100000; i++) {
        const int exponent = (int)(next_random() % 700) - 350;
        const int len =
            snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64 "e%d", random_of_any_size(),
                     random_of_any_size(), (i & 1) != 0 ? exponent : exponent % 25);
        double value = 0;
        const double wanted = strtod(text, NULL);
        const bool ok = mr_parse_f64((mr_slice){text, (size_t)len}, &value);
        if (ok != (bool)isfinite(wanted) || (ok && bits_of(value) != bits_of(wanted)))
            MR_TEST_FAIL("%s became %a, not %a\n", text, value, wanted);
    }
}

MR_TEST(a_locale_with_a_decimal_comma_changes_nothing)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) return; /* not installed here */
    char text[MR_F64_TEXT_MAX];
    double value = 0;
    const size_t len = mr_format_f64(text, 0.1 + 0.2);
    const bool ok = mr_parse_f64(MR_SLICE("0.30000000000000004"), &value);
    setlocale(LC_NUMERIC, "C");
    MR_EXPECT_SLICE(((mr_slice){text, len}), "0.30000000000000004");
    MR_EXPECT(ok && value == 0.1 + 0.2);
}

/* --- decimals
 * ------------------------------------------------------------------------------------- */

MR_TEST(decimals_survive_text)
{
    static const char *const texts[] = {
        "0",
        "1",
        "-1",
        "12.34",
        "-12.34",
        "0.5",
        "-0.5",
        "0.00",
        "0.05",
        "10.00",
        "100000000000.25",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999999999999999",
        "-99999999999999999999999999999999999999",
        "1234567890123456789.0123456789012345678",
        "0.0000000000000000000000000000000000001",
        "-9.9999999999999999999999999999999999999",
        "1000000000000000000.0000000000000000000",
    };
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++) {
        char text[MR_DECIMAL_TEXT_MAX];
        mr_i128 value;
        unsigned scale;
        if (!mr_parse_decimal(mr_slice_text(texts[i]), &value, &scale))
            MR_TEST_FAIL("%s\n", texts[i]);
        const size_t len = mr_format_decimal(text, value, scale);
        MR_EXPECT_SLICE(((mr_slice){text, len}), texts[i]);
    }
}

MR_TEST(decimals_that_would_be_written_otherwise_are_refused)
{
    static const char *const texts[] = {
        "",
        "-",
        ".",
        ".5",
        "5.",
        "-.5",
        "-5.",
        "00",
        "01.5",
        "-0",
        "-0.0",
        "-0.00",
        "1e5",
        "0x1F",
        "NaN",
        "inf",
        "+1.5",
        " 1.5",
        "1.5 ",
        "1..5",
        "1.2.3",
        "1,5",
        "1.-5",
        "--1.5",
        "999999999999999999999999999999999999999",
        "0.00000000000000000000000000000000000001",
        "1.\xb5",
        "123456789012345678901234567890.1234567890",
    };
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++) {
        mr_i128 value;
        unsigned scale;
        if (mr_parse_decimal(mr_slice_text(texts[i]), &value, &scale))
            MR_TEST_FAIL("\"%s\" is accepted\n", texts[i]);
    }
}

/* One digit at a time. */
static size_t twin_decimal(char *out, mr_i128 value, unsigned scale)
{
    char reversed[64];
    size_t count = 0, len = 0;
    const bool negative = value < 0;
    mr_u128 rest = negative ? 0 - (mr_u128)value : (mr_u128)value;
    while (rest != 0 || count <= scale) {
        if (count == scale && scale > 0) reversed[len++] = '.';
        reversed[len++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
        count++;
    }
    if (negative) reversed[len++] = '-';
    for (size_t i = 0; i < len; i++)
        out[i] = reversed[len - 1 - i];
    return len;
}

MR_TEST(decimals_of_every_size_and_scale_agree_with_the_slow_twin)
{
    for (int i = 0; i < 300000; i++) {
        char text[MR_DECIMAL_TEXT_MAX], wanted[MR_DECIMAL_TEXT_MAX];
        const mr_u128 bits = (mr_u128)next_random() << 64 | next_random();
        const mr_i128 value = (mr_i128)bits >> (next_random() % 128);
        const unsigned scale = (unsigned)(next_random() % (MR_DECIMAL_DIGITS_MAX + 1));
        const size_t len = mr_format_decimal(text, value, scale);
        const size_t wanted_len = twin_decimal(wanted, value, scale);
        if (len != wanted_len || memcmp(text, wanted, len) != 0)
            MR_TEST_FAIL("%.*s became %.*s\n", (int)wanted_len, wanted, (int)len, text);
        mr_i128 back = 0;
        unsigned back_scale = 0;
        const size_t digits = len - (value < 0) - (scale > 0);
        const bool wanted_ok = digits <= 38 && !(value == 0 && text[0] == '-');
        const bool ok = mr_parse_decimal((mr_slice){text, len}, &back, &back_scale);
        if (ok != wanted_ok || (ok && (back != value || back_scale != scale)))
            MR_TEST_FAIL("%.*s is read wrong\n", (int)len, text);
    }
}

/* --- units
 * ---------------------------------------------------------------------------------------- */

MR_TEST(durations_are_read_exactly_or_refused)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"0", 0},
        {"1500", 1500},
        {"10s", 10000000000},
        {"1m30s", 90000000000},
        {"250ms", 250000000},
        {"1h", 3600000000000},
        {"1.5h", 5400000000000},
        {"7us", 7000},
        {"7\xc2\xb5s", 7000},
        {"7\xce\xbcs", 7000},
        {"3ns", 3},
        {"2d12h", 216000000000000},
        {"1h0m0.5s", 3600500000000},
        {"0s", 0},
        {"1m1ms", 60001000000},
        {"0.25us", 250},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775807ns", INT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "-1s",
                                      "+1s",
                                      "s",
                                      "10",
                                      "1.5",
                                      "10 s",
                                      " 10s",
                                      "10s ",
                                      "1s1m",
                                      "1s1s",
                                      "1.5m1s",
                                      "1.s",
                                      ".5s",
                                      "1x",
                                      "0.3ns",
                                      "1e3s",
                                      "9223372036854775808",
                                      "9223372036854775808ns",
                                      "106752d",
                                      "99999999999999999999s",
                                      "1us1\xc2\xb5s",
                                      "1S",
                                      "0.00000000000000000001d"};
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        int64_t ns = -1;
        if (!mr_parse_duration(mr_slice_text(rows[i].text), &ns))
            MR_TEST_FAIL("%s\n", rows[i].text);
        MR_EXPECT_I64(ns, ==, rows[i].ns);
    }
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        int64_t ns = -1;
        if (strcmp(bad[i], "10") == 0) continue; /* nanoseconds */
        if (mr_parse_duration(mr_slice_text(bad[i]), &ns) || ns != -1)
            MR_TEST_FAIL("\"%s\" is accepted\n", bad[i]);
    }
}

MR_TEST(sizes_are_read_exactly_or_refused)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"4096", 4096},
        {"7B", 7},
        {"512K", 524288},
        {"512Ki", 524288},
        {"64MiB", 67108864},
        {"64 MiB", 67108864},
        {"64mib", 67108864},
        {"10MB", 10000000},
        {"10kB", 10000},
        {"1.5GiB", 1610612736},
        {"2T", UINT64_C(2199023255552)},
        {"1PB", UINT64_C(1000000000000000)},
        {"0.5K", 512},
        {"16383P", UINT64_C(16383) << 50},
        {"18446744073709551615", UINT64_MAX},
        {"3tb", UINT64_C(3000000000000)},
    };
    static const char *const bad[] = {"",     "B",    "-1",      "+1K",    "007",
                                      "1.5",  "1.5B", "64  MiB", "64 ",    " 64",
                                      "1KB ", "1X",   "1KiBB",   "16384P", "18446744073709551616",
                                      "1e3",  "1.K",  ".5K",     "0.3K"};
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        uint64_t bytes = 1;
        if (!mr_parse_size(mr_slice_text(rows[i].text), &bytes)) MR_TEST_FAIL("%s\n", rows[i].text);
        MR_EXPECT_U64(bytes, ==, rows[i].bytes);
    }
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        uint64_t bytes = 1;
        if (mr_parse_size(mr_slice_text(bad[i]), &bytes) || bytes != 1)
            MR_TEST_FAIL("\"%s\" is accepted\n", bad[i]);
    }
}

MR_TEST(durations_and_sizes_read_well)
{
    static const struct {
        int64_t ns;
        const char *text;
    } durations[] = {
        {0, "0ns"},
        {850, "850ns"},
        {999, "999ns"},
        {1000, "1.0us"},
        {12340, "12.3us"},
        {999949, "999.9us"},
        {999950, "1.0ms"},
        {250000000, "250.0ms"},
        {1500000000, "1.5s"},
        {59900000000, "59.9s"},
        {59960000000, "1m00s"},
        {90000000000, "1m30s"},
        {7500000000000, "2h05m"},
        {273600000000000, "3d04h"},
        {-1500, "-1.5us"},
        {INT64_MAX, "106752d00h"},
        {INT64_MIN, "-106752d00h"},
        {3599600000000, "1h00m"},
    };
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0 B"},
        {812, "812 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {65536, "64.0 KiB"},
        {1048575, "1.0 MiB"},
        {1610612736, "1.5 GiB"},
        {UINT64_MAX, "16.0 EiB"},
        {1048524, "1023.9 KiB"},
    };
    char text[MR_UNIT_TEXT_MAX];
    for (size_t i = 0; i < MR_COUNT_OF(durations); i++) {
        const size_t len = mr_format_duration(text, durations[i].ns);
        MR_EXPECT_SLICE(((mr_slice){text, len}), durations[i].text);
    }
    for (size_t i = 0; i < MR_COUNT_OF(sizes); i++) {
        const size_t len = mr_format_size(text, sizes[i].bytes);
        MR_EXPECT_SLICE(((mr_slice){text, len}), sizes[i].text);
    }
}

MR_TEST(number_conversions_allocate_nothing)
{
    char text[MR_DECIMAL_TEXT_MAX];
    double value = 0;
    mr_i128 wide;
    unsigned scale;
    MR_EXPECT(mr_format_f64(text, 0.1 + 0.2) > 0); /* warm: the C library's own tables */
    MR_EXPECT(mr_parse_f64(MR_SLICE("0.30000000000000004"), &value));
    const uint64_t before = mr_test_malloc_count();
    for (int i = 0; i < 1000; i++) {
        const size_t len = mr_format_f64(text, value * i);
        MR_EXPECT(mr_parse_f64((mr_slice){text, len}, &value) || i == 0);
        value = 0.1 + 0.2 + i;
        MR_EXPECT(mr_parse_decimal(MR_SLICE("-1234567890123456789012.5"), &wide, &scale));
        MR_EXPECT_U64(mr_format_decimal(text, wide, scale), ==, 25);
    }
    MR_EXPECT_U64(mr_test_malloc_count() - before, ==, 0);
}
