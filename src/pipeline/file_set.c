/* SPDX-License-Identifier: MIT
 *
 * A list is packed (core/packed.h): magic, version, number of entries, the entries, CRC-32C of all
 * that. */
#include "pipeline/file_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crc32c.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/packed.h"
#include "format/paths.h"
#include "pipeline/journal.h"

#define MAGIC       0x5346524du /* "MRFS" */
#define VERSION     1u
#define SUM_BYTES   4
#define ARENA_BYTES ((size_t)256 << 20)
#define READ_BYTES  ((size_t)256 << 10)
#define SEED        0x9e3779b97f4a7c15u /* of files' sums, which nobody attacks */
#define PATH_ROOM   (MR_FILE_PATH_MAX + 16)

/* --- one file --------------------------------------------------------------------------------- */

static uint64_t add_to_sum(uint64_t sum, mr_slice bytes)
{
    size_t i = 0;
    uint64_t word;
    for (; i + 8 <= bytes.len; i += 8) {
        memcpy(&word, bytes.ptr + i, 8);
        sum = mr_hash_fold(sum ^ word, SEED);
    }
    word = 0;
    if (i < bytes.len) memcpy(&word, bytes.ptr + i, bytes.len - i);
    return mr_hash_fold(sum ^ word, SEED ^ bytes.len);
}

/* The sum of all bytes, and what the file is while they are read. */
static mr_code sum_of(const char *path, mr_file_entry *out, mr_error *err)
{
    mr_file file = {0};
    mr_identity identity;
    char *bytes = mr_mem_alloc(READ_BYTES);
    if (bytes == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to look at files");
    mr_code rc = mr_file_open(&file, path, err);
    if (rc == MR_OK) rc = mr_file_identity(&file, &identity, err);
    out->sum = SEED;
    for (uint64_t at = 0; rc == MR_OK;) {
        size_t got = 0;
        rc = mr_file_pread(&file, at, bytes, READ_BYTES, &got, err);
        if (rc != MR_OK || got == 0) break;
        out->sum = add_to_sum(out->sum, mr_slice_of(bytes, got));
        at += got;
    }
    if (rc == MR_OK) {
        out->size = identity.size_bytes;
        out->mtime_ns = identity.mtime_ns;
    }
    mr_file_close(&file);
    mr_mem_free(bytes);
    return rc;
}

/* --- lists ------------------------------------------------------------------------------------ */

static mr_code add_entry(mr_file_set *set, const mr_file_entry *entry, mr_error *err)
{
    if (set->count == set->room) {
        const uint32_t room = set->room == 0 ? 64 : set->room * 2;
        mr_file_entry *grown = mr_mem_realloc(set->entries, sizeof *grown * room);
        if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a list of files");
        set->entries = grown;
        set->room = room;
    }
    set->entries[set->count++] = *entry;
    return MR_OK;
}

static void path_in(const mr_file_set *set, const char *name, char out[PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s/%s", set->dir, name);
}

static mr_code no_list(const char *path, mr_error *err)
{
    return mr_fail(
        err, MR_ERR_INPUT,
        "the list of taken files '%s' is damaged; `millrace state reset` forgets it, and "
        "all files are new then",
        path);
}

static mr_code parse(mr_file_set *set, const char *path, mr_error *err)
{
    mr_slice bytes = mr_buffer_slice(&set->bytes);
    if (bytes.len < SUM_BYTES) return no_list(path, err);
    mr_packed_in tail = {.left = mr_slice_from(bytes, bytes.len - SUM_BYTES)};
    bytes.len -= SUM_BYTES;
    if (mr_packed_u32(&tail) != mr_crc32c(0, bytes)) return no_list(path, err);
    mr_packed_in in = {.left = bytes};
    if (mr_packed_u32(&in) != MAGIC || mr_packed_u32(&in) != VERSION) return no_list(path, err);
    for (uint32_t left = mr_packed_u32(&in); left > 0 && !in.broken; left--) {
        mr_file_entry entry = {.path = mr_packed_text(&in)};
        entry.size = mr_packed_u64(&in);
        entry.mtime_ns = (int64_t)mr_packed_u64(&in);
        entry.sum = mr_packed_u64(&in);
        entry.is_now = mr_packed_u32(&in) != 0;
        if (!in.broken) MR_TRY(add_entry(set, &entry, err));
    }
    return mr_packed_all_read(&in) ? MR_OK : no_list(path, err);
}

/* *out_there false when there is no such list. */
static mr_code read_list(mr_file_set *set, const char *name, bool *out_there, mr_error *err)
{
    char path[PATH_ROOM];
    mr_file file = {0};
    mr_identity identity;
    size_t got = 0;
    path_in(set, name, path);
    set->count = 0;
    mr_buffer_reset(&set->bytes);
    *out_there = access(path, F_OK) == 0;
    if (!*out_there) return MR_OK;
    mr_code rc = mr_file_open(&file, path, err);
    if (rc == MR_OK) rc = mr_file_identity(&file, &identity, err);
    if (rc == MR_OK) rc = mr_buffer_reserve(&set->bytes, identity.size_bytes, err);
    if (rc == MR_OK) rc = mr_file_pread(&file, 0, set->bytes.ptr, identity.size_bytes, &got, err);
    mr_file_close(&file);
    MR_TRY(rc);
    set->bytes.len = got;
    set->id = add_to_sum(SEED, mr_buffer_slice(&set->bytes));
    return parse(set, path, err);
}

static mr_code pack(const mr_file_set *set, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_pack_u32(out, MAGIC, err));
    MR_TRY(mr_pack_u32(out, VERSION, err));
    MR_TRY(mr_pack_u32(out, set->count, err));
    for (uint32_t i = 0; i < set->count; i++) {
        const mr_file_entry *entry = &set->entries[i];
        MR_TRY(mr_pack_text(out, entry->path, err));
        MR_TRY(mr_pack_u64(out, entry->size, err));
        MR_TRY(mr_pack_u64(out, (uint64_t)entry->mtime_ns, err));
        MR_TRY(mr_pack_u64(out, entry->sum, err));
        MR_TRY(mr_pack_u32(out, entry->is_now, err));
    }
    return mr_pack_u32(out, mr_crc32c(0, mr_buffer_slice(out)), err);
}

/* Appears whole or not at all, and durably. */
static mr_code write_list(mr_file_set *set, const char *name, mr_error *err)
{
    char path[PATH_ROOM];
    mr_buffer bytes;
    mr_file file = {0};
    path_in(set, name, path);
    mr_buffer_init(&bytes, "the list of taken files", MR_FILE_SET_BYTES_MAX);
    mr_code rc = pack(set, &bytes, err);
    if (rc == MR_OK) rc = mr_file_create_beside(&file, path, err);
    if (rc == MR_OK) rc = mr_file_write(&file, mr_buffer_slice(&bytes), err);
    if (rc == MR_OK) rc = mr_file_replace(&file, err);
    set->id = add_to_sum(SEED, mr_buffer_slice(&bytes));
    mr_file_close(&file);
    mr_buffer_done(&bytes);
    return rc;
}

/* --- which files are new ---------------------------------------------------------------------- */

static int compare(mr_slice a, mr_slice b)
{
    const int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int by_path(const void *a, const void *b)
{
    return compare(((const mr_file_entry *)a)->path, ((const mr_file_entry *)b)->path);
}

/* Among the first `sorted` entries, which are those of earlier runs. */
static mr_file_entry *find(const mr_file_set *set, uint32_t sorted, const char *path)
{
    const mr_file_entry wanted = {.path = mr_slice_text(path)};
    if (sorted == 0) return NULL;
    return bsearch(&wanted, set->entries, sorted, sizeof wanted, by_path);
}

/* Decides about one file that the pattern names, and takes it when it is new. */
static mr_code judge(mr_file_set *set, uint32_t sorted, const char *path, mr_error *err)
{
    mr_identity now;
    if (!mr_identity_of_path(path, &now) || now.inode == 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "'%s' is no regular file, so it cannot be told whether it is new (files: "
                       "new)",
                       path);
    mr_file_entry *known = find(set, sorted, path);
    const bool same_size = known != NULL && known->size == now.size_bytes;
    if (same_size && known->mtime_ns == now.mtime_ns) return MR_OK;
    mr_file_entry entry = {.path = mr_slice_text(path), .is_now = true};
    MR_TRY(sum_of(path, &entry, err));
    if (same_size && known->sum == entry.sum) {
        known->mtime_ns = entry.mtime_ns; /* it was only touched */
        return MR_OK;
    }
    set->now[set->now_count++] = path;
    if (known == NULL) return add_entry(set, &entry, err);
    *known = entry;
    return MR_OK;
}

/* What earlier runs have taken is in `set`. */
static mr_code find_new(mr_file_set *set, const char *pattern, mr_error *err)
{
    mr_paths paths;
    for (uint32_t i = 0; i < set->count; i++)
        set->entries[i].is_now = false;
    const uint32_t sorted = set->count;
    MR_TRY(mr_paths_find(&set->arena, pattern, &paths, err));
    set->now = mr_arena_take(&set->arena, sizeof *set->now * (paths.count + 1));
    if (set->now == NULL) return mr_arena_fail(&set->arena, err);
    for (uint32_t i = 0; i < paths.count; i++)
        MR_TRY(judge(set, sorted, paths.names[i], err));
    if (set->now_count == 0) return MR_OK;
    qsort(set->entries, set->count, sizeof *set->entries, by_path);
    return write_list(set, "files.next", err);
}

/* What an unfinished run has begun with, as long as all of it is as it was. */
static mr_code find_begun(mr_file_set *set, bool *out_valid, mr_error *err)
{
    MR_TRY(read_list(set, "files.next", out_valid, err));
    if (!*out_valid) return MR_OK;
    set->now = mr_arena_take(&set->arena, sizeof *set->now * (set->count + 1));
    if (set->now == NULL) return mr_arena_fail(&set->arena, err);
    for (uint32_t i = 0; i < set->count; i++) {
        const mr_file_entry *entry = &set->entries[i];
        mr_identity now;
        if (!entry->is_now) continue;
        const char *path = mr_arena_copy(&set->arena, entry->path);
        if (path == NULL) return mr_arena_fail(&set->arena, err);
        if (!mr_identity_of_path(path, &now) || now.size_bytes != entry->size ||
            now.mtime_ns != entry->mtime_ns)
            *out_valid = false;
        set->now[set->now_count++] = path;
    }
    if (!*out_valid) set->now_count = 0;
    return MR_OK;
}

static mr_code lock(mr_file_set *set, mr_error *err)
{
    char path[PATH_ROOM];
    path_in(set, "files.lock", path);
    set->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (set->lock_fd < 0)
        return mr_fail_errno(err, errno, "the list of taken files in '%s' cannot be kept",
                             set->dir);
    if (flock(set->lock_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return MR_OK;
    return mr_fail(err, MR_ERR_CONFLICT,
                   "another run of this pipeline is going on: it holds '%s'; wait for it, or give "
                   "one of them another --state-dir or name",
                   set->dir);
}

mr_code mr_file_set_open(mr_file_set *set, const char *dir, const char *pattern, bool start_over,
                         mr_error *err)
{
    bool begun = false, there;
    memset(set, 0, sizeof *set);
    set->lock_fd = -1;
    set->is_open = true;
    mr_arena_init(&set->arena, "file_set", ARENA_BYTES);
    mr_buffer_init(&set->bytes, "the list of taken files", MR_FILE_SET_BYTES_MAX);
    snprintf(set->dir, sizeof set->dir, "%s", dir);
    MR_TRY(mr_journal_make_dir(dir, err));
    MR_TRY(lock(set, err));
    MR_TRY(read_list(set, "files", &there, err));
    if (there) set->taken_id = set->id;
    if (!start_over) MR_TRY(find_begun(set, &begun, err));
    if (begun) return MR_OK;
    MR_TRY(read_list(set, "files", &there, err));
    return find_new(set, pattern, err);
}

mr_code mr_file_set_commit(mr_file_set *set, mr_error *err)
{
    char next[PATH_ROOM], taken[PATH_ROOM];
    path_in(set, "files.next", next);
    path_in(set, "files", taken);
    if (rename(next, taken) != 0)
        return mr_fail_errno(err, errno, "the list of taken files '%s' cannot be kept", taken);
    const int fd = open(set->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int rc = fd >= 0 ? fsync(fd) : 0;
    const int reason = errno;
    if (fd >= 0) close(fd);
    if (rc == 0 || reason == EINVAL) return MR_OK;
    return mr_fail_errno(err, reason, "the list of taken files '%s' cannot be synced", taken);
}

void mr_file_set_close(mr_file_set *set)
{
    if (!set->is_open) return;
    if (set->lock_fd >= 0) close(set->lock_fd);
    mr_mem_free(set->entries);
    mr_buffer_done(&set->bytes);
    mr_arena_done(&set->arena);
    *set = (mr_file_set){.lock_fd = -1};
}
