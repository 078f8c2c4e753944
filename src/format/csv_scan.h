/* SPDX-License-Identifier: MIT
 *
 * format/csv_scan.h - the careful reading of one record, byte by byte: the rules of CSV in one
 * place. Readers use it for whatever the indexed path does not take; the header and the sniffer use
 * nothing else.
 *
 * All positions are indexes into the bytes given. Nothing is decided from bytes that are not there:
 * when the record's shape depends on them, the answer is MR_CSV_MORE.
 *
 * Thread: pure functions over the caller's memory. */
#ifndef MR_FORMAT_CSV_SCAN_H
#define MR_FORMAT_CSV_SCAN_H

#include "format/csv.h"

/* A field as it stands in the bytes, quotes included. */
typedef struct mr_csv_cell {
    uint32_t start;
    uint32_t length : 31;
    uint32_t quoted : 1;
} mr_csv_cell;

typedef enum mr_csv_kind {
    MR_CSV_RECORD,
    MR_CSV_BLANK,   /* an empty line */
    MR_CSV_COMMENT, /* a comment line, or a part of one too long to hold */
    MR_CSV_BROKEN,  /* reason, raw_end and next say what to reject and where to go on */
    MR_CSV_MORE,    /* the bytes end too soon */
} mr_csv_kind;

typedef struct mr_csv_scanner {
    const mr_csv_options *options;
    const uint8_t *special; /* from mr_csv_special() */
    mr_slice bytes;
    bool final;
    uint64_t max_record_bytes;
    mr_buffer *cells; /* of mr_csv_cell; holds the first `keep` fields of the last record */
    uint32_t keep;
} mr_csv_scanner;

typedef struct mr_csv_scan {
    mr_csv_kind kind;
    mr_reason reason;
    uint32_t field_count;
    uint32_t fault_field; /* 1-based field that BROKEN blames */
    uint32_t bare_field;  /* first unquoted field that holds a quote, 1-based; 0 = none */
    size_t fault_at;      /* the offending byte */
    size_t raw_end;       /* end of the record without row end, or of the text to reject */
    size_t text_end;      /* BROKEN: where that text would end without max_record_bytes */
    size_t next;          /* the byte after it all */
    bool in_long_line;    /* `next` is the end of the bytes, and the line goes on behind it */
} mr_csv_scan;

/* Fills the table of bytes that end or damage an unquoted field. */
void mr_csv_special(const mr_csv_options *options, uint8_t special[256]);

/* Reads the record, blank line or comment at `start` (< bytes.len). Fails only with NOMEM or LIMIT,
 * when `cells` cannot grow. */
MR_NODISCARD MR_HOT mr_code mr_csv_scan_record(const mr_csv_scanner *scanner, size_t start,
                                               mr_csv_scan *out, mr_error *err);

/* The end of the physical line that `from` is in: `out_end` before its row end, `out_next` behind.
 * False when the bytes do not show it; then both are their end, or before a CR that may have an LF
 * behind it. */
MR_HOT bool mr_csv_line_end(const mr_csv_scanner *scanner, size_t from, size_t *out_end,
                            size_t *out_next);

/* Row ends between two positions: LFs, and under cr_rows lone CRs. */
MR_HOT uint64_t mr_csv_count_lines(const mr_csv_options *options, mr_slice bytes, size_t from,
                                   size_t to);

/* Appends what a quoted cell stands for, without its quotes, to `out`, which has room for
 * cell->length more bytes. */
MR_HOT void mr_csv_unquote(const mr_csv_options *options, const char *cell, size_t length,
                           mr_buffer *out);

/* The part of an unquoted cell that counts: without spaces and tabs around it. */
MR_INLINE mr_slice mr_csv_trim(mr_slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = mr_slice_from(text, 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* The escape byte, or 0 when quotes are doubled. */
MR_INLINE char mr_csv_escape(const mr_csv_options *options)
{
    return options->escape == options->quote ? 0 : options->escape;
}

#endif
