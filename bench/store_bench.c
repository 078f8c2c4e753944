/* SPDX-License-Identifier: MIT
 *
 * bench/store_bench.c - what the record store holds a record in, and how fast it takes and gives
 * records: the five reference sets (specs/pipeline.md sections 6 and 12, B6 to B10 and B16).
 *
 *     store_bench [rows [set]]
 *
 * Each figure is the median of five rounds. Parsing is not part of any figure. First comes the
 * honesty check from outside: what a fresh process's resident memory grows by per record between
 * rows and twice as many, next to what the store says.
 *
 * Thread: one. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"
#include "record/batch.h"
#include "record/refdata.h"
#include "record/store.h"

#define ROUNDS     5
#define BATCH_ROWS 10000u

static mr_error err;

static void must(mr_code code)
{
    if (code == MR_OK) return;
    fprintf(stderr, "store_bench: %s\n", err.text);
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

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_size);
    return values[ROUNDS / 2];
}

/* One set as batches, made once. */
typedef struct fixture {
    const mr_refdata_set *set;
    mr_arena arena;
    mr_schema schema;
    mr_batch *batches;
    uint32_t batch_count;
    uint64_t rows;
} fixture;

static void parse_row(const fixture *f, mr_batch *batch, const char **at)
{
    must(mr_batch_begin_row(batch, &err));
    for (uint32_t column = 0; column < f->set->column_count; column++) {
        const char *end = *at;
        while (*end != ',' && *end != '\n')
            end++;
        must(mr_column_append(&batch->columns[column], batch->row_count,
                              (mr_slice){*at, (size_t)(end - *at)}, &err));
        *at = end + 1;
    }
    mr_batch_end_row(batch, 0, 0, 0, 0);
}

static void open_schema(fixture *f, const mr_refdata_set *set, uint64_t rows)
{
    *f = (fixture){.set = set, .rows = rows};
    mr_arena_init(&f->arena, "bench", 1 << 20);
    mr_schema_init(&f->schema, &f->arena);
    for (uint32_t i = 0; i < set->column_count; i++)
        must(mr_schema_add(&f->schema, mr_slice_text(set->columns[i].name), set->columns[i].type,
                           NULL, &err));
}

static void parse_rows(const fixture *f, mr_slice csv, uint32_t count, mr_batch *batch)
{
    mr_batch_reset(batch);
    must(mr_batch_set_schema(batch, &f->schema, &err));
    const char *at = csv.ptr;
    for (uint32_t i = 0; i < count; i++)
        parse_row(f, batch, &at);
}

static void open_fixture(fixture *f, const mr_refdata_set *set, uint64_t rows)
{
    mr_refdata data;
    mr_buffer csv;
    uint32_t count;
    open_schema(f, set, rows);
    f->batches = mr_mem_zalloc(sizeof *f->batches * (rows / BATCH_ROWS + 2));
    if (f->batches == NULL) exit(1);
    mr_buffer_init(&csv, "bench rows", (size_t)1 << 30);
    must(mr_refdata_init(&data, mr_slice_text(set->name), rows, &err));
    for (;;) {
        mr_buffer_reset(&csv);
        must(mr_refdata_next(&data, BATCH_ROWS, &csv, &count, &err));
        if (count == 0) break;
        mr_batch *batch = &f->batches[f->batch_count++];
        mr_batch_init(batch, 0);
        parse_rows(f, mr_buffer_slice(&csv), count, batch);
    }
    mr_buffer_done(&csv);
}

static void close_fixture(fixture *f)
{
    for (uint32_t i = 0; i < f->batch_count; i++)
        mr_batch_done(&f->batches[i]);
    mr_mem_free(f->batches);
    mr_arena_done(&f->arena);
}

static void print_encoding(void *context, const mr_store_encoding *encoding)
{
    const uint64_t rows = *(const uint64_t *)context;
    printf("    %-12.*s %-10s %-7s %4llu chunks %8.3f B/record\n", MR_SLICE_ARGS(encoding->column),
           encoding->kind, encoding->ints, (unsigned long long)encoding->chunks,
           (double)encoding->bytes / (double)rows);
}

static double load(const fixture *f, mr_store *store)
{
    const double start = now();
    for (uint32_t i = 0; i < f->batch_count; i++)
        must(mr_store_append(store, &f->batches[i], &err));
    must(mr_store_seal(store, &err));
    return now() - start;
}

static double read_all(mr_store *store, mr_batch *out)
{
    uint64_t count;
    const double start = now();
    for (uint64_t at = 0; at < mr_store_end(store); at += count)
        must(mr_store_read(store, at, out, &count, &err));
    return now() - start;
}

static double read_alone(mr_store *store, uint64_t gets)
{
    mr_buffer scratch;
    mr_cell cell;
    uint64_t state = 1, bytes = 0;
    mr_buffer_init(&scratch, "bench cell", 1 << 20);
    const double start = now();
    for (uint64_t i = 0; i < gets; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t record = (state >> 33) % mr_store_end(store);
        must(mr_store_get(store, record, (uint32_t)(i % mr_store_schema(store)->field_count),
                          &scratch, &cell, &err));
        bytes += cell.text.len;
    }
    const double seconds = now() - start;
    if (bytes == 0) printf("nothing read\n");
    mr_buffer_done(&scratch);
    return seconds;
}

static void bench_mode(const fixture *f, mr_store_mode mode, bool with_encodings)
{
    const mr_store_config config = {.mode = mode};
    double loads[ROUNDS], reads[ROUNDS], gets[ROUNDS];
    mr_store_stats stats = {0};
    mr_batch out;
    mr_batch_init(&out, 4096);
    for (int round = 0; round < ROUNDS; round++) {
        mr_store *store;
        must(mr_store_open(&config, &store, &err));
        loads[round] = load(f, store);
        reads[round] = read_all(store, &out);
        gets[round] = read_alone(store, 200000);
        mr_store_stats_now(store, &stats);
        if (with_encodings && round == ROUNDS - 1) {
            uint64_t rows = f->rows;
            mr_store_each_encoding(store, print_encoding, &rows);
        }
        mr_store_close(store);
    }
    const double values = (double)f->rows * f->set->column_count / 1e6;
    printf("%-9s %-9s sealed %7.2f live %7.2f peak %7.2f B/record, append+seal %6.1f M values/s, "
           "read %6.1f M values/s, point read %4.0f ns, switch %.1f ms\n",
           f->set->name, mr_store_mode_name(mode), (double)stats.sealed_bytes / (double)f->rows,
           (double)stats.live_bytes / (double)f->rows, (double)stats.peak_bytes / (double)f->rows,
           values / median(loads), values / median(reads), median(gets) / 200000 * 1e9,
           (double)stats.switch_ns / 1e6);
    mr_batch_done(&out);
}

/* What a process holds that has loaded a set and closed everything but the store. */
typedef struct footprint {
    uint64_t resident_bytes, store_bytes;
} footprint;

static uint64_t resident_bytes(void)
{
    unsigned long long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%llu %llu", &size, &resident) != 2) exit(1);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static footprint load_and_measure(const mr_refdata_set *set, uint64_t rows)
{
    const mr_store_config config = {0};
    fixture f;
    mr_refdata data;
    mr_buffer csv;
    mr_batch batch;
    mr_store *store;
    uint32_t count;
    open_schema(&f, set, rows);
    mr_batch_init(&batch, 0);
    mr_buffer_init(&csv, "bench rows", (size_t)1 << 30);
    must(mr_store_open(&config, &store, &err));
    must(mr_refdata_init(&data, mr_slice_text(set->name), rows, &err));
    for (;;) {
        mr_buffer_reset(&csv);
        must(mr_refdata_next(&data, 1000, &csv, &count, &err));
        if (count == 0) break;
        parse_rows(&f, mr_buffer_slice(&csv), count, &batch);
        must(mr_store_append(store, &batch, &err));
    }
    must(mr_store_seal(store, &err));
    mr_buffer_done(&csv);
    mr_batch_done(&batch);
    mr_arena_done(&f.arena);
    mr_mem_trim();
    return (footprint){resident_bytes(), mr_store_bytes(store)};
}

/* The same in a fresh process. */
static footprint footprint_of(const mr_refdata_set *set, uint64_t rows)
{
    footprint found = {0, 0};
    int ends[2];
    if (pipe(ends) != 0) exit(1);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        found = load_and_measure(set, rows);
        _exit(write(ends[1], &found, sizeof found) != (ssize_t)sizeof found);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &found, sizeof found) != (ssize_t)sizeof found) exit(1);
    close(ends[0]);
    waitpid(child, NULL, 0);
    return found;
}

static void check_slope(const mr_refdata_set *set, uint64_t rows)
{
    const footprint once = footprint_of(set, rows), twice = footprint_of(set, rows * 2);
    const double slope =
        ((double)twice.resident_bytes - (double)once.resident_bytes) / (double)rows;
    const double said = (double)twice.store_bytes / (double)(rows * 2);
    printf("%-9s resident memory grows by %.2f B/record, the store says %.2f: ratio %.2f\n",
           set->name, slope, said, slope / said);
}

int main(int argc, char **argv)
{
    const uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    for (const mr_refdata_set *set = mr_refdata_sets; set->name != NULL; set++) {
        if (argc > 2 && strcmp(argv[2], set->name) != 0) continue;
        check_slope(set, rows);
        fixture f;
        open_fixture(&f, set, rows);
        bench_mode(&f, MR_STORE_COLUMNAR, argc > 2);
        bench_mode(&f, MR_STORE_HYBRID, false);
        bench_mode(&f, MR_STORE_ROW, false);
        close_fixture(&f);
    }
    return 0;
}
