/* SPDX-License-Identifier: MIT
 *
 * record/cursor.h - values that order records: what an incremental load compares with how far the
 * last one came. Compared exactly, whatever their length and spelling:
 *
 *     NUMBER   9 < 10 < 10.5 < 1e3      JSON numbers of any size
 *     TIME     dates and timestamps as moments; without an offset they are in UTC
 *     TEXT     byte by byte, which is the order of code points
 *
 * Thread: pure functions. */
#ifndef MR_RECORD_CURSOR_H
#define MR_RECORD_CURSOR_H

#include "record/type.h"

typedef enum mr_cursor_kind {
    MR_CURSOR_NONE = 0, /* not known yet */
    MR_CURSOR_NUMBER,
    MR_CURSOR_TIME,
    MR_CURSOR_TEXT,
} mr_cursor_kind;

typedef struct mr_cursor {
    int64_t whole;  /* NUMBER: the number, when `small`; TIME: seconds since 1970 */
    uint32_t nanos; /* TIME */
    bool small;     /* `whole` and `nanos` are all there is to it */
    mr_slice text;  /* as spelled; borrowed */
} mr_cursor;

/* "number", "time", "text". */
const char *mr_cursor_kind_name(mr_cursor_kind kind);

/* The kind that values of a column of `type` are compared as; NONE when the type is not known. */
mr_cursor_kind mr_cursor_kind_of(mr_type type);

/* False when `text` is no value of `kind`. */
MR_NODISCARD MR_HOT bool mr_cursor_parse(mr_cursor_kind kind, mr_slice text, mr_cursor *out);

/* Below, at or above 0 as `a` is below, equal to or above `b`; both of `kind`. */
MR_HOT int mr_cursor_compare(mr_cursor_kind kind, const mr_cursor *a, const mr_cursor *b);

/* `from` less `by`: of a NUMBER that many, of a TIME nanoseconds. Saturates; out->text is empty.
 * Only for small ones. */
void mr_cursor_back(mr_cursor_kind kind, const mr_cursor *from, int64_t by, mr_cursor *out);

#endif
