/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/packed.h"
#include "pipeline/commit.h"
#include "pipeline/increment.h"

#define VERSION 1u

/* --- from the configuration ------------------------------------------------------------------- */

static mr_code take_keys(mr_increment *inc, mr_error *err)
{
    const mr_option_list *keys = &inc->config->load.keys;
    if (keys->count > MR_INCREMENT_KEYS_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "'keys' names %u columns, more than %d", keys->count,
                       MR_INCREMENT_KEYS_MAX);
    for (uint32_t i = 0; i < keys->count; i++)
        inc->keys[i] = mr_slice_text(keys->items[i]);
    inc->key_count = keys->count;
    return MR_OK;
}

/* "all columns", "the keys a, b", "merging". */
static mr_code name_basis(mr_increment *inc, mr_error *err)
{
    const char *text = !inc->remembers ? "merging" : inc->key_count == 0 ? "all columns" : "keys";
    for (uint32_t i = 0; i < inc->key_count && text != NULL; i++)
        text = mr_arena_printf(inc->config->arena, "%s%s%s", text, i > 0 ? ", " : " ",
                               inc->keys[i].ptr);
    if (text == NULL) return mr_arena_fail(inc->config->arena, err);
    inc->basis = mr_slice_text(text);
    return MR_OK;
}

mr_code mr_increment_init(mr_increment *inc, const mr_pipeline_config *config, mr_error *err)
{
    const mr_load_mode mode = config->load.mode;
    memset(inc, 0, sizeof *inc);
    inc->config = config;
    mr_watermark_init(&inc->base);
    mr_watermark_init(&inc->gathered);
    mr_buffer_init(&inc->loaded, "the watermark", MR_COMMIT_WATERMARK_MAX);
    inc->gathered.seed = mr_hash_draw_seed();
    inc->on = mode != MR_LOAD_AUTO;
    inc->fresh = mode == MR_LOAD_FULL;
    inc->marks = config->load.cursor != NULL &&
                 (mode == MR_LOAD_FULL || mode == MR_LOAD_MERGE || mode == MR_LOAD_INCREMENTAL);
    inc->column = mr_slice_text(config->load.cursor);
    inc->remembers = inc->marks && mode != MR_LOAD_MERGE;
    const size_t len = mr_format_wall(inc->snapshot, mr_clock_wall_ns(), 6);
    inc->snapshot[len] = 0;
    if (!inc->marks) return MR_OK;
    if (inc->remembers) MR_TRY(take_keys(inc, err));
    return name_basis(inc, err);
}

void mr_increment_done(mr_increment *inc)
{
    mr_watermark_done(&inc->base);
    mr_watermark_done(&inc->gathered);
    mr_buffer_done(&inc->loaded);
}

/* --- state --------------------------------------------------------------------------------------
 */

bool mr_increment_has_state(const mr_increment *inc)
{
    return inc->accepted ? inc->marks && inc->base.has : inc->loaded.len > 0;
}

mr_code mr_increment_save(const mr_increment *inc, mr_buffer *out, mr_error *err)
{
    if (!inc->accepted) return mr_buffer_append(out, mr_buffer_slice(&inc->loaded), err);
    MR_TRY(mr_pack_u32(out, VERSION, err));
    MR_TRY(mr_pack_text(out, inc->column, err));
    MR_TRY(mr_pack_text(out, inc->basis, err));
    return mr_watermark_encode(&inc->base, out, err);
}

static mr_code other_state(const char *what, mr_slice was, mr_slice is, mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE,
                   "%s '%.*s' in earlier runs and is '%.*s' now: records would be taken twice or "
                   "not at all; --mode full loads everything again",
                   what, MR_SLICE_ARGS(was), MR_SLICE_ARGS(is));
}

mr_code mr_increment_load(mr_increment *inc, mr_slice state, mr_error *err)
{
    mr_packed_in in = {.left = state};
    mr_buffer_reset(&inc->loaded);
    MR_TRY(mr_buffer_append(&inc->loaded, state, err));
    if (!inc->marks || inc->fresh || state.len == 0) return MR_OK;
    const uint32_t version = mr_packed_u32(&in);
    const mr_slice column = mr_packed_text(&in), basis = mr_packed_text(&in);
    if (in.broken) return mr_fail(err, MR_ERR_INPUT, "the watermark of earlier runs is damaged");
    if (version != VERSION)
        return mr_fail(err, MR_ERR_USAGE, "the watermark was kept by another version of millrace");
    if (!mr_slice_equal(column, inc->column))
        return other_state("the cursor was", column, inc->column, err);
    if (inc->remembers && !mr_slice_equal(basis, inc->basis))
        return other_state("records were told apart by", basis, inc->basis, err);
    MR_TRY(mr_watermark_decode(&inc->base, in.left, err));
    if (inc->base.has) {
        inc->kind = inc->base.kind;
        inc->gathered.seed = inc->base.seed;
    }
    return MR_OK;
}

mr_code mr_increment_look(mr_slice state, mr_slice *out_cursor, mr_slice *out_value, mr_error *err)
{
    mr_packed_in in = {.left = state};
    const uint32_t version = mr_packed_u32(&in);
    *out_cursor = mr_packed_text(&in);
    mr_packed_text(&in); /* what tells records apart */
    if (in.broken || version != VERSION)
        return mr_fail(err, MR_ERR_INPUT, "the watermark is damaged, or of another version");
    return mr_watermark_look(in.left, out_value, err);
}

static mr_code put_part(mr_buffer *out, size_t *at, mr_error *err)
{
    *at = out->len;
    return mr_pack_u32(out, 0, err);
}

static void end_part(mr_buffer *out, size_t at)
{
    const size_t len = out->len - at - 4;
    for (size_t i = 0; i < 4; i++)
        out->ptr[at + i] = (char)(len >> 8 * i);
}

mr_code mr_increment_save_midway(const mr_increment *inc, mr_buffer *out, mr_error *err)
{
    size_t at;
    MR_TRY(mr_pack_text(out, mr_buffer_slice(&inc->loaded), err));
    MR_TRY(put_part(out, &at, err));
    if (inc->marks) MR_TRY(mr_watermark_encode(&inc->gathered, out, err));
    end_part(out, at);
    return mr_pack_text(out, mr_slice_text(inc->snapshot), err);
}

mr_code mr_increment_load_midway(mr_increment *inc, mr_slice state, mr_error *err)
{
    mr_packed_in in = {.left = state};
    const mr_slice loaded = mr_packed_text(&in), gathered = mr_packed_text(&in);
    const mr_slice snapshot = mr_packed_text(&in);
    if (!mr_packed_all_read(&in) || snapshot.len >= sizeof inc->snapshot)
        return mr_fail(err, MR_ERR_INPUT, "the checkpoint's watermark is damaged");
    MR_TRY(mr_increment_load(inc, loaded, err));
    if (inc->marks) {
        MR_TRY(mr_watermark_decode(&inc->gathered, gathered, err));
        if (inc->kind == MR_CURSOR_NONE) inc->kind = inc->gathered.kind;
    }
    if (snapshot.len > 0) memcpy(inc->snapshot, snapshot.ptr, snapshot.len);
    inc->snapshot[snapshot.len] = 0;
    return MR_OK;
}

/* --- becoming the next run's -------------------------------------------------------------------
 */

/* From where on the records are remembered. */
static void cover(mr_increment *inc, const mr_watermark *before, const mr_cursor *max)
{
    mr_watermark *now = &inc->base;
    mr_cursor low;
    if (inc->lookback == 0 || !max->small) {
        now->coverage = MR_COVERS_MAX;
        return;
    }
    mr_cursor_back(inc->kind, max, inc->lookback, &low);
    const mr_cursor *least = NULL;
    if (before->has && before->coverage == MR_COVERS_MAX) least = &before->max;
    if (before->has && before->coverage == MR_COVERS_FROM) least = &before->covered;
    if (least != NULL && mr_cursor_compare(inc->kind, &low, least) < 0) low = *least;
    now->coverage = MR_COVERS_FROM;
    now->covered = (mr_cursor){.whole = low.whole, .nanos = low.nanos, .small = true};
}

static mr_code join_seen(mr_seen *into, const mr_seen *from, mr_error *err)
{
    for (uint32_t i = 0; i < from->cap; i++) {
        const mr_seen_record *record = mr_seen_at(from, i);
        if (record != NULL) MR_TRY(mr_seen_add(into, record, err));
    }
    return MR_OK;
}

static mr_code join(mr_increment *inc, mr_error *err)
{
    mr_watermark *base = &inc->base;
    const mr_watermark *g = &inc->gathered;
    const int order = base->has ? mr_cursor_compare(inc->kind, &g->max, &base->max) : 1;
    const mr_cursor *max = order > 0 ? &g->max : &base->max;
    cover(inc, base, max);
    if (order > 0 && base->coverage == MR_COVERS_MAX) mr_seen_reset(&base->seen);
    if (order >= 0 || base->coverage == MR_COVERS_FROM)
        MR_TRY(join_seen(&base->seen, &g->seen, err));
    if (order > 0) MR_TRY(mr_watermark_set_max(base, &g->max, err));
    if (base->coverage == MR_COVERS_FROM)
        return mr_seen_prune(&base->seen, inc->kind, &base->covered, err);
    /* An earlier run may have remembered more. */
    return base->max.small && order <= 0 ? mr_seen_prune(&base->seen, inc->kind, &base->max, err)
                                         : MR_OK;
}

mr_code mr_increment_accept(mr_increment *inc, mr_error *err)
{
    if (inc->accepted) return MR_OK;
    inc->accepted = true;
    if (!inc->marks || !inc->gathered.has) return MR_OK;
    MR_TRY(join(inc, err));
    inc->base.kind = inc->kind;
    inc->base.seed = inc->gathered.seed;
    return MR_OK;
}

mr_code mr_increment_begin_again(mr_increment *inc, mr_slice state, mr_error *err)
{
    const mr_pipeline_config *config = inc->config;
    mr_increment_done(inc);
    MR_TRY(mr_increment_init(inc, config, err));
    return mr_increment_load(inc, state, err);
}
