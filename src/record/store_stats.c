/* SPDX-License-Identifier: MIT */
#include "core/mem.h"
#include "record/store_internal.h"

#define KINDS (MR_TEXTS_KIND_COUNT + 1) /* and affix */

static void add_dictionaries(const mr_group *group, mr_store_stats *stats)
{
    for (uint32_t i = 0; i < group->column_count; i++) {
        const mr_texts *texts = mr_chunk_texts(mr_group_chunk(group, i));
        const uint32_t distinct = texts != NULL ? mr_texts_distinct(texts) : 0;
        if (distinct == 0) continue;
        stats->dict_texts += texts->count;
        stats->dict_distinct += distinct;
    }
}

static void copy_switches(const mr_store *store, mr_store_stats *stats)
{
    stats->switch_count = store->switch_count;
    stats->switch_ns = store->switch_ns;
    memcpy(stats->switches, store->switches, sizeof stats->switches);
    const uint64_t kept = mr_min_u64(store->switch_count, MR_STORE_SWITCHES_KEPT);
    for (uint64_t i = 0; i < kept; i++)
        stats->switch_log[i] =
            store->switch_log[(store->switch_count - kept + i) % MR_STORE_SWITCHES_KEPT];
    stats->switch_log_count = (uint32_t)kept;
}

void mr_store_stats_now(mr_store *store, mr_store_stats *out)
{
    memset(out, 0, sizeof *out);
    mr_store_update_pressure(store);
    out->configured = store->config.mode;
    out->now = store->mode;
    out->records = store->end_record - store->first_record;
    out->appended = store->appended;
    out->store_bytes = mr_store_bytes(store);
    out->peak_bytes = store->peak_bytes;
    out->live_bytes = store->live_bytes;
    out->sealed_bytes = store->sealed_bytes;
    if (out->records > 0) out->bytes_per_record = (double)out->store_bytes / (double)out->records;
    for (uint32_t i = 0; i < store->slot_count; i++) {
        const mr_store_slot *slot = &store->slots[i];
        out->group_text_bytes += slot->text_bytes;
        out->group_bytes += slot->is_spilled ? slot->stored_bytes : mr_mem_usable(slot->memory);
        out->groups_compressed += slot->codec != MR_STORE_PLAIN;
        out->groups_spilled += slot->is_spilled;
        out->spilled_bytes += slot->is_spilled ? slot->stored_bytes : 0;
        if (slot->codec == MR_STORE_PLAIN && !slot->is_spilled) add_dictionaries(slot->memory, out);
    }
    out->groups = store->slot_count;
    copy_switches(store, out);
}

/* What one column's chunks add up to, by form. */
typedef struct tally {
    mr_store_encoding forms[KINDS * MR_INTS_KIND_COUNT];
    uint32_t count;
} tally;

static void add_form(tally *sums, mr_slice column, const char *kind, const char *ints,
                     uint64_t bytes)
{
    uint32_t i = 0;
    while (i < sums->count && (sums->forms[i].kind != kind || sums->forms[i].ints != ints))
        i++;
    if (i == MR_COUNT_OF(sums->forms)) return;
    if (i == sums->count)
        sums->forms[sums->count++] = (mr_store_encoding){column, kind, ints, 0, 0};
    sums->forms[i].chunks++;
    sums->forms[i].bytes += bytes;
}

static void tally_column(const mr_store *store, uint32_t column, tally *sums)
{
    static const char *const no_values = "nulls", *const no_ints = "";
    for (uint32_t i = 0; i < store->slot_count; i++) {
        const mr_store_slot *slot = &store->slots[i];
        if (slot->codec != MR_STORE_PLAIN || slot->is_spilled) continue;
        if (column >= slot->memory->column_count) continue;
        const mr_texts *texts = mr_chunk_texts(mr_group_chunk(slot->memory, column));
        add_form(sums, store->schema.fields[column].name,
                 texts != NULL ? mr_texts_kind_name(texts) : no_values,
                 texts != NULL ? mr_texts_ints_name(texts) : no_ints,
                 mr_group_chunk_bytes(slot->memory, column));
    }
}

static void tally_packed(const mr_store *store, tally *sums)
{
    static const char *const names[] = {"", "lz4", "zstd"}, *const spilled = "spilled";
    for (uint32_t i = 0; i < store->slot_count; i++) {
        const mr_store_slot *slot = &store->slots[i];
        if (slot->codec == MR_STORE_PLAIN && !slot->is_spilled) continue;
        add_form(sums, (mr_slice){"", 0}, slot->is_spilled ? spilled : names[slot->codec], names[0],
                 slot->stored_bytes);
    }
}

void mr_store_each_encoding(const mr_store *store,
                            void (*visit)(void *context, const mr_store_encoding *encoding),
                            void *context)
{
    for (uint32_t column = 0; column <= store->schema.field_count; column++) {
        tally found = {.count = 0};
        if (column < store->schema.field_count)
            tally_column(store, column, &found);
        else
            tally_packed(store, &found);
        for (uint32_t i = 0; i < found.count; i++)
            visit(context, &found.forms[i]);
    }
}
