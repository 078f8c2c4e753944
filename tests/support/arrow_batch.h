/* SPDX-License-Identifier: MIT
 *
 * support/arrow_batch.h - random batches with a column of every type and spelling that goes out as
 * Arrow and comes back, for tests on our side and on others'.
 *
 * Thread: one. */
#ifndef MR_TESTS_SUPPORT_ARROW_BATCH_H
#define MR_TESTS_SUPPORT_ARROW_BATCH_H

#include "record/batch.h"

#define ARROW_BATCH_COLUMNS 20

/* Names and types of the columns of arrow_batch_fill(). */
void arrow_batch_schema(mr_schema *schema, mr_arena *arena);

/* Resets `batch` and fills it with `rows` rows drawn from `*random`; a sixth of the cells is null
 * or absent, or none when `full`. */
void arrow_batch_fill(mr_batch *batch, const mr_schema *schema, uint32_t rows, bool full,
                      uint64_t *random);

uint64_t arrow_batch_random(uint64_t *random);

#endif
