/* SPDX-License-Identifier: MIT */
#include "support/power_cut.h"

#include <fcntl.h>
#include <unistd.h>

#include "support/test.h"

#define SECTOR      512
#define CHANGES_MAX 400000
#define FILES_MAX   64

typedef struct change {
    power_cut_record head;
    const char *before, *after;
    int file;
} change;

typedef struct file {
    mr_slice path;
    uint64_t safe; /* records up to this one */
    int fd;
} file;

typedef struct cut {
    char *bytes;
    change *changes;
    size_t count;
    file files[FILES_MAX];
    size_t file_count;
} cut;

static int file_of(cut *c, mr_slice path)
{
    for (size_t i = 0; i < c->file_count; i++)
        if (mr_slice_equal(c->files[i].path, path)) return (int)i;
    if (c->file_count == FILES_MAX) MR_TEST_FAIL("more than %u files\n", FILES_MAX);
    c->files[c->file_count] = (file){.path = path, .fd = -1};
    return (int)c->file_count++;
}

/* Reads the record; what a kill cut short at its end has not happened. */
static void read_record(cut *c, const char *path)
{
    size_t len;
    c->bytes = mr_test_read_file(path, &len);
    c->changes = mr_mem_alloc(CHANGES_MAX * sizeof *c->changes);
    MR_EXPECT(c->changes != NULL);
    for (size_t at = 0; at + sizeof(power_cut_record) <= len;) {
        change next = {0};
        memcpy(&next.head, c->bytes + at, sizeof next.head);
        at += sizeof next.head;
        const size_t rest = next.head.path_len + next.head.before + next.head.len;
        if (rest > len - at) break;
        next.file = file_of(c, mr_slice_of(c->bytes + at, next.head.path_len));
        next.before = c->bytes + at + next.head.path_len;
        next.after = next.before + next.head.before;
        at += rest;
        if (next.head.kind == POWER_CUT_SYNC)
            c->files[next.file].safe = mr_max_u64(c->files[next.file].safe, next.head.upto);
        else if (c->count < CHANGES_MAX)
            c->changes[c->count++] = next;
        else
            MR_TEST_FAIL("more than %u changes\n", CHANGES_MAX);
    }
}

static void put_bytes(int fd, const char *bytes, size_t len, int64_t offset)
{
    if (len > 0 && pwrite(fd, bytes, len, offset) != (ssize_t)len)
        MR_TEST_FAIL("a file cannot be written\n");
}

static void cut_to(int fd, int64_t size)
{
    if (ftruncate(fd, size) != 0) MR_TEST_FAIL("a file cannot be cut\n");
}

static void undo(const cut *c, const change *done)
{
    const int fd = c->files[done->file].fd;
    put_bytes(fd, done->before, done->head.before, done->head.offset);
    cut_to(fd, done->head.size);
}

/* A write may also have come halfway, at a sector's border. */
static void redo(const cut *c, const change *done, uint64_t dice)
{
    const int fd = c->files[done->file].fd;
    if (done->head.kind == POWER_CUT_TRUNCATE) {
        cut_to(fd, done->head.offset);
        return;
    }
    size_t len = done->head.len;
    if (dice % 4 == 0 && len > SECTOR) len = (1 + dice / 4 % (len / SECTOR)) * SECTOR;
    put_bytes(fd, done->after, mr_min_u64(len, done->head.len), done->head.offset);
}

power_cut_result power_cut(const char *record, unsigned per_cent, uint64_t seed)
{
    static cut c;
    power_cut_result result = {0};
    c = (cut){0};
    read_record(&c, record);
    for (size_t i = 0; i < c.file_count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%.*s", MR_SLICE_ARGS(c.files[i].path));
        c.files[i].fd = open(path, O_RDWR | O_CLOEXEC); /* -1: it was removed */
    }
    size_t kept = 0; /* only what is in danger stays in the list */
    for (size_t i = 0; i < c.count; i++) {
        const file *f = &c.files[c.changes[i].file];
        if (f->fd >= 0 && c.changes[i].head.number > f->safe) c.changes[kept++] = c.changes[i];
    }
    result.safe = c.count - kept;
    for (size_t i = kept; i > 0; i--)
        undo(&c, &c.changes[i - 1]);
    for (size_t i = 0; i < kept; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        const bool stays = (seed >> 33) % 100 < per_cent;
        if (stays) redo(&c, &c.changes[i], seed >> 40);
        result.kept += stays;
        result.lost += !stays;
    }
    for (size_t i = 0; i < c.file_count; i++)
        if (c.files[i].fd >= 0) close(c.files[i].fd);
    mr_mem_free(c.changes);
    mr_mem_free(c.bytes);
    unlink(record);
    return result;
}
