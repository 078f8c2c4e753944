/* SPDX-License-Identifier: MIT
 *
 * connector/tail_read.h - the lines of a followed file as records: CSV, JSON, or each line as it
 * is.
 *
 * Only whole lines are read: what a writer has not ended with LF yet waits, unless the file is
 * over. Each file begins anew, with a byte order mark and, in CSV, a header, which must name the
 * same columns in each.
 *
 * Thread: owned by one. */
#ifndef MR_CONNECTOR_TAIL_READ_H
#define MR_CONNECTOR_TAIL_READ_H

#include "connector/connector.h"
#include "connector/tail_files.h"
#include "format/csv.h"
#include "format/json.h"

typedef enum mr_tail_format {
    MR_TAIL_AUTO, /* by the suffix: .csv, .tsv, .json, .jsonl, .ndjson, else lines */
    MR_TAIL_LINES,
    MR_TAIL_CSV,
    MR_TAIL_JSON,
} mr_tail_format;

typedef struct mr_tail_reader {
    /* Set by the caller before open. */
    mr_tail_format format;
    mr_csv_options csv_options;
    mr_json_options json_options;
    const char *column; /* of lines */

    const mr_connector_env *env;
    mr_schema schema; /* of lines and CSV; of JSON when a first pass has found it */
    bool knows_schema;
    mr_schema columns;     /* JSON: the same without types */
    const mr_infer *found; /* CSV: types that a sample gave, to be checked; else NULL */
    mr_csv_reader csv;
    bool has_csv;
    mr_json_reader *json;
} mr_tail_reader;

MR_NODISCARD mr_code mr_tail_reader_open(mr_tail_reader *reader, const mr_connector_env *env,
                                         mr_error *err);
void mr_tail_reader_close(mr_tail_reader *reader);

/* Looks at the first bytes of `file`, all there are when `final`, and passes what comes before the
 * data; nothing happens while they are too few. The first header there is decides the columns. */
MR_NODISCARD mr_code mr_tail_reader_start(mr_tail_reader *reader, mr_tail_file *file,
                                          mr_slice bytes, bool final, size_t *out_consumed,
                                          mr_error *err);

/* The same, to learn the columns before reading begins. */
MR_NODISCARD mr_code mr_tail_reader_look(mr_tail_reader *reader, mr_slice bytes, mr_error *err);

/* Columns and types that a first pass found. */
MR_NODISCARD mr_code mr_tail_reader_learn(mr_tail_reader *reader, const mr_schema *schema,
                                          const mr_infer *found, mr_error *err);

/* Reads job->bytes, which lie at the file's place and end its last line when `final`, into the job.
 * Moves record, line and state of the place, not its offset. */
MR_NODISCARD MR_HOT mr_code mr_tail_reader_read(mr_tail_reader *reader, mr_tail_file *file,
                                                mr_job *job, bool final, mr_text_result *out,
                                                mr_error *err);

/* No record needs more bytes than these. */
size_t mr_tail_reader_largest(const mr_tail_reader *reader);

#endif
