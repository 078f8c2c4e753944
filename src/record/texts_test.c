/* SPDX-License-Identifier: MIT */
#include "record/column.h"
#include "record/texts.h"

#include "support/test.h"

static mr_error err;
static mr_texts_encoder encoder;
static mr_texts_reader reader;
static mr_column given, got;
static mr_buffer sealed, scratch;
static uint64_t random_state = 1;

static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33 ^ random_state << 20;
}

static unsigned next_random32(void)
{
    return (unsigned)next_random();
}

static void start(void)
{
    mr_buffer_init(&sealed, "sealed", UINT32_MAX);
    mr_buffer_init(&scratch, "scratch", UINT32_MAX);
    MR_EXPECT_OK(mr_column_reserve_rows(&given, 65536, &err));
    MR_EXPECT_OK(mr_column_reserve_rows(&got, 65536, &err));
}

static void finish(void)
{
    mr_texts_encoder_done(&encoder);
    mr_texts_reader_done(&reader);
    mr_column_done(&given);
    mr_column_done(&got);
    mr_buffer_done(&sealed);
    mr_buffer_done(&scratch);
}

static void expect_same(uint32_t row, mr_slice text)
{
    if (!mr_slice_equal(text, mr_column_text(&given, row)))
        MR_TEST_FAIL("row %u: \"%.*s\" came back as \"%.*s\"\n", row,
                     MR_SLICE_ARGS(mr_column_text(&given, row)), MR_SLICE_ARGS(text));
}

static void read_range(const mr_texts *texts, uint32_t first, uint32_t count)
{
    mr_buffer_reset(&got.data);
    MR_EXPECT_OK(mr_texts_read(texts, first, count, &reader, &got, 0, &err));
    for (uint32_t i = 0; i < count; i++)
        expect_same(first + i, mr_column_text(&got, i));
}

/* Seals the first `count` given texts and reads them back in every way. */
static const mr_texts *round_trip(uint32_t count)
{
    const mr_texts_source source = {given.data.ptr, given.offsets, count};
    mr_buffer_reset(&sealed);
    MR_EXPECT_OK(mr_texts_seal(&encoder, &source, &sealed, &err));
    MR_EXPECT_U64(sealed.len % 8, ==, 0);
    const mr_texts *texts = (const mr_texts *)(const void *)sealed.ptr;
    for (uint32_t i = 0; i < count; i++) {
        mr_slice text;
        MR_EXPECT_OK(mr_texts_get(texts, i, &scratch, &text, &err));
        expect_same(i, text);
    }
    read_range(texts, 0, count);
    read_range(texts, count / 3, count - count / 3);
    read_range(texts, count / 2, count / 2 < 5 ? count / 2 : 5);
    return texts;
}

static void reset_given(void)
{
    mr_buffer_reset(&given.data);
}

static void give(uint32_t row, mr_slice text)
{
    MR_EXPECT_OK(mr_column_append(&given, row, text, &err));
}

static void give_format(uint32_t row, const char *format, ...) MR_PRINTF(2, 3);
static void give_format(uint32_t row, const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    give(row, (mr_slice){text, (size_t)len});
}

static void expect_form(uint32_t count, const char *kind, const char *ints, size_t most_bytes)
{
    const mr_texts *texts = round_trip(count);
    MR_EXPECT_TEXT(mr_texts_kind_name(texts), kind);

    MR_EXPECT_TEXT(mr_texts_ints_name(texts), ints);
    MR_EXPECT_U64(sealed.len, <=, most_bytes);
}

#define ROWS  20000u
#define HEADS 200u /* heads, affixes, padding */

#define GIVE_ROWS(...)                      \
    do {                                    \
        reset_given();                      \
        for (uint32_t i = 0; i < ROWS; i++) \
            give_format(i, __VA_ARGS__);    \
    } while (0)

MR_TEST(each_kind_of_column_gets_its_form_and_size)
{
    start();
    GIVE_ROWS("x%sy", "z");
    expect_form(ROWS, "constant", "", HEADS);
    GIVE_ROWS("%u", i * 3);
    expect_form(ROWS, "int", "linear", HEADS);
    GIVE_ROWS("user_%u", i);
    expect_form(ROWS, "affix", "linear", HEADS);
    GIVE_ROWS("user%u@example.com", 1000 + i);
    expect_form(ROWS, "affix", "linear", HEADS);
    GIVE_ROWS("SKU-%05u", i % 5000);
    expect_form(ROWS, "affix", "for", ROWS * 13 / 8 + HEADS);
    GIVE_ROWS("SKU-%03u", i % 5000);
    expect_form(ROWS, "affix", "for", ROWS * 13 / 8 + HEADS);
    GIVE_ROWS("%u.%02u", (unsigned)next_random() % 1000, (unsigned)next_random() % 100);
    expect_form(ROWS, "decimal", "for", ROWS * 17 / 8 + HEADS);
    GIVE_ROWS("$%u.%02u", (unsigned)next_random() % 1000, (unsigned)next_random() % 100);
    expect_form(ROWS, "decimal", "for", ROWS * 17 / 8 + HEADS);
    GIVE_ROWS("%s", i % 3 == 0 ? "true" : "false");
    expect_form(ROWS, "bool", "for", ROWS / 8 + HEADS);
    GIVE_ROWS("2024-02-%02uT%02u:00:%02u.5+02:00", i / 1000 + 1, i / 50 % 24, i % 60);
    expect_form(ROWS, "timestamp", "linear", ROWS * 18 / 8 + HEADS);
    GIVE_ROWS("20%02u-02-28", (unsigned)next_random() % 100);
    expect_form(ROWS, "date", "dict", ROWS * 7 / 8 + 400 + HEADS);
    GIVE_ROWS("%s", i % 4 == 0 ? "New York" : i % 4 == 1 ? "Paris" : i % 4 == 2 ? "" : "\xff\xfe");
    expect_form(ROWS, "dictionary", "for", ROWS / 4 + 2 * HEADS);
    GIVE_ROWS("%s", i < 300 ? "pending" : i < 9000 ? "shipped" : "delivered");
    expect_form(ROWS, "dictionary", "runs", 3 * HEADS);
    GIVE_ROWS("%08x-0123-4567-89ab-%012x", (unsigned)next_random(), i);
    expect_form(ROWS, "uuid", "", ROWS * 16 + HEADS);
    GIVE_ROWS("%08x%08xq", next_random32(), next_random32());
    expect_form(ROWS, "symbols", "delta", ROWS * 10 + 4000);
    GIVE_ROWS("http://a.org/%x/", next_random32());
    expect_form(ROWS, "symbols", "delta", ROWS * 6 + 4000);
    GIVE_ROWS("The %s %s over the %s, said %x.", next_random() % 2 ? "quick" : "lazy",
              next_random() % 2 ? "fox" : "jumped", next_random() % 2 ? "fence" : "river",
              (unsigned)next_random() % 4096);
    expect_form(ROWS, "symbols", "delta", ROWS * 10 + 4000);
    reset_given();
    for (uint32_t i = 0; i < ROWS; i++) {
        const uint64_t noise[2] = {next_random(), next_random()};
        give(i, (mr_slice){(const char *)noise, sizeof noise});
    }
    expect_form(ROWS, "plain", "linear", ROWS * 16 + HEADS);
    finish();
}

MR_TEST(decimals_of_several_scales_keep_their_zeros)
{
    start();
    reset_given();
    for (uint32_t i = 0; i < ROWS; i++) {
        const unsigned whole = (unsigned)next_random() % 90000 + 1;
        char text[32];
        switch (i % 4) {
        case 0: snprintf(text, sizeof text, "%u.%u", whole, i % 10); break;
        case 1: snprintf(text, sizeof text, "%u.%u0", whole, i % 10); break;
        case 2: snprintf(text, sizeof text, "-%u.%u1", whole, i % 10); break;
        default: snprintf(text, sizeof text, "%u%u", whole, i % 10); break;
        }
        give(i, mr_slice_text(text));
    }
    expect_form(ROWS, "decimals", "for", ROWS * 29 / 8 + HEADS);
    finish();
}

MR_TEST(one_misfit_anywhere_changes_nothing_but_the_size)
{
    static const char *const misfits[] = {
        "007",        "-0",    "+5", "", "1.10", "1.1", "N/A", "-0.0", "99999999999999999999",
        "2024-02-30", "true ", "\0"};
    static const char *const formats[] = {"%u", "%u.5", "k%u", "2024-01-01T00:00:%02u", "%05u"};
    start();
    for (size_t f = 0; f < MR_COUNT_OF(formats); f++) {
        for (size_t m = 0; m < MR_COUNT_OF(misfits); m++) {
            for (uint32_t at = 0; at < 100; at += 33) {
                reset_given();
                for (uint32_t i = 0; i < 100; i++) {
                    if (i == at) {
                        give(i, mr_slice_text(misfits[m]));
                        continue;
                    }
                    switch (f) {
                    case 0: give_format(i, "%u", i % 60); break;
                    case 1: give_format(i, "%u.5", i); break;
                    case 2: give_format(i, "k%u", i); break;
                    case 3: give_format(i, "2024-01-01T00:00:%02u", i % 60); break;
                    default: give_format(i, "%05u", i); break;
                    }
                }
                round_trip(100);
            }
        }
    }
    finish();
}

/* A text of one of many shapes. */
static size_t random_text(char *to, size_t room, int shape)
{
    const uint64_t r = next_random();
    size_t len = 0;
    switch (shape) {
    case 0: return (size_t)snprintf(to, room, "%lld", (long long)(r ^ r << 31));
    case 1: return (size_t)snprintf(to, room, "%0*u", (int)(r % 4 + 1), (unsigned)(r >> 8) % 1000);
    case 2: return (size_t)snprintf(to, room, "a%ub", (unsigned)(r % 100));
    case 3: return (size_t)snprintf(to, room, "%d.%u", (int)(r % 20) - 10, (unsigned)(r >> 8) % 20);
    case 4:
        return (size_t)snprintf(to, room, "%04u-%02u-%02u", (unsigned)(r % 9999),
                                (unsigned)(r >> 20) % 13, (unsigned)(r >> 30) % 32);
    case 5: return (size_t)snprintf(to, room, "%s", r % 2 ? "true" : "false");
    case 6: return (size_t)snprintf(to, room, "%.*s", (int)(r % 5), "aaaaa");
    default:
        len = r % 40;
        for (size_t i = 0; i < len; i++)
            to[i] = (char)next_random();
        return len;
    }
}

MR_TEST(random_columns_of_every_length_read_back)
{
    char text[128];
    start();
    for (uint32_t count = 1; count <= 200; count++) {
        for (int shape = 0; shape < 10; shape++) {
            reset_given();
            for (uint32_t i = 0; i < count; i++) {
                const int used = shape < 8 ? shape : shape == 8 ? (int)(next_random() % 8) : 0;
                give(i, (mr_slice){text, random_text(text, sizeof text, used)});
            }
            round_trip(count);
        }
    }
    finish();
}

/* Texts that end where a symbol would go on, bytes of 0 and 255, escapes. */
MR_TEST(symbols_never_reach_beyond_their_text)
{
    char text[64];
    start();
    for (int round = 0; round < 20; round++) {
        reset_given();
        for (uint32_t i = 0; i < 3000; i++) {
            size_t len = 0;
            const size_t wanted = next_random() % 40;
            while (len < wanted) {
                const char *piece = next_random() % 3 == 0   ? "abcabcab"
                                    : next_random() % 2 == 0 ? "\xff\xff\0\0\0\0\0\0"
                                                             : "xyzxyz\0\0";
                memcpy(text + len, piece, 8);
                len += 8;
            }
            const uint64_t noise = next_random(); /* or a dictionary would be smaller */
            memcpy(text + next_random() % 8, &noise, 3);
            give(i, (mr_slice){text, wanted});
        }
        const mr_texts *texts = round_trip(3000);
        MR_EXPECT_TEXT(mr_texts_kind_name(texts), "symbols");
    }
    finish();
}

MR_TEST(huge_texts_read_back)
{
    start();
    reset_given();
    char *huge = mr_mem_alloc(1 << 20);
    for (uint32_t i = 0; i < 20; i++) {
        memset(huge, (int)('a' + i % 3), 1 << 20);
        huge[next_random() % (1 << 20)] = '\0';
        give(i, (mr_slice){huge, (1 << 20) - i % 2});
    }
    mr_mem_free(huge);
    round_trip(20);
    finish();
}
