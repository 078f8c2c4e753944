/* SPDX-License-Identifier: MIT
 *
 * record/batch.h - up to `max_rows` rows stored by column: what every source makes and every
 * destination takes.
 *
 * Layout is Arrow's variable-size binary layout. A column of 3 rows "ab", null, "c" is:
 *
 *     validity  101         one bit per row, 1 = has a value, least significant bit first
 *     offsets   0 2 2 3     rows + 1 entries; cell i is data[offsets[i] .. offsets[i + 1])
 *     data      a b c       and MR_BUFFER_SLACK bytes that may be read and overwritten
 *
 * Numbers are held as their literals under a logical type (record/type.h says why), so a text
 * destination copies bytes and a typed one converts once. Two more bitmaps appear only when needed:
 * `presence` (0 = the record had no such key at all; then validity is 0 too) and `tags` (the type
 * of each row, when the column's type is MR_TYPE_MIXED). While null_count is 0 the validity bits
 * are undefined; the first null fills them in.
 *
 * A batch keeps its memory on reset and grows only to the largest load it has seen: that is why a
 * running pipeline stops allocating.
 *
 * Thread: owned by one thread at a time, and handed over whole. */
#ifndef MR_RECORD_BATCH_H
#define MR_RECORD_BATCH_H

#include "core/buffer.h"
#include "core/simd.h"
#include "record/schema.h"

#define MR_BATCH_MAX_ROWS 65536
#define MR_BATCH_MAX_CELLS \
    (4u << 20) /* rows x columns of a batch; wide tables get shorter batches */
#define MR_COLUMN_MAX_BYTES ((size_t)1 << 30) /* offsets stay within int32, as in Arrow */

/* Cells of a column that lie in somebody else's memory, which is read-only and stays until the loan
 * ends. Whoever changes cells where they are calls mr_column_own() first. Sources that read into
 * the batch itself make no loans; src/arrow/import.h does when it is asked to. */
typedef struct mr_loan {
    mr_buffer own;                     /* the column's buffer, put aside */
    void (*end)(struct mr_loan *loan); /* by the thread that has the batch */
} mr_loan;

typedef struct mr_column {
    mr_slice name; /* borrowed from the batch's names or its schema */
    uint32_t name_hash;
    mr_type type;
    uint32_t null_count;   /* rows without a value: null or absent */
    uint32_t absent_count; /* of these, rows without the key */
    uint32_t *offsets;
    uint8_t *validity;
    uint8_t *presence;     /* NULL until a row is absent */
    uint8_t *tags;         /* NULL until the column is mixed; then an mr_type per row */
    uint32_t row_cap;      /* rows that offsets and validity have room for */
    uint32_t presence_cap; /* rows that presence has room for */
    uint32_t tags_cap;     /* rows that tags has room for */
    mr_buffer data;
    mr_loan *loan; /* NULL: `data` is the column's own */
} mr_column;

/* Where the rows of a batch came from, for error messages and quarantine. Places count from the
 * piece that the batch was read from, whose own place its job knows; for a source without text,
 * from its start. */
typedef struct mr_origin {
    mr_slice source; /* the file's or table's name; borrowed for the run */
    mr_slice bytes;  /* the input bytes that row_offset counts in; empty when there are none */
    bool placed;     /* without bytes: the text is gone, but lines and offsets are its own, and
                        absolute; line is 1-based */
    const mr_schema *columns; /* of the file, where files have columns of their own; else NULL */
    uint64_t byte_offset;     /* of bytes.ptr[0] in the piece */
    uint64_t line;            /* LFs of the piece before bytes.ptr[0] */
    uint64_t record;          /* records of the piece before the batch, rejected ones included */
} mr_origin;

typedef struct mr_batch {
    mr_column *columns;
    uint32_t column_count;
    uint32_t column_cap; /* column structs that exist with their memory, for reuse */
    uint32_t row_count;
    uint32_t row_cap;        /* rows that offsets, validity and row_* have room for */
    uint32_t max_rows;       /* never more rows than this */
    uint32_t asked_max_rows; /* what max_rows is before a wide schema lowers it */
    uint32_t *row_offset;    /* start of each row in origin.bytes; row_count entries, where known */
    uint32_t *row_length;    /* its length without the row end */
    uint32_t *row_line;      /* its line, counted from origin.line */
    uint32_t *row_record;    /* its ordinal, counted from origin.record */
    mr_origin origin;
    mr_arena names;    /* of columns added by mr_batch_add_column() */
    uint64_t sequence; /* place of the batch in its stream */
} mr_batch;

/* An empty batch without columns; takes no memory yet. `max_rows` of 0 means MR_BATCH_MAX_ROWS. */
void mr_batch_init(mr_batch *batch, uint32_t max_rows);
void mr_batch_done(mr_batch *batch);

/* Forgets rows and columns, keeps all memory. Slices taken from the batch die here. */
void mr_batch_reset(mr_batch *batch);

/* The rows, columns and memory of two batches change places; each keeps its own limit of rows and
 * the memory of its names, so names that mr_batch_add_column() copied die with the batch they were
 * added to. */
void mr_batch_exchange(mr_batch *a, mr_batch *b);

/* Gives an empty batch (after init or reset) the columns of `schema`, whose names are borrowed and
 * must outlive the rows. Lowers max_rows for wide schemas so that MR_BATCH_MAX_CELLS holds. */
MR_NODISCARD mr_code mr_batch_set_schema(mr_batch *batch, const mr_schema *schema, mr_error *err);

/* Adds a column in the middle of filling: rows so far are absent in it. The name is copied. */
MR_NODISCARD mr_code mr_batch_add_column(mr_batch *batch, mr_slice name, mr_type type,
                                         uint32_t *out, mr_error *err);

/* Room for one more row, in all columns. Call before the first append of a row. Not past max_rows.
 */
MR_NODISCARD mr_code mr_batch_grow_rows(mr_batch *batch, mr_error *err);
MR_NODISCARD MR_INLINE mr_code mr_batch_begin_row(mr_batch *batch, mr_error *err)
{
    MR_DCHECK(batch->row_count < batch->max_rows);
    if (MR_LIKELY(batch->row_count < batch->row_cap)) return MR_OK;
    return mr_batch_grow_rows(batch, err);
}

/* Room for `rows` rows in all columns at once, for those who fill columns whole and then set
 * row_count, with the row_* arrays. At most max_rows. */
MR_NODISCARD mr_code mr_batch_reserve_rows(mr_batch *batch, uint32_t rows, mr_error *err);

/* Completes the row under construction: every column must have got its cell. */
MR_INLINE void mr_batch_end_row(mr_batch *batch, uint32_t offset, uint32_t length, uint32_t line,
                                uint32_t record)
{
    const uint32_t row = batch->row_count++;
    batch->row_offset[row] = offset;
    batch->row_length[row] = length;
    batch->row_line[row] = line;
    batch->row_record[row] = record;
}

/* Bitmaps grow with their rows: pushing bit `row` leaves the higher bits of its byte undefined. */
MR_INLINE void mr_bits_push(uint8_t *bits, uint32_t row, unsigned value)
{
    bits[row / 8] = (uint8_t)((bits[row / 8] & ((1u << row % 8) - 1)) | value << row % 8);
}

/* Sets one bit and leaves its neighbours alone. */
MR_INLINE void mr_bits_put(uint8_t *bits, uint32_t row, bool value)
{
    const uint8_t bit = (uint8_t)(1u << row % 8);
    bits[row / 8] = (uint8_t)(value ? bits[row / 8] | bit : bits[row / 8] & ~bit);
}

/* Slow half of the appends: the column has nulls, so its bitmaps are real. */
MR_INLINE void mr_column_mark_value(mr_column *column, uint32_t row)
{
    mr_bits_push(column->validity, row, 1);
    if (column->absent_count > 0) mr_bits_push(column->presence, row, 1);
}

/* Cell `row` (the one under construction) of a column becomes these bytes. Cells cannot be taken
 * back: a reader knows that a record is good before it appends its first cell. */
MR_NODISCARD MR_INLINE mr_code mr_column_append(mr_column *column, uint32_t row, mr_slice text,
                                                mr_error *err)
{
    MR_TRY(mr_buffer_reserve(&column->data, text.len, err));
    if (text.len > 0) memcpy(column->data.ptr + column->data.len, text.ptr, text.len);
    column->data.len += text.len;
    column->offsets[row + 1] = (uint32_t)column->data.len;
    if (MR_UNLIKELY(column->null_count > 0)) mr_column_mark_value(column, row);
    return MR_OK;
}

/* The same for text with at least 16 readable bytes after its first: short texts are one 16-byte
 * copy. */
MR_NODISCARD MR_INLINE mr_code mr_column_append_padded(mr_column *column, uint32_t row,
                                                       const char *ptr, size_t len, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(&column->data, len, err));
    char *to = column->data.ptr + column->data.len;
    if (MR_LIKELY(len <= 16))
        mr_copy16(to, ptr);
    else
        memcpy(to, ptr, len);
    column->data.len += len;
    column->offsets[row + 1] = (uint32_t)column->data.len;
    if (MR_UNLIKELY(column->null_count > 0)) mr_column_mark_value(column, row);
    return MR_OK;
}

/* The cell is null: there is such a key, without a value. */
MR_HOT void mr_column_append_null(mr_column *column, uint32_t row);

/* The cell is absent: no such key. Allocates the presence bits when it is the column's first. */
MR_NODISCARD mr_code mr_column_append_absent(mr_column *column, uint32_t row, mr_error *err);

/* Says that the cell just appended has `type`. A column takes its first value's type and becomes
 * MR_TYPE_MIXED at the first other. Not for columns whose type a schema fixed. */
MR_NODISCARD mr_code mr_column_tag_slow(mr_column *column, uint32_t row, mr_type type,
                                        mr_error *err);
MR_NODISCARD MR_INLINE mr_code mr_column_tag(mr_column *column, uint32_t row, mr_type type,
                                             mr_error *err)
{
    return MR_LIKELY(column->type == type) ? MR_OK : mr_column_tag_slow(column, row, type, err);
}

/* Makes `to`, which is empty, a copy of `from`: rows, columns, places. Names are copied. */
MR_NODISCARD mr_code mr_batch_copy(mr_batch *to, const mr_batch *from, mr_error *err);

/* Shortens the batch to its first `row_count` rows. O(columns + bytes of bitmaps). */
void mr_batch_truncate(mr_batch *batch, uint32_t row_count);

/* Keeps the rows whose bit in `keep` is 1, in their order. O(cells). Not with loans. */
void mr_batch_keep_rows(mr_batch *batch, const uint8_t *keep);

/* Forgets all columns from number `column_count` on. */
void mr_batch_drop_columns(mr_batch *batch, uint32_t column_count);

/* --- reading
 * --------------------------------------------------------------------------------------- */

MR_INLINE bool mr_column_is_null(const mr_column *column, uint32_t row)
{
    return column->null_count > 0 && (column->validity[row / 8] >> row % 8 & 1) == 0;
}

MR_INLINE bool mr_column_is_absent(const mr_column *column, uint32_t row)
{
    return column->absent_count > 0 && (column->presence[row / 8] >> row % 8 & 1) == 0;
}

/* The bytes of a cell; empty when null or absent. Borrowed until the next reset. */
MR_INLINE mr_slice mr_column_text(const mr_column *column, uint32_t row)
{
    return (mr_slice){column->data.ptr + column->offsets[row],
                      column->offsets[row + 1] - column->offsets[row]};
}

/* The type of a cell that has a value. */
MR_INLINE mr_type mr_column_type(const mr_column *column, uint32_t row)
{
    return column->type == MR_TYPE_MIXED ? (mr_type)column->tags[row] : column->type;
}

/* The column called `name`, or -1. Linear with hashes; cold code, or cache the answer. */
int64_t mr_batch_find(const mr_batch *batch, mr_slice name);

/* Bytes of input text in the batch: all cells' data. */
uint64_t mr_batch_data_bytes(const mr_batch *batch);

/* Memory the batch holds, used or not. */
uint64_t mr_batch_held_bytes(const mr_batch *batch);

/* Asserts every invariant; walks everything. */
void mr_batch_check(const mr_batch *batch);

#endif
