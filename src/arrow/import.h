/* SPDX-License-Identifier: MIT
 *
 * arrow/import.h - foreign Arrow arrays as batches: which types, arrow/field.h says.
 *
 *     mr_arrow_importer_open(&importer, &schema, ...)   importer.schema is what the batches have
 *     mr_arrow_importer_give(&importer, &array, err)    the array is the importer's now
 *     while (mr_arrow_importer_next(&importer, &batch, &rows, err) == MR_OK && rows > 0) ...
 *
 * An array of any length comes as batches of at most max_rows rows. Values become literals. The
 * cells of string, bytes and json columns (32- and 64-bit offsets) are either copied, a column at a
 * time, or lent: then they stay where they are, the batch is read-only as record/batch.h says of
 * loans, and the array is released when neither the importer nor any batch needs it. What is lent
 * is what has no bytes under its nulls and MR_BUFFER_SLACK readable bytes behind it, which is taken
 * as given when they lie on the same page; the rest is copied, and counted.
 *
 * Columns without a name become column_<n>, repeated names <name>_2, ...
 *
 * Thread: an importer belongs to one thread; batches with loans may end theirs on any. */
#ifndef MR_ARROW_IMPORT_H
#define MR_ARROW_IMPORT_H

#include "arrow/field.h"

typedef struct mr_arrow_lender mr_arrow_lender; /* arrays that somebody may still read */
typedef struct mr_arrow_held mr_arrow_held;

typedef struct mr_arrow_importer {
    mr_arrow_field root; /* a struct whose children are the columns */
    mr_schema schema;
    bool lends;
    mr_arrow_lender *lender;
    mr_arrow_held *held; /* the array at hand; NULL when it is used up */
    int64_t next_row, row_count;
    uint64_t lent_count, copied_count; /* columns of text, so far */
} mr_arrow_importer;

/* `schema` stays the caller's. Fields and names live in `arena`. `lend` = do not copy texts. */
MR_NODISCARD mr_code mr_arrow_importer_open(mr_arrow_importer *importer,
                                            const struct ArrowSchema *schema, bool lend,
                                            mr_arena *arena, mr_error *err);
/* Harmless on a zeroed importer. Loans that are out stay good. */
void mr_arrow_importer_close(mr_arrow_importer *importer);

/* Moves `array` into the importer, also when it is refused. The one before must be used up or is
 * forgotten. MR_ERR_INPUT says what is wrong with it. */
MR_NODISCARD mr_code mr_arrow_importer_give(mr_arrow_importer *importer, struct ArrowArray *array,
                                            mr_error *err);

/* Fills `batch` (which is reset) with the next rows, 0 when the array is used up. On failure the
 * array is forgotten. */
MR_NODISCARD MR_HOT mr_code mr_arrow_importer_next(mr_arrow_importer *importer, mr_batch *batch,
                                                   uint32_t *out_rows, mr_error *err);

#endif
