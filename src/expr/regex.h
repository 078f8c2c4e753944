/* SPDX-License-Identifier: MIT
 *
 * expr/regex.h - regular expressions (PCRE2's) on texts that anybody may have written: a match that
 * takes more than MR_EXPR_MAX_REGEX_STEPS steps is given up. A pattern is UTF-8; bytes of a text
 * that are not match nothing. PCRE2's just-in-time compiler is used where the system lets it.
 *
 * Thread: an mr_regex is constant once compiled; a scratch belongs to one thread at a time. */
#ifndef MR_EXPR_REGEX_H
#define MR_EXPR_REGEX_H

#include "core/error.h"

typedef struct mr_regex mr_regex;
typedef struct mr_regex_scratch mr_regex_scratch;

/* MR_ERR_USAGE: "at offset 3: missing closing parenthesis", or that PCRE2 is not there. */
MR_NODISCARD mr_code mr_regex_compile(mr_slice pattern, mr_regex **out, mr_error *err);
void mr_regex_free(mr_regex *regex);

/* How many groups there are, and the number of the one called `name`; -1 when there is none. */
uint32_t mr_regex_group_count(const mr_regex *regex);
int mr_regex_group(const mr_regex *regex, mr_slice name);

typedef enum mr_regex_result {
    MR_REGEX_NO_MATCH,
    MR_REGEX_MATCH,
    MR_REGEX_TOO_HARD, /* the steps or their memory ran out */
    MR_REGEX_NO_MEMORY,
} mr_regex_result;

/* Searches `text` from byte `from` on. `*scratch` is NULL before the first search. After a match
 * mr_regex_span() has its groups. */
MR_HOT mr_regex_result mr_regex_search(const mr_regex *regex, mr_regex_scratch **scratch,
                                       mr_slice text, size_t from);

/* Where group `number` of the last match lies in its text; false when it took no part. */
MR_HOT bool mr_regex_span(const mr_regex_scratch *scratch, uint32_t number, size_t *out_from,
                          size_t *out_to);

void mr_regex_scratch_free(mr_regex_scratch *scratch); /* NULL is harmless */

#endif
