/* SPDX-License-Identifier: MIT
 *
 * One thread: there is nothing for ThreadSanitizer to see. */
#include "transform/chain.h"

#include <stdio.h>

#include "support/test.h"
#include "transform/aggregate.h"

/* Steps as a file has them, at work on batches of the test's own. */
typedef struct fixture {
    mr_arena arena;
    mr_steps steps;
    mr_schema schema;
    mr_columns in, out;
    mr_chain *chain;
    mr_chain_lane *lane;
    mr_batch batch;
    mr_flow flow;
    mr_reject_list rejects, refused;
    uint64_t dropped;
    mr_error err;
} fixture;

static void add_columns(fixture *f, const char *const *names)
{
    mr_schema_init(&f->schema, &f->arena);
    for (; *names != NULL; names++)
        if (mr_schema_add(&f->schema, mr_slice_text(*names), MR_TYPE_STRING, NULL, &f->err) !=
            MR_OK)
            abort();
}

static mr_code make(fixture *f, const char *yaml, const char *const *names)
{
    static const mr_chain_env untyped = {.all_untyped = true, .now_ns = 1};
    mr_tree tree;
    memset(f, 0, sizeof *f);
    mr_arena_init(&f->arena, "test", 64 << 20);
    mr_steps_init(&f->steps, &f->arena);
    mr_batch_init(&f->batch, 0);
    mr_reject_list_init(&f->rejects);
    mr_reject_list_init(&f->refused);
    add_columns(f, names);
    MR_TRY(mr_tree_parse(&f->arena, "t", mr_slice_text(yaml), &tree, &f->err));
    MR_TRY(mr_steps_load(&f->steps, &tree, tree.root, &f->err));
    MR_TRY(mr_columns_of_schema(&f->in, &f->schema, true, &f->arena, &f->err));
    MR_TRY(mr_chain_make(f->steps.first, NULL, &f->in, &untyped, &f->arena, &f->chain, &f->out,
                         &f->err));
    return mr_chain_lane_open(f->chain, &f->lane, &f->err);
}

static void done(fixture *f)
{
    mr_chain_lane_close(f->lane);
    mr_chain_free(f->chain);
    mr_flow_done(&f->flow);
    mr_batch_done(&f->batch);
    mr_reject_list_done(&f->rejects);
    mr_reject_list_done(&f->refused);
    mr_arena_done(&f->arena);
}

/* Rows of cells; "-" is null. */
static void fill(fixture *f, const char *const *cells, uint32_t rows)
{
    mr_batch_reset(&f->batch);
    if (mr_batch_set_schema(&f->batch, &f->schema, &f->err) != MR_OK) abort();
    for (uint32_t row = 0; row < rows; row++) {
        if (mr_batch_begin_row(&f->batch, &f->err) != MR_OK) abort();
        for (uint32_t c = 0; c < f->batch.column_count; c++) {
            const mr_slice cell = mr_slice_text(cells[row % 4 * f->batch.column_count + c]);
            if (mr_slice_is(cell, "-"))
                mr_column_append_null(&f->batch.columns[c], row);
            else if (mr_column_append(&f->batch.columns[c], row, cell, &f->err) != MR_OK)
                abort();
        }
        mr_batch_end_row(&f->batch, 0, 0, row, row);
    }
}

static mr_code place(void *context, uint32_t from, mr_error *err)
{
    fixture *f = context;
    (void)err;
    for (uint32_t i = from; i < f->refused.count; i++) {
        mr_reject *reject = mr_reject_at(&f->refused, i);
        reject->record = f->batch.row_record[reject->row_before];
        reject->placed = true;
    }
    return MR_OK;
}

static mr_code drop(void *context, const uint8_t *keep, bool duplicates, mr_error *err)
{
    fixture *f = context;
    (void)duplicates, (void)err;
    const uint32_t before = f->batch.row_count;
    mr_batch_keep_rows(&f->batch, keep);
    f->dropped += before - f->batch.row_count;
    return MR_OK;
}

static mr_code work(fixture *f)
{
    mr_chain_io io = {.batch = &f->batch,
                      .flow = &f->flow,
                      .rejects = &f->rejects,
                      .refused = &f->refused,
                      .place = place,
                      .drop = drop,
                      .context = f};
    MR_TRY(mr_chain_begin(f->lane, &io, &f->err));
    while (mr_flow_pending(&f->flow))
        MR_TRY(mr_chain_next(f->lane, &io, &f->err));
    mr_batch_check(&f->batch);
    return MR_OK;
}

static const char *const names[] = {"id", "city", "price", NULL};
static const char *const cells[] = {"1", "Oslo", "1.50", "2",    "Rome", "x",
                                    "3", "-",    "20",   "40.5", "Oslo", "0.25"};

MR_TEST(steps_work_in_their_order_and_faults_leave)
{
    fixture f;
    if (make(&f,
             "[{filter: .price > 0.5}, {map: {price: .price * 2, big: .price > 10}}, {drop: id}]",
             names) != MR_OK)
        MR_TEST_FAIL("%s\n", f.err.text);
    fill(&f, cells, 4);
    MR_EXPECT_I64(work(&f), ==, MR_OK);
    MR_EXPECT_U64(f.batch.row_count, ==, 2);
    MR_EXPECT_U64(f.batch.column_count, ==, 3);
    MR_EXPECT_SLICE(f.batch.columns[1].name, "price");
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[1], 0), "3.00");
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[2], 1), "true");
    MR_EXPECT_U64(f.dropped, ==, 1);
    MR_EXPECT_U64(f.refused.count, ==, 1);
    MR_EXPECT_U64(mr_reject_at(&f.refused, 0)->record, ==, 1);
    MR_EXPECT_SLICE(mr_reject_at(&f.refused, 0)->field, "price");
    done(&f);
}

static const char *const all_steps = "- filter: .id != \"7\"\n"
                                     "- map: {total: 'coalesce(.city, \"?\")', n: .id * 2}\n"
                                     "- cast: {n: string}\n"
                                     "- rename: {id: key, city: town}\n"
                                     "- mask: {columns: town, method: keep_last, keep: 2}\n"
                                     "- dedupe: {by: [key, town], window: 2}\n"
                                     "- select: [key, town, total, n]\n";

static void run_many(fixture *f, int batches)
{
    for (int i = 0; i < batches; i++) {
        fill(f, cells, 3000);
        mr_reject_list_reset(&f->refused);
        if (work(f) != MR_OK) MR_TEST_FAIL("%s\n", f->err.text);
    }
}

MR_TEST(steps_allocate_nothing_once_warm)
{
    fixture f;
    if (make(&f, all_steps, names) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    run_many(&f, 4);
    const mr_mem_mark warm = mr_mem_mark_now();
    run_many(&f, 20);
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    done(&f);
}

static const char *const json_names[] = {"id", "v", NULL};
static const char *const json_cells[] = {
    "1", "{\"a\":{\"b\":1},\"t\":[1,2,{\"x\":null}]}", "2", "{\"t\":[]}", "3", "[]", "4", "-"};

MR_TEST(nested_values_open_without_allocations_once_warm)
{
    fixture f;
    if (make(&f, "[{cast: {v: json}}, {flatten: v}, {explode: v.t}]", json_names) != MR_OK)
        MR_TEST_FAIL("%s\n", f.err.text);
    for (int i = 0; i < 120; i++) { /* columns change places: each has to meet the largest load */
        static mr_mem_mark warm;
        if (i == 60) warm = mr_mem_mark_now();
        fill(&f, json_cells, 2000);
        if (work(&f) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
        MR_EXPECT_U64(f.batch.row_count, ==, 3000);
        if (i == 119) MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    }
    done(&f);
}

static mr_code aggregate_piece(mr_aggregate *lane, mr_aggregate *all, fixture *f, mr_buffer *bytes)
{
    uint32_t faults;
    mr_buffer_reset(bytes);
    mr_reject_list_reset(&f->refused);
    fill(f, cells, 3000);
    MR_TRY(mr_aggregate_add(lane, &f->batch, &f->refused, &faults, &f->err));
    MR_EXPECT_U64(faults, ==, 750);
    MR_TRY(mr_aggregate_write(lane, bytes, &f->err));
    return mr_aggregate_merge(all, mr_buffer_slice(bytes), &f->err);
}

MR_TEST(groups_are_made_and_merged_without_allocations_once_warm)
{
    static const char *const step =
        "- aggregate: {by: [city], values: {n: count(), s: sum(price), m: max(price), "
        "l: min(id), a: mean(price), d: count_distinct(id)}}";
    fixture f;
    mr_aggregate *lane, *all;
    mr_buffer bytes;
    mr_tree tree;
    if (make(&f, "[]", names) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    mr_buffer_init(&bytes, "test", 1 << 24);
    if (mr_tree_parse(&f.arena, "t", mr_slice_text(step), &tree, &f.err) != MR_OK ||
        mr_steps_load(&f.steps, &tree, tree.root, &f.err) == MR_OK)
        MR_TEST_FAIL("a second list was taken: %s\n", f.err.text);
    mr_steps_init(&f.steps, &f.arena);
    if (mr_steps_load(&f.steps, &tree, tree.root, &f.err) != MR_OK)
        MR_TEST_FAIL("%s\n", f.err.text);
    if (mr_aggregate_open(f.steps.first, &f.in, true, 5, &lane, &f.err) != MR_OK ||
        mr_aggregate_open(f.steps.first, &f.in, true, 5, &all, &f.err) != MR_OK)
        MR_TEST_FAIL("%s\n", f.err.text);
    for (int i = 0; i < 4; i++)
        MR_EXPECT_I64(aggregate_piece(lane, all, &f, &bytes), ==, MR_OK);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < 20; i++)
        MR_EXPECT_I64(aggregate_piece(lane, all, &f, &bytes), ==, MR_OK);
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(mr_aggregate_group_count(all), ==, 2);
    uint64_t from = 0;
    mr_batch_reset(&f.batch);
    MR_EXPECT_I64(mr_aggregate_take(all, &from, &f.batch, &f.err), ==, MR_OK);
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[0], 0), "Oslo");
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[1], 0), "36000");
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[2], 0), "31500.00");
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[3], 0), "1.50");
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[4], 0), "1");
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[5], 0), "0.875");
    MR_EXPECT_SLICE(mr_column_text(&f.batch.columns[6], 0), "2");
    MR_EXPECT(mr_column_is_null(&f.batch.columns[0], 1));
    mr_aggregate_close(lane);
    mr_aggregate_close(all);
    mr_buffer_done(&bytes);
    done(&f);
}
