/* SPDX-License-Identifier: MIT
 *
 * A row is written into room that was reserved for a block of rows, so a cell is two copies of 32
 * bytes (its key, its text) and no checks. What is odd about a column (escapes to make, bytes that
 * are not UTF-8, types that differ from row to row) is found by one look at all its text, before
 * the first row. */
#include "core/mem.h"
#include "core/utf8.h"
#include "format/json_internal.h"

#define BLOCK_ROWS      256u
#define BLOCK_BYTES     ((size_t)1 << 20) /* room reserved at once; a larger row is measured */
#define WORST_GROWTH    6u                /* a control character becomes \u00xx */
#define MAX_TABLE_BYTES ((size_t)1 << 30)

typedef enum cell_kind {
    CELL_TEXT, /* quotes around bytes as they are */
    CELL_BARE, /* bytes as they are */
    CELL_ODD,  /* to be looked at one by one */
} cell_kind;

/* A column of the batch being written. */
typedef struct write_column {
    const char *piece; /* ,"key":" - the last quote is for text only */
    const char *data;
    const uint32_t *offsets;
    const mr_column *column;
    size_t piece_at; /* in writer->pieces */
    uint32_t piece_len;
    uint32_t name_len;
    size_t name_at; /* in writer->names */
    cell_kind kind;
    bool escapes; /* some cell must be escaped */
    bool broken;  /* some cell is not UTF-8 */
} write_column;

struct mr_json_writer {
    const mr_json_kernels *kernels;
    mr_json_write_options options;
    mr_buffer columns; /* of write_column */
    uint32_t column_count;
    mr_buffer names, pieces;
    size_t fixed_bytes; /* of a row, however short its cells are */
    mr_buffer row;      /* pretty: a row in compact form */
    mr_buffer mended;
    uint64_t replaced;
};

mr_code mr_json_writer_open(const mr_json_write_options *options, mr_json_writer **out,
                            mr_error *err)
{
    if (options->indent > MR_JSON_MAX_INDENT)
        return mr_fail(err, MR_ERR_USAGE, "JSON is indented by at most %u spaces a level",
                       MR_JSON_MAX_INDENT);
    mr_json_writer *writer = mr_mem_zalloc(sizeof *writer);
    if (writer == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a JSON writer");
    writer->options = *options;
    if (options->indent == 0) writer->options.indent = 2;
    writer->kernels = mr_json_kernels_choose();
    mr_buffer_init(&writer->columns, "the columns of a JSON writer", MAX_TABLE_BYTES);
    mr_buffer_init(&writer->names, "the names of a JSON writer", MAX_TABLE_BYTES);
    mr_buffer_init(&writer->pieces, "the keys of a JSON writer", MAX_TABLE_BYTES);
    mr_buffer_init(&writer->row, "a JSON record", SIZE_MAX / 2);
    mr_buffer_init(&writer->mended, "a JSON string", SIZE_MAX / 2);
    *out = writer;
    return MR_OK;
}

void mr_json_writer_close(mr_json_writer *writer)
{
    if (writer == NULL) return;
    mr_buffer_done(&writer->columns);
    mr_buffer_done(&writer->names);
    mr_buffer_done(&writer->pieces);
    mr_buffer_done(&writer->row);
    mr_buffer_done(&writer->mended);
    mr_mem_free(writer);
}

uint64_t mr_json_writer_replaced(const mr_json_writer *writer)
{
    return writer->replaced;
}

MR_INLINE write_column *columns_of(const mr_json_writer *writer)
{
    return (write_column *)(void *)writer->columns.ptr;
}

/* --- text --- */

/* Copies `len` bytes where both sides have 32 bytes of room; returns what is behind. */
MR_INLINE char *put(char *to, const char *from, size_t len)
{
    if (MR_LIKELY(len <= 32))
        mr_copy32(to, from);
    else
        memcpy(to, from, len);
    return to + len;
}

MR_INLINE char *put_literal(char *to, mr_slice text)
{
    memcpy(to, text.ptr, text.len);
    return to + text.len;
}

static char *put_escape(char *to, char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn?fr"; /* 0x08 .. 0x0d */
    const unsigned char c = (unsigned char)byte;
    *to++ = '\\';
    if (c >= 0x20 || (c >= 0x08 && c <= 0x0d && c != 0x0b)) {
        *to++ = c >= 0x20 ? byte : letters[c - 0x08];
        return to;
    }
    to[0] = 'u';
    to[1] = to[2] = '0';
    to[3] = hex[c >> 4];
    to[4] = hex[c & 15];
    return to + 5;
}

/* The text between quotes. Both sides have slack. */
static char *put_escaped(const mr_json_writer *writer, char *to, mr_slice text)
{
    for (;;) {
        const size_t plain = writer->kernels->plain_run(text.ptr, text.len);
        to = put(to, text.ptr, plain);
        if (plain == text.len) return to;
        to = put_escape(to, text.ptr[plain]);
        text = mr_slice_from(text, plain + 1);
    }
}

static size_t escaped_bytes(mr_slice text)
{
    size_t bytes = text.len;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20) bytes += WORST_GROWTH - 1;
        bytes += c == '"' || c == '\\';
        bytes += (size_t)(c >= 0x80) * 2; /* may become U+FFFD */
    }
    return bytes;
}

/* --- keys, once a schema --- */

static mr_code append_piece(mr_json_writer *writer, write_column *to, mr_slice name, mr_error *err)
{
    mr_buffer *pieces = &writer->pieces;
    to->piece_at = pieces->len;
    MR_TRY(mr_buffer_reserve(pieces, escaped_bytes(name) + 5, err));
    char *end = pieces->ptr + pieces->len;
    end = put_literal(end, MR_SLICE(",\""));
    end = put_escaped(writer, end, name);
    end = put_literal(end, MR_SLICE("\":\""));
    pieces->len = (size_t)(end - pieces->ptr);
    to->piece_len = (uint32_t)(pieces->len - to->piece_at - 1);
    return MR_OK;
}

static mr_code add_column(mr_json_writer *writer, mr_slice name, mr_error *err)
{
    write_column column = {.name_at = writer->names.len, .name_len = (uint32_t)name.len};
    MR_TRY(mr_buffer_append(&writer->names, name, err));
    mr_buffer_reset(&writer->mended);
    if (!mr_utf8_valid(name) && !writer->options.lossy)
        return mr_fail(err, MR_ERR_INPUT, "the name of column %u is not UTF-8, which JSON demands",
                       writer->column_count + 1);
    MR_TRY(mr_json_append_mended(&writer->mended, name, &writer->replaced, err));
    MR_TRY(append_piece(writer, &column, mr_buffer_slice(&writer->mended), err));
    MR_TRY(
        mr_buffer_append(&writer->columns, (mr_slice){(const char *)&column, sizeof column}, err));
    writer->column_count++;
    writer->fixed_bytes += column.piece_len + sizeof "null" + 2;
    return MR_OK;
}

static bool same_names(const mr_json_writer *writer, const mr_batch *batch)
{
    if (writer->column_count != batch->column_count) return false;
    const write_column *columns = columns_of(writer);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const mr_slice known = {writer->names.ptr + columns[i].name_at, columns[i].name_len};
        if (!mr_slice_equal(known, batch->columns[i].name)) return false;
    }
    return true;
}

static mr_code make_keys(mr_json_writer *writer, const mr_batch *batch, mr_error *err)
{
    if (same_names(writer, batch)) return MR_OK;
    mr_buffer_reset(&writer->columns);
    mr_buffer_reset(&writer->names);
    mr_buffer_reset(&writer->pieces);
    writer->column_count = 0;
    writer->fixed_bytes = 8; /* braces, comma, LF */
    MR_TRY(mr_buffer_reserve(&writer->names, 1, err));
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const mr_code rc = add_column(writer, batch->columns[i].name, err);
        if (rc == MR_OK) continue;
        writer->column_count = 0;
        return rc;
    }
    return MR_OK;
}

/* --- columns, once a batch --- */

/* Bytes that are UTF-8 as a whole may still be cut inside a code point by a cell's border. */
static bool cells_are_utf8(const mr_column *column, uint32_t rows)
{
    if (!mr_utf8_valid((mr_slice){column->data.ptr, column->offsets[rows]})) return false;
    for (uint32_t row = 0; row < rows; row++)
        if (column->offsets[row] < column->offsets[row + 1] &&
            ((unsigned char)column->data.ptr[column->offsets[row]] & 0xc0) == 0x80)
            return false;
    return true;
}

static bool is_bare(mr_type type)
{
    return mr_type_is_number(type) || type == MR_TYPE_BOOL || type == MR_TYPE_JSON;
}

static void look_at_column(const mr_json_writer *writer, write_column *to, const mr_column *column,
                           uint32_t rows)
{
    to->column = column;
    to->piece = writer->pieces.ptr + to->piece_at;
    to->data = column->data.ptr;
    to->offsets = column->offsets;
    const unsigned found = writer->kernels->look(to->data, column->offsets[rows]);
    to->broken = (found & MR_JSON_TEXT_HIGH) != 0 && !cells_are_utf8(column, rows);
    to->kind = is_bare(column->type) ? CELL_BARE : CELL_TEXT;
    to->escapes = (found & MR_JSON_TEXT_ESCAPES) != 0 && to->kind == CELL_TEXT;
    if (to->broken || column->type == MR_TYPE_MIXED || column->type == MR_TYPE_FLOAT || to->escapes)
        to->kind = CELL_ODD;
}

/* Room that rows [from, to) cannot exceed. */
static size_t block_room(const mr_json_writer *writer, uint32_t from, uint32_t to)
{
    const write_column *columns = columns_of(writer);
    size_t room = writer->fixed_bytes * (to - from);
    for (uint32_t i = 0; i < writer->column_count; i++) {
        const size_t bytes = columns[i].offsets[to] - columns[i].offsets[from];
        room += columns[i].escapes || columns[i].broken ? bytes * WORST_GROWTH : bytes;
    }
    return room;
}

static size_t row_room(const mr_json_writer *writer, uint32_t row)
{
    const write_column *columns = columns_of(writer);
    size_t room = writer->fixed_bytes;
    for (uint32_t i = 0; i < writer->column_count; i++)
        room += escaped_bytes(mr_column_text(columns[i].column, row));
    return room;
}

/* --- rows --- */

typedef struct row_trouble {
    mr_reason reason;
    uint32_t column;
    mr_code code; /* the failure, when it is one */
} row_trouble;

/* The bytes of a broken cell with U+FFFD in them; NULL = no memory. */
static const mr_buffer *mend_cell(mr_json_writer *writer, mr_slice text, mr_error *err)
{
    mr_buffer_reset(&writer->mended);
    const mr_code rc = mr_json_append_mended(&writer->mended, text, &writer->replaced, err);
    return rc == MR_OK ? &writer->mended : NULL;
}

/* A cell of a column that is not all the same; its key is written without the quote. NULL = not
 * possible, and `trouble` says why. */
static char *put_odd(mr_json_writer *writer, const write_column *column, uint32_t row, char *to,
                     row_trouble *trouble, mr_error *err)
{
    const mr_type type = mr_column_type(column->column, row);
    mr_slice text = mr_column_text(column->column, row);
    if (column->broken && !mr_utf8_valid(text)) {
        trouble->reason = MR_REASON_INVALID_UTF8;
        if (!writer->options.lossy) return NULL;
        const mr_buffer *mended = mend_cell(writer, text, err);
        trouble->code = mended == NULL ? MR_ERR_NOMEM : MR_OK;
        if (mended == NULL) return NULL;
        text = mr_buffer_slice(mended);
    }
    if (type == MR_TYPE_FLOAT && !mr_json_is_number(text)) {
        trouble->reason = MR_REASON_INEXACT;
        if (!writer->options.lossy) return NULL;
        writer->replaced++;
        return put_literal(to, MR_SLICE("null"));
    }
    if (is_bare(type)) return put(to, text.ptr, text.len);
    *to++ = '"';
    to = column->escapes ? put_escaped(writer, to, text) : put(to, text.ptr, text.len);
    *to++ = '"';
    return to;
}

/* One row in compact form; NULL = not possible. Keys begin with a comma, of which the first becomes
 * the brace. */
MR_INLINE char *put_row(mr_json_writer *writer, uint32_t row, char *const start,
                        row_trouble *trouble, mr_error *err)
{
    const write_column *columns = columns_of(writer);
    char *to = start;
    for (uint32_t i = 0; i < writer->column_count; i++) {
        const write_column *column = &columns[i];
        if (MR_UNLIKELY(mr_column_is_null(column->column, row))) {
            if (mr_column_is_absent(column->column, row)) continue;
            to = put(to, column->piece, column->piece_len);
            to = put_literal(to, MR_SLICE("null"));
            continue;
        }
        const uint32_t at = column->offsets[row], len = column->offsets[row + 1] - at;
        to = put(to, column->piece, column->piece_len + 1);
        if (MR_LIKELY(column->kind == CELL_TEXT)) {
            to = put(to, column->data + at, len);
            *to++ = '"';
        } else if (MR_LIKELY(column->kind == CELL_BARE)) {
            to = put(to - 1, column->data + at, len);
        } else {
            trouble->column = i;
            to = put_odd(writer, column, row, to - 1, trouble, err);
            if (to == NULL) return NULL;
        }
    }
    if (to == start) to++;
    *start = '{';
    *to++ = '}';
    return to;
}

static mr_code reject_row(const mr_batch *batch, uint32_t row, const row_trouble *trouble,
                          mr_reject_list *rejects, mr_error *err)
{
    if (trouble->code != MR_OK) return trouble->code;
    mr_reject *reject;
    MR_TRY(mr_reject_list_add(rejects, trouble->reason, &reject, err));
    reject->row_before = row;
    reject->column = trouble->column + 1;
    reject->field = batch->columns[trouble->column].name;
    mr_reject_detail(reject, trouble->reason == MR_REASON_INEXACT
                                 ? "JSON has no such number"
                                 : "bytes that are not UTF-8, which JSON demands");
    return MR_OK;
}

/* Rows [from, to), for which `out` has room. */
static mr_code put_rows(mr_json_writer *writer, const mr_batch *batch, uint32_t from, uint32_t to,
                        bool *any, mr_buffer *out, mr_reject_list *rejects, mr_error *err)
{
    const bool array = writer->options.format == MR_JSON_ARRAY;
    char *at = out->ptr + out->len;
    for (uint32_t row = from; row < to; row++) {
        char *start = at;
        if (array && *any) at = put_literal(at, MR_SLICE(",\n"));
        row_trouble trouble = {0};
        at = put_row(writer, row, at, &trouble, err);
        if (MR_UNLIKELY(at == NULL)) {
            at = start;
            MR_TRY(reject_row(batch, row, &trouble, rejects, err));
            continue;
        }
        *any = true;
        if (!array) *at++ = '\n';
    }
    out->len = (size_t)(at - out->ptr);
    return MR_OK;
}

/* A row over several lines: made compact first. */
static mr_code write_pretty_row(mr_json_writer *writer, const mr_batch *batch, uint32_t row,
                                bool *any, mr_buffer *out, mr_reject_list *rejects, mr_error *err)
{
    const bool array = writer->options.format == MR_JSON_ARRAY;
    const uint32_t indent = writer->options.indent;
    mr_buffer_reset(&writer->row);
    MR_TRY(mr_buffer_reserve(&writer->row, row_room(writer, row), err));
    row_trouble trouble = {0};
    char *end = put_row(writer, row, writer->row.ptr, &trouble, err);
    if (end == NULL) return reject_row(batch, row, &trouble, rejects, err);
    writer->row.len = (size_t)(end - writer->row.ptr);
    if (array && *any) MR_TRY(mr_json_array_separator(out, err));
    for (uint32_t i = 0; array && i < indent; i++)
        MR_TRY(mr_buffer_append_byte(out, ' ', err));
    MR_TRY(mr_json_pretty(out, mr_buffer_slice(&writer->row), indent, array ? 1 : 0, err));
    *any = true;
    return array ? MR_OK : mr_buffer_append_byte(out, '\n', err);
}

static uint32_t block_end(const mr_json_writer *writer, uint32_t from, uint32_t rows, size_t *room)
{
    uint32_t count = rows - from < BLOCK_ROWS ? rows - from : BLOCK_ROWS;
    while ((*room = block_room(writer, from, from + count)) > BLOCK_BYTES && count > 1)
        count /= 2;
    if (*room > BLOCK_BYTES) *room = row_room(writer, from);
    return from + count;
}

mr_code mr_json_write(mr_json_writer *writer, const mr_batch *batch, mr_buffer *out,
                      mr_reject_list *rejects, mr_error *err)
{
    const uint32_t rows = batch->row_count;
    bool any = false;
    if (rows == 0) return MR_OK;
    MR_TRY(make_keys(writer, batch, err));
    for (uint32_t i = 0; i < batch->column_count; i++)
        look_at_column(writer, &columns_of(writer)[i], &batch->columns[i], rows);
    for (uint32_t row = 0, end; row < rows && !writer->options.pretty; row = end) {
        size_t room;
        end = block_end(writer, row, rows, &room);
        MR_TRY(mr_buffer_reserve(out, room, err));
        MR_TRY(put_rows(writer, batch, row, end, &any, out, rejects, err));
    }
    for (uint32_t row = 0; row < rows && writer->options.pretty; row++)
        MR_TRY(write_pretty_row(writer, batch, row, &any, out, rejects, err));
    return MR_OK;
}

mr_code mr_json_array_open(mr_buffer *out, mr_error *err)
{
    return mr_buffer_append(out, MR_SLICE("[\n"), err);
}

mr_code mr_json_array_separator(mr_buffer *out, mr_error *err)
{
    return mr_buffer_append(out, MR_SLICE(",\n"), err);
}

mr_code mr_json_array_close(mr_buffer *out, bool any_rows, mr_error *err)
{
    return mr_buffer_append(out, any_rows ? MR_SLICE("\n]\n") : MR_SLICE("[]\n"), err);
}
