/* SPDX-License-Identifier: MIT
 *
 * record/store_internal.h - what the files of the store share: store.c (append, read, drop),
 * store_switch.c (modes and pressure), store_group.c (sealed groups: memory, compression, spill),
 * store_stats.c.
 *
 * Thread: as the store. */
#ifndef MR_RECORD_STORE_INTERNAL_H
#define MR_RECORD_STORE_INTERNAL_H

#include "record/group.h"
#include "record/rowpack.h"
#include "record/store.h"

/* Where a sealed group is. */
typedef struct mr_store_slot {
    mr_group *memory; /* the group, or its compressed bytes; NULL when spilled */
    uint64_t first_record;
    uint64_t raw_bytes;    /* of the group */
    uint64_t stored_bytes; /* as compressed */
    uint64_t text_bytes;
    uint64_t file_offset; /* when spilled */
    uint32_t row_count;
    uint8_t codec; /* mr_store_codec */
    bool is_spilled;
    bool is_stubborn; /* does not compress */
} mr_store_slot;

struct mr_store {
    mr_store_config config;
    mr_store_mode mode; /* ROW or COLUMNAR: where appended records go */
    uint64_t first_record, end_record;
    mr_arena names;
    mr_schema schema;
    const mr_column **sources; /* of the batch being appended, by the store's columns */
    uint32_t sources_cap;

    mr_store_slot *slots; /* oldest first */
    uint32_t slot_count, slot_cap;
    uint64_t slot_bytes; /* usable sizes of the slots' memory */

    mr_column *tail; /* the open group, by the store's columns */
    uint32_t tail_cap;
    uint32_t tail_rows, tail_row_cap;
    uint64_t tail_first; /* its first record */

    mr_rowpack rows;
    uint64_t rows_first; /* record number of packed row 0 */

    mr_group_encoder encoder;
    mr_texts_reader reader;

    mr_group *cache; /* one decoded group */
    uint64_t cache_cap;
    uint64_t cache_first; /* its first record; UINT64_MAX = none */
    mr_buffer stored;     /* a spilled group's compressed bytes */
    void *zstd_decoder;
    int spill_fd; /* -1 = not open */
    uint64_t spill_end;

    mr_store_pressure pressure;
    uint64_t beside_bytes; /* the caller's */
    uint32_t low_flushes;  /* in a row, rule 7 */
    uint64_t tail_text_bytes;
    uint64_t peak_bytes, live_bytes, sealed_bytes, appended;
    uint64_t switch_count, switch_ns;
    uint64_t switches[MR_STORE_MODE_COUNT][MR_STORE_REASON_COUNT];
    mr_store_switch switch_log[MR_STORE_SWITCHES_KEPT];
};

/* store.c */
uint32_t mr_store_group_rows(const mr_store *store);
MR_NODISCARD mr_code mr_store_append_tail(mr_store *store, const mr_column *const *sources,
                                          uint32_t first, uint32_t count, mr_error *err);
MR_NODISCARD mr_code mr_store_seal_tail(mr_store *store, mr_error *err);
/* Appends records first .. first + count - 1, all in one part of the store, to `columns`, one for
 * each of the store's, as rows row, ... */
MR_NODISCARD mr_code mr_store_read_part(mr_store *store, uint64_t first, uint32_t count,
                                        mr_column *columns, uint32_t row, mr_error *err);
/* Records from `record` to the end of the part that holds it. */
uint64_t mr_store_part_rest(const mr_store *store, uint64_t record);
void mr_store_note_peak(mr_store *store);
void mr_store_free_scratch(mr_store *store);

/* store_switch.c */
void mr_store_start_mode(mr_store *store);
MR_NODISCARD mr_code mr_store_before_append(mr_store *store, uint32_t rows, mr_error *err);
MR_NODISCARD mr_code mr_store_after_append(mr_store *store, mr_error *err);
void mr_store_update_pressure(mr_store *store);

/* store_group.c */
/* Adds a sealed group, for which room was made. */
MR_NODISCARD mr_code mr_store_room_for_group(mr_store *store, mr_error *err);
void mr_store_push_group(mr_store *store, mr_group *group);
/* The slot that holds `record`, or NULL. */
mr_store_slot *mr_store_slot_of(const mr_store *store, uint64_t record);
/* The group of a slot, decoded if need be; valid until the next call. */
MR_NODISCARD mr_code mr_store_load_group(mr_store *store, const mr_store_slot *slot,
                                         const mr_group **out, mr_error *err);
void mr_store_drop_groups(mr_store *store, uint64_t before_record);
/* Compresses every group that is not, as configured. */
MR_NODISCARD mr_code mr_store_compress_groups(mr_store *store, mr_error *err);
/* Moves groups to the spill file, oldest first, until the store holds at most `target_bytes`. */
MR_NODISCARD mr_code mr_store_spill_groups(mr_store *store, uint64_t target_bytes, mr_error *err);
void mr_store_close_groups(mr_store *store);

#endif
