/* SPDX-License-Identifier: MIT
 *
 * format/json_internal.h - what the parts of the JSON reader and writer share.
 *
 *     json_reader.c    the text around the records, rejects, errors; calls per value
 *     json_kernel.h    one value: grammar, keys, cells as slices of the input (three twins)
 *     json_text.c      the rarer work on texts: escapes, compacting, replacing
 *     json_flatten.c   nested objects to columns
 *     json_record.c    the fields of a good record to the batch; explode
 *     json_keys.c      which column a key is
 *     json_writer.c, json_pretty.c    batches to text
 *
 * Thread: as format/json.h. */
#ifndef MR_FORMAT_JSON_INTERNAL_H
#define MR_FORMAT_JSON_INTERNAL_H

#include "format/json.h"
#include "format/json_keys.h"

/* Why a value cannot be read. */
typedef enum mr_json_fault {
    MR_JSON_FINE = 0,
    MR_JSON_ENDS, /* the bytes end inside the value: not wrong, as long as more may come */
    MR_JSON_LINE_ENDS,
    MR_JSON_WANTS_VALUE,
    MR_JSON_WANTS_KEY,
    MR_JSON_WANTS_KEY_OR_END,
    MR_JSON_WANTS_COLON,
    MR_JSON_WANTS_COMMA_IN_OBJECT,
    MR_JSON_WANTS_COMMA_IN_ARRAY,
    MR_JSON_WANTS_DIGIT,
    MR_JSON_LEADING_ZERO,
    MR_JSON_WANTS_SPACE, /* between values of a stream */
    MR_JSON_BAD_LITERAL,
    MR_JSON_CONTROL_CHARACTER,
    MR_JSON_BAD_ESCAPE,
    MR_JSON_BAD_HEX,
    MR_JSON_TOO_DEEP,
    MR_JSON_FAILED, /* reader->failure holds the error */
} mr_json_fault;

/* One value found in a record. `ptr` has 16 readable bytes behind its text. */
typedef struct mr_json_slot {
    const char *ptr;
    uint32_t len;
    uint32_t serial;      /* of the record that last had the field */
    uint8_t type;         /* mr_type */
    bool in_scratch;      /* ptr is into the reader's scratch, and moves with it */
    uint32_t next_suffix; /* flatten: where to look for a free name_N */
} mr_json_slot;

/* The fields of one record: a slot per key, by number. */
typedef struct mr_json_fields {
    mr_json_keys keys;
    mr_json_slot *slots;
    uint32_t *order; /* numbers of the fields that the record has, as they came */
    uint32_t slot_cap;
    uint32_t count; /* in order */
} mr_json_fields;

/* A record that can be read to its end and yet is none. The first such finding counts. */
typedef struct mr_json_flaw {
    bool found;
    mr_reason reason;
    const char *at; /* in the input; NULL = not known */
    uint32_t key;   /* of reader->parsed; MR_JSON_NO_KEY = the record as a whole */
} mr_json_flaw;

/* What the names of a batch's columns may take, far below the memory that it has for them. */
#define MR_JSON_MAX_KEY_BYTES   65536u
#define MR_JSON_MAX_NAMES_BYTES ((size_t)16 << 20)

typedef struct mr_json_scan {
    const char *at;      /* in: first byte of the value; out: behind it, or where the fault is */
    const char *end;     /* of the bytes; MR_TEXT_PADDING more may be read */
    uint32_t line_count; /* LF bytes met */
    bool one_line;       /* an LF ends the value */
} mr_json_scan;

/* Each is written once, in json_kernel.h, and compiled as three twins. */
typedef struct mr_json_kernels {
    /* The object at scan->at into reader->parsed. */
    mr_json_fault (*object)(struct mr_json_reader *reader, mr_json_scan *scan);
    /* Any value at scan->at into `slot`. */
    mr_json_fault (*value)(struct mr_json_reader *reader, mr_json_scan *scan, mr_json_slot *slot);
    /* What a column's text holds: MR_JSON_TEXT_*. 64 bytes behind it may be read. */
    unsigned (*look)(const char *text, size_t len);
    /* Bytes before the first one that must be escaped; `len` when there is none. */
    size_t (*plain_run)(const char *text, size_t len);
} mr_json_kernels;

enum {
    MR_JSON_TEXT_ESCAPES = 1u << 0, /* quotes, backslashes or control characters */
    MR_JSON_TEXT_HIGH = 1u << 1,    /* bytes of 0x80 and up */
};

extern const mr_json_kernels mr_json_kernels_scalar, mr_json_kernels_base, mr_json_kernels_avx2;

/* The fastest twins this machine has, or those that MILLRACE_SIMD asks for. */
const mr_json_kernels *mr_json_kernels_choose(void);

struct mr_json_reader {
    const mr_json_kernels *kernels;
    mr_json_options options;
    mr_json_fields parsed; /* the record's own keys; columns too, unless flattening */
    mr_json_fields flat;   /* columns, when flattening */
    mr_json_fields *cells; /* whichever of the two holds columns */
    uint32_t serial;       /* of the record being read */
    uint32_t known;        /* keys of `cells` that are columns of the batch */
    mr_json_slot spare;    /* takes values that do not count */
    mr_json_flaw flaw;
    uint32_t duplicates; /* of the record being read */
    uint32_t replaced;
    bool too_many_fields; /* the record needs more columns than there may be in a batch */
    bool nested_objects;  /* some field is an object that might be flattened */
    uint64_t replaced_total;
    uint64_t *nest;      /* a bit per open container: 1 = object */
    mr_buffer scratch;   /* unescaped and compacted text of the record */
    mr_buffer mended;    /* a record's text with its invalid bytes replaced */
    mr_buffer name;      /* an unescaped key, or element of explode */
    mr_json_keys seen;   /* flatten: keys of one object */
    mr_buffer members;   /* flatten: of mr_json_member, a stack */
    mr_buffer flat_text; /* flatten: unescaped text */
    char *owned_text;    /* wrap_scalars and explode */
    mr_error failure;
    mr_json_place place; /* of the last fault */
    mr_json_place begin; /* of the value it was in; line 0 = none */
    char fault_text[192];
};

/* --- json_text.c --- */

/* Checks the escape whose backslash is at scan->at and moves behind it, or to its fault. */
mr_json_fault mr_json_escape(mr_json_scan *scan);

/* Unescapes what stands between quotes, whose escapes are right, into reader->scratch and points
 * `slot` at it (type STRING or BYTES). Finds lone surrogates. */
mr_code mr_json_unescape(struct mr_json_reader *reader, mr_slice raw, mr_json_slot *slot);

/* The same for a key, into reader->name. */
mr_code mr_json_unescape_key(struct mr_json_reader *reader, mr_slice raw);

/* Points `slot` at the compact form of `raw`, a container without faults. */
mr_code mr_json_compact(struct mr_json_reader *reader, mr_slice raw, mr_json_slot *slot);

/* Appends `text` with U+FFFD for each maximal invalid part; says how many. */
mr_code mr_json_append_mended(mr_buffer *out, mr_slice text, uint64_t *replaced, mr_error *err);

/* Unescapes a string body without faults or lone surrogates that must not be kept to `to`, which
 * has room for raw.len bytes; returns the length. Sets *lone when there was a lone surrogate. */
size_t mr_json_unescape_to(char *to, mr_slice raw, bool *lone);

/* The end of the compact, valid value at `at`. */
const char *mr_json_skip(const char *at);

/* Is `text` one whole JSON number? */
bool mr_json_is_number(mr_slice text);

/* Reads the number at scan->at, however long, and moves behind it. */
mr_json_fault mr_json_number(mr_json_scan *scan, mr_type *out);

/* --- json_record.c --- */

mr_code mr_json_fields_open(mr_json_fields *fields, mr_error *err);
void mr_json_fields_done(mr_json_fields *fields);

/* The slot of the record's field `name`, new or known; follows the rule for duplicates (then it may
 * be the spare slot, or a slot filled already). NULL = reader->failure. `*out_number` is its key or
 * MR_JSON_NO_KEY. */
mr_json_slot *mr_json_field(struct mr_json_reader *reader, mr_slice name, const char *at,
                            uint32_t *out_number);
/* The slot of a key whose slot was filled by this record already. */
mr_json_slot *mr_json_field_again(struct mr_json_reader *reader, uint32_t number, const char *at);

/* May `fields` get one more column called `name`? */
bool mr_json_name_fits(const struct mr_json_reader *reader, const mr_json_fields *fields,
                       mr_slice name);

/* Adds a key with its slot. */
mr_code mr_json_fields_add(mr_json_fields *fields, mr_slice name, uint32_t *out, mr_error *err);

/* Forgets what the last record left and begins a new one. */
void mr_json_begin_record(struct mr_json_reader *reader);

/* Makes the reader's columns those of the batch. */
mr_code mr_json_sync(struct mr_json_reader *reader, const mr_batch *batch, mr_error *err);

/* Where a record is, for the batch. */
typedef struct mr_json_row {
    uint32_t offset, length, line, record;
} mr_json_row;

/* Appends the record in reader->cells, or with explode as many of its rows (from *element on) as
 * fit. *out_done is false when the batch must be emptied first. */
mr_code mr_json_commit(struct mr_json_reader *reader, mr_batch *batch, mr_json_row row,
                       uint32_t *element, bool *out_done, mr_error *err);

/* --- json_flatten.c --- */

/* Fills reader->flat from reader->parsed. */
mr_code mr_json_flatten_record(struct mr_json_reader *reader, mr_error *err);

/* --- json_pretty.c --- */

/* Appends the compact value `text` over several lines; `indent` spaces a level, `level` levels in.
 */
mr_code mr_json_pretty(mr_buffer *out, mr_slice text, uint32_t indent, uint32_t level,
                       mr_error *err);

#endif
