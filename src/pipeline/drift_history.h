/* SPDX-License-Identifier: MIT
 *
 * pipeline/drift_history.h - the file of schemas: each change with the first record that caused it,
 * and what each run that was published had. Lines of JSON, only ever appended to:
 *
 *     {"event":"change","time":...,"kind":"new_column","column":"late","from":null,"to":"string",
 *      "policy":"evolve","source":"a.jsonl","record":65537,"line":65537}
 *     {"event":"schema","time":...,"columns":[{"name":"a","type":"int","nullable":false},...]}
 *
 * A change is on the disk when it is told. A run that goes on reads what it had told before and
 * tells it no more; one that was killed before its first checkpoint is another run, and tells all
 * again. A torn last line is passed over.
 *
 * Thread: the collector's. */
#ifndef MR_PIPELINE_DRIFT_HISTORY_H
#define MR_PIPELINE_DRIFT_HISTORY_H

#include "core/buffer.h"
#include "pipeline/drift.h"

#define MR_DRIFT_MAX_VERSIONS 1000u /* the last ones, for backward_transitive */

/* A schema as the file has it. */
typedef struct mr_drift_past {
    mr_schema schema;
    bool *nullable; /* one per column */
} mr_drift_past;

typedef struct mr_drift_pasts {
    mr_drift_past *items; /* oldest first */
    uint32_t count;
} mr_drift_pasts;

/* Reads the schemas of `path`; none when there is no such file. */
MR_NODISCARD mr_code mr_drift_history_read(const char *path, mr_arena *arena, mr_drift_pasts *out,
                                           mr_error *err);

/* Changes that were told already: a column of each kind by name, with its type. */
typedef struct mr_drift_told {
    mr_schema fresh, gone, wide; /* new columns, missing ones, wider types */
    uint64_t count;
} mr_drift_told;

/* Adds the changes of `path` that were told at `since_ns` of the wall clock or later. */
MR_NODISCARD mr_code mr_drift_history_told(const char *path, int64_t since_ns, mr_arena *arena,
                                           mr_drift_told *told, mr_error *err);

typedef struct mr_drift_change {
    mr_drift_kind kind;
    mr_slice column;
    mr_type from, to; /* MR_TYPE_NULL: not known, or there is none */
    mr_drift_policy policy;
    mr_slice source;
    uint64_t record, line; /* 1-based; 0 = not known */
} mr_drift_change;

/* Appends and syncs. */
MR_NODISCARD mr_code mr_drift_history_change(const char *path, const mr_drift_change *change,
                                             mr_error *err);
MR_NODISCARD mr_code mr_drift_history_schema(const char *path, const mr_drift_past *past,
                                             mr_error *err);

#endif
