/* SPDX-License-Identifier: MIT */
#include "store/name.h"

#include "support/test.h"

#define ABSENT "(absent)"

static const struct {
    const char *name, *category, *id, *cardinal_id;
    bool is_category;
} names[] = {
    {"account", "account", ABSENT, ABSENT, true},
    {"account-123", "account", "123", "123", false},
    {"account-123+456", "account", "123+456", "123", false},
    {"account-a-b", "account", "a-b", "a-b", false},
    {"account-a+b-c+d", "account", "a+b-c+d", "a", false},
    {"account-", "account", "", "", false},
    {"a-+x", "a", "+x", "", false},
    {"-x", "", "x", "x", false},
    {"a+b", "a+b", ABSENT, ABSENT, true},
    {"order:command-1", "order:command", "1", "1", false},
    {"-", "", "", "", false},
    {"+", "+", ABSENT, ABSENT, true},
    {"", "", ABSENT, ABSENT, true},
};

MR_TEST(names_are_taken_apart_as_the_specification_says)
{
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        const mr_slice name = mr_slice_text(names[i].name);
        mr_slice id = MR_SLICE(ABSENT), cardinal_id = MR_SLICE(ABSENT);
        MR_EXPECT_SLICE(mr_stream_category(name), names[i].category);
        MR_EXPECT(mr_stream_id(name, &id) == !names[i].is_category);
        MR_EXPECT_SLICE(id, names[i].id);
        MR_EXPECT(mr_stream_cardinal_id(name, &cardinal_id) == !names[i].is_category);
        MR_EXPECT_SLICE(cardinal_id, names[i].cardinal_id);
        MR_EXPECT(mr_stream_is_category(name) == names[i].is_category);
    }
}

MR_TEST(parts_are_borrowed_from_the_name)
{
    const mr_slice name = MR_SLICE("account-12+3");
    mr_slice part;
    MR_EXPECT(mr_stream_category(name).ptr == name.ptr);
    MR_EXPECT(mr_stream_id(name, &part) && part.ptr == name.ptr + 8);
    MR_EXPECT(mr_stream_cardinal_id(name, &part) && part.ptr == name.ptr + 8);
}

MR_TEST(a_name_is_1_to_1024_bytes_of_utf8_without_nul)
{
    char text[MR_STREAM_NAME_MAX + 1];
    mr_error err = {0};
    memset(text, 'x', sizeof text);
    MR_EXPECT_OK(mr_stream_name_check((mr_slice){text, 1}, "stream name", &err));
    MR_EXPECT_OK(mr_stream_name_check((mr_slice){text, MR_STREAM_NAME_MAX}, "stream name", &err));
    MR_EXPECT_CODE(mr_stream_name_check((mr_slice){text, 0}, "stream name", &err), MR_ERR_INPUT);
    MR_EXPECT_TEXT(err.text, "stream name must not be empty");
    MR_EXPECT_CODE(mr_stream_name_check((mr_slice){text, sizeof text}, "category", &err),
                   MR_ERR_INPUT);
    MR_EXPECT_TEXT(err.text, "category must not be longer than 1024 bytes, found 1025");
    MR_EXPECT_CODE(mr_stream_name_check((mr_slice){"a\0b", 3}, "stream name", &err), MR_ERR_INPUT);
    MR_EXPECT_CODE(mr_stream_name_check(MR_SLICE("a\xff"), "stream name", &err), MR_ERR_INPUT);
    MR_EXPECT_OK(mr_stream_name_check(MR_SLICE("\xc3\xa9-\xf0\x9f\x9a\x80"), "stream name", &err));
}

static const struct {
    const char *text;
    uint64_t hex;
    int64_t hash;
    int64_t mod2, mod3, mod4, mod8, mod16;
} hashes[] = {
    {"1", 0xc4ca4238a0b92382, -4266524885998034046, 0, 0, 2, 6, 14},
    {"2", 0xc81e728d9d4c2f63, -4026655064267673757, 1, 1, 1, 5, 13},
    {"3", 0xeccbc87e4b5ce2fe, -1383792015730482434, 0, 2, 2, 2, 2},
    {"4", 0xa87ff679a2f3e71d, -6305049951010035939, 1, 0, 3, 3, 3},
    {"123", 0x202cb962ac59075b, 2318431741638412123, 1, 1, 3, 3, 11},
    {"a1b2c3d4", 0x22c14f311a60486b, 2504369940109215851, 1, 2, 3, 3, 11},
    {"5eb2a97f-84d9-4ccf-8a56-7160338b11e2", 0xe8d5d83b78d516e6, -1669190336928999706, 0, 1, 2, 2,
     10},
    {"\xc3\xa9", 0x66ddcd97cfdeabb2, 7412306613632936882, 0, 2, 2, 2, 2},
    {"", 0xd41d8cd98f00b204, -3162216497309240828, 0, 2, 0, 4, 12},
};

MR_TEST(the_hash_of_a_group_is_message_db_s)
{
    for (size_t i = 0; i < MR_COUNT_OF(hashes); i++) {
        const int64_t hash = mr_group_hash(mr_slice_text(hashes[i].text));
        MR_EXPECT_I64(hash, ==, hashes[i].hash);
        MR_EXPECT_U64(hash, ==, hashes[i].hex);
        MR_EXPECT_I64(mr_group_member(hash, 2), ==, hashes[i].mod2);
        MR_EXPECT_I64(mr_group_member(hash, 3), ==, hashes[i].mod3);
        MR_EXPECT_I64(mr_group_member(hash, 4), ==, hashes[i].mod4);
        MR_EXPECT_I64(mr_group_member(hash, 8), ==, hashes[i].mod8);
        MR_EXPECT_I64(mr_group_member(hash, 16), ==, hashes[i].mod16);
    }
}

MR_TEST(the_smallest_hash_has_a_member_too)
{
    MR_EXPECT_I64(mr_group_member(INT64_MIN, 3), ==, 2); /* 2^63 mod 3 */
    MR_EXPECT_I64(mr_group_member(INT64_MIN, INT64_MAX), ==, 1);
    MR_EXPECT_I64(mr_group_member(INT64_MIN, 1), ==, 0);
    MR_EXPECT_I64(mr_group_member(INT64_MAX, INT64_MAX), ==, 0);
}

MR_TEST(each_stream_with_a_cardinal_id_has_exactly_one_owner)
{
    static const char *const streams[] = {"a-1", "a-2", "a-1+7", "a-", "a-+x", "-x"};
    for (int64_t size = 1; size < 9; size++)
        for (size_t i = 0; i < MR_COUNT_OF(streams); i++) {
            unsigned owners = 0;
            for (int64_t member = 0; member < size; member++)
                owners += mr_group_owns((mr_group){member, size}, mr_slice_text(streams[i]));
            MR_EXPECT_U64(owners, ==, 1);
        }
    MR_EXPECT(!mr_group_owns((mr_group){0, 1}, MR_SLICE("a")));
    MR_EXPECT(mr_group_owns((mr_group){0, 0}, MR_SLICE("a")));
    MR_EXPECT(mr_group_owns((mr_group){0, 2}, MR_SLICE("a-1")));
    MR_EXPECT(mr_group_owns((mr_group){0, 2}, MR_SLICE("a-1+9")));
    MR_EXPECT(mr_group_owns((mr_group){1, 2}, MR_SLICE("a-2")));
}

MR_TEST(names_and_groups_allocate_nothing)
{
    const uint64_t before = mr_test_malloc_count();
    for (int i = 0; i < 1000; i++)
        (void)mr_group_owns((mr_group){1, 2}, MR_SLICE("account-123+4"));
    MR_EXPECT_U64(mr_test_malloc_count() - before, ==, 0);
}
