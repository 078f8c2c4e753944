/* SPDX-License-Identifier: MIT */
#include "format/output.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"

/* Compressed or plain bytes on their way: what one mr_output_write() makes, at worst a little more
 * than its input, comes on top of what was gathered. */
#define GATHERED_MAX ((size_t)1 << 40)
#define WRITE_STEP   ((size_t)1 << 20) /* plain bytes compressed between two writes to the file */

struct mr_output {
    mr_file file;
    mr_codec codec;
    int level;
    mr_compressor *stream; /* made by the first plain write of a compressed output */
    mr_buffer gathered;
    char *name;
    uint64_t begun_at;  /* length of the file when we began, or the run we go on from */
    uint64_t opened_at; /* and when it was opened */
    uint64_t bytes;     /* how much it was, once it is over */
    bool is_append;
    bool is_atomic;
    bool has_written;
    bool is_sealed; /* its last bytes are written */
    bool is_named;  /* its name is on the disk */
    bool is_over;   /* committed, aborted or suspended */
};

/* --- planning --------------------------------------------------------------------------------- */

static mr_code check_options(const mr_output_options *options, mr_codec codec, mr_error *err)
{
    if (options->resume && options->in_place)
        return mr_fail(err, MR_ERR_USAGE, "resume cannot be combined with in_place");
    if (options->append && codec == MR_CODEC_DEFLATE)
        return mr_fail(err, MR_ERR_USAGE,
                       "append cannot be combined with compression 'deflate', which has no pieces; "
                       "use gzip");
    if (options->level == MR_OUTPUT_LEVEL_DEFAULT) return MR_OK;
    if (codec == MR_CODEC_NONE)
        return mr_fail(err, MR_ERR_USAGE,
                       "compression level %d is given, but '%s' is not compressed", options->level,
                       options->path);
    return mr_codec_check_level(codec, options->level, err);
}

mr_code mr_output_plan(const mr_output_options *options, char out_path[MR_FILE_PATH_MAX],
                       mr_codec *out_codec, mr_error *err)
{
    const char *path = options->path;
    const bool special = mr_file_is_special(path);
    const mr_codec named = special ? MR_CODEC_NONE : mr_codec_of_path(path);
    const mr_codec codec = options->codec == MR_CODEC_AUTO ? named : options->codec;
    if (named != MR_CODEC_NONE && named != codec)
        return mr_fail(
            err, MR_ERR_USAGE,
            "the name '%s' asks for %s, the option for compression '%s'; make them agree", path,
            mr_codec_name(named), mr_codec_name(codec));
    if (!mr_codec_is_supported(codec))
        return mr_fail(
            err, MR_ERR_USAGE,
            "'%s' cannot be written: compression %s is not supported; use gzip, deflate, "
            "zstd or lz4",
            path, mr_codec_name(codec));
    MR_TRY(check_options(options, codec, err));
    const char *suffix = special || named == codec ? "" : mr_codec_suffix(codec);
    const int len = snprintf(out_path, MR_FILE_PATH_MAX, "%s%s", path, suffix);
    if (len <= 0 || len >= MR_FILE_PATH_MAX || path[0] == 0)
        return mr_fail(err, MR_ERR_USAGE, "path '%.64s' is empty or longer than %d bytes", path,
                       MR_FILE_PATH_MAX - 1);
    *out_codec = codec;
    return MR_OK;
}

bool mr_output_same_file(const char *path, const mr_identity *source)
{
    char by_fd[32];
    mr_identity target;
    const int fd = mr_file_path_fd(path, STDOUT_FILENO);
    if (fd >= 0) {
        snprintf(by_fd, sizeof by_fd, "/dev/fd/%d", fd);
        path = by_fd;
    }
    return mr_identity_of_path(path, &target) && mr_identity_same_file(&target, source);
}

static mr_code check_sources(const mr_output_options *options, const char *path, mr_error *err)
{
    for (size_t i = 0; i < options->source_count; i++)
        if (mr_output_same_file(path, &options->sources[i]))
            return mr_fail(err, MR_ERR_USAGE,
                           "'%s' is both source and target; write to another file", path);
    return MR_OK;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* What is appended to must be of our codec, or the whole could not be read back. */
static mr_code check_appendable(const char *path, mr_codec codec, mr_error *err)
{
    mr_file file = {0};
    char head[MR_CODEC_MAGIC_MAX];
    size_t got = 0;
    struct stat info;
    if (stat(path, &info) != 0 || info.st_size == 0) return MR_OK;
    mr_code rc = mr_file_open(&file, path, err);
    if (rc == MR_OK) rc = mr_file_pread(&file, 0, head, sizeof head, &got, err);
    mr_file_close(&file);
    const mr_codec found = rc == MR_OK ? mr_codec_detect(mr_slice_of(head, got), true) : codec;
    if (found == codec) return rc;
    return mr_fail(err, MR_ERR_USAGE, "file '%s' has compression '%s', so '%s' cannot be appended",
                   path, mr_codec_name(found), mr_codec_name(codec));
}

static mr_code resume_append(mr_output *output, uint64_t length, mr_error *err)
{
    mr_file *file = &output->file;
    if (file->written >= length) return mr_file_cut(file, length, err);
    const mr_code rc =
        mr_fail(err, MR_ERR_CONFLICT,
                "%s holds %llu bytes where the checkpoint says %llu, so the run "
                "cannot be resumed",
                file->label, (unsigned long long)file->written, (unsigned long long)length);
    mr_file_close(file);
    return rc;
}

static mr_code open_target(mr_output *output, const mr_output_options *options, const char *path,
                           mr_error *err)
{
    const int fd = mr_file_path_fd(path, STDOUT_FILENO);
    if (fd == STDOUT_FILENO) return mr_file_borrow(&output->file, fd, "standard output", err);
    if (fd == STDERR_FILENO) return mr_file_borrow(&output->file, fd, "standard error", err);
    if (fd >= 0) return mr_file_borrow(&output->file, fd, path, err);
    if (mr_file_is_special(path)) return mr_file_open_in_place(&output->file, path, err);
    if (options->append) {
        MR_TRY(check_appendable(path, output->codec, err));
        output->is_append = true;
        MR_TRY(mr_file_open_append(&output->file, path, err));
        return options->resume ? resume_append(output, options->resume_from, err) : MR_OK;
    }
    if (options->in_place) return mr_file_open_in_place(&output->file, path, err);
    output->is_atomic = true;
    if (options->resume)
        return mr_file_resume_beside(&output->file, path, options->resume_from, err);
    return mr_file_create_beside(&output->file, path, err);
}

static mr_code set_name(mr_output *output, const char *path, mr_error *err)
{
    const int fd = mr_file_path_fd(path, STDOUT_FILENO);
    const char *name = fd == STDOUT_FILENO ? "standard output" : path;
    const size_t size = strlen(name) + 1;
    output->name = mr_mem_alloc(size);
    if (output->name == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to open an output");
    memcpy(output->name, name, size);
    return MR_OK;
}

mr_code mr_output_open(mr_output **out, const mr_output_options *options, mr_error *err)
{
    char path[MR_FILE_PATH_MAX];
    mr_codec codec;
    MR_TRY(mr_output_plan(options, path, &codec, err));
    MR_TRY(check_sources(options, path, err));
    mr_output *output = mr_mem_zalloc(sizeof *output);
    if (output == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to open an output");
    output->codec = codec;
    output->level =
        options->level == MR_OUTPUT_LEVEL_DEFAULT ? mr_codec_default_level(codec) : options->level;
    mr_buffer_init(&output->gathered, "the output buffer", GATHERED_MAX);
    mr_code rc = set_name(output, path, err);
    if (rc == MR_OK) rc = mr_buffer_reserve(&output->gathered, MR_OUTPUT_BUFFER_BYTES, err);
    if (rc == MR_OK) rc = open_target(output, options, path, err);
    const bool goes_on = options->append && options->resume;
    output->begun_at = goes_on ? options->append_from : output->file.written;
    output->opened_at = output->file.written;
    output->is_sealed = options->sealed;
    if (rc != MR_OK) {
        output->is_over = true; /* nothing is open that could be aborted */
        mr_output_close(output);
        return rc;
    }
    *out = output;
    return MR_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static mr_code pass_on(mr_output *output, mr_error *err)
{
    const mr_code rc = mr_file_write(&output->file, mr_buffer_slice(&output->gathered), err);
    mr_buffer_reset(&output->gathered);
    return rc;
}

/* Gathers small slices, passes large ones on without copying them. */
static mr_code put(mr_output *output, mr_slice bytes, mr_error *err)
{
    output->has_written = true;
    if (output->gathered.len + bytes.len <= MR_OUTPUT_BUFFER_BYTES)
        return mr_buffer_append(&output->gathered, bytes, err);
    MR_TRY(pass_on(output, err));
    if (bytes.len <= MR_OUTPUT_BUFFER_BYTES / 2)
        return mr_buffer_append(&output->gathered, bytes, err);
    return mr_file_write(&output->file, bytes, err);
}

static mr_code need_stream(mr_output *output, mr_error *err)
{
    if (output->stream != NULL) return MR_OK;
    return mr_compressor_open(&output->stream, output->codec, output->level, err);
}

mr_code mr_output_write(mr_output *output, mr_slice bytes, mr_error *err)
{
    MR_DCHECK(!output->is_over);
    if (bytes.len == 0) return MR_OK;
    if (output->codec == MR_CODEC_NONE) return put(output, bytes, err);
    MR_TRY(need_stream(output, err));
    output->has_written = true;
    while (bytes.len > 0) {
        const size_t part = bytes.len < WRITE_STEP ? bytes.len : WRITE_STEP;
        MR_TRY(mr_compressor_write(output->stream, mr_slice_of(bytes.ptr, part), &output->gathered,
                                   err));
        if (output->gathered.len >= MR_OUTPUT_BUFFER_BYTES) MR_TRY(pass_on(output, err));
        bytes = mr_slice_from(bytes, part);
    }
    return MR_OK;
}

static mr_code end_piece(mr_output *output, mr_error *err)
{
    if (output->stream == NULL) return MR_OK;
    return mr_compressor_end(output->stream, &output->gathered, err);
}

mr_code mr_output_write_pieces(mr_output *output, mr_slice pieces, mr_error *err)
{
    MR_DCHECK(!output->is_over);
    if (pieces.len == 0) return MR_OK;
    MR_TRY(end_piece(output, err));
    return put(output, pieces, err);
}

mr_code mr_output_flush(mr_output *output, mr_error *err)
{
    if (output->stream != NULL) MR_TRY(mr_compressor_flush(output->stream, &output->gathered, err));
    return pass_on(output, err);
}

/* Whoever redirected our output to a file did not ask to wait for its disk. */
static mr_code sync_own(mr_output *output, mr_error *err)
{
    return output->file.is_borrowed ? MR_OK : mr_file_sync(&output->file, err);
}

mr_code mr_output_checkpoint(mr_output *output, uint64_t *out_length, mr_error *err)
{
    MR_TRY(end_piece(output, err));
    MR_TRY(pass_on(output, err));
    MR_TRY(sync_own(output, err));
    *out_length = output->file.written;
    return MR_OK;
}

mr_code mr_output_identity(const mr_output *output, mr_identity *out, uint64_t *out_begun_at,
                           mr_error *err)
{
    *out_begun_at = output->begun_at;
    return mr_file_identity(&output->file, out, err);
}

static void end(mr_output *output)
{
    output->bytes = mr_output_bytes(output);
    output->is_over = true;
}

/* The last bytes of the file. */
static mr_code finish(mr_output *output, mr_error *err)
{
    MR_TRY(end_piece(output, err));
    if (!output->has_written && output->opened_at == 0 && output->codec != MR_CODEC_NONE) {
        MR_TRY(need_stream(output, err));
        MR_TRY(mr_compressor_block(output->stream, MR_SLICE(""), &output->gathered, err));
    }
    MR_TRY(mr_buffer_append(&output->gathered, mr_codec_tail(output->codec), err));
    return pass_on(output, err);
}

mr_code mr_output_mark(mr_output *output, bool last, uint64_t *out_length, int *out_fd,
                       mr_error *err)
{
    MR_DCHECK(!output->is_over && !output->is_sealed);
    MR_TRY(last ? finish(output, err) : end_piece(output, err));
    MR_TRY(pass_on(output, err));
    output->is_sealed = last;
    if (!output->is_named && !output->file.is_borrowed)
        MR_TRY(mr_file_sync_name(&output->file, err));
    output->is_named = true;
    *out_length = output->file.written;
    *out_fd = output->file.is_regular && !output->file.is_borrowed ? output->file.fd : -1;
    return MR_OK;
}

mr_code mr_output_commit(mr_output *output, mr_error *err)
{
    MR_DCHECK(!output->is_over);
    if (!output->is_sealed) MR_TRY(finish(output, err));
    const uint64_t bytes = mr_output_bytes(output);
    MR_TRY(output->is_atomic ? mr_file_replace(&output->file, err) : sync_own(output, err));
    output->is_over = true;
    output->bytes = bytes;
    return MR_OK;
}

mr_code mr_output_abort(mr_output *output, mr_error *err)
{
    mr_code rc = MR_OK;
    if (output->is_over) return MR_OK;
    end(output);
    if (output->is_append && output->file.is_new)
        (void)unlink(output->file.path);
    else if (output->is_append)
        rc = mr_file_cut(&output->file, output->begun_at, err);
    mr_file_close(&output->file); /* removes a .part */
    return rc;
}

void mr_output_suspend(mr_output *output)
{
    if (output->is_over) return;
    end(output);
    mr_file_leave(&output->file);
}

void mr_output_close(mr_output *output)
{
    if (output == NULL) return;
    (void)mr_output_abort(output, NULL);
    mr_file_close(&output->file);
    mr_compressor_close(output->stream);
    mr_buffer_done(&output->gathered);
    mr_mem_free(output->name);
    mr_mem_free(output);
}

/* --- about ------------------------------------------------------------------------------------ */

const char *mr_output_name(const mr_output *output)
{
    return output->name;
}

mr_codec mr_output_codec(const mr_output *output)
{
    return output->codec;
}

int mr_output_level(const mr_output *output)
{
    return output->level;
}

bool mr_output_is_atomic(const mr_output *output)
{
    return output->is_atomic;
}

bool mr_output_is_at_start(const mr_output *output)
{
    return output->opened_at == 0;
}

uint64_t mr_output_bytes(const mr_output *output)
{
    if (output->is_over) return output->bytes;
    return output->file.written - output->begun_at + output->gathered.len;
}
