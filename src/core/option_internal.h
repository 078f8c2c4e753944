/* SPDX-License-Identifier: MIT
 *
 * core/option_internal.h - what core/option*.c share: a parsed value that is not yet in its struct.
 *
 * Thread: values, no sharing. */
#ifndef MR_CORE_OPTION_INTERNAL_H
#define MR_CORE_OPTION_INTERNAL_H

#include "core/option.h"

typedef union option_value {
    bool yes;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    double f64;
    const char *text;
    char byte;
    int choice;
    mr_option_list list;
    mr_option_map map;
    _Alignas(16) char parsed[MR_OPTION_PARSED_BYTES];
} option_value;

/* Bytes of the option's field. */
size_t option_field_size(const mr_option *option);

/* Reads `text` as the option's type, with its range; not for lists and maps. The text of an error
 * is "expected ..., found ...". */
mr_code option_value_parse(const mr_option *option, mr_slice text, mr_arena *arena,
                           option_value *out, mr_error *err);

/* Adds the parts of "a,b" or "k=v,k=v" to `value`, which holds what was there before. */
mr_code option_value_split(const mr_option *option, mr_slice text, mr_arena *arena,
                           option_value *value, mr_error *err);
mr_code option_list_add(mr_option_list *list, mr_slice item, mr_arena *arena, mr_error *err);
mr_code option_map_add(mr_option_map *map, mr_slice key, mr_slice value, mr_arena *arena,
                       mr_error *err);

/* A copy that lives in the arena; refuses NUL bytes. */
mr_code option_text_copy(mr_slice text, mr_arena *arena, const char **out, mr_error *err);

#endif
