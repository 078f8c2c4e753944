/* SPDX-License-Identifier: MIT */
#include "connector/text_source.h"

#include <inttypes.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "format/restart.h"

#define HEAD_BYTES ((size_t)64 << 10)
#define WAIT_MS    100 /* how often a source that waits looks whether the run is over */
#define NS_PER_MS  ((int64_t)1000 * 1000)

/* A file behind standard input has one position, which the first pass moves to the end: the next
 * pass goes back to where the first began. Does nothing for pipes, and for files with names. */
static void go_home(mr_text_source *s, const char *path)
{
    const int fd = mr_file_path_fd(path, STDIN_FILENO);
    if (fd < 0) return;
    if (s->begun)
        (void)lseek(fd, (off_t)s->home, SEEK_SET);
    else
        s->home = (int64_t)lseek(fd, 0, SEEK_CUR);
}

static mr_code open_input(mr_text_source *s, mr_error *err)
{
    const mr_connector_env *env = s->env;
    const char *path = mr_arena_copy(env->arena, env->path);
    if (path == NULL) return mr_arena_fail(env->arena, err);
    go_home(s, path);
    const mr_input_options options = {
        .path = path,
        .files = env->files,
        .file_count = env->file_count,
        .codec = s->codec,
        .encoding = s->encoding,
        .max_expansion = env->max_expansion == 0 || env->max_expansion > UINT32_MAX
                             ? MR_EXPANSION_OFF
                             : (uint32_t)env->max_expansion,
        .restart_every = MR_RESTART_EVERY_BYTES,
        .warn = env->warn,
        .warn_context = env->warn_context,
    };
    mr_input_close(s->input);
    s->input = NULL;
    return mr_input_open(&s->input, &options, err);
}

/* The first `want` bytes of the current file, as far as they have come; *out_final when these are
 * all. */
static mr_code look(mr_text_source *s, size_t want, mr_slice *out_head, bool *out_final,
                    mr_error *err)
{
    do {
        MR_TRY(mr_connector_may_wait(s->env, err));
    } while (!mr_input_poll(s->input, WAIT_MS));
    MR_TRY(mr_connector_may_wait(s->env, err)); /* a signal ends the waiting too */
    MR_TRY(mr_input_peek(s->input, want, WAIT_MS, out_head, err));
    *out_final = mr_input_peek_ended(s->input);
    return MR_OK;
}

/* Looks at the beginning of the current file, at more and more of it until the format has seen
 * enough. */
static mr_code start_file(mr_text_source *s, mr_error *err)
{
    s->file = mr_input_file_index(s->input);
    s->file_name = mr_slice_text(mr_input_file_name(s->input, s->file));
    for (size_t want = HEAD_BYTES;;) {
        mr_slice head;
        bool final, complete = true;
        MR_TRY(look(s, want, &head, &final, err));
        MR_TRY(s->start_file(s, head, final, &s->start, &complete, err));
        if (complete) break;
        if (head.len == want) want *= 4;
        if (want > MR_INPUT_PEEK_MAX)
            return mr_fail(err, MR_ERR_INPUT,
                           "'%.*s' does not begin like its format within %u bytes",
                           MR_SLICE_ARGS(s->file_name), MR_INPUT_PEEK_MAX);
    }
    MR_TRY(mr_input_skip(s->input, s->start.consumed, err));
    s->offset = s->start.consumed;
    s->first_piece = true;
    s->file_final = false;
    return MR_OK;
}

mr_code mr_text_source_open(mr_text_source *s, const mr_connector_env *env, mr_text_start_fn *start,
                            mr_error *err)
{
    s->env = env;
    s->start_file = start;
    if (s->piece_bytes == 0) s->piece_bytes = env->piece_bytes;
    if (s->piece_bytes == 0) s->piece_bytes = MR_PIECE_BYTES;
    mr_buffer_init(&s->kept, "the sample of the input", MR_KEEP_BYTES + s->piece_bytes);
    MR_TRY(open_input(s, err));
    s->total_bytes = mr_input_total_bytes(s->input);
    return start_file(s, err);
}

mr_code mr_text_source_look_at_all(mr_text_source *s, mr_error *err)
{
    for (bool has = true;;) {
        MR_TRY(mr_input_next_file(s->input, &has, err));
        if (!has) break;
        MR_TRY(start_file(s, err));
    }
    MR_TRY(open_input(s, err));
    return start_file(s, err);
}

void mr_text_source_close(mr_text_source *s)
{
    mr_input_close(s->input);
    s->input = NULL;
    mr_buffer_done(&s->kept);
}

uint32_t mr_text_source_abilities(const mr_text_source *s)
{
    for (uint32_t i = 0; i < mr_input_file_count(s->input); i++)
        if (mr_input_identity(s->input, i).inode == 0) return MR_CAP_STREAM;
    return MR_CAP_REWIND;
}

mr_code mr_text_source_begin(mr_text_source *s, bool keep, mr_error *err)
{
    const bool first = !s->begun;
    s->begun = true;
    s->keeping = keep;
    s->kept_at = 0;
    s->done_before = 0;
    atomic_store(&s->done_bytes, 0);
    mr_text_source_sum_up(s);
    if (first) return MR_OK;
    if (s->kept_pass) { /* hand the kept bytes out again, from the place where they began */
        s->offset = s->start.consumed;
        s->first_piece = true;
        return MR_OK;
    }
    MR_TRY(open_input(s, err));
    return start_file(s, err);
}

mr_code mr_text_source_go(mr_text_source *s, uint32_t file, uint64_t offset, uint64_t carry_bytes,
                          mr_slice restart, mr_error *err)
{
    uint64_t size;
    s->begun = true;
    mr_text_source_sum_up(s);
    for (bool has = true; mr_input_file_index(s->input) < file;) {
        s->done_before += mr_input_identity(s->input, mr_input_file_index(s->input)).size_bytes;
        MR_TRY(mr_input_next_file(s->input, &has, err));
        if (!has) return mr_fail(err, MR_ERR_USAGE, "there is no file number %u", file + 1);
        if (mr_input_file_index(s->input) == file) MR_TRY(start_file(s, err));
    }
    if (offset < s->offset)
        return mr_fail(err, MR_ERR_USAGE, "'%.*s' begins otherwise than it did",
                       MR_SLICE_ARGS(s->file_name));
    const bool direct = mr_input_is_direct(s->input, &size);
    if (!direct) MR_TRY(mr_input_seek(s->input, offset, restart, err));
    s->offset = offset;
    s->carried = carry_bytes;
    s->first_piece = false;
    s->file_final = direct && offset + carry_bytes >= size;
    return MR_OK;
}

static void describe(mr_text_source *s, mr_job *job)
{
    job->file = s->file;
    job->file_name = s->file_name;
    job->offset = s->offset;
    job->exact = s->first_piece;
    job->lines_before = s->start.line_count;
    if (s->first_piece) job->begin_state = job->state = s->first_state;
    if (s->first_piece) job->result.blank_lines = 0;
    s->first_piece = false;
}

/* Reads into the piece until it is full, the file ends, or it is time to hand on what is there. */
static mr_code read_piece(mr_text_source *s, mr_job *job, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(&job->bytes, s->piece_bytes, err));
    while (job->bytes.len < s->piece_bytes && !s->file_final) {
        const bool wait =
            !mr_input_poll(s->input, job->bytes.len == 0 || !s->env->streaming ? WAIT_MS : 0);
        if (atomic_load_explicit(s->env->cancelled, memory_order_relaxed)) return MR_OK;
        /* Also while more keeps coming, a few bytes at a time. */
        job->hurried = job->bytes.len > 0 && s->env->flush_interval_ns > 0 &&
                       mr_clock_ns() - job->born_ns > s->env->flush_interval_ns;
        if (job->hurried || (wait && s->env->streaming && job->bytes.len > 0)) return MR_OK;
        if (wait) continue;
        size_t got;
        MR_TRY(mr_input_read(s->input, job->bytes.ptr + job->bytes.len,
                             s->piece_bytes - job->bytes.len, &got, err));
        if (job->bytes.len == 0) job->born_ns = mr_clock_ns();
        job->bytes.len += got;
        s->file_final = got == 0;
        if (s->env->streaming && job->bytes.len > 0) return MR_OK;
    }
    return MR_OK;
}

/* What an earlier run had handed out already and no record had taken. */
static mr_code fetch_carried(mr_text_source *s, mr_job *job, bool direct, mr_error *err)
{
    describe(s, job);
    job->carried = true;
    job->direct = direct;
    job->range_bytes = s->carried;
    s->offset += s->carried;
    if (direct) {
        s->carried = 0;
        return MR_OK;
    }
    MR_TRY(mr_buffer_reserve(&job->bytes, s->carried, err));
    while (s->carried > 0) {
        size_t got;
        MR_TRY(mr_input_read(s->input, job->bytes.ptr + job->bytes.len, s->carried, &got, err));
        if (got == 0)
            return mr_fail(err, MR_ERR_INPUT, "'%.*s' ends before the place to go on from",
                           MR_SLICE_ARGS(s->file_name));
        job->bytes.len += got;
        s->carried -= got;
    }
    return MR_OK;
}

static mr_code fetch_direct(mr_text_source *s, mr_job *job, uint64_t size)
{
    describe(s, job);
    job->direct = true;
    job->range_bytes = mr_min_u64(s->piece_bytes, size - s->offset);
    s->offset += job->range_bytes;
    s->file_final = job->final = s->offset >= size;
    atomic_store_explicit(&s->done_bytes, s->done_before + s->offset, memory_order_relaxed);
    return MR_OK;
}

static mr_code fetch_stream(mr_text_source *s, mr_job *job, mr_error *err)
{
    describe(s, job);
    const mr_code rc = read_piece(s, job, err);
    s->offset += job->bytes.len;
    job->final = s->file_final;
    atomic_store_explicit(&s->done_bytes, mr_input_raw_bytes(s->input), memory_order_relaxed);
    if (rc != MR_OK && job->bytes.len > 0) { /* first what came before the damage, then the error */
        s->pending = *err;
        s->pending.code = rc;
        return MR_OK;
    }
    if (rc == MR_OK && s->keeping)
        return mr_buffer_append(&s->kept, mr_buffer_slice(&job->bytes), err);
    return rc;
}

static mr_code fetch_kept(mr_text_source *s, mr_job *job, mr_error *err)
{
    const size_t left = s->kept.len - s->kept_at;
    const size_t take = left < s->piece_bytes ? left : s->piece_bytes;
    describe(s, job);
    MR_TRY(mr_buffer_append(&job->bytes, (mr_slice){s->kept.ptr + s->kept_at, take}, err));
    s->kept_at += take;
    s->offset += take;
    job->final = s->file_final && s->kept_at == s->kept.len;
    if (s->kept_at == s->kept.len) {
        mr_buffer_done(&s->kept);
        s->kept_pass = false;
        s->kept_at = 0;
    }
    return MR_OK;
}

/* The next file when this one has been handed out whole; *out_end when there is none. */
static mr_code advance(mr_text_source *s, bool *out_end, mr_error *err)
{
    *out_end = false;
    if (!s->file_final) return MR_OK;
    bool has = false;
    if (!s->keeping) {
        s->done_before += s->offset;
        MR_TRY(mr_input_next_file(s->input, &has, err));
    }
    *out_end = !has;
    return has ? start_file(s, err) : MR_OK;
}

mr_code mr_text_source_fetch(mr_text_source *s, mr_job *job, mr_error *err)
{
    if (s->pending.code != MR_OK) {
        *err = s->pending;
        return s->pending.code;
    }
    if (s->kept_pass && !s->keeping) return fetch_kept(s, job, err);
    uint64_t size;
    if (s->carried > 0) return fetch_carried(s, job, mr_input_is_direct(s->input, &size), err);
    MR_TRY(advance(s, &job->end, err));
    if (s->keeping) s->kept_pass = true;
    if (s->keeping && s->kept.len >= MR_KEEP_BYTES) job->end = true;
    if (job->end) return MR_OK;
    if (mr_input_is_direct(s->input, &size) && !s->keeping) return fetch_direct(s, job, size);
    return fetch_stream(s, job, err);
}

mr_code mr_text_source_load(const mr_text_source *s, mr_job *job, mr_error *err)
{
    size_t got;
    MR_TRY(mr_buffer_reserve(&job->bytes, job->range_bytes, err));
    MR_TRY(mr_input_pread(s->input, job->file, job->offset, job->bytes.ptr, job->range_bytes, &got,
                          err));
    if (got < job->range_bytes)
        return mr_fail(err, MR_ERR_INPUT,
                       "'%.*s' was cut off while it was read: it ends at byte %" PRIu64,
                       MR_SLICE_ARGS(job->file_name), job->offset + got);
    job->bytes.len = got;
    return MR_OK;
}

bool mr_text_source_guess(const mr_job *job, size_t *out_start)
{
    const char *lf = job->bytes.len > 0 ? memchr(job->bytes.ptr, '\n', job->bytes.len) : NULL;
    if (lf == NULL) return false;
    *out_start = (size_t)(lf - job->bytes.ptr) + 1;
    return true;
}

void mr_text_source_progress(mr_text_source *s, uint64_t *out_done, uint64_t *out_total)
{
    *out_done = atomic_load_explicit(&s->done_bytes, memory_order_relaxed);
    *out_total = s->total_bytes;
}

mr_code mr_text_source_verify(mr_text_source *s, mr_error *err)
{
    return mr_input_unchanged(s->input, err);
}

void mr_text_source_add_result(mr_job *job, const mr_text_result *result, uint32_t rejects_before)
{
    mr_text_result *sum = &job->result;
    const size_t read_before = job->at - job->start;
    for (uint32_t i = rejects_before; i < job->rejects.count; i++) {
        mr_reject *reject = mr_reject_at(&job->rejects, i);
        reject->record += sum->record_count;
        reject->line += sum->line_count;
        reject->byte_offset += read_before;
    }
    job->at += result->consumed;
    job->done = !result->batch_full;
    sum->consumed += result->consumed;
    sum->record_count += result->record_count;
    sum->line_count += result->line_count;
    sum->blank_lines += result->blank_lines;
    sum->resync_count += result->resync_count;
    sum->duplicate_keys += result->duplicate_keys;
    sum->long_line_bytes += result->long_line_bytes;
    sum->in_long_line = result->in_long_line;
}
