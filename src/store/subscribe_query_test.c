/* SPDX-License-Identifier: MIT
 *
 * What requests to subscribe may ask for, row by row.
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "store/subscribe_internal.h"
#include "support/test.h"

static mr_code parse(const char *query, mr_subscribe_query *out, mr_error *err)
{
    static mr_arena arena;
    mr_arena_done(&arena);
    mr_arena_init(&arena, "test", 1u << 20);
    return mr_subscribe_query_parse(mr_slice_text(query), &arena, out, err);
}

typedef struct good_case {
    const char *query;
    mr_read_scope scope;
    const char *name;
    int64_t position, member, size;
    bool catch_up, bodies;
} good_case;

static const good_case good[] = {
    {"stream=account-1", MR_READ_STREAM, "account-1", 0, 0, 0, true, false},
    {"stream=account", MR_READ_STREAM, "account", 0, 0, 0, true, false},
    {"category=account", MR_READ_CATEGORY, "account", 0, 0, 0, true, false},
    {"category=account-1", MR_READ_CATEGORY, "account-1", 0, 0, 0, true, false},
    {"all=true", MR_READ_ALL, "", 0, 0, 0, false, false},
    {"all=true&catchup=true", MR_READ_ALL, "", 0, 0, 0, true, false},
    {"all=true&catchup=1", MR_READ_ALL, "", 0, 0, 0, false, false},
    {"all=true&stream=&category=", MR_READ_ALL, "", 0, 0, 0, false, false},
    {"all=TRUE&stream=a", MR_READ_STREAM, "a", 0, 0, 0, true, false},
    {"all=1&category=a", MR_READ_CATEGORY, "a", 0, 0, 0, true, false},
    {"all=&category=a", MR_READ_CATEGORY, "a", 0, 0, 0, true, false},
    {"token=x&stream=a&position=7", MR_READ_STREAM, "a", 7, 0, 0, true, false},
    {"stream=a&position=", MR_READ_STREAM, "a", 0, 0, 0, true, false},
    {"stream=a&position=-5", MR_READ_STREAM, "a", -5, 0, 0, true, false},
    {"stream=a&position=%2B5", MR_READ_STREAM, "a", 5, 0, 0, true, false},
    {"stream=a&position=007", MR_READ_STREAM, "a", 7, 0, 0, true, false},
    {"stream=a&position=9223372036854775807", MR_READ_STREAM, "a", INT64_MAX, 0, 0, true, false},
    {"stream=a&position=-9223372036854775808", MR_READ_STREAM, "a", INT64_MIN, 0, 0, true, false},
    {"category=a&consumer=1&size=2", MR_READ_CATEGORY, "a", 0, 1, 2, true, false},
    {"category=a&size=2", MR_READ_CATEGORY, "a", 0, 0, 2, true, false},
    {"category=a&consumer=0", MR_READ_CATEGORY, "a", 0, 0, 0, true, false},
    {"category=a&consumer=0&size=0", MR_READ_CATEGORY, "a", 0, 0, 0, true, false},
    {"category=a&consumerGroupMember=1&consumerGroupSize=3", MR_READ_CATEGORY, "a", 0, 1, 3, true,
     false},
    {"category=a&consumer=2&consumerGroupMember=1&size=4", MR_READ_CATEGORY, "a", 0, 2, 4, true,
     false},
    {"category=a&consumer=&consumerGroupMember=1&size=4", MR_READ_CATEGORY, "a", 0, 1, 4, true,
     false},
    {"all=true&consumer=1&size=2", MR_READ_ALL, "", 0, 1, 2, false, false},
    {"stream=a&consumer=1&size=2", MR_READ_STREAM, "a", 0, 0, 0, true, false},
    {"stream=a&body=true", MR_READ_STREAM, "a", 0, 0, 0, true, true},
    {"stream=a&body=True", MR_READ_STREAM, "a", 0, 0, 0, true, false},
    {"stream=a%20b+c%2Bd%2fe", MR_READ_STREAM, "a b c+d/e", 0, 0, 0, true, false},
    {"str%65am=a", MR_READ_STREAM, "a", 0, 0, 0, true, false},
    {"category=order:command", MR_READ_CATEGORY, "order:command", 0, 0, 0, true, false},
    {"stream=%C3%A9-1", MR_READ_STREAM, "\xc3\xa9-1", 0, 0, 0, true, false},
    {"stream=a&stream=b", MR_READ_STREAM, "a", 0, 0, 0, true, false},
};

MR_TEST(each_parameter_is_understood)
{
    mr_error err;
    for (size_t i = 0; i < MR_COUNT_OF(good); i++) {
        mr_subscribe_query query;
        if (parse(good[i].query, &query, &err) != MR_OK)
            MR_TEST_FAIL("%s: %s\n", good[i].query, err.text);
        if (query.scope != good[i].scope || !mr_slice_is(query.name, good[i].name) ||
            query.position != good[i].position || query.group.member != good[i].member ||
            query.group.size != good[i].size || query.catch_up != good[i].catch_up ||
            query.bodies != good[i].bodies)
            MR_TEST_FAIL("%s is misunderstood\n", good[i].query);
    }
}

static const struct {
    const char *query, *says;
} bad[] = {
    {"", "one of stream, category and all=true is required"},
    {"position=1", "is required"},
    {"stream=&category=", "is required"},
    {"all=TRUE", "is required"},
    {"all=1", "is required"},
    {"all", "is required"},
    {"all=true&stream=a", "all=true cannot be combined"},
    {"all=true&category=a", "all=true cannot be combined"},
    {"all=true&category=a&stream=b", "all=true cannot be combined"},
    {"stream=a&category=b", "stream and category cannot both"},
    {"stream=a&position=x", "position must be an integer"},
    {"stream=a&position=1.5", "position must be an integer"},
    {"stream=a&position=+5", "position must be an integer"}, /* a plus is a blank */
    {"stream=a&position=-", "position must be an integer"},
    {"stream=a&position=5x", "position must be an integer"},
    {"stream=a&position=9223372036854775808", "position must be an integer"},
    {"stream=a&position=-9223372036854775809", "position must be an integer"},
    {"category=a&consumer=x&size=2", "consumer must be an integer"},
    {"category=a&consumer=0&size=x", "size must be an integer"},
    {"category=a&consumerGroupMember=x", "consumer must be an integer"},
    {"category=a&consumer=1", "size is required"},
    {"category=a&consumer=1&size=0", "size is required"},
    {"category=a&consumer=2&size=2", "consumer must be less than size"},
    {"category=a&consumer=3&size=2", "consumer must be less than size"},
    {"category=a&consumer=-1&size=2", "consumer must not be negative"},
    {"category=a&consumer=-1", "consumer must not be negative"},
    {"category=a&consumer=0&size=-2", "size must not be negative"},
    {"stream=a&consumer=1", "size is required"},
    {"stream=%zz", "malformed query"},
    {"stream=a%", "malformed query"},
    {"stream=a%00b", "U+0000"},
    {"stream=%ff", "UTF-8"},
};

MR_TEST(what_cannot_be_meant_is_refused_with_a_sentence)
{
    mr_error err;
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        mr_subscribe_query query;
        MR_EXPECT_CODE(parse(bad[i].query, &query, &err), MR_ERR_INPUT);
        if (strstr(err.text, bad[i].says) == NULL)
            MR_TEST_FAIL("%s: \"%s\" does not say \"%s\"\n", bad[i].query, err.text, bad[i].says);
    }
}

MR_TEST(names_up_to_the_limit_are_taken)
{
    char query[MR_STREAM_NAME_MAX + 20] = "stream=";
    mr_subscribe_query asked;
    mr_error err;
    memset(query + 7, 'x', MR_STREAM_NAME_MAX);
    MR_EXPECT_OK(parse(query, &asked, &err));
    MR_EXPECT_U64(asked.name.len, ==, MR_STREAM_NAME_MAX);
    query[7 + MR_STREAM_NAME_MAX] = 'x';
    MR_EXPECT_CODE(parse(query, &asked, &err), MR_ERR_INPUT);
}

MR_TEST(mutated_queries_are_answered_or_refused)
{
    mr_error err;
    uint32_t random = 1;
    for (size_t i = 0; i < 20000; i++) {
        char query[200];
        const char *seed = good[i % MR_COUNT_OF(good)].query;
        const size_t len = strlen(seed);
        memcpy(query, seed, len + 1);
        for (int changes = 0; changes < 3; changes++) {
            random = random * 1664525 + 1013904223;
            query[(random >> 8) % len] = "%&=+a1-\xff"[(random >> 4) & 7];
        }
        mr_subscribe_query asked;
        const mr_code rc = parse(query, &asked, &err);
        MR_EXPECT(rc == MR_OK || rc == MR_ERR_INPUT);
        if (rc != MR_OK) continue;
        MR_EXPECT(asked.group.size >= 0 && asked.group.member >= 0);
        MR_EXPECT(asked.group.size == 0 || asked.group.member < asked.group.size);
        MR_EXPECT((asked.scope == MR_READ_ALL) == (asked.name.len == 0));
    }
}

MR_TEST(event_ids_are_global_positions)
{
    int64_t id;
    MR_EXPECT(mr_subscribe_event_id(MR_SLICE("1234"), &id) && id == 1234);
    MR_EXPECT(mr_subscribe_event_id(MR_SLICE("0"), &id) && id == 0);
    static const char *const others[] = {"", "-1", "a", "1 ", "99999999999999999999", "0192-ab"};
    for (size_t i = 0; i < MR_COUNT_OF(others); i++)
        MR_EXPECT(!mr_subscribe_event_id(mr_slice_text(others[i]), &id));
}
