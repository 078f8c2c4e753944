/* SPDX-License-Identifier: MIT
 *
 * pipeline/discover.h - a destination that keeps nothing but the columns and their types: the first
 * pass over a source whose every value decides its schema (specs/pipeline.md section 3).
 *
 * Lanes look at their pieces' columns; the collector joins the findings in stream order.
 *
 * Thread: mr_discovery belongs to the collector. */
#ifndef MR_PIPELINE_DISCOVER_H
#define MR_PIPELINE_DISCOVER_H

#include "connector/connector.h"
#include "record/infer.h"

typedef struct mr_discovery {
    mr_schema schema;  /* columns in first-seen order; types are set by mr_discovery_finish() */
    mr_infer *columns; /* one per field of schema */
    uint32_t column_cap;
    uint64_t record_count;
    mr_slice source; /* the file that was named last */
    bool typed;      /* the source says the types; values are not judged as text */
} mr_discovery;

extern const mr_destination_ops mr_destination_discover; /* its state is an mr_discovery */

/* An empty discovery whose schema begins with `known` (may be NULL) and lives in `arena`, which
 * nobody else uses while the source is read. */
MR_NODISCARD mr_code mr_discovery_init(mr_discovery *discovery, mr_arena *arena,
                                       const mr_schema *known, mr_error *err);
void mr_discovery_done(mr_discovery *discovery);

/* Appends names, types and layouts, for a later run that is to write the same without a second
 * look; `exact`: they are those of every value. */
MR_NODISCARD mr_code mr_discovery_encode(const mr_discovery *discovery, bool exact, mr_buffer *out,
                                         mr_error *err);
/* A discovery that has found what encode wrote. MR_ERR_USAGE when that is not it. */
MR_NODISCARD mr_code mr_discovery_decode(mr_discovery *discovery, mr_arena *arena, mr_slice bytes,
                                         bool *out_exact, mr_error *err);

/* Puts what was found into schema.fields[].type. A column without any value stays NULL. */
void mr_discovery_finish(mr_discovery *discovery);

#endif
