/* SPDX-License-Identifier: MIT
 *
 * How fast each codec packs and unpacks, and how small: one reference set as CSV in memory, packed
 * in blocks of 1 MiB as lanes do, unpacked as a reader does (specs/pipeline.md section 12, B19).
 *
 *     codec_bench [set]
 *
 * Rates are of plain bytes per second of CPU time, so that a busy machine disturbs them little; the
 * median of several runs, on one core.
 *
 * Thread: one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/mem.h"
#include "format/codec.h"
#include "record/refdata.h"

#define ROWS        300000u
#define BLOCK_BYTES ((size_t)1 << 20)
#define READ_BYTES  ((size_t)256 << 10)
#define RUNS        5

static mr_error err;

static void need(mr_code rc)
{
    if (rc == MR_OK) return;
    fprintf(stderr, "codec_bench: %s\n", err.text);
    exit(1);
}

static double cpu_now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void make_text(const char *name, mr_buffer *out)
{
    mr_refdata data;
    uint32_t count = 1;
    need(mr_refdata_init(&data, mr_slice_text(name), ROWS, &err));
    while (count > 0)
        need(mr_refdata_next(&data, 1024, out, &count, &err));
}

static double pack(mr_compressor *stream, mr_codec codec, mr_slice plain, mr_buffer *packed)
{
    const double start = cpu_now();
    mr_buffer_reset(packed);
    while (plain.len > 0) {
        const size_t len = plain.len < BLOCK_BYTES ? plain.len : BLOCK_BYTES;
        need(mr_compressor_block(stream, mr_slice_of(plain.ptr, len), packed, &err));
        plain = mr_slice_from(plain, len);
    }
    need(mr_buffer_append(packed, mr_codec_tail(codec), &err));
    return cpu_now() - start;
}

static double unpack(mr_decompressor *stream, mr_slice packed, size_t wanted)
{
    static char to[READ_BYTES];
    const double start = cpu_now();
    size_t sum = 0, got = 1;
    mr_decompressor_reset(stream);
    while (got > 0) {
        need(mr_decompressor_read(stream, &packed, to, sizeof to, &got, &err));
        sum += got;
    }
    need(mr_decompressor_finish(stream, &err));
    if (sum != wanted) need(mr_fail(&err, MR_ERR_INPUT, "%zu bytes of %zu came back", sum, wanted));
    return cpu_now() - start;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, RUNS, sizeof *values, by_value);
    return values[RUNS / 2];
}

static void bench(mr_codec codec, int level, mr_slice plain)
{
    mr_compressor *to;
    mr_decompressor *from;
    mr_buffer packed;
    double packing[RUNS], unpacking[RUNS];
    mr_buffer_init(&packed, "packed", (size_t)1 << 30);
    need(mr_compressor_open(&to, codec, level, &err));
    need(mr_decompressor_open(&from, codec, 0, &err));
    (void)pack(to, codec, plain, &packed);
    (void)unpack(from, mr_buffer_slice(&packed), plain.len);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < RUNS; i++) {
        packing[i] = pack(to, codec, plain, &packed);
        unpacking[i] = unpack(from, mr_buffer_slice(&packed), plain.len);
    }
    const double megabytes = (double)plain.len / 1e6;
    printf("  %-8s %2d   ratio %5.2f   pack %6.0f MB/s   unpack %6.0f MB/s   %llu allocations\n",
           mr_codec_name(codec), level, (double)plain.len / (double)packed.len,
           megabytes / median(packing), megabytes / median(unpacking),
           (unsigned long long)mr_mem_allocs_since(warm));
    mr_compressor_close(to);
    mr_decompressor_close(from);
    mr_buffer_done(&packed);
}

int main(int argc, char **argv)
{
    static const struct {
        mr_codec codec;
        int level;
    } cases[] = {{MR_CODEC_GZIP, 1}, {MR_CODEC_GZIP, 6}, {MR_CODEC_DEFLATE, 1}, {MR_CODEC_ZSTD, 1},
                 {MR_CODEC_ZSTD, 3}, {MR_CODEC_ZSTD, 7}, {MR_CODEC_LZ4, 0},     {MR_CODEC_LZ4, 6}};
    const char *name = argc > 1 ? argv[1] : "mixed10";
    mr_buffer text;
    mr_buffer_init(&text, "text", (size_t)1 << 30);
    make_text(name, &text);
    printf("%s: %u rows, %zu bytes of CSV\n", name, ROWS, text.len);
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++)
        bench(cases[i].codec, cases[i].level, mr_buffer_slice(&text));
    mr_buffer_done(&text);
    return 0;
}
