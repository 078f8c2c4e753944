/* SPDX-License-Identifier: MIT
 *
 * format/input_internal.h - shared by input.c (files) and input_stream.c (bytes of the current
 * one).
 *
 * Thread: as format/input.h. */
#ifndef MR_FORMAT_INPUT_INTERNAL_H
#define MR_FORMAT_INPUT_INTERNAL_H

#include "core/arena.h"
#include "format/input.h"
#include "format/paths.h"

typedef struct mr_input_file {
    mr_file file;
    mr_identity identity;
    uint64_t start; /* bytes of the byte order mark, for a direct file */
    bool is_direct;
    bool was_opened;
} mr_input_file;

struct mr_input {
    mr_input_options options;
    mr_arena arena;
    mr_paths paths;
    mr_input_file *files; /* one per path */
    uint32_t current;
    uint64_t total_bytes;
    bool has_changed; /* a file was written to while it was read; change_err says which */
    mr_error change_err;

    /* The current file's stream. */
    bool has_begun;     /* codec and encoding are known */
    mr_code begin_code; /* how finding them out went */
    mr_error begin_err;
    bool has_warned;
    bool raw_ended;
    mr_codec codec;
    mr_decompressor *stream;                    /* of `codec`; NULL for a plain file */
    mr_decompressor *streams[MR_CODEC_LZ4 + 1]; /* kept for the next file of their kind */
    mr_transcoder transcoder;
    bool is_transcoded;
    char *raw;             /* MR_INPUT_BUFFER_BYTES */
    mr_slice rest;         /* of raw, not used yet */
    char head[MR_BOM_MAX]; /* decoded bytes that turned out to be no byte order mark */
    size_t head_at, head_len;
    char *middle; /* decoded, not transcoded yet; made when first needed */
    mr_slice middle_rest;
    mr_buffer peeked;
    size_t peeked_at;
    bool peek_ended;       /* the last peek got all there is */
    uint64_t file_decoded; /* decompressed bytes of this file, for the expansion limit */

    uint64_t raw_bytes;
    uint64_t given_bytes;
};

/* Forgets the last file's bytes: `current` has just been opened. */
void mr_input_stream_reset(mr_input *input);

/* Finds out codec and encoding, reading as few bytes as that takes. */
MR_NODISCARD mr_code mr_input_stream_begin(mr_input *input, mr_error *err);

void mr_input_stream_done(mr_input *input);

#endif
