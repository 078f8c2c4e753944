/* SPDX-License-Identifier: MIT
 *
 * format/json.h - JSON to batches and back (RFC 8259, strictly; specs/pipeline.md 4.3 and 4.4).
 *
 * Every record is an object; its keys are columns, its values cells:
 *
 *     {"id":7,"name":"Zo\u00eb","tags":["a", "b"],"note":null}
 *
 *     column   id     name     tags        note     price (from an earlier record)
 *     cell     7      Zoë      ["a","b"]   null     absent
 *     type     int    string   json                 its bits say absent, not null
 *
 * Strings become their text, numbers stay their literal (1.10, 1E400, -0), objects and arrays
 * become compact text: no white space outside strings, key order, literals and duplicate keys kept,
 * escapes only where JSON demands them. A string never becomes a number.
 *
 * What a text may look like around its records is the format:
 *
 *     lines      one value a line; blank lines are skipped, RS (0x1e) may stand before a value. A
 *                broken line is one reject and reading goes on with the next
 *     array      one array; its elements are the records
 *     document   exactly one value; an array's elements are the records
 *     auto       an array when the first byte that is not white space is '[', else values one after
 *                the other, with or without white space or RS between them
 *
 * In the last three a syntax error has no safe place to go on from: it ends the reading. */
#ifndef MR_FORMAT_JSON_H
#define MR_FORMAT_JSON_H

#include "format/text.h"

typedef enum mr_json_format {
    MR_JSON_AUTO = 0,
    MR_JSON_LINES,
    MR_JSON_ARRAY,
    MR_JSON_DOCUMENT,
} mr_json_format;

/* A key that a record has twice: the value that counts takes the first key's place. */
typedef enum mr_json_duplicates {
    MR_JSON_DUPLICATES_LAST = 0,
    MR_JSON_DUPLICATES_FIRST,
    MR_JSON_DUPLICATES_REJECT, /* the record is a reject */
} mr_json_duplicates;

/* Escapes of lone surrogates and bytes that are not UTF-8. */
typedef enum mr_json_unicode {
    MR_JSON_UNICODE_REJECT = 0, /* the record is a reject: invalid_unicode, invalid_utf8 */
    MR_JSON_UNICODE_KEEP,       /* a text cell gets type BYTES: the bytes as they came, a lone
                                   surrogate in UTF-8's three-byte scheme; nested values keep the
                                   escape (in lower case) or the bytes */
    MR_JSON_UNICODE_REPLACE,    /* U+FFFD each, counted */
} mr_json_unicode;

typedef enum mr_json_flatten {
    MR_JSON_FLATTEN_OFF = 0,
    MR_JSON_FLATTEN_DOT,        /* {"a":{"b":1}} is a column a.b */
    MR_JSON_FLATTEN_UNDERSCORE, /* a_b */
} mr_json_flatten;

/* Nesting below these stays JSON, whatever flatten_depth says. */
#define MR_JSON_MAX_FLATTEN_DEPTH 64
#define MR_JSON_MAX_FLATTEN_NAME  1024

#define MR_JSON_MAX_RECORD_BYTES ((uint64_t)1 << 30) /* how far limits.max_record_bytes goes */
#define MR_JSON_MAX_DEPTH        (1u << 20)          /* and limits.max_depth */

/* A call that has made this many rejects stops as if the batch were full. */
#define MR_JSON_MAX_REJECTS 65536u

/* A record that explode multiplies fills a batch up to this many bytes of cells. */
#define MR_JSON_EXPLODE_BYTES ((size_t)64 << 20)

typedef struct mr_json_options {
    mr_json_format format;
    mr_slice wrap_scalars; /* a value that is no object becomes this field; empty: it is a reject */
    mr_json_duplicates duplicate_keys;
    mr_json_unicode invalid_unicode;
    mr_json_flatten flatten;
    uint32_t flatten_depth; /* levels of nesting that become columns; 0 = all */
    mr_slice explode;       /* this column's array gives one row per element; empty: off */
    uint32_t fixed_columns; /* the types of a batch's first so many columns are decided (when not
                               NULL or MIXED): cells do not change them */
    mr_text_limits limits;  /* zeroed members mean the defaults */
} mr_json_options;

/* Where in the text around the records a piece begins: all that a reader must know about what came
 * before. Plain data; copy it as you like. A stream begins with a zeroed state, and each call
 * leaves the state at which the next one goes on. Bytes behind an LF of `lines` (or, as a guess, of
 * `auto`) can be read on any lane from MR_JSON_STATE_LINE; the guess was right if the reading of
 * the bytes before ended exactly there and left a state of the same `where`. (What a reader says
 * about a piece that was guessed wrongly, errors included, means nothing.) */
typedef enum mr_json_where {
    MR_JSON_AT_START = 0,     /* of the stream: a byte order mark may come */
    MR_JSON_AT_TOP,           /* before the value that decides what the text is */
    MR_JSON_AT_VALUE,         /* at a line start, or between values that follow one another */
    MR_JSON_IN_LONG_LINE,     /* in a line that was rejected for its length; up to its LF */
    MR_JSON_AT_FIRST_ELEMENT, /* behind '[': value or ']' */
    MR_JSON_AT_ELEMENT,       /* behind ',': value */
    MR_JSON_AFTER_ELEMENT,    /* ',' or ']' */
    MR_JSON_AT_END,           /* of the array or document: only white space may follow */
} mr_json_where;

typedef struct mr_json_state {
    mr_json_where where;
    uint32_t element; /* elements of the next record's exploded array that are delivered already */
    uint64_t line;    /* LF bytes before the piece */
    uint64_t column;  /* bytes between the last of them and the piece */
} mr_json_state;

#define MR_JSON_STATE_LINE ((mr_json_state){.where = MR_JSON_AT_VALUE})

/* The place of the fault that ended the reading, 1-based; `line` counts from the first line that
 * the state knew of (so from the piece's own first line after MR_JSON_STATE_LINE). */
typedef struct mr_json_place {
    uint64_t line;
    uint64_t column;
    uint64_t byte_offset; /* from the first byte of the call's bytes */
} mr_json_place;

/* A reader holds tables of keys and working memory, and learns in which order keys come; it holds
 * no position and no input between calls.
 *
 * Thread: owned by one lane. */
typedef struct mr_json_reader mr_json_reader;

/* `options` is copied. MR_ERR_NOMEM, or MR_ERR_USAGE when a limit is out of range. */
MR_NODISCARD mr_code mr_json_reader_open(const mr_json_options *options, mr_json_reader **out,
                                         mr_error *err);
void mr_json_reader_close(mr_json_reader *reader);

/* Reads whole records from `bytes` into `batch` as format/text.h describes, starting from *state
 * and leaving it at what follows the consumed bytes. Keys are looked up among the batch's columns
 * (mr_batch_set_schema() puts some there first); others are added in the order in which they are
 * seen. `batch` may hold rows already. Places of rows and rejects count from the first of `bytes`.
 *
 * `final` says that nothing follows `bytes`; the end of a stream must be told (with no bytes left,
 * if need be), for that is when a text that breaks off is noticed.
 *
 * Rejects hold the record's bytes, borrowed from `bytes`, without white space around them; one for
 * length holds the first max_record_bytes of its line. With explode, result->record_count counts
 * records, not rows; a record whose rows do not all fit is finished by the next call.
 *
 * Fails with MR_ERR_INPUT when the text is wrong ("line 3, column 17: expected ':' after key, found
 * '}'"), MR_ERR_LIMIT when it goes beyond a limit that only `lines` can step over, MR_ERR_NOMEM.
 * Rows, rejects and `out` then tell what came before the fault. After a failure of another kind
 * than MR_ERR_INPUT the batch may end in half a row: reset it.
 *
 * Allocates nothing once batch, rejects and reader have seen their largest load. */
MR_NODISCARD MR_HOT mr_code mr_json_read(mr_json_reader *reader, mr_json_state *state,
                                         mr_slice bytes, bool final, mr_batch *batch,
                                         mr_reject_list *rejects, mr_text_result *out,
                                         mr_error *err);

/* Where the reading failed, when mr_json_read() said MR_ERR_INPUT or a limit was reached in the
 * text; line 0 when there is no such place. */
mr_json_place mr_json_reader_place(const mr_json_reader *reader);

/* Words the failure again, for a piece before whose first line there were `lines_before` others. */
mr_code mr_json_reader_refail(const mr_json_reader *reader, uint64_t lines_before, mr_error *err);

/* How many U+FFFD the reader has put in place of something, since it was opened. */
uint64_t mr_json_reader_replaced(const mr_json_reader *reader);

/* --- writing
 * --------------------------------------------------------------------------------------- */

#define MR_JSON_MAX_INDENT 16u

typedef struct mr_json_write_options {
    mr_json_format format; /* MR_JSON_ARRAY, else lines */
    bool pretty;           /* objects and nested values over several lines */
    uint32_t indent;       /* spaces a level when pretty; 0 = 2 */
    bool lossy;            /* what JSON cannot hold is replaced and counted instead of rejected */
} mr_json_write_options;

/* A writer keeps the keys of the last schema in the form in which they are written.
 *
 * Thread: owned by one lane. */
typedef struct mr_json_writer mr_json_writer;

MR_NODISCARD mr_code mr_json_writer_open(const mr_json_write_options *options, mr_json_writer **out,
                                         mr_error *err);
void mr_json_writer_close(mr_json_writer *writer);

/* Appends the rows of `batch` to `out`: each followed by LF, or, in an array, with ',' LF between
 * them and nothing before the first and behind the last.
 *
 *     {"id":7,"name":"Zoë","tags":["a","b"],"note":null}
 *
 * Null is written, absent left out. Numbers and booleans are their text, JSON cells too (they are
 * compact already), all else is a string. A row with a text that is not UTF-8 (invalid_utf8) or a
 * float that JSON does not know (inexact: NaN, Infinity) is left out and rejected with its row,
 * column and field; with `lossy` it is written with U+FFFD or null.
 *
 * Fails with MR_ERR_LIMIT when `out` is full, MR_ERR_NOMEM; `out` then holds a part. Allocates
 * nothing once warm. */
MR_NODISCARD MR_HOT mr_code mr_json_write(mr_json_writer *writer, const mr_batch *batch,
                                          mr_buffer *out, mr_reject_list *rejects, mr_error *err);

/* What of an array is not rows, so that batches encoded on several lanes can be joined in order:
 * open before the first batch that gave bytes, a separator before each other one that did, close at
 * the end. Without any rows close alone writes the whole array. */
MR_NODISCARD mr_code mr_json_array_open(mr_buffer *out, mr_error *err);
MR_NODISCARD mr_code mr_json_array_separator(mr_buffer *out, mr_error *err);
MR_NODISCARD mr_code mr_json_array_close(mr_buffer *out, bool any_rows, mr_error *err);

/* How many texts and floats `lossy` has changed, since the writer was opened. */
uint64_t mr_json_writer_replaced(const mr_json_writer *writer);

#endif
