/* SPDX-License-Identifier: MIT
 *
 * format/restart.h - places inside compressed data where decoding can begin again.
 *
 *     codec            a place is                                    needs
 *     gzip             a member's start; a block's start in one      nothing; 32 KiB window, bits,
 * sum deflate, zlib    a block's start                               the same zstd, lz4        a
 * frame's start                               nothing
 *
 * While a file is decoded, such a place is kept about every MR_RESTART_EVERY_BYTES decoded bytes:
 * of a file that is one zstd or lz4 frame there is none, and who goes on in it decodes from the
 * start. Readers run ahead of what has been stored, so the last MR_RESTART_KEEP are kept.
 *
 * A *mark* is a place as bytes, to be put into a checkpoint: at most MR_RESTART_MARK_MAX, checked
 * by a sum, and distrusted: a forged one gives an error or other text, never more.
 *
 * Thread: a place is a value; a table is filled by one thread and asked by any. */
#ifndef MR_FORMAT_RESTART_H
#define MR_FORMAT_RESTART_H

#include <pthread.h>

#include "core/buffer.h"
#include "format/codec.h"
#include "format/encoding.h"

#define MR_RESTART_EVERY_BYTES (16u << 20)
#define MR_RESTART_KEEP        8
#define MR_RESTART_WINDOW      32768u /* deflate looks back no further */
#define MR_RESTART_BEFORE      4096u /* compressed bytes in front of a place that must not change */
#define MR_RESTART_MARK_MAX    (60u << 10)

typedef enum mr_restart_framing {
    MR_RESTART_RAW, /* deflate as it is, */
    MR_RESTART_ZLIB,
    MR_RESTART_GZIP,
} mr_restart_framing;

/* What a decompressor needs to go on. Offsets count from the first byte of the data. */
typedef struct mr_restart_point {
    uint64_t taken; /* compressed bytes in front of it */
    uint64_t made;  /* and what they decode to */
    bool in_piece;  /* else a piece begins here, and nothing below counts */
    mr_restart_framing framing;
    unsigned bit_count; /* of the last byte taken, the highest so many belong to what comes */
    unsigned bits;
    uint32_t check; /* the piece's checksum so far */
    uint64_t piece_taken, piece_made;
    uint32_t window_len;
    char window[MR_RESTART_WINDOW]; /* the last decoded bytes */
} mr_restart_point;

/* The same in a file of text. */
typedef struct mr_restart {
    uint32_t file; /* number among an input's files; not part of a mark */
    mr_codec codec;
    mr_transcoder transcoder; /* as it was in that place */
    uint64_t text_offset;     /* the place in the decoded stream as readers count it */
    uint32_t before;          /* sum of up to MR_RESTART_BEFORE compressed bytes in front */
    mr_restart_point point;
} mr_restart;

typedef struct mr_restarts {
    pthread_mutex_t lock;
    mr_restart slots[MR_RESTART_KEEP + 1]; /* one is being filled */
    uint32_t next, count;
} mr_restarts;

/* The table's free slot, for its filling thread only: it becomes visible by publishing. */
mr_restart *mr_restarts_slot(mr_restarts *table);
void mr_restarts_publish(mr_restarts *table);

/* Appends the mark of the last place in `file` that is not behind `text_offset`; nothing when there
 * is none. Any thread. */
MR_NODISCARD mr_code mr_restarts_mark(mr_restarts *table, uint32_t file, uint64_t text_offset,
                                      mr_buffer *to, mr_error *err);

MR_NODISCARD mr_code mr_restart_write(const mr_restart *place, mr_buffer *to, mr_error *err);

/* MR_ERR_INPUT when `mark` is no mark. `file` is left alone. */
MR_NODISCARD mr_code mr_restart_parse(mr_slice mark, mr_restart *out, mr_error *err);

/* The sum that `before` holds. */
uint32_t mr_restart_sum(mr_slice bytes);

#endif
