/* SPDX-License-Identifier: MIT */
#include "core/arena.h"

#include "support/test.h"

MR_TEST(pieces_are_zeroed_aligned_and_apart)
{
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    char *previous = NULL;
    for (size_t size = 1; size < 3000; size += 7) {
        char *piece = mr_arena_take(&arena, size);
        MR_EXPECT(piece != NULL);
        MR_EXPECT_U64((uintptr_t)piece % 16, ==, 0);
        for (size_t i = 0; i < size; i++)
            MR_EXPECT(piece[i] == 0);
        memset(piece, 0xff, size);
        MR_EXPECT(piece != previous);
        previous = piece;
    }
    mr_arena_done(&arena);
}

MR_TEST(reset_keeps_the_memory_and_allocates_nothing_again)
{
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    for (int i = 0; i < 100; i++)
        MR_EXPECT(mr_arena_take(&arena, 1000) != NULL);
    mr_arena_reset(&arena);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 100; i++)
        MR_EXPECT(mr_arena_take(&arena, 1000) != NULL);
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    mr_arena_done(&arena);
}

MR_TEST(the_cap_is_an_error_that_names_the_arena)
{
    mr_arena arena;
    mr_error err;
    mr_arena_init(&arena, "http.request", 10000);
    while (mr_arena_take(&arena, 512) != NULL)
        continue;
    MR_EXPECT_CODE(mr_arena_fail(&arena, &err), MR_ERR_LIMIT);
    MR_EXPECT(strstr(err.text, "'http.request'") != NULL);
    MR_EXPECT_U64(atomic_load(&arena.held_bytes), <=, 10000);
    mr_arena_done(&arena);
    mr_arena_done(&arena);
}

static void find_named(void *context, const mr_arena_usage *usage)
{
    if (strcmp(usage->name, "findme") == 0) *(size_t *)context += usage->held_bytes;
}

MR_TEST(live_arenas_can_be_listed)
{
    mr_arena arena;
    size_t bytes = 0;
    mr_arena_init(&arena, "findme", 1 << 20);
    MR_EXPECT(mr_arena_take(&arena, 10) != NULL);
    mr_arena_each(find_named, &bytes);
    MR_EXPECT_U64(bytes, ==, MR_ARENA_BLOCK_BYTES);
    mr_arena_done(&arena);
    bytes = 0;
    mr_arena_each(find_named, &bytes);
    MR_EXPECT_U64(bytes, ==, 0);
}
