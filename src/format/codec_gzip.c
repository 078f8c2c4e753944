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

typedef struct inflater {
    z_stream z;
    bool may_be_raw; /* deflate: the first byte tells raw from zlib framing */
    bool is_fresh;
} inflater;

static mr_code open_inflater(void **out_state, bool may_be_raw, mr_error *err)
{
    inflater *self = mr_mem_zalloc(sizeof *self);
    if (self == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to read gzip");
    self->z.zalloc = counted_alloc;
    self->z.zfree = counted_free;
    self->may_be_raw = may_be_raw;
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
    (void)inflateReset(&self->z);
    self->is_fresh = true;
}

/* In zlib framing the first byte's low half is 8. In raw deflate that would be a stored block with
 * a padding bit set, which no compressor makes. */
static void choose_framing(inflater *self, char first)
{
    (void)inflateReset2(&self->z, (first & 0x0f) == 8 ? ZLIB_WINDOW : RAW_WINDOW);
}

static mr_code step_inflater(void *state, mr_decode_step *step)
{
    inflater *self = state;
    z_stream *z = &self->z;
    if (self->is_fresh && step->in_len == 0) return MR_OK;
    if (self->is_fresh && self->may_be_raw) choose_framing(self, step->in[0]);
    self->is_fresh = false;
    const uInt in_len = cut(step->in_len), out_cap = cut(step->out_cap);
    z->next_in = input_of(step->in);
    z->avail_in = in_len;
    z->next_out = (Bytef *)step->out;
    z->avail_out = out_cap;
    const int rc = inflate(z, Z_NO_FLUSH);
    step->in_used = in_len - z->avail_in;
    step->out_made = out_cap - z->avail_out;
    if (rc == Z_OK || rc == Z_BUF_ERROR) return MR_OK;
    if (rc == Z_STREAM_END) {
        step->piece_ended = true;
        reset_inflater(self);
        return MR_OK;
    }
    step->problem = rc == Z_NEED_DICT ? "it needs a preset dictionary"
                    : z->msg != NULL  ? z->msg
                                      : "not understood";
    return rc == Z_MEM_ERROR ? MR_ERR_NOMEM : MR_ERR_INPUT;
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
    .close = close_inflater,
};

const mr_decompress_ops mr_deflate_decompress = {
    .open = open_deflate,
    .reset = reset_inflater,
    .step = step_inflater,
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
