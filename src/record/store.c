/* SPDX-License-Identifier: MIT */
#include "record/store.h"

#include "core/mem.h"
#include "record/column.h"
#include "record/store_internal.h"

#define NAMES_CAP_BYTES ((size_t)64 << 20)
#define FIRST_TAIL_ROWS 1024u

static void set_defaults(mr_store_config *config)
{
    if (config->columnar_after_records == 0) config->columnar_after_records = 10000;
    if (config->columnar_after_bytes == 0) config->columnar_after_bytes = 4u << 20;
    if (config->group_rows == 0 || config->group_rows > MR_CHUNK_MAX_ROWS)
        config->group_rows = MR_CHUNK_MAX_ROWS;
}

mr_code mr_store_open(const mr_store_config *config, mr_store **out, mr_error *err)
{
    if (config->mode == MR_STORE_COLUMNAR && config->streaming)
        return mr_fail(err, MR_ERR_USAGE,
                       "storage_mode: columnar and streaming_mode: true contradict each other");
    mr_store *store = mr_mem_zalloc(sizeof *store);
    if (store == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a record store");
    store->config = *config;
    set_defaults(&store->config);
    mr_arena_init(&store->names, "store.names", NAMES_CAP_BYTES);
    mr_schema_init(&store->schema, &store->names);
    mr_rowpack_init(&store->rows);
    mr_buffer_init(&store->stored, "a spilled row group", SIZE_MAX / 2);
    store->spill_fd = -1;
    store->cache_first = UINT64_MAX;
    mr_store_start_mode(store);
    *out = store;
    return MR_OK;
}

static void free_tail(mr_store *store)
{
    for (uint32_t i = 0; i < store->tail_cap; i++)
        mr_column_done(&store->tail[i]);
    mr_mem_free(store->tail);
    store->tail = NULL;
    store->tail_cap = store->tail_rows = store->tail_row_cap = 0;
}

void mr_store_free_scratch(mr_store *store)
{
    if (store->tail_rows == 0) free_tail(store);
    mr_group_encoder_done(&store->encoder);
    mr_texts_reader_done(&store->reader);
    mr_mem_free(store->sources);
    store->sources = NULL;
    store->sources_cap = 0;
    mr_rowpack_trim(&store->rows);
}

void mr_store_close(mr_store *store)
{
    if (store == NULL) return;
    mr_store_close_groups(store);
    store->tail_rows = 0;
    mr_store_free_scratch(store);
    mr_rowpack_done(&store->rows);
    mr_buffer_done(&store->stored);
    mr_arena_done(&store->names);
    mr_mem_free(store);
}

static void reset_tail(mr_store *store)
{
    for (uint32_t i = 0; i < store->tail_cap; i++) {
        mr_column *column = &store->tail[i];
        mr_buffer_reset(&column->data);
        column->null_count = column->absent_count = 0;
        column->type = MR_TYPE_NULL;
    }
    store->tail_rows = 0;
    store->tail_text_bytes = 0;
}

void mr_store_reset(mr_store *store)
{
    mr_store_drop_groups(store, UINT64_MAX);
    reset_tail(store);
    mr_rowpack_reset(&store->rows);
    mr_arena_reset(&store->names);
    mr_schema_init(&store->schema, &store->names);
    store->first_record = store->end_record = store->tail_first = store->rows_first = 0;
    store->appended = store->peak_bytes = store->live_bytes = store->sealed_bytes = 0;
    store->switch_count = store->switch_ns = 0;
    memset(store->switches, 0, sizeof store->switches);
    store->low_flushes = 0;
    mr_store_start_mode(store);
    mr_store_update_pressure(store);
}

uint64_t mr_store_first(const mr_store *store)
{
    return store->first_record;
}

uint64_t mr_store_end(const mr_store *store)
{
    return store->end_record;
}

const mr_schema *mr_store_schema(const mr_store *store)
{
    return &store->schema;
}

void mr_store_count_beside(mr_store *store, uint64_t bytes)
{
    store->beside_bytes = bytes;
}

mr_store_pressure mr_store_pressure_now(const mr_store *store)
{
    return store->pressure;
}

uint64_t mr_store_bytes(const mr_store *store)
{
    uint64_t bytes = mr_mem_usable(store) + store->beside_bytes + store->slot_bytes +
                     mr_mem_usable(store->slots) + mr_mem_usable(store->sources) +
                     mr_mem_usable(store->tail) + mr_rowpack_held_bytes(&store->rows) +
                     mr_group_encoder_held_bytes(&store->encoder) +
                     mr_texts_reader_held_bytes(&store->reader) + mr_mem_usable(store->cache) +
                     mr_mem_usable(store->stored.ptr) +
                     atomic_load_explicit(&store->names.held_bytes, memory_order_relaxed);
    for (uint32_t i = 0; i < store->tail_cap; i++)
        bytes += mr_column_held_bytes(&store->tail[i]);
    return bytes;
}

void mr_store_note_peak(mr_store *store)
{
    const uint64_t bytes = mr_store_bytes(store);
    if (bytes > store->peak_bytes) store->peak_bytes = bytes;
}

/* --- appending --- */

/* Rows of a full group; wide tables get shorter groups. */
uint32_t mr_store_group_rows(const mr_store *store)
{
    const uint32_t columns = store->schema.field_count;
    const uint32_t rows = MR_BATCH_MAX_CELLS / (columns > 0 ? columns : 1);
    return rows < store->config.group_rows ? rows : store->config.group_rows;
}

static mr_code grow_sources(mr_store *store, uint32_t count, mr_error *err)
{
    if (store->sources_cap >= count) return MR_OK;
    const uint32_t cap = count < 16 ? 16 : count + count / 4;
    const mr_column **grown = mr_mem_realloc(store->sources, sizeof *grown * cap);
    if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u columns", cap);
    store->sources = grown;
    store->sources_cap = cap;
    return MR_OK;
}

/* The store's number of a batch's column, which is usually the same; adds it when it is new. */
static mr_code number_of(mr_store *store, const mr_batch *batch, uint32_t i, uint32_t *out,
                         mr_error *err)
{
    const mr_column *column = &batch->columns[i];
    mr_schema *schema = &store->schema;
    if (i < schema->field_count && schema->fields[i].hash == column->name_hash &&
        mr_slice_equal(schema->fields[i].name, column->name)) {
        *out = i;
        return MR_OK;
    }
    const int64_t found = mr_schema_find(schema, column->name);
    if (found >= 0) {
        *out = (uint32_t)found;
        return MR_OK;
    }
    return mr_schema_add(schema, column->name, MR_TYPE_NULL, out, err);
}

/* Fills store->sources for a batch, with NULL where it lacks a column of the store. */
static mr_code map_columns(mr_store *store, const mr_batch *batch, mr_error *err)
{
    MR_TRY(grow_sources(store, store->schema.field_count + batch->column_count, err));
    memset(store->sources, 0, sizeof *store->sources * store->sources_cap);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        uint32_t number;
        MR_TRY(number_of(store, batch, i, &number, err));
        const mr_column *column = &batch->columns[i];
        store->sources[number] = column;
        mr_field *field = &store->schema.fields[number];
        if (field->type == MR_TYPE_NULL && column->null_count < batch->row_count)
            field->type = column->type;
    }
    return MR_OK;
}

/* Room for `rows` rows in the open group, in all the store's columns. */
static mr_code grow_tail(mr_store *store, uint32_t rows, mr_error *err)
{
    const uint32_t count = store->schema.field_count;
    if (store->tail_cap < count) {
        const uint32_t cap = count < 8 ? 8 : count + count / 4;
        mr_column *grown = mr_mem_realloc(store->tail, sizeof *grown * cap);
        if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u columns", cap);
        memset(grown + store->tail_cap, 0, sizeof *grown * (cap - store->tail_cap));
        store->tail = grown;
        store->tail_cap = cap;
    }
    uint32_t row_cap = store->tail_row_cap;
    while (row_cap < rows)
        row_cap = row_cap < FIRST_TAIL_ROWS ? FIRST_TAIL_ROWS : row_cap * 2;
    for (uint32_t i = 0; i < count; i++) {
        mr_column *column = &store->tail[i];
        const bool is_new = column->offsets == NULL;
        MR_TRY(mr_column_reserve_rows(column, row_cap, err));
        if (is_new && store->tail_rows > 0) {
            const mr_code rc = mr_column_append_absents(column, 0, store->tail_rows, err);
            if (rc != MR_OK) mr_column_done(column); /* to be new again next time */
            MR_TRY(rc);
        }
    }
    store->tail_row_cap = row_cap;
    return MR_OK;
}

/* How many of rows first .. first + count - 1 keep the open group within `room` bytes of text; at
 * least one if the group is empty. */
static uint32_t rows_within(const mr_column *const *sources, uint32_t column_count, uint32_t first,
                            uint32_t count, uint64_t room, uint64_t *out_bytes)
{
    uint32_t low = 0, high = count;
    uint64_t low_bytes = 0;
    for (uint32_t tried = count; low < high; tried = low + (high - low + 1) / 2) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < column_count; i++)
            if (sources[i] != NULL)
                bytes += sources[i]->offsets[first + tried] - sources[i]->offsets[first];
        if (bytes <= room) {
            low = tried;
            low_bytes = bytes;
        } else {
            high = tried - 1;
        }
    }
    *out_bytes = low_bytes;
    return low;
}

static uint64_t bytes_of_row(const mr_column *const *sources, uint32_t column_count, uint32_t row)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < column_count; i++)
        if (sources[i] != NULL) bytes += sources[i]->offsets[row + 1] - sources[i]->offsets[row];
    return bytes;
}

static mr_code append_to_columns(mr_store *store, const mr_column *const *sources, uint32_t first,
                                 uint32_t count, mr_error *err)
{
    for (uint32_t i = 0; i < store->schema.field_count; i++) {
        mr_column *column = &store->tail[i];
        if (sources[i] == NULL)
            MR_TRY(mr_column_append_absents(column, store->tail_rows, count, err));
        else
            MR_TRY(mr_column_append_rows(column, store->tail_rows, sources[i], first, count, err));
    }
    return MR_OK;
}

/* Takes back what a failed append left in some columns. */
static void undo_append(mr_store *store)
{
    for (uint32_t i = 0; i < store->schema.field_count; i++)
        mr_column_truncate(&store->tail[i], store->tail_rows);
}

mr_code mr_store_append_tail(mr_store *store, const mr_column *const *sources, uint32_t first,
                             uint32_t count, mr_error *err)
{
    const uint32_t columns = store->schema.field_count;
    while (count > 0) {
        const uint32_t group_rows = mr_store_group_rows(store);
        if (store->tail_rows >= group_rows) MR_TRY(mr_store_seal_tail(store, err));
        if (store->tail_rows == 0) store->tail_first = store->end_record;
        uint64_t bytes;
        const uint32_t room = group_rows - store->tail_rows;
        uint32_t some = rows_within(sources, columns, first, count < room ? count : room,
                                    MR_STORE_GROUP_BYTES - store->tail_text_bytes, &bytes);
        if (some == 0 && store->tail_rows > 0) {
            MR_TRY(mr_store_seal_tail(store, err));
            continue;
        }
        if (some == 0) { /* one record larger than a group */
            some = 1;
            bytes = bytes_of_row(sources, columns, first);
        }
        MR_TRY(grow_tail(store, store->tail_rows + some, err));
        const mr_code rc = append_to_columns(store, sources, first, some, err);
        if (rc != MR_OK) undo_append(store);
        MR_TRY(rc);
        store->tail_rows += some;
        store->tail_text_bytes += bytes;
        store->end_record += some;
        first += some;
        count -= some;
        if (store->tail_text_bytes >= MR_STORE_GROUP_BYTES ||
            store->tail_rows >= mr_store_group_rows(store))
            MR_TRY(mr_store_seal_tail(store, err));
    }
    return MR_OK;
}

static mr_code append_rows(mr_store *store, uint32_t count, mr_error *err)
{
    if (store->rows.first_row == store->rows.end_row)
        store->rows_first = store->end_record - store->rows.end_row;
    const uint64_t before = store->rows.end_row;
    const mr_code rc =
        mr_rowpack_append(&store->rows, store->sources, store->schema.field_count, 0, count, err);
    store->end_record += store->rows.end_row - before;
    return rc;
}

mr_code mr_store_append(mr_store *store, const mr_batch *batch, mr_error *err)
{
    if (batch->row_count == 0) return MR_OK;
    MR_TRY(map_columns(store, batch, err));
    MR_TRY(mr_store_before_append(store, batch->row_count, err));
    const uint64_t before = store->end_record;
    const mr_code rc = store->mode == MR_STORE_COLUMNAR
                           ? mr_store_append_tail(store, store->sources, 0, batch->row_count, err)
                           : append_rows(store, batch->row_count, err);
    store->appended += store->end_record - before;
    MR_TRY(rc);
    return mr_store_after_append(store, err);
}

mr_code mr_store_seal_tail(mr_store *store, mr_error *err)
{
    if (store->tail_rows == 0) return MR_OK;
    mr_group *group;
    MR_TRY(grow_tail(store, store->tail_rows, err)); /* columns that appeared since its last row */
    MR_TRY(mr_store_room_for_group(store, err));
    MR_TRY(mr_group_seal(&store->encoder, store->tail, store->schema.field_count, store->tail_rows,
                         &group, err));
    mr_store_push_group(store, group);
    mr_store_note_peak(store); /* plain and sealed at once */
    reset_tail(store);
    return MR_OK;
}

mr_code mr_store_seal(mr_store *store, mr_error *err)
{
    store->live_bytes = mr_store_bytes(store);
    if (store->live_bytes > store->peak_bytes) store->peak_bytes = store->live_bytes;
    MR_TRY(mr_store_seal_tail(store, err));
    mr_store_free_scratch(store);
    store->sealed_bytes = mr_store_bytes(store);
    mr_store_update_pressure(store);
    return MR_OK;
}

/* --- reading --- */

uint64_t mr_store_part_rest(const mr_store *store, uint64_t record)
{
    const mr_store_slot *slot = mr_store_slot_of(store, record);
    if (slot != NULL) return slot->first_record + slot->row_count - record;
    if (store->tail_rows > 0 && record < store->tail_first + store->tail_rows)
        return store->tail_first + store->tail_rows - record;
    return store->end_record - record;
}

static mr_code read_group(mr_store *store, const mr_store_slot *slot, uint64_t first,
                          uint32_t count, mr_column *columns, uint32_t row, mr_error *err)
{
    const mr_group *group;
    MR_TRY(mr_store_load_group(store, slot, &group, err));
    for (uint32_t i = 0; i < store->schema.field_count; i++) {
        if (i >= group->column_count)
            MR_TRY(mr_column_append_absents(&columns[i], row, count, err));
        else
            MR_TRY(mr_chunk_read(mr_group_chunk(group, i), (uint32_t)(first - slot->first_record),
                                 count, &store->reader, &columns[i], row, err));
    }
    return MR_OK;
}

static mr_code read_tail(const mr_store *store, uint64_t first, uint32_t count, mr_column *columns,
                         uint32_t row, mr_error *err)
{
    for (uint32_t i = 0; i < store->schema.field_count; i++) {
        if (i >= store->tail_cap || store->tail[i].offsets == NULL)
            MR_TRY(mr_column_append_absents(&columns[i], row, count, err));
        else
            MR_TRY(mr_column_append_rows(&columns[i], row, &store->tail[i],
                                         (uint32_t)(first - store->tail_first), count, err));
    }
    return MR_OK;
}

mr_code mr_store_read_part(mr_store *store, uint64_t first, uint32_t count, mr_column *columns,
                           uint32_t row, mr_error *err)
{
    const mr_store_slot *slot = mr_store_slot_of(store, first);
    if (slot != NULL) return read_group(store, slot, first, count, columns, row, err);
    if (store->tail_rows > 0 && first < store->tail_first + store->tail_rows)
        return read_tail(store, first, count, columns, row, err);
    return mr_rowpack_read(&store->rows, first - store->rows_first, count, columns,
                           store->schema.field_count, row, err);
}

/* Gives an empty batch the store's columns and room for `rows` rows. */
static mr_code prepare_batch(const mr_store *store, mr_batch *out, uint64_t available,
                             uint32_t *out_rows, mr_error *err)
{
    mr_batch_reset(out);
    MR_TRY(mr_batch_set_schema(out, &store->schema, err));
    for (uint32_t i = 0; i < out->column_count; i++)
        out->columns[i].type = MR_TYPE_NULL; /* takes that of its first value */
    *out_rows = (uint32_t)mr_min_u64(out->max_rows, available);
    while (out->row_cap < *out_rows)
        MR_TRY(mr_batch_grow_rows(out, err));
    return MR_OK;
}

static void finish_batch(const mr_store *store, uint64_t first, uint32_t rows, mr_batch *out)
{
    out->row_count = rows;
    out->origin.record = first + 1;
    memset(out->row_offset, 0, sizeof *out->row_offset * rows);
    memset(out->row_length, 0, sizeof *out->row_length * rows);
    memset(out->row_line, 0, sizeof *out->row_line * rows);
    for (uint32_t row = 0; row < rows; row++)
        out->row_record[row] = row;
    for (uint32_t i = 0; i < out->column_count; i++) {
        const mr_type type = store->schema.fields[i].type;
        if (out->columns[i].null_count == rows && type != MR_TYPE_MIXED)
            out->columns[i].type = type;
    }
}

mr_code mr_store_read(mr_store *store, uint64_t first, mr_batch *out, uint64_t *out_count,
                      mr_error *err)
{
    uint32_t rows, done = 0;
    if (first < store->first_record || first > store->end_record)
        return mr_fail(err, MR_ERR_USAGE,
                       "record %llu is not in the store, which holds %llu to %llu",
                       (unsigned long long)first, (unsigned long long)store->first_record,
                       (unsigned long long)store->end_record);
    MR_TRY(prepare_batch(store, out, store->end_record - first, &rows, err));
    while (done < rows) {
        const uint64_t rest = mr_store_part_rest(store, first + done);
        const uint32_t some = (uint32_t)mr_min_u64(rest, rows - done);
        MR_TRY(mr_store_read_part(store, first + done, some, out->columns, done, err));
        done += some;
        if (mr_batch_data_bytes(out) >= MR_STORE_GROUP_BYTES) break;
    }
    if (done > 0) finish_batch(store, first, done, out);
    *out_count = done;
    return MR_OK;
}

mr_code mr_store_get(mr_store *store, uint64_t record, uint32_t column, mr_buffer *scratch,
                     mr_cell *out, mr_error *err)
{
    if (record < store->first_record || record >= store->end_record ||
        column >= store->schema.field_count)
        return mr_fail(err, MR_ERR_USAGE, "no record %llu with column %u in the store",
                       (unsigned long long)record, column);
    const mr_store_slot *slot = mr_store_slot_of(store, record);
    *out = (mr_cell){MR_CELL_ABSENT, MR_TYPE_NULL, {NULL, 0}};
    if (slot != NULL) {
        const mr_group *group;
        MR_TRY(mr_store_load_group(store, slot, &group, err));
        if (column >= group->column_count) return MR_OK;
        return mr_chunk_get(mr_group_chunk(group, column), (uint32_t)(record - slot->first_record),
                            scratch, out, err);
    }
    if (store->tail_rows == 0 || record >= store->tail_first + store->tail_rows)
        return mr_rowpack_get(&store->rows, record - store->rows_first, column, scratch, out, err);
    if (column >= store->tail_cap || store->tail[column].offsets == NULL) return MR_OK;
    const mr_column *tail = &store->tail[column];
    const uint32_t row = (uint32_t)(record - store->tail_first);
    if (mr_column_is_absent(tail, row)) return MR_OK;
    out->state = mr_column_is_null(tail, row) ? MR_CELL_NULL : MR_CELL_VALUE;
    if (out->state == MR_CELL_NULL) return MR_OK;
    out->type = mr_column_type(tail, row);
    out->text = mr_column_text(tail, row);
    return MR_OK;
}

/* --- dropping --- */

void mr_store_drop_before(mr_store *store, uint64_t record)
{
    if (record > store->end_record) record = store->end_record;
    if (record <= store->first_record) return;
    store->first_record = record;
    mr_store_drop_groups(store, record);
    if (store->tail_rows > 0 && record >= store->tail_first + store->tail_rows) reset_tail(store);
    const uint64_t rows_end = store->rows_first + store->rows.end_row;
    if (store->rows.first_row < store->rows.end_row && record > store->rows_first)
        mr_rowpack_drop_before(&store->rows,
                               (record < rows_end ? record : rows_end) - store->rows_first);
    mr_store_update_pressure(store);
}

mr_code mr_store_take_front(mr_store *store, mr_batch *out, uint64_t *out_count, mr_error *err)
{
    const uint32_t asked = out->asked_max_rows, most = out->max_rows;
    const uint64_t rest = store->first_record < store->end_record
                              ? mr_store_part_rest(store, store->first_record)
                              : 0;
    if (rest > 0 && rest < asked) out->asked_max_rows = out->max_rows = (uint32_t)rest;
    const mr_code rc = mr_store_read(store, store->first_record, out, out_count, err);
    out->asked_max_rows = asked;
    if (rest > 0 && rest < asked) out->max_rows = most;
    MR_TRY(rc);
    mr_store_drop_before(store, store->first_record + *out_count);
    return MR_OK;
}
