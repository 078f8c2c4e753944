/* SPDX-License-Identifier: MIT
 *
 * Scenarios about records in the store. Every load is a process of its own. */
#include <stdio.h>

#include "bench/child.h"
#include "bench/data.h"
#include "bench/keep.h"
#include "bench/scenarios.h"
#include "core/clock.h"
#include "core/mem.h"

static const mr_bench_target bytes_unit = {"bytes", MR_BENCH_LOWER, MR_BENCH_NONE, MR_BENCH_NONE};
static const mr_bench_target ms_unit = {"ms", MR_BENCH_LOWER, MR_BENCH_NONE, MR_BENCH_NONE};
static const mr_bench_target rate_unit = {"records/s", MR_BENCH_HIGHER, MR_BENCH_NONE,
                                          MR_BENCH_NONE};

static const mr_store_mode modes[] = {MR_STORE_ROW, MR_STORE_COLUMNAR, MR_STORE_HYBRID};

typedef struct hold {
    const mr_bench_file *file;
    uint32_t batch_size;
    uint32_t read_rows; /* of a batch when reading back; 0 = 10,000 */
    mr_store_config config;
    bool encodings; /* say what each column is held in */
} hold;

static void say_encoding(void *context, const mr_store_encoding *e)
{
    mr_bench_say(context, (double)e->bytes, "%.*s as %s%s%s", MR_SLICE_ARGS(e->column), e->kind,
                 e->ints[0] != 0 ? ", " : "", e->ints);
}

static mr_code read_back(mr_store *store, const hold *h, mr_bench_answer *answer, mr_error *err)
{
    char hex[65];
    const uint32_t rows = h->read_rows > 0 ? h->read_rows : 10000;
    mr_batch batch;
    uint64_t count;
    mr_code rc = MR_OK;
    MR_TRY(mr_bench_kept_sum(store, rows, hex, err));
    mr_bench_say(answer, strcmp(hex, h->file->sha256) == 0, "same");
    mr_batch_init(&batch, rows);
    const int64_t begun = mr_clock_ns();
    for (uint64_t at = mr_store_first(store); rc == MR_OK && at < mr_store_end(store); at += count)
        rc = mr_store_read(store, at, &batch, &count, err);
    mr_bench_say(answer, (double)(mr_clock_ns() - begun) * 1e-9, "read_seconds");
    mr_batch_done(&batch);
    return rc;
}

/* In a child. */
static mr_code hold_and_look(void *context, mr_bench_answer *answer, mr_error *err)
{
    const hold *h = context;
    mr_bench_kept kept;
    mr_store_stats stats;
    const uint64_t heap = mr_mem_stats_now().live_bytes;
    MR_TRY(mr_bench_keep(h->file->path, 2, h->batch_size, &h->config, &kept, err));
    mr_store_stats_now(kept.store, &stats);
    mr_bench_say(answer, (double)(mr_mem_stats_now().live_bytes - heap), "allocated");
    mr_bench_say(answer, (double)kept.records, "records");
    mr_bench_say(answer, kept.append_seconds, "append_seconds");
    mr_bench_say(answer, (double)stats.store_bytes, "store_bytes");
    mr_bench_say(answer, (double)(stats.live_bytes > 0 ? stats.live_bytes : stats.store_bytes),
                 "live_bytes");
    mr_bench_say(answer, (double)stats.switch_ns * 1e-6, "switch_ms");
    mr_bench_say(answer, (double)stats.switch_count, "switches");
    mr_bench_say(answer, stats.now == MR_STORE_ROW, "row");
    if (h->encodings) mr_store_each_encoding(kept.store, say_encoding, answer);
    const mr_code rc = read_back(kept.store, h, answer, err);
    mr_store_close(kept.store);
    return rc;
}

static mr_code hold_once(const hold *h, mr_bench_answer *answer, mr_error *err)
{
    hold copy = *h;
    MR_TRY(mr_bench_fork(hold_and_look, &copy, answer, err));
    if (mr_bench_said(answer, "same") > 0) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "the store does not give back '%s'", h->file->path);
}

/* Bytes and rates of one load, over all runs. */
static mr_code sample_hold(mr_bench *bench, const hold *h, const char *label,
                           const mr_bench_target *bytes, mr_error *err)
{
    static mr_bench_answer a;
    for (uint32_t run = 0; run < bench->runs; run++) {
        MR_TRY(hold_once(h, &a, err));
        const double n = mr_bench_said(&a, "records");
        mr_bench_sample(bench, bytes, mr_bench_said(&a, "store_bytes") / n, "%s, bytes a record",
                        label);
        mr_bench_sample(bench, &bytes_unit, mr_bench_said(&a, "live_bytes") / n,
                        "%s, before sealing", label);
        mr_bench_sample(bench, &bytes_unit, mr_bench_said(&a, "allocated") / n,
                        "%s, from the allocator", label);
        mr_bench_sample(bench, &rate_unit, n / mr_bench_said(&a, "append_seconds"), "%s, append",
                        label);
        mr_bench_sample(bench, &rate_unit, n / mr_bench_said(&a, "read_seconds"), "%s, read",
                        label);
    }
    return MR_OK;
}

mr_code mr_bench_columnar(mr_bench *bench, mr_error *err)
{
    static const uint64_t sizes[] = {10000, 50000, 100000, 200000, 1000000};
    for (size_t i = 0; i < MR_COUNT_OF(sizes); i++) {
        char label[64];
        mr_bench_file file;
        MR_TRY(mr_bench_data(bench, "orders9", sizes[i], &file, err));
        const hold h = {.file = &file,
                        .batch_size = (uint32_t)(sizes[i] / 10),
                        .config = {.mode = MR_STORE_COLUMNAR}};
        const mr_bench_target bytes = {"bytes", MR_BENCH_LOWER, 50, i == 4 ? 12 : MR_BENCH_NONE};
        snprintf(label, sizeof label, "orders9 %llu", (unsigned long long)sizes[i]);
        MR_TRY(sample_hold(bench, &h, label, &bytes, err));
    }
    return MR_OK;
}

mr_code mr_bench_switch(mr_bench *bench, mr_error *err)
{
    static const struct {
        uint64_t rows;
        bool row;
    } cases[] = {{1000, true}, {9999, true}, {10000, false}, {10001, false}, {100000, false}};
    static mr_bench_answer a;
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_bench_file file;
        const unsigned long long rows = cases[i].rows;
        MR_TRY(mr_bench_data(bench, "mixed10", rows, &file, err));
        const hold h = {.file = &file, .batch_size = 100};
        for (uint32_t run = 0; run < bench->runs; run++) {
            MR_TRY(hold_once(&h, &a, err));
            if (!cases[i].row)
                mr_bench_sample(bench, &ms_unit, mr_bench_said(&a, "switch_ms"),
                                "%llu records, time spent switching", rows);
        }
        const bool row = mr_bench_said(&a, "row") > 0;
        mr_bench_check(bench, row == cases[i].row && mr_bench_said(&a, "records") == (double)rows,
                       "%llu records: %s, %.0f switches, all read back in order", rows,
                       row ? "row" : "columnar", mr_bench_said(&a, "switches"));
    }
    return MR_OK;
}

/* --- B9 --- */

#define ADAPTER_ROWS 50000

static void put_plain_row(FILE *out, uint32_t i)
{
    fprintf(out, "id_%u,value_%u,cat_%u,%u.%u\n", i, i, i % 10, i * 3 / 2, i % 2 * 5);
}

static void put_typed_row(FILE *out, uint32_t i)
{
    fprintf(out, "%u,name_%u,cat_%u,%u.%u,%s\n", i, i, i % 10, i * 3 / 2, i % 2 * 5,
            i % 2 == 0 ? "true" : "false");
}

static mr_code make_adapter_file(mr_bench *bench, const char *name, const char *header,
                                 void (*put_row)(FILE *out, uint32_t i), mr_bench_file *out,
                                 mr_error *err)
{
    char path[MR_FILE_PATH_MAX];
    MR_TRY(mr_bench_path(bench, name, path, err));
    FILE *file = fopen(path, "w");
    if (file == NULL) return mr_fail(err, MR_ERR_IO, "cannot write '%s'", path);
    fputs(header, file);
    for (uint32_t i = 0; i < ADAPTER_ROWS; i++)
        put_row(file, i);
    if (fclose(file) != 0) return mr_fail(err, MR_ERR_IO, "cannot write '%s'", path);
    return mr_bench_sum(path, out, err);
}

mr_code mr_bench_adapter(mr_bench *bench, mr_error *err)
{
    static const struct {
        const char *name, *header;
        void (*put_row)(FILE *out, uint32_t i);
    } kinds[] = {{"plain", "id,value,cat,amount\n", put_plain_row},
                 {"typed", "id,name,category,amount,active\n", put_typed_row}};
    for (size_t k = 0; k < MR_COUNT_OF(kinds); k++) {
        mr_bench_file file;
        MR_TRY(
            make_adapter_file(bench, kinds[k].name, kinds[k].header, kinds[k].put_row, &file, err));
        for (size_t m = 0; m < MR_COUNT_OF(modes); m++) {
            char label[64];
            const hold h = {.file = &file, .batch_size = 1000, .config = {.mode = modes[m]}};
            snprintf(label, sizeof label, "%s, %s", kinds[k].name, mr_store_mode_name(modes[m]));
            MR_TRY(sample_hold(bench, &h, label, &bytes_unit, err));
        }
    }
    return MR_OK;
}

/* --- B10 --- */

/* The values that an encoding's visit added all say "COLUMN as KIND". */
static void sample_encodings(mr_bench *bench, const mr_bench_answer *a, const char *label,
                             double records)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (strstr(a->values[i].name, " as ") != NULL)
            mr_bench_sample(bench, &bytes_unit, a->values[i].value / records, "%s, %s", label,
                            a->values[i].name);
}

static mr_code break_down(mr_bench *bench, mr_error *err)
{
    static const uint64_t sizes[] = {1000, 10000, 100000, 1000000};
    static mr_bench_answer a;
    for (size_t i = 0; i < MR_COUNT_OF(sizes); i++) {
        char label[64];
        mr_bench_file file;
        MR_TRY(mr_bench_data(bench, "mixed10", sizes[i], &file, err));
        const hold h = {.file = &file, .config = {.mode = MR_STORE_COLUMNAR}, .encodings = true};
        MR_TRY(hold_once(&h, &a, err));
        snprintf(label, sizeof label, "mixed10 %llu", (unsigned long long)sizes[i]);
        mr_bench_sample(bench, &bytes_unit, mr_bench_said(&a, "store_bytes") / (double)sizes[i],
                        "%s, bytes a record", label);
        sample_encodings(bench, &a, label, (double)sizes[i]);
    }
    return MR_OK;
}

static mr_code dictionaries(mr_bench *bench, mr_error *err)
{
    static const uint32_t distinct[] = {10, 50, 100, 1000};
    static mr_bench_answer a;
    for (size_t i = 0; i < MR_COUNT_OF(distinct); i++) {
        char path[MR_FILE_PATH_MAX], label[64];
        mr_bench_file file;
        MR_TRY(mr_bench_path(bench, "categories.csv", path, err));
        FILE *out = fopen(path, "w");
        if (out == NULL) return mr_fail(err, MR_ERR_IO, "cannot write '%s'", path);
        fputs("category,row\n", out);
        for (uint32_t row = 0; row < 10000; row++) /* spread out, so that it is no sequence */
            fprintf(out, "category %x,%u\n", row * 2654435761u % 99991 % distinct[i], row);
        fclose(out);
        MR_TRY(mr_bench_sum(path, &file, err));
        const hold h = {.file = &file, .config = {.mode = MR_STORE_COLUMNAR}, .encodings = true};
        MR_TRY(hold_once(&h, &a, err));
        snprintf(label, sizeof label, "%u categories in 10,000", distinct[i]);
        sample_encodings(bench, &a, label, 10000);
    }
    return MR_OK;
}

static mr_code batch_reads(mr_bench *bench, mr_error *err)
{
    static const uint32_t rows[] = {100, 1000, 10000};
    static mr_bench_answer a;
    mr_bench_file file;
    MR_TRY(mr_bench_data(bench, "mixed10", 1000000, &file, err));
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        const hold h = {.file = &file, .read_rows = rows[i], .config = {.mode = MR_STORE_COLUMNAR}};
        for (uint32_t run = 0; run < bench->runs; run++) {
            MR_TRY(hold_once(&h, &a, err));
            mr_bench_sample(bench, &rate_unit, 1e6 / mr_bench_said(&a, "read_seconds"),
                            "mixed10 1000000, read %u at a time", rows[i]);
        }
    }
    return MR_OK;
}

mr_code mr_bench_breakdown(mr_bench *bench, mr_error *err)
{
    MR_TRY(break_down(bench, err));
    MR_TRY(dictionaries(bench, err));
    return batch_reads(bench, err);
}
