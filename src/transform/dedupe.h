/* SPDX-License-Identifier: MIT
 *
 * transform/dedupe.h - which of the records that come one after the other has been there before.
 *
 * A key is kept as bytes and compared exactly (transform/key.h). The first record of a key stays,
 * later ones are dropped, until the window of the first has passed:
 *
 *     window: 3 records     a b a c a       the second a is 2 records behind the first: dropped;
 *                           1 2 3 4 5       the third is 4 behind it: a first one again
 *     window: 10m of time   the same with the column's timestamps; a key is forgotten when a record
 *                           more than 10m later has come
 *
 * What the result is depends on the order of the records alone.
 *
 * Thread: owned by the one thread that sees the records in order. */
#ifndef MR_TRANSFORM_DEDUPE_H
#define MR_TRANSFORM_DEDUPE_H

#include "record/batch.h"
#include "transform/step.h"

typedef struct mr_dedupe mr_dedupe;

/* `step` is borrowed. */
MR_NODISCARD mr_code mr_dedupe_open(const mr_step *step, mr_dedupe **out, mr_error *err);
void mr_dedupe_close(mr_dedupe *dedupe); /* NULL is harmless */

/* Clears the bits of `keep` for the rows that are duplicates. `faults` gets a bit for each row
 * whose time column holds no timestamp; such a row is looked at no further. MR_ERR_LIMIT when the
 * keys need more than the step's memory. */
MR_NODISCARD MR_HOT mr_code mr_dedupe_look(mr_dedupe *dedupe, const mr_batch *batch, uint8_t *keep,
                                           uint8_t *faults, uint64_t *out_duplicates,
                                           mr_error *err);

/* Appends all that is remembered, for a later one of the same step. MR_ERR_LIMIT where `out` ends.
 */
MR_NODISCARD mr_code mr_dedupe_save(const mr_dedupe *dedupe, mr_buffer *out, mr_error *err);
/* Goes on with what mr_dedupe_save() has written, in place of what was remembered. MR_ERR_INPUT
 * when it is something else. */
MR_NODISCARD mr_code mr_dedupe_load(mr_dedupe *dedupe, mr_slice saved, mr_error *err);

/* Keys that are remembered. */
uint64_t mr_dedupe_key_count(const mr_dedupe *dedupe);

#endif
