/* SPDX-License-Identifier: MIT
 *
 * format/input.h - the bytes that file readers read: one or many files, decompressed, as UTF-8.
 *
 *     files in order -> decompress -> byte order mark off -> to UTF-8 -> peeked bytes -> reader
 *
 * What compression a file has is found from its first bytes, never from its name. One exception:
 * raw deflate cannot be recognised, so it is assumed where the name ends in .deflate. Nothing is
 * ever held whole; memory is the same for every file size. A damaged or truncated file gives
 * everything in front of the damage, then the error.
 *
 * Plain regular files are *direct*: besides being read in order they can be read at any place by
 * many threads at once (mr_input_pread).
 *
 * Offsets and sizes are those of the decoded stream of one file: 0 is its first byte after the byte
 * order mark.
 *
 * Thread: owned by one thread, but mr_input_pread() may be called by any. */
#ifndef MR_FORMAT_INPUT_H
#define MR_FORMAT_INPUT_H

#include "core/file.h"
#include "format/codec.h"
#include "format/encoding.h"

#define MR_INPUT_BUFFER_BYTES  (256u << 10) /* read from the file at a time */
#define MR_INPUT_PEEK_MAX      (64u << 20)
#define MR_INPUT_PATIENCE      10   /* see mr_input_peek() */
#define MR_INPUT_KEEP_OPEN     128  /* direct files left open behind the current one */
#define MR_INPUT_MAX_EXPANSION 1000 /* limits.max_expansion: decoded bytes per compressed byte, */
#define MR_EXPANSION_FLOOR     (16u << 20) /* looked at only beyond so many decoded bytes */
#define MR_EXPANSION_OFF       UINT32_MAX

typedef struct mr_input mr_input;

typedef struct mr_input_options {
    const char *path;         /* a path, a pattern (format/paths.h) or "-"; copied */
    const char *const *files; /* instead of what the path names; borrowed, with the texts */
    uint32_t file_count;
    mr_codec codec;           /* MR_CODEC_AUTO = find out, MR_CODEC_NONE = never decompress */
    mr_encoding encoding;     /* a byte order mark wins over it, but for MR_ENCODING_BINARY */
    uint32_t max_expansion;   /* 0 = MR_INPUT_MAX_EXPANSION, MR_EXPANSION_OFF = no limit */
    bool expansion_is_error;  /* else a warning, once a file */
    uint32_t zstd_window_log; /* 0 = MR_ZSTD_WINDOW_LOG_DEFAULT */
    uint32_t keep_open;       /* 0 = MR_INPUT_KEEP_OPEN */
    uint64_t restart_every;   /* decoded bytes between the restart points of compressed files, which
                               * is MR_RESTART_EVERY_BYTES where it matters; 0 = no points */
    void (*warn)(void *context, const char *text); /* may be NULL */
    void *warn_context;
} mr_input_options;

/* Finds the files and opens the first. A regular file is looked at here (unsupported compression
 * and the like), a pipe or terminal when its first bytes are asked for, so that opening never
 * waits. */
MR_NODISCARD mr_code mr_input_open(mr_input **out, const mr_input_options *options, mr_error *err);

/* The same from an open descriptor, which is borrowed; `label` is how errors call it, and
 * options->path is not looked at. */
MR_NODISCARD mr_code mr_input_open_fd(mr_input **out, int fd, const char *label,
                                      const mr_input_options *options, mr_error *err);
void mr_input_close(mr_input *input);

/* --- in order --------------------------------------------------------------------------------- */

/* Reads up to `cap` (> 0) decoded bytes of the current file; *out_got 0 is its end. Waits only when
 * it has nothing at all to give. */
MR_NODISCARD MR_HOT mr_code mr_input_read(mr_input *input, char *to, size_t cap, size_t *out_got,
                                          mr_error *err);

/* The next bytes of the current file without taking them: `want` of them, fewer at its end, before
 * damage, or when some are there and no more come for `patience_ms` (-1 = wait for ever), or no end
 * of them within MR_INPUT_PATIENCE times as long. Borrowed until the next call. */
MR_NODISCARD mr_code mr_input_peek(mr_input *input, size_t want, int patience_ms, mr_slice *out,
                                   mr_error *err);

/* Did the last peek give all there is, up to the end or to damage? */
bool mr_input_peek_ended(const mr_input *input);

/* Passes over `count` decoded bytes; a plain regular file is not read for it. MR_ERR_INPUT when the
 * file ends before. */
MR_NODISCARD mr_code mr_input_skip(mr_input *input, uint64_t count, mr_error *err);

/* Goes to byte `offset` of the current file, in either direction. Plain regular files are not read
 * for it. A compressed one is decoded from the restart point that `mark` tells (mr_input_mark() of
 * an earlier run), else from where it stands or from its start, and what lies in front of `offset`
 * is passed over. Text of another encoding likewise. MR_ERR_CONFLICT when the file is not the one
 * that was marked, MR_ERR_INPUT when `mark` is damaged or the file ends before, MR_ERR_USAGE for
 * going back in what cannot be read twice. */
MR_NODISCARD mr_code mr_input_seek(mr_input *input, uint64_t offset, mr_slice mark, mr_error *err);

/* Goes to the next file; *out_has false when there was none. */
MR_NODISCARD mr_code mr_input_next_file(mr_input *input, bool *out_has, mr_error *err);

/* Waits up to `timeout_ms` (0 = just look, -1 = for ever) for the file to have something for read,
 * the end included. Compressed input may be there without giving a byte yet. */
bool mr_input_poll(mr_input *input, int timeout_ms);

/* --- at any place ----------------------------------------------------------------------------- */

/* True for a plain regular file that needs neither decompressing nor transcoding; *out_size is then
 * its decoded size at opening. For the current file. */
bool mr_input_is_direct(const mr_input *input, uint64_t *out_size);

/* Reads `len` bytes at `offset` of the direct file number `file`, fewer only at its end. That file
 * stays open until keep_open further files have been begun. Any thread. */
MR_NODISCARD MR_HOT mr_code mr_input_pread(const mr_input *input, uint32_t file, uint64_t offset,
                                           char *to, size_t len, size_t *out_got, mr_error *err);

/* The same in the file as it is, compressed and with its mark, for fingerprints: of any regular
 * file that is open. MR_ERR_USAGE when `file` is not. */
MR_NODISCARD mr_code mr_input_pread_raw(const mr_input *input, uint32_t file, uint64_t offset,
                                        char *to, size_t len, size_t *out_got, mr_error *err);

/* --- restart points --------------------------------------------------------------------------- */

/* Appends what lets a later run come to byte `offset` of file number `file` without decoding all in
 * front of it: at most MR_RESTART_MARK_MAX bytes (format/restart.h), commonly 15 KiB for gzip and
 * less than 100 for zstd and lz4. Nothing when the way is from the start: a plain file, a file
 * that is a single frame, an offset within the first restart_every bytes or so far behind what has
 * been read that its point is forgotten. Any thread, also while others read. */
MR_NODISCARD mr_code mr_input_mark(const mr_input *input, uint32_t file, uint64_t offset,
                                   mr_buffer *to, mr_error *err);

/* --- about the files -------------------------------------------------------------------------- */

uint32_t mr_input_file_count(const mr_input *input);
uint32_t mr_input_file_index(const mr_input *input); /* of the current one, from 0 */

/* Bytes in front of the decoded stream (a byte order mark) of a direct file that has been opened; 0
 * and *out_direct false for others. Any thread that was told of the file after it was opened. */
uint64_t mr_input_start_bytes(const mr_input *input, uint32_t file, bool *out_direct);

/* The path of a file as found; "standard input" or the label of a descriptor. Lives until close. */
const char *mr_input_file_name(const mr_input *input, uint32_t file);

/* Identity at opening, or now for a file not opened yet; all 0 for what is no regular file. */
mr_identity mr_input_identity(const mr_input *input, uint32_t file);

/* MR_ERR_CONFLICT naming the first file that was written to while it was read. */
MR_NODISCARD mr_code mr_input_unchanged(mr_input *input, mr_error *err);

/* The current file's, once it has been looked at; NONE and UTF8 before that. */
mr_codec mr_input_codec(const mr_input *input);
mr_encoding mr_input_encoding(const mr_input *input);

/* Over all files so far: bytes taken from files by reading in order, bytes given out. */
uint64_t mr_input_raw_bytes(const mr_input *input);
uint64_t mr_input_decoded_bytes(const mr_input *input);
/* Sizes of all files at opening; 0 when one is not known. */
uint64_t mr_input_total_bytes(const mr_input *input);

#endif
