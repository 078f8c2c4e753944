/* SPDX-License-Identifier: MIT */
#include "bench/keep.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/sha256.h"
#include "format/csv.h"
#include "pipeline/run.h"

#define ARENA_BYTES ((size_t)64 << 20)

static const mr_option_from by_bench = {MR_ORIGIN_FLAG, "bench"};

static mr_code keep_write(void *state, mr_job *job, mr_error *err)
{
    mr_bench_kept *kept = state;
    const int64_t begun = mr_clock_ns();
    MR_TRY(mr_store_append(kept->store, &job->batch, err));
    kept->append_seconds += (double)(mr_clock_ns() - begun) * 1e-9;
    kept->records += job->batch.row_count;
    job->encoded_rows += job->batch.row_count;
    return MR_OK;
}

static const mr_destination_ops keep_ops = {
    .name = "keep",
    .summary = "records kept for measuring",
    .capabilities = MR_CAP_TYPED,
    .guarantee = "memory only",
    .state_bytes = sizeof(mr_bench_kept),
    .write = keep_write,
};

static void ignore(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static mr_code set_number(mr_pipeline_config *config, const char *key, uint32_t value,
                          mr_error *err)
{
    char text[16];
    if (value == 0) return MR_OK;
    snprintf(text, sizeof text, "%u", value);
    return mr_config_set(config, key, mr_slice_text(text), by_bench, err);
}

static mr_code configure(mr_pipeline_config *config, const char *path, uint32_t workers,
                         uint32_t batch_size, mr_arena *arena, mr_error *err)
{
    MR_TRY(mr_config_init(config, arena, err));
    MR_TRY(mr_endpoint_set_connector(&config->source, MR_SLICE("csv"), by_bench, err));
    MR_TRY(mr_endpoint_set_path(&config->source, mr_slice_text(path), by_bench, err));
    MR_TRY(mr_endpoint_parse(&config->destination, MR_SLICE("null:"), by_bench, err));
    MR_TRY(set_number(config, "performance.workers", workers, err));
    MR_TRY(set_number(config, "performance.batch_size", batch_size, err));
    MR_TRY(mr_config_set(config, "progress", MR_SLICE("off"), by_bench, err));
    return mr_config_finish(config, MR_CONFIG_SOURCE | MR_CONFIG_DESTINATION, err);
}

/* Opens the run as written, with a destination that takes everything; then ours takes its place. */
static mr_code run_into(mr_pipeline_config *config, mr_bench_kept *kept, mr_error *err)
{
    static mr_run run; /* large: histograms */
    mr_report report;
    mr_code rc =
        mr_run_open(&run, config, MR_CONFIG_SOURCE | MR_CONFIG_DESTINATION, ignore, NULL, err);
    if (rc == MR_OK) {
        if (run.destination->close != NULL) run.destination->close(run.destination_state);
        run.destination = &keep_ops;
        run.destination_state = kept;
        rc = mr_run_discover(&run, true, 0, err);
    }
    if (rc == MR_OK) {
        mr_run_execute(&run, &report);
        if (report.exit_code != 0) {
            rc = report.error.code != MR_OK ? report.error.code : MR_ERR_INPUT;
            mr_fail(err, rc, "loading the store: %s", report.error.text);
        }
    }
    mr_run_close(&run);
    return rc;
}

mr_code mr_bench_keep(const char *path, uint32_t workers, uint32_t batch_size,
                      const mr_store_config *config, mr_bench_kept *out, mr_error *err)
{
    static mr_pipeline_config pipeline;
    mr_arena arena;
    memset(out, 0, sizeof *out);
    MR_TRY(mr_store_open(config, &out->store, err));
    mr_arena_init(&arena, "bench run", ARENA_BYTES);
    mr_code rc = configure(&pipeline, path, workers, batch_size, &arena, err);
    if (rc == MR_OK) rc = run_into(&pipeline, out, err);
    mr_arena_done(&arena);
    const int64_t begun = mr_clock_ns();
    if (rc == MR_OK) rc = mr_store_seal(out->store, err);
    out->append_seconds += (double)(mr_clock_ns() - begun) * 1e-9;
    if (rc != MR_OK) mr_store_close(out->store);
    return rc;
}

static mr_code sum_rows(mr_store *store, mr_csv_writer *writer, mr_batch *batch, mr_buffer *csv,
                        mr_sha256 *sum, mr_error *err)
{
    uint64_t count;
    MR_TRY(mr_csv_write_header(writer, mr_store_schema(store), csv, err));
    for (uint64_t at = mr_store_first(store); at < mr_store_end(store); at += count) {
        MR_TRY(mr_store_read(store, at, batch, &count, err));
        batch->sequence = at;
        MR_TRY(mr_csv_write(writer, batch, csv, err));
        mr_sha256_add(sum, mr_buffer_slice(csv));
        mr_buffer_reset(csv);
    }
    return MR_OK;
}

mr_code mr_bench_kept_sum(mr_store *store, uint32_t batch_rows, char hex[65], mr_error *err)
{
    mr_sha256 sum;
    mr_batch batch;
    mr_buffer csv;
    mr_csv_writer writer;
    mr_sha256_init(&sum);
    mr_batch_init(&batch, batch_rows);
    mr_buffer_init(&csv, "CSV of the store", (size_t)256 << 20);
    mr_csv_writer_init(&writer);
    const mr_code rc = sum_rows(store, &writer, &batch, &csv, &sum, err);
    mr_csv_writer_done(&writer);
    mr_buffer_done(&csv);
    mr_batch_done(&batch);
    mr_sha256_hex(&sum, hex);
    return rc;
}
