/* SPDX-License-Identifier: MIT
 *
 * format/paths.h - the files that a path or a pattern names.
 *
 * A pattern has `*`, `?` or `[...]` (shell rules: `*` crosses no slash and finds no hidden file). A
 * path that exists is meant literally, whatever characters it has. Matches are sorted by bytes;
 * directories among them are left out.
 *
 * Thread: owned by one thread; the names may be read by many. */
#ifndef MR_FORMAT_PATHS_H
#define MR_FORMAT_PATHS_H

#include "core/arena.h"

#define MR_PATHS_MAX 250000 /* files that one pattern may name */

typedef struct mr_paths {
    const char *const *names; /* NUL-terminated; they live in the arena */
    uint32_t count;
} mr_paths;

/* Finds the files that `path` names, at least one. A path without a pattern is taken as it is,
 * whether it exists or not. MR_ERR_IO naming the pattern when nothing matches or a directory cannot
 * be read. */
MR_NODISCARD mr_code mr_paths_find(mr_arena *arena, const char *path, mr_paths *out, mr_error *err);

#endif
