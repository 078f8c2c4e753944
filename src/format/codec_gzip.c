/* SPDX-License-Identifier: MIT
 *
 * gzip and deflate, by zlib. */
#include <limits.h>
#include <zlib.h>

#include "core/mem.h"
#include "format/codec_internal.h"

#define RAW_WINDOW  (-15)
#define ZLIB_WINDOW 15
#define GZIP_WINDOW (15 + 16)
#define DEFLATE_MEM 8
#define OUTPUT_STEP (64u << 10) /* room made at a time for streamed output */

static void *counted_alloc(void *context, uInt count, uInt size)
{
    (void)context;
    return mr_mem_alloc((size_t)count * size); /* 32 x 32 bits */
}

static void counted_free(void *context, void *memory)
{
    (void)context;
    mr_mem_free(memory);
}

static uInt cut(size_t len)
{
    return len > UINT_MAX ? UINT_MAX : (uInt)len;
}

/* zlib takes its input through a pointer to non-const that it never writes to. */
static Bytef *input_of(const char *ptr)
{
    return (Bytef *)(uintptr_t)ptr;
}

/* --- decompressing ---------------------------------------------------------------------------- */

#define TRAILER_MAX 8 /* gzip: CRC-32 and length, little-endian; zlib: Adler-32, big-endian */

typedef struct inflater {
    z_stream z;
    bool may_be_raw; /* deflate: the first byte tells raw from zlib framing */
    bool is_fresh;
    mr_restart_framing framing;
    unsigned char last; /* byte taken */
    /* A piece that was begun inside is raw deflate to the library: its sum and end are ours. */
    bool is_resumed, in_trailer;
    uint32_t check;
    uint64_t made_before; /* of the piece, before we began */
    unsigned char trailer[TRAILER_MAX];
    size_t trailer_len;
} inflater;

static mr_code open_inflater(void **out_state, bool may_be_raw, mr_error *err)
{
    inflater *self = mr_mem_zalloc(sizeof *self);
    if (self == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to read gzip");
    self->z.zalloc = counted_alloc;
    self->z.zfree = counted_free;
    self->may_be_raw = may_be_raw;
    self->framing = may_be_raw ? MR_RESTART_RAW : MR_RESTART_GZIP;
    self->is_fresh = true;
    if (inflateInit2(&self->z, may_be_raw ? RAW_WINDOW : GZIP_WINDOW) != Z_OK) {
        mr_mem_free(self);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to read gzip");
    }
    *out_state = self;
    return MR_OK;
}

static mr_code open_gzip(void **out_state, unsigned window_log_max, mr_error *err)
{
    (void)window_log_max;
    return open_inflater(out_state, false, err);
}

static mr_code open_deflate(void **out_state, unsigned window_log_max, mr_error *err)
{
    (void)window_log_max;
    return open_inflater(out_state, true, err);
}

static void reset_inflater(void *state)
{
    inflater *self = state;
    (void)inflateReset2(&self->z, self->may_be_raw ? RAW_WINDOW : GZIP_WINDOW);
    self->is_fresh = true;
    self->is_resumed = self->in_trailer = false;
    self->made_before = 0;
}

/* In zlib framing the first byte's low half is 8. In raw deflate that would be a stored block with
 * a padding bit set, which no compressor makes. */
static void choose_framing(inflater *self, char first)
{
    const bool framed = (first & 0x0f) == 8;
    (void)inflateReset2(&self->z, framed ? ZLIB_WINDOW : RAW_WINDOW);
    self->framing = framed ? MR_RESTART_ZLIB : MR_RESTART_RAW;
}

static uint32_t add_to_check(const inflater *self, const char *ptr, size_t len)
{
    const Bytef *bytes = (const Bytef *)ptr;
    return (uint32_t)(self->framing == MR_RESTART_GZIP ? crc32_z(self->check, bytes, len)
                                                       : adler32_z(self->check, bytes, len));
}

static uint32_t number_of(const unsigned char b[4], bool big)
{
    return big ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]
               : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/* The end of a piece that was begun inside, checked as the library does. */
static mr_code step_trailer(inflater *self, mr_decode_step *step)
{
    const bool is_gzip = self->framing == MR_RESTART_GZIP;
    const size_t size = is_gzip ? 8 : 4;
    const uint64_t made = self->made_before + self->z.total_out;
    while (self->trailer_len < size && step->in_used < step->in_len)
        self->trailer[self->trailer_len++] = (unsigned char)step->in[step->in_used++];
    if (self->trailer_len < size) return MR_OK;
    if (number_of(self->trailer, !is_gzip) != self->check)
        step->problem = "incorrect data check";
    else if (is_gzip && number_of(self->trailer + 4, false) != (uint32_t)made)
        step->problem = "incorrect length check";
    if (step->problem != NULL) return MR_ERR_INPUT;
    step->piece_ended = true;
    reset_inflater(self);
    return MR_OK;
}

/* The compressed part of a piece has ended. */
static void end_data(inflater *self, mr_decode_step *step)
{
    if (self->is_resumed && self->framing != MR_RESTART_RAW) {
        self->in_trailer = true;
        self->trailer_len = 0;
        return;
    }
    step->piece_ended = true;
    reset_inflater(self);
}

#define AT_BLOCK   128 /* of data_type: the library stopped between blocks, */
#define LAST_BLOCK 64  /* and the last one was it; the rest is the number of bits left */

static bool is_behind_last(const inflater *self)
{
    return (self->z.data_type & (AT_BLOCK | LAST_BLOCK)) == (AT_BLOCK | LAST_BLOCK);
}

static bool is_at_point(const inflater *self)
{
    return (self->z.data_type & (AT_BLOCK | LAST_BLOCK)) == AT_BLOCK;
}

static mr_code step_inflater(void *state, mr_decode_step *step)
{
    inflater *self = state;
    z_stream *z = &self->z;
    if (self->in_trailer) return step_trailer(self, step);
    if (self->is_fresh && step->in_len == 0) return MR_OK;
    if (self->is_fresh && self->may_be_raw) choose_framing(self, step->in[0]);
    self->is_fresh = false;
    const uInt in_len = cut(step->in_len), out_cap = cut(step->out_cap);
    z->next_in = input_of(step->in);
    z->avail_in = in_len;
    z->next_out = (Bytef *)step->out;
    z->avail_out = out_cap;
    int rc;
    do {
        rc = inflate(z, step->stop_at_point ? Z_BLOCK : Z_NO_FLUSH);
    } while (rc == Z_OK && step->stop_at_point && is_behind_last(self));
    step->in_used = in_len - z->avail_in;
    step->out_made = out_cap - z->avail_out;
    if (step->in_used > 0) self->last = (unsigned char)step->in[step->in_used - 1];
    if (self->is_resumed && self->framing != MR_RESTART_RAW)
        self->check = add_to_check(self, step->out, step->out_made);
    step->at_point = step->stop_at_point && rc == Z_OK && is_at_point(self);
    if (rc == Z_OK || rc == Z_BUF_ERROR) return MR_OK;
    if (rc == Z_STREAM_END) {
        end_data(self, step);
        return MR_OK;
    }
    step->problem = rc == Z_NEED_DICT ? "it needs a preset dictionary"
                    : z->msg != NULL  ? z->msg
                                      : "not understood";
    return rc == Z_MEM_ERROR ? MR_ERR_NOMEM : MR_ERR_INPUT;
}

static void point_of_inflater(const void *state, mr_restart_point *out)
{
    const inflater *self = state;
    uInt len = 0;
    out->framing = self->framing;
    out->bit_count = (unsigned)self->z.data_type & 7;
    out->bits = out->bit_count > 0 ? (unsigned)self->last >> (8 - out->bit_count) : 0;
    out->check = self->is_resumed ? self->check : (uint32_t)self->z.adler;
    out->piece_made = self->made_before + self->z.total_out;
    /* It reads the stream's state only, whatever its declaration says. */
    (void)inflateGetDictionary((z_stream *)(uintptr_t)&self->z, (Bytef *)out->window, &len);
    out->window_len = len;
}

static mr_code resume_inflater(void *state, const mr_restart_point *point, mr_error *err)
{
    inflater *self = state;
    z_stream *z = &self->z;
    int rc = inflateReset2(z, RAW_WINDOW);
    self->is_fresh = false;
    self->is_resumed = true;
    self->framing = point->framing;
    self->check = point->check;
    self->made_before = point->piece_made;
    if (rc == Z_OK && point->bit_count > 0)
        rc = inflatePrime(z, (int)point->bit_count, (int)point->bits);
    if (rc == Z_OK && point->window_len > 0)
        rc = inflateSetDictionary(z, (const Bytef *)point->window, point->window_len);
    if (rc == Z_OK) return MR_OK;
    if (rc == Z_MEM_ERROR) return mr_fail(err, MR_ERR_NOMEM, "no memory left to read gzip");
    return mr_fail(err, MR_ERR_INPUT, "gzip data cannot be begun at byte %llu",
                   (unsigned long long)point->taken);
}

static void close_inflater(void *state)
{
    inflater *self = state;
    (void)inflateEnd(&self->z);
    mr_mem_free(self);
}

const mr_decompress_ops mr_gzip_decompress = {
    .open = open_gzip,
    .reset = reset_inflater,
    .step = step_inflater,
    .point = point_of_inflater,
    .resume = resume_inflater,
    .close = close_inflater,
};

const mr_decompress_ops mr_deflate_decompress = {
    .open = open_deflate,
    .reset = reset_inflater,
    .step = step_inflater,
    .point = point_of_inflater,
    .resume = resume_inflater,
    .close = close_inflater,
};

/* --- compressing ------------------------------------------------------------------------------ */

typedef struct deflater {
    z_stream z;
    /* What closes a piece: the end of the member, or for raw deflate, whose pieces are one stream
     * in the end, the flush that forgets all that came before and ends on a whole byte. */
    int closing;
} deflater;

static mr_code open_deflater(void **out_state, mr_codec codec, int level, mr_error *err)
{
    const bool raw = codec == MR_CODEC_DEFLATE;
    deflater *self = mr_mem_zalloc(sizeof *self);
    if (self == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to write gzip");
    self->z.zalloc = counted_alloc;
    self->z.zfree = counted_free;
    self->closing = raw ? Z_FULL_FLUSH : Z_FINISH;
    if (deflateInit2(&self->z, level, Z_DEFLATED, raw ? RAW_WINDOW : GZIP_WINDOW, DEFLATE_MEM,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        mr_mem_free(self);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to write gzip");
    }
    *out_state = self;
    return MR_OK;
}

/* Compresses `bytes` and appends what comes out until zlib has nothing more for `flush`. */
static mr_code run(deflater *self, mr_slice bytes, int flush, mr_buffer *to, mr_error *err)
{
    z_stream *z = &self->z;
    for (;;) {
        MR_TRY(mr_buffer_reserve(to, 64, err)); /* grows below only as far as needed */
        const uInt in_len = cut(bytes.len), room = cut(to->cap - to->len);
        z->next_in = input_of(bytes.ptr);
        z->avail_in = in_len;
        z->next_out = (Bytef *)to->ptr + to->len;
        z->avail_out = room;
        const int rc = deflate(z, in_len == bytes.len ? flush : Z_NO_FLUSH);
        bytes = mr_slice_from(bytes, in_len - z->avail_in);
        to->len += room - z->avail_out;
        if (rc == Z_STREAM_ERROR) return mr_fail(err, MR_ERR_IO, "zlib could not compress");
        if (rc == Z_STREAM_END || (z->avail_out > 0 && bytes.len == 0)) return MR_OK;
        if (z->avail_out == 0) MR_TRY(mr_buffer_reserve(to, OUTPUT_STEP, err));
    }
}

static mr_code begin_deflate(void *state, mr_buffer *to, mr_error *err)
{
    deflater *self = state;
    (void)to;
    if (deflateReset(&self->z) == Z_OK) return MR_OK;
    return mr_fail(err, MR_ERR_IO, "zlib could not begin to compress");
}

static mr_code deflate_write(void *state, mr_slice bytes, mr_buffer *to, mr_error *err)
{
    return run(state, bytes, Z_NO_FLUSH, to, err);
}

static mr_code deflate_flush(void *state, mr_buffer *to, mr_error *err)
{
    return run(state, MR_SLICE(""), Z_SYNC_FLUSH, to, err);
}

static mr_code deflate_end(void *state, mr_buffer *to, mr_error *err)
{
    const deflater *self = state;
    return run(state, MR_SLICE(""), self->closing, to, err);
}

static mr_code deflate_block(void *state, mr_slice bytes, mr_buffer *to, mr_error *err)
{
    deflater *self = state;
    MR_TRY(begin_deflate(self, to, err));
    return run(self, bytes, self->closing, to, err);
}

static void close_deflater(void *state)
{
    deflater *self = state;
    (void)deflateEnd(&self->z);
    mr_mem_free(self);
}

const mr_compress_ops mr_zlib_compress = {
    .open = open_deflater,
    .block = deflate_block,
    .begin = begin_deflate,
    .write = deflate_write,
    .flush = deflate_flush,
    .end = deflate_end,
    .close = close_deflater,
};
