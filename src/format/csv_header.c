/* SPDX-License-Identifier: MIT
 *
 * What is read once per file: the options' sense, the sniffer, the header. Cold code over
 * format/csv_scan.h. */
#include <stdio.h>

#include "format/csv_scan.h"

#define SNIFF_RECORDS 256

static const char delimiters[] = {',', ';', '\t', '|'};

mr_code mr_csv_options_check(const mr_csv_options *options, mr_error *err)
{
    static const char *const keys[] = {"delimiter", "quote", "escape", "comment"};
    const char bytes[] = {options->delimiter, options->quote, mr_csv_escape(options),
                          options->comment};
    for (size_t i = 0; i < MR_COUNT_OF(bytes); i++) {
        if (bytes[i] == '\n' || bytes[i] == '\r')
            return mr_fail(err, MR_ERR_USAGE, "csv.%s cannot be a row end", keys[i]);
        for (size_t j = 0; j < i; j++)
            if (bytes[i] != 0 && bytes[i] == bytes[j])
                return mr_fail(err, MR_ERR_USAGE, "csv.%s and csv.%s are both '%c'", keys[j],
                               keys[i], bytes[i]);
    }
    if (options->escape != 0 && options->quote == 0)
        return mr_fail(err, MR_ERR_USAGE, "csv.escape needs csv.quote, which is off");
    return MR_OK;
}

/* A scanner over bytes from their beginning, with a place to be at. */
typedef struct cursor {
    mr_csv_options options;
    mr_csv_scanner scanner;
    mr_csv_scan scan;
    mr_buffer cells;
    uint8_t special[256];
    size_t at;
    uint64_t blank_lines;
} cursor;

static void cursor_init(cursor *c, const mr_csv_options *options, mr_slice bytes, bool final,
                        uint64_t max_record_bytes, uint32_t keep)
{
    *c = (cursor){.options = *options};
    mr_csv_special(&c->options, c->special);
    mr_buffer_init(&c->cells, "the fields of a CSV record", sizeof(mr_csv_cell) * MR_MAX_COLUMNS);
    c->scanner =
        (mr_csv_scanner){.options = &c->options,
                         .special = c->special,
                         .bytes = bytes,
                         .final = final,
                         .max_record_bytes = mr_min_u64(max_record_bytes, MR_CSV_MAX_RECORD_BYTES),
                         .cells = &c->cells,
                         .keep = keep};
}

/* Passes over skip_rows physical lines; false when the bytes end before. */
static bool skip_rows(cursor *c)
{
    for (uint64_t row = 0; row < c->options.skip_rows && c->at < c->scanner.bytes.len; row++) {
        size_t end;
        if (!mr_csv_line_end(&c->scanner, c->at, &end, &c->at)) return c->scanner.final;
    }
    return c->at < c->scanner.bytes.len || c->scanner.final;
}

/* Scans to the next record or damage; kind MORE also stands for the end of final bytes. */
static mr_code next_record(cursor *c, mr_error *err)
{
    const bool blanks_count = c->options.blank_lines == MR_CSV_BLANK_RECORD;
    while (c->at < c->scanner.bytes.len) {
        MR_TRY(mr_csv_scan_record(&c->scanner, c->at, &c->scan, err));
        if (c->scan.kind == MR_CSV_MORE) return MR_OK;
        if (c->scan.kind != MR_CSV_COMMENT && (c->scan.kind != MR_CSV_BLANK || blanks_count))
            return MR_OK;
        c->blank_lines += c->scan.kind == MR_CSV_BLANK;
        c->at = c->scan.next;
    }
    c->scan = (mr_csv_scan){.kind = MR_CSV_MORE};
    return MR_OK;
}

static uint32_t fields_of(const mr_csv_scan *scan)
{
    return scan->kind == MR_CSV_BLANK ? 1 : scan->field_count;
}

/* --- sniffing --- */

typedef struct shape {
    uint32_t fields;   /* of the first record */
    uint32_t matching; /* records that have as many */
} shape;

static mr_code shape_under(const mr_csv_options *options, mr_slice bytes, bool final,
                           char delimiter, shape *out, mr_error *err)
{
    cursor c;
    mr_csv_options tried = *options;
    tried.delimiter = delimiter;
    cursor_init(&c, &tried, bytes, final, 2 * MR_CSV_SNIFF_BYTES, 0);
    *out = (shape){0};
    if (!skip_rows(&c)) return MR_OK;
    for (uint32_t i = 0; i < SNIFF_RECORDS; i++) {
        MR_TRY(next_record(&c, err)); /* keeps no cells, so it holds nothing */
        if (c.scan.kind == MR_CSV_MORE) break;
        c.at = c.scan.next;
        if (c.scan.kind == MR_CSV_BROKEN) continue;
        if (out->fields == 0) out->fields = fields_of(&c.scan);
        out->matching += fields_of(&c.scan) == out->fields;
    }
    return MR_OK;
}

static bool usable(const mr_csv_options *options, char delimiter)
{
    return delimiter != options->quote && delimiter != options->escape &&
           delimiter != options->comment;
}

static mr_code sniff_delimiter(mr_csv_options *options, mr_slice bytes, bool final, mr_error *err)
{
    shape best = {0};
    char winner = ',';
    for (size_t i = 0; i < MR_COUNT_OF(delimiters); i++) {
        shape found;
        if (!usable(options, delimiters[i])) continue;
        MR_TRY(shape_under(options, bytes, final, delimiters[i], &found, err));
        if (found.fields < 2 || found.matching < best.matching ||
            (found.matching == best.matching && found.fields <= best.fields))
            continue;
        best = found;
        winner = delimiters[i];
    }
    options->delimiter = winner;
    return MR_OK;
}

/* Does the record just scanned look like data? */
static bool has_typed_cell(const cursor *c)
{
    bool all_empty = true;
    for (size_t i = 0; i < c->cells.len / sizeof(mr_csv_cell); i++) {
        mr_csv_cell cell;
        memcpy(&cell, c->cells.ptr + i * sizeof cell, sizeof cell);
        mr_slice text = {c->scanner.bytes.ptr + cell.start, cell.length};
        if (cell.quoted) text = (mr_slice){text.ptr + 1, text.len - 2};
        if (text.len > 0) all_empty = false;
        if (cell.quoted && c->options.quoted_is_string) continue;
        if (mr_type_of_text(text, NULL) != MR_TYPE_STRING) return true;
    }
    return all_empty;
}

static mr_code sniff_header(mr_csv_options *options, mr_slice bytes, bool final, mr_error *err)
{
    cursor c;
    mr_code rc = MR_OK;
    options->has_header = MR_CSV_HEADER_YES;
    cursor_init(&c, options, bytes, final, 2 * MR_CSV_SNIFF_BYTES, MR_MAX_COLUMNS);
    if (skip_rows(&c)) rc = next_record(&c, err);
    if (rc == MR_OK && c.scan.kind == MR_CSV_RECORD && c.scan.field_count > 0 && has_typed_cell(&c))
        options->has_header = MR_CSV_HEADER_NO;
    mr_buffer_done(&c.cells);
    return rc;
}

mr_code mr_csv_sniff(mr_csv_options *options, mr_slice bytes, bool final, bool *out_decided,
                     mr_error *err)
{
    if (bytes.len > MR_CSV_SNIFF_BYTES) {
        bytes.len = MR_CSV_SNIFF_BYTES;
        final = false;
    }
    const bool whole = final || bytes.len == MR_CSV_SNIFF_BYTES;
    const bool has_lf = bytes.len > 0 && memchr(bytes.ptr, '\n', bytes.len) != NULL;
    const bool open = options->delimiter == 0 || options->has_header == MR_CSV_HEADER_AUTO;
    *out_decided = whole || (has_lf && !open);
    if (!*out_decided) return MR_OK;
    options->cr_rows = !has_lf && bytes.len > 0 && memchr(bytes.ptr, '\r', bytes.len) != NULL;
    if (options->delimiter == 0) MR_TRY(sniff_delimiter(options, bytes, final, err));
    if (options->has_header == MR_CSV_HEADER_AUTO) MR_TRY(sniff_header(options, bytes, final, err));
    return MR_OK;
}

/* --- the header --- */

static mr_code refuse_header(const cursor *c, mr_error *err)
{
    const uint64_t line = 1 + mr_csv_count_lines(&c->options, c->scanner.bytes, 0, c->at);
    const mr_csv_scan *scan = &c->scan;
    const char *what = "is longer than limits.max_record_bytes; is this a CSV file?";
    if (scan->kind == MR_CSV_BROKEN && scan->reason == MR_REASON_TEXT_AFTER_QUOTE)
        what = "has text after a closing quote; double the quotes inside it, or set csv.quote or "
               "csv.skip_rows";
    if (scan->kind == MR_CSV_BROKEN && scan->reason == MR_REASON_UNTERMINATED_QUOTE)
        what = "opens a quote that is never closed; close it, or set csv.quote or csv.skip_rows";
    if (scan->kind == MR_CSV_RECORD)
        what = "holds a quote inside an unquoted name; quote the name, or set csv.strict: false";
    const uint32_t field = scan->kind == MR_CSV_RECORD ? scan->bare_field : scan->fault_field;
    return mr_fail(err, MR_ERR_INPUT, "line %llu: the header's field %u %s",
                   (unsigned long long)line, field, what);
}

static mr_code add_name(const cursor *c, const mr_csv_cell *cell, mr_buffer *scratch,
                        mr_schema *schema, mr_error *err)
{
    mr_slice name = {c->scanner.bytes.ptr + cell->start, cell->length};
    if (cell->quoted) {
        mr_buffer_reset(scratch);
        MR_TRY(mr_buffer_reserve(scratch, name.len, err));
        mr_csv_unquote(&c->options, name.ptr, name.len, scratch);
        name = mr_buffer_slice(scratch);
    } else if (c->options.trim_space) {
        name = mr_csv_trim(name);
    }
    return mr_schema_add_header_name(schema, name, err);
}

static mr_code add_column_names(const mr_csv_options *options, mr_schema *schema, mr_error *err)
{
    for (uint32_t i = 0; i < options->column_count; i++)
        MR_TRY(mr_schema_add_header_name(schema, options->columns[i], err));
    return MR_OK;
}

static mr_code check_count(uint32_t count, const mr_text_limits *limits, mr_error *err)
{
    if (count <= limits->max_columns && count <= MR_MAX_COLUMNS) return MR_OK;
    return mr_fail(err, MR_ERR_LIMIT, "the CSV has %u columns, more than limits.max_columns",
                   count);
}

/* Names from the header record just scanned. */
static mr_code add_header_names(cursor *c, const mr_text_limits *limits, mr_schema *schema,
                                mr_error *err)
{
    const uint32_t count = fields_of(&c->scan);
    if (c->scan.kind == MR_CSV_BROKEN || (c->options.strict && c->scan.bare_field > 0))
        return refuse_header(c, err);
    MR_TRY(check_count(count, limits, err));
    if (c->options.column_count > 0) {
        if (c->options.column_count == count) return add_column_names(&c->options, schema, err);
        return mr_fail(err, MR_ERR_USAGE, "csv.columns has %u names, the header has %u",
                       c->options.column_count, count);
    }
    if (c->scan.kind == MR_CSV_BLANK) return mr_schema_add_header_name(schema, (mr_slice){0}, err);
    mr_buffer scratch;
    mr_buffer_init(&scratch, "a column name", MR_CSV_MAX_RECORD_BYTES);
    mr_code rc = MR_OK;
    for (uint32_t i = 0; rc == MR_OK && i < count; i++) {
        mr_csv_cell cell;
        memcpy(&cell, c->cells.ptr + i * sizeof cell, sizeof cell);
        rc = add_name(c, &cell, &scratch, schema, err);
    }
    mr_buffer_done(&scratch);
    return rc;
}

static mr_code add_numbered_names(uint32_t count, const mr_text_limits *limits, mr_schema *schema,
                                  mr_error *err)
{
    MR_TRY(check_count(count, limits, err));
    for (uint32_t i = 0; i < count; i++)
        MR_TRY(mr_schema_add_header_name(schema, (mr_slice){0}, err));
    return MR_OK;
}

/* The first record is cut off at the limit, so what its line holds beyond is not known. */
static mr_code refuse_record(const cursor *c, mr_error *err)
{
    const uint64_t line = 1 + mr_csv_count_lines(&c->options, c->scanner.bytes, 0, c->at);
    return mr_fail(err, MR_ERR_INPUT,
                   "line %llu: the first record is longer than limits.max_record_bytes, so its "
                   "columns cannot be counted; name them in csv.columns",
                   (unsigned long long)line);
}

/* A file without header: nothing past the skipped lines is consumed, the fields of the first whole
 * record are counted. */
static mr_code read_no_header(cursor *c, const mr_text_limits *limits, mr_schema *schema,
                              bool *out_complete, mr_error *err)
{
    if (c->options.column_count > 0) {
        MR_TRY(check_count(c->options.column_count, limits, err));
        *out_complete = true;
        return add_column_names(&c->options, schema, err);
    }
    const size_t data_at = c->at;
    for (;;) {
        MR_TRY(next_record(c, err));
        if (c->scan.kind != MR_CSV_BROKEN) break;
        if (c->scan.raw_end - c->at >= c->scanner.max_record_bytes) return refuse_record(c, err);
        c->at = c->scan.next;
    }
    c->at = data_at;
    c->blank_lines = 0;
    *out_complete = c->scan.kind != MR_CSV_MORE || c->scanner.final;
    if (!*out_complete || c->scan.kind == MR_CSV_MORE) return MR_OK;
    return add_numbered_names(fields_of(&c->scan), limits, schema, err);
}

static mr_code read_header(cursor *c, const mr_text_limits *limits, mr_schema *schema,
                           bool *out_complete, mr_error *err)
{
    *out_complete = false;
    if (!skip_rows(c)) return MR_OK;
    if (c->options.has_header == MR_CSV_HEADER_NO)
        return read_no_header(c, limits, schema, out_complete, err);
    MR_TRY(next_record(c, err));
    if (c->scan.kind == MR_CSV_MORE) { /* no header at all, or not yet */
        *out_complete = c->scanner.final;
        return c->scanner.final ? add_column_names(&c->options, schema, err) : MR_OK;
    }
    MR_TRY(add_header_names(c, limits, schema, err));
    c->at = c->scan.next;
    *out_complete = true;
    return MR_OK;
}

mr_code mr_csv_read_header(const mr_csv_options *options, const mr_text_limits *limits,
                           mr_slice bytes, bool final, mr_schema *schema, bool *out_complete,
                           mr_csv_header *out, mr_error *err)
{
    cursor c;
    if (bytes.len > MR_CSV_CALL_BYTES) {
        bytes.len = MR_CSV_CALL_BYTES;
        final = false;
    }
    cursor_init(&c, options, bytes, final, limits->max_record_bytes, MR_MAX_COLUMNS);
    const mr_code rc = read_header(&c, limits, schema, out_complete, err);
    mr_buffer_done(&c.cells);
    if (rc != MR_OK || !*out_complete) return rc;
    out->consumed = c.at;
    out->line_count = mr_csv_count_lines(options, bytes, 0, c.at);
    out->blank_lines = c.blank_lines;
    return MR_OK;
}
