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
#include "format/restart.h"

typedef struct mr_input_file {
    mr_file file;
    mr_identity identity;
    uint64_t base;  /* where a descriptor stood that was handed to us */
    uint64_t start; /* bytes of the byte order mark */
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
    mr_slice middle_later; /* follows it; between the two lies a restart point */
    bool point_waits;      /* for what lies in front of it to be transcoded */
    mr_buffer peeked;
    size_t peeked_at;
    bool peek_ended;       /* the last peek got all there is */
    uint64_t file_decoded; /* decompressed bytes of this file, for the expansion limit */
    uint64_t file_text;    /* bytes of this file made of them, if it is transcoded */
    uint64_t file_given;   /* where in this file the reader stands */
    mr_restarts *restarts; /* NULL: no points are kept */

    uint64_t raw_bytes;
    uint64_t given_bytes;
};

/* Forgets the last file's bytes: `current` has just been opened. */
void mr_input_stream_reset(mr_input *input);

/* Finds out codec and encoding, reading as few bytes as that takes. */
MR_NODISCARD mr_code mr_input_stream_begin(mr_input *input, mr_error *err);

void mr_input_stream_done(mr_input *input);

/* --- input_restart.c -------------------------------------------------------------------------- */

MR_NODISCARD mr_code mr_input_restarts_open(mr_input *input, mr_error *err);
void mr_input_restarts_close(mr_input *input);

/* The current file's decompressor has been opened or reset: points are to be noted. */
void mr_input_restarts_begin(mr_input *input);

/* Has decoding passed a point? Then *out_at is how many of the last `got` decoded bytes lie in
 * front of it. */
bool mr_input_restarts_passed(const mr_input *input, size_t got, size_t *out_at);

/* The point that was passed lies at `text_offset`. */
void mr_input_restarts_keep(mr_input *input, uint64_t text_offset);

#endif
