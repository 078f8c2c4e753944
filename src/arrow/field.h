/* SPDX-License-Identifier: MIT
 *
 * arrow/field.h - a foreign ArrowSchema, understood: a tree of fields, each of which also looks at
 * the part of a foreign array that belongs to it.
 *
 *     ours        from Arrow
 *     null        n
 *     bool        b
 *     int         c C s S i I l
 *     decimal     L (beyond int64), d:P,S of 32 to 256 bits
 *     float       e f g               NaN and infinities become the strings NaN, Inf, -Inf
 *     date        tdD, tdm of whole days
 *     time        tts ttm ttu ttn     with 0, 3, 6 or 9 digits
 *     timestamp   tss: tsm: tsu: tsn: with a zone: at its offset, or in UTC for zones with a name
 *     uuid        w:16 arrow.uuid
 *     string      u U vu              arrow.json: the value that the text is
 *     bytes       z Z vz w:N
 *     json        +s +l +L +w:N +m    as compact text; a map is an array of {"key","value"}
 *
 * and dictionaries of all of these. Durations, intervals, unions, run ends and list views are
 * refused by name.
 *
 * Everything here is hostile until checked: schemas are trees of somebody's pointers, arrays are
 * pointers with counts. What cannot be checked is the size of a buffer, which the interface does
 * not say: an array whose buffers are shorter than its length and offsets claim is undefined.
 *
 * Thread: owned by one thread. */
#ifndef MR_ARROW_FIELD_H
#define MR_ARROW_FIELD_H

#include "arrow/abi.h"
#include "record/column.h"

#define MR_ARROW_MAX_DEPTH      64                 /* lists in structs in lists ... */
#define MR_ARROW_MAX_ROWS       (INT64_C(1) << 32) /* of one foreign array, and its offset */
#define MR_ARROW_MAX_DICTIONARY (1u << 26)         /* values of one dictionary */
#define MR_ARROW_MAX_FORMAT     256                /* bytes of a format string */
#define MR_ARROW_MAX_WIDTH      (1 << 29)          /* of a fixed-size value or list */
#define MR_ARROW_MAX_NAME       ((size_t)64 << 10)

typedef enum mr_arrow_kind {
    MR_KIND_NULL = 0,
    MR_KIND_BOOL,
    MR_KIND_I8,
    MR_KIND_I16,
    MR_KIND_I32,
    MR_KIND_I64,
    MR_KIND_U8,
    MR_KIND_U16,
    MR_KIND_U32,
    MR_KIND_U64,
    MR_KIND_HALF,
    MR_KIND_F32,
    MR_KIND_F64,
    MR_KIND_DECIMAL,
    MR_KIND_DATE32,
    MR_KIND_DATE64,
    MR_KIND_TIME32,
    MR_KIND_TIME64,
    MR_KIND_TIMESTAMP,
    MR_KIND_FIXED,  /* fixed-size binary */
    MR_KIND_VAR,    /* binary and text, 32-bit offsets */
    MR_KIND_VAR64,  /* 64-bit offsets */
    MR_KIND_VIEW,   /* views into several buffers */
    MR_KIND_STRUCT, /* all below are nested: one JSON text a row */
    MR_KIND_LIST,
    MR_KIND_LIST64,
    MR_KIND_FIXED_LIST,
} mr_arrow_kind;

typedef struct mr_arrow_field {
    mr_slice name; /* in the arena */
    mr_arrow_kind kind;
    mr_type type;
    uint32_t width;        /* bytes of a fixed-size value; elements of a fixed list */
    int32_t scale;         /* of decimals */
    mr_time_layout layout; /* of times: as they are spelled */
    uint32_t digits;       /* of times: of Arrow's unit */
    bool is_json, is_number, is_map;
    struct mr_arrow_field *children;
    uint32_t child_count;
    struct mr_arrow_field *dictionary; /* of its values; `kind` is then that of the indices */
    /* Below: the array at hand, as mr_arrow_field_view() checked it. */
    int64_t length, offset;
    const uint8_t *validity; /* NULL: no nulls */
    const void *values;      /* second buffer: values, offsets or views */
    const char *data;        /* third buffer */
    const void *const *view_data;
    const int64_t *view_bytes; /* sizes of view_data */
    int64_t view_count;
    mr_column literals; /* of a dictionary: its values, spelled once for each array */
} mr_arrow_field;

/* Understands `schema`, which stays the caller's and is not needed afterwards. MR_ERR_INPUT names
 * the field and its format when it has no place here. */
MR_NODISCARD mr_code mr_arrow_field_init(mr_arrow_field *field, const struct ArrowSchema *schema,
                                         mr_arena *arena, mr_error *err);
void mr_arrow_field_done(mr_arrow_field *field);

/* Points the field and all below at `array` (borrowed), which must have the shape that its schema
 * promised. Offsets and values are not looked at yet. */
MR_NODISCARD mr_code mr_arrow_field_view(mr_arrow_field *field, const struct ArrowArray *array,
                                         mr_error *err);

/* "int8", "decimal", ... for messages. */
const char *mr_arrow_kind_name(mr_arrow_kind kind);

/* Has row `row`, counted from the array's offset, a value? */
MR_INLINE bool mr_arrow_field_has(const mr_arrow_field *field, int64_t row)
{
    const int64_t at = field->offset + row;
    return field->kind != MR_KIND_NULL &&
           (field->validity == NULL || (field->validity[at / 8] >> at % 8 & 1) != 0);
}

/* Start and end of a row of VAR, VAR64, LIST and LIST64; to be compared with each other, for they
 * are somebody's. */
MR_INLINE int64_t mr_arrow_field_offset(const mr_arrow_field *field, int64_t row)
{
    return field->kind == MR_KIND_VAR || field->kind == MR_KIND_LIST
               ? ((const int32_t *)field->values)[field->offset + row]
               : ((const int64_t *)field->values)[field->offset + row];
}

#endif
