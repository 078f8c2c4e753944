/* SPDX-License-Identifier: MIT
 *
 * record/rowpack.h - records packed one after the other, to leave one by one: cheap to append, to
 * read alone and to drop from the front.
 *
 *     row     varint (columns << 3 | has nulls | has absents << 1 | has tags << 2)
 *             which cells have values, if there are nulls       1 bit a column
 *             which cells are there, if some are absent         1 bit a column
 *             type of each cell, if one is not its column's     1 byte a column
 *             the values
 *     value   varint (number << 2 | form), form
 *             0  text: number = length, then the bytes
 *             1  int: number = zigzag of the value
 *             2  decimal: number = zigzag of the scaled value, then a byte: its scale
 *             3  timestamp YYYY-MM-DDThh:mm:ssZ: number = zigzag of the seconds since 1970
 *
 * Forms other than text are used only for texts that they give back exactly. Rows lie in blocks of
 * 16 KiB (a row over 4 KiB has its own); pages of 1,024 entries say where, 4 bytes a row.
 *
 * Rows are numbered from 0 since the last reset, also after some were dropped.
 *
 * Thread: owned by one thread. */
#ifndef MR_RECORD_ROWPACK_H
#define MR_RECORD_ROWPACK_H

#include "record/batch.h"
#include "record/chunk.h"

#define MR_ROWPACK_BLOCK_BYTES 16384u
#define MR_ROWPACK_PAGE_ROWS   1024u

typedef struct mr_rowpack_block {
    uint8_t *bytes;
    uint32_t size_bytes; /* MR_ROWPACK_BLOCK_BYTES, or one long row's */
    uint32_t live_rows;  /* rows in it that were not dropped; 0 and not open = given back */
} mr_rowpack_block;

typedef struct mr_rowpack_page {
    uint64_t base_block;                    /* entries count blocks from here */
    uint32_t entries[MR_ROWPACK_PAGE_ROWS]; /* block << 14 | offset */
} mr_rowpack_page;

/* Things numbered from 0 of which a window is held; numbers below `first` are gone. */
typedef struct mr_rowpack_blocks {
    mr_rowpack_block *items;
    uint64_t first;
    uint32_t count, cap;
} mr_rowpack_blocks;

typedef struct mr_rowpack_pages {
    mr_rowpack_page **items;
    uint64_t first;
    uint32_t count, cap;
} mr_rowpack_pages;

typedef struct mr_rowpack {
    uint64_t first_row, end_row; /* rows held */
    uint64_t open_block;         /* number of the block that rows are added to */
    uint32_t open_used;          /* bytes of it in use */
    bool has_open;
    mr_rowpack_blocks blocks;
    mr_rowpack_pages pages;
    void *spare_blocks; /* each begins with the next */
    void *spare_pages;
    uint64_t used_bytes;  /* of the packed rows held */
    uint64_t block_bytes; /* memory of blocks and pages, spare ones included */
    uint8_t *types;       /* of rows without tags, by column; MR_TYPE_NULL = no value yet */
    uint32_t types_cap;
    uint32_t types_count;
    mr_buffer row; /* the row being packed */
} mr_rowpack;

void mr_rowpack_init(mr_rowpack *pack);
void mr_rowpack_done(mr_rowpack *pack);

/* Forgets all rows and numbers, keeps the memory. */
void mr_rowpack_reset(mr_rowpack *pack);

/* Appends rows first .. first + count - 1 of `sources`; a NULL source is an absent cell. Stops at
 * the first row that fails; rows before it stay. */
MR_NODISCARD MR_HOT mr_code mr_rowpack_append(mr_rowpack *pack, const mr_column *const *sources,
                                              uint32_t column_count, uint32_t first, uint32_t count,
                                              mr_error *err);

/* Appends rows first .. first + count - 1 to `columns` as rows row, ...; they have room for them.
 * On failure the columns may hold some of the cells. */
MR_NODISCARD MR_HOT mr_code mr_rowpack_read(const mr_rowpack *pack, uint64_t first, uint32_t count,
                                            mr_column *columns, uint32_t column_count, uint32_t row,
                                            mr_error *err);

/* One cell; its text is borrowed from the rows or from `scratch`. O(columns). */
MR_NODISCARD MR_HOT mr_code mr_rowpack_get(const mr_rowpack *pack, uint64_t row, uint32_t column,
                                           mr_buffer *scratch, mr_cell *out, mr_error *err);

/* Drops rows up to `row`, exclusive, and gives their blocks to later rows. */
MR_HOT void mr_rowpack_drop_before(mr_rowpack *pack, uint64_t row);

/* Gives spare memory back to the system. */
void mr_rowpack_trim(mr_rowpack *pack);

size_t mr_rowpack_held_bytes(const mr_rowpack *pack);

#endif
