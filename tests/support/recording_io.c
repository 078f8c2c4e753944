/* SPDX-License-Identifier: MIT
 *
 * A shared library that is loaded into the program under test and writes down what it does to
 * files, for support/power_cut.h. Like failing_io.c it is no part of the tests' own library. */
#include "support/power_cut.h"

#include <fcntl.h>
#include <pthread.h>
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
static uint64_t numbered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char old[BYTES_MAX];

__attribute__((constructor)) static void open_record(void)
{
    const char *path = getenv(POWER_CUT_ENV);
    if (path != NULL) record = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
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
    if (fstat(fd, &info) != 0 || reach > BYTES_MAX) abort();
    power_cut_record entry = {.kind = kind, .offset = offset, .size = info.st_size, .len = len};
    const ssize_t before = reach > 0 ? pread(fd, old, reach, offset) : 0;
    entry.before = before > 0 ? (uint64_t)before : 0;
    put(&entry, path, bytes);
}

static int synced(int fd, long call)
{
    char path[PATH_ROOM];
    if (!path_of(fd, path)) return (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    power_cut_record entry = {.kind = POWER_CUT_SYNC, .upto = numbered};
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

/* What is removed has no past: a file of the same name is another one. */
EXPORTED int unlink(const char *name)
{
    char path[PATH_ROOM];
    if (record >= 0 && realpath(name, path) != NULL) {
        pthread_mutex_lock(&lock);
        put(&(power_cut_record){.kind = POWER_CUT_SYNC, .upto = numbered}, path, NULL);
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_unlink, name);
}
/* NOLINTEND(readability-inconsistent-*) */
