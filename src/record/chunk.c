/* SPDX-License-Identifier: MIT */
#include "record/chunk.h"

#include "core/mem.h"
#include "record/column.h"

#define BLOCK 512u /* tags decoded at a time, on the stack */

void mr_chunk_encoder_done(mr_chunk_encoder *encoder)
{
    mr_texts_encoder_done(&encoder->texts);
    mr_mem_free(encoder->offsets);
    memset(encoder, 0, sizeof *encoder);
}

size_t mr_chunk_encoder_held_bytes(const mr_chunk_encoder *encoder)
{
    return mr_texts_encoder_held_bytes(&encoder->texts) + mr_mem_usable(encoder->offsets);
}

static mr_code reserve_offsets(mr_chunk_encoder *encoder, uint32_t rows, mr_error *err)
{
    if (encoder->offsets_cap > rows) return MR_OK;
    mr_mem_free(encoder->offsets);
    encoder->offsets_cap = 0;
    encoder->offsets = mr_mem_alloc(sizeof *encoder->offsets * ((size_t)rows + 1));
    if (encoder->offsets == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to seal %u records", rows);
    encoder->offsets_cap = rows + 1;
    return MR_OK;
}

/* The values of a column without its nulls, which have no bytes: only offsets are dropped. */
static mr_code values_of(mr_chunk_encoder *encoder, const mr_column *column, uint32_t rows,
                         mr_texts_source *out, mr_error *err)
{
    *out = (mr_texts_source){column->data.ptr, column->offsets, rows};
    if (column->null_count == 0) return MR_OK;
    MR_TRY(reserve_offsets(encoder, rows, err));
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows; row++)
        if (!mr_column_is_null(column, row)) encoder->offsets[count++] = column->offsets[row];
    encoder->offsets[count] = column->offsets[rows];
    *out = (mr_texts_source){column->data.ptr, encoder->offsets, count};
    return MR_OK;
}

static mr_code seal_tags(mr_chunk_encoder *encoder, const mr_column *column, uint32_t rows,
                         mr_buffer *out, mr_error *err)
{
    mr_ints_planner *planner = &encoder->texts.ints;
    MR_TRY(mr_ints_planner_reserve(planner, rows + 1, err));
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows; row++)
        if (!mr_column_is_null(column, row)) planner->values[count++] = column->tags[row];
    const size_t bytes = mr_ints_plan(planner, count, MR_INTS_ALL);
    MR_TRY(mr_buffer_reserve(out, bytes + MR_BITPACK_SLACK, err));
    memset(out->ptr + out->len + bytes - 8, 0, 8);
    mr_ints_write(planner, (uint8_t *)out->ptr + out->len);
    out->len += bytes;
    return MR_OK;
}

mr_code mr_chunk_seal(mr_chunk_encoder *encoder, const mr_column *column, uint32_t rows,
                      mr_buffer *out, mr_error *err)
{
    mr_texts_source values;
    const size_t at = out->len;
    MR_DCHECK(rows > 0 && rows <= MR_CHUNK_MAX_ROWS && at % 8 == 0);
    MR_TRY(values_of(encoder, column, rows, &values, err));
    const uint32_t nulls = rows - values.count;
    mr_chunk head = {.row_count = rows, .value_count = values.count, .type = (uint8_t)column->type};
    head.absent_count =
        column->absent_count > 0 ? mr_bits_count_zeros(column->presence, 0, rows) : 0;
    MR_TRY(mr_buffer_append(out, (mr_slice){(const char *)&head, sizeof head}, err));
    size_t start = out->len;
    if (nulls > 0 && nulls < rows) MR_TRY(mr_bitset_seal(column->validity, rows, out, err));
    head.validity_bytes = (uint32_t)(out->len - start);
    start = out->len;
    if (head.absent_count > 0 && head.absent_count < nulls)
        MR_TRY(mr_bitset_seal(column->presence, rows, out, err));
    head.presence_bytes = (uint32_t)(out->len - start);
    start = out->len;
    if (column->type == MR_TYPE_MIXED && values.count > 0)
        MR_TRY(seal_tags(encoder, column, rows, out, err));
    head.tags_bytes = (uint32_t)(out->len - start);
    if (values.count > 0) MR_TRY(mr_texts_seal(&encoder->texts, &values, out, err));
    memcpy(out->ptr + at, &head, sizeof head);
    return MR_OK;
}

static const mr_bitset *validity_of(const mr_chunk *chunk)
{
    return (const mr_bitset *)(const void *)(chunk + 1);
}

static const mr_bitset *presence_of(const mr_chunk *chunk)
{
    return (const mr_bitset *)(const void *)((const char *)(chunk + 1) + chunk->validity_bytes);
}

static const mr_ints *tags_of(const mr_chunk *chunk)
{
    return (const mr_ints *)(const void *)((const char *)(chunk + 1) + chunk->validity_bytes +
                                           chunk->presence_bytes);
}

const mr_texts *mr_chunk_texts(const mr_chunk *chunk)
{
    if (chunk->value_count == 0) return NULL;
    return (const mr_texts *)(const void *)((const char *)(chunk + 1) + chunk->validity_bytes +
                                            chunk->presence_bytes + chunk->tags_bytes);
}

/* Values among rows 0 .. row - 1. */
static uint32_t values_before(const mr_chunk *chunk, uint32_t row)
{
    if (chunk->validity_bytes > 0) return mr_bitset_rank(validity_of(chunk), row);
    return chunk->value_count > 0 ? row : 0;
}

static bool has_value(const mr_chunk *chunk, uint32_t row)
{
    return chunk->validity_bytes > 0 ? mr_bitset_get(validity_of(chunk), row)
                                     : chunk->value_count > 0;
}

static void read_validity(const mr_chunk *chunk, uint32_t first, uint32_t count, uint32_t nulls,
                          mr_column *out, uint32_t row)
{
    mr_column_need_validity(out, row);
    if (nulls > 0 && chunk->validity_bytes > 0)
        mr_bitset_read(validity_of(chunk), first, count, out->validity, row);
    else
        mr_bits_fill(out->validity, row, count, nulls == 0);
}

/* Which of the nulls just read are absent. */
static mr_code read_presence(const mr_chunk *chunk, uint32_t first, uint32_t count, uint32_t nulls,
                             mr_column *out, uint32_t row, mr_error *err)
{
    if (chunk->absent_count == 0 && out->absent_count == 0) return MR_OK;
    MR_TRY(mr_column_need_presence(out, row, err));
    if (chunk->presence_bytes > 0)
        mr_bitset_read(presence_of(chunk), first, count, out->presence, row);
    else if (chunk->absent_count > 0 && nulls > 0) /* all nulls are absent */
        mr_bits_copy(out->presence, row, out->validity, row, count);
    else
        mr_bits_fill(out->presence, row, count, 1);
    out->absent_count += mr_bits_count_zeros(out->presence, row, count);
    return MR_OK;
}

/* The ends of `values` texts, one after the other from `row` on, move to the rows that have values.
 */
static void spread_offsets(mr_column *out, uint32_t row, uint32_t count, uint32_t values)
{
    for (uint32_t i = count; i > 0; i--) {
        out->offsets[row + i] = out->offsets[row + values];
        values -= out->validity[(row + i - 1) / 8] >> (row + i - 1) % 8 & 1;
    }
}

static void read_tags(const mr_chunk *chunk, uint32_t first_value, uint32_t values, mr_column *out,
                      uint32_t row, uint32_t nulls)
{
    int64_t tags[BLOCK];
    for (uint32_t done = 0; done < values; done += BLOCK) {
        const uint32_t some = values - done < BLOCK ? values - done : BLOCK;
        mr_ints_read(tags_of(chunk), first_value + done, some, tags);
        for (uint32_t i = 0; i < some; i++, row++) {
            while (nulls > 0 && mr_column_is_null(out, row))
                row++;
            out->tags[row] = (uint8_t)tags[i];
        }
    }
}

mr_code mr_chunk_read(const mr_chunk *chunk, uint32_t first, uint32_t count,
                      mr_texts_reader *reader, mr_column *out, uint32_t row, mr_error *err)
{
    MR_DCHECK(first + count <= chunk->row_count && row + count <= out->row_cap);
    const uint32_t first_value = values_before(chunk, first);
    const uint32_t values = values_before(chunk, first + count) - first_value;
    const uint32_t nulls = count - values;
    MR_TRY(mr_column_extend_type(out, row, count, (mr_type)chunk->type, values > 0, err));
    if (values > 0)
        MR_TRY(mr_texts_read(mr_chunk_texts(chunk), first_value, values, reader, out, row, err));
    if (nulls > 0 || out->null_count > 0) read_validity(chunk, first, count, nulls, out, row);
    if (nulls > 0) spread_offsets(out, row, count, values);
    MR_TRY(read_presence(chunk, first, count, nulls, out, row, err));
    out->null_count += nulls;
    if (chunk->tags_bytes > 0 && values > 0) read_tags(chunk, first_value, values, out, row, nulls);
    return MR_OK;
}

mr_code mr_chunk_get(const mr_chunk *chunk, uint32_t row, mr_buffer *scratch, mr_cell *out,
                     mr_error *err)
{
    MR_DCHECK(row < chunk->row_count);
    if (!has_value(chunk, row)) {
        const bool is_absent = chunk->presence_bytes > 0 ? !mr_bitset_get(presence_of(chunk), row)
                                                         : chunk->absent_count > 0;
        *out = (mr_cell){is_absent ? MR_CELL_ABSENT : MR_CELL_NULL, MR_TYPE_NULL, {NULL, 0}};
        return MR_OK;
    }
    const uint32_t index = values_before(chunk, row);
    out->state = MR_CELL_VALUE;
    out->type = (mr_type)chunk->type;
    if (chunk->tags_bytes > 0) out->type = (mr_type)mr_ints_get(tags_of(chunk), index);
    return mr_texts_get(mr_chunk_texts(chunk), index, scratch, &out->text, err);
}
