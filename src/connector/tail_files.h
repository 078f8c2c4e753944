/* SPDX-License-Identifier: MIT
 *
 * connector/tail_files.h - files that grow, known by what they are and not by what they are called.
 *
 *     app.log    |-------delivered-------|--news--|half a li        device, inode and the sum of
 * the ^head: 1 KiB           ^offset           ^size    head tell it from any other
 *
 *     what happens                   is seen by                     then
 *     lines are added                its size                       they are read
 *     rename, a new file there       another inode at the path      the old one is read to its end,
 * for removal                        no file at the path              `rotate_wait`, then the new
 * one rename to what matches, too    the inode                      it goes on under its new name
 *     cut and written anew           a smaller size, or another     it is read from its start
 *                                    head
 *
 * What a writer adds to an old file after rotate_wait, and what it cuts off before it was read, is
 * lost; both are told where they show.
 *
 * Thread: owned by one. */
#ifndef MR_CONNECTOR_TAIL_FILES_H
#define MR_CONNECTOR_TAIL_FILES_H

#include "core/arena.h"
#include "core/buffer.h"

#define MR_TAIL_FILES_MAX  1000
#define MR_TAIL_HEAD_BYTES 1024
#define MR_TAIL_PIECE      ((size_t)256 << 10) /* read at a time, more only for longer lines */

/* Where reading stands in a file. All zero: at its start. */
typedef struct mr_tail_place {
    uint64_t offset;
    uint64_t record, line; /* before it */
    uint32_t state;        /* of the reader */
    bool started;          /* what comes before the data (a header) has been passed */
} mr_tail_place;

typedef struct mr_tail_file {
    char *path; /* as it was last called */
    int fd;
    uint64_t device, inode;
    uint32_t head_len, head_sum;
    mr_tail_place at, home; /* home: where this run began with it */
    uint64_t size;
    int64_t mtime_ns;
    uint64_t looked; /* bytes up to here have been looked at: without more of them, nothing comes */
    size_t want;     /* read at a time: at least a line */
    bool is_stuck;   /* as many bytes as the largest record may have gave nothing */
    int64_t news_ns; /* when it last grew */
    bool seen;       /* by the scan that is going on */
    bool is_gone;    /* nothing has its name any more */
    bool is_final;   /* and nobody adds to it: its end is the end of a record */
    bool is_refused; /* told that it is nothing to follow */
} mr_tail_file;

typedef struct mr_tail_files {
    const char *pattern; /* a path or a pattern; borrowed */
    bool from_end;       /* files that are there at first are read from their end */
    int64_t rotate_wait_ns;
    void (*warn)(void *context, const char *text); /* may be NULL */
    void *warn_context;
    mr_tail_file *items;
    uint32_t count, room, turn;
    bool has_scanned;
    mr_arena names; /* of one scan */
} mr_tail_files;

/* The options are set by the caller, the rest is zero. */
void mr_tail_files_init(mr_tail_files *files);
void mr_tail_files_done(mr_tail_files *files);

/* Looks what the pattern names now: new files, other files, files that are gone. MR_ERR_LIMIT for
 * more than MR_TAIL_FILES_MAX. */
MR_NODISCARD mr_code mr_tail_files_scan(mr_tail_files *files, mr_error *err);

/* Looks at the sizes of all files. */
void mr_tail_files_look(mr_tail_files *files);

/* The next file that has something to read, in turn; NULL = none has. Files that are over are
 * closed and forgotten here, unless `keep`. */
mr_tail_file *mr_tail_files_next(mr_tail_files *files, bool keep);

/* Something is known of `file` that its writer has not finished: bytes without a line end. */
MR_INLINE bool mr_tail_file_has_rest(const mr_tail_file *file)
{
    return file->size > file->at.offset;
}

/* Reads up to `want` bytes at the file's place to `to`, replacing what is there. */
MR_NODISCARD mr_code mr_tail_file_read(mr_tail_file *file, mr_buffer *to, mr_error *err);

/* Reading took `taken` of the `got` bytes at the file's place, with so many records and lines;
 * `more`: it stopped for another reason than the end of the bytes. `largest`: no record needs more
 * than so many bytes. */
void mr_tail_file_taken(mr_tail_file *file, size_t taken, size_t got, bool more, size_t largest);

/* All files go back to where this run began with them. */
void mr_tail_files_go_home(mr_tail_files *files);

/* --- positions -------------------------------------------------------------------------------- */

/* Appends where every file stands. */
MR_NODISCARD mr_code mr_tail_files_write(const mr_tail_files *files, mr_buffer *to, mr_error *err);

/* Goes on where an earlier run stood: before the first scan. A file that was renamed meanwhile is
 * looked for in its directory. What is not there any more is told as a warning, for what was added
 * to it behind the position cannot be read. MR_ERR_INPUT when `position` is none. */
MR_NODISCARD mr_code mr_tail_files_restore(mr_tail_files *files, mr_slice position, mr_error *err);

#endif
