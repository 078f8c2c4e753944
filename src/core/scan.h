/* SPDX-License-Identifier: MIT
 *
 * core/scan.h - reads JSON (RFC 8259) where it lies: strict, one pass, no recursion, no memory.
 *
 *     [ "stream.write" , "account-1" , {"type":"Opened", "data":{...}} ]
 *       '- value 1 -'    '- value 2    '- value 3, with MR_SCAN_SPACED -'
 *
 * A scan pulls values one after the other; a value is a slice of the text, already checked however
 * deep it is, with marks that say what would have to be done to decode or keep it. Most of the time
 * there are none, and the slice itself is the result.
 *
 * What is accepted although it is not Unicode: bytes that are not UTF-8 inside strings, and escapes
 * of half a surrogate pair. Both are marked, and become U+FFFD when decoded or kept.
 *
 *     mr_scan scan;
 *     mr_scan_init(&scan, text);
 *     if (mr_scan_enter(&scan, MR_SCAN_ARRAY))
 *         while (mr_scan_element(&scan) && mr_scan_next(&scan, &value))
 *             ...
 *     if (!mr_scan_finish(&scan)) return mr_scan_fail(&scan, err);
 *
 * Thread: values, no sharing. */
#ifndef MR_CORE_SCAN_H
#define MR_CORE_SCAN_H

#include "core/arena.h"

#define MR_SCAN_DEPTH_MAX 1000 /* arrays and objects inside each other */

typedef enum mr_scan_kind {
    MR_SCAN_NONE = 0, /* no value: absent, or the text is at fault */
    MR_SCAN_NULL,
    MR_SCAN_FALSE,
    MR_SCAN_TRUE,
    MR_SCAN_NUMBER,
    MR_SCAN_STRING,
    MR_SCAN_ARRAY,
    MR_SCAN_OBJECT,
} mr_scan_kind;

enum {
    MR_SCAN_SPACED = 1,  /* white space outside strings */
    MR_SCAN_ESCAPED = 2, /* a backslash in a string */
    MR_SCAN_LONE = 4,    /* an escaped surrogate without its other half */
    MR_SCAN_BROKEN = 8,  /* bytes that are not UTF-8 */
};

typedef struct mr_scan_value {
    mr_slice raw; /* without white space around it; a string with its quotes */
    mr_scan_kind kind;
    uint32_t marks;
} mr_scan_value;

typedef struct mr_scan {
    const char *start, *at, *end;
    uint32_t depth;
    bool first; /* inside brackets, before the first element or member */
    bool utf8;  /* all of the text is */
    const char *fault;
    const char *fault_at;
} mr_scan;

/* --- Pulling ---------------------------------------------------------------------------------- */

/* `text` is borrowed as long as the scan and its values are used. */
MR_HOT void mr_scan_init(mr_scan *scan, mr_slice text);
/* The elements or members of a value that has been scanned, as if it had just been entered. */
MR_HOT void mr_scan_open(mr_scan *scan, const mr_scan_value *value);

/* The kind of the value that follows, by its first byte; MR_SCAN_NONE when none can. */
MR_NODISCARD MR_HOT mr_scan_kind mr_scan_peek(mr_scan *scan);
/* Reads the bracket that opens an array or object (`kind`). False with a fault. */
MR_NODISCARD MR_HOT bool mr_scan_enter(mr_scan *scan, mr_scan_kind kind);
/* In an array: true before an element, which must be read then; false after ']' or with a fault. */
MR_NODISCARD MR_HOT bool mr_scan_element(mr_scan *scan);
/* In an object: true with a key (a string), whose value must be read then; false after '}' or with
 * a fault. */
MR_NODISCARD MR_HOT bool mr_scan_member(mr_scan *scan, mr_scan_value *out_key);
/* Reads one value, whatever it is. False with a fault. */
MR_NODISCARD MR_HOT bool mr_scan_next(mr_scan *scan, mr_scan_value *out);
/* True when nothing but white space follows and there was no fault. */
MR_NODISCARD MR_HOT bool mr_scan_finish(mr_scan *scan);

/* "byte 12: expected ',' or ']', found 'x'": MR_ERR_INPUT. */
mr_code mr_scan_fail(const mr_scan *scan, mr_error *err);

/* --- Values ----------------------------------------------------------------------------------- */

/* Whether a string is `word`, which is ASCII and at most 64 bytes. */
MR_NODISCARD MR_HOT bool mr_scan_is(const mr_scan_value *string, const char *word);

/* What a string says: a slice of the text when it can be, else in `arena`. False when the arena is
 * full. */
MR_NODISCARD MR_HOT bool mr_scan_text(const mr_scan_value *string, mr_arena *arena, mr_slice *out);

/* The value as text to be kept: without white space outside strings, all of it UTF-8; escapes,
 * numbers and the order of members stay as they are. A slice of the text when it can be, else in
 * `arena`. False when the arena is full. */
MR_NODISCARD MR_HOT bool mr_scan_kept(const mr_scan_value *value, mr_arena *arena, mr_slice *out);
/* The same in two steps, for memory of another kind: the bytes that mr_scan_keep() may need, 0 when
 * the slice itself is kept; and the keeping, which begins at `room`. */
MR_NODISCARD MR_HOT size_t mr_scan_keep_bytes(const mr_scan_value *value);
MR_HOT mr_slice mr_scan_keep(const mr_scan_value *value, char *room);

/* An integer exactly; a number with a fraction or an exponent as a double cut toward zero. False
 * when it does not fit. */
MR_NODISCARD MR_HOT bool mr_scan_i64(const mr_scan_value *number, int64_t *out);

/* The values of an object's members called `keys`; MR_SCAN_NONE where there is none, the last one
 * where there are several. Keys as for mr_scan_is(). */
MR_HOT void mr_scan_members(const mr_scan_value *object, const char *const *keys, size_t count,
                            mr_scan_value *out);

/* What the member `key` of `object` says, if it is a string; the last one where there are several.
 * `object` is the text of an object that is known to be valid. `out` is a slice of it or of
 * `room`. False when there is none, or when it holds escapes and does not fit the room. */
MR_NODISCARD MR_HOT bool mr_scan_find_text(mr_slice object, const char *key, char *room,
                                           size_t room_bytes, mr_slice *out);

#endif
