/* SPDX-License-Identifier: MIT
 *
 * arrow/stream.h - many batches through one struct: the ArrowArrayStream, both ways.
 *
 *     out: mr_arrow_export_stream(&feed, &schema, &stream, err)       the stream pulls from us
 *     in:  mr_arrow_reader_open(&reader, &stream, ...), mr_arrow_reader_next(&reader, &batch, ...)
 *
 * A stream has one schema, and the units of times and the scale of decimals belong to it: a stream
 * of ours reads its first batch when it is asked for the schema. A later value that does not fit
 * ends the stream with an error that names it.
 *
 * Thread: a stream is used by one thread at a time; the arrays it gave may be released by any. */
#ifndef MR_ARROW_STREAM_H
#define MR_ARROW_STREAM_H

#include "arrow/export.h"
#include "arrow/import.h"

typedef struct mr_arrow_feed {
    void *context;
    /* Fills an empty batch, whose first columns are those of the schema; no rows = the end. */
    mr_code (*next)(void *context, mr_batch *batch, mr_error *err);
    void (*close)(void *context); /* once, when the stream is released; may be NULL */
} mr_arrow_feed;

/* `schema` is copied. The feed is the stream's from success on. */
MR_NODISCARD mr_code mr_arrow_export_stream(const mr_arrow_feed *feed, const mr_schema *schema,
                                            struct ArrowArrayStream *out, mr_error *err);

typedef struct mr_arrow_reader {
    struct ArrowArrayStream stream;
    mr_arrow_importer importer;
    bool ended;
} mr_arrow_reader;

/* Moves `stream` into the reader, also on failure; reader->importer.schema is known then. */
MR_NODISCARD mr_code mr_arrow_reader_open(mr_arrow_reader *reader, struct ArrowArrayStream *stream,
                                          bool lend, mr_arena *arena, mr_error *err);
/* The next rows, as mr_arrow_importer_next(); 0 at the end of the stream. */
MR_NODISCARD mr_code mr_arrow_reader_next(mr_arrow_reader *reader, mr_batch *batch,
                                          uint32_t *out_rows, mr_error *err);
void mr_arrow_reader_close(mr_arrow_reader *reader);

#endif
