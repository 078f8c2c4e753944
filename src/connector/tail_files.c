/* SPDX-License-Identifier: MIT */
#include "connector/tail_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/tail_internal.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/mem.h"
#include "format/codec.h"
#include "format/paths.h"
#include "format/restart.h"

#define NAMES_BYTES     ((size_t)64 << 20)
#define LAST_LINE_BYTES (64u << 10)

void mr_tail_files_init(mr_tail_files *files)
{
    mr_arena_init(&files->names, "tail.names", NAMES_BYTES);
}

static void close_file(mr_tail_file *file)
{
    if (file->fd >= 0) close(file->fd);
    mr_mem_free(file->path);
    *file = (mr_tail_file){.fd = -1};
}

void mr_tail_files_done(mr_tail_files *files)
{
    for (uint32_t i = 0; i < files->count; i++)
        close_file(&files->items[i]);
    mr_mem_free(files->items);
    mr_arena_done(&files->names);
    *files = (mr_tail_files){0};
}

void mr_tail_warn(const mr_tail_files *files, const char *format, ...)
{
    char text[MR_FILE_PATH_MAX + 256];
    va_list args;
    if (files->warn == NULL) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    files->warn(files->warn_context, text);
}

/* --- one file --------------------------------------------------------------------------------- */

static mr_code set_path(mr_tail_file *file, const char *path, mr_error *err)
{
    const size_t size = strlen(path) + 1;
    char *copy = mr_mem_alloc(size);
    if (copy == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to follow '%s'", path);
    memcpy(copy, path, size);
    mr_mem_free(file->path);
    file->path = copy;
    return MR_OK;
}

/* The first bytes of the file, up to `len`; fewer when there are no more or reading fails, which
 * shows again where they are wanted. */
static size_t read_head(int fd, char head[MR_TAIL_HEAD_BYTES], size_t len)
{
    size_t got = 0;
    while (got < len) {
        const ssize_t part = pread(fd, head + got, len - got, (off_t)got);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) break;
        got += (size_t)part;
    }
    return got;
}

bool mr_tail_same_head(int fd, uint32_t len, uint32_t sum)
{
    char head[MR_TAIL_HEAD_BYTES];
    return read_head(fd, head, len) == len && mr_restart_sum(mr_slice_of(head, len)) == sum;
}

static void take_head(mr_tail_file *file)
{
    char head[MR_TAIL_HEAD_BYTES];
    const size_t got = read_head(file->fd, head, sizeof head);
    file->head_len = (uint32_t)got;
    file->head_sum = mr_restart_sum(mr_slice_of(head, got));
}

static void begin_again(const mr_tail_files *files, mr_tail_file *file, uint64_t size)
{
    if (file->at.offset > size)
        mr_tail_warn(
            files, "'%s' was cut from %" PRIu64 " bytes to %" PRIu64 "; reading it from its start",
            file->path, file->at.offset, size);
    else if (file->at.offset > 0)
        mr_tail_warn(files, "'%s' was written anew; reading it from its start", file->path);
    file->at = file->home = (mr_tail_place){0};
    file->looked = 0;
    file->head_len = 0;
}

/* Takes note of a file's size. A head that has changed means other contents. */
static void look_at(const mr_tail_files *files, mr_tail_file *file)
{
    struct stat info;
    if (file->fd < 0 || fstat(file->fd, &info) != 0) return;
    const uint64_t size = (uint64_t)info.st_size;
    const int64_t mtime_ns = (int64_t)info.st_mtim.tv_sec * MR_NS_PER_S + info.st_mtim.tv_nsec;
    if (size == file->size && mtime_ns == file->mtime_ns) return;
    if (size < file->at.offset || size < file->head_len ||
        !mr_tail_same_head(file->fd, file->head_len, file->head_sum))
        begin_again(files, file, size);
    if (file->head_len < MR_TAIL_HEAD_BYTES) take_head(file);
    if (size != file->size) file->news_ns = mr_clock_ns();
    file->size = size;
    file->mtime_ns = mtime_ns;
    file->is_final = false;
}

void mr_tail_files_look(mr_tail_files *files)
{
    for (uint32_t i = 0; i < files->count; i++)
        look_at(files, &files->items[i]);
}

mr_code mr_tail_file_read(mr_tail_file *file, mr_buffer *to, mr_error *err)
{
    const uint64_t left = file->size - file->at.offset;
    const size_t want = left < file->want ? (size_t)left : file->want;
    mr_buffer_reset(to);
    MR_TRY(mr_buffer_reserve(to, want, err));
    while (to->len < want) {
        const ssize_t got =
            pread(file->fd, to->ptr + to->len, want - to->len, (off_t)(file->at.offset + to->len));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return mr_fail(err, MR_ERR_IO, "'%s' cannot be read: %s", file->path, strerror(errno));
        if (got == 0) break; /* it was cut: the next look says so */
        to->len += (size_t)got;
    }
    return MR_OK;
}

void mr_tail_file_taken(mr_tail_file *file, size_t taken, size_t got, bool more, size_t largest)
{
    const bool was_full = got == file->want;
    const uint64_t end = file->at.offset + got;
    const bool goes_on = more || (was_full && !(file->is_stuck && taken == 0));
    file->at.offset += taken;
    file->looked = goes_on ? file->at.offset : end;
    file->is_stuck = taken == 0 && was_full && file->want >= largest;
    if (taken > 0)
        file->want = MR_TAIL_PIECE;
    else if (was_full && file->want < largest)
        file->want = file->want * 2 < largest ? file->want * 2 : largest;
}

/* --- which files ------------------------------------------------------------------------------ */

mr_code mr_tail_files_add(mr_tail_files *files, const char *path, int fd, mr_tail_file **out,
                          mr_error *err)
{
    struct stat info;
    if (files->count == MR_TAIL_FILES_MAX)
        return mr_fail(err, MR_ERR_LIMIT,
                       "'%s' names more than %d files, which are too many to follow",
                       files->pattern, MR_TAIL_FILES_MAX);
    if (files->count == files->room) {
        const uint32_t room = files->room == 0 ? 8 : files->room * 2;
        mr_tail_file *grown = mr_mem_realloc(files->items, sizeof *grown * room);
        if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to follow '%s'", path);
        files->items = grown;
        files->room = room;
    }
    mr_tail_file *file = &files->items[files->count];
    *file = (mr_tail_file){.fd = -1, .want = MR_TAIL_PIECE, .news_ns = mr_clock_ns()};
    MR_TRY(set_path(file, path, err));
    if (fstat(fd, &info) == 0) {
        file->device = (uint64_t)info.st_dev;
        file->inode = (uint64_t)info.st_ino;
    }
    file->fd = fd;
    files->count++;
    *out = file;
    return MR_OK;
}

/* What is compressed does not grow by lines. Rotated files often are, and match patterns. */
static void refuse_compressed(const mr_tail_files *files, mr_tail_file *file)
{
    char head[MR_TAIL_HEAD_BYTES];
    const size_t got = read_head(file->fd, head, MR_CODEC_MAGIC_MAX);
    const mr_codec codec = mr_codec_detect(mr_slice_of(head, got), true);
    if (codec == MR_CODEC_NONE) return;
    file->is_refused = true;
    mr_tail_warn(files, "'%s' is compressed with %s and not followed; copy it on its own",
                 file->path, mr_codec_name(codec));
}

/* Behind the last line end; the end of the file where its last line is very long. */
static uint64_t end_of_lines(const mr_tail_file *file)
{
    char bytes[LAST_LINE_BYTES];
    const size_t len = file->size < sizeof bytes ? (size_t)file->size : sizeof bytes;
    const ssize_t got = pread(file->fd, bytes, len, (off_t)(file->size - len));
    const char *lf = got > 0 ? memrchr(bytes, '\n', (size_t)got) : NULL;
    if (lf != NULL) return file->size - len + (uint64_t)(lf - bytes) + 1;
    return len == file->size ? 0 : file->size;
}

static mr_code take_new(mr_tail_files *files, const char *path, mr_error *err)
{
    mr_tail_file *file;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT) return MR_OK;
        return mr_fail(err, MR_ERR_IO, "'%s' cannot be followed: %s", path, strerror(errno));
    }
    const mr_code rc = mr_tail_files_add(files, path, fd, &file, err);
    if (rc != MR_OK) {
        close(fd);
        return rc;
    }
    file->seen = true;
    look_at(files, file);
    refuse_compressed(files, file);
    if (!files->from_end || files->has_scanned) return MR_OK;
    file->at = (mr_tail_place){.offset = end_of_lines(file), .started = true};
    file->home = file->at;
    file->looked = file->size;
    return MR_OK;
}

static mr_code see(mr_tail_files *files, const char *path, mr_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return MR_OK;
    for (uint32_t i = 0; i < files->count; i++) {
        mr_tail_file *file = &files->items[i];
        if (file->inode != (uint64_t)info.st_ino || file->device != (uint64_t)info.st_dev) continue;
        file->seen = true;
        file->is_gone = file->is_final = false;
        return strcmp(file->path, path) == 0 ? MR_OK : set_path(file, path, err);
    }
    return take_new(files, path, err);
}

mr_code mr_tail_files_scan(mr_tail_files *files, mr_error *err)
{
    mr_paths paths = {0};
    const int64_t now = mr_clock_ns();
    mr_arena_reset(&files->names);
    const mr_code found = mr_paths_find(&files->names, files->pattern, &paths, err);
    if (found != MR_OK && found != MR_ERR_IO) return found; /* else: nothing is there yet */
    for (uint32_t i = 0; i < files->count; i++)
        files->items[i].seen = false;
    for (uint32_t i = 0; i < paths.count; i++)
        MR_TRY(see(files, paths.names[i], err));
    if (!files->has_scanned && files->count == 0)
        mr_tail_warn(files, "there is no '%s' yet; waiting for it", files->pattern);
    files->has_scanned = true;
    for (uint32_t i = 0; i < files->count; i++) {
        mr_tail_file *file = &files->items[i];
        look_at(files, file);
        if (!file->seen && !file->is_gone) file->news_ns = now;
        file->is_gone = !file->seen;
        file->is_final = file->is_gone && now - file->news_ns >= files->rotate_wait_ns;
    }
    return MR_OK;
}

/* --- whose turn it is ------------------------------------------------------------------------- */

static bool has_news(const mr_tail_file *file)
{
    if (file->fd < 0 || file->is_refused) return false;
    return file->size > file->looked || (file->is_final && file->size > file->at.offset);
}

static void forget(mr_tail_files *files, uint32_t at)
{
    close_file(&files->items[at]);
    memmove(&files->items[at], &files->items[at + 1],
            sizeof *files->items * (files->count - at - 1));
    files->count--;
    files->turn = 0;
}

mr_tail_file *mr_tail_files_next(mr_tail_files *files, bool keep)
{
    for (uint32_t i = files->count; i > 0 && !keep; i--) {
        const mr_tail_file *file = &files->items[i - 1];
        if (file->is_final && (file->is_refused || file->size <= file->at.offset))
            forget(files, i - 1);
    }
    for (uint32_t i = 0; i < files->count; i++) {
        const uint32_t at = (files->turn + i) % files->count;
        if (!has_news(&files->items[at])) continue;
        files->turn = (at + 1) % files->count;
        return &files->items[at];
    }
    return NULL;
}

void mr_tail_files_go_home(mr_tail_files *files)
{
    for (uint32_t i = 0; i < files->count; i++) {
        mr_tail_file *file = &files->items[i];
        file->at = file->home;
        file->looked = file->at.offset;
        file->want = MR_TAIL_PIECE;
    }
}
