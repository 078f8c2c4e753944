/* SPDX-License-Identifier: MIT
 *
 * Restart points of an input's compressed files, and going to a place. */
#include <unistd.h>

#include "core/mem.h"
#include "format/input_internal.h"

/* --- keeping points --------------------------------------------------------------------------- */

mr_code mr_input_restarts_open(mr_input *input, mr_error *err)
{
    if (input->options.restart_every == 0) return MR_OK;
    input->restarts = mr_mem_zalloc(sizeof *input->restarts);
    if (input->restarts == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for restart points");
    pthread_mutex_init(&input->restarts->lock, NULL);
    return MR_OK;
}

void mr_input_restarts_close(mr_input *input)
{
    if (input->restarts == NULL) return;
    pthread_mutex_destroy(&input->restarts->lock);
    mr_mem_free(input->restarts);
}

void mr_input_restarts_begin(mr_input *input)
{
    const bool wanted = input->restarts != NULL && input->files[input->current].file.is_regular;
    mr_restart_point *into = wanted ? &mr_restarts_slot(input->restarts)->point : NULL;
    mr_decompressor_note(input->stream, input->options.restart_every, into);
}

/* What passes before codec and encoding are known is a few bytes, and no place to begin at. */
bool mr_input_restarts_passed(const mr_input *input, size_t got, size_t *out_at)
{
    if (input->restarts == NULL || input->stream == NULL || !input->has_begun ||
        !mr_decompressor_noted(input->stream))
        return false;
    const uint64_t made = mr_restarts_slot(input->restarts)->point.made;
    const uint64_t behind = input->file_decoded - made;
    if (behind > got) {
        mr_decompressor_renote(input->stream, &mr_restarts_slot(input->restarts)->point);
        return false;
    }
    *out_at = got - (size_t)behind;
    return true;
}

/* The sum of the compressed bytes in front of a place. */
static mr_code sum_before(const mr_input *input, uint64_t taken, uint32_t *out, mr_error *err)
{
    const mr_input_file *self = &input->files[input->current];
    char bytes[MR_RESTART_BEFORE];
    const size_t len = taken < sizeof bytes ? (size_t)taken : sizeof bytes;
    size_t got;
    MR_TRY(mr_file_pread(&self->file, self->base + taken - len, bytes, len, &got, err));
    *out = mr_restart_sum(mr_slice_of(bytes, got));
    return MR_OK;
}

void mr_input_restarts_keep(mr_input *input, uint64_t text_offset)
{
    mr_restart *place = mr_restarts_slot(input->restarts);
    place->file = input->current;
    place->codec = input->codec;
    place->transcoder = input->transcoder;
    place->text_offset = text_offset;
    /* A file that cannot be read any more says so where its bytes are wanted. */
    if (sum_before(input, place->point.taken, &place->before, NULL) == MR_OK)
        mr_restarts_publish(input->restarts);
    mr_decompressor_renote(input->stream, &mr_restarts_slot(input->restarts)->point);
}

mr_code mr_input_mark(const mr_input *input, uint32_t file, uint64_t offset, mr_buffer *to,
                      mr_error *err)
{
    if (input->restarts == NULL) return MR_OK;
    return mr_restarts_mark(input->restarts, file, offset, to, err);
}

/* --- going to a place ------------------------------------------------------------------------- */

static mr_code go_to_raw(mr_input *input, uint64_t taken, mr_error *err)
{
    const mr_input_file *self = &input->files[input->current];
    const off_t was = self->file.is_regular ? lseek(self->file.fd, 0, SEEK_CUR) : -1;
    if (was >= 0 && lseek(self->file.fd, (off_t)(self->base + taken), SEEK_SET) >= 0) {
        input->raw_bytes += self->base + taken - (uint64_t)was;
        return MR_OK;
    }
    return mr_fail(err, MR_ERR_USAGE, "%s can be read once and in order only", self->file.label);
}

/* Is the mark of this file, as it is now? */
static mr_code check_place(const mr_input *input, const mr_restart *place, uint64_t offset,
                           mr_error *err)
{
    const mr_input_file *self = &input->files[input->current];
    const uint64_t taken = place->point.taken;
    const char *label = self->file.label;
    uint32_t before = 0;
    if (place->codec != input->codec || place->transcoder.encoding != input->transcoder.encoding)
        return mr_fail(err, MR_ERR_CONFLICT,
                       "%s is %s text of encoding %s, and was %s of encoding %s when the place to "
                       "go on from was kept",
                       label, mr_codec_name(input->codec),
                       mr_encoding_name(input->transcoder.encoding), mr_codec_name(place->codec),
                       mr_encoding_name(place->transcoder.encoding));
    if (place->text_offset > offset)
        return mr_fail(err, MR_ERR_INPUT,
                       "the restart point of %s lies behind the place to go on from", label);
    if (!self->file.is_regular || taken > self->identity.size_bytes ||
        self->base > self->identity.size_bytes - taken)
        return mr_fail(err, MR_ERR_CONFLICT,
                       "%s is shorter than it was: the place to go on from lies at byte %llu",
                       label, (unsigned long long)taken);
    MR_TRY(sum_before(input, taken, &before, err));
    if (before == place->before) return MR_OK;
    return mr_fail(err, MR_ERR_CONFLICT,
                   "%s is not what it was: the bytes in front of byte %llu are different", label,
                   (unsigned long long)taken);
}

/* Decoding begins anew at `place`. */
static mr_code begin_at(mr_input *input, const mr_restart *place, mr_error *err)
{
    const mr_encoding encoding = input->transcoder.encoding;
    MR_TRY(go_to_raw(input, place->point.taken, err));
    input->raw_ended = false;
    input->rest = mr_slice_of(input->raw, 0);
    input->head_at = input->head_len = 0;
    input->middle_rest = input->middle_later = (mr_slice){NULL, 0};
    input->point_waits = false;
    mr_buffer_reset(&input->peeked);
    input->peeked_at = 0;
    input->transcoder = place->transcoder;
    input->transcoder.encoding = encoding;
    input->file_decoded = place->point.made;
    input->file_text = input->file_given = place->text_offset;
    return mr_decompressor_resume(input->stream, &place->point, err);
}

static mr_code begin_at_mark(mr_input *input, uint64_t offset, mr_slice mark, mr_error *err)
{
    mr_restart place = {0};
    mr_code rc = mr_restart_parse(mark, &place, err);
    if (rc != MR_OK) return mr_error_prefix(err, "%s", input->files[input->current].file.label);
    MR_TRY(check_place(input, &place, offset, err));
    return begin_at(input, &place, err);
}

static mr_code begin_again(mr_input *input, mr_error *err)
{
    MR_TRY(go_to_raw(input, 0, err));
    mr_input_stream_reset(input);
    return mr_input_stream_begin(input, err);
}

mr_code mr_input_seek(mr_input *input, uint64_t offset, mr_slice mark, mr_error *err)
{
    MR_TRY(mr_input_stream_begin(input, err));
    if (mark.len > 0)
        MR_TRY(begin_at_mark(input, offset, mark, err));
    else if (offset < input->file_given)
        MR_TRY(begin_again(input, err));
    return mr_input_skip(input, offset - input->file_given, err);
}
