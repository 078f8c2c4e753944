/* SPDX-License-Identifier: MIT
 *
 * transform/step.h - the steps between source and destination, as a person wrote them.
 *
 *     transforms:                         one step an entry, in the order in which they work
 *       - filter: .score > 100
 *       - map: {total: .price * .count}
 *       - aggregate: {by: [city], values: {n: count(), top: max(score)}}
 *
 * Nothing here knows the records: what a step means for given columns is found out by chain.h.
 * docs/transforms.md is the manual of the language.
 *
 * Everything lives in the arena of the list.
 *
 * Thread: filled by one thread, then read by any. */
#ifndef MR_TRANSFORM_STEP_H
#define MR_TRANSFORM_STEP_H

#include "core/buffer.h"
#include "core/tree.h"

#define MR_STEPS_MAX         256      /* in one pipeline */
#define MR_STEP_PARTS_MAX    4096     /* columns named by one step */
#define MR_STEP_EXPLODES_MAX 4        /* explode steps in one pipeline */
#define MR_STEP_MEMORY_BYTES "256MiB" /* of a dedupe or aggregate, unless it says otherwise */
#define MR_STEP_MAX_GROUPS   UINT64_C(1000000) /* of an aggregate, likewise */
#define MR_STEP_MASK_TEXT    "***"

typedef enum mr_step_kind {
    MR_STEP_FILTER,
    MR_STEP_MAP,
    MR_STEP_DROP,
    MR_STEP_SELECT,
    MR_STEP_RENAME,
    MR_STEP_CAST,
    MR_STEP_FLATTEN,
    MR_STEP_EXPLODE,
    MR_STEP_DEDUPE,
    MR_STEP_MASK,
    MR_STEP_AGGREGATE,
    MR_STEP_KIND_COUNT
} mr_step_kind;

typedef enum mr_mask_method {
    MR_MASK_REDACT,
    MR_MASK_HASH,
    MR_MASK_KEEP_FIRST,
    MR_MASK_KEEP_LAST,
} mr_mask_method;

typedef enum mr_aggregate_function {
    MR_AGGREGATE_COUNT,
    MR_AGGREGATE_COUNT_DISTINCT,
    MR_AGGREGATE_SUM,
    MR_AGGREGATE_MIN,
    MR_AGGREGATE_MAX,
    MR_AGGREGATE_MEAN,
} mr_aggregate_function;

/* A column that a step names, and what is to become of it. */
typedef struct mr_step_part {
    mr_slice name;     /* of the column: of map and of an aggregate's value the one that is made */
    mr_slice text;     /* filter, map: the expression; rename: the new name; cast: the type;
                          an aggregate's value: the column it reads, empty for count() */
    const char *where; /* "pipeline.yaml:12:5", "--map": of name or text, whichever can be wrong */
    mr_aggregate_function function;
} mr_step_part;

typedef struct mr_step {
    mr_step_kind kind;
    const char *where; /* of the step */
    mr_step_part *parts;
    uint32_t part_count, part_room;
    /* flatten */
    mr_slice separator;
    uint32_t depth; /* levels that become columns; 0 = all */
    /* dedupe */
    uint64_t window_records; /* 0 = no such limit */
    int64_t window_ns;       /* 0 = no such limit; then `time` says which column */
    mr_step_part time;
    /* dedupe, aggregate */
    uint64_t memory_bytes;
    /* mask */
    mr_mask_method method;
    mr_slice salt, with;
    uint32_t keep;
    /* aggregate: parts are the keys, these the values */
    mr_step_part *values;
    uint32_t value_count, value_room;
    uint64_t max_groups;
    struct mr_step *next;
} mr_step;

typedef struct mr_steps {
    mr_arena *arena;
    mr_step *first, *last;
    uint32_t count;
    uint32_t explode_count;
    bool from_file; /* a file's list has been taken */
} mr_steps;

/* "filter", "map", ... */
const char *mr_step_name(mr_step_kind kind);
/* "count", "sum", ... */
const char *mr_aggregate_name(mr_aggregate_function function);

void mr_steps_init(mr_steps *steps, mr_arena *arena);

/* Takes the value of `transforms` in a file. MR_ERR_USAGE: "pipeline.yaml:12:5: what is wrong". */
MR_NODISCARD mr_code mr_steps_load(mr_steps *steps, const mr_tree *tree, const mr_node *list,
                                   mr_error *err);

/* A filter or a map from the command line: an expression, or `name = expression`. `where` starts
 * the text of errors. */
MR_NODISCARD mr_code mr_steps_add_filter(mr_steps *steps, mr_slice text, const char *where,
                                         mr_error *err);
MR_NODISCARD mr_code mr_steps_add_map(mr_steps *steps, mr_slice text, const char *where,
                                      mr_error *err);

/* The step on one line, as a plan shows it: "filter .a > 1", "aggregate by city: n, total". Salts
 * are not shown. */
MR_NODISCARD mr_code mr_step_describe(const mr_step *step, mr_buffer *out, mr_error *err);

/* JSON Schema of one step, for editors. */
const char *mr_step_json_schema(void);

/* Moves the steps of `more` behind those of `steps`. */
MR_NODISCARD mr_code mr_steps_join(mr_steps *steps, mr_steps *more, mr_error *err);

/* An empty step at the end of the list, for select and rename, and a part for one. */
MR_NODISCARD mr_code mr_steps_add(mr_steps *steps, mr_step_kind kind, const char *where,
                                  mr_step **out, mr_error *err);
MR_NODISCARD mr_code mr_step_add_part(mr_steps *steps, mr_step *step, mr_slice name, mr_slice text,
                                      const char *where, mr_error *err);

/* True for steps whose result depends on the records before: they work in order, on one thread. */
MR_INLINE bool mr_step_is_ordered(mr_step_kind kind)
{
    return kind == MR_STEP_DEDUPE || kind == MR_STEP_AGGREGATE;
}

#endif
