/* SPDX-License-Identifier: MIT */
#include "connector/store_id.h"

#include "support/test.h"

static mr_slice id_of(const char *key, const char *file, uint64_t record, uint64_t part)
{
    static char out[4][MR_STORE_ID_BYTES];
    static unsigned at;
    at = (at + 1) % 4;
    mr_store_id_of_place(mr_slice_text(key), mr_slice_text(file), record, part, out[at]);
    return mr_slice_of(out[at], MR_STORE_ID_BYTES);
}

MR_TEST(the_same_place_has_the_same_id_and_others_have_others)
{
    MR_EXPECT(mr_slice_equal(id_of("k", "f", 7, 0), id_of("k", "f", 7, 0)));
    MR_EXPECT(!mr_slice_equal(id_of("k", "f", 7, 0), id_of("k", "f", 7, 1)));
    MR_EXPECT(!mr_slice_equal(id_of("k", "f", 7, 0), id_of("k", "f", 8, 0)));
    MR_EXPECT(!mr_slice_equal(id_of("k", "f", 7, 0), id_of("k", "g", 7, 0)));
    MR_EXPECT(!mr_slice_equal(id_of("kf", "", 7, 0), id_of("k", "f", 7, 0)));
    MR_EXPECT(!mr_slice_equal(id_of("", "kf", 7, 0), id_of("k", "f", 7, 0)));
}

/* A change of these would make every repeated run append everything again. */
MR_TEST(ids_are_the_same_in_every_version)
{
    MR_EXPECT_SLICE(id_of("orders", "orders.csv", 0, 0), "de8e3e71-0000-8000-8000-0210926733d0");
    MR_EXPECT_SLICE(id_of("orders", "orders.csv", 123456789012, 3),
                    "de8e3e71-001c-8be9-a468-52e0a2ae2998");
    mr_sha256 sum;
    char id[MR_STORE_ID_BYTES];
    mr_store_id_begin(&sum, MR_SLICE("orders"));
    mr_store_id_add(&sum, MR_SLICE("7"));
    mr_store_id_of_sum(&sum, id);
    MR_EXPECT_SLICE(mr_slice_of(id, sizeof id), "928ff3aa-8e4f-802f-99f3-bac09d7eb213");
}

MR_TEST(ids_of_one_file_ascend_with_its_records)
{
    char last[MR_STORE_ID_BYTES] = "";
    for (uint64_t record = 0; record < (UINT64_C(1) << 47); record = record * 3 + 1) {
        const mr_slice id = id_of("k", "f", record, 0);
        MR_EXPECT(mr_store_id_is_uuid(id) && id.ptr[14] == '8');
        MR_EXPECT(strchr("89ab", id.ptr[19]) != NULL);
        MR_EXPECT(memcmp(last, id.ptr, id.len) < 0);
        memcpy(last, id.ptr, id.len);
    }
}

MR_TEST(random_ids_differ)
{
    char a[MR_STORE_ID_BYTES], b[MR_STORE_ID_BYTES];
    MR_EXPECT(mr_store_id_random(a) && mr_store_id_random(b));
    MR_EXPECT(memcmp(a, b, sizeof a) != 0 && a[14] == '4');
    MR_EXPECT(mr_store_id_is_uuid(mr_slice_of(a, sizeof a)));
}

MR_TEST(what_is_a_uuid)
{
    MR_EXPECT(mr_store_id_is_uuid(MR_SLICE("0190b7c4-0000-7000-8000-00000000000A")));
    MR_EXPECT(mr_store_id_is_uuid(MR_SLICE("0190b7c400007000800000000000000a")));
    MR_EXPECT(!mr_store_id_is_uuid(MR_SLICE("")));
    MR_EXPECT(!mr_store_id_is_uuid(MR_SLICE("0190b7c4-0000-7000-8000-00000000000g")));
    MR_EXPECT(!mr_store_id_is_uuid(MR_SLICE("0190b7c40-000-7000-8000-00000000000a")));
    MR_EXPECT(!mr_store_id_is_uuid(MR_SLICE("0190b7c400007000800000000000000-")));
}
