/* SPDX-License-Identifier: MIT
 *
 * record/chunk.h - one sealed column of up to 65,536 rows.
 *
 *     head | validity | presence | tags | texts
 *
 * validity (record/bitset.h) is there if some but not all rows have values; presence if some nulls
 * are absent and some are not; tags (record/ints.h), a type per value, if the column is mixed;
 * texts (record/texts.h) holds the values alone, so a null takes no space in it. All are
 * position-independent bytes.
 *
 * Thread: sealed chunks may be read by any thread; encoders and readers are owned by one. */
#ifndef MR_RECORD_CHUNK_H
#define MR_RECORD_CHUNK_H

#include "record/batch.h"
#include "record/bitset.h"
#include "record/texts.h"

#define MR_CHUNK_MAX_ROWS 65536u

typedef struct mr_chunk {
    uint32_t row_count;
    uint32_t value_count;
    uint32_t absent_count;
    uint32_t validity_bytes, presence_bytes, tags_bytes; /* 0 = not there */
    uint8_t type; /* of the column; MR_TYPE_MIXED = see tags */
    uint8_t spare[7];
} mr_chunk;

/* One cell of a store. */
typedef enum mr_cell_state { MR_CELL_ABSENT, MR_CELL_NULL, MR_CELL_VALUE } mr_cell_state;

typedef struct mr_cell {
    mr_cell_state state;
    mr_type type;  /* of a value; else MR_TYPE_NULL */
    mr_slice text; /* borrowed, by the call that filled it */
} mr_cell;

/* Memory that sealing needs and keeps. Zeroed = empty. */
typedef struct mr_chunk_encoder {
    mr_texts_encoder texts;
    uint32_t *offsets; /* of the values alone */
    uint32_t offsets_cap;
} mr_chunk_encoder;

void mr_chunk_encoder_done(mr_chunk_encoder *encoder);
size_t mr_chunk_encoder_held_bytes(const mr_chunk_encoder *encoder);

/* Appends the first `rows` rows (1 to MR_CHUNK_MAX_ROWS) of `column`, sealed, to `out`, whose
 * length stays a multiple of 8. */
MR_NODISCARD mr_code mr_chunk_seal(mr_chunk_encoder *encoder, const mr_column *column,
                                   uint32_t rows, mr_buffer *out, mr_error *err);

/* Appends rows first .. first + count - 1 as rows row, ... of `out`, which has room for them. */
MR_NODISCARD MR_HOT mr_code mr_chunk_read(const mr_chunk *chunk, uint32_t first, uint32_t count,
                                          mr_texts_reader *reader, mr_column *out, uint32_t row,
                                          mr_error *err);

/* One cell; its text is borrowed from the chunk or from `scratch`. */
MR_NODISCARD MR_HOT mr_code mr_chunk_get(const mr_chunk *chunk, uint32_t row, mr_buffer *scratch,
                                         mr_cell *out, mr_error *err);

/* The values, or NULL when there are none. */
const mr_texts *mr_chunk_texts(const mr_chunk *chunk);

#endif
