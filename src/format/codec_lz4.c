/* SPDX-License-Identifier: MIT
 *
 * lz4 frames, by liblz4. Its custom allocators are declared for static linking only, and exported
 * by the shared library of every distribution. */
#define LZ4F_STATIC_LINKING_ONLY
#include <lz4frame.h>

#include "core/mem.h"
#include "format/codec_internal.h"

#define FRAME_START_BYTES    7 /* LZ4F_HEADER_SIZE_MIN */
#define BLOCK_HEADER_BYTES   4
#define CHECKSUM_BYTES       4
#define FLAGS_AT             4 /* in a frame's header */
#define FLAG_BLOCK_CHECKSUMS 0x10
#define WRITE_STEP           (256u << 10) /* streamed input is compressed in parts of it */

static void *counted_alloc(void *context, size_t size_bytes)
{
    (void)context;
    return mr_mem_alloc(size_bytes);
}

static void *counted_zalloc(void *context, size_t size_bytes)
{
    (void)context;
    return mr_mem_zalloc(size_bytes);
}

static void counted_free(void *context, void *memory)
{
    (void)context;
    mr_mem_free(memory);
}

static const LZ4F_CustomMem counted = {counted_alloc, counted_zalloc, counted_free, NULL};

/* --- decompressing ---------------------------------------------------------------------------- */

typedef struct unlz4 {
    LZ4F_dctx *context;
    size_t wanted;
    uint64_t taken; /* of the frame */
    bool has_block_checksums;
} unlz4;

static void begin_frame(unlz4 *self)
{
    self->wanted = FRAME_START_BYTES;
    self->taken = 0;
    self->has_block_checksums = false;
}

static mr_code open_unlz4(void **out_state, unsigned window_log_max, mr_error *err)
{
    (void)window_log_max;
    unlz4 *self = mr_mem_zalloc(sizeof *self);
    if (self != NULL)
        self->context = LZ4F_createDecompressionContext_advanced(counted, LZ4F_VERSION);
    if (self == NULL || self->context == NULL) {
        mr_mem_free(self);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to read lz4");
    }
    begin_frame(self);
    *out_state = self;
    return MR_OK;
}

static void reset_unlz4(void *state)
{
    unlz4 *self = state;
    LZ4F_resetDecompressionContext(self->context);
    begin_frame(self);
}

static mr_code problem_of(size_t rc, mr_decode_step *step)
{
    if (LZ4F_getErrorCode(rc) == LZ4F_ERROR_allocation_failed) return MR_ERR_NOMEM;
    step->problem = LZ4F_getErrorName(rc);
    return MR_ERR_INPUT;
}

/* The library forgets what it made when it fails in the same call, so it gets one block at a time:
 * what it announces is the block and the header of the next, which is kept for a call of its own.
 * So is the checksum of a block, for an uncompressed one comes out before that is read. */
static size_t most_input(const unlz4 *self)
{
    size_t most = self->wanted;
    if (most > BLOCK_HEADER_BYTES) most -= BLOCK_HEADER_BYTES;
    if (self->has_block_checksums && most > CHECKSUM_BYTES) most -= CHECKSUM_BYTES;
    return most;
}

/* One byte of the frame's header says whether blocks have checksums. In a skippable frame it is a
 * byte of the length, and then no harm is done. */
static void note_flags(unlz4 *self, mr_slice taken)
{
    if (self->taken <= FLAGS_AT && taken.len > FLAGS_AT - self->taken)
        self->has_block_checksums = (taken.ptr[FLAGS_AT - self->taken] & FLAG_BLOCK_CHECKSUMS) != 0;
    self->taken += taken.len;
}

static mr_code step_unlz4(void *state, mr_decode_step *step)
{
    unlz4 *self = state;
    const size_t most = most_input(self);
    size_t in_len = step->in_len < most ? step->in_len : most;
    size_t out_len = step->out_cap;
    const size_t rc = LZ4F_decompress(self->context, step->out, &out_len, step->in, &in_len, NULL);
    if (LZ4F_isError(rc)) return problem_of(rc, step);
    step->in_used = in_len;
    step->out_made = out_len;
    step->piece_ended = rc == 0;
    self->wanted = rc;
    note_flags(self, mr_slice_of(step->in, in_len));
    if (rc == 0) begin_frame(self);
    return MR_OK;
}

static void close_unlz4(void *state)
{
    unlz4 *self = state;
    LZ4F_freeDecompressionContext(self->context);
    mr_mem_free(self);
}

const mr_decompress_ops mr_lz4_decompress = {
    .open = open_unlz4,
    .reset = reset_unlz4,
    .step = step_unlz4,
    .close = close_unlz4,
};

/* --- compressing ------------------------------------------------------------------------------ */

typedef struct lz4 {
    LZ4F_cctx *context;
    LZ4F_preferences_t preferences;
    void *spare; /* the buffer of the last frame */
} lz4;

/* The library gives its buffer back and asks for another with every frame it begins; it gets the
 * same one again. */
static void *alloc_or_reuse(void *context, size_t size_bytes)
{
    lz4 *self = context;
    void *memory = self->spare;
    if (mr_mem_usable(memory) < size_bytes) return mr_mem_alloc(size_bytes);
    self->spare = NULL;
    return memory;
}

static void keep_or_free(void *context, void *memory)
{
    lz4 *self = context;
    if (self->spare == NULL)
        self->spare = memory;
    else
        mr_mem_free(memory);
}

static void close_lz4(void *state)
{
    lz4 *self = state;
    LZ4F_freeCompressionContext(self->context);
    mr_mem_free(self->spare);
    mr_mem_free(self);
}

static mr_code fail(size_t rc, mr_error *err)
{
    if (LZ4F_getErrorCode(rc) == LZ4F_ERROR_allocation_failed)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to write lz4");
    return mr_fail(err, MR_ERR_IO, "lz4 could not compress: %s", LZ4F_getErrorName(rc));
}

static mr_code open_lz4(void **out_state, mr_codec codec, int level, mr_error *err)
{
    (void)codec;
    lz4 *self = mr_mem_zalloc(sizeof *self);
    if (self == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to write lz4");
    const LZ4F_CustomMem memory = {alloc_or_reuse, NULL, keep_or_free, self};
    self->context = LZ4F_createCompressionContext_advanced(memory, LZ4F_VERSION);
    if (self->context == NULL) {
        close_lz4(self);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to write lz4");
    }
    self->preferences.frameInfo.blockSizeID = LZ4F_max256KB;
    self->preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    self->preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    self->preferences.compressionLevel = level;
    *out_state = self;
    return MR_OK;
}

static mr_code lz4_begin(void *state, mr_buffer *to, mr_error *err)
{
    lz4 *self = state;
    MR_TRY(mr_buffer_reserve(to, LZ4F_HEADER_SIZE_MAX, err));
    const size_t rc =
        LZ4F_compressBegin(self->context, to->ptr + to->len, to->cap - to->len, &self->preferences);
    if (LZ4F_isError(rc)) return fail(rc, err);
    to->len += rc;
    return MR_OK;
}

static mr_code lz4_write(void *state, mr_slice bytes, mr_buffer *to, mr_error *err)
{
    lz4 *self = state;
    while (bytes.len > 0) {
        const size_t part = bytes.len < WRITE_STEP ? bytes.len : WRITE_STEP;
        MR_TRY(mr_buffer_reserve(to, LZ4F_compressBound(part, &self->preferences), err));
        const size_t rc = LZ4F_compressUpdate(self->context, to->ptr + to->len, to->cap - to->len,
                                              bytes.ptr, part, NULL);
        if (LZ4F_isError(rc)) return fail(rc, err);
        to->len += rc;
        bytes = mr_slice_from(bytes, part);
    }
    return MR_OK;
}

static mr_code lz4_flush(void *state, mr_buffer *to, mr_error *err)
{
    lz4 *self = state;
    MR_TRY(mr_buffer_reserve(to, LZ4F_compressBound(0, &self->preferences), err));
    const size_t rc = LZ4F_flush(self->context, to->ptr + to->len, to->cap - to->len, NULL);
    if (LZ4F_isError(rc)) return fail(rc, err);
    to->len += rc;
    return MR_OK;
}

static mr_code lz4_end(void *state, mr_buffer *to, mr_error *err)
{
    lz4 *self = state;
    MR_TRY(mr_buffer_reserve(to, LZ4F_compressBound(0, &self->preferences), err));
    const size_t rc = LZ4F_compressEnd(self->context, to->ptr + to->len, to->cap - to->len, NULL);
    if (LZ4F_isError(rc)) return fail(rc, err);
    to->len += rc;
    return MR_OK;
}

static mr_code lz4_block(void *state, mr_slice bytes, mr_buffer *to, mr_error *err)
{
    MR_TRY(lz4_begin(state, to, err));
    MR_TRY(lz4_write(state, bytes, to, err));
    return lz4_end(state, to, err);
}

const mr_compress_ops mr_lz4_compress = {
    .open = open_lz4,
    .block = lz4_block,
    .begin = lz4_begin,
    .write = lz4_write,
    .flush = lz4_flush,
    .end = lz4_end,
    .close = close_lz4,
};
