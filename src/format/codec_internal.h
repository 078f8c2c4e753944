/* SPDX-License-Identifier: MIT
 *
 * format/codec_internal.h - what a codec is made of: two tables of functions over a state of its
 * own.
 *
 * codec.c does what all have in common: counting, errors with byte offsets that wait until
 * everything before them is delivered, pieces. A codec's file translates one library.
 *
 * Thread: as format/codec.h. */
#ifndef MR_FORMAT_CODEC_INTERNAL_H
#define MR_FORMAT_CODEC_INTERNAL_H

#include "format/codec.h"
#include "format/restart.h"

/* One step of decoding, in and out. */
typedef struct mr_decode_step {
    const char *in;
    size_t in_len;
    char *out;
    size_t out_cap;
    size_t in_used;     /* set by the codec, */
    size_t out_made;    /* also when it fails */
    bool stop_at_point; /* asks the codec to stop where decoding could begin again */
    bool at_point;      /* it did: point() tells what that takes */
    bool piece_ended;
    const char
        *problem; /* why it failed: "the checksum is wrong"; a literal of the library or ours */
} mr_decode_step;

typedef struct mr_decompress_ops {
    mr_code (*open)(void **out_state, unsigned window_log_max, mr_error *err);
    /* Ready to begin at a piece's first byte. */
    void (*reset)(void *state);
    /* Makes progress: takes input or makes output, unless there is too little of either. Fails with
     * MR_ERR_INPUT, MR_ERR_NOMEM or MR_ERR_LIMIT and `problem`. */
    mr_code (*step)(void *state, mr_decode_step *step);
    /* Both NULL where only pieces can be begun with. Fills in what a point within a piece has. */
    void (*point)(const void *state, mr_restart_point *out);
    mr_code (*resume)(void *state, const mr_restart_point *point, mr_error *err);
    void (*close)(void *state);
} mr_decompress_ops;

typedef struct mr_compress_ops {
    mr_code (*open)(void **out_state, mr_codec codec, int level, mr_error *err);
    mr_code (*block)(void *state, mr_slice bytes, mr_buffer *to, mr_error *err);
    mr_code (*begin)(void *state, mr_buffer *to, mr_error *err); /* of a streamed piece */
    mr_code (*write)(void *state, mr_slice bytes, mr_buffer *to, mr_error *err);
    mr_code (*flush)(void *state, mr_buffer *to, mr_error *err);
    mr_code (*end)(void *state, mr_buffer *to, mr_error *err);
    void (*close)(void *state);
} mr_compress_ops;

extern const mr_decompress_ops mr_gzip_decompress;
extern const mr_decompress_ops mr_deflate_decompress; /* raw or zlib framing, found out */
extern const mr_decompress_ops mr_zstd_decompress;
extern const mr_decompress_ops mr_lz4_decompress;
extern const mr_compress_ops mr_zlib_compress; /* gzip and deflate */
extern const mr_compress_ops mr_zstd_compress;
extern const mr_compress_ops mr_lz4_compress;

#endif
