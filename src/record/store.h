/* SPDX-License-Identifier: MIT
 *
 * record/store.h - records held in memory in arrival order, packed by row or by column.
 *
 *     sealed groups of up to 65,536 records | open group | packed rows
 *     (record/group.h)                        (Arrow)      (record/rowpack.h)
 *
 * It is one logical sequence: record numbers count from 0 since the last reset and stay valid until
 * the record is dropped from the front. Row mode appends to the packed rows, columnar mode to the
 * open group; what was appended in another mode lies before it. What is read equals what was
 * appended, bit for bit: texts, types, and null, empty and absent.
 *
 * Switching (specs/pipeline.md section 5, reasons in brackets). 1 [streaming]: row, fixed. In
 * hybrid mode: 2 [records] and 3 [bytes] convert when so much is buffered, 4 [batch_hint] starts
 * columnar, 5 [pressure] over 80 % of the memory limit seals, compresses groups and goes columnar,
 * 7 [drained] goes back to row after three flushes with less than a quarter of rule 2 buffered.
 * Rule 6 [spill]: over 95 % sealed groups go to a file in spill_dir, if there is one; if that does
 * not help, or there is none, mr_store_pressure_now() says MR_STORE_FULL and the caller must stop
 * its source until records were dropped: the store itself never waits and never refuses.
 *
 * Memory is counted by the allocator's own sizes: mr_store_bytes() is the sum over everything the
 * store holds, scratch and slack included.
 *
 * Thread: owned by one thread. */
#ifndef MR_RECORD_STORE_H
#define MR_RECORD_STORE_H

#include "record/batch.h"
#include "record/chunk.h"

typedef enum mr_store_mode {
    MR_STORE_HYBRID,
    MR_STORE_ROW,
    MR_STORE_COLUMNAR,
    MR_STORE_MODE_COUNT
} mr_store_mode;

typedef enum mr_store_codec { MR_STORE_PLAIN, MR_STORE_LZ4, MR_STORE_ZSTD } mr_store_codec;

/* Zeroed = the defaults in brackets. */
typedef struct mr_store_config {
    mr_store_mode mode;
    bool streaming;                  /* rule 1 */
    uint64_t columnar_after_records; /* [10,000] rule 2 */
    uint64_t columnar_after_bytes;   /* [4 MiB] rule 3 */
    uint32_t batch_size;             /* what the pipeline expects, rule 4; [0: unknown] */
    uint32_t group_rows;             /* [65,536], which is also the most */
    uint64_t memory_limit_bytes;     /* rules 5 and 6; [0: none] */
    mr_store_codec compression;      /* of sealed groups under pressure */
    const char *spill_dir;           /* borrowed until the store is open; [NULL: no spilling] */
} mr_store_config;

#define MR_STORE_GROUP_BYTES (64u << 20) /* a group of this much text is sealed however short */

typedef enum mr_store_pressure { MR_STORE_OK, MR_STORE_PRESSURE, MR_STORE_FULL } mr_store_pressure;

typedef enum mr_store_reason {
    MR_STORE_BY_STREAMING,
    MR_STORE_BY_RECORDS,
    MR_STORE_BY_BYTES,
    MR_STORE_BY_BATCH_HINT,
    MR_STORE_BY_PRESSURE,
    MR_STORE_BY_SPILL,
    MR_STORE_BY_DRAINED,
    MR_STORE_REASON_COUNT
} mr_store_reason;

typedef struct mr_store mr_store;

/* "hybrid", "row", "columnar"; the mode called so, MR_STORE_MODE_COUNT for none. */
const char *mr_store_mode_name(mr_store_mode mode);
mr_store_mode mr_store_mode_named(mr_slice name);
/* "streaming", "records", ... as in metrics. */
const char *mr_store_reason_name(mr_store_reason reason);

/* MR_ERR_USAGE for columnar and streaming together. */
MR_NODISCARD mr_code mr_store_open(const mr_store_config *config, mr_store **out, mr_error *err);
void mr_store_close(mr_store *store);

/* Forgets all records, columns and counters, keeps memory for the next load. Starts in the mode it
 * was opened in. */
void mr_store_reset(mr_store *store);

/* Copies all records of `batch`. Columns are matched by name; one that is new is absent in all
 * earlier records, one that the batch lacks is absent in its records. Then applies rules 2, 3, 5
 * and 6. On failure the store holds whole records: some first ones of the batch, or none. */
MR_NODISCARD MR_HOT mr_code mr_store_append(mr_store *store, const mr_batch *batch, mr_error *err);

/* The load has ended: seals the open group and gives back all scratch memory. Appending may go on.
 */
MR_NODISCARD mr_code mr_store_seal(mr_store *store, mr_error *err);

/* The first record held, and the one after the last. */
uint64_t mr_store_first(const mr_store *store);
uint64_t mr_store_end(const mr_store *store);

/* All columns so far, in order of appearance. A field's type is that of its first value. Valid
 * until reset or close. */
const mr_schema *mr_store_schema(const mr_store *store);

/* Resets `out` and fills it from record `first` on, up to its max_rows or the end of the store, or
 * to a group's end once it holds MR_STORE_GROUP_BYTES. `out` gets the store's columns; their names
 * are borrowed from the store until it is reset. row_record counts from 0, origin.record is the
 * 1-based number of the first. */
MR_NODISCARD MR_HOT mr_code mr_store_read(mr_store *store, uint64_t first, mr_batch *out,
                                          uint64_t *out_count, mr_error *err);

/* One cell. Its text is borrowed from the store, until it changes or another cell is read, or from
 * `scratch`. O(1); for a compressed or spilled group after one decoding of the group. */
MR_NODISCARD MR_HOT mr_code mr_store_get(mr_store *store, uint64_t record, uint32_t column,
                                         mr_buffer *scratch, mr_cell *out, mr_error *err);

/* Drops all records before `record` and frees the groups and rows that held nothing else. */
void mr_store_drop_before(mr_store *store, uint64_t record);

/* Reads from the front as mr_store_read() does, at most to a group's end, and drops what was read:
 * the store as a buffer. */
MR_NODISCARD mr_code mr_store_take_front(mr_store *store, mr_batch *out, uint64_t *out_count,
                                         mr_error *err);

/* The pipeline is about to flush what is buffered: applies rule 7. */
MR_NODISCARD mr_code mr_store_flush(mr_store *store, mr_error *err);

/* What the caller holds for these records beside the store counts with it: as its bytes, per
 * record, and against the memory limit from the next append on. */
void mr_store_count_beside(mr_store *store, uint64_t bytes);

/* As of the last append, drop or seal. */
mr_store_pressure mr_store_pressure_now(const mr_store *store);

typedef struct mr_store_switch {
    mr_store_mode from, to; /* ROW or COLUMNAR */
    mr_store_reason reason;
    uint64_t at_record; /* records held when it happened */
    uint64_t duration_ns;
} mr_store_switch;

#define MR_STORE_SWITCHES_KEPT 16

typedef struct mr_store_stats {
    mr_store_mode configured, now; /* now: ROW or COLUMNAR */
    uint64_t records;              /* held */
    uint64_t appended;             /* since reset */
    uint64_t store_bytes;
    uint64_t peak_bytes;
    uint64_t live_bytes;   /* store_bytes just before the last seal; 0 = never sealed */
    uint64_t sealed_bytes; /* just after it */
    double bytes_per_record;
    uint64_t group_text_bytes; /* of all cells in sealed groups, as texts; over ... */
    uint64_t group_bytes;      /* ... what these groups take: the compression ratio */
    uint64_t groups, groups_compressed, groups_spilled;
    uint64_t spilled_bytes;
    uint64_t dict_texts, dict_distinct; /* in sealed dictionaries; hit ratio = 1 - distinct/texts */
    uint64_t switch_count;              /* of all time, by from and reason below */
    uint64_t switches[MR_STORE_MODE_COUNT][MR_STORE_REASON_COUNT]; /* [to][reason] */
    uint64_t switch_ns;
    uint32_t switch_log_count;
    mr_store_switch switch_log[MR_STORE_SWITCHES_KEPT]; /* the last ones, oldest first */
} mr_store_stats;

void mr_store_stats_now(mr_store *store, mr_store_stats *out);

/* Sum of the allocator's sizes of everything the store holds. O(columns). */
uint64_t mr_store_bytes(const mr_store *store);

/* How one column's chunks are held: `kind` and `ints` as in record/texts.h ("affix", "linear");
 * "nulls" without any value. Compressed and spilled groups are reported as kind "lz4", "zstd" or
 * "spilled" with an empty column name. */
typedef struct mr_store_encoding {
    mr_slice column;
    const char *kind, *ints;
    uint64_t chunks;
    uint64_t bytes;
} mr_store_encoding;

/* Calls `visit` for each column and encoding in use. Cold. */
void mr_store_each_encoding(const mr_store *store,
                            void (*visit)(void *context, const mr_store_encoding *encoding),
                            void *context);

#endif
