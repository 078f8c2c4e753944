/* SPDX-License-Identifier: MIT
 *
 * How fast batches go out as Arrow and come in again, for each type: one column of 8,192 rows,
 * handed out and released, and the same array taken in (copied, and lent where that can be). Cells
 * are taken from a small set, so this measures conversion and not memory.
 *
 *     arrow_bench
 *
 * Rates are cells per second of CPU time, the median of several runs, on one core. "allocs" is what
 * the warm runs of a column allocated in all, out and in.
 *
 * Thread: one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "arrow/export.h"
#include "arrow/import.h"
#include "core/mem.h"

#define ROWS   8192u
#define ROUNDS 200
#define RUNS   5

static mr_error err;
static mr_arena arena;

static void need(mr_code rc)
{
    if (rc == MR_OK) return;
    fprintf(stderr, "arrow_bench: %s\n", err.text);
    exit(1);
}

static double cpu_now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

typedef struct bench_case {
    const char *name;
    mr_type type;
    const char *cells[4];
} bench_case;

static const bench_case cases[] = {
    {"bool", MR_TYPE_BOOL, {"true", "false", "true", "true"}},
    {"int", MR_TYPE_INT, {"7", "123456", "-98765432", "1700000000123"}},
    {"decimal", MR_TYPE_DECIMAL, {"0.50", "1234.25", "-99999.99", "12.00"}},
    {"float", MR_TYPE_FLOAT, {"0.1", "3.141592653589793", "1e22", "-2.5"}},
    {"date", MR_TYPE_DATE, {"2024-02-29", "2024-03-01", "1999-12-31", "2024-03-01"}},
    {"time", MR_TYPE_TIME, {"01:02:03", "23:59:59", "12:00:00", "00:00:00"}},
    {"timestamp",
     MR_TYPE_TIMESTAMP,
     {"2024-02-29T01:02:03.123Z", "2024-02-29T01:02:03.124Z", "2024-03-01T00:00:00.000Z",
      "2024-03-01T10:00:00.500Z"}},
    {"uuid",
     MR_TYPE_UUID,
     {"01234567-89ab-cdef-0123-456789abcdef", "89abcdef-0123-4567-89ab-cdef01234567",
      "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"}},
    {"string",
     MR_TYPE_STRING,
     {"Kiln Street 4", "x", "a somewhat longer piece of text", "Zo\xc3\xab"}},
    {"bytes", MR_TYPE_BYTES, {"Kiln Street 4", "x", "a somewhat longer piece of text", "\xff"}},
    {"json", MR_TYPE_JSON, {"{}", "[1,2,3]", "{\"a\":{\"b\":null}}", "[\"x\"]"}},
};

static void fill(mr_batch *batch, const mr_schema *schema, const bench_case *c)
{
    mr_batch_reset(batch);
    need(mr_batch_set_schema(batch, schema, &err));
    for (uint32_t row = 0; row < ROWS; row++) {
        need(mr_batch_begin_row(batch, &err));
        need(mr_column_append(&batch->columns[0], row, mr_slice_text(c->cells[row * 7 % 31 % 4]),
                              &err));
        mr_batch_end_row(batch, 0, 0, 0, row);
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *seconds)
{
    qsort(seconds, RUNS, sizeof *seconds, by_value);
    return (double)ROWS * ROUNDS / seconds[RUNS / 2];
}

typedef struct rates {
    double out, in, lent;
    uint64_t allocs;
} rates;

static void take_in(mr_arrow_importer *importer, struct ArrowArray *array, mr_batch *back)
{
    uint32_t rows;
    need(mr_arrow_importer_give(importer, array, &err));
    do
        need(mr_arrow_importer_next(importer, back, &rows, &err));
    while (rows > 0);
}

static void no_release(struct ArrowArray *array)
{
    array->release = NULL;
}

/* One round: the seconds that each way took. The array is shown three times and released once. */
static void measure(const bench_case *c, mr_batch *batch, mr_batch *back, const mr_schema *schema,
                    mr_arrow_exporter *exporter, const mr_arrow_plan *plan,
                    mr_arrow_importer *importers, double *seconds)
{
    struct ArrowArray array, shown;
    fill(batch, schema, c);
    double start = cpu_now();
    need(mr_arrow_export(exporter, plan, batch, NULL, &array, &err));
    seconds[0] += cpu_now() - start;
    for (int lend = 0; lend < 2; lend++) {
        shown = array;
        shown.release = no_release;
        start = cpu_now();
        take_in(&importers[lend], &shown, back);
        seconds[1 + lend] += cpu_now() - start;
    }
    start = cpu_now();
    array.release(&array);
    seconds[0] += cpu_now() - start;
}

static rates run(const bench_case *c)
{
    mr_schema schema;
    mr_batch batch, back;
    mr_arrow_plan plan;
    mr_arrow_exporter *exporter;
    mr_arrow_importer importers[2];
    struct ArrowSchema described;
    double seconds[3][RUNS] = {0};
    mr_batch_init(&batch, 0), mr_batch_init(&back, 0);
    mr_schema_init(&schema, &arena);
    need(mr_schema_add(&schema, MR_SLICE("x"), c->type, NULL, &err));
    need(mr_arrow_exporter_open(&exporter, &err));
    fill(&batch, &schema, c);
    need(mr_arrow_plan_init(&plan, &schema, false, &arena, &err));
    mr_arrow_plan_look(&plan, &batch, false);
    need(mr_arrow_export_schema(&plan, &described, &err));
    for (int lend = 0; lend < 2; lend++)
        need(mr_arrow_importer_open(&importers[lend], &described, lend == 1, &arena, &err));
    described.release(&described);
    rates result = {0};
    for (int r = -1; r < RUNS; r++) {
        const mr_mem_mark mark = mr_mem_mark_now();
        double sums[3] = {0};
        for (int i = 0; i < ROUNDS; i++)
            measure(c, &batch, &back, &schema, exporter, &plan, importers, sums);
        if (r < 0) continue; /* warming up */
        result.allocs += mr_mem_allocs_since(mark);
        for (int way = 0; way < 3; way++)
            seconds[way][r] = sums[way];
    }
    result.out = median(seconds[0]);
    result.in = median(seconds[1]);
    result.lent = importers[1].lent_count > 0 ? median(seconds[2]) : 0;
    mr_arrow_importer_close(&importers[0]), mr_arrow_importer_close(&importers[1]);
    mr_arrow_exporter_close(exporter);
    mr_batch_done(&batch), mr_batch_done(&back);
    return result;
}

int main(void)
{
    mr_arena_init(&arena, "bench", (size_t)64 << 20);
    printf("%-10s %14s %14s %14s %8s\n", "M cells/s", "out", "in", "in, lent", "allocs");
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const rates r = run(&cases[i]);
        printf("%-10s %14.1f %14.1f ", cases[i].name, r.out / 1e6, r.in / 1e6);
        if (r.lent > 0)
            printf("%14.1f ", r.lent / 1e6);
        else
            printf("%14s ", "-");
        printf("%8llu\n", (unsigned long long)r.allocs);
    }
    mr_arena_done(&arena);
    return 0;
}
