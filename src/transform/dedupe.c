/* SPDX-License-Identifier: MIT */
#include "transform/dedupe.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/number.h"
#include "core/packed.h"
#include "record/numtext.h"
#include "transform/key.h"

#define FIRST_KEYS    8192u
#define MIN_STALE     4096u /* keys that may be out of their window before the table is cleaned */
#define STATE_VERSION 1u
#define NS_PER_SECOND INT64_C(1000000000)

/* When the first record of a key came: its ordinal, or the time it says, in ns. */
typedef mr_i128 moment;

struct mr_dedupe {
    const mr_step *step;
    mr_key_table table;
    moment *firsts; /* by number of the key */
    uint32_t first_cap;
    uint32_t kept_count; /* keys at the last cleaning */
    mr_key_table spare;  /* for cleaning; its memory is kept */
    mr_buffer key;
    const mr_column **columns; /* of the batch at work */
    uint64_t seen;             /* records so far */
    moment newest;             /* latest time so far */
    bool any_time;
    mr_day_cache days;
};

/* Two tables take turns where keys are forgotten. */
static uint64_t share(const mr_step *step)
{
    const bool windowed = step->window_records > 0 || step->window_ns > 0;
    return windowed ? step->memory_bytes / 2 : step->memory_bytes;
}

mr_code mr_dedupe_open(const mr_step *step, mr_dedupe **out, mr_error *err)
{
    mr_dedupe *d = mr_mem_zalloc(sizeof *d);
    if (d == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for dedupe");
    d->step = step;
    mr_buffer_init(&d->key, "the key of a record", MR_COLUMN_MAX_BYTES);
    d->columns = mr_mem_zalloc(sizeof *d->columns * (step->part_count + 1));
    mr_code rc =
        d->columns != NULL ? MR_OK : mr_fail(err, MR_ERR_NOMEM, "no memory left for dedupe");
    if (rc == MR_OK)
        rc = mr_key_table_init(&d->table, "memory of dedupe", share(step), FIRST_KEYS, err);
    if (rc == MR_OK)
        *out = d;
    else
        mr_dedupe_close(d);
    return rc;
}

void mr_dedupe_close(mr_dedupe *d)
{
    if (d == NULL) return;
    mr_key_table_done(&d->table);
    mr_key_table_done(&d->spare);
    mr_mem_free(d->firsts);
    mr_mem_free((void *)(uintptr_t)d->columns);
    mr_buffer_done(&d->key);
    mr_mem_free(d);
}

uint64_t mr_dedupe_key_count(const mr_dedupe *d)
{
    return d->table.count;
}

/* --- windows ---------------------------------------------------------------------------------- */

static bool is_windowed(const mr_dedupe *d)
{
    return d->step->window_records > 0 || d->step->window_ns > 0;
}

/* Is a first record of that moment forgotten by now? */
static bool is_over(const mr_dedupe *d, moment first)
{
    if (d->step->window_records > 0)
        return (moment)d->seen - first >= (moment)d->step->window_records;
    return d->step->window_ns > 0 && d->newest - first > d->step->window_ns;
}

static bool read_moment(mr_dedupe *d, mr_slice text, moment *out)
{
    static const int64_t units[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                    10000,      1000,      100,      10,      1};
    mr_time_layout layout;
    int64_t value;
    if (mr_text_is_date(text) && mr_parse_date(text, &d->days, &value)) {
        *out = (moment)value * 86400 * NS_PER_SECOND;
    } else if (mr_text_is_timestamp(text, &layout) &&
               mr_parse_timestamp(text, layout, &d->days, &value)) {
        const int64_t minutes = (layout >> 13 & 1) != 0 ? (int64_t)(layout >> 16) - 1440 : 0;
        *out = (moment)value * units[layout >> 8 & 15] - (moment)minutes * 60 * NS_PER_SECOND;
    } else {
        return false;
    }
    return true;
}

/* --- cleaning: what is over leaves, the memory stays bounded by what is in the window ----------
 */

static mr_code clean(mr_dedupe *d, mr_error *err)
{
    mr_key_table *to = &d->spare;
    if (to->slots == NULL)
        MR_TRY(mr_key_table_init(to, "memory of dedupe", share(d->step), FIRST_KEYS, err));
    to->seed = d->table.seed;
    mr_key_table_reset(to);
    for (uint32_t i = 0; i < d->table.count; i++) {
        uint32_t number;
        bool is_new;
        if (is_over(d, d->firsts[i])) continue;
        MR_TRY(mr_key_table_add(to, mr_key_table_key(&d->table, i), d->table.entries[i].hash,
                                &number, &is_new, err));
        d->firsts[number] = d->firsts[i]; /* number <= i */
    }
    const mr_key_table kept = d->table;
    d->table = *to;
    *to = kept;
    d->kept_count = d->table.count;
    return MR_OK;
}

static mr_code clean_if_due(mr_dedupe *d, mr_error *err)
{
    if (!is_windowed(d)) return MR_OK;
    const uint32_t stale = d->kept_count > MIN_STALE ? d->kept_count : MIN_STALE;
    return d->table.count - d->kept_count > stale ? clean(d, err) : MR_OK;
}

/* --- looking ---------------------------------------------------------------------------------- */

static mr_code grow_firsts(mr_dedupe *d, mr_error *err)
{
    const uint32_t cap = d->table.entry_cap;
    if (cap <= d->first_cap) return MR_OK;
    const uint64_t held = mr_key_table_held_bytes(&d->table) + mr_key_table_held_bytes(&d->spare);
    if (held + sizeof *d->firsts * (uint64_t)cap > d->step->memory_bytes)
        return mr_fail(err, MR_ERR_LIMIT,
                       "%u distinct keys do not fit the memory of dedupe, %llu MiB; give it more "
                       "(memory:), or a window",
                       d->table.count, (unsigned long long)(d->step->memory_bytes >> 20));
    moment *firsts = mr_mem_realloc(d->firsts, sizeof *firsts * cap);
    if (firsts == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u keys", cap);
    d->firsts = firsts;
    d->first_cap = cap;
    return MR_OK;
}

static mr_code look_at(mr_dedupe *d, uint32_t row, moment now, bool *out_duplicate, mr_error *err)
{
    uint32_t number;
    bool is_new;
    mr_buffer_reset(&d->key);
    MR_TRY(mr_key_append(d->columns, d->step->part_count, row, &d->key, err));
    const mr_slice key = mr_buffer_slice(&d->key);
    MR_TRY(mr_key_table_add(&d->table, key, mr_hash(d->table.seed, key), &number, &is_new, err));
    MR_TRY(grow_firsts(d, err));
    *out_duplicate = false;
    if (is_new || is_over(d, d->firsts[number]))
        d->firsts[number] = now;
    else if (d->step->window_ns > 0)
        *out_duplicate = now >= d->firsts[number] - d->step->window_ns;
    else
        *out_duplicate = true;
    return is_new ? clean_if_due(d, err) : MR_OK;
}

static const mr_column *column_called(const mr_batch *batch, mr_slice name)
{
    const int64_t at = mr_batch_find(batch, name);
    return at >= 0 ? &batch->columns[at] : NULL;
}

/* What the row says when it is; false when it does not, and should. */
static bool moment_of(mr_dedupe *d, const mr_column *time, uint32_t row, moment *out)
{
    if (d->step->window_ns == 0) {
        *out = (moment)d->seen + 1;
        return true;
    }
    if (time == NULL || mr_column_is_null(time, row)) return false;
    if (!read_moment(d, mr_column_text(time, row), out)) return false;
    if (!d->any_time || *out > d->newest) d->newest = *out;
    d->any_time = true;
    return true;
}

mr_code mr_dedupe_look(mr_dedupe *d, const mr_batch *batch, uint8_t *keep, uint8_t *faults,
                       uint64_t *out_duplicates, mr_error *err)
{
    const mr_step *step = d->step;
    const mr_column *time = step->window_ns > 0 ? column_called(batch, step->time.name) : NULL;
    *out_duplicates = 0;
    for (uint32_t i = 0; i < step->part_count; i++)
        d->columns[i] = column_called(batch, step->parts[i].name);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        moment now;
        bool duplicate;
        if (!moment_of(d, time, row, &now)) {
            mr_bits_put(faults, row, true);
            continue;
        }
        d->seen++;
        MR_TRY(look_at(d, row, now, &duplicate, err));
        if (!duplicate) continue;
        mr_bits_put(keep, row, false);
        ++*out_duplicates;
    }
    return MR_OK;
}

/* --- state ------------------------------------------------------------------------------------ */

static mr_code pack_moment(mr_buffer *out, moment value, mr_error *err)
{
    MR_TRY(mr_pack_u64(out, (uint64_t)value, err));
    return mr_pack_u64(out, (uint64_t)(value >> 64), err);
}

static moment unpack_moment(mr_packed_in *in)
{
    const uint64_t low = mr_packed_u64(in), high = mr_packed_u64(in);
    return (moment)((mr_u128)high << 64 | low);
}

mr_code mr_dedupe_save(const mr_dedupe *d, mr_buffer *out, mr_error *err)
{
    const bool windowed = is_windowed(d);
    MR_TRY(mr_pack_u32(out, STATE_VERSION, err));
    MR_TRY(mr_pack_u64(out, d->seen, err));
    MR_TRY(pack_moment(out, d->newest, err));
    MR_TRY(mr_pack_u32(out, d->any_time, err));
    MR_TRY(mr_pack_u32(out, d->table.count, err));
    for (uint32_t i = 0; i < d->table.count; i++) {
        MR_TRY(mr_pack_text(out, mr_key_table_key(&d->table, i), err));
        if (windowed) MR_TRY(pack_moment(out, d->firsts[i], err));
    }
    return MR_OK;
}

static mr_code load_key(mr_dedupe *d, mr_packed_in *in, bool windowed, mr_error *err)
{
    const mr_slice key = mr_packed_text(in);
    const moment first = windowed ? unpack_moment(in) : 0;
    uint32_t number;
    bool is_new;
    if (in->broken) return MR_OK; /* told when all is read */
    MR_TRY(mr_key_table_add(&d->table, key, mr_hash(d->table.seed, key), &number, &is_new, err));
    MR_TRY(grow_firsts(d, err));
    d->firsts[number] = first;
    return MR_OK;
}

mr_code mr_dedupe_load(mr_dedupe *d, mr_slice saved, mr_error *err)
{
    mr_packed_in in = {.left = saved};
    const bool windowed = is_windowed(d);
    mr_key_table_reset(&d->table);
    const uint32_t version = mr_packed_u32(&in);
    d->seen = mr_packed_u64(&in);
    d->newest = unpack_moment(&in);
    d->any_time = mr_packed_u32(&in) != 0;
    for (uint32_t left = mr_packed_u32(&in); left > 0 && !in.broken; left--)
        MR_TRY(load_key(d, &in, windowed, err));
    d->kept_count = d->table.count;
    if (version == STATE_VERSION && mr_packed_all_read(&in)) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "what dedupe remembered is damaged, or of another version");
}
