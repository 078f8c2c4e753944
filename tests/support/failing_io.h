/* SPDX-License-Identifier: MIT
 *
 * support/failing_io.h - write errors on demand, for a program that knows nothing about it.
 *
 * failing_io.so is loaded into the program by LD_PRELOAD and stands in for the calls that change
 * files. It does what they do, except for files under `dir` while it is armed. Test and program
 * share the struct below by mapping the file named in FAILING_IO_CONTROL.
 *
 *     calls of `kinds` since it was armed:   0 1 2 3 4 5 6 7 8 ...
 *     after 3, count 2                             x x             fail
 *     per_million 200000                       x         x         fail, about one in five
 *
 * A write that fails has written its first half, as a full disk would have it.
 *
 * Thread: any, in both processes. */
#ifndef MR_TESTS_SUPPORT_FAILING_IO_H
#define MR_TESTS_SUPPORT_FAILING_IO_H

#include <stdatomic.h>
#include <stdint.h>

#define FAILING_IO_ENV "FAILING_IO_CONTROL"

enum {
    FAILING_WRITE = 1,    /* write, pwrite, writev, pwritev */
    FAILING_SYNC = 2,     /* fsync, fdatasync */
    FAILING_TRUNCATE = 4, /* ftruncate */
    FAILING_ALLOCATE = 8, /* fallocate, posix_fallocate */
    FAILING_ALL = 15,
};

typedef struct failing_io {
    atomic_uint armed;
    atomic_uint kinds;
    atomic_int error; /* the errno to fail with */
    atomic_uint per_million;
    atomic_uint_least64_t after, count;
    atomic_uint_least64_t seen, failed; /* since it was armed */
    char dir[512];
} failing_io;

#endif
