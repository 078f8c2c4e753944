/* SPDX-License-Identifier: MIT
 *
 * arrow/lender.h - who still needs a foreign array. The importer does while it reads, each lent
 * column does until its loan ends; the last one releases the array.
 *
 * Thread: any; the lender's list is the one thing shared, behind a lock, once a column. */
#ifndef MR_ARROW_LENDER_H
#define MR_ARROW_LENDER_H

#include "arrow/import.h"

MR_NODISCARD mr_code mr_arrow_lender_open(mr_arrow_lender **out, mr_error *err);
/* What is out stays good; the last to end frees the lender. */
void mr_arrow_lender_close(mr_arrow_lender *lender);

/* Takes an array over, for the caller to drop. On failure it stays the caller's. */
MR_NODISCARD mr_code mr_arrow_hold(mr_arrow_lender *lender, struct ArrowArray *array,
                                   mr_arrow_held **out, mr_error *err);
void mr_arrow_drop(mr_arrow_held *held);
const struct ArrowArray *mr_arrow_held_array(const mr_arrow_held *held);

/* A loan that keeps `held` until its end() is called. */
MR_NODISCARD mr_code mr_arrow_lend(mr_arrow_held *held, mr_loan **out, mr_error *err);

#endif
