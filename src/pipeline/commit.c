/* SPDX-License-Identifier: MIT */
#include "pipeline/commit.h"

#include "core/packed.h"

enum {
    SECTION_PIPELINE = 1,
    SECTION_NAME,
    SECTION_FROM,
    SECTION_TO,
    SECTION_SETTINGS,
    SECTION_SOURCE,
    SECTION_DESTINATION,
    SECTION_COLUMNS,
    SECTION_TRANSFORM,
    SECTION_WATERMARK,
    SECTION_LEDGER,
    SECTION_REJECTS,
    SECTION_STATE,
    SECTION_FILES,
    SECTION_HISTORY,
    SECTION_CHANGES,
};

/* The sections that are bytes already. */
static const struct {
    uint32_t section;
    size_t offset, max;
    const char *what;
} texts[] = {
    {SECTION_PIPELINE, offsetof(mr_commit, pipeline), 4096, "the pipeline's id"},
    {SECTION_NAME, offsetof(mr_commit, name), 65536, "the pipeline's name"},
    {SECTION_FROM, offsetof(mr_commit, from), 65536, "the name of the source"},
    {SECTION_TO, offsetof(mr_commit, to), 65536, "the name of the destination"},
    {SECTION_SETTINGS, offsetof(mr_commit, settings), MR_COMMIT_SETTINGS_MAX, "the settings"},
    {SECTION_SOURCE, offsetof(mr_commit, source), MR_POSITION_MAX, "the source's position"},
    {SECTION_DESTINATION, offsetof(mr_commit, destination), MR_POSITION_MAX,
     "the destination's position"},
    {SECTION_COLUMNS, offsetof(mr_commit, columns), MR_COMMIT_COLUMNS_MAX, "the columns found"},
    {SECTION_TRANSFORM, offsetof(mr_commit, transform), MR_COMMIT_TRANSFORM_MAX,
     "the state of the transforms"},
    {SECTION_WATERMARK, offsetof(mr_commit, watermark), MR_COMMIT_WATERMARK_MAX, "the watermark"},
    {SECTION_HISTORY, offsetof(mr_commit, history), 65536, "the path of the file of schemas"},
};

/* The ledger's counters by name, so that neither order nor number of them is part of the format. */
static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    {"read", offsetof(mr_ledger, read)},
    {"offered", offsetof(mr_ledger, offered)},
    {"written", offsetof(mr_ledger, written)},
    {"rejected", offsetof(mr_ledger, rejected)},
    {"filtered", offsetof(mr_ledger, filtered)},
    {"deduplicated", offsetof(mr_ledger, deduplicated)},
    {"blank_lines", offsetof(mr_ledger, blank_lines)},
    {"aggregated", offsetof(mr_ledger, aggregated)},
    {"duplicate_keys", offsetof(mr_ledger, duplicate_keys)},
    {"resyncs", offsetof(mr_ledger, resyncs)},
    {"batches", offsetof(mr_ledger, batches)},
    {"mended", offsetof(mr_ledger, mended)},
};

/* --- writing ------------------------------------------------------------------------------- */

static mr_code put_counter(mr_buffer *out, mr_slice name, uint64_t value, mr_error *err)
{
    if (value == 0) return MR_OK;
    MR_TRY(mr_pack_text(out, name, err));
    return mr_pack_u64(out, value, err);
}

static mr_code put_ledger(const mr_ledger *ledger, mr_buffer *out, mr_error *err)
{
    for (size_t i = 0; i < MR_COUNT_OF(counters); i++) {
        uint64_t value;
        memcpy(&value, (const char *)ledger + counters[i].offset, sizeof value);
        MR_TRY(put_counter(out, mr_slice_text(counters[i].name), value, err));
    }
    for (int i = 0; i < MR_REASON_COUNT; i++)
        MR_TRY(put_counter(out, mr_slice_text(mr_reason_name((mr_reason)i)), ledger->by_reason[i],
                           err));
    return MR_OK;
}

static mr_code begin_section(mr_buffer *out, uint32_t section, size_t *out_at, mr_error *err)
{
    MR_TRY(mr_pack_u32(out, section, err));
    *out_at = out->len;
    return mr_pack_u32(out, 0, err);
}

static void end_section(mr_buffer *out, size_t at)
{
    const size_t len = out->len - at - 4;
    for (size_t i = 0; i < 4; i++)
        out->ptr[at + i] = (char)(len >> 8 * i);
}

static mr_code put_texts(const mr_commit *commit, mr_buffer *out, mr_error *err)
{
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++) {
        mr_slice text;
        memcpy(&text, (const char *)commit + texts[i].offset, sizeof text);
        if (text.len > texts[i].max)
            return mr_fail(err, MR_ERR_LIMIT, "%s takes %zu bytes, a checkpoint holds at most %zu",
                           texts[i].what, text.len, texts[i].max);
        if (text.len == 0) continue;
        MR_TRY(mr_pack_u32(out, texts[i].section, err));
        MR_TRY(mr_pack_text(out, text, err));
    }
    return MR_OK;
}

/* A section of one number; none for 0. */
static mr_code put_number(uint32_t section, uint64_t number, mr_buffer *out, mr_error *err)
{
    size_t at;
    if (number == 0) return MR_OK;
    MR_TRY(begin_section(out, section, &at, err));
    MR_TRY(mr_pack_u64(out, number, err));
    end_section(out, at);
    return MR_OK;
}

mr_code mr_commit_encode(const mr_commit *commit, mr_buffer *out, mr_error *err)
{
    size_t at;
    MR_TRY(put_texts(commit, out, err));
    MR_TRY(begin_section(out, SECTION_LEDGER, &at, err));
    MR_TRY(put_ledger(&commit->ledger, out, err));
    end_section(out, at);
    MR_TRY(begin_section(out, SECTION_REJECTS, &at, err));
    MR_TRY(mr_pack_u64(out, commit->rejects.length, err));
    MR_TRY(mr_pack_u64(out, commit->rejects.count, err));
    MR_TRY(mr_pack_u64(out, commit->rejects.dropped, err));
    end_section(out, at);
    MR_TRY(begin_section(out, SECTION_STATE, &at, err));
    MR_TRY(mr_pack_u32(out, commit->sealed + 2u * commit->finished, err));
    MR_TRY(mr_pack_u64(out, (uint64_t)commit->wall_ns, err));
    MR_TRY(mr_pack_u64(out, (uint64_t)commit->now_ns, err));
    end_section(out, at);
    MR_TRY(put_number(SECTION_FILES, commit->files, out, err));
    return put_number(SECTION_CHANGES, commit->schema_changes, out, err);
}

/* --- reading ------------------------------------------------------------------------------- */

static mr_code damaged(mr_error *err)
{
    return mr_fail(err, MR_ERR_INPUT, "the checkpoint cannot be read: its parts do not fit");
}

static mr_code from_later(mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE,
                   "the checkpoint was made by a later version of millrace; go on with that one");
}

static bool set_counter(mr_ledger *ledger, mr_slice name, uint64_t value)
{
    for (size_t i = 0; i < MR_COUNT_OF(counters); i++)
        if (mr_slice_is(name, counters[i].name)) {
            memcpy((char *)ledger + counters[i].offset, &value, sizeof value);
            return true;
        }
    for (int i = 0; i < MR_REASON_COUNT; i++)
        if (mr_slice_is(name, mr_reason_name((mr_reason)i))) {
            ledger->by_reason[i] = value;
            return true;
        }
    return false;
}

static mr_code get_ledger(mr_slice bytes, mr_ledger *out, mr_error *err)
{
    mr_packed_in in = {.left = bytes};
    while (in.left.len > 0 && !in.broken) {
        const mr_slice name = mr_packed_text(&in);
        const uint64_t value = mr_packed_u64(&in);
        if (!in.broken && !set_counter(out, name, value)) return from_later(err);
    }
    return in.broken ? damaged(err) : MR_OK;
}

static mr_code get_section(uint32_t section, mr_slice bytes, mr_commit *out, mr_error *err)
{
    mr_packed_in in = {.left = bytes};
    uint32_t state;
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++)
        if (texts[i].section == section) {
            if (bytes.len > texts[i].max) return damaged(err);
            memcpy((char *)out + texts[i].offset, &bytes, sizeof bytes);
            return MR_OK;
        }
    switch (section) {
    case SECTION_LEDGER: return get_ledger(bytes, &out->ledger, err);
    case SECTION_REJECTS:
        out->rejects.length = mr_packed_u64(&in);
        out->rejects.count = mr_packed_u64(&in);
        out->rejects.dropped = mr_packed_u64(&in);
        break;
    case SECTION_STATE:
        state = mr_packed_u32(&in);
        out->sealed = (state & 1) != 0;
        out->finished = (state & 2) != 0;
        out->wall_ns = (int64_t)mr_packed_u64(&in);
        out->now_ns = (int64_t)mr_packed_u64(&in);
        break;
    case SECTION_FILES: out->files = mr_packed_u64(&in); break;
    case SECTION_CHANGES: out->schema_changes = mr_packed_u64(&in); break;
    default: return from_later(err);
    }
    return mr_packed_all_read(&in) ? MR_OK : damaged(err);
}

mr_code mr_commit_decode(mr_slice bytes, mr_commit *out, mr_error *err)
{
    mr_packed_in in = {.left = bytes};
    memset(out, 0, sizeof *out);
    while (in.left.len > 0) {
        const uint32_t section = mr_packed_u32(&in);
        const mr_slice part = mr_packed_text(&in);
        if (in.broken) return damaged(err);
        MR_TRY(get_section(section, part, out, err));
    }
    return out->pipeline.len > 0 ? MR_OK : damaged(err);
}
