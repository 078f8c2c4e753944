/* SPDX-License-Identifier: MIT */
#include "record/group.h"

#include "core/mem.h"

#define OUT_MAX_BYTES ((size_t)1 << 40) /* a group's columns are limited before it is sealed */

static const uint64_t *offsets_of(const mr_group *group)
{
    return (const uint64_t *)(const void *)(group + 1);
}

void mr_group_encoder_done(mr_group_encoder *encoder)
{
    mr_chunk_encoder_done(&encoder->chunk);
    mr_buffer_done(&encoder->out);
    memset(encoder, 0, sizeof *encoder);
}

size_t mr_group_encoder_held_bytes(const mr_group_encoder *encoder)
{
    return mr_chunk_encoder_held_bytes(&encoder->chunk) + mr_mem_usable(encoder->out.ptr);
}

static mr_code seal_chunks(mr_group_encoder *encoder, const mr_column *columns,
                           uint32_t column_count, uint32_t rows, mr_error *err)
{
    mr_group head = {.row_count = rows, .column_count = column_count};
    mr_buffer *out = &encoder->out;
    const size_t chunks_at = sizeof head + sizeof(uint64_t) * column_count;
    MR_TRY(mr_buffer_reserve(out, chunks_at, err));
    out->len = chunks_at;
    for (uint32_t i = 0; i < column_count; i++) {
        const uint64_t at = out->len;
        memcpy(out->ptr + sizeof head + sizeof at * i, &at, sizeof at);
        MR_TRY(mr_chunk_seal(&encoder->chunk, &columns[i], rows, out, err));
        head.text_bytes += columns[i].offsets[rows] - columns[i].offsets[0];
    }
    MR_TRY(mr_buffer_reserve(out, MR_TEXTS_SLACK, err));
    memset(out->ptr + out->len, 0, MR_TEXTS_SLACK);
    out->len += MR_TEXTS_SLACK;
    head.size_bytes = out->len;
    memcpy(out->ptr, &head, sizeof head);
    return MR_OK;
}

mr_code mr_group_seal(mr_group_encoder *encoder, const mr_column *columns, uint32_t column_count,
                      uint32_t rows, mr_group **out, mr_error *err)
{
    if (encoder->out.name == NULL)
        mr_buffer_init(&encoder->out, "a sealed row group", OUT_MAX_BYTES);
    mr_buffer_reset(&encoder->out);
    MR_TRY(seal_chunks(encoder, columns, column_count, rows, err));
    mr_group *group = mr_mem_alloc(encoder->out.len);
    if (group == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a sealed row group");
    memcpy(group, encoder->out.ptr, encoder->out.len);
    *out = group;
    return MR_OK;
}

uint64_t mr_group_chunk_bytes(const mr_group *group, uint32_t column)
{
    const uint64_t end = column + 1 < group->column_count ? offsets_of(group)[column + 1]
                                                          : group->size_bytes - MR_TEXTS_SLACK;
    return end - offsets_of(group)[column];
}
