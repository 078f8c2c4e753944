/* SPDX-License-Identifier: MIT
 *
 * How text destinations go on where they stopped: PATH.part is cut to the length that the
 * checkpoint says. What was published has the file that was PATH.part, so a rename that a killed
 * run just managed is recognised. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "connector/text_destination.h"
#include "core/packed.h"

#define POSITION_VERSION 1u

typedef struct text_mark {
    uint64_t length, begun_at, device, inode, bytes;
    bool any_rows, sealed;
} text_mark;

const char *mr_text_destination_cannot_resume(const void *state, const mr_connector_env *env)
{
    char path[MR_FILE_PATH_MAX];
    struct stat info;
    (void)state;
    if (env->in_place) return "in_place: the target is written as it goes";
    if (env->path.len >= sizeof path) return "its path is too long";
    if (env->path.len > 0) memcpy(path, env->path.ptr, env->path.len);
    path[env->path.len] = 0;
    if (mr_file_path_fd(path, 1) >= 0) return "standard output cannot be taken back";
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return "a pipe or device cannot be taken back";
    return NULL;
}

static mr_code pack(const text_mark *mark, mr_buffer *out, mr_error *err)
{
    const uint64_t numbers[] = {mark->length, mark->begun_at, mark->device, mark->inode,
                                mark->bytes,  mark->any_rows, mark->sealed};
    MR_TRY(mr_pack_u32(out, POSITION_VERSION, err));
    for (size_t i = 0; i < MR_COUNT_OF(numbers); i++)
        MR_TRY(mr_pack_u64(out, numbers[i], err));
    return MR_OK;
}

static bool unpack(mr_slice bytes, text_mark *mark)
{
    mr_packed_in in = {.left = bytes};
    if (mr_packed_u32(&in) != POSITION_VERSION) return false;
    mark->length = mr_packed_u64(&in);
    mark->begun_at = mr_packed_u64(&in);
    mark->device = mr_packed_u64(&in);
    mark->inode = mr_packed_u64(&in);
    mark->bytes = mr_packed_u64(&in);
    mark->any_rows = mr_packed_u64(&in) != 0;
    mark->sealed = mr_packed_u64(&in) != 0;
    return mr_packed_all_read(&in);
}

mr_code mr_text_destination_checkpoint(void *state, bool last, mr_buffer *position,
                                       int *out_sync_fd, mr_error *err)
{
    mr_text_destination *d = state;
    mr_identity identity;
    text_mark mark = {.any_rows = d->any_rows, .sealed = last};
    MR_TRY(mr_output_mark(d->output, last, &mark.length, out_sync_fd, err));
    MR_TRY(mr_output_identity(d->output, &identity, &mark.begun_at, err));
    d->sealed = last;
    mark.device = identity.device;
    mark.inode = identity.inode;
    mark.bytes = mr_text_destination_bytes(d);
    return pack(&mark, position, err);
}

/* The target is the very file that the earlier run wrote. */
static bool is_published(const mr_text_destination *d, const text_mark *mark)
{
    mr_identity now;
    return mark->sealed && !d->append && mr_identity_of_path(d->path, &now) &&
           now.inode == mark->inode && now.device == mark->device && now.size_bytes == mark->length;
}

/* What was appended is gone, and nothing else. */
static bool is_taken_back(const mr_text_destination *d, const text_mark *mark)
{
    mr_identity now;
    return d->append && mark->length > mark->begun_at && mr_identity_of_path(d->path, &now) &&
           now.inode == mark->inode && now.device == mark->device &&
           now.size_bytes == mark->begun_at;
}

/* What the earlier run left is there, and as long as it said; opening it is for start(). */
static mr_code find_part(const mr_text_destination *d, const text_mark *mark, mr_error *err)
{
    char path[PATH_MAX + 8], real[PATH_MAX];
    mr_identity now;
    struct stat info;
    const char *target = realpath(d->path, real);
    if (target == NULL && lstat(d->path, &info) == 0) return MR_OK; /* a link to what is to come */
    if (target == NULL) target = d->path;
    snprintf(path, sizeof path, "%s%s", target, d->append ? "" : ".part");
    if (!mr_identity_of_path(path, &now))
        return mr_fail(err, MR_ERR_USAGE, "'%s' is missing, which the checkpoint goes on from",
                       path);
    if (now.inode != mark->inode || now.device != mark->device)
        return mr_fail(err, MR_ERR_USAGE, "'%s' is not the file that the checkpoint goes on from",
                       path);
    if (now.size_bytes < mark->length)
        return mr_fail(err, MR_ERR_USAGE, "'%s' holds %llu bytes where the checkpoint says %llu",
                       path, (unsigned long long)now.size_bytes, (unsigned long long)mark->length);
    return MR_OK;
}

mr_code mr_text_destination_resume(void *state, mr_slice position, mr_left *out_left, mr_error *err)
{
    mr_text_destination *d = state;
    text_mark mark;
    if (!unpack(position, &mark))
        return mr_fail(err, MR_ERR_USAGE,
                       "the checkpoint's place in the output was written by another version");
    *out_left = is_published(d, &mark)    ? MR_LEFT_ALL
                : is_taken_back(d, &mark) ? MR_LEFT_TAKEN_BACK
                                          : MR_LEFT_PART;
    if (*out_left != MR_LEFT_PART) return MR_OK;
    MR_TRY(find_part(d, &mark, err));
    d->options.resume = true;
    d->options.resume_from = mark.length;
    d->options.append_from = mark.begun_at;
    d->options.sealed = mark.sealed;
    d->sealed = mark.sealed;
    d->any_rows = mark.any_rows;
    d->bytes_before = mark.bytes - (d->append ? mark.length - mark.begun_at : 0);
    return MR_OK;
}

bool mr_text_destination_leaves_traces(const void *state)
{
    return ((const mr_text_destination *)state)->append;
}

void mr_text_destination_suspend(void *state)
{
    mr_text_destination *d = state;
    if (d->output != NULL) mr_output_suspend(d->output);
}
