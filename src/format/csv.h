/* SPDX-License-Identifier: MIT
 *
 * format/csv.h - CSV bytes to batches and back (specs/pipeline.md sections 4.1 and 4.2).
 *
 *     file      mr_csv_sniff()        what was left open: delimiter, header, lone-CR row ends
 *      |        mr_csv_read_header()  the schema, and where the data begins
 *      v        mr_csv_read()         data to batches, by the contract of format/text.h
 *     batches   mr_csv_write_header(), mr_csv_write()
 *
 * Dialect. A field is quoted if its first byte is the quote; inside, a doubled quote (or the escape
 * byte before any byte) stands for one quote (that byte), and everything else is data. After the
 * closing quote only a delimiter or row end may come. A quote further on in an unquoted field is
 * data, and so is the escape byte. Row ends are LF and CRLF, freely mixed, and lone CR when
 * `cr_rows` says so. Nothing is trimmed unless asked. NUL is a byte like any other.
 *
 * Cells. All are kept as their text. An unquoted empty field is null, a quoted one is an empty
 * text; an unquoted field that equals one of `null_values` is null too, a quoted one never is.
 *
 * Thread: the options are read by any number of threads; a reader or writer belongs to one. */
#ifndef MR_FORMAT_CSV_H
#define MR_FORMAT_CSV_H

#include "format/text.h"

#define MR_CSV_SNIFF_BYTES ((size_t)64 << 10)
#define MR_CSV_MAX_RECORD_BYTES \
    ((uint64_t)512 << 20)                         /* limits.max_record_bytes can only lower it */
#define MR_CSV_CALL_BYTES (((size_t)1 << 30) - 1) /* of one call; more are left for the next */

typedef enum mr_csv_has_header {
    MR_CSV_HEADER_YES = 0,
    MR_CSV_HEADER_NO,
    MR_CSV_HEADER_AUTO, /* until mr_csv_sniff() has decided */
} mr_csv_has_header;

typedef enum mr_csv_ragged {
    MR_CSV_RAGGED_QUARANTINE = 0, /* reject: too_few_fields, too_many_fields */
    MR_CSV_RAGGED_PAD,            /* missing fields are null, extra ones are kept as field_<n> */
    MR_CSV_RAGGED_FAIL,           /* end the run with MR_ERR_INPUT */
} mr_csv_ragged;

typedef enum mr_csv_blank_lines {
    MR_CSV_BLANK_AUTO = 0, /* a record holding null in a one-column file, else skipped */
    MR_CSV_BLANK_SKIP,
    MR_CSV_BLANK_RECORD, /* always a record of one null field */
} mr_csv_blank_lines;

typedef struct mr_csv_options {
    char delimiter;               /* 0 = open: mr_csv_sniff() decides among , ; tab | */
    char quote;                   /* 0 = nothing is ever quoted */
    char escape;                  /* 0 or the quote itself = doubling, else this byte (usually \) */
    char comment;                 /* lines that begin with it are skipped; 0 = off */
    uint64_t skip_rows;           /* physical lines dropped before anything else */
    mr_csv_has_header has_header; /* is the first record the names? */
    const mr_slice *columns;      /* names that take the place of the header's; borrowed */
    uint32_t column_count;
    const mr_slice *null_values; /* spellings of null besides nothing; borrowed */
    uint32_t null_value_count;
    mr_csv_ragged ragged;
    mr_csv_blank_lines blank_lines;
    bool strict;           /* a quote inside an unquoted field rejects the record (bare_quote) */
    bool quoted_is_string; /* note which columns had quoted cells: mr_csv_reader.quoted */
    bool trim_space;       /* spaces and tabs around unquoted fields are dropped */
    bool cr_rows;          /* a lone CR ends a row; mr_csv_sniff() decides */
} mr_csv_options;

#define MR_CSV_OPTIONS_DEFAULT ((mr_csv_options){.delimiter = ',', .quote = '"'})

/* MR_ERR_USAGE when two of the special bytes are equal or one is a row end; the text names the
 * keys.
 */
MR_NODISCARD mr_code mr_csv_options_check(const mr_csv_options *options, mr_error *err);

/* Decides what `options` leaves open from the first bytes of the decoded stream, `final` when they
 * are all there is; bytes past MR_CSV_SNIFF_BYTES are not looked at. Sets `out_decided` to false,
 * and nothing else, when more bytes are needed. The rules:
 *
 * cr_rows     the bytes hold CR and no LF.
 * delimiter   each of , ; tab | reads the bytes (at most 256 whole records); the one under which
 *             most records have as many fields as the first, at least two, wins; then the one with
 *             more fields; then the first in this order. None has two fields: comma.
 * has_header  no exactly when some field of the first record is typed (number, boolean, date,
 *             timestamp or uuid by record/type.h) or all of them are empty. */
MR_NODISCARD mr_code mr_csv_sniff(mr_csv_options *options, mr_slice bytes, bool final,
                                  bool *out_decided, mr_error *err);

typedef struct mr_csv_header {
    size_t consumed;     /* bytes done with; the data begins there */
    uint64_t line_count; /* row ends in them */
    uint64_t blank_lines;
} mr_csv_header;

/* Reads from the start of the stream what comes before the data: `skip_rows` lines, then blank and
 * comment lines and the header record, and fills `schema` (empty, initialised) with its names. A
 * file without header consumes the skipped lines alone and gets the names `columns`, or column_1,
 * column_2, ... for as many fields as its first whole record has. No record at all, or no bytes:
 * no columns (or `columns`).
 *
 * `out_complete` is false, and nothing is changed, when the bytes end too soon and are not
 * `final`: call again with more. MR_ERR_INPUT for a header that cannot be read, with its line and
 * the remedy. */
MR_NODISCARD mr_code mr_csv_read_header(const mr_csv_options *options, const mr_text_limits *limits,
                                        mr_slice bytes, bool final, mr_schema *schema,
                                        bool *out_complete, mr_csv_header *out, mr_error *err);

/* --- reading --- */

struct mr_csv_kernel;

/* Where the records of a window of input lie: what the first stage of reading makes for the second
 * (format/csv_kernel.h). Fixed size. */
typedef struct mr_csv_index {
    uint32_t *positions; /* of delimiters and row ends; [0] is the byte before the first field */
    uint32_t *ends;      /* per record: the number of its row end in `positions` */
    uint32_t *lines;     /* per record: LFs from the start of the window through its row end */
    uint32_t record_count;
    bool has_quotes;
} mr_csv_index;

typedef struct mr_csv_reader {
    /* Set when the bytes of the last call ended inside a line that is being dropped, because it is
     * part of a record beyond limits.max_record_bytes (its reject is out already) or a comment as
     * long. The next call drops the rest of it. A lane that goes elsewhere clears this. */
    bool in_long_line;
    /* With quoted_is_string: 1 for each file column that had a quoted cell in the last call. */
    uint8_t *quoted;

    /* The rest is the reader's own. */
    mr_csv_options options;
    uint64_t max_record_bytes;
    uint32_t max_columns;
    const mr_schema *schema;
    uint32_t *targets; /* per file column: its batch column, or MR_CSV_UNWANTED */
    uint32_t selected_count;
    bool indexed;     /* the two-stage path applies to these options and limits */
    bool plain_cells; /* unquoted cells need no look at their bytes */
    uint8_t special[256];
    mr_buffer cells;
    mr_csv_index index;
    const struct mr_csv_kernel *kernel;
} mr_csv_reader;

#define MR_CSV_UNWANTED UINT32_MAX

/* Prepares to read records of `schema` (the file's columns; borrowed, as are the arrays in
 * `options`, until done). With `wanted` (one byte per column, not kept) only columns with a nonzero
 * byte are read into batches: these have the wanted columns alone, in order, and no padding
 * columns. MR_ERR_USAGE for impossible options or limits. */
MR_NODISCARD mr_code mr_csv_reader_init(mr_csv_reader *reader, const mr_csv_options *options,
                                        const mr_text_limits *limits, const mr_schema *schema,
                                        const uint8_t *wanted, mr_error *err);
void mr_csv_reader_done(mr_csv_reader *reader);

/* Reads records of `bytes`, which begin at a record boundary of the data, by the contract of
 * format/text.h. Rows are appended to `batch`, which has the (wanted) columns of the schema;
 * rejects to `rejects`, with places counted from the first of `bytes`, raw text borrowed from it
 * and field names borrowed from the schema.
 *
 * Damage (section 4.1). After text_after_quote reading goes on behind the next LF; after
 * unterminated_quote behind the record's first line; a record longer than max_record_bytes is
 * record_too_large, or unterminated_quote if the limit falls inside quotes. No raw text is longer
 * than max_record_bytes; what is left of its line is dropped. Under `cr_rows` lines end with CR too
 * and are counted so.
 *
 * A call makes progress on max_record_bytes + 3 bytes or fewer. When it consumed nothing, present
 * the bytes again only with many more behind them (twice as many), for the record is read again
 * from its start. `batch_full` means "call again for the rest": the batch is full, or the call has
 * rejected so much that it is time to look at it. MR_CSV_RAGGED_FAIL: the reject of the misshapen
 * record is added, and MR_ERR_INPUT names its line, counted from batch->origin.line.
 *
 * A wrong guess of a record boundary costs no more than a right one: garbage rows and rejects.
 * After an error the batch must be reset. */
MR_NODISCARD MR_HOT mr_code mr_csv_read(mr_csv_reader *reader, mr_slice bytes, bool final,
                                        mr_batch *batch, mr_reject_list *rejects,
                                        mr_text_result *out, mr_error *err);

/* --- writing --- */

typedef struct mr_csv_writer {
    char delimiter;     /* ',' */
    char quote;         /* '"' */
    bool crlf;          /* row ends are CRLF, not LF */
    bool header;        /* a header line is written first */
    mr_slice null_text; /* of null and absent cells; normally empty; borrowed */
    const struct mr_csv_kernel *kernel;
    mr_buffer cursors; /* the writer's own */
} mr_csv_writer;

/* A writer with the defaults: comma, quote, LF, header, null as nothing. Change its fields, then
 * check. */
void mr_csv_writer_init(mr_csv_writer *writer);
void mr_csv_writer_done(mr_csv_writer *writer);
/* MR_ERR_USAGE for special bytes that clash, or a null text that would need quotes. */
MR_NODISCARD mr_code mr_csv_writer_check(const mr_csv_writer *writer, mr_error *err);

/* Appends the header line for the columns of a schema, or of a batch; nothing when `header` is off
 * or there are no columns. */
MR_NODISCARD mr_code mr_csv_write_header(const mr_csv_writer *writer, const mr_schema *schema,
                                         mr_buffer *out, mr_error *err);
MR_NODISCARD mr_code mr_csv_write_header_of(const mr_csv_writer *writer, const mr_batch *batch,
                                            mr_buffer *out, mr_error *err);

/* Appends all rows of a batch. Quotes exactly the values that hold the delimiter, the quote, CR or
 * LF, or are empty, or would be read back as something else: the null text, and what looks like a
 * byte order mark at the very start of a file (the header's first name; without header the first
 * cell of batch 0). Doubles quotes. MR_ERR_LIMIT when `out` is full; it may ask for 3 bytes a cell
 * more than it writes. */
MR_NODISCARD MR_HOT mr_code mr_csv_write(mr_csv_writer *writer, const mr_batch *batch,
                                         mr_buffer *out, mr_error *err);

#endif
