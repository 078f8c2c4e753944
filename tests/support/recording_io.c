/* SPDX-License-Identifier: MIT
 *
 * A shared library that is loaded into the program under test and writes down what it does to
 * files, for support/power_cut.h. Like failing_io.c it is no part of the tests' own library. */
#include "support/power_cut.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORTED  __attribute__((visibility("default")))
#define BYTES_MAX (1u << 20) /* of one change; SQLite writes pages */
#define PATH_ROOM 4096       /* PATH_MAX, as realpath() wants */

static int record = -1;
static const char *record_path, *under; /* under: POWER_CUT_UNDER_ENV */
static uint64_t numbered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char old[BYTES_MAX];

__attribute__((constructor)) static void open_record(void)
{
    record_path = getenv(POWER_CUT_ENV);
    under = getenv(POWER_CUT_UNDER_ENV);
    if (record_path == NULL) return;
    record = (int)syscall(SYS_openat, AT_FDCWD, record_path,
                          O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static bool is_under(const char *path)
{
    const size_t len = under != NULL ? strlen(under) : 0;
    return len > 0 && strncmp(path, under, len) == 0 && (path[len] == '/' || path[len] == 0);
}

/* The path by which a file is known whatever its name is: a link that is made when it is first met.
 * Shared memory of SQLite is not kept over a power cut. */
static bool anchor_of(int fd, char path[PATH_ROOM])
{
    char link[64];
    struct stat info;
    const size_t len = strlen(path);
    if (!is_under(path) || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return false;
    if (len > 4 && strcmp(path + len - 4, "-shm") == 0) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    snprintf(path, PATH_ROOM, "%s.d/%lu", record_path, (unsigned long)info.st_ino);
    if (access(path, F_OK) == 0) return true;
    return linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

/* The inode that `path` names, with a link to it; 0 for none. */
static ino_t anchor_name(const char *path)
{
    char anchor[PATH_ROOM];
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode)) return 0;
    snprintf(anchor, sizeof anchor, "%s.d/%lu", record_path, (unsigned long)info.st_ino);
    return access(anchor, F_OK) == 0 || link(path, anchor) == 0 ? info.st_ino : 0;
}

/* The path of a file that survives a power cut; false for sockets, logs and shared memory. */
static bool path_of(int fd, char path[PATH_ROOM])
{
    static const char *const kept[] = {".db", "-wal", "-journal"};
    char link[64];
    if (record < 0 || fd == record) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, path, PATH_ROOM - 1);
    path[len > 0 ? len : 0] = 0;
    if (under != NULL) return anchor_of(fd, path);
    for (unsigned i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const size_t end = strlen(kept[i]);
        if ((size_t)len > end && strcmp(path + len - end, kept[i]) == 0) return true;
    }
    return false;
}

static void put(power_cut_record *entry, const char *path, const void *bytes)
{
    entry->path_len = (uint32_t)strlen(path);
    entry->number = ++numbered;
    const struct iovec parts[] = {
        {entry, sizeof *entry},
        {(void *)(uintptr_t)path, entry->path_len},
        {old, entry->before},
        {(void *)(uintptr_t)bytes, entry->len},
    };
    if (syscall(SYS_writev, record, parts, 4) < 0) abort();
}

/* Fills `old` with what is in the file at `offset` now. */
static void put_change(int fd, const char *path, uint32_t kind, const void *bytes, size_t len,
                       int64_t offset, size_t reach)
{
    struct stat info = {0};
    if (fstat(fd, &info) != 0) abort();
    if (offset >= info.st_size) reach = 0;
    if (offset + (int64_t)reach > info.st_size) reach = (size_t)(info.st_size - offset);
    if (reach > BYTES_MAX) abort();
    power_cut_record entry = {.kind = kind, .offset = offset, .size = info.st_size, .len = len};
    const ssize_t before = reach > 0 ? pread(fd, old, reach, offset) : 0;
    entry.before = before > 0 ? (uint64_t)before : 0;
    put(&entry, path, bytes);
}

/* A directory under `under`: its names are what is synced. */
static bool is_directory(int fd, char path[PATH_ROOM])
{
    char link[64];
    struct stat info;
    if (record < 0 || under == NULL || fstat(fd, &info) != 0 || !S_ISDIR(info.st_mode))
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, path, PATH_ROOM - 1);
    path[len > 0 ? len : 0] = 0;
    return is_under(path);
}

static int synced(int fd, long call)
{
    char path[PATH_ROOM];
    const bool of_names = is_directory(fd, path);
    if (!of_names && !path_of(fd, path)) return (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    power_cut_record entry = {.kind = of_names ? POWER_CUT_SYNC_NAMES : POWER_CUT_SYNC,
                              .upto = numbered};
    pthread_mutex_unlock(&lock);
    const int rc = (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    if (rc == 0) put(&entry, path, NULL);
    pthread_mutex_unlock(&lock);
    return rc;
}

/* NOLINTBEGIN(readability-inconsistent-*): glibc's own names of parameters are not for us */
EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    char path[PATH_ROOM];
    if (!path_of(fd, path)) return syscall(SYS_pwrite64, fd, bytes, len, offset);
    pthread_mutex_lock(&lock);
    put_change(fd, path, POWER_CUT_WRITE, bytes, len, offset, len);
    const ssize_t done = syscall(SYS_pwrite64, fd, bytes, len, offset);
    pthread_mutex_unlock(&lock);
    return done;
}

EXPORTED ssize_t write(int fd, const void *bytes, size_t len)
{
    char path[PATH_ROOM];
    if (under == NULL || !path_of(fd, path)) return syscall(SYS_write, fd, bytes, len);
    pthread_mutex_lock(&lock);
    const bool appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
    const off_t offset = lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    put_change(fd, path, POWER_CUT_WRITE, bytes, len, offset, len);
    const ssize_t done = syscall(SYS_write, fd, bytes, len);
    pthread_mutex_unlock(&lock);
    return done;
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return pwrite64(fd, bytes, len, offset);
}

EXPORTED int ftruncate64(int fd, off64_t len)
{
    char path[PATH_ROOM];
    struct stat info;
    if (!path_of(fd, path) || fstat(fd, &info) != 0) return (int)syscall(SYS_ftruncate, fd, len);
    pthread_mutex_lock(&lock);
    /* What is cut off is not kept when it is long: then it counts as safe. */
    const int64_t cut = info.st_size - len;
    if (cut <= BYTES_MAX)
        put_change(fd, path, POWER_CUT_TRUNCATE, NULL, 0, len, cut > 0 ? (size_t)cut : 0);
    else
        put(&(power_cut_record){.kind = POWER_CUT_SYNC, .upto = numbered}, path, NULL);
    const int rc = (int)syscall(SYS_ftruncate, fd, len);
    pthread_mutex_unlock(&lock);
    return rc;
}

EXPORTED int ftruncate(int fd, off_t len)
{
    return ftruncate64(fd, len);
}

EXPORTED int fsync(int fd)
{
    return synced(fd, SYS_fsync);
}

EXPORTED int fdatasync(int fd)
{
    return synced(fd, SYS_fdatasync);
}

/* The absolute path of a name whose last part may not be there; false when it is none of ours. */
static bool full_name(const char *name, char path[PATH_ROOM])
{
    char dir[PATH_ROOM], real[PATH_ROOM];
    const char *slash = strrchr(name, '/');
    if (record < 0 || under == NULL) return false;
    snprintf(dir, sizeof dir, "%.*s",
             slash == NULL   ? 1
             : slash == name ? 1
                             : (int)(slash - name),
             slash == NULL ? "." : name);
    if (realpath(dir, real) == NULL) return false;
    return snprintf(path, PATH_ROOM, "%s/%s", real, slash == NULL ? name : slash + 1) < PATH_ROOM &&
           is_under(path);
}

/* A file that is opened may be made, or emptied. */
static int opened(int dir, const char *name, int flags, mode_t mode)
{
    char path[PATH_ROOM], anchor[PATH_ROOM];
    struct stat info;
    const bool ours =
        dir == AT_FDCWD && (flags & (O_CREAT | O_TRUNC)) != 0 && full_name(name, path);
    if (!ours) return (int)syscall(SYS_openat, dir, name, flags, mode);
    pthread_mutex_lock(&lock);
    const bool was_there = lstat(path, &info) == 0;
    int fd = (int)syscall(SYS_openat, dir, name, flags & ~O_TRUNC, mode);
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && path_of(fd, anchor)) {
        if (!was_there)
            put(&(power_cut_record){.kind = POWER_CUT_MAKE, .offset = (int64_t)info.st_ino}, path,
                NULL);
        pthread_mutex_unlock(&lock);
        if (was_there && (flags & O_TRUNC) != 0 && ftruncate(fd, 0) != 0) abort();
        return fd;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

EXPORTED int open64(const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return opened(AT_FDCWD, name, flags, mode);
}

EXPORTED int open(const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return opened(AT_FDCWD, name, flags, mode);
}

EXPORTED int rename(const char *from, const char *to)
{
    char old_path[PATH_ROOM], new_path[PATH_ROOM];
    if (!full_name(from, old_path) || !full_name(to, new_path))
        return (int)syscall(SYS_rename, from, to);
    pthread_mutex_lock(&lock);
    power_cut_record entry = {.kind = POWER_CUT_RENAME,
                              .offset = (int64_t)anchor_name(old_path),
                              .size = (int64_t)anchor_name(new_path),
                              .len = strlen(new_path)};
    if (entry.offset != 0) put(&entry, old_path, new_path);
    const int rc = (int)syscall(SYS_rename, from, to);
    pthread_mutex_unlock(&lock);
    return rc;
}

/* What is removed has no past: a file of the same name is another one. */
EXPORTED int unlink(const char *name)
{
    char path[PATH_ROOM];
    if (full_name(name, path)) {
        pthread_mutex_lock(&lock);
        const ino_t inode = anchor_name(path);
        if (inode != 0)
            put(&(power_cut_record){.kind = POWER_CUT_REMOVE, .offset = (int64_t)inode}, path,
                NULL);
        pthread_mutex_unlock(&lock);
        return (int)syscall(SYS_unlink, name);
    }
    if (under == NULL && record >= 0 && realpath(name, path) != NULL) {
        pthread_mutex_lock(&lock);
        put(&(power_cut_record){.kind = POWER_CUT_SYNC, .upto = numbered}, path, NULL);
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_unlink, name);
}
/* NOLINTEND(readability-inconsistent-*) */
