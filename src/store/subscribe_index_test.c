/* SPDX-License-Identifier: MIT
 *
 * The table of topics.
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "store/subscribe_internal.h"
#include "support/test.h"

static mr_slice name_of(char *text, size_t size, unsigned i)
{
    return mr_slice_of(text, (size_t)snprintf(text, size, "stream-%u", i));
}

MR_TEST(a_name_is_found_in_its_own_scope_only)
{
    mr_subscribe_index index = {0};
    MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_ALL, (mr_slice){0}) == NULL);
    mr_subscribe_topic *stream = mr_subscribe_index_use(&index, MR_READ_STREAM, MR_SLICE("a"));
    mr_subscribe_topic *category = mr_subscribe_index_use(&index, MR_READ_CATEGORY, MR_SLICE("a"));
    mr_subscribe_topic *all = mr_subscribe_index_use(&index, MR_READ_ALL, (mr_slice){0});
    MR_EXPECT(stream != category && category != all && stream != all);
    MR_EXPECT(mr_subscribe_index_use(&index, MR_READ_STREAM, MR_SLICE("a")) == stream);
    MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_STREAM, MR_SLICE("a")) == stream);
    MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_CATEGORY, MR_SLICE("a")) == category);
    MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_ALL, (mr_slice){0}) == all);
    MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_STREAM, MR_SLICE("b")) == NULL);
    mr_subscribe_index_drop(&index, stream);
    MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_STREAM, MR_SLICE("a")) == stream);
    mr_subscribe_index_drop(&index, stream);
    MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_STREAM, MR_SLICE("a")) == NULL);
    mr_subscribe_index_drop(&index, category);
    mr_subscribe_index_drop(&index, all);
    MR_EXPECT_U64(index.topic_count, ==, 0);
    mr_subscribe_index_done(&index);
}

MR_TEST(ten_thousand_topics_come_and_go)
{
    enum { COUNT = 10000 };
    static mr_subscribe_topic *topics[COUNT];
    mr_subscribe_index index = {0};
    char text[32];
    const uint64_t live = mr_mem_stats_now().live_bytes;
    for (unsigned i = 0; i < COUNT; i++) {
        topics[i] = mr_subscribe_index_use(&index, MR_READ_STREAM, name_of(text, sizeof text, i));
        MR_EXPECT(topics[i] != NULL);
    }
    size_t longest = 0;
    for (size_t i = 0; i < index.bucket_count; i++) {
        size_t len = 0;
        for (mr_subscribe_topic *topic = index.buckets[i]; topic != NULL; topic = topic->next)
            len++;
        if (len > longest) longest = len;
    }
    MR_EXPECT_U64(longest, <=, 12);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (unsigned i = 0; i < 2 * COUNT; i++)
        MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_STREAM, name_of(text, sizeof text, i)) ==
                  (i < COUNT ? topics[i] : NULL));
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    for (unsigned i = 0; i < COUNT; i += 2)
        mr_subscribe_index_drop(&index, topics[i]);
    for (unsigned i = 0; i < COUNT; i++)
        MR_EXPECT(mr_subscribe_index_find(&index, MR_READ_STREAM, name_of(text, sizeof text, i)) ==
                  (i % 2 == 1 ? topics[i] : NULL));
    for (unsigned i = 1; i < COUNT; i += 2)
        mr_subscribe_index_drop(&index, topics[i]);
    mr_subscribe_index_done(&index);
    MR_EXPECT_U64(mr_mem_stats_now().live_bytes, ==, live);
}

static mr_code use_some(void)
{
    mr_subscribe_index index = {0};
    mr_subscribe_topic *topics[40];
    char text[32];
    mr_code rc = MR_OK;
    size_t count = 0;
    for (unsigned i = 0; i < MR_COUNT_OF(topics); i++) {
        topics[count] =
            mr_subscribe_index_use(&index, MR_READ_CATEGORY, name_of(text, sizeof text, i));
        if (topics[count] == NULL)
            rc = MR_ERR_NOMEM;
        else
            count++;
    }
    while (count > 0)
        mr_subscribe_index_drop(&index, topics[--count]);
    mr_subscribe_index_done(&index);
    /* A table that could not grow serves all the same. */
    return rc == MR_OK && mr_mem_failed() ? MR_ERR_NOMEM : rc;
}

MR_TEST(an_index_survives_each_failed_allocation)
{
    MR_EACH_ALLOC_FAILS(use_some());
}
