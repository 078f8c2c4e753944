/* SPDX-License-Identifier: MIT
 *
 * The bytes of an input's current file, layer by layer. Each layer gives up to `cap` bytes, 0 at
 * the end, and waits only when it has nothing to give:
 *
 *     fill          file -> raw
 *     read_decoded  raw (or the file itself) -> decompressed bytes
 *     read_text     the same without a byte order mark
 *     produce       the same as UTF-8 */
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "format/input_internal.h"

#define MIDDLE_BYTES     (64u << 10)
#define FIRST_READ_BYTES 4096 /* enough to know a file by */

static mr_file *file_of(mr_input *input)
{
    return &input->files[input->current].file;
}

static mr_code in_file(mr_input *input, mr_code rc, mr_error *err)
{
    if (rc != MR_OK) (void)mr_error_prefix(err, "%s", file_of(input)->label);
    return rc;
}

/* --- raw and decompressed bytes --------------------------------------------------------------- */

/* Adds bytes of the file behind `rest`, which moves to the front of the buffer. */
static mr_code fill(mr_input *input, size_t most, mr_error *err)
{
    size_t got = 0;
    if (input->rest.len > 0 && input->rest.ptr != input->raw)
        memmove(input->raw, input->rest.ptr, input->rest.len);
    const size_t room = MR_INPUT_BUFFER_BYTES - input->rest.len;
    MR_TRY(mr_file_read(file_of(input), input->raw + input->rest.len, most < room ? most : room,
                        &got, err));
    input->rest = mr_slice_of(input->raw, input->rest.len + got);
    input->raw_bytes += got;
    if (got == 0) input->raw_ended = true;
    return MR_OK;
}

static mr_code read_plain(mr_input *input, char *to, size_t cap, size_t *out_got, mr_error *err)
{
    if (input->rest.len > 0) {
        const size_t len = input->rest.len < cap ? input->rest.len : cap;
        memcpy(to, input->rest.ptr, len);
        input->rest = mr_slice_from(input->rest, len);
        *out_got = len;
        return MR_OK;
    }
    *out_got = 0;
    if (input->raw_ended) return MR_OK;
    MR_TRY(mr_file_read(file_of(input), to, cap, out_got, err));
    input->raw_bytes += *out_got;
    if (*out_got == 0) input->raw_ended = true;
    return MR_OK;
}

static mr_code check_expansion(mr_input *input, mr_error *err)
{
    const uint64_t most = input->options.max_expansion;
    const uint64_t taken = mr_decompressor_taken(input->stream);
    mr_error found;
    if (most == MR_EXPANSION_OFF || input->has_warned ||
        input->file_decoded <= MR_EXPANSION_FLOOR || input->file_decoded / most <= taken)
        return MR_OK;
    (void)mr_fail(&found, MR_ERR_LIMIT,
                  "%s grows from %llu to %llu bytes and more, beyond limits.max_expansion %llu:1",
                  file_of(input)->label, (unsigned long long)taken,
                  (unsigned long long)input->file_decoded, (unsigned long long)most);
    if (input->options.expansion_is_error) {
        if (err != NULL) *err = found;
        return MR_ERR_LIMIT;
    }
    input->has_warned = true;
    if (input->options.warn != NULL) input->options.warn(input->options.warn_context, found.text);
    return MR_OK;
}

/* Where nothing is transcoded, a place in the text is one in the decompressed bytes. */
static void keep_point(mr_input *input, size_t got)
{
    size_t at;
    if (input->is_transcoded || !mr_input_restarts_passed(input, got, &at)) return;
    const uint64_t mark_bytes = input->files[input->current].start;
    mr_input_restarts_keep(input, input->file_decoded - got + at - mark_bytes);
}

static mr_code read_decoded(mr_input *input, char *to, size_t cap, size_t *out_got, mr_error *err)
{
    if (input->stream == NULL) return read_plain(input, to, cap, out_got, err);
    for (;;) {
        const mr_code rc = mr_decompressor_read(input->stream, &input->rest, to, cap, out_got, err);
        if (rc != MR_OK) return in_file(input, rc, err);
        input->file_decoded += *out_got;
        if (input->restarts != NULL) keep_point(input, *out_got);
        if (*out_got > 0) return check_expansion(input, err);
        if (input->raw_ended)
            return in_file(input, mr_decompressor_finish(input->stream, err), err);
        MR_TRY(fill(input, MR_INPUT_BUFFER_BYTES, err));
    }
}

/* --- text ------------------------------------------------------------------------------------- */

static mr_code read_text(mr_input *input, char *to, size_t cap, size_t *out_got, mr_error *err)
{
    const size_t left = input->head_len - input->head_at;
    if (MR_LIKELY(left == 0)) return read_decoded(input, to, cap, out_got, err);
    const size_t len = left < cap ? left : cap;
    memcpy(to, input->head + input->head_at, len);
    input->head_at += len;
    *out_got = len;
    return MR_OK;
}

static mr_code read_transcoded(mr_input *input, char *to, size_t cap, size_t *out_got,
                               mr_error *err)
{
    for (;;) {
        *out_got = mr_transcode(&input->transcoder, &input->middle_rest, to, cap);
        input->file_text += *out_got;
        if (*out_got > 0) return MR_OK;
        if (input->point_waits) {
            input->point_waits = false;
            mr_input_restarts_keep(input, input->file_text);
            input->middle_rest = input->middle_later;
            continue;
        }
        size_t got = 0, at;
        MR_TRY(read_text(input, input->middle, MIDDLE_BYTES, &got, err));
        if (got == 0) {
            return in_file(input, mr_transcode_finish(&input->transcoder, to, out_got, err), err);
        }
        input->point_waits = mr_input_restarts_passed(input, got, &at);
        if (!input->point_waits) at = got;
        input->middle_rest = mr_slice_of(input->middle, at);
        input->middle_later = mr_slice_of(input->middle + at, got - at);
    }
}

/* `cap` is at least MR_TRANSCODE_OUT_BYTES when the file is transcoded. */
static mr_code produce(mr_input *input, char *to, size_t cap, size_t *out_got, mr_error *err)
{
    return input->is_transcoded ? read_transcoded(input, to, cap, out_got, err)
                                : read_text(input, to, cap, out_got, err);
}

/* --- beginning a file ------------------------------------------------------------------------- */

void mr_input_stream_reset(mr_input *input)
{
    input->has_begun = false;
    input->begin_code = MR_OK;
    input->has_warned = false;
    input->raw_ended = false;
    input->codec = MR_CODEC_NONE;
    input->stream = NULL;
    input->transcoder = (mr_transcoder){.encoding = input->options.encoding};
    input->is_transcoded = false;
    input->rest = mr_slice_of(input->raw, 0);
    input->head_at = input->head_len = 0;
    input->middle_rest = input->middle_later = (mr_slice){NULL, 0};
    input->point_waits = false;
    mr_buffer_reset(&input->peeked);
    input->peeked_at = 0;
    input->file_decoded = input->file_text = input->file_given = 0;
}

void mr_input_stream_done(mr_input *input)
{
    for (size_t i = 0; i < MR_COUNT_OF(input->streams); i++)
        mr_decompressor_close(input->streams[i]);
    mr_buffer_done(&input->peeked);
}

static mr_code find_codec(mr_input *input, mr_codec *out, mr_error *err)
{
    *out = input->options.codec;
    if (*out != MR_CODEC_AUTO) return MR_OK;
    while ((*out = mr_codec_detect(input->rest, input->raw_ended)) == MR_CODEC_AUTO)
        MR_TRY(fill(input, FIRST_READ_BYTES, err));
    const char *path = input->paths.names[input->current];
    if (*out == MR_CODEC_NONE && input->rest.len > 0 && mr_codec_of_path(path) == MR_CODEC_DEFLATE)
        *out = MR_CODEC_DEFLATE;
    if (mr_codec_is_supported(*out)) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT,
                   "%s is compressed with %s, which is not supported; decompress it first",
                   file_of(input)->label, mr_codec_name(*out));
}

static mr_code use_codec(mr_input *input, mr_codec codec, mr_error *err)
{
    input->codec = codec;
    if (codec == MR_CODEC_NONE) return MR_OK;
    if (!mr_codec_is_supported(codec))
        return mr_fail(err, MR_ERR_USAGE, "%s compression is not supported", mr_codec_name(codec));
    if (input->streams[codec] == NULL)
        MR_TRY(mr_decompressor_open(&input->streams[codec], codec, input->options.zstd_window_log,
                                    err));
    else
        mr_decompressor_reset(input->streams[codec]);
    input->stream = input->streams[codec];
    mr_input_restarts_begin(input);
    return MR_OK;
}

/* Takes a byte order mark off, one byte at a time so as not to wait for more than needed. Damage in
 * compressed data this early is left to read, which comes upon it again after `head`. */
static mr_code take_bom(mr_input *input, mr_error *err)
{
    mr_bom bom = MR_BOM_MORE;
    bool at_end = false;
    if (input->options.encoding == MR_ENCODING_BINARY) return MR_OK;
    while ((bom = mr_bom_detect(mr_slice_of(input->head, input->head_len), at_end)) ==
           MR_BOM_MORE) {
        size_t got = 0;
        const mr_code rc = read_decoded(input, input->head + input->head_len, 1, &got, err);
        if (rc != MR_OK && rc != MR_ERR_INPUT) return rc;
        at_end = rc != MR_OK || got == 0;
        if (!at_end) input->head_len++;
    }
    if (bom == MR_BOM_UTF32)
        return mr_fail(err, MR_ERR_INPUT, "%s is UTF-32, which is not supported; convert it first",
                       file_of(input)->label);
    if (bom == MR_BOM_UTF8) input->transcoder.encoding = MR_ENCODING_UTF8;
    if (bom == MR_BOM_UTF16LE) input->transcoder.encoding = MR_ENCODING_UTF16LE;
    if (bom == MR_BOM_UTF16BE) input->transcoder.encoding = MR_ENCODING_UTF16BE;
    input->head_at = mr_bom_bytes(bom);
    return MR_OK;
}

/* A descriptor that was handed to us in mid-file is read in order only. */
static bool starts_at_zero(const mr_file *file)
{
    return !file->is_borrowed || lseek(file->fd, 0, SEEK_CUR) == 0;
}

static mr_code begin(mr_input *input, mr_error *err)
{
    mr_input_file *self = &input->files[input->current];
    mr_codec codec;
    const bool from_zero = self->file.is_regular && starts_at_zero(&self->file);
    MR_TRY(find_codec(input, &codec, err));
    MR_TRY(use_codec(input, codec, err));
    MR_TRY(take_bom(input, err));
    const mr_encoding encoding = input->transcoder.encoding;
    input->is_transcoded = encoding != MR_ENCODING_UTF8 && encoding != MR_ENCODING_BINARY;
    if (input->is_transcoded && input->middle == NULL) {
        input->middle = mr_arena_take(&input->arena, MIDDLE_BYTES);
        if (input->middle == NULL) return mr_arena_fail(&input->arena, err);
    }
    self->start = input->head_at;
    /* Files of /proc say that they are empty and are not: those are read in order. */
    self->is_direct = from_zero && codec == MR_CODEC_NONE && !input->is_transcoded &&
                      self->identity.size_bytes > self->start;
    return MR_OK;
}

mr_code mr_input_stream_begin(mr_input *input, mr_error *err)
{
    if (MR_LIKELY(input->has_begun)) return MR_OK;
    /* A second try would find the first bytes gone and take the rest for something else. */
    if (input->begin_code == MR_OK) input->begin_code = begin(input, &input->begin_err);
    if (input->begin_code != MR_OK) {
        if (err != NULL) *err = input->begin_err;
        return input->begin_code;
    }
    input->has_begun = true;
    return MR_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

static size_t give_peeked(mr_input *input, char *to, size_t cap)
{
    const size_t left = input->peeked.len - input->peeked_at;
    const size_t len = left < cap ? left : cap;
    if (len == 0) return 0;
    memcpy(to, input->peeked.ptr + input->peeked_at, len);
    input->peeked_at += len;
    if (input->peeked_at == input->peeked.len) {
        mr_buffer_reset(&input->peeked);
        input->peeked_at = 0;
        mr_buffer_shrink(&input->peeked, MR_INPUT_BUFFER_BYTES);
    }
    return len;
}

/* Adds at least one byte to the peeked ones, about `want`, or nothing at the end. */
static mr_code peek_more(mr_input *input, size_t want, size_t *out_got, mr_error *err)
{
    if (want < MR_TRANSCODE_OUT_BYTES) want = MR_TRANSCODE_OUT_BYTES;
    MR_TRY(mr_buffer_reserve(&input->peeked, want, err));
    MR_TRY(produce(input, input->peeked.ptr + input->peeked.len, want, out_got, err));
    input->peeked.len += *out_got;
    return MR_OK;
}

mr_code mr_input_read(mr_input *input, char *to, size_t cap, size_t *out_got, mr_error *err)
{
    size_t got = 0;
    MR_TRY(mr_input_stream_begin(input, err));
    if (cap < MR_TRANSCODE_OUT_BYTES && input->is_transcoded && input->peeked.len == 0)
        MR_TRY(peek_more(input, 0, &got, err));
    got = give_peeked(input, to, cap);
    if (got == 0 && (cap >= MR_TRANSCODE_OUT_BYTES || !input->is_transcoded))
        MR_TRY(produce(input, to, cap, &got, err));
    input->given_bytes += got;
    input->file_given += got;
    *out_got = got;
    return MR_OK;
}

/* True when produce() need not wait. */
static bool more_ready(mr_input *input, int timeout_ms)
{
    if (input->raw_ended || input->head_at < input->head_len || input->middle_rest.len > 0 ||
        input->point_waits || input->rest.len > 0)
        return true;
    if (input->stream != NULL && mr_decompressor_has_more(input->stream)) return true;
    return mr_file_readable(file_of(input), timeout_ms);
}

mr_code mr_input_peek(mr_input *input, size_t want, int patience_ms, mr_slice *out, mr_error *err)
{
    MR_TRY(mr_input_stream_begin(input, err));
    if (want > MR_INPUT_PEEK_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "%s: at most %u bytes can be looked at in advance",
                       file_of(input)->label, MR_INPUT_PEEK_MAX);
    if (input->peeked_at > 0) {
        input->peeked.len -= input->peeked_at;
        memmove(input->peeked.ptr, input->peeked.ptr + input->peeked_at, input->peeked.len);
        input->peeked_at = 0;
    }
    input->peek_ended = false;
    const int64_t begun = mr_clock_ns();
    while (input->peeked.len < want) {
        size_t got = 0;
        if (input->peeked.len > 0 && patience_ms > 0 &&
            mr_clock_ns() - begun > (int64_t)patience_ms * MR_INPUT_PATIENCE * 1000000)
            break;
        if (input->peeked.len > 0 && patience_ms >= 0 && !more_ready(input, patience_ms)) break;
        const mr_code rc = peek_more(input, want - input->peeked.len, &got, err);
        if (rc != MR_OK && (rc == MR_ERR_NOMEM || input->peeked.len == 0)) return rc;
        input->peek_ended = rc != MR_OK || got == 0;
        if (input->peek_ended) break; /* read comes upon the damage again */
    }
    *out = mr_buffer_slice(&input->peeked);
    return MR_OK;
}

bool mr_input_peek_ended(const mr_input *input)
{
    return input->peek_ended;
}

/* Skips in a plain regular file all of whose buffered bytes have been given out. */
static bool seek_over(mr_input *input, uint64_t count)
{
    const mr_file *file = file_of(input);
    const uint64_t size = input->files[input->current].identity.size_bytes;
    if (!file->is_regular || input->stream != NULL || input->is_transcoded ||
        input->peeked.len > 0 || input->head_at < input->head_len || input->rest.len > 0)
        return false;
    const off_t at = lseek(file->fd, 0, SEEK_CUR);
    if (at < 0 || (uint64_t)at > size || count > size - (uint64_t)at ||
        lseek(file->fd, (off_t)count, SEEK_CUR) < 0)
        return false;
    input->raw_bytes += count;
    input->given_bytes += count;
    input->file_given += count;
    return true;
}

mr_code mr_input_skip(mr_input *input, uint64_t count, mr_error *err)
{
    char scratch[16 << 10];
    MR_TRY(mr_input_stream_begin(input, err));
    while (count > 0) {
        if (seek_over(input, count)) return MR_OK;
        size_t got = 0;
        MR_TRY(mr_input_read(input, scratch, count < sizeof scratch ? count : sizeof scratch, &got,
                             err));
        if (got == 0)
            return mr_fail(err, MR_ERR_INPUT, "%s ends %llu bytes before the place to go on from",
                           file_of(input)->label, (unsigned long long)count);
        count -= got;
    }
    return MR_OK;
}

bool mr_input_poll(mr_input *input, int timeout_ms)
{
    return input->peeked.len > 0 || more_ready(input, timeout_ms);
}
