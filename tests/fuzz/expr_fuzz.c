/* SPDX-License-Identifier: MIT
 *
 * Any text as an expression over a batch of odd cells, typed and untyped: compiling and evaluating
 * never crash, a filter keeps exactly the rows whose value is true, and looking at half of the rows
 * changes nothing for them. */
#include <stdio.h>
#include <stdlib.h>

#include "expr/expr.h"
#include "record/column.h"

#define ROWS 24u

static mr_error err;

static void need(mr_code rc)
{
    if (rc == MR_OK) return;
    fprintf(stderr, "expr_fuzz: %s\n", err.text);
    abort();
}

/* Column "a" is typed by its cells, "t" is text, "j" json, "n" has no values. */
static void fill(mr_batch *batch)
{
    static const struct {
        mr_type type;
        const char *text;
    } cells[] = {
        {MR_TYPE_INT, "7"},
        {MR_TYPE_INT, "-9223372036854775808"},
        {MR_TYPE_DECIMAL, "1.50"},
        {MR_TYPE_DECIMAL, "99999999999999999999999999999999999999"},
        {MR_TYPE_NUMBER, "1e400"},
        {MR_TYPE_FLOAT, "0.1"},
        {MR_TYPE_BOOL, "true"},
        {MR_TYPE_DATE, "2024-02-29"},
        {MR_TYPE_TIMESTAMP, "2024-02-29T12:34:56.789+02:00"},
        {MR_TYPE_STRING, "Zo\xc3\xab, x=1"},
        {MR_TYPE_STRING, ""},
        {MR_TYPE_BYTES, "\xff\xfe"},
        {MR_TYPE_JSON, "{\"a\":[1,{\"b\":\"\\u00e9\"}],\"b\":null}"},
        {MR_TYPE_JSON, "[1,[2,3],\"x\"]"},
        {MR_TYPE_UUID, "2ed6657d-e927-568b-95e1-2665a8aea6a2"},
        {MR_TYPE_TIME, "12:34:56"},
    };
    static const char *const names[] = {"a", "t", "j", "n"};
    uint32_t number;
    for (unsigned i = 0; i < 4; i++)
        need(mr_batch_add_column(batch, mr_slice_text(names[i]),
                                 i == 1   ? MR_TYPE_STRING
                                 : i == 2 ? MR_TYPE_JSON
                                          : MR_TYPE_NULL,
                                 &number, &err));
    for (uint32_t row = 0; row < ROWS; row++) {
        need(mr_batch_begin_row(batch, &err));
        mr_column *c = batch->columns;
        const unsigned cell = row % (MR_COUNT_OF(cells) + 2);
        if (cell == MR_COUNT_OF(cells)) {
            mr_column_append_null(&c[0], row);
        } else if (cell > MR_COUNT_OF(cells)) {
            need(mr_column_append_absent(&c[0], row, &err));
        } else {
            need(mr_column_append(&c[0], row, mr_slice_text(cells[cell].text), &err));
            need(mr_column_tag(&c[0], row, cells[cell].type, &err));
        }
        need(mr_column_append(&c[1], row, mr_slice_text(cells[row % MR_COUNT_OF(cells)].text),
                              &err));
        need(mr_column_append(&c[2], row, mr_slice_text(cells[12 + row % 2].text), &err));
        mr_column_append_null(&c[3], row);
        mr_batch_end_row(batch, 0, 0, 0, 0);
    }
}

static bool bit(const uint8_t *bits, uint32_t row)
{
    return (bits[row / 8] >> row % 8 & 1) != 0;
}

static bool is_fault(const mr_eval *eval, uint32_t row)
{
    for (uint32_t i = 0; i < mr_eval_fault_count(eval); i++)
        if (mr_eval_fault_at(eval, i).row == row) return true;
    return false;
}

static void expect(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "expr_fuzz: %s\n", what);
    abort();
}

/* Values of all rows and of every other one; then what is kept. Memory may run out. */
static mr_code evaluate(mr_eval *eval, const mr_batch *batch, mr_column *all, mr_column *half,
                        bool random)
{
    uint8_t rows[(ROWS + 7) / 8], keep[(ROWS + 7) / 8], faults[ROWS];
    uint32_t kept, truths = 0;
    memset(rows, 0x55, sizeof rows);
    MR_TRY(mr_eval_value(eval, batch, rows, half, &err));
    MR_TRY(mr_eval_value(eval, batch, NULL, all, &err));
    for (uint32_t row = 0; row < ROWS; row++) {
        const bool same = mr_slice_equal(mr_column_text(all, row), mr_column_text(half, row));
        expect(random || !bit(rows, row) || same, "half of the rows differ");
        expect(bit(rows, row) || mr_column_is_null(half, row), "a row left out has a value");
        faults[row] = is_fault(eval, row);
        expect(!faults[row] || mr_column_is_null(all, row), "a fault has a value");
    }
    MR_TRY(mr_eval_keep(eval, batch, NULL, keep, &kept, &err));
    for (uint32_t row = 0; row < ROWS; row++) {
        const bool truth = !mr_column_is_null(all, row) &&
                           mr_column_type(all, row) == MR_TYPE_BOOL &&
                           mr_slice_is(mr_column_text(all, row), "true");
        if (!random && mr_column_type(all, row) == MR_TYPE_BOOL)
            expect(bit(keep, row) == truth, "kept is not what is true");
        truths += bit(keep, row);
    }
    expect(truths == kept, "kept is miscounted");
    return MR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mr_arena arena;
    mr_batch batch;
    mr_expr *expr;
    mr_eval *eval;
    mr_column all = {0}, half = {0};
    if (size < 1 || size > 2000) return 0;
    mr_arena_init(&arena, "fuzz.expr", (size_t)64 << 20);
    mr_batch_init(&batch, ROWS);
    const mr_expr_env env = {.all_untyped = bytes[0] & 1, .predicate = bytes[0] & 2, .now_ns = 1};
    const mr_slice text = {(const char *)bytes + 1, size - 1};
    if (mr_expr_compile(&arena, text, &env, &expr, &err) == MR_OK) {
        fill(&batch);
        need(mr_eval_new(expr, &eval, &err));
        if (evaluate(eval, &batch, &all, &half, mr_expr_result_of(expr).random) == MR_OK)
            expect(evaluate(eval, &batch, &all, &half, mr_expr_result_of(expr).random) == MR_OK,
                   "a second time it fails");
        mr_eval_free(eval);
        mr_expr_free(expr);
    } else {
        expect(memchr(err.text, '\n', strlen(err.text)) == NULL, "an error has two lines");
    }
    mr_column_done(&all);
    mr_column_done(&half);
    mr_batch_done(&batch);
    mr_arena_done(&arena);
    return 0;
}
