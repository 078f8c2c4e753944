/* SPDX-License-Identifier: MIT
 *
 * record/group.h - a sealed row group: the chunks of up to 65,536 records in one exact allocation.
 *
 *     head | where each chunk begins | chunk 0 | chunk 1 | ... | slack that readers may touch
 *
 * Sealing is a pure function of the plain columns and of memory that the encoder keeps, so that a
 * worker can do it. A group is position-independent bytes.
 *
 * Thread: sealed groups may be read by any thread; encoders are owned by one. */
#ifndef MR_RECORD_GROUP_H
#define MR_RECORD_GROUP_H

#include "record/chunk.h"

typedef struct mr_group {
    uint64_t size_bytes; /* of the whole allocation */
    uint64_t text_bytes; /* of all values as texts */
    uint32_t row_count;
    uint32_t column_count;
} mr_group;

/* Memory that sealing needs and keeps. Zeroed = empty. */
typedef struct mr_group_encoder {
    mr_chunk_encoder chunk;
    mr_buffer out;
} mr_group_encoder;

void mr_group_encoder_done(mr_group_encoder *encoder);
size_t mr_group_encoder_held_bytes(const mr_group_encoder *encoder);

/* Seals the first `rows` rows of `columns` into *out, to be freed with mr_mem_free(). */
MR_NODISCARD mr_code mr_group_seal(mr_group_encoder *encoder, const mr_column *columns,
                                   uint32_t column_count, uint32_t rows, mr_group **out,
                                   mr_error *err);

/* Chunk of column `column`, below column_count. */
MR_INLINE const mr_chunk *mr_group_chunk(const mr_group *group, uint32_t column)
{
    const uint64_t *offsets = (const uint64_t *)(const void *)(group + 1);
    return (const mr_chunk *)(const void *)((const char *)group + offsets[column]);
}

/* Bytes of that chunk. */
uint64_t mr_group_chunk_bytes(const mr_group *group, uint32_t column);

#endif
