/* SPDX-License-Identifier: MIT
 *
 * record/amend.h - changes to a batch that is filled already: cells that become null, columns that
 * are taken out or put in another order, rows that move to another batch.
 *
 * Cold: this happens when the schema of the data changes, not per row.
 *
 * Thread: as the batch. */
#ifndef MR_RECORD_AMEND_H
#define MR_RECORD_AMEND_H

#include "record/batch.h"

/* Cells whose bit in `clear` is 1 become null; returns how many had a value. */
uint32_t mr_column_clear_cells(mr_column *column, uint32_t row_count, const uint8_t *clear);

/* Forgets column number `column`; those behind it move up. */
void mr_batch_remove_column(mr_batch *batch, uint32_t column);

/* The columns of `schema` come first, in its order; one that the batch lacks is added, absent in
 * all rows. Others stay behind them in the order they have. */
MR_NODISCARD mr_code mr_batch_arrange(mr_batch *batch, const mr_schema *schema, mr_error *err);

/* The rows of `batch` from `row` on leave it and are all that `to` holds afterwards, with their
 * columns (whose names are copied) and their places. */
MR_NODISCARD mr_code mr_batch_move_rows(mr_batch *batch, uint32_t row, mr_batch *to, mr_error *err);

#endif
