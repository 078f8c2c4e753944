/* SPDX-License-Identifier: MIT
 *
 * A file begins with MARK, its version and the sum of both. A record is a head (magic, length,
 * number, sum of all that and of the bytes) and its bytes. */
#include "pipeline/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crc32c.h"
#include "core/packed.h"

#define MARK          0x4c4e524au /* "JRNL" */
#define VERSION       1u
#define MAGIC         0x4b435043u /* "CPCK" */
#define SUMMED_BYTES  16u         /* of a head: all but the sum */
#define MAX_FILE_SIZE (8 * (uint64_t)MR_JOURNAL_RECORD_MAX)
#define PATH_ROOM     (MR_FILE_PATH_MAX + 16)

/* --- files --------------------------------------------------------------------------------- */

static mr_code fail(const char *dir, const char *verb, mr_error *err)
{
    return mr_fail_errno(err, errno, "checkpoints in '%s' cannot be %s", dir, verb);
}

static int open_retry(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static void path_of(const char *dir, unsigned generation, char out[PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s/journal.%u", dir, generation);
}

static bool sync_fd(int fd)
{
    int rc;
    do {
        rc = fdatasync(fd);
    } while (rc != 0 && errno == EINTR);
    return rc == 0;
}

/* A directory's entries; file systems that cannot do that say EINVAL. */
static bool sync_dir(int fd)
{
    int rc;
    do {
        rc = fsync(fd);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 || errno == EINVAL;
}

static bool read_whole(int fd, char *to, size_t len, uint64_t offset)
{
    while (len > 0) {
        const ssize_t got = pread(fd, to, len, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got, len -= (size_t)got, offset += (uint64_t)got;
    }
    return true;
}

static bool write_whole(int fd, mr_slice bytes, uint64_t offset)
{
    while (bytes.len > 0) {
        const ssize_t put = pwrite(fd, bytes.ptr, bytes.len, (off_t)offset);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            if (put == 0) errno = ENOSPC;
            return false;
        }
        bytes = mr_slice_from(bytes, (size_t)put), offset += (uint64_t)put;
    }
    return true;
}

/* --- reading ------------------------------------------------------------------------------- */

typedef struct generation {
    uint64_t length;   /* whole bytes */
    uint64_t sequence; /* of the last whole record; 0 = none */
    bool torn;
} generation;

static bool has_mark(int fd)
{
    char bytes[MR_JOURNAL_MARK_BYTES];
    if (!read_whole(fd, bytes, sizeof bytes, 0)) return false;
    mr_packed_in in = {.left = {bytes, sizeof bytes}};
    const uint32_t mark = mr_packed_u32(&in), version = mr_packed_u32(&in);
    return mark == MARK && version == VERSION &&
           mr_packed_u32(&in) == mr_crc32c(0, mr_slice_of(bytes, 8));
}

/* The record at `offset` into `into`; false when none is whole there. */
static mr_code read_record(int fd, uint64_t offset, uint64_t file_size, mr_buffer *into,
                           uint64_t *out_sequence, bool *out_whole, mr_error *err)
{
    char head[MR_JOURNAL_HEAD_BYTES];
    *out_whole = false;
    if (file_size - offset < sizeof head || !read_whole(fd, head, sizeof head, offset))
        return MR_OK;
    mr_packed_in in = {.left = {head, sizeof head}};
    const uint32_t magic = mr_packed_u32(&in), length = mr_packed_u32(&in);
    *out_sequence = mr_packed_u64(&in);
    const uint32_t sum = mr_packed_u32(&in);
    if (magic != MAGIC || length > MR_JOURNAL_RECORD_MAX ||
        length > file_size - offset - sizeof head)
        return MR_OK;
    mr_buffer_reset(into);
    MR_TRY(mr_buffer_reserve(into, length, err));
    if (!read_whole(fd, into->ptr, length, offset + sizeof head)) return MR_OK;
    into->len = length;
    *out_whole =
        sum == mr_crc32c(mr_crc32c(0, mr_slice_of(head, SUMMED_BYTES)), mr_buffer_slice(into));
    return MR_OK;
}

/* Reads one file to its last whole record, which is left in `last` when it is later than
 * `beyond`. */
static mr_code read_generation(int fd, uint64_t beyond, mr_buffer *last, mr_buffer *scratch,
                               generation *out, mr_error *err)
{
    struct stat info;
    *out = (generation){0};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return MR_OK;
    const uint64_t size = (uint64_t)info.st_size;
    out->torn = size > 0;
    if (size > MAX_FILE_SIZE || !has_mark(fd)) return MR_OK;
    out->length = MR_JOURNAL_MARK_BYTES;
    for (;;) {
        uint64_t sequence;
        bool whole;
        MR_TRY(read_record(fd, out->length, size, scratch, &sequence, &whole, err));
        if (!whole || sequence == 0 || (out->sequence != 0 && sequence != out->sequence + 1)) break;
        out->sequence = sequence;
        out->length += MR_JOURNAL_HEAD_BYTES + scratch->len;
        if (sequence <= beyond) continue;
        const mr_buffer swap = *last;
        *last = *scratch;
        *scratch = swap;
    }
    out->torn = out->length < size;
    return MR_OK;
}

/* Both files; the better one becomes the current generation, left open in j->fd. */
static mr_code find_last(mr_journal *j, int flags, mr_error *err)
{
    for (unsigned g = 0; g < 2; g++) {
        char path[PATH_ROOM];
        generation found;
        path_of(j->dir, g, path);
        const int fd = open_retry(path, flags);
        if (fd < 0 && errno == ENOENT) continue;
        if (fd < 0) return fail(j->dir, "read", err);
        const mr_code rc = read_generation(fd, j->sequence, &j->last, &j->scratch, &found, err);
        if (rc != MR_OK || found.sequence <= j->sequence) {
            close(fd);
            if (rc != MR_OK) return rc;
            continue;
        }
        if (j->fd >= 0) close(j->fd);
        j->fd = fd;
        j->generation = g;
        j->sequence = found.sequence;
        j->length = found.length;
        j->tail_torn = found.torn;
    }
    return MR_OK;
}

/* --- opening ------------------------------------------------------------------------------- */

static mr_code start(mr_journal *j, const char *dir, mr_error *err)
{
    *j = (mr_journal){.dir_fd = -1, .fd = -1};
    mr_buffer_init(&j->last, "a checkpoint", MR_JOURNAL_RECORD_MAX + MR_JOURNAL_HEAD_BYTES);
    mr_buffer_init(&j->scratch, "a checkpoint", MR_JOURNAL_RECORD_MAX + MR_JOURNAL_HEAD_BYTES);
    const int len = snprintf(j->dir, sizeof j->dir, "%s", dir);
    if (len > 0 && len < (int)sizeof j->dir - 16) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "the state directory '%.64s...' is empty or longer than %d",
                   dir, MR_FILE_PATH_MAX - 16);
}

/* The directory and those above it, each made durable in its own parent. */
static mr_code make_dirs(const char *dir, mr_error *err)
{
    char path[MR_FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s", dir);
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != 0) continue;
        const char was = *at;
        *at = 0;
        if (mkdir(path, 0700) == 0) {
            char parent[MR_FILE_PATH_MAX];
            snprintf(parent, sizeof parent, "%s", path);
            char *slash = strrchr(parent, '/');
            if (slash != NULL) *(slash == parent ? slash + 1 : slash) = 0;
            const int fd = open_retry(slash == NULL ? "." : parent, O_RDONLY | O_DIRECTORY);
            const bool synced = fd < 0 || sync_dir(fd);
            if (fd >= 0) close(fd);
            if (!synced) return fail(dir, "kept", err);
        } else if (errno != EEXIST) {
            return fail(dir, "kept", err);
        }
        *at = was;
        if (was == 0) return MR_OK;
    }
}

mr_code mr_journal_make_dir(const char *dir, mr_error *err)
{
    return make_dirs(dir, err);
}

/* True when the locked directory is still what its name leads to. */
static bool still_there(const mr_journal *j)
{
    struct stat ours, named;
    return fstat(j->dir_fd, &ours) == 0 && stat(j->dir, &named) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

static mr_code lock_dir(mr_journal *j, bool create, mr_error *err)
{
    for (int tries = 0; tries < 16; tries++) {
        if (create) MR_TRY(make_dirs(j->dir, err));
        j->dir_fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (j->dir_fd < 0 && errno == ENOENT && create) continue;
        const bool is_none = j->dir_fd < 0 && (errno == ENOENT || errno == ENOTDIR);
        if (j->dir_fd < 0) return is_none ? MR_OK : fail(j->dir, "read", err);
        if (flock(j->dir_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) break;
        if (still_there(j)) return MR_OK;
        close(j->dir_fd);
        j->dir_fd = -1;
        if (!create) return MR_OK;
    }
    return mr_fail(err, MR_ERR_CONFLICT,
                   "another run of this pipeline is going on: it holds '%s'; wait for it, or give "
                   "one of them another --state-dir or name",
                   j->dir);
}

mr_code mr_journal_open(mr_journal *j, const char *dir, bool create, bool *out_there, mr_error *err)
{
    mr_code rc = start(j, dir, err);
    if (rc == MR_OK) rc = lock_dir(j, create, err);
    *out_there = j->dir_fd >= 0;
    if (rc == MR_OK && *out_there) rc = find_last(j, O_RDWR, err);
    if (rc != MR_OK || !*out_there) mr_journal_close(j);
    return rc;
}

mr_code mr_journal_look(const char *dir, mr_buffer *out, uint64_t *out_sequence, mr_error *err)
{
    mr_journal j;
    mr_code rc = start(&j, dir, err);
    if (rc == MR_OK) rc = find_last(&j, O_RDONLY, err);
    *out_sequence = j.sequence;
    mr_buffer_reset(out);
    if (rc == MR_OK && j.sequence > 0) rc = mr_buffer_append(out, mr_buffer_slice(&j.last), err);
    mr_journal_close(&j);
    return rc;
}

void mr_journal_close(mr_journal *j)
{
    if (j->last.name == NULL) return; /* zeroed */
    if (j->fd >= 0) close(j->fd);
    if (j->dir_fd >= 0) close(j->dir_fd);
    j->fd = j->dir_fd = -1;
    mr_buffer_done(&j->last);
    mr_buffer_done(&j->scratch);
}

/* --- writing ------------------------------------------------------------------------------- */

static mr_code put_head(mr_buffer *out, uint64_t sequence, mr_slice record, mr_error *err)
{
    MR_TRY(mr_pack_u32(out, MAGIC, err));
    MR_TRY(mr_pack_u32(out, (uint32_t)record.len, err));
    MR_TRY(mr_pack_u64(out, sequence, err));
    const uint32_t sum =
        mr_crc32c(0, mr_slice_of(out->ptr + out->len - SUMMED_BYTES, SUMMED_BYTES));
    return mr_pack_u32(out, mr_crc32c(sum, record), err);
}

static mr_code put_mark(mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_pack_u32(out, MARK, err));
    MR_TRY(mr_pack_u32(out, VERSION, err));
    return mr_pack_u32(out, mr_crc32c(0, mr_slice_of(out->ptr, 8)), err);
}

/* Opens the other generation, empty: all its records are older than the current one's last. */
static mr_code begin_generation(const mr_journal *j, unsigned number, int *out_fd, mr_error *err)
{
    char path[PATH_ROOM];
    path_of(j->dir, number, path);
    *out_fd = open_retry(path, O_RDWR | O_CREAT | O_TRUNC);
    return *out_fd >= 0 ? MR_OK : fail(j->dir, "written", err);
}

/* Writes `scratch` at the end of `fd`, whose directory entry may be new. */
static mr_code store(const mr_journal *j, int fd, uint64_t at, bool is_new, mr_error *err)
{
    if (!is_new && j->tail_torn && ftruncate(fd, (off_t)at) != 0)
        return fail(j->dir, "written", err);
    if (!write_whole(fd, mr_buffer_slice(&j->scratch), at) || !sync_fd(fd) ||
        (is_new && !sync_dir(j->dir_fd))) {
        const mr_code rc = fail(j->dir, "written", err);
        if (ftruncate(fd, (off_t)at) != 0) errno = 0; /* a torn tail is ignored all the same */
        return rc;
    }
    return MR_OK;
}

mr_code mr_journal_append(mr_journal *j, mr_slice record, mr_error *err)
{
    const uint64_t most = mr_max_u64(MR_JOURNAL_GENERATION_BYTES, 4 * (uint64_t)record.len);
    const bool is_new = j->fd < 0 || j->length + record.len > most;
    const unsigned number = j->fd < 0 ? 0 : is_new ? 1 - j->generation : j->generation;
    int fd = j->fd;
    if (record.len > MR_JOURNAL_RECORD_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "a checkpoint of %zu bytes is too large, at most %zu",
                       record.len, MR_JOURNAL_RECORD_MAX);
    mr_buffer_reset(&j->scratch);
    if (is_new) MR_TRY(put_mark(&j->scratch, err));
    MR_TRY(put_head(&j->scratch, j->sequence + 1, record, err));
    MR_TRY(mr_buffer_append(&j->scratch, record, err));
    if (is_new) MR_TRY(begin_generation(j, number, &fd, err));
    const uint64_t at = is_new ? 0 : j->length;
    const mr_code rc = store(j, fd, at, is_new, err);
    if (rc != MR_OK) {
        if (is_new) close(fd);
        j->tail_torn = j->tail_torn || !is_new;
        return rc;
    }
    if (is_new && j->fd >= 0) close(j->fd);
    j->fd = fd;
    j->generation = number;
    j->length = at + j->scratch.len;
    j->sequence++;
    j->tail_torn = false;
    return MR_OK;
}

mr_code mr_journal_remove(mr_journal *j, mr_error *err)
{
    /* The older one first: a kill in between leaves the last record or nothing. */
    const unsigned order[2] = {1 - j->generation, j->generation};
    mr_code rc = MR_OK;
    for (int i = 0; i < 2 && rc == MR_OK; i++) {
        char path[PATH_ROOM];
        path_of(j->dir, order[i], path);
        if (unlink(path) != 0 && errno != ENOENT) rc = fail(j->dir, "removed", err);
    }
    if (rc == MR_OK && rmdir(j->dir) != 0 && errno != ENOENT && errno != ENOTEMPTY)
        rc = fail(j->dir, "removed", err);
    mr_journal_close(j);
    return rc;
}
