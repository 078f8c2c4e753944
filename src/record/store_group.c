/* SPDX-License-Identifier: MIT
 *
 * The sealed groups of a store: in memory, compressed in memory, or in the spill file. The file has
 * no name (it is unlinked as it is made), so nothing is left behind however the process ends. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <lz4.h>
#include <zstd.h>

#include "core/mem.h"
#include "record/store_internal.h"

#define ZSTD_LEVEL 3

mr_store_slot *mr_store_slot_of(const mr_store *store, uint64_t record)
{
    uint32_t low = 0, high = store->slot_count;
    while (low < high) { /* the first slot that ends beyond the record */
        const uint32_t middle = low + (high - low) / 2;
        if (store->slots[middle].first_record + store->slots[middle].row_count <= record)
            low = middle + 1;
        else
            high = middle;
    }
    return low < store->slot_count ? &store->slots[low] : NULL;
}

mr_code mr_store_room_for_group(mr_store *store, mr_error *err)
{
    if (store->slot_count < store->slot_cap) return MR_OK;
    const uint32_t cap = store->slot_cap < 4 ? 4 : store->slot_cap + store->slot_cap / 2;
    mr_store_slot *grown = mr_mem_realloc(store->slots, sizeof *grown * cap);
    if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for sealed groups");
    store->slots = grown;
    store->slot_cap = cap;
    return MR_OK;
}

void mr_store_push_group(mr_store *store, mr_group *group)
{
    store->slots[store->slot_count++] = (mr_store_slot){.memory = group,
                                                        .first_record = store->tail_first,
                                                        .raw_bytes = group->size_bytes,
                                                        .stored_bytes = group->size_bytes,
                                                        .text_bytes = group->text_bytes,
                                                        .row_count = group->row_count};
    store->slot_bytes += mr_mem_usable(group);
}

static void free_memory(mr_store *store, mr_store_slot *slot)
{
    store->slot_bytes -= mr_mem_usable(slot->memory);
    mr_mem_free(slot->memory);
    slot->memory = NULL;
}

void mr_store_drop_groups(mr_store *store, uint64_t before_record)
{
    uint32_t gone = 0, spilled = 0;
    while (gone < store->slot_count &&
           store->slots[gone].first_record + store->slots[gone].row_count <= before_record) {
        if (store->cache_first == store->slots[gone].first_record) store->cache_first = UINT64_MAX;
        free_memory(store, &store->slots[gone++]);
    }
    if (gone == 0) return;
    store->slot_count -= gone;
    memmove(store->slots, store->slots + gone, sizeof *store->slots * store->slot_count);
    for (uint32_t i = 0; i < store->slot_count; i++)
        spilled += store->slots[i].is_spilled;
    if (spilled == 0 && store->spill_end > 0 && ftruncate(store->spill_fd, 0) == 0)
        store->spill_end = 0;
}

void mr_store_close_groups(mr_store *store)
{
    for (uint32_t i = 0; i < store->slot_count; i++)
        free_memory(store, &store->slots[i]);
    mr_mem_free(store->slots);
    mr_mem_free(store->cache);
    ZSTD_freeDCtx(store->zstd_decoder);
    if (store->spill_fd >= 0) close(store->spill_fd);
    store->slots = NULL;
    store->cache = NULL;
    store->slot_count = 0;
}

/* --- compression --- */

/* Compresses `raw_bytes` of a group into `to`; 0 when that fails or would not be smaller. */
static size_t compress_bytes(mr_store_codec codec, const void *raw, size_t raw_bytes, void *to,
                             size_t room)
{
    size_t got = 0;
    if (codec == MR_STORE_ZSTD) {
        got = ZSTD_compress(to, room, raw, raw_bytes, ZSTD_LEVEL);
        if (ZSTD_isError(got)) got = 0;
    } else if (raw_bytes <= LZ4_MAX_INPUT_SIZE) {
        const int capped = room < INT_MAX ? (int)room : INT_MAX;
        got = (size_t)LZ4_compress_default(raw, to, (int)raw_bytes, capped);
    }
    return got;
}

/* Room is given for 7/8 of the group only: what does not shrink by that much stays as it is. */
static mr_code compress_slot(mr_store *store, mr_store_slot *slot, mr_error *err)
{
    const mr_store_codec codec = store->config.compression;
    const size_t room = slot->raw_bytes - slot->raw_bytes / 8;
    mr_buffer_reset(&store->stored);
    MR_TRY(mr_buffer_reserve(&store->stored, room, err));
    const size_t got =
        compress_bytes(codec, slot->memory, slot->raw_bytes, store->stored.ptr, room);
    if (got == 0) {
        slot->is_stubborn = true;
        return MR_OK;
    }
    void *memory = mr_mem_alloc(got);
    if (memory == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to compress a group");
    memcpy(memory, store->stored.ptr, got);
    free_memory(store, slot);
    slot->memory = memory;
    slot->stored_bytes = got;
    slot->codec = (uint8_t)codec;
    store->slot_bytes += mr_mem_usable(memory);
    return MR_OK;
}

mr_code mr_store_compress_groups(mr_store *store, mr_error *err)
{
    if (store->config.compression == MR_STORE_PLAIN) return MR_OK;
    mr_code rc = MR_OK;
    for (uint32_t i = 0; i < store->slot_count && rc == MR_OK; i++) {
        mr_store_slot *slot = &store->slots[i];
        if (slot->codec == MR_STORE_PLAIN && !slot->is_spilled && !slot->is_stubborn)
            rc = compress_slot(store, slot, err);
    }
    mr_buffer_done(&store->stored);
    return rc;
}

static mr_code decompress(mr_store *store, const mr_store_slot *slot, const void *from,
                          mr_error *err)
{
    bool ok;
    if (slot->codec == MR_STORE_ZSTD) {
        if (store->zstd_decoder == NULL) store->zstd_decoder = ZSTD_createDCtx();
        if (store->zstd_decoder == NULL)
            return mr_fail(err, MR_ERR_NOMEM, "no memory left to decompress a row group");
        ok = ZSTD_decompressDCtx(store->zstd_decoder, store->cache, slot->raw_bytes, from,
                                 slot->stored_bytes) == slot->raw_bytes;
    } else {
        ok = LZ4_decompress_safe(from, (char *)store->cache, (int)slot->stored_bytes,
                                 (int)slot->raw_bytes) == (int)slot->raw_bytes;
    }
    return ok ? MR_OK : mr_fail(err, MR_ERR_IO, "a compressed row group does not decompress");
}

/* --- spilling --- */

static mr_code open_spill(mr_store *store, mr_error *err)
{
    if (store->spill_fd >= 0) return MR_OK;
    int fd = open(store->config.spill_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* not every file system has nameless files */
        char path[PATH_MAX];
        const int len = snprintf(path, sizeof path, "%s/millrace-XXXXXX", store->config.spill_dir);
        if (len < 0 || (size_t)len >= sizeof path)
            return mr_fail(err, MR_ERR_USAGE, "storage.spill_dir is too long");
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) unlink(path);
    }
    if (fd < 0) return mr_fail_errno(err, errno, "storage.spill_dir '%s'", store->config.spill_dir);
    store->spill_fd = fd;
    return MR_OK;
}

static mr_code write_all(int fd, const char *from, uint64_t bytes, uint64_t offset, mr_error *err)
{
    while (bytes > 0) {
        const ssize_t done = pwrite(fd, from, bytes, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return mr_fail_errno(err, errno, "writing a row group to the spill file");
        from += done;
        offset += (uint64_t)done;
        bytes -= (uint64_t)done;
    }
    return MR_OK;
}

static mr_code read_all(int fd, char *to, uint64_t bytes, uint64_t offset, mr_error *err)
{
    while (bytes > 0) {
        const ssize_t done = pread(fd, to, bytes, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) return mr_fail(err, MR_ERR_IO, "the spill file is shorter than it was");
        if (done < 0) return mr_fail_errno(err, errno, "reading a row group from the spill file");
        to += done;
        offset += (uint64_t)done;
        bytes -= (uint64_t)done;
    }
    return MR_OK;
}

mr_code mr_store_spill_groups(mr_store *store, uint64_t target_bytes, mr_error *err)
{
    for (uint32_t i = 0; i < store->slot_count && mr_store_bytes(store) > target_bytes; i++) {
        mr_store_slot *slot = &store->slots[i];
        if (slot->is_spilled) continue;
        MR_TRY(open_spill(store, err));
        MR_TRY(write_all(store->spill_fd, (const char *)slot->memory, slot->stored_bytes,
                         store->spill_end, err));
        slot->file_offset = store->spill_end;
        slot->is_spilled = true;
        store->spill_end += slot->stored_bytes;
        free_memory(store, slot);
    }
    return MR_OK;
}

/* --- reading --- */

static mr_code reserve_cache(mr_store *store, uint64_t bytes, mr_error *err)
{
    store->cache_first = UINT64_MAX;
    if (store->cache_cap >= bytes) return MR_OK;
    mr_mem_free(store->cache);
    store->cache_cap = 0;
    store->cache = mr_mem_alloc(bytes);
    if (store->cache == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to read a row group back");
    store->cache_cap = bytes;
    return MR_OK;
}

mr_code mr_store_load_group(mr_store *store, const mr_store_slot *slot, const mr_group **out,
                            mr_error *err)
{
    *out = slot->memory;
    if (slot->codec == MR_STORE_PLAIN && !slot->is_spilled) return MR_OK;
    *out = store->cache;
    if (store->cache_first == slot->first_record) return MR_OK;
    MR_TRY(reserve_cache(store, slot->raw_bytes, err));
    *out = store->cache;
    const char *from = (const char *)slot->memory;
    if (slot->is_spilled) {
        char *to = (char *)store->cache;
        if (slot->codec != MR_STORE_PLAIN) {
            mr_buffer_reset(&store->stored);
            MR_TRY(mr_buffer_reserve(&store->stored, slot->stored_bytes, err));
            to = store->stored.ptr;
        }
        MR_TRY(read_all(store->spill_fd, to, slot->stored_bytes, slot->file_offset, err));
        from = to;
    }
    if (slot->codec != MR_STORE_PLAIN) MR_TRY(decompress(store, slot, from, err));
    store->cache_first = slot->first_record;
    return MR_OK;
}
