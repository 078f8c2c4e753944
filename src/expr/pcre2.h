/* SPDX-License-Identifier: MIT
 *
 * expr/pcre2.h - PCRE2's functions, from the shared library, which is loaded when the first regular
 * expression is compiled: who uses none pays nothing. A program that is linked statically has them
 * inside (MR_STATIC_BUILD).
 *
 * Thread: any; the table is read-only once loaded. */
#ifndef MR_EXPR_PCRE2_H
#define MR_EXPR_PCRE2_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/library.h"

#define MR_PCRE2_FUNCTIONS(X)       \
    X(pcre2_code_free)              \
    X(pcre2_compile)                \
    X(pcre2_compile_context_create) \
    X(pcre2_compile_context_free)   \
    X(pcre2_general_context_create) \
    X(pcre2_general_context_free)   \
    X(pcre2_get_error_message)      \
    X(pcre2_get_ovector_pointer)    \
    X(pcre2_jit_compile)            \
    X(pcre2_jit_stack_assign)       \
    X(pcre2_jit_stack_create)       \
    X(pcre2_jit_stack_free)         \
    X(pcre2_match)                  \
    X(pcre2_match_context_create)   \
    X(pcre2_match_context_free)     \
    X(pcre2_match_data_create)      \
    X(pcre2_match_data_free)        \
    X(pcre2_pattern_info)           \
    X(pcre2_set_depth_limit)        \
    X(pcre2_set_heap_limit)         \
    X(pcre2_set_match_limit)        \
    X(pcre2_substring_number_from_name)

/* PCRE2's names are macros for those with the width behind them, members and all. */
typedef struct mr_pcre2 {
    MR_PCRE2_FUNCTIONS(MR_LIBRARY_MEMBER)
} mr_pcre2;

/* Loads the library if need be; NULL with an error that says what to install. */
const mr_pcre2 *mr_pcre2_load(mr_error *err);

#endif
