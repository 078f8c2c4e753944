/* SPDX-License-Identifier: MIT
 *
 * format/output.h - where encoded bytes go: a file that appears complete or not at all, or a
 * stream.
 *
 *     path                      written to                  on abort, or when killed
 *     a regular file, or none   PATH.part, then renamed     the old file is as it was
 *     the same with append      the end of the file         cut to its old length; killed: a tail
 *                                                           stays, which resuming cuts off
 *     "-", /dev/stdout,         the thing itself            what was written was written
 *     a pipe, a device,
 *     or with in_place
 *
 * Compression follows the option or the path's suffix; a suffix is added where a codec is asked for
 * and the path has none. Bytes come in plain (mr_output_write) and are compressed here, or in
 * pieces that lanes have compressed (mr_output_write_pieces); in the order of the calls.
 *
 * Errors name the target and arrive at the call that met them: a full disk, a reader that has gone.
 *
 * Thread: owned by one thread. */
#ifndef MR_FORMAT_OUTPUT_H
#define MR_FORMAT_OUTPUT_H

#include "core/file.h"
#include "format/codec.h"

#define MR_OUTPUT_BUFFER_BYTES  (64u << 10) /* small writes are gathered up to it */
#define MR_OUTPUT_LEVEL_DEFAULT (-1)

typedef struct mr_output mr_output;

typedef struct mr_output_options {
    const char *path; /* or "-"; copied */
    mr_codec codec;   /* MR_CODEC_AUTO = by suffix, MR_CODEC_NONE = plain */
    int level;        /* mr_codec_level(); MR_OUTPUT_LEVEL_DEFAULT = the codec's own */
    bool in_place;    /* write to the target itself even if it is a regular file */
    bool append;
    bool resume;                /* go on with the .part (or appended file) of an earlier run, */
    uint64_t resume_from;       /* cut to this length */
    uint64_t append_from;       /* resuming an append: where that run began, for abort */
    bool sealed;                /* resuming what had been sealed: only commit is left */
    const mr_identity *sources; /* files that are being read: none may be the target */
    size_t source_count;
} mr_output_options;

/* Works out path and codec alone, touching nothing: MR_ERR_USAGE for contradictions (naming both
 * sides), codecs that cannot be written and levels out of range. `out_path` gets the final path. */
MR_NODISCARD mr_code mr_output_plan(const mr_output_options *options,
                                    char out_path[MR_FILE_PATH_MAX], mr_codec *out_codec,
                                    mr_error *err);

MR_NODISCARD mr_code mr_output_open(mr_output **out, const mr_output_options *options,
                                    mr_error *err);

/* Aborts unless committed or suspended. NULL is harmless. */
void mr_output_close(mr_output *output);

/* Plain bytes, compressed on the way if the output is. */
MR_NODISCARD MR_HOT mr_code mr_output_write(mr_output *output, mr_slice bytes, mr_error *err);

/* Complete pieces of the output's codec (mr_compressor_block), or plain bytes when it has none. */
MR_NODISCARD MR_HOT mr_code mr_output_write_pieces(mr_output *output, mr_slice pieces,
                                                   mr_error *err);

/* Everything written so far is with the kernel, and a reader can decode it. */
MR_NODISCARD mr_code mr_output_flush(mr_output *output, mr_error *err);

/* Ends the current piece and makes everything durable. A later run may resume at *out_length. */
MR_NODISCARD mr_code mr_output_checkpoint(mr_output *output, uint64_t *out_length, mr_error *err);

/* The same without making more durable than the file's name: the caller syncs *out_fd, which stays
 * open until commit, abort or suspend, before it counts on the length. `last`: the output is
 * complete, and commit will only publish it. */
MR_NODISCARD mr_code mr_output_mark(mr_output *output, bool last, uint64_t *out_length, int *out_fd,
                                    mr_error *err);

/* What the file being written is, and where this output began in it. */
MR_NODISCARD mr_code mr_output_identity(const mr_output *output, mr_identity *out,
                                        uint64_t *out_begun_at, mr_error *err);

/* Finishes the last piece, syncs and publishes. An output nothing was written to is an empty file,
 * or a compressed one of no bytes. */
MR_NODISCARD mr_code mr_output_commit(mr_output *output, mr_error *err);

/* Gives up: the .part is removed, an appended file cut back (which can fail). Harmless twice. */
mr_code mr_output_abort(mr_output *output, mr_error *err);

/* Closes and keeps the .part for a run that resumes. What is behind the last checkpoint is lost. */
void mr_output_suspend(mr_output *output);

/* "standard output" or the path with its suffix. Lives until close. */
const char *mr_output_name(const mr_output *output);
mr_codec mr_output_codec(const mr_output *output);
int mr_output_level(const mr_output *output);

/* True when what is written becomes visible only at commit, and can be resumed. */
bool mr_output_is_atomic(const mr_output *output);

/* False when appending to bytes or resuming behind some: then no header is due. */
bool mr_output_is_at_start(const mr_output *output);

/* Bytes handed to the kernel or gathered for it by this output, compressed. */
uint64_t mr_output_bytes(const mr_output *output);

/* True when writing to `path` would write to the regular file `source`; "-" is standard output. */
bool mr_output_same_file(const char *path, const mr_identity *source);

#endif
