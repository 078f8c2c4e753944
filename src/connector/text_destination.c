/* SPDX-License-Identifier: MIT */
#include "connector/text_destination.h"

#define MAX_FRAME_BYTES ((size_t)256 << 20) /* the names of 65,536 columns fit */

mr_code mr_text_destination_open(mr_text_destination *d, const mr_connector_env *env, mr_error *err)
{
    d->env = env;
    mr_buffer_init(&d->frame, "the header", MAX_FRAME_BYTES);
    const char *path = mr_arena_copy(env->arena, env->path);
    if (path == NULL) return mr_arena_fail(env->arena, err);
    d->options = (mr_output_options){.path = path,
                                     .level = MR_OUTPUT_LEVEL_DEFAULT,
                                     .in_place = env->in_place,
                                     .append = d->append};
    MR_TRY(mr_codec_parse(mr_slice_text(d->compression), &d->options.codec, err));
    MR_TRY(mr_output_plan(&d->options, d->path, &d->codec, err));
    if (d->codec != MR_CODEC_NONE && strcmp(d->level_text, "default") != 0)
        MR_TRY(mr_codec_level(d->codec, mr_slice_text(d->level_text), &d->options.level, err));
    d->level = d->options.level == MR_OUTPUT_LEVEL_DEFAULT ? mr_codec_default_level(d->codec)
                                                           : d->options.level;
    mr_identity there;
    if (!d->overwrite && !d->append && mr_identity_of_path(d->path, &there) && there.inode != 0)
        return mr_fail(err, MR_ERR_USAGE, "'%s' exists and overwrite is false", d->path);
    return MR_OK;
}

mr_code mr_text_destination_start(mr_text_destination *d, mr_error *err)
{
    return mr_output_open(&d->output, &d->options, err);
}

mr_code mr_text_destination_put_frame(mr_text_destination *d, mr_error *err)
{
    const mr_slice bytes = mr_buffer_slice(&d->frame);
    mr_buffer_reset(&d->frame);
    return bytes.len > 0 ? mr_output_write(d->output, bytes, err) : MR_OK;
}

mr_code mr_text_destination_write(void *state, mr_job *job, mr_error *err)
{
    mr_text_destination *d = state;
    if (job->encoded.len == 0) return MR_OK;
    if (d->codec == MR_CODEC_NONE)
        return mr_output_write(d->output, mr_buffer_slice(&job->encoded), err);
    return mr_output_write_pieces(d->output, mr_buffer_slice(&job->packed), err);
}

mr_code mr_text_destination_flush(void *state, mr_error *err)
{
    return mr_output_flush(((mr_text_destination *)state)->output, err);
}

mr_code mr_text_destination_commit(void *state, mr_error *err)
{
    return mr_output_commit(((mr_text_destination *)state)->output, err);
}

void mr_text_destination_abort(void *state)
{
    mr_text_destination *d = state;
    mr_error ignored; /* the run has failed already, and its error is the one to tell */
    if (d->output != NULL) mr_output_abort(d->output, &ignored);
}

uint64_t mr_text_destination_bytes(void *state)
{
    const mr_text_destination *d = state;
    return d->bytes_before + (d->output != NULL ? mr_output_bytes(d->output) : 0);
}

mr_slice mr_text_destination_target(void *state)
{
    return mr_slice_text(((mr_text_destination *)state)->path);
}

void mr_text_destination_close(void *state)
{
    mr_text_destination *d = state;
    mr_output_close(d->output);
    d->output = NULL;
    mr_buffer_done(&d->frame);
}

mr_code mr_text_destination_lane_open(const mr_text_destination *d, mr_text_destination_lane *lane,
                                      mr_error *err)
{
    if (d->codec == MR_CODEC_NONE) return MR_OK;
    return mr_compressor_open(&lane->compressor, d->codec, d->level, err);
}

void mr_text_destination_lane_close(mr_text_destination_lane *lane)
{
    mr_compressor_close(lane->compressor);
}

mr_code mr_text_destination_finish_piece(void *lane_state, mr_job *job, mr_error *err)
{
    mr_text_destination_lane *lane = lane_state;
    if (lane->compressor == NULL || job->encoded.len == 0) return MR_OK;
    return mr_compressor_block(lane->compressor, mr_buffer_slice(&job->encoded), &job->packed, err);
}
