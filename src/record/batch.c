/* SPDX-License-Identifier: MIT */
#include "record/batch.h"

#include "core/mem.h"
#include "record/column.h"

#define NAMES_CAP_BYTES ((size_t)64 << 20)
#define FIRST_ROWS      64u
#define KEEP_DATA_BYTES ((size_t)4 << 20) /* what one huge record inflated shrinks back to this */

static size_t bitmap_bytes(uint32_t rows)
{
    return (rows + 7) / 8;
}

void mr_batch_init(mr_batch *batch, uint32_t max_rows)
{
    memset(batch, 0, sizeof *batch);
    batch->max_rows = max_rows == 0 || max_rows > MR_BATCH_MAX_ROWS ? MR_BATCH_MAX_ROWS : max_rows;
    batch->asked_max_rows = batch->max_rows;
    mr_arena_init(&batch->names, "batch.names", NAMES_CAP_BYTES);
}

void mr_batch_done(mr_batch *batch)
{
    for (uint32_t i = 0; i < batch->column_cap; i++)
        mr_column_done(&batch->columns[i]);
    mr_mem_free(batch->columns);
    mr_mem_free(batch->row_offset);
    mr_mem_free(batch->row_length);
    mr_mem_free(batch->row_line);
    mr_mem_free(batch->row_record);
    mr_arena_done(&batch->names);
    memset(batch, 0, sizeof *batch);
}

void mr_batch_reset(mr_batch *batch)
{
    for (uint32_t i = 0; i < batch->column_count; i++) {
        mr_column_return(&batch->columns[i]);
        mr_buffer_reset(&batch->columns[i].data);
        mr_buffer_shrink(&batch->columns[i].data, KEEP_DATA_BYTES);
    }
    batch->column_count = 0;
    batch->max_rows = batch->asked_max_rows;
    batch->row_count = 0;
    batch->origin = (mr_origin){0};
    mr_arena_reset(&batch->names);
}

void mr_batch_exchange(mr_batch *a, mr_batch *b)
{
    char moved[offsetof(mr_batch, names)];
    const uint64_t sequence = a->sequence;
    const uint32_t most_a = a->max_rows, most_b = b->max_rows;
    const uint32_t asked_a = a->asked_max_rows, asked_b = b->asked_max_rows;
    memcpy(moved, a, sizeof moved);
    memcpy((char *)a, b, sizeof moved);
    memcpy((char *)b, moved, sizeof moved);
    a->sequence = b->sequence;
    b->sequence = sequence;
    a->max_rows = most_a, a->asked_max_rows = asked_a;
    b->max_rows = most_b, b->asked_max_rows = asked_b;
}

/* Resizes one row-indexed array of a batch. */
static mr_code resize(void *array_pointer, size_t size_bytes, mr_error *err)
{
    void **array = array_pointer;
    void *grown = mr_mem_realloc(*array, size_bytes);
    if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a batch of records");
    *array = grown;
    return MR_OK;
}

static mr_code column_rows(mr_column *column, uint32_t rows, mr_error *err)
{
    if (column->row_cap < rows || column->offsets == NULL) {
        MR_TRY(resize(&column->offsets, sizeof *column->offsets * ((size_t)rows + 1), err));
        MR_TRY(resize(&column->validity, bitmap_bytes(rows) + 1, err));
        column->row_cap = rows;
    }
    if (column->presence != NULL && column->presence_cap < rows) {
        MR_TRY(resize(&column->presence, bitmap_bytes(rows), err));
        column->presence_cap = rows;
    }
    if (column->tags != NULL && column->tags_cap < rows) {
        MR_TRY(resize(&column->tags, rows, err));
        column->tags_cap = rows;
    }
    return MR_OK;
}

static mr_code more_columns(mr_batch *batch, mr_error *err)
{
    const uint32_t cap = batch->column_cap < 8 ? 8 : batch->column_cap * 2;
    MR_TRY(resize(&batch->columns, sizeof *batch->columns * cap, err));
    memset(batch->columns + batch->column_cap, 0,
           sizeof *batch->columns * (cap - batch->column_cap));
    batch->column_cap = cap;
    return MR_OK;
}

/* Makes struct number `number` usable, reusing what an earlier load left. */
static mr_code open_column(mr_batch *batch, uint32_t number, mr_error *err)
{
    if (number == batch->column_cap) MR_TRY(more_columns(batch, err));
    mr_column *column = &batch->columns[number];
    if (column->data.name == NULL)
        mr_buffer_init(&column->data, "a batch's column", MR_COLUMN_MAX_BYTES);
    mr_column_return(column);
    mr_buffer_reset(&column->data);
    MR_TRY(mr_buffer_reserve(&column->data, 1, err)); /* empty cells point at real bytes */
    MR_TRY(column_rows(column, batch->row_cap, err));
    column->offsets[0] = 0;
    column->null_count = column->absent_count = 0;
    return MR_OK;
}

/* Lowers max_rows for `columns` columns, and row_cap with it, so that columns opened from now on do
 * not take room for more rows than the batch will get. */
static void limit_rows(mr_batch *batch, uint32_t columns)
{
    const uint32_t rows = MR_BATCH_MAX_CELLS / (columns > 0 ? columns : 1);
    if (rows >= batch->max_rows || rows <= batch->row_count) return;
    batch->max_rows = rows;
    if (batch->row_cap > rows) batch->row_cap = rows;
}

static mr_code row_arrays(mr_batch *batch, uint32_t rows, mr_error *err)
{
    MR_TRY(resize(&batch->row_offset, sizeof(uint32_t) * rows, err));
    MR_TRY(resize(&batch->row_length, sizeof(uint32_t) * rows, err));
    MR_TRY(resize(&batch->row_line, sizeof(uint32_t) * rows, err));
    return resize(&batch->row_record, sizeof(uint32_t) * rows, err);
}

mr_code mr_batch_grow_rows(mr_batch *batch, mr_error *err)
{
    uint32_t cap = batch->row_cap == 0 ? FIRST_ROWS : batch->row_cap * 2;
    if (cap > batch->max_rows) cap = batch->max_rows;
    if (cap <= batch->row_count)
        return mr_fail(err, MR_ERR_LIMIT, "a batch holds at most %u records", batch->max_rows);
    MR_TRY(mr_batch_own(batch, err));
    for (uint32_t i = 0; i < batch->column_count; i++)
        MR_TRY(column_rows(&batch->columns[i], cap, err));
    MR_TRY(row_arrays(batch, cap, err));
    batch->row_cap = cap;
    return MR_OK;
}

mr_code mr_batch_reserve_rows(mr_batch *batch, uint32_t rows, mr_error *err)
{
    if (rows <= batch->row_cap) return MR_OK;
    if (rows > batch->max_rows)
        return mr_fail(err, MR_ERR_LIMIT, "a batch holds at most %u records", batch->max_rows);
    for (uint32_t i = 0; i < batch->column_count; i++)
        MR_TRY(column_rows(&batch->columns[i], rows, err));
    MR_TRY(row_arrays(batch, rows, err));
    batch->row_cap = rows;
    return MR_OK;
}

/* Room for a type per row, as many as the batch has room for. */
static mr_code open_tags(mr_column *column, mr_error *err)
{
    const uint32_t rows = column->row_cap > 0 ? column->row_cap : 1;
    if (column->tags != NULL && column->tags_cap >= rows) return MR_OK;
    MR_TRY(resize(&column->tags, rows, err));
    column->tags_cap = rows;
    return MR_OK;
}

mr_code mr_batch_set_schema(mr_batch *batch, const mr_schema *schema, mr_error *err)
{
    limit_rows(batch, schema->field_count);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        MR_TRY(open_column(batch, i, err));
        mr_column *column = &batch->columns[i];
        column->name = schema->fields[i].name;
        column->name_hash = schema->fields[i].hash;
        column->type = schema->fields[i].type;
        if (column->type == MR_TYPE_MIXED) MR_TRY(open_tags(column, err));
        batch->column_count = i + 1;
    }
    return MR_OK;
}

mr_code mr_batch_add_column(mr_batch *batch, mr_slice name, mr_type type, uint32_t *out,
                            mr_error *err)
{
    if (batch->column_count == MR_MAX_COLUMNS)
        return mr_fail(err, MR_ERR_LIMIT, "more than %d columns (limits.max_columns)",
                       MR_MAX_COLUMNS);
    const char *copy = mr_arena_copy(&batch->names, name);
    if (copy == NULL) return mr_arena_fail(&batch->names, err);
    const uint32_t number = batch->column_count;
    limit_rows(batch, number + 1);
    MR_TRY(open_column(batch, number, err));
    mr_column *column = &batch->columns[number];
    column->name = (mr_slice){copy, name.len};
    column->name_hash = mr_name_hash(name);
    column->type = type;
    for (uint32_t row = 0; row < batch->row_count; row++)
        MR_TRY(mr_column_append_absent(column, row, err));
    batch->column_count++;
    *out = number;
    return MR_OK;
}

/* The first null of a column makes its validity bits real: all rows before it have values. */
static void append_no_value(mr_column *column, uint32_t row)
{
    if (column->null_count++ == 0) memset(column->validity, 0xff, row / 8 + 1);
    mr_bits_push(column->validity, row, 0);
    column->offsets[row + 1] = (uint32_t)column->data.len;
}

void mr_column_append_null(mr_column *column, uint32_t row)
{
    append_no_value(column, row);
    if (column->absent_count > 0) mr_bits_push(column->presence, row, 1);
    if (column->type == MR_TYPE_MIXED) column->tags[row] = MR_TYPE_NULL;
}

mr_code mr_column_append_absent(mr_column *column, uint32_t row, mr_error *err)
{
    if (column->presence == NULL || column->presence_cap < column->row_cap) {
        MR_TRY(resize(&column->presence, bitmap_bytes(column->row_cap), err));
        column->presence_cap = column->row_cap;
    }
    if (column->absent_count++ == 0) memset(column->presence, 0xff, row / 8 + 1);
    append_no_value(column, row);
    mr_bits_push(column->presence, row, 0);
    if (column->type == MR_TYPE_MIXED) column->tags[row] = MR_TYPE_NULL;
    return MR_OK;
}

mr_code mr_column_tag_slow(mr_column *column, uint32_t row, mr_type type, mr_error *err)
{
    if (column->type == MR_TYPE_NULL) {
        column->type = type;
        return MR_OK;
    }
    if (column->type != MR_TYPE_MIXED) {
        MR_TRY(open_tags(column, err));
        memset(column->tags, (int)column->type, row);
        column->type = MR_TYPE_MIXED;
    }
    column->tags[row] = (uint8_t)type;
    return MR_OK;
}

static mr_code copy_column(mr_column *to, const mr_column *from, uint32_t rows, mr_error *err)
{
    to->type = from->type;
    to->null_count = from->null_count;
    to->absent_count = from->absent_count;
    memcpy(to->offsets, from->offsets, sizeof *to->offsets * ((size_t)rows + 1));
    if (from->null_count > 0) memcpy(to->validity, from->validity, bitmap_bytes(rows));
    if (from->absent_count > 0) {
        MR_TRY(resize(&to->presence, bitmap_bytes(to->row_cap), err));
        to->presence_cap = to->row_cap;
        memcpy(to->presence, from->presence, bitmap_bytes(rows));
    }
    if (from->type == MR_TYPE_MIXED) {
        MR_TRY(open_tags(to, err));
        memcpy(to->tags, from->tags, rows);
    }
    return mr_buffer_append(&to->data, mr_buffer_slice(&from->data), err);
}

mr_code mr_batch_copy(mr_batch *to, const mr_batch *from, mr_error *err)
{
    const uint32_t rows = from->row_count;
    while (to->row_cap < rows || to->row_cap == 0)
        MR_TRY(mr_batch_grow_rows(to, err));
    for (uint32_t i = 0; i < from->column_count; i++) {
        uint32_t number;
        MR_TRY(mr_batch_add_column(to, from->columns[i].name, MR_TYPE_NULL, &number, err));
        MR_TRY(copy_column(&to->columns[number], &from->columns[i], rows, err));
    }
    memcpy(to->row_offset, from->row_offset, sizeof(uint32_t) * rows);
    memcpy(to->row_length, from->row_length, sizeof(uint32_t) * rows);
    memcpy(to->row_line, from->row_line, sizeof(uint32_t) * rows);
    memcpy(to->row_record, from->row_record, sizeof(uint32_t) * rows);
    to->row_count = rows;
    to->origin = from->origin;
    to->sequence = from->sequence;
    return MR_OK;
}

static uint32_t count_zero_bits(const uint8_t *bits, uint32_t rows)
{
    uint32_t ones = 0;
    for (uint32_t i = 0; i < rows / 8; i++)
        ones += mr_popcount64(bits[i]);
    if (rows % 8 != 0) ones += mr_popcount64(bits[rows / 8] & ((1u << rows % 8) - 1));
    return rows - ones;
}

void mr_batch_truncate(mr_batch *batch, uint32_t row_count)
{
    if (row_count >= batch->row_count) return;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        mr_column *column = &batch->columns[i];
        column->data.len = column->offsets[row_count];
        if (column->null_count > 0)
            column->null_count = count_zero_bits(column->validity, row_count);
        if (column->absent_count > 0)
            column->absent_count = count_zero_bits(column->presence, row_count);
    }
    batch->row_count = row_count;
}

/* From `row` on, the first row whose bit is 1; `rows` when there is none. */
MR_INLINE uint32_t next_kept(const uint8_t *keep, uint32_t row, uint32_t rows)
{
    while (row < rows) {
        const unsigned rest = keep[row / 8] >> row % 8;
        if (rest != 0) return row + (unsigned)__builtin_ctz(rest);
        row = (row / 8 + 1) * 8;
    }
    return rows;
}

/* Cells that all have values of one type: bytes and offsets are all there is. */
static void keep_plain_cells(mr_column *column, uint32_t rows, const uint8_t *keep)
{
    const uint32_t *const offsets = column->offsets;
    uint32_t to = 0, bytes = 0;
    for (uint32_t row = next_kept(keep, 0, rows); row < rows;
         row = next_kept(keep, row + 1, rows)) {
        const uint32_t from = offsets[row], len = offsets[row + 1] - from;
        if (len > 0) memmove(column->data.ptr + bytes, column->data.ptr + from, len);
        bytes += len;
        column->offsets[++to] = bytes;
    }
    column->data.len = bytes;
}

static void keep_cells(mr_column *column, uint32_t rows, const uint8_t *keep)
{
    const bool nulls = column->null_count > 0, absents = column->absent_count > 0;
    assert(column->loan == NULL);
    uint32_t to = 0, bytes = 0, null_count = 0, absent_count = 0;
    for (uint32_t row = next_kept(keep, 0, rows); row < rows;
         row = next_kept(keep, row + 1, rows)) {
        const uint32_t from = column->offsets[row], len = column->offsets[row + 1] - from;
        const bool is_null = mr_column_is_null(column, row),
                   is_absent = mr_column_is_absent(column, row);
        if (len > 0) memmove(column->data.ptr + bytes, column->data.ptr + from, len);
        bytes += len;
        column->offsets[to + 1] = bytes; /* to <= row: what is still to be read lies behind */
        if (nulls) mr_bits_put(column->validity, to, !is_null);
        if (absents) mr_bits_put(column->presence, to, !is_absent);
        if (column->type == MR_TYPE_MIXED) column->tags[to] = column->tags[row];
        null_count += is_null;
        absent_count += is_absent;
        to++;
    }
    column->data.len = bytes;
    column->null_count = null_count;
    column->absent_count = absent_count;
}

void mr_batch_keep_rows(mr_batch *batch, const uint8_t *keep)
{
    const uint32_t rows = batch->row_count;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        mr_column *column = &batch->columns[i];
        if (column->null_count == 0 && column->type != MR_TYPE_MIXED)
            keep_plain_cells(column, rows, keep);
        else
            keep_cells(column, rows, keep);
    }
    uint32_t to = 0;
    for (uint32_t row = next_kept(keep, 0, rows); row < rows;
         row = next_kept(keep, row + 1, rows)) {
        batch->row_offset[to] = batch->row_offset[row];
        batch->row_length[to] = batch->row_length[row];
        batch->row_line[to] = batch->row_line[row];
        batch->row_record[to] = batch->row_record[row];
        to++;
    }
    batch->row_count = to;
}

void mr_batch_drop_columns(mr_batch *batch, uint32_t column_count)
{
    for (uint32_t i = column_count; i < batch->column_count; i++) {
        mr_column_return(&batch->columns[i]);
        mr_buffer_reset(&batch->columns[i].data);
    }
    if (column_count < batch->column_count) batch->column_count = column_count;
}

int64_t mr_batch_find(const mr_batch *batch, mr_slice name)
{
    const uint32_t hash = mr_name_hash(name);
    for (uint32_t i = 0; i < batch->column_count; i++)
        if (batch->columns[i].name_hash == hash && mr_slice_equal(batch->columns[i].name, name))
            return i;
    return -1;
}

uint64_t mr_batch_data_bytes(const mr_batch *batch)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < batch->column_count; i++)
        bytes += batch->columns[i].data.len;
    return bytes;
}

uint64_t mr_batch_held_bytes(const mr_batch *batch)
{
    uint64_t bytes = mr_mem_usable(batch->columns) + mr_mem_usable(batch->row_offset) +
                     mr_mem_usable(batch->row_length) + mr_mem_usable(batch->row_line) +
                     mr_mem_usable(batch->row_record) +
                     atomic_load_explicit(&batch->names.held_bytes, memory_order_relaxed);
    for (uint32_t i = 0; i < batch->column_cap; i++) {
        const mr_column *column = &batch->columns[i];
        bytes += mr_mem_usable(column->offsets) + mr_mem_usable(column->validity) +
                 mr_mem_usable(column->presence) + mr_mem_usable(column->tags) +
                 mr_mem_usable(column->loan != NULL ? column->loan->own.ptr : column->data.ptr);
    }
    return bytes;
}

static void check_column(const mr_column *column, uint32_t rows)
{
    assert(column->offsets[0] == 0 && column->row_cap >= rows);
    assert(column->offsets[rows] == column->data.len);
    assert(column->absent_count <= column->null_count && column->null_count <= rows);
    if (column->null_count > 0)
        assert(count_zero_bits(column->validity, rows) == column->null_count);
    if (column->absent_count > 0)
        assert(count_zero_bits(column->presence, rows) == column->absent_count);
    for (uint32_t row = 0; row < rows; row++) {
        assert(column->offsets[row] <= column->offsets[row + 1]);
        if (mr_column_is_null(column, row))
            assert(column->offsets[row] == column->offsets[row + 1]);
        if (mr_column_is_absent(column, row)) assert(mr_column_is_null(column, row));
        if (column->type == MR_TYPE_MIXED) assert(column->tags[row] < MR_TYPE_MIXED);
    }
}

void mr_batch_check(const mr_batch *batch)
{
    assert(batch->row_count <= batch->row_cap && batch->row_count <= batch->asked_max_rows);
    for (uint32_t i = 0; i < batch->column_count; i++)
        check_column(&batch->columns[i], batch->row_count);
}
