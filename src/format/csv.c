/* SPDX-License-Identifier: MIT
 *
 * The CSV reader. Two ways lead into a batch:
 *
 *     indexed   a window of input is indexed 64 bytes at a time (csv_kernel.h); runs of records
 * that have the right number of fields are then appended column by column, so that a column's
 * pointers stay in registers careful   one record is scanned byte by byte (csv_scan.h): everything
 * that is not such a run - damage, ragged rows, blank lines, comments, the record the bytes end in,
 * and the options (escape byte, CR row ends) that the index does not know
 *
 * Both give the same rows for the same bytes; the tests compare them. */
#include "format/csv.h"

#include <stdio.h>

#include "core/mem.h"
#include "format/csv_kernel.h"
#include "format/csv_scan.h"

/* A call that rejected this much stops for the caller to look: a list has a limit, and each
 * unterminated quote may have cost a scan of max_record_bytes. */
#define CALL_REJECTS      4096u
#define CALL_UNTERMINATED 16u

#define ROOMY_RECORD_BYTES 512u /* more than most records have */

/* One call of mr_csv_read(). */
typedef struct call {
    mr_csv_reader *r;
    mr_csv_scanner scanner; /* holds the bytes, and whether they are final */
    mr_batch *batch;
    mr_reject_list *rejects;
    mr_text_result *out;
    mr_error *err;
    size_t at;     /* start of the next record */
    uint32_t base; /* columns of the batch without late ones */
    uint32_t reject_count;
    uint32_t unterminated_count;
    bool stop; /* with bytes left: out->batch_full */
} call;

/* --- making a reader --- */

static mr_code check_limits(const mr_text_limits *limits, mr_error *err)
{
    if (limits->max_record_bytes > 0 && limits->max_record_bytes <= MR_CSV_MAX_RECORD_BYTES)
        return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "limits.max_record_bytes must be 1 to %llu for CSV",
                   (unsigned long long)MR_CSV_MAX_RECORD_BYTES);
}

static mr_code take_memory(mr_csv_reader *r, uint32_t columns, mr_error *err)
{
    const size_t slots = sizeof(uint32_t) * MR_CSV_INDEX_SLOTS;
    r->targets = mr_mem_alloc(sizeof *r->targets * (columns + 1));
    r->quoted = mr_mem_zalloc(columns + 1);
    r->index.positions = mr_mem_alloc(slots);
    r->index.ends = mr_mem_alloc(slots);
    r->index.lines = mr_mem_alloc(slots);
    if (r->targets != NULL && r->quoted != NULL && r->index.positions != NULL &&
        r->index.ends != NULL && r->index.lines != NULL)
        return MR_OK;
    mr_csv_reader_done(r);
    return mr_fail(err, MR_ERR_NOMEM, "no memory left for a CSV reader");
}

mr_code mr_csv_reader_init(mr_csv_reader *r, const mr_csv_options *options,
                           const mr_text_limits *limits, const mr_schema *schema,
                           const uint8_t *wanted, mr_error *err)
{
    memset(r, 0, sizeof *r);
    MR_TRY(mr_csv_options_check(options, err));
    MR_TRY(check_limits(limits, err));
    if (options->delimiter == 0) return mr_fail(err, MR_ERR_USAGE, "csv.delimiter is still open");
    r->options = *options;
    r->max_record_bytes = limits->max_record_bytes;
    r->max_columns = limits->max_columns < MR_MAX_COLUMNS ? limits->max_columns : MR_MAX_COLUMNS;
    r->schema = schema;
    r->kernel = mr_csv_kernel_pick();
    r->indexed = mr_csv_escape(options) == 0 && !options->cr_rows && schema->field_count > 0 &&
                 limits->max_record_bytes >= MR_CSV_WINDOW_BYTES;
    r->plain_cells = options->null_value_count == 0 && !options->trim_space;
    mr_csv_special(options, r->special);
    mr_buffer_init(&r->cells, "the fields of a CSV record", sizeof(mr_csv_cell) * MR_MAX_COLUMNS);
    MR_TRY(take_memory(r, schema->field_count, err));
    for (uint32_t i = 0; i < schema->field_count; i++)
        r->targets[i] = wanted == NULL || wanted[i] != 0 ? r->selected_count++ : MR_CSV_UNWANTED;
    return MR_OK;
}

void mr_csv_reader_done(mr_csv_reader *r)
{
    mr_mem_free(r->targets);
    mr_mem_free(r->quoted);
    mr_mem_free(r->index.positions);
    mr_mem_free(r->index.ends);
    mr_mem_free(r->index.lines);
    mr_buffer_done(&r->cells);
    memset(r, 0, sizeof *r);
}

/* --- one cell --- */

static bool is_null_spelling(const mr_csv_options *options, mr_slice text)
{
    for (uint32_t i = 0; i < options->null_value_count; i++)
        if (mr_slice_equal(options->null_values[i], text)) return true;
    return false;
}

static mr_code append_quoted(const call *c, mr_column *column, const char *cell, size_t length)
{
    mr_buffer *data = &column->data;
    const uint32_t row = c->batch->row_count;
    MR_TRY(mr_buffer_reserve(data, length, c->err));
    mr_csv_unquote(&c->r->options, cell, length, data);
    column->offsets[row + 1] = (uint32_t)data->len;
    if (column->null_count > 0) mr_column_mark_value(column, row);
    return MR_OK;
}

/* Appends a cell as it stands in the bytes to the row under construction. */
static mr_code append_cell(const call *c, mr_column *column, const char *cell, size_t length,
                           bool quoted)
{
    if (quoted) return append_quoted(c, column, cell, length);
    mr_slice text = {cell, length};
    if (c->r->options.trim_space) text = mr_csv_trim(text);
    if (text.len == 0 || is_null_spelling(&c->r->options, text)) {
        mr_column_append_null(column, c->batch->row_count);
        return MR_OK;
    }
    return mr_column_append_padded(column, c->batch->row_count, text.ptr, text.len, c->err);
}

/* --- the careful way --- */

static mr_code reject(call *c, mr_reason reason, size_t end, uint32_t field, mr_reject **out)
{
    MR_TRY(mr_reject_list_add(c->rejects, reason, out, c->err));
    mr_reject *made = *out;
    made->row_before = c->batch->row_count;
    made->record = c->out->record_count++;
    made->line = c->out->line_count;
    made->byte_offset = c->at;
    made->byte_length = end - c->at;
    made->raw = (mr_slice){c->scanner.bytes.ptr + c->at, end - c->at};
    made->column = field;
    if (field > 0 && field <= c->r->schema->field_count)
        made->field = c->r->schema->fields[field - 1].name;
    if (++c->reject_count >= CALL_REJECTS) c->stop = true;
    return MR_OK;
}

static mr_code reject_broken(call *c, const mr_csv_scan *scan)
{
    mr_reject *made;
    MR_TRY(reject(c, scan->reason, scan->raw_end, scan->fault_field, &made));
    made->byte_length = scan->text_end - c->at;
    made->open_ended = scan->in_long_line;
    c->out->resync_count++;
    if (scan->reason == MR_REASON_RECORD_TOO_LARGE) {
        made->column = 0;
        made->field = (mr_slice){0};
        mr_reject_detail(made, "more than %llu bytes (limits.max_record_bytes)",
                         (unsigned long long)c->r->max_record_bytes);
    } else if (scan->reason == MR_REASON_TEXT_AFTER_QUOTE) {
        mr_reject_detail(made, "expected a delimiter or the end of the row, found byte 0x%02x",
                         (unsigned char)c->scanner.bytes.ptr[scan->fault_at]);
    } else {
        if (++c->unterminated_count >= CALL_UNTERMINATED) c->stop = true;
        mr_reject_detail(made, "the quote that opens field %u is not closed", scan->fault_field);
    }
    return MR_OK;
}

static mr_code reject_ragged(call *c, const mr_csv_scan *scan, uint32_t found)
{
    const uint32_t wanted = c->r->schema->field_count;
    mr_reject *made;
    MR_TRY(reject(c, found < wanted ? MR_REASON_TOO_FEW_FIELDS : MR_REASON_TOO_MANY_FIELDS,
                  scan->raw_end, 0, &made));
    mr_reject_detail(made, "expected %u fields, found %u", wanted, found);
    if (c->r->options.ragged != MR_CSV_RAGGED_FAIL) return MR_OK;
    return mr_fail(c->err, MR_ERR_INPUT,
                   "line %llu: expected %u fields, found %u (csv.ragged: fail)",
                   (unsigned long long)(c->batch->origin.line + made->line), wanted, found);
}

/* Adds the batch column of file column `number`, which the schema does not have: field_<n>, or the
 * next name that the schema leaves free, as in headers. */
static mr_code add_late_column(const call *c, uint32_t number)
{
    char name[48];
    uint32_t ignored;
    int len = snprintf(name, sizeof name, "field_%u", number + 1);
    for (uint32_t n = 2; mr_schema_find(c->r->schema, (mr_slice){name, (size_t)len}) >= 0; n++)
        len = snprintf(name, sizeof name, "field_%u_%u", number + 1, n);
    return mr_batch_add_column(c->batch, (mr_slice){name, (size_t)len}, MR_TYPE_STRING, &ignored,
                               c->err);
}

/* Makes the batch wide enough for a record of `found` fields. With many rows already in it such a
 * batch could outgrow MR_BATCH_MAX_CELLS: then the record waits for the next batch. */
static mr_code widen(call *c, uint32_t found)
{
    const uint32_t known = c->r->schema->field_count;
    const uint64_t columns = mr_max_u64(c->batch->column_count, c->base + (found - known));
    if (c->batch->row_count > 0 && columns * (c->batch->row_count + 1) > MR_BATCH_MAX_CELLS) {
        c->stop = true;
        return MR_OK;
    }
    while (c->batch->column_count < columns)
        MR_TRY(add_late_column(c, known + c->batch->column_count - c->base));
    return MR_OK;
}

/* Appends the record's cells; `found` of them are in `cells`, missing ones are null. */
static mr_code append_cells(call *c, uint32_t found)
{
    const mr_csv_reader *r = c->r;
    const uint32_t known = r->schema->field_count;
    const bool late = c->batch->column_count > c->base;
    MR_TRY(mr_batch_begin_row(c->batch, c->err));
    const uint32_t row = c->batch->row_count;
    for (uint32_t i = 0; i < known || (late && i < found); i++) {
        const uint32_t target = i < known ? r->targets[i] : c->base + (i - known);
        if (target == MR_CSV_UNWANTED) continue;
        mr_column *column = &c->batch->columns[target];
        if (i >= found) {
            mr_column_append_null(column, row);
            continue;
        }
        mr_csv_cell cell;
        memcpy(&cell, r->cells.ptr + i * sizeof cell, sizeof cell);
        if (cell.quoted && i < known) r->quoted[i] = 1;
        MR_TRY(append_cell(c, column, c->scanner.bytes.ptr + cell.start, cell.length, cell.quoted));
    }
    const uint32_t used = found > known && late ? found - known : 0;
    for (uint32_t i = c->base + used; i < c->batch->column_count; i++)
        MR_TRY(mr_column_append_absent(&c->batch->columns[i], row, c->err));
    return MR_OK;
}

static mr_code append_record(call *c, const mr_csv_scan *scan, uint32_t found)
{
    MR_TRY(append_cells(c, found));
    mr_batch_end_row(c->batch, (uint32_t)c->at, (uint32_t)(scan->raw_end - c->at),
                     (uint32_t)c->out->line_count, (uint32_t)c->out->record_count++);
    return MR_OK;
}

/* A record that was scanned whole: into the batch, or rejected. A blank line counts as one empty
 * field. */
static mr_code take_record(call *c, const mr_csv_scan *scan, uint32_t found)
{
    const uint32_t wanted = c->r->schema->field_count;
    mr_reject *made;
    if (c->r->options.strict && scan->bare_field > 0) {
        MR_TRY(reject(c, MR_REASON_BARE_QUOTE, scan->raw_end, scan->bare_field, &made));
        mr_reject_detail(made, "field %u holds a quote and does not begin with one (csv.strict)",
                         scan->bare_field);
        return MR_OK;
    }
    if (MR_LIKELY(found == wanted)) return append_record(c, scan, found);
    if (c->r->options.ragged != MR_CSV_RAGGED_PAD || found > c->r->max_columns || wanted == 0)
        return reject_ragged(c, scan, found);
    if (found > wanted && c->r->selected_count == wanted) MR_TRY(widen(c, found));
    if (c->stop) return MR_OK;
    return append_record(c, scan, found);
}

static mr_code take_blank(call *c, const mr_csv_scan *scan)
{
    const mr_csv_blank_lines how = c->r->options.blank_lines;
    if (how == MR_CSV_BLANK_SKIP || (how == MR_CSV_BLANK_AUTO && c->r->schema->field_count != 1)) {
        c->out->blank_lines++;
        return MR_OK;
    }
    const mr_csv_cell cell = {(uint32_t)c->at, 0, 0};
    MR_TRY(mr_buffer_reserve(&c->r->cells, sizeof cell, c->err));
    memcpy(c->r->cells.ptr, &cell, sizeof cell);
    return take_record(c, scan, 1);
}

/* Reads what is at c->at. `out_more` is set when the bytes do not hold all of it. */
static mr_code read_one(call *c, bool *out_more)
{
    mr_csv_scan scan;
    MR_TRY(mr_csv_scan_record(&c->scanner, c->at, &scan, c->err));
    switch (scan.kind) {
    case MR_CSV_MORE: *out_more = true; return MR_OK;
    case MR_CSV_COMMENT: break;
    case MR_CSV_BROKEN: MR_TRY(reject_broken(c, &scan)); break;
    case MR_CSV_BLANK: MR_TRY(take_blank(c, &scan)); break;
    case MR_CSV_RECORD: {
        const uint64_t records = c->out->record_count;
        MR_TRY(take_record(c, &scan, scan.field_count));
        if (c->out->record_count == records) return MR_OK; /* waits for the next batch */
        break;
    }
    }
    c->out->line_count += mr_csv_count_lines(&c->r->options, c->scanner.bytes, c->at, scan.next);
    c->r->in_long_line = scan.in_long_line;
    c->at = scan.next;
    return MR_OK;
}

/* --- the indexed way --- */

/* A run of records of the index: `count` of them, all with as many fields as the schema. Field k of
 * the run lies between at[k] and at[k + 1]. */
typedef struct record_run {
    const uint32_t *at;
    uint32_t fields;
    uint32_t count;
} record_run;

/* After `count` cells without quotes from `row` on, of which `empty` were empty: these are null. */
static void mark_run(mr_column *column, uint32_t row, uint32_t count, uint32_t empty)
{
    const uint32_t *offsets = column->offsets;
    if (column->null_count == 0) memset(column->validity, 0xff, row / 8 + 1);
    for (uint32_t i = row; i < row + count; i++)
        mr_bits_push(column->validity, i, offsets[i + 1] != offsets[i]);
    column->null_count += empty;
}

/* Room for `length` more bytes behind `to`, which may move. */
MR_COLD static mr_code more_room(const call *c, mr_buffer *data, char **to, size_t length)
{
    data->len = (size_t)(*to - data->ptr);
    MR_TRY(mr_buffer_reserve(data, length, c->err));
    *to = data->ptr + data->len;
    return MR_OK;
}

/* Appends field `field` of every record of a run without quotes whose cells need no look. Copies 32
 * bytes at a time, over the end of cells: bytes and columns both have the slack. */
MR_INLINE mr_code fill_plain(const call *c, mr_column *column, const record_run *run,
                             uint32_t field, bool last)
{
    const char *p = c->scanner.bytes.ptr;
    const uint32_t row = c->batch->row_count, stride = run->fields, count = run->count;
    const uint32_t *at = run->at + field;
    uint32_t *offsets = column->offsets + row + 1;
    mr_buffer *data = &column->data;
    char *to = data->ptr + data->len, *limit = data->ptr + data->cap;
    uint32_t empty = 0;
    for (uint32_t i = 0; i < count; i++, at += stride) {
        const char *from = p + (uint32_t)(at[0] + 1);
        size_t length = at[1] - at[0] - 1;
        if (last && length > 0 && from[length - 1] == '\r') length--;
        if (MR_UNLIKELY(length > (size_t)(limit - to))) {
            MR_TRY(more_room(c, data, &to, length));
            limit = data->ptr + data->cap;
        }
        mr_copy32(to, from);
        for (size_t done = 32; MR_UNLIKELY(done < length); done += 32)
            mr_copy32(to + done, from + done);
        to += length;
        offsets[i] = (uint32_t)(to - data->ptr);
        empty += length == 0;
    }
    data->len = (size_t)(to - data->ptr);
    if (empty > 0 || column->null_count > 0) mark_run(column, row, count, empty);
    return MR_OK;
}

/* The same for cells that may be quoted, trimmed or spelled null. */
static mr_code fill_any(call *c, mr_column *column, const record_run *run, uint32_t field)
{
    const char *p = c->scanner.bytes.ptr;
    const uint32_t row = c->batch->row_count;
    const char quote = c->r->options.quote;
    const uint32_t *at = run->at + field;
    mr_code rc = MR_OK;
    for (uint32_t i = 0; rc == MR_OK && i < run->count; i++, at += run->fields) {
        const char *from = p + (uint32_t)(at[0] + 1);
        size_t length = at[1] - at[0] - 1;
        if (field + 1 == run->fields && length > 0 && from[length - 1] == '\r') length--;
        const bool quoted = length > 0 && *from == quote && quote != 0;
        if (quoted) c->r->quoted[field] = 1;
        c->batch->row_count = row + i; /* the row that append_cell() adds to */
        rc = append_cell(c, column, from, length, quoted);
    }
    c->batch->row_count = row;
    return rc;
}

static mr_code fill_columns(call *c, const record_run *run, bool plain)
{
    const uint32_t *targets = c->r->targets;
    for (uint32_t field = 0; field < run->fields; field++) {
        if (targets[field] == MR_CSV_UNWANTED) continue;
        mr_column *column = &c->batch->columns[targets[field]];
        if (!plain)
            MR_TRY(fill_any(c, column, run, field));
        else if (field + 1 < run->fields)
            MR_TRY(fill_plain(c, column, run, field, false));
        else
            MR_TRY(fill_plain(c, column, run, field, true));
    }
    for (uint32_t i = c->base; i < c->batch->column_count; i++)
        for (uint32_t row = 0; row < run->count; row++)
            MR_TRY(
                mr_column_append_absent(&c->batch->columns[i], c->batch->row_count + row, c->err));
    return MR_OK;
}

/* Appends records first .. first + count of the index. `line` is the line the window begins on. */
static mr_code append_run(call *c, uint32_t first, uint32_t count, uint64_t line)
{
    const mr_csv_index *index = &c->r->index;
    const char *p = c->scanner.bytes.ptr;
    const uint32_t before = first == 0 ? 0 : index->ends[first - 1];
    const record_run run = {index->positions + before, c->r->schema->field_count, count};
    while (c->batch->row_cap < c->batch->row_count + count)
        MR_TRY(mr_batch_grow_rows(c->batch, c->err));
    MR_TRY(fill_columns(c, &run, c->r->plain_cells && !index->has_quotes));
    uint32_t start = run.at[0] + 1;
    uint32_t lines = first == 0 ? 0 : index->lines[first - 1];
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t end = index->positions[index->ends[first + i]];
        const uint32_t cr = end > start && p[end - 1] == '\r';
        mr_batch_end_row(c->batch, start, end - start - cr, (uint32_t)line + lines,
                         (uint32_t)c->out->record_count++);
        start = end + 1;
        lines = index->lines[first + i];
    }
    c->at = start;
    c->out->line_count = line + lines;
    return MR_OK;
}

/* How many records of the index from `first` on have exactly the fields of the schema, at most as
 * many as the batch has room for. */
static uint32_t run_length(const call *c, uint32_t first)
{
    const mr_csv_index *index = &c->r->index;
    const uint32_t fields = c->r->schema->field_count;
    const uint32_t room = c->batch->max_rows - c->batch->row_count;
    uint32_t end = index->record_count;
    if (end - first > room) end = first + room;
    uint32_t before = first == 0 ? 0 : index->ends[first - 1], i = first;
    for (; i < end && index->ends[i] - before == fields; i++)
        before = index->ends[i];
    return i - first;
}

/* An empty line looks like a record of one field. In a one-column file that skips them no run can
 * be trusted. */
static bool runs_are_records(const mr_csv_reader *r)
{
    return r->schema->field_count != 1 || r->options.blank_lines != MR_CSV_BLANK_SKIP;
}

/* Where the window at c->at ends: smaller than it could be when the batch is nearly full, for what
 * does not fit will be indexed again. */
static size_t window_end(const call *c)
{
    const size_t left = c->scanner.bytes.len - c->at;
    const size_t room = (size_t)(c->batch->max_rows - c->batch->row_count) * ROOMY_RECORD_BYTES;
    size_t bytes = room < MR_CSV_WINDOW_BYTES ? room : MR_CSV_WINDOW_BYTES;
    if (left < bytes) bytes = left;
    return c->at + bytes;
}

/* Indexes a window at c->at and takes all its records; does nothing when it holds no whole one. */
static mr_code read_window(call *c)
{
    const mr_csv_options *options = &c->r->options;
    const size_t to = window_end(c);
    const uint64_t line = c->out->line_count;
    mr_csv_index *index = &c->r->index;
    c->r->kernel->index(index, c->scanner.bytes.ptr, (uint32_t)c->at, (uint32_t)to,
                        options->delimiter, options->quote, options->comment);
    for (uint32_t i = 0; i < index->record_count && !c->stop;) {
        if (c->batch->row_count == c->batch->max_rows) break;
        const uint32_t count = runs_are_records(c->r) ? run_length(c, i) : 0;
        if (count > 0) {
            MR_TRY(append_run(c, i, count, line));
        } else {
            bool more = false;
            MR_TRY(read_one(c, &more));
            MR_DCHECK(!more);
        }
        i += count > 0 ? count : 1;
    }
    return MR_OK;
}

/* --- a call --- */

/* Drops the rest of a line that an earlier call began to drop. */
static void skip_long_line(call *c)
{
    size_t end;
    if (mr_csv_line_end(&c->scanner, 0, &end, &c->at) || c->scanner.final)
        c->r->in_long_line = false;
    c->out->long_line_bytes = end;
    c->out->line_count += mr_csv_count_lines(&c->r->options, c->scanner.bytes, 0, c->at);
}

static mr_code read_all(call *c)
{
    bool more = false;
    if (c->r->in_long_line) skip_long_line(c);
    while (c->at < c->scanner.bytes.len && !more && !c->r->in_long_line) {
        if (c->batch->row_count >= c->batch->max_rows) c->stop = true;
        if (c->stop) break;
        const size_t before = c->at;
        if (c->r->indexed) MR_TRY(read_window(c));
        if (c->at == before && !c->stop) MR_TRY(read_one(c, &more));
    }
    return MR_OK;
}

mr_code mr_csv_read(mr_csv_reader *r, mr_slice bytes, bool final, mr_batch *batch,
                    mr_reject_list *rejects, mr_text_result *out, mr_error *err)
{
    const bool cut = bytes.len > MR_CSV_CALL_BYTES;
    if (cut) bytes.len = MR_CSV_CALL_BYTES;
    const bool pads = r->options.ragged == MR_CSV_RAGGED_PAD;
    MR_DCHECK(batch->column_count >= r->selected_count);
    *out = (mr_text_result){0};
    call c = {.r = r, .batch = batch, .rejects = rejects, .out = out, .err = err};
    c.base = r->selected_count;
    c.scanner = (mr_csv_scanner){.options = &r->options,
                                 .special = r->special,
                                 .bytes = bytes,
                                 .final = final && !cut,
                                 .max_record_bytes = r->max_record_bytes,
                                 .cells = &r->cells,
                                 .keep = pads ? r->max_columns : r->schema->field_count};
    memset(r->quoted, 0, r->schema->field_count);
    const mr_code rc = read_all(&c);
    out->consumed = c.at;
    out->in_long_line = r->in_long_line;
    out->batch_full = c.at < bytes.len ? c.stop : cut;
    return rc;
}
