/* SPDX-License-Identifier: MIT
 *
 * remote/batch_id.h - the name of a batch that is the same at every try, and in a run that is
 * repeated after a crash, so that the other side can tell that it has it already.
 *
 * It follows from where the batch's records stand, not from what they hold: the feed (which
 * pipeline, to where), the source's file, the first record with its part, and how many rows.
 *
 * Thread: pure functions, any. */
#ifndef MR_REMOTE_BATCH_ID_H
#define MR_REMOTE_BATCH_ID_H

#include "core/base.h"

#define MR_BATCH_ID_BYTES 32 /* hexadecimal digits, no NUL */

typedef struct mr_batch_place {
    mr_slice feed;         /* what tells this flow of records from others */
    mr_slice source;       /* the file or stream that the first record is from */
    uint64_t first_record; /* its number there */
    uint64_t first_part;   /* which of the rows that the record gave */
    uint64_t row_count;
} mr_batch_place;

void mr_batch_id_write(char out[MR_BATCH_ID_BYTES], const mr_batch_place *place);

#endif
