/* SPDX-License-Identifier: MIT
 *
 * millrace/plugin.h - connectors from shared objects: all that a plug-in needs of Millrace.
 *
 * A plug-in is a shared object with one function, millrace_plugin(), which returns a table: its
 * name and the sources and destinations that it brings. It is loaded with --plugin FILE, with the
 * key `plugins:` of a pipeline file, or from the directory that the variable MILLRACE_PLUGINS
 * names; then its connectors are used like all others:
 *
 *     millrace copy --plugin ./dice.so 'dice:?sides=6&rows=100' rolls.csv
 *
 * A plug-in links nothing of Millrace and includes nothing but this file. docs/plugins.md leads
 * from an empty file to a loaded plug-in; examples/plugin/ holds two that are built by the tests.
 *
 * Records pass as batches: structs of the Arrow C Data Interface, a struct array whose children are
 * the columns. Any Arrow library can make and read them, and so can plain C.
 *
 * --- What stays the same ------------------------------------------------------------------------
 *
 * Tables begin with their own size. A later Millrace may know more fields than your header: they
 * lie behind yours, your smaller size says that they are not there, and it does without. An older
 * one ignores what lies behind the fields it knows. Fields never move and never change their
 * meaning; if that cannot be helped, MILLRACE_ABI is raised, and a plug-in of another ABI is
 * refused with a sentence that names both.
 *
 * So: set `size` to sizeof, zero what you do not use, and treat structs from the host the same way:
 * a field is there if it lies within `size`.
 *
 * --- Threads ------------------------------------------------------------------------------------
 *
 * All functions of one opened connector are called one after the other, never two at a time, but
 * not always by the same thread. Two connectors that are open at once (a source and a destination
 * of the same plug-in, say) are called by different threads. Batches that you hand out may be
 * released on any thread; you may release batches that you got on any thread.
 *
 * --- Errors -------------------------------------------------------------------------------------
 *
 * A function that can fail returns a MILLRACE_ERR_ code and writes one line for a person into
 * error->text: what failed, with the value and the remedy, in lower case, no full stop. The host
 * puts the connector's name before it. Do not print, do not exit, do not install signal handlers.
 */
#ifndef MILLRACE_PLUGIN_H
#define MILLRACE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MILLRACE_ABI 1

/* ================================================================================================
 * The Arrow C Data Interface, as its specification prints it
 * (https://arrow.apache.org/docs/format/CDataInterface.html). Guarded so that an Arrow library's
 * own header may be included too.
 */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

/* ================================================================================================
 * Codes. What the host does: it ends the run and prints the text; IO and CLOSED are the ones for
 * which trying again may help. A code that the host does not know counts as IO.
 */
enum {
    MILLRACE_OK = 0,
    MILLRACE_ERR_NOMEM = 1,    /* the machine is out of memory */
    MILLRACE_ERR_LIMIT = 2,    /* a limit of yours was reached; the text names the option */
    MILLRACE_ERR_IO = 3,       /* the world failed */
    MILLRACE_ERR_INPUT = 4,    /* the data is wrong */
    MILLRACE_ERR_USAGE = 5,    /* the options are wrong; exit code 2 */
    MILLRACE_ERR_CONFLICT = 6, /* somebody else got there first */
    MILLRACE_ERR_CLOSED = 7    /* interrupted: host->cancelled() said so */
};

#define MILLRACE_ERROR_TEXT 512

typedef struct millrace_error {
    uint32_t size;                  /* set by the host */
    char text[MILLRACE_ERROR_TEXT]; /* one line, NUL-terminated; empty when you are called */
} millrace_error;

/* ================================================================================================
 * Options. The host parses them, checks them, and shows them in `millrace list NAME`, in errors and
 * in near matches for mistyped names. The table is yours and constant.
 */
enum {
    MILLRACE_BOOL = 1,     /* value->integer: 0 or 1 */
    MILLRACE_INT = 2,      /* value->integer */
    MILLRACE_FLOAT = 3,    /* value->real, finite */
    MILLRACE_TEXT = 4,     /* value->text; NULL without a fallback */
    MILLRACE_DURATION = 5, /* 10s, 1m30s: value->integer in nanoseconds */
    MILLRACE_SIZE = 6,     /* 64MiB: value->integer in bytes */
    MILLRACE_CHOICE = 7,   /* one of `choices`: value->text is that, value->integer its number */
    MILLRACE_LIST = 8      /* a,b,c: value->items[0 .. value->count) */
};

enum {
    MILLRACE_REQUIRED = 1, /* there must be one */
    MILLRACE_SECRET = 2    /* never shown; NAME_file reads it from a file */
};

typedef struct millrace_option {
    const char *name;           /* lower case letters, digits and _ */
    uint32_t type;              /* MILLRACE_BOOL ... */
    uint32_t flags;             /* MILLRACE_REQUIRED, ... */
    const char *fallback;       /* as a user would write it. NULL = none: for TEXT, LIST, and what
                                   is REQUIRED */
    int64_t min, max;           /* of INT, DURATION (ns), SIZE (bytes); both 0 = any */
    const char *const *choices; /* ends with NULL */
    const char *help;           /* one line, lower case, no full stop */
} millrace_option;

typedef struct millrace_value {
    uint32_t size;
    uint32_t count; /* of items */
    int64_t integer;
    double real;
    const char *text;
    const char *const *items;
} millrace_value;

/* ================================================================================================
 * What the host tells a connector, and does for it. Everything lives until close().
 */
typedef struct millrace_host {
    uint32_t size;
    void *context; /* the first argument of what follows */
    /* One line for the user, while the run goes on. On the thread of the call you are in. */
    void (*warn)(void *context, const char *text);
    /* 1 when the run is to end: return MILLRACE_ERR_CLOSED soon. Any thread. Look at least every
     * 100 ms while you wait for something. */
    int (*cancelled)(void *context);
    /* Destinations, inside write(): row number `row` of the batch cannot be taken. It goes to the
     * quarantine file and the run goes on; do not count it as written. `reason` is one of
     * type_mismatch, inexact, invalid_utf8, record_too_large, constraint, destination_refused
     * (others count as the last one); `column` may be NULL; `text` is one line. Each row once, and
     * before the batch is released. */
    void (*refuse)(void *context, int64_t row, const char *reason, const char *column,
                   const char *text);
} millrace_host;

typedef struct millrace_config {
    uint32_t size;
    uint32_t flags;   /* MILLRACE_STREAMING, ... */
    const char *path; /* what stands between NAME: and ?; "" when nothing does; "-" is a convention
                         for standard input and output */
    const millrace_value *const *values; /* one for each option, in the order of your table */
    uint32_t value_count;
    uint32_t max_rows; /* a batch should not have more rows; larger ones are cut by the host */
    const millrace_host *host;
} millrace_config;

enum {
    MILLRACE_STREAMING = 1, /* hand over what is there rather than wait for a full batch */
    MILLRACE_LOSSY = 2      /* destinations may change what they cannot hold exactly */
};

/* ================================================================================================
 * Counters, for /metrics and the summary: monotonic, in any unit that the name says. Names are
 * lower case letters, digits and _; they must not change while the connector is open.
 */
typedef struct millrace_counter {
    const char *name;
    uint64_t value;
} millrace_counter;

#define MILLRACE_MAX_COUNTERS 16

/* A source's position is bytes of your own making, at most this many. The host keeps them in its
 * journal and gives them back; it never looks inside. Put a version into yours. */
#define MILLRACE_MAX_POSITION 65000

/* What a destination is given to store beside its data: a checkpoint of the host's, with positions
 * of both ends, counts and settings. At most this many bytes. */
#define MILLRACE_MAX_STORED 1048576

/* ================================================================================================
 * Sources
 *
 *     validate -> open -> [seek] -> schema -> read, read, ..., read (no batch: the end) -> close
 *                                      |________ position, health, counters, progress
 */
enum {
    MILLRACE_SOURCE_REWINDS = 1, /* seek() with length 0 goes back to the first record */
    MILLRACE_SOURCE_STREAMS = 2, /* may run on for ever */
    MILLRACE_SOURCE_NO_PATH = 4, /* needs no path */
    MILLRACE_SOURCE_EXPERIMENTAL = 8
};

typedef struct millrace_source {
    uint32_t size;
    uint32_t capabilities; /* MILLRACE_SOURCE_... */
    const char *name;      /* lower case letters, digits and _; as users write it before ':' */
    const char *summary;   /* one line for `millrace list` */
    const millrace_option *options;
    uint32_t option_count;
    uint32_t option_size; /* sizeof(millrace_option) */

    /* Checks what can be checked without opening anything; `millrace check` calls it. May be NULL.
     */
    int (*validate)(const millrace_config *config, millrace_error *error);

    /* Makes a source ready to say its schema. *state is yours; it is NULL before. If open fails and
     * has set *state, close is called; else it is not. */
    int (*open)(const millrace_config *config, void **state, millrace_error *error);

    /* The columns: a struct ("+s") with a child each. *out is zeroed; what you fill in is released
     * by the host. Called once, before the first read. */
    int (*schema)(void *state, struct ArrowSchema *out, millrace_error *error);

    /* The next batch, a struct array of that schema; *out is zeroed, and left like that it says
     * that there is no more. An array of length 0 says "nothing yet": wait for up to 100 ms, return
     * it, and you are asked again. The host releases arrays when it has taken what is in them, on
     * any thread, perhaps after later reads, always before close. */
    int (*read)(void *state, struct ArrowArray *out, millrace_error *error);

    void (*close)(void *state);

    /* --- from here on all may be NULL ----------------------------------------------------------
     */

    /* Where the source stands: seek() to it reads on behind the last batch that was read. Writes at
     * most `room` bytes and sets *length. */
    int (*position)(void *state, void *out, size_t room, size_t *length, millrace_error *error);
    /* Before the first read: go on from a position of an earlier run. Fail with MILLRACE_ERR_INPUT
     * when what was read then is not what would be read now; the run ends and nothing was touched.
     * With both of these, runs of this source make checkpoints and are resumed. */
    int (*seek)(void *state, const void *position, size_t length, millrace_error *error);
    /* Is the other end there? Called after open, and by `millrace check --connect`. */
    int (*health)(void *state, millrace_error *error);
    /* Fills counters[0 .. room) and returns how many there are. */
    uint32_t (*counters)(void *state, millrace_counter *counters, uint32_t room);
    /* How much has been read and how much there is, in bytes or rows; total 0 = not known. */
    void (*progress)(void *state, uint64_t *done, uint64_t *total);
} millrace_source;

/* ================================================================================================
 * Destinations
 *
 *     validate -> open -> start -> write, [flush], write, ... -> commit -> close
 *                           |                                 `-> abort  -> close
 *                           `- again when the schema changes
 */
enum {
    MILLRACE_DESTINATION_TRANSACTION = 1,     /* nothing is visible before commit */
    MILLRACE_DESTINATION_UPSERT = 2,          /* merges by key */
    MILLRACE_DESTINATION_STREAMS = 4,         /* makes what was written visible with flush */
    MILLRACE_DESTINATION_NO_PATH = 8,         /* needs no path */
    MILLRACE_DESTINATION_SCHEMA_CHANGES = 16, /* start may be called again between writes */
    MILLRACE_DESTINATION_EXPERIMENTAL = 32
};

typedef struct millrace_destination {
    uint32_t size;
    uint32_t capabilities; /* MILLRACE_DESTINATION_... */
    const char *name;
    const char *summary;
    const char *guarantee; /* what users can rely on, one line, for `millrace list` and `check` */
    const millrace_option *options;
    uint32_t option_count;
    uint32_t option_size;

    int (*validate)(const millrace_config *config, millrace_error *error); /* may be NULL */

    /* Checks all that can be checked and touches no target yet. As for sources. */
    int (*open)(const millrace_config *config, void **state, millrace_error *error);

    /* The columns, before the first write: a struct with a child each. `schema` is the host's.
     * The types are those of docs/plugins.md: null, bool, int64, decimal128(38,S), float64, date32,
     * time, timestamp, uuid, utf8 and binary. The scale of decimals and the unit of times come from
     * the first batch. A later value that does not fit makes its record a reject, or, with
     * MILLRACE_DESTINATION_SCHEMA_CHANGES, start is called again with a wider schema. */
    int (*start)(void *state, const struct ArrowSchema *schema, millrace_error *error);

    /* A batch of these columns, yours from here on, also on failure: release it, now or later, on
     * any thread, at the latest in close. Do not change what is in it. While you hold on to more
     * than 200 batches, no further one can be made. */
    int (*write)(void *state, struct ArrowArray *batch, millrace_error *error);

    /* All has been written: publish it, durably. The run is over, so there is no position any more
     * (length is 0 and `position` NULL): one that flush() stored goes in the same step. */
    int (*commit)(void *state, const void *position, size_t length, millrace_error *error);

    void (*close)(void *state);

    /* --- from here on all may be NULL ----------------------------------------------------------
     */

    /* The run has failed or was interrupted: leave the target as it was. Called instead of commit.
     */
    void (*abort)(void *state);
    /* Makes what was written so far durable and visible. If you have position(), `position` is
     * stored in the same step: after a crash both are there or neither is. Length 0 = there is none
     * any more. May come before start. */
    int (*flush)(void *state, const void *position, size_t length, millrace_error *error);
    /* After open: the position that the last flush of any run stored in this target, and everything
     * that was written behind it is gone; length 0 when there is none. With flush and position,
     * runs into this destination make checkpoints and each record arrives exactly once. */
    int (*position)(void *state, void *out, size_t room, size_t *length, millrace_error *error);
    int (*health)(void *state, millrace_error *error);
    uint32_t (*counters)(void *state, millrace_counter *counters, uint32_t room);
} millrace_destination;

/* ================================================================================================
 * The plug-in itself
 */
typedef struct millrace_plugin_info {
    uint32_t size;
    uint32_t abi;        /* MILLRACE_ABI */
    const char *name;    /* of the plug-in */
    const char *version; /* of the plug-in, for people */
    uint32_t source_count;
    uint32_t destination_count;
    const millrace_source *const *sources;
    const millrace_destination *const *destinations;
} millrace_plugin_info;

#if defined(__GNUC__) || defined(__clang__)
#define MILLRACE_EXPORT __attribute__((visibility("default")))
#else
#define MILLRACE_EXPORT
#endif

/* The one function that a plug-in exports. `host_abi` is the host's MILLRACE_ABI, for plug-ins that
 * know several. The table is constant and lives as long as the process. NULL = this plug-in cannot
 * work with that host. */
MILLRACE_EXPORT const millrace_plugin_info *millrace_plugin(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

#endif
