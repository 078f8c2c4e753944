/* SPDX-License-Identifier: MIT
 *
 * connector/text_destination.h - what the destinations of text formats share: the output file, and
 * compression on the lanes. A format adds how a batch becomes bytes and what stands around the
 * records.
 *
 * Each piece is compressed by its lane into a complete gzip member or zstd or lz4 frame; the
 * collector only puts them one behind the other.
 *
 * Thread: the collector's, except the lane functions. */
#ifndef MR_CONNECTOR_TEXT_DESTINATION_H
#define MR_CONNECTOR_TEXT_DESTINATION_H

#include "connector/connector.h"
#include "format/output.h"

typedef struct mr_text_destination { /* the first member of a format's state */
    const mr_connector_env *env;
    const char *compression, *level_text; /* options */
    bool append, overwrite;
    mr_output_options options;
    mr_codec codec; /* after open: what the output will be */
    int level;
    char path[MR_FILE_PATH_MAX]; /* after open: where it will be */
    mr_output *output;
    mr_buffer frame;       /* what stands around the records: header, brackets */
    bool any_rows;         /* formats with something between records: one has been written */
    bool sealed;           /* what ends the output has been written */
    uint64_t bytes_before; /* of earlier runs that this one goes on from */
} mr_text_destination;

typedef struct mr_text_destination_lane { /* the first member of a format's lane */
    mr_compressor *compressor;
} mr_text_destination_lane;

/* The rows of an option table that every text destination has; `owner` is the format's state. */
#define MR_TEXT_DESTINATION_OPTIONS(owner)                                                      \
    {.name = "compression",                                                                     \
     .type = MR_OPTION_TEXT,                                                                    \
     .offset = offsetof(owner, text.compression),                                               \
     .fallback = "auto",                                                                        \
     .help = "auto follows the file name's suffix; none, gzip, deflate, zstd or lz4"},          \
        {.name = "compression_level",                                                           \
         .aliases = "level",                                                                    \
         .type = MR_OPTION_TEXT,                                                                \
         .offset = offsetof(owner, text.level_text),                                            \
         .fallback = "default",                                                                 \
         .help = "fastest, default, better, best or a number of the codec's range"},            \
        {.name = "append",                                                                      \
         .type = MR_OPTION_BOOL,                                                                \
         .offset = offsetof(owner, text.append),                                                \
         .fallback = "false",                                                                   \
         .help = "continue an existing file instead of replacing it"},                          \
    {                                                                                           \
        .name = "overwrite", .type = MR_OPTION_BOOL, .offset = offsetof(owner, text.overwrite), \
        .fallback = "true", .help = "false: refuse to replace an existing file"                 \
    }

MR_NODISCARD mr_code mr_text_destination_open(mr_text_destination *destination,
                                              const mr_connector_env *env, mr_error *err);
/* Opens the output. */
MR_NODISCARD mr_code mr_text_destination_start(mr_text_destination *destination, mr_error *err);
/* Writes and empties destination->frame. */
MR_NODISCARD mr_code mr_text_destination_put_frame(mr_text_destination *destination, mr_error *err);
MR_NODISCARD mr_code mr_text_destination_write(void *state, mr_job *job, mr_error *err);
MR_NODISCARD mr_code mr_text_destination_flush(void *state, mr_error *err);
MR_NODISCARD mr_code mr_text_destination_commit(void *state, mr_error *err);
/* As in mr_destination_ops; connector/text_mark.c. A format that ends its output with something
 * writes that first, when `last` and not sealed. */
const char *mr_text_destination_cannot_resume(const void *state, const mr_connector_env *env);
MR_NODISCARD mr_code mr_text_destination_checkpoint(void *state, bool last, mr_buffer *position,
                                                    int *out_sync_fd, mr_error *err);
MR_NODISCARD mr_code mr_text_destination_resume(void *state, mr_slice position, mr_left *out_left,
                                                mr_error *err);
bool mr_text_destination_leaves_traces(const void *state);
void mr_text_destination_suspend(void *state);
void mr_text_destination_abort(void *state);
uint64_t mr_text_destination_bytes(void *state);
mr_slice mr_text_destination_target(void *state);
void mr_text_destination_close(void *state);

MR_NODISCARD mr_code mr_text_destination_lane_open(const mr_text_destination *destination,
                                                   mr_text_destination_lane *lane, mr_error *err);
void mr_text_destination_lane_close(mr_text_destination_lane *lane);
/* Compresses job->encoded into job->packed when the output is compressed. */
MR_NODISCARD mr_code mr_text_destination_finish_piece(void *lane, mr_job *job, mr_error *err);

#endif
