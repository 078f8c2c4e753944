/* SPDX-License-Identifier: MIT */
#include "pipeline/journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support/files.h"
#include "support/test.h"

static void expect_last(const char *dir, uint64_t sequence, const char *text)
{
    mr_journal j;
    mr_error err;
    bool there;
    MR_EXPECT_OK(mr_journal_open(&j, dir, false, &there, &err));
    MR_EXPECT(there);
    MR_EXPECT_U64(j.sequence, ==, sequence);
    if (sequence > 0) MR_EXPECT_SLICE(mr_buffer_slice(&j.last), text);
    mr_journal_close(&j);
}

static void append(const char *dir, const char *text)
{
    mr_journal j;
    mr_error err;
    bool there;
    MR_EXPECT_OK(mr_journal_open(&j, dir, true, &there, &err));
    MR_EXPECT_OK(mr_journal_append(&j, mr_slice_text(text), &err));
    mr_journal_close(&j);
}

static const char *fresh(const char *name)
{
    const char *dir = mr_test_at(name);
    if (mr_test_exists(dir)) mr_test_remove(dir);
    return dir;
}

static const char *in_dir(const char *dir, const char *name)
{
    static char paths[4][4096];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

MR_TEST(looking_creates_nothing)
{
    mr_journal j;
    mr_error err;
    bool there = true;
    const char *dir = fresh("none/deep");
    MR_EXPECT_OK(mr_journal_open(&j, dir, false, &there, &err));
    MR_EXPECT(!there);
    MR_EXPECT(!mr_test_exists(mr_test_at("none")));
    mr_journal_close(&j);
}

MR_TEST(the_last_record_is_found_again_and_removing_leaves_nothing)
{
    mr_journal j;
    mr_error err;
    bool there;
    const char *dir = fresh("a/b/c");
    append(dir, "first");
    append(dir, "");
    append(dir, "third");
    expect_last(dir, 3, "third");
    MR_EXPECT_OK(mr_journal_open(&j, dir, false, &there, &err));
    MR_EXPECT_OK(mr_journal_remove(&j, &err));
    MR_EXPECT(!mr_test_exists(dir) && mr_test_exists(mr_test_at("a/b")));
    mr_journal_close(&j);
}

MR_TEST(two_runs_of_one_pipeline_exclude_each_other)
{
    mr_journal first, second;
    mr_error err;
    bool there;
    const char *dir = fresh("locked");
    MR_EXPECT_OK(mr_journal_open(&first, dir, true, &there, &err));
    MR_EXPECT_CODE(mr_journal_open(&second, dir, true, &there, &err), MR_ERR_CONFLICT);
    MR_EXPECT(strstr(err.text, "another run of this pipeline") != NULL);
    mr_journal_close(&first);
    MR_EXPECT_OK(mr_journal_open(&second, dir, true, &there, &err));
    mr_journal_close(&second);
}

/* Every length that a crash can leave, with records of one, two and no bytes before. */
MR_TEST(a_journal_that_is_cut_anywhere_gives_the_last_whole_record)
{
    const char *dir = fresh("cut");
    size_t len, ends[3];
    append(dir, "one"), mr_mem_free(mr_test_read_file(in_dir(dir, "journal.0"), &ends[0]));
    append(dir, ""), mr_mem_free(mr_test_read_file(in_dir(dir, "journal.0"), &ends[1]));
    append(dir, "three"), mr_mem_free(mr_test_read_file(in_dir(dir, "journal.0"), &ends[2]));
    char *bytes = mr_test_read_file(in_dir(dir, "journal.0"), &len);
    static const char *const texts[] = {NULL, "one", "", "three"};
    for (size_t cut = 0; cut <= len; cut++) {
        mr_test_write_file(in_dir(dir, "journal.0"), mr_slice_of(bytes, cut));
        uint64_t whole = 0;
        for (int i = 0; i < 3; i++)
            whole += cut >= ends[i];
        expect_last(dir, whole, texts[whole]);
        append(dir, "next"); /* and goes on behind it */
        expect_last(dir, whole + 1, "next");
    }
    mr_mem_free(bytes);
}

MR_TEST(a_flipped_bit_anywhere_in_the_last_record_gives_the_one_before)
{
    const char *dir = fresh("flip");
    size_t before, len;
    append(dir, "kept");
    mr_mem_free(mr_test_read_file(in_dir(dir, "journal.0"), &before));
    append(dir, "the last one");
    char *bytes = mr_test_read_file(in_dir(dir, "journal.0"), &len);
    for (size_t bit = before * 8; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        mr_test_write_file(in_dir(dir, "journal.0"), mr_slice_of(bytes, len));
        expect_last(dir, 1, "kept");
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    mr_mem_free(bytes);
}

static void fill_generation(const char *dir, unsigned *sequence, uint64_t until)
{
    static char large[200 << 10];
    mr_journal j;
    mr_error err;
    bool there;
    MR_EXPECT_OK(mr_journal_open(&j, dir, true, &there, &err));
    while (j.sequence < until) {
        memset(large, 'a' + (int)(j.sequence % 26), sizeof large);
        MR_EXPECT_OK(mr_journal_append(&j, mr_slice_of(large, sizeof large), &err));
    }
    *sequence = (unsigned)j.sequence;
    mr_journal_close(&j);
}

/* Of 200 KiB five fit into a generation: 1-5, 6-10, 11 in the first file again. */
MR_TEST(generations_take_turns_and_either_may_be_damaged)
{
    const char *dir = fresh("turns");
    unsigned sequence;
    size_t len;
    mr_journal j;
    mr_error err;
    bool there;
    fill_generation(dir, &sequence, 11);
    char *newer = mr_test_read_file(in_dir(dir, "journal.0"), &len);
    MR_EXPECT_U64(len, <, 300 << 10);
    for (size_t step = 0; step <= 200; step++) {
        const size_t cut = step < 64    ? step
                           : step < 136 ? (step - 64) * (len / 72)
                                        : len - (200 - step);
        mr_test_write_file(in_dir(dir, "journal.0"), mr_slice_of(newer, cut));
        MR_EXPECT_OK(mr_journal_open(&j, dir, false, &there, &err));
        MR_EXPECT_U64(j.sequence, ==, cut == len ? 11 : 10);
        MR_EXPECT(j.last.len == 200 << 10 && j.last.ptr[7] == (cut == len ? 'k' : 'j'));
        mr_journal_close(&j);
    }
    MR_EXPECT_U64((uint64_t)unlink(in_dir(dir, "journal.1")), ==, 0);
    MR_EXPECT_OK(mr_journal_open(&j, dir, false, &there, &err));
    MR_EXPECT_U64(j.sequence, ==, 11); /* the older is not needed when the newer is whole */
    mr_journal_close(&j);
    mr_mem_free(newer);
}

MR_TEST(a_record_larger_than_a_generation_is_kept_too)
{
    const char *dir = fresh("large");
    mr_journal j;
    mr_error err;
    bool there;
    const size_t size = 3 << 20;
    char *large = mr_mem_alloc(size);
    memset(large, 'x', size);
    MR_EXPECT_OK(mr_journal_open(&j, dir, true, &there, &err));
    for (int i = 0; i < 10; i++)
        MR_EXPECT_OK(mr_journal_append(&j, mr_slice_of(large, size), &err));
    mr_journal_close(&j);
    MR_EXPECT_OK(mr_journal_open(&j, dir, true, &there, &err));
    MR_EXPECT_U64(j.sequence, ==, 10);
    MR_EXPECT_U64(j.last.len, ==, size);
    mr_journal_close(&j);
    mr_mem_free(large);
}

MR_TEST(looking_needs_no_lock)
{
    const char *dir = fresh("looked");
    mr_journal j;
    mr_error err;
    mr_buffer out;
    bool there;
    uint64_t sequence;
    mr_buffer_init(&out, "test", 1 << 20);
    MR_EXPECT_OK(mr_journal_open(&j, dir, true, &there, &err));
    MR_EXPECT_OK(mr_journal_look(dir, &out, &sequence, &err));
    MR_EXPECT_U64(sequence, ==, 0);
    MR_EXPECT_OK(mr_journal_append(&j, MR_SLICE("seen"), &err));
    MR_EXPECT_OK(mr_journal_look(dir, &out, &sequence, &err));
    MR_EXPECT_U64(sequence, ==, 1);
    MR_EXPECT_SLICE(mr_buffer_slice(&out), "seen");
    mr_journal_close(&j);
    mr_buffer_done(&out);
}

static mr_code open_append_close(const char *dir)
{
    mr_journal j;
    mr_error err;
    bool there;
    MR_TRY(mr_journal_open(&j, dir, true, &there, &err));
    const mr_code rc = mr_journal_append(&j, MR_SLICE("x"), &err);
    mr_journal_close(&j);
    return rc;
}

MR_TEST(short_memory_is_told_and_loses_nothing)
{
    const char *dir = fresh("memory");
    append(dir, "kept");
    MR_EACH_ALLOC_FAILS(open_append_close(dir));
}

MR_TEST(a_place_where_nothing_can_be_kept_is_named)
{
    mr_journal j;
    mr_error err;
    bool there;
    mr_test_put("plain", MR_SLICE("a file"));
    MR_EXPECT_CODE(mr_journal_open(&j, mr_test_at("plain/below"), true, &there, &err), MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "plain/below") != NULL);
    mr_journal_close(&j);
}
