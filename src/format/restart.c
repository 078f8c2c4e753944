/* SPDX-License-Identifier: MIT
 *
 * Marks are little-endian, one field behind the other:
 *
 *     'M' 1 codec encoding   text_offset made taken   before   high odd has_odd
 *     in_piece framing bit_count bits   check piece_taken piece_made
 *     window_len packed_len  packed_len bytes of window   CRC-32 of all that
 *
 * The window is packed with deflate; a window that does not shrink stands there as it is, and
 * packed_len is window_len. */
#include "format/restart.h"

#include <zlib.h>

#define MAGIC       'M'
#define VERSION     1
#define FIXED_BYTES 64
#define SUM_BYTES   4
#define PACK_LEVEL  1 /* of windows: 11 KiB of CSV in 0.3 ms; the best level saves a tenth */
#define PACKED_ROOM (MR_RESTART_WINDOW + 1024)

/* --- the table -------------------------------------------------------------------------------- */

mr_restart *mr_restarts_slot(mr_restarts *table)
{
    return &table->slots[table->next];
}

void mr_restarts_publish(mr_restarts *table)
{
    pthread_mutex_lock(&table->lock);
    table->next = (table->next + 1) % MR_COUNT_OF(table->slots);
    if (table->count < MR_RESTART_KEEP) table->count++;
    pthread_mutex_unlock(&table->lock);
}

/* Newest first. */
static const mr_restart *find(const mr_restarts *table, uint32_t file, uint64_t text_offset)
{
    const uint32_t slots = MR_COUNT_OF(table->slots);
    for (uint32_t i = 1; i <= table->count; i++) {
        const mr_restart *place = &table->slots[(table->next + slots - i) % slots];
        if (place->file == file && place->text_offset <= text_offset) return place;
    }
    return NULL;
}

mr_code mr_restarts_mark(mr_restarts *table, uint32_t file, uint64_t text_offset, mr_buffer *to,
                         mr_error *err)
{
    pthread_mutex_lock(&table->lock);
    const mr_restart *place = find(table, file, text_offset);
    const mr_code rc = place != NULL ? mr_restart_write(place, to, err) : MR_OK;
    pthread_mutex_unlock(&table->lock);
    return rc;
}

/* --- marks ------------------------------------------------------------------------------------ */

uint32_t mr_restart_sum(mr_slice bytes)
{
    return (uint32_t)crc32(0, (const Bytef *)bytes.ptr, (uInt)bytes.len);
}

static char *put(char *to, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(value >> 8 * i);
    return to + size;
}

static uint64_t take(mr_slice *from, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)(unsigned char)from->ptr[i] << 8 * i;
    *from = mr_slice_from(*from, size);
    return value;
}

/* Appends the window, packed if that makes it smaller. */
static mr_code put_window(const mr_restart_point *point, mr_buffer *to, size_t *out_len,
                          mr_error *err)
{
    const mr_slice window = mr_slice_of(point->window, point->window_len);
    const size_t begun = to->len;
    mr_compressor *stream;
    *out_len = 0;
    if (window.len == 0) return MR_OK;
    MR_TRY(mr_compressor_open(&stream, MR_CODEC_DEFLATE, PACK_LEVEL, err));
    mr_code rc = mr_compressor_block(stream, window, to, err);
    mr_compressor_close(stream);
    if (rc == MR_OK) rc = mr_buffer_append(to, mr_codec_tail(MR_CODEC_DEFLATE), err);
    if (rc == MR_OK && to->len - begun >= window.len) {
        to->len = begun;
        rc = mr_buffer_append(to, window, err);
    }
    *out_len = to->len - begun;
    return rc;
}

static void put_fixed(const mr_restart *place, size_t packed_len, char *at)
{
    const mr_restart_point *point = &place->point;
    *at++ = MAGIC;
    *at++ = VERSION;
    at = put(at, place->codec, 1);
    at = put(at, place->transcoder.encoding, 1);
    at = put(at, place->text_offset, 8);
    at = put(at, point->made, 8);
    at = put(at, point->taken, 8);
    at = put(at, place->before, 4);
    at = put(at, place->transcoder.high, 2);
    at = put(at, place->transcoder.odd, 1);
    at = put(at, place->transcoder.has_odd, 1);
    at = put(at, point->in_piece, 1);
    at = put(at, point->framing, 1);
    at = put(at, point->bit_count, 1);
    at = put(at, point->bits, 1);
    at = put(at, point->check, 4);
    at = put(at, point->piece_taken, 8);
    at = put(at, point->piece_made, 8);
    at = put(at, point->window_len, 2);
    (void)put(at, packed_len, 2);
}

mr_code mr_restart_write(const mr_restart *place, mr_buffer *to, mr_error *err)
{
    static_assert(FIXED_BYTES + PACKED_ROOM + SUM_BYTES <= MR_RESTART_MARK_MAX, "a mark fits");
    const size_t begun = to->len;
    size_t packed_len;
    MR_TRY(mr_buffer_reserve(to, FIXED_BYTES + PACKED_ROOM + SUM_BYTES, err));
    to->len += FIXED_BYTES;
    MR_TRY(put_window(&place->point, to, &packed_len, err));
    put_fixed(place, packed_len, to->ptr + begun);
    char sum[SUM_BYTES];
    (void)put(sum, mr_restart_sum(mr_slice_of(to->ptr + begun, to->len - begun)), SUM_BYTES);
    return mr_buffer_append(to, mr_slice_of(sum, SUM_BYTES), err);
}

static mr_code no_mark(const char *why, mr_error *err)
{
    return mr_fail(err, MR_ERR_INPUT, "the restart point of a compressed file is damaged: %s", why);
}

static mr_code take_window(mr_slice packed, mr_restart_point *point, mr_error *err)
{
    mr_decompressor *stream;
    size_t got = 0, len = 0;
    if (packed.len == point->window_len) {
        if (packed.len > 0) memcpy(point->window, packed.ptr, packed.len);
        return MR_OK;
    }
    MR_TRY(mr_decompressor_open(&stream, MR_CODEC_DEFLATE, 0, err));
    mr_code rc;
    do {
        rc = mr_decompressor_read(stream, &packed, point->window + len, point->window_len - len,
                                  &got, err);
        if (rc == MR_OK) len += got;
    } while (rc == MR_OK && got > 0 && len < point->window_len);
    mr_decompressor_close(stream);
    if (rc == MR_ERR_NOMEM) return rc;
    return rc == MR_OK && len == point->window_len ? MR_OK : no_mark("its window", err);
}

/* Can decoding begin at `point`, as far as it can be told without the data? */
static bool is_sane(const mr_restart *place)
{
    const mr_restart_point *point = &place->point;
    const mr_codec codec = place->codec;
    if (codec != MR_CODEC_GZIP && codec != MR_CODEC_DEFLATE && codec != MR_CODEC_ZSTD &&
        codec != MR_CODEC_LZ4)
        return false;
    if (place->transcoder.encoding > MR_ENCODING_BINARY) return false;
    if (place->transcoder.high != 0 && (place->transcoder.high & 0xfc00) != 0xd800) return false;
    if (!point->in_piece) return codec != MR_CODEC_DEFLATE && point->window_len == 0;
    const bool framed = codec == MR_CODEC_GZIP ? point->framing == MR_RESTART_GZIP
                                               : point->framing < MR_RESTART_GZIP;
    return (codec == MR_CODEC_GZIP || codec == MR_CODEC_DEFLATE) && framed &&
           point->bit_count < 8 && point->bits < 1u << point->bit_count &&
           point->window_len <= MR_RESTART_WINDOW && point->window_len <= point->piece_made &&
           point->piece_made <= point->made && point->piece_taken <= point->taken;
}

mr_code mr_restart_parse(mr_slice mark, mr_restart *out, mr_error *err)
{
    mr_restart_point *point = &out->point;
    if (mark.len < FIXED_BYTES + SUM_BYTES || mark.len > MR_RESTART_MARK_MAX)
        return no_mark("its length", err);
    mr_slice sum = mr_slice_from(mark, mark.len - SUM_BYTES);
    mr_slice rest = mr_slice_of(mark.ptr, mark.len - SUM_BYTES);
    if (take(&sum, SUM_BYTES) != mr_restart_sum(rest)) return no_mark("its checksum", err);
    if (rest.ptr[0] != MAGIC || rest.ptr[1] != VERSION) return no_mark("its version", err);
    rest = mr_slice_from(rest, 2);
    out->codec = (mr_codec)take(&rest, 1);
    out->transcoder = (mr_transcoder){.encoding = (mr_encoding)take(&rest, 1)};
    out->text_offset = take(&rest, 8);
    point->made = take(&rest, 8);
    point->taken = take(&rest, 8);
    out->before = (uint32_t)take(&rest, 4);
    out->transcoder.high = (uint16_t)take(&rest, 2);
    out->transcoder.odd = (uint8_t)take(&rest, 1);
    out->transcoder.has_odd = take(&rest, 1) != 0;
    point->in_piece = take(&rest, 1) != 0;
    point->framing = (mr_restart_framing)take(&rest, 1);
    point->bit_count = (unsigned)take(&rest, 1);
    point->bits = (unsigned)take(&rest, 1);
    point->check = (uint32_t)take(&rest, 4);
    point->piece_taken = take(&rest, 8);
    point->piece_made = take(&rest, 8);
    point->window_len = (uint32_t)take(&rest, 2);
    const size_t packed_len = take(&rest, 2);
    if (!is_sane(out) || packed_len != rest.len || packed_len > point->window_len)
        return no_mark("its fields contradict each other", err);
    return take_window(rest, point, err);
}
