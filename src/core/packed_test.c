/* SPDX-License-Identifier: MIT */
#include "core/packed.h"

#include "support/test.h"

static mr_code pack(mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_pack_u32(out, 0xfedcba98u, err));
    MR_TRY(mr_pack_text(out, MR_SLICE("a\0b"), err));
    MR_TRY(mr_pack_text(out, (mr_slice){NULL, 0}, err));
    return mr_pack_u64(out, UINT64_MAX - 1, err);
}

MR_TEST(what_was_packed_reads_back_and_a_cut_is_noticed_everywhere)
{
    mr_buffer out;
    mr_error err;
    mr_buffer_init(&out, "test", 1000);
    MR_EXPECT_OK(pack(&out, &err));
    MR_EXPECT_U64((unsigned char)out.ptr[0], ==, 0x98);
    for (size_t len = 0; len <= out.len; len++) {
        mr_packed_in in = {.left = {out.ptr, len}};
        const uint32_t number = mr_packed_u32(&in);
        const mr_slice text = mr_packed_text(&in), empty = mr_packed_text(&in);
        const uint64_t large = mr_packed_u64(&in);
        MR_EXPECT(mr_packed_all_read(&in) == (len == out.len));
        if (len < out.len) continue;
        MR_EXPECT_U64(number, ==, 0xfedcba98u);
        MR_EXPECT(mr_slice_equal(text, MR_SLICE("a\0b")));
        MR_EXPECT_U64(empty.len, ==, 0);
        MR_EXPECT_U64(large, ==, UINT64_MAX - 1);
    }
    mr_buffer_done(&out);
}

MR_TEST(bytes_left_over_are_noticed)
{
    mr_packed_in in = {.left = MR_SLICE("abcde")};
    (void)mr_packed_u32(&in);
    MR_EXPECT(!mr_packed_all_read(&in));
    MR_EXPECT(!in.broken);
}
