/* SPDX-License-Identifier: MIT
 *
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "record/places.h"

#include "support/test.h"

#define ROWS 200000u

/* The twin: every place as it was given. */
typedef struct given {
    const char *source;
    mr_place_of_row place;
} given;

static uint64_t dice = 11;

static uint64_t roll(uint64_t below)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (dice >> 33) % below;
}

/* What comes behind `last`: mostly the next record; now and then one or many are left out, a quoted
 * newline or another row end comes, a record gives several rows, or another file begins, with or
 * without text. */
static given next_of(const given *last)
{
    static const char *const names[] = {"a.csv", "b.csv", "a.csv", "table", "c.jsonl"};
    given next = *last;
    mr_place_of_row *at = &next.place;
    const uint64_t kind = roll(1000);
    if (kind == 0) {
        next.source = names[roll(MR_COUNT_OF(names))];
        const bool text = strcmp(next.source, "table") != 0;
        *at = (mr_place_of_row){.record = roll(3) * roll(UINT64_C(1) << 31) * 50};
        if (text) at->line = 1 + roll(9) * at->record, at->byte_offset = roll(1 << 30) * roll(999);
    } else {
        const uint64_t skipped = kind < 30 ? roll(5) : kind == 30 ? roll(1u << 31) : 0;
        if (kind > 40) at->record += 1 + skipped; /* else the same record once more */
        if (at->line > 0 && kind > 40) {
            at->line += 1 + skipped + (kind < 60 ? roll(4) : 0);
            at->byte_offset += at->byte_length + 1 + (kind < 80) + skipped * 57;
        }
    }
    if (at->line > 0) at->byte_length = kind % 100 == 0 ? roll(1u << 31) : 80 + roll(30);
    return next;
}

/* Takes up to `most` rows and compares them with the twin's from `at` on. */
static uint64_t take(mr_places *places, mr_batch *batch, uint64_t most, const given *twin)
{
    mr_error err = {0};
    const uint64_t run = mr_places_run(places);
    const uint32_t rows = (uint32_t)mr_min_u64(run, mr_min_u64(most, batch->max_rows));
    mr_batch_reset(batch);
    MR_EXPECT_OK(mr_batch_reserve_rows(batch, rows, &err));
    batch->row_count = rows;
    mr_places_take(places, batch);
    const mr_origin *from = &batch->origin;
    for (uint32_t i = 0; i < rows; i++) {
        const mr_place_of_row *wanted = &twin[i].place;
        MR_EXPECT_SLICE(from->source, twin[i].source);
        MR_EXPECT(from->placed == (wanted->line > 0));
        MR_EXPECT(batch->row_record[i] <= INT32_MAX);
        MR_EXPECT_U64(from->record + batch->row_record[i], ==, wanted->record);
        MR_EXPECT_U64(from->line + batch->row_line[i], ==, wanted->line);
        MR_EXPECT_U64(from->byte_offset + batch->row_offset[i], ==, wanted->byte_offset);
        MR_EXPECT_U64(batch->row_length[i], ==, wanted->byte_length);
    }
    return rows;
}

MR_TEST(what_is_taken_is_what_was_added_in_order)
{
    static given twin[ROWS];
    mr_error err = {0};
    mr_places places;
    mr_batch batch;
    uint64_t added = 0, taken = 0;
    given last = {.source = "a.csv", .place = {.line = 2, .byte_offset = 4, .byte_length = 9}};
    mr_places_init(&places);
    mr_batch_init(&batch, 4096);
    while (taken < ROWS) {
        for (uint64_t more = roll(9000); more > 0 && added < ROWS; more--) {
            twin[added++] = last;
            MR_EXPECT_OK(mr_places_enter(&places, mr_slice_text(last.source), &err));
            MR_EXPECT_OK(mr_places_add(&places, &last.place, &err));
            last = next_of(&last);
        }
        for (uint64_t often = roll(30); often > 0 && taken < added; often--)
            taken += take(&places, &batch, 1 + roll(3000), twin + taken);
        MR_EXPECT(taken < added || mr_places_run(&places) == 0);
    }
    mr_batch_done(&batch);
    mr_places_done(&places);
}

static void add_file(mr_places *places, uint32_t rows, mr_place_of_row *at)
{
    mr_error err = {0};
    MR_EXPECT_OK(mr_places_enter(places, MR_SLICE("orders.csv"), &err));
    for (uint32_t i = 0; i < rows; i++) {
        MR_EXPECT_OK(mr_places_add(places, at, &err));
        at->record++, at->line++;
        at->byte_offset += at->byte_length + 1;
        at->byte_length = 70 + roll(20);
    }
}

MR_TEST(records_that_follow_one_another_take_a_byte_each)
{
    mr_places places;
    mr_place_of_row at = {.line = 2, .byte_offset = 50, .byte_length = 80};
    mr_places_init(&places);
    add_file(&places, ROWS, &at);
    MR_EXPECT_U64(mr_places_bytes(&places), <, ROWS + ROWS / 4);
    mr_places_done(&places);
}

MR_TEST(places_allocate_nothing_once_warm_and_give_blocks_back)
{
    mr_places places;
    mr_batch batch;
    mr_mem_mark warm = {0};
    mr_error err = {0};
    mr_place_of_row at = {.line = 2, .byte_offset = 50, .byte_length = 80};
    mr_places_init(&places);
    mr_batch_init(&batch, 5000);
    MR_EXPECT_OK(mr_batch_reserve_rows(&batch, 5000, &err));
    for (int i = 0; i < 200; i++) {
        if (i == 20) warm = mr_mem_mark_now();
        add_file(&places, 20000, &at);
        for (int k = 0; k < 4; k++) {
            batch.row_count = 5000;
            mr_places_take(&places, &batch);
        }
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(mr_places_bytes(&places), <, 300000); /* of 4,000,000 rows that went through */
    mr_batch_done(&batch);
    mr_places_done(&places);
}

static mr_code add_and_forget(void)
{
    mr_error err = {0};
    mr_places places;
    const mr_place_of_row at = {.line = 2};
    mr_places_init(&places);
    mr_code rc = mr_places_enter(&places, MR_SLICE("a.csv"), &err);
    if (rc == MR_OK) rc = mr_places_add(&places, &at, &err);
    mr_places_done(&places);
    return rc;
}

MR_TEST(short_memory_is_told)
{
    MR_EACH_ALLOC_FAILS(add_and_forget());
}
