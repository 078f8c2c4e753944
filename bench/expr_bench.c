/* SPDX-License-Identifier: MIT
 *
 * bench/expr_bench.c - how fast expressions are worked on: nanoseconds a row over a million rows of
 * mixed10 in memory, on one core, as typed columns and as untyped text. Each figure is the median
 * of seven rounds.
 *
 *     expr_bench [rows]
 *
 * Thread: one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/mem.h"
#include "core/number.h"
#include "expr/expr.h"
#include "record/column.h"
#include "record/refdata.h"

#define ROUNDS     7
#define BATCH_ROWS 4096u

static mr_error err;

static void must(mr_code code)
{
    if (code == MR_OK) return;
    fprintf(stderr, "expr_bench: %s\n", err.text);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct fixture {
    mr_arena arena;
    mr_schema typed, texts;
    mr_batch *batches;
    uint32_t batch_count;
    uint64_t rows;
} fixture;

static void parse_rows(fixture *f, mr_slice csv, uint32_t count, mr_batch *batch)
{
    const char *at = csv.ptr;
    mr_batch_init(batch, BATCH_ROWS);
    must(mr_batch_set_schema(batch, &f->typed, &err));
    for (uint32_t row = 0; row < count; row++) {
        must(mr_batch_begin_row(batch, &err));
        for (uint32_t i = 0; i < batch->column_count; i++) {
            const char *end = at;
            while (*end != ',' && *end != '\n')
                end++;
            must(mr_column_append(&batch->columns[i], row, (mr_slice){at, (size_t)(end - at)},
                                  &err));
            at = end + 1;
        }
        mr_batch_end_row(batch, 0, 0, 0, 0);
    }
}

static void open_fixture(fixture *f, uint64_t rows)
{
    mr_refdata data;
    mr_buffer csv;
    uint32_t count;
    *f = (fixture){.rows = rows};
    mr_arena_init(&f->arena, "bench", (size_t)1 << 30);
    must(mr_refdata_init(&data, MR_SLICE("mixed10"), rows, &err));
    mr_schema_init(&f->typed, &f->arena);
    mr_schema_init(&f->texts, &f->arena);
    for (uint32_t i = 0; i < data.set->column_count; i++) {
        const mr_slice name = mr_slice_text(data.set->columns[i].name);
        uint32_t number;
        must(mr_schema_add(&f->typed, name, data.set->columns[i].type, &number, &err));
        must(mr_schema_add(&f->texts, name, MR_TYPE_STRING, &number, &err));
    }
    f->batches = mr_arena_take(&f->arena, sizeof *f->batches * (rows / BATCH_ROWS + 1));
    mr_buffer_init(&csv, "rows", (size_t)64 << 20);
    for (;;) {
        mr_buffer_reset(&csv);
        must(mr_refdata_next(&data, BATCH_ROWS, &csv, &count, &err));
        if (count == 0) break;
        parse_rows(f, mr_buffer_slice(&csv), count, &f->batches[f->batch_count++]);
    }
    mr_buffer_done(&csv);
}

static void set_types(fixture *f, const mr_schema *schema)
{
    for (uint32_t b = 0; b < f->batch_count; b++)
        for (uint32_t i = 0; i < schema->field_count; i++)
            f->batches[b].columns[i].type = schema->fields[i].type;
}

/* Nanoseconds a row; `out_kept` = rows that are true, or values that are not null. */
static double measure(fixture *f, const char *text, bool untyped, bool predicate,
                      uint64_t *out_kept)
{
    double rounds[ROUNDS];
    mr_expr *expr;
    mr_eval *eval;
    mr_column column = {0};
    uint8_t keep[BATCH_ROWS / 8];
    const mr_schema *schema = untyped ? &f->texts : &f->typed;
    set_types(f, schema);
    must(mr_expr_compile(&f->arena, mr_slice_text(text),
                         &(mr_expr_env){.schema = schema, .all_untyped = untyped}, &expr, &err));
    must(mr_eval_new(expr, &eval, &err));
    for (unsigned round = 0; round < ROUNDS; round++) {
        *out_kept = 0;
        const double start = now();
        for (uint32_t b = 0; b < f->batch_count; b++) {
            uint32_t kept = 0;
            if (predicate)
                must(mr_eval_keep(eval, &f->batches[b], NULL, keep, &kept, &err));
            else
                must(mr_eval_value(eval, &f->batches[b], NULL, &column, &err));
            *out_kept += predicate ? kept : f->batches[b].row_count - column.null_count;
        }
        rounds[round] = (now() - start) * 1e9 / (double)f->rows;
    }
    qsort(rounds, ROUNDS, sizeof *rounds, by_size);
    mr_column_done(&column);
    mr_eval_free(eval);
    mr_expr_free(expr);
    return rounds[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    static const struct {
        const char *text;
        bool predicate;
    } cases[] = {
        {".score > 100", true},
        {".score > 50", true},
        {".id > 500000", true},
        {".age between 20 and 30", true},
        {".age = 42 or .score < 10.5", true},
        {".city = \"Berlin\"", true},
        {".city != \"Berlin\" and .score > 50", true},
        {".city in (\"Berlin\", \"Paris\", \"Rome\")", true},
        {".created_at > \"2024-06-01\"", true},
        {".score * 2 > 100", true},
        {".age + 1 > .id", true},
        {".name like \"%a%\"", true},
        {"contains(.name, \"7\")", true},
        {"regex_match(.name, \"7$\")", true},
        {".age + 1", false},
        {".score * 2", false},
        {"upper(.name)", false},
        {".name + \"!\"", false},
        {"if(.age > 30, .name, \"young\")", false},
        {"sha256(.name)", false},
        {"hash(.name)", false},
    };
    fixture f;
    uint64_t rows = 1000000, kept[2];
    if (argc > 1 && !mr_parse_u64(mr_slice_text(argv[1]), &rows)) return 2;
    open_fixture(&f, rows);
    printf("%-48s %12s %12s %10s\n", "expression", "typed ns/row", "untyped", "rows");
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const double typed = measure(&f, cases[i].text, false, cases[i].predicate, &kept[0]);
        const double untyped = measure(&f, cases[i].text, true, cases[i].predicate, &kept[1]);
        printf("%-48s %12.1f %12.1f %10llu%s\n", cases[i].text, typed, untyped,
               (unsigned long long)kept[0], kept[0] == kept[1] ? "" : " DIFFERENT");
    }
    return 0;
}
