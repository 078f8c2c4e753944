/* SPDX-License-Identifier: MIT
 *
 * format/codec.h - compression as streams of bytes: what a file's first bytes say, undoing it,
 * doing it.
 *
 *     codec     suffix     pieces that may follow one another in a file      levels   by name
 *     gzip      .gz        members (RFC 1952), zero padding at the end       1..9     1  6  8  9
 *     deflate   .deflate   none: one raw stream (RFC 1951), read also zlib   1..9     1  6  8  9
 *     zstd      .zst       frames, skippable frames (RFC 8878)               1..19    1  3  7 19
 *     lz4       .lz4       frames, skippable frames                          0..12    0  0  6 12
 *                                                            fastest, default, better, best
 *
 * Pieces are what makes output parallel: each lane compresses its block to one complete piece with
 * mr_compressor_block(), and the pieces one after the other are a valid file. (Deflate blocks are
 * closed with MR_CODEC_DEFLATE's tail at the end of the file: mr_codec_tail().)
 *
 * What the libraries allocate is counted by core/mem.h, and they allocate nothing once warm.
 *
 * Thread: a compressor or decompressor is owned by one thread; the rest are pure functions. */
#ifndef MR_FORMAT_CODEC_H
#define MR_FORMAT_CODEC_H

#include "core/buffer.h"

typedef enum mr_codec {
    MR_CODEC_AUTO = 0, /* of input: by its first bytes; of output: by the path's suffix */
    MR_CODEC_NONE,
    MR_CODEC_GZIP,
    MR_CODEC_DEFLATE,
    MR_CODEC_ZSTD,
    MR_CODEC_LZ4,
    /* Recognised, so that they are refused by name and never read as text. */
    MR_CODEC_SNAPPY,
    MR_CODEC_S2,
    MR_CODEC_BZIP2,
    MR_CODEC_XZ,
    MR_CODEC_LZ4_LEGACY,
    MR_CODEC_COMPRESS,
    MR_CODEC_ZIP,
} mr_codec;

#define MR_CODEC_MAGIC_MAX 64 /* as many bytes are always enough for mr_codec_detect() */

/* Largest window of zstd data that is accepted: 2^27 bytes are what the format recommends. */
#define MR_ZSTD_WINDOW_LOG_DEFAULT 27
#define MR_ZSTD_WINDOW_LOG_MAX     31

/* --- names ------------------------------------------------------------------------------------ */

/* "gzip", "none", ...; as written in options and errors. */
const char *mr_codec_name(mr_codec codec);

/* The codec of an option's text: none, gzip (gz), deflate, zstd (zst), lz4; MR_ERR_USAGE for
 * others, known or not. Empty or "auto" is MR_CODEC_AUTO. */
MR_NODISCARD mr_code mr_codec_parse(mr_slice text, mr_codec *out, mr_error *err);

/* ".gz"; "" for a codec without one. */
const char *mr_codec_suffix(mr_codec codec);

/* The codec that the end of `path` names, in either case of letters; MR_CODEC_NONE for no such
 * suffix. Also names codecs that cannot be written. */
mr_codec mr_codec_of_path(const char *path);

/* True when data of it can be read and written here. */
bool mr_codec_is_supported(mr_codec codec);

/* A level: a number in the codec's range or fastest, default, better, best; empty is default.
 * MR_ERR_USAGE names the range. */
MR_NODISCARD mr_code mr_codec_level(mr_codec codec, mr_slice text, int *out, mr_error *err);

/* MR_ERR_USAGE naming the range when `level` is outside it. */
MR_NODISCARD mr_code mr_codec_check_level(mr_codec codec, int level, mr_error *err);
int mr_codec_default_level(mr_codec codec);

/* --- recognising ------------------------------------------------------------------------------ */

/* What data beginning with `head` is: a codec or MR_CODEC_NONE; MR_CODEC_AUTO means that more bytes
 * are needed to tell. `at_end` says that there are no more. Never AUTO for MR_CODEC_MAGIC_MAX
 * bytes. Raw deflate has no magic and is never found. */
mr_codec mr_codec_detect(mr_slice head, bool at_end);

/* --- decompressing ---------------------------------------------------------------------------- */

typedef struct mr_decompressor mr_decompressor;

/* `window_log_max` is for zstd; 0 = MR_ZSTD_WINDOW_LOG_DEFAULT. */
MR_NODISCARD mr_code mr_decompressor_open(mr_decompressor **out, mr_codec codec,
                                          unsigned window_log_max, mr_error *err);
void mr_decompressor_close(mr_decompressor *stream);

/* Ready for another file of the same codec; keeps its memory. */
void mr_decompressor_reset(mr_decompressor *stream);

/* Decodes from `*in`, which is advanced over what was taken, to `to`. *out_got 0 with MR_OK means
 * that all of `*in` was taken and more is needed. Damage is reported only after everything in front
 * of it has been delivered, and then by every call: MR_ERR_INPUT with the byte offset in the
 * compressed data. `cap` > 0. */
MR_NODISCARD MR_HOT mr_code mr_decompressor_read(mr_decompressor *stream, mr_slice *in, char *to,
                                                 size_t cap, size_t *out_got, mr_error *err);

/* The input has ended: MR_OK between pieces or when there was none, else MR_ERR_INPUT ("gzip data
 * ends early at byte 1234"). Call it only when read gives 0 with no input left. */
MR_NODISCARD mr_code mr_decompressor_finish(mr_decompressor *stream, mr_error *err);

/* Compressed bytes taken since open or reset. */
uint64_t mr_decompressor_taken(const mr_decompressor *stream);

/* True when read may give bytes without further input. */
bool mr_decompressor_has_more(const mr_decompressor *stream);

/* Takes note of places where decoding can begin again (format/restart.h): of the first one that is
 * passed when `every` decoded bytes have been made since the last, in `into`, which is borrowed
 * until the stream is closed, reset or told otherwise. NULL ends it. */
typedef struct mr_restart_point mr_restart_point;
void mr_decompressor_note(mr_decompressor *stream, uint64_t every, mr_restart_point *into);

/* True when `into` holds a place; none is looked for from there to the next
 * mr_decompressor_renote().
 */
bool mr_decompressor_noted(const mr_decompressor *stream);
void mr_decompressor_renote(mr_decompressor *stream, mr_restart_point *into);

/* Goes on at `point`, whose compressed bytes must come next. Noting goes on as it was told. The
 * point may be a lie: reading then gives other bytes or MR_ERR_INPUT. */
MR_NODISCARD mr_code mr_decompressor_resume(mr_decompressor *stream, const mr_restart_point *point,
                                            mr_error *err);

/* --- compressing ------------------------------------------------------------------------------ */

typedef struct mr_compressor mr_compressor;

/* `level` must be in the codec's range. */
MR_NODISCARD mr_code mr_compressor_open(mr_compressor **out, mr_codec codec, int level,
                                        mr_error *err);
void mr_compressor_close(mr_compressor *stream);

/* Appends one complete piece holding `bytes` (which may be empty) to `to`. Not between write and
 * end. */
MR_NODISCARD MR_HOT mr_code mr_compressor_block(mr_compressor *stream, mr_slice bytes,
                                                mr_buffer *to, mr_error *err);

/* Streaming: compresses `bytes` into the current piece, begun when there is none, and appends what
 * comes out, which may be nothing yet. */
MR_NODISCARD MR_HOT mr_code mr_compressor_write(mr_compressor *stream, mr_slice bytes,
                                                mr_buffer *to, mr_error *err);

/* Appends what is held back, so that a reader can decode everything written; the piece goes on. */
MR_NODISCARD mr_code mr_compressor_flush(mr_compressor *stream, mr_buffer *to, mr_error *err);

/* Ends the current piece; nothing when there is none. */
MR_NODISCARD mr_code mr_compressor_end(mr_compressor *stream, mr_buffer *to, mr_error *err);

/* True between the first write of a piece and its end. */
bool mr_compressor_in_piece(const mr_compressor *stream);

/* What must follow the last piece of a file, and only there: empty but for deflate. */
mr_slice mr_codec_tail(mr_codec codec);

#endif
