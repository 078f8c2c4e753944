/* SPDX-License-Identifier: MIT
 *
 * Everything that opens a file for writing; core/file.c does the rest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_internal.h"

#define MAX_LINKS 40 /* as the kernel's own limit */
#define MAX_RACES 16 /* another process keeps replacing the .part under our hands */

/* --- where a path leads ----------------------------------------------------------------------- */

/* One link: `path` becomes what it points to. False with errno set. */
static bool follow_link(char path[MR_FILE_PATH_MAX])
{
    char link[MR_FILE_PATH_MAX];
    const ssize_t len = readlink(path, link, sizeof link - 1);
    if (len < 0) return false;
    link[len] = 0;
    const char *slash = strrchr(path, '/');
    const size_t dir_len = link[0] == '/' || slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (dir_len + (size_t)len >= MR_FILE_PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(path + dir_len, link, (size_t)len + 1);
    return true;
}

/* Copies `path` with links of its last component resolved, also a link to a file that does not
 * exist yet. *out_exists and *info tell what is there. */
static mr_code resolve(const char *path, char out[MR_FILE_PATH_MAX], bool *out_exists,
                       struct stat *info, mr_error *err)
{
    char label[MR_FILE_PATH_MAX + 16];
    const int len = snprintf(out, MR_FILE_PATH_MAX, "%s", path);
    if (len <= 0 || len > MR_FILE_PATH_MAX - (int)sizeof ".part")
        return mr_fail(err, MR_ERR_USAGE, "path '%.64s' is empty or longer than %d bytes", path,
                       MR_FILE_PATH_MAX - (int)sizeof ".part");
    snprintf(label, sizeof label, "file '%s'", path);
    for (int links = 0; links < MAX_LINKS; links++) {
        *out_exists = lstat(out, info) == 0;
        if (!*out_exists && errno != ENOENT) return mr_file_fail(err, errno, label, "written");
        if (!*out_exists || !S_ISLNK(info->st_mode)) return MR_OK;
        if (!follow_link(out)) return mr_file_fail(err, errno, label, "written");
    }
    return mr_file_fail(err, ELOOP, label, "written");
}

/* Names of a file whose .part is to be written, after checking what stands at the target. */
static mr_code begin_part(mr_file *file, const char *path, bool *out_exists, struct stat *info,
                          mr_error *err)
{
    char target[MR_FILE_PATH_MAX], part[MR_FILE_PATH_MAX + sizeof ".part"];
    *file = (mr_file){0};
    MR_TRY(resolve(path, target, out_exists, info, err));
    snprintf(part, sizeof part, "%s.part", target);
    MR_TRY(mr_file_set_names(file, NULL, target, part, err));
    if (!*out_exists || S_ISREG(info->st_mode)) return MR_OK;
    mr_code rc = mr_file_not_a_directory(info, file->label, err);
    if (rc == MR_OK)
        rc = mr_fail(err, MR_ERR_USAGE, "%s is not a regular file; write to it in place",
                     file->label);
    mr_file_forget(file);
    return rc;
}

/* --- making the .part ------------------------------------------------------------------------- */

static mr_code in_use(const mr_file *file, mr_error *err)
{
    return mr_fail(err, MR_ERR_CONFLICT, "%s is being written by another process",
                   file->write_path);
}

/* True when `fd` is still what the .part's name leads to: between making and locking it another
 * process may have taken it for stale. */
static bool still_there(const mr_file *file, int fd)
{
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && lstat(file->write_path, &named) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/* Takes away a .part that no living writer holds. */
static mr_code remove_stale(const mr_file *file, mr_error *err)
{
    /* Not a plain file, or not ours to read: unlink decides, and follows no link. */
    const int fd = mr_file_open_fd(file->write_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    const bool is_free = fd < 0 || mr_file_lock(fd);
    mr_code rc = MR_OK;
    if (!is_free)
        rc = in_use(file, err);
    else if (fd >= 0 && !still_there(file, fd))
        rc = MR_OK; /* replaced meanwhile: look again */
    else if (unlink(file->write_path) != 0 && errno != ENOENT)
        rc = mr_file_fail(err, errno, file->write_path, "replaced");
    if (fd >= 0) close(fd);
    return rc;
}

static mr_code make_part(mr_file *file, mode_t mode, int *out_fd, mr_error *err)
{
    for (int races = 0; races < MAX_RACES; races++) {
        const int fd = mr_file_open_fd(file->write_path, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (fd >= 0) {
            if (mr_file_lock(fd) && still_there(file, fd)) {
                *out_fd = fd;
                return MR_OK;
            }
            close(fd);
            return in_use(file, err);
        }
        if (errno != EEXIST) return mr_file_fail(err, errno, file->label, "created");
        MR_TRY(remove_stale(file, err));
    }
    return in_use(file, err);
}

mr_code mr_file_create_beside(mr_file *file, const char *path, mr_error *err)
{
    struct stat old = {0}, info;
    bool exists = false;
    int fd = -1;
    MR_TRY(begin_part(file, path, &exists, &old, err));
    mr_code rc = make_part(file, exists ? 0600 : 0666, &fd, err);
    if (rc == MR_OK) rc = mr_file_take_fd(file, fd, &info, err);
    if (rc != MR_OK) {
        mr_file_forget(file);
        return rc;
    }
    file->is_part = true;
    if (exists) {
        /* Keeping the owner needs privileges and is a courtesy; keeping the mode is a promise. */
        if ((old.st_uid != info.st_uid || old.st_gid != info.st_gid) &&
            fchown(fd, old.st_uid, old.st_gid) != 0)
            errno = 0;
        if (fchmod(fd, old.st_mode & 0777) != 0) {
            rc = mr_file_fail(err, errno, file->label, "given its old mode");
            mr_file_close(file);
        }
    }
    return rc;
}

mr_code mr_file_resume_beside(mr_file *file, const char *path, uint64_t length, mr_error *err)
{
    struct stat old = {0}, info;
    bool exists = false;
    MR_TRY(begin_part(file, path, &exists, &old, err));
    const int fd = mr_file_open_fd(file->write_path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    mr_code rc = MR_OK;
    if (fd < 0 && errno == ENOENT)
        rc = mr_fail(err, MR_ERR_CONFLICT, "%s is missing, so the run cannot be resumed",
                     file->write_path);
    else if (fd < 0)
        rc = mr_file_fail(err, errno, file->write_path, "opened");
    if (rc == MR_OK) rc = mr_file_take_fd(file, fd, &info, err);
    if (rc == MR_OK && !mr_file_lock(fd)) rc = in_use(file, err);
    if (rc == MR_OK && (!file->is_regular || (uint64_t)info.st_size < length))
        rc = mr_fail(err, MR_ERR_CONFLICT,
                     "%s holds %lld bytes where the checkpoint says %llu, so the run cannot be "
                     "resumed",
                     file->write_path, (long long)info.st_size, (unsigned long long)length);
    if (rc == MR_OK) rc = mr_file_cut(file, length, err);
    if (rc != MR_OK)
        mr_file_leave(file);
    else
        file->is_part = true;
    return rc;
}

/* --- publishing ------------------------------------------------------------------------------- */

/* Makes the rename itself durable. */
static mr_code sync_directory(const char *path, const char *label, const char *verb, mr_error *err)
{
    char dir[MR_FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int len = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    snprintf(dir, sizeof dir, "%.*s", len, slash == NULL ? "." : path);
    const int fd = mr_file_open_fd(dir, O_RDONLY | O_DIRECTORY, 0);
    /* A directory we may write to but not read is legal, and cannot be synced. */
    if (fd < 0) return errno == EACCES ? MR_OK : mr_file_fail(err, errno, label, verb);
    const int rc = fsync(fd);
    const int reason = errno;
    close(fd);
    if (rc != 0 && reason != EINVAL && reason != EROFS)
        return mr_file_fail(err, reason, label, verb);
    return MR_OK;
}

mr_code mr_file_sync_name(const mr_file *file, mr_error *err)
{
    return file->is_regular
               ? sync_directory(file->write_path, file->label, "synced to the disk", err)
               : MR_OK;
}

mr_code mr_file_replace(mr_file *file, mr_error *err)
{
    MR_DCHECK(file->is_open && file->is_part);
    MR_TRY(mr_file_sync(file, err));
    if (rename(file->write_path, file->path) != 0)
        return mr_file_fail(err, errno, file->label, "published");
    file->is_part = false;
    const mr_code rc = sync_directory(file->path, file->label, "published", err);
    mr_file_close(file);
    return rc;
}

/* --- writing to the target itself ------------------------------------------------------------- */

bool mr_file_is_special(const char *path)
{
    struct stat info;
    if (mr_file_path_fd(path, STDOUT_FILENO) >= 0) return true;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/* Before open(2), which would make or empty things or wait for a pipe's reader. */
static mr_code check_target(const char *path, mr_error *err)
{
    struct stat info;
    char label[MR_FILE_PATH_MAX + 16];
    if (stat(path, &info) != 0) return MR_OK; /* open has the better message */
    snprintf(label, sizeof label, "file '%s'", path);
    return mr_file_not_a_directory(&info, label, err);
}

static mr_code open_target(mr_file *file, const char *path, int flags, struct stat *info,
                           mr_error *err)
{
    *file = (mr_file){0};
    MR_TRY(check_target(path, err));
    MR_TRY(mr_file_set_names(file, NULL, path, path, err));
    const int fd = mr_file_open_fd(path, O_WRONLY | O_CREAT | flags, 0666);
    const mr_code rc = fd < 0 ? mr_file_fail(err, errno, file->label, "opened for writing")
                              : mr_file_take_fd(file, fd, info, err);
    if (rc != MR_OK) mr_file_forget(file);
    return rc;
}

mr_code mr_file_open_in_place(mr_file *file, const char *path, mr_error *err)
{
    struct stat info;
    return open_target(file, path, O_TRUNC, &info, err);
}

mr_code mr_file_open_append(mr_file *file, const char *path, mr_error *err)
{
    struct stat info;
    const bool is_new = access(path, F_OK) != 0;
    MR_TRY(open_target(file, path, 0, &info, err));
    mr_code rc = MR_OK;
    if (!file->is_regular)
        rc = mr_fail(err, MR_ERR_USAGE, "%s is not a regular file and cannot be appended to",
                     file->label);
    else if (!mr_file_lock(file->fd))
        rc = in_use(file, err);
    if (rc == MR_OK) {
        const off_t end = lseek(file->fd, 0, SEEK_END);
        if (end < 0) rc = mr_file_fail(err, errno, file->label, "appended to");
        file->written = end < 0 ? 0 : (uint64_t)end;
        file->sent = file->written;
        file->is_new = is_new;
    }
    if (rc != MR_OK) mr_file_close(file);
    return rc;
}
