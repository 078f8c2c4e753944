/* SPDX-License-Identifier: MIT
 *
 * zstd, by libzstd. Its custom allocators are declared for static linking only, and exported by the
 * shared library of every distribution. */
#define ZSTD_STATIC_LINKING_ONLY
#include <assert.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "core/mem.h"
#include "format/codec_internal.h"

#define FRAME_START_BYTES  5 /* the least a frame can be known by */
#define BLOCK_HEADER_BYTES 3
#define HOLDS_MORE         "a block holds more than its frame's header allows"
#define BLOCK_TYPE_BITS    6 /* of the first byte of it; all clear: a raw block */

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
    size_t wanted;                         /* what the library said it needs for the next step */
    char header[ZSTD_FRAMEHEADERSIZE_MAX]; /* of the frame, until it is whole */
    size_t header_len;
    bool is_in_header;
    bool is_raw;           /* the block: its bytes as they are */
    bool is_sized;         /* the header announced how much the frame holds; */
    uint64_t content_left; /* of that */
} unzstd;

static void begin_frame(unzstd *self)
{
    self->wanted = FRAME_START_BYTES;
    self->header_len = 0;
    self->is_in_header = true;
    self->is_raw = false;
    self->is_sized = false;
}

static mr_code open_unzstd(void **out_state, unsigned window_log_max, mr_error *err)
{
    unzstd *self = mr_mem_zalloc(sizeof *self);
    if (self != NULL) self->context = ZSTD_createDCtx_advanced(counted);
    if (self == NULL || self->context == NULL) {
        mr_mem_free(self);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to read zstd");
    }
    (void)ZSTD_DCtx_setParameter(self->context, ZSTD_d_windowLogMax, (int)window_log_max);
    begin_frame(self);
    *out_state = self;
    return MR_OK;
}

static void reset_unzstd(void *state)
{
    unzstd *self = state;
    (void)ZSTD_DCtx_reset(self->context, ZSTD_reset_session_only);
    begin_frame(self);
}

static mr_code problem_of(size_t rc, mr_decode_step *step)
{
    switch (ZSTD_getErrorCode(rc)) {
    case ZSTD_error_memory_allocation: return MR_ERR_NOMEM;
    case ZSTD_error_frameParameter_windowTooLarge:
        step->problem = "its window is larger than limits.zstd_window_log allows";
        return MR_ERR_LIMIT;
    case ZSTD_error_dictionary_wrong: step->problem = "it needs a dictionary"; return MR_ERR_INPUT;
    case ZSTD_error_dstSize_tooSmall: /* of the library's buffer, which the header determines */
        step->problem = HOLDS_MORE;
        return MR_ERR_INPUT;
    default: step->problem = ZSTD_getErrorName(rc); return MR_ERR_INPUT;
    }
}

/* Gathers the frame's header, which the library then gets in one call: in parts it would take some
 * bytes in the middle of a header for the start of a frame, of an obsolete format for example. */
static mr_code step_header(unzstd *self, mr_decode_step *step)
{
    const size_t part = step->in_len < self->wanted ? step->in_len : self->wanted;
    const size_t len = self->header_len + part;
    ZSTD_frameHeader known;
    if (part == 0) return MR_OK;
    memcpy(self->header + self->header_len, step->in, part);
    size_t rc = ZSTD_getFrameHeader(&known, self->header, len);
    if (ZSTD_isError(rc)) return problem_of(rc, step);
    step->in_used = part;
    self->header_len = len;
    if (rc > 0) {
        self->wanted = rc - len;
        return MR_OK;
    }
    ZSTD_inBuffer in = {self->header, len, 0};
    ZSTD_outBuffer out = {step->out, step->out_cap, 0};
    rc = ZSTD_decompressStream(self->context, &out, &in);
    if (ZSTD_isError(rc)) return problem_of(rc, step);
    assert(in.pos == len && out.pos == 0);
    self->is_in_header = false;
    self->is_sized =
        known.frameType == ZSTD_frame && known.frameContentSize != ZSTD_CONTENTSIZE_UNKNOWN;
    self->content_left = known.frameContentSize;
    self->wanted = rc;
    step->piece_ended = rc == 0; /* an empty skippable frame */
    if (rc == 0) begin_frame(self);
    return MR_OK;
}

/* How much input the library may get in one call. It forgets what it made when it fails in the same
 * call, so it gets one block at a time: what it announces is the block and the header of the next,
 * which is kept for a call of its own. That is also its fastest way, straight from our buffer.
 *
 * Only of a raw block does a part come out for a part of its input. So that the same bytes come out
 * of a damaged frame however its input is cut, a raw block stops where the library could fail: at
 * the announced size, and before the last byte, with which the frame's size is compared. */
static size_t most_input(const unzstd *self)
{
    const ZSTD_nextInputType_e next = ZSTD_nextInputType(self->context);
    size_t most = self->wanted;
    if (next == ZSTDnit_block && most > BLOCK_HEADER_BYTES) most -= BLOCK_HEADER_BYTES;
    if (!self->is_raw || (next != ZSTDnit_block && next != ZSTDnit_lastBlock)) return most;
    if (next == ZSTDnit_lastBlock && most > 1) most--;
    if (!self->is_sized || most <= self->content_left) return most;
    return self->content_left > 0 ? (size_t)self->content_left : 1;
}

static bool is_at_block(const unzstd *self)
{
    return self->wanted == BLOCK_HEADER_BYTES &&
           ZSTD_nextInputType(self->context) == ZSTDnit_blockHeader;
}

/* The library compares sizes only where a block with something in it ends the frame, and lets more
 * pass when it has a large buffer from an earlier frame. */
static mr_code check_size(unzstd *self, mr_decode_step *step)
{
    if (!self->is_sized) return MR_OK;
    if (step->out_made > self->content_left) {
        step->out_made = (size_t)self->content_left;
        step->problem = HOLDS_MORE;
        return MR_ERR_INPUT;
    }
    self->content_left -= step->out_made;
    if (!step->piece_ended || self->content_left == 0) return MR_OK;
    step->problem = "its frame holds less than the header announces";
    return MR_ERR_INPUT;
}

static mr_code step_unzstd(void *state, mr_decode_step *step)
{
    unzstd *self = state;
    if (self->is_in_header) return step_header(self, step);
    const size_t most = most_input(self);
    ZSTD_inBuffer in = {step->in, step->in_len < most ? step->in_len : most, 0};
    ZSTD_outBuffer out = {step->out, step->out_cap, 0};
    if (in.size > 0 && is_at_block(self)) self->is_raw = (step->in[0] & BLOCK_TYPE_BITS) == 0;
    const size_t rc = ZSTD_decompressStream(self->context, &out, &in);
    step->in_used = in.pos;
    step->out_made = out.pos;
    if (ZSTD_isError(rc)) return problem_of(rc, step);
    step->piece_ended = rc == 0;
    self->wanted = rc;
    MR_TRY(check_size(self, step));
    if (rc == 0) begin_frame(self);
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
