/* SPDX-License-Identifier: MIT */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/file_internal.h"
#include "core/mem.h"

/* Linux moves at most this much per call, and a length below it never turns negative. */
#define MAX_CALL_BYTES ((size_t)1 << 30)

/* What the reader of a message can do about it. */
static const char *remedy_of(int error_number)
{
    switch (error_number) {
    case ENOENT: return "; check the path";
    case EACCES:
    case EPERM: return "; check the permissions of the file and its directories";
    case ENOSPC:
    case EDQUOT: return "; free some space and run again";
    case EFBIG: return "; raise the file size limit (ulimit -f)";
    case EMFILE: return "; raise the limit of open files (ulimit -n)";
    case EPIPE: return " (the reader has gone)";
    case EROFS: return "; choose a target on a writable file system";
    case ETXTBSY: return "; the program in it is running";
    default: return "";
    }
}

mr_code mr_file_fail(mr_error *err, int error_number, const char *label, const char *verb)
{
    char reason[96];
    const mr_code code = error_number == ENOMEM ? MR_ERR_NOMEM : MR_ERR_IO;
    return mr_fail(err, code, "%s cannot be %s: %s%s", label, verb,
                   strerror_r(error_number, reason, sizeof reason), remedy_of(error_number));
}

mr_code mr_file_not_a_directory(const struct stat *info, const char *label, mr_error *err)
{
    if (!S_ISDIR(info->st_mode)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "%s is a directory; name a file in it", label);
}

/* --- names ------------------------------------------------------------------------------------ */

static char *copy_text(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = mr_mem_alloc(size);
    if (copy != NULL) memcpy(copy, text, size);
    return copy;
}

void mr_file_forget(mr_file *file)
{
    mr_mem_free(file->label);
    mr_mem_free(file->path);
    mr_mem_free(file->write_path);
    *file = (mr_file){0};
}

mr_code mr_file_set_names(mr_file *file, const char *label, const char *path,
                          const char *write_path, mr_error *err)
{
    char made[MR_FILE_PATH_MAX + 16];
    if (path[0] == 0) return mr_fail(err, MR_ERR_USAGE, "the path is empty; name a file");
    if (strlen(path) >= MR_FILE_PATH_MAX || strlen(write_path) >= MR_FILE_PATH_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "path '%.64s...' is longer than %d bytes", path,
                       MR_FILE_PATH_MAX - 1);
    if (label == NULL) {
        snprintf(made, sizeof made, "file '%s'", path);
        label = made;
    }
    file->label = copy_text(label);
    file->path = copy_text(path);
    file->write_path = copy_text(write_path);
    if (file->label != NULL && file->path != NULL && file->write_path != NULL) return MR_OK;
    const mr_code rc = mr_fail(err, MR_ERR_NOMEM, "no memory left to open '%.200s'", path);
    mr_file_forget(file);
    return rc;
}

static int fd_number(const char *digits)
{
    int value = 0;
    if (*digits == 0) return -1;
    for (; *digits != 0; digits++) {
        if (*digits < '0' || *digits > '9' || value > 100000) return -1;
        value = value * 10 + (*digits - '0');
    }
    return value;
}

int mr_file_path_fd(const char *path, int dash)
{
    if (strcmp(path, "-") == 0) return dash;
    if (strcmp(path, "/dev/stdin") == 0) return STDIN_FILENO;
    if (strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
    if (strncmp(path, "/dev/fd/", 8) == 0) return fd_number(path + 8);
    if (strncmp(path, "/proc/self/fd/", 14) == 0) return fd_number(path + 14);
    return -1;
}

/* --- opening and closing ---------------------------------------------------------------------- */

int mr_file_open_fd(const char *path, int flags, mode_t mode)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

bool mr_file_lock(int fd)
{
    int rc;
    do {
        rc = flock(fd, LOCK_EX | LOCK_NB);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 || errno != EWOULDBLOCK;
}

mr_code mr_file_take_fd(mr_file *file, int fd, struct stat *out_info, mr_error *err)
{
    if (fstat(fd, out_info) != 0) {
        const int reason = errno;
        if (!file->is_borrowed) close(fd);
        return mr_file_fail(err, reason, file->label, "looked at");
    }
    file->fd = fd;
    file->is_open = true;
    file->is_regular = S_ISREG(out_info->st_mode);
    return MR_OK;
}

mr_code mr_file_open(mr_file *file, const char *path, mr_error *err)
{
    struct stat info;
    *file = (mr_file){0};
    MR_TRY(mr_file_set_names(file, NULL, path, path, err));
    const int fd = mr_file_open_fd(path, O_RDONLY, 0);
    mr_code rc = fd < 0 ? mr_file_fail(err, errno, file->label, "opened")
                        : mr_file_take_fd(file, fd, &info, err);
    if (rc == MR_OK) rc = mr_file_not_a_directory(&info, file->label, err);
    if (rc != MR_OK) {
        mr_file_close(file);
        return rc;
    }
    if (file->is_regular) (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return MR_OK;
}

mr_code mr_file_borrow(mr_file *file, int fd, const char *label, mr_error *err)
{
    struct stat info;
    *file = (mr_file){.is_borrowed = true};
    MR_TRY(mr_file_set_names(file, label, label, label, err));
    mr_code rc = mr_file_take_fd(file, fd, &info, err);
    if (rc == MR_OK) rc = mr_file_not_a_directory(&info, file->label, err);
    if (rc != MR_OK) mr_file_close(file);
    return rc;
}

static void shut(mr_file *file)
{
    if (file->is_open && !file->is_borrowed) close(file->fd);
    mr_file_forget(file);
}

void mr_file_close(mr_file *file)
{
    if (file->is_open && file->is_part) (void)unlink(file->write_path);
    shut(file);
}

void mr_file_leave(mr_file *file)
{
    shut(file);
}

/* --- moving bytes ----------------------------------------------------------------------------- */

/* After a failed call: true when it is worth calling again. A descriptor that somebody made
 * non-blocking (a shell does that to a shared terminal) is waited for. */
static bool try_again(int fd, short events)
{
    if (errno == EINTR) return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
    struct pollfd wanted = {.fd = fd, .events = events};
    return poll(&wanted, 1, -1) >= 0 || errno == EINTR;
}

mr_code mr_file_read(mr_file *file, char *to, size_t cap, size_t *out_got, mr_error *err)
{
    MR_DCHECK(file->is_open);
    for (;;) {
        const ssize_t got = read(file->fd, to, cap < MAX_CALL_BYTES ? cap : MAX_CALL_BYTES);
        if (MR_LIKELY(got >= 0)) {
            *out_got = (size_t)got;
            return MR_OK;
        }
        if (!try_again(file->fd, POLLIN)) return mr_file_fail(err, errno, file->label, "read");
    }
}

mr_code mr_file_pread(const mr_file *file, uint64_t offset, char *to, size_t len, size_t *out_got,
                      mr_error *err)
{
    MR_DCHECK(file->is_open);
    size_t done = 0;
    if (offset > INT64_MAX || len > INT64_MAX - offset)
        return mr_fail(err, MR_ERR_USAGE, "%s cannot be read at byte %llu: out of range",
                       file->label, (unsigned long long)offset);
    while (done < len) {
        const size_t part = len - done < MAX_CALL_BYTES ? len - done : MAX_CALL_BYTES;
        const ssize_t got = pread(file->fd, to + done, part, (off_t)(offset + done));
        if (got == 0) break;
        if (got > 0)
            done += (size_t)got;
        else if (errno != EINTR)
            return mr_file_fail(err, errno, file->label, "read");
    }
    *out_got = done;
    return MR_OK;
}

/* Starts writing what the kernel holds, waits for nothing. Advice: whether it worked shows in the
 * sync at the end. */
static void write_behind(mr_file *file)
{
    if (!file->is_regular || file->is_borrowed ||
        file->written - file->sent < MR_FILE_WRITE_BEHIND_BYTES)
        return;
    (void)sync_file_range(file->fd, (off_t)file->sent, (off_t)(file->written - file->sent),
                          SYNC_FILE_RANGE_WRITE);
    file->sent = file->written;
}

mr_code mr_file_write(mr_file *file, mr_slice bytes, mr_error *err)
{
    MR_DCHECK(file->is_open);
    while (bytes.len > 0) {
        /* Large slices go in steps, so that the disk starts on the first while the last is copied.
         */
        const size_t part =
            bytes.len < MR_FILE_WRITE_BEHIND_BYTES ? bytes.len : MR_FILE_WRITE_BEHIND_BYTES;
        const ssize_t put = write(file->fd, bytes.ptr, part);
        if (MR_LIKELY(put > 0)) {
            file->written += (uint64_t)put;
            bytes = mr_slice_from(bytes, (size_t)put);
            write_behind(file);
        } else if (put == 0) {
            return mr_file_fail(err, ENOSPC, file->label, "written");
        } else if (!try_again(file->fd, POLLOUT)) {
            return mr_file_fail(err, errno, file->label, "written");
        }
    }
    return MR_OK;
}

mr_code mr_file_sync(mr_file *file, mr_error *err)
{
    int rc;
    if (!file->is_regular) return MR_OK;
    do {
        rc = fdatasync(file->fd);
    } while (rc != 0 && errno == EINTR);
    file->sent = file->written;
    return rc == 0 ? MR_OK : mr_file_fail(err, errno, file->label, "synced to the disk");
}

mr_code mr_file_cut(mr_file *file, uint64_t length, mr_error *err)
{
    int rc;
    do {
        rc = ftruncate(file->fd, (off_t)length);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0 || lseek(file->fd, (off_t)length, SEEK_SET) < 0)
        return mr_file_fail(err, errno, file->label, "cut");
    file->written = length;
    file->sent = length;
    return MR_OK;
}

bool mr_file_readable(const mr_file *file, int timeout_ms)
{
    if (file->is_regular) return true;
    struct pollfd wanted = {.fd = file->fd, .events = POLLIN};
    return poll(&wanted, 1, timeout_ms) != 0; /* an error is for read to report */
}

/* --- identity --------------------------------------------------------------------------------- */

static mr_identity identity_of(const struct stat *info)
{
    if (!S_ISREG(info->st_mode)) return (mr_identity){0};
    return (mr_identity){
        .device = (uint64_t)info->st_dev,
        .inode = (uint64_t)info->st_ino,
        .size_bytes = (uint64_t)info->st_size,
        .mtime_ns = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec,
    };
}

mr_code mr_file_identity(const mr_file *file, mr_identity *out, mr_error *err)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0) return mr_file_fail(err, errno, file->label, "looked at");
    *out = identity_of(&info);
    return MR_OK;
}

bool mr_identity_of_path(const char *path, mr_identity *out)
{
    struct stat info;
    if (stat(path, &info) != 0) return false;
    *out = identity_of(&info);
    return true;
}
