/* SPDX-License-Identifier: MIT
 *
 * Hostile restart points. The first byte picks what they are used on, the rest is a mark without
 * its checksum, which is added, so that what lies behind that check is reached:
 *
 *     bits 0-1  gzip, deflate, zstd, lz4     bit 2  many pieces
 *
 * Decoding from such a place may give any bytes and any error. A mark that was accepted is written
 * again and must be read as the same. */
#include <stdio.h>
#include <stdlib.h>

#include "format/restart.h"

#define PLAIN_BYTES 150000
#define PIECE_BYTES 5000
#define MOST_BYTES  (1u << 18) /* of decoded data looked at */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool condition)
{
    if (!condition) abort();
}

static void make(mr_codec codec, bool many, mr_buffer *to)
{
    static char plain[PLAIN_BYTES + 64];
    mr_compressor *stream;
    mr_error err;
    uint32_t state = 1;
    for (size_t at = 0; at < PLAIN_BYTES;) {
        state = state * 1664525 + 1013904223;
        at += (size_t)snprintf(plain + at, 64, "%u,order %u\n", state >> 20, state >> 28);
    }
    must(mr_compressor_open(&stream, codec, mr_codec_default_level(codec), &err) == MR_OK);
    const size_t step = many ? PIECE_BYTES : PLAIN_BYTES;
    for (size_t at = 0; at < PLAIN_BYTES; at += step)
        must(mr_compressor_block(stream, mr_slice_of(plain + at, step), to, &err) == MR_OK);
    must(mr_buffer_append(to, mr_codec_tail(codec), &err) == MR_OK);
    mr_compressor_close(stream);
}

static mr_slice data_of(mr_codec codec, bool many)
{
    static mr_buffer made[MR_CODEC_LZ4 + 1][2];
    mr_buffer *data = &made[codec][many];
    if (data->len == 0) {
        mr_buffer_init(data, "fuzz", 1 << 20);
        make(codec, many, data);
    }
    return mr_buffer_slice(data);
}

static void decode_from(const mr_restart *place, mr_slice data)
{
    static char out[4096];
    mr_decompressor *stream;
    mr_restart_point noted;
    mr_error err;
    if (place->point.taken > data.len) return;
    mr_slice rest = mr_slice_from(data, (size_t)place->point.taken);
    must(mr_decompressor_open(&stream, place->codec, 0, &err) == MR_OK);
    mr_decompressor_note(stream, 1000, &noted);
    mr_code rc = mr_decompressor_resume(stream, &place->point, &err);
    size_t got = 1, sum = 0;
    while (rc == MR_OK && got > 0 && sum < MOST_BYTES) {
        rc = mr_decompressor_read(stream, &rest, out, sizeof out, &got, &err);
        if (rc == MR_OK) sum += got;
        if (!mr_decompressor_noted(stream)) continue;
        must(noted.window_len <= MR_RESTART_WINDOW && noted.bit_count < 8);
        mr_decompressor_renote(stream, &noted);
    }
    if (rc == MR_OK && got == 0) rc = mr_decompressor_finish(stream, &err);
    must(rc == MR_OK || rc == MR_ERR_INPUT || rc == MR_ERR_LIMIT);
    mr_decompressor_close(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const mr_codec codecs[] = {MR_CODEC_GZIP, MR_CODEC_DEFLATE, MR_CODEC_ZSTD, MR_CODEC_LZ4};
    static mr_buffer mark = {.name = "fuzz", .max = 1 << 20};
    static mr_restart place, again;
    mr_error err;
    if (size == 0 || size > 1 << 16) return 0;
    const mr_slice given = mr_slice_of((const char *)bytes + 1, size - 1);
    const uint32_t sum = mr_restart_sum(given);
    const char tail[] = {(char)sum, (char)(sum >> 8), (char)(sum >> 16), (char)(sum >> 24)};
    mr_buffer_reset(&mark);
    must(mr_restart_parse(given, &place, &err) != MR_ERR_NOMEM);
    must(mr_buffer_append(&mark, given, &err) == MR_OK);
    must(mr_buffer_append(&mark, mr_slice_of(tail, sizeof tail), &err) == MR_OK);
    memset(&place, 0, sizeof place);
    if (mr_restart_parse(mr_buffer_slice(&mark), &place, &err) != MR_OK) return 0;
    decode_from(&place, data_of(codecs[bytes[0] & 3], (bytes[0] & 4) != 0));
    mr_buffer_reset(&mark);
    memset(&again, 0, sizeof again);
    must(mr_restart_write(&place, &mark, &err) == MR_OK);
    must(mr_restart_parse(mr_buffer_slice(&mark), &again, &err) == MR_OK);
    must(memcmp(&place, &again, sizeof place) == 0);
    return 0;
}
