/* SPDX-License-Identifier: MIT
 *
 * core/option.h - one table of options feeds the parser, the checks, the help and the documents.
 *
 *     static const mr_option csv_options[] = {
 *         {.name = "batch_rows", .type = MR_OPTION_U32, .offset = offsetof(csv_source, batch_rows),
 *          .fallback = "4096", .range = {1, 1 << 20}, .help = "rows handed downstream at a time"},
 *         {0},
 *     };
 *
 *     mr_options_init(&options, "csv source", csv_options, &source, arena, err)     all fallbacks
 * are in mr_options_set(&options, MR_SLICE("batch-rows"), MR_SLICE("100"), from, err)  one is set
 * from text
 *
 * Names are written with underscores and are matched with '-' and '_' as the same byte. A name may
 * be a dotted path ("performance.batch_size"); messages then speak of a key in a section. Each
 * value remembers who set it (mr_option_origin), and a weaker origin never replaces a stronger one,
 * so a file may be read before or after the flags. A failed call changes nothing.
 *
 * Texts, lists and maps are copied into the arena given to mr_options_init() and live as long as it
 * does.
 *
 * Thread: tables are constant; an mr_options belongs to one thread. */
#ifndef MR_CORE_OPTION_H
#define MR_CORE_OPTION_H

#include "core/arena.h"

#define MR_OPTION_MAX_ITEMS    65536 /* in one list or map */
#define MR_OPTION_PARSED_BYTES 32    /* the largest field of an MR_OPTION_PARSED */

typedef enum mr_option_type {
    MR_OPTION_BOOL = 1,    /* bool: true, false, yes, no, on, off, 1, 0 */
    MR_OPTION_I64,         /* int64_t */
    MR_OPTION_U32,         /* uint32_t */
    MR_OPTION_U64,         /* uint64_t */
    MR_OPTION_F64,         /* double, finite */
    MR_OPTION_TEXT,        /* const char *, NUL-terminated; NULL without fallback */
    MR_OPTION_CHAR,        /* char: one byte, \t \n \r \\ \0 or \xHH; or one of `choices` */
    MR_OPTION_DURATION_NS, /* int64_t: 10s, 1m30s, or a whole number of nanoseconds */
    MR_OPTION_SIZE_BYTES,  /* uint64_t: 64MiB, or a whole number of bytes */
    MR_OPTION_ENUM,        /* int: a `value` of `choices` */
    MR_OPTION_LIST,        /* mr_option_list: a,b,c where \, is a comma inside an item */
    MR_OPTION_MAP,         /* mr_option_map: k=v,k=v */
    MR_OPTION_PARSED,      /* `size` bytes filled by `parse` */
} mr_option_type;

enum {                              /* mr_option.flags */
       MR_OPTION_SECRET = 1 << 0,   /* the value is never shown: errors, check, logs */
       MR_OPTION_REQUIRED = 1 << 1, /* mr_options_require() wants it */
       MR_OPTION_IGNORED = 1 << 2,  /* accepted for compatibility, has no effect; `note` says why */
       MR_OPTION_REFUSED = 1 << 3,  /* only its fallback is accepted; `note` says why */
       MR_OPTION_DEPRECATED = 1 << 4, /* works; `note` says what to write instead */
       MR_OPTION_REMOTE = 1 << 5,     /* has an effect only where something is on another machine */
       MR_OPTION_PACE = 1 << 6, /* says when and how long, not what: another value gives the same
                                 * output, and a run may go on with it */
};

/* Ends with a zeroed entry. Two names with one value are aliases; the first one is shown. */
typedef struct mr_option_choice {
    const char *name;
    int value;
} mr_option_choice;

typedef struct mr_option_range {
    int64_t min, max; /* both included; {0, 0} = no range. Durations in ns, sizes in bytes */
} mr_option_range;

typedef struct mr_option_list {
    const char **items;
    uint32_t count, room;
} mr_option_list;

typedef struct mr_option_pair {
    const char *key, *value;
} mr_option_pair;

typedef struct mr_option_map {
    mr_option_pair *items; /* in the order given, keys distinct */
    uint32_t count, room;
} mr_option_map;

typedef struct mr_option {
    const char *name;
    const char *aliases; /* other full names, separated by spaces; may be NULL */
    mr_option_type type;
    unsigned flags;
    size_t offset;                   /* of the field in the caller's struct */
    const char *fallback;            /* as a user would write it; NULL leaves the field as it is */
    mr_option_range range;           /* of numbers, durations, sizes */
    const mr_option_choice *choices; /* of ENUM, optional for CHAR */
    size_t size;                     /* of a PARSED field, at most MR_OPTION_PARSED_BYTES */
    mr_code (*parse)(mr_slice text, void *field, mr_error *err); /* PARSED; says "expected ..." */
    const char
        *syntax; /* of a PARSED value: "N or P%"; otherwise overrides what the type would say */
    const char *help; /* one line, lower case, no full stop */
    const char *note; /* for IGNORED, REFUSED, DEPRECATED */
} mr_option;

typedef enum mr_option_origin {
    MR_ORIGIN_DEFAULT = 0,
    MR_ORIGIN_FILE,   /* a pipeline file */
    MR_ORIGIN_SYSTEM, /* --system-flags */
    MR_ORIGIN_FLAG,   /* the command line */
} mr_option_origin;

/* Who gives a value. `where` ("pipeline.yaml:12:5", "--batch-size") starts the text of errors; may
 * be NULL; borrowed as long as the mr_options lives. */
typedef struct mr_option_from {
    mr_option_origin origin;
    const char *where;
} mr_option_from;

typedef struct mr_option_state {
    const char
        *text; /* as given or the fallback; NULL = never set. Lists and maps: the last part */
    const char *where;
    mr_option_origin origin;
} mr_option_state;

typedef struct mr_options {
    const mr_option *table;
    const char *name; /* in messages: "csv source" */
    void *values;
    mr_arena *arena;
    mr_option_state *states; /* one per entry of the table */
    uint32_t count;
} mr_options;

/* Binds `table` to the struct `values` and sets every fallback. All pointers are borrowed while in
 * use. */
MR_NODISCARD mr_code mr_options_init(mr_options *options, const char *name, const mr_option *table,
                                     void *values, mr_arena *arena, mr_error *err);

/* Sets one option from text. MR_ERR_USAGE names the key, the value and what is allowed, or for an
 * unknown key the nearest known one. Given twice by files with different values is an error; a
 * flag's last value wins; the parts of lists and maps add up within one origin. */
MR_NODISCARD mr_code mr_options_set(mr_options *options, mr_slice name, mr_slice value,
                                    mr_option_from from, mr_error *err);

/* Adds one item to a list, commas and all; one pair to a map. */
MR_NODISCARD mr_code mr_options_append(mr_options *options, mr_slice name, mr_slice item,
                                       mr_option_from from, mr_error *err);
MR_NODISCARD mr_code mr_options_put(mr_options *options, mr_slice name, mr_slice key,
                                    mr_slice value, mr_option_from from, mr_error *err);

/* MR_ERR_USAGE naming the first REQUIRED option that nobody set. */
MR_NODISCARD mr_code mr_options_require(const mr_options *options, mr_error *err);

/* How an option stands; `name` must be known. */
const mr_option_state *mr_options_state(const mr_options *options, const char *name);
/* True if a file or a flag set it. */
bool mr_options_given(const mr_options *options, const char *name);

/* The entry with that name or alias, or NULL. */
const mr_option *mr_option_find(const mr_option *table, mr_slice name);
/* True if some option's name or alias starts with `name` and a dot. */
bool mr_option_is_section(const mr_option *table, mr_slice name);
/* Fills `err` for a name that is not in the table, with the nearest one that is. */
mr_code mr_option_unknown(const mr_option *table, const char *table_name, mr_slice name,
                          mr_error *err);

/* Writes what a value must look like ("a whole number from 1 to 100") into `out`; cut if too long.
 */
void mr_option_expects(const mr_option *option, char *out, size_t size);

/* Visits the names of the space-separated `aliases`: *rest starts as the aliases and moves on;
 * false at the end. */
bool mr_option_next_alias(const char **rest, mr_slice *out);

#endif
