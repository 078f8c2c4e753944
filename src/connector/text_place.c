/* SPDX-License-Identifier: MIT
 *
 * Positions in files: where reading stands, and what tells the file it stands in from another. A
 * file is the same when device and inode are, when it is not shorter than what was read of it, and
 * when its first 4 KiB and the 4 KiB before the place are what they were. Of a compressed file the
 * place is not known in its own bytes; there the last 4 KiB of what it was count.
 *
 * Files are opened anew for this: the source's thread may have closed them by now. */
#include <sys/stat.h>

#include "connector/text_source.h"
#include "core/file.h"
#include "core/packed.h"
#include "core/sha256.h"
#include "format/restart.h"

#define POSITION_VERSION 1u
#define PROOF_BYTES      ((size_t)4096)
#define NAME_MAX_BYTES   ((size_t)2048) /* of a file, as far as a position keeps it */

typedef struct text_position {
    mr_slice names_sum, inputs_sum, name;
    uint64_t device, inode;
    uint64_t head_bytes, tail_end, tail_bytes; /* in the file as it is */
    mr_slice head_sum, tail_sum;
    mr_slice restart; /* where to begin decoding: mr_input_mark() */
    mr_source_place place;
} text_position;

/* --- what the input looks like -------------------------------------------------------------- */

static void add_u64(mr_sha256 *sum, uint64_t value)
{
    mr_sha256_add(sum, mr_slice_of((const char *)&value, sizeof value));
}

void mr_text_source_sum_up(mr_text_source *s)
{
    mr_sha256 names, all;
    mr_sha256_init(&names);
    mr_sha256_init(&all);
    for (uint32_t i = 0; i < mr_input_file_count(s->input); i++) {
        const char *name = mr_input_file_name(s->input, i);
        const mr_identity identity = mr_input_identity(s->input, i);
        mr_sha256_add(&names, mr_slice_of(name, strlen(name) + 1));
        add_u64(&all, identity.device);
        add_u64(&all, identity.inode);
        add_u64(&all, identity.size_bytes);
        add_u64(&all, (uint64_t)identity.mtime_ns);
    }
    mr_sha256_hex(&names, s->names_sum);
    mr_sha256_hex(&all, s->inputs_sum);
}

const char *mr_text_source_cannot_resume(const void *state, const mr_connector_env *env)
{
    const mr_text_source *s = state;
    char path[MR_FILE_PATH_MAX];
    struct stat info;
    if (env->path.len < sizeof path && env->path.len > 0) {
        memcpy(path, env->path.ptr, env->path.len);
        path[env->path.len] = 0;
        if (mr_file_path_fd(path, 0) >= 0) return "standard input cannot be gone back to";
        if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
            return "the source is no regular file and cannot be gone back to";
    }
    if (s->input != NULL && (mr_text_source_abilities(s) & MR_CAP_REWIND) == 0)
        return "the source is no regular file and cannot be gone back to";
    return NULL;
}

/* The sum of `len` bytes that end at `end`. */
static mr_code sum_range(const mr_file *file, uint64_t end, uint64_t len, char out[65],
                         mr_error *err)
{
    char bytes[PROOF_BYTES];
    size_t got = 0;
    mr_sha256 sum;
    MR_DCHECK(len <= sizeof bytes && len <= end);
    MR_TRY(mr_file_pread(file, end - len, bytes, (size_t)len, &got, err));
    mr_sha256_init(&sum);
    mr_sha256_add(&sum, mr_slice_of(bytes, got));
    mr_sha256_hex(&sum, out);
    return MR_OK;
}

/* --- writing a position ----------------------------------------------------------------------- */

static mr_code pack(const text_position *p, mr_buffer *out, mr_error *err)
{
    const uint64_t numbers[] = {p->device,
                                p->inode,
                                p->head_bytes,
                                p->tail_end,
                                p->tail_bytes,
                                p->place.file,
                                p->place.offset,
                                p->place.carry_bytes,
                                p->place.retry_bytes,
                                p->place.record_base,
                                p->place.line_base,
                                p->place.state.where,
                                p->place.state.element,
                                p->place.state.column};
    const mr_slice texts[] = {p->names_sum, p->inputs_sum, p->name,
                              p->head_sum,  p->tail_sum,   p->restart};
    MR_TRY(mr_pack_u32(out, POSITION_VERSION, err));
    for (size_t i = 0; i < MR_COUNT_OF(numbers); i++)
        MR_TRY(mr_pack_u64(out, numbers[i], err));
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++)
        MR_TRY(mr_pack_text(out, texts[i], err));
    return MR_OK;
}

static mr_code prove(const mr_text_source *s, const mr_file *file, const mr_source_place *place,
                     mr_slice restart, mr_buffer *out, mr_error *err)
{
    char head[65], tail[65];
    mr_identity now;
    const mr_identity opened = mr_input_identity(s->input, place->file);
    MR_TRY(mr_file_identity(file, &now, err));
    if (!mr_identity_same_file(&now, &opened) || now.size_bytes < opened.size_bytes)
        return mr_fail(err, MR_ERR_CONFLICT, "%s was replaced or cut off while it was read",
                       file->label);
    bool direct;
    const uint64_t start = mr_input_start_bytes(s->input, place->file, &direct);
    const uint64_t end = direct ? start + place->offset : opened.size_bytes;
    const char *name = mr_input_file_name(s->input, place->file);
    const text_position p = {
        .names_sum = mr_slice_text(s->names_sum),
        .inputs_sum = mr_slice_text(s->inputs_sum),
        .name = mr_slice_of(name, strnlen(name, NAME_MAX_BYTES)),
        .device = opened.device,
        .inode = opened.inode,
        .head_bytes = mr_min_u64(PROOF_BYTES, end),
        .tail_end = end,
        .tail_bytes = mr_min_u64(PROOF_BYTES, end),
        .head_sum = {head, 64},
        .tail_sum = {tail, 64},
        .restart = restart,
        .place = *place,
    };
    MR_TRY(sum_range(file, p.head_bytes, p.head_bytes, head, err));
    MR_TRY(sum_range(file, p.tail_end, p.tail_bytes, tail, err));
    return pack(&p, out, err);
}

mr_code mr_text_source_position(void *state, const mr_source_place *place, mr_buffer *out,
                                mr_error *err)
{
    const mr_text_source *s = state;
    mr_file file = {0};
    MR_TRY(mr_file_open(&file, mr_input_file_name(s->input, place->file), err));
    mr_buffer restart;
    mr_buffer_init(&restart, "a place in compressed data", MR_RESTART_MARK_MAX);
    mr_code rc = mr_input_mark(s->input, place->file, place->offset, &restart, err);
    if (rc == MR_OK) rc = prove(s, &file, place, mr_buffer_slice(&restart), out, err);
    mr_buffer_done(&restart);
    mr_file_close(&file);
    return rc;
}

/* --- going to one ----------------------------------------------------------------------------- */

static bool unpack(mr_slice bytes, text_position *p)
{
    mr_packed_in in = {.left = bytes};
    if (mr_packed_u32(&in) != POSITION_VERSION) return false;
    p->device = mr_packed_u64(&in);
    p->inode = mr_packed_u64(&in);
    p->head_bytes = mr_packed_u64(&in);
    p->tail_end = mr_packed_u64(&in);
    p->tail_bytes = mr_packed_u64(&in);
    p->place.file = (uint32_t)mr_packed_u64(&in);
    p->place.offset = mr_packed_u64(&in);
    p->place.carry_bytes = mr_packed_u64(&in);
    p->place.retry_bytes = mr_packed_u64(&in);
    p->place.record_base = mr_packed_u64(&in);
    p->place.line_base = mr_packed_u64(&in);
    p->place.state.where = (uint32_t)mr_packed_u64(&in);
    p->place.state.element = (uint32_t)mr_packed_u64(&in);
    p->place.state.column = mr_packed_u64(&in);
    p->names_sum = mr_packed_text(&in);
    p->inputs_sum = mr_packed_text(&in);
    p->name = mr_packed_text(&in);
    p->head_sum = mr_packed_text(&in);
    p->tail_sum = mr_packed_text(&in);
    p->restart = mr_packed_text(&in);
    return mr_packed_all_read(&in) && p->head_bytes <= PROOF_BYTES &&
           p->tail_bytes <= PROOF_BYTES && p->tail_bytes <= p->tail_end;
}

static mr_code changed(const char *name, const char *how, mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE, "the source '%s' has changed since the checkpoint: %s", name,
                   how);
}

static mr_code same_file(const mr_file *file, const char *name, const text_position *p,
                         mr_error *err)
{
    char sum[65];
    mr_identity now;
    MR_TRY(mr_file_identity(file, &now, err));
    if (now.device != p->device || now.inode != p->inode)
        return changed(name, "it is another file now", err);
    if (now.size_bytes < p->tail_end) return changed(name, "it is shorter than what was read", err);
    MR_TRY(sum_range(file, p->head_bytes, p->head_bytes, sum, err));
    if (!mr_slice_is(p->head_sum, sum)) return changed(name, "its first bytes are others", err);
    MR_TRY(sum_range(file, p->tail_end, p->tail_bytes, sum, err));
    if (!mr_slice_is(p->tail_sum, sum))
        return changed(name, "the bytes before the place to go on from are others", err);
    return MR_OK;
}

static mr_code verify(mr_text_source *s, const text_position *p, mr_error *err)
{
    const char *path = s->env->path.ptr;
    if (!mr_slice_is(p->names_sum, s->names_sum) || p->place.file >= mr_input_file_count(s->input))
        return changed(path, "its name or pattern leads to other files", err);
    const char *name = mr_input_file_name(s->input, p->place.file);
    mr_file file = {0};
    MR_TRY(mr_file_open(&file, name, err));
    const mr_code rc = same_file(&file, name, p, err);
    mr_file_close(&file);
    return rc;
}

mr_code mr_text_source_seek(void *state, mr_slice position, mr_source_place *out, mr_error *err)
{
    mr_text_source *s = state;
    text_position p;
    memset(&p, 0, sizeof p);
    if (!unpack(position, &p))
        return mr_fail(err, MR_ERR_USAGE,
                       "the checkpoint's place in the source was written by another version");
    mr_text_source_sum_up(s);
    MR_TRY(verify(s, &p, err));
    MR_TRY(mr_text_source_go(s, p.place.file, p.place.offset, p.place.carry_bytes, p.restart, err));
    *out = p.place;
    out->unchanged = mr_slice_is(p.inputs_sum, s->inputs_sum);
    return MR_OK;
}
