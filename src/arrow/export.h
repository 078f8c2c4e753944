/* SPDX-License-Identifier: MIT
 *
 * arrow/export.h - batches handed to anybody who speaks the Arrow C Data Interface.
 *
 * Handing out moves: the rows with all their memory leave the batch for a *lease*, and the batch
 * gets the empty memory of a lease that has come back, so that nothing is copied and nothing
 * allocated once as many leases go round as the receiver holds at a time.
 *
 *     batch ----rows----> lease ---> ArrowArray ---> receiver
 *       ^                   |  values of int, decimal, date, ... converted into memory of the lease
 *       '---empty memory----'  <--- release(), by any thread
 *
 * Who owns what: until mr_arrow_export() returns MR_OK the rows are the batch's. Then they are the
 * receiver's, read-only, until it has released the array and every child that it moved out of it;
 * the last release gives the memory back to the exporter. The exporter may be closed before: what
 * is out stays valid, and the last release frees it.
 *
 * Offsets, validity and data of string, json, number, mixed and bytes columns are the batch's own
 * buffers; other columns share the validity. A column without nulls has no validity buffer.
 *
 * Thread: an exporter and its batches belong to one thread; release callbacks may run on any. */
#ifndef MR_ARROW_EXPORT_H
#define MR_ARROW_EXPORT_H

#include "arrow/plan.h"
#include "record/reject.h"

#define MR_ARROW_MAX_LEASES 256 /* batches that are out at a time */

typedef struct mr_arrow_exporter mr_arrow_exporter;

MR_NODISCARD mr_code mr_arrow_exporter_open(mr_arrow_exporter **out, mr_error *err);
/* Harmless on NULL. */
void mr_arrow_exporter_close(mr_arrow_exporter *exporter);

/* Moves the rows of `batch` into `out`, an Arrow struct with a child for each column of the plan,
 * which are the first columns of the batch. The batch is empty then.
 *
 * Rows that cannot be handed out exactly: with `refused` they are added to it in order, with
 * row_before, column, reason and detail set, `out->release` is NULL and the batch is as before;
 * without, they are MR_ERR_INPUT. MR_ERR_LIMIT when MR_ARROW_MAX_LEASES are out. */
MR_NODISCARD MR_HOT mr_code mr_arrow_export(mr_arrow_exporter *exporter, const mr_arrow_plan *plan,
                                            mr_batch *batch, mr_reject_list *refused,
                                            struct ArrowArray *out, mr_error *err);

/* The rows behind an array that mr_arrow_export() has just given, to look up where they came from;
 * no rows once the receiver has released it. Until the next export. */
mr_batch *mr_arrow_exported_rows(const struct ArrowArray *array);

/* Batches that are out. */
uint32_t mr_arrow_exporter_leased(mr_arrow_exporter *exporter);

#endif
