/* SPDX-License-Identifier: MIT
 *
 * support/files.h - files of a test's own directory, plain and compressed.
 *
 * Thread: the one that runs the test. */
#ifndef MR_TESTS_SUPPORT_FILES_H
#define MR_TESTS_SUPPORT_FILES_H

#include "core/buffer.h"
#include "format/codec.h"

/* The path of `name` in mr_test_dir(). Static buffer, eight at a time. */
const char *mr_test_at(const char *name);

/* Writes the file `name` and returns its path as mr_test_at() does. */
const char *mr_test_put(const char *name, mr_slice bytes);

/* The same, compressed. */
const char *mr_test_put_packed(const char *name, mr_codec codec, mr_slice plain);

/* Appends `plain` to `to` as one complete file of `codec`. */
void mr_test_pack(mr_codec codec, mr_slice plain, mr_buffer *to);

/* Numbered lines that compress but never repeat; up to 3 MB, the same bytes every time. */
mr_slice mr_test_lines(size_t len);

/* True when `path` is there, a link counting for itself. */
bool mr_test_exists(const char *path);

/* The file holds exactly `wanted`. */
void mr_test_expect_holds(const char *path, const char *wanted);

#endif
