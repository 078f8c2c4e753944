/* SPDX-License-Identifier: MIT
 *
 * record/places.h - where records that are held came from: file, record, line, byte offset and
 * length of each, in order, so that one that is refused later is found in its source again.
 *
 *     row     varint (zigzag of length - the length before << 1 | odd), and if odd
 *             varint zigzag of record - expected, the same of line and of byte offset
 *
 * A row is odd unless it is the record, on the line, at the byte that follow the row before it; a
 * row whose record has no text (a table's) is odd only where such rows begin. So records that
 * follow one another take a byte each while their lengths differ by less than 32, else 2, and none
 * more than MR_PLACES_ROW_BYTES. Rows lie in blocks of 16 KiB, which are given back as they are
 * taken.
 *
 * Runs of rows that share a file, and whose places lie within 2 GiB of each other, are counted,
 * since a batch says such places by 32 bits and one base.
 *
 * Thread: owned by one thread at a time, like the store that they go with. */
#ifndef MR_RECORD_PLACES_H
#define MR_RECORD_PLACES_H

#include "record/batch.h"

#define MR_PLACES_BLOCK_BYTES 16384u
#define MR_PLACES_ROW_BYTES   40u /* four varints */
#define MR_PLACES_MAX_RUNS    ((size_t)1 << 24)
#define MR_PLACES_SPARES      16u /* blocks kept for the next rows */
#define MR_PLACES_NAMES       16u /* sources that take turns are copied once */

/* Of one record, as the quarantine shows it but for `record`, which counts from 0. */
typedef struct mr_place_of_row {
    uint64_t record;
    uint64_t line; /* 1-based; 0 = the source has no text, and the two below are 0 as well */
    uint64_t byte_offset;
    uint64_t byte_length;
} mr_place_of_row;

typedef struct mr_places_block mr_places_block;

/* One end of the rows: what is expected of the next one follows from it. */
typedef struct mr_places_end {
    mr_place_of_row last;
    uint64_t gap; /* bytes between two records of the file: its row end */
} mr_places_end;

typedef struct mr_places {
    mr_places_block *oldest, *newest, *spare;
    uint32_t spare_count;
    uint32_t taken; /* bytes of the oldest block */
    mr_places_end in, out;
    mr_buffer runs;                  /* rows of one file each */
    size_t run_done;                 /* bytes of `runs` that were taken */
    mr_arena names;                  /* of files; forgotten when no rows are left */
    mr_slice known[MR_PLACES_NAMES]; /* the names copied last */
    uint32_t known_count;
    mr_slice source; /* of the rows that are added */
    uint64_t rows;
    uint64_t block_bytes; /* as the allocator counts them */
} mr_places;

void mr_places_init(mr_places *places);
void mr_places_done(mr_places *places);

/* The rows added from now on are of the file `source`. Copied. */
MR_NODISCARD mr_code mr_places_enter(mr_places *places, mr_slice source, mr_error *err);

/* Adds a row behind the others. */
MR_NODISCARD MR_HOT mr_code mr_places_add(mr_places *places, const mr_place_of_row *row,
                                          mr_error *err);

/* How many of the oldest rows mr_places_take() can give at once; 0 = there is none. */
uint64_t mr_places_run(const mr_places *places);

/* Takes the `batch->row_count` oldest rows, at most mr_places_run(), and makes them the places of
 * the batch's rows: its origin with `placed` set where they have text, and the row_* arrays. The
 * name of the source is borrowed until rows are added after the last one was taken. */
MR_HOT void mr_places_take(mr_places *places, mr_batch *batch);

/* Memory held. */
uint64_t mr_places_bytes(const mr_places *places);

#endif
