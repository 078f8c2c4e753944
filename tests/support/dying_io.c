/* SPDX-License-Identifier: MIT
 *
 * support/dying_io.c - a shared library that ends the program (SIGKILL) just before the call number
 * DYING_IO_AT, from 1, among those that change files or make them durable: whatever such a call has
 * not come to is as a kill at that moment leaves it. A write has written its first half. Without
 * that number it only counts, and leaves the sum in the file DYING_IO_COUNT.
 *
 * Loaded by LD_PRELOAD; it goes to the kernel itself. Standard streams do not count.
 *
 * Thread: any. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static unsigned long at;
static atomic_ulong calls;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("DYING_IO_AT");
    if (text != NULL) at = strtoul(text, NULL, 10);
}

static bool is_last(void)
{
    return atomic_fetch_add(&calls, 1) + 1 == at;
}

static void die(void)
{
    for (;;)
        syscall(SYS_kill, getpid(), SIGKILL);
}

static void count(void)
{
    if (is_last()) die();
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("DYING_IO_COUNT");
    char text[32];
    if (path == NULL) return;
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int len = snprintf(text, sizeof text, "%lu", atomic_load(&calls));
    syscall(SYS_write, fd, text, (size_t)len);
    syscall(SYS_close, fd);
}

/* NOLINTBEGIN(readability-inconsistent-*): glibc's own names of parameters are not for us */
EXPORTED ssize_t write(int fd, const void *bytes, size_t len)
{
    if (fd > STDERR_FILENO && is_last()) {
        syscall(SYS_write, fd, bytes, len / 2);
        die();
    }
    return syscall(SYS_write, fd, bytes, len);
}

EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    if (is_last()) {
        syscall(SYS_pwrite64, fd, bytes, len / 2, offset);
        die();
    }
    return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return pwrite64(fd, bytes, len, offset);
}

EXPORTED ssize_t writev(int fd, const struct iovec *parts, int part_count)
{
    if (fd > STDERR_FILENO) count();
    return syscall(SYS_writev, fd, parts, part_count);
}

EXPORTED ssize_t pwritev(int fd, const struct iovec *parts, int part_count, off_t offset)
{
    count();
    return syscall(SYS_pwritev, fd, parts, part_count, offset, 0);
}

EXPORTED ssize_t pwritev64(int fd, const struct iovec *parts, int part_count, off64_t offset)
{
    return pwritev(fd, parts, part_count, offset);
}

EXPORTED int fsync(int fd)
{
    count();
    return (int)syscall(SYS_fsync, fd);
}

EXPORTED int fdatasync(int fd)
{
    count();
    return (int)syscall(SYS_fdatasync, fd);
}

EXPORTED int ftruncate64(int fd, off64_t len)
{
    count();
    return (int)syscall(SYS_ftruncate, fd, len);
}

EXPORTED int ftruncate(int fd, off_t len)
{
    return ftruncate64(fd, len);
}

static int open_at(int dir, const char *path, int flags, unsigned mode)
{
    if ((flags & (O_CREAT | O_TRUNC)) != 0) count();
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

static unsigned mode_of(int flags, va_list more)
{
    const bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    return makes ? va_arg(more, unsigned) : 0;
}

EXPORTED int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const unsigned mode = mode_of(flags, more);
    va_end(more);
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORTED int open64(const char *path, int flags, ...) __attribute__((alias("open")));

EXPORTED int openat(int dir, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const unsigned mode = mode_of(flags, more);
    va_end(more);
    return open_at(dir, path, flags, mode);
}

EXPORTED int rename(const char *from, const char *to)
{
    count();
    return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

EXPORTED int unlink(const char *path)
{
    count();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

EXPORTED int rmdir(const char *path)
{
    count();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORTED int mkdir(const char *path, mode_t mode)
{
    count();
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

EXPORTED int link(const char *from, const char *to)
{
    count();
    return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}
/* NOLINTEND(readability-inconsistent-*) */
