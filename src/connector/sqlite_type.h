/* SPDX-License-Identifier: MIT
 *
 * connector/sqlite_type.h - our types in SQLite's, so that what was put is what comes back.
 *
 * SQLite gives every value a storage class of its own (INTEGER, REAL, TEXT, BLOB, NULL), but a
 * column's declared type may convert a value on its way in: TEXT '1.10' becomes the number 1.1 in a
 * DECIMAL column. So tables made here declare types whose affinity leaves our values alone:
 *
 *     ours                          declared          stored as
 *     int                           INTEGER           INTEGER
 *     float                         REAL              REAL (inf and nan as TEXT)
 *     string                        TEXT              TEXT
 *     bytes                         BLOB              BLOB
 *     decimal, bool, date, uuid...  DECIMAL_TEXT ...  TEXT, the literal
 *     mixed, only nulls             (none)            each value as what it is
 *
 * Reading back, TEXT in a column declared BOOLEAN_TEXT is a bool if it is spelled like one; the
 * names BOOLEAN, DATE, DATETIME, TIMESTAMP, UUID and JSON give the same hint. A hint never changes
 * bytes.
 *
 * Thread: pure functions. */
#ifndef MR_CONNECTOR_SQLITE_TYPE_H
#define MR_CONNECTOR_SQLITE_TYPE_H

#include "record/type.h"

typedef enum mr_sqlite_affinity {
    MR_SQLITE_AFFINITY_NONE = 0, /* values stay as they are */
    MR_SQLITE_AFFINITY_TEXT,
    MR_SQLITE_AFFINITY_NUMERIC, /* INTEGER too: they differ only in CAST */
    MR_SQLITE_AFFINITY_REAL,
    MR_SQLITE_AFFINITY_COUNT
} mr_sqlite_affinity;

/* The affinity that SQLite gives a declared type (its five rules); `strict` tables know ANY. */
mr_sqlite_affinity mr_sqlite_affinity_of(mr_slice declared, bool strict);

/* What a table made here declares for a column of `type`; "" for none. */
const char *mr_sqlite_declared_type(mr_type type);

/* What TEXT in a column declared so may be: MR_TYPE_STRING when there is no hint. */
mr_type mr_sqlite_hint_of(mr_slice declared);

/* Is `text` spelled as a value of the hinted type? `layout` keeps the column's one spelling of
 * timestamps: the first one sets it. */
MR_HOT bool mr_sqlite_fits_hint(mr_slice text, mr_type hint, mr_time_layout *layout);

/* How a cell goes into SQLite. */
typedef enum mr_sqlite_store {
    MR_SQLITE_STORE_TEXT = 0,
    MR_SQLITE_STORE_INT,
    MR_SQLITE_STORE_REAL,
    MR_SQLITE_STORE_BLOB,
    MR_SQLITE_STORE_CHECKED, /* it depends on the value: ask mr_sqlite_store_checked() */
} mr_sqlite_store;

/* How values of `type` (never MIXED) go into a column of that affinity. */
mr_sqlite_store mr_sqlite_store_of(mr_type type, mr_sqlite_affinity affinity);

typedef struct mr_sqlite_number {
    mr_sqlite_store store; /* TEXT, INT or REAL */
    int64_t integer;
    double real;
} mr_sqlite_number;

/* How this one value goes into a column that converts what looks like a number. False when what
 * would come back is not the same: other bytes, or for integers in a REAL column another value. */
MR_HOT bool mr_sqlite_store_checked(mr_slice text, mr_sqlite_affinity affinity,
                                    mr_sqlite_number *out);

#endif
