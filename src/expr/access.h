/* SPDX-License-Identifier: MIT
 *
 * expr/access.h - into json values: members and elements, found in the text where it lies.
 *
 * The text is one JSON value, checked by whoever read it; what is broken all the same has no
 * members and no elements.
 *
 * Thread: as the run. */
#ifndef MR_EXPR_ACCESS_H
#define MR_EXPR_ACCESS_H

#include "expr/run.h"

/* The value of one member or element of the json text `text`; ABSENT where there is none. Of
 * members with the same name the last counts. */
MR_HOT mr_value mr_json_step(mr_run *run, mr_slice text, const mr_step *step);

/* A JSON value as what it says: INT, DECIMAL, NUMBER, STRING, TRUE, FALSE, NULL or JSON. */
MR_HOT mr_value mr_json_value(mr_run *run, mr_slice text);

/* How many elements or members. */
MR_HOT int64_t mr_json_count(mr_slice text);

/* Writes `text` as a JSON string with its quotes and returns the end; at most 6 bytes for each of
 * its own and 2. */
MR_HOT char *mr_json_put_string(char *to, mr_slice text);

#endif
