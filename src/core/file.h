/* SPDX-License-Identifier: MIT
 *
 * core/file.h - a descriptor with a name, and the one safe way to replace a file.
 *
 * A zeroed mr_file is closed. Every error names the file and, where there is one, the remedy.
 *
 * Replacing: mr_file_create_beside() writes to PATH.part in the target's own directory,
 * mr_file_replace() syncs it and renames it onto the target. Whoever looks sees the old file or the
 * new one, never half of one, also after a crash:
 *
 *     out.csv        old                    old                    new
 *     out.csv.part         aaaa    aaaabbbb (fdatasync)   rename ^
 *
 * A .part is locked (flock) while its writer lives, so one left by a dead run is replaced and one
 * of a running process is MR_ERR_CONFLICT. A target that is a symbolic link stays one: the file it
 * points to is replaced.
 *
 * The process ignores SIGPIPE (and SIGXFSZ, where file sizes are limited): both arrive as errors.
 *
 * Thread: owned by one thread; mr_file_pread() and mr_file_identity() may be called by many. */
#ifndef MR_CORE_FILE_H
#define MR_CORE_FILE_H

#include "core/error.h"

#define MR_FILE_PATH_MAX           4096       /* bytes of a path, ".part" and NUL included */
#define MR_FILE_WRITE_BEHIND_BYTES (8u << 20) /* written data is sent to the disk this often */

/* What tells one state of a file from another. All 0 for a pipe or a device. */
typedef struct mr_identity {
    uint64_t device;
    uint64_t inode;
    uint64_t size_bytes;
    int64_t mtime_ns;
} mr_identity;

typedef struct mr_file {
    int fd; /* valid while is_open: 0 is a good descriptor */
    bool is_open;
    bool is_borrowed; /* not ours to close */
    bool is_regular;
    bool is_part;     /* `write_path` is a .part: closing without replacing removes it */
    bool is_new;      /* appending: there was no file before */
    uint64_t written; /* position of the next write of a regular file, else bytes written */
    uint64_t sent;    /* up to here writing to the disk has been started */
    char *label;      /* "file 'a.csv'" or "standard output"; owned, as are the paths */
    char *path;       /* the file meant, links of the last component resolved when writing */
    char *write_path; /* what is open: `path` or the .part */
} mr_file;

/* Opens for reading from the start. A directory is MR_ERR_USAGE. */
MR_NODISCARD mr_code mr_file_open(mr_file *file, const char *path, mr_error *err);

/* Takes a descriptor that is open already, such as 0 or 1, and never closes it. `label` is how
 * errors call it; copied. */
MR_NODISCARD mr_code mr_file_borrow(mr_file *file, int fd, const char *label, mr_error *err);

/* Opens `path`.part for writing, empty. A new target gets mode 0666 less the umask, an existing one
 * keeps its mode and, where permitted, its owner. Targets that are no regular file are
 * MR_ERR_USAGE.
 */
MR_NODISCARD mr_code mr_file_create_beside(mr_file *file, const char *path, mr_error *err);

/* Opens the `path`.part that an earlier run left, cut to its first `length` bytes; writing goes on
 * there. MR_ERR_CONFLICT when it is missing or shorter. */
MR_NODISCARD mr_code mr_file_resume_beside(mr_file *file, const char *path, uint64_t length,
                                           mr_error *err);

/* Publishes what was written: fdatasync, rename onto the target, fsync of the directory. Closes the
 * file on success; after a failure mr_file_close() removes the .part and the old target stands. */
MR_NODISCARD mr_code mr_file_replace(mr_file *file, mr_error *err);

/* Something that is written to as it is, without .part: what is there and is no regular file and no
 * directory, or one of the descriptors that /dev names. */
bool mr_file_is_special(const char *path);

/* Opens for writing what is at `path` itself: pipes, devices, or a regular file, which is emptied.
 */
MR_NODISCARD mr_code mr_file_open_in_place(mr_file *file, const char *path, mr_error *err);

/* Opens (or makes) the regular file `path` and continues at its end; `written` tells its old size.
 * Locked against a second writer (MR_ERR_CONFLICT). */
MR_NODISCARD mr_code mr_file_open_append(mr_file *file, const char *path, mr_error *err);

/* Closes. A .part that was not published is removed. Harmless on a zeroed or closed file. */
void mr_file_close(mr_file *file);

/* Closes and leaves a .part for mr_file_resume_beside(). */
void mr_file_leave(mr_file *file);

/* Reads up to `cap` bytes; *out_got 0 is the end. Waits on a descriptor that would block. */
MR_NODISCARD mr_code mr_file_read(mr_file *file, char *to, size_t cap, size_t *out_got,
                                  mr_error *err);

/* Reads `len` bytes from `offset`, fewer only at the end of the file. Any thread. */
MR_NODISCARD mr_code mr_file_pread(const mr_file *file, uint64_t offset, char *to, size_t len,
                                   size_t *out_got, mr_error *err);

/* Writes all of `bytes`. Every MR_FILE_WRITE_BEHIND_BYTES the disk is set to work on them, so that
 * the sync at the end is short. */
MR_NODISCARD mr_code mr_file_write(mr_file *file, mr_slice bytes, mr_error *err);

/* What was written is on the disk when this returns; nothing to do for pipes and devices. */
MR_NODISCARD mr_code mr_file_sync(mr_file *file, mr_error *err);

/* That a file of this name is there is on the disk, too, which syncing the file alone does not
 * promise: for a .part that somebody is to find after a power cut. */
MR_NODISCARD mr_code mr_file_sync_name(const mr_file *file, mr_error *err);

/* Cuts a regular file that is being written to `length` bytes and goes on there. */
MR_NODISCARD mr_code mr_file_cut(mr_file *file, uint64_t length, mr_error *err);

/* Waits up to `timeout_ms` (0 = just look, -1 = for ever); true when a read will not block. */
bool mr_file_readable(const mr_file *file, int timeout_ms);

/* What is open now. */
MR_NODISCARD mr_code mr_file_identity(const mr_file *file, mr_identity *out, mr_error *err);

/* What `path` names now, links followed; false when it cannot be looked at. */
bool mr_identity_of_path(const char *path, mr_identity *out);

/* The same regular file, whatever its contents are now. */
MR_INLINE bool mr_identity_same_file(const mr_identity *a, const mr_identity *b)
{
    return a->inode != 0 && a->inode == b->inode && a->device == b->device;
}

/* The same file with the same size and time of change. */
MR_INLINE bool mr_identity_equal(const mr_identity *a, const mr_identity *b)
{
    return a->inode == b->inode && a->device == b->device && a->size_bytes == b->size_bytes &&
           a->mtime_ns == b->mtime_ns;
}

/* The descriptor that "-", /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N or /proc/self/fd/N
 * stands for; `dash` is the one of "-". -1 for every other path. */
int mr_file_path_fd(const char *path, int dash);

#endif
