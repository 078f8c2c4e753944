/* SPDX-License-Identifier: MIT
 *
 * connector/tail_internal.h - what tail_files.c and tail_place.c share.
 *
 * Thread: as connector/tail_files.h. */
#ifndef MR_CONNECTOR_TAIL_INTERNAL_H
#define MR_CONNECTOR_TAIL_INTERNAL_H

#include <stdarg.h>

#include "connector/tail_files.h"

void mr_tail_warn(const mr_tail_files *files, const char *format, ...) MR_PRINTF(2, 3);

/* Do the first `len` bytes have this sum? */
bool mr_tail_same_head(int fd, uint32_t len, uint32_t sum);

/* Follows the open file `fd`, which is owned from then on, from its start. */
MR_NODISCARD mr_code mr_tail_files_add(mr_tail_files *files, const char *path, int fd,
                                       mr_tail_file **out, mr_error *err);

#endif
