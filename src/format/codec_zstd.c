/* SPDX-License-Identifier: MIT
 *
 * zstd, by libzstd. Its custom allocators are declared for static linking only, and exported by the
 * shared library of every distribution. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "core/mem.h"
#include "format/codec_internal.h"

#define FRAME_START_BYTES  5 /* the least a frame can be known by */
#define BLOCK_HEADER_BYTES 3

static void *counted_alloc(void *context, size_t size_bytes)
{
    (void)context;
    return mr_mem_alloc(size_bytes);
}

static void counted_free(void *context, void *memory)
{
    (void)context;
    mr_mem_free(memory);
}

static const ZSTD_customMem counted = {counted_alloc, counted_free, NULL};

/* --- decompressing ---------------------------------------------------------------------------- */

typedef struct unzstd {
    ZSTD_DCtx *context;
    size_t wanted; /* what the library said it needs for the next step */
} unzstd;

static mr_code open_unzstd(void **out_state, unsigned window_log_max, mr_error *err)
{
    unzstd *self = mr_mem_zalloc(sizeof *self);
    if (self != NULL) self->context = ZSTD_createDCtx_advanced(counted);
    if (self == NULL || self->context == NULL) {
        mr_mem_free(self);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to read zstd");
    }
    (void)ZSTD_DCtx_setParameter(self->context, ZSTD_d_windowLogMax, (int)window_log_max);
    self->wanted = FRAME_START_BYTES;
    *out_state = self;
    return MR_OK;
}

static void reset_unzstd(void *state)
{
    unzstd *self = state;
    (void)ZSTD_DCtx_reset(self->context, ZSTD_reset_session_only);
    self->wanted = FRAME_START_BYTES;
}

static mr_code problem_of(size_t rc, mr_decode_step *step)
{
    switch (ZSTD_getErrorCode(rc)) {
    case ZSTD_error_memory_allocation: return MR_ERR_NOMEM;
    case ZSTD_error_frameParameter_windowTooLarge:
        step->problem = "its window is larger than limits.zstd_window_log allows";
        return MR_ERR_LIMIT;
    case ZSTD_error_dictionary_wrong: step->problem = "it needs a dictionary"; return MR_ERR_INPUT;
    default: step->problem = ZSTD_getErrorName(rc); return MR_ERR_INPUT;
    }
}

/* The library forgets what it made when it fails in the same call, so it gets one block at a time:
 * what it announces is the block and the header of the next, which is kept for a call of its own.
 * That is also its fastest way, straight from our buffer. */
static mr_code step_unzstd(void *state, mr_decode_step *step)
{
    unzstd *self = state;
    const size_t most =
        self->wanted > BLOCK_HEADER_BYTES ? self->wanted - BLOCK_HEADER_BYTES : self->wanted;
    ZSTD_inBuffer in = {step->in, step->in_len < most ? step->in_len : most, 0};
    ZSTD_outBuffer out = {step->out, step->out_cap, 0};
    const size_t rc = ZSTD_decompressStream(self->context, &out, &in);
    step->in_used = in.pos;
    step->out_made = out.pos;
    if (ZSTD_isError(rc)) return problem_of(rc, step);
    step->piece_ended = rc == 0;
    self->wanted = rc == 0 ? FRAME_START_BYTES : rc;
    return MR_OK;
}

static void close_unzstd(void *state)
{
    unzstd *self = state;
    ZSTD_freeDCtx(self->context);
    mr_mem_free(self);
}

const mr_decompress_ops mr_zstd_decompress = {
    .open = open_unzstd,
    .reset = reset_unzstd,
    .step = step_unzstd,
    .close = close_unzstd,
};

/* --- compressing ------------------------------------------------------------------------------ */

static mr_code fail(size_t rc, mr_error *err)
{
    if (ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to write zstd");
    return mr_fail(err, MR_ERR_IO, "zstd could not compress: %s", ZSTD_getErrorName(rc));
}

static mr_code open_zstd(void **out_state, mr_codec codec, int level, mr_error *err)
{
    (void)codec;
    ZSTD_CCtx *context = ZSTD_createCCtx_advanced(counted);
    if (context == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to write zstd");
    size_t rc = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    if (!ZSTD_isError(rc)) rc = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    if (ZSTD_isError(rc)) {
        ZSTD_freeCCtx(context);
        return fail(rc, err);
    }
    *out_state = context;
    return MR_OK;
}

static mr_code zstd_block(void *state, mr_slice bytes, mr_buffer *to, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(to, ZSTD_compressBound(bytes.len), err));
    const size_t rc =
        ZSTD_compress2(state, to->ptr + to->len, to->cap - to->len, bytes.ptr, bytes.len);
    if (ZSTD_isError(rc)) return fail(rc, err);
    to->len += rc;
    return MR_OK;
}

static mr_code run(ZSTD_CCtx *context, mr_slice bytes, ZSTD_EndDirective end, mr_buffer *to,
                   mr_error *err)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    for (;;) {
        MR_TRY(mr_buffer_reserve(to, ZSTD_CStreamOutSize(), err));
        ZSTD_outBuffer out = {to->ptr + to->len, to->cap - to->len, 0};
        const size_t rc = ZSTD_compressStream2(context, &out, &in, end);
        if (ZSTD_isError(rc)) return fail(rc, err);
        to->len += out.pos;
        if (in.pos == in.size && (rc == 0 || end == ZSTD_e_continue)) return MR_OK;
    }
}

static mr_code zstd_begin(void *state, mr_buffer *to, mr_error *err)
{
    (void)to;
    const size_t rc = ZSTD_CCtx_reset(state, ZSTD_reset_session_only);
    return ZSTD_isError(rc) ? fail(rc, err) : MR_OK;
}

static mr_code zstd_write(void *state, mr_slice bytes, mr_buffer *to, mr_error *err)
{
    return run(state, bytes, ZSTD_e_continue, to, err);
}

static mr_code zstd_flush(void *state, mr_buffer *to, mr_error *err)
{
    return run(state, MR_SLICE(""), ZSTD_e_flush, to, err);
}

static mr_code zstd_end(void *state, mr_buffer *to, mr_error *err)
{
    return run(state, MR_SLICE(""), ZSTD_e_end, to, err);
}

static void close_zstd(void *state)
{
    ZSTD_freeCCtx(state);
}

const mr_compress_ops mr_zstd_compress = {
    .open = open_zstd,
    .block = zstd_block,
    .begin = zstd_begin,
    .write = zstd_write,
    .flush = zstd_flush,
    .end = zstd_end,
    .close = close_zstd,
};
