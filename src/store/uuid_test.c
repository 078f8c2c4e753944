/* SPDX-License-Identifier: MIT */
#include "store/uuid.h"

#include <pthread.h>

#include "core/clock.h"
#include "support/test.h"

#define CANONICAL "01890a5d-ac96-774b-bcce-b302099a8057"

static const char *const accepted[] = {
    CANONICAL,
    "01890A5D-AC96-774B-BCCE-B302099A8057",
    "01890a5dac96774bbcceb302099a8057",
    "01890A5DAC96774BBCCEB302099A8057",
    "{01890a5d-ac96-774b-bcce-b302099a8057}",
    "{01890A5D-ac96-774B-bcce-B302099A8057}",
    "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
    "URN:UUID:01890A5D-AC96-774B-BCCE-B302099A8057",
};

static const char *const refused[] = {
    "",
    "not-a-uuid",
    "01890a5d-ac96-774b-bcce-b302099a805",
    "01890a5d-ac96-774b-bcce-b302099a80577",
    "01890a5d-ac96-774b-bcce_b302099a8057",
    "01890a5dac96-774b-bcce-b302099a-8057",
    "01890a5d-ac96-774b-bcce-b302099a805g",
    "g1890a5dac96774bbcceb302099a8057",
    "(01890a5d-ac96-774b-bcce-b302099a8057)",
    "{01890a5d-ac96-774b-bcce-b302099a8057",
    "{01890a5dac96774bbcceb302099a8057}    ",
    "urn:uuie:01890a5d-ac96-774b-bcce-b302099a8057",
    "urn-uuid-01890a5d-ac96-774b-bcce-b302099a8057",
    "urn:uuid:01890a5dac96774bbcceb302099a8057----",
    " 1890a5d-ac96-774b-bcce-b302099a8057",
};

MR_TEST(four_spellings_are_read_and_one_is_written)
{
    for (size_t i = 0; i < MR_COUNT_OF(accepted); i++) {
        mr_uuid uuid;
        char text[MR_UUID_TEXT_BYTES];
        MR_EXPECT(mr_uuid_parse(mr_slice_text(accepted[i]), &uuid));
        mr_uuid_format(&uuid, text);
        MR_EXPECT_SLICE(mr_slice_of(text, sizeof text), CANONICAL);
        MR_EXPECT_U64(uuid.bytes[0], ==, 0x01);
        MR_EXPECT_U64(uuid.bytes[15], ==, 0x57);
    }
}

MR_TEST(all_else_is_refused_and_nothing_is_written)
{
    for (size_t i = 0; i < MR_COUNT_OF(refused); i++) {
        mr_uuid uuid = {{0}};
        const mr_uuid zero = uuid;
        if (mr_uuid_parse(mr_slice_text(refused[i]), &uuid))
            MR_TEST_FAIL("accepted '%s'\n", refused[i]);
        MR_EXPECT(memcmp(&uuid, &zero, sizeof uuid) == 0);
    }
}

MR_TEST(one_wrong_byte_anywhere_is_noticed)
{
    for (size_t i = 0; i < MR_UUID_TEXT_BYTES; i++)
        for (int byte = 0; byte < 256; byte++) {
            char text[] = CANONICAL;
            const bool hyphen = text[i] == '-';
            const bool fits =
                hyphen ? byte == '-' : byte != 0 && strchr("0123456789abcdefABCDEF", byte) != NULL;
            mr_uuid uuid;
            text[i] = (char)byte;
            MR_EXPECT(mr_uuid_parse((mr_slice){text, MR_UUID_TEXT_BYTES}, &uuid) == fits);
        }
}

static uint64_t milliseconds_of(const mr_uuid *uuid)
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid->bytes[i];
    return ms;
}

MR_TEST(new_ids_are_of_version_7_and_carry_the_time)
{
    const uint64_t before = (uint64_t)(mr_clock_wall_ns() / MR_NS_PER_MS);
    const mr_uuid uuid = mr_uuid_make();
    const uint64_t after = (uint64_t)(mr_clock_wall_ns() / MR_NS_PER_MS);
    MR_EXPECT_U64(uuid.bytes[6] >> 4, ==, 7);
    MR_EXPECT_U64(uuid.bytes[8] >> 6, ==, 2);
    MR_EXPECT_U64(milliseconds_of(&uuid), >=, before);
    MR_EXPECT_U64(milliseconds_of(&uuid), <=, after);
}

MR_TEST(new_ids_increase_while_the_clock_stands_and_when_it_goes_back)
{
    const int64_t wall_ns = mr_clock_wall_ns() + MR_NS_PER_S;
    mr_uuid last = mr_uuid_make();
    mr_clock_freeze(mr_clock_ns(), wall_ns);
    for (int i = 0; i < 10000; i++) { /* more than the 12 bits hold */
        if (i == 5000) mr_clock_freeze(mr_clock_ns(), wall_ns - 10 * MR_NS_PER_S);
        const mr_uuid next = mr_uuid_make();
        MR_EXPECT(memcmp(last.bytes, next.bytes, 8) < 0);
        MR_EXPECT_U64(next.bytes[6] >> 4, ==, 7);
        last = next;
    }
    mr_clock_release();
}

#define THREADS 4
#define EACH    5000

static void *make_many(void *context)
{
    mr_uuid *uuids = context;
    for (size_t i = 0; i < EACH; i++)
        uuids[i] = mr_uuid_make();
    return NULL;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(mr_uuid));
}

MR_TEST(threads_never_make_the_same_instant)
{
    static mr_uuid uuids[THREADS * EACH];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        MR_EXPECT(pthread_create(&threads[i], NULL, make_many, uuids + i * EACH) == 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++)
        for (size_t j = 1; j < EACH; j++)
            MR_EXPECT(compare_uuids(&uuids[i * EACH + j - 1], &uuids[i * EACH + j]) < 0);
    qsort(uuids, THREADS * EACH, sizeof *uuids, compare_uuids);
    for (size_t i = 1; i < THREADS * EACH; i++)
        MR_EXPECT(memcmp(uuids[i - 1].bytes, uuids[i].bytes, 8) != 0);
}

MR_TEST(making_and_reading_ids_allocates_nothing)
{
    char text[MR_UUID_TEXT_BYTES];
    const uint64_t before = mr_test_malloc_count();
    for (int i = 0; i < 100; i++) {
        mr_uuid uuid = mr_uuid_make();
        mr_uuid_format(&uuid, text);
        MR_EXPECT(mr_uuid_parse((mr_slice){text, sizeof text}, &uuid));
    }
    MR_EXPECT_U64(mr_test_malloc_count() - before, ==, 0);
}
