/* SPDX-License-Identifier: MIT
 *
 * format/json_cell.h - the values inside a cell of MR_TYPE_JSON, whose text is compact and valid
 * because a reader or a cast has made it so.
 *
 *     {"a":1,"b":["x"]}      mr_json_cell_value() at '1': INT 1;  at '[': JSON ["x"]
 *
 * Thread: pure functions. */
#ifndef MR_FORMAT_JSON_CELL_H
#define MR_FORMAT_JSON_CELL_H

#include "record/type.h"

typedef struct mr_json_piece {
    mr_slice text; /* of a string without quotes and escapes; empty when null */
    mr_type type;
} mr_json_piece;

/* The value at `at`, which lies in such a text, and the byte behind it. A string with escapes is
 * unescaped to `room`, which has as many bytes as the text it is in. A string with half a surrogate
 * pair is MR_TYPE_BYTES. */
MR_HOT const char *mr_json_cell_value(const char *at, char *room, mr_json_piece *out);

/* The key at `at`, the same way; returns where its value begins. */
MR_HOT const char *mr_json_cell_key(const char *at, char *room, mr_slice *out);

#endif
