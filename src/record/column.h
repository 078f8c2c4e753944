/* SPDX-License-Identifier: MIT
 *
 * record/column.h - bulk work on the plain columns of record/batch.h: many cells at a time, with
 * their three states and their types.
 *
 * Thread: as the columns. */
#ifndef MR_RECORD_COLUMN_H
#define MR_RECORD_COLUMN_H

#include "record/batch.h"

/* Gives back a column's memory; for columns that are no part of a batch. */
void mr_column_done(mr_column *column);
size_t mr_column_held_bytes(const mr_column *column);

/* Room for `rows` rows in all; the first call prepares a zeroed column. */
MR_NODISCARD mr_code mr_column_reserve_rows(mr_column *column, uint32_t rows, mr_error *err);

/* The next `count` rows, from `row` on, will have cells of `type`, which may make the column mixed;
 * `has_values` = one of them has a value. Sets the tags of these rows to `type`. */
MR_NODISCARD mr_code mr_column_extend_type(mr_column *column, uint32_t row, uint32_t count,
                                           mr_type type, bool has_values, mr_error *err);

/* Makes the validity (presence) bits real, if they are not, because row `row` and later ones will
 * have nulls (absents): all rows before have values (keys). */
void mr_column_need_validity(mr_column *column, uint32_t row);
MR_NODISCARD mr_code mr_column_need_presence(mr_column *column, uint32_t row, mr_error *err);

/* Appends rows from .. from + count - 1 of `source` as rows row, ... of `column`. */
MR_NODISCARD mr_code mr_column_append_rows(mr_column *column, uint32_t row, const mr_column *source,
                                           uint32_t from, uint32_t count, mr_error *err);

/* Appends `count` absent cells. */
MR_NODISCARD mr_code mr_column_append_absents(mr_column *column, uint32_t row, uint32_t count,
                                              mr_error *err);

/* Shortens the column to its first `rows` rows. O(bitmaps). */
void mr_column_truncate(mr_column *column, uint32_t rows);

/* Makes `data` the cells of a column, whose offsets the caller sets, until `loan` ends: at the next
 * reset of its batch, or when the column needs memory of its own. MR_BUFFER_SLACK bytes behind
 * `data` must be readable. The column must have no loan. */
void mr_column_lend(mr_column *column, mr_slice data, mr_loan *loan);

/* Ends the loan, if there is one; the column's own buffer is back and empty. */
void mr_column_return(mr_column *column);

/* Copies what is on loan into the column's own memory and ends the loan; on failure it goes on. */
MR_NODISCARD mr_code mr_column_own(mr_column *column, mr_error *err);
MR_NODISCARD mr_code mr_batch_own(mr_batch *batch, mr_error *err);

/* Bits from .. from + count - 1 of `source` become bits at, at + 1, ... of `bits`; the bits after
 * them in their byte become undefined. */
void mr_bits_copy(uint8_t *bits, uint32_t at, const uint8_t *source, uint32_t from, uint32_t count);
void mr_bits_fill(uint8_t *bits, uint32_t at, uint32_t count, unsigned value);
uint32_t mr_bits_count_zeros(const uint8_t *bits, uint32_t from, uint32_t count);

#endif
