/* SPDX-License-Identifier: MIT */
#include "format/paths.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

/* glob() calls back without a context. That a directory of the pattern is not there is no match;
 * one that cannot be read would be files silently left out. */
static _Thread_local char unreadable[256];
static _Thread_local int unreadable_reason;

static int note_unreadable(const char *path, int reason)
{
    if (reason == ENOENT || reason == ENOTDIR) return 0;
    snprintf(unreadable, sizeof unreadable, "%s", path);
    unreadable_reason = reason;
    return 1;
}

static bool has_pattern(const char *path)
{
    return strpbrk(path, "*?[") != NULL;
}

static mr_code literal(mr_arena *arena, const char *path, mr_paths *out, mr_error *err)
{
    const char **names = mr_arena_take(arena, sizeof *names);
    if (names == NULL) return mr_arena_fail(arena, err);
    names[0] = mr_arena_copy(arena, mr_slice_text(path));
    if (names[0] == NULL) return mr_arena_fail(arena, err);
    *out = (mr_paths){names, 1};
    return MR_OK;
}

static mr_code no_match(int rc, const char *pattern, mr_error *err)
{
    if (rc == GLOB_NOSPACE)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to search for '%s'", pattern);
    if (rc == GLOB_ABORTED)
        return mr_fail_errno(err, unreadable_reason, "directory '%s' cannot be searched for '%s'",
                             unreadable, pattern);
    return mr_fail(err, MR_ERR_IO, "no file matches '%s'; check the path", pattern);
}

/* glob marks directories (GLOB_MARK) with a slash at the end. */
static bool is_file(const char *name)
{
    return name[0] != 0 && name[strlen(name) - 1] != '/';
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static mr_code copy_files(mr_arena *arena, const glob_t *found, mr_paths *out, mr_error *err)
{
    const char **names = mr_arena_take(arena, found->gl_pathc * sizeof *names);
    uint32_t count = 0;
    if (names == NULL) return mr_arena_fail(arena, err);
    for (size_t i = 0; i < found->gl_pathc; i++) {
        if (!is_file(found->gl_pathv[i])) continue;
        names[count] = mr_arena_copy(arena, mr_slice_text(found->gl_pathv[i]));
        if (names[count++] == NULL) return mr_arena_fail(arena, err);
    }
    qsort(names, count, sizeof *names, by_bytes); /* glob's own order depends on the locale */
    *out = (mr_paths){names, count};
    return MR_OK;
}

mr_code mr_paths_find(mr_arena *arena, const char *path, mr_paths *out, mr_error *err)
{
    struct stat info;
    glob_t found = {0};
    if (!has_pattern(path) || stat(path, &info) == 0) return literal(arena, path, out, err);
    unreadable_reason = 0;
    const int rc = glob(path, GLOB_MARK | GLOB_NOSORT, note_unreadable, &found);
    mr_code code = MR_OK;
    if (rc != 0)
        code = no_match(rc, path, err);
    else if (found.gl_pathc > MR_PATHS_MAX)
        code = mr_fail(err, MR_ERR_LIMIT, "'%s' matches %zu files, more than the limit of %d", path,
                       found.gl_pathc, MR_PATHS_MAX);
    else
        code = copy_files(arena, &found, out, err);
    if (code == MR_OK && out->count == 0) code = no_match(GLOB_NOMATCH, path, err);
    globfree(&found);
    return code;
}
