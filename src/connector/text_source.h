/* SPDX-License-Identifier: MIT
 *
 * connector/text_source.h - what the sources of text formats share: files, globs, pipes,
 * compression and cutting input into pieces. A format adds how a file begins and how pieces are
 * read.
 *
 * Plain files are cut by position and read by the lanes themselves (direct); everything else is
 * read by the source's thread, in order. Files of a glob come one after the other, each with its
 * own header, numbering and last piece.
 *
 * Thread: the source's, except mr_text_source_load() (lanes) and mr_text_source_progress() (any).
 */
#ifndef MR_CONNECTOR_TEXT_SOURCE_H
#define MR_CONNECTOR_TEXT_SOURCE_H

#include "connector/connector.h"
#include "format/input.h"

#define MR_PIECE_BYTES ((size_t)512 << 10) /* half a lane's second-level cache; measured */

typedef struct mr_text_source mr_text_source;

/* What a format does at the start of each file. `head` holds the file's first bytes, all of them
 * when `final`. Sets *out_complete to false when it needs more. */
typedef struct mr_text_start {
    size_t consumed;     /* bytes before the data */
    uint64_t line_count; /* LFs in them */
    uint64_t blank_lines;
} mr_text_start;
typedef mr_code mr_text_start_fn(mr_text_source *source, mr_slice head, bool final,
                                 mr_text_start *out, bool *out_complete, mr_error *err);

struct mr_text_source { /* the first member of a format's state */
    const mr_connector_env *env;
    mr_text_start_fn *start_file;
    mr_input *input;
    mr_codec codec;              /* of the option `compression` */
    mr_encoding encoding;        /* of the option `encoding` */
    size_t piece_bytes;          /* 0 = MR_PIECE_BYTES */
    mr_reader_state first_state; /* of reading at the start of a file; set by start_file */
    uint32_t file;               /* the current one */
    mr_slice file_name;
    mr_text_start start;
    int64_t home;     /* where standard input stood; negative for a pipe */
    bool begun;       /* a pass has been made, or is being made */
    bool first_piece; /* of the current file is still to come */
    bool file_final;  /* the last piece of the current file has been handed out */
    uint64_t offset;  /* of the next piece in the decoded stream of the file */
    bool keeping;     /* this pass keeps what it hands out */
    bool kept_pass;   /* there are kept bytes to hand out again */
    mr_buffer kept;
    size_t kept_at;
    uint64_t carried;     /* bytes at `offset` that an earlier run had handed out already */
    char names_sum[65];   /* of all files: */
    char inputs_sum[65];  /* names, identities, sizes and times at the start of the pass */
    mr_error pending;     /* to be reported once what came before it has been handed out */
    uint64_t done_before; /* bytes of the files before the current one */
    atomic_uint_least64_t done_bytes;
    uint64_t total_bytes;
};

/* Opens the input and reads the start of its first file. `path` as in mr_connector_env. */
MR_NODISCARD mr_code mr_text_source_open(mr_text_source *source, const mr_connector_env *env,
                                         mr_text_start_fn *start_file, mr_error *err);
void mr_text_source_close(mr_text_source *source);

/* MR_CAP_REWIND and MR_CAP_SPLIT as far as the bytes allow it. */
uint32_t mr_text_source_abilities(const mr_text_source *source);

MR_NODISCARD mr_code mr_text_source_begin(mr_text_source *source, bool keep, mr_error *err);
/* Instead of begin: the next piece is that of `carry_bytes` at `offset` of file number `file`, if
 * there are any, and then what follows. `restart`: where decoding may begin (mr_input_mark()). */
MR_NODISCARD mr_code mr_text_source_go(mr_text_source *source, uint32_t file, uint64_t offset,
                                       uint64_t carry_bytes, mr_slice restart, mr_error *err);
/* As in mr_source_ops; connector/text_place.c. */
const char *mr_text_source_cannot_resume(const void *source, const mr_connector_env *env);
MR_NODISCARD mr_code mr_text_source_position(void *source, const mr_source_place *place,
                                             mr_buffer *out, mr_error *err);
MR_NODISCARD mr_code mr_text_source_seek(void *source, mr_slice position, mr_source_place *out,
                                         mr_error *err);
/* Takes down what the input looks like as a whole, for positions. */
void mr_text_source_sum_up(mr_text_source *source);

MR_NODISCARD mr_code mr_text_source_fetch(mr_text_source *source, mr_job *job, mr_error *err);
MR_NODISCARD mr_code mr_text_source_load(const mr_text_source *source, mr_job *job, mr_error *err);
void mr_text_source_progress(mr_text_source *source, uint64_t *out_done, uint64_t *out_total);
MR_NODISCARD mr_code mr_text_source_verify(mr_text_source *source, mr_error *err);

/* Opens each file in turn, as far as start_file looks, and goes back to the first. Right after
 * open, for input that can be read twice. */
MR_NODISCARD mr_code mr_text_source_look_at_all(mr_text_source *source, mr_error *err);

/* The usual guess: behind the first LF of the piece. */
bool mr_text_source_guess(const mr_job *job, size_t *out_start);

/* Takes one call's result into the job: counts add up, and the places of new rejects and of the
 * batch's rows come to count from job->start. `rejects_before` is how many there were before the
 * call. */
void mr_text_source_add_result(mr_job *job, const mr_text_result *result, uint32_t rejects_before);

#endif
