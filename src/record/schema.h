/* SPDX-License-Identifier: MIT
 *
 * record/schema.h - the ordered, named, typed columns of a stream of records.
 *
 * Names are unique. Lookup is by hash, because JSON objects look every key up.
 *
 * Thread: written by one thread, then read by any. */
#ifndef MR_RECORD_SCHEMA_H
#define MR_RECORD_SCHEMA_H

#include "core/arena.h"
#include "record/type.h"

#define MR_MAX_COLUMNS 65536 /* limits.max_columns can only lower it */

typedef struct mr_field {
    mr_slice name; /* lives in the schema's arena */
    mr_type type;
    uint32_t hash;
    uint32_t repeated; /* header names made from it: <name>_2 .. _<repeated + 1> are taken */
} mr_field;

typedef struct mr_schema {
    mr_arena *arena; /* borrowed; holds fields, names and index */
    mr_field *fields;
    uint32_t field_count;
    uint32_t field_cap;
    uint32_t *index;      /* open addressing: field number + 1, 0 = empty */
    uint32_t index_slots; /* a power of two */
} mr_schema;

/* An empty schema whose memory comes from `arena`. */
void mr_schema_init(mr_schema *schema, mr_arena *arena);

/* Adds a column (its name is copied) and returns its position. MR_ERR_INPUT when the name is there
 * already, MR_ERR_LIMIT past MR_MAX_COLUMNS. */
MR_NODISCARD mr_code mr_schema_add(mr_schema *schema, mr_slice name, mr_type type, uint32_t *out,
                                   mr_error *err);

/* The position of the column called `name`, or -1. */
MR_HOT int64_t mr_schema_find(const mr_schema *schema, mr_slice name);

/* The header-name rules of section 4.1: an empty name becomes column_<n> (1-based), a repeated one
 * <name>_2, _3, ... (next free). */
MR_NODISCARD mr_code mr_schema_add_header_name(mr_schema *schema, mr_slice name, mr_error *err);

/* A copy of `from` into `arena`. */
MR_NODISCARD mr_code mr_schema_copy(mr_schema *to, const mr_schema *from, mr_arena *arena,
                                    mr_error *err);

/* The hash that fields and batches use for names. */
MR_HOT uint32_t mr_name_hash(mr_slice name);

#endif
