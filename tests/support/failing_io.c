/* SPDX-License-Identifier: MIT
 *
 * A shared library of its own, not part of the tests' library: it is loaded into the program under
 * test. It goes to the kernel itself, so that it needs no library to be ready. */
#include "support/failing_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static failing_io *control;

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv(FAILING_IO_ENV);
    const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED) control = map;
}

static bool is_ours(int fd)
{
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, path, sizeof path - 1);
    return len > 0 && strncmp(path, control->dir, strlen(control->dir)) == 0;
}

/* Whether this call is to fail; sets errno then. */
static bool fails(int fd, unsigned kind)
{
    static _Thread_local uint64_t random = 0;
    if (control == NULL || atomic_load(&control->armed) == 0 ||
        (atomic_load(&control->kinds) & kind) == 0 || !is_ours(fd))
        return false;
    const uint64_t number = atomic_fetch_add(&control->seen, 1);
    const uint64_t after = atomic_load(&control->after);
    if (random == 0) random = number * 2 + 1;
    random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    const bool drawn = (random >> 33) % 1000000 < atomic_load(&control->per_million);
    const bool due = number >= after && number - after < atomic_load(&control->count);
    if (!drawn && !due) return false;
    atomic_fetch_add(&control->failed, 1);
    errno = atomic_load(&control->error);
    return true;
}

/* NOLINTBEGIN(readability-inconsistent-*): glibc's own names of parameters are not for us */
EXPORTED ssize_t write(int fd, const void *bytes, size_t len)
{
    if (fails(fd, FAILING_WRITE)) return -1;
    return syscall(SYS_write, fd, bytes, len);
}

EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    if (fails(fd, FAILING_WRITE)) {
        const int error = errno;
        syscall(SYS_pwrite64, fd, bytes, len / 2, offset);
        errno = error;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return pwrite64(fd, bytes, len, offset);
}

EXPORTED ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (fails(fd, FAILING_WRITE)) return -1;
    return syscall(SYS_writev, fd, parts, count);
}

EXPORTED ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (fails(fd, FAILING_WRITE)) return -1;
    return syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

EXPORTED ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    return pwritev(fd, parts, count, offset);
}

EXPORTED int fsync(int fd)
{
    if (fails(fd, FAILING_SYNC)) return -1;
    return (int)syscall(SYS_fsync, fd);
}

EXPORTED int fdatasync(int fd)
{
    if (fails(fd, FAILING_SYNC)) return -1;
    return (int)syscall(SYS_fdatasync, fd);
}

EXPORTED int ftruncate64(int fd, off64_t len)
{
    if (fails(fd, FAILING_TRUNCATE)) return -1;
    return (int)syscall(SYS_ftruncate, fd, len);
}

EXPORTED int ftruncate(int fd, off_t len)
{
    return ftruncate64(fd, len);
}

EXPORTED int fallocate64(int fd, int mode, off64_t offset, off64_t len)
{
    if (fails(fd, FAILING_ALLOCATE)) return -1;
    return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

EXPORTED int fallocate(int fd, int mode, off_t offset, off_t len)
{
    return fallocate64(fd, mode, offset, len);
}

EXPORTED int posix_fallocate64(int fd, off64_t offset, off64_t len)
{
    return fallocate64(fd, 0, offset, len) == 0 ? 0 : errno;
}

EXPORTED int posix_fallocate(int fd, off_t offset, off_t len)
{
    return posix_fallocate64(fd, offset, len);
}
/* NOLINTEND(readability-inconsistent-*) */
