/* SPDX-License-Identifier: MIT
 *
 * The rules by which a store changes its mode (specs/pipeline.md section 5), and what it does when
 * memory gets short. */
#include <time.h>

#include "core/mem.h"
#include "record/column.h"
#include "record/store_internal.h"

#define BATCH_HINT_ROWS  10000u
#define CONVERT_ROWS     1024u
#define DRAINED_FLUSHES  3u
#define PRESSURE_PERCENT 80u
#define FULL_PERCENT     95u
#define SPILL_TO_PERCENT 70u /* so that not every batch spills a group */
#define PRESSURE_MIN_ROWS                                                                  \
    4096u                /* an open group shorter than this is not sealed for pressure ... \
                          */
#define PRESSURE_PART 4u /* ... unless it holds this part of the limit */

static const char *const mode_names[MR_STORE_MODE_COUNT] = {
    [MR_STORE_HYBRID] = "hybrid",
    [MR_STORE_ROW] = "row",
    [MR_STORE_COLUMNAR] = "columnar",
};

static const char *const reason_names[MR_STORE_REASON_COUNT] = {
    [MR_STORE_BY_STREAMING] = "streaming", [MR_STORE_BY_RECORDS] = "records",
    [MR_STORE_BY_BYTES] = "bytes",         [MR_STORE_BY_BATCH_HINT] = "batch_hint",
    [MR_STORE_BY_PRESSURE] = "pressure",   [MR_STORE_BY_SPILL] = "spill",
    [MR_STORE_BY_DRAINED] = "drained",
};

const char *mr_store_mode_name(mr_store_mode mode)
{
    return mode_names[mode];
}

mr_store_mode mr_store_mode_named(mr_slice name)
{
    for (int mode = 0; mode < MR_STORE_MODE_COUNT; mode++)
        if (mr_slice_is(name, mode_names[mode])) return (mr_store_mode)mode;
    return MR_STORE_MODE_COUNT;
}

const char *mr_store_reason_name(mr_store_reason reason)
{
    return reason_names[reason];
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void log_switch(mr_store *store, mr_store_mode to, mr_store_reason reason, uint64_t since_ns)
{
    mr_store_switch *entry = &store->switch_log[store->switch_count++ % MR_STORE_SWITCHES_KEPT];
    *entry = (mr_store_switch){.from = store->mode,
                               .to = to,
                               .reason = reason,
                               .at_record = store->end_record - store->first_record,
                               .duration_ns = now_ns() - since_ns};
    store->switches[to][reason]++;
    store->switch_ns += entry->duration_ns;
    store->mode = to;
}

/* Rules 1 and 4. Going by the hint from the start is a switch of an empty store. */
void mr_store_start_mode(mr_store *store)
{
    const mr_store_config *config = &store->config;
    store->mode = config->mode == MR_STORE_COLUMNAR ? MR_STORE_COLUMNAR : MR_STORE_ROW;
    if (config->streaming && config->mode == MR_STORE_HYBRID)
        log_switch(store, MR_STORE_ROW, MR_STORE_BY_STREAMING, now_ns());
    else if (config->mode == MR_STORE_HYBRID && config->batch_size > BATCH_HINT_ROWS)
        log_switch(store, MR_STORE_COLUMNAR, MR_STORE_BY_BATCH_HINT, now_ns());
}

static bool may_switch(const mr_store *store)
{
    return store->config.mode == MR_STORE_HYBRID && !store->config.streaming;
}

static uint64_t buffered_rows(const mr_store *store)
{
    return store->rows.end_row - store->rows.first_row;
}

/* Unpacks up to CONVERT_ROWS rows into `columns` and appends them to the open group. */
static mr_code convert_rows(mr_store *store, mr_column *columns, const mr_column **sources,
                            mr_error *err)
{
    const uint32_t count = store->schema.field_count;
    const uint64_t first = store->rows.first_row;
    const uint32_t rows = (uint32_t)mr_min_u64(buffered_rows(store), CONVERT_ROWS);
    for (uint32_t i = 0; i < count; i++) {
        mr_buffer_reset(&columns[i].data);
        columns[i].null_count = columns[i].absent_count = 0;
        columns[i].type = MR_TYPE_NULL;
        MR_TRY(mr_column_reserve_rows(&columns[i], CONVERT_ROWS, err));
        sources[i] = &columns[i];
    }
    MR_TRY(mr_rowpack_read(&store->rows, first, rows, columns, count, 0, err));
    /* The rows are the last records of the store: take them off its end, put them back. */
    const uint64_t end = store->end_record;
    store->end_record = store->rows_first + first;
    const mr_code rc = mr_store_append_tail(store, sources, 0, rows, err);
    mr_rowpack_drop_before(&store->rows, store->end_record - store->rows_first);
    store->end_record = end;
    return rc;
}

static mr_code make_columnar(mr_store *store, mr_store_reason reason, mr_error *err)
{
    const uint64_t since = now_ns();
    const uint32_t count = store->schema.field_count;
    mr_code rc = MR_OK;
    if (buffered_rows(store) > 0) {
        mr_column *columns = mr_mem_zalloc(sizeof *columns * (count + 1));
        const mr_column **sources = mr_mem_alloc(sizeof *sources * (count + 1));
        if (columns == NULL || sources == NULL)
            rc = mr_fail(err, MR_ERR_NOMEM, "no memory left to go columnar");
        while (rc == MR_OK && buffered_rows(store) > 0)
            rc = convert_rows(store, columns, sources, err);
        for (uint32_t i = 0; columns != NULL && i < count; i++)
            mr_column_done(&columns[i]);
        mr_mem_free(columns);
        mr_mem_free(sources);
        mr_store_note_peak(store);
    }
    if (rc != MR_OK) return rc; /* what is converted lies before the rest, in order */
    mr_rowpack_reset(&store->rows);
    mr_rowpack_trim(&store->rows);
    log_switch(store, MR_STORE_COLUMNAR, reason, since);
    return MR_OK;
}

/* Copies all records into packed rows; they are few. */
static mr_code copy_to_rows(mr_store *store, mr_column *columns, const mr_column **sources,
                            mr_error *err)
{
    const uint32_t count = store->schema.field_count;
    for (uint64_t at = store->first_record; at < store->end_record;) {
        const uint32_t rows = (uint32_t)mr_min_u64(mr_store_part_rest(store, at), CONVERT_ROWS);
        for (uint32_t i = 0; i < count; i++) {
            mr_buffer_reset(&columns[i].data);
            columns[i].null_count = columns[i].absent_count = 0;
            columns[i].type = MR_TYPE_NULL;
            MR_TRY(mr_column_reserve_rows(&columns[i], CONVERT_ROWS, err));
            sources[i] = &columns[i];
        }
        MR_TRY(mr_store_read_part(store, at, rows, columns, 0, err));
        MR_TRY(mr_rowpack_append(&store->rows, sources, count, 0, rows, err));
        at += rows;
    }
    return MR_OK;
}

static mr_code make_row(mr_store *store, mr_store_reason reason, mr_error *err)
{
    const uint64_t since = now_ns();
    const uint32_t count = store->schema.field_count;
    mr_column *columns = mr_mem_zalloc(sizeof *columns * (count + 1));
    const mr_column **sources = mr_mem_alloc(sizeof *sources * (count + 1));
    mr_code rc = MR_OK;
    if (columns == NULL || sources == NULL)
        rc = mr_fail(err, MR_ERR_NOMEM, "no memory left to go back to rows");
    mr_rowpack_reset(&store->rows);
    if (rc == MR_OK) rc = copy_to_rows(store, columns, sources, err);
    for (uint32_t i = 0; columns != NULL && i < count; i++)
        mr_column_done(&columns[i]);
    mr_mem_free(columns);
    mr_mem_free(sources);
    if (rc != MR_OK) {
        mr_rowpack_reset(&store->rows);
        return rc;
    }
    mr_store_note_peak(store);
    store->rows_first = store->first_record;
    mr_store_drop_groups(store, store->end_record);
    store->tail_rows = 0;
    store->tail_text_bytes = 0;
    mr_store_free_scratch(store);
    log_switch(store, MR_STORE_ROW, reason, since);
    return MR_OK;
}

/* Rule 2 looks ahead, so that a large batch is not packed by row only to be converted. */
mr_code mr_store_before_append(mr_store *store, uint32_t rows, mr_error *err)
{
    if (!may_switch(store) || store->mode == MR_STORE_COLUMNAR) return MR_OK;
    const uint64_t held = store->end_record - store->first_record;
    if (held + rows < store->config.columnar_after_records) return MR_OK;
    MR_TRY(make_columnar(store, MR_STORE_BY_RECORDS, err));
    return MR_OK;
}

void mr_store_update_pressure(mr_store *store)
{
    const uint64_t limit = store->config.memory_limit_bytes;
    const uint64_t bytes = mr_store_bytes(store);
    if (bytes > store->peak_bytes) store->peak_bytes = bytes;
    store->pressure = MR_STORE_OK;
    if (limit == 0) return;
    if (bytes > limit / 100 * PRESSURE_PERCENT) store->pressure = MR_STORE_PRESSURE;
    if (bytes > limit / 100 * FULL_PERCENT) store->pressure = MR_STORE_FULL;
}

/* Rule 5. Row mode that is not ours to change is left alone. */
static mr_code relieve(mr_store *store, mr_error *err)
{
    const uint64_t limit = store->config.memory_limit_bytes;
    if (store->mode == MR_STORE_ROW) {
        if (!may_switch(store)) return MR_OK;
        MR_TRY(make_columnar(store, MR_STORE_BY_PRESSURE, err));
    }
    if (store->tail_rows >= PRESSURE_MIN_ROWS || store->tail_text_bytes > limit / PRESSURE_PART) {
        MR_TRY(mr_store_seal_tail(store, err));
        mr_store_free_scratch(store);
    }
    MR_TRY(mr_store_compress_groups(store, err));
    mr_store_update_pressure(store);
    return MR_OK;
}

/* Rule 6. A spill is no change of mode; it is counted as one to itself, with its reason. */
static mr_code spill(mr_store *store, mr_error *err)
{
    const uint64_t since = now_ns();
    const uint64_t before = store->spill_end;
    MR_TRY(mr_store_spill_groups(store, store->config.memory_limit_bytes / 100 * SPILL_TO_PERCENT,
                                 err));
    if (store->spill_end > before) log_switch(store, store->mode, MR_STORE_BY_SPILL, since);
    mr_store_update_pressure(store);
    return MR_OK;
}

/* Rules 3, 5 and 6. */
mr_code mr_store_after_append(mr_store *store, mr_error *err)
{
    if (may_switch(store) && store->mode == MR_STORE_ROW &&
        store->rows.used_bytes >= store->config.columnar_after_bytes)
        MR_TRY(make_columnar(store, MR_STORE_BY_BYTES, err));
    mr_store_update_pressure(store);
    if (store->pressure >= MR_STORE_PRESSURE) MR_TRY(relieve(store, err));
    if (store->pressure == MR_STORE_FULL && store->config.spill_dir != NULL)
        MR_TRY(spill(store, err));
    return MR_OK;
}

/* Rule 7. */
mr_code mr_store_flush(mr_store *store, mr_error *err)
{
    const uint64_t held = store->end_record - store->first_record;
    if (held >= store->config.columnar_after_records / 4) {
        store->low_flushes = 0;
        return MR_OK;
    }
    if (++store->low_flushes < DRAINED_FLUSHES) return MR_OK;
    store->low_flushes = 0;
    if (!may_switch(store) || store->mode == MR_STORE_ROW) return MR_OK;
    return make_row(store, MR_STORE_BY_DRAINED, err);
}
