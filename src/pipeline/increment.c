/* SPDX-License-Identifier: MIT
 *
 * What a run does with single records; increment_state.c is what runs leave to one another. */
#include "pipeline/increment.h"

#include "core/hash.h"
#include "core/nearest.h"
#include "core/number.h"
#include "record/column.h"

#define SHOWN_BYTES 40
#define PRUNE_FROM  4096u

/* What lanes put into job->noted, for each batch: this, the text, the records. */
typedef struct block {
    int64_t whole;
    uint32_t nanos;
    uint32_t small;
    uint32_t text_len; /* padded to 8 behind this */
    uint32_t record_count;
} block;

static_assert(sizeof(block) % 8 == 0 && sizeof(mr_seen_record) % 8 == 0, "blocks stay aligned");

/* --- before the first record ------------------------------------------------------------------ */

bool mr_increment_needs_type(const mr_increment *inc)
{
    return inc->marks && inc->kind == MR_CURSOR_NONE;
}

static mr_code unknown_column(const char *key, mr_slice name, const mr_schema *schema,
                              mr_error *err)
{
    mr_nearest near = mr_nearest_to(name);
    for (uint32_t i = 0; i < schema->field_count; i++)
        mr_nearest_offer(&near, schema->fields[i].name.ptr);
    const char *hint = mr_nearest_best(&near);
    return mr_fail(err, MR_ERR_USAGE, "%s: the source has no column '%.*s'%s%s%s", key,
                   MR_SLICE_ARGS(name), hint != NULL ? "; did you mean '" : "",
                   hint != NULL ? hint : "", hint != NULL ? "'?" : "");
}

static mr_code check_columns(const mr_increment *inc, const mr_schema *schema, mr_error *err)
{
    if (mr_schema_find(schema, inc->column) < 0)
        return unknown_column("cursor", inc->column, schema, err);
    for (uint32_t i = 0; i < inc->key_count; i++)
        if (mr_schema_find(schema, inc->keys[i]) < 0)
            return unknown_column("keys", inc->keys[i], schema, err);
    return MR_OK;
}

static mr_code parse_lookback(mr_increment *inc, mr_error *err)
{
    const char *text = inc->config->load.lookback;
    uint64_t number = 0;
    inc->lookback = 0;
    if (text == NULL) return MR_OK;
    const bool plain = mr_parse_u64(mr_slice_text(text), &number) && number <= INT64_MAX;
    if (plain && (inc->kind == MR_CURSOR_NUMBER || number == 0)) {
        inc->lookback = (int64_t)number;
        return MR_OK;
    }
    if (inc->kind == MR_CURSOR_TIME && !plain &&
        mr_parse_duration(mr_slice_text(text), &inc->lookback))
        return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "'lookback: %s' contradicts 'cursor: %.*s', whose values are %s", text,
                   MR_SLICE_ARGS(inc->column),
                   inc->kind == MR_CURSOR_NUMBER ? "numbers: expected a whole number"
                   : inc->kind == MR_CURSOR_TIME
                       ? "times: expected a duration with a unit, such as 2d or 1h30m"
                       : "texts: these cannot be counted back");
}

/* Where the run begins to look. */
static mr_code find_low(mr_increment *inc, mr_error *err)
{
    const char *start = inc->config->load.cursor_start;
    const mr_watermark *base = &inc->base;
    inc->has_low = base->has || start != NULL;
    if (!base->has) {
        if (start == NULL || mr_cursor_parse(inc->kind, mr_slice_text(start), &inc->low))
            return MR_OK;
        return mr_fail(err, MR_ERR_USAGE,
                       "'cursor_start: %s' contradicts 'cursor: %.*s', whose values are %ss", start,
                       MR_SLICE_ARGS(inc->column), mr_cursor_kind_name(inc->kind));
    }
    inc->low = base->max;
    if (inc->lookback == 0) return MR_OK;
    if (!base->max.small)
        return mr_fail(
            err, MR_ERR_USAGE,
            "'lookback: %s' contradicts 'cursor: %.*s', which stands at %.*s: only whole "
            "numbers of 64 bits can be counted back",
            inc->config->load.lookback, MR_SLICE_ARGS(inc->column), MR_SLICE_ARGS(base->max.text));
    if (inc->remembers && base->coverage == MR_COVERS_MAX) return MR_OK;
    mr_cursor_back(inc->kind, &base->max, inc->lookback, &inc->low);
    const bool bounded = inc->remembers && base->coverage == MR_COVERS_FROM;
    if (bounded && mr_cursor_compare(inc->kind, &inc->low, &base->covered) < 0)
        inc->low = base->covered;
    return MR_OK;
}

mr_code mr_increment_settle(mr_increment *inc, const mr_schema *schema, bool complete,
                            mr_error *err)
{
    if (!inc->marks) return MR_OK;
    if (schema != NULL && complete) MR_TRY(check_columns(inc, schema, err));
    const int64_t at = schema != NULL ? mr_schema_find(schema, inc->column) : -1;
    if (inc->kind == MR_CURSOR_NONE && at >= 0)
        inc->kind = mr_cursor_kind_of(schema->fields[at].type);
    if (inc->kind == MR_CURSOR_NONE) {
        if (!complete) return MR_OK;
        inc->kind = MR_CURSOR_TEXT; /* no record has a value */
    }
    inc->gathered.kind = inc->kind;
    inc->settled = true;
    MR_TRY(parse_lookback(inc, err));
    return find_low(inc, err);
}

/* --- telling records apart ---------------------------------------------------------------------
 */

static uint64_t hash_bytes(uint64_t seed, mr_slice text)
{
    uint64_t hash = seed ^ text.len * 0x9e3779b97f4a7c15u, word = 0;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        memcpy(&word, text.ptr + i, 8);
        hash = mr_hash_fold(hash ^ word, seed ^ 0xa0761d6478bd642fu);
    }
    word = 0;
    if (i < text.len) memcpy(&word, text.ptr + i, text.len - i);
    return mr_hash_fold(hash ^ word, seed ^ 0xe7037ed1a0b428dbu);
}

/* A sum over cells, so that neither the order of columns nor a new one that is null counts. */
static void add_cell(uint64_t seed, const mr_column *column, uint32_t row, uint64_t sum[2])
{
    if (mr_column_is_null(column, row)) return;
    const mr_slice text = mr_column_text(column, row);
    const uint64_t name = hash_bytes(seed, column->name);
    sum[0] += hash_bytes(seed ^ name, text);
    sum[1] += hash_bytes(~seed ^ name * 0x9e3779b97f4a7c15u, text);
}

typedef struct window {
    const mr_increment *inc;
    mr_job *job;
    const mr_column *cursor; /* NULL: no record of the batch has it */
    const mr_column *keys[MR_INCREMENT_KEYS_MAX];
    uint32_t seen, rejected;
    bool has_max;
    mr_cursor max; /* of the records that are taken */
} window;

static void identify(const window *w, uint32_t row, const mr_cursor *at, uint64_t out[2])
{
    const uint64_t seed = w->inc->gathered.seed;
    const mr_batch *batch = &w->job->batch;
    out[0] = out[1] = 1;
    if (w->inc->key_count == 0) {
        for (uint32_t c = 0; c < batch->column_count; c++)
            add_cell(seed, &batch->columns[c], row, out);
    } else {
        for (uint32_t k = 0; k < w->inc->key_count; k++)
            if (w->keys[k] != NULL) add_cell(seed, w->keys[k], row, out);
        char place[12]; /* one moment may be spelled in two ways */
        memcpy(place, &at->whole, 8);
        memcpy(place + 8, &at->nanos, 4);
        const mr_slice text = at->small ? mr_slice_of(place, sizeof place) : at->text;
        out[0] += hash_bytes(seed + 1, text);
        out[1] += hash_bytes(seed + 2, text);
    }
    if ((out[0] | out[1]) == 0) out[0] = 1;
}

static void open_window(const mr_increment *inc, mr_job *job, window *w)
{
    const mr_batch *batch = &job->batch;
    const int64_t at = mr_batch_find(batch, inc->column);
    w->inc = inc;
    w->job = job;
    w->cursor = at >= 0 ? &batch->columns[at] : NULL;
    w->seen = w->rejected = 0;
    w->has_max = false;
    for (uint32_t k = 0; k < inc->key_count; k++) {
        const int64_t key = mr_batch_find(batch, inc->keys[k]);
        w->keys[k] = key >= 0 ? &batch->columns[key] : NULL;
    }
}

/* --- one batch
 * ------------------------------------------------------------------------------------ */

static mr_code reject(window *w, uint32_t row, mr_error *err)
{
    mr_reject *entry;
    const mr_increment *inc = w->inc;
    w->rejected++;
    MR_TRY(mr_reject_list_add(&w->job->refused, MR_REASON_TYPE_MISMATCH, &entry, err));
    entry->row_before = row;
    entry->stage = "cursor";
    entry->field = inc->column;
    if (w->cursor == NULL || mr_column_is_null(w->cursor, row)) {
        mr_reject_detail(entry, "the cursor has no value (cursor_nulls: skip leaves such out)");
        return MR_OK;
    }
    mr_slice text = mr_column_text(w->cursor, row);
    if (text.len > SHOWN_BYTES) text.len = SHOWN_BYTES;
    mr_reject_detail(entry, "the cursor's values are %ss%s, found '%.*s'",
                     mr_cursor_kind_name(inc->kind),
                     inc->lookback > 0 ? " that can be counted" : "", MR_SLICE_ARGS(text));
    return MR_OK;
}

/* Does a record go on? */
static mr_code look(window *w, uint32_t row, bool *out_take, mr_error *err)
{
    const mr_increment *inc = w->inc;
    const mr_watermark *base = &inc->base;
    mr_cursor at;
    *out_take = false;
    if (w->cursor == NULL || mr_column_is_null(w->cursor, row))
        return inc->config->load.skip_nulls ? MR_OK : reject(w, row, err);
    if (!mr_cursor_parse(inc->kind, mr_column_text(w->cursor, row), &at) ||
        (inc->lookback > 0 && !at.small))
        return reject(w, row, err);
    if (inc->has_low && mr_cursor_compare(inc->kind, &at, &inc->low) < 0) return MR_OK;
    if (base->seen.count > 0 && mr_cursor_compare(inc->kind, &at, &base->max) <= 0) {
        uint64_t hash[2];
        identify(w, row, &at, hash);
        if (mr_seen_has(&base->seen, hash)) {
            w->seen++;
            return MR_OK;
        }
    }
    if (!w->has_max || mr_cursor_compare(inc->kind, &at, &w->max) > 0) w->max = at;
    w->has_max = *out_take = true;
    return MR_OK;
}

static mr_code note_records(const window *w, const uint8_t *keep, uint32_t *out_count,
                            mr_error *err)
{
    const mr_increment *inc = w->inc;
    mr_buffer *noted = &w->job->noted;
    mr_cursor low = w->max, at;
    if (inc->lookback > 0) mr_cursor_back(inc->kind, &w->max, inc->lookback, &low);
    for (uint32_t row = 0; row < w->job->batch.row_count; row++) {
        if ((keep[row / 8] >> row % 8 & 1) == 0) continue;
        if (!mr_cursor_parse(inc->kind, mr_column_text(w->cursor, row), &at)) continue;
        if (mr_cursor_compare(inc->kind, &at, &low) < 0) continue;
        mr_seen_record record = {.whole = at.small ? at.whole : 0, .nanos = at.nanos};
        identify(w, row, &at, record.hash);
        MR_TRY(mr_buffer_append(noted, mr_slice_of((const char *)&record, sizeof record), err));
        ++*out_count;
    }
    return MR_OK;
}

/* What a later run has to know of the batch. */
static mr_code note(const window *w, const uint8_t *keep, mr_error *err)
{
    static const char zeros[8];
    mr_buffer *noted = &w->job->noted;
    const size_t start = noted->len, over = w->max.text.len % 8;
    block head = {.whole = w->max.whole,
                  .nanos = w->max.nanos,
                  .small = w->max.small,
                  .text_len = (uint32_t)w->max.text.len};
    MR_TRY(mr_buffer_append(noted, mr_slice_of((const char *)&head, sizeof head), err));
    MR_TRY(mr_buffer_append(noted, w->max.text, err));
    if (over > 0) MR_TRY(mr_buffer_append(noted, mr_slice_of(zeros, 8 - over), err));
    if (w->inc->remembers) MR_TRY(note_records(w, keep, &head.record_count, err));
    memcpy(noted->ptr + start, &head, sizeof head);
    return MR_OK;
}

mr_code mr_increment_window(const void *context, mr_job *job, mr_error *err)
{
    window w;
    uint8_t keep[MR_BATCH_MAX_ROWS / 8 + 1];
    const uint32_t rows = job->batch.row_count, refused = job->refused.count;
    if (rows == 0) return MR_OK;
    open_window(context, job, &w);
    memset(keep, 0, rows / 8 + 1);
    for (uint32_t row = 0; row < rows; row++) {
        bool take;
        MR_TRY(look(&w, row, &take, err));
        keep[row / 8] |= (uint8_t)((unsigned)take << row % 8);
    }
    if (w.has_max) MR_TRY(note(&w, keep, err));
    mr_job_place_refused(job, refused);
    MR_TRY(mr_job_filter(job, keep, err));
    job->filtered -= w.seen + w.rejected;
    job->deduplicated += w.seen;
    return MR_OK;
}

/* --- what has been delivered
 * ----------------------------------------------------------------------- */

/* Forgets what lies too far below the highest value; true when that may have made room. */
static mr_code prune(mr_increment *inc, mr_error *err)
{
    mr_watermark *g = &inc->gathered;
    mr_cursor low;
    if (inc->lookback == 0 || !g->max.small) return MR_OK;
    mr_cursor_back(inc->kind, &g->max, inc->lookback, &low);
    return mr_seen_prune(&g->seen, inc->kind, &low, err);
}

static mr_code too_many(const mr_increment *inc, mr_error *err)
{
    return mr_fail(
        err, MR_ERR_LIMIT,
        "more than %u records lie at one value of 'cursor: %.*s'%s; a finer cursor%s, or "
        "mode: merge, needs no memory of so many",
        MR_SEEN_MAX, MR_SLICE_ARGS(inc->column), inc->lookback > 0 ? ", or within 'lookback'" : "",
        inc->lookback > 0 ? ", a shorter lookback" : "");
}

static mr_code remember(mr_increment *inc, const mr_seen_record *record, mr_error *err)
{
    mr_seen *seen = &inc->gathered.seen;
    mr_code rc = mr_seen_add(seen, record, err);
    if (rc == MR_ERR_LIMIT) {
        MR_TRY(prune(inc, err));
        rc = mr_seen_add(seen, record, err);
    }
    return rc == MR_ERR_LIMIT ? too_many(inc, err) : rc;
}

static mr_code take_block(mr_increment *inc, const block *head, const char *text,
                          const char *records, mr_error *err)
{
    mr_watermark *g = &inc->gathered;
    const mr_cursor max = {.whole = head->whole,
                           .nanos = head->nanos,
                           .small = head->small != 0,
                           .text = mr_slice_of(text, head->text_len)};
    const int order = g->has ? mr_cursor_compare(inc->kind, &max, &g->max) : 1;
    if (order > 0) {
        if (inc->lookback == 0) mr_seen_reset(&g->seen);
        MR_TRY(mr_watermark_set_max(g, &max, err));
        if (g->seen.count >= inc->prune_at) {
            MR_TRY(prune(inc, err));
            inc->prune_at = g->seen.count * 2 > PRUNE_FROM ? g->seen.count * 2 : PRUNE_FROM;
        }
    }
    if (order < 0 && inc->lookback == 0) return MR_OK;
    for (uint32_t i = 0; i < head->record_count; i++) {
        mr_seen_record record;
        memcpy(&record, records + i * sizeof record, sizeof record);
        MR_TRY(remember(inc, &record, err));
    }
    return MR_OK;
}

mr_code mr_increment_delivered(void *context, const mr_job *job, mr_error *err)
{
    mr_increment *inc = context;
    const char *at = job->noted.ptr, *const end = job->noted.ptr + job->noted.len;
    while (at < end) {
        block head;
        memcpy(&head, at, sizeof head);
        const char *const text = at + sizeof head;
        const char *const records = text + (head.text_len + 7u) / 8 * 8;
        MR_TRY(take_block(inc, &head, text, records, err));
        at = records + head.record_count * sizeof(mr_seen_record);
    }
    return MR_OK;
}

/* --- snapshots ----------------------------------------------------------------------------------
 */

bool mr_increment_stamps(const mr_increment *inc)
{
    return inc->on && inc->config->load.mode == MR_LOAD_SNAPSHOT;
}

mr_code mr_increment_stamp_schema(const mr_increment *inc, const mr_schema *source,
                                  mr_schema *schema, mr_error *err)
{
    const mr_slice name = mr_slice_text(inc->config->load.snapshot_column);
    if (source != NULL && mr_schema_find(source, name) >= 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "'snapshot_column: %.*s' contradicts the source, which has such a column",
                       MR_SLICE_ARGS(name));
    if (mr_schema_find(schema, name) >= 0) return MR_OK; /* the target has it from earlier runs */
    return mr_schema_add(schema, name, MR_TYPE_TIMESTAMP, NULL, err);
}

mr_code mr_increment_stamp(const void *context, mr_batch *batch, mr_error *err)
{
    const mr_increment *inc = context;
    const mr_slice value = mr_slice_text(inc->snapshot);
    const mr_slice name = mr_slice_text(inc->config->load.snapshot_column);
    const int64_t there = mr_batch_find(batch, name);
    uint32_t number = (uint32_t)there;
    if (there < 0) MR_TRY(mr_batch_add_column(batch, name, MR_TYPE_TIMESTAMP, &number, err));
    mr_column *column = &batch->columns[number];
    mr_column_truncate(column, 0);
    column->type = MR_TYPE_TIMESTAMP;
    for (uint32_t row = 0; row < batch->row_count; row++)
        MR_TRY(mr_column_append(column, row, value, err));
    return MR_OK;
}
