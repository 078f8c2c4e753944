/* SPDX-License-Identifier: MIT */
#include "core/buffer.h"

#include "support/test.h"

MR_TEST(bytes_are_appended_in_order)
{
    mr_buffer buffer;
    mr_error err;
    mr_buffer_init(&buffer, "record", 1 << 20);
    MR_EXPECT_U64(mr_buffer_slice(&buffer).len, ==, 0);
    MR_EXPECT_OK(mr_buffer_append(&buffer, MR_SLICE("one "), &err));
    MR_EXPECT_OK(mr_buffer_append(&buffer, (mr_slice){NULL, 0}, &err));
    MR_EXPECT_OK(mr_buffer_append_byte(&buffer, '2', &err));
    MR_EXPECT_OK(mr_buffer_printf(&buffer, &err, " %s %d", "three", 4));
    MR_EXPECT_SLICE(mr_buffer_slice(&buffer), "one 2 three 4");
    mr_buffer_done(&buffer);
    mr_buffer_done(&buffer);
}

MR_TEST(contents_survive_growing_and_the_slack_may_be_written)
{
    mr_buffer buffer;
    mr_error err;
    mr_buffer_init(&buffer, "record", 1 << 20);
    for (int i = 0; i < 10000; i++) {
        MR_EXPECT_OK(mr_buffer_append_byte(&buffer, (char)(i * 7), &err));
        memset(buffer.ptr + buffer.len, 0x55, buffer.cap - buffer.len + MR_BUFFER_SLACK);
    }
    for (int i = 0; i < 10000; i++)
        MR_EXPECT(buffer.ptr[i] == (char)(i * 7));
    mr_buffer_done(&buffer);
}

MR_TEST(the_limit_is_exact_and_its_error_names_it)
{
    mr_buffer buffer;
    mr_error err;
    char bytes[1000];
    memset(bytes, 'x', sizeof bytes);
    mr_buffer_init(&buffer, "limits.max_record_bytes", 1000);
    MR_EXPECT_OK(mr_buffer_append(&buffer, (mr_slice){bytes, 999}, &err));
    MR_EXPECT_CODE(mr_buffer_append(&buffer, (mr_slice){bytes, 2}, &err), MR_ERR_LIMIT);
    MR_EXPECT(strstr(err.text, "limits.max_record_bytes") != NULL &&
              strstr(err.text, "1000") != NULL);
    MR_EXPECT_OK(mr_buffer_append_byte(&buffer, 'y', &err));
    MR_EXPECT_CODE(mr_buffer_append_byte(&buffer, 'z', &err), MR_ERR_LIMIT);
    MR_EXPECT_CODE(mr_buffer_reserve(&buffer, SIZE_MAX, &err), MR_ERR_LIMIT);
    MR_EXPECT_U64(buffer.len, ==, 1000);
    MR_EXPECT(buffer.ptr[999] == 'y');
    MR_EXPECT_OK(mr_buffer_reserve(&buffer, 0, &err));
    mr_buffer_done(&buffer);
}

MR_TEST(a_text_that_just_fits_can_be_printed)
{
    mr_buffer buffer;
    mr_error err;
    mr_buffer_init(&buffer, "line", 5);
    MR_EXPECT_OK(mr_buffer_printf(&buffer, &err, "%s", "12345"));
    MR_EXPECT_SLICE(mr_buffer_slice(&buffer), "12345");
    MR_EXPECT_CODE(mr_buffer_printf(&buffer, &err, "6"), MR_ERR_LIMIT);
    MR_EXPECT_SLICE(mr_buffer_slice(&buffer), "12345");
    mr_buffer_done(&buffer);
}

MR_TEST(reset_keeps_the_memory)
{
    mr_buffer buffer;
    mr_error err;
    mr_buffer_init(&buffer, "record", 1 << 20);
    for (int round = 0; round < 3; round++) {
        const mr_mem_mark mark = mr_mem_mark_now();
        for (int i = 0; i < 5000; i++)
            MR_EXPECT_OK(mr_buffer_append_byte(&buffer, 'a', &err));
        if (round > 0) MR_EXPECT_U64(mr_mem_allocs_since(mark), ==, 0);
        mr_buffer_reset(&buffer);
        MR_EXPECT_U64(buffer.len, ==, 0);
    }
    mr_buffer_done(&buffer);
}

MR_TEST(growing_is_geometric)
{
    mr_buffer buffer;
    mr_error err;
    mr_buffer_init(&buffer, "record", 1 << 24);
    const mr_mem_mark mark = mr_mem_mark_now();
    for (int i = 0; i < 1 << 20; i++)
        MR_EXPECT_OK(mr_buffer_append_byte(&buffer, 'a', &err));
    MR_EXPECT_U64(mr_mem_allocs_since(mark), <, 30);
    mr_buffer_done(&buffer);
}

MR_TEST(shrink_gives_back_what_one_huge_record_took)
{
    mr_buffer buffer;
    mr_error err;
    mr_buffer_init(&buffer, "record", 1 << 20);
    MR_EXPECT_OK(mr_buffer_reserve(&buffer, 500000, &err));
    MR_EXPECT_OK(mr_buffer_append(&buffer, MR_SLICE("kept"), &err));
    mr_buffer_shrink(&buffer, 3); /* would lose bytes */
    MR_EXPECT_U64(buffer.cap, >=, 500000);
    mr_buffer_shrink(&buffer, 4096);
    MR_EXPECT_U64(buffer.cap, ==, 4096);
    MR_EXPECT_SLICE(mr_buffer_slice(&buffer), "kept");
    mr_buffer_shrink(&buffer, 8192);
    MR_EXPECT_U64(buffer.cap, ==, 4096);
    mr_buffer_reset(&buffer);
    mr_buffer_shrink(&buffer, 0);
    MR_EXPECT(buffer.ptr == NULL && buffer.cap == 0 && buffer.max == 1 << 20);
    MR_EXPECT_OK(mr_buffer_append(&buffer, MR_SLICE("again"), &err));
    mr_buffer_done(&buffer);
}

static mr_code fill_and_free(void)
{
    mr_buffer buffer;
    mr_code rc = MR_OK;
    mr_buffer_init(&buffer, "record", 1 << 20);
    for (int i = 0; i < 2000 && rc == MR_OK; i++)
        rc = mr_buffer_append_byte(&buffer, 'a', NULL);
    if (rc == MR_OK) rc = mr_buffer_printf(&buffer, NULL, "%5000d", 1);
    mr_buffer_done(&buffer);
    return rc;
}

MR_TEST(a_buffer_survives_failing_allocations)
{
    MR_EACH_ALLOC_FAILS(fill_and_free());
}

MR_TEST(a_failed_append_leaves_the_buffer_as_it_was)
{
    mr_buffer buffer;
    mr_error err;
    mr_buffer_init(&buffer, "record", 1 << 20);
    MR_EXPECT_OK(mr_buffer_append(&buffer, MR_SLICE("safe"), &err));
    mr_mem_fail_at(1);
    const mr_code rc = mr_buffer_reserve(&buffer, 100000, &err);
    mr_mem_fail_at(0);
    MR_EXPECT_CODE(rc, MR_ERR_NOMEM);
    MR_EXPECT(strstr(err.text, "record") != NULL);
    MR_EXPECT_SLICE(mr_buffer_slice(&buffer), "safe");
    mr_buffer_done(&buffer);
}
