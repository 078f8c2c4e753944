/* SPDX-License-Identifier: MIT
 *
 * Where the followed files stand, as bytes and back. A position is
 *
 *     'T' 1, then for each file: path length, path, device, inode, offset, record, line, state,
 *     started, head length, head sum
 *
 * with every number as a varint: seven bits a byte, lowest first, the top bit says that more
 * follow. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/tail_internal.h"
#include "core/file.h"

#define MAGIC   'T'
#define VERSION 1

enum { DEVICE, INODE, OFFSET, RECORD, LINE, STATE, STARTED, HEAD_LEN, HEAD_SUM, FIELDS };

static mr_code put(mr_buffer *to, uint64_t value, mr_error *err)
{
    for (; value >= 0x80; value >>= 7)
        MR_TRY(mr_buffer_append_byte(to, (char)(value | 0x80), err));
    return mr_buffer_append_byte(to, (char)value, err);
}

static bool take(mr_slice *from, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && from->len > 0; shift += 7) {
        const unsigned char byte = (unsigned char)from->ptr[0];
        *from = mr_slice_from(*from, 1);
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

mr_code mr_tail_files_write(const mr_tail_files *files, mr_buffer *to, mr_error *err)
{
    MR_TRY(mr_buffer_append(to, mr_slice_of((const char[]){MAGIC, VERSION}, 2), err));
    for (uint32_t i = 0; i < files->count; i++) {
        const mr_tail_file *file = &files->items[i];
        const uint64_t fields[FIELDS] = {
            [DEVICE] = file->device,      [INODE] = file->inode,       [OFFSET] = file->at.offset,
            [RECORD] = file->at.record,   [LINE] = file->at.line,      [STATE] = file->at.state,
            [STARTED] = file->at.started, [HEAD_LEN] = file->head_len, [HEAD_SUM] = file->head_sum,
        };
        const mr_slice path = mr_slice_text(file->path);
        MR_TRY(put(to, path.len, err));
        MR_TRY(mr_buffer_append(to, path, err));
        for (size_t f = 0; f < FIELDS; f++)
            MR_TRY(put(to, fields[f], err));
    }
    return MR_OK;
}

/* The file of that inode, if it begins as it did; below 0 if it is another. */
static int open_same(const char *path, const uint64_t fields[FIELDS])
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return -1;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -1;
    if (fstat(fd, &info) == 0 && (uint64_t)info.st_ino == fields[INODE] &&
        mr_tail_same_head(fd, (uint32_t)fields[HEAD_LEN], (uint32_t)fields[HEAD_SUM]))
        return fd;
    close(fd);
    return -1;
}

/* Looks for the file under another name beside `path`, which gets that name. */
static int open_renamed(char path[MR_FILE_PATH_MAX], const uint64_t fields[FIELDS])
{
    char dir[MR_FILE_PATH_MAX], other[MR_FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int len = slash == NULL
                        ? snprintf(dir, sizeof dir, ".")
                        : snprintf(dir, sizeof dir, "%.*s", (int)(slash - path + 1), path);
    DIR *entries = len > 0 && (size_t)len < sizeof dir ? opendir(dir) : NULL;
    int fd = -1;
    if (entries == NULL) return -1;
    for (const struct dirent *entry; fd < 0 && (entry = readdir(entries)) != NULL;) {
        if (entry->d_ino != fields[INODE]) continue;
        const int used = snprintf(other, sizeof other, "%.*s%s",
                                  slash == NULL ? 0 : (int)(slash - path + 1), path, entry->d_name);
        if (used > 0 && (size_t)used < sizeof other) fd = open_same(other, fields);
    }
    closedir(entries);
    if (fd >= 0) memcpy(path, other, sizeof other);
    return fd;
}

static mr_code restore_one(mr_tail_files *files, char path[MR_FILE_PATH_MAX],
                           const uint64_t fields[FIELDS], mr_error *err)
{
    mr_tail_file *file;
    int fd = open_same(path, fields);
    if (fd < 0) fd = open_renamed(path, fields);
    if (fd < 0) {
        mr_tail_warn(files,
                     "'%s' is not the file it was at byte %" PRIu64
                     ", nor is it beside it under another name; what was added to it since "
                     "cannot be read",
                     path, fields[OFFSET]);
        return MR_OK;
    }
    const mr_code rc = mr_tail_files_add(files, path, fd, &file, err);
    if (rc != MR_OK) {
        close(fd);
        return rc;
    }
    file->head_len = (uint32_t)fields[HEAD_LEN];
    file->head_sum = (uint32_t)fields[HEAD_SUM];
    file->at = file->home = (mr_tail_place){.offset = fields[OFFSET],
                                            .record = fields[RECORD],
                                            .line = fields[LINE],
                                            .state = (uint32_t)fields[STATE],
                                            .started = fields[STARTED] != 0};
    file->looked = file->at.offset;
    return MR_OK;
}

static mr_code no_position(mr_error *err)
{
    return mr_fail(err, MR_ERR_INPUT, "the position of the followed files is damaged");
}

mr_code mr_tail_files_restore(mr_tail_files *files, mr_slice position, mr_error *err)
{
    char path[MR_FILE_PATH_MAX];
    uint64_t fields[FIELDS], len;
    if (position.len < 2 || position.ptr[0] != MAGIC || position.ptr[1] != VERSION)
        return no_position(err);
    position = mr_slice_from(position, 2);
    while (position.len > 0) {
        if (!take(&position, &len) || len >= sizeof path || len > position.len || len == 0 ||
            memchr(position.ptr, 0, len) != NULL)
            return no_position(err);
        memcpy(path, position.ptr, len);
        path[len] = 0;
        position = mr_slice_from(position, len);
        for (size_t f = 0; f < FIELDS; f++)
            if (!take(&position, &fields[f])) return no_position(err);
        if (fields[HEAD_LEN] > MR_TAIL_HEAD_BYTES || fields[OFFSET] > INT64_MAX)
            return no_position(err);
        MR_TRY(restore_one(files, path, fields, err));
    }
    files->has_scanned = true; /* files found from now on are new ones */
    return MR_OK;
}
