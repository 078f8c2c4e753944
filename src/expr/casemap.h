/* SPDX-License-Identifier: MIT
 *
 * expr/casemap.h - letters of either case: Unicode 14's simple mappings, one code point to one, in
 * every script that has cases. No language's special rules (Turkish i, German sharp s).
 *
 * Thread: pure functions. */
#ifndef MR_EXPR_CASEMAP_H
#define MR_EXPR_CASEMAP_H

#include "core/base.h"

/* A code point of at most 3 bytes of UTF-8 may become one of 3, and one of 2 bytes one of 3 too. */
#define MR_CASE_GROWTH 2 /* no text grows beyond its length times this */

uint32_t mr_lower_case(uint32_t code_point);
uint32_t mr_upper_case(uint32_t code_point);

/* `text` with every letter in lower (upper) case, at `to`, which has room for MR_CASE_GROWTH times
 * its length; returns the end. Bytes that are not UTF-8 stay as they are. */
MR_HOT char *mr_put_lower_case(char *to, mr_slice text);
MR_HOT char *mr_put_upper_case(char *to, mr_slice text);

#endif
