/* SPDX-License-Identifier: MIT
 *
 * expr/value.h - one value while it is worked on: a kind, and 16 bytes that the kind explains.
 *
 *     kind        cell                         written
 *     NULL .. TRUE  nothing: the kind says all
 *     FAULT       trouble: what went wrong
 *     INT         integer                      -?[0-9]+ that fits 64 bits
 *     DECIMAL     decimal, with `scale`        never one that could be an INT
 *     NUMBER      text: a JSON number that is neither (1e400, -0)
 *     FLOAT       real                         the fewest digits that read back
 *     DATE        integer: days since 1970
 *     TIME        time: seconds of the day
 *     TIMESTAMP   time: local seconds since 1970, and how it is spelled
 *     UUID .. TEXT  text
 *
 * TEXT is untyped text (expr.h): its use decides what it is.
 *
 * Thread: values, no sharing. */
#ifndef MR_EXPR_VALUE_H
#define MR_EXPR_VALUE_H

#include "core/number.h"
#include "record/numtext.h"

typedef enum mr_kind {
    MR_KIND_NULL = 0,
    MR_KIND_ABSENT,
    MR_KIND_FAULT,
    MR_KIND_FALSE,
    MR_KIND_TRUE,
    MR_KIND_INT,
    MR_KIND_DECIMAL,
    MR_KIND_NUMBER,
    MR_KIND_FLOAT,
    MR_KIND_DATE,
    MR_KIND_TIME,
    MR_KIND_TIMESTAMP,
    MR_KIND_UUID,
    MR_KIND_STRING,
    MR_KIND_BYTES,
    MR_KIND_JSON,
    MR_KIND_TEXT,
    MR_KIND_COUNT
} mr_kind;

/* Sets of kinds. */
typedef uint32_t mr_kinds;

#define MR_KIND_BIT(kind) (UINT32_C(1) << (kind))
enum {
    MR_KINDS_BOOL = 1 << MR_KIND_FALSE | 1 << MR_KIND_TRUE,
    MR_KINDS_EXACT = 1 << MR_KIND_INT | 1 << MR_KIND_DECIMAL,
    MR_KINDS_NUMERIC = MR_KINDS_EXACT | 1 << MR_KIND_NUMBER | 1 << MR_KIND_FLOAT,
    MR_KINDS_CALENDAR = 1 << MR_KIND_DATE | 1 << MR_KIND_TIMESTAMP,
    MR_KINDS_TEMPORAL = MR_KINDS_CALENDAR | 1 << MR_KIND_TIME,
    MR_KINDS_STRING = 1 << MR_KIND_STRING | 1 << MR_KIND_BYTES,
    MR_KINDS_UNTYPED = 1 << MR_KIND_TEXT,
    MR_KINDS_SLICED = MR_KINDS_STRING | MR_KINDS_UNTYPED | 1 << MR_KIND_UUID | 1 << MR_KIND_JSON |
                      1 << MR_KIND_NUMBER,                       /* whose cell is a text */
    MR_KINDS_TYPED = (1 << MR_KIND_TEXT) - (1 << MR_KIND_FALSE), /* all values but untyped text */
    MR_KINDS_JSON = MR_KINDS_BOOL | MR_KINDS_EXACT | 1 << MR_KIND_NUMBER | 1 << MR_KIND_STRING |
                    1 << MR_KIND_JSON, /* what a JSON text can say */
    MR_KINDS_ANY = MR_KINDS_TYPED | MR_KINDS_UNTYPED,
    MR_KINDS_SCALAR = MR_KINDS_ANY & ~(1 << MR_KIND_JSON),
    MR_KINDS_NONE = 1 << MR_KIND_NULL | 1 << MR_KIND_ABSENT, /* states without a value */
};

MR_INLINE bool mr_kind_in(unsigned kind, mr_kinds kinds)
{
    return (kinds >> kind & 1) != 0;
}

/* Has it neither a value nor a fault? */
MR_INLINE bool mr_kind_is_none(unsigned kind)
{
    return kind < MR_KIND_FAULT;
}

typedef struct mr_moment {
    int64_t seconds; /* local, since 1970-01-01T00:00:00, or of the day */
    uint32_t nanoseconds;
    mr_time_layout layout;
} mr_moment;

typedef struct mr_trouble {
    const char *text;
    uint32_t length;
    uint32_t field; /* the one at fault, + 1; 0 = none or several */
} mr_trouble;

typedef union mr_cell {
    int64_t integer;
    mr_i128 decimal;
    double real;
    mr_slice text;
    mr_moment time;
    mr_trouble trouble; /* of a FAULT */
} mr_cell;

typedef struct mr_value {
    mr_cell cell;
    uint8_t kind;
    uint8_t scale; /* of a DECIMAL */
} mr_value;

static_assert(sizeof(mr_cell) == 16, "a cell is 16 bytes");

MR_INLINE mr_value mr_value_state(mr_kind kind)
{
    return (mr_value){.kind = (uint8_t)kind};
}

MR_INLINE mr_value mr_value_bool(bool value)
{
    return (mr_value){.kind = value ? MR_KIND_TRUE : MR_KIND_FALSE};
}

MR_INLINE mr_value mr_value_int(int64_t value)
{
    return (mr_value){.cell.integer = value, .kind = MR_KIND_INT};
}

MR_INLINE mr_value mr_value_real(double value)
{
    return (mr_value){.cell.real = value, .kind = MR_KIND_FLOAT};
}

MR_INLINE mr_value mr_value_text(mr_kind kind, mr_slice text)
{
    return (mr_value){.cell.text = text, .kind = (uint8_t)kind};
}

/* A coefficient and a scale as a value: an INT where it can be one. */
MR_INLINE mr_value mr_value_decimal(mr_i128 value, unsigned scale)
{
    if (scale == 0 && value >= INT64_MIN && value <= INT64_MAX) return mr_value_int((int64_t)value);
    return (mr_value){.cell.decimal = value, .kind = MR_KIND_DECIMAL, .scale = (uint8_t)scale};
}

/* "int", "string", ... as users know it. */
const char *mr_kind_name(unsigned kind);
mr_type mr_kind_type(unsigned kind);
/* The kinds that a cell of a column of `type` may have; MR_TYPE_NULL and MIXED may be any typed. */
mr_kinds mr_kinds_of_type(mr_type type);
/* "int, decimal or string"; at most MR_KINDS_NAMES_MAX bytes with its NUL. */
#define MR_KINDS_NAMES_MAX 128
const char *mr_kinds_names(mr_kinds kinds, char *out);

/* What a column of values of these kinds is; see mr_expr_result. */
mr_type mr_kinds_type(mr_kinds kinds, bool *out_untyped);

/* --- from text
 * -------------------------------------------------------------------------------- */

/* A text by the exact typing rules as INT, DECIMAL (false: neither). */
MR_HOT bool mr_value_read_exact(mr_slice text, mr_value *out);
/* As any JSON number: INT, DECIMAL, or NUMBER where it has no shorter way to be said exactly. */
MR_HOT bool mr_value_read_number(mr_slice text, mr_value *out);
MR_HOT bool mr_value_read_bool(mr_slice text, mr_value *out);
MR_HOT bool mr_value_read_date(mr_slice text, mr_value *out);
MR_HOT bool mr_value_read_time(mr_slice text, mr_value *out);
MR_HOT bool mr_value_read_timestamp(mr_slice text, mr_value *out);
/* A cell of a column of `type` (not NULL, not MIXED), which may have been declared wrongly: false
 * then. */
MR_HOT bool mr_value_read_cell(mr_type type, mr_slice text, mr_value *out);

/* A NUMBER as the exact number it is where it has at most 38 digits: 1e3 is INT 1000. Other kinds
 * stay; false where it is too long. */
MR_HOT bool mr_value_exact_number(mr_value *value);

/* The nearest double of an INT, DECIMAL, NUMBER or FLOAT; false when it is out of range. */
MR_HOT bool mr_value_as_real(const mr_value *value, double *out);

/* --- to text
 * ---------------------------------------------------------------------------------- */

#define MR_VALUE_TEXT_MAX 64 /* room for any value whose cell is not a text */

/* The text of a value: in `room` (MR_VALUE_TEXT_MAX bytes), or where it lies. The value is not
 * NULL, ABSENT or FAULT. */
MR_HOT mr_slice mr_value_write(const mr_value *value, char *room);

/* UTC seconds of a TIMESTAMP, and of a DATE its midnight; a timestamp without offset is taken as
 * UTC. */
MR_INLINE int64_t mr_value_instant(const mr_value *value)
{
    if (value->kind == MR_KIND_DATE) return value->cell.integer * 86400;
    const mr_time_layout layout = value->cell.time.layout;
    const int64_t offset_minutes = (layout >> 13 & 1) != 0 ? (int64_t)(layout >> 16) - 1440 : 0;
    return value->cell.time.seconds - offset_minutes * 60;
}

#endif
