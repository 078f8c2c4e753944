/* SPDX-License-Identifier: MIT */
#include "format/input.h"

#include <unistd.h>

#include "core/mem.h"
#include "format/input_internal.h"

/* Names of MR_PATHS_MAX files, and buffers. */
#define ARENA_BYTES ((size_t)1 << 30)

static mr_input_file *current(mr_input *input)
{
    return &input->files[input->current];
}

/* --- opening ---------------------------------------------------------------------------------- */

static mr_code new_input(mr_input **out, const mr_input_options *options, mr_error *err)
{
    mr_input *input = mr_mem_zalloc(sizeof *input);
    if (input == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to open an input");
    input->options = *options;
    input->options.path = NULL;
    if (input->options.max_expansion == 0) input->options.max_expansion = MR_INPUT_MAX_EXPANSION;
    if (input->options.keep_open == 0) input->options.keep_open = MR_INPUT_KEEP_OPEN;
    mr_arena_init(&input->arena, "input", ARENA_BYTES);
    mr_buffer_init(&input->peeked, "the part of the input looked at in advance", MR_INPUT_PEEK_MAX);
    *out = input;
    return MR_OK;
}

static mr_code make_tables(mr_input *input, mr_error *err)
{
    input->files = mr_arena_take(&input->arena, input->paths.count * sizeof *input->files);
    if (input->files == NULL) return mr_arena_fail(&input->arena, err);
    input->raw = mr_arena_take(&input->arena, MR_INPUT_BUFFER_BYTES);
    if (input->raw == NULL) return mr_arena_fail(&input->arena, err);
    return mr_input_restarts_open(input, err);
}

/* Takes note of a file that has just been opened, and looks at it unless that could wait. */
static mr_code file_opened(mr_input *input, mr_error *err)
{
    mr_input_file *self = current(input);
    self->was_opened = true;
    MR_TRY(mr_file_identity(&self->file, &self->identity, err));
    const off_t stands = self->file.is_borrowed ? lseek(self->file.fd, 0, SEEK_CUR) : 0;
    self->base = stands > 0 ? (uint64_t)stands : 0;
    mr_input_stream_reset(input);
    return self->file.is_regular ? mr_input_stream_begin(input, err) : MR_OK;
}

static mr_code open_current(mr_input *input, mr_error *err)
{
    mr_input_file *self = current(input);
    const char *path = input->paths.names[input->current];
    const int fd = mr_file_path_fd(path, STDIN_FILENO);
    if (fd == STDIN_FILENO)
        MR_TRY(mr_file_borrow(&self->file, fd, "standard input", err));
    else
        MR_TRY(mr_file_open(&self->file, path, err));
    return file_opened(input, err);
}

static uint64_t sum_sizes(const mr_input *input)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < input->paths.count; i++) {
        const mr_identity identity = mr_input_identity(input, i);
        if (identity.inode == 0) return 0;
        sum += identity.size_bytes;
    }
    return sum;
}

static mr_code finish_open(mr_input *input, mr_code rc, mr_input **out)
{
    if (rc != MR_OK) {
        mr_input_close(input);
        return rc;
    }
    input->total_bytes = sum_sizes(input);
    *out = input;
    return MR_OK;
}

mr_code mr_input_open(mr_input **out, const mr_input_options *options, mr_error *err)
{
    mr_input *input = NULL;
    MR_TRY(new_input(&input, options, err));
    mr_code rc = MR_OK;
    if (options->files != NULL)
        input->paths = (mr_paths){options->files, options->file_count};
    else
        rc = mr_paths_find(&input->arena, options->path, &input->paths, err);
    if (rc == MR_OK) rc = make_tables(input, err);
    if (rc == MR_OK) rc = open_current(input, err);
    return finish_open(input, rc, out);
}

mr_code mr_input_open_fd(mr_input **out, int fd, const char *label, const mr_input_options *options,
                         mr_error *err)
{
    mr_input *input = NULL;
    MR_TRY(new_input(&input, options, err));
    const char **names = mr_arena_take(&input->arena, sizeof *names);
    mr_code rc = MR_OK;
    if (names != NULL) names[0] = mr_arena_copy(&input->arena, mr_slice_text(label));
    if (names == NULL || names[0] == NULL) rc = mr_arena_fail(&input->arena, err);
    input->paths = (mr_paths){names, 1};
    if (rc == MR_OK) rc = make_tables(input, err);
    if (rc == MR_OK) rc = mr_file_borrow(&current(input)->file, fd, label, err);
    if (rc == MR_OK) rc = file_opened(input, err);
    return finish_open(input, rc, out);
}

void mr_input_close(mr_input *input)
{
    if (input == NULL) return;
    for (uint32_t i = 0; input->files != NULL && i <= input->current; i++)
        mr_file_close(&input->files[i].file);
    mr_input_stream_done(input);
    mr_input_restarts_close(input);
    mr_arena_done(&input->arena);
    mr_mem_free(input);
}

/* --- one file after the other ----------------------------------------------------------------- */

/* Compares an open file with what it was; the first difference is kept. */
static void look_for_change(mr_input *input, uint32_t file)
{
    mr_input_file *self = &input->files[file];
    mr_identity now;
    if (input->has_changed || !self->file.is_open) return;
    const mr_code rc = mr_file_identity(&self->file, &now, &input->change_err);
    if (rc == MR_OK && mr_identity_equal(&now, &self->identity)) return;
    input->has_changed = true;
    if (rc != MR_OK) return;
    (void)mr_fail(&input->change_err, MR_ERR_CONFLICT,
                  "%s changed while it was read: it had %llu bytes and now has %llu%s",
                  self->file.label, (unsigned long long)self->identity.size_bytes,
                  (unsigned long long)now.size_bytes,
                  now.size_bytes == self->identity.size_bytes ? ", written anew" : "");
}

static void leave_file(mr_input *input, uint32_t file)
{
    look_for_change(input, file);
    mr_file_close(&input->files[file].file);
}

mr_code mr_input_next_file(mr_input *input, bool *out_has, mr_error *err)
{
    if (input->current + 1 >= input->paths.count) {
        *out_has = false;
        return MR_OK;
    }
    if (!current(input)->is_direct) leave_file(input, input->current);
    input->current++;
    if (input->current >= input->options.keep_open)
        leave_file(input, input->current - input->options.keep_open);
    MR_TRY(open_current(input, err));
    *out_has = true;
    return MR_OK;
}

mr_code mr_input_unchanged(mr_input *input, mr_error *err)
{
    for (uint32_t i = 0; i <= input->current; i++)
        look_for_change(input, i);
    if (!input->has_changed) return MR_OK;
    if (err != NULL) *err = input->change_err;
    return input->change_err.code;
}

/* --- at any place ----------------------------------------------------------------------------- */

bool mr_input_is_direct(const mr_input *input, uint64_t *out_size)
{
    const mr_input_file *self = &input->files[input->current];
    if (!self->is_direct) return false;
    *out_size = self->identity.size_bytes - self->start;
    return true;
}

uint64_t mr_input_start_bytes(const mr_input *input, uint32_t file, bool *out_direct)
{
    *out_direct = input->files[file].is_direct;
    return *out_direct ? input->files[file].start : 0;
}

mr_code mr_input_pread(const mr_input *input, uint32_t file, uint64_t offset, char *to, size_t len,
                       size_t *out_got, mr_error *err)
{
    const mr_input_file *self = &input->files[file];
    MR_DCHECK(self->is_direct && self->file.is_open);
    if (offset > UINT64_MAX - self->start) offset = UINT64_MAX - self->start;
    return mr_file_pread(&self->file, self->start + offset, to, len, out_got, err);
}

mr_code mr_input_pread_raw(const mr_input *input, uint32_t file, uint64_t offset, char *to,
                           size_t len, size_t *out_got, mr_error *err)
{
    const mr_file *self = &input->files[file].file;
    if (!self->is_open || !self->is_regular)
        return mr_fail(err, MR_ERR_USAGE, "'%s' can be read in order only",
                       mr_input_file_name(input, file));
    return mr_file_pread(self, offset, to, len, out_got, err);
}

/* --- about the files -------------------------------------------------------------------------- */

uint32_t mr_input_file_count(const mr_input *input)
{
    return input->paths.count;
}

uint32_t mr_input_file_index(const mr_input *input)
{
    return input->current;
}

const char *mr_input_file_name(const mr_input *input, uint32_t file)
{
    const char *name = input->paths.names[file];
    return mr_file_path_fd(name, STDIN_FILENO) == STDIN_FILENO ? "standard input" : name;
}

mr_identity mr_input_identity(const mr_input *input, uint32_t file)
{
    mr_identity identity = input->files[file].identity;
    if (!input->files[file].was_opened && !mr_identity_of_path(input->paths.names[file], &identity))
        identity = (mr_identity){0};
    return identity;
}

mr_codec mr_input_codec(const mr_input *input)
{
    return input->has_begun ? input->codec : MR_CODEC_NONE;
}

mr_encoding mr_input_encoding(const mr_input *input)
{
    return input->has_begun ? input->transcoder.encoding : MR_ENCODING_UTF8;
}

uint64_t mr_input_raw_bytes(const mr_input *input)
{
    return input->raw_bytes;
}

uint64_t mr_input_decoded_bytes(const mr_input *input)
{
    return input->given_bytes;
}

uint64_t mr_input_total_bytes(const mr_input *input)
{
    return input->total_bytes;
}
