/* SPDX-License-Identifier: MIT
 *
 * The CSV writer. Whether a value needs quotes is asked of whole columns, not of values: each
 * column knows the next of its data bytes that is special, and as long as a cell ends before that
 * it is copied as it is. Most columns have none at all, which one pass of 64 bytes a step finds
 * out. */
#include "format/csv.h"

#include "format/csv_kernel.h"

#define CHUNK_ROWS    64u /* rows for which room is made at a time */
#define QUOTING_BYTES 3u  /* of a cell at most, its inner quotes aside: two quotes, a delimiter */

/* A column being written. */
typedef struct mr_csv_cursor {
    const mr_column *column;
    const char *data;
    const uint32_t *offsets;
    size_t special; /* the next byte of `data` that needs quotes; its end when there is none */
} mr_csv_cursor;

void mr_csv_writer_init(mr_csv_writer *writer)
{
    *writer = (mr_csv_writer){
        .delimiter = ',', .quote = '"', .header = true, .kernel = mr_csv_kernel_pick()};
    mr_buffer_init(&writer->cursors, "the columns of a CSV writer",
                   sizeof(mr_csv_cursor) * MR_MAX_COLUMNS);
}

void mr_csv_writer_done(mr_csv_writer *writer)
{
    mr_buffer_done(&writer->cursors);
}

static bool is_special(const mr_csv_writer *w, char byte)
{
    return byte == w->delimiter || byte == w->quote || byte == '\n' || byte == '\r';
}

mr_code mr_csv_writer_check(const mr_csv_writer *w, mr_error *err)
{
    mr_csv_options options = MR_CSV_OPTIONS_DEFAULT;
    options.delimiter = w->delimiter;
    options.quote = w->quote;
    if (w->delimiter == 0 || w->quote == 0)
        return mr_fail(err, MR_ERR_USAGE, "csv.delimiter and csv.quote are needed for writing");
    for (size_t i = 0; i < w->null_text.len; i++)
        if (is_special(w, w->null_text.ptr[i]))
            return mr_fail(err, MR_ERR_USAGE, "csv.null_text holds a byte that needs quotes");
    return mr_csv_options_check(&options, err);
}

static bool looks_like_bom(mr_slice text)
{
    return mr_slice_starts(text, "\xef\xbb\xbf");
}

static mr_code append_quoted(const mr_csv_writer *w, mr_slice text, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_append_byte(out, w->quote, err));
    while (text.len > 0) {
        const char *mark = memchr(text.ptr, w->quote, text.len);
        const size_t count = mark != NULL ? (size_t)(mark - text.ptr) + 1 : text.len;
        MR_TRY(mr_buffer_append(out, mr_slice_of(text.ptr, count), err));
        if (mark != NULL) MR_TRY(mr_buffer_append_byte(out, w->quote, err));
        text = mr_slice_from(text, count);
    }
    return mr_buffer_append_byte(out, w->quote, err);
}

static mr_code end_row(const mr_csv_writer *w, mr_buffer *out, mr_error *err)
{
    return mr_buffer_append(out, w->crlf ? MR_SLICE("\r\n") : MR_SLICE("\n"), err);
}

/* --- the header --- */

static mr_code append_name(const mr_csv_writer *w, mr_slice name, uint32_t number, mr_buffer *out,
                           mr_error *err)
{
    bool quoted = name.len == 0 || (number == 0 && looks_like_bom(name));
    for (size_t i = 0; i < name.len && !quoted; i++)
        quoted = is_special(w, name.ptr[i]);
    if (number > 0) MR_TRY(mr_buffer_append_byte(out, w->delimiter, err));
    return quoted ? append_quoted(w, name, out, err) : mr_buffer_append(out, name, err);
}

mr_code mr_csv_write_header(const mr_csv_writer *w, const mr_schema *schema, mr_buffer *out,
                            mr_error *err)
{
    if (!w->header || schema->field_count == 0) return MR_OK;
    for (uint32_t i = 0; i < schema->field_count; i++)
        MR_TRY(append_name(w, schema->fields[i].name, i, out, err));
    return end_row(w, out, err);
}

mr_code mr_csv_write_header_of(const mr_csv_writer *w, const mr_batch *batch, mr_buffer *out,
                               mr_error *err)
{
    if (!w->header || batch->column_count == 0) return MR_OK;
    for (uint32_t i = 0; i < batch->column_count; i++)
        MR_TRY(append_name(w, batch->columns[i].name, i, out, err));
    return end_row(w, out, err);
}

/* --- rows --- */

static size_t find_special(const mr_csv_writer *w, const mr_column *column, size_t from)
{
    return w->kernel->find_special(column->data.ptr, from, column->data.len, w->delimiter,
                                   w->quote);
}

/* A cell that is empty, quoted or possibly the null text; its room is made here. */
static mr_code append_odd_cell(const mr_csv_writer *w, mr_csv_cursor *c, uint32_t row,
                               mr_buffer *out, mr_error *err)
{
    if (mr_column_is_null(c->column, row)) return mr_buffer_append(out, w->null_text, err);
    const mr_slice text = mr_column_text(c->column, row);
    const size_t end = c->offsets[row + 1];
    const bool special = c->special < end;
    if (special) c->special = find_special(w, c->column, end);
    if (special || text.len == 0 || mr_slice_equal(text, w->null_text))
        return append_quoted(w, text, out, err);
    return mr_buffer_append(out, text, err);
}

/* Room that rows first .. end need when no quote is doubled and no null text is written. */
static size_t room_for(const mr_csv_cursor *cursors, uint32_t count, uint32_t first, uint32_t end)
{
    size_t bytes = (size_t)(end - first) * ((size_t)count * QUOTING_BYTES + 2);
    for (uint32_t i = 0; i < count; i++)
        bytes += cursors[i].offsets[end] - cursors[i].offsets[first];
    return bytes;
}

/* Writes an odd cell at `*to`, and makes room again for what room_for() promised to all after it:
 * `*limit` is the end of that promise, of which the cell had its length and two quotes. */
static mr_code write_odd_cell(const mr_csv_writer *w, mr_csv_cursor *c, uint32_t row,
                              mr_buffer *out, char **to, char **limit, mr_error *err)
{
    const size_t share = c->offsets[row + 1] - c->offsets[row] + QUOTING_BYTES - 1;
    const size_t others = (size_t)(*limit - *to) - share;
    out->len = (size_t)(*to - out->ptr);
    MR_TRY(append_odd_cell(w, c, row, out, err));
    MR_TRY(mr_buffer_reserve(out, others, err));
    *to = out->ptr + out->len;
    *limit = *to + others;
    return MR_OK;
}

/* Rows first .. end. The hot loop: a cell without quotes is a copy of 32 bytes, over the end of
 * columns and of `out`, which have the slack, and a delimiter. */
static mr_code write_rows(const mr_csv_writer *w, mr_csv_cursor *cursors, uint32_t count,
                          uint32_t first, uint32_t end, mr_buffer *out, mr_error *err)
{
    const bool all_odd = w->null_text.len > 0;
    const size_t room = room_for(cursors, count, first, end);
    MR_TRY(mr_buffer_reserve(out, room, err));
    char *to = out->ptr + out->len, *limit = to + room;
    for (uint32_t row = first; row < end; row++) {
        for (uint32_t i = 0; i < count; i++) {
            mr_csv_cursor *c = &cursors[i];
            const uint32_t from = c->offsets[row], until = c->offsets[row + 1];
            const size_t length = until - from;
            if (MR_LIKELY(length > 0 && until <= c->special && !all_odd)) {
                mr_copy32(to, c->data + from);
                for (size_t done = 32; MR_UNLIKELY(done < length); done += 32)
                    mr_copy32(to + done, c->data + from + done);
                to += length;
            } else if (length > 0 || all_odd || !mr_column_is_null(c->column, row)) {
                MR_TRY(write_odd_cell(w, c, row, out, &to, &limit, err));
            }
            *to++ = w->delimiter;
        }
        to--; /* the last delimiter becomes the row end */
        if (w->crlf) *to++ = '\r';
        *to++ = '\n';
    }
    MR_DCHECK(to <= limit);
    out->len = (size_t)(to - out->ptr);
    return MR_OK;
}

/* One cursor per column, each at its first special byte. */
static mr_code open_cursors(mr_csv_writer *w, const mr_batch *batch, mr_error *err)
{
    mr_buffer_reset(&w->cursors);
    MR_TRY(mr_buffer_reserve(&w->cursors, sizeof(mr_csv_cursor) * batch->column_count, err));
    mr_csv_cursor *cursors = (mr_csv_cursor *)(void *)w->cursors.ptr;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const mr_column *column = &batch->columns[i];
        cursors[i] =
            (mr_csv_cursor){column, column->data.ptr, column->offsets, find_special(w, column, 0)};
    }
    return MR_OK;
}

mr_code mr_csv_write(mr_csv_writer *w, const mr_batch *batch, mr_buffer *out, mr_error *err)
{
    if (batch->column_count == 0 || batch->row_count == 0) return MR_OK;
    MR_TRY(open_cursors(w, batch, err));
    mr_csv_cursor *cursors = (mr_csv_cursor *)(void *)w->cursors.ptr;
    /* Without header this batch may begin the file: a first cell that a reader would take for a
     * byte order mark is given quotes by calling its first byte special. */
    if (!w->header && batch->sequence == 0 && looks_like_bom(mr_column_text(&batch->columns[0], 0)))
        cursors[0].special = 0;
    for (uint32_t row = 0; row < batch->row_count; row += CHUNK_ROWS) {
        const uint32_t left = batch->row_count - row;
        MR_TRY(write_rows(w, cursors, batch->column_count, row,
                          row + (left < CHUNK_ROWS ? left : CHUNK_ROWS), out, err));
    }
    return MR_OK;
}
