/* SPDX-License-Identifier: MIT
 *
 * transform/aggregate_internal.h - how groups lie in memory.
 *
 *     table     number -> key                             transform/key.h
 *     shown     number -> the key's cells as they are to be seen
 *     states    number -> |value 1|value 2|...            state_bytes each, 16-byte aligned
 *     texts     what extremes spell; a state says where
 *     sets      for each count_distinct: group and cell -> is it there
 *
 * Thread: as aggregate.h. */
#ifndef MR_TRANSFORM_AGGREGATE_INTERNAL_H
#define MR_TRANSFORM_AGGREGATE_INTERNAL_H

#include "core/hash.h"
#include "transform/aggregate.h"
#include "transform/key.h"
#include "transform/sum.h"

/* A sum or mean. What follows it in the states, if the value may be a double, is an mr_real_sum. */
typedef struct mr_sum_state {
    mr_sum sum;
    uint64_t count; /* numbers added */
    uint64_t real_count;
} mr_sum_state;

typedef struct mr_extreme {
    mr_i128 exact; /* NUMBER that is exact */
    double real;   /* NUMBER that is not */
    uint64_t text_at;
    uint32_t text_len, text_cap;
    uint8_t class; /* mr_key_class; MR_KEY_NULL while there is none */
    uint8_t type;  /* mr_type */
    uint8_t scale;
    bool is_exact;
} mr_extreme;

/* A cell of a column that a value reads, understood. */
typedef struct mr_aggregate_cell {
    mr_i128 exact;
    double real;
    mr_slice text;
    uint8_t class;
    uint8_t type;
    uint8_t scale;
    bool is_exact;
} mr_aggregate_cell;

/* A column that values read. */
typedef struct mr_aggregate_input {
    mr_slice name;
    bool untyped;
    bool numbers; /* a sum or mean wants it */
    bool parsed;  /* anything but a count wants it */
} mr_aggregate_input;

typedef struct mr_aggregate_value {
    mr_aggregate_function function;
    uint32_t input; /* number of the input; MR_KEY_NONE for count() */
    uint32_t at;    /* of its state in a group's states */
    uint32_t set;   /* of count_distinct */
    bool reals;     /* a sum that may meet doubles */
} mr_aggregate_value;

struct mr_aggregate {
    const mr_step *step;
    const mr_columns *in;
    uint64_t seed;
    mr_aggregate_input *inputs;
    mr_aggregate_value *values;
    uint32_t input_count, set_count;
    mr_key_table table;
    mr_key_table *sets;
    uint64_t *shown; /* of each group, in `texts`; with the length in the first four bytes */
    char *states;
    uint32_t state_bytes, group_cap;
    mr_buffer texts;
    /* of the batch at work */
    const mr_column **key_columns, **columns;
    mr_aggregate_cell *cells;
    mr_buffer key;
    /* of a merge */
    uint32_t *numbers;
    uint32_t number_cap;
};

MR_INLINE void *mr_aggregate_state(const mr_aggregate *a, uint32_t group, uint32_t value)
{
    return a->states + (size_t)group * a->state_bytes + a->values[value].at;
}

MR_INLINE mr_real_sum *mr_aggregate_reals(mr_sum_state *state)
{
    return (mr_real_sum *)(void *)(state + 1);
}

/* The number of the group with this key. A new one (the table's count has grown) is to be given
 * its cells to show at once. */
MR_NODISCARD mr_code mr_aggregate_group(mr_aggregate *a, mr_slice key, uint32_t hash, uint32_t *out,
                                        mr_error *err);
MR_NODISCARD mr_code mr_aggregate_show(mr_aggregate *a, uint32_t group, mr_slice shown,
                                       mr_error *err);

/* What the cell says, as far as the input's values want to know. */
void mr_aggregate_understand(const mr_aggregate_input *input, const mr_column *column, uint32_t row,
                             mr_aggregate_cell *out);

/* Is `cell` to take the place of `extreme`? */
bool mr_aggregate_beats(const mr_aggregate *a, const mr_extreme *extreme,
                        const mr_aggregate_cell *cell, bool least);
MR_NODISCARD mr_code mr_aggregate_set_extreme(mr_aggregate *a, mr_extreme *extreme,
                                              const mr_aggregate_cell *cell, mr_error *err);

/* Notes that the group has the cell; counts it when it is new. */
MR_NODISCARD mr_code mr_aggregate_distinct(mr_aggregate *a, uint32_t value, uint32_t group,
                                           mr_slice cell, mr_error *err);

/* MR_ERR_LIMIT when all of it, with `more`, is over the step's memory. */
MR_NODISCARD mr_code mr_aggregate_check_memory(const mr_aggregate *a, uint64_t more, mr_error *err);

#endif
