/* SPDX-License-Identifier: MIT */
#include "store/token.h"

#include "support/test.h"

#define ZEROS      "0000000000000000000000000000000000000000000000000000000000000000"
#define HEX        "0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789"
#define ZERO_TOKEN "ns_ZGVmYXVsdA_" ZEROS

static const struct {
    const char *token, *id;
} good[] = {
    {ZERO_TOKEN, "default"},
    {"ns_dGVuYW50LWE_" HEX, "tenant-a"},
    {"ns_YQ_" ZEROS, "a"},
    {"ns_YWI_" ZEROS, "ab"},
    {"ns_YWJj_" ZEROS, "abc"},
    {"ns_Pz8_Pz8__" ZEROS, "?????\x3f"}, /* '_' is a digit of base64url too */
    {"ns_w7_Dvw_" ZEROS, "\xc3\xbf\xc3\xbf"},
};

static const char *const bad[] = {
    "",
    "ns",
    "ns_",
    "ns__",
    "ns_ZGVmYXVsdA",
    "ns_ZGVmYXVsdA_",
    "ns_ZGVmYXVsdA_000",
    "ns_ZGVmYXVsdA_0" ZEROS,
    "ns__" ZEROS,
    "ns_ZGVmYXVsdA==_" ZEROS,
    "ns_ZGVm+XVsdA_" ZEROS,
    "ns_ZGVm/XVsdA_" ZEROS,
    "ns_ZGVmY_" ZEROS, /* one digit left over is no byte */
    "NS_ZGVmYXVsdA_" ZEROS,
    "xs_ZGVmYXVsdA_" ZEROS,
    "ns_ZGVmYXVsdA_000000000000000000000000000000000000000000000000000000000000000g",
    "ns_ZGVmYXVsdA-" ZEROS,
    " " ZERO_TOKEN,
    ZERO_TOKEN " ",
};

MR_TEST(a_token_names_its_namespace)
{
    mr_error err = {0};
    for (size_t i = 0; i < MR_COUNT_OF(good); i++) {
        char id[MR_SPACE_ID_MAX];
        size_t len = 0;
        MR_EXPECT_OK(mr_token_parse(mr_slice_text(good[i].token), id, &len, &err));
        MR_EXPECT_SLICE(mr_slice_of(id, len), good[i].id);
    }
}

MR_TEST(what_is_not_a_token_is_refused_without_quoting_it)
{
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        mr_error err = {0};
        char id[MR_SPACE_ID_MAX];
        size_t len = 77;
        MR_EXPECT_CODE(mr_token_parse(mr_slice_text(bad[i]), id, &len, &err), MR_ERR_INPUT);
        MR_EXPECT(strstr(err.text, "ZGV") == NULL);
        MR_EXPECT_U64(len, ==, 77);
    }
}

MR_TEST(a_made_token_parses_and_none_is_like_another)
{
    char bytes[MR_SPACE_ID_MAX];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 + 1);
    for (size_t len = 1; len <= MR_SPACE_ID_MAX; len++) {
        mr_error err = {0};
        char token[MR_TOKEN_TEXT_MAX], other[MR_TOKEN_TEXT_MAX], id[MR_SPACE_ID_MAX];
        size_t id_len = 0;
        const size_t token_len = mr_token_make((mr_slice){bytes, len}, token);
        MR_EXPECT_U64(token_len, ==, 3 + (len * 4 + 2) / 3 + 65);
        MR_EXPECT_U64(mr_token_make((mr_slice){bytes, len}, other), ==, token_len);
        MR_EXPECT(memcmp(token, other, token_len) != 0);
        MR_EXPECT_OK(mr_token_parse((mr_slice){token, token_len}, id, &id_len, &err));
        MR_EXPECT(mr_slice_equal((mr_slice){id, id_len}, (mr_slice){bytes, len}));
    }
}

MR_TEST(a_namespace_longer_than_allowed_does_not_fit_a_token)
{
    char token[3 + 400 + 65];
    memcpy(token, "ns_", 3);
    for (size_t digits = 266; digits <= 400; digits++) {
        mr_error err = {0};
        char id[MR_SPACE_ID_MAX];
        size_t len;
        memset(token + 3, 'A', digits);
        memcpy(token + 3 + digits, "_" ZEROS, 65);
        const mr_slice text = {token, 3 + digits + 65};
        const bool fits = digits <= 267;
        MR_EXPECT_I64(mr_token_parse(text, id, &len, &err), ==, fits ? MR_OK : MR_ERR_INPUT);
    }
}

MR_TEST(the_hash_is_the_sha256_of_the_whole_text)
{
    static const char zero_hash[] =
        "6fefedfc989ca8bea8ce1b63672607c06fbd0d8b3c0667164cf4f5a02911fb52";
    char hash[MR_TOKEN_HASH_MAX];
    mr_token_hash(MR_SLICE(ZERO_TOKEN), hash);
    MR_EXPECT_TEXT(hash, zero_hash);
    MR_EXPECT(mr_token_matches(MR_SLICE(ZERO_TOKEN), zero_hash));
    MR_EXPECT(!mr_token_matches(MR_SLICE(ZERO_TOKEN " "), zero_hash));
    for (size_t i = 0; i < MR_TOKEN_HASH_MAX - 1; i++) {
        memcpy(hash, zero_hash, sizeof hash);
        hash[i] ^= 1;
        MR_EXPECT(!mr_token_matches(MR_SLICE(ZERO_TOKEN), hash));
    }
}

MR_TEST(upper_case_in_the_secret_is_another_token)
{
    char hash[MR_TOKEN_HASH_MAX];
    mr_token_hash(MR_SLICE("ns_YQ_" HEX), hash);
    MR_EXPECT(!mr_token_matches(
        MR_SLICE("ns_YQ_0123456789abcdefabcdef0123456789abcdef0123456789abcdef0123456789"), hash));
}

MR_TEST(what_was_accepted_before_is_compared_as_strictly)
{
    char hash[MR_TOKEN_HASH_MAX], other[MR_TOKEN_HASH_MAX];
    char token[] = ZERO_TOKEN;
    mr_token_hash(MR_SLICE(ZERO_TOKEN), hash);
    mr_token_hash(MR_SLICE("ns_YQ_" ZEROS), other);
    for (int round = 0; round < 3; round++) {
        MR_EXPECT(mr_token_matches(MR_SLICE(ZERO_TOKEN), hash));
        MR_EXPECT(!mr_token_matches(MR_SLICE(ZERO_TOKEN), other)); /* after a rotation */
        MR_EXPECT(!mr_token_matches(MR_SLICE("ns_YQ_" ZEROS), hash));
        MR_EXPECT(mr_token_matches(MR_SLICE("ns_YQ_" ZEROS), other));
        for (size_t i = 0; i < sizeof token - 1; i++) {
            token[i] ^= 1;
            MR_EXPECT(!mr_token_matches((mr_slice){token, sizeof token - 1}, hash));
            token[i] ^= 1;
        }
        MR_EXPECT(!mr_token_matches((mr_slice){token, sizeof token - 2}, hash));
        MR_EXPECT(!mr_token_matches((mr_slice){token, 0}, hash));
    }
}

static const struct {
    const char *id;
    bool fits;
} ids[] = {
    {"default", true},
    {"tenant/123", true},
    {"../x", true}, /* storage escapes names */
    {"test-write-001-1712-ab1c2d", true},
    {"\xc3\xa9 \xf0\x9f\x9a\x80", true},
    {"\xc2\xa0", true},
    {"", false},
    {"a\nb", false},
    {"\x7f", false},
    {"\xc2\x85", false},
    {"\xc3", false},
    {"\xff", false},
};

MR_TEST(a_namespace_id_is_text_without_control_characters)
{
    mr_error err = {0};
    char long_id[MR_SPACE_ID_MAX + 1];
    memset(long_id, 'n', sizeof long_id);
    for (size_t i = 0; i < MR_COUNT_OF(ids); i++)
        MR_EXPECT_I64(mr_space_id_check(mr_slice_text(ids[i].id), &err), ==,
                      ids[i].fits ? MR_OK : MR_ERR_INPUT);
    MR_EXPECT_CODE(mr_space_id_check((mr_slice){"a\0b", 3}, &err), MR_ERR_INPUT);
    MR_EXPECT_OK(mr_space_id_check((mr_slice){long_id, MR_SPACE_ID_MAX}, &err));
    MR_EXPECT_CODE(mr_space_id_check((mr_slice){long_id, sizeof long_id}, &err), MR_ERR_INPUT);
}

MR_TEST(checking_a_token_allocates_nothing)
{
    char hash[MR_TOKEN_HASH_MAX], id[MR_SPACE_ID_MAX];
    size_t len;
    mr_error err;
    mr_token_hash(MR_SLICE(ZERO_TOKEN), hash);
    const uint64_t before = mr_test_malloc_count();
    for (int i = 0; i < 100; i++) {
        MR_EXPECT_OK(mr_token_parse(MR_SLICE(ZERO_TOKEN), id, &len, &err));
        MR_EXPECT(mr_token_matches(MR_SLICE(ZERO_TOKEN), hash));
    }
    MR_EXPECT_U64(mr_test_malloc_count() - before, ==, 0);
}
