/* SPDX-License-Identifier: MIT
 *
 * Any text as the steps of a pipeline, done to a batch of odd cells: reading and working never
 * crash, and without explode every row that came has left, been dropped or been refused. The same
 * text is also tried as a metric of the prometheus destination. */
#include <stdio.h>
#include <stdlib.h>

#include "connector/prometheus_metric.h"
#include "transform/aggregate.h"
#include "transform/chain.h"

#define ROWS      12u
#define MAX_GOES  50
#define MAX_BYTES 4096u

static mr_error err;

typedef struct work {
    mr_batch batch;
    mr_flow flow;
    mr_reject_list rejects, refused;
    uint64_t dropped;
} work;

static void need(mr_code rc)
{
    if (rc == MR_OK) return;
    fprintf(stderr, "steps_fuzz: %s\n", err.text);
    abort();
}

static const struct {
    mr_type type;
    const char *text;
} cells[] = {
    {MR_TYPE_INT, "7"},
    {MR_TYPE_DECIMAL, "-1.50"},
    {MR_TYPE_NUMBER, "1e400"},
    {MR_TYPE_FLOAT, "0.1"},
    {MR_TYPE_STRING, "Zo\xc3\xab"},
    {MR_TYPE_BYTES, "\xff"},
    {MR_TYPE_JSON, "{\"a\":[1,{\"b\":\"\\u00e9\\n\"}],\"b\":{},\"a\":2}"},
    {MR_TYPE_JSON, "[1,[2,{\"c\":3}],\"x\",null,[]]"},
    {MR_TYPE_TIMESTAMP, "2024-02-29T12:34:56+02:00"},
};

static void fill(mr_batch *batch)
{
    static const char *const names[] = {"a", "t", "j.a", "j"};
    uint32_t number;
    mr_batch_reset(batch);
    for (unsigned i = 0; i < 4; i++)
        need(mr_batch_add_column(batch, mr_slice_text(names[i]), MR_TYPE_NULL, &number, &err));
    for (uint32_t row = 0; row < ROWS; row++) {
        need(mr_batch_begin_row(batch, &err));
        for (unsigned c = 0; c < 4; c++) {
            const unsigned cell = (row + c * 3) % (MR_COUNT_OF(cells) + 2);
            mr_column *column = &batch->columns[c];
            if (cell == MR_COUNT_OF(cells)) {
                mr_column_append_null(column, row);
            } else if (cell > MR_COUNT_OF(cells)) {
                need(mr_column_append_absent(column, row, &err));
            } else {
                need(mr_column_append(column, row, mr_slice_text(cells[cell].text), &err));
                need(mr_column_tag(column, row, cells[cell].type, &err));
            }
        }
        mr_batch_end_row(batch, 0, 0, row, row);
    }
}

static mr_code place(void *context, uint32_t from, mr_error *error)
{
    work *w = context;
    (void)error;
    for (uint32_t i = from; i < w->refused.count; i++) {
        mr_reject *reject = mr_reject_at(&w->refused, i);
        if (reject->placed) continue;
        reject->record = w->batch.row_record[reject->row_before];
        reject->placed = true;
    }
    return MR_OK;
}

static mr_code drop(void *context, const uint8_t *keep, bool duplicates, mr_error *error)
{
    work *w = context;
    (void)duplicates, (void)error;
    const uint32_t before = w->batch.row_count;
    mr_batch_keep_rows(&w->batch, keep);
    w->dropped += before - w->batch.row_count;
    return MR_OK;
}

static void group(const mr_step *step, const mr_columns *in, work *w, mr_arena *arena)
{
    mr_columns out;
    mr_aggregate *piece = NULL, *all = NULL;
    mr_buffer bytes;
    uint32_t faults = 0;
    uint64_t from = 0;
    if (mr_aggregate_columns(step, in, arena, &out, &err) != MR_OK) return;
    mr_buffer_init(&bytes, "fuzz", 1 << 24);
    need(mr_aggregate_open(step, in, false, 7, &piece, &err));
    need(mr_aggregate_open(step, in, false, 7, &all, &err));
    mr_code rc = mr_aggregate_add(piece, &w->batch, &w->refused, &faults, &err);
    if (rc == MR_OK) rc = mr_aggregate_write(piece, &bytes, &err);
    if (rc == MR_OK) rc = mr_aggregate_merge(all, mr_buffer_slice(&bytes), &err);
    if (rc == MR_OK) {
        if (mr_aggregate_group_count(all) > w->batch.row_count - faults) abort();
        mr_batch_reset(&w->batch);
        need(mr_aggregate_take(all, &from, &w->batch, &err));
        mr_batch_check(&w->batch);
    }
    mr_aggregate_close(piece);
    mr_aggregate_close(all);
    mr_buffer_done(&bytes);
}

static void run(const mr_steps *steps, const mr_columns *in, mr_arena *arena)
{
    static const mr_chain_env env = {.now_ns = 1};
    const mr_step *end = steps->first;
    mr_chain *chain;
    mr_columns out;
    mr_chain_lane *lane;
    while (end != NULL && end->kind != MR_STEP_AGGREGATE)
        end = end->next;
    if (mr_chain_make(steps->first, end, in, &env, arena, &chain, &out, &err) != MR_OK) return;
    need(mr_chain_lane_open(chain, &lane, &err));
    work w = {.dropped = 0};
    mr_batch_init(&w.batch, 0);
    mr_reject_list_init(&w.rejects);
    mr_reject_list_init(&w.refused);
    mr_chain_io io = {.batch = &w.batch,
                      .flow = &w.flow,
                      .rejects = &w.rejects,
                      .refused = &w.refused,
                      .place = place,
                      .drop = drop,
                      .context = &w};
    fill(&w.batch);
    mr_code rc = mr_chain_begin(lane, &io, &err);
    if (rc == MR_OK) mr_batch_check(&w.batch);
    if (rc == MR_OK && mr_chain_is_one_to_one(chain) &&
        w.batch.row_count + w.dropped + w.refused.count != ROWS)
        abort();
    for (int i = 0; rc == MR_OK && mr_flow_pending(&w.flow) && i < MAX_GOES; i++) {
        rc = mr_chain_next(lane, &io, &err);
        if (rc == MR_OK) mr_batch_check(&w.batch);
    }
    if (rc == MR_OK && end != NULL) group(end, &out, &w, arena);
    mr_chain_lane_close(lane);
    mr_chain_free(chain);
    mr_flow_done(&w.flow);
    mr_batch_done(&w.batch);
    mr_reject_list_done(&w.rejects);
    mr_reject_list_done(&w.refused);
}

static bool holds(mr_slice text, const char *word)
{
    const size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.ptr + i, word, len) == 0) return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const mr_slice text = {(const char *)data, size};
    mr_prometheus_metric metric;
    mr_arena arena;
    mr_steps steps;
    mr_columns in;
    mr_tree tree;
    if (size > MAX_BYTES || holds(text, "_file")) return 0; /* no files of the machine's */
    mr_arena_init(&arena, "fuzz", 64 << 20);
    (void)!mr_prometheus_metric_parse(text, &arena, &metric, &err);
    mr_steps_init(&steps, &arena);
    mr_columns_init(&in, &arena, false);
    if (mr_tree_parse(&arena, "fuzz", text, &tree, &err) == MR_OK &&
        mr_steps_load(&steps, &tree, tree.root, &err) == MR_OK)
        run(&steps, &in, &arena);
    mr_arena_done(&arena);
    return 0;
}
