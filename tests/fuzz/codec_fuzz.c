/* SPDX-License-Identifier: MIT
 *
 * Hostile compressed data. The first byte picks codec and way of feeding, the rest is the data:
 *
 *     bits 0-1  gzip, deflate, zstd, lz4     bits 2-4  room for output 1, 8, 64 ...
 *     bits 5-7  input in parts of all, 1, 2, 3, 7, 64, 1000, 4096 bytes
 *
 * The same data in one part must give the same bytes and the same end. Then the data is taken for
 * text of each encoding, and compressed and decompressed again. */
#include <stdlib.h>

#include "core/mem.h"
#include "format/codec.h"
#include "format/encoding.h"

#define MOST_BYTES (1u << 18) /* of decoded data looked at, */
#define MOST_READS (1u << 12) /* in about so many reads: all of it byte by byte would be slow */
#define WINDOW_LOG 21         /* what zstd itself takes for streams of its default level */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool condition)
{
    if (!condition) abort();
}

static const mr_codec codecs[] = {MR_CODEC_GZIP, MR_CODEC_DEFLATE, MR_CODEC_ZSTD, MR_CODEC_LZ4};

/* Each reading has a stream of its own: what one finds must not depend on inputs before it. */
static mr_code decode(mr_codec codec, mr_slice in, size_t step, size_t room, size_t most,
                      mr_buffer *to)
{
    mr_decompressor *stream;
    mr_error err;
    mr_code rc = MR_OK;
    mr_buffer_reset(to);
    must(mr_buffer_reserve(to, most, &err) == MR_OK);
    must(mr_decompressor_open(&stream, codec, WINDOW_LOG, &err) == MR_OK);
    while (rc == MR_OK && to->len < most) {
        mr_slice part = mr_slice_of(in.ptr, step != 0 && step < in.len ? step : in.len);
        size_t got = 1;
        in = mr_slice_from(in, part.len);
        while (rc == MR_OK && got > 0 && to->len < most) {
            if (room > most - to->len) room = most - to->len;
            rc = mr_decompressor_read(stream, &part, to->ptr + to->len, room, &got, &err);
            if (rc == MR_OK) to->len += got;
        }
        if (rc == MR_OK && got == 0) must(part.len == 0);
        if (in.len == 0) break;
    }
    if (rc == MR_OK && to->len < most) rc = mr_decompressor_finish(stream, &err);
    mr_decompressor_close(stream);
    return rc;
}

/* Making a compressor costs more than all else here, so each is made once. */
static mr_compressor *compressor_of(mr_codec codec)
{
    static mr_compressor *made[MR_CODEC_LZ4 + 1];
    mr_error err;
    if (made[codec] == NULL)
        must(mr_compressor_open(&made[codec], codec, mr_codec_default_level(codec), &err) == MR_OK);
    return made[codec];
}

static void round_trip(mr_codec codec, mr_slice plain, mr_buffer *packed, mr_buffer *out)
{
    mr_compressor *stream = compressor_of(codec);
    mr_error err;
    const size_t half = plain.len / 2;
    mr_buffer_reset(packed);
    must(mr_compressor_block(stream, mr_slice_of(plain.ptr, half), packed, &err) == MR_OK);
    must(mr_compressor_write(stream, mr_slice_from(plain, half), packed, &err) == MR_OK);
    must(mr_compressor_end(stream, packed, &err) == MR_OK);
    must(mr_buffer_append(packed, mr_codec_tail(codec), &err) == MR_OK);
    must(decode(codec, mr_buffer_slice(packed), 0, 4096, MOST_BYTES, out) == MR_OK);
    must(mr_slice_equal(mr_buffer_slice(out), plain));
}

static void transcode(mr_encoding encoding, mr_slice in)
{
    mr_transcoder self = {.encoding = encoding};
    char out[64];
    size_t got = 1;
    mr_error err;
    while (in.len > 0)
        got = mr_transcode(&self, &in, out, MR_TRANSCODE_OUT_BYTES + in.len % 50);
    while (got > 0 && mr_transcode_finish(&self, out, &got, &err) == MR_OK)
        continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const size_t steps[] = {0, 1, 2, 3, 7, 64, 1000, 4096};
    if (size == 0 || size > 1 << 16) return 0;
    const mr_codec codec = codecs[bytes[0] & 3];
    const mr_slice data = mr_slice_of((const char *)bytes + 1, size - 1);
    const size_t room = (size_t)1 << (bytes[0] >> 2 & 7) * 3;
    const size_t most = room < MOST_BYTES / MOST_READS ? room * MOST_READS : MOST_BYTES;
    static mr_buffer out = {.name = "fuzz", .max = 4 << 20},
                     whole = {.name = "fuzz", .max = 4 << 20};
    (void)mr_codec_detect(data, true);
    const mr_code rc = decode(codec, data, steps[bytes[0] >> 5], room, most, &out);
    must(decode(codec, data, 0, most, most, &whole) == rc);
    must(mr_slice_equal(mr_buffer_slice(&out), mr_buffer_slice(&whole)));
    round_trip(codec, data, &whole, &out);
    for (int i = MR_ENCODING_UTF8; i <= MR_ENCODING_BINARY; i++)
        transcode((mr_encoding)i, data);
    return 0;
}
