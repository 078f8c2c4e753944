/* SPDX-License-Identifier: MIT */
#include "format/codec.h"

#include <ctype.h>

#include "core/mem.h"
#include "format/codec_internal.h"

typedef struct codec_info {
    const char *name;
    const char *alias;
    const char *suffix;
    const mr_decompress_ops *decompress; /* NULL: known by name only */
    const mr_compress_ops *compress;
    int level_min, level_max;
    int by_name[4]; /* fastest, default, better, best */
    bool pads_with_zeros;
    bool is_single; /* nothing may follow the first piece */
} codec_info;

static const codec_info codecs[] = {
    [MR_CODEC_AUTO] = {.name = "auto", .alias = "", .suffix = ""},
    [MR_CODEC_NONE] = {.name = "none", .alias = "off", .suffix = ""},
    [MR_CODEC_GZIP] = {.name = "gzip",
                       .alias = "gz",
                       .suffix = ".gz",
                       .decompress = &mr_gzip_decompress,
                       .compress = &mr_zlib_compress,
                       .level_min = 1,
                       .level_max = 9,
                       .by_name = {1, 6, 8, 9},
                       .pads_with_zeros = true},
    [MR_CODEC_DEFLATE] = {.name = "deflate",
                          .alias = "zlib",
                          .suffix = ".deflate",
                          .decompress = &mr_deflate_decompress,
                          .compress = &mr_zlib_compress,
                          .level_min = 1,
                          .level_max = 9,
                          .by_name = {1, 6, 8, 9},
                          .is_single = true},
    [MR_CODEC_ZSTD] = {.name = "zstd",
                       .alias = "zst",
                       .suffix = ".zst",
                       .decompress = &mr_zstd_decompress,
                       .compress = &mr_zstd_compress,
                       .level_min = 1,
                       .level_max = 19,
                       .by_name = {1, 3, 7, 19}},
    [MR_CODEC_LZ4] = {.name = "lz4",
                      .alias = "lz4",
                      .suffix = ".lz4",
                      .decompress = &mr_lz4_decompress,
                      .compress = &mr_lz4_compress,
                      .level_min = 0,
                      .level_max = 12,
                      .by_name = {0, 0, 6, 12}},
    [MR_CODEC_SNAPPY] = {.name = "snappy", .alias = "sz", .suffix = ".snappy"},
    [MR_CODEC_S2] = {.name = "s2", .alias = "s2", .suffix = ".s2"},
    [MR_CODEC_BZIP2] = {.name = "bzip2", .alias = "bz2", .suffix = ".bz2"},
    [MR_CODEC_XZ] = {.name = "xz", .alias = "xz", .suffix = ".xz"},
    [MR_CODEC_LZ4_LEGACY] = {.name = "lz4 legacy frames", .alias = "lz4-legacy", .suffix = ""},
    [MR_CODEC_COMPRESS] = {.name = "compress (.Z)", .alias = "compress", .suffix = ".Z"},
    [MR_CODEC_ZIP] = {.name = "zip", .alias = "zip", .suffix = ".zip"},
};

/* --- names ------------------------------------------------------------------------------------ */

const char *mr_codec_name(mr_codec codec)
{
    return codecs[codec].name;
}

const char *mr_codec_suffix(mr_codec codec)
{
    return codecs[codec].suffix;
}

bool mr_codec_is_supported(mr_codec codec)
{
    return codec == MR_CODEC_NONE || codecs[codec].decompress != NULL;
}

mr_code mr_codec_parse(mr_slice text, mr_codec *out, mr_error *err)
{
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++) {
        if (!mr_slice_is(text, codecs[i].name) && !mr_slice_is(text, codecs[i].alias)) continue;
        if (i != MR_CODEC_AUTO && !mr_codec_is_supported((mr_codec)i)) break;
        *out = (mr_codec)i;
        return MR_OK;
    }
    return mr_fail(err, MR_ERR_USAGE,
                   "compression '%.*s' is not supported: expected none, gzip, deflate, zstd or lz4",
                   MR_SLICE_ARGS(text));
}

static bool ends_with_any_case(const char *path, const char *suffix)
{
    const size_t len = strlen(path), suffix_len = strlen(suffix);
    if (suffix_len == 0 || len <= suffix_len) return false;
    for (size_t i = 0; i < suffix_len; i++)
        if (tolower((unsigned char)path[len - suffix_len + i]) != tolower((unsigned char)suffix[i]))
            return false;
    return true;
}

mr_codec mr_codec_of_path(const char *path)
{
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++)
        if (ends_with_any_case(path, codecs[i].suffix)) return (mr_codec)i;
    return MR_CODEC_NONE;
}

int mr_codec_default_level(mr_codec codec)
{
    return codecs[codec].by_name[1];
}

mr_code mr_codec_check_level(mr_codec codec, int level, mr_error *err)
{
    const codec_info *info = &codecs[codec];
    if (level >= info->level_min && level <= info->level_max) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "compression level %d is out of range for %s: expected %d to %d, or fastest, "
                   "default, better, best",
                   level, info->name, info->level_min, info->level_max);
}

mr_code mr_codec_level(mr_codec codec, mr_slice text, int *out, mr_error *err)
{
    static const char *const names[] = {"fastest", "default", "better", "best"};
    int level = 0;
    if (text.len == 0) text = MR_SLICE("default");
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        if (!mr_slice_is(text, names[i])) continue;
        *out = codecs[codec].by_name[i];
        return MR_OK;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i == 4)
            return mr_fail(err, MR_ERR_USAGE,
                           "compression level '%.*s' is not a level of %s: expected %d to %d, or "
                           "fastest, default, better, best",
                           MR_SLICE_ARGS(text), codecs[codec].name, codecs[codec].level_min,
                           codecs[codec].level_max);
        level = level * 10 + (text.ptr[i] - '0');
    }
    MR_TRY(mr_codec_check_level(codec, level, err));
    *out = level;
    return MR_OK;
}

mr_slice mr_codec_tail(mr_codec codec)
{
    /* A last, empty block of fixed codes: what block() made before it are blocks that are not last.
     */
    return codec == MR_CODEC_DEFLATE ? MR_SLICE("\x03\x00") : (mr_slice){NULL, 0};
}

/* --- recognising ------------------------------------------------------------------------------ */

static const struct {
    mr_codec codec;
    mr_slice magic;
} magics[] = {
    {MR_CODEC_GZIP, {"\x1f\x8b", 2}},
    {MR_CODEC_ZSTD, {"\x28\xb5\x2f\xfd", 4}},
    {MR_CODEC_LZ4, {"\x04\x22\x4d\x18", 4}},
    {MR_CODEC_LZ4_LEGACY, {"\x02\x21\x4c\x18", 4}},
    {MR_CODEC_SNAPPY, {"\xff\x06\x00\x00sNaPpY", 10}},
    {MR_CODEC_S2, {"\xff\x06\x00\x00S2sTwO", 10}},
    {MR_CODEC_XZ, {"\xfd\x37zXZ\x00", 6}},
    {MR_CODEC_COMPRESS, {"\x1f\x9d", 2}},
    {MR_CODEC_ZIP, {"PK\x03\x04", 4}},
};

/* "BZh" and a digit could begin a text, so the magic of the first block (or of the end) counts too.
 */
static mr_codec detect_bzip2(mr_slice head, bool at_end)
{
    static const char block[] = "\x31\x41\x59\x26\x53\x59", end[] = "\x17\x72\x45\x38\x50\x90";
    for (size_t i = 0; i < head.len && i < 10; i++) {
        const char byte = head.ptr[i];
        if (i < 3 ? byte != "BZh"[i] : i == 3 ? byte < '1' || byte > '9' : false)
            return MR_CODEC_NONE;
        if (i >= 4 && byte != block[i - 4] && byte != end[i - 4]) return MR_CODEC_NONE;
    }
    if (head.len >= 10) return MR_CODEC_BZIP2;
    return at_end ? MR_CODEC_NONE : MR_CODEC_AUTO;
}

static mr_codec detect_magic(mr_slice head, bool at_end)
{
    bool undecided = false;
    for (size_t i = 0; i < MR_COUNT_OF(magics); i++) {
        const mr_slice magic = magics[i].magic;
        const size_t len = head.len < magic.len ? head.len : magic.len;
        if (len > 0 && memcmp(head.ptr, magic.ptr, len) != 0) continue;
        if (len == magic.len) return magics[i].codec;
        undecided = true;
    }
    const mr_codec bzip2 = detect_bzip2(head, at_end);
    if (bzip2 != MR_CODEC_NONE) return bzip2;
    return undecided && !at_end ? MR_CODEC_AUTO : MR_CODEC_NONE;
}

static bool may_be_skippable(mr_slice head)
{
    const size_t len = head.len < 4 ? head.len : 4;
    return len > 0 && (head.ptr[0] & 0xf0) == 0x50 &&
           memcmp(head.ptr + 1, "\x2a\x4d\x18", len - 1) == 0;
}

static uint32_t little_endian_32(const char *ptr)
{
    const unsigned char *b = (const unsigned char *)ptr;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Skippable frames (0x184D2A50 to 5F and their length, both little-endian) are common to zstd and
 * lz4: the first frame of another kind decides, and zstd when that lies too far behind. */
mr_codec mr_codec_detect(mr_slice head, bool at_end)
{
    mr_slice rest = head;
    if (!may_be_skippable(head)) return detect_magic(head, at_end);
    if (head.len < 4) return at_end ? MR_CODEC_NONE : MR_CODEC_AUTO;
    while (rest.len >= 8 && may_be_skippable(rest)) {
        const uint32_t size = little_endian_32(rest.ptr + 4);
        if (size > MR_CODEC_MAGIC_MAX) return MR_CODEC_ZSTD;
        rest = mr_slice_from(rest, size + 8 < rest.len ? size + 8 : rest.len);
    }
    if (rest.len >= 4 && !may_be_skippable(rest))
        return detect_magic(rest, true) == MR_CODEC_LZ4 ? MR_CODEC_LZ4 : MR_CODEC_ZSTD;
    return at_end || head.len >= MR_CODEC_MAGIC_MAX ? MR_CODEC_ZSTD : MR_CODEC_AUTO;
}

/* --- decompressing ---------------------------------------------------------------------------- */

struct mr_decompressor {
    const codec_info *info;
    void *state;
    uint64_t taken, made;
    uint64_t pieces;      /* completed */
    uint64_t piece_taken; /* of the current piece */
    char first[4];        /* its first bytes */
    size_t first_len;
    bool has_more; /* the last read filled its buffer */
    bool is_full;  /* so did the last step: the library may hold more output */
    bool in_padding;
    mr_restart_point *note; /* where the next restart point goes; NULL: nobody wants any */
    bool has_noted;
    uint64_t note_every, note_from; /* decoded bytes: between points, before the next */
    mr_code pending;                /* reported by every read from now on */
    mr_error pending_err;
};

mr_code mr_decompressor_open(mr_decompressor **out, mr_codec codec, unsigned window_log_max,
                             mr_error *err)
{
    const codec_info *info = &codecs[codec];
    if (window_log_max == 0) window_log_max = MR_ZSTD_WINDOW_LOG_DEFAULT;
    if (info->decompress == NULL)
        return mr_fail(err, MR_ERR_USAGE, "%s compression is not supported for reading",
                       info->name);
    if (window_log_max < 10 || window_log_max > MR_ZSTD_WINDOW_LOG_MAX)
        return mr_fail(err, MR_ERR_USAGE, "zstd window log %u is out of range: expected 10 to %d",
                       window_log_max, MR_ZSTD_WINDOW_LOG_MAX);
    mr_decompressor *stream = mr_mem_zalloc(sizeof *stream);
    if (stream == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to read %s", info->name);
    stream->info = info;
    const mr_code rc = info->decompress->open(&stream->state, window_log_max, err);
    if (rc != MR_OK) {
        mr_mem_free(stream);
        return rc;
    }
    *out = stream;
    return MR_OK;
}

void mr_decompressor_close(mr_decompressor *stream)
{
    if (stream == NULL) return;
    stream->info->decompress->close(stream->state);
    mr_mem_free(stream);
}

void mr_decompressor_reset(mr_decompressor *stream)
{
    stream->info->decompress->reset(stream->state);
    *stream = (mr_decompressor){.info = stream->info, .state = stream->state};
}

static bool begins_like_a_piece(const mr_decompressor *stream)
{
    const mr_codec found = mr_codec_detect(mr_slice_of(stream->first, stream->first_len), true);
    return found != MR_CODEC_NONE && &codecs[found] == stream->info;
}

/* Remembers what is wrong; read gives what was made before it first. */
static void put_off(mr_decompressor *stream, mr_code code, const char *problem)
{
    const char *name = stream->info->name;
    const unsigned long long at = stream->taken;
    stream->pending = code;
    if (code == MR_ERR_NOMEM)
        (void)mr_fail(&stream->pending_err, code, "no memory left to decode %s data", name);
    else if (code == MR_ERR_INPUT && stream->pieces > 0 && !begins_like_a_piece(stream))
        (void)mr_fail(&stream->pending_err, code,
                      "unexpected bytes after the end of the %s data, at byte %llu", name,
                      at - stream->piece_taken);
    else
        (void)mr_fail(&stream->pending_err, code, "%s data %s at byte %llu: %s", name,
                      code == MR_ERR_INPUT ? "is damaged" : "is refused", at, problem);
}

/* Between pieces: what may follow is the codec's to say. Takes zero padding away. */
static void begin_piece(mr_decompressor *stream, mr_slice *in)
{
    const codec_info *info = stream->info;
    if (stream->pieces == 0 || in->len == 0) return;
    if (info->pads_with_zeros && (stream->in_padding || in->ptr[0] == 0)) {
        stream->in_padding = true;
        while (in->len > 0 && in->ptr[0] == 0) {
            *in = mr_slice_from(*in, 1);
            stream->taken++;
        }
        if (in->len == 0) return;
    }
    stream->first_len = 0;
    if (info->is_single || stream->in_padding) put_off(stream, MR_ERR_INPUT, "");
}

/* For put_off(): damage in a piece, or something else behind the last one? */
static void note_first(mr_decompressor *stream, mr_slice in)
{
    if (MR_LIKELY(stream->piece_taken >= sizeof stream->first)) return;
    stream->first_len = (size_t)stream->piece_taken;
    while (stream->first_len < sizeof stream->first && in.len > 0) {
        stream->first[stream->first_len++] = in.ptr[0];
        in = mr_slice_from(in, 1);
    }
}

static void end_piece(mr_decompressor *stream)
{
    stream->pieces++;
    stream->piece_taken = 0;
    stream->first_len = 0;
    stream->is_full = false;
}

static bool wants_point(const mr_decompressor *stream)
{
    return stream->note != NULL && !stream->has_noted && stream->made >= stream->note_from;
}

static void note_point(mr_decompressor *stream, const mr_decode_step *step)
{
    mr_restart_point *point = stream->note;
    const bool at_piece = step->piece_ended && !stream->info->is_single;
    if (!at_piece && !step->at_point) return;
    *point = (mr_restart_point){.taken = stream->taken, .made = stream->made};
    if (!at_piece) {
        point->in_piece = true;
        point->piece_taken = stream->piece_taken;
        stream->info->decompress->point(stream->state, point);
    }
    stream->has_noted = true;
    stream->note_from = stream->made + stream->note_every;
}

mr_code mr_decompressor_read(mr_decompressor *stream, mr_slice *in, char *to, size_t cap,
                             size_t *out_got, mr_error *err)
{
    size_t got = 0;
    while (got < cap && stream->pending == MR_OK) {
        if (stream->piece_taken == 0) begin_piece(stream, in);
        if (stream->pending != MR_OK || (in->len == 0 && stream->piece_taken == 0)) break;
        note_first(stream, *in);
        /* What the library holds comes out before it sees more input: should that input be damaged,
         * it would fail and forget what it had made in the same call. */
        const bool draining = stream->is_full, noting = wants_point(stream);
        mr_decode_step step = {.in = in->ptr,
                               .in_len = draining ? 0 : in->len,
                               .out = to + got,
                               .out_cap = cap - got,
                               .stop_at_point = noting};
        const mr_code rc = stream->info->decompress->step(stream->state, &step);
        *in = mr_slice_from(*in, step.in_used);
        got += step.out_made;
        stream->made += step.out_made;
        stream->taken += step.in_used;
        stream->piece_taken += step.in_used;
        stream->is_full = step.out_made > 0 && step.out_made == step.out_cap;
        if (rc != MR_OK) put_off(stream, rc, step.problem);
        if (noting && rc == MR_OK) note_point(stream, &step);
        if (step.piece_ended)
            end_piece(stream);
        else if (step.in_used == 0 && step.out_made == 0 && !draining && !step.at_point)
            break;
    }
    stream->has_more = got == cap;
    if (got == 0 && stream->pending != MR_OK) {
        if (err != NULL) *err = stream->pending_err;
        return stream->pending;
    }
    *out_got = got;
    return MR_OK;
}

mr_code mr_decompressor_finish(mr_decompressor *stream, mr_error *err)
{
    if (stream->pending != MR_OK) {
        if (err != NULL) *err = stream->pending_err;
        return stream->pending;
    }
    if (stream->piece_taken == 0) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "%s data ends early at byte %llu", stream->info->name,
                   (unsigned long long)stream->taken);
}

uint64_t mr_decompressor_taken(const mr_decompressor *stream)
{
    return stream->taken;
}

bool mr_decompressor_has_more(const mr_decompressor *stream)
{
    return stream->has_more || stream->pending != MR_OK;
}

/* --- restart points --------------------------------------------------------------------------- */

void mr_decompressor_note(mr_decompressor *stream, uint64_t every, mr_restart_point *into)
{
    stream->note = into;
    stream->has_noted = false;
    stream->note_every = every;
    stream->note_from = stream->made + every;
}

bool mr_decompressor_noted(const mr_decompressor *stream)
{
    return stream->has_noted;
}

void mr_decompressor_renote(mr_decompressor *stream, mr_restart_point *into)
{
    stream->note = into;
    stream->has_noted = false;
}

mr_code mr_decompressor_resume(mr_decompressor *stream, const mr_restart_point *point,
                               mr_error *err)
{
    const mr_decompress_ops *ops = stream->info->decompress;
    mr_restart_point *note = stream->note;
    const uint64_t every = stream->note_every;
    mr_decompressor_reset(stream);
    stream->taken = point->taken;
    stream->made = point->made;
    mr_decompressor_note(stream, every, note);
    if (!point->in_piece) {
        stream->pieces = 1; /* or more: all that is asked is whether there was one */
        return MR_OK;
    }
    if (ops->resume == NULL)
        return mr_fail(err, MR_ERR_INPUT, "%s data cannot be begun inside a frame",
                       stream->info->name);
    stream->piece_taken = point->piece_taken;
    return ops->resume(stream->state, point, err);
}

/* --- compressing ------------------------------------------------------------------------------ */

struct mr_compressor {
    const mr_compress_ops *ops;
    void *state;
    bool in_piece;
};

mr_code mr_compressor_open(mr_compressor **out, mr_codec codec, int level, mr_error *err)
{
    const codec_info *info = &codecs[codec];
    if (info->compress == NULL)
        return mr_fail(err, MR_ERR_USAGE, "%s compression is not supported for writing",
                       info->name);
    MR_TRY(mr_codec_check_level(codec, level, err));
    mr_compressor *stream = mr_mem_zalloc(sizeof *stream);
    if (stream == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to write %s", info->name);
    stream->ops = info->compress;
    const mr_code rc = stream->ops->open(&stream->state, codec, level, err);
    if (rc != MR_OK) {
        mr_mem_free(stream);
        return rc;
    }
    *out = stream;
    return MR_OK;
}

void mr_compressor_close(mr_compressor *stream)
{
    if (stream == NULL) return;
    stream->ops->close(stream->state);
    mr_mem_free(stream);
}

mr_code mr_compressor_block(mr_compressor *stream, mr_slice bytes, mr_buffer *to, mr_error *err)
{
    MR_DCHECK(!stream->in_piece);
    return stream->ops->block(stream->state, bytes, to, err);
}

mr_code mr_compressor_write(mr_compressor *stream, mr_slice bytes, mr_buffer *to, mr_error *err)
{
    if (bytes.len == 0) return MR_OK;
    if (!stream->in_piece) MR_TRY(stream->ops->begin(stream->state, to, err));
    stream->in_piece = true;
    return stream->ops->write(stream->state, bytes, to, err);
}

mr_code mr_compressor_flush(mr_compressor *stream, mr_buffer *to, mr_error *err)
{
    return stream->in_piece ? stream->ops->flush(stream->state, to, err) : MR_OK;
}

mr_code mr_compressor_end(mr_compressor *stream, mr_buffer *to, mr_error *err)
{
    if (!stream->in_piece) return MR_OK;
    stream->in_piece = false;
    return stream->ops->end(stream->state, to, err);
}

bool mr_compressor_in_piece(const mr_compressor *stream)
{
    return stream->in_piece;
}
