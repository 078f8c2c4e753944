/* SPDX-License-Identifier: MIT
 *
 * core/file_internal.h - what file.c and file_publish.c share.
 *
 * Thread: as core/file.h. */
#ifndef MR_CORE_FILE_INTERNAL_H
#define MR_CORE_FILE_INTERNAL_H

#include <sys/stat.h>

#include "core/file.h"

/* "<label> cannot be <verb>: <reason>; <remedy>". */
mr_code mr_file_fail(mr_error *err, int error_number, const char *label, const char *verb);

/* Sets label, path and write_path of a zeroed file; `label` NULL makes "file 'PATH'". */
MR_NODISCARD mr_code mr_file_set_names(mr_file *file, const char *label, const char *path,
                                       const char *write_path, mr_error *err);

/* Takes the open descriptor over (closing it on failure); what it is decides is_regular. */
MR_NODISCARD mr_code mr_file_take_fd(mr_file *file, int fd, struct stat *out_info, mr_error *err);

/* Gives names back and zeroes; the descriptor must be closed already. */
void mr_file_forget(mr_file *file);

/* open() that goes on after signals; close-on-exec. */
int mr_file_open_fd(const char *path, int flags, mode_t mode);

/* Takes the writers' lock. False with errno EWOULDBLOCK when another writer holds it; file systems
 * without locks count as success. */
bool mr_file_lock(int fd);

/* MR_ERR_USAGE when `info` is a directory. */
MR_NODISCARD mr_code mr_file_not_a_directory(const struct stat *info, const char *label,
                                             mr_error *err);

#endif
