/* SPDX-License-Identifier: MIT */
#include "core/mem.h"

#include <pthread.h>

#include "support/test.h"

MR_TEST(counters_follow_every_call)
{
    const mr_mem_stats start = mr_mem_stats_now();
    char *a = mr_mem_alloc(100);
    mr_mem_stats now = mr_mem_stats_now();
    MR_EXPECT_U64(now.alloc_count - start.alloc_count, ==, 1);
    MR_EXPECT_U64(now.live_bytes - start.live_bytes, ==, mr_mem_usable(a));
    MR_EXPECT_U64(mr_mem_usable(a), >=, 100);
    a = mr_mem_realloc(a, 5000);
    now = mr_mem_stats_now();
    MR_EXPECT_U64(now.alloc_count - start.alloc_count, ==, 2);
    MR_EXPECT_U64(now.free_count - start.free_count, ==, 1);
    MR_EXPECT_U64(now.live_bytes - start.live_bytes, ==, mr_mem_usable(a));
    mr_mem_free(a);
    now = mr_mem_stats_now();
    MR_EXPECT_U64(now.free_count - start.free_count, ==, 2);
    MR_EXPECT_U64(now.live_bytes, ==, start.live_bytes);
    MR_EXPECT_U64(now.alloc_bytes - start.alloc_bytes, >=, 5100);
}

MR_TEST(null_is_harmless_and_counts_nothing)
{
    const mr_mem_stats start = mr_mem_stats_now();
    mr_mem_free(NULL);
    MR_EXPECT_U64(mr_mem_usable(NULL), ==, 0);
    MR_EXPECT_U64(mr_mem_stats_now().free_count, ==, start.free_count);
    char *a = mr_mem_realloc(NULL, 10);
    MR_EXPECT(a != NULL);
    MR_EXPECT_U64(mr_mem_stats_now().free_count, ==, start.free_count);
    mr_mem_free(a);
}

MR_TEST(memory_is_zeroed_or_aligned_where_that_is_promised)
{
    for (size_t align = sizeof(void *); align <= 4096; align *= 2) {
        char *a = mr_mem_alloc_aligned(align, 100);
        MR_EXPECT(a != NULL);
        MR_EXPECT_U64((uintptr_t)a % align, ==, 0);
        memset(a, 0xff, 100);
        mr_mem_free(a);
        char *b = mr_mem_zalloc(100);
        for (size_t i = 0; i < 100; i++)
            MR_EXPECT(b[i] == 0);
        mr_mem_free(b);
    }
}

MR_TEST(realloc_keeps_the_contents)
{
    char *a = mr_mem_alloc(10);
    memcpy(a, "012345678", 10);
    for (size_t size = 20; size < 100000; size *= 3) {
        a = mr_mem_realloc(a, size);
        MR_EXPECT_TEXT(a, "012345678");
    }
    mr_mem_free(a);
}

MR_TEST(a_mark_counts_allocations_since)
{
    const mr_mem_mark mark = mr_mem_mark_now();
    MR_EXPECT_U64(mr_mem_allocs_since(mark), ==, 0);
    void *a = mr_mem_alloc(1), *b = mr_mem_zalloc(1);
    MR_EXPECT_U64(mr_mem_allocs_since(mark), ==, 2);
    mr_mem_free(a);
    mr_mem_free(b);
    MR_EXPECT_U64(mr_mem_allocs_since(mark), ==, 2);
}

MR_TEST(the_chosen_allocation_fails_once)
{
    for (uint64_t nth = 1; nth <= 4; nth++) {
        const mr_mem_stats start = mr_mem_stats_now();
        void *got[4];
        mr_mem_fail_at(nth);
        MR_EXPECT(!mr_mem_failed());
        got[0] = mr_mem_alloc(8);
        got[1] = mr_mem_zalloc(8);
        got[2] = mr_mem_alloc_aligned(64, 8);
        got[3] = mr_mem_realloc(NULL, 8);
        MR_EXPECT(mr_mem_failed());
        void *after = mr_mem_alloc(8);
        mr_mem_fail_at(0);
        MR_EXPECT(!mr_mem_failed() && after != NULL);
        for (uint64_t i = 0; i < 4; i++) {
            MR_EXPECT((got[i] == NULL) == (i + 1 == nth));
            mr_mem_free(got[i]);
        }
        mr_mem_free(after);
        MR_EXPECT_U64(mr_mem_stats_now().live_bytes, ==, start.live_bytes);
        MR_EXPECT_U64(mr_mem_stats_now().alloc_count - start.alloc_count, ==, 4);
    }
}

MR_TEST(a_failed_realloc_leaves_the_old_memory)
{
    char *a = mr_mem_alloc(10);
    memcpy(a, "unharmed", 9);
    mr_mem_fail_at(1);
    char *b = mr_mem_realloc(a, 100000);
    mr_mem_fail_at(0);
    MR_EXPECT(b == NULL);
    MR_EXPECT_TEXT(a, "unharmed");
    mr_mem_free(a);
}

#define THREADS (MR_MEM_SLOTS + 16) /* more than there are slots */

static void *allocate(void *argument)
{
    void **kept = argument;
    for (int i = 0; i < 1000; i++)
        mr_mem_free(mr_mem_alloc(16));
    *kept = mr_mem_alloc(16);
    return NULL;
}

MR_TEST(threads_are_summed_up_wherever_they_free)
{
    pthread_t threads[THREADS];
    void *kept[THREADS];
    const mr_mem_stats start = mr_mem_stats_now();
    for (size_t i = 0; i < THREADS; i++)
        MR_EXPECT(pthread_create(&threads[i], NULL, allocate, &kept[i]) == 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++)
        mr_mem_free(kept[i]);
    const mr_mem_stats end = mr_mem_stats_now();
    MR_EXPECT_U64(end.alloc_count - start.alloc_count, ==, THREADS * 1001);
    MR_EXPECT_U64(end.free_count - start.free_count, ==, THREADS * 1001);
    MR_EXPECT_U64(end.live_bytes, ==, start.live_bytes);
}
