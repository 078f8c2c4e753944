/* SPDX-License-Identifier: MIT */
#include "bench/data.h"

#include <stdio.h>

#include "core/mem.h"
#include "core/sha256.h"
#include "record/refdata.h"

#define PIECE_BYTES ((size_t)256 << 10) /* a multiple of 8: the quick sum's words stay whole */
#define PIECE_ROWS  1024u

/* specs/pipeline.md section 6; a prefix is enough to know the file. */
static const struct {
    const char *set;
    uint64_t rows;
    const char *sha256;
} published[] = {
    {"mixed10", 1000000, "a6e6d3852bf2ba2566802af4fa1390b2e0b8935d60547eece41c42c587175059"},
    {"orders9", 1000000, "6c17c4f79938d7bf53c6c4b9a57fff90f26986fe166cd3771e92912dab0d7ef9"},
    {"people8", 1000000, "50def5dc0b086a1f17ac46f3b75b95286a7d7b31e17cfc85cacadd14e41f9715"},
    {"users7", 1000000, "6606ff381dd20f9395cc136dcb9761c201c3bf10dcff7d8cc3808b5f69bcf433"},
    {"mixed10r", 1000000, "4df1c2970e2295151c28bf8d7b4dd54b78d72dbd8be3f63a023b6fcf06fe5149"},
    {"mixed10", 1000, "0a8a913a3f390212"},
    {"orders9", 1000, "03b663eb22dc9176"},
    {"people8", 1000, "16f3dda4a2d04f46"},
    {"users7", 1000, "40c8ac10949e9035"},
    {"mixed10r", 1000, "bce8418727146a2c"},
};

mr_code mr_bench_path(const mr_bench *bench, const char *name, char *out, mr_error *err)
{
    const int len = snprintf(out, MR_FILE_PATH_MAX, "%s/%s", bench->dir, name);
    if (len > 0 && len < MR_FILE_PATH_MAX) return MR_OK;
    return mr_fail(err, MR_ERR_LIMIT, "the path of the scratch directory is too long");
}

static mr_code write_rows(mr_file *file, mr_refdata *data, mr_buffer *rows, mr_error *err)
{
    uint32_t count;
    MR_TRY(mr_refdata_header(data, rows, err));
    do {
        MR_TRY(mr_refdata_next(data, PIECE_ROWS, rows, &count, err));
        MR_TRY(mr_file_write(file, mr_buffer_slice(rows), err));
        mr_buffer_reset(rows);
    } while (count > 0);
    return mr_file_replace(file, err);
}

static mr_code make_file(const char *set, uint64_t rows, const char *path, mr_error *err)
{
    mr_refdata data;
    mr_buffer buffer;
    mr_file file = {0};
    MR_TRY(mr_refdata_init(&data, mr_slice_text(set), rows, err));
    mr_buffer_init(&buffer, "rows of the benchmark", (size_t)4 << 20);
    mr_code rc = mr_file_create_beside(&file, path, err);
    if (rc == MR_OK) rc = write_rows(&file, &data, &buffer, err);
    mr_file_close(&file);
    mr_buffer_done(&buffer);
    return rc;
}

static mr_code check_published(const char *set, uint64_t rows, const char *sha256, mr_error *err)
{
    for (size_t i = 0; i < MR_COUNT_OF(published); i++)
        if (strcmp(published[i].set, set) == 0 && published[i].rows == rows &&
            strncmp(published[i].sha256, sha256, strlen(published[i].sha256)) != 0)
            return mr_fail(err, MR_ERR_INPUT, "%s of %llu rows has the SHA-256 %s, not %s", set,
                           (unsigned long long)rows, sha256, published[i].sha256);
    return MR_OK;
}

mr_code mr_bench_data(mr_bench *bench, const char *set, uint64_t rows, mr_bench_file *out,
                      mr_error *err)
{
    char name[64];
    mr_identity there;
    snprintf(name, sizeof name, "%s-%llu.csv", set, (unsigned long long)rows);
    MR_TRY(mr_bench_path(bench, name, out->path, err));
    if (!mr_identity_of_path(out->path, &there)) MR_TRY(make_file(set, rows, out->path, err));
    MR_TRY(mr_bench_sum(out->path, out, err));
    return check_published(set, rows, out->sha256, err);
}

/* Calls `take` with the bytes of a file, a piece at a time. */
static mr_code each_piece(const char *path, void (*take)(void *context, mr_slice piece),
                          void *context, mr_error *err)
{
    mr_file file = {0};
    size_t got = 1;
    char *bytes = mr_mem_alloc(PIECE_BYTES);
    if (bytes == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory to sum a file");
    mr_code rc = mr_file_open(&file, path, err);
    for (uint64_t at = 0; rc == MR_OK && got > 0; at += got) {
        rc = mr_file_pread(&file, at, bytes, PIECE_BYTES, &got, err);
        if (rc == MR_OK) take(context, (mr_slice){bytes, got});
    }
    mr_file_close(&file);
    mr_mem_free(bytes);
    return rc;
}

static void add_sha256(void *context, mr_slice piece)
{
    mr_sha256_add(context, piece);
}

mr_code mr_bench_sum(const char *path, mr_bench_file *out, mr_error *err)
{
    mr_sha256 sum;
    mr_sha256_init(&sum);
    MR_TRY(each_piece(path, add_sha256, &sum, err));
    out->bytes = sum.length;
    if (out->path != path) snprintf(out->path, sizeof out->path, "%s", path);
    mr_sha256_hex(&sum, out->sha256);
    return MR_OK;
}

static void add_quick(void *context, mr_slice piece)
{
    uint64_t h = *(uint64_t *)context;
    for (size_t at = 0; at < piece.len; at += 8) {
        uint64_t word = 0;
        memcpy(&word, piece.ptr + at, piece.len - at < 8 ? piece.len - at : 8);
        h = ((h << 5 | h >> 59) ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    }
    *(uint64_t *)context = h;
}

mr_code mr_bench_quick_sum(const char *path, uint64_t *out, mr_error *err)
{
    mr_identity file;
    if (!mr_identity_of_path(path, &file))
        return mr_fail(err, MR_ERR_IO, "file '%s' is not there", path);
    *out = file.size_bytes;
    return each_piece(path, add_quick, out, err);
}
