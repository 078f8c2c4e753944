/* SPDX-License-Identifier: MIT */
#include "format/paths.h"

#include <sys/stat.h>

#include "support/test.h"

static mr_error err;

/* Finds `pattern` in the test's directory and expects the names, joined by a space. */
static void expect_finds(const char *pattern, const char *wanted)
{
    mr_arena arena;
    mr_paths paths;
    char path[512], joined[512] = "";
    const size_t dir_len = strlen(mr_test_dir()) + 1;
    mr_arena_init(&arena, "test", 1 << 20);
    snprintf(path, sizeof path, "%s/%s", mr_test_dir(), pattern);
    MR_EXPECT_OK(mr_paths_find(&arena, path, &paths, &err));
    for (uint32_t i = 0; i < paths.count; i++) {
        const size_t used = strlen(joined);
        snprintf(joined + used, sizeof joined - used, "%s%s", i == 0 ? "" : " ",
                 paths.names[i] + dir_len);
    }
    MR_EXPECT_TEXT(joined, wanted);
    mr_arena_done(&arena);
}

static void make_files(void)
{
    static const char *const names[] = {"b.csv",       "a.csv",      "B.csv",    "c.txt",
                                        ".hidden.csv", "odd[1].csv", "sub/x.csv"};
    char path[512];
    snprintf(path, sizeof path, "%s/sub", mr_test_dir());
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/dir.csv", mr_test_dir());
    mkdir(path, 0755);
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", mr_test_dir(), names[i]);
        mr_test_write_file(path, MR_SLICE("x"));
    }
}

MR_TEST(patterns_find_files_sorted_by_bytes)
{
    make_files();
    expect_finds("*.csv", "B.csv a.csv b.csv odd[1].csv");
    expect_finds("?.csv", "B.csv a.csv b.csv");
    expect_finds("[ab].csv", "a.csv b.csv");
    expect_finds("[!a].csv", "B.csv b.csv");
    expect_finds("*/*.csv", "sub/x.csv");
}

MR_TEST(a_path_that_exists_is_meant_literally)
{
    make_files();
    expect_finds("odd[1].csv", "odd[1].csv");
    expect_finds("a.csv", "a.csv");
    expect_finds("missing.csv", "missing.csv"); /* opening it has the better message */
}

MR_TEST(no_match_is_an_error_that_names_the_pattern)
{
    mr_arena arena;
    mr_paths paths;
    mr_arena_init(&arena, "test", 1 << 20);
    MR_EXPECT_CODE(mr_paths_find(&arena, "/nowhere/at all/*.csv", &paths, &err), MR_ERR_IO);
    MR_EXPECT_TEXT(err.text, "no file matches '/nowhere/at all/*.csv'; check the path");
    mr_arena_done(&arena);
}

static mr_code find_all(void)
{
    mr_arena arena;
    mr_paths paths;
    char path[512];
    snprintf(path, sizeof path, "%s/*.csv", mr_test_dir());
    mr_arena_init(&arena, "test", 1 << 20);
    const mr_code rc = mr_paths_find(&arena, path, &paths, &err);
    mr_arena_done(&arena);
    return rc;
}

MR_TEST(searching_without_memory_fails_cleanly)
{
    make_files();
    MR_EACH_ALLOC_FAILS(find_all());
}
