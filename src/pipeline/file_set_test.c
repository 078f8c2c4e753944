/* SPDX-License-Identifier: MIT
 *
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "pipeline/file_set.h"

#include <unistd.h>

#include "support/files.h"
#include "support/test.h"

static mr_error err;

static mr_code open_set(mr_file_set *set, bool start_over)
{
    char dir[512], pattern[512];
    snprintf(dir, sizeof dir, "%s", mr_test_at("state"));
    snprintf(pattern, sizeof pattern, "%s", mr_test_at("set-*.csv"));
    return mr_file_set_open(set, dir, pattern, start_over, &err);
}

static uint32_t new_files(bool commit)
{
    mr_file_set set;
    MR_EXPECT_OK(open_set(&set, false));
    const uint32_t count = set.now_count;
    if (commit && count > 0) MR_EXPECT_OK(mr_file_set_commit(&set, &err));
    mr_file_set_close(&set);
    return count;
}

MR_TEST(files_are_new_until_a_run_has_taken_them)
{
    mr_test_put("set-1.csv", MR_SLICE("1"));
    mr_test_put("set-2.csv", MR_SLICE("2"));
    MR_EXPECT_U64(new_files(false), ==, 2); /* that run did not come to its end */
    MR_EXPECT_U64(new_files(true), ==, 2);
    MR_EXPECT_U64(new_files(true), ==, 0);
    mr_test_put("set-0.csv", MR_SLICE("0"));
    mr_test_put("set-2.csv", MR_SLICE("changed"));
    MR_EXPECT_U64(new_files(true), ==, 2);
    MR_EXPECT_U64(new_files(true), ==, 0);
}

MR_TEST(a_run_that_was_begun_keeps_its_files_unless_it_starts_over)
{
    mr_file_set set;
    mr_test_remove(mr_test_at("state"));
    mr_test_put("set-1.csv", MR_SLICE("1"));
    const uint32_t before = new_files(false);
    mr_test_put("set-9.csv", MR_SLICE("9"));
    MR_EXPECT_U64(new_files(false), ==, before);
    MR_EXPECT_OK(open_set(&set, true));
    MR_EXPECT_U64(set.now_count, ==, before + 1);
    mr_file_set_close(&set);
    mr_test_put("set-1.csv", MR_SLICE("not what it was")); /* then it cannot be gone on with */
    MR_EXPECT_U64(new_files(true), ==, before + 1);
}

MR_TEST(two_runs_at_once_exclude_each_other)
{
    mr_file_set one, two;
    MR_EXPECT_OK(open_set(&one, false));
    MR_EXPECT_CODE(open_set(&two, false), MR_ERR_CONFLICT);
    mr_file_set_close(&two);
    mr_file_set_close(&one);
}

MR_TEST(a_damaged_list_is_an_error_and_never_a_crash)
{
    mr_file_set set;
    size_t len;
    mr_test_remove(mr_test_at("state"));
    (void)new_files(true);
    char *bytes = mr_test_read_file(mr_test_at("state/files"), &len);
    for (size_t cut = 0; cut < len; cut++) {
        mr_test_write_file(mr_test_at("state/files"), mr_slice_of(bytes, cut));
        MR_EXPECT_CODE(open_set(&set, false), MR_ERR_INPUT);
        mr_file_set_close(&set);
    }
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 0x11;
        mr_test_write_file(mr_test_at("state/files"), mr_slice_of(bytes, len));
        MR_EXPECT_CODE(open_set(&set, false), MR_ERR_INPUT);
        mr_file_set_close(&set);
        bytes[at] ^= 0x11;
    }
    mr_mem_free(bytes);
}
